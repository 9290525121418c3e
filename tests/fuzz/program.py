"""A random program: its text, what it is called with, and how it is loaded."""

from __future__ import annotations

import itertools
import linecache
import math
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

_serial = itertools.count()


@dataclass(frozen=True, slots=True)
class Program:
    """The text of a module that defines `f`, and argument tuples to call it with."""

    kind: str
    seed: int
    source: str
    wrt: tuple[int, ...]
    cases: tuple[tuple[Any, ...], ...]


class Loaded:
    """A program that was executed; its text is in linecache until `close`."""

    def __init__(self, program: Program, **substitutes: Any) -> None:
        self.file = f"<fuzz {program.kind} {program.seed} #{next(_serial)}>"
        lines = program.source.splitlines(keepends=True)
        # Without a time of modification `linecache.checkcache` keeps the entry.
        linecache.cache[self.file] = (len(program.source), None, lines, self.file)
        self.module = types.ModuleType("fuzzed")
        names = self.module.__dict__
        names["__file__"] = self.file
        exec(compile(program.source, self.file, "exec", dont_inherit=True), names)
        names.update(substitutes)
        self.f: Callable[..., Any] = names["f"]

    def close(self) -> None:
        """Forgets the text."""
        linecache.cache.pop(self.file, None)

    def __enter__(self) -> Loaded:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def copied(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """The arguments, arrays copied with their order in memory."""
    return tuple(np.array(a, order="K") if isinstance(a, np.ndarray) else a for a in args)


def same(a: Any, b: Any) -> bool:
    """Equal to the last bit."""
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.shape == b.shape and bool(np.all(a == b))
    return type(a) is type(b) and bool(a == b)


HEADER = "import math\n\nimport numpy as np\n\n\n"
MODULES = {"math": math, "np": np}
