"""May the result of an operation share memory with its operands?

What is not known to make an array of its own may be a view: that is the safe side for all who ask.
"""

from __future__ import annotations

import builtins
import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from s2sgrad.ir import ops
from s2sgrad.ir.call import Kept
from s2sgrad.ir.graph import Eqn, Form, Hole, Pack, Var, atom_type
from s2sgrad.ir.opaque import MethodOf
from s2sgrad.ir.through import Through
from s2sgrad.ir.types import Array, List, Seq, is_memory_type

_OPERATORS = """add sub mul truediv floordiv mod pow matmul neg pos invert and_ or_ xor lt le gt ge
eq ne not_ is_ is_not"""
_FUNCTIONS = """zeros ones empty full zeros_like ones_like empty_like full_like eye identity arange
linspace copy array sum mean prod var std max min amax amin ptp cumsum cumprod dot vdot inner outer
tensordot kron cross where clip concatenate stack vstack hstack column_stack dstack append tile
repeat take take_along_axis compress sort argsort argmax argmin any all round around roll trace
searchsorted diff interp median percentile quantile convolve tri tril triu insert delete pad nansum
nanmean cov corrcoef meshgrid size shape ndim count_nonzero nonzero logspace geomspace"""
_FFT = "fft ifft rfft irfft hfft ihfft"
_LINALG = "solve inv det slogdet norm cholesky eigh svd qr lstsq pinv"
FRESH: frozenset[Any] = frozenset(
    [getattr(operator, n) for n in _OPERATORS.split()]
    + [getattr(np, n) for n in _FUNCTIONS.split()]
    + [getattr(np.linalg, n) for n in _LINALG.split()]
    + [getattr(np.fft, n) for n in _FFT.split()]
    + [ops.zeros_like, ops.broadcast_like, ops.cast_like, ops.copy, ops.not_, ops.last_writes]
    + [np.ndarray.copy, np.ndarray.flatten, np.ndarray.astype, ops.zeros_list, ops.total]
    + [builtins.abs, builtins.sum, builtins.float, builtins.int, builtins.len]
)
# The rules read nothing but shape and dtype of these operands: their contents may be gone.
SHAPE_ONLY: dict[Any, tuple[int, ...]] = {
    ops.zeros_like: (0,),
    ops.broadcast_like: (1,),
    ops.reshape_like: (1,),
    ops.cast_like: (1,),
    ops.unbroadcast: (1,),
    np.size: (0, 1),
    np.shape: (0,),
    np.ndim: (0,),
    len: (0,),
    ops.place: (0,),
    ops.repeat_list: (1, 2),
    ops.fold_list: (1, 2),
    ops.total: (1,),
    ops.concat: (2,),
    ops.drop: (2, 3, 4),
    ops.zeros_list: (0,),
    ops.spread_list: (1,),
    ops.split_like: (1,),
    np.zeros_like: (0,),
    np.ones_like: (0,),
    np.empty_like: (0,),
    np.full_like: (0,),
}
# What a program makes to write to it.
ALLOCATIONS: frozenset[Any] = frozenset(
    [
        getattr(np, n)
        for n in ["zeros", "ones", "empty", "full", "zeros_like", "ones_like", "empty_like", "copy"]
    ]
    + [np.full_like, np.array, np.ndarray.copy, ops.copy, ops.zeros_like, ops.list_]
)
WRITES = frozenset(
    {ops.setitem, ops.additem, ops.append, ops.drop_last, ops.drop, ops.insert, ops.replace}
)


def shape_only(eqn: Eqn) -> tuple[int, ...]:
    """The operands whose contents may be gone; the length of a list is part of its contents."""
    found = SHAPE_ONLY.get(eqn.op, ())
    return (
        tuple(
            k for k in found if k < len(eqn.args) and not isinstance(atom_type(eqn.args[k]), List)
        )
        if found
        else ()
    )


def is_memory(v: Var) -> bool:
    """May this value share memory with another?  Numbers and static values do not."""
    return is_memory_type(v.type)


def makes_memory(op: Callable[..., Any], form: Form | None) -> bool:
    """Is what `op` returns always in memory of its own?"""
    if isinstance(op, Kept | MethodOf | Through):  # what it returns it has copied, if need be
        return True
    if form is not None and any(isinstance(t, Kept) for t in form.args):
        return True  # a solver returns what it made
    if op is np.einsum and form is not None:  # of one operand it may be a view
        return len(_holes(Pack("tuple", form.args))) > 1
    if op is np.diff and form is not None:  # with n=0 it returns its operand
        given = [*form.args[1:2], *(v for k, v in form.kwargs if k == "n")]
        return not given or (isinstance(given[0], int) and given[0] > 0)
    if op in FRESH:
        asked = op in (np.array, np.meshgrid, np.ndarray.astype) and form is not None
        return not (asked and any(k == "copy" and v is not True for k, v in form.kwargs))  # type: ignore[union-attr]
    if isinstance(op, np.ufunc):
        return form is None or all(k != "out" for k, _ in form.kwargs)
    return getattr(math, getattr(op, "__name__", ""), None) is op


def reads_copy(eqn: Eqn) -> bool:
    """Is a `getitem` one that copies: by a mask or an array of ints?"""
    assert eqn.form is not None
    index = eqn.form.args[1]
    # What the index reads: the view that a store goes through has the operands of the store.
    read = (atom_type(eqn.args[k]) for k in _holes(index))
    return any(isinstance(t, Array | Seq) for t in read) or _has_list(index)


def _has_list(template: Any) -> bool:
    if isinstance(template, Pack):
        return template.kind == "list" or any(map(_has_list, template.items))
    return isinstance(template, list | np.ndarray)


def _holes(template: Any) -> list[int]:
    if isinstance(template, Pack):
        return [k for item in template.items for k in _holes(item)]
    return [template.k] if isinstance(template, Hole) else []


def sources(eqn: Eqn) -> list[Var]:
    """The operands whose memory the result may share, nothing having been written in place."""
    if not is_memory(eqn.out):
        return []
    if eqn.op is ops.getitem:
        x = eqn.args[0]
        if isinstance(atom_type(x), List) or reads_copy(eqn):
            return []
        return [x] if isinstance(x, Var) else []
    if eqn.op in WRITES or makes_memory(eqn.op, eqn.form):
        return []
    shares = getattr(eqn.op, "shares", None)  # a helper knows
    if shares is not None:
        first = _holes(eqn.form.args[0]) if eqn.form and eqn.form.args else [0]
        return [a for k, a in enumerate(eqn.args) if shares(k in first) and isinstance(a, Var)]
    if isinstance(eqn.out.type, List):
        return []  # a container of its own; its items are another matter
    skip = SHAPE_ONLY.get(eqn.op, ())
    return [
        a for k, a in enumerate(eqn.args) if k not in skip and isinstance(a, Var) and is_memory(a)
    ]


__all__ = ["FRESH", "SHAPE_ONLY", "WRITES", "Hole", "is_memory", "makes_memory", "sources"]
