"""Algebra that loses no digits: what a careful expert leaves out when writing an adjoint by hand.

The primal keeps its operations, but small integer powers become products.  In the backward sweep
literal factors are collected, numbers are multiplied before arrays, signs move outwards, a number
spread over an array stays a number as long as it can, equal terms are added as `2.0 * x`, and the
sum that undoes a broadcast is a plain `np.sum` wherever the shapes tell its axes.
"""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import repeat
from typing import Any

import numpy as np

from s2sgrad.front.infer import fits, infer
from s2sgrad.ir import ops
from s2sgrad.ir.alias import SHAPE_ONLY, makes_memory
from s2sgrad.ir.graph import Atom, Block, Branch, Eqn, Form, Func, Hole, Lit, Pack, Var, atom_type
from s2sgrad.ir.types import INT, Array, Dim, Scalar, Type, Unknown, kind_of
from s2sgrad.passes.axes import items_of, taken_first
from s2sgrad.passes.choices import Choices
from s2sgrad.passes.displays import display, joined
from s2sgrad.passes.sums import SUM, is_zero, same
from s2sgrad.passes.terms import PRODUCT

_ARITHMETIC = {operator.add, operator.sub, operator.mul, operator.truediv}


def simplify(func: Func) -> Func:
    """`func` with its arithmetic simplified."""
    return _Simplify(func).run()


