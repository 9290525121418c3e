"""The few operations that are not NumPy's own: pure reads and writes of parts of an array.

Written as values they are what differentiation wants: a write is a function from the old array to
the new one.  The last pass shows that each of them may run in place.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from s2sgrad.ir.graph import Field, Path, Transposed, Undef


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
    """`x[index]`; a named result is an attribute."""
    if isinstance(index, Field):
        return getattr(x, index.name)
    return view(x, index) if isinstance(index, Path) else x[index]


def part(x: Any, path: tuple[tuple[str, Any], ...], length: int | None = None) -> Any:
    """A leaf of a container: `path` has the steps `('item', key)`, `('attr', name)`, `('nth', k)`.

    `nth` is a value of a dict whose keys cannot be written down; `('float', None)` at the end takes
    an int as a float.  An entry of the compiled function: no derivative passes through it.
    `length`: of the list or tuple that the last step reads an item of.
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


def _first_step(index: Any) -> tuple[Any, Any]:
    """The index of a list, and that of the item; None: the item as a whole."""
    if not isinstance(index, Path):
        return index, None
    first, *rest = index.steps
    if not rest:
        return first, None
    return first, rest[0] if len(rest) == 1 else Path(tuple(rest))


def setitem(x: Any, index: Any, value: Any) -> Any:
    """A copy of `x` in which `x[index] = value` was executed."""
    if isinstance(x, list):
        first, rest = _first_step(index)
        made = list(x)
        made[first] = setitem(x[first], rest, value) if rest is not None else value
        return made
    out = x.copy(order="K")
    target, last = _place(out, index)
    target[last] = value
    return out


def replace(x: list[Any], index: Any, value: Any, like: Any) -> list[Any]:
    """`x[index] = value` of an item of another size; `like` is the old one, or its length."""
    made: list[Any] = setitem(x, index, value)
    return made


def additem(x: Any, index: Any, value: Any) -> Any:
    """A copy of `x` with `value` added at `index`; repeated indices add up."""
    if isinstance(x, list):
        old = getitem(x, index)
        return setitem(x, index, add_lists(old, value) if isinstance(old, list) else old + value)
    out = x.copy(order="K")
    target, last = _place(out, index)
    np.add.at(target, last, value)
    return out


def copy(x: Any) -> Any:
    """A copy of `x`: where the last pass puts one, a write would destroy what is still read.

    Lists in a list are copied, too.
    """
    if isinstance(x, list):
        return [copy(v) if isinstance(v, list) else v for v in x]
    return x.copy(order="K")


def copy_items(x: list[Any]) -> list[Any]:
    """A list of copies."""
    return [copy_items(v) if isinstance(v, list) else v.copy(order="K") for v in x]


def pack(*values: Any) -> tuple[Any, ...]:
    """What the forward half of a function saves."""
    return values


def shown(*values: Any) -> tuple[Any, ...]:
    """A tuple that is data: it is shown in a text."""
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


def drop(x: list[Any], k: int, n: int, item: Any = None) -> list[Any]:
    """A copy of the list without its item `k`; `n` is its length, `item` what is taken away."""
    made = list(x)
    del made[k]
    return made


def insert(x: list[Any], k: int, value: Any) -> list[Any]:
    """A copy of the list with `value` before its item `k`, which is not negative."""
    return [*x[:k], value, *x[k:]]


def place(x: list[Any], k: int) -> int:
    """Where `x.insert(k, ...)` inserts: from 0 to the length of the list."""
    return len(x[:k])


def concat(x: list[Any], y: list[Any], n: int) -> list[Any]:
    """`x + y`; `n` is the length of `x`."""
    return [*x, *y]


def repeat_list(x: list[Any], n: int, m: int) -> list[Any]:
    """`x * n`; `m` is the length of `x`."""
    return x * n


def fold_list(g: list[Any], n: int, m: int) -> list[Any]:
    """The sums of what belongs to each item of a list of `m` that was repeated `n` times."""
    return [sum(g[k::m]) for k in range(m)]


def total(x: list[Any], n: int) -> Any:
    """`sum(x)`; `n` is the length of `x`."""
    return sum(x)


def add_lists(x: list[Any], y: list[Any]) -> list[Any]:
    """The sums of the items of two lists."""
    pairs = zip(x, y, strict=True)
    return [add_lists(a, b) if isinstance(a, list) else a + b for a, b in pairs]


def zeros_list(x: list[Any]) -> list[Any]:
    """The zero cotangents of the items of a list."""
    return [zeros_list(v) if isinstance(v, list) else zeros_like(v) for v in x]


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


def finite(x: Any) -> Any:
    """`x`, 0 in place of infinity.  Its derivative is taken as 1 everywhere."""
    return np.where(x == np.inf, 0.0, x)[()]


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
