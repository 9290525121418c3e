"""Which block mirrors which: what a block collects, its mirror walks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from s2sgrad.ir.graph import Atom, Block, Branch, Eqn, Func, Lit, Loop, Range, Stmt, Var
from s2sgrad.ir.types import Several
from s2sgrad.ir.walk import bound_by


@dataclass(eq=False)
class Pair:
    """A block of `owner`, and its mirror: a block of `walker` whose parameters are its values."""

    owner: Loop | Branch
    forward: Block
    walker: Loop | Branch
    mirror: Block
    parent: Pair | None  # the pair of blocks that `owner` and `walker` stand in, if not one block
    items: dict[Var, Atom] = field(default_factory=dict)  # a parameter of the mirror, its value
    index: Var | None = None  # what counts the turns in the mirror as it does in the forward block

    @property
    def turns(self) -> float:
        """How often both run, for one run of what is around them: a guess."""
        outer = self.parent.turns if self.parent is not None else 1.0
        return outer * (10.0 if isinstance(self.owner, Loop) else 1.0)


class Mirrors:
    """The pairs of a function, outer ones first, and where each value is bound."""

    def __init__(self, func: Func) -> None:
        self.home: dict[Var, Block] = {}
        self.made: dict[Var, Eqn] = {}
        self.standing: dict[Stmt, Block] = {}
        self.collected: dict[Atom, tuple[Loop | Branch, Block, Atom]] = {}
        self.pairs: dict[tuple[Block, Block], Pair] = {}
        self.origin: dict[Atom, Atom] = {}  # a parameter of a mirror, and what it is an item of
        self._note(func.body)
        self._pair(func.body)
        self.of: dict[Block, list[Pair]] = defaultdict(list)  # the pairs of a forward block
        for pair in self.pairs.values():
            self.of[pair.forward].append(pair)

    def _note(self, block: Block) -> None:
        self.home.update(dict.fromkeys(block.params, block))
        for s in block.stmts:
            self.home.update(dict.fromkeys(bound_by(s), block))
            if isinstance(s, Eqn):
                self.made[s.out] = s
                continue
            self.standing[s] = block
            for inner, seqs, items in collects(s):
                for v, r in zip(seqs, items, strict=True):
                    self.collected[v] = s, inner, r
                self._note(inner)
            if isinstance(s, Loop) and not isinstance(s.over, Range):
                self._note(s.over.test)

    def _pair(self, block: Block) -> None:
        for s in block.stmts:
            if isinstance(s, Eqn):
                continue
            for inner, params, sources in walks(s):
                for p, a in zip(params, sources, strict=True):
                    self._item(s, block, inner, p, a)
            for inner, _, _ in walks(s):
                self._pair(inner)

    def _item(self, s: Loop | Branch, block: Block, inner: Block, p: Var, a: Atom) -> None:
        """The parameter `p` of `inner`, a block of `s`, is an item of the sequence `a`."""
        seq = self.origin.get(a, a)
        if not isinstance(a, Var) or seq not in self.collected or self.home[a] is not block:
            return
        owner, forward, r = self.collected[seq]
        around = self.standing[owner]
        parent = self.pairs.get((around, block))
        if parent is None and around is not block:
            return
        self.origin[p] = r
        pair = self.pairs.get((forward, inner))
        if pair is None:
            pair = Pair(owner, forward, s, inner, parent)
            self.pairs[forward, inner] = pair
            self._count(pair)
        pair.items[p] = r

    def _count(self, pair: Pair) -> None:
        """Is the number of the turn the same in both loops?"""
        if not (isinstance(pair.owner, Loop) and isinstance(pair.walker, Loop)):
            return
        there = pair.walker.over
        here = pair.owner.over if isinstance(pair.owner.over, Range) else _COUNT
        if not isinstance(there, Range):
            return
        if self.equal(there.start, here.start) and self.equal(there.step, here.step):
            pair.index = pair.mirror.params[0]
            self.origin[pair.index] = pair.forward.params[0]

    def equal(self, a: Atom, b: Atom) -> bool:
        """Is the value `a` of a mirror surely the value `b` of what it mirrors?"""
        if a is b or self.origin.get(a) is b:
            return True
        if isinstance(a, Lit) or isinstance(b, Lit):
            same = isinstance(a, Lit) and isinstance(b, Lit) and type(a.value) is type(b.value)
            return same and bool(a.value == b.value)  # type: ignore[union-attr]
        x, y = self.made.get(a), self.made.get(b)
        if x is None or y is None or x.op is not y.op or len(x.args) != len(y.args) or x.effect:
            return False
        same = repr(x.form) == repr(y.form)
        return same and all(map(self.equal, x.args, y.args))

    def taken(self) -> Iterator[tuple[Atom, Var]]:
        """Values of forward blocks, each with the value that its mirror takes from the tape."""
        for pair in self.pairs.values():
            for p, v in pair.items.items():
                pack = self.made.get(v) if isinstance(v, Var) else None
                if not isinstance(p.type, Several):
                    yield v, p
                elif pack is not None:
                    reads = [s for s in pair.mirror.stmts if isinstance(s, Eqn) and p in s.args]
                    for s in reads:
                        assert s.form is not None
                        yield pack.args[s.form.args[1]], s.out


_COUNT = Range(Lit(0), Lit(0), Lit(1))  # how a `while` is counted


def collects(s: Loop | Branch) -> Iterator[tuple[Block, tuple[Var, ...], tuple[Atom, ...]]]:
    """The blocks of a statement, with the sequences that each collects and their items."""
    if isinstance(s, Loop):
        n = len(s.carried)
        yield s.body, s.outs[n:], s.body.results[n:]
        return
    for k, arm in enumerate(s.arms):
        yield arm, s.collected(k), arm.results[s.joined :]


def walks(s: Loop | Branch) -> Iterator[tuple[Block, tuple[Var, ...], tuple[Atom, ...]]]:
    """The blocks of a statement, with the parameters that each walks and the sequences."""
    if isinstance(s, Loop):
        yield s.body, s.body.params[len(s.carried) + 1 :], s.walked
        return
    for k, arm in enumerate(s.arms):
        yield arm, arm.params, s.walked[k]
