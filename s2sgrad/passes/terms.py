"""Products as terms: a literal factor, factors that are numbers, and the rest.

`x_bar * t * 3.5` is 3.5 times `x_bar * t`; where the result is an array, factors that are numbers
are multiplied with each other first, so that the array is multiplied once.  The rest keeps the
order in which it was computed: a reordered product of arrays may overflow where it did not.
"""

from __future__ import annotations

import builtins
import operator
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from s2sgrad.front.infer import fits
from s2sgrad.ir import ops
from s2sgrad.ir.graph import Atom, Eqn, Form, Func, Lit, Var, atom_type
from s2sgrad.ir.types import Array, Scalar, Type, kind_of
from s2sgrad.passes.axes import only_adds
from s2sgrad.passes.exact import exact
from s2sgrad.passes.rewrite import Rewriter

PRODUCT = {operator.mul, operator.truediv, operator.neg}
ONE = Lit(1.0)
DEPTH = 12  # products longer than this are not collected: linear time


@dataclass(frozen=True, eq=False)
class Tree:
    """An expression that is not an equation yet."""

    op: Callable[..., Any]
    args: tuple[Node, ...]
    type: Type
    form: Form | None = None


Node = Atom | Tree


@dataclass(frozen=True, eq=False)
class Term:
    """`coef * over... / under... * rest`; no rest is 1."""

    coef: float = 1.0
    over: tuple[Atom, ...] = ()
    under: tuple[Atom, ...] = ()
    rest: Node | None = None
    literals: int = 0  # how many made up `coef`

    def negative(self) -> Term:
        return replace(self, coef=-self.coef)


def is_factor(a: Atom) -> bool:
    """Is `a` a literal that may be multiplied with others?"""
    if not isinstance(a, Lit) or type(a.value) not in (int, float):
        return False
    return _in_range(a.value)


def _in_range(c: float) -> bool:
    return 1e-100 < abs(c) < 1e100


