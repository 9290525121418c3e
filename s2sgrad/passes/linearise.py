"""The tangent of an operation whose rule can only be pulled back.

A vjp is linear in its cotangent `g`: transposing it in `g` gives the jvp (Radul et al., "You Only
Linearize Once", 2022, read backwards).  So reverse mode runs twice over the one equation: once
for the vjp, and once over that, in `g`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from s2sgrad.errors import DifferentiationError, InternalError
from s2sgrad.ir.build import substitute
from s2sgrad.ir.graph import Atom, Block, Eqn, Func, Lit, Var
from s2sgrad.passes.activity import contents
from s2sgrad.passes.prune import prune
from s2sgrad.passes.record import Recorder
from s2sgrad.passes.reverse import reverse


class Unpushable(Exception):
    """The vjp cannot be transposed."""


def transposed(
    r: Recorder, s: Eqn, reads: Sequence[Eqn], tangents: Mapping[Var, Atom]
) -> Atom | list[Atom | None] | None:
    """The tangent of the result of `s`; a list for an operation with several results.

    `reads` are the equations that read these.  Raises `Unpushable`.
    """
    outs = [e.out for e in reads] if reads else [s.out]
    params = tuple(dict.fromkeys(a for a in s.args if isinstance(a, Var)))
    gs = [Var("", v.type) for v in outs]
    one = Func("one", Block(params, (s, *reads), tuple(outs)), tuple(p.hint for p in params))
    live = list(tangents)
    try:
        pulled = reverse(one, live, gs, gs)
        n = len(outs)
        seeds = [*[Lit(0.0)] * n, *tangents.values()]
        back = reverse(pulled, gs, seeds, ())
    except (DifferentiationError, InternalError) as e:
        why = e.refusals[0].message if isinstance(e, DifferentiationError) else str(e)
        raise Unpushable(why.splitlines()[0]) from e
    dots = back.body.results[len(seeds) :]
    kept = prune(Func("one", Block(back.body.params, back.body.stmts, dots), back.names)).body
    block = substitute(kept, dict(zip(gs, outs, strict=True)))
    if _depends(kept, set(gs)):
        raise Unpushable("its vjp is not linear in the cotangent")
    known = {s.out, *outs}
    r.stmts.extend(e for e in block.stmts if isinstance(e, Eqn) and e.out not in known)
    results: list[Atom | None] = list(block.results)
    if not reads:
        return results[0]
    found: dict[int, Atom | None] = {}
    for read, dot in zip(reads, results, strict=True):
        assert read.form is not None
        found[read.form.args[1]] = dot
    return [found.get(k) for k in range(1 + max(found))]


def _depends(block: Block, given: set[Atom]) -> bool:
    """Do the results depend on the contents of the values `given`, not on their shapes alone?"""
    for e in block.stmts:
        assert isinstance(e, Eqn)
        if any(a in given for a in contents(e)):
            given.add(e.out)
    return not given.isdisjoint(block.results)
