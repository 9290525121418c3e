"""Expressions as text: through astor, and to the last byte the same without it; and long lines.

astor puts parentheses around an expression that is all of a tree, breaks lines where it likes, and
writes `1.0j`; `ast.unparse` writes `x ** (-y)`.  Both print the same expression as a statement,
with names in the place of what they would spell differently, which is then put in here.
"""

from __future__ import annotations

import ast
import functools
import io
import itertools
import re
import tokenize
import warnings
from collections.abc import Callable
from typing import Any

MARGIN = 92
Printer = Callable[[ast.stmt], str]


def text(node: ast.expr) -> str:
    """The expression on one line, without parentheses around it."""
    return show(node, printer())


def show(node: ast.expr, to_text: Printer) -> str:
    """The expression by one of the two printers."""
    if isinstance(node, ast.Tuple):  # alone it would be without its parentheses
        items = [show(i, to_text) for i in node.elts]
        return f"({', '.join(items)}{',' * (len(items) == 1)})"
    aside = _Aside(to_text)
    tree = ast.Expr(aside.visit(node))
    made = to_text(tree).strip()
    return re.sub(r"\b_aside(\d+)_\b", lambda m: aside.texts[int(m[1])], made)


@functools.cache
def printer() -> Printer:
    """astor's printer, or `ast.unparse` where astor cannot be imported."""
    with warnings.catch_warnings():
        # astor looks up node classes that newer versions of Python deprecate, and then lack.
        warnings.simplefilter("ignore")
        try:
            import astor
        except (ImportError, AttributeError):
            return ast.unparse

    def through_astor(node: ast.stmt) -> str:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = astor.to_source(node, pretty_source="".join, pretty_string=_quoted)
        return str(made)

    return through_astor


def _quoted(s: str, *args: Any, **kwargs: Any) -> str:
    return repr(s)


class _Aside(ast.NodeTransformer):
    """Replaces what the printers spell differently by names, in a copy of the tree."""

    def __init__(self, to_text: Printer) -> None:
        self.to_text = to_text
        self.texts: list[str] = []

    def aside(self, text: str) -> ast.Name:
        self.texts.append(text)
        return ast.Name(f"_aside{len(self.texts) - 1}_", ast.Load())

    def generic_visit(self, node: ast.AST) -> ast.AST:
        fields = {}
        for name, value in ast.iter_fields(node):
            if isinstance(value, list):
                fields[name] = [self.visit(v) if isinstance(v, ast.AST) else v for v in value]
            else:
                fields[name] = self.visit(value) if isinstance(value, ast.AST) else value
        return type(node)(**fields)

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        if isinstance(node.op, ast.Pow) and isinstance(node.right, ast.UnaryOp):
            exponent = self.aside(show(node.right, self.to_text))
            return ast.BinOp(self.visit(node.left), node.op, exponent)
        return self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if isinstance(node.value, complex | str | bytes):
            return self.aside(repr(node.value))
        return node

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        return self.aside(ast.unparse(node))


def broken(line: str, margin: int = MARGIN) -> list[str]:
    """The line, in parts where it is past the margin: inside its last brackets, as a person would.

    An item of a display or a call that is past the margin itself is broken in turn; a line without
    brackets to break in stays as it is.
    """
    if len(line) <= margin:
        return [line]
    pad = " " * (len(line) - len(line.lstrip()))
    place = _last_brackets(line, margin)
    if place is None:
        return [line]
    first, last, commas = place
    head, tail = line[: first + 1], line[last:]
    inner = line[first + 1 : last]
    whole = f"{pad}    {inner.strip().removesuffix(',')}"
    comma = "," if commas else ""
    if len(whole) + len(comma) <= margin or not commas:
        return [head, *broken(whole + comma, margin), *broken(pad + tail, margin)]
    edges = [first, *commas, last]
    items = [line[a + 1 : b].strip() for a, b in itertools.pairwise(edges)]
    parts = [p for i in items if i for p in broken(f"{pad}    {i},", margin)]
    return [head, *parts, *broken(pad + tail, margin)]


def _last_brackets(line: str, margin: int) -> tuple[int, int, list[int]] | None:
    """The last outermost brackets that start within the margin, and the commas in them."""
    found: tuple[int, int, list[int]] | None = None
    stack: list[tuple[int, list[int]]] = []
    text = line.strip()
    shift = len(line) - len(line.lstrip())
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    except (tokenize.TokenError, IndentationError):
        return None
    comprehensions: set[int] = set()  # their commas are none between items
    for t in tokens:
        if t.string == "for" and stack:
            comprehensions.add(stack[-1][0])
        if t.type != tokenize.OP or t.start[0] != 1:
            continue
        at = t.start[1] + shift
        if t.string in "([{":
            stack.append((at, []))
        elif t.string in ")]}" and stack:
            first, commas = stack.pop()
            commas = [] if first in comprehensions else commas
            if not stack and at - first > 1 and first < margin:
                found = first, at, [] if first in comprehensions else commas
        elif t.string == "," and stack:
            stack[-1][1].append(at)
    return found
