"""Emitted text to a function: its lines are known to tracebacks, `pdb` and `inspect`."""

from __future__ import annotations

import itertools
import linecache
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

_serial = itertools.count(1)


def load(
    source: str, names: Sequence[str], given: Mapping[str, Any] | None = None
) -> list[Callable[..., Any]]:
    """Run the module `source` and return the functions of these names; `given` is what it finds.

    The text stays in `linecache` as long as the functions live.
    """
    filename = f"<s2sgrad {names[0]} {next(_serial)}>"
    # No modification time: `linecache.checkcache` leaves such entries alone.
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    space: dict[str, Any] = {**(given or {}), "__name__": filename}
    # Without this file's `from __future__`: the text must run as it would in a file of its own.
    exec(compile(source, filename, "exec", dont_inherit=True), space)
    found = [space[n] for n in names]
    # All of them hold the module, and so each other.
    weakref.finalize(found[0], linecache.cache.pop, filename, None)
    return found
