"""More programs on arrays: complex numbers, grids, series, functions that take functions."""

# ruff: noqa: B007, RUF059
# mypy: ignore-errors
from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from tests.array_programs import prog, v


@prog(v(5), v(3))
def max_at(x, w):
    out = x.copy()
    np.maximum.at(out, [0, 1, 1], w)
    np.multiply.at(out, np.array([2, 2, 3]), w)
    return np.sum(out**2)


@prog(v(2, 3))
def nditer_own(x):
    y = x.copy()
    s = 0.0
    for e in np.nditer(y):
        s += e**3
    return s


@prog(v(6), v(6))
def putmask(x, w):
    y = x.copy()
    np.putmask(y, y > 0, w)
    np.putmask(y, w > 0.5, 2.0)
    return np.sum(y * x)


@prog(v(6), v(2))
def place_cycle(x, w):
    y = x.copy()
    np.place(y, x > -10, w)
    return np.sum(y * np.arange(6.0))


@prog(v(4))
def clip_out(x):
    y = x * 3
    np.clip(y, -1, 1, out=y)
    np.cumsum(y, out=y)
    return np.sum(y**2)


@prog(v(4), v(4))
def whole_assign(x, y):
    z = np.zeros(4)
    z[:] = x
    z[...] *= y
    z[:2] = z[2:]
    return np.sum(z**2)


@prog(v(3, 4))
def sum_where(x):
    return (
        np.sum(x, where=x > 0)
        + np.mean(x**2, axis=0, where=x > -9).sum()
        + np.max(x, initial=-5, where=x < 1)
    )


z0 = v(3) + 1j * v(3)[::-1]


@prog(z0)
def complex_arg(z):
    w = z * np.exp(1j * 0.3) + z.conj()
    return np.sum(np.abs(w) ** 2) + np.sum(z.real * z.imag) + np.sum(np.angle(z))


@prog(v(8) + 1j * v(8)[::-1])
def fft_cplx(z):
    Z = np.fft.fftshift(np.fft.fft(z))
    return np.sum(np.abs(Z[2:5]) ** 3).real


@prog(v(4, 6))
def fft2(x):
    X = np.fft.fft2(x)
    Y = np.fft.rfft2(x)
    return np.sum(np.abs(X * np.conj(X))) + np.sum(np.fft.irfft2(Y) ** 3) + np.sum(Y.real * Y.imag)


@prog(v(9))
def spectral(x):
    n = len(x)
    k = np.fft.fftfreq(n) * 2j * np.pi
    dx = np.fft.ifft(k * np.fft.fft(x)).real
    return np.sum(dx**2)


@prog(v(3, 3))
def einsum_trace(A):
    return (
        np.einsum("ii", A)
        + np.einsum("ii->i", A)[1]
        + np.sum(np.einsum("ij->ji", A) * A)
        + np.einsum("ij,ji->", A, A)
    )


@prog(v(2, 3), v(3, 4), v(4, 2))
def einsum_three(A, B, C):
    return np.einsum("ij,jk,kl->il", A, B, C, optimize=True)[0, 1] + np.einsum("ij,jk,ki", A, B, C)


@prog(v(5, 3))
def cov_corr(X):
    Xc = X - X.mean(0)
    C = Xc.T @ Xc / (len(X) - 1)
    return np.sum(np.cov(X.T) * C) + np.corrcoef(X, rowvar=False)[0, 1]


@prog(v(4, 4))
def slices_param(x):
    ax = 1
    idx = (slice(None),) * ax + (slice(1, None),)
    a = x[idx]
    sl = slice(0, 2)
    return np.sum(a**2) + np.sum(x[sl, sl] ** 3)


@prog(v(3, 4))
def argsort_rows(x):
    i = np.argsort(x, axis=1)
    y = np.take_along_axis(x, i, axis=1)
    z = x[np.arange(3)[:, None], i[:, ::-1]]
    return np.sum(y[:, 1:] * z[:, :-1])


@prog(v(6))
def unique_inv(x):
    lab = np.array([3, 1, 3, 2, 1, 1])
    u, inv = np.unique(lab, return_inverse=True)
    m = np.zeros(len(u))
    np.add.at(m, inv, x)
    return np.sum(m**2) + np.sum(x - (m / np.bincount(inv))[inv])


@prog(v(4, 5))
def mgrid_mask(img):
    yy, xx = np.mgrid[0:4, 0:5]
    m = (yy - 1.5) ** 2 + (xx - 2) ** 2 < 3
    return np.sum(img[m] ** 2) + np.sum(yy * img)


@prog(v(4, 5))
def ogrid_use(img):
    y, x = np.ogrid[:4, :5]
    return np.sum(img * (y + x))


@prog(v(7))
def trapz(x):
    t = np.linspace(0, 1, 7)
    return np.trapezoid(x**2, t) + np.gradient(x, t)[2] + np.sum(np.gradient(x) ** 2)


