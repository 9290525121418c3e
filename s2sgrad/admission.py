"""The arguments of a call: what they are, and whether they can be differentiated."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from s2sgrad.callee import Callee
from s2sgrad.errors import DifferentiationError, Refusal
from s2sgrad.front.structure import (
    Const,
    Signature,
    UnsupportedArgument,
    differentiable,
    leaves,
    signature_of,
    spell,
)
from s2sgrad.ir.ops import part
from s2sgrad.ir.types import INT
from s2sgrad.request import Target
from s2sgrad.targets import below

_P = inspect.Parameter
NAMED = (_P.KEYWORD_ONLY, _P.VAR_POSITIONAL)  # after them all parameters are keyword-only


def signatures(c: Callee, values: Mapping[str, Any], wrt: frozenset[str]) -> dict[str, Signature]:
    """The signature of each argument; `wrt` are the names of parameters that are differentiated.

    Raises `DifferentiationError` for what has none, with a way out.
    """
    return {n: _signature(c, n, v, n in wrt) for n, v in values.items()}


def _signature(c: Callee, name: str, v: Any, differentiated: bool) -> Signature:
    if c.library and not differentiated and not _is_array(v):
        return Const(v)
    try:
        return signature_of(v, name)
    except UnsupportedArgument as e:
        what = f"the argument `{e.path}` of `{c.name}` {e.what}, which is not supported"
        raise DifferentiationError(Refusal(what, None, e.way_out, anchor="argument")) from None


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
