"""Programs over numbers and arrays, whose emitted code is kept as goldens."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
# Programs of users are not annotated.

from __future__ import annotations

import math

import numpy as np
from scipy.special import erf

from tests.goldens.golden import Golden

R = np.random.default_rng(21)
STRIKE = 1.1


def bs(S, K, r, sigma, T):
    sT = np.sqrt(T)
    d1 = (np.log(S / K) + (r + sigma**2 / 2) * T) / (sigma * sT)
    d2 = d1 - sigma * sT
    N1 = 0.5 * (1 + erf(d1 / np.sqrt(2.0)))
    N2 = 0.5 * (1 + erf(d2 / np.sqrt(2.0)))
    return np.sum(S * N1 - K * np.exp(-r * T) * N2)


def mlp(W1, b1, W2, b2, X, Y):
    h = np.tanh(X @ W1 + b1)
    z = h @ W2 + b2
    m = np.max(z, axis=1, keepdims=True)
    lse = np.log(np.sum(np.exp(z - m), axis=1, keepdims=True)) + m
    return -np.sum(Y * (z - lse)) / X.shape[0]


def gmm(alpha, mu, logs, X):
    q = np.exp(logs)
    d = (X[:, None, :] - mu) * q
    e = alpha + np.sum(logs, axis=1) - 0.5 * np.sum(d**2, axis=2)
    m = np.max(e, axis=1, keepdims=True)
    return np.sum(np.log(np.sum(np.exp(e - m), axis=1, keepdims=True)) + m)


def heat(u0, dt, T):
    u = u0.copy()
    for _ in range(T):
        u[1:-1] += dt * (u[2:] - 2 * u[1:-1] + u[:-2] - u[1:-1] ** 3)
    return np.sum(u * u)


def walk(x, y):
    s = 0.0
    k = x
    while k < 10.0:
        k = k * 1.5 + 0.1
        if k < 2.0:
            continue
        s = s + math.sin(k) * y
        if s > 3.0:
            break
        y = y * 0.9
    return s * k


def fixpoint(a, b):
    x = a
    for _ in range(50):
        x1 = math.cos(x) * b + 0.1 * a
        if abs(x1 - x) < 1e-6:
            return x1 * x1 + b
        x = x1
    return x * 2.0


def alias(x, w):
    row = x[0]
    row *= w
    xt = x.T
    np.tanh(xt, out=xt)
    xt[:, 1] = xt[:, 0] * x[2]
    return np.sum(x * x)


def rnn(W, U, b, X, h):
    for t in range(X.shape[0]):
        h = np.tanh(W @ h + U @ X[t] + b)
    return np.sum(h**2)


def horner(c, x):
    p = 0.0
    for k in range(len(c) - 1, -1, -1):
        p = p * x + c[k]
    return p


def rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def logistic(w, b, X, y):
    margin = y * (X @ w + b)
    return np.mean(np.log1p(np.exp(-margin))) + 0.01 * np.sum(w * w)


def classifier(W, X, labels):
    z = X @ W
    z = z - np.max(z, axis=1, keepdims=True)
    p = np.exp(z)
    p = p / np.sum(p, axis=1, keepdims=True)
    return -np.mean(np.log(p[np.arange(len(labels)), labels]))


def attention(Q, K, V):
    s = Q @ K.T / np.sqrt(Q.shape[1])
    a = np.exp(s - s.max(axis=1, keepdims=True))
    a /= a.sum(axis=1, keepdims=True)
    return np.sum((a @ V) ** 2)


def layer_norm(x, gain, bias):
    mean = x.mean(axis=-1, keepdims=True)
    var = ((x - mean) ** 2).mean(axis=-1, keepdims=True)
    y = (x - mean) / np.sqrt(var + 1e-5) * gain + bias
    return np.sum(np.tanh(y) * y)


def cholesky(A):
    n = A.shape[0]
    L = np.zeros((n, n))
    for i in range(n):
        for j in range(i + 1):
            s = A[i, j]
            for k in range(j):
                s -= L[i, k] * L[j, k]
            L[i, j] = np.sqrt(s) if i == j else s / L[j, j]
    return np.sum(L * L * L)


def thomas(a, b, c, d):
    n = d.shape[0]
    x = d.copy()
    e = b.copy()
    for i in range(1, n):
        m = a[i] / e[i - 1]
        e[i] -= m * c[i - 1]
        x[i] -= m * x[i - 1]
    x[-1] /= e[-1]
    for i in range(n - 2, -1, -1):
        x[i] = (x[i] - c[i] * x[i + 1]) / e[i]
    return np.sum(x * x)


def jacobi(u0, steps):
    u = u0.copy()
    v = u0.copy()
    for _ in range(steps):
        v[1:-1] = 0.5 * (u[2:] + u[:-2]) - 0.1 * u[1:-1] * u[1:-1]
        u, v = v, u
    return np.sum(u**2)


def wave(u, v, c):
    for _ in range(6):
        w = np.zeros_like(u)
        w[1:-1, 1:-1] = u[2:, 1:-1] + u[:-2, 1:-1] + u[1:-1, 2:] + u[1:-1, :-2] - 4 * u[1:-1, 1:-1]
        v = v + c * w
        u = u + 0.1 * v
    return np.sum(u * u)


def gravity(pos, mass):
    d = pos[:, None, :] - pos[None, :, :]
    r = np.sqrt(np.sum(d**2, axis=-1))
    pair = np.where(r > 0.0, mass[:, None] * mass / np.where(r > 0.0, r, 1.0), 0.0)
    return -0.5 * np.sum(pair)


def safe_root(x):
    return np.sum(np.where(x > 0.0, np.sqrt(np.where(x > 0.0, x, 1.0)), 0.0))


def rk4(y, mu, h):
    def rhs(y):
        return np.array([y[1], mu * (1.0 - y[0] ** 2) * y[1] - y[0]])

    for _ in range(10):
        k1 = rhs(y)
        k2 = rhs(y + 0.5 * h * k1)
        k3 = rhs(y + 0.5 * h * k2)
        k4 = rhs(y + h * k3)
        y = y + h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)
    return np.sum(y * y)


def kalman(z, q, r):
    x, p = 0.0, 1.0
    loglik = 0.0
    for obs in z:
        p = p + q
        s = p + r
        innovation = obs - x
        loglik = loglik - 0.5 * (math.log(s) + innovation * innovation / s)
        gain = p / s
        x = x + gain * innovation
        p = (1.0 - gain) * p
    return loglik


def gaussian_process(X, y, scale, noise):
    d = X[:, None] - X[None, :]
    K = np.exp(-0.5 * (d / scale) ** 2) + noise**2 * np.eye(len(X))
    a = np.linalg.solve(K, y)
    _, logdet = np.linalg.slogdet(K)
    return 0.5 * (y @ a) + 0.5 * logdet


def rbf(X, centres, weights, gamma):
    d2 = np.sum((X[:, None, :] - centres[None, :, :]) ** 2, axis=2)
    return np.sum((np.exp(-gamma * d2) @ weights) ** 2)


def chain(A, B, v):
    return np.sum((A @ B @ v) ** 2)


def bilinear(x, W, y):
    return np.sum(np.tanh(np.einsum("ni,ijk,nj->nk", x, W, y)))


def power_method(A, v):
    old, lam = 0.0, 1.0
    while abs(lam - old) > 1e-6:
        v = A @ v
        v = v / np.linalg.norm(v)
        old, lam = lam, v @ (A @ v)
    return lam


def newton(c, x):
    while True:
        step = (x**3 + x - c) / (3.0 * x**2 + 1.0)
        x = x - step
        if abs(step) < 1e-12:
            break
    return x


def binomial(s, sigma, r, n):
    up = math.exp(sigma / math.sqrt(n))
    p = (math.exp(r / n) - 1.0 / up) / (up - 1.0 / up)
    v = np.maximum(STRIKE - s * up ** np.arange(-n, n + 1, 2), 0.0)
    for _ in range(n):
        v = math.exp(-r / n) * (p * v[1:] + (1.0 - p) * v[:-1])
    return v[0]


def recurrence(x, n):
    y = np.zeros(n)
    y[0] = x[0]
    for i in range(1, n):
        y[i] = 0.5 * y[i - 1] * x[i] + x[i - 1]
    return y[n - 1]


def relu_mask(x, w):
    y = x @ w
    y[y < 0] = 0.0
    return np.sum(y**2)


def scatter(values, where):
    bins = np.zeros(4)
    np.add.at(bins, where, values)
    return np.sum(bins**2)


def first_crossing(x, bound):
    total = 0.0
    for i in range(len(x)):
        total += x[i] ** 2
        if total > bound:
            return total / (i + 1)
    return total - bound


def huber(r, delta):
    a = np.abs(r)
    return np.sum(np.where(a <= delta, 0.5 * r**2, delta * (a - 0.5 * delta)))


def ternaries(x, y):
    z = x if x > y else y * x
    if (0 < x < 3 and y > 0) or x > 100:
        z = z * 2
    return z + (y if not x > 2 else x)


def spectrum(x, gain):
    f = np.fft.rfft(x)
    return np.sum(np.abs(f * gain) ** 2)


def blur(image, k):
    h, w = image.shape[0] - 2, image.shape[1] - 2
    out = np.zeros((h, w))
    for i in range(3):
        for j in range(3):
            out += k[i, j] * image[i : i + h, j : j + w]
    return np.sum(out**2)


def momentum(w, X, y, lr):
    v = np.zeros_like(w)
    for _ in range(5):
        g = X.T @ (X @ w - y) / len(y)
        v = 0.9 * v - lr * g
        w = w + v
    return np.sum((X @ w - y) ** 2)


def neg_log(x):
    return -np.log(x) * np.exp(-x)


def residuals(theta, t, y):
    return theta[0] * np.exp(-theta[1] * t) - y


def pos(*shape):
    return R.uniform(0.5, 1.5, shape)


def mat(*shape):
    return R.uniform(-1.0, 1.0, shape)


def spd(n):
    a = mat(n, n)
    return a @ a.T + n * np.eye(n)


_MLP = (mat(3, 4), mat(4), mat(4, 2), mat(2), mat(5, 3), np.eye(2)[[0, 1, 1, 0, 1]])
_LABELS = np.array([0, 2, 1, 1, 0])
GOLDENS = [
    Golden(bs, (pos(4), pos(4), 0.03, 0.3, pos(4)), (0, 1, 2, 3, 4)),
    Golden(mlp, _MLP, (0, 1, 2, 3)),
    Golden(gmm, (mat(3), mat(3, 2), mat(3, 2), mat(6, 2)), (0, 1, 2)),
    Golden(heat, (pos(8), 0.1, 4), (0, 1)),
    Golden(walk, (1.2, 0.7), (0, 1)),
    Golden(fixpoint, (0.3, 0.8), (0, 1)),
    Golden(alias, (mat(3, 3), 0.7), (0, 1)),
    Golden(rnn, (mat(3, 3), mat(3, 2), mat(3), mat(4, 2), mat(3)), (0, 1, 2, 4)),
    Golden(horner, (mat(5), 0.7), (0, 1)),
    Golden(rosenbrock, (pos(6),), what="grad"),
    Golden(logistic, (mat(3), 0.3, mat(6, 3), np.sign(mat(6))), (0, 1)),
    Golden(classifier, (mat(4, 3), mat(5, 4), _LABELS)),
    Golden(attention, (mat(4, 3), mat(5, 3), mat(5, 2)), (0, 1, 2)),
    Golden(layer_norm, (mat(4, 5), mat(5), mat(5)), (0, 1, 2)),
    Golden(cholesky, (spd(4),)),
    Golden(thomas, (pos(5), 4.0 + pos(5), pos(5), pos(5)), (0, 1, 2, 3)),
    Golden(jacobi, (pos(8), 5)),
    Golden(wave, (mat(5, 6), mat(5, 6), 0.1), (0, 1, 2)),
    Golden(gravity, (mat(4, 3), pos(4)), (0, 1)),
    Golden(safe_root, (mat(6),), what="grad"),
    Golden(rk4, (pos(2), 1.2, 0.1), (0, 1, 2)),
    Golden(kalman, (mat(6), 0.1, 0.5), (0, 1, 2)),
    Golden(gaussian_process, (mat(5), mat(5), 0.7, 0.5), (2, 3)),
    Golden(rbf, (mat(5, 2), mat(3, 2), mat(3), 0.8), (1, 2, 3)),
    Golden(chain, (mat(3, 4), mat(4, 5), mat(5)), (0, 1, 2)),
    Golden(bilinear, (mat(4, 2), mat(2, 3, 2), mat(4, 3)), (0, 1, 2)),
    Golden(power_method, (spd(3), pos(3)), (0, 1)),
    Golden(newton, (1.7, 1.0)),
    Golden(binomial, (1.0, 0.3, 0.05, 6), (0, 1, 2)),
    Golden(recurrence, (pos(6), 6)),
    Golden(relu_mask, (mat(5, 3), mat(3)), (0, 1)),
    Golden(scatter, (mat(6), np.array([0, 2, 2, 1, 0, 2]))),
    Golden(first_crossing, (pos(6), 1.5), (0, 1)),
    Golden(huber, (2.0 * mat(6), 0.8), (0, 1)),
    Golden(ternaries, (0.7, 2.5), (0, 1)),
    Golden(spectrum, (mat(6), pos(4)), (0, 1)),
    Golden(blur, (mat(5, 6), mat(3, 3)), (0, 1)),
    Golden(momentum, (mat(3), mat(6, 3), mat(6), 0.1), (0, 3)),
    Golden(neg_log, (pos(5),), what="elementwise_grad"),
    Golden(residuals, (pos(2), pos(4), pos(4)), what="vjp"),
]
