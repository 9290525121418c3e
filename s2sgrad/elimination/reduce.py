"""What can be eliminated first without loss, and the parts that do not meet."""

from __future__ import annotations

from s2sgrad.elimination.graph import Graph, members


def safe(graph: Graph) -> list[int]:
    """Eliminate what is never dearer now than later; the order in which it went.

    A vertex without predecessors (a constant) or successors (dead) costs nothing, one with a single
    one of each costs one product whenever it goes, and makes nothing dearer by going.  A single
    predecessor alone is not enough: eliminated later, such a vertex may have fewer successors.
    """
    order = []
    left = set(graph.inner)
    while True:
        # What costs nothing first: it may make others cost nothing, too.
        cheap = [v for v in left if graph.price(v) == 0] or [v for v in left if graph.price(v) == 1]
        if not cheap:
            break
        v = min(cheap)
        graph.eliminate(v)
        left.remove(v)
        order.append(v)
    graph.inner = sorted(left)
    return order


def components(graph: Graph) -> list[list[int]]:
    """The intermediates, split into sets between which no edge runs.

    What the elimination of one costs does not depend on the others.
    """
    inner = sum(1 << v for v in graph.inner)
    found = []
    left = inner
    while left:
        part = frontier = left & -left
        while frontier:
            reached = 0
            for v in members(frontier):
                reached |= graph.before[v] | graph.after[v]
            frontier = reached & inner & ~part
            part |= frontier
        found.append(list(members(part)))
        left &= ~part
    return found
