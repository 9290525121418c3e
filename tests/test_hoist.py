"""Loop invariants: what is moved, and what must stay."""

from __future__ import annotations

import numpy as np
import pytest

from s2sgrad import grad, value_and_grad
from tests.passes import checked, function

R = np.random.default_rng(23).standard_normal


def loop_of(source: str) -> str:
    """The text of the first loop."""
    rest = source.partition("    for ")[2]
    return rest.partition("    value")[0].partition("# backward")[0]


def test_arithmetic_on_numbers_leaves_any_loop() -> None:
    text = "def f(x, a, n):\n    for _ in range(n):\n        x = x - a * 0.1 * x\n    return x\n"
    source = checked(text, 0.7, 0.3, 4)
    assert "0.1" not in loop_of(source), source
    assert value_and_grad(function(text), (0, 1))(0.7, 0.3, 0) == (0.7, (1.0, 0.0))


def test_arrays_leave_a_loop_that_surely_runs() -> None:
    text = """
def f(x, m):
    for _ in range(3):
        x = np.sin(x) @ np.exp(m)
    return np.sum(x)
"""
    source = checked(text, R(3), R((3, 3)))
    assert "np.exp" not in loop_of(source), source
    assert "tape.append(np.exp" not in source


def test_arrays_stay_in_a_loop_that_may_be_empty() -> None:
    text = """
def f(x, m, n):
    for _ in range(n):
        x = np.sin(x) @ np.log(m)
    return np.sum(x)
"""
    source = checked(text, R(3), R((3, 3)) ** 2 + 1.0, 2)
    assert "np.log" in loop_of(source)
    x = R(3)
    bad = np.zeros((3, 3))  # np.log would warn, which is an error here
    np.testing.assert_array_equal(grad(function(text))(x, bad, 0), np.ones(3))


def test_what_raises_stays() -> None:
    text = "def f(x, a):\n    for _ in range(3):\n        x = x * math.log(a)\n    return x\n"
    assert "math.log(a)" in loop_of(checked(text, 0.7, 2.5))


def test_nothing_is_moved_over_an_assertion() -> None:
    text = """
def f(x, m):
    for k in range(3):
        assert k < 5, "never"
        x = np.sin(x) @ np.log(m)
    return np.sum(x)
"""
    assert "np.log" in loop_of(checked(text, R(3), R((3, 3)) ** 2 + 1.0))


def test_nested_loops_hand_it_on_outwards() -> None:
    text = """
def f(x, a, b, n):
    s = 0.0
    for i in range(n):
        for j in range(n):
            s += x * (a * b) * (a * i) + j
    return s
"""
    source = checked(text, 0.7, 0.3, 1.5, 3)
    before = source.partition("for i")[0]
    assert "a * b" in before


def test_the_test_of_a_while() -> None:
    text = "def f(x, a):\n    while x < a * 3.0 + 1.0:\n        x = x * 1.5\n    return x * a\n"
    source = checked(text, 0.7, 0.3)
    assert "1.0" not in source.partition("while")[2].partition("\n")[0]


def test_views_and_sizes_stay() -> None:
    text = """
def f(x, m):
    for _ in range(2):
        x = np.tanh(m.T @ x)
    return np.sum(x)
"""
    assert "m.T @ x" in loop_of(checked(text, R(3), R((3, 3))))


@pytest.mark.parametrize("n", [0, 1, 3])
def test_a_number_of_turns_that_varies(n: int) -> None:
    text = """
def f(x, a, n):
    s = x * 0.0
    for k in range(n):
        for j in range(k):
            s = s + x * (a * 2.0 + k) * j
    return s + a
"""
    checked(text, 0.7, 0.3, n)
