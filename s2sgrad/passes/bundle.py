"""One list of tuples in place of many tapes that are filled and emptied at the same places.

`tape.append((a, b, c))` and `a, b, c = tape.pop()` take 58 ns where three lists take 121 (`timeit`,
CPython 3.11); two lists are as fast as one of pairs.  Tuples are objects that the garbage collector
visits: over 100 000 turns the three lists are 10 % faster, over 1000 they are 15 % slower.  Runs
last, after memory: a tuple holds what its tapes would.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from s2sgrad.ir import ops
from s2sgrad.ir.graph import (
    Atom,
    Block,
    Branch,
    Eqn,
    Form,
    Func,
    Hole,
    Loop,
    Range,
    Stmt,
    Var,
    atom_type,
)
from s2sgrad.ir.types import SAVED, Seq, Several
from s2sgrad.ir.walk import bound_by
from s2sgrad.passes.mirrors import Mirrors, Pair, walks
from s2sgrad.passes.prune import prune

FEWEST = 3


def bundle(func: Func) -> Func:
    """`func`, whose tapes of one block and one mirror are one."""
    mirrors = Mirrors(func)
    uses: Counter[Atom] = Counter()
    _count(func.body, uses)
    packs = [found for pair in mirrors.pairs.values() if (found := _Pack.of(pair, mirrors, uses))]
    if not packs:
        return func
    one = _Bundling(packs)
    return prune(replace(func, body=one.block(func.body)))


def _count(block: Block, uses: Counter[Atom]) -> None:
    """How often each sequence is walked, or read otherwise."""
    for s in block.stmts:
        if isinstance(s, Eqn):
            uses.update(s.args)
            continue
        for inner, _, sources in walks(s):
            uses.update(sources)
            _count(inner, uses)
    uses.update(block.results)


class _Pack:
    """The tapes of a pair that become one: that of the first."""

    def __init__(self, pair: Pair, seqs: list[Var], params: list[Var]) -> None:
        self.pair, self.seqs, self.params = pair, seqs, params
        items = [pair.items[p] for p in params]
        self.made = Var("", SAVED)
        self.pack = Eqn(self.made, ops.pack, tuple(items))
        self.taken = Var("", Several(tuple(map(atom_type, items))))
        forms = [Form((Hole(0), k)) for k in range(len(params))]
        self.reads = tuple(
            Eqn(p, ops.getitem, (self.taken,), form) for p, form in zip(params, forms, strict=True)
        )

    @staticmethod
    def of(pair: Pair, mirrors: Mirrors, uses: Counter[Atom]) -> _Pack | None:
        """The tapes of a pair that nothing but this mirror walks, if they are enough."""
        walked = next(w for w in walks(pair.walker) if w[0] is pair.mirror)
        seqs, params = [], []
        order: dict[Atom, int] = {
            v: k for k, s in enumerate(pair.forward.stmts) for v in bound_by(s)
        }
        found = [*zip(*walked[1:], strict=True)]
        for p, source in sorted(found, key=lambda f: order.get(pair.items.get(f[0], f[0]), -1)):
            seq = mirrors.origin.get(source, source)
            alone = uses[source] == 1 and (seq is source or uses[seq] == 1)
            if p in pair.items and alone and isinstance(seq, Var) and not isinstance(p.type, Seq):
                seqs.append(seq)
                params.append(p)
        return _Pack(pair, seqs, params) if len(seqs) >= FEWEST else None


class _Bundling:
    def __init__(self, packs: list[_Pack]) -> None:
        self.filled = {p.pair.forward: p for p in packs}
        self.emptied = {p.pair.mirror: p for p in packs}

    def block(self, block: Block, results: tuple[Atom, ...] | None = None) -> Block:
        """The block, with its tuple made where the last of the items is."""
        pack, taken = self.filled.get(block), self.emptied.get(block)
        stmts: list[Stmt] = [] if taken is None else [*taken.reads]
        items = () if pack is None else pack.pack.args
        missing = {v for s in block.stmts for v in bound_by(s)}.intersection(items)
        if pack is not None and not missing:
            stmts.append(pack.pack)
        for s in block.stmts:
            stmts.append(s if isinstance(s, Eqn) else self.stmt(s))
            if pack is not None and missing:
                missing.difference_update(bound_by(s))
                if not missing:
                    stmts.append(pack.pack)
        params = tuple(p for p in block.params if taken is None or p not in taken.params)
        if taken is not None:
            params += (taken.taken,)
        return Block(params, tuple(stmts), block.results if results is None else results)

    def stmt(self, s: Loop | Branch) -> Stmt:
        if isinstance(s, Loop):
            over = s.over
            if not isinstance(over, Range):
                over = replace(over, test=self.block(over.test))
            body = self.block(s.body, self.results(s.body, s.outs))
            n = len(s.carried) + 1
            return replace(s, over=over, walked=self.walked(s.body, n, s.walked), body=body)
        arms = [
            self.block(arm, self.results(arm, (*s.outs[: s.joined], *s.collected(k))))
            for k, arm in enumerate(s.arms)
        ]
        walked = [self.walked(arm, 0, s.walked[k]) for k, arm in enumerate(s.arms)]
        return replace(s, walked=(walked[0], walked[1]), then=arms[0], orelse=arms[1])

    def results(self, block: Block, outs: tuple[Var, ...]) -> tuple[Atom, ...]:
        """The tuple takes the place of its first item."""
        pack = self.filled.get(block)
        if pack is None:
            return block.results
        pairs = zip(block.results, outs, strict=True)
        return tuple(pack.made if v is pack.seqs[0] else r for r, v in pairs)

    def walked(self, block: Block, n: int, sources: tuple[Atom, ...]) -> tuple[Atom, ...]:
        """The sequences that the parameters from number `n` on walk."""
        taken = self.emptied.get(block)
        if taken is None:
            return sources
        pairs = [*zip(block.params[n:], sources, strict=True)]
        first = next(a for p, a in pairs if p is taken.params[0])
        return (*(a for p, a in pairs if p not in taken.params), first)
