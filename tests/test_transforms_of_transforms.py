"""Transforms of transforms, and derivatives of third and fourth order.

Directional derivatives are known by complex steps, which need no differences; one order more is a
central difference of these.  Higher derivatives in a number are Cauchy's integrals over a circle.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
# Programs of users are not annotated.

from __future__ import annotations

import functools
import math
from collections.abc import Callable
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

X, V, W = np.array([0.3, 0.7, -0.2]), np.array([1.0, 0.5, 2.0]), np.array([0.1, -0.4, 0.3])
EYE = np.eye(3)
F = Callable[[Any], Any]


def vector(x):
    y = np.zeros(3, dtype=x.dtype)
    for k in range(3):
        y[k] = np.sin(x[k]) * x[0] + (y[k - 1] if k else 0.0)
    return y


def scalar(x):
    return np.sum(np.sin(x) * x**3) * x[0]


def elements(x):
    return np.tanh(x) * x


def along(f: F, v: Any) -> F:
    """The derivative in the direction `v`, by a complex step."""
    return lambda x: np.imag(f(x + 1e-30j * v)) / 1e-30


def rows(f: F) -> F:
    """The Jacobian."""
    return lambda x: np.stack([along(f, e)(x) for e in EYE], axis=-1)


def slope(f: F, u: Any, h: float = 1e-5) -> Any:
    """The derivative in the direction `u`, by differences."""
    return (f(X + h * u) - f(X - h * u)) / (2 * h)


def matrix(f: F) -> Any:
    return np.stack([slope(f, e) for e in EYE], axis=-1)


def hess(x):
    """The Hessian of `scalar`, a difference of complex steps."""
    gradient, h = rows(scalar), 1e-5
    return np.stack([(gradient(x + h * e) - gradient(x - h * e)) / (2 * h) for e in EYE], axis=-1)


CASES: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
    "grad of what jvps": (
        lambda: grad(lambda x: W @ jvp(vector)(x, tangents=V)[1])(X),
        lambda: W @ matrix(along(vector, V)),
    ),
    "jvp of grad": (lambda: jvp(grad(scalar))(X, tangents=V)[1], lambda: slope(rows(scalar), V)),
    "vjp of jvp": (
        lambda: vjp(jvp(vector))(X, tangents=V, out_bar=(V, W))[1],
        lambda: V @ rows(vector)(X) + W @ matrix(along(vector, V)),
    ),
    "vjp of jvp in the tangents": (
        lambda: vjp(jvp(vector), wrt="tangents")(X, tangents=V, out_bar=(V, W))[1],
        lambda: W @ rows(vector)(X),
    ),
    "jvp of vjp": (
        lambda: jvp(vjp(vector))(X, tangents=V, out_bar=W)[1],
        lambda: (along(vector, V)(X), W @ slope(rows(vector), V)),
    ),
    "jvp of vjp in the seed": (
        lambda: jvp(vjp(vector), wrt="out_bar")(X, tangents=V, out_bar=W)[1][1],
        lambda: V @ rows(vector)(X),
    ),
    "jacobian of grad": (lambda: jacobian(grad(scalar))(X), lambda: matrix(rows(scalar))),
    "jacobian of hvp": (
        lambda: jacobian(hvp(scalar))(X, vector=V),
        lambda: matrix(lambda x: hess(x) @ V),
    ),
    "vjp of hvp": (
        lambda: vjp(hvp(scalar))(X, vector=V, out_bar=W)[1],
        lambda: W @ matrix(lambda x: hess(x) @ V),
    ),
    "hvp of vjp": (
        lambda: hvp(lambda x: V @ vjp(vector)(x, out_bar=W)[1])(X, vector=V),
        lambda: V @ matrix(lambda x: V @ hess_of(vector, W, x)),
    ),
    "grad of hvp": (
        lambda: grad(lambda x: W @ hvp(scalar)(x, vector=V))(X),
        lambda: W @ matrix(lambda x: hess(x) @ V),
    ),
    "grad of a sum of a jacobian": (
        lambda: grad(lambda x: jacobian(vector)(x).sum())(X),
        lambda: matrix(lambda x: rows(vector)(x).sum()),
    ),
    "jacobian of jacobian": (lambda: jacobian(jacobian(vector))(X), lambda: matrix(rows(vector))),
    "jacobian of hessian": (lambda: jacobian(hessian(scalar))(X), lambda: matrix(hess)),
    "elementwise, twice": (
        lambda: elementwise_grad(elementwise_grad(elements))(X),
        lambda: np.diag(matrix(lambda x: along(elements, np.ones(3))(x))),
    ),
    "pullback of jvp": (
        lambda: pullback(jvp(vector))(X, tangents=V)[1]((0.0 * V, W)),
        lambda: W @ matrix(along(vector, V)),
    ),
    "value and grad of value and grad": (
        lambda: value_and_grad(value_and_grad(lambda a: a**3), has_aux=True)(2.0),
        lambda: ((8.0, 12.0), 12.0),
    ),
}


def hess_of(f: F, w: Any, x: Any) -> Any:
    """The Hessian of `w @ f`."""
    h = 1e-5
    return np.stack([w @ (rows(f)(x + h * e) - rows(f)(x - h * e)) / (2 * h) for e in EYE], axis=-1)


@pytest.mark.parametrize("name", CASES)
def test_a_transform_of_a_transform(name: str) -> None:
    got, want = (c() for c in CASES[name])
    if not isinstance(got, tuple):
        got, want = (got,), (want,)
    for g, w in zip(got, want, strict=True):
        np.testing.assert_allclose(g, w, rtol=2e-4, atol=2e-5)


def test_seeds_are_checked_in_transforms_of_transforms() -> None:
    with pytest.raises(TypeError, match="has the shape"):
        vjp(jvp(vector))(X, tangents=np.ones(4), out_bar=(V, W))
    with pytest.raises(TypeError, match="missing a required argument: 'vector'"):
        grad(hvp(math.sin))(1.0)
    with pytest.raises(TypeError, match="give it a lambda"):
        jvp(jvp(vector))(X, tangents=V)
    assert grad(hvp(lambda a: a**4))(2, vector=1) == 48.0
    twice = jvp(lambda x, t: jvp(vector)(x, tangents=t)[1])
    np.testing.assert_allclose(
        twice(X, V, tangents=W)[1], slope(along(vector, V), W), rtol=1e-4, atol=1e-6
    )


def test_arguments_of_any_kind_in_transforms_of_transforms() -> None:
    def f(x, *rest, k=1.0, **more):
        return x**3 * rest[0] * k * more["m"]

    d = grad(hvp(f))
    assert d(2.0, 3.0, k=2.0, m=5.0, vector=1.0) == pytest.approx(6 * 3.0 * 2.0 * 5.0)

    class Model:
        w = 3.0

        def run(self, x, k=1.0):
            return self.w * x**3 * k

    assert grad(hvp(Model().run))(2.0, vector=1.0) == pytest.approx(18.0)
    assert grad(hvp(grad(Model().run)), wrt="k")(2.0, vector=1.0) == pytest.approx(18.0)
    assert grad(hvp(functools.partial(f, k=2.0)))(2.0, 3.0, m=5.0, vector=1.0) == 180.0
    assert grad(hvp(np.sin))(0.3, vector=1.0) == pytest.approx(-np.cos(0.3))


# -- of third and fourth order


def loop(x):
    s = 0.0
    for k in range(1, 4):
        s = (s + x) ** 2 / k + x * s
    return s


def writes(x):
    y = np.zeros(4, dtype=complex if isinstance(x, complex) else float)
    y[0] = x
    for k in range(1, 4):
        y[k] = y[k - 1] * x + 0.5
        y[k - 1] *= y[k]
    return y.sum()


def helper(a, b):
    return a * b + a * a


def calls(x):
    for _ in range(2):
        x = helper(x, helper(x, 0.5))
    return x


def power(x, n):
    return x if n == 0 else x * power(x + 0.1 * x * x, n - 1)


def recursion(x):
    return power(x, 3)


def counted(x):
    k, y = 0, x
    while k < 3:
        if k == 1:
            y = y * y
        else:
            y = y * (x + 1.0)
        k += 1
    return y


def lists(x):
    xs = [x]
    for k in range(3):
        xs.append(xs[-1] * xs[k // 2] + x)
    return xs[-1]


def by_circle(f: F, x: float, n: int) -> float:
    """The n-th derivative, by Cauchy's integral."""
    points, r = 64, 0.5
    turn = np.exp(2j * np.pi * np.arange(points) / points)
    total = sum(f(complex(x + r * t)) * t**-n for t in turn)
    return float(np.real(total)) * math.factorial(n) / (points * r**n)


@pytest.mark.parametrize(
    "f", [loop, writes, calls, counted, lists, pytest.param(recursion, marks=pytest.mark.slow)]
)
def test_third_and_fourth_derivatives(f: F) -> None:
    x = 0.7
    third, fourth = by_circle(f, x, 3), by_circle(f, x, 4)
    assert grad(grad(grad(f)))(x) == pytest.approx(third, rel=1e-9)
    assert grad(hvp(f))(x, vector=1.0) == pytest.approx(third, rel=1e-9)
    assert jvp(grad(grad(f)))(x, tangents=1.0)[1] == pytest.approx(third, rel=1e-9)
    assert grad(grad(grad(grad(f))))(x) == pytest.approx(fourth, rel=1e-9)
    assert hvp(lambda a: hvp(f)(a, vector=1.0))(x, vector=1.0) == pytest.approx(fourth, rel=1e-9)
    assert grad(lambda a: jvp(grad(grad(f)))(a, tangents=1.0)[1])(x) == pytest.approx(fourth)
