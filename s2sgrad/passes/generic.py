"""Rules that ask what the types do not tell: they are called when the emitted code runs."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from s2sgrad.errors import DifferentiationError, Refusal
from s2sgrad.front.unknown import is_complex, stand_in_calls
from s2sgrad.ir import ops
from s2sgrad.ir.call import passed_to
from s2sgrad.ir.graph import Atom, Eqn, Form, Hole, Pack, Var, atom_type, call_args
from s2sgrad.ir.types import FLOAT, UNKNOWN, Array, Scalar, Type, Unknown, is_real
from s2sgrad.passes.record import Recorder, Symbol
from s2sgrad.rules.helpers import Helper, NoSource, cotangent_of
from s2sgrad.rules.registry import Rule, by_position, pullback

_SHAPED = Array | Scalar | Unknown


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """A rule with what it is called with.

    `seed` is the cotangent of the answer `out`: a list, with None for zero, where `out` has several
    parts.  `templates` says which flat operands stand in each of `args`; `wanted`, of which flat
    operands a cotangent is asked.
    """

    seed: Any
    out: Any
    args: Sequence[Any]
    kwargs: dict[str, Any]
    templates: Sequence[Any]
    wanted: Sequence[bool]


def by_helpers(
    recorder: Recorder, rule: Rule, s: Eqn, call: Call, why: Exception
) -> list[Atom | None]:
    """One cotangent per flat operand of `s` that is wanted, each by a helper of its own.

    Raises `DifferentiationError` where the rule is none that can be written into a module.
    """
    bars: list[Atom | None] = [None] * len(s.args)
    if passed_to(s):  # its derivative can be written only where the types are known
        raise _refused(s, why) from why
    for k, template in enumerate(call.templates):
        holes = _holes(template)
        if not any(call.wanted[h] for h in holes):
            continue
        if not all(isinstance(atom_type(s.args[h]), _SHAPED) for h in holes):
            raise _refused(s, why)  # a list has no shape to be brought back to
        whole = not isinstance(template, Hole)
        try:
            if rule.vjp is None:
                raise NoSource("partials")
            helper = cotangent_of(rule.vjp, _called_by(s.op), k, whole, bool(rule.multilinear))
        except NoSource as e:
            raise _refused(s, why) from e
        t = UNKNOWN if whole else _like(atom_type(s.args[holes[0]]), _is_real(rule, s, call, k))
        bar = _called(recorder, helper, rule, call, t)
        _spread(recorder, template, bar, bars)
    return bars


def _called_by(op: Any) -> str:
    """`rfft`, `add_outer`, `scipy_rfft`: the name of an operation, for that of a helper."""
    name, owner = getattr(op, "__name__", "op"), getattr(op, "__self__", None)
    if isinstance(owner, np.ufunc):
        return f"{owner.__name__}_{name}"
    foreign = str(getattr(op, "__module__", "")).startswith("scipy")
    return f"scipy_{name}" if foreign else name


def _like(x: Type, real: bool) -> Type:
    """A cotangent of the shape of `x`."""
    if isinstance(x, Unknown):
        return Unknown(x.shape, x.real and real, x.array)
    return x if isinstance(x, Scalar) else UNKNOWN


def _is_real(rule: Rule, s: Eqn, call: Call, k: int) -> bool:
    """Is the cotangent of an operand real, where the operands and the seed are?

    Rules are asked: that of `irfft` gives a complex one even then, of which the real part counts.
    """
    seeds = call.seed if isinstance(call.seed, list) else [call.seed]
    if not all(is_real(g.type if isinstance(g, Symbol) else FLOAT) for g in seeds):
        return False
    said = False
    for values, out in stand_in_calls(s.op, s.args, s.form):
        args, kwargs, _ = by_position(rule, *call_args(s, values))
        several = isinstance(out, tuple | list)
        g = [np.ones_like(o) for o in out] if several else np.ones_like(out)
        try:
            with np.errstate(all="ignore"):
                found = pullback(rule, g, out, args, kwargs)[k]
        except Exception:  # the rule cannot do with these stand-ins
            continue
        if is_complex(found):
            return False
        said = True
    return said


def _called(recorder: Recorder, helper: Helper, rule: Rule, call: Call, t: Type) -> Var:
    assert rule.vjp is not None
    function = getattr(rule.vjp, "function", rule.vjp)
    bound = inspect.signature(function).bind(call.seed, call.out, *call.args, **call.kwargs)
    args: list[Any] = []
    named: dict[str, Any] = {}
    skipped = False
    for name, p in bound.signature.parameters.items():
        if p.kind is p.VAR_POSITIONAL:
            args += bound.arguments.get(name, ())
        elif name not in helper.params:
            continue
        elif name not in bound.arguments:
            skipped = True
        elif skipped or p.kind is p.KEYWORD_ONLY:
            named[name] = bound.arguments[name]
        else:
            args.append(bound.arguments[name])
    flat: list[Atom] = []
    form = Form(
        tuple(recorder.template(a, flat) for a in args),
        tuple((n, recorder.template(v, flat)) for n, v in named.items()),
    )
    made = Var("", t)
    recorder.stmts.append(Eqn(made, helper, tuple(flat), form, recorder.at))
    return made


def _holes(template: Any) -> list[int]:
    if isinstance(template, Hole):
        return [template.k]
    if isinstance(template, Pack):
        return [h for item in template.items for h in _holes(item)]
    return []


def _spread(recorder: Recorder, template: Any, bar: Atom, bars: list[Atom | None]) -> None:
    """The items of a list's cotangent."""
    if isinstance(template, Hole):
        bars[template.k] = bar
    elif isinstance(template, Pack):
        for k, item in enumerate(template.items):
            if _holes(item):
                form = Form((Hole(0), k))
                _spread(recorder, item, recorder.emit(ops.getitem, (bar,), form), bars)


def uncounted(made: Eqn, at: Eqn) -> DifferentiationError:
    """How many results `made` has is not known, and their derivative is needed at `at`."""
    name = getattr(made.op, "__name__", str(made.op))
    return DifferentiationError(
        Refusal(
            f"how many results `{name}` has is not known before the program runs",
            at.at,
            "annotate the parameters, give their types with --types, or take the parts by\n"
            "subscripts: `x[0]`, `x[:, :n]`",
            anchor="unknown-type",
        )
    )


def _refused(s: Eqn, why: Exception) -> DifferentiationError:
    return DifferentiationError(
        Refusal(
            f"the derivative needs {why}, which is not known before the program runs",
            s.at,
            "annotate the parameters, or give their types with --types",
            anchor="unknown-type",
        )
    )
