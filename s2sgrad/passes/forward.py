"""Forward mode: next to each value its tangent, in one sweep.

The tangent of a value has its shape and its dtype.  Where it is zero there is none: `dot` answers
None, and zeros are made only where a place has to be filled (a loop's start, an arm, a list).  A
tangent may be *narrow*, a number or an array that NumPy would broadcast to the shape of its value,
as long as only elementwise operations read it.

Loops carry the tangents of the active values that they carry, and collect and walk tangents as they
collect and walk values: the tangent of a tape is the tape of the tangents.
"""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from s2sgrad.errors import DifferentiationError, Refusal
from s2sgrad.front.infer import fits
from s2sgrad.front.probe import is_elementwise
from s2sgrad.ir import ops
from s2sgrad.ir.graph import (
    UNDEF,
    Atom,
    Block,
    Branch,
    Eqn,
    Func,
    Hole,
    Lit,
    Loop,
    Pack,
    Range,
    Stmt,
    Var,
    atom_type,
    call_args,
)
from s2sgrad.ir.types import Array, List, Scalar, Seq, Several, Type, is_differentiable, kind_of
from s2sgrad.ir.walk import bound_by
from s2sgrad.passes.activity import STRUCTURAL, active, carries_derivative
from s2sgrad.passes.linearise import Unpushable, transposed
from s2sgrad.passes.record import Recorder, StaticFact, Symbol
from s2sgrad.rules.registry import Rule, by_position, canonical, lookup, pushforward

ZERO = Lit(0.0)
_SUMS: dict[Any, Any] = {np.add: operator.add, np.subtract: operator.sub}
# Of lists: linear in the operands of these positions.
_OF_LISTS: dict[Any, tuple[int, ...]] = {
    ops.drop_last: (0,),
    ops.add_lists: (0, 1),
    ops.spread_list: (0,),
    ops.split_like: (0,),
    ops.copy_items: (0,),
    list: (0,),
    sum: (0, 1),
    np.array: (0,),
    np.asarray: (0,),
    np.stack: (0,),
    np.concatenate: (0,),
}


def forward(func: Func, tangents: Mapping[Var, Atom]) -> Func:
    """`func` with its results followed by their tangents, of those that `has_tangent`.

    `tangents` are the tangents of what is differentiated in; the others are constant.

    Raises `DifferentiationError`, with the place, where an operation has no forward rule.
    """
    return _Forward(func, tangents).build()


def has_tangent(result: Atom) -> bool:
    """Is the result a number, an array or a list of them, and no int or string?"""
    return is_differentiable(atom_type(result))


