"""Gathers, sorts, and the rules of the toolbox itself (so that any order closes)."""

from __future__ import annotations

from typing import Any

import numpy as np

from s2sgrad.ir import ops
from s2sgrad.rules import toolbox
from s2sgrad.rules.registry import Op, entry, rule, zero
from s2sgrad.rules.toolbox import (
    broadcast_like,
    part,
    reshape_like,
    scan,
    scatter,
    scatter_along,
    scatter_part,
    select,
)


@rule(np.take, linear=(0,))
def take(g: Any, out: Any, a: Any, indices: Any, axis: Any = None, *, mode: str = "raise") -> Any:
    """Add at the positions that were read."""
    if mode != "raise":
        raise NotImplementedError(f"np.take has no rule for mode={mode!r}")
    if axis is None and np.ndim(a) != 1:
        return reshape_like(scatter(np.ravel(a), indices, g), a)
    along = 0 if axis is None else axis % np.ndim(a)
    return scatter(a, (slice(None),) * along + (indices,), g)


@rule(np.take_along_axis, linear=(0,))
def take_along_axis(g: Any, out: Any, arr: Any, indices: Any, axis: Any = -1) -> Any:
    """Add at the positions that were read."""
    if axis is None:
        return reshape_like(scatter(np.ravel(arr), indices, g), arr)
    return scatter_along(arr, indices, g, axis)


@rule(np.sort)
def sort(g: Any, out: Any, a: Any, axis: Any = -1) -> Any:
    """Send each cotangent back to where its element came from."""
    if axis is None:
        flat = np.ravel(a)
        return reshape_like(scatter(flat, np.argsort(flat), g), a)
    return scatter_along(a, np.argsort(a, axis=axis), g, axis)


@sort.jvp
def _sort_jvp(out: Any, tangents: Any, a: Any, axis: Any = -1) -> Any:
    if axis is None:
        return np.take(np.ravel(tangents[0]), np.argsort(np.ravel(a)))
    return np.take_along_axis(tangents[0], np.argsort(a, axis=axis), axis=axis)


@rule(np.compress, linear=(1,))
def compress(g: Any, out: Any, condition: Any, a: Any, axis: Any = None) -> Any:
    """Put the cotangent back where the condition holds."""
    kept = np.flatnonzero(condition)
    if axis is None:
        return 0.0, reshape_like(scatter(np.ravel(a), kept, g), a)
    return 0.0, scatter(a, (slice(None),) * (axis % np.ndim(a)) + (kept,), g)


@rule(toolbox.broadcast_like, linear=(0,))
def broadcast_like_(g: Any, out: Any, x: Any, a: Any) -> Any:
    """The transform sums over the broadcast axes."""
    return g, 0.0


@rule(toolbox.reshape_like, linear=(0,))
def reshape_like_(g: Any, out: Any, x: Any, a: Any) -> Any:
    """Reshape back."""
    return reshape_like(g, x), 0.0


