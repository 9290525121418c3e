"""scipy.ndimage: filters whose matrix is symmetric, or a transpose of the same kind; sampling."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.ndimage as sn
import scipy.signal as ss

from s2sgrad.rules.grid_points import grid_linear_tangent, grid_linear_vjp
from s2sgrad.rules.registry import rule
from s2sgrad.rules.toolbox import call, length, recordable

# With these boundaries a symmetric kernel gives a symmetric matrix: zeros outside; a period; the
# half-sample symmetric extension, which the cosine transform of type 2 diagonalises (Strang 1999).
SYMMETRIC = ("reflect", "grid-mirror", "constant", "grid-constant", "wrap", "grid-wrap")


def refuse(name: str, mode: Any, cval: Any, allowed: tuple[str, ...] = SYMMETRIC) -> None:
    """Refuse boundaries for which the transpose is another kind of filter."""
    if mode not in allowed:
        raise NotImplementedError(f"{name} has no rule for mode={mode!r}")


@rule(sn.gaussian_filter)
def gaussian_filter(
    g: Any, out: Any, input: Any, sigma: Any, order: Any = 0, output: Any = None,
    mode: str = "reflect", cval: float = 0.0, truncate: float = 4.0,
) -> Any:  # fmt: skip
    """Symmetric: the filter itself."""
    refuse("gaussian_filter", mode, cval)
    if order != 0:
        raise NotImplementedError("gaussian_filter has a rule for order=0")
    return call(sn.gaussian_filter, g, sigma, mode=mode, truncate=truncate)


@rule(sn.gaussian_filter1d)
def gaussian_filter1d(
    g: Any, out: Any, input: Any, sigma: Any, axis: int = -1, order: int = 0, output: Any = None,
    mode: str = "reflect", cval: float = 0.0, truncate: float = 4.0,
) -> Any:  # fmt: skip
    """Symmetric: the filter itself."""
    refuse("gaussian_filter1d", mode, cval)
    if order != 0:
        raise NotImplementedError("gaussian_filter1d has a rule for order=0")
    return call(sn.gaussian_filter1d, g, sigma, axis, mode=mode, truncate=truncate)


@rule(sn.uniform_filter)
def uniform_filter(
    g: Any, out: Any, input: Any, size: Any = 3, output: Any = None, mode: str = "reflect",
    cval: float = 0.0, origin: Any = 0,
) -> Any:  # fmt: skip
    """Symmetric for an odd size: the filter itself."""
    refuse("uniform_filter", mode, cval)
    sizes = size if isinstance(size, tuple | list) else (size,)
    if origin != 0 or any(n % 2 == 0 for n in sizes):
        raise NotImplementedError("uniform_filter has a rule for odd sizes and origin=0")
    return call(sn.uniform_filter, g, size, mode=mode)


@recordable
def widened(x: Any, like: Any, mode: str, flipped: bool) -> Any:
    """Go on with `x` beyond its edges, as far as a filter with the weights `like` reaches."""
    names: dict[str, Any] = {
        "reflect": "symmetric", "grid-mirror": "symmetric", "mirror": "reflect", "nearest": "edge",
        "wrap": "wrap", "grid-wrap": "wrap",
    }  # fmt: skip
    ends = [(n // 2, n - 1 - n // 2) for n in np.shape(like)]
    ends = [e[::-1] for e in ends] if flipped else ends
    return np.pad(x, ends, names.get(mode, "constant"))


@recordable
def narrowed(g: Any, like: Any, mode: str, flipped: bool) -> Any:
    """Return the transpose of `widened`."""
    names: dict[str, Any] = {
        "reflect": "symmetric", "grid-mirror": "symmetric", "mirror": "reflect", "nearest": "edge",
        "wrap": "wrap", "grid-wrap": "wrap",
    }  # fmt: skip
    for k, n in enumerate(np.shape(like)):
        ends = (n // 2, n - 1 - n // 2)[:: -1 if flipped else 1]
        size = np.shape(g)[k] - n + 1
        rows = np.moveaxis(g, k, 0)
        made = np.array(rows[ends[0] : ends[0] + size])
        if mode in names:
            places = np.pad(np.arange(size), ends, names[mode])
            made = np.zeros_like(made)
            np.add.at(made, places, rows)
        g = np.moveaxis(made, 0, k)
    return np.array(g)


@rule(widened, linear=(0,))
def widened_vjp(g: Any, out: Any, x: Any, like: Any, mode: str, flipped: bool) -> Any:
    """The transpose."""
    return narrowed(g, like, mode, flipped), 0.0


@rule(narrowed, linear=(0,))
def narrowed_vjp(g: Any, out: Any, x: Any, like: Any, mode: str, flipped: bool) -> Any:
    """The transpose of the transpose."""
    return widened(g, like, mode, flipped), 0.0


def check_filter(name: str, cval: float, origin: Any) -> None:
    """Refuse what is not linear, or not centred."""
    if cval != 0.0 or origin != 0:
        raise NotImplementedError(f"{name} has a rule for cval=0 and origin=0")


@rule(sn.correlate, multilinear=(0, 1))
def correlate(
    g: Any, out: Any, input: Any, weights: Any, output: Any = None, mode: str = "reflect",
    cval: float = 0.0, origin: Any = 0,
) -> Any:  # fmt: skip
    """Whole correlations of what is widened, the edges folded in again."""
    check_filter("correlate", cval, origin)
    weights = call(np.asarray, weights)
    wide = widened(input, weights, mode, False)
    whole = call(ss.convolve, g, weights, method="direct")
    gw = call(ss.correlate, wide, g, mode="valid", method="direct")
    return narrowed(whole, weights, mode, False), gw


@rule(sn.convolve, multilinear=(0, 1))
def convolve(
    g: Any, out: Any, input: Any, weights: Any, output: Any = None, mode: str = "reflect",
    cval: float = 0.0, origin: Any = 0,
) -> Any:  # fmt: skip
    """Whole convolutions of what is widened, the edges folded in again."""
    check_filter("convolve", cval, origin)
    weights = call(np.asarray, weights)
    wide = widened(input, weights, mode, True)
    whole = call(ss.correlate, g, weights, method="direct")
    gw = np.flip(call(ss.correlate, wide, g, mode="valid", method="direct"))
    return narrowed(whole, weights, mode, True), gw


def sampled(input: Any, coordinates: Any, order: int, mode: str, prefilter: bool) -> Any:
    """Return the grid of the indices, and the points as rows; `nearest` moves them to the edge."""
    if order != 1 or mode not in ("constant", "nearest"):
        raise NotImplementedError(
            "map_coordinates has a rule for order=1 and mode='constant' or 'nearest'"
        )
    sizes = [length(input, k) for k in range(np.ndim(input))]
    points = tuple(np.arange(n) for n in sizes)
    rows = np.moveaxis(call(np.asarray, coordinates), 0, -1)
    if mode == "nearest":
        rows = np.clip(rows, 0, call(np.array, [n - 1 for n in sizes]))
    return points, rows


@rule(sn.map_coordinates)
def map_coordinates(
    g: Any, out: Any, input: Any, coordinates: Any, output: Any = None, order: int = 3,
    mode: str = "constant", cval: float = 0.0, prefilter: bool = True,
) -> Any:  # fmt: skip
    """Multilinear interpolation between indices; outside nothing, or the edge."""
    points, rows = sampled(input, coordinates, order, mode, prefilter)
    _, gi, gr, _ = grid_linear_vjp(g, out, points, input, rows, (), False)
    if mode == "nearest":
        free = np.moveaxis(call(np.asarray, coordinates), 0, -1)
        gr = np.where(free == rows, gr, 0.0)
    return gi, np.moveaxis(gr, -1, 0)


@map_coordinates.jvp
def map_coordinates_tangent(
    out: Any, tangents: Any, input: Any, coordinates: Any, output: Any = None, order: int = 3,
    mode: str = "constant", cval: float = 0.0, prefilter: bool = True,
) -> Any:  # fmt: skip
    """Multilinear interpolation between indices; outside nothing, or the edge."""
    points, rows = sampled(input, coordinates, order, mode, prefilter)
    moved = None if tangents[1] is None else np.moveaxis(tangents[1], 0, -1)
    if mode == "nearest" and moved is not None:
        moved = np.where(np.moveaxis(call(np.asarray, coordinates), 0, -1) == rows, moved, 0.0)
    return grid_linear_tangent(out, (None, tangents[0], moved), points, input, rows, (), False)
