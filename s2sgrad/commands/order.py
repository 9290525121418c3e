"""The graph that is eliminated, local partials on its edges, its vertices numbered as they go."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from dataclasses import dataclass, field

from s2sgrad.elimination.accumulate import word_of
from s2sgrad.elimination.edges import Back, Front, Step
from s2sgrad.elimination.graph import members
from s2sgrad.elimination.report import Report
from s2sgrad.elimination.search import Found
from s2sgrad.elimination.table import EMPTY, Apply, Mono, Named, Sum, Term, Value
from s2sgrad.errors import S2SGradError
from s2sgrad.generic import Unit
from s2sgrad.graph import quoted, short
from s2sgrad.picture import Picture, draw
from s2sgrad.pipeline import LAST


@dataclass(eq=False)
class OrderGraph:
    """A drawing of what a straight Jacobian eliminates: `dot` for Graphviz, and `svg()`."""

    report: Report
    name: str
    lines: list[str] = field(default_factory=list)
    picture: Picture = field(default_factory=Picture)

    def __post_init__(self) -> None:
        found = self.report.found
        self.words = _Words(found)
        graph, gone = found.linear.graph, _turns(found.steps)
        for v in found.linear.wrt:
            self.node(v, self.words.name(v), "box")
        for v in sorted(graph.inner):
            self.node(v, f"{gone[v]}. {self.words.bound(v)}", "")
        for k, v in enumerate(found.linear.sinks):
            self.node(v, f"result {k}", "plaintext")
        for j, bits in enumerate(graph.before):
            for i in members(bits):
                self.edge(i, j, self.words.value(found.linear.edges[i, j]))

    def node(self, v: int, label: str, shape: str) -> None:
        label = short(label)
        self.picture.node(f"v{v}", label, shape)
        style = f", shape={shape}" if shape else ""
        self.lines.append(f"  v{v} [label={quoted(label)}{style}];")

    def edge(self, i: int, j: int, label: str) -> None:
        label = short(label)
        self.picture.edge(f"v{i}", f"v{j}", label)
        self.lines.append(f"  v{i} -> v{j} [label={quoted(label)}];")

    @property
    def dot(self) -> str:
        """In the language of Graphviz."""
        title = f"  label={quoted(self.report.line)};"
        head = f"digraph {quoted(self.name)} {{\n  rankdir=BT;\n  node [shape=ellipse];\n{title}"
        return "\n".join([head, *self.lines, "}", ""])

    def svg(self) -> str:
        """As a picture."""
        return draw(self.picture)


def order_graph(unit: Unit) -> OrderGraph:
    """The drawing of an emitted Jacobian.

    Raises `S2SGradError` if it is not made by elimination.
    """
    report = unit.stages[LAST].notes.get("report")
    if report is None:
        raise S2SGradError(
            f"{unit.name}: nothing is eliminated: the types of all arguments must be exact, as in "
            "--types 'f(x: float, y: Float[3])', and the function must be short straight code"
        )
    return OrderGraph(report, unit.name)


def _turns(steps: Iterable[Step]) -> dict[int, str]:
    """By vertex, when it goes; where its edges went one by one, all their turns."""
    found: dict[int, str] = {}
    for k, s in enumerate(steps, 1):
        v = s.j if isinstance(s, Front | Back) else s.v
        found[v] = f"{found[v]}, {k}" if v in found else str(k)
    return found


class _Words:
    """What is in a table, as text."""

    def __init__(self, found: Found) -> None:
        self.table = found.table
        self.named = {*found.linear.wrt, *found.linear.graph.inner}
        self.names: dict[int, str] = {}

    def name(self, base: int) -> str:
        if base not in self.names:
            word = word_of(self.table, base) or "t"
            taken = set(self.names.values())
            number, name = 1, word
            while name in taken:
                number, name = number + 1, f"{word}{number}"
            self.names[base] = name
        return self.names[base]

    def bound(self, base: int) -> str:
        return f"{self.name(base)} = {self.made(base)}"

    def value(self, v: Value) -> str:
        return self.product(v.factor, v.mono)

    def base(self, base: int) -> str:
        """By its name if it is a vertex, else written out."""
        if base in self.named or base in self.names:
            return self.name(base)
        made = self.table.bases[base]
        text = self.made(base)
        return text if isinstance(made, Apply) and made.op is not operator.pow else f"({text})"

    def made(self, base: int) -> str:
        made = self.table.bases[base]
        if isinstance(made, Sum):
            second = self.product(made.cb, made.b)
            joined = f"- {second[1:]}" if second.startswith("-") else f"+ {second}"
            return f"{self.product(made.ca, made.a)} {joined}"
        if isinstance(made, Named):
            return self.product(1.0, made.mono)
        if isinstance(made, Apply):
            args = [
                self.product(a.factor, a.mono) if isinstance(a, Term) else repr(a)
                for a in made.args
            ]
            if made.op is operator.pow:
                return f"({args[0]}) ** ({args[1]})"
            return f"{made.op.__name__}({', '.join(args)})"
        return self.name(base)

    def product(self, factor: float, mono: Mono) -> str:
        if mono == EMPTY:
            return f"{factor:g}"
        up = [self.power(b, k) for b, k in mono if k > 0]
        down = [self.power(b, -k) for b, k in mono if k < 0]
        if abs(factor) != 1.0 or not up:
            up.insert(0, f"{abs(factor):g}")
        text = " * ".join(up)
        if down:
            text += f" / ({' * '.join(down)})" if len(down) > 1 else f" / {down[0]}"
        return f"-{text}" if factor < 0.0 else text

    def power(self, base: int, k: int) -> str:
        return self.base(base) if k == 1 else f"{self.base(base)}**{k}"
