"""Sums of outer products over loops: after the loop, right for any number of turns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from s2sgrad import grad, pullback, value_and_grad
from tests.passes import backward, checked, function

R = np.random.default_rng(29).standard_normal
RNN = """
def f(W, U, b, X, h):
    for t in range(X.shape[0]):
        h = np.tanh(W @ h + U @ X[t] + b)
    return np.sum(h ** 2)
"""


def loop_of(source: str) -> str:
    """The lines of the loop of the backward sweep."""
    lines = source.partition("# backward")[2].splitlines()
    return "\n".join(line for line in lines if line.startswith("        "))


def test_recurrent_network() -> None:
    source = checked(RNN, R((3, 3)), R((3, 2)), R(3), R((4, 2)), R(3))
    assert "np.outer" not in source
    assert "b_bar" not in loop_of(source)
    assert "np.zeros_like(W)" not in source
    assert ".T @ np.reshape(" in backward(source)


@pytest.mark.parametrize("turns", [0, 2, 5])
def test_any_number_of_turns(turns: int) -> None:
    f = function(RNN)
    args = (R((3, 3)), R((3, 2)), R(3), R((turns, 2)), R(3))
    gradient = grad(f, (0, 1, 2, 4))(*args)
    for k, g in zip((0, 1, 2, 4), gradient, strict=True):
        u = R(np.shape(args[k]))
        up = f(*(a + 1e-6 * u if j == k else a for j, a in enumerate(args)))
        down = f(*(a - 1e-6 * u if j == k else a for j, a in enumerate(args)))
        assert np.shape(g) == np.shape(args[k])
        assert np.sum(g * u) == pytest.approx((up - down) / 2e-6, rel=1e-5, abs=1e-7)


def test_what_is_there_is_not_collected_again() -> None:
    """The tape of `h` and `X` itself, in their order; nothing is used up by a `pullback`."""
    args = (R((3, 3)), R((3, 2)), R(3), R((4, 2)), R(3))
    source = checked(RNN, *args)
    assert "U_bar = g1.T @ X" in source
    assert source.count("append") == 2
    _, back = pullback(function(RNN), (0, 1))(*args)
    for g, again in zip(back(1.0), back(1.0), strict=True):
        np.testing.assert_array_equal(g, again)


def test_a_matrix_that_is_written_to_and_rows_from_the_end() -> None:
    text = """
def f(W, U, X, h):
    X = X * 1.0
    for t in range(X.shape[0]):
        h = np.tanh(W @ h + U @ X[t] + U @ X[-1])
        X[t] = 0.5 * X[t] + h[:2]
    return np.sum(h * X[0, 0]) + np.sum(X)
"""
    checked(text, R((3, 3)), R((3, 2)), R((4, 2)), R(3))
    text = """
def f(W, U, X, h):
    for t in range(X.shape[0] - 1, -1, -1):
        h = np.tanh(W @ h + U @ X[t])
        if h[0] > 0.8:
            break
    return np.sum(h ** 2)
"""
    checked(text, R((3, 3)), R((3, 2)), R((4, 2)), R(3))


def test_what_the_sum_starts_from_is_added() -> None:
    text = """
def f(W, h):
    s = np.sum(np.sin(W))
    for _ in range(3):
        h = np.tanh(W @ h)
    return np.sum(h) + s * np.sum(W @ h)
"""
    assert "np.outer(t" not in loop_of(checked(text, R((3, 3)), R(3)))


def test_nested_loops() -> None:
    text = """
def f(W, h, n):
    for i in range(n):
        for j in range(i):
            h = np.tanh(W @ h + j)
    return np.sum(h)
"""
    assert "np.outer" not in checked(text, R((3, 3)), R(3), 4)


def test_in_an_arm_it_stays() -> None:
    text = """
def f(W, h):
    for k in range(4):
        if k % 2 == 0:
            h = np.tanh(W @ h)
        else:
            h = np.sin(h)
    return np.sum(h)
"""
    assert "np.outer" in checked(text, R((3, 3)), R(3))


def test_a_while_loop() -> None:
    text = """
