"""Types of operations on lists of the IR: known without asking NumPy."""

from __future__ import annotations

import builtins
import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from s2sgrad.front.probe import fresh_dim
from s2sgrad.ir import ops
from s2sgrad.ir.graph import Atom, Form, Pack, atom_type
from s2sgrad.ir.types import (
    INT,
    UNDEFINED,
    UNKNOWN,
    Array,
    Dim,
    List,
    Scalar,
    Type,
    Undefined,
    join,
)

# The extents of a part of an array (`infer`).
Read = Callable[[tuple[Dim, ...] | None, Any, tuple[Atom, ...]], tuple[Dim, ...] | None]
# What they hold need not be known.
ANY = {ops.list_, ops.append, ops.insert, ops.concat, ops.setitem, ops.replace, ops.place, len}
LISTS = {*ANY, ops.spread_list, ops.split_like, builtins.list}


def of_list(types: list[Type | None]) -> bool:
    """Is it an operation of a list, or one that makes one?"""
    return not types or isinstance(types[0], List)


def _item_at(t: Type, index: Any, args: tuple[Atom, ...], read: Read) -> Type:
    """The type of a part of a list."""
    steps = index.items if isinstance(index, Pack) and index.kind == "path" else (index,)
    for k, step in enumerate(steps):
        if isinstance(t, List):
            sliced = isinstance(step, slice) or (isinstance(step, Pack) and step.kind == "slice")
            t = t if sliced else t.item
            continue
        if isinstance(t, Undefined):
            return t
        rest = Pack("path", steps[k:])
        shape = read(t.shape, rest, args) if isinstance(t, Array) else None
        if shape is None or not isinstance(t, Array):
            return UNKNOWN
        return Array(t.char, shape) if shape else Scalar(t.kind, t.char)
    return t


def _with_item(t: List, index: Any, value: Type) -> Type:
    """The type of a list in which something was stored."""
    path = isinstance(index, Pack) and index.kind == "path"
    steps = index.items if path else (index,)
    sliced = isinstance(steps[0], slice) or (
        isinstance(steps[0], Pack) and steps[0].kind == "slice"
    )
    if sliced:
        return join(t, value)
    rest = steps[1:]
    if not rest:
        return List(join(t.item, value))
    if isinstance(t.item, List):
        return List(_with_item(t.item, Pack("path", rest), value))
    return t  # a part of an array is stored


def listed(
    op: Callable[..., Any], args: tuple[Atom, ...], form: Form | None, read: Read
) -> Type | None:
    """Lists: what is known without asking NumPy."""
    types = [atom_type(a) for a in args]
    if op is ops.list_:
        start: Type = UNDEFINED
        return List(functools.reduce(join, types, start))
    first = types[0]
    if op is ops.spread_list or op is ops.split_like:
        return List(first)
    if op is builtins.list and isinstance(first, Array):
        row = first.shape[1:]
        return List(Array(first.char, row) if row else Scalar(first.kind, first.char))
    if not isinstance(first, List):
        return None
    if op in (ops.append, ops.insert):
        return List(join(first.item, types[-1]))
    if op is ops.concat and isinstance(types[1], List):
        return List(join(first.item, types[1].item))
    if op is ops.getitem:
        return _item_at(first, form.args[1] if form is not None else 0, args, read)
    if op in (ops.setitem, ops.replace) and form is not None:
        return _with_item(first, form.args[1], types[-1 if op is ops.setitem else -2])
    if op is ops.place:
        return INT
    if op in (
        ops.additem,
        ops.drop,
        ops.repeat_list,
        ops.fold_list,
        ops.drop_last,
        ops.zeros_list,
        ops.copy,
        ops.copy_items,
        ops.add_lists,
    ):
        return first
    if op is len:
        return INT
    if op in (builtins.sum, ops.total) and isinstance(first.item, Array):
        return first.item
    if op is ops.total and isinstance(first.item, Scalar):
        return INT if first.item.kind == "bool" else first.item
    if isinstance(first.item, Undefined):
        return UNDEFINED
    if op is np.array and isinstance(first.item, Array) and form is None:
        return Array(first.item.char, (fresh_dim(), *first.item.shape))
    return None


def steps_in(t: Any, path: tuple[Any, ...]) -> list[Any]:
    """The steps of a view into a list: one for each list, the rest as it is."""
    found: list[Any] = []
    left = list(path)
    while left and isinstance(t, List | Undefined):
        step = left.pop(0)
        if isinstance(step, Pack) and step.kind == "tuple":  # `x[i][j]` was taken for `x[i, j]`
            step, *rest = step.items
            left[:0] = (
                [] if not rest else [rest[0] if len(rest) == 1 else Pack("tuple", tuple(rest))]
            )
        found.append(step)
        if isinstance(t, List) and not (isinstance(step, Pack) and step.kind == "slice"):
            t = t.item
    return [*found, *left]


def list_path(t: Any, path: tuple[Any, ...]) -> Any:
    """The index that leads to a part of a list."""
    steps = steps_in(t, path)
    return steps[0] if len(steps) == 1 else Pack("path", tuple(steps))
