"""How much the tapes of a function hold, worked out from the sizes of its arguments."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from s2sgrad.ir.graph import Atom, Block, Branch, Eqn, Func, Lit, Loop, Range, Var, call_args
from s2sgrad.ir.types import Array, Dim, Scalar, Seq, Type

NUMBER = 8


def tapes(func: Func, extents: Mapping[Dim, int], ints: Mapping[str, int]) -> dict[str, int | None]:
    """The bytes of data on each tape at its fullest; None where its length is not known before.

    `extents` are the symbols of the arguments' shapes, `ints` the arguments that are ints.  What an
    arm collects counts as if it ran in each turn.
    """
    one = _Tapes(extents)
    for p, name in zip(func.body.params, func.names, strict=True):
        if name in ints:
            one.known[p] = ints[name]
    one.block(func.body, 1)
    return one.found


class _Tapes:
    def __init__(self, extents: Mapping[Dim, int]) -> None:
        self.extents = extents
        self.known: dict[Var, int] = {}  # ints
        self.found: dict[str, int | None] = {}

    def block(self, block: Block, turns: int | None) -> None:
        for s in block.stmts:
            if isinstance(s, Eqn):
                self.eqn(s)
            elif isinstance(s, Loop):
                n = len(s.carried)
                inside = _times(turns, self.count(s))
                self.block(s.body, inside)
                for v in s.outs[n:]:
                    self.tape(v, inside)
            else:
                self.branch(s, turns)

    def branch(self, s: Branch, turns: int | None) -> None:
        for k, arm in enumerate(s.arms):
            self.block(arm, turns)
            for v in s.collected(k):
                self.tape(v, turns)

    def tape(self, v: Var, turns: int | None) -> None:
        """A tape of tapes is the same list."""
        if isinstance(v.type, Seq) and not isinstance(v.type.item, Seq):
            name, k = v.hint or "tape", 1
            while name in self.found:
                k += 1
                name = f"{v.hint or 'tape'}{k}"
            self.found[name] = _times(turns, self.size(v.type.item))

    def size(self, t: Type) -> int | None:
        """The bytes of one item."""
        if isinstance(t, Scalar):
            return NUMBER
        if not isinstance(t, Array):
            return None
        total: int | None = np.dtype(t.char).itemsize
        for d in t.shape:
            total = _times(total, self.extent(d))
        return total

    def extent(self, d: Dim) -> int | None:
        return d if isinstance(d, int) else self.extents.get(d)

    def count(self, s: Loop) -> int | None:
        """How many turns it has, if it does not end early."""
        if not isinstance(s.over, Range):
            return None
        bounds = [self.value(a) for a in (s.over.start, s.over.stop, s.over.step)]
        if None in bounds or bounds[2] == 0:
            return None
        return len(range(*bounds))  # type: ignore[arg-type]

    def value(self, a: Atom) -> int | None:
        if isinstance(a, Lit):
            return a.value if type(a.value) is int else None
        return self.known.get(a)

    def eqn(self, s: Eqn) -> None:
        """Ints that follow from ints and sizes."""
        if not (isinstance(s.out.type, Scalar) and s.out.type.kind == "int") or s.effect:
            return
        made = self.shape(s) if s.op is np.size else self.computed(s)
        if made is not None:
            self.known[s.out] = made

    def shape(self, s: Eqn) -> int | None:
        """`np.size(x)`, `np.size(x, axis)`."""
        x = s.args[0]
        if not isinstance(x, Var) or not isinstance(x.type, Array):
            return None
        extents = [self.extent(d) for d in x.type.shape]
        if len(s.args) > 1:
            axis = self.value(s.args[1])
            return None if axis is None else extents[axis]
        return None if None in extents else math.prod(extents)  # type: ignore[arg-type]

    def computed(self, s: Eqn) -> int | None:
        values: list[Any] = [self.value(a) for a in s.args]
        if None in values or not values:
            return None
        pos, named = call_args(s, values)
        try:
            made = s.op(*pos, **named)
        except (ArithmeticError, TypeError, ValueError):
            return None  # the program will say so when it runs
        return made if type(made) is int else None


def _times(a: int | None, b: int | None) -> int | None:
    return None if a is None or b is None else a * b
