"""What type checkers see: `assert_type` is checked by mypy, the values by the tests."""

from __future__ import annotations

from typing import Any, assert_type

import numpy as np
import pytest

from s2sgrad import elementwise_grad, grad, value_and_grad, vjp
from s2sgrad.derivative import Derivative


def loss(w: float, x: float = 2.0) -> float:
    return w * w * x


@grad
def decorated(w: float, x: float) -> float:
    return w * x


@value_and_grad(wrt="x")
def with_options(w: float, x: float) -> float:
    return w * x


def test_calls_keep_their_parameters() -> None:
    d = grad(loss)
    assert_type(d(1.0, x=3.0), Any)
    assert d(1.0, x=3.0) == 6.0
    assert_type(decorated(1.0, 2.0), Any)
    assert decorated(1.0, 2.0) == 2.0


def test_values_keep_their_type() -> None:
    value, g = value_and_grad(loss)(1.0)
    assert_type(value, float)
    assert_type(g, Any)
    assert (value, g) == (2.0, 4.0)
    assert_type(with_options(1.0, 2.0), tuple[float, Any])
    assert with_options(1.0, 2.0) == (2.0, 1.0)
    out = vjp(loss)(1.0, out_bar=2.0)
    assert_type(out, tuple[float, Any])
    assert out == (2.0, 8.0)
    square = elementwise_grad(np.square)
    assert isinstance(square, Derivative)
    assert grad(loss, wrt=("w", "x"))(1.0) == (4.0, 1.0)


def test_wrong_calls_are_told() -> None:
    with pytest.raises(TypeError, match="it is str"):
        grad(loss)("a", 2.0)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="missing"):
        decorated(1.0)  # type: ignore[call-arg]
