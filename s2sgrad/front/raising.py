"""Which operations may end with an exception: what a `try` around them is for."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from s2sgrad.front.probe import is_elementwise
from s2sgrad.ir import ops
from s2sgrad.ir.graph import Atom, Eqn, Lit, Pack, atom_type
from s2sgrad.ir.types import Array, Scalar, Static, Type, Unknown

_SAFE: set[Callable[..., Any]] = {
    *(operator.add, operator.sub, operator.mul, operator.neg, operator.pos),
    *(operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne),
    *(operator.is_, operator.is_not, ops.not_, ops.identity, ops.stop_gradient, ops.copy),
    *(abs, float, bool, len, np.size, np.shape, np.ndim, ops.zeros_like, np.zeros_like),
    *(np.ones_like, np.sum, np.mean, np.copy, np.ndarray.copy, ops.caught, ops.is_caught),
    *(ops.list_, ops.append, ops.fstring),
}
_DIVISIONS = {operator.truediv, operator.floordiv, operator.mod}
_BY_LITERALS = {np.zeros, np.ones, np.eye, np.identity, np.full}


def may_raise(e: Eqn, classes: tuple[type[BaseException], ...]) -> bool:
    """May this end with an exception of one of these classes?  Where that is not known, it may."""
    kinds = _kinds(e)
    related = any(issubclass(k, c) or issubclass(c, k) for k in kinds for c in classes)
    return related and _may_raise(e)


def _kinds(e: Eqn) -> tuple[type[BaseException], ...]:
    """The exceptions that the operation is known to raise."""
    name = getattr(e.op, "__name__", "")
    if e.op in _DIVISIONS:
        return (ZeroDivisionError, FloatingPointError, ValueError)
    if e.op is operator.pow:
        return (OverflowError, ZeroDivisionError, FloatingPointError, ValueError)
    if getattr(math, name, None) is e.op:
        return (ValueError, OverflowError, TypeError)
    return (BaseException,)


def _may_raise(e: Eqn) -> bool:
    if e.raises or e.effect:
        return e.op is not ops.caught
    types = [atom_type(a) for a in e.args]
    if e.op is operator.pow and isinstance(e.out.type, Scalar) and not e.out.type.char:
        return True  # a Python float overflows
    if e.op in _DIVISIONS and all(isinstance(t, Scalar) and not t.char for t in types):
        return not _divides(e.args[1])
    if any(isinstance(t, Unknown) for t in (*types, e.out.type)):
        return e.op not in (ops.list_, ops.append, ops.identity)
    if e.op in _BY_LITERALS:
        return bool(e.args)
    if e.op is ops.getitem:
        return not _is_slice(e.form.args[1] if e.form else None)
    if e.op in _SAFE or is_elementwise(e.op):
        return (e.form is not None and not is_elementwise(e.op)) or _may_clash(types)
    return True


def _divides(a: Atom) -> bool:
    """Is it a divisor that is surely not zero?"""
    return isinstance(a, Lit) and bool(a.value) and not isinstance(a.value, complex)


def _is_slice(index: Any) -> bool:
    """Slices and `None`: they do not ask how much there is."""
    items = index.items if isinstance(index, Pack) and index.kind == "tuple" else (index,)
    whole = (isinstance(i, slice) or (isinstance(i, Pack) and i.kind == "slice") for i in items)
    return len(items) == 1 and all(whole)


def _may_clash(types: list[Type]) -> bool:
    """Are there two arrays of which it is not known that they go together?"""
    shapes = [t.shape for t in types if isinstance(t, Array) and t.shape]
    others = any(not isinstance(t, Scalar | Array | Static) for t in types)
    return others or any(s != shapes[0] or "?" in s for s in shapes)
