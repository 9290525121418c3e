"""What every transform may be told: `has_aux`, `optimize`, `jit`."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
# Programs of users are not annotated.

from __future__ import annotations

import inspect
import pickle
from typing import Any

import numpy as np
import pytest

from s2sgrad import (
    elementwise_grad,
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    pullback,
    value_and_grad,
    vjp,
)

TRANSFORMS = [
    elementwise_grad,
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    pullback,
    value_and_grad,
    vjp,
]


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_all_take_the_same(transform: Any) -> None:
    p = dict(inspect.signature(transform).parameters)
    assert (p.pop("order", None) is not None) == (transform is jacobian)
    assert list(p) == ["fun", "wrt", "has_aux", "optimize", "jit"]
    assert [v.default for v in p.values()] == [None, 0, False, 1, None]
    assert [v.kind for v in p.values()][2:] == [inspect.Parameter.KEYWORD_ONLY] * 3
    for wrong in (3, -1, True, "2", 1.0):
        with pytest.raises(TypeError, match="optimize="):
            transform(np.sin, optimize=wrong)
    with pytest.raises(TypeError, match="not supported yet"):
        transform(jit="numba")(np.sin)
    with pytest.raises(TypeError, match="no such parameter"):
        transform(lambda x: x, wrt="y")


def scaled(x, y):
    z = np.sin(x) * y
    u = np.cos(x)
    return np.sum(z * u) + np.sum(u * 3.0 * 2.0)


@pytest.mark.parametrize("level", [0, 1, 2])
def test_levels(level: int) -> None:
    x, y = np.linspace(0.1, 2.0, 5), np.linspace(1.0, 2.0, 5)
    d = value_and_grad(scaled, (0, 1), optimize=level)
    value, (gx, gy) = d(x, y)
    assert value == pytest.approx(scaled(x, y), rel=1e-14)
    np.testing.assert_allclose(gx, np.cos(2 * x) * y - 6.0 * np.sin(x))
    np.testing.assert_allclose(gy, np.sin(x) * np.cos(x))
    assert pickle.loads(pickle.dumps(d))._options == d._options


def test_levels_differ() -> None:
    x = np.ones(3)
    plain, usual, free = (value_and_grad(scaled, optimize=k).source_for(x, x) for k in range(3))
    assert len(plain) > len(usual)
    assert "np.vdot(z, u)" in free
    assert "np.vdot" not in usual.split("# backward")[0]


def test_aux_of_elementwise_grad() -> None:
    d = elementwise_grad(lambda x: (x * x, np.sum(x)), has_aux=True)
    got, total = d(np.array([1.0, 2.0]))
    np.testing.assert_array_equal(got, [2.0, 4.0])
    assert total == 3.0
