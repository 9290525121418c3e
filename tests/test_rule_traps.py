"""Traps: derivatives that other tools get silently wrong, and the edges of domains.

`TRAPS` has one entry for each row of coverage.csv that names one.  A program is differentiated by
the compiler and compared with central differences; at an edge, with the one-sided limit or with the
convention that docs/language.md states.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
# Programs of users are not annotated.

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from s2sgrad import grad
from s2sgrad.errors import DifferentiationError

R = np.random.default_rng(11).uniform
W = R(0.5, 1.5, size=(4, 3))
MASK = np.array([[True, False, True], [True, True, False], [False, True, True], [True] * 3])


def differences(f: Callable[..., Any], x: Any, u: Any) -> float:
    """The central difference in the direction `u`."""
    h = 1e-6
    return float((f(x + h * u) - f(x - h * u)) / (2 * h))


def agrees(f: Callable[..., Any], x: Any) -> None:
    """The gradient has the shape of `x` and the slope of `f`."""
    g = grad(f)(x)
    assert np.shape(g) == np.shape(x)
    u = R(-1, 1, size=np.shape(x)) if np.ndim(x) else 1.0
    assert float(np.sum(g * u)) == pytest.approx(differences(f, x, u), rel=2e-5, abs=2e-6)


M = R(0.2, 0.9, size=(4, 3))
V = R(0.2, 0.9, size=6)
TRAPS: dict[str, list[tuple[Callable[..., Any], Any]]] = {
    "mean(where=)": [
        (lambda x: np.mean(x * x, where=MASK), M),
        (lambda x: np.sum(W[0] * np.mean(x * x, axis=0, where=MASK)), M),
        (lambda x: np.sum(W[0] * np.sum(x * x, axis=0, where=MASK)), M),
        (lambda x: np.sum(W[:1] * np.sum(x * x, axis=0, where=MASK, keepdims=True)), M),
        (lambda x: np.sum(W[0] * np.prod(x * x, axis=0, where=MASK, initial=2.0)), M),
        (lambda x: np.sum(W[0] * np.mean(x * x, axis=0, where=x > 0.4)), M),
    ],
    "max(initial=)": [
        (lambda x: np.max(x * x, initial=0.1), M),
        (lambda x: np.max(x * x, initial=5.0), M),
        (lambda x: np.sum(W[0] * np.max(x, axis=0, initial=0.7)), M),
        (lambda x: np.sum(W[0] * np.min(x, axis=0, initial=0.5, where=MASK)), M),
        (lambda x: np.sum(x * x, initial=3.0), M),
        (lambda x: np.sum(W[0] * np.prod(x, axis=0, initial=3.0)), M),
    ],
    "where with a scalar branch": [
        (lambda x: np.sum(W * np.where(MASK, x, 2.0) ** 2), M),
        (lambda s: np.sum(W * np.where(MASK, s, 2.0) ** 2), 0.7),
        (lambda s: np.sum(W * np.where(MASK, W, s) ** 2), 0.7),
        (lambda x: np.sum(W * np.where(MASK, x[:, :1], x[:1]) ** 2), M),
    ],
    "tile (fewer reps than dims)": [
        (lambda x: np.sum(np.tile(x, 2) ** 2 * np.arange(24.0).reshape(4, 6)), M),
        (lambda x: np.sum(np.tile(x, (2,)) ** 2 * np.arange(24.0).reshape(4, 6)), M),
        (lambda x: np.sum(np.tile(x, (2, 1, 1)) ** 2 * W), M),
    ],
    "clip wrt bounds / array bounds": [
        (lambda a: np.sum(W * np.clip(M, a, 0.8) ** 2), 0.45),
        (lambda a: np.sum(W * np.clip(M, a_min=a, a_max=0.8) ** 2), 0.45),
        (lambda b: np.sum(W * np.clip(M, None, b) ** 2), R(0.4, 0.7, size=3)),
        (lambda b: np.sum(W * np.clip(M, b, b + 0.2) ** 2), R(0.3, 0.5, size=(4, 1))),
    ],
    "linspace(endpoint=False)": [
        (lambda x: np.sum(W[:, 0] * np.linspace(x[0], x[1], 4, endpoint=False) ** 2), V),
        (lambda x: np.sum(W * np.linspace(x[:3], x[3:], 4, endpoint=False) ** 2), V),
        (lambda x: np.sum(W[:, 0] * np.linspace(start=x[0], stop=x[1], num=4) ** 2), V),
    ],
    "roll (tuple shift/axis)": [
        (lambda x: np.sum(W * np.roll(x, (1, -2), (0, 1)) ** 2), M),
        (lambda x: np.sum(W * np.roll(x, (1, 2), axis=(0, 0)) ** 2), M),
        (lambda x: np.sum(W * np.roll(x, 3) ** 2), M),
    ],
    "outer of 2-d arguments": [
        (lambda x: np.sum(np.outer(x[:2, :2], x[2]) ** 2 * W), M),
        (lambda x: np.sum(np.multiply.outer(x[:, 0], x) ** 2 * W), M),
    ],
    "prod with a zero entry": [
        (lambda x: np.sum(W[0] * np.prod(x, axis=0)), np.where(MASK, M, 0.0)),
        (lambda x: np.prod(x), np.array([0.5, 0.0, 2.0])),
        (lambda x: np.prod(x), np.array([0.5, 0.0, 0.0])),
        (lambda x: np.sum(W[0] * np.cumprod(x)), np.array([0.5, 0.0, 2.0])),
        (lambda x: math.prod([x[0], x[1], x[2]]), np.array([0.5, 0.0, 2.0])),
    ],
    "sinc at 0": [
        (lambda x: np.sum(W[0] * np.sinc(x)), np.array([0.0, 1e-5, -0.5])),
        (lambda x: np.sinc(x), 0.0),
    ],
    "norm(axis, keepdims=True)": [
        (lambda x: np.sum(W * x / np.linalg.norm(x, axis=1, keepdims=True)), M),
        (lambda x: np.sum(W * x / np.linalg.norm(x, axis=0, keepdims=True)), M),
        (lambda x: np.sum(W * x / np.linalg.norm(x, 1, axis=0, keepdims=True)), M),
        (lambda x: np.sum(W * x / np.linalg.norm(x, np.inf, axis=1, keepdims=True)), M),
        (lambda x: np.sum(W * x / np.linalg.norm(x, axis=None, keepdims=True)), M),
    ],
    "sum(axis=(0,1)) / prod(axis tuple)": [
        (lambda x: np.sum(x * x, axis=(0, 1)) ** 2, M),
        (lambda x: np.prod(x, axis=(0, 1)), M),
        (lambda x: np.sum(W[0, 0] * np.prod(x.reshape(2, 2, 3), axis=(0, 2)) ** 2), M),
        (lambda x: np.sum(np.mean(x.reshape(2, 2, 3), axis=(-1, 0)) ** 2), M),
    ],
    "squeeze/expand_dims with axis tuple": [
        (lambda x: np.sum(np.squeeze(x[None, :, None], (0, 2)) ** 2 * W), M),
        (lambda x: np.sum(np.expand_dims(x, (0, 2)) ** 2 * W[:, None]), M),
    ],
}


@pytest.mark.parametrize(("name", "k"), [(n, k) for n, fs in TRAPS.items() for k in range(len(fs))])
def test_trap(name: str, k: int) -> None:
    f, x = TRAPS[name][k]
    agrees(f, x)


NORMS: list[Callable[..., Any]] = [
    lambda x: np.linalg.norm(x), lambda x: np.linalg.norm(x, 1), lambda x: np.linalg.norm(x, 2),
    lambda x: np.linalg.norm(x, 3), lambda x: np.linalg.norm(x, 1.5),
    lambda x: np.linalg.norm(x, np.inf),
]  # fmt: skip


@pytest.mark.parametrize("k", range(len(NORMS)))
def test_norm_at_zero(k: int) -> None:
    """The trap "norm at 0": its subgradient 0."""
    np.testing.assert_array_equal(grad(NORMS[k])(np.zeros(3)), 0.0)


def test_norm_of_a_matrix_with_a_zero_row() -> None:
    x = M.copy()
    x[1] = 0.0
    g = grad(lambda x: np.sum(W[:, 0] * np.linalg.norm(x, axis=1)))(x)
    np.testing.assert_array_equal(g[1], 0.0)
    assert np.all(g[[0, 2, 3]] != 0)


def test_inf_norms() -> None:
    for f in (lambda x: np.linalg.norm(x, np.inf), lambda x: np.linalg.norm(x, -np.inf),
              lambda x: np.linalg.norm(x[0], np.inf), lambda x: np.linalg.norm(x[0], -np.inf),
              lambda x: np.sum(W[0] * np.linalg.norm(x, np.inf, axis=0))):  # fmt: skip
        agrees(f, M)


def test_std_of_constant_data() -> None:
    """The trap "std of constant data": 0."""
    np.testing.assert_array_equal(grad(lambda x: np.std(x))(np.ones(4)), 0.0)
    agrees(lambda x: np.std(x, ddof=1), V)


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning", "ignore:divide by zero")
def test_where_hides_a_singularity() -> None:
    """The trap "where hiding sqrt(negative)": the branch not taken gives exactly 0."""
    x = np.array([4.0, 0.0, -1.0])
    g = grad(lambda x: np.sum(np.where(x > 0, np.sqrt(x), 0.0)))(x)
    np.testing.assert_allclose(g, [0.25, 0.0, 0.0])
    g = grad(lambda x: np.sum(np.where(x > 0, x * np.log(x), 0.0)))(x)
    np.testing.assert_allclose(g, [np.log(4.0) + 1, 0.0, 0.0])
    g = grad(lambda x: np.sum(np.where(x > 0, np.tanh(1.0 / x), x)))(x)
    np.testing.assert_allclose(g, [-(1 - np.tanh(0.25) ** 2) / 16, 1.0, 1.0])
    g = grad(lambda x: np.sum(np.sqrt(x)[:1]))(x)
    np.testing.assert_allclose(g, [0.25, 0.0, 0.0])
    g = grad(lambda x: np.sum(np.maximum(np.sqrt(x), 1.0)))(np.array([4.0, 0.0]))
    np.testing.assert_allclose(g, [0.25, 0.0])


def test_full_like_and_full() -> None:
    agrees(lambda s: np.sum(W * np.full_like(M, s) ** 2), 0.7)
    agrees(lambda s: np.sum(W * np.full((4, 3), s) ** 2), 0.7)
    agrees(lambda x: np.sum(W * np.full_like(x, x[0]) ** 2), M)


def test_options_given_by_name() -> None:
    """A keyword argument is an operand as well."""
    agrees(lambda w: np.average(V**2, weights=w), V)
    agrees(lambda w: np.sum(np.average(M**2, axis=0, weights=w)), R(0.5, 1, size=4))
    agrees(lambda x: np.trapezoid(V**2, x=np.cumsum(x)), V)
    agrees(lambda d: np.trapezoid(V**2, dx=d), 0.3)
    agrees(lambda f: np.sum(np.interp(x=V, xp=np.linspace(0, 1, 6), fp=f) ** 2), V)
    agrees(lambda w: np.sum(np.bincount(np.array([0, 1, 1, 2, 0, 2]), weights=w) ** 2), V)
    agrees(lambda a: np.sum(np.arange(a, 3.0, 0.5) ** 2), 0.2)


def test_operands_without_a_rule_are_refused() -> None:
    """Never a silent zero: a quantile varies with its order, an edge of a histogram with data."""
    for f in (lambda q: np.quantile(V, q), lambda q: np.sum(np.histogram(q * V)[1])):
        with pytest.raises(DifferentiationError, match="no derivative"):
            grad(f)(0.5)
    with pytest.raises(DifferentiationError, match="no derivative"):
        grad(lambda s: np.max(V, initial=s))(0.5)


def test_ties() -> None:
    """Ties share evenly in max, min, maximum, minimum; sort keeps their order."""
    x = np.array([1.0, 3.0, 3.0, 0.5])
    np.testing.assert_array_equal(grad(lambda x: np.max(x))(x), [0, 0.5, 0.5, 0])
    np.testing.assert_array_equal(grad(lambda x: np.min(-x))(x), [0, -0.5, -0.5, 0])
    np.testing.assert_array_equal(grad(lambda x: np.sum(np.maximum(x, 3.0)))(x), [0, 0.5, 0.5, 0])
    np.testing.assert_array_equal(grad(lambda x: np.sum(np.minimum(x, 3.0)))(x), [1, 0.5, 0.5, 1])
    assert grad(lambda a: max(a, 2.0))(2.0) == 0.5
    g = grad(lambda x: np.sum(np.sort(x) * np.arange(4.0)))(x)
    np.testing.assert_allclose(sorted(g[1:3]), [2, 3])
    np.testing.assert_allclose(g[[0, 3]], [1, 0])


def test_clip_at_its_bounds_and_abs_at_zero() -> None:
    x = np.array([0.0, 0.5, 1.0, 1.5, -0.5])
    np.testing.assert_array_equal(grad(lambda x: np.sum(np.clip(x, 0.0, 1.0)))(x), [1, 1, 1, 0, 0])
    np.testing.assert_array_equal(grad(lambda x: np.sum(np.abs(x)))(x), [0, 1, 1, 1, -1])
    assert grad(lambda a: abs(a))(0.0) == 0.0


def test_determinant_of_a_singular_matrix() -> None:
    a = np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [0.0, 1.0, 1.5]])
    agrees(lambda x: np.linalg.det(x), a)
    agrees(lambda x: np.linalg.det(x), np.diag([2.0, 3.0, 0.0]))
    np.testing.assert_array_equal(grad(lambda x: np.linalg.det(x))(np.zeros((3, 3))), 0.0)


EINSUMS: list[Callable[..., Any]] = [
    lambda x: np.einsum("ii", x @ x.T),
    lambda x: np.sum(np.einsum("ii->i", x @ x.T) ** 2),
    lambda x: np.sum(np.einsum("ij->", x) ** 2),
    lambda x: np.sum(np.einsum("ij->j", x) ** 2),
    lambda x: np.sum(np.einsum("ij,kj", x, x) ** 2),
    lambda x: np.sum(np.einsum("ij,kj->ik", x, x) ** 2 * np.arange(16.0).reshape(4, 4)),
    lambda x: np.sum(np.einsum("i...,j...->ij...", x, x) ** 2),
    lambda x: np.sum(np.einsum("...j,...j", x, x) ** 2),
    lambda x: np.sum(np.einsum("...,...->...", x, x[0]) ** 2),
    lambda x: np.sum(np.einsum(x, [0, 1], x, [2, 1], [2, 0]) ** 2),
    lambda x: np.sum(np.einsum(x, [0, 1], x, [2, 1]) ** 2),
    lambda x: np.sum(np.einsum(x, [Ellipsis, 0], x, [1, 0], [Ellipsis, 1]) ** 2),
    lambda x: np.sum(np.einsum("ij,kj,kl->il", x, x, x, optimize=True) ** 2),
    lambda x: np.sum(np.einsum("ij,kj,kl->il", x, x, x, optimize="greedy") ** 2),
    lambda x: np.sum(np.einsum("ij, k -> i", x, x[0]) ** 2),
    lambda x: np.sum(np.einsum("ji", x) ** 2 * W.T),
    lambda x: np.sum(np.einsum("iij->j", (x @ x.T)[:, :, None] * x[0]) ** 2),
]


@pytest.mark.parametrize("k", range(len(EINSUMS)))
def test_einsum_forms(k: int) -> None:
    agrees(EINSUMS[k], M)


@pytest.mark.parametrize(("exponent", "slope"), [(0, 0.0), (1, 1.0), (2, 0.0), (0.0, 0.0),
                                                 (1.0, 1.0), (2.0, 0.0), (1.5, 0.0)])  # fmt: skip
def test_power_at_zero(exponent: float, slope: float) -> None:
    assert grad(lambda x: x**exponent)(0.0) == slope
    g = grad(lambda x: np.sum(x**exponent))(np.array([0.0, 2.0]))
    np.testing.assert_allclose(g, [slope, exponent * 2.0 ** (exponent - 1)])
    g = grad(lambda x, p: np.sum(x**p))(np.array([0.0, 2.0]), np.full(2, float(exponent)))
    np.testing.assert_allclose(g, [slope, exponent * 2.0 ** (exponent - 1)])


def test_power_of_negative_bases() -> None:
    for n in (2, 3, 4, -1, -2, 3.0):
        agrees(lambda x, n=n: np.sum(x**n), np.array([-1.5, 0.7, 2.0]))
    np.testing.assert_allclose(grad(lambda p: np.sum(V**p))(1.3), np.sum(V**1.3 * np.log(V)))
    assert grad(lambda p: 0.0**p)(2.0) == 0.0


@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning")
def test_square_root_at_zero_is_infinite() -> None:
    assert grad(lambda x: np.sum(np.sqrt(x)))(np.zeros(1))[0] == np.inf
    assert grad(lambda x: np.sum(x**0.5))(np.zeros(1))[0] == np.inf


def test_edges_of_two_argument_functions() -> None:
    zero = np.zeros(2)
    for k in (0, 1):
        assert np.all(grad(lambda x, y: np.sum(np.hypot(x, y)), wrt=k)(zero, zero) == 0.0)
    agrees(lambda x: np.sum(np.hypot(x, 0.0)), np.array([-2.0, 3.0]))
    agrees(lambda x: np.sum(np.hypot(x, 1e-3)), np.array([0.0, 3.0]))
    for y in (-1.0, 1.0):
        agrees(lambda x, y=y: np.sum(np.arctan2(x, y)), np.array([0.3, -0.7]))
        agrees(lambda x, y=y: np.sum(np.arctan2(y, x)), np.array([0.0, -0.7]))
    agrees(lambda x: math.atan2(x, 1.0), 0.0)
    big = np.array([-800.0, 0.0, 800.0])
    g = grad(lambda x: np.sum(np.logaddexp(x, 0.0)))(big)
    np.testing.assert_allclose(g, [0.0, 0.5, 1.0], atol=1e-300)
    g = grad(lambda x: np.sum(np.logaddexp(x, -np.inf)))(big)
    np.testing.assert_allclose(g, 1.0)


def test_complex_eigenvalues_of_a_real_matrix() -> None:
    """Whether they are complex depends on the numbers: both kinds in one compilation."""
    f = lambda x: np.sum(np.abs(np.linalg.eigvals(x)) * np.arange(1.0, 3))  # noqa: E731
    g = grad(f)
    for a in (np.array([[0.3, 1.0], [-2.0, 0.1]]), np.array([[2.0, 0.3], [0.1, 1.0]])):
        u = R(-1, 1, size=(2, 2))
        assert np.sum(g(a) * u) == pytest.approx(differences(f, a, u), rel=1e-5)
        assert g(a).dtype == np.float64
