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
    'number', or the name of a parameter that its argument is like, 'vector:x0' (one axis).
    `returns`: 'number', 'pair' (a number and an estimate of its error), 'like:x0', 'vector:x0',
    'matrix:t,y0', or the kinds of results that are read by their names.
    `value`: what the first function returns, 'number', 'vector' or 'any'.
    `refused`: options that have no derivative, with the values that are borne.
    """

    functions: dict[str, Kinds]
    returns: str | dict[str, str]
    value: str = "number"
    extra: str = "args"
    refused: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    swapped: str = ""  # an option by which the first two arguments change places


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


def slope_of(f: Any, args: Sequence[Any], k: int) -> Any:
    """Return the function that gives the cotangent of `args[k]` of the number `f(*args)` for 1.0.

    It takes what `f` takes, and is a function of the emitted module itself.
    """
    return f.derived("pull", k)


__all__ = ["TAKES", "Takes", "jacobian", "like", "pull", "push", "slope_of", "takes", "value"]
