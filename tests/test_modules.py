"""What a program reads from modules of its own: `network.cost`, `settings.RATE`."""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import sys
import types
from typing import Any

import numpy as np
import pytest

from s2sgrad import grad, value_and_grad
from s2sgrad.errors import DifferentiationError
from tests.passes import function

model = types.ModuleType("model")


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setitem(sys.modules, "model", model)
    vars(model).update(
        square=function("def f(x):\n    return np.sum(x * x)\n"),
        RATE=3.0,
        W=np.array([1.0, 2.0]),
        inner=types.SimpleNamespace(rate=1.0),
    )
    model.part = types.ModuleType("model.part")  # type: ignore[attr-defined]
    model.part.cube = function("def f(x):\n    return x * x * x\n")


def test_functions_and_numbers() -> None:
    def f(x):
        return model.RATE * model.square(x * model.W)

    x = np.array([0.5, -1.5])
    value, gradient = value_and_grad(f)(x)
    assert value == pytest.approx(3.0 * np.sum((x * model.W) ** 2))
    np.testing.assert_allclose(gradient, 6.0 * x * model.W**2, rtol=1e-14)


def test_of_a_package() -> None:
    assert grad(lambda x: model.part.cube(x) * 2.0)(3.0) == 54.0


def test_they_are_read_at_each_call() -> None:
    d = grad(lambda x: model.RATE * model.part.cube(x))
    assert d(1.0) == 9.0
    model.RATE = 5.0  # type: ignore[attr-defined]
    assert d(1.0) == 15.0
    model.part.cube = function("def f(x):\n    return x * x\n")
    assert d(1.0) == 10.0


def test_writes_are_refused() -> None:
    def f(x):
        model.W[0] = x
        return np.sum(model.W**2)

    with pytest.raises(DifferentiationError, match="not an argument"):
        grad(f)(1.0)
    assert model.W[0] == 1.0


def test_other_objects_are_refused() -> None:
    with pytest.raises(DifferentiationError, match="may change between calls"):
        grad(lambda x: model.inner.rate * x)(1.0)
    with pytest.raises(DifferentiationError, match="there is no"):
        grad(lambda x: model.missing * x)(1.0)
