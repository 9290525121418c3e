"""Shapes, joins, splits, diagonals, selections.  Nearly all are linear."""

from __future__ import annotations

from typing import Any

import numpy as np

from s2sgrad.rules.registry import alias, rule
from s2sgrad.rules.toolbox import (
    call,
    is_complex,
    length,
    part,
    reshape_like,
    scatter,
    scatter_diagonal,
    select,
    zeros_like,
)


@rule(np.reshape, linear=(0,))
def reshape(g: Any, out: Any, a: Any, shape: Any, order: str = "C") -> Any:
    """Reshape back."""
    if order == "F":
        return np.transpose(reshape_like(np.transpose(g), np.transpose(a)))
    return reshape_like(g, a)


@rule(np.ravel, np.ndarray.flatten, linear=(0,))
def ravel(g: Any, out: Any, a: Any, order: str = "C") -> Any:
    """Reshape back."""
    if order == "F":
        return np.transpose(reshape_like(g, np.transpose(a)))
    return reshape_like(g, a)


@rule(np.transpose, linear=(0,))
def transpose(g: Any, out: Any, a: Any, axes: Any = None) -> Any:
    """Permute back."""
    if axes is None:
        return np.transpose(g)
    order = [i % len(axes) for i in axes]
    return np.transpose(g, tuple(order.index(i) for i in range(len(order))))


@rule(np.swapaxes, linear=(0,))
def swapaxes(g: Any, out: Any, a: Any, axis1: int, axis2: int) -> Any:
    """Swap back."""
    return np.swapaxes(g, axis1, axis2)


@rule(np.moveaxis, linear=(0,))
def moveaxis(g: Any, out: Any, a: Any, source: Any, destination: Any) -> Any:
    """Move back."""
    return np.moveaxis(g, destination, source)


@rule(np.rollaxis, linear=(0,))
def rollaxis(g: Any, out: Any, a: Any, axis: int, start: int = 0) -> Any:
    """Move back."""
    rank = np.ndim(a)
    source, target = axis % rank, start if start >= 0 else start + rank
    return np.moveaxis(g, target - 1 if source < target else target, source)


@rule(np.matrix_transpose, np.linalg.matrix_transpose, linear=(0,))
def matrix_transpose(g: Any, out: Any, x: Any) -> Any:
    """Swap the last two axes."""
    return np.swapaxes(g, -1, -2)


@rule(np.expand_dims, linear=(0,))
def expand_dims(g: Any, out: Any, a: Any, axis: Any) -> Any:
    """Drop the new axes."""
    return reshape_like(g, a)


@rule(np.squeeze, linear=(0,))
def squeeze(g: Any, out: Any, a: Any, axis: Any = None) -> Any:
    """Put the axes back."""
    return reshape_like(g, a)


@rule(np.atleast_1d, linear=(0,))
def atleast_1d(g: Any, out: Any, a: Any) -> Any:
    """Of a single array."""
    return reshape_like(g, a)


@rule(np.atleast_2d, linear=(0,))
def atleast_2d(g: Any, out: Any, a: Any) -> Any:
    """Of a single array."""
    return reshape_like(g, a)


@rule(np.atleast_3d, linear=(0,))
def atleast_3d(g: Any, out: Any, a: Any) -> Any:
    """Of a single array."""
    return reshape_like(g, a)


@rule(np.broadcast_to, linear=(0,))
def broadcast_to(g: Any, out: Any, array: Any, shape: Any) -> Any:
    """The transform sums over the broadcast axes."""
    return g


@rule(np.flip, linear=(0,))
def flip(g: Any, out: Any, m: Any, axis: Any = None) -> Any:
    """Flip back."""
    return np.flip(g, axis)


@rule(np.fliplr, linear=(0,))
def fliplr(g: Any, out: Any, m: Any) -> Any:
    """Flip back."""
    return np.fliplr(g)


@rule(np.flipud, linear=(0,))
def flipud(g: Any, out: Any, m: Any) -> Any:
    """Flip back."""
    return np.flipud(g)


@rule(np.rot90, linear=(0,))
def rot90(g: Any, out: Any, m: Any, k: int = 1, axes: Any = (0, 1)) -> Any:
    """Turn back."""
    return np.rot90(g, -k, axes)


