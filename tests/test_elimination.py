"""Orders of elimination, and Jacobians as straight code."""

from __future__ import annotations

import itertools
import math
import random
import re
from typing import Any

import numpy as np
import pytest

from benchmarks.elimination import (
    NAMES,
    check,
    edge_steps,
    emitted,
    load,
    multiplications,
    point,
    vertex_order,
)
from s2sgrad import grad, hessian, jacobian
from s2sgrad.elimination import edges, exact, greedy, reduce, search
from s2sgrad.elimination.anneal import Annealing
from s2sgrad.elimination.graph import Graph
from s2sgrad.errors import S2SGradError

# Products by forward and reverse mode (shared records), and what the order that is found may take.
COSTS = {
    "RoeFlux_1d": (620, 364, 300),
    "RobotArm_6DOF": (397, 301, 221),
    "HumanHeartDipole": (240, 172, 148),
    "PropaneCombustion": (151, 90, 88),
    "g": (632, 566, 411),
}
# Multiplications in the whole text.
TEXTS = {"RobotArm_6DOF": 112, "HumanHeartDipole": 65, "PropaneCombustion": 50}
LONG_TEXTS = {"RoeFlux_1d": 214, "BlackScholes_Jacobian": 86}


def some_graph(seed: int, inner: int = 6) -> Graph:
    """Three sources, intermediates, two sinks."""
    rng = random.Random(seed)
    size = 3 + inner + 2
    pairs = [
        (i, j) for j in range(3, size) for i in range(min(j, 3 + inner)) if rng.random() < 0.45
    ]
    return Graph.of(size, pairs, range(3, 3 + inner))


@pytest.mark.parametrize("name", NAMES)
def test_the_graphs_of_the_literature(name: str) -> None:
    graph = load(name).graph
    forward, reverse, found = COSTS[name]
    assert graph.cost(greedy.forward(graph)) == forward
    assert graph.cost(greedy.reverse(graph)) == reverse
    order = vertex_order(graph, 2, 12_000)
    assert sorted(order) == sorted(graph.inner)
    assert graph.cost(order) <= found


def test_edges_are_cheaper_than_vertices() -> None:
    graph = load("g").graph
    done = graph.copy()
    first = reduce.safe(done)
    order = vertex_order(done, 1, 30_000)
    steps = edge_steps(done, [v for v in order if v in done.inner], 60_000)
    assert graph.cost(first) + edges.cost(done, steps) < graph.cost([*first, *order])


@pytest.mark.parametrize("seed", range(12))
def test_sets_of_vertices_find_the_best_order(seed: int) -> None:
    graph = some_graph(seed)
    least = min(graph.cost(order) for order in itertools.permutations(graph.inner))
    assert graph.cost(exact.best(graph, graph.inner)) == least
    done = graph.copy()
    safe = reduce.safe(done)
    rest = [v for part in reduce.components(done) for v in exact.best(done, part)]
    assert graph.cost([*safe, *rest]) == least, "what went first was not safe"
    work = Annealing(graph, greedy.markowitz(graph), seed)
    work.run(600)
    assert work.best == graph.cost(work.best_order) == least


def test_too_many_for_sets() -> None:
    with pytest.raises(ValueError, match="too many"):
        exact.best(some_graph(0, 20), list(range(3, 23)))


@pytest.mark.parametrize("name", TEXTS)
def test_multiplications_of_the_text(name: str) -> None:
    task = load(name)
    at = point(task)
    matrix = emitted(task, "auto")
    assert check(task, matrix, at) < 1e-12
    count = multiplications(matrix.source)
    assert count <= TEXTS[name]
    for order in ("forward", "reverse", "markowitz"):
        other = emitted(task, order)
        assert check(task, other, at) < 1e-12
        assert count <= multiplications(other.source)


@pytest.mark.slow
@pytest.mark.parametrize("name", LONG_TEXTS)
def test_multiplications_of_long_texts(name: str) -> None:
    task = load(name)
    matrix = emitted(task, "auto")
    assert check(task, matrix, point(task)) < 1e-12
    assert multiplications(matrix.source) <= LONG_TEXTS[name]


# -- programs


def polar(x: Any) -> Any:
    r = np.sqrt(x[0] * x[0] + x[1] * x[1])
    return np.array([r * np.cos(x[2]), r * np.sin(x[2]), r / x[2]])


def roots(a: float, b: float, c: float) -> Any:
    d = math.sqrt(b * b - 4.0 * a * c)
    return (-b - d) / (2.0 * a), (-b + d) / (2.0 * a)


