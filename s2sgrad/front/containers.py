"""Containers in the program: lists, tuples, dicts and objects whose structure is known.

Their parts are found while parsing, so subscripts, attributes and methods cost nothing at run
time.  What changes them is in `updates`, the user's classes in `classes`, loops in `unroll`.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from s2sgrad.front.heap import MUTABLE
from s2sgrad.front.keys import Keys, TakeTurns
from s2sgrad.front.memory import Ref
from s2sgrad.front.values import (
    CALLABLE,
    Bound,
    Closure,
    Known,
    Method,
    Tup,
    Value,
    leaves,
)
from s2sgrad.ir import ops
from s2sgrad.ir.graph import Atom, Lit, Var
from s2sgrad.ir.types import kind_of


class Containers(Keys):
    """Parts and methods of containers."""

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

    def unsettled(self, s: ast.AST, owner: Tup) -> Exception:
        if isinstance(s, ast.For) and s in self.constant_loops:
            return TakeTurns(s)
        self.take_turns()
        if owner.kind == "list":
            why = "a list grows in this loop, whose items are neither numbers, arrays nor tuples"
            return self.refuse(s, why, "a list for each part of the items", "list")
        return self.refuse(
            s,
            f"a {owner.kind} has other keys or attributes after a turn of this loop than before",
            "give it all of them before the loop",
            "container",
        )

    # -- parts

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
            kind = "list" if owner.kind == "list" else "tuple"
            bounds = [
                None if e is None else self.expr(e)
                for e in (node.slice.lower, node.slice.upper, node.slice.step)
            ]
            if not all(b is None or isinstance(b, Lit) for b in bounds):
                self.take_turns()
                return self.subscript(self.as_ir_list(owner, node), node)
            return Tup(owner.items[self.constant_slice(node.slice, node)], kind)
        index = self.expr(node.slice)
        if not isinstance(index, Lit):
            if owner.items and all(isinstance(i, CALLABLE) for i in owner.items):
                return self.function_at(owner, index, node)
            self.take_turns()
            made = self.as_ir_list(owner, node)
            return super().subscript(made, node)
        k = self.constant_index(node.slice, node)
        if not -len(owner.items) <= k < len(owner.items):
            raise self.out_of_range(owner, k, node)
        return owner.items[k]

    def out_of_range(self, owner: Tup, k: int, at: ast.AST) -> Exception:
        n = len(owner.items)
        why = self.refuse(at, f"index {k} of a {owner.kind} of {n} items", "", "container")
        return self.surely(IndexError, f"{owner.kind} index out of range", why, at)

    def surely(self, cls: type[Exception], argument: Any, why: Exception, at: ast.AST) -> Exception:
        """What ends the parsing of a statement that is sure to raise `cls(argument)`."""
        return why

    def constant_slice(self, node: ast.Slice, at: ast.AST) -> slice:
        parts = (node.lower, node.upper, node.step)
        return slice(*(None if e is None else self.constant_or_none(e, at) for e in parts))

    def constant_or_none(self, node: ast.expr, at: ast.AST) -> int | None:
        value = self.expr(node)
        if isinstance(value, Lit) and value.value is None:
            return None
        return self.constant_index(node, at)

    def constant_index(self, node: ast.expr, at: ast.AST) -> int:
        index = self.expr(node)
        if isinstance(index, Lit) and isinstance(index.value, int):
            return index.value
        self.take_turns()
        raise self.refuse(
            at,
            "a tuple or list is indexed by something that is not constant",
            "stack it to an array: np.stack(...)[i]; or loop over its items",
            "container",
        )

    def as_list_or_none(self, owner: Tup, at: ast.AST, like: Value | None = None) -> Value | None:
        """The container as a list of the IR, if its items are such that it can be one."""
        whole = replace(owner, kind="list") if owner.is_sequence else owner
        return self.listed_value(whole, at, like)

    def as_ir_list(self, owner: Tup, at: ast.AST, like: Value | None = None) -> Value:
        """The container as a list of the IR, which it is from here on."""
        made = self.as_list_or_none(owner, at, like)
        if made is None:
            raise self.refuse(
                at,
                f"a {owner.kind} is indexed by something that is not constant, "
                "and its items are not all numbers, arrays or tuples built alike",
                "loop over its items",
                "container",
            )
        if owner.cell is not None and owner.kind == "list":
            self.become(owner.cell, made, at)
        return made

    def constant_position(self, t: Tup, k: Value, at: ast.AST) -> int | None:
        """A position that is known; None where the list has to be one of the IR."""
        if isinstance(k, Lit) and isinstance(k.value, int):
            return k.value
        self.take_turns()
        return None

    # -- methods and calls

    def method(
        self, m: Method, args: list[Value], kwargs: dict[str, Value], node: ast.Call
    ) -> Value:
        if not isinstance(m.owner, Tup):
            return super().method(m, args, kwargs, node)
        found = self.refreshed(m.owner, node)
        if not isinstance(found, Tup):
            return self.method(replace(m, owner=found), args, kwargs, node)
        t, args = found, [self.inner(a) for a in args]
        if t.kind == "dict" and m.name in ("keys", "values", "items") and not args:
            return self.viewed(t, m.name)
        if t.kind == "dict" and m.name == "get" and 1 <= len(args) <= 2 and not kwargs:
            item = self.find_key(t, self.key_of(t, args[0], node))
            return item if item is not None else args[1] if len(args) == 2 else Lit(None)
        if m.name == "copy" and not args and t.kind in MUTABLE:
            return replace(t, cell=None)
        if m.name == "_replace" and not args and set(kwargs) <= set(t.keys):
            fields = zip(t.keys, t.items, strict=True)
            return replace(t, items=tuple(kwargs.get(k, v) for k, v in fields))
        if m.name == "_asdict" and not args:
            return Tup(t.items, "dict", t.keys)
        if m.name == "index" and len(args) == 1:
            return Lit(self.index_in(t, args[0], node))
        if m.name == "count" and len(args) == 1 and all(isinstance(i, Lit) for i in t.items):
            return Lit(sum(bool(self.contains(replace(t, items=(i,), cell=None), args[0], node))
                           for i in t.items))  # fmt: skip
        changed = self.change_by_method(t, m.name, args, kwargs, node)
        if changed is not None:
            return changed
        raise self.refuse(
            node.func if isinstance(node, ast.Call) else node,
            f"the method `.{m.name}` of a {t.kind} is not supported yet",
            "build a new one, or a loop that carries arrays",
            "container",
        )

    def change_by_method(
        self, t: Tup, name: str, args: list[Value], kwargs: dict[str, Value], node: ast.AST
    ) -> Value | None:
        raise NotImplementedError

    def viewed(self, owner: Tup, what: str) -> Tup:
        """The keys, values or items of a dict, which follow its changes."""
        keys = tuple(map(self.key_value, owner.keys))
        pairs = tuple(Tup(p) for p in zip(keys, owner.items, strict=True))
        found = {"keys": keys, "values": owner.items, "items": pairs}[what]
        view = (owner, what) if owner.cell is not None else None
        return Tup(found, "tuple", view=view)

    def index_in(self, t: Tup, item: Value, at: ast.AST) -> int:
        """Where a known item stands in a list."""
        for k, v in enumerate(t.items):
            if self.contains(replace(t, items=(v,), cell=None), item, at):
                return k
        raise self.refuse(at, "the item is not in the list", "", "container")

    def key_value(self, key: Any) -> Value:
        if isinstance(key, tuple) and type(key) is tuple:
            return Tup(tuple(map(self.key_value, key)))
        return self.known(key)

    def call(self, fn: Value, args: list[Value], kwargs: dict[str, Value], node: Any) -> Value:
        args = [self.inner(a) for a in args]
        if isinstance(fn, Known) and fn.obj is ops.stop_gradient and isinstance(args[0], Tup):
            items = (self.call(fn, [i], {}, node) for i in args[0].items)
            return replace(args[0], items=tuple(items), cell=None)
        if (
            isinstance(fn, Known)
            and fn.obj is ops.stop_gradient
            and not isinstance(args[0], Var | Ref)
        ):
            return args[0]
        return super().call(fn, args, kwargs, node)

    def binary(self, op: ast.operator, a: Value, b: Value, at: ast.AST) -> Value:
        a, b = self.inner(a), self.inner(b)
        if isinstance(op, ast.Mult) and isinstance(a, Lit) and isinstance(b, Tup):
            a, b = b, a
        if isinstance(a, Tup) and a.kind in ("tuple", "list"):
            if isinstance(op, ast.Add) and isinstance(b, Tup) and a.kind == b.kind:
                return Tup(a.items + b.items, a.kind)
            if isinstance(op, ast.Mult) and isinstance(b, Lit) and type(b.value) is int:
                return Tup(a.items * b.value, a.kind)
        if isinstance(op, ast.BitOr) and isinstance(a, Tup) and isinstance(b, Tup):
            if a.kind == b.kind == "dict":
                made = {**dict(zip(a.keys, a.items, strict=True))}
                made.update(zip(b.keys, b.items, strict=True))
                return Tup(tuple(made.values()), "dict", tuple(made))
        return super().binary(op, a, b, at)

    def compare_two(self, a: Value, op: ast.cmpop, b: Value, at: ast.Compare) -> Value:
        a, b = self.inner(a), self.inner(b)
        if isinstance(op, ast.In | ast.NotIn) and isinstance(b, Tup) and b.kind != "object":
            found = self.contains(b, a, at)
            if isinstance(found, bool):
                return Lit(found == isinstance(op, ast.In))
            return found if isinstance(op, ast.In) else self.not_(self.truth(found, at), at)
        if isinstance(op, ast.In | ast.NotIn) and isinstance(a, Lit) and isinstance(b, Lit):
            return Lit((a.value in b.value) == isinstance(op, ast.In))
        if isinstance(op, ast.Is | ast.IsNot) and (isinstance(a, Tup) or isinstance(b, Tup)):
            known = self.identical(a, b)
            if known is not None:
                return Lit(known == isinstance(op, ast.Is))
        if isinstance(a, Tup) and isinstance(b, Tup) and isinstance(op, ast.Eq | ast.NotEq):
            return self.equal_containers(a, op, b, at)
        return super().compare_two(a, op, b, at)

    def identical(self, a: Value, b: Value) -> bool | None:
        """Are both one object?  None: it is not known."""
        if not (isinstance(a, Tup) and isinstance(b, Tup)):
            other = b if isinstance(a, Tup) else a
            return False if isinstance(other, Lit) else None
        if a.cell is None or b.cell is None:
            return None
        return a.cell is b.cell or (None if b.cell in a.cell.linked else False)

    def equal_containers(self, a: Tup, op: ast.cmpop, b: Tup, at: ast.Compare) -> Value:
        """`==` of tuples, lists and dicts of what is known."""
        plain = {"tuple", "list", "dict"}
        if {a.kind, b.kind} <= plain and (a.kind != b.kind or len(a.items) != len(b.items)):
            return Lit(isinstance(op, ast.NotEq))
        x, y = leaves(a), leaves(b)
        known = x is not None and y is not None and all(isinstance(v, Lit) for v in (*x, *y))
        if a.kind != b.kind or a.kind not in plain or a.keys != b.keys or not known:
            raise self.refuse(at, "a comparison of containers", "compare their items", "container")
        equal = [v.value for v in x or ()] == [v.value for v in y or ()]  # type: ignore[union-attr]
        return Lit(equal == isinstance(op, ast.Eq))

    def contains(self, owner: Tup, item: Value, at: ast.AST) -> Any:
        """`item in owner`: True, False, or a value that says so when the program runs."""
        if owner.kind == "dict":
            return self.find_key(owner, self.key(item, at)) is not None
        known = [i for i in owner.items if isinstance(i, Lit)]
        rest = [i for i in owner.items if not isinstance(i, Lit)]
        keys = None if isinstance(item, Var | Ref) else self.key(item, at)
        if keys is not None or isinstance(item, Lit):
            if any(self.key(i, at) == keys for i in known):
                return True
            rest = [i for i in rest if not isinstance(i, Tup) or self.key(i, at) == keys]
            if any(isinstance(i, Tup) for i in rest):
                return True
            if not rest:
                return False
        self.take_turns()
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
        if not isinstance(args[0], Tup):
            return super().call_sum(args, node)
        start = args[1:] or [Lit(0)]
        total = start[0]
        keys = args[0].kind == "dict"
        for item in map(self.key_value, args[0].keys) if keys else args[0].items:
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
        named = {k.arg: self.expr(k.value) for k in node.keywords if k.arg is not None}
        if len(args) > 1 or len(named) < len(node.keywords):
            return None
        made = self.as_dict(args[0], node) if args else Tup((), "dict")
        both = {**dict(zip(made.keys, made.items, strict=True)), **named}
        return Tup(tuple(both.values()), "dict", tuple(both))

    def as_dict(self, v: Value, node: ast.AST) -> Tup:
        """`dict(v)` of a dict, or of pairs."""
        t = self.inner(v)
        if not isinstance(t, Tup):
            raise self.refuse(node, "a dict of what is not known item by item", "", "container")
        if t.kind == "dict":
            return replace(t, cell=None, cls=None)
        pairs = [self.items(p, node, 2) for p in t.items]
        made = {self.key(k, node): v for k, v in pairs}
        return Tup(tuple(made.values()), "dict", tuple(made))


TAKES_SEQUENCES = {
    np.array, np.asarray, np.concatenate, np.stack, np.vstack, np.hstack, np.dstack,
    np.column_stack, np.block, np.select, np.choose, np.meshgrid, np.einsum, np.linalg.multi_dot,
    np.broadcast_arrays, np.ix_, np.piecewise,
}  # fmt: skip
