"""Which operations on arrays may run in place.

`additem(x, p, g)` and `x + g` may write into `x` when nobody else will read that memory: `x` was
made by this function, and on each path this is its only use.  What is not proved gets a copy.
"""

from __future__ import annotations

import operator
from collections import defaultdict

import numpy as np

from s2sgrad.front.infer import fits
from s2sgrad.ir import ops
from s2sgrad.ir.graph import Atom, Block, Branch, Eqn, Func, Loop, Stmt, Var, atom_type
from s2sgrad.ir.types import Array, Unknown

Place = tuple[tuple[int, int], ...]  # the (statement, arm) pairs from the outside in; arm 2: a loop

_FRESH = {
    operator.add,
    operator.sub,
    operator.mul,
    operator.truediv,
    operator.neg,
    operator.matmul,
    ops.zeros_like,
    ops.additem,
    ops.broadcast_like,
}


def in_place(func: Func) -> set[Eqn]:
    """The equations of `func` that may write into their first operand."""
    return _Ownership(func).answer()


class _Ownership:
    def __init__(self, func: Func) -> None:
        self.made: dict[Var, Eqn] = {}
        self.param: dict[Var, tuple[Loop, int]] = {}
        self.joined: dict[Var, tuple[Branch, int]] = {}
        self.home: dict[Var, Place] = {}
        self.uses: dict[Var, list[Place]] = defaultdict(list)
        self.writes: list[Eqn] = []
        self.exclusive: dict[Var, bool] = {}
        self.read(func.body, ())

    def answer(self) -> set[Eqn]:
        return {e for e in self.writes if isinstance(e.args[0], Var) and self.owned(e.args[0])}

    def use(self, atoms: tuple[Atom, ...], place: Place) -> None:
        for a in atoms:
            if isinstance(a, Var):
                self.uses[a].append(place)

    def read(self, block: Block, place: Place) -> None:
        for p in block.params:
            self.home[p] = place
        for s in block.stmts:
            self.read_stmt(s, place)
        self.use(block.results, place)

    def read_stmt(self, s: Stmt, place: Place) -> None:
        if isinstance(s, Eqn):
            self.made[s.out], self.home[s.out] = s, place
            self.use(s.args, place)
            if s.op is ops.additem or _accumulates(s):
                self.writes.append(s)
            return
        for v in s.outs:
            self.home[v] = place
        if isinstance(s, Branch):
            self.use((s.test, *s.walked[0], *s.walked[1]), place)
            self.joined.update({v: (s, k) for k, v in enumerate(s.outs[: s.joined])})
            for k, arm in enumerate(s.arms):
                self.read(arm, (*place, (id(s), k)))
            return
        n = len(s.carried)
        for k, p in enumerate(s.body.params[1 : n + 1]):
            self.param[p] = self.param[s.outs[k]] = (s, k)
        self.use((*s.carried, *s.walked), place)
        self.read(s.body, (*place, (id(s), 2)))

    def owned(self, v: Var) -> bool:
        """Does `v` own its memory, and is it used once at most on each path?"""
        if v not in self.exclusive:
            self.exclusive[v] = True  # assumed, while what it depends on is looked at
            self.exclusive[v] = self.used_once(v) and self.fresh(v)
        return self.exclusive[v]

    def fresh(self, v: Var) -> bool:
        if v in self.made:
            made = self.made[v]
            if not isinstance(v.type, Array):
                # What is subscripted is an array, whatever else is known of it.
                return isinstance(v.type, Unknown) and made.op in (ops.zeros_like, ops.additem)
            if made.op is ops.additem:
                # in place it hands on its operand's memory, else it makes a copy
                return True
            return made.op in _FRESH or isinstance(made.op, np.ufunc)
        sources: tuple[Atom, ...] = ()
        if v in self.param:
            loop, k = self.param[v]
            sources = loop.carried[k], loop.body.results[k]
        elif v in self.joined:
            branch, k = self.joined[v]
            sources = branch.then.results[k], branch.orelse.results[k]
        return bool(sources) and all(isinstance(a, Var) and self.owned(a) for a in sources)

    def used_once(self, v: Var) -> bool:
        """No use in a loop that does not bind `v`, and no two uses on one path."""
        home, places = self.home[v], self.uses[v]
        if any(arm == 2 for p in places for _, arm in p[len(home) :]):
            return False
        return not any(_meet(p, q) for i, p in enumerate(places) for q in places[i + 1 :])


def _accumulates(s: Eqn) -> bool:
    """`a + b`, where `b` does not widen `a`: it may run as `a += b`."""
    if s.op not in (operator.add, operator.sub, operator.mul) or s.form is not None:
        return False
    t = atom_type(s.args[0])
    out = s.out.type
    return (
        isinstance(t, Array)
        and isinstance(out, Array)
        and t.char == out.char
        and bool(fits(t, out))
    )


def _meet(p: Place, q: Place) -> bool:
    """May both places be visited in one run?  Not the two arms of one branch."""
    for (s, a), (t, b) in zip(p, q, strict=False):
        if s != t:
            return True
        if a != b:
            return False
    return True
