"""scipy.signal: short-time transforms, spectra, and filters in both directions.

Spectra by Welch (IEEE Trans. Audio Electroacoust. 15 (1967)); short-time transforms as Oppenheim
and Schafer (Discrete-Time Signal Processing (2010), section 10.3); filters in both directions with
the initial states of Gustafsson (IEEE Trans. Signal Process. 44 (1996), section II).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.signal as ss

from s2sgrad.rules.registry import data_only, rule, zero
from s2sgrad.rules.toolbox import call, call_beside, length, recordable

data_only(
    ss.get_window, ss.butter, ss.cheby1, ss.cheby2, ss.ellip, ss.bessel, ss.firwin, ss.iirfilter,
    ss.iirnotch, ss.sosfilt_zi, ss.lfilter_zi,
)  # fmt: skip


@recordable
def spectra(x: Any, window: Any, step: int, padded: bool, centred: bool) -> Any:
    """Return the transforms of the windowed segments of `x`, along the last axis.

    `padded`: with zeros around, so that the first segment is centred at the first sample, and the
    last is whole; `centred`: less the mean of each.
    """
    n, size = np.shape(x)[-1], len(window)
    if size > n:
        raise ValueError(f"nperseg={size} is longer than the signal, {n} samples")
    before = size // 2 if padded else 0
    after = before + ((size - n - 2 * before) % step if padded else 0)
    wide = np.pad(x, [(0, 0)] * (np.ndim(x) - 1) + [(before, after)])
    starts = range(0, np.shape(wide)[-1] - size + 1, step)
    frames = np.stack([wide[..., k : k + size] for k in starts], axis=-2)
    if centred:
        frames = frames - np.mean(frames, axis=-1, keepdims=True)
    return np.fft.rfft(window * frames)


@recordable
def spectra_back(g: Any, like: Any, window: Any, step: int, padded: bool, centred: bool) -> Any:
    """Return the transpose of `spectra`: a signal shaped like `like`."""
    n, size = np.shape(like)[-1], len(window)
    before = size // 2 if padded else 0
    frames = window * np.real(np.fft.fft(g, size))
    if centred:
        frames = frames - np.mean(frames, axis=-1, keepdims=True)
    made = np.zeros((*np.shape(like)[:-1], before + n + before + size + step))
    for k in range(np.shape(frames)[-2]):
        made[..., k * step : k * step + size] += frames[..., k, :]
    return made[..., before : before + n]


@rule(spectra, linear=(0,))
def spectra_vjp(
    g: Any, out: Any, x: Any, window: Any, step: int, padded: bool, centred: bool
) -> Any:
    """The transpose."""
    return spectra_back(g, x, window, step, padded, centred), None


@rule(spectra_back, linear=(0,))
def spectra_back_vjp(
    g: Any, out: Any, h: Any, like: Any, window: Any, step: int, padded: bool, centred: bool
) -> Any:
    """The transpose of the transpose, which has real answers."""
    return spectra(g, window, step, padded, centred), 0.0, None


def segments(
    x: Any, window: Any, nperseg: Any, noverlap: Any, nfft: Any, axis: int
) -> tuple[Any, int]:
    """Return the samples of the window, and the step from segment to segment."""
    size = 256 if nperseg is None else nperseg
    if nfft is not None and nfft != size:
        raise NotImplementedError("spectra have rules for nfft=nperseg")
    if axis != -1:
        raise NotImplementedError("spectra have rules for the last axis (axis=-1)")
    if not isinstance(window, str | tuple):
        raise NotImplementedError("spectra have rules for windows that are named")
    return call_beside(x, ss.get_window, window, size), size - (
        size // 2 if noverlap is None else noverlap
    )


@rule(ss.stft)
def stft(
    g: Any, out: Any, x: Any, fs: float = 1.0, window: Any = "hann", nperseg: Any = 256,
    noverlap: Any = None, nfft: Any = None, detrend: Any = False, return_onesided: bool = True,
    boundary: Any = "zeros", padded: bool = True, axis: int = -1, scaling: str = "spectrum",
) -> Any:  # fmt: skip
    """Linear: segments are transformed back, and added where they were."""
    if detrend is not False or not return_onesided or boundary != "zeros" or not padded:
        raise NotImplementedError("stft has a rule without detrend, and with zeros around")
    samples, step = segments(x, window, nperseg, noverlap, nfft, axis)
    scale = np.sum(samples) if scaling == "spectrum" else np.sqrt(fs * np.sum(samples * samples))
    if g[2] is None:
        return 0.0
    return spectra_back(np.swapaxes(g[2], -1, -2) / scale, x, samples, step, True, False)


@stft.jvp
def stft_tangent(out: Any, tangents: Any, x: Any, *args: Any, **options: Any) -> Any:
    """Linear."""
    if any(t is not None for t in tangents[1:]):
        raise NotImplementedError("an option of stft varies")
    return [None, None, call(ss.stft, tangents[0], *args, **options)[2]]


@recordable
def one_sided(window: Any) -> Any:
    """Return how often each frequency counts: all but 0 and half of the rate stand for two."""
    made = np.full(len(window) // 2 + 1, 2.0)
    made[0] = 1.0
    if len(window) % 2 == 0:
        made[-1] = 1.0
    return made


zero(one_sided)


def density(
    x: Any, fs: Any, window: Any, nperseg: Any, noverlap: Any, nfft: Any, detrend: Any,
    return_onesided: bool, scaling: str, axis: int, average: str,
) -> Any:  # fmt: skip
    """Return the segments' transforms, what the squares are scaled by, and how to go back."""
    if detrend not in ("constant", False) or not return_onesided or average != "mean":
        raise NotImplementedError("welch has a rule for one side, averages and constant trends")
    samples, step = segments(x, window, nperseg, noverlap, nfft, axis)
    centred = detrend == "constant"
    z = spectra(x, samples, step, False, centred)
    power = np.square(np.sum(samples)) if scaling == "spectrum" else fs * np.sum(samples * samples)
    return z, one_sided(samples) / power, (samples, step, False, centred)


