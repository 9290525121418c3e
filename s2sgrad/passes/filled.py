"""Lists that a loop fills, one item a turn: where each item is.

    hs = [h]
    for t in range(n):
        hs.append(np.tanh(W @ hs[t]))
        y = V @ hs[t + 1]

In turn `t` the item that is appended has the place `t + 1`.  So `hs[t + 1]` is that item itself,
and the mirror finds it, and `hs[t]`, in the list: `remember` needs no tape of what the program
keeps anyway.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from s2sgrad.ir import ops
from s2sgrad.ir.build import resolve, substitute
from s2sgrad.ir.graph import (
    Atom,
    Block,
    Branch,
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
)
from s2sgrad.ir.types import INT, List
from s2sgrad.passes.costs import again
from s2sgrad.passes.cut import INFINITE


@dataclass(eq=False)
class Filled:
    """A list that the body of a loop appends to once, at its top level, and else reads alone."""

    loop: Loop
    before: Var  # in a turn, before the item is appended
    after: Var
    item: Atom
    out: Var  # after the loop
    start: int
    last: int  # the item has the place `index + last`

    def place(self, made: dict[Var, Eqn], read: Eqn) -> int | None:
        """`k`, where `read` reads the item number `index + k` of the list; None: not so simple."""
        if read.op is not ops.getitem or read.form is None or _steps(read.form)[0] != Hole(1):
            return None
        if read.args[0] is not self.before and read.args[0] is not self.after:
            return None
        index, k = self.loop.body.params[0], read.args[1]
        sum_ = made.get(k) if isinstance(k, Var) else None
        if k is index or sum_ is None or len(sum_.args) != 2:
            return 0 if k is index else None
        a, b = sum_.args
        if sum_.op is operator.add and b is index:
            a, b = b, a
        if a is not index or not isinstance(b, Lit) or type(b.value) is not int:
            return None
        signs = {operator.add: 1, operator.sub: -1}
        n = b.value * signs[sum_.op] if sum_.op in signs else -self.start - 1
        return n if n >= -self.start else None  # less may count from the end

    def reads(self, made: dict[Var, Eqn]) -> Iterator[tuple[list[Eqn], Eqn]]:
        """The values of the body that are in the list after the loop, and how they are read there.

        Values that are cheap to compute stay what they are.
        """
        index, k = self.loop.body.params[0], self.last
        for s in self.loop.body.stmts:
            if isinstance(s, Eqn) and self.place(made, s) is not None:
                yield [], Eqn(s.out, ops.getitem, (self.out, *s.args[1:]), s.form)
            elif isinstance(s, Eqn) and s.out is self.item and again(s) == INFINITE:
                place = Var("", INT) if k else index
                op = operator.add if k > 0 else operator.sub
                sums = [Eqn(place, op, (index, Lit(abs(k))))] if k else []
                yield sums, Eqn(s.out, ops.getitem, (self.out, place), _ITEM)


_ITEM = Form((Hole(0), Hole(1)))


def _steps(form: Form) -> tuple[Any, ...]:
    """The indices of a read, one after another."""
    path = form.args[1]
    return path.items if isinstance(path, Pack) and path.kind == "path" else (path,)


def filled(func: Func) -> Func:
    """`func`, where what was just appended is not read back."""
    one = _Items()
    body = one.block(func.body, {})
    return replace(func, body=substitute(body, one.mapping))


class _Items:
    def __init__(self) -> None:
        self.mapping: dict[Var, Atom] = {}
        self.parts: dict[Var, Eqn] = {}  # what is read of an item that was just appended

    def block(self, block: Block, around: dict[Var, Eqn]) -> Block:
        made = {**around, **{s.out: s for s in block.stmts if isinstance(s, Eqn)}}
        stmts: list[Stmt] = []
        for s in block.stmts:
            if isinstance(s, Loop):
                for one in fillings(s, made):
                    self.read(s.body, one, {})
                s = replace(s, body=self.block(s.body, made))
            elif isinstance(s, Branch):
                s = replace(s, then=self.block(s.then, made), orelse=self.block(s.orelse, made))
            if isinstance(s, Eqn):
                s = self.parts.get(s.out, s)
                if s.out in self.mapping:
                    continue
            stmts.append(s)
        return replace(block, stmts=tuple(stmts))

    def read(self, block: Block, one: Filled, made: dict[Var, Eqn]) -> None:
        """Note which values of the block are the item that was appended."""
        made = {**made, **{s.out: s for s in block.stmts if isinstance(s, Eqn)}}
        for s in block.stmts:
            if isinstance(s, Loop):
                self.read(s.body, one, made)
            elif isinstance(s, Branch):
                self.read(s.then, one, made)
                self.read(s.orelse, one, made)
            elif s.args and s.args[0] is one.after and one.place(made, s) == one.last:
                self.found(s, resolve(one.item, self.mapping))

    def found(self, s: Eqn, item: Atom) -> None:
        """`s` reads the item, or a part of it."""
        assert s.form is not None
        rest = _steps(s.form)[1:]
        if not rest:
            self.mapping[s.out] = item
            return
        path = _one_less(rest[0] if len(rest) == 1 else Pack("path", rest))
        if len(rest) == 1 and isinstance(path, Pack) and path.kind == "transpose":
            path = Pack("path", (path,))
        self.parts[s.out] = replace(s, args=(item, *s.args[2:]), form=Form((Hole(0), path)))


def _one_less(template: Any) -> Any:
    """The template of what has one operand less at the front."""
    if isinstance(template, Hole):
        return Hole(template.k - 1)
    if isinstance(template, Pack):
        return replace(template, items=tuple(map(_one_less, template.items)))
    return template


def fillings(s: Loop, made: dict[Var, Eqn]) -> list[Filled]:
    """The lists that a loop fills; `made` has the equations before it."""
    start = number(s.over.start) if isinstance(s.over, Range) else None
    if not isinstance(s.over, Range) or start is None or start < 0 or number(s.over.step) != 1:
        return []
    inside = {e.out: e for e in s.body.stmts if isinstance(e, Eqn)}
    found = []
    for init, p, r, out in zip(s.carried, s.body.params[1:], s.body.results, s.outs, strict=False):
        last = inside.get(r) if isinstance(r, Var) and isinstance(p.type, List) else None
        length = _length(init, made)
        if last is not None and last.op is ops.append and last.args[0] is p and length is not None:
            found.append(Filled(s, p, last.out, last.args[1], out, start, length - start))
    return found


def _length(v: Atom, made: dict[Var, Eqn]) -> int | None:
    """The length of a list that was just displayed, and appended to."""
    e, more = made.get(v) if isinstance(v, Var) else None, 0
    while e is not None and e.op is ops.append:
        v, more = e.args[0], more + 1
        e = made.get(v) if isinstance(v, Var) else None
    return len(e.args) + more if e is not None and e.op is ops.list_ else None


def number(a: Atom) -> int | None:
    """The int that `a` is, if it is a constant."""
    return a.value if isinstance(a, Lit) and type(a.value) is int else None
