"""Functions as values and the less common statements: against central differences."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, misc"

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from s2sgrad import grad, value_and_grad
from s2sgrad.errors import DifferentiationError
from tests import function_programs
from tests.function_programs import PROGRAMS

STEP = 1e-6


def check(f: Callable[..., Any], *args: Any, rel: float = 1e-6) -> Any:
    """Value and gradient in the floats among `args`, in two random directions."""
    wrt = tuple(k for k, a in enumerate(args) if not isinstance(a, int | str | None))
    derivative = value_and_grad(f, wrt)
    value, gradient = derivative(*args)
    assert value == pytest.approx(f(*args), rel=1e-12)
    rng = np.random.default_rng(3)
    for _ in range(2):
        along = {k: rng.standard_normal(np.shape(args[k])) for k in wrt}

        def at(t: float, along: Any = along) -> Any:
            return f(*(a + t * along[k] if k in along else a for k, a in enumerate(args)))

        want = (at(STEP) - at(-STEP)) / (2 * STEP)
        got = sum(np.sum(g * along[k]) for k, g in zip(wrt, gradient, strict=True))
        assert got == pytest.approx(want, rel=rel, abs=rel)
    return derivative


@pytest.mark.parametrize("f", PROGRAMS, ids=lambda f: f.__name__)
def test_program(f: Callable[..., Any]) -> None:
    check(f, *getattr(f, "args", (0.8, 1.3)))


def test_other_arms_are_taken_at_other_points() -> None:
    for f in (function_programs.match_dyn, function_programs.match_guard):
        for n in (0, 1, 2, 3, 7):
            check(f, 0.8, 1.3, n)
    check(function_programs.choice, 0.3, 1.3)
    check(function_programs.nl_cond, 0.8, 0.7)
    check(function_programs.walrus_tern, 0.01, 0.7)
    check(function_programs.match_loop, 2.5, 1.9)


def test_continue_in_the_else_of_a_loop_whose_test_binds() -> None:
    def f(x, y):
        s = 0.0
        for k in range(4):
            while (v := x * k + s) < 1.0:
                s = s + 0.5 * v + 0.1 * y
                if s > 5.0:
                    break
            else:
                if k == 2:
                    continue
                s = s * y
                if k == 3:
                    break
            s = s + v * x
        return s * y

    check(f, 0.4, 1.3)
    check(f, 0.1, 0.7)


def test_partial_objects_among_globals_are_read_anew() -> None:
    scale = functools.partial(lambda a, b: a * b, 3.0)

    def f(x):
        return scale(x) * x

    d = grad(f)
    assert d(0.5) == 3.0
    scale = functools.partial(lambda a, b: a * b * b, 2.0)
    assert d(0.5) == pytest.approx(6 * 0.25)


def test_text_is_written_as_it_stands(capsys: pytest.CaptureFixture[str]) -> None:
    def f(x, n):
        print(f"x = {x:.2f}", f"{n!r:>4}|{x + 1:6.1f}", "%d" % n)  # noqa: UP031
        assert x < 3.0, f"too large: {x:.1f}"
        if x < -1:
            raise ValueError(f"negative: {x:.1f} and {n}")
        return x * x

    d = grad(f)
    assert d(1.5, 2) == 3.0
    assert capsys.readouterr().out == "x = 1.50    2|   2.5 2\n"
    with pytest.raises(AssertionError, match=r"too large: 4\.0"):
        d(4.0, 2)
    with pytest.raises(ValueError, match=r"negative: -2\.0 and 7"):
        d(-2.0, 7)
    assert "print(f'x = {x:.2f}'" in d.source


def test_nothing_is_printed_while_compiling(capsys: pytest.CaptureFixture[str]) -> None:
    def f(x):
        if x > 5:
            print("large")
        return x * x

    grad(f)(1.0)
    assert capsys.readouterr().out == ""


class Unfit(Exception):
    """An exception of the user's."""


def test_an_exception_of_the_users() -> None:
    def f(x):
        if x < 0:
            raise Unfit(f"x = {x}", x)
        return x * x

    assert grad(f)(2.0) == 4.0
    with pytest.raises(Unfit, match=r"x = -1.0") as e:
        grad(f)(-1.0)
    assert e.value.args[1] == -1.0


def test_errstate_holds_in_both_sweeps() -> None:
    def f(x):
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            return np.sum(np.where(x > 0, np.log(np.maximum(x, 0.0)) * np.exp(800.0 * x), 0.0))

    d = value_and_grad(f)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        d(np.array([0.5, 0.0, 1.0]))
    assert "@np.errstate(divide='ignore', over='ignore'," in d.source.replace('"', "'")


def test_lengths_are_checked_where_the_program_checks_them() -> None:
    def f(x, y):
        s = 0.0
        for a, b in zip(x, y, strict=True):
            s = s + a * b
        return s

    x = np.array([1.0, 2.0, 3.0])
    np.testing.assert_allclose(grad(f)(x, 2 * x), 2 * x)
    with pytest.raises(ValueError, match=r"zip\(\)"):
        grad(f)(x, x[:2])


def deleted(x):
    y = x
    del y
    return y * x  # noqa: F821


def rebinds_global(x):
    global STEP
    STEP = x
    return STEP * x


def foreign_with(x):
    with open("file"):
        return x * x


def raising_errstate(x):
    with np.errstate(divide="raise"):
        return x / x


def guarded_alternatives(x):
    match (x, 1):
        case (y, 1) | (1, y) if y > 0:
            return y * y


REFUSED: list[tuple[Callable[..., Any], str, str]] = [
    (deleted, "not bound", "return y * x"),
    (rebinds_global, "is a global", "global STEP"),
    (foreign_with, "`with`", 'open("file")'),
    (raising_errstate, "'raise'", 'np.errstate(divide="raise")'),
    (guarded_alternatives, "pattern", "match (x, 1)"),
]


@pytest.mark.parametrize(("f", "why", "where"), REFUSED, ids=lambda v: getattr(v, "__name__", ""))
def test_refused(f: Callable[..., Any], why: str, where: str) -> None:
    with pytest.raises(DifferentiationError) as e:
        grad(f)(1.5)
    assert why in str(e.value)
    assert where in str(e.value)
    assert "^" in str(e.value)
