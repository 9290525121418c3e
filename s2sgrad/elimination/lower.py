"""Values of a table as equations of the IR: each base, product and scaled product once."""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from s2sgrad.elimination.accumulate import monos
from s2sgrad.elimination.count import reachable
from s2sgrad.elimination.products import Plan, plan
from s2sgrad.elimination.table import EMPTY, Input, Mono, Named, Sum, Table, Term, Value
from s2sgrad.ir.graph import Atom, Eqn, Lit, Stmt, Var
from s2sgrad.ir.types import FLOAT


class Lowering:
    """Appends equations to `stmts`; `inputs` are the numbers that come from outside."""

    def __init__(self, table: Table, values: Sequence[Value], inputs: Mapping[int, Atom]) -> None:
        self.table, self.inputs = table, inputs
        self.stmts: list[Stmt] = []
        self.bases: dict[int, Atom] = {}
        self.made: dict[tuple[float, Mono], Atom] = {}
        self.shared: dict[int, Atom] = {}
        bases = reachable(table, values)
        every = {v.mono for v in values} | {m for b in bases for m in monos(table, b)}
        self.plan: Plan = plan(every, len(table.bases))
        for base in bases:
            self.base(base)

    def emit(self, op: Callable[..., Any], *args: Atom, hint: str = "") -> Var:
        out = Var(hint, FLOAT)
        self.stmts.append(Eqn(out, op, args))
        return out

    def base(self, base: int) -> Atom:
        """The value of a base."""
        if base not in self.bases:
            made, hint = self.table.bases[base], self.table.hints.get(base, "")
            if isinstance(made, Input):
                self.bases[base] = self.inputs[made.number]
            elif isinstance(made, Sum):
                self.bases[base] = self.sum(made, hint)
            elif isinstance(made, Named):
                self.bases[base] = self.value(1.0, made.mono)
            else:
                args = (self.operand(a) for a in made.args)
                self.bases[base] = self.emit(made.op, *args, hint=hint)
        return self.bases[base]

    def keep(self, v: Value) -> None:
        """Compute `v` even if nobody reads it: Python may refuse to."""
        out = self.value(v.factor, v.mono)
        for k, s in enumerate(self.stmts):
            if isinstance(s, Eqn) and s.out is out:
                self.stmts[k] = replace(s, raises=True)

    def cell(self, v: Value | None) -> Atom:
        """An entry of the matrix: None where it is zero by structure."""
        return Lit(0.0) if v is None else self.value(v.factor, v.mono)

    def operand(self, a: Any) -> Atom:
        return self.value(a.factor, a.mono) if isinstance(a, Term) else Lit(a)

    def sum(self, s: Sum, hint: str) -> Atom:
        """`a + b`, or `a - b` where one factor is negative."""
        a, b = (s.ca, s.a), (s.cb, s.b)
        if a[0] < 0.0 < b[0]:
            a, b = b, a
        first = self.value(*a)
        if b[0] < 0.0:
            return self.emit(operator.sub, first, self.value(-b[0], b[1]), hint=hint)
        return self.emit(operator.add, first, self.value(*b), hint=hint)

    def value(self, factor: float, mono: Mono) -> Atom:
        """A constant times a product."""
        if mono == EMPTY:
            return Lit(factor)
        found = self.made.get((factor, mono))
        if found is None:
            found = self.made[factor, mono] = self._value(factor, mono)
            if isinstance(found, Var) and not found.hint:
                _call(found, self.table.products.get((factor, mono), ""))
        return found

    def name(self, names: Mapping[tuple[float, Mono], str], results: Sequence[Atom]) -> None:
        """Give names to what has none and is read more than once: the rest is written in place."""
        args = (a for s in self.stmts if isinstance(s, Eqn) for a in s.args)
        uses = Counter(a for a in (*args, *results) if isinstance(a, Var))
        for key, hint in names.items():
            v = self.made.get(key)
            if isinstance(v, Var) and not v.hint and uses[v] > 1:
                _call(v, hint)

    def _value(self, factor: float, mono: Mono) -> Atom:
        if factor < 0.0:
            return self.emit(operator.neg, self.value(-factor, mono))
        if factor == 2.0:
            one = self.value(1.0, mono)
            return self.emit(operator.add, one, one)
        if factor != 1.0:
            if all(k < 0 for _, k in mono):
                return self.emit(operator.truediv, Lit(factor), self.denominator(mono))
            return self.emit(operator.mul, Lit(factor), self.value(1.0, mono))
        powers = self.plan.left[mono]
        up = [self.factor(b) for b, k in sorted(powers.items()) for _ in range(k)]
        over = self.product(up) if up else Lit(1.0)
        if all(k > 0 for k in powers.values()):
            return over
        return self.emit(operator.truediv, over, self.denominator(mono))

    def denominator(self, mono: Mono) -> Atom:
        powers = self.plan.left[mono]
        return self.product([self.factor(b) for b, k in sorted(powers.items()) for _ in range(-k)])

    def product(self, factors: Iterable[Atom]) -> Atom:
        first, *rest = factors
        for f in rest:
            first = self.emit(operator.mul, first, f)
        return first

    def factor(self, number: int) -> Atom:
        """A base, or a factor that products share."""
        pair = self.plan.made.get(number)
        if pair is None:
            return self.base(number)
        if number not in self.shared:
            a, b = pair
            op = operator.mul if b >= 0 else operator.truediv
            self.shared[number] = self.emit(op, self.factor(a), self.factor(b if b >= 0 else ~b))
        return self.shared[number]


def _call(v: Var, hint: str) -> None:
    object.__setattr__(v, "hint", hint)  # a hint is not part of what a value is
