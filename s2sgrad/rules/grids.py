"""Grids, finite differences along them, quadrature on them."""

from __future__ import annotations

from typing import Any

import numpy as np

from s2sgrad.rules.registry import rule
from s2sgrad.rules.toolbox import part, ranks, reshape_like


@rule(np.diff, linear=(0,))
def diff(g: Any, out: Any, a: Any, n: int = 1, axis: int = -1) -> Any:
    """Negated differences of the cotangent between zeros, n times."""
    found = g
    for _ in range(n):
        wide = [(0, 0)] * np.ndim(a)
        wide[axis] = (1, 1)
        found = -np.diff(np.pad(found, tuple(wide)), axis=axis)
    return found


@rule(np.ediff1d, linear=(0,))
def ediff1d(g: Any, out: Any, ary: Any) -> Any:
    """Differences of the flattened array."""
    return reshape_like(-np.diff(np.pad(g, 1)), ary)


@rule(np.arange)
def arange(g: Any, out: Any, start: Any, stop: Any = None, step: Any = 1) -> Any:
    """`start + step * k`; where it stops is constant."""
    if stop is None:
        return 0.0
    return np.sum(g), 0.0, np.sum(g * ranks(out, 0))


@rule(np.linspace, linear=(0, 1))
def linspace(g: Any, out: Any, start: Any, stop: Any, num: int = 50, endpoint: bool = True) -> Any:
    """Between two numbers, or two arrays of the same shape."""
    t = np.linspace(0.0, 1.0, num, endpoint=endpoint)
    wide = np.expand_dims(t, tuple(range(1, np.ndim(g)))) if np.ndim(g) > 1 else t
    return np.sum(g * (1.0 - wide), axis=0), np.sum(g * wide, axis=0)


@rule(np.logspace)
def logspace(
    g: Any, out: Any, start: Any, stop: Any, num: int = 50, endpoint: bool = True, base: Any = 10.0
) -> Any:
    """`base ** linspace(start, stop)`."""
    return linspace(g * out * np.log(base), out, start, stop, num, endpoint)


@rule(np.geomspace)
def geomspace(g: Any, out: Any, start: Any, stop: Any, num: int = 50, endpoint: bool = True) -> Any:
    """`exp(linspace(log(start), log(stop)))`."""
    first, last = linspace(g * out, out, start, stop, num, endpoint)
    return first / start, last / stop


@rule(np.meshgrid)
def meshgrid(
    g: Any, out: Any, *xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy"
) -> Any:
    """Sum over the axes of the other vectors."""
    found = []
    for k, x in enumerate(xi):
        axis = {0: 1, 1: 0}.get(k, k) if indexing == "xy" and len(xi) > 1 else k
        rest = tuple(i for i in range(len(xi)) if i != axis)
        found.append(0.0 if g[k] is None else reshape_like(np.sum(g[k], axis=rest), x))
    return tuple(found)


