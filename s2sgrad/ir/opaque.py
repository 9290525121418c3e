"""Objects that are data to a program: generators of random numbers and loggers.

They are values of a `Static` type; their methods are operations, `MethodOf(Generator, "normal")`,
and effects: each call runs once, in order, and nothing computes it again.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from s2sgrad.ir.types import Static

CLASSES: dict[str, type] = {
    "Generator": np.random.Generator,
    "RandomState": np.random.RandomState,
    "Random": random.Random,
    "Logger": logging.Logger,
}
SPARSE = Static("sparse")  # a matrix of real numbers, of `scipy.sparse`
SPLINE = Static("spline")  # one through numbers, of `scipy.interpolate`


@dataclass(frozen=True, slots=True)
class MethodOf:
    """The method `name` of an object that is data: an operation whose first operand it is."""

    cls: type
    name: str

    @property
    def __name__(self) -> str:
        return self.name

    def __call__(self, owner: Any, *args: Any, **kwargs: Any) -> Any:
        return getattr(owner, self.name)(*args, **kwargs)


def data_type(value: object) -> Static | None:
    """The type of an object that is data, None for any other value."""
    for name, cls in CLASSES.items():
        if isinstance(value, cls):
            return Static(name)
    if is_sparse(value):
        return SPARSE
    return SPLINE if is_spline(value) else None


def is_sparse(value: object) -> bool:
    """Is it a sparse matrix of real numbers?"""
    ours = type(value).__module__.startswith("scipy.sparse.") and hasattr(value, "tocsr")
    return ours and value.dtype.kind in "fib"  # type: ignore[attr-defined]


def is_spline(value: object) -> bool:
    """Is it a spline through numbers, by its coefficients in each piece or in a basis?"""
    ours = type(value).__module__.startswith("scipy.interpolate.") and hasattr(
        value, "antiderivative"
    )
    coefficients = getattr(value, "c", None)
    if not (ours and isinstance(coefficients, np.ndarray)):
        return False
    pieces = hasattr(value, "x")
    return coefficients.ndim == 1 + pieces and coefficients.dtype.kind == "f"


def is_data(name: str) -> Callable[[object], bool]:
    """The test of whether a value is of the type `Static(name)`, where no class tells that."""
    return {"sparse": is_sparse, "spline": is_spline}[name]
