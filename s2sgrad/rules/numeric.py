"""Interpolation, convolution, covariance, filled arrays, singular values."""

from __future__ import annotations

from typing import Any

import numpy as np

from s2sgrad.rules.registry import entry, rule
from s2sgrad.rules.toolbox import length, part, scatter, scatter_part, select


@rule(np.interp)
def interp(g: Any, out: Any, x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None) -> Any:
    """Piecewise linear; outside constant: the first and last value, or `left` and `right`."""
    last = length(xp, 0) - 1
    above = np.clip(np.searchsorted(xp, x, side="right"), 1, last)
    x0, x1 = np.take(xp, above - 1), np.take(xp, above)
    slope = (np.take(fp, above) - np.take(fp, above - 1)) / (x1 - x0)
    low, high = x < np.take(xp, 0), x > np.take(xp, last)
    inside = np.logical_not(np.logical_or(low, high))
    t = np.where(low, 0.0, np.where(high, 1.0, (x - x0) / (x1 - x0)))
    gx = select(inside, g * slope)
    gf, gl, gr = g, 0.0, 0.0
    if left is not None:
        gf, gl = select(np.logical_not(low), gf), np.sum(select(low, g))
    if right is not None:
        gf, gr = select(np.logical_not(high), gf), np.sum(select(high, g))
    gxp = scatter(xp, above - 1, -gx * (1.0 - t)) + scatter(xp, above, -gx * t)
    gfp = scatter(fp, above - 1, gf * (1.0 - t)) + scatter(fp, above, gf * t)
    return gx, gxp, gfp, gl, gr


@rule(np.convolve, multilinear=(0, 1))
def convolve(g: Any, out: Any, a: Any, v: Any, mode: str = "full") -> Any:
    """Convolve the whole cotangent with the reversed other operand."""
    n, m = length(a, 0), length(v, 0)
    full = np.convolve(a, v)
    start = (length(full, 0) - length(out, 0)) // 2
    whole = g if mode == "full" else scatter_part(full, start, start + length(out, 0), 0, g)
    ga = np.convolve(whole, np.flip(v))
    gv = np.convolve(whole, np.flip(a))
    return part(ga, m - 1, m - 1 + n, 0), part(gv, n - 1, n - 1 + m, 0)


@rule(np.correlate)
def correlate(g: Any, out: Any, a: Any, v: Any, mode: str = "valid") -> Any:
    """A convolution with the reversed second operand (real)."""
    ga, gv = convolve(g, out, a, np.flip(v), mode)
    return ga, np.flip(gv)


entry(np.correlate).multilinear = (0, 1)


@rule(np.cov)
def cov(g: Any, out: Any, m: Any, y: Any = None, rowvar: bool = True, bias: bool = False,
        ddof: Any = None) -> Any:  # fmt: skip
    """Covariance of the rows (or columns) of one array."""
    if y is not None:
        raise NotImplementedError("np.cov of two arrays has no rule")
    free = ddof if ddof is not None else (0 if bias else 1)
    if np.ndim(m) == 1:
        return 2 * g * (m - np.mean(m)) / (length(m, 0) - free)
    rows = m if rowvar else m.T
    centred = rows - np.mean(rows, axis=1, keepdims=True)
    found = (g + g.T) @ centred / (length(rows, 1) - free)
    return found if rowvar else found.T


@rule(np.corrcoef, singular=True)
def corrcoef(g: Any, out: Any, x: Any, y: Any = None, rowvar: bool = True) -> Any:
    """Covariance over the square roots of its diagonal."""
    if y is not None:
        raise NotImplementedError("np.corrcoef of two arrays has no rule")
    if np.ndim(x) == 1:
        return 0.0
    variance = np.diagonal(np.cov(x, rowvar=rowvar))
    spread = np.sqrt(variance)
    along = -0.5 * np.sum((g + g.T) * out, axis=1) / variance
    return cov(g / np.outer(spread, spread) + np.diag(along), out, x, None, rowvar)


@rule(np.full, linear=(1,))
def full(g: Any, out: Any, shape: Any, fill_value: Any, dtype: Any = None) -> Any:
    """The transform sums over the broadcast axes."""
    return 0.0, g


@rule(np.full_like, linear=(1,))
def full_like(g: Any, out: Any, a: Any, fill_value: Any, dtype: Any = None) -> Any:
    """The transform sums over the broadcast axes."""
    return 0.0, g


@rule(np.matvec, multilinear=(0, 1))
def matvec(g: Any, out: Any, x1: Any, x2: Any) -> Any:
    """Matrices times vectors (real)."""
    column = np.expand_dims(g, -1)
    back = np.swapaxes(x1, -1, -2) @ column
    return column * np.expand_dims(x2, -2), np.squeeze(back, -1)
