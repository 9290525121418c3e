"""Numerical kernels: the gradient against central differences, in several layouts and dtypes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from s2sgrad import grad, value_and_grad
from s2sgrad.errors import DifferentiationError
from s2sgrad.ir.interp import run
from s2sgrad.ir.verify import verify
from tests import kernels, kernels_more
from tests.kernels import Case

CASES = [*kernels.CASES, *kernels_more.CASES]
IDS = [f"{k}-{c[0].__name__}" for k, c in enumerate(CASES)]


def copied(args: tuple[Any, ...], order: str = "K") -> tuple[Any, ...]:
    """The arguments; kernels write into them."""
    return tuple(np.array(a, order=order) if np.ndim(a) else a for a in args)  # type: ignore[call-overload]


def directional(case: Case, seed: int, h: float = 1e-6) -> tuple[float, list[Any]]:
    """The derivative in a random direction by central differences, and the direction."""
    f, args, wrt = case
    rng = np.random.default_rng(seed)
    along = [rng.standard_normal(np.shape(args[k])) for k in wrt]

    def at(t: float) -> float:
        moved = list(copied(args))
        for k, u in zip(wrt, along, strict=True):
            moved[k] = args[k] + t * u if np.ndim(args[k]) else float(args[k] + t * u)
        return float(f(*moved))

    return (at(h) - at(-h)) / (2 * h), along


def inner(along: list[Any], gradient: tuple[Any, ...]) -> float:
    return float(sum(np.sum(u * g) for u, g in zip(along, gradient, strict=True)))


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_gradient_against_differences(case: Case) -> None:
    f, args, wrt = case
    given = copied(args)
    derivative = value_and_grad(f, wrt)
    value, gradient = derivative(*given)
    for a, b in zip(given, args, strict=True):
        np.testing.assert_array_equal(a, b)
    assert value == pytest.approx(f(*copied(args)), rel=1e-13)
    for k, g in zip(wrt, gradient, strict=True):
        assert np.shape(g) == np.shape(args[k])
        assert np.ndim(g) == 0 or g.flags.writeable
        assert not any(np.shares_memory(g, a) for a in given)
    for seed in range(2):
        want, along = directional(case, seed)
        assert any(abs(inner([u], (g,))) > 1e-4 for u, g in zip(along, gradient, strict=True))
        assert inner(along, gradient) == pytest.approx(want, rel=2e-6, abs=2e-7)
    again = derivative(*given)[1]  # what a call leaves behind must not matter
    for g, r in zip(gradient, again, strict=True):
        np.testing.assert_array_equal(g, r)


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_each_pass_keeps_the_meaning(case: Case) -> None:
    """The interpreter gives the same numbers after each pass as the emitted text."""
    f, args, wrt = case
    d = value_and_grad(f, wrt)
    value, gradient = d(*copied(args))
    assert d._last is not None
    data = [get() for get, _ in d._last.scope.data.values()]
    for stage, func in d._last.ir.items():
        verify(func)
        results = run(func, *[*copied(args), *data][: len(func.body.params)])
        assert results[0] == pytest.approx(value, rel=1e-12), stage
        if len(results) > 1:
            for g, r in zip(gradient, results[1:], strict=True):
                np.testing.assert_allclose(g, r, rtol=1e-10, atol=1e-12, err_msg=stage)


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_gradient_alone_is_the_same(case: Case) -> None:
    f, args, wrt = case
    _, both = value_and_grad(f, wrt)(*copied(args))
    for a, b in zip(grad(f, wrt)(*copied(args)), both, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)


def strided(a: Any) -> Any:
    """The same numbers, two steps apart and backwards in memory."""
    if not np.ndim(a):
        return a
    wide = np.full([2 * n for n in a.shape], np.nan if a.dtype.kind == "f" else -99, a.dtype)
    view = wide[tuple(slice(None, None, -2) for _ in a.shape)]
    view[...] = a
    return view


@pytest.mark.parametrize("layout", ["fortran", "strided"])
@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_layout_in_memory(case: Case, layout: str) -> None:
    """Arguments in Fortran order, and with steps, have the derivative that they have in C order."""
    f, args, wrt = case
    change = np.asfortranarray if layout == "fortran" else strided
    given = tuple(change(a) if np.ndim(a) else a for a in args)
    value, gradient = value_and_grad(f, wrt)(*given)
    assert value == pytest.approx(f(*copied(args)), rel=1e-12)
    for a, b in zip(given, args, strict=True):
        np.testing.assert_array_equal(a, b)
    want, along = directional(case, 3)
    assert inner(along, gradient) == pytest.approx(want, rel=2e-6, abs=2e-7)


# Their answers hang on comparisons that rounding can turn, or they iterate to 1e-9.
DOUBLE_ONLY = {"newton_sqrt", "bisection", "floyd", "floyd_rows", "conjugate_gradients"}
SINGLE = [c for c in CASES if c[0].__name__ not in DOUBLE_ONLY]


@pytest.mark.parametrize("case", SINGLE, ids=[c[0].__name__ for c in SINGLE])
def test_single_precision(case: Case) -> None:
    """float32 arrays get float32 gradients, near those in double precision."""
    f, args, wrt = case

    def single(a: Any) -> Any:
        return a.astype(np.float32) if np.ndim(a) and a.dtype.kind == "f" else a

    given = tuple(map(single, args))
    gradient = value_and_grad(f, wrt)(*copied(given))[1]
    for k, g in zip(wrt, gradient, strict=True):
        if np.ndim(given[k]):
            assert g.dtype == given[k].dtype
        else:
            assert isinstance(g, float)
        assert np.shape(g) == np.shape(given[k])
    rounded = tuple(
        a.astype(np.float64) if np.ndim(a) and a.dtype.kind == "f" else a for a in given
    )
    want, along = directional((f, rounded, wrt), 4)
    size = sum(float(np.sum(np.abs(u * g))) for u, g in zip(along, gradient, strict=True))
    assert inner(along, gradient) == pytest.approx(want, abs=2e-4 * (1.0 + size))


def test_the_masked_diagonal_is_finite() -> None:
    """Its gradient against the closed form."""
    f, (pos,), _ = next(c for c in CASES if c[0].__name__ == "masked_n_body")
    want = np.zeros_like(pos)
    for i in range(pos.shape[0]):
        for j in range(pos.shape[0]):
            if i != j:
                d = pos[i] - pos[j]
                want[i] -= 2.0 * d / np.sum(d * d) ** 1.5
    np.testing.assert_allclose(grad(f)(pos), want, rtol=1e-10)


def test_fortran_order_changes_what_reshape_means() -> None:
    """`reshape` of an argument that may have either order is refused where it matters."""

    def first(x: Any) -> Any:
        y = x.reshape(-1)
        y[0] = 100.0
        return x[0, 0]

    with pytest.raises(DifferentiationError) as e:
        grad(first)(np.asfortranarray(np.ones((2, 3))))
    assert e.value.refusals[0].anchor == "alias"


SCALE = 2.0
SHIFT = 3.0


def _scaled(x: float) -> float:
    return SCALE * x + math.sin(SHIFT)


def test_a_global_with_the_name_of_a_parameter_or_a_local() -> None:
    """A helper reads the module's names though its caller has others of the same spelling."""

    def f(x: float, SCALE: float) -> float:
        SHIFT = x * SCALE
        return _scaled(SHIFT) * SCALE

    value, (gx, gs) = value_and_grad(f, (0, 1))(0.7, 5.0)
    assert value == pytest.approx((2.0 * 3.5 + math.sin(3.0)) * 5.0)
    assert gx == pytest.approx(2.0 * 25.0)
    assert gs == pytest.approx(2.0 * 2 * 0.7 * 5.0 + math.sin(3.0))


