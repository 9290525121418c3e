"""Reductions that skip NaN: nothing flows to one."""

from __future__ import annotations

from typing import Any

import numpy as np

from s2sgrad.rules.reductions import (
    cumprod,
    cumsum,
    max_,
    max_jvp,
    one_axis,
    prod,
    tent_weights,
)
from s2sgrad.rules.registry import entry, rule
from s2sgrad.rules.toolbox import expand, ranks, reshape_like, scatter_along, select


def present(a: Any) -> Any:
    """Return where `a` is a number."""
    return np.logical_not(np.isnan(a))


for _op in (np.nanmax, np.nanmin):
    entry(_op).vjp, entry(_op).jvp = max_.function, max_jvp


@rule(np.nansum)
def nansum(
    g: Any, out: Any, a: Any, axis: Any = None, dtype: Any = None, *, keepdims: bool = False
) -> Any:
    """Spread over what is not NaN."""
    return select(present(a), expand(g, a, axis, keepdims))


@nansum.jvp
def _nansum_jvp(
    out: Any, tangents: Any, a: Any, axis: Any = None, dtype: Any = None, *, keepdims: bool = False
) -> Any:
    return np.sum(select(present(a), tangents[0]), axis=axis, keepdims=keepdims)


@rule(np.nanmean)
def nanmean(
    g: Any, out: Any, a: Any, axis: Any = None, dtype: Any = None, *, keepdims: bool = False
) -> Any:
    """Spread evenly over what is not NaN."""
    there = present(a)
    share = g / np.sum(there, axis=axis, keepdims=keepdims)
    return select(there, expand(share, a, axis, keepdims))


@nanmean.jvp
def _nanmean_jvp(
    out: Any, tangents: Any, a: Any, axis: Any = None, dtype: Any = None, *, keepdims: bool = False
) -> Any:
    there = present(a)
    total = np.sum(select(there, tangents[0]), axis=axis, keepdims=keepdims)
    return total / np.sum(there, axis=axis, keepdims=keepdims)


@rule(np.nanvar)
def nanvar(
    g: Any,
    out: Any,
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    *,
    ddof: Any = 0,
    keepdims: bool = False,
) -> Any:
    """Twice the deviation from the mean over the degrees of freedom (real)."""
    there = present(a)
    scale = g * 2 / (np.sum(there, axis=axis, keepdims=keepdims) - ddof)
    deviation = a - np.nanmean(a, axis=axis, keepdims=True)
    return select(there, expand(scale, a, axis, keepdims) * deviation)


@rule(np.nanstd, singular=True)
def nanstd(
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
    return nanvar(half, out, a, axis, ddof=ddof, keepdims=keepdims)


@rule(np.nanprod)
def nanprod(
    g: Any, out: Any, a: Any, axis: Any = None, dtype: Any = None, *, keepdims: bool = False
) -> Any:
    """As `prod`, with 1 in place of NaN."""
    there = present(a)
    return select(there, prod(g, out, np.where(there, a, 1.0), axis, keepdims=keepdims))


@rule(np.nancumsum)
def nancumsum(g: Any, out: Any, a: Any, axis: Any = None, dtype: Any = None) -> Any:
    """As `cumsum`."""
    return select(present(a), cumsum(g, out, a, axis))


@rule(np.nancumprod)
def nancumprod(g: Any, out: Any, a: Any, axis: Any = None, dtype: Any = None) -> Any:
    """As `cumprod`, with 1 in place of NaN."""
    there = present(a)
    return select(there, cumprod(g, out, np.where(there, a, 1.0), axis))


@rule(np.nanquantile)
def nanquantile(
    g: Any, out: Any, a: Any, q: Any, axis: Any = None, *, keepdims: bool = False
) -> Any:
    """Linear interpolation between sorted neighbours; NaN sorts last.  `q` is a number."""
    if np.ndim(q) != 0:
        raise NotImplementedError("several quantiles at once have no rule")
    if axis is None:
        flat = g if not keepdims else np.sum(g)
        return reshape_like(nanquantile(flat, out, np.ravel(a), q, 0), a)
    along = one_axis(axis) % np.ndim(a)
    number = np.sum(present(a), axis=along, keepdims=True)
    weights = tent_weights(ranks(a, along), q * (number - 1))
    wide = g if keepdims else np.expand_dims(g, along)
    return scatter_along(a, np.argsort(a, axis=along), wide * weights, along)


@rule(np.nanpercentile)
def nanpercentile(
    g: Any, out: Any, a: Any, q: Any, axis: Any = None, *, keepdims: bool = False
) -> Any:
    """A quantile in percent."""
    return nanquantile(g, out, a, q / 100, axis, keepdims=keepdims)


@rule(np.nanmedian)
def nanmedian(g: Any, out: Any, a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    """The quantile 1/2."""
    return nanquantile(g, out, a, 0.5, axis, keepdims=keepdims)
