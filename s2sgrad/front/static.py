"""What the names of a file stand for, found without running it.

The counterpart of `front/resolve`, which asks live function objects: here a name is followed
through imports, sibling files and module-level assignments.  What is not certain is refused where
it is used.
"""

from __future__ import annotations

import ast
import builtins
import copy
import importlib
from typing import Any

from s2sgrad.front.checkpoints import Checkpoint
from s2sgrad.front.constants import Constant
from s2sgrad.front.modules import Binding, Module
from s2sgrad.front.resolve import refuse_kind
from s2sgrad.front.source import copied
from s2sgrad.front.static_values import Globals, known
from s2sgrad.front.values import Closure, Known, Namespace, Partial, Value
from s2sgrad.ir.graph import Lit

# All that the compiler itself may import.
LIBRARIES = ("numpy", "scipy", "math", "operator", "functools", "itertools", "s2sgrad")
TRANSFORMS = ("grad", "value_and_grad", "vjp", "jvp", "hvp", "jacobian", "hessian")
_DYNAMIC = {"getattr", "setattr", "eval", "exec", "globals", "locals", "vars", "__import__"}
_TRANSPARENT = {"functools.lru_cache", "functools.cache", "lru_cache", "cache"}


class StaticScope(Globals):
    """Functions and names of files, for one module that is written."""

    def closure(self, module: Module, node: ast.FunctionDef | ast.Lambda) -> Closure:
        """A function of a file as the parser knows it."""
        name = node.name if isinstance(node, ast.FunctionDef) else "<lambda>"
        refuse_kind(node, name, module.file)
        return Closure(
            node,
            lambda free, at: self.lookup(module, free, at),
            self.defaults(module, node.args),
            module.file,
            node,
        )

    def function(self, module: Module, node: ast.FunctionDef) -> Closure:
        """A function to differentiate: transforms that decorate it are not part of it."""
        refuse_kind(node, node.name, module.file)
        if len(module.bindings[node.name]) > 1:
            self.refuse_uncertain(module, node.name, node)
        rest = copy.copy(node)
        rest.decorator_list = [d for d in node.decorator_list if not self.own(module, d)]
        self.refuse_decorators(module, rest, node)
        own = copied(node)
        own.args.defaults = [self.written(module, d) for d in node.args.defaults]
        own.args.kw_defaults = [d and self.written(module, d) for d in node.args.kw_defaults]
        return Closure(own, lambda free, at: self.lookup(module, free, at), {}, module.file, node)

    def transform(self, module: Module, decorator: ast.expr) -> str:
        """`grad`, where a decorator is one of s2sgrad's transforms; else ''."""
        name = self.own(module, decorator)
        return name if name in TRANSFORMS else ""

    def own(self, module: Module, decorator: ast.expr) -> str:
        """`checkpoint`, `grad`, where a decorator is s2sgrad's; else ''."""
        node = decorator.func if isinstance(decorator, ast.Call) else decorator
        root = node
        while isinstance(root, ast.Attribute):
            root = root.value
        if not isinstance(root, ast.Name):
            return ""
        bound = module.bindings.get(root.id, [])
        if len(bound) != 1 or bound[0].target.split(".")[0] != "s2sgrad":
            return ""
        name = node.attr if isinstance(node, ast.Attribute) else bound[0].attribute
        return name if name in TRANSFORMS or name == "checkpoint" else ""

    def written(self, module: Module, default: ast.expr) -> ast.expr:
        """A default as the emitted module says it."""
        made = Constant.write(default, lambda n: self.spelled(module, n))
        if made is None:
            raise module.refuse(
                default,
                "this default cannot be copied into another module",
                "use a literal or a NumPy expression",
                "global",
            )
        return ast.parse(made.text, mode="eval").body

    def defaults(self, module: Module, args: ast.arguments) -> dict[str, Value]:
        positional = [*args.posonlyargs, *args.args]
        named = positional[len(positional) - len(args.defaults) :]
        pairs: list[tuple[ast.arg, ast.expr | None]] = [
            *zip(named, args.defaults, strict=True),
            *zip(args.kwonlyargs, args.kw_defaults, strict=True),
        ]
        return {a.arg: self.value(module, d, f"{a.arg}_default") for a, d in pairs if d is not None}

    # -- names

    def lookup(self, module: Module, name: str, at: ast.AST) -> Value:
        """What the free name `name` of a function in `module` stands for."""
        key = (module, name)
        if key not in self.found:
            if key in self.active:
                raise module.refuse(at, f"`{name}` is defined by itself", "", "name")
            self.active.append(key)
            try:
                self.found[key] = self.resolve(module, name, at)
            finally:
                self.active.pop()
        return self.found[key]

    def follow(self, inside: Module, name: str) -> Value:
        """A name of another file; what is wrong with it is shown there."""
        return self.lookup(inside, name, inside.bindings[name][0].node)

    def resolve(self, module: Module, name: str, at: ast.AST) -> Value:
        self.refuse_uncertain(module, name, at)
        bound = module.bindings.get(name, [])
        if not bound:
            return self.unbound(module, name, at)
        b = bound[0]
        if b.kind == "opaque":
            return self.original(module, name, at, b, b.why)
        if b.kind == "import":
            return self.imported(module, b.target, at, b)
        if b.kind == "from":
            return self.taken_from(module, b, at)
        if b.kind == "def":
            assert isinstance(b.node, ast.FunctionDef)
            if any(self.own(module, d) == "checkpoint" for d in b.node.decorator_list):
                return Partial(Known(Checkpoint), (self.closure(module, b.node),), {})
            self.refuse_decorators(module, b.node, at)
            return self.closure(module, b.node)
        if b.kind == "class":
            return self.original(module, name, at, b, "it is a class")
        assert isinstance(b.node, ast.expr)
        return self.value(module, b.node, name, at, b)

    def refuse_uncertain(self, module: Module, name: str, at: ast.AST) -> None:
        bound = module.bindings.get(name, [])
        if module.dynamic is not None and (bound or not hasattr(builtins, name)):
            raise module.refuse(
                at,
                f"`{name}` may be bound by code that is made at run time",
                "leave `exec` and `globals()` out of the file, or pass it as an argument",
                "dynamic",
                (module.dynamic, "any name may be bound here"),
            )
        if len(bound) > 1:
            notes = [(b.node, "bound here") for b in bound]
            raise module.refuse(
                at,
                f"`{name}` is bound {len(bound)} times in its file: it is not certain what it is",
                "bind it once, or pass it as an argument",
                "rebound",
                *notes,
            )
        for star in module.stars:
            inside = self.project.find(module, star.module or "", star.level)
            after = bound and getattr(bound[0].node, "lineno", 0) > star.lineno
            if inside is None and not after:
                raise module.refuse(
                    at,
                    f"`{name}` may come from `{ast.unparse(star)}`",
                    f"import it by name: from {star.module} import {name}",
                    "star-import",
                    (star, "this may bind any name"),
                )

    def unbound(self, module: Module, name: str, at: ast.AST) -> Value:
        for star in reversed(module.stars):
            inside = self.project.find(module, star.module or "", star.level)
            if inside is not None and name in inside.bindings and not name.startswith("_"):
                return self.follow(inside, name)
        if name in _DYNAMIC:
            raise module.refuse(
                at,
                f"`{name}` finds names at run time",
                "write the name that is meant",
                "dynamic",
            )
        if hasattr(builtins, name):
            obj = getattr(builtins, name)
            return Lit(obj) if obj is None or isinstance(obj, bool) else Known(obj)
        raise module.refuse(at, f"`{name}` is not defined", "define it in the file", "name")

    # -- imports

    def imported(self, module: Module, dotted: str, at: ast.AST, b: Binding) -> Value:
        if dotted.split(".")[0] in LIBRARIES:
            return Known(self.library(module, dotted, at))
        inside = self.project.find(module, dotted, 0)
        if inside is None:
            return self.foreign(module, dotted, at, b)
        self.refuse_patched(module, b, at)
        return self.namespace(inside, module)

    def namespace(self, inside: Module, importer: Module) -> Namespace:
        return Namespace(lambda attr, at: self.part(inside, attr, at, importer), "attribute")

    def part(self, inside: Module, attr: str, at: ast.AST, importer: Module) -> Value:
        if attr not in inside.bindings:
            deeper = inside.path.name == "__init__.py" and self.project.find(inside, attr, 1)
            if deeper:
                return self.namespace(deeper, importer)
            raise importer.refuse(at, f"`{inside.path.name}` binds no `{attr}`", "", "name")
        return self.follow(inside, attr)

    def taken_from(self, module: Module, b: Binding, at: ast.AST) -> Value:
        if not b.level and b.target.split(".")[0] in LIBRARIES:
            owner = self.library(module, b.target, at)
            if not hasattr(owner, b.attribute):
                dotted = f"{b.target}.{b.attribute}"
                return Known(self.library(module, dotted, at))
            return known(getattr(owner, b.attribute))
        inside = self.project.find(module, b.target, b.level)
        if inside is not None and b.attribute in inside.bindings:
            return self.follow(inside, b.attribute)
        dotted = f"{b.target}.{b.attribute}" if b.target else b.attribute
        deeper = self.project.find(module, dotted, b.level)
        if deeper is not None:
            self.refuse_patched(module, b, at)
            return self.namespace(deeper, module)
        return self.foreign(module, "." * b.level + dotted, at, b)

    def foreign(self, module: Module, dotted: str, at: ast.AST, b: Binding) -> Value:
        raise module.refuse(
            at,
            f"`{dotted}` is not read: it is no file of the project, and of libraries "
            "NumPy and SciPy alone are known",
            "write it with NumPy, or pass what it gives as an argument",
            "not-imported",
            (b.node, "imported here"),
        )

    def library(self, module: Module, dotted: str, at: ast.AST) -> Any:
        try:
            return importlib.import_module(dotted)
        except ImportError as e:
            raise module.refuse(
                at, f"`{dotted}` cannot be imported: {e}", "install it", "not-imported"
            ) from e

    def refuse_patched(self, module: Module, b: Binding, at: ast.AST) -> None:
        """`helpers.rate = 2.0` changes what a module means."""
        for name, bound in module.bindings.items():
            if b in bound and name in module.touched:
                raise module.refuse(
                    at,
                    f"the module `{name}` is changed after it was imported",
                    "change it in its own file",
                    "rebound",
                    (module.touched[name], "changed here"),
                )

    def refuse_decorators(self, module: Module, node: ast.FunctionDef, at: ast.AST) -> None:
        for d in node.decorator_list:
            text = ast.unparse(d.func if isinstance(d, ast.Call) else d)
            if text not in _TRANSPARENT:
                raise module.refuse(
                    at,
                    f"`{node.name}` is decorated with `@{text}`: it is not the function below it",
                    "call an undecorated function",
                    "decorator",
                    (d, "decorated here"),
                )
