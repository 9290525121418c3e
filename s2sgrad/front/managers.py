"""`with`: context managers are what they do before and after the block.

A manager made by `contextlib.contextmanager` is its generator, with the block where it yields.
What `np.errstate` or a filter of warnings ignores is ignored in the whole derivative.
"""

from __future__ import annotations

import ast
import contextlib
import types
import warnings
from typing import Any

import numpy as np

from s2sgrad.front.attempts import Attempts, Handler
from s2sgrad.front.desugar import Managed
from s2sgrad.front.effects import NONE
from s2sgrad.front.inlined import Wrap
from s2sgrad.front.values import Bound, Closure, Generated, Known, Manager, Tup, Value
from s2sgrad.ir.graph import Lit
from s2sgrad.ir.opaque import MethodOf
from s2sgrad.ir.types import Static


class Managers(Attempts):
    """`with` statements."""

    def __init__(self) -> None:
        super().__init__()
        self.quiet: dict[str, str] = {}  # what `np.errstate` ignores somewhere in the program
        self.hushed = [False]  # are warnings ignored, in each `catch_warnings` around?

    def call(self, fn: Value, args: list[Value], kwargs: dict[str, Value], node: Any) -> Value:
        if isinstance(fn, Manager) and fn.made is None:
            made = self.call(fn.function, args, kwargs, node)
            if isinstance(made, Generated):
                return Manager(fn.function, made)
        if isinstance(fn, Known) and fn.obj is contextlib.contextmanager and len(args) == 1:
            return Manager(args[0])
        if isinstance(fn, Known) and fn.obj in (warnings.simplefilter, warnings.filterwarnings):
            return self.filter_warnings(args, node)
        if isinstance(fn, Known) and fn.obj is warnings.warn and self.hushed[-1]:
            return Lit(None)
        return super().call(fn, args, kwargs, node)

    def filter_warnings(self, args: list[Value], node: ast.AST) -> Value:
        how = args[0].value if args and isinstance(args[0], Lit) else None
        if how not in ("ignore", "always", "default", "once") or len(self.hushed) < 2:
            raise self.refuse(
                node,
                "a filter of warnings that raises, or that outlasts the function",
                "set it outside, or `ignore` them in a `with warnings.catch_warnings():`",
                "with",
            )
        if how == "ignore":
            self.hushed[-1] = True
            self.quiet["all"] = how
        return Lit(None)

    def stmt_Managed(self, s: Managed) -> None:
        node = s.item.context_expr
        fn = self.expr(node.func) if isinstance(node, ast.Call) else None
        obj = fn.obj if isinstance(fn, Known) else None
        if obj is np.errstate and isinstance(node, ast.Call) and s.item.optional_vars is None:
            self.errstate(node)
            self.parse_block(s.body)
        elif obj is contextlib.suppress and isinstance(node, ast.Call):
            classes = tuple(c for a in node.args for c in self.caught_by(a))
            nothing = Handler(classes, None, lambda: None)
            self.attempt(s.body, [nothing] if classes else [], lambda: None, s)
        elif obj is contextlib.nullcontext and isinstance(node, ast.Call):
            value = self.expr(node.args[0]) if node.args else Lit(None)
            self.bind_manager(s, value)
            self.parse_block(s.body)
        elif obj is warnings.catch_warnings and s.item.optional_vars is None:
            self.hushed.append(self.hushed[-1])
            self.parse_block(s.body)
            self.hushed.pop()
        elif obj is np.printoptions and isinstance(node, ast.Call):
            self.print_options(node, s)
        elif isinstance(fn, Known) and not _is_written(obj):
            raise self.refuse_manager(node)
        else:
            self.manage(self.expr(node), s)

    def print_options(self, node: ast.Call, s: Managed) -> None:
        """How arrays are shown changes nothing but text: entered and left as it is written."""
        options = {k.arg: self.expr(k.value) for k in node.keywords if k.arg is not None}
        made = self.act(np.printoptions, [], options, Static("manager"), node)
        cls = contextlib._GeneratorContextManager
        self.act(MethodOf(cls, "__enter__"), [made], {}, NONE, s)
        none: list[Value] = [Lit(None)] * 3
        leave = MethodOf(cls, "__exit__")
        self.finally_(s.body, lambda: void(self.act(leave, [made, *none], {}, NONE, s)), s)

    def manage(self, value: Value, s: Managed) -> None:
        """A manager that is written in Python."""
        if isinstance(value, Manager) and value.made is not None:
            self.drive(value.made, s.item.optional_vars, s.body, None, s, Wrap())
            return
        if not isinstance(value, Tup) or not hasattr(value.cls, "__exit__"):
            raise self.refuse_manager(s.item.context_expr)
        name = ast.copy_location(ast.Name(".manager", ast.Load()), s)
        leave = self.attribute(value, ast.copy_location(ast.Attribute(name, "__exit__"), s))
        self.refuse_suppressing(leave, s)
        enter = self.attribute(value, ast.copy_location(ast.Attribute(name, "__enter__"), s))
        self.bind_manager(s, self.call(enter, [], {}, s))
        none: list[Value] = [Lit(None)] * 3
        self.finally_(s.body, lambda: void(self.call(leave, list(none), {}, s)), s)

    def refuse_manager(self, node: ast.expr) -> Exception:
        return self.refuse(
            node,
            "a `with` of a manager of which the source is not known",
            "enter it outside of the function that is differentiated",
            "with",
        )

    def bind_manager(self, s: Managed, value: Value) -> None:
        if s.item.optional_vars is not None:
            self.assign(s.item.optional_vars, value)

    def refuse_suppressing(self, leave: Value, s: Managed) -> None:
        """An `__exit__` that may return something true swallows exceptions."""
        closure = leave.function if isinstance(leave, Bound) else leave
        returns = (
            [n for n in ast.walk(closure.node) if isinstance(n, ast.Return)]
            if isinstance(closure, Closure)
            else []
        )
        for r in returns:
            if r.value is not None and not (
                isinstance(r.value, ast.Constant) and not r.value.value
            ):
                raise self.refuse(
                    s.item.context_expr,
                    "the `__exit__` of this manager may swallow exceptions",
                    "try and except",
                    "with",
                )

    def errstate(self, call: ast.Call) -> None:
        """What is ignored here is ignored in the whole derivative."""
        for k in call.keywords:
            how = self.expr(k.value)
            if k.arg is None or call.args or not isinstance(how, Lit):
                raise self.refuse(call, "settings of `np.errstate` that are computed", "", "with")
            if how.value not in ("ignore", "warn"):
                raise self.refuse(
                    call, f"`np.errstate` with {how.value!r}", "`ignore`, or an assert", "with"
                )
            if how.value == "ignore":
                self.quiet[k.arg] = how.value


def _is_written(obj: Any) -> bool:
    """Is it a class of managers that is written in Python, and not a library's?"""
    ours = not str(getattr(obj, "__module__", "")).startswith(("contextlib", "threading", "io"))
    return ours and isinstance(getattr(obj, "__exit__", None), types.FunctionType)


def void(value: object) -> None:
    """The value is not needed."""
