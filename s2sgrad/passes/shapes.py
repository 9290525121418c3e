"""Who asks a taped value for its shape alone asks another value that surely has the same.

Such are the arguments, and the cotangents that the mirror carries: `np.zeros_like(x_bar)` needs no
tape of `x`.  Extents are compared by the types: two values of one symbol have one length.
"""

from __future__ import annotations

from collections import ChainMap, Counter
from dataclasses import replace

from s2sgrad.ir.alias import SHAPE_ONLY
from s2sgrad.ir.graph import (
    UNDEF,
    Atom,
    Block,
    Branch,
    Eqn,
    Func,
    Lit,
    Loop,
    Range,
    Stmt,
    Undef,
    Var,
)
from s2sgrad.ir.types import Array, Type
from s2sgrad.ir.walk import bound_by

At_hand = ChainMap[Type, Var]


def shapes(func: Func) -> Func:
    """`func`, whose tapes are not kept for a shape that some other value has."""
    one = _Shapes(func)
    params = {p.type: p for p in reversed(func.body.params) if _is_known(p)}
    return replace(func, body=one.block(func.body, ChainMap(params), False))


class _Shapes:
    def __init__(self, func: Func) -> None:
        self.read: Counter[Atom] = Counter()  # uses of the contents
        self.unsure: set[Atom] = {UNDEF}  # what may be unbound
        self.doubt(func.body)
        self.count(func.body)

    def doubt(self, block: Block) -> None:
        """What a path may leave unbound has no shape there."""
        for s in block.stmts:
            if isinstance(s, Branch):
                self.doubt(s.then)
                self.doubt(s.orelse)
                each = zip(s.outs[: s.joined], s.then.results, s.orelse.results, strict=False)
                self.unsure.update(v for v, *arms in each if any(map(self.is_unsure, arms)))
            elif isinstance(s, Loop):
                slots = list(zip(s.body.params[1:], s.outs, s.carried, strict=False))
                self.unsure.update(v for p, o, a in slots if self.is_unsure(a) for v in (p, o))
                self.doubt(s.body)
                made = zip(s.outs, s.body.results, strict=False)
                self.unsure.update(o for o, r in made if self.is_unsure(r))

    def is_unsure(self, a: Atom) -> bool:
        return a in self.unsure or (isinstance(a, Lit) and isinstance(a.value, Undef))

    def count(self, block: Block) -> None:
        for s in block.stmts:
            if isinstance(s, Eqn):
                skip = SHAPE_ONLY.get(s.op, ())
                self.read.update(a for k, a in enumerate(s.args) if k not in skip)
            elif isinstance(s, Branch):
                self.read.update((s.test, *s.walked[0], *s.walked[1]))
                self.count(s.then)
                self.count(s.orelse)
            else:
                self.read.update((*s.carried, *s.walked))
                if not isinstance(s.over, Range):
                    self.count(s.over.test)
                self.count(s.body)
        self.read.update(block.results)

    def block(self, block: Block, around: At_hand, inner: bool) -> Block:
        here = around.new_child()
        for p in block.params:
            if inner and _is_known(p) and self.read[p] and p not in self.unsure:
                here.setdefault(p.type, p)
        stmts = []
        for s in block.stmts:
            stmts.append(self.stmt(s, here, inner))
            for v in bound_by(s):
                if v in self.unsure or not (_is_known(v) and self.read[v]):
                    continue
                if inner or not isinstance(s, Eqn):
                    here.setdefault(v.type, v)
        return replace(block, stmts=tuple(stmts))

    def stmt(self, s: Stmt, here: At_hand, inner: bool) -> Stmt:
        if isinstance(s, Branch):
            then, orelse = (self.block(arm, here, True) for arm in s.arms)
            return replace(s, then=then, orelse=orelse)
        if isinstance(s, Loop):
            return replace(s, body=self.block(s.body, here, True))
        skip = SHAPE_ONLY.get(s.op, ()) if inner else ()
        if not skip:
            return s
        args = tuple(self.same(a, here) if k in skip else a for k, a in enumerate(s.args))
        return replace(s, args=args)

    def same(self, a: Atom, here: At_hand) -> Atom:
        if not isinstance(a, Var) or self.read[a] or not _is_known(a):
            return a
        return here.get(a.type, a)


def _is_known(v: Var) -> bool:
    """An array of which each extent has a name?"""
    t = v.type
    return isinstance(t, Array) and not t.loose and "?" not in t.shape
