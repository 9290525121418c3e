"""Types of results: NumPy itself is asked, on tiny stand-ins for the operands."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from s2sgrad.front import sizes
from s2sgrad.front.indexed import broadcast, indexed, is_int
from s2sgrad.front.list_types import ANY, LISTS, listed, of_list
from s2sgrad.front.probe import ask, fresh_dim, is_elementwise, own_extents, stand_in, type_of_value
from s2sgrad.front.solved import solved_type
from s2sgrad.front.unknown import OPEN, infer_unknown
from s2sgrad.ir import ops
from s2sgrad.ir.graph import (
    Atom,
    Form,
    Hole,
    Lit,
    Pack,
    Var,
    atom_type,
    fill,
)
from s2sgrad.ir.through import Through
from s2sgrad.ir.types import (
    FLOAT,
    UNDEFINED,
    UNKNOWN,
    Array,
    Dim,
    List,
    Scalar,
    Several,
    Static,
    Type,
    Undefined,
    Unknown,
    is_real,
    kind_of,
    may_be_one,
    type_of,
)
from s2sgrad.rules.functions import TAKES
from s2sgrad.rules.objects import TYPED
from s2sgrad.rules.registry import lookup

_TRIES = ((1.0, 3), (3.0, 3), (1.0, 12), (0.0, 3))  # scales of values, extents
_LIKE = {np.zeros_like, np.ones_like, np.empty_like, np.copy, np.ndarray.copy, ops.copy}


_SAME_TYPE = {
    ops.zeros_like,
    ops.identity,
    ops.setitem,
    ops.additem,
    ops.copy,
    ops.bound,
    ops.stop_gradient,
    ops.finite,
}


REDUCTIONS = {
    np.sum,
    np.mean,
    np.prod,
    np.max,
    np.min,
    np.std,
    np.var,
    np.any,
    np.all,
    np.argmax,
    np.argmin,
}

_BY_STRUCTURE = {
    np.ix_, np.nonzero, np.unravel_index, np.meshgrid, np.broadcast_arrays, divmod, np.unique,
    np.histogram,
}  # fmt: skip


def _literal_extents(types: list[Type | None]) -> list[tuple[float, int]]:
    """What else may do: a symbol may have to be what another operand's extent is."""
    shapes = [t.shape for t in types if isinstance(t, Array)]
    return [(1.0, d) for d in sorted({d for s in shapes for d in s if isinstance(d, int)})]


def infer(op: Callable[..., Any], args: tuple[Atom, ...], form: Form | None) -> Type:
    """The type of `op(*args)`: `UNKNOWN` when it depends on more than the types."""
    types = [a.type if isinstance(a, Var) else None for a in args]
    if any(isinstance(t, Undefined) for t in types) and not (
        op is ops.list_ or (op in ANY and of_list(types))
    ):
        return UNDEFINED  # nothing yet: a loop's body is parsed again when more is known
    if op in TAKES:
        return solved_type(op, TAKES[op], args, form or Form(tuple(map(Hole, range(len(args))))))
    if isinstance(op, Through) and op in TYPED:
        given = form.args if form else tuple(map(Hole, range(len(args))))
        return own_extents(TYPED[op]([_operand_type(t, args) for t in given[: 2 + op.count]]))
    if op in _SAME_TYPE and not (op is ops.setitem and isinstance(types[0], List)):
        t = types[0]
        return UNKNOWN if t is None else t
    if op is ops.last_writes:
        return atom_type(args[-1])
    if op in (ops.unbroadcast, ops.broadcast_like, ops.reshape_like, ops.cast_like):
        return _like(op, atom_type(args[0]), atom_type(args[1]))
    first = types[0] if types else None
    if op in LISTS or isinstance(first, List):
        known = listed(op, args, form, _read)
        if known is not None:
            return known
    if op is ops.getitem and isinstance(first, Several):
        index = form.args[1] if form is not None else None
        return first.items[index] if isinstance(index, int) and not first.open else UNKNOWN
    if any(isinstance(t, Unknown | Static) for t in types):
        return infer_unknown(op, args, form)
    if op is operator.truediv and all(map(_is_python_number, args)):
        return FLOAT  # whatever the divisor is
    squeezed = first.shape if op is np.squeeze and form is None and isinstance(first, Array) else ()
    if any(d != 1 and may_be_one(d) for d in squeezed):
        return UNKNOWN  # how many axes are left depends on the sizes
    if op in (np.reshape, np.broadcast_to) and isinstance(first, Array | Scalar):
        shape_form = form or Form((Hole(0), Hole(1)))
        reshaped = _reshaped(first, shape_form, args)
        if reshaped is not None:
            return reshaped
    if op is ops.getitem and form is not None and isinstance(first, Array):
        shape = _read(first.shape, form.args[1], args)
        if shape is not None:
            return Array(first.char, shape) if shape else Scalar(first.kind, first.char)
    rule = lookup(op)
    if rule is not None and rule.like is not None:
        template = form.args[rule.like] if form is not None else Hole(rule.like)
        t = types[template.k] if isinstance(template, Hole) else None
        return UNKNOWN if t is None else t
    # Extents do not matter to an elementwise operation, and a literal one need not be 3.
    tries = ((1.0, 1),) if is_elementwise(op) else (*_TRIES, *_literal_extents(types))
    for scale, extent in tries:
        try:
            values = [
                a.value if isinstance(a, Lit) else stand_in(t, scale, extent)  # type: ignore[arg-type]
                for a, t in zip(args, types, strict=True)
            ]
            result = ask(op, values, form)
            break
        except Exception:
            # Whatever NumPy says to a stand-in: other sizes may do, else the type is unknown.
            continue
    else:
        return UNKNOWN
    t = type_of_value(result)
    if isinstance(t, Several) and not _sure_count(op, args, types, form, len(t.items)):
        return OPEN
    if isinstance(t, Several):
        t = sizes.of_several(op, args, form, t)
    if rule is not None and rule.maybe_complex:
        t = _as_complex(t)
    if isinstance(t, Array):
        arrays = [u for u in types if isinstance(u, Array)]
        loose = is_elementwise(op) and bool(arrays) and all(u.loose for u in arrays)
        return Array(t.char, _shape(op, args, types, t, form), loose)
    return t


