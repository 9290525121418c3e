"""Bounds of values: where a division, root or logarithm has finite partials whatever is given.

`1 + np.exp(-x)` is at least 1, `np.sqrt(x * x + 1e-5)` is positive, and so is the sum in a softmax
whose maximum was subtracted.  Only what straight-line code shows is known; arguments are any finite
numbers.  A value that may overflow for ordinary arguments (`exp`) is bounded by infinity.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from s2sgrad.ir import ops
from s2sgrad.ir.graph import Atom, Block, Branch, Eqn, Lit, atom_type
from s2sgrad.ir.types import Array
from s2sgrad.passes.shift import still
from s2sgrad.rules.registry import canonical, lookup

LEAST = 1e-15  # what is not below this may be divided by, twice, in float32 too
MOST = 10.0  # `exp` of more may overflow in float16


@dataclass(frozen=True)
class Bounds:
    """`low <= v <= high`; `steep`: it may be infinite for ordinary arguments."""

    low: float = -math.inf
    high: float = math.inf
    steep: bool = False


ANY = Bounds()
_SAME = {
    np.reshape, np.ravel, np.transpose, np.swapaxes, np.moveaxis, np.expand_dims, np.squeeze,
    np.broadcast_to, np.flip, np.roll, np.copy, np.max, np.min, np.mean, ops.getitem,
    ops.identity, ops.copy,
}  # fmt: skip


class Ranges:
    """The bounds of the values that a function makes."""

    def __init__(self, body: Block) -> None:
        self.known: dict[Atom, Bounds] = {}
        self.made: dict[Atom, Eqn] = {}
        self.block(body)

    def block(self, block: Block) -> None:
        for s in block.stmts:
            if isinstance(s, Eqn):
                self.made[s.out] = s
                self.known[s.out] = self.eqn(s)
            else:
                for b in s.arms if isinstance(s, Branch) else (s.body,):
                    self.block(b)

    def of(self, a: Atom) -> Bounds:
        if isinstance(a, Lit):
            c = a.value
            return Bounds(c, c) if type(c) in (int, float) and math.isfinite(c) else ANY
        return self.known.get(a, ANY)

    def eqn(self, s: Eqn) -> Bounds:
        parts = [self.of(a) for a in s.args]
        steep = any(p.steep for p in parts)
        op = canonical(s.op)
        if op in _SAME and s.args:
            return parts[0] if _is_plain(s) else ANY
        if op is np.sum and _is_plain(s):
            low = 1.0 if self.is_softmax(s) else 0.0
            return Bounds(low if parts[0].low >= 0 else -math.inf, math.inf, steep)
        if op is np.size:
            return Bounds(1.0)  # Python raises where it divides by 0
        if s.form is not None:
            return Bounds(steep=steep)
        found = _UNARY.get(op, _nothing)(parts[0]) if len(parts) == 1 else self.binary(s, op, parts)
        return Bounds(found.low, found.high, found.steep or steep)

    def binary(self, s: Eqn, op: Callable[..., Any], parts: list[Bounds]) -> Bounds:
        if len(parts) == 3 and op is np.where:
            return Bounds(min(p.low for p in parts[1:]), max(p.high for p in parts[1:]))
        if len(parts) != 2:
            return ANY
        a, b = parts
        if op is np.add:
            return Bounds(a.low + b.low, a.high + b.high)
        if op is np.subtract:
            top = 0.0 if self.is_maximum(s.args[1], s.args[0]) else math.inf
            return Bounds(a.low - b.high, min(a.high - b.low, top))
        if op is np.multiply:
            return Bounds(0.0) if s.args[0] is s.args[1] else _product(a, b)
        if op is np.maximum:
            return Bounds(max(a.low, b.low), max(a.high, b.high))
        if op is np.minimum:
            return Bounds(min(a.low, b.low), min(a.high, b.high))
        if op is np.power and _is_even(s.args[1]):
            return Bounds(0.0)
        if op is np.divide and a.low >= 0 and b.low > 0:
            return Bounds(0.0)
        return ANY

    def is_maximum(self, m: Atom, x: Atom) -> bool:
        """Is `m` the maximum of `x`, along some axis?"""
        top = self.maximum(m)
        return top is not None and self.primal(top.args[0]) is x

    def maximum(self, m: Atom) -> Eqn | None:
        """The `np.max` behind `m`, or behind `m[:, None]`."""
        made = self.made.get(m)
        if made is not None and made.op is ops.getitem and len(made.args) == 1:
            made = self.made.get(made.args[0])
        is_max = made is not None and canonical(made.op) is np.max and _is_plain(made)
        return made if is_max else None

    def primal(self, a: Atom) -> Atom:
        """What stands behind the mark of `passes/shift`."""
        made = self.made.get(a)
        return made.args[0] if made is not None and made.op is still else a

    def is_softmax(self, s: Eqn) -> bool:
        """A sum of `exp(x - max(x))` along the axis of the maximum: one of its items is 1."""
        e = self.made.get(s.args[0])
        shifted = self.made.get(e.args[0]) if e is not None and canonical(e.op) is np.exp else None
        if shifted is None or canonical(shifted.op) is not np.subtract:
            return False
        x, m = shifted.args
        top = self.maximum(m)
        return top is not None and self.is_maximum(m, x) and _axis(top) == _axis(s)

    def is_regular(self, s: Eqn) -> bool:
        """Are the partials of `s`, whose rule is singular somewhere, finite here?"""
        op = canonical(s.op)
        parts = [self.of(a) for a in s.args]
        if not parts:
            return True  # `np.sqrt(2)`: it has no derivative
        if op is np.divide and len(parts) == 2:
            a, b = parts
            return not a.steep and (b.low >= LEAST or b.high <= -LEAST)
        if op is np.power and len(parts) == 2:
            n = s.args[1].value if isinstance(s.args[1], Lit) else 0
            return type(n) in (int, float) and n >= 1 and n == int(n) and not parts[0].steep
        if op in (np.sqrt, np.log, np.log2, np.log10):
            return parts[0].low >= LEAST and not parts[0].steep
        return op is np.log1p and parts[0].low >= 0 and not parts[0].steep


def is_singular(ranges: Ranges, s: Eqn) -> bool:
    """May an elementwise `s` have partials, or a value, that are infinite or NaN?"""
    rule = lookup(s.op)
    return rule is not None and rule.singular and not ranges.is_regular(s)


def _nothing(a: Bounds) -> Bounds:
    return ANY


def _exp(a: Bounds) -> Bounds:
    return Bounds(0.0, math.exp(a.high) if a.high <= MOST else math.inf, a.high > MOST)


def _root(a: Bounds) -> Bounds:
    return Bounds(math.sqrt(a.low) if a.low > 0 else 0.0)


def _negative(a: Bounds) -> Bounds:
    return Bounds(-a.high, -a.low)


def _absolute(a: Bounds) -> Bounds:
    return Bounds(max(a.low, 0.0))


def _unit(a: Bounds) -> Bounds:
    return Bounds(-1.0, 1.0)


def _cosh(a: Bounds) -> Bounds:
    return Bounds(1.0, math.inf, True)


def _steep(a: Bounds) -> Bounds:
    return Bounds(steep=True)


_UNARY: dict[Any, Callable[[Bounds], Bounds]] = {
    np.exp: _exp,
    np.sqrt: _root,
    np.negative: _negative,
    np.absolute: _absolute,
    np.square: lambda a: Bounds(0.0),
    np.tanh: _unit,
    np.sin: _unit,
    np.cos: _unit,
    np.cosh: _cosh,
    np.sinh: _steep,
    np.expm1: _steep,
    np.exp2: _steep,
}


def _product(a: Bounds, b: Bounds) -> Bounds:
    """Of factors whose signs are known."""
    if a.low >= 0 and b.low >= 0:
        return Bounds(a.low * b.low)
    for x, y in ((a, b), (b, a)):
        if x.high <= 0 and y.low >= 0:
            return Bounds(high=0.0)
    return Bounds(0.0) if a.high <= 0 and b.high <= 0 else ANY


def _is_even(a: Atom) -> bool:
    return isinstance(a, Lit) and type(a.value) in (int, float) and a.value in (2, 4, 6)


def _is_plain(s: Eqn) -> bool:
    """Does a call say nothing but an axis?"""
    if s.form is None or s.op is ops.getitem:
        return True
    return {k for k, _ in s.form.kwargs} <= {"axis", "keepdims"}


def _axis(s: Eqn) -> Any:
    """The axis of a reduction, counted from the first; another object where that is no literal."""
    if s.form is None:
        return None if len(s.args) == 1 else object()
    axis = s.form.args[1] if len(s.form.args) > 1 else dict(s.form.kwargs).get("axis")
    t = atom_type(s.args[0])
    if type(axis) is int and isinstance(t, Array):
        return axis % len(t.shape)
    return None if axis is None else object()


__all__ = ["Ranges", "is_singular"]
