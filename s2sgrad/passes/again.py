"""Mirrors that run the primal again: checkpointed loops and functions.

The mirror of such a loop is the loop itself, from what it was given, and its own mirror with the
tapes of that; both are reversed as a function of their own and stand where the mirror stands.  A
function becomes one that takes its arguments and the cotangents of its results.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from s2sgrad.errors import DifferentiationError, Refusal
from s2sgrad.ir.build import renewed, substitute
from s2sgrad.ir.call import Kept, equations
from s2sgrad.ir.graph import Atom, Block, Func, Loop, Var, atom_type
from s2sgrad.ir.types import INT
from s2sgrad.ir.walk import reads
from s2sgrad.passes.frames import bar_name

if TYPE_CHECKING:
    from s2sgrad.passes.calls import Key, Pairs
    from s2sgrad.passes.reverse import Reverse

_WHOLE = (operator.add, operator.mul, min, max)


def rerun(r: Reverse, s: Loop) -> None:
    """The mirror of a checkpointed loop."""
    refuse_effects(s.body)
    outer = Block((), (replace(s, again=False),), s.outs)
    given = reads([outer])
    own = {v: Var(v.hint, v.type, v.extent) for v in given}
    body = renewed(substitute(outer, own))
    func = Func("", Block(tuple(own.values()), body.stmts, body.results), ())
    bars = [r.total(v) if r.frame.bars.get(v) else None for v in s.outs]
    for v in s.outs:
        r.frame.bars.pop(v, None)
    seeds = [Var(bar_name(v), v.type) if b else None for v, b in zip(s.outs, bars, strict=True)]
    pairs = [(seed, b) for seed, b in zip(seeds, bars, strict=True) if seed and b]
    marked = [seed for seed, b in pairs if b in r.selected.bars]
    live = [v for v in given if v in r.active]
    whole, marks = r.pairs.make(func, [own[v] for v in live], seeds, marked, r.pairs)
    known: dict[Var, Atom] = {own[v]: _known(r, v) for v in given}
    made = substitute(whole.body, {**known, **dict(pairs)})
    r.frame.stmts.extend(made.stmts)
    r.selected.masks |= whole.notes["guards"]
    r.bar_of.update(whole.notes["bars"])
    for v, bar, mark in zip(live, made.results[len(s.outs) :], marks, strict=True):
        if mark:
            r.selected.bars.add(bar)
        r.add(v, bar)


def _known(r: Reverse, a: Atom) -> Atom:
    """A value of the primal in the mirror; where the turns of a block end is computed again."""
    made = r.made_by.get(a) if isinstance(a, Var) else None
    whole = made is not None and made.out.type == INT and made.op in _WHOLE
    if made is None or not whole or r.home[made.out] is r.func.body:
        return r.need(a)
    args = tuple(_known(r, v) for v in made.args)
    return r.recorder.emit(made.op, args, made.form, hint=made.out.hint)


def backward(pairs: Pairs, key: Key) -> tuple[Kept, list[bool]]:
    """The function that runs another again, and backwards; which of its results are marked."""
    kept, taken, live, selected = key
    found = pairs.again.get(key)
    if found is not None:
        return found
    refuse_effects(kept.body.body)
    func = replace(kept.body, body=renewed(kept.body.body))
    params, results = func.body.params, func.body.results
    seeds = [
        Var(f"{_hint(a) or 'out'}_bar", atom_type(a)) if on else None
        for a, on in zip(results, live, strict=True)
    ]
    marked = [seed for seed, on in zip(seeds, selected, strict=True) if seed and on]
    wrt = [p for p, on in zip(params, taken, strict=True) if on]
    whole, marks = pairs.make(func, wrt, seeds, marked, pairs)
    name = pairs.unlike(f"{kept.name}_bwd")
    names = list(whole.names[: len(params)])
    for seed in filter(None, seeds):
        names.append(_unlike(seed.hint, names))
    block = replace(whole.body, results=whole.body.results[len(results) :])
    made = Kept(name, replace(whole, name=name, body=block, names=tuple(names)), untidy=True)
    pairs.again[key] = made, list(marks)
    return made, list(marks)


def refuse_effects(block: Block) -> None:
    """Effects are never run again."""
    for e in equations(block):
        if e.effect:
            raise DifferentiationError(
                Refusal(
                    f"`{getattr(e.op, '__name__', e.op)}` has an effect, which would happen again "
                    "when the backward sweep runs this part again",
                    e.at,
                    "draw, or write, outside of what is checkpointed",
                    anchor="checkpoint",
                )
            )


def _hint(a: Atom) -> str:
    return a.hint if isinstance(a, Var) and not a.hint.startswith(".") else ""


def _unlike(base: str, taken: Sequence[str]) -> str:
    n, name = 1, base
    while name in taken:
        n += 1
        name = f"{base}{n}"
    return name
