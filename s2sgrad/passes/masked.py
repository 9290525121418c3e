"""What a mask protects: `np.sqrt(np.where(m, x, 1.0))` is harmless wherever `m` is false.

Programs write that to keep a singular function off its singularity.  A cotangent that is zero where
`m` is false then needs no further guard.
"""

from __future__ import annotations

import numpy as np

from s2sgrad.front.infer import fits
from s2sgrad.ir.graph import Atom, Eqn, Lit, atom_type
from s2sgrad.ir.types import Array
from s2sgrad.passes.bounds import Ranges
from s2sgrad.rules.registry import canonical, lookup

_GUARDED = {np.divide, np.sqrt, np.log, np.log2, np.log10, np.log1p}
_POSITIVE = {np.sqrt, np.multiply, np.divide}  # of positive operands


class Masked:
    """Masks under which values are harmless, and those that make cotangents zero."""

    def __init__(self, ranges: Ranges, tainted: set[Atom]) -> None:
        self.ranges, self.tainted = ranges, tainted
        self.finite: dict[Atom, set[Atom]] = {}  # ordinary wherever one of these is false
        self.positive: dict[Atom, set[Atom]] = {}  # and not zero
        self.zero: dict[Atom, Atom] = {}  # cotangents that are zero where the mask is false

    def note(self, s: Eqn) -> None:
        """What the masks of the operands protect, they protect in the result, unless it divides."""
        if s.form is not None:
            return
        op = canonical(s.op)
        if op is np.where and len(s.args) == 3:
            if _is_ordinary(s.args[2]) and _same_shape(s.args[0], s.out):
                self.finite[s.out] = self.positive[s.out] = {s.args[0]}
            return
        masks = {m for a in s.args for m in self.finite.get(a, ())}
        kept = {m for m in masks if _same_shape(m, s.out) and self.is_harmless(s, m)}
        self.finite[s.out] = kept
        positive = op in _POSITIVE
        self.positive[s.out] = {
            m for m in kept if positive and all(m in self.positive.get(a, ()) for a in s.args)
        }

    def is_harmless(self, s: Eqn, mask: Atom) -> bool:
        """Are the result of an elementwise `s` and its partials ordinary where `mask` is false?"""
        rule = lookup(s.op)
        if rule is None or not rule.elementwise or s.form is not None:
            return False
        if any(a in self.tainted and mask not in self.finite.get(a, ()) for a in s.args):
            return False
        if not rule.singular or self.ranges.is_regular(s):
            return True
        return canonical(s.op) in _GUARDED and mask in self.positive.get(s.args[-1], ())

    def mark(self, s: Eqn, g: Atom, bar: Atom, operand: Atom, selected: bool) -> None:
        """`bar` is the cotangent of `operand` that the rule of `s` made of `g`."""
        if s.op is np.where and s.form is None and len(s.args) == 3:
            first = operand is s.args[1] and operand is not s.args[2]
            if first and (not selected or self.zero.get(g) is s.args[0]):
                self.note_zero(bar, s.args[0])
            return
        rule = lookup(s.op)
        if g in self.zero and rule is not None and rule.elementwise:
            self.note_zero(bar, self.zero[g])

    def note_zero(self, bar: Atom, mask: Atom) -> None:
        if _same_shape(mask, bar):
            self.zero[bar] = mask

    def mask(self, g: Atom) -> Atom | None:
        """Where this is false, `g` is zero; elsewhere it is not by selection."""
        return self.zero.get(g)


def _is_ordinary(a: Atom) -> bool:
    """A literal at which no root, logarithm or division is singular."""
    return isinstance(a, Lit) and type(a.value) in (int, float) and 1e-3 <= a.value <= 1e3


def _same_shape(a: Atom, b: Atom) -> bool:
    t, u = atom_type(a), atom_type(b)
    return isinstance(t, Array) and isinstance(u, Array) and bool(fits(t, u)) and bool(fits(u, t))


__all__ = ["Masked"]
