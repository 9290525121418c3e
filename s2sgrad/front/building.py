"""What every part of the parser builds equations with, and the state they share."""

from __future__ import annotations

import ast
import builtins
import math
import operator
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from s2sgrad.errors import DifferentiationError, Refusal
from s2sgrad.front import sizes
from s2sgrad.front.heap import Heap
from s2sgrad.front.infer import infer
from s2sgrad.front.memory import Ref
from s2sgrad.front.source import span_of
from s2sgrad.front.values import Known, Poison, Tup, Value, spoken
from s2sgrad.ir import ops
from s2sgrad.ir.graph import UNDEF, Atom, Eqn, Form, Lit, Stmt, Var, atom_type
from s2sgrad.ir.span import Span
from s2sgrad.ir.types import FLOAT, INT, UNDEFINED, Static, Type, Unknown
from s2sgrad.rules.registry import lookup

_OWN: set[Any] = {
    builtins.list,
    ops.getitem,
    ops.setitem,
    ops.additem,
    ops.not_,
    ops.list_,
    ops.append,
    ops.drop_last,
    ops.drop,
    ops.insert,
    ops.place,
    ops.concat,
    ops.repeat_list,
    ops.total,
    ops.replace,
    ops.reshape_like,
    ops.bound,
}


def _may_raise(op: Callable[..., Any], args: tuple[Atom, ...], t: Type) -> bool:
    """Does plain Python end with an exception where NumPy would warn?"""
    if op is ops.bound or getattr(np.linalg, getattr(op, "__name__", ""), None) is op:
        return True
    if getattr(math, getattr(op, "__name__", ""), None) is op:
        return op not in _TOTAL
    if op in (operator.truediv, operator.floordiv, operator.mod):
        divisor = args[1]
        return t in (FLOAT, INT) and not (isinstance(divisor, Lit) and divisor.value)
    return op is operator.pow and t in (FLOAT, INT) and not isinstance(args[1], Lit)


_TOTAL = {math.sin, math.cos, math.tanh, math.atan, math.atan2, math.fabs, math.hypot, math.erf}

RAISED = ".raised"  # bound where control does not reach


# Expressions whose value is a container of its own, if it has no identity yet.
_MAKES = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp, ast.GeneratorExp,
          ast.Call, ast.BinOp)  # fmt: skip


class Building(Heap):
    """The parser's state; equations, refusals, and the value of an expression by its kind."""

    def __init__(self) -> None:
        super().__init__()
        self.stmts: list[Stmt] = []
        self.env: dict[str, Value] = {}
        self.frames: list[dict[str, Value]] = []
        self.lookup: Callable[[str, ast.AST], Value] = lambda n, at: UNDEF
        self.file = ""
        self.active_calls: list[tuple[object, Any]] = []  # functions, structures of arguments
        self.lenient = False  # the program is looked at, not differentiated
        self.shapes: dict[Var, Var] = {}  # `x.shape` to x, where the number of axes is not known
        self.choosing = 0  # conditional expressions around
        self.stored: set[str] = set()  # names that the function binds
        self.rebound: list[str] = []  # names that calls of its inner functions may bind
        self.aliased: dict[tuple[int, str], tuple[dict[str, Value], str]] = {}  # `nonlocal` names
        self.chain: tuple[dict[str, Value], ...] = ()  # names of the functions around this one
        self.outside: dict[Var, Ref] = {}  # arrays that are not the function's own

    @contextmanager
    def block(self) -> Iterator[list[Stmt]]:
        outer, self.stmts = self.stmts, []
        self.views = self.views.new_child()
        try:
            yield self.stmts
        finally:
            self.stmts = outer
            self.views = self.views.parents

    def emit(
        self,
        op: Callable[..., Any],
        args: tuple[Atom, ...],
        form: Form | None = None,
        at: ast.AST | None = None,
        hint: str = "",
        effect: bool = False,
    ) -> Var:
        if not (effect or op in _OWN or lookup(op) is not None):
            name = getattr(op, "__name__", str(op))
            raise self.refuse(
                at or self._node,
                f"there is no rule for `{name}`",
                "give it one with `s2sgrad.rule`, or write it in NumPy",
                "no-rule",
            )
        t = Static("NoneType") if effect else infer(op, args, form)
        out = Var(hint, t, sizes.extent(op, args, t))
        raises = _may_raise(op, args, out.type)
        span = self.span(at) if at else None
        self.stmts.append(Eqn(out, op, args, form, span, effect, raises))
        return out

    def span(self, node: ast.AST) -> Span:
        return span_of(node, getattr(node, "from_file", self.file))

    def refuse(
        self, at: ast.AST, message: str, way_out: str, anchor: str = ""
    ) -> DifferentiationError:
        return DifferentiationError(
            Refusal(message, self.span(at), way_out, anchor=anchor or "unsupported")
        )

    def poison(self, why: str) -> Value:
        return Known(Poison(why))

    def refuse_name(self, name: str) -> DifferentiationError:
        node = self.active_node
        self.take_turns()
        return self.refuse(
            node,
            f"`{name}` is not the same kind of thing in each turn of a loop",
            "use two names",
            "kinds",
        )

    @property
    def active_node(self) -> ast.AST:
        return self._node

    _node: ast.AST = ast.Pass()
    scope: Any = None  # where names outside of the function are looked up

    def type_of(self, v: Value) -> Type:
        if v is UNDEF:
            return UNDEFINED
        v = self.read(v, self._node)
        return atom_type(v) if isinstance(v, Var | Lit) else Unknown()

    def named(self, value: Value, name: str) -> Value:
        """Give a value that has no name yet the user's."""
        made = value
        if isinstance(value, Ref):  # the name of a view is that of what was read of it last
            made = self.read(value, self._node) if value.path else value.root.first
        free = isinstance(made, Var) and (not made.hint or made.hint == ".value" != name)
        if free and name != "_":  # that says: not used
            object.__setattr__(made, "hint", spoken(name))  # a hint is not part of what a value is
        return value

    def expr(self, node: ast.expr) -> Value:
        if hasattr(node, "lineno"):
            self._node = node
        handler = getattr(self, f"expr_{type(node).__name__}", None)
        if handler is None:
            kind = type(node).__name__
            raise self.refuse(node, f"this kind of expression ({kind}) is not supported yet", "")
        value: Value = handler(node)
        if isinstance(value, Tup):
            sliced = isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice)
            made = value.cell is None and (sliced or isinstance(node, _MAKES))
            return self.boxed(value) if made else self.refreshed(value, node)
        return value

    def atom(self, node: ast.expr) -> Atom:
        value = self.read(self.expr(node), node)
        if isinstance(value, Var | Lit):
            return value
        raise self.refuse(node, "a number or an array is needed here", "")

    def known(self, obj: Any) -> Value:
        if isinstance(obj, bool | int | float | complex | str | type(None)):
            return Lit(obj)
        return Known(obj)

    def call(self, fn: Value, args: list[Value], kwargs: dict[str, Value], node: ast.Call) -> Value:
        raise NotImplementedError

    def emit_call(
        self,
        op: Callable[..., Any],
        args: list[Value],
        kwargs: dict[str, Value],
        node: ast.AST,
        effect: bool = False,
    ) -> Value:
        raise NotImplementedError

    def evaluate(
        self, text: str, node: ast.AST, values: dict[str, Value], before: str = ""
    ) -> Value:
        raise NotImplementedError

    def merge(
        self, a: dict[str, Value], b: dict[str, Value], before: dict[str, Value]
    ) -> dict[str, tuple[Value, Value]]:
        raise NotImplementedError
