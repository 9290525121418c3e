"""Functions as values: `partial`, caches, decorators, and built-in functions that take functions.

`map`, `filter` and `reduce` over containers of known length are applied while parsing; over arrays
and lists that grow they are the comprehension or the loop that they stand for.
"""

from __future__ import annotations

import ast
import builtins
import enum
import functools
import itertools
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from s2sgrad.front.effects import Effects
from s2sgrad.front.memory import Ref
from s2sgrad.front.values import Bound, Choice, Closure, Known, Partial, Tup, Value
from s2sgrad.ir import ops
from s2sgrad.ir.graph import Atom, Eqn, Form, Hole, Lit, Pack, Range, Var
from s2sgrad.ir.types import Static

_OPERATORS: dict[Any, ast.operator] = {
    operator.add: ast.Add(),
    operator.sub: ast.Sub(),
    operator.mul: ast.Mult(),
    operator.truediv: ast.Div(),
    operator.pow: ast.Pow(),
    operator.matmul: ast.MatMult(),
    operator.mod: ast.Mod(),
    operator.floordiv: ast.FloorDiv(),
}
_IDENTITY = (ast.Is, ast.IsNot, ast.Eq, ast.NotEq)
_MOST_ITEMS = 512  # of a `range` that is a value
_serial = itertools.count(1)