def _operand_type(t: Any, args: tuple[Atom, ...]) -> Type:
    return atom_type(args[t.k]) if isinstance(t, Hole) else type_of(t)


def _sure_count(
    op: Callable[..., Any], args: tuple[Atom, ...], types: list[Type | None], form: Form | None,
    count: int,
) -> bool:  # fmt: skip
    """Is the number of results the same whatever the extents are?"""
    if op in _BY_STRUCTURE:
        return True
    if any(kind_of(t) == "int" for t in types if t is not None):
        return False
    values = [
        a.value if isinstance(a, Lit) else stand_in(t, 1.0, 12)  # type: ignore[arg-type]
        for a, t in zip(args, types, strict=True)
    ]
    try:
        return len(ask(op, values, form)) == count
    except Exception:  # NumPy refuses this size: the operation fixes it, and so the count
        return True


def _as_complex(t: Type) -> Type:
    """The complex type of a result that is complex or real as the values are."""
    if isinstance(t, Several):
        return Several(tuple(map(_as_complex, t.items)))
    if isinstance(t, Array):
        return Array({"f": "F", "d": "D"}.get(t.char, t.char), t.shape)
    return Scalar("complex", "D" if t.char else "") if isinstance(t, Scalar) else t


def _reshaped(t: Array | Scalar, form: Form, args: tuple[Atom, ...]) -> Type | None:
    """Its rank is that of the new shape, whatever the sizes are."""
    shape = dict(form.kwargs).get("shape", form.args[1] if len(form.args) > 1 else None)
    items = shape.items if isinstance(shape, Pack) else shape
    items = items if isinstance(items, tuple) else (items,)
    char = t.char if isinstance(t, Array) else t.char or "d"
    held = [atom_type(args[i.k]) if isinstance(i, Hole) else type_of(i) for i in items]
    if not all(map(is_int, held)):
        return None
    dims = (d if sizes.not_negative(d) else None for d in sizes.sizes(items, args))
    return Array(char, tuple(fresh_dim() if d is None else d for d in dims))


def _like(op: Callable[..., Any], g: Type, x: Type) -> Type:
    """The type of a cotangent `g` in the shape of `x`."""
    if op is ops.cast_like and isinstance(g, Array) and isinstance(x, Array):
        return Array(x.char, g.shape)
    if isinstance(x, Array):
        return Array(g.char if isinstance(g, Array) else x.char, x.shape)
    if isinstance(x, Scalar):
        return Scalar(kind_of(g) or x.kind)
    if isinstance(x, Unknown):
        real = is_real(g) and (x.real or op is ops.unbroadcast)
        return Unknown(x.shape, real, x.array)
    return UNKNOWN


