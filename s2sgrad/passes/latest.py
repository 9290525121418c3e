"""Who asks for the shape of an array asks its latest version: the older ones need no name then."""

from __future__ import annotations

from collections import ChainMap
from dataclasses import replace

from s2sgrad.ir.alias import WRITES, shape_only
from s2sgrad.ir.graph import Atom, Block, Branch, Eqn, Func, Loop, Stmt, Var

Later = ChainMap[Var, Var]


def latest(func: Func) -> Func:
    """`func`, whose shape-only operands are versions that were not yet written to."""
    return replace(func, body=_block(func.body, ChainMap()))


def _block(block: Block, later: Later) -> Block:
    inner = later.new_child()
    return replace(block, stmts=tuple(_stmt(s, inner) for s in block.stmts))


def _stmt(s: Stmt, later: Later) -> Stmt:
    if isinstance(s, Eqn):
        skip = shape_only(s)
        args = tuple(_newest(a, later) if k in skip else a for k, a in enumerate(s.args))
        if s.op in WRITES and isinstance(s.args[0], Var):
            later[s.args[0]] = s.out
        return replace(s, args=args) if args != s.args else s
    if isinstance(s, Branch):
        then, orelse = _block(s.then, later), _block(s.orelse, later)
        return replace(s, then=then, orelse=orelse)
    inner = later.new_child()
    kept = [k for k in range(len(s.carried)) if _only_written(s.body, k)]
    for k in kept:
        init = s.carried[k]
        if isinstance(init, Var):
            inner[init] = s.body.params[1 + k]
            later[init] = s.outs[k]
    return replace(s, body=_block(s.body, inner))


def _newest(a: Atom, later: Later) -> Atom:
    while isinstance(a, Var) and a in later:
        a = later[a]
    return a


def _only_written(body: Block, k: int) -> bool:
    """Is what the body hands on in slot `k` the array that it was handed, written to?"""
    made: dict[Atom, Stmt] = {}
    for s in body.stmts:
        made.update((v, s) for v in ((s.out,) if isinstance(s, Eqn) else s.outs))
    r: Atom = body.results[k]
    while r in made:
        s = made[r]
        if isinstance(s, Eqn) and s.op in WRITES:
            r = s.args[0]
        elif isinstance(s, Loop) and s.outs.index(r) < len(s.carried):
            k_inner = s.outs.index(r)
            if not _only_written(s.body, k_inner):
                return False
            r = s.carried[k_inner]
        else:
            return False
    return r is body.params[1 + k]
