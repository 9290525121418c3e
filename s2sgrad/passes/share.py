"""Common subexpressions are computed once; values that are carried unchanged are not carried."""

from __future__ import annotations

import operator
from dataclasses import replace
from typing import Any

from s2sgrad.ir.alias import ALLOCATIONS
from s2sgrad.ir.build import resolve, resolved, with_args
from s2sgrad.ir.graph import Atom, Block, Branch, Eqn, Func, Lit, Loop, Range, Stmt, Var
from s2sgrad.ir.types import Array, Type, Unknown

Key = tuple[Any, ...]


def share(func: Func) -> Func:
    """`func` with equal pure equations merged."""
    return replace(func, body=_Sharing().block(func.body))


class _Sharing:
    def __init__(self) -> None:
        self.mapping: dict[Var, Atom] = {}
        self.seen: dict[Key, Var] = {}  # what the blocks around compute
        self.negated: dict[Var, Atom] = {}

    def atom(self, a: Atom) -> Atom:
        return resolve(a, self.mapping)

    def atoms(self, atoms: tuple[Atom, ...]) -> tuple[Atom, ...]:
        return resolved(atoms, self.mapping)

    def block(self, block: Block) -> Block:
        outer = len(self.seen)
        out: list[Stmt] = []
        for s in block.stmts:
            if isinstance(s, Eqn):
                made = self.eqn(s)
                if made is not None:
                    out.append(made)
            elif isinstance(s, Branch):
                out.append(self.branch(s))
            else:
                out.append(self.loop(s))
        while len(self.seen) > outer:
            self.seen.popitem()  # what was added last
        return Block(block.params, tuple(out), self.atoms(block.results))

    def eqn(self, s: Eqn) -> Eqn | None:
        s = self.tidy(with_args(s, self.atoms(s.args)))
        if s.effect:
            return s
        same = unit(s)
        if same is not None:
            self.mapping[s.out] = same
            return None
        if s.op in ALLOCATIONS:
            return s  # two arrays, each of which may be written to
        key = (s.op, tuple(map(_key, s.args)), s.form and repr(s.form))
        known = self.seen.setdefault(key, s.out)
        if known is not s.out:
            self.mapping[s.out] = known
            return None
        if s.op is operator.neg:
            self.negated[s.out] = s.args[0]
        return s

    def tidy(self, s: Eqn) -> Eqn:
        """`a + -b` is `a - b`, and `a - -b` is `a + b`: exactly."""
        if s.form is None and s.op in _FLIPPED and len(s.args) == 2:
            a, b = s.args
            if b in self.negated:
                return replace(s, op=_FLIPPED[s.op], args=(a, self.negated[b]))
            if s.op is operator.add and a in self.negated:
                return replace(s, op=operator.sub, args=(b, self.negated[a]))
        return s

    def branch(self, s: Branch) -> Branch:
        walked = (self.atoms(s.walked[0]), self.atoms(s.walked[1]))
        test = self.atom(s.test)
        return replace(
            s,
            test=test,
            walked=walked,
            then=self.block(s.then),
            orelse=self.block(s.orelse),
        )

    def loop(self, s: Loop) -> Loop:
        s = replace(s, carried=self.atoms(s.carried), walked=self.atoms(s.walked))
        n = len(s.carried)
        unchanged = {
            p: init
            for p, init, r in zip(s.body.params[1 : n + 1], s.carried, s.body.results, strict=False)
            if r is p
        }
        for k, (p, init) in enumerate(zip(s.body.params[1 : n + 1], s.carried, strict=True)):
            if p in unchanged:
                self.mapping[p] = self.mapping[s.outs[k]] = init
        over: Any = s.over
        if isinstance(over, Range):
            over = Range(self.atom(over.start), self.atom(over.stop), self.atom(over.step))
        else:
            for t, p in zip(over.test.params, s.body.params[1 : n + 1], strict=True):
                if p in unchanged:
                    self.mapping[t] = unchanged[p]
            over = replace(over, test=self.block(over.test))
        body = self.block(s.body)
        if not unchanged:
            return replace(s, over=over, body=body)
        stay = [k for k in range(n) if s.body.params[1 + k] not in unchanged]
        if not isinstance(over, Range):
            test = over.test
            over = replace(over, test=replace(test, params=tuple(test.params[k] for k in stay)))
        params = (body.params[0], *(body.params[1 + k] for k in stay), *body.params[n + 1 :])
        results = (*(body.results[k] for k in stay), *body.results[n:])
        return replace(
            s,
            outs=(*(s.outs[k] for k in stay), *s.outs[n:]),
            over=over,
            carried=tuple(s.carried[k] for k in stay),
            body=replace(body, params=params, results=results),
            stop=stay.index(s.stop) if s.stop in stay else None,  # never set: it never stops
        )


def unit(s: Eqn) -> Var | None:
    """The other operand, where one is a factor 1 that does not change its type."""
    if s.op is operator.mul and s.form is None:
        for a, b in (s.args, s.args[::-1]):
            one = isinstance(a, Lit) and type(a.value) in (int, float) and a.value == 1
            if not one or not isinstance(b, Var) or isinstance(b.type, Unknown):
                continue  # of unknown type: it may be a mask
            if b.type == s.out.type or _alike(b.type, s.out.type):
                return b
    return None


def _alike(a: Type, b: Type) -> bool:
    """Arrays of one dtype and rank: extents may have other names."""
    return (
        isinstance(a, Array)
        and isinstance(b, Array)
        and a.char == b.char
        and len(a.shape) == len(b.shape)
    )


_FLIPPED: dict[Any, Any] = {operator.add: operator.sub, operator.sub: operator.add}


def _key(a: Atom) -> Key | Var:
    return (type(a.value), repr(a.value)) if isinstance(a, Lit) else a