@rule(ss.welch)
def welch(
    g: Any, out: Any, x: Any, fs: float = 1.0, window: Any = "hann", nperseg: Any = None,
    noverlap: Any = None, nfft: Any = None, detrend: Any = "constant", return_onesided: bool = True,
    scaling: str = "density", axis: int = -1, average: str = "mean",
) -> Any:  # fmt: skip
    """The mean of squares."""
    z, scale, how = density(x, fs, window, nperseg, noverlap, nfft, detrend, return_onesided,
                            scaling, axis, average)  # fmt: skip
    if g[1] is None:
        return 0.0
    seed = np.expand_dims(2.0 * g[1] * scale, -2) * np.conj(z) / length(z, -2)
    return spectra_back(seed, x, *how)


@welch.jvp
def welch_tangent(
    out: Any, tangents: Any, x: Any, fs: float = 1.0, window: Any = "hann", nperseg: Any = None,
    noverlap: Any = None, nfft: Any = None, detrend: Any = "constant", return_onesided: bool = True,
    scaling: str = "density", axis: int = -1, average: str = "mean",
) -> Any:  # fmt: skip
    """The mean of squares."""
    z, scale, how = density(x, fs, window, nperseg, noverlap, nfft, detrend, return_onesided,
                            scaling, axis, average)  # fmt: skip
    moved = spectra(tangents[0], *how)
    return [None, 2.0 * scale * np.mean(np.real(np.conj(z) * moved), axis=-2)]


# -- filters in both directions


