"""The logistic function where `exp` overflows: derivatives are 0, and elsewhere lose no digit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from s2sgrad import grad, hessian, hvp, jvp

Z = np.array([-800.0, -30.0, -0.5, 0.0, 2.0, 30.0, 800.0])


def exact(z: Any) -> Any:
    """e / (1 + e)**2 of the smaller of exp(z) and exp(-z)."""
    e = np.exp(-np.abs(z))
    return e / (1 + e) ** 2


PROGRAMS: list[Any] = [
    lambda z: np.sum(1 / (1 + np.exp(-z))),
    lambda z: np.sum(1.0 / (np.exp(-z) + 1.0)),
    lambda z: np.sum((1 + np.exp(-z)) ** -1),
    lambda z: np.sum(np.reciprocal(1 + np.exp(-z))),
    lambda z: np.sum(2.0 / (2.0 + 2.0 * np.exp(-z))),
]


@pytest.mark.parametrize("f", PROGRAMS)
def test_gradients(f: Any) -> None:
    with np.errstate(over="ignore"):  # as the program itself must; nothing else is raised
        np.testing.assert_allclose(grad(f)(Z), exact(Z), rtol=1e-13, atol=1e-300)
        single = grad(f)(Z.astype(np.float32))
        for u in (np.ones(7), np.arange(7.0)):
            _, dot = jvp(f)(Z, tangents=u)
            np.testing.assert_allclose(dot, exact(Z) @ u, rtol=1e-13)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, exact(Z), rtol=1e-5, atol=1e-30)


@pytest.mark.parametrize("f", PROGRAMS[:2])
def test_second_derivatives(f: Any) -> None:
    with np.errstate(over="ignore"):
        got = hvp(f)(Z, vector=np.ones(7))
        whole = hessian(f)(Z)
    s = 1 / (1 + np.exp(-np.clip(Z, -700, 700)))
    np.testing.assert_allclose(got, exact(Z) * (1 - 2 * s), rtol=1e-12, atol=1e-300)
    np.testing.assert_allclose(np.diag(whole), got, rtol=1e-9, atol=1e-20)


def test_numbers() -> None:
    def f(z: float) -> float:
        return 1 / (1 + np.exp(-z))  # type: ignore[no-any-return]

    with np.errstate(over="ignore"):
        assert grad(f)(-800.0) == 0.0
        assert grad(grad(f))(-800.0) == 0.0
    assert grad(f)(0.0) == 0.25
