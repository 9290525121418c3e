"""Derivatives that a program itself asks for: `grad(U)(q)` in a function.

The parser hands over what it has read of the inner function, and goes on with what comes back: the
function with its derivative, in the form that the next derivative takes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from s2sgrad.front.transforms import Passes
from s2sgrad.front.values import Value
from s2sgrad.ir.call import has_calls
from s2sgrad.ir.graph import Atom, Func, Lit, Var, atom_type
from s2sgrad.ir.types import Scalar
from s2sgrad.passes import functions as functions  # what rules ask of functions
from s2sgrad.passes.calls import refuse_halves
from s2sgrad.passes.finish import finish
from s2sgrad.passes.forward import forward, has_tangent
from s2sgrad.passes.reverse import reverse
from s2sgrad.passes.seeds import check_elementwise, plan


def pulled(
    func: Func,
    result: Value,
    what: str,
    has_aux: bool,
    wrt: Sequence[Var],
    seeds: Sequence[Atom],
) -> Func:
    """`func` with its results followed by the cotangents of `wrt`.

    `seeds` are the cotangents of the results; if there are none, the result is a number.
    """
    n = len(func.body.results)
    if what == "elementwise_grad":
        planned = plan(func, result, what, has_aux, None)
        check_elementwise(func, list(wrt))
        func = planned.settle(reverse(planned.enter(func), wrt, planned.atoms, ()))
        refuse_halves(func)
        return finish(func, n, [v.type for v in wrt])
    if not seeds:
        planned = plan(func, result, what, has_aux, None)
        func, seeds = planned.checked(func), planned.atoms
    if has_calls(func) and len(wrt) == 1 and isinstance(wrt[0].type, Scalar) and what != "vjp":
        made = forward(func, {wrt[0]: Lit(1.0)})  # what halves of functions save has no derivative
        made = replace(made, body=replace(made.body, results=made.body.results[: n + 1]))
    else:
        made = reverse(func, wrt, seeds, ())
        refuse_halves(made)
    return finish(made, n, [v.type for v in wrt])


def pushed(func: Func, tangents: Mapping[Var, Atom]) -> Func:
    """`func` with its results followed by the tangents of those that have one."""
    n = len(func.body.results)
    types = [atom_type(r) for r in func.body.results if has_tangent(r)]
    return finish(forward(func, tangents), n, types)


INNER = Passes(pulled, pushed)
