"""`np.sum(a * b)` as `np.vdot(a, b)`, in the backward sweep, where that is faster and as accurate.

Only for float64: in float32 the error of `vdot` grows with the length, where `sum` adds in pairs.
Only for arrays that this function made and that are contiguous in C order: others would be copied.
Never for complex numbers, which `vdot` conjugates.
"""

from __future__ import annotations

import operator
from dataclasses import replace

import numpy as np

from s2sgrad.front.infer import fits
from s2sgrad.ir.graph import Atom, Eqn, Func, Var, atom_type
from s2sgrad.ir.types import Array, kind_of
from s2sgrad.passes.exact import exact
from s2sgrad.passes.rewrite import Rewriter

_ELEMENTWISE = {operator.add, operator.sub, operator.mul, operator.truediv, operator.neg}
_IN_C_ORDER = {operator.matmul, np.matmul, np.outer}


def contract(func: Func) -> Func:
    """`func` with sums of products as scalar products."""
    return _Contract(func, False).run() if "mirror" in func.notes else func


def contract_everywhere(func: Func) -> Func:
    """In the forward sweep too, where that changes the order in which the primal is summed."""
    return _Contract(func, True).run()


class _Contract(Rewriter):
    def __init__(self, func: Func, everywhere: bool) -> None:
        super().__init__(func)
        self.everywhere = everywhere
        self.exact = exact(func)

    def eqn(self, s: Eqn) -> Eqn | Atom:
        if s.op is not np.sum or s.form is not None:
            return s
        if not self.everywhere and (not self.adjoint or s.out in self.exact):
            return s
        if len(s.args) != 1:
            return s  # over some axes: `np.sum(x, 1)`
        made = self.made.get(s.args[0]) if isinstance(s.args[0], Var) else None
        if made is None or made.op is not operator.mul or made.form is not None:
            return s
        if self.uses[made.out] > 1 or not self.is_local(made.out):
            return s
        if all(self.is_solid(a, made) for a in made.args):
            return replace(s, op=np.vdot, args=made.args)
        return s

    def is_solid(self, a: Atom, product: Eqn) -> bool:
        """A factor of the product's shape: float64, contiguous and made here."""
        t = atom_type(a)
        if not isinstance(t, Array) or t.loose or t.char != "d" or not fits(t, product.out.type):
            return False
        return self.is_contiguous(a)

    def is_contiguous(self, a: Atom, depth: int = 4) -> bool:
        """Is `a` surely contiguous in C order?  A new array follows the order of its operands."""
        made = self.made.get(a) if isinstance(a, Var) else None
        if made is None or not isinstance(made.out.type, Array) or depth == 0:
            return False
        if made.op in _IN_C_ORDER:
            return True
        ufunc = isinstance(made.op, np.ufunc) and made.op.signature is None and made.op.nout == 1
        if made.form is not None or not (ufunc or made.op in _ELEMENTWISE):
            return False
        if kind_of(made.out.type) != "float":
            return False
        arrays = [b for b in made.args if isinstance(atom_type(b), Array)]
        return len(made.out.type.shape) == 1 or all(
            self.is_contiguous(b, depth - 1) for b in arrays
        )