class Terms(Rewriter):
    """Finds the terms of products in the backward sweep, and writes them as equations."""

    def __init__(self, func: Func) -> None:
        super().__init__(func)
        self.exact = exact(func)
        self.depth: Counter[Var] = Counter()  # how many equations were taken apart for a value

    def term(self, s: Eqn) -> Term:
        """The term of the product `s`, taken apart as far as that costs nothing."""
        scalars = isinstance(s.out.type, Array)
        parts = [self.part(a, s, scalars) for a in s.args]
        if s.op is operator.neg:
            return parts[0].negative()
        a, b = parts
        if s.op is operator.mul:
            made = Term(a.coef * b.coef, a.over + b.over, a.under + b.under, _times(s, a, b))
        else:
            made = Term(a.coef / b.coef, a.over + b.under, a.under + b.over, _over(s, a, b))
        made = replace(made, literals=a.literals + b.literals)
        return made if _in_range(made.coef) else Term(rest=Tree(s.op, s.args, s.out.type))

    def part(self, a: Atom, s: Eqn, scalars: bool) -> Term:
        """The term of the operand `a` of `s`."""
        if is_factor(a):
            return Term(float(a.value), literals=1)  # type: ignore[union-attr]
        t = atom_type(a)
        absorbs = s.op is operator.mul and any(map(is_factor, s.args))
        if isinstance(a, Var) and absorbs and self.is_shared_negative(a, s):
            return Term(-1.0, rest=self.positive(a))
        if isinstance(a, Var) and self.can_open(a, s):
            inner = self.opened(self.made[a], s.out.type)
            if inner is not None:
                self.depth[s.out] = max(self.depth[s.out], self.depth[a] + 1)
                return inner
        if scalars and isinstance(t, Scalar) and _is_weak(t, s.out.type):
            return Term(over=(a,))
        return Term(rest=a)

    def opened(self, s: Eqn, out: Type) -> Term | None:
        """The term of an operand of `out` that is a product or a sum of one."""
        number = isinstance(s.out.type, Scalar) and isinstance(out, Array)
        if number and not _is_weak(s.out.type, out):
            return None
        term = self.taken_apart(s)
        return self.split(term) if number else term

    def taken_apart(self, s: Eqn) -> Term:
        return self.term(s) if s.op in PRODUCT else self.sum(s)

    def split(self, t: Term) -> Term:
        """A number among the factors of an array: what is left of it is one of its factors."""
        if t.rest is None:
            return t
        if isinstance(t.rest, Tree) and t.rest.op is operator.truediv and t.rest.args[0] is ONE:
            under = (*t.under, self.write(t.rest.args[1]))
            return replace(t, under=under, rest=None)
        return replace(t, over=(self.write(t.rest), *t.over), rest=None)

    def sum(self, s: Eqn) -> Term:
        """The factors of `np.sum(c * x)` stand before the sum, and those of `float(x)` too."""
        a = s.args[0]
        inner = self.part(a, Eqn(Var("", atom_type(a)), s.op, (a,)), s.op is np.sum)
        if inner.rest is None:
            return Term(rest=Tree(s.op, s.args, s.out.type, s.form))
        rest = Tree(s.op, (inner.rest, *s.args[1:]), s.out.type, s.form)
        if isinstance(s.out.type, Scalar):
            # Factors of the sum of a number are no factors of an array: written where they are.
            made = self.scaled(replace(inner, coef=1.0, rest=rest))
            return Term(inner.coef, rest=made, literals=inner.literals)
        return replace(inner, rest=rest)

    def can_open(self, v: Var, s: Eqn) -> bool:
        """Is `v` a product that only `s` reads, in the same block and of the same shape?"""
        if not self.is_own(v, s.args.count(v)) or not self.is_product(self.made[v]):
            return False
        return not isinstance(v.type, Array) or bool(fits(v.type, s.out.type))

    def is_shared_negative(self, v: Var, s: Eqn) -> bool:
        """Is `v` some `-x` that others read, too?  Where the sign costs nothing `x` is read."""
        made = self.made.get(v)
        if made is None or made.op is not operator.neg or made.form is not None:
            return False
        same = atom_type(made.args[0]) == v.type == s.out.type
        return same and self.is_product(made) and self.is_local(v) and self.uses[v] > 1

    def positive(self, v: Var) -> Atom:
        """What the shared `v` is the negative of."""
        x = self.made[v].args[0]
        if isinstance(x, Var):
            self.uses[x] += 1
        return x

    def is_own(self, v: Atom, uses: int = 1) -> bool:
        """Is `v` made in this block, a temporary, and read by nobody else?"""
        return (
            isinstance(v, Var)
            and v in self.made
            and not v.hint
            and self.uses[v] <= uses
            and self.depth[v] < DEPTH
            and self.is_local(v)
        )

    def is_product(self, s: Eqn) -> bool:
        """An equation that `term` or `sum` takes apart."""
        if s.raises or s.effect or kind_of(s.out.type) not in ("float", "complex"):
            return False
        if s.out in self.exact:
            return False
        if s.op is np.sum:
            return isinstance(atom_type(s.args[0]), Array)
        if s.op is builtins.float:
            return kind_of(atom_type(s.args[0])) == "float"
        return s.op in PRODUCT and s.form is None

    # -- writing

    def write(self, node: Node) -> Atom:
        if not isinstance(node, Tree):
            return node
        args = tuple(self.write(a) for a in node.args)
        out = Var("", node.type)
        self.add(Eqn(out, node.op, args, node.form))
        self.uses[out] = 1
        return out

    def scale(self, t: Term) -> Node | None:
        """The factors before the rest, as one number; None for 1."""
        made: Node | None = None
        for a in t.over:
            made = a if made is None else _tree(operator.mul, made, a)
        if made is None:
            made = None if t.coef == 1.0 and not t.under else Lit(t.coef)
        elif t.coef == -1.0:
            made = _first(made, lambda a: _tree(operator.neg, a))
        elif t.coef != 1.0:
            made = _first(made, lambda a: _tree(operator.mul, Lit(t.coef), a))
        for a in t.under:
            assert made is not None
            made = _tree(operator.truediv, made, a)
        return made

    def scaled(self, t: Term) -> Node:
        """The whole term."""
        if t.rest is None:
            scale = self.scale(t)
            return ONE if scale is None else scale
        kind = _node_type(t.rest)
        if not t.over and t.coef == 1.0 and len(t.under) == 1:
            return Tree(operator.truediv, (t.rest, t.under[0]), kind)
        if not t.over and not t.under and t.coef == -1.0:
            return Tree(operator.neg, (t.rest,), kind)
        scale = self.scale(t)
        return t.rest if scale is None else self.attach(t.rest, scale)

    def attach(self, node: Node, scale: Node) -> Node:
        """`scale * node`, at the first factor: `2.0 * x * y`."""
        if isinstance(node, Tree) and node.op in (operator.mul, operator.truediv):
            first, second = node.args
            first = scale if first is ONE else self.attach(first, scale)
            return replace(node, args=(first, second))
        if isinstance(node, Var) and isinstance(scale, Lit) and self.is_own(node):
            made = self.made[node]
            if self.is_product(made) and made.op in PRODUCT:
                t = self.term(made)
                return self.scaled(replace(t, coef=t.coef * scale.value))
            if _only_adds_axes(made):
                inner = self.attach(made.args[0], scale)
                return Tree(made.op, (inner, *made.args[1:]), made.out.type, made.form)
        if isinstance(scale, Lit) and scale.value == -1.0:
            return Tree(operator.neg, (node,), _node_type(node))
        if isinstance(scale, Lit) and isinstance(node, Var) and node.hint and self.uses[node] == 1:
            return Tree(operator.mul, (node, scale), node.type)  # `x_bar *= 0.5`
        return Tree(operator.mul, (scale, node), _node_type(node))

    def finish(self, t: Term, s: Eqn) -> Eqn | Atom:
        """The term as the last equation, in place of `s`; `s` itself where nothing is gained."""
        if not t.literals and t.coef == 1.0 and not t.over and not t.under and self.depth[s.out]:
            return s
        node = self.scaled(t)
        if not isinstance(node, Tree):
            if _same_kind(_node_type(node), s.out.type):
                return node
            return replace(s, op=operator.mul, args=(ONE, node), form=None)
        args = tuple(self.write(a) for a in node.args)
        return replace(s, op=node.op, args=args, form=node.form)


