"""What is stored in every place of an array of zeros makes a display, or is joined.

`np.array([a, b])` of two items; `np.concatenate([a, b])` of what is stored in `x[:k]` and `x[k:]`,
as where a vector of parameters was taken apart: whatever `k` is, the two are all of `x`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from s2sgrad.front.infer import infer
from s2sgrad.ir import ops
from s2sgrad.ir.graph import Atom, Eqn, Form, Hole, Lit, Pack, Var, atom_type
from s2sgrad.ir.types import Array, Type

MOST = 6  # items


def display(s: Eqn, made: Mapping[Var, Eqn], uses: Mapping[Var, int]) -> Eqn | None:
    """`s`, a store, as a display, if it is the last of stores that fill an array of zeros."""
    t, items = s.out.type, dict[int, Atom]()
    if not (isinstance(t, Array) and len(t.shape) == 1 and not t.loose):
        return None
    at: Eqn | None = s
    while at is not None and at.op is ops.setitem and at.form is not None and len(at.args) == 2:
        k = at.form.args[1]
        if type(k) is not int or k < 0 or k in items:
            return None
        items[k] = at.args[1]
        base = at.args[0]
        at = made.get(base) if isinstance(base, Var) and uses[base] == 1 else None
    n = t.shape[0]
    if at is None or at.op is not ops.zeros_like or len(items) != n or n > MOST:
        return None
    args = tuple(items[k] for k in sorted(items))
    form = Form((Pack("list", tuple(map(Hole, range(len(args))))),))
    return Eqn(s.out, np.array, args, form, s.at) if infer(np.array, args, form) == t else None


def joined(s: Eqn, made: Mapping[Var, Eqn], uses: Mapping[Var, int]) -> Eqn | None:
    """`s`, a store, as a concatenation, if it and the one before fill `x[:k]` and `x[k:]`."""
    first = made.get(s.args[0]) if isinstance(s.args[0], Var) else None
    if first is None or first.op is not ops.setitem or uses[first.out] != 1:
        return None
    zeros = made.get(first.args[0]) if isinstance(first.args[0], Var) else None
    if zeros is None or zeros.op is not ops.zeros_like or uses[zeros.out] != 1:
        return None
    ends: dict[str, tuple[Atom, Atom | int]] = {}
    for one in (first, s):
        end = _end(one)
        if end is None:
            return None
        ends[end[0]] = one.args[-1], end[1]
    if len(ends) != 2 or not _same(ends["stop"][1], ends["start"][1]):
        return None
    args = (ends["stop"][0], ends["start"][0])
    t = s.out.type
    if not all(_is_part(one, t) for one in (first, s)):
        return None
    return Eqn(s.out, np.concatenate, args, Form((Pack("list", (Hole(0), Hole(1))),)), s.at)


def _end(s: Eqn) -> tuple[str, Atom | int] | None:
    """Where the slice `x[:k]` stops or `x[k:]` starts that a store fills."""
    index = s.form.args[1] if s.form is not None else None
    if isinstance(index, slice):
        bounds: tuple[object, ...] = (index.start, index.stop, index.step)
    elif isinstance(index, Pack) and index.kind == "slice":
        bounds = index.items
    else:
        return None
    start, stop, step = (s.args[b.k] if isinstance(b, Hole) else b for b in bounds)
    if step is not None or (start is None) == (stop is None):
        return None
    name, k = ("start", start) if stop is None else ("stop", stop)
    return (name, k) if isinstance(k, Var | Lit | int) else None


def _same(a: Atom | int, b: Atom | int) -> bool:
    return a is b or (type(a) is int and a == b)


def _is_part(s: Eqn, whole: Type) -> bool:
    """Has what is stored the shape of the place, with no axis to be broadcast along?"""
    t = atom_type(s.args[-1])
    if not isinstance(t, Array) or not isinstance(whole, Array) or t.loose or whole.loose:
        return False
    return t.char == whole.char and len(t.shape) == len(whole.shape) and 1 not in t.shape
