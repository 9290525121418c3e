"""Parts of values: attributes, subscripts, items, extents."""

from __future__ import annotations

import ast
import types
from collections.abc import Callable
from typing import Any

import numpy as np

from s2sgrad.front.integers import WAY_OUT, WHY, is_float
from s2sgrad.front.memory import Flat, Ref, Root, holes, is_array
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
        fact = getattr(self, f"attribute_{node.attr}", None)
        found: Value | None = fact(owner, node) if fact and isinstance(owner, Ref | Var) else None
        return Method(owner, node.attr) if found is None else found

    def attribute_real(self, owner: Ref | Var, node: ast.AST) -> Value:
        """`z.real`: of a real array, that array."""
        real = kind_of(self.type_of(owner)) in ("float", "int", "bool")
        return owner if real else self.component(np.real, owner, node)

    def attribute_imag(self, owner: Ref | Var, node: ast.AST) -> Value:
        return self.component(np.imag, owner, node)

    def component(self, op: Callable[..., Any], owner: Ref | Var, node: ast.AST) -> Value:
        """The real or imaginary part: a view."""
        linked = (owner.root, *owner.root.linked) if isinstance(owner, Ref) else ()
        return self.own(self.emit(op, (self.read(owner, node),), at=node), linked)

    def attribute_flat(self, owner: Ref | Var, node: ast.AST) -> Value | None:
        """`x.flat`: all elements in one row, whatever their order in memory."""
        if not isinstance(owner, Ref):
            return None
        t = self.type_of(owner)
        if not (isinstance(t, Array) and len(t.shape) == 1):
            owner = owner.part(Pack("reshape", (-1,)))
        return Flat(owner.root, owner.path)

    def attribute_dtype(self, owner: Ref | Var, node: ast.AST) -> Value | None:
        t = self.type_of(owner)
        return Known(np.dtype(t.char)) if isinstance(t, Array | Scalar) and t.char else None

    def attribute_mT(self, owner: Ref | Var, node: ast.AST) -> Value | None:
        t = self.type_of(owner)
        if not (isinstance(owner, Ref) and isinstance(t, Array)):
            return None
        n = len(t.shape)
        return self.transposed(owner, (*range(n - 2), n - 1, n - 2), node)

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
        if isinstance(owner, Known) and owner.obj in (np.mgrid, np.ogrid):
            return self.grid(owner.obj, node)
        if isinstance(owner, Known) and owner.obj in (np.s_, np.index_exp):
            return self.index_value(node.slice)
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
        if isinstance(owner, Flat):
            return self.own(self.emit(np.ndarray.copy, (value,), at=at))
        if _copies(step):
            return self.own(value)
        if isinstance(value.type, Array):
            return part
        # A number or a view: which, is not known.
        return self.own(value, (owner.root, *owner.root.linked))

    def joined(self, kind: Any, node: ast.Subscript) -> Value:
        """`np.r_[...]` and `np.c_[...]` of vectors, ranges and numbers."""
        given = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        values = [self.ranged(e) if isinstance(e, ast.Slice) else self.expr(e) for e in given]
        atoms = [self.as_atom(v, node) for v in values]
        ranks = [len(t.shape) if isinstance(t, Array) else 0 for t in map(self.type_of, atoms)]
        if not all(n <= 1 if kind is np.r_ else n == 1 for n in ranks):
            raise self.refuse(
                node, "matrices in `np.r_` and `np.c_`", "use np.concatenate", "index"
            )
        form = Form((Pack("list", tuple(map(Hole, range(len(atoms))))),))
        op = np.hstack if kind is np.r_ else np.column_stack
        return self.own(self.emit(op, tuple(atoms), form, node))

    def as_atom(self, v: Value, node: ast.AST) -> Atom:
        v = self.read(self.emit_call(np.array, [v], {}, node) if isinstance(v, Tup) else v, node)
        if isinstance(v, Var | Lit):
            return v
        raise self.refuse(node, "a number or an array is needed here", "")

    def ranged(self, s: ast.Slice) -> Value:
        """What `start:stop:step` stands for in `np.mgrid` and `np.r_`; `5j` is a count."""
        start, stop, step = (
            None if e is None else self.expr(e) for e in (s.lower, s.upper, s.step)
        )
        if stop is None:
            raise self.refuse(s, "a range without an end", "use np.arange", "index")
        if isinstance(step, Lit) and isinstance(step.value, complex):
            n = Lit(int(abs(step.value)))
            return self.emit_call(np.linspace, [start or Lit(0), stop, n], {}, s)
        bounds = [stop] if start is None and step is None else [start or Lit(0), stop]
        return self.emit_call(np.arange, [*bounds, *([] if step is None else [step])], {}, s)

    def grid(self, kind: Any, node: ast.Subscript) -> Value:
        """`np.mgrid[...]`: `np.meshgrid` of ranges; `np.ogrid` is open, as `np.ix_` is."""
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if not all(isinstance(e, ast.Slice) for e in parts):
            raise self.refuse(node, "this index of a grid is not supported", "", "index")
        ranges = [self.ranged(e) for e in parts if isinstance(e, ast.Slice)]
        if not isinstance(node.slice, ast.Tuple):
            return ranges[0]
        if kind is np.ogrid:
            return self.emit_call(np.ix_, ranges, {}, node)
        made = self.emit_call(np.meshgrid, ranges, {"indexing": Lit("ij")}, node)
        return self.emit_call(np.array, [made], {}, node)

    def index_value(self, node: ast.expr) -> Value:
        """An index as a value: `np.s_[1:, 0]`."""
        if isinstance(node, ast.Tuple):
            return Tup(tuple(map(self.index_value, node.elts)))
        if isinstance(node, ast.Slice):
            bounds = (node.lower, node.upper, node.step)
            return Tup(tuple(Lit(None) if e is None else self.expr(e) for e in bounds), "slice")
        return self.expr(node)

    def call_slice(self, args: list[Value], node: ast.Call) -> Value | None:
        """`slice(start, stop)` is a value that is an index."""
        none = Lit(None)
        bounds = {1: (none, *args, none), 2: (*args, none), 3: tuple(args)}[len(args)]
        return Tup(bounds, "slice")

    def index(self, node: ast.expr, inner: bool = False) -> Any:
        """The template of an index, its atoms in their places."""
        if isinstance(node, ast.Tuple) and not inner:
            return Pack("tuple", tuple(self.index(e, True) for e in node.elts))
        if isinstance(node, ast.Slice):
            parts = (node.lower, node.upper, node.step)
            return Pack("slice", tuple(None if e is None else self.index(e) for e in parts))
        return self.index_of(self.expr(node), node, inner)

    def index_of(self, value: Value, node: ast.AST, inner: bool = False) -> Any:
        """The template of an index that is a value; `inner`: an item of a tuple."""
        if isinstance(value, Tup) and value.kind == "slice":
            return Pack("slice", tuple(self.index_of(i, node) for i in value.items))
        if isinstance(value, Tup) and value.kind == "tuple" and not inner:
            return Pack("tuple", tuple(self.index_of(i, node, True) for i in value.items))
        if isinstance(value, Tup) and value.is_sequence:  # `x[[0, 2]]`
            constants = [i.value for i in value.items if isinstance(i, Lit)]
            if len(constants) == len(value.items) and {type(c) for c in constants} == {int}:
                return Pack("list", tuple(constants))
            whole: dict[str, Value] = {} if value.items else {"dtype": Known(int)}
            value = self.emit_call(np.array, [value], whole, node)
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
        way_out = "index by ints, slices, masks, lists or arrays of ints"
        raise self.refuse(node, "this index is not supported", way_out, "index")

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
        if isinstance(value, Tup):
            return self.owned(value, "captured")
        if not (isinstance(value, Var) and is_array(value)):
            return value
        if value not in self.outside:
            self.outside[value] = Ref(Root(value, "captured"))
        return self.outside[value]


def _copies(step: Any) -> bool:
    """Is the index one that copies: by a mask, a list or an array of ints?"""
    items = step.items if isinstance(step, Pack) and step.kind == "tuple" else (step,)
    listed = any(isinstance(i, Pack) and i.kind == "list" for i in items)
    return listed or any(isinstance(i, Var) and isinstance(i.type, Array) for i in items)