class _Forward:
    def __init__(self, func: Func, tangents: Mapping[Var, Atom]) -> None:
        self.func = func
        self.active = active(func, tangents, func.body.results)
        self.dots: dict[Var, Atom] = dict(tangents)
        self.items: dict[Var, list[Atom | None]] = {}  # of operations with several results
        self.mirror: set[Var] = set(func.notes.get("mirror", ()))
        self.recorder = Recorder([])

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
            return self.recorder.emit(ops.zeros_like, (a,), hint=_dot(a))
        if isinstance(t.item, Scalar):
            return self.recorder.emit(ops.spread_list, (ZERO, a), hint=_dot(a))
        return self.recorder.emit(ops.zeros_list, (a,), hint=_dot(a))

    def widened(self, dot: Atom, a: Atom) -> Atom:
        t, got = atom_type(a), atom_type(dot)
        if dot is UNDEF or not isinstance(t, Array) or _same_shape(got, t):
            return dot
        return self.recorder.emit(ops.broadcast_like, (dot, a), hint=_dot(a))

    def settle(self, dot: Atom, v: Var, sure: bool) -> Atom:
        """The tangent of `v` in its dtype, under its name; `sure`: it has the shape of `v`."""
        t, got = v.type, atom_type(dot)
        if kind_of(t) == "float" and kind_of(got) == "complex":
            dot = self.recorder.emit(np.real, (dot,))
        elif isinstance(t, Array) and isinstance(got, Array) and got.char != t.char:
            dot = self.recorder.emit(ops.cast_like, (dot, v))
        got = atom_type(dot)
        if isinstance(t, Array) and isinstance(got, Array) and len(t.shape) == len(got.shape):
            if sure or fits(got, t):
                got = Array(got.char, t.shape, t.loose)
        last = self.stmts[-1] if self.stmts else None
        if isinstance(last, Eqn) and last.out is dot and last.out.hint in ("", _dot(v)):
            named = Var(_dot(v), got)
            self.stmts[-1] = replace(last, out=named)
            return named
        if isinstance(dot, Var) and not dot.hint:  # made earlier, for a value without a name
            object.__setattr__(dot, "hint", _dot(v))
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
        return any(self.dot(a) is not None or a in self.items for a in s.args)

    def push(self, s: Eqn, reads: Sequence[Eqn]) -> None:
        """Write the tangent of the result of `s`."""
        if isinstance(s.out.type, Several):
            self.several(s, reads)
            return
        sure = not is_elementwise(s.op)
        if s.op in STRUCTURAL or any(isinstance(atom_type(a), List) for a in s.args):
            dot = self.structural(s)
        elif canonical(s.op) in _SUMS and s.form is None:
            dot = self.sum(s)
        else:
            dot = self.pushed(s, Symbol(self.recorder, s.out))
        assert not isinstance(dot, list)
        if dot is not None:
            self.dots[s.out] = self.settle(dot, s.out, sure)

    def several(self, s: Eqn, reads: Sequence[Eqn]) -> None:
        """An operation with several results: their tangents are those of the items."""
        items = {e.form.args[1]: e.out for e in reads if e.form}
        found = self.pushed(s, _Several(self.recorder, s.out, items), reads)
        assert isinstance(found, list | tuple)
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
            return self.items[s.args[0]][s.form.args[1]]
        if s.op is ops.getitem:
            return self.again(s, (self.filled(s.args[0]), *s.args[1:]))
        if s.op is ops.copy:
            return self.dot(s.args[0])
        if s.op in (ops.setitem, ops.additem):
            return self.write(s)
        if s.op in (ops.list_, ops.append):
            return self.again(s, tuple(map(self.filled, s.args)))
        linear = _OF_LISTS.get(s.op, ())
        if any(self.dot(a) is not None and k not in linear for k, a in enumerate(s.args)):
            raise _refused_list(s)
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
        out = Var(_dot(s.out), s.out.type)
        self.stmts.append(replace(s, out=out, args=args, raises=False, effect=False))
        return out

    # -- rules

    def pushed(self, s: Eqn, out: Any, reads: Sequence[Eqn] = ()) -> Any:
        """The tangent of `s` by its rule, or by the transpose of its vjp; a list for several."""
        rule = lookup(s.op)
        assert rule is not None
        try:
            return self.by_rule(rule, s, out)
        except StaticFact as e:
            raise _unknown(s, e) from e
        except (NotImplementedError, TypeError):
            pass  # there is none for these operands, or none that knows these options
        args = [a for a in s.args if self.dot(a) is not None]
        pairs = {a: self.filled(a) for a in args if isinstance(a, Var)}
        try:
            return transposed(self.recorder, s, reads, pairs)
        except Unpushable as e:
            raise self.refused(s, str(e)) from e

    def by_rule(self, rule: Rule, s: Eqn, out: Any) -> Any:
        if rule.jvp is None and (rule.linear or rule.multilinear):
            return self.repeated(rule, s, out)
        if rule.jvp is None and rule.partials is None:
            raise NotImplementedError
        shape = self.dot if is_elementwise(s.op) else self.full
        r = self.recorder
        args, kwargs, _ = by_position(rule, *call_args(s, [r.symbol(a) for a in s.args]))
        dots = [shape(a) for a in s.args]
        templates = _templates(rule, s)
        seen = {k for t in templates for k in _holes(t)}
        if any(self.dot(a) is not None for k, a in enumerate(s.args) if k not in seen):
            raise NotImplementedError  # an option varies: the rule would not be told
        tangents = [self.tangent(t, dots, s) for t in templates]
        tangents += [None] * (len(args) - len(tangents))
        found = pushforward(rule, out, tangents, args, kwargs)
        if isinstance(found, list | tuple):
            return [None if f is None else self.recorder.atom(f) for f in found]
        return None if found is None else self.recorder.atom(found)

    def repeated(self, rule: Rule, s: Eqn, out: Any) -> Atom:
        """A linear operation is its own tangent; of a multilinear one, a sum of such."""
        places = _places(rule, s)
        self.check_options(rule, s, out)
        moving = [k for k, a in enumerate(s.args) if self.dot(a) is not None]
        linear = rule.linear or rule.multilinear
        if any(places.get(k) not in linear for k in moving):
            raise NotImplementedError
        wide = not is_elementwise(s.op)
        if rule.linear:
            args = list(s.args)
            for k, a in enumerate(s.args):
                if places.get(k) in linear and is_differentiable(atom_type(a)):
                    dot = self.filled(a) if wide else self.dot(a)
                    args[k] = ZERO if dot is None else dot
            return self.once(s, tuple(args), wide)
        if len(moving) == 2 and s.args[0] is s.args[1] and _is_symmetric(s):
            dot = self.full(s.args[0]) if wide else self.dot(s.args[0])
            assert dot is not None
            double = self.recorder.emit(operator.mul, (Lit(2.0), s.args[0]))
            return self.recorder.emit(s.op, (double, dot))
        total: Atom | None = None
        for k in moving:
            dot = self.full(s.args[k]) if wide else self.dot(s.args[k])
            assert dot is not None
            term = self.once(s, (*s.args[:k], dot, *s.args[k + 1 :]), wide)
            total = term if total is None else self.recorder.emit(operator.add, (total, term))
        assert total is not None
        return total

    def once(self, s: Eqn, args: tuple[Atom, ...], wide: bool) -> Atom:
        """The same operation: its result has the same shape, if all operands have theirs."""
        return self.again(s, args) if wide else self.recorder.emit(s.op, args, s.form)

    def tangent(self, t: Any, dots: Sequence[Atom | None], s: Eqn) -> Any:
        """What a rule gets as the tangent of the operand `t`; in a list, zeros for None."""
        if isinstance(t, Hole):
            dot = dots[t.k]
            return None if dot is None else self.recorder.symbol(dot)
        if not isinstance(t, Pack) or all(dots[k] is None for k in _holes(t)):
            return None
        items = [i if isinstance(i, Hole) else None for i in t.items]
        return [
            self.recorder.symbol(self.filled(s.args[i.k])) if i is not None else 0.0 for i in items
        ]

    def check_options(self, rule: Rule, s: Eqn, out: Any) -> None:
        """Refuse options of a call that its rule does not know."""
        if rule.vjp is not None:
            args, kwargs = call_args(s, [self.recorder.symbol(a) for a in s.args])
            try:
                inspect.signature(rule.vjp).bind(None, out, *args, **kwargs)
            except TypeError as e:
                raise self.refused(s, str(e)) from e

    def refused(self, s: Eqn, why: str) -> DifferentiationError:
        name = getattr(s.op, "__name__", str(s.op))
        return DifferentiationError(
            Refusal(
                f"`{name}` has no derivative in forward mode with these arguments: {why}",
                s.at,
                "use vjp or grad, or write it as several steps",
                anchor="no-forward-rule",
            )
        )

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
        new = tuple(Var(_dot(joined[j]), joined[j].type) for j in live)
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
        found = [(Var(_dot(p), p.type), p, dot) for p, dot in moving if dot is not None]
        self.dots.update((p, new) for new, p, _ in found)
        return tuple(new for new, _, _ in found), tuple(dot for _, _, dot in found)

    def collected(self, outs: Sequence[Var], results: Sequence[Atom]) -> dict[Var, Atom]:
        """The tapes of tangents, and what they collect."""
        found: dict[Var, Atom] = {}
        for v, r in zip(outs, results, strict=True):
            dot = self.full(r) if v in self.active else None
            if dot is not None:
                self.dots[v] = tape = Var(_dot(v), v.type)
                found[tape] = dot
        return found

    def loop(self, s: Loop) -> None:
        n = len(s.carried)
        index, params = s.body.params[0], s.body.params[1 : n + 1]
        live = [k for k in range(n) if params[k] in self.active]
        inits = tuple(self.filled(s.carried[k]) for k in live)
        new = tuple(Var(_dot(params[k]), params[k].type) for k in live)
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
        outs = tuple(Var(_dot(s.outs[k]), s.outs[k].type) for k in live)
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


