"""Where each value is live in the emitted text: segments over numbered positions.

Blocks are read backwards.  A value read in a loop that does not bind it is live in the whole loop;
one that only one arm of a branch reads is not live in the other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING

from s2sgrad.ir.alias import WRITES
from s2sgrad.ir.graph import Atom, Block, Branch, Eqn, Func, Loop, Range, Stmt, Var, is_attempt
from s2sgrad.ir.types import Seq
from s2sgrad.ir.walk import bound_by, reads

if TYPE_CHECKING:
    from s2sgrad.emit.heads import Heads

Segment = tuple[int, int]
Use = tuple[Block, Stmt | None]


def uses(block: Block, into: dict[Var, list[Use]]) -> None:
    """Every use of every value: the block it stands in, and the statement (None: a result)."""

    def see(atoms: Iterable[Atom], where: Block, s: Stmt | None) -> None:
        for a in atoms:
            if isinstance(a, Var):
                into[a].append((where, s))

    for s in block.stmts:
        if isinstance(s, Eqn):
            see(s.args, block, s)
        elif isinstance(s, Branch):
            see((s.test, *s.walked[0], *s.walked[1]), block, s)
            uses(s.then, into)
            uses(s.orelse, into)
        else:
            see((*s.carried, *s.walked), block, s)
            if isinstance(s.over, Range):
                see((s.over.start, s.over.stop, s.over.step), block, s)
            else:
                uses(s.over.test, into)
            uses(s.body, into)
    see(block.results, block, None)


def at_hand(block: Block, collected: Iterable[Atom]) -> list[Atom]:
    """What the block collects without having computed it: that is appended first."""
    made: set[Atom] = set()
    for s in block.stmts:
        made.update(bound_by(s))
    return [a for a in collected if a not in made]


class _Backwards:
    """Positions fall from 0; `live` maps a live value to the end of its current segment."""

    def __init__(
        self,
        folded: dict[Var, Eqn | Branch],
        taped: set[Atom],
        rows: dict[Loop, Eqn],
        heads: Heads,
    ) -> None:
        self.folded, self.taped, self.rows, self.heads = folded, taped, rows, heads
        self.row_reads = set(rows.values())
        self.at = 0
        self.live: dict[Var, int] = {}
        self.segments: dict[Var, list[Segment]] = defaultdict(list)

    def step(self) -> None:
        self.at -= 1

    def use(self, a: Atom) -> None:
        if not isinstance(a, Var):
            return
        made = self.folded.get(a)
        if made is None:
            self.live.setdefault(a, self.at)
        elif isinstance(made, Eqn):
            self.use_all(made.args)
        else:
            self.use_all((made.test, made.then.results[0], made.orelse.results[0]))

    def use_all(self, atoms: Iterable[Atom]) -> None:
        for a in atoms:
            self.use(a)

    def bind(self, v: Var) -> None:
        self.segments[v].append((self.at, self.live.pop(v, self.at)))

    def split(self) -> dict[Var, int]:
        """End all segments here, and go on with the same values."""
        for v, end in self.live.items():
            self.segments[v].append((self.at, end))
        self.step()
        return dict.fromkeys(self.live, self.at)

    def stmts(self, stmts: tuple[Stmt, ...]) -> None:
        for s in reversed(stmts):
            self.step()
            if isinstance(s, Eqn):
                if s in self.row_reads:
                    continue  # bound by the loop
                if s.out not in self.folded:
                    if s.op in WRITES:
                        self.stored(s)
                    self.bind(s.out)
                    self.step()
                    self.use_all(s.args)
                elif s.out in self.taped:  # appended where it is computed
                    self.use_all(s.args)
            elif isinstance(s, Branch):
                if not (s.outs and s.outs[0] in self.folded):
                    self.branch(s)
            else:
                self.loop(s)

    def stored(self, s: Eqn) -> None:
        """The target has its name before the value is read; that may read the old version too."""
        base, later = s.args[0], s.args[0] in self.live
        self.use_all(s.args[1:])
        if isinstance(base, Var) and not later:
            self.live.pop(base, None)

    def branch(self, s: Branch) -> None:
        for v in s.outs:
            self.bind(v)
        self.step()
        after = self.split()
        before: set[Var] = set()
        for k in (1, 0):
            arm = s.arms[k]
            # The first arm of a `try` may be left anywhere: what the other reads is there.
            kept = [*after, *before] if is_attempt(s.test) else after
            self.live = dict.fromkeys(kept, self.at)
            self.use_all(arm.results[: s.joined])
            self.stmts(arm.stmts)
            self.step()
            self.use_all(at_hand(arm, arm.results[s.joined :]))
            self.pops(arm.params, s.walked[k])
            self.step()
            before.update(self.split())
        self.live = dict.fromkeys(before, self.at)
        self.use(s.test)

    def pops(self, params: tuple[Var, ...], sources: tuple[Atom, ...]) -> None:
        """Items are taken one after another, so that none may clobber another."""
        self.step()
        for p in params:
            self.live.setdefault(p, self.at)
        for p, w in zip(reversed(params), reversed(sources), strict=True):
            self.step()
            self.bind(p)
            self.use(w)

    def loop(self, s: Loop) -> None:
        n = len(s.carried)
        index, params, walked = s.body.params[0], s.body.params[1 : n + 1], s.body.params[n + 1 :]
        wanted = [p for p, v in zip(params, s.outs, strict=False) if v in self.live]
        for v in s.outs:
            self.bind(v)
        counted = s.count is not None and s not in self.heads.uncounted
        if counted:
            self.live.setdefault(s.count, self.at)  # type: ignore[arg-type]
        self.step()
        outer = reads([s.body] if isinstance(s.over, Range) else [s.body, s.over.test])
        self.use_all(outer)
        self.use_all(s.body.results[:n])
        self.stmts(s.body.stmts)
        self.step()
        self.use_all(at_hand(s.body, s.body.results[n:]))
        self.pops(walked, s.walked)
        self.step()
        row = self.rows.get(s)
        self.bind(index if row is None else row.out)
        self.step()
        if isinstance(s.over, Range):
            if s not in self.heads.bare:
                self.use_all((s.over.start, s.over.stop, s.over.step))
        else:
            # The test is the last thing that runs: it must not clobber the results.
            self.use_all(wanted)
            self.use_all(s.over.test.results)
            self.stmts(s.over.test.stmts)
            for t in s.over.test.params:
                self.bind(t)
        self.step()
        for p in params:
            self.bind(p)
        if counted:
            self.bind(s.count)  # type: ignore[arg-type]
        self.step()
        self.use_all(s.carried)


def liveness(
    func: Func,
    folded: dict[Var, Eqn | Branch],
    taped: set[Atom],
    rows: dict[Loop, Eqn],
    heads: Heads,
) -> dict[Var, list[Segment]]:
    """The segments of each value that gets a name.

    `taped` are the items of tapes; `rows` are read by the heads of loops.
    """
    w = _Backwards(folded, taped, rows, heads)
    w.use_all(func.body.results)
    w.stmts(func.body.stmts)
    w.step()
    for p in func.body.params:
        w.live.setdefault(p, w.at)
    for p in func.body.params:
        w.bind(p)
    assert not w.live, "a value is live before it is bound"
    return dict(w.segments)


def is_tape(v: Var) -> bool:
    return isinstance(v.type, Seq)
