"""Arrays that a loop fills: what its mirror may read there, and what not."""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from s2sgrad import grad, value_and_grad, vjp
from s2sgrad.testing import check_grad

R = np.random.default_rng(12).standard_normal


def rows(W, h, n):
    hs = np.zeros((n + 1, 3))
    hs[0] = h
    for t in range(n):
        hs[t + 1] = np.tanh(W @ hs[t])
    return np.sum(hs**2)


def upwards(x, n):
    y = np.zeros(n)
    y[0] = x[0]
    for i in range(1, n):
        y[i] = y[i - 1] * y[i - 1] + x[i]
    return np.sum(y**3)


def downwards(c, x):
    x = x.copy()
    for i in range(x.shape[0] - 2, -1, -1):
        x[i] = (x[i] - c[i] * x[i + 1]) / c[i + 1]
    return np.sum(x * x)


def states(x, n):
    y = np.zeros((n, 2))
    y[0, 0] = x
    for i in range(1, n):
        y[i, 0] = y[i - 1, 0] * x + y[i - 1, 1]
        y[i, 1] = y[i, 0] * y[i - 1, 1] + y[i - 1, 0] ** 2
    return np.sum(y**2)


KEPT: list[tuple[Callable[..., Any], tuple[Any, ...], Any]] = [
    (rows, (R((3, 3)), R(3), 4), (0, 1)),
    (upwards, (R(6), 6), 0),
    (downwards, (2.0 + R(6) ** 2, R(6)), (0, 1)),
    (states, (0.3, 5), 0),
]


@pytest.mark.parametrize(("f", "args", "wrt"), KEPT, ids=[f.__name__ for f, _, _ in KEPT])
def test_no_tape(f: Callable[..., Any], args: tuple[Any, ...], wrt: Any) -> None:
    check_grad(f, *args, wrt=wrt)
    d = value_and_grad(f, wrt)
    d(*args)
    assert "tape" not in d.source


def around_the_end(x, n):
    """`y[-1]`, in the first turn, is stored to in the last."""
    y = x.copy()
    for i in range(n):
        y[i] = math.sin(y[i - 1]) * y[i - 1] + y[i]
    return np.sum(y**2)


def ahead(x, n):
    """What is read is stored to in the next turn."""
    x = x.copy()
    for i in range(n - 1):
        x[i] = x[i + 1] * x[i + 1] * x[i]
    return np.sum(x**2)


def the_place_itself(x, n):
    x = x.copy()
    for i in range(n):
        x[i] = math.exp(x[i]) * x[i]
        x[i] = x[i] * x[i]
    return np.sum(x)


def twice(x, n):
    """The second store of a turn goes where the first of the next does."""
    y = np.zeros(n + 1)
    for i in range(n):
        y[i] = math.sin(x[i]) + y[i] * y[i]
        y[i + 1] = math.cos(y[i]) * x[i]
    return np.sum(y**2)


def afterwards(x, n):
    y = np.zeros(n)
    for i in range(1, n):
        y[i] = math.sin(y[i - 1]) * y[i - 1] + x[i]
    y[1:3] = y[1:3] * x[0]
    y *= 2.0
    return np.sum(y**2)


def left_early(x, n):
    y = np.zeros(n)
    for i in range(1, n):
        y[i] = math.sin(y[i - 1]) * y[i - 1] + x[i]
        if y[i] > 0.5:
            break
        y[i] = y[i] * y[i]
    return np.sum(y**2)


def inner(x, n):
    y = np.ones(n)
    for i in range(1, n):
        for k in range(i):
            y[i] = y[i] * y[k] + x[k]
    return np.sum(y**2)


def in_an_outer_loop(x, n):
    y = np.ones(n)
    for _ in range(3):
        for i in range(1, n):
            y[i] = math.sin(y[i - 1]) * y[i - 1] + x[i] * y[i]
    return np.sum(y**2)


def swapped(x, n):
    y, z = x.copy(), np.ones(n)
    for i in range(1, n):
        y[i] = math.sin(z[i - 1]) * y[i - 1] * y[i - 1]
        z[i] = y[i] * z[i - 1]
        y, z = z, y
    return np.sum(y * z + y**2)


def through_a_view(x, n):
    y = np.ones(n)
    z = y[1:]
    for i in range(1, n - 1):
        y[i] = math.sin(y[i - 1]) * y[i - 1] + x[i]
        z[i] = x[i] * y[i]
    return np.sum(y**2)


def ints(x, n):
    y = np.zeros(n, dtype=int)
    total = 0.0
    for i in range(1, n):
        y[i] = 2.7 + y[i - 1]
        total = total + x * x * y[i] + x * y[i - 1]
    return total


def other_columns(x, n):
    y = np.zeros((n, 3))
    y[0] = x
    for i in range(1, n):
        y[i, 0] = y[i - 1, 1] * x + y[i - 1, 2]
        y[i, -1] = y[i, 0] * y[i - 1, 2]
        y[i, 2] = y[i, -1] * y[i, 0] + y[i, 2] * x
        y[i, :2] = y[i, 1:] * y[i, 2]
    return np.sum(y**2)


def by_two(x, n):
    x = x.copy()
    for i in range(2, n, 2):
        x[i] = x[i - 2] * x[i - 1] * x[i]
    return np.sum(x**2)


def numbers_of_rows(x, n):
    """A number is spread over the row that it is stored to."""
    y = np.zeros((n, 2))
    for i in range(1, n):
        s = math.sin(np.sum(y[i - 1]) + x[i])
        y[i] = s * s
    return np.sum(y**2)


OTHERS: list[tuple[Callable[..., Any], tuple[Any, ...], Any]] = [
    (around_the_end, (R(5), 5), 0),
    (ahead, (R(5), 5), 0),
    (the_place_itself, (R(4), 4), 0),
    (twice, (R(5), 5), 0),
    (afterwards, (R(5), 5), 0),
    (left_early, (np.abs(R(6)), 6), 0),
    (left_early, (-np.abs(R(6)), 6), 0),
    (inner, (0.5 * R(5), 5), 0),
    (in_an_outer_loop, (R(5), 5), 0),
    (swapped, (R(5), 5), 0),
    (swapped, (R(6), 6), 0),
    (through_a_view, (R(6), 6), 0),
    (ints, (0.4, 5), 0),
    (other_columns, (0.8, 5), 0),
    (by_two, (R(7), 7), 0),
    (numbers_of_rows, (R(5), 5), 0),
]


@pytest.mark.parametrize(("f", "args", "wrt"), OTHERS)
def test_others(f: Callable[..., Any], args: tuple[Any, ...], wrt: Any) -> None:
    check_grad(f, *args, wrt=wrt)


def test_second_derivatives() -> None:
    f: Callable[..., Any] = upwards
    args = (R(6), 6)
    u, e = R(6), 1e-6
    gradient, product = vjp(grad(f))(*args, out_bar=u)
    slope = (grad(f)(args[0] + e * u, 6) - grad(f)(args[0] - e * u, 6)) / (2 * e)
    np.testing.assert_allclose(gradient, grad(f)(*args))
    np.testing.assert_allclose(product, slope, rtol=1e-6, atol=1e-6)
