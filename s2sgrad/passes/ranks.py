"""How many axes a parameter has, where the program's own text says so.

An elementwise operation gives a number only of numbers, and `x[i, j]` is one only if `x` has two
axes.  So from a scalar result one may conclude, backwards through arithmetic, subscripts, branches
and loops, what parameters are; and what counts turns is an int.  That is assumed of them, said in
the emitted docstring, and checked at entry.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable
from typing import Any

from s2sgrad.front.probe import fresh_dim, is_elementwise
from s2sgrad.ir import ops
from s2sgrad.ir.graph import Atom, Block, Branch, Eqn, Func, Hole, Loop, Pack, Range, Var
from s2sgrad.ir.types import FLOAT, INT, Array, Type, Unknown

_INTEGRAL = {operator.add, operator.sub, operator.mul, operator.mod, operator.floordiv,
             operator.neg}  # fmt: skip


def narrowed(func: Func, scalar_result: bool) -> dict[Var, Type]:
    """Types of parameters of unknown type, given whether the result is a number."""
    found = _Ranks()
    if scalar_result:
        found.mark(func.body.results, 0)
    size = -1
    while size != found.size():
        size = found.size()
        found.block(func.body)
    types: dict[Var, Type] = {}
    for v in func.body.params:
        if isinstance(v.type, Unknown) and v.type.real and v not in found.unsure:
            if v in found.ints:
                types[v] = INT
            elif v in found.rank:
                axes = found.rank[v]
                types[v] = Array("d", tuple(fresh_dim() for _ in range(axes))) if axes else FLOAT
    return types


class _Ranks:
    """What is known of values: the number of their axes, and which are ints."""

    def __init__(self) -> None:
        self.rank: dict[Var, int] = {}
        self.ints: set[Var] = set()
        self.unsure: set[Var] = set()  # of which the program says two things

    def size(self) -> int:
        return len(self.rank) + len(self.ints) + len(self.unsure)

    def mark(self, atoms: Iterable[Atom], rank: int) -> None:
        for a in atoms:
            if isinstance(a, Var) and self.rank.setdefault(a, rank) != rank:
                self.unsure.add(a)

    def count(self, atoms: Iterable[Atom]) -> None:
        """What is an index or counts turns."""
        for a in atoms:
            if isinstance(a, Var):
                self.ints.add(a)
                self.mark((a,), 0)

    def block(self, block: Block) -> None:
        for s in reversed(block.stmts):
            if isinstance(s, Eqn):
                self.eqn(s)
            elif isinstance(s, Branch):
                for arm in s.arms:
                    for v, r in zip(s.outs[: s.joined], arm.results, strict=False):
                        self.hand(v, r)
                    self.block(arm)
            else:
                self.loop(s)

    def hand(self, v: Var, source: Atom) -> None:
        if v in self.rank:
            self.mark((source,), self.rank[v])

    def eqn(self, s: Eqn) -> None:
        if s.out in self.ints and s.op in _INTEGRAL:
            self.count(s.args)
        if _of_numbers(s) or (self.rank.get(s.out) == 0 and is_elementwise(s.op)):
            self.mark(s.args, 0)
        if s.op is ops.getitem and s.form is not None and s.out in self.rank:
            taken = _axes_taken(s.form.args[1])
            if taken is not None:
                self.mark(s.args[:1], self.rank[s.out] + taken)
                if self.rank[s.out] == 0:  # an array as an index would give an array
                    self.count(s.args[1:])

    def loop(self, s: Loop) -> None:
        if isinstance(s.over, Range):
            self.count((s.over.start, s.over.stop, s.over.step))
        for k, init in enumerate(s.carried):
            p, out = s.body.params[1 + k], s.outs[k]
            self.hand(out, s.body.results[k])
            self.hand(p, s.body.results[k])
            self.hand(p, init)
        self.block(s.body)


def _axes_taken(index: Any) -> int | None:
    """How many axes a subscript takes away; None where it holds more than single indices."""
    items = index.items if isinstance(index, Pack) and index.kind == "tuple" else (index,)
    single = all(isinstance(i, Hole) or type(i) is int for i in items)
    return len(items) if single else None


def _of_numbers(s: Eqn) -> bool:
    """A function of `math`, but for those that take a list or a vector; `min` of several."""
    name = getattr(s.op, "__name__", "")
    if s.op in (min, max):
        return len(s.args) > 1 and s.form is None
    return getattr(math, name, None) is s.op and name not in ("fsum", "prod", "dist", "sumprod")
