"""A derivative of a function that no module binds, pickled: its emitted source and its data.

It answers calls of the signatures that were compiled when it was pickled, with the globals and
cells as they were; the function itself is gone.
"""

from __future__ import annotations

import inspect
import math
import pickle
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from s2sgrad.callee import Callee
from s2sgrad.compile import Compiled
from s2sgrad.emit.load import load
from s2sgrad.errors import S2SGradError
from s2sgrad.front.structure import LONGER, Signature, signature_of


@dataclass(frozen=True)
class Entry:
    """One compilation: what it is for, its text, and what it read from outside."""

    signatures: tuple[tuple[str, Signature], ...]
    source: str
    name: str
    data: dict[str, Any]
    given: dict[str, Any]


def freeze(c: Callee, floats: frozenset[str], compiled: Sequence[Compiled]) -> Any:
    """What is compiled without the function, as `__reduce__` gives it.

    Raises `PicklingError` where nothing is, or what is may not stand alone.
    """
    if not compiled:
        raise pickle.PicklingError(
            f"`{c.name}` is bound to no name of a module: only gradients that were compiled before "
            "can be pickled without it"
        )
    entries = tuple(
        Entry(
            tuple(one.request.signatures.items()),
            one.source,
            one.run.__name__,
            {n: get() for n, (get, _) in one.scope.data.items()},
            one.given,
        )
        for one in compiled
    )
    return Frozen, (c.name, c.shown, floats, entries)


def bound_name(fun: Any) -> Any:
    """What the module of `fun` binds to the name that it was defined under."""
    found: Any = sys.modules.get(getattr(fun, "__module__", None) or "")
    for name in getattr(fun, "__qualname__", "<").split("."):
        found = getattr(found, name, None)
    return found


class Frozen:
    """Calls the emitted code of the signature that fits."""

    def __init__(
        self,
        name: str,
        signature: inspect.Signature,
        floats: frozenset[str],
        entries: tuple[Entry, ...],
    ) -> None:
        self.__name__ = name
        self.__signature__ = signature
        self._floats, self._entries = floats, entries
        self._runs = [load(e.source, (e.name,), e.given)[0] for e in entries]

    @property
    def source(self) -> str:
        """The emitted Python of the signature that was compiled last."""
        return self._entries[-1].source

    def __reduce__(self) -> Any:
        return Frozen, (self.__name__, self.__signature__, self._floats, self._entries)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        bound = self.__signature__.bind(*args, **kwargs)
        bound.apply_defaults()
        for n in self._floats:
            if type(bound.arguments.get(n)) is int:
                bound.arguments[n] = float(bound.arguments[n])
        found = [  # with the lengths of lists, and without
            tuple((n, signature_of(v, n, longer=k)) for n, v in bound.arguments.items())
            for k in (math.inf, LONGER, 0)
        ]
        for entry, run in zip(self._entries, self._runs, strict=True):
            if entry.signatures in found:
                return run(*bound.args, **bound.kwargs, **entry.data)
        raise S2SGradError(
            f"`{self.__name__}` was pickled without its function, and was not compiled for "
            "arguments of these types before"
        )
