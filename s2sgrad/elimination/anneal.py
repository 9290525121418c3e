"""Simulated annealing over orders of elimination.

A move takes a vertex from one place in the order to another.  Before the first and after the last
of the two places the graph is what it was, because it depends on the set that is gone and not on
its order: a move costs as many eliminations as it passes vertices.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

from s2sgrad.elimination.graph import Graph, eliminate

HOT, COLD = 3.0, 0.15  # in products: a move that costs so many more passes with probability 1/e

State = tuple[list[int], list[int]]


def nearby(source: random.Random, i: int, size: int) -> int:
    """Another of `size` places, near ones mostly: a step of d with probability about 1 / d**2."""
    far = int(1.0 / (1.0 - source.random()))
    j = i + far if source.random() < 0.5 else i - far
    return min(max(j, 0), size - 1)


class Annealing:
    """An order, the graph before each of its vertices goes, and what each costs."""

    def __init__(self, graph: Graph, order: Sequence[int], seed: int) -> None:
        self.order = list(order)
        self.random = random.Random(seed)
        self.states: list[State] = [(graph.before, graph.after)]
        self.costs: list[int] = []
        for v in order:
            self._step(v, self.states, self.costs)
        self.cost = sum(self.costs)
        self.best = self.cost
        self.best_order = self.order.copy()

    @staticmethod
    def _step(v: int, states: list[State], costs: list[int]) -> int:
        before, after = states[-1]
        before, after = before.copy(), after.copy()
        cost = eliminate(before, after, v)
        states.append((before, after))
        costs.append(cost)
        return cost

    def run(self, moves: int, hot: float = HOT, cold: float = COLD) -> None:
        """So many moves, cooling from `hot` to `cold`."""
        size = len(self.order)
        if size < 2:
            return
        for k in range(moves):
            heat = hot * (cold / hot) ** (k / moves)
            i = self.random.randrange(size)
            j = nearby(self.random, i, size)
            if i != j:
                self._move(i, j, -heat * math.log(1.0 - self.random.random()))

    def _move(self, i: int, j: int, slack: float) -> None:
        """Take the vertex at `i` to `j` if that costs at most `slack` more."""
        low, high = min(i, j), max(i, j) + 1
        part = self.order[low:high]
        part.insert(j - low, part.pop(i - low))
        limit = sum(self.costs[low:high]) + slack
        states, costs = [self.states[low]], list[int]()
        total = 0
        for v in part:
            total += self._step(v, states, costs)
            if total > limit:
                return
        self.cost += total - sum(self.costs[low:high])
        self.order[low:high] = part
        self.states[low : high + 1] = states
        self.costs[low:high] = costs
        if self.cost < self.best:
            self.best = self.cost
            self.best_order = self.order.copy()
