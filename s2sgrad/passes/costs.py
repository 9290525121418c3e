"""What it costs to tape a value, and to compute it again: nanoseconds a turn.

Measured with `timeit` (CPython 3.11, NumPy 2.4, 2 shared cores, the best of 5): `append` and `pop`
43; `x * y` of floats 15, of NumPy scalars 40; `math.sin(x)` 25; `a[i]` 42; `a[1:-1]` 84, `a.T` 55;
`a + b` 270 for 10 elements.  A taped array is a reference, but its memory is not used again: a turn
of `c = a + b` costs 290 alone, 670 with a tape of `c`, 1050 computed twice, with 10 elements; with
100 000 it costs 37 us, 450 us and 65 us.  So one pass over arrays at hand is computed again, two
are not.  A tape is also three lines of text: it counts as a little more than it takes.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from s2sgrad.ir import ops
from s2sgrad.ir.alias import SHAPE_ONLY, WRITES, is_memory, reads_copy, sources
from s2sgrad.ir.graph import Atom, Block, Branch, Eqn, Loop, Var, atom_type
from s2sgrad.ir.types import Array, List, Scalar, Unknown
from s2sgrad.passes.cut import INFINITE

NUMBER_TAPE = 60.0
ARRAY_TAPE = 600.0
NEVER = 1e6  # a tape that copies the whole array in each turn
NUMBER = 15.0
NUMPY_NUMBER = 40.0
CALL = 30.0  # of `math`, `len`, `float`
READ = 42.0
VIEW = 55.0
PASS = 450.0

_ARITHMETIC: set[Any] = {
    operator.add,
    operator.sub,
    operator.mul,
    operator.neg,
    abs,
    operator.mod,
    operator.floordiv,
    operator.lt,
    operator.le,
    operator.gt,
    operator.ge,
    operator.eq,
    operator.ne,
    ops.not_,
}
_FLOAT = {operator.truediv, operator.pow}  # of Python floats: of NumPy's they may warn twice
_VIEWS: set[Any] = {np.transpose, np.reshape, np.swapaxes, np.expand_dims}


def to_tape(v: Var, spoiled: bool) -> float:
    """The cost of a tape of `v`; `spoiled`: it will be written to."""
    if isinstance(v.type, Scalar):
        return NUMBER_TAPE
    if spoiled or not isinstance(v.type, Array | Unknown):
        return NEVER
    return ARRAY_TAPE


def again(s: Eqn) -> float:
    """The cost of computing `s` again; infinite where that must not be."""
    if s.effect:
        return INFINITE
    t, types = s.out.type, [atom_type(a) for a in s.args]
    if s.op is ops.getitem and isinstance(types[0], Array | List | Unknown):
        if isinstance(t, Scalar):
            return READ
        return PASS if reads_copy(s) else VIEW
    if s.op in _VIEWS:
        return VIEW
    if s.op in (np.size, len) or (s.op in (float, int) and isinstance(types[0], Scalar)):
        return CALL
    numbers = all(isinstance(u, Scalar) for u in (t, *types))
    python = numbers and not any(isinstance(u, Scalar) and u.char for u in (t, *types))
    if s.op in _ARITHMETIC:
        if numbers:
            return NUMBER if python else NUMPY_NUMBER
        return PASS if isinstance(t, Array) else INFINITE
    if python and s.op in _FLOAT:
        return NUMBER
    if python and getattr(math, getattr(s.op, "__name__", ""), None) is s.op:
        return CALL
    return INFINITE


def written(body: Block) -> set[Atom]:
    """The values whose memory is written to later: to tape one is to copy it."""
    found: set[Atom] = set()
    size = -1
    while size != len(found):
        size = len(found)
        _written(body, found)
    return found


def _written(block: Block, found: set[Atom]) -> None:
    for s in reversed(block.stmts):
        if isinstance(s, Eqn):
            if s.op in WRITES:
                found.add(s.args[0])
            elif s.out in found:
                found.update(sources(s))
        elif isinstance(s, Branch):
            for arm in s.arms:
                pairs = zip(arm.results, s.outs[: s.joined], strict=False)
                found.update(r for r, v in pairs if v in found)
                _written(arm, found)
        else:
            _written_in_loop(s, found)


def _written_in_loop(s: Loop, found: set[Atom]) -> None:
    """What a turn writes to was there before the loop, or was handed on by the turn before."""
    for init, p, r, out in zip(s.carried, s.body.params[1:], s.body.results, s.outs, strict=False):
        if p in found or out in found:
            found.update((init, r))
    _written(s.body, found)


__all__ = ["SHAPE_ONLY", "again", "is_memory", "to_tape", "written"]
