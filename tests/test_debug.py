"""`S2SGRAD_DEBUG`: faults that are put into the compiler are noticed, and NaNs are traced."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from s2sgrad import debug, grad, jacobian, jvp, pipeline, value_and_grad, vjp
from s2sgrad.emit.tapes import Tapes
from s2sgrad.errors import InternalError
from s2sgrad.ir import alias, ops
from s2sgrad.ir.graph import Func
from s2sgrad.passes.share import share
from tests.passes import function

X = np.array([0.3, -0.7, 1.1, 0.4, -0.2, 0.9])


def reshaped(x: Any) -> Any:
    h = 2.0 * x
    t = np.reshape(h, (2, 3))
    return np.sum(np.exp(t) * t)


def stepped(x: Any) -> Any:
    y = x.copy()
    for _ in range(2):
        for i in range(1, 6):
            y[i] = np.sin(y[i - 1]) * y[i]
    s = 0.0
    k = 0
    while k < 5:
        s = s * y[k] + y[k + 1]
        k += 1
    return s


def test_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def words(text: str) -> frozenset[str]:
        monkeypatch.setenv("S2SGRAD_DEBUG", text)
        return debug.wanted()

    assert words("") == words("0") == frozenset()
    assert words("1") == {"verify", "poison", "alias", "tapes"}
    assert words("1, nan") == set(debug.WORDS)
    assert words("nan,tapes") == {"nan", "tapes"}
    with pytest.raises(ValueError, match="'nans' is none of 1, verify, poison"):
        words("nans")


@pytest.mark.parametrize("f", [reshaped, stepped])
def test_the_checks_change_nothing(f: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("S2SGRAD_DEBUG")
    plain = grad(f)
    want = plain(X)
    assert "_poison" not in plain.source
    for text in ("1", "1,nan"):
        monkeypatch.setenv("S2SGRAD_DEBUG", text)
        checked = grad(f)
        np.testing.assert_array_equal(checked(X), want)
        assert "_poison(" in checked.source
    assert ("_emptied(" in checked.source) == (f is stepped)


def wrongly_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault: what reshapes is taken for an operation that copies."""
    right, shaping = alias.makes_memory, (np.reshape, ops.reshape_like)
    monkeypatch.setattr(alias, "makes_memory", lambda op, form: op in shaping or right(op, form))


def test_poison_shows_who_reads_dead_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S2SGRAD_DEBUG", "poison")
    assert np.isfinite(grad(reshaped)(X)).all()
    wrongly_fresh(monkeypatch)
    assert np.isnan(grad(reshaped)(X)).any()


def test_memory_that_is_shared_after_all_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    wrongly_fresh(monkeypatch)
    monkeypatch.setenv("S2SGRAD_DEBUG", "poison,alias")
    with pytest.raises(AssertionError, match="is still read, and shares memory with the first"):
        grad(reshaped)(X)


def test_a_view_through_which_a_list_of_places_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """The view had the indices of the store among its operands, and was taken for a copy."""
    f = function(
        "def f(x, y):\n"
        "    z = np.ones((2, 3))\n"
        "    w = z[1:]\n"
        "    w[np.array([0, 0])] += y\n"
        "    return np.sum(np.reshape(z.copy(), (-1,)) ** 2) + np.sum(x * 0.3)\n"
    )
    monkeypatch.setenv("S2SGRAD_DEBUG", "1")
    gx, gy = grad(f, (0, 1))(X, 0.5)
    np.testing.assert_allclose(gx, 0.3)
    assert gy == pytest.approx(3 * 2 * 1.5)


def test_what_is_left_on_a_tape_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S2SGRAD_DEBUG", "tapes")
    line = Tapes.line

    def reading(self: Tapes, depth: int, text: str) -> None:
        line(self, depth, text.replace(".pop()", "[-1]"))

    monkeypatch.setattr(Tapes, "line", reading)
    with pytest.raises(AssertionError, match="items are left on a tape"):
        grad(stepped)(X)