class _Several(Symbol):
    """The answer of an operation with several results: its items are values already."""

    __slots__ = ("items",)

    def __init__(self, recorder: Recorder, atom: Atom, items: Mapping[int, Var]) -> None:
        super().__init__(recorder, atom)
        self.items = items

    def __getitem__(self, index: Any) -> Any:
        if index in self.items:
            return self.recorder.symbol(self.items[index])
        return super().__getitem__(index)


def _items_of(s: Stmt, rest: Sequence[Stmt]) -> list[Eqn]:
    """The reads of the several results of `s`, which follow it."""
    found: list[Eqn] = []
    if isinstance(s, Eqn) and isinstance(s.out.type, Several):
        for e in rest:
            if isinstance(e, Eqn) and e.op is ops.getitem and e.args[0] is s.out:
                found.append(e)
    return found


def _same_shape(got: Type, t: Array) -> bool:
    return isinstance(got, Array) and (got.shape == t.shape or bool(fits(got, t)))


def _needs(made: Sequence[Stmt], outs: set[Var]) -> bool:
    """Do the equations read one of `outs`?"""
    return any(a in outs for e in made if isinstance(e, Eqn) for a in e.args)


def _may_fail(s: Eqn) -> bool:
    """May `s` end the program where its tangent would fail otherwise?  Then it goes first."""
    rule = lookup(s.op)
    return s.effect or (s.raises and rule is not None and rule.singular)


