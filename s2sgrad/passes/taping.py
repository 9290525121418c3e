"""The primal's values in the backward sweep: visible there, or taped.

A value that a loop or an arm binds and that its mirror reads is *collected* where it is bound and
*walked* in the mirror.  `remember` looks later for what is cheaper to compute again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from s2sgrad.errors import InternalError
from s2sgrad.ir import ops
from s2sgrad.ir.graph import UNDEF, Atom, Block, Branch, Eqn, Func, Lit, Loop, Stmt, Var, atom_type
from s2sgrad.ir.types import Array, Seq, Several
from s2sgrad.ir.walk import bound_by
from s2sgrad.passes.activity import active
from s2sgrad.passes.attempts import with_flags
from s2sgrad.passes.calls import Pair, Pairs, forward_call
from s2sgrad.passes.frames import Frame, tape_name
from s2sgrad.passes.record import Recorder
from s2sgrad.passes.saturating import saturating
from s2sgrad.passes.selected import Selected


class Taping:
    """The mirror being built (`frame`), and how it comes by the primal's values."""

    def __init__(self, func: Func, wrt: Sequence[Var], pairs: Pairs) -> None:
        func = with_flags(func)
        self.func, self.wrt = func, wrt
        self.pairs = pairs
        self.saved: dict[Eqn, tuple[Pair, Var]] = {}  # calls that have a backward half
        self.active = active(func, wrt, func.body.results)
        self.home: dict[Var, Block] = {}
        self.made_by: dict[Var, Eqn] = {}
        self.items: dict[tuple[Atom, int], Var] = {}  # the results of operations with several
        self.collects: dict[tuple[Stmt, int], dict[Var, Var]] = {}
        self.counts: dict[Loop, Var] = {}
        self.bar_of: dict[Var, Var] = {}  # which value a cotangent without a name is one of
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
            frame.known[a] = self._walked(a, frame)
        return frame.known[a]

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
