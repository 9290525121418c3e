"""What the passes that rewrite single equations have in common: the walk over the function."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from s2sgrad.front.infer import infer
from s2sgrad.ir.build import resolved, with_args
from s2sgrad.ir.graph import Atom, Block, Branch, Eqn, Form, Func, Loop, Range, Stmt, Var
from s2sgrad.ir.span import Span
from s2sgrad.ir.walk import bound_by


class Rewriter:
    """Rebuilds a function; a subclass says in `eqn` what each equation becomes.

    `made` has the equation behind each value met so far, `home` the sweep and the block that it
    stands in, `uses` how often each value of the old function is read.  `adjoint` is true in the
    backward sweep.
    """

    def __init__(self, func: Func) -> None:
        self.old = func
        self.uses: Counter[Var] = Counter()
        _count(func.body, self.uses)
        self.mapping: dict[Var, Atom] = {}
        self.made: dict[Var, Eqn] = {}
        self.home: dict[Var, tuple[bool, int]] = {}
        self.stmts: list[Stmt] = []
        self.here = 0
        self.adjoint = False
        self.blocks = 0
        self.at: Span | None = None  # of the equation that is looked at

    def eqn(self, s: Eqn) -> Eqn | Atom:
        """What becomes of `s`, whose operands are new already: an equation, or another value."""
        raise NotImplementedError

    def run(self) -> Func:
        """The new function; the note `mirror` has what the backward sweep binds."""
        func, body = self.old, self.old.body
        mirror = func.notes.get("mirror", set())
        self.stmts = []
        forward = 0
        for s in body.stmts:
            if not self.adjoint and mirror.intersection(bound_by(s)):
                self.adjoint, forward = True, len(self.stmts)
            self.stmt(s)
        block = Block(body.params, tuple(self.stmts), self.atoms(body.results))
        if not self.adjoint:
            return replace(func, body=block)
        made = {v for s in self.stmts[forward:] for v in bound_by(s)}
        return replace(func, body=block, notes={**func.notes, "mirror": made})

    def emit(self, op: Callable[..., Any], args: tuple[Atom, ...], form: Form | None = None) -> Var:
        """A new equation before the one that is looked at."""
        out = Var("", infer(op, args, form))
        self.add(Eqn(out, op, args, form))
        self.uses[out] = 1
        return out

    def add(self, s: Eqn) -> None:
        """Append an equation; one without a place has that of the equation that is looked at."""
        s = s if s.at is not None or self.at is None else replace(s, at=self.at)
        self.stmts.append(s)
        self.made[s.out] = s
        self.home[s.out] = (self.adjoint, self.here)

    def is_local(self, v: Var) -> bool:
        """Was `v` made in this block, in this sweep?"""
        return self.home.get(v) == (self.adjoint, self.here)

    def atoms(self, atoms: tuple[Atom, ...]) -> tuple[Atom, ...]:
        return resolved(atoms, self.mapping)

    def block(self, block: Block) -> Block:
        outer, here = self.stmts, self.here
        self.blocks += 1
        self.stmts, self.here = [], self.blocks
        for s in block.stmts:
            self.stmt(s)
        made = Block(block.params, tuple(self.stmts), self.atoms(block.results))
        self.stmts, self.here = outer, here
        return made

    def stmt(self, s: Stmt) -> None:
        if isinstance(s, Eqn):
            self.at = s.at
            found = self.eqn(with_args(s, self.atoms(s.args)))
            if isinstance(found, Eqn):
                self.add(found)
            else:
                self.mapping[s.out] = found
                if isinstance(found, Var):
                    self.uses[found] += self.uses[s.out]
                rename(self.old, s.out, found)
            return
        self.stmts.append(self.branch(s) if isinstance(s, Branch) else self.loop(s))

    def branch(self, s: Branch) -> Stmt:
        walked = (self.atoms(s.walked[0]), self.atoms(s.walked[1]))
        (test,) = self.atoms((s.test,))
        then, orelse = self.block(s.then), self.block(s.orelse)
        return replace(s, test=test, walked=walked, then=then, orelse=orelse)

    def loop(self, s: Loop) -> Stmt:
        carried, walked = self.atoms(s.carried), self.atoms(s.walked)
        if isinstance(s.over, Range):
            over: Any = Range(*self.atoms((s.over.start, s.over.stop, s.over.step)))
        else:
            over = replace(s.over, test=self.block(s.over.test))
        return replace(s, over=over, carried=carried, walked=walked, body=self.block(s.body))


def rename(func: Func, v: Var, other: Atom) -> None:
    """Where `v` is the cotangent of a value, `other` is now, which takes its place."""
    bars: dict[Var, Var] = func.notes.get("bars", {})
    if v in bars and isinstance(other, Var) and not other.hint:
        bars.setdefault(other, bars[v])


def _count(block: Block, into: Counter[Var]) -> None:
    def see(atoms: tuple[Atom, ...]) -> None:
        for a in atoms:
            if isinstance(a, Var):
                into[a] += 1

    for s in block.stmts:
        if isinstance(s, Eqn):
            see(s.args)
        elif isinstance(s, Branch):
            see((s.test, *s.walked[0], *s.walked[1]))
            _count(s.then, into)
            _count(s.orelse, into)
        else:
            see((*s.carried, *s.walked))
            if isinstance(s.over, Range):
                see((s.over.start, s.over.stop, s.over.step))
            else:
                _count(s.over.test, into)
            _count(s.body, into)
    see(block.results)
