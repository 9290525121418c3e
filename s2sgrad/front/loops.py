"""Loops: what a loop carries is found by parsing its body until what is assumed of it holds.

Carried are the names that the body binds, and the arrays from outside that it writes to.  A name
that is bound to one array after another is a slot, a root of its own; slots stay distinct when
the body permutes distinct arrays (`u, v = v, u`).
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from s2sgrad.front.building import RAISED
from s2sgrad.front.join import may_be
from s2sgrad.front.lists import Lists
from s2sgrad.front.memory import Ref, Root, Stale, hold, inherit, link, now, refs
from s2sgrad.front.probe import own_extents
from s2sgrad.front.values import Tup, Value, is_undefined, leaves, rebuild, spoken
from s2sgrad.ir.build import substitute
from s2sgrad.ir.graph import UNDEF, Atom, Block, Lit, Loop, Range, Stmt, Var, While
from s2sgrad.ir.types import INT, UNDEFINED, Array, Type, join

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
    outer: set[tuple[Leaf, Root]] = field(default_factory=set)
    pairs: set[tuple[Leaf, Leaf]] = field(default_factory=set)
    lists: set[tuple[Leaf, Root]] = field(default_factory=set)  # a leaf is held by a list
    items: set[tuple[Leaf, Root]] = field(default_factory=set)  # a leaf holds an array
    holding: set[tuple[Leaf, Leaf]] = field(default_factory=set)  # a list holds an array
    dead: dict[str, Value] = field(default_factory=dict)  # overwritten before the loop

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
        for _ in range(16):
            held = self.held_before(mark)
            turn = self.turn(s, assumed, env, versions, start)
            del self.iterated[running:]
            if held == self.held_before(mark) and self.settle(assumed, turn, env, versions, mark):
                break
        else:
            raise self.refuse(s, "the types of what this loop carries do not settle", "")
        self.env.clear()
        self.env.update(env)
        self.versions = versions
        self.close_loop(s, over, assumed, turn)

    def held_before(self, mark: int) -> int:
        """How many arrays from before the loop are known to be held by lists."""
        found = {r.root for env in self.frames for v in env.values() for r in refs(v)}
        return sum(len(r.held) for r in found if r.serial < mark)

    # -- before

    def assume(self, s: ast.For | ast.While, env: dict[str, Value]) -> _Assumed:
        assumed = _Assumed({}, {}, {})
        cells = [*self.rebound, *(n for n in env if n.startswith(".cell"))]
        rebound = [*_bound(s, augmented=False), *cells]
        for n in dict.fromkeys([*_bound(s, augmented=True), *cells]):
            value = env.get(n, UNDEF)
            found = leaves(value)
            if found is None or (n not in rebound and self.is_memory(value)):
                continue
            if any(isinstance(v, Ref) and self.is_stale(v) for v in found):
                value, found = UNDEF, [UNDEF]
                why = f"`{n}` may have been overwritten through another name"
                assumed.dead[n] = self.poison(why)
            assumed.inits[n] = value
            assumed.atoms[n] = [self.read(v, s) for v in found]
            assumed.types[n] = [self.type_of(a) for a in assumed.atoms[n]]
        initial = {
            (n, k): v.root
            for n, value in assumed.inits.items()
            for k, v in enumerate(leaves(value) or ())
            if isinstance(v, Ref)
        }
        for leaf, root in initial.items():
            assumed.outer |= {(leaf, other) for other in (root, *root.linked)}
        assumed.pairs |= _pairs(initial)
        for n in _targets(s):
            for root in (r.root for r in self.reach(env.get(n))):
                if not isinstance(self.versions.get(root), Stale):
                    assumed.roots[root] = self.current(root, s)
        return assumed

    def is_memory(self, value: Value) -> bool:
        """Is the value surely an array, so that `+=` writes to it?"""
        if not isinstance(value, Ref) or self.is_stale(value):
            return isinstance(value, Ref)
        return isinstance(self.type_of(value), Array)

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
            self.env.update(env | turn.params | assumed.dead)
            if getattr(s, "stop", None) in assumed.inits:
                self.env[s.stop] = Lit(False)  # type: ignore[union-attr]  # else it was left
            turn.test = self.while_test(s) if isinstance(s, ast.While) else None
            start(turn.index)
            self.parse_block(s.body)
            turn.after = dict(self.env)
            turn.after.pop(RAISED, None)
            for n in assumed.inits:
                found = leaves(turn.after[n])
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
            n: [self.own(Var("" if n == "_" else spoken(n), own_extents(t)))
                 for t in assumed.types[n]]
            for n in assumed.inits
        }
        roots = {
            (n, k): v.root for n, vs in flat.items() for k, v in enumerate(vs) if isinstance(v, Ref)
        }
        for leaf, other in assumed.outer:
            if leaf in roots:
                link(roots[leaf], other)
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
        return {n: rebuild(assumed.inits[n], list(vs)) for n, vs in flat.items()}

    def while_test(self, s: ast.While) -> tuple[list[Stmt], Atom]:
        before, names = dict(self.versions), dict(self.env)
        with self.block() as stmts:
            test = self.truth(self.expr(s.test), s.test)
        if self.versions != before:
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
        if is_undefined(assumed.inits[n]) and isinstance(after, Tup):
            assumed.inits[n] = rebuild(after, [UNDEF] * len(atoms))
            assumed.atoms[n] = [UNDEF] * len(atoms)
            types = [UNDEFINED] * len(atoms)
        if len(atoms) != len(types):
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
            elif root not in turn.versions and last is not versions.get(root, root.first):
                assumed.roots[root] = versions.get(root, root.first)  # type: ignore[assignment]

    def settle_links(self, assumed: _Assumed, turn: _Turn, mark: int) -> None:
        """What the slots may be in the next turn: what the names are at the end of this one."""
        final = {
            (n, k): v.root
            for n in assumed.inits
            for k, v in enumerate(leaves(turn.after[n]) or ())
            if isinstance(v, Ref)
        }
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
        for leaf, root in final.items():
            lists = {x for r in (root, *root.linked) for x in r.held}
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
        self.env.update(new)
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


def _firsts(v: Value) -> list[Var]:
    """The values of the IR that a fresh value of the program consists of."""
    found = [a.root.first if isinstance(a, Ref) else a for a in leaves(v) or ()]
    return [a for a in found if isinstance(a, Var)]


def _pairs(roots: dict[Leaf, Root]) -> set[tuple[Leaf, Leaf]]:
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
