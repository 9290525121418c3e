"""Which values may share memory once every write runs in place.

Every array value points to a set of *regions*: the result of an operation that makes memory of its
own, an argument, a slot (what a loop hands from turn to turn), or a tape.  A region inside of a
loop stands for that of the current turn.  Two regions may be the same memory if the least relation
closed under the rules of `_Relation` holds of them; slots that permute distinct regions stay
distinct, which is what double buffers need.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from s2sgrad.ir.alias import WRITES, is_memory, sources
from s2sgrad.ir.graph import Atom, Block, Branch, Eqn, Func, Loop, Range, Var

Place = tuple[Loop, ...]  # the loops around, from the outside in
Pointers = frozenset[Var]
NOWHERE: Pointers = frozenset()


@dataclass(eq=False)
class _Slots:
    """A loop: what its slots start from, what they are handed, and what it collects."""

    loop: Loop
    place: Place
    params: list[Var] = field(default_factory=list)
    inits: list[Atom] = field(default_factory=list)
    results: list[Atom] = field(default_factory=list)


class Regions:
    """What each value of `func` points to; `in_place` are the results of accumulations."""

    def __init__(self, func: Func, in_place: set[Var]) -> None:
        self.in_place = in_place
        self.points: dict[Var, Pointers] = {}
        self.place: dict[Var, Place] = {}
        self.slot: dict[Var, tuple[Loop, int]] = {}
        self.tape: dict[Var, tuple[Loop | Branch, Atom]] = {}
        self.loops: list[_Slots] = []
        self.made: dict[Var, Eqn] = {}
        self.walked: dict[Var, Var] = {}  # an item, and the sequence that it comes from
        for p in func.body.params:
            if is_memory(p):
                self.region(p, ())
        self.block(func.body, ())
        self.same: dict[Var, set[Var]] = defaultdict(set)
        self.relate()

    def of(self, a: Atom) -> Pointers:
        """The regions of a value."""
        return self.points.get(a, NOWHERE) if isinstance(a, Var) else NOWHERE

    def near(self, regions: Iterable[Var]) -> set[Var]:
        """The regions, and all that may be the same memory."""
        found: set[Var] = set()
        for r in regions:
            found.add(r)
            found |= self.same[r]
        return found

    def alias(self, a: Atom, b: Atom) -> bool:
        """May the two values share memory?"""
        return not self.near(self.of(a)).isdisjoint(self.of(b))

    def region(self, v: Var, place: Place) -> None:
        self.points[v] = frozenset((v,))
        self.place[v] = place

    # -- what points where

    def block(self, block: Block, place: Place) -> None:
        for s in block.stmts:
            if isinstance(s, Eqn):
                self.eqn(s, place)
            elif isinstance(s, Branch):
                self.branch(s, place)
            else:
                self.loop(s, place)

    def eqn(self, s: Eqn, place: Place) -> None:
        self.made[s.out] = s
        if not is_memory(s.out):
            return
        if s.op in WRITES or s.out in self.in_place:
            shared = [a for a in s.args[:1] if isinstance(a, Var)]
        else:
            shared = sources(s)
        found = NOWHERE.union(*(self.of(a) for a in shared))
        if found:
            self.points[s.out] = found
        else:
            self.region(s.out, place)

    def branch(self, s: Branch, place: Place) -> None:
        for k, arm in enumerate(s.arms):
            self.items(arm.params, s.walked[k])
            self.block(arm, place)
            for v, r in zip(s.collected(k), arm.results[s.joined :], strict=True):
                self.region(v, place)
                self.tape[v] = (s, r)
        for j, v in enumerate(s.outs[: s.joined]):
            if is_memory(v):
                self.points[v] = self.of(s.then.results[j]) | self.of(s.orelse.results[j])

    def items(self, params: Iterable[Var], walked: Iterable[Atom]) -> None:
        for p, source in zip(params, walked, strict=True):
            assert isinstance(source, Var)
            self.points[p] = self.of(source) if is_memory(p) else NOWHERE
            self.walked[p] = source

    def loop(self, s: Loop, place: Place) -> None:
        n = len(s.carried)
        slots = _Slots(s, place)
        for k, p in enumerate(s.body.params[1 : n + 1]):
            if is_memory(p):
                self.region(p, place)
                self.slot[p] = (s, k)
                self.points[s.outs[k]] = self.points[p]
                slots.params.append(p)
                slots.inits.append(s.carried[k])
                slots.results.append(s.body.results[k])
        self.items(s.body.params[n + 1 :], s.walked)
        inside = (*place, s)
        if not isinstance(s.over, Range):
            for t, p in zip(s.over.test.params, s.body.params[1 : n + 1], strict=True):
                self.points[t] = self.of(p)
            self.block(s.over.test, inside)
        self.block(s.body, inside)
        for v, r in zip(s.outs[n:], s.body.results[n:], strict=True):
            self.region(v, place)
            self.tape[v] = (s, r)
        self.loops.append(slots)

    # -- which regions may be the same

    def relate(self) -> None:
        changed = True
        while changed:
            changed = False
            for slots in self.loops:
                changed |= self.relate_slots(slots)
            for v, (owner, r) in self.tape.items():
                changed |= self.relate_tape(v, owner, r)

    def join(self, a: Var, b: Var) -> bool:
        if a is b or b in self.same[a]:
            return False
        self.same[a].add(b)
        self.same[b].add(a)
        return True

    def outside(self, region: Var, owner: Loop | Branch) -> bool:
        """Was the region there before the loop, and is it none of its slots and tapes?"""
        if self.slot.get(region, (None, 0))[0] is owner or self.owner(region) is owner:
            return False
        return owner not in self.place[region]

    def owner(self, region: Var) -> Loop | Branch | None:
        return self.tape[region][0] if region in self.tape else None

    def relate_slots(self, slots: _Slots) -> bool:
        changed = False
        first = [self.near(self.of(a)) for a in slots.inits]
        later = [self.near(self.of(a)) for a in slots.results]
        for k, p in enumerate(slots.params):
            for o in first[k] | later[k]:
                if self.outside(o, slots.loop):
                    changed |= self.join(p, o)
            for j in range(k):
                if not first[k].isdisjoint(self.of(slots.inits[j])) or not later[k].isdisjoint(
                    self.of(slots.results[j])
                ):
                    changed |= self.join(p, slots.params[j])
        return changed

    def relate_tape(self, tape: Var, owner: Loop | Branch, item: Atom) -> bool:
        """A tape holds the items of all turns so far."""
        changed = False
        held = self.near(self.of(item))
        for o in held:
            if self.outside(o, owner):
                changed |= self.join(tape, o)
        if isinstance(owner, Branch):
            return changed
        known = held | {tape} | self.same[tape]
        n = len(owner.carried)
        for p, r in zip(owner.body.params[1 : n + 1], owner.body.results, strict=False):
            if p in self.slot and not known.isdisjoint(self.of(r)):
                changed |= self.join(tape, p)
        for other, r in zip(owner.outs[n:], owner.body.results[n:], strict=True):
            if other is not tape and not known.isdisjoint(self.of(r)):
                changed |= self.join(tape, other)
        return changed
