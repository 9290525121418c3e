"""Reverse mode: the forward sweep as it was, then the transposed Jacobians in reverse order.

The mirror of a block is built while the block is read backwards.  A mirrored loop carries the
cotangents of what the loop carries, and one accumulator for each active value that its body reads
from outside.  A value that the backward sweep reads and that a loop or an arm binds is *collected*
where it is bound and *walked* in the mirror.
"""

from __future__ import annotations

import operator
from collections.abc import Collection, Sequence
from dataclasses import replace

from s2sgrad.errors import InternalError
from s2sgrad.ir.graph import (
    Atom,
    Block,
    Branch,
    Eqn,
    Func,
    Lit,
    Loop,
    Range,
    Stmt,
    Var,
    atom_type,
    is_attempt,
)
from s2sgrad.ir.types import INT, Array, Seq, Type
from s2sgrad.ir.walk import bound_by, reads
from s2sgrad.passes.adjoints import Adjoints
from s2sgrad.passes.again import rerun
from s2sgrad.passes.attempts import flag_of
from s2sgrad.passes.calls import Pairs
from s2sgrad.passes.frames import ZERO, Frame, Part, bar_name, named, tape_name, walks


def reverse(func: Func, wrt: Sequence[Var], seeds: Sequence[Atom], extra: Sequence[Var]) -> Func:
    """`func` with its results followed by the cotangents of `wrt`.

    `seeds` are the cotangents of the results; `extra` are parameters that they introduce.
    """
    return Reverse(func, wrt, Pairs(_reversed)).build(seeds, extra)


def _reversed(
    func: Func,
    wrt: Sequence[Var],
    seeds: Sequence[Var | None],
    marked: Collection[Var],
    pairs: Pairs,
) -> tuple[Func, tuple[bool, ...]]:
    """A kept function with its backward half; which of its cotangents are zero by selection."""
    one = Reverse(func, wrt, pairs)
    if marked:  # what it is given may be singular
        one.selected.taint(func.body)
        one.selected.bars.update(marked)
    whole = one.build([s or ZERO for s in seeds], [s for s in seeds if s])
    bars = whole.body.results[len(func.body.results) :]
    return whole, tuple(b in one.selected.bars for b in bars)


def local_cotangents(s: Eqn, g: Atom) -> tuple[list[Stmt], list[Atom | None]]:
    """The rule of one equation alone: what it computes, and the cotangent of each flat operand."""
    params = tuple(dict.fromkeys(a for a in (*s.args, s.out, g) if isinstance(a, Var)))
    body = Block(params, (s,), (s.out,))
    alone = Reverse(Func("", body, tuple(p.hint for p in params)), params, Pairs(_reversed))
    return alone.recorder.stmts, alone.cotangents(s, g)


