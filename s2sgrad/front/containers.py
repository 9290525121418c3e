"""Containers in the program: lists, tuples, dicts and objects whose structure is known.

Their parts are found while parsing, so subscripts, attributes and methods cost nothing at run
time.  Methods of the user's classes are inlined.  Loops are in `unroll`.
"""

from __future__ import annotations

import ast
import builtins
import types
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from s2sgrad.front.loops import Loops
from s2sgrad.front.memory import Ref
from s2sgrad.front.values import Bound, Closure, Known, Method, Tup, Value, leaves
from s2sgrad.ir import ops
from s2sgrad.ir.graph import Atom, Lit, Var
from s2sgrad.ir.types import BOOL, FLOAT, INT, Array, Scalar, Type, kind_of


class TakeTurns(Exception):
    """A container is indexed by a number of a loop with constant bounds: it has to be unrolled."""

    def __init__(self, loop: ast.For) -> None:
        super().__init__()
        self.loop = loop


class Containers(Loops):
    """Parts and methods of containers."""

    def __init__(self) -> None:
        super().__init__()
        self.constant_loops: list[ast.For] = []  # around the statement that is parsed

    # -- displays

    def expr_Dict(self, node: ast.Dict) -> Value:
        made: dict[Any, Value] = {}
        for k, v in zip(node.keys, node.values, strict=True):
            if k is None:
                inner = self.expr(v)
                if not (isinstance(inner, Tup) and inner.kind == "dict"):
                    raise self.refuse(v, "`**` of something that is no known dict", "")
                made.update(zip(inner.keys, inner.items, strict=True))
            else:
                made[self.key(self.expr(k), k)] = self.expr(v)
        return Tup(tuple(made.values()), "dict", tuple(made))

    def key(self, v: Value, at: ast.AST) -> Any:
        """A key of a dict, which has to be known."""
        if isinstance(v, Lit):
            return v.value
        if isinstance(v, Tup) and v.kind == "tuple":
            return tuple(self.key(i, at) for i in v.items)
        if isinstance(v, Known):
            return v.obj
        raise self.refuse(at, "the key of a dict is computed", "use constants as keys", "container")

    # -- parts

    def attribute(self, owner: Value, node: ast.Attribute) -> Value:
        if isinstance(owner, Tup):
            return self.member(owner, node.attr, node)
        return super().attribute(owner, node)

    def member(self, owner: Tup, name: str, at: ast.AST) -> Value:
        """`owner.name`: a property, an attribute of the instance, or of its class."""
        if owner.kind not in ("namedtuple", "object"):
            return Method(owner, name)
        assert owner.cls is not None
        if owner.kind == "namedtuple" and name in ("_replace", "_asdict"):
            return Method(owner, name)
        found = next((c.__dict__[name] for c in owner.cls.__mro__ if name in c.__dict__), None)
        if isinstance(found, property):
            assert found.fget is not None
            return self.call(self.bound(found.fget, owner), [], {}, at)
        value = owner.get(name)
        if value is not None:
            return value
        if isinstance(found, types.FunctionType):
            return self.bound(found, owner)
        if isinstance(found, staticmethod):
            return self.class_value(owner.cls, name)
        if found is None or isinstance(found, classmethod) or hasattr(type(found), "__get__"):
            if owner.kind == "namedtuple":
                return Method(owner, name)
            raise self.refuse(
                at, f"`{owner.cls.__name__}` has no `{name}` that is known", "", "container"
            )
        return self.class_value(owner.cls, name)

    def class_value(self, cls: type, name: str) -> Value:
        value: Value = self.scope.member(cls, name)
        return value

    def bound(self, function: Any, owner: Tup) -> Bound:
        return Bound(self.scope.closure(function), owner)

    def subscript(self, owner: Value, node: ast.Subscript) -> Value:
        if not isinstance(owner, Tup):
            return super().subscript(owner, node)
        if owner.kind == "object":
            return self.call(
                self.member(owner, "__getitem__", node), [self.expr(node.slice)], {}, node
            )
        if owner.kind == "dict":
            return self.lookup_key(owner, self.expr(node.slice), node)
        if isinstance(node.slice, ast.Slice):
            parts = (node.slice.lower, node.slice.upper, node.slice.step)
            bounds = [None if e is None else self.constant_index(e, node) for e in parts]
            kind = "list" if owner.kind == "list" else "tuple"
            return Tup(owner.items[slice(*bounds)], kind)
        k = self.constant_index(node.slice, node)
        if not -len(owner.items) <= k < len(owner.items):
            raise self.refuse(
                node, f"index {k} of a {owner.kind} of {len(owner.items)} items", "", "container"
            )
        return owner.items[k]

    def constant_index(self, node: ast.expr, at: ast.AST) -> int:
        index = self.expr(node)
        if isinstance(index, Lit) and isinstance(index.value, int):
            return index.value
        if self.constant_loops:
            raise TakeTurns(self.constant_loops[-1])
        raise self.refuse(
            at,
            "a tuple or list is indexed by something that is not constant",
            "stack it to an array: np.stack(...)[i]; or loop over its items",
            "container",
        )

    def lookup_key(self, owner: Tup, key: Value, at: ast.AST) -> Value:
        k = self.key(key, at)
        found = self.find_key(owner, k)
        if found is None:
            raise self.refuse(
                at,
                f"the dict has no key {k!r}; it has {', '.join(map(repr, owner.keys))}",
                "",
                "container",
            )
        return found

    def find_key(self, owner: Tup, key: Any) -> Value | None:
        for k, item in zip(owner.keys, owner.items, strict=True):
            if k is key or (hash(k) == hash(key) and k == key):
                return item
        return None

    # -- methods and calls

    def method(
        self, m: Method, args: list[Value], kwargs: dict[str, Value], node: ast.Call
    ) -> Value:
        if not isinstance(m.owner, Tup):
            return super().method(m, args, kwargs, node)
        t = m.owner
        if t.kind == "dict" and m.name in ("keys", "values", "items") and not args:
            keys = tuple(map(self.key_value, t.keys))
            pairs = tuple(Tup(p) for p in zip(keys, t.items, strict=True))
            return Tup({"keys": keys, "values": t.items, "items": pairs}[m.name], "list")
        if t.kind == "dict" and m.name == "get" and 1 <= len(args) <= 2 and not kwargs:
            found = self.find_key(t, self.key(args[0], node))
            return found if found is not None else args[1] if len(args) == 2 else Lit(None)
        if m.name == "copy" and not args and t.kind in ("dict", "list"):
            return t  # nothing writes into either
        if m.name == "_replace" and not args and set(kwargs) <= set(t.keys):
            fields = zip(t.keys, t.items, strict=True)
            return replace(t, items=tuple(kwargs.get(k, v) for k, v in fields))
        if m.name == "_asdict" and not args:
            return Tup(t.items, "dict", t.keys)
        raise self.refuse(
            node.func,
            f"the method `.{m.name}` of a {t.kind} is not supported yet",
            "build a new one, or a loop that carries arrays",
            "container",
        )

    def key_value(self, key: Any) -> Value:
        if isinstance(key, tuple) and type(key) is tuple:
            return Tup(tuple(map(self.key_value, key)))
        return self.known(key)

    def call(self, fn: Value, args: list[Value], kwargs: dict[str, Value], node: Any) -> Value:
        if isinstance(fn, Bound):
            bound = self.bind(fn.function, [fn.owner, *args], kwargs, node)
            return self.invoke(fn.function, bound, node)
        if isinstance(fn, Known) and fn.obj is ops.stop_gradient and isinstance(args[0], Tup):
            items = (self.call(fn, [i], {}, node) for i in args[0].items)
            return replace(args[0], items=tuple(items))
        if (
            isinstance(fn, Known)
            and fn.obj is ops.stop_gradient
            and not isinstance(args[0], Var | Ref)
        ):
            return args[0]
        if isinstance(fn, Tup) and fn.kind == "object":
            return self.call(self.member(fn, "__call__", node), args, kwargs, node)
        return super().call(fn, args, kwargs, node)

    def binary(self, op: ast.operator, a: Value, b: Value, at: ast.AST) -> Value:
        if isinstance(a, Tup) and a.kind in ("tuple", "list"):
            if isinstance(op, ast.Add) and isinstance(b, Tup) and a.kind == b.kind:
                return Tup(a.items + b.items, a.kind)
            if isinstance(op, ast.Mult) and isinstance(b, Lit) and type(b.value) is int:
                return Tup(a.items * b.value, a.kind)
        return super().binary(op, a, b, at)

    def compare_two(self, a: Value, op: ast.cmpop, b: Value, at: ast.Compare) -> Value:
        if isinstance(op, ast.In | ast.NotIn) and isinstance(b, Tup):
            found = self.contains(b, a, at)
            return Lit(found == isinstance(op, ast.In))
        return super().compare_two(a, op, b, at)

    def contains(self, owner: Tup, item: Value, at: ast.AST) -> bool:
        if owner.kind == "dict":
            return self.find_key(owner, self.key(item, at)) is not None
        if isinstance(item, Lit) and all(isinstance(i, Lit) for i in owner.items):
            return any(bool(i.value == item.value) for i in owner.items)  # type: ignore[union-attr]
        raise self.refuse(at, "`in` of something that is not known", "", "container")

    def truth(self, v: Value, at: ast.AST) -> Atom:
        if isinstance(v, Tup) and v.kind == "object":
            for name in ("__bool__", "__len__"):
                if hasattr(v.cls, name):
                    return self.truth(self.call(self.member(v, name, at), [], {}, at), at)
            return Lit(True)
        if isinstance(v, Known | Closure | Bound):
            return (
                Lit(True) if not isinstance(v, Known) or callable(v.obj) else super().truth(v, at)
            )
        return super().truth(v, at)

    def emit_call(
        self,
        op: Callable[..., Any],
        args: list[Value],
        kwargs: dict[str, Value],
        node: ast.AST,
        effect: bool = False,
    ) -> Value:
        if op not in TAKES_SEQUENCES and str(getattr(op, "__module__", "")).startswith("numpy"):
            args = [self.spread(a, node) for a in args]
        return super().emit_call(op, args, kwargs, node, effect)

    def spread(self, v: Value, at: ast.AST) -> Value:
        """A list of numbers that are computed is an array to NumPy; one of ints may be a shape."""
        if not isinstance(v, Tup) or not v.is_sequence:
            return v
        found = leaves(v) or []
        if all(isinstance(a, Lit) for a in found):
            return v  # as it is written: it may be a range of values, a pair of options
        kinds = {kind_of(self.type_of(a)) for a in found}
        return super().emit_call(np.array, [v], {}, at) if kinds & {"float", "complex"} else v

    # -- built-in functions

    def call_sum(self, args: list[Value], node: ast.Call) -> Value | None:
        if not (args and isinstance(args[0], Tup)):
            return None
        start = args[1:] or [Lit(0)]
        total = start[0]
        for item in args[0].items:
            zero = isinstance(total, Lit) and type(total.value) is int and total.value == 0
            total = item if zero else self.binary(ast.Add(), total, item, node)
        return total

    def call_list(self, args: list[Value], node: ast.Call) -> Value | None:
        return self.sequence(args, "list")

    def call_tuple(self, args: list[Value], node: ast.Call) -> Value | None:
        return self.sequence(args, "tuple")

    def sequence(self, args: list[Value], kind: str) -> Value | None:
        if not args:
            return Tup((), kind)
        if not isinstance(args[0], Tup) or args[0].kind == "object":
            return None
        t = args[0]
        return Tup(tuple(map(self.key_value, t.keys)) if t.kind == "dict" else t.items, kind)

    def call_dict(self, args: list[Value], node: ast.Call) -> Value | None:
        if node.keywords or len(args) != 1 or not isinstance(args[0], Tup):
            return None
        t = args[0]
        if t.kind == "dict":
            return t
        pairs = [self.items(p, node) for p in t.items]
        made = {self.key(k, node): v for k, v in pairs}
        return Tup(tuple(made.values()), "dict", tuple(made))

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


TAKES_SEQUENCES = {
    np.array, np.asarray, np.concatenate, np.stack, np.vstack, np.hstack, np.dstack,
    np.column_stack, np.block, np.select, np.choose, np.meshgrid, np.einsum, np.linalg.multi_dot,
    np.broadcast_arrays, np.ix_, np.piecewise,
}  # fmt: skip


def _class(t: Type) -> type | None:
    """The class of a value of this type, if it is sure."""
    if isinstance(t, Array):
        return np.ndarray if t.shape else None  # NumPy makes scalars of 0-d results
    if isinstance(t, Scalar) and t.char:
        return np.dtype(t.char).type
    return {FLOAT: float, INT: int, BOOL: bool}.get(t) if isinstance(t, Scalar) else None
