"""Linear interpolation on grids: what `RegularGridInterpolator` and `map_coordinates` do.

Each of the two operations is the transpose of the other, and the derivative of one by the points is
one again, so that there are derivatives of any order.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from s2sgrad.rules.registry import rule
from s2sgrad.rules.toolbox import part, recordable


@recordable
def grid_linear(points: Any, values: Any, xi: Any, moved: Any, beyond: bool) -> Any:
    """Interpolate linearly along each axis of a grid; along the axes `moved`, the derivative.

    Zero outside of the grid, or (`beyond`) the lines go on.  A cell has weights `1 - w` and `w`
    along each axis (Press and others, Numerical Recipes (2007), section 3.6).
    """
    total, size = 0.0, len(points)
    cells, weights, inside = [], [], True
    for p, x in zip(points, np.moveaxis(np.asarray(xi), -1, 0), strict=True):
        p = np.asarray(p)
        i = np.clip(np.searchsorted(p, x, side="right") - 1, 0, len(p) - 2)
        inside = inside & ((x >= p[0]) & (x <= p[-1]) | beyond)
        cells.append(i)
        weights.append(((x - p[i]) / (p[i + 1] - p[i]), 1 / (p[i + 1] - p[i])))
    for corner in np.ndindex(*[2] * size):
        product = np.where(inside, 1.0, 0.0)
        for k, side in enumerate(corner):
            w, slope = weights[k]
            one = slope if k in moved else w
            product = product * (one if side else (-slope if k in moved else 1.0 - w))
        total = total + product * values[tuple(c + s for c, s in zip(cells, corner, strict=True))]
    return total


@recordable
def grid_back(points: Any, like: Any, xi: Any, g: Any, moved: Any, beyond: bool) -> Any:
    """Return the transpose of `grid_linear` by the values: zeros shaped like `like`, and shares."""
    made, size = np.zeros(np.shape(like)), len(points)
    cells, weights, inside = [], [], True
    for p, x in zip(points, np.moveaxis(np.asarray(xi), -1, 0), strict=True):
        p = np.asarray(p)
        i = np.clip(np.searchsorted(p, x, side="right") - 1, 0, len(p) - 2)
        inside = inside & ((x >= p[0]) & (x <= p[-1]) | beyond)
        cells.append(i)
        weights.append(((x - p[i]) / (p[i + 1] - p[i]), 1 / (p[i + 1] - p[i])))
    for corner in np.ndindex(*[2] * size):
        product = np.where(inside, g, 0.0)
        for k, side in enumerate(corner):
            w, slope = weights[k]
            one = slope if k in moved else w
            product = product * (one if side else (-slope if k in moved else 1.0 - w))
        np.add.at(made, tuple(c + s for c, s in zip(cells, corner, strict=True)), product)
    return made


def by_axes(points: Any, values: Any, xi: Any, moved: Any, beyond: bool) -> Any:
    """Return the derivatives of `grid_linear` by the coordinates, along a new last axis."""
    parts = [
        np.zeros_like(part(xi, k, k + 1, -1)) if k in moved else
        np.expand_dims(grid_linear(points, values, xi, (*moved, k), beyond), -1)
        for k in range(len(points))
    ]  # fmt: skip
    return np.concatenate(parts, axis=-1)


@rule(grid_linear)
def grid_linear_vjp(
    g: Any, out: Any, points: Any, values: Any, xi: Any, moved: Any, beyond: bool
) -> Any:
    """Shares of the corners; the derivative by the points is again such an interpolation."""
    slopes = by_axes(points, values, xi, moved, beyond)
    gx = np.expand_dims(g, -1) * slopes
    return None, grid_back(points, values, xi, g, moved, beyond), gx, None


@grid_linear_vjp.jvp
def grid_linear_tangent(
    out: Any, tangents: Any, points: Any, values: Any, xi: Any, moved: Any, beyond: bool
) -> Any:
    """Linear in the values."""
    terms = []
    if tangents[1] is not None:
        terms.append(grid_linear(points, tangents[1], xi, moved, beyond))
    if tangents[2] is not None:
        terms.append(np.sum(tangents[2] * by_axes(points, values, xi, moved, beyond), axis=-1))
    return terms[0] if len(terms) == 1 else terms[0] + terms[1]


@rule(grid_back)
def grid_back_vjp(
    g: Any, out: Any, points: Any, like: Any, xi: Any, seed: Any, moved: Any, beyond: bool
) -> Any:
    """The transpose of a transpose."""
    slopes = by_axes(points, g, xi, moved, beyond)
    gx = np.expand_dims(seed, -1) * slopes
    return None, 0.0, gx, grid_linear(points, g, xi, moved, beyond), None


@grid_back_vjp.jvp
def grid_back_tangent(
    out: Any, tangents: Any, points: Any, like: Any, xi: Any, seed: Any, moved: Any, beyond: bool
) -> Any:
    """Linear in the shares; along each axis of the points."""
    terms = []
    if tangents[3] is not None:
        terms.append(grid_back(points, like, xi, tangents[3], moved, beyond))
    if tangents[2] is not None:
        for k in range(len(points)):
            if k not in moved:
                step = seed * np.squeeze(part(tangents[2], k, k + 1, -1), -1)
                terms.append(grid_back(points, like, xi, step, (*moved, k), beyond))
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total
