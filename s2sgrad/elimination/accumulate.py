"""From a table of scalars to its Jacobian, by an order of elimination."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from s2sgrad.elimination.edges import Back, Front, Step
from s2sgrad.elimination.graph import Graph
from s2sgrad.elimination.table import Apply, Dynamic, Mono, Named, Sum, Table, Term, Value
from s2sgrad.rules.registry import as_tuple, lookup

Edges = dict[tuple[int, int], Value]


def monos(table: Table, base: int) -> list[Mono]:
    """The products that a base is computed from."""
    made = table.bases[base]
    if isinstance(made, Sum):
        return [made.a, made.b]
    if isinstance(made, Named):
        return [made.mono]
    if isinstance(made, Apply):
        return [a.mono for a in made.args if isinstance(a, Term)]
    return []


def operands(table: Table, base: int) -> list[int]:
    """The bases that a base is computed from."""
    return list(dict.fromkeys(b for mono in monos(table, base) for b, _ in mono))


def gradient(x: Value) -> dict[int, Value]:
    """The derivative of a product in each base of it."""
    return {b: x.table.product(x.factor * k, (*x.mono, (b, -1))) for b, k in x.mono}


def partials(table: Table, base: int) -> dict[int, Value]:
    """The derivative of a base in each that it is computed from."""
    made = table.bases[base]
    terms: list[tuple[Value, Value]] = []  # an operand, and the derivative in it
    one = table.value(1.0)
    if isinstance(made, Sum):
        terms = [(Value(table, made.ca, made.a), one), (Value(table, made.cb, made.b), one)]
    elif isinstance(made, Named):
        terms = [(Value(table, 1.0, made.mono), one)]
    elif isinstance(made, Apply):
        args = [table.operand(a) for a in made.args]
        each = zip(args, _by_rule(table, base, made.op, args), strict=True)
        terms = [(a, table.value(p)) for a, p in each if isinstance(a, Value)]
    found: dict[int, Value] = {}
    for x, p in terms:
        for b, d in gradient(x).items():
            found[b] = found[b] + d * p if b in found else d * p
    return found


def _by_rule(table: Table, base: int, op: Callable[..., Any], args: list[Any]) -> Sequence[Any]:
    out = table.one(base)
    rule = lookup(op)
    if rule is not None and rule.zero:
        return [0.0] * len(args)
    if rule is not None and rule.partials is not None:
        found = as_tuple(rule.partials(out, *args))
    elif rule is not None and rule.vjp is not None:
        found = as_tuple(rule.vjp(1.0, out, *args))
    else:
        raise Dynamic(f"{op.__name__} has no derivative")
    return [0.0 if p is None else p for p in found]


@dataclass
class Linear:
    """A graph whose edges carry local derivatives: `wrt` are its sources, `sinks` its results."""

    graph: Graph
    edges: Edges
    wrt: list[int]
    sinks: list[int]


def linearise(table: Table, wrt: Sequence[int], outs: Sequence[Value]) -> Linear:
    """The linearised graph between the bases `wrt` and the results, numbered after all bases."""
    active = set(wrt)
    for base in range(len(table.bases)):
        if not active.isdisjoint(operands(table, base)):
            active.add(base)
    needed = {b for v in outs for b, _ in v.mono if b in active}
    for base in reversed(range(len(table.bases))):
        if base in needed:
            needed.update(b for b in operands(table, base) if b in active)
    edges: Edges = {}
    for base in sorted(needed - set(wrt)):
        edges.update({(b, base): p for b, p in partials(table, base).items() if b in active})
    size = len(table.bases)
    for k, v in enumerate(outs):
        edges.update({(b, size + k): p for b, p in gradient(v).items() if b in active})
    edges = {e: p for e, p in edges.items() if p.factor != 0.0}
    # What the partials themselves added to the table is no vertex: `size` may lie below its length.
    sinks = [size + k for k in range(len(outs))]
    graph = Graph.of(size + len(outs), edges, sorted(needed - set(wrt)))
    return Linear(graph, edges, list(wrt), sinks)


class Accumulation:
    """The edges of a linearised graph while vertices and edges are eliminated."""

    def __init__(self, linear: Linear) -> None:
        self.edges = dict(linear.edges)
        self.before: dict[int, set[int]] = {}
        self.after: dict[int, set[int]] = {}
        for i, j in self.edges:
            self.before.setdefault(j, set()).add(i)
            self.after.setdefault(i, set()).add(j)

    def remove(self, i: int, j: int) -> None:
        del self.edges[i, j]
        self.before[j].discard(i)
        self.after[i].discard(j)

    def through(self, i: int, v: int, j: int) -> None:
        """The path from `i` over `v` to `j` joins the edge from `i` to `j`."""
        p = self.edges[v, j] * self.edges[i, v]
        if (i, j) in self.edges:
            p = self.edges[i, j] + p
            if p.factor == 0.0:
                self.remove(i, j)
                return
        self.edges[i, j] = p
        self.before.setdefault(j, set()).add(i)
        self.after.setdefault(i, set()).add(j)

    def step(self, s: Step) -> None:
        if isinstance(s, Front):
            coming, v, onward = {s.i} & self.before.get(s.j, set()), s.j, self.after.get(s.j, ())
        elif isinstance(s, Back):
            coming, v, onward = self.before.get(s.j, set()), s.j, {s.k} & self.after.get(s.j, set())
        else:
            coming, v, onward = self.before.get(s.v, set()), s.v, self.after.get(s.v, ())
        sources, targets = sorted(coming), sorted(onward)
        for j in targets:
            for i in sources:
                self.through(i, v, j)
        if not isinstance(s, Back):
            for i in sources:
                self.remove(i, v)
        if not isinstance(s, Front):
            for j in targets:
                self.remove(v, j)


def accumulate(linear: Linear, steps: Iterable[Step]) -> list[list[Value | None]]:
    """The Jacobian, a row for each result: entries, None where it is zero by structure."""
    work = Accumulation(linear)
    for s in steps:
        work.step(s)
    return [[work.edges.get((i, j)) for i in linear.wrt] for j in linear.sinks]


def word_of(table: Table, base: int) -> str:
    """What a base is called: by the program, or after the function that makes it."""
    made = table.bases[base]
    return table.hints.get(base) or (made.op.__name__ if isinstance(made, Apply) else "")


def derivative_names(linear: Linear, steps: Iterable[Step]) -> dict[tuple[float, Mono], str]:
    """`dy_dx` for what is a derivative of y in x on the way, where both have names."""
    work = Accumulation(linear)
    found: dict[tuple[float, Mono], str] = {}
    seen: Edges = {}
    for s in (None, *steps):
        if s is not None:
            work.step(s)
        for (i, j), v in work.edges.items():
            if seen.get((i, j)) is v or j in linear.sinks:
                continue
            seen[i, j] = v
            below, above = word_of(v.table, i), word_of(v.table, j)
            if below and above:
                found.setdefault((v.factor, v.mono), f"d{above}_d{below}")
    return found
