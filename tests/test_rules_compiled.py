"""Every rule through the whole compiler: the emitted gradient against central differences."""

from __future__ import annotations

import builtins
import itertools
import linecache
import math
import operator
from typing import Any

import numpy as np
import pytest
import scipy
import scipy.linalg as SL

from s2sgrad import value_and_grad
from s2sgrad.emit.expr import scipy_path
from s2sgrad.errors import DifferentiationError
from tests.case import LIB, Case
from tests.rule_cases import CASES

serial = itertools.count()
SYMBOLS = {operator.add: "+", operator.sub: "-", operator.mul: "*", operator.truediv: "/",
           operator.pow: "**", operator.matmul: "@", operator.mod: "%"}  # fmt: skip
SPACES: tuple[tuple[str, Any], ...] = (
    ("np.", np), ("np.linalg.", np.linalg), ("np.fft.", np.fft), ("math.", math), ("", builtins),
)  # fmt: skip
# Results of these that have no rule.
UNRULED = {
    LIB.slogdet: {0}, LIB.lstsq: {1, 2, 3}, np.histogram: {1}, SL.lstsq: {1, 2, 3}, SL.lu: {0},
    SL.eigh: {1},
}  # fmt: skip
# Some cases of these are refused, with this part of a message.
REFUSED = {
    np.unstack: "not known before the program runs",  # the number of results depends on an extent
    np.delete: "`slice`",  # only with a slice
    # Only where the extents of several arguments have to match: the type is not found.
    np.vdot: "rank",
    np.repeat: "rank",
    np.block: "rank",
    LIB.tensorsolve: "rank",
    LIB.tensorinv: "rank",
    scipy.stats.dirichlet.logpdf: "rank",  # only where the values of several arguments have to
    scipy.stats.dirichlet.pdf: "rank",  # match: the type is not found
}


def spelled(op: Any) -> str | None:
    """The name of `op` in a program, or None where a program has none for it."""
    name, owner = getattr(op, "__name__", ""), getattr(op, "__self__", None)
    if isinstance(owner, np.ufunc):
        return f"np.{owner.__name__}.{name}"
    found = next((pre + name for pre, space in SPACES if getattr(space, name, None) is op), None)
    return found or ".".join(scipy_path(op)) or None


def is_real(value: Any) -> bool:
    return isinstance(value, float) or (isinstance(value, np.ndarray) and value.dtype == np.float64)


class Program:
    """The text of `f`, its arguments, and which of them vary."""

    def __init__(self, case: Case) -> None:
        self.values: list[Any] = []
        self.wrt: list[int] = []
        args = [self.say(a, k in case.fixed) for k, a in enumerate(case.args)]
        named = [f"{k}={self.say(v, True)}" for k, v in case.kwargs.items()]
        name = spelled(case.op)
        self.call = f"{name}({', '.join([*args, *named])})"
        if case.op in SYMBOLS:
            self.call = f"{args[0]} {SYMBOLS[case.op]} {args[1]}"
        elif name is None:
            self.wrt = []

    def say(self, a: Any, fixed: bool) -> str:
        if isinstance(a, list | tuple):
            items = ", ".join(self.say(i, fixed) for i in a)
            if isinstance(a, list):
                return f"[{items}]"
            return f"({items},)" if len(a) == 1 else f"({items})"
        if isinstance(a, np.ndarray) or (isinstance(a, float) and not fixed):
            if is_real(a) and not fixed:
                self.wrt.append(len(self.values))
            self.values.append(a)
            return f"x{len(self.values) - 1}"
        if callable(a):
            return str(spelled(a))
        return repr(a).replace("inf", "np.inf") if isinstance(a, float) else repr(a)

    def text(self, case: Case, weights: list[Any]) -> str:
        """Every result times its weight, summed."""
        names = [f"x{k}" for k in range(len(self.values))]
        several = isinstance(weights[0], tuple)
        terms = []
        for n, w in enumerate(weights):
            names.append(f"w{n}")
            out = f"out[{w[0]}]" if several else "out"
            terms.append(f"np.sum(np.real(w{n} * {out}))")
        return (
            f"def f({', '.join(names)}):\n    out = {self.call}\n    return {' + '.join(terms)}\n"
        )


def weights_of(case: Case) -> list[Any]:
    """A random weight for each result that varies: (its number, weight) where there are several."""
    with np.errstate(all="ignore"):
        result = case.op(*case.args, **case.kwargs)
    rng = np.random.default_rng(3)

    def weight(r: Any) -> Any:
        shape = np.shape(r)
        w = rng.normal(size=shape) if shape else float(rng.normal())
        return w + 1j * rng.normal(size=shape) if np.iscomplexobj(r) and shape else w

    if not isinstance(result, tuple | list):
        return [weight(result)]
    kept = [k for k, r in enumerate(result) if k not in UNRULED.get(case.op, ()) and varies(r)]
    return [(k, weight(result[k])) for k in kept]


def varies(result: Any) -> bool:
    return isinstance(result, float) or getattr(result, "dtype", np.dtype(int)).kind in "fc"


PROGRAMS = [(c, p) for c in CASES if (p := Program(c)).wrt and c.op is not SL.cho_factor]


@pytest.mark.parametrize(("case", "made"), PROGRAMS, ids=[c.id for c, _ in PROGRAMS])
def test_compiled_rule(case: Case, made: Program) -> None:
    weights = weights_of(case)
    text = made.text(case, weights)
    file = f"<rule {next(serial)}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    space: dict[str, Any] = {"np": np, "math": math, "scipy": scipy}
    exec(compile(text, file, "exec"), space)
    f = space["f"]
    values, wrt = made.values, tuple(made.wrt)
    rest = [w[1] if isinstance(w, tuple) else w for w in weights]
    try:
        _, gradient = value_and_grad(f, wrt)(*values, *rest)
    except DifferentiationError as e:
        assert REFUSED.get(case.op, "no refusal") in str(e), text  # noqa: PT017
        return
    rng = np.random.default_rng(4)
    u = {k: rng.normal(size=np.shape(values[k])) for k in wrt}
    got = sum(float(np.sum(u[k] * g)) for k, g in zip(wrt, gradient, strict=True))
    want = difference(f, values, u, rest)
    assert got == pytest.approx(want, rel=2e-5, abs=2e-6), text
    for k, g in zip(wrt, gradient, strict=True):
        assert np.shape(g) == np.shape(values[k])


def difference(f: Any, values: list[Any], u: dict[int, Any], rest: list[Any]) -> float:
    """The central difference of `f` in the direction `u`."""
    h = 1e-6
    ends = []
    for sign in (1.0, -1.0):
        moved = [v + sign * h * u[k] if k in u else v for k, v in enumerate(values)]
        scalar = [float(v) if k in u and isinstance(values[k], float) else v
                  for k, v in enumerate(moved)]  # fmt: skip
        ends.append(float(f(*scalar, *rest)))
    return (ends[0] - ends[1]) / (2 * h)
