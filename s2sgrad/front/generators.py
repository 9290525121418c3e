"""Generators that a loop consumes: the body of the generator, in which `yield` is the loop's body.

The body is written into the function that consumes it, under names of its own (`.g1.i`).  What
leaves the loop leaves the generator: after a `yield` the loop's stop flag is a `return`.
"""

from __future__ import annotations

import ast
import copy
import itertools
from collections.abc import Callable, Sequence
from typing import Any

from s2sgrad.errors import DifferentiationError
from s2sgrad.front.callables import Callables
from s2sgrad.front.containers import TakeTurns
from s2sgrad.front.normalize import normalize
from s2sgrad.front.resolve import is_generator, own_nodes
from s2sgrad.front.values import Bound, Closure, Generated, Known, Tup, Value
from s2sgrad.ir.graph import Lit

_serial = itertools.count(1)
_MOST_NESTED = 40  # generators in one another, while parsing
_CONSUMERS = {sum, list, tuple, max, min, any, all, sorted, dict, set}


class Yielded(ast.stmt):
    """A `yield` that a loop consumes: the value is bound to the target, then the body runs."""

    _fields = ("value", "target", "body")

    def __init__(self, value: ast.expr, target: ast.expr | None, body: list[ast.stmt]) -> None:
        super().__init__()
        self.value, self.target, self.body = value, target, body


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
        inside = _Inside(prefix, closure, target, list(body), stop, wrap)
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
            if not _is_range(part):
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


class Wrap:
    """What a loop makes of the items of a generator: `enumerate` counts, `zip` adds others."""

    def __init__(
        self, parts: list[ast.expr] | None = None, at: int = 0, start: ast.expr | None = None
    ) -> None:
        self.parts, self.at, self.start = parts, at, start

    def counted(self, start: ast.expr) -> Wrap:
        return Wrap(self.parts, self.at, start)


