"""The types of what operations return that take functions, as `rules/functions` says."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from s2sgrad.front.probe import fresh_dim
from s2sgrad.ir.call import Kept
from s2sgrad.ir.graph import Atom, Form, Lit, Var, atom_type, fill
from s2sgrad.ir.types import (
    BOOL,
    FLOAT,
    INT,
    Array,
    Scalar,
    Several,
    Static,
    Type,
    Unknown,
    type_of,
)
from s2sgrad.rules.functions import Takes

_FIELDS: dict[str, Type] = {"number": FLOAT, "bool": BOOL, "int": INT, "text": Static("str")}


def solved_type(op: Callable[..., Any], said: Takes, args: tuple[Atom, ...], form: Form) -> Type:
    """The type of `op(...)`."""
    pos = [fill(t, args) for t in form.args]
    named = {k: fill(t, args) for k, t in form.kwargs}
    given = inspect.signature(op).bind(*pos, **named).arguments
    types = {k: _type(v) for k, v in given.items()}
    return returned(said, types)


def returned(said: Takes, types: dict[str, Type]) -> Type:
    """The type of what is returned for arguments of these types."""
    if isinstance(said.returns, dict):
        return Several(
            tuple(meant(k, types) for k in said.returns.values()), names=tuple(said.returns)
        )
    first, _, rest = said.returns.partition(" ")
    if rest:
        return Several((meant(first, types), *(meant(k, types) for k in rest.split())))
    return meant(first, types)


def meant(kind: str, types: dict[str, Type]) -> Type:
    """The type that a word of `Takes` stands for."""
    what, _, names = kind.partition(":")
    like = [types.get(n) for n in names.split(",")]
    if what == "of":
        return like[0] or Unknown(real=True)
    if what == "like":
        t = like[0]
        if isinstance(t, Array):
            return Array("d", t.shape)
        return FLOAT if isinstance(t, Scalar) else Unknown(real=True)
    if what in ("vector", "matrix"):
        return Array("d", tuple(map(_extent, like)))
    return _FIELDS[what]


def _extent(t: Type | None) -> int | str:
    """The number of elements of what a solver takes as a vector."""
    if isinstance(t, Scalar):
        return 1
    return t.shape[0] if isinstance(t, Array) and len(t.shape) == 1 else fresh_dim()


def _type(v: Any) -> Type:
    if isinstance(v, Kept):
        return atom_type(v.body.body.results[0])
    if isinstance(v, Var | Lit):
        return atom_type(v)
    if isinstance(v, list | tuple):
        return Array("d", (len(v),))
    return type_of(v)
