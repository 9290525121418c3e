"""Zero annihilates: guards stand where a partial may be infinite, and only there."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from s2sgrad import grad
from tests.passes import backward, checked, differences, function

X = np.array([-1.5, 0.0, 0.7, 2.0, -0.0, 3.0])
Y = np.array([0.5, -1.0, 1.5, 0.25, 2.0, -0.5])

# What the mask excludes is a singularity, of the function itself or of a partial.
SINGULAR = [
    "np.where(x > 0.0, np.sqrt(x), 0.0)",
    "np.where(x > 0.0, np.log(x), 0.0)",
    "np.where(x > 0.0, y / x, 0.0)",
    "np.where(x != 0.0, np.sin(x) / x, 1.0)",
    "np.where(x > 0.0, x**0.5 * y, 0.0)",
    "np.where(x > 0.0, 1.0, y / x)[x > 0.0]",
    "np.where(x > 0.0, np.sqrt(np.where(x > 0.0, x, 1.0)), 0.0)",
    "np.where(x > 0.0, y / np.where(x > 0.0, x, 1.0), 0.0)",
    # the logarithm of what stands in for `x` is zero
    "np.where(x > 0.0, y / np.log(np.where(x > 0.0, x, 1.0)), 0.0)",
    "np.where(x > 0.0, y / (np.where(x > 0.0, x, 1.0) - 1.0), 0.0)",
    # two masks: the second excludes what the first lets through
    "np.where(x > -1.0, np.where(x > 0.0, np.sqrt(x), 0.0), 0.0)",
    "np.where(y > 0.0, np.where(x > 0.0, np.log(x) / y, 0.0), 0.0)",
    "np.where(x > 0.0, np.where(y > 0.0, y / np.where(x > 0.0, x, 1.0), 0.0), 0.0)",
    "np.where(y > 0.0, np.where(x > 0.0, np.sqrt(np.where(y > 0.0, x, 1.0)), 0.0), 0.0)",
    "np.where(x > 0.0, np.maximum(y, np.sqrt(np.where(x > 0.0, x, 1.0))), 0.0)",
    "np.maximum(np.where(x > 0.0, np.sqrt(np.where(x > 0.0, x, 1.0)), 0.0), y)",
    "np.where(x > 0.0, np.log(np.exp(y) / x), 0.0)",
    # bounds that do not hold
    "np.where(x > 0.0, 1.0 / (1.0 + np.sign(x)), 0.0)",
    "np.where(x > 0.0, 1.0 / np.sum(np.maximum(x, 0.0)[:, None] * np.ones(3), axis=1), 0.0)",
    "np.where(x > 0.0, np.sqrt(x * np.abs(x)), 0.0)",
    "np.where(x * y > 0.0, np.sqrt(x * y), 0.0)",
]


@pytest.mark.parametrize("expression", SINGULAR)
def test_zeros_annihilate(expression: str) -> None:
    f = function(f"def f(x, y):\n    return np.sum({expression})\n")
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gradient = grad(f, ("x", "y"))(X, Y)
        for g in gradient:
            assert np.all(np.isfinite(g)), g
        smooth = np.abs(X) > 0.1  # differences do not step onto the singularity

        def shifted(x: np.ndarray, y: np.ndarray) -> float:
            return float(f(np.where(smooth, x, X), y))

        kept = (np.where(smooth, gradient[0], 0.0), gradient[1])
        differences(shifted, (X, Y), (0, 1), kept)


# What is divided by is bounded away from zero.
REGULAR = [
    "np.sum(np.where(x > 0.0, y / (1.0 + x * x), 0.0))",
    "np.sum(np.where(x > 0.0, np.sqrt(x * x + 1e-5), 0.0))",
    "np.sum(np.where(x > 0.0, x / 6.0 * y, 0.0))",
    "np.sum(np.where(x > 0.0, x**3 * y, 0.0))",
    "np.sum(np.where(x > 0.0, np.log(1.0 + np.abs(x * y)), 0.0))",
    "np.sum((np.exp(x - np.max(x)) / np.sum(np.exp(x - np.max(x))))[1:3] * y[1:3])",
]


@pytest.mark.parametrize("expression", REGULAR)
def test_no_guard_where_partials_are_finite(expression: str) -> None:
    source = checked(f"def f(x, y):\n    return {expression}\n", X + 0.1, Y)
    assert "!= 0.0" not in source, source


def test_what_overflows_is_guarded() -> None:
    """`a / b` of `exp` that overflowed is NaN, though `b` is at least 1."""
    f = function(
        "def f(x, w):\n"
        "    e = np.exp(w)\n"
        "    return np.sum(np.where(w < 700.0, x * (e / (1.0 + e)), x))\n"
    )
    with np.errstate(all="ignore"):
        gradient = grad(f)(np.ones(3), np.array([0.0, 1.0, 800.0]))
    np.testing.assert_allclose(gradient, [0.5, 1 / (1 + np.exp(-1.0)), 1.0])


def test_the_mask_itself_is_the_guard() -> None:
    source = checked(
        "def f(x, y):\n    return np.sum(np.where(x > 0.0, y / x, 0.0))\n", np.abs(X) + 0.5, Y
    )
    assert "!= 0.0" not in backward(source), source
