"""The user's classes: attributes, methods, operators, and instances made by the program.

Methods are inlined; an instance is made by inlining `__init__`, or as a dataclass or namedtuple
would make it.
"""

from __future__ import annotations

import ast
import builtins
import dataclasses
import enum
import types
from abc import ABCMeta
from dataclasses import replace
from typing import Any

import numpy as np

from s2sgrad.front.list_methods import ListMethods
from s2sgrad.front.memory import Ref
from s2sgrad.front.values import Bound, Known, Method, Super, Tup, Value
from s2sgrad.ir.graph import Lit, Var
from s2sgrad.ir.types import BOOL, FLOAT, INT, Array, Scalar, Type

_OPERATORS: dict[type[ast.AST], str] = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "truediv", ast.Pow: "pow",
    ast.MatMult: "matmul", ast.Mod: "mod", ast.FloorDiv: "floordiv",
    ast.BitAnd: "and", ast.BitOr: "or", ast.BitXor: "xor",
    ast.USub: "neg", ast.UAdd: "pos", ast.Invert: "invert",
    ast.Lt: "lt", ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge", ast.Eq: "eq", ast.NotEq: "ne",
}  # fmt: skip
_MIRRORED = {"lt": "gt", "le": "ge", "gt": "lt", "ge": "le", "eq": "eq", "ne": "ne"}


