"""Ordinary programs on arrays: both modes against central differences of the program itself."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from numpy.polynomial.polynomial import polyval
from scipy.linalg import solve

from s2sgrad import grad, jvp, value_and_grad
from s2sgrad.errors import DifferentiationError
from tests import array_programs_kernels, array_programs_more
from tests.array_programs import PROGRAMS, W
from tests.test_generic import generic

assert array_programs_more  # which enters its programs
assert array_programs_kernels


def copies(args: Any) -> list[Any]:
    return [a.copy() if isinstance(a, np.ndarray) else a for a in args]


def directions(args: Any) -> list[Any]:
    """A random direction for each argument."""
    rng = np.random.default_rng(5)
    found: list[Any] = []
    for a in args:
        d = rng.normal(size=np.shape(a))
        if np.iscomplexobj(a):
            d = d + 1j * rng.normal(size=np.shape(a))
        found.append(d if np.ndim(a) else float(d))
    return found


def along(f: Any, args: Any, ds: Any, h: float = 1e-6) -> Any:
    """The derivative of `f` in that direction, by central differences."""
    high = f(*[a + h * d for a, d in zip(copies(args), ds, strict=True)])
    low = f(*[a - h * d for a, d in zip(copies(args), ds, strict=True)])
    return (high - low) / (2 * h)


def names(entry: Any) -> str:
    return str(entry[0].__name__)


@pytest.mark.parametrize("entry", PROGRAMS, ids=map(names, PROGRAMS))
def test_reverse(entry: Any) -> None:
    f, args = entry
    given, wrt = copies(args), tuple(range(len(args)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        value, bars = value_and_grad(f, wrt=wrt)(*given)
    for before, after in zip(args, given, strict=True):
        np.testing.assert_array_equal(before, after)  # arguments are never changed
    np.testing.assert_allclose(value, f(*copies(args)), rtol=1e-12)
    ds = directions(args)
    got = sum(np.sum(bar * d).real for bar, d in zip(bars, ds, strict=True))
    np.testing.assert_allclose(got, along(f, args, ds), rtol=2e-5, atol=1e-6)
    for bar, a in zip(bars, args, strict=True):
        assert np.shape(bar) == np.shape(a)


@pytest.mark.parametrize("entry", PROGRAMS, ids=map(names, PROGRAMS))
def test_forward(entry: Any) -> None:
    f, args = entry
    ds = directions(args)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _, dot = jvp(f, wrt=tuple(range(len(args))))(*copies(args), tangents=tuple(ds))
    np.testing.assert_allclose(dot, along(f, args, ds), rtol=2e-5, atol=1e-6)


def test_constants_beside_tangents_have_none() -> None:
    """An int in a join is a constant: its tangent is zero, not the int."""
    x, k = np.array([1.0, -2.0, 3.0]), np.arange(3)
    programs: list[tuple[Any, float]] = [
        (lambda x: np.sum(np.where(x > 0, x, 1)), 2.0),
        (lambda x: np.sum(np.where(x > 0, x, k)), 2.0),
        (lambda x: np.sum(np.concatenate([x, [1, 2]])), 3.0),
        (lambda x: np.sum(np.concatenate([x, np.arange(3)])), 3.0),
        (lambda x: np.sum(np.concatenate([x, x > 0])), 3.0),
        (lambda x: np.sum(np.hstack([x, 1])), 3.0),
        (lambda x: np.sum(np.stack([x, k])), 3.0),
        (lambda x: np.sum(np.append(x, 1)), 3.0),
        (lambda x: np.sum(np.append(x, k)), 3.0),
        (lambda x: np.sum(np.insert(x, 1, 5)), 3.0),
        (lambda x: np.sum(np.array([[x[0], 1], [7, x[1]]])), 2.0),
        (lambda x: np.sum(np.r_[x, 1]), 3.0),
        (lambda x: np.sum(k - x), -3.0),
    ]
    for f, expected in programs:
        assert jvp(f)(x, tangents=np.ones(3))[1] == expected


def test_an_index_without_repeats_needs_no_scatter() -> None:
    """Lists, masks, ranges and `np.ix_` name no place twice; an argument may."""

    def sure(x: Any) -> Any:
        m = x[:, 0] > 0
        return np.sum(x[[0, 2]] ** 2) + np.sum(x[m] ** 2) + np.sum(x[np.ix_([0, 1], [1, 0])] ** 2)

    x = np.random.default_rng(0).normal(size=(3, 2))
    made = grad(sure)
    made(x)
    assert "np.add.at" not in made.source
    for index in ([0, 0, 1], [-3, 0, 1]):
        d = grad(lambda x, i: np.sum(x[i] ** 3))
        got = d(x, np.array(index))
        expected = sum(3 * x[i] ** 2 * (np.arange(3)[:, None] == i % 3) for i in index)
        np.testing.assert_allclose(got, expected)

    def stored(x: Any, w: Any) -> Any:
        x[[0, -3, 1], 0] = w  # the second is stored over the first
        return np.sum(x**2)

    w = np.array([1.0, 2.0, 3.0])
    np.testing.assert_allclose(grad(stored, 1)(x, w), [0.0, 4.0, 6.0])


def test_a_slice_of_flat_is_a_copy_and_flat_is_not() -> None:
    def sliced(x: Any) -> Any:
        x = x.copy()
        y = x.flat[:3]
        x[0] = 5.0
        return np.sum(y**2)

    def live(x: Any) -> Any:
        x = x.copy()
        y = x.flat
        x[0] = 5.0
        s = 0.0
        for e in y:
            s += e**2
        return s

    for shape in ((4,), (2, 2)):
        x = np.arange(1.0, 5.0).reshape(shape)
        np.testing.assert_array_equal(grad(sliced)(x).ravel(), [2.0, 4.0, 6.0, 0.0])
        np.testing.assert_array_equal(grad(live)(x)[0], 0.0)


# In the generic form it is not known what is an array, what a number, and what shares memory.
_NAMES = """
apply3 apply_axis apply_axis0 argmin_set complex_arg dict_of_views fft_cplx fill_diag
flatten_m iadd_views inplace_alias item_assign_tuple mask_rw masked_rows ndenumerate
ndindex nditer_own neg_steps nonzero_where piecewise pivot place_cycle put_along putmask
iter_cols pairwise_bcast swap_rows_views complex_mat mask_2d_rows inplace_func returned_view
hist_weights
stacking swap_elems tolist trapz ufunc_where ufunc_where2 vec_two vectorize views_of_views
"""
UNTYPED = set(_NAMES.split())


@pytest.mark.parametrize("entry", PROGRAMS, ids=map(names, PROGRAMS))
def test_generic_form(entry: Any) -> None:
    """Without types: right, or refused where types are needed."""
    f, args = entry
    wrt = tuple(range(len(args)))
    if f.__name__ in UNTYPED:
        if not any(map(np.iscomplexobj, args)):
            with pytest.raises(DifferentiationError):
                generic(f, wrt)
        return
    data = {"W": W} if f.__name__ == "globals_read" else {}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _, bars = generic(f, wrt)(*copies(args), **data)
    ds = directions(args)
    got = sum(np.sum(bar * d) for bar, d in zip(bars, ds, strict=True))
    np.testing.assert_allclose(got, along(f, args, ds), rtol=2e-5, atol=1e-6)


def test_helpers_of_one_name_are_told_apart() -> None:
    """`np.polyval` and that of `np.polynomial`, `np.prod` and `math.prod`: each has its own."""

    def f(c: Any, t: Any) -> Any:
        return np.sum(np.polyval(c, t) * polyval(t, c)) + np.sum(
            np.linalg.solve(np.outer(c, c) + np.eye(3), c) * solve(np.outer(c, c) + np.eye(3), c)
        )

    c, t = np.array([0.5, -1.0, 2.0]), np.array([0.1, 0.7])
    _, bars = generic(f, (0, 1))(c, t)
    ds = directions((c, t))
    got = sum(np.sum(bar * d) for bar, d in zip(bars, ds, strict=True))
    np.testing.assert_allclose(got, along(f, (c, t), ds), rtol=1e-6)


def test_a_long_comprehension_is_broken_where_python_allows() -> None:
    def f(x: Any) -> Any:
        out = []
        for k in range(4):
            out.append(x * k)  # noqa: PERF401
        return np.sum(np.array(out) ** 2) + np.stack(out, axis=1)[0, 2]

    x = np.array([1.0, -0.5])
    _, (bar,) = generic(f, (0,))(x)
    np.testing.assert_allclose(bar, 28.0 * x + np.array([2.0, 0.0]))
