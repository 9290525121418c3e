"""Rewriting: substitution of values, and copies of blocks with fresh values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from s2sgrad.ir.graph import Atom, Block, Branch, Eqn, Loop, Range, Stmt, Var
from s2sgrad.ir.walk import bound_anywhere


def resolve(a: Atom, mapping: Mapping[Var, Atom]) -> Atom:
    """What `a` stands for, through chains."""
    while isinstance(a, Var) and a in mapping:
        a = mapping[a]
    return a


def resolved(atoms: tuple[Atom, ...], mapping: Mapping[Var, Atom]) -> tuple[Atom, ...]:
    """What each atom stands for; the same tuple where none stands for another."""
    if mapping.keys().isdisjoint(atoms):
        return atoms
    return tuple(resolve(a, mapping) for a in atoms)


def with_args(s: Eqn, args: tuple[Atom, ...]) -> Eqn:
    """`s` of other operands; `s` itself where they are its own."""
    if args is s.args:
        return s
    # Not `replace`, which asks for the names of the fields: this runs for most equations.
    return Eqn(s.out, s.op, args, s.form, s.at, s.effect, s.raises)


def substitute(block: Block, mapping: Mapping[Var, Atom]) -> Block:
    """The block with each use of a key replaced; bindings stay as they are."""
    if not mapping:
        return block

    def many(atoms: tuple[Atom, ...]) -> tuple[Atom, ...]:
        return resolved(atoms, mapping)

    def stmt(s: Stmt) -> Stmt:
        if isinstance(s, Eqn):
            return with_args(s, many(s.args))
        if isinstance(s, Branch):
            return replace(
                s,
                test=resolve(s.test, mapping),
                walked=(many(s.walked[0]), many(s.walked[1])),
                then=substitute(s.then, mapping),
                orelse=substitute(s.orelse, mapping),
            )
        assert isinstance(s, Loop)
        if isinstance(s.over, Range):
            over: object = Range(*many((s.over.start, s.over.stop, s.over.step)))
        else:
            over = replace(s.over, test=substitute(s.over.test, mapping))
        return replace(
            s,
            over=over,  # type: ignore[arg-type]
            carried=many(s.carried),
            walked=many(s.walked),
            body=substitute(s.body, mapping),
        )

    return Block(block.params, tuple(stmt(s) for s in block.stmts), many(block.results))


def map_equations(block: Block, change: Callable[[Eqn], Eqn]) -> Block:
    """The block with each equation replaced, also those of the blocks in it."""

    def stmt(s: Stmt) -> Stmt:
        if isinstance(s, Eqn):
            return change(s)
        if isinstance(s, Branch):
            return replace(
                s, then=map_equations(s.then, change), orelse=map_equations(s.orelse, change)
            )
        over = s.over
        if not isinstance(over, Range):
            over = replace(over, test=map_equations(over.test, change))
        return replace(s, over=over, body=map_equations(s.body, change))

    return replace(block, stmts=tuple(map(stmt, block.stmts)))


def renewed(block: Block) -> Block:
    """A copy of the block: all that it binds are fresh values."""
    new = {v: Var(v.hint, v.type, v.extent) for v in bound_anywhere(block)}
    return _rebound(substitute(block, new), new)


def _rebound(block: Block, new: Mapping[Var, Var]) -> Block:
    """The block with other values bound; uses stay as they are."""

    def many(bound: tuple[Var, ...]) -> tuple[Var, ...]:
        return tuple(new.get(v, v) for v in bound)

    def stmt(s: Stmt) -> Stmt:
        if isinstance(s, Eqn):
            return replace(s, out=new.get(s.out, s.out))
        if isinstance(s, Branch):
            then, orelse = _rebound(s.then, new), _rebound(s.orelse, new)
            return replace(s, outs=many(s.outs), then=then, orelse=orelse)
        over = s.over
        if not isinstance(over, Range):
            over = replace(over, test=_rebound(over.test, new))
        count = None if s.count is None else new.get(s.count, s.count)
        body = _rebound(s.body, new)
        return replace(s, outs=many(s.outs), over=over, body=body, count=count)

    return Block(many(block.params), tuple(map(stmt, block.stmts)), block.results)
