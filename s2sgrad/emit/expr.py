"""Equations as expressions: the `ast` of a call, an operator, a subscript."""

from __future__ import annotations

import ast
import builtins
import math
import operator
import sys
import types
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from s2sgrad.emit import lists
from s2sgrad.errors import InternalError
from s2sgrad.ir import ops
from s2sgrad.ir.call import Kept
from s2sgrad.ir.graph import Field, Hole, Pack
from s2sgrad.ir.opaque import MethodOf
from s2sgrad.ir.through import Through
from s2sgrad.ir.types import Scalar, Type, Unknown
from s2sgrad.rules.custom import HELPERS
from s2sgrad.rules.helpers import Helper, bare_source
from s2sgrad.rules.registry import LOADED, lookup

BINARY: dict[Any, type[ast.operator]] = {
    operator.add: ast.Add,
    operator.sub: ast.Sub,
    operator.mul: ast.Mult,
    operator.truediv: ast.Div,
    operator.pow: ast.Pow,
    operator.mod: ast.Mod,
    operator.floordiv: ast.FloorDiv,
    operator.matmul: ast.MatMult,
    operator.and_: ast.BitAnd,
    operator.or_: ast.BitOr,
    operator.xor: ast.BitXor,
    operator.lshift: ast.LShift,
    operator.rshift: ast.RShift,
}
COMPARE: dict[Any, type[ast.cmpop]] = {
    operator.lt: ast.Lt,
    operator.le: ast.LtE,
    operator.gt: ast.Gt,
    operator.ge: ast.GtE,
    operator.eq: ast.Eq,
    operator.ne: ast.NotEq,
    operator.is_: ast.Is,
    operator.is_not: ast.IsNot,
}
UNARY: dict[Any, type[ast.unaryop]] = {
    operator.neg: ast.USub,
    operator.pos: ast.UAdd,
    operator.invert: ast.Invert,
    ops.not_: ast.Not,
}
SPACES = {
    "np": np,
    "np.linalg": np.linalg,
    "np.fft": np.fft,
    "np.lib.stride_tricks": np.lib.stride_tricks,
}
_BASES = ("polynomial", "chebyshev", "legendre", "hermite", "hermite_e", "laguerre")
METHODS = {np.ndarray.flatten, np.ndarray.astype}  # have no other spelling


def name(text: str) -> ast.Name:
    return ast.Name(text, ast.Load())


def constant(value: Any) -> ast.expr:
    """A literal; what has no literal is spelled out."""
    if isinstance(value, float) and (math.isinf(value) or math.isnan(value)):
        return ast.Call(name("float"), [ast.Constant(repr(value))], [])
    if isinstance(value, int | float) and not isinstance(value, bool) and value < 0:
        return ast.UnaryOp(ast.USub(), ast.Constant(-value))
    if isinstance(value, np.ndarray):
        return ast.Call(Spelling().function(np.array), [constant(value.tolist())], [])
    if type(value) is tuple:
        return ast.Tuple([constant(v) for v in value], ast.Load())
    if isinstance(value, list):
        return ast.List([constant(v) for v in value], ast.Load())
    if isinstance(value, dict):
        return ast.Dict([constant(k) for k in value], [constant(v) for v in value.values()])
    if isinstance(value, np.dtype):
        value = value.type
    if isinstance(value, type | type(np.sin)) or callable(value):
        return Spelling().function(value)
    return ast.Constant(value)


_NOBODY = object()
# Modules of functions that act, as they are imported.
ACTING = ("numpy.random", "time", "random", "logging", "warnings")


def scipy_path(op: Any) -> list[str]:
    """`scipy.special`, `erf`; or `scipy.stats`, `norm`, `logpdf`; nothing for others."""
    text, owner = getattr(op, "__name__", ""), getattr(op, "__self__", None)
    if owner is None or isinstance(owner, types.ModuleType):
        owner = _NOBODY
    for package in LOADED:
        module = sys.modules[package]
        if getattr(module, text, None) is op:
            return [package, text]
        names = [n for n, v in vars(module).items() if v is owner]
        if names:
            return [package, names[0], text]
    return []


def spaces() -> Iterator[tuple[str, types.ModuleType]]:
    """NumPy's modules, as programs name them: those that are loaded."""
    yield from SPACES.items()
    if "numpy.polynomial" in sys.modules:
        for name in _BASES:
            yield f"np.polynomial.{name}", getattr(np.polynomial, name)


