"""The body of a generator as statements of the function that consumes it."""

from __future__ import annotations

import ast
import copy
import itertools
from collections.abc import Callable
from typing import Any

from s2sgrad.front.normalize import normalize
from s2sgrad.front.resolve import own_nodes
from s2sgrad.front.values import Closure

_serial = itertools.count(1)


class Yielded(ast.stmt):
    """A `yield` that a loop consumes: the value is bound to the target, then the body runs."""

    _fields = ("value", "target", "body")

    def __init__(self, value: ast.expr, target: ast.expr | None, body: list[ast.stmt]) -> None:
        super().__init__()
        self.value, self.target, self.body = value, target, body


class Wrap:
    """What a loop makes of the items of a generator: `enumerate` counts, `zip` adds others."""

    def __init__(
        self, parts: list[ast.expr] | None = None, at: int = 0, start: ast.expr | None = None
    ) -> None:
        self.parts, self.at, self.start = parts, at, start

    def counted(self, start: ast.expr) -> Wrap:
        return Wrap(self.parts, self.at, start)


class Inside:
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
        if is_range(node):
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
            if is_range(node):
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


def is_range(node: ast.expr) -> bool:
    named = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    return named and node.func.id == "range" and 1 <= len(node.args) <= 2  # type: ignore[attr-defined]


def _located(node: Any, at: ast.AST) -> Any:
    """Nodes made here stand where `at` stands; those of the user's keep their places."""
    for n in ast.walk(node):
        if isinstance(n, ast.expr | ast.stmt) and not hasattr(n, "lineno"):
            ast.copy_location(n, at)
    return node
