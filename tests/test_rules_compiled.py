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

from s2sgrad import value_and_grad
from s2sgrad.errors import DifferentiationError
from tests.rule_cases import CASES, Case

serial = itertools.count()
SYMBOLS = {operator.add: "+", operator.sub: "-", operator.mul: "*", operator.truediv: "/",
           operator.pow: "**", operator.matmul: "@", operator.mod: "%"}  # fmt: skip


def spelled(op: Any) -> str | None:
    """The name of `op` in a program, or None where a program has none for it."""
    name = getattr(op, "__name__", "")
    for prefix, space in (("np.", np), ("np.linalg.", np.linalg), ("np.fft.", np.fft),
                          ("math.", math), ("", builtins)):  # fmt: skip
        if getattr(space, name, None) is op:
            return prefix + name
    return None


def is_real(value: Any) -> bool:
    return isinstance(value, float) or (isinstance(value, np.ndarray) and value.dtype == np.float64)


def program(case: Case) -> tuple[str, list[Any]] | None:
    """The text of `f` and its arguments; None for what no program can say yet."""
    values: list[Any] = []

    def say(a: Any, fixed: bool) -> str | None:
        if isinstance(a, list | tuple) and any(isinstance(i, np.ndarray | float) for i in a):
            items = [say(i, fixed) for i in a]
            return None if None in items else f"[{', '.join(map(str, items))}]"
        if is_real(a) and not fixed:
            values.append(a)
            return f"x{len(values) - 1}"
        if isinstance(a, np.ndarray) or callable(a):
            return None
        return repr(a)

    args = [say(a, k in case.fixed) for k, a in enumerate(case.args)]
    named = [say(v, True) for v in case.kwargs.values()]
    name = spelled(case.op)
    if not values or None in args or None in named:
        return None
    if name is None and case.op not in SYMBOLS:
        return None
    kw = [f"{k}={v}" for k, v in zip(case.kwargs, named, strict=True)]
    call = f"{name}({', '.join([*map(str, args), *kw])})"
    if case.op in SYMBOLS:
        call = f"{args[0]} {SYMBOLS[case.op]} {args[1]}"
    names = ", ".join(f"x{k}" for k in range(len(values)))
    return f"def f({names}, weight):\n    return np.sum(weight * {call})\n", values


PROGRAMS = [(c, p) for c in CASES if (p := program(c)) is not None]


@pytest.mark.parametrize(("case", "made"), PROGRAMS, ids=[c.id for c, _ in PROGRAMS])
def test_compiled_rule(case: Case, made: tuple[str, list[Any]]) -> None:
    text, values = made
    file = f"<rule {next(serial)}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    space: dict[str, Any] = {"np": np, "math": math}
    exec(compile(text, file, "exec"), space)
    f = space["f"]
    with np.errstate(all="ignore"):
        result = case.op(*case.args, **case.kwargs)
    if not isinstance(result, np.ndarray | float | np.floating) or np.iscomplexobj(result):
        pytest.skip("several or complex results: sums of them are no program of this test")
    rng = np.random.default_rng(3)
    weight = rng.normal(size=np.shape(result)) if np.ndim(result) else 1.5
    wrt = tuple(range(len(values)))
    try:
        _, gradient = value_and_grad(f, wrt)(*values, weight)
    except DifferentiationError as e:
        pytest.skip(f"refused: {str(e).splitlines()[0]}")
    h = 1e-6
    u = [rng.normal(size=np.shape(v)) for v in values]
    up = [v + h * d for v, d in zip(values, u, strict=True)]
    down = [v - h * d for v, d in zip(values, u, strict=True)]
    if not np.ndim(values[0]):
        up, down = [_number(v) for v in up], [_number(v) for v in down]
    want = (f(*up, weight) - f(*down, weight)) / (2 * h)
    got = sum(float(np.sum(d * g)) for d, g in zip(u, gradient, strict=True))
    assert got == pytest.approx(want, rel=2e-5, abs=2e-6), text
    for v, g in zip(values, gradient, strict=True):
        assert np.shape(g) == np.shape(v)


def _number(v: Any) -> Any:
    return float(v) if np.ndim(v) == 0 else v
