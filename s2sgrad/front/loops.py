"""Loops: what a loop carries is found by parsing its body until what is assumed of it holds.

Carried are the names that the body binds, and the arrays from outside that it writes to.  A name
that is bound to one array after another is a slot, a root of its own; slots stay distinct when
the body permutes distinct arrays (`u, v = v, u`).
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from s2sgrad.front.building import RAISED
from s2sgrad.front.heap import cells, structure
from s2sgrad.front.join import may_be
from s2sgrad.front.lists import Lists
from s2sgrad.front.memory import Cell, Ref, Root, Stale, hold, inherit, link, now
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
from s2sgrad.ir.build import substitute
from s2sgrad.ir.graph import UNDEF, Atom, Block, Lit, Loop, Range, Stmt, Var, While
from s2sgrad.ir.types import INT, UNDEFINED, Array, List, Type, join

Leaf = tuple[str, int]  # a name that is carried, and the number of a leaf in its value


@dataclass(eq=False)
class _Assumed:
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
class _Turn:
    """The body, parsed once."""

    index: Var
    params: dict[str, Value]
    versions: dict[Root, Var]  # of the roots that are carried, at the start
    stmts: list[Stmt] = field(default_factory=list)
    test: tuple[list[Stmt], Atom] | None = None
    after: dict[str, Value] = field(default_factory=dict)
    results: dict[str, list[Atom]] = field(default_factory=dict)
    written: dict[Root, Var | Stale] = field(default_factory=dict)


class Loops(Lists):
    """`for` and `while`."""

    def stmt_While(self, s: ast.While) -> None:
        self.loop(s, None, lambda index: None)

    def assign(self, target: ast.expr, value: Value) -> None:
        raise NotImplementedError

    def parse_block(self, stmts: list[ast.stmt]) -> None:
        raise NotImplementedError

    def loop(
        self, s: ast.For | ast.While, over: Range | None, start: Callable[[Var], None]
    ) -> None:
        """Parse the body until what is assumed of what it carries holds."""
        env, versions, mark, running = (
            dict(self.env),
            dict(self.versions),
            now(),
            len(self.iterated),
        )
        assumed = self.assume(s, env)
        for _ in range(32):
            held = self.held_before(mark)
            turn = self.turn(s, assumed, env, versions, start)
            del self.iterated[running:]
            self.versions = versions
            if self.widen([versions, turn.written], mark, s) or self.widen_names(
                s, assumed, turn, env
            ):
                mark = now()  # the lists that were made stand before the loop
                continue
            if self.detach_before(assumed, turn, env, s):
                continue
            settled = self.settle(assumed, turn, env, versions, mark)
            settled &= not self.carry_parts(s, assumed, turn, mark)
            if settled and held == self.held_before(mark):
                break
        else:
            raise self.refuse(s, "the types of what this loop carries do not settle", "")
        self.env.clear()
        self.env.update(env)
        self.versions = versions
        self.close_loop(s, over, assumed, turn)

    def held_before(self, mark: int) -> int:
        """How many arrays from before the loop are held by lists, and how many lists are mixed."""
        values = [v for env in (*self.frames, self.env) for v in env.values()]
        values += [c for c in self.versions.values() if isinstance(c, Ref | Rows | Tup)]
        found = {r.root for v in values for r in self.seen_refs(v) if r.root.serial < mark}
        return sum(sum(x.serial < mark for x in r.held) + (not r.apart) for r in found)

    # -- before

    def assume(self, s: ast.For | ast.While, env: dict[str, Value]) -> _Assumed:
        assumed = _Assumed({}, {}, {})
        cells = [*self.rebound, *(n for n in env if n.startswith(".cell"))]
        rebound = [*_bound(s, augmented=False), *cells]
        for n in dict.fromkeys([*_bound(s, augmented=True), *cells]):
            value = self.inner(env.get(n, UNDEF))
            found = leaves(value)
            if found is None or (n not in rebound and self.is_changed_by_augmenting(value)):
                continue
            if any(isinstance(v, Ref) and self.is_stale(v) for v in found):
                value, found = UNDEF, [UNDEF]
                why = f"`{n}` may have been overwritten through another name"
                assumed.dead[n] = self.poison(why)
            self.carry(n, value, assumed, s)
        self.link_initially(assumed, assumed.inits)
        for n in _targets(s):
            for root in (r.root for r in self.reach(env.get(n))):
                if not isinstance(self.versions.get(root), Stale):
                    assumed.roots[root] = self.current(root, s)
        return assumed

    def carry(self, n: str, value: Value, assumed: _Assumed, s: ast.AST) -> None:
        assumed.inits[n] = value
        assumed.atoms[n] = [self.read(v, s) for v in leaves(value) or ()]
        assumed.types[n] = [self.type_of(a) for a in assumed.atoms[n]]

    def link_initially(self, assumed: _Assumed, names: Iterable[str]) -> None:
        """What the slots may be in the first turn: what the names are before the loop."""
        initial = _memory(assumed.inits)
        for leaf, root in initial.items():
            if leaf[0] in names:
                assumed.outer |= {(leaf, other) for other in (root, *root.linked)}
        assumed.pairs |= _pairs(initial)

    def is_changed_by_augmenting(self, value: Value) -> bool:
        """Is the value surely an array or a list, so that `+=` writes to it?"""
        if not isinstance(value, Ref):
            return isinstance(value, Rows) or (isinstance(value, Tup) and value.cell is not None)
        return self.is_stale(value) or isinstance(self.type_of(value), Array | List)

    def is_stale(self, v: Ref) -> bool:
        return isinstance(self.versions.get(v.root), Stale)

    def reach(self, value: Value | None) -> list[Ref]:
        return [value] if isinstance(value, Ref) else []

    # -- one turn

    def turn(
        self,
        s: ast.For | ast.While,
        assumed: _Assumed,
        env: dict[str, Value],
        versions: dict[Root, Var | Stale],
        start: Callable[[Var], None],
    ) -> _Turn:
        carried = {
            r: Var(v.hint or r.first.hint, assumed.content.get(r, v.type))
            for r, v in assumed.roots.items()
        }
        self.versions = {**versions, **carried, **assumed.stale}
        turn = _Turn(Var(_index_hint(s), INT), self.slots(assumed), carried)
        with self.block() as turn.stmts:
            self.env.clear()
            self.env.update(env | self.place_parts(assumed, turn.params) | assumed.dead)
            if getattr(s, "stop", None) in assumed.inits:
                self.env[s.stop] = Lit(False)  # type: ignore[union-attr]  # else it was left
            turn.test = self.while_test(s) if isinstance(s, ast.While) else None
            start(turn.index)
            self.parse_block(s.body)
            turn.after = dict(self.env)
            turn.after.pop(RAISED, None)
            self.final_parts(assumed, turn)
            for n in assumed.inits:
                after = self.inner(turn.after[n])
                if n in assumed.listed and isinstance(after, Tup):
                    after = self.listed_value(after, s, assumed.inits[n]) or after
                turn.after[n] = after
                found = leaves(after)
                if found is not None:
                    turn.results[n] = [
                        UNDEF if isinstance(v, Ref) and self.is_stale(v) else self.read(v, s)
                        for v in found
                    ]
            turn.written = dict(self.versions)
        return turn

    def slots(self, assumed: _Assumed) -> dict[str, Value]:
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

    def slot_hint(self, n: str, assumed: _Assumed) -> str:
        """The name of what is carried; that of an item is its key."""
        if n in assumed.parts:
            cell, k = assumed.parts[n]
            key = cell.first.keys[k] if k < len(cell.first.keys) else ""
            return key if isinstance(key, str) and key.isidentifier() else ""
        return "" if n == "_" else spoken(n)

    # -- items of containers that are carried

    def carry_parts(
        self, s: ast.For | ast.While, assumed: _Assumed, turn: _Turn, mark: int
    ) -> bool:
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

    def place_parts(self, assumed: _Assumed, values: dict[str, Value]) -> dict[str, Value]:
        """Put the items that are carried where they belong; the other names."""
        for name, (cell, k) in assumed.parts.items():
            old: Any = self.content(cell)
            if isinstance(old, Tup):
                items = (*old.items[:k], values[name], *old.items[k + 1 :])
                self.versions[cell] = replace(old, items=items)  # type: ignore[assignment]
                self.has_cells = True
        return {n: v for n, v in values.items() if n not in assumed.parts}

    def final_parts(self, assumed: _Assumed, turn: _Turn) -> None:
        for name, (cell, k) in assumed.parts.items():
            now: Any = self.content(cell)
            fits = isinstance(now, Tup) and k < len(now.items)
            turn.after[name] = now.items[k] if fits else UNDEF

    def detach_before(
        self, assumed: _Assumed, turn: _Turn, env: dict[str, Value], s: ast.AST
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

    def widen_names(
        self, s: ast.AST, assumed: _Assumed, turn: _Turn, env: dict[str, Value]
    ) -> bool:
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
            made = init if is_undefined(init) else self.listed_value(init, s, like)
            if made is None:
                raise self.unsettled(s, init)  # type: ignore[arg-type]
            assumed.listed.add(n)
            self.carry(n, made, assumed, s)
            assumed.outer = {(leaf, root) for leaf, root in assumed.outer if leaf[0] != n}
            found = True
        if found:
            self.link_initially(assumed, assumed.listed)
        return found

    def while_test(self, s: ast.While) -> tuple[list[Stmt], Atom]:
        before, names = dict(self.versions), dict(self.env)
        with self.block() as stmts:
            test = self.truth(self.expr(s.test), s.test)
        if any(v is not before.get(r) for r, v in self.versions.items() if not _widens(r, v)):
            raise self.refuse(s.test, "the test of a `while` writes to an array", "", "write")
        if self.env != names:
            raise self.refuse(
                s,
                "the test of this `while` rebinds names",
                "bind them before the loop and at its end",
                "nonlocal",
            )
        return stmts, test

    # -- was it right?

    def settle(
        self,
        assumed: _Assumed,
        turn: _Turn,
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

    def settle_types(self, n: str, assumed: _Assumed, turn: _Turn) -> bool:
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
        self, assumed: _Assumed, turn: _Turn, versions: dict[Root, Var | Stale], mark: int
    ) -> None:
        for root, last in turn.written.items():
            if root.serial >= mark or isinstance(versions.get(root), Stale):
                continue
            if isinstance(last, Stale):
                assumed.roots.pop(root, None)
                assumed.stale[root] = last
                assumed.parts = {n: p for n, p in assumed.parts.items() if p[0] is not root}
            elif isinstance(root, Cell):
                continue
            elif root not in turn.versions and last is not versions.get(root, root.first):
                assumed.roots[root] = versions.get(root, root.first)  # type: ignore[assignment]

    def settle_links(self, assumed: _Assumed, turn: _Turn, mark: int) -> None:
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

    def settle_lists(self, assumed: _Assumed, final: dict[Leaf, Root], mark: int) -> None:
        """Which lists hold what is carried, and what the lists hold that are carried."""
        final = {leaf: root for leaf, root in final.items() if isinstance(root, Root)}
        for leaf, root in final.items():
            lists = {x for r in (root, *root.linked) if isinstance(r, Root) for x in r.held}
            assumed.lists |= {(leaf, x) for x in lists if x.serial < mark}
            assumed.items |= {(leaf, x) for x in root.holds if x.serial < mark}
            for other, owner in final.items():
                if owner in lists or any(x in lists for x in owner.linked):
                    assumed.holding.add((other, leaf))

    # -- after

    def close_loop(
        self, s: ast.For | ast.While, over: Range | None, assumed: _Assumed, turn: _Turn
    ) -> None:
        carried: list[Atom] = []
        taken: list[Var] = []
        yields: list[Atom] = []
        outs: list[Var] = []
        stop_at = None
        new = self.slots(assumed)
        for n in assumed.inits:
            if n == getattr(s, "stop", None):
                stop_at = len(carried)
            carried += assumed.atoms[n]
            taken += _firsts(turn.params[n])
            yields += turn.results[n]
            outs += _firsts(new[n])
        self.env.update(self.place_parts(assumed, new))
        for cell, _ in assumed.parts.values():
            self.written[cell] = None
        self.perhaps |= {
            out
            for out, a, r in zip(outs, carried, yields, strict=True)
            if self.may_be_unbound(a) or self.may_be_unbound(r)
        }
        for root, init in assumed.roots.items():
            param, after = turn.versions[root], turn.written[root]
            assert isinstance(after, Var)
            out = Var(param.hint, param.type)
            carried.append(init)
            taken.append(param)
            yields.append(after)
            outs.append(out)
            if after is not param:
                self.versions[root] = out
                self.written[root] = None
        self.versions.update(assumed.stale)
        kind: Range | While
        if over is None:
            assert turn.test is not None
            kind = While(_rename(taken, turn.test))
        else:
            kind = over
        body = Block((turn.index, *taken), tuple(turn.stmts), tuple(yields))
        loop = Loop(tuple(outs), kind, tuple(carried), (), body, self.span(s), stop=stop_at)
        self.stmts.append(loop)


def _widens(root: Any, content: Any) -> bool:
    """Did a list only become one of the IR?"""
    return isinstance(root, Cell) and isinstance(content, Ref | Rows)


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


def _firsts(v: Value) -> list[Var]:
    """The values of the IR that a fresh value of the program consists of."""
    found = [a.root.first if isinstance(a, Ref) else a for a in leaves(v) or ()]
    return [a for a in found if isinstance(a, Var)]


def _pairs(roots: dict[Leaf, Any]) -> set[tuple[Leaf, Leaf]]:
    """The leaves that may be the same memory."""
    items = list(roots.items())
    return {(a, b) for i, (a, r) in enumerate(items) for b, q in items[i + 1 :] if may_be(r, q)}


def _rename(params: list[Var], test: tuple[list[Stmt], Atom]) -> Block:
    """The test as a block of its own: its parameters are not those of the body."""
    fresh = tuple(Var(v.hint, v.type) for v in params)
    return substitute(
        Block(fresh, tuple(test[0]), (test[1],)), dict(zip(params, fresh, strict=True))
    )


def _index_hint(s: ast.For | ast.While) -> str:
    """The user's name of the number of a turn, or `i` where what is walked has the name."""
    if not isinstance(s, ast.For):
        return ""
    counts = isinstance(s.iter, ast.Call) and ast.unparse(s.iter.func) == "range"
    return spoken(s.target.id) if counts and isinstance(s.target, ast.Name) else "i"


