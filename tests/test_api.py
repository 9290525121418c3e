"""What the transforms promise beyond numbers: exceptions, memory, refusals."""

from __future__ import annotations

import math
import types
from typing import Any

import numpy as np
import pytest

from s2sgrad import grad, value_and_grad, vjp
from s2sgrad.errors import DifferentiationError


class Settings:
    rate = 2.0


settings = types.SimpleNamespace(rate=2.0)
RATE = 3.0


def logarithm(x: float) -> float:
    return math.log(x)


def test_the_exception_of_the_primal_propagates() -> None:
    with pytest.raises(ValueError, match=r"math domain error|positive"):
        grad(logarithm)(-1.0)
    assert grad(logarithm)(2.0) == 0.5


def test_a_global_number_is_read_at_each_call(monkeypatch: pytest.MonkeyPatch) -> None:
    def scaled(x: float) -> float:
        return RATE * x

    d = grad(scaled)
    assert d(1.0) == 3.0
    monkeypatch.setitem(globals(), "RATE", 5.0)
    assert d(1.0) == 5.0


def test_an_attribute_of_a_global_object_is_refused() -> None:
    def scaled(x: float) -> Any:
        return settings.rate * x

    with pytest.raises(DifferentiationError, match="may change between calls"):
        grad(scaled)(1.0)


def test_an_attribute_of_a_class_is_read_at_each_call(monkeypatch: pytest.MonkeyPatch) -> None:
    def scaled(x: float) -> Any:
        return Settings.rate * x

    d = grad(scaled)
    assert d(1.0) == Settings.rate
    monkeypatch.setattr(Settings, "rate", 7.0)
    assert d(1.0) == 7.0


def test_writes_leave_the_arguments_alone() -> None:
    def out(x: Any) -> Any:
        y = np.zeros(3)
        np.multiply(x, x, out=y)
        return y.sum()

    def third(x: Any) -> Any:
        y = np.zeros(3)
        np.multiply(x, x, y)
        return y.sum()

    def item(x: Any) -> Any:
        x[0] = 1.0
        return x.sum()

    def augmented(x: Any) -> Any:
        x += 1.0
        return x.sum()

    for f, want in ((out, 4.0), (third, 4.0), (item, [0.0, 1.0, 1.0]), (augmented, 1.0)):
        x = np.full(3, 2.0)
        np.testing.assert_array_equal(grad(f)(x), np.zeros(3) + want)
        np.testing.assert_array_equal(x, np.full(3, 2.0))


def test_a_gradient_owns_its_memory() -> None:
    def total(x: Any, y: Any) -> Any:
        return np.sum(x + y)

    v = np.ones(3)
    gx, gy = grad(total, wrt=(0, 1))(v, v)
    assert not np.shares_memory(gx, gy)
    assert not np.shares_memory(gx, v)
    seed = np.ones(3)
    _, bar = vjp(lambda x: x * 1.0)(v, out_bar=seed)
    assert not np.shares_memory(bar, seed)


def test_float32_stays_float32() -> None:
    def weighted(x: Any, w: Any) -> Any:
        return np.sum(x * w)

    g = grad(weighted)(np.ones(3, np.float32), np.ones(3))
    assert g.dtype == np.float32


def test_a_default_is_a_value_like_any_other() -> None:
    def product(x: float, y: float = 2.0) -> float:
        return x * y

    assert value_and_grad(product, wrt=("x", "y"))(3.0) == (6.0, (2.0, 3.0))
    assert grad(product)(3.0, y=5.0) == 5.0


def test_return_from_a_loop_that_may_run_out() -> None:
    def first(x: Any) -> Any:
        for i in range(3):
            if x[i] > 0:
                return x[i] * 2
        return x[0]

    np.testing.assert_array_equal(grad(first)(np.array([-1.0, 2.0, 3.0])), [0.0, 2.0, 0.0])
    np.testing.assert_array_equal(grad(first)(-np.ones(3)), [1.0, 0.0, 0.0])


def test_chained_assignment() -> None:
    def square(x: float) -> float:
        a = b = x * 2
        return a * b

    assert value_and_grad(square)(3.0) == (36.0, 24.0)


def test_the_source_is_the_same_bytes_each_time() -> None:
    def loss(w: Any, X: Any, y: Any) -> Any:
        return np.mean((np.tanh(X @ w) - y) ** 2)

    args = np.ones(3), np.ones((4, 3)), np.ones(4)
    one, two = value_and_grad(loss), value_and_grad(loss)
    one(*args), two(*args)
    assert one.source == two.source


def test_wrong_wrt() -> None:
    with pytest.raises(TypeError, match="no such parameter"):
        grad(logarithm, wrt="y")
    with pytest.raises(TypeError, match="not float"):
        grad(lambda x: np.sum(x * 2.0))(np.arange(3))
    with pytest.raises(TypeError, match="use vjp"):
        grad(lambda x: x * 2.0)(np.ones(3))
