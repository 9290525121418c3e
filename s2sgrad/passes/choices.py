"""Choices in the backward sweep: what is chosen is computed once, of numbers where it can be.

`np.where(m, np.full_like(x, 2.0), 0.0) * y` is `np.where(m, 2.0 * y, 0.0)`, a choice among the same
alternatives within a choice is that alternative, and `np.where(~m, a, b)` is `np.where(m, b, a)`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from s2sgrad.front.infer import infer
from s2sgrad.ir.graph import Atom, Eqn, Lit, Var, atom_type
from s2sgrad.ir.types import Scalar
from s2sgrad.passes.sums import Sums, is_zero, same
from s2sgrad.passes.terms import is_factor

_FACTORS: dict[Any, tuple[int, ...]] = {operator.mul: (0, 1), operator.truediv: (0,)}


class Choices(Sums):
    """Simplifies `np.where` and the products with it."""

    def decided(self, s: Eqn) -> Eqn | Atom:
        """`np.where(m, -0.5, 0.0) != 0.0` is `m`."""
        inner = self.chosen(s.args[0]) if s.op is operator.ne and is_zero(s.args[1]) else None
        if inner is None or not (is_factor(inner.args[1]) and is_zero(inner.args[2])):
            return s
        mask = inner.args[0]
        return mask if same(atom_type(mask), s.out.type) else s

    def choice(self, s: Eqn) -> Eqn:
        """`np.where(mask, a, b)` without what its own mask decides."""
        mask, *arms = s.args
        for k, arm in enumerate(arms):
            inner = self.chosen(arm)
            if inner is not None and inner.args[0] is mask:
                arms[k] = inner.args[1 + k]
        s = self.as_good(s, (mask, *arms))
        made = self.made.get(mask) if isinstance(mask, Var) else None
        if made is not None and made.op is np.logical_not and made.form is None:
            s = self.as_good(s, (made.args[0], s.args[2], s.args[1]))
        return s

    def as_good(self, s: Eqn, args: tuple[Atom, ...]) -> Eqn:
        """`s` with these operands, if its type stays the same."""
        t = infer(s.op, args, None)
        return replace(s, args=args) if t == s.out.type or same(t, s.out.type) else s

    def chosen(self, a: Atom) -> Eqn | None:
        """The `np.where` behind `a`."""
        made = self.made.get(a) if isinstance(a, Var) else None
        if made is None or made.op is not np.where or made.form is not None or made.raises:
            return None
        return made if len(made.args) == 3 else None

    def scaled_choice(self, s: Eqn) -> Eqn | None:
        """`np.where(m, x, 0.0) * y` as `np.where(m, x * y, 0.0)`."""
        if s.op is operator.neg:
            return self.moved_in(s, 0, lambda c: self.simple(operator.neg, (c,)))
        for k in _FACTORS.get(s.op, ()):
            if s.form is None:
                made = self.moved_in(s, k, lambda c, k=k: self.inside(s, k, c))  # type: ignore[misc]
                if made is not None:
                    return made
        return None

    def moved_in(self, s: Eqn, k: int, inside: Callable[[Atom], Atom]) -> Eqn | None:
        """The choice that operand `k` of `s` is, `s` done to what is chosen."""
        inner = self.chosen(s.args[k])
        zeros = [j for j in (1, 2) if inner is not None and is_zero(inner.args[j])]
        if inner is None or len(zeros) != 1:
            return None
        arm = 3 - zeros[0]
        number = inner.args[arm]
        if not (is_factor(number) or (self.uses[inner.out] <= 1 and self.is_local(inner.out))):
            return None
        other = tuple(number if j == k else a for j, a in enumerate(s.args))
        shape = Var("", infer(s.op, other, None))
        if not same(infer(np.where, _with(inner, arm, shape), None), s.out.type):
            return None
        return Eqn(s.out, np.where, _with(inner, arm, inside(number)), None, s.at)

    def inside(self, s: Eqn, k: int, c: Atom) -> Atom:
        """What is chosen: `c` in the place of operand `k` of `s`."""
        args = tuple(c if j == k else a for j, a in enumerate(s.args))
        if s.op is operator.mul and isinstance(c, Lit) and c.value == 1:
            other = args[1 - k]
            if not isinstance(atom_type(other), Scalar):
                return other
        return self.simple(s.op, args)

    def simple(self, op: Callable[..., Any], args: tuple[Atom, ...]) -> Atom:
        """An equation that is simplified itself."""
        raise NotImplementedError


def _with(s: Eqn, k: int, a: Atom) -> tuple[Atom, ...]:
    """The operands of `s`, the one in place `k` another."""
    return tuple(a if j == k else b for j, b in enumerate(s.args))


__all__ = ["Choices"]
