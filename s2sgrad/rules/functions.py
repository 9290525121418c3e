"""Operations that take functions: what is said of them, and what their rules ask of a function.

`takes` says how an operation calls its functions and what it returns; the parser then makes each of
them a function of the emitted module (`front/solvers`), whose further arguments, `args`, are all
that it reads from around it.  The rule gets that function as an operand, and asks for derivatives
of it: they are written where the rule stands (`passes/functions`), so they have derivatives too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from s2sgrad.rules.registry import Op, Rule, entry
from s2sgrad.rules.toolbox import recordable

Kinds = tuple[str, ...]


@dataclass(frozen=True)
class Takes:
    """How an operation calls the functions that it takes, and what it returns.

    `functions`: of each parameter that is a function, what it is called with before `args`:
    'number'; 'like:x0', of floats in the shape of an argument; 'vector:x0', as long as that.
    `returns`: such a word, 'matrix:y0,t', 'of:f' (the type of what a function returns), several of
    them ('number number'), or those of results that are read by their names.
    `value`: what the first function returns, 'number', 'vector' or 'any'.
    `refused`: options that have no derivative, with the values that are borne.
    """

    functions: dict[str, Kinds]
    returns: str | dict[str, str]
    value: str = "number"
    extra: str = "args"
    refused: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    swapped: str = ""  # an option by which the first two arguments change places
    once: bool = False  # can its cotangents be differentiated no more?

    @property
    def vectors(self) -> set[str]:
        """The parameters that others are like: a list there is an array."""
        words = [w for kinds in self.functions.values() for w in kinds]
        words += self.returns.values() if isinstance(self.returns, dict) else self.returns.split()
        return {n for w in words for n in w.partition(":")[2].split(",")} - set(self.functions)


TAKES: dict[Op, Takes] = {}


def takes(*ops: Op, **said: Any) -> None:
    """Say how operations call the functions that they take."""
    for op in ops:
        TAKES[op] = Takes(**said)


def like(op: Op, *others: Op) -> Callable[[Op], Op]:
    """Register the decorated function as the tangent of several operations."""

    def register(function: Op) -> Op:
        for one in (op, *others):
            found: Rule = entry(one)
            found.jvp = function
        return function

    return register


def _traced(name: str) -> Any:
    raise NotImplementedError(f"`{name}` is for rules that are traced")


@recordable
def pull(f: Any, g: Any, args: Sequence[Any], wrt: Sequence[int]) -> list[Any]:
    """Return the cotangents of `args[k]`, k in `wrt`, of `f(*args)` for the cotangent `g`.

    0.0 stands for what has no derivative: an int, a list.
    """
    return _traced("pull")  # type: ignore[no-any-return]


@recordable
def push(f: Any, args: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """Return the tangent of `f(*args)`; None among `tangents` is for zero."""
    return _traced("push")


@recordable
def value(f: Any, args: Sequence[Any]) -> Any:
    """Return `f(*args)`, written where the rule stands."""
    return _traced("value")


@recordable
def jacobian(f: Any, args: Sequence[Any], k: int = 0) -> Any:
    """Return the matrix of the derivatives of the vector `f(*args)` by the vector `args[k]`."""
    return _traced("jacobian")


@recordable
def rows(f: Any, t_first: bool, times: Any, y: Any, args: Sequence[Any]) -> Any:
    """Return the rows `f(times[i], y[i], *args)`, or `f(y[i], times[i], *args)`."""
    return _traced("rows")


@recordable
def slope(f: Any, args: Sequence[Any], k: int) -> Any:
    """Return the function that gives the cotangent of `args[k]` of the number `f(*args)` for 1.0.

    It takes what `f` takes; passed on, it is a function of the emitted module.
    """
    return _traced("slope")


@recordable
def weighted(f: Any, args: Sequence[Any], k: int, g: Any) -> Any:
    """Return the function of `(*args, g)` that gives the cotangent of `args[k]` for `g`."""
    return _traced("weighted")


@recordable
def moved(f: Any, args: Sequence[Any], moving: Sequence[int]) -> Any:
    """Return the function of `(*args, *tangents)` that gives the tangent of `f(*args)`.

    There is a tangent for each of `args[k]`, k in `moving`.
    """
    return _traced("moved")


@recordable
def half_square(f: Any, args: Sequence[Any]) -> Any:
    """Return the function that gives half the sum of the squares of `f(*args)`."""
    return _traced("half_square")


@recordable
def pull_packed(
    adjoint: Any, f: Any, t_first: bool, y0: Any, times: Any, y: Any, g: Any, args: Any,
    method: str, rtol: Any, atol: Any,
) -> Any:  # fmt: skip
    """Return the cotangents of `y0`, of `args` (a tuple) and of `times`, as `adjoint` finds them.

    It is called with the function of `(t, y, a, *args)` that pulls `a` back through the slope `f`.
    """
    return _traced("pull_packed")


@recordable
def doubled(f: Any, args: Sequence[Any], at: int, tangents: Sequence[Any]) -> Any:
    """Return the slope of a solution and its tangent, one behind the other, and what it takes.

    The state is `args[at]`; `tangents` are of the parameters behind the state and the time.
    """
    return _traced("doubled")


__all__ = [
    "TAKES", "Takes", "doubled", "half_square", "jacobian", "like", "moved", "pull", "pull_packed",
    "push", "rows", "slope", "takes", "value", "weighted",
]  # fmt: skip
