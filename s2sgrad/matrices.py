"""Jacobians and Hessians: what is compiled for them, and the function around it."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import replace

from s2sgrad.emit import expr
from s2sgrad.emit.matrix import Entry, Matrix, Push
from s2sgrad.emit.printer import MARGIN, text
from s2sgrad.emit.results import Display, Result, statement
from s2sgrad.front.arguments import Arguments, Leaf, wanted
from s2sgrad.front.values import Value, leaves
from s2sgrad.ir.call import has_calls
from s2sgrad.ir.graph import Func, Lit, Var, atom_type
from s2sgrad.ir.types import Array, Scalar
from s2sgrad.passes.forward import has_tangent
from s2sgrad.passes.seeds import paired
from s2sgrad.request import Request
from s2sgrad.returned import Owners, structure, tangents

MATRICES = ("jacobian", "hessian")


def directional(request: Request) -> Request:
    """What is compiled for a matrix: a derivative in a direction, by rows if `seed` says so."""
    if request.what == "hessian":
        return replace(request, what="hvp", flat=True, seed=None)
    return replace(request, what="pullback" if request.seed == "rows" else "jvp", flat=True)


def by_rows_or_columns(request: Request, result: Value) -> Request:
    """By rows, where nobody has said and the results are numbers."""
    if request.what != "jacobian" or request.seed is not None:
        return request
    out = paired(result, "")[0] if request.has_aux else result
    numbers = all(isinstance(atom_type(a), Scalar) for a in leaves(out) or ())  # type: ignore[arg-type]
    return replace(request, seed="rows" if numbers else "columns")


def around(
    request: Request,
    arguments: Arguments,
    result: Value,
    funcs: Sequence[Func],
    name: str,
    header: Sequence[str],
    spelling: expr.Spelling,
) -> str:
    """The text of `f_jacobian`; `funcs` are what it calls."""
    args = [_argument(x) for x in request.leaves(arguments) if wanted(x)]
    out, aux = paired(result, name) if request.has_aux else (result, None)
    atoms = [a for a in leaves(result) or () if isinstance(a, Var | Lit)]
    count = len(leaves(out) or ())
    m = Matrix(header, args, {f.name for f in funcs})
    names = [m.unlike("out" if named(a) in m.taken else named(a)) for a in atoms]
    live = [k for k, a in enumerate(atoms[:count]) if has_tangent(a)]
    outs = [Entry(names[k], names[k], atom_type(atoms[k])) for k in live]
    if request.what == "hessian":
        outs, names = args, names[count:]
    if request.seed == "rows":
        halves = (funcs[0].name, funcs[1].name)
        cells = m.by_rows(halves, names, outs, any(map(has_calls, funcs)))
    else:
        dots = funcs[0].names[len(funcs[0].names) - len(args) :]
        push = Push(funcs[0].name, tuple(dots), len(names))
        cells = m.by_columns(push, names, outs, aux is not None)
    rows = request.seed == "rows"
    flat = [
        _cell(cell, y, x, not (y if rows else x).number)
        for y, row in zip(outs, cells, strict=True)
        for x, cell in zip(args, row, strict=True)
    ]
    shown, owners = table_of(request, arguments, out, len(flat))
    values: list[ast.expr] = [*flat, *map(expr.name, owners)]
    if aux is not None:
        shown = Display("tuple", (shown, structure(aux, iter(range(len(values), 1 << 30)))))
        values += map(expr.name, names[-len(leaves(aux) or ()) :])
    spelling.imports.add("import numpy as np")
    for line in statement(shown, values, spelling, text, MARGIN - 4):
        m.line(1, line)
    return "\n".join([f"def {name}({', '.join(header)}):", *m.lines]) + "\n"


def table_of(
    request: Request, arguments: Arguments, out: Value, size: int
) -> tuple[Result, list[str]]:
    """Results outside, arguments inside, and the arguments whose classes are taken."""
    numbers = iter(range(size))
    owners = Owners(arguments, size, numbers)

    def row() -> Result:
        each = [owners.gradient(request.signatures[t.name], t) for t in request.wrt]
        return each[0] if request.bare else Display("tuple", tuple(each))

    def filled(r: Result) -> Result:
        if not isinstance(r, Display):
            return None if r is None else row()
        return replace(r, items=tuple(map(filled, r.items)))

    if request.what == "jacobian":
        shown = filled(tangents(out, iter(range(size))))
    else:
        first = Owners(arguments, size, iter(range(size)))
        first.atoms = owners.atoms
        own = [first.gradient(request.signatures[t.name], t) for t in request.wrt]
        shown = filled(own[0] if request.bare else Display("tuple", tuple(own)))
    return shown, [v.hint for v in owners.atoms]


def _cell(name: str, y: Entry, x: Entry, filled: bool) -> ast.expr:
    """A part; one that was `filled` may have no axes, and is a number then."""
    axes = any(isinstance(e.type, Array) and e.type.shape for e in (y, x))
    part = expr.name(name)
    return ast.UnaryOp(ast.UAdd(), part) if filled and not axes else part


def _argument(x: Leaf) -> Entry:
    return Entry(x.var.hint, text(expr.part(expr.name(x.owner.hint), x.path)), x.var.type)


def named(a: Var | Lit) -> str:
    """What the user calls a result."""
    return a.hint if isinstance(a, Var) and a.hint and not a.hint.startswith(".") else "out"