class _Inside:
    """The statements of one generator, for one loop."""

    def __init__(
        self,
        prefix: str,
        closure: Closure,
        target: ast.expr | None,
        body: list[ast.stmt],
        stop: str | None,
        wrap: Wrap,
    ) -> None:
        self.prefix, self.closure, self.wrap = prefix, closure, wrap
        self.target, self.body, self.stop = target, body, stop
        self.free: dict[str, ast.Name] = {}
        self.renamed: list[ast.Name] = []
        self.stops: list[ast.Name] = []  # reads of the loop's flag

    def written(self, refuse: Callable[..., Exception]) -> list[ast.stmt]:
        """The body: yields are the loop's body, exits are in order, names are its own."""
        node = copy.deepcopy(self.closure.node)
        assert isinstance(node, ast.FunctionDef)
        for n in own_nodes(node):
            if isinstance(n, ast.Global | ast.Nonlocal):
                raise refuse(n, "`global` or `nonlocal` in a generator", "yield it", "generator")
        node.body = self.block(node.body, refuse)
        stmts = normalize(node)
        own = {n.id for n in own_nodes(node) if isinstance(n, ast.Name) and _stores(n)}
        own |= {n.name for n in own_nodes(node) if isinstance(n, ast.FunctionDef)}
        a = node.args
        params = [*a.posonlyargs, *a.args, *a.kwonlyargs, a.vararg, a.kwarg]
        own |= {p.arg for p in params if p is not None}
        for s in stmts:
            self.rename(s, own)
        for n in self.stops:
            n.id = str(self.stop)
        return stmts

    # -- yields

    def block(self, stmts: list[ast.stmt], refuse: Callable[..., Exception]) -> list[ast.stmt]:
        out: list[ast.stmt] = []
        for s in stmts:
            out += self.statement(s, refuse)
        return out

    def statement(self, s: ast.stmt, refuse: Callable[..., Exception]) -> list[ast.stmt]:
        value = s.value if isinstance(s, ast.Expr | ast.Assign | ast.AnnAssign) else None
        if isinstance(value, ast.YieldFrom) and isinstance(s, ast.Expr):
            name = f".from{next(_serial)}"
            inner = self.place(ast.Name(name, ast.Load()), s)
            loop = ast.For(ast.Name(name, ast.Store()), value.value, inner, [])
            return [_located(loop, s)]
        if isinstance(value, ast.Yield):
            made = self.place(value.value or ast.Constant(None), s)
            if isinstance(s, ast.Assign):  # nothing is sent
                none = ast.copy_location(ast.Constant(None), s)
                made.append(ast.copy_location(ast.Assign(s.targets, none), s))
            return made
        if isinstance(s, ast.FunctionDef | ast.ClassDef):
            return [s]
        for name in ("body", "orelse", "finalbody"):
            if isinstance(getattr(s, name, None), list):
                setattr(s, name, self.block(getattr(s, name), refuse))
        for h in [*getattr(s, "handlers", ()), *getattr(s, "cases", ())]:
            h.body = self.block(h.body, refuse)
        for n in _expressions(s):
            if isinstance(n, ast.Yield | ast.YieldFrom):
                raise refuse(n, "a `yield` in an expression", "a statement of its own", "generator")
        return [s]

    def place(self, value: ast.expr, at: ast.stmt) -> list[ast.stmt]:
        """The body of the loop, for one item."""
        wrap, out = self.wrap, list[ast.stmt]()
        count = f"{self.prefix}.count"
        if wrap.parts is not None:
            items = [
                value if k == wrap.at else self.part(k, p, count) for k, p in enumerate(wrap.parts)
            ]
            value = ast.Tuple(items, ast.Load())
            ended = ast.If(self.ended(count), [ast.Return()], [])
            out.append(_located(ended, at))
        if wrap.start is not None:
            value = ast.Tuple([ast.Name(f"{self.prefix}.number", ast.Load()), value], ast.Load())
        made = _located(Yielded(value, self.target, self.body), at)
        out.append(made)
        if self.stop is not None:
            test = ast.Name(f"{self.prefix}.stop", ast.Load())
            self.stops.append(test)
            out.append(_located(ast.If(test, [ast.Return()], []), at))
        for name, used in ((count, wrap.parts is not None), (f"{self.prefix}.number", wrap.start)):
            if used:
                one = ast.AugAssign(ast.Name(name, ast.Store()), ast.Add(), ast.Constant(1))
                out.append(_located(one, at))
        if wrap.parts is not None:  # `zip` asks what stands before the generator first
            before = ast.If(self.ended(count, wrap.at), [ast.Return()], [])
            out.append(_located(before, at))
        return out

    def part(self, k: int, node: ast.expr, count: str) -> ast.expr:
        """Item number `count` of what the generator is zipped with."""
        number = ast.Name(count, ast.Load())
        if _is_range(node):
            return ast.BinOp(ast.Name(f"{self.prefix}.start{k}", ast.Load()), ast.Add(), number)
        return ast.Subscript(ast.Name(f"{self.prefix}.part{k}", ast.Load()), number, ast.Load())

    def ended(self, count: str, first: int | None = None) -> ast.expr:
        """Is one of the others at its end: one of the first ones, or any?"""
        tests: list[ast.expr] = []
        for k, node in enumerate(self.wrap.parts or ()):
            if k == self.wrap.at or (first is not None and k >= first):
                continue
            n: ast.expr = ast.Call(
                ast.Name("len", ast.Load()), [ast.Name(f"{self.prefix}.part{k}", ast.Load())], []
            )
            if _is_range(node):
                start, end = (
                    ast.Name(f"{self.prefix}.{name}{k}", ast.Load()) for name in ("start", "end")
                )
                n = ast.BinOp(end, ast.Sub(), start)
            tests.append(ast.Compare(ast.Name(count, ast.Load()), [ast.GtE()], [n]))
        if not tests:
            return ast.Constant(False)
        return tests[0] if len(tests) == 1 else ast.BoolOp(ast.Or(), tests)

    def before(self) -> list[ast.stmt]:
        """The counters, at the start."""
        out: list[ast.stmt] = []
        where = self.closure.node
        for name, start in (
            (".count", self.wrap.parts and ast.Constant(0)),
            (".number", self.wrap.start),
        ):
            if start:
                target = ast.Name(self.prefix + name, ast.Store())
                out.append(_located(ast.Assign([target], start), where))
        return out

    # -- names

    def rename(self, node: ast.AST, own: set[str], hidden: frozenset[str] = frozenset()) -> None:
        node.from_file = self.closure.file  # type: ignore[attr-defined]
        if isinstance(node, Yielded):
            self.rename(node.value, own, hidden)
            return
        stop = getattr(node, "stop", None)
        if isinstance(node, ast.For | ast.While) and isinstance(stop, str):
            node.stop = self.prefix + stop  # type: ignore[union-attr]
        if isinstance(node, ast.Name) and node.id not in hidden:
            if node.id.startswith(self.prefix):
                return
            if node.id in own or node.id.startswith("."):
                node.id = self.prefix + node.id
            else:
                self.free.setdefault(node.id, copy.copy(node))
                self.renamed.append(node)
                node.id = self.prefix + node.id
        if isinstance(node, ast.FunctionDef | ast.Lambda):
            if isinstance(node, ast.FunctionDef):
                node.name = self.prefix + node.name
            hidden = hidden | bound_in(node)
        for alias in node.names if isinstance(node, ast.Import | ast.ImportFrom) else ():
            alias.asname = self.prefix + (alias.asname or alias.name)
        if isinstance(node, ast.ExceptHandler) and node.name:
            node.name = self.prefix + node.name
        for child in ast.iter_child_nodes(node):
            self.rename(child, own, hidden)

    def keep(self, name: str) -> None:
        """A variable of the function that consumes the generator: not renamed after all."""
        for n in self.renamed:
            if n.id == self.prefix + name:
                n.id = name


def bound_in(node: ast.FunctionDef | ast.Lambda) -> frozenset[str]:
    """What a function inside binds for itself."""
    a = node.args
    params = [*a.posonlyargs, *a.args, *a.kwonlyargs, a.vararg, a.kwarg]
    names = {p.arg for p in params if p is not None}
    names |= {n.id for n in own_nodes(node) if isinstance(n, ast.Name) and _stores(n)}
    return frozenset(names)


def _stores(n: ast.Name) -> bool:
    return isinstance(n.ctx, ast.Store | ast.Del)


def _expressions(s: ast.stmt) -> list[ast.AST]:
    """The expressions of a statement, not those of the statements in it."""
    found: list[ast.AST] = []
    for child in ast.iter_child_nodes(s):
        if isinstance(child, ast.expr):
            found += [child, *own_nodes(child)]
    return found


def _is_range(node: ast.expr) -> bool:
    named = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    return named and node.func.id == "range" and 1 <= len(node.args) <= 2  # type: ignore[attr-defined]


def _located(node: Any, at: ast.AST) -> Any:
    """Nodes made here stand where `at` stands; those of the user's keep their places."""
    for n in ast.walk(node):
        if isinstance(n, ast.expr | ast.stmt) and not hasattr(n, "lineno"):
            ast.copy_location(n, at)
    return node


def _hashable(obj: Any) -> bool:
    return getattr(type(obj), "__hash__", None) is not None


__all__ = ["Generators", "Lit", "Yielded"]