@rule(np.roll, linear=(0,))
def roll(g: Any, out: Any, a: Any, shift: Any, axis: Any = None) -> Any:
    """Roll back."""
    back = tuple(-s for s in shift) if isinstance(shift, tuple | list) else -shift
    return np.roll(g, back, axis)


@rule(np.repeat, linear=(0,))
def repeat(g: Any, out: Any, a: Any, repeats: Any, axis: Any = None) -> Any:
    """Sum the copies; an array of counts sums segments."""
    if axis is None:
        return reshape_like(repeat(g, out, np.ravel(a), repeats, 0), a)
    along = axis % np.ndim(a)
    if not isinstance(repeats, int):
        return segments(g, a, repeats, along)
    wide = np.repeat(np.expand_dims(a, along + 1), repeats, axis=along + 1)
    return np.sum(reshape_like(g, wide), axis=along + 1)


def segments(g: Any, a: Any, repeats: Any, along: int) -> Any:
    """Sum consecutive runs of the given lengths."""
    owner = np.repeat(call(np.arange, length(a, along)), repeats)
    return scatter(a, (slice(None),) * along + (owner,), g)


def shape_axis(a: Any, axis: int) -> Any:
    """Return the length along `axis` (negative), 1 where `a` has fewer axes."""
    return length(a, axis) if np.ndim(a) >= -axis else 1


@rule(np.tile, linear=(0,))
def tile(g: Any, out: Any, A: Any, reps: Any) -> Any:
    """Sum the copies."""
    counts = (reps,) if isinstance(reps, int) else tuple(reps)
    rank = max(np.ndim(A), len(counts))
    counts = (1,) * (rank - len(counts)) + counts
    wide = np.expand_dims(A, tuple(range(rank - np.ndim(A))))
    copies = np.expand_dims(wide, tuple(range(0, 2 * rank, 2)))
    for i, times in enumerate(counts):
        copies = np.repeat(copies, times, axis=2 * i)
    return reshape_like(np.sum(reshape_like(g, copies), axis=tuple(range(0, 2 * rank, 2))), A)


def widths(pad_width: Any, rank: int) -> list[tuple[int, int]]:
    """Return (before, after) per axis."""
    if isinstance(pad_width, int):
        return [(pad_width, pad_width)] * rank
    pairs = [(p, p) if isinstance(p, int) else tuple(p) for p in pad_width]
    if all(isinstance(p, int) for p in pad_width):
        both = (pad_width[0], pad_width[-1])
        return [(int(both[0]), int(both[1]))] * rank
    pairs = [p if len(p) == 2 else (p[0], p[0]) for p in pairs]
    return pairs * rank if len(pairs) == 1 else pairs


@rule(np.pad, linear=(0,))
def pad(
    g: Any, out: Any, array: Any, pad_width: Any, mode: Any = "constant", constant_values: Any = 0
) -> Any:
    """Cut the border off; where it repeats elements, add it to them."""
    if mode not in ("constant", "edge", "reflect", "symmetric", "wrap"):
        raise NotImplementedError(f"np.pad has no rule for mode={mode!r}")
    found = g
    for axis, (before, after) in enumerate(widths(pad_width, np.ndim(array))):
        n = length(array, axis)
        if mode == "constant":
            found = part(found, before, before + n, axis)
        elif (before, after) != (0, 0):
            source = np.pad(call(np.arange, n), (before, after), mode)
            place = (slice(None),) * axis + (source,)
            found = scatter(part(found, 0, n, axis), place, found)
    return found


@pad.jvp
def _pad_jvp(
    out: Any,
    tangents: Any,
    array: Any,
    pad_width: Any,
    mode: Any = "constant",
    constant_values: Any = 0,
) -> Any:
    if len(tangents) > 3 and tangents[3] is not None:
        raise NotImplementedError("the constants of a padding have no rule")
    return np.pad(tangents[0], pad_width, mode)


@rule(np.copy, np.ascontiguousarray, np.asfortranarray, np.ndarray.copy, linear=(0,))
def copy(g: Any, out: Any, a: Any, order: Any = "K") -> Any:
    """Pass the cotangent on."""
    return g


