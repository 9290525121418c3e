"""Containers as vectors: `map`, `ravel` and `leaves` over lists, tuples, dicts and objects.

A leaf is what has a derivative: a float, a complex number, or an array of them.  Everything else
(ints, strings, None, functions) belongs to the structure, as it does in gradients.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from s2sgrad.front.structure import attributes, refuse_foreign
from s2sgrad.ir.ops import like

__all__ = ["leaves", "map", "ravel"]


def leaves(tree: Any) -> list[Any]:
    """The numbers and arrays of a tree, in order.

    >>> from s2sgrad import tree
    >>> tree.leaves({"w": [1.0, 2.0], "n": 3, "b": 4.0})
    [1.0, 2.0, 4.0]
    """
    return list(_walk(tree))


def map(f: Callable[..., Any], tree: Any, *others: Any) -> Any:
    """The tree with each leaf `x` replaced by `f(x, *xs)`, `xs` from the same place in `others`.

    What is no leaf stays, also where another tree has None (as gradients do).

    Raises `TypeError` where the structures differ.

    >>> from s2sgrad import tree
    >>> p, g = {"w": 1.0, "kind": "line"}, {"w": 0.5, "kind": None}
    >>> tree.map(lambda x, d: x - 0.1 * d, p, g)
    {'w': 0.95, 'kind': 'line'}
    """
    return _map(f, tree, others, "tree")


def ravel(tree: Any) -> tuple[Any, Callable[[Any], Any]]:
    """All leaves in one vector, and the function that puts such a vector back into the tree.

    The vector has the common dtype of the leaves, at least float64; back in the tree each leaf has
    its own dtype, shape and kind.  For `scipy.optimize`, and for random directions.

    >>> import numpy as np
    >>> from s2sgrad import tree
    >>> vector, unravel = tree.ravel({"w": np.ones((2, 2)), "b": 3.0})
    >>> vector
    array([1., 1., 1., 1., 3.])
    >>> unravel(2 * vector)["b"]
    6.0
    """
    parts = leaves(tree)
    dtype = np.result_type(np.float64, *(np.asarray(x).dtype for x in parts))
    flat = [np.asarray(x, dtype).ravel() for x in parts]
    vector = np.concatenate(flat) if flat else np.zeros(0)
    shape = vector.shape

    def unravel(v: Any) -> Any:
        v = np.asarray(v)
        if v.shape != shape:
            raise TypeError(f"a vector of the shape {shape} is needed, not {v.shape}")
        place = 0

        def take(x: Any) -> Any:
            nonlocal place
            n = np.size(x)
            piece, place = v[place : place + n], place + n
            return _as(piece.reshape(np.shape(x)), x)

        return map(take, tree)

    return vector, unravel


def is_leaf(x: Any) -> bool:
    """Has `x` a derivative?"""
    if isinstance(x, np.ndarray):
        refuse_foreign(x, "tree") if type(x) not in (np.ndarray, np.memmap) else None
        return x.dtype.kind in "fc"
    return isinstance(x, float | complex | np.floating | np.complexfloating)


def _as(piece: Any, x: Any) -> Any:
    """The numbers in the kind and dtype of the leaf `x`, in memory of their own."""
    if np.iscomplexobj(piece) and not np.iscomplexobj(x):
        piece = piece.real
    if isinstance(x, np.ndarray):
        return piece.astype(x.dtype)
    return type(x)(piece[()])


def children(x: Any) -> dict[Any, Any] | None:
    """The parts of a container by key, index or name; None for what is none."""
    if type(x) is dict:
        return x
    if type(x) in (list, tuple):
        return dict(enumerate(x))
    if isinstance(x, tuple) and hasattr(x, "_fields"):
        return dict(zip(x._fields, x, strict=True))
    return attributes(x) if not callable(x) or hasattr(x, "__dict__") else None


def build(x: Any, parts: dict[Any, Any]) -> Any:
    """A container like `x` of other parts; objects are made without `__init__`."""
    if type(x) is dict:
        return parts
    if type(x) in (list, tuple):
        return type(x)(parts.values())
    if isinstance(x, tuple):
        return x._make(parts.values())  # type: ignore[attr-defined]
    return like(x, **parts)


def _walk(x: Any) -> Iterator[Any]:
    if is_leaf(x):
        yield x
        return
    for part in (children(x) or {}).values():
        yield from _walk(part)


def _map(f: Callable[..., Any], x: Any, others: tuple[Any, ...], path: str) -> Any:
    if any(o is None for o in others):
        return x
    if is_leaf(x):
        return f(x, *others)
    parts = children(x)
    if parts is None:
        return x
    inner = [children(o) for o in others]
    for o, c in zip(others, inner, strict=True):
        if type(o) is not type(x) or c is None or list(c) != list(parts):
            raise TypeError(
                f"{path}: a {type(x).__name__} with {_keys(parts)} meets "
                f"a {type(o).__name__} with {_keys(c or {})}"
            )
    done = {
        k: _map(f, v, tuple(c[k] for c in inner if c is not None), f"{path}[{k!r}]")
        for k, v in parts.items()
    }
    return build(x, done)


def _keys(parts: dict[Any, Any]) -> str:
    return ", ".join(builtins.map(repr, parts)) or "nothing"
