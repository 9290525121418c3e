"""Emitted text to functions: tracebacks, `pdb` and `inspect` know its lines, errors the user's."""

from __future__ import annotations

import itertools
import linecache
import weakref
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any

from s2sgrad.ir.span import Span

_serial = itertools.count(1)
_places: dict[str, Mapping[int, Span]] = {}  # of each module that is loaded, by its line


def load(
    source: str,
    names: Sequence[str],
    given: Mapping[str, Any] | None = None,
    places: Mapping[int, Span] | None = None,
    around: Mapping[str, Callable[[Callable[..., Any]], Callable[..., Any]]] | None = None,
) -> list[Callable[..., Any]]:
    """Run the module `source` and return the functions of these names; `given` is what it finds.

    Text and `places` are kept as long as the functions live.  `around` says what takes the place
    of functions, in the module too.
    """
    filename = f"<s2sgrad {names[0]} {next(_serial)}>"
    # No modification time: `linecache.checkcache` leaves such entries alone.
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    _places[filename] = places or {}
    space: dict[str, Any] = {**(given or {}), "__name__": filename}
    # Without this file's `from __future__`: the text must run as it would in a file of its own.
    exec(compile(source, filename, "exec", dont_inherit=True), space)
    space.update({n: wrap(space[n]) for n, wrap in (around or {}).items()})
    found = [space[n] for n in names]
    # All of them hold the module, and so each other.
    weakref.finalize(found[0], _forget, filename)
    return found


def _forget(filename: str) -> None:
    linecache.cache.pop(filename, None)
    _places.pop(filename, None)


def note(error: BaseException) -> None:
    """Add to an error of emitted code the line of the program that the code belongs to."""
    at = _origin(error.__traceback__)
    if at is None:
        return
    text = linecache.getline(at.file, at.line).strip()
    said = f'  in the derivative of line {at.line} of "{at.file}"' + (f": {text}" if text else "")
    if said not in getattr(error, "__notes__", ()):
        error.add_note(said)


def _origin(tb: TracebackType | None) -> Span | None:
    """The place of the innermost line that is emitted."""
    found = None
    while tb is not None:
        here = _places.get(tb.tb_frame.f_code.co_filename)
        if here is not None:
            found = here.get(tb.tb_lineno, found)
        tb = tb.tb_next
    return found
