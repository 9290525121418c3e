"""Whole programs: the gradient against central differences, and the IR against what is emitted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from s2sgrad import grad, value_and_grad
from s2sgrad.ir.interp import run
from s2sgrad.ir.verify import verify
from tests.programs import (
    CASES,
    Case,
    bound_in_a_loop,
    bound_in_an_arm,
    bound_in_the_turn_before,
    found,
)

IDS = [f"{k}-{case[0].__name__}" for k, case in enumerate(CASES)]


def directional(case: Case, seed: int) -> tuple[float, list[Any]]:
    """The derivative in a random direction by central differences, and the direction."""
    f, args, wrt = case
    rng = np.random.default_rng(seed)
    direction = [rng.standard_normal(np.shape(args[k])) for k in wrt]

    def at(t: float) -> float:
        moved = list(args)
        for k, u in zip(wrt, direction, strict=True):
            moved[k] = args[k] + t * u if np.ndim(args[k]) else float(args[k] + t * u)
        return float(f(*moved))

    h = 1e-6
    return (at(h) - at(-h)) / (2 * h), direction


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_gradient_against_differences(case: Case) -> None:
    f, args, wrt = case
    before = [np.array(a, copy=True) for a in args]
    value, gradient = value_and_grad(f, wrt)(*args)
    assert value == pytest.approx(f(*args), rel=1e-13)
    for k, g in zip(wrt, gradient, strict=True):
        assert np.shape(g) == np.shape(args[k])
        assert np.ndim(g) == 0 or g.flags.writeable
    for seed in range(2):
        want, direction = directional(case, seed)
        got = sum(np.sum(u * g) for u, g in zip(direction, gradient, strict=True))
        assert got == pytest.approx(want, rel=2e-6, abs=2e-7)
    for a, b in zip(args, before, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_each_pass_keeps_the_meaning(case: Case) -> None:
    """The interpreter gives the same numbers after each pass as the emitted text."""
    f, args, wrt = case
    d = value_and_grad(f, wrt)
    value, gradient = d(*args)
    assert d._last is not None
    data = [get() for get, _ in d._last.scope.data.values()]
    for stage, func in d._last.ir.items():
        verify(func)
        given = [*args, *data][: len(func.body.params)]
        results = run(func, *given)
        assert results[0] == pytest.approx(value, rel=1e-12), stage
        if len(results) > 1:
            for g, r in zip(gradient, results[1:], strict=True):
                np.testing.assert_allclose(g, r, rtol=1e-10, atol=1e-12, err_msg=stage)


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_gradient_alone_is_the_same(case: Case) -> None:
    f, args, wrt = case
    _, both = value_and_grad(f, wrt)(*args)
    for a, b in zip(grad(f, wrt)(*args), both, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)


def test_a_name_that_starts_as_none() -> None:
    _, (gx, gy) = value_and_grad(found, (0, 1))(0.3, 1.2)
    assert gx == pytest.approx(1.2 * np.cos(1.3), rel=1e-9) or gx == pytest.approx(
        1.2 * np.cos(0.3 + max(range(6), key=lambda k: np.sin(0.3 + k))), rel=1e-9
    )
    assert gy == pytest.approx(max(np.sin(0.3 + k) for k in range(6)), rel=1e-12)


@pytest.mark.parametrize("transform", [grad, value_and_grad])
@pytest.mark.parametrize(
    ("f", "right", "unbound"),
    [
        (bound_in_an_arm, (1.0,), (-1.0,)),
        (bound_in_a_loop, (1.0, 2), (1.0, 0)),
        (bound_in_the_turn_before, (1.5, 4), (1.5, 0)),
    ],
)
def test_an_unbound_name_raises_as_in_python(
    transform: Any, f: Any, right: tuple[Any, ...], unbound: tuple[Any, ...]
) -> None:
    derivative = transform(f)
    answer = derivative(*right)
    slope = answer if transform is grad else answer[1]
    h = 1e-6
    want = (f(right[0] + h, *right[1:]) - f(right[0] - h, *right[1:])) / (2 * h)
    assert slope == pytest.approx(want, rel=1e-8)
    with pytest.raises(UnboundLocalError):
        derivative(*unbound)
