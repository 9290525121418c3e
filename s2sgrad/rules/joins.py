"""Joins and splits: what is put together is cut apart again."""

from __future__ import annotations

from typing import Any

import numpy as np

from s2sgrad.rules.registry import rule
from s2sgrad.rules.toolbox import length, part, reshape_like, zeros_like


def blocks(g: Any, arrays: Any, axis: int) -> list[Any]:
    """Cut `g` into the pieces that `arrays` were before they were joined."""
    start: Any = 0
    found = []
    for a in arrays[:-1]:
        stop = start + length(a, axis)
        found.append(part(g, start, stop, axis))
        start = stop
    return [*found, part(g, start, None, axis)]


def as_joined(cut: list[Any], arrays: Any, rank: int) -> list[Any]:
    """Pieces of what was joined as arrays of at least `rank` axes, in the shapes that they had."""
    pairs = zip(cut, arrays, strict=True)
    return [p if np.ndim(a) >= rank else reshape_like(p, a) for p, a in pairs]


@rule(np.concatenate, linear=(0,))
def concatenate(g: Any, out: Any, arrays: Any, axis: Any = 0) -> Any:
    """Slice the cotangent."""
    if not isinstance(arrays, list | tuple):
        return concatenated_array(g, arrays, axis)
    if axis is None:
        flat = blocks(g, [np.ravel(a) for a in arrays], 0)
        return [reshape_like(piece, a) for piece, a in zip(flat, arrays, strict=True)]
    return blocks(g, arrays, axis)


def concatenated_array(g: Any, a: Any, axis: Any) -> Any:
    """Undo a concatenation over the first axis of one array."""
    if axis is None:
        return reshape_like(g, a)
    along = axis % (np.ndim(a) - 1)
    return np.moveaxis(reshape_like(g, np.moveaxis(a, 0, along)), along, 0)


@rule(np.stack, linear=(0,))
def stack(g: Any, out: Any, arrays: Any, axis: int = 0) -> Any:
    """Take each layer."""
    if not isinstance(arrays, list | tuple):
        return np.moveaxis(g, axis, 0)
    layers = np.moveaxis(g, axis, 0)
    return [layers[i] for i in range(len(arrays))]


@rule(np.vstack, linear=(0,))
def vstack(g: Any, out: Any, tup: Any) -> Any:
    """Slice rows."""
    wide = [a if np.ndim(a) >= 2 else np.atleast_2d(a) for a in tup]
    return as_joined(blocks(g, wide, 0), tup, 2)


@rule(np.hstack, linear=(0,))
def hstack(g: Any, out: Any, tup: Any) -> Any:
    """Slice columns, or pieces of vectors."""
    wide = [a if np.ndim(a) >= 1 else np.atleast_1d(a) for a in tup]
    cut = blocks(g, wide, 0 if np.ndim(wide[0]) == 1 else 1)
    return as_joined(cut, tup, 1)


@rule(np.dstack, linear=(0,))
def dstack(g: Any, out: Any, tup: Any) -> Any:
    """Slice along the third axis."""
    wide = [a if np.ndim(a) >= 3 else np.atleast_3d(a) for a in tup]
    return as_joined(blocks(g, wide, 2), tup, 3)


@rule(np.column_stack, linear=(0,))
def column_stack(g: Any, out: Any, tup: Any) -> Any:
    """Vectors are columns."""
    wide = [np.expand_dims(np.atleast_1d(a), 1) if np.ndim(a) < 2 else a for a in tup]
    return as_joined(blocks(g, wide, 1), tup, 2)


@rule(np.append, linear=(0, 1))
def append(g: Any, out: Any, arr: Any, values: Any, axis: Any = None) -> Any:
    """A concatenation of two."""
    first, second = concatenate(g, out, [arr, values], axis)
    return first, second


def joined(g: Any, out: Any, axis: int) -> Any:
    """Join the cotangents of pieces; None stands for zeros."""
    filled = [zeros_like(o) if p is None else p for p, o in zip(g, out, strict=True)]
    return np.concatenate(filled, axis=axis)


@rule(np.split, linear=(0,))
def split(g: Any, out: Any, ary: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    """Join the pieces."""
    return joined(g, out, axis)


@rule(np.array_split, linear=(0,))
def array_split(g: Any, out: Any, ary: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    """Join the pieces."""
    return joined(g, out, axis)


@rule(np.hsplit, linear=(0,))
def hsplit(g: Any, out: Any, ary: Any, indices_or_sections: Any) -> Any:
    """Join the pieces."""
    return joined(g, out, 0 if np.ndim(ary) == 1 else 1)


@rule(np.dsplit, linear=(0,))
def dsplit(g: Any, out: Any, ary: Any, indices_or_sections: Any) -> Any:
    """Join the pieces."""
    return joined(g, out, 2)


@rule(np.vsplit, linear=(0,))
def vsplit(g: Any, out: Any, ary: Any, indices_or_sections: Any) -> Any:
    """Join the pieces."""
    return joined(g, out, 0)


@rule(np.unstack, linear=(0,))
def unstack(g: Any, out: Any, x: Any, *, axis: int = 0) -> Any:
    """Stack the layers."""
    filled = [zeros_like(o) if p is None else p for p, o in zip(g, out, strict=True)]
    return np.stack(filled, axis=axis)
