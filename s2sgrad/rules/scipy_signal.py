"""scipy.signal: convolutions and filters."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.signal as ss

from s2sgrad.rules.registry import Op, entry, rule
from s2sgrad.rules.toolbox import call, recordable


@recordable
def to_full(g: Any, a: Any, v: Any, mode: str) -> Any:
    """Put zeros around a cotangent, up to the size of the full convolution of `a` and `v`."""
    if mode == "full":
        return g
    pairs = []
    for n, m, size in zip(np.shape(a), np.shape(v), np.shape(g), strict=True):
        starts = {"valid": min(n, m) - 1, "same": (m - 1) // 2, "same, reversed": m // 2}
        before = starts.get(mode, 0)
        pairs.append((before, n + m - 1 - size - before))
    return np.pad(g, pairs)


@rule(to_full, linear=(0,))
def to_full_(g: Any, out: Any, x: Any, a: Any, v: Any, mode: str) -> Any:
    """Cut the zeros off."""
    return cut_like(g, x, a, v, mode), 0.0, 0.0


@recordable
def cut_like(g: Any, x: Any, a: Any, v: Any, mode: str) -> Any:
    """Cut the part of a full convolution that `mode` returns."""
    index = []
    for n, m, size in zip(np.shape(a), np.shape(v), np.shape(x), strict=True):
        starts = {"valid": min(n, m) - 1, "same": (m - 1) // 2, "same, reversed": m // 2}
        before = starts.get(mode, 0)
        index.append(slice(before, before + size) if mode != "full" else slice(None))
    return g[tuple(index)]


@rule(cut_like, linear=(0,))
def cut_like_(g: Any, out: Any, y: Any, x: Any, a: Any, v: Any, mode: str) -> Any:
    """Put the zeros back."""
    return to_full(g, a, v, mode), 0.0, 0.0, 0.0


def back(op: Op, g: Any, a: Any, v: Any, mode: str) -> tuple[Any, Any]:
    """Convolve the whole cotangent with each operand reversed: no conjugation."""
    whole = to_full(g, a, v, mode)
    ga = call(op, whole, np.flip(v), mode="valid")
    return ga, call(op, whole, np.flip(a), mode="valid")


@rule(ss.convolve, multilinear=(0, 1))
def convolve(g: Any, out: Any, in1: Any, in2: Any, mode: str = "full", method: str = "auto") -> Any:
    """In any number of dimensions."""
    return back(ss.convolve, g, in1, in2, mode)


@rule(ss.fftconvolve, multilinear=(0, 1))
def fftconvolve(g: Any, out: Any, in1: Any, in2: Any, mode: str = "full", axes: Any = None) -> Any:
    """Over all axes."""
    if axes is not None:
        raise NotImplementedError("fftconvolve has a rule for axes=None")
    return back(ss.fftconvolve, g, in1, in2, mode)


@rule(ss.oaconvolve, multilinear=(0, 1))
def oaconvolve(g: Any, out: Any, in1: Any, in2: Any, mode: str = "full", axes: Any = None) -> Any:
    """Over all axes."""
    if axes is not None:
        raise NotImplementedError("oaconvolve has a rule for axes=None")
    return back(ss.fftconvolve, g, in1, in2, mode)


@rule(ss.convolve2d, multilinear=(0, 1))
def convolve2d(
    g: Any, out: Any, in1: Any, in2: Any, mode: str = "full", boundary: str = "fill",
    fillvalue: Any = 0,
) -> Any:  # fmt: skip
    """Zeros outside."""
    refuse_boundary(boundary, fillvalue)
    return back(ss.convolve2d, g, in1, in2, mode)


def refuse_boundary(boundary: str, fillvalue: Any) -> None:
    """Refuse what is not zero outside."""
    if boundary not in ("fill", "pad") or not isinstance(fillvalue, int | float) or fillvalue != 0:
        raise NotImplementedError("a two-dimensional convolution has a rule for zeros outside")


def correlation(op: Op, g: Any, in1: Any, in2: Any, mode: str) -> Any:
    """A convolution with the reversed second operand (real)."""
    # `correlate2d` centres an even number of samples on the other side than `convolve2d`.
    side = "same, reversed" if mode == "same" and op is ss.convolve2d else mode
    ga, gv = back(op, g, in1, np.flip(in2), side)
    return ga, np.flip(gv)


@rule(ss.correlate)
def correlate(
    g: Any, out: Any, in1: Any, in2: Any, mode: str = "full", method: str = "auto"
) -> Any:
    """In any number of dimensions."""
    return correlation(ss.convolve, g, in1, in2, mode)


@rule(ss.correlate2d)
def correlate2d(
    g: Any, out: Any, in1: Any, in2: Any, mode: str = "full", boundary: str = "fill",
    fillvalue: Any = 0,
) -> Any:  # fmt: skip
    """Zeros outside."""
    refuse_boundary(boundary, fillvalue)
    return correlation(ss.convolve2d, g, in1, in2, mode)


for _op in (ss.correlate, ss.correlate2d):
    entry(_op).multilinear = (0, 1)


@rule(ss.lfilter)
def lfilter(g: Any, out: Any, b: Any, a: Any, x: Any, axis: int = -1, zi: Any = None) -> Any:
    """The filter runs backwards in time; coefficients get correlations with filtered signals.

    Forgione and Piga, dynoNet (2021), section 3.
    """
    if zi is not None:
        raise NotImplementedError("lfilter with an initial state has no rule")
    gx = np.flip(call(ss.lfilter, b, a, np.flip(g, axis), axis=axis), axis)
    inputs = call(ss.lfilter, [1.0], a, x, axis=axis)
    outputs = call(ss.lfilter, [1.0], a, out, axis=axis)
    return lagged(g, inputs, b, axis), -lagged(g, outputs, a, axis), gx


@recordable
def lagged(g: Any, x: Any, like: Any, axis: int) -> Any:
    """Return the products of `g` with `x` delayed by 0, 1, ... steps, for each item of `like`."""
    late, early = np.moveaxis(g, axis, 0), np.moveaxis(x, axis, 0)
    n = late.shape[0]
    return np.array([np.sum(late[k:] * early[: max(0, n - k)]) for k in range(len(like))])


@rule(lagged, multilinear=(0, 1))
def lagged_(g: Any, out: Any, y: Any, x: Any, like: Any, axis: int) -> Any:
    """Filter with the cotangent as the coefficients, forwards and backwards in time."""
    one = [1.0]
    forward = call(ss.lfilter, g, one, x, axis=axis)
    return forward, np.flip(call(ss.lfilter, g, one, np.flip(y, axis), axis=axis), axis), 0.0


@rule(ss.sosfilt)
def sosfilt(g: Any, out: Any, sos: Any, x: Any, axis: int = -1, zi: Any = None) -> Any:
    """The filter runs backwards in time; its coefficients have no rule."""
    if zi is not None:
        raise NotImplementedError("sosfilt with an initial state has no rule")
    return None, np.flip(call(ss.sosfilt, sos, np.flip(g, axis), axis=axis), axis)


@rule(ss.savgol_filter, linear=(0,))
def savgol_filter(
    g: Any, out: Any, x: Any, window_length: int, polyorder: int, deriv: int = 0,
    delta: float = 1.0, axis: int = -1, mode: str = "interp", cval: float = 0.0,
) -> Any:  # fmt: skip
    """Correlate with the coefficients; the edges have rows of their own (mode="interp")."""
    if mode != "interp":
        raise NotImplementedError("savgol_filter has a rule for mode='interp'")
    rows = ss.savgol_filter(
        np.eye(window_length), window_length, polyorder, deriv, delta, axis=0, mode="interp"
    )
    return savgol_back(g, rows.tolist(), axis)


@recordable
def savgol_back(g: Any, rows: Any, axis: int) -> Any:
    """Transpose a Savitzky-Golay filter: `rows` is its matrix for as many samples as it is wide."""
    late = np.moveaxis(g, axis, 0)
    made, width = np.zeros_like(late), len(rows)
    half, n = width // 2, len(late)
    for k in range(width):
        made[k : n - width + 1 + k] += rows[half][k] * late[half : n - half]
        for i in range(half):
            made[k] += rows[i][k] * late[i]
            made[n - width + k] += rows[width - 1 - i][k] * late[n - 1 - i]
    return np.moveaxis(made, 0, axis)


@recordable
def savgol_forward(x: Any, rows: Any, axis: int) -> Any:
    """Filter with the matrix `rows`."""
    early = np.moveaxis(x, axis, 0)
    made, width = np.zeros_like(early), len(rows)
    half, n = width // 2, len(early)
    for k in range(width):
        made[half : n - half] += rows[half][k] * early[k : n - width + 1 + k]
        for i in range(half):
            made[i] += rows[i][k] * early[k]
            made[n - 1 - i] += rows[width - 1 - i][k] * early[n - width + k]
    return np.moveaxis(made, 0, axis)


@rule(savgol_back, linear=(0,))
def savgol_back_(g: Any, out: Any, x: Any, rows: Any, axis: int) -> Any:
    """Filter."""
    return savgol_forward(g, rows, axis), None


@rule(savgol_forward, linear=(0,))
def savgol_forward_(g: Any, out: Any, x: Any, rows: Any, axis: int) -> Any:
    """Transpose again."""
    return savgol_back(g, rows, axis), None


@rule(ss.detrend, linear=(0,))
def detrend(g: Any, out: Any, data: Any, axis: int = -1, type: str = "linear", bp: Any = 0) -> Any:
    """An orthogonal projection is its own transpose."""
    return call(ss.detrend, g, axis=axis, type=type, bp=bp)


entry(ss.sosfilt).like = 1  # the shape that the coefficients must have is not known to types


@rule(ss.hilbert, linear=(0,))
def hilbert(g: Any, out: Any, x: Any, N: Any = None, axis: int = -1) -> Any:
    """The Hilbert transform is antisymmetric: of a real signal, `x + 1j * H x`."""
    if N is not None:
        raise NotImplementedError("hilbert has a rule for N=None")
    return np.real(g) + np.imag(call(ss.hilbert, np.imag(g), axis=axis))
