"""A derivative of a function that no module binds, pickled: its emitted source and its data.

It answers calls of the signatures that were compiled when it was pickled, with the globals and
cells as they were; the function itself is gone.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

from s2sgrad.emit.load import load
from s2sgrad.errors import S2SGradError
from s2sgrad.front.structure import Signature, signature_of


@dataclass(frozen=True)
class Entry:
    """One compilation: what it is for, its text, and what it read from outside."""

    signatures: tuple[tuple[str, Signature], ...]
    source: str
    name: str
    data: dict[str, Any]
    given: dict[str, Any]


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
        self._runs = [load(e.source, e.name, e.given) for e in entries]

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
        found = tuple((n, signature_of(v, n)) for n, v in bound.arguments.items())
        for entry, run in zip(self._entries, self._runs, strict=True):
            if entry.signatures == found:
                return run(*bound.args, **bound.kwargs, **entry.data)
        raise S2SGradError(
            f"`{self.__name__}` was pickled without its function, and was not compiled for "
            "arguments of these types before"
        )
