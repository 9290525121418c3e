"""The maximum that keeps a softmax from overflowing has no derivative.

In `m + np.log(np.sum(np.exp(z - m)))`, and in `np.exp(z - m) / np.sum(np.exp(z - m))`, the
derivative in `m` is exactly zero, however `m` was computed.  That is found by asking what adding
`d` to `m` would do to each later value: it adds `c * d` (a shift), multiplies by `exp(c * d)` (a
scaling), or neither.  If the rest of the block sees only values of the last kind, the maximum is
taken of a constant, and the whole adjoint of `np.max` (ties, counts, masks) is never written.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from s2sgrad.ir.graph import Atom, Block, Branch, Eqn, Func, Hole, Lit, Pack, Stmt, Var, atom_type
from s2sgrad.ir.types import Array, Scalar
from s2sgrad.ir.walk import reads
from s2sgrad.passes.rewrite import Rewriter
from s2sgrad.rules.registry import canonical, zero


def still(x: Any) -> Any:
    """`x` as a constant."""
    return x


zero(still)


def shift(func: Func) -> Func:
    """`func` with maxima that cancel taken of constants; after `reverse`, without that mark."""
    return _Unmark(func).run() if "mirror" in func.notes else _Mark(func).run()


class _Unmark(Rewriter):
    def eqn(self, s: Eqn) -> Eqn | Atom:
        return s.args[0] if s.op is still else s


class _Mark(Rewriter):
    def __init__(self, func: Func) -> None:
        super().__init__(func)
        self.cancels: set[Var] = set()
        self.look(func.body)

    def look(self, block: Block) -> None:
        for k, s in enumerate(block.stmts):
            if isinstance(s, Eqn):
                if s.op in (np.max, np.min) and _cancels(s, block, block.stmts[k + 1 :]):
                    self.cancels.add(s.out)
            else:
                for b in s.arms if isinstance(s, Branch) else (s.body,):
                    self.look(b)

    def eqn(self, s: Eqn) -> Eqn | Atom:
        x = s.args[0] if s.args else None
        if s.out not in self.cancels or not isinstance(x, Var) or s.op is still:
            return s
        if isinstance(self.made.get(x), Eqn) and self.made[x].op is still:
            return s
        constant = Var("", x.type)
        self.add(Eqn(constant, still, (x,), None, s.at))
        return replace(s, args=(constant, *s.args[1:]))


@dataclass(frozen=True)
class _Kind:
    """What `d` does to a value: `scales`, by `exp(c * d)`, or adds `c * d`.

    `wide`: the value has the axis along which `d` is the same; else that axis is gone.
    """

    scales: bool
    c: float
    wide: bool


class _Matters(Exception):
    """The derivative in the maximum is not zero."""


def _cancels(m: Eqn, block: Block, rest: tuple[Stmt, ...]) -> bool:
    try:
        _Follow(m).through(block, rest)
    except _Matters:
        return False
    return True


class _Follow:
    def __init__(self, m: Eqn) -> None:
        x, out = atom_type(m.args[0]), m.out.type
        if not isinstance(x, Array) or x.loose:
            raise _Matters
        self.rank = len(x.shape)
        self.axis, wide = None, True
        if isinstance(out, Array):
            self.axis = _axis_of(m, self.rank)
            wide = len(out.shape) == self.rank
        elif not isinstance(out, Scalar):
            raise _Matters
        self.kinds: dict[Atom, _Kind] = {m.out: _Kind(False, 1.0, wide)}

    def through(self, block: Block, rest: tuple[Stmt, ...]) -> None:
        for s in rest:
            if isinstance(s, Eqn):
                if any(a in self.kinds for a in s.args):
                    kind = self.kind(s)
                    if kind.c != 0:
                        self.kinds[s.out] = kind
            elif any(v in self.kinds for v in reads([Block((), (s,), ())])):
                raise _Matters
        if any(r in self.kinds for r in block.results):
            raise _Matters

    def kind(self, s: Eqn) -> _Kind:
        """What `d` does to the result of `s`."""
        if s.effect or s.raises:
            raise _Matters
        op = canonical(s.op)
        if op in (np.sum, np.mean):
            if s.form is None and len(s.args) > 1:
                raise _Matters  # the axis is a number of the program
            return self.reduced(s)
        name = getattr(op, "__name__", "")
        if name == "getitem":
            return self.viewed(s)
        if s.form is not None:
            raise _Matters
        kinds = [self.kinds.get(a) for a in s.args]
        if op in (np.exp, np.log, np.negative):
            return self.unary(s, op, kinds[0])
        wide = self.place(s, kinds)
        a, b = (kinds[0], kinds[1]) if len(kinds) == 2 else (None, None)
        if op in (np.add, np.subtract):
            sign = 1.0 if op is np.add else -1.0
            return _Kind(False, _shifts(a) + sign * _shifts(b), wide)
        if op in (np.multiply, np.divide):
            if op is np.multiply and a is not None and not a.scales and isinstance(s.args[1], Lit):
                return replace(a, c=a.c * float(s.args[1].value))
            sign = 1.0 if op is np.multiply else -1.0
            return _Kind(True, _scales(a) + sign * _scales(b), wide)
        raise _Matters

    def unary(self, s: Eqn, op: Any, a: _Kind | None) -> _Kind:
        if a is None or (op is np.log) != a.scales:
            raise _Matters
        if op is np.negative:
            return replace(a, c=-a.c)
        return replace(a, scales=op is np.exp)

    def place(self, s: Eqn, kinds: list[_Kind | None]) -> bool:
        """Has the result the axis?  What `d` changes must have it in the same place."""
        if self.axis is None:
            return True
        t = s.out.type
        rank = len(t.shape) if isinstance(t, Array) else -1
        places = {k.wide for k in kinds if k is not None}
        if rank == self.rank and (self.axis == 0 or places == {True}):
            return True  # a first axis that is gone is put back by broadcasting
        if rank == self.rank - 1 and places == {False}:
            return False
        raise _Matters

    def reduced(self, s: Eqn) -> _Kind:
        """A sum along the axis of what is scaled alike along it."""
        a = self.kinds[s.args[0]]
        if not a.scales:
            raise _Matters
        if self.axis is None:
            return a
        x, t = atom_type(s.args[0]), s.out.type
        if not a.wide or not isinstance(x, Array) or not isinstance(t, Array):
            raise _Matters
        if len(x.shape) != self.rank or _axis_of(s, self.rank) != self.axis:
            raise _Matters
        return replace(a, wide=len(t.shape) == self.rank)

    def viewed(self, s: Eqn) -> _Kind:
        """`m[:, None]` of a maximum without its axis."""
        a = self.kinds[s.args[0]]
        if self.axis is None or a.wide or s.form is None or len(s.args) != 1:
            raise _Matters
        index = s.form.args[1]
        items = index.items if isinstance(index, Pack) else index
        items = list(items) if isinstance(items, tuple) else [items]
        items += [slice(None)] * (self.rank - len(items))
        whole = (slice(None), Pack("slice", (None, None, None)))
        for k, i in enumerate(items):
            if (i is not None) if k == self.axis else (i not in whole):
                raise _Matters
        return replace(a, wide=True)


def _shifts(k: _Kind | None) -> float:
    if k is not None and k.scales:
        raise _Matters
    return 0.0 if k is None else k.c


def _scales(k: _Kind | None) -> float:
    if k is not None and not k.scales:
        raise _Matters
    return 0.0 if k is None else k.c


def _axis_of(s: Eqn, rank: int) -> int:
    """The one axis of a reduction."""
    if s.form is None:
        raise _Matters
    named = {**dict(zip(("a", "axis"), s.form.args, strict=False)), **dict(s.form.kwargs)}
    if not set(named) <= {"a", "axis", "keepdims"}:
        raise _Matters
    axis = named.get("axis")
    if isinstance(axis, Hole):
        a = s.args[axis.k]
        axis = a.value if isinstance(a, Lit) else None
    if not isinstance(axis, int) or not -rank <= axis < rank:
        raise _Matters
    return axis % rank
