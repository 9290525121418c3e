"""Methods of ufuncs: `outer`, `reduce`, `accumulate`, `reduceat`."""

from __future__ import annotations

from typing import Any

import numpy as np

from s2sgrad.rules import toolbox
from s2sgrad.rules.reductions import cumprod, cumsum, max_, prod, sum_
from s2sgrad.rules.registry import entry, rule
from s2sgrad.rules.toolbox import expand, part, ranks, reduceat_back, scan, scatter_along


def make_outer(ufunc: Any) -> None:
    """Register `ufunc.outer` through the rule of `ufunc`."""
    inside = entry(ufunc)

    def outer(g: Any, out: Any, A: Any, B: Any) -> Any:
        n, m = np.ndim(A), np.ndim(B)
        assert inside.vjp is not None
        ga, gb = inside.vjp(g, out, np.expand_dims(A, tuple(range(n, n + m))), B)
        return np.sum(ga, axis=tuple(range(n, n + m))), np.sum(gb, axis=tuple(range(n)))

    entry(ufunc.outer).vjp = outer


for _ufunc in (np.add, np.subtract, np.multiply, np.divide, np.power, np.maximum, np.minimum,
               np.hypot, np.arctan2, np.logaddexp):  # fmt: skip
    make_outer(_ufunc)


@rule(np.add.reduce, linear=(0,))
def add_reduce(
    g: Any, out: Any, array: Any, axis: Any = 0, dtype: Any = None, *, keepdims: bool = False
) -> Any:
    """As `sum`."""
    return sum_(g, out, array, axis, keepdims=keepdims)


@rule(np.multiply.reduce)
def multiply_reduce(
    g: Any, out: Any, array: Any, axis: Any = 0, dtype: Any = None, *, keepdims: bool = False
) -> Any:
    """As `prod`."""
    return prod(g, out, array, axis, keepdims=keepdims)


@rule(np.maximum.reduce)
def maximum_reduce(
    g: Any, out: Any, array: Any, axis: Any = 0, dtype: Any = None, *, keepdims: bool = False
) -> Any:
    """As `max`: ties share evenly."""
    return max_(g, out, array, axis, keepdims=keepdims)


entry(np.minimum.reduce).vjp = maximum_reduce.function


@rule(np.logaddexp.reduce)
def logaddexp_reduce(
    g: Any, out: Any, array: Any, axis: Any = 0, dtype: Any = None, *, keepdims: bool = False
) -> Any:
    """The weights of a softmax."""
    wide = expand(g, array, axis, keepdims)
    return wide * np.exp(array - expand(out, array, axis, keepdims))


@rule(np.add.accumulate, linear=(0,))
def add_accumulate(g: Any, out: Any, array: Any, axis: int = 0) -> Any:
    """As `cumsum`."""
    return cumsum(g, out, array, axis)


@rule(np.multiply.accumulate)
def multiply_accumulate(g: Any, out: Any, array: Any, axis: int = 0) -> Any:
    """As `cumprod`."""
    return cumprod(g, out, array, axis)


@rule(np.maximum.accumulate, np.minimum.accumulate)
def maximum_accumulate(g: Any, out: Any, array: Any, axis: int = 0) -> Any:
    """To the last element that reached the running extreme."""
    places = np.where(array == out, ranks(array, axis), 0)
    return scatter_along(array, np.maximum.accumulate(places, axis=axis), g, axis)


@rule(np.logaddexp.accumulate)
def logaddexp_accumulate(g: Any, out: Any, array: Any, axis: int = 0) -> Any:
    """A recurrence whose factors are at most 1: nothing overflows."""
    first = np.ones_like(part(out, 0, 1, axis))
    steps = np.exp(part(out, 0, -1, axis) - part(out, 1, None, axis))
    factors = np.concatenate([first, steps], axis=axis)
    return scan(factors, g, axis) * np.exp(array - out)


@rule(np.add.reduceat, linear=(0,))
def add_reduceat(g: Any, out: Any, array: Any, indices: Any, axis: int = 0) -> Any:
    """Spread over each segment."""
    return reduceat_back(g, array, indices, axis)


@rule(toolbox.reduceat_back, linear=(0,))
def reduceat_back_(g: Any, out: Any, x: Any, a: Any, indices: Any, axis: int) -> Any:
    """Sum over each segment."""
    return np.add.reduceat(g, indices, axis=axis), 0.0
