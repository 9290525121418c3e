"""Expressions: constants, names, displays, functions."""

from __future__ import annotations

import ast

from s2sgrad.front.parts import Parts
from s2sgrad.front.values import Closure, Known, Poison, Tup, Value
from s2sgrad.ir.graph import UNDEF, Lit


class Expressions(Parts):
    """Expressions that are neither operators nor parts."""

    def expr_Constant(self, node: ast.Constant) -> Value:
        return Lit(node.value)

    def expr_Name(self, node: ast.Name) -> Value:
        return self.read_name(node)

    def read_name(self, node: ast.Name) -> Value:
        if node.id in self.env:
            value = self.env[node.id]
            if value is UNDEF:
                raise self.refuse(
                    node, f"`{node.id}` is not bound on every path to this line", "bind it before"
                )
            if isinstance(value, Known) and isinstance(value.obj, Poison):
                self.take_turns()
                raise self.refuse(node, value.obj.why, "use two names", "kinds")
            sure: Value = self.sure(value, node)
            if sure is not value and not self.choosing:
                self.env[node.id] = sure
            return sure
        return self.from_outside(self.lookup(node.id, node))

    def closure(self, node: ast.FunctionDef | ast.Lambda) -> Closure:
        env, outer = self.env, self.lookup

        def lookup(name: str, at: ast.AST) -> Value:
            frame, key = self.aliased.get((id(env), name), (env, name))
            return frame[key] if key in frame else outer(name, at)

        args = node.args
        positional = [*args.posonlyargs, *args.args]
        named = positional[len(positional) - len(args.defaults) :]
        defaults = {a.arg: self.expr(d) for a, d in zip(named, args.defaults, strict=True)}
        for a, d in zip(args.kwonlyargs, args.kw_defaults, strict=True):
            if d is not None:
                defaults[a.arg] = self.expr(d)
        chain = (env, *self.chain)
        return Closure(node, lookup, defaults, self.file, (node, id(env)), env, chain)

    def expr_Lambda(self, node: ast.Lambda) -> Value:
        return self.closure(node)

    def expr_Tuple(self, node: ast.Tuple) -> Value:
        items: list[Value] = []
        for e in node.elts:
            if isinstance(e, ast.Starred):
                items += self.items(self.expr(e.value), e)
            else:
                items.append(self.expr(e))
        return Tup(tuple(items))

    def expr_List(self, node: ast.List) -> Value:
        made = self.expr_Tuple(ast.copy_location(ast.Tuple(node.elts, node.ctx), node))
        assert isinstance(made, Tup)
        return Tup(made.items, "list")

    def expr_NamedExpr(self, node: ast.NamedExpr) -> Value:
        value = self.named(self.expr(node.value), node.target.id)
        self.env[node.target.id] = value
        return value
