"""Calls: rules, the user's own functions, methods, and what a `for` runs over."""

from __future__ import annotations

import ast
import builtins
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from s2sgrad.front.elements import COUNTERS
from s2sgrad.front.integers import SIZES, WAY_OUT, WHY, float_as_size, is_float
from s2sgrad.front.memory import Ref, Root, refs
from s2sgrad.front.solvers import Solvers
from s2sgrad.front.values import Closure, Known, Method, Tup, Value
from s2sgrad.ir import ops
from s2sgrad.ir.alias import makes_memory
from s2sgrad.ir.graph import Atom, Form, Hole, Lit, Pack, Range, Undef, Var
from s2sgrad.ir.types import Array, List, Several, Unknown
from s2sgrad.rules.registry import lookup as rule_of

EFFECTS = {print}
# What makes an array in C order.
CONTIGUOUS: set[Any] = {np.zeros, np.ones, np.full, np.empty, np.arange, np.linspace, np.eye}
CONTIGUOUS |= {np.ndarray.copy, np.ndarray.flatten}


def _counts_from_zero(over: Range) -> bool:
    """Is the index of the range also the number of the turn?"""
    return [a.value if isinstance(a, Lit) else None for a in (over.start, over.step)] == [0, 1]


def _has_order(form: Form | None) -> bool:
    """Does a call that makes an array say in which order?"""
    given = () if form is None else (*form.args, *(v for k, v in form.kwargs if k != "dtype"))
    return any(isinstance(v, str) and len(v) == 1 for v in given)


def echoes_of(op: Callable[..., Any]) -> dict[int, tuple[int, str, Any]]:
    rule = rule_of(op)
    return rule.echoes if rule is not None else {}


