"""Programs that people write, with arguments: each is differentiated in the tests."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, has-type"
# Programs of users are not annotated.

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

R = np.random.default_rng(7).standard_normal
Case = tuple[Callable[..., Any], tuple[Any, ...], tuple[int, ...]]


def cube(x):
    return x * x * x


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


def regression(w, X, y):
    return np.mean((np.tanh(X @ w) - y) ** 2)


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


def rnn(W, U, b, X, h):
    for t in range(X.shape[0]):
        h = np.tanh(W @ h + U @ X[t] + b)
    return np.sum(h**2)


def rows(X, w):
    s = 0.0
    for r in X:
        s = s + np.sum(r * w) ** 2
    return s


def elements(x, y):
    s = 0.0
    for i in range(len(x)):
        for j in range(i, len(x)):
            s += x[i] * y[j] * math.sin(x[i])
    return s


def helper(a, b=2.0, *, c=1.0):
    if a > b:
        return a * c
    return b * a * a


def calls(x, y):
    def inner(t):
        return helper(t, c=y) + x

    u, (v, w) = inner(x), (inner(y), helper(x * 3))
    return u * v + w


def shapes(x, y):
    z = x.reshape(-1, 2).T
    w = np.concatenate([z[0], z[1] * y])
    return (w.sum() * np.mean(w[1:] * w[:-1])) + x.max() + np.dot(x, x)


def ternaries(x, y):
    z = x if x > y else y * x
    if (0 < x < 3 and y > 0) or x > 100:
        z = z * 2
    return z + (y if not x > 2 else x)


def extremes(x, y):
    return max(x, y * 2) * min(x, y) + abs(x - y)


def interest(x, n):
    for _ in range(n):
        x = x * 1.01
    else:
        x = x + 1
    return x


def nested(x, y):
    s = 0.0
    for i in range(4):
        for j in range(3):
            if j == 2 and i > 0:
                continue
            if s > 5 * y:
                break
            s = s + math.sin(x * i) * math.cos(y * j) * s + x
        else:
            s = s * 0.5
    return s


def numbered(x):
    s = 0.0
    for i, v in enumerate(np.array([1.0, 2.0, 3.0])):
        for k, j in enumerate(range(i)):
            s += v * x**i + k * j * x
    return s


def masks(x):
    return np.sum(x[x > 0] ** 3) + np.sum(x[::-1][1:] * x[:-1])


def gather(x, idx, w):
    return np.sum(x[idx] * x[idx] * w)


def last_value(x, n):
    for k in range(1, n):
        y = x**k
    return y + k


def found(x, y):
    best = None
    for k in range(6):
        c = math.sin(x + k) * y
        if best is None or c > best:
            best = c
    return best


def finance(S, K, r, sigma, T):
    sT = np.sqrt(T)
    d1 = (np.log(S / K) + (r + sigma**2 / 2) * T) / (sigma * sT)
    d2 = d1 - sigma * sT
    return np.sum(S * np.tanh(d1) - K * np.exp(-r * T) * np.tanh(d2))


def _positive(*shape: int) -> Any:
    return R(shape) ** 2 + 1.0


def bound_in_an_arm(x):
    if x > 0:
        y = 1.0 * x
    return y


def bound_in_a_loop(x, n):
    for _ in range(n):
        y = x * 2.0
    return y


def bound_in_the_turn_before(x, n):
    z = 0.0
    for i in range(n):
        if i > 1:
            z = z + before  # noqa: F821
        before = x * i
    return z * before


def unused_by_the_underscore(x, y):
    """The mirror of the loop counts with `_`: it must not take the name from a value."""
    _, s = x * y, 0.0
    for _i in range(3):
        s = s + x * 2.0
    for _ in range(2):
        s = s * y
    return s + _


def underscored(x, y):
    kept, _ = x * y, y * y
    s = 0.0
    for _i in range(3):
        s = s + x * kept
    return s * _ + kept


CASES: list[Case] = [
    (unused_by_the_underscore, (0.7, 1.3), (0, 1)),
    (underscored, (0.7, 1.3), (0, 1)),
    (cube, (1.3,), (0,)),
    (walk, (1.2, 0.7), (0, 1)),
    (fixpoint, (0.3, 0.8), (0, 1)),
    (regression, (R(3), R((4, 3)), R(4)), (0, 1, 2)),
    (mlp, (R((3, 4)), R(4), R((4, 2)), R(2), R((5, 3)), R((5, 2))), (0, 1, 2, 3, 4, 5)),
    (mlp, (R((3, 4)), R(4), R((4, 1)), R(1), R((1, 3)), R((1, 1))), (0, 1, 2, 3, 4, 5)),
    (gmm, (R(3), R((3, 2)), R((3, 2)), R((6, 2))), (0, 1, 2, 3)),
    (gmm, (R(1), R((1, 2)), R((3, 1)), R((6, 1))), (0, 1, 2, 3)),
    (rnn, (R((3, 3)), R((3, 2)), R(3), R((4, 2)), R(3)), (0, 1, 2, 3, 4)),
    (rnn, (R((3, 3)), R((3, 2)), R(1), R((4, 2)), R(3)), (0, 1, 2, 3, 4)),
    (rows, (R((3, 3)), R(3)), (0, 1)),
    (rows, (R((3, 3)), R(1)), (0, 1)),
    (elements, (R(5), R(5)), (0, 1)),
    (calls, (0.7, 2.5), (0, 1)),
    (shapes, (R(6), 1.3), (0, 1)),
    (ternaries, (0.7, 2.5), (0, 1)),
    (extremes, (0.7, 2.5), (0, 1)),
    (interest, (0.7, 3), (0,)),
    (nested, (0.7, 1.5), (0, 1)),
    (numbered, (0.77,), (0,)),
    (masks, (R(6),), (0,)),
    (gather, (R(6), np.array([0, 2, 2]), R(3)), (0, 2)),
    (last_value, (1.1, 4), (0,)),
    (finance, (_positive(4), _positive(4), 0.03, 0.3, _positive(4)), (0, 1, 2, 3, 4)),
    (finance, (2.0, 1.5, 0.03, 0.3, _positive(4)), (0, 1, 2, 3, 4)),
    (finance, (_positive(3, 1), _positive(4), 0.03, 0.3, 1.5), (0, 1, 2, 3, 4)),
]
