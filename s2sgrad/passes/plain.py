"""What a branch outside of loops hands to its mirror is a value, not a tape with one item.

Runs last before memory: a value that is bound in one arm only has no derivative any more.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from s2sgrad.ir.build import substitute
from s2sgrad.ir.graph import (
    UNDEF,
    Atom,
    Block,
    Branch,
    Eqn,
    Func,
    Loop,
    Range,
    Stmt,
    Var,
    atom_type,
)
from s2sgrad.ir.types import Seq, Type


def plain(func: Func) -> Func:
    """`func` without tapes that only branches collect and walk."""
    one = _Plain(func)
    return replace(func, body=one.block(func.body)) if one.values else func


class _Plain:
    def __init__(self, func: Func) -> None:
        self.source: dict[Atom, Atom] = {}  # of what a branch collects
        self.kept: set[Atom] = set()  # sequences that something else needs
        self.walks: dict[Atom, list[Var]] = defaultdict(list)
        self.note(func.body)
        self.kept.update(func.body.results)
        settled = False
        while not settled:
            settled = not any(map(self.spoils, [*self.source, *self.walks]))
        self.values: dict[Atom, Var] = {}
        for v in self.source:
            if v not in self.kept:
                self.values[v] = Var(_hint(self.item(v)), _item_type(v))
        self.mapping: dict[Var, Atom] = {}

    def spoils(self, v: Atom) -> bool:
        """Must what belongs together stay a tape because one of it must?  Is that news?"""
        near = (v, self.source.get(v, v), *self.walks.get(v, ()))
        together = [a for a in near if isinstance(atom_type(a), Seq)]
        if not any(a in self.kept for a in together) or all(a in self.kept for a in together):
            return False
        self.kept.update(together)
        return True

    def item(self, v: Atom) -> Atom:
        while v in self.source:
            v = self.source[v]
        return v

    def note(self, block: Block) -> None:
        for s in block.stmts:
            if isinstance(s, Eqn):
                self.kept.update(s.args)
            elif isinstance(s, Branch):
                for k, arm in enumerate(s.arms):
                    self.source.update(zip(s.collected(k), arm.results[s.joined :], strict=True))
                    self.kept.update(arm.results[: s.joined])
                    for p, w in zip(arm.params, s.walked[k], strict=True):
                        self.walks[w].append(p)
                    self.note(arm)
            else:
                self.kept.update((*s.outs, *s.carried, *s.walked))
                self.kept.update((*s.body.results, *s.body.params))
                if not isinstance(s.over, Range):
                    self.note(s.over.test)
                self.note(s.body)

    # -- rewriting

    def block(self, block: Block) -> Block:
        stmts: list[Stmt] = []
        for s in block.stmts:
            if isinstance(s, Branch):
                stmts.append(self.branch(s))
            elif isinstance(s, Loop):
                over = s.over
                if not isinstance(over, Range):
                    over = replace(over, test=self.block(over.test))
                stmts.append(replace(s, over=over, body=self.block(s.body)))
            else:
                stmts.append(s)
        return substitute(replace(block, stmts=tuple(stmts)), self.mapping)

    def branch(self, s: Branch) -> Branch:
        new: list[tuple[Var, int, Atom]] = []
        for k, arm in enumerate(s.arms):
            for v, r in zip(s.collected(k), arm.results[s.joined :], strict=True):
                if v in self.values:
                    new.append((self.values[v], k, self.values.get(r, r)))
            for p, w in zip(arm.params, s.walked[k], strict=True):
                if w in self.values and isinstance(p.type, Seq):
                    self.values[p] = self.values[w]
                elif w in self.values:
                    self.mapping[p] = self.values[w]
        outs = [*s.outs[: s.joined], *(w for w, _, _ in new)]
        arms, walked = [], []
        for k, arm in enumerate(s.arms):
            tapes = [
                (v, r)
                for v, r in zip(s.collected(k), arm.results[s.joined :], strict=True)
                if v not in self.values
            ]
            outs += [v for v, _ in tapes]
            joined = [*arm.results[: s.joined], *(r if k == j else UNDEF for _, j, r in new)]
            stay = [
                (p, w) for p, w in zip(arm.params, s.walked[k], strict=True) if w not in self.values
            ]
            results = (*joined, *(r for _, r in tapes))
            inner = replace(arm, params=tuple(p for p, _ in stay), results=results)
            arms.append(self.block(inner))
            walked.append(tuple(w for _, w in stay))
        return replace(
            s,
            outs=tuple(outs),
            then=arms[0],
            orelse=arms[1],
            walked=(walked[0], walked[1]),
            joined=s.joined + len(new),
        )


def _item_type(v: Atom) -> Type:
    t = atom_type(v)
    while isinstance(t, Seq):
        t = t.item
    return t


def _hint(a: Atom) -> str:
    return a.hint if isinstance(a, Var) else ""
