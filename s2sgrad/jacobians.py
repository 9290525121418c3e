"""The result of `jacobian` and `hessian`: an emitted function, by rows or by columns."""

from __future__ import annotations

import copy
from typing import Any, ParamSpec, TypeVar

import numpy as np

from s2sgrad.compile import Compiled
from s2sgrad.derivative import Derivative
from s2sgrad.errors import DifferentiationError
from s2sgrad.front.structure import Signature
from s2sgrad.request import Target
from s2sgrad.tree import leaves

P = ParamSpec("P")
R = TypeVar("R")


class Jacobian(Derivative[P, R]):
    """A Jacobian is made of rows by reverse mode or columns by forward mode, whichever are fewer.

    A Hessian is made of columns.  How many rows there are is seen when the function is run, once
    for all arguments of the same shapes.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._by_rows: dict[Any, bool] = {}
        self._only_rows = False
        super().__init__(*args, **kwargs)

    def _compilation(self, values: dict[str, Any], seed: Any) -> tuple[Compiled, Any]:
        try:
            return super()._compilation(values, seed)
        except DifferentiationError:
            if self._what == "hessian":
                raise
        # Forward mode may refuse what reverse mode knows: recursion, functions without a jvp.
        self._only_rows = True
        try:
            return super()._compilation(values, seed)
        except DifferentiationError:
            self._only_rows = False
            raise

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
        if self._what == "hessian":
            return "columns", None
        if self._only_rows:
            return "rows", None
        shapes = tuple(np.shape(x) for x in leaves(list(values.values())))
        key = (tuple(given.items()), shapes)
        known = self._by_rows
        if key not in known:
            value = leaves(self._value_of(copy.deepcopy(values)))
            sizes = [sum(map(np.size, parts)) for parts in (value, leaves(wrt))]
            known[key] = sizes[0] < sizes[1] and not any(map(np.iscomplexobj, value))
        return "rows" if known[key] else "columns", None
