"""What the emitter asks about blocks before it writes them, and small pieces of text."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections import defaultdict
from collections.abc import Sequence

from s2sgrad.emit import expr
from s2sgrad.ir.alias import WRITES
from s2sgrad.ir.graph import Atom, Block, Branch, Eqn, Func, Loop, Range, Stmt, Var


class Order:
    """Where statements stand in their blocks, and where memory is written to between them."""

    def __init__(self, func: Func, in_place: set[Var]) -> None:
        self.in_place = in_place
        self.at: dict[Var, tuple[Block, int]] = {}
        self.index: dict[Stmt, int] = {}
        self.writes: dict[Block, list[int]] = {}  # how many come before each statement
        self.block(func.body)

    def block(self, block: Block) -> bool:
        """Read a block; does it write?"""
        before = [0]
        for k, s in enumerate(block.stmts):
            self.index[s] = k
            if isinstance(s, Eqn):
                writes = s.op in WRITES or s.out in self.in_place
                self.at[s.out] = block, k
            else:
                inner = s.arms if isinstance(s, Branch) else (s.body,)
                writes = sum(self.block(b) for b in inner) > 0  # each is read
                if isinstance(s, Loop) and not isinstance(s.over, Range):
                    self.block(s.over.test)
                self.at.update((v, (block, k)) for v in s.outs)
            before.append(before[-1] + writes)
        self.writes[block] = before
        return before[-1] > 0

    def made_here(self, v: Var, block: Block) -> bool:
        """Is `v` the result of an equation of this block?"""
        where, k = self.at.get(v, (None, 0))
        return where is block and isinstance(block.stmts[k], Eqn)

    def may_wait(self, v: Var, block: Block, until: Stmt | None) -> bool:
        """May `v` be computed where it is used: is nothing written to in between?"""
        before = self.writes[block]
        first = self.at[v][1] + 1
        last = len(block.stmts) if until is None else self.index[until]
        return before[last] == before[first]


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


def helper(name: str, fn: object) -> str:
    """The source of one of our functions under the name that the module gives it."""
    fn = inspect.unwrap(fn)  # type: ignore[arg-type]
    tree = ast.parse(textwrap.dedent(inspect.getsource(fn)))  # type: ignore[arg-type]
    node = tree.body[0]
    assert isinstance(node, ast.FunctionDef)
    node.name, node.decorator_list, node.returns = name, [], None
    for a in (*node.args.args, *node.args.kwonlyargs):
        a.annotation = None
    return ast.unparse(node) + "\n"
