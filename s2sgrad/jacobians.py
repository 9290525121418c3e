"""Jacobians and Hessians: columns by forward mode, or rows by reverse mode, stacked."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from s2sgrad.derivative import Derivative, Wrt
from s2sgrad.tree import build, children, is_leaf, leaves

Leaf = Any  # a number or an array


class Jacobian:
    """The result of `jacobian` and `hessian`: one directional derivative after another.

    `jvp` (for a Hessian, `hvp`) gives columns, `vjp` rows; a Jacobian takes what needs fewer.
    """

    def __init__(self, fun: Callable[..., Any], wrt: Wrt, what: str) -> None:
        self.primal = fun
        self.what = what
        self._columns: Derivative[..., Any] = Derivative(
            fun, wrt, "jvp" if what == "jacobian" else "hvp"
        )
        self._rows: Derivative[..., Any] = Derivative(fun, wrt, "vjp")
        self._last = self._columns

    def __repr__(self) -> str:
        return f"<{self.what} of {getattr(self.primal, '__name__', 'a function')}>"

    @property
    def source(self) -> str:
        """The emitted Python of the directional derivative that ran last."""
        return self._last.source

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        wrt = self._columns.differentiated(*args, **kwargs)
        if any(np.iscomplexobj(x) for x in leaves(wrt)):
            raise TypeError(f"{self.what}: an argument is complex: use jvp or vjp")
        if self.what == "jacobian":
            value = copy.deepcopy(self.primal)(*copy.deepcopy(args), **copy.deepcopy(kwargs))
            sizes = [sum(map(np.size, leaves(t))) for t in (value, wrt)]
            if sizes[0] < sizes[1] and not any(np.iscomplexobj(x) for x in leaves(value)):
                self._last = self._rows
                return self.by_rows(value, args, kwargs)
        self._last = self._columns
        return self.by_columns(wrt, args, kwargs)

    def by_columns(self, wrt: Any, args: Any, kwargs: Any) -> Any:
        """One call for each element of the arguments."""

        def column(tangents: Any) -> Any:
            if self.what == "hessian":
                return self._columns(*args, **kwargs, vector=tangents)
            return self._columns(*args, **kwargs, tangents=tangents)[1]

        each = [[column(_only(wrt, k, e)) for e in _units(x)] for k, x in enumerate(leaves(wrt))]
        model = next((trees[0] for trees in each if trees), None)
        if model is None:  # there is no element
            model = column(_only(wrt, -1, None))
        outs = leaves(model)
        flat = [[leaves(t) for t in trees] for trees in each]

        def block(j: int, k: int, x: Leaf) -> Any:
            return _stacked([t[j] for t in flat[k]], np.shape(outs[j]), np.shape(x), -1)

        return _table(model, wrt, block)

    def by_rows(self, value: Any, args: Any, kwargs: Any) -> Any:
        """One call for each element of the results."""
        outs = leaves(value)
        each = [
            [self._rows(*args, **kwargs, out_bar=_only(value, j, e))[1] for e in _units(y)]
            for j, y in enumerate(outs)
        ]
        wrt = self._columns.differentiated(*args, **kwargs)
        flat = [[leaves(t) for t in trees] for trees in each]

        def block(j: int, k: int, x: Leaf) -> Any:
            return _stacked([t[k] for t in flat[j]], np.shape(outs[j]), np.shape(x), 0)

        return _table(value, wrt, block)


def _table(outs: Any, wrt: Any, block: Callable[[int, int, Leaf], Any]) -> Any:
    """`block(j, k, x)` for result `j` and argument `k`: results outside, arguments inside."""
    rows = iter(range(len(leaves(outs))))

    def row(_: Leaf) -> Any:
        j, numbers = next(rows), iter(range(len(leaves(wrt))))
        return _replaced(wrt, lambda x: block(j, next(numbers), x))

    return _replaced(outs, row)


def _stacked(parts: list[Any], out: tuple[int, ...], arg: tuple[int, ...], axis: int) -> Any:
    """The parts, one an element, as an array of the shape `out + arg`; a number for numbers."""
    if not out and not arg:
        (number,) = parts
        return number
    if not parts:
        return np.zeros(out + arg)
    return np.stack([np.asarray(p) for p in parts], axis).reshape(out + arg)


def _units(x: Leaf) -> Iterator[Any]:
    """The unit vectors of the shape of `x`."""
    if not isinstance(x, np.ndarray):
        yield 1.0
        return
    for index in np.ndindex(x.shape):
        e = np.zeros(x.shape)
        e[index] = 1.0
        yield e


def _only(tree: Any, number: int, e: Any) -> Any:
    """`tree` with `e` for the leaf of that number, None for all others."""
    numbers = iter(range(len(leaves(tree))))
    return _replaced(tree, lambda _: e if next(numbers) == number else None)


def _replaced(x: Any, f: Callable[[Leaf], Any]) -> Any:
    """The tree with `f(leaf)` for each leaf, None for what is no number."""
    if is_leaf(x):
        return f(x)
    parts = children(x)
    return None if parts is None else build(x, {k: _replaced(v, f) for k, v in parts.items()})
