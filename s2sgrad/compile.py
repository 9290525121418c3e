"""The pipeline, from a function and the types of its arguments to a gradient that runs."""

from __future__ import annotations

import types
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from s2sgrad.emit.load import load
from s2sgrad.emit.source import Emitted, emit
from s2sgrad.errors import InternalError
from s2sgrad.front.parse import parse
from s2sgrad.front.resolve import Scope
from s2sgrad.front.values import Closure, Tup, Value
from s2sgrad.ir import ops
from s2sgrad.ir.graph import Atom, Block, Branch, Eqn, Func, Lit, Var, atom_type
from s2sgrad.ir.text import text
from s2sgrad.ir.types import BOOL, FLOAT, Array, Scalar, Type, Unknown
from s2sgrad.ir.verify import InvalidIR, verify
from s2sgrad.passes.bufferize import bufferize
from s2sgrad.passes.prune import prune
from s2sgrad.passes.reverse import reverse
from s2sgrad.passes.share import share

TIDY: tuple[Callable[[Func], Func], ...] = (share, prune, share, prune)


@dataclass(frozen=True, eq=False)
class Request:
    """What to compile: parameters with their types, and which are differentiated."""

    names: tuple[str, ...]
    types: tuple[Type | None, ...]  # None: a constant that the text contains
    constants: tuple[Any, ...]
    wrt: tuple[str, ...]
    bare: bool
    what: str  # 'grad' | 'value_and_grad' | 'vjp'


@dataclass(eq=False)
class Compiled:
    """An emitted function and what it stands on."""

    run: Callable[..., Any]
    source: str
    ir: dict[str, Func]
    scope: Scope
    data: tuple[str, ...]
    result: Type


def type_of_argument(value: Any) -> Type | None:
    """The signature of one argument; None for what is no number or array.

    An extent of 1 is part of the type; every other extent is a symbol.
    """
    if type(value) is float:
        return FLOAT
    for kind, cls in (("bool", bool), ("int", int), ("float", float), ("complex", complex)):
        if type(value) is cls:
            return Scalar(kind)
    if type(value) is np.ndarray or type(value) is np.memmap:
        if value.dtype.kind not in "fiubc":
            return None
        return Array(value.dtype.char, tuple(1 if n == 1 else "n" for n in value.shape))
    if isinstance(value, np.bool_ | np.number):
        kinds = {"f": "float", "i": "int", "u": "int", "b": "bool", "c": "complex"}
        return Scalar(kinds[value.dtype.kind], value.dtype.char)
    return None


def compile_reverse(fun: types.FunctionType, request: Request) -> Compiled:
    """The gradient of `fun` for one signature."""
    scope = Scope(type_of_argument)
    closure = scope.closure(fun, with_defaults=False)  # the caller has bound all arguments
    distinct = tuple(None if t is None else _distinct(t, k) for k, t in enumerate(request.types))
    request = replace(request, types=distinct)
    made = differentiate(closure, fun.__name__, request, lambda: scope.variables)
    run = load(made.emitted.source, made.emitted.name)
    source = made.emitted.source
    return Compiled(run, source, made.stages, scope, tuple(scope.data), made.result)


@dataclass(frozen=True, eq=False)
class Derived:
    """A derivative as text, with the IR after each pass and the type of the primal's result."""

    emitted: Emitted
    stages: dict[str, Func]
    result: Type


def differentiate(
    closure: Closure,
    name: str,
    request: Request,
    data: Callable[[], dict[str, Var]],
    constants: bool = False,
) -> Derived:
    """The derivative of a parsed function.

    `data` gives, once the function is parsed, what it reads from outside: trailing parameters of
    what is emitted, or names of its module (`constants`).
    """
    inputs = [Var(n, t) for n, t in zip(request.names, request.types, strict=True) if t is not None]
    by_name = {v.hint: v for v in inputs}
    fixed = dict(zip(request.names, request.constants, strict=True))
    params: list[tuple[str, Value]] = [
        (n, by_name[n] if n in by_name else Lit(fixed[n])) for n in request.names
    ]
    # A default that was not passed is a value like any other: it is read at each call.
    func, result = parse(closure, params, inputs, name)
    outside = data()
    func = _with_data(func, outside, constants)
    if request.what != "vjp" and not isinstance(result, Tup):
        func = _scalar_checked(func, func.body.results[0])
    stages = {"parse": _verified(func, "parse")}
    func = _tidy(func, stages, "parse")
    wrt = [by_name[n] for n in request.wrt]
    seeds, extra = _seeds(request, func)
    func = _verified(reverse(func, wrt, seeds, extra), "reverse")
    stages["reverse"] = func
    func = _select(func, request, len(seeds))
    func = _tidy(func, stages, "reverse")
    func = _named(func, f"{_identifier(name)}_{request.what}")
    func = stages["bufferize"] = _verified(bufferize(func), "bufferize")
    keyword_only = len(extra) + (0 if constants else len(outside))
    emitted = emit(func, _result_format(request, result, len(seeds)), keyword_only)
    return Derived(emitted, stages, _result_type(stages, result))


