"""What the emitter asks about blocks before it writes them, and small pieces of text."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Sequence

from s2sgrad.emit import expr
from s2sgrad.ir.graph import Atom, Block, Branch, Loop, Var


def collected(block: Block) -> list[Atom]:
    found: list[Atom] = []
    for s in block.stmts:
        if isinstance(s, Loop):
            found += [*s.body.results[len(s.carried) :], *collected(s.body)]
        elif isinstance(s, Branch):
            for arm in s.arms:
                found += [*arm.results[s.joined :], *collected(arm)]
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
