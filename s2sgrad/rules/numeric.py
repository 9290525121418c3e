"""Interpolation, convolution, covariance, quadrature, polynomials."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from s2sgrad.rules.products import matmul
from s2sgrad.rules.reductions import others
from s2sgrad.rules.registry import entry, rule
from s2sgrad.rules.toolbox import length, part, scatter, scatter_part, select


@rule(np.interp)
def interp(g: Any, out: Any, x: Any, xp: Any, fp: Any) -> Any:
    """Piecewise linear; constant outside."""
    last = length(xp, 0) - 1
    right = np.clip(np.searchsorted(xp, x, side="right"), 1, last)
    x0, x1 = np.take(xp, right - 1), np.take(xp, right)
    slope = (np.take(fp, right) - np.take(fp, right - 1)) / (x1 - x0)
    low, high = x < np.take(xp, 0), x > np.take(xp, last)
    inside = np.logical_not(np.logical_or(low, high))
    t = np.where(low, 0.0, np.where(high, 1.0, (x - x0) / (x1 - x0)))
    gx = select(inside, g * slope)
    gxp = scatter(xp, right - 1, -gx * (1.0 - t)) + scatter(xp, right, -gx * t)
    gfp = scatter(fp, right - 1, g * (1.0 - t)) + scatter(fp, right, g * t)
    return gx, gxp, gfp


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


@rule(np.trapezoid)
def trapezoid(g: Any, out: Any, y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    """Halves of the neighbouring intervals; the grid gets differences of the values."""
    wide = np.expand_dims(g, axis)
    along = axis % np.ndim(y)
    if x is None:
        middle = 0.5 * dx * wide + 0.0 * part(y, 1, None, along)
        gy = bordered(middle, along, before=True) + bordered(middle, along)
        sums = 0.5 * (part(y, 1, None, along) + part(y, 0, -1, along))
        return gy, None, g * np.sum(sums, axis=along)
    grid = x
    if np.ndim(x) == 1:
        grid = np.expand_dims(x, tuple(i for i in range(np.ndim(y)) if i != along))
    grid_axis = along - np.ndim(y)
    steps = part(grid, 1, None, grid_axis) - part(grid, 0, -1, grid_axis)
    middle = 0.5 * wide * steps + 0.0 * part(y, 1, None, along)
    gy = bordered(middle, along, before=True) + bordered(middle, along)
    sums = 0.5 * wide * (part(y, 1, None, along) + part(y, 0, -1, along))
    gx = bordered(sums, along, before=True) - bordered(sums, along)
    if np.ndim(x) == 1:
        gx = np.sum(gx, axis=tuple(i for i in range(np.ndim(y)) if i != along))
    return gy, gx


def bordered(a: Any, axis: int, before: bool = False) -> Any:
    """Add one zero before or after `a` along `axis`."""
    pairs = [(0, 0)] * np.ndim(a)
    pairs[axis] = (1, 0) if before else (0, 1)
    return np.pad(a, tuple(pairs))


@rule(np.polyval)
def polyval(g: Any, out: Any, p: Any, x: Any) -> Any:
    """Powers of `x` for the coefficients; Horner's derivative for `x`."""
    n = length(p, 0)
    exponents = np.flip(np.cumsum(np.ones_like(p))) - 1.0
    column = np.expand_dims(exponents, tuple(range(1, np.ndim(x) + 1)))
    gp = np.sum(np.expand_dims(x, 0) ** column * g, axis=tuple(range(1, np.ndim(x) + 1)))
    return gp, g * np.polyval(part(p * exponents, 0, n - 1, 0), x)


@polyval.jvp
def _polyval_jvp(out: Any, tangents: Any, p: Any, x: Any) -> Any:
    exponents = np.flip(np.cumsum(np.ones_like(p))) - 1.0
    total: Any = 0.0
    if tangents[0] is not None:
        total = total + np.polyval(tangents[0], x)
    if tangents[1] is not None:
        total = total + tangents[1] * np.polyval(part(p * exponents, 0, -1, 0), x)
    return total


@rule(math.prod)
def prod_(g: Any, out: Any, iterable: Any) -> Any:
    """The product of the others, by running products from both ends."""
    if not isinstance(iterable, list | tuple):
        return g * others(iterable, 0)
    before: list[Any] = [1]
    for item in iterable[:-1]:
        before.append(before[-1] * item)
    found: list[Any] = []
    after = g
    for item, left in zip(reversed(iterable), reversed(before), strict=False):
        found.append(left * after)
        after = after * item
    return (found[::-1],)


def make_outer(ufunc: Any) -> None:
    """Register `ufunc.outer` through the rule of `ufunc`."""
    inside = entry(ufunc)
    assert inside.vjp is not None

    def outer(g: Any, out: Any, A: Any, B: Any) -> Any:
        n, m = np.ndim(A), np.ndim(B)
        assert inside.vjp is not None
        ga, gb = inside.vjp(g, out, np.expand_dims(A, tuple(range(n, n + m))), B)
        return np.sum(ga, axis=tuple(range(n, n + m))), np.sum(gb, axis=tuple(range(n)))

    entry(ufunc.outer).vjp = outer


for _ufunc in (np.add, np.subtract, np.multiply, np.divide, np.power, np.maximum, np.minimum,
               np.hypot, np.arctan2, np.logaddexp):  # fmt: skip
    make_outer(_ufunc)


@rule(np.full, linear=(1,))
def full(g: Any, out: Any, shape: Any, fill_value: Any, dtype: Any = None) -> Any:
    """The transform sums over the broadcast axes."""
    return None, g


@rule(np.full_like, linear=(1,))
def full_like(g: Any, out: Any, a: Any, fill_value: Any, dtype: Any = None) -> Any:
    """The transform sums over the broadcast axes."""
    return None, g


@rule(np.linspace, linear=(0, 1))
def linspace(g: Any, out: Any, start: Any, stop: Any, num: int = 50, endpoint: bool = True) -> Any:
    """Between two numbers, or two arrays of the same shape."""
    t = np.linspace(0.0, 1.0, num, endpoint=endpoint)
    wide = np.expand_dims(t, tuple(range(1, np.ndim(g)))) if np.ndim(g) > 1 else t
    return np.sum(g * (1.0 - wide), axis=0), np.sum(g * wide, axis=0)


@rule(np.matvec, multilinear=(0, 1))
def matvec(g: Any, out: Any, x1: Any, x2: Any) -> Any:
    """Matrices times vectors (real)."""
    column = np.expand_dims(g, -1)
    back = np.swapaxes(x1, -1, -2) @ column
    return column * np.expand_dims(x2, -2), np.squeeze(back, -1)


@rule(np.linalg.svdvals)
def svdvals(g: Any, out: Any, x: Any) -> Any:
    """Singular values only (real)."""
    u, _, vh = np.linalg.svd(x, full_matrices=False)
    return (u * np.expand_dims(g, -2)) @ vh


@rule(np.linalg.multi_dot)
def multi_dot(g: Any, out: Any, arrays: Any) -> Any:
    """The product of all factors before, the cotangent, the product of all after."""
    last = len(arrays) - 1
    stages = [arrays[0]]
    for i in range(1, last):
        stages.append(stages[-1] @ arrays[i])
    found: list[Any] = [None] * (last + 1)
    for i in range(last, 0, -1):
        g, found[i] = matmul(g, None, stages[i - 1], arrays[i])
    found[0] = g
    return (found,)
