"""The transforms on the IR: reverse mode, forward mode, and one after another."""

from __future__ import annotations

from dataclasses import replace

from s2sgrad.emit.results import Display, Result
from s2sgrad.front.arguments import Arguments, Path, wanted
from s2sgrad.front.values import Tup, Value, leaves, rebuild
from s2sgrad.ir.call import has_calls
from s2sgrad.ir.graph import Atom, Block, Func, Hole, Lit, Var, atom_type
from s2sgrad.ir.types import Scalar
from s2sgrad.passes.calls import refuse_halves
from s2sgrad.passes.finish import finish
from s2sgrad.passes.forward import forward, has_tangent
from s2sgrad.passes.functions import is_reversed_once
from s2sgrad.passes.reverse import reverse
from s2sgrad.passes.seeds import Seeds, check_elementwise, paired, plan
from s2sgrad.passes.tangents import Tangents, directions, one_by_one
from s2sgrad.pipeline import PURE, Stages, tidy, tidy_kept, verified
from s2sgrad.request import SEED_NAMES, Inner, Request
from s2sgrad.returned import results, structure, tangents


def staged(
    func: Func, arguments: Arguments, request: Request, inner: Inner, result: Value, stages: Stages
) -> tuple[Func, Value]:
    """The derivative `inner` as a function that is differentiated again."""
    one = replace(request, wrt=inner.wrt, bare=inner.bare, what=inner.what, has_aux=inner.has_aux)
    bars = one.bars(arguments)
    if has_calls(func) and len(bars) == 1 and isinstance(bars[0].type, Scalar):
        seeds = plan(func, result, inner.what, inner.has_aux, None)
        n = len(seeds.atoms)
        func = tidy(seeds.checked(func), stages, "parse", _differentiated(arguments, request))
        func = stages["reverse"] = _by_tangent(func, bars[0], n, stages.level)
    else:
        func, seeds = _reversed(func, result, one, bars, stages, arguments)
        refuse_halves(func)
        n = len(seeds.atoms)
    made = list(func.body.results)
    values: list[Value] = [*made[:n]]
    gradient = _gradient(arguments, one, made[n:])
    value = rebuild(result, values)
    if inner.what == "value_and_grad":
        shown: Value = Tup((value, gradient))
    else:
        shown = Tup((gradient, paired(value, func.name)[1])) if inner.has_aux else gradient
    results = tuple(a for a in leaves(shown) or () if isinstance(a, Var | Lit))
    func = replace(func, body=replace(func.body, results=results))
    keep = _differentiated(arguments, request)
    return tidy(func, stages, "reverse", keep, PURE), shown


def _gradient(arguments: Arguments, request: Request, bars: list[Atom]) -> Value:
    """The cotangents as a value of the program, in the structure of the arguments."""
    found = dict(zip((x for x in request.leaves(arguments) if wanted(x)), bars, strict=True))

    def mirror(v: Value) -> Value:
        if isinstance(v, Tup):
            return replace(v, items=tuple(map(mirror, v.items)))
        return next((bar for leaf, bar in found.items() if leaf.var is v), Lit(None))

    values = [mirror(_at(arguments.values[t.name], t.path)) for t in request.wrt]
    return values[0] if request.bare else Tup(tuple(values))


def _at(v: Value, path: Path) -> Value:
    """The part of a container at `path`."""
    for kind, key in path:
        assert isinstance(v, Tup)
        found = v.items[key] if kind == "item" and not v.keys else v.get(key)
        assert found is not None
        v = found
    return v


def _differentiated(arguments: Arguments, request: Request) -> list[Var]:
    """What some derivative is in: an argument that is not used has a gradient too."""
    wrt = (*request.wrt, *(t for stage in request.inner for t in stage.wrt))
    found = [x.var for t in wrt for x in arguments.of(t.name, t.path) if wanted(x)]
    return list(dict.fromkeys(found))


def pulled(
    func: Func, arguments: Arguments, request: Request, result: Value, stages: Stages
) -> tuple[Func, Result, Seeds]:
    """Reverse mode: the results, and the cotangents of the arguments."""
    bars = request.bars(arguments)
    if request.what == "hvp" and (has_calls(func) or is_reversed_once(func)):
        func, seeds = _back_along(func, result, request, arguments, stages)
        n = len(seeds.atoms)
        func, shape = results(
            finish(func, n, [v.type for v in bars]), n, arguments, request, result
        )
        return tidy(func, stages, "reverse"), shape, seeds
    func, seeds = _reversed(func, result, request, bars, stages, arguments)
    n = len(seeds.atoms)
    if request.what == "hvp":
        func, n = _along(func, n, arguments, request, stages)
    func = finish(func, n, [v.type for v in bars])
    func, shape = results(func, n, arguments, request, result)
    return tidy(func, stages, "forward" if request.what == "hvp" else "reverse"), shape, seeds


