"""Operations that check what the compiler claims, while the program runs (`debug/checks`)."""

from __future__ import annotations

from typing import Any

import numpy as np


def poison(x: Any) -> Any:
    """Fill memory that nobody reads any more, so that whoever does read it is found out."""
    if isinstance(x, np.ndarray) and x.flags.writeable:
        if x.dtype.kind in "fc":
            x.fill(np.nan)
        elif x.dtype.kind in "iu":
            x.fill(np.iinfo(x.dtype).max)
    return x


def apart(x: Any, *others: Any) -> None:
    """`x` is about to be written to: raise if it shares memory with one of the others."""
    for k, other in enumerate(others, 2):
        if isinstance(x, np.ndarray) and isinstance(other, np.ndarray):
            if np.may_share_memory(x, other) and np.shares_memory(x, other):
                raise AssertionError(f"operand {k} is still read, and shares memory with the first")


def emptied(tape: list[Any]) -> None:
    """Raise if a tape holds something when everything has been walked."""
    if tape:
        raise AssertionError(f"{len(tape)} items are left on a tape")


CHECKS = frozenset({poison, apart, emptied})
