"""From a function and the signatures of its arguments to a derivative that runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from s2sgrad.debug import wanted
from s2sgrad.debug.nans import watched
from s2sgrad.elimination.table import Dynamic
from s2sgrad.emit.expr import Spelling
from s2sgrad.emit.load import load
from s2sgrad.emit.results import Display, Result, renumbered
from s2sgrad.emit.source import Emitted, emit
from s2sgrad.errors import DifferentiationError
from s2sgrad.front.arguments import Arguments, Leaf, Path
from s2sgrad.front.parse import parse
from s2sgrad.front.resolve import Scope
from s2sgrad.front.values import Closure, Outside, Value, rebuild
from s2sgrad.ir.call import called_by
from s2sgrad.ir.graph import Block, Func, Hole
from s2sgrad.ir.types import INT
from s2sgrad.matrices import MATRICES, around, by_rows_or_columns, directional
from s2sgrad.modes import pulled, pushed, staged
from s2sgrad.passes.activity import influences, refuse_draws
from s2sgrad.passes.halves import repeatable, split
from s2sgrad.passes.inner import INNER
from s2sgrad.passes.seeds import Seeds
from s2sgrad.pipeline import final, scratch, settled, tidy_kept, verified
from s2sgrad.request import Request
from s2sgrad.straight import Straight, exact_shapes, straight
from s2sgrad.structured.matrix import Structured, structured


@dataclass(frozen=True, eq=False)
class Derived:
    """A derivative as text, with the IR after each pass and what it was made of."""

    emitted: Emitted
    stages: dict[str, Func]
    seeds: Seeds
    written: list[Leaf]  # arrays that the function writes to; it copies them first
    leaves: list[Leaf]
    changes: bool = False  # are containers among the arguments changed?


@dataclass(eq=False)
class Compiled:
    """An emitted function and what it stands on."""

    name: str  # of the function that is differentiated
    run: Callable[..., Any]
    back: Callable[..., Any]  # of a pullback: the backward half; else `run` again
    source: str
    ir: dict[str, Func]
    scope: Scope
    data: tuple[str, ...]
    request: Request
    seeds: Seeds
    written: list[Leaf]
    leaves: list[Leaf]
    given: dict[str, Callable[..., Any]]  # functions of the user's that the text calls
    calls: bool  # are there functions that are kept as calls?
    changes: bool = False  # are containers among the arguments changed?
    shapes: set[Any] = field(default_factory=set)  # of arguments that a matrix was made for
    outside: Mapping[str, Any] = field(default_factory=dict)  # shapes that its data must have


def compile_derivative(closure: Closure, scope: Scope, name: str, request: Request) -> Compiled:
    """The derivative of the function `name` for one signature."""
    made = differentiate(closure, name, request, scope)
    text = made.emitted
    exact = isinstance(request.seed, Structured)
    outside = {n: np.shape(v) for n, v in _read(scope).items()} if exact else {}
    ends = (text.names[0], text.names[-1])
    run, back = load(text.source, ends, text.given, text.places, _watched(made, name, request))
    return Compiled(
        name,
        run,
        back,
        text.source,
        made.stages,
        scope,
        tuple(scope.data),
        request,
        made.seeds,
        made.written,
        made.leaves,
        text.given,
        bool(text.kept),
        made.changes,
        outside=outside,
    )


def _watched(made: Derived, name: str, request: Request) -> dict[str, Callable[..., Any]]:
    """What is put around the function that computes the derivative, to find out where NaN began."""
    if "nan" not in wanted() or request.what == "pullback":
        return {}
    func, first = made.stages["bufferize"], len(made.seeds.atoms)
    values = first
    if request.what not in ("value_and_grad", "vjp"):
        values = first - 1 if request.has_aux and first else 0
    stages = [(func, values)]
    if request.what != "hvp" and "reverse" in made.stages and not request.inner:
        stages.insert(0, (made.stages["reverse"], first))
    return {func.name: lambda run: watched(run, stages, name)}


def differentiate(
    closure: Closure, name: str, request: Request, outside: Outside, constants: bool = False
) -> Derived:
    """The derivative of a parsed function.

    What it reads from `outside` becomes trailing parameters of what is emitted, or names of its
    module (`constants`).  A matrix is one straight function where the types tell all shapes.
    """
    by_types = request.what in MATRICES and request.seed is None
    shapes = exact_shapes(request.signatures) if by_types else None
    if shapes is not None:
        with suppress(Dynamic):  # it cannot be followed number by number
            exact = replace(request, seed=Straight(shapes))
            return _differentiate(closure, name, exact, outside, constants)
    return _differentiate(closure, name, request, outside, constants)


def _differentiate(
    closure: Closure, name: str, request: Request, outside: Outside, constants: bool
) -> Derived:
    arguments, func, result = _front(closure, outside, name, request)
    fixed = frozenset(outside.variables if constants else ())
    if constants:
        func = replace(func, notes={**func.notes, "globals": fixed})
    stages = scratch(request.optimize)
    stages["parse"] = verified(func, "parse")
    tidy_kept(func, request.optimize)
    written = [leaf for leaf in arguments.leaves if leaf.var in func.notes["written"]]
    changes: bool = func.notes["changes"]
    for stage in request.inner:
        func, result = staged(func, arguments, request, stage, result, stages)
    whole = "_".join([_identifier(name), *(stage.what for stage in request.inner), request.what])
    if isinstance(request.seed, Straight):
        func, structure = straight(func, arguments, request, result, stages)
        func = final(replace(func, name=whole), stages)
        emitted = emit([(func, structure, _header(request, func.names, fixed))])
        return Derived(emitted, stages, Seeds(), written, arguments.leaves, changes)
    if isinstance(request.seed, Structured):
        func, structure, _ = structured(func, arguments, request, result, stages, _read(outside))
        func = final(replace(func, name=whole), stages)
        emitted = emit([(func, structure, _header(request, func.names, fixed))])
        return Derived(emitted, stages, Seeds(), written, arguments.leaves, changes)
    request = by_rows_or_columns(request, result)
    asked = directional(request) if request.what in MATRICES else request
    if asked.what in ("jvp", "hvp") and asked is not request:
        refuse_draws(func)
    mode = pushed if asked.what == "jvp" else pulled
    func, structure, seeds = mode(func, arguments, asked, result, stages)
    own = "_" * (asked is not request)  # what serves a matrix is no function of its own
    named = f"{own}{whole.removesuffix(request.what)}{asked.what}"
    func = settled(replace(func, name=named), stages)
    if asked.what == "pullback":
        bars = len(request.bars(arguments))
        parts = _halves(
            func, structure, own + whole.removesuffix(f"_{request.what}"), asked, seeds, bars
        )
    else:
        parts = [(func, structure, _header(asked, func.names, fixed))]
    parts = [(final(f, stages), shown, head) for f, shown, head in reversed(parts)][::-1]

    def matrix(spelling: Spelling) -> tuple[str, str]:
        names = [*request.signatures, *outside.variables]
        funcs = [f for f, _, _ in parts]
        head = _header(request, names, fixed)
        return whole, around(request, arguments, result, funcs, whole, head, spelling)

    emitted = emit(parts, matrix if asked is not request else None)
    return Derived(emitted, stages, seeds, written, arguments.leaves, changes)


def _read(outside: Outside) -> dict[str, Any]:
    """The values of what is read from outside, now."""
    assert isinstance(outside, Scope)
    return {n: get() for n, (get, _) in outside.data.items()}


Part = tuple[Func, Result, list[str]]  # a function, the structure of its result, its parameters


def _halves(
    func: Func, shown: Result, name: str, request: Request, seeds: Seeds, bars: int
) -> list[Part]:
    """The value and what is saved; the cotangents, of that and `out_bar`."""
    assert isinstance(shown, Display)
    n, taken = len(seeds.atoms), {k.name for k in called_by([func])}
    while f"{name}_fwd" in taken:
        name += "_"
    first, second = split(func, n, len(seeds.params), (f"{name}_fwd", f"{name}_bwd"))
    first, second = repeatable(first, second, n, bars, lent=not request.flat)
    value, gradient = shown.items
    values = value.items if request.flat and isinstance(value, Display) else (value,)
    fixed = func.notes.get("globals", frozenset())
    return [
        (first, Display("tuple", (*values, Hole(n))), _header(request, first.names, fixed)),
        (second, renumbered(gradient, -n), list(second.names)),
    ]


def _front(
    closure: Closure, outside: Outside, name: str, request: Request
) -> tuple[Arguments, Func, Value]:
    """The function as IR.

    An int in a container in `wrt` is a float if the program computes with it as a number, and
    nowhere needs it as a size or index.
    """

    keeps = not request.inner  # a derivative of a derivative cannot go through halves

    def parsed(floats: frozenset[tuple[str, Path]]) -> tuple[Arguments, Func, Value]:
        arguments = Arguments(outside.static, floats)
        arguments.add(request.signatures)
        values = list(arguments.values.items())
        func, result = parse(
            closure, values, arguments.params, name, scope=outside, passes=INNER, keeps=keeps
        )
        return arguments, func, rebuild(result, list(func.body.results))

    arguments, func, result = parsed(frozenset())
    ints = [x for x in request.leaves(arguments) if x.var.type == INT and x.path]
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


def _header(request: Request, names: Sequence[str], fixed: frozenset[str]) -> list[str]:
    """The parameters as they are written; what the dispatcher adds is keyword-only."""
    header = list(request.header or request.signatures)
    extra = [n for n in names[len(request.signatures) :] if n not in fixed]
    if not extra:
        return header
    last = [header.pop()] if header and header[-1].startswith("**") else []
    star = [] if any(p.startswith("*") for p in header) else ["*"]
    return [*header, *star, *extra, *last]


def _identifier(name: str) -> str:
    return name if name.isidentifier() else "f"