class Classes(ListMethods):
    """Objects and their classes."""

    # -- attributes

    def attribute(self, owner: Value, node: ast.Attribute) -> Value:
        if isinstance(owner, Tup):
            return self.member(owner, node.attr, node)
        if isinstance(owner, Super):
            return self.inherited(owner, node)
        if isinstance(owner, Known) and is_user_class(owner.obj):
            return self.of_class(owner.obj, node.attr, node)
        return super().attribute(owner, node)

    def member(self, owner: Tup, name: str, at: ast.AST) -> Value:
        """`owner.name`: a property, an attribute of the instance, or of its class."""
        if owner.kind not in ("namedtuple", "object"):
            return Method(owner, name)
        cls = owner.cls
        assert cls is not None
        if owner.kind == "namedtuple" and name in ("_replace", "_asdict"):
            return Method(owner, name)
        home, found = _find(cls.__mro__, name)
        if isinstance(found, property):
            assert found.fget is not None
            return self.call(self.bound(found.fget, owner, home), [], {}, at)
        value = owner.get(name)
        if value is not None:
            return value
        if name == "__class__":
            return Known(cls)
        if isinstance(found, types.FunctionType):
            return self.bound(found, owner, home)
        if isinstance(found, staticmethod | classmethod):
            return self.of_class(cls, name, at)
        if home is None or hasattr(type(found), "__get__"):
            if owner.kind == "namedtuple":
                return Method(owner, name)
            raise self.refuse(
                at, f"`{cls.__name__}` has no `{name}` that is known", "", "container"
            )
        return self.class_value(cls, name)

    def class_value(self, cls: type, name: str) -> Value:
        value: Value = self.scope.member(cls, name)
        return value

    def of_class(self, cls: type, name: str, at: ast.AST) -> Value:
        """`Class.name`"""
        home, found = _find(cls.__mro__, name)
        if isinstance(found, classmethod):
            return Bound(self.scope.closure(found.__func__), Known(cls), home)
        if isinstance(found, staticmethod):
            return self.class_value(cls, name)
        if isinstance(found, types.FunctionType):
            return self.scope.closure(found)  # type: ignore[no-any-return]
        if home is None or home is object or hasattr(type(found), "__get__"):
            raise self.refuse(at, f"`{cls.__name__}.{name}` is not known", "", "container")
        return self.class_value(cls, name)

    def inherited(self, owner: Super, node: ast.Attribute) -> Value:
        """`super().name`"""
        target = self.inner(owner.owner)
        cls = target.cls if isinstance(target, Tup) else getattr(target, "obj", None)
        assert isinstance(cls, type)
        behind = cls.__mro__[cls.__mro__.index(owner.after) + 1 :]
        home, found = _find(behind, node.attr)
        if isinstance(found, property) and found.fget is not None and isinstance(target, Tup):
            return self.call(self.bound(found.fget, target, home), [], {}, node)
        if isinstance(found, classmethod):
            return Bound(self.scope.closure(found.__func__), Known(cls), home)
        if home is object and node.attr in ("__init__", "__post_init__", "__init_subclass__"):
            return Known(_nothing)
        if not isinstance(found, types.FunctionType) or not isinstance(target, Tup):
            raise self.refuse(
                node, f"`super()` has no `{node.attr}` that is known", "", "container"
            )
        if is_generated(found):
            assert home is not None
            return Known(_Init(target, home))
        return self.bound(found, target, home)

    def call_super(self, args: list[Value], node: ast.Call) -> Value | None:
        cls, owner = self.env.get(".class"), self.env.get(".self")
        if args or not isinstance(cls, Known) or owner is None:
            return None
        return Super(owner, cls.obj)

    def bound(self, function: Any, owner: Value, cls: type | None = None) -> Bound:
        return Bound(self.scope.closure(function), owner, cls)

    # -- instances

    def call(self, fn: Value, args: list[Value], kwargs: dict[str, Value], node: Any) -> Value:
        if isinstance(fn, Bound):
            bound = self.bind(fn.function, [fn.owner, *args], kwargs, node)
            if fn.cls is not None and _uses_super(fn.function.node):
                bound[".class"], bound[".self"] = Known(fn.cls), fn.owner
            return self.invoke(fn.function, bound, node)
        if isinstance(fn, Known) and isinstance(fn.obj, _Init):
            self.initialise(fn.obj.owner, fn.obj.cls, args, kwargs, node)
            return Lit(None)
        if isinstance(fn, Known) and fn.obj is _nothing:
            return Lit(None)
        if isinstance(fn, Known) and is_user_class(fn.obj):
            return self.instance(fn.obj, args, kwargs, node)
        first = self.inner(args[0]) if args else None
        if isinstance(fn, Known) and isinstance(first, Tup) and first.cls is not None:
            if fn.obj is dataclasses.replace:
                return self.replaced(first, kwargs, node)
            if fn.obj in (dataclasses.asdict, dataclasses.astuple):
                kind = "dict" if fn.obj is dataclasses.asdict else "tuple"
                return _plain(first, kind)
            name = _BUILTINS.get(fn.obj, "")
            if first.kind in _WITH_METHODS and _has(first, name):
                return self.call(self.member(first, name, node), list(args[1:]), {}, node)
        if isinstance(fn, Tup) and fn.kind == "object":
            return self.call(self.member(fn, "__call__", node), args, kwargs, node)
        return super().call(fn, args, kwargs, node)

    def instance(
        self, cls: type, args: list[Value], kwargs: dict[str, Value], at: ast.AST
    ) -> Value:
        """`Class(...)`"""
        if issubclass(cls, tuple):
            return self.namedtuple(cls, args, kwargs, at)
        plain = type(cls) in (type, ABCMeta) and cls.__new__ is object.__new__
        if not plain or getattr(cls, "__abstractmethods__", None) or _is_foreign(cls):
            raise self.refuse(
                at,
                f"an instance of `{cls.__name__}`, which is no plain class, is made",
                "make it outside of the function, and pass it as an argument",
                "container",
            )
        made = self.boxed(Tup((), "object", (), cls))
        home, init = _find(cls.__mro__, "__init__")
        if home is not object:
            assert isinstance(made, Tup)
            if is_generated(init):
                assert home is not None
                self.initialise(made, home, args, kwargs, at)
            else:
                self.call(self.bound(init, made, home), args, kwargs, at)
        return self.refreshed(made, at)

    def initialise(
        self, made: Tup, cls: type, args: list[Value], kwargs: dict[str, Value], at: ast.AST
    ) -> None:
        """What the `__init__` of a dataclass does."""
        fields = [f for f in dataclasses.fields(cls) if f.init]
        names = [f.name for f in fields if not f.kw_only]
        given = dict(zip(names, args, strict=False)) | kwargs
        if len(args) > len(names) or set(given) - {f.name for f in fields}:
            raise self.refuse(at, f"`{cls.__name__}` takes other arguments", "", "container")
        values: dict[str, Value] = {}
        for f in dataclasses.fields(cls):
            if f.name in given:
                values[f.name] = given[f.name]
            elif f.default is not dataclasses.MISSING:
                values[f.name] = self.scope.value(f.default, f.name, lambda f=f: f.default)
            elif f.default_factory is not dataclasses.MISSING:
                factory = self.scope.static(f.default_factory)
                call = ast.copy_location(ast.Call(at, [], []), at)  # type: ignore[arg-type]
                values[f.name] = self.boxed(self.call(factory, [], {}, call))
            elif f.init:
                raise self.refuse(at, f"`{cls.__name__}` needs `{f.name}`", "", "container")
        old = self.refreshed(made, at)
        assert isinstance(old, Tup)
        both = {**dict(zip(old.keys, old.items, strict=True)), **values}
        self.change(old, both.values(), at, both.keys())
        if hasattr(cls, "__post_init__"):
            home, post = _find(cls.__mro__, "__post_init__")
            self.call(self.bound(post, self.refreshed(made, at), home), [], {}, at)

    def namedtuple(
        self, cls: type, args: list[Value], kwargs: dict[str, Value], at: ast.AST
    ) -> Value:
        names: tuple[str, ...] = cls._fields  # type: ignore[attr-defined]
        defaults: dict[str, Any] = cls._field_defaults  # type: ignore[attr-defined]
        given = dict(zip(names, args, strict=False)) | kwargs
        for n, default in defaults.items():
            if n not in given:
                given[n] = self.scope.value(default, n, lambda d=default: d)
        if len(args) > len(names) or set(given) != set(names):
            raise self.refuse(at, f"`{cls.__name__}` takes {', '.join(names)}", "", "container")
        return Tup(tuple(given[n] for n in names), "namedtuple", names, cls)

    def replaced(self, v: Tup, kwargs: dict[str, Value], at: ast.AST) -> Value:
        """`dataclasses.replace`: an instance made of the fields of another."""
        assert v.cls is not None
        given = {f.name for f in dataclasses.fields(v.cls) if f.init}
        fields = zip(v.keys, v.items, strict=True)
        return self.instance(v.cls, [], {k: x for k, x in fields if k in given} | kwargs, at)

    # -- what a value is

    def call_isinstance(self, args: list[Value], node: ast.Call) -> Value | None:
        value, wanted = args
        classes = wanted.items if isinstance(wanted, Tup) else (wanted,)
        if not all(isinstance(c, Known) and isinstance(c.obj, type) for c in classes):
            return None
        cls = self.class_of(value)
        if cls is None:
            return None
        known = [c.obj for c in classes if isinstance(c, Known)]
        return Lit(issubclass(cls, tuple(known)))

    def class_of(self, v: Value) -> type | None:
        if isinstance(v, Tup):
            return v.cls or getattr(builtins, v.kind)
        if isinstance(v, Lit):
            return type(v.value)
        if isinstance(v, Var | Ref):
            return _class(self.type_of(v))
        return None

    def call_hasattr(self, args: list[Value], node: ast.Call) -> Value | None:
        owner, name = args
        if isinstance(owner, Tup) and isinstance(name, Lit) and owner.cls is not None:
            return Lit(owner.get(name.value) is not None or hasattr(owner.cls, name.value))
        return None

    def call_getattr(self, args: list[Value], node: ast.Call) -> Value | None:
        owner, name = args[:2]
        if isinstance(owner, Tup) and isinstance(name, Lit) and owner.cls is not None:
            if (
                len(args) == 3
                and owner.get(name.value) is None
                and not hasattr(owner.cls, name.value)
            ):
                return args[2]
            return self.member(owner, name.value, node)
        return None

    # -- operators

    def binary(self, op: ast.operator, a: Value, b: Value, at: ast.AST) -> Value:
        word = _OPERATORS.get(type(op), "")
        for x, y, name in ((a, b, f"__{word}__"), (b, a, f"__r{word}__")):
            if isinstance(x, Tup) and x.kind in _WITH_METHODS and _has(x, name):
                return self.call(self.member(x, name, at), [y], {}, at)
        return super().binary(op, a, b, at)

    def compare_two(self, a: Value, op: ast.cmpop, b: Value, at: ast.Compare) -> Value:
        word = _OPERATORS.get(type(op), "")
        mirrored = _MIRRORED.get(word, "")
        for x, y, name in ((a, b, f"__{word}__"), (b, a, f"__{mirrored}__")):
            if isinstance(x, Tup) and x.kind in _WITH_METHODS and _has(x, name):
                return self.call(self.member(x, name, at), [y], {}, at)
        if isinstance(op, ast.In | ast.NotIn) and isinstance(b, Tup) and _has(b, "__contains__"):
            found = self.call(self.member(b, "__contains__", at), [a], {}, at)
            return found if isinstance(op, ast.In) else self.negated(found, at)
        return super().compare_two(a, op, b, at)

    def negated(self, v: Value, at: ast.AST) -> Value:
        c = self.truth(v, at)
        return Lit(not c.value) if isinstance(c, Lit) else self.not_(c, at)

    def unary(self, operand: Value, node: ast.UnaryOp) -> Value:
        if isinstance(node.op, ast.Not):
            return self.negated(operand, node)
        name = f"__{_OPERATORS[type(node.op)]}__"
        if isinstance(operand, Tup) and _has(operand, name):
            return self.call(self.member(operand, name, node), [], {}, node)
        return super().unary(operand, node)