def _bound(loop: ast.For | ast.While, augmented: bool) -> list[str]:
    """Names that the loop binds, in order, or augments; inner functions bind their own."""
    found: dict[str, None] = {}

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.FunctionDef):
            found[node.name] = None
            return
        if isinstance(node, ast.Lambda):
            return
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            if augmented:
                found[node.target.id] = None
            visit(node.value)
            return
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found[node.id] = None
        for child in ast.iter_child_nodes(node):
            visit(child)

    for part in _parts(loop):
        visit(part)
    return list(found)


def _targets(loop: ast.For | ast.While) -> list[str]:
    """Names of what the loop writes to, as far as they meet the eye: a first guess."""
    found: dict[str, None] = {}
    for part in _parts(loop):
        for node in ast.walk(part):
            target = node
            while isinstance(target, ast.Subscript) and isinstance(node, ast.Subscript):
                if not isinstance(node.ctx, ast.Store):
                    break
                target = target.value
            if isinstance(node, ast.AugAssign):
                target = node.target
            if isinstance(node, ast.keyword) and node.arg == "out":
                target = node.value
            if isinstance(target, ast.Name) and target is not node:
                found[target.id] = None
    return list(found)


def _parts(loop: ast.For | ast.While) -> Iterable[ast.AST]:
    return [*([loop.target] if isinstance(loop, ast.For) else []), *loop.body]