def _shape(
    op: Callable[..., Any],
    args: tuple[Atom, ...],
    types: list[Type | None],
    t: Array,
    form: Form | None,
) -> tuple[Dim, ...]:
    if is_elementwise(op):
        shapes = [u.shape for u in types if isinstance(u, Array)]
        if not any(isinstance(a, Lit) and isinstance(a.value, np.ndarray) for a in args):
            return broadcast(shapes)
    first = types[0] if types else None
    if op in REDUCTIONS and isinstance(first, Array) and form is not None:
        return _reduced(first.shape, len(t.shape), args, form) or t.shape
    if op in _LIKE and isinstance(first, Array):
        return first.shape
    if op in (np.matmul, operator.matmul, np.dot) and len(types) == 2:
        a, b = types
        if isinstance(a, Array) and isinstance(b, Array) and _plain_ranks(a, b):
            return (*a.shape[:-1], *b.shape[1:])
    if op is np.transpose and form is None and isinstance(first, Array):
        return first.shape[::-1]
    if op is np.outer and all(isinstance(u, Array) and len(u.shape) == 1 for u in types):
        return tuple(u.shape[0] for u in types if isinstance(u, Array))
    return sizes.shape_of(op, args, form, t.shape)


def _reduced(
    shape: tuple[Dim, ...], rank: int, args: tuple[Atom, ...], form: Form
) -> tuple[Dim, ...] | None:
    """The extents that a reduction leaves; None where its axes are not known."""
    named = {**dict(zip(("a", "axis"), form.args, strict=False)), **dict(form.kwargs)}
    values = [a.value if isinstance(a, Lit) else a for a in args]
    axis = fill(named.get("axis"), values)
    axes = axis if isinstance(axis, tuple) else (axis,)
    if axis is None:
        axes = tuple(range(len(shape)))
    if not all(isinstance(k, int) and -len(shape) <= k < len(shape) for k in axes):
        return None
    gone = {k % len(shape) for k in axes}
    if rank == len(shape):
        return tuple(1 if k in gone else d for k, d in enumerate(shape))
    left = tuple(d for k, d in enumerate(shape) if k not in gone)
    return left if len(left) == rank else None


def _read(
    shape: tuple[Dim, ...] | None, index: Any, args: tuple[Atom, ...]
) -> tuple[Dim, ...] | None:
    """The extents of `x[index]`, also along a path."""
    if not (isinstance(index, Pack) and index.kind == "path"):
        return None if shape is None else indexed(shape, index, args)
    for step in index.items:
        if shape is None:
            return None
        if isinstance(step, Pack) and step.kind == "transpose":
            axes = step.items or range(len(shape))[::-1]
            shape = tuple(shape[k] for k in axes)
        else:
            shape = indexed(shape, step, args)
    return shape


def _plain_ranks(a: Array, b: Array) -> bool:
    return 1 <= len(a.shape) <= 2 and 1 <= len(b.shape) <= 2


def _is_python_number(a: Atom) -> bool:
    """A float, int or bool of Python's own."""
    t = atom_type(a)
    return isinstance(t, Scalar) and not t.char and t.kind != "complex"


def fits(t: Type, out: Type) -> bool | None:
    """Has a value of type `t` the shape of `out`, into which it was broadcast?  None: unknown."""
    if isinstance(t, Unknown) and isinstance(out, Scalar):
        return True  # the rule's answer is a number, and so was what it was broadcast to
    if isinstance(t, Unknown) and isinstance(out, Unknown):
        return True if t.shape and t.shape == out.shape else None
    if isinstance(t, Scalar):
        return None if isinstance(out, Unknown) else not isinstance(out, Array)
    if not isinstance(t, Array) or not isinstance(out, Array):
        return None
    if len(t.shape) != len(out.shape):
        return False
    answer: bool | None = True
    for a, b in zip(t.shape, out.shape, strict=True):
        if (a == b and a != "?") or not may_be_one(a):
            continue
        if a == 1:
            return False
        answer = None
    return answer


def spread_axes(t: Array, out: Array) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """Over which axes a `t` was broadcast to an `out`: leading ones, and those of length 1.

    The second are counted without the first.  None where it depends on the sizes.
    """
    lead = len(out.shape) - len(t.shape)
    if lead < 0 or t.loose:
        return None
    ones = []
    for k, (a, b) in enumerate(zip(t.shape, out.shape[lead:], strict=True)):
        if a == 1 and b != 1:
            ones.append(k)
        elif (a != b or a == "?") and may_be_one(a):
            return None
    return tuple(range(lead)), tuple(ones)


__all__ = [
    "broadcast",
    "fits",
    "fresh_dim",
    "infer",
    "kind_of",
    "spread_axes",
    "stand_in",
    "type_of_value",
]
