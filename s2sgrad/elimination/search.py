"""The cheapest Jacobian that is found: orders and policies are tried, and their text is counted.

The number of products that an order takes in the graph (`graph`) leads to good orders quickly;
which of them is best is decided by what is left to be done after constants are folded, factors
cancel and equal products are shared.  A fixed seed and a budget of moves, not of seconds: the same
order each time.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from s2sgrad.elimination import exact, greedy, reduce
from s2sgrad.elimination.accumulate import Linear, accumulate, linearise
from s2sgrad.elimination.anneal import Annealing, nearby
from s2sgrad.elimination.count import operations
from s2sgrad.elimination.edges import Whole
from s2sgrad.elimination.graph import Graph
from s2sgrad.elimination.table import Policy, Table, Value

MOVES = 6_000  # of the annealing in the graph
TRIES = 100  # of orders that are counted
POLICIES = [Policy(outside, names) for names in (False, True) for outside in (0, 1, 2)]
MODES: dict[str, Callable[[Graph], list[int]]] = {
    "forward": greedy.forward,
    "reverse": greedy.reverse,
    "markowitz": greedy.markowitz,
}

Rows = list[list[Value | None]]
# The program on symbols: what it is differentiated in, and its results.
Program = Callable[[Table], tuple[list[int], list[Value]]]


@dataclass(eq=False)
class Found:
    """A Jacobian in a table, by which order it was made, and what it takes."""

    table: Table
    rows: Rows
    order: list[int]
    operations: Counter[str]

    @property
    def rank(self) -> tuple[int, int, int]:
        """Less is better: products and quotients, then multiplications, then sums."""
        o = self.operations
        return (
            o["multiplications"] + o["divisions"],
            o["multiplications"],
            o["additions"],
        )


def best_graph_order(graph: Graph, seed: int, moves: int = MOVES) -> list[int]:
    """An order of few products: exact for small parts, annealed for others."""
    graph = graph.copy()
    order = reduce.safe(graph)
    parts = reduce.components(graph)
    total = sum(len(p) for p in parts if len(p) > exact.MOST) or 1
    for part in parts:
        if len(part) <= exact.MOST:
            order += exact.best(graph, part)
            continue
        own = graph.copy()
        own.inner = part
        work = Annealing(own, greedy.markowitz(own), seed)
        work.run(moves * len(part) // total)
        order += work.best_order
    return order


def search(program: Program, order: str | Sequence[int] = "auto", triangle: bool = False) -> Found:
    """The Jacobian of a program by an order of its name, or by the best that is found.

    `triangle`: it is symmetric, so the entries left of the diagonal are not counted.
    """
    if order != "auto":
        return _by_order(program, order, triangle)
    tried = [_Search(program, policy, triangle) for policy in POLICIES]
    for one in tried:
        one.start()
    tried.sort(key=lambda one: one.best.rank)
    tried[0].improve(TRIES)
    tried[1].improve(TRIES // 2)
    return min((one.best for one in tried), key=lambda found: found.rank)


def _by_order(program: Program, order: str | Sequence[int], triangle: bool) -> Found:
    one = _Search(program, Policy(), triangle)
    graph = one.linear.graph
    chosen = MODES[order](graph) if isinstance(order, str) else list(order)
    if sorted(chosen) != sorted(graph.inner):
        raise ValueError(f"order has each of the vertices {sorted(graph.inner)} once")
    return one.judge(chosen)


class _Search:
    """One policy: a table, the linearised program, and the best order so far."""

    def __init__(self, program: Program, policy: Policy, triangle: bool) -> None:
        self.table = Table(policy)
        wrt, outs = program(self.table)
        self.table.naming = False
        self.linear: Linear = linearise(self.table, wrt, outs)
        self.triangle = triangle
        self.random = random.Random(0)
        self.best: Found

    def judge(self, order: list[int]) -> Found:
        rows = accumulate(self.linear, map(Whole, order))
        counted: Iterable[Value | None] = (
            v for i, row in enumerate(rows) for v in (row[i:] if self.triangle else row)
        )
        done = operations(self.table, [v for v in counted if v is not None])
        return Found(self.table, rows, order, done)

    def start(self) -> None:
        graph = self.linear.graph
        orders = [mode(graph) for mode in MODES.values()]
        orders += [best_graph_order(graph, seed) for seed in range(2)]
        self.best = min(map(self.judge, orders), key=lambda found: found.rank)

    def improve(self, tries: int) -> None:
        """Annealing whose moves are counted in the end result."""
        now = self.best
        size = len(now.order)
        if size < 3:
            return
        for k in range(tries):
            i = self.random.randrange(size)
            j = nearby(self.random, i, size)
            if i == j:
                continue
            order = now.order.copy()
            order.insert(j, order.pop(i))
            found = self.judge(order)
            slack = -1.5 * (1.0 - k / tries) * math.log(1.0 - self.random.random())
            if found.rank[0] <= now.rank[0] + slack:
                now = found
                if found.rank < self.best.rank:
                    self.best = found
