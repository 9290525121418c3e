"""A whole Jacobian or Hessian of an array program, from labelled terms.

For arguments of known shapes: forward mode makes the program of the tangents, which is linear in
them; its vertices are eliminated in the cheapest order that is found, and what is left are the
blocks of the matrix.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from s2sgrad.elimination.search import Order
from s2sgrad.elimination.table import Dynamic
from s2sgrad.emit.results import Result
from s2sgrad.front.arguments import Arguments, Leaf, wanted
from s2sgrad.front.values import Value as Parsed
from s2sgrad.ir import ops
from s2sgrad.ir.build import substitute
from s2sgrad.ir.graph import Atom, Block, Eqn, Func, Stmt, Var
from s2sgrad.matrices import named, table_of
from s2sgrad.modes import staged
from s2sgrad.passes.bounds import Ranges, is_singular
from s2sgrad.passes.forward import forward, has_tangent
from s2sgrad.passes.shift import shift, still
from s2sgrad.pipeline import PURE, Stages, scratch, tidy, verified
from s2sgrad.request import Inner, Request
from s2sgrad.structured.assemble import block
from s2sgrad.structured.known import Known
from s2sgrad.structured.linear import Linear, check, linearise
from s2sgrad.structured.lower import Lowering
from s2sgrad.structured.search import Found, search

MOST = 150  # vertices: beyond, the search takes long


@dataclass(frozen=True, slots=True)
class Structured:
    """What is asked for: the shapes of the arguments, and the order of products.

    `sample` are the arguments of the first call: the program runs on them once.
    """

    shapes: tuple[tuple[int, ...], ...]
    order: Order = "auto"
    sample: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)


class Singular(Dynamic):
    """What is not chosen may have an infinite derivative: reverse mode knows that it is zero."""


def structured(
    func: Func,
    arguments: Arguments,
    request: Request,
    result: Parsed,
    stages: Stages,
    outside: Mapping[str, Any],
) -> tuple[Func, Result, Found]:
    """The function that computes the whole matrix, and the structure of what it returns.

    `outside` are the values of what is read from globals.  Raises `Dynamic` where the program has
    loops, branches, or operations without labelled terms.
    """
    if request.what == "hessian":
        inner = Inner(request.wrt, request.bare, "grad", False)
        func, _ = staged(func, arguments, request, inner, result, scratch(stages.level))
    wrt = [x for x in request.leaves(arguments) if wanted(x)]
    func = tidy(func, stages, "parse", [x.var for x in wrt], (*PURE, shift))
    work = _Structured(func, wrt, request, outside)
    outs = [k for k, r in enumerate(func.body.results) if has_tangent(r)]
    linear = work.linear(outs)
    if len(linear.inner) > MOST:
        raise Dynamic(f"more than {MOST} operations")
    found = search(linear, request.seed.order)
    body, blocks = work.lowered(linear, found, outs)
    table, owners = table_of(request, arguments, result, len(blocks))
    owned = [p for p in func.body.params if p.hint in owners]
    made = replace(body, body=replace(body.body, results=(*blocks, *owned)))
    notes = {k: v for k, v in func.notes.items() if k != "mirror"}
    made = verified(replace(made, notes=notes), "structured")
    return tidy(made, stages, "structured", [], PURE), table, found


class _Structured:
    def __init__(
        self, func: Func, wrt: list[Leaf], request: Request, outside: Mapping[str, Any]
    ) -> None:
        self.func, self.wrt, self.hessian = func, wrt, request.what == "hessian"
        self.dots = [Var(f"{x.var.hint}_dot", x.var.type) for x in wrt]
        pairs = zip((x.var for x in wrt), self.dots, strict=True)
        self.moving = forward(func, dict(pairs))
        values = {**outside, **request.seed.sample}
        given = {p: values[n] for p, n in zip(func.body.params, func.names, strict=True)}
        for leaf, dot in zip(wrt, self.dots, strict=True):
            given[dot] = ops.part(given[leaf.owner], leaf.path)
        self.known = Known(self.moving, given)

    def linear(self, outs: list[int]) -> Linear:
        """The graph of the tangents."""
        values = self.func.body.results
        made = self.known.results[len(values) :]
        for dot in (*self.dots, *(r for r in made if isinstance(r, Var))):
            check(dot)
        assert len(made) == len(outs)
        linear = linearise(self.known, self.dots, made)
        selects = any(t.value.op in ("mask", "not") for e in linear.edges.values() for t in e)
        if selects:
            ranges = Ranges(self.func.body)
            if any(isinstance(s, Eqn) and is_singular(ranges, s) for s in self.func.body.stmts):
                raise Singular("a choice next to a function that is singular somewhere")
        return linear

    def lowered(self, linear: Linear, found: Found, outs: list[int]) -> tuple[Func, list[Atom]]:
        """The program without its tangents, and the blocks of the matrix."""
        stmts, marks = self.primal(linear)
        work = Lowering(stmts)
        blocks: list[Atom] = []
        names = [named(self.func.body.results[k]) for k in outs]
        if self.hessian:
            names = [x.var.hint for x in self.wrt]
        for j, k, name in zip(linear.sinks, outs, names, strict=True):
            y = self.known.shape(self.known.results[k])
            for i, x, dot in zip(linear.sources, self.wrt, self.dots, strict=True):
                shape = y + self.known.shape(dot)
                terms = found.edges.get((i, j), ())
                blocks.append(block(work, terms, shape, f"{name}_{x.var.hint}"))
        body = Block(self.func.body.params, tuple(stmts), tuple(blocks))
        body = substitute(body, marks)
        return replace(self.moving, body=body), list(body.results)

    def primal(self, linear: Linear) -> tuple[list[Stmt], dict[Var, Atom]]:
        """The statements that do not move, and what is marked as a constant in them."""
        moving = set(self.dots)
        stmts: list[Stmt] = []
        marks: dict[Var, Atom] = {}
        for s in self.known.stmts:
            if s.op is still:
                marks[s.out] = s.args[0]
            elif moving.intersection(s.args):
                moving.add(s.out)
            else:
                stmts.append(s)
        return stmts, marks
