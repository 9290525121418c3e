"""Methods of arrays and numbers: most are NumPy's functions under another spelling."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable
from typing import Any

import numpy as np

from s2sgrad.errors import DifferentiationError
from s2sgrad.front.memory import Ref
from s2sgrad.front.values import Known, Method, Tup, Value
from s2sgrad.front.writers import Writers
from s2sgrad.ir.graph import Lit, Var
from s2sgrad.ir.types import Array, Scalar, kind_of

_NAMES = """sum mean prod var std max min cumsum cumprod reshape ravel transpose swapaxes squeeze
dot clip trace diagonal repeat take argmax argmin argsort all any round conj conjugate
choose searchsorted nonzero"""
METHODS: dict[str, Callable[..., Any]] = {name: getattr(np, name) for name in _NAMES.split()}
METHODS["copy"] = np.ndarray.copy  # in C order, which `np.copy` is not
METHODS["flatten"] = np.ndarray.flatten
METHODS["astype"] = np.ndarray.astype
_SHAPED = ("reshape", "transpose")  # their sizes need no tuple around them


class Methods(Writers):
    """Calls of methods."""

    def method(
        self, m: Method, args: list[Value], kwargs: dict[str, Value], node: ast.Call
    ) -> Value:
        if not isinstance(m.owner, Var | Ref):
            raise self.refuse_method(m, node)
        special = getattr(self, f"method_{m.name}", None)
        found: Value | None = special(m.owner, args, kwargs, node) if special else None
        if found is not None:
            return found
        op = METHODS.get(m.name)
        if op is None:
            raise self.refuse_method(m, node)
        if m.name in _SHAPED and args and not isinstance(args[0], Tup):
            args = [Tup(tuple(args))]
        return self.emit_call(op, [m.owner, *args], kwargs, node)

    def refuse_method(self, m: Method, node: ast.Call) -> DifferentiationError:
        return self.refuse(
            node.func,
            f"the method `.{m.name}` is not supported yet",
            "use the NumPy function",
            "method",
        )

    def method_copy(
        self, x: Value, args: list[Value], kwargs: dict[str, Value], node: ast.Call
    ) -> Value | None:
        if not (args or kwargs):
            return None
        order = [*args, *kwargs.values()][0]  # `x.copy("F")`
        return self.emit_call(np.array, [x], {"order": order}, node)

    def method_conj(
        self, x: Value, args: list[Value], kwargs: dict[str, Value], node: ast.Call
    ) -> Value | None:
        """No copy of a real array, other than `np.conj`."""
        return x if kind_of(self.type_of(x)) in ("float", "int", "bool") else None

    method_conjugate = method_conj

    def method_transpose(
        self, x: Value, args: list[Value], kwargs: dict[str, Value], node: ast.Call
    ) -> Value | None:
        given = args[0].items if args and isinstance(args[0], Tup) else tuple(args)
        if not isinstance(x, Ref) or kwargs or not all(isinstance(i, Lit) for i in given):
            return None
        axes = tuple(i.value for i in given if isinstance(i, Lit) and i.value is not None)
        return self.transposed(x, axes, node)

    def method_fill(
        self, x: Value, args: list[Value], kwargs: dict[str, Value], node: ast.Call
    ) -> Value | None:
        if not isinstance(x, Ref) or kwargs or len(args) != 1:
            return None
        self.write(x, self.to_store(args[0], node), node)
        return Lit(None)

    def method_sort(
        self, x: Value, args: list[Value], kwargs: dict[str, Value], node: ast.Call
    ) -> Value | None:
        """In place."""
        if not isinstance(x, Ref):
            return None
        self.into(x, self.read(self.emit_call(np.sort, [x, *args], kwargs, node), node), node)
        return Lit(None)

    def method_compress(
        self, x: Value, args: list[Value], kwargs: dict[str, Value], node: ast.Call
    ) -> Value | None:
        """The function takes the condition first."""
        return self.emit_call(np.compress, [*args[:1], x, *args[1:]], kwargs, node)

    def method_put(
        self, x: Value, args: list[Value], kwargs: dict[str, Value], node: ast.Call
    ) -> Value | None:
        return self.call_writer(np.put, [x, *args], kwargs, node)

    def method_item(
        self, x: Value, args: list[Value], kwargs: dict[str, Value], node: ast.Call
    ) -> Value | None:
        """`x.item()`, `x.item(k)`, `x.item(i, j)`: a Python number."""
        t = self.type_of(x)
        if isinstance(t, Scalar) and not args:
            return self.python_number(x, t.kind, node)
        if not (isinstance(x, Ref) and isinstance(t, Array)):
            return None
        if len(args) == 1 and len(t.shape) > 1:
            x = self.emit_call(np.ravel, [x], {}, node) if not isinstance(args[0], Tup) else x
        index = args[0] if len(args) == 1 else Tup(tuple(args) or (Lit(0),) * len(t.shape))
        assert isinstance(x, Ref)
        return self.python_number(self.element(x, self.index_of(index, node), node), t.kind, node)

    def python_number(self, x: Value, kind: str, node: ast.AST) -> Value:
        if kind == "complex":
            return x
        return self.emit_call(getattr(builtins, kind), [x], {}, node)

    def method_tolist(
        self, x: Value, args: list[Value], kwargs: dict[str, Value], node: ast.Call
    ) -> Value | None:
        t = self.type_of(x)
        if not isinstance(t, Array) or len(t.shape) != 1:
            raise self.refuse(
                node, "`.tolist()` of an array that has not one axis",
                "loop over the array itself, or over its rows", "method",
            )  # fmt: skip
        return self.call(Known(builtins.list), [x], {}, node)
