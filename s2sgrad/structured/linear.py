"""A linear program, tangents in and out, as a graph whose edges are sums of labelled terms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from s2sgrad.elimination.table import Dynamic
from s2sgrad.ir import ops
from s2sgrad.ir.graph import Atom, Var
from s2sgrad.ir.types import Array, Scalar
from s2sgrad.structured.known import Known
from s2sgrad.structured.terms import Term, merged
from s2sgrad.structured.values import Table
from s2sgrad.structured.vocabulary import Vocabulary

Edges = dict[tuple[int, int], tuple[Term, ...]]


@dataclass
class Linear:
    """Vertices are numbered: first what is differentiated in, last the results."""

    table: Table
    sources: list[int]
    sinks: list[int]
    inner: list[int] = field(default_factory=list)
    edges: Edges = field(default_factory=dict)


def linearise(known: Known, dots: Sequence[Var], outs: Sequence[Atom]) -> Linear:
    """The graph between the tangents `dots` and `outs`, which are results of the program.

    Raises `Dynamic` where an operation has no labelled terms.
    """
    table = Table()
    number: dict[Var, int] = {d: k for k, d in enumerate(dots)}
    edges: Edges = {}
    words = Vocabulary(known, table, number)
    for s in known.stmts:
        if s.op is ops.zeros_like or not any(a in number for a in s.args):
            continue
        check(s.out)
        number[s.out] = j = len(number)
        found: dict[int, list[Term]] = {}
        for a, term in words.terms(s):
            found.setdefault(number[a], []).append(term)
        edges.update({(i, j): merged(table, terms) for i, terms in found.items()})
    size = len(number)
    sinks = list(range(size, size + len(outs)))
    for k, r in zip(sinks, outs, strict=True):
        if isinstance(r, Var) and r in number:
            edges[number[r], k] = (words.same(r),)
    edges = {e: terms for e, terms in edges.items() if terms}
    linear = Linear(table, list(range(len(dots))), sinks, [], edges)
    linear.inner = _between(linear)
    kept = {*linear.sources, *linear.sinks, *linear.inner}
    linear.edges = {e: t for e, t in edges.items() if kept.issuperset(e)}
    return linear


def check(v: Var) -> None:
    """Tangents are of float64."""
    t = v.type
    if not (isinstance(t, Array | Scalar) and t.char in ("d", "") and t.kind == "float"):
        raise Dynamic("what is not of float64")


def _between(linear: Linear) -> list[int]:
    """The vertices on paths from sources to sinks."""
    after: dict[int, set[int]] = {}
    before: dict[int, set[int]] = {}
    for i, j in linear.edges:
        after.setdefault(i, set()).add(j)
        before.setdefault(j, set()).add(i)
    ahead = _reached(linear.sources, after)
    behind = _reached(linear.sinks, before)
    return sorted((ahead & behind) - {*linear.sources, *linear.sinks})


def _reached(start: Sequence[int], onward: dict[int, set[int]]) -> set[int]:
    found, todo = set(start), list(start)
    while todo:
        new = onward.get(todo.pop(), set()) - found
        found |= new
        todo += new
    return found
