"""Compilation is linear in the length of the function: steps are counted, not seconds."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from benchmarks.run import long_function
from s2sgrad import value_and_grad


def steps(lines: int) -> int:
    """How many functions are called while a function of so many lines is compiled."""
    f, x, n = long_function(lines), np.ones(3), 0

    def count(_frame: Any, event: str, _arg: Any) -> None:
        nonlocal n
        n += event in ("call", "c_call")

    derivative = value_and_grad(f, (0, 1))
    before = sys.getprofile()
    sys.setprofile(count)
    try:
        derivative(x, x)
    finally:
        sys.setprofile(before)
    return n


def test_steps_grow_as_lines_do() -> None:
    steps(10)  # what is loaded at first use
    short, long = steps(60), steps(240)
    assert long < 4 * 1.15 * short


def test_a_line_takes_a_bounded_number_of_steps() -> None:
    steps(10)
    assert steps(60) / 60 < 18_000
