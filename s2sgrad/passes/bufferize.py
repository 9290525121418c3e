"""Writes in place: the last pass puts a copy where one would destroy what is still read.

Afterwards every `setitem` and `additem` may write into its operand, and so may the accumulations
`x + g` whose results are in the note `in_place`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import replace

from s2sgrad.errors import InternalError
from s2sgrad.front.infer import fits
from s2sgrad.ir import ops
from s2sgrad.ir.alias import WRITES, is_memory, sources
from s2sgrad.ir.graph import Atom, Block, Branch, Eqn, Func, Loop, Stmt, Var, atom_type
from s2sgrad.ir.types import Array, List, Saved, Seq
from s2sgrad.passes.conflicts import Conflict, Conflicts, into_item
from s2sgrad.passes.latest import latest
from s2sgrad.passes.regions import Regions, is_nested, reads_item

_MOST = 1000  # repairs of one function


def bufferize(func: Func) -> Func:
    """`func` with the copies that it needs to write in place."""
    if _writes(func.body):
        func = _with_copies(func)
    in_place = _in_place(func)
    func = latest(_own_results(func, Regions(func, in_place)))
    return replace(func, notes={**func.notes, "in_place": in_place})


def _with_copies(func: Func) -> Func:
    for _ in range(_MOST):
        regions = Regions(func, set())
        conflicts = Conflicts(func, regions).found
        if not conflicts:
            return func
        func = _Repair(func, regions).mend(conflicts)
    raise InternalError("bufferize", "copies do not settle what writes destroy", "")


def _in_place(func: Func) -> set[Var]:
    """The accumulations that may run in place; what would need a copy for that may not."""
    found: set[Var] = set()
    _accumulations(func.body, found)
    while found:
        regions = Regions(func, found)
        conflicts = Conflicts(func, regions).found
        wrong = {c.write.out for c in conflicts} & found
        for c in conflicts:
            if c.write.out not in found:  # an accumulation made its operand what is read
                near = regions.near(regions.of(c.write.args[0]))
                wrong |= {v for v in found if not near.isdisjoint(regions.of(v))}
        if not wrong:
            break
        found -= wrong
    return found


def _blocks(s: Stmt) -> tuple[Block, ...]:
    if isinstance(s, Eqn):
        return ()
    return s.arms if isinstance(s, Branch) else (s.body,)


def _writes(block: Block) -> bool:
    return any(
        (isinstance(s, Eqn) and s.op in WRITES) or any(map(_writes, _blocks(s)))
        for s in block.stmts
    )


def _accumulations(block: Block, found: set[Var]) -> None:
    for s in block.stmts:
        if isinstance(s, Eqn) and _accumulates(s):
            found.add(s.out)
        for b in _blocks(s):
            _accumulations(b, found)


def _accumulates(s: Eqn) -> bool:
    """`a + b`, where `b` does not widen `a`: it may run as `a += b`."""
    if s.op not in (operator.add, operator.sub, operator.mul) or s.form is not None:
        return False
    t, out = atom_type(s.args[0]), s.out.type
    return (
        isinstance(t, Array)
        and isinstance(out, Array)
        and t.char == out.char
        and not t.loose
        and bool(fits(t, out))
    )


class _Repair:
    """Mends the first conflicts, those of one write."""

    def __init__(self, func: Func, regions: Regions) -> None:
        self.func, self.regions = func, regions

    def mend(self, conflicts: list[Conflict]) -> Func:
        write = conflicts[0].write
        readers = [c.reader for c in conflicts if c.write is write]
        written = self.regions.of(write.args[0])
        for reader in readers:
            if _is_saved(reader):  # it holds the arguments of a call: they stay as they are
                continue
            tape = self.regions.walked.get(reader, reader)
            # An item of the tape itself that is written to: other items do not help it.
            if tape in self.regions.tape and tape not in written:
                return self.copy_items(tape, write)
        views = {r for r in readers if self.is_view(r)}
        if views:
            return self.rewrite(lambda s: _copied(s) if s.out in views else [s])
        return self.copy_operand(write, readers)

    def is_view(self, v: Var) -> bool:
        made = self.regions.made.get(v)
        shares = made is not None and (bool(sources(made)) or reads_item(made))
        return shares and not isinstance(v.type, Seq | Saved)  # what they hold is copied by itself

    def copy_items(self, tape: Var, write: Eqn) -> Func:
        """What is collected is a copy."""
        item = self.regions.tape[tape][1]
        while isinstance(item, Var) and item in self.regions.tape:
            tape, item = item, self.regions.tape[item][1]
        while isinstance(item, Var) and item in self.regions.walked:
            return self.copy_items(self.regions.walked[item], write)
        assert isinstance(item, Var)
        kept = Var(item.hint, item.type)
        # A write to an array destroys what lists of arrays show.
        writes_items = not isinstance(write.out.type, List) or into_item(write)
        deep = isinstance(item.type, List) and writes_items
        copy = Eqn(kept, ops.copy_items if deep else ops.copy, (item,))

        def collecting(b: Block, k: int) -> Block:
            results = tuple(kept if j == k else r for j, r in enumerate(b.results))
            return replace(b, stmts=_after(b, item, copy), results=results)

        def change(s: Stmt) -> Stmt:
            if isinstance(s, Loop) and tape in s.outs:
                return replace(s, body=collecting(s.body, s.outs.index(tape)))
            if isinstance(s, Branch) and tape in s.collected(0):
                k = s.joined + s.collected(0).index(tape)
                return replace(s, then=collecting(s.then, k))
            if isinstance(s, Branch) and tape in s.collected(1):
                k = s.joined + s.collected(1).index(tape)
                return replace(s, orelse=collecting(s.orelse, k))
            return s

        return replace(self.func, body=_map(self.func.body, lambda s: [s], change))

    def copy_operand(self, write: Eqn, readers: list[Var]) -> Func:
        """A copy is written to: made outside of all loops that keep what is read apart from it."""
        operand = write.args[0]
        assert isinstance(operand, Var)
        how = ops.copy_items if into_item(write) and not is_nested(operand) else ops.copy
        edge = self.edge(operand, readers)
        if edge is None:
            copy = Var(operand.hint, operand.type)

            def before(s: Eqn) -> list[Eqn]:
                if s is not write:
                    return [s]
                made = Eqn(copy, how, (operand,), at=s.at)
                return [made, replace(s, args=(copy, *s.args[1:]))]

            return self.rewrite(before)
        loop, k = edge
        init = loop.carried[k]
        assert isinstance(init, Var)
        copy = Var(init.hint, init.type)
        carried = tuple(copy if j == k else a for j, a in enumerate(loop.carried))

        def around(s: Stmt) -> Stmt:
            same = isinstance(s, Loop) and s.outs == loop.outs
            return replace(s, carried=carried) if same else s  # type: ignore[arg-type]

        made = Eqn(copy, how, (init,), at=loop.at)
        body = _map(self.func.body, lambda s: [s], around, {loop.outs: made})
        return replace(self.func, body=body)

    def edge(self, operand: Var, readers: list[Var]) -> tuple[Loop, int] | None:
        """The outermost loop that is handed the memory that the readers read."""
        found: tuple[Loop, int] | None = None
        while operand in self.regions.slot:
            loop, k = self.regions.slot[operand]
            init = loop.carried[k]
            outside = all(self.is_outside(r, loop) for r in readers)
            if not (outside and isinstance(init, Var)):
                break
            if not any(self.regions.alias(init, r) for r in readers):
                break
            found = loop, k
            operand = init
        return found

    def is_outside(self, v: Var, loop: Loop) -> bool:
        return v not in _bound(loop) and v not in loop.outs

    def rewrite(self, eqn: Callable[[Eqn], list[Eqn]]) -> Func:
        return replace(self.func, body=_map(self.func.body, eqn, lambda s: s))


def _is_saved(v: Var) -> bool:
    t = v.type
    while isinstance(t, Seq):
        t = t.item
    return isinstance(t, Saved)


def _copied(s: Eqn) -> list[Eqn]:
    """The equation, whose result is now a copy of what it was."""
    raw = Var("", s.out.type)
    return [replace(s, out=raw), Eqn(s.out, ops.copy, (raw,), at=s.at)]


def _after(b: Block, v: Var, copy: Eqn) -> tuple[Stmt, ...]:
    """The statements of the block, `copy` right after the one that binds `v`."""
    for i, s in enumerate(b.stmts):
        if v in ((s.out,) if isinstance(s, Eqn) else s.outs):
            return (*b.stmts[: i + 1], copy, *b.stmts[i + 1 :])
    return (copy, *b.stmts)


def _bound(loop: Loop) -> set[Var]:
    """What a loop binds inside."""
    found: set[Var] = set()

    def walk(b: Block) -> None:
        found.update(b.params)
        for s in b.stmts:
            found.update((s.out,) if isinstance(s, Eqn) else s.outs)
            for inner in _blocks(s):
                walk(inner)

    walk(loop.body)
    return found


def _map(
    block: Block,
    eqn: Callable[[Eqn], list[Eqn]],
    region: Callable[[Stmt], Stmt],
    before: dict[tuple[Var, ...], Eqn] | None = None,
) -> Block:
    """The block with each equation and each loop or branch replaced."""
    stmts: list[Stmt] = []
    for s in block.stmts:
        if isinstance(s, Eqn):
            stmts += eqn(s)
            continue
        if before and s.outs in before:
            stmts.append(before[s.outs])
        s = region(s)
        if isinstance(s, Branch):
            s = replace(
                s,
                then=_map(s.then, eqn, region, before),
                orelse=_map(s.orelse, eqn, region, before),
            )
        elif isinstance(s, Loop):
            s = replace(s, body=_map(s.body, eqn, region, before))
        stmts.append(s)
    return replace(block, stmts=tuple(stmts))


def _own_results(func: Func, regions: Regions) -> Func:
    """No result shares memory with an argument or with another result."""
    stmts, results = list(func.body.stmts), list[Atom]()
    taken = [p for p in func.body.params if is_memory(p)]
    for r in func.body.results:
        if isinstance(r, Var) and is_memory(r) and isinstance(r.type, Array):
            if any(regions.alias(r, t) for t in taken):
                copy = Var(r.hint, r.type)
                stmts.append(Eqn(copy, ops.copy, (r,)))
                r = copy
            else:
                taken.append(r)
        results.append(r)
    return replace(func, body=replace(func.body, stmts=tuple(stmts), results=tuple(results)))
