"""Loops whose heads walk the tapes: `for x in reversed(x_tape):`.

A tape that a loop of the function itself fills has one item a turn, and the loop that mirrors it
reads all of them.  The tapes of inner loops hold the items of all turns around them: these are
taken one by one, with `pop`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from s2sgrad.emit.apart import Apart
from s2sgrad.emit.live import Use
from s2sgrad.ir.graph import Atom, Eqn, Func, Loop, Range, Var, atom_type
from s2sgrad.ir.types import Seq

MOST = 8  # names in a head


class Heads:
    """`tapes` has the loops that walk tapes in their heads, with the parameters and these tapes.

    `bare` are those that say nothing else: how often they run, the tapes tell.  `uncounted` are
    loops whose turns need not be counted.
    """

    def __init__(self, func: Func, where: Mapping[Var, Sequence[Use]], apart: Apart) -> None:
        self.where, self.apart = where, apart
        loops = [s for s in func.body.stmts if isinstance(s, Loop)]
        self.tapes = {s: found for s in loops if (found := self.walked(s))}
        self.bare = {s for s in self.tapes if not where[s.body.params[0]] and s.stop is None}
        self.uncounted = {s for s in loops if self.is_told(s.count)}

    def walked(self, s: Loop) -> dict[Var, Var]:
        """What is taken from tapes in the head of a loop: no more names than a line holds.

        A tape that is read otherwise, too, must keep its items.
        """
        pairs = zip(s.body.params[len(s.carried) + 1 :], s.walked, strict=True)
        own = {p: w for p, w in pairs if isinstance(w, Var) and is_one_a_turn(w)}
        if not isinstance(s.over, Range):
            return {}
        room, found = MOST, {}
        for p, w in sorted(own.items(), key=lambda pair: len(self.where[pair[1]]) == 1):
            n = self.apart.counts.get(p, 1)
            if n <= room or len(self.where[w]) > 1:
                found[p] = w
                room -= n
        return {p: w for p, w in own.items() if p in found}

    def is_kept(self, tape: Var) -> bool:
        """Do all who walk the tape leave its items in it?"""
        return all(
            isinstance(u, Eqn) or (isinstance(u, Loop) and tape in self.tapes.get(u, {}).values())
            for _, u in self.where[tape]
        )

    def is_read(self, tape: Atom) -> bool:
        """Does some head read the tape, which leaves its items in it?"""
        return any(tape in found.values() for found in self.tapes.values())

    def is_told(self, count: Var | None) -> bool:
        """Do tapes tell the number of turns to all who ask for it?"""
        return count is not None and all(u in self.bare for _, u in self.where[count])


def is_one_a_turn(tape: Atom) -> bool:
    """Does the tape have one item a turn, not a list for inner loops to take from?"""
    t = atom_type(tape)
    return isinstance(t, Seq) and not isinstance(t.item, Seq)
