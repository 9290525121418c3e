"""`range`, `enumerate`, `zip` and their like where they are values, not the header of a loop.

They become the list that they run over: known item by item where its length is known, else a
list of the IR, written as the comprehension that a person would write.
"""

from __future__ import annotations

import bisect
import builtins
import itertools
import statistics
from collections.abc import Callable
from typing import Any

import numpy as np

from s2sgrad.front.iterables import Iterables
from s2sgrad.front.memory import Ref
from s2sgrad.front.values import Known, Rows, Tup, Value
from s2sgrad.ir.graph import Lit

_STATISTICS: dict[Any, str] = {
    statistics.mean: "_np.mean({0})",
    statistics.fmean: "_np.mean({0})",
    statistics.median: "_np.median({0})",
    statistics.pvariance: "_np.var({0})",
    statistics.pstdev: "_np.std({0})",
    statistics.variance: "_np.var({0}, ddof=1)",
    statistics.stdev: "_np.std({0}, ddof=1)",
    statistics.geometric_mean: "_np.exp(_np.mean(_np.log({0})))",
    statistics.harmonic_mean: "1.0 / _np.mean(1.0 / _np.array({0}))",
}
_BISECT = {bisect.bisect_left: "left", bisect.bisect_right: "right", bisect.bisect: "right"}


class Sequences(Iterables):
    """Calls that make a sequence of a sequence."""

    def call(self, fn: Value, args: list[Value], kwargs: dict[str, Value], node: Any) -> Value:
        obj = fn.obj if isinstance(fn, Known) else None
        handler = _HANDLERS.get(obj) if callable(obj) and _hashable(obj) else None
        if handler is not None:
            found = handler(self, obj, [self.inner(a) for a in args], kwargs, node)
            if found is not None:
                return found  # type: ignore[no-any-return]
        return super().call(fn, args, kwargs, node)

    # -- ranges, pairs: those of known length are known item by item (`front/callables`)

    def range_list(self, obj: Any, args: list[Value], kw: dict[str, Value], at: Any) -> Value:
        names = [f"_a{k}" for k in range(len(args))]
        given = dict(zip(names, args, strict=True))
        text = f"[_k for _k in _range({', '.join(names)})]"
        return self.evaluate(text, at, {"_range": Known(range), **given})

    def enumerated(self, obj: Any, args: list[Value], kw: dict[str, Value], at: Any) -> Value:
        start = [*args[1:], *kw.values()]
        given = {"_a": args[0], "_enumerate": Known(enumerate)}
        if start:
            given["_s"] = start[0]
        header = f"_enumerate(_a{', _s' if start else ''})"
        return self.iterator(self.evaluate(f"[(_i, _x) for _i, _x in {header}]", at, given))

    def zip_list(self, obj: Any, args: list[Value], kw: dict[str, Value], at: Any) -> Value | None:
        if not _is(kw.get("strict"), False) or not args:
            return None
        names, one = [f"_a{k}" for k in range(len(args))], _row(len(args))
        given = dict(zip(names, args, strict=True))
        text = f"[{one} for {one} in _zip({', '.join(names)})]"
        return self.iterator(self.evaluate(text, at, {"_zip": Known(zip), **given}))

    def of_tuple(self, obj: Any, args: list[Value], kw: dict[str, Value], at: Any) -> Value | None:
        """A tuple of unknown length is the list of its items, which nobody changes."""
        if len(args) == 1 and isinstance(args[0], Ref | Rows):
            return self.call(Known(builtins.list), args, kw, at)
        return None

    # -- combinations

    def dynamic(self, name: str, args: list[Value], kw: dict[str, Value], at: Any) -> Value:
        """`itertools` of what has no known length: the loops that they stand for."""
        if name in ("combinations", "permutations") and len(args) == 2:
            text = _chosen(name, args[1])
            if text is not None:
                listed = self.call(Known(builtins.list), args[:1], {}, at)
                return self.iterator(self.evaluate(text, at, {"_a": listed}))
        if name == "product" and not kw:
            loops = " ".join(f"for _x{k} in _a{k}" for k in range(len(args)))
            given = {f"_a{k}": a for k, a in enumerate(args)}
            return self.iterator(self.evaluate(f"[{_row(len(args))} {loops}]", at, given))
        return super().dynamic(name, args, kw, at)

    def of_longest(self, obj: Any, args: list[Value], kw: dict[str, Value], at: Any) -> Any:
        rows = [self.items_of(a) for a in args]
        if any(r is None for r in rows):
            return None
        fill = kw.get("fillvalue", Lit(None))
        made = itertools.zip_longest(*(r or () for r in rows), fillvalue=fill)
        return Tup(tuple(Tup(tuple(items)) for items in made), "iterator")

    # -- extremes and orders of pairs

    def of_extreme(self, obj: Any, args: list[Value], kw: dict[str, Value], at: Any) -> Any:
        """`max((score, i) for ...)`: the first of the greatest in the order of tuples."""
        over = self.inner(args[0]) if len(args) == 1 else None
        if set(kw) or not self.holds_pairs(over):
            return super().of_extreme(obj, args, kw, at)
        made = self.sorted_value(over, {}, at)  # type: ignore[arg-type]
        if isinstance(made, Tup):
            return made.items[0 if obj is min else -1]
        return self.at(made, 0 if obj is min else -1, at)

    def holds_pairs(self, v: Value | None) -> bool:
        if isinstance(v, Rows):
            return True
        items = self.items_of(v) if isinstance(v, Tup) else None
        return bool(items) and all(isinstance(self.inner(i), Tup) for i in items or ())

    def sorted_value(self, v: Value, kw: dict[str, Value], at: Any) -> Value:
        """`sorted` of pairs: by the first of each, then by the second."""
        key, down = kw.get("key"), kw.get("reverse", Lit(False))
        if not _is(key, None) or not self.holds_pairs(v):
            return super().sorted_value(v, kw, at)
        items = self.items_of(v)
        firsts = [] if items is None else [self.plain(self.inner(i).items[0]) for i in items]  # type: ignore[union-attr]
        if items is not None and _distinct_constants(firsts) and isinstance(down, Lit):
            order = sorted(range(len(items)), key=firsts.__getitem__, reverse=bool(down.value))
            return Tup(tuple(items[k] for k in order), "list")
        made = self.listed_value(v, at) or v
        if not (isinstance(made, Rows) and len(made.columns) == 2 and _is(down, False)):
            raise self.refuse(at, "`sorted` of tuples like these", "a key=, a number", "list")
        columns = "(_np.array([_y for _x, _y in _v]), _np.array([_x for _x, _y in _v]))"
        text = f"[_v[_k] for _k in _np.lexsort({columns})]"
        return self.evaluate(text, at, {"_v": made, "_np": Known(np)})

    # -- other modules

    def of_statistics(self, obj: Any, args: list[Value], kw: dict[str, Value], at: Any) -> Any:
        if kw or len(args) != 1:
            return None
        return self.evaluate(_STATISTICS[obj].format("_x"), at, {"_x": args[0], "_np": Known(np)})

    def of_bisect(self, obj: Any, args: list[Value], kw: dict[str, Value], at: Any) -> Any:
        if kw or len(args) != 2:
            return None
        text = f"int(_np.searchsorted(_a, _x, side={_BISECT[obj]!r}))"
        return self.evaluate(text, at, {"_a": args[0], "_x": args[1], "_np": Known(np)})

    def unpack_list(self, target: Any, star: int, value: Value) -> None:
        """`a, *b = x` of an array: its rows are the items of a list."""
        if isinstance(value, Ref) and not self.is_list_part(value):
            value = self.call(Known(builtins.list), [value], {}, target)
        super().unpack_list(target, star, value)


