"""What the emitter asks about blocks before it writes them, and small pieces of text."""

from __future__ import annotations

import ast
import types
from collections import defaultdict
from collections.abc import Sequence

from s2sgrad.emit import expr
from s2sgrad.ir.alias import WRITES
from s2sgrad.ir.call import Kept, passed_to
from s2sgrad.ir.graph import Atom, Block, Branch, Eqn, Func, Loop, Range, Stmt, Var
from s2sgrad.passes.conflicts import into_item
from s2sgrad.passes.mirrors import collects
from s2sgrad.passes.regions import Regions


class Order:
    """Where statements stand in their blocks, and which memory is written to between them."""

    def __init__(self, func: Func, in_place: set[Var]) -> None:
        self.in_place = in_place
        self.at: dict[Atom, tuple[Block, int]] = {}
        self.index: dict[Stmt, int] = {}
        self.writes: dict[Block, list[set[Var]]] = {}  # the regions that each statement writes to
        self.regions = Regions(func, in_place)
        self.reads: dict[Var, set[Var]] = {}  # the regions that a folded value reads
        self.block(func.body)

    def block(self, block: Block) -> set[Var]:
        """The regions that a block writes to."""
        each: list[set[Var]] = []
        for k, s in enumerate(block.stmts):
            self.index[s] = k
            written: set[Var] = set()
            if isinstance(s, Eqn):
                if s.op in WRITES or s.out in self.in_place:
                    shown = self.regions.all_of if into_item(s) else self.regions.of
                    written = self.regions.near(shown(s.args[0]))
                self.at[s.out] = block, k
            else:
                for b in s.arms if isinstance(s, Branch) else (s.body,):
                    written |= self.block(b)
                if isinstance(s, Loop) and not isinstance(s.over, Range):
                    self.block(s.over.test)
                self.at.update((v, (block, k)) for v in s.outs)
            each.append(written)
        self.writes[block] = each
        return set().union(*each)

    def maker(self, v: Var, block: Block) -> Stmt | None:
        """The statement of this block that makes `v`."""
        where, k = self.at.get(v, (None, 0))
        return block.stmts[k] if where is block else None

    def made(self, v: Atom) -> Eqn | None:
        """The equation that makes `v`, if it is one."""
        if v not in self.at:
            return None
        block, k = self.at[v]
        s = block.stmts[k]
        return s if isinstance(s, Eqn) else None

    def made_here(self, v: Var, block: Block) -> bool:
        """Is `v` the result of an equation of this block?"""
        where, k = self.at.get(v, (None, 0))
        return where is block and isinstance(block.stmts[k], Eqn)

    def may_wait(self, v: Var, block: Block, until: Stmt | None) -> bool:
        """May `v` be computed where it is used: is what it reads not written to in between?"""
        k = self.at[v][1]
        made = block.stmts[k]
        reads = self.read_by(made)
        self.reads[v] = reads
        last = len(block.stmts) if until is None else self.index[until]
        return all(w.isdisjoint(reads) for w in self.writes[block][k + 1 : last])

    def read_by(self, s: Stmt) -> set[Var]:
        """The regions that a statement reads, also through what may be folded into it."""
        found: set[Var] = set()
        blocks: tuple[Block, ...] = ()
        if isinstance(s, Eqn):
            atoms = s.args
        elif isinstance(s, Branch):
            atoms, blocks = (s.test,), s.arms
        else:
            return set().union(*self.writes.get(s.body, ()))
        for a in atoms:
            if isinstance(a, Var):
                found |= self.regions.all_of(a)
                found |= self.reads.get(a, set())
        for b in blocks:
            for inner in b.stmts:
                found |= self.read_by(inner)
        return found


def collected(block: Block) -> dict[Var, Atom]:
    """The tapes that blocks fill, each with its item."""
    found: dict[Var, Atom] = {}
    for s in block.stmts:
        if not isinstance(s, Eqn):
            for inner, seqs, items in collects(s):
                found.update(zip(seqs, items, strict=True))
                found.update(collected(inner))
    return found


def collected_down(block: Block) -> set[Atom]:
    """The tapes that loops fill which run from the last turn to the first."""
    found: set[Atom] = set()
    for s in block.stmts:
        if isinstance(s, Branch):
            found |= collected_down(s.then) | collected_down(s.orelse)
        elif isinstance(s, Loop):
            found |= collected_down(s.body)
            if s.down:
                found.update(s.outs[len(s.carried) :])
    return found


def stops(block: Block) -> set[Atom]:
    """The flags that end loops, and what they are made of in the arms of branches."""
    found: set[Atom] = set()
    for s in reversed(block.stmts):
        if isinstance(s, Loop):
            if s.stop is not None:
                found.add(s.body.results[s.stop])
                found |= _flags(s.body, found)
            found |= stops(s.body)
        elif isinstance(s, Branch):
            found |= stops(s.then) | stops(s.orelse)
    return found


def _flags(block: Block, flags: set[Atom]) -> set[Atom]:
    """The results of arms that are handed on as one of `flags`."""
    found: set[Atom] = set()
    for s in block.stmts:
        if isinstance(s, Branch):
            handed = [k for k, v in enumerate(s.outs[: s.joined]) if v in flags]
            for arm in s.arms:
                own = {arm.results[k] for k in handed}
                found |= own | _flags(arm, own)
    return found


def called(block: Block) -> set[str]:
    """The names of the user's functions that are called: no variable may hide them."""
    found: set[str] = set()
    for s in block.stmts:
        if isinstance(s, Eqn):
            if isinstance(s.op, Kept):
                found.add(s.op.name)
            found.update(k.name for k in passed_to(s))
            module = getattr(s.op, "__module__", None) or ""
            if s.effect and module.split(".")[0] in expr.ACTING:
                found.add(module.split(".")[0])
            if s.effect and getattr(s.op, "__self__", None) is not None:
                found.add("random")  # a method of the generator of a module
            own = isinstance(s.op, types.FunctionType)
            if own and (s.op.__module__ or "").split(".")[0] not in ("numpy", "s2sgrad"):
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


def plus_one(node: ast.expr) -> ast.expr:
    if isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Constant):
        return expr.constant(1 - node.operand.value)  # type: ignore[operator]
    if isinstance(node, ast.Constant) and isinstance(node.value, int):
        return expr.constant(node.value + 1)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub):
        if isinstance(node.right, ast.Constant) and node.right.value == 1:
            return node.left
        if isinstance(node.right, ast.Constant) and isinstance(node.right.value, int):
            return ast.BinOp(node.left, ast.Sub(), ast.Constant(node.right.value - 1))
    return ast.BinOp(node, ast.Add(), ast.Constant(1))


def minus_one(node: ast.expr) -> ast.expr:
    if isinstance(node, ast.Constant) and isinstance(node.value, int):
        return expr.constant(node.value - 1)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        if isinstance(node.right, ast.Constant) and node.right.value == 1:
            return node.left
    return ast.BinOp(node, ast.Sub(), ast.Constant(1))
