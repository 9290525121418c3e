"""The cheapest Jacobian that is found: orders and policies are tried, and their text is counted.

The number of products that an order takes in the graph (`graph`) leads to good orders quickly;
which of them is best is decided by what is left to be done after constants are folded, factors
cancel and equal products are shared.  A fixed seed and a budget of moves, not of seconds: the same
order each time.  What was found is remembered: the same program again needs no search.
"""

from __future__ import annotations

import math
import random
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass

from s2sgrad.elimination import exact, greedy, reduce
from s2sgrad.elimination.accumulate import Linear, accumulate, linearise
from s2sgrad.elimination.anneal import Annealing, nearby
from s2sgrad.elimination.count import kept, operations
from s2sgrad.elimination.edges import Back, EdgeAnnealing, Front, Step, Whole
from s2sgrad.elimination.graph import Graph
from s2sgrad.elimination.table import Policy, Table, Value

# Budgets, for a second at most: of moves in the graph, of orders whose text is counted (for a
# thousand edges; fewer edges allow more), of moves of single edges.
MOVES, TRIES, EDGE_MOVES = 6_000, 30.0, 20_000
MOST_TRIES = 100
REMEMBERED = 512
POLICIES = [Policy(outside, names) for names in (False, True) for outside in (0, 1, 2)]
MODES: dict[str, Callable[[Graph], list[int]]] = {
    "forward": greedy.forward,
    "reverse": greedy.reverse,
    "markowitz": greedy.markowitz,
}
SEARCHED = ("auto", "edges")

Rows = list[list[Value | None]]
# The program on symbols: what it is differentiated in, and its results.
Program = Callable[[Table], tuple[list[int], list[Value]]]
# A name of `MODES` or `SEARCHED`; or vertices, and edges as ("front", i, j) or ("back", j, k).
Order = str | Sequence[int | tuple[str, int, int]]


@dataclass(eq=False)
class Found:
    """A Jacobian in a table, the steps that made it, and what it takes."""

    linear: Linear
    table: Table
    rows: Rows
    steps: list[Step]
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

    def entries(self, triangle: bool) -> list[Value]:
        """All that is to be computed: of a symmetric matrix, what is not left of the diagonal."""
        cells = (v for i, row in enumerate(self.rows) for v in (row[i:] if triangle else row))
        values = [v for v in cells if v is not None]
        return [*values, *kept(self.table, values)]


