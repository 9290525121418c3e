"""Objects that are data to a program: generators of random numbers and loggers.

They are values of a `Static` type; their methods are operations, `MethodOf(Generator, "normal")`,
and effects: each call runs once, in order, and nothing computes it again.
"""

from __future__ import annotations

import logging
import random
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
    return None
