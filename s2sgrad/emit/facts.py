"""What the emitter asks about blocks before it writes them, and small pieces of text."""

from __future__ import annotations

import ast
import inspect
import textwrap
import types
from collections import defaultdict
from collections.abc import Sequence

from s2sgrad.emit import expr
from s2sgrad.ir.graph import Atom, Block, Branch, Eqn, Loop, Range, Var


def collected(block: Block) -> list[Atom]:
    found: list[Atom] = []
    for s in block.stmts:
        if isinstance(s, Loop):
            found += [*s.body.results[len(s.carried) :], *collected(s.body)]
        elif isinstance(s, Branch):
            for arm in s.arms:
                found += [*arm.results[s.joined :], *collected(arm)]
    return found


def called(block: Block) -> set[str]:
    """The names of the user's functions that are called: no variable may hide them."""
    found: set[str] = set()
    for s in block.stmts:
        if isinstance(s, Eqn):
            own = isinstance(s.op, types.FunctionType)
            if own and s.op.__module__.split(".")[0] not in ("numpy", "s2sgrad"):
                found.add(s.op.__name__)
        elif isinstance(s, Loop):
            found |= called(s.body)
            if not isinstance(s.over, Range):
                found |= called(s.over.test)
        else:
            found |= called(s.then) | called(s.orelse)
    return found


def handed_on(block: Block) -> dict[Var, list[Var]]:
    """What each value is assigned to at the end of a block."""
    found: dict[Var, list[Var]] = defaultdict(list)

    def pair(sources: Sequence[Atom], targets: Sequence[Var]) -> None:
        for a, t in zip(sources, targets, strict=False):
            if isinstance(a, Var):
                found[a].append(t)

    def walk(b: Block) -> None:
        for s in b.stmts:
            if isinstance(s, Branch):
                for arm in s.arms:
                    pair(arm.results[: s.joined], s.outs)
                    walk(arm)
            elif isinstance(s, Loop):
                n = len(s.carried)
                pair(s.carried, s.body.params[1 : n + 1])
                pair(s.body.results[:n], s.body.params[1 : n + 1])
                walk(s.body)

    walk(block)
    return found


def minus_one(node: ast.expr) -> ast.expr:
    if isinstance(node, ast.Constant) and isinstance(node.value, int):
        return expr.constant(node.value - 1)
    return ast.BinOp(node, ast.Sub(), ast.Constant(1))


def helper(name: str, fn: object) -> str:
    """The source of one of our functions under the name that the module gives it."""
    fn = inspect.unwrap(fn)  # type: ignore[arg-type]
    tree = ast.parse(textwrap.dedent(inspect.getsource(fn)))  # type: ignore[arg-type]
    node = tree.body[0]
    assert isinstance(node, ast.FunctionDef)
    node.name, node.decorator_list, node.returns = name, [], None
    rest = [a for a in (node.args.vararg, node.args.kwarg) if a is not None]
    for a in (*node.args.args, *node.args.kwonlyargs, *rest):
        a.annotation = None
    return ast.unparse(node) + "\n"
