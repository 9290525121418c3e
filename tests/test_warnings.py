"""A gradient is quiet where its function is, and finite where that hides what is not."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest

from s2sgrad import grad, jvp, value_and_grad
from s2sgrad.errors import DifferentiationError
from tests.fuzz.arrays import program
from tests.fuzz.edges import POINTS, formula
from tests.passes import function
from tests.test_fuzz_arrays import WRT, arguments


def run(f: Any, *args: Any) -> tuple[Any, bool]:
    """The result, and whether there was no warning."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        return f(*args), not told


def at_the_edges(seeds: Iterable[int]) -> int:
    """How many points could be judged: each gradient is right there, finite, and quiet."""
    judged = 0
    for seed in seeds:
        made = formula(seed)
        f = function(made.source)
        backwards, forwards = grad(f), jvp(f)
        for x in {s * p for p in POINTS for s in (1.0, -1.0)}:
            try:
                want = made.at(x)
            except ArithmeticError:
                continue
            a = np.array([x, x])
            value, quiet = run(f, a)
            if abs(value / 2 - float(want.value)) > 1e-9 * (1 + abs(float(want.value))):
                continue  # cancelled, or no number of float64 on the way
            judged += 1
            g, still = run(backwards, a)
            with np.errstate(all="ignore"):
                _, dot = forwards(a, tangents=np.ones(2))
            place = f"x = {x}\n{made.source}\n{backwards.source}"
            slope, size = float(want.slope), 1 + abs(float(want.slope))
            np.testing.assert_allclose(g, [slope, slope], rtol=0, atol=1e-6 * size, err_msg=place)
            np.testing.assert_allclose(dot, 2 * slope, rtol=0, atol=1e-6 * size, err_msg=place)
            assert still or not quiet, place
    return judged


def array_algebra(seeds: Iterable[int]) -> int:
    """How many programs are quiet: so are their derivatives."""
    judged = 0
    for seed in seeds:
        text = program(seed)
        f, args = function(text), [*arguments(seed), seed % 4]
        copies = [np.copy(a) if isinstance(a, np.ndarray) else a for a in args]
        if not run(f, *copies)[1]:
            continue
        judged += 1
        dots = tuple(np.ones(np.shape(a)) if np.ndim(a) else 1.0 for a in args[:-1])
        try:
            for level in (0, 1):
                assert run(value_and_grad(f, WRT, optimize=level), *args)[1], text
            assert run(functools.partial(jvp(f, WRT), tangents=dots), *args)[1], text
        except DifferentiationError as e:
            assert "memory" in str(e) or "another name" in str(e), text  # noqa: PT017
    return judged


def test_edges() -> None:
    assert at_the_edges(range(40)) > 500


def test_array_algebra() -> None:
    assert array_algebra(range(3000, 3012)) > 8


@pytest.mark.slow
@pytest.mark.parametrize("first", range(1000, 2000, 250))
def test_more_edges(first: int) -> None:
    assert at_the_edges(range(first, first + 250)) > 3000


@pytest.mark.slow
@pytest.mark.parametrize("first", range(4000, 4200, 50))
def test_more_array_algebra(first: int) -> None:
    assert array_algebra(range(first, first + 50)) > 40