class Spelling:
    """How the emitted module names a function, and what it must import for that."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self.taken = set(taken)
        self.imports: set[str] = set()
        self.helpers: dict[str, Callable[..., Any]] = {}
        self.handed: dict[str, Callable[..., Any]] = {}

    def function(self, op: Any) -> ast.expr:
        if isinstance(op, Kept):
            return name(op.name)
        text = getattr(op, "__name__", "")
        module = getattr(op, "__module__", "") or ""
        if getattr(builtins, text, None) is op:
            return name(text)
        if getattr(math, text, None) is op:
            self.imports.add("import math")
            return ast.Attribute(name("math"), text, ast.Load())
        for prefix, space in spaces():
            if getattr(space, text, None) is op:
                self.imports.add("import numpy as np")
                owner: ast.expr = name("np")
                for part in prefix.split(".")[1:]:
                    owner = ast.Attribute(owner, part, ast.Load())
                return ast.Attribute(owner, text, ast.Load())
        owner_of = getattr(op, "__self__", None)
        for prefix in ACTING:
            if getattr(sys.modules.get(prefix), text, None) is op:
                self.imports.add("import numpy as np" if "." in prefix else f"import {prefix}")
                return ast.parse(f"{prefix.replace('numpy', 'np')}.{text}", mode="eval").body
        if isinstance(op, Helper):
            self.imports.update(op.imports)
            for text, fn in op.needs.items():
                self.help(text, fn)
            return name(op.name)
        if isinstance(owner_of, np.ufunc):  # `np.add.outer`
            return ast.Attribute(self.function(owner_of), text, ast.Load())
        if op in HELPERS:
            self.imports.add("import numpy as np")
            self.help(text, op)
            return name(text)
        if module.startswith("s2sgrad."):
            self.imports.add("import numpy as np")
            self.help(f"_{text}", op)
            return name(f"_{text}")
        path = scipy_path(op)
        if path:
            self.imports.add(f"import {path[0]}")
            return ast.parse(".".join(path), mode="eval").body
        if lookup(op) is not None and isinstance(op, types.FunctionType):
            return name(self.given(op))
        raise InternalError("emit", f"no spelling for {op!r}", "")

    def help(self, text: str, fn: Callable[..., Any]) -> None:
        """The module needs a helper of that name."""
        known = self.helpers.setdefault(text, fn)
        if known is not fn and bare_source(text, known) != bare_source(text, fn):
            raise InternalError("emit", f"two helpers of the name {text}", "")

    def given(self, op: types.FunctionType | type) -> str:
        """A function or exception of the user's: imported where possible, else handed in."""
        text, n = op.__name__ if op.__name__.isidentifier() else "function", 1
        while text in self.taken or self.handed.get(text, op) is not op:
            n += 1
            text = f"{op.__name__}{n}"
        self.handed[text] = op
        module = sys.modules.get(op.__module__)
        if module is not None and getattr(module, text, None) is op and op.__module__ != "__main__":
            self.imports.add(f"from {op.__module__} import {text}")
        return text


