"""The blocks of a Jacobian: sums of labelled terms as dense arrays.

A term that fills the block is a broadcast value; another is stored where its axes meet, on a
diagonal or at places that are looked up, in an array of zeros.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from s2sgrad.ir import ops
from s2sgrad.ir.graph import Atom, Form, Hole, Lit, Pack
from s2sgrad.structured.lower import EVERY, Lowering
from s2sgrad.structured.terms import Axis, Label, Term, axis
from s2sgrad.structured.values import numbered

Shape = tuple[int, ...]
MOST = 1 << 22  # entries of a block in which it is looked up whether terms meet
_VIEWS = {"leaf", "slice", "item", "split", "diagonal", "transpose", "one"}


def block(work: Lowering, terms: Sequence[Term], shape: Shape, hint: str = "") -> Atom:
    """The sum of the terms as an array of this shape; a number if that is empty."""
    work.hint = hint
    if not shape:
        return _number(work, terms)
    groups: dict[Shape, list[Term]] = {}
    for t in terms:
        groups.setdefault(_view(t), []).append(t)
    parts = [_Block(work, view, own).build(shape) for view, own in groups.items()]
    if not parts:
        return work.zeros(shape)
    total = parts[0]
    for p in parts[1:]:
        total = work.emit(operator.add, total, p)
    return total


def _number(work: Lowering, terms: Sequence[Term]) -> Atom:
    total: Atom = Lit(0.0)
    for k, t in enumerate(terms):
        a = work.times(work.value(t.value), t.factor) if t.value.op != "one" else Lit(t.factor)
        total = a if k == 0 else work.emit(operator.add, total, a)
    return total


def _view(t: Term) -> Shape:
    """The shape of the block as the term sees it: merged axes are several."""
    return tuple(n for a in (*t.out, *t.into) for n in _sizes(a))


def _sizes(a: Axis) -> list[int]:
    sizes = [x.size for x, _ in a.parts]
    return sizes if len(sizes) > 1 and a.packed and math.prod(sizes) == a.size else [a.size]


class _Block:
    """Terms in one view of the block."""

    def __init__(self, work: Lowering, shape: Shape, terms: Sequence[Term]) -> None:
        self.work, self.shape = work, shape
        self.terms = [(_axes(t), t) for t in terms]
        self.taken = np.zeros(shape if math.prod(shape) <= MOST else (), bool)

    def build(self, shape: Shape) -> Atom:
        made = self.filled()
        return made if self.shape == shape else self.work.call(np.reshape, [made], shape)

    def filled(self) -> Atom:
        cover = [k for k, (axes, _) in enumerate(self.terms) if _covers(axes)]
        rest = [pair for k, pair in enumerate(self.terms) if k not in cover]
        if cover:
            made = self.cover(*self.terms[cover[0]])
            self.taken[...] = True
        elif len(rest) == 1 and _is_diagonal(rest[0][0]):
            return self.diagonal(rest[0][1])
        else:
            made = self.work.zeros(self.shape)
        for axes, t in rest:
            made = self.store(made, axes, t)
        return made

    def diagonal(self, t: Term) -> Atom:
        """A matrix that is a diagonal."""
        if not t.labels:
            n = self.shape[0]
            made = self.work.recorder.emit(np.eye, (), Form((n,)))
            value = self.value(t)
            one = isinstance(value, Lit) and value.value == 1.0
            return made if one else self.work.emit(operator.mul, value, made)
        return self.work.emit(np.diag, self.value(t))

    def value(self, t: Term) -> Atom:
        """The value of a term with its factor."""
        if t.value.op == "one":
            return Lit(t.factor)
        return self.work.times(self.work.value(t.value), t.factor)

    def cover(self, axes: Sequence[Axis], t: Term) -> Atom:
        """The value, broadcast to the whole block."""
        order = [a.labels[0] if a.labels else Label(1) for a in axes]
        own = self.laid(t, order)
        size_one = [a for a in axes if not a.labels]
        if len(t.labels) + len(size_one) < len(axes):
            return self.work.recorder.emit(np.full, (own,), Form((self.shape, Hole(0))))
        if size_one and t.value.shape != self.shape:  # leading axes of length 1
            return self.work.call(np.reshape, [own], self.shape)
        fresh = t.factor != 1.0 or t.value.op not in _VIEWS
        return own if fresh else self.work.emit(ops.copy, own)

    def laid(self, t: Term, order: Sequence[Label]) -> Atom:
        """The value of a term as an array that broadcasts along `order`."""
        kept = tuple(range(len(order)))
        return self.work.placed(self.value(t), numbered(t.labels, order), kept)

    def store(self, made: Atom, axes: Sequence[Axis], t: Term) -> Atom:
        index = _Store(self.work, axes)
        if index.partial:
            return self.inside(made, axes, t)
        value = self.laid(t, index.order)
        fresh = self.meets_none(axes)
        args = [made, *index.atoms]
        template = index.template(1)
        if index.repeats:
            op: Any = ops.additem
        else:
            op = ops.setitem
            if not fresh:
                old = self.work.recorder.emit(ops.getitem, tuple(args), Form((Hole(0), template)))
                value = self.work.emit(operator.add, old, value)
        form = Form((Hole(0), template, Hole(len(args))))
        return self.work.recorder.emit(op, (*args, value), form, self.work.hint)

    def inside(self, made: Atom, axes: Sequence[Axis], t: Term) -> Atom:
        """A part of merged axes: it is made apart, and stored as a whole."""
        sizes = [math.prod(x.size for x, _ in a.parts) if len(a.parts) > 1 else 0 for a in axes]
        own = [replace(a, start=0, size=n) if n else a for a, n in zip(axes, sizes, strict=True)]
        shape = tuple(a.size for a in own)
        part = block(self.work, [replace(t, out=tuple(own), into=())], shape, self.work.hint)
        ends = [
            Pack("slice", (a.start or None, a.start + n, None)) if n else EVERY
            for a, n in zip(axes, sizes, strict=True)
        ]
        while ends[-1] is EVERY:
            ends.pop()
        template = ends[0] if len(ends) == 1 else Pack("tuple", tuple(ends))
        if not self.meets_none(axes):
            old = self.work.recorder.emit(ops.getitem, (made,), Form((Hole(0), template)))
            part = self.work.emit(operator.add, old, part)
        form = Form((Hole(0), template, Hole(1)))
        return self.work.recorder.emit(ops.setitem, (made, part), form, self.work.hint)

    def meets_none(self, axes: Sequence[Axis]) -> bool:
        """Does the term store where none has stored yet?"""
        if self.taken.shape != self.shape or any(a.index is not None for a in axes):
            first = self.taken.ndim == 0 and not self.taken.any()
            first |= self.taken.shape == self.shape and not self.taken.any()
            self.taken[...] = True
            return first
        labels = list(dict.fromkeys(x for a in axes for x in a.labels))
        grid = dict(zip(labels, np.ix_(*(np.arange(x.size) for x in labels)), strict=True))
        places = tuple(
            np.asarray(a.start + sum(step * grid[x] for x, step in a.parts)) for a in axes
        )
        free = not self.taken[places].any()
        self.taken[places] = True
        return free


class _Store:
    """The index of the places where the axes of a term meet.

    `order` are the labels of what is stored there, as NumPy lays them out: those of the arrays in
    the index together, before the slices if they stand apart.
    """

    def __init__(self, work: Lowering, axes: Sequence[Axis]) -> None:
        self.work = work
        count: dict[Label, int] = {}
        for a in axes:
            for x in a.labels:
                count[x] = count.get(x, 0) + 1
        self.partial = any(len(a.parts) > 1 for a in axes)
        looked = {x for a in axes for x in a.along}
        self.spread = [x for x in count if count[x] > 1 or x in looked]
        once = {x for a in axes for x, _ in a.parts}
        self.repeats = not looked <= once
        self.atoms: list[Atom] = []
        self.items: list[Any] = []
        places: list[int] = []
        sliced: list[tuple[int, Label]] = []
        if self.partial:
            return
        for k, a in enumerate(axes):
            if a.index is not None:
                self.items.append(self.array(work.value(a.index), a.along))
            elif not a.parts:
                self.items.append(a.start)
            elif a.parts[0][0] in self.spread:
                (x, step) = a.parts[0]
                self.items.append(self.array(self.range(a.start, step, x.size), (x,)))
            else:
                self.items.append(self.slice(a))
                sliced.append((k, a.parts[0][0]))
                continue
            places.append(k)
        if not self.spread:
            self.order = [x for _, x in sliced]
            return
        apart = places[-1] - places[0] + 1 != len(places)
        first = -1 if apart else places[0]
        before = [x for k, x in sliced if k < first]
        self.order = [*before, *self.spread, *(x for k, x in sliced if k >= first)]

    def template(self, offset: int) -> Any:
        """The index, its arrays counted from `offset`."""
        items = [Hole(i.k + offset) if isinstance(i, Hole) else i for i in self.items]
        while len(items) > 1 and items[-1] is EVERY:
            items.pop()
        return items[0] if len(items) == 1 else Pack("tuple", tuple(items))

    def array(self, a: Atom, along: tuple[Label, ...]) -> Hole:
        """An array of the index, which broadcasts with the others."""
        kept = tuple(range(len(self.spread)))
        a = self.work.placed(a, numbered(along, self.spread), kept)
        self.atoms.append(a)
        return Hole(len(self.atoms) - 1)

    def range(self, start: int, step: int, size: int) -> Atom:
        stop = start + step * size
        if (start, step) == (0, 1):
            return self.work.arange((stop,))
        return self.work.arange((start, stop) if step == 1 else (start, stop, step))

    def slice(self, a: Axis) -> Any:
        if a.plain is not None:
            return EVERY
        (x, step) = a.parts[0]
        stop: int | None = a.start + step * x.size
        stop = None if stop is not None and stop < 0 else stop
        return Pack("slice", (a.start, stop, step if step != 1 else None))


def _axes(t: Term) -> list[Axis]:
    """The axes of a term, merged ones apart."""
    found: list[Axis] = []
    for a in (*t.out, *t.into):
        if len(_sizes(a)) > 1:
            found += [axis(x) for x, _ in a.parts]
        else:
            found.append(a)
    return found


def _covers(axes: Sequence[Axis]) -> bool:
    """Does a term with these axes fill the block?"""
    labels = [a.plain for a in axes if a.size != 1 or a.labels]
    return None not in labels and len(set(labels)) == len(labels)


def _is_diagonal(axes: Sequence[Axis]) -> bool:
    return len(axes) == 2 and axes[0].plain is not None and axes[0].plain is axes[1].plain
