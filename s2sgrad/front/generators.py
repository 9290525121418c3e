"""Generators that a loop consumes: the body of the generator, in which `yield` is the loop's body.

The body is written into the function that consumes it, under names of its own (`.g1.i`).  What
leaves the loop leaves the generator: after a `yield` the loop's stop flag is a `return`.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Sequence
from typing import Any

from s2sgrad.errors import DifferentiationError
from s2sgrad.front.callables import Callables
from s2sgrad.front.inlined import Inside, Wrap, Yielded, is_range
from s2sgrad.front.keys import TakeTurns
from s2sgrad.front.resolve import is_generator
from s2sgrad.front.values import Bound, Closure, Generated, Known, Tup, Value
from s2sgrad.ir.graph import Lit

_serial = itertools.count(1)
_MOST_NESTED = 40  # generators in one another, while parsing
_CONSUMERS = {sum, list, tuple, max, min, any, all, sorted, dict, set}


class _NotKnown(Exception):
    """How often a generator yields is not known while parsing."""


class Generators(Callables):
    """Generators, and what consumes them."""

    def __init__(self) -> None:
        super().__init__()
        self.collecting: list[tuple[int, str]] = []  # how deep blocks are, a name
        self.unrolling: list[int] = []  # how many loops were around, where more are unrolled
        self.driving: list[object] = []

    # -- consumers

    def stmt_For(self, s: ast.For) -> None:
        source = self.generator(s.iter)
        if source is None:
            super().stmt_For(s)
            return
        made, wrap = source
        self.drive(made, s.target, s.body, getattr(s, "stop", None), s, wrap)

    def generator(self, node: ast.expr) -> tuple[Generated, Wrap] | None:
        """The generator that a loop runs over, if it is one, and what is made of its items."""
        if isinstance(node, ast.Call):
            with self.block():  # asked only
                fn = self.expr(node.func)
            obj = fn.obj if isinstance(fn, Known) else None
            if obj in (iter, enumerate) and node.args:
                inner = self.generator(node.args[0])
                if inner is None or obj is iter:
                    return inner
                start = [*node.args[1:], *(k.value for k in node.keywords), ast.Constant(0)][0]
                return inner[0], inner[1].counted(start)
            if obj is zip:
                return self.zipped_generator(node)
            function = fn.function if isinstance(fn, Bound) else fn
            if not (isinstance(function, Closure) and is_generator(function.node)):
                return None
        elif not isinstance(node, ast.Name):
            return None
        value = self.env.get(node.id) if isinstance(node, ast.Name) else self.expr(node)
        return (value, Wrap()) if isinstance(value, Generated) else None

    def zipped_generator(self, node: ast.Call) -> tuple[Generated, Wrap] | None:
        found = [self.generator(a) for a in node.args]
        places = [k for k, f in enumerate(found) if f is not None]
        if not places:
            return None
        first = found[places[0]]
        if len(places) > 1 or first is None or first[1].parts is not None or node.keywords:
            raise self.refuse(
                node, "`zip` of several generators", "consume one of them to a list first", "for"
            )
        return first[0], Wrap(list(node.args), places[0])

    def call(self, fn: Value, args: list[Value], kwargs: dict[str, Value], node: Any) -> Value:
        if isinstance(fn, Known) and args and isinstance(args[0], Generated):
            if fn.obj is sum:
                start = [*args[1:], *kwargs.values(), Lit(0)][0]
                given = {"_s": start, "_x0": args[0]}
                return self.evaluate("_s", node, given, "for _x in _x0:\n    _s = _s + _x")
            if _hashable(fn.obj) and fn.obj in _CONSUMERS:
                args = [self.listed_all(args[0], node), *args[1:]]
        return super().call(fn, args, kwargs, node)

    def items(self, value: Value, at: ast.AST, n: int | None = None) -> list[Value]:
        if isinstance(value, Generated):  # `[*g()]`, `f(*g())`, `a, b = g()`
            known = self.collected(value, at, unroll=True)
            if known is not None:
                return list(known.items)
        return super().items(value, at, n)

    def listed_all(self, made: Generated, node: ast.AST) -> Value:
        """All that a generator yields, in a list: one of known length where that is possible."""
        known = self.collected(made, node, unroll=False)
        if known is not None:
            return known
        state = self.state()
        try:
            return self.evaluate("[_x for _x in _x0]", node, {"_x0": made})
        except DifferentiationError:
            self.restore(state)
            made.used = False
            known = self.collected(made, node, unroll=True)
            if known is None:
                raise
            return known

    def state(self) -> tuple[Any, ...]:
        """What is known of the program here, to come back to."""
        env, versions, written = dict(self.env), dict(self.versions), dict(self.written)
        return env, versions, written, len(self.stmts), self.choosing

    def restore(self, state: tuple[Any, ...]) -> None:
        env, self.versions, self.written, done, self.choosing = state
        self.env.clear()
        self.env.update(env)
        del self.stmts[done:]

    def collected(self, made: Generated, node: ast.AST, unroll: bool) -> Tup | None:
        """The items that are yielded where nothing has to be decided when the program runs."""
        state, name = self.state(), f".yielded{next(_serial)}"
        self.env[name] = Tup((), "list")
        self.collecting.append((len(self.views.maps), name))
        loops = len(self.constant_loops)
        self.unrolling.append(loops if unroll else -1)
        try:
            self.drive(made, None, [], None, node, Wrap())
            made_list = self.boxed(self.env.pop(name))
            assert isinstance(made_list, Tup)
            return made_list
        except _NotKnown:
            self.restore(state)
            made.used = False
            return None
        finally:
            self.collecting.pop()
            self.unrolling.pop()

    # -- running one

    def drive(
        self,
        made: Generated,
        target: ast.expr | None,
        body: Sequence[ast.stmt],
        stop: str | None,
        at: ast.AST,
        wrap: Wrap,
    ) -> None:
        """The body of the generator, with `body` where it yields."""
        if made.used:
            raise self.refuse(
                at, "a generator is consumed twice", "make a list of it: list(...)", "generator"
            )
        if len(self.driving) >= _MOST_NESTED or self.driving.count(made.function.key) > 20:
            raise self.refuse(
                at, "a generator that calls itself without end", "a loop", "generator"
            )
        made.used = True
        prefix = f".g{next(_serial)}."
        closure = made.function
        inside = Inside(prefix, closure, target, list(body), stop, wrap)
        stmts = inside.written(self.refuse)
        self.env.update({prefix + n: v for n, v in made.arguments.items()})
        for name, n in inside.free.items():
            shared = closure.scope is self.env and name in self.env
            if not shared:
                self.env[prefix + name] = self.from_outside(closure.lookup(name, n))
            else:
                inside.keep(name)
        self.driving.append(closure.key)
        try:
            self.evaluate_parts(wrap, prefix)
            self.parse_block([*inside.before(), *stmts])
        finally:
            self.driving.pop()
            for own in [name for name in self.env if name.startswith(prefix)]:
                del self.env[own]

    def evaluate_parts(self, wrap: Wrap, prefix: str) -> None:
        """What a generator is zipped with is evaluated before it runs."""
        for k, part in enumerate(wrap.parts or ()):
            if k == wrap.at:
                continue
            if not is_range(part):
                self.env[f"{prefix}.part{k}"] = self.expr(part)
                continue
            bounds = [self.expr(a) for a in part.args]  # type: ignore[attr-defined]
            start, end = (Lit(0), *bounds) if len(bounds) == 1 else bounds
            self.env[f"{prefix}.start{k}"], self.env[f"{prefix}.end{k}"] = start, end

    def stmt_Yielded(self, s: Yielded) -> None:
        value = self.expr(s.value)
        if self.collecting and s.target is None and not s.body:
            depth, name = self.collecting[-1]
            if len(self.views.maps) != depth:
                loops = self.unrolling[-1]
                if 0 <= loops < len(self.constant_loops):
                    raise TakeTurns(self.constant_loops[-1])
                raise _NotKnown
            sofar = self.env[name]
            assert isinstance(sofar, Tup)
            self.env[name] = Tup((*sofar.items, value), "list")
            return
        if s.target is not None:
            self.assign(s.target, value)
        self.parse_block(s.body)


def _hashable(obj: Any) -> bool:
    return getattr(type(obj), "__hash__", None) is not None
