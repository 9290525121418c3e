"""The result of `jacobian` and `hessian`: an emitted function, by rows or by columns."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any, ParamSpec, TypeVar

import numpy as np

from s2sgrad.compile import Compiled
from s2sgrad.derivative import Derivative
from s2sgrad.dispatch import Ways
from s2sgrad.elimination.search import Order
from s2sgrad.elimination.table import Dynamic
from s2sgrad.errors import DifferentiationError, S2SGradError
from s2sgrad.front.structure import Signature
from s2sgrad.request import Target
from s2sgrad.straight import Straight
from s2sgrad.structured.matrix import Singular, Structured
from s2sgrad.tree import leaves

P = ParamSpec("P")
R = TypeVar("R")


MOST_SHAPES = 256  # that are remembered for one compilation
MOST_ELEMENTS = 200  # of an array, to be followed one by one


class Jacobian(Derivative[P, R]):
    """A Jacobian is made of rows by reverse mode or columns by forward mode, whichever are fewer.

    A Hessian is made of columns.  How many rows there are is seen when the function is run, once
    for all arguments of the same shapes.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._by_rows: dict[Any, bool] = {}
        self._order: Any = "auto"
        self._untried: dict[Any, list[type]] = {}  # that are left, for arguments of these shapes
        self._guarded: set[Any] = set()  # shapes for which rows alone are finite
        self._only_rows = False
        super().__init__(*args, **kwargs)

    def _ways(self) -> Ways:
        return replace(super()._ways(), by_shapes=True)

    def _compilation(self, values: dict[str, Any], seed: Any) -> tuple[Compiled, Any]:
        compiled, seed = self._in_order(values, seed)
        if len(compiled.shapes) < MOST_SHAPES:
            arrays = (v for v in values.values() if isinstance(v, np.ndarray))
            compiled.shapes.add(tuple(a.shape for a in arrays))
        return compiled, seed

    def _in_order(self, values: dict[str, Any], seed: Any) -> tuple[Compiled, Any]:
        """What serves these arguments, by elimination if that will do."""
        try:
            return self._whole(values, seed)
        except DifferentiationError:
            if self._what == "hessian":
                raise
        # Forward mode may refuse what reverse mode knows: recursion, functions without a jvp.
        self._only_rows = True
        try:
            return self._whole(values, seed)
        except DifferentiationError:
            self._only_rows = False
            raise

    def _whole(self, values: dict[str, Any], seed: Any) -> tuple[Compiled, Any]:
        """As one straight function; if that will not do, by rows or columns."""
        try:
            return super()._compilation(values, seed)
        except Dynamic as e:
            self._lead(values, e)
        except DifferentiationError as e:
            if not self._left(values):
                raise
            self._lead(values, e)
        return self._whole(values, seed)

    def in_order(self, order: Order) -> None:
        """Multiply local derivatives in this order."""
        self._order = order

    def _left(self, values: dict[str, Any]) -> list[type]:
        """The ways to make the whole matrix one straight function that may be tried yet."""
        key = _sizes(values)
        if key not in self._untried:
            short = _shapes(values) is not None
            self._untried[key] = [Straight, Structured] if short else [Structured]
            if self._has_aux or self._callee.inner or self._options[-1] == 0:
                self._untried[key] = []
        return self._untried[key]

    def _lead(self, values: dict[str, Any], why: Exception) -> None:
        """This way does not do: the next one, or rows or columns."""
        left = self._left(values)
        left.pop(0)
        if isinstance(why, Singular):
            self._guarded.add(_sizes(values))
        if not left and self._order not in ("auto", "forward", "reverse"):
            raise S2SGradError(
                f"{self._what}: the order of products cannot be chosen here: {why}; "
                "leave out `order`"
            ) from why

    def _seed(
        self,
        given: dict[str, Signature],
        targets: tuple[Target, ...],
        values: dict[str, Any],
        seed: Any,
    ) -> tuple[Any, Any]:
        wrt = self._parts(targets, values)
        if any(np.iscomplexobj(x) for x in leaves(wrt)):
            raise TypeError(f"{self._what}: an argument is complex: use jvp or vjp")
        left = self._left(values)
        if left and left[0] is Straight:
            return Straight(_shapes(values), self._order), None
        if left:
            return Structured(_sizes(values), self._order, values), None
        if self._what == "hessian":
            return "columns", None
        if self._only_rows or self._order == "reverse":
            return "rows", None
        if self._order == "forward":
            return "columns", None
        if _sizes(values) in self._guarded:
            return "rows", None
        key = (tuple(given.items()), _sizes(values))
        known = self._by_rows
        if key not in known:
            value = leaves(self._value_of(copy.deepcopy(values)))
            sizes = [sum(map(np.size, parts)) for parts in (value, leaves(wrt))]
            known[key] = sizes[0] < sizes[1] and not any(map(np.iscomplexobj, value))
        return "rows" if known[key] else "columns", None


def _sizes(values: dict[str, Any]) -> tuple[tuple[int, ...], ...]:
    """The shapes of all numbers and arrays among the arguments."""
    return tuple(np.shape(x) for x in leaves(list(values.values())))


def _shapes(values: dict[str, Any]) -> Any:
    """The shapes of the arrays among the arguments, by name; None if there are containers."""
    found = []
    for name, v in values.items():
        if isinstance(v, np.ndarray):
            if v.size > MOST_ELEMENTS:
                return None
            found.append((name, v.shape))
        elif not isinstance(v, float | int | str | None):
            return None
    return tuple(found)
