"""What the free names of a running function stand for: its cells, its globals, the built-ins.

Functions and modules are followed; numbers and arrays become inputs of the compiled function, read
anew at each call.  Everything that was followed is remembered, so that a later call can tell
whether the program still means the same.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import functools
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from s2sgrad.errors import DifferentiationError, Refusal
from s2sgrad.front.source import find, span_of
from s2sgrad.front.structure import Const, Signature, Struct, UnsupportedArgument, signature_of
from s2sgrad.front.structure import leaves as signature_leaves
from s2sgrad.front.values import Closure, Known, Manager, Partial, Tup, Value
from s2sgrad.ir.graph import Lit, Var
from s2sgrad.ir.ops import part
from s2sgrad.ir.types import Type
from s2sgrad.rules.registry import lookup as rule_of

Getter = Callable[[], Any]
_MISSING = object()
_DECORATORS = [functools.wraps, functools.cache, functools.lru_cache]  # the parser knows them
_MOST_LEAVES = 64  # of a container outside of the function that is read
# The code of what `contextlib.contextmanager` returns.
_MANAGING = contextlib.contextmanager(iter).__code__
# Python's own, known by what they do and not by their source.
_NOT_FOLLOWED = (
    *("logging", "warnings", "random", "contextlib", "time", "dataclasses", "copy", "statistics"),
)


@dataclass(frozen=True, slots=True)
class Global:
    """A name of a module, or the built-in behind it."""

    scope: dict[str, Any]
    name: str
    default: Any

    def __call__(self) -> Any:
        return self.scope.get(self.name, self.default)


@dataclass(frozen=True, slots=True)
class Cell:
    """A variable of an enclosing function."""

    cell: types.CellType

    def __call__(self) -> Any:
        try:
            return self.cell.cell_contents
        except ValueError:
            return _MISSING


@dataclass(frozen=True, slots=True)
class Member:
    """An attribute of a class, as an instance without an own one sees it."""

    cls: type
    name: str

    def __call__(self) -> Any:
        return getattr(self.cls, self.name, _MISSING)


@dataclass(eq=False)
class Scope:
    """What one compilation read from outside of its functions."""

    type_of: Callable[[Any], Type | None]
    data: dict[str, tuple[Getter, Var]] = field(default_factory=dict)
    fixed: list[tuple[Getter, Any]] = field(default_factory=list)
    found: dict[tuple[int, str], Value] = field(default_factory=dict)
    kept: list[Any] = field(default_factory=list)
    taken: frozenset[str] = frozenset()  # names that what is read from outside must not have
    local: dict[Any, Closure] = field(default_factory=dict)  # methods of classes in functions
    runs = True  # what the program imports may be imported

    @property
    def variables(self) -> dict[str, Var]:
        """What is read at each call."""
        return {n: v for n, (_, v) in self.data.items()}

    def closure(self, fun: types.FunctionType, with_defaults: bool = True) -> Closure:
        """A Python function as the parser knows it."""
        if fun in self.local:
            return self.local[fun]
        source = find(fun)
        node = source.node
        refuse_kind(node, source.name, source.file)
        assert not isinstance(node, ast.AsyncFunctionDef)
        defaults = self.defaults(fun) if with_defaults else {}
        return Closure(
            node,
            lambda name, at: self.lookup(fun, name, at, source.file),
            defaults,
            source.file,
            fun,
        )

    def defaults(self, fun: types.FunctionType) -> dict[str, Value]:
        code = fun.__code__
        names = code.co_varnames[: code.co_argcount]
        values = fun.__defaults__ or ()
        pairs = dict(zip(names[len(names) - len(values) :], values, strict=True))
        pairs.update(fun.__kwdefaults__ or {})
        return {n: self.value(v, n, lambda v=v: v) for n, v in pairs.items()}  # type: ignore[misc]

    def lookup(self, fun: types.FunctionType, name: str, at: ast.AST, file: str) -> Value:
        """The value of a free name of `fun`."""
        key = (id(fun), name)
        if key not in self.found:
            self.kept.append(fun)
            get = _getter(fun, name)
            value = get()
            if value is _MISSING:
                raise DifferentiationError(
                    Refusal(
                        f"`{name}` is not defined",
                        span_of(at, file),
                        "define it before the call",
                        anchor="name",
                    )
                )
            self.found[key] = self.value(value, name, get)
        return self.found[key]

    def of_module(self, module: types.ModuleType, name: str) -> Value:
        """A name of a module of the user's, as in `network.cost`."""
        key = (id(module), name)
        if key not in self.found:
            self.kept.append(module)
            get = Global(vars(module), name, _MISSING)
            self.found[key] = self.value(get(), name, get)
        return self.found[key]

    def value(self, obj: Any, name: str, get: Getter) -> Value:
        t = None if isinstance(obj, bool) else self.type_of(obj)
        if t is not None:
            unique = name
            while unique in self.data or unique in self.taken:
                unique += "_"
            self.data[unique] = (get, Var(unique, t))
            return self.data[unique][1]
        if type(obj) in (list, tuple, dict) or (isinstance(obj, tuple) and hasattr(obj, "_fields")):
            made = self.container(obj, name, get)
            if made is not None:
                return made
        self.fixed.append((get, obj))
        return self.static(obj)

    def container(self, obj: Any, name: str, get: Getter) -> Value | None:
        """A container outside: its leaves are read anew at each call, its structure is compared."""
        try:
            signature = signature_of(obj, name)
        except UnsupportedArgument:
            return None
        if sum(1 for _ in signature_leaves(signature)) > _MOST_LEAVES:
            return None
        self.kept.append(obj)
        self.fixed.append((lambda: _has_structure(get(), signature, name), True))

        def made(s: Signature, path: tuple[Any, ...], hint: str) -> Value:
            if isinstance(s, Struct):
                items = (made(i, (*path, p), _spelled(hint, p[1])) for p, i in s.paths())
                return Tup(tuple(items), s.kind, s.keys, s.cls)
            leaf = part(obj, path)
            if isinstance(s, Const):
                return self.static(leaf)
            return self.value(leaf, hint, lambda: part(get(), path))

        return made(signature, (), name)

    def member(self, cls: type, name: str) -> Value:
        """An attribute of a class, read anew at each call if it is a number or array."""
        get = Member(cls, name)
        return self.value(get(), name, get)

    def static(self, obj: Any) -> Value:
        """What a leaf of an argument stands for that is no number: the guard compares it."""
        if obj is None or isinstance(obj, str | bool | bytes):
            return Lit(obj)
        if any(obj is d for d in _DECORATORS):
            return Known(obj)
        if isinstance(obj, types.FunctionType) and rule_of(obj) is None:
            if obj.__code__ is _MANAGING:
                return Manager(self.static(obj.__wrapped__))  # type: ignore[attr-defined]
            if obj.__module__ in _NOT_FOLLOWED or _is_ours(obj):
                return Known(obj)
            return self.closure(obj)
        if isinstance(obj, functools._lru_cache_wrapper):
            return self.static(obj.__wrapped__)  # a cache changes no value
        if isinstance(obj, functools.partial):
            return self.partial(obj)
        return Known(obj)

    def partial(self, obj: functools.partial[Any]) -> Value:
        """Numbers and arrays among its arguments are read anew at each call."""
        args = [self.value(v, f"arg{k}", lambda v=v: v) for k, v in enumerate(obj.args)]  # type: ignore[misc]
        named = {k: self.value(v, k, lambda v=v: v) for k, v in obj.keywords.items()}  # type: ignore[misc]
        return Partial(self.static(obj.func), tuple(args), named)

    def still_holds(self) -> bool:
        """Does every function and module that was followed still stand behind its name?"""
        return all(get() is obj for get, obj in self.fixed)


