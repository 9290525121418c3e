"""A rule's own source as a helper of the emitted module.

Where the types do not answer what a rule asks (a rank, say), the rule itself asks when the program
runs.  A helper computes the cotangent of one operand: `_matmul_vjp_b(g, a, b)`.
"""

from __future__ import annotations

import ast
import functools
import inspect
import math
import textwrap
import types
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from s2sgrad.ir import ops
from s2sgrad.rules.registry import Definition

# One meaning for each name: that of the IR, which owns its memory.
_OURS: dict[str, Callable[..., Any]] = {
    f.__name__: f for f in (ops.broadcast_like, ops.reshape_like, ops.zeros_like)
}


_SHAPERS = {"_unbroadcast": ops.unbroadcast, "_zeros_like": ops.zeros_like}


class NoSource(Exception):
    """The function is not one that can be written into a module."""


@dataclass(eq=False)
class Helper:
    """An op of the IR that is a function of the emitted module."""

    name: str
    params: tuple[str, ...]  # those that its text reads, in order
    text: str
    needs: dict[str, Any] = field(default_factory=dict)
    imports: set[str] = field(default_factory=set)
    fresh: bool = False  # its answer is a product, so it shares no memory with its operands

    def shares(self, first: bool) -> bool:
        """May the answer share memory with the first operand, the cotangent, or another?"""
        return not self.fresh and first

    @property
    def __name__(self) -> str:
        return self.name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run it, as the interpreter of the IR does."""
        parts = [self.text, *(source_of(n, f) for n, f in self.needs.items() if f is not self)]
        space: dict[str, Any] = {"np": np, "math": math}
        exec("\n".join(parts), space)
        return space[self.name](*args, **kwargs)


def source_of(name: str, fn: Any) -> str:
    """The text of a helper, or of one of our own functions under the name it has in the module."""
    if isinstance(fn, Helper):
        return fn.text
    node = _parsed(fn)
    node.name, node.decorator_list, node.returns = name, [], None
    for a in (*node.args.args, *node.args.kwonlyargs):
        a.annotation = None
    return ast.unparse(node) + "\n"


@functools.cache
def cotangent_of(
    rule: Callable[..., Any], operand: int, whole: bool = False, product: bool = False
) -> Helper:
    """The helper for the cotangent of one positional operand of `rule(g, out, *operands)`.

    `whole`: the operand is a list, whose items' shapes the caller repairs.  `product`: the
    operation is linear in each operand alone, so that the answer is made anew.
    Raises `NoSource` if the rule cannot be written into a module.
    """
    rule = rule.function if isinstance(rule, Definition) else rule
    node = _parsed(rule)
    names = [a.arg for a in (*node.args.posonlyargs, *node.args.args)][2:]
    operand_name = names[operand] if operand < len(names) else ""
    picked = _Picked(node, operand, "" if whole else operand_name)
    if not operand_name:
        assert node.args.vararg is not None
        picked.star = (node.args.vararg.arg, operand - len(names))
    node = picked.visit(node)
    _drop_dead(node.body)
    label = operand_name or f"{operand}"
    made = _helper(rule, node, f"_{_public(rule)}_vjp_{label}", drop=True, shaped=not whole)
    made.fresh = product
    return made


def _public(rule: Callable[..., Any]) -> str:
    name = rule.__name__.strip("_")
    return name.removesuffix("_vjp")


def _parsed(fn: Callable[..., Any]) -> ast.FunctionDef:
    fn = inspect.unwrap(fn)
    if not isinstance(fn, types.FunctionType):
        raise NoSource(str(fn))
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(fn)))
    except (OSError, SyntaxError) as e:
        raise NoSource(str(e)) from e
    node = tree.body[0]
    if not isinstance(node, ast.FunctionDef) or fn.__closure__:
        raise NoSource(fn.__name__)
    return node


class _Picked(ast.NodeTransformer):
    """Each `return` gives the cotangent of one operand, in its shape."""

    def __init__(self, node: ast.FunctionDef, operand: int, shape: str) -> None:
        self.operand, self.shape = operand, shape
        self.star: tuple[str, int] | None = None
        returns = [n.value for n in ast.walk(node) if isinstance(n, ast.Return)]
        self.several = any(isinstance(v, ast.Tuple) or _makes_tuple(v) for v in returns)

    def visit_Return(self, node: ast.Return) -> ast.AST:
        value = node.value
        if isinstance(value, ast.Tuple):
            short = self.operand >= len(value.elts)
            value = ast.Constant(None) if short else value.elts[self.operand]
        elif self.several and isinstance(value, ast.Call):
            value = ast.Subscript(value, ast.Constant(self.operand), ast.Load())
        assert value is not None
        like: ast.expr | None = ast.Name(self.shape, ast.Load()) if self.shape else None
        if self.star is not None:
            name, k = self.star
            like = ast.Subscript(ast.Name(name, ast.Load()), ast.Constant(k), ast.Load())
        if isinstance(value, ast.Constant) and value.value is None:
            raise NoSource("no cotangent")
        if isinstance(value, ast.Constant) and like is not None:  # 0.0
            return ast.Return(ast.Call(ast.Name("_zeros_like", ast.Load()), [like], []))
        if like is not None:
            value = ast.Call(ast.Name("_unbroadcast", ast.Load()), [value, like], [])
        return ast.Return(value)


def _drop_dead(body: list[ast.stmt]) -> None:
    """What only the cotangents of other operands read is not computed."""
    for s in body:
        if isinstance(s, ast.If):
            _drop_dead(s.body)
            _drop_dead(s.orelse)
    if body and isinstance(body[-1], ast.Return):
        for k in range(len(body) - 1, -1, -1):
            s = body[k]
            rest = {n.id for r in body[k + 1 :] for n in ast.walk(r) if isinstance(n, ast.Name)}
            target = s.targets[0] if isinstance(s, ast.Assign) else None
            if isinstance(target, ast.Name) and target.id not in rest:
                del body[k]


def _makes_tuple(v: ast.expr | None) -> bool:
    return isinstance(v, ast.Call) and isinstance(v.func, ast.Name) and v.func.id == "tuple"


def _helper(
    fn: Callable[..., Any], node: ast.FunctionDef, name: str, drop: bool, shaped: bool = False
) -> Helper:
    fn = inspect.unwrap(fn)
    namer = _Namer(fn.__globals__, node)
    node.decorator_list, node.returns, node.name = [], None, name
    if isinstance(node.body[0], ast.Expr):
        node.body = node.body[1:]  # its words are about the rule
    node.body = [namer.visit(s) for s in node.body]
    used = {n.id for s in node.body for n in ast.walk(s) if isinstance(n, ast.Name)}
    for a in (*node.args.args, *node.args.kwonlyargs):
        a.annotation = None
    for star in (node.args.vararg, node.args.kwarg):
        if star is not None:
            star.annotation = None
    if drop:
        _drop_unused(node.args, used)
    params = tuple(a.arg for a in (*node.args.args, *node.args.kwonlyargs))
    if shaped:
        namer.needs |= {n: f for n, f in _SHAPERS.items() if n in used}
    made = Helper(
        name, params, ast.unparse(ast.fix_missing_locations(node)) + "\n", {}, namer.imports
    )
    made.needs = {**namer.needs, name: made}
    return made


def _drop_unused(args: ast.arguments, used: set[str]) -> None:
    """`out` above all: a value that no helper reads need not be kept."""
    first = len(args.args) - len(args.defaults)
    keep = [k for k, a in enumerate(args.args) if a.arg in used]
    args.defaults = [args.defaults[k - first] for k in keep if k >= first]
    args.args = [args.args[k] for k in keep]
    pairs = [
        (a, d) for a, d in zip(args.kwonlyargs, args.kw_defaults, strict=True) if a.arg in used
    ]
    args.kwonlyargs, args.kw_defaults = [a for a, _ in pairs], [d for _, d in pairs]


class _Namer(ast.NodeTransformer):
    """Free names of a rule: NumPy stays, our functions become helpers, constants are written."""

    def __init__(self, space: dict[str, Any], node: ast.FunctionDef) -> None:
        self.space = space
        self.own = {n.id for n in ast.walk(node) if _stores(n)}  # type: ignore[attr-defined]
        self.own |= {n.arg for n in ast.walk(node) if isinstance(n, ast.arg)}
        self.needs: dict[str, Any] = {}
        self.imports = {"import numpy as np"}

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id in self.own or node.id not in self.space:
            return node
        obj = self.space[node.id]
        if obj is np:
            return node
        if obj is math:
            self.imports.add("import math")
            return node
        if isinstance(obj, str | int | float):
            return ast.Constant(obj)
        return ast.Name(self.function(obj), ast.Load())

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        assert node.value is not None
        return ast.Assign([node.target], self.visit(node.value), lineno=0)

    def function(self, obj: Any) -> str:
        rule = isinstance(obj, Definition)
        fn = inspect.unwrap(obj.function if rule else obj)
        name = f"_{fn.__name__.strip('_')}" + ("_vjp" if rule else "")
        if fn.__name__ in _OURS and not rule:
            self.needs[f"_{fn.__name__}"] = _OURS[fn.__name__]
            return f"_{fn.__name__}"
        if name not in self.needs and fn.__name__ not in _ACTIVE:
            _ACTIVE.append(fn.__name__)
            try:
                made = _helper(fn, _parsed(fn), name, drop=False)
            finally:
                _ACTIVE.pop()
            self.needs.update(made.needs)
            self.imports |= made.imports
        return name


_ACTIVE: list[str] = []  # helpers that are being written: a rule may call itself


def _stores(n: ast.AST) -> bool:
    return isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
