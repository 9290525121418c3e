"""The linear operations that tangents go through, each as labelled terms.

An operation that stands here is linear in its moving operands.  What is not here, or has options
that are not known, raises `Dynamic`: the program is then differentiated by rows or columns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from s2sgrad.elimination.table import Dynamic
from s2sgrad.ir import ops
from s2sgrad.ir.graph import Atom, Eqn, Hole, Lit, Pack, Var
from s2sgrad.rules.products import pairs_of_axes, split_operands
from s2sgrad.rules.registry import canonical
from s2sgrad.structured.indices import Axes, reading, whole
from s2sgrad.structured.known import Known
from s2sgrad.structured.terms import Axis, Label, Term, axis, product
from s2sgrad.structured.values import Table, Value

Edge = tuple[Var, Term]
_COPIES = {
    ops.identity,
    ops.copy,
    ops.cast_like,
    ops.bound,
    np.copy,
    np.ndarray.copy,
    np.positive,
    np.real,
    float,
    np.ascontiguousarray,
}
_SHAPED = {
    np.reshape,
    np.ravel,
    np.ndarray.flatten,
    np.squeeze,
    np.expand_dims,
    ops.reshape_like,
    np.atleast_1d,
}
_SPREAD = {np.broadcast_to, ops.broadcast_like}
_MOVES = {np.transpose, np.swapaxes, np.moveaxis}
_JOINS = {np.concatenate, np.stack, np.hstack, np.vstack, np.array, np.asarray}
_PRODUCTS = {np.matmul, np.dot, np.inner, np.outer, np.vdot, np.tensordot, np.einsum, np.vecdot}


class Vocabulary:
    """Answers, for an equation, with a term for each moving operand."""

    def __init__(self, known: Known, table: Table, moving: Mapping[Var, Any]) -> None:
        self.known, self.table, self.moving = known, table, moving

    def terms(self, s: Eqn) -> Iterator[Edge]:
        """The operands that move, each with its term."""
        op = canonical(s.op)
        listed = s.form is not None and isinstance(s.form.args[0], Pack)
        if op in _COPIES or (op in (np.array, np.asarray) and not listed):
            self.options(s, "dtype order")
            yield self.operand(s, 0), self.same(s.out)
        elif op in _ELEMENTWISE and s.form is None:
            yield from _ELEMENTWISE[op](self, s)
        elif op in _SHAPED:
            yield self.operand(s, 0), self.reshaped(s)
        elif op in _SPREAD:
            yield self.operand(s, 0), self.spread(s.out, s.args[0])
        elif op in (np.sum, np.mean):
            yield self.operand(s, 0), self.reduced(s, op)
        elif op in _MOVES:
            yield self.operand(s, 0), self.moved(s)
        elif op is ops.getitem:
            yield self.operand(s, 0), self.read(s)
        elif op in (ops.setitem, ops.additem):
            yield from self.written(s)
        elif op in _JOINS:
            yield from self.joined(s, op)
        elif op in _PRODUCTS:
            yield from self.products(s, op)
        else:
            raise Dynamic(f"{getattr(op, '__name__', op)} of what is differentiated")

    # -- operands

    def operand(self, s: Eqn, k: int) -> Var:
        """The one operand that moves, which is in place `k`."""
        a = s.args[k]
        if not isinstance(a, Var) or any(b in self.moving for b in s.args if b is not a):
            raise Dynamic("an option that is differentiated")
        return a

    def options(self, s: Eqn, names: str, skip: int = 1) -> dict[str, Any]:
        """The options after the first operands, by name."""
        if s.form is None:
            pos = [Hole(k) for k in range(len(s.args))]
            named = {}
        else:
            pos, named = list(s.form.args), dict(s.form.kwargs)
        found = dict(zip(names.split(), pos[skip:], strict=False)) | named
        if len(pos) - skip > len(names.split()) or not set(found) <= set(names.split()):
            raise Dynamic("an unusual option")
        return {k: self.known.fixed(t, s.args) for k, t in found.items()}

    def shape(self, a: Atom) -> tuple[int, ...]:
        return self.known.shape(a)

    def leaf(self, a: Atom, axes: list[Label | None]) -> tuple[Value, tuple[Label, ...], float]:
        """A coefficient along labels; numbers of the text are factors."""
        if isinstance(a, Lit) and isinstance(a.value, int | float):
            return self.table.one, (), float(a.value)
        kept = tuple(k for k, x in enumerate(axes) if x is not None)
        labels = tuple(x for x in axes if x is not None)
        return self.table.leaf(a, self.shape(a), kept), labels, 1.0

    # -- elementwise

    def same(self, v: Atom) -> Term:
        """The identity."""
        axes = tuple(map(whole, self.shape(v)))
        return Term(axes, axes, self.table.one)

    def spread(self, out: Var, a: Atom, factor: float = 1.0) -> Term:
        """`a` is broadcast to the shape of `out`."""
        axes = tuple(map(whole, self.shape(out)))
        return Term(axes, self.inside(axes, self.shape(a)), self.table.one, (), factor)

    def inside(self, axes: Axes, shape: tuple[int, ...]) -> Axes:
        """The axes of an operand that is broadcast."""
        own = axes[len(axes) - len(shape) :]
        return tuple(Axis(1) if n == 1 else a for n, a in zip(shape, own, strict=True))

    def summands(self, s: Eqn) -> Iterator[Edge]:
        minus = canonical(s.op) is np.subtract
        for k, a in enumerate(s.args):
            if isinstance(a, Var) and a in self.moving:
                yield a, self.spread(s.out, a, -1.0 if minus and k == 1 else 1.0)

    def negative(self, s: Eqn) -> Iterator[Edge]:
        yield self.operand(s, 0), self.spread(s.out, s.args[0], -1.0)

    def factors(self, s: Eqn) -> Iterator[Edge]:
        """A product by, or a quotient of, what does not move."""
        moving = [k for k, a in enumerate(s.args) if a in self.moving]
        divided = canonical(s.op) is np.divide
        if len(moving) != 1 or (divided and moving[0] != 0):
            raise Dynamic("a product of tangents")
        (k,) = moving
        term = self.spread(s.out, s.args[k])
        value, labels, factor = self.coefficient(term.out, s.args[1 - k])
        if divided:
            if value is self.table.one:
                factor = 1.0 / factor if factor else float("nan")
            else:
                value = self.table.inverse(value)
        if factor != factor:
            raise Dynamic("a division by zero")
        yield self.operand(s, k), Term(term.out, term.into, value, labels, factor)

    def coefficient(self, axes: Axes, a: Atom) -> tuple[Value, tuple[Label, ...], float]:
        own = self.inside(axes, self.shape(a))
        return self.leaf(a, [x.plain for x in own])

    def chosen(self, s: Eqn) -> Iterator[Edge]:
        """`np.where(mask, a, b)`."""
        for k in (1, 2):
            a = s.args[k]
            if not isinstance(a, Var) or a not in self.moving:
                continue
            term = self.spread(s.out, a)
            own = self.inside(term.out, self.shape(s.args[0]))
            kept = tuple(i for i, x in enumerate(own) if x.labels)
            mask = self.table.leaf(s.args[0], self.shape(s.args[0]), kept, "mask")
            labels = tuple(x for i in own for x in i.labels)
            yield a, Term(term.out, term.into, self.table.negated(mask) if k == 2 else mask, labels)

    # -- axes

    def reduced(self, s: Eqn, op: Any) -> Term:
        given = self.options(s, "axis dtype out keepdims")
        if given.get("dtype") is not None or given.get("out") is not None:
            raise Dynamic("an unusual option")
        shape = self.shape(s.args[0])
        lost = given.get("axis")
        lost = range(len(shape)) if lost is None else lost
        lost = {k % len(shape) for k in (lost if isinstance(lost, tuple | range) else (lost,))}
        axes = tuple(map(whole, shape))
        kept = [a if k not in lost else Axis(1) for k, a in enumerate(axes)]
        if not given.get("keepdims"):
            kept = [a for k, a in enumerate(axes) if k not in lost]
        count = np.prod([shape[k] for k in lost]) if op is np.mean else 1.0
        return Term(tuple(kept), axes, self.table.one, (), 1.0 / float(count))

    def moved(self, s: Eqn) -> Term:
        op, axes = canonical(s.op), tuple(map(whole, self.shape(s.args[0])))
        n = len(axes)
        places = np.arange(n)
        if op is np.transpose:
            order = self.options(s, "axes").get("axes")
            out = np.transpose(places.reshape(n), None) if order is None else np.array(order) % n
            out = out[::-1] if order is None else out
        elif op is np.swapaxes:
            given = self.options(s, "axis1 axis2")
            out = places
            a, b = given["axis1"], given["axis2"]
            out[[a, b]] = out[[b, a]]
        else:
            given = self.options(s, "source destination")
            stand_in = np.moveaxis(np.empty(range(n)), given["source"], given["destination"])
            out = np.array(stand_in.shape, int)
        return Term(tuple(axes[k] for k in out), axes, self.table.one)

    def reshaped(self, s: Eqn) -> Term:
        """Axes that are merged or split are positions of several labels."""
        if s.form is not None and dict(s.form.kwargs).get("order", "C") != "C":
            raise Dynamic("an unusual option")
        out, into = _aligned(self.shape(s.out), self.shape(s.args[0]))
        return Term(out, into, self.table.one)

    def read(self, s: Eqn) -> Term:
        assert s.form is not None
        out, into = reading(self.known, self.table, self.shape(s.args[0]), s.form.args[1], s.args)
        return Term(out, into, self.table.one)

    def written(self, s: Eqn) -> Iterator[Edge]:
        """What is stored, and what is left of the old array."""
        assert s.form is not None
        index, value = s.form.args[1], s.args[-1]
        place, made = reading(self.known, self.table, self.shape(s.args[0]), index, s.args)
        if any(a.index is not None for a in made):
            raise Dynamic("a store at places that are data")
        old = s.args[0]
        if isinstance(old, Var) and old in self.moving:
            if canonical(s.op) is ops.additem:
                yield old, self.same(old)
            else:
                for axes in outside(made):
                    yield old, Term(axes, axes, self.table.one)
        if isinstance(value, Var) and value in self.moving:
            shape = self.shape(value)
            if len(shape) > len(place):
                raise Dynamic("a store of an array with more axes than there is place")
            yield value, Term(made, self.inside(place, shape), self.table.one)

    def joined(self, s: Eqn, op: Any) -> Iterator[Edge]:
        """Each operand is a part of the result."""
        if s.form is None or not isinstance(s.form.args[0], Pack):
            raise Dynamic("an array of unknown items")
        given = self.options(s, "axis" if op in (np.concatenate, np.stack) else "")
        items = s.form.args[0].items
        if not all(isinstance(i, Hole | int | float) for i in items):
            raise Dynamic("arrays of arrays")
        k = given.get("axis", 0)
        if k is None:
            raise Dynamic("an unusual option")
        shape = self.shape(s.out)
        k = 1 if op is np.hstack and len(shape) > 1 else k % len(shape)
        start = 0
        for i in items:
            a = s.args[i.k] if isinstance(i, Hole) else Lit(i)
            new = len(self.shape(a)) < len(shape)
            if len(self.shape(a)) + new != len(shape):
                raise Dynamic("items that get several axes")
            size = 1 if new else self.shape(a)[k]
            if isinstance(a, Var) and a in self.moving:
                into = tuple(map(whole, self.shape(a)))
                own = Axis(1) if new else into[k]
                part = Axis(shape[k], start, own.parts)
                yield a, Term((*into[:k], part, *into[k + (not new) :]), into, self.table.one)
            start += size

    # -- products

    def products(self, s: Eqn, op: Any) -> Iterator[Edge]:
        """An operand that moves, times the others: all as an einsum."""
        arrays, letters, right = self.letters(s, op)
        sizes: dict[str, int] = {}
        for a, text in zip(arrays, letters, strict=True):
            for letter, n in zip(text, self.shape(a), strict=True):
                sizes[letter] = max(n, sizes.get(letter, 1))
        label = {letter: Label(n) for letter, n in sizes.items() if n > 1}

        def axes(text: str, a: Atom) -> Axes:
            return tuple(
                Axis(1) if n == 1 else axis(label[x])
                for x, n in zip(text, self.shape(a), strict=True)
            )

        out = axes(right, s.out)
        for k, a in enumerate(arrays):
            if not isinstance(a, Var) or a not in self.moving:
                continue
            into = axes(letters[k], a)
            value, own, factor = self.table.one, tuple[Label, ...](), 1.0
            visible = [x for i in (*out, *into) for x in i.labels]
            for j, b in enumerate(arrays):
                if j == k:
                    continue
                if b in self.moving:
                    raise Dynamic("a product of tangents")
                other, labels, more = self.leaf(b, [x.plain for x in axes(letters[j], b)])
                factor *= more
                seen = [*visible, *(x for i in letters[j + 1 :] for x in map(label.get, i) if x)]
                value, own = product(self.table, [(value, own), (other, labels)], seen)
            yield a, Term(out, into, value, own, factor)

    def letters(self, s: Eqn, op: Any) -> tuple[list[Atom], list[str], str]:
        """The operands, the letters of their axes, and those of the result."""
        if op is np.einsum:
            return self.einsum(s)
        given = self.options(s, "axes" if op is np.tensordot else "axis", skip=2)
        a, b = s.args[:2]
        n, m = len(self.shape(a)), len(self.shape(b))
        first, second = _LETTERS[:n], _LETTERS[10 : 10 + m]
        if op in (np.matmul, np.dot) and n and m:
            second = _swap(second, -1 if m == 1 else -2, first[-1])
            kept = second.replace(first[-1], "")
            right = first[:-1] + kept
            if op is np.matmul and (n > 2 or m > 2):
                return self.stacked(a, b, first, second)
        elif op is np.inner and n and m:
            second = second[:-1] + first[-1]
            right = first[:-1] + second[:-1]
        elif op is np.outer and n == m == 1:
            right = first + second
        elif op is np.vdot and self.shape(a) == self.shape(b):
            second, right = first, ""
        elif op is np.vecdot and self.shape(a) == self.shape(b) and given.get("axis", -1) == -1:
            second, right = first, first[:-1]
        elif op is np.tensordot:
            left, over = pairs_of_axes(given.get("axes", 2), n, m)
            for i, j in zip(left, over, strict=True):
                second = _swap(second, j, first[i])
            right = "".join(x for x in first + second if (x in first) != (x in second))
        else:
            raise Dynamic(f"{op.__name__} of these operands")
        return [a, b], [first, second], right

    def stacked(
        self, a: Atom, b: Atom, first: str, second: str
    ) -> tuple[list[Atom], list[str], str]:
        """Stacks of matrices."""
        n, m = len(first), len(second)
        if n == 1 or m == 1:
            lead = first[:-1] if m == 1 else second[:-2]
            return [a, b], [first, second], lead + ("" if m == 1 else second[-1])
        stack = _LETTERS[20 : 20 + max(n, m) - 2]
        first = stack[len(stack) - (n - 2) :] + first[-2:]
        second = stack[len(stack) - (m - 2) :] + second[-2:]
        return [a, b], [first, second], stack + first[-2] + second[-1]

    def einsum(self, s: Eqn) -> tuple[list[Atom], list[str], str]:
        if s.form is None or not isinstance(s.form.args[0], str):
            raise Dynamic("an einsum of lists of axes")
        stand_ins = [s.form.args[0], *(np.empty(self.shape(a)) for a in s.args)]
        _, letters, right, _ = split_operands(stand_ins)
        return list(s.args), letters, right


_ELEMENTWISE: dict[Any, Callable[[Vocabulary, Eqn], Iterator[Edge]]] = {
    np.add: Vocabulary.summands,
    np.subtract: Vocabulary.summands,
    np.negative: Vocabulary.negative,
    np.multiply: Vocabulary.factors,
    np.divide: Vocabulary.factors,
    np.where: Vocabulary.chosen,
}
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def _swap(text: str, k: int, letter: str) -> str:
    k %= len(text)
    return text[:k] + letter + text[k + 1 :]


def outside(made: Axes) -> Iterator[Axes]:
    """The rest of an array of which a box is overwritten: boxes before and after it, by axes."""
    kept: list[Axis] = []
    for k, a in enumerate(made):
        if len(set(a.labels)) > 1 or any(abs(step) != 1 for _, step in a.parts):
            raise Dynamic("a store into every other place")
        size = a.parts[0][0].size if a.parts else 1
        low = a.start if not a.parts or a.parts[0][1] > 0 else a.start - size + 1
        rest = [whole(b.size) for b in made[k + 1 :]]
        for start, stop in ((0, low), (low + size, a.size)):
            if stop > start:
                yield (*kept, _piece(a.size, start, stop), *rest)
        kept.append(_piece(a.size, low, low + size))


def _piece(size: int, start: int, stop: int) -> Axis:
    part = whole(stop - start)
    return Axis(size, start, part.parts)


def _aligned(out: tuple[int, ...], into: tuple[int, ...]) -> tuple[Axes, Axes]:
    """The axes of a reshape: groups of the same size have the labels of the finer side."""
    made: tuple[list[Axis], list[Axis]] = ([], [])
    sides = (list(out), list(into))
    while sides[0] or sides[1]:
        groups: tuple[list[int], list[int]] = ([], [])
        for side, group in zip(sides, groups, strict=True):
            if side:
                group.append(side.pop(0))
        while np.prod(groups[0]) != np.prod(groups[1]):
            k = int(np.prod(groups[0]) > np.prod(groups[1]))
            groups[k].append(sides[k].pop(0))
        # An axis of length 1 at the end belongs to the group before.
        _label(groups, made)
    return tuple(made[0]), tuple(made[1])


def _label(groups: tuple[list[int], list[int]], made: tuple[list[Axis], list[Axis]]) -> None:
    """The labels of one group of axes of the same size."""
    large = [[n for n in g if n != 1] for g in groups]
    if large[0] == large[1]:
        shared = [Label(n) for n in large[0]]
    elif len(large[0]) <= 1 or len(large[1]) <= 1:
        shared = [Label(n) for n in max(large, key=len)]
    else:
        raise Dynamic("a reshape that mixes axes")
    for k, group in enumerate(groups):
        if large[0] == large[1] or len(large[k]) > 1:
            each = iter(shared)
            made[k].extend(Axis(1) if n == 1 else axis(next(each)) for n in group)
            continue
        steps = [int(np.prod([x.size for x in shared[i + 1 :]])) for i in range(len(shared))]
        merged = tuple(zip(shared, steps, strict=True))
        size = int(np.prod([x.size for x in shared]))
        made[k].extend(Axis(1) if n == 1 else Axis(size, 0, merged) for n in group)
