"""The tangent of one operation: by its rule, or by the transpose of its vjp."""

from __future__ import annotations

import inspect
import operator
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from s2sgrad.errors import DifferentiationError, Refusal
from s2sgrad.front.probe import is_elementwise
from s2sgrad.ir.graph import Atom, Eqn, Form, Hole, Lit, Pack, Var, atom_type, call_args
from s2sgrad.ir.types import Array, Seq, Several, is_differentiable
from s2sgrad.passes.linearise import Unpushable, transposed
from s2sgrad.passes.record import Recorder, StaticFact, Symbol
from s2sgrad.rules.registry import Rule, by_position, canonical, lookup, pullback, pushforward

ZERO = Lit(0.0)


class Tangents(Protocol):
    """The sweep that asks: what it knows of the operands."""

    recorder: Recorder

    def dot(self, a: Atom) -> Atom | None:
        """The tangent of `a`, as it is: None for zero, and it may be narrow."""

    def full(self, a: Atom) -> Atom | None:
        """The tangent of `a` in its shape; None for zero."""

    def filled(self, a: Atom) -> Atom:
        """The tangent of `a` in its shape, zeros included."""

    def again(self, s: Eqn, args: tuple[Atom, ...]) -> Atom:
        """The same operation on other operands."""


class Pushing:
    """Asks rules for tangents."""

    def __init__(self, owner: Tangents) -> None:
        self.owner = owner

    @property
    def recorder(self) -> Recorder:
        """Where the equations go."""
        return self.owner.recorder

    def pushed(self, s: Eqn, out: Any, reads: Sequence[Eqn] = ()) -> Any:
        """The tangent of `s` by its rule, or by the transpose of its vjp; a list for several."""
        rule = lookup(s.op)
        assert rule is not None
        try:
            return self.by_rule(rule, s, out)
        except StaticFact as e:
            raise _unknown(s, e) from e
        except (NotImplementedError, TypeError) as e:
            missing = e  # for these operands, or with these options
        args = [a for a in s.args if self.owner.dot(a) is not None]
        pairs = {a: self.owner.filled(a) for a in args if isinstance(a, Var)}
        try:
            return transposed(self.recorder, s, reads, pairs)
        except (Unpushable, TypeError) as e:  # TypeError: the rule asks more than symbols answer
            raise self.refused(s, str(e)) from missing

    def by_rule(self, rule: Rule, s: Eqn, out: Any) -> Any:
        if rule.jvp is None and (rule.linear or rule.multilinear):
            return self.repeated(rule, s, out)
        if rule.jvp is None and rule.partials is None:
            raise NotImplementedError
        shape = self.owner.dot if is_elementwise(s.op) else self.owner.full
        r = self.recorder
        args, kwargs, _ = by_position(rule, *call_args(s, [r.symbol(a) for a in s.args]))
        dots = [shape(a) for a in s.args]
        templates = _templates(rule, s)
        seen = {k for t in templates for k in _holes(t)}
        if any(self.owner.dot(a) is not None for k, a in enumerate(s.args) if k not in seen):
            raise NotImplementedError("an option varies")  # of which the rule would not be told
        tangents = [self.tangent(t, dots, s) for t in templates]
        tangents += [None] * (len(args) - len(tangents))
        found = pushforward(rule, out, tangents, args, kwargs)
        if isinstance(found, list | tuple):
            return [None if f is None else self.recorder.atom(f) for f in found]
        return None if found is None else self.recorder.atom(found)

    def repeated(self, rule: Rule, s: Eqn, out: Any) -> Atom | None:
        """A linear operation is its own tangent; of a multilinear one, a sum of such."""
        places = _places(rule, s)
        self.check_options(rule, s, out)
        moving = [k for k, a in enumerate(s.args) if self.owner.dot(a) is not None]
        linear = rule.linear or rule.multilinear
        if any(places.get(k) not in linear for k in moving):
            zero = self.without_derivative(rule, s, out)
            moving = [k for k in moving if places.get(k) not in zero]
            if any(places.get(k) not in linear for k in moving):
                raise NotImplementedError
            if not moving:
                return None
        wide = not is_elementwise(s.op)
        if rule.linear:
            args = list(s.args)
            for k, a in enumerate(s.args):
                if places.get(k) in linear:
                    args[k] = self.moved(a, wide)
            return self.once(_without_constants(rule, s), tuple(args), wide)
        if len(moving) == 2 and s.args[0] is s.args[1] and _is_symmetric(s):
            dot = self.owner.full(s.args[0]) if wide else self.owner.dot(s.args[0])
            assert dot is not None
            double = self.recorder.emit(operator.mul, (Lit(2.0), s.args[0]))
            return self.recorder.emit(s.op, (double, dot))
        total: Atom | None = None
        for k in moving:
            dot = self.owner.full(s.args[k]) if wide else self.owner.dot(s.args[k])
            assert dot is not None
            term = self.once(s, (*s.args[:k], dot, *s.args[k + 1 :]), wide)
            total = term if total is None else self.recorder.emit(operator.add, (total, term))
        assert total is not None
        return total

    def moved(self, a: Atom, wide: bool) -> Atom:
        """The tangent of an operand that is linear: zero where it is a constant or data."""
        if is_differentiable(atom_type(a)):
            dot = self.owner.filled(a) if wide else self.owner.dot(a)
            return ZERO if dot is None else dot
        if isinstance(a, Var):
            array = isinstance(a.type, Array)
            return self.recorder.emit(np.zeros_like, (a,)) if array else Lit(0)
        return Lit(_zeros(a.value))

    def without_derivative(self, rule: Rule, s: Eqn, out: Any) -> set[int]:
        """The operands of which the rule says that the derivative is zero: a shape, an index."""
        if isinstance(s.out.type, Several):
            return set()
        scratch = Recorder([])
        g = Symbol(scratch, Var("", s.out.type))
        args = [scratch.symbol(a) for a in s.args]
        bars = pullback(rule, g, out, *by_position(rule, *call_args(s, args))[:2])
        return {k for k, bar in enumerate(bars) if type(bar) is float and bar == 0.0}

    def once(self, s: Eqn, args: tuple[Atom, ...], wide: bool) -> Atom:
        """The same operation: its result has the same shape, if all operands have theirs."""
        return self.owner.again(s, args) if wide else self.recorder.emit(s.op, args, s.form)

    def tangent(self, t: Any, dots: Sequence[Atom | None], s: Eqn) -> Any:
        """What a rule gets as the tangent of the operand `t`; in a list, zeros for None."""
        if isinstance(t, Hole):
            dot = dots[t.k]
            return None if dot is None else self.recorder.symbol(dot)
        if not isinstance(t, Pack) or all(dots[k] is None for k in _holes(t)):
            return None
        given = [self.owner.filled(s.args[i.k]) if isinstance(i, Hole) else ZERO for i in t.items]
        return [self.recorder.symbol(a) for a in given]

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


