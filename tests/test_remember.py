"""What mirrors take from tapes, compute again, and read where the program keeps it."""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from s2sgrad import grad, value_and_grad
from s2sgrad.passes.cut import SINK, SOURCE, Graph
from s2sgrad.testing import check_grad

R = np.random.default_rng(11).standard_normal


def source(f: Callable[..., Any], *args: Any, wrt: Any = 0) -> str:
    """The text of the derivative, which is right."""
    check_grad(f, *args, wrt=wrt)
    d = value_and_grad(f, wrt)
    d(*args)
    return d.source


@pytest.mark.parametrize("seed", range(30))
def test_the_cut_is_the_cheapest(seed: int) -> None:
    """Against all cuts of small graphs."""
    rng = np.random.default_rng(seed)
    inner = list(range(5))
    nodes = [SOURCE, *inner, SINK]
    edges = {
        (a, b): float(rng.integers(1, 9))
        for a, b in itertools.permutations(nodes, 2)
        if rng.random() < 0.4 and a != SINK and b != SOURCE
    }

    def cost(near: set[Any]) -> float:
        return sum(c for (a, b), c in edges.items() if a in near and b not in near)

    graph = Graph()
    for (a, b), c in edges.items():
        graph.edge(a, b, c)
    cuts = [
        {SOURCE, *some} for n in range(len(inner) + 1) for some in itertools.combinations(inner, n)
    ]
    assert cost(graph.near_source()) == min(map(cost, cuts))


def test_numbers_are_computed_again() -> None:
    """A few operations on floats, from one value that is taped."""

    def f(x, b):
        for _ in range(5):
            c = math.cos(x) * b
            x = x + c * c - x * b
        return x

    text = source(f, 0.4, 0.3, wrt=(0, 1))
    assert text.count(".append(") == 1


def test_what_is_dear_is_taped() -> None:
    def f(x, W):
        for _ in range(3):
            x = np.exp(-np.tanh(W @ x))
        return np.sum(x)

    text = source(f, R(4), R((4, 4)), wrt=(0, 1))
    assert text.count("np.exp(") == text.count("np.tanh(") == 1


def test_many_tapes_are_one() -> None:
    def f(x, W):
        for _ in range(3):
            a = np.tanh(W @ x)
            b = np.sin(a * a)
            x = np.cos(a * b) + np.exp(-b)
        return np.sum(x)

    text = source(f, R(4), R((4, 4)), wrt=(0, 1))
    assert text.count("tape = []") == 1
    assert "tape.append((" in text


def test_in_arms_and_inner_loops() -> None:
    def f(x, w):
        total = 0.0
        for i in range(4):
            y = x * w[i]
            z = y + 0.5
            for _ in range(i):
                if z * z > 0.3:
                    total = total + math.sin(z * y) * x
                    x = x * 0.9 + 0.01 * total
                else:
                    y = y + z * w[i]
                z = z * 0.8
        return total + x

    check_grad(f, 0.7, R(4), wrt=(0, 1))
    e = 1e-6
    w, once = R(4), grad(f)
    slope = (once(0.7 + e, w) - once(0.7 - e, w)) / (2 * e)
    assert grad(once)(0.7, w) == pytest.approx(slope, rel=1e-5)


def test_no_tape_for_a_shape() -> None:
    """The cotangent that the mirror carries has it, too."""

    def f(y, h):
        for _ in range(3):
            u = y + h * np.sin(y)
            y = y + h * np.array([u[1], -u[0]])
        return np.sum(y**2)

    text = source(f, R(2), 0.1, wrt=(0, 1))
    assert "_unbroadcast" not in text


# -- lists that the program keeps anyway


def states(W, X):
    hs = [X[0]]
    for t in range(1, X.shape[0]):
        hs.append(np.tanh(W @ hs[t - 1] + X[t]))
    return np.sum(hs[-1] * hs[0])


def test_a_list_that_is_filled_is_no_tape() -> None:
    text = source(states, R((3, 3)), R((5, 3)), wrt=(0, 1))
    assert "tape" not in text
    assert text.count("np.tanh(") == 1