@prog(v(3, 4))
def linalg_mix(A):
    U, s, Vt = np.linalg.svd(A, full_matrices=False)
    Q, R = np.linalg.qr(A.T)
    return np.sum(s**2) + np.sum(np.abs(np.diag(R))) + np.linalg.norm(A @ A.T, "fro")


@prog(v(3, 3), v(3))
def solves(A, b):
    S = A @ A.T + 3 * np.eye(3)
    L = np.linalg.cholesky(S)
    y = np.linalg.solve(L, b)
    w, V = np.linalg.eigh(S)
    return y @ y + 2 * np.sum(np.log(np.diag(L))) + w[0]


@prog(v(5))
def nan_funcs(x):
    y = np.where(x > 1, np.nan, x)
    return np.nanmean(y**2) + np.nanmax(y) + np.nanstd(y)


@prog(v(3, 4))
def outer_ops(x):
    a = np.subtract.outer(x[0], x[1])
    b = np.add.outer(x[0], x[2])
    return np.sum(a**2 * b)


@prog(v(6))
def poly_fits(y):
    t = np.linspace(0, 1, 6)
    V = np.vander(t, 3)
    c, *_ = np.linalg.lstsq(V, y, rcond=None)
    return np.sum(np.polyval(c, t) ** 2) + np.sum(np.polyfit(t, y, 1))


@prog(v(3, 4))
def item_assign_tuple(x):
    y = np.zeros_like(x)
    for idx in np.ndindex(*x.shape):
        y[idx] = np.sin(x[idx]) * idx[0]
    return np.sum(y**2)


@prog(v(3, 4))
def enumerate_flat(x):
    s = 0.0
    for k, e in enumerate(x.ravel()):
        s += k * e**2
    for k, e in enumerate(x.flat):
        s += e
    return s


@prog(v(12))
def block_view(x):
    A = x.reshape(3, 4).copy()
    A[:2, :2] = A[:2, :2].T.copy()
    B = A.reshape(2, 2, 3).transpose(1, 0, 2)
    return np.sum(B[0] ** 2) + np.sum(np.rot90(A)[0])


@prog(v(4))
def stacking(x):
    return (
        np.sum(np.c_[x, x**2] @ np.ones(2))
        + np.sum(np.r_[x, 1.0, x[:2]] ** 2)
        + np.sum(np.block([[x[:2], x[2:]], [x[2:], x[:2]]]) ** 2)
    )


@prog(v(3, 4))
def methods2(x):
    return (
        x.sum(axis=(0, 1))
        + x.prod(axis=1).sum()
        + x.var(ddof=1)
        + x.max(axis=0).sum()
        + x.argmax() * x.min()
        + x.swapaxes(0, 1).ravel(order="F")[1]
        + x.T.reshape(2, -1).sum()
        + x.diagonal().sum()
        + x.trace()
        + x.repeat(2, axis=0).sum()
        + x.take([0, 1], axis=1).sum()
        + x.dot(np.ones(4)).sum()
        + x.round(2).sum()
        + x.astype(float).mean()
    )


@prog(v(5))
def iadd_views(x):
    a = x[:3]
    b = x[2:]
    a += b
    b *= a
    return np.sum(x**2)


@prog(v(4), 0.5)
def scalar_mix(x, a):
    n = np.int64(3)
    y = np.full(4, a) * x
    z = np.ones((2, 2)) * a
    k = np.float32(2.0)
    return (
        np.sum(y) ** 2 / n
        + z[0, 0] * float(k)
        + np.square(a)
        + abs(x[0])
        + max(x[1], a)
        + min(np.max(x), a)
    )


@prog(v(6))
def windows(x):
    w = sliding_window_view(x, 3)
    return np.sum(w.mean(axis=1) ** 2) + np.sum(np.lib.stride_tricks.sliding_window_view(x, 2)[::2])


@prog(v(6))
def correl(x):
    return np.sum(np.correlate(x, x, "full") ** 2) + np.sum(np.convolve(x, x[::-1], "same"))


@prog(v(4, 4))
def triu_sym(x):
    s = np.triu(x) + np.triu(x, 1).T
    i, j = np.triu_indices(4, k=1)
    s[j, i] = s[i, j] * 2
    return np.sum(s @ s)


@prog(v(4))
def histo_digit(x):
    b = np.digitize(x, [-1, 0, 1])
    w = np.array([0.1, 0.2, 0.3, 0.4])
    return np.sum(w[b] * x**2) + np.sum(np.searchsorted([-1.0, 0.0, 1.0], x) * x)


@prog(v(3, 2))
def delete_insert(x):
    return (
        np.sum(np.delete(x, 1, axis=0) ** 2)
        + np.sum(np.insert(x[:, 0], 1, 5.0) ** 2)
        + np.sum(np.append(x, x[:1], axis=0) ** 3)
        + np.sum(np.flip(x) * x)
    )


