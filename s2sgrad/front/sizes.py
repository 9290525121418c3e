"""Extents that come from ints: `n = x.shape[0]`, and then `np.zeros((n, 3))`, `reshape(k, n + 1)`.

An int value may stand for an extent: that of an array (`np.size`), or one made of such by `+`, `*`
and `-`.  An int of which nothing is known has a symbol of its own, with a `~` in it: it may be
negative, which `np.zeros` refuses and `reshape` understands as "the rest".
"""

from __future__ import annotations

import itertools
import operator
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from s2sgrad.ir.graph import Atom, Form, Hole, Lit, Pack, Var, atom_type
from s2sgrad.ir.types import Array, Dim, Scalar, Several, Type, may_be_one, type_of

_serial = itertools.count(1)
_MAKERS = {np.zeros, np.ones, np.empty, np.full}
_SIGNS = {operator.add: "+", operator.mul: "*"}


def own_extent() -> Dim:
    """The symbol of an int of which nothing is known."""
    return f"?~{next(_serial)}"


def extent(op: Callable[..., Any], args: tuple[Atom, ...], t: Type) -> Dim | None:
    """The extent that the int result of `op(*args)` stands for."""
    if not (isinstance(t, Scalar) and t.kind == "int"):
        return None
    if (op is len and args) or (op is np.size and len(args) == 2 and isinstance(args[1], Lit)):
        held = args[0].type if isinstance(args[0], Var) else None
        k = 0 if op is len else args[1].value  # type: ignore[union-attr]
        if isinstance(held, Array) and k < len(held.shape):
            d = held.shape[k]
            return own_extent() if d == "?" else d
    elif len(args) == 2:
        a, b = map(of, args)
        if a is not None and b is not None:
            return _combined(op, a, b) or own_extent()
    return own_extent()


def _combined(op: Callable[..., Any], a: Dim, b: Dim) -> Dim | None:
    if op is operator.sub and isinstance(a, str) and isinstance(b, int):
        return f"~{shorter(a, b)}" if b else a
    if op in _SIGNS:
        if op is operator.add and isinstance(a, int):
            a, b = b, a
        return f"?({a}{_SIGNS[op]}{b})"
    return None


def of(a: Any) -> Dim | None:
    """The extent that an atom stands for."""
    if isinstance(a, Lit):
        a = a.value
    if isinstance(a, Var):
        return a.extent
    return a if type(a) is int and a >= 0 else None


def shorter(d: str, k: int) -> Dim:
    """`max(d - k, 0)`: `x[1:-1]`, `x[2:]` and `x[:-2]` have one length."""
    found = re.fullmatch(r"\?(.+)-(\d+)", d)
    base, less = (found[1], int(found[2])) if found else (d, 0)
    return f"?{base}-{less + k}" if less + k else d


def _valid(d: Dim | None) -> Dim | None:
    """The extent where NumPy has taken the int for one: it was not negative."""
    return d[1:] if isinstance(d, str) and d.startswith("~") else d


def not_negative(d: Dim | None) -> bool:
    """Is it surely an extent, also where -1 means something else?"""
    return d is not None and (isinstance(d, int) or "~" not in d)


# The result has the shape of the first operand, if it has as many axes.
_SAME_SHAPE: set[Any] = {
    np.sort, np.argsort, np.flip, np.fliplr, np.flipud, np.roll, np.triu, np.tril, np.cumsum,
    np.cumprod, np.nan_to_num, np.round, np.around, np.ndarray.astype, np.astype, np.real, np.imag,
    np.ascontiguousarray, np.nancumsum, np.nancumprod,
}  # fmt: skip


def shape_of(
    op: Callable[..., Any], args: tuple[Atom, ...], form: Form | None, fresh: tuple[Dim, ...]
) -> tuple[Dim, ...]:
    """The shape of the result: better known than `fresh` where `op` takes a shape, or joins."""
    pos = form.args if form is not None else tuple(map(Hole, range(len(args))))
    named = dict(form.kwargs) if form is not None else {}
    if op in _MAKERS:
        made = sizes(named.get("shape", pos[0] if pos else None), args)
        if len(made) != len(fresh):
            return fresh
        return tuple(_first(_valid(d), f) for d, f in zip(made, fresh, strict=True))
    if op in _SAME_SHAPE and pos:
        t = _type(pos[0], args)
        return t.shape if isinstance(t, Array) and len(t.shape) == len(fresh) else fresh
    if op in (np.eye, np.identity) and len(pos) == 1 and not named:
        d = _valid(sizes(pos[0], args)[0])
        return fresh if d is None else (d, d)
    if op is np.arange and len(pos) == 1 and not named:
        d = sizes(pos[0], args)[0]
        return (d,) if d is not None and not_negative(d) else fresh
    if op in (np.array, np.asarray) and pos and isinstance(pos[0], Pack):
        listed = _listed(pos[0], args)
        return listed if len(listed) == len(fresh) else fresh
    if op in (np.transpose, np.swapaxes) and len(pos) > 1:
        return _moved(op, _type(pos[0], args), [_literal(i, args) for i in pos[1:]], fresh)
    if op in (np.matmul, operator.matmul) and len(args) == 2:
        return _stacked(_type(Hole(0), args), _type(Hole(1), args), fresh)
    if op in (np.array, np.asarray) and pos and isinstance(pos[0], Pack):
        found = _displayed(pos[0], args)
        if found is not None and len(found) == len(fresh):
            return tuple(_first(d, f) for d, f in zip(found, fresh, strict=True))
    if op in (np.hstack, np.vstack, np.concatenate) and pos and isinstance(pos[0], Pack):
        axis = named.get("axis", pos[1] if len(pos) > 1 else 0)
        return _joined(op, [_type(i, args) for i in pos[0].items], axis, fresh)
    return fresh


