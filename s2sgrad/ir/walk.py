"""Questions about blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from s2sgrad.ir.graph import Atom, Block, Branch, Eqn, Loop, Range, Stmt, Var


def operands(s: Eqn) -> Iterable[Atom]:
    """All that an equation takes."""
    return s.args


def reads(blocks: Iterable[Block], of: Callable[[Eqn], Iterable[Atom]] = operands) -> list[Var]:
    """Values bound outside of `blocks` that they read, in order; `of` says what equations read."""
    inside: set[Var] = set()
    found: dict[Var, None] = {}

    def see(atoms: Iterable[Atom]) -> None:
        found.update((a, None) for a in atoms if isinstance(a, Var))

    def walk(b: Block) -> None:
        inside.update(b.params)
        for s in b.stmts:
            if isinstance(s, Eqn):
                see(of(s))
                inside.add(s.out)
                continue
            inside.update(s.outs)
            if isinstance(s, Branch):
                see((s.test, *s.walked[0], *s.walked[1]))
                walk(s.then)
                walk(s.orelse)
                continue
            assert isinstance(s, Loop)
            see((*s.carried, *s.walked))
            if s.count is not None:
                inside.add(s.count)
            if isinstance(s.over, Range):
                see((s.over.start, s.over.stop, s.over.step))
            else:
                walk(s.over.test)
            walk(s.body)
        see(b.results)

    for b in blocks:
        walk(b)
    return [v for v in found if v not in inside]


def bound_by(s: Stmt) -> tuple[Var, ...]:
    """What a statement binds in the block that it stands in."""
    if isinstance(s, Eqn):
        return (s.out,)
    if isinstance(s, Loop) and s.count is not None:
        return (*s.outs, s.count)
    return s.outs


def bound_anywhere(block: Block) -> set[Var]:
    """All values that a block binds, its parameters and those of inner blocks too."""
    found: set[Var] = set(block.params)
    for s in block.stmts:
        found.update(bound_by(s))
        if isinstance(s, Branch):
            found |= bound_anywhere(s.then) | bound_anywhere(s.orelse)
        elif isinstance(s, Loop):
            found |= bound_anywhere(s.body)
            if not isinstance(s.over, Range):
                found |= bound_anywhere(s.over.test)
    return found
