"""The few operations that are not NumPy's own: pure reads and writes of parts of an array.

Written as values they are what differentiation wants: a write is a function from the old array to
the new one.  The last pass shows that each of them may run in place.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from s2sgrad.ir.graph import Path, Transposed, Undef


def view(x: Any, path: Path) -> Any:
    """The view of `x` at the end of `path`."""
    for step in path.steps:
        x = np.transpose(x, step.axes or None) if isinstance(step, Transposed) else x[step]
    return x


def _place(x: Any, index: Any) -> tuple[Any, Any]:
    """An array and an index of it, that stand for `index` of `x`."""
    if not isinstance(index, Path):
        return x, index
    *first, last = index.steps
    if isinstance(last, Transposed):
        return view(x, index), ...
    return view(x, Path(tuple(first))), last


def getitem(x: Any, index: Any) -> Any:
    """`x[index]`."""
    return view(x, index) if isinstance(index, Path) else x[index]


def part(x: Any, path: tuple[tuple[str, Any], ...]) -> Any:
    """A leaf of a container: `path` has the steps `('item', key)`, `('attr', name)`, `('nth', k)`.

    `nth` is a value of a dict whose keys cannot be written down; `('float', None)` at the end takes
    an int as a float.  An entry of the compiled function: no derivative passes through it.
    """
    for kind, key in path:
        if kind == "attr":
            x = getattr(x, key)
        elif kind == "float":
            x = float(x)
        else:
            x = [*x.values()][key] if kind == "nth" else x[key]
    return x


def like(x: Any, /, **fields: Any) -> Any:
    """An object of the class of `x` with these attributes, made without calling `__init__`."""
    made = object.__new__(type(x))
    for name, value in fields.items():
        object.__setattr__(made, name, value)
    return made


def setitem(x: Any, index: Any, value: Any) -> Any:
    """A copy of `x` in which `x[index] = value` was executed."""
    if isinstance(x, list):
        k = range(len(x))[index]
        return [*x[:k], value, *x[k + 1 :]]
    out = x.copy(order="K")
    target, last = _place(out, index)
    target[last] = value
    return out


def additem(x: Any, index: Any, value: Any) -> Any:
    """A copy of `x` with `value` added at `index`; repeated indices add up."""
    if isinstance(x, list):
        return setitem(x, index, x[index] + value)
    out = x.copy(order="K")
    target, last = _place(out, index)
    np.add.at(target, last, value)
    return out


def copy(x: Any) -> Any:
    """A copy of `x`: where the last pass puts one, a write would destroy what is still read."""
    return x.copy() if isinstance(x, list) else x.copy(order="K")


def copy_items(x: list[Any]) -> list[Any]:
    """A list of copies."""
    return [v.copy(order="K") for v in x]


def pack(*values: Any) -> tuple[Any, ...]:
    """What the forward half of a function saves."""
    return values


def held(results: tuple[Any, ...], k: int) -> Any:
    """What a forward half saved: it may hold the arguments of the call."""
    return results[k]


def list_(*items: Any) -> list[Any]:
    """`[a, b, c]`."""
    return list(items)


def append(x: list[Any], value: Any) -> list[Any]:
    """A copy of the list with `value` appended."""
    return [*x, value]


def drop_last(x: list[Any]) -> list[Any]:
    """A copy of the list without its last item."""
    return x[:-1]


def add_lists(x: list[Any], y: list[Any]) -> list[Any]:
    """The sums of the items of two lists."""
    return [a + b for a, b in zip(x, y, strict=True)]


def zeros_list(x: list[Any]) -> list[Any]:
    """The zero cotangents of the items of a list."""
    return [zeros_like(v) for v in x]


def spread_list(g: Any, x: list[Any]) -> list[Any]:
    """`g` once for each item of `x`."""
    return [g] * len(x)


def split_like(g: Any, x: list[Any], axis: int = 0) -> list[Any]:
    """The parts of `g` that the items of `x` make when they are concatenated."""
    ends = np.cumsum([v.shape[axis] for v in x])
    return np.split(g, ends[:-1], axis=axis)


def last_writes(x: Any, index: Any, g: Any) -> Any:
    """`g`, zero where a later element of the store `x[index] = ...` wrote to the same place."""
    order = np.zeros(x.shape, np.intp)
    turn = np.arange(g.size).reshape(g.shape)
    order[index] = turn
    return np.where(order[index] == turn, g, 0.0)


def zeros_like(x: Any) -> Any:
    """The zero cotangent of `x`: 0.0 for a number."""
    return np.zeros_like(x) if isinstance(x, np.ndarray) else 0.0


def not_(x: Any) -> bool:
    """`not x`."""
    return not x


def identity(x: Any) -> Any:
    """`x` itself."""
    return x


def stop_gradient(x: Any) -> Any:
    """`x` itself, taken as a constant: no derivative passes through it.

    A container stays what it is, and its leaves are constants.

    >>> from s2sgrad import grad, stop_gradient
    >>> grad(lambda x: x * stop_gradient(x))(3.0)
    3.0
    """
    return x


def bound(x: Any) -> Any:
    """`x` itself; raises where the name is not bound on the path that was taken."""
    if isinstance(x, Undef):
        raise UnboundLocalError("a name is read that is not bound")
    return x


def unbroadcast(g: Any, x: Any) -> Any:
    """The cotangent of `x` where `x` was broadcast to the shape of `g`."""
    shape = np.shape(x)
    if np.shape(g) == shape:
        return g
    lead = np.ndim(g) - len(shape)
    ones = [lead + k for k, n in enumerate(shape) if n == 1 and np.shape(g)[lead + k] != 1]
    g = np.sum(g, axis=(*range(lead), *ones), keepdims=True)
    return np.reshape(g, shape) if shape else float(np.reshape(g, ()))


def assert_(test: Any, message: Any = None) -> None:
    """`assert test, message`."""
    if not test:
        raise AssertionError(message)


_CONVERSIONS: dict[int, Callable[[Any], str]] = {ord("r"): repr, ord("s"): str, ord("a"): ascii}


def fstring(pieces: tuple[Any, ...], *values: Any) -> str:
    """An f-string: literal text, and for each value how it is converted and formatted."""
    found, rest = [], list(values)
    for p in pieces:
        if isinstance(p, str):
            found.append(p)
            continue
        value = rest.pop(0)
        if p[0] != -1:
            value = _CONVERSIONS[p[0]](value)
        found.append(format(value, p[1]))
    return "".join(found)


def raise_(source: str, names: tuple[str, ...], *values: Any) -> None:
    """`raise ...`, as the user wrote it."""
    exec(source, {}, dict(zip(names, values, strict=True)))


def caught() -> BaseException | None:
    """The exception that is being handled."""
    return sys.exception() if hasattr(sys, "exception") else sys.exc_info()[1]


def is_caught(error: BaseException, *classes: type[BaseException]) -> bool:
    """Is the exception of one of these classes?"""
    return isinstance(error, classes)


def cast_like(g: Any, x: Any) -> Any:
    """`g` in the dtype of `x`."""
    return g.astype(x.dtype)


def broadcast_like(g: Any, x: Any) -> Any:
    """`g` in the shape of `x`, with memory of its own."""
    if np.ndim(x) == 0:
        return np.sum(g)
    return np.array(np.broadcast_to(g, np.shape(x)))


def reshape_like(g: Any, x: Any) -> Any:
    """`g` in the shape of `x`, of the same size."""
    return np.reshape(g, np.shape(x))
