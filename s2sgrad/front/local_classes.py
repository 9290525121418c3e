"""Classes that are defined in a function: real ones, whose methods are closures of the program."""

from __future__ import annotations

import ast
import dataclasses
import types
from typing import Any

from s2sgrad.front.transforms import Transforms
from s2sgrad.front.values import Known
from s2sgrad.ir.graph import Lit

_WRAPPERS: dict[Any, Any] = {
    property: property,
    staticmethod: staticmethod,
    classmethod: classmethod,
}


class LocalClasses(Transforms):
    """The statement `class`."""

    def stmt_ClassDef(self, s: ast.ClassDef) -> None:
        if s.keywords or not getattr(self.scope, "runs", False):
            raise self.refuse_class(s)
        bases = tuple(self.base(b) for b in s.bases)
        space: dict[str, Any] = {"__module__": "__main__", "__annotations__": {}}
        for item in s.body:
            self.member_of(item, space)
        made: Any = types.new_class(s.name, bases, {}, lambda own: own.update(space))
        for decorator in reversed(s.decorator_list):
            made = self.decorated(decorator, made)
        self.env[s.name] = Known(made)

    def refuse_class(self, at: ast.AST) -> Exception:
        return self.refuse(
            at,
            "this part of a class in a function is not supported",
            "define the class outside of the function",
            "statement",
        )

    def base(self, node: ast.expr) -> type:
        value = self.expr(node)
        if not (isinstance(value, Known) and isinstance(value.obj, type)):
            raise self.refuse_class(node)
        return value.obj

    def member_of(self, item: ast.stmt, space: dict[str, Any]) -> None:
        """A statement of the body of a class."""
        if isinstance(item, ast.FunctionDef):
            space[item.name] = self.method_of(item, space)
            return
        if isinstance(item, ast.Pass) or (
            isinstance(item, ast.Expr) and isinstance(item.value, ast.Constant)
        ):
            return
        targets = item.targets if isinstance(item, ast.Assign) else [getattr(item, "target", None)]
        if not isinstance(item, ast.Assign | ast.AnnAssign) or len(targets) != 1:
            raise self.refuse_class(item)
        target = targets[0]
        if not isinstance(target, ast.Name):
            raise self.refuse_class(item)
        if isinstance(item, ast.AnnAssign):
            space["__annotations__"][target.id] = ast.unparse(item.annotation)
        if item.value is not None:
            value = self.expr(item.value)
            if not isinstance(value, Lit):  # it would be the same for all calls
                raise self.refuse_class(item)
            space[target.id] = value.value

    def method_of(self, item: ast.FunctionDef, space: dict[str, Any]) -> Any:
        """A stand-in for a method: the scope knows the closure that it stands for."""
        stand_in = types.FunctionType(_nothing.__code__, {}, item.name)
        stand_in.__module__ = "local"
        self.scope.local[stand_in] = self.closure(item)
        made: Any = stand_in
        for node in reversed(item.decorator_list):
            if isinstance(node, ast.Attribute) and node.attr == "setter":
                owner = space.get(getattr(node.value, "id", ""))
                if not isinstance(owner, property):
                    raise self.refuse_class(node)
                made = owner.setter(made)
                continue
            value = self.expr(node)
            wrapper = _WRAPPERS.get(value.obj) if isinstance(value, Known) else None
            if wrapper is None:
                raise self.refuse_class(node)
            made = wrapper(made)
        return made

    def decorated(self, node: ast.expr, cls: type) -> type:
        """The class as a `dataclass`."""
        call = node if isinstance(node, ast.Call) else None
        value = self.expr(call.func if call else node)
        if not (isinstance(value, Known) and value.obj is dataclasses.dataclass):
            raise self.refuse_class(node)
        options: dict[str, Any] = {}
        for k in call.keywords if call else ():
            option = self.expr(k.value)
            if k.arg is None or not isinstance(option, Lit):
                raise self.refuse_class(node)
            options[k.arg] = option.value
        made: type = dataclasses.dataclass(**options)(cls)
        return made


def _nothing(*args: Any, **kwargs: Any) -> None:
    """The code of a stand-in, which never runs."""
