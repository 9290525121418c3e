"""Writes that, run in place, would destroy what is still read.

Blocks are read backwards.  A value that a loop reads from outside is live in the whole loop; a tape
holds what it collects while its loop runs, and until it has been walked.  An operand of which only
shape and dtype are asked is not read.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from s2sgrad.ir.alias import WRITES, is_memory, shape_only
from s2sgrad.ir.graph import Atom, Branch, Eqn, Func, Loop, Pack, Range, Stmt, Var, is_attempt
from s2sgrad.ir.ops import additem, replace, setitem
from s2sgrad.ir.types import List
from s2sgrad.ir.walk import reads
from s2sgrad.passes.regions import Regions


@dataclass(frozen=True)
class Conflict:
    """`write` destroys what `reader` is still to show."""

    write: Eqn
    reader: Var


def contents(s: Eqn) -> list[Var]:
    """The operands whose contents are read."""
    skip = shape_only(s)
    return [a for k, a in enumerate(s.args) if isinstance(a, Var) and k not in skip]


def into_item(s: Eqn) -> bool:
    """Does a write to a list change an item of it in place?"""
    if not isinstance(s.out.type, List):
        return False
    index = s.form.args[1] if s.form is not None and s.op in (setitem, additem, replace) else None
    return isinstance(index, Pack) and index.kind == "path" and len(index.items) > 1


class Conflicts:
    """The conflicts of `func`, in the order of the program."""

    def __init__(self, func: Func, regions: Regions) -> None:
        self.regions = regions
        self.found: list[Conflict] = []
        # An argument is the caller's: it is read at the end.
        live = {p for p in func.body.params if is_memory(p)}
        live |= _vars(func.body.results)
        self.stmts(func.body.stmts, live)
        self.found.reverse()

    def stmts(self, stmts: tuple[Stmt, ...], live: set[Var]) -> None:
        for s in reversed(stmts):
            if isinstance(s, Eqn):
                self.eqn(s, live)
            elif isinstance(s, Branch):
                self.branch(s, live)
            else:
                self.loop(s, live)

    def eqn(self, s: Eqn, live: set[Var]) -> None:
        live.discard(s.out)
        if s.op in WRITES or s.out in self.regions.in_place:
            self.write(s, live)
        live.update(contents(s))

    def write(self, s: Eqn, live: set[Var]) -> None:
        whole = isinstance(s.out.type, List) and not into_item(s)
        shown_at = self.regions.of(s.args[0])
        if isinstance(s.out.type, List) and not whole:
            shown_at |= self.regions.items(s.args[0])
        near = self.regions.near(shown_at)
        # What a list holds is not changed by a write to the list, but by one to a part of an item.
        shown = {} if whole else self.regions.shown_by_lists
        hit: set[Var] = set()
        for r in near:
            hit |= live & (self.regions.shown_by[r] | shown.get(r, set()))
        for v in sorted(hit, key=lambda v: v.hint):
            self.found.append(Conflict(s, v))

    def branch(self, s: Branch, live: set[Var]) -> None:
        live.difference_update(s.outs)
        after = set(live)
        for k in (1, 0):
            arm = s.arms[k]
            # The first arm of a `try` may be left anywhere: the other reads what it does.
            inner = (live if is_attempt(s.test) else after) | _vars(arm.results)
            self.stmts(arm.stmts, inner)
            live |= inner - set(arm.params)
            live |= _vars(s.walked[k])
        live |= _vars((s.test,))

    def loop(self, s: Loop, live: set[Var]) -> None:
        n = len(s.carried)
        tapes = {v for v in s.outs[n:] if v in live}
        live.difference_update(s.outs)
        blocks = [s.body] if isinstance(s.over, Range) else [s.body, s.over.test]
        live |= set(reads(blocks, contents)) | _vars(s.walked)
        inner = live | tapes | _vars(s.body.results)
        self.stmts(s.body.stmts, inner)
        if not isinstance(s.over, Range):
            self.stmts(s.over.test.stmts, live | _vars(s.over.test.results))
        live |= _vars(s.carried)


def _vars(atoms: Iterable[Atom]) -> set[Var]:
    return {a for a in atoms if isinstance(a, Var)}
