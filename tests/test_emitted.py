"""How stores, accumulations, tests and names are written; what they compute is checked, too."""

from __future__ import annotations

import numpy as np
import pytest

from s2sgrad import value_and_grad
from tests.passes import backward, checked, function

R = np.random.default_rng(11).standard_normal
X, Y = R(6), R(6)

# Statements of a loop over `i` that write to `y`; what the forward or the backward sweep has.
STORES = [
    ("y[i] = y[i] + x[i]", "y[i] += x[i]"),
    ("y[i] = y[i] * x[i] + x[i]", "y[i] = "),
    ("y[i] = y[i] * x[i] - x[0] - x[i]", "y[i] = "),
    ("y[i] = y[i] - x[i] + x[0]", "y[i] = "),
    ("y[i] *= x[i]", "y_bar[i] *= x[i]"),
    ("y[i] = (y[i] + x[i]) * y[i]", "y[i] = "),
    ("y[i] = x[i] - y[i]", "y[i] = x[i] - "),
    ("y[i] = y[i] / (2.0 + x[i] * x[i])", "y_bar[i] "),
    ("y[1:] = y[1:] * x[i] + y[:-1].copy()", "y[1:] = "),
    ("y += x[i] * x", "y += x"),
    ("y -= x[i] * y", "y = y - x"),
    ("y[i] = y[i - 1] + y[i]", "y[i] = "),
]


@pytest.mark.parametrize(("store", "want"), STORES, ids=[s for s, _ in STORES])
def test_stores(store: str, want: str) -> None:
    text = (
        "def f(x, w):\n    y = np.cos(x)\n    for i in range(6):\n"
        f"        {store}\n    return np.sum(w * y)\n"
    )
    assert want in checked(text, X, Y)


def test_a_float_stored_in_ints_is_not_added() -> None:
    f = function(
        "def f(x):\n    k = np.array([1, 2, 3])\n    k[1:] = k[1:] + 0.5\n"
        "    return np.sum(x * k)\n"
    )
    value, gradient = value_and_grad(f)(np.ones(3))
    assert value == 6.0
    np.testing.assert_array_equal(gradient, [1.0, 2.0, 3.0])


# Tests with `and`, `or`, chains, on numbers: each is right on both sides.
TESTS = [
    "a > 0 and b > 0",
    "a > 0 or b > 0",
    "not (a > 0 or b > 0)",
    "0 < a < b",
    "a < b and b < 1 and a > -1",
    "(a > 0 and b > 0) or a < -0.5",
    "a > 0 and (b > 0 or a > 0.5)",
]


@pytest.mark.parametrize("test", TESTS)
@pytest.mark.parametrize("a", [-0.7, 0.3, 0.8])
@pytest.mark.parametrize("b", [-0.4, 0.6])
def test_tests(test: str, a: float, b: float) -> None:
    text = (
        f"def f(a, b):\n    s = a * b\n    if {test}:\n        s = s * a\n"
        "    else:\n        s = s + 3.0 * b\n    return s if a > b else s * s\n"
    )
    source = checked(text, a, b)
    assert source.count("if ") <= 5


def test_a_loop_that_breaks_does_so() -> None:
    text = (
        "def f(x):\n    s = 0.0\n    for v in x:\n        s = s + v * v\n"
        "        if s > 2.0 and v < 1.0:\n            break\n    return s\n"
    )
    assert "break" in checked(text, X)


def test_a_name_stands_for_one_thing() -> None:
    text = (
        "def f(x, y):\n    return np.sum(np.exp(x * y) / np.sqrt(1.0 + y * y)"
        " * np.log(2.0 + x * x))\n"
    )
    source = checked(text, X, Y)
    lines = [line.strip().partition(" = ") for line in source.splitlines()]
    names = [name for name, equals, _ in lines if equals]
    assert len(names) == len(set(names)), source
    assert "exp = np.exp(" in source
    assert all(not n.startswith("t") or n.endswith("_bar") for n in names[names.index("value") :])


def test_added_axes_need_no_buffer() -> None:
    source = checked(
        "def f(x, y):\n    d = x[:, None] - y[None, :]\n    return np.sum(np.exp(-d * d))\n", X, Y
    )
    assert "zeros_like" not in source
    assert "keepdims" not in backward(source)


def test_rows_are_walked_as_they_were() -> None:
    text = (
        "def f(X, w):\n    s = 0.0\n    for x in X:\n        s = s * 0.5 + np.sin(x @ w)\n"
        "    return s\n"
    )
    source = checked(text, R((5, 3)), R(3))
    assert "for x in X:" in source
    assert "in zip(range(X.shape[0] - 1, -1, -1), " in source  # X_bar[i] is asked for
    text = "def f(x, w):\n    s = np.sum(w)\n    for x in x:\n        s = s * x\n    return s\n"
    checked(text, X, Y)
    text = (
        "def f(X, w):\n    s = 0.0\n    for x in X:\n        s = s + x @ w\n        if s > 1.0:\n"
        "            break\n    return s * np.sum(x)\n"
    )
    checked(text, R((5, 3)), R(3))
    text = (
        "def f(X, w):\n    X = X.copy()\n    for x in X:\n"
        "        X[0] = X[0] * w[0] + x[0]\n        w = w * x\n    return np.sum(w) + np.sum(X)\n"
    )
    checked(text, R((4, 3)), R(3))


def test_items_that_are_stored_in_zeros_make_a_display() -> None:
    text = """
def f(y, mu):
    for _ in range(3):
        k = np.array([y[1], mu * (1.0 - y[0] ** 2) * y[1] - y[0]])
        z = y + 0.1 * k
        y = y + 0.1 * np.array([z[1] * z[1], mu * z[0] * z[1] + z[0]]) * k
    return np.sum(y * y)
"""
    assert "np.array([" in backward(checked(text, R(2), 0.7))


def test_items_of_an_array_are_read_together() -> None:
    text = """
def f(x, a):
    z = np.array([x * a, x + a])
    return z[0] * z[1] + z[0] ** 2 * np.sin(z[1])
"""
    assert "z_0, z_1 = z\n" in checked(text, 0.7, 0.3)


@pytest.mark.parametrize("k", [0, 2, 5, 9, -2])
def test_parts_of_a_vector_of_parameters_are_joined(k: int) -> None:
    text = """
def f(theta, w):
    a, b = np.sum(np.sin(theta[:k])), theta[k:]
    return a * np.sum(b * b) + np.sum(np.cos(b)) * np.sum(w)
"""
    assert "np.concatenate" in checked(text.replace("k", str(k)), R(5), X)


def test_sums_take_their_terms_before_writes() -> None:
    text = """
def f(u, dt):
    u = u.copy()
    for _ in range(4):
        u[1:-1] += dt * (u[2:] - u[:-2] * u[1:-1])
    return np.sum(u * u)
"""
    assert "dt_bar += np.sum(" in checked(text, X, 0.1)
