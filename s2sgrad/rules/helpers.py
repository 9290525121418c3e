"""A rule's own source as a helper of the emitted module.

Where the types do not answer what a rule asks (a rank, say), the rule itself asks when the program
runs.  A helper computes the cotangent of one operand: `_matmul_vjp_b(g, a, b)`.
"""

from __future__ import annotations

import ast
import functools
import inspect
import textwrap
import types
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from s2sgrad.errors import InternalError
from s2sgrad.ir import ops
from s2sgrad.rules import toolbox
from s2sgrad.rules.registry import Definition, Rule

# One meaning for each name: that of the IR, which owns its memory.
_OURS: dict[str, Callable[..., Any]] = {
    f.__name__: f for f in (ops.broadcast_like, ops.reshape_like, ops.zeros_like)
}


_SHAPERS = {"_unbroadcast": ops.unbroadcast, "_zeros_like": ops.zeros_like}


class NoSource(Exception):
    """The function is not one that can be written into a module."""


class _None(NoSource):
    """Where a rule returns this, there is no cotangent."""


@dataclass(eq=False)
class Helper:
    """An op of the IR that is a function of the emitted module."""

    name: str
    params: tuple[str, ...]  # those that its text reads, in order
    text: str
    needs: dict[str, Any] = field(default_factory=dict)
    imports: set[str] = field(default_factory=set)
    fresh: bool = False  # its answer is a product, so it shares no memory with its operands

    def shares(self, first: bool) -> bool:
        """May the answer share memory with the first operand, the cotangent, or another?"""
        return not self.fresh and first

    @property
    def __name__(self) -> str:
        return self.name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run it, as the interpreter of the IR does."""
        parts = [self.text, *(source_of(n, f) for n, f in self.needs.items() if f is not self)]
        space: dict[str, Any] = {}
        exec("\n".join([*sorted(self.imports), *parts]), space)
        return space[self.name](*args, **kwargs)


def source_of(name: str, fn: Any) -> str:
    """The text of a helper, or of one of our own functions under the name it has in the module."""
    if isinstance(fn, Helper):
        return fn.text
    node = _parsed(fn)
    node.name, node.decorator_list = name, []
    return ast.unparse(_Bare().visit(node)) + "\n"


def bare_source(name: str, fn: Any) -> str:
    """The text of a helper without its docstring."""
    node = ast.parse(source_of(name, fn)).body[0]
    assert isinstance(node, ast.FunctionDef)
    if isinstance(node.body[0], ast.Expr) and isinstance(node.body[0].value, ast.Constant):
        del node.body[0]
    return ast.unparse(node)


class _Bare(ast.NodeTransformer):
    """Local annotations name what the module does not import."""

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        if node.value is None:
            return None
        return ast.copy_location(ast.Assign([node.target], node.value), node)


@functools.cache
def cotangent_of(
    rule: Callable[..., Any], op: str, operand: int, whole: bool = False, product: bool = False
) -> Helper:
    """The helper for the cotangent of one positional operand of `rule(g, out, *operands)`.

    `op` is the name of the operation: several may have rules of one name, made by a function.
    `whole`: the operand is a list, whose items' shapes the caller repairs.  `product`: the
    operation is linear in each operand alone, so that the answer is made anew.
    Raises `NoSource` if the rule cannot be written into a module.
    """
    rule = rule.function if isinstance(rule, Definition) else rule
    node = _parsed(rule)
    names = [a.arg for a in (*node.args.posonlyargs, *node.args.args)][2:]
    operand_name = names[operand] if operand < len(names) else ""
    picked = _Picked(rule, node, operand, "" if whole else operand_name)
    if not operand_name:
        assert node.args.vararg is not None
        picked.star = (node.args.vararg.arg, operand - len(names))
    node = picked.visit(node)
    if not picked.found:
        raise NoSource("no cotangent")
    _drop_dead(node.body)
    label = operand_name or f"{operand}"
    stem = op if inspect.unwrap(rule).__closure__ or _bound(rule) else _public(rule)
    stem = _apart(rule, stem)
    made = _helper(rule, node, f"_{stem}_vjp_{label}", drop=True, shaped=not whole)
    made.fresh = product
    return made


# Modules of rules for functions that have the names of NumPy's.
_PREFIXES = {"mathlib": "math_", "partials_math": "math_", "series": "series_"}


def _apart(fn: Callable[..., Any], name: str) -> str:
    """A name that no function of another module of rules has."""
    module = inspect.unwrap(fn).__module__.rpartition(".")[2]
    prefix = "scipy_" if module.startswith("scipy_") else _PREFIXES.get(module, "")
    return name if name.startswith(prefix) else prefix + name


def _public(rule: Callable[..., Any]) -> str:
    name = rule.__name__.strip("_")
    return name.removesuffix("_vjp")


def _parsed(fn: Callable[..., Any]) -> ast.FunctionDef:
    fn = inspect.unwrap(fn)
    if not isinstance(fn, types.FunctionType):
        raise NoSource(str(fn))
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(fn)))
    except (OSError, SyntaxError) as e:
        raise NoSource(str(e)) from e
    node = tree.body[0]
    if not isinstance(node, ast.FunctionDef):
        raise NoSource(fn.__name__)
    return node


def _space(fn: Callable[..., Any]) -> dict[str, Any]:
    """What the free names of a function stand for, and defaults that have no literal."""
    fn = inspect.unwrap(fn)
    assert isinstance(fn, types.FunctionType)
    cells = dict(zip(fn.__code__.co_freevars, fn.__closure__ or (), strict=True))
    return {**fn.__globals__, **{n: c.cell_contents for n, c in cells.items()}, **_bound(fn)}


def _bound(fn: Callable[..., Any]) -> dict[str, Any]:
    """Keywords whose default is a function: `*, _back=np.fft.ifft`."""
    named = getattr(inspect.unwrap(fn), "__kwdefaults__", None) or {}
    return {n: v for n, v in named.items() if not _is_literal(v)}


def _is_literal(v: Any) -> bool:
    try:
        return bool(ast.literal_eval(repr(v)) == v)
    except (ValueError, SyntaxError):
        return False


def _settle(fn: Callable[..., Any], a: ast.arguments) -> None:
    """The defaults as values: what they were made of is out of sight."""
    fn, bound = inspect.unwrap(fn), _bound(fn)
    assert isinstance(fn, types.FunctionType)
    if not all(map(_is_literal, fn.__defaults__ or ())):
        raise NoSource(fn.__name__)
    a.defaults = [_literal(v) for v in fn.__defaults__ or ()]
    named = fn.__kwdefaults__ or {}
    a.kwonlyargs = [p for p in a.kwonlyargs if p.arg not in bound]
    a.kw_defaults = [_literal(named[p.arg]) if p.arg in named else None for p in a.kwonlyargs]


def _literal(v: Any) -> ast.expr:
    return ast.parse(repr(v), mode="eval").body


class _Picked(ast.NodeTransformer):
    """Each `return` gives the cotangent of one operand, in its shape."""

    def __init__(self, fn: Callable[..., Any], node: ast.FunctionDef, k: int, shape: str) -> None:
        self.fn, self.node, self.operand, self.shape = fn, node, k, shape
        self.star: tuple[str, int] | None = None
        self.found = False

    def picked(self, value: ast.expr | None) -> ast.expr:
        """The cotangent of the operand in what a `return` says."""
        assert value is not None
        if isinstance(value, ast.Tuple):
            if any(isinstance(e, ast.Starred) for e in value.elts[: self.operand + 1]):
                return ast.Subscript(value, ast.Constant(self.operand), ast.Load())
            if self.operand < len(value.elts) and not _is_none(value.elts[self.operand]):
                return value.elts[self.operand]
        elif isinstance(value, ast.IfExp):
            return ast.IfExp(value.test, self.picked(value.body), self.picked(value.orelse))
        elif _is_several(self.fn, self.node, value):
            return ast.Subscript(value, ast.Constant(self.operand), ast.Load())
        elif self.operand == 0 and not _is_none(value):
            return value
        raise _None("no cotangent")

    def visit_Return(self, node: ast.Return) -> ast.AST:
        try:
            value = self.picked(node.value)
        except _None:  # there is none where the rule takes this way
            message = ast.Constant(f"no derivative in `{self.shape or self.operand}`")
            return ast.Raise(ast.Call(ast.Name("TypeError", ast.Load()), [message], []), None)
        self.found = True
        like: ast.expr | None = ast.Name(self.shape, ast.Load()) if self.shape else None
        if self.star is not None:
            name, k = self.star
            like = ast.Subscript(ast.Name(name, ast.Load()), ast.Constant(k), ast.Load())
        if isinstance(value, ast.Constant) and like is not None:  # 0.0
            return ast.Return(ast.Call(ast.Name("_zeros_like", ast.Load()), [like], []))
        if like is not None:
            value = ast.Call(ast.Name("_unbroadcast", ast.Load()), [value, like], [])
        return ast.Return(value)


def _drop_dead(body: list[ast.stmt]) -> None:
    """What only the cotangents of other operands read is not computed."""
    for s in body:
        if isinstance(s, ast.If):
            _drop_dead(s.body)
            _drop_dead(s.orelse)
    if body and isinstance(body[-1], ast.Return):
        for k in range(len(body) - 1, -1, -1):
            s = body[k]
            rest = {n.id for r in body[k + 1 :] for n in ast.walk(r) if isinstance(n, ast.Name)}
            target = s.targets[0] if isinstance(s, ast.Assign) else None
            if isinstance(target, ast.Name) and target.id not in rest:
                del body[k]


def _is_none(v: ast.expr) -> bool:
    return isinstance(v, ast.Constant) and v.value is None


def _is_several(fn: Callable[..., Any], node: ast.FunctionDef, v: ast.expr) -> bool:
    """Is the expression in the text of `fn` a tuple of cotangents?  Raises `NoSource` if unsure."""
    if isinstance(v, ast.Tuple):
        return True
    if isinstance(v, ast.IfExp):
        return _is_several(fn, node, v.body)
    if isinstance(v, ast.Name):
        targets = [(n.targets[0], n.value) for n in ast.walk(node) if isinstance(n, ast.Assign)]
        values = [x for t, x in targets if isinstance(t, ast.Name) and t.id == v.id]
        return any(_is_several(fn, node, x) for x in values)
    if not isinstance(v, ast.Call):
        return False
    if isinstance(v.func, ast.Name) and v.func.id == "tuple":
        return True
    found = _ours(_space(fn), v.func)
    if found is None or getattr(found, "__module__", "") == "s2sgrad.rules.toolbox":
        return False
    inner = inspect.unwrap(found.function if isinstance(found, Definition) else found)
    if inner is fn:
        raise NoSource("it calls itself")
    tree = _parsed(inner)
    returns = [n.value for n in ast.walk(tree) if isinstance(n, ast.Return) and n.value]
    return any(_is_several(inner, tree, r) for r in returns)


def _helper(
    fn: Callable[..., Any], node: ast.FunctionDef, name: str, drop: bool, shaped: bool = False
) -> Helper:
    fn = inspect.unwrap(fn)
    _settle(fn, node.args)
    namer = _Namer(_space(fn), node)
    node.decorator_list, node.returns, node.name = [], None, name
    if isinstance(node.body[0], ast.Expr):
        node.body = node.body[1:]  # its words are about the rule
    node.body = [new for s in node.body if (new := namer.visit(s)) is not None]
    used = {n.id for s in node.body for n in ast.walk(s) if isinstance(n, ast.Name)}
    for a in (*node.args.args, *node.args.kwonlyargs):
        a.annotation = None
    for star in (node.args.vararg, node.args.kwarg):
        if star is not None:
            star.annotation = None
    if drop:
        _drop_unused(node.args, used)
    params = tuple(a.arg for a in (*node.args.args, *node.args.kwonlyargs))
    if shaped:
        namer.needs |= {n: f for n, f in _SHAPERS.items() if n in used}
    made = Helper(
        name, params, ast.unparse(ast.fix_missing_locations(node)) + "\n", {}, namer.imports
    )
    made.needs = {**namer.needs, name: made}
    return made


def _drop_unused(args: ast.arguments, used: set[str]) -> None:
    """`out` above all: a value that no helper reads need not be kept."""
    first = len(args.args) - len(args.defaults)
    keep = [k for k, a in enumerate(args.args) if a.arg in used]
    args.defaults = [args.defaults[k - first] for k in keep if k >= first]
    args.args = [args.args[k] for k in keep]
    pairs = [
        (a, d) for a, d in zip(args.kwonlyargs, args.kw_defaults, strict=True) if a.arg in used
    ]
    args.kwonlyargs, args.kw_defaults = [a for a, _ in pairs], [d for _, d in pairs]


class _Namer(ast.NodeTransformer):
    """Free names of a rule: NumPy stays, our functions become helpers, constants are written."""

    def __init__(self, space: dict[str, Any], node: ast.FunctionDef) -> None:
        self.space = space
        self.own = {n.id for n in ast.walk(node) if _stores(n)}  # type: ignore[attr-defined]
        self.own |= {n.arg for n in ast.walk(node) if isinstance(n, ast.arg)}
        self.needs: dict[str, Any] = {}
        self.imports = {"import numpy as np"}

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id in self.own or node.id not in self.space:
            return node
        obj = self.space[node.id]
        if _is_literal(obj):
            return _literal(obj)
        library = self.library(obj)
        return library or ast.Name(self.function(obj), ast.Load())

    def library(self, obj: Any) -> ast.expr | None:
        """A module or function of NumPy, `math` or SciPy, as the emitted module names it."""
        from s2sgrad.emit.expr import Spelling  # the emitter knows helpers too

        if isinstance(obj, types.ModuleType):
            root = obj.__name__.partition(".")[0]
            if root not in ("numpy", "math", "scipy"):
                raise NoSource(obj.__name__)
            short = root == "numpy"
            self.imports.add("import numpy as np" if short else f"import {obj.__name__}")
            name = "np" + obj.__name__.removeprefix("numpy") if short else obj.__name__
            return ast.parse(name, mode="eval").body
        if isinstance(obj, types.FunctionType | Definition) and _is_ours(obj):
            return None
        spelling = Spelling()
        try:
            found = spelling.function(obj)
        except InternalError as e:
            raise NoSource(str(obj)) from e
        self.imports |= spelling.imports
        return found

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        found = _ours(self.space, node)
        return ast.Name(self.function(found), ast.Load()) if found else self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """`call(f, x)` is `f(x)` when no tracer is there to be told."""
        if isinstance(node.func, ast.Name) and self.space.get(node.func.id) is toolbox.call:
            node = ast.Call(node.args[0], node.args[1:], node.keywords)
        return self.generic_visit(node)

    def visit_Assert(self, node: ast.Assert) -> None:
        """What is asserted is for the type checker."""

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        assert node.value is not None
        return ast.Assign([node.target], self.visit(node.value), lineno=0)

    def function(self, obj: Any) -> str:
        rule = isinstance(obj, Definition)
        fn = inspect.unwrap(obj.function if rule else obj)
        if not isinstance(fn, types.FunctionType) or fn.__closure__:
            raise NoSource(str(obj))
        name = f"_{_apart(fn, fn.__name__.strip('_'))}" + ("_vjp" if rule else "")
        if fn.__name__ in _OURS and not rule:
            self.needs[f"_{fn.__name__}"] = _OURS[fn.__name__]
            return f"_{fn.__name__}"
        if name not in self.needs and fn.__name__ not in _ACTIVE:
            _ACTIVE.append(fn.__name__)
            try:
                made = _helper(fn, _parsed(fn), name, drop=False)
            finally:
                _ACTIVE.pop()
            self.needs.update(made.needs)
            self.imports |= made.imports
        return name


_ACTIVE: list[str] = []  # helpers that are being written: a rule may call itself


def _ours(space: dict[str, Any], node: ast.expr) -> Any:
    """The function of ours that an expression names: `f`, `linalg.solve`, `rule.vjp`; or None."""
    if isinstance(node, ast.Name):
        found = space.get(node.id)
    elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        owner = space.get(node.value.id)
        module = isinstance(owner, types.ModuleType) and owner.__name__.startswith("s2sgrad.")
        found = getattr(owner, node.attr, None) if module or isinstance(owner, Rule) else None
    else:
        return None
    return found if isinstance(found, types.FunctionType | Definition) and _is_ours(found) else None


def _is_ours(obj: Any) -> bool:
    fn = inspect.unwrap(obj.function if isinstance(obj, Definition) else obj)
    return str(getattr(fn, "__module__", "")).startswith("s2sgrad.")


def _stores(n: ast.AST) -> bool:
    return isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
