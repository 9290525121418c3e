"""The arguments of a call: what they are, and whether they can be differentiated."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from s2sgrad.callee import Callee
from s2sgrad.errors import DifferentiationError, Refusal
from s2sgrad.front.structure import (
    LONGER,
    Const,
    Signature,
    UnsupportedArgument,
    differentiable,
    leaves,
    signature_of,
    spell,
)
from s2sgrad.ir.ops import part
from s2sgrad.ir.types import INT, List
from s2sgrad.request import Target
from s2sgrad.targets import below

_P = inspect.Parameter
NAMED = (_P.KEYWORD_ONLY, _P.VAR_POSITIONAL)  # after them all parameters are keyword-only


def signatures(
    c: Callee, values: Mapping[str, Any], wrt: frozenset[str], longer: float = math.inf
) -> dict[str, Signature]:
    """The signature of each argument; `wrt` are the names of parameters that are differentiated.

    Lists of more than `longer` items of one type have no length.

    Raises `DifferentiationError` for what has no signature, with a way out.
    """
    return {n: _signature(c, n, v, n in wrt, longer) for n, v in values.items()}


def _signature(c: Callee, name: str, v: Any, differentiated: bool, longer: float) -> Signature:
    if c.library and not differentiated and not _is_array(v):
        return Const(v)
    try:
        s = signature_of(v, name, longer=longer)
        if differentiated and any(_of_ints(leaf) for _, leaf in leaves(s)):
            return signature_of(v, name)  # ints in `wrt` may be numbers or sizes, each for itself
        return s
    except UnsupportedArgument as e:
        what = f"the argument `{e.path}` of `{c.name}` {e.what}, which is not supported"
        raise DifferentiationError(Refusal(what, None, e.way_out, anchor="argument")) from None


def _of_ints(s: Signature) -> bool:
    return isinstance(s, List) and not differentiable(s)


class Lengths:
    """Which lists among the arguments have a length in their signature.

    The loops over such are unrolled, which reads well where there are few items.  Longer ones have
    none, and none have once a second length was seen, as long as the program compiles like that.
    """

    def __init__(self, c: Callee, wrt: frozenset[str], listed: bool) -> None:
        self.callee, self.wrt = c, wrt
        self.longer: float = LONGER if listed else math.inf
        self.seen: dict[Any, dict[str, Signature]] = {}  # by the signatures without lengths

    def signatures(self, values: Mapping[str, Any]) -> dict[str, Signature]:
        """The signature of each argument."""
        return signatures(self.callee, values, self.wrt, self.longer)

    def second(self, values: Mapping[str, Any], given: dict[str, Signature]) -> bool:
        """Is it the second length of a list?  Then lists have no lengths from here on."""
        if self.longer != LONGER:
            return False
        bare = signatures(self.callee, values, self.wrt, 0)
        if self.seen.setdefault(tuple(bare.items()), given) == given:
            return False
        self.longer = 0
        return True

    def refused(self, given: Mapping[str, Signature]) -> bool:
        """Without lengths the program was refused: was there a list without one?"""
        of_any = any(isinstance(leaf, List) for s in given.values() for _, leaf in leaves(s))
        if of_any:
            self.longer = math.inf
        return of_any


def _is_array(v: Any) -> bool:
    if isinstance(v, list | tuple):
        return any(map(_is_array, v))
    return isinstance(v, np.ndarray | np.floating | np.complexfloating | float | complex)


def check_differentiable(
    given: Mapping[str, Signature], targets: Sequence[Target], values: Mapping[str, Any]
) -> None:
    """Raises `TypeError`, naming it, for a target that has no derivative."""
    for t in targets:
        if t.name not in given:
            raise TypeError(f"cannot differentiate in `{t.name}`: it was not given")
        v = part(values[t.name], t.path)
        for path, leaf in leaves(below(given[t.name], t.path)):
            _check_leaf(t, path, leaf, v)


def _check_leaf(t: Target, path: Any, leaf: Signature, v: Any) -> None:
    if differentiable(leaf) or (path and isinstance(leaf, Const)):
        return
    value = part(v, path)
    if path and not isinstance(value, np.ndarray):
        return  # an int or bool that is data
    what = (
        f"an array of {value.dtype}"
        if isinstance(value, np.ndarray)
        else ("an int" if leaf == INT else f"{type(value).__name__}")
    )
    name = spell((*t.path, *path), t.name)
    raise TypeError(f"cannot differentiate in `{name}`: it is {what}, not float")


def header(c: Callee, given: Sequence[str]) -> tuple[str, ...]:
    """The parameters as they are written, `*args` and `**kw` with their stars."""
    made: list[str] = []
    kinds: list[Any] = []
    for n in given:
        p = c.whole.parameters[n]
        star = p.kind is _P.KEYWORD_ONLY and not {_P.KEYWORD_ONLY, _P.VAR_POSITIONAL}.intersection(
            kinds
        )
        made.append(("*, " if star else stars(p)) + n)
        kinds.append(p.kind)
    return tuple(made)


def stars(p: inspect.Parameter) -> str:
    """What stands before the name of a parameter that takes any number."""
    return "*" if p.kind is _P.VAR_POSITIONAL else "**" if p.kind is _P.VAR_KEYWORD else ""
