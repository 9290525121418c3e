"""What a kept function is called with: the structure of its arguments, and the types of the leaves.

Calls of one function share one text as far as the structure is the same.  Types are joined; so are
extents, two of which stay equal where they are equal in every call.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

from s2sgrad.front.infer import fresh_dim
from s2sgrad.front.memory import Ref
from s2sgrad.front.values import Bound, Closure, Known, Method, Partial, Tup, Value
from s2sgrad.ir.graph import Lit, Undef, Var
from s2sgrad.ir.types import Array, Dim, Type, join, may_be_one, type_of

Leaf = Lit | Type  # a number that is the same in every call, or a type
_serial = itertools.count(1)
_NUMBERS = (int, float, complex)


def is_number(v: Value) -> bool:
    """Is it a literal that other calls may give other values for?"""
    return isinstance(v, Lit) and type(v.value) in _NUMBERS


def shape(v: Value) -> Any:
    """The structure of a value, its numbers and arrays aside; equal for what is alike."""
    if isinstance(v, Var | Ref) or is_number(v):
        return "leaf"
    if isinstance(v, Lit):
        undefined = isinstance(v.value, Undef)
        return ("literal", "undefined" if undefined else (type(v.value), repr(v.value)))
    if isinstance(v, Tup):
        return (v.kind, v.keys, v.cls, *map(shape, v.items))
    if isinstance(v, Known):
        return ("object", id(v.obj))
    if isinstance(v, Closure):
        return ("function", v.key)
    if isinstance(v, Bound):
        return ("method", v.function.key, shape(v.owner))
    if isinstance(v, Method):
        return ("method", v.name, shape(v.owner))
    if isinstance(v, Partial):
        named = tuple((k, shape(x)) for k, x in v.kwargs.items())
        return ("partial", shape(v.function), *map(shape, v.args), named)
    return ("other", id(v))


def parts(v: Value) -> list[Value]:
    """The numbers and arrays in a value, in order."""
    if isinstance(v, Var | Ref) or is_number(v):
        return [v]
    if isinstance(v, Tup):
        return [p for i in v.items for p in parts(i)]
    if isinstance(v, Bound):
        return parts(v.owner)
    if isinstance(v, Method):
        return parts(v.owner)
    if isinstance(v, Partial):
        inner = (v.function, *v.args, *v.kwargs.values())
        return [p for i in inner for p in parts(i)]
    return []


def with_parts(v: Value, new: list[Value]) -> Value:
    """A value of the structure of `v`, its numbers and arrays taken from the front of `new`."""
    from dataclasses import replace

    if isinstance(v, Var | Ref) or is_number(v):
        return new.pop(0)
    if isinstance(v, Tup):
        return replace(v, items=tuple(with_parts(i, new) for i in v.items))
    if isinstance(v, Bound | Method):
        return replace(v, owner=with_parts(v.owner, new))
    if isinstance(v, Partial):
        fn = with_parts(v.function, new)
        args = tuple(with_parts(a, new) for a in v.args)
        return Partial(fn, args, {k: with_parts(a, new) for k, a in v.kwargs.items()})
    return v


def own_types(leaves: Sequence[Leaf]) -> list[Leaf]:
    """The leaves with extents named anew, so that nothing but their equality is left of them."""
    names: dict[Dim, Dim] = {}
    return [_renamed(t, names) for t in leaves]


def _renamed(t: Leaf, names: dict[Any, Dim]) -> Leaf:
    if not isinstance(t, Array):
        return t
    return Array(t.char, tuple(_name(d, names) for d in t.shape), t.loose)


def _name(d: Any, names: dict[Any, Dim]) -> Dim:
    """A symbol for an extent, or for a pair of extents."""
    pair = d if isinstance(d, tuple) else (d, d)
    if pair[0] == pair[1] and isinstance(pair[0], int):
        return pair[0]
    if d == "?" or d == ("?", "?"):
        return fresh_dim()  # equal to no other
    if d not in names:
        one = any(map(may_be_one, pair))
        names[d] = fresh_dim() if one else f"k{next(_serial)}"
    return names[d]


def joined(a: Sequence[Leaf], b: Sequence[Leaf]) -> list[Leaf]:
    """Leaves that hold those of both."""
    names: dict[Any, Dim] = {}
    return [_joined(x, y, names) for x, y in zip(a, b, strict=True)]


def _joined(x: Leaf, y: Leaf, names: dict[Any, Dim]) -> Leaf:
    if isinstance(x, Lit) and isinstance(y, Lit) and repr(x.value) == repr(y.value):
        return x
    s, t = (type_of(v.value) if isinstance(v, Lit) else v for v in (x, y))
    if isinstance(s, Array) and isinstance(t, Array):
        if s.char != t.char or len(s.shape) != len(t.shape):
            return join(s, t)
        pairs = zip(s.shape, t.shape, strict=True)
        return Array(s.char, tuple(_name(p, names) for p in pairs), s.loose or t.loose)
    return join(s, t)


def covers(a: Sequence[Leaf], b: Sequence[Leaf]) -> bool:
    """Is code that was made for the leaves `a` right for `b`?"""
    meant: dict[Dim, Dim] = {}
    return all(_covers(x, y, meant) for x, y in zip(a, b, strict=True))


def _covers(x: Leaf, y: Leaf, meant: dict[Dim, Dim]) -> bool:
    if isinstance(x, Lit):
        return isinstance(y, Lit) and repr(x.value) == repr(y.value)
    t = type_of(y.value) if isinstance(y, Lit) else y
    if not (isinstance(x, Array) and isinstance(t, Array)):
        return join(x, t) == x
    if x.char != t.char or len(x.shape) != len(t.shape) or (t.loose and not x.loose):
        return False
    for m, n in zip(x.shape, t.shape, strict=True):
        if isinstance(m, int):
            if m != n:
                return False
        elif (may_be_one(n) and not may_be_one(m)) or meant.setdefault(m, n) != n:
            return False
    return True


def settled(before: Sequence[Type] | None, found: Iterable[Type], own: set[Dim]) -> list[Type]:
    """The types of results, joined with those that were assumed; extents are of the parameters."""
    types = [_of_parameters(t, own) for t in found]
    if before is None:
        return types
    return [_join_results(a, b) for a, b in zip(before, types, strict=True)]


def _of_parameters(t: Type, own: set[Dim]) -> Type:
    if not isinstance(t, Array):
        return t
    shape = tuple(d if isinstance(d, int) or d in own else "?" for d in t.shape)
    return Array(t.char, shape, t.loose)


def _join_results(a: Type, b: Type) -> Type:
    if isinstance(a, Array) and isinstance(b, Array) and a.char == b.char:
        if len(a.shape) == len(b.shape):
            dims = zip(a.shape, b.shape, strict=True)
            return Array(a.char, tuple(m if m == n else "?" for m, n in dims), a.loose or b.loose)
    return join(a, b)


def at_call(t: Type, meant: dict[Dim, Dim]) -> Type:
    """The type of a result in the extents of the caller."""
    if not isinstance(t, Array):
        return t
    dims = (d if isinstance(d, int) else meant.get(d) or fresh_dim() for d in t.shape)
    return Array(t.char, tuple(dims), t.loose)


def extents(a: Iterable[Leaf], b: Iterable[Leaf]) -> dict[Dim, Dim]:
    """What the extents of parameters are in a call."""
    found: dict[Dim, Dim] = {}
    for x, y in zip(a, b, strict=True):
        if isinstance(x, Array) and isinstance(y, Array):
            found.update(zip(x.shape, y.shape, strict=False))
    return found