def best_graph_order(graph: Graph, seed: int, moves: int = MOVES) -> list[int]:
    """An order of few products: exact for small parts, annealed for others."""
    graph = graph.copy()
    order = reduce.safe(graph)
    total = max(len(graph.inner), 1)
    for part in reduce.components(graph):
        own = graph.copy()
        own.inner = part
        if len(part) <= exact.MOST:
            order += exact.best(own, part)
            continue
        work = Annealing(own, greedy.markowitz(own), seed)
        work.run(moves * len(part) // total)
        order += work.best_order
    return order


_remembered: OrderedDict[Hashable, tuple[Policy, Hashable, list[Step]]] = OrderedDict()


def search(program: Program, order: Order = "auto", triangle: bool = False) -> Found:
    """The Jacobian of a program by an order of its name, or by the best that is found.

    `triangle`: it is symmetric, so the entries left of the diagonal are not counted.
    Raises `ValueError` for an order that does not eliminate each vertex.
    """
    plain = _Search(program, Policy(), triangle)
    if order not in SEARCHED:
        return plain.by_order(order)
    asked = (order, triangle, plain.key)
    known = _remembered.get(asked)
    if known is not None:
        policy, key, steps = known
        again = _Search(program, policy, triangle)
        if again.key == key:  # programs that differ by this policy may be one by another
            return again.judge(steps)
    best, found = _searched(program, _policies(plain.linear), order == "edges", triangle)
    while len(_remembered) >= REMEMBERED:
        _remembered.popitem(last=False)
    _remembered[asked] = (found.table.policy, best.key, found.steps)
    return found


def modes(program: Program, triangle: bool = False) -> dict[str, Found]:
    """The Jacobian of a program by each order that needs no search."""
    plain = _Search(program, Policy(), triangle)
    return {name: plain.by_order(name) for name in MODES}


def _policies(linear: Linear) -> list[Policy]:
    """Where no derivative has a constant factor, it does not matter where those stand."""
    factors = {abs(v.factor) for v in linear.edges.values()}
    return [p for p in POLICIES if p.outside == 0 or factors - {1.0}]


def _searched(
    program: Program, policies: Sequence[Policy], single_edges: bool, triangle: bool
) -> tuple[_Search, Found]:
    """The best that is found, and the policy by which."""
    tried = [_Search(program, policy, triangle) for policy in policies]
    orders: dict[Hashable, list[list[int]]] = {}  # of equal graphs, once
    for one in tried:
        one.start(orders)
    tried.sort(key=lambda one: one.best.rank)
    tried[0].improve(1.0)
    tried[1].improve(0.5)
    if single_edges:
        tried[0].split()
    best = min(tried, key=lambda one: one.best.rank)
    return best, best.best


class _Search:
    """One policy: a table, the linearised program, and the best order so far."""

    def __init__(self, program: Program, policy: Policy, triangle: bool) -> None:
        self.table = Table(policy)
        wrt, outs = program(self.table)
        # The bases say what the program computes: what the derivative adds comes after.
        self.key = (*self.table.bases, *wrt, *((v.factor, v.mono) for v in outs))
        self.table.naming = False
        self.linear: Linear = linearise(self.table, wrt, outs)
        self.triangle = triangle
        self.random = random.Random(0)
        self.counted: dict[Hashable, Counter[str]] = {}  # of equal entries, once
        self.best: Found

    def judge(self, steps: Sequence[Step]) -> Found:
        rows = accumulate(self.linear, steps)
        found = Found(self.linear, self.table, rows, list(steps), Counter())
        values = found.entries(self.triangle)
        key = tuple((v.factor, v.mono) for v in values)
        if key not in self.counted:
            self.counted[key] = operations(self.table, values)
        found.operations = self.counted[key]
        return found

    def by_order(self, order: Order) -> Found:
        graph = self.linear.graph
        if isinstance(order, str):
            return self.judge(list(map(Whole, MODES[order](graph))))
        steps = list(map(_step, order))
        gone = [s.v for s in steps if isinstance(s, Whole)]
        edges = (s for s in steps if not isinstance(s, Whole))
        known = all((s.j if isinstance(s, Front | Back) else s.v) in graph.inner for s in edges)
        if sorted(gone) != sorted(graph.inner) or not known:
            raise ValueError(f"order has each of the vertices {sorted(graph.inner)} once")
        return self.judge(steps)

    def start(self, orders: dict[Hashable, list[list[int]]]) -> None:
        graph = self.linear.graph
        key = (*graph.before, *graph.after)
        if key not in orders:
            orders[key] = [mode(graph) for mode in MODES.values()]
            orders[key] += [best_graph_order(graph, seed) for seed in range(2)]
        found = (self.judge(list(map(Whole, order))) for order in orders[key])
        self.best = min(found, key=lambda f: f.rank)

    def improve(self, share: float) -> None:
        """Annealing whose moves are counted in the end result."""
        now = self.best
        size = len(now.steps)
        if size < 3:
            return
        tries = int(share * min(MOST_TRIES, 1000.0 * TRIES / (1 + len(self.linear.edges))))
        for k in range(tries):
            i = self.random.randrange(size)
            j = nearby(self.random, i, size)
            if i == j:
                continue
            steps = now.steps.copy()
            steps.insert(j, steps.pop(i))
            found = self.judge(steps)
            slack = -1.5 * (1.0 - k / tries) * math.log(1.0 - self.random.random())
            if found.rank[0] <= now.rank[0] + slack:
                now = found
                if found.rank < self.best.rank:
                    self.best = found

    def split(self) -> None:
        """Single edges go before their vertices, where that takes less."""
        order = [s.v for s in self.best.steps if isinstance(s, Whole)]
        for start in (order, best_graph_order(self.linear.graph, 0)):
            work = EdgeAnnealing(self.linear.graph, start, 1)
            work.run(EDGE_MOVES)
            self.best = min(self.best, self.judge(work.best_steps), key=lambda found: found.rank)


def _step(given: int | tuple[str, int, int]) -> Step:
    """A step of an order that is given: a vertex, or one end of an edge."""
    if isinstance(given, int):
        return Whole(given)
    match given:
        case ("front", int(i), int(j)):
            return Front(i, j)
        case ("back", int(j), int(k)):
            return Back(j, k)
    raise ValueError(
        f"order has vertices, and edges as ('front', i, j) or ('back', j, k): not {given!r}"
    )


def spelled(steps: Iterable[Step]) -> list[int | tuple[str, int, int]]:
    """An order as it is given in `order=`."""
    return [
        s.v
        if isinstance(s, Whole)
        else ("front", s.i, s.j)
        if isinstance(s, Front)
        else ("back", s.j, s.k)
        for s in steps
    ]
