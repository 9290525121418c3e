"""Which parameters are numbers, in a function whose result is one.

An elementwise operation gives a number only of numbers.  So from a scalar result one may conclude,
backwards through arithmetic, branches and loops, that parameters are numbers too: that is assumed
of them, said in the emitted docstring, and checked at entry.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from s2sgrad.front.infer import is_elementwise
from s2sgrad.ir.graph import Atom, Block, Branch, Eqn, Func, Var
from s2sgrad.ir.types import Unknown


def scalar_params(func: Func, scalar_result: bool) -> set[Var]:
    """The parameters of unknown type that are numbers, given whether the result is one."""
    numbers: set[Var] = set()
    if scalar_result:
        _mark(func.body.results, numbers)
    size = -1
    while size != len(numbers):
        size = len(numbers)
        _backward(func.body, numbers)
    return {v for v in func.body.params if v in numbers and isinstance(v.type, Unknown)}


def _of_numbers(s: Eqn) -> bool:
    """A function of `math`, but for those that take a list or a vector."""
    name = getattr(s.op, "__name__", "")
    return getattr(math, name, None) is s.op and name not in ("fsum", "prod", "dist", "sumprod")


def _mark(atoms: Iterable[Atom], numbers: set[Var]) -> None:
    numbers.update(a for a in atoms if isinstance(a, Var))


def _backward(block: Block, numbers: set[Var]) -> None:
    for s in reversed(block.stmts):
        if isinstance(s, Eqn):
            if _of_numbers(s) or (s.out in numbers and is_elementwise(s.op)):
                _mark(s.args, numbers)
        elif isinstance(s, Branch):
            for arm in s.arms:
                pairs = zip(s.outs[: s.joined], arm.results, strict=False)
                _mark((r for v, r in pairs if v in numbers), numbers)
                _backward(arm, numbers)
        else:
            for k, init in enumerate(s.carried):
                p, out = s.body.params[1 + k], s.outs[k]
                if out in numbers or p in numbers:
                    _mark((s.body.results[k],), numbers)
                if p in numbers:
                    _mark((init,), numbers)
            _backward(s.body, numbers)
