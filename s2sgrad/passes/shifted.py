"""What a loop hands on and what it was handed are one sequence: one tape is enough.

The mirror of a loop may walk a carried value as it was at the beginning of each turn (`h`) and as
it was at the end.  The end of one turn is the beginning of the next: so the mirror carries the
second, and takes the first from the tape; also where that tape serves something else.
"""

from __future__ import annotations

from dataclasses import replace

from s2sgrad.ir.build import substitute
from s2sgrad.ir.graph import Atom, Block, Branch, Eqn, Func, Loop, Stmt, Var
from s2sgrad.ir.types import Seq
from s2sgrad.passes.mirrors import walks


def shifted(func: Func) -> Func:
    """`func` with mirrors that carry what they would take from a second tape."""
    walked: set[Atom] = set()
    _walked(func.body, walked)
    return replace(func, body=_block(func.body, walked))


def _walked(block: Block, found: set[Atom]) -> None:
    for s in block.stmts:
        if not isinstance(s, Eqn):
            for inner, _, sources in walks(s):
                found.update(sources)
                _walked(inner, found)


def _block(block: Block, walked: set[Atom]) -> Block:
    collected: dict[Var, tuple[Loop, Atom]] = {}
    stmts: list[Stmt] = []
    for s in block.stmts:
        if isinstance(s, Branch):
            s = replace(s, then=_block(s.then, walked), orelse=_block(s.orelse, walked))
        elif isinstance(s, Loop):
            s = replace(s, body=_block(s.body, walked))
            while (new := _carrying(s, collected, walked)) is not None:
                s = new
            n = len(s.carried)
            items = zip(s.outs[n:], s.body.results[n:], strict=True)
            collected.update((v, (s, r)) for v, r in items)
        stmts.append(s)
    return replace(block, stmts=tuple(stmts))


def _carrying(
    mirror: Loop, collected: dict[Var, tuple[Loop, Atom]], walked: set[Atom]
) -> Loop | None:
    """The mirror with one tape less, if two are one sequence and the first is its own to walk."""
    for j, end in enumerate(mirror.walked):
        loop, handed = collected.get(end, (None, None)) if isinstance(end, Var) else (None, None)
        if loop is None or handed is None or mirror.down == loop.down:
            continue
        n = len(loop.carried)
        for start, (other, first) in collected.items():
            free = start in mirror.walked or start not in walked
            if other is not loop or not free or first not in loop.body.params[1 : n + 1]:
                continue
            k = loop.body.params.index(first) - 1
            if handed is loop.body.results[k]:
                mirror = _walking(mirror, start)
                return _with_slot(mirror, mirror.walked.index(start), j, loop.outs[k])
    return None


def _walking(mirror: Loop, tape: Var) -> Loop:
    """The mirror with `tape` among those that it walks."""
    if tape in mirror.walked:
        return mirror
    assert isinstance(tape.type, Seq)
    item = Var("", tape.type.item)
    body = replace(mirror.body, params=(*mirror.body.params, item))
    return replace(mirror, walked=(*mirror.walked, tape), body=body)


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