class Callables(Effects):
    """Calls of what takes or makes functions."""

    def call(self, fn: Value, args: list[Value], kwargs: dict[str, Value], node: Any) -> Value:
        if isinstance(fn, Partial):
            known = {k: v for k, v in fn.kwargs.items() if not k.startswith(".")}
            return self.call(fn.function, [*fn.args, *args], {**known, **kwargs}, node)
        if isinstance(fn, Choice):
            return self.choose(
                fn.test,
                lambda: self.call(fn.then, list(args), dict(kwargs), node),
                lambda: self.call(fn.orelse, list(args), dict(kwargs), node),
                node,
            )
        obj = fn.obj if isinstance(fn, Known) else None
        if isinstance(obj, functools.partial):
            raise self.refuse(node, "a `partial` of this kind", "use a lambda", "call")
        if obj in _OPERATORS and len(args) == 2 and not kwargs:
            return self.binary(_OPERATORS[obj], args[0], args[1], node)
        special = _SPECIAL.get(obj) if _hashable(obj) else None
        if special is not None:
            found = getattr(self, special)(args, kwargs, node)
            if found is not None:
                return found  # type: ignore[no-any-return]
        return super().call(fn, args, kwargs, node)

    def attribute(self, owner: Value, node: ast.Attribute) -> Value:
        if isinstance(owner, Known) and isinstance(owner.obj, enum.Enum | enum.EnumMeta):
            if hasattr(owner.obj, node.attr):  # members of an enumeration stand still
                return self.known(getattr(owner.obj, node.attr))
        function = owner.function if isinstance(owner, Bound) else owner
        if isinstance(function, Closure) and node.attr in ("__name__", "__qualname__", "__doc__"):
            named = isinstance(function.node, ast.FunctionDef)
            if node.attr == "__doc__":
                return Lit(ast.get_docstring(function.node, clean=False) if named else None)  # type: ignore[arg-type]
            return Lit(function.node.name if named else "<lambda>")  # type: ignore[union-attr]
        return super().attribute(owner, node)

    # -- decorators

    def stmt_FunctionDef(self, s: ast.FunctionDef) -> None:
        made: Value = self.closure(s)
        for decorator in reversed(s.decorator_list):
            made = self.call(self.expr(decorator), [made], {}, decorator)
        self.env[s.name] = made

    def of_wraps(self, args: list[Value], kwargs: dict[str, Value], node: ast.AST) -> Value:
        return Known(ops.identity)

    def of_cache(self, args: list[Value], kwargs: dict[str, Value], node: ast.AST) -> Value:
        """A cache changes no value: the function itself."""
        if len(args) == 1 and not kwargs and not isinstance(args[0], Lit):
            return args[0]
        return Known(ops.identity)

    def of_identity(self, args: list[Value], kwargs: dict[str, Value], node: ast.AST) -> Value:
        return args[0]

    def of_partial(self, args: list[Value], kwargs: dict[str, Value], node: ast.AST) -> Value:
        return Partial(args[0], tuple(args[1:]), dict(kwargs))

    # -- functions over items

    def of_map(self, args: list[Value], kwargs: dict[str, Value], node: ast.AST) -> Value:
        fn, *over = args
        if all(self.has_items(a) for a in over):
            rows = zip(*(self.known_items(a) for a in over), strict=False)
            return Tup(tuple(self.call(fn, list(row), {}, node) for row in rows), "iterator")
        names = [f"_x{k}" for k in range(len(over))]
        if len(over) == 1:
            return self.evaluate("[_f(_x) for _x in _x0]", node, {"_f": fn, "_x0": over[0]})
        row = ", ".join(f"_r{k}" for k in range(len(over)))
        text = f"[_f({row}) for {row} in zip({', '.join(names)})]"
        return self.evaluate(text, node, {"_f": fn, **dict(zip(names, over, strict=True))})

    def of_filter(self, args: list[Value], kwargs: dict[str, Value], node: ast.AST) -> Value:
        fn, over = args
        test = "_x" if isinstance(fn, Lit) and fn.value is None else "_f(_x)"
        return self.evaluate(f"[_x for _x in _x0 if {test}]", node, {"_f": fn, "_x0": over})

    def of_reduce(self, args: list[Value], kwargs: dict[str, Value], node: ast.AST) -> Value:
        fn, over, *start = args
        if self.has_items(over):
            items = [*start, *self.known_items(over)]
            if not items:
                raise self.refuse(node, "`reduce` of nothing", "give it a first value", "call")
            return functools.reduce(lambda a, b: self.call(fn, [a, b], {}, node), items)
        if start:
            given = {"_s": start[0], "_x0": over}
        else:
            given = {"_s": self.evaluate("_x0[0]", node, {"_x0": over})}
            given["_x0"] = self.evaluate("_x0[1:]", node, {"_x0": over})
        return self.evaluate("_s", node, {"_f": fn, **given}, "for _x in _x0:\n    _s = _f(_s, _x)")

    def of_zip(self, args: list[Value], kwargs: dict[str, Value], node: ast.AST) -> Value | None:
        if not all(map(self.has_items, args)):
            return None
        columns = [self.known_items(a) for a in args]
        strict = kwargs.get("strict", Lit(False))
        if isinstance(strict, Lit) and strict.value and len({len(c) for c in columns}) > 1:
            raise self.refuse(node, "`zip(strict=True)` of different lengths", "", "for")
        return Tup(tuple(map(Tup, zip(*columns, strict=False))), "iterator")

    def of_enumerate(
        self, args: list[Value], kwargs: dict[str, Value], node: ast.AST
    ) -> Value | None:
        start = [*args[1:], *kwargs.values(), Lit(0)][0]
        if not (self.has_items(args[0]) and isinstance(start, Lit)):
            return None
        pairs = enumerate(self.known_items(args[0]), start.value)
        return Tup(tuple(Tup((Lit(k), v)) for k, v in pairs), "iterator")

    def of_backwards(
        self, args: list[Value], kwargs: dict[str, Value], node: ast.AST
    ) -> Value | None:
        if not self.has_items(args[0]):
            return None
        return Tup(tuple(reversed(self.known_items(args[0]))), "iterator")

    def of_range(self, args: list[Value], kwargs: dict[str, Value], node: ast.AST) -> Value | None:
        if not all(isinstance(a, Lit) and type(a.value) is int for a in args):
            return None
        turns = range(*(a.value for a in args if isinstance(a, Lit)))
        return Tup(tuple(map(Lit, turns))) if len(turns) <= _MOST_ITEMS else None

    def of_all(self, args: list[Value], kwargs: dict[str, Value], node: ast.AST) -> Value | None:
        return self.every(args[0], ast.And(), np.all, node)

    def of_any(self, args: list[Value], kwargs: dict[str, Value], node: ast.AST) -> Value | None:
        return self.every(args[0], ast.Or(), np.any, node)

    def every(
        self, over: Value, how: ast.boolop, op: Callable[..., Any], node: ast.AST
    ) -> Value | None:
        if not self.has_items(over):
            return self.emit_call(op, [over], {}, node)
        found: list[Value] = []
        for v in (self.truth(v, node) for v in self.known_items(over)):
            if not isinstance(v, Lit):
                found.append(v)
            elif bool(v.value) is isinstance(how, ast.Or):
                return Lit(isinstance(how, ast.Or))
        if not found:
            return Lit(isinstance(how, ast.And))
        names = {f"_v{k}": v for k, v in enumerate(found)}
        word = " and " if isinstance(how, ast.And) else " or "
        return self.evaluate(word.join(names), node, names)

    def of_str(self, args: list[Value], kwargs: dict[str, Value], node: ast.AST) -> Value | None:
        return self.text_of(args, ord("s"), node)

    def of_repr(self, args: list[Value], kwargs: dict[str, Value], node: ast.AST) -> Value | None:
        return self.text_of(args, ord("r"), node)

    def text_of(self, args: list[Value], how: int, node: ast.AST) -> Value | None:
        """`str(x)` and `repr(x)`: data."""
        if len(args) != 1:
            return Lit("") if not args else None
        shown = self.shown(args[0], node)
        return None if shown is None else self.formatted([(how, "")], [shown], node)

    def shown(self, v: Value, at: ast.AST) -> Atom | None:
        """A value that is shown in a text: a number, an array, or a tuple of them."""
        v = self.read(v, at)
        if isinstance(v, Tup) and v.kind == "tuple":
            items = [self.shown(i, at) for i in v.items]
            known = [i for i in items if i is not None]
            if len(known) < len(items):
                return None
            if all(isinstance(i, Lit) for i in known):
                return Lit(tuple(i.value for i in known if isinstance(i, Lit)))
            out = Var("", Static("tuple"))
            self.stmts.append(Eqn(out, ops.shown, tuple(known), None, self.span(at)))
            return out
        if isinstance(v, Closure):
            return Lit(getattr(v.node, "name", "<lambda>"))
        return v if isinstance(v, Var | Lit) else None

    def formatted(self, pieces: list[Any], args: list[Atom], node: ast.AST) -> Value:
        """The equation of an f-string, or the text where all of it is known."""
        if all(isinstance(a, Lit) for a in args):
            return Lit(ops.fstring(tuple(pieces), *(a.value for a in args)))  # type: ignore[union-attr]
        out = Var("", Static("str"))
        form = Form((tuple(pieces), *map(Hole, range(len(args)))))
        self.stmts.append(Eqn(out, ops.fstring, tuple(args), form, self.span(node)))
        return out

    def compare_two(self, a: Value, op: ast.cmpop, b: Value, at: ast.Compare) -> Value:
        """Sequences of known length are equal if their items are."""
        if isinstance(a, Known) and isinstance(b, Known) and isinstance(op, _IDENTITY):
            same = a.obj is b.obj or (isinstance(op, ast.Eq | ast.NotEq) and a.obj == b.obj)
            return Lit(bool(same) == isinstance(op, ast.Is | ast.Eq))
        both = isinstance(a, Tup) and isinstance(b, Tup) and a.is_sequence and b.is_sequence
        if not (both and isinstance(op, ast.Eq | ast.NotEq)):
            return super().compare_two(a, op, b, at)
        assert isinstance(a, Tup)
        assert isinstance(b, Tup)
        if len(a.items) != len(b.items) or (a.kind == "list") != (b.kind == "list"):
            return Lit(isinstance(op, ast.NotEq))
        pairs = enumerate(zip(a.items, b.items, strict=True))
        names = {f"_{s}{k}": v for k, pair in pairs for s, v in zip("ab", pair, strict=True)}
        tests = " and ".join(f"_a{k} == _b{k}" for k in range(len(a.items))) or "True"
        text = tests if isinstance(op, ast.Eq) else f"not ({tests})"
        return self.evaluate(text, at, names)

    def of_list(self, args: list[Value], kwargs: dict[str, Value], node: ast.AST) -> Value | None:
        if not args or isinstance(args[0], Tup):
            return None
        return self.evaluate("[_x for _x in _x0]", node, {"_x0": args[0]})

    # -- loops

    def iteration(self, node: ast.expr) -> tuple[Range, Callable[[Var], Value]]:
        if isinstance(node, ast.Call):
            fn = self.expr(node.func)
            obj = fn.obj if isinstance(fn, Known) else None
            if obj is zip and node.keywords:
                return self.strictly_zipped(node)
            if obj in (map, filter, list):
                value = self.expr(node)
                if self.is_list(value):
                    assert isinstance(value, Ref)
                    n = self.emit(len, (self.read(value, node),), at=node)
                    return Range(Lit(0), n, Lit(1)), lambda i: self.running(value, i, node)
        return super().iteration(node)

    def strictly_zipped(self, node: ast.Call) -> tuple[Range, Callable[[Var], Value]]:
        """`zip(a, b, strict=True)`: that the lengths are equal is checked when it runs."""
        strict = self.expr(node.keywords[0].value)
        if not isinstance(strict, Lit):
            raise self.refuse(node, "`zip(strict=...)` of something computed", "", "for")
        plain = ast.copy_location(ast.Call(node.func, node.args, []), node)
        if strict.value:
            first, *others = (self.iteration(a)[0].stop for a in node.args)
            for k, n in enumerate(others, 2):
                text = f"if _n != _m: raise ValueError('zip() argument {k} has another length')"
                self.evaluate("None", node, {"_n": first, "_m": n}, text)
        return super().iteration(plain)

    # -- text that is computed

    def binary(self, op: ast.operator, a: Value, b: Value, at: ast.AST) -> Value:
        if not (isinstance(op, ast.Mod) and isinstance(a, Lit) and isinstance(a.value, str)):
            return super().binary(op, a, b, at)
        several = isinstance(b, Tup) and b.kind == "tuple"
        args = [self.read(v, at) for v in (b.items if isinstance(b, Tup) and several else (b,))]
        if not all(isinstance(v, Var | Lit) for v in args):
            raise self.refuse(at, "text of something that is no number or array", "", "unsupported")
        if all(isinstance(v, Lit) for v in args):
            return Lit(a.value % tuple(v.value for v in args))
        right = Pack("tuple", tuple(map(Hole, range(len(args))))) if several else Hole(0)
        form = Form((a.value, right))
        out = Var("", Static("str"))
        self.stmts.append(Eqn(out, operator.mod, tuple(args), form, self.span(at)))
        return out

    # -- what they have in common

    def has_items(self, v: Value) -> bool:
        return isinstance(v, Tup) and v.kind != "object"

    def known_items(self, v: Value) -> list[Value]:
        assert isinstance(v, Tup)
        return list(map(self.key_value, v.keys)) if v.kind == "dict" else list(v.items)

    def evaluate(
        self, text: str, node: ast.AST, values: dict[str, Value], before: str = ""
    ) -> Value:
        """The value of `text`, in which the names that start with `_` are these values."""
        mark = f"_{next(_serial)}"
        tree = ast.parse(f"{before}\n{text}").body
        for n in (n for s in tree for n in ast.walk(s)):
            if isinstance(n, ast.expr | ast.stmt | ast.comprehension):
                ast.copy_location(n, node)
            if isinstance(n, ast.Name) and n.id.startswith("_"):
                n.id = f".{n.id[1:]}{mark}"
        names = {n.id for s in tree for n in ast.walk(s) if isinstance(n, ast.Name)}
        self.env.update({f".{name[1:]}{mark}": v for name, v in values.items()})
        try:
            self.parse_block(tree[:-1])
            last = tree[-1]
            assert isinstance(last, ast.Expr)
            return self.expr(last.value)
        finally:
            for name in names:
                if name.startswith("."):
                    self.env.pop(name, None)

    # -- text

    def expr_JoinedStr(self, node: ast.JoinedStr) -> Value:
        """An f-string is data: it is written into the derivative as it stands."""
        pieces: list[Any] = []
        args: list[Any] = []
        for part in node.values:
            if isinstance(part, ast.Constant):
                pieces.append(part.value)
                continue
            assert isinstance(part, ast.FormattedValue)
            spec = "" if part.format_spec is None else self.expr(part.format_spec)
            spec = spec.value if isinstance(spec, Lit) else spec
            value = self.shown(self.expr(part.value), part)
            if not isinstance(spec, str) or value is None:
                raise self.refuse(
                    node, "an f-string of something that is no number or array", "", "unsupported"
                )
            args.append(value)
            pieces.append((part.conversion, spec))
        return self.formatted(pieces, args, node)

    # -- sets

    def expr_Set(self, node: ast.Set) -> Value:
        """A set of constants is data."""
        made = dict.fromkeys(self.key(self.expr(e), e) for e in node.elts)
        return Tup(tuple(map(self.key_value, made)), "set")


def _hashable(obj: Any) -> bool:
    return getattr(type(obj), "__hash__", None) is not None


_SPECIAL: dict[Any, str] = {
    functools.wraps: "of_wraps",
    functools.lru_cache: "of_cache",
    functools.cache: "of_cache",
    functools.partial: "of_partial",
    functools.reduce: "of_reduce",
    ops.identity: "of_identity",
    **{
        getattr(builtins, n): f"of_{n}"
        for n in ["map", "filter", "zip", "enumerate", "range", "all", "any", "list", "str", "repr"]
    },
    builtins.reversed: "of_backwards",
}