def test_what_was_appended_is_not_read_back() -> None:
    def f(x, n):
        s, p = [x], []
        total = 0.0
        for t in range(n):
            s.append(math.sin(s[t]) * x)
            p.append(s[t + 1] * 2.0)
            total = total + p[t] ** 2
        return total

    text = source(f, 0.6, 4)
    assert "p" not in {line.split(".append")[0].strip() for line in text.splitlines()}


def from_the_end(x, n):
    s = [x]
    for t in range(n):
        s.append(s[t] * math.sin(s[-1]))
        s[0] = s[t + 1]
    return s[-1] + s[0]


def the_last_in_the_first_turn(x, n):
    s = [x, 2 * x]
    for t in range(n):
        s.append(s[t - 1] * s[t - 1] * x + math.sin(s[t + 1]))
    return s[-1]


def overwritten(x, n):
    s = [x, 2 * x]
    for t in range(2, n):
        s.append(s[t - 1] * s[t - 2] + math.sin(s[t - 1]))
        if s[t] > 10.0:
            break
        if t > 3:
            s[t - 3] = s[t] * 2.0
    return s[-1] + s[1]


def left_early_and_appended_later(x, n):
    s, q = [x], []
    for t in range(n):
        q.append(s[t] * x)
        if t == 3:
            break
        s.append(math.sin(q[t]) * s[t])
    s.append(x * s[-1])
    return s[-1] + s[-2] + sum(q)


def two_at_first(W, X):
    hs = [X[0], X[1]]
    for t in range(X.shape[0]):
        hs.append(np.tanh(W @ hs[t - 1] * hs[t] + X[t] * hs[t + 1]))
        z = hs[t + 2] * 2.0
        hs[t + 2] = z
    return np.sum(hs[-1] * hs[0])


def in_an_inner_loop(W, h, n):
    hs, total = [h], 0.0
    for t in range(n):
        for k in range(2):
            total = total + np.sum(np.tanh(W @ hs[t]) ** 2) * k
        hs.append(np.tanh(W @ hs[t]))
        total = total + np.sum(hs[t + 1] ** 3)
    for h in hs:
        total = total + np.sum(h)
    return total


def grown_in_a_loop(x, n):
    total = 0.0
    for i in range(n):
        s = [x * i]
        for t in range(3):
            s.append(math.sin(s[t]) + x)
            total = total + s[t + 1] * s[t]
    return total


LISTS: list[tuple[Callable[..., Any], tuple[Any, ...], Any]] = [
    (from_the_end, (0.7, 4), 0),
    (the_last_in_the_first_turn, (0.7, 4), 0),
    (overwritten, (0.4, 7), 0),
    (left_early_and_appended_later, (0.4, 3), 0),
    (left_early_and_appended_later, (0.4, 6), 0),
    (two_at_first, (R((3, 3)), R((5, 3))), (0, 1)),
    (in_an_inner_loop, (R((3, 3)), R(3), 4), (0, 1)),
    (grown_in_a_loop, (0.3, 4), 0),
]


@pytest.mark.parametrize(("f", "args", "wrt"), LISTS)
def test_other_lists(f: Callable[..., Any], args: tuple[Any, ...], wrt: Any) -> None:
    check_grad(f, *args, wrt=wrt)


def test_parts_of_what_was_appended() -> None:
    """They are read of the item itself; another turn's items are read in the list."""

    def f(W, h, n):
        hs, total = [h], 0.0
        for t in range(n):
            hs.append(np.tanh(W @ hs[t]))
            total = total + hs[t + 1][0] * hs[t][1] + np.sum(hs[t + 1][1:] * hs[t + 1][:-1])
            total = total + hs[t + 1][t % 3] ** 2
        return total

    text = source(f, R((3, 3)), R(3), 4, wrt=(0, 1))
    assert "hs[t + 1]" not in text.split("# backward")[0]


def test_sums_after_a_loop_that_writes() -> None:
    """The mirror stores into a cotangent of its own, and into a list of them."""

    def f(W, X):
        hs, total = [X[0]], 0.0
        for t in range(X.shape[0]):
            hs.append(np.tanh(W @ hs[t] + X[t]))
            p = np.exp(hs[t + 1])
            total = total + np.log(p[t] * p[0])
        return total

    check_grad(f, R((3, 3)), R((3, 3)), wrt=(0, 1))