def _times(s: Eqn, a: Term, b: Term) -> Node | None:
    if a.rest is None or b.rest is None:
        return a.rest if b.rest is None else b.rest
    return Tree(operator.mul, (a.rest, b.rest), s.out.type)


def _over(s: Eqn, a: Term, b: Term) -> Node | None:
    if b.rest is None:
        return a.rest
    return Tree(operator.truediv, (ONE if a.rest is None else a.rest, b.rest), s.out.type)


def _node_type(n: Node) -> Type:
    return n.type if isinstance(n, Tree) else atom_type(n)


def _tree(op: Callable[..., Any], *args: Node) -> Tree:
    """An operation on numbers."""
    types = [t for t in map(_node_type, args) if isinstance(t, Scalar)]
    chars = {t.char for t in types if t.char}
    whole = op is not operator.truediv and all(t.kind == "int" for t in types)
    kind = "int" if whole else "float"
    return Tree(op, args, Scalar(kind, chars.pop() if len(chars) == 1 else ""))


def _first(node: Node, change: Callable[[Node], Node]) -> Node:
    """The product with its first factor changed."""
    if isinstance(node, Tree) and node.op is operator.mul:
        return replace(node, args=(_first(node.args[0], change), *node.args[1:]))
    return change(node)


def _only_adds_axes(s: Eqn) -> bool:
    """`x[:, None]`."""
    return (
        s.op is ops.getitem
        and s.form is not None
        and len(s.args) == 1
        and only_adds(s.form.args[1])
    )


def _is_weak(t: Type, out: Type) -> bool:
    """Does a number of this type leave the dtype of the array `out` alone, whatever it meets?"""
    if not isinstance(t, Scalar) or t.kind not in ("float", "int"):
        return False
    return not t.char or (isinstance(out, Array) and t.char == out.char == "d")


def _same_kind(a: Type, b: Type) -> bool:
    if isinstance(a, Array) and isinstance(b, Array):
        return a.char == b.char and bool(fits(a, b))
    return a == b


__all__ = ["ONE", "PRODUCT", "Term", "Terms", "Tree", "is_factor"]
