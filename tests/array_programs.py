"""Programs on arrays as people write them: views, masks, lists of indices, writers, loops.

`tests/test_array_programs.py` differentiates each of them in both modes.
"""

# ruff: noqa: B007, RUF059, B905, PERF401
# mypy: ignore-errors
from __future__ import annotations

from typing import Any

import numpy as np


def v(*shape: int) -> Any:
    """Normal numbers, the same for each shape."""
    return np.random.default_rng(sum(shape) + len(shape)).normal(size=shape)


def pos(*shape: int) -> Any:
    return np.abs(v(*shape)) + 0.5


PROGRAMS: list[tuple[Any, tuple[Any, ...]]] = []


def prog(*args: Any) -> Any:
    """Enter a program with its arguments."""

    def enter(f: Any) -> Any:
        PROGRAMS.append((f, args))
        return f

    return enter


@prog(v(4, 3), v(3))
def views_of_views(x, w):
    y = x[1:][::2]
    z = y.T[1:]
    z[0] = w[:2] * 2
    return np.sum(x * x)


@prog(v(4, 3))
def reshape_contig(x):
    x = x.copy()
    y = x.reshape(-1)
    y[2:5] *= 3.0
    return np.sum(x**2) + np.sum(y[:3])


@prog(v(4, 3))
def reshape_arg(x):
    y = x.reshape(3, 4)
    return np.sum(y[0] * y[1])


@prog(v(6))
def neg_steps(x):
    y = x[::-1]
    y[::2] = x[:3].copy() ** 2
    return np.sum(x[4:1:-1] * y[:3])


@prog(v(2, 3, 4))
def dots_none(x):
    a = x[..., 0]
    b = x[:, None, 1]
    return np.sum(a[:, :, None] * b) + np.sum(x[0, ..., 1:] ** 2)


@prog(v(5))
def mask_rw(x):
    y = x.copy()
    m = y > 0
    y[m] = y[m] ** 2
    y[~m] -= 1.0
    return np.sum(y * x)


@prog(v(5))
def int_repeats(x):
    idx = np.array([0, 2, 2, 4])
    y = x[idx] ** 2
    z = np.zeros(5)
    z[idx] = y
    z[idx] += x[:4]
    return np.sum(z * np.arange(5.0))


@prog(v(4, 5))
def mixed_fancy(x):
    idx = np.array([0, 3])
    return np.sum(x[idx, 1:3] ** 2) + np.sum(x[:, idx]) + np.sum(x[1:, idx] ** 3)


@prog(v(3, 4))
def list_index(x):
    return np.sum(x[[0, 2]] ** 2) + np.sum(x[:, [1, 0]] ** 3)


@prog(v(3, 4))
def list_index2(x):
    s = 0.0
    for i in range(3):
        s += np.sum(x[i, [0, 1]] ** 2)
    x[[0, 1], [2, 3]] = 5.0
    return s + np.sum(x)


@prog(v(4, 4))
def ix(x):
    sub = x[np.ix_([0, 2], [1, 3])]
    return np.sum(sub**2)


@prog(v(4, 4), v(2, 2))
def ix_write(x, k):
    rows = [0, 2]
    x[np.ix_(rows, rows)] += k
    return np.sum(x**2)


@prog(v(5), v(3))
def add_at(x, w):
    out = np.zeros(5)
    np.add.at(out, [0, 1, 1], w)
    return np.sum(out * x)


@prog(v(2, 3), v(2))
def put(x, w):
    y = x.copy()
    np.put(y, [0, 4], w)
    return np.sum(y**2)


@prog(v(3, 4))
def put_along(x):
    y = x.copy()
    i = np.argmax(x, axis=1)[:, None]
    np.put_along_axis(y, i, 0.0, axis=1)
    return np.sum(y**2)


@prog(v(3), v(3))
def copyto(x, y):
    z = np.empty(3)
    np.copyto(z, x)
    np.copyto(z, y, where=x > 0)
    return np.sum(z * z)


@prog(v(3, 3), v(3))
def fill_diag(x, d):
    y = x.copy()
    np.fill_diagonal(y, 0.0)
    z = x @ x
    np.fill_diagonal(z, d)
    return np.sum(y**2) + np.sum(z * x)


@prog(v(6))
def place(x):
    y = x * 2
    np.place(y, y > 1, [0.5])
    return np.sum(y**2)


@prog(v(4), v(4))
def out_kw(x, y):
    t = np.empty(4)
    np.multiply(x, y, out=t)
    np.exp(t, t)
    np.add(t, x, out=t)
    return np.sum(t)


