"""Memory: which array a name refers to, and what every write to it means for the others.

A *root* is a piece of memory: an argument, an allocation, or what a loop or a branch hands on.  An
array value of the program is a `Ref`: a root and the path of a view into it.  The parser keeps the
current version of each root that was written; reading a view reads the current version, so a view
is never stale.  Roots that may be the same memory, on some paths, are linked: a write to one makes
the others unusable, and only *reading* such a one later is refused.
"""

from __future__ import annotations

import ast
import itertools
from collections import ChainMap
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from s2sgrad.errors import DifferentiationError
from s2sgrad.ir import ops
from s2sgrad.ir.graph import UNDEF, Atom, Form, Hole, Lit, Pack, Var
from s2sgrad.ir.types import Array, List, Scalar, Static, Undefined

_serial = itertools.count()


def now() -> int:
    """A number between those of the roots that were made before and those made later."""
    return next(_serial)


@dataclass(eq=False, slots=True)
class Root:
    """A piece of memory.  `first` is its content before any write; `linked` may be the same."""

    first: Var
    kind: str = "own"  # 'own' | 'argument' | 'captured'
    contiguous: bool = False  # surely in C order, so that a reshape is surely a view
    linked: dict[Root, None] = field(default_factory=dict)
    held: dict[Root, None] = field(default_factory=dict)  # by these lists
    holds: dict[Root, None] = field(default_factory=dict)  # these arrays, if it is a list
    apart: bool = False  # a list whose arrays are surely different ones, and nobody else's
    serial: int = field(default_factory=lambda: next(_serial))


@dataclass(eq=False, slots=True)
class Cell:
    """The identity of a container that may change (`front/heap`); `first` is what it held first."""

    first: Any
    kind: str = "own"  # 'own' | 'argument' | 'captured'
    linked: dict[Any, None] = field(default_factory=dict)
    factory: Any = None  # what a `defaultdict` makes of a key that it has not got
    serial: int = field(default_factory=lambda: next(_serial))


@dataclass(frozen=True, slots=True)
class Ref:
    """An array of the program: a view of `root`, at the end of `path` (templates with atoms)."""

    root: Root
    path: tuple[Any, ...] = ()

    def part(self, step: Any) -> Ref:
        """The view of this view; `x[i][j]` is `x[i, j]`."""
        if isinstance(step, Pack) and step.kind in ("transpose", "reshape"):
            return Ref(self.root, (*self.path, step))
        if self.path and _is_plain(self.path[-1]) and _is_basic(step):
            merged = Pack("tuple", (*_items(self.path[-1]), *_items(step)))
            return Ref(self.root, (*self.path[:-1], merged))
        return Ref(self.root, (*self.path, step))


class Flat(Ref):
    """`x.flat`: its elements in one row.  What is read of it by a slice is a copy."""


@dataclass(frozen=True, slots=True)
class Stale:
    """The content of a root that may have been overwritten through another name."""

    by: ast.AST
    why: str


def _items(step: Any) -> tuple[Any, ...]:
    return step.items if isinstance(step, Pack) and step.kind == "tuple" else (step,)


def _is_number(item: Any) -> bool:
    return isinstance(item, int) or (isinstance(item, Var) and isinstance(item.type, Scalar))


def _is_plain(step: Any) -> bool:
    """Are all items numbers, so that what follows indexes the axes that follow?"""
    whole_axes = isinstance(step, Pack) and step.kind in ("transpose", "reshape")
    return not whole_axes and all(map(_is_number, _items(step)))


def _is_basic(step: Any) -> bool:
    slices = ("slice",)
    return all(
        i is None or i is ... or _is_number(i) or (isinstance(i, Pack) and i.kind in slices)
        for i in _items(step)
    )


def is_given_list(root: Root) -> bool:
    """Is it a list among the arguments, whose arrays may be anyone's?"""
    return root.kind == "argument" and isinstance(root.first.type, List)


def is_array(v: Atom) -> bool:
    """May the value be memory, not a number?"""
    return isinstance(v, Var) and not isinstance(v.type, Scalar | Static | Undefined)


def holes(template: Any, args: list[Atom]) -> Any:
    """The template with its atoms moved to `args`."""
    if isinstance(template, Var):
        args.append(template)
        return Hole(len(args) - 1)
    if isinstance(template, Pack):
        return Pack(template.kind, tuple(holes(i, args) for i in template.items))
    return template


