"""Where a program needs an int: ranges, indices, sizes and shapes.

An int in `wrt` is taken as a float, so such a use of it is an error with a place.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from s2sgrad.front.memory import Ref
from s2sgrad.front.values import Tup, Value
from s2sgrad.ir.graph import Var
from s2sgrad.ir.types import kind_of

# The positions and names of parameters that are sizes, shapes, axes or counts.
SIZES: dict[Any, tuple[int | str, ...]] = {
    np.zeros: (0, "shape"),
    np.ones: (0, "shape"),
    np.empty: (0, "shape"),
    np.full: (0, "shape"),
    np.eye: (0, 1, "N", "M"),
    np.identity: (0, "n"),
    np.reshape: (1, "shape"),
    np.broadcast_to: (1, "shape"),
    np.tile: (1, "reps"),
    np.repeat: (1, "repeats"),
    np.roll: (1, "shift"),
    np.linspace: (2, "num"),
}
WHY = "a float is used where an int is needed"
WAY_OUT = "a number in `wrt` is taken as a float: leave a size, count or index out of `wrt`"


def float_as_size(op: Callable[..., Any], args: list[Value], kwargs: dict[str, Value]) -> bool:
    """Is a size of this call a float?"""
    given: list[Value] = []
    for key in SIZES.get(op, ()):
        if isinstance(key, str):
            given += [kwargs[key]] if key in kwargs else []
        else:
            given += args[key : key + 1]
    return any(map(is_float, given))


def is_float(v: Value) -> bool:
    """Is the value, or a part of it, a float that is computed?"""
    if isinstance(v, Tup):
        return any(map(is_float, v.items))
    if isinstance(v, Ref):
        v = v.root.first  # views of it are of its dtype
    return isinstance(v, Var) and kind_of(v.type) in ("float", "complex")
