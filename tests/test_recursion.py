"""Recursive functions: kept as calls, with a forward and a backward half."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"

from __future__ import annotations

import functools
import inspect
import math
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from s2sgrad import grad, hessian, hvp, jvp, value_and_grad, vjp
from s2sgrad.errors import DifferentiationError
from s2sgrad.ir.call import called_by
from s2sgrad.ir.interp import run
from s2sgrad.ir.verify import verify
from tests.recursive_programs import PROGRAMS, fact, fib, vecr
from tests.test_functions import check


@pytest.mark.parametrize("f", PROGRAMS, ids=lambda f: f.__name__)
def test_program(f: Any) -> None:
    check(f, *f.args)


@pytest.mark.parametrize("f", PROGRAMS, ids=lambda f: f.__name__)
def test_the_interpreter_gives_what_the_text_gives(f: Any) -> None:
    wrt = tuple(k for k, a in enumerate(f.args) if not isinstance(a, int))
    d = value_and_grad(f, wrt)
    value, gradient = d(*f.args)
    assert d._last is not None
    func = d._last.ir["bufferize"]
    for k in called_by([func]):
        verify(k.body)
    data = [get() for get, _ in d._last.scope.data.values()]
    bound = inspect.signature(f).bind(*f.args)
    bound.apply_defaults()
    results = run(func, *[*bound.arguments.values(), *data][: len(func.body.params)])
    assert results[0] == pytest.approx(value, rel=1e-12)
    for g, r in zip(gradient, results[1:], strict=True):
        np.testing.assert_allclose(g, r, rtol=1e-10, atol=1e-12)


def test_a_pair_of_functions_above_the_gradient() -> None:
    d = grad(fact)
    assert d(0.8, 5) == pytest.approx(math.factorial(5) * 6 * 0.8**5)
    assert [s for s in d.source.splitlines() if s.startswith("def ")] == [
        "def fact_fwd(x, n):",
        "def fact_bwd(saved, out_bar):",
        "def fact_grad(x, n):",
    ]
    assert ".append" not in d.source


def test_one_compilation_for_all_depths_and_lengths() -> None:
    d = grad(fib)
    assert d(0.3, 3) != d(0.3, 9)
    assert len(d._compiled) == 1


def test_the_depth_is_that_of_python() -> None:
    def deep(x, n):
        return x if n == 0 else deep(x * 1.0001, n - 1)

    n = sys.getrecursionlimit() // 2
    assert grad(deep)(1.0, n) == pytest.approx(1.0001**n)
    with pytest.raises(RecursionError):
        grad(deep)(1.0, 10 * sys.getrecursionlimit())


def test_without_activity_the_function_itself_is_called() -> None:
    def index(n):
        return 0 if n <= 0 else 1 + index(n - 3)

    def f(x, n):
        return x[index(n)] * x[0]

    x = np.array([2.0, 3.0, 5.0])
    d = grad(f)
    np.testing.assert_allclose(d(x, 5), [5.0, 0.0, 2.0])
    assert "index_fwd" not in d.source
    assert "def index(n):" in d.source


def test_what_is_saved_is_not_written_to() -> None:
    """The halves share memory with their caller's arrays, which it writes to afterwards."""

    def f(x):
        y = x.copy()
        s = np.sum(vecr(y, 2))
        y *= 3.0
        y[0] = 1.0
        return s * np.sum(vecr(y, 2))

    check(f, np.array([0.3, 0.7, -1.1]))


def test_results_of_a_kept_function_may_be_written_to() -> None:
    def f(x):
        y = vecr(x, 2)
        y[1] = x[0] * y[2]
        return np.sum(y * y)

    check(f, np.array([0.3, 0.7, -1.1]))


def test_a_result_that_may_be_the_argument() -> None:
    def same(v, n):
        return v if n == 0 else same(v, n - 1)

    def f(x):
        y = x * 1.0
        z = same(y, 2)
        z[0] = 5.0
        return np.sum(y * y)

    with pytest.raises(DifferentiationError, match="may share memory"):
        grad(f)(np.array([1.0, 2.0]))


def test_zeros_by_selection_go_through_calls() -> None:
    def roots(v, n):
        return np.sqrt(v) if n == 0 else roots(v, n - 1) * 2.0

    def f(x):
        return np.sum(np.where(x > 0, roots(x, 2), 0.0))

    g = grad(f)(np.array([0.0, 4.0]))
    np.testing.assert_allclose(g, [0.0, 1.0])


def test_several_results_and_seeds() -> None:
    def orbit(x, v, n):
        if n == 0:
            return x, v
        return orbit(x + 0.1 * v, v - 0.1 * math.sin(x), n - 1)

    (x, v), (gx, gv) = vjp(orbit, wrt=(0, 1))(0.7, 0.2, 4, out_bar=(0.3, -1.5))
    assert (x, v) == orbit(0.7, 0.2, 4)

    def weighted(a, b):
        p, q = orbit(a, b, 4)
        return 0.3 * p - 1.5 * q

    h = 1e-6
    assert gx == pytest.approx((weighted(0.7 + h, 0.2) - weighted(0.7 - h, 0.2)) / (2 * h))
    assert gv == pytest.approx((weighted(0.7, 0.2 + h) - weighted(0.7, 0.2 - h)) / (2 * h))


def test_float32_stays() -> None:
    def f(x):
        return np.sum(vecr(x, 2))

    g = grad(f)(np.ones(3, np.float32))
    assert g.dtype == np.float32


