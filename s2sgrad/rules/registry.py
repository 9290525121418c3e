"""The table of rules: which op has which derivative.

A rule is an ordinary function of arrays.  `RULES` maps a canonical op to its `Rule`;
`canonical` maps every other spelling (`operator.add`, `np.amax`) to the canonical one.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Op = Callable[..., Any]


@dataclass(slots=True, eq=False)
class Rule:
    """All that is known about the derivative of one op.

    `vjp(g, out, *args, **kwargs)` gives one cotangent per positional operand: 0.0 where the
    derivative is zero, None where there is none (a program that needs it is refused).
    `partials(out, *args)` gives the local partial of an elementwise op per operand.
    `jvp(out, tangents, *args, **kwargs)` is an explicit tangent; `tangents` has one entry
    per positional operand, None where it is constant.
    `linear` names the operands in which the op is jointly linear, `multilinear` those in
    which it is linear one at a time.  `zero`: the derivative is zero everywhere.
    `singular`: some partial is infinite or undefined somewhere.  `maybe_complex`: the answer of
    real operands is real or complex, as their values are (`np.linalg.eigvals`).  `like`: the
    answer has the type of that operand.  `shapes` are operands of which it asks nothing but the
    shape.  `echoes`: the results (by number) that are an argument
    handed back: its position, name and default (`lower` of `scipy.linalg.cho_factor`).  `data`: it
    is known for data alone.
    """

    op: Op
    vjp: Op | None = None
    partials: Op | None = None
    linear: tuple[int, ...] = ()
    jvp: Op | None = None
    zero: bool = False
    singular: bool = False
    multilinear: tuple[int, ...] = ()
    elementwise: bool = False
    maybe_complex: bool = False
    like: int | None = None
    shapes: tuple[int, ...] = ()
    echoes: dict[int, tuple[int, str, Any]] = field(default_factory=dict)
    data: bool = False


# Packages whose rules are loaded when a program first asks for a function that has none.
PACKAGES = {
    "numpy.polynomial": "series",
    "scipy.special": "scipy_special",
    "scipy.linalg": "scipy_linalg scipy_structured",
    "scipy.fft": "scipy_fft",
    "scipy.signal": "scipy_signal scipy_spectra",
    "scipy.integrate": "scipy_integrate scipy_ode",
    "scipy.optimize": "scipy_optimize",
    "scipy.interpolate": "scipy_interpolate",
    "scipy.sparse": "scipy_sparse",
    "scipy.sparse.linalg": "scipy_sparse",
    "scipy.stats": "scipy_stats",
    "scipy.ndimage": "scipy_ndimage",
    "scipy.spatial.distance": "scipy_distance",
}
LOADED: list[str] = []
RULES: dict[Op, Rule] = {}
CANONICAL: dict[Op, Op] = {}


def canonical(fn: Op) -> Op:
    """Return the spelling of `fn` under which its rule is registered."""
    return CANONICAL.get(fn, fn)


def lookup(fn: Op) -> Rule | None:
    """Return the rule of `fn` under any of its spellings, or None."""
    try:
        found = RULES.get(canonical(fn))
    except TypeError:
        return None
    if found is None and load_present():
        return RULES.get(canonical(fn))
    return found


def load_for(package: str) -> bool:
    """Load the rules of `package` ("scipy.special"); False where there are none, or loaded."""
    module = PACKAGES.pop(package, None)
    if module is not None:
        LOADED.append(package)
        for part in module.split():
            importlib.import_module(f"s2sgrad.rules.{part}")
    return module is not None


def load_present() -> bool:
    """Load the rules of the packages that the program has imported; were there any new?"""
    present = [package for package in PACKAGES if package in sys.modules]
    return sum(map(load_for, present)) > 0


def is_distribution(obj: Any) -> bool:
    """Is it a distribution of `scipy.stats`, such as `norm`?"""
    home = str(type(obj).__module__)
    return home.startswith("scipy.stats.") and callable(obj) and hasattr(obj, "rvs")


def is_frozen(obj: Any) -> bool:
    """Is it a distribution with its parameters, `norm(loc, scale)`?"""
    return hasattr(obj, "kwds") and is_distribution(getattr(obj, "dist", None))


def alias(name: Op, target: Op) -> None:
    """Register `name` as another spelling of `target`."""
    if name is not target:
        CANONICAL[name] = target


def entry(op: Op, *others: Op) -> Rule:
    """Return the rule of `op`, made if need be; `others` become spellings of it."""
    for other in others:
        alias(other, op)
    return RULES.setdefault(op, Rule(op))


class Definition:
    """A rule as its module sees it: call it, or add a tangent with `.jvp`."""

    def __init__(self, record: Rule, function: Op) -> None:
        """Wrap `function`, the vjp or the partials of `record`."""
        self.rule = record
        self.function = function
        self.__name__ = function.__name__
        self.__doc__ = function.__doc__

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function that was defined."""
        return self.function(*args, **kwargs)

    def jvp(self, function: Op) -> Op:
        """Register `function(out, tangents, *args, **kwargs)` as the explicit tangent."""
        self.rule.jvp = function
        return function