@prog(v(4))
def ufunc_where(x):
    y = np.zeros(4)
    np.sqrt(x, out=y, where=x > 0)
    return np.sum(y * x)


@prog(v(4))
def ufunc_where2(x):
    d = np.divide(1.0, x, where=x > 0, out=np.zeros_like(x))
    return np.sum(d**2)


@prog(v(4, 3))
def inplace_alias(x):
    y = x
    y *= 2
    row = y[0]
    row += 1.0
    return np.sum(x**2)


@prog(v(4, 3))
def swap_rows(x):
    x = x.copy()
    x[[0, 2]] = x[[2, 0]]
    x[1, :], x[3, :] = x[3, :].copy(), x[1, :].copy()
    return np.sum(x * np.arange(12.0).reshape(4, 3))


@prog(v(5))
def swap_elems(x):
    x = x.copy()
    i, j = 0, 3
    x[i], x[j] = x[j], x[i]
    for k in range(2):
        x[k], x[4 - k] = x[4 - k], x[k]
    return np.sum(x**2 * np.arange(5.0))


@prog(v(4, 3))
def pivot(A):
    A = A.copy()
    n = 3
    for k in range(n):
        p = k + np.argmax(np.abs(A[k:, k]))
        if p != k:
            A[[k, p]] = A[[p, k]]
        for i in range(k + 1, 4):
            f = A[i, k] / A[k, k]
            A[i, k:] -= f * A[k, k:]
    return np.prod(np.diag(A))


@prog(v(6))
def overlap(x):
    x[1:] = x[:-1] + x[1:]
    x[:-2] += x[2:]
    return np.sum(x**2)


def dot2(a, b):
    return np.sum(a * b**2)


@prog(v(4))
def same_twice(x):
    return dot2(x, x)


@prog(v(4))
def arg_returned(x):
    def f(a):
        return a

    y = f(x)
    return np.sum(y * x)


W = v(4, 2)


@prog(v(3, 4))
def globals_read(x):
    return np.sum(np.tanh(x @ W)) + np.sum(x * np.pi)


@prog(v(5))
def int_inter(x):
    n = len(x)
    k = np.arange(n)
    w = k % 2 == 0
    idx = np.floor(x * 2).astype(int) % 5
    return np.sum(x[w]) + np.sum(x[idx] * k) / n


@prog(v(4))
def real_imag(x):
    z = x + 1j * x**2
    return np.sum(z.real * z.imag) + np.sum((z * z.conj()).real)


@prog(v(2, 3))
def flat(x):
    s = 0.0
    for e in x.flat:
        s += e**2
    return s + x.flat[3]


@prog(v(2, 3))
def fill0(x):
    y = np.empty((2, 3))
    y.fill(0)
    y += x
    y[0].fill(1.0)
    return np.sum(y**2)


@prog(v(5))
def sort_m(x):
    y = x.copy()
    y.sort()
    return np.sum(y * np.arange(5.0))


@prog(v(3, 2))
def ndindex(x):
    s = 0.0
    for i, j in np.ndindex(x.shape):
        s += x[i, j] ** 2 * (i + j)
    for idx in np.ndindex(3, 2):
        s += x[idx]
    return s


@prog(v(3, 2))
def ndenumerate(x):
    s = 0.0
    for (i, j), e in np.ndenumerate(x):
        s += e**2 * (i + 1)
    return s


@prog(v(4))
def tolist(x):
    s = 0.0
    for e in x.tolist():
        s += e * e
    return s


@prog(v(3, 4), v(3, 4))
def rows(X, Y):
    s = 0.0
    for row in X:
        s += np.max(row)
    for a, b in zip(X, Y):
        s += a @ b
    for i, (a, b) in enumerate(zip(X, Y)):
        s += i * np.sum(a * b)
    return s


@prog(v(3), 0.7)
def array_nest(x, a):
    R = np.array([[np.cos(a), -np.sin(a), 0.0], [np.sin(a), np.cos(a), 0.0], [0, 0, 1]])
    M = np.array([x, 2 * x, x**2])
    T = np.array([[x[0], 1], [a, x[1]]])
    U = np.array([[x, x], [x * a, x]])
    return np.sum(R @ x) + np.sum(M**2) + np.linalg.det(T) + np.sum(U**2)


@prog(v(4))
def empty_filled(x):
    n = x.shape[0]
    K = np.empty((n, n))
    for i in range(n):
        for j in range(n):
            K[i, j] = np.exp(-((x[i] - x[j]) ** 2))
    return np.sum(K**2)


