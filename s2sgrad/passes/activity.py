"""Which values carry a derivative: they vary with the inputs, and the result depends on them."""

from __future__ import annotations

import builtins
import math
import operator
from collections.abc import Iterable

import numpy as np

from s2sgrad.errors import DifferentiationError, InternalError, Refusal
from s2sgrad.front.probe import ELEMENTWISE
from s2sgrad.ir import ops
from s2sgrad.ir.alias import SHAPE_ONLY
from s2sgrad.ir.call import Kept, equations
from s2sgrad.ir.graph import Atom, Block, Branch, Eqn, Func, Hole, Loop, Var
from s2sgrad.ir.types import Static, Undefined, is_differentiable
from s2sgrad.rules.helpers import Helper
from s2sgrad.rules.registry import lookup

# Differentiated by the transform itself: they are about places in an array, not about numbers.
STRUCTURAL = {
    ops.getitem,
    ops.setitem,
    ops.additem,
    ops.copy,
    ops.bound,
    ops.list_,
    ops.append,
    ops.drop_last,
    ops.drop,
    ops.insert,
    ops.concat,
    ops.repeat_list,
    ops.fold_list,
    ops.total,
    ops.replace,
    ops.add_lists,
    ops.spread_list,
    ops.split_like,
    builtins.list,
}
# Where an int becomes part of a number, not a size or a place.
_ARITHMETIC_OF_INTS = {
    *ELEMENTWISE,
    *(f for f in vars(np).values() if isinstance(f, np.ufunc)),
    *(f for f in vars(math).values() if callable(f)),
    *(float, min, max, sum, np.array, np.asarray, np.stack, np.concatenate, np.full),
}


def carries_derivative(eqn: Eqn) -> bool:
    """Does `eqn` hand on a derivative from its operands to its result?"""
    if not (is_differentiable(eqn.out.type) or isinstance(eqn.out.type, Undefined)):
        return False
    if eqn.op in STRUCTURAL:
        return True
    if isinstance(eqn.op, Kept):
        return True
    if eqn.effect:
        return True  # a draw, say; one that depends on what is differentiated is refused
    if eqn.op in (
        ops.not_, ops.part, ops.place, ops.fstring, ops.pack, ops.held, ops.is_caught, ops.shown
    ):  # fmt: skip
        return False
    rule = lookup(eqn.op)
    if rule is None and isinstance(eqn.op, Helper):
        raise DifferentiationError(
            Refusal(
                f"the derivative of `{eqn.op.name}`, which is itself a derivative, is not known",
                eqn.at,
                "a first derivative, or arguments whose number of axes is known",
                anchor="no-rule",
            )
        )
    if rule is None:  # silence here would be a zero where there is a derivative
        raise InternalError("activity", f"no rule for {eqn.op!r}", "", span=eqn.at)
    return not rule.zero


def contents(eqn: Eqn) -> list[Atom]:
    """The operands of which `eqn` asks more than their shape."""
    skip = set(SHAPE_ONLY.get(eqn.op, ()))
    rule = lookup(eqn.op)
    if rule is not None and rule.shapes:
        given = eqn.form.args if eqn.form else tuple(map(Hole, range(len(eqn.args))))
        holes = (given[k] for k in rule.shapes if k < len(given))
        skip |= {t.k for t in holes if isinstance(t, Hole)}
    return [a for k, a in enumerate(eqn.args) if k not in skip]


def active(func: Func, wrt: Iterable[Var], results: Iterable[Atom]) -> set[Var]:
    """The values of `func` on a differentiable path from `wrt` to `results`."""
    varied = set(wrt)
    _forward(func.body, varied)
    useful = {r for r in results if isinstance(r, Var)}
    _backward(func.body, useful)
    found = varied & useful
    _refuse_draws(func.body, found)
    return found


def _refuse_draws(block: Block, found: set[Var]) -> None:
    """No derivative of what acts is known: silence would be a zero where there is one."""
    for s in equations(block):
        if s.effect and s.out in found and not isinstance(s.op, Kept):
            name = getattr(s.op, "__name__", str(s.op))
            raise DifferentiationError(
                Refusal(
                    f"the parameters of `{name}` vary, and so would what it returns",
                    s.at,
                    "draw from a standard distribution and compute with what was drawn: "
                    "loc + scale * rng.standard_normal(n)",
                    anchor="draw",
                )
            )


