"""Which values become part of the expression that uses them.

A temporary that is used once is written where it is used, as long as the line stays short.  What is
trivial (`i - 1`, `x.shape[0]`, `A.T`) is written wherever it is used.  Names of the user's stay,
but the first part of a sum of contributions to one cotangent needs no line of its own.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from s2sgrad.emit.apart import Apart
from s2sgrad.emit.expr import BINARY, COMPARE, UNARY
from s2sgrad.emit.facts import Order, stops
from s2sgrad.emit.live import Use
from s2sgrad.emit.names import RESULT
from s2sgrad.emit.results import Result, width
from s2sgrad.emit.unpack import Unpacked
from s2sgrad.ir import ops
from s2sgrad.ir.alias import WRITES
from s2sgrad.ir.graph import (
    Atom,
    Block,
    Branch,
    Eqn,
    Func,
    Hole,
    Lit,
    Loop,
    Pack,
    Range,
    Stmt,
    Undef,
    Var,
    atom_type,
    is_attempt,
)
from s2sgrad.ir.types import INT, Array
from s2sgrad.ir.walk import bound_by

# Of one expression: more would be too deep for the printers.
MOST_OPERATIONS = 24
WIDEST = 76  # a line, as far as it can be told before there are names
WIDEST_TERNARY = 40  # a test and what is chosen
MOST_RETURNED = 4  # results, some of them expressions
WIDEST_RETURNED = 44  # such an expression
WIDEST_STORE = 90  # of `x[i, j] = v`
SUM = {operator.add, operator.sub}


class Folding:
    """`folded` maps what gets no line of its own to the statement that makes it."""

    def __init__(
        self,
        func: Func,
        where: dict[Var, list[Use]],
        tape_items: set[Atom],
        order: Order,
        apart: Apart,
        unpacked: Unpacked,
        result: Result,
    ) -> None:
        self.where, self.tape_items, self.order, self.apart = where, tape_items, order, apart
        self.unpacked = unpacked
        self.folded: dict[Var, Eqn | Branch] = {}
        self.operations: dict[Var, int] = {}  # in the expression of a folded value
        self.width: dict[Atom, int] = {}  # of its text
        self.rows: dict[Loop, Eqn] = {}  # loops over an array, and what reads its rows
        self.inline: set[Stmt] = set()  # branches that are assigned as expressions
        self.stops = stops(func.body)
        self.params: set[Atom] = set(func.body.params)
        self.fixed: set[Atom] = set(func.body.params)  # values whose names no other value takes
        self.func, self.room = func, WIDEST + 4
        self.room -= len("return ") + width(result, [*map(self.of, func.body.results)])
        loops = [k for k, s in enumerate(func.body.stmts) if isinstance(s, Loop)]
        self.last_loop = max(loops, default=-1)
        self.block(func.body, 1)

    def block(self, block: Block, depth: int) -> None:
        for s in block.stmts:
            if isinstance(s, Eqn):
                self.eqn(s, block, depth)
            elif isinstance(s, Branch):
                self.block(s.then, depth + 1)
                self.block(s.orelse, depth + 1)
                if self.is_ternary(s):
                    self.ternary(s, block)
            else:
                if not isinstance(s.over, Range):
                    self.block(s.over.test, depth + 1)
                self.fixed.add(s.body.params[0])
                self.block(s.body, depth + 1)
                row = self.row(s)
                if row is not None:
                    self.rows[s] = row

    def eqn(self, s: Eqn, block: Block, depth: int) -> None:
        v = s.out
        self.width[v] = self.of_text(s)
        trivial = self.is_trivial(s, block)
        if trivial or (self.can_fold(v, block) and not s.effect and s.op not in WRITES):
            size = 1 + sum(self.operations.get(a, 0) for a in s.args if isinstance(a, Var))
            if size <= MOST_OPERATIONS and (trivial or self.has_room(v, depth)):
                self.folded[v] = s
                self.operations[v] = size
                return
        self.width[v] = self.of_name(v)

    def row(self, s: Loop) -> Eqn | None:
        """`x = X[i]`, if the number of the turn serves nothing else: it is `for x in X`."""
        uses = self.where[s.body.params[0]]
        if not isinstance(s.over, Range) or len(uses) != 1 or uses[0][0] is not s.body:
            return None
        e, size = uses[0][1], self.order.made(s.over.stop)
        if not isinstance(e, Eqn) or e.op is not ops.getitem or size is None:
            return None
        assert e.form is not None
        X = e.args[0]
        all_of_it = size.op is np.size and size.form is None and size.args[0] is X
        all_of_it = all_of_it and len(size.args) == 2 and _is(size.args[1], 0)
        whole = all_of_it and _is(s.over.start, 0) and _is(s.over.step, 1)
        plain = e.out not in self.folded and bool(e.out.hint) and not (e.effect or e.raises)
        if not (whole and plain and X in self.params and e.form.args[1] == Hole(1)):
            return None
        return e if len(e.args) == 2 and isinstance(atom_type(X), Array) else None

    # -- once

    def can_fold(self, v: Var, block: Block) -> bool:
        if len(self.where[v]) != 1:
            return False
        (where, s), made = self.where[v][0], self.order.made(v)
        if where is not block:
            return False
        if v in self.apart.items or v in self.apart.reads or made in self.unpacked.reads:
            return False
        if v in self.tape_items:
            return s is None and self.order.made_here(v, block)
        returned = v.hint == RESULT and s is not None  # by a function that was inlined
        ends = s is None and block is self.func.body and self.may_end(v)
        read = isinstance(s, Eqn) and self.is_part(v)
        if v.hint and not (returned or ends or read or self.is_partial_sum(v, s)):
            return False
        if not self.order.may_wait(v, block, s):
            return False
        if s is None:
            return True
        if isinstance(s, Eqn) and s.op in WRITES and v is s.args[0]:
            return False
        if isinstance(s, Loop):
            return isinstance(s.over, Range) and v in (s.over.start, s.over.stop, s.over.step)
        if isinstance(s, Branch):
            return v is s.test
        return True

    def may_end(self, v: Var) -> bool:
        """May a result with a name be part of the `return`: few are, and no loop stands between?"""
        few = v.hint == RESULT or len(self.func.body.results) <= MOST_RETURNED
        made = self.order.made(v)
        if made is None or v in self.order.in_place or self.order.index[made] < self.last_loop:
            return False
        return few and self.width[v] <= WIDEST_RETURNED

    def is_part(self, v: Var) -> bool:
        """Is it a leaf of an argument: `p["W"]`, as the program itself writes it?"""
        made = self.order.made(v)
        return made is not None and made.op is ops.part

    def is_partial_sum(self, v: Var, s: Stmt | None) -> bool:
        """Is `v` what a cotangent is before more is added to it?"""
        if not (isinstance(s, Eqn) and s.op in SUM and s.form is None and v is s.args[0]):
            return False
        return v.hint.endswith("_bar") and s.out.hint == v.hint and s.args[1] is not v

    def is_ternary(self, s: Branch) -> bool:
        """Is the branch one value, each arm an expression?"""
        if is_attempt(s.test) or s.joined != 1 or len(s.outs) != 1 or s.walked != ((), ()):
            return False
        for arm in s.arms:
            for inner in arm.stmts:
                if not all(v in self.folded for v in bound_by(inner)) or not bound_by(inner):
                    return False
        return not any(
            isinstance(r, Lit) and isinstance(r.value, Undef) for arm in s.arms for r in arm.results
        )

    def ternary(self, s: Branch, block: Block) -> None:
        """A branch that is an expression: part of another one, or assigned on one line."""
        if s.outs[0] in self.stops:
            return  # it becomes `break`
        if s.then.results[0] is s.test or s.orelse.results[0] is s.test:  # `and`, `or`
            self.absorb(s, block)
        elif any(_is_update(r, s.outs[0]) for r in (s.then.results[0], s.orelse.results[0])):
            return  # `if test: x *= 2.0`
        elif sum(map(self.of, (s.test, s.then.results[0], s.orelse.results[0]))) > WIDEST_TERNARY:
            return
        if self.can_fold(s.outs[0], block):
            self.folded[s.outs[0]] = s
        else:
            self.inline.add(s)

    def absorb(self, s: Branch, block: Block) -> None:
        """Fold the first operand of `and`, of which the test and one of the arms is made."""
        v = s.test
        made = self.order.maker(v, block) if isinstance(v, Var) and not v.hint else None
        if made is None or v in self.folded or v in self.tape_items or len(self.where[v]) != 2:  # type: ignore[index]
            return
        mine = all(u is s or (u is None and b in s.arms) for b, u in self.where[v])  # type: ignore[index]
        plain = made in self.inline or (isinstance(made, Eqn) and not (made.effect or made.raises))
        if mine and plain and self.order.may_wait(v, block, s):  # type: ignore[arg-type]
            self.folded[v] = made  # type: ignore[index, assignment]

    # -- more than once

    def is_trivial(self, s: Eqn, block: Block) -> bool:
        """Is it written in no time wherever it is used, and used nowhere but in expressions?"""
        v = s.out
        if v.hint or s.effect or s.raises or v in self.tape_items or v in self.apart.items:
            return False
        if not all(self.is_in_expression(v, use) for use in self.where[v]):
            return False
        if s.op is np.transpose and s.form is None:
            if s.args[0] in self.params:
                return True
            same = all(where is block for where, _ in self.where[v])
            return same and all(self.order.may_wait(v, block, u) for _, u in self.where[v])
        stays = all(isinstance(a, Lit) or a in self.fixed or a in self.folded for a in s.args)
        if not stays or s.form is not None or not s.args:
            return False
        if s.op is np.size:
            return isinstance(atom_type(s.args[0]), Array)
        first = s.args[0]
        made = self.order.made(first)
        small = made is None or made.op is np.size or not self.operations.get(made.out)
        return v.type == INT and s.op in SUM and isinstance(s.args[-1], Lit) and small

    def is_in_expression(self, v: Var, use: Use) -> bool:
        s = use[1]
        if isinstance(s, Eqn):
            return not (s.op in WRITES and v is s.args[0])
        if isinstance(s, Loop):
            return isinstance(s.over, Range) and v not in s.carried
        return isinstance(s, Branch) and v is s.test

    # -- how wide

    def has_room(self, v: Var, depth: int) -> bool:
        """Does the line that uses `v` stay short?"""
        where, user = self.where[v][0]
        if user is None and where is self.func.body:
            longer = self.width[v] - self.of_name(v)
            if longer > self.room:
                return False
            self.room -= longer
            return True
        if not isinstance(user, Eqn):
            return True
        target = len(user.out.hint) or 2
        whole = self.of_text(user) + 4 * depth + target + 3
        widest = WIDEST_STORE if user.op in WRITES else WIDEST
        made = self.order.made(v)
        read = made is not None and made.op is ops.getitem
        return whole <= widest or self.width[v] <= (20 if read else 12)

    def of_name(self, v: Var) -> int:
        return len(v.hint) or 3

    def of(self, a: Atom) -> int:
        """The width of an operand."""
        if isinstance(a, Lit):
            return len(repr(a.value))
        return self.width.get(a, self.of_name(a))

    def of_text(self, s: Eqn) -> int:
        """About how wide the text of an equation is."""
        args = sum(map(self.of, s.args))
        if s.form is None and (s.op in BINARY or s.op in COMPARE):
            return args + 3 + sum(self.is_lower(a, s) for a in s.args)
        if s.form is None and s.op in UNARY:
            return args + 1 + sum(self.is_lower(a, s) for a in s.args)
        if s.op is np.transpose and s.form is None:
            return args + 2
        if s.form is None:
            return args + _spelled(s.op) + 2 * len(s.args)
        if s.op is ops.part:
            return _template(s.form.args[1])
        if s.op is ops.getitem or s.op in WRITES:
            return args + _template(s.form.args[1]) + 2
        rest = sum(2 + _template(t) for t in s.form.args)
        named = sum(len(k) + 3 + _template(t) for k, t in s.form.kwargs)
        return args + _spelled(s.op) + rest + named

    def is_lower(self, a: Atom, s: Eqn) -> int:
        """2 where parentheses will stand around an operand."""
        made = self.folded.get(a) if isinstance(a, Var) else None
        low = isinstance(made, Eqn) and made.op in SUM and made.form is None
        return 2 if low and s.op not in SUM else 0


def _is(a: Atom, value: int) -> bool:
    return isinstance(a, Lit) and type(a.value) is int and a.value == value


def _is_update(r: Atom, out: Var) -> bool:
    """Is a result of an arm what the name had before?"""
    return isinstance(r, Var) and bool(out.hint) and r.hint == out.hint


def _spelled(op: Any) -> int:
    """The width of a function's name, with its module."""
    module = (getattr(op, "__module__", "") or "numpy").replace("numpy", "np")
    module = "" if module.startswith(("s2sgrad", "builtins")) else module.partition("._")[0]
    return len(getattr(op, "__name__", "")) + len(module) + 1


def _template(t: Any) -> int:
    """The width of an index or an argument, without what fills its holes."""
    if isinstance(t, Hole):
        return 0
    if isinstance(t, Pack):
        return sum(1 + _template(i) for i in t.items if i is not None) + 1
    if isinstance(t, tuple):
        return sum(2 + _template(i) for i in t)
    if isinstance(t, slice):
        return 1 + sum(len(repr(p)) for p in (t.start, t.stop, t.step) if p is not None)
    return len(getattr(t, "__name__", repr(t)))


__all__ = ["Folding"]
