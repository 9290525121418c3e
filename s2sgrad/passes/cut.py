"""The minimum cut of a graph (Dinic's algorithm): what it costs least to part source from sink."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Hashable, Iterator
from itertools import chain, pairwise

INFINITE = float("inf")
Node = Hashable
SOURCE, SINK = "source", "sink"


class Graph:
    """Nodes and edges with capacities; `SOURCE` and `SINK` are among the nodes."""

    def __init__(self) -> None:
        self.left: dict[Node, dict[Node, float]] = defaultdict(dict)

    def edge(self, a: Node, b: Node, capacity: float) -> None:
        """An edge from `a` to `b`; capacities of the same edge add up."""
        self.left[a][b] = self.left[a].get(b, 0.0) + capacity
        self.left[b].setdefault(a, 0.0)

    def near_source(self) -> set[Node]:
        """The nodes on the side of the source, of a cheapest cut: as few as may be."""
        while True:
            level = self._levels()
            if SINK not in level:
                return set(level)
            edges: dict[Node, Iterator[Node]] = {a: iter([*ends]) for a, ends in self.left.items()}
            while self._push(level, edges):
                pass

    def _levels(self) -> dict[Node, int]:
        """The distance from the source along edges with room."""
        level: dict[Node, int] = {SOURCE: 0}
        queue: deque[Node] = deque([SOURCE])
        while queue:
            a = queue.popleft()
            for b, room in self.left[a].items():
                if room > 0 and b not in level:
                    level[b] = level[a] + 1
                    queue.append(b)
        return level

    def _push(self, level: dict[Node, int], edges: dict[Node, Iterator[Node]]) -> bool:
        """Fill one path from source to sink; is there one?"""
        path: list[Node] = [SOURCE]
        while path[-1] != SINK:
            a = path[-1]
            for b in edges[a]:
                if self.left[a][b] > 0 and level.get(b) == level[a] + 1:
                    path.append(b)
                    break
            else:
                path.pop()
                if not path:
                    return False
        steps = list(pairwise(path))
        room = min(self.left[a][b] for a, b in steps)
        for a, b in steps:
            self.left[a][b] -= room
            self.left[b][a] += room
            edges[a] = chain([b], edges[a])
        return True