@rule(np.gradient)
def gradient(g: Any, out: Any, f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """Transposed central differences, one-sided at the edges; places of samples are constants."""
    if edge_order != 1:
        raise NotImplementedError("np.gradient has a rule for edge_order=1")
    rank = np.ndim(f)
    axes = range(rank) if axis is None else (axis if isinstance(axis, tuple) else (axis,))
    spacings = [varargs[0] if len(varargs) == 1 else 1.0] * len(axes)
    if len(varargs) > 1:
        spacings = list(varargs)
    one = not isinstance(g, list | tuple)
    bars, outs = ([g], [out]) if one else (g, out)
    total: Any = None
    steps: list[Any] = []
    for k, axis_k in enumerate(axes):
        places = np.ndim(spacings[k]) > 0  # of the samples, not their distance
        steps.append(None if places else _step(bars[k], outs[k], spacings[k]))
        if bars[k] is not None:
            along = axis_k % rank
            if places:
                term = uneven_back(bars[k], spacings[k], along, rank)
            else:
                term = difference_back(bars[k], along) / spacings[k]
            total = term if total is None else total + term
    if len(varargs) != len(axes):
        steps = [None if any(s is None for s in steps) else sum(steps)][: len(varargs)]
    return total, *steps


def _step(g: Any, out: Any, spacing: Any) -> Any:
    """The cotangent of a distance between samples."""
    return 0.0 if g is None else -np.sum(g * out) / spacing


@gradient.jvp
def _gradient_jvp(out: Any, tangents: Any, f: Any, *varargs: Any, **names: Any) -> Any:
    moved: Any = None if tangents[0] is None else np.gradient(tangents[0], *varargs, **names)
    one = not isinstance(out, list | tuple)
    if one and len(varargs) > 1 and any(t is not None for t in tangents[1:]):
        raise NotImplementedError("the spacings of several axes")  # the answers are no list here
    moves = [None] * len(out) if moved is None and not one else [moved] if one else [*moved]
    for k, o in enumerate([out] if one else out):
        t = tangents[1:][k if len(varargs) > 1 else 0] if len(tangents) > 1 else None
        if t is not None and np.ndim(varargs[k if len(varargs) > 1 else 0]):
            raise NotImplementedError("the places of the samples have no rule")
        if t is not None:
            step = -o * t / varargs[k if len(varargs) > 1 else 0]
            moves[k] = step if moves[k] is None else moves[k] + step
    return moves[0] if one else moves


def difference_back(g: Any, axis: int) -> Any:
    """Transpose central differences with unit spacing along `axis`."""
    first, last = part(g, 0, 1, axis), part(g, -1, None, axis)
    inner = 0.5 * part(g, 1, -1, axis)
    wide = np.concatenate([-first, first, inner, last, -last], axis=axis)
    return part(wide, 0, -2, axis) - part(wide, 2, None, axis)


def uneven_back(g: Any, places: Any, axis: int, rank: int) -> Any:
    """Transpose second-order differences between samples at `places` (Fornberg 1988)."""
    h = np.diff(places)
    if rank > 1:
        h = np.expand_dims(h, other_axes(rank, axis))
    h0, h1 = part(h, 0, -1, axis), part(h, 1, None, axis)
    inner = part(g, 1, -1, axis)
    first = part(g, 0, 1, axis) / part(h, 0, 1, axis)
    last = part(g, -1, None, axis) / part(h, -1, None, axis)
    below = np.concatenate([-inner * h1 / (h0 * (h0 + h1)), -last], axis=axis)
    above = np.concatenate([first, inner * h0 / (h1 * (h0 + h1))], axis=axis)
    own = np.concatenate([-first, inner * (h1 - h0) / (h0 * h1), last], axis=axis)
    return bordered(below, axis) + own + bordered(above, axis, before=True)


def other_axes(rank: int, along: int) -> tuple[int, ...]:
    """Return all axes but one."""
    return tuple(i for i in range(rank) if i != along)


@rule(np.trapezoid)
def trapezoid(g: Any, out: Any, y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    """Halves of the neighbouring intervals; the grid gets differences of the values."""
    wide = np.expand_dims(g, axis)
    along = axis % np.ndim(y)
    if x is None:
        middle = 0.5 * dx * wide + 0.0 * part(y, 1, None, along)
        gy = bordered(middle, along, before=True) + bordered(middle, along)
        return gy, None, g * np.trapezoid(y, axis=along)
    grid = x
    if np.ndim(x) == 1:
        grid = np.expand_dims(x, other_axes(np.ndim(y), along))
    grid_axis = along - np.ndim(y)
    steps = part(grid, 1, None, grid_axis) - part(grid, 0, -1, grid_axis)
    middle = 0.5 * wide * steps + 0.0 * part(y, 1, None, along)
    gy = bordered(middle, along, before=True) + bordered(middle, along)
    sums = 0.5 * wide * (part(y, 1, None, along) + part(y, 0, -1, along))
    gx = bordered(sums, along, before=True) - bordered(sums, along)
    if np.ndim(x) == 1:
        gx = np.sum(gx, axis=other_axes(np.ndim(y), along))
    return gy, gx, 0.0


def bordered(a: Any, axis: int, before: bool = False) -> Any:
    """Add one zero before or after `a` along `axis`."""
    pairs = [(0, 0)] * np.ndim(a)
    pairs[axis] = (1, 0) if before else (0, 1)
    return np.pad(a, tuple(pairs))
