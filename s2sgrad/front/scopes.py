"""Names of a comprehension are its own: here they get names that nothing else has.

A function that a comprehension calls, and that reads a name of the function around it, must find
that one, and not the target of the comprehension that is called the same.
"""

from __future__ import annotations

import ast
import itertools
from typing import TypeVar

from s2sgrad.front.source import copied

Comprehension = ast.ListComp | ast.GeneratorExp | ast.SetComp | ast.DictComp
_Node = TypeVar("_Node", bound=ast.AST)
_serial = itertools.count()


def with_own_names(node: _Node) -> _Node:
    """The comprehension with hidden names for its targets; the same one each time."""
    made: _Node | None = getattr(node, "own_names", None)
    if made is None:
        assert isinstance(node, Comprehension)
        first = node.generators[0]
        renamer = _Renamer(_targets(node), f".gc{next(_serial)}.")
        made = copied(node)
        for n in ast.walk(made):
            vars(n).pop("own_names", None)
        renamer.scope(made)
        made.generators[0].iter = first.iter  # evaluated outside, by the names there
        node.own_names = made  # type: ignore[union-attr]
    return made


def _targets(node: Comprehension) -> frozenset[str]:
    names = (n for g in node.generators for n in ast.walk(g.target) if isinstance(n, ast.Name))
    return frozenset(n.id for n in names)


class _Renamer(ast.NodeTransformer):
    """Gives names a prefix, where they are those of the comprehension."""

    def __init__(self, names: frozenset[str], prefix: str) -> None:
        self.names, self.prefix = names, prefix

    def scope(self, node: ast.AST) -> None:
        super().generic_visit(node)

    def without(self, names: frozenset[str]) -> _Renamer:
        return _Renamer(self.names - names, self.prefix)

    def visit_Name(self, node: ast.Name) -> ast.Name:
        if node.id in self.names:
            node.id = self.prefix + node.id
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.Lambda:
        a = node.args
        params = (*a.posonlyargs, *a.args, *a.kwonlyargs, a.vararg, a.kwarg)
        self.visit(a)  # defaults are evaluated outside
        hidden = frozenset(p.arg for p in params if p is not None)
        node.body = self.without(hidden).visit(node.body)
        return node

    def inner(self, node: Comprehension) -> Comprehension:
        """A comprehension in the comprehension: its first iterable is evaluated outside of it."""
        node.generators[0].iter = self.visit(node.generators[0].iter)
        self.without(_targets(node)).scope(node)
        return node

    visit_ListComp = visit_SetComp = visit_GeneratorExp = visit_DictComp = inner