class _Simplify(Choices):
    def __init__(self, func: Func) -> None:
        super().__init__(func)
        self.contents = _contents(func.body)
        self.spread: dict[Atom, tuple[Atom, Atom]] = {}  # broadcast_like(g, x): (g, x)

    def eqn(self, s: Eqn) -> Eqn | Atom:
        s = self.power(s)
        if s.op is operator.add and s.out.type == INT and is_zero(s.args[0]):
            return s.args[1]
        if s.op is np.transpose and s.form is None:
            return self.transpose(s)
        if s.op is ops.broadcast_like and isinstance(s.args[0], Lit):  # a seed, too
            self.spread[s.out] = (s.args[0], s.args[1])
        if (
            not self.adjoint
            or (s.out in self.exact and s.op is not operator.ne)
            or s.raises
            or s.effect
        ):
            return s
        if s.op in SHAPE_ONLY:
            s = replace(s, args=tuple(map(self.shape_of, s.args, range(len(s.args)), repeat(s.op))))
        if s.op is ops.broadcast_like:
            self.spread[s.out] = (s.args[0], s.args[1])
            return s
        if s.op is ops.reshape_like and all(map(_is_array, s.args)) and _rank(s.args[1]) == 1:
            return replace(s, op=np.ravel, args=s.args[:1], form=None)
        if s.op is np.sum and s.form is not None and _says_nothing(s.form):
            s = replace(s, form=None)
        if s.op is np.sum and len(s.args) == 1 and s.args[0] in self.spread:
            return self.counted(s, *self.spread[s.args[0]])
        if s.op is np.sum and len(s.args) == 1:
            s = self.factored(s)
        s = self.unspread(s)
        if s.op is np.where and s.form is None and len(s.args) == 3:
            return self.choice(s)
        if s.op is ops.getitem:
            return self.first_of_sum(s)
        if s.op is np.array:
            return self.copied(s)
        if s.op is ops.additem:
            s = self.signed_part(self.first_part(s))
        if s.op in (ops.setitem, ops.additem):
            whole = display(s, self.made, self.uses) or joined(s, self.made, self.uses)
            return s if whole is None else whole
        if s.op is operator.ne and s.form is None:
            return self.decided(s)
        return self.arithmetic(s)

    def arithmetic(self, s: Eqn) -> Eqn | Atom:
        if isinstance(s.out.type, Unknown):
            return self.unit(s)
        if kind_of(s.out.type) not in ("float", "complex"):
            return s
        if s.op in SUM and s.form is None:
            return self.total(s)
        if not self.is_product(s):
            return s
        choice = self.scaled_choice(s)
        if choice is not None:
            return self.choice(choice)
        inner = self.made.get(s.args[0]) if isinstance(s.args[0], Var) else None
        if s.op is operator.neg and inner is not None and inner.op is operator.neg:
            return inner.args[0]
        if isinstance(s.out.type, Scalar) and s.op is operator.mul and any(map(is_zero, s.args)):
            return Lit(0.0)  # of `x ** 0`
        s = self.quotient(s)
        return self.finish(self.taken_apart(s), s)

    def product(self, s: Eqn) -> Eqn | Atom:
        return self.arithmetic(s)

    def unit(self, s: Eqn) -> Eqn | Atom:
        """`1.0 * x` is `x`, where `x` is no array of ints or bools."""
        if s.op is operator.mul and s.form is None:
            for a, b in (s.args, s.args[::-1]):
                if _is_one(a) and _same_unknown(atom_type(b), s.out.type) and self.is_inexact(b):
                    return b
        return s

    def is_inexact(self, a: Atom, depth: int = 8) -> bool:
        """Is it surely made of floats, or complex?"""
        if isinstance(a, Lit):
            return type(a.value) in (float, complex)
        made = self.made.get(a)
        if made is None or made.form is not None or depth == 0:
            return False
        if made.op is operator.truediv or _makes_floats(made.op):
            return True
        rounds = made.op in (operator.mul, operator.add, operator.sub, operator.neg)
        return rounds and any(self.is_inexact(b, depth - 1) for b in made.args)

    def transpose(self, s: Eqn) -> Eqn | Atom:
        """`a.T.T` is `a`, `np.outer(a, b).T` is `np.outer(b, a)`, `(a.T @ b).T` is `b.T @ a`."""
        made = self.made.get(s.args[0]) if isinstance(s.args[0], Var) else None
        if made is None or made.form is not None:
            return s
        if made.op is np.transpose:
            return made.args[0]
        if made.op is np.outer and self.is_own(made.out) and made.args[0] is not made.args[1]:
            return replace(s, op=np.outer, args=made.args[::-1])
        if self.adjoint and made.op is operator.matmul and self.is_own(made.out):
            left = self.made.get(made.args[0]) if isinstance(made.args[0], Var) else None
            matrices = all(len(t.shape) == 2 for t in _array_types(made.args))
            if left is not None and left.op is np.transpose and left.form is None and matrices:
                right = self.emit(np.transpose, (made.args[1],))
                return replace(s, op=operator.matmul, args=(right, left.args[0]))
        return s

    def first_part(self, s: Eqn) -> Eqn:
        """What is added to a part of zeros is stored there."""
        repeats = any(not isinstance(atom_type(a), Scalar) for a in s.args[1:-1])
        if repeats or not isinstance(s.out.type, Array) or not _is_basic(s.form):
            return s
        assert s.form is not None
        return replace(s, op=ops.setitem) if self.is_zero_at(s.args[0], s.form.args[1]) else s

    def is_zero_at(self, x: Atom, index: Any) -> bool:
        """Was nothing stored at `index` of an array of zeros?"""
        made = self.made.get(x) if isinstance(x, Var) else None
        if made is None or self.uses[made.out] != 1:
            return False
        if made.op is ops.zeros_like:
            return True
        other = made.form.args[1] if made.op is ops.setitem and made.form is not None else None
        if type(other) is not int or type(index) is not int:
            return False
        # One counted from the start and one from the end may be the same place.
        apart = other != index and (other < 0) == (index < 0)
        return apart and self.is_zero_at(made.args[0], index)

    def signed_part(self, s: Eqn) -> Eqn:
        """`x[i] += -a * b`, where others read `-a`, is `x[i] += -(a * b)`: it is subtracted."""
        v = s.args[-1]
        made = self.made.get(v) if isinstance(v, Var) and self.is_own(v) else None
        if (
            s.op is not ops.additem
            or made is None
            or made.op not in (operator.mul, operator.truediv)
        ):
            return s
        first = made.args[0]
        if not isinstance(first, Var) or not self.is_shared_negative(first, made):
            return s
        product = self.emit(made.op, (self.positive(first), made.args[1]))
        return replace(s, args=(*s.args[:-1], self.emit(operator.neg, (product,))))

    def copied(self, s: Eqn) -> Eqn | Atom:
        """A copy of what nobody else has is that array."""
        a = s.args[0]
        made = self.made.get(a) if isinstance(a, Var) else None
        if made is None or self.uses[made.out] > 1 or not self.is_local(made.out):
            return s
        return a if makes_memory(made.op, made.form) and a.type == s.out.type else s  # type: ignore[union-attr]

    def first_of_sum(self, s: Eqn) -> Eqn:
        """`np.sum(x, axis=1, keepdims=True)[:, 0]` is `np.sum(x, axis=1)`; so with a factor."""
        made = self.made.get(s.args[0]) if isinstance(s.args[0], Var) else None
        axes = taken_first(s.form.args[1]) if s.form is not None and len(s.args) == 1 else None
        if made is None or axes is None or not self.is_own(made.out):
            return s
        if made.op in PRODUCT and made.form is None:
            arrays = [k for k, a in enumerate(made.args) if not isinstance(atom_type(a), Scalar)]
            first = self.made.get(made.args[arrays[0]]) if len(arrays) == 1 else None  # type: ignore[arg-type]
            if first is not None and first.op is np.sum and self.is_own(first.out):
                inner = self.first_of_sum(replace(s, args=(first.out,)))
                if inner.op is np.sum:
                    part = self.emit(np.sum, inner.args, inner.form)
                    args = tuple(part if a is first.out else a for a in made.args)
                    return replace(s, op=made.op, args=args, form=None)
            return s
        found = _summed(made, atom_type(made.args[0])) if made.op is np.sum else None
        if found is None or not found[1] or found[0] != axes:
            return s
        return replace(s, op=np.sum, args=made.args, form=_over_axes(axes, False))

    def factored(self, s: Eqn) -> Eqn:
        """`np.sum(x * q, axis=0)` is `np.sum(x, axis=0) * q`, where `q` has no such axis."""
        made = self.made.get(s.args[0]) if isinstance(s.args[0], Var) else None
        if made is None or made.op is not operator.mul or not self.is_own(made.out):
            return s
        found = _summed(s, made.out.type)
        for x, q in (made.args, made.args[::-1]):
            t, u = atom_type(x), atom_type(q)
            if not (isinstance(t, Array) and isinstance(u, Array) and same(t, made.out.type)):
                continue
            if found is None or found[1] or not self.is_product(made):
                continue
            lead = len(t.shape) - len(u.shape)
            if found[0] == list(range(lead)) and same(u, s.out.type):
                total = self.emit(np.sum, (x,), _over_axes(found[0], False))
                return replace(s, op=operator.mul, args=(total, q), form=None)
        return s

    def quotient(self, s: Eqn) -> Eqn:
        """`1.0 / a * b` is `b / a` for arrays."""
        if s.op is not operator.mul:
            return s
        for a, b in (s.args, s.args[::-1]):
            if isinstance(a, Var) and self.is_own(a) and same(atom_type(b), s.out.type):
                made = self.made[a]
                inverse = made.op is operator.truediv and _is_one(made.args[0])
                if inverse and isinstance(atom_type(made.args[1]), Array):
                    return replace(s, op=operator.truediv, args=(b, made.args[1]))
        return s

    # -- powers

    def power(self, s: Eqn) -> Eqn:
        """`x ** 2` and `x ** 3` as products, but not of Python floats: those raise on overflow."""
        if s.op is not operator.pow or s.form is not None or not isinstance(s.args[1], Lit):
            return s
        x, n = s.args[0], s.args[1].value
        t = atom_type(x)
        fast = (isinstance(t, Array) and not t.loose) or (isinstance(t, Scalar) and bool(t.char))
        if not fast or kind_of(t) == "bool" or type(n) not in (int, float) or n not in (2, 3):
            return s
        if infer(operator.mul, (x, x), None) != s.out.type and kind_of(t) != "float":
            return s  # a float exponent of ints
        first = x if n == 2 else self.emit(operator.mul, (x, x))
        return replace(s, op=operator.mul, args=(first, x))

    # -- numbers that are spread over arrays

    def unspread(self, s: Eqn) -> Eqn:
        """`np.full_like(x, g) * y` is `g * y` where `y` has the shape; or else a spread number."""
        if s.form is not None or not any(a in self.spread for a in s.args):
            return s
        if s.op is np.where:
            return self.as_good(s, tuple(self.spread.get(a, (a, a))[0] for a in s.args))
        if s.op is operator.neg:
            g, x = self.spread[s.args[0]]
            return self.spread_out(s, self.negative(g), x)
        if s.op not in _ARITHMETIC:
            return s
        small = tuple(self.spread.get(a, (a, a))[0] for a in s.args)
        t = infer(s.op, small, None)
        if same(t, s.out.type) or _same_unknown(t, s.out.type):
            return replace(s, args=small)
        x = next(self.spread[a][1] for a in s.args if a in self.spread)
        if kind_of(t) == kind_of(s.out.type) and same(atom_type(x), s.out.type):
            return self.spread_out(s, self.simple(s.op, small), x)
        return s

    def spread_out(self, s: Eqn, g: Atom, x: Atom) -> Eqn:
        self.spread[s.out] = (g, x)
        return replace(s, op=ops.broadcast_like, args=(g, x), form=None)

    def simple(self, op: Callable[..., object], args: tuple[Atom, ...]) -> Atom:
        """An equation on numbers, simplified itself."""
        if all(isinstance(a, Lit) for a in args) and op is not operator.truediv:
            return Lit(op(*(a.value for a in args if isinstance(a, Lit))))
        s = Eqn(Var("", infer(op, args, None)), op, args)
        self.uses[s.out] = 1
        made = self.arithmetic(s)
        if isinstance(made, Eqn):
            self.add(made)
            return made.out
        return made

    def negative(self, g: Atom) -> Atom:
        return Lit(-g.value) if isinstance(g, Lit) else self.simple(operator.neg, (g,))

    def counted(self, s: Eqn, g: Atom, like: Atom) -> Eqn | Atom:
        """The sum of `np.full_like(like, g)`: a product along the axes that `g` lacks."""
        t, whole = atom_type(g), atom_type(like)
        summed = _summed(s, whole)
        if summed is None or not isinstance(whole, Array) or kind_of(t) != "float":
            return s
        axes, keepdims = summed
        if isinstance(t, Scalar) and isinstance(s.out.type, Scalar):
            return replace(s, op=operator.mul, args=(g, self.emit(np.size, (like,))), form=None)
        shape: tuple[Dim, ...] = t.shape if isinstance(t, Array) else ()
        first = len(whole.shape) - len(shape)
        lacks = [k for k in axes if k < first or shape[k - first] == 1]
        rest = [k - first for k in axes if k not in lacks]
        model = self.of_shape(s.out.type)
        if model is None or (not keepdims and any(k >= first for k in lacks)):
            return s
        for k in lacks:
            g = self.simple(operator.mul, (g, self.emit(np.size, (like, Lit(k)))))
        if rest:
            g = self.emit(np.sum, (g,), _over_axes(rest, keepdims))
        return g if same(atom_type(g), s.out.type) else self.spread_out(s, g, model)

    def shape_of(self, a: Atom, k: int, op: Callable[..., Any]) -> Atom:
        """What else has the shape of `a`, if operand `k` of `op` is asked for that alone."""
        while k in SHAPE_ONLY[op] and isinstance(a, Var) and a in self.made and not a.hint:
            made = self.made[a]
            alike = [b for b in made.args if isinstance(b, Var) and _is_whole(b.type, a.type)]
            elementwise = made.op in _ARITHMETIC and made.form is None
            if not (elementwise and alike) or self.contents[a] > 1:  # it has a name anyway
                break
            a = next((b for b in alike if b.hint), alike[0])
        return a

    def of_shape(self, t: Type) -> Atom | None:
        """An argument that surely has this type and shape."""
        if not isinstance(t, Array) or any(isinstance(d, str) and "?" in d for d in t.shape):
            return None
        return next((p for p in self.old.body.params if p.type == t), None)