class Reverse(Adjoints):
    def build(self, seeds: Sequence[Atom], extra: Sequence[Var]) -> Func:
        body = self.func.body
        for r, seed in zip(body.results, seeds, strict=True):
            self.add(r, seed)
        self.backward(body)
        bars = tuple(self.total(v) for v in self.wrt)
        if len(bars) > 1:  # several results are read by their names
            for v, bar in zip(self.wrt, bars, strict=True):
                if isinstance(bar, Var) and not bar.hint:
                    object.__setattr__(bar, "hint", bar_name(v))
        forward = self.with_collects(body)
        whole = Block(
            (*body.params, *extra),
            (*forward.stmts, *self.frame.prelude, *self.frame.stmts),
            (*body.results, *bars),
        )
        mirror = {v for s in self.frame.stmts for v in bound_by(s)}
        guards = self.func.notes.get("guards", set()) | self.selected.masks
        bar_of = {**self.func.notes.get("bars", {}), **self.bar_of}
        notes = {**self.func.notes, "mirror": mirror, "pairs": self.pairs}
        notes |= {"guards": guards, "bars": bar_of}
        names = (*self.func.names, *(v.hint for v in extra))
        return replace(self.func, body=whole, names=names, notes=notes)

    # -- statements, backwards

    def backward(self, block: Block) -> None:
        for s in reversed(block.stmts):
            if isinstance(s, Eqn):
                self.eqn(s)
            elif isinstance(s, Branch):
                self.branch(s)
            else:
                self.loop(s)

    # -- tapes: the adjoint of a walk is a collect of cotangents, and the other way round

    def free(self, blocks: Sequence[Block]) -> list[Var]:
        """The active values that the blocks read from outside; what they walk is no such value."""
        found = [v for v in reads(blocks) if v in self.active]
        if any(isinstance(v.type, Seq) for v in found):
            raise InternalError(
                "reverse", "a tape is walked in a block below that of its owner", ""
            )
        return found

    def walk_cotangents(self, tapes: Sequence[Var], items: Sequence[Atom]) -> None:
        """The mirror of what collects `items` walks the cotangents that each walker collected."""
        assert self.frame.parent is not None
        for tape, item in zip(tapes, items, strict=True):
            for cotangents in self.frame.parent.bars.get(tape, ()):
                assert isinstance(cotangents, Var)
                assert isinstance(cotangents.type, Seq)
                taken = Var(bar_name(item) if isinstance(item, Var) else "", cotangents.type.item)
                self.frame.walked.append((taken, cotangents))
                if isinstance(item, Var) and isinstance(item.type, Seq):
                    self.frame.bars.setdefault(item, []).append(taken)
                else:
                    self.hand(item, taken)

    def collect_cotangents(
        self, params: Sequence[Var], sources: Sequence[Atom]
    ) -> list[tuple[Atom, Var, Atom]]:
        """What the mirror of a walker collects: the walked tape, the new one, and its item."""
        found: list[tuple[Atom, Var, Atom]] = []
        for p, source in zip(params, sources, strict=True):
            parts = self.frame.bars.get(p)
            if not parts:
                continue
            nested = isinstance(p.type, Seq)
            items = [a for a in parts if isinstance(a, Var)] if nested else [self.total(p)]
            seqs = (Var(tape_name(named(item, p)), Seq(atom_type(item))) for item in items)
            found += [(source, seq, item) for seq, item in zip(seqs, items, strict=True)]
        return found

    def hand_tapes(self, tapes: Sequence[tuple[Atom, Var, Atom]]) -> None:
        for source, tape, _ in tapes:
            self.frame.bars.setdefault(source, []).append(tape)  # type: ignore[arg-type]

    # -- branches

    def branch(self, s: Branch) -> None:
        self.recorder.stmts = self.frame.stmts
        outs = s.outs[: s.joined]
        bars = {v: self.total(v) for v in outs if self.frame.bars.get(v)}
        if not bars and not any(self.frame.bars.get(v) for v in s.outs[s.joined :]):
            return
        for v in bars:
            del self.frame.bars[v]
        free = self.free(s.arms)
        start: dict[Var, list[Part]] = {
            v: [self.total(v)] if self.frame.bars.get(v) else [] for v in free
        }
        outer, arms = self.frame, []
        for k, arm in enumerate(s.arms):
            self.frame = Frame(arm, outer, (s, k))
            self.recorder.stmts = self.frame.stmts
            self.frame.bars = {v: list(parts) for v, parts in start.items() if parts}
            for v, r in zip(outs, arm.results, strict=False):
                if v in bars:
                    self.hand(r, bars[v])
            self.walk_cotangents(s.collected(k), arm.results[s.joined :])
            self.backward(arm)
            arms.append(self.frame)
        changed = [v for v in free if any(f.bars.get(v) not in (None, start[v]) for f in arms)]
        results, tapes = [], []
        for k, f in enumerate(arms):
            self.frame, self.recorder.stmts = f, f.stmts
            results.append([self.total(v) for v in changed])
            tapes.append(self.collect_cotangents(s.arms[k].params, s.walked[k]))
        self.frame, self.recorder.stmts = outer, outer.stmts
        if not changed and not any(tapes):
            return
        new = tuple(Var(bar_name(v), v.type) for v in changed)
        for made in results:
            self.selected.hand(made, new)
        blocks, walked = [], []
        for f, bars_out, tape in zip(arms, results, tapes, strict=True):
            params, sources = walks(f)
            ends = (*bars_out, *(item for _, _, item in tape))
            blocks.append(Block(params, (*f.prelude, *f.stmts), ends))
            walked.append(sources)
        test = self.need(flag_of(s) if is_attempt(s.test) else s.test)
        outs = (*new, *(seq for tape in tapes for _, seq, _ in tape))
        self.frame.stmts.append(
            Branch(outs, test, (walked[0], walked[1]), blocks[0], blocks[1], len(new), s.at)
        )
        self.hand_tapes([cell for tape in tapes for cell in tape])
        self.frame.bars.update({v: [n] for v, n in zip(changed, new, strict=True)})

    # -- loops

    def loop(self, s: Loop) -> None:
        self.recorder.stmts = self.frame.stmts
        n = len(s.carried)
        params = s.body.params[1 : n + 1]
        if not any(self.frame.bars.get(v) for v in s.outs):
            return
        if s.again and len(s.outs) == n and not s.walked:
            rerun(self, s)
            return
        live = [k for k in range(n) if params[k] in self.active or s.outs[k] in self.active]
        free = self.free([s.body])
        inits = [self.total(s.outs[k]) for k in live] + [self.total(v) for v in free]
        for k in live:
            self.frame.bars.pop(s.outs[k], None)
        outer = self.frame
        over, index = self._mirrored_range(s)
        self.frame = Frame(s.body, outer, (s, 0), index)
        self.frame.known[s.body.params[0]] = index
        self.recorder.stmts = self.frame.stmts
        taken = [Var(bar_name(params[k]), _handed(params[k], s.body.results[k])) for k in live]
        accs = [Var(bar_name(v), v.type) for v in free]
        for v, acc in zip(free, accs, strict=True):
            self.frame.bars[v] = [acc]
            self.note(acc, v)
        for k, p in zip(live, taken, strict=True):
            self.note(p, params[k])
            self.hand(s.body.results[k], p)
        self.walk_cotangents(s.outs[n:], s.body.results[n:])
        self.backward(s.body)
        self.recorder.stmts = self.frame.stmts
        yields = [self.total(params[k]) for k in live] + [self.total(v) for v in free]
        tapes = self.collect_cotangents(s.body.params[n + 1 :], s.walked)
        inner, self.frame = self.frame, outer
        self.recorder.stmts = outer.stmts
        items, sources = walks(inner)
        ends = (*yields, *(item for _, _, item in tapes))
        body = Block((index, *taken, *accs, *items), (*inner.prelude, *inner.stmts), ends)
        types = [_handed(params[k], s.carried[k]) for k in live]
        outs = (
            *(Var(v.hint, t) for v, t in zip(taken, types, strict=True)),
            *(Var(v.hint, v.type) for v in accs),
        )
        self.selected.hand(yields, outs)
        made = (*outs, *(seq for _, seq, _ in tapes))
        outer.stmts.append(Loop(made, over, tuple(inits), sources, body, s.at, down=not s.down))
        self.hand_tapes(tapes)
        for v, out in zip(free, outs[len(live) :], strict=True):
            outer.bars[v] = [out]
        for k, out in zip(live, outs[: len(live)], strict=True):
            self.hand(s.carried[k], out)

    def _mirrored_range(self, s: Loop) -> tuple[Range, Var]:
        """The turns that `s` ran, to be run from the last to the first."""
        index = Var(s.body.params[0].hint, INT)
        if isinstance(s.over, Range) and s.stop is None:
            over = Range(*(self.need(a) for a in (s.over.start, s.over.stop, s.over.step)))
            return over, index
        if s not in self.counts:
            self.counts[s] = s.count or Var("turns", INT)
            self.home[self.counts[s]] = self.frame.primal
        count = self.need(self.counts[s])
        if not isinstance(s.over, Range):
            return Range(Lit(0), count, Lit(1)), index
        start, step = self.need(s.over.start), self.need(s.over.step)
        length = self.recorder.emit(operator.mul, (count, step))
        if isinstance(start, Lit) and start.value == 0:
            return Range(start, length, step), index
        return Range(start, self.recorder.emit(operator.add, (start, length)), step), index


def _handed(p: Var, a: Atom) -> Type:
    """The type of the cotangent of `a`, which becomes the parameter `p`: in the extents of `a`."""
    t = atom_type(a)
    return t if isinstance(p.type, Array) and isinstance(t, Array) and not p.type.loose else p.type


__all__ = ["reverse"]
