"""What writes to arrays besides assignments: `np.copyto`, `np.put`, `ufunc.at`, `out=`, `where=`.

Each of them is a store that the program could have written itself, and is parsed as that store.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from s2sgrad.errors import DifferentiationError
from s2sgrad.front.expressions import Expressions
from s2sgrad.front.infer import fits
from s2sgrad.front.memory import Ref
from s2sgrad.front.values import Known, Tup, Value
from s2sgrad.ir import ops
from s2sgrad.ir.graph import Lit, Pack, Var
from s2sgrad.ir.types import Array, Scalar, kind_of

# The parameters of NumPy's functions that write to the first of them.
PARAMETERS: dict[Any, tuple[str, ...]] = {
    np.copyto: ("dst", "src", "casting", "where"),
    np.put: ("a", "ind", "v", "mode"),
    np.put_along_axis: ("arr", "indices", "values", "axis"),
    np.place: ("arr", "mask", "vals"),
    np.putmask: ("a", "mask", "values"),
    np.fill_diagonal: ("a", "val", "wrap"),
}
_SCATTER = """
for _k in range(len(_at)):
    _x[_at[_k]] = _op(_x[_at[_k]], _v)
"""
FLAT = Pack("reshape", (-1,))


class Writers(Expressions):
    """Calls that write."""

    def call_writer(
        self, op: Callable[..., Any], args: list[Value], kwargs: dict[str, Value], node: ast.AST
    ) -> Value | None:
        """A call that writes to its first argument; None if `op` does not."""
        ufunc = getattr(op, "__self__", None)
        if isinstance(ufunc, np.ufunc) and op.__name__ == "at":
            self.add_at(ufunc, args, kwargs, node)
            return Lit(None)
        if op not in PARAMETERS:
            return None
        given = {**dict(zip(PARAMETERS[op], args, strict=False)), **kwargs}
        target, *rest = (given.pop(name, None) for name in PARAMETERS[op])
        if given or not isinstance(target, Ref):
            raise self.refuse_store(node)
        writer: Callable[..., None] = getattr(self, f"write_{op.__name__}")
        writer(target, *rest, node)
        return Lit(None)

    def refuse_store(self, node: ast.AST) -> DifferentiationError:
        return self.refuse(node, "this write is not supported yet", "x[i] = v", "write")

    def to_store(self, value: Value | None, node: ast.AST) -> Var | Lit:
        """A value to be stored."""
        if isinstance(value, Tup):
            value = self.emit_call(np.array, [value], {}, node)
        value = self.read(value, node)
        if not isinstance(value, Var | Lit):
            raise self.refuse(
                node, "only numbers and arrays can be stored in an array", "", "write"
            )
        return value

    def flat(self, target: Ref) -> Ref:
        """All elements of an array in one row: `x.flat`."""
        t = self.type_of(target)
        return target if isinstance(t, Array) and len(t.shape) == 1 else target.part(FLAT)

    # -- one function each

    def write_copyto(
        self, target: Ref, value: Value, casting: Value, where: Value, node: ast.AST
    ) -> None:
        if casting is not None:
            raise self.refuse_store(node)
        if where is not None and not (isinstance(where, Lit) and where.value is True):
            value = self.emit_call(np.where, [where, value, target], {}, node)
        self.write(target, self.to_store(value, node), node)

    def write_put(self, target: Ref, at: Value, value: Value, mode: Value, node: ast.AST) -> None:
        if mode is not None:
            raise self.refuse_store(node)
        step = self.index_of(at, node)
        self.write(self.flat(target).part(step), self.to_store(value, node), node)

    def write_put_along_axis(
        self, target: Ref, at: Value, value: Value, axis: Value, node: ast.AST
    ) -> None:
        t = self.type_of(target)
        if not (isinstance(axis, Lit) and isinstance(t, Array)):
            raise self.refuse_store(node)
        if axis.value is None:
            self.write_put(target, at, value, None, node)  # type: ignore[arg-type]
            return
        along = axis.value % len(t.shape)
        index: list[Value] = []
        for k in range(len(t.shape)):
            row = self.row_numbers(target, k, node) if k != along else at
            if k != along and len(t.shape) > 1:
                shape = Tup(tuple(Lit(-1 if j == k else 1) for j in range(len(t.shape))))
                row = self.emit_call(np.reshape, [row, shape], {}, node)
            index.append(row)
        step = self.index_of(Tup(tuple(index)), node)
        self.write(target.part(step), self.to_store(value, node), node)

    def row_numbers(self, x: Ref, axis: int, node: ast.AST) -> Value:
        """`np.arange(x.shape[axis])`."""
        return self.emit_call(np.arange, [self.extent(self.read(x, node), axis, node)], {}, node)

    def write_place(self, target: Ref, mask: Value, value: Value, node: ast.AST) -> None:
        """The first values go where the mask holds, from the start again when they are used up."""
        one = value.items[0] if isinstance(value, Tup) and len(value.items) == 1 else value
        if not isinstance(self.type_of_number(one), Scalar):
            count = self.emit_call(np.count_nonzero, [mask], {}, node)
            n = self.emit_call(np.size, [value], {}, node)
            turns = self.binary(ast.Mod(), self.emit_call(np.arange, [count], {}, node), n, node)
            one = self.emit_call(np.take, [value, turns], {}, node)
        self.write(target.part(self.index_of(mask, node)), self.to_store(one, node), node)

    def write_putmask(self, target: Ref, mask: Value, value: Value, node: ast.AST) -> None:
        t, v = self.type_of(target), self.type_of_number(value)
        if isinstance(v, Scalar):
            self.write(target.part(self.index_of(mask, node)), self.to_store(value, node), node)
        elif fits(v, t):
            self.write_copyto(target, value, None, mask, node)  # type: ignore[arg-type]
        else:
            raise self.refuse_store(node)

    def type_of_number(self, v: Value) -> Any:
        return None if isinstance(v, Tup) else self.type_of(v)

    def write_fill_diagonal(self, target: Ref, value: Value, wrap: Value, node: ast.AST) -> None:
        t = self.type_of(target)
        wraps = wrap is not None and not (isinstance(wrap, Lit) and wrap.value is False)
        if wraps or not isinstance(t, Array) or len(t.shape) < 2:
            raise self.refuse_store(node)
        x = self.read(target, node)
        sides = [self.extent(x, k, node) for k in range(len(t.shape))]
        if len(set(t.shape)) == 1 or len(sides) > 2:  # of more than two axes, all are as long
            n: Value = sides[0]
        else:
            n = self.emit_call(min, list(sides[:2]), {}, node)
        row = self.emit_call(np.arange, [n], {}, node)
        step = self.index_of(Tup((row,) * len(t.shape)), node)
        self.write(target.part(step), self.to_store(value, node), node)

    def store_component(self, target: ast.Attribute, value: Value) -> bool:
        """`z.imag = v` of an array; False if it is no such store."""
        if target.attr not in ("real", "imag"):
            return False
        owner = self.expr(target.value)
        kind = kind_of(self.type_of(owner))
        if not isinstance(owner, Ref) or kind is None or (kind, target.attr) == ("float", "imag"):
            return False
        if kind == "complex":
            other = np.imag if target.attr == "real" else np.real
            kept = self.emit_call(other, [owner], {}, target)
            parts = [value, kept] if target.attr == "real" else [kept, value]
            turned = self.binary(ast.Mult(), Lit(1j), parts[1], target)
            value = self.binary(ast.Add(), parts[0], turned, target)
        self.write(owner, self.to_store(value, target), target)
        return True

    # -- ufuncs

    def add_at(
        self, ufunc: np.ufunc, args: list[Value], kwargs: dict[str, Value], node: ast.AST
    ) -> None:
        """`np.add.at(x, i, v)`: repeated indices add up."""
        if kwargs or len(args) != 3 or not isinstance(args[0], Ref):
            raise self.refuse_store(node)
        target, at = args[:2]
        assert isinstance(target, Ref)
        if ufunc not in (np.add, np.subtract):
            self.each_at(ufunc, target, at, args[2], node)
            return
        value = self.to_store(args[2], node)
        if ufunc is np.subtract:
            value = self.emit(operator.neg, (value,), at=node)
        self.write(target.part(self.index_of(at, node)), value, node, ops.additem)

    def each_at(self, ufunc: np.ufunc, target: Ref, at: Value, value: Value, node: ast.AST) -> None:
        """`np.multiply.at(x, i, v)`: one store after the other."""
        if isinstance(at, Tup):
            at = self.emit_call(np.array, [at], {}, node)
        t, v = self.type_of(at), self.type_of_number(value)
        if not (isinstance(t, Array) and t.kind == "int" and len(t.shape) == 1):
            raise self.refuse_store(node)
        text = _SCATTER if isinstance(v, Scalar) else _SCATTER.replace("_v", "_v[_k]")
        if isinstance(value, Tup):
            value = self.emit_call(np.array, [value], {}, node)
        given = {"_x": target, "_at": at, "_v": value, "_op": Known(ufunc)}
        self.evaluate("None", node, given, text)

    def in_dtype(self, args: list[Value], dtype: Value, node: ast.AST) -> list[Value]:
        """`np.add(x, y, dtype=d)` casts its arrays first."""
        wanted = dtype.obj if isinstance(dtype, Known) else getattr(dtype, "value", None)
        if wanted is None:
            return args
        found: list[Value] = []
        for a in args:
            t = self.type_of_number(a)
            if isinstance(t, Array) and t.char != np.dtype(wanted).char:
                a = self.emit_call(np.ndarray.astype, [a, dtype], {}, node)
            found.append(a)
        return found

    def masked(
        self, ufunc: np.ufunc, args: list[Value], kwargs: dict[str, Value], node: ast.AST
    ) -> Value:
        """`np.sqrt(x, out=y, where=m)` is `y[m] = np.sqrt(x[m])`; what is not written is 0."""
        mask, target = kwargs.pop("where"), kwargs.pop("out", None)
        if len(args) > ufunc.nin:
            target = args.pop()
        if isinstance(target, Tup) and len(target.items) == 1:
            target = target.items[0]
        if target is None or (isinstance(target, Lit) and target.value is None):
            target = self.blank(ufunc, [*args, mask], node)
        if not isinstance(target, Ref):
            raise self.refuse_out(node)
        full = self.type_of(target)
        if not isinstance(full, Array) or kind_of(self.type_of(mask)) != "bool":
            raise self.refuse_out(node)
        step = self.index_of(self.widened(mask, target, node), node)
        parts = [self.part_of(self.widened(a, target, node), step, node) for a in args]
        value = self.emit_call(ufunc, parts, kwargs, node)
        self.write(target.part(step), self.to_store(value, node), node)
        return target

    def blank(self, ufunc: np.ufunc, args: list[Value], node: ast.AST) -> Value:
        """Zeros of the shape of the operands."""
        shapes = [a for a in args if isinstance(self.type_of(a), Array)]
        whole = shapes[0]
        for a in shapes[1:]:
            if not fits(self.type_of(a), self.type_of(whole)):
                raise self.refuse(
                    node, "`where=` without `out=`, of operands of different shapes",
                    "give `out=np.zeros(...)`", "write",
                )  # fmt: skip
        return self.emit_call(np.zeros_like, [whole], {}, node)

    def widened(self, a: Value, like: Ref, node: ast.AST) -> Value:
        """`a` in the shape of `like`; a number as it is."""
        t = self.type_of_number(a)
        if isinstance(t, Scalar) and t.kind != "bool":
            return a
        if isinstance(a, Ref | Var) and fits(t, self.type_of(like)):
            return a
        x = self.read(like, node)
        full = self.type_of(like)
        assert isinstance(full, Array)
        shape = Tup(tuple(self.extent(x, k, node) for k in range(len(full.shape))))
        return self.emit_call(np.broadcast_to, [a, shape], {}, node)

    def part_of(self, a: Value, step: Any, node: ast.AST) -> Value:
        """`a[step]` of an array, and a number as it is."""
        array = isinstance(a, Ref) and isinstance(self.type_of(a), Array)
        return self.element(a, step, node) if array else a  # type: ignore[arg-type]

    def into(self, target: Value, made: Var, node: ast.AST) -> Value:
        """`out=target`: the result is written there, and is that array."""
        if not isinstance(target, Ref):
            raise self.refuse_out(node)
        now = self.read(target, node)
        alike = isinstance(made.type, Array) and made.type == now.type
        if alike and not target.path:
            self.may_write(target.root, node)
            self.put(target.root, made, node)
        else:
            self.write(target, made, node)
        return target

    def refuse_out(self, node: ast.AST) -> DifferentiationError:
        return self.refuse(
            node,
            "`out=` or `where=` of this kind is not supported yet",
            "leave it away and bind the result to a name",
            "write",
        )
