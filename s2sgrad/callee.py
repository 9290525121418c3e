"""What may be differentiated: functions, methods, partials, callable objects, NumPy's own."""

from __future__ import annotations

import ast
import builtins
import functools
import inspect
import types
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np

from s2sgrad.front.resolve import Scope
from s2sgrad.front.values import Closure, Known, Value
from s2sgrad.rules.registry import is_frozen, lookup

_P = inspect.Parameter
POSITIONAL = (_P.POSITIONAL_ONLY, _P.POSITIONAL_OR_KEYWORD)


@dataclass(frozen=True)
class Stage:
    """A transform whose result is transformed again: `grad(f)` in `grad(grad(f))`."""

    wrt: tuple[int | str, ...]
    bare: bool
    what: str
    has_aux: bool


class Nested(Protocol):
    """A derivative that is differentiated again."""

    def settled(self, values: dict[str, Any]) -> dict[str, Any]:
        """The arguments in the types that it takes."""

    def value(self, scope: Scope) -> Value:
        """The derivative as a program that calls it knows it."""


@dataclass(frozen=True, eq=False)
class Callee:
    """A callable as the compiler sees it.

    `whole` is the signature of the function that is compiled, `shown` what the caller sees of it;
    `fixed` are arguments that are there already: `self`, and what `partial` was given.
    """

    function: Callable[..., Any]
    name: str
    whole: inspect.Signature
    shown: inspect.Signature
    fixed: dict[str, Any] = field(default_factory=dict)
    method: bool = False  # position 0 is the first after `self`
    library: bool = False
    inner: tuple[Stage, ...] = ()  # transforms that come first, the innermost first
    derivative: Nested | None = None  # `function` is one: `vjp(f)` in `jvp(vjp(f))`

    def closure(self, scope: Scope, given: tuple[str, ...]) -> Closure:
        """The function as the parser knows it; `given` are the parameters that have a value."""
        if not (self.library or self.derivative):
            assert isinstance(self.function, types.FunctionType)
            return scope.closure(self.function, with_defaults=False)
        return _call_of(self, self.value(scope), given)

    def value(self, scope: Scope) -> Value:
        """The function as a value of a program that calls it with all of its parameters."""
        if self.derivative is not None:
            return self.derivative.value(scope)
        return Known(self.function) if self.library else self.closure(scope, ())


def callee(fun: Any, what: str) -> Callee:
    """Take a callable apart.

    Raises `TypeError`, naming it, for what cannot be differentiated.
    """
    if isinstance(fun, functools.partial):
        return _partial(fun, what)
    if isinstance(fun, functools._lru_cache_wrapper):  # a cache changes no value
        return callee(fun.__wrapped__, what)
    if isinstance(fun, types.MethodType) and (lookup(fun) is not None or is_frozen(fun.__self__)):
        return _library(fun)
    if isinstance(fun, types.MethodType):
        inner = callee(fun.__func__, what)
        name = next(iter(inner.whole.parameters), None)
        if name is None:
            raise TypeError(f"{what}: `{inner.name}` takes no `self`")
        return replace(
            inner,
            shown=inspect.signature(fun),
            fixed={name: fun.__self__, **inner.fixed},
            method=True,
        )
    if lookup(fun) is not None:
        return _library(fun)
    if isinstance(fun, types.FunctionType):
        signature = inspect.signature(fun, follow_wrapped=False)
        return Callee(fun, fun.__name__, signature, signature)
    if hasattr(fun, "_s2sgrad_derivative"):
        nested: Callee = fun.staged(what)
        return nested
    if isinstance(fun, type):
        raise TypeError(f"{what} takes a function, not the class `{fun.__name__}`")
    if isinstance(fun, np.vectorize):
        raise TypeError(f"{what} takes no np.vectorize object: give it the function, or a loop")
    call = inspect.getattr_static(type(fun), "__call__", None)
    if isinstance(call, types.FunctionType):
        inner = callee(types.MethodType(call, fun), what)
        return replace(inner, name=type(fun).__name__)
    name = getattr(fun, "__name__", type(fun).__name__)
    if callable(fun):
        raise TypeError(
            f"{what}: `{name}` is not written in Python and has no rule: call it in a function, "
            "or give it a rule with s2sgrad.rule"
        )
    raise TypeError(f"{what} takes a Python function, not {type(fun).__name__}")


