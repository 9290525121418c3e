"""`1 / (1 + np.exp(-z))` where `exp` overflows: its derivative is 0, not 0 * inf.

The cotangent of such an `exp` is 0 where its result is infinite, and the product of the two is NaN.
A 0 in place of infinity gives 0, and changes no other digit.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from s2sgrad.ir.call import equations
from s2sgrad.ir.graph import Atom, Block, Eqn, Lit, Var
from s2sgrad.ir.types import Array, Scalar
from s2sgrad.rules.registry import canonical


def saturating(body: Block) -> set[Var]:
    """The results of `np.exp` by which something is divided, perhaps after a constant was added."""
    inside: dict[Atom, Var] = {}  # what grows with the result of an `exp`
    found: set[Var] = set()
    for s in equations(body):
        op = canonical(s.op)
        if op is np.exp and s.form is None and _overflows(s.out):
            inside[s.out] = s.out
        elif op in (np.add, np.multiply) and s.form is None:
            moving = [a for a in s.args if not isinstance(a, Lit)]
            if len(moving) == 1 and moving[0] in inside:
                inside[s.out] = inside[moving[0]]
        found.update(inside[d] for d in _divisors(s) if d in inside)
    return found


def _overflows(v: Var) -> bool:
    return isinstance(v.type, Array | Scalar) and v.type.char in ("e", "f", "d")


def _divisors(s: Eqn) -> Iterator[Atom]:
    op = canonical(s.op)
    if op is np.divide and s.form is None:
        yield s.args[1]
    elif op is np.reciprocal:
        yield s.args[0]
    elif op is np.power and s.form is None:
        exponent = s.args[1].value if isinstance(s.args[1], Lit) else 1
        if isinstance(exponent, int | float) and exponent < 0:
            yield s.args[0]
