"""Lines of emitted text that know the statements of the user's that they belong to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from s2sgrad.ir.graph import Eqn, Stmt, Var
from s2sgrad.ir.span import Span


class Line(str):
    """A line with the place that it comes from, which a line without indentation keeps."""

    __slots__ = ("at",)
    at: Span | None

    @classmethod
    def of(cls, text: str, at: Span | None) -> Line:
        """The text with its place."""
        made = cls(text)
        made.at = at
        return made

    def __getitem__(self, key: Any) -> Line:
        return Line.of(super().__getitem__(key), self.at)


def place(s: Stmt, folded: Mapping[Var, Stmt]) -> Span | None:
    """Where `s` comes from, or else what is folded into its expression."""
    if s.at is None and isinstance(s, Eqn):
        inner = (place(folded[a], folded) for a in s.args if isinstance(a, Var) and a in folded)
        return next((at for at in inner if at is not None), None)
    return s.at


def places(source: str, texts: Iterable[tuple[str, list[Span | None]]]) -> dict[int, Span]:
    """The place of each line of a module that has one; `texts` are functions in it."""

    def each() -> Iterator[tuple[int, Span]]:
        for text, own in texts:
            first = source[: source.index(text)].count("\n") + 1
            for k, at in enumerate(own, first):
                if at is not None:
                    yield k, at

    return dict(each())
