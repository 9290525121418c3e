"""Where in the user's source something stands."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Span:
    """A range of source text, counted as `ast` counts it: lines from 1, columns in bytes from 0."""

    file: str
    line: int
    col: int
    end_line: int
    end_col: int
