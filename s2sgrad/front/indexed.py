"""The extents of `x[index]`, and of what is broadcast together."""

from __future__ import annotations

from typing import Any

from s2sgrad.front import sizes
from s2sgrad.front.probe import fresh_dim
from s2sgrad.ir.graph import Atom, Hole, Pack, Var, atom_type
from s2sgrad.ir.types import Array, Dim, Scalar, Type, may_be_one

Shape = tuple[Dim, ...]


def indexed(shape: Shape, index: Any, args: tuple[Atom, ...]) -> Shape | None:
    """The extents of `x[index]`; None where NumPy has to be asked."""
    items = index.items if isinstance(index, Pack) and index.kind == "tuple" else (index,)
    items = items if not isinstance(index, tuple) else index
    taken = sum(map(_axes, _kinds(items, args)))
    if taken > len(shape) or None in _kinds(items, args):
        return None  # NumPy will say so
    dims: list[Dim] = []
    left = list(shape)
    gathered: list[Shape] = []  # by each array of the index
    places: list[int] = []  # of its items that are no slices, and where their axes would stand
    for k, (i, kind) in enumerate(zip(items, _kinds(items, args), strict=True)):
        if kind == "new":
            dims.append(1)
        elif kind == "rest":
            rest = len(shape) - taken
            dims += left[:rest]
            del left[:rest]
        elif kind == "slice":
            dims.append(sliced(left.pop(0), i))
        else:
            places.append(k)
            if not gathered:
                at = len(dims)
            gathered.append(_gathered(kind, i, args) if isinstance(kind, Array) else ())
            del left[: _axes(kind)]
    dims += left
    if not any(gathered):
        return tuple(dims)
    apart = places[-1] - places[0] + 1 != len(places)
    at = 0 if apart else at
    return (*dims[:at], *broadcast(gathered), *dims[at:])


def _kinds(items: tuple[Any, ...], args: tuple[Atom, ...]) -> list[Any]:
    return [_kind(i, args) for i in items]


def _kind(i: Any, args: tuple[Atom, ...]) -> Any:
    """What an item of an index is: an array's type, or a word; None for what is not known."""
    if i is None:
        return "new"
    if i is Ellipsis:
        return "rest"
    if isinstance(i, slice) or (isinstance(i, Pack) and i.kind == "slice"):
        return "slice"
    if isinstance(i, Pack) and i.kind == "list":
        return Array("l", (len(i.items),))
    if isinstance(i, bool):
        return None
    t = atom_type(args[i.k]) if isinstance(i, Hole) else None
    if isinstance(i, int) or is_int(t):
        return "number"
    if isinstance(t, Array) and t.kind == "int":
        return t
    return t if isinstance(t, Array) and t.kind == "bool" and t.shape else None


def _axes(kind: Any) -> int:
    """How many axes an item of an index takes."""
    if isinstance(kind, Array):
        return len(kind.shape) if kind.kind == "bool" else 1
    return 0 if kind in ("new", "rest") else 1


def _gathered(t: Array, i: Any, args: tuple[Atom, ...]) -> Shape:
    """The axes that an array in an index makes; a mask selects as many each time it is used."""
    if t.kind == "int":
        return t.shape
    a = args[i.k]
    assert isinstance(a, Var)
    if a.extent is None:
        object.__setattr__(a, "extent", fresh_dim())
    assert a.extent is not None
    return (a.extent,)


def is_int(t: Type | None) -> bool:
    return isinstance(t, Scalar) and t.kind == "int"


def sliced(d: Dim, s: Any) -> Dim:
    parts = s.items if isinstance(s, Pack) else (s.start, s.stop, s.step)
    if all(p is None for p in parts) or tuple(parts) == (None, None, -1):
        return d
    if d != "?" and all(p is None or isinstance(p, int) for p in parts):
        if isinstance(d, int):
            return len(range(d)[slice(*parts)])
        start, stop, step = parts[0] or 0, parts[1] or 0, parts[2] or 1
        if step == 1 and start >= 0 >= stop and parts[1] != 0:
            return sizes.shorter(d, start - stop)
        return f"?{d}[{':'.join('' if p is None else str(p) for p in parts)}]"
    return fresh_dim()


def broadcast(shapes: list[tuple[Dim, ...]]) -> tuple[Dim, ...]:
    """The shape of an elementwise result."""
    rank = max((len(s) for s in shapes), default=0)
    out: list[Dim] = []
    for k in range(rank):
        dims = {s[k - rank] for s in shapes if k - rank >= -len(s)} - {1}
        sure = sorted((d for d in dims if not may_be_one(d)), key=str)
        if not dims:
            out.append(1)
        elif sure:
            out.append(sure[0])
        else:
            out.append(dims.pop() if len(dims) == 1 else fresh_dim())
    return tuple(out)
