"""Common subexpressions are computed once; values that are carried unchanged are not carried."""

from __future__ import annotations

import operator
from collections import ChainMap
from dataclasses import replace
from typing import Any

from s2sgrad.ir.alias import ALLOCATIONS
from s2sgrad.ir.build import resolve
from s2sgrad.ir.graph import Atom, Block, Branch, Eqn, Func, Lit, Loop, Range, Stmt, Var
from s2sgrad.ir.types import Array, Type, Unknown

Key = tuple[Any, ...]


def share(func: Func) -> Func:
    """`func` with equal pure equations merged."""
    return replace(func, body=_Sharing().block(func.body, {}))


class _Sharing:
    def __init__(self) -> None:
        self.mapping: dict[Var, Atom] = {}
        self.negated: dict[Var, Atom] = {}

    def atom(self, a: Atom) -> Atom:
        return resolve(a, self.mapping)

    def atoms(self, atoms: tuple[Atom, ...]) -> tuple[Atom, ...]:
        return tuple(self.atom(a) for a in atoms)

    def block(self, block: Block, seen: Any) -> Block:
        scope: ChainMap[Key, Var] = ChainMap({}, seen)
        out: list[Stmt] = []
        for s in block.stmts:
            if isinstance(s, Eqn):
                made = self.eqn(s, scope)
                if made is not None:
                    out.append(made)
            elif isinstance(s, Branch):
                out.append(self.branch(s, scope))
            else:
                out.append(self.loop(s, scope))
        return Block(block.params, tuple(out), self.atoms(block.results))

    def eqn(self, s: Eqn, scope: ChainMap[Key, Var]) -> Eqn | None:
        args = self.atoms(s.args)
        s = self.tidy(replace(s, args=args))
        if s.effect:
            return s
        same = unit(s)
        if same is not None:
            self.mapping[s.out] = same
            return None
        key = (s.op, tuple(map(_key, s.args)), repr(s.form))
        if s.op in ALLOCATIONS:
            return s  # two arrays, each of which may be written to
        if key in scope:
            self.mapping[s.out] = scope[key]
            return None
        scope[key] = s.out
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

    def branch(self, s: Branch, scope: ChainMap[Key, Var]) -> Branch:
        walked = (self.atoms(s.walked[0]), self.atoms(s.walked[1]))
        test = self.atom(s.test)
        return replace(
            s,
            test=test,
            walked=walked,
            then=self.block(s.then, scope),
            orelse=self.block(s.orelse, scope),
        )

    def loop(self, s: Loop, scope: ChainMap[Key, Var]) -> Loop:
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
            over = replace(over, test=self.block(over.test, scope))
        body = self.block(s.body, scope)
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


def _key(a: Atom) -> Key:
    return (type(a.value), repr(a.value)) if isinstance(a, Lit) else (id(a),)
