"""One list of tuples in place of many tapes that are filled and emptied at the same places.

`tape.append((a, b, c))` and `a, b, c = tape.pop()` take 58 ns where three lists take 121 (`timeit`,
CPython 3.11); two lists are as fast as one of pairs.  Tuples are objects that the garbage collector
visits: over 100 000 turns the three lists are 10 % faster, over 1000 they are 15 % slower.  Runs
last, after memory: a tuple holds what its tapes would.
"""

from __future__ import annotations

from collections import Counter, defaultdict
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

FEWEST = 2


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
        self.filled: dict[Block, list[_Pack]] = defaultdict(list)
        self.emptied: dict[Block, list[_Pack]] = defaultdict(list)
        for p in packs:
            self.filled[p.pair.forward].append(p)
            self.emptied[p.pair.mirror].append(p)

    def block(self, block: Block, results: tuple[Atom, ...] | None = None) -> Block:
        """The block, with its tuples made where the last of their items is."""
        filled, emptied = self.filled.get(block, []), self.emptied.get(block, [])
        stmts: list[Stmt] = [s for pack in emptied for s in pack.reads]
        here = {v for s in block.stmts for v in bound_by(s)}
        due = [(pack, here.intersection(pack.pack.args)) for pack in filled]
        stmts += [pack.pack for pack, missing in due if not missing]
        for s in block.stmts:
            stmts.append(s if isinstance(s, Eqn) else self.stmt(s))
            for pack, missing in due:
                if missing:
                    missing.difference_update(bound_by(s))
                    stmts += [] if missing else [pack.pack]
        gone = {p for pack in emptied for p in pack.params}
        params = tuple(p for p in block.params if p not in gone)
        params += tuple(pack.taken for pack in emptied)
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
        """A tuple takes the place of its first item."""
        made = {pack.seqs[0]: pack.made for pack in self.filled.get(block, ())}
        return tuple(made.get(v, r) for r, v in zip(block.results, outs, strict=True))

    def walked(self, block: Block, n: int, sources: tuple[Atom, ...]) -> tuple[Atom, ...]:
        """The sequences that the parameters from number `n` on walk."""
        emptied = self.emptied.get(block, [])
        source = dict(zip(block.params[n:], sources, strict=True))
        firsts = [source[pack.params[0]] for pack in emptied]
        for p in (p for pack in emptied for p in pack.params):
            del source[p]
        return (*source.values(), *firsts)