def _contents(block: Block) -> Counter[Atom]:
    """How many equations read more of a value than its shape, or of a block."""
    found: Counter[Atom] = Counter(block.results)
    for s in block.stmts:
        if isinstance(s, Eqn):
            skip = SHAPE_ONLY.get(s.op, ())
            found.update({a for k, a in enumerate(s.args) if k not in skip})
        else:
            for b in s.arms if isinstance(s, Branch) else (s.body,):
                found.update(_contents(b))
    return found


def _is_whole(t: Type, of: Type) -> bool:
    """Arrays of one type, whose extents all have names."""
    return t == of and isinstance(t, Array) and not t.loose and "?" not in t.shape


def _says_nothing(form: Form) -> bool:
    """`axis=None, keepdims=False`."""
    return form.args == (Hole(0),) and all(v is None or v is False for _, v in form.kwargs)


def _is_basic(form: Form | None) -> bool:
    """An index of ints and slices alone."""
    index = form.args[1] if form is not None else None
    parts = items_of(index)
    return all(
        type(i) is int or isinstance(i, slice | Hole) or (isinstance(i, Pack) and i.kind == "slice")
        for i in parts
    )


def _summed(s: Eqn, whole: Type) -> tuple[list[int], bool] | None:
    """The axes of a sum, and whether they stay with length 1; None if it says more than that."""
    rank = len(whole.shape) if isinstance(whole, Array) else 0
    if s.form is None:
        return list(range(rank)), False
    named = dict(s.form.kwargs)
    axis = named.pop("axis", None)
    keepdims = named.pop("keepdims", False)
    axes = axis if isinstance(axis, tuple) else (axis,)
    if named or s.form.args != (Hole(0),) or not all(type(k) is int for k in axes):
        return None
    return sorted(k % rank for k in axes), bool(keepdims)


def _makes_floats(op: Callable[..., object]) -> bool:
    """Are the answers floats or complex, whatever the operands are?"""
    return isinstance(op, np.ufunc) and all(t[-1] in "efdgFDGO" for t in op.types)


def _is_one(a: Atom) -> bool:
    return isinstance(a, Lit) and type(a.value) in (int, float) and a.value == 1


def _over_axes(axes: list[int], keepdims: bool) -> Form:
    kwargs: list[tuple[str, object]] = [("axis", axes[0] if len(axes) == 1 else tuple(axes))]
    if keepdims:
        kwargs.append(("keepdims", True))
    return Form((Hole(0),), tuple(kwargs))


def _is_array(a: Atom) -> bool:
    t = atom_type(a)
    return isinstance(t, Array) and not t.loose


def _rank(a: Atom) -> int:
    t = atom_type(a)
    return len(t.shape) if isinstance(t, Array) else 0


def _same_unknown(a: Type, b: Type) -> bool:
    """One shape, whatever it is."""
    return isinstance(a, Unknown) and isinstance(b, Unknown) and bool(fits(a, b))


def _array_types(args: tuple[Atom, ...]) -> list[Array]:
    return [t for t in map(atom_type, args) if isinstance(t, Array)]
