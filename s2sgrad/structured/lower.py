"""Values of structured Jacobians as equations: the NumPy that one would write by hand."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from s2sgrad.ir import ops
from s2sgrad.ir.graph import Atom, Eqn, Form, Hole, Lit, Pack, Stmt, Var
from s2sgrad.ir.types import Array
from s2sgrad.passes.record import Recorder
from s2sgrad.structured.values import Axes, Value

LETTERS = "ijklmnopqrstuvwxyzabcdefgh"
EVERY = Pack("slice", (None, None, None))


class Lowering:
    """Writes each value once."""

    def __init__(self, stmts: list[Stmt]) -> None:
        self.recorder = Recorder(stmts)
        self.known: dict[Value, Atom] = {}
        self.ranges: dict[tuple[int, ...], Atom] = {}
        self.hint = ""  # what the block is called that is being made

    def emit(self, op: Callable[..., Any], *args: Atom) -> Atom:
        return self.recorder.emit(op, args)

    def call(self, op: Callable[..., Any], args: Sequence[Atom], *more: Any, **named: Any) -> Atom:
        """`op(*args, *more, **named)`; what comes after the atoms are constants."""
        holes = tuple(map(Hole, range(len(args))))
        return self.recorder.emit(op, tuple(args), Form((*holes, *more), tuple(named.items())))

    def read(self, a: Atom, *index: Any) -> Atom:
        """`a[index]`, or `a` itself where that is all of it."""
        items = list(index)
        while items and items[-1] is EVERY:
            items.pop()
        if not items:
            return a
        return self.call(
            ops.getitem, [a], items[0] if len(items) == 1 else Pack("tuple", (*items,))
        )

    def arange(self, ends: tuple[int, ...]) -> Atom:
        """`np.arange(*ends)`, once."""
        if ends not in self.ranges:
            out = Var("i", Array("l", (len(range(*ends)),)))
            self.recorder.stmts.append(Eqn(out, np.arange, (), Form(ends)))
            self.ranges[ends] = out
        return self.ranges[ends]

    def zeros(self, shape: tuple[int, ...]) -> Atom:
        """An array of zeros, under the name of the block."""
        return self.recorder.emit(np.zeros, (), Form((shape,)), self.hint)

    def value(self, v: Value) -> Atom:
        if v not in self.known:
            self.known[v] = getattr(self, f"_{v.op}")(v)
        return self.known[v]

    # -- one value each

    def _one(self, v: Value) -> Atom:
        return Lit(1.0)

    def _leaf(self, v: Value) -> Atom:
        (a,) = v.args
        if isinstance(a, Lit) and isinstance(a.value, np.ndarray):
            a = self.constant(a.value)
        rank = 0 if isinstance(a, Lit) else len(getattr(a.type, "shape", ()))
        return self.read(a, *(EVERY if k in v.spec else 0 for k in range(rank)))

    def constant(self, places: np.ndarray[Any, Any]) -> Var:
        """An array that the text lists: so it can be seen which places are named twice."""

        def listed(items: Any) -> Any:
            return Pack("list", tuple(map(listed, items))) if isinstance(items, list) else items

        out = Var("", Array("l", places.shape))
        self.recorder.stmts.append(Eqn(out, np.array, (), Form((listed(places.tolist()),))))
        return out

    def _mask(self, v: Value) -> Atom:
        return self.emit(np.where, self._leaf(v), Lit(1.0), Lit(0.0))

    def _not(self, v: Value) -> Atom:
        return self.emit(np.where, self._leaf(v.args[0]), Lit(0.0), Lit(1.0))

    def _inverse(self, v: Value) -> Atom:
        return self.emit(operator.truediv, Lit(1.0), self.value(v.args[0]))

    def _scale(self, v: Value) -> Atom:
        return self.times(self.value(v.args[0]), v.spec)

    def times(self, a: Atom, factor: float) -> Atom:
        """A constant times `a`."""
        if factor == -1.0:
            return self.emit(operator.neg, a)
        return a if factor == 1.0 else self.emit(operator.mul, Lit(factor), a)

    def _slice(self, v: Value) -> Atom:
        axis, start, step, size = v.spec
        stop = start + step * size
        ends = (start or None, stop if stop >= 0 else None, step if step != 1 else None)
        if step == 1 and stop == v.args[0].shape[axis]:
            ends = (start, None, None)
        return self.read(self.value(v.args[0]), *[EVERY] * axis, Pack("slice", ends))

    def _item(self, v: Value) -> Atom:
        axis, k = v.spec
        return self.read(self.value(v.args[0]), *[EVERY] * axis, k)

    def _gather(self, v: Value) -> Atom:
        of, index = map(self.value, v.args)
        lead = [EVERY] * v.spec
        template = Pack("tuple", (*lead, Hole(1))) if lead else Hole(1)
        return self.recorder.emit(ops.getitem, (of, index), Form((Hole(0), template)))

    def _split(self, v: Value) -> Atom:
        return self.call(np.reshape, [self.value(v.args[0])], v.shape)

    def _diagonal(self, v: Value) -> Atom:
        a, b = v.spec
        return self.call(np.diagonal, [self.value(v.args[0])], axis1=a, axis2=b)

    def _sum(self, v: Value) -> Atom:
        of = self.value(v.args[0])
        if len(v.spec) == len(v.args[0].shape):
            return self.emit(np.sum, of)
        return self.call(np.sum, [of], axis=v.spec[0] if len(v.spec) == 1 else v.spec)

    def _transpose(self, v: Value) -> Atom:
        return self.transposed(self.value(v.args[0]), v.spec)

    def transposed(self, a: Atom, order: Axes) -> Atom:
        if list(order) == sorted(order):
            return a
        if len(order) == 2:
            return self.emit(np.transpose, a)
        return self.call(np.transpose, [a], tuple(order))

    # -- operations of two values

    def aligned(self, v: Value, own: Axes, kept: Axes) -> Atom:
        """The value with its axes as `kept` has them, of length 1 where it does not vary."""
        a = self.value(v)
        if not own:
            return a
        order = sorted(range(len(own)), key=lambda k: kept.index(own[k]))
        a = self.transposed(a, tuple(order))
        first = min(kept.index(x) for x in own)
        return self.read(a, *(EVERY if x in own else None for x in kept[first:]))

    def _add(self, v: Value) -> Atom:
        la, lb, kept, (f, g) = v.spec
        a, b = (self.aligned(x, own, kept) for x, own in zip(v.args, (la, lb), strict=True))
        if f < 0 < g:
            a, b, f, g = b, a, g, f
        first = self.times(a, f)
        return (
            self.emit(operator.sub, first, self.times(b, -g))
            if g < 0
            else self.emit(operator.add, first, self.times(b, g))
        )

    def _where(self, v: Value) -> Atom:
        la, lb, kept = v.spec
        mask, x = v.args
        negated = mask.op == "not"
        leaf = mask.args[0] if negated else mask
        self.known.setdefault(leaf, self._leaf(leaf))
        where = self.known.pop(leaf)
        held = self.placed(where, la, kept)
        value = self.aligned(x, lb, kept)
        arms = (Lit(0.0), value) if negated else (value, Lit(0.0))
        return self.emit(np.where, held, *arms)

    def placed(self, a: Atom, own: Axes, kept: Axes) -> Atom:
        """An atom whose axes are `own`, as `kept` has them."""
        stand_in = Value("placed", (), None, ())
        self.known[stand_in] = a
        return self.aligned(stand_in, own, kept)

    def _quotient(self, v: Value) -> Atom:
        la, lb, kept = v.spec
        a, b = (self.aligned(x, own, kept) for x, own in zip(v.args, (la, lb), strict=True))
        return self.emit(operator.truediv, a, b)

    def _product(self, v: Value) -> Atom:
        la, lb, kept = v.spec
        a, b = v.args
        over = [x for x in la if x in lb and x not in kept]
        both = [x for x in la if x in lb and x in kept]
        if not over:
            return self.emit(operator.mul, self.aligned(a, la, kept), self.aligned(b, lb, kept))
        if both:
            return self.stacked(v, both, over)
        free_a = tuple(x for x in la if x not in over)
        free_b = tuple(x for x in lb if x not in over)
        if kept[: len(free_b)] == free_b and kept != (*free_a, *free_b):
            a, b, la, lb, free_a, free_b = b, a, lb, la, free_b, free_a
        x, y = self.value(a), self.value(b)
        if len(over) == 1 and len(la) <= 2 and len(lb) <= 2:
            if la[-1] != over[0]:
                x = self.emit(np.transpose, x)
            if lb[0] != over[0]:
                y = self.emit(np.transpose, y)
            made = self.emit(operator.matmul, x, y)
        elif len(over) == 1 and la[-1] == over[0] and len(lb) == 1:
            made = self.emit(operator.matmul, x, y)
        else:
            axes = tuple(tuple(own.index(k) for k in over) for own in (la, lb))
            made = self.call(np.tensordot, [x, y], axes=axes)
        free = (*free_a, *free_b)
        return self.transposed(made, tuple(free.index(k) for k in kept))

    def stacked(self, v: Value, both: list[int], over: list[int]) -> Atom:
        """Products of stacks: of matrices in the last axes, or whatever `einsum` makes of it."""
        la, lb, kept = v.spec
        x, y = map(self.value, v.args)
        stack = tuple(both)
        free_a = tuple(k for k in la if k not in both and k not in over)
        free_b = tuple(k for k in lb if k not in both and k not in over)
        if len(over) == 1 and len(free_a) == 1 == len(free_b):
            for p, q, lp, lq, fp, fq in (
                (x, y, la, lb, free_a, free_b),
                (y, x, lb, la, free_b, free_a),
            ):
                if (*stack, *fp, *over) == lp and (*stack, *over, *fq) == lq:
                    made = self.emit(operator.matmul, p, q)
                    whole = (*stack, *fp, *fq)
                    return self.transposed(made, tuple(whole.index(k) for k in kept))
        text = ["".join(LETTERS[k] for k in axes) for axes in (la, lb, kept)]
        spec = f"{text[0]},{text[1]}->{text[2]}"
        form = Form((spec, Hole(0), Hole(1)))
        return self.recorder.emit(np.einsum, (x, y), form)
