"""The order in which the vertices of a linearised array program are eliminated.

What an order costs is counted in the values that the entries are computed from, each of them once:
multiplications and divisions by the sizes of the arrays.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from s2sgrad.elimination.table import Dynamic
from s2sgrad.structured.linear import Edges, Linear
from s2sgrad.structured.terms import Composition, Term, merged
from s2sgrad.structured.values import reachable

EXACT = 7  # vertices, of which all subsets are tried
TRIES = 60  # moves of vertices that are tried where there are more


@dataclass(frozen=True, eq=False)
class Found:
    """The edges from sources to sinks, by which order they were made, and what they cost."""

    edges: Edges
    order: list[int]
    muls: int
    adds: int

    @property
    def rank(self) -> tuple[int, int]:
        """Less is better: products and quotients, then sums."""
        return self.muls, self.adds


class Elimination:
    """A graph from which vertices go; compositions are remembered between orders."""

    def __init__(self, linear: Linear) -> None:
        self.linear = linear
        self.done: dict[tuple[int, int], Term | None] = {}
        self.sums: dict[tuple[int, ...], tuple[Term, ...]] = {}
        self.held: list[Term] = []  # keeps what is known by its `id`

    def along(self, after: Sequence[Term], before: Sequence[Term]) -> list[Term]:
        """The products of the terms of two edges."""
        made = []
        for t in after:
            for u in before:
                key = (id(t), id(u))
                if key not in self.done:
                    self.done[key] = Composition(self.linear.table, t, u).term()
                    self.held += [t, u]
                found = self.done[key]
                if found is not None:
                    made.append(found)
        return made

    def sum(self, terms: Sequence[Term]) -> tuple[Term, ...]:
        key = tuple(map(id, terms))
        if key not in self.sums:
            self.sums[key] = merged(self.linear.table, terms)
            self.held += terms
        return self.sums[key]

    def eliminate(self, edges: Edges, v: int) -> Edges:
        """The edges after `v` has gone."""
        coming = [(i, terms) for (i, j), terms in edges.items() if j == v]
        onward = [(j, terms) for (i, j), terms in edges.items() if i == v]
        left = {e: terms for e, terms in edges.items() if v not in e}
        for j, after in onward:
            for i, before in coming:
                terms = self.sum([*left.get((i, j), ()), *self.along(after, before)])
                if terms:
                    left[i, j] = terms
                else:
                    left.pop((i, j), None)
        return left

    def judge(self, order: Sequence[int]) -> Found:
        edges = self.linear.edges
        for v in order:
            edges = self.eliminate(edges, v)
        edges = {e: tuple(map(self.settled, terms)) for e, terms in edges.items()}
        return Found(edges, list(order), *cost(edges.values()))

    def settled(self, t: Term) -> Term:
        """The term without a factor but a sign."""
        value = t.value
        if value is self.linear.table.one or (t.factor == 1.0):
            return t
        value = self.linear.table.scaled(value, t.factor)
        if value.op == "scale" and value.spec == -1.0:
            return t
        return Term(t.out, t.into, value, t.labels)


def cost(entries: Iterable[Iterable[Term]]) -> tuple[int, int]:
    """Products and quotients, and sums, of all that the terms are computed from."""
    values = reachable(t.value for terms in entries for t in terms)
    muls = sum(v.muls + v.divs for v in values)
    return muls, sum(1 for v in values if v.op in ("add", "sum"))


def search(linear: Linear, order: str | Sequence[Any] = "auto") -> Found:
    """The Jacobian by an order of its name, or by the cheapest that is found.

    Raises `Dynamic` where single edges are asked for.
    """
    work = Elimination(linear)
    if order == "edges" or not (isinstance(order, str) or all(type(v) is int for v in order)):
        raise Dynamic("single edges between arrays are not eliminated")
    if isinstance(order, str) and order != "auto":
        return work.judge(MODES[order](work))
    if not isinstance(order, str):
        order = [int(v) for v in order]
        if sorted(order) != linear.inner:
            raise ValueError(f"order has each of the vertices {linear.inner} once")
        return work.judge(order)
    found = [work.judge(mode(work)) for mode in MODES.values()]
    best = min(found, key=lambda f: f.rank)
    if len(linear.inner) > 1:
        best = min(best, _improved(work, best), key=lambda f: f.rank)
    return best


def forward(work: Elimination) -> list[int]:
    """In the order of evaluation."""
    return list(work.linear.inner)


def reverse(work: Elimination) -> list[int]:
    """Against the order of evaluation."""
    return work.linear.inner[::-1]


def markowitz(work: Elimination) -> list[int]:
    """The vertex next whose elimination adds the cheapest values."""
    left, order, edges = list(work.linear.inner), list[int](), work.linear.edges
    now = {e: cost([terms])[0] for e, terms in edges.items()}

    def price(made: Edges, v: int) -> tuple[int, int]:
        grown = 0
        for e, terms in made.items():
            if terms is not edges.get(e):
                grown += cost([terms])[0] - now.get(e, 0)
        return grown - sum(now[e] for e in now if v in e), v

    while left:
        tried = {v: work.eliminate(edges, v) for v in left}
        v = min(left, key=lambda v: price(tried[v], v))
        edges = tried[v]
        now = {e: cost([terms])[0] for e, terms in edges.items()}
        left.remove(v)
        order.append(v)
    return order


MODES: dict[str, Callable[[Elimination], list[int]]] = {
    "forward": forward,
    "reverse": reverse,
    "markowitz": markowitz,
}


def _improved(work: Elimination, best: Found) -> Found:
    """All orders of a few vertices; else vertices are moved about while that helps."""
    if len(best.order) <= EXACT:
        return _exact(work, best)
    chance = random.Random(0)
    for _ in range(TRIES):
        order = best.order.copy()
        v = order.pop(chance.randrange(len(order)))
        order.insert(chance.randrange(len(order) + 1), v)
        found = work.judge(order)
        if found.rank <= best.rank:
            best = found
    return best


def _exact(work: Elimination, best: Found) -> Found:
    """Subset by subset: what is left after a set has gone hardly depends on its order."""
    reached: dict[frozenset[int], tuple[tuple[int, int], list[int], Edges]] = {
        frozenset(): ((0, 0), [], work.linear.edges)
    }
    for _ in work.linear.inner:
        onward: dict[frozenset[int], tuple[tuple[int, int], list[int], Edges]] = {}
        for gone, (_, order, edges) in reached.items():
            for v in work.linear.inner:
                if v in gone:
                    continue
                left = work.eliminate(edges, v)
                rank, key = cost(left.values()), gone | {v}
                if key not in onward or rank < onward[key][0]:
                    onward[key] = (rank, [*order, v], left)
        reached = onward
    ((_, order, _),) = reached.values()
    found = work.judge(order)
    return min(best, found, key=lambda f: f.rank)
