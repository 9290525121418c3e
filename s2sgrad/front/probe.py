"""What NumPy itself says, asked on tiny stand-ins for the operands."""

from __future__ import annotations

import operator
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from s2sgrad.ir.graph import Eqn, Form, Var, call_args
from s2sgrad.ir.types import KINDS, UNKNOWN, Array, Dim, List, Scalar, Several, Type
from s2sgrad.rules.registry import lookup

_STAND_IN: dict[str, Any] = {
    "float": 0.625,
    "int": 2,
    "bool": True,
    "complex": 0.625 + 0.25j,
    "text": "a",
}
_fresh = iter(range(1, 1 << 62))
ELEMENTWISE = {
    operator.add,
    operator.sub,
    operator.mul,
    operator.truediv,
    operator.pow,
    operator.neg,
    operator.pos,
    operator.mod,
    operator.floordiv,
    operator.lt,
    operator.le,
    operator.gt,
    operator.ge,
    operator.eq,
    operator.ne,
    abs,
    np.where,
    np.clip,
}


def is_elementwise(op: Callable[..., Any]) -> bool:
    """Is each element of the result made of one element of each operand?"""
    if isinstance(op, np.ufunc):
        return op.signature is None and op.nout == 1  # `matmul` and its like have one
    if op in ELEMENTWISE:
        return True
    rule = lookup(op)
    return rule is not None and rule.elementwise


def fresh_dim() -> Dim:
    """An extent of which nothing is known."""
    return f"?{next(_fresh)}"


def own_extents(t: Type) -> Type:
    """The type of one value: an extent that changes from turn to turn is its own in each."""
    if isinstance(t, Several):
        return replace(t, items=tuple(map(own_extents, t.items)))
    if not isinstance(t, Array) or "?" not in t.shape:
        return t
    return replace(t, shape=tuple(fresh_dim() if d == "?" else d for d in t.shape))


def stand_in(t: Type, scale: float = 1.0, extent: int = 3) -> Any:
    """A small value of this type; extents are all alike, so that any valid program runs on it.

    Matrices are positive definite: that is the most that a decomposition may ask for.
    """
    if isinstance(t, Scalar):
        value = _STAND_IN[t.kind] if t.kind != "float" else _STAND_IN["float"] * scale
        return np.dtype(t.char).type(value) if t.char else value
    if isinstance(t, List):
        return [stand_in(t.item, scale, extent)] * extent
    assert isinstance(t, Array)
    shape = tuple(d if isinstance(d, int) and d <= 4 and extent > 1 else extent for d in t.shape)
    value = 0 if t.kind == "int" and scale == 0.0 else _STAND_IN[t.kind]  # 0: any index is valid
    made = np.full(shape, value, dtype=t.char)
    if len(shape) >= 2 and shape[-1] == shape[-2] and t.kind in ("float", "complex"):
        made = made + (2 * np.eye(shape[-1])).astype(t.char)
    return made


def ask(op: Callable[..., Any], values: list[Any], form: Form | None) -> Any:
    eqn = Eqn(Var(""), op, (), form)
    pos, kw = call_args(eqn, values)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return op(*pos, **kw)


def type_of_value(v: Any) -> Type:
    """The type of a value, every extent of an array fresh."""
    if isinstance(v, tuple | list):
        items = tuple(map(type_of_value, v))
        return UNKNOWN if UNKNOWN in items else Several(items)
    if isinstance(v, np.ndarray):
        if v.dtype.char not in KINDS:
            return UNKNOWN
        return Array(v.dtype.char, tuple(fresh_dim() for _ in v.shape))
    if isinstance(v, np.generic):
        kind = {"f": "float", "i": "int", "u": "int", "b": "bool", "c": "complex"}.get(v.dtype.kind)
        return Scalar(kind, v.dtype.char) if kind else UNKNOWN
    for kind, cls in (("bool", bool), ("int", int), ("float", float), ("complex", complex)):
        if type(v) is cls:
            return Scalar(kind)
    return UNKNOWN
