"""What more helpers of the rules mean where the types are known: plain NumPy.

Each function returns NotImplemented where it cannot say; then the helper itself is recorded, and
its source goes into the emitted module.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from s2sgrad.ir import ops
from s2sgrad.ir.graph import Form
from s2sgrad.ir.types import Array, Scalar, kind_of

if TYPE_CHECKING:
    from s2sgrad.ir.graph import Atom
    from s2sgrad.passes.record import Recorder


def select(r: Recorder, mask: Any, g: Any) -> Any:
    """`np.where(mask, g, 0.0)`."""
    return r.call(np.where, (mask, g, 0.0), {})


def part(r: Recorder, g: Any, start: Any, stop: Any, axis: int) -> Any:
    """`g[:, start:stop]`."""
    return NotImplemented if rank(g) is None else r.call(
        ops.getitem, (g, along(g, slice(start, stop), axis)), {}
    )  # fmt: skip


def scatter(r: Recorder, a: Any, index: Any, g: Any) -> Any:
    """`a_bar = np.zeros_like(a)`, then `a_bar[index] += g`, or `np.add.at` where places repeat."""
    kind, kind_g = kind_of(type_of(a)), kind_of(type_of(g))
    if rank(a) is None or kind not in ("float", "complex") or kind_g not in (kind, "float"):
        return NotImplemented
    zeros = r.call(ops.zeros_like, (a,), {})
    flat: list[Atom] = []
    form = Form(tuple(r.template(v, flat) for v in (zeros, index, g)))
    return r.symbol(r.emit(ops.additem, tuple(flat), form))


def scatter_part(r: Recorder, a: Any, start: Any, stop: Any, axis: int, g: Any) -> Any:
    """`a_bar[:, start:stop] += g`."""
    return NotImplemented if rank(a) is None else scatter(
        r, a, along(a, slice(start, stop), axis), g
    )  # fmt: skip


def identity(r: Recorder, a: Any, axis: int = -1) -> Any:
    """`np.eye(a.shape[axis])`."""
    return NotImplemented if rank(a) is None else r.call(np.eye, (extent(r, a, axis),), {})


def ranks(r: Recorder, a: Any, axis: int) -> Any:
    """`np.arange(a.shape[axis])` with axes of length 1 after it."""
    n = rank(a)
    if n is None:
        return NotImplemented
    found = r.call(np.arange, (extent(r, a, axis),), {})
    later = n - 1 - axis % n
    return found if later == 0 else r.call(ops.getitem, (found, (slice(None), *[None] * later)), {})


def type_of(v: Any) -> Any:
    """The type of an operand of a helper."""
    return v.type if hasattr(v, "type") else Scalar("float")


def rank(a: Any) -> int | None:
    """The number of axes of an array."""
    t = type_of(a)
    return len(t.shape) if isinstance(t, Array) else None


def extent(r: Recorder, a: Any, axis: int) -> Any:
    """The length of `a` along `axis`: a number where it is known."""
    d = type_of(a).shape[axis]
    return d if isinstance(d, int) else r.call(np.size, (a, axis % len(type_of(a).shape)), {})


def along(a: Any, item: Any, axis: int) -> Any:
    """An index that is `item` along `axis` and everything before it."""
    n = rank(a)
    assert n is not None
    return (*[slice(None)] * (axis % n), item) if axis % n else item


LOWERED: dict[str, Callable[..., Any]] = {
    "select": select, "part": part, "scatter": scatter, "scatter_part": scatter_part,
    "identity": identity, "ranks": ranks,
}  # fmt: skip

__all__ = ["LOWERED"]
