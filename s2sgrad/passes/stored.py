"""Arrays that a loop fills, one place a turn: what was read or stored is still there afterwards.

    for i in range(1, n):
        y[i] = f(y[i - 1], x[i])

Turn `i` stores at `y[i]`, later turns further up: so after the loop `y[i - 1]` and `y[i]` are what
they were in this turn, and the mirror reads them there.  All stores must be at the number of the
turn plus a constant, in the body itself; a loop that counts down is the same, upside down.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from dataclasses import dataclass

from s2sgrad.front.infer import fits, infer
from s2sgrad.ir import ops
from s2sgrad.ir.graph import Atom, Eqn, Form, Hole, Lit, Loop, Pack, Range, Var
from s2sgrad.ir.types import Array, Scalar
from s2sgrad.passes.costs import again
from s2sgrad.passes.cut import INFINITE
from s2sgrad.passes.filled import number


@dataclass(eq=False)
class Stored:
    """An array that the body of a loop stores to: its versions in a turn, the offsets of stores."""

    loop: Loop
    up: bool
    least: int  # a turn's number is not less
    versions: list[Atom]  # what the turn was handed, then what each store made
    stores: list[tuple[Eqn, int]]
    out: Var

    def keeps(self, n: int, k: int, place: Eqn) -> bool:
        """Is the `place`, at `index + k`, of version `n` never stored to from then on?"""
        if any(c == k and not _apart(s, place) for s, c in self.stores[n:]):
            return False
        return all(c >= k if self.up else c <= k for _, c in self.stores)

    def reads(self, made: dict[Var, Eqn]) -> Iterator[Eqn]:
        """The values of the body that are in the array after the loop, as reads of it."""
        for s in self.loop.body.stmts:
            if isinstance(s, Eqn) and s.op is ops.getitem and s.args[0] in self.versions:
                k = _offset(s, self.loop, self.least, made)
                if k is not None and self.keeps(self.versions.index(s.args[0]), k, s):
                    yield Eqn(s.out, ops.getitem, (self.out, *s.args[1:]), s.form)
        for n, (s, c) in enumerate(self.stores, 1):
            read = self.read_back(s, made)
            if read is not None and self.keeps(n, c, s):
                yield read

    def read_back(self, s: Eqn, made: dict[Var, Eqn]) -> Eqn | None:
        """What was stored as a read, if that has its type, and is not cheap to compute."""
        v = s.args[-1]
        if not isinstance(v, Var) or s.form is None or s.op is not ops.setitem:
            return None
        args, form = (self.out, *s.args[1:-1]), Form(s.form.args[:2])
        t, own = infer(ops.getitem, args, form), made.get(v)
        numbers = isinstance(v.type, Scalar) and isinstance(t, Scalar) and v.type.kind == t.kind
        arrays = isinstance(v.type, Array) and isinstance(t, Array) and v.type.char == t.char
        here = own is not None and own in self.loop.body.stmts and again(own) == INFINITE
        double = isinstance(self.out.type, Array) and self.out.type.char == "d"
        if not (here and (arrays or (numbers and double)) and fits(v.type, t)):
            return None
        return Eqn(v, ops.getitem, args, form)


def stored(s: Loop, made: dict[Var, Eqn]) -> list[Stored]:
    """The arrays that a loop fills; `made` has the equations of its body, too."""
    bounds = _bounds(s)
    if bounds is None:
        return []
    up, least = bounds
    found = []
    for p, r, out in zip(s.body.params[1:], s.body.results, s.outs, strict=False):
        stores: list[tuple[Eqn, int]] = []
        e = made.get(r) if isinstance(r, Var) else None
        while e is not None and e.op in (ops.setitem, ops.additem) and e in s.body.stmts:
            c = _offset(e, s, least, made)
            if c is None:
                break
            stores.append((e, c))
            r = e.args[0]
            e = made.get(r) if isinstance(r, Var) else None
        if r is p and stores and isinstance(p.type, Array):
            stores.reverse()
            found.append(Stored(s, up, least, [p, *(e.out for e, _ in stores)], stores, out))
    return found


def _bounds(s: Loop) -> tuple[bool, int] | None:
    """Does the loop count up, and from which number (at least)?  None: it may be negative."""
    if not isinstance(s.over, Range):
        return None
    step = number(s.over.step)
    if step == 1:
        start = number(s.over.start)
        return None if start is None or start < 0 else (True, start)
    stop = number(s.over.stop)
    return None if step != -1 or stop is None or stop < -1 else (False, stop + 1)


def _offset(s: Eqn, loop: Loop, least: int, made: dict[Var, Eqn]) -> int | None:
    """`c`, where the first index of `s` is the number of the turn plus `c`, and not negative."""
    template = s.form.args[1] if s.form is not None else None
    if isinstance(template, Pack) and template.kind == "tuple" and template.items:
        template = template.items[0]
    if not isinstance(template, Hole):
        return None
    a, index = s.args[template.k], loop.body.params[0]
    c = 0
    if a is not index:
        e = made.get(a) if isinstance(a, Var) else None
        if e is None or e.op not in (operator.add, operator.sub):
            return None
        x, y = e.args if e.args[0] is index or e.op is operator.sub else e.args[::-1]
        n = number(y)
        if x is not index or n is None:
            return None
        c = n if e.op is operator.add else -n
    return c if least + c >= 0 else None


def _apart(s: Eqn, other: Eqn) -> bool:
    """Do the places of the two differ in an index after the first, whatever that is?"""
    return any(a != b for a, b in zip(_rest(s), _rest(other), strict=False) if a and b)


def _rest(s: Eqn) -> list[str]:
    """The indices after the first: the constants that count from the start, as text."""
    template = s.form.args[1] if s.form is not None else None
    items = template.items[1:] if isinstance(template, Pack) else ()
    found = [s.args[i.k] if isinstance(i, Hole) else i for i in items]
    values = [a.value if isinstance(a, Lit) else a for a in found]
    if not all(type(v) is int for v in values):
        return []  # `None` and `...` shift what comes after them
    return ["" if str(v).startswith("-") else str(v) for v in values]
