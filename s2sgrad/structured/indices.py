"""The axes of `x[index]`, as positions along the axes of `x`."""

from __future__ import annotations

from typing import Any

import numpy as np

from s2sgrad.elimination.table import Dynamic
from s2sgrad.ir.graph import Atom, Hole, Lit, Pack, atom_type
from s2sgrad.ir.types import Array, Scalar
from s2sgrad.structured.known import Known
from s2sgrad.structured.terms import Axis, Composition, Label, Term, axis
from s2sgrad.structured.values import Table

Axes = tuple[Axis, ...]


def whole(size: int) -> Axis:
    """An axis by a label of its own; one of length 1 has but one place."""
    return Axis(1) if size == 1 else axis(Label(size))


def reading(
    known: Known, table: Table, shape: tuple[int, ...], index: Any, args: Any
) -> tuple[Axes, Axes]:
    """The axes of `x[index]` and, in terms of their labels, those of `x`.

    `index` is a template.  Raises `Dynamic` for masks.
    """
    if not (isinstance(index, Pack) and index.kind == "path"):
        return _Index(known, table, shape, index, args).axes()
    axes = tuple(map(whole, shape))
    term = Term(axes, axes, table.one)
    for step in index.items:
        shape = tuple(a.size for a in term.out)
        if isinstance(step, Pack) and step.kind == "transpose":
            axes = tuple(map(whole, shape))
            order = known.fixed(Pack("tuple", step.items), args) or range(len(axes))[::-1]
            found: tuple[Axes, Axes] = tuple(axes[k] for k in order), axes
        else:
            found = _Index(known, table, shape, step, args).axes()
        composed = Composition(table, Term(*found, table.one), term).term()
        assert composed is not None
        term = composed
    return term.out, term.into


class _Index:
    def __init__(
        self, known: Known, table: Table, shape: tuple[int, ...], index: Any, args: Any
    ) -> None:
        self.known, self.table, self.args = known, table, args
        items = index.items if isinstance(index, Pack) and index.kind == "tuple" else index
        self.items = list(items) if isinstance(items, tuple) else [items]
        self.shape = list(shape)
        taken = sum(i is not None and i is not Ellipsis for i in self.items)
        if not any(i is Ellipsis for i in self.items):
            self.items.append(Ellipsis)
        at = next(k for k, i in enumerate(self.items) if i is Ellipsis)
        self.items[at : at + 1] = [slice(None)] * (len(shape) - taken)
        self.out: list[Axis] = []
        self.made: list[Axis] = []
        self.places: list[tuple[int, int]] = []  # of ints and arrays: in the index, and in `out`
        self.gathered: list[tuple[int, Atom]] = []  # the axis of `x`, and the array

    def axes(self) -> tuple[Axes, Axes]:
        for k, i in enumerate(self.items):
            self.item(k, i)
        if self.gathered:
            self.gather()
        return tuple(self.out), tuple(self.made)

    def item(self, k: int, i: Any) -> None:
        if i is None:
            self.out.append(Axis(1))
            return
        size = self.shape[len(self.made)]
        if isinstance(i, slice) or (isinstance(i, Pack) and i.kind == "slice"):
            parts = range(size)[self.slice(i)]
            if not len(parts):
                raise Dynamic("an array without elements")
            label = whole(len(parts))
            self.out.append(label)
            step = tuple((x, parts.step) for x in label.labels)
            self.made.append(Axis(size, parts.start, step))
            return
        self.places.append((k, len(self.out)))
        a = self.args[i.k] if isinstance(i, Hole) else i
        if isinstance(i, Pack):
            places = np.array(self.known.fixed(i, self.args))
            if places.dtype.kind != "i":
                raise Dynamic("a mask in an index")
            a = Lit(np.where(places < 0, places + size, places))
        if isinstance(a, bool) or (isinstance(a, Lit) and isinstance(a.value, bool)):
            raise Dynamic("a mask in an index")
        if isinstance(a, int):
            a = Lit(a)
        t = None if isinstance(a, Lit) else atom_type(a)
        number = isinstance(t, Scalar) or (isinstance(a, Lit) and isinstance(a.value, int))
        if number and self.known.is_sure(a):
            self.made.append(Axis(size, range(size)[self.known.value(a)]))
        elif number:
            self.made.append(Axis(size, index=self.table.leaf(a, (), ())))
        elif isinstance(t, Array) or isinstance(a, Lit):
            self.gathered.append((len(self.made), a))
            self.made.append(Axis(size))  # replaced by `gather`
        else:
            raise Dynamic("an index that is unknown")

    def slice(self, i: Any) -> slice:
        found: slice = self.known.fixed(i, self.args)
        return found

    def gather(self) -> None:
        """The arrays of an index are broadcast together; their axes stand where NumPy puts them."""
        shapes = [self.known.shape(a) for _, a in self.gathered]
        shape = np.broadcast_shapes(*shapes)
        new = [whole(n) for n in shape]
        for (at, a), own in zip(self.gathered, shapes, strict=True):
            lead = len(shape) - len(own)
            kept = tuple(k for k, n in enumerate(own) if n != 1)
            along = tuple(new[lead + k].labels[0] for k in kept)
            index = self.table.leaf(a, own, kept)
            self.made[at] = Axis(self.made[at].size, index=index, along=along)
        first, last = self.places[0][0], self.places[-1][0]
        apart = last - first + 1 != len(self.places)
        at = 0 if apart else self.places[0][1]
        self.out[at:at] = new