class Memory:
    """The part of the parser's state that is about memory."""

    emit: Callable[..., Var]
    refuse: Callable[..., DifferentiationError]

    def __init__(self) -> None:
        # Of the roots that were written, and the contents of the cells that were.
        self.versions: dict[Any, Var | Stale] = {}
        self.has_cells = False  # was any container changed?
        self.views: ChainMap[tuple[Var, tuple[Any, ...]], Var] = ChainMap()
        self.written: dict[Any, None] = {}
        self.perhaps: set[Var] = set()  # unbound on some path to here

    # -- reading

    def may_be_unbound(self, a: Atom) -> bool:
        """Is there a path on which the name was not bound?"""
        return a is UNDEF or a in self.perhaps

    def sure(self, v: Any, at: ast.AST) -> Any:
        """The value of a name that is read: where it may be unbound, Python raises here."""
        if isinstance(v, Var) and v in self.perhaps and not isinstance(v.type, Undefined):
            return self.emit(ops.bound, (v,), at=at, hint=v.hint)
        if isinstance(v, Ref):
            now = self.versions.get(v.root, v.root.first)
            if isinstance(now, Var) and now in self.perhaps:
                self.versions[v.root] = self.emit(ops.bound, (now,), at=at, hint=now.hint)
        return v

    def own(self, v: Atom, linked: Iterable[Root] = (), contiguous: bool = False) -> Atom | Ref:
        """The value of a new equation as the program sees it: arrays get a root."""
        if not is_array(v):
            return v
        assert isinstance(v, Var)
        root = Root(v, contiguous=contiguous)
        for other in linked:
            link(root, other)
        return Ref(root)

    def current(self, root: Root, at: ast.AST) -> Var:
        """The version of `root` now."""
        now = self.versions.get(root, root.first)
        if isinstance(now, Stale):
            raise self.refuse(
                at,
                f"this may share memory with what line {_line(now.by)} writes to: {now.why}",
                "copy one of the two (`.copy()`), so that they are surely two arrays",
                "alias",
            )
        return now

    def read(self, v: Any, at: ast.AST) -> Any:
        """The value of the IR behind `v`."""
        if not isinstance(v, Ref):
            return v
        return self.seen(self.current(v.root, at), v.path, at)

    def view(self, now: Var, path: tuple[Any, ...], at: ast.AST) -> Var:
        made = _last_reshape(path)
        if made is not None:
            return self.reshaped(now, path, made, at)
        if len(path) == 1 and _is_transpose(path[0]):
            axes = path[0].items
            form = Form((Hole(0), Pack("tuple", axes))) if axes else None
            return self.emit(np.transpose, (now,), form, at=at)
        args: list[Atom] = [now]
        template = holes(whole(path), args)
        return self.emit(ops.getitem, tuple(args), Form((Hole(0), template)), at=at)

    def reshaped(self, now: Var, path: tuple[Any, ...], k: int, at: ast.AST) -> Var:
        """The view at the end of a path whose last reshape is step `k`."""
        flat = self.seen(now, path[:k], at)
        if k == len(path) - 1:
            args: list[Atom] = [flat]
            shape = holes(Pack("tuple", path[k].items), args)
            return self.emit(np.reshape, tuple(args), Form((Hole(0), shape)), at=at)
        return self.seen(self.seen(now, path[: k + 1], at), path[k + 1 :], at)

    def seen(self, now: Var, path: tuple[Any, ...], at: ast.AST) -> Var:
        """What `path` shows of `now`."""
        if not path:
            return now
        key = (now, path)
        if key not in self.views:
            self.views[key] = self.view(now, path, at)
        return self.views[key]

    # -- writing

    def write(self, target: Ref, value: Atom, at: ast.AST, op: Any = ops.setitem) -> None:
        """`target[...] = value`, or with `additem` an accumulation."""
        now = self.may_write(target.root, at)
        k = _last_reshape(target.path)
        if k is not None:
            self.write_reshaped(target, now, k, value, at, op)
            return
        if op is ops.setitem and self.write_transposed(target, now, value, at):
            return
        args: list[Atom] = [now]
        template = holes(whole(target.path or (...,)), args)
        args.append(value)
        form = Form((Hole(0), template, Hole(len(args) - 1)))
        self.put(target.root, self.emit(op, tuple(args), form, at=at, hint=now.hint), at)

    def write_reshaped(
        self, target: Ref, now: Var, k: int, value: Atom, at: ast.AST, op: Any
    ) -> None:
        """A write through `x.reshape(...)`: `x` is what was written to, in its own shape."""
        view = self.seen(now, target.path[: k + 1], at)
        args: list[Atom] = [view]
        template = holes(whole(target.path[k + 1 :] or (...,)), args)
        args.append(value)
        form = Form((Hole(0), template, Hole(len(args) - 1)))
        made = self.emit(op, tuple(args), form, at=at)
        back = self.emit(ops.reshape_like, (made, self.seen(now, target.path[:k], at)), at=at)
        if k == 0:
            self.put(target.root, back, at)
        else:
            self.write(Ref(target.root, target.path[:k]), back, at)

    def write_transposed(self, target: Ref, now: Var, value: Atom, at: ast.AST) -> bool:
        """`np.tanh(x.T, out=x.T)`: all of `x` is new."""
        if len(target.path) != 1 or not _is_transpose(target.path[0]) or target.path[0].items:
            return False
        t, v = now.type, value.type if isinstance(value, Var) else None
        if not (isinstance(t, Array) and isinstance(v, Array)) or t.loose or v.loose:
            return False
        if t.char != v.char or t.shape != v.shape[::-1] or "?" in t.shape:
            return False
        self.put(target.root, self.emit(np.transpose, (value,), at=at), at)
        return True

    def put(self, root: Root, new: Var, at: ast.AST) -> None:
        """`new` is the content of `root` from here on."""
        if not new.hint:
            object.__setattr__(new, "hint", root.first.hint)
        self.versions[root] = new
        self.written[root] = None
        lists = [x for r in (root, *root.linked) if isinstance(r, Root) for x in r.held]
        if any(is_given_list(x) for x in lists):
            raise self.refuse_item(at)
        for other in (*root.linked, *lists):
            if not isinstance(self.versions.get(other), Stale):
                self.versions[other] = Stale(at, "on some path they are the same array")

    def refuse_item(self, at: ast.AST) -> DifferentiationError:
        return self.refuse(
            at, "an array in a list among the arguments is written to", "copy it", "list"
        )

    def may_write(self, root: Root, at: ast.AST) -> Var:
        """The version that a write to `root` starts from."""
        if root.kind == "captured":
            raise self.refuse(
                at,
                f"`{root.first.hint}` is not an argument: a write changes it for the whole program",
                "pass it as an argument, or write to a copy",
                "captured",
            )
        return self.current(root, at)


