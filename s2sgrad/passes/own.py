"""A gradient owns its memory: it is no view of an argument, of the value, or of another gradient.

`+x` makes an array of its own and leaves a number a number.
"""

from __future__ import annotations

import operator
from dataclasses import replace

import numpy as np

from s2sgrad.front.infer import is_elementwise
from s2sgrad.ir import ops
from s2sgrad.ir.graph import Atom, Block, Branch, Eqn, Func, Lit, Loop, Stmt, Var
from s2sgrad.ir.types import Scalar
from s2sgrad.rules.helpers import Helper

# They read the others' shapes, or multiply by them.
_FIRST = {ops.unbroadcast, ops.reshape_like, ops.cast_like, ops.getitem, np.expand_dims}
_FRESH = {operator.matmul, ops.broadcast_like, ops.zeros_like, ops.additem}


def own(func: Func, first: int) -> Func:
    """`func`, whose results from `first` on share memory with nothing else that the caller has."""
    origins = _origins(func.body)
    held: set[Var] = set(func.body.params)
    held.update(r for r in func.body.results[:first] if isinstance(r, Var))
    held |= {o for r in func.body.results[:first] for o in _of(r, origins)}
    stmts: list[Stmt] = list(func.body.stmts)
    results: list[Atom] = list(func.body.results[:first])
    for r in func.body.results[first:]:
        sources = _of(r, origins)
        if isinstance(r, Var) and not isinstance(r.type, Scalar) and sources & held:
            copy = Var("", r.type)
            stmts.append(Eqn(copy, operator.pos, (r,)))
            r = copy
        held |= sources
        results.append(r)
    return replace(func, body=Block(func.body.params, tuple(stmts), tuple(results)))


def _of(r: Atom, origins: dict[Var, set[Var]]) -> set[Var]:
    return origins.get(r, {r}) if isinstance(r, Var) else set()


def _origins(body: Block) -> dict[Var, set[Var]]:
    """The values whose memory each value may be: itself alone, if an operation made it anew."""
    found: dict[Var, set[Var]] = {}
    size = -1
    while size != sum(map(len, found.values())):  # loops hand on what later turns make
        size = sum(map(len, found.values()))
        _block(body, found)
    return found


def _hand(v: Var, atoms: tuple[Atom, ...], found: dict[Var, set[Var]]) -> None:
    for a in atoms:
        if not isinstance(a, Lit):
            found.setdefault(v, set()).update(_of(a, found))


def _block(block: Block, found: dict[Var, set[Var]]) -> None:
    for s in block.stmts:
        if isinstance(s, Eqn):
            fresh = s.op in _FRESH or is_elementwise(s.op)
            fresh |= isinstance(s.op, Helper) and s.op.fresh
            if fresh or isinstance(s.out.type, Scalar):
                found[s.out] = {s.out}
            else:
                passes = s.op in _FIRST or isinstance(s.op, Helper)
                _hand(s.out, s.args[:1] if passes else s.args, found)
                found.setdefault(s.out, set()).add(s.out)
        elif isinstance(s, Branch):
            for k, arm in enumerate(s.arms):
                for p, w in zip(arm.params, s.walked[k], strict=True):
                    _hand(p, (w,), found)
                _block(arm, found)
                outs = (*s.outs[: s.joined], *s.collected(k))
                for v, r in zip(outs, arm.results, strict=True):
                    _hand(v, (r,), found)
        else:
            _loop(s, found)


def _loop(s: Loop, found: dict[Var, set[Var]]) -> None:
    n = len(s.carried)
    for p, a in zip(s.body.params[1:], (*s.carried, *s.walked), strict=True):
        _hand(p, (a,), found)
    _block(s.body, found)
    for v, r in zip(s.outs, s.body.results, strict=True):
        _hand(v, (r,), found)
    for k in range(n):
        _hand(s.body.params[1 + k], (s.body.results[k],), found)
        _hand(s.outs[k], (s.carried[k],), found)
