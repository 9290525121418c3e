"""Lists among the arguments have no length in their signature: one compilation serves them all."""

from __future__ import annotations

import copy
import math
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from s2sgrad import grad, hvp, jvp, pullback, tree, value_and_grad, vjp
from s2sgrad.errors import DifferentiationError
from tests.length_programs import LISTED, RNG, UNROLLED, M, N, arrays, loop, numbers, of_pairs, rows


@pytest.mark.parametrize("case", LISTED + UNROLLED, ids=lambda c: c[0].__name__)
def test_derivatives_of_lists(case: Any) -> None:
    f, *args = case
    vector, unravel = tree.ravel(args[0])
    direction = RNG.normal(size=vector.shape)

    def at(t: float, g: Callable[..., Any]) -> Any:
        return g(*copy.deepcopy([unravel(vector + t * direction), *args[1:]]))

    want = (at(1e-6, f) - at(-1e-6, f)) / 2e-6
    gradient, dot = grad(f), jvp(f)
    given = copy.deepcopy(args)
    got = gradient(*given)
    np.testing.assert_allclose(tree.ravel(got)[0] @ direction, want, rtol=1e-6, atol=1e-7)
    np.testing.assert_array_equal(tree.ravel(given[0])[0], vector)  # arguments are not changed
    np.testing.assert_allclose(
        dot(*given, tangents=unravel(direction))[1], want, rtol=1e-6, atol=1e-7
    )
    unrolled = any(case is c for c in UNROLLED)
    assert gradient._lengths.longer == (8 if not unrolled or f is of_pairs else math.inf)


@pytest.mark.parametrize("case", LISTED[::3], ids=lambda c: c[0].__name__)
def test_second_derivatives_of_lists(case: Any) -> None:
    f, *args = case
    vector, unravel = tree.ravel(args[0])
    direction = RNG.normal(size=vector.shape)

    def at(t: float) -> Any:
        x = unravel(vector + t * direction)
        return tree.ravel(grad(f)(*copy.deepcopy([x, *args[1:]])))[0]

    got = hvp(f)(*args, vector=unravel(direction))
    want = (at(1e-5) - at(-1e-5)) / 2e-5
    np.testing.assert_allclose(tree.ravel(got)[0], want, rtol=1e-5, atol=1e-5)


def test_one_compilation_for_all_lengths() -> None:
    gradient = grad(loop)
    for n in (9, 20, 1000, 9):
        xs = numbers(n)
        np.testing.assert_allclose(gradient(xs), np.cos(xs) * xs + np.sin(xs), rtol=1e-12)
    assert len(gradient._compiled) == 1


def test_short_lists_are_unrolled_until_there_is_a_second_length() -> None:
    gradient = grad(lambda xs, w: sum(x * x for x in xs) * w)
    for n in (3, 4, 5, 2, 3, 20):
        xs = numbers(n)
        np.testing.assert_allclose(gradient(xs, 3.0), 6.0 * np.array(xs), rtol=1e-12)
        assert len(gradient._compiled) == min(2, 1 + (n != 3) + (len(gradient._compiled) > 1))
    assert len(gradient._compiled) == 2


def test_lists_that_are_not_alike_have_their_lengths() -> None:
    gradient = grad(lambda xs: sum(np.sum(x) * 2.0 for x in xs))
    for xs in ([1.0, *arrays(9, 2)], [*arrays(9, 2), np.ones((2, 2))], [*arrays(9, 1), np.ones(2)]):
        got = gradient(xs)
        for g, x in zip(got, xs, strict=True):
            np.testing.assert_array_equal(g, np.full(np.shape(x), 2.0))


def test_pickled_without_its_function() -> None:
    for n in (3, 12):
        gradient = grad(lambda xs: sum(x * x for x in xs))
        gradient(numbers(n))
        frozen = pickle.loads(pickle.dumps(gradient))
        xs = numbers(n)
        np.testing.assert_allclose(frozen(xs), 2.0 * np.array(xs))
    np.testing.assert_allclose(frozen([1.0] * 20), [2.0] * 20)


def test_the_guard_looks_at_each_item() -> None:
    gradient = grad(lambda xs, w: sum(np.sum(x * w) for x in xs))
    w = np.arange(3.0)
    mixed: list[Any] = [*arrays(9, 3), 2.0]
    columns: list[Any] = [*arrays(9, 3), np.ones((3, 1))]
    for xs in (arrays(10, 3), mixed, arrays(10, 1), columns, [np.float32(1.0)] * 10):
        got = gradient(xs, w)
        for g, x in zip(got, xs, strict=True):
            want = w if np.shape(x) == (3,) else np.full(np.shape(x), np.sum(w))
            np.testing.assert_allclose(g, want)