def whole(path: tuple[Any, ...]) -> Any:
    """The path as one template."""
    return path[0] if len(path) == 1 and not _is_transpose(path[0]) else Pack("path", path)


def _last_reshape(path: tuple[Any, ...]) -> int | None:
    """The number of the last step that is a reshape."""
    steps = [k for k, s in enumerate(path) if isinstance(s, Pack) and s.kind == "reshape"]
    return steps[-1] if steps else None


def _is_transpose(step: Any) -> bool:
    return isinstance(step, Pack) and step.kind == "transpose"


def link(a: Any, b: Any) -> None:
    """Both roots, or cells, may be the same."""
    if a is not b:
        a.linked[b] = None
        b.linked[a] = None


def hold(owner: Root, item: Root) -> None:
    """The list `owner` may hold the array `item`."""
    owner.holds[item] = None
    item.held[owner] = None


def inherit(new: Root, old: Root) -> None:
    """`new` may be `old`: it holds what that holds, and is held where that is."""
    for item in old.holds:
        hold(new, item)
    for owner in old.held:
        hold(owner, new)


def may_overlap_unequally(target: Ref, value: Any) -> bool:
    """Is a bare view stored to a view of the same array that walks it in another stride?"""
    if not isinstance(value, Ref) or value.root is not target.root:
        return False
    if len(target.path) == len(value.path) == 1:
        row, column = _items(target.path[0]), _items(value.path[0])
        if len(row) == 2 and row == column[::-1]:
            return False  # `x[i, i:] = x[i:, i]`: they cross where both begin
    return [_stride(s) for s in target.path] != [_stride(s) for s in value.path] and not (
        all(map(_is_plain, target.path)) or all(map(_is_plain, value.path))
    )


def _stride(step: Any) -> tuple[Any, ...]:
    """The step of each slice of an index, and where axes go."""
    found: list[Any] = []
    for item in _items(step):
        if isinstance(item, Pack) and item.kind == "slice":
            found.append(item.items[2] if item.items[2] != 1 else None)
        elif isinstance(item, Pack) or item is None or item is ...:
            found.append(item)
        else:
            found.append("at")
    return tuple(found)


def _line(node: ast.AST) -> int:
    return getattr(node, "lineno", 0)


def refs(value: Any, seen: set[int] | None = None) -> list[Ref]:
    """The arrays that a value of the program holds, also inside of structures."""
    seen = set() if seen is None else seen
    if isinstance(value, Ref):
        return [value]
    if isinstance(value, Lit | Var) or id(value) in seen:
        return []
    seen.add(id(value))
    found: list[Ref] = []
    for name in ("items", "owner", "scope"):
        part = getattr(value, name, ())
        inner = part.values() if isinstance(part, dict) else part
        for p in inner if isinstance(part, dict | tuple | list) else (part,):
            found += refs(p, seen)
    return found
