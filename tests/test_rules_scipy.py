"""SciPy: when its rules are loaded, how its functions are spelled, and what cases cannot say."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
# Programs of users are not annotated.

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.linalg
import scipy.special
import scipy.stats
from scipy.special import erf, logsumexp

from s2sgrad import grad
from s2sgrad.errors import DifferentiationError
from s2sgrad.rules import load_for
from tests.case import m, spd, u

W = m(3, 3)


def differences(f: Any, x: Any, t: Any) -> float:
    """The central difference in the direction `t`."""
    return float((f(x + 1e-6 * t) - f(x - 1e-6 * t)) / 2e-6)


def agrees(f: Any, x: Any) -> None:
    """The gradient is the slope."""
    t = m(*np.shape(x))
    want = differences(f, x, t)
    assert float(np.sum(grad(f)(x) * t)) == pytest.approx(want, rel=2e-5, abs=2e-6)


def test_scipy_is_not_imported_without_need(tmp_path: Path) -> None:
    file = tmp_path / "program.py"
    file.write_text("""
import sys
import s2sgrad, numpy as np
assert s2sgrad.grad(lambda x: np.sum(x * x))(np.ones(3))[0] == 2.0
assert not [m for m in sys.modules if m.split('.')[0] in ('scipy', 'sympy')]
import scipy.special
from s2sgrad.rules import lookup
from s2sgrad.rules.registry import LOADED
assert LOADED == [] and lookup(scipy.special.erf) is not None and 'scipy.special' in LOADED
""")
    path = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, str(file)], check=True, env=path)


def test_a_package_is_loaded_once() -> None:
    load_for("scipy.special")
    assert load_for("scipy.special") is False
    assert load_for("scipy.nothing") is False


def test_spelling() -> None:
    """By the full path, whatever the program imported; methods of distributions too."""
    g = grad(lambda x: np.sum(erf(x)) + logsumexp(x) + np.sum(scipy.stats.norm.logcdf(x, 0.1, 2.0)))
    x = m(4)
    g(x)
    assert "import scipy.special" in g.source
    assert "scipy.special.logsumexp(x)" in g.source
    assert "scipy.stats.norm.logcdf(x, 0.1, 2.0)" in g.source
    assert "s2sgrad" not in g.source
    agrees(lambda x: np.sum(erf(x)) + logsumexp(x), x)


def test_options_by_name() -> None:
    agrees(lambda s: np.sum(scipy.stats.norm.logpdf(W, loc=s, scale=1.5)), u(3))
    agrees(lambda s: np.sum(scipy.stats.norm.logpdf(W, scale=s)), u(3))
    agrees(lambda a: np.sum(scipy.stats.gamma.logpdf(np.exp(W), a=a, scale=1.3)), 1 + u(3))
    agrees(lambda b: logsumexp(W, b=b), u(3, 3))


def test_eigenvectors() -> None:
    """Signs of vectors differ from call to call: squares do not."""
    b = spd(3)
    s = m(3, 3)
    agrees(lambda x: np.sum(W * scipy.linalg.eigh(x + x.T)[1] ** 2), s)
    agrees(lambda x: np.sum(W * scipy.linalg.eigh(x + x.T, b)[1] ** 2), s)
    agrees(lambda x: np.sum(W * scipy.linalg.eigh(s + s.T, x @ x.T + b)[1] ** 2), s)


def test_factors_and_solves() -> None:
    """The way that people write a Gaussian log-likelihood."""

    def f(x):
        c = scipy.linalg.cho_factor(x @ x.T + 2 * np.eye(3), lower=True)
        alpha = scipy.linalg.cho_solve(c, x[0])
        return -0.5 * np.dot(x[0], alpha) - np.sum(np.log(np.diag(c[0])))

    agrees(f, m(3, 3))


def test_edges_of_special_functions() -> None:
    g = grad(lambda x, y: np.sum(scipy.special.xlogy(x, y)), wrt=(0, 1))
    gx, gy = g(np.array([0.0, 0.0, 2.0]), np.array([0.0, 3.0, 4.0]))
    np.testing.assert_allclose(gx, [0.0, np.log(3.0), np.log(4.0)])
    np.testing.assert_allclose(gy, [0.0, 0.0, 0.5])
    big = np.array([-800.0, -40.0, 0.0, 40.0])
    slope = grad(lambda x: np.sum(scipy.special.log_ndtr(x)))(big)
    np.testing.assert_allclose(slope[:2], -big[:2] - 1 / big[:2], rtol=1e-5)
    slope = grad(lambda x: np.sum(scipy.special.log_expit(x)))(big)
    np.testing.assert_allclose(slope, [1, 1, 0.5, 0], atol=1e-15)
    slope = grad(lambda x: scipy.special.logsumexp(x))(np.array([-np.inf, 0.0]))
    np.testing.assert_allclose(slope, [0, 1])
    limits = [
        (grad(lambda x: scipy.special.ellipk(x)), np.pi / 8),
        (grad(lambda x: scipy.special.ellipe(x)), -np.pi / 8),
        (grad(lambda x: scipy.special.i1(x)), 0.5),
        (grad(lambda x: scipy.special.j1(x)), 0.5),
    ]
    for derivative, limit in limits:
        assert derivative(0.0) == pytest.approx(limit)


def test_what_has_no_derivative_is_refused() -> None:
    with pytest.raises(DifferentiationError, match="no derivative"):
        grad(lambda v: scipy.special.jv(v, 0.5))(1.5)
    with pytest.raises(DifferentiationError, match="assume_a"):
        grad(lambda x: np.sum(scipy.linalg.solve(x, x[0], assume_a="diagonal")))(spd(3))
