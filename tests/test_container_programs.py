"""Programs that build, change and iterate containers: against central differences."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"

from __future__ import annotations

import copy
import functools
from collections import namedtuple
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from s2sgrad import grad, jvp, value_and_grad, vjp
from s2sgrad.errors import DifferentiationError
from tests import container_aliases, container_programs, container_programs_more
from tests.test_containers import check

PROGRAMS = [*container_programs.PROGRAMS, *container_programs_more.PROGRAMS]
ALIASES = container_aliases.PROGRAMS
Call = tuple[Any, ...]


def unharmed(f: Callable[..., Any]) -> Callable[..., Any]:
    """`f` on copies: some of the programs change what they are given."""

    @functools.wraps(f)
    def run(*given: Any) -> Any:
        return f(*copy.deepcopy(given))

    return run


@pytest.mark.parametrize(("f", "args"), PROGRAMS, ids=[f.__name__ for f, _ in PROGRAMS])
def test_program(f: Callable[..., Any], args: Call) -> None:
    check(f, *args, primal=unharmed(f))


@pytest.mark.parametrize(("f", "args"), ALIASES, ids=[f.__name__ for f, _ in ALIASES])
def test_right_or_refused(f: Callable[..., Any], args: Call) -> None:
    if f.__name__ not in container_aliases.REFUSED:
        check(f, *args, primal=unharmed(f))
        return
    with pytest.raises(DifferentiationError) as e:
        value_and_grad(f)(*args)
    assert "^" in str(e.value)
    assert "docs/errors.md#" in str(e.value)


@pytest.mark.parametrize(("f", "args"), PROGRAMS[::3], ids=[f.__name__ for f, _ in PROGRAMS[::3]])
def test_forward_mode(f: Callable[..., Any], args: Call) -> None:
    """The tangent along a direction is what reverse mode says of it."""
    if not isinstance(args[0], np.ndarray | float):
        return
    drawn = np.random.default_rng(2).standard_normal(np.shape(args[0]))
    along = drawn if np.ndim(args[0]) else float(drawn)
    _, dot = jvp(f)(*args, tangents=along)
    assert dot == pytest.approx(float(np.sum(grad(f)(*args) * along)), rel=1e-10, abs=1e-12)


Pair = namedtuple("Pair", "x y")


@dataclass
class Body:
    x: float
    v: float


def test_containers_as_results() -> None:
    def pair(a):
        return Pair(a * a, 3 * a)

    def made(a):
        b = Body(a, a * 2)
        b.x += 1
        return b

    def given(b):
        b.x = b.x * b.v
        return b

    def growing(a):
        xs = []
        while a < 10:
            a = a * a
            xs.append(a)
        return xs

    assert vjp(pair)(1.5, out_bar=Pair(1.0, 2.0)) == (Pair(2.25, 4.5), 9.0)
    assert vjp(made)(1.5, out_bar=Body(1.0, 1.0)) == (Body(2.5, 3.0), 3.0)
    body = Body(1.0, 2.0)
    assert vjp(given)(body, out_bar=Body(1.0, 0.0)) == (Body(2.0, 2.0), Body(2.0, 1.0))
    assert body == Body(1.0, 2.0)
    value, bar = vjp(growing)(1.5, out_bar=[1.0, 1.0, 1.0])
    assert value == growing(1.5)
    h = 1e-6
    want = (sum(growing(1.5 + h)) - sum(growing(1.5 - h))) / (2 * h)
    assert bar == pytest.approx(want, rel=1e-7)
    with pytest.raises(TypeError, match="shape"):
        vjp(growing)(1.5, out_bar=[1.0])


def test_containers_that_are_one_are_not_changed_as_two() -> None:
    def f(p, q):
        p["a"] = p["a"] * 2
        return q["a"] * p["a"]

    d = grad(f)
    assert d({"a": 1.5}, {"a": 2.0}) == {"a": 4.0}
    one = {"a": 1.5}
    for _ in range(2):
        with pytest.raises(DifferentiationError, match="`p` and `q` of `f` are one object"):
            d(one, one)


SETTINGS: dict[str, Any] = {"rate": 0.5, "sizes": [2, 3]}


def test_containers_of_the_module_are_read_at_each_call() -> None:
    def f(x):
        return x * SETTINGS["rate"] * len(SETTINGS["sizes"])

    def changes(x):
        SETTINGS["rate"] = x
        return x

    d = grad(f)
    assert d(1.0) == 1.0
    SETTINGS["rate"] = 2.0
    SETTINGS["sizes"].append(4)
    assert d(1.0) == 6.0
    with pytest.raises(DifferentiationError, match="for the whole program"):
        grad(changes)(1.0)
