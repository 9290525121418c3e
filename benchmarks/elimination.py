"""Orders of elimination on graphs of the literature: python -m benchmarks.elimination

For each graph: products of forward and reverse mode, of Markowitz's order and of the best that is
found, counted as Lohoff and Neftci do (AlphaGrad, 2024); then the multiplications in the text of
the whole emitted Jacobian (of BlackScholes: the Hessian of its price), by each order.  The
Jacobians are compared with reverse mode.
"""

from __future__ import annotations

import ast
import json
import linecache
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import benchmarks  # noqa: F401 (first: one thread)
from s2sgrad import grad, hessian, jacobian
from s2sgrad.elimination import edges, greedy, reduce
from s2sgrad.elimination.anneal import Annealing
from s2sgrad.elimination.exact import MOST, best
from s2sgrad.elimination.graph import Graph

HERE = Path(__file__).parent / "graphs"
NAMES = ("RoeFlux_1d", "RobotArm_6DOF", "HumanHeartDipole", "PropaneCombustion", "g")
PRICE = 80  # the vertex of BlackScholes that is the price
TEXT = {
    "add": "{} + {}",
    "sub": "{} - {}",
    "mul": "{} * {}",
    "div": "{} / {}",
    "neg": "-{}",
    "atan2": "np.arctan2({}, {})",
    "erf": "scipy.special.erf({})",
    "integer_pow": "{} ** {}",
    "broadcast_in_dim": "{}",
    "convert_element_type": "{}",
}


@dataclass(frozen=True, eq=False)
class Task:
    """A graph of the literature."""

    name: str
    data: dict[str, Any]

    @property
    def graph(self) -> Graph:
        """Vertices numbered from 0: inputs first."""
        return Graph.of(len(self.numbers), self.pairs(), [self.numbers[v] for v in self.inner])

    @property
    def numbers(self) -> dict[int, int]:
        vertices = [*self.data["inputs"], *(v["v"] for v in self.data["vertices"])]
        return {v: k for k, v in enumerate(vertices)}

    @property
    def inner(self) -> list[int]:
        return list(self.data["eliminable"])

    def pairs(self) -> Iterator[tuple[int, int]]:
        for e in self.data["edges"]:
            yield self.numbers[e["src"]], self.numbers[e["dst"]]

    def function(self, outputs: list[int]) -> Callable[..., Any]:
        """The primal as a Python function, from the statements of the graph."""
        names = {i: f"x{-i}" for i in self.data["inputs"]}
        lines = []
        for v in self.data["vertices"]:
            args = [names[a] if kind == "id" else repr(a) for kind, a in v["args"]]
            if v["op"] == "integer_pow":
                args.append(repr(v["pow"]))
            text = TEXT.get(v["op"], f"np.{v['op']}({{}})")
            names[v["v"]] = f"v{v['v']}"
            lines.append(f"    v{v['v']} = {text.format(*args)}")
        head = ", ".join(names[i] for i in self.data["inputs"])
        results = ", ".join(names[o] for o in outputs)
        source = "\n".join([f"def {self.name}({head}):", *lines, f"    return {results}", ""])
        return defined(source, self.name)


def defined(source: str, name: str) -> Callable[..., Any]:
    """The function that the source defines; its text can be looked up."""
    import scipy.special

    file = f"<benchmark {name} {hash(source)}>"
    linecache.cache[file] = (len(source), None, source.splitlines(True), file)
    space: dict[str, Any] = {"np": np, "scipy": scipy}
    exec(compile(source, file, "exec"), space)
    return space[name]  # type: ignore[no-any-return]


def load(name: str) -> Task:
    """The task of that name."""
    return Task(name, json.loads((HERE / f"{name}.json").read_text(encoding="utf-8")))


