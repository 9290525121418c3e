"""The linearised compute graph: a vertex for each value, an edge for each local derivative.

To accumulate the Jacobian is to eliminate the intermediate vertices: v goes, and each pair of a
predecessor and a successor of v gets the product of their two edges, added to an edge that stands
there.  The cost of v is the number of such products, in-degree times out-degree (Griewank and
Walther, Evaluating Derivatives, 2008, chapters 9 and 10).

Neighbourhoods are sets of vertices, held as the bits of an int.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field


def members(bits: int) -> Iterator[int]:
    """The elements of a set, in rising order."""
    while bits:
        low = bits & -bits
        yield low.bit_length() - 1
        bits ^= low


@dataclass
class Graph:
    """Neighbourhoods of vertices, numbered as they are evaluated, and what may be eliminated."""

    before: list[int]
    after: list[int]
    inner: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, size: int, edges: Iterable[tuple[int, int]], inner: Sequence[int]) -> Graph:
        """A graph of so many vertices with edges from `i` to `j`; `inner` are the intermediates."""
        before, after = [0] * size, [0] * size
        for i, j in edges:
            before[j] |= 1 << i
            after[i] |= 1 << j
        return cls(before, after, list(inner))

    def copy(self) -> Graph:
        return Graph(self.before.copy(), self.after.copy(), self.inner.copy())

    def price(self, v: int) -> int:
        """Products that the elimination of `v` takes now (its Markowitz degree)."""
        return self.before[v].bit_count() * self.after[v].bit_count()

    def eliminate(self, v: int) -> int:
        """Eliminate `v`; the number of products."""
        return eliminate(self.before, self.after, v)

    def cost(self, order: Iterable[int]) -> int:
        """Products of all eliminations, in this order; the graph stays as it is."""
        before, after = self.before.copy(), self.after.copy()
        return sum(eliminate(before, after, v) for v in order)


def eliminate(before: list[int], after: list[int], v: int) -> int:
    """Eliminate `v` from neighbourhoods; the number of products.

    Kept free of calls: the search for an order spends nearly all of its time here.
    """
    p, s = before[v], after[v]
    rest = ~(1 << v)
    before[v] = after[v] = 0
    bits = p
    while bits:
        low = bits & -bits
        i = low.bit_length() - 1
        after[i] = (after[i] | s) & rest
        bits ^= low
    bits = s
    while bits:
        low = bits & -bits
        j = low.bit_length() - 1
        before[j] = (before[j] | p) & rest
        bits ^= low
    return p.bit_count() * s.bit_count()