def f(W, h):
    while np.sum(h * h) > 0.1:
        h = 0.5 * np.tanh(W @ h)
    return np.sum(h)
"""
    assert "np.outer" not in checked(text, R((3, 3)), R(3))


def test_products_of_matrices_stay() -> None:
    text = """
def f(W, H):
    for _ in range(3):
        H = np.tanh(H @ W)
    return np.sum(H)
"""
    assert "rows" not in checked(text, R((3, 3)), R((5, 3)))


def test_float32_stays_float32() -> None:
    for turns in (4, 0):
        args = [R(s).astype(np.float32) for s in ((3, 3), (3, 2), (3,), (turns, 2), (3,))]
        value, gradient = value_and_grad(function(RNN), (0, 1, 2))(*args)
        assert value.dtype == np.float32
        assert all(g.dtype == np.float32 for g in gradient)


def test_a_wider_seed_is_not_taken() -> None:
    """A column of width 1 is broadcast: its sum is no sum of rows."""
    checked(RNN, R((3, 3)), R((3, 2)), R(1), R((4, 2)), R(3))


COLUMNS = """
def f(W, U, b, V, X, h):
    total = 0.0
    for t in range(X.shape[0]):
        x = np.zeros((U.shape[1], 1))
        x[0] = X[t, 0]
        x[1:, 0] = X[t, 1:] ** 2
        h = np.tanh(W @ h + U @ x + b)
        total = total + np.sum((V @ h) ** 3)
    return total
"""


@pytest.mark.parametrize("turns", [0, 1, 4])
def test_columns(turns: int) -> None:
    """Columns are vectors: `g @ h.T` is an outer product; writes before them do not matter."""
    f = function(COLUMNS)
    args = (R((3, 3)), R((3, 2)), R((3, 1)), R((2, 3)), R((turns, 2)), R((3, 1)))
    wrt = (0, 1, 2, 3, 5)
    d = grad(f, wrt)
    gradient = d(*args)
    assert ".T @ np.reshape(" in backward(d.source)
    assert "W_bar" not in loop_of(d.source)
    for k, g in zip(wrt, gradient, strict=True):
        u = R(np.shape(args[k]))
        up = f(*(a + 1e-6 * u if j == k else a for j, a in enumerate(args)))
        down = f(*(a - 1e-6 * u if j == k else a for j, a in enumerate(args)))
        assert np.shape(g) == np.shape(args[k])
        assert np.sum(g * u) == pytest.approx((up - down) / 2e-6, rel=1e-5, abs=1e-7)


def test_columns_that_are_written_to() -> None:
    """What is written to in the backward sweep is not kept; what is fresh is."""
    text = """
def f(W, h):
    h = h.copy()
    for k in range(3):
        g = W @ h
        h[:] = np.tanh(g)
        h[0] = h[1] * h[2]
    return np.sum(h ** 2)
"""
    source = checked(text, R((3, 3)), R((3, 1)))
    assert "rows.append(h_bar" not in source
    assert "rows.append(g_bar)" in source
    as_it_was_handed = """
def f(W, h):
    h = h.copy()
    for k in range(3):
        h[:] = W @ h
        h[0] = h[1] * h[2]
    return np.sum(h ** 2)
"""
    checked(as_it_was_handed, R((3, 3)), R((3, 1)))
    in_lists = """
def f(W, h):
    hs = [h]
    for k in range(3):
        hs.append(np.tanh(W @ hs[k]))
        hs[k] = hs[k] * hs[k + 1]
    return np.sum(hs[0] * hs[1] * hs[2] * hs[3])
"""
    checked(in_lists, R((3, 3)), R((3, 1)))


def test_a_matrix_of_no_columns() -> None:
    """NumPy cannot tell how many rows an array of nothing has: they are counted."""

    def f(W: Any, X: Any) -> Any:
        h = np.ones(3)
        for t in range(X.shape[0]):
            h = np.tanh(W @ X[t] + h)
        return np.sum(h)

    assert grad(f)(np.zeros((3, 0)), np.zeros((4, 0))).shape == (3, 0)
    assert grad(f, 1)(np.zeros((3, 0)), np.zeros((4, 0))).shape == (4, 0)
