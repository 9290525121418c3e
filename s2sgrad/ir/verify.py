"""The verifier: every value is bound once, before it is used, in a block that can see it."""

from __future__ import annotations

from s2sgrad.ir.graph import Atom, Block, Branch, Eqn, Func, Loop, Range, Var, While


class InvalidIR(AssertionError):
    """A function breaks an invariant of the IR."""


def verify(func: Func) -> Func:
    """`func` itself, or `InvalidIR` that names what is wrong."""
    if len(func.names) != len(func.body.params):
        raise InvalidIR(f"{func.name}: {len(func.names)} names for its parameters")
    bound: set[Var] = set()
    _block(func.body, frozenset(), bound)
    return func


def _use(atoms: tuple[Atom, ...], seen: set[Var], what: str) -> None:
    for a in atoms:
        if isinstance(a, Var) and a not in seen:
            raise InvalidIR(f"{what} uses `{a.hint or '?'}` before it is bound in its scope")


def _bind(outs: tuple[Var, ...], seen: set[Var], bound: set[Var]) -> None:
    for v in outs:
        if v in bound:
            raise InvalidIR(f"`{v.hint or '?'}` is bound twice")
        bound.add(v)
        seen.add(v)


def _block(block: Block, outer: frozenset[Var], bound: set[Var]) -> None:
    seen = set(outer)
    _bind(block.params, seen, bound)
    for stmt in block.stmts:
        if isinstance(stmt, Eqn):
            _use(stmt.args, seen, getattr(stmt.op, "__name__", str(stmt.op)))
            _bind((stmt.out,), seen, bound)
        elif isinstance(stmt, Branch):
            _branch(stmt, seen, bound)
        else:
            _loop(stmt, seen, bound)
    _use(block.results, seen, "the result of a block")


def _branch(b: Branch, seen: set[Var], bound: set[Var]) -> None:
    _use((b.test, *b.walked[0], *b.walked[1]), seen, "a branch")
    for arm, walked in zip(b.arms, b.walked, strict=True):
        if len(arm.params) != len(walked):
            raise InvalidIR("a branch walks sequences that its arm does not take")
        _block(arm, frozenset(seen), bound)
    n_outs = b.joined + sum(len(arm.results) - b.joined for arm in b.arms)
    if len(b.outs) != n_outs:
        raise InvalidIR(f"a branch binds {len(b.outs)} values, its arms yield {n_outs}")
    _bind(b.outs, seen, bound)


def _loop(loop: Loop, seen: set[Var], bound: set[Var]) -> None:
    _use((*loop.carried, *loop.walked), seen, "a loop")
    if isinstance(loop.over, Range):
        _use((loop.over.start, loop.over.stop, loop.over.step), seen, "a range")
    else:
        assert isinstance(loop.over, While)
        if len(loop.over.test.params) != len(loop.carried) or len(loop.over.test.results) != 1:
            raise InvalidIR("the test of a while loop does not fit what the loop carries")
        _block(loop.over.test, frozenset(seen), bound)
    if len(loop.body.params) != 1 + len(loop.carried) + len(loop.walked):
        raise InvalidIR("the body of a loop takes other values than the loop hands it")
    if len(loop.body.results) != len(loop.outs):
        raise InvalidIR("the body of a loop yields other values than the loop binds")
    if loop.stop is not None and loop.stop >= len(loop.carried):
        raise InvalidIR("the stop flag of a loop is not carried")
    _block(loop.body, frozenset(seen), bound)
    _bind(loop.outs if loop.count is None else (*loop.outs, loop.count), seen, bound)
