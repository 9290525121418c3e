"""Claims of the compiler as operations that check them, put into the function that is emitted.

`bufferize` says which values share memory and when memory is dead.  So where an array is used for
the last time it is filled with NaN, if by its word that destroys nothing; and before each write it
is asserted that what is still read lies elsewhere.  A wrong claim shows as a NaN or as an error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from s2sgrad.ir.alias import is_memory, makes_memory
from s2sgrad.ir.call import equations
from s2sgrad.ir.checks import apart, emptied, poison
from s2sgrad.ir.graph import UNDEF, Atom, Block, Branch, Eqn, Func, Loop, Stmt, Var
from s2sgrad.ir.types import Array, Seq, type_of
from s2sgrad.ir.walk import reads
from s2sgrad.passes.conflicts import Conflicts
from s2sgrad.passes.regions import Regions

NONE = type_of(None)


def checked(func: Func, words: frozenset[str]) -> Func:
    """`func`, whose writes are settled, with the checks that `words` ask for."""
    if "poison" in words:
        func = _poisoned(func)
    return _asserted(func) if "alias" in words else func


def emptied_tapes(func: Func) -> Func:
    """`func` with the assertion that the tapes that it walks are empty at the end.

    The blocks within others share the tapes of those: they are looked at from the outside alone.
    """
    tapes = {a for s in func.body.stmts for a in _walked(s) if isinstance(a.type, Seq)}
    return replace(func, body=_after_last_use(func.body, tapes, emptied))


def _walked(s: Stmt) -> Iterator[Var]:
    if isinstance(s, Loop):
        yield from (a for a in s.walked if isinstance(a, Var))
    elif isinstance(s, Branch):
        yield from (a for arm in s.walked for a in arm if isinstance(a, Var))


# -- memory that is dead


def _poisoned(func: Func) -> Func:
    """Each array is filled with NaN after its last use, where the analysis sees no harm in it."""
    in_place: set[Var] = func.notes["in_place"]
    regions = Regions(func, in_place)
    unbound = _perhaps_unbound(func.body)

    def is_ours(v: Var) -> bool:
        return v not in unbound and _is_ours(v, regions)

    made = replace(func, body=_with_poison(func.body, is_ours))
    fills = {s.out for s in equations(made.body) if s.op is poison}
    # For the analysis a fill is what an accumulation is: a write to its operand.
    found = Conflicts(made, Regions(made, in_place | fills)).found
    harmful = {c.write.out for c in found} & fills
    body = _mapped(made.body, lambda s: [] if s.out in harmful else [s])
    notes = {**func.notes, "in_place": in_place | (fills - harmful)}
    return replace(func, body=body, notes=notes)


def _with_poison(block: Block, is_ours: Callable[[Var], bool]) -> Block:
    stmts = tuple(_inside(s, lambda b: _with_poison(b, is_ours)) for s in block.stmts)
    block = replace(block, stmts=stmts)
    own = {v for s in stmts for v in ((s.out,) if isinstance(s, Eqn) else s.outs)}
    mine = set(filter(is_ours, own | set(block.params)))
    return _after_last_use(block, mine, poison)


def _is_ours(v: Var, regions: Regions) -> bool:
    """Does the array lie in memory that the program itself has allocated, all of it known?"""
    if not isinstance(v.type, Array) or v.type.loose or not regions.of(v):
        return False
    near = (r for r in regions.near(regions.of(v)) if r not in regions.slot)
    makers = [regions.made.get(r) for r in near]
    return all(s is not None and makes_memory(s.op, s.form) for s in makers)


def _after_last_use(block: Block, values: set[Var], check: Callable[..., object]) -> Block:
    """The block with a check of each of `values` after the last statement that reads it."""
    stmts: list[Stmt] = []
    seen = {a for a in block.results if isinstance(a, Var)}
    for s in reversed(block.stmts):
        last = [v for v in reads([Block((), (s,), ())]) if v in values and v not in seen]
        stmts += [_check(check, v) for v in reversed(last)]
        stmts.append(s)
        seen.update(last)
    return replace(block, stmts=tuple(reversed(stmts)))


def _check(op: Callable[..., object], v: Var) -> Eqn:
    return Eqn(Var("", v.type if op is poison else NONE), op, (v,), effect=True)


# -- memory that is not shared


class _Live(Conflicts):
    """For each write: the arrays that are still read and, by the analysis, lie elsewhere."""

    def __init__(self, func: Func, regions: Regions) -> None:
        self.others: dict[Eqn, tuple[Var, ...]] = {}
        super().__init__(func, regions)

    def write(self, s: Eqn, live: set[Var]) -> None:
        x = s.args[0]
        if isinstance(x, Var) and isinstance(x.type, Array):
            near = self.regions.near(self.regions.of(x))
            apart = [v for v in live if isinstance(v.type, Array) and is_memory(v)]
            found = (v for v in apart if near.isdisjoint(self.regions.of(v)))
            self.others[s] = tuple(sorted(found, key=lambda v: v.hint))


def _asserted(func: Func) -> Func:
    regions = Regions(func, func.notes["in_place"])
    others = _Live(func, regions).others
    unbound = _perhaps_unbound(func.body)

    def before(s: Eqn) -> list[Eqn]:
        apart_from = tuple(v for v in others.get(s, ()) if v not in unbound)
        if not apart_from:
            return [s]
        return [Eqn(Var("", NONE), apart, (s.args[0], *apart_from), effect=True, at=s.at), s]

    return replace(func, body=_mapped(func.body, before))


def _perhaps_unbound(block: Block) -> set[Atom]:
    """The values that stand for nothing on some path: their names may not be read."""
    found: set[Atom] = {UNDEF}
    known = 0
    while len(found) > known:
        known = len(found)
        found.update(v for a, v in _handed(block) if a in found)
    return found


def _handed(block: Block) -> Iterator[tuple[Atom, Var]]:
    """What branches join, and what loops are handed, hand on and give."""
    for s in block.stmts:
        if isinstance(s, Branch):
            for arm in s.arms:
                yield from zip(arm.results, s.outs[: s.joined], strict=False)
                yield from _handed(arm)
        elif isinstance(s, Loop):
            params = s.body.params[1 : len(s.carried) + 1]
            yield from zip(s.carried, params, strict=True)
            yield from zip(s.body.results, params, strict=False)
            yield from zip(params, s.outs, strict=False)
            yield from _handed(s.body)


# -- walks


def _inside(s: Stmt, change: Callable[[Block], Block]) -> Stmt:
    """The statement with its arms or its body changed."""
    if isinstance(s, Branch):
        return replace(s, then=change(s.then), orelse=change(s.orelse))
    return replace(s, body=change(s.body)) if isinstance(s, Loop) else s


def _mapped(block: Block, change: Callable[[Eqn], list[Eqn]]) -> Block:
    """The block with other equations in place of each."""
    stmts: list[Stmt] = []
    for s in block.stmts:
        stmts += change(s) if isinstance(s, Eqn) else [_inside(s, lambda b: _mapped(b, change))]
    return replace(block, stmts=tuple(stmts))
