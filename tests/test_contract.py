"""`np.sum(a * b)` as `np.vdot(a, b)`: where, and where not."""

from __future__ import annotations

import numpy as np
import pytest

from s2sgrad import grad
from tests.passes import backward, checked, function

R = np.random.default_rng(11).standard_normal
TEXT = "def f(x, s):\n    return np.sum(np.sin(np.cos(x) * s))\n"


def test_vectors() -> None:
    assert "np.vdot(" in backward(checked(TEXT, R(5), 0.7))


def test_products_of_matrices() -> None:
    text = "def f(x, m, s):\n    p = x @ m\n    return np.sum(np.sin(p * s) * p)\n"
    assert "np.vdot(" in backward(checked(text, R((3, 4)), R((4, 2)), 0.7))


def test_the_primal_keeps_its_summation() -> None:
    source = checked("def f(x):\n    return np.sum(np.sin(x) * np.cos(x))\n", R(5))
    assert "vdot" not in source


@pytest.mark.parametrize(
    "x", [R((3, 4)), R((3, 4)).T, np.asfortranarray(R((3, 4)))], ids=["C", "T", "F"]
)
def test_not_where_the_order_of_an_argument_decides(x: np.ndarray) -> None:
    assert "vdot" not in checked(TEXT, x, 0.7)


def test_not_in_float32() -> None:
    f = function(TEXT)
    d = grad(f, (0, 1))
    x = R(4).astype(np.float32)
    gx, gs = d(x, 0.5)
    assert "vdot" not in d.source
    assert gx.dtype == np.float32
    assert gs == pytest.approx(float(np.sum(np.cos(np.cos(x) * 0.5) * np.cos(x))), rel=1e-5)


def test_not_where_a_factor_is_broadcast() -> None:
    text = "def f(x, m, s):\n    return np.sum(np.sin(np.cos(x) * s) * np.exp(m))\n"
    checked(text, R((3, 1)), R((1, 4)), 0.7)


def test_the_product_is_kept_where_it_is_read_again() -> None:
    text = "def f(x, s):\n    t = np.cos(x)\n    return np.sum(np.sin(t * s) * (t * s))\n"
    checked(text, R(5), 0.7)
