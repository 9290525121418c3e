"""What s2sgrad raises: what it declines to differentiate, and faults of its own."""

from __future__ import annotations

import linecache
import os
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from s2sgrad.ir.span import Span

DOCS = "docs/errors.md"
_MOST_LINES = 3  # of one span that are shown


@dataclass(frozen=True, slots=True)
class Refusal:
    """One thing that the compiler declines: what, where, why, and a way out.

    `notes` are further places that explain it; `anchor` names a section of docs/errors.md.
    """

    message: str
    span: Span | None
    way_out: str = ""
    notes: tuple[tuple[Span, str], ...] = ()
    anchor: str = ""

    def render(self, headline: str) -> str:
        """The refusal as a block of text under `headline`."""
        lines = [headline + self.message]
        if self.span is not None or self.notes:
            lines += excerpt(self.span, self.notes)
        link = f"{DOCS}#{self.anchor}" if self.anchor else ""
        if self.way_out:
            first, *rest = self.way_out.splitlines()
            way = [f"  way out: {first}", *(f"           {r}" for r in rest)]
            if link:
                way[-1] += f"      ({link})"
            lines += way
        elif link:
            lines.append(f"  see {link}")
        return "\n".join(lines)


class S2SGradError(Exception):
    """The base of everything that s2sgrad raises on its own account."""


class DifferentiationError(S2SGradError):
    """The program uses something that s2sgrad declines to differentiate."""

    def __init__(self, *refusals: Refusal) -> None:
        if not refusals:
            raise TypeError("DifferentiationError needs at least one Refusal")
        # `args` are the refusals, so that the error pickles.
        super().__init__(*refusals)
        self.refusals = _in_order(refusals)
        # Rendered at once: the file may be edited, and a doctest's source is gone, by the time
        # that somebody prints the error.
        self._text = _render(self.refusals)

    def __str__(self) -> str:
        return self._text


class InternalError(S2SGradError):
    """A fault of s2sgrad itself. `line` is the place in `ir` (from 0) that the problem is about."""

    def __init__(
        self,
        pass_name: str,
        problem: str,
        ir: str = "",
        line: int | None = None,
        span: Span | None = None,
    ) -> None:
        super().__init__(pass_name, problem, ir, line, span)
        self.pass_name = pass_name
        out = [f"a bug in s2sgrad, not in your program: {problem}", f"  in the pass `{pass_name}`"]
        if span is not None:
            out += ["  while it worked on", *excerpt(span)]
        if ir:
            out += ["  IR around it:", *_window(ir.splitlines(), line)]
        out.append(
            "  please report it: send this whole text and the function that was differentiated\n"
            "  (README.md, section 'Reporting a bug')"
        )
        self._text = "\n".join(out)

    def __str__(self) -> str:
        return self._text


def excerpt(span: Span | None, notes: Sequence[tuple[Span, str]] = ()) -> list[str]:
    """`file:line:col` and the source lines, marked with carets (`span`) and dashes (`notes`)."""
    marks = [] if span is None else [_Mark(span, "^", "")]
    marks += [_Mark(at, "-", text) for at, text in notes]
    out: list[str] = []
    # One group a file, the file of the refusal first, as `dict` keeps the order of insertion.
    for file in dict.fromkeys(m.span.file for m in marks):
        out += _one_file([m for m in marks if m.span.file == file])
    return out


@dataclass(frozen=True, slots=True)
class _Mark:
    span: Span
    sign: str
    text: str

    @property
    def last(self) -> int:
        """The last line shown."""
        return min(self.span.end_line, self.span.line + _MOST_LINES - 1)


def _one_file(marks: list[_Mark]) -> list[str]:
    out = [f"  {_place(marks[0].span)}"]
    shown = sorted({n for m in marks for n in range(m.span.line, m.last + 1)})
    gutter = max(5, len(str(shown[-1])) + 2)
    for n in shown:
        source = linecache.getline(marks[0].span.file, n).rstrip()
        if source:
            out.append(f"{n:>{gutter}} | {source.expandtabs(4)}")
        for m in marks:
            if m.span.line <= n <= m.last:
                out += _underline(m, n, source, gutter)
    return out


def _underline(m: _Mark, n: int, source: str, gutter: int) -> Iterator[str]:
    text = m.text if n == m.last else ""
    if not source:  # unreadable or empty: only a note has something left to say
        if text:
            yield f"  {_place(m.span)}: {text}"
        return
    start = m.span.col if n == m.span.line else _indent(source)
    end = m.span.end_col if n == m.span.end_line else len(source.encode())
    left = _width(_upto(source, start))
    length = max(1, _width(_upto(source, end)) - left)
    more = " ..." if n == m.last < m.span.end_line else ""
    mark = " " * left + m.sign * length + more
    yield f"{'':>{gutter}} | {mark} {text}".rstrip()


def _in_order(refusals: Sequence[Refusal]) -> tuple[Refusal, ...]:
    """Each once, in the order of the source, those without a place last."""

    def key(r: Refusal) -> tuple[bool, str, int, int]:
        s = r.span
        return (True, "", 0, 0) if s is None else (False, s.file, s.line, s.col)

    return tuple(sorted(dict.fromkeys(refusals), key=key))


def _render(refusals: Sequence[Refusal]) -> str:
    if len(refusals) == 1:
        return refusals[0].render("s2sgrad cannot differentiate this: ")
    blocks = [r.render(f"({i}) ") for i, r in enumerate(refusals, 1)]
    head = f"s2sgrad cannot differentiate this, for {len(refusals)} reasons"
    return "\n\n".join([head, *blocks])


def _place(span: Span) -> str:
    source = linecache.getline(span.file, span.line)
    column = len(_upto(source, span.col)) if source else span.col
    return f"{_short(span.file)}:{span.line}:{column + 1}"


def _short(file: str) -> str:
    """The path as seen from the working directory where that is shorter and goes downwards."""
    if not os.path.isabs(file):  # also `<ipython-input-1>` and its like
        return file
    try:
        relative = os.path.relpath(file)
    except (ValueError, OSError):  # another drive; a working directory that is gone
        return file
    return file if relative.startswith(os.pardir) else relative


def _upto(source: str, col: int) -> str:
    """The text before byte `col`; `ast` counts columns in bytes of UTF-8."""
    return source.encode()[:col].decode(errors="ignore")


def _indent(source: str) -> int:
    return len(source) - len(source.lstrip())


def _width(text: str) -> int:
    """How many terminal cells the text takes."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text.expandtabs(4)
    )


def _window(ir: list[str], line: int | None, around: int = 6) -> Iterator[str]:
    first, last = (0, len(ir)) if line is None else (max(0, line - around), line + around + 1)
    if first > 0:
        yield "      ..."
    for n, text in enumerate(ir[first:last], first):
        yield f"    {'>' if n == line else ' '} {text}".rstrip()
    if last < len(ir):
        yield "      ..."
