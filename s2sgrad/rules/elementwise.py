"""Elementwise rules: the generated partials, and selections written by hand."""

from __future__ import annotations

import builtins
import math
import operator
from typing import Any

import numpy as np

from s2sgrad.rules import partials, partials_math, toolbox
from s2sgrad.rules.formulas import FORMULAS
from s2sgrad.rules.registry import alias, elementwise, entry, rule
from s2sgrad.rules.toolbox import bessel_i1, call, is_complex, safe_divide, select


def register_formulas() -> None:
    """Register the partials of every formula, in both namespaces."""
    for found in FORMULAS:
        for module, name, table in (
            (np, found.numpy, partials),
            (math, found.math, partials_math),
        ):
            op = getattr(module, name, None) if name else None
            if op is None:
                continue
            record = entry(op)
            record.partials = getattr(table, name)
            record.vjp = getattr(table, f"{name}_vjp")
            record.elementwise = True
            record.singular = found.singular


register_formulas()
alias(np.mod, np.remainder)
alias(operator.mod, np.remainder)
alias(operator.imod, np.remainder)
alias(np.rad2deg, np.degrees)
alias(np.deg2rad, np.radians)


@rule(np.absolute, builtins.abs)
def absolute(g: Any, out: Any, x: Any) -> Any:
    """0 at 0; the plain transpose for complex `x`."""
    if is_complex(x):
        return g * safe_divide(np.conj(x), out)
    return g * np.sign(x)


@absolute.jvp
def _absolute_jvp(out: Any, tangents: Any, x: Any) -> Any:
    if is_complex(x):
        return np.real(tangents[0] * safe_divide(np.conj(x), out))
    return tangents[0] * np.sign(x)


absolute.rule.elementwise = True


@rule(np.maximum)
def maximum(g: Any, out: Any, x1: Any, x2: Any) -> Any:
    """Ties share evenly."""
    share = g / (1.0 + (x1 == x2))
    return select(x1 == out, share), select(x2 == out, share)


@elementwise(np.maximum)
def maximum_partials(out: Any, x1: Any, x2: Any) -> Any:
    """Weights of the two operands."""
    share = 1.0 / (1.0 + (x1 == x2))
    return select(x1 == out, share), select(x2 == out, share)


def share_with(op: Any, *others: Any) -> None:
    """Give `others` the same derivatives as `op`: only the op itself differs."""
    source = entry(op)
    for other in others:
        record = entry(other)
        record.vjp, record.partials, record.jvp = source.vjp, source.partials, source.jvp
        record.elementwise = source.elementwise


share_with(np.maximum, np.minimum, np.fmax, np.fmin)


@rule(builtins.max)
def extreme(g: Any, out: Any, *args: Any) -> Any:
    """Python's max and min of several scalars: ties share evenly."""
    many = len(args) > 1
    items = args if many else args[0]
    ties: Any = 0
    for item in items:
        ties = ties + 1.0 * (item == out)
    found = [(item == out) * (g / ties) for item in items]
    return tuple(found) if many else (found,)


@extreme.jvp
def _extreme_jvp(out: Any, tangents: Any, *args: Any) -> Any:
    many = len(args) > 1
    items = args if many else args[0]
    moves = tangents if many else tangents[0]
    ties: Any = 0
    total: Any = 0
    for item, move in zip(items, moves, strict=True):
        ties = ties + 1.0 * (item == out)
        if move is not None:
            total = total + (item == out) * move
    return total / ties


share_with(builtins.max, builtins.min)


@rule(math.log, singular=True)
def math_log(g: Any, out: Any, x: Any, base: Any = None) -> Any:
    """Natural, or to a given base."""
    if base is None:
        return g / x
    scale = call(math.log, base)
    return g / (x * scale), -g * out / (base * scale)


@math_log.jvp
def _math_log_jvp(out: Any, tangents: Any, x: Any, base: Any = None) -> Any:
    if base is None:
        return tangents[0] / x
    scale = call(math.log, base)
    first = 0.0 if tangents[0] is None else tangents[0] / (x * scale)
    second = 0.0 if tangents[1] is None else tangents[1] * out / (base * scale)
    return first - second


@rule(math.hypot)
def math_hypot(g: Any, out: Any, *coordinates: Any) -> Any:
    """Euclidean norm of any number of coordinates; 0 at the origin."""
    scale = g / (out + (out == 0))
    return tuple(scale * x for x in coordinates)


@math_hypot.jvp
def _math_hypot_jvp(out: Any, tangents: Any, *coordinates: Any) -> Any:
    total: Any = 0.0
    for t, x in zip(tangents, coordinates, strict=True):
        if t is not None:
            total = total + t * x
    return total / (out + (out == 0))


@rule(np.nan_to_num)
def nan_to_num(g: Any, out: Any, x: Any, copy: bool = True, nan: Any = 0.0) -> Any:
    """The identity where `x` is finite, constant elsewhere."""
    return select(np.isfinite(x), g)


@nan_to_num.jvp
def _nan_to_num_jvp(out: Any, tangents: Any, x: Any, copy: bool = True, nan: Any = 0.0) -> Any:
    if any(t is not None for t in tangents[1:]):
        raise NotImplementedError("what stands for NaN has no rule")
    return select(np.isfinite(x), tangents[0])


@rule(np.ldexp, linear=(0,))
def ldexp(g: Any, out: Any, x1: Any, x2: Any) -> Any:
    """Scale by the same power of 2."""
    return np.ldexp(g, x2), None


@rule(np.modf)
def modf(g: Any, out: Any, x: Any) -> Any:
    """The integer part is constant."""
    return 0.0 if g[0] is None else g[0]


@rule(np.divmod)
def divmod_(g: Any, out: Any, x1: Any, x2: Any) -> Any:
    """The quotient is constant."""
    return (0.0, 0.0) if g[1] is None else (g[1], -g[1] * out[0])


@rule(np.nextafter)
def nextafter(g: Any, out: Any, x1: Any, x2: Any) -> Any:
    """Next to its first operand."""
    return g, 0.0


@rule(np.i0)
def i0(g: Any, out: Any, x: Any) -> Any:
    """DLMF 10.29.3."""
    return g * bessel_i1(x)


@i0.jvp
def _i0_jvp(out: Any, tangents: Any, x: Any) -> Any:
    return tangents[0] * bessel_i1(x)


@elementwise(toolbox.bessel_i1)
def bessel_i1_(out: Any, x: Any) -> Any:
    """DLMF 10.29.1-2; 1/2 at 0."""
    at_zero = x == 0
    return np.i0(x) - np.where(at_zero, 0.5, out / np.where(at_zero, 1.0, x))


@rule(np.frexp)
def frexp(g: Any, out: Any, x: Any) -> Any:
    """The exponent is constant between the powers of two."""
    return 0.0 if g[0] is None else np.ldexp(g[0], -out[1])
