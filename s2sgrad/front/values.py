"""What a name stands for while a function is parsed."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

from s2sgrad.front.memory import Cell, Ref
from s2sgrad.ir.graph import UNDEF, Atom, Lit, Var
from s2sgrad.ir.types import Undefined


@dataclass(frozen=True, slots=True)
class Tup:
    """A container: structure that is known while parsing and never a value of the IR.

    `kind` is 'tuple', 'list', 'namedtuple', 'dict', 'set', 'object', or 'iterator' for what can be
    read once; `keys` are a dict's keys, or the names of fields and attributes; `cls` is the class
    of a namedtuple, an object, or of a kind of list or dict.  `cell` is the identity of one that
    may change; `view`: it shows the 'keys', 'values' or 'items' of a dict as they are when read.
    """

    items: tuple[Value, ...]
    kind: str = "tuple"
    keys: tuple[Any, ...] = ()
    cls: type | None = None
    cell: Cell | None = None
    view: tuple[Value, str] | None = None

    @property
    def is_sequence(self) -> bool:
        """Is it indexed by position?"""
        return self.kind in ("tuple", "list", "namedtuple", "iterator")

    def get(self, key: Any) -> Value | None:
        """The item or field of that name, if there is one."""
        for k, item in zip(self.keys, self.items, strict=True):
            if type(k) is type(key) and k == key:
                return item
        return None


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """A list of the IR for each leaf of its items: a list of pairs is a pair of lists.

    `like` is an item, whose leaves are what the columns hold.
    """

    like: Value
    columns: tuple[Ref, ...]


class Poison:
    """A name that cannot be used any more, and why."""

    def __init__(self, why: str) -> None:
        self.why = why


@dataclass(frozen=True, slots=True, eq=False)
class Super:
    """`super()` in a method of `after`: attributes are looked up behind it."""

    owner: Value
    after: type


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """A Python object that the program refers to by name: a module, a function, a type."""

    obj: Any


@dataclass(frozen=True, slots=True, eq=False)
class Closure:
    """A function of the user's program: its AST and where its free names are looked up."""

    node: ast.FunctionDef | ast.Lambda
    lookup: Callable[[str, ast.AST], Value]
    defaults: dict[str, Value]
    file: str
    key: object  # which function it is, to recognise recursion
    scope: dict[str, Value] | None = None  # names of the function around it
    chain: tuple[dict[str, Value], ...] = ()  # those of all functions around it, innermost first


@dataclass(frozen=True, slots=True, eq=False)
class Method:
    """`value.name`, about to be called."""

    owner: Value
    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Namespace:
    """A module of the user's, or a dict of functions: its parts are looked up by name."""

    get: Callable[[Any, ast.AST], Value]
    by: str  # 'attribute' | 'item'


@dataclass(frozen=True, slots=True, eq=False)
class Bound:
    """A method of the user's class, with the object that it is read from."""

    function: Closure
    owner: Value
    cls: type | None = None  # where it is defined


@dataclass(frozen=True, slots=True, eq=False)
class Partial:
    """A function with its first arguments: `functools.partial`."""

    function: Value
    args: tuple[Value, ...]
    kwargs: dict[str, Value]


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """One of two functions: `np.tanh if c else np.sin`."""

    test: Atom
    then: Value
    orelse: Value


@dataclass(slots=True, eq=False)
class Generated:
    """What a call of a generator function returns: it runs as a loop consumes it, once."""

    function: Closure
    arguments: dict[str, Value]
    used: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Manager:
    """A generator function made a context manager, and what a call of it returns."""

    function: Value
    made: Generated | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Transformed:
    """`grad(f)` in a program."""

    what: str
    function: Value
    wrt: Any
    has_aux: bool


Value = (
    Generated | Manager | Transformed | Atom | Ref | Tup | Rows | Known | Closure | Method | Bound
    | Super | Namespace | Partial | Choice
)  # fmt: skip


class Outside(Protocol):
    """Where names that a function does not bind are looked up."""

    @property
    def variables(self) -> dict[str, Var]:
        """What was read so far and is a number or array."""

    def static(self, obj: Any) -> Value:
        """What a leaf of an argument stands for that is no number."""


def spoken(name: str) -> str:
    """The name as the program has it: while parsing some are hidden, `.g1.i`, `.cell2.n`."""
    while name.startswith((".g", ".cell")) and "." in name[1:]:
        name = name[name.index(".", 1) + 1 :]
    return name


def leaves(v: Value) -> list[Atom | Ref] | None:
    """The numbers and arrays of a value, or None if some part of it is neither."""
    if isinstance(v, Var | Lit | Ref):
        return [v]
    if isinstance(v, Rows):
        return list(v.columns)
    if isinstance(v, Tup):
        parts = [leaves(i) for i in v.items]
        return None if None in parts else [a for p in parts if p is not None for a in p]
    return None


def rebuild(like: Value, new: list[Value]) -> Value:
    """A value of the structure of `like`, its leaves taken from the front of `new`."""
    if isinstance(like, Tup):
        return replace(like, items=tuple(rebuild(i, new) for i in like.items))
    if isinstance(like, Rows):
        return replace(like, columns=tuple(new.pop(0) for _ in like.columns))  # type: ignore[misc]
    return new.pop(0)


def is_undefined(v: Value) -> bool:
    """Is nothing bound yet?  In a loop in a loop that is a slot without a type."""
    return v is UNDEF or (isinstance(v, Var) and isinstance(v.type, Undefined))


def alike(a: Value, b: Value) -> bool:
    """Are both containers of one structure, their items aside?"""
    return (
        isinstance(a, Tup)
        and isinstance(b, Tup)
        and (len(a.items), a.kind, a.keys, a.cls) == (len(b.items), b.kind, b.keys, b.cls)
    )


def same(a: Value, b: Value) -> bool:
    """Are both the same value, for sure?"""
    if isinstance(a, Tup) and isinstance(b, Tup):
        if a.cell is not None or b.cell is not None:
            return a.cell is b.cell
        return alike(a, b) and all(map(same, a.items, b.items))
    if isinstance(a, Rows) and isinstance(b, Rows):
        return a.columns == b.columns
    if isinstance(a, Known) and isinstance(b, Known):
        return a.obj is b.obj
    if isinstance(a, Lit) and isinstance(b, Lit):
        return type(a.value) is type(b.value) and bool(repr(a.value) == repr(b.value))
    if isinstance(a, Ref) and isinstance(b, Ref):
        return a == b
    return a is b


CALLABLE = (Known, Closure, Bound, Partial, Choice, Transformed)
