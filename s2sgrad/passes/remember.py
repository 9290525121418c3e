"""What the mirror of a block needs of it: taped, or computed again.

`reverse` tapes what its rules ask for.  Here the choice is made anew over all values of the blocks
and their mirrors at once, as a minimum cut: a value that a mirror reads is taped, or it is computed
again from operands that the mirror must have in their turn.  What is bound outside of both, and the
number of the turn, costs nothing; what the program keeps in a list is read there.  Nothing is
computed again that has an effect, calls a function of the user's, may warn, or is dear.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace

from s2sgrad.ir.build import substitute
from s2sgrad.ir.graph import Atom, Block, Branch, Eqn, Func, Lit, Loop, Range, Stmt, Var
from s2sgrad.ir.types import Seq
from s2sgrad.passes.costs import again, to_tape, written
from s2sgrad.passes.cut import INFINITE, SINK, SOURCE, Graph
from s2sgrad.passes.filled import fillings
from s2sgrad.passes.frames import tape_name
from s2sgrad.passes.mirrors import Mirrors, Pair
from s2sgrad.passes.stored import stored


def remember(func: Func) -> Func:
    """`func`, whose mirrors take from tapes what is dearer to compute again."""
    mirrors = Mirrors(func)
    if not mirrors.pairs:
        return func
    choice = _Choice(mirrors, written(func.body))
    if not choice.needed:
        return func
    body = _Rewrite(mirrors, choice).function(func.body)
    return replace(func, body=body)


class _Choice:
    """The values that mirrors need, and which of them are taped."""

    def __init__(self, mirrors: Mirrors, spoiled: set[Atom]) -> None:
        self.mirrors, self.spoiled = mirrors, spoiled
        self.find_items()
        self.graph = Graph()
        self.seen: set[Var] = set()
        for pair in mirrors.pairs.values():
            for p, v in pair.items.items():
                if isinstance(v, Var) and not isinstance(p.type, Seq) and self.at(v, pair):
                    self.graph.edge(SOURCE, v, INFINITE)
                    self.enter(v, pair)
        near = self.graph.near_source()
        self.needed = {v for v in self.seen if v in near}
        self.taped = {v for v in self.needed if (v, "again") not in near}

    def find_items(self) -> None:
        """What the program keeps in a list or an array need not be taped: it is read there."""
        made, home = self.mirrors.made, self.mirrors.home
        for forward, pairs in self.mirrors.of.items():
            s = pairs[0].owner
            outside = all(p.parent is None and p.index is not None for p in pairs)
            if not isinstance(s, Loop) or not outside:
                continue
            found = [one for one in fillings(s, made) if one.out not in self.spoiled]
            for sums, read in [r for one in found for r in one.reads(made)]:
                made.update((e.out, e) for e in (*sums, read))
                home.update((e.out, forward) for e in sums)
            arrays = [one for one in stored(s, made) if one.out not in self.spoiled]
            made.update((e.out, e) for one in arrays for e in [*one.reads(made)])

    def at(self, v: Atom, pair: Pair | None) -> Pair | None:
        """The pair whose forward block binds `v`; None: it is bound outside of all of them."""
        while pair is not None and isinstance(v, Var) and self.mirrors.home[v] is not pair.forward:
            pair = pair.parent
        return pair if isinstance(v, Var) else None

    def enter(self, v: Var, pair: Pair) -> None:
        """Enter `v` into the graph, and all that it is computed from."""
        todo = [(v, pair)]
        while todo:
            v, pair = todo.pop()
            own = self.at(v, pair)
            if own is not None and v not in self.seen:
                self.seen.add(v)
                todo += [(a, own) for a in self.node(v, own) if isinstance(a, Var)]

    def node(self, v: Var, pair: Pair) -> tuple[Atom, ...]:
        """The edges of `v`; what it may be computed from.

        `v` is on the side of the source if a mirror has it, (v, "again") if it is computed there.
        """
        if self.is_index(v, pair):
            return ()
        made, tape = self.mirrors.made.get(v), to_tape(v, v in self.spoiled) * pair.turns
        cost = INFINITE if made is None or not self.has_operands(made, pair) else again(made)
        if made is None or cost == INFINITE:
            self.graph.edge(v, SINK, tape)
            return ()
        self.graph.edge(v, (v, "again"), tape)
        self.graph.edge((v, "again"), SINK, cost * pair.turns * len(self.mirrors.of[pair.forward]))
        for a in made.args:
            if self.at(a, pair):
                self.graph.edge((v, "again"), a, INFINITE)
        return made.args

    def is_index(self, v: Var, pair: Pair) -> bool:
        """Is it the number of the turn, in all mirrors?"""
        counted = isinstance(pair.owner, Loop) and v is pair.forward.params[0]
        return counted and all(p.index is not None for p in self.mirrors.of[pair.forward])

    def has_operands(self, made: Eqn, pair: Pair) -> bool:
        """Is none of its operands an array from outside that will have been written to?"""
        return not any(a in self.spoiled and not self.at(a, pair) for a in made.args)


@dataclass(eq=False)
class _Edit:
    """What is added to a block."""

    collected: list[tuple[Var, Var]] = field(default_factory=list)  # values, and their sequences
    walked: list[tuple[Var, Atom]] = field(default_factory=list)
    prelude: list[Stmt] = field(default_factory=list)


class _Rewrite:
    def __init__(self, mirrors: Mirrors, choice: _Choice) -> None:
        self.mirrors, self.choice = mirrors, choice
        self.edits: dict[Block, _Edit] = defaultdict(_Edit)
        self.known: dict[Pair, dict[Var, Atom]] = defaultdict(dict)

    def function(self, body: Block) -> Block:
        mapping: dict[Var, Atom] = {}
        for pair in self.mirrors.pairs.values():
            for p, v in pair.items.items():
                if isinstance(v, Var) and (isinstance(p.type, Seq) or self.is_taped(v, pair)):
                    self.known[pair].setdefault(v, p)
        for pair in self.mirrors.pairs.values():
            for p, v in pair.items.items():
                if isinstance(p.type, Seq):
                    continue
                if isinstance(v, Lit) or self.own(v, pair) or v not in self.choice.spoiled:
                    have = self.have(v, pair)
                    if have is not p:
                        mapping[p] = have
        return substitute(self.block(body), mapping)

    def is_taped(self, v: Var, pair: Pair) -> bool:
        """Is `v` taped by this very pair?"""
        return v in self.choice.taped and self.own(v, pair) is pair

    def own(self, v: Atom, pair: Pair) -> Pair | None:
        return self.choice.at(v, pair)

    def have(self, v: Atom, pair: Pair | None) -> Atom:
        """The value `v` in the mirror of `pair`."""
        pair = self.choice.at(v, pair)
        if pair is None:
            return v
        assert isinstance(v, Var)
        known = self.known[pair]
        if v not in known:
            if self.choice.is_index(v, pair):
                assert pair.index is not None
                known[v] = pair.index
            elif v in self.choice.taped or isinstance(v.type, Seq):
                known[v] = self.walked(v, pair)
            else:
                known[v] = self.again(v, pair)
        return known[v]

    def again(self, v: Var, pair: Pair) -> Var:
        made = self.mirrors.made[v]
        args = tuple(self.have(a, pair) for a in made.args)
        out = Var(v.hint, v.type, v.extent)
        self.edits[pair.mirror].prelude.append(replace(made, out=out, args=args, raises=False))
        return out

    def walked(self, v: Var, pair: Pair) -> Var:
        """The next item of a tape of `v`, which no other mirror walks: it takes what it reads."""
        seq = Var(tape_name(v), Seq(v.type))
        self.edits[pair.forward].collected.append((v, seq))
        self.mirrors.home[seq] = self.mirrors.standing[pair.owner]
        item = Var(v.hint, v.type, v.extent)
        self.edits[pair.mirror].walked.append((item, self.have(seq, pair.parent)))
        return item

    # -- the new function

    def block(self, block: Block) -> Block:
        edit = self.edits.get(block, _Edit())
        stmts = tuple(s if isinstance(s, Eqn) else self.stmt(s) for s in block.stmts)
        return Block(
            (*block.params, *(v for v, _ in edit.walked)),
            (*edit.prelude, *stmts),
            (*block.results, *(v for v, _ in edit.collected)),
        )

    def stmt(self, s: Loop | Branch) -> Stmt:
        if isinstance(s, Loop):
            edit = self.edits.get(s.body, _Edit())
            over = s.over
            if not isinstance(over, Range):
                over = replace(over, test=self.block(over.test))
            walked = (*s.walked, *(a for _, a in edit.walked))
            new = (*s.outs, *(seq for _, seq in edit.collected))
            return replace(s, outs=new, over=over, walked=walked, body=self.block(s.body))
        outs: list[Var] = [*s.outs[: s.joined]]
        walked_by_arm = []
        for k, arm in enumerate(s.arms):
            edit = self.edits.get(arm, _Edit())
            outs += [*s.collected(k), *(seq for _, seq in edit.collected)]
            walked_by_arm.append((*s.walked[k], *(a for _, a in edit.walked)))
        return replace(
            s,
            outs=tuple(outs),
            walked=(walked_by_arm[0], walked_by_arm[1]),
            then=self.block(s.then),
            orelse=self.block(s.orelse),
        )
