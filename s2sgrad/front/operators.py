"""Operators and comparisons."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import Any

from s2sgrad.front.choices import Choices
from s2sgrad.front.values import Tup, Value
from s2sgrad.ir import ops
from s2sgrad.ir.graph import Atom, Lit, Var
from s2sgrad.ir.types import Unknown

BINARY: dict[type[ast.operator], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.Mod: operator.mod,
    ast.FloorDiv: operator.floordiv,
    ast.MatMult: operator.matmul,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
}
UNARY: dict[type[ast.unaryop], Callable[..., Any]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Invert: operator.invert,
}
COMPARE: dict[type[ast.cmpop], Callable[..., Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
}


class Operators(Choices):
    """Operators between numbers and arrays."""

    def expr_BinOp(self, node: ast.BinOp) -> Value:
        left = self.expr(node.left)
        return self.binary(node.op, left, self.expr(node.right), node)

    def binary(self, op: ast.operator, a: Value, b: Value, at: ast.AST) -> Value:
        if isinstance(a, Tup) or isinstance(b, Tup):
            if isinstance(op, ast.Add) and isinstance(a, Tup) and isinstance(b, Tup):
                return Tup(a.items + b.items)
            raise self.refuse(at, "arithmetic on a tuple or list", "make it an array: np.array")
        fn = BINARY.get(type(op))
        a, b = self.read(a, at), self.read(b, at)
        if fn is None or not (isinstance(a, Var | Lit) and isinstance(b, Var | Lit)):
            raise self.refuse(at, "this operation is not supported", "")
        if isinstance(a, Lit) and isinstance(b, Lit):
            return Lit(fn(a.value, b.value))
        return self.own(self.emit(fn, (a, b), at=at))

    def expr_UnaryOp(self, node: ast.UnaryOp) -> Value:
        return self.unary(self.expr(node.operand), node)

    def unary(self, operand: Value, node: ast.UnaryOp) -> Value:
        a = self.read(operand, node)
        if not isinstance(a, Var | Lit):
            raise self.refuse(node, "a number or an array is needed here", "")
        if isinstance(node.op, ast.Not):
            return Lit(not a.value) if isinstance(a, Lit) else self.not_(a, node)
        fn = UNARY.get(type(node.op))
        if fn is None:
            raise self.refuse(node, "this operator is not supported", "")
        return Lit(fn(a.value)) if isinstance(a, Lit) else self.own(self.emit(fn, (a,), at=node))

    def not_(self, a: Atom, at: ast.AST) -> Var:
        return self.emit(ops.not_, (a,), at=at)

    def expr_Compare(self, node: ast.Compare) -> Value:
        left = self.expr(node.left)
        return self.compare(left, list(node.ops), list(node.comparators), node)

    def compare(
        self, left: Value, todo: list[ast.cmpop], right: list[ast.expr], node: ast.Compare
    ) -> Value:
        b = self.expr(right[0])
        first = self.compare_two(left, todo[0], b, node)
        if len(todo) == 1:
            return first
        return self.choose(
            first, lambda: self.compare(b, todo[1:], right[1:], node), lambda: first, node
        )

    def compare_two(self, a: Value, op: ast.cmpop, b: Value, at: ast.Compare) -> Value:
        fn = COMPARE.get(type(op))
        a, b = self.read(a, at), self.read(b, at)
        if fn in (operator.is_, operator.is_not) and isinstance(b, Lit) and b.value is None:
            known = isinstance(a, Lit) and a.value is None
            if not isinstance(a, Var) or not isinstance(a.type, Unknown):
                return Lit(known == (fn is operator.is_))
        if fn is None or not (isinstance(a, Var | Lit) and isinstance(b, Var | Lit)):
            raise self.refuse(at, "this comparison is not supported yet", "")
        if isinstance(a, Lit) and isinstance(b, Lit):
            return Lit(fn(a.value, b.value))
        return self.own(self.emit(fn, (a, b), at=at))
