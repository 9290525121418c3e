"""Values that depend on a test: conditional expressions, `and`, `or`, arms of branches."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any

from s2sgrad.front.building import RAISED, Building
from s2sgrad.front.join import Arm, Join, Unreached
from s2sgrad.front.memory import Ref, now
from s2sgrad.front.values import CALLABLE, Choice, Rows, Tup, Value
from s2sgrad.ir.graph import UNDEF, Atom, Lit, Var


class Choices(Building):
    """Arms of branches, and what holds after them."""

    def expr_IfExp(self, node: ast.IfExp) -> Value:
        test = self.expr(node.test)
        return self.choose(test, lambda: self.expr(node.body), lambda: self.expr(node.orelse), node)

    def expr_BoolOp(self, node: ast.BoolOp) -> Value:
        first = self.expr(node.values[0])
        if len(node.values) == 1:
            return first
        rest = ast.copy_location(ast.BoolOp(node.op, node.values[1:]), node)
        if isinstance(node.op, ast.And):
            return self.choose(first, lambda: self.expr(rest), lambda: first, node)
        return self.choose(first, lambda: first, lambda: self.expr(rest), node)

    def arm(self, parse: Callable[[], Any]) -> Arm:
        """Parse an arm of a branch; the state of the program is afterwards what it was before."""
        env, versions, mark = dict(self.env), self.versions, now()
        self.versions = dict(versions)
        with self.block() as stmts:
            value, unreached = UNDEF, False
            try:
                value = parse()
            except Unreached:
                unreached = True
                self.env[RAISED] = Lit(True)
            made = Arm(stmts, dict(self.env), self.versions, self.views, mark, value, unreached)
        self.versions = versions
        self.env.clear()
        self.env.update(env)
        return made

    def both(self, parses: Sequence[Callable[[], Any]], at: ast.AST) -> list[Arm]:
        """Both arms; again, if what holds before them has to be put another way."""
        while True:
            arms = [self.arm(parse) for parse in parses]
            ends = [arm.versions for arm in arms if RAISED not in arm.env]
            if not self.widen(ends, arms[0].mark, at):
                return arms

    def widen(self, ends: list[dict[Any, Any]], mark: int, at: ast.AST) -> bool:
        """Make lists of the IR of those containers whose structure differs; was there one?"""
        raise NotImplementedError

    def choose(
        self, test: Value, then: Callable[[], Value], orelse: Callable[[], Value], at: ast.AST
    ) -> Value:
        """`then() if test else orelse()`, each evaluated in its own arm only."""
        c = self.truth(test, at)
        if isinstance(c, Lit):
            return then() if c.value else orelse()
        # Not read: an array of either arm is what the result may be another name of.
        self.choosing += 1
        arms = self.both((then, orelse), at)
        self.choosing -= 1
        if all(arm.unreached for arm in arms):
            raise Unreached
        for arm in arms:
            arm.env.pop(RAISED, None)
        a, b = (arm.value for arm in arms)
        if isinstance(a, CALLABLE) and isinstance(b, CALLABLE) and not self.has_acted(arms):
            return Choice(c, a, b)
        numbers = Var | Lit | Ref | Tup | Rows
        if not (isinstance(a, numbers) and isinstance(b, numbers)):
            raise self.refuse(
                at, "a conditional expression of things that are no numbers", "use an if"
            )
        join_ = Join(self, arms, at)
        value = join_.phi("", a, b)
        if any(arm.env != self.env for arm in arms):  # `:=`
            for n, (x, y) in self.merge(arms[0].env, arms[1].env, dict(self.env)).items():
                self.env[n] = join_.phi(n, x, y)
        join_.close(c)
        return value

    def has_acted(self, arms: list[Arm]) -> bool:
        """Have the arms done anything but to name a value?"""
        return any(arm.stmts or arm.env != self.env for arm in arms)

    def truth(self, v: Value, at: ast.AST) -> Atom:
        v = self.read(v, at)
        if isinstance(v, Tup):
            return Lit(bool(v.items))
        if isinstance(v, Lit):
            return Lit(bool(v.value))
        if isinstance(v, Var):
            return v
        raise self.refuse(at, "the truth of this is not known", "compare it explicitly")