def _reversed(
    func: Func,
    result: Value,
    request: Request,
    bars: list[Var],
    stages: Stages,
    arguments: Arguments,
) -> tuple[Func, Seeds]:
    """`func` with the cotangents of `bars` as further results."""
    seeds = plan(func, result, request.what, request.has_aux, request.seed, request.flat)
    keep = _differentiated(arguments, request)
    if "reverse" not in stages:
        func = tidy(seeds.checked(func), stages, "parse", keep)
    if request.what == "elementwise_grad":
        check_elementwise(func, bars)
    func = seeds.settle(reverse(seeds.enter(func), bars, seeds.atoms, ()))
    stages["reverse"] = func = verified(func, "reverse")
    return func, seeds


def _along(
    func: Func, n: int, arguments: Arguments, request: Request, stages: Stages
) -> tuple[Func, int]:
    """Forward over reverse: the gradients give way to their tangents."""
    bars = func.body.results[n:]
    func = tidy(func, stages, "reverse", _differentiated(arguments, request), PURE)
    func = stages["forward"] = _moved(func, arguments, request)
    dots = func.body.results[len(func.body.results) - len(bars) :]
    return replace(func, body=replace(func.body, results=(*func.body.results[:n], *dots))), n


def _back_along(
    func: Func, result: Value, request: Request, arguments: Arguments, stages: Stages
) -> tuple[Func, Seeds]:
    """Reverse over forward: the gradient of the derivative along a direction.

    So it is where functions are called: what their forward halves save has no derivative.
    """
    seeds = plan(func, result, request.what, request.has_aux, request.seed, request.flat)
    keep = _differentiated(arguments, request)
    n = len(seeds.atoms)
    func = tidy(seeds.checked(func), stages, "parse", keep)
    start = _directions(func, arguments, request)
    moved = forward(func, start.atoms)
    dots = [v for v in start.atoms.values() if isinstance(v, Var)]
    values = moved.body.results[: n + 1]  # and the tangent of the first of them
    body = Block((*func.body.params, *dots), moved.body.stmts, values)
    func = replace(moved, body=body, names=(*func.names, *(d.hint for d in dots)))
    tidy_kept(func, stages.level)
    func = tidy(verified(func, "forward"), stages, "forward", keep, PURE)
    made = reverse(func, request.bars(arguments), [*[Lit(0.0)] * n, Lit(1.0)], ())
    results = (*made.body.results[:n], *made.body.results[n + 1 :])
    k = len(func.names) - len(dots)
    body = Block(made.body.params[:k], made.body.stmts, results)
    func = start.enter(replace(made, body=body, names=made.names[:k]))
    stages["reverse"] = verified(func, "reverse")
    return func, seeds


def _by_tangent(func: Func, x: Var, n: int, level: int) -> Func:
    """The derivative in a number, by forward mode: results, and that of the first."""
    made = forward(func, {x: Lit(1.0)})
    tidy_kept(made, level)
    results = made.body.results[: n + 1]
    return replace(made, body=replace(made.body, results=results))


def pushed(
    func: Func, arguments: Arguments, request: Request, result: Value, stages: Stages
) -> tuple[Func, Result, Seeds]:
    """Forward mode: the results, and their tangents."""
    if not request.inner:
        func = tidy(func, stages, "parse", _differentiated(arguments, request))
    values = func.body.results
    func = stages["forward"] = _moved(func, arguments, request)
    tidy_kept(func, stages.level)
    n = len(values)
    func = finish(func, n, [atom_type(r) for r in values if has_tangent(r)])
    if request.flat:
        every = Display("tuple", tuple(map(Hole, range(len(func.body.results)))))
        return tidy(func, stages, "forward"), every, Seeds()
    numbers = iter(range(len(func.body.results)))
    shown = rebuild(result, list(values))
    value = structure(shown, numbers)
    differentiated = shown
    if request.has_aux:
        differentiated = paired(shown, func.name)[0]
    tangent = tangents(differentiated, numbers)
    func = tidy(func, stages, "forward")
    return func, Display("tuple", (value, tangent)), Seeds()


def _moved(func: Func, arguments: Arguments, request: Request) -> Func:
    """`func` with the tangents of its results, and the parameter that has those of the arguments.

    The parameter comes last: the transform would ask for the derivative of what reads it.
    """
    start = _directions(func, arguments, request)
    return verified(start.enter(forward(func, start.atoms)), "forward")


def _directions(func: Func, arguments: Arguments, request: Request) -> Tangents:
    """The tangents of the arguments."""
    if request.flat:
        own = [x for x in request.leaves(arguments) if wanted(x)]
        return one_by_one(own, func.names)
    assert isinstance(request.seed, frozenset)
    each = [(t.path, [*arguments.of(t.name, t.path)]) for t in request.wrt]
    wrt = [(path, [x for x in those if wanted(x)]) for path, those in each]
    return directions(SEED_NAMES[request.what], request.bare, wrt, request.seed)