def positive(node: ast.expr) -> ast.expr | None:
    """What `node` is the negative of, if it is written with a sign; the same to the last bit."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return node.operand
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div):
        left = positive(node.left)
        return None if left is None else ast.BinOp(left, node.op, node.right)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub):
        left = positive(node.left)
        return None if left is None else ast.BinOp(left, ast.Add(), node.right)
    return None


def call(
    op: Any, args: list[ast.expr], form: Any, spelling: Spelling, operands: Sequence[Type] = ()
) -> ast.expr:
    """The expression `op(*args)`; `operands` are their types."""
    if form is None:
        if op in (operator.add, operator.sub):
            opposite = positive(args[1])
            if opposite is not None:  # `a - -b` is `a + b`
                op = operator.sub if op is operator.add else operator.add
                args = [args[0], opposite]
        if op in BINARY:
            return ast.BinOp(args[0], BINARY[op](), args[1])
        if op in COMPARE:
            return ast.Compare(args[0], [COMPARE[op]()], [args[1]])
        if op in UNARY:
            return ast.UnaryOp(UNARY[op](), args[0])
        if op is np.transpose:
            return ast.Attribute(args[0], "T", ast.Load())
        if op in (ops.identity, ops.stop_gradient, ops.bound):
            return args[0]
        if op is ops.copy and not _is_array(operands[0]):
            return ast.UnaryOp(ast.UAdd(), args[0])  # of a number, that number
        if op is ops.copy and lists.is_nested(operands[0]):
            return lists.copies(args[0], operands[0], lambda v: v)
        if op is np.ndarray.copy or op is ops.copy:
            return _copy(args[0])
        if op is ops.finite:
            return _finite(args[0], operands[0], spelling)
        if op in METHODS:
            return ast.Call(ast.Attribute(args[0], op.__name__, ast.Load()), args[1:], [])
        if op is np.size and _is_array(operands[0]):
            return _size(args)
        if op in (ops.pack, ops.shown):
            return ast.Tuple(args, ast.Load())
        if op is ops.list_:
            return ast.List(args, ast.Load())
        if op is ops.is_caught:
            classes = args[1] if len(args) == 2 else ast.Tuple(args[1:], ast.Load())
            return ast.Call(name("isinstance"), [args[0], classes], [])
        if op is ops.spread_list:
            items = ast.Call(name("len"), [args[1]], [])
            return ast.BinOp(ast.List([args[0]], ast.Load()), ast.Mult(), items)
        if op is ops.concat:
            return ast.BinOp(args[0], ast.Add(), args[1])
        if op is ops.repeat_list:
            return ast.BinOp(args[0], ast.Mult(), args[1])
        if op is ops.fold_list:
            return lists.fold(args[0], args[2])
        if op is ops.total:
            return ast.Call(name("sum"), [args[0]], [])
        if op is ops.place:
            head = ast.Subscript(args[0], ast.Slice(None, args[1]), ast.Load())
            return ast.Call(name("len"), [head], [])
        if op is ops.add_lists:
            return lists.add(args, operands[0])
        if op is ops.zeros_list:
            return lists.zeros(args[0], operands[0], spelling.function(np.zeros_like))
        if op is ops.copy_items:
            return lists.copies(args[0], operands[0], _copy)
        if op is ops.cast_like or (op in _LIKE and _is_array(operands[1])):
            return _like(op, args, spelling)
        if op is ops.zeros_like and _is_array(operands[0]):
            op = np.zeros_like
        if isinstance(op, Through):
            return through(op, args, [], spelling)
        if isinstance(op, MethodOf):
            return ast.Call(ast.Attribute(args[0], op.name, ast.Load()), args[1:], [])
        return ast.Call(spelling.function(op), args, [])
    if op is ops.fstring:
        return _fstring(form.args[0], args)
    if op in METHODS:
        owner, *pos = (template(t, args) for t in form.args)
        named = [ast.keyword(k, template(t, args)) for k, t in form.kwargs]
        return ast.Call(ast.Attribute(owner, op.__name__, ast.Load()), pos, named)
    if op is ops.part:
        return part(args[0], form.args[1])
    if op is ops.getitem:
        owner, index = form.args
        return place(template(owner, args), index, args)
    pos = [template(t, args) for t in form.args]
    if isinstance(op, Through):
        return through(
            op, pos, [ast.keyword(k, template(t, args)) for k, t in form.kwargs], spelling
        )
    if isinstance(op, MethodOf):
        named = [ast.keyword(k, template(t, args)) for k, t in form.kwargs]
        return ast.Call(ast.Attribute(pos[0], op.name, ast.Load()), pos[1:], named)
    if not form.kwargs and (op in BINARY or op in COMPARE or op in UNARY or op is np.size):
        return call(op, pos, None, spelling, operands)
    named = [ast.keyword(k, template(t, args)) for k, t in form.kwargs]
    return ast.Call(spelling.function(op), pos, named)


def through(
    op: Through, args: list[ast.expr], named: list[ast.keyword], spelling: Spelling
) -> ast.expr:
    """`spline(t)`, or `CubicSpline(x, y)(t)` where there is no such object; `A @ x`, `A.T @ x`."""
    owner, parts, rest = args[0], args[1 : 1 + op.count], args[1 + op.count :]
    if op.method.startswith("T"):
        owner = ast.Attribute(owner, "T", ast.Load())
    if op.method in ("of", "T of"):
        return ast.Call(spelling.function(op.maker), [owner, *rest], named)
    if op.method in ("@", "T@"):
        return ast.BinOp(owner, ast.MatMult(), rest[0])
    if isinstance(owner, ast.Constant):
        options = [ast.keyword(k, constant(v)) for k, v in op.options]
        owner = ast.Call(spelling.function(op.maker), parts, options)
    function = ast.Attribute(owner, op.method, ast.Load()) if op.method else owner
    return ast.Call(function, rest, named)


def both(op: ast.boolop, first: ast.expr, second: ast.expr) -> ast.expr:
    """`a and b`, `a and b and c`, `a < x < b`."""
    values = (
        first.values if isinstance(first, ast.BoolOp) and type(first.op) is type(op) else [first]
    )
    last = values[-1]
    if (
        isinstance(op, ast.And)
        and isinstance(last, ast.Compare)
        and isinstance(second, ast.Compare)
        and isinstance(second.left, ast.Name)
        and ast.dump(last.comparators[-1]) == ast.dump(second.left)
    ):
        joined = [*last.comparators, *second.comparators]
        values, second = values[:-1], ast.Compare(last.left, [*last.ops, *second.ops], joined)
    return ast.BoolOp(op, [*values, second]) if values else second


_LIKE = (ops.broadcast_like, ops.reshape_like)


def _is_array(t: Type) -> bool:
    """Has it `.shape`?  Helpers cope with what may be a Python number."""
    return not isinstance(t, Unknown) or t.array


def _fstring(pieces: tuple[Any, ...], args: list[ast.expr]) -> ast.expr:
    """`f"{a:.3f} and {b!r}"`."""
    rest, values = list(args), list[ast.expr]()
    for p in pieces:
        if isinstance(p, str):
            values.append(ast.Constant(p))
            continue
        spec = ast.JoinedStr([ast.Constant(p[1])]) if p[1] else None
        values.append(ast.FormattedValue(rest.pop(0), p[0], spec))
    return ast.JoinedStr(values)


def part(owner: ast.expr, path: tuple[tuple[str, Any], ...]) -> ast.expr:
    """A leaf of a container: `p["W"][0].b`."""
    for kind, key in path:
        if kind == "attr":
            owner = ast.Attribute(owner, key, ast.Load())
        elif kind == "float":
            owner = ast.Call(name("float"), [owner], [])
        else:
            if kind == "nth":
                values = ast.Call(ast.Attribute(owner, "values", ast.Load()), [], [])
                owner = ast.List([ast.Starred(values, ast.Load())], ast.Load())
            owner = ast.Subscript(owner, constant(key), ast.Load())
    return owner


def _finite(x: ast.expr, t: Type, spelling: Spelling) -> ast.expr:
    """`np.where(x == np.inf, 0.0, x)`."""
    where = spelling.function(np.where)
    infinity = ast.Attribute(name("np"), "inf", ast.Load())
    test = ast.Compare(x, [ast.Eq()], [infinity])
    if isinstance(t, Scalar):
        return ast.IfExp(test, ast.Constant(0.0), x)
    return ast.Call(where, [test, ast.Constant(0.0), x], [])


def _copy(x: ast.expr) -> ast.expr:
    return ast.Call(ast.Attribute(x, "copy", ast.Load()), [], [])


def place(owner: ast.expr, index: Any, args: list[ast.expr]) -> ast.expr:
    """`owner[index]`, step by step where the index is a path; `owner.x` for a named result."""
    if isinstance(index, Field):
        return ast.Attribute(owner, index.name, ast.Load())
    if not (isinstance(index, Pack) and index.kind == "path"):
        return ast.Subscript(owner, template(index, args, True), ast.Load())
    for step in index.items:
        if not (isinstance(step, Pack) and step.kind == "transpose"):
            owner = ast.Subscript(owner, template(step, args, True), ast.Load())
        elif step.items:
            axes: list[ast.expr] = [ast.Constant(k) for k in step.items]
            owner = ast.Call(ast.Attribute(owner, "transpose", ast.Load()), axes, [])
        else:
            owner = ast.Attribute(owner, "T", ast.Load())
    return owner


def _size(args: list[ast.expr]) -> ast.expr:
    """`a.size`, or `a.shape[axis]`."""
    if len(args) == 1:
        return ast.Attribute(args[0], "size", ast.Load())
    return ast.Subscript(ast.Attribute(args[0], "shape", ast.Load()), args[1], ast.Load())


def _like(op: Any, args: list[ast.expr], spelling: Spelling) -> ast.expr:
    g, x = args
    if op is ops.broadcast_like:
        return ast.Call(spelling.function(np.full_like), [x, g], [])
    if op is ops.cast_like:
        cast = ast.Attribute(g, "astype", ast.Load())
        return ast.Call(cast, [ast.Attribute(x, "dtype", ast.Load())], [])
    shape = ast.Attribute(x, "shape", ast.Load())
    return ast.Call(spelling.function(np.reshape), [g, shape], [])


def template(t: Any, args: list[ast.expr], subscript: bool = False) -> ast.expr:
    """A template of a call form, its holes filled; slices have a syntax in subscripts only."""
    if isinstance(t, Hole):
        return args[t.k]
    if isinstance(t, Pack | tuple):
        kind = t.kind if isinstance(t, Pack) else "tuple"
        inner = t.items if isinstance(t, Pack) else t
        items = [template(i, args, subscript) for i in inner]
        if kind == "slice":
            return _slice(
                [None if i is None else x for i, x in zip(inner, items, strict=True)], subscript
            )
        return ast.List(items, ast.Load()) if kind == "list" else ast.Tuple(items, ast.Load())
    if isinstance(t, slice):
        parts = (t.start, t.stop, t.step)
        return _slice([None if p is None else constant(p) for p in parts], subscript)
    return constant(t)


def _slice(parts: list[ast.expr | None], subscript: bool) -> ast.expr:
    if subscript:
        return ast.Slice(*parts)
    return ast.Call(name("slice"), [p or ast.Constant(None) for p in parts], [])