def vertex_order(graph: Graph, seeds: int, moves: int) -> list[int]:
    """The best of some annealed orders."""
    done = graph.copy()
    order = reduce.safe(done)
    for part in reduce.components(done):
        if len(part) <= MOST:
            order += best(done, part)
            continue
        own = done.copy()
        own.inner = part
        runs = [Annealing(own, greedy.markowitz(own), seed) for seed in range(seeds)]
        for run in runs:
            run.run(moves)
        order += min(runs, key=lambda run: run.best).best_order
    return order


def edge_steps(graph: Graph, order: list[int], moves: int, seed: int = 1) -> list[edges.Step]:
    """A vertex order, improved by steps of single edges."""
    work = edges.EdgeAnnealing(graph, order, seed)
    work.run(moves)
    return work.best_steps


def multiplications(source: str) -> int:
    """Of the text; an integer power counts as its products."""
    found = 0
    for n in ast.walk(ast.parse(source)):
        if isinstance(n, ast.BinOp) and isinstance(n.op, ast.Mult):
            found += 1
        if isinstance(n, ast.BinOp) and isinstance(n.op, ast.Pow):
            power = n.right.value if isinstance(n.right, ast.Constant) else 2
            found += power - 1 if isinstance(power, int) else 1
    return found


def emitted(task: Task, order: str) -> Any:
    """The Jacobian of a task; for BlackScholes the Hessian of its price."""
    count = len(task.data["inputs"])
    if task.name.startswith("BlackScholes"):
        return hessian(task.function([PRICE]), wrt=tuple(range(count)))
    f = task.function(task.data["outputs"])
    return jacobian(f, wrt=tuple(range(count)), order=order)


def point(task: Task) -> list[float]:
    """Arguments at which nothing is singular."""
    if task.name == "RoeFlux_1d":  # density, momentum and energy, left and right
        return [1.0, 1.5, 0.5, 0.8, 1.3, 0.4]
    rng = np.random.default_rng(3)
    return [float(x) for x in rng.uniform(0.4, 0.9, len(task.data["inputs"]))]


def check(task: Task, matrix: Any, at: list[float]) -> float:
    """The largest relative difference to reverse mode, result by result."""
    count = len(at)
    wrt = tuple(range(count))
    if task.name.startswith("BlackScholes"):
        first = grad(task.function([PRICE]), wrt=wrt)
        rows = jacobian(first, wrt=wrt, optimize=0)(*at)
    else:
        rows = [grad(task.function([o]), wrt=wrt)(*at) for o in task.data["outputs"]]
    got, want = np.array(matrix(*at), float), np.array(rows, float)
    return float(np.max(np.abs(got - want)) / np.max(np.abs(want)))


def main() -> None:
    """The table."""
    print(f"{'graph':18} {'forward':>8} {'reverse':>8} {'Markowitz':>10} {'found':>6} {'s':>6}")
    for name in (*NAMES, "BlackScholes_Jacobian"):
        graph = load(name).graph
        start = time.perf_counter()
        order = vertex_order(graph, 4, 60_000)
        took = time.perf_counter() - start
        each = [graph.cost(f(graph)) for f in (greedy.forward, greedy.reverse, greedy.markowitz)]
        print(f"{name:18} {each[0]:8} {each[1]:8} {each[2]:10} {graph.cost(order):6} {took:6.1f}")
    print(
        f"\n{'whole text':18} {'forward':>8} {'reverse':>8} {'auto':>6}   difference  compiled in s"
    )
    for name in (*NAMES[:-1], "BlackScholes_Jacobian"):
        task = load(name)
        at = point(task)
        counts = []
        for mode in ("forward", "reverse", "auto"):
            start = time.perf_counter()
            matrix = emitted(task, mode)
            matrix(*at)
            took = time.perf_counter() - start
            counts.append(multiplications(matrix.source))
        off = check(task, matrix, at)
        print(f"{name:18} {counts[0]:8} {counts[1]:8} {counts[2]:6}   {off:10.1e}  {took:6.1f}")


if __name__ == "__main__":
    main()