@rule(toolbox.expand, linear=(0,))
def expand_(g: Any, out: Any, x: Any, a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Drop the new axes."""
    return reshape_like(g, x), 0.0


@rule(toolbox.select, linear=(1,))
def selected(g: Any, out: Any, mask: Any, x: Any) -> Any:
    """Select again."""
    return 0.0, select(mask, g)


@rule(toolbox.part, linear=(0,))
def part_(g: Any, out: Any, x: Any, start: Any, stop: Any, axis: int) -> Any:
    """Put the slice back."""
    return scatter_part(x, start, stop, axis, g)


@rule(toolbox.scatter_part, linear=(4,))
def scatter_part_(g: Any, out: Any, a: Any, start: Any, stop: Any, axis: int, x: Any) -> Any:
    """Read the slice."""
    return 0.0, None, None, None, part(g, start, stop, axis)


@rule(toolbox.scatter, linear=(2,))
def scatter_(g: Any, out: Any, a: Any, index: Any, x: Any) -> Any:
    """Read at the index."""
    return 0.0, None, g[index]


@rule(toolbox.scatter_along, linear=(2,))
def scatter_along_(g: Any, out: Any, a: Any, indices: Any, x: Any, axis: int) -> Any:
    """Read along the axis."""
    return 0.0, None, np.take_along_axis(g, indices, axis=axis)


@rule(toolbox.scatter_diagonal, linear=(1,))
def scatter_diagonal_(
    g: Any, out: Any, a: Any, x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1
) -> Any:
    """Read the diagonal."""
    return 0.0, np.diagonal(g, offset, axis1, axis2)


@rule(toolbox.safe_divide, singular=True)
def safe_divide_(g: Any, out: Any, x: Any, d: Any) -> Any:
    """As division."""
    return toolbox.safe_divide(g, d), -toolbox.safe_divide(g * out, d)


@safe_divide_.jvp
def _safe_divide_jvp(out: Any, tangents: Any, x: Any, d: Any) -> Any:
    top: Any = 0.0 if tangents[0] is None else tangents[0]
    if tangents[1] is not None:
        top = top - tangents[1] * out
    return toolbox.safe_divide(top, d)


@rule(toolbox.scan)
def scan_(g: Any, out: Any, a: Any, x: Any, axis: int) -> Any:
    """The transposed recurrence runs forward."""
    shifted = np.roll(np.flip(a, axis), 1, axis)
    forward = np.flip(scan(shifted, np.flip(g, axis), axis), axis)
    zero = toolbox.zeros_like(part(forward, 0, 1, axis))
    earlier = np.concatenate([zero, part(forward, 0, -1, axis)], axis=axis)
    return earlier * out, forward


@scan_.jvp
def _scan_jvp(out: Any, tangents: Any, a: Any, x: Any, axis: int) -> Any:
    moved: Any = 0.0 if tangents[1] is None else tangents[1]
    if tangents[0] is not None:
        later = np.concatenate(
            [part(tangents[0] * out, 1, None, axis), toolbox.zeros_like(part(out, 0, 1, axis))],
            axis=axis,
        )
        moved = moved + later
    return scan(a, moved, axis)


@rule(np.lib.stride_tricks.sliding_window_view, linear=(0,))
def windows(g: Any, out: Any, x: Any, window_shape: Any, axis: Any = None) -> Any:
    """Each element was read by all windows over it."""
    return toolbox.overlap_add(g, x, window_shape, axis)


@rule(toolbox.overlap_add, linear=(0,))
def overlap_add_(g: Any, out: Any, x: Any, a: Any, window: Any, axis: Any) -> Any:
    """The windows of the sum."""
    view = np.lib.stride_tricks.sliding_window_view
    return toolbox.call(view, g, window, axis), 0.0


_SHAPES: dict[Op, int] = {
    toolbox.broadcast_like: 1, toolbox.reshape_like: 1, toolbox.expand: 1, toolbox.fit_like: 1,
    toolbox.scatter: 0, toolbox.scatter_along: 0, toolbox.scatter_part: 0,
    toolbox.scatter_diagonal: 0, toolbox.reduceat_back: 1,
    toolbox.overlap_add: 1,
}  # fmt: skip
for _op, _shape in _SHAPES.items():
    entry(_op).shapes = (_shape,)


zero(ops.zeros_like, ops.zeros_list)


@rule(ops.last_writes, linear=(2,))
def last_writes(g: Any, out: Any, x: Any, index: Any, value: Any) -> Any:
    """Drop what was dropped."""
    return 0.0, None, toolbox.call(ops.last_writes, x, index, g)


@rule(ops.additem, linear=(0, 2))
def additem_(g: Any, out: Any, x: Any, index: Any, value: Any) -> Any:
    """The array as it was, and what was added."""
    return g, None, g[index]


@rule(ops.finite)
def finite(g: Any, out: Any, x: Any) -> Any:
    """What infinity stands for does not vary."""
    return g


@finite.jvp
def _finite_jvp(out: Any, tangents: Any, x: Any) -> Any:
    return tangents[0]


@rule(ops.broadcast_like, linear=(0,))
def ops_broadcast_like(g: Any, out: Any, x: Any, a: Any) -> Any:
    """The transform sums over the broadcast axes."""
    return g, 0.0


@rule(ops.reshape_like, linear=(0,))
def ops_reshape_like(g: Any, out: Any, x: Any, a: Any) -> Any:
    """Reshape back."""
    return reshape_like(g, x), 0.0


@rule(ops.cast_like, linear=(0,))
def cast_like(g: Any, out: Any, x: Any, a: Any) -> Any:
    """The transform repairs the dtype."""
    return g, 0.0


@rule(ops.unbroadcast, linear=(0,))
def unbroadcast(g: Any, out: Any, x: Any, a: Any) -> Any:
    """Broadcast back."""
    return broadcast_like(g, x), 0.0
