"""What a loop hands on and what it was handed are one sequence: one tape is enough.

The mirror of a loop may walk a carried value as it was at the beginning of each turn (`h`) and as
it was at the end.  The end of one turn is the beginning of the next: so the mirror carries the
second, and takes the first from the tape.
"""

from __future__ import annotations

from dataclasses import replace

from s2sgrad.ir.build import substitute
from s2sgrad.ir.graph import Atom, Block, Branch, Func, Loop, Stmt, Var


def shifted(func: Func) -> Func:
    """`func` with mirrors that carry what they would take from a second tape."""
    return replace(func, body=_block(func.body))


def _block(block: Block) -> Block:
    collected: dict[Var, tuple[Loop, Atom]] = {}
    stmts: list[Stmt] = []
    for s in block.stmts:
        if isinstance(s, Branch):
            s = replace(s, then=_block(s.then), orelse=_block(s.orelse))
        elif isinstance(s, Loop):
            s = replace(s, body=_block(s.body))
            while (new := _carrying(s, collected)) is not None:
                s = new
            n = len(s.carried)
            items = zip(s.outs[n:], s.body.results[n:], strict=True)
            collected.update((v, (s, r)) for v, r in items)
        stmts.append(s)
    return replace(block, stmts=tuple(stmts))


def _carrying(mirror: Loop, collected: dict[Var, tuple[Loop, Atom]]) -> Loop | None:
    """The mirror with one tape less, if it walks two that are one sequence."""
    found = [collected.get(a) if isinstance(a, Var) else None for a in mirror.walked]
    for j, end in enumerate(found):
        for i, start in enumerate(found):
            if end is None or start is None or end[0] is not start[0] or i == j:
                continue
            loop = end[0]
            for k, p in enumerate(loop.body.params[1 : len(loop.carried) + 1]):
                if start[1] is p and end[1] is loop.body.results[k] and mirror.down != loop.down:
                    return _with_slot(mirror, i, j, loop.outs[k])
    return None


def _with_slot(mirror: Loop, i: int, j: int, last: Var) -> Loop:
    """Item `j` is what item `i` was in the turn before; in the first turn it is `last`."""
    n = len(mirror.carried)
    index, carried, items = (
        mirror.body.params[0],
        mirror.body.params[1 : n + 1],
        mirror.body.params[n + 1 :],
    )
    slot = Var(items[j].hint, items[j].type)
    body = substitute(mirror.body, {items[j]: slot})
    rest = [k for k in range(len(items)) if k != j]
    body = replace(
        body,
        params=(index, *carried, slot, *(items[k] for k in rest)),
        results=(*body.results[:n], items[i], *body.results[n:]),
    )
    return replace(
        mirror,
        outs=(*mirror.outs[:n], Var(slot.hint, slot.type), *mirror.outs[n:]),
        carried=(*mirror.carried, last),
        walked=tuple(mirror.walked[k] for k in rest),
        body=body,
    )