@prog(v(4))
def astype(x):
    y = x.astype(np.float64) ** 2
    z = np.asarray(x, dtype=float)
    return np.sum(y * z) + np.float64(x[0]) * float(x[1])


@prog(v(3))
def bcast_to(x):
    y = np.broadcast_to(x, (4, 3))
    z = np.broadcast_to(x[:, None], (3, 2))
    return np.sum(y**2) + np.sum(z)


@prog(v(6), v(2, 3))
def vdot_axes(a, b):
    return np.vdot(a, b)


@prog(v(4))
def vectorize(x):
    def g(t):
        if t > 0:
            return t**2
        return np.sin(t)

    return np.sum(np.vectorize(g)(x))


@prog(v(6))
def piecewise(x):
    y = np.piecewise(x, [x < -0.5, x > 0.5], [lambda t: -t, lambda t: t**2, 0.3])
    return np.sum(y * x)


@prog(v(3, 4))
def apply_axis(x):
    y = np.apply_along_axis(lambda r: r / np.sum(r**2), 1, x)
    return np.sum(y**3)


@prog(v(3, 4))
def apply_axis0(x):
    return np.sum(np.apply_along_axis(np.max, 0, x) ** 2)


@prog(v(3, 4))
def unstack(x):
    a, b, c = np.unstack(x)
    return np.sum(a * b * c)


@prog(v(4), 0.3)
def poly(c, t):
    p = np.polynomial.Polynomial(c)
    return p(t) + np.polynomial.polynomial.polyval(t, c) + np.polyval(c, t)


@prog(v(4), v(5))
def chebval(c, x):
    return np.sum(np.polynomial.chebyshev.chebval(x, c)) + np.sum(
        np.polynomial.legendre.legval(x, c)
    )


@prog(v(3, 4), v(4, 5))
def einsum_forms(A, B):
    return (
        np.sum(np.einsum("ij,jk->ik", A, B) ** 2)
        + np.sum(np.einsum(A, [0, 1], B, [1, 2], [0, 2]))
        + np.sum(np.einsum("ij,jk", A, B, optimize=True))
        + np.einsum("ij,ij", A, A)
    )


@prog(v(2, 3, 4), v(2, 4, 5))
def einsum_ellipsis(A, B):
    return np.sum(np.einsum("...ij,...jk->...ik", A, B) ** 2) + np.sum(
        np.einsum("...i->...", A, optimize="greedy")
    )


@prog(pos(4), v(3, 4))
def ufunc_methods(x, M):
    return (
        np.add.reduce(x)
        + np.multiply.reduce(x)
        + np.sum(np.add.accumulate(x) ** 2)
        + np.sum(np.multiply.outer(x, x))
        + np.sum(np.maximum.reduce(M, axis=0))
        + np.sum(np.add.reduceat(x, [0, 2]) ** 2)
        + np.sum(np.logaddexp.reduce(M))
    )


@prog(v(6))
def select(x):
    return np.sum(np.select([x < 0, x < 1], [x**2, np.sin(x)], default=2 * x))


@prog(v(6))
def choose(x):
    k = (x > 0).astype(int)
    return np.sum(np.choose(k, [x**2, -x]))


@prog(v(5), v(4))
def interp(y, x):
    xp = np.linspace(-2, 2, 5)
    return np.sum(np.interp(x, xp, y) ** 2)


@prog(v(20))
def hist(x):
    h, edges = np.histogram(x, bins=5)
    return np.sum(x**2) * h[0] + np.sum(h)


@prog(v(4))
def string_dtype(x):
    names = np.array(["a", "b", "a", "b"])
    return np.sum(x[names == "a"] ** 2)


@prog(v(8))
def fft_real(x):
    X = np.fft.rfft(x)
    return np.sum(np.abs(X) ** 2) + np.sum(np.fft.irfft(X * np.conj(X)) ** 2)


@prog(v(8))
def fft_power(x):
    X = np.fft.fft(x)
    X[3:6] = 0
    y = np.fft.ifft(X).real
    return np.sum(y**2) + np.sum(np.angle(X[:3]))


@prog(v(3), v(3))
def cplx_mandel(x, y):
    c = x + 1j * y
    z = np.zeros(3, dtype=complex)
    for _ in range(3):
        z = z**2 + c
    return np.sum(np.abs(z))


@prog(v(4))
def isnan_mask(x):
    x = np.where(x > 1, np.nan, x)
    ok = ~np.isnan(x)
    return np.sum(x[ok] ** 2) + np.nansum(x)


