"""What rules ask of the functions among their operands (`rules/functions`): their derivatives.

Each is written where the rule stands: values and derivatives of a copy of the function's body, on
the operands of the rule.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from s2sgrad.errors import DifferentiationError, Refusal
from s2sgrad.ir import ops
from s2sgrad.ir.build import map_equations, renewed, substitute
from s2sgrad.ir.call import Kept, has_calls
from s2sgrad.ir.graph import (
    Atom,
    Block,
    Eqn,
    Form,
    Func,
    Hole,
    Lit,
    Loop,
    Pack,
    Range,
    Var,
    atom_type,
)
from s2sgrad.ir.types import INT, Array, Scalar, is_differentiable
from s2sgrad.passes.forward import forward
from s2sgrad.passes.lower import LOWERED
from s2sgrad.passes.record import Recorder
from s2sgrad.passes.reverse import reverse


def quiet(e: Eqn) -> Eqn:
    """The equation, without what it does besides: it has done that already."""
    return replace(e, effect=False, raises=False) if e.effect or e.raises else e


def copied(f: Kept, r: Recorder) -> Func:
    """The function, of values of its own."""
    func = f.body
    if has_calls(func):
        raise DifferentiationError(
            Refusal(
                f"`{f.name}` calls a function that calls itself, or a long one, and a solver is to "
                "be differentiated that takes it",
                r.at,
                "write it as a loop",
                anchor="solver",
            )
        )
    return replace(func, body=map_equations(renewed(func.body), quiet), notes={})


def written(r: Recorder, made: Func, args: Sequence[Any], count: int) -> list[Any]:
    """The last `count` results of a function, computed where the rule stands."""
    body = made.body
    atoms = dict(zip(body.params, (r.atom(a) for a in args), strict=True))
    block = substitute(body, atoms)
    r.stmts.extend(block.stmts)
    return [r.symbol(a) for a in block.results[len(block.results) - count :]]


def pull(r: Recorder, f: Kept, g: Any, args: Sequence[Any], wrt: Sequence[int]) -> list[Any]:
    """The cotangents of some arguments."""
    func = copied(f, r)
    params = func.body.params
    live = [k for k in wrt if is_differentiable(params[k].type)]
    made = reverse(func, [params[k] for k in live], [r.atom(g)], ())
    found = iter(written(r, made, args, len(live)))
    return [next(found) if k in live else 0.0 for k in wrt]


def push(r: Recorder, f: Kept, args: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """The tangent of the result."""
    func = copied(f, r)
    pairs = zip(func.body.params, tangents, strict=True)
    dots = {p: r.atom(t) for p, t in pairs if t is not None and is_differentiable(p.type)}
    return written(r, forward(func, dots), args, 1)[0]


def value(r: Recorder, f: Kept, args: Sequence[Any]) -> Any:
    """The result."""
    return written(r, copied(f, r), args, 1)[0]


def jacobian(r: Recorder, f: Kept, args: Sequence[Any], k: int = 0) -> Any:
    """The matrix of derivatives, row by row: each is a cotangent for a unit vector."""
    t = atom_type(r.atom(args[k]))
    n: Atom = Lit(t.shape[0]) if isinstance(t, Array) and isinstance(t.shape[0], int) else r.atom(
        r.call(np.size, (args[k],), {})
    )  # fmt: skip
    zeros = Form((Pack("tuple", (Hole(0), Hole(0))),))
    start = r.emit(np.zeros, (n,), zeros)
    i, before = Var("i", INT), Var("jac", atom_type(start))
    row = Recorder([])
    row.at = r.at
    none = row.emit(np.zeros, (n,))
    put = Form((Hole(0), Hole(1), Hole(2)))
    unit = row.emit(ops.setitem, (none, i, Lit(1.0)), put, hint="unit")
    bar = row.atom(pull(row, f, row.symbol(unit), args, [k])[0])
    after = row.emit(ops.setitem, (before, i, bar), put, hint="jac")
    out = Var("jac", before.type)
    body = Block((i, before), tuple(row.stmts), (after,))
    r.stmts.append(Loop((out,), Range(Lit(0), n, Lit(1)), (start,), (), body, r.at))
    return r.symbol(out)


LOWERED.update({"pull": pull, "push": push, "value": value, "jacobian": jacobian})

__all__ = ["Callable", "Scalar", "jacobian", "pull", "push", "value"]
