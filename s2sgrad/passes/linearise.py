"""The tangent of an operation whose rule can only be pulled back.

A vjp is linear in its cotangent `g`: transposing it in `g` gives the jvp (Radul et al., "You Only
Linearize Once", 2022, read backwards).  So reverse mode runs twice over the one equation: once
for the vjp, and once over that, in `g`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from s2sgrad.errors import DifferentiationError, InternalError
from s2sgrad.ir.alias import SHAPE_ONLY
from s2sgrad.ir.build import substitute
from s2sgrad.ir.graph import Atom, Block, Eqn, Func, Lit, Var
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
    old = {s, *reads}
    for before, e in zip(kept.stmts, block.stmts, strict=True):
        assert isinstance(before, Eqn)
        assert isinstance(e, Eqn)
        shape = SHAPE_ONLY.get(before.op, ())
        if any(a in gs and k not in shape for k, a in enumerate(before.args)):
            raise Unpushable("its vjp is not linear in the cotangent")
        if e.out not in {o.out for o in old}:
            r.stmts.append(e)
    results: list[Atom | None] = list(block.results)
    if not reads:
        return results[0]
    found: dict[int, Atom | None] = {}
    for e, dot in zip(reads, results, strict=True):
        assert e.form is not None
        found[e.form.args[1]] = dot
    return [found.get(k) for k in range(1 + max(found))]
