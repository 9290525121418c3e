"""Containers that change: lists, dicts, sets and objects whose structure is known while parsing.

Each has an identity, a `Cell`; the values that stand for it in names and in other containers show
its content as it was when they were read, and are *refreshed* whenever they are read again.  A
change is no operation of the IR: it only says what the cell holds from there on.  Contents are
kept beside the versions of arrays, so branches and loops treat them alike.  Where the structure
itself depends on data, the content of a list becomes a list of the IR (`front/lists`).
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from s2sgrad.front.memory import Cell, Memory, Ref, Stale, link
from s2sgrad.front.values import Known, Poison, Rows, Tup, Value

MUTABLE = {"list", "dict", "object", "set", "iterator"}


class Heap(Memory):
    """What the cells hold."""

    def boxed(self, v: Value, kind: str = "own") -> Value:
        """A container that was just made gets an identity."""
        if not isinstance(v, Tup) or v.cell is not None or v.kind not in MUTABLE:
            return v
        cell = Cell(v, kind)
        made = cell.first = replace(v, cell=cell)
        return made

    def owned(self, v: Value, kind: str) -> Value:
        """A container from outside, and those in it, get identities."""
        if not isinstance(v, Tup) or v.cell is not None:
            return v
        return self.boxed(replace(v, items=tuple(self.owned(i, kind) for i in v.items)), kind)

    def content(self, cell: Cell) -> Tup | Ref | Rows | Stale:
        """What a cell holds now, as it was written: its items may be out of date."""
        found: Any = self.versions.get(cell, cell.first)
        return found  # type: ignore[no-any-return]

    def refreshed(self, v: Value, at: ast.AST) -> Value:
        """The value as it is now."""
        if not isinstance(v, Tup):
            return v
        if v.view is not None:
            owner = self.refreshed(v.view[0], at)
            if not isinstance(owner, Tup):
                raise self.refuse(at, "the container has changed since", "", "container")
            return self.viewed(owner, v.view[1])
        if v.cell is not None:
            now = self.content(v.cell)
            if isinstance(now, Stale):
                line = getattr(now.by, "lineno", 0)
                raise self.refuse(
                    at,
                    f"this may be the container that line {line} changes: {now.why}",
                    "copy one of the two, so that they are surely two",
                    "alias",
                )
            if not isinstance(now, Tup):
                return now
            v = now
        return self.with_items(v)

    def with_items(self, v: Tup) -> Tup:
        """The container with its items as they are now."""
        if not self.has_cells:
            return v
        items = tuple(map(self.inner, v.items))
        return v if all(map(_is, items, v.items)) else replace(v, items=items)

    def inner(self, v: Value) -> Value:
        """An item as it is now; one that may not be read is refused where it is."""
        if not isinstance(v, Tup):
            return v
        if v.cell is not None:
            now = self.content(v.cell)
            if isinstance(now, Stale):
                return Known(Poison("it may be a container that was changed through another name"))
            if not isinstance(now, Tup):
                return now
            v = now
        return self.with_items(v)

    def take_turns(self) -> None:
        """Where a loop with constant bounds knows turn by turn what is needed: take its turns."""

    def listed_value(self, v: Value, at: ast.AST, like: Value | None = None) -> Value | None:
        """A list as one of the IR (`front/lists`), if its items are such that it can be."""
        raise NotImplementedError

    def viewed(self, owner: Tup, what: str) -> Tup:
        raise NotImplementedError

    def change(
        self, owner: Tup, items: Iterable[Value], at: ast.AST, keys: Iterable[Any] | None = None
    ) -> None:
        """From here on the container holds these items."""
        cell = owner.cell
        if cell is None:
            raise self.refuse(
                at, f"a {owner.kind} cannot be changed", "build a new one", "container"
            )
        if cell.kind == "captured":
            raise self.refuse(
                at,
                "this container is not an argument: a change would be one for the whole program",
                "pass it as an argument, or change a copy",
                "captured",
            )
        new = replace(owner, items=tuple(items), keys=owner.keys if keys is None else tuple(keys))
        self.hold_in(cell, new, at)

    def hold_in(self, cell: Cell, content: Tup | Ref | Rows, at: ast.AST) -> None:
        self.versions[cell] = content  # type: ignore[assignment]
        self.written[cell] = None
        self.has_cells = True
        for other in cell.linked:
            if not isinstance(self.versions.get(other), Stale):
                self.versions[other] = Stale(at, "on some path they are the same container")

    def recelled(self, v: Value, linked: Iterable[Cell] = ()) -> Value:
        """The same structure as other objects, which may be those of `linked`."""
        if not isinstance(v, Tup):
            return v
        items = tuple(self.recelled(i, linked) for i in v.items)
        made = replace(v, items=items, cell=None)
        if v.cell is None:
            return made
        fresh = self.boxed(made, "captured" if v.cell.kind == "captured" else "own")
        assert isinstance(fresh, Tup)
        assert fresh.cell is not None
        fresh.cell.factory = v.cell.factory
        for other in linked:
            link(fresh.cell, other)
        return fresh


def cells(v: Value) -> list[Cell]:
    """The identities of a container and of those in it, in order."""
    if not isinstance(v, Tup):
        return []
    own = [] if v.cell is None else [v.cell]
    return [*own, *(c for i in v.items for c in cells(i))]


def structure(v: Value) -> Any:
    """Kinds and keys, all the way down; equal for what is built alike."""
    if isinstance(v, Tup):
        return (v.kind, v.keys, v.cls, v.cell is None, *map(structure, v.items))
    return isinstance(v, Rows)


def _is(a: Value, b: Value) -> bool:
    return a is b
