"""Iterators of unknown length: lists of the IR that the program may read once."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from s2sgrad.front.memory import Ref, Root
from s2sgrad.front.unroll import Unrolling
from s2sgrad.front.values import Rows, Value

LAZY = (map, filter, zip, enumerate, reversed)


class Iterators(Unrolling):
    """Generator expressions, `map` and its like, over what has no known length."""

    def __init__(self) -> None:
        super().__init__()
        self.lazy: set[Root] = set()  # lists that stand for an iterator of unknown length

    def expr_GeneratorExp(self, node: ast.GeneratorExp) -> Value:
        return self.iterator(super().expr_GeneratorExp(node))

    def iterator(self, value: Value) -> Value:
        """A list in the place of an iterator."""
        self.lazy.update(_roots(value))
        return value

    def read_once(self, name: str, value: Value, function: ast.AST, bound: ast.AST) -> None:
        """A name for an iterator is read once: a second reading finds it exhausted."""
        if self.lazy.isdisjoint(_roots(value)):
            return
        found = list(_loads(function, name, bound))
        if len(found) > 1 or any(again for _, again in found):
            raise self.refuse(
                found[-1][0],
                f"`{name}` is an iterator, which can be read once",
                f"{name} = list(...), to read it more than once",
                "generator",
            )


def _same_place(a: ast.AST, b: ast.AST) -> bool:
    """Statements are copied on the way: they are the same where they stand at one place."""
    where = ("lineno", "col_offset")
    return type(a) is type(b) and all(getattr(a, n, 0) == getattr(b, n, 0) for n in where)


def _roots(value: Value) -> list[Root]:
    if isinstance(value, Rows):
        return [c.root for c in value.columns]
    return [value.root] if isinstance(value, Ref) else []


def _loads(
    node: ast.AST, name: str, bound: ast.AST, again: bool = False
) -> Iterator[tuple[ast.AST, bool]]:
    """The reads of a name, and whether a loop that does not bind it repeats them."""
    if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load):
        yield node, again
    for field, part in ast.iter_fields(node):
        inside = again
        if isinstance(node, ast.For | ast.While) and field in ("body", "test"):
            inside = not any(_same_place(n, bound) for n in ast.walk(node))
        if isinstance(node, ast.comprehension) and field == "ifs":
            inside = True
        for child in part if isinstance(part, list) else [part]:
            if isinstance(child, ast.AST):
                yield from _loads(child, name, bound, inside)
