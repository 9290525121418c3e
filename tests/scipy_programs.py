"""Programs of splines, grids, sparse matrices, spectra, distributions, each with a point."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
# Programs of users are not annotated.

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.interpolate as si
import scipy.ndimage as sn
import scipy.signal as sg
import scipy.sparse as ss
import scipy.sparse.linalg as sl
from scipy import stats
from scipy.interpolate import CubicSpline, RegularGridInterpolator, interp1d
from scipy.sparse import csc_matrix, csr_matrix

from tests.case import given

PROGRAMS: list[Callable[..., Any]] = []
at = given(PROGRAMS)
P = np.array([0.42, 0.85, 0.31, 0.66, 0.57, 0.23])
X = np.linspace(0, 1, 6)
GRID = (np.arange(2.0), np.arange(3.0))
SPLINE = CubicSpline(X, np.sin(np.arange(6.0)))
PCHIP = si.PchipInterpolator(X, np.cos(np.arange(6.0)))
A = ss.random(5, 6, density=0.5, random_state=1, format="csr")
B = (ss.random(6, 6, density=0.4, random_state=2) + 4 * ss.eye(6)).tocsc()
ROWS, COLS = np.array([0, 1, 2, 3, 4, 5, 0, 1]), np.array([0, 1, 2, 3, 4, 5, 3, 5])


@at(P)
def cubic_spline(p):
    s = CubicSpline(X, p)
    return s(0.4) * s(p[0]) + np.sum(s(p * 0.9) ** 2)


@at(P)
def derivatives_of_a_spline(p):
    s = CubicSpline(X, p, bc_type="natural")
    total = 0.0
    for k in range(3):
        total += s(p[k], 1)
    return total


@at(P)
def linear(p):
    s = interp1d(X, p)
    return s(0.4) * s(p[0]) + np.sum(s(p * 0.9) ** 2)


@at(P)
def unsorted_beyond(p):
    """`interp1d` sorts its points, and goes on where it is told to."""
    s = interp1d(X[::-1], p, kind="cubic", bounds_error=False, fill_value="extrapolate")
    return np.sum(s(p + 0.4))


@at(P)
def steps(p):
    return np.sum(interp1d(X, p, kind="previous")(p) * p)


@at(P)
def basis_spline(p):
    s = si.make_interp_spline(X, p, k=3)
    return s(0.4) * s(p[0]) + np.sum(s(p.reshape(2, 3)) ** 2)


@at(P)
def splines_of_the_module(p):
    return np.sum(SPLINE(p) ** 2) + SPLINE(p[0], 1) * PCHIP(p[1])


@at(P)
def regular_grid(p):
    r = RegularGridInterpolator(GRID, p.reshape(2, 3))
    a = r([[0.2, 0.7]])[0] * r(np.array([p[0], p[1]]))[0]
    return a + np.sum(r(p.reshape(3, 2)) ** 2)


@at(P)
def beyond_a_grid(p):
    points = 3 * p.reshape(3, 2) - 1.0
    r = RegularGridInterpolator(GRID, p.reshape(2, 3), bounds_error=False, fill_value=None)
    return np.sum(r(points) ** 2) + np.sum(si.interpn(GRID, p.reshape(2, 3), p.reshape(3, 2)))


@at(P)
def image_samples(p):
    image, points = p.reshape(2, 3), np.array([4 * p[:3] - 1.0, 4 * p[3:] - 0.5])
    a = sn.map_coordinates(image, points, order=1, mode="nearest")
    b = sn.map_coordinates(image, points, order=1, cval=2.0)
    return np.sum(a**2 + b * a)


@at(P)
def product_with_a_constant(p):
    return np.sum((A @ p) ** 2) + np.sum(A.T @ (A @ p)) * A.shape[0]


@at(P)
def product_of_entries(p):
    m = csr_matrix((p, (ROWS[:6], COLS[:6])), shape=(6, 6))
    return np.sum((m @ (p * p)) ** 2)


@at(P)
def product_of_compressed_rows(p):
    m = csr_matrix((p, np.array([0, 2, 1, 0, 1, 2]), np.array([0, 2, 3, 6])), shape=(3, 3))
    n = csc_matrix((p, np.array([0, 2, 1, 0, 1, 2]), np.array([0, 2, 3, 6])), shape=(3, 3))
    x = p.reshape(3, 2)
    return np.sum((m @ x) ** 2) + np.sum(x.T @ m) + np.sum((n.T @ x) ** 2)


@at(P)
def dense_made_sparse(p):
    m = csr_matrix(np.outer(p, p) + 2 * np.eye(6))
    lu = sl.splu(m.tocsc())
    return np.sum(lu.solve(p) ** 2) + np.sum(m.T @ p) + np.sum(p @ m) + p @ m.dot(p)


@at(P)
def solve_with_a_constant(p):
    return np.sum(sl.spsolve(B, p) ** 2) + np.sum(sl.spsolve(B.T, np.outer(p, p)))


@at(P)
def solve_with_entries(p):
    d = np.concatenate([p + 3.0, p[:2]])
    m = csc_matrix((d, (ROWS, COLS)), shape=(6, 6))
    return np.sum(sl.spsolve(m, p * p) ** 2) + np.sum(m.toarray() ** 3)


@at(P)
def iterative_solves(p):
    x, _ = sl.cg(np.outer(p, p) + 2 * np.eye(6), p, rtol=1e-13)
    y, _ = sl.gmres(B, p, rtol=1e-13)
    return np.sum(x**2 * y)


SIGNAL = np.random.default_rng(4).uniform(0.2, 0.9, 30)
W = np.random.default_rng(3).normal(size=30)
Z = W[:20].reshape(4, 5) + 1j * W[10:].reshape(4, 5)


@at(SIGNAL)
def filter_both_ways(p):
    b, a = sg.butter(2, 0.3)
    return np.sum(W * sg.filtfilt(b, a, p)) + np.sum(sg.filtfilt([0.5, 0.4], [1.0, -0.3], p) ** 2)


@at(SIGNAL)
def short_time_transform(p):
    _, _, z = sg.stft(p, nperseg=6)
    _, _, y = sg.stft(p, fs=3.0, nperseg=7, noverlap=2, window="boxcar", scaling="psd")
    return np.sum(np.real(z[:, :5] * Z)) + np.sum(np.abs(z) ** 2) + np.sum(np.abs(y) ** 2)


@at(SIGNAL)
def spectrum(p):
    _, a = sg.welch(p, nperseg=4)
    _, b = sg.welch(p.reshape(2, 15), fs=10.0, nperseg=5, noverlap=1, window="hamming",
                    scaling="spectrum", detrend=False)  # fmt: skip
    return np.sum(W[:3] * a) + np.sum(W[:6].reshape(2, 3) * b**1.5)


NORMAL = stats.norm(0.3, 2.0)


@at(P)
def frozen_distributions(p):
    d = stats.gamma(a=p[0], scale=p[3])
    m = stats.multivariate_normal(p[:3], np.outer(p[:3], p[:3]) + np.eye(3))
    total = d.logpdf(p[1]) + d.pdf(0.4) + np.sum(NORMAL.logpdf(p)) + m.logpdf(np.ones(3))
    return total + np.sum(stats.norm(p[0], scale=p[1]).logcdf(p))


TCK = si.splrep(X, np.sin(np.arange(6.0)))


@at(P)
def splines_by_coefficients(p):
    s = si.BSpline(np.concatenate([np.zeros(4), np.array([0.3, 0.6]), np.ones(4)]), p, 3)
    return s(p[0]) + np.sum(s(p, 1) ** 2) + np.sum(si.splev(p, TCK) * p)