def _listed(display: Pack, args: tuple[Atom, ...]) -> tuple[Dim, ...]:
    """The shape of an array of numbers, or of arrays of one shape, that are listed."""
    items = [
        _listed(i, args) if isinstance(i, Pack) else getattr(_type(i, args), "shape", ())
        for i in display.items
    ]
    return (len(items), *map(_same, zip(*items, strict=False)))


# The results of these have one shape.
_ALIKE = {np.nonzero, np.where, np.triu_indices, np.tril_indices, np.diag_indices}


def of_several(
    op: Callable[..., Any], args: tuple[Atom, ...], form: Form | None, t: Several
) -> Several:
    """The results of an operation that has several: what is known of their shapes."""
    arrays = [i for i in t.items if isinstance(i, Array)]
    if len(arrays) != len(t.items):
        return t
    if op in _ALIKE:
        return Several(tuple(replace(a, shape=arrays[0].shape) for a in arrays))
    if op is not np.ix_:
        return t
    pos = form.args if form is not None else tuple(map(Hole, range(len(args))))
    found: list[Type] = []
    for k, (a, given) in enumerate(zip(arrays, pos, strict=True)):
        held = _type(given, args)
        length = a.shape[k]
        if isinstance(given, Pack):
            length = len(given.items)
        elif isinstance(held, Array) and held.kind == "int":
            length = held.shape[0]
        found.append(replace(a, shape=tuple(length if j == k else 1 for j in range(len(arrays)))))
    return Several(tuple(found))


def sizes(template: Any, args: tuple[Atom, ...]) -> list[Dim | None]:
    """The extents in the template of a shape."""
    items = template.items if isinstance(template, Pack) else template
    items = items if isinstance(items, tuple) else (items,)
    return [of(args[i.k] if isinstance(i, Hole) else i) for i in items]


def _displayed(template: Any, args: tuple[Atom, ...]) -> tuple[Dim, ...] | None:
    """The shape of `np.array([a, b])`: as many rows as there are items."""
    if isinstance(template, Pack):
        inner = [_displayed(i, args) for i in template.items]
        shapes = [s for s in inner if s is not None]
        if not shapes or len(shapes) < len(inner) or len({len(s) for s in shapes}) > 1:
            return None
        return (len(inner), *(_same(dims) for dims in zip(*shapes, strict=True)))
    t = atom_type(args[template.k]) if isinstance(template, Hole) else type_of(template)
    if isinstance(t, Array):
        return None if t.loose else t.shape
    return () if isinstance(t, Scalar) else None


def _literal(template: Any, args: tuple[Atom, ...]) -> Any:
    a = args[template.k] if isinstance(template, Hole) else template
    if isinstance(a, Pack):
        return tuple(_literal(i, args) for i in a.items)
    return a.value if isinstance(a, Lit) else a


def _moved(
    op: Callable[..., Any], t: Type | None, axes: list[Any], fresh: tuple[Dim, ...]
) -> tuple[Dim, ...]:
    """The extents of a transposed array."""
    if not (isinstance(t, Array) and len(t.shape) == len(fresh)):
        return fresh
    order = list(range(len(fresh)))
    flat = axes[0] if op is np.transpose and isinstance(axes[0], tuple) else axes
    if not all(type(k) is int and -len(order) <= k < len(order) for k in flat):
        return fresh
    if op is np.swapaxes:
        a, b = flat
        order[a], order[b] = order[b], order[a]
    else:
        order = [k % len(order) for k in flat]
    return tuple(t.shape[k] for k in order)


def _stacked(a: Type | None, b: Type | None, fresh: tuple[Dim, ...]) -> tuple[Dim, ...]:
    """The extents of products of stacks of matrices, whose stacks are alike."""
    if not (isinstance(a, Array) and isinstance(b, Array)):
        return fresh
    if len(a.shape) != len(b.shape) or len(a.shape) < 3:
        return fresh
    for m, n in zip(a.shape[:-2], b.shape[:-2], strict=True):
        if (m != n or m == "?") and (may_be_one(m) or may_be_one(n)):
            return fresh
    return (*a.shape[:-1], b.shape[-1])


def _joined(
    op: Callable[..., Any], parts: list[Type | None], axis: Any, fresh: tuple[Dim, ...]
) -> tuple[Dim, ...]:
    """Along all axes but one the extents of the parts are the same."""
    rank = len(fresh)
    shapes = [t.shape for t in parts if isinstance(t, Array) and len(t.shape) == rank]
    if len(shapes) != len(parts) or not isinstance(axis, int) or (op is np.hstack and rank < 2):
        return fresh
    axis = 1 if op is np.hstack else 0 if op is np.vstack else axis % rank
    shape = [_same(dims) for dims in zip(*shapes, strict=True)]
    ends = [s[axis] for s in shapes]
    known = [d for d in ends if isinstance(d, int)]
    shape[axis] = sum(known) if len(known) == len(ends) else fresh[axis]
    return tuple(_first(d, f) for d, f in zip(shape, fresh, strict=True))


def _same(dims: tuple[Dim, ...]) -> Dim:
    """One extent of several that are equal, or NumPy raises: the one of which most is known."""
    known = [d for d in dims if isinstance(d, int)]
    sure = [d for d in dims if not may_be_one(d)]
    return [*known, *sure, *dims][0]


def _type(template: Any, args: tuple[Atom, ...]) -> Type | None:
    a = args[template.k] if isinstance(template, Hole) else None
    return a.type if isinstance(a, Var) else None


def _first(d: Dim | None, other: Dim) -> Dim:
    return other if d is None or d == "?" else d
