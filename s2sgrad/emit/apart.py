"""Operations with several results, and what is saved for a backward half: `a, b = g(x)`.

They are written as one assignment where their items are read right behind them, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Sequence

from s2sgrad.emit.live import Use
from s2sgrad.ir import ops
from s2sgrad.ir.call import Kept
from s2sgrad.ir.graph import Atom, Block, Branch, Eqn, Field, Func, Loop, Range, Stmt, Var
from s2sgrad.ir.types import Saved, Several

READS = (ops.getitem, ops.held)


def _by_name(read: Eqn) -> bool:
    return read.form is not None and isinstance(read.form.args[1], Field)


class Apart:
    """Which values are taken apart in one assignment, and by which equations."""

    def __init__(self, func: Func, uses: dict[Var, list[Use]]) -> None:
        self.uses = uses
        self.reads: dict[Atom, list[Eqn]] = {}  # of a value that is never named itself
        self.counts: dict[Atom, int] = {}
        self.items: set[Var] = set()
        self.popped: set[Atom] = set()  # tuples that are taken from tapes
        self.made: dict[Atom, Eqn] = {}  # what makes a value that is taken apart
        for p in func.body.params:
            if isinstance(p.type, Saved):
                self.take(p, func.body.stmts, len(self.uses[p]))
        self.block(func.body)

    def block(self, block: Block) -> None:
        for k, s in enumerate(block.stmts):
            if isinstance(s, Branch):
                for arm in s.arms:
                    self.walked(arm.params, arm)
                    self.block(arm)
            elif isinstance(s, Loop):
                if not isinstance(s.over, Range):
                    self.block(s.over.test)
                self.walked(s.body.params[len(s.carried) + 1 :], s.body)
                self.block(s.body)
            elif isinstance(s.out.type, Several) and not s.out.type.open:
                n = len(s.op.body.body.results) if isinstance(s.op, Kept) else 0
                self.take(s.out, block.stmts[k + 1 :], n)
                self.made[s.out] = s

    def walked(self, params: Sequence[Var], block: Block) -> None:
        """Tuples on tapes."""
        for p in params:
            if isinstance(p.type, Several):
                self.take(p, block.stmts, len(p.type.items))
                self.popped.add(p)

    def take(self, whole: Var, rest: Sequence[Stmt], n: int) -> None:
        """Note the equations right behind `whole` that read its `n` items (0: it has a type)."""
        reads: list[Eqn] = []
        for s in rest:
            if not (isinstance(s, Eqn) and s.op in READS and s.args[0] is whole):
                break
            reads.append(s)
        if (len(reads) == 1 and not n) or any(map(_by_name, reads)):
            return  # `np.linalg.slogdet(a)[1]`, `solution.x`
        if reads and len(reads) == len(self.uses[whole]):
            items = whole.type.items if isinstance(whole.type, Several) else ()
            self.reads[whole], self.counts[whole] = reads, n or len(items)
            self.items.update(s.out for s in reads)

    def is_read(self, s: Eqn) -> bool:
        return s.op in READS and s.args[0] in self.reads

    def places(self, whole: Atom) -> list[Var | None]:
        """The items in their order; None for those that nobody reads."""
        found: list[Var | None] = [None] * self.counts[whole]
        for s in self.reads[whole]:
            assert s.form is not None
            found[s.form.args[1]] = s.out
        return found
