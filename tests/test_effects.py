"""Effects run once, in order; draws are those of the program; generators are consumed once."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, misc"

from __future__ import annotations

import contextlib
import logging
import math
import random
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from s2sgrad import grad, hessian, jacobian, value_and_grad
from s2sgrad.errors import DifferentiationError

STEP = 1e-6


# -- effects


def test_effects_run_once_and_in_order() -> None:
    seen: list[str] = []
    log = logging.getLogger("s2sgrad.test.order")
    log.setLevel("INFO")

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append(record.getMessage())

    log.addHandler(Keep())

    def steps(n):
        for k in range(n):
            log.info("before %d", k)
            yield k * 1.0
            log.info("after %d", k)

    @contextlib.contextmanager
    def manager(name):
        log.info("enter %s", name)
        try:
            yield 2.0
        finally:
            log.info("leave %s", name)

    def f(x):
        with manager("a") as two:
            for v in steps(3):
                log.info(f"body {v:.0f}")
                x = x * two + v
                if v > 0.5:
                    break
        try:
            x = math.sqrt(x - 100.0)
        except ValueError:
            log.warning("no root")
        finally:
            log.info("end")
        return x

    want = f(1.5)
    primal, seen[:] = list(seen), []
    value, g = value_and_grad(f)(1.5)
    assert seen == primal
    assert (value, g) == (want, 4.0)


def test_finally_runs_when_an_exception_escapes(capsys: pytest.CaptureFixture[str]) -> None:
    def f(x):
        try:
            return math.sqrt(x)
        finally:
            print("done")

    assert grad(f)(4.0) == 0.25
    with pytest.raises(ValueError, match="math domain"):
        grad(f)(-1.0)
    assert capsys.readouterr().out == "done\ndone\n"


def test_draws_are_those_of_the_program_and_are_not_repeated() -> None:
    def f(x, rng):
        for _ in range(4):
            if rng.random() < 0.5:
                x = x * rng.normal(1.0, 0.1) + rng.uniform()
            x = np.tanh(x) * rng.normal(x, 0.3)
        return x

    for seed in range(6):
        ours, theirs = np.random.default_rng(seed), np.random.default_rng(seed)
        value, g = value_and_grad(f)(0.7, ours)
        assert value == f(0.7, theirs)
        assert ours.bit_generator.state == theirs.bit_generator.state
        up, down = (f(0.7 + h, np.random.default_rng(seed)) for h in (STEP, -STEP))
        assert g == pytest.approx((up - down) / (2 * STEP), rel=1e-6, abs=1e-8)


GENERATOR = np.random.default_rng(1)


def test_generators_among_globals_are_read_anew() -> None:
    def f(x):
        return np.sum(x * GENERATOR.standard_normal(x.shape))

    g = grad(f)
    global GENERATOR
    for seed in (1, 2):
        GENERATOR = np.random.default_rng(seed)
        want = np.random.default_rng(seed).standard_normal(3)
        assert np.allclose(g(np.ones(3)), want)


def test_a_draw_whose_parameter_varies() -> None:
    def f(x, rng):
        return rng.gamma(x) * x

    with pytest.raises(DifferentiationError, match="vary"):
        grad(f)(1.5, np.random.default_rng(0))

    def shuffles(x, rng):
        rng.shuffle(x)
        return x[0]

    with pytest.raises(DifferentiationError, match="writes to an array"):
        grad(shuffles)(np.ones(3), np.random.default_rng(0))


def test_the_state_of_the_generators_of_modules_is_left_alone_by_the_compiler() -> None:
    def f(x):
        return x * np.random.randn() * random.gauss(0.0, 1.0)  # noqa: NPY002

    np.random.seed(4)  # noqa: NPY002
    random.seed(5)
    value, g = value_and_grad(f)(2.0)
    np.random.seed(4)  # noqa: NPY002
    random.seed(5)
    assert value == f(2.0)
    assert g == value / 2.0


def test_jacobians_draw_once() -> None:
    def f(x, rng):
        return x * rng.standard_normal(3)

    rng = np.random.default_rng(3)
    z = np.random.default_rng(3).standard_normal(3)
    assert np.allclose(jacobian(f)(np.ones(3), rng), np.diag(z))

    def g(x, rng):
        return np.sum(x**3 * rng.standard_normal(3))

    with pytest.raises(DifferentiationError, match="would draw other numbers"):
        hessian(g)(np.ones(3), rng)


def test_warnings_that_the_program_ignores() -> None:
    def f(x):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.warn("nobody hears this", stacklevel=2)
            return np.sum(np.where(x > 0, np.log(x), 0.0))

    with warnings.catch_warnings(action="error"):
        assert np.allclose(grad(f)(np.array([2.0, -1.0])), [0.5, 0.0])

    def loud(x):
        warnings.warn("heard", stacklevel=2)
        return x * x

    with pytest.warns(UserWarning, match="heard"):
        assert grad(loud)(3.0) == 6.0


# -- generators


def test_a_generator_is_consumed_once() -> None:
    def f(x):
        def g():
            yield x
            yield x * x

        it = g()
        return sum(it) + sum(it)

    with pytest.raises(DifferentiationError, match="consumed twice"):
        grad(f)(1.0)


def generator(x):
    yield x


async def later(x):
    return x


@pytest.mark.parametrize("f", [generator, later])
def test_generators_and_async_functions_are_no_primals(f: Callable[..., Any]) -> None:
    with pytest.raises(DifferentiationError, match="kind"):
        grad(f)(1.0)
