"""Which arm of a `try` ran: a flag that the mirror of the branch asks for."""

from __future__ import annotations

from dataclasses import replace

from s2sgrad.ir.graph import Block, Branch, Func, Lit, Loop, Stmt, Var, is_attempt
from s2sgrad.ir.types import BOOL


def with_flags(func: Func) -> Func:
    """Each `try` of the function joins a flag: was its first arm run to the end?"""
    body = _flagged(func.body)
    return func if body is func.body else replace(func, body=body)


def flag_of(s: Branch) -> Var:
    """The flag among what a `try` joins."""
    return s.outs[next(k for k in range(s.joined) if _is_flag(s, k))]


def _is_flag(s: Branch, k: int) -> bool:
    a, b = s.then.results[k], s.orelse.results[k]
    return isinstance(a, Lit) and isinstance(b, Lit) and a.value is True and b.value is False


def _flagged(block: Block) -> Block:
    stmts = tuple(map(_stmt, block.stmts))
    same = all(a is b for a, b in zip(stmts, block.stmts, strict=True))
    return block if same else replace(block, stmts=stmts)


def _stmt(s: Stmt) -> Stmt:
    if isinstance(s, Loop):
        body = _flagged(s.body)
        return s if body is s.body else replace(s, body=body)
    if not isinstance(s, Branch):
        return s
    then, orelse = map(_flagged, s.arms)
    if (then, orelse) != s.arms:
        s = replace(s, then=then, orelse=orelse)
    if not is_attempt(s.test) or any(_is_flag(s, k) for k in range(s.joined)):
        return s
    n = s.joined
    arms = [
        replace(arm, results=(*arm.results[:n], Lit(value), *arm.results[n:]))
        for arm, value in zip(s.arms, (True, False), strict=True)
    ]
    outs = (*s.outs[:n], Var("ok", BOOL), *s.outs[n:])
    return replace(s, outs=outs, then=arms[0], orelse=arms[1], joined=n + 1)
