"""More kernels: masks, mixed indices, lists, aliases, helpers that write, solvers that stop."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
# Programs of users are not annotated.

from __future__ import annotations

import math

import numpy as np

from tests.kernels import Case, total

_R = np.random.default_rng(12)


def relu_by_mask(x, scale):
    """A mask written, then read."""
    y = x * scale
    y[y < 0.0] = 0.0
    big = y > 0.5
    y[big] = 0.5 + 0.1 * (y[big] - 0.5) ** 2
    return total(y)


def huber(r, delta):
    small = np.abs(r) <= delta
    loss = np.empty_like(r)
    loss[small] = 0.5 * r[small] ** 2
    loss[~small] = delta * (np.abs(r[~small]) - 0.5 * delta)
    return total(loss)


def mixed_indices(A, rows):
    """Basic and fancy indices in one subscript, read and written."""
    B = A.copy()
    B[rows, 1:] *= 2.0
    B[1:, rows] += np.sin(A[:-1, rows])
    picked = B[rows, :2] * A[rows, -1][:, None]
    return total(B) + total(picked)


def one_hot_loss(logits, labels):
    """The loss of classifiers as it is written everywhere."""
    n = logits.shape[0]
    p = np.exp(logits - np.max(logits, axis=1, keepdims=True))
    p /= np.sum(p, axis=1, keepdims=True)
    return -np.sum(np.log(p[np.arange(n), labels])) / n


def repeated_stores(x, where):
    """The last store to a repeated place wins; `+=` does not accumulate repeats."""
    y = np.zeros(4)
    y[where] = x * x
    y[where] += np.sin(x)
    return total(y)


def diagonal(A, d):
    np.fill_diagonal(A, np.exp(A[0, 1]))
    A[0, 0] *= d
    return total(A @ A)


def copy_in(x, y):
    z = np.empty_like(x)
    np.copyto(z, x * y)
    np.copyto(x, z + y)
    return total(x * z)


def put_in(x, where, v):
    np.put(x, where, v * v)
    return total(x * x)


def _relax(u, w, i):
    """Writes into its argument."""
    u[i] = (1.0 - w) * u[i] + w * 0.5 * (u[i - 1] + u[i + 1])


def _sweep(u, w):
    for i in range(1, u.shape[0] - 1):
        _relax(u, w, i)


def sor(u, w, sweeps):
    """Helpers in helpers that write into what they are given."""
    for _ in range(sweeps):
        _sweep(u, w)
    return total(u)


def swap_pivot(A):
    """Gauss with pivots: rows change places where the data says so."""
    n = A.shape[0]
    det = 1.0
    for k in range(n):
        p = k
        for i in range(k + 1, n):
            if abs(A[i, k]) > abs(A[p, k]):
                p = i
        if p != k:
            A[[k, p]] = A[[p, k]]
            det = -det
        det = det * A[k, k]
        for i in range(k + 1, n):
            A[i, k:] -= A[i, k] / A[k, k] * A[k, k:]
    return det


def bubble(x):
    """Elements change places."""
    n = x.shape[0]
    for i in range(n):
        for j in range(n - 1 - i):
            if x[j] > x[j + 1]:
                x[j], x[j + 1] = x[j + 1], x[j]
    return total(x * x)


def arrays_in_a_list(X, W):
    """A list of arrays that grows, and is read by position."""
    states = [X[0]]
    for t in range(1, X.shape[0]):
        states.append(np.tanh(W @ states[t - 1] + X[t]))
    s = 0.0
    for h in states:
        s = s + total(h)
    return s + total(states[-1] * states[1])


def ragged(x):
    """Lists of different lengths, made turn by turn."""
    s = 0.0
    for i in range(x.shape[0]):
        row = []
        for j in range(i + 1):
            row.append(x[i] * x[j])  # noqa: PERF401
        s = s + sum(row) / len(row)
    return s


def conditional_alias(x, y, c):
    """Which array `z` is depends on the data; only read."""
    z = x if c > 0.0 else y
    s = np.sum(z * z)
    w = z
    if s > 1.0:
        w = 2.0 * z
    return total(w * w) + c * total(x)


def written_alias(x, y, c):
    """Written in the arms, each through its own name."""
    x = x.copy()
    if c > 0.0:
        z = x[1:]
        z *= c
    else:
        z = x[:-1]
        z += y[0] * x[1:]
    return total(x * y)


def conjugate_gradients(A, b, steps):
    x = np.zeros_like(b)
    r = b - A @ x
    p = r.copy()
    rs = r @ r
    for _ in range(steps):
        q = A @ p
        alpha = rs / (p @ q)
        x += alpha * p
        r -= alpha * q
        new = r @ r
        if new < 1e-20:
            break
        p = r + (new / rs) * p
        rs = new
    return total(x)


def power_method(A, v):
    """A `while` that stops when it has converged."""
    old = 0.0
    lam = 1.0
    n = 0
    while abs(lam - old) > 1e-3 * abs(lam) and n < 60:
        v = A @ v
        v = v / np.sqrt(v @ v)
        old = lam
        lam = v @ A @ v
        n += 1
    return lam + total(v)


def bisection(c, lo, hi):
    """The root is found by halving; one Newton step makes it depend on `c`."""
    while hi - lo > 1e-9:
        mid = 0.5 * (lo + hi)
        if mid**3 + mid < c:
            lo = mid
        else:
            hi = mid
    x = 0.5 * (lo + hi)
    return x - (x**3 + x - c) / (3 * x**2 + 1)


def first_below(x, bound):
    """Early return from a loop over elements, after writes."""
    acc = 0.0
    for i in range(x.shape[0]):
        x[i] = x[i] * (1.0 + acc)
        acc += math.sin(x[i])
        if acc > bound:
            return acc * x[0] + total(x)
    return 2.0 * acc + total(x)


def runge_kutta(y, h, steps):
    """An array that is rebound, with a right side that writes."""

    def rhs(t, y):
        dy = np.empty_like(y)
        dy[0] = y[1]
        dy[1] = (1.0 - y[0] ** 2) * y[1] - y[0] + 0.1 * math.cos(t)
        return dy

    t = 0.0
    for _ in range(steps):
        k1 = rhs(t, y)
        k2 = rhs(t + 0.5 * h, y + 0.5 * h * k1)
        k3 = rhs(t + 0.5 * h, y + 0.5 * h * k2)
        k4 = rhs(t + h, y + h * k3)
        y = y + h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)
        t = t + h
    return total(y)


def edit_distance(x, y):
    """Dynamic programming with a smooth minimum."""
    n, m = x.shape[0], y.shape[0]
    D = np.zeros((n + 1, m + 1))
    for i in range(1, n + 1):
        D[i, 0] = D[i - 1, 0] + 1.0
    for j in range(1, m + 1):
        D[0, j] = D[0, j - 1] + 1.0
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            cost = (x[i - 1] - y[j - 1]) ** 2
            D[i, j] = min(D[i - 1, j] + 1.0, D[i, j - 1] + 1.0, D[i - 1, j - 1] + cost)
    return D[n, m]


def two_views(x):
    """Two views of one array, written in turn."""
    even, odd = x[::2], x[1::2]
    even += np.sin(odd)
    odd *= even
    even -= odd * odd
    return total(x)


def ring(u, steps):
    """Three buffers that change places."""
    a, b, c = u.copy(), 0.5 * u, np.zeros_like(u)
    for _ in range(steps):
        c[1:-1] = 2.0 * b[1:-1] - a[1:-1] + 0.1 * (b[2:] - 2.0 * b[1:-1] + b[:-2])
        c[0] = np.sin(c[1])
        a, b, c = b, c, a
    return total(a) + 0.7 * total(b) + 0.3 * total(c)


def masked_n_body(pos):
    """The diagonal is masked after the square root of zero; its gradient must be finite."""
    d = pos[:, None, :] - pos[None, :, :]
    r = np.sqrt(np.sum(d * d, axis=2))
    apart = r > 0.0
    return np.sum(np.where(apart, 1.0 / np.where(apart, r, 1.0), 0.0))


def fresh_buffer(x, w):
    """A buffer that is made in each turn of a loop that surely runs."""
    n = x.shape[0]
    s = 0.0
    for k in range(3):
        y = np.zeros(n)
        z = np.zeros(n)
        for i in range(1, n):
            y[i] = w * y[i - 1] + x[i]
            z[i] = y[i] * x[i - 1] * (k + 1)
        s = s + total(z) + y[n - 1]
    return s


def swap_rows(A):
    A[0], A[2] = A[2].copy(), A[0].copy()
    A[1] *= A[0]
    A[:, 0], A[:, 1] = A[:, 1].copy(), 2.0 * A[:, 0]
    return total(A)


def newton_sqrt(a):
    x = np.ones_like(a)
    for i in range(a.shape[0]):
        while abs(x[i] * x[i] - a[i]) > 1e-9:
            x[i] = 0.5 * (x[i] + a[i] / x[i])
    return total(x)


def fortran_reshape(x):
    """For `x` in Fortran order `reshape` is a copy, and the store is not seen."""
    y = x.reshape(-1).copy()
    y[0] = 100.0 * x[1, 1]
    return total(y) + x[0, 0] ** 2


def _vec(n):
    return _R.uniform(0.4, 1.6, n)


def _mat(n, m):
    return _R.uniform(-1.0, 1.0, (n, m))


def _spd(n):
    a = _mat(n, n)
    return a @ a.T + n * np.eye(n)


CASES: list[Case] = [
    (relu_by_mask, (_mat(4, 5), 1.3), (0, 1)),
    (huber, (2.0 * _mat(1, 7)[0], 0.8), (0, 1)),
    (mixed_indices, (_mat(5, 5), np.array([3, 0, 2, 1])), (0,)),
    (one_hot_loss, (_mat(5, 3), np.array([0, 2, 1, 1, 0])), (0,)),
    (repeated_stores, (_vec(5), np.array([1, 3, 1, 0, 1])), (0,)),
    (diagonal, (_mat(4, 4), 0.7), (0, 1)),
    (copy_in, (_vec(5), _vec(5)), (0, 1)),
    (put_in, (_vec(5), np.array([1, 3]), _vec(2)), (0, 2)),
    (sor, (_vec(7), 1.3, 3), (0, 1)),
    (swap_pivot, (_mat(4, 4),), (0,)),
    (bubble, (_vec(6),), (0,)),
    (arrays_in_a_list, (_mat(5, 3), _mat(3, 3)), (0, 1)),
    (ragged, (_vec(5),), (0,)),
    (conditional_alias, (_vec(4), _vec(4), 0.4), (0, 1, 2)),
    (conditional_alias, (_vec(4), _vec(4), -0.4), (0, 1, 2)),
    (written_alias, (_vec(5), _vec(5), 0.6), (0, 1, 2)),
    (written_alias, (_vec(5), _vec(5), -0.6), (0, 1, 2)),
    (conjugate_gradients, (_spd(5), _vec(5), 3), (0, 1)),
    (power_method, (_spd(4), _vec(4)), (0, 1)),
    (bisection, (1.7, 0.0, 4.0), (0,)),
    (first_below, (_vec(6), 1.8), (0,)),
    (first_below, (_vec(6), 99.0), (0,)),
    (runge_kutta, (_vec(2), 0.1, 5), (0, 1)),
    (edit_distance, (2.0 * _vec(4), 2.0 * _vec(5)), (0, 1)),
    (two_views, (_vec(6),), (0,)),
    (ring, (_vec(7), 5), (0,)),
    (masked_n_body, (_mat(4, 3),), (0,)),
    (fresh_buffer, (_vec(5), 0.7), (0, 1)),
    (swap_rows, (_mat(4, 4),), (0,)),
    (newton_sqrt, (_vec(4),), (0,)),
    (fortran_reshape, (_mat(3, 4),), (0,)),
]
