"""The transforms on the IR: reverse mode, forward mode, and one after another."""

from __future__ import annotations

from dataclasses import replace

from s2sgrad.emit.results import Display, Result
from s2sgrad.front.arguments import Arguments, Path, wanted
from s2sgrad.front.values import Tup, Value, leaves, rebuild
from s2sgrad.ir.graph import Atom, Func, Hole, Lit, Var, atom_type
from s2sgrad.passes.calls import refuse_halves
from s2sgrad.passes.finish import finish
from s2sgrad.passes.forward import forward, has_tangent
from s2sgrad.passes.reverse import reverse
from s2sgrad.passes.seeds import Seeds, check_elementwise, paired, plan
from s2sgrad.passes.tangents import directions, one_by_one
from s2sgrad.pipeline import PURE, Stages, tidy, verified
from s2sgrad.request import SEED_NAMES, Inner, Request
from s2sgrad.returned import results, structure, tangents


def staged(
    func: Func, arguments: Arguments, request: Request, inner: Inner, result: Value, stages: Stages
) -> tuple[Func, Value]:
    """The derivative `inner` as a function that is differentiated again."""
    one = replace(request, wrt=inner.wrt, bare=inner.bare, what=inner.what, has_aux=inner.has_aux)
    bars = one.bars(arguments)
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


def pushed(
    func: Func, arguments: Arguments, request: Request, result: Value, stages: Stages
) -> tuple[Func, Result, Seeds]:
    """Forward mode: the results, and their tangents."""
    if not request.inner:
        func = tidy(func, stages, "parse", _differentiated(arguments, request))
    values = func.body.results
    func = stages["forward"] = _moved(func, arguments, request)
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
    if request.flat:
        own = [x for x in request.leaves(arguments) if wanted(x)]
        start = one_by_one(own, func.names)
        return verified(start.enter(forward(func, start.atoms)), "forward")
    assert isinstance(request.seed, frozenset)
    each = [(t.path, [*arguments.of(t.name, t.path)]) for t in request.wrt]
    wrt = [(path, [x for x in those if wanted(x)]) for path, those in each]
    start = directions(SEED_NAMES[request.what], request.bare, wrt, request.seed)
    return verified(start.enter(forward(func, start.atoms)), "forward")
