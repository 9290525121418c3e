"""Numerical kernels as people write them: loops over elements, slices in place, double buffers."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
# Programs of users are not annotated.

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

_R = np.random.default_rng(11)
Case = tuple[Callable[..., Any], tuple[Any, ...], tuple[int, ...]]


def weights(*shape):
    """Fixed random weights of the outputs, so that no derivative cancels."""
    return np.random.default_rng(5).standard_normal(shape)


W = weights(64)
W2 = weights(16, 16)


def total(a):
    """A randomly weighted sum of the elements of a vector or matrix."""
    if a.ndim == 1:
        return np.sum(a * W[: a.shape[0]])
    return np.sum(a * W2[: a.shape[0], : a.shape[1]])


def cholesky(A):
    n = A.shape[0]
    L = np.zeros((n, n))
    for i in range(n):
        for j in range(i + 1):
            s = A[i, j]
            for k in range(j):
                s -= L[i, k] * L[j, k]
            L[i, j] = np.sqrt(s) if i == j else s / L[j, j]
    return total(L)


def cholesky_in_place(A):
    n = A.shape[0]
    for i in range(n):
        for j in range(i):
            A[i, j] -= A[i, :j] @ A[j, :j]
            A[i, j] /= A[j, j]
        A[i, i] = math.sqrt(A[i, i] - A[i, :i] @ A[i, :i])
    return total(np.tril(A))


def lu(A):
    n = A.shape[0]
    for k in range(n - 1):
        A[k + 1 :, k] /= A[k, k]
        A[k + 1 :, k + 1 :] -= np.outer(A[k + 1 :, k], A[k, k + 1 :])
    return total(A)


def lu_loops(A):
    n = A.shape[0]
    for i in range(n):
        for j in range(i):
            for k in range(j):
                A[i, j] -= A[i, k] * A[k, j]
            A[i, j] /= A[j, j]
        for j in range(i, n):
            for k in range(i):
                A[i, j] -= A[i, k] * A[k, j]
    return total(A)


def gram_schmidt(A):
    n = A.shape[1]
    Q = A.copy()
    R = np.zeros((n, n))
    for k in range(n):
        R[k, k] = np.linalg.norm(Q[:, k])
        Q[:, k] = Q[:, k] / R[k, k]
        for j in range(k + 1, n):
            R[k, j] = np.dot(Q[:, k], Q[:, j])
            Q[:, j] -= Q[:, k] * R[k, j]
    return total(Q) + total(R)


def forward_substitution(L, b):
    n = len(b)
    x = np.zeros(n)
    for i in range(n):
        x[i] = (b[i] - L[i, :i] @ x[:i]) / L[i, i]
    return total(x)


def back_substitution(U, b):
    x = b.copy()
    n = x.shape[0]
    for i in range(n - 1, -1, -1):
        for j in range(i + 1, n):
            x[i] -= U[i, j] * x[j]
        x[i] /= U[i, i]
    return total(x)


def thomas(a, b, c, d):
    n = d.shape[0]
    cp = np.zeros(n)
    dp = np.zeros(n)
    cp[0] = c[0] / b[0]
    dp[0] = d[0] / b[0]
    for i in range(1, n):
        m = b[i] - a[i] * cp[i - 1]
        cp[i] = c[i] / m
        dp[i] = (d[i] - a[i] * dp[i - 1]) / m
    x = np.zeros(n)
    x[-1] = dp[-1]
    for i in range(n - 2, -1, -1):
        x[i] = dp[i] - cp[i] * x[i + 1]
    return total(x)


def durbin(r):
    n = r.shape[0]
    y = np.zeros(n)
    alpha = -r[0]
    beta = 1.0
    y[0] = -r[0]
    for k in range(1, n):
        beta *= 1.0 - alpha * alpha
        alpha = -(r[k] + np.dot(np.flip(r[:k]), y[:k])) / beta
        y[:k] += alpha * np.flip(y[:k])
        y[k] = alpha
    return total(y)


def heat(u0, dt, steps):
    u = u0.copy()
    for _ in range(steps):
        u[1:-1] += dt * (u[2:] - 2 * u[1:-1] + u[:-2] - u[1:-1] ** 3)
    return total(u)


def jacobi(u0, steps):
    u = u0.copy()
    v = u0.copy()
    for _ in range(steps):
        v[1:-1] = 0.5 * (u[2:] + u[:-2]) - 0.1 * u[1:-1] * u[1:-1]
        u, v = v, u
    return total(u) + 0.3 * total(v)


def jacobi_2d(A, B, steps):
    for _ in range(1, steps):
        B[1:-1, 1:-1] = 0.2 * (
            A[1:-1, 1:-1] + A[1:-1, :-2] + A[1:-1, 2:] + A[2:, 1:-1] + A[:-2, 1:-1] ** 2
        )
        A[1:-1, 1:-1] = 0.2 * (
            B[1:-1, 1:-1] + B[1:-1, :-2] + B[1:-1, 2:] + B[2:, 1:-1] + B[:-2, 1:-1]
        )
    return total(A) + total(B)


def seidel(A, steps):
    n = A.shape[0]
    for _ in range(steps):
        for i in range(1, n - 1):
            for j in range(1, n - 1):
                A[i, j] = (A[i - 1, j] + A[i, j - 1] * A[i, j] + A[i, j + 1] + A[i + 1, j]) / 4.0
    return total(A)


def fdtd(ex, ey, hz, steps):
    for t in range(steps):
        ey[0, :] = math.sin(0.3 * t)
        ey[1:, :] -= 0.5 * (hz[1:, :] - hz[:-1, :])
        ex[:, 1:] -= 0.5 * (hz[:, 1:] - hz[:, :-1])
        hz[:-1, :-1] -= 0.7 * (ex[:-1, 1:] - ex[:-1, :-1] + ey[1:, :-1] - ey[:-1, :-1])
        hz *= 1.0 + 0.01 * hz
    return total(ex) + total(ey) + total(hz)


def adi(u, steps):
    n = u.shape[0]
    v = np.zeros((n, n))
    p = np.zeros((n, n))
    q = np.zeros((n, n))
    a, b, c, d = -0.3, 1.6, -0.3, 0.4
    for _ in range(steps):
        v[0, 1:-1] = 1.0
        p[1:-1, 0] = 0.0
        q[1:-1, 0] = v[0, 1:-1]
        for j in range(1, n - 1):
            p[1:-1, j] = -c / (a * p[1:-1, j - 1] + b)
            q[1:-1, j] = (
                -d * u[j, :-2] + (1.0 + 2.0 * d) * u[j, 1:-1] - d * u[j, 2:] - a * q[1:-1, j - 1]
            ) / (a * p[1:-1, j - 1] + b)
        v[n - 1, 1:-1] = 1.0
        for j in range(n - 2, 0, -1):
            v[j, 1:-1] = p[1:-1, j] * v[j + 1, 1:-1] + q[1:-1, j]
        u[1:-1, 1:-1] = 0.5 * u[1:-1, 1:-1] + 0.5 * v[1:-1, 1:-1] * v[1:-1, 1:-1]
    return total(u)


def floyd(D):
    n = D.shape[0]
    for k in range(n):
        for i in range(n):
            for j in range(n):
                if D[i, k] + D[k, j] < D[i, j]:
                    D[i, j] = D[i, k] + D[k, j]
    return total(D)


def floyd_rows(D):
    for k in range(D.shape[0]):
        D[:] = np.minimum(D, D[:, k : k + 1] + D[k : k + 1, :])
    return total(D)


def convolution(x, w):
    n, m = x.shape[0], w.shape[0]
    y = np.zeros(n - m + 1)
    for j in range(m):
        y += w[j] * x[j : j + n - m + 1]
    return total(np.tanh(y))


def convolution_2d(image, kernel):
    h = image.shape[0] - kernel.shape[0] + 1
    w = image.shape[1] - kernel.shape[1] + 1
    out = np.empty((h, w))
    for i in range(h):
        for j in range(w):
            patch = image[i : i + kernel.shape[0], j : j + kernel.shape[1]]
            out[i, j] = np.sum(patch * kernel)
    return total(np.maximum(out, 0.0))


def pooling(x):
    n = x.shape[0] // 2
    y = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            y[i, j] = np.max(x[2 * i : 2 * i + 2, 2 * j : 2 * j + 2])
    return total(y)


def n_body(pos, vel, mass, steps):
    n = pos.shape[0]
    acc = np.zeros_like(pos)
    for _ in range(steps):
        acc[:] = 0.0
        for i in range(n):
            for j in range(n):
                if i != j:
                    d = pos[j] - pos[i]
                    acc[i] += mass[j] * d / (np.sum(d * d) + 0.1) ** 1.5
        vel += 0.1 * acc
        pos += 0.1 * vel
    return total(pos) + total(vel)


def spmv(data, indices, indptr, x):
    n = len(indptr) - 1
    y = np.zeros(n)
    for i in range(n):
        for k in range(indptr[i], indptr[i + 1]):
            y[i] += data[k] * x[indices[k]]
    return total(y)


def scatter(values, where, n):
    out = np.zeros(n)
    np.add.at(out, where, values * values)
    return total(out)


def histogram(x, centres):
    h = np.zeros(centres.shape[0])
    for v in x:
        h += np.exp(-((v - centres) ** 2))
    h /= h.sum()
    return total(h)


def trisolv(L, x, b):
    for i in range(x.shape[0]):
        x[i] = (b[i] - L[i, :i] @ x[:i]) / L[i, i]
    return total(x)


def bicg(A, p, r):
    s = np.zeros(A.shape[1])
    q = np.zeros(A.shape[0])
    for i in range(A.shape[0]):
        s[:] = s[:] + r[i] * A[i, :]
        q[i] = q[i] + A[i, :] @ p
    return total(s) + total(q)


def gemver(A, u1, v1, y, z, alpha, beta):
    A += np.multiply.outer(u1, v1)
    x = beta * y @ A + z
    w = alpha * A @ x
    return total(w) + total(x)


def syrk(alpha, beta, C, A):
    for i in range(A.shape[0]):
        C[i, : i + 1] *= beta
        for k in range(A.shape[1]):
            C[i, : i + 1] += alpha * A[i, k] * A[: i + 1, k]
    return total(C)


def trmm(alpha, A, B):
    for i in range(B.shape[0]):
        for j in range(B.shape[1]):
            B[i, j] += np.dot(A[i + 1 :, i], B[i + 1 :, j])
    B *= alpha
    return total(B)


def covariance(data):
    mean = np.mean(data, axis=0)
    data -= mean
    m = data.shape[1]
    cov = np.zeros((m, m))
    for i in range(m):
        cov[i:, i] = data[:, i] @ data[:, i:] / (data.shape[0] - 1.0)
        cov[i, i:] = cov[i:, i]
    return total(cov)


def deriche(x, k):
    n = x.shape[0]
    y1 = np.empty_like(x)
    y2 = np.empty_like(x)
    y1[0] = k * x[0]
    y1[1] = k * x[1] + 0.5 * y1[0]
    for j in range(2, n):
        y1[j] = k * x[j] + 0.5 * y1[j - 1] - 0.2 * y1[j - 2]
    y2[-1] = 0.0
    y2[-2] = k * x[-1]
    for j in range(n - 3, -1, -1):
        y2[j] = k * x[j + 1] + 0.5 * y2[j + 1] - 0.2 * y2[j + 2]
    return total(y1 * y2)


def rnn_outputs(W, U, X, h):
    outputs = []
    for x in X:
        h = np.tanh(W @ h + U @ x)
        outputs.append(h)
    return total(np.stack(outputs))


def selective_scan(x, A, B, C, delta):
    h = np.zeros_like(A)
    y = np.zeros_like(x)
    for t in range(x.shape[0]):
        for d in range(x.shape[1]):
            step = np.log1p(np.exp(delta[t, d]))
            h[d] = np.exp(step * A[d]) * h[d] + step * B[t] * x[t, d]
            y[t, d] = h[d] @ C[t]
    return total(y)


def mandelbrot_like(c, steps):
    z = np.zeros_like(c)
    n = np.zeros_like(c)
    for _ in range(steps):
        z = z * z + c
        inside = np.abs(z) < 2.0
        z[~inside] = 2.0
        n[inside] += 0.1 * z[inside]
    return total(n)


def _vec(n):
    return _R.uniform(0.4, 1.6, n)


def _mat(n, m):
    return _R.uniform(-1.0, 1.0, (n, m))


def _spd(n):
    a = _mat(n, n)
    return a @ a.T + n * np.eye(n)


CASES: list[Case] = [
    (cholesky, (_spd(5),), (0,)),
    (cholesky_in_place, (_spd(5),), (0,)),
    (lu, (_spd(5),), (0,)),
    (lu_loops, (_spd(5),), (0,)),
    (gram_schmidt, (_mat(6, 4),), (0,)),
    (forward_substitution, (_spd(5), _vec(5)), (0, 1)),
    (back_substitution, (_spd(5), _vec(5)), (0, 1)),
    (thomas, (_vec(6), 4 + _vec(6), _vec(6), _vec(6)), (0, 1, 2, 3)),
    (durbin, (0.3 * _vec(6),), (0,)),
    (heat, (_vec(8), 0.1, 4), (0, 1)),
    (jacobi, (_vec(8), 5), (0,)),
    (jacobi_2d, (_mat(5, 6), _mat(5, 6), 4), (0, 1)),
    (seidel, (_mat(5, 5), 3), (0,)),
    (fdtd, (_mat(5, 6), _mat(5, 6), _mat(5, 6), 4), (0, 1, 2)),
    (adi, (_mat(6, 6), 3), (0,)),
    (floyd, (_R.uniform(1.0, 9.0, (5, 5)),), (0,)),
    (floyd_rows, (_R.uniform(1.0, 9.0, (5, 5)),), (0,)),
    (convolution, (_vec(9), _vec(3)), (0, 1)),
    (convolution_2d, (_mat(6, 7), _mat(3, 2)), (0, 1)),
    (pooling, (_mat(6, 6),), (0,)),
    (n_body, (_mat(4, 3), _mat(4, 3), _vec(4), 3), (0, 1, 2)),
    (
        spmv,
        (_vec(6), np.array([0, 2, 1, 3, 0, 3]), np.array([0, 2, 3, 5, 6]), _vec(4)),
        (0, 3),
    ),
    (scatter, (_vec(6), np.array([0, 2, 2, 1, 0, 2]), 4), (0,)),
    (histogram, (_vec(6), _vec(4)), (0, 1)),
    (trisolv, (_spd(5), _vec(5), _vec(5)), (0, 1, 2)),
    (bicg, (_mat(4, 5), _vec(5), _vec(4)), (0, 1, 2)),
    (gemver, (_mat(4, 4), _vec(4), _vec(4), _vec(4), _vec(4), 1.2, 0.7), tuple(range(7))),
    (syrk, (1.5, 0.7, _mat(4, 4), _mat(4, 3)), (0, 1, 2, 3)),
    (trmm, (1.5, _mat(4, 4), _mat(4, 3)), (0, 1, 2)),
    (covariance, (_mat(6, 4),), (0,)),
    (deriche, (_vec(7), 0.8), (0, 1)),
    (rnn_outputs, (_mat(4, 4), _mat(4, 3), _mat(5, 3), _vec(4)), (0, 1, 2, 3)),
    (
        selective_scan,
        (_mat(4, 3), -_R.uniform(0.5, 1.5, (3, 2)), _mat(4, 2), _mat(4, 2), _mat(4, 3)),
        (0, 1, 2, 3, 4),
    ),
    (mandelbrot_like, (0.5 * _mat(1, 6)[0], 5), (0,)),
]
