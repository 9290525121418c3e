"""Cotangents of lists: the cotangent of a list is a list of the cotangents of its items."""

from __future__ import annotations

import builtins
import operator
from collections.abc import Callable

import numpy as np

from s2sgrad.errors import DifferentiationError, Refusal
from s2sgrad.ir import ops
from s2sgrad.ir.graph import Atom, Eqn, Form, Hole, Lit, Pack, Var, atom_type
from s2sgrad.ir.types import List, Scalar
from s2sgrad.passes.record import Recorder

LISTS = {
    ops.list_,
    ops.append,
    ops.drop_last,
    ops.drop,
    ops.insert,
    ops.concat,
    ops.repeat_list,
    ops.fold_list,
    ops.total,
    ops.replace,
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
        zero = need_item(r, s, need)
        return [r.emit(ops.append, (g, zero), hint=_hint(s.args[0]))]
    if s.op is ops.replace:
        return _replaced(r, s, g, need)
    if s.op in (ops.drop, ops.insert):
        return _edited(r, s, g, need)
    if s.op is ops.concat:
        n = need(s.args[2])
        parts = (Pack("slice", (None, Hole(1), None)), Pack("slice", (Hole(1), None, None)))
        bars = [
            r.emit(ops.getitem, (g, n), Form((Hole(0), part)), _hint(a))
            for a, part in zip(s.args, parts, strict=False)
        ]
        return [*bars, None]
    if s.op in (ops.repeat_list, ops.fold_list):
        other = ops.fold_list if s.op is ops.repeat_list else ops.repeat_list
        return [r.emit(other, (g, *map(need, s.args[1:])), hint=_hint(s.args[0])), None, None]
    if s.op is ops.total:
        one = r.emit(ops.list_, (g,))
        return [r.emit(ops.repeat_list, (one, need(s.args[1]), Lit(1))), None]
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


def _replaced(r: Recorder, s: Eqn, g: Atom, need: Callable[[Atom], Atom]) -> list[Atom | None]:
    """The new item has its cotangent; the old one, which may be of another size, has none."""
    assert s.form is not None
    index, atoms = s.form.args[1], tuple(map(need, s.args[1:-2]))
    taken = r.emit(ops.getitem, (g, *atoms), Form((Hole(0), index)))
    size, t = need(s.args[-1]), atom_type(taken)
    if isinstance(atom_type(s.args[-1]), Scalar):
        zero = r.emit(ops.repeat_list, (r.emit(ops.list_, (Lit(0.0),)), size, Lit(1)))
        like = r.emit(len, (taken,))
    else:
        zero, like = zeros_of(r, size), taken
    assert isinstance(t, List) or like is taken
    form = Form((Hole(0), index, Hole(len(atoms) + 1), Hole(len(atoms) + 2)))
    bar = r.emit(ops.replace, (g, *atoms, zero, like), form, _hint(s.args[0]))
    return [bar, *[None] * len(atoms), taken, None]


def _edited(r: Recorder, s: Eqn, g: Atom, need: Callable[[Atom], Atom]) -> list[Atom | None]:
    """`drop` and `insert` undo each other; the place is counted from the start, or is -1."""
    assert s.form is not None
    bars: list[Atom | None] = [None] * len(s.args)
    index = s.form.args[1]
    atoms = tuple(need(s.args[t.k]) for t in (index,) if isinstance(t, Hole))
    if s.op is ops.insert:
        bars[-1] = item_bar = r.emit(ops.getitem, (g, *atoms), Form((Hole(0), index)))
        n = r.emit(len, (g,))
        more = tuple(Hole(len(atoms) + 1 + j) for j in range(2))
        form = Form((Hole(0), index, *more))
        bars[0] = r.emit(ops.drop, (g, *atoms, n, item_bar), form, _hint(s.args[0]))
        return bars
    length, *item = s.args[len(atoms) + 1 :]
    zero = zeros_of(r, need(item[0])) if item else Lit(0.0)
    if not (isinstance(index, int) and index >= 0):  # counted from the end of the longer list
        k = atoms[0] if atoms else Lit(index)
        index, atoms = Hole(1), (r.emit(operator.mod, (k, need(length))),)
    form = Form((Hole(0), index, Hole(len(atoms) + 1)))
    bars[0] = r.emit(ops.insert, (g, *atoms, zero), form, _hint(s.args[0]))
    return bars


def need_item(r: Recorder, s: Eqn, need: Callable[[Atom], Atom]) -> Atom:
    """The zero cotangent of the last item, which is taken away."""
    t = atom_type(s.args[0])
    assert isinstance(t, List)
    if isinstance(t.item, Scalar):
        return Lit(0.0)
    return zeros_of(r, r.emit(ops.getitem, (need(s.args[0]),), Form((Hole(0), -1))))


def zeros_of(r: Recorder, item: Atom, hint: str = "") -> Atom:
    """The zero cotangent of a number, an array or a list."""
    t = atom_type(item)
    if isinstance(t, Scalar):
        return Lit(0.0)
    if not isinstance(t, List):
        return r.emit(ops.zeros_like, (item,), hint=hint)
    if isinstance(t.item, Scalar):
        return r.emit(ops.spread_list, (Lit(0.0), item), hint=hint)
    return r.emit(ops.zeros_list, (item,), hint=hint)


def _item(r: Recorder, g: Atom, k: int) -> Atom:
    return r.emit(ops.getitem, (g,), Form((Hole(0), k)))


def _hint(a: Atom) -> str:
    return f"{a.hint}_bar" if isinstance(a, Var) and a.hint else ""


def refused_list(s: Eqn) -> DifferentiationError:
    name = getattr(s.op, "__name__", str(s.op))
    return DifferentiationError(
        Refusal(
            f"`{name}` of a list that grows is not supported",
            s.at,
            "make it an array first: np.array(...) or np.stack(...)",
            anchor="list",
        )
    )
