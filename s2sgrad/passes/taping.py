"""The primal's values in the backward sweep: visible there, computed again, or taped.

A value that a loop or an arm binds and that its mirror reads is *collected* where it is bound and
*walked* in the mirror; one that is a cheap operation away is computed again.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from s2sgrad.errors import InternalError
from s2sgrad.ir import ops
from s2sgrad.ir.graph import UNDEF, Atom, Block, Branch, Eqn, Func, Lit, Loop, Stmt, Var, atom_type
from s2sgrad.ir.types import Array, Scalar, Seq, Several
from s2sgrad.ir.walk import bound_by
from s2sgrad.passes.activity import active
from s2sgrad.passes.calls import Pair, Pairs, forward_call
from s2sgrad.passes.frames import Frame, tape_name
from s2sgrad.passes.record import Recorder
from s2sgrad.passes.saturating import saturating
from s2sgrad.passes.selected import Selected

_CHEAP = {
    operator.add,
    operator.sub,
    operator.mul,
    operator.mod,
    operator.floordiv,
    operator.neg,
    operator.lt,
    operator.le,
    operator.gt,
    operator.ge,
    operator.eq,
    operator.ne,
    ops.not_,
}


class Taping:
    """The mirror being built (`frame`), and how it comes by the primal's values."""

    def __init__(self, func: Func, wrt: Sequence[Var], pairs: Pairs) -> None:
        self.func, self.wrt = func, wrt
        self.pairs = pairs
        self.saved: dict[Eqn, tuple[Pair, Var]] = {}  # calls that have a backward half
        self.active = active(func, wrt, func.body.results)
        self.home: dict[Var, Block] = {}
        self.made_by: dict[Var, Eqn] = {}
        self.items: dict[tuple[Atom, int], Var] = {}  # the results of operations with several
        self.collects: dict[tuple[Stmt, int], dict[Var, Var]] = {}
        self.counts: dict[Loop, Var] = {}
        self.unbound: set[Atom] = {UNDEF}  # values that some path leaves without a value
        self.shape_from: dict[Var, Atom] = {}  # another value that surely has the same shape
        self._index(func.body)
        self.selected = Selected(func.body)
        self.saturating = saturating(func.body)
        self.frame = Frame(func.body, None, None)
        self.recorder = Recorder(self.frame.stmts)

    def _index(self, block: Block) -> None:
        for p in block.params:
            self.home[p] = block
        for s in block.stmts:
            if isinstance(s, Eqn):
                self.home[s.out], self.made_by[s.out] = block, s
                if s.op in (ops.setitem, ops.additem, ops.copy, ops.bound):
                    self.shape_from[s.out] = s.args[0]
                if s.op is ops.getitem and isinstance(atom_type(s.args[0]), Several) and s.form:
                    self.items[s.args[0], s.form.args[1]] = s.out
                continue
            for v in bound_by(s):
                self.home[v] = block
            if isinstance(s, Loop):
                for init, p, out in zip(s.carried, s.body.params[1:], s.outs, strict=False):
                    if init in self.unbound:
                        self.unbound |= {p, out}
            for b in s.arms if isinstance(s, Branch) else (s.body,):
                self._index(b)
            if isinstance(s, Loop):
                self._index_shapes(s)
            if isinstance(s, Branch):
                for k, v in enumerate(s.outs[: s.joined]):
                    if any(arm.results[k] in self.unbound for arm in s.arms):
                        self.unbound.add(v)

    def _index_shapes(self, s: Loop) -> None:
        """What a loop only writes to keeps its shape."""
        for init, p, out, r in zip(
            s.carried, s.body.params[1:], s.outs, s.body.results, strict=False
        ):
            while r is not p and isinstance(r, Var) and r in self.shape_from:
                r = self.shape_from[r]
            if r is p:
                self.shape_from[p] = self.shape_from[out] = init

    def like(self, v: Var) -> Atom:
        """A value in sight that has the shape and dtype of `v`."""
        found: Atom = v
        while isinstance(found, Var) and found in self.shape_from:
            found = self.shape_from[found]
        same = isinstance(found, Var) and isinstance(found.type, Array)
        return self.need(found if same else v)

    def need(self, a: Atom) -> Atom:
        """The primal value `a`, visible in the mirror that is being built."""
        if isinstance(a, Lit) or self.home[a] is self.func.body:
            return a
        frame: Frame | None = self.frame
        while frame is not None and frame.primal is not self.home[a]:
            frame = frame.parent
        if frame is None:
            raise InternalError("reverse", f"`{a.hint}` is not visible in the mirror", "")
        if a not in frame.known:
            frame.known[a] = self._recomputed(a, frame) or self._walked(a, frame)
        return frame.known[a]

    def _missing(self, a: Atom, frame: Frame, depth: int = 2) -> set[Var] | None:
        """The carried numbers that must be taped to have `a` in `frame`; None: more than that."""
        if isinstance(a, Lit) or self.home[a] is self.func.body:
            return set()
        home: Frame | None = frame
        while home is not None and home.primal is not self.home[a]:
            home = home.parent
        if home is not None and a in home.known:
            return set()
        if home is frame and a in frame.primal.params and isinstance(a.type, Scalar):
            return {a}
        made = self.made_by.get(a)
        if made is None or depth == 0 or not _is_cheap(made) or _fills(made):
            return None
        return _union(self._missing(b, frame, depth - 1) for b in made.args)

    def _recomputed(self, a: Var, frame: Frame) -> Atom | None:
        """`a` computed again, if that is cheap and asks for one tape at most."""
        made = self.made_by.get(a)
        if made is None or not _is_cheap(made):
            return None
        missing = _union(self._missing(b, frame) for b in made.args)
        if missing is None or len(missing) > (0 if _fills(made) else 1):
            return None
        here, self.frame = self.frame, frame
        args = tuple(self.need(b) for b in made.args)
        self.frame = here
        out = Var(a.hint, a.type)
        frame.prelude.append(replace(made, out=out, args=args, raises=False))
        return out

    def _walked(self, a: Var, frame: Frame) -> Atom:
        assert frame.owner is not None
        assert frame.parent is not None
        collected = self.collects.setdefault(frame.owner, {})
        if a not in collected:
            collected[a] = Var(tape_name(a), Seq(a.type))
            self.home[collected[a]] = frame.parent.primal
        here, self.frame = self.frame, frame.parent
        source = self.need(collected[a])
        self.frame = here
        item = Var(a.hint, a.type)
        frame.walked.append((item, source))
        return item

    # -- the forward sweep, with what the backward sweep collects

    def with_collects(self, block: Block) -> Block:
        stmts: list[Stmt] = []
        for s in block.stmts:
            if isinstance(s, Eqn):
                stmts += forward_call(s, *self.saved[s]) if s in self.saved else [s]
            else:
                stmts.append(self._collecting(s))
        return replace(block, stmts=tuple(stmts))

    def _collecting(self, s: Loop | Branch) -> Stmt:
        if isinstance(s, Loop):
            extra = self.collects.get((s, 0), {})
            body = self.with_collects(s.body)
            body = replace(body, results=(*body.results, *extra))
            outs = (*s.outs, *extra.values())
            return replace(s, outs=outs, body=body, count=self.counts.get(s, s.count))
        arms = [self.with_collects(arm) for arm in s.arms]
        extras = [self.collects.get((s, k), {}) for k in (0, 1)]
        arms = [replace(a, results=(*a.results, *e)) for a, e in zip(arms, extras, strict=True)]
        then, orelse = s.collected(0), s.collected(1)
        outs = (*s.outs[: s.joined], *then, *extras[0].values(), *orelse, *extras[1].values())
        return replace(s, outs=outs, then=arms[0], orelse=arms[1])


def _is_cheap(s: Eqn) -> bool:
    """Is computing `s` again cheaper than a tape?  So it is for numbers, views, and one pass."""
    if s.op is ops.getitem or (s.op is np.transpose and s.form is None):
        return True
    return s.op in _CHEAP and isinstance(s.out.type, Scalar | Array)


def _fills(s: Eqn) -> bool:
    """Does it make an array?  Then its operands must be at hand."""
    return s.op in _CHEAP and isinstance(s.out.type, Array)


def _union(parts: Iterable[set[Var] | None]) -> set[Var] | None:
    """All of them together; None if one is."""
    found: set[Var] = set()
    for p in parts:
        if p is None:
            return None
        found |= p
    return found
