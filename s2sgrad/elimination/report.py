"""What a straight Jacobian takes, and what it would take by other orders."""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from s2sgrad.elimination.edges import Whole
from s2sgrad.elimination.search import Found, Order, spelled
from s2sgrad.ir import ops
from s2sgrad.ir.graph import Eqn, Stmt

ROWS = ("multiplications", "divisions", "additions", "functions")
_KINDS = {
    operator.mul: "multiplications",
    operator.truediv: "divisions",
    operator.add: "additions",
    operator.sub: "additions",
}
_FREE = {operator.neg, ops.getitem, np.array}
_BY = {"forward": "forward mode", "reverse": "reverse mode", "markowitz": "Markowitz's order"}


def counted(stmts: Iterable[Stmt]) -> Counter[str]:
    """Operations of straight code: each equation is one."""
    made = [s for s in stmts if isinstance(s, Eqn) and s.op not in _FREE]
    return Counter(_KINDS.get(s.op, "functions") for s in made)


@dataclass(frozen=True, eq=False)
class Report:
    """Counts by the order that was chosen, and by those that need no search."""

    what: str
    asked: Order
    found: Found
    chosen: Counter[str]
    others: Mapping[str, Counter[str]]

    @property
    def line(self) -> str:
        """One sentence, for the docstring of what is emitted."""
        n, m = self.chosen["multiplications"], self.others
        beside = ", ".join(
            f"{name} {m[name]['multiplications']}" for name in ("forward", "reverse")
        )
        return f"{self.what} by {self.way}: {n} multiplication{'s' * (n != 1)} ({beside})."

    @property
    def way(self) -> str:
        if isinstance(self.asked, str) and self.asked in _BY:
            return _BY[self.asked]
        plain = all(isinstance(s, Whole) for s in self.found.steps)
        return "vertex elimination" if plain else "vertex and edge elimination"

    @property
    def columns(self) -> dict[str, Counter[str]]:
        return {**self.others, "chosen": self.chosen}

    def cost(self) -> dict[str, Any]:
        """As entries of `.cost`."""
        found = {name: {row: c[row] for row in ROWS} for name, c in self.columns.items()}
        return {"orders": found, "order": spelled(self.found.steps)}

    def table(self) -> list[str]:
        """Lines: a column for each order."""
        head = "".join(f"{name:>11}" for name in self.columns)
        lines = [f"  {'':<28}{head}"]
        for row in ROWS:
            cells = "".join(f"{c[row]:>11}" for c in self.columns.values())
            lines.append(f"  {row:<28}{cells}")
        return lines
