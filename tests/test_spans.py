"""`span_of`: the range of text that an error shows for a node."""

from __future__ import annotations

import ast
from collections.abc import Callable

import pytest

from s2sgrad.front.source import span_of
from s2sgrad.ir.span import Span


def covered(code: str, pick: Callable[[ast.Module], ast.AST]) -> list[str]:
    """The text under the span of a node, a piece a line."""
    span = span_of(pick(ast.parse(code)), "file.py")
    lines = [line.encode() for line in code.splitlines()][span.line - 1 : span.end_line]
    lines[-1] = lines[-1][: span.end_col]
    lines[0] = lines[0][span.col :]
    return [line.decode() for line in lines]


@pytest.mark.parametrize(
    ("code", "header"),
    [
        ("x = 1", "x = 1"),
        ("for i in range(3):\n    pass", "for i in range(3)"),
        ("while x > 1:\n    pass", "while x > 1"),
        ("if x:\n    pass\nelse:\n    pass", "if x"),
        ("with a as b, c as d:\n    pass", "with a as b, c as d"),
        ("try:\n    pass\nfinally:\n    pass", "try"),
        ("def f(x):\n    pass", "def f"),
        ("async def é(x):\n    pass", "async def é"),
        ("class C(D):\n    pass", "class C"),
        ("match x:\n    case 1:\n        pass", "match x"),
        ("β = α + 1", "β = α + 1"),
    ],
)
def test_span_of_statements(code: str, header: str) -> None:
    assert covered(code, lambda tree: tree.body[0]) == [header]


def test_span_of_parts() -> None:
    def part(kind: type[ast.AST]) -> Callable[[ast.Module], ast.AST]:
        return lambda tree: next(n for n in ast.walk(tree) if isinstance(n, kind))

    assert covered("y = [i for i in x if i]", part(ast.comprehension)) == ["i in x if i"]
    assert covered("def f(a, b=1): pass", part(ast.arguments)) == ["a, b=1"]
    handler = "try:\n    pass\nexcept ValueError as e:\n    pass"
    assert covered(handler, part(ast.ExceptHandler)) == ["except ValueError"]
    assert covered("x = (1 +\n  2)", part(ast.BinOp)) == ["1 +", "  2"]
    assert span_of(ast.Load(), "file.py") == Span("file.py", 1, 0, 1, 0)
