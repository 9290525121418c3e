"""Sums: equal terms are collected, signs turn `+` into `-`.

`t + x + t` is `2.0 * t + x`, `a * b * b + 2.0 * (b * b) * a` is `3.0 * a * b * b`: two products are
equal that have the same factors, in whichever order they were multiplied.  The first one is kept.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from s2sgrad.front.infer import fits
from s2sgrad.ir.graph import Atom, Eqn, Lit, Var, atom_type
from s2sgrad.ir.types import Array, Type
from s2sgrad.passes.terms import PRODUCT, Node, Term, Terms, Tree, is_factor

SUM: set[Callable[..., Any]] = {operator.add, operator.sub}
LONGEST = 16  # terms of a sum that are compared
DEEPEST = 6  # products within products whose factors are looked at


@dataclass(frozen=True)
class Factors:
    """A product as a coefficient and its factors, in no order."""

    coef: float
    over: tuple[int, ...]
    under: tuple[int, ...]

    @property
    def key(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        return tuple(sorted(self.over)), tuple(sorted(self.under))


class Sums(Terms):
    """Simplifies additions and subtractions in the backward sweep."""

    def total(self, s: Eqn) -> Eqn | Atom:
        """`x + x` is `2.0 * x`, `a + -2.0 * b` is `a - 2.0 * b`, `0.0 + x` is `x`."""
        a, b = s.args
        for zero, x in ((a, b), (b, a)):
            if is_zero(zero):
                if s.op is operator.sub and x is b:
                    return self.product(replace(s, op=operator.neg, args=(b,)))
                return x if same(atom_type(x), s.out.type) or atom_type(x) == s.out.type else s
        merged = self.collected(s)
        if merged is not None:
            return merged
        return self.signed(s)

    def product(self, s: Eqn) -> Eqn | Atom:
        """The product `s`, simplified."""
        raise NotImplementedError

    # -- equal terms

    def collected(self, s: Eqn) -> Eqn | Atom | None:
        """The sum with equal terms collected; None if no two are equal."""
        addends = self.addends(s, 1.0)
        if len(addends) > LONGEST:
            return None
        coefs: dict[Any, float] = {}
        first: dict[Any, tuple[float, Atom]] = {}
        for sign, a in addends:
            f = self.factors(a, s.out.type)
            coefs[f.key] = coefs.get(f.key, 0.0) + sign * f.coef
            first.setdefault(f.key, (f.coef, a))
        if len(coefs) == len(addends) or 0.0 in coefs.values():
            return None
        terms = [self.times(coefs[key] / own, a, s) for key, (own, a) in first.items()]
        terms.sort(key=lambda t: t.coef < 0)  # no sum starts with a sign if it need not
        return self.written(terms, s)

    def addends(self, s: Eqn, sign: float) -> list[tuple[float, Atom]]:
        """The terms of a sum, and of the sums that only it reads, with their signs."""
        found: list[tuple[float, Atom]] = []
        for a, own in zip(s.args, (sign, -sign if s.op is operator.sub else sign), strict=True):
            if isinstance(a, Var) and self.is_partial_sum(a, s):
                found += self.addends(self.made[a], own)
            else:
                found.append((own, a))
        return found

    def is_partial_sum(self, v: Var, s: Eqn) -> bool:
        made = self.made.get(v)
        return (
            made is not None
            and made.op in SUM
            and made.form is None
            and not (made.raises or made.effect)
            and made.out not in self.exact
            and self.uses[v] <= 1
            and self.is_local(v)
            and same_or_equal(v.type, s.out.type)
        )

    def factors(self, a: Atom, out: Type, depth: int = DEEPEST) -> Factors:
        """The factors of a term of a sum of type `out`."""
        if is_factor(a):
            return Factors(float(a.value), (), ())  # type: ignore[union-attr]
        made = self.made.get(a) if isinstance(a, Var) else None
        if (
            made is None
            or made.op not in PRODUCT
            or depth == 0
            or not (self.is_product(made) and self.is_local(made.out))
            or not same_or_equal(made.out.type, out)
        ):
            return Factors(1.0, (id(a),), ())
        parts = [self.factors(b, out, depth - 1) for b in made.args]
        if made.op is operator.neg:
            return replace(parts[0], coef=-parts[0].coef)
        x, y = parts
        if made.op is operator.mul:
            return Factors(x.coef * y.coef, x.over + y.over, x.under + y.under)
        return Factors(x.coef / y.coef, x.over + y.under, x.under + y.over)

    def times(self, c: float, a: Atom, s: Eqn) -> Term:
        """`c * a`, a term of the sum `s`."""
        made = self.made.get(a) if isinstance(a, Var) else None
        partial = made is not None and self.uses[made.out] <= 1 and self.is_local(made.out)
        if made is not None and (self.can_open(made.out, s) or (partial and self.is_product(made))):
            t = self.taken_apart(made)
            return replace(t, coef=c * t.coef)
        return Term(c, rest=a)

    def written(self, terms: list[Term], s: Eqn) -> Eqn | Atom:
        """The sum of terms in place of `s`."""
        if len(terms) == 1:
            return self.finish(terms[0], s)
        made: Node = self.scaled(terms[0])
        for t in terms[1:]:
            op = operator.sub if t.coef < 0 else operator.add
            term = self.scaled(t.negative() if t.coef < 0 else t)
            made = Tree(op, (made, term), s.out.type)
        assert isinstance(made, Tree)
        args = tuple(self.write(a) for a in made.args)
        return replace(s, op=made.op, args=args, form=None)

    # -- signs

    def signed(self, s: Eqn) -> Eqn:
        """A negative second operand turns the sign."""
        flip = {operator.add: operator.sub, operator.sub: operator.add}
        a, b = s.args
        if self.is_negative(b, s):
            s = replace(s, op=flip[s.op], args=(a, self.opposite(b)))
            b = s.args[1]
        if s.op is operator.add and self.is_negative(a, s):
            return replace(s, op=operator.sub, args=(b, self.opposite(a)))
        return s

    def is_negative(self, a: Atom, s: Eqn) -> bool:
        if not isinstance(a, Var):
            return False
        if self.is_shared_negative(a, s):
            return True
        if not self.is_own(a, s.args.count(a)) or not self.is_product(self.made[a]):
            return False
        made = self.made[a]
        while made.op in PRODUCT and made.op is not operator.neg and isinstance(made.args[0], Var):
            if not self.is_own(made.args[0], made.args.count(made.args[0])):
                return False
            made = self.made[made.args[0]]
        if made.op is operator.neg:
            return True
        c = made.args[0]
        return made.op in PRODUCT and isinstance(c, Lit) and type(c.value) is float and c.value < 0

    def opposite(self, a: Atom) -> Atom:
        assert isinstance(a, Var)
        term = self.term(self.made[a])
        if term.coef < 0:
            return self.write(self.scaled(term.negative()))
        return self.write(self.attach(self.scaled(term), Lit(-1.0)))  # the sign is further inside


def is_zero(a: Atom) -> bool:
    return isinstance(a, Lit) and type(a.value) in (int, float) and a.value == 0


def same(a: Type, b: Type) -> bool:
    """Arrays of one dtype and shape."""
    if not isinstance(a, Array) or not isinstance(b, Array):
        return False
    return a.char == b.char and not (a.loose or b.loose) and bool(fits(a, b))


def same_or_equal(a: Type, b: Type) -> bool:
    return a == b or same(a, b)


__all__ = ["SUM", "Sums", "is_zero", "same", "same_or_equal"]