class Calls(Solvers):
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
            value = self.expr(k.value)
            if k.arg is not None:
                kwargs[k.arg] = value
                continue
            if not (isinstance(value, Tup) and value.kind == "dict"):
                raise self.refuse(node, "`**` of something that is no known dict", "", "container")
            kwargs.update(zip(value.keys, value.items, strict=True))
        return self.call(fn, args, kwargs, node)

    def call(self, fn: Value, args: list[Value], kwargs: dict[str, Value], node: ast.Call) -> Value:
        if isinstance(fn, Closure):
            return self.invoke(fn, self.bind(fn, args, kwargs, node), node)
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
        applied = self.parts_call(op, args, kwargs, node)
        if applied is not None:
            return applied
        return self.emit_call(op, args, kwargs, node, op in EFFECTS)

    def emit_call(
        self,
        op: Callable[..., Any],
        args: list[Value],
        kwargs: dict[str, Value],
        node: ast.AST,
        effect: bool = False,
    ) -> Value:
        if op in SIZES and float_as_size(op, args, kwargs):
            raise self.refuse(node, WHY, WAY_OUT, "int")
        view = self.reshaped_view(op, args, kwargs)
        if view is not None:
            return view
        written = self.call_writer(op, args, kwargs, node)
        if written is not None:
            return written
        if isinstance(op, np.ufunc) and "dtype" in kwargs and op.nout == 1:
            args = self.in_dtype(args, kwargs.pop("dtype"), node)
        if isinstance(op, np.ufunc) and "where" in kwargs:
            return self.masked(op, args, kwargs, node)
        target = kwargs.pop("out", None)
        if isinstance(op, np.ufunc) and len(args) > op.nin:
            target = args.pop()
        if isinstance(target, Tup) and len(target.items) == 1:
            target = target.items[0]
        flat: list[Atom] = []
        templates = tuple(self.template(a, flat, node) for a in args)
        named = tuple((k, self.template(v, flat, node)) for k, v in kwargs.items())
        plain = not named and templates == tuple(Hole(k) for k in range(len(flat)))
        form = None if plain else Form(templates, named)
        made = self.emit(op, tuple(flat), form, at=node, effect=effect)
        if isinstance(made.type, Several) and not made.type.open:
            if target is not None and not (isinstance(target, Lit) and target.value is None):
                raise self.refuse_out(node)
            items = list(self.several(made, node, self.may_share(op, form, args, kwargs)).items)
            for k, (place, name, default) in echoes_of(op).items():
                items[k] = args[place] if len(args) > place else kwargs.get(name, Lit(default))
            return Tup(tuple(items))
        if target is not None and not (isinstance(target, Lit) and target.value is None):
            return self.into(target, made, node)
        linked = self.may_share(op, form, args, kwargs)
        return self.own(made, linked, contiguous=op in CONTIGUOUS and not _has_order(form))

    def may_share(
        self,
        op: Callable[..., Any],
        form: Form | None,
        args: list[Value],
        kwargs: dict[str, Value],
    ) -> list[Root]:
        """What the result of a call may be a view of."""
        if makes_memory(op, form):
            return []
        roots = [r.root for a in (*args, *kwargs.values()) for r in refs(a)]
        return [x for r in roots for x in (r, *r.linked)]

    def several(self, out: Var, node: ast.AST, linked: list[Root]) -> Tup:
        """The results of an operation that has several."""
        assert isinstance(out.type, Several)
        forms = [Form((Hole(0), k)) for k in range(len(out.type.items))]
        items = [self.emit(ops.getitem, (out,), f, at=node) for f in forms]
        return Tup(tuple(self.own(i, linked) for i in items))

    def reshaped_view(
        self, op: Callable[..., Any], args: list[Value], kwargs: dict[str, Value]
    ) -> Ref | None:
        """`x.reshape(...)` where it is surely a view: `x` is in C order."""
        if op not in (np.reshape, np.ravel) or kwargs or not args:
            return None
        owner = args[0]
        if not isinstance(owner, Ref) or not owner.root.contiguous:
            return None
        if any(not (isinstance(s, Pack) and s.kind == "reshape") for s in owner.path):
            return None
        shape = args[1:] or [Lit(-1)]
        items = shape[0].items if isinstance(shape[0], Tup) else shape
        dims = [i.value if isinstance(i, Lit) else i for i in items]
        if not all(isinstance(d, int | Var) for d in dims):
            return None
        part = owner.part(Pack("reshape", tuple(dims)))
        self.read(part, self._node)
        return part

    def template(self, v: Value, flat: list[Atom], at: ast.AST) -> Any:
        v = self.read(v, at)
        if isinstance(v, Tup) and v.is_sequence:
            kind = "list" if v.kind == "list" else "tuple"
            return Pack(kind, tuple(self.template(i, flat, at) for i in v.items))
        if isinstance(v, Tup) and v.kind == "slice":
            return Pack("slice", tuple(self.template(i, flat, at) for i in v.items))
        if isinstance(v, Lit) and not isinstance(v.value, Undef | float | complex):
            return v.value
        if isinstance(v, Var | Lit):
            flat.append(v)
            return Hole(len(flat) - 1)
        if isinstance(v, Known):
            return v.obj
        if isinstance(v, Tup):
            raise self.refuse(at, f"a {v.kind} is passed where a value is needed", "", "container")
        raise self.refuse(at, "a function is passed where a value is needed", "")

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
        rest = {k: v for k, v in kwargs.items() if k not in allowed}
        if a.kwarg is not None:
            bound[a.kwarg.arg] = Tup(tuple(rest.values()), "dict", tuple(rest))
        for k, v in kwargs.items():
            if k in rest:
                if a.kwarg is not None:
                    continue
                raise self.refuse(at, f"there is no parameter `{k}`", "")
            bound[k] = v
        missing = [p for p in (*positional, *(k.arg for k in a.kwonlyargs)) if p not in bound]
        if missing:
            raise self.refuse(at, f"no value for the parameter `{missing[0]}`", "")
        return bound

    def invoke(self, closure: Closure, bound: dict[str, Value], at: ast.AST) -> Value:
        raise NotImplementedError

    # -- built-in functions that structure answers

    def call_len(self, args: list[Value], node: ast.Call) -> Value | None:
        if isinstance(args[0], Tup) and args[0].kind != "object":
            return Lit(len(args[0].items))
        if isinstance(args[0], Ref) and isinstance(self.type_of(args[0]), Array):
            return self.extent(self.read(args[0], node), 0, node)
        return None

    def iteration(self, node: ast.expr) -> tuple[Range, Callable[[Var], Value]]:
        """What a `for` runs over, and the value of its target at an index."""
        if isinstance(node, ast.Call):
            fn = self.expr(node.func)
            obj = fn.obj if isinstance(fn, Known) else None
            if obj is range and not node.keywords:
                return self.range_of([self.integer(a) for a in node.args]), lambda i: i
            if obj is enumerate and len(node.args) == 1:
                over, item = self.iteration(node.args[0])
                if _counts_from_zero(over):
                    return over, lambda i: Tup((i, item(i)))
            if obj is reversed and isinstance(node.args[0], ast.Call):
                return self.reversed_range(node)
            if obj is zip and not node.keywords and node.args:
                return self.zipped(node)
            if obj in COUNTERS:
                return self.counted(obj, node)
        value = self.expr(node)
        t = self.type_of(value) if isinstance(value, Ref) else None
        if isinstance(value, Ref) and isinstance(t, List):
            count = self.emit(len, (self.read(value, node),), at=node)
            return Range(Lit(0), count, Lit(1)), lambda i: self.running(value, i, node)
        if isinstance(value, Ref) and isinstance(t, Array | Unknown):
            x = self.read(value, node)
            known = isinstance(t, Array)
            n = self.extent(x, 0, node) if known else self.emit(len, (x,), at=node)
            return Range(Lit(0), n, Lit(1)), lambda i: self.element(value, i, node)
        raise self.refuse(
            node, "a loop over this is not supported yet", "loop over `range(...)`", "for"
        )

    def running(self, owner: Ref, i: Var, node: ast.expr) -> Value:
        raise NotImplementedError

    def integer(self, node: ast.expr) -> Atom:
        value = self.atom(node)
        if is_float(value):
            raise self.refuse(node, WHY, WAY_OUT, "int")
        return value

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