@prog(v(4))
def cond_select(x):
    y = np.where(x > 0, np.log1p(np.abs(x)), np.expm1(x))
    z = np.select([x > 1, x > 0], [x, x**2])
    return np.sum(y) + np.sum(z) + np.sum(np.maximum(x, 0) - np.heaviside(x, 0.5))


@prog(v(3, 4))
def dict_of_views(x):
    d = {k: x[k] for k in range(3)}
    d[0][1] = 5.0
    return np.sum(x**2) + np.sum(d[1] * d[2])


@prog(v(4))
def polynomial_mod(c):
    from numpy.polynomial import polynomial as Pm

    t = np.linspace(-1, 1, 5)
    return (
        np.sum(Pm.polyval(t, c) ** 2)
        + np.sum(Pm.polyval(t, Pm.polyder(c)))
        + np.sum(Pm.polyval(t, Pm.polyint(c)))
    )


@prog(v(4), 0.4)
def Poly_obj(c, t):
    p = np.polynomial.Polynomial(c)
    return p(t) + p.deriv()(t) + np.sum(p.coef**2)


@prog(v(4), v(3))
def cheb_etc(c, x):
    return (
        np.sum(np.polynomial.chebyshev.chebval(x, c))
        + np.sum(np.polynomial.legendre.legval(x, c) ** 2)
        + np.sum(np.polynomial.hermite.hermval(x, c))
        + np.sum(np.polynomial.laguerre.lagval(x, c))
        + np.sum(np.polynomial.hermite_e.hermeval(x, c))
    )


@prog(v(4))
def real_write(x):
    z = np.zeros(4, dtype=complex)
    z.real = x
    z.imag = x**2
    return np.sum(np.abs(z) ** 2)


@prog(v(3, 4))
def vec_two(x):
    @np.vectorize
    def clampy(a, lo):
        return a if a > lo else lo * a

    return np.sum(clampy(x, 0.2) ** 2)


@prog(v(3))
def fromfunc(x):
    M = np.fromfunction(lambda i, j: x[0] * i + x[1] * j**2, (3, 2))
    g = np.fromiter((e**2 for e in x), float)
    return np.sum(M) + np.sum(g)


@prog(v(2, 3, 4))
def apply3(x):
    return np.sum(np.apply_along_axis(lambda r: r * r.sum(), 1, x) ** 2) + np.sum(
        np.apply_along_axis(np.sum, 2, x) ** 3
    )


@prog(v(5))
def argmin_set(x):
    x[np.argmin(x)] = 0.0
    x[x.argmax()] *= 2
    x[-1] += x[0]
    return np.sum(x**2)


@prog(v(5, 2))
def tile_kron(x):
    return (
        np.sum(np.tile(x, (2, 3)) ** 2)
        + np.sum(np.kron(x, np.eye(2)) @ np.ones(4))
        + np.sum(np.repeat(x, [1, 2, 0, 1, 1], axis=0))
    )


@prog(v(5))
def in_place_sort_arg(x):
    order = x.argsort()
    y = x[order]
    r = np.empty(5, dtype=int)
    r[order] = np.arange(5)
    return (
        np.sum(y * np.arange(5))
        + np.sum(x * r)
        + np.partition(x, 2)[2]
        + np.median(x)
        + np.percentile(x, 30)
    )


@prog(v(4, 3))
def masked_rows(x):
    m = np.any(x > 1, axis=1)
    x[m] = 0
    x[~m, 0] = x[~m, 1] * 2
    return np.sum(x**2)


@prog(v(4, 3))
def two_masks(x):
    r = np.array([True, False, True, True])
    c = np.array([True, False, True])
    y = x[r][:, c]
    x[np.ix_(r, c)] *= 2
    return np.sum(y**2) + np.sum(x)


@prog(v(3))
def chained_cmp(x):
    t = (x > -1) & (x < 1) | (x == 3)
    return np.sum(x[t] ** 2) + np.count_nonzero(t) * x[0]


@prog(v(3, 3))
def aug_col(x):
    x[:, 0] -= x[:, 0].mean()
    x[:, 1:] /= np.linalg.norm(x[:, 1:], axis=0)
    x[range(3), range(3)] = 1.0
    return np.sum(x**3)


@prog(v(3, 3))
def zeros_like_accumulate(A):
    out = np.zeros_like(A)
    for i in range(A.shape[0]):
        for j in range(A.shape[1]):
            for k in range(A.shape[1]):
                out[i, j] += A[i, k] * A[k, j]
    return np.sum(out**2)


@prog(v(4))
def matmul_variants(x):
    M = np.outer(x, x)
    return (
        np.vdot(M, M.T)
        + np.inner(x, x)
        + np.tensordot(M, M, axes=([0], [1]))[0, 0]
        + np.tensordot(x, x, 1)
        + (M @ x @ x)
        + np.linalg.multi_dot([x, M, x])
        + np.matmul(M, x)[0]
        + np.cross(x[:3], x[1:])[0]
    )
