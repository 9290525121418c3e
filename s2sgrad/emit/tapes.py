"""Tapes: lists that the forward sweep appends to and the backward sweep pops from."""

from __future__ import annotations

from collections.abc import Sequence

from s2sgrad.emit.live import at_hand, is_tape
from s2sgrad.emit.writes import Writes
from s2sgrad.ir.graph import Atom, Block, Eqn, Var


class Tapes(Writes):
    """What is collected and walked, and what a call has saved."""

    def take_apart(self, s: Eqn, depth: int) -> None:
        """`a, b = g(x)`, where the first item is read."""
        source = s.args[0]
        if s is not self.apart.reads[source][0]:
            return
        targets = []
        for v in self.apart.places(source):
            if v is not None and is_tape(v):
                self.tapes[v] = self.names.tape(v)
            targets.append("_" if v is None else self.tapes[v] if is_tape(v) else self.names[v])
        made = self.apart.made.get(source)
        value = self.names[source] if made is None else self.text(self.value(made))  # type: ignore[index]
        left = ", ".join(targets) + "," * (len(targets) == 1)
        self.line(depth, f"{left} = {value}")

    def tape(self, v: Var) -> str:
        """The list behind a collected sequence; nested collects share one."""
        return self.tapes[v]

    def open_tapes(self, outs: Sequence[Var], block_results: Sequence[Atom], depth: int) -> None:
        for v in outs:
            if v not in self.tapes:
                self.tapes[v] = self.names.tape(v)
                self.line(depth, f"{self.tapes[v]} = []")

    def share_tapes(self, arm: Block, seqs: Sequence[Var], results: Sequence[Atom]) -> None:
        for v, r in zip(seqs, results, strict=True):
            if isinstance(r, Var) and is_tape(r):
                self.tapes[r] = self.tapes[v]

    def appendcollected(self, block: Block, values: Sequence[Var], depth: int) -> None:
        for seq, r in self.collecting.get(id(block), ()):
            if r in values and not is_tape(r):
                self.line(depth, f"{self.tapes[seq]}.append({self.text(self.atom(r))})")

    def begin(self, block: Block, seqs: Sequence[Var], results: Sequence[Atom], depth: int) -> None:
        """Start a block that collects: append what is at hand before its first statement."""
        self.share_tapes(block, seqs, results)
        pairs = [(v, r) for v, r in zip(seqs, results, strict=True)]
        self.collecting[id(block)] = [(v, r) for v, r in pairs if isinstance(r, Var)]
        first = at_hand(block, results)
        for v, r in pairs:
            if r in first and not (isinstance(r, Var) and is_tape(r)):
                self.line(depth, f"{self.tapes[v]}.append({self.text(self.atom(r))})")

    def pops(self, params: Sequence[Var], sources: Sequence[Atom], depth: int) -> None:
        for p, source in zip(params, sources, strict=True):
            assert isinstance(source, Var)
            if is_tape(p):
                self.tapes[p] = self.tapes[source]
            else:
                self.line(depth, f"{self.names[p]} = {self.tapes[source]}.pop()")
