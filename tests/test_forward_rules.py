"""Every rule in forward mode and to second order, through the whole compiler.

The tangent against central differences of NumPy, in shape and dtype those of the value; the
Hessian-vector product against central differences of the gradient.
"""

from __future__ import annotations

import linecache
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import scipy
import scipy.linalg as SL

from s2sgrad import hvp, jvp, value_and_grad
from s2sgrad.errors import DifferentiationError
from tests.case import LIB, Case
from tests.test_rules_compiled import PROGRAMS, REFUSED, Program, difference, serial, weights_of


def once_an_op() -> Iterator[Any]:
    """The first case of each op runs always, the others with the slow tests."""
    seen: set[Any] = set()
    for case, made in PROGRAMS:
        marks = [pytest.mark.slow] if case.op in seen else []
        seen.add(case.op)
        yield pytest.param(case, made, id=case.id, marks=marks)


EACH = list(once_an_op())
# No forward mode, and why: a part of the message.
NO_FORWARD: dict[Any, str] = {
    LIB.norm: "rank",  # of matrices by their singular values, over two axes of more
    LIB.tensorinv: "no derivative in forward mode",  # its ranks are asked at run time
    LIB.tensorsolve: "not linear",  # likewise
    np.unstack: "not known before the program runs",
    SL.lu_solve: "trans",  # its vjp is a solve with the transpose, which has no rule
}
# Second derivatives are refused, and why.
NO_SECOND: dict[Any, str] = {
    **NO_FORWARD,
    LIB.tensorinv: "is itself a derivative",
    np.histogram: "no derivative",
    SL.lu_factor: "no rule",
}
SINGULAR = {LIB.det}  # the second derivative inverts the matrix, which raises if it is singular


def function(text: str) -> Any:
    file = f"<forward rule {next(serial)}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    space: dict[str, Any] = {"np": np, "math": math, "scipy": scipy}
    exec(compile(text, file, "exec"), space)
    return space["f"]


def plain(made: Program) -> str:
    names = ", ".join(f"x{k}" for k in range(len(made.values)))
    return f"def f({names}):\n    return {made.call}\n"


def direction(made: Program) -> dict[int, Any]:
    rng = np.random.default_rng(4)
    moves = {k: rng.normal(size=np.shape(made.values[k])) for k in made.wrt}
    return {k: u if np.shape(u) else float(u) for k, u in moves.items()}


@pytest.mark.parametrize(("case", "made"), EACH)
def test_tangent(case: Case, made: Program) -> None:
    weights = weights_of(case)
    f, wrt = function(plain(made)), tuple(made.wrt)
    u = direction(made)
    several = isinstance(weights[0], tuple)
    try:
        if several:
            items = "".join(f"out[{w[0]}], " for w in weights)
            text = plain(made).replace("return", "out =") + f"    return ({items})\n"
            f = function(text)
        value, tangent = jvp(f, wrt)(*made.values, tangents=tuple(u[k] for k in wrt))
    except DifferentiationError as e:
        assert NO_FORWARD.get(case.op, REFUSED.get(case.op, "no refusal")) in str(e)  # noqa: PT017
        return
    values, tangents = (value, tangent) if several else ((value,), (tangent,))
    for v, t in zip(values, tangents, strict=True):
        assert np.shape(t) == np.shape(v)
        assert np.asarray(t).dtype == np.asarray(v).dtype
    rest = [w[1] if isinstance(w, tuple) else w for w in weights]
    got = sum(float(np.sum(np.real(w * t))) for w, t in zip(rest, tangents, strict=True))
    want = difference(function(made.text(case, weights)), made.values, u, rest)
    assert got == pytest.approx(want, rel=2e-5, abs=2e-6)


@pytest.mark.parametrize(("case", "made"), EACH)
def test_second_order(case: Case, made: Program) -> None:
    weights = weights_of(case)
    f, wrt = function(made.text(case, weights)), tuple(made.wrt)
    rest = [w[1] if isinstance(w, tuple) else w for w in weights]
    u = direction(made)
    try:
        gradient = value_and_grad(f, wrt)
        gradient(*made.values, *rest)
    except DifferentiationError:
        return  # test_rules_compiled knows them
    if case.op in SINGULAR and abs(LIB.det(case.args[0])) < 1e-12:
        with pytest.raises(LIB.LinAlgError):
            hvp(f, wrt)(*made.values, *rest, vector=tuple(u[k] for k in wrt))
        return
    try:
        product = hvp(f, wrt)(*made.values, *rest, vector=tuple(u[k] for k in wrt))
    except DifferentiationError as e:
        assert NO_SECOND.get(case.op, "no refusal") in str(e)  # noqa: PT017
        return

    def at(h: float) -> Any:
        moved = [v + h * u[k] if k in u else v for k, v in enumerate(made.values)]
        return gradient(*moved, *rest)[1]

    h = 1e-6
    with np.errstate(all="ignore"):
        up, down = at(h), at(-h)
    for p, a, b, k in zip(product, up, down, wrt, strict=True):
        assert np.shape(p) == np.shape(made.values[k])
        np.testing.assert_allclose(p, (a - b) / (2 * h), rtol=2e-4, atol=2e-5)
