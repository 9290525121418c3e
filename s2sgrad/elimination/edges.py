"""Elimination of single edges: a vertex may go in parts.

To eliminate the edge from `i` to `j` at its front is to hand `i` on to the successors of `j`; at
its back, from `j` to `k`, to hand the predecessors of `j` on to `k` (Naumann, Mathematical
Programming 99, 2004, section 3).  Each vertex order is an edge order, and some edge orders cost
less than all vertex orders.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

from s2sgrad.elimination.anneal import nearby
from s2sgrad.elimination.graph import Graph, eliminate, members

HOT, COLD = 1.2, 0.12  # in products, as in `anneal`


@dataclass(frozen=True)
class Front:
    """The edge from `i` to the intermediate `j` goes: `i` is handed on to all that follow `j`."""

    i: int
    j: int

    def apply(self, before: list[int], after: list[int]) -> int:
        if not after[self.i] >> self.j & 1:
            return 0
        onward = after[self.j]
        after[self.i] = (after[self.i] | onward) & ~(1 << self.j)
        for k in members(onward):
            before[k] |= 1 << self.i
        before[self.j] &= ~(1 << self.i)
        if not before[self.j]:  # nothing comes in: what goes out is nothing
            eliminate(before, after, self.j)
        return onward.bit_count()


@dataclass(frozen=True)
class Back:
    """The edge from the intermediate `j` to `k` goes: all that comes to `j` is handed on to `k`."""

    j: int
    k: int

    def apply(self, before: list[int], after: list[int]) -> int:
        if not before[self.k] >> self.j & 1:
            return 0
        coming = before[self.j]
        before[self.k] = (before[self.k] | coming) & ~(1 << self.j)
        for i in members(coming):
            after[i] |= 1 << self.k
        after[self.j] &= ~(1 << self.k)
        if not after[self.j]:
            eliminate(before, after, self.j)
        return coming.bit_count()


@dataclass(frozen=True)
class Whole:
    """All edges of the vertex `v` go."""

    v: int

    def apply(self, before: list[int], after: list[int]) -> int:
        return eliminate(before, after, self.v)


Step = Front | Back | Whole
State = tuple[list[int], list[int]]


def cost(graph: Graph, steps: Sequence[Step]) -> int:
    """Products of all the steps, in this order; the graph stays as it is."""
    before, after = graph.before.copy(), graph.after.copy()
    return sum(s.apply(before, after) for s in steps)


class EdgeAnnealing:
    """A sequence of steps that starts as a vertex order; steps of edges come and go."""

    def __init__(self, graph: Graph, order: Sequence[int], seed: int) -> None:
        self.random = random.Random(seed)
        self.steps: list[Step] = [Whole(v) for v in order]
        self.states: list[State] = [(graph.before, graph.after)]
        self.costs: list[int] = []
        for s in self.steps:
            self._step(s, self.states, self.costs)
        self.cost = self.best = sum(self.costs)
        self.best_steps = self.steps.copy()

    @staticmethod
    def _step(s: Step, states: list[State], costs: list[int]) -> int:
        before, after = states[-1]
        before, after = before.copy(), after.copy()
        cost = s.apply(before, after)
        states.append((before, after))
        costs.append(cost)
        return cost

    def run(self, moves: int, hot: float = HOT, cold: float = COLD) -> None:
        """So many moves, cooling from `hot` to `cold`."""
        for k in range(moves):
            heat = hot * (cold / hot) ** (k / moves)
            slack = -heat * math.log(1.0 - self.random.random())
            kind = self.random.random()
            if kind < 0.70:
                self._shift(slack)
            elif kind < 0.88:
                self._split(slack)
            else:
                self._join(slack)

    def _shift(self, slack: float) -> None:
        """A step goes to another place."""
        size = len(self.steps)
        i = self.random.randrange(size)
        j = nearby(self.random, i, size)
        if i == j:
            return
        low, high = min(i, j), max(i, j) + 1
        part = self.steps[low:high]
        part.insert(j - low, part.pop(i - low))
        self._try(low, high, part, slack)

    def _split(self, slack: float) -> None:
        """An edge of a vertex that is eliminated later goes earlier."""
        at = self.random.randrange(len(self.steps))
        near = int(1.0 / (1.0 - self.random.random())) - 1
        later = self.steps[min(at + near, len(self.steps) - 1)]
        if not isinstance(later, Whole):
            return
        before, after = self.states[at]
        if self.random.random() < 0.5:
            coming = list(members(before[later.v]))
            if len(coming) > 1:
                front = Front(self.random.choice(coming), later.v)
                self._try(at, at, [front], slack)
        else:
            onward = list(members(after[later.v]))
            if len(onward) > 1:
                self._try(at, at, [Back(later.v, self.random.choice(onward))], slack)

    def _join(self, slack: float) -> None:
        """A step of an edge is dropped."""
        at = self.random.randrange(len(self.steps))
        if not isinstance(self.steps[at], Whole):
            self._try(at, at + 1, [], slack)

    def _try(self, low: int, high: int, part: list[Step], slack: float) -> None:
        """Put `part` in the place of some steps if all then costs at most `slack` more."""
        states, costs = [self.states[low]], list[int]()
        total = 0
        for s in part:
            total += self._step(s, states, costs)
        end = high
        limit = sum(self.costs[low:high]) + slack
        rest = sum(self.costs[high:])
        while states[-1] != self.states[end]:
            if total > limit + rest:  # even if nothing after it cost anything
                return
            s = self.steps[end]
            total += self._step(s, states, costs)
            limit += self.costs[end]
            rest -= self.costs[end]
            end += 1
            if end == len(self.steps):
                break
        if total > limit:
            return
        self.cost += total - sum(self.costs[low:end])
        self.steps[low:end] = [*part, *self.steps[high:end]]
        self.states[low : end + 1] = states
        self.costs[low:end] = costs
        if self.cost < self.best:
            self.best = self.cost
            self.best_steps = self.steps.copy()
