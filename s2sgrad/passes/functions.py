"""What rules ask of the functions among their operands (`rules/functions`): their derivatives.

Each is written where the rule stands: values and derivatives of a copy of the function's body, on
the operands of the rule.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from s2sgrad.errors import DifferentiationError, Refusal
from s2sgrad.front.probe import fresh_dim
from s2sgrad.ir import ops
from s2sgrad.ir.build import map_equations, renewed, substitute
from s2sgrad.ir.call import Kept, equations, has_calls
from s2sgrad.ir.graph import (
    Atom,
    Block,
    Eqn,
    Form,
    Func,
    Hole,
    Lit,
    Loop,
    Range,
    Var,
    atom_type,
)
from s2sgrad.ir.types import INT, Array, Scalar, is_differentiable
from s2sgrad.passes.forward import forward
from s2sgrad.passes.lower import LOWERED
from s2sgrad.passes.pushing import dot_hint
from s2sgrad.passes.record import Recorder, StaticFact
from s2sgrad.passes.reverse import reverse
from s2sgrad.rules.functions import TAKES


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
    n = r.call(np.size, (args[k],), {}) if _extent(r, args[k]) is None else _extent(r, args[k])

    def row(inner: Recorder, i: Var) -> Any:
        zeros = inner.atom(inner.call(np.zeros, (n,), {}))
        put = Form((Hole(0), Hole(1), Hole(2)))
        unit = inner.emit(ops.setitem, (zeros, i, Lit(1.0)), put, hint="unit")
        return pull(inner, f, inner.symbol(unit), args, [k])[0]

    return by_rows(r, n, n, row, "jac")


def rows(r: Recorder, f: Kept, t_first: bool, times: Any, y: Any, args: Sequence[Any]) -> Any:
    """The slopes at points of a solution."""

    def row(inner: Recorder, i: Var) -> Any:
        k = inner.symbol(i)
        pair = [inner.call(ops.getitem, (x, k), {}) for x in (times, y)]
        return value(inner, f, [*(pair if t_first else pair[::-1]), *args])

    m, n = (r.call(np.size, (y, axis), {}) for axis in (0, 1))
    return by_rows(r, m, n, row, "slopes")


def by_rows(r: Recorder, m: Any, n: Any, row: Callable[[Recorder, Var], Any], hint: str) -> Any:
    """A matrix that a loop fills row by row."""
    start = r.atom(r.call(np.zeros, ((m, n),), {}))
    i, before = Var("i", INT), Var(hint, atom_type(start))
    inner = Recorder([])
    inner.at = r.at
    made = inner.atom(row(inner, i))
    put = Form((Hole(0), Hole(1), Hole(2)))
    after = inner.emit(ops.setitem, (before, i, made), put, hint=hint)
    out = Var(hint, before.type)
    body = Block((i, before), tuple(inner.stmts), (after,))
    r.stmts.append(Loop((out,), Range(Lit(0), r.atom(m), Lit(1)), (start,), (), body, r.at))
    return r.symbol(out)


def _extent(r: Recorder, x: Any) -> int | None:
    """The length of a vector, where it is known."""
    t = atom_type(r.atom(x))
    return t.shape[0] if isinstance(t, Array) and isinstance(t.shape[0], int) else None


# -- functions of the emitted module


def made(
    f: Kept, name: str, func: Func, results: Sequence[Atom], extra: Sequence[Var] = ()
) -> Kept:
    """A function that is derived from `f`: it takes `extra` as well."""
    body = Block((*func.body.params, *extra), func.body.stmts, tuple(results))
    names = [*f.body.names]
    for v in extra:
        n, own = 1, v.hint
        while own in names:
            n += 1
            own = f"{v.hint}{n}"
        names.append(own)
    return Kept(name, replace(func, name=name, body=body, names=tuple(names), notes={}), True)


def slope(r: Recorder, f: Kept, args: Sequence[Any], k: int) -> Kept:
    """The function of a cotangent for 1.0."""
    func = copied(f, r)
    back = reverse(func, [func.body.params[k]], [Lit(1.0)], ())
    return made(f, f"{f.name}_{_plain(f.body.names[k])}", back, back.body.results[-1:])


def weighted(r: Recorder, f: Kept, args: Sequence[Any], k: int, g: Any) -> Kept:
    """The function of a cotangent for one that it is given."""
    func = copied(f, r)
    seed = Var("g", atom_type(func.body.results[0]))
    back = reverse(func, [func.body.params[k]], [seed], ())
    return made(f, f"{f.name}_{_plain(f.body.names[k])}_bar", back, back.body.results[-1:], [seed])


def moved(r: Recorder, f: Kept, args: Sequence[Any], moving: Sequence[int]) -> Kept:
    """The function of a tangent."""
    func = copied(f, r)
    params = [func.body.params[k] for k in moving]
    dots = {p: Var(dot_hint(p) or "dot", p.type) for p in params}
    front = forward(func, dots)
    return made(f, f"{f.name}_dot", front, front.body.results[-1:], [*dots.values()])


def half_square(r: Recorder, f: Kept, args: Sequence[Any]) -> Kept:
    """Half the sum of the squares."""
    func = copied(f, r)
    row = Recorder([])
    v = row.symbol(func.body.results[0])
    half = row.atom(0.5 * row.call(np.sum, (v * v,), {}))
    block = replace(func.body, stmts=(*func.body.stmts, *row.stmts))
    return made(f, f"{f.name}_square", replace(func, body=block), [half])


def is_reversed_once(func: Func) -> bool:
    """Does it solve a differential equation, whose adjoint is differentiated no more?"""
    return any(e.op in TAKES and TAKES[e.op].once for e in equations(func.body))


def doubled(
    r: Recorder, f: Kept, args: Sequence[Any], at: int, tangents: Sequence[Any]
) -> tuple[Kept, list[Any]]:
    """The slope of a solution and its tangent."""
    func = copied(f, r)
    params = func.body.params
    state, others = params[at], params[2:]
    whole = Var(state.hint, Array("d", (fresh_dim(),)))
    head = Recorder([])
    z = head.symbol(whole)
    n = head.call(operator.floordiv, (head.call(np.size, (z,), {}), 2), {})
    y, dot = head.atom(_part(head, z, None, n)), head.atom(_part(head, z, n, None))
    moving = [(p, t) for p, t in zip(others, tangents, strict=True) if t is not None]
    dots = {p: Var(dot_hint(p) or "dot", p.type) for p, _ in moving if is_differentiable(p.type)}
    front = forward(func, {state: dot, **dots})
    body = substitute(front.body, {state: y})
    tail = Recorder([])
    parts = [tail.symbol(a) for a in body.results[-2:]]
    packed = tail.atom(tail.call(np.concatenate, (parts,), {}))
    block = Block(
        tuple(whole if p is state else p for p in params),
        (*head.stmts, *body.stmts, *tail.stmts),
        (),
    )
    new = made(f, f"{f.name}_dual", replace(func, body=block), [packed], [*dots.values()])
    return new, [t for p, t in moving if p in dots]


def pull_packed(
    r: Recorder, adjoint: Any, f: Kept, t_first: bool, y0: Any, times: Any, y: Any, g: Any,
    args: Any, method: str, rtol: Any, atol: Any,
) -> list[Any]:  # fmt: skip
    """The cotangents of the start, of the parameters, and of the times."""
    func = copied(f, r)
    time, state = func.body.params[:2] if t_first else func.body.params[1::-1]
    others = func.body.params[2:]
    live = [p for p in others if is_differentiable(p.type)]
    seed = Var("a", state.type)
    back = reverse(func, [state, *live], [seed], ())
    row = Recorder([])
    bars = [row.symbol(b) for b in back.body.results[1:]]
    flat = [_flat(row, b, p) for b, p in zip(bars, (state, *live), strict=True)]
    packed = row.atom(row.call(np.concatenate, (flat,), {}) if live else bars[0])
    params = (time, state, seed, *others)
    block = Block(params, (*back.body.stmts, *row.stmts), (packed,))
    names = f.body.names
    first = names[:2] if t_first else names[1::-1]
    own = next(n for n in ("a", "a_bar", "adjoint") if n not in names)
    pulled = Func(f"{f.name}_bar", block, (*first, own, *names[2:]), func.file)
    given = (
        f,
        Kept(pulled.name, pulled, True),
        t_first,
        y0,
        times,
        y,
        g,
        tuple(args),
        method,
        rtol,
        atol,
    )
    atoms: list[Atom] = []
    form = Form(tuple(r.template(v, atoms) for v in given))
    whole = Var("bars", Array("d", (fresh_dim(),)))
    r.stmts.append(Eqn(whole, adjoint, tuple(atoms), form, r.at))
    return _unpacked(r, r.symbol(whole), y0, args, [p in live for p in others])


def _flat(r: Recorder, bar: Any, p: Var) -> Any:
    """The elements of a cotangent, in one row."""
    if not isinstance(p.type, Array | Scalar):
        raise StaticFact("the rank of an operand")
    if isinstance(p.type, Scalar):
        return r.call(np.array, ([bar],), {})
    return bar if len(p.type.shape) == 1 else r.call(np.ravel, (bar,), {})


def _unpacked(r: Recorder, whole: Any, y0: Any, args: Any, live: Sequence[bool]) -> list[Any]:
    """The parts of a row: those of the parameters in their shapes."""
    at: Any = _size(r, y0)
    start, bars = _part(r, whole, None, at), []
    for p, on in zip(args, live, strict=True):
        t = atom_type(r.atom(p))
        if not on:
            bars.append(0.0)
        elif isinstance(t, Array):
            stop = at + _size(r, p)
            part = _part(r, whole, at, stop)
            bars.append(part if len(t.shape) == 1 else r.call(ops.reshape_like, (part, p), {}))
            at = stop
        else:
            bars.append(r.call(ops.getitem, (whole, at), {}))
            at = at + 1
    return [start, tuple(bars), _part(r, whole, at, None)]


def _part(r: Recorder, x: Any, start: Any, stop: Any) -> Any:
    """`x[start:stop]`."""
    return r.call(ops.getitem, (x, slice(start, stop)), {})


def _size(r: Recorder, x: Any) -> Any:
    """The number of elements: a number where it is known."""
    t = atom_type(r.atom(x))
    if isinstance(t, Array) and all(isinstance(d, int) for d in t.shape):
        return math.prod(t.shape)
    return r.call(np.size, (x,), {})


def _plain(name: str) -> str:
    return name.strip("_")


ASKED = (
    pull, push, value, jacobian, rows, slope, weighted, moved, half_square, pull_packed, doubled,
)  # fmt: skip
LOWERED.update({one.__name__: one for one in ASKED})
