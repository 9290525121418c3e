"""Which values may share memory once every write runs in place.

Every array value points to a set of *regions*: the result of an operation that makes memory of its
own, an argument, a slot (what a loop hands from turn to turn), or a tape.  A region inside of a
loop stands for that of the current turn.  Two regions may be the same memory if the least relation
closed under the rules of `_Relation` holds of them; slots that permute distinct regions stay
distinct, which is what double buffers need.  A list has a region of its own and points, besides, to
the regions of its items.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from s2sgrad.ir import ops
from s2sgrad.ir.alias import SHAPE_ONLY, WRITES, is_memory, sources
from s2sgrad.ir.graph import Atom, Block, Branch, Eqn, Func, Loop, Pack, Range, Var, atom_type
from s2sgrad.ir.types import Array, List, Type, Unknown
from s2sgrad.ir.walk import reads

COPIES = (ops.copy, ops.copy_items)
Place = tuple[Loop, ...]  # the loops around, from the outside in
Pointers = frozenset[Var]
NOWHERE: Pointers = frozenset()


@dataclass(eq=False)
class _Slots:
    """A loop: what its slots start from, what they are handed, and what it collects."""

    loop: Loop
    place: Place
    regions: list[Var] = field(default_factory=list)
    inits: list[Pointers] = field(default_factory=list)
    results: list[Atom] = field(default_factory=list)
    items: list[bool] = field(default_factory=list)  # is the region that of a list's items?

    def add(self, region: Var, init: Pointers, result: Atom, items: bool) -> None:
        self.regions.append(region)
        self.inits.append(init)
        self.results.append(result)
        self.items.append(items)


def _inverse(points: dict[Var, Pointers]) -> dict[Var, set[Var]]:
    found: dict[Var, set[Var]] = defaultdict(set)
    for v, regions in points.items():
        for r in regions:
            found[r].add(v)
    return found


def _depth(t: Type) -> int:
    """How many lists are in one another."""
    return 1 + _depth(t.item) if isinstance(t, List) else 0


def may_hold_memory(t: List) -> bool:
    return isinstance(t.item, List | Array | Unknown)


def is_nested(v: Var) -> bool:
    """Is it a list of lists?"""
    return isinstance(v.type, List) and isinstance(v.type.item, List)


def _walks(block: Block) -> Counter[Atom]:
    """How often each sequence is walked."""
    found: Counter[Atom] = Counter()
    for s in block.stmts:
        if isinstance(s, Branch):
            found.update((*s.walked[0], *s.walked[1]))
        elif isinstance(s, Loop):
            found.update(s.walked)
        for b in s.arms if isinstance(s, Branch) else (s.body,) if isinstance(s, Loop) else ():
            found += _walks(b)
    return found


def reads_item(s: Eqn) -> bool:
    """Is the result what a list holds, and no slice of it?"""
    if s.op is not ops.getitem or not isinstance(atom_type(s.args[0]), List):
        return False
    index = s.form.args[1] if s.form is not None else 0
    last = index.items[-1] if isinstance(index, Pack) and index.kind == "path" else index
    sliced = isinstance(last, slice) or (isinstance(last, Pack) and last.kind == "slice")
    return not (sliced and isinstance(s.out.type, List))


class Regions:
    """What each value of `func` points to; `in_place` are the results of accumulations."""

    def __init__(self, func: Func, in_place: set[Var]) -> None:
        self.in_place = in_place
        self.points: dict[Var, Pointers] = {}
        self.held: dict[Var, Pointers] = {}  # by the items of a list
        self.place: dict[Var, Place] = {}
        self.slot: dict[Var, tuple[Loop, int]] = {}
        self.tape: dict[Var, tuple[Loop | Branch, Atom]] = {}
        self.loops: list[_Slots] = []
        self.made: dict[Var, Eqn] = {}
        self.walked: dict[Var, Var] = {}  # an item, and the sequence that it comes from
        self.walks = _walks(func.body)
        for p in func.body.params:
            if is_memory(p):
                self.region(p, ())
            if isinstance(p.type, List):
                inner = Var(p.hint)
                self.place[inner] = ()
                self.held[p] = frozenset((inner,))
        self.block(func.body, ())
        self.same: dict[Var, set[Var]] = defaultdict(set)
        self.relate()
        # The values that show what is in a region: directly, or as an item.
        self.shown_by = _inverse(self.points)
        self.shown_by_lists = _inverse(self.held)

    def of(self, a: Atom) -> Pointers:
        """The regions of a value."""
        return self.points.get(a, NOWHERE) if isinstance(a, Var) else NOWHERE

    def items(self, a: Atom) -> Pointers:
        """The regions of the items of a list."""
        return self.held.get(a, NOWHERE) if isinstance(a, Var) else NOWHERE

    def all_of(self, a: Atom) -> Pointers:
        """The regions of a value and of what it holds."""
        return self.of(a) | self.items(a)

    def near(self, regions: Iterable[Var]) -> set[Var]:
        """The regions, and all that may be the same memory."""
        found: set[Var] = set()
        for r in regions:
            found.add(r)
            found |= self.same[r]
        return found

    def alias(self, a: Atom, b: Atom) -> bool:
        """May the two values share memory?"""
        return not self.near(self.all_of(a)).isdisjoint(self.all_of(b))

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
        if isinstance(s.out.type, List):
            skip = SHAPE_ONLY.get(s.op, ())
            given = (self.given(a, s.out) for k, a in enumerate(s.args) if k not in skip)
            self.held[s.out] = NOWHERE.union(*given)
            copies = s.op is ops.copy_items or (s.op is ops.copy and is_nested(s.out))
            if copies or (not self.held[s.out] and may_hold_memory(s.out.type)):
                inner = Var(s.out.hint)  # the items are new: `zeros_list`, `split_like`
                self.place[inner] = place
                self.held[s.out] = frozenset((inner,))
        if reads_item(s):
            self.points[s.out] = self.items(s.args[0])
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

    def given(self, a: Atom, made: Var) -> Pointers:
        """What `a` brings along to the items of the list that an operation makes of it."""
        if not isinstance(atom_type(a), List):
            return self.of(a)
        # A list of the same kind hands on its items; a list in it is an item itself.
        return self.items(a) if _depth(atom_type(a)) >= _depth(made.type) else self.all_of(a)

    def branch(self, s: Branch, place: Place) -> None:
        for k, arm in enumerate(s.arms):
            self.walk(arm.params, s.walked[k], place)
            self.block(arm, place)
            for v, r in zip(s.collected(k), arm.results[s.joined :], strict=True):
                self.collect(v, s, r, place)
        for j, v in enumerate(s.outs[: s.joined]):
            if is_memory(v):
                then, orelse = s.then.results[j], s.orelse.results[j]
                self.points[v] = self.of(then) | self.of(orelse)
                self.held[v] = self.items(then) | self.items(orelse)

    def collect(self, v: Var, owner: Loop | Branch, item: Atom, place: Place) -> None:
        """A tape, and the lists on it are one region."""
        self.region(v, place)
        self.tape[v] = (owner, item)

    def walk(self, params: Iterable[Var], walked: Iterable[Atom], place: Place) -> None:
        for p, source in zip(params, walked, strict=True):
            assert isinstance(source, Var)
            self.points[p] = self.of(source) if is_memory(p) else NOWHERE
            if is_memory(p) and self.holds_copies(source):
                self.region(p, place)
            if isinstance(p.type, List):
                self.held[p] = self.of(source)
            self.walked[p] = source

    def holds_copies(self, tape: Var) -> bool:
        """Is each item a copy that nothing else shows?  Who takes it may write to it."""
        owner, item = self.tape.get(tape, (None, None))
        made = self.made.get(item) if isinstance(item, Var) else None
        if not isinstance(owner, Loop) or made is None or made.op not in COPIES:
            return False
        body = owner.body
        others = Block((), tuple(s for s in body.stmts if s is not made), ())
        once = [r is item for r in body.results].count(True) == self.walks[tape] == 1
        return once and made in body.stmts and item not in reads([others])

    def loop(self, s: Loop, place: Place) -> None:
        n = len(s.carried)
        slots = _Slots(s, place)
        for k, p in enumerate(s.body.params[1 : n + 1]):
            if is_memory(p):
                self.region(p, place)
                self.slot[p] = (s, k)
                self.points[s.outs[k]] = self.points[p]
                slots.add(p, self.of(s.carried[k]), s.body.results[k], False)
            if isinstance(p.type, List):
                inner = Var(p.hint)
                self.place[inner] = place
                self.slot[inner] = (s, k)
                self.held[p] = self.held[s.outs[k]] = frozenset((inner,))
                slots.add(inner, self.items(s.carried[k]), s.body.results[k], True)
        inside = (*place, s)
        self.walk(s.body.params[n + 1 :], s.walked, inside)
        if not isinstance(s.over, Range):
            for t, p in zip(s.over.test.params, s.body.params[1 : n + 1], strict=True):
                self.points[t], self.held[t] = self.of(p), self.items(p)
            self.block(s.over.test, inside)
        self.block(s.body, inside)
        for v, r in zip(s.outs[n:], s.body.results[n:], strict=True):
            self.collect(v, s, r, place)
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
        inits = slots.inits
        results = [
            self.items(r) if items else self.of(r)
            for r, items in zip(slots.results, slots.items, strict=True)
        ]
        first, later = [self.near(p) for p in inits], [self.near(p) for p in results]
        for k, p in enumerate(slots.regions):
            for o in first[k] | later[k]:
                if self.outside(o, slots.loop):
                    changed |= self.join(p, o)
            for j in range(k):
                if not first[k].isdisjoint(inits[j]) or not later[k].isdisjoint(results[j]):
                    changed |= self.join(p, slots.regions[j])
        return changed

    def relate_tape(self, tape: Var, owner: Loop | Branch, item: Atom) -> bool:
        """A tape holds the items of all turns so far."""
        changed = False
        held = self.near(self.all_of(item))
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
            for inner in self.items(p):
                if not known.isdisjoint(self.items(r)):
                    changed |= self.join(tape, inner)
        for other, r in zip(owner.outs[n:], owner.body.results[n:], strict=True):
            if other is not tape and not known.isdisjoint(self.all_of(r)):
                changed |= self.join(tape, other)
        return changed
