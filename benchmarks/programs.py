"""The programs of the benchmark table, each with an adjoint written by hand beside it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

rng = np.random.default_rng(0)
R = rng.standard_normal


@dataclass(frozen=True)
class Program:
    """A function, its arguments, what it is differentiated in, and the same by hand."""

    f: Callable[..., Any]
    args: tuple[Any, ...]
    wrt: tuple[int, ...]
    by_hand: Callable[..., Any] | None
    limit: float  # of value and gradient over the primal
    autograd: bool = True
    turns: int = 20  # calls in one measurement


def descent(x, lr, n):  # type: ignore[no-untyped-def]
    for _ in range(n):
        x = x - lr * math.sin(x)
    return x


def descent_by_hand(x, lr, n):  # type: ignore[no-untyped-def]
    tape = []
    for _ in range(n):
        tape.append(x)
        x = x - lr * math.sin(x)
    x_bar = 1.0
    while tape:
        x_bar -= x_bar * lr * math.cos(tape.pop())
    return x, (x_bar,)


def mlp(W1, b1, W2, b2, X, Y):  # type: ignore[no-untyped-def]
    h = np.tanh(X @ W1 + b1)
    return np.mean((h @ W2 + b2 - Y) ** 2)


def mlp_by_hand(W1, b1, W2, b2, X, Y):  # type: ignore[no-untyped-def]
    h = X @ W1
    h += b1
    np.tanh(h, out=h)
    r = h @ W2
    r += b2
    r -= Y
    value = np.mean(r * r)
    r *= 2.0 / r.size
    h_bar = r @ W2.T
    h_bar *= 1.0 - h * h
    return value, (X.T @ h_bar, np.sum(h_bar, axis=0), h.T @ r, np.sum(r, axis=0))


def rnn(W, U, b, X, h):  # type: ignore[no-untyped-def]
    for t in range(X.shape[0]):
        h = np.tanh(h @ W + X[t] @ U + b)
    return np.sum(h**2)


def rnn_by_hand(W, U, b, X, h):  # type: ignore[no-untyped-def]
    tape = []
    for t in range(X.shape[0]):
        tape.append(h)
        h = np.tanh(h @ W + X[t] @ U + b)
    value = np.sum(h * h)
    W_bar, U_bar, b_bar = np.zeros_like(W), np.zeros_like(U), np.zeros_like(b)
    h_bar = 2.0 * h
    for t in range(X.shape[0] - 1, -1, -1):
        g = h_bar * (1.0 - h * h)
        h = tape.pop()
        W_bar += h.T @ g
        U_bar += X[t].T @ g
        b_bar += np.sum(g, axis=0)
        h_bar = g @ W.T
    return value, (W_bar, U_bar, b_bar)


def rnn_of_vectors(W, U, b, X, h):  # type: ignore[no-untyped-def]
    for t in range(X.shape[0]):
        h = np.tanh(W @ h + U @ X[t] + b)
    return np.sum(h**2)


def rnn_of_vectors_by_hand(W, U, b, X, h):  # type: ignore[no-untyped-def]
    T = X.shape[0]
    H = np.empty((T + 1, *h.shape))
    H[0] = h
    for t in range(T):
        h = np.tanh(W @ h + U @ X[t] + b)
        H[t + 1] = h
    value = np.vdot(h, h)
    h_bar = 2.0 * h
    G = np.empty((T, *h.shape))
    for t in range(T - 1, -1, -1):
        h, g = H[t + 1], G[t]
        np.multiply(h_bar, 1.0 - h * h, out=g)
        h_bar = W.T @ g
    return value, (G.T @ H[:T], G.T @ X, np.sum(G, axis=0))


def softmax_loss(W, X, Y):  # type: ignore[no-untyped-def]
    z = X @ W
    m = np.max(z, axis=1, keepdims=True)
    lse = np.log(np.sum(np.exp(z - m), axis=1, keepdims=True)) + m
    return -np.sum(Y * (z - lse)) / X.shape[0]


def softmax_loss_by_hand(W, X, Y):  # type: ignore[no-untyped-def]
    z = X @ W
    m = np.max(z, axis=1, keepdims=True)
    e = np.exp(z - m)
    s = np.sum(e, axis=1, keepdims=True)
    value = -np.sum(Y * (z - (np.log(s) + m))) / X.shape[0]
    z_bar = Y * (-1.0 / X.shape[0])
    e *= np.sum(z_bar, axis=1, keepdims=True) / s
    z_bar -= e
    return value, (X.T @ z_bar,)


def elements(x, n):  # type: ignore[no-untyped-def]
    y = np.zeros(n)
    y[0] = x[0]
    for i in range(1, n):
        y[i] = 0.5 * y[i - 1] * x[i] + x[i - 1]
    return y[n - 1]


def elements_by_hand(x, n):  # type: ignore[no-untyped-def]
    y = np.zeros(n)
    y[0] = x[0]
    for i in range(1, n):
        y[i] = 0.5 * y[i - 1] * x[i] + x[i - 1]
    x_bar = np.zeros(n)
    g = 1.0
    for i in range(n - 1, 0, -1):
        x_bar[i - 1] += g
        x_bar[i] += g * 0.5 * y[i - 1]
        g = g * 0.5 * x[i]
    x_bar[0] += g
    return y[n - 1], (x_bar,)


def small(s, v, m):  # type: ignore[no-untyped-def]
    return s * v[0] + m[0, 0]


_SIZES = (R((784, 128)) * 0.05, R(128), R((128, 10)) * 0.1, R(10), R((64, 784)), R((64, 10)))
_RNN = (R((32, 32)) * 0.1, R((32, 32)) * 0.1, R(32), R((50, 16, 32)), R((16, 32)))
_LABELS = np.eye(10)[rng.integers(0, 10, 256)]

PROGRAMS = {
    "scalar loop, 1e4 turns": Program(descent, (1.0, 0.01, 10_000), (0,), descent_by_hand, 2.7,
                                      turns=3),
    "MLP 784-128-10, batch 64": Program(mlp, _SIZES, (0, 1, 2, 3), mlp_by_hand, 2.1),
    "RNN, 50 steps, batch 16, hidden 32": Program(rnn, _RNN, (0, 1, 2), rnn_by_hand, 2.6),
    "RNN of vectors, 50 steps, hidden 256": Program(
        rnn_of_vectors, (R((256, 256)) * 0.05, R((256, 256)) * 0.05, R(256), R((50, 256)), R(256)),
        (0, 1, 2), rnn_of_vectors_by_hand, 2.6),
    "softmax regression, 256 x 64, 10 classes": Program(
        softmax_loss, (R((64, 10)), R((256, 64)), _LABELS), (0,), softmax_loss_by_hand, 2.1),
    "element writes, n = 1e3": Program(elements, (R(1000), 1000), (0,), elements_by_hand, 3.5,
                                       autograd=False, turns=5),
    "element writes, n = 1e5": Program(elements, (R(100_000), 100_000), (0,), elements_by_hand, 3.5,
                                       autograd=False, turns=1),
}  # fmt: skip
