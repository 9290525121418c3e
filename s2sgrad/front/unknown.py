"""What is known of a result although the type of some operand is not."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from s2sgrad.front.probe import ask, fresh_dim, is_elementwise, stand_in
from s2sgrad.ir import ops
from s2sgrad.ir.graph import Atom, Form, Lit, Pack, atom_type
from s2sgrad.ir.types import (
    BOOL,
    FLOAT,
    INT,
    UNKNOWN,
    Array,
    Scalar,
    Several,
    Static,
    Type,
    Unknown,
    is_real,
)
from s2sgrad.rules.registry import lookup

OPEN = Several((UNKNOWN,), open=True)
_REDUCTIONS = {np.sum, np.mean, np.prod, np.var, np.std, np.max, np.min, np.amax, np.amin, np.ptp,
               np.median, np.linalg.norm}  # fmt: skip
_INTS = {np.size, np.ndim, len, math.floor, math.ceil, math.trunc, int}
_TRUTHS = {np.any, np.all, bool, ops.not_, operator.is_, operator.is_not}
_REAL = {np.real, np.imag, np.abs, abs, np.angle, np.isfinite, np.isnan, np.linalg.norm}
_SPLITS = {np.split, np.array_split, np.hsplit, np.vsplit, np.dsplit}


def infer_unknown(op: Callable[..., Any], args: tuple[Atom, ...], form: Form | None) -> Type:
    """The type of `op(*args)`, as far as it is the same whatever the unknown types are."""
    types = [atom_type(a) for a in args]
    named = dict(form.kwargs) if form is not None else {}
    sure = _sure(op, types, form, named)
    if sure is not None:
        return sure
    answer = _Answer() if _is_plain(op) else _asked(op, args, form)
    numbers = all(is_real(t) or isinstance(t, Static) for t in types) and "dtype" not in named
    real = op in _REAL or (numbers and not answer.complex)
    if op in _REDUCTIONS and real and len(args) == 1 and _to_one(form, named):
        return Scalar("float", "d")
    if is_elementwise(op):
        return Unknown(_common(types), real, any(map(_is_array, types)))
    several = _parts(form) if op in _SPLITS else answer.several
    if op is np.gradient and not isinstance(named.get("axis"), int):
        several = OPEN  # one for each axis, or an array where there is one axis
    if several is None or several.open:
        return several or Unknown(str(fresh_dim()), real)
    return Several(tuple(Unknown(str(fresh_dim()), real) for _ in several.items))


def _sure(
    op: Callable[..., Any], types: list[Type], form: Form | None, named: dict[str, Any]
) -> Type | None:
    name = getattr(op, "__name__", "")
    if op in _INTS and not named:
        return INT
    if op is np.shape:
        return Static("shape")
    if op in _TRUTHS and (form is None or op is ops.not_):
        return BOOL
    if getattr(math, name, None) is op and name != "prod":
        return BOOL if name.startswith("is") else FLOAT
    if op in (np.zeros_like, np.ones_like) and isinstance(types[0], Unknown):
        return Unknown(types[0].shape, True, types[0].array)
    return None


def _is_plain(op: Callable[..., Any]) -> bool:
    """Is the answer one value, and real where the operands are?"""
    if isinstance(op, np.ufunc) and op.nout == 1:
        return getattr(np, op.__name__, None) is op
    home = getattr(op, "__module__", "")
    return op in _REDUCTIONS or home in ("_operator", "s2sgrad.ir.ops")


@dataclass
class _Answer:
    """What stand-ins of all ranks say: how many results there are, and whether one is complex."""

    counts: set[int] = field(default_factory=set)
    complex: bool = False

    @property
    def several(self) -> Several | None:
        if self.counts <= {1}:
            return None
        return Several((UNKNOWN,) * min(self.counts)) if len(self.counts) == 1 else OPEN


def _asked(op: Callable[..., Any], args: tuple[Atom, ...], form: Form | None) -> _Answer:
    rule = lookup(op)
    # A cast by its name, or one whose answer is real for some values only, may be complex.
    cast = getattr(op, "__name__", "").startswith(("complex", "astype"))
    answer = _Answer(complex=cast or (rule is not None and rule.maybe_complex))
    for _, result in stand_in_calls(op, args, form):
        parts = result if isinstance(result, tuple | list) else [result]
        answer.counts.add(len(parts))
        answer.complex |= any(map(is_complex, parts))
    answer.complex |= not answer.counts  # nobody knows
    return answer


def stand_in_calls(
    op: Callable[..., Any], args: tuple[Atom, ...], form: Form | None
) -> Iterator[tuple[list[Any], Any]]:
    """Calls on stand-ins of several ranks and sizes that NumPy accepts: operands and answer."""
    types = [atom_type(a) for a in args]
    for rank in range(4):
        guess: Type = Array("d", ("n",) * rank) if rank else FLOAT
        shown = [guess if isinstance(t, Unknown) else t for t in types]
        for extent in (2, 3, 12):
            try:
                values = [
                    a.value if isinstance(a, Lit) else stand_in(t, 1.0, extent)
                    for a, t in zip(args, shown, strict=True)
                ]
                answer = ask(op, values, form)
            except Exception:  # whatever NumPy says to a stand-in
                continue
            yield values, answer


def is_complex(v: Any) -> bool:
    """Is a value complex, or some item of it?"""
    if isinstance(v, tuple | list):
        return any(map(is_complex, v))
    return isinstance(v, complex) or getattr(getattr(v, "dtype", None), "kind", "") == "c"


def _parts(form: Form | None) -> Several:
    """The parts that `np.split` makes."""
    named = dict(form.kwargs) if form is not None else {}
    given = form.args[1:] if form is not None else ()
    at = named.get("indices_or_sections", given[0] if given else None)
    if isinstance(at, Pack | tuple):
        at = len(at.items if isinstance(at, Pack) else at) + 1
    return Several((UNKNOWN,) * at) if isinstance(at, int) else OPEN


def _to_one(form: Form | None, named: dict[str, Any]) -> bool:
    """Does a reduction give one number?"""
    plain = form is None or len(form.args) == 1
    return plain and named.get("axis") is None and not named.get("keepdims")


def _is_array(t: Type) -> bool:
    return isinstance(t, Array) or (isinstance(t, Unknown) and t.array)


def _common(types: list[Type]) -> str:
    """The shape of an elementwise result: that of its operands, if all but numbers share it."""
    tokens = {t.shape if isinstance(t, Unknown) else "" for t in types if not isinstance(t, Scalar)}
    token = tokens.pop() if len(tokens) == 1 else ""
    return token or str(fresh_dim())
