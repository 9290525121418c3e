"""Tapes: lists that the forward sweep appends to and the backward sweep pops from."""

from __future__ import annotations

from collections.abc import Sequence

from s2sgrad.emit import printer
from s2sgrad.emit.live import at_hand, is_tape
from s2sgrad.emit.writes import Writes
from s2sgrad.ir import ops
from s2sgrad.ir.graph import Atom, Block, Eqn, Lit, Var
from s2sgrad.ir.types import Saved

MOST_OPENED = 3  # lists, in one line


class Tapes(Writes):
    """What is collected and walked, and what a call has saved."""

    def take_apart(self, s: Eqn, depth: int) -> None:
        """`a, b = g(x)`, where the first item is read."""
        source = s.args[0]
        if s is not self.apart.reads[source][0] or source in self.apart.popped:
            return
        made = self.apart.made.get(source)
        value = self.names[source] if made is None else self.text(self.value(made))  # type: ignore[index]
        self.line(depth, f"{self.targets(source)} = {value}")
        if self.func.notes.get("again"):  # the caller may come back for the same tapes
            for v in filter(None, self.apart.places(source)):
                if is_tape(v) and not self.heads.is_kept(v):
                    self.line(depth, f"{self.tapes[v]} = {self.tapes[v]}.copy()")

    def targets(self, source: Atom) -> str:
        """The names of the items of a value that is taken apart."""
        targets = []
        for v in self.apart.places(source):
            if v is not None and is_tape(v):
                self.tapes[v] = self.names.tape(v.hint or "tape")
            targets.append("_" if v is None else self.tapes[v] if is_tape(v) else self.names[v])
        return ", ".join(targets) + "," * (len(targets) == 1)

    def open_tapes(self, outs: Sequence[Var], block_results: Sequence[Atom], depth: int) -> None:
        new = [v for v in outs if v not in self.tapes]
        for v in new:
            self.tapes[v] = self.names.tape(self.tape_hint(v))
        for at in range(0, len(new), MOST_OPENED):
            names = [self.tapes[v] for v in new[at : at + MOST_OPENED]]
            self.line(depth, f"{', '.join(names)} = {', '.join(['[]'] * len(names))}")

    def tape_hint(self, v: Var) -> str:
        """A tape is called after its items, one of tuples `tape`."""
        item: Atom = v
        while item in self.collected:
            item = self.collected[item]
        if isinstance(item, Lit) or isinstance(item.type, Saved):
            return "tape"
        if v.hint not in ("", "tape", "value_tape"):
            return v.hint
        word = self.names.words.word(item) if item in self.folded else self.names[item]
        made = self.order.made(item)
        if made is not None and made.op is ops.getitem and _user_named(made.args[0]):
            return f"{made.args[0].hint if word.rstrip('0123456789') == 't' else word}_tape"  # type: ignore[union-attr]
        return "tape" if word == "t" else f"{word}_tape"

    def share_tapes(self, arm: Block, seqs: Sequence[Var], results: Sequence[Atom]) -> None:
        for v, r in zip(seqs, results, strict=True):
            if isinstance(r, Var) and is_tape(r):
                self.tapes[r] = self.tapes[v]

    def append_collected(self, block: Block, values: Sequence[Var], depth: int) -> None:
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

    def pops(self, pairs: Sequence[tuple[Var, Atom]], depth: int) -> None:
        """Take an item from each of these tapes."""
        for p, source in pairs:
            assert isinstance(source, Var)
            if is_tape(p):
                self.tapes[p] = self.tapes[source]
            elif p in self.apart.reads:
                self.line(depth, self.popped(self.targets(p), self.tapes[source], depth))
            else:
                self.line(depth, f"{self.names[p]} = {self.tapes[source]}.pop()")

    def popped(self, targets: str, tape: str, depth: int) -> str:
        """A tuple is taken from a tape: in parentheses where the line must be broken."""
        text = f"{targets} = {tape}.pop()"
        return text if 4 * depth + len(text) <= printer.MARGIN else f"({targets}) = {tape}.pop()"


def _user_named(a: Atom) -> bool:
    return isinstance(a, Var) and a.hint not in ("", "_") and not a.hint.startswith(".")
