"""Sparse matrices of SciPy: made in the program, read from around it, or arguments.

A matrix is an object (`front/objects`), the parts of which are its entries and their places.
"""

from __future__ import annotations

import ast
import operator
import sys
from typing import Any

import numpy as np

from s2sgrad.front.distributions import Distributions
from s2sgrad.front.objects import OBJECT
from s2sgrad.front.values import Known, Method, Partial, Tup, Value
from s2sgrad.ir.graph import Atom, Eqn, Form, Hole, Lit, Var
from s2sgrad.ir.opaque import SPARSE, MethodOf
from s2sgrad.ir.types import Array, Static, kind_of
from s2sgrad.rules.registry import load_for

_PACKAGE = "s2sgrad.rules.scipy_sparse"
LAYOUT = ".layout"


class Sparse(Distributions):
    """What makes sparse matrices, and what is done with them."""

    def call(self, fn: Value, args: list[Value], kwargs: dict[str, Value], node: Any) -> Value:
        obj = fn.obj if isinstance(fn, Known) else None
        if callable(obj) and str(getattr(obj, "__module__", "")).startswith("scipy.sparse"):
            rules = self.sparse_rules()
            if obj in (*rules.MAKERS, *rules.CONSTANT):
                return self.matrix_of(obj, args, kwargs, node)
            matrix = self.sparse(args[0]) if args else None
            if matrix is not None and (obj in rules.SOLVERS or obj.__name__ == "splu"):
                return self.solved_by(obj, matrix, args[1:], kwargs, node)
        return super().call(fn, args, kwargs, node)

    def sparse_rules(self) -> Any:
        for package in ("scipy.sparse", "scipy.sparse.linalg"):
            load_for(package)
        return sys.modules[_PACKAGE]

    def sparse(self, v: Value) -> Partial | None:
        """A sparse matrix with its parts; None for other values."""
        if isinstance(v, Partial) and LAYOUT in v.kwargs:
            return v
        if isinstance(v, Var) and v.type == SPARSE:
            return _matrix(v, [], "constant")
        return None

    # -- making

    def matrix_of(
        self, maker: Any, args: list[Value], kwargs: dict[str, Value], node: ast.Call
    ) -> Value:
        """The matrix, and what it is made of."""
        dtype = kwargs.get("dtype")
        if dtype is not None and not (
            isinstance(dtype, Known) and dtype.obj in (float, np.float64)
        ):
            raise self.refuse_object(maker, "the dtype is not float", node)
        rules, first = self.sparse_rules(), args[0] if args else None
        layout, parts = "constant", [a for v in args for a in _numbers(v)]
        known = self.sparse(first) if first is not None else None
        if known is not None:
            layout, parts = _layout(known), list(known.args[1:])
            args = [known.args[0], *args[1:]]
        elif maker in rules.MAKERS and isinstance(first, Tup) and len(first.items) == 2:
            data, pair = first.items
            if isinstance(pair, Tup) and len(pair.items) == 2:
                layout, parts = "pairs", [data, *pair.items]
        elif maker in rules.MAKERS and isinstance(first, Tup) and len(first.items) == 3:
            layout = "csc" if maker in rules.BY_COLUMNS else "csr"
            parts = list(first.items)
        elif maker in rules.MAKERS and isinstance(self.type_of_value(first), Array):
            layout, parts = "dense", [first]  # type: ignore[list-item]
        parts = [self.piece_of(p, node) for p in parts]
        if any(kind_of(self.type_of_value(p)) == "complex" for p in parts):
            raise self.refuse_object(maker, "its entries are complex", node)
        return self.matrix_from(maker, args, kwargs, parts, layout, node)

    def matrix_from(
        self, maker: Any, args: list[Value], kwargs: dict[str, Value], parts: list[Value],
        layout: str, node: ast.AST,
    ) -> Value:  # fmt: skip
        flat: list[Atom] = []
        templates = tuple(self.template(a, flat, node) for a in args)
        named = tuple((k, self.template(v, flat, node)) for k, v in kwargs.items())
        made = Var("matrix", SPARSE)
        form = Form(templates, named)
        self.stmts.append(Eqn(made, maker, tuple(flat), form, self.span(node)))
        return _matrix(made, parts, layout)

    def type_of_value(self, v: Any) -> Any:
        return self.like(v) if v is not None else Static("")

    # -- using

    def binary(self, op: ast.operator, a: Value, b: Value, at: ast.AST) -> Value:
        left, right = self.sparse(a), self.sparse(b)
        if left is None and right is None:
            return super().binary(op, a, b, at)
        if not isinstance(op, ast.MatMult) or (left is not None and right is not None):
            raise self.refuse(
                at,
                "this operation of a sparse matrix has no derivative",
                "`A @ x` has one, and `A.toarray()`",
                "solver",
            )
        if left is not None:
            return self.times(left, b, at)
        assert right is not None
        if isinstance(self.like(a), Array) and len(self.like(a).shape) == 1:  # type: ignore[attr-defined]
            return self.times(self.turned(right), a, at)
        flipped = self.emit_call(np.transpose, [a], {}, at)
        product = self.times(self.turned(right), flipped, at)
        return self.emit_call(np.transpose, [product], {}, at)

    def times(self, matrix: Partial, x: Value, at: ast.AST) -> Value:
        method = "T@" if _is_turned(matrix) else "@"
        op = self.sparse_rules().product(_layout(matrix), len(matrix.args) - 1, method)
        return self.through(op, [*matrix.args, x], {}, at)

    def turned(self, matrix: Partial) -> Partial:
        return Partial(
            matrix.function, matrix.args, {**matrix.kwargs, ".turned": Lit(not _is_turned(matrix))}
        )

    def attribute(self, owner: Value, node: ast.Attribute) -> Value:
        matrix = self.sparse(owner)
        if matrix is None:
            return super().attribute(owner, node)
        if node.attr == "T":
            return self.turned(matrix)
        if node.attr == "shape":
            sizes = [self.emit(np.size, (matrix.args[0], Lit(k)), at=node) for k in (0, 1)]  # type: ignore[arg-type]
            return Tup(tuple(sizes[::-1] if _is_turned(matrix) else sizes))
        return Method(matrix, node.attr)

    def method(
        self, m: Method, args: list[Value], kwargs: dict[str, Value], node: ast.Call
    ) -> Value:
        matrix = self.sparse(m.owner)
        if isinstance(m.owner, Partial) and ".factors" in m.owner.kwargs and m.name == "solve":
            trans = [*args[1:], *kwargs.values(), Lit("N")][0]
            turned = isinstance(trans, Lit) and trans.value == "T"
            op = self.sparse_rules().solution(
                _layout(m.owner), len(m.owner.args) - 1, "solve", turned
            )
            return self.through(
                op, [*m.owner.args, args[0], *([Lit("T")] if turned else [])], {}, node
            )
        if matrix is None:
            return super().method(m, args, kwargs, node)
        rules = self.sparse_rules()
        if m.name == "dot" and len(args) == 1 and self.sparse(args[0]) is None:
            return self.times(matrix, args[0], node)
        if m.name in ("toarray", "transpose") and not args and not kwargs:
            if m.name == "transpose":
                return self.turned(matrix)
            made = self.through(
                rules.dense(_layout(matrix), len(matrix.args) - 1), list(matrix.args), {}, node
            )
            return self.emit_call(np.transpose, [made], {}, node) if _is_turned(matrix) else made
        if m.name in rules.CONVERSIONS and not args:
            op = MethodOf(type(self), m.name)
            out = Var("matrix", SPARSE)
            self.stmts.append(Eqn(out, op, (matrix.args[0],), None, self.span(node)))  # type: ignore[arg-type]
            return Partial(matrix.function, (out, *matrix.args[1:]), matrix.kwargs)
        raise self.refuse(
            node,
            f"`{m.name}` of a sparse matrix has no derivative",
            "`A @ x` has one, and `A.toarray()`",
            "solver",
        )

    def solved_by(
        self, solver: Any, matrix: Partial, args: list[Value], kwargs: dict[str, Value], node: Any
    ) -> Value:
        """`spsolve(A, b)`, `cg(A, b)`; `splu(A)`, the factors of which solve."""
        layout, count = _layout(matrix), len(matrix.args) - 1
        if solver.__name__ == "splu":
            if _is_turned(matrix) or args:
                raise self.refuse_object(solver, "of a transpose, or with these options", node)
            flat = matrix.args[0]
            named = tuple((k, self.fixed(v, node)) for k, v in kwargs.items())
            factors = Var("lu", Static("SuperLU"))
            form = Form((Hole(0),), named)
            self.stmts.append(Eqn(factors, solver, (flat,), form, self.span(node)))  # type: ignore[arg-type]
            return Partial(
                Known(operator.pos),
                (factors, *matrix.args[1:]),
                {OBJECT: Known(solver), ".factors": Lit(True), ".of": Lit(layout)},
            )
        op = self.sparse_rules().solution(layout, count, solver, _is_turned(matrix))
        if len(args) != 1 or set(kwargs) - {"rtol", "atol", "maxiter", "permc_spec", "restart"}:
            raise self.refuse_object(solver, "these options have no rule", node)
        return self.through(op, [*matrix.args, *args], kwargs, node)


def _matrix(made: Value, parts: list[Value], layout: str) -> Partial:
    return Partial(
        Known(operator.pos),
        (made, *parts),
        {OBJECT: Known(operator.pos), LAYOUT: Lit(layout), ".of": Lit(layout)},
    )


def _layout(matrix: Partial) -> str:
    found = matrix.kwargs[".of"]
    assert isinstance(found, Lit)
    return str(found.value)


def _is_turned(matrix: Partial) -> bool:
    found = matrix.kwargs.get(".turned")
    return isinstance(found, Lit) and bool(found.value)


def _numbers(v: Value) -> list[Value]:
    """What of an argument may have a derivative."""
    if isinstance(v, Tup):
        return [x for i in v.items for x in _numbers(i)]
    return [] if isinstance(v, Lit | Known) else [v]
