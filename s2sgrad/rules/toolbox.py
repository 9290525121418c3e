"""Helpers for rules: the only places where a rule may look at shapes or assign items.

Each helper runs as plain NumPy on arrays.  Given a symbolic value (anything with a
`__s2s_record__` method) it records itself, so a rule can be traced.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

F = TypeVar("F", bound=Callable[..., Any])


def symbolic(args: Any) -> Any:
    """Return the first symbolic value among `args` (lists and tuples included), or None."""
    for arg in args:
        if hasattr(arg, "__s2s_record__"):
            return arg
        if isinstance(arg, list | tuple):
            found = symbolic(arg)
            if found is not None:
                return found
    return None


def recordable(function: F) -> F:
    """Make `function` record itself when one of its positional arguments is symbolic."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        found = symbolic(args)
        if found is not None:
            return found.__s2s_record__(wrapper, args, kwargs)
        return function(*args, **kwargs)

    return wrapper  # type: ignore[return-value]


def call(fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call `fn`, a function outside NumPy's protocols; recorded as `fn` itself."""
    found = symbolic(args)
    if found is not None:
        return found.__s2s_record__(fn, args, kwargs)
    return fn(*args, **kwargs)


@recordable
def is_complex(a: Any) -> bool:
    """Tell whether `a` is complex (a static fact)."""
    return np.iscomplexobj(a)


@recordable
def zeros_like(a: Any) -> Any:
    """Return zeros of the shape and dtype of `a`."""
    return np.zeros_like(a)


@recordable
def broadcast_like(g: Any, a: Any) -> Any:
    """Broadcast `g` to the shape of `a`."""
    return np.broadcast_to(g, np.shape(a))


@recordable
def reshape_like(g: Any, a: Any) -> Any:
    """Reshape `g` to the shape of `a`."""
    return np.reshape(g, np.shape(a))


@recordable
def length(a: Any, axis: int) -> int:
    """Return the number of elements of `a` along `axis`."""
    return int(np.shape(a)[axis])


@recordable
def count(a: Any, axis: Any = None) -> int:
    """Return the number of elements that a reduction of `a` over `axis` combines."""
    if axis is None:
        return int(np.size(a))
    axes = axis if isinstance(axis, tuple) else (axis,)
    total = 1
    for i in axes:
        total *= int(np.shape(a)[i])
    return total


@recordable
def expand(g: Any, a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Give `g`, a reduction of `a`, its lost axes back with length 1."""
    if keepdims or np.ndim(a) == 0:
        return g
    if axis is None:
        return np.reshape(g, (1,) * np.ndim(a))
    axes = axis if isinstance(axis, tuple) else (axis,)
    return np.expand_dims(g, tuple(i % np.ndim(a) for i in axes))


@recordable
def select(mask: Any, g: Any) -> Any:
    """Return `g` where `mask` holds and exactly 0 elsewhere, whatever `g` is there."""
    return np.where(mask, g, np.zeros((), np.result_type(g)))


@recordable
def part(g: Any, start: Any, stop: Any, axis: int) -> Any:
    """Return the slice `start:stop` of `g` along `axis`."""
    index: list[Any] = [slice(None)] * np.ndim(g)
    index[axis] = slice(start, stop)
    return np.asarray(g)[tuple(index)]


@recordable
def scatter(a: Any, index: Any, g: Any) -> Any:
    """Return zeros shaped like `a` with `g` added at `index`; repeats accumulate."""
    made = np.zeros(np.shape(a), np.result_type(g, np.float16))
    items = index if isinstance(index, tuple) else (index,)
    if all(i is None or i is Ellipsis or isinstance(i, int | slice) for i in items):
        made[index] = g
    else:
        np.add.at(made, index, g)
    return made


@recordable
def scatter_along(a: Any, indices: Any, g: Any, axis: int) -> Any:
    """Return zeros shaped like `a`, with `g` added where `take_along_axis` reads."""
    made = np.zeros(np.shape(a), np.result_type(g, np.float16))
    shape = np.shape(g)
    index = list(np.ogrid[tuple(slice(n) for n in shape)])
    index[axis] = indices
    np.add.at(made, tuple(index), g)
    return made


@recordable
def scatter_part(a: Any, start: Any, stop: Any, axis: int, g: Any) -> Any:
    """Return zeros shaped like `a` with `g` in the slice `start:stop` along `axis`."""
    index: list[Any] = [slice(None)] * np.ndim(a)
    index[axis] = slice(start, stop)
    made = np.zeros(np.shape(a), np.result_type(g, np.float16))
    made[tuple(index)] = g
    return made


@recordable
def safe_divide(g: Any, d: Any) -> Any:
    """Return `g / d`, but exactly 0 where `g` is 0; no warnings there."""
    off = np.equal(g, 0)
    return np.where(off, 0, g / np.where(off, 1, d))


@recordable
def scan(a: Any, g: Any, axis: int) -> Any:
    """Return r with r[j] = g[j] + a[j + 1] * r[j + 1] along `axis` (r[n] = 0)."""
    factors = np.moveaxis(np.asarray(a), axis, 0)
    terms = np.moveaxis(np.asarray(g), axis, 0)
    made = np.array(terms, np.result_type(a, g))
    for j in range(made.shape[0] - 2, -1, -1):
        made[j] += factors[j + 1] * made[j + 1]
    return np.moveaxis(made, 0, axis)


@recordable
def eye_like(a: Any) -> Any:
    """Return the identity matrix of the size of the last axis of `a`."""
    return np.eye(np.shape(a)[-1], dtype=np.result_type(a, np.float16))


@recordable
def identity(a: Any, axis: int = -1) -> Any:
    """Return the identity matrix of the size of `axis` of `a`."""
    return np.eye(np.shape(a)[axis])


@recordable
def scatter_diagonal(a: Any, g: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """Return zeros shaped like `a` with `g` on the diagonal that `np.diagonal` reads."""
    made = np.zeros(np.shape(a), np.result_type(g, np.float16))
    view = np.moveaxis(made, (axis1, axis2), (-2, -1))
    rows = max(0, min(view.shape[-2] + min(0, offset), view.shape[-1] - max(0, offset)))
    steps = np.arange(rows)
    view[..., steps + max(0, -offset), steps + max(0, offset)] = g
    return made


@recordable
def ranks(a: Any, axis: int) -> Any:
    """Return 0, 1, ... along `axis` of `a`, with length 1 along the other axes."""
    shape = [1] * np.ndim(a)
    shape[axis] = np.shape(a)[axis]
    return np.arange(shape[axis]).reshape(shape)


@recordable
def cofactor(a: Any) -> Any:
    """Return the matrix of cofactors, `det(a) * inv(a).T`; singular matrices included."""
    try:
        inverse = np.linalg.inv(a)
    except np.linalg.LinAlgError:
        u, s, vh = np.linalg.svd(a)
        scale = np.linalg.det(u) * np.linalg.det(vh)
        spread = np.repeat(s[..., None, :], s.shape[-1], axis=-2)
        spread = np.where(np.eye(s.shape[-1]) == 1, 1.0, spread)
        rest = np.prod(spread, axis=-1) * scale[..., None]
        return np.conj(u) * rest[..., None, :] @ np.conj(vh)
    return np.linalg.det(a)[..., None, None] * np.swapaxes(inverse, -1, -2)
