"""Local Jacobians as labelled einsum terms, and their composition.

A term has an axis for each axis of the result and of the operand.  A label that two of them share
is a delta: `out[i], in[i]` is diagonal, and the identity if no value varies along `i`.  A label of
the operand alone is summed over, one of the result alone is broadcast.  The value is an array whose
axes have labels too.  The derivative of `W @ x` in `W` is `out[i], in[i, k]: x[k]`, and that of
`np.tanh(z)` is `out[i], in[i]: d[i]`; composing them unifies labels, and is one einsum.  So nothing
that is zero by structure is ever stored.

An axis may also be an affine map of labels (slices, concatenation, reshapes) or be looked up in an
array of ints (gathers).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from s2sgrad.elimination.table import Dynamic
from s2sgrad.structured.values import Table, Value, numbered


@dataclass(frozen=True, slots=True, eq=False)
class Label:
    """What an index runs over."""

    size: int


@dataclass(frozen=True, slots=True)
class Axis:
    """The position along an axis: `start` plus the sum of labels times steps, or `index[along]`."""

    size: int
    start: int = 0
    parts: tuple[tuple[Label, int], ...] = ()
    index: Value | None = None
    along: tuple[Label, ...] = ()

    @property
    def labels(self) -> tuple[Label, ...]:
        return (*(x for x, _ in self.parts), *self.along)

    @property
    def plain(self) -> Label | None:
        """The label that runs over the whole axis."""
        if len(self.parts) == 1 and self.start == 0 and self.index is None:
            label, step = self.parts[0]
            return label if step == 1 and label.size == self.size else None
        return None

    @property
    def packed(self) -> bool:
        """Do the labels count positions one after another, as the axes that a reshape merges?"""
        steps = [step for _, step in self.parts]
        sizes = [x.size for x, _ in self.parts]
        want = [math.prod(sizes[k + 1 :]) for k in range(len(sizes))]
        return self.index is None and steps == want and len(set(self.labels)) == len(sizes)


def axis(label: Label) -> Axis:
    """The axis that a label runs over."""
    return Axis(label.size, 0, ((label, 1),))


@dataclass(frozen=True, slots=True, eq=False)
class Term:
    """`factor * value[labels]` where the axes meet."""

    out: tuple[Axis, ...]
    into: tuple[Axis, ...]
    value: Value
    labels: tuple[Label, ...] = ()
    factor: float = 1.0

    @property
    def visible(self) -> tuple[Label, ...]:
        """The labels of the axes, in order."""
        return tuple(dict.fromkeys(x for a in (*self.out, *self.into) for x in a.labels))


# What takes the place of a label: `start + step * label` (no label: `start` alone), several labels
# that count its places, or places that are looked up.
@dataclass(frozen=True, slots=True)
class _Affine:
    start: int
    step: int
    label: Label | None


@dataclass(frozen=True, slots=True)
class _Split:
    parts: tuple[tuple[Label, int], ...]


@dataclass(frozen=True, slots=True)
class _Gather:
    index: Value
    along: tuple[Label, ...]


_Place = _Affine | _Split | _Gather


class _Zero(Exception):
    """The axes never meet."""


class Composition:
    """Two terms whose labels are being unified."""

    def __init__(self, table: Table, after: Term, before: Term) -> None:
        self.table = table
        before = renamed(before)
        self.out, self.into = list(after.out), list(before.into)
        self.pairs = [list(pair) for pair in zip(after.into, before.out, strict=True)]
        self.values = [(after.value, after.labels), (before.value, before.labels)]
        self.factor = after.factor * before.factor

    def term(self) -> Term | None:
        """The product of the terms; None if it is zero."""
        try:
            for pair in self.pairs:
                self.unify(*pair)
        except _Zero:
            return None
        visible = list(dict.fromkeys(x for a in (*self.out, *self.into) for x in a.labels))
        inner = dict.fromkeys(x for pair in self.pairs for a in pair for x in a.labels)
        used = {x for _, labels in self.values for x in labels}
        for x in inner:
            if x not in used and x not in visible:
                self.factor *= x.size
        value, labels = product(self.table, self.values, visible)
        return Term(tuple(self.out), tuple(self.into), value, labels, self.factor)

    def unify(self, a: Axis, b: Axis) -> None:
        """Both are the same position."""
        if a.index is not None or b.index is not None:
            self.unify_gathers(a, b)
        elif not a.parts or not b.parts:
            one, other = (a, b) if not a.parts else (b, a)
            self.place(other, one.start)
        elif len(a.parts) == 1 and len(b.parts) == 1:
            self.meet(a, b)
        elif a.packed and b.packed and (a.plain is not None or b.plain is not None):
            one, other = (a, b) if a.plain is not None else (b, a)
            self.spread(one.parts[0][0], other)
        elif a.packed and b.packed and a.start == b.start and _sizes(a) == _sizes(b):
            for (x, _), (y, _) in zip(a.parts, b.parts, strict=True):
                self.substitute(x, _Affine(0, 1, y))
        else:
            raise Dynamic("reshapes that do not fit together")

    def unify_gathers(self, a: Axis, b: Axis) -> None:
        if a == b and not a.along:
            return  # one place, looked up twice
        for one, other in ((a, b), (b, a)):
            label = other.plain
            if one.index is not None and label is not None:
                self.substitute(label, _Gather(one.index, one.along))
                return
        raise Dynamic("gathers of what was gathered")

    def place(self, a: Axis, position: int) -> None:
        """The axis is at one position."""
        offset = position - a.start
        if len(a.parts) == 1:
            label, step = a.parts[0]
            k, rest = divmod(offset, step)
            if rest or not 0 <= k < label.size:
                raise _Zero
            self.substitute(label, _Affine(k, 0, None))
            return
        if not a.parts:
            if offset:
                raise _Zero
            return
        if not a.packed:
            raise Dynamic("reshapes that do not fit together")
        sizes = _sizes(a)
        if not 0 <= offset < math.prod(sizes):
            raise _Zero
        for label, _ in a.parts:
            here = math.prod(sizes := sizes[1:])
            self.substitute(label, _Affine(offset // here, 0, None))
            offset %= here

    def meet(self, a: Axis, b: Axis) -> None:
        """Where two progressions meet."""
        (x, s), (y, t) = a.parts[0], b.parts[0]
        if x is y and (a.start, s) == (b.start, t):
            return
        if x is y:
            raise Dynamic("an axis that meets itself")
        first = range(a.start, a.start + s * x.size, s)
        second = range(b.start, b.start + t * y.size, t)
        places = _common(first, second)
        if len(places) == 1 and x.size > 1 and y.size > 1:
            self.substitute(x, _Affine(first.index(places[0]), 0, None))
            self.substitute(y, _Affine(second.index(places[0]), 0, None))
            return
        if len(places) == x.size and places[0] == a.start and places.step == s:
            label = x
        elif len(places) == y.size and places[0] == b.start and places.step == t:
            label = y
        else:
            label = Label(len(places))
        for old, own in ((x, first), (y, second)):
            if old is not label:
                step = places.step // own.step
                self.substitute(old, _Affine(own.index(places[0]), step, label))

    def spread(self, label: Label, a: Axis) -> None:
        """The label is the position along an axis of several labels."""
        size = math.prod(_sizes(a))
        if size != label.size:
            part = Label(size)
            self.substitute(label, _Affine(a.start, 1, part))
            label = part
        self.substitute(label, _Split(a.parts))

    def substitute(self, label: Label, by: _Place) -> None:
        def many(axes: list[Axis]) -> list[Axis]:
            return [self.moved(a, label, by) for a in axes]

        self.out, self.into = many(self.out), many(self.into)
        for pair in self.pairs:
            pair[:] = many(pair)
        self.values = [self.picked(v, labels, label, by) for v, labels in self.values]

    def moved(self, a: Axis, label: Label, by: _Place) -> Axis:
        """An axis of which a label is replaced."""
        if a.index is not None:
            index, along = self.picked(a.index, a.along, label, by)
            return replace(a, index=index, along=along)
        if label not in a.labels:
            return a
        if isinstance(by, _Gather):
            if a.plain is not label:
                raise Dynamic("gathers of slices")
            return Axis(a.size, index=by.index, along=by.along)
        start, parts = a.start, dict[Label, int]()
        for x, step in a.parts:
            if x is not label:
                parts[x] = parts.get(x, 0) + step
            elif isinstance(by, _Split):
                parts.update((y, step * t) for y, t in by.parts)
            else:
                start += step * by.start
                if by.label is not None:
                    parts[by.label] = parts.get(by.label, 0) + step * by.step
        return replace(a, start=start, parts=tuple(parts.items()))

    def picked(
        self, v: Value, labels: tuple[Label, ...], label: Label, by: _Place
    ) -> tuple[Value, tuple[Label, ...]]:
        """A value along other labels."""
        while label in labels:
            k = labels.index(label)
            if isinstance(by, _Gather):
                v, new = self.table.gathered(v, k, by.index), by.along
            elif isinstance(by, _Split):
                new = tuple(x for x, _ in by.parts)
                v = self.table.split(v, k, tuple(x.size for x in new))
            elif by.label is None:
                v, new = self.table.fixed(v, k, by.start), ()
            else:
                v, new = self.table.sliced(v, k, by.start, by.step, by.label.size), (by.label,)
            labels = (*labels[:k], *new, *labels[k + 1 :])
        return v, labels


def _sizes(a: Axis) -> list[int]:
    return [x.size for x, _ in a.parts]


def _common(a: range, b: range) -> range:
    """Where two progressions meet, in the direction of the first.

    Raises `_Zero` where they do not.
    """
    first = next((p for p in a if p in b), None)
    if first is None:
        raise _Zero
    step = math.lcm(a.step, b.step) * (1 if a.step > 0 else -1)
    last = first
    while last in a and last in b:
        last += step
    return range(first, last, step)


def renamed(t: Term) -> Term:
    """The term with labels of its own."""
    fresh = {x: Label(x.size) for x in (*t.visible, *t.labels)}

    def moved(a: Axis) -> Axis:
        parts = tuple((fresh[x], s) for x, s in a.parts)
        return replace(a, parts=parts, along=tuple(fresh[x] for x in a.along))

    labels = tuple(fresh[x] for x in t.labels)
    return Term(tuple(map(moved, t.out)), tuple(map(moved, t.into)), t.value, labels, t.factor)


Labelled = tuple[Value, tuple[Label, ...]]


def product(table: Table, values: list[Labelled], visible: list[Label]) -> Labelled:
    """The product of two values, summed over the labels that are not `visible`."""
    own: list[Labelled] = []
    for k, (v, labels) in enumerate(values):
        v, labels = _distinct(table, v, labels)
        other = values[1 - k][1]
        lost = tuple(i for i, x in enumerate(labels) if x not in visible and x not in other)
        own.append((table.summed(v, lost), tuple(x for i, x in enumerate(labels) if i not in lost)))
    (a, la), (b, lb) = own
    if a is table.one or b is table.one:
        return own[0] if b is table.one else own[1]
    known = list(dict.fromkeys((*la, *lb)))
    kept = tuple(x for x in visible if x in known)
    if set(la) >= set(lb) and set(kept) == set(la):
        kept = la  # as it lies in memory
    elif set(lb) >= set(la) and set(kept) == set(lb):
        kept = lb
    made = table.product(a, b, *(numbered(x, known) for x in (la, lb, kept)))
    return made, kept


def _distinct(table: Table, v: Value, labels: tuple[Label, ...]) -> Labelled:
    """The diagonal where a label stands at two axes."""
    for k, x in enumerate(labels):
        if x in labels[:k]:
            j = labels.index(x)
            rest = tuple(y for i, y in enumerate(labels) if i not in (j, k))
            return _distinct(table, table.diagonal(v, j, k), (*rest, x))
    return v, labels


def pattern(t: Term) -> Any:
    """What terms have in common that can be added value by value: their axes."""
    known = t.visible

    def shown(a: Axis) -> Any:
        parts = tuple((known.index(x), x.size, s) for x, s in a.parts)
        return a.size, a.start, parts, id(a.index), numbered(a.along, known)

    return tuple(map(shown, t.out)), tuple(map(shown, t.into))


def merged(table: Table, terms: Iterable[Term]) -> tuple[Term, ...]:
    """Terms of one pattern are one."""
    found: dict[Any, Term | None] = {}
    for t in terms:
        key = pattern(t)
        old = found.get(key)
        found[key] = t if old is None else added(table, old, t)
    return tuple(t for t in found.values() if t is not None)


def added(table: Table, a: Term, b: Term) -> Term | None:
    """The sum of two terms of one pattern; None if they cancel."""
    same = dict(zip(b.visible, a.visible, strict=True))
    labels = tuple(same[x] for x in b.labels)
    if a.value is b.value and a.labels == labels:
        factor = a.factor + b.factor
        return replace(a, factor=factor) if factor else None
    known = list(a.visible)
    kept = tuple(x for x in known if x in a.labels or x in labels)
    if set(a.labels) >= set(labels):
        kept = a.labels
    elif set(labels) >= set(a.labels):
        kept = labels
    la, lb, lk = (numbered(x, known) for x in (a.labels, labels, kept))
    value = table.added(a.value, b.value, la, lb, lk, (a.factor, b.factor))
    return replace(a, value=value, labels=kept, factor=1.0)
