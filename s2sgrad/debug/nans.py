"""Where a NaN in a gradient began.

A derivative whose result has a NaN is run again by the interpreter of the IR, on the arguments as
they were.  Each value with a NaN remembers the equation that the NaN comes from: the first on its
way none of whose operands had one.  So what a mask takes away afterwards is not blamed.  The same
is kept of infinities, since most NaNs are made of one.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import inspect
import io
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from s2sgrad.emit.names import backward
from s2sgrad.errors import excerpt
from s2sgrad.ir.call import Kept
from s2sgrad.ir.graph import Eqn, Func
from s2sgrad.ir.interp import Interpreter
from s2sgrad.ir.span import Span
from s2sgrad.replay import Replay

DOCS = "docs/debugging.md"


def watched(
    run: Callable[..., Any], stages: Sequence[tuple[Func, int]], name: str
) -> Callable[..., Any]:
    """`run`, which raises `FloatingPointError` where the derivative of `name` has a NaN.

    `stages` are the function of which `run` was emitted after some passes, each with the number of
    results that come before the derivatives.  The first that has a NaN, too, tells where it began:
    in early ones each operation still belongs to one line.
    """
    signature = inspect.signature(run)

    @functools.wraps(run)
    def watching(*args: Any, **kwargs: Any) -> Any:
        before, replay = copy.deepcopy((args, kwargs)), Replay()
        result = run(*args, **kwargs)
        if not has_nan(result):
            return result
        bound = signature.bind(*before[0], **before[1])
        bound.apply_defaults()
        after, given = Replay(), bound.arguments
        again = []
        for func, values in stages:
            replay.done()
            trace = _Trace(func)
            again.append(trace.silently([copy.deepcopy(given[n]) for n in func.names]))
            # Objects among the results are arguments, of whose classes the gradients are.
            bad = [v for v in again[-1][values:] if has_nan(v) and not hasattr(v, "__dict__")]
            if bad:
                after.done()
                raise FloatingPointError(_message(name, trace.origin(bad[0])))
        after.done()
        if not has_nan(again):
            raise FloatingPointError(
                f"the derivative of `{name}` has a NaN, and had none when it was run again: "
                "does the program draw random numbers, or read what changes?"
            )
        return result

    return watching


def has_nan(v: Any) -> bool:
    """Is there a NaN in a number, an array, or a container of them?"""
    return _any(np.isnan, v)


def _is_finite(v: Any) -> bool:
    return not _any(lambda x: ~np.isfinite(x), v)


def _any(test: Callable[[Any], Any], v: Any) -> bool:
    if isinstance(v, float | complex | np.ndarray | np.generic):
        return np.asarray(v).dtype.kind in "fc" and bool(test(v).any())
    if isinstance(v, list | tuple):
        return any(_any(test, item) for item in v)
    if isinstance(v, dict):
        return _any(test, [*v.values()])
    return hasattr(v, "__dict__") and _any(test, vars(v))


@dataclass(eq=False)
class Birth:
    """The equation that made a NaN or an infinity, and what it was made of."""

    eqn: Eqn
    operands: list[Any]
    result: Any
    adjoint: bool  # does it belong to the backward sweep?
    at: Span | None
    name: str
    given: bool  # had an operand one already, which no equation made?
    cause: Birth | None  # of the infinity that a NaN was made of


class _Trace(Interpreter):
    """A run in which each value that is not finite knows where that began."""

    def __init__(self, func: Func) -> None:
        super().__init__()
        self.func = func
        self.births: dict[int, Birth] = {}  # by the identity of a value
        self.values: list[Any] = []  # those values, so that no other takes their place
        self.backward = backward(func)
        self.calls: list[str] = []  # functions of the module that are running

    def silently(self, args: list[Any]) -> tuple[Any, ...]:
        """The results; nothing is printed, and nothing warned of, once more."""
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with contextlib.redirect_stdout(io.StringIO()):
                return self.block(self.func.body, args)

    def eqn(self, s: Eqn, operands: list[Any]) -> Any:
        made = self.call(s.op, operands) if isinstance(s.op, Kept) else super().eqn(s, operands)
        if not _is_finite(made):
            self.seen(s, operands, made)
        return made

    def call(self, kept: Kept, operands: list[Any]) -> Any:
        """A function of the module: it may be running already, so its values are its own."""
        outer, self.env = self.env, {}
        self.calls.append(kept.name)
        results = self.block(kept.body.body, operands)
        self.calls.pop()
        self.env = outer
        return results[0] if len(results) == 1 else results

    def seen(self, s: Eqn, operands: list[Any], made: Any) -> None:
        """A result that is not finite: it has that of an operand, or begins here."""
        nan = has_nan(made)
        parents = [v for v in operands if (has_nan(v) if nan else not _is_finite(v))]
        found = self.origin(made) or self.first(parents)
        if found is None:
            adjoint = s.out in self.backward or any(n.endswith("_bwd") for n in self.calls)
            cause = self.first(operands) if nan else None
            found = Birth(s, operands, made, adjoint, s.at, s.out.hint, bool(parents), cause)
        found.at = found.at or s.at
        found.name = found.name or s.out.hint
        self.births[id(made)] = found
        self.values.append(made)

    def first(self, values: list[Any]) -> Birth | None:
        """Where the first of these that is not finite began."""
        return next(filter(None, map(self.origin, values)), None)

    def origin(self, v: Any) -> Birth | None:
        """Where a value began not to be finite; None: it is, or was so from the start."""
        found = self.births.get(id(v))
        return self.first([*v]) if found is None and isinstance(v, list | tuple) else found


def _message(name: str, birth: Birth | None) -> str:
    lines = [f"the derivative of `{name}` is NaN"]
    if birth is None or birth.given:
        lines[0] += ", and so is something that it was given"
    if birth is not None:
        first = "it was first read in" if birth.given else "it began in"
        lines += _told(first, birth)
        if birth.cause is not None:
            lines += _told("the infinity began in", birth.cause)
    return "\n".join([*lines, f"  see {DOCS}"])


def _told(first: str, birth: Birth) -> list[str]:
    """The place of an equation, and what it computed."""
    sweep = "the backward sweep of" if birth.adjoint else "the value of"
    head = [f"{first} {sweep}", *excerpt(birth.at)] if birth.at else []
    named = birth.name and not birth.name.startswith(".")  # a dot: a local of a helper
    return [*head, f"  {f'in `{birth.name}`: ' if named else ''}{_computed(birth)}"]


def _computed(birth: Birth) -> str:
    """`truediv(0, 0) is nan, at [2]`: the equation at the first place that is not finite."""
    result = np.asarray(birth.result) if not isinstance(birth.result, list | tuple) else None
    place: tuple[int, ...] = ()
    found = np.isnan if has_nan(birth.result) else np.isinf
    if result is not None and result.ndim:
        place = tuple(map(int, np.argwhere(found(result))[0]))
    shape = () if result is None else result.shape
    op = getattr(birth.eqn.op, "__name__", str(birth.eqn.op)).strip("_")
    kind = "nan" if found is np.isnan else "inf" if result is None else f"{result[place]}"
    text = f"{op}({', '.join(_shown(birth.operands, shape, place))}) is {kind}"
    return f"{text}, at [{', '.join(map(str, place))}]" if place else text


def _shown(operands: Iterable[Any], shape: tuple[int, ...], place: tuple[int, ...]) -> list[str]:
    """What stands in each operand at that place of the result, or how large it is."""
    shown = []
    for v in operands:
        if not isinstance(v, float | complex | int | np.ndarray | np.generic):
            shown.append(type(v).__name__)
            continue
        a = np.asarray(v)
        with contextlib.suppress(ValueError):
            a = np.broadcast_to(a, shape)[place]
        shown.append(f"{a[()]:.6g}" if a.ndim == 0 else f"array of shape {a.shape}")
    return shown