def _uses_super(node: ast.AST) -> bool:
    return any(isinstance(n, ast.Name) and n.id == "super" for n in ast.walk(node))


class _Init:
    """The `__init__` of a dataclass, of an object that is being made."""

    def __init__(self, owner: Tup, cls: type) -> None:
        self.owner, self.cls = owner, cls


def _nothing(*args: Any, **kwargs: Any) -> None:
    """`object.__init__`"""


def _plain(v: Value, kind: str) -> Value:
    """`asdict` and `astuple`: dataclasses in it are such, too."""
    if not isinstance(v, Tup):
        return v
    items = tuple(_plain(i, kind) for i in v.items)
    if v.kind == "object" and dataclasses.is_dataclass(v.cls):
        return Tup(items, kind, v.keys if kind == "dict" else ())
    return replace(v, items=items, cell=None)


_BUILTINS: dict[Any, str] = {len: "__len__", abs: "__abs__", round: "__round__", float: "__float__"}
_WITH_METHODS = ("object", "namedtuple")


def _find(classes: tuple[type, ...], name: str) -> tuple[type | None, Any]:
    """The first of the classes that has the name, and what it has."""
    return next(((c, c.__dict__[name]) for c in classes if name in c.__dict__), (None, None))


def _has(v: Tup, name: str) -> bool:
    """Has the class the method, other than from `object` or `tuple`?"""
    home, found = _find(v.cls.__mro__, name) if v.cls is not None else (None, None)
    return isinstance(found, types.FunctionType) and not (home is not None and is_generated(found))


