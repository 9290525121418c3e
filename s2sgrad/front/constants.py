"""Module-level constants: their value where it is plain arithmetic, their type, and their text."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from s2sgrad.front.operators import BINARY, UNARY
from s2sgrad.front.probe import type_of_value
from s2sgrad.front.values import Known, Value
from s2sgrad.ir.graph import Lit
from s2sgrad.ir.types import FLOAT, Scalar, Type, Unknown

# Their answer differs from run to run, or comes from elsewhere.
_IMPURE = ("random", "load", "fromfile", "memmap", "genfromtxt", "fromregex", "frombuffer", "empty")


_IMPORTS = {"np": "import numpy as np", "math": "import math"}


@dataclass(frozen=True, slots=True)
class Constant:
    """How the emitted module gets a constant: an expression, or a whole import statement."""

    text: str
    is_import: bool = False

    @property
    def imports(self) -> set[str]:
        """The import statements that it needs, or is."""
        if self.is_import:
            return {self.text}
        names = {n.id for n in ast.walk(ast.parse(self.text)) if isinstance(n, ast.Name)}
        return {_IMPORTS[n] for n in names if n in _IMPORTS}

    @staticmethod
    def write(
        node: ast.expr, spelled: Callable[[ast.Name | ast.Attribute], str | None]
    ) -> Constant | None:
        """The expression in terms of the emitted module's names; None where it is not NumPy's."""
        writer = _Writer(spelled)
        tree = writer.visit(ast.parse(ast.unparse(node), mode="eval").body)
        return None if writer.failed else Constant(ast.unparse(tree))


class _Writer(ast.NodeTransformer):
    def __init__(self, spelled: Callable[[ast.Name | ast.Attribute], str | None]) -> None:
        self.spelled = spelled
        self.failed = False
        self.bound: set[str] = set()

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return self.replaced(node)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        root = node.value
        while isinstance(root, ast.Attribute):
            root = root.value
        if not isinstance(root, ast.Name):  # a method: `np.arange(6.0).reshape(2, 3)`
            self.generic_visit(node)
            return node
        return self.replaced(node)

    def replaced(self, node: ast.Name | ast.Attribute) -> ast.AST:
        text = self.spelled(node)
        if text is None or any(part.startswith(_IMPURE) for part in text.split(".")):
            self.failed = True
            return node
        return ast.parse(text, mode="eval").body

    def generic_visit(self, node: ast.AST) -> ast.AST:
        allowed = (
            ast.Constant | ast.BinOp | ast.UnaryOp | ast.Call | ast.keyword | ast.Subscript
            | ast.Slice | ast.Tuple | ast.List | ast.operator | ast.unaryop | ast.expr_context
            | ast.Attribute | ast.Compare | ast.cmpop
        )  # fmt: skip
        if not isinstance(node, allowed):
            self.failed = True
            return node
        return super().generic_visit(node)


def evaluate(node: ast.expr, value: Callable[[ast.expr], Value | None]) -> Any:
    """The number or string that plain arithmetic gives; `value` resolves names.

    Raises `ValueError` for everything else: arrays are never made here.
    """
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name | ast.Attribute):
        found = value(node)
        if isinstance(found, Lit):
            return found.value
    if isinstance(node, ast.UnaryOp) and type(node.op) in UNARY:
        return UNARY[type(node.op)](_number(node.operand, value))
    if isinstance(node, ast.BinOp) and type(node.op) in BINARY:
        a, b = _number(node.left, value), _number(node.right, value)
        if isinstance(node.op, ast.Pow) and abs(b) > 64:
            raise ValueError("a large power")
        try:
            return BINARY[type(node.op)](a, b)
        except (ArithmeticError, TypeError) as e:
            raise ValueError(str(e)) from e
    if isinstance(node, ast.Call) and not node.keywords:
        fn = value(node.func) if isinstance(node.func, ast.Name | ast.Attribute) else None
        obj = fn.obj if isinstance(fn, Known) else None
        plain = isinstance(obj, np.ufunc) or getattr(math, getattr(obj, "__name__", ""), "") is obj
        if obj is not None and (plain or obj in (float, int)):
            args = [_number(a, value) for a in node.args]
            with np.errstate(all="ignore"):
                return obj(*args)
    raise ValueError("no plain arithmetic")


def _number(node: ast.expr, value: Callable[[ast.expr], Value | None]) -> Any:
    found = evaluate(node, value)
    if isinstance(found, bool | int | float | complex | np.number):
        return found
    raise ValueError("no number")


def type_of_constant(value: Any, node: ast.expr) -> Type:
    """Its type: known for a number; an array's shape is not looked at."""
    if type(value) is float:
        return FLOAT
    if value is not None:
        t = type_of_value(value)
        return t if isinstance(t, Scalar) else Unknown()
    words = {n.attr for n in ast.walk(node) if isinstance(n, ast.Attribute)}
    words |= {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
    complex_ = any(isinstance(n, ast.Constant) and type(n.value) is complex for n in ast.walk(node))
    foreign = {"fft", "complex", "complex64", "complex128", "eig", "eigvals", "roots", "emath"}
    return Unknown(real=not complex_ and not words & foreign)
