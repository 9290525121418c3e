"""Chains of matrix products in the cheapest order, where the ranks tell it.

`A @ B @ v` is `A @ (B @ v)`: two passes over matrices instead of a product of matrices.  Which of
two orders of a product of matrices is cheaper depends on the sizes, so those stay as they are.
Products with an outer product never make the matrix: `np.outer(g, h) @ v` is `g * (h @ v)`.
"""

from __future__ import annotations

import operator
from dataclasses import replace

import numpy as np

from s2sgrad.ir.graph import Atom, Eqn, Func, Var, atom_type
from s2sgrad.ir.types import Array, may_be_one
from s2sgrad.passes.rewrite import Rewriter

_MATMUL = {operator.matmul, np.matmul}


def order(func: Func) -> Func:
    """`func` with its chains of products associated from the vector."""
    return _Order(func).run()


class _Order(Rewriter):
    def eqn(self, s: Eqn) -> Eqn | Atom:
        if s.op not in _MATMUL or s.form is not None or s.raises:
            return s
        a, b = s.args
        left, right = self.product(a, s), self.product(b, s)
        if left is not None and _is_vector(b, 1):
            return self.outer_first(s, left, b) or self.matrix_first(s, left, b)
        if right is not None and _is_vector(a, 0):
            return self.outer_last(s, a, right) or self.matrix_last(s, a, right)
        if left is not None and left.op is np.outer and _rank(b) == 2:
            return self.spread(s, left.args[0], self.emit(operator.matmul, (left.args[1], b)))
        if right is not None and right.op is np.outer and _rank(a) == 2:
            return self.spread(s, self.emit(operator.matmul, (a, right.args[0])), right.args[1])
        return s

    def product(self, a: Atom, s: Eqn) -> Eqn | None:
        """The product of two matrices or vectors behind `a`, if nobody else reads it."""
        made = self.made.get(a) if isinstance(a, Var) else None
        if made is None or made.form is not None or made.raises or self.uses[made.out] != 1:
            return None
        if not self.is_local(made.out) or _rank(a) != 2:
            return None
        outer = made.op is np.outer and all(_rank(b) == 1 for b in made.args)
        matrices = made.op in _MATMUL and all(_rank(b) == 2 for b in made.args)
        chars = {_char(b) for b in (*made.args, *s.args)}
        return made if (outer or matrices) and len(chars) == 1 and chars <= set("fdFD") else None

    def matrix_first(self, s: Eqn, left: Eqn, v: Atom) -> Eqn:
        """`(A @ B) @ v`; where `A` may be one row, `B @ v` could cost more."""
        a, b = left.args
        t = atom_type(a)
        if left.op is np.outer or not isinstance(t, Array) or may_be_one(t.shape[0]):
            return s
        return self.again(replace(s, op=operator.matmul, args=(a, self.then(b, v))))

    def matrix_last(self, s: Eqn, v: Atom, right: Eqn) -> Eqn:
        """`v @ (A @ B)`."""
        a, b = right.args
        t = atom_type(b)
        if right.op is np.outer or not isinstance(t, Array) or may_be_one(t.shape[1]):
            return s
        return self.again(replace(s, op=operator.matmul, args=(self.then(v, a), b)))

    def again(self, s: Eqn) -> Eqn:
        """What is left of the chain may be a chain."""
        made = self.eqn(s)
        assert isinstance(made, Eqn)
        return made

    def then(self, a: Atom, b: Atom) -> Atom:
        """`a @ b`, which may be the end of a longer chain."""
        out = self.emit(operator.matmul, (a, b))
        s = self.made[out]
        made = self.again(s)
        if made is s:
            return out
        self.stmts.remove(s)
        self.stmts.append(made)
        self.made[out] = made
        return out

    def outer_first(self, s: Eqn, left: Eqn, v: Atom) -> Eqn | None:
        """`np.outer(g, h) @ v`."""
        if left.op is not np.outer or _rank(v) != 1:
            return None
        g, h = left.args
        return replace(s, op=operator.mul, args=(self.emit(operator.matmul, (h, v)), g))

    def outer_last(self, s: Eqn, v: Atom, right: Eqn) -> Eqn | None:
        """`v @ np.outer(g, h)`."""
        if right.op is not np.outer or _rank(v) != 1:
            return None
        g, h = right.args
        return replace(s, op=operator.mul, args=(self.emit(operator.matmul, (v, g)), h))

    def spread(self, s: Eqn, g: Atom, h: Atom) -> Eqn:
        return replace(s, op=np.outer, args=(g, h))


def _rank(a: Atom) -> int:
    t = atom_type(a)
    return len(t.shape) if isinstance(t, Array) and not t.loose else -1


def _char(a: Atom) -> str:
    t = atom_type(a)
    return t.char if isinstance(t, Array) else ""


def _is_vector(a: Atom, axis: int) -> bool:
    """A vector, or a matrix that is one column (`axis` 1) or one row (`axis` 0)."""
    t = atom_type(a)
    if not isinstance(t, Array) or t.loose:
        return False
    return len(t.shape) == 1 or (len(t.shape) == 2 and t.shape[axis] == 1)
