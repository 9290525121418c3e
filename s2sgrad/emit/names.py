"""Names: values that can share one get one, so that what is carried needs no assignment.

A class of values is one Python variable.  Loop parameters and results are one class by force; the
value handed in, the value handed on, and the arms' values of a branch join the class when no two of
them are live at once.  Otherwise the emitter assigns.
"""

from __future__ import annotations

import builtins
import keyword
from collections import defaultdict
from collections.abc import Iterable

from s2sgrad.emit.live import Segment, is_tape
from s2sgrad.emit.words import Words
from s2sgrad.ir import ops
from s2sgrad.ir.alias import WRITES
from s2sgrad.ir.graph import Atom, Block, Branch, Eqn, Func, Loop, Range, Var
from s2sgrad.ir.walk import bound_anywhere, bound_by
from s2sgrad.passes.mirrors import Mirrors

RESULT = ".value"  # what a function that was inlined returns; the result of the whole, too


class Names:
    """The Python name of each value of `func` that gets one."""

    def __init__(
        self, func: Func, spans: dict[Var, list[Segment]], reserved: Iterable[str]
    ) -> None:
        self.spans = spans
        self.lowest = min((s for own in spans.values() for s, _ in own), default=0)
        self.live = {v: self.positions(own) for v, own in spans.items()}  # of a class: its leader
        self.leader: dict[Var, Var] = {v: v for v in spans}
        self.members: dict[Var, list[Var]] = {v: [v] for v in spans}
        self.fixed = dict(zip(func.body.params, func.names, strict=True))
        fixed = func.notes.get("globals", ())  # read from the module, so never assigned
        self.constant = {v for v, n in self.fixed.items() if n in fixed}
        self.forced(func.body)
        self.wished(func.body)
        self.words = Words(func)
        self.results = {r for r in func.body.results if isinstance(r, Var)}
        self.bars: dict[Var, Var] = func.notes.get("bars", {})
        self.backward = backward(func)
        for item, taken in Mirrors(func).taken():
            self.wish(item, taken)
        self.reserved = set(reserved) | set(keyword.kwlist)
        self.names: dict[Var, str] = {}
        self.taken: dict[str, list[Var]] = defaultdict(list)
        self.busy: dict[str, int] = defaultdict(int)  # where a name is in use
        # Of a hint: the names that were tried, and the number of the next one.
        self.tried: dict[str, list[str]] = defaultdict(list)
        self.next: dict[str, int] = defaultdict(int)
        self.assign()

    def positions(self, segments: Iterable[Segment]) -> int:
        """Positions as the bits of a number: what two have in common is one `&`."""
        made = 0
        for start, end in segments:
            made |= ((1 << (end - start + 1)) - 1) << (start - self.lowest)
        return made

    def __getitem__(self, v: Var) -> str:
        return self.names[self.find(v)]

    def find(self, v: Var) -> Var:
        while self.leader[v] is not v:
            v = self.leader[v]
        return v

    def merge(self, a: Var, b: Var) -> None:
        a, b = self.find(a), self.find(b)
        if a is not b:
            self.leader[b] = a
            self.live[a] |= self.live[b]
            self.members[a] += self.members.pop(b)

    def clash(self, a: Var, b: Var) -> bool:
        """Are some members of both classes live at once?"""
        return self.live[self.find(a)] & self.live[self.find(b)] != 0

    def wish(self, a: Atom, b: Var) -> None:
        if not isinstance(a, Var) or a not in self.spans or b not in self.spans:
            return  # one of them is part of an expression
        if self.find(a) is self.find(b):
            return
        if a in self.constant:
            return
        mine, other = self.hint(a), self.hint(b)
        if mine and other and mine != other and not other.startswith("."):
            return  # the user's `s` must never be printed as `k_bar`
        if not self.clash(a, b):
            self.merge(a, b)

    def hint(self, v: Var) -> str:
        found = {m.hint for m in self.members[self.find(v)] if m.hint and m.hint != "_"}
        return min(found, key=lambda h: (h.startswith("."), h)) if found else ""

    def forced(self, block: Block) -> None:
        for s in block.stmts:
            if isinstance(s, Loop):
                n = len(s.carried)
                for p, out in zip(s.body.params[1 : n + 1], s.outs, strict=False):
                    self.merge(p, out)
                if not isinstance(s.over, Range):
                    for p, t in zip(s.body.params[1 : n + 1], s.over.test.params, strict=True):
                        self.merge(p, t)
                self.forced(s.body)
            elif isinstance(s, Branch):
                self.forced(s.then)
                self.forced(s.orelse)

    def wished(self, block: Block) -> None:
        for s in block.stmts:
            if isinstance(s, Eqn) and (s.op in WRITES or s.op in (ops.copy, ops.bound)):
                self.wish(s.args[0], s.out)
            elif isinstance(s, Loop):
                n = len(s.carried)
                self.wished(s.body)
                for init, out, r in zip(s.carried, s.outs[:n], s.body.results, strict=False):
                    self.wish(r, out)
                    self.wish(init, out)
            elif isinstance(s, Branch):
                self.wished(s.then)
                self.wished(s.orelse)
                for k, out in enumerate(s.outs[: s.joined]):
                    if out in self.spans:
                        self.wish(s.then.results[k], out)
                        self.wish(s.orelse.results[k], out)

    def assign(self) -> None:
        order = sorted(
            self.members, key=lambda v: min(seg for m in self.members[v] for seg in self.spans[m])
        )
        for v in order:
            own = [self.fixed[m] for m in self.members[v] if m in self.fixed]
            if own:
                self.take(v, own[0])
        # Names of the user's first: a temporary goes out of their way.
        for v in sorted(order, key=lambda v: self.hint(v) in ("", RESULT)):
            if v not in self.names and not all(map(is_tape, self.members[v])):
                self.take(v, self.free(v))

    def take(self, v: Var, name: str) -> None:
        self.names[v] = name
        self.taken[name].append(v)
        self.busy[name] |= self.live[v]

    def free(self, v: Var) -> str:
        base, alone = self.base(v)
        live, known = self.live[v], self.tried[base]
        for name in known:
            if self.is_free(name, live, alone):
                return name
        while True:
            name = _numbered(base, self.next[base])
            self.next[base] += 1
            if name not in self.reserved:
                known.append(name)
                if self.is_free(name, live, alone):
                    return name

    def is_free(self, name: str, live: int, alone: bool) -> bool:
        """Has nothing else the name where the class is live; or, `alone`, anywhere?"""
        if alone and self.taken.get(name):
            return False
        return not live & self.busy[name]

    def base(self, v: Var) -> tuple[str, bool]:
        """What a class is called, without a number; is the name for its value alone?"""
        hint, members = self.hint(v), self.members[v]
        if hint and not (hint == RESULT and not self.results.intersection(members)):
            return _plain(hint), False
        if not self.words.numbers.isdisjoint(members):
            return "i", False
        for m in members:  # of one meaning with another value
            like = self.words.origin(m)
            if like is not m and isinstance(like, Var) and like in self.leader:
                named = self.names.get(self.find(like))
                if named is not None:
                    return named, False
        for m in members:
            primal = self.bars.get(m) if m in self.backward else None
            word = self.called(primal) if primal is not None else ""
            if word:
                return f"{word}_bar", False
        mine = [m for m in members if not self.words.is_taken(m)]
        if mine and all(m in self.backward for m in mine):
            if not any(self.words.is_read(m) or self.words.is_function(m) for m in mine):
                return "g", True
        return self.words.of_class(members)

    def called(self, v: Var) -> str:
        """The name of a value of the forward sweep, or nothing."""
        if v.hint and v.hint != RESULT:
            return _plain(v.hint)
        return self.names.get(self.find(v), "") if v in self.leader else ""

    def tape(self, hint: str) -> str:
        """A name for a list that is nothing else."""
        n, name = 1, hint
        while name in self.reserved or self.taken.get(name):
            n += 1
            name = f"{hint}{n}"
        self.reserved.add(name)
        return name


def _plain(hint: str) -> str:
    """The hint of a local of an inlined function without its mark."""
    return hint.lstrip(".").rstrip("0123456789") if hint.startswith(".") else hint


def backward(func: Func) -> set[Var]:
    """What the backward sweep binds."""
    mirror: set[Var] = func.notes.get("mirror", set())
    found: set[Var] = set()
    started = False
    for s in func.body.stmts:
        started = started or bool(mirror.intersection(bound_by(s)))
        if started:
            found |= bound_anywhere(Block((), (s,), ()))
    return found


def _numbered(base: str, n: int) -> str:
    """`x`, `x1`, `x2`; `x1`, `x1_1`, `x1_2`."""
    if not n:
        return base
    return f"{base}_{n}" if base[-1].isdigit() else f"{base}{n}"


BUILTINS = frozenset(dir(builtins))
__all__ = ["BUILTINS", "Names", "backward"]