def test_gradients_of_lists_own_their_memory() -> None:
    xs, bar = arrays(10, 3), np.ones(3)
    for f in (sum, lambda xs: xs[0] + xs[1], lambda xs: np.sum(np.stack(xs), axis=0)):
        value, got = vjp(lambda xs, f=f: f(xs))(xs, out_bar=bar)
        again = pullback(lambda xs, f=f: f(xs))(xs)[1]
        both = [*again(bar), *again(bar), *got]
        for k, g in enumerate(both):
            assert g.flags.writeable
            assert not any(np.may_share_memory(g, other) for other in (*xs, bar, value, *both[:k]))


def test_lists_of_float32_keep_it() -> None:
    xs = [np.array([0.5, -1.5], "f")] * 9
    value, got = value_and_grad(lambda xs, w: sum(np.sum(np.sin(x) * w) for x in xs))(xs, 2.0)
    assert value.dtype == np.float32
    for g, x in zip(got, xs, strict=True):
        assert g.dtype == np.float32
        np.testing.assert_allclose(g, 2.0 * np.cos(x), rtol=1e-6)


def test_seeds_of_lists() -> None:
    d = jvp(loop)
    for bad in ([1.0] * 3, 1.0):
        with pytest.raises(TypeError, match="the argument is a list of 12"):
            d(N, tangents=bad)
    with pytest.raises(TypeError, match=r"`tangents\[1\]` has the shape"):
        d(N, tangents=[1.0, np.ones(2), *N[2:]])


def _in_item(xs: Any) -> Any:
    y = xs[0]
    y[0] = 2.0
    return sum(np.sum(x * x) for x in xs)


def _in_row(m: Any) -> Any:
    m[0][1] = 5.0
    m[1].append(m[2][0])
    return sum(sum(r) ** 2 for r in m)


def _beside(x: Any, xs: Any) -> Any:
    x[0] = 3.0
    return sum(np.sum(y * x) for y in xs)


def _other(xs: Any, ys: Any) -> Any:
    xs[0] = 3.0 * xs[1]
    return sum(ys) * sum(xs)


CHANGED: list[tuple[Any, ...]] = [
    (_in_item, M),
    (_in_row, rows(10, 3)),
    (_beside, np.ones(3), M),
    (_other, N, numbers(12)),
]


@pytest.mark.parametrize("case", CHANGED, ids=lambda c: c[0].__name__)
def test_lists_that_are_written_to(case: Any) -> None:
    f, *args = case
    vector, unravel = tree.ravel(args)
    direction = RNG.normal(size=vector.shape)
    d = grad(f, tuple(range(len(args))))
    got = tree.ravel(d(*args))[0] @ direction
    np.testing.assert_array_equal(tree.ravel(args)[0], vector)
    want = f(*unravel(vector + 1e-6 * direction)) - f(*unravel(vector - 1e-6 * direction))
    np.testing.assert_allclose(got, want / 2e-6, rtol=1e-6, atol=1e-7)


SHARED: list[tuple[Any, ...]] = [
    (_in_item, [M[0]] * 10),
    (_in_item, [M[0], *M[:9]]),
    (_in_row, [numbers(3)] * 10),
    (_beside, M[4], M),
    (_other, N, N),
]


@pytest.mark.parametrize("case", SHARED, ids=lambda c: c[0].__name__)
def test_lists_that_share_what_is_written(case: Any) -> None:
    f, *args = case
    d = grad(f)
    d(*copy.deepcopy(next(c for c in CHANGED if c[0] is f)[1:]))
    for _ in range(2):
        with pytest.raises(DifferentiationError, match="share memory, and one is written"):
            d(*args)


def test_arrays_in_a_list_that_a_loop_fills_and_changes() -> None:
    """What is read of an item is not read after it was cleared."""

    def f(w: Any) -> Any:
        xs = [w * i for i in range(10)]
        for x in xs:
            x *= 2.0
        return sum(np.sum(x * x) for x in xs)

    def g(w: Any) -> Any:
        xs = [w * i for i in range(5)]
        for i in range(4):
            xs[i] *= xs[i + 1]
        return sum(np.sum(x * x) for x in xs)

    w = np.array([0.5, -1.5])
    np.testing.assert_allclose(grad(f)(w), 8.0 * w * sum(i * i for i in range(10)))
    for k in range(2):
        h = np.eye(2)[k] * 1e-6
        np.testing.assert_allclose(grad(g)(w)[k], (g(w + h) - g(w - h)) / 2e-6, rtol=1e-6)


def test_the_right_side_makes_the_target_a_list_of_the_ir() -> None:
    def f(a: Any, b: Any, n: Any) -> Any:
        rows = [[a, 0.1], [b, a]]
        rows[0][1] += sum(rows[n % 2]) * a
        return rows[0][1] * rows[0][0]

    with pytest.raises(DifferentiationError, match="share memory"):  # right, or refused
        grad(f)(0.7, -0.3, 3)
