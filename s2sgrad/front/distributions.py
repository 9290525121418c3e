"""Distributions of `scipy.stats` with their parameters: `norm(loc, scale).logpdf(x)`.

A frozen distribution is the distribution, and the arguments that it goes on with: its methods are
written as those of the distribution, `norm.logpdf(x, loc, scale)`.
"""

from __future__ import annotations

import ast
import sys
import types
from typing import Any

from s2sgrad.front.objects import Objects
from s2sgrad.front.values import Known, Method, Partial, Value
from s2sgrad.ir.graph import Lit
from s2sgrad.rules.registry import is_distribution, is_frozen, load_for

FROZEN = ".frozen"


class Distributions(Objects):
    """Calls of distributions, and of methods of frozen ones."""

    def call(self, fn: Value, args: list[Value], kwargs: dict[str, Value], node: Any) -> Value:
        obj = fn.obj if isinstance(fn, Known) else None
        if is_distribution(obj):
            return Partial(fn, tuple(args), {**kwargs, FROZEN: Lit(True)})
        if isinstance(obj, types.MethodType) and is_frozen(obj.__self__):
            return self.method(
                Method(self.thawed(obj.__self__, node), obj.__name__), args, kwargs, node
            )
        return super().call(fn, args, kwargs, node)

    def thawed(self, frozen: Any, node: ast.AST) -> Partial:
        """A frozen distribution from around the program: its parameters are numbers."""
        given = [*frozen.args, *frozen.kwds.values()]
        if not all(isinstance(v, int | float) for v in given):
            raise self.refuse(
                node,
                "a frozen distribution is read that has arrays as parameters",
                "pass them as arguments, or freeze it in the function",
                "attribute",
            )
        kwargs: dict[str, Value] = {k: Lit(v) for k, v in frozen.kwds.items()}
        own = getattr(sys.modules["scipy.stats"], frozen.dist.name)  # `frozen.dist` is a copy
        return Partial(Known(own), tuple(map(Lit, frozen.args)), {**kwargs, FROZEN: Lit(1)})

    def attribute(self, owner: Value, node: ast.Attribute) -> Value:
        if isinstance(owner, Partial) and FROZEN in owner.kwargs:
            return Method(owner, node.attr)
        return super().attribute(owner, node)

    def method(
        self, m: Method, args: list[Value], kwargs: dict[str, Value], node: ast.Call
    ) -> Value:
        owner = m.owner
        if not (isinstance(owner, Partial) and FROZEN in owner.kwargs):
            return super().method(m, args, kwargs, node)
        load_for("scipy.stats")
        assert isinstance(owner.function, Known)
        function = getattr(owner.function.obj, m.name, None)
        if not callable(function):
            raise self.refuse(node, f"a distribution has no method `{m.name}`", "")
        own = {k: v for k, v in owner.kwargs.items() if k != FROZEN}
        return self.call(Known(function), [*args, *owner.args], {**own, **kwargs}, node)
