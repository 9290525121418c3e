"""What a derivative costs: a table of operations, tapes and copies, read off the IR."""

from __future__ import annotations

import math
import operator
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from s2sgrad.front.probe import is_elementwise
from s2sgrad.generic import Unit
from s2sgrad.ir import ops
from s2sgrad.ir.graph import Block, Branch, Eqn, Func, Loop, Stmt, Var
from s2sgrad.ir.types import Seq
from s2sgrad.ir.walk import bound_by
from s2sgrad.rules.helpers import Helper

FINAL = "bufferize"
_ADDS = {operator.add, operator.sub, operator.neg, np.add, np.subtract, np.negative}
_MULTIPLIES = {operator.mul, operator.truediv, np.multiply, np.divide}
_PRODUCTS = {operator.matmul, np.matmul, np.dot, np.outer, np.einsum, np.inner, np.tensordot}
_PARTS = {ops.getitem, ops.additem, ops.setitem}
ROWS = (
    "multiplications, divisions",
    "additions, negations",
    "elementwise functions",
    "matrix products",
    "reads and writes of parts",
    "other calls",
)


def explain(unit: Unit) -> str:
    """The table for one emitted function; what stands in loops is counted once a turn."""
    func = unit.stages[FINAL]
    stmts = func.body.stmts
    mirror = func.notes.get("mirror", set())
    back = [k for k, s in enumerate(stmts) if mirror.intersection(bound_by(s))]
    forward = back[0] if back else len(stmts)
    columns = [_columns(stmts[:forward]), _columns(stmts[forward:])]
    lines = [unit.name, _row("", ("forward", "per turn", "backward", "per turn"))]
    for name in ROWS:
        cells = [str(c[inside][name] or "") for c in columns for inside in (False, True)]
        if any(cells):
            lines.append(_row(name, cells))
    if "report" in func.notes:
        lines = [unit.name, f"  {func.notes['report'].line}", *func.notes["report"].table()]
    lines += [f"  {fact}" for fact in _facts(func, unit)]
    return "\n".join(lines) + "\n"


def _row(name: str, cells: Sequence[str]) -> str:
    return f"  {name:<28}" + "".join(f"{c:>10}" for c in cells).rstrip()


def _columns(stmts: Iterable[Stmt]) -> dict[bool, Counter[str]]:
    """Operations outside and inside of loops."""
    found: dict[bool, Counter[str]] = {False: Counter(), True: Counter()}
    for s, inside in _walk(stmts, False):
        if isinstance(s, Eqn) and s.op not in (ops.identity, np.size, np.ndim, np.shape, len):
            found[inside][_kind(s)] += 1
    return found


def _walk(stmts: Iterable[Stmt], inside: bool) -> Iterable[tuple[Stmt, bool]]:
    for s in stmts:
        yield s, inside
        if isinstance(s, Branch):
            for arm in s.arms:
                yield from _walk(arm.stmts, inside)
        elif isinstance(s, Loop):
            yield from _walk(s.body.stmts, True)


def _kind(s: Eqn) -> str:
    if s.op in _MULTIPLIES:
        return ROWS[0]
    if s.op in _ADDS:
        return ROWS[1]
    if s.op in _PRODUCTS or getattr(s.op, "__name__", "").startswith(("_matmul_vjp", "_dot_vjp")):
        return ROWS[3]
    if s.op in _PARTS:
        return ROWS[4]
    python = getattr(math, getattr(s.op, "__name__", ""), None) is s.op
    return ROWS[2] if python or is_elementwise(s.op) else ROWS[5]


def _facts(func: Func, unit: Unit) -> list[str]:
    tapes = sorted(set(_tapes(func.body)))
    everything = [s for s, _ in _walk(func.body.stmts, False) if isinstance(s, Eqn)]
    copies = sum(s.op is ops.copy for s in everything)
    asked = sorted(n for n, h in unit.helpers.items() if isinstance(h, Helper) and "_vjp_" in n)
    facts = [
        f"tapes: {', '.join(tapes) or 'none'}",
        f"copies inserted: {copies}",
    ]
    if asked:
        facts.append(f"asked at run time, for want of types: {', '.join(asked)}")
    return facts


def _tapes(block: Block) -> Iterable[str]:
    for s in block.stmts:
        if isinstance(s, Loop | Branch):
            for v in s.outs:
                if isinstance(v, Var) and isinstance(v.type, Seq) and not _nested(v.type):
                    yield v.hint or "tape"
            for inner in s.arms if isinstance(s, Branch) else (s.body,):
                yield from _tapes(inner)


def _nested(t: Seq) -> bool:
    return isinstance(t.item, Seq)
