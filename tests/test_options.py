"""Options of functions that vary: right or refused, in both modes, and never dropped."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from s2sgrad import grad, jvp
from s2sgrad.errors import DifferentiationError
from tests.passes import function

CALLS = [
    "np.sum(np.quantile(x, y)**2)",
    "np.sum(np.percentile(x, 100*y)**2)",
    "np.sum(np.pad(x, 1, constant_values=y)**2)",
    "np.sum(np.nan_to_num(x, nan=y)**2)",
    "np.sum(np.pad(x, 1, constant_values=(y,1.0))**2)",
    "np.sum(np.linalg.pinv(np.diag(x),y))",
    "np.sum(np.clip(x,y,2*y)**2)",
    "np.sum(np.nansum(x*y))",
    "np.sum(np.where(x>0,y,x)**2)",
    "np.sum(np.full(3,y)*x)",
    "np.sum(np.insert(x,1,y)**2)",
    "np.sum(np.linspace(y,x[0],5)**2)",
    "np.sum(np.prod(x,initial=y))",
    "np.sum(x, initial=y)",
    "np.max(x,initial=y)",
    "np.var(x,ddof=y)",
    "np.average(x,weights=y*x)",
    "np.interp(y,np.array([0,.5,1]),x)",
    "np.trapezoid(x,dx=y)",
    "np.trapezoid(x,x*y)",
    "np.sum(np.gradient(x,y))",
    "np.sum(np.diff(x,prepend=y)**2)",
    "np.sum(np.diff(x,append=y)**2)",
    "np.sum(np.append(x,y)**2)",
    "np.select([x[0]>5],[x[1]],y)**2",
    "np.sum(np.geomspace(y,x[0],4))",
    "np.sum(np.arange(y,1.0,0.2)**2)",
    "np.sum(np.ediff1d(x,to_end=y)**2)",
    "np.sum(np.vander(x,3)*y)",
    "np.sum(np.kron(x,y))",
    "np.sum(np.ldexp(x,2)*y)",
    "np.sum(np.unwrap(x,period=y)**2)",
    "np.cov(x,aweights=y*x)",
    "np.sum(np.cross(x,y*x[::-1])**2)",
    "np.sum(np.convolve(x,y*x)**2)",
    "np.sum(np.cumsum(x*y)**2)",
    "np.sum(np.polyval(x,y))",
    "np.sum(np.heaviside(x,y))",
]
X, Y = np.array([0.13, 0.27, 0.38]), 0.3
UX, UY = np.array([1.0, -0.4, 0.7]), 0.9
# Both operands are ordinary ones: refusing them would be no answer.
SURELY = {"np.sum(np.nansum(x*y))", "np.sum(np.where(x>0,y,x)**2)", "np.sum(np.cumsum(x*y)**2)"}


def by_grad(f: Any) -> float:
    gx, gy = grad(f, (0, 1))(X, Y)
    return float(np.sum(gx * UX) + gy * UY)


def by_jvp(f: Any) -> float:
    return float(jvp(f, (0, 1))(X, Y, tangents=(UX, UY))[1])


@pytest.mark.parametrize("mode", [by_grad, by_jvp])
@pytest.mark.parametrize("call", CALLS)
def test_an_option_that_varies(call: str, mode: Any) -> None:
    f = function(f"def f(x, y):\n    return {call}\n")
    h = 1e-6
    want = (f(X + h * UX, Y + h * UY) - f(X - h * UX, Y - h * UY)) / (2 * h)
    why = ""
    try:
        got = mode(f)
    except DifferentiationError as e:
        why = e.refusals[0].anchor
    if why:
        assert call not in SURELY
        assert why in ("no-rule", "no-forward-rule")
    else:
        assert got == pytest.approx(want, rel=1e-5, abs=1e-6)
