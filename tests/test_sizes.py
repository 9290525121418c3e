"""Extents that come from ints: known where they are sure, and never taken for sure where not."""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from s2sgrad import value_and_grad
from s2sgrad.testing import check_grad

R = np.random.default_rng(4).standard_normal
W = R((6, 6))


def made(x, y):
    m, n = x.shape
    z = np.zeros((m, n))
    z[0] = x[0]
    e = np.ones((m, 1))
    return np.sum((z + x * y + e * y) * W[:m, :n])


def shifted(x, y):
    n = len(y)
    d = np.zeros(n - 1)
    d[:] = y[1:] - y[:-1]
    return np.sum(d * y[1:] * np.sin(d)) + np.sum(x)


def joined(x, y):
    m = x.shape[0]
    a = np.hstack([np.ones((m, 1)), x])
    b = np.concatenate([a, a], axis=1)
    c = np.vstack([a, a, y[0, 0] * a])
    return np.sum(b**3) * y[0, 0] + np.sum(c**3)


def folded(x, y):
    m, n = x.shape
    v = np.reshape(x, (m * n,))
    return np.sum(v * np.arange(m * n) * np.reshape(y, m * n))


def products(x, y):
    k = y.shape[1]
    w = np.reshape(x, (-1, k))
    return np.sum(np.tanh(w @ y.T) ** 2)


PROGRAMS: list[tuple[Callable[..., Any], tuple[int, ...], tuple[int, ...]]] = [
    (made, (3, 4), (3, 4)),
    (shifted, (3,), (5,)),
    (joined, (3, 4), (3, 4)),
    (folded, (3, 4), (3, 4)),
    (products, (6, 4), (3, 4)),
]


@pytest.mark.parametrize(("f", "x", "y"), PROGRAMS, ids=lambda p: getattr(p, "__name__", None))
def test_known(f: Callable[..., Any], x: tuple[int, ...], y: tuple[int, ...]) -> None:
    args = (R(x), R(y))
    check_grad(f, *args, wrt=(0, 1))
    d = value_and_grad(f, (0, 1))
    d(*args)
    assert "_unbroadcast" not in d.source


@pytest.mark.parametrize("shape", [(1, 1), (1, 3), (3, 1), (2, 3)])
def test_lengths_of_one(shape: tuple[int, int]) -> None:
    """What is broadcast at these sizes is summed again."""

    def f(x, y, m, n):
        e = np.ones((m, n))
        return np.sum((e * y + x * np.ones((m, 1)) + np.zeros((1, n)) * x) * W[:m, :n])

    m, n = shape
    check_grad(f, R((1, n)), R((1, 1)), m, n, wrt=(0, 1))
    check_grad(f, R((m, 1)), R(n), m, n, wrt=(0, 1))
    check_grad(f, 2.0, R((m, n)), m, n, wrt=(0, 1))


def test_minus_one() -> None:
    """The same int may stand for two extents in `reshape`."""

    def f(x, y, n):
        a = np.reshape(x, (n, 1))
        b = np.reshape(y, (n, 2))
        return np.sum(a * b * W[:3, :2])

    check_grad(f, R(1), R(6), -1, wrt=(0, 1))
    check_grad(f, R(3), R(6), 3, wrt=(0, 1))
    check_grad(f, R(3), R(6), -1, wrt=(0, 1))


def test_sizes_of_another_turn() -> None:
    """In a loop an int of the turn before says nothing about this turn."""

    def f(x, n):
        m = 1
        total = 0.0
        for k in range(1, n):
            a = np.ones((m, 1))
            total = total + np.sum(a * x[:k, None] ** 2) * k
            m = k + 1 if k % 2 else 1  # 2 rows, then 1, which is broadcast, then 4, ...
        return total

    def g(x, n):
        m = 1
        total = 0.0
        for k in range(1, n):
            a = np.reshape(x[:m], (m, 1)) * np.ones((1, k))
            total = total + np.sum(a * x[:k] ** 2)
            m = m + 1
        return total

    check_grad(f, R(5), 5)
    check_grad(g, R(5), 5)


def test_stacks_of_matrices() -> None:
    def f(x, y):
        a = np.transpose(x, (1, 0, 2))
        b = np.swapaxes(y, 0, 1)
        c = a @ b.transpose(0, 2, 1)
        return np.sum(np.tanh(c @ b) * a)

    args = (R((3, 2, 4)), R((3, 2, 4)))
    check_grad(f, *args, wrt=(0, 1))
    d = value_and_grad(f, (0, 1))
    d(*args)
    assert "_unbroadcast" not in d.source
    check_grad(f, R((3, 2, 4)), R((3, 1, 4)), wrt=(0, 1))
    check_grad(f, R((3, 1, 4)), R((3, 1, 4)), wrt=(0, 1))


def test_transposed_by_axes() -> None:
    """An axis of length 1 is where it was moved to."""

    def f(x, y):
        return np.sum(np.transpose(x, (1, 0, 2)) * y**2)

    def g(x, y):
        return np.sum(x.transpose(2, 0, 1) * y**2)

    check_grad(f, R((3, 1, 4)), R((5, 3, 4)), wrt=(0, 1))
    check_grad(g, R((3, 1, 4)), R((4, 3, 5)), wrt=(0, 1))
    check_grad(g, R((1, 3, 4)), R((4, 5, 3)), wrt=(0, 1))


def test_extents_that_change_in_each_turn() -> None:
    """What is left of one array and of another may be of length 1, and may be not."""

    def f(a, b):
        for _ in range(2):
            a = a[1:] * 1.0
            b = b[1:] * 1.0
        return np.sum(a[1:] * b[1:] ** 2)

    def g(v, p):
        while len(v) > 2:
            v = p * v[1:] + (1.0 - p) * v[:-1] ** 2
        return v[0] * v[1]

    for n, m in ((4, 6), (6, 4), (4, 4), (6, 6)):
        check_grad(f, R(n), R(m), wrt=(0, 1))
    check_grad(g, R(6), 0.3, wrt=(0, 1))
    d = value_and_grad(g, (0, 1))
    d(R(6), 0.3)
    assert "_unbroadcast" not in d.source


def test_what_is_augmented_keeps_its_shape() -> None:
    def f(x, k):
        out = np.zeros(x.shape[0] - 2)
        for i in range(3):
            out += k[i] * x[i : i + x.shape[0] - 2]
            out[1:] *= 1.0 + x[1:-2]
        return np.sum(out**2)

    def g(x, v):
        x = x.copy()
        y = x[1:4]
        y += v
        z = x[:3]
        z *= y
        return np.sum(x * x)

    for n in (3, 4, 7):  # of `out` there may be one element
        check_grad(f, R(n), R(3), wrt=(0, 1))
    for n in (1, 3):  # `v` is broadcast, or it is not
        check_grad(g, R(6), R(n), wrt=(0, 1))
    with pytest.raises(ValueError, match="broadcast"):
        value_and_grad(g)(R(6), R((2, 3)))
