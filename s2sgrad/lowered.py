"""One compilation, to be looked at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from s2sgrad.compile import Compiled
from s2sgrad.emit.cost import cost
from s2sgrad.emit.tape_bytes import tapes
from s2sgrad.graph import Graph
from s2sgrad.ir.ops import part
from s2sgrad.ir.text import text
from s2sgrad.ir.types import Array, Dim


class Lowered:
    """One compilation: `.source`, `.graph`, `.cost`, `.ir(after)`.

    `values` are the arguments that it was made for: of them the sizes of tapes are worked out.
    """

    def __init__(self, compiled: Compiled, values: Mapping[str, Any]) -> None:
        self._compiled = compiled
        self._sizes = sizes(compiled, values)

    @property
    def source(self) -> str:
        """The emitted Python."""
        return self._compiled.source

    @property
    def graph(self) -> Graph:
        """The graph of the function, local partials on its edges: `str` for Graphviz, `.svg()`."""
        return Graph(self._compiled.ir, self._compiled.name)

    @property
    def cost(self) -> dict[str, Any]:
        """Counts in the emitted code, each place counted once, and what its tapes hold.

        `tapes` has the bytes of data on each tape for arguments like the given ones, None where
        that depends on values; `tape_bytes` is their sum.  Of a matrix by elimination `orders` has
        the counts by forward and reverse mode, by Markowitz's order and the chosen `order`.
        """
        return measured(self._compiled, self._sizes)

    def ir(self, after: str = "reverse+prune") -> str:
        """The textual IR after a pass: `KeyError` for a name that is none lists them."""
        return shown(self._compiled, after)


Sizes = tuple[dict[Dim, int], dict[str, int]]


def sizes(compiled: Compiled, values: Mapping[str, Any]) -> Sizes:
    """The extents of the arguments by their symbols, and the arguments that are ints."""
    extents: dict[Dim, int] = {}
    for leaf in compiled.leaves:
        if isinstance(leaf.var.type, Array):
            shape = part(values[leaf.owner.hint], leaf.path).shape
            extents.update(zip(leaf.var.type.shape, shape, strict=True))
    return extents, {n: v for n, v in values.items() if type(v) is int}


def measured(compiled: Compiled, known: Sizes) -> dict[str, Any]:
    """What `.cost` is."""
    func = compiled.ir["bufferize"]
    found = tapes(func, *known)
    total = None if None in found.values() else sum(v for v in found.values() if v is not None)
    orders = func.notes["report"].cost() if "report" in func.notes else {}
    return {**cost(compiled.source), "tapes": found, "tape_bytes": total, **orders}


def shown(compiled: Compiled, after: str) -> str:
    """The textual IR after a pass."""
    if after not in compiled.ir:
        raise KeyError(f"there is no pass {after!r}; there are {', '.join(compiled.ir)}")
    return text(compiled.ir[after])