def _hashable(obj: Any) -> bool:
    return getattr(type(obj), "__hash__", None) is not None


def _is(v: Value | None, constant: bool | None) -> bool:
    """Is the argument not given, or this constant?"""
    return v is None or (isinstance(v, Lit) and v.value is constant)


def _row(n: int) -> str:
    """A tuple of `n` names."""
    return f"({', '.join(f'_x{k}' for k in range(n))}{',' * (n == 1)})"


def _chosen(name: str, size: Value) -> str | None:
    """The comprehension that combinations, or permutations, of two or three items are."""
    n = size.value if isinstance(size, Lit) else 0
    if n not in (2, 3):
        return None
    some, loops = [f"_i{k}" for k in range(n)], []
    for k in range(n):
        if name == "combinations":
            loops.append(
                f"for _i{k} in range({f'_i{k - 1} + 1' if k else ''}{', ' * bool(k)}len(_a))"
            )
        else:
            other = " and ".join(f"_i{k} != _i{m}" for m in range(k))
            loops.append(f"for _i{k} in range(len(_a)){f' if {other}' if other else ''}")
    return f"[({', '.join(f'_a[{i}]' for i in some)}) {' '.join(loops)}]"


def _distinct_constants(values: list[Any]) -> bool:
    """Are all of them constants that can be put into an order, no two alike?"""
    plain = all(isinstance(v, str | int | float) for v in values)
    return plain and len(set(values)) == len(values)


_Handler = Callable[[Any, Any, list[Value], dict[str, Value], Any], Any]
_HANDLERS: dict[Any, _Handler] = {
    builtins.range: Sequences.range_list,
    builtins.enumerate: Sequences.enumerated,
    builtins.zip: Sequences.zip_list,
    builtins.tuple: Sequences.of_tuple,
    itertools.zip_longest: Sequences.of_longest,
    **dict.fromkeys(_STATISTICS, Sequences.of_statistics),
    **dict.fromkeys(_BISECT, Sequences.of_bisect),
}
