"""Parts of values: attributes, subscripts, items, extents."""

from __future__ import annotations

import ast
import types
from collections.abc import Callable
from typing import Any

import numpy as np

from s2sgrad.front.integers import WAY_OUT, WHY, is_float
from s2sgrad.front.memory import Ref, Root, holes, is_array
from s2sgrad.front.operators import Operators
from s2sgrad.front.values import Known, Method, Namespace, Tup, Value
from s2sgrad.ir import ops
from s2sgrad.ir.graph import Atom, Form, Hole, Lit, Pack, Var
from s2sgrad.ir.types import Array, Scalar, Unknown, kind_of

_LIBRARIES = ("numpy", "math", "scipy", "s2sgrad", "operator", "functools", "itertools")


def _is_library(obj: Any) -> bool:
    """A module, type or function of NumPy, SciPy or `math`: its attributes stand still."""
    if isinstance(obj, np.ufunc):
        return True
    name = obj.__name__ if isinstance(obj, types.ModuleType) else getattr(obj, "__module__", None)
    return str(name).split(".")[0].lstrip("_") in _LIBRARIES


class Parts(Operators):
    """Attributes, subscripts and the items of what is unpacked."""

    def expr_Attribute(self, node: ast.Attribute) -> Value:
        return self.attribute(self.expr(node.value), node)

    def attribute(self, owner: Value, node: ast.Attribute) -> Value:
        if isinstance(owner, Namespace) and owner.by == "attribute":
            return owner.get(node.attr, node)
        if isinstance(owner, Known):
            if not hasattr(owner.obj, node.attr):
                raise self.refuse(node, f"there is no `{ast.unparse(node)}`", "")
            if not _is_library(owner.obj):
                if isinstance(owner.obj, types.ModuleType) and node.attr in vars(owner.obj):
                    return self.from_outside(self.scope.of_module(owner.obj, node.attr))
                raise self.refuse(
                    node,
                    f"`{ast.unparse(node)}` is read from an object that may change between calls",
                    "pass it as an argument, or bind it to a name of the module",
                    "attribute",
                )
            return self.known(getattr(owner.obj, node.attr))
        if isinstance(owner, Ref) and node.attr == "T":
            return self.transposed(owner, (), node)
        if isinstance(owner, Ref | Var) and node.attr in ("shape", "ndim", "size"):
            return self.shape_fact(self.read(owner, node), node)
        return Method(owner, node.attr)

    def transposed(self, owner: Ref, axes: tuple[int, ...], at: ast.AST) -> Value:
        t = self.type_of(owner)
        if isinstance(t, Array) and len(t.shape) < 2:
            return owner
        part = owner.part(Pack("transpose", axes))
        if isinstance(t, Array):
            self.read(part, at)
            return part
        return self.own(self.read(part, at), (owner.root, *owner.root.linked))

    def shape_fact(self, owner: Var, node: ast.Attribute) -> Value:
        if node.attr == "ndim" and isinstance(owner.type, Array):
            return Lit(len(owner.type.shape))
        if node.attr == "shape" and isinstance(owner.type, Array):
            return Tup(tuple(self.extent(owner, k, node) for k in range(len(owner.type.shape))))
        fn: Callable[..., Any] = getattr(np, node.attr)
        made = self.emit(fn, (owner,), at=node)
        if fn is np.shape:
            self.shapes[made] = owner
        return made

    def extent(self, owner: Var, k: int, at: ast.AST) -> Atom:
        if isinstance(owner.type, Array) and isinstance(owner.type.shape[k], int):
            return Lit(owner.type.shape[k])
        return self.emit(np.size, (owner, Lit(k)), at=at)

    def expr_Subscript(self, node: ast.Subscript) -> Value:
        return self.subscript(self.expr(node.value), node)

    def subscript(self, owner: Value, node: ast.Subscript) -> Value:
        if isinstance(owner, Known) and owner.obj in (np.r_, np.c_):
            return self.joined(owner.obj, node)
        if isinstance(owner, Namespace) and owner.by == "item":
            key = self.expr(node.slice)
            if isinstance(key, Lit):
                return owner.get(key.value, node)
        if isinstance(owner, Var) and owner in self.shapes:
            k = self.expr(node.slice) if not isinstance(node.slice, ast.Slice) else None
            if isinstance(k, Lit) and isinstance(k.value, int):
                return self.extent(self.shapes[owner], k.value, node)
        if not isinstance(owner, Ref | Var):
            raise self.refuse(node, "only arrays and tuples can be subscripted", "")
        return self.element(owner, self.index(node.slice), node)

    def element(self, owner: Ref | Var, step: Any, at: ast.AST) -> Value:
        """`owner[step]`: a number, a view, or a copy."""
        if isinstance(owner, Var):
            args: list[Atom] = [owner]
            form = Form((Hole(0), holes(step, args)))
            return self.own(self.emit(ops.getitem, tuple(args), form, at=at))
        part = owner.part(step)
        value = self.read(part, at)
        if not is_array(value):
            return value  # type: ignore[no-any-return]
        if _copies(step):
            return self.own(value)
        if isinstance(value.type, Array):
            return part
        # A number or a view: which, is not known.
        return self.own(value, (owner.root, *owner.root.linked))

    def joined(self, kind: Any, node: ast.Subscript) -> Value:
        """`np.r_[...]` and `np.c_[...]` of vectors and numbers."""
        given = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        atoms = [self.atom(e) for e in given if not isinstance(e, ast.Slice)]
        ranks = [len(t.shape) if isinstance(t, Array) else 0 for t in map(self.type_of, atoms)]
        if len(atoms) < len(given) or not all(n <= 1 if kind is np.r_ else n == 1 for n in ranks):
            raise self.refuse(
                node, "ranges and matrices in `np.r_` and `np.c_`", "use np.concatenate", "index"
            )
        form = Form((Pack("list", tuple(map(Hole, range(len(atoms))))),))
        op = np.hstack if kind is np.r_ else np.column_stack
        return self.own(self.emit(op, tuple(atoms), form, node))

    def index(self, node: ast.expr) -> Any:
        """The template of an index, its atoms in their places."""
        if isinstance(node, ast.Tuple):
            return Pack("tuple", tuple(self.index(e) for e in node.elts))
        if isinstance(node, ast.Slice):
            parts = (node.lower, node.upper, node.step)
            return Pack("slice", tuple(None if e is None else self.index(e) for e in parts))
        return self.index_of(self.expr(node), node)

    def index_of(self, value: Value, node: ast.AST) -> Any:
        """The template of an index that is a value."""
        if isinstance(value, Tup) and value.kind == "tuple":
            return Pack("tuple", tuple(self.index_of(i, node) for i in value.items))
        value = self.read(value, node)
        if isinstance(value, Known) and value.obj is None:
            return None
        if isinstance(value, Lit) and isinstance(value.value, int | type(None) | type(...)):
            return value.value
        by_mask = (
            isinstance(value, Var) and isinstance(value.type, Array) and value.type.char == "?"
        )
        unknown = isinstance(value, Var) and isinstance(value.type, Unknown)
        if isinstance(value, Var) and (kind_of(value.type) == "int" or by_mask or unknown):
            return value
        if is_float(value) and isinstance(self.type_of(value), Scalar):
            raise self.refuse(node, WHY, WAY_OUT, "int")
        raise self.refuse(node, "this index is not supported yet", "", "index")

    def items(self, value: Value, at: ast.AST, n: int | None = None) -> list[Value]:
        """The items of something that is unpacked."""
        if isinstance(value, Tup) and value.is_sequence:
            return list(value.items)
        if isinstance(value, Var) and n is not None and value in self.shapes:
            return [self.extent(self.shapes[value], k, at) for k in range(n)]
        array = isinstance(value, Ref) and isinstance(self.type_of(value), Array | Unknown)
        if isinstance(value, Ref) and n is not None and array:
            return [self.element(value, k, at) for k in range(n)]
        raise self.refuse(at, "it is not known how many items this has", "")

    def from_outside(self, value: Value) -> Value:
        """A global, a cell, a default: an array there belongs to the whole program."""
        if not (isinstance(value, Var) and is_array(value)):
            return value
        if value not in self.outside:
            self.outside[value] = Ref(Root(value, "captured"))
        return self.outside[value]


def _copies(step: Any) -> bool:
    """Is the index one that copies: by a mask or an array of ints?"""
    items = step.items if isinstance(step, Pack) and step.kind == "tuple" else (step,)
    return any(isinstance(i, Var) and isinstance(i.type, Array) for i in items)