@rule(np.asarray, np.array, np.asanyarray, linear=(0,))
def asarray(
    g: Any, out: Any, a: Any, dtype: Any = None, *, copy: Any = None, order: Any = "K",
    ndmin: int = 0,
) -> Any:  # fmt: skip
    """Pass the cotangent on; a (nested) list gets its items' cotangents."""
    if ndmin > 0:
        raise NotImplementedError("np.array has no rule for ndmin=")
    if isinstance(a, list | tuple):
        return [asarray(g[i], out, item) for i, item in enumerate(a)]
    return g


@rule(np.ndarray.astype, np.astype, linear=(0,))
def astype(g: Any, out: Any, x: Any, dtype: Any = None, **how: Any) -> Any:
    """Pass the cotangent on: the transform repairs its dtype."""
    return g


@rule(np.diag, linear=(0,))
def diag(g: Any, out: Any, v: Any, k: int = 0) -> Any:
    """Of a vector or a matrix."""
    return np.diagonal(g, k) if np.ndim(v) == 1 else scatter_diagonal(v, g, k)


@rule(np.diagflat, linear=(0,))
def diagflat(g: Any, out: Any, v: Any, k: int = 0) -> Any:
    """Of a flattened array."""
    return reshape_like(np.diagonal(g, k), v)


@rule(np.diagonal, linear=(0,))
def diagonal(g: Any, out: Any, a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """Put the cotangent on the diagonal."""
    return scatter_diagonal(a, g, offset, axis1, axis2)


@rule(np.triu, linear=(0,))
def triu(g: Any, out: Any, m: Any, k: int = 0) -> Any:
    """The same triangle."""
    return np.triu(g, k) if np.ndim(m) > 1 else np.sum(np.triu(g, k), axis=0)


@rule(np.tril, linear=(0,))
def tril(g: Any, out: Any, m: Any, k: int = 0) -> Any:
    """The same triangle."""
    return np.tril(g, k) if np.ndim(m) > 1 else np.sum(np.tril(g, k), axis=0)


@rule(np.where, linear=(1, 2))
def where(g: Any, out: Any, condition: Any, x: Any, y: Any) -> Any:
    """Each branch gets the cotangent where it was chosen."""
    return 0.0, select(condition, g), select(np.logical_not(condition), g)


@rule(np.clip)
def clip(g: Any, out: Any, a: Any, a_min: Any = None, a_max: Any = None, **names: Any) -> Any:
    """Passes inside and at the bounds, which get the rest; NumPy also has `min=` and `max=`."""
    a_min, a_max = names.get("min", a_min), names.get("max", a_max)
    ga, gl, gh = g, None, None
    if a_min is not None:
        gl = select(a < a_min, g)
        ga = select(a >= a_min, ga)
    if a_max is not None:
        gh = select(a > a_max, g)
        ga = select(a <= a_max, ga)
    return ga, gl, gh


@clip.jvp
def _clip_jvp(
    out: Any, tangents: Any, a: Any, a_min: Any = None, a_max: Any = None, **names: Any
) -> Any:
    a_min, a_max = names.get("min", a_min), names.get("max", a_max)
    found = zeros_like(out) if tangents[0] is None else tangents[0] + zeros_like(out)
    for i, bound in ((1, a_min), (2, a_max)):
        if bound is not None:
            moved = tangents[i] if len(tangents) > i and tangents[i] is not None else 0.0
            found = np.where(a < bound if i == 1 else a > bound, moved, found)
    return found


@rule(np.real, linear=(0,))
def real(g: Any, out: Any, val: Any) -> Any:
    """The transform repairs the dtype."""
    return g


@rule(np.imag, linear=(0,))
def imag(g: Any, out: Any, val: Any) -> Any:
    """Plain transpose: Im(z) = Re(-1j z)."""
    return -1j * g if is_complex(val) else 0.0 * g


@rule(np.conjugate, linear=(0,))
def conjugate(g: Any, out: Any, x: Any) -> Any:
    """Conjugate."""
    return np.conj(g) if is_complex(x) else g


@rule(np.linalg.diagonal, linear=(0,))
def linalg_diagonal(g: Any, out: Any, x: Any, *, offset: int = 0) -> Any:
    """Put the cotangent on the diagonals of the last two axes."""
    return scatter_diagonal(x, g, offset, -2, -1)


alias(np.permute_dims, np.transpose)
alias(np.concat, np.concatenate)
