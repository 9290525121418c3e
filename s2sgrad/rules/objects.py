"""Objects of SciPy that are made of arrays, and what is done with them (`ir/through`)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from s2sgrad.ir.through import Through
from s2sgrad.ir.types import Type
from s2sgrad.rules.registry import Op

Options = tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class Made:
    """What makes an object of its first parameters, `parts`; the others are constants.

    `hint` names the object.  `uses` gives the operation of a method (of '' for a call) for some
    options, or raises `NotImplementedError`; its type is what `typed` says.
    """

    parts: tuple[str, ...]
    hint: str
    uses: Callable[[str, Options], Through]


MADE: dict[Op, Made] = {}
OBJECTS: set[Op] = set()  # sparse matrices, and what solves with them (`front/sparse`)
TYPED: dict[Through, Callable[[list[Type]], Type]] = {}


def made(*makers: Op, parts: tuple[str, ...], hint: str, uses: Any) -> None:
    """Say that functions make objects."""
    for maker in makers:
        MADE[maker] = Made(parts, hint, lambda method, options, m=maker: uses(m, method, options))  # type: ignore[misc]


__all__ = ["MADE", "OBJECTS", "TYPED", "Made", "Options", "Through", "made"]
