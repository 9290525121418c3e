"""Exceptions, managers, generators, draws, inner derivatives: against central differences."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, misc"

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import s2sgrad
from s2sgrad import grad, jvp, value_and_grad
from s2sgrad.errors import DifferentiationError
from tests import (
    caller_programs,
    generator_programs,
    inner_programs,
    local_class_programs,
    mixed_programs,
    nonlocal_programs,
    object_programs,
    sequence_programs,
    statement_programs,
)

ALL: list[Any] = [
    f
    for m in (
        statement_programs,
        caller_programs,
        generator_programs,
        inner_programs,
        local_class_programs,
        mixed_programs,
        nonlocal_programs,
        object_programs,
        sequence_programs,
    )
    for f in m.PROGRAMS
]
STEP = 1e-6


def floats(args: tuple[Any, ...]) -> tuple[int, ...]:
    return tuple(k for k, a in enumerate(args) if not isinstance(a, int | str | None))


def along(f: Callable[..., Any], args: tuple[Any, ...], seed: int) -> tuple[dict[int, Any], float]:
    """A direction in the floats, and the derivative along it by central differences."""
    rng = np.random.default_rng(seed)
    dirs = {k: rng.standard_normal(np.shape(args[k])) for k in floats(args)}
    dirs = {k: d if np.ndim(d) else float(d) for k, d in dirs.items()}

    def at(t: float) -> float:
        return float(f(*(a + t * dirs[k] if k in dirs else a for k, a in enumerate(args))))

    return dirs, (at(STEP) - at(-STEP)) / (2 * STEP)


def check(f: Callable[..., Any], *args: Any) -> Any:
    """Value and gradient, and the derivative along a direction."""
    wrt = floats(args)
    derivative = value_and_grad(f, wrt)
    value, gradient = derivative(*args)
    assert value == pytest.approx(f(*args), rel=1e-12)
    for seed in (3, 4):
        dirs, want = along(f, args, seed)
        got = sum(np.sum(g * dirs[k]) for k, g in zip(wrt, gradient, strict=True))
        assert got == pytest.approx(want, rel=1e-6, abs=1e-6)
    return derivative


@pytest.mark.parametrize("f", ALL, ids=lambda f: f.__name__)
def test_program(f: Any) -> None:
    check(f, *f.args)


# Reverse over reverse is asked of `svd` and its like there: see tests/test_second_order.py.
@pytest.mark.parametrize("f", ALL, ids=lambda f: f.__name__)
def test_forward_mode(f: Any) -> None:
    dirs, want = along(f, f.args, 5)
    wrt = floats(f.args)
    _, dot = jvp(f, wrt)(*f.args, tangents=tuple(dirs[k] for k in wrt))
    assert dot == pytest.approx(want, rel=1e-6, abs=1e-6)


def test_other_arms_are_taken_at_other_points() -> None:
    p = statement_programs
    for f in (p.try_fallback, p.try_else, p.try_return, p.try_finally_return):
        for x in (0.3, 1.7, 2.9):
            check(f, x, 1.3)
    for f in (p.ret_in_loop, p.ret_in_while, p.while_true, p.walrus, p.chained):
        for x in (0.2, 0.9, 2.7):
            check(f, x, 1.1)


# -- exceptions


def tries_in_a_loop(x, y):
    total, last = 0.0, 1.0
    for k in range(6):
        try:
            a = math.sin(x * k) * last
            last = math.sqrt(a + 0.2)
            total += last * y
        except ValueError:
            total -= 0.5 * last * x
            continue
        total *= 1.1
    return total * last


def tries_with_a_loop_inside(x, y):
    s = x
    for k in range(5):
        try:
            p = 1.0
            for j in range(3):
                p = p * math.log(s + 0.3 * j - 0.2 * k)
        except ValueError:
            p = y * s
        s = s * 0.8 + 0.1 * p
    return s


def keeps_what_was_settled(x, y):
    n = 0
    t = x * 2.0
    try:
        n = 1
        u = t * y
        w = math.log(u - 5.0)
    except ValueError:
        w = u * n
    return w + t


def steps(x, y):
    total = 0.0
    try:
        total += math.sqrt(x)
        total += math.sqrt(y - 1.0)
        total += math.sqrt(x - 1.0)
        total += 100.0 * x
    except ValueError as e:
        total += 0.1 * len(str(e)) * x
    return total * y


def several_handlers(x, y):
    out = 0.0
    for k in range(4):
        try:
            if k == 1:
                raise KeyError(k)
            v = math.log(x - 0.3 * k)
        except KeyError:
            v = x * y
        except (ValueError, ZeroDivisionError):
            v = y * y
        else:
            v = v * 2.0
        finally:
            out += 0.5 * y
        out += v
    return out


def nested(x, y):
    try:
        try:
            r = math.log(x - 1.0)
        except ZeroDivisionError:
            r = 0.0
        r = r * y
    except ValueError:
        r = x * x * y
    return r


def raises_again(x, y):
    try:
        try:
            r = math.sqrt(x - 1.0)
        except ValueError:
            x = x * 1.5
            raise
    except ValueError:
        r = y * y
    return r * y


def returns_from_handlers(x, y):
    for k in range(5):
        try:
            x = math.sqrt(x - 0.2 * k)
        except ValueError:
            return x * y * k
    return x


@pytest.mark.parametrize(
    "f",
    [
        tries_in_a_loop,
        tries_with_a_loop_inside,
        keeps_what_was_settled,
        steps,
        several_handlers,
        nested,
        raises_again,
        returns_from_handlers,
    ],
    ids=lambda f: f.__name__,
)
def test_exceptions(f: Callable[..., Any]) -> None:
    for x, y in ((0.8, 1.3), (1.7, 0.9), (0.4, 1.8), (2.6, 0.31)):
        check(f, x, y)
        _, dot = jvp(f, (0, 1))(x, y, tangents=(1.0, 0.5))
        want = (f(x + STEP, y + STEP / 2) - f(x - STEP, y - STEP / 2)) / (2 * STEP)
        assert dot == pytest.approx(want, rel=1e-6, abs=1e-6)


def test_exceptions_that_nobody_handles_escape() -> None:
    def f(x):
        try:
            return math.log(x)
        except ZeroDivisionError:
            return x

    with pytest.raises(ValueError, match="math domain"):
        grad(f)(-1.0)
    assert grad(f)(2.0) == 0.5


def test_a_value_that_only_the_handler_reads_survives_the_body() -> None:
    def f(v):
        t = np.sum(v * v)
        s = np.exp(v)
        try:
            u = np.linalg.cholesky(np.outer(v, v) - np.eye(3))
            r = np.sum(u)
        except np.linalg.LinAlgError:
            r = np.sum(s * t)
        return r * t

    check(f, np.array([0.3, 0.4, 0.5]))


def test_what_follows_a_handler_that_leaves_reads_what_the_body_left() -> None:
    def f(x, y):
        s, t = 0.0, 1.0
        try:
            for k in range(4):
                s = s + math.log(x + y - 0.6 * k)
                t = t * s
        except ValueError:
            return x * y
        return s * t

    for x, y in ((0.8, 1.3), (0.3, 0.4), (1.8, 1.1)):
        check(f, x, y)


def test_names_and_memory_that_only_the_handler_reads_are_left_alone() -> None:
    def f(x, y):
        sin = x * y  # a name that the emitted code gives to values of its own, too
        try:
            w = math.log((math.sin(y) + 2.0) * (math.sin(y) + 3.0) * x - 9.0)
        except ValueError:
            w = 3.0 * sin  # the backward sweep does not ask for it
        return w

    check(f, 0.8, 1.3)
    check(f, 2.8, 1.3)

    def g(v):
        s = v * v
        try:
            u = s + 1.0
            r = np.sum(np.linalg.cholesky(np.outer(u, u) - np.eye(3)))
        except np.linalg.LinAlgError:
            r = np.sum(s)
        return r

    check(g, np.array([0.3, 0.4, 0.5]))


def test_what_is_not_certain_is_refused() -> None:
    def f(x, y):
        r = x
        try:
            for k in range(3):
                r = r * 2.0
                y = math.sqrt(y - k)
        except ValueError:
            return r
        return y

    with pytest.raises(DifferentiationError, match="is not certain"):
        grad(f)(1.0, 1.5)

    def g(v):
        w = v * 1.0
        try:
            w[0] = 2.0 * v[1]
            r = np.linalg.inv(np.outer(w, w))[0, 0]
        except np.linalg.LinAlgError:
            r = np.sum(w)
        return r

    with pytest.raises(DifferentiationError, match="may be left afterwards"):
        grad(g)(np.ones(2))


# -- inner derivatives


def test_inner_derivatives_agree_with_closed_forms() -> None:
    def force(q, k):
        return -grad(lambda p: 0.25 * k * np.sum(p**4))(q)

    q = np.array([0.3, -1.2])
    g = grad(lambda k: np.sum(force(q, k) * q))(2.0)
    assert g == pytest.approx(-np.sum(q**4))
    third = grad(lambda x: grad(grad(lambda t: math.sin(2.0 * t)))(x))(0.4)
    assert third == pytest.approx(-8.0 * math.cos(0.8))


def test_an_inner_gradient_of_an_array_is_refused() -> None:
    def f(v):
        return np.sum(grad(lambda p: p * p)(v))

    with pytest.raises(DifferentiationError, match="vjp"):
        grad(f)(np.ones(3))

    def g(v):
        _, bar = s2sgrad.vjp(lambda p: p * p)(v, out_bar=1.0)
        return np.sum(bar)

    with pytest.raises(DifferentiationError, match="shape"):
        grad(g)(np.ones(3))


# -- functions


def test_long_functions_that_are_called_often_stay_functions() -> None:
    derivative = check(caller_programs.many_helpers, 0.8, 1.3)
    source = derivative.source
    assert source.count("def huge_fwd(") == source.count("def huge_bwd(") == 1
    assert source.count("math.tanh") == 1


def test_nonlocal_names_of_a_frame_that_has_gone() -> None:
    def f(x):
        def counter():
            c = x

            def inc(v):
                nonlocal c
                c = c * v
                return c

            return inc

        a, b = counter(), counter()
        a(2.0)
        b(x)
        return a(x) * b(3.0)

    check(f, 1.3)


def read_twice(x: Any) -> Any:
    g = (v * v for v in x)
    return sum(g) + sum(g)


def mapped_twice(x: Any) -> Any:
    g = map(np.square, x)
    s = 0.0
    for v in g:
        s += v
    for v in g:
        s += v
    return s


def in_each_turn(x: Any) -> Any:
    g = (v * v for v in x)
    s = 0.0
    for _ in range(x.shape[0]):
        s += sum(g)
    return s


def _twice(it: Any) -> Any:
    return sum(it) + sum(it)


def handed_on(x: Any) -> Any:
    return _twice(v * v for v in x)


@pytest.mark.parametrize("f", [read_twice, mapped_twice, in_each_turn, handed_on])
def test_an_iterator_is_read_once(f: Any) -> None:
    """A second reading finds nothing: it was once taken for the list of its items."""
    with pytest.raises(DifferentiationError, match="iterator, which can be read once"):
        grad(f)(np.arange(3.0))


def test_iterators_that_are_read_once() -> None:
    def f(x: Any) -> Any:
        s = 0.0
        for _ in range(2):
            g = (v * v for v in x)
            s += sum(g)
        return s

    np.testing.assert_allclose(grad(f)(np.arange(3.0)), 4.0 * np.arange(3.0))
