"""What an emitted function returns: values and gradients in the structure of the arguments."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from s2sgrad.emit import expr
from s2sgrad.front.structure import is_literal
from s2sgrad.ir import ops
from s2sgrad.ir.graph import Func, Hole


@dataclass(frozen=True, slots=True)
class Display:
    """A container to be built; a hole is the place of a result, None stands for itself.

    `owner` and `path` lead to the argument that it mirrors, where its class is needed; `cls` is the
    class of what the program makes itself.
    """

    kind: str
    items: tuple[Display | Hole | None, ...]
    keys: tuple[Any, ...] = ()
    owner: Hole | None = None
    path: tuple[tuple[str, Any], ...] = ()
    cls: type | None = None


Result = Display | Hole | None
Printer = Callable[[ast.expr], str]


def statement(
    result: Result, args: list[ast.expr], spelling: expr.Spelling, show: Printer, margin: int
) -> list[str]:
    """The lines of the `return`."""
    tree = build(result, args, spelling)
    if isinstance(tree, ast.Tuple) and len(tree.elts) > 1:
        text = "return " + ", ".join(map(show, tree.elts))
    else:
        text = f"return {show(tree)}"
    return [text] if len(text) <= margin else list(_broken("return ", tree, "", show, margin))


def renumbered(result: Result, by: int) -> Result:
    """The same display of results that stand `by` places further on."""
    if isinstance(result, Hole):
        return Hole(result.k + by)
    if result is None:
        return None
    items = tuple(renumbered(i, by) for i in result.items)
    owner = None if result.owner is None else Hole(result.owner.k + by)
    return replace(result, items=items, owner=owner)


def whole(func: Func) -> Result:
    """All results of a function, as they are."""
    n = len(func.body.results)
    return Hole(0) if n == 1 else Display("tuple", tuple(map(Hole, range(n))))


def width(result: Result, of: Sequence[int]) -> int:
    """About how wide the display is, by the widths of the results."""
    if isinstance(result, Hole):
        return of[result.k]
    if result is None:
        return 4
    keys = sum(len(repr(k)) + 2 for k in result.keys)
    return 2 + keys + sum(width(i, of) + 2 for i in result.items)


def build(result: Result, args: list[ast.expr], spelling: expr.Spelling) -> ast.expr:
    """The expression that makes the container."""
    if isinstance(result, Hole):
        return args[result.k]
    if result is None:
        return ast.Constant(None)
    items = [build(i, args, spelling) for i in result.items]
    if result.kind == "dict" and all(map(is_literal, result.keys)):
        return ast.Dict([expr.constant(k) for k in result.keys], items)
    if result.kind == "list":
        return ast.List(items, ast.Load())
    if result.kind == "rows":
        pairs = ast.Call(expr.name("zip"), items, [])
        return ast.Call(expr.name("list"), [pairs], [])
    values = ast.Tuple(items, ast.Load())
    if result.kind == "tuple":
        return values
    if result.owner is None:
        assert result.cls is not None
        return made(result.cls, result.keys, items, spelling)
    owner = expr.part(args[result.owner.k], result.path)
    if result.kind == "dict":
        return ast.Call(expr.name("dict"), [ast.Call(expr.name("zip"), [owner, values], [])], [])
    if result.kind == "namedtuple":
        return ast.Call(ast.Attribute(owner, "_make", ast.Load()), [values], [])
    named = [ast.keyword(k, v) for k, v in zip(result.keys, items, strict=True)]
    return ast.Call(spelling.function(ops.like), [owner], named)


def made(
    cls: type, keys: tuple[Any, ...], items: list[ast.expr], spelling: expr.Spelling
) -> ast.expr:
    """An instance of a class of the user's."""
    name = expr.name(spelling.given(cls))
    named = [ast.keyword(k, v) for k, v in zip(keys, items, strict=True)]
    if issubclass(cls, tuple):
        return ast.Call(name, [], named)
    new = ast.Call(ast.Attribute(name, "__new__", ast.Load()), [name], [])
    return ast.Call(spelling.function(ops.like), [new], named)


def _broken(head: str, tree: ast.expr, tail: str, show: Printer, margin: int) -> Iterator[str]:
    """Past the margin: one item a line, as `black` does it."""
    parts: list[tuple[str, ast.expr]]
    if isinstance(tree, ast.Dict):
        opened, closed = "{", "}"
        keys = [k for k in tree.keys if k is not None]
        parts = [(f"{show(k)}: ", v) for k, v in zip(keys, tree.values, strict=True)]
    elif isinstance(tree, ast.List | ast.Tuple):
        opened, closed = "[]" if isinstance(tree, ast.List) else "()"
        parts = [("", e) for e in tree.elts]
    elif isinstance(tree, ast.Call) and (tree.args or tree.keywords):
        opened, closed = f"{show(tree.func)}(", ")"
        parts = [("", a) for a in tree.args]
        parts += [(f"{k.arg}=", k.value) for k in tree.keywords]
    else:
        parts = []
    whole = f"{head}{show(tree)}{tail}"
    if len(whole) <= margin or not parts:
        yield whole
        return
    yield head + opened
    for prefix, item in parts:
        for line in _broken(prefix, item, ",", show, margin - 4):
            yield "    " + line
    yield closed + tail
