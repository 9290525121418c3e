"""scipy.integrate: quadrature of samples."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.integrate as si

from s2sgrad.rules import grids
from s2sgrad.rules.grids import bordered, other_axes
from s2sgrad.rules.registry import rule, zero
from s2sgrad.rules.toolbox import length, part, recordable


@rule(si.trapezoid)
def trapezoid(g: Any, out: Any, y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    """As NumPy's."""
    return grids.trapezoid(g, out, y, x, dx, axis)


@rule(si.cumulative_trapezoid)
def cumulative_trapezoid(
    g: Any, out: Any, y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1, initial: Any = None
) -> Any:
    """Sums from the far end, spread over both neighbours."""
    along = axis % np.ndim(y)
    if initial is not None:
        g = part(g, 1, None, along)
    later = np.flip(np.cumsum(np.flip(g, along), axis=along), along)
    steps: Any = dx
    if x is not None:
        grid = np.expand_dims(x, other_axes(np.ndim(y), along)) if np.ndim(x) == 1 else x
        steps = np.diff(grid, axis=along - np.ndim(y))
    middle = 0.5 * steps * later
    gy = bordered(middle, along, before=True) + bordered(middle, along)
    sums = 0.5 * later * (part(y, 1, None, along) + part(y, 0, -1, along))
    if x is None:
        return gy, None, np.sum(sums)
    gx = bordered(sums, along, before=True) - bordered(sums, along)
    if np.ndim(x) == 1:
        gx = np.sum(gx, axis=other_axes(np.ndim(y), along))
    return gy, gx


@recordable
def simpson_weights(n: int) -> Any:
    """Return the weights of `scipy.integrate.simpson` for n samples with unit spacing.

    An even n has Cartwright's correction at its end (Simpson's rule cumulative integration, 2017).
    """
    if n == 2:
        return np.array([0.5, 0.5])
    odd = n if n % 2 else n - 1
    made = np.zeros(n)
    made[1:odd:2] = 4 / 3
    made[2 : odd - 1 : 2] = 2 / 3
    made[[0, odd - 1]] = 1 / 3
    if odd < n:
        made[-3:] += np.array([-1 / 12, 2 / 3, 5 / 12])
    return made


zero(simpson_weights)


@rule(si.simpson)
def simpson(g: Any, out: Any, y: Any, x: Any = None, *, dx: Any = 1.0, axis: int = -1) -> Any:
    """The weights; uniform spacing."""
    if x is not None:
        raise NotImplementedError("scipy.integrate.simpson has a rule for uniform spacing (dx=)")
    along = axis % np.ndim(y)
    weights = dx * simpson_weights(length(y, along))
    later = (1,) * (np.ndim(y) - 1 - along)
    return np.expand_dims(g, along) * np.reshape(weights, (-1, *later))
