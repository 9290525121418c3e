"""What both generators share: lines with indentation, random choices, literals."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


class Writer:
    """Text under construction, and the dice."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.lines: list[str] = []
        self.depth = 1
        self._numbers: dict[str, int] = {}

    def emit(self, text: str) -> None:
        """One line at the current depth."""
        self.lines.append("    " * self.depth + text)

    @contextmanager
    def indented(self) -> Iterator[None]:
        """One level deeper."""
        self.depth += 1
        yield
        self.depth -= 1

    def fresh(self, stem: str) -> str:
        """A name that was not used before."""
        n = self._numbers[stem] = self._numbers.get(stem, -1) + 1
        return f"{stem}{n}"

    def chance(self, p: float) -> bool:
        """True with probability p."""
        return self.rng.random() < p

    def pick(self, items: Sequence[T]) -> T:
        """One of them."""
        return self.rng.choice(items)

    def weighted(self, *options: tuple[float, Callable[[], None]]) -> None:
        """Runs one option."""
        [(_, action)] = self.rng.choices(options, [w for w, _ in options])
        action()

    def const(self, low: float = -1.0, high: float = 1.0) -> str:
        """A literal that is not 0."""
        x = round(self.rng.uniform(low, high), 3)
        return repr(x or 0.125)

    def weight(self) -> str:
        """A literal of at least 0.3 in size, so that no result is lost in the sum."""
        return repr(round(self.rng.choice([-1, 1]) * self.rng.uniform(0.3, 1.5), 3))