@recordable
def extended(x: Any, n: int, kind: Any) -> Any:
    """Go on with `n` samples at both ends of the last axis, as `filtfilt` does."""
    if kind is None or n == 0:
        return np.array(x)
    first, last = x[..., :1], x[..., -1:]
    before, after = x[..., n:0:-1], x[..., -2 : -n - 2 : -1]
    if kind == "constant":
        before, after = np.repeat(first, n, axis=-1), np.repeat(last, n, axis=-1)
    elif kind == "odd":
        before, after = 2 * first - before, 2 * last - after
    return np.concatenate([before, x, after], axis=-1)


@recordable
def folded(g: Any, n: int, kind: Any) -> Any:
    """Return the transpose of `extended`."""
    if kind is None or n == 0:
        return np.array(g)
    made = np.array(g[..., n : np.shape(g)[-1] - n])
    before, after = g[..., :n], g[..., np.shape(g)[-1] - n :]
    if kind != "constant":
        sign = -1.0 if kind == "odd" else 1.0
        made[..., 1 : n + 1] += sign * before[..., ::-1]
        made[..., -n - 1 : -1] += sign * after[..., ::-1]
    if kind != "even":
        twice = 2.0 if kind == "odd" else 1.0
        made[..., 0] += twice * np.sum(before, axis=-1)
        made[..., -1] += twice * np.sum(after, axis=-1)
    return made


@rule(extended, linear=(0,))
def extended_vjp(g: Any, out: Any, x: Any, n: int, kind: Any) -> Any:
    """The transpose."""
    return folded(g, n, kind), None


@rule(folded, linear=(0,))
def folded_vjp(g: Any, out: Any, x: Any, n: int, kind: Any) -> Any:
    """The transpose of the transpose."""
    return extended(g, n, kind), None


@recordable
def edge(b: Any, a: Any) -> int:
    """Return the number of samples that `filtfilt` adds by default."""
    return 3 * max(len(a), len(b))


zero(edge)


def settled_back(g: Any, b: Any, a: Any) -> Any:
    """Return the transpose of a filter that starts in the steady state of its first sample.

    That is `gain * v[0] + lfilter(b, a, v - v[0])`.
    """
    plain = np.flip(call(ss.lfilter, b, a, np.flip(g, -1)), -1)
    gain = call(np.sum, b) / call(np.sum, a)
    first = gain * np.sum(g, axis=-1) - np.sum(plain, axis=-1)
    head = plain[..., :1] + np.expand_dims(first, -1)
    return np.concatenate([head, plain[..., 1:]], axis=-1)


@rule(ss.filtfilt, linear=(2,))
def filtfilt(
    g: Any, out: Any, b: Any, a: Any, x: Any, axis: int = -1, padtype: Any = "odd",
    padlen: Any = None, method: str = "pad", irlen: Any = None,
) -> Any:  # fmt: skip
    """Filters, turns round, filters, and turns round: backwards, with ends that are folded in."""
    if method != "pad":
        raise NotImplementedError("filtfilt has a rule for method='pad'")
    n = 0 if padtype is None else edge(b, a) if padlen is None else padlen
    seed = extended_zeros(np.moveaxis(g, axis, -1), n)
    once = np.flip(settled_back(np.flip(seed, -1), b, a), -1)
    return None, None, np.moveaxis(folded(settled_back(once, b, a), n, padtype), -1, axis)


@recordable
def extended_zeros(g: Any, n: int) -> Any:
    """Put `n` zeros at both ends of the last axis."""
    return np.pad(g, [(0, 0)] * (np.ndim(g) - 1) + [(n, n)])


@rule(extended_zeros, linear=(0,))
def extended_zeros_vjp(g: Any, out: Any, x: Any, n: int) -> Any:
    """Cut them off."""
    return without_ends(g, n), None


@recordable
def without_ends(g: Any, n: int) -> Any:
    """Cut `n` samples off both ends of the last axis."""
    return np.array(g[..., n : np.shape(g)[-1] - n])


@rule(without_ends, linear=(0,))
def without_ends_vjp(g: Any, out: Any, x: Any, n: int) -> Any:
    """Zeros in their place."""
    return extended_zeros(g, n), None