def test_a_python_float_gets_a_python_float() -> None:
    """Also where loops over float32 arrays sum it up: NumPy's scalar of that width is no float."""

    def f(u: Any, w: float) -> Any:
        for _ in range(2):
            for i in range(1, u.shape[0]):
                u[i] = w * u[i - 1] + u[i]
        return np.sum(u) * w

    u = np.array([0.5, 0.25, 1.0], np.float32)
    d = grad(f, 1)
    g = d(u, 0.5)
    assert isinstance(g, float)
    h = 1e-6
    wide = u.astype(np.float64)
    want = (f(wide.copy(), 0.5 + h) - f(wide.copy(), 0.5 - h)) / (2 * h)
    assert g == pytest.approx(want, rel=1e-5)
    assert type(d(wide, 0.5)) in (float, np.float64)
    assert "float(" not in d.source


@pytest.mark.parametrize("wave", [True, False])
def test_squeeze_of_an_extent_that_may_be_one(wave: bool) -> None:
    """How many axes are left is not known before the program runs."""

    def product(x: Any, M: Any, n: int) -> Any:
        return np.sum((np.squeeze(x[:n]) @ M) ** 2)

    def elementwise(x: Any, M: Any, n: int) -> Any:
        return np.sum(np.sin(np.squeeze(x[:n])) * M[0])

    f = elementwise if wave else product
    x, M = np.arange(6.0).reshape(3, 2), np.array([[0.5, 1.5], [-1.0, 2.0]])
    d = value_and_grad(f, (0, 1))
    for n in (1, 2, 1):
        _, gradient = d(x, M, n)
        want, along = directional((f, (x, M, n), (0, 1)), 0)
        assert [np.shape(g) for g in gradient] == [x.shape, M.shape]
        assert inner(along, gradient) == pytest.approx(want, rel=1e-6)


# Loops over elements of what the function itself made.
NO_COPIES = ["cholesky", "thomas", "convolution_2d", "pooling", "n_body", "spmv", "bicg", "deriche"]
NO_COPIES += ["rnn_outputs", "newton_sqrt", "edit_distance"]


@pytest.mark.parametrize("name", NO_COPIES)
def test_no_copies(name: str) -> None:
    """Writes run in place: no array is copied for them, in either sweep."""
    f, args, wrt = next(c for c in CASES if c[0].__name__ == name)
    d = value_and_grad(f, wrt)
    d(*copied(args))
    assert d.cost["copies"] == 0, d.source


def test_a_buffer_of_each_turn_is_made_in_each_turn() -> None:
    """The one copy that is there is a known fault: `y` is taped, only to ask for its shape."""
    f, args, wrt = next(c for c in CASES if c[0].__name__ == "fresh_buffer")
    d = value_and_grad(f, wrt)
    d(*copied(args))
    assert d.cost["copies"] <= 1, d.source
