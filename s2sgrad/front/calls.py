"""Calls: rules, the user's own functions, methods, and what a `for` runs over."""

from __future__ import annotations

import ast
import builtins
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from s2sgrad.front.aliases import is_own_number
from s2sgrad.front.expressions import Expressions
from s2sgrad.front.values import Closure, Known, Method, Tup, Value
from s2sgrad.ir import ops
from s2sgrad.ir.graph import Atom, Form, Hole, Lit, Pack, Range, Undef, Var
from s2sgrad.ir.types import Array, Unknown

_METHOD_NAMES = """sum mean prod var std max min cumsum cumprod reshape ravel transpose swapaxes
squeeze dot copy clip trace diagonal repeat take argmax argmin argsort all any round conj"""
# Results may share memory with their operand: harmless, as long as nothing is written.
METHODS = {name: getattr(np, name) for name in _METHOD_NAMES.split()}
EFFECTS = {print}


def _counts_from_zero(over: Range) -> bool:
    """Is the index of the range also the number of the turn?"""
    return [a.value if isinstance(a, Lit) else None for a in (over.start, over.step)] == [0, 1]


class Calls(Expressions):
    """What a call stands for."""

    # -- calls

    def expr_Call(self, node: ast.Call) -> Value:
        fn = self.expr(node.func)
        args: list[Value] = []
        for a in node.args:
            if isinstance(a, ast.Starred):
                args += self.items(self.expr(a.value), a)
            else:
                args.append(self.expr(a))
        kwargs: dict[str, Value] = {}
        for k in node.keywords:
            if k.arg is None:
                raise self.refuse(node, "`**` in a call is not supported yet", "")
            kwargs[k.arg] = self.expr(k.value)
        return self.call(fn, args, kwargs, node)

    def call(self, fn: Value, args: list[Value], kwargs: dict[str, Value], node: ast.Call) -> Value:
        if isinstance(fn, Closure):
            return self.inline(fn, self.bind(fn, args, kwargs, node), node)
        if isinstance(fn, Method):
            return self.method(fn, args, kwargs, node)
        if not isinstance(fn, Known):
            raise self.refuse(node, "this is not callable", "")
        special = getattr(self, f"call_{getattr(fn.obj, '__name__', '')}", None)
        if special is not None and fn.obj is getattr(builtins, fn.obj.__name__, None):
            result: Value | None = special(args, node)
            if result is not None:
                return result
        op = fn.obj
        return self.emit_call(op, args, kwargs, node, op in EFFECTS)

    def emit_call(
        self,
        op: Callable[..., Any],
        args: list[Value],
        kwargs: dict[str, Value],
        node: ast.AST,
        effect: bool = False,
    ) -> Var:
        self.refuse_writes(op, args, kwargs, node)
        flat: list[Atom] = []
        templates = tuple(self.template(a, flat, node) for a in args)
        named = tuple((k, self.template(v, flat, node)) for k, v in kwargs.items())
        plain = not named and templates == tuple(Hole(k) for k in range(len(flat)))
        return self.emit(
            op, tuple(flat), None if plain else Form(templates, named), at=node, effect=effect
        )

    def refuse_writes(
        self, op: Callable[..., Any], args: list[Value], kwargs: dict[str, Value], node: ast.AST
    ) -> None:
        """A result that goes into an array of the user's is a write."""
        positional = isinstance(op, np.ufunc) and len(args) > op.nin
        positional |= getattr(op, "__name__", "") in ("copyto", "put", "fill_diagonal", "place")
        if "out" in kwargs or positional:
            raise self.refuse(
                node,
                "`out=` writes into an array, which is not supported yet",
                "leave `out` away and bind the result to a name",
                "write",
            )

    def template(self, v: Value, flat: list[Atom], at: ast.AST) -> Any:
        if isinstance(v, Tup):
            return Pack(v.kind, tuple(self.template(i, flat, at) for i in v.items))
        if isinstance(v, Lit) and not isinstance(v.value, Undef | float | complex):
            return v.value
        if isinstance(v, Var | Lit):
            flat.append(v)
            return Hole(len(flat) - 1)
        if isinstance(v, Known):
            return v.obj
        raise self.refuse(at, "a function is passed where a value is needed", "")

    def method(
        self, m: Method, args: list[Value], kwargs: dict[str, Value], node: ast.Call
    ) -> Value:
        op = METHODS.get(m.name)
        if op is None or not isinstance(m.owner, Var):
            raise self.refuse(
                node.func,
                f"the method `.{m.name}` is not supported yet",
                "use the NumPy function",
                "method",
            )
        if m.name in ("reshape", "transpose") and args and not isinstance(args[0], Tup):
            args = [Tup(tuple(args))]
        return self.emit_call(op, [m.owner, *args], kwargs, node)

    def bind(
        self, fn: Closure, args: list[Value], kwargs: dict[str, Value], at: ast.AST
    ) -> dict[str, Value]:
        """Parameters to values, as Python binds them."""
        a = fn.node.args
        positional = [p.arg for p in (*a.posonlyargs, *a.args)]
        bound = dict(fn.defaults)
        if len(args) > len(positional) and a.vararg is None:
            raise self.refuse(at, f"{len(args)} arguments for {len(positional)} parameters", "")
        bound.update(zip(positional, args, strict=False))
        if a.vararg is not None:
            bound[a.vararg.arg] = Tup(tuple(args[len(positional) :]))
        allowed = {p.arg for p in (*a.args, *a.kwonlyargs)}
        for k, v in kwargs.items():
            if k not in allowed:
                raise self.refuse(at, f"there is no parameter `{k}`", "")
            bound[k] = v
        missing = [p for p in (*positional, *(k.arg for k in a.kwonlyargs)) if p not in bound]
        if missing:
            raise self.refuse(at, f"no value for the parameter `{missing[0]}`", "")
        return bound

    def inline(self, closure: Closure, bound: dict[str, Value], at: ast.AST) -> Value:
        raise NotImplementedError

    # -- built-in functions that structure answers

    def call_len(self, args: list[Value], node: ast.Call) -> Value | None:
        if isinstance(args[0], Tup):
            return Lit(len(args[0].items))
        if isinstance(args[0], Var) and isinstance(args[0].type, Array):
            return self.extent(args[0], 0, node)
        return None

    def call_range(self, args: list[Value], node: ast.Call) -> Value | None:
        raise self.refuse(node, "`range` outside a `for` header", "use it in the header", "range")

    def iteration(self, node: ast.expr) -> tuple[Range, Callable[[Var], Value]]:
        """What a `for` runs over, and the value of its target at an index."""
        if isinstance(node, ast.Call):
            fn = self.expr(node.func)
            obj = fn.obj if isinstance(fn, Known) else None
            if obj is range and not node.keywords:
                return self.range_of([self.atom(a) for a in node.args]), lambda i: i
            if obj is enumerate and len(node.args) == 1:
                over, item = self.iteration(node.args[0])
                if _counts_from_zero(over):
                    return over, lambda i: Tup((i, item(i)))
            if obj is reversed and isinstance(node.args[0], ast.Call):
                return self.reversed_range(node)
            if obj is zip and not node.keywords and node.args:
                return self.zipped(node)
        value = self.expr(node)
        if isinstance(value, Var) and isinstance(value.type, Array | Unknown):
            known = isinstance(value.type, Array)
            n = self.extent(value, 0, node) if known else self.emit(len, (value,), at=node)
            form = Form((Hole(0), Hole(1)))
            return Range(Lit(0), n, Lit(1)), lambda i: self.emit(
                ops.getitem, (value, i), form, at=node
            )
        raise self.refuse(
            node, "a loop over this is not supported yet", "loop over `range(...)`", "for"
        )

    def range_of(self, atoms: list[Atom]) -> Range:
        zero, one = Lit(0), Lit(1)
        if len(atoms) == 1:
            return Range(zero, atoms[0], one)
        return Range(atoms[0], atoms[1], atoms[2] if len(atoms) > 2 else one)

    def reversed_range(self, node: ast.Call) -> tuple[Range, Callable[[Var], Value]]:
        over, item = self.iteration(node.args[0])
        if not (isinstance(over.step, Lit) and over.step.value == 1):
            raise self.refuse(
                node, "`reversed` of a range with a step", "write the range out", "for"
            )
        one = Lit(1)
        start = self.minus(over.stop, one, node)
        return Range(start, self.minus(over.start, one, node), Lit(-1)), item

    def minus(self, a: Atom, b: Atom, at: ast.AST) -> Atom:
        if isinstance(a, Lit) and isinstance(b, Lit):
            return Lit(a.value - b.value)
        return self.emit(operator.sub, (a, b), at=at)

    def zipped(self, node: ast.Call) -> tuple[Range, Callable[[Var], Value]]:
        parts = [self.iteration(a) for a in node.args]
        for over, _ in parts:
            if not _counts_from_zero(over):
                raise self.refuse(node, "`zip` over this is not supported yet", "index it", "for")
        stops = [over.stop for over, _ in parts]
        stop = stops[0] if len(stops) == 1 else self.emit(min, tuple(stops), at=node)
        return Range(Lit(0), stop, Lit(1)), lambda i: Tup(tuple(item(i) for _, item in parts))

    def check_rebinds(self, current: Value, s: ast.AugAssign) -> None:
        """`y += 1` rebinds a number and writes into an array."""
        t = self.type_of(current)
        if isinstance(t, Unknown) and (self.lenient or is_own_number(s, self.body)):
            return  # nothing else holds the array, if it is one
        if isinstance(t, Array | Unknown):
            raise self.refuse(
                s,
                "`+=` and its like write into an array in place, which is not supported yet",
                f"{ast.unparse(s.target)} = {ast.unparse(s.target)} + ...",
                "write",
            )