def powers(x: Any, y: float) -> Any:
    return np.stack([x[0] ** 3 * y, x[1] ** -2, np.square(x[2]), abs(x[1] - 3.0) * y])


def in_turns(x: Any, w: float) -> Any:
    y = np.zeros(4)
    for i in range(1, 4):
        y[i] = np.tanh(x[i] * y[i - 1] + w)
        y[i] += x[i - 1] * y[i] * y[i]
    return y[1:]


def exponents(x: Any) -> Any:
    return np.array([np.exp(x[0]) * np.exp(-x[0]) * x[1], np.exp(-x[1] * x[1]) / x[0]])


def same_result(x: Any) -> Any:
    y = x[0] * x[1]
    return np.array([[y, -y, 3.0 * y], [x[0], 1.5, y / y]])


X = np.array([0.6, 0.9, 1.3])
PROGRAMS: list[tuple[Any, tuple[Any, ...], tuple[int, ...]]] = [
    (polar, (X,), (0,)),
    (roots, (1.0, 3.0, 0.5), (0, 1, 2)),
    (roots, (1.0, 3.0, 0.5), (2, 0)),
    (powers, (X, 1.5), (0, 1)),
    (in_turns, (np.array([0.3, 0.5, -0.4, 0.8]), 0.2), (0, 1)),
    (exponents, (X,), (0,)),
    (same_result, (X,), (0,)),
]


def by_differences(f: Any, args: tuple[Any, ...], k: int) -> Any:
    """The Jacobian of each result in argument `k`, by central differences."""
    x = np.asarray(args[k], float)
    columns = []
    for index in np.ndindex(x.shape):
        ends = []
        for step in (1e-6, -1e-6):
            moved = x.copy()
            moved[index] += step
            given = moved if x.shape else float(moved)
            ends.append(f(*args[:k], given, *args[k + 1 :]))
        up, down = (np.ravel(np.asarray(e, float)) for e in ends)
        columns.append((up - down) / 2e-6)
    return np.stack(columns, -1)


@pytest.mark.parametrize("order", ["auto", "forward", "reverse", "markowitz"])
@pytest.mark.parametrize(("f", "args", "wrt"), PROGRAMS)
def test_jacobian_against_differences(f: Any, args: Any, wrt: Any, order: str) -> None:
    d = jacobian(f, wrt=wrt, order=order)
    found = d(*args)
    assert "np.empty" not in d.source, "not one straight function"
    rows = found if isinstance(f(*args), tuple) else (found,)
    for number, k in enumerate(wrt):
        blocks = [np.reshape(row[number], (-1, max(1, np.size(args[k])))) for row in rows]
        want = by_differences(f, args, k)
        np.testing.assert_allclose(np.concatenate(blocks), want, rtol=1e-7, atol=1e-8)


def energy_of_polar(x: Any) -> Any:
    y = polar(x)
    return y[0] * y[1] + y[1] ** 2


def energy_in_turns(x: Any) -> Any:
    y = in_turns(x, 0.2)
    return y[0] * y[1] + y[2] ** 2


def energy_of_exponents(x: Any) -> Any:
    y = exponents(x)
    return y[0] * y[1] + y[1] ** 2


@pytest.mark.parametrize("f", [energy_of_polar, energy_in_turns, energy_of_exponents])
def test_hessian_against_the_gradient(f: Any) -> None:
    x = np.array([0.3, 0.5, 0.4, 0.8]) if f is energy_in_turns else X
    d = hessian(f)
    found = d(x)
    assert "np.empty" not in d.source, "not one straight function"
    np.testing.assert_array_equal(found, found.T)
    want = by_differences(grad(f), (x,), 0)
    np.testing.assert_allclose(found, want, rtol=1e-6, atol=1e-7)


def test_a_list_of_vertices() -> None:
    order = jacobian(polar, order="forward")
    with pytest.raises(ValueError, match=r"each of the vertices \[(.*)\] once") as e:
        jacobian(polar, order=[3])(X)
    vertices = [int(v) for v in re.findall(r"\d+", str(e.value))]
    explicit = jacobian(polar, order=vertices[::-1])
    np.testing.assert_allclose(explicit(X), order(X))
    with pytest.raises(ValueError, match="order is one of"):
        jacobian(polar, order="best")


def branching(x: Any) -> Any:
    return x * x if x[0] > 0.0 else -x


def exponential(x: Any) -> Any:
    return 2.0**x * x[0]


def selecting(x: Any) -> Any:
    return np.maximum(x, 0.8) * np.where(x > 1.0, x, 2.0)