def rule(
    op: Op,
    *others: Op,
    linear: tuple[int, ...] = (),
    multilinear: tuple[int, ...] = (),
    singular: bool = False,
) -> Callable[[Op], Definition]:
    """Register the decorated function as the explicit vjp of `op` and its spellings."""

    def register(function: Op) -> Definition:
        record = entry(op, *others)
        record.vjp = function
        record.linear = linear
        record.multilinear = multilinear
        record.singular = singular or record.singular
        return Definition(record, function)

    return register


def elementwise(op: Op, *others: Op, singular: bool = False) -> Callable[[Op], Definition]:
    """Register the decorated function as the local partials of an elementwise `op`."""

    def register(function: Op) -> Definition:
        record = entry(op, *others)
        record.partials = function
        record.elementwise = True
        record.singular = singular or record.singular
        return Definition(record, function)

    return register


def zero(*ops: Op) -> None:
    """Register ops whose derivative is zero (or whose answer is not a real number)."""
    for op in ops:
        entry(op).zero = True


def data_only(*ops: Op) -> None:
    """Register ops of data: of what is differentiated they are refused."""

    def vjp(g: Any, out: Any, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError("it is known for data alone")

    for op in ops:
        found = entry(op)
        found.vjp, found.data = vjp, True


def as_tuple(value: Any) -> tuple[Any, ...]:
    """Return a rule's answer as a tuple: a single cotangent stands for operand 0."""
    return value if isinstance(value, tuple) else (value,)


def pullback(record: Rule, g: Any, out: Any, args: Sequence[Any], kwargs: Any) -> tuple[Any, ...]:
    """Return one cotangent per positional operand (missing ones at the end are None)."""
    if record.zero:
        return (None,) * len(args)
    if record.vjp is not None:
        found = as_tuple(record.vjp(g, out, *args, **kwargs))
    else:
        assert record.partials is not None
        partials = as_tuple(record.partials(out, *args, **kwargs))
        found = tuple(None if p is None else g * p for p in partials)
    return found + (None,) * (len(args) - len(found))


def by_position(record: Rule, args: Sequence[Any], kwargs: Any) -> tuple[list[Any], Any, list[str]]:
    """Move keyword arguments to the places that the vjp has for them.

    Returns the positional arguments, the other keywords, and the names of the new positions.
    """
    known, skipped = (record.vjp, 2) if record.vjp is not None else (record.partials, 1)
    if known is None or not kwargs:
        return list(args), kwargs, []
    kinds = inspect.signature(known).parameters.values()
    places = [p for p in kinds if p.kind is p.POSITIONAL_OR_KEYWORD][skipped:]
    last = max((i for i, p in enumerate(places) if p.name in kwargs), default=-1)
    moved = places[len(args) : last + 1]
    rest = {k: v for k, v in kwargs.items() if k not in {p.name for p in moved}}
    extra = [kwargs.get(p.name, p.default) for p in moved]
    return [*args, *extra], rest, [p.name for p in moved]


def can_push(record: Rule) -> bool:
    """Tell whether forward mode can use the rule without reversing its vjp."""
    return bool(
        record.zero
        or record.data
        or record.jvp
        or record.partials
        or record.linear
        or record.multilinear
    )


def pushforward(
    record: Rule, out: Any, tangents: Sequence[Any], args: Sequence[Any], kwargs: Any
) -> Any:
    """Return the tangent of the answer, or None when it is zero.

    The order of preference: explicit jvp, linearity, multilinearity, partials.
    """
    if record.zero or all(t is None for t in tangents):
        return None
    if record.jvp is not None:
        return record.jvp(out, tuple(tangents), *args, **kwargs)
    if record.linear:
        check_linear(record, out, tangents, args, kwargs)
        moved = list(args)
        for i in record.linear:
            if i < len(args):
                moved[i] = fill(tangents[i], args[i])
        return record.op(*moved, **kwargs)
    terms: list[Any] = []
    if record.multilinear:
        live = [i for i in record.multilinear if i < len(args) and tangents[i] is not None]
        terms += [record.op(*args[:i], tangents[i], *args[i + 1 :], **kwargs) for i in live]
    elif record.partials is not None:
        partials = as_tuple(record.partials(out, *args, **kwargs))
        pairs = [(t, p) for t, p in zip(tangents, partials, strict=False) if t is not None]
        if any(p is None for _, p in pairs):
            raise NotImplementedError(f"no forward rule for {record.op!r} in one of its operands")
        terms += [t * p for t, p in pairs]
    else:
        raise NotImplementedError(f"no forward rule for {record.op!r}")
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


def check_linear(
    record: Rule, out: Any, tangents: Sequence[Any], args: Sequence[Any], kwargs: Any
) -> None:
    """Refuse options that the vjp does not know, and tangents of operands that are not linear."""
    if record.vjp is not None:
        inspect.signature(record.vjp).bind(None, out, *args, **kwargs)
    if any(t is not None and i not in record.linear for i, t in enumerate(tangents)):
        raise NotImplementedError(f"no forward rule for {record.op!r} in one of its operands")


def fill(tangent: Any, arg: Any) -> Any:
    """Return `tangent`, with zeros for what is None in it (also inside a list)."""
    if isinstance(arg, list | tuple):
        given = (None,) * len(arg) if tangent is None else tangent
        return [fill(t, a) for t, a in zip(given, arg, strict=True)]
    return np.zeros_like(arg) if tangent is None else tangent
