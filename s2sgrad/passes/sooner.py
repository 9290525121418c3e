"""Sums over turns take what they add before arrays are written to: `dt_bar += np.sum(g * t)`.

A mirror adds to what it carries at its end.  Where an array that the term is computed from is
written to in between, as `u_bar` is in the mirror of a loop of stores, the term would need a name.
"""

from __future__ import annotations

import operator
from dataclasses import replace

from s2sgrad.ir.alias import WRITES
from s2sgrad.ir.graph import Block, Branch, Eqn, Func, Stmt, Var
from s2sgrad.ir.types import Scalar


def sooner(func: Func) -> Func:
    """`func`, whose sums of numbers stand behind the term that they add, if writes are between."""
    return replace(func, body=_block(func.body))


def _block(block: Block) -> Block:
    stmts: list[Stmt] = []
    at: dict[Var, int] = {}  # what makes a value of this block: its place in `stmts`
    last = -1  # the last write
    params = set(block.params)
    for s in block.stmts:
        if isinstance(s, Branch):
            s = replace(s, then=_block(s.then), orelse=_block(s.orelse))
        elif not isinstance(s, Eqn):
            s = replace(s, body=_block(s.body))
        place = len(stmts)
        if isinstance(s, Eqn):
            if _is_sum(s) and s.args[0] in params and at.get(s.args[1], last) < last:  # type: ignore[arg-type]
                place = at[s.args[1]] + 1  # type: ignore[index]
                at = {v: k + (k >= place) for v, k in at.items()}
                last += 1
            at[s.out] = place
        stmts.insert(place, s)
        if not isinstance(s, Eqn) or s.op in WRITES:
            last = len(stmts) - 1
    return replace(block, stmts=tuple(stmts))


def _is_sum(s: Eqn) -> bool:
    return (
        s.op in (operator.add, operator.sub) and s.form is None and isinstance(s.out.type, Scalar)
    )
