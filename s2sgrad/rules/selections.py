"""Choices between arrays, and elements that are moved, left out, counted or put in."""

from __future__ import annotations

from typing import Any

import numpy as np

from s2sgrad.rules.registry import rule
from s2sgrad.rules.shaping import shape_axis
from s2sgrad.rules.toolbox import (
    broadcast_like,
    call,
    count,
    is_complex,
    length,
    part,
    reshape_like,
    scatter,
    scatter_along,
    select,
    zeros_like,
)


@rule(np.select)
def select_(g: Any, out: Any, condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    """Each choice where its condition is the first that holds."""
    found: list[Any] = []
    free: Any = None
    for condition in condlist:
        mask = condition if free is None else np.logical_and(free, condition)
        found.append(select(mask, g))
        other = np.logical_not(condition)
        free = other if free is None else np.logical_and(free, other)
    return 0.0, found, select(free, g)


@select_.jvp
def _select_jvp(out: Any, tangents: Any, condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    moves = [0.0 if t is None else t for t in tangents[1] or [None] * len(condlist)]
    last = tangents[2] if len(tangents) > 2 and tangents[2] is not None else 0.0
    return np.select(condlist, [m + zeros_like(out) for m in moves], last)


@rule(np.choose)
def choose(g: Any, out: Any, a: Any, choices: Any) -> Any:
    """Each choice where its number was asked for."""
    if not isinstance(choices, list | tuple):
        raise NotImplementedError("np.choose has a rule for a list of choices")
    return 0.0, [select(a == k, g) for k in range(len(choices))]


@rule(np.heaviside)
def heaviside(g: Any, out: Any, x1: Any, x2: Any) -> Any:
    """Constant but for the value at 0."""
    return 0.0, select(x1 == 0, g)


@rule(np.partition)
def partition(g: Any, out: Any, a: Any, kth: Any, axis: Any = -1) -> Any:
    """Match the elements of both by their order."""
    if axis is None:
        flat = np.ravel(a)
        moved = np.take(g, np.argsort(out))
        return reshape_like(scatter(flat, np.argsort(flat), moved), a)
    moved = np.take_along_axis(g, np.argsort(out, axis=axis), axis=axis)
    return scatter_along(a, np.argsort(a, axis=axis), moved, axis)


@rule(np.unique)
def unique(g: Any, out: Any, ar: Any) -> Any:
    """To the first element of each value."""
    return reshape_like(scatter(np.ravel(ar), np.unique(ar, return_index=True)[1], g), ar)


@rule(np.unique_values)
def unique_values(g: Any, out: Any, x: Any) -> Any:
    """As `unique`."""
    return unique(g, out, x)


@rule(np.unique_inverse)
def unique_inverse(g: Any, out: Any, x: Any) -> Any:
    """As `unique`; the places are constant."""
    return 0.0 if g[0] is None else unique(g[0], out[0], x)


@rule(np.extract, linear=(1,))
def extract(g: Any, out: Any, condition: Any, arr: Any) -> Any:
    """Put the cotangent back where the condition holds."""
    return 0.0, reshape_like(scatter(np.ravel(arr), np.flatnonzero(condition), g), arr)


@rule(np.delete, linear=(0,))
def delete(g: Any, out: Any, arr: Any, obj: Any, axis: Any = None) -> Any:
    """Zeros where something was left out."""
    flat = np.ravel(arr) if axis is None else arr
    along = 0 if axis is None else axis % np.ndim(arr)
    kept = np.delete(call(np.arange, length(flat, along)), obj)
    found = scatter(flat, (slice(None),) * along + (kept,), g)
    return reshape_like(found, arr) if axis is None else found


@rule(np.insert, linear=(0, 2))
def insert(g: Any, out: Any, arr: Any, obj: Any, values: Any, axis: Any = None) -> Any:
    """Take what was put in back out; one place, in a vector or a flattened array."""
    if not isinstance(obj, int) or (axis is not None and np.ndim(arr) != 1):
        raise NotImplementedError("np.insert has a rule for one place in a vector")
    n = count(arr)
    start = obj if obj >= 0 else n + obj
    width = length(g, 0) - n
    rest = [part(g, 0, start, 0), part(g, start + width, None, 0)]
    middle = part(g, start, start + width, 0)
    values_bar = np.sum(middle) if np.ndim(values) == 0 else middle
    return reshape_like(np.concatenate(rest), arr), None, values_bar


@rule(np.resize, linear=(0,))
def resize(g: Any, out: Any, a: Any, new_shape: Any) -> Any:
    """Sum the repeats."""
    places = call(np.arange, count(out)) % count(a)
    return reshape_like(scatter(np.ravel(a), places, np.ravel(g)), a)


@rule(np.unwrap)
def unwrap(
    g: Any, out: Any, p: Any, discont: Any = None, axis: int = -1, *,
    period: Any = 6.283185307179586,
) -> Any:  # fmt: skip
    """Shifts by whole periods are constant."""
    return g


@unwrap.jvp
def _unwrap_jvp(out: Any, tangents: Any, p: Any, *args: Any, **kwargs: Any) -> Any:
    return tangents[0]


@rule(np.bincount, linear=(1,))
def bincount(g: Any, out: Any, x: Any, weights: Any = None, minlength: int = 0) -> Any:
    """Each weight reads its bin."""
    return None, np.take(g, x)


@rule(np.histogram)
def histogram(
    g: Any, out: Any, a: Any, bins: Any = 10, range: Any = None, density: Any = None,
    weights: Any = None,
) -> Any:  # fmt: skip
    """Each weight reads its bin; counts are constant in the data, whose edges have no rule."""
    if g[1] is not None or density:
        raise NotImplementedError("the edges and densities of np.histogram have no rule")
    if weights is None:
        return 0.0
    edges, last = out[1], length(out[0], 0) - 1
    place = np.searchsorted(edges, a, side="right") - 1
    inside = np.logical_and(a >= np.take(edges, 0), a <= np.take(edges, last + 1))
    found = select(inside, np.take(g[0], np.clip(place, 0, last)))
    return 0.0, None, None, None, found


@rule(np.broadcast_arrays)
def broadcast_arrays(g: Any, out: Any, *args: Any) -> Any:
    """The transform sums over the broadcast axes."""
    return tuple(0.0 if p is None else p for p in g)


@rule(np.block)
def block(g: Any, out: Any, arrays: Any) -> Any:
    """Slice the cotangent: the innermost lists lie along the last axis."""
    return (block_cut(g, arrays, depth(arrays)),)


def depth(node: Any) -> int:
    """Return how deeply lists are nested."""
    return 1 + depth(node[0]) if isinstance(node, list) else 0


def extent(node: Any, axis: int) -> Any:
    """Return the length of a block along `axis` (negative)."""
    if not isinstance(node, list):
        return shape_axis(node, axis)
    if axis != -depth(node):
        return extent(node[0], axis)
    total: Any = 0
    for item in node:
        total = total + extent(item, axis)
    return total


def block_cut(g: Any, node: Any, level: int) -> Any:
    """Return the pieces of `g` in the nesting of `node`."""
    if not isinstance(node, list):
        return reshape_like(g, node)
    found, start = [], 0
    for item in node:
        stop = start + extent(item, -level)
        found.append(block_cut(part(g, start, stop, -level), item, level - 1))
        start = stop
    return found


@rule(np.apply_over_axes)
def apply_over_axes(g: Any, out: Any, func: Any, a: Any, axes: Any) -> Any:
    """Sums only."""
    if func is not np.sum:
        raise NotImplementedError("np.apply_over_axes has a rule for np.sum")
    return None, broadcast_like(g, a)


@rule(np.angle)
def angle(g: Any, out: Any, z: Any, deg: bool = False) -> Any:
    """The imaginary part of the logarithm; constant for real numbers."""
    if not is_complex(z):
        return 0.0
    scaled = g * 57.29577951308232 if deg else g
    return -1j * scaled / z


@rule(np.real_if_close, linear=(0,))
def real_if_close(g: Any, out: Any, a: Any, tol: Any = 100) -> Any:
    """The transform repairs the dtype."""
    return g
