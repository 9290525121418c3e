"""Reductions and cumulative operations."""

from __future__ import annotations

from typing import Any

import numpy as np

from s2sgrad.rules.registry import alias, entry, rule
from s2sgrad.rules.toolbox import (
    broadcast_like,
    count,
    expand,
    is_complex,
    length,
    part,
    ranks,
    reshape_like,
    scan,
    scatter_along,
    select,
)


@rule(np.sum, linear=(0,))
def sum_(
    g: Any,
    out: Any,
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    *,
    keepdims: bool = False,
    initial: Any = 0,
    where: Any = True,
) -> Any:
    """Spread the cotangent over what was summed."""
    wide = expand(g, a, axis, keepdims)
    return broadcast_like(wide, a) if where is True else select(where, broadcast_like(wide, a))


@sum_.jvp
def _sum_jvp(out: Any, tangents: Any, a: Any, *args: Any, initial: Any = 0, **names: Any) -> Any:
    return np.sum(tangents[0], *args, **names)


@rule(np.mean, linear=(0,))
def mean(
    g: Any,
    out: Any,
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    *,
    keepdims: bool = False,
    where: Any = True,
) -> Any:
    """Spread evenly over what was averaged."""
    if where is True:
        return broadcast_like(expand(g / count(a, axis), a, axis, keepdims), a)
    number = np.sum(broadcast_like(1.0 * where, a), axis=axis, keepdims=keepdims)
    return select(where, broadcast_like(expand(g / number, a, axis, keepdims), a))


def exclusive(a: Any, axis: int) -> Any:
    """Return the product of all earlier elements along `axis`."""
    ones = np.ones_like(part(a, 0, 1, axis))
    return np.cumprod(np.concatenate([ones, part(a, 0, -1, axis)], axis=axis), axis=axis)


def others(a: Any, axis: int) -> Any:
    """Return the product of all other elements along `axis`: right also with zeros."""
    return exclusive(a, axis) * np.flip(exclusive(np.flip(a, axis), axis), axis)


@rule(np.prod)
def prod(
    g: Any,
    out: Any,
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    *,
    keepdims: bool = False,
    initial: Any = 1,
    where: Any = True,
) -> Any:
    """Multiply by the product of the other elements, without a division."""
    if where is not True:
        filled = np.where(where, a, 1.0)
        return select(where, prod(g, out, filled, axis, keepdims=keepdims, initial=initial))
    if not (isinstance(initial, int | float) and initial == 1):
        g = g * initial
    if np.ndim(a) == 0:
        return g
    if axis is None:
        return reshape_like(g * others(np.ravel(a), 0), a)
    wide = expand(g, a, axis, keepdims)
    if not isinstance(axis, tuple):
        return wide * others(a, axis)
    if len(axis) == 0:
        return wide
    stages = [a]
    for i in axis[:-1]:
        stages.append(np.prod(stages[-1], axis=i, keepdims=True))
    for i in reversed(range(len(axis))):
        wide = wide * others(stages[i], axis[i])
    return wide


@prod.jvp
def _prod_jvp(
    out: Any,
    tangents: Any,
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    *,
    keepdims: bool = False,
    **names: Any,
) -> Any:
    partial = prod(np.ones_like(out), out, a, axis, keepdims=keepdims, **names)
    return np.sum(tangents[0] * partial, axis, keepdims=keepdims)


@rule(np.var)
def var(
    g: Any,
    out: Any,
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    *,
    ddof: Any = 0,
    keepdims: bool = False,
) -> Any:
    """Twice the deviation from the mean over the degrees of freedom."""
    deviation = a - np.mean(a, axis=axis, keepdims=True)
    if is_complex(a):
        deviation = np.conj(deviation)
    scale = g * 2 / (count(a, axis) - ddof)
    return expand(scale, a, axis, keepdims) * deviation


@var.jvp
def _var_jvp(
    out: Any,
    tangents: Any,
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    *,
    ddof: Any = 0,
    keepdims: bool = False,
) -> Any:
    deviation = a - np.mean(a, axis=axis, keepdims=True)
    if is_complex(a):
        moved = np.real(np.conj(deviation) * tangents[0])
    else:
        moved = deviation * tangents[0]
    return np.sum(moved, axis=axis, keepdims=keepdims) * (2 / (count(a, axis) - ddof))


@rule(np.std, singular=True)
def std(
    g: Any,
    out: Any,
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    *,
    ddof: Any = 0,
    keepdims: bool = False,
) -> Any:
    """Through the variance; 0 where all elements are equal."""
    half = g / (2 * (out + (out == 0)))
    return var(half, out, a, axis, ddof=ddof, keepdims=keepdims)


