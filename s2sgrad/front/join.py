"""What holds after a branch: names and memory of its two arms, joined."""

from __future__ import annotations

import ast
from collections import ChainMap
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from s2sgrad.front.heap import cells
from s2sgrad.front.memory import Cell, Ref, Root, Stale, inherit, link
from s2sgrad.front.values import Rows, Tup, Value, alike, is_undefined, leaves, same, spoken
from s2sgrad.ir.graph import UNDEF, Atom, Block, Branch, Lit, Stmt, Var
from s2sgrad.ir.types import join

if TYPE_CHECKING:
    from s2sgrad.front.building import Building


class Unreached(Exception):
    """Nothing is known yet of what a call returns: this path is looked at later."""


@dataclass(eq=False)
class Arm:
    """An arm that was parsed: its statements, and the state of the program at its end."""

    stmts: list[Stmt]
    env: dict[str, Value]
    versions: dict[Any, Var | Stale]
    views: ChainMap[Any, Var]
    mark: int  # roots with a smaller serial number were there before
    value: Any = None
    unreached: bool = False


class Join:
    """Collects the results of a branch while the values of its arms are joined."""

    def __init__(self, parser: Building, arms: list[Arm], at: ast.AST) -> None:
        self.p, self.arms, self.at = parser, arms, at
        self.outs: list[Var] = []
        self.yields: tuple[list[Atom], list[Atom]] = ([], [])
        self.joined: list[tuple[Value, Value, Value]] = []

    def close(self, test: Atom, raised: tuple[bool, bool] = (False, False)) -> None:
        """Join what was written, and append the branch."""
        self.versions(raised)
        blocks = [
            Block((), tuple(arm.stmts), tuple(y))
            for arm, y in zip(self.arms, self.yields, strict=True)
        ]
        if self.outs or blocks[0].stmts or blocks[1].stmts:
            self.p.stmts.append(
                Branch(
                    tuple(self.outs),
                    test,
                    ((), ()),
                    blocks[0],
                    blocks[1],
                    len(self.outs),
                    self.p.span(self.at),
                )
            )

    def versions(self, raised: tuple[bool, bool]) -> None:
        """The memory that was there before, as the arms leave it."""
        then, orelse = self.arms
        for root in [*then.versions, *(r for r in orelse.versions if r not in then.versions)]:
            if root.serial >= then.mark:
                continue
            if isinstance(root, Cell):
                self.content(root, raised)
                continue
            a, b = (arm.versions.get(root, root.first) for arm in self.arms)
            if raised[0] or raised[1]:  # that arm leaves nothing: what was there before is as good
                before = self.p.versions.get(root, root.first)
                a, b = (before if gone else v for gone, v in zip(raised, (a, b), strict=True))
            if a is b:
                self.p.versions[root] = a
            elif isinstance(a, Stale) or isinstance(b, Stale):
                self.p.versions[root] = a if isinstance(a, Stale) else b
            else:
                out = self.out(root.first.hint, a, b)
                self.p.versions[root] = out

    def content(self, cell: Cell, raised: tuple[bool, bool]) -> None:
        """What a container holds that was there before."""
        a, b = (arm.versions.get(cell, cell.first) for arm in self.arms)
        if any(raised):
            made: Any = self.surviving(b if raised[0] else a, self.p.content(cell), raised)
        elif a is b or isinstance(a, Stale) or isinstance(b, Stale):
            made = b if isinstance(b, Stale) else a
        elif isinstance(a, Tup) and isinstance(b, Tup) and alike(a, b):
            names = a.keys or ("",) * len(a.items)
            parts = zip(names, a.items, b.items, strict=True)
            phis = (self.phi(k if isinstance(k, str) else "", x, y) for k, x, y in parts)
            made = replace(a, items=tuple(phis))
        else:
            one = not isinstance(a, Tup) and same(a, b)
            made = a if one else Stale(self.at, "it has another structure on each path")
        self.p.versions[cell] = made
        self.p.has_cells = True

    def surviving(self, live: Any, before: Any, raised: tuple[bool, bool]) -> Any:
        """The content that the arm leaves which does not raise."""

        def alone(name: str, v: Value) -> Value:
            return self.phi(name, *((UNDEF, v) if raised[0] else (v, UNDEF)))

        if live is before or isinstance(live, Stale):
            return live
        if not isinstance(live, Tup):
            return alone("", live)
        olds = before.items if isinstance(before, Tup) and alike(before, live) else ()
        names = live.keys or ("",) * len(live.items)
        items = [
            v if olds and same(v, olds[k]) else alone(n if isinstance(n, str) else "", v)
            for k, (n, v) in enumerate(zip(names, live.items, strict=True))
        ]
        return replace(live, items=tuple(items))

    def out(self, name: str, a: Atom, b: Atom) -> Var:
        made = Var("" if name == "_" else spoken(name), join(self.p.type_of(a), self.p.type_of(b)))
        if self.p.may_be_unbound(a) or self.p.may_be_unbound(b):
            self.p.perhaps.add(made)
        self.outs.append(made)
        self.yields[0].append(a)
        self.yields[1].append(b)
        return made

    def phi(self, name: str, a: Value, b: Value) -> Value:
        """The value that is `a` after the first arm and `b` after the second."""
        if same(a, b):
            return a
        for x, y, value in self.joined:
            if isinstance(a, Ref | Tup) and isinstance(b, Ref | Tup) and same(x, a) and same(y, b):
                return value  # two names for one array on each path are that after it, too
        if isinstance(a, Tup) or isinstance(b, Tup):
            value = self.containers(name, a, b)
            self.joined.append((a, b, value))
            return value
        if isinstance(a, Rows) and isinstance(b, Rows):
            columns = zip(a.columns, b.columns, strict=True)
            made = tuple(self.phi(name, x, y) for x, y in columns)
            return replace(a, columns=made)  # type: ignore[arg-type]
        if not (isinstance(a, Var | Lit | Ref) and isinstance(b, Var | Lit | Ref)):
            return self.p.poison(f"`{name}` is not the same kind of thing on every path")
        then, orelse = self.read(0, a), self.read(1, b)
        if isinstance(then, Stale) or isinstance(orelse, Stale):
            return self.p.poison(f"`{name}` may have been overwritten through another name")
        value = self.p.own(self.out(name, then, orelse))
        if isinstance(value, Ref):
            self.link(value.root, a, b)
        self.joined.append((a, b, value))
        return value

    def containers(self, name: str, a: Value, b: Value) -> Value:
        """Containers of which at least one is known item by item."""
        x, y = (self.at_end(k, lambda v=v: self.p.inner(v)) for k, v in enumerate((a, b)))  # type: ignore[misc]
        owners = [*cells(a), *cells(b)]
        if isinstance(x, Tup) and isinstance(y, Tup) and alike(x, y):
            pairs = zip(x.items, y.items, strict=True)
            made = replace(x, items=tuple(self.phi(name, v, w) for v, w in pairs), cell=None)
        elif isinstance(x, Tup) and is_undefined(y):
            made = replace(x, items=tuple(self.phi(name, v, UNDEF) for v in x.items), cell=None)
        elif isinstance(y, Tup) and is_undefined(x):
            made = replace(y, items=tuple(self.phi(name, UNDEF, v) for v in y.items), cell=None)
        else:
            lists = [
                self.at_end(k, lambda v=v: self.p.listed_value(v, self.at))  # type: ignore[misc]
                for k, v in enumerate((x, y))
            ]
            if None in lists or any(isinstance(v, Tup) for v in lists):
                return self.p.poison(f"`{name}` is not the same kind of thing on every path")
            value = self.phi(name, *lists)
            for v in leaves(value) or ():
                if isinstance(v, Ref):
                    for owner in owners:
                        link(v.root, owner)
            return value
        return self.linked(made, a, b)

    def linked(self, made: Tup, a: Value, b: Value) -> Value:
        """The joined container is one of two, if it is one that may change."""
        if not any(isinstance(v, Tup) and v.cell is not None for v in (a, b)):
            return made
        value = self.p.boxed(made)
        new = value.cell if isinstance(value, Tup) else None
        for v in (a, b):
            if new is None or not isinstance(v, Tup) or v.cell is None:
                continue
            if v.cell.kind == "captured":
                new.kind = "captured"
            new.factory = v.cell.factory
            for other in (v.cell, *v.cell.linked):
                link(new, other)
        return value

    def at_end(self, k: int, ask: Callable[[], Any]) -> Any:
        """What is answered at the end of arm `k`."""
        p, arm = self.p, self.arms[k]
        saved = p.stmts, p.versions, p.views
        p.stmts, p.versions, p.views = arm.stmts, arm.versions, arm.views
        try:
            return ask()
        finally:
            p.stmts, p.versions, p.views = saved

    def read(self, k: int, v: Value) -> Atom | Stale:
        """The value in arm `k`, read at its end."""

        def ask() -> Any:
            now = self.p.versions.get(v.root) if isinstance(v, Ref) else None
            return now if isinstance(now, Stale) else self.p.read(v, self.at)

        return self.at_end(k, ask)  # type: ignore[no-any-return]

    def link(self, new: Root, *values: Value) -> None:
        """`new` may be the memory of either value, and whatever that may be."""
        mark = self.arms[0].mark
        for v in values:
            if isinstance(v, Ref):
                inherit(new, v.root)
                for other in (v.root, *v.root.linked):
                    if other.serial < mark:
                        link(new, other)
        for *before, value in self.joined:
            if isinstance(value, Ref) and any(
                isinstance(x, Ref) and isinstance(y, Ref) and may_be(x.root, y.root)
                for x, y in zip(before, values, strict=True)
            ):
                link(new, value.root)


def may_be(a: Root, b: Root) -> bool:
    """May both be the same memory?"""
    return a is b or a in b.linked
