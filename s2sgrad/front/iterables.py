"""What is made of things with items: `itertools`, `collections`, `sorted`, text, and their loops.

Over items that are known these are applied while parsing; over arrays and lists of the IR they are
the loop that they stand for.
"""

from __future__ import annotations

import ast
import builtins
import collections
import copy
import dataclasses
import itertools
import operator
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from s2sgrad.front.elements import COUNTERS
from s2sgrad.front.iterators import Iterators
from s2sgrad.front.list_methods import REVERSED
from s2sgrad.front.memory import Ref, Stale
from s2sgrad.front.values import Known, Method, Rows, Tup, Value
from s2sgrad.ir.graph import Lit, Range, Var
from s2sgrad.ir.types import Static

_MOST_SORTED = 64  # items of a list that stays known when it is sorted
# Of constants they are constants.
_FOLDED: set[Any] = {float, int, str, abs, round, bool, divmod, chr, ord, complex, repr, len, hash}
_TEXT: set[str] = {
    n for n in dir(str) if not n.startswith("_") and n not in ("format", "format_map")
}


class Iterables(Iterators):
    """Calls of what runs over items."""

    def call(self, fn: Value, args: list[Value], kwargs: dict[str, Value], node: Any) -> Value:
        obj = fn.obj if isinstance(fn, Known) else None
        handler = _HANDLERS.get(_key(obj)) if obj is not None else None
        if handler is not None:
            args = [self.inner(a) for a in args]
            found = getattr(self, handler)(obj, args, kwargs, node)
            if found is not None:
                return found  # type: ignore[no-any-return]
        return super().call(fn, args, kwargs, node)

    def known(self, obj: Any) -> Value:
        """A constant of Python's as a value of the program."""
        if isinstance(obj, list | tuple) and not hasattr(obj, "_fields"):
            kind = "list" if isinstance(obj, list) else "tuple"
            return Tup(tuple(map(self.known, obj)), kind)
        return super().known(obj)

    def items_of(self, v: Value) -> list[Value] | None:
        """The items of a value, where they are known."""
        if isinstance(v, Lit) and isinstance(v.value, str):
            return [Lit(c) for c in v.value]
        if not isinstance(v, Tup) or v.kind == "object":
            return None
        return list(map(self.key_value, v.keys)) if v.kind == "dict" else list(v.items)

    # -- constants, text

    def of_constants(self, obj: Any, args: list[Value], kw: dict[str, Value], at: Any) -> Any:
        if obj in (str, repr) and len(args) == 1 and not isinstance(args[0], Lit):
            self.take_turns()
            return None
        if all(isinstance(v, Lit) for v in (*args, *kw.values())):
            values = [a.value for a in args]  # type: ignore[union-attr]
            try:
                return self.known(obj(*values, **{k: v.value for k, v in kw.items()}))  # type: ignore[union-attr]
            except (TypeError, ValueError, OverflowError) as e:
                raise self.refuse(at, f"`{ast.unparse(at)}` raises here: {e}", "") from e
        return None

    def method(
        self, m: Method, args: list[Value], kwargs: dict[str, Value], node: ast.Call
    ) -> Value:
        if not (isinstance(m.owner, Lit) and isinstance(m.owner.value, str)):
            return super().method(m, args, kwargs, node)
        given = [self.plain(self.inner(a)) for a in args]
        if m.name not in _TEXT or kwargs or _COMPUTED in given:
            self.take_turns()
            raise self.refuse(node, f"the method `.{m.name}` of this text", "constants", "method")
        return self.boxed(self.known(getattr(m.owner.value, m.name)(*given)))

    def plain(self, v: Value) -> Any:
        """The constant of Python's that a value stands for."""
        if isinstance(v, Lit):
            return v.value
        if isinstance(v, Tup) and v.kind in ("tuple", "list", "iterator"):
            items = [self.plain(i) for i in v.items]
            return _COMPUTED if _COMPUTED in items else items
        return _COMPUTED

    def subscript(self, owner: Value, node: ast.Subscript) -> Value:
        if isinstance(owner, Lit) and isinstance(owner.value, str):
            if isinstance(node.slice, ast.Slice):
                return Lit(owner.value[self.constant_slice(node.slice, node)])
            return Lit(owner.value[self.constant_index(node.slice, node)])
        return super().subscript(owner, node)

    def binary(self, op: ast.operator, a: Value, b: Value, at: ast.AST) -> Value:
        if any(isinstance(v, Var) and v.type == Static("str") for v in (a, b)):
            self.take_turns()
        return super().binary(op, a, b, at)

    # -- collections

    def of_collection(self, obj: Any, args: list[Value], kw: dict[str, Value], at: Any) -> Any:
        if obj is collections.deque:
            if kw or len(args) > 1:
                raise self.refuse(
                    at, "`deque` with a `maxlen`", "popleft() where it is full", "list"
                )
            return self.deque(args, at)
        if obj is collections.defaultdict:
            made = self.as_dict(args[1], at) if len(args) > 1 else Tup((), "dict")
            factory = args[0] if args else None
        else:
            counts = collections.Counter(
                self.key(v, at) for v in (self.items_of(args[0]) if args else None) or ()
            )
            made = Tup(tuple(map(Lit, counts.values())), "dict", tuple(counts))
            factory = Known(int)
        made = self.boxed(dataclasses.replace(made, cell=None, view=None, cls=obj))  # type: ignore[assignment]
        assert made.cell is not None
        made.cell.factory = factory
        return made

    def deque(self, args: list[Value], at: Any) -> Value:
        items = self.items_of(args[0]) if args else []
        if items is not None:
            return self.boxed(Tup(tuple(items), "list"))
        return self.evaluate("[_x for _x in _x0]", at, {"_x0": args[0]})

    def of_dict(self, obj: Any, args: list[Value], kw: dict[str, Value], at: Any) -> Any:
        return self.call_dict(args, at)

    def of_set(self, obj: Any, args: list[Value], kw: dict[str, Value], at: Any) -> Any:
        items = self.items_of(args[0]) if args else []
        if items is None:
            return None
        made = dict.fromkeys(self.key(v, at) for v in items)
        return Tup(tuple(map(self.key_value, made)), "set")

    def of_copy(self, obj: Any, args: list[Value], kw: dict[str, Value], at: Any) -> Any:
        v = args[0]
        if obj is copy.deepcopy:
            return self.deep(v, at)
        if isinstance(v, Tup):
            return self.boxed(dataclasses.replace(v, cell=None))
        return self.deep(v, at)

    def deep(self, v: Value, at: Any) -> Value:
        if isinstance(v, Tup):
            items = tuple(self.deep(self.inner(i), at) for i in v.items)
            return self.boxed(dataclasses.replace(v, items=items, cell=None))
        if self.is_list_part(v) or isinstance(v, Rows):
            raise self.refuse(
                at, "a copy of a list whose length depends on data", "list(x)", "list"
            )
        return self.emit_call(np.ndarray.copy, [v], {}, at) if isinstance(v, Ref) else v

    # -- sorted, min, max

    def of_sorted(self, obj: Any, args: list[Value], kw: dict[str, Value], at: Any) -> Any:
        return self.sorted_value(args[0], kw, at)

    def sorted_value(self, v: Value, kw: dict[str, Value], at: Any) -> Value:
        """`sorted(v, ...)`: of known order, of numbers, or of items by a number each."""
        items = self.items_of(v)
        key, down = kw.get("key"), kw.get("reverse", Lit(False))
        if not isinstance(down, Lit):
            raise self.refuse(at, "`sorted` in an order that is computed", "", "list")
        if key is not None and not (isinstance(key, Lit) and key.value is None):
            return self.sorted_by(v, items, key, bool(down.value), at)
        plain = None if items is None else [self.plain(i) for i in items]
        if plain is not None and _COMPUTED not in plain:
            order = sorted(range(len(plain)), key=plain.__getitem__, reverse=bool(down.value))
            return Tup(tuple((items or [])[k] for k in order), "list")
        if items is None or len(items) > _MOST_SORTED:
            return self.sorted_list(v, {"reverse": down}, at)
        if any(isinstance(i, Tup | Ref) for i in items):
            raise self.refuse(at, "`sorted` of things that are no numbers", "a key=", "list")
        made = self.own(self.emit(np.sort, (self.read(self.as_array(v, at), at),), at=at))
        found = [self.element(made, k, at) for k in range(len(items))]  # type: ignore[arg-type]
        return Tup(tuple(found[::-1] if down.value else found), "list")

    def sorted_by(
        self, v: Value, items: list[Value] | None, key: Value, down: bool, at: Any
    ) -> Value:
        if items is not None:
            keys = [self.plain(self.call(key, [i], {}, at)) for i in items]
            if _COMPUTED not in keys:
                order = sorted(range(len(keys)), key=keys.__getitem__, reverse=down)
                return Tup(tuple(items[k] for k in order), "list")
            v = Tup(tuple(items), "list")
        made = self.listed_value(v, at) or v
        if isinstance(made, Tup):
            raise self.refuse(
                at, "`sorted` of items that are not built alike", "np.argsort of numbers", "list"
            )
        sign = "-" if down else ""
        text = (
            f"[_v[_k] for _k in np.argsort({sign}np.array([_f(_x) for _x in _v]), kind='stable')]"
        )
        return self.evaluate(
            text.replace("np.", "_np."), at, {"_v": made, "_f": key, "_np": Known(np)}
        )

    def of_extreme(self, obj: Any, args: list[Value], kw: dict[str, Value], at: Any) -> Any:
        """`min` and `max` with a key or a default."""
        if not kw:
            if len(args) == 1 and isinstance(args[0], Lit | Tup):
                plain = self.plain(args[0])
                if plain is not _COMPUTED and plain != []:
                    return self.known(obj(plain))
            elif args and all(isinstance(a, Lit) for a in args):
                return Lit(obj(*(a.value for a in args)))  # type: ignore[union-attr]
            return None
        over = args[0] if len(args) == 1 else Tup(tuple(args))
        items, default, key = self.items_of(over), kw.get("default"), kw.get("key")
        name = obj.__name__
        if default is not None and items is None:
            more = {"key": key} if key is not None else {}
            call = f"{name}(_x, key=_k)" if more else f"{name}(_x)"
            given = {"_x": over, "_d": default, **({"_k": key} if key is not None else {})}
            return self.evaluate(f"{call} if len(_x) > 0 else _d", at, given)
        if items == [] and default is not None:
            return default
        if key is None:
            return self.call(Known(obj), [over], {}, at)
        sign = "<" if obj is min else ">"
        before = f"_b = _s\n_v = _f(_s)\nfor _x in _o:\n    _w = _f(_x)\n    if _w {sign} _v:\n"
        before += "        _b = _x\n        _v = _w"
        if items is not None:
            given = {"_s": items[0], "_o": Tup(tuple(items[1:]))}
        else:
            given = {name: self.evaluate(text, at, {"_x": over})
                     for name, text in (("_s", "_x[0]"), ("_o", "_x[1:]"))}  # fmt: skip
        return self.evaluate("_b", at, {"_f": key, **given}, before)

    # -- itertools

    def of_itertools(self, obj: Any, args: list[Value], kw: dict[str, Value], at: Any) -> Any:
        """The finite ones, of known items."""
        numbers = {"combinations", "permutations", "combinations_with_replacement", "batched"}
        name = obj.__name__
        if name == "repeat":
            n = [*args[1:], *kw.values()]
            if not n or not isinstance(n[0], Lit):
                raise self.refuse(at, "`repeat` without a number", "a loop", "for")
            return Tup((args[0],) * n[0].value, "iterator")
        over = args[:1] if name in numbers or name == "islice" else args
        rows = [self.items_of(a) for a in over]
        if any(r is None for r in rows):
            return self.dynamic(name, args, kw, at)
        rest = args[len(over) :]
        if not all(isinstance(v, Lit) for v in (*rest, *kw.values())):
            return None
        plain = [v.value for v in rest]  # type: ignore[union-attr]
        named = {k: v.value for k, v in kw.items()}  # type: ignore[union-attr]
        made: Iterable[Any] = obj(*rows, *plain, **named)
        single = name in ("chain", "islice")
        return Tup(tuple(v if single else Tup(tuple(v)) for v in made), "iterator")

    def dynamic(self, name: str, args: list[Value], kw: dict[str, Value], at: Any) -> Value:
        given = {f"_a{k}": a for k, a in enumerate(args)}
        if name == "pairwise":
            return self.evaluate("[(_p, _q) for _p, _q in zip(_a0[:-1], _a0[1:])]", at, given)
        if name == "chain":
            loops = "".join(f"for _x in _a{k}:\n    _r.append(_x)\n" for k in range(len(args)))
            return self.evaluate("_r", at, given, f"_r = []\n{loops}")
        raise self.refuse(
            at, f"`itertools.{name}` of something of unknown length", "loops over ranges", "for"
        )

    def of_chain(self, obj: Any, args: list[Value], kw: dict[str, Value], at: Any) -> Any:
        rows = self.items_of(args[0])
        inner = None if rows is None else [self.items_of(self.inner(r)) for r in rows]
        if inner is None or any(r is None for r in inner):
            return self.evaluate("[_x for _r in _a for _x in _r]", at, {"_a": args[0]})
        return Tup(tuple(v for r in inner for v in r or ()), "iterator")

    def of_accumulate(self, obj: Any, args: list[Value], kw: dict[str, Value], at: Any) -> Any:
        fn = args[1] if len(args) > 1 else kw.get("func", Known(operator.add))
        items, start = self.items_of(args[0]), kw.get("initial")
        if items is None:
            first = "_r = []\n_t = _s\n_r.append(_t)\n" if start is not None else "_r = []\n"
            how = "_t = _f(_t, _x) if len(_r) > 0 else _x"
            text = f"{first}{'' if start is not None else '_t = 0.0' + chr(10)}for _x in _a:\n"
            given = {"_a": args[0], "_f": fn, **({"_s": start} if start is not None else {})}
            return self.evaluate("_r", at, given, f"{text}    {how}\n    _r.append(_t)")
        items = items if start is None else [start, *items]
        made: list[Value] = []
        for v in items:
            made.append(v if not made else self.call(fn, [made[-1], v], {}, at))
        return Tup(tuple(made), "iterator")

    # -- iterators

    def of_reversed(self, obj: Any, args: list[Value], kw: dict[str, Value], at: Any) -> Any:
        v = args[0]
        if isinstance(v, Rows) or self.is_list_part(v) or isinstance(v, Ref):
            return self.reversed_list(v, at)
        return None

    def of_iter(self, obj: Any, args: list[Value], kw: dict[str, Value], at: Any) -> Any:
        items = self.items_of(args[0]) if len(args) == 1 else None
        if items is None:
            raise self.refuse(at, "`iter` of something of unknown length", "a loop", "for")
        return Tup(tuple(items), "iterator")

    def of_next(self, obj: Any, args: list[Value], kw: dict[str, Value], at: Any) -> Any:
        v = args[0]
        if isinstance(v, Tup) and v.kind == "iterator":
            if not v.items and len(args) > 1:
                return args[1]
            if v.items:
                if v.cell is not None:
                    self.change(dataclasses.replace(v, cell=v.cell), v.items[1:], at)
                return self.inner(v.items[0])
        raise self.refuse(at, "`next` of something that is not known item by item", "a loop", "for")

    def expr_Name(self, node: ast.Name) -> Value:
        """An iterator is read once: what a second reading would find is not known."""
        value = super().expr_Name(node)
        if isinstance(value, Tup) and value.kind == "iterator" and value.cell is not None:
            now = self.refreshed(value, node)
            if node.id not in self.kept_iterators:
                why = "an iterator can be read once (list(...) for more)"
                self.versions[value.cell] = Stale(node, why)
                self.has_cells = True
            return now
        return value

    kept_iterators: set[str] = set()  # noqa: RUF012  names that `next` reads

    def expr_Call(self, node: ast.Call) -> Value:
        name = node.args[0] if node.args else None
        of_next = isinstance(node.func, ast.Name) and node.func.id == "next"
        if not (of_next and isinstance(name, ast.Name)):
            return super().expr_Call(node)
        saved = self.kept_iterators
        self.kept_iterators = {name.id}
        try:
            return super().expr_Call(node)
        finally:
            self.kept_iterators = saved

    # -- loops

    def iteration(self, node: ast.expr) -> tuple[Range, Callable[[Var], Value]]:
        if isinstance(node, ast.Call):
            fn = self.expr(node.func)
            obj = fn.obj if isinstance(fn, Known) else None
            if obj is enumerate and node.args and len(node.args) + len(node.keywords) == 2:
                return self.numbered_from(node)
            if obj is not reversed and obj not in (range, enumerate, zip, *COUNTERS):
                value = self.expr(node)
                if isinstance(value, Rows) or self.is_list_part(value):
                    return self.over_list(value, node)
                if isinstance(value, Ref):
                    return self.over_array(value, node)
            if obj is reversed and not isinstance(node.args[0], ast.Call):
                value = self.expr(node.args[0])
                if isinstance(value, Rows) or self.is_list_part(value):
                    return self.over_list(self.reversed_list(value, node), node)
                if isinstance(value, Ref):
                    return self.over_array(self.element(value, REVERSED, node), node)  # type: ignore[arg-type]
        return super().iteration(node)

    def numbered_from(self, node: ast.Call) -> tuple[Range, Callable[[Var], Value]]:
        """`enumerate(x, start)`"""
        start = self.expr(node.args[1] if len(node.args) > 1 else node.keywords[0].value)
        plain = ast.copy_location(ast.Call(node.func, node.args[:1], []), node)
        over, item = super().iteration(plain)

        def bind(i: Var) -> Value:
            pair = item(i)
            assert isinstance(pair, Tup)
            return Tup((self.binary(ast.Add(), pair.items[0], start, node), pair.items[1]))

        return over, bind