def _is_ours(fun: types.FunctionType) -> bool:
    """A function of this package; those of its doctests are the user's."""
    ours = (fun.__module__ or "").startswith("s2sgrad.")
    return ours and not fun.__code__.co_filename.startswith("<")


def _has_structure(obj: Any, signature: Signature, name: str) -> bool:
    try:
        return signature_of(obj, name) == signature
    except UnsupportedArgument:
        return False


def _spelled(hint: str, key: Any) -> str:
    text = f"{hint}_{key}"
    return text if text.isidentifier() else f"{hint}_item"


def is_generator(node: ast.AST) -> bool:
    """Does the function itself yield?"""
    return any(isinstance(n, ast.Yield | ast.YieldFrom) for n in own_nodes(node))


def own_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a function without those of the functions in it."""
    todo = [*ast.iter_child_nodes(node)][::-1]
    while todo:
        child = todo.pop()
        yield child
        if not isinstance(child, ast.FunctionDef | ast.Lambda | ast.ClassDef):
            todo += [*ast.iter_child_nodes(child)][::-1]


def refuse_kind(node: ast.AST, name: str, file: str, primal: bool = False) -> None:
    """What is differentiated returns once; generators may be called."""
    is_async = isinstance(node, ast.AsyncFunctionDef)
    if is_async or (primal and is_generator(node)):
        raise DifferentiationError(
            Refusal(
                f"`{name}` is {'an `async` function' if is_async else 'a generator'}",
                span_of(node, file),
                "write an ordinary function that returns its result",
                anchor="kind",
            )
        )


def _getter(fun: types.FunctionType, name: str) -> Getter:
    free = fun.__code__.co_freevars
    if name in free and fun.__closure__ is not None:
        return Cell(fun.__closure__[free.index(name)])
    return Global(fun.__globals__, name, getattr(builtins, name, _MISSING))