def test_the_pass_that_breaks_the_ir_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def breaking(func: Func) -> Func:
        return replace(func, body=replace(func.body, stmts=func.body.stmts[1:]))

    monkeypatch.setattr(pipeline, "LEVELS", [lambda: (breaking, share)] * 3)
    with pytest.raises(InternalError, match="in the pass `breaking`"):
        grad(reshaped)(X)
    monkeypatch.delenv("S2SGRAD_DEBUG")
    with pytest.raises(Exception) as e:
        grad(reshaped)(X)
    assert "`breaking`" not in str(e.value)


# -- NaN


def traced(make: Any, f: Any, *args: Any, **named: Any) -> str:
    with np.errstate(all="ignore"), pytest.raises(FloatingPointError) as e:
        make(f)(*args, **named)
    return str(e.value)


def norm(v: Any) -> Any:
    return np.sqrt(np.sum(v * v))  # line of the norm


def far(x: Any, w: Any) -> Any:
    total = 0.0
    for _ in range(3):
        total += np.sum(np.where(x > 0, np.sqrt(x), 0.0)) + norm(x * w)
    return total


def entropy(x: Any) -> Any:
    r = x / np.sum(x)
    return -np.sum(r * np.log(r))


@pytest.fixture
def _nan(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S2SGRAD_DEBUG", "nan")


@pytest.mark.usefixtures("_nan")
def test_the_line_where_a_nan_began() -> None:
    told = traced(grad, far, np.zeros(2), np.ones(2))
    assert "the derivative of `far` is NaN\nit began in the backward sweep of\n" in told
    nan, inf = told.split("the infinity began in the backward sweep of")
    assert "mul(inf, 0) is nan, at [0]" in nan
    assert "return np.sqrt(np.sum(v * v))  # line of the norm" in inf
    assert "truediv(3, 0) is inf" in inf


@pytest.mark.usefixtures("_nan")
def test_what_a_mask_hides_is_not_blamed() -> None:
    with np.errstate(all="ignore"):
        g = grad(far)(np.array([0.0, 9.0, 16.0]), np.ones(3))
    n = 337**0.5
    np.testing.assert_allclose(g, [0.0, 3 * (1 / 6 + 9 / n), 3 * (1 / 8 + 16 / n)])


@pytest.mark.usefixtures("_nan")
@pytest.mark.parametrize("make", [grad, value_and_grad, vjp])
def test_the_value_may_be_where_it_began(make: Any) -> None:
    told = traced(make, entropy, np.zeros(2))
    assert "it began in the value of" in told
    assert "r = x / np.sum(x)" in told
    assert "in `r`: truediv(0, 0) is nan, at [0]" in told


@pytest.mark.usefixtures("_nan")
def test_forward_mode_and_arguments() -> None:
    x = np.array([0.0, 1.0])
    assert "log(0) is -inf, at [0]" in traced(jvp, entropy, x, tangents=x)
    # Straight code in an order of its own has no lines of the program.
    assert "truediv(0, 0) is nan" in traced(jacobian, entropy, np.zeros(2))
    told = traced(grad, entropy, np.array([np.nan, 1.0]))
    assert "so is something that it was given\nit was first read in the value of" in told


@pytest.mark.usefixtures("_nan")
def test_a_value_that_is_nan_is_no_fault_of_the_gradient() -> None:
    def f(x: Any) -> Any:
        return 2.0 * x + float("nan")

    value, slope = value_and_grad(f)(1.0)
    assert np.isnan(value)
    assert slope == 2.0


@pytest.mark.usefixtures("_nan")
def test_functions_that_call_themselves() -> None:
    def deep(n: int, x: Any) -> Any:
        return np.sum(x**1.5) if n == 0 else deep(n - 1, norm(x) * x)

    told = traced(lambda f: grad(f, "x"), deep, 20, np.zeros(2))
    assert "it began in the backward sweep of" in told
    assert "line of the norm" in told


@pytest.mark.usefixtures("_nan")
def test_random_numbers_are_drawn_once() -> None:
    def noisy(x: Any) -> Any:
        return norm(x * np.random.standard_normal(2))  # noqa: NPY002 (a program)

    np.random.seed(3)  # noqa: NPY002
    assert "is nan" in traced(grad, noisy, np.zeros(2))
    after = np.random.standard_normal()  # noqa: NPY002
    np.random.seed(3)  # noqa: NPY002
    assert after == np.random.standard_normal(3)[2]  # noqa: NPY002
