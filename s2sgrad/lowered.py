"""One compilation, to be looked at."""

from __future__ import annotations

from s2sgrad.compile import Compiled
from s2sgrad.emit.cost import cost
from s2sgrad.ir.text import text


class Lowered:
    """One compilation: `.source`, `.cost`, `.ir(after)`."""

    def __init__(self, compiled: Compiled) -> None:
        self._compiled = compiled

    @property
    def source(self) -> str:
        """The emitted Python."""
        return self._compiled.source

    @property
    def cost(self) -> dict[str, int]:
        """Counts in the emitted code: operations, tapes and copies, each place counted once."""
        return cost(self._compiled.source)

    def ir(self, after: str = "reverse+prune") -> str:
        """The textual IR after a pass."""
        return text(self._compiled.ir[after])