def test_extents_of_one_and_of_zero() -> None:
    def f(x):
        return np.sum(vecr(x, 2) * np.ones((2, 1)))

    for n in (0, 1, 3):
        check(f, np.linspace(0.1, 0.9, n)) if n else grad(f)(np.zeros(0))


class Node:
    """A tree of objects."""

    def __init__(self, w, left=None, right=None):
        self.w, self.left, self.right = w, left, right

    def value(self, x):
        if self.left is None:
            return self.w * x
        return math.tanh(self.left.value(x) + self.right.value(x)) * self.w

    def power(self, x, n):
        return 1.0 if n == 0 else self.w * x * self.power(x, n - 1)


def test_methods() -> None:
    tree = Node(0.3, Node(0.7, Node(1.1), Node(0.4)), Node(-0.2))
    h = 1e-6
    g = grad(Node.value, wrt=1)(tree, 0.7)
    assert g == pytest.approx((tree.value(0.7 + h) - tree.value(0.7 - h)) / (2 * h))
    gs = grad(Node.power, wrt="self")(Node(0.6), 0.7, 3)
    assert gs.w == pytest.approx(3 * 0.6**2 * 0.7**3)


def test_a_cache_is_no_obstacle() -> None:
    @functools.cache
    def f(x, n):
        return x if n < 2 else f(x, n - 1) * x + f(x, n - 2)

    want = (f(0.7 + 1e-6, 6) - f(0.7 - 1e-6, 6)) / 2e-6
    assert grad(f)(0.7, 6) == pytest.approx(want, rel=1e-6)


def test_forward_mode_and_second_derivatives() -> None:
    def f(x):
        return fact(x, 3)

    step = 1e-4
    first = (f(0.8 + step) - f(0.8 - step)) / (2 * step)
    second = (f(0.8 + step) - 2 * f(0.8) + f(0.8 - step)) / step**2
    assert jvp(fact)(0.8, 3, tangents=1.0)[1] == pytest.approx(first, rel=1e-6)
    for got in (grad(grad(fact))(0.8, 3), hvp(fact)(0.8, 3, vector=1.0), hessian(fact)(0.8, 3)):
        assert got == pytest.approx(second, rel=1e-5)
    assert grad(lambda x: grad(f)(x) * x)(0.8) == pytest.approx(first + 0.8 * second, rel=1e-5)


def halves(v):
    if len(v) == 1:
        return v[0] ** 3, v[0]
    m = len(v) // 2
    a, b = halves(v[:m])
    c, d = halves(v[m:])
    return a * d + math.sin(c), b * c


def test_forward_mode_of_several_results_and_arrays() -> None:
    def f(v):
        a, b = halves(v)
        return a * b + b

    rng = np.random.default_rng(2)
    v, w = rng.uniform(0.3, 1.2, 5), rng.standard_normal(5)
    value, dot = jvp(f)(v, tangents=w)
    assert value == pytest.approx(f(v), rel=1e-14)
    assert dot == pytest.approx((f(v + 1e-6 * w) - f(v - 1e-6 * w)) / 2e-6, rel=1e-6)
    g = grad(f)
    want = (g(v + 1e-5 * w) - g(v - 1e-5 * w)) / 2e-5
    assert np.allclose(hvp(f)(v, vector=w), want, rtol=1e-6, atol=1e-8)
    h = hessian(f)(v)
    assert np.allclose(h, h.T, atol=1e-12)
    assert np.allclose(h @ w, want, rtol=1e-6, atol=1e-8)


def test_second_reverse_mode_is_refused() -> None:
    with pytest.raises(DifferentiationError, match="recursion"):
        vjp(grad(lambda v: halves(v)[0]))(np.ones(3), out_bar=np.ones(3))


def test_the_generic_form_has_both_halves() -> None:
    source = grad(fact).source
    space: dict[str, Any] = {}
    exec(source, space)
    assert space["fact_grad"](0.8, 5) == pytest.approx(math.factorial(5) * 6 * 0.8**5)


def endless(x):
    return endless(x) * 2.0


def test_endless_recursion_is_what_it_is_in_python() -> None:
    with pytest.raises(RecursionError):
        grad(endless)(1.0)


def growing(x, *rest):
    return growing(x, *rest, x)


def writes(x, n):
    x[n] = 2.0
    return x if n == 0 else writes(x, n - 1)


def writing(x):
    return np.sum(writes(x * 1.0, 2))


def changing(x, n):
    if n == 0:
        return x
    a = changing(x, n - 1)
    return a, a


def changed(x):
    return changing(x, 1)[0]


def returns_function(x, n):
    if n == 0:
        return lambda v: v * x
    return returns_function(x, n - 1)


def called(x):
    return returns_function(x, 2)(x)


REFUSED: list[tuple[Callable[..., Any], tuple[Any, ...], str]] = [
    (growing, (1.0,), "do not end"),
    (writing, (np.ones(3),), "writes to an array that it was given"),
    (changed, (1.0,), "no number"),
    (called, (1.0,), "no number"),
]


@pytest.mark.parametrize(("f", "args", "why"), REFUSED, ids=lambda v: getattr(v, "__name__", ""))
def test_refused(f: Callable[..., Any], args: tuple[Any, ...], why: str) -> None:
    with pytest.raises(DifferentiationError, match="recursion") as e:
        grad(f)(*args)
    assert why in str(e.value)
    assert "^" in str(e.value)
