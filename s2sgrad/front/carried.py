"""What a loop carries: names, arrays, and items of containers that its body changes.

What is assumed of them while the body is parsed is `Assumed`, one parsing of it a `Turn`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from s2sgrad.front.heap import cells, structure
from s2sgrad.front.join import may_be
from s2sgrad.front.lists import Lists
from s2sgrad.front.memory import Cell, Ref, Root, Stale, hold, inherit, link
from s2sgrad.front.probe import own_extents
from s2sgrad.front.values import (
    Rows,
    Tup,
    Value,
    alike,
    is_undefined,
    leaves,
    rebuild,
    same,
    spoken,
)
from s2sgrad.ir.graph import UNDEF, Atom, Stmt, Var
from s2sgrad.ir.types import UNDEFINED, List, Type, join

Leaf = tuple[str, int]  # a name that is carried, and the number of a leaf in its value


@dataclass(eq=False)
class Assumed:
    """What is assumed of a loop while its body is parsed; it only ever grows."""

    inits: dict[str, Value]
    atoms: dict[str, list[Atom]]
    types: dict[str, list[Type]]
    roots: dict[Root, Var] = field(default_factory=dict)  # from outside, written in the body
    content: dict[Root, Type] = field(default_factory=dict)  # the types of what is in them
    stale: dict[Root, Stale] = field(default_factory=dict)
    spoilt: dict[Leaf, Stale] = field(default_factory=dict)  # stale at the end of a turn
    outer: set[tuple[Leaf, Any]] = field(default_factory=set)
    pairs: set[tuple[Leaf, Leaf]] = field(default_factory=set)
    lists: set[tuple[Leaf, Root]] = field(default_factory=set)  # a leaf is held by a list
    items: set[tuple[Leaf, Root]] = field(default_factory=set)  # a leaf holds an array
    holding: set[tuple[Leaf, Leaf]] = field(default_factory=set)  # a list holds an array
    dead: dict[str, Value] = field(default_factory=dict)  # overwritten before the loop
    parts: dict[str, tuple[Cell, int]] = field(default_factory=dict)  # items of containers
    listed: set[str] = field(default_factory=set)  # names of what is a list of the IR in each turn

    def size(self) -> tuple[int, ...]:
        return (
            len(self.roots),
            len(self.stale),
            len(self.spoilt),
            len(self.outer),
            len(self.pairs),
            len(self.lists),
            len(self.items),
            len(self.holding),
            len(self.parts),
        )


@dataclass(eq=False)
class Turn:
    """The body, parsed once."""

    index: Var
    params: dict[str, Value]
    versions: dict[Root, Var]  # of the roots that are carried, at the start
    stmts: list[Stmt] = field(default_factory=list)
    test: tuple[list[Stmt], Atom] | None = None
    after: dict[str, Value] = field(default_factory=dict)
    results: dict[str, list[Atom]] = field(default_factory=dict)
    written: dict[Root, Var | Stale] = field(default_factory=dict)


class Carried(Lists):
    """Slots, and whether what is assumed of them holds."""

    def carry(self, n: str, value: Value, assumed: Assumed, s: ast.AST) -> None:
        assumed.inits[n] = value
        assumed.atoms[n] = [self.read(v, s) for v in leaves(value) or ()]
        assumed.types[n] = [self.type_of(a) for a in assumed.atoms[n]]

    def link_initially(self, assumed: Assumed, names: Iterable[str]) -> None:
        """What the slots may be in the first turn: what the names are before the loop."""
        initial = _memory(assumed.inits)
        for leaf, root in initial.items():
            if leaf[0] in names:
                assumed.outer |= {(leaf, other) for other in (root, *root.linked)}
        assumed.pairs |= _pairs(initial)

    def slots(self, assumed: Assumed) -> dict[str, Value]:
        """Fresh values for what is carried, linked as is assumed."""
        flat = {
            n: [self.own(Var(self.slot_hint(n, assumed), own_extents(t))) for t in assumed.types[n]]
            for n in assumed.inits
        }
        made = {n: self.recelled(rebuild(assumed.inits[n], list(vs))) for n, vs in flat.items()}
        roots = _memory(made)
        for leaf, other in assumed.outer:
            if leaf in roots:
                link(roots[leaf], other)
                if isinstance(other, Cell):
                    roots[leaf].kind = "captured" if other.kind == "captured" else "own"
                elif isinstance(roots[leaf], Root):
                    inherit(roots[leaf], other)
        for leaf, other in assumed.lists:
            if leaf in roots:
                hold(other, roots[leaf])
        for leaf, other in assumed.items:
            if leaf in roots:
                hold(roots[leaf], other)
        for a, b in assumed.holding:
            if a in roots and b in roots:
                hold(roots[a], roots[b])
        for a, b in assumed.pairs:
            if a in roots and b in roots:
                link(roots[a], roots[b])
        self.versions.update(
            {roots[leaf]: by for leaf, by in assumed.spoilt.items() if leaf in roots}
        )
        for n, vs in flat.items():
            for atom, v in zip(assumed.atoms[n], vs, strict=True):
                first = v.root.first if isinstance(v, Ref) else v
                if self.may_be_unbound(atom) and isinstance(first, Var):
                    self.perhaps.add(first)
        return made

    def slot_hint(self, n: str, assumed: Assumed) -> str:
        """The name of what is carried; that of an item is its key."""
        if n in assumed.parts:
            cell, k = assumed.parts[n]
            key = cell.first.keys[k] if k < len(cell.first.keys) else ""
            return key if isinstance(key, str) and key.isidentifier() else ""
        return "" if n == "_" else spoken(n)

    # -- items of containers that are carried

    def carry_parts(self, s: ast.For | ast.While, assumed: Assumed, turn: Turn, mark: int) -> bool:
        """Carry the items of containers from before the loop that a turn changes; is one new?"""
        found: dict[str, Value] = {}
        for cell, after in turn.written.items():
            if not isinstance(cell, Cell) or cell.serial >= mark or not isinstance(after, Tup):
                continue
            before: Any = self.content(cell)
            if not (isinstance(before, Tup) and alike(before, after)):
                if isinstance(before, Tup):
                    raise self.unsettled(s, before)
                continue
            for k, (x, y) in enumerate(zip(before.items, after.items, strict=True)):
                name = f".part{cell.serial}.{k}"
                if name in assumed.inits or same(x, y):
                    continue
                x = self.inner(x)
                if leaves(x) is None or leaves(self.inner(y)) is None:
                    raise self.unsettled(s, before)
                assumed.parts[name] = cell, k
                found[name] = x
        for name, x in found.items():
            self.carry(name, x, assumed, s)
        self.link_initially(assumed, found)
        return bool(found)

    def unsettled(self, s: ast.AST, owner: Tup) -> Exception:
        """A container has another structure after each turn."""
        raise NotImplementedError

    def place_parts(self, assumed: Assumed, values: dict[str, Value]) -> dict[str, Value]:
        """Put the items that are carried where they belong; the other names."""
        for name, (cell, k) in assumed.parts.items():
            old: Any = self.content(cell)
            if isinstance(old, Tup):
                items = (*old.items[:k], values[name], *old.items[k + 1 :])
                self.versions[cell] = replace(old, items=items)  # type: ignore[assignment]
                self.has_cells = True
        return {n: v for n, v in values.items() if n not in assumed.parts}

    def final_parts(self, assumed: Assumed, turn: Turn) -> None:
        for name, (cell, k) in assumed.parts.items():
            now: Any = self.content(cell)
            fits = isinstance(now, Tup) and k < len(now.items)
            turn.after[name] = now.items[k] if fits else UNDEF

    def detach_before(
        self, assumed: Assumed, turn: Turn, env: dict[str, Value], s: ast.AST
    ) -> bool:
        """Names of items of lists that a turn changes name what they did before the loop."""
        lost = [
            n
            for n, v in env.items()
            if n not in assumed.inits and isinstance(v, Ref) and v.path
            and isinstance(v.root.first.type, List) and turn.after.get(n) != v
        ]  # fmt: skip
        for n in lost:
            self.let_go(env, n, s)
        return bool(lost)

    def let_go(self, env: dict[str, Value], n: str, at: ast.AST) -> None:
        """The name of an item of a list stands for the item, wherever that is."""
        v = env[n]
        assert isinstance(v, Ref)
        holds = [x for r in v.root.holds for x in (r, *r.linked)]
        env[n] = made = self.own(self.read(v, at), holds)
        if isinstance(made, Ref):
            hold(v.root, made.root)

    def widen_names(self, s: ast.AST, assumed: Assumed, turn: Turn, env: dict[str, Value]) -> bool:
        """Names bound to lists of another length each turn are lists of the IR from the start."""
        found = False
        for n, init in assumed.inits.items():
            after = turn.after[n]
            if n in assumed.listed:
                continue
            lists = [v for v in (init, after) if _is_list(v)]
            if len(lists) + sum(map(is_undefined, (init, after))) < 2 or not lists:
                continue
            if structure(init) == structure(after) or all(isinstance(v, Ref | Rows) for v in lists):
                continue
            if len(lists) == 1 and isinstance(lists[0], Tup):
                continue
            like = next((v for v in lists if not isinstance(v, Tup)), None) or after
            made = init if is_undefined(init) else self.listed_alias(init, s, like)
            if made is None:
                raise self.unsettled(s, init)  # type: ignore[arg-type]
            assumed.listed.add(n)
            self.carry(n, made, assumed, s)
            assumed.outer = {(leaf, root) for leaf, root in assumed.outer if leaf[0] != n}
            found = True
        if found:
            self.link_initially(assumed, assumed.listed)
        return found

    # -- was it right?

    def settle(
        self,
        assumed: Assumed,
        turn: Turn,
        env: dict[str, Value],
        versions: dict[Root, Var | Stale],
        mark: int,
    ) -> bool:
        stands = True
        for n in list(assumed.inits):
            if n not in turn.results:
                if n in assumed.parts:
                    raise self.unsettled(self.active_node, self.content(assumed.parts[n][0]))  # type: ignore[arg-type]
                # A function, or an array of which it is not known which: nothing to be carried.
                env[n] = assumed.dead[n] = self.poison(
                    f"`{n}` is not the same thing after each turn of a loop"
                )
                del assumed.inits[n], assumed.atoms[n], assumed.types[n]
                stands = False
            else:
                stands &= self.settle_types(n, assumed, turn)
        before = assumed.size()
        self.settle_writes(assumed, turn, versions, mark)
        for root, param in turn.versions.items():
            last = turn.written.get(root)
            if isinstance(last, Var):
                joined = join(param.type, last.type)
                stands &= joined == param.type
                assumed.content[root] = joined
        self.settle_links(assumed, turn, mark)
        return stands and before == assumed.size()

    def settle_types(self, n: str, assumed: Assumed, turn: Turn) -> bool:
        """Widen what is assumed of the carried name `n`; was it right already?"""
        atoms, after = turn.results.get(n), turn.after[n]
        assert atoms is not None
        types = assumed.types[n]
        if is_undefined(assumed.inits[n]) and isinstance(after, Tup | Rows):
            assumed.inits[n] = rebuild(after, [UNDEF] * len(atoms))
            assumed.atoms[n] = [UNDEF] * len(atoms)
            types = [UNDEFINED] * len(atoms)
        if len(atoms) != len(types) or (atoms and not _fit(assumed.inits[n], after)):
            raise self.refuse_name(n)
        joined = [join(t, self.type_of(a)) for t, a in zip(types, atoms, strict=True)]
        stands = joined == assumed.types[n]
        assumed.types[n] = joined
        return stands

    def settle_writes(
        self, assumed: Assumed, turn: Turn, versions: dict[Root, Var | Stale], mark: int
    ) -> None:
        for root, last in turn.written.items():
            if root.serial >= mark or isinstance(versions.get(root), Stale):
                continue
            if isinstance(last, Stale):
                assumed.roots.pop(root, None)
                assumed.stale[root] = last
                assumed.parts = {n: p for n, p in assumed.parts.items() if id(p[0]) != id(root)}
            elif isinstance(root, Cell):
                continue
            elif root not in turn.versions and last is not versions.get(root, root.first):
                assumed.roots[root] = versions.get(root, root.first)  # type: ignore[assignment]

    def settle_links(self, assumed: Assumed, turn: Turn, mark: int) -> None:
        """What the slots may be in the next turn: what the names are at the end of this one."""
        final = _memory({n: turn.after[n] for n in assumed.inits})
        for leaf, root in final.items():
            by = turn.written.get(root)
            if isinstance(by, Stale):
                assumed.spoilt.setdefault(leaf, by)
            for other in (root, *root.linked):
                if other.serial < mark:
                    assumed.outer.add((leaf, other))
        assumed.pairs |= _pairs(final)
        self.settle_lists(assumed, final, mark)

    def settle_lists(self, assumed: Assumed, final: dict[Leaf, Root], mark: int) -> None:
        """Which lists hold what is carried, and what the lists hold that are carried."""
        final = {leaf: root for leaf, root in final.items() if isinstance(root, Root)}
        for leaf, root in final.items():
            lists = {x for r in (root, *root.linked) if isinstance(r, Root) for x in r.held}
            assumed.lists |= {(leaf, x) for x in lists if x.serial < mark}
            assumed.items |= {(leaf, x) for x in root.holds if x.serial < mark}
            for other, owner in final.items():
                if owner in lists or any(x in lists for x in owner.linked):
                    assumed.holding.add((other, leaf))


def _is_list(v: Value) -> bool:
    """A list, known item by item or of the IR."""
    if isinstance(v, Ref):
        return isinstance(v.root.first.type, List)
    return isinstance(v, Rows) or (isinstance(v, Tup) and v.kind == "list")


def _fit(a: Value, b: Value) -> bool:
    """Are both built alike?  What is not bound yet fits everything."""
    return is_undefined(a) or is_undefined(b) or structure(a) == structure(b)


def _memory(values: dict[str, Value]) -> dict[Leaf, Any]:
    """The roots of arrays, and the cells, in the values."""
    found: dict[Leaf, Any] = {}
    for n, value in values.items():
        roots = ((k, v.root) for k, v in enumerate(leaves(value) or ()) if isinstance(v, Ref))
        found |= {(n, k): root for k, root in roots}
        found |= {(n, -1 - k): cell for k, cell in enumerate(cells(value))}
    return found


def _pairs(roots: dict[Leaf, Any]) -> set[tuple[Leaf, Leaf]]:
    """The leaves that may be the same memory."""
    items = list(roots.items())
    return {(a, b) for i, (a, r) in enumerate(items) for b, q in items[i + 1 :] if may_be(r, q)}
