"""A list with two names: a change through one is seen through the other, or refused."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from s2sgrad import value_and_grad
from s2sgrad.errors import DifferentiationError


def by_second_name(x):
    a = [x]
    b = a
    b.append(x * x)
    return a[-1]


def by_first_name(x):
    a = [x]
    b = a
    a.append(x * x)
    return b[-1]


def chained(x):
    a = c = [x]
    c.append(x * x)
    return a[-1]


def three(x):
    a = [x]
    b = a
    c = b
    c[0] = x * x
    return a[0]


def parallel(x):
    a, b = [x], [2.0]
    b.append(x * x)
    return a[-1] * b[-1]


def annotated(x):
    a: list[float] = [x]
    a.append(x * x)
    return a[-1]


def equal_but_two(x):
    a = [x]
    b = [x]
    b.append(x * x)
    return a[-1] * b[-1]


def in_a_loop(x):
    a = [x]
    for _ in range(3):
        b = a
        b.append(x * a[-1])
    return a[-1]


def swapped(x):
    a = [x]
    b = [2 * x]
    a, b = b, a
    b.append(x * x)
    return a[-1] * b[-1]


def in_a_tuple(x):
    a = [x]
    p = (a, 1.0)
    b = p[0]
    b.append(x * x)
    return a[-1]


def handed(a):
    return a


def through_a_helper(x):
    a = [x]
    b = handed(a)
    b.append(x * x)
    return a[-1]


def by_item(x):
    a = [x, 2.0]
    b = a
    b[0] += x * x
    return a[0] * b[1]


PROGRAMS = [
    by_second_name, by_first_name, chained, three, parallel, annotated, equal_but_two, in_a_loop,
    swapped, in_a_tuple, through_a_helper, by_item,
]  # fmt: skip
REFUSED = {swapped, in_a_tuple, through_a_helper}


@pytest.mark.parametrize("f", PROGRAMS)
def test_right_or_refused(f: Callable[[float], Any]) -> None:
    d = value_and_grad(f)
    try:
        value, gradient = d(1.3)
    except DifferentiationError:
        assert f in REFUSED
        return
    h = 1e-5
    assert value == pytest.approx(f(1.3), rel=1e-15)
    assert gradient == pytest.approx((f(1.3 + h) - f(1.3 - h)) / (2 * h), rel=1e-8)


def test_a_list_of_the_caller() -> None:
    """It is not changed, and a change of it is not lost."""

    def f(ws):
        vs = ws
        vs.append(ws[0] * ws[0])
        return ws[-1]

    ws = [1.5]
    assert value_and_grad(f)(ws) == (2.25, [3.0])
    assert ws == [1.5]