class Answers(Symbol):
    """The answer of an operation with several results: its items are values already."""

    __slots__ = ("items",)

    def __init__(self, recorder: Recorder, atom: Atom, items: Mapping[int, Var]) -> None:
        super().__init__(recorder, atom)
        self.items = items

    def __getitem__(self, index: Any) -> Any:
        if index in self.items:
            return self.recorder.symbol(self.items[index])
        return super().__getitem__(index)


def _is_symmetric(s: Eqn) -> bool:
    """Do its two operands commute?  Then the tangent of `x * x` is `2.0 * x * x_dot`."""
    if s.form is not None:
        return False
    product = canonical(s.op) in (np.matmul, np.dot, np.inner, np.vdot)
    t = atom_type(s.args[0])
    vectors = isinstance(t, Array) and len(t.shape) == 1
    return canonical(s.op) is np.multiply or (product and vectors)


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


def _without_constants(rule: Rule, s: Eqn) -> Eqn:
    """The equation, zeros for the literal numbers among the operands that are linear."""
    if s.form is None or rule.vjp is None:
        return s
    names = list(inspect.signature(rule.vjp).parameters)[2:]
    linear = {n for k, n in enumerate(names) if k in rule.linear}
    args = [_zeros(t) if k in rule.linear else t for k, t in enumerate(s.form.args)]
    named = [(n, _zeros(t) if n in linear else t) for n, t in s.form.kwargs]
    return replace(s, form=Form(tuple(args), tuple(named)))


def _zeros(t: Any) -> Any:
    if isinstance(t, Pack):
        return Pack(t.kind, tuple(map(_zeros, t.items)))
    if isinstance(t, tuple | list):
        return type(t)(map(_zeros, t))
    if isinstance(t, np.ndarray):
        return np.zeros_like(t)
    return type(t)(0) if isinstance(t, bool | int | float | complex) else t


def _holes(t: Any) -> list[int]:
    if isinstance(t, Hole):
        return [t.k]
    return [k for item in t.items for k in _holes(item)] if isinstance(t, Pack) else []


def dot_hint(a: Atom) -> str:
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
