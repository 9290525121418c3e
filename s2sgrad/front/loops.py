"""Loops: what a loop carries is found by parsing its body until what is assumed of it holds.

Carried are the names that the body binds, and the arrays from outside that it writes to.  A name
that is bound to one array after another is a slot, a root of its own; slots stay distinct when
the body permutes distinct arrays (`u, v = v, u`).
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from typing import Any

from s2sgrad.front.building import RAISED
from s2sgrad.front.carried import Assumed, Carried, Turn
from s2sgrad.front.memory import Cell, Ref, Root, Stale, now
from s2sgrad.front.values import Rows, Tup, Value, leaves, spoken
from s2sgrad.ir.build import substitute
from s2sgrad.ir.graph import UNDEF, Atom, Block, Lit, Loop, Range, Stmt, Var, While
from s2sgrad.ir.types import INT, Array, List


class Loops(Carried):
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
        values: list[Any] = [v for env in (*self.frames, self.env) for v in env.values()]
        values += [c for c in self.versions.values() if isinstance(c, Ref | Rows | Tup)]
        found = {r.root for v in values for r in self.seen_refs(v) if r.root.serial < mark}
        return sum(sum(x.serial < mark for x in r.held) + (not r.apart) for r in found)

    # -- before

    def assume(self, s: ast.For | ast.While, env: dict[str, Value]) -> Assumed:
        assumed = Assumed({}, {}, {})
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
        assumed: Assumed,
        env: dict[str, Value],
        versions: dict[Root, Var | Stale],
        start: Callable[[Var], None],
    ) -> Turn:
        carried = {
            r: Var(v.hint or r.first.hint, assumed.content.get(r, v.type))
            for r, v in assumed.roots.items()
        }
        self.versions = {**versions, **carried, **assumed.stale}
        turn = Turn(Var(_index_hint(s), INT), self.slots(assumed), carried)
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
                    after = self.listed_alias(after, s, assumed.inits[n]) or after
                turn.after[n] = after
                found = leaves(after)
                if found is not None:
                    turn.results[n] = [
                        UNDEF if isinstance(v, Ref) and self.is_stale(v) else self.read(v, s)
                        for v in found
                    ]
            turn.written = dict(self.versions)
        return turn

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

    # -- after

    def close_loop(
        self, s: ast.For | ast.While, over: Range | None, assumed: Assumed, turn: Turn
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


def _firsts(v: Value) -> list[Var]:
    """The values of the IR that a fresh value of the program consists of."""
    found = [a.root.first if isinstance(a, Ref) else a for a in leaves(v) or ()]
    return [a for a in found if isinstance(a, Var)]


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
