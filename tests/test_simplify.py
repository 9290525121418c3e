"""The algebra of `passes/simplify`: what is written, that it is right, and what is left alone."""

from __future__ import annotations

import ast

import numpy as np
import pytest

from s2sgrad import grad, value_and_grad
from tests.passes import backward, checked, function

R = np.random.default_rng(5).standard_normal

VALUES = {
    "a": 0.3,
    "b": 0.7,
    "x": R(4),
    "y": R(4),
    "m": R((3, 4)),
    "col": R((3, 1)),
    "one": R((1, 1)),
    "cube": R((2, 3, 4)),
}

CASES = [
    # literal factors are one factor
    ("3.0 * np.sum(2.0 * x * y)", "(6.0 * y, 3.0 * t)"),
    ("np.sum(x * 2.0 / 4.0)", "np.full_like(x, 0.5)"),
    ("a * b * 2.0 * 3.0", "(6.0 * b, 6.0 * a)"),
    # numbers are multiplied before arrays
    ("np.sum(np.sin(x) * a * b)", "b * a * np.cos(x)"),
    # the cotangent of a mean stays a number
    ("np.mean(np.sin(x))", "np.cos(x) / sin.size"),
    ("np.mean(x**2)", "2.0 / x.size * x"),
    ("np.sum(np.mean(x * m, axis=1) ** 2)", "2.0 / t.shape[1] * "),
    # equal terms
    ("np.sum(x * x)", "2.0 * x"),
    ("np.sum(x**3)", "3.0 * t"),
    ("a * a * a", "3.0 * t"),
    # signs
    ("-np.sum(-x * y)", ""),
    ("np.sum(x - y)", "np.full_like(x, -1.0)"),
    ("np.sum((m - x) * np.cos(m))", "-np.sum("),
    ("np.sum(x * y - np.sin(x))", "y - np.cos(x)"),
    # `1 / a * b`
    ("np.sum(np.log(np.sum(np.exp(m), axis=1, keepdims=True)))", "(exp / total,)"),
    # broadcasting undone by a sum
    ("np.sum(np.sin(m + x))", "np.sum(t_bar, axis=0)"),
    ("np.sum(np.sin(m * a))", "m_bar = a * t_bar\nreturn np.sum(np.sin(t)), (np.sum(t_bar * m), "),
    ("np.sum(np.sin(m + col))", "np.sum(t_bar, axis=1, keepdims=True)"),
    ("np.sum(np.sin(m + one))", "np.sum(t_bar, axis=(0, 1), keepdims=True)"),
    ("np.sum(np.sin(cube + col))", "np.sum(np.sum(t_bar, axis=0), axis=1, keepdims=True)"),
    ("np.sum(x + a)", "x.size"),
    ("np.sum(m + x)", "t.shape[0]"),
    ("np.sum(col * x)", "np.full_like(x, np.sum(col, axis=0))"),
]


@pytest.mark.parametrize(("expression", "want"), CASES, ids=[c[0] for c in CASES])
def test_what_is_written(expression: str, want: str) -> None:
    used = {n.id for n in ast.walk(ast.parse(expression)) if isinstance(n, ast.Name)}
    names = [n for n in VALUES if n in used]
    text = f"def f({', '.join(names)}):\n    return {expression}\n"
    source = checked(text, *(VALUES[n] for n in names))
    assert want in backward(source), source
    assert "_unbroadcast" not in source


def test_powers_of_arrays_are_products() -> None:
    source = checked("def f(x):\n    return np.sum(x ** 3 + x ** 2)\n", VALUES["x"])
    assert "**" not in source


def test_powers_of_python_floats_still_raise() -> None:
    f = function("def f(x):\n    return x ** 2\n")
    with pytest.raises(OverflowError):
        value_and_grad(f)(1e200)
    assert grad(f)(3.0) == 6.0


def test_no_reordering_of_arrays() -> None:
    """`x * (y * y)` must not become `(x * y) * y`: here that would overflow."""
    f = function("def f(x, y):\n    return np.sum(1e-10 * (x * (y * y)))\n")
    x, y = np.array([1e300]), np.array([1e-200])
    gx, gy = grad(f, (0, 1))(x, y)
    assert np.isfinite(gx).all()
    assert np.isfinite(gy).all()


def test_the_primal_is_not_reordered() -> None:
    f = function("def f(x, a, b):\n    return np.sum(x * a * b * 2.0 / 3.0)\n")
    x = R(50)
    value, _ = value_and_grad(f)(x, 0.1, 0.7)
    assert value == f(x, 0.1, 0.7)


def test_float32_stays_float32() -> None:
    f = function("def f(x, s):\n    return np.mean(x * s * 2.0) + np.sum(x ** 2)\n")
    x = R(4).astype(np.float32)
    for s in (0.5, np.float32(0.5), np.float64(0.5)):
        (g,) = grad(f, (0,))(x, s)
        assert g.dtype == np.float32
        np.testing.assert_allclose(g, 2 * x + s / 2, rtol=1e-6)


def test_a_test_that_is_computed_again_is_the_same() -> None:
    """The backward sweep decides as the forward sweep did, to the last bit."""
    text = """
def f(x, n):
    s = 0.0
    for k in range(n):
        t = x * 3.0 * k / 10.0 / 3.0
        if t * 10.0 == x * k:
            s += math.sin(x) * t
        else:
            s -= math.cos(x)
    return s
"""
    f = function(text)
    for x in np.linspace(0.1, 2.0, 37):
        want = 0.0
        for k in range(13):
            t = float(x) * 3.0 * k / 10.0 / 3.0
            if t * 10.0 == float(x) * k:
                want += np.cos(x) * t + np.sin(x) * k / 10.0
            else:
                want += np.sin(x)
        assert grad(f)(float(x), 13) == pytest.approx(want, rel=1e-12)


def test_empty_arrays() -> None:
    f = function("def f(x, a):\n    return np.sum(x * a) + np.sum(x + a)\n")
    gx, ga = grad(f, (0, 1))(np.zeros(0), 2.0)
    assert gx.shape == (0,)
    assert ga == 0.0


def test_a_factor_that_lacks_the_summed_axis_is_multiplied_afterwards() -> None:
    text = "def f(x, y, m):\n    return np.sum(np.sin((m - x) * y))\n"
    source = checked(text, VALUES["x"], VALUES["y"], VALUES["m"], wrt=(0,))
    assert "axis=0) * y" in backward(source), source