@std.jvp
def _std_jvp(
    out: Any,
    tangents: Any,
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    *,
    ddof: Any = 0,
    keepdims: bool = False,
) -> Any:
    moved = _var_jvp(out, tangents, a, axis, ddof=ddof, keepdims=keepdims)
    return moved / (2 * (out + (out == 0)))


@rule(np.max)
def max_(
    g: Any,
    out: Any,
    a: Any,
    axis: Any = None,
    *,
    keepdims: bool = False,
    initial: Any = None,
    where: Any = True,
) -> Any:
    """Ties share evenly, also with `initial`."""
    mask, ties = reached(out, a, axis, keepdims, initial, where)
    return select(mask, expand(g / ties, a, axis, keepdims))


def reached(out: Any, a: Any, axis: Any, keepdims: bool, initial: Any, where: Any) -> Any:
    """Return which elements are the extreme `out`, and how many (with `initial`)."""
    mask = a == expand(out, a, axis, keepdims)
    if where is not True:
        mask = np.logical_and(mask, where)
    ties = np.sum(mask, axis=axis, keepdims=keepdims)
    return mask, ties if initial is None else np.maximum(ties + (out == initial), 1)


@max_.jvp
def max_jvp(
    out: Any,
    tangents: Any,
    a: Any,
    axis: Any = None,
    *,
    keepdims: bool = False,
    initial: Any = None,
    where: Any = True,
) -> Any:
    """The tangent of the extreme element, or the mean of the tied ones."""
    mask, ties = reached(out, a, axis, keepdims, initial, where)
    return np.sum(select(mask, tangents[0]), axis=axis, keepdims=keepdims) / ties


alias(np.amax, np.max)
alias(np.amin, np.min)
entry(np.min).vjp, entry(np.min).jvp = max_.function, max_jvp


