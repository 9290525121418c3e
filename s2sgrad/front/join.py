"""What holds after a branch: names and memory of its two arms, joined."""

from __future__ import annotations

import ast
from collections import ChainMap
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from s2sgrad.front.memory import Ref, Root, Stale, inherit, link
from s2sgrad.front.values import Tup, Value, alike, is_undefined, same, spoken
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
    versions: dict[Root, Var | Stale]
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
            a, b = (arm.versions.get(root, root.first) for arm in self.arms)
            if raised[0] or raised[1]:
                a, b = (UNDEF if gone else v for gone, v in zip(raised, (a, b), strict=True))  # type: ignore[assignment]
            if a is b:
                self.p.versions[root] = a
            elif isinstance(a, Stale) or isinstance(b, Stale):
                self.p.versions[root] = a if isinstance(a, Stale) else b
            else:
                out = self.out(root.first.hint, a, b)
                self.p.versions[root] = out

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
        if isinstance(a, Tup) and isinstance(b, Tup) and alike(a, b):
            pairs = zip(a.items, b.items, strict=True)
            return replace(a, items=tuple(self.phi(name, x, y) for x, y in pairs))
        if isinstance(a, Tup) and is_undefined(b):
            return replace(a, items=tuple(self.phi(name, x, UNDEF) for x in a.items))
        if isinstance(b, Tup) and is_undefined(a):
            return replace(b, items=tuple(self.phi(name, UNDEF, y) for y in b.items))
        if not (isinstance(a, Var | Lit | Ref) and isinstance(b, Var | Lit | Ref)):
            return self.p.poison(f"`{name}` is not the same kind of thing on every path")
        for x, y, value in self.joined:
            if isinstance(a, Ref) and isinstance(b, Ref) and (x, y) == (a, b):
                return value  # two names for one array on each path are that after it, too
        then, orelse = self.read(0, a), self.read(1, b)
        if isinstance(then, Stale) or isinstance(orelse, Stale):
            return self.p.poison(f"`{name}` may have been overwritten through another name")
        value = self.p.own(self.out(name, then, orelse))
        if isinstance(value, Ref):
            self.link(value.root, a, b)
        self.joined.append((a, b, value))
        return value

    def read(self, k: int, v: Value) -> Atom | Stale:
        """The value in arm `k`, read at its end."""
        p, arm = self.p, self.arms[k]
        saved = p.stmts, p.versions, p.views
        p.stmts, p.versions, p.views = arm.stmts, arm.versions, arm.views
        try:
            now = p.versions.get(v.root) if isinstance(v, Ref) else None
            if isinstance(now, Stale):
                return now
            return p.read(v, self.at)  # type: ignore[no-any-return]
        finally:
            p.stmts, p.versions, p.views = saved

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
