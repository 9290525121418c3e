"""What a module-level name is bound to: functions, parts of libraries, constants to be copied."""

from __future__ import annotations

import ast
import functools
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from s2sgrad.front.constants import Constant, evaluate, type_of_constant
from s2sgrad.front.modules import Binding, Module, Project
from s2sgrad.front.values import Closure, Known, Namespace, Partial, Tup, Value
from s2sgrad.ir.graph import Lit, Var
from s2sgrad.ir.types import Type, Unknown


@dataclass(eq=False)
class Globals:
    """What one compilation reads from outside of its functions: constants that are copied.

    With `import_original` a global that cannot be copied is imported from its file when the emitted
    module is.
    """

    project: Project
    import_original: bool = False
    home: Module | None = None  # the file that the emitted text is appended to: its names are there
    avoid: frozenset[str] = frozenset()  # parameters: a constant of that name is called otherwise
    data: dict[str, Var] = field(default_factory=dict)
    constants: dict[str, Constant] = field(default_factory=dict)
    found: dict[tuple[Module, str], Value] = field(default_factory=dict)
    active: list[tuple[Module, str]] = field(default_factory=list)

    @property
    def variables(self) -> dict[str, Var]:
        """The constants that were read so far."""
        return self.data

    def static(self, obj: Any) -> Value:
        """What a leaf of an argument stands for that is no number."""
        return known(obj)

    def lookup(self, module: Module, name: str, at: ast.AST) -> Value:
        raise NotImplementedError

    def closure(self, module: Module, node: ast.FunctionDef | ast.Lambda) -> Closure:
        raise NotImplementedError

    def value(
        self,
        module: Module,
        node: ast.expr,
        name: str,
        at: ast.AST | None = None,
        b: Binding | None = None,
    ) -> Value:
        """What an expression at module level stands for."""
        at = at or node
        if isinstance(node, ast.Lambda):
            return self.closure(module, node)
        if isinstance(node, ast.Name):
            return self.lookup(module, node.id, node)
        if isinstance(node, ast.Attribute):
            found = self.dotted(module, node)
            if found is not None:
                return found
        if isinstance(node, ast.Tuple | ast.List):
            self.refuse_touched(module, name, at, b)
            items = [self.value(module, e, f"{name}_{k}", at) for k, e in enumerate(node.elts)]
            return Tup(tuple(items), "list" if isinstance(node, ast.List) else "tuple")
        if isinstance(node, ast.Dict):
            self.refuse_touched(module, name, at, b)
            return self.table(module, node, name, at)
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name | ast.Attribute):
            owner = self.value(module, node.value, name, at)
            try:
                key = ast.literal_eval(node.slice)
            except ValueError:
                key = None
            if isinstance(owner, Tup) and _in_range(key, owner):
                return owner.items[key]  # type: ignore[no-any-return]
            if isinstance(owner, Namespace) and owner.by == "item":
                return owner.get(key, at)
        if isinstance(node, ast.Call) and self.is_partial(module, node):
            parts = [self.value(module, e, f"{name}_{k}", at) for k, e in enumerate(node.args)]
            named = {k.arg: self.value(module, k.value, f"{name}_{k.arg}", at)
                     for k in node.keywords if k.arg is not None}  # fmt: skip
            return Partial(parts[0], tuple(parts[1:]), named)
        return self.constant(module, node, name, at, b)

    def is_partial(self, module: Module, node: ast.Call) -> bool:
        """`functools.partial(f, 2.0, k=3)`"""
        plain = node.args and not any(isinstance(a, ast.Starred) for a in node.args)
        if not plain or any(k.arg is None for k in node.keywords):
            return False
        fn = self.part_of_constant(module, node.func)
        return isinstance(fn, Known) and fn.obj is functools.partial

    def refuse_touched(self, module: Module, name: str, at: ast.AST, b: Binding | None) -> None:
        if b is not None and name in module.touched:
            raise module.refuse(
                at,
                f"`{name}` is written into after it was bound",
                "pass it as an argument",
                "rebound",
                (module.touched[name], "written here"),
            )

    def table(self, module: Module, node: ast.Dict, name: str, at: ast.AST) -> Value:
        """A dict with literal keys: its items are looked up when they are named."""
        items: dict[Any, ast.expr] = {}
        for k, v in zip(node.keys, node.values, strict=True):
            if not isinstance(k, ast.Constant):
                raise module.refuse(
                    at, f"a key of `{name}` is no literal", "use literal keys", "global"
                )
            items[k.value] = v

        def get(key: Any, where: ast.AST) -> Value:
            if key not in items:
                raise module.refuse(where, f"`{name}` has no key {key!r}", "", "name")
            return self.value(module, items[key], f"{name}_{key}", where)

        return Namespace(get, "item")

    def dotted(self, module: Module, node: ast.Attribute) -> Value | None:
        """`np.linalg.norm`, `helpers.rate`; None for an attribute of anything else."""
        if isinstance(node.value, ast.Attribute):
            owner = self.dotted(module, node.value)
        elif isinstance(node.value, ast.Name):
            owner = self.lookup(module, node.value.id, node)
        else:
            return None
        if isinstance(owner, Namespace) and owner.by == "attribute":
            return owner.get(node.attr, node)
        if isinstance(owner, Known) and hasattr(owner.obj, node.attr):
            return known(getattr(owner.obj, node.attr))
        return None

    def constant(
        self, module: Module, node: ast.expr, name: str, at: ast.AST, b: Binding | None
    ) -> Value:
        """A literal, or an expression of NumPy alone: the emitted module gets a copy."""
        try:
            value = evaluate(node, lambda n: self.part_of_constant(module, n))
        except ValueError:
            value = None
        inline = bool | int | str | (float if b is None else bool)  # a float keeps its name
        if isinstance(value, inline) or (isinstance(node, ast.Constant) and value is None):
            return Lit(value)
        text = Constant.write(node, lambda n: self.spelled(module, n))
        if text is None:
            return self.original(module, name, at, b, "it is no literal and no NumPy expression")
        if value is None:
            self.refuse_touched(module, name, at, b)
        t = type_of_constant(value, node)
        if b is not None and module is self.home:
            return self.present(module, name, t, at)
        return self.keep(name, t, text)

    def present(self, module: Module, name: str, t: Type, at: ast.AST) -> Var:
        """A name of the file that the emitted text becomes part of."""
        if name in self.avoid:
            raise module.refuse(
                at,
                f"`{name}` is a global and a parameter of a function that reads it",
                "rename one of them, or write to another file with -o",
                "rebound",
            )
        if name not in self.data:
            self.data[name] = Var(name, t)
        return self.data[name]

    def part_of_constant(self, module: Module, node: ast.expr) -> Value | None:
        if isinstance(node, ast.Name):
            return self.lookup(module, node.id, node)
        return self.dotted(module, node) if isinstance(node, ast.Attribute) else None

    def spelled(self, module: Module, node: ast.Name | ast.Attribute) -> str | None:
        """A name in a constant's expression as the emitted module spells it; None: it cannot."""
        made = self.lookup(module, node.id, node) if isinstance(node, ast.Name) else None
        if isinstance(node, ast.Attribute):
            made = self.dotted(module, node)
        if isinstance(made, Lit):
            return repr(made.value)
        if isinstance(made, Var):
            return made.hint
        if not isinstance(made, Known):
            return None
        return library_name(made.obj)

    def keep(self, name: str, t: Type, constant: Constant) -> Var:
        unique = name
        taken = self.avoid | (set(self.home.bindings) if self.home else set())
        while unique in self.constants or unique in taken:
            unique += "_"
        if constant.is_import and unique != name:
            constant = Constant(f"{constant.text} as {unique}", True)
        self.constants[unique] = constant
        self.data[unique] = Var(unique, t)
        return self.data[unique]

    def original(
        self, module: Module, name: str, at: ast.AST, b: Binding | None, why: str
    ) -> Value:
        """A global that cannot be copied: imported when the emitted module is, or refused."""
        if module is self.home and b is not None and b.kind in ("value", "opaque"):
            return self.present(module, name, Unknown(), at)
        if self.import_original and b is not None and b.kind in ("value", "opaque"):
            dotted = ".".join(module.path.relative_to(self.project.root).with_suffix("").parts)
            return self.keep(name, Unknown(), Constant(f"from {dotted} import {name}", True))
        notes = [(b.node, "bound here")] if b is not None else []
        raise module.refuse(
            at,
            f"the global `{name}` cannot be copied into another module: {why}",
            "pass it as an argument, bind it to a literal or to a NumPy expression,\n"
            "or give --import-original: the emitted module then imports it from your file",
            "global",
            *notes,
        )


def known(obj: Any) -> Value:
    """A part of a library."""
    if obj is None or isinstance(obj, bool | int | float | complex | str):
        return Lit(obj)
    return Known(obj)


def _in_range(key: object, owner: Tup) -> bool:
    return isinstance(key, int) and -len(owner.items) <= key < len(owner.items)


def library_name(obj: Any) -> str | None:
    """`np.linalg.norm`: where the emitted module finds a part of NumPy or `math`."""
    if obj is np:
        return "np"
    name = getattr(obj, "__name__", "")
    for prefix, space in (("np", np), ("np.linalg", np.linalg), ("math", math)):
        if getattr(space, name, None) is obj:
            return f"{prefix}.{name}"
    return None
