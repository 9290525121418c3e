"""Orders that need no search: forward mode, reverse mode, Markowitz."""

from __future__ import annotations

from s2sgrad.elimination.graph import Graph


def forward(graph: Graph) -> list[int]:
    """The order of evaluation: forward mode in all inputs at once."""
    return sorted(graph.inner)


def reverse(graph: Graph) -> list[int]:
    """Against the order of evaluation: reverse mode from all outputs at once."""
    return sorted(graph.inner, reverse=True)


def markowitz(graph: Graph) -> list[int]:
    """Always the vertex that costs least now (Griewank and Reese, 1991); ties: the last one."""
    graph = graph.copy()
    left = set(graph.inner)
    order = []
    while left:
        v = min(left, key=lambda u: (graph.price(u), -u))
        graph.eliminate(v)
        left.remove(v)
        order.append(v)
    return order