def refuse_draws(func: Func) -> None:
    """Refuse what would be another number at each run of the function."""
    for s in equations(func.body):
        clock = getattr(s.op, "__module__", "") == "time"
        if s.effect and not clock and not isinstance(s.out.type, Static):
            raise DifferentiationError(
                Refusal(
                    "a matrix is made column by column, and each would draw other numbers",
                    s.at,
                    "draw them before, and pass them as an argument",
                    anchor="draw",
                )
            )


def influences(func: Func, v: Var) -> bool:
    """Does the int `v` enter floating-point arithmetic, other than as an exponent or index?"""
    marked: set[Atom] = {v}

    def walk(block: Block) -> bool:
        for s in block.stmts:
            if isinstance(s, Eqn):
                operands = s.args[:1] if s.op in (operator.pow, np.power) else s.args
                if s.op in _ARITHMETIC_OF_INTS and any(a in marked for a in operands):
                    if is_differentiable(s.out.type):
                        return True
                    marked.add(s.out)
                continue
            pairs = [(s.then, s.outs), (s.orelse, s.outs)] if isinstance(s, Branch) else []
            if isinstance(s, Loop):
                n = len(s.carried)
                _mark(s.carried, s.body.params[1 : n + 1], marked)  # type: ignore[arg-type]
                pairs = [(s.body, s.body.params[1 : n + 1]), (s.body, s.outs)]
            for inner, outs in pairs:
                if walk(inner):
                    return True
                for a, out in zip(inner.results, outs, strict=False):
                    if a in marked:
                        if is_differentiable(out.type):
                            return True
                        marked.add(out)
        return False

    before = -1
    while before != len(marked):
        before = len(marked)
        if walk(func.body):
            return True
    return any(r in marked for r in func.body.results)


def _hand(sources: Iterable[Atom], targets: Iterable[Var], into: set[Var]) -> bool:
    """Mark each target whose source is marked; was any of them new?"""
    new = {
        t
        for s, t in zip(sources, targets, strict=True)
        if s in into and t not in into and is_differentiable(t.type)
    }
    into |= new
    return bool(new)


def _forward(block: Block, varied: set[Var]) -> None:
    for s in block.stmts:
        if isinstance(s, Eqn):
            if carries_derivative(s) and any(a in varied for a in contents(s)):
                varied.add(s.out)
        elif isinstance(s, Branch):
            for k, arm in enumerate(s.arms):
                _hand(s.walked[k], arm.params, varied)
                _forward(arm, varied)
                _hand(arm.results[: s.joined], s.outs[: s.joined], varied)
                _hand(arm.results[s.joined :], s.collected(k), varied)
        else:
            n = len(s.carried)
            params = s.body.params[1 : n + 1]
            _hand(s.carried, params, varied)
            _hand(s.walked, s.body.params[n + 1 :], varied)
            _forward(s.body, varied)
            while _hand(s.body.results[:n], params, varied):
                _forward(s.body, varied)
            _hand(params, s.outs[:n], varied)
            _hand(s.body.results, s.outs, varied)


def _mark(sources: Iterable[Atom], targets: Iterable[Atom], useful: set[Var]) -> bool:
    """Mark each target whose source is marked, whatever it is; was any of them new?"""
    new = {
        t
        for s, t in zip(sources, targets, strict=True)
        if s in useful and isinstance(t, Var) and t not in useful
    }
    useful |= new
    return bool(new)


def _backward(block: Block, useful: set[Var]) -> None:
    for s in reversed(block.stmts):
        if isinstance(s, Eqn):
            if s.out in useful and carries_derivative(s):
                useful.update(a for a in contents(s) if isinstance(a, Var))
        elif isinstance(s, Branch):
            for k, arm in enumerate(s.arms):
                _mark(s.outs[: s.joined], arm.results[: s.joined], useful)
                _mark(s.collected(k), arm.results[s.joined :], useful)
                _backward(arm, useful)
                _mark(arm.params, s.walked[k], useful)
        else:
            n = len(s.carried)
            params = s.body.params[1 : n + 1]
            _mark(s.outs, s.body.results, useful)
            _mark(s.outs[:n], params, useful)
            _backward(s.body, useful)
            while _mark(params, s.body.results[:n], useful):
                _backward(s.body, useful)
            _mark(params, s.carried, useful)
            _mark(s.body.params[n + 1 :], s.walked, useful)


__all__ = ["Loop", "active", "carries_derivative", "contents"]
