"""The pipeline, from a function and the signatures of its arguments to a derivative that runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from s2sgrad.emit.load import load
from s2sgrad.emit.results import Display, Result
from s2sgrad.emit.source import Emitted, emit
from s2sgrad.errors import DifferentiationError, InternalError
from s2sgrad.front.arguments import Arguments, Leaf, Path, wanted
from s2sgrad.front.parse import parse
from s2sgrad.front.resolve import Scope
from s2sgrad.front.structure import Const, Signature, Struct
from s2sgrad.front.values import Closure, Outside, Tup, Value, leaves, rebuild
from s2sgrad.ir.call import called_by
from s2sgrad.ir.graph import Atom, Block, Func, Hole, Lit, Var, atom_type
from s2sgrad.ir.text import text
from s2sgrad.ir.types import INT
from s2sgrad.ir.verify import InvalidIR, verify
from s2sgrad.passes.activity import influences
from s2sgrad.passes.bufferize import bufferize
from s2sgrad.passes.bundle import bundle
from s2sgrad.passes.calls import refuse_halves
from s2sgrad.passes.contract import contract
from s2sgrad.passes.defer import defer
from s2sgrad.passes.finish import finish
from s2sgrad.passes.forward import forward, has_tangent
from s2sgrad.passes.hoist import hoist
from s2sgrad.passes.order import order
from s2sgrad.passes.plain import plain
from s2sgrad.passes.prune import prune
from s2sgrad.passes.remember import remember
from s2sgrad.passes.reverse import reverse
from s2sgrad.passes.seeds import NAME, Seeds, check_elementwise, paired, plan
from s2sgrad.passes.shapes import shapes
from s2sgrad.passes.share import share
from s2sgrad.passes.shift import shift
from s2sgrad.passes.shifted import shifted
from s2sgrad.passes.simplify import simplify
from s2sgrad.passes.tangents import directions

TIDY: tuple[Callable[[Func], Func], ...] = (
    share,
    shift,
    shapes,
    prune,
    remember,
    prune,
    simplify,
    share,
    order,
    hoist,
    prune,
    simplify,
    share,
    contract,
    defer,
    prune,
    shifted,
    prune,
)


# Between two derivatives: what keeps the function in the form that they take.
PURE: tuple[Callable[[Func], Func], ...] = (share, prune, simplify, share, prune)
# The parameter that a transform adds.
SEED_NAMES = {"vjp": NAME, "jvp": "tangents", "hvp": "vector"}


@dataclass(frozen=True, slots=True)
class Target:
    """What is differentiated: a parameter, or an item of the one that takes any number."""

    name: str
    path: Path = ()


@dataclass(frozen=True)
class Inner:
    """A derivative that is differentiated again: see `Request` for the fields."""

    wrt: tuple[Target, ...]
    bare: bool
    what: str
    has_aux: bool


@dataclass(frozen=True, eq=False)
class Request:
    """What to compile: parameters with their signatures, and which are differentiated.

    `header` is how the parameters are written, `*args` and `**kw` with their stars.
    """

    signatures: Mapping[str, Signature]
    wrt: tuple[Target, ...]
    bare: bool
    what: str  # the transform
    has_aux: bool = False
    seed: Any = None  # the signature of `out_bar`; the leaves of `tangents` that are given
    header: tuple[str, ...] = ()
    inner: tuple[Inner, ...] = ()  # what is differentiated is itself a derivative


@dataclass(frozen=True, eq=False)
class Derived:
    """A derivative as text, with the IR after each pass and what it was made of."""

    emitted: Emitted
    stages: dict[str, Func]
    seeds: Seeds
    written: list[Leaf]  # arrays that the function writes to; it copies them first
    leaves: list[Leaf]


@dataclass(eq=False)
class Compiled:
    """An emitted function and what it stands on."""

    run: Callable[..., Any]
    source: str
    ir: dict[str, Func]
    scope: Scope
    data: tuple[str, ...]
    request: Request
    seeds: Seeds
    written: list[Leaf]
    leaves: list[Leaf]
    given: dict[str, Callable[..., Any]]  # functions of the user's that the text calls


def compile_derivative(closure: Closure, scope: Scope, name: str, request: Request) -> Compiled:
    """The derivative of the function `name` for one signature."""
    made = differentiate(closure, name, request, scope)
    text = made.emitted
    return Compiled(
        load(text.source, text.name, text.given),
        text.source,
        made.stages,
        scope,
        tuple(scope.data),
        request,
        made.seeds,
        made.written,
        made.leaves,
        text.given,
    )


def differentiate(
    closure: Closure, name: str, request: Request, outside: Outside, constants: bool = False
) -> Derived:
    """The derivative of a parsed function.

    What it reads from `outside` becomes trailing parameters of what is emitted, or names of its
    module (`constants`).
    """
    arguments, func, result = _front(closure, outside, name, request)
    if constants:
        func = replace(func, notes={**func.notes, "globals": frozenset(outside.variables)})
    stages = {"parse": _verified(func, "parse")}
    _kept_functions(func)
    written = [leaf for leaf in arguments.leaves if leaf.var in func.notes["written"]]
    for stage in request.inner:
        func, result = _staged(func, arguments, request, stage, result, stages)
    if request.what == "jvp":
        func, structure, seeds = _pushed(func, arguments, request, result, stages)
    else:
        func, structure, seeds = _pulled(func, arguments, request, result, stages)
    whats = [stage.what for stage in request.inner]
    emitted_name = "_".join([_identifier(name), *whats, request.what])
    func = _halves(replace(func, name=emitted_name), stages)
    func = stages["bufferize"] = _verified(bufferize(func), "bufferize")
    func = stages["bundle"] = _verified(bundle(func), "bundle")
    emitted = emit(func, structure, _header(request, func))
    return Derived(emitted, stages, seeds, written, arguments.leaves)


Stages = dict[str, Func]


def _kept_functions(func: Func) -> None:
    """The passes on the functions that `func` calls."""
    for k in called_by([func]):
        k.func = _tidy(_verified(k.body, "parse"), {}, k.name)


def _halves(func: Func, stages: Stages) -> Func:
    """`func`, and the functions that it calls in their final form."""
    pairs = func.notes.get("pairs")
    for pair in pairs.made.values() if pairs is not None else ():
        whole = _tidy(_verified(pair.whole, "reverse"), {}, pair.forward.name)
        pair.whole = _verified(plain(whole), "plain")
        pair.split()
    for k in called_by([func]):
        k.func = stages[k.name] = _verified(bundle(bufferize(_verified(k.body, "calls"))), "bundle")
    return _verified(plain(func), "plain")


def _staged(
    func: Func, arguments: Arguments, request: Request, inner: Inner, result: Value, stages: Stages
) -> tuple[Func, Value]:
    """The derivative `inner` as a function that is differentiated again."""
    one = replace(request, wrt=inner.wrt, bare=inner.bare, what=inner.what, has_aux=inner.has_aux)
    bars = [leaf.var for leaf in _leaves(arguments, one) if wanted(leaf)]
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
    return _tidy(func, stages, "reverse", keep, PURE), shown


def _gradient(arguments: Arguments, request: Request, bars: list[Atom]) -> Value:
    """The cotangents as a value of the program, in the structure of the arguments."""
    found = dict(zip((x for x in _leaves(arguments, request) if wanted(x)), bars, strict=True))

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


def _pulled(
    func: Func, arguments: Arguments, request: Request, result: Value, stages: Stages
) -> tuple[Func, Result, Seeds]:
    """Reverse mode: the results, and the cotangents of the arguments."""
    bars = [leaf.var for leaf in _leaves(arguments, request) if wanted(leaf)]
    func, seeds = _reversed(func, result, request, bars, stages, arguments)
    n = len(seeds.atoms)
    if request.what == "hvp":
        func, n = _along(func, n, arguments, request, stages)
    func = finish(func, n, [v.type for v in bars])
    func, structure = _results(func, n, arguments, request, result)
    return _tidy(func, stages, "forward" if request.what == "hvp" else "reverse"), structure, seeds


def _reversed(
    func: Func,
    result: Value,
    request: Request,
    bars: list[Var],
    stages: Stages,
    arguments: Arguments,
) -> tuple[Func, Seeds]:
    """`func` with the cotangents of `bars` as further results."""
    seeds = plan(func, result, request.what, request.has_aux, request.seed)
    keep = _differentiated(arguments, request)
    if "reverse" not in stages:
        func = _tidy(seeds.checked(func), stages, "parse", keep)
    if request.what == "elementwise_grad":
        check_elementwise(func, bars)
    func = seeds.settle(reverse(seeds.enter(func), bars, seeds.atoms, ()))
    stages["reverse"] = func = _verified(func, "reverse")
    return func, seeds


def _along(
    func: Func, n: int, arguments: Arguments, request: Request, stages: Stages
) -> tuple[Func, int]:
    """Forward over reverse: the gradients give way to their tangents."""
    bars = func.body.results[n:]
    func = _tidy(func, stages, "reverse", _differentiated(arguments, request), PURE)
    func = stages["forward"] = _moved(func, arguments, request)
    dots = func.body.results[len(func.body.results) - len(bars) :]
    return replace(func, body=replace(func.body, results=(*func.body.results[:n], *dots))), n


def _pushed(
    func: Func, arguments: Arguments, request: Request, result: Value, stages: Stages
) -> tuple[Func, Result, Seeds]:
    """Forward mode: the results, and their tangents."""
    if not request.inner:
        func = _tidy(func, stages, "parse", _differentiated(arguments, request))
    values = func.body.results
    func = stages["forward"] = _moved(func, arguments, request)
    n = len(values)
    func = finish(func, n, [atom_type(r) for r in values if has_tangent(r)])
    numbers = iter(range(len(func.body.results)))
    shown = rebuild(result, list(values))
    value = _structure(shown, numbers)
    differentiated = shown
    if request.has_aux:
        differentiated = paired(shown, func.name)[0]
    tangent = _tangents(differentiated, numbers)
    func = _tidy(func, stages, "forward")
    return func, Display("tuple", (value, tangent)), Seeds()


def _moved(func: Func, arguments: Arguments, request: Request) -> Func:
    """`func` with the tangents of its results, and the parameter that has those of the arguments.

    The parameter comes last: the transform would ask for the derivative of what reads it.
    """
    assert isinstance(request.seed, frozenset)
    each = [(t.path, [*arguments.of(t.name, t.path)]) for t in request.wrt]
    wrt = [(path, [x for x in those if wanted(x)]) for path, those in each]
    start = directions(SEED_NAMES[request.what], request.bare, wrt, request.seed)
    return _verified(start.enter(forward(func, start.atoms)), "forward")


def _front(
    closure: Closure, outside: Outside, name: str, request: Request
) -> tuple[Arguments, Func, Value]:
    """The function as IR.

    An int in a container in `wrt` is a float if the program computes with it as a number, and
    nowhere needs it as a size or index.
    """

    def parsed(floats: frozenset[tuple[str, Path]]) -> tuple[Arguments, Func, Value]:
        arguments = Arguments(outside.static, floats)
        arguments.add(request.signatures)
        values = list(arguments.values.items())
        func, result = parse(closure, values, arguments.params, name, scope=outside)
        return arguments, func, rebuild(result, list(func.body.results))

    arguments, func, result = parsed(frozenset())
    ints = [x for x in _leaves(arguments, request) if x.var.type == INT and x.path]
    numbers = {(x.owner.hint, x.path) for x in ints if influences(func, x.var)}
    if numbers:
        numbers = {x for x in numbers if not _is_size(lambda x=x: parsed(frozenset({x})))}  # type: ignore[misc]
        arguments, func, result = parsed(frozenset(numbers))
    arguments.name_leaves()
    return arguments, _with_entry(func, arguments, outside), result


def _is_size(parsed: Callable[[], object]) -> bool:
    """Does the program need the int, here taken as a float, as an int?"""
    try:
        parsed()
    except DifferentiationError as e:
        if any(r.anchor == "int" for r in e.refusals):
            return True
        raise
    return False


def _with_entry(func: Func, arguments: Arguments, outside: Outside) -> Func:
    """The leaves are read at the top; what was read from outside becomes trailing parameters."""
    body = func.body
    extra = outside.variables
    block = Block((*body.params, *extra.values()), (*arguments.stmts, *body.stmts), body.results)
    return replace(func, body=block, names=(*func.names, *extra))


def _kept(func: Func, more: Sequence[Var], n: int | None = None) -> Func:
    """`func` with its first `n` results and `more`."""
    results = (*func.body.results[:n], *more)
    return replace(func, body=replace(func.body, results=results))


def _leaves(arguments: Arguments, request: Request) -> list[Leaf]:
    return [leaf for t in request.wrt for leaf in arguments.of(t.name, t.path)]


def _header(request: Request, func: Func) -> list[str]:
    """The parameters as they are written; what the dispatcher adds is keyword-only."""
    header = list(request.header or request.signatures)
    fixed = func.notes.get("globals", ())
    extra = [n for n in func.names[len(request.signatures) :] if n not in fixed]
    if not extra:
        return header
    last = [header.pop()] if header and header[-1].startswith("**") else []
    star = [] if any(p.startswith("*") for p in header) else ["*"]
    return [*header, *star, *extra, *last]


def _identifier(name: str) -> str:
    return name if name.isidentifier() else "f"


# -- results


def _results(
    func: Func, n: int, arguments: Arguments, request: Request, result: Value
) -> tuple[Func, Result]:
    """The results that are asked for, and the structure in which they are returned.

    The first `n` are the primal's; arguments whose classes the gradient takes come last.
    """
    alone = request.what in ("grad", "elementwise_grad", "hvp")
    shown: Value | None = result
    first = 0
    if alone:
        assert not request.has_aux or isinstance(result, Tup)
        shown = result.items[1] if request.has_aux and isinstance(result, Tup) else None
        first = 1 if request.has_aux else n
    kept = [*func.body.results[first:n], *func.body.results[n:]]
    numbers = iter(range(len(kept)))
    value = None if shown is None else _structure(shown, numbers)
    owners = _Owners(arguments, len(kept), numbers)
    bars = [owners.gradient(request.signatures[t.name], t) for t in request.wrt]
    gradient: Result = bars[0] if request.bare else Display("tuple", tuple(bars))
    func = replace(func, body=replace(func.body, results=(*kept, *owners.atoms)))
    if shown is None:
        return func, gradient
    return func, Display("tuple", (gradient, value) if alone else (value, gradient))


class _Owners:
    """Gradients in the structure of their arguments.

    The arguments whose classes they take are further results of the function.
    """

    def __init__(self, arguments: Arguments, first: int, numbers: Iterator[int]) -> None:
        self.arguments, self.first, self.numbers = arguments, first, numbers
        self.atoms: list[Var] = []

    def gradient(self, s: Signature, t: Target) -> Result:
        """The gradient of a parameter, or of an item of the one that takes any number."""
        for step in t.path:
            assert isinstance(s, Struct)
            s = next(item for own, item in s.paths() if own == step)
        return self.mirror(s, t.name, t.path)

    def mirror(self, s: Signature, name: str, path: Path) -> Result:
        if isinstance(s, Const):
            return None
        if not isinstance(s, Struct):
            leaf = next(x for x in self.arguments.leaves if (x.owner.hint, x.path) == (name, path))
            return Hole(next(self.numbers)) if wanted(leaf) else None
        items = tuple(self.mirror(i, name, (*path, step)) for step, i in s.paths())
        if s.kind in ("tuple", "list"):
            return Display(s.kind, items)
        return Display(s.kind, items, s.keys, self.owner(name), path)

    def owner(self, name: str) -> Hole:
        var = next(p for p in self.arguments.params if p.hint == name)
        if var not in self.atoms:
            self.atoms.append(var)
        return Hole(self.first + self.atoms.index(var))


def _tangents(result: Value, numbers: Iterator[int]) -> Result:
    """The structure of the tangents: None for what is no number."""
    if not isinstance(result, Tup):
        return Hole(next(numbers)) if has_tangent(result) else None  # type: ignore[arg-type]
    return Display(result.kind, tuple(_tangents(i, numbers) for i in result.items), result.keys)


def _structure(result: Value, numbers: Iterator[int]) -> Result:
    if not isinstance(result, Tup):
        return Hole(next(numbers))
    items = tuple(_structure(i, numbers) for i in result.items)
    if result.kind in ("namedtuple", "object"):
        raise TypeError(f"a {result.kind} as a result is not supported: return a tuple or a dict")
    return Display(result.kind, items, result.keys)


# -- passes


def _tidy(
    func: Func,
    stages: Stages,
    after: str,
    keep: Sequence[Var] = (),
    passes: Sequence[Callable[[Func], Func]] = TIDY,
) -> Func:
    """`func` after the passes; values of `keep` are not pruned."""
    n = len(func.body.results)
    func = _kept(func, keep)
    for one in passes:
        func = _verified(one(func), one.__name__)
        stages[f"{after}+{one.__name__}"] = _kept(func, (), n)
    return _kept(func, (), n)


def _verified(func: Func, stage: str) -> Func:
    try:
        return verify(func)
    except InvalidIR as e:
        raise InternalError(stage, str(e), text(func)) from e
