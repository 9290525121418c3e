"""Discrete Fourier transforms of `numpy.fft`; `register` serves `scipy.fft` as well.

The matrix of the transform is symmetric: its plain transpose is the transform itself (JAX's
convention, no conjugation).  The transposes of the real transforms follow by writing
`rfft(x) = R F x` with R the rows of the first half, and halving or doubling the inner frequencies,
which stand for two each.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

from s2sgrad.rules import toolbox
from s2sgrad.rules.registry import rule
from s2sgrad.rules.toolbox import call, fit_like, inner_frequencies, length

SWAPPED = {None: "forward", "backward": "forward", "forward": None, "ortho": "ortho"}


def cut(g: Any, a: Any, n: Any, axis: int) -> Any:
    """Undo the cropping or padding of `a` to `n` along `axis`."""
    return g if n is None else fit_like(g, a, axis)


def grid_axes(a: Any, s: Any, axes: Any) -> tuple[int, ...]:
    """Return the axes of a transform of several."""
    if axes is not None:
        return tuple(axes)
    return tuple(range(-len(s), 0)) if s is not None else tuple(range(-np.ndim(a), 0))


def cut_all(g: Any, a: Any, s: Any, axes: tuple[int, ...]) -> Any:
    """Undo the cropping or padding of `a` to the shape `s`."""
    for axis, n in zip(axes, s or (), strict=False):
        g = cut(g, a, n, axis)
    return g


def register(space: ModuleType) -> None:
    """Register the rules of the transforms in `space`."""
    one_axis(space)
    several_axes(space)
    real_transforms(space)
    real_grids(space)
    hermitian(space)
    shifts(space)


def one_axis(space: ModuleType) -> None:
    """`fft` and `ifft`."""
    for op in (space.fft, space.ifft):

        @rule(op, linear=(0,))
        def along_one(
            g: Any, out: Any, a: Any, n: Any = None, axis: int = -1, norm: Any = None,
            *, _op: Any = op,
        ) -> Any:  # fmt: skip
            return cut(call(_op, g, axis=axis, **named(norm)), a, n, axis)


def named(norm: Any) -> dict[str, Any]:
    """Return the keyword for a norm that is not the default."""
    return {} if norm is None else {"norm": norm}


def several_axes(space: ModuleType) -> None:
    """`fft2`, `fftn` and their inverses."""
    for op, default in ((space.fft2, (-2, -1)), (space.ifft2, (-2, -1)),
                        (space.fftn, None), (space.ifftn, None)):  # fmt: skip

        @rule(op, linear=(0,))
        def along_several(
            g: Any, out: Any, a: Any, s: Any = None, axes: Any = default, norm: Any = None,
            *, _op: Any = op,
        ) -> Any:  # fmt: skip
            found = grid_axes(a, s, axes)
            return cut_all(call(_op, g, axes=found, **named(norm)), a, s, found)


def back_from_half(space: ModuleType, g: Any, a: Any, n: Any, axis: int, norm: Any) -> Any:
    """Transpose `rfft`: an inverse transform, the inner frequencies halved."""
    size = length(a, axis) if n is None else n
    halved = inner_frequencies(np.conj(g), size, axis, 0.5)
    found = call(space.irfft, halved, size, axis=axis, **named(SWAPPED[norm]))
    return cut(found, a, n, axis)


def back_to_half(space: ModuleType, g: Any, a: Any, n: Any, axis: int, norm: Any) -> Any:
    """Transpose `irfft`: a forward transform, the inner frequencies doubled."""
    found = np.conj(call(space.rfft, g, axis=axis, **named(SWAPPED[norm])))
    return cut(inner_frequencies(found, length(g, axis), axis, 2.0), a, n, axis)


def real_transforms(space: ModuleType) -> None:
    """`rfft` and `irfft`."""

    @rule(space.rfft, linear=(0,))
    def rfft(g: Any, out: Any, a: Any, n: Any = None, axis: int = -1, norm: Any = None) -> Any:
        return back_from_half(space, g, a, n, axis, norm)

    @rule(space.irfft, linear=(0,))
    def irfft(g: Any, out: Any, a: Any, n: Any = None, axis: int = -1, norm: Any = None) -> Any:
        return back_to_half(space, g, a, n, axis, norm)


def hermitian(space: ModuleType) -> None:
    """`hfft(a)` is `irfft(conj(a))` and `ihfft(a)` is `conj(rfft(a))`, the norms swapped."""

    @rule(space.hfft, linear=(0,))
    def hfft(g: Any, out: Any, a: Any, n: Any = None, axis: int = -1, norm: Any = None) -> Any:
        return np.conj(back_to_half(space, g, a, n, axis, SWAPPED[norm]))

    @rule(space.ihfft, linear=(0,))
    def ihfft(g: Any, out: Any, a: Any, n: Any = None, axis: int = -1, norm: Any = None) -> Any:
        return back_from_half(space, np.conj(g), a, n, axis, SWAPPED[norm])


def real_grids(space: ModuleType) -> None:
    """`rfft2`, `rfftn` and their inverses: real along the last axis, complex along the others."""
    for op, default in ((space.rfft2, (-2, -1)), (space.rfftn, None)):

        @rule(op, linear=(0,))
        def forward(
            g: Any, out: Any, a: Any, s: Any = None, axes: Any = default, norm: Any = None
        ) -> Any:
            found = grid_axes(a, s, axes)
            if found[:-1]:
                g = call(space.fftn, g, axes=found[:-1], **named(norm))
                g = cut_all(g, a, s and s[:-1], found[:-1])
            return back_from_half(space, g, a, s and s[-1], found[-1], norm)

    for op, default in ((space.irfft2, (-2, -1)), (space.irfftn, None)):

        @rule(op, linear=(0,))
        def inverse(
            g: Any, out: Any, a: Any, s: Any = None, axes: Any = default, norm: Any = None
        ) -> Any:
            found = grid_axes(a, s, axes)
            g = back_to_half(space, g, a, s and s[-1], found[-1], norm)
            if not found[:-1]:
                return g
            g = call(space.ifftn, g, axes=found[:-1], **named(norm))
            return cut_all(g, a, s and s[:-1], found[:-1])


def shifts(space: ModuleType) -> None:
    """`fftshift` and its inverse transpose each other."""
    for op, back in ((np.fft.fftshift, np.fft.ifftshift), (np.fft.ifftshift, np.fft.fftshift)):
        name = op.__name__

        @rule(op, *([getattr(space, name)] if space is not np.fft else []), linear=(0,))
        def shift(g: Any, out: Any, x: Any, axes: Any = None, *, _back: Any = back) -> Any:
            return _back(g) if axes is None else _back(g, axes)


register(np.fft)


@rule(toolbox.fit_like, linear=(0,))
def fit_like_(g: Any, out: Any, x: Any, a: Any, axis: int) -> Any:
    """Crop what was padded, pad what was cropped."""
    return fit_like(g, x, axis), 0.0


@rule(toolbox.inner_frequencies, linear=(0,))
def inner_frequencies_(g: Any, out: Any, x: Any, n: Any, axis: int, factor: float) -> Any:
    """Scale again."""
    return inner_frequencies(g, n, axis, factor)
