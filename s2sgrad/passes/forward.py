"""Forward mode: next to each value its tangent, in one sweep.

The tangent of a value has its shape and its dtype.  Where it is zero there is none: `dot` answers
None, and zeros are made only where a place has to be filled (a loop's start, an arm, a list).  A
tangent may be *narrow*, a number or an array that NumPy would broadcast to the shape of its value,
as long as only elementwise operations read it.

Loops carry the tangents of the active values that they carry, and collect and walk tangents as they
collect and walk values: the tangent of a tape is the tape of the tangents.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from s2sgrad.front.infer import fits
from s2sgrad.front.probe import is_elementwise
from s2sgrad.ir import ops
from s2sgrad.ir.alias import SHAPE_ONLY
from s2sgrad.ir.call import Kept
from s2sgrad.ir.graph import (
    UNDEF,
    Atom,
    Block,
    Branch,
    Eqn,
    Form,
    Func,
    Hole,
    Lit,
    Loop,
    Range,
    Stmt,
    Var,
    atom_type,
)
from s2sgrad.ir.types import Array, List, Scalar, Several, Type, is_differentiable, kind_of
from s2sgrad.ir.walk import bound_by, reads
from s2sgrad.passes.activity import STRUCTURAL, active, carries_derivative, contents
from s2sgrad.passes.lists import refused_list
from s2sgrad.passes.pushed_calls import PushedCalls, push_call
from s2sgrad.passes.pushing import ZERO, Answers, Pushing, dot_hint
from s2sgrad.passes.record import Recorder, Symbol
from s2sgrad.passes.saturating import saturating
from s2sgrad.rules.registry import canonical, lookup

_SUMS: dict[Any, Any] = {np.add: operator.add, np.subtract: operator.sub}
# Of lists: linear in the operands of these positions.
_OF_LISTS: dict[Any, tuple[int, ...]] = {
    **dict.fromkeys((ops.drop_last, ops.drop, ops.repeat_list, ops.fold_list, ops.total), (0,)),
    **dict.fromkeys((ops.spread_list, ops.split_like, ops.copy_items, list), (0,)),
    **dict.fromkeys((np.array, np.asarray, np.stack, np.concatenate), (0,)),
    **dict.fromkeys((ops.concat, ops.add_lists, sum), (0, 1)),
}


def forward(func: Func, tangents: Mapping[Var, Atom]) -> Func:
    """`func` with its results followed by their tangents, of those that `has_tangent`.

    `tangents` are the tangents of what is differentiated in; the others are constant.

    Raises `DifferentiationError`, with the place, where an operation has no forward rule.
    """
    return _Forward(func, tangents, PushedCalls(_Forward)).build()


def has_tangent(result: Atom) -> bool:
    """Is the result a number, an array or a list of them, and no int or string?"""
    return is_differentiable(atom_type(result))


class _Forward:
    def __init__(self, func: Func, tangents: Mapping[Var, Atom], calls: PushedCalls) -> None:
        self.func, self.calls = func, calls
        self.active = active(func, tangents, func.body.results)
        self.saturating = saturating(func.body)
        self.dots: dict[Var, Atom] = dict(tangents)
        self.items: dict[Var, list[Atom | None]] = {}  # of operations with several results
        self.mirror: set[Var] = set(func.notes.get("mirror", ()))
        self.recorder = Recorder([])
        self.rules = Pushing(self)

    @property
    def stmts(self) -> list[Stmt]:
        """The block that is being written."""
        return self.recorder.stmts

    def build(self) -> Func:
        body = self.func.body
        stmts = self.block(body.stmts, lambda: None)
        self.recorder.stmts = stmts
        dots = [self.filled(r) for r in body.results if has_tangent(r)]
        whole = Block(body.params, tuple(stmts), (*body.results, *dots))
        notes = self.func.notes
        if "mirror" in notes:
            notes = {**notes, "mirror": self.mirror}
        return replace(self.func, body=whole, notes=notes)

    # -- tangents of values

    def dot(self, a: Atom) -> Atom | None:
        """The tangent of `a`, as it is: None for zero, and it may be narrow."""
        return self.dots.get(a) if isinstance(a, Var) else None

    def full(self, a: Atom) -> Atom | None:
        """The tangent of `a` in its shape; None for zero."""
        dot = self.dot(a)
        return None if dot is None else self.widened(dot, a)

    def filled(self, a: Atom) -> Atom:
        """The tangent of `a` in its shape, zeros included."""
        dot = self.full(a)
        return self.zero(a) if dot is None else dot

    def zero(self, a: Atom) -> Atom:
        """Zeros in the shape of `a`."""
        t = atom_type(a)
        if a is UNDEF:
            return a
        if isinstance(a, Lit) or isinstance(t, Scalar):
            return ZERO
        if not isinstance(t, List):
            return self.recorder.emit(ops.zeros_like, (a,), hint=dot_hint(a))
        if isinstance(t.item, Scalar):
            return self.recorder.emit(ops.spread_list, (ZERO, a), hint=dot_hint(a))
        return self.recorder.emit(ops.zeros_list, (a,), hint=dot_hint(a))

    def widened(self, dot: Atom, a: Atom) -> Atom:
        t, got = atom_type(a), atom_type(dot)
        if dot is UNDEF or not isinstance(t, Array) or _same_shape(got, t):
            return dot
        return self.recorder.emit(ops.broadcast_like, (dot, a), hint=dot_hint(a))

    def settle(self, dot: Atom, v: Var, sure: bool) -> Atom:
        """The tangent of `v` in its dtype, under its name; `sure`: it has the shape of `v`."""
        t, got = v.type, atom_type(dot)
        if kind_of(t) == "float" and kind_of(got) == "complex":
            dot = self.recorder.emit(np.real, (dot,))
        elif isinstance(t, Array) and isinstance(got, Array) and got.char != t.char:
            dot = self.recorder.emit(ops.cast_like, (dot, v))
        got = atom_type(dot)
        same = isinstance(t, Array) and (sure or _same_shape(got, t))
        if same and isinstance(t, Array) and isinstance(got, Array) and _rank(t) == _rank(got):
            got = Array(got.char, t.shape, t.loose)
        last = self.stmts[-1] if self.stmts else None
        if isinstance(last, Eqn) and last.out is dot and last.out.hint in ("", dot_hint(v)):
            named = Var(dot_hint(v), got)
            self.stmts[-1] = replace(last, out=named)
            return named
        if isinstance(dot, Var) and not dot.hint:  # made earlier, for a value without a name
            object.__setattr__(dot, "hint", dot_hint(v))
        return dot

    # -- statements

    def block(self, stmts: Sequence[Stmt], end: Callable[[], None]) -> list[Stmt]:
        """The statements with their tangents; `end` is called at the end of the block."""
        outer, self.recorder.stmts = self.stmts, []
        done: set[Stmt] = set()
        for k, s in enumerate(stmts):
            if s in done:
                continue
            here = len(self.stmts)
            if isinstance(s, Branch):
                self.branch(s)
            elif isinstance(s, Loop):
                self.loop(s)
            else:
                reads = _items_of(s, stmts[k + 1 :])
                done.update(reads)
                self.eqn(s, reads)
            if self.mirror.intersection(bound_by(s)):
                self.mirror.update(v for new in self.stmts[here:] for v in bound_by(new))
        end()
        made, self.recorder.stmts = self.stmts, outer
        return made

    def eqn(self, s: Eqn, reads: Sequence[Eqn]) -> None:
        """The equation, and its tangent: before it where that does not need its result.

        `x_dot = np.cos(x) * x_dot` goes before `x = np.sin(x)`, so that no old value is kept.
        `reads` are the equations that read the several results of `s`.
        """
        if not self.moves(s):
            self.stmts.extend((s, *reads))
            return
        if isinstance(s.op, Kept):
            push_call(self, s, reads)
            return
        outer, self.recorder.stmts, self.recorder.at = self.stmts, [], s.at
        self.push(s, reads)
        made, self.recorder.stmts = self.stmts, outer
        if _needs(made, {s.out, *(r.out for r in reads)}) or _may_fail(s):
            outer.extend((s, *reads, *made))
        else:
            outer.extend((*made, s, *reads))

    def moves(self, s: Eqn) -> bool:
        """Has the result of `s` a tangent?"""
        if s.out not in self.active or not carries_derivative(s):
            return False
        return any(self.dot(a) is not None or a in self.items for a in contents(s))

    def push(self, s: Eqn, reads: Sequence[Eqn]) -> None:
        """Write the tangent of the result of `s`."""
        if isinstance(s.out.type, Several) and s.out.type.open:
            raise self.rules.refused(
                s, "how many results it has is not known before the program runs"
            )
        if isinstance(s.out.type, Several):
            self.several(s, reads)
            return
        sure = not is_elementwise(s.op)
        if s.op in STRUCTURAL or any(isinstance(atom_type(a), List) for a in s.args):
            dot = self.structural(s)
        elif canonical(s.op) in _SUMS and s.form is None:
            dot = self.sum(s)
        else:
            out: Atom = s.out
            if out in self.saturating:
                out = self.recorder.emit(ops.finite, (out,))
            dot = self.rules.pushed(s, Symbol(self.recorder, out))
        assert not isinstance(dot, list)
        if dot is not None:
            self.dots[s.out] = self.settle(dot, s.out, sure)

    def several(self, s: Eqn, reads: Sequence[Eqn]) -> None:
        """An operation with several results: their tangents are those of the items."""
        items = {e.form.args[1]: e.out for e in reads if e.form}
        found = self.rules.pushed(s, Answers(self.recorder, s.out, items), reads)
        if isinstance(found, Var):  # linear: the same operation on the tangents
            forms = [Form((Hole(0), k)) for k in range(len(s.out.type.items))]  # type: ignore[attr-defined]
            found = [self.recorder.emit(ops.getitem, (found,), form) for form in forms]
        self.items[s.out] = list(found)
        for k, v in items.items():
            dot = found[k] if k < len(found) else None
            if dot is not None:
                self.dots[v] = self.settle(dot, v, True)

    # -- equations

    def structural(self, s: Eqn) -> Atom | None:
        """The tangent of a read or write of a part, or of a list."""
        if s.op is ops.getitem and s.args[0] in self.items:
            assert s.form is not None
            item: int = s.form.args[1]
            return self.items[s.args[0]][item]
        if s.op is ops.getitem:
            return self.again(s, (self.filled(s.args[0]), *s.args[1:]))
        if s.op in (ops.copy, ops.bound):
            return self.dot(s.args[0])
        if s.op in (ops.setitem, ops.additem):
            return self.write(s)
        if s.op in (ops.list_, ops.append):
            return self.again(s, tuple(map(self.filled, s.args)))
        put = {ops.insert: -1, ops.replace: -2}.get(s.op)
        if put is not None:
            first, *rest = s.args
            rest[put] = self.filled(rest[put])
            return self.again(s, (self.filled(first), *rest))
        linear = _OF_LISTS.get(s.op, ())
        known = {*linear, *SHAPE_ONLY.get(s.op, ())}
        if any(self.dot(a) is not None and k not in known for k, a in enumerate(s.args)):
            raise refused_list(s)
        pairs = enumerate(s.args)
        return self.again(s, tuple(self.filled(a) if k in linear else a for k, a in pairs))

    def write(self, s: Eqn) -> Atom | None:
        """`x_dot[i] = v_dot`."""
        x, value = s.args[0], s.args[-1]
        if s.op is ops.additem and self.dot(value) is None:
            return self.dot(x)
        in_list = isinstance(atom_type(x), List)
        moved = self.dot(value) if not in_list else self.filled(value)
        if moved is None:
            moved = ZERO
        return self.again(s, (self.filled(x), *s.args[1:-1], moved))

    def sum(self, s: Eqn) -> Atom | None:
        a, b = map(self.dot, s.args)
        op = _SUMS[canonical(s.op)]
        if a is None or b is None:
            if a is not None:
                return a
            assert b is not None
            return b if op is operator.add else self.recorder.emit(operator.neg, (b,))
        return self.recorder.emit(op, (a, b))

    def again(self, s: Eqn, args: tuple[Atom, ...]) -> Atom:
        """The same operation on other operands."""
        out = Var(dot_hint(s.out), s.out.type)
        self.stmts.append(replace(s, out=out, args=args, raises=False, effect=False))
        return out

    # -- branches and loops

    def branch(self, s: Branch) -> None:
        joined, arms, walked = s.outs[: s.joined], [], []
        ends: list[tuple[list[Atom | None], dict[Var, Atom]]] = []
        for k, arm in enumerate(s.arms):
            params, sources = self.walks(arm.params, s.walked[k])
            walked.append((*s.walked[k], *sources))

            def end(arm: Block = arm, k: int = k) -> None:
                pairs = zip(joined, arm.results, strict=False)
                dots = [self.full(r) if v in self.active else None for v, r in pairs]
                ends.append((dots, self.collected(s.collected(k), arm.results[s.joined :])))

            stmts = self.block(arm.stmts, end)
            arms.append(replace(arm, params=(*arm.params, *params), stmts=tuple(stmts)))
        live = [j for j in range(s.joined) if any(dots[j] is not None for dots, _ in ends)]
        for k, (dots, tapes) in enumerate(ends):
            arms[k] = self.with_results(arms[k], s.joined, live, dots, tapes)
        new = tuple(Var(dot_hint(joined[j]), joined[j].type) for j in live)
        outs = [*joined, *new]
        for k, (_, tapes) in enumerate(ends):
            outs += [*s.collected(k), *tapes]
        self.dots.update(zip((joined[j] for j in live), new, strict=True))
        self.stmts.append(
            replace(
                s,
                outs=tuple(outs),
                walked=(walked[0], walked[1]),
                then=arms[0],
                orelse=arms[1],
                joined=s.joined + len(live),
            )
        )

    def with_results(
        self,
        arm: Block,
        n: int,
        live: Sequence[int],
        dots: Sequence[Atom | None],
        tapes: Mapping[Var, Atom],
    ) -> Block:
        """The arm, which yields tangents too."""
        outer, self.recorder.stmts = self.stmts, list(arm.stmts)
        yielded = [self.zero(arm.results[j]) if dots[j] is None else dots[j] for j in live]
        results = (*arm.results[:n], *yielded, *arm.results[n:], *tapes.values())
        made = replace(arm, stmts=tuple(self.stmts), results=results)  # type: ignore[arg-type]
        self.recorder.stmts = outer
        return made

    def walks(
        self, params: Sequence[Var], sources: Sequence[Atom]
    ) -> tuple[tuple[Var, ...], tuple[Atom, ...]]:
        """The tangents of what is walked: new parameters, and the sequences that they walk."""
        moving = [(p, self.dot(a)) for p, a in zip(params, sources, strict=True)]
        found = [(Var(dot_hint(p), p.type), p, dot) for p, dot in moving if dot is not None]
        self.dots.update((p, new) for new, p, _ in found)
        return tuple(new for new, _, _ in found), tuple(dot for _, _, dot in found)

    def collected(self, outs: Sequence[Var], results: Sequence[Atom]) -> dict[Var, Atom]:
        """The tapes of tangents, and what they collect."""
        found: dict[Var, Atom] = {}
        for v, r in zip(outs, results, strict=True):
            dot = self.full(r) if v in self.active else None
            if dot is not None:
                self.dots[v] = tape = Var(dot_hint(v), v.type)
                found[tape] = dot
        return found

    def loop(self, s: Loop) -> None:
        n = len(s.carried)
        index, params = s.body.params[0], s.body.params[1 : n + 1]
        live = [k for k in range(n) if params[k] in self.active]
        inits = tuple(self.filled(s.carried[k]) for k in live)
        new = tuple(Var(dot_hint(params[k]), params[k].type) for k in live)
        self.dots.update(zip((params[k] for k in live), new, strict=True))
        items = s.body.params[n + 1 :]
        walked, sources = self.walks(items, s.walked)
        yields: list[Atom] = []
        tapes: dict[Var, Atom] = {}

        def end() -> None:
            yields.extend(self.filled(s.body.results[k]) for k in live)
            tapes.update(self.collected(s.outs[n:], s.body.results[n:]))

        stmts = self.block(s.body.stmts, end)
        results = (*s.body.results[:n], *yields, *s.body.results[n:], *tapes.values())
        body = Block((index, *params, *new, *items, *walked), tuple(stmts), results)
        outs = tuple(Var(dot_hint(s.outs[k]), s.outs[k].type) for k in live)
        self.dots.update(zip((s.outs[k] for k in live), outs, strict=True))
        over = s.over
        if not isinstance(over, Range):
            more = tuple(Var(v.hint, v.type) for v in new)
            over = replace(over, test=replace(over.test, params=(*over.test.params, *more)))
        self.stmts.append(
            replace(
                s,
                outs=(*s.outs[:n], *outs, *s.outs[n:], *tapes),
                over=over,
                carried=(*s.carried, *inits),
                walked=(*s.walked, *sources),
                body=body,
            )
        )


def _items_of(s: Stmt, rest: Sequence[Stmt]) -> list[Eqn]:
    """The reads of the several results of `s`, which follow it."""
    if not (isinstance(s, Eqn) and isinstance(s.out.type, Several)):
        return []
    eqns = (e for e in rest if isinstance(e, Eqn))
    return [e for e in eqns if e.op is ops.getitem and e.args[0] is s.out]


def _rank(t: Array) -> int:
    return len(t.shape)


def _same_shape(got: Type, t: Array) -> bool:
    """Has a tangent of type `got` surely the shape of a value of type `t`?"""
    if not isinstance(got, Array) or (got.loose and not t.loose):
        return False
    return got.shape == t.shape or bool(fits(got, t))


def _needs(made: Sequence[Stmt], outs: set[Var]) -> bool:
    """Do the statements read one of `outs`?"""
    return not outs.isdisjoint(reads([Block((), tuple(made), ())]))


def _may_fail(s: Eqn) -> bool:
    """May `s` end the program where its tangent would fail otherwise?  Then it goes first."""
    rule = lookup(s.op)
    return s.effect or (s.raises and rule is not None and rule.singular)


__all__ = ["forward", "has_tangent"]