@rule(np.ptp)
def ptp(g: Any, out: Any, a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    """The greatest minus the least."""
    top = max_(g, np.max(a, axis=axis, keepdims=keepdims), a, axis, keepdims=keepdims)
    return top - max_(g, np.min(a, axis=axis, keepdims=keepdims), a, axis, keepdims=keepdims)


@ptp.jvp
def _ptp_jvp(out: Any, tangents: Any, a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    high = np.max(a, axis=axis, keepdims=keepdims)
    low = np.min(a, axis=axis, keepdims=keepdims)
    return max_jvp(high, tangents, a, axis, keepdims=keepdims) - max_jvp(
        low, tangents, a, axis, keepdims=keepdims
    )


@rule(np.cumsum, linear=(0,))
def cumsum(g: Any, out: Any, a: Any, axis: Any = None, dtype: Any = None) -> Any:
    """Sum from the other end."""
    if axis is None:
        return reshape_like(np.flip(np.cumsum(np.flip(g))), a)
    return np.flip(np.cumsum(np.flip(g, axis), axis=axis), axis)


@rule(np.cumulative_sum, linear=(0,))
def cumulative_sum(
    g: Any, out: Any, x: Any, *, axis: Any = None, dtype: Any = None, include_initial: bool = False
) -> Any:
    """As `cumsum`."""
    along = 0 if axis is None else axis
    return cumsum(part(g, 1, None, along) if include_initial else g, out, x, along)


@rule(np.cumprod)
def cumprod(g: Any, out: Any, a: Any, axis: Any = None, dtype: Any = None) -> Any:
    """A recurrence from the far end: right also with zeros."""
    if axis is None:
        flat = np.ravel(a)
        return reshape_like(exclusive(flat, 0) * scan(flat, g, 0), a)
    return exclusive(a, axis) * scan(a, g, axis)


@rule(np.cumulative_prod)
def cumulative_prod(
    g: Any, out: Any, x: Any, *, axis: Any = None, dtype: Any = None, include_initial: bool = False
) -> Any:
    """As `cumprod`."""
    along = 0 if axis is None else axis
    return cumprod(part(g, 1, None, along) if include_initial else g, out, x, along)


@cumprod.jvp
def _cumprod_jvp(out: Any, tangents: Any, a: Any, axis: Any = None, dtype: Any = None) -> Any:
    flat = np.ravel(a) if axis is None else a
    moved = np.ravel(tangents[0]) if axis is None else tangents[0]
    along = 0 if axis is None else axis
    shifted = np.roll(np.flip(flat, along), 1, along)
    return np.flip(scan(shifted, np.flip(exclusive(flat, along) * moved, along), along), along)


@rule(np.average)
def average(
    g: Any, out: Any, a: Any, axis: Any = None, weights: Any = None, *, keepdims: bool = False
) -> Any:
    """Weighted mean; weights are shaped like `a` or along one axis."""
    if weights is None:
        return mean(g, out, a, axis, keepdims=keepdims)
    rank = np.ndim(a)
    wide, rest = spread(weights, rank, axis)
    total = np.sum(wide, axis=axis, keepdims=True)
    scaled = expand(g, a, axis, keepdims) / total
    gw = scaled * (a - expand(out, a, axis, keepdims))
    return scaled * wide, None, np.sum(gw, axis=rest) if rest else gw


def spread(weights: Any, rank: int, axis: Any) -> tuple[Any, tuple[int, ...]]:
    """Give one-dimensional weights the rank of the operand; return the axes added."""
    if np.ndim(weights) == rank:
        return weights, ()
    rest = tuple(i for i in range(rank) if i != axis % rank)
    return np.expand_dims(weights, rest), rest


@average.jvp
def _average_jvp(
    out: Any,
    tangents: Any,
    a: Any,
    axis: Any = None,
    weights: Any = None,
    *,
    keepdims: bool = False,
) -> Any:
    first, second = tangents[0], tangents[2] if len(tangents) > 2 else None
    if weights is None:
        return np.mean(first, axis=axis, keepdims=keepdims)
    wide, _ = spread(weights, np.ndim(a), axis)
    moved: Any = 0.0 if first is None else first * wide
    if second is not None:
        deviation = a - expand(out, a, axis, keepdims)
        moved = moved + deviation * spread(second, np.ndim(a), axis)[0]
    total = np.sum(wide, axis=axis, keepdims=keepdims)
    return np.sum(moved, axis=axis, keepdims=keepdims) / total


def tent_weights(rank: Any, place: Any) -> Any:
    """Return the weights of sorted elements in a linear interpolation at `place`."""
    return np.maximum(0.0, 1.0 - np.absolute(rank - place))


def tent(a: Any, q: Any, axis: int) -> Any:
    """Return the weights of the sorted elements of `a` in its quantile `q`."""
    return tent_weights(ranks(a, axis), q * (length(a, axis) - 1))


def one_axis(axis: Any) -> int:
    """Refuse several axes."""
    if isinstance(axis, tuple):
        raise NotImplementedError("quantiles over several axes have no rule")
    return int(axis)


@rule(np.quantile)
def quantile(g: Any, out: Any, a: Any, q: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    """Linear interpolation between sorted neighbours; `q` is a number or a vector."""
    if axis is None:
        if keepdims:
            g = np.sum(g, axis=tuple(range(np.ndim(q), np.ndim(g))))
        return reshape_like(quantile(g, out, np.ravel(a), q, 0), a)
    along = one_axis(axis) % np.ndim(a)
    order = np.argsort(a, axis=along)
    if np.ndim(q) == 0:
        wide = g if keepdims else np.expand_dims(g, along)
        return scatter_along(a, order, wide * tent(a, q, along), along)
    wide = g if keepdims else np.expand_dims(g, along + 1)
    column = np.expand_dims(q, tuple(range(1, np.ndim(a) + 1)))
    return scatter_along(a, order, np.sum(wide * tent(a, column, along), axis=0), along)


@quantile.jvp
def _quantile_jvp(
    out: Any, tangents: Any, a: Any, q: Any, axis: Any = None, *, keepdims: bool = False
) -> Any:
    if len(tangents) > 1 and tangents[1] is not None:
        raise NotImplementedError("the order of a quantile has no derivative")
    flat, moved = (np.ravel(a), np.ravel(tangents[0])) if axis is None else (a, tangents[0])
    along = 0 if axis is None else one_axis(axis) % np.ndim(a)
    ordered = np.take_along_axis(moved, np.argsort(flat, axis=along), axis=along)
    if np.ndim(q) == 0:
        total = np.sum(ordered * tent(flat, q, along), axis=along)
    else:
        column = np.expand_dims(q, tuple(range(1, np.ndim(flat) + 1)))
        total = np.sum(ordered * tent(flat, column, along), axis=along + 1)
    return reshape_like(total, out) if keepdims else total


@rule(np.percentile)
def percentile(
    g: Any, out: Any, a: Any, q: Any, axis: Any = None, *, keepdims: bool = False
) -> Any:
    """A quantile in percent."""
    return quantile(g, out, a, q / 100, axis, keepdims=keepdims)


@percentile.jvp
def _percentile_jvp(
    out: Any, tangents: Any, a: Any, q: Any, axis: Any = None, *, keepdims: bool = False
) -> Any:
    return _quantile_jvp(out, tangents, a, q / 100, axis, keepdims=keepdims)


@rule(np.median)
def median(g: Any, out: Any, a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    """The quantile 1/2."""
    return quantile(g, out, a, 0.5, axis, keepdims=keepdims)


@median.jvp
def _median_jvp(
    out: Any, tangents: Any, a: Any, axis: Any = None, *, keepdims: bool = False
) -> Any:
    return _quantile_jvp(out, tangents, a, 0.5, axis, keepdims=keepdims)
