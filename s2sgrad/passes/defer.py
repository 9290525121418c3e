"""Sums of outer products over a loop become one product of matrices after it.

`W_bar += np.outer(g, h)` makes and adds a matrix in every turn.  Instead the vectors are kept, and
the sum is `G.T @ H`, where `G` and `H` have one row a turn.  A sum of vectors that are kept anyway
(`b_bar += g`) is `np.sum(G, axis=0)`.  Columns, `g @ h.T`, are vectors too.  Products of other
matrices (`h.T @ g`) stay: for the usual sizes, copying their operands costs as much as it saves.
"""

from __future__ import annotations

import operator
from dataclasses import replace

import numpy as np

from s2sgrad.front.infer import fits
from s2sgrad.ir import ops
from s2sgrad.ir.graph import (
    Atom,
    Block,
    Eqn,
    Form,
    Func,
    Hole,
    Lit,
    Loop,
    Pack,
    Range,
    Stmt,
    Var,
    atom_type,
)
from s2sgrad.ir.types import INT, Array, List, Seq
from s2sgrad.passes.costs import written
from s2sgrad.passes.filled import number
from s2sgrad.passes.hoist import runs
from s2sgrad.passes.rewrite import Rewriter

_ROWS = Form((Hole(0), Pack("tuple", (Hole(1), Hole(2)))))
_AS_COLUMN = Form((Hole(0), (slice(None), None)))
_DOWN = Form((Hole(0),), (("axis", 0),))


def defer(func: Func) -> Func:
    """`func` with its sums of outer products after the loops."""
    return func if func.notes.get("mirror") is None else _Defer(func).run()


class _Defer(Rewriter):
    def __init__(self, func: Func) -> None:
        super().__init__(func)
        self.spoiled = written(func.body)  # it must not be collected by reference
        # Tapes of loops of the function itself, with one item a turn, first to last.
        self.tapes: set[Atom] = set()

    def eqn(self, s: Eqn) -> Eqn | Atom:
        return s

    def stmt(self, s: Stmt) -> None:
        super().stmt(s)
        if not isinstance(s, Loop):
            return
        outer = s in self.old.body.stmts
        if self.adjoint:
            made = self.stmts.pop()
            assert isinstance(made, Loop)
            _Sums(self, made, outer).write()
        elif outer and not s.down:
            self.tapes.update(s.outs[len(s.carried) :])


