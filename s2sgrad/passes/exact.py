"""Values of the backward sweep that must be the primal's to the last bit."""

from __future__ import annotations

from s2sgrad.ir.graph import Atom, Block, Branch, Eqn, Func, Loop, Range, Var
from s2sgrad.ir.types import is_differentiable


def exact(func: Func) -> set[Var]:
    """What decides: tests, masks, indices, numbers of turns, and all that these are computed from.

    The backward sweep computes some of them again.  One that differs by one rounding takes another
    branch, or finds no maximum that is equal to it.  The masks of `passes/selected` ask only where
    a cotangent is zero.
    """
    found: set[Var] = set()
    guards: set[Atom] = func.notes.get("guards", set())
    size = -1
    while size != len(found):  # once for each nesting of loops that carry such a value
        size = len(found)
        _block(func.body, found, guards)
    return found


def _add(atoms: tuple[Atom, ...], found: set[Var]) -> None:
    found.update(a for a in atoms if isinstance(a, Var))


def _block(block: Block, found: set[Var], guards: set[Atom]) -> None:
    for s in reversed(block.stmts):
        if isinstance(s, Eqn):
            if s.out in guards:
                continue
            if s.out in found or s.effect or s.raises or not is_differentiable(s.out.type):
                _add(s.args, found)
        elif isinstance(s, Branch):
            _add((s.test,), found)
            for arm in s.arms:
                pairs = zip(s.outs[: s.joined], arm.results, strict=False)
                _add(tuple(r for v, r in pairs if v in found), found)
                _block(arm, found, guards)
        else:
            _loop(s, found, guards)


def _loop(s: Loop, found: set[Var], guards: set[Atom]) -> None:
    if isinstance(s.over, Range):
        _add((s.over.start, s.over.stop, s.over.step), found)
    else:
        _add(s.over.test.results, found)
        _block(s.over.test, found, guards)
        pairs = zip(s.over.test.params, s.body.params[1:], strict=False)
        _add(tuple(p for t, p in pairs if t in found), found)
    n = len(s.carried)
    for k, p in enumerate(s.body.params[1 : n + 1]):
        if p in found or s.outs[k] in found:
            _add((s.carried[k], s.body.results[k]), found)
    _block(s.body, found, guards)
