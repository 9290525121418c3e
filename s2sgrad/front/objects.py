"""Objects of SciPy that a program makes and calls: splines, interpolators, sparse matrices.

An object is data.  What it was made of goes with it, so that what is computed through it has a
derivative by that (`ir/through`).
"""

from __future__ import annotations

import ast
import inspect
from typing import Any

import numpy as np

from s2sgrad.errors import DifferentiationError
from s2sgrad.front.calls import Calls
from s2sgrad.front.probe import own_extents
from s2sgrad.front.values import Known, Partial, Tup, Value
from s2sgrad.ir.graph import Atom, Eqn, Form, Hole, Lit, Pack, Var, atom_type
from s2sgrad.ir.opaque import SPLINE
from s2sgrad.ir.through import Through
from s2sgrad.ir.types import Scalar, Several, Static, Type, Undefined, kind_of
from s2sgrad.rules.objects import MADE, TYPED, Made
from s2sgrad.rules.registry import load_for, load_present

OBJECT = ".object"  # in a `Partial`: it is the object that its first argument is


class Objects(Calls):
    """What makes objects, and what is done with them."""

    def call(self, fn: Value, args: list[Value], kwargs: dict[str, Value], node: Any) -> Value:
        obj = fn.obj if isinstance(fn, Known) else None
        if callable(obj) and _comes_from_scipy(obj):
            load_present()
            if obj in MADE:
                return self.object_of(obj, MADE[obj], args, kwargs, node)
        if isinstance(fn, Var) and fn.type == SPLINE:
            load_for("scipy.interpolate")
            return self.through(Through(None), [fn, *args], kwargs, node)
        if isinstance(obj, Through):
            return self.through(obj, args, kwargs, node)
        return super().call(fn, args, kwargs, node)

    def object_of(
        self, maker: Any, said: Made, args: list[Value], kwargs: dict[str, Value], node: ast.Call
    ) -> Value:
        """The object, and what it is made of."""
        try:
            given = dict(inspect.signature(maker).bind(*args, **kwargs).arguments)
        except TypeError as e:
            raise self.refuse(node, f"`{maker.__name__}`: {e}", "", "call") from e
        parts = [self.piece_of(given.pop(name), node) for name in said.parts]
        options = tuple((k, self.fixed(v, node)) for k, v in given.items())
        try:
            op = said.uses("", options)
        except NotImplementedError as e:
            raise self.refuse_object(maker, str(e), node) from e
        flat: list[Atom] = []
        templates = tuple(self.template(p, flat, node) for p in parts)
        made = Var(said.hint, Static(said.hint))
        form = Form(templates, options)
        self.stmts.append(Eqn(made, maker, tuple(flat), form, self.span(node)))
        return Partial(Known(op), (made, *parts), {OBJECT: Known(maker)})

    def piece_of(self, v: Value, node: ast.AST) -> Value:
        """Something that an object is made of: a list of numbers is an array."""
        if isinstance(v, Tup) and v.is_sequence and v.items:
            if all(isinstance(self.type_of(i), Scalar) for i in v.items):
                return self.emit_call(np.array, [v], {}, node)
        return v

    def fixed(self, v: Value, node: ast.AST) -> Any:
        """An option: a constant."""
        if isinstance(v, Lit):
            return v.value
        if isinstance(v, Tup) and v.is_sequence:
            return tuple(self.fixed(i, node) for i in v.items)
        if isinstance(v, Known):
            return v.obj
        raise self.refuse(node, "an option of an object is computed", "a constant", "solver")

    def refuse_object(self, maker: Any, why: str, node: ast.AST) -> DifferentiationError:
        return self.refuse(
            node,
            f"`{maker.__name__}` has no derivative here: {why}",
            "leave the option out, or give the call a rule of its own (`s2sgrad.rule`)",
            "solver",
        )

    def through(
        self, op: Through, args: list[Value], kwargs: dict[str, Value], node: ast.AST
    ) -> Value:
        """The equation of what is done with an object."""
        given = [self.as_points(a, node) for a in args]
        flat: list[Atom] = []
        templates = tuple(self.template(a, flat, node) for a in given)
        named = tuple((k, self.template(v, flat, node)) for k, v in kwargs.items())
        types = [_type_of(t, flat) for t in templates]
        if any(isinstance(t, Undefined) for t in types):
            return self.own(Var("", Undefined()))
        if any(kind_of(t) == "complex" for t in types):
            raise self.refuse(node, "an object of SciPy of complex numbers", "", "solver")
        out = Var("", own_extents(TYPED[op](types[: 2 + op.count])))
        self.stmts.append(Eqn(out, op, tuple(flat), Form(templates, named), self.span(node)))
        return self.several(out, node, []) if isinstance(out.type, Several) else self.own(out)

    def as_points(self, v: Value, node: ast.AST) -> Value:
        """Points that are listed are an array."""
        if isinstance(v, Tup) and v.kind == "list":
            return self.emit_call(np.array, [v], {}, node)
        return v


def _type_of(t: Any, flat: list[Atom]) -> Type:
    if isinstance(t, Hole):
        return atom_type(flat[t.k])
    return Static("") if isinstance(t, Pack) else atom_type(Lit(t))


def _comes_from_scipy(obj: Any) -> bool:
    return str(getattr(obj, "__module__", "")).startswith("scipy.")