def _is_symmetric(s: Eqn) -> bool:
    """Do its two operands commute?  Then the tangent of `x * x` is `2.0 * x * x_dot`."""
    if s.form is not None:
        return False
    product = canonical(s.op) in (np.matmul, np.dot, np.inner, np.vdot)
    rank = len(s.args[0].type.shape) if isinstance(atom_type(s.args[0]), Array) else 0
    return canonical(s.op) is np.multiply or (product and rank == 1)


def _templates(rule: Rule, s: Eqn) -> list[Any]:
    """What stands in each parameter of the rule: templates whose holes count the operands."""
    if s.form is None:
        return [Hole(k) for k in range(len(s.args))]
    named = dict(s.form.kwargs)
    _, _, names = by_position(rule, s.form.args, named)
    return [*s.form.args, *(named.get(n) for n in names)]


def _places(rule: Rule, s: Eqn) -> dict[int, int]:
    """In which parameter of the rule each flat operand stands."""
    return {k: i for i, t in enumerate(_templates(rule, s)) for k in _holes(t)}


def _holes(t: Any) -> list[int]:
    if isinstance(t, Hole):
        return [t.k]
    return [k for item in t.items for k in _holes(item)] if isinstance(t, Pack) else []


def _dot(a: Atom) -> str:
    """The hint of the tangent of `a`."""
    if not isinstance(a, Var) or not a.hint:
        return ""
    if isinstance(a.type, Seq) and a.hint.endswith("_tape"):
        return f"{a.hint[:-5]}_dot_tape"
    return f"{a.hint}_dot"


def _unknown(s: Eqn, e: StaticFact) -> DifferentiationError:
    return DifferentiationError(
        Refusal(
            f"the derivative needs {e}, which is not known before the program runs",
            s.at,
            "pass arrays whose number of axes is known",
            anchor="unknown-type",
        )
    )


def _refused_list(s: Eqn) -> DifferentiationError:
    name = getattr(s.op, "__name__", str(s.op))
    return DifferentiationError(
        Refusal(
            f"`{name}` of a list that grows is not supported",
            s.at,
            "make it an array first: np.array(...) or np.stack(...)",
            anchor="list",
        )
    )


__all__ = ["forward", "has_tangent"]