@prog(v(3, 3))
def triu_idx(x):
    iu = np.triu_indices(3, 1)
    d = x[iu]
    y = np.zeros((3, 3))
    y[np.diag_indices(3)] = np.exp(np.diag(x))
    y[np.tril_indices(3, -1)] = d
    return np.sum(y @ y.T)


@prog(v(5, 2))
def pdist_loop(X):
    n, d = X.shape
    D = np.zeros((n, n))
    for i in range(n):
        for j in range(i):
            D[i, j] = D[j, i] = np.sqrt(np.sum((X[i] - X[j]) ** 2))
    return np.sum(D)


@prog(v(6))
def nonzero_where(x):
    i = np.where(x > 0)[0]
    (j,) = np.nonzero(x < 0)
    return np.sum(x[i] ** 2) - np.sum(x[j]) + x[np.argsort(x)[:2]].sum()


@prog(v(7))
def moving_avg(x):
    k = np.ones(3) / 3
    w = np.lib.stride_tricks.sliding_window_view(x, 3)
    return np.sum(np.convolve(x, k, mode="valid") ** 2) + np.sum(w.max(axis=1))


@prog(v(3, 4))
def flatten_m(x):
    return np.sum(x.flatten()[2:] ** 2) + x.item(3) + x.min() + np.ptp(x) + x.T.flatten()[1]


@prog(v(3, 4))
def methods(x):
    return (
        x.mean(axis=0).std()
        + np.sum(x.cumsum(axis=1))
        + x.clip(-1, 1).sum()
        + x.squeeze().T.dot(np.ones(3)).sum()
    )


@prog(v(3, 4))
def split_stack(x):
    a, b = np.split(x, 2, axis=1)
    c = np.vstack([a, b])
    d = np.hstack((a, b))
    l, r = np.array_split(x[0], 2)
    return np.sum(c**2) + np.sum(d) + np.sum(l * r)


@prog(v(3, 4))
def shape_assign(x):
    m, n = x.shape
    y = x.reshape((m * n,))
    z = y.reshape(2, -1)
    return np.sum(z[0] * z[1]) / x.size * x.ndim


@prog(v(4, 4))
def diag_view(x):
    x = x.copy()
    i = np.arange(4)
    x[i, i] += 1.0
    x[i, -1] = 0
    return np.linalg.slogdet(x @ x.T + np.eye(4))[1] + np.trace(x)


@prog(v(5))
def newaxis(x):
    d = x[:, np.newaxis] - x[np.newaxis, :]
    return np.sum(np.exp(-(d**2)))


@prog(v(5))
def inplace_ops(x):
    y = x + 0
    y -= y.mean()
    y /= y.std()
    y **= 3
    y[1:3] /= 2
    return np.sum(y)


@prog(v(3, 5))
def softmax_axis(z):
    z -= z.max(axis=1, keepdims=True)
    p = np.exp(z)
    p /= p.sum(axis=1, keepdims=True)
    y = np.array([0, 3, 1])
    return -np.log(p[np.arange(3), y]).mean()


@prog(v(6))
def sigmoid_over(x):
    return np.sum(1 / (1 + np.exp(-500 * x)))


@prog(v(3, 3))
def np_matrix_power(x):
    return (
        np.trace(np.linalg.matrix_power(x, 3)) + np.linalg.norm(x) + np.linalg.norm(x, axis=1).sum()
    )


@prog(v(3, 4))
def argmax_unravel(x):
    k = np.argmax(x)
    i, j = np.unravel_index(k, x.shape)
    return x[i, j] ** 2 + x[np.unravel_index(np.argmin(x), x.shape)]


@prog(v(8))
def roll_pad(x):
    y = np.roll(x, 1)
    z = np.pad(x, 1, mode="edge")
    return np.sum(x * y) + np.sum(z[2:] * z[:-2]) + np.sum(np.diff(x, n=2) ** 2)


@prog(v(3))
def list_of_arrays(x):
    out = []
    for k in range(4):
        out.append(x * k)
    M = np.array(out)
    return np.sum(M**2) + np.stack(out, axis=1)[0, 2]


@prog(v(3, 4))
def meshgrid_(x):
    a, b = np.meshgrid(x[:, 0], x[0])
    return np.sum(a * b) + np.sum(np.indices((2, 2))[0])


@prog(v(6))
def bincount(x):
    lab = np.array([0, 1, 1, 2, 0, 2])
    s = np.bincount(lab, weights=x)
    n = np.bincount(lab)
    return np.sum((s / n) ** 2) + sum(x[lab == k].mean() for k in np.unique(lab))
