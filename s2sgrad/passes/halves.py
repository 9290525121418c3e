"""A function and its mirror, taken apart: what the second half reads of the first is saved.

The forward half returns the results and `saved`, a tuple; the backward half takes that and the
cotangents of the results.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from dataclasses import replace

from s2sgrad.ir import ops
from s2sgrad.ir.build import substitute
from s2sgrad.ir.graph import Atom, Block, Eqn, Form, Func, Hole, Loop, Stmt, Var, atom_type
from s2sgrad.ir.types import SAVED, Array, List, Unknown
from s2sgrad.ir.walk import bound_by, reads
from s2sgrad.passes.finish import ENTRIES, Origins, finish


def split(func: Func, n: int, seeds: int, names: tuple[str, str]) -> tuple[Func, Func]:
    """The halves of `func`: of its results the first `n` are the primal's.

    The last `seeds` of its parameters are cotangents.
    """
    body, mirror = func.body, func.notes.get("mirror", set())
    middle = len(body.params) - seeds
    params, bars = body.params[:middle], body.params[middle:]
    back = [k for k, s in enumerate(body.stmts) if mirror.intersection(bound_by(s))]
    at = back[0] if back else len(body.stmts)
    notes = {k: v for k, v in func.notes.items() if k in ("globals", "quiet")}
    first, second = _sorted(body.stmts[:at], set(bars))
    second += body.stmts[at:]
    saved = [v for v in reads([Block((), tuple(second), body.results[n:])]) if v not in bars]
    whole = Var("saved", SAVED)
    packed = Eqn(whole, ops.pack, tuple(saved))
    block = Block(params, (*first, packed), (*body.results[:n], whole))
    forward = Func(names[0], block, func.names[:middle], func.file, notes)
    unpacked = [Eqn(v, ops.getitem, (whole,), Form((Hole(0), k))) for k, v in enumerate(saved)]
    block = Block((whole, *bars), (*unpacked, *second), body.results[n:])
    backward = Func(names[1], block, ("saved", *func.names[middle:]), func.file, notes)
    return forward, backward


def _sorted(stmts: tuple[Stmt, ...], bars: set[Var]) -> tuple[list[Stmt], list[Stmt]]:
    """What does not depend on a cotangent, and what does: their parts are read early."""
    first: list[Stmt] = []
    second: list[Stmt] = []
    for s in stmts:
        late = isinstance(s, Eqn) and not bars.isdisjoint(s.args)
        (second if late else first).append(s)
        if late:
            bars.update(bound_by(s))
    return first, second


def repeatable(forward: Func, backward: Func, n: int, bars: int, lent: bool) -> tuple[Func, Func]:
    """The halves for a caller who runs the second many times.

    It copies the tapes that it takes items from, and those of its first `bars` results, the
    cotangents, that are saved.  `lent`: the caller may write to the arguments and the results while
    he has what is saved, so the first half copies what they share with that.
    """
    gradient, owners = backward.body.results[:bars], backward.body.results[bars:]
    alone = replace(backward, body=replace(backward.body, results=gradient))
    alone = finish(alone, 0, [atom_type(g) for g in gradient])
    results = (*alone.body.results, *owners)
    backward = replace(alone, body=replace(alone.body, results=results))
    forward = _apart(forward, n) if lent else forward
    return forward, replace(backward, notes={**backward.notes, "again": True})


def _apart(func: Func, n: int) -> Func:
    origins = Origins(func)
    kept: set[Atom] = set().union(*map(origins.origins, _held(func.body)))
    copies: dict[Var, Atom] = {}
    stmts: list[Stmt] = []

    def copy(v: Var) -> Var:
        op = ops.copy if isinstance(v.type, Array) else operator.pos
        own = Var(v.hint, v.type)
        stmts.append(Eqn(own, op, (copies.get(v, v),)))
        return own

    for p in func.body.params:
        if p in kept and isinstance(p.type, Array):
            copies[p] = copy(p)
    for s in func.body.stmts[:-1]:
        stmts.append(_reading(s, copies))
        if isinstance(s, Eqn) and s.op in ENTRIES and s.out in kept and _is_array(s.out):
            copies[s.out] = copy(s.out)
    results = list(func.body.results)
    for k, r in enumerate(results[:n]):
        if isinstance(r, Var) and _is_array(r) and origins.origins(r) & kept:
            results[k] = copy(r)
    saved = _reading(func.body.stmts[-1], copies)
    results = [copies.get(r, r) if isinstance(r, Var) else r for r in results]
    return replace(func, body=Block(func.body.params, (*stmts, saved), tuple(results)))


def _reading(s: Stmt, copies: dict[Var, Atom]) -> Stmt:
    """The statement, of copies in place of what they are copies of."""
    return substitute(Block((), (s,), ()), copies).stmts[0]


def _held(block: Block) -> Iterator[Atom]:
    """What is saved, by itself, on a tape, or in a list."""
    for s in block.stmts:
        if isinstance(s, Eqn):
            if s.op is ops.pack or isinstance(s.out.type, List):
                yield from s.args
        elif isinstance(s, Loop):
            yield from s.body.results[len(s.carried) :]
            yield from _held(s.body)
        else:
            for arm in s.arms:
                yield from arm.results[s.joined :]
                yield from _held(arm)


def _is_array(v: Var) -> bool:
    return isinstance(v.type, Array | Unknown)