class _Sums:
    """The sums of one loop that can be computed after it."""

    def __init__(self, owner: _Defer, loop: Loop, outer: bool) -> None:
        self.owner, self.loop, self.outer = owner, loop, outer
        self.made = {s.out: s for s in loop.body.stmts if isinstance(s, Eqn)}
        self.rows: dict[Var, Var] = {}  # a vector of the body to the sequence of it
        self.there: dict[Var, Atom] = {}  # to the tape or the array that has it in each turn
        self.matrices: dict[Var, Var] = {}
        self.pairs: dict[int, tuple[Var, Var]] = {}
        self.sums: dict[int, Var] = {}

    def write(self) -> None:
        n = len(self.loop.carried)
        terms = {k: self.term(k) for k in range(n)}
        for k, term in terms.items():
            pair = None if term is None else self.vectors(term, self.loop.outs[k])
            if pair is not None:
                self.pairs[k] = pair
                for v in pair:
                    self.collect(v)
        for k, term in terms.items():
            if term in self.rows and k not in self.pairs and _is_vector(self.at(k)):
                self.sums[k] = term
        self.owner.stmts.append(self.shorter())
        if not self.there:
            self.owner.old.notes.setdefault("unordered", set()).update(self.rows.values())
        for k in sorted({**self.pairs, **self.sums}):
            self.after(k)

    def collect(self, v: Var) -> None:
        """See to it that the vector `v` of each turn is there after the loop."""
        if v in self.rows or v in self.there:
            return
        found = self.found(v) if self.outer else None
        if found is None:
            self.rows[v] = Var(_hint(v), Seq(v.type))
        else:
            self.there[v] = found

    def found(self, v: Var) -> Atom | None:
        """The tape that `v` is walked in; the array whose rows are read, first to last."""
        items = self.loop.body.params[len(self.loop.carried) + 1 :]
        if v in items:
            tape = self.loop.walked[items.index(v)]
            return tape if tape in self.owner.tapes else None
        read, over = self.made.get(v), self.loop.over
        if (
            read is None
            or read.op is not ops.getitem
            or not isinstance(over, Range)
            or len(read.args) != 2
        ):
            return None
        assert read.form is not None
        X, index = read.args
        size = self.owner.made.get(over.stop) if isinstance(over.stop, Var) else None
        if size is None or size.op is not np.size or size.form is not None:
            return None
        all_of_it = size.args[0] is X and _numbers(*size.args[1:]) == (0,)
        plain = index is self.loop.body.params[0] and read.form.args[1] == Hole(1)
        whole = all_of_it and _numbers(over.start, over.step) == (0, 1)
        return X if whole and plain and _rank(X) == 2 else None

    def at(self, k: int) -> Var:
        return self.loop.outs[k]

    def term(self, k: int) -> Var | None:
        """What each turn adds to the carried value `k`, if that is all that is done with it."""
        p, r = self.loop.body.params[1 + k], self.loop.body.results[k]
        made = self.made.get(r) if isinstance(r, Var) else None
        if made is None or made.op is not operator.add or made.form is not None:
            return None
        if self.owner.uses[p] != 1 or self.owner.uses[made.out] != 1 or k == self.loop.stop:
            return None
        a, b = made.args
        term = b if a is p else a if b is p else None
        if not isinstance(term, Var) or not fits(term.type, p.type) or not fits(p.type, term.type):
            return None
        return term

    def vectors(self, term: Var, out: Var) -> tuple[Var, Var] | None:
        """The factors of an outer product that this loop makes."""
        made = self.made.get(term)
        if made is None or made.form is not None or self.owner.uses[term] != 1:
            return None
        g, h = self.factors(made)
        if not (isinstance(g, Var) and isinstance(h, Var)):
            return None
        chars = {t.char for t in (g.type, h.type, out.type) if isinstance(t, Array)}
        # Of no turn there is an empty list, which is of float64.
        good = chars == {"d"} or (len(chars) == 1 and runs(self.loop))
        return (g, h) if good and self.is_kept(g) and self.is_kept(h) else None

    def factors(self, made: Eqn) -> tuple[Atom | None, Atom | None]:
        """`g` and `h` of `np.outer(g, h)`, or of `g @ h.T` where both are columns."""
        if made.op is np.outer and all(_rank(a) == 1 for a in made.args):
            return made.args[0], made.args[1]
        if made.op in (operator.matmul, np.matmul, np.dot) and isinstance(made.args[1], Var):
            row = self.made.get(made.args[1])
            if row is not None and row.op is np.transpose and row.form is None:
                g, h = made.args[0], row.args[0]
                if _is_column(g) and _is_column(h):
                    return g, h
        return None, None

    def is_kept(self, v: Var) -> bool:
        """May `v` be collected: does each turn bind it, to memory that stays as it is?"""
        n, spoiled = len(self.loop.carried), self.owner.spoiled
        if v in spoiled:
            return False
        if v in self.made:
            s = self.made[v]
            if s.op is not ops.getitem:
                return True
            base = s.args[0]
            if base in spoiled:
                return False
            outside = base not in self.made and base not in self.loop.body.params
            listed = isinstance(atom_type(base), List) and outside  # of the forward sweep: it stays
            return listed or base in self.owner.old.body.params
        return v in self.loop.body.params[n + 1 :]

    def shorter(self) -> Loop:
        """The loop without the sums, collecting the vectors."""
        s, n = self.loop, len(self.loop.carried)
        stay = [k for k in range(n) if k not in self.pairs and k not in self.sums]
        if len(stay) == n:
            return s
        body = s.body
        params = (body.params[0], *(body.params[1 + k] for k in stay), *body.params[n + 1 :])
        results = (*(body.results[k] for k in stay), *body.results[n:], *self.rows)
        over = s.over
        if not isinstance(over, Range):
            test = over.test
            over = replace(over, test=replace(test, params=tuple(test.params[k] for k in stay)))
        gone = {body.results[k] for k in range(n) if k not in stay}
        stmts = tuple(e for e in body.stmts if not (isinstance(e, Eqn) and e.out in gone))
        return replace(
            s,
            over=over,
            outs=(*(s.outs[k] for k in stay), *s.outs[n:], *self.rows.values()),
            carried=tuple(s.carried[k] for k in stay),
            body=Block(params, stmts, results),
            stop=None if s.stop is None else stay.index(s.stop),
        )

    def after(self, k: int) -> None:
        """The sum after the loop, added to what it started from."""
        out, start = self.loop.outs[k], self.loop.carried[k]
        last = Eqn(out, np.sum, (), _DOWN, self.loop.at)
        if k in self.sums:
            last = replace(last, args=(self.matrix(self.sums[k], start, 0),))
            if _is_column(out):
                flat = Var("", Array(out.type.char, out.type.shape[:1]))  # type: ignore[attr-defined]
                self.owner.add(replace(last, out=flat))
                last = Eqn(out, ops.getitem, (flat,), _AS_COLUMN, self.loop.at)
        else:
            g, h = (self.matrix(v, start, axis) for axis, v in enumerate(self.pairs[k]))
            rows = self.owner.emit(np.transpose, (g,))
            last = replace(last, op=operator.matmul, args=(rows, h), form=None)
        made = self.owner.made.get(start) if isinstance(start, Var) else None
        if made is not None and made.op is ops.zeros_like:
            self.owner.add(last)
            return
        total = Var("", out.type)
        self.owner.add(replace(last, out=total))
        self.owner.add(Eqn(out, operator.add, (start, total), None, self.loop.at))

    def matrix(self, v: Var, start: Atom, axis: int) -> Atom:
        """The vectors as the rows of a matrix; of no rows, if there was no turn."""
        there = self.there.get(v)
        if there is not None and _rank(there) == 2:
            return there
        if v not in self.matrices:
            size = Var("", INT)
            self.owner.add(Eqn(size, np.size, (self.sized(start), Lit(axis))))
            assert isinstance(v.type, Array)
            rows = self.rows[v] if there is None else there
            out, turns = Var("", Array(v.type.char, ("?", v.type.shape[0]))), Var("", INT)
            self.owner.add(Eqn(turns, len, (rows,)))
            self.owner.add(Eqn(out, np.reshape, (rows, turns, size), _ROWS))
            self.matrices[v] = out
        return self.matrices[v]

    def sized(self, start: Atom) -> Atom:
        """What `start` is the zero of: that makes it unnecessary."""
        made = self.owner.made.get(start) if isinstance(start, Var) else None
        return made.args[0] if made is not None and made.op is ops.zeros_like else start


def _numbers(*atoms: Atom) -> tuple[int | None, ...]:
    """The ints that constants are."""
    return tuple(map(number, atoms))


def _rank(a: Atom | None) -> int:
    t = atom_type(a) if a is not None else None
    return len(t.shape) if isinstance(t, Array) and not t.loose else -1


def _is_column(a: Atom) -> bool:
    t = atom_type(a)
    return isinstance(t, Array) and len(t.shape) == 2 and t.shape[1] == 1 and not t.loose


def _is_vector(a: Atom) -> bool:
    return _rank(a) == 1 or _is_column(a)


def _hint(v: Var) -> str:
    return f"{v.hint}_rows" if v.hint else "rows"
