"""Still more programs on arrays: kernels, windows, swaps, scatters, complex matrices."""

# ruff: noqa: B007, RUF059, B905
# mypy: ignore-errors
from __future__ import annotations

import numpy as np
import numpy.linalg as la
from numpy import exp

from tests.array_programs import prog, v


@prog(v(4, 3))
def ravel_write(x):
    y = x.copy()
    y.ravel()[2] = 5.0
    y.reshape(-1)[0] *= 2
    return np.sum(y**2)


@prog(v(5))
def diff_alias(x):
    a = np.asarray(x)
    b = np.array(x, copy=True)
    b[0] = a[1]
    return np.sum(a * b)


@prog(v(6))
def where_index(x):
    y = x.copy()
    y[np.where(y < 0)] = 0
    y[np.nonzero(y > 1)[0]] = 1
    return np.sum(y**2)


@prog(v(3, 3))
def gauss_jordan(A):
    A = A + 4 * np.eye(3)
    n = A.shape[0]
    M = np.hstack([A, np.eye(n)])
    for i in range(n):
        M[i] /= M[i, i]
        for j in range(n):
            if j != i:
                M[j] -= M[j, i] * M[i]
    return np.sum(M[:, n:] ** 2)


@prog(v(6))
def kth(x):
    s = np.sort(x)[::-1]
    return s[:3].sum() - np.sort(x)[0] * s[-2]


@prog(v(4, 4))
def conv2d(img):
    k = np.array([[1.0, 0, -1], [2, 0, -2], [1, 0, -1]])
    H, W = img.shape
    out = np.zeros((H - 2, W - 2))
    for i in range(H - 2):
        for j in range(W - 2):
            out[i, j] = np.sum(img[i : i + 3, j : j + 3] * k)
    return np.sum(out**2)