def _partial(fun: functools.partial[Any], what: str) -> Callee:
    inner = callee(fun.func, what)
    free = [p.name for p in inner.shown.parameters.values() if p.kind in POSITIONAL]
    if len(fun.args) > len(free):
        raise TypeError(f"{what}: a partial that fills `*args` is not supported: use a lambda")
    unknown = [k for k in fun.keywords if k not in inner.shown.parameters]
    if unknown:
        raise TypeError(f"{what}: a partial that fills `**kwargs` is not supported: use a lambda")
    fixed = {**inner.fixed, **dict(zip(free, fun.args, strict=False)), **fun.keywords}
    return replace(inner, shown=inspect.signature(fun), fixed=fixed)


def _library(fun: Callable[..., Any]) -> Callee:
    try:
        signature = inspect.signature(fun)
        skip = ("out", "where", "casting", "order", "subok", "signature")
        kept = [p for p in signature.parameters.values() if p.name not in skip]
        kept = [p for p in kept if p.kind not in (_P.VAR_KEYWORD, _P.VAR_POSITIONAL)]
        kept = [p if p.default is _P.empty else p.replace(default=_ABSENT) for p in kept]
        signature = inspect.Signature(kept)
    except ValueError:
        n = fun.nin if isinstance(fun, np.ufunc) else 1
        names = [f"x{k + 1}" for k in range(n)] if n > 1 else ["x"]
        signature = inspect.Signature([_P(k, _P.POSITIONAL_ONLY) for k in names])
    return Callee(fun, fun.__name__, signature, signature, library=True)


def of_derivative(fun: Any, what: str, inner: Callee, seed: str | None) -> Callee:
    """A derivative as a function: its parameters are those of its function, and its seed."""

    def with_seed(signature: inspect.Signature) -> inspect.Signature:
        params = list(signature.parameters.values())
        if seed is not None:
            default = _ABSENT if seed == "out_bar" else _P.empty
            last = bool(params) and params[-1].kind is _P.VAR_KEYWORD
            params.insert(len(params) - last, _P(seed, _P.KEYWORD_ONLY, default=default))
        return inspect.Signature(params)

    return replace(
        inner,
        function=fun,
        name=f"{inner.name}_{what}",
        whole=with_seed(inner.whole),
        shown=with_seed(inner.shown),
        library=False,
        inner=(),
        derivative=fun,
    )


class _Absent:
    """The default of a parameter that a library function is left to fill."""

    def __repr__(self) -> str:
        return "..."


_ABSENT = _Absent()


def absent(value: Any) -> bool:
    """Is the parameter left to the library function's own default?"""
    return value is _ABSENT


def _call_of(c: Callee, function: Value, given: tuple[str, ...]) -> Closure:
    """`lambda a, axis: fn(a, axis=axis)`."""
    args: list[ast.expr] = []
    named: list[ast.keyword] = []
    for name in given:
        kind = c.whole.parameters[name].kind
        value = ast.Name(name, ast.Load())
        if kind is _P.VAR_POSITIONAL:
            args.append(ast.Starred(value, ast.Load()))
        elif kind is _P.VAR_KEYWORD:
            named.append(ast.keyword(None, value))
        elif kind is _P.KEYWORD_ONLY or (
            args and kind is _P.POSITIONAL_OR_KEYWORD and _gap(c, given)
        ):
            named.append(ast.keyword(name, value))
        else:
            args.append(value)
    call = ast.Call(ast.Name(c.name, ast.Load()), args, named)
    params = ast.arguments([], [ast.arg(n) for n in given], None, [], [], None, [])
    node = ast.Lambda(params, call)
    for n in ast.walk(node):
        if isinstance(n, ast.expr | ast.arg):
            n.lineno = n.end_lineno = 1
            n.col_offset = n.end_col_offset = 0

    def lookup(name: str, at: ast.AST) -> Value:  # what the parser itself asks for is built in
        return function if name == c.name else Known(getattr(builtins, name))

    return Closure(node, lookup, {}, f"<{c.name}>", c.function)


def _gap(c: Callee, given: tuple[str, ...]) -> bool:
    """Is some parameter before the last given one left out?"""
    return tuple(c.whole.parameters)[: len(given)] != given
