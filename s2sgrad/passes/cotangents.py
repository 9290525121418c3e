"""Cotangents: their contributions are summed once, in the shape and the dtype of the primal."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from s2sgrad.front.infer import fits, spread_axes
from s2sgrad.ir import ops
from s2sgrad.ir.graph import Atom, Eqn, Form, Hole, Var, atom_type
from s2sgrad.ir.through import Through
from s2sgrad.ir.types import Array, List, Scalar, Type, Unknown, is_real, kind_of
from s2sgrad.passes.frames import ZERO, Add, Clear, bar_name, dense_parts, is_zero
from s2sgrad.passes.lists import zeros_of
from s2sgrad.passes.taping import Taping


class Cotangents(Taping):
    """The cotangents of the mirror that is being built."""

    def add(self, v: Atom, g: Atom) -> None:
        if v in self.active and not is_zero(g):
            self.frame.bars.setdefault(v, []).append(g)

    def total(self, v: Var) -> Atom:
        """The cotangent of `v`: its contributions summed once."""
        parts = self.frame.bars.get(v)
        if not parts:
            return self.zero(v)
        adds = [p for p in parts if isinstance(p, Add)]
        dense: list[Atom] = []
        for p in parts:
            if isinstance(p, Clear):
                here = [a for a in adds if p.meets(a)]
                adds = [a for a in adds if a not in here]
                dense.append(self.cleared(p, [a.g for a in here], v))
            elif not isinstance(p, Add):
                dense.append(p)
        total = dense.pop(0) if dense else self.zero(v)
        for g in dense:
            total = self.sum(total, g, v)
        selected = total in self.selected.bars or not dense_parts(parts)
        for a in adds:
            total = self.put(ops.additem, total, a.index, a.atoms, a.g, v)
        if selected:  # zero wherever nothing was read
            self.selected.bars.add(total)
        self.note(total, v)
        self.frame.bars[v] = [total]
        return total

    def note(self, bar: Atom, v: Var) -> None:
        """Note that `bar` is the cotangent of `v`: it will be named so."""
        if isinstance(bar, Var) and not bar.hint:
            self.bar_of.setdefault(bar, v)

    def cleared(self, c: Clear, gs: list[Atom], v: Var) -> Atom:
        """Zero at the place of a store, and what was contributed to that place since."""
        if len(gs) == 1 and gs[0] is c.read:
            return c.base  # `x[i] += v` leaves the cotangent as it is
        total: Atom = ZERO
        if isinstance(v.type, List) and not gs:
            item = c.read or self.part(c)
            if not isinstance(atom_type(item), Scalar):
                total = zeros_of(self.recorder, item)
        for k, g in enumerate(gs):
            total = self.sum(total, g, v) if k else g
        cleared = self.put(ops.setitem, c.base, c.index, c.atoms, total, v)
        self.selected.bars.add(cleared)
        return cleared

    def part(self, c: Clear) -> Atom:
        """What the cotangent has at the place of a store."""
        return self.recorder.emit(ops.getitem, (c.base, *c.atoms), Form((Hole(0), c.index)))

    def put(
        self,
        op: Callable[..., Any],
        base: Atom,
        index: Any,
        atoms: tuple[Atom, ...],
        g: Atom,
        v: Var,
    ) -> Atom:
        """`base` with `g` stored at, or added to, the place `index`."""
        form = Form((Hole(0), index, Hole(len(atoms) + 1)))
        return self.recorder.emit(op, (base, *atoms, g), form, hint=bar_name(v))

    def sum(self, a: Atom, b: Atom, v: Var) -> Atom:
        if any(isinstance(t, List) for t in (v.type, atom_type(a), atom_type(b))):
            return self.recorder.emit(ops.add_lists, (a, b), hint=bar_name(v))
        total = self.recorder.emit(operator.add, (a, b), hint=bar_name(v))
        self.selected.sum((a, b), total)
        return total

    def zero(self, v: Var) -> Atom:
        if isinstance(v.type, Scalar) or v in self.unbound:
            return ZERO
        return zeros_of(self.recorder, self.like(v), bar_name(v))

    # -- repair, once for all rules

    def shaped(self, bar: Atom, x: Var) -> Atom:
        """Repair, once for all rules: broadcasting is undone, and a wider dtype."""
        if isinstance(x.type, List):
            return bar
        bar = self.reshaped(bar, x)
        t = atom_type(bar)
        if isinstance(x.type, Scalar) and kind_of(t) == "complex" != x.type.kind:
            bar = self.recorder.emit(np.real, (bar,))
        if is_real(x.type) and isinstance(t, Unknown) and not t.real:
            bar = self.recorder.emit(np.real, (bar,))
        if isinstance(x.type, Array) and isinstance(t, Array) and t.char != x.type.char:
            if x.type.kind == "float" and t.kind == "complex":
                bar = self.recorder.emit(np.real, (bar,))
            bar = self.recorder.emit(ops.cast_like, (bar, self.like(x)))
        return bar

    def reshaped(self, bar: Atom, x: Var) -> Atom:
        t = atom_type(bar)
        same = fits(x.type, t)
        if same:
            return bar
        if isinstance(t, Scalar) and isinstance(x.type, Array) and not x.type.shape:
            return bar  # that of an array without axes is a number
        if isinstance(x.type, Scalar) and isinstance(t, Array):
            return self.summed(bar, None, Scalar(t.kind, t.char))
        if isinstance(x.type, Scalar) and isinstance(t, Unknown):
            return self.recorder.emit(np.sum, (bar,))  # `x` may be unbound where it was not read
        if same is False and isinstance(x.type, Array) and isinstance(t, Scalar):
            return self.recorder.emit(ops.broadcast_like, (bar, self.like(x)))
        if isinstance(x.type, Array) and isinstance(t, Array):
            axes = spread_axes(x.type, t)
            if axes is not None:
                lead, ones = axes
                if lead:
                    kept = Array(t.char, t.shape[len(lead) :])
                    bar = self.summed(bar, lead, kept)
                if ones:
                    bar = self.summed(bar, ones, Array(t.char, x.type.shape), keepdims=True)
                return bar
        return self.recorder.emit(ops.unbroadcast, (bar, self.like(x)))

    def summed(
        self, bar: Atom, axes: tuple[int, ...] | None, t: Type, keepdims: bool = False
    ) -> Atom:
        """`np.sum` of `bar`, whose result has the type `t`."""
        named: list[tuple[str, Any]] = []
        if axes is not None:
            named.append(("axis", axes[0] if len(axes) == 1 else axes))
        if keepdims:
            named.append(("keepdims", True))
        form = Form((Hole(0),), tuple(named)) if named else None
        out = Var("", t)
        self.recorder.stmts.append(Eqn(out, np.sum, (bar,), form, self.recorder.at))
        return out

    def hand(self, a: Atom, g: Atom) -> None:
        """Add to what a loop or a branch was handed: a number where others hand an array."""
        if isinstance(a, Var) and a in self.active:
            t = atom_type(g)
            loose = isinstance(t, Array) and t.loose
            self.add(a, self.shaped(g, a) if loose or isinstance(a.type, Scalar) else g)


_MOVES = {
    np.concatenate,
    np.hstack,
    np.vstack,
    np.transpose,
    np.swapaxes,
    np.moveaxis,
    np.reshape,
    np.ravel,
}  # nothing is broadcast


def keeps_shapes(s: Eqn) -> bool:
    """Is nothing broadcast: elements that move, or a product of vectors and matrices?"""
    if s.op in _MOVES or isinstance(s.op, Through):
        return True
    types = [atom_type(a) for a in s.args]
    ranked = all(isinstance(t, Array) and len(t.shape) <= 2 and not t.loose for t in types)
    return s.op in (np.matmul, operator.matmul, np.dot) and ranked and s.form is None


def retype(bar: Atom, x: Var) -> None:
    """`bar` was just made in the shape of `x`, which the extents of its operands may not show."""
    if not (isinstance(bar, Var) and isinstance(bar.type, Array) and isinstance(x.type, Array)):
        return
    if len(bar.type.shape) == len(x.type.shape):
        object.__setattr__(bar, "type", Array(bar.type.char, x.type.shape))
