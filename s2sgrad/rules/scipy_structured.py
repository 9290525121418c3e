"""scipy.linalg: solves with matrices that a few rows or bands stand for.

The cotangent of the matrix of a solve is `-l x^T`, with `l = A^-T g` (Giles, Collected matrix
derivative results (2008), section 2.3.1); what stands for it gets the entries that it is in.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg as sl

from s2sgrad.rules import scipy_linalg
from s2sgrad.rules.registry import entry, rule
from s2sgrad.rules.toolbox import call, part, recordable


@rule(sl.solve_toeplitz)
def solve_toeplitz(g: Any, out: Any, c_or_cr: Any, b: Any, check_finite: bool = True) -> Any:
    """Real: the transpose has the row for the column; a column alone is a symmetric matrix."""
    if np.ndim(b) != 1:
        raise NotImplementedError("solve_toeplitz has a rule for one right side")
    pair = isinstance(c_or_cr, tuple | list)
    column, row = c_or_cr if pair else (c_or_cr, None)
    turned: Any = column
    if pair:  # the corner is that of the column
        turned = (np.concatenate([part(column, 0, 1, 0), part(row, 1, None, 0)]), column)
    moved = call(sl.solve_toeplitz, turned, g)
    found = scipy_linalg.toeplitz(-np.outer(moved, out), out, column, row)
    return found, moved


@solve_toeplitz.jvp
def solve_toeplitz_tangent(
    out: Any, tangents: Any, c_or_cr: Any, b: Any, check_finite: bool = True
) -> Any:
    """The right side, less what the tangent of the matrix makes of the solution."""
    if np.ndim(b) != 1:
        raise NotImplementedError("solve_toeplitz has a rule for one right side")
    moved, right = tangents
    if moved is not None:
        parts = moved if isinstance(moved, tuple | list) else (moved,)
        own = call(sl.toeplitz, *parts) @ out
        right = -own if right is None else right - own
    return call(sl.solve_toeplitz, c_or_cr, right)


entry(sl.solve_toeplitz).like = 1


@recordable
def symmetric_bands(a: Any, b: Any, bands: int, lower: bool) -> Any:
    """Return the sums `a_i b_j + a_j b_i` that are in the bands on one side, and `a_i b_i`."""
    n, rows = len(a), []
    pair = np.reshape(a, (n, -1)), np.reshape(b, (n, -1))
    for k in range(bands):
        one, other = (np.sum(x[k:] * y[: n - k], axis=1) for x, y in (pair, pair[::-1]))
        values = one + other if k else one
        rows.append(np.concatenate([values, np.zeros(k)] if lower else [np.zeros(k), values]))
    return np.array(rows if lower else rows[::-1])


@recordable
def symmetric_times(ab: Any, x: Any, lower: bool) -> Any:
    """Return the product of a symmetric matrix, the bands of which are in `ab`, with `x`."""
    n, made = len(x), np.zeros(np.shape(x))
    flat = np.reshape(x, (n, -1))
    product = np.reshape(made, np.shape(flat))
    for k in range(len(ab)):
        band = (ab[k][: n - k] if lower else ab[len(ab) - 1 - k][k:])[:, None]
        product[k:] += band * flat[: n - k]
        if k:
            product[: n - k] += band * flat[k:]
    return made


@rule(symmetric_bands, multilinear=(0, 1))
def symmetric_bands_vjp(g: Any, out: Any, a: Any, b: Any, bands: int, lower: bool) -> Any:
    """Products with the symmetric matrix."""
    return symmetric_times(g, b, lower), symmetric_times(g, a, lower)


@rule(symmetric_times, multilinear=(0, 1))
def symmetric_times_vjp(g: Any, out: Any, ab: Any, x: Any, lower: bool) -> Any:
    """The bands of a product; the matrix is symmetric."""
    return symmetric_bands(g, x, band_count(ab), lower), symmetric_times(ab, g, lower)


@rule(sl.solveh_banded)
def solveh_banded(
    g: Any, out: Any, ab: Any, b: Any, overwrite_ab: bool = False, overwrite_b: bool = False,
    lower: bool = False, check_finite: bool = True,
) -> Any:  # fmt: skip
    """The matrix is its own transpose."""
    moved = call(sl.solveh_banded, ab, g, lower=lower)
    return -symmetric_bands(moved, out, band_count(ab), lower), moved


@recordable
def band_count(ab: Any) -> int:
    """Return the number of bands."""
    return len(ab)


entry(band_count).zero = True
entry(sl.solveh_banded).like = 1
