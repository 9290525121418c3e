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
    found = symbolic((*args, *kwargs.values()))
    if found is not None:
        return found.__s2s_record__(fn, args, kwargs)
    return fn(*args, **kwargs)


def call_beside(x: Any, fn: Callable[..., Any], *args: Any) -> Any:
    """Call `fn` of constants where `x` is: recorded with what is computed of that."""
    found = symbolic((x,))
    return fn(*args) if found is None else found.__s2s_record__(fn, args, {})


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
def fit_like(g: Any, a: Any, axis: int) -> Any:
    """Crop `g` to the length of `a` along `axis`, or pad it with zeros."""
    n, m = np.shape(g)[axis], np.shape(a)[axis]
    kept: list[Any] = [slice(None)] * np.ndim(g)
    kept[axis] = slice(0, m)
    pairs = [(0, 0)] * np.ndim(g)
    pairs[axis] = (0, max(0, m - n))
    return np.pad(np.asarray(g)[tuple(kept)], pairs)


@recordable
def inner_frequencies(g: Any, n: Any, axis: int, factor: float) -> Any:
    """Scale what a real transform of length `n` has twice: all but frequency 0 and `n / 2`."""
    made = np.array(g)
    inner: list[Any] = [slice(None)] * np.ndim(g)
    inner[axis] = slice(1, (n + 1) // 2)
    made[tuple(inner)] *= factor
    return made


@recordable
def reduceat_back(g: Any, a: Any, indices: Any, axis: int) -> Any:
    """Return zeros shaped like `a` with each `g` added to its segment of `np.add.reduceat`."""
    made = np.zeros(np.shape(a), np.result_type(g, np.float16))
    rows, sums = np.moveaxis(made, axis, 0), np.moveaxis(np.asarray(g), axis, 0)
    stops = [*indices[1:], len(rows)]
    for value, start, stop in zip(sums, indices, stops, strict=True):
        rows[start : max(start + 1, stop)] += value
    return made


@recordable
def overlap_add(g: Any, a: Any, window: Any, axis: Any) -> Any:
    """Return zeros shaped like `a` with the windows of `sliding_window_view` added in place."""
    made = np.zeros(np.shape(a), np.result_type(g, np.float16))
    sizes = window if isinstance(window, tuple) else (window,)
    axes = range(np.ndim(a)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    for offsets in np.ndindex(*sizes):
        index: list[Any] = [slice(None)] * np.ndim(a)
        for k, start, size in zip(axes, offsets, sizes, strict=True):
            index[k] = slice(start, start + np.shape(a)[k] - size + 1)
        made[tuple(index)] += np.asarray(g)[(..., *offsets)]
    return made


@recordable
def bessel_i1(x: Any) -> Any:
    """Return the modified Bessel function I1: the mean of exp(x cos t) cos t (DLMF 10.32.3)."""
    nodes = np.cos(2 * np.pi / 256 * np.arange(256))
    return np.exp(np.expand_dims(x, -1) * nodes) @ nodes / 256


@recordable
def polygamma(n: int, x: Any) -> float:
    """Return the derivative of order `n` of the digamma function at a number (DLMF 5.15.8-9)."""
    if x <= 0 and x == np.floor(x):
        return float("nan")
    total = 0.0
    if n == 0 and x < -10:
        total, x = -np.pi / np.tan(np.pi * x), 1 - x
    while x < 15:
        total -= 1 / x if n == 0 else (-1) ** n * np.prod(np.arange(1.0, n + 1)) / x ** (n + 1)
        x += 1
    bernoulli = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510)
    sign, rising = (-1) ** (n + 1), float(np.prod(np.arange(1.0, n)))
    if n == 0:
        series = np.log(x) - 1 / (2 * x)
    else:
        series = sign * (rising / x**n + rising * n / (2 * x ** (n + 1)))
    for k, b in enumerate(bernoulli, 1):
        ratio = float(np.prod(np.arange(2.0 * k + 1, 2 * k + n))) if n else 1 / (2 * k)
        series += sign * b * ratio / x ** (2 * k + n)
    return float(total + series)


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
