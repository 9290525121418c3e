"""Statements that write in place: `x[i] = v`, `x[i] += v`, `x_bar += g`."""

from __future__ import annotations

import ast
import operator

from s2sgrad.emit import expr, lists
from s2sgrad.emit.writer import Writer
from s2sgrad.ir import ops
from s2sgrad.ir.graph import Atom, Eqn, Pack, Var, atom_type
from s2sgrad.ir.types import List, Scalar, kind_of
from s2sgrad.passes.distinct import is_distinct

SIGNS: dict[object, str] = {
    operator.add: "+",
    operator.sub: "-",
    operator.mul: "*",
    operator.truediv: "/",
}
FLIPPED = {"+": "-", "-": "+"}


def summed(terms: list[tuple[str, ast.expr]]) -> tuple[str, ast.expr]:
    """Terms with signs as one sum and the sign before it."""
    sign = terms[0][0]
    made = terms[0][1]
    for other, node in terms[1:]:
        op = ast.Add() if other == sign else ast.Sub()
        made = ast.BinOp(made, op, node)
    return sign, made


class Writes(Writer):
    """Accumulations and stores."""

    def augmented(self, s: Eqn, depth: int) -> bool:
        """`x_bar += g`: for a number always, for an array where it may run in place."""
        change = self.change(self.names[s.out], s)
        if change is not None:
            self.line(depth, change)
        return change is not None

    def change(self, target: str, s: Eqn) -> str | None:
        """`target += v`, if that is what `s` computes and it may."""
        sign = SIGNS.get(s.op)
        if sign is None or s.form is not None:
            return None
        number = all(isinstance(atom_type(a), Scalar) for a in s.args)
        pairs = [(s.args[0], s.args[1])]
        if number and sign in "+*":
            pairs.append((s.args[1], s.args[0]))
        for first, second in pairs:
            if isinstance(first, Var) and self.is_named(first, target):
                if number or s.out in self.in_place:
                    return self.changing(target, sign, self.atom(second))
        terms = self.added(target, s)
        return None if terms is None else self.changing(target, *summed(terms))

    def is_named(self, v: Var, target: str) -> bool:
        return v not in self.folded and self.names[v] == target

    def added(self, target: str, s: Eqn) -> list[tuple[str, ast.expr]] | None:
        """`target + a - b`: what is added to the target, with signs, in the backward sweep."""
        sign = SIGNS.get(s.op)
        number = isinstance(s.out.type, Scalar)
        if sign not in ("+", "-") or s.form is not None or not self.adjoint:
            return None
        first = s.args[0]
        if not isinstance(first, Var) or not (number or s.out in self.in_place):
            return None
        term = (sign, self.atom(s.args[1]))
        if self.is_named(first, target):
            return [term]
        made = self.folded.get(first)
        before = self.added(target, made) if isinstance(made, Eqn) else None
        return None if before is None else [*before, term]

    def changing(self, place: str, sign: str, value: ast.expr) -> str:
        """`place += value`, or `-=` what `value` is the negative of."""
        opposite = expr.positive(value) if sign in ("+", "-") else None
        if opposite is not None:
            sign, value = FLIPPED[sign], opposite
        return f"{place} {sign}= {self.text(value)}"

    def write(self, s: Eqn, depth: int) -> None:
        """`x[i] = v`, `x[i] += v`: the last pass has seen to it that they may write in place."""
        target, base = self.names[s.out], self.text(self.atom(s.args[0]))
        if base != target:
            self.line(depth, f"{target} = {base}")
        if s.op is ops.append:
            self.line(depth, f"{target}.append({self.text(self.atom(s.args[1]))})")
            return
        if s.op is ops.drop_last:
            self.drop(target, "-1", depth)
            return
        assert s.form is not None
        if s.op is ops.drop:
            self.drop(target, self.text(self.item_index(s)), depth)
            return
        if s.op is ops.insert:
            k = self.text(self.item_index(s))
            self.line(depth, f"{target}.insert({k}, {self.text(self.atom(s.args[-1]))})")
            return
        index, args = s.form.args[1], [self.atom(a) for a in s.args]
        place = expr.place(expr.name(target), index, args)
        if not isinstance(place, ast.Subscript):
            place = ast.Subscript(place, ast.Constant(...), ast.Load())
        value = args[-2 if s.op is ops.replace else -1]
        sign = "+" if s.op is ops.additem else ""
        if s.op is ops.setitem:
            change = self.changed(s)
            if change is not None:
                sign, value = change
        elif s.op is ops.additem and not is_distinct(index, s.args[:-1], self.made):
            self.accumulate(target, index, args, depth)
            return
        part = lists.part_of(s.out.type, index) if sign else None
        if isinstance(part, List):
            joined = lists.add([place, value], part)
            self.line(depth, f"{self.text(place)} = {self.text(joined)}")
            return
        if part is not None and not isinstance(part, Scalar):
            # Items may be arrays that others have, too: a new one takes the place.
            self.line(
                depth, f"{self.text(place)} = {self.text(place)} {sign} {self.in_brackets(value)}"
            )
            return
        if s.op is ops.setitem and sign and index is ...:
            place = expr.name(target)
        self.line(depth, self.changing(self.text(place), sign, value))

    def in_brackets(self, value: ast.expr) -> str:
        simple = isinstance(value, ast.Name | ast.Constant | ast.Call | ast.Subscript)
        return self.text(value) if simple else f"({self.text(value)})"

    def item_index(self, s: Eqn) -> ast.expr:
        """The place in a list that an operation is about."""
        assert s.form is not None
        return expr.template(s.form.args[1], [self.atom(a) for a in s.args])

    def drop(self, target: str, k: str, depth: int) -> None:
        """`v = x[k]` right before, and `x.pop(k)`, are one."""
        last = self.lines[-1].strip() if self.lines else ""
        name, _, read = last.partition(" = ")
        taken = f"{target}.pop({'' if k == '-1' else k})"
        if read == f"{target}[{k}]" and name.isidentifier():
            self.lines.pop()
            taken = f"{name} = {taken}"
        self.line(depth, taken)

    def changed(self, s: Eqn) -> tuple[str, ast.expr] | None:
        """Is `x[i] = x[i] + v` stored?  Then the sign and `v`."""
        made = self.folded.get(s.args[-1]) if isinstance(s.args[-1], Var) else None
        if kind_of(s.out.type) in ("int", "bool") and kind_of(atom_type(s.args[-1])) != "int":
            return None  # NumPy stores a float there, but adds none
        terms: list[tuple[str, ast.expr]] = []
        while isinstance(made, Eqn) and made.form is None and made.op in SIGNS:
            sign, first = SIGNS[made.op], made.args[0]
            if self.is_old(first, s) and not terms:
                return sign, self.atom(made.args[1])
            if sign not in "+-" or not self.adjoint:
                return None
            if self.is_old(first, s):
                return summed([(sign, self.atom(made.args[1])), *terms])
            terms.insert(0, (sign, self.atom(made.args[1])))
            made = self.folded.get(first) if isinstance(first, Var) else None
        return None

    def is_old(self, a: Atom, s: Eqn) -> bool:
        """Is `a` what stands at the place that `s` writes to?"""
        assert s.form is not None
        index = s.form.args[1]
        if index is ...:
            return a is s.args[0]
        made = self.order.made(a)
        if made is None or made.op is not ops.getitem or made.form is None:
            return False
        same = made.args[0] is s.args[0] and made.form.args[1] == index
        return same and made.args[1:] == s.args[1:-1]

    def accumulate(self, target: str, index: object, args: list[ast.expr], depth: int) -> None:
        """Repeated indices add up in `np.add.at` alone."""
        owner: ast.expr = expr.name(target)
        if isinstance(index, Pack) and index.kind == "path":
            owner = expr.place(owner, Pack("path", index.items[:-1]), args)
            index = index.items[-1]
        self.spelling.imports.add("import numpy as np")
        at = ast.Call(expr.name("np.add.at"), [owner, expr.template(index, args), args[-1]], [])
        self.line(depth, self.text(at))
