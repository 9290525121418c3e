"""Cotangents of lists: the cotangent of a list is a list of the cotangents of its items."""

from __future__ import annotations

import builtins
from collections.abc import Callable

import numpy as np

from s2sgrad.errors import DifferentiationError, Refusal
from s2sgrad.ir import ops
from s2sgrad.ir.graph import Atom, Eqn, Form, Hole, Lit, Var, atom_type
from s2sgrad.ir.types import List, Scalar
from s2sgrad.passes.record import Recorder

LISTS = {
    ops.list_,
    ops.append,
    ops.drop_last,
    ops.add_lists,
    ops.spread_list,
    ops.split_like,
    builtins.list,
}


def list_cotangents(
    r: Recorder, s: Eqn, g: Atom, need: Callable[[Atom], Atom]
) -> list[Atom | None]:
    """One cotangent for each operand of an operation that makes or reads a list."""
    bars: list[Atom | None] = [None] * len(s.args)
    if s.op is ops.list_:
        return [_item(r, g, k) for k in range(len(s.args))]
    if s.op is ops.append:
        last = _item(r, g, -1)  # before the list is shorter, so that it may be so in place
        return [r.emit(ops.drop_last, (g,), hint=_hint(s.args[0])), last]
    if s.op is ops.drop_last:
        zero = r.emit(ops.zeros_like, (need_item(r, s, need),))
        return [r.emit(ops.append, (g, zero), hint=_hint(s.args[0]))]
    if s.op is ops.add_lists:
        return [g, g]
    if s.op is ops.spread_list:
        return [r.emit(builtins.sum, (g,)), None]
    if s.op is ops.split_like:
        axis = s.form.args[2] if s.form and len(s.form.args) > 2 else 0
        form = Form((Hole(0),), (("axis", axis),)) if axis else None
        return [r.emit(np.concatenate, (g,), form), None]
    if s.op is builtins.list and not isinstance(atom_type(s.args[0]), List):
        return [r.emit(np.array, (g,))]
    if s.op is builtins.sum:
        bars[0] = r.emit(ops.spread_list, (g, need(s.args[0])))
        if len(s.args) > 1:
            bars[1] = g
        return bars
    axis = dict(s.form.kwargs).get("axis", 0) if s.form else 0
    if s.op in (np.array, np.asarray, np.stack):
        if axis != 0:
            g = r.emit(np.moveaxis, (g,), Form((Hole(0), axis, 0)))
        bars[0] = r.emit(builtins.list, (g,))
        return bars
    if s.op is np.concatenate and isinstance(axis, int):
        form = Form((Hole(0), Hole(1), axis) if axis else (Hole(0), Hole(1)))
        bars[0] = r.emit(ops.split_like, (g, need(s.args[0])), form)
        return bars
    name = getattr(s.op, "__name__", str(s.op))
    assert s.at is not None
    raise DifferentiationError(
        Refusal(
            f"`{name}` of a list that grows is not supported",
            s.at,
            "make it an array first: np.array(...) or np.stack(...)",
            anchor="list",
        )
    )


def need_item(r: Recorder, s: Eqn, need: Callable[[Atom], Atom]) -> Atom:
    """The item that `drop_last` takes away."""
    t = atom_type(s.args[0])
    assert isinstance(t, List)
    if isinstance(t.item, Scalar):
        return Lit(0.0)
    return r.emit(ops.getitem, (need(s.args[0]),), Form((Hole(0), -1)))


def _item(r: Recorder, g: Atom, k: int) -> Atom:
    return r.emit(ops.getitem, (g,), Form((Hole(0), k)))


def _hint(a: Atom) -> str:
    return f"{a.hint}_bar" if isinstance(a, Var) and a.hint else ""
