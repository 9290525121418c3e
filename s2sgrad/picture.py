"""Graphs as SVG: in layers, what is computed first at the top.

A node stands below all that it reads; in its layer it is moved under the middle of its neighbours
(Sugiyama, Tagawa, Toda, "Methods for visual understanding of hierarchical system structures",
1981).  What a loop hands to its next turn is drawn as a dashed line upwards.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol
from xml.sax.saxutils import escape


class Drawn(Protocol):
    """A graph as text for Graphviz, or as SVG."""

    @property
    def dot(self) -> str: ...

    def svg(self) -> str: ...


LETTER, HEIGHT, GAP, LAYER = 7.0, 26.0, 28.0, 74.0


@dataclass(eq=False)
class Node:
    """A box with a label; `x` is its middle, in the layer `rank`."""

    label: str
    shape: str
    groups: tuple[int, ...]
    rank: int = 0
    x: float = 0.0

    @property
    def width(self) -> float:
        """As wide as its label."""
        return LETTER * len(self.label) + 18.0

    @property
    def y(self) -> float:
        """The middle of its layer."""
        return LAYER * self.rank + LAYER / 2


@dataclass(eq=False)
class Picture:
    """Nodes by name, edges with labels, and groups of nodes: the bodies of loops and arms."""

    nodes: dict[str, Node] = field(default_factory=dict)
    edges: list[tuple[str, str, str]] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    inside: tuple[int, ...] = ()

    def node(self, name: str, label: str, shape: str) -> None:
        """A new node."""
        self.nodes[name] = Node(label, shape, self.inside)

    def edge(self, a: str, b: str, label: str) -> None:
        """An edge; its ends may come later."""
        self.edges.append((a, b, label))

    @contextmanager
    def group(self, label: str) -> Iterator[None]:
        """Nodes that are made in here belong together."""
        self.groups.append(label)
        outer, self.inside = self.inside, (*self.inside, len(self.groups) - 1)
        yield
        self.inside = outer


def draw(p: Picture) -> str:
    """The picture as SVG."""
    for name in dict.fromkeys(end for a, b, _ in p.edges for end in (a, b)):
        p.nodes.setdefault(name, Node(name, "plaintext", ()))  # the number of a turn
    down = _layers(p)
    _spread(p, down)
    left = min((n.x - n.width / 2 for n in p.nodes.values()), default=0.0) - 40
    right = max((n.x + n.width / 2 for n in p.nodes.values()), default=0.0) + 40
    height = LAYER * (1 + max((n.rank for n in p.nodes.values()), default=0))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{left:.0f} 0 {right - left:.0f} '
        f'{height:.0f}" width="{right - left:.0f}" height="{height:.0f}" '
        'font-family="sans-serif" font-size="12" style="text-anchor:middle">',
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" '
        'markerHeight="8" orient="auto"><path d="M0,0 L8,4 L0,8 z" fill="#555"/></marker></defs>',
        *(_group(p, k) for k in range(len(p.groups))),
        *(_edge(p.nodes[a], p.nodes[b], label, (a, b) in down) for a, b, label in p.edges),
        *map(_node, p.nodes.values()),
        "</svg>",
    ]
    return "\n".join(x for x in parts if x) + "\n"


def _layers(p: Picture) -> set[tuple[str, str]]:
    """Give each node its layer; the edges that lead down."""
    down = {(a, b) for a, b, label in p.edges if label != "next turn" and a != b}
    after, waits = defaultdict(list), dict.fromkeys(p.nodes, 0)
    for a, b in sorted(down):
        after[a].append(b)
        waits[b] += 1
    todo = [name for name, n in waits.items() if n == 0]
    while todo:
        a = todo.pop(0)
        for b in after[a]:
            p.nodes[b].rank = max(p.nodes[b].rank, p.nodes[a].rank + 1)
            waits[b] -= 1
            if waits[b] == 0:
                todo.append(b)
    return down


def _spread(p: Picture, down: set[tuple[str, str]]) -> None:
    """Give each node its place in its layer."""
    layers: dict[int, list[Node]] = defaultdict(list)
    for n in p.nodes.values():
        layers[n.rank].append(n)
    for row in layers.values():
        for n in row:
            n.x = 0.0
    near: dict[Node, list[Node]] = defaultdict(list)
    for a, b in sorted(down):
        near[p.nodes[a]].append(p.nodes[b])
        near[p.nodes[b]].append(p.nodes[a])
    for _ in range(6):
        for rank in sorted(layers):
            row = layers[rank]
            wished = {n: sum(m.x for m in near[n]) / len(near[n]) if near[n] else n.x for n in row}
            row.sort(key=lambda n: wished[n])
            total = sum(n.width for n in row) + GAP * (len(row) - 1)
            x = sum(wished.values()) / len(row) - total / 2
            for n in row:
                n.x = x + n.width / 2
                x += n.width + GAP


def _node(n: Node) -> str:
    text = f'<text x="{n.x:.1f}" y="{n.y + 4:.1f}">{escape(n.label)}</text>'
    if n.shape == "plaintext":
        return text
    round_ = 3 if n.shape == "box" else 13
    dashes = ' stroke-dasharray="3 2"' if n.shape == "diamond" else ""
    return (
        f'<rect x="{n.x - n.width / 2:.1f}" y="{n.y - HEIGHT / 2:.1f}" width="{n.width:.1f}" '
        f'height="{HEIGHT:.0f}" rx="{round_}" fill="#fff" stroke="#333"{dashes}/>{text}'
    )


def _edge(a: Node, b: Node, label: str, down: bool) -> str:
    x1, y1, x2, y2 = a.x, a.y + HEIGHT / 2, b.x, b.y - HEIGHT / 2
    path = f"M{x1:.1f},{y1:.1f} L{x2:.1f},{y2:.1f}"
    middle = (x1 + x2) / 2, (y1 + y2) / 2
    style = ""
    if not down:  # back to the top of a loop, around the nodes
        side = max(a.x + a.width / 2, b.x + b.width / 2) + 24
        path = f"M{x1:.1f},{y1:.1f} C{side:.1f},{y1 + 20:.1f} "
        path += f"{side:.1f},{y2 - 20:.1f} {x2:.1f},{y2:.1f}"
        middle, style = (side - 6, (y1 + y2) / 2), ' stroke-dasharray="4 3"'
    line = f'<path d="{path}" fill="none" stroke="#555"{style} marker-end="url(#tip)"/>'
    if not label:
        return line
    return (
        f'{line}<text x="{middle[0]:.1f}" y="{middle[1] + 3:.1f}" '
        'font-size="11" fill="#a33" paint-order="stroke" stroke="#fff" stroke-width="3">'
        f"{escape(label)}</text>"
    )


def _group(p: Picture, k: int) -> str:
    own = [n for n in p.nodes.values() if k in n.groups]
    if not own:
        return ""
    left, right = min(n.x - n.width / 2 for n in own), max(n.x + n.width / 2 for n in own)
    top, bottom = min(n.y for n in own) - HEIGHT, max(n.y for n in own) + HEIGHT
    return (
        f'<rect x="{left - 12:.1f}" y="{top:.1f}" width="{right - left + 24:.1f}" '
        f'height="{bottom - top:.1f}" rx="8" fill="#36c" fill-opacity="0.06" stroke="#36c" '
        f'stroke-opacity="0.4"/><text x="{left - 6:.1f}" y="{top + 10:.1f}" font-size="10" '
        f'style="text-anchor:start" fill="#36c">{escape(p.groups[k])}</text>'
    )
