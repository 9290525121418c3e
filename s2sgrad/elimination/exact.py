"""The best order of a few vertices, by dynamic programming over sets.

After a set of vertices is eliminated the graph does not depend on the order in which they went.
So the cheapest way to eliminate a set is the cheapest way to eliminate all but one of it, and then
that one: 2**n sets in place of n! orders.
"""

from __future__ import annotations

from s2sgrad.elimination.graph import Graph, members

MOST = 13  # vertices: 8192 sets, some 0.2 s


def best(graph: Graph, part: list[int]) -> list[int]:
    """The cheapest order of the vertices of `part`, which may be `MOST` at most."""
    size = len(part)
    if size > MOST:
        raise ValueError(f"{size} vertices are too many to try all sets of them")
    full = (1 << size) - 1
    cheapest = [0] + [-1] * full
    last = [0] * (full + 1)
    states: list[Graph | None] = [graph] + [None] * full
    for done in range(full):
        state = states[done]
        assert state is not None  # each set is reached from those that lack one of it
        states[done] = None
        for k in members(full & ~done):
            more = done | 1 << k
            cost = cheapest[done] + state.price(part[k])
            if cheapest[more] < 0 or cost < cheapest[more]:
                cheapest[more], last[more] = cost, k
            if states[more] is None:
                states[more] = state.copy()
                states[more].eliminate(part[k])  # type: ignore[union-attr]
    order = []
    while full:
        order.append(part[last[full]])
        full &= ~(1 << last[full])
    return order[::-1]
