"""Operations on lists of the IR as expressions: comprehensions, nested for lists of lists."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from s2sgrad.ir.graph import Pack
from s2sgrad.ir.types import List, Scalar, Type


def _name(n: str) -> ast.Name:
    return ast.Name(n, ast.Load())


def _item(t: Type) -> Type:
    return t.item if isinstance(t, List) else t


def is_nested(t: Type) -> bool:
    """Is it a list of lists?"""
    return isinstance(t, List) and isinstance(t.item, List)


def part_of(t: Type, index: Any) -> Type | None:
    """The type of what is at `index` of a list, if it is an item; None for a part of an item."""
    if not isinstance(t, List):
        return None
    steps = index.items if isinstance(index, Pack) and index.kind == "path" else (index,)
    for step in steps:
        if not isinstance(t, List):
            return None
        sliced = isinstance(step, slice) or (isinstance(step, Pack) and step.kind == "slice")
        t = t if sliced else t.item
    return t


def add(args: list[ast.expr], t: Type, depth: int = 0) -> ast.expr:
    """`[a + b for a, b in zip(x, y)]`."""
    names = [c + "_" * depth for c in "ab"]
    both = ast.Tuple([ast.Name(n, ast.Store()) for n in names], ast.Store())
    values: list[ast.expr] = [_name(n) for n in names]
    if is_nested(t):
        item = add(values, _item(t), depth + 1)
    else:
        item = ast.BinOp(values[0], ast.Add(), values[1])
    over = ast.Call(_name("zip"), args, [])
    return ast.ListComp(item, [ast.comprehension(both, over, [], 0)])


def each(item: ast.expr, x: ast.expr, variable: str = "v") -> ast.expr:
    """`[item for v in x]`."""
    return ast.ListComp(item, [ast.comprehension(ast.Name(variable, ast.Store()), x, [], 0)])


def zeros(x: ast.expr, t: Type, zeros_like: ast.expr, depth: int = 0) -> ast.expr:
    """Zeros in the structure of `x`."""
    if isinstance(_item(t), Scalar):
        zero: ast.expr = ast.List([ast.Constant(0.0)], ast.Load())
        return ast.BinOp(zero, ast.Mult(), ast.Call(_name("len"), [x], []))
    v = "v" + "_" * depth
    if is_nested(t):
        return each(zeros(_name(v), _item(t), zeros_like, depth + 1), x, v)
    return each(ast.Call(zeros_like, [_name(v)], []), x, v)


def copies(x: ast.expr, t: Type, copy: Callable[[ast.expr], ast.expr], depth: int = 0) -> ast.expr:
    """A list of copies, lists in it copied, too."""
    v = "v" + "_" * depth
    if is_nested(t):
        return each(copies(_name(v), _item(t), copy, depth + 1), x, v)
    item = copy(_name(v))
    if isinstance(item, ast.Name):
        return ast.Call(ast.Attribute(x, "copy", ast.Load()), [], [])
    return each(item, x, v)


def fold(g: ast.expr, n: ast.expr) -> ast.expr:
    """`[sum(g[k::n]) for k in range(n)]`."""
    part = ast.Subscript(g, ast.Slice(_name("k"), None, n), ast.Load())
    over = ast.Call(_name("range"), [n], [])
    return each(ast.Call(_name("sum"), [part], []), over, "k")