@pytest.mark.parametrize("f", [branching, selecting, exponential])
def test_what_cannot_be_followed_is_done_by_rows_or_columns(f: Any) -> None:
    found = jacobian(f)(X)
    np.testing.assert_allclose(found, by_differences(f, (X,), 0), rtol=1e-7, atol=1e-8)
    np.testing.assert_allclose(jacobian(f, order="reverse")(X), found)
    if f is branching:
        with pytest.raises(S2SGradError, match="order of products cannot be chosen"):
            jacobian(f, order="markowitz")(X)
    else:
        np.testing.assert_allclose(jacobian(f, order="markowitz")(X), found)


def test_float32_and_other_shapes() -> None:
    """Straight code is for arrays of float64: others keep their dtype."""
    d = jacobian(lambda x: x * x * x[0])
    assert d(X.astype(np.float32)).dtype == np.float32
    for n in (1, 2, 5):
        x = np.linspace(0.5, 1.5, n)
        want = by_differences(d.primal, (x,), 0)
        np.testing.assert_allclose(d(x), want, rtol=1e-7, atol=1e-8)


def quotient(x: float, y: float) -> Any:
    return y / y * x


def both_factors(x: float, y: float) -> Any:
    a = (x + y) / (x * y)
    return a * x * y


def logarithm(x: float, y: float) -> Any:
    return math.log(x) * y


def overflowing(x: float, y: float) -> Any:
    return math.exp(x) * math.exp(-x) * y


@pytest.mark.parametrize(
    ("f", "at"),
    [
        (quotient, (1.0, 0.0)),
        (both_factors, (0.0, 2.0)),
        (both_factors, (2.0, 0.0)),
        (logarithm, (-1.0, 2.0)),
        (overflowing, (800.0, 1.0)),
        (overflowing, (-800.0, 1.0)),
    ],
)
def test_what_raises_in_python_raises(f: Any, at: Any) -> None:
    """Also where the derivative has no need of it."""
    with pytest.raises(ArithmeticError if f is not logarithm else ValueError):
        f(*at)
    d = jacobian(f)
    with pytest.raises(ArithmeticError if f is not logarithm else ValueError):
        d(*at)
    at = (1.5, 2.5)
    np.testing.assert_allclose(d(*at), by_differences(f, at, 0).item(), atol=1e-8)


@pytest.mark.parametrize("f", [polar, in_turns])
def test_edges_as_steps(f: Any) -> None:
    args = (X,) if f is polar else (np.array([0.3, 0.5, -0.4, 0.8]), 0.2)
    want = by_differences(f, args, 0)
    d = jacobian(f, order="edges")
    np.testing.assert_allclose(d(*args), want, rtol=1e-7, atol=1e-8)
    order = d.lower(*args).cost["order"]
    wholes = [v for v in order if isinstance(v, int)]
    for end in ("front", "back"):
        steps: list[Any] = [*((end, i, j) for i in range(60) for j in wholes), *wholes]
        if end == "back":
            steps = [*((end, j, k) for j in wholes for k in range(60)), *wholes]
        by_ends = jacobian(f, order=steps)
        np.testing.assert_allclose(by_ends(*args), want, rtol=1e-7, atol=1e-8)
    with pytest.raises(ValueError, match="vertices, and edges as"):
        jacobian(f, order=[("middle", 1, 2)])(*args)


def test_what_was_chosen_is_said_and_is_what_is_written() -> None:
    d = jacobian(polar)
    cost = d.lower(X).cost
    source = d.source_for(X)
    n = multiplications(source)
    assert cost["orders"]["chosen"]["multiplications"] == n
    beside = [cost["orders"][m]["multiplications"] for m in ("forward", "reverse")]
    for mode, count in zip(("forward", "reverse"), beside, strict=True):
        assert multiplications(jacobian(polar, order=mode).source_for(X)) == count
    words = f"{n} multiplications (forward {beside[0]}, reverse {beside[1]})."
    assert f"Jacobian by vertex elimination: {words}" in source


def test_what_was_found_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    def again(x: Any) -> Any:  # the same graph with other names
        radius = np.sqrt(x[0] * x[0] + x[1] * x[1])
        return np.array([radius * np.cos(x[2]), radius * np.sin(x[2]), radius / x[2]])

    want = jacobian(polar)(X)
    monkeypatch.setattr(search, "_searched", None)
    d = jacobian(again)
    np.testing.assert_array_equal(d(X), want)
    assert "radius" in d.source


def test_the_same_text_each_time() -> None:
    assert len({jacobian(polar).source_for(X) for _ in range(3)}) == 1
