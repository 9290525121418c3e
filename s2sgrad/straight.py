"""A Jacobian or Hessian as one straight function, in the cheapest order of products that is found.

For arguments of known, small shapes: the program is followed number by number (`elimination`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from s2sgrad.elimination.accumulate import accumulate, derivative_names, linearise
from s2sgrad.elimination.count import kept, reachable
from s2sgrad.elimination.edges import Whole
from s2sgrad.elimination.greedy import reverse
from s2sgrad.elimination.lower import Lowering
from s2sgrad.elimination.report import Report, counted
from s2sgrad.elimination.scalars import trace
from s2sgrad.elimination.search import Found, Order, Program, modes, search
from s2sgrad.elimination.table import Dynamic, Input, Table, Value
from s2sgrad.emit.results import Result
from s2sgrad.front.arguments import Arguments, wanted
from s2sgrad.front.values import Value as Parsed
from s2sgrad.front.values import leaves
from s2sgrad.ir import ops
from s2sgrad.ir.graph import Atom, Eqn, Form, Func, Hole, Pack, Stmt, Var
from s2sgrad.ir.types import FLOAT, Array, Scalar
from s2sgrad.matrices import table_of
from s2sgrad.passes.saturating import saturating
from s2sgrad.pipeline import PURE, Stages, tidy
from s2sgrad.request import Request

# Operations: beyond, a loop over rows or columns of array code is shorter, and as fast.
MOST = 600
MOST_ASKED = 4000  # if an order was asked for
Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Straight:
    """What is asked for: the shapes of the arguments, and the order of products.

    `order` is a name, or a sequence of vertices and edges: see `elimination/search`.
    """

    shapes: tuple[tuple[str, Shape], ...]
    order: Order = "auto"


def exact_shapes(types: Mapping[str, Any]) -> tuple[tuple[str, Shape], ...] | None:
    """The shapes of arguments of these types; None unless all are known, and of float64."""
    found = []
    for name, t in types.items():
        if isinstance(t, Array) and t.char == "d":
            shape = tuple(d for d in t.shape if isinstance(d, int))
            if len(shape) < len(t.shape):
                return None
            found.append((name, shape))
        elif t != FLOAT:
            return None
    return tuple(found)


def straight(
    func: Func, arguments: Arguments, request: Request, result: Parsed, stages: Stages
) -> tuple[Func, Result]:
    """The function that computes the whole matrix, and the structure of what it returns.

    Its note `report` tells what it takes.  Raises `Dynamic` where the program cannot be followed
    number by number, or is long.
    """
    func = tidy(func, stages, "parse", list(func.body.params), PURE)
    order = request.seed.order
    if order == "auto" and saturating(func.body):
        raise Dynamic("an exponential that may overflow in a denominator")
    work = _Straight(func, arguments, request, leaves(result) or [])
    most = MOST if order == "auto" else MOST_ASKED
    program = work.program()
    work.refuse_long(program, most)
    others = modes(program, work.hessian)
    _refuse_many(others.values(), 1.2 * most)
    found = search(program, order, work.hessian)
    _refuse_many([found], most)
    blocks, stmts = work.lowered(found)
    counts = {name: counted(work.lowered(other)[1]) for name, other in others.items()}
    report = Report(request.what.capitalize(), order, found, counted(stmts), counts)
    shape, owners = table_of(request, arguments, result, len(blocks))
    owned = [p for p in func.body.params if p.hint in owners]
    body = replace(func.body, stmts=tuple(stmts), results=(*blocks, *owned))
    notes = {k: v for k, v in func.notes.items() if k != "mirror"}
    return replace(func, body=body, notes={**notes, "report": report}), shape


def _refuse_many(found: Iterable[Found], most: float) -> None:
    least = min(sum(one.operations.values()) for one in found)
    if least > most:
        raise Dynamic(f"{least} operations: a loop over rows or columns is shorter")


class _Straight:
    def __init__(
        self, func: Func, arguments: Arguments, request: Request, results: Sequence[Any]
    ) -> None:
        self.func, self.results = func, results
        self.hessian = request.what == "hessian"
        self.asked = request.seed.order != "auto"
        self.shapes = dict(request.seed.shapes)
        self.wrt = [x.var for x in request.leaves(arguments) if wanted(x)]
        self.elements: list[tuple[Var, Shape]] = []  # the inputs: an element of a parameter each
        self.outs: list[Shape] = []

    # -- the program on symbols

    def program(self) -> Program:
        """The program, and for a Hessian its gradient, on symbols."""

        def run(table: Table) -> tuple[list[int], list[Value]]:
            self.elements, self.outs = [], []
            args = [self.argument(p, table) for p in self.func.body.params]
            given = dict(zip(self.func.body.params, args, strict=True))
            wrt = [v.mono[0][0] for p in self.wrt for v in np.ravel(given[p])]
            found = trace(self.func, args, table, self.asked)
            values = [table.value(v) for r in found for v in np.ravel(self.result(r))]
            if not self.hessian:
                return wrt, values
            table.naming = False
            if len(values) != 1 or self.outs != [()]:
                raise Dynamic("a Hessian of something else than one number")
            self.outs = [self.shape(p) for p in self.wrt]
            linear = linearise(table, wrt, values)
            (row,) = accumulate(linear, map(Whole, reverse(linear.graph)))
            return wrt, [table.value(0.0) if v is None else v for v in row]

        return run

    def refuse_long(self, program: Program, most: int) -> None:
        """Long code is not worth the search."""
        table = Table()
        wrt, outs = program(table)
        if len(table.bases) - len(wrt) > most or len(wrt) * len(outs) > most:
            raise Dynamic(f"more than {most} operations")

    def argument(self, p: Var, table: Table) -> Any:
        """The symbols of a parameter; what is no float is nothing that can be computed with."""
        t = p.type
        if isinstance(t, Scalar) and t.kind == "float":
            return self.element(p, (), table)
        if isinstance(t, Array) and t.char == "d" and p.hint in self.shapes:
            shape = self.shape(p)
            made = np.empty(shape, object)
            for index in np.ndindex(shape):
                made[index] = self.element(p, index, table)
            return made
        return _Opaque()

    def shape(self, p: Var) -> Shape:
        return self.shapes.get(p.hint, ()) if isinstance(p.type, Array) else ()

    def element(self, p: Var, index: Shape, table: Table) -> Value:
        self.elements.append((p, index))
        hint = "_".join([p.hint, *map(str, index)])
        return table.input(len(self.elements) - 1, hint)

    def result(self, r: Any) -> Any:
        if not isinstance(r, Value | np.ndarray | float):
            raise Dynamic("a result that is no float")
        made = np.asarray(r, object)
        if not made.size:
            raise Dynamic("a result without elements")
        self.outs.append(made.shape)
        return made

    # -- the matrix as equations

    def lowered(self, found: Found) -> tuple[list[Atom], list[Stmt]]:
        """The blocks of the matrix, results outside, arguments inside."""
        rows = found.rows
        if self.hessian:  # symmetric: what is right of the diagonal stands for what is left of it
            n = range(len(rows))
            rows = [[rows[min(i, j)][max(i, j)] for j in n] for i in n]
        used = found.entries(self.hessian)
        inputs, stmts = self.reads(found.table, used)
        work = Lowering(found.table, used, inputs)
        for v in kept(found.table, [v for row in rows for v in row if v is not None]):
            work.keep(v)
        blocks: list[Atom] = []
        i = 0
        for out in self.outs:
            high, j = i + math.prod(out), 0
            for p in self.wrt:
                shape = self.shape(p)
                wide = j + math.prod(shape)
                cells = [work.cell(v) for row in rows[i:high] for v in row[j:wide]]
                blocks.append(_block(cells, (*out, *shape), work.stmts))
                j = wide
            i = high
        work.name(derivative_names(found.linear, found.steps), blocks)
        return blocks, [*stmts, *work.stmts]

    def reads(self, table: Table, used: list[Value]) -> tuple[dict[int, Atom], list[Stmt]]:
        """The elements of the arguments that are needed, read at the top."""
        inputs: dict[int, Atom] = {}
        stmts: list[Stmt] = []
        for base in reachable(table, used):
            made = table.bases[base]
            if isinstance(made, Input):
                p, index = self.elements[made.number]
                inputs[made.number] = p
                if isinstance(p.type, Array):
                    out = Var(table.hints[base], FLOAT)
                    key = index if len(index) > 1 else index[0] if index else ()
                    stmts.append(Eqn(out, ops.getitem, (p,), Form((Hole(0), key))))
                    inputs[made.number] = out
        return inputs, stmts


class _Opaque:
    """What is no float: nothing that depends on it can be followed."""

    def __getattr__(self, name: str) -> Any:
        return self._asked()

    def _asked(self, *_: Any, **__: Any) -> Any:
        raise Dynamic("a value that is known only when the program runs")

    __bool__ = __index__ = __array__ = __array_ufunc__ = __array_function__ = _asked
    __add__ = __sub__ = __mul__ = __truediv__ = __pow__ = __neg__ = __mod__ = _asked
    __radd__ = __rsub__ = __rmul__ = __rtruediv__ = __rpow__ = __rmod__ = _asked
    __floordiv__ = __rfloordiv__ = __lt__ = __le__ = __gt__ = __ge__ = __eq__ = __ne__ = _asked
    __len__ = __iter__ = __getitem__ = __call__ = _asked


def _block(cells: list[Atom], shape: Shape, stmts: list[Stmt]) -> Atom:
    """An array of this shape, or the number."""
    if not shape:
        return cells[0]
    numbers = iter(range(len(cells)))

    def listed(shape: Shape) -> Pack:
        n, *rest = shape
        return Pack(
            "list",
            tuple(listed(tuple(rest)) if rest else Hole(next(numbers)) for _ in range(n)),
        )

    out = Var("", Array("d", shape))
    stmts.append(Eqn(out, np.array, tuple(cells), Form((listed(shape),))))
    return out
