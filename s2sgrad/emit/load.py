"""Emitted text to a function: its lines are known to tracebacks, `pdb` and `inspect`."""

from __future__ import annotations

import itertools
import linecache
import weakref
from collections.abc import Callable, Mapping
from typing import Any

_serial = itertools.count(1)


def load(source: str, name: str, given: Mapping[str, Any] | None = None) -> Callable[..., Any]:
    """Run the module `source` and return its function `name`; `given` are names that it finds.

    The text stays in `linecache` as long as the function lives.
    """
    filename = f"<s2sgrad {name} {next(_serial)}>"
    # No modification time: `linecache.checkcache` leaves such entries alone.
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    space: dict[str, Any] = {**(given or {}), "__name__": filename}
    # Without this file's `from __future__`: the text must run as it would in a file of its own.
    exec(compile(source, filename, "exec", dont_inherit=True), space)
    run: Callable[..., Any] = space[name]
    weakref.finalize(run, linecache.cache.pop, filename, None)
    return run
