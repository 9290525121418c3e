"""The generated table of partials: up to date, and right at high precision."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from s2sgrad.rules import partials, partials_math

pytest.importorskip("sympy")
import mpmath
import sympy as sp

from s2sgrad.rules.derive import FILES, derived, generate, parse, symbols
from s2sgrad.rules.formulas import FORMULAS, Formula


@pytest.mark.parametrize("space", ["np", "math"])
def test_committed_file_is_up_to_date(space: str) -> None:
    """Regenerating gives the same bytes."""
    path = Path(str(partials.__file__)).with_name(FILES[space])
    assert path.read_bytes() == generate(space).encode()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("entry", FORMULAS, ids=lambda e: e.numpy or e.math)
def test_partials_at_high_precision(entry: Formula) -> None:
    """Both namespaces agree with 40-digit derivatives, hand-written entries included."""
    names = [sp.Symbol(name, real=True) for name in entry.operands]
    function = sp.lambdify(names, parse(entry, positive=False), "mpmath")
    low, high = entry.domain
    random = np.random.default_rng(3)
    for _ in range(20):
        point = [float(v) for v in random.uniform(low, high, size=len(entry.operands))]
        for module, name, table in (
            (np, entry.numpy, partials),
            (math, entry.math, partials_math),
        ):
            op = getattr(module, name, None) if name else None
            if op is None:
                continue
            out = op(*point)
            found = getattr(table, name)(out, *point)
            found = found if isinstance(found, tuple) else (found,)
            cotangents = getattr(table, f"{name}_vjp")(3.0, out, *point)
            cotangents = cotangents if isinstance(cotangents, tuple) else (cotangents,)
            for i, (value, cotangent) in enumerate(zip(found, cotangents, strict=True)):
                exact = slope(function, point, i)
                assert abs(value - exact) <= 4e-14 * (1 + abs(exact)), (name, point, i)
                assert abs(cotangent - 3 * exact) <= 12e-14 * (1 + abs(exact)), (name, point, i)


def slope(function: Any, point: list[float], i: int) -> float:
    """Return the partial derivative by operand `i`, computed with 40 digits."""
    with mpmath.workdps(40):
        exact = [mpmath.mpf(v) for v in point]
        order = tuple(int(k == i) for k in range(len(point)))
        if len(point) == 1:
            return float(mpmath.diff(function, exact[0]))
        return float(mpmath.diff(function, tuple(exact), order))


@pytest.mark.parametrize("entry", [e for e in FORMULAS if e.hand], ids=lambda e: e.numpy or e.math)
def test_hand_written_entries_agree_with_sympy(entry: Formula) -> None:
    """SymPy derives the same thing, where it can be evaluated."""
    names = symbols(entry.operands)
    point = {names[n]: sp.Float("0.4", 30) + i for i, n in enumerate(entry.operands)}
    values = {n: float(point[names[n]]) for n in entry.operands}
    out = float(parse(entry).subs(point))
    table, name = (partials, entry.numpy) if entry.numpy else (partials_math, entry.math)
    found = getattr(table, name)(out, *values.values())
    found = found if isinstance(found, tuple) else (found,)
    for value, expression in zip(found, derived(entry), strict=True):
        exact = expression.subs({sp.Symbol("out", positive=True): out, **point}).evalf()
        if exact.is_number and exact.is_real and not exact.has(sp.Derivative, sp.Subs):
            assert float(value) == pytest.approx(float(exact), rel=1e-12, abs=1e-12)


def test_sinc_near_zero() -> None:
    """No cancellation next to the removable singularity."""
    for x in (0.0, 1e-9, -1e-4, 0.0299, 0.0301):
        exact = 0.0
        if x:
            with mpmath.workdps(60):
                exact = float(mpmath.diff(lambda t: mpmath.sin(mpmath.pi * t) / mpmath.pi / t, x))
        found = float(partials.sinc(np.sinc(x), x))
        assert found == pytest.approx(exact, rel=1e-11, abs=1e-300)