def is_generated(function: Any) -> bool:
    """Was it made by `dataclass`?"""
    code = getattr(function, "__code__", None)
    return code is not None and code.co_filename == "<string>"


def is_user_class(obj: Any) -> bool:
    """Is it a class that is written in Python, and of the user's?"""
    if not isinstance(obj, type) or issubclass(obj, BaseException | enum.Enum):
        return False
    if issubclass(obj, tuple):
        return hasattr(obj, "_fields") and hasattr(obj, "_field_defaults")
    root = obj.__module__.split(".")[0]
    return bool(obj.__flags__ & (1 << 9)) and root not in _LIBRARIES and not _is_foreign(obj)


def _is_foreign(cls: type) -> bool:
    """A subclass of a container or an array of another kind."""
    return issubclass(cls, dict | list | set | frozenset | str | int | float | complex) or hasattr(
        cls, "__array__"
    )


_LIBRARIES = {"numpy", "scipy", "builtins", "collections", "functools", "itertools", "s2sgrad",
              "math", "operator", "typing", "types", "abc", "enum", "dataclasses"}  # fmt: skip


def _class(t: Type) -> type | None:
    """The class of a value of this type, if it is sure."""
    if isinstance(t, Array):
        return np.ndarray if t.shape else None  # NumPy makes scalars of 0-d results
    if isinstance(t, Scalar) and t.char:
        return np.dtype(t.char).type
    return {FLOAT: float, INT: int, BOOL: bool}.get(t) if isinstance(t, Scalar) else None