def _scalar_checked(func: Func, result: Atom) -> Func:
    """Only a scalar has a gradient: where the types do not tell, the emitted code asks."""
    if not isinstance(atom_type(result), Unknown):
        return func
    test = Var("", BOOL)
    message = f"`{func.name}` returns an array, not a scalar: use vjp"
    refusal = (Lit(f"raise TypeError({message!r})"), Lit(()))
    stop = Block((), (Eqn(Var(""), ops.raise_, refusal, effect=True),), ())
    body = func.body
    checks = (
        Eqn(test, np.ndim, (result,)),
        Branch((), test, ((), ()), stop, Block((), (), ()), 0),
    )
    return replace(func, body=replace(body, stmts=(*body.stmts, *checks)))


def _result_type(stages: dict[str, Func], result: Value) -> Type:
    """The type of the primal's result, if it is one value."""
    results = stages["parse"].body.results
    return Type() if isinstance(result, Tup) else atom_type(results[0])


def _distinct(t: Type, k: int) -> Type:
    """Extents of different axes get symbols of their own."""
    if not isinstance(t, Array):
        return t
    return Array(t.char, tuple(d if d == 1 else f"n{k}_{axis}" for axis, d in enumerate(t.shape)))


def _identifier(name: str) -> str:
    return name if name.isidentifier() else "f"


def _with_data(func: Func, data: dict[str, Var], constants: bool) -> Func:
    """What was read from outside becomes trailing parameters."""
    body = replace(func.body, params=(*func.body.params, *data.values()))
    notes = {**func.notes, "globals": frozenset(data)} if constants else func.notes
    return replace(func, body=body, names=(*func.names, *data), notes=notes)


def _seeds(request: Request, func: Func) -> tuple[list[Atom], list[Var]]:
    if request.what != "vjp":
        return [Lit(1.0)] * len(func.body.results), []
    seeds = [Var("out_bar", atom_type(r)) for r in func.body.results]
    if len(seeds) != 1:
        raise TypeError(f"`{func.name}` returns several results: `vjp` takes one as yet")
    return list(seeds), seeds


def _select(func: Func, request: Request, n: int) -> Func:
    """The results that are asked for."""
    results = func.body.results if request.what != "grad" else func.body.results[n:]
    body = type(func.body)(func.body.params, func.body.stmts, results)
    return Func(func.name, body, func.names, func.file, func.notes)


def _result_format(request: Request, result: Value, n: int) -> str:
    first = 0 if request.what == "grad" else n
    places = [f"{{{first + k}}}" for k in range(len(request.wrt))]
    bars = places[0] if request.bare else f"({', '.join(places)}{',' * (len(places) == 1)})"
    if request.what == "grad":
        return bars
    return f"{_structure(result, iter(range(n)))}, {bars}"


def _structure(result: Value, numbers: Any) -> str:
    if isinstance(result, Tup):
        items = [_structure(i, numbers) for i in result.items]
        return f"({', '.join(items)}{',' * (len(items) == 1)})"
    return f"{{{next(numbers)}}}"


def _named(func: Func, name: str) -> Func:
    return Func(name, func.body, func.names, func.file, func.notes)


def _tidy(func: Func, stages: dict[str, Func], after: str) -> Func:
    for one in TIDY:
        func = _verified(one(func), one.__name__)
        stages[f"{after}+{one.__name__}"] = func
    return func


def _verified(func: Func, stage: str) -> Func:
    try:
        return verify(func)
    except InvalidIR as e:
        raise InternalError(stage, str(e), text(func)) from e


__all__ = ["Compiled", "Request", "compile_reverse", "differentiate", "type_of_argument"]