class _Computed:
    """In the place of a constant: something that is computed."""


_COMPUTED = _Computed()


def _key(obj: Any) -> Any:
    """A callable as a key; bound methods of types are made anew at each access."""
    if obj == itertools.chain.from_iterable:
        return "chain.from_iterable"
    try:
        hash(obj)
    except TypeError:
        return None
    return obj


_HANDLERS: dict[Any, str] = {
    **dict.fromkeys(_FOLDED - {len}, "of_constants"),
    len: "of_constants",
    **dict.fromkeys((collections.deque, collections.defaultdict, collections.Counter),
                    "of_collection"),
    collections.OrderedDict: "of_dict",
    builtins.set: "of_set",
    builtins.frozenset: "of_set",
    copy.copy: "of_copy",
    copy.deepcopy: "of_copy",
    builtins.sorted: "of_sorted",
    builtins.min: "of_extreme",
    builtins.max: "of_extreme",
    builtins.reversed: "of_reversed",
    builtins.iter: "of_iter",
    builtins.next: "of_next",
    itertools.accumulate: "of_accumulate",
    "chain.from_iterable": "of_chain",
    **{
        getattr(itertools, n): "of_itertools"
        for n in ("combinations", "permutations", "combinations_with_replacement", "product",
                  "chain", "pairwise", "islice", "repeat", "batched")
        if hasattr(itertools, n)
    },
}  # fmt: skip
