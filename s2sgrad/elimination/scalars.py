"""A function, run on symbols: straight-line scalar code, for arguments of known shapes.

Arrays are NumPy arrays of `Value`s, so that what moves numbers about (slices, reshapes, `np.stack`)
costs nothing and leaves no trace, and sums and products are those of NumPy's own order.  What the
program decides by a number that is known only when it runs cannot be followed: `Dynamic`.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from s2sgrad.elimination.table import ARITHMETIC, Dynamic, Table, Value, on_each
from s2sgrad.ir import ops
from s2sgrad.ir.graph import Atom, Block, Branch, Eqn, Func, Lit, Loop, Range, Var, call_args
from s2sgrad.rules.registry import lookup

MOST = 4000  # entries: longer straight-line code is nothing to read, and slow to compile
_WRITES = (ops.setitem, ops.additem)
_SAME = (float, np.float64, ops.copy, ops.identity, np.copy)  # of a number


def trace(func: Func, args: Sequence[Any], table: Table, products: bool = True) -> tuple[Any, ...]:
    """The results of `func` on arguments that are `Value`s, arrays of such, or plain data.

    `products`: are products of arrays followed number by number, too?
    Raises `Dynamic` where the program branches on a number, and for what is not done number by
    number (a linear solve, an eigenvalue).
    """
    return _Tracer(table, products).block(func.body, args)


class _Tracer:
    def __init__(self, table: Table, products: bool) -> None:
        self.table, self.products = table, products
        self.env: dict[Var, Any] = {}

    def read(self, a: Atom) -> Any:
        return a.value if isinstance(a, Lit) else self.env[a]

    def block(self, block: Block, args: Sequence[Any]) -> tuple[Any, ...]:
        self.env.update(zip(block.params, args, strict=True))
        for s in block.stmts:
            if isinstance(s, Eqn):
                self.env[s.out] = self.eqn(s)
                self.name(s.out)
                if s.raises:
                    values = [self.read(a) for a in s.args]
                    self.table.may_raise(s.op, values, self.env[s.out])
            elif isinstance(s, Branch):
                self.branch(s)
            else:
                self.loop(s)
            if len(self.table.bases) > MOST:
                raise Dynamic(f"more than {MOST} scalar operations")
        return tuple(self.read(r) for r in block.results)

    def name(self, v: Var) -> None:
        """A base or product is called as the program calls it."""
        value = self.env[v]
        if v.hint and not v.hint.startswith(".") and isinstance(value, Value):
            if value.factor == 1.0 and len(value.mono) == 1 and value.mono[0][1] == 1:
                self.table.hints.setdefault(value.mono[0][0], v.hint)
            self.table.products.setdefault((value.factor, value.mono), v.hint)

    def eqn(self, s: Eqn) -> Any:
        values = [self.read(a) for a in s.args]
        pos, kw = call_args(s, values)
        if not any(map(_is_symbolic, values)):
            return s.op(*pos, **kw)
        if s.effect:
            raise Dynamic(f"{s.op.__name__} of a number")
        if s.op in ARITHMETIC:
            return s.op(*(_as_objects(v) for v in pos))
        if s.op in _WRITES:
            return s.op(_as_objects(pos[0]).astype(object), *pos[1:])
        if s.op in _SAME and isinstance(pos[0], Value):
            return pos[0]
        rule = lookup(s.op)
        if rule is not None and rule.elementwise and not kw:
            return on_each(s.op, pos)
        if s.op in _PRODUCTS and not self.products:
            raise Dynamic("a product of arrays is better left to NumPy")
        if (
            s.op in _STRUCTURAL
            or s.op in _PRODUCTS
            or getattr(s.op, "__module__", "") == ops.__name__
        ):
            return self.structural(s, pos, kw)
        raise Dynamic(f"{getattr(s.op, '__name__', s.op)} is not done number by number")

    def structural(self, s: Eqn, pos: list[Any], kw: dict[str, Any]) -> Any:
        try:
            return s.op(*pos, **kw)
        except (TypeError, ValueError) as e:
            raise Dynamic(f"{s.op.__name__} is not done number by number") from e

    def branch(self, s: Branch) -> None:
        test = self.read(s.test)
        if _is_symbolic(test):
            raise Dynamic("a branch on a number")
        arm = 0 if test else 1
        items = [self.read(w)[0] for w in s.walked[arm]]
        results = self.block(s.arms[arm], items)
        self.env.update(zip(s.outs[: s.joined], results[: s.joined], strict=True))
        self.env.update({v: [] for v in s.collected(1 - arm)})
        found = zip(s.collected(arm), results[s.joined :], strict=True)
        self.env.update({v: [r] for v, r in found})

    def loop(self, s: Loop) -> None:
        if not isinstance(s.over, Range) or s.walked or len(s.outs) > len(s.carried):
            raise Dynamic("a loop whose turns are not known")
        limits = [self.read(a) for a in (s.over.start, s.over.stop, s.over.step)]
        if any(map(_is_symbolic, limits)):
            raise Dynamic("a loop whose turns are not known")
        state = [self.read(a) for a in s.carried]
        turns = range(*limits)
        done = 0
        for index in reversed(turns) if s.down else turns:
            done += 1
            state = list(self.block(s.body, [index, *state]))
            if s.stop is not None:
                if _is_symbolic(state[s.stop]):
                    raise Dynamic("a loop whose turns are not known")
                if state[s.stop]:
                    break
        self.env.update(zip(s.outs, state, strict=True))
        if s.count is not None:
            self.env[s.count] = done


# What only moves numbers about, or adds and multiplies them: NumPy does it on arrays of objects.
_STRUCTURAL = {
    np.array,
    np.asarray,
    np.stack,
    np.concatenate,
    np.hstack,
    np.vstack,
    np.column_stack,
    np.reshape,
    np.ravel,
    np.transpose,
    np.squeeze,
    np.expand_dims,
    np.broadcast_to,
    np.moveaxis,
    np.swapaxes,
    np.roll,
    np.flip,
    np.tile,
    np.repeat,
    np.split,
    np.diag,
    np.trace,
    np.sum,
    np.prod,
    np.mean,
    np.cumsum,
    np.cross,
    np.diff,
    np.shape,
    np.size,
    np.ndim,
    np.zeros_like,
    np.full_like,
    len,
    sum,
}


_PRODUCTS = {
    np.dot,
    np.vdot,
    np.inner,
    np.outer,
    np.matmul,
    np.kron,
    np.einsum,
    operator.matmul,
}


def _is_symbolic(v: Any) -> bool:
    if isinstance(v, Value):
        return True
    if isinstance(v, np.ndarray):
        return bool(v.dtype.hasobject)
    if isinstance(v, list | tuple):
        return any(map(_is_symbolic, v))
    return False


def _as_objects(v: Any) -> Any:
    """A number as it is, an array as one of objects."""
    return np.asarray(v, object) if isinstance(v, np.ndarray) else v
