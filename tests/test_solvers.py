"""Functions that take functions: roots, minima, integrals, differential equations."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
# Programs of users are not annotated.

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
import scipy.integrate as sg
import scipy.interpolate as si
import scipy.optimize as so
import scipy.sparse as ss

from s2sgrad import grad, hvp, jvp
from s2sgrad.errors import DifferentiationError
from s2sgrad.rules import load_for
from s2sgrad.rules.functions import TAKES
from tests import solver_programs
from tests.scipy_programs import PROGRAMS as WITH_OBJECTS
from tests.solver_programs import PROGRAMS

U = np.random.default_rng(8).normal(size=30)


EVERY = [*PROGRAMS, *WITH_OBJECTS]


@pytest.mark.parametrize("f", EVERY, ids=lambda f: f.__name__)
def test_both_modes(f: Any) -> None:
    (x,), h = f.args, 1e-4 if f in PROGRAMS else 1e-6  # solutions have errors
    u, g = U[: len(x)], grad(f)
    want = (f(x + h * u) - f(x - h * u)) / (2 * h)
    assert g(x) @ u == pytest.approx(want, rel=2e-5, abs=2e-6)
    assert jvp(f)(x, tangents=u)[1] == pytest.approx(g(x) @ u, rel=1e-5, abs=1e-7)
    assert "s2sgrad" not in g.source


@pytest.mark.slow
@pytest.mark.parametrize("f", EVERY, ids=lambda f: f.__name__)
def test_second_order(f: Any) -> None:
    (x,), h, g = f.args, 1e-4 if f in PROGRAMS else 1e-6, grad(f)
    u = U[: len(x)]
    second = (g(x + h * u) - g(x - h * u)) / (2 * h)
    np.testing.assert_allclose(hvp(f)(x, vector=u), second, rtol=2e-4, atol=2e-5)


def test_every_solver_is_tested() -> None:
    for package in ("scipy.optimize", "scipy.integrate"):
        load_for(package)
    text = inspect.getsource(solver_programs)
    assert [op.__name__ for op in TAKES if op.__name__ not in text] == []


def test_reverse_over_reverse() -> None:
    """The rules are closed: the derivative of a root has a derivative in both modes."""
    x = solver_programs.P
    for f in PROGRAMS[:3]:
        twice = grad(lambda x, f=f: grad(f)(x) @ U[:3])(x)
        np.testing.assert_allclose(twice, hvp(f)(x, vector=U[:3]), rtol=1e-9)


def test_reads_as_one_would_write_it() -> None:
    def f(p):
        x = so.brentq(lambda u, a: u**3 + u - a, 0.0, 2.0, args=(p,))
        return x * x

    g = grad(f)
    g(1.3)
    text = g.source
    assert "    x = scipy.optimize.brentq(fun, 0.0, 2.0, args=(p,))\n" in text
    assert len(text.partition("def f_grad")[2].splitlines()) <= 7, text


def test_what_has_no_derivative_is_refused() -> None:
    calls = []

    def counting(u, a):
        calls.append(1)
        return u - a

    def writing(u, out):
        out[0] = u
        return u - out[1]

    p = np.ones(2)
    refused = [
        (lambda p: so.brentq(counting, -2.0, 2.0, args=(p[0],)), "binds|writes|changes|container"),
        (lambda p: so.brentq(writing, -2.0, 2.0, args=(p,)), "writes"),
        (lambda p: so.brentq(lambda u: u - p[0], -2.0, 2.0, full_output=True)[0], "full_output"),
        (lambda p: so.minimize(lambda u: u @ u - p[0], p, bounds=[(0, 1)] * 2).x[0], "bounds"),
        (lambda p: sg.solve_ivp(lambda t, y: -p[0] * y, (0, 1), p, dense_output=True).y[0, 0],
         "dense_output"),
        (lambda p: so.root(lambda u: u - p, p).jac[0], "not known"),
        (lambda p: so.brentq(lambda u: np.array([u - p[0]]), -2.0, 2.0), "array"),
        (lambda p: so.root(lambda u: u - p, p).fun[0], "not known"),
        (lambda p: np.sum(ss.diags(p) @ p), "no rule"),
        (lambda p: np.sum((ss.csr_matrix(np.diag(p)) * p[0]).toarray()), "sparse"),
        (lambda p: si.interp1d(p, p, fill_value=0.0, bounds_error=False)(0.5), "fill_value"),
        (lambda p: si.CubicSpline(np.sort(p), p)(0.5), "no rule|knots"),
        (lambda p: si.CubicSpline(np.arange(2.0), p)(0.5, extrapolate=False), "no derivative"),
    ]  # fmt: skip
    for f, message in refused:
        with pytest.raises(DifferentiationError, match=message):
            grad(f)(p)
