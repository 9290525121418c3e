"""What a loop computes anew in each turn, though it is the same, is computed once before it.

A loop that runs no turn must not meet an exception or a warning of an operation that it would never
have run: so before a loop that may be empty, only arithmetic on Python numbers is moved.  Views
stay where they are read, and so do arrays that are handed on or that somebody writes into.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from s2sgrad.ir import ops
from s2sgrad.ir.graph import Atom, Block, Branch, Eqn, Func, Lit, Loop, Range, Stmt, Var, atom_type
from s2sgrad.ir.types import Array, Scalar
from s2sgrad.passes.prune import has_effect
from s2sgrad.passes.rewrite import Rewriter

_SAFE = {operator.add, operator.sub, operator.mul, operator.neg}
_STAYS = {ops.getitem, np.transpose, np.size, ops.identity, ops.zeros_like, ops.broadcast_like}
_WRITES = {ops.getitem, ops.setitem, ops.additem}


def hoist(func: Func) -> Func:
    """`func` with the invariants of its loops before them."""
    return _Hoist(func).run()


class _Hoist(Rewriter):
    def __init__(self, func: Func) -> None:
        super().__init__(func)
        self.shared = set(_handed(func.body))

    def eqn(self, s: Eqn) -> Eqn | Atom:
        return s

    def loop(self, s: Loop) -> Stmt:
        made = super().loop(s)
        assert isinstance(made, Loop)
        surely = runs(made)
        if not isinstance(made.over, Range):
            # The test runs once at least, whatever it is.
            test = self.lifted(made.over.test, made.over.test.params, True)
            made = replace(made, over=replace(made.over, test=test))
        return replace(made, body=self.lifted(made.body, made.body.params, surely))

    def lifted(self, block: Block, params: tuple[Var, ...], surely: bool) -> Block:
        """The block without what does not depend on it, which goes before the loop."""
        inside = set(params)
        kept: list[Stmt] = []
        for s in block.stmts:
            if isinstance(s, Eqn):
                if not any(a in inside for a in s.args) and self.may_move(s, surely):
                    self.add(s)
                    continue
                inside.add(s.out)
                surely = surely and not (s.raises or s.effect)
            else:
                inside.update(s.outs)
                if isinstance(s, Loop) and s.count is not None:
                    inside.add(s.count)
                blocks = s.arms if isinstance(s, Branch) else (s.body,)
                surely = surely and isinstance(s, Branch) and not any(map(has_effect, blocks))
            kept.append(s)
        return replace(block, stmts=tuple(kept))

    def may_move(self, s: Eqn, surely: bool) -> bool:
        if s.raises or s.effect or s.op in _STAYS or s.out in self.shared or not s.args:
            return False
        if isinstance(s.out.type, Array) and not _is_new(s):
            return False
        if isinstance(s.out.type, Scalar) and s.out.type.kind != "float":
            return False  # counting and comparing reads better where it stands
        return surely or (s.op in _SAFE and s.form is None and all(map(_is_number, s.args)))


def runs(s: Loop) -> bool:
    """Does the loop run one turn at least?"""
    if not isinstance(s.over, Range):
        return False
    bounds = (s.over.start, s.over.stop, s.over.step)
    values = [a.value for a in bounds if isinstance(a, Lit) and type(a.value) is int]
    return len(values) == 3 and values[2] != 0 and len(range(*values)) > 0


def _is_number(a: Atom) -> bool:
    """A Python number: arithmetic on it neither warns nor raises."""
    t = atom_type(a)
    return isinstance(t, Scalar) and not t.char and t.kind in ("float", "int", "bool")


def _is_new(s: Eqn) -> bool:
    """Is the result an array of its own, of the elementwise operations and products?"""
    ufunc = isinstance(s.op, np.ufunc) and s.form is None
    arithmetic = {operator.add, operator.sub, operator.mul, operator.truediv, operator.neg}
    return ufunc or s.op in arithmetic or s.op in (operator.matmul, np.outer)


def _handed(block: Block) -> Iterator[Atom]:
    """Values that leave an equation's hands: carried, collected, read or written in parts."""
    yield from block.results
    for s in block.stmts:
        if isinstance(s, Eqn):
            if s.op in _WRITES:
                yield s.args[0]
        elif isinstance(s, Branch):
            for arm in s.arms:
                yield from _handed(arm)
        else:
            yield from s.carried
            if not isinstance(s.over, Range):
                yield from _handed(s.over.test)
            yield from _handed(s.body)