@prog(v(2, 6, 6))
def pool(x):
    n, h, w = x.shape
    y = x.reshape(n, h // 2, 2, w // 2, 2)
    return np.sum(y.max(axis=(2, 4)) ** 2) + np.sum(y.mean(axis=(2, 4)))


@prog(v(5, 3), v(3))
def knn(X, q):
    d = np.sqrt(((X - q) ** 2).sum(axis=1))
    idx = np.argpartition(d, 2)[:2]
    return d[idx].sum()


@prog(v(5, 2))
def pairwise_bcast(X):
    d2 = np.sum((X[:, None, :] - X[None, :, :]) ** 2, axis=-1)
    np.fill_diagonal(d2, 1.0)
    K = 1.0 / d2
    K[np.diag_indices_from(K)] = 0.0
    return np.sum(K)


@prog(v(8))
def haar(x):
    y = x.copy()
    n = len(y)
    while n > 1:
        h = n // 2
        a = (y[0:n:2] + y[1:n:2]) / np.sqrt(2)
        d = (y[0:n:2] - y[1:n:2]) / np.sqrt(2)
        y[:h] = a
        y[h:n] = d
        n = h
    return np.sum(y**3)


@prog(v(6))
def prefix(x):
    c = np.concatenate(([0.0], np.cumsum(x)))
    return np.sum((c[3:] - c[:-3]) ** 2)


@prog(v(4, 3))
def onehot(z):
    y = np.eye(3)[[0, 2, 1, 1]]
    p = np.exp(z - z.max(1)[:, None])
    p = p / p.sum(1)[:, None]
    return -(y * np.log(p)).sum() / len(z)


@prog(v(4, 3))
def dropout_mask(x):
    rng = np.random.default_rng(0)
    m = rng.random(x.shape) > 0.5
    return np.sum(x * m / 0.5)


@prog(v(4))
def complex_poly(x):
    z = np.exp(1j * x)
    p = np.abs(1 + 0.5 * z + 0.25 * z**2) ** 2
    return p.sum() + np.real(z.conj() @ z) + np.imag(np.sum(z**3))


@prog(v(3) + 1j * v(3)[::-1], v(3, 3) + 1j * v(3, 3).T)
def complex_mat(b, A):
    x = np.linalg.solve(A + 5 * np.eye(3), b)
    return np.vdot(x, x).real + np.abs(np.linalg.det(A)) + np.linalg.norm(A @ b)


@prog(v(16))
def stft(x):
    w = np.hanning(8)
    S = 0.0
    for k in range(0, 9, 4):
        S += np.sum(np.abs(np.fft.rfft(w * x[k : k + 8])) ** 2)
    return S


@prog(v(4, 4))
def fft_filter(img):
    F = np.fft.fftshift(np.fft.fft2(img))
    m = np.zeros((4, 4), dtype=bool)
    m[1:3, 1:3] = True
    F[~m] = 0
    return np.sum(np.real(np.fft.ifft2(np.fft.ifftshift(F))) ** 2)


@prog(v(5))
def complex_where(x):
    s = np.sqrt(x + 0j)
    return np.sum(np.where(x > 0, s.real, s.imag))


@prog(v(5))
def lorenz(p):
    def rhs(s):
        x, y, z = s
        return np.array([p[0] * (y - x), x * (p[1] - z) - y, x * y - p[2] * z])

    s = np.array([1.0, p[3], p[4]])
    for _ in range(5):
        k1 = rhs(s)
        k2 = rhs(s + 0.01 * k1)
        s = s + 0.005 * (k1 + k2)
    return s @ s


@prog(v(4), v(4))
def two_outputs_used(x, y):
    q, r = np.divmod(np.abs(x) + 1, np.abs(y) + 0.3)
    m, e = np.frexp(x)
    fr, ip = np.modf(x * 3)
    return np.sum(r) + np.sum(m) + np.sum(fr * x)


@prog(v(4, 3))
def iter_cols(x):
    s = 0.0
    for col in x.T:
        s += np.linalg.norm(col)
    for i, row in enumerate(x):
        s += row[i % 3] ** 2
    for r, c in zip(*np.nonzero(x > 0)):
        s += x[r, c] ** 3
    return s


@prog(v(5))
def accumulate_list(x):
    hist = [x]
    for i in range(3):
        hist.append(hist[-1] * 0.5 + hist[0])
    H = np.vstack(hist)
    return np.sum(H[1:] * H[:-1]) + np.sum(hist[-1])


@prog(v(3, 3))
def matrix_inplace(A):
    A += A.T
    A *= 0.5
    A[np.tril_indices(3, -1)] = 0
    A -= np.diag(np.diag(A))
    return np.sum(A**2)


@prog(v(4))
def np_ops_kw(x):
    a = np.sum(x, axis=0, keepdims=True)
    b = np.add(x, 1, dtype=np.float64)
    c = np.mean(x, dtype=float)
    d = np.round(x, decimals=1)
    e = np.full(x.shape, fill_value=2.0)
    f = np.full_like(x, 3)
    g = np.ones_like(x, dtype=float)
    return np.sum(a * b) + c + np.sum(d * x) + np.sum(e * f * g * x)


@prog(v(4, 5))
def negative_axis(x):
    m = x.mean(-1, keepdims=True)
    s = x.std(-1, keepdims=True)
    z = (x - m) / (s + 1e-5)
    return np.sum(z[..., -1] ** 3) + np.sum(np.take(z, -1, axis=-2))


@prog(v(3, 4), v(4))
def maximum_chain(X, b):
    h = np.maximum(0, X @ np.diag(b) + b)
    h = np.minimum(h, 1.5)
    h = np.clip(h, None, 1.2)
    h[h == 0] = -0.1
    return np.sum(h * X)


@prog(v(5))
def bool_arith(x):
    m = x > 0
    s = m.sum()
    return (
        np.sum(m * x**2)
        + np.sum((x < 0) * -x) / (s + 1)
        + m.mean() * x[0]
        + float(np.any(m)) * x[1]
    )


@prog(v(5))
def logical_pick(x):
    if (x > 0).any() and not (x > 5).all():
        x = x[x > 0]
    best = -np.inf
    for e in x:
        best = max(best, e)
    worst = np.inf
    for k in range(x.size):
        if x[k] < worst:
            worst = x[k]
    return best * worst + np.sum(x)


@prog(v(6))
def array_of_funcs(x):
    fs = [np.sin, np.cos, np.tanh]
    out = np.empty((3, 6))
    for i, f in enumerate(fs):
        out[i] = f(x)
    return np.sum(out.prod(axis=0))


@prog(v(3, 4))
def swap_views(x):
    x = x.copy()
    x[[0, 1], :] = x[[1, 0], :]
    x[:, [0, 3]] = x[:, [3, 0]]
    tmp = x[0].copy()
    x[0] = x[2]
    x[2] = tmp
    return np.sum(x * np.arange(12).reshape(3, 4))


@prog(v(3, 4))
def swap_rows_views(x):
    x[0], x[1] = x[1].copy(), x[0].copy()
    a, b = x[0, 0], x[1, 1]
    x[0, 0], x[1, 1] = b, a
    return np.sum(x * np.arange(12).reshape(3, 4))


@prog(v(6))
def expand(x):
    y = np.expand_dims(x, 0)
    z = np.atleast_2d(x)
    w = x[None].T
    u = np.squeeze(y)
    return np.sum(y @ w) + np.sum(z * y) + np.sum(u**2)


@prog(v(7))
def savgol(x):
    c = np.array([-3, 12, 17, 12, -3]) / 35.0
    y = np.zeros_like(x)
    for i in range(2, len(x) - 2):
        y[i] = c @ x[i - 2 : i + 3]
    y[:2] = x[:2]
    y[-2:] = x[-2:]
    return np.sum(y**2)


@prog(v(5))
def nested_fancy(x):
    i = np.array([[0, 1], [3, 3]])
    y = x[i]
    z = np.zeros((2, 5))
    z[np.array([0, 1, 0]), np.array([1, 2, 1])] += x[:3]
    z[1, [0, 4]] = y[0]
    return np.sum(y**2) + np.sum(z**2)


@prog(v(2, 3, 4))
def fancy_separated(x):
    a = x[[0, 1], :, [1, 2]]
    b = x[:, [0, 2], 1:3]
    c = x[0, :, [1, 3]]
    x[:, [0, 1], [2, 3]] = 7.0
    return np.sum(a**2) + np.sum(b**2) + np.sum(c[0] * c[1]) + np.sum(x**2)


@prog(v(4, 3))
def mask_2d_rows(x):
    m = x > 0.2
    x[m] *= 2
    x[:, 0][x[:, 1] > 0] = 1.0
    return np.sum(x**2)


@prog(v(4, 3), v(3))
def mean_rows(X, w):
    lab = np.array([0, 1, 0, 1])
    mu = np.array([X[lab == k].mean(axis=0) for k in range(2)])
    return np.sum((mu[0] - mu[1]) ** 2 * w)


@prog(v(4))
def std_formats(x):
    y = np.linspace(x[0], x[1], 5)
    z = np.arange(4) * x
    t = np.logspace(0, 1, 4) * x
    return y.sum() + (z * t).sum() + np.geomspace(1, 8, 4) @ x


@prog(v(4))
def del_and_rebind(x):
    y = x * 2
    z = y
    del y
    z[0] = 0
    y = z + x
    y[-1] = y[0]
    return np.sum(y * z)


@prog(v(4))
def sum_of_outer(x):
    return (
        np.sum(np.outer(x, x)[np.triu_indices(4)])
        + np.einsum("i,j->ij", x, x)[1, 2]
        + np.trace(np.outer(x, x), offset=1)
    )


@prog(v(4, 4))
def block_ops(A):
    a, b = A[:2, :2], A[:2, 2:]
    c, d = A[2:, :2], A[2:, 2:]
    s = d - c @ la.inv(a) @ b
    B = np.block([[a, b], [np.zeros((2, 2)), s]])
    return la.det(B) + exp(-la.norm(B))


@prog(v(5))
def inplace_func(x):
    def normalise(a):
        a -= a.mean()
        a /= np.linalg.norm(a)
        return a

    y = normalise(x.copy())
    normalise(x)
    return np.sum(x * y * np.arange(5))


@prog(v(5))
def returned_view(x):
    def head(a, n):
        return a[:n]

    h = head(x, 3)
    h[0] = 2.0
    h += 1
    return np.sum(x**2)


@prog(v(2, 5))
def unpack_rows(X):
    a, b = X
    (c, d), e = X[:, 0], X[0]
    first = X[1, 0]
    return np.dot(a, b) + c * d + e.sum() + first


@prog(v(6))
def hist_weights(x):
    edges = np.array([-3.0, -1, 0, 1, 3])
    k = np.clip(np.digitize(x, edges) - 1, 0, 3)
    h = np.zeros(4)
    for i in range(len(x)):
        h[k[i]] += x[i] ** 2
    hw = np.bincount(k, weights=x, minlength=4)
    return np.sum(h * hw)


@prog(v(5))
def interp_resample(y):
    t = np.linspace(0, 1, 5)
    tn = np.linspace(0, 1, 9)
    yi = np.interp(tn, t, y, left=0.0, right=0.0)
    return np.sum(np.diff(yi) ** 2)
