"""What the entries of structured Jacobians are computed from: a graph of array operations.

Equal values are one object, so that what several entries share is counted and computed once.  A
value knows nothing of labels: its axes are numbered, and `spec` says how those of operands meet.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from s2sgrad.ir.graph import Atom, Lit

Shape = tuple[int, ...]
Axes = tuple[int, ...]  # numbers that stand for labels


@dataclass(frozen=True, slots=True, eq=False)
class Value:
    """An array that is computed: `op` of other values, or of atoms of the program.

    `muls` and `divs` are the multiplications and divisions of this operation alone.
    """

    op: str
    args: tuple[Any, ...]
    spec: Any
    shape: Shape
    muls: int = 0
    divs: int = 0


class Table:
    """Makes values, each once."""

    def __init__(self) -> None:
        self.made: dict[Any, Value] = {}
        self.one = self.make("one", (), None, ())

    def make(self, op: str, args: tuple[Any, ...], spec: Any, shape: Shape, **cost: int) -> Value:
        key = (op, tuple(_key(a) for a in args), spec)
        if key not in self.made:
            self.made[key] = Value(op, args, spec, shape, **cost)
        return self.made[key]

    def leaf(self, a: Atom, shape: Shape, kept: Axes, op: str = "leaf") -> Value:
        """An array of the program without its axes of length 1 that are not in `kept`."""
        return self.make(op, (a,), kept, tuple(shape[k] for k in kept))

    def inverse(self, v: Value) -> Value:
        """One divided by each element."""
        return self.make("inverse", (v,), None, v.shape, divs=math.prod(v.shape))

    def negated(self, v: Value) -> Value:
        """The indicator of where a mask is false."""
        return self.make("not", (v,), None, v.shape)

    def scaled(self, v: Value, factor: float) -> Value:
        """A constant times `v`: the smaller operand of a product takes it."""
        if factor == 1.0:
            return v
        small = _smaller(v)
        if small is not None:
            args = list(v.args)
            args[small] = self.scaled(args[small], factor)
            costs = {"muls": v.muls, "divs": v.divs}
            return self.make(v.op, tuple(args), v.spec, v.shape, **costs)
        return self.make("scale", (v,), factor, v.shape, muls=_factor_cost(factor, v.shape))

    def sliced(self, v: Value, axis: int, start: int, step: int, size: int) -> Value:
        """Each `step`th along an axis."""
        if start == 0 and step == 1 and size == v.shape[axis]:
            return v
        shape = (*v.shape[:axis], size, *v.shape[axis + 1 :])
        return self.make("slice", (v,), (axis, start, step, size), shape)

    def fixed(self, v: Value, axis: int, k: int) -> Value:
        """One place of an axis."""
        return self.make("item", (v,), (axis, k), (*v.shape[:axis], *v.shape[axis + 1 :]))

    def gathered(self, v: Value, axis: int, index: Value) -> Value:
        """The places of an axis that an array of ints names; its axes stand in the axis' place."""
        shape = (*v.shape[:axis], *index.shape, *v.shape[axis + 1 :])
        return self.make("gather", (v, index), axis, shape)

    def split(self, v: Value, axis: int, sizes: Shape) -> Value:
        """An axis as several."""
        shape = (*v.shape[:axis], *sizes, *v.shape[axis + 1 :])
        return self.make("split", (v,), (axis, sizes), shape)

    def diagonal(self, v: Value, a: int, b: int) -> Value:
        """The diagonal of two axes, which comes last."""
        rest = tuple(n for k, n in enumerate(v.shape) if k not in (a, b))
        return self.make("diagonal", (v,), (a, b), (*rest, v.shape[a]))

    def summed(self, v: Value, lost: Axes) -> Value:
        """Summed over axes."""
        if not lost:
            return v
        rest = tuple(n for k, n in enumerate(v.shape) if k not in lost)
        return self.make("sum", (v,), lost, rest)

    def product(self, a: Value, b: Value, la: Axes, lb: Axes, kept: Axes) -> Value:
        """Products, summed over what is not `kept`."""
        size = {**dict(zip(la, a.shape, strict=True)), **dict(zip(lb, b.shape, strict=True))}
        shape = tuple(size[k] for k in kept)
        work = math.prod(size.values())
        for x, y, lx, ly in ((a, b, la, lb), (b, a, lb, la)):
            if x.op in ("mask", "not"):
                every = (*ly, *(k for k in lx if k not in ly))
                if len(every) > len(kept):
                    whole = self.product(x, y, lx, ly, every)
                    return self.summed_to(whole, every, kept)
                return self.make("where", (x, y), (lx, ly, kept), shape)
            if y.op == "inverse" and set(kept) == size.keys() and x.op != "inverse":
                (z,) = y.args
                return self.make("quotient", (x, z), (lx, ly, kept), shape, divs=work)
        return self.make("product", (a, b), (la, lb, kept), shape, muls=work)

    def summed_to(self, v: Value, axes: Axes, kept: Axes) -> Value:
        """Summed to the axes `kept`, in this order."""
        v = self.summed(v, tuple(k for k, n in enumerate(axes) if n not in kept))
        left = tuple(n for n in axes if n in kept)
        if left == kept:
            return v
        order = tuple(left.index(n) for n in kept)
        return self.make("transpose", (v,), order, tuple(v.shape[k] for k in order))

    def added(
        self, a: Value, b: Value, la: Axes, lb: Axes, kept: Axes, factors: tuple[float, float]
    ) -> Value:
        """The sum of multiples, broadcast to the axes `kept`."""
        size = {**dict(zip(la, a.shape, strict=True)), **dict(zip(lb, b.shape, strict=True))}
        if abs(factors[0]) != 1.0:
            a, factors = self.scaled(a, factors[0]), (1.0, factors[1])
        if abs(factors[1]) != 1.0:
            b, factors = self.scaled(b, factors[1]), (factors[0], 1.0)
        shape = tuple(size[k] for k in kept)
        return self.make("add", (a, b), (la, lb, kept, factors), shape)


def _smaller(v: Value) -> int | None:
    """The operand that takes a factor at less cost than the result of a product."""
    if v.op in ("product", "quotient", "where"):
        own = range(v.op == "where", 1 if v.op == "quotient" else 2)
        size, k = min((math.prod(v.args[k].shape), k) for k in own)
        return k if size < math.prod(v.shape) else None
    return None


def _key(a: Any) -> Any:
    if isinstance(a, Lit) and isinstance(a.value, int | float):
        return ("lit", a.value)
    return id(a)


def _factor_cost(factor: float, shape: Shape) -> int:
    return 0 if abs(factor) == 1.0 else math.prod(shape)


def numbered(labels: Iterable[Any], known: Sequence[Any]) -> Axes:
    """The place of each label among those that are known."""
    return tuple(known.index(x) for x in labels)


def reachable(values: Iterable[Value]) -> list[Value]:
    """The values and all that they are computed from, operands first."""
    found: dict[Value, None] = {}

    def visit(v: Value) -> None:
        if v in found:
            return
        for a in v.args:
            if isinstance(a, Value):
                visit(a)
        found[v] = None

    for v in values:
        visit(v)
    return list(found)
