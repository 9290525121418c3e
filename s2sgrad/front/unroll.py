"""Loops over containers, and comprehensions: their turns are parsed one after another."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Sequence
from typing import Any

from s2sgrad.errors import DifferentiationError
from s2sgrad.front.building import RAISED
from s2sgrad.front.elements import COUNTERS
from s2sgrad.front.keys import TakeTurns
from s2sgrad.front.scopes import with_own_names
from s2sgrad.front.updates import Updates
from s2sgrad.front.values import Known, Tup, Value, same
from s2sgrad.ir.graph import Lit, Range

_MOST_TURNS = 512  # of a loop over a range that is unrolled because it indexes a container


Source = tuple[Tup, bool]  # a container as it was, and whether it is run over backwards


class Unrolled(ast.stmt):
    """What is left of a loop over a container: its items are values."""

    def __init__(
        self, loop: ast.For, items: Sequence[Value], sources: Sequence[Source] = (), done: int = 0
    ) -> None:
        super().__init__()
        self.loop, self.items, self.sources, self.done = loop, items, sources, done
        ast.copy_location(self, loop)


class _Dynamic(Exception):
    """The items of a comprehension are not known while parsing."""


class Unrolling(Updates):
    """Loops whose items are known."""

    def __init__(self) -> None:
        super().__init__()
        self.sources: list[Source] = []  # containers that a loop is found to run over

    # -- `while`

    def stmt_While(self, s: ast.While) -> None:
        """A loop, or its turns one after another where their number is known while parsing."""
        before, done = self.state_now(), len(self.stmts)
        try:
            super().stmt_While(s)
        except (TakeTurns, DifferentiationError) as refused:
            after = self.state_now()
            self.put_back(before, done)
            try:
                self.turn_by_turn(s)
            except _Dynamic:
                self.put_back(after, done)
                raise refused from None

    def state_now(self) -> tuple[dict[str, Value], dict[Any, Any], dict[Any, None]]:
        return dict(self.env), dict(self.versions), dict(self.written)

    def put_back(self, state: Any, done: int) -> None:
        env, versions, written = state
        self.env.clear()
        self.env.update(env)
        self.versions, self.written = dict(versions), dict(written)
        del self.stmts[done:]

    def turn_by_turn(self, s: ast.While) -> None:
        stop: str | None = getattr(s, "stop", None)
        for _ in range(_MOST_TURNS):
            test = self.truth(self.expr(s.test), s.test)
            if not isinstance(test, Lit):
                raise _Dynamic
            if not test.value:
                return
            self.parse_block(s.body)
            left = Lit(self.has_raised()) if stop is None else self.env.get(stop)
            if not isinstance(left, Lit):
                raise _Dynamic
            if left.value:
                return
        raise _Dynamic

    def expr_ListComp(self, node: ast.ListComp) -> Value:
        return self.listed(with_own_names(node))

    def expr_GeneratorExp(self, node: ast.GeneratorExp) -> Value:
        return self.listed(with_own_names(node))

    def listed(self, node: ast.ListComp | ast.GeneratorExp) -> Value:
        """A list of known length where that is possible, else a loop that appends."""
        before, versions, written = dict(self.env), dict(self.versions), dict(self.written)
        try:
            with self.block() as stmts:
                items = self.comprehend(node.generators, lambda: self.expr(node.elt))
        except _Dynamic:
            self.env.clear()
            self.env.update(before)
            self.versions, self.written = versions, written
            return self.comprehension(node.elt, node.generators, node)
        self.stmts += stmts
        kind = "iterator" if isinstance(node, ast.GeneratorExp) else "list"
        return Tup(tuple(items), kind)

    def expr_SetComp(self, node: ast.SetComp) -> Value:
        """A set of constants is data."""
        node = with_own_names(node)
        try:
            keys = self.comprehend(
                node.generators, lambda: Lit(self.key(self.expr(node.elt), node.elt))
            )
        except _Dynamic as e:
            raise self.refuse(node, f"a set that is computed: {e}", "", "comprehension") from None
        made = dict.fromkeys(k.value for k in keys)  # type: ignore[union-attr]
        return Tup(tuple(map(self.key_value, made)), "set")

    def expr_DictComp(self, node: ast.DictComp) -> Value:
        node = with_own_names(node)

        def pair() -> Value:
            return Tup((Lit(self.key(self.expr(node.key), node.key)), self.expr(node.value)))

        try:
            pairs = self.comprehend(node.generators, pair)
        except _Dynamic as e:
            self.take_turns()
            raise self.refuse(
                node, f"a dict of which the keys are not known: {e}", "", "comprehension"
            ) from None
        made = {k.value: v for p in pairs for k, v in [p.items]}  # type: ignore[union-attr]
        return Tup(tuple(made.values()), "dict", tuple(made))

    def comprehend(
        self, generators: list[ast.comprehension], make: Callable[[], Value]
    ) -> list[Value]:
        """The items of a comprehension over containers; its names are its own."""
        first, rest = generators[0], generators[1:]
        self.sources = []
        items, sources = self.static_items(first.iter), list(self.sources)
        if items is None:
            items = self.constant_range(first.iter)
        if items is None:
            raise _Dynamic("the comprehension runs over something of unknown length")
        names = [n.id for n in ast.walk(first.target) if isinstance(n, ast.Name)]
        made: list[Value] = []
        for item in items:
            self.assign(first.target, item)
            if all(self.admits(test) for test in first.ifs):
                made += self.comprehend(rest, make) if rest else [make()]
            for source in sources:
                self.refuse_changed(source, -1, first.iter)
        for n in names:
            self.env.pop(n, None)
        return made

    def admits(self, test: ast.expr) -> bool:
        c = self.truth(self.expr(test), test)
        if not isinstance(c, Lit):
            raise _Dynamic("a filter is not known before the program runs")
        return bool(c.value)

    def assign(self, target: ast.expr, value: Value) -> None:
        raise NotImplementedError

    # -- loops

    def static_items(self, node: ast.expr) -> list[Value] | None:
        """The items of what a loop runs over, or None if they are not known."""
        if isinstance(node, ast.Call):
            with self.block():  # asked only: it is evaluated again where it counts
                fn = self.expr(node.func)
            obj = fn.obj if isinstance(fn, Known) else None
            if obj is range or obj in COUNTERS:
                return None
            if obj in (enumerate, zip, reversed) and node.args:
                return self.combined(obj, node)
        versions, written = dict(self.versions), dict(self.written)
        with self.block() as stmts:
            value = self.expr(node)
        if isinstance(value, Lit) and isinstance(value.value, str):
            return [Lit(c) for c in value.value]
        if not isinstance(value, Tup):
            self.versions, self.written = versions, written  # it is evaluated again
            return None
        self.stmts += stmts
        owner = value.view[0] if value.view is not None else value
        if isinstance(owner, Tup) and owner.cell is not None and owner.kind != "iterator":
            shown = self.content(owner.cell)
            if isinstance(shown, Tup):
                self.sources.append((shown, False))
        if value.kind == "dict":
            return list(map(self.key_value, value.keys))
        if value.kind == "object":
            raise self.refuse(node, f"a loop over a `{value.cls.__name__}`", "", "for")  # type: ignore[union-attr]
        return list(value.items)

    def combined(self, obj: Any, node: ast.Call) -> list[Value] | None:
        before = len(self.sources)
        parts = [self.static_items(a) for a in node.args[: 1 if obj is enumerate else None]]
        if obj is zip and any(p is not None for p in parts):
            parts = [
                self.constant_range(a) if p is None else p
                for p, a in zip(parts, node.args, strict=True)
            ]
        known = [p for p in parts if p is not None]
        if len(known) != len(parts):
            return None
        if obj is reversed:
            self.sources[before:] = [(c, not back) for c, back in self.sources[before:]]
            return known[0][::-1]
        if obj is zip:
            if len({len(p) for p in known}) > 1 and node.keywords:
                raise self.refuse(node, "`zip(strict=...)` of different lengths", "", "for")
            return [Tup(items) for items in zip(*known, strict=False)]
        start = 0
        extra = [*node.args[1:], *(k.value for k in node.keywords)]
        if extra:
            start = self.constant_index(extra[0], node)
        return [Tup((Lit(k), item)) for k, item in enumerate(known[0], start)]

    def constant_range(self, node: ast.expr) -> list[Value] | None:
        """`range` with constant bounds, beside a container."""
        if isinstance(node, ast.Call) and isinstance(f := self.expr(node.func), Known):
            bounds = [self.expr(a) for a in node.args]
            if f.obj is range and all(isinstance(b, Lit) for b in bounds):
                return [Lit(k) for k in range(*(b.value for b in bounds))]  # type: ignore[union-attr]
        return None

    def stmt_For(self, s: ast.For) -> None:
        if isinstance(s.iter, ast.Call) and any(isinstance(a, ast.Starred) for a in s.iter.args):
            over = self.unstarred(s.iter)
            s = copy.copy(s)  # the tree is the user's, and parsed again for other types
            s.iter = over
        self.sources = []
        items, sources = self.static_items(s.iter), list(self.sources)
        if items is None:
            items, sources = self.rolled(s), []
        if items is not None:
            self.stmt_Unrolled(Unrolled(s, items, sources))

    def refuse_changed(self, source: Source, k: int, at: ast.AST) -> None:
        """A loop sees what its body does to the rest of what it runs over: that is refused."""
        was, backwards = source
        assert was.cell is not None
        now = self.content(was.cell)
        if now is was:
            return
        ok = isinstance(now, Tup) and len(now.items) == len(was.items) and now.keys == was.keys
        if ok and isinstance(now, Tup):
            left = slice(0, max(len(was.items) - 1 - k, 0)) if backwards else slice(k + 1, None)
            ok = all(map(same, now.items[left], was.items[left]))
        if not ok:
            raise self.refuse(
                at,
                "the rest of what this loop runs over changes in the loop",
                "loop over a copy: list(...); or over the indices",
                "container",
            )

    def unstarred(self, node: ast.Call) -> ast.Call:
        """`zip(*rows)` with the rows under names of their own."""
        args: list[ast.expr] = []
        for a in node.args:
            items = self.items(self.expr(a.value), a) if isinstance(a, ast.Starred) else None
            if items is None:
                args.append(a)
                continue
            for item in items:
                name = f".star{len(self.env)}"
                self.env[name] = item
                args.append(ast.copy_location(ast.Name(name, ast.Load()), a))
        return ast.copy_location(ast.Call(node.func, args, node.keywords), node)

    def stmt_Unrolled(self, s: Unrolled) -> None:
        """The turns one after another; the rest in an `if` once one may have left the loop."""
        stop: str | None = getattr(s.loop, "stop", None)
        for k, item in enumerate(s.items):
            self.assign(s.loop.target, item)
            self.parse_block(s.loop.body)
            for source in s.sources:
                self.refuse_changed(source, s.done + k, s.loop.iter)
            left = Lit(self.has_raised()) if stop is None else self.env.get(stop)
            if isinstance(left, Lit):
                if left.value:
                    return
                continue
            at = s.loop
            test = ast.copy_location(ast.Name(stop or "", ast.Load()), at)
            rest: list[ast.stmt] = [Unrolled(at, s.items[k + 1 :], s.sources, s.done + k + 1)]
            then: list[ast.stmt] = [ast.copy_location(ast.Pass(), at)]
            self.parse_block([ast.copy_location(ast.If(test, then, rest), at)])
            return

    def rolled(self, s: ast.For) -> list[Value] | None:
        """Parse a loop that stays a loop; or the indices of its turns, if that cannot be done."""
        over, bind = self.iteration(s.iter)
        turns = _turns(s, over)
        before, done = dict(self.env), len(self.stmts)
        versions, written = dict(self.versions), dict(self.written)
        if turns:
            self.constant_loops.append(s)
        try:
            self.loop(s, over, lambda index: self.assign(s.target, bind(index)))
            return None
        except TakeTurns as e:
            if e.loop is not s:
                raise
            self.env.clear()
            self.env.update(before)
            self.versions, self.written = versions, written
            del self.stmts[done:]
            return list(turns)
        finally:
            if turns:
                self.constant_loops.pop()

    def has_raised(self) -> bool:
        """Does control surely not reach this point?"""
        return RAISED in self.env


def _turns(s: ast.For, over: Range) -> list[Value]:
    """The indices of a plain loop over a range with constant bounds, if they are not too many."""
    bounds = [a.value for a in (over.start, over.stop, over.step) if isinstance(a, Lit)]
    plain = isinstance(s.iter, ast.Call) and isinstance(s.target, ast.Name) and type(over) is Range
    if not plain or len(bounds) < 3 or not all(type(b) is int for b in bounds):
        return []
    turns = range(*bounds)
    return [Lit(k) for k in turns] if len(turns) <= _MOST_TURNS else []
