"""Arithmetic: explicit vjps in the form one would write by hand."""

from __future__ import annotations

import builtins
import math
import operator
from typing import Any

import numpy as np

from s2sgrad.rules.registry import Op, alias, rule
from s2sgrad.rules.toolbox import broadcast_like


def plus(a: Any, b: Any) -> Any:
    """Add two tangents either of which may be None."""
    if a is None:
        return b
    return a if b is None else a + b


def times(t: Any, factor: Op) -> Any:
    """Multiply a tangent that may be None by a factor computed on demand."""
    return None if t is None else t * factor()


@rule(np.add, operator.add, operator.iadd, linear=(0, 1))
def add(g: Any, out: Any, x1: Any, x2: Any) -> Any:
    """Pass the cotangent on."""
    return g, g


@add.jvp
def _add_jvp(out: Any, tangents: Any, x1: Any, x2: Any) -> Any:
    return broadcast_like(plus(tangents[0], tangents[1]), out)


@rule(np.subtract, operator.sub, operator.isub, linear=(0, 1))
def subtract(g: Any, out: Any, x1: Any, x2: Any) -> Any:
    """Negate for the second operand."""
    return g, -g


@subtract.jvp
def _subtract_jvp(out: Any, tangents: Any, x1: Any, x2: Any) -> Any:
    t1, t2 = tangents
    moved = plus(t1, -t2) if t2 is not None else t1
    return broadcast_like(moved, out)


@rule(np.multiply, operator.mul, operator.imul, multilinear=(0, 1))
def multiply(g: Any, out: Any, x1: Any, x2: Any) -> Any:
    """Multiply by the other operand."""
    return g * x2, g * x1


@rule(np.divide, operator.truediv, operator.itruediv, singular=True)
def divide(g: Any, out: Any, x1: Any, x2: Any) -> Any:
    """Divide by the second operand; of `1.0 / x` the answer serves twice."""
    if type(x1) in (int, float) and x1 == 1:
        return None, -g * out * out
    return g / x2, -g * out / x2


@divide.jvp
def _divide_jvp(out: Any, tangents: Any, x1: Any, x2: Any) -> Any:
    t1, t2 = tangents
    return plus(t1, None if t2 is None else -t2 * out) / x2


@rule(np.negative, operator.neg, linear=(0,))
def negative(g: Any, out: Any, x: Any) -> Any:
    """Negate."""
    return -g


@rule(np.positive, operator.pos, linear=(0,))
def positive(g: Any, out: Any, x: Any) -> Any:
    """Pass the cotangent on."""
    return g


@rule(builtins.float, linear=(0,))
def float_(g: Any, out: Any, x: Any) -> Any:
    """Pass the cotangent on."""
    return g


@rule(np.float64, np.float32, np.float16, np.longdouble, linear=(0,))
def float64(g: Any, out: Any, x: Any = 0.0) -> Any:
    """Pass the cotangent on: the transform repairs its dtype."""
    return g


@rule(np.complex128, np.complex64, np.clongdouble, linear=(0,))
def complex128(g: Any, out: Any, x: Any = 0.0) -> Any:
    """Pass the cotangent on: the transform repairs its dtype."""
    return g


@rule(builtins.complex, linear=(0, 1))
def complex_(g: Any, out: Any, real: Any, imag: Any = 0) -> Any:
    """Plain transpose of `real + 1j * imag`."""
    return g, 1j * g


def power_of_first(out: Any, x1: Any, x2: Any) -> Any:
    """Return the partial of `x1 ** x2` by `x1`; a literal exponent gives a clean form."""
    if isinstance(x2, int | float):
        if x2 == 2:
            return 2 * x1
        if x2 == 3:
            return 3 * (x1 * x1)
        if x2 == 0.5:
            return 0.5 / out
        if x2 == -1:
            return -(out * out)
        return x2 * x1 ** (x2 - 1)
    return x2 * x1 ** np.where(x2 == 0, 1, x2 - 1)


def power_of_second(out: Any, x1: Any, x2: Any) -> Any:
    """Return the partial of `x1 ** x2` by `x2`: 0 where the base is 0.

    A numeric exponent is nearly always a constant, also of a negative base: no warning then.
    """
    if isinstance(x1, int | float):
        return out * math.log(x1) if x1 > 0 else 0.0 * out
    if isinstance(x2, float):
        return out * np.log(np.where(x1 > 0, x1, 1))
    return out * np.log(np.where(x1 == 0, 1, x1))


@rule(np.power, np.float_power, operator.pow, operator.ipow, singular=True)
def power(g: Any, out: Any, x1: Any, x2: Any) -> Any:
    """Literal exponents are special; otherwise both partials are guarded at 0."""
    if isinstance(x2, int):
        if x2 == 0:
            return 0 * g, None
        if x2 == 1:
            return g, None
        if x2 == 2:
            return 2 * x1 * g, None
        return g * power_of_first(out, x1, x2), None
    if isinstance(x2, float):
        gb = g * power_of_second(out, x1, x2)
        if x2 == 0:
            return 0 * g, gb
        if x2 == 1:
            return g, gb
        if x2 == 2:
            return 2 * x1 * g, gb
        if x2 == 0.5:
            return 0.5 * g / out, gb
        return g * power_of_first(out, x1, x2), gb
    return g * power_of_first(out, x1, x2), g * power_of_second(out, x1, x2)


@power.jvp
def _power_jvp(out: Any, tangents: Any, x1: Any, x2: Any) -> Any:
    t1, t2 = tangents
    if t2 is None and isinstance(x2, int | float) and x2 == 0:
        return 0 * t1
    return plus(
        times(t1, lambda: power_of_first(out, x1, x2)),
        times(t2, lambda: power_of_second(out, x1, x2)),
    )


for _made in (add, subtract, multiply, divide, negative, positive, power):
    _made.rule.elementwise = True

alias(builtins.pow, np.power)


@rule(builtins.sum, linear=(0, 1))
def builtin_sum(g: Any, out: Any, iterable: Any, start: Any = 0) -> Any:
    """Python's sum of a list (one cotangent each) or over the first axis of an array."""
    if isinstance(iterable, list | tuple):
        return [g for _ in iterable], g
    return broadcast_like(g, iterable), g
