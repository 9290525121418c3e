"""`s2sgrad coverage`: which functions of NumPy, `math` and SciPy have a derivative."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import textwrap
from collections.abc import Iterator
from typing import Any

from s2sgrad.errors import S2SGradError
from s2sgrad.rules.functions import TAKES
from s2sgrad.rules.objects import MADE, OBJECTS
from s2sgrad.rules.registry import can_push, is_distribution, load_present, lookup

MODULES = (
    "numpy", "numpy.linalg", "numpy.fft", "math", "scipy.special", "scipy.linalg", "scipy.fft",
    "scipy.signal", "scipy.integrate", "scipy.optimize", "scipy.interpolate", "scipy.sparse",
    "scipy.sparse.linalg", "scipy.stats", "scipy.ndimage", "scipy.spatial.distance",
)  # fmt: skip
BOTH, REVERSE, ONCE, ZERO = "both modes", "reverse mode", "not twice in reverse mode", "zero"
DATA, NONE = "data", "none"
WORDS = {
    BOTH: "in both modes",
    REVERSE: "in reverse mode, which forward mode transposes",
    ONCE: "in both modes, to any order, but not twice in reverse mode",
    ZERO: "with the derivative zero",
    DATA: "of data alone",
    NONE: "without a rule",
}
NOTE = "A function without a rule may be called on data; of what is differentiated it is refused."
# What the parser writes out: the loop, the stores or the sum that a call stands for.
WRITTEN_OUT = {
    "numpy": {
        "apply_along_axis", "copyto", "fill_diagonal", "fromfunction", "fromiter", "piecewise",
        "place", "put", "put_along_axis", "putmask", "vectorize",
    },
    "scipy.integrate": {"fixed_quad"},
}  # fmt: skip
HEAD = """\
# What has a derivative

Written by `s2sgrad coverage --page` from the table of rules, for NumPy {numpy} and SciPy {scipy}.
What is *transposed* has a rule for reverse mode, which forward mode takes twice. {note} Options
that have no derivative are refused, with the place.
"""


def report(modules: list[str], missing: bool) -> str:
    """A line a module; for modules that are named, their functions too.

    Raises `S2SGradError` for a module that is not there.
    """
    lines = []
    for name in modules or MODULES:
        if importlib.util.find_spec(name.split(".")[0]) is None:
            if modules:
                raise S2SGradError(f"{name} is not installed")
            continue
        found = by_status(name)
        counts = ", ".join(f"{len(names)} {WORDS[s]}" for s, names in found.items() if names)
        lines.append(f"{name}: {counts}")
        if modules:
            shown = [NONE] if missing else list(WORDS)
            lines += [f"  {s}: {', '.join(found[s])}" for s in shown if found[s]]
    return "\n".join([*lines, NOTE]) + "\n"


def page() -> str:
    """The page of the documents: what each module has, in words that wrap."""
    titles = {
        BOTH: "Both modes",
        REVERSE: "Reverse mode, transposed",
        ONCE: "Both modes, any order (but reverse mode once)",
        ZERO: "Derivative zero",
    }
    for name in MODULES:
        importlib.import_module(name)
    load_present()
    parts = [textwrap.fill(p, 108) for p in head().split("\n\n")]
    for name in MODULES:
        found = by_status(name)
        parts.append(f"## {name}")
        for status, title in titles.items():
            if found[status]:
                names = ", ".join(f"`{n}`" for n in found[status])
                parts.append(textwrap.fill(f"**{title}.** {names}.", 108, break_on_hyphens=False))
    return "\n\n".join(parts) + "\n"


def head() -> str:
    """What stands over the page."""
    versions = (importlib.import_module(name).__version__ for name in ("numpy", "scipy"))
    numpy, scipy = (".".join(v.split(".")[:2]) for v in versions)
    return HEAD.format(note=NOTE, numpy=numpy, scipy=scipy)


def by_status(module: str) -> dict[str, list[str]]:
    """The functions of a module, by what is known of them."""
    found: dict[str, list[str]] = {status: [] for status in WORDS}
    for function, status in functions(module):
        found[status].append(function)
    return found


def functions(module: str) -> Iterator[tuple[str, str]]:
    """The public functions of a module, and what is known of each."""
    try:
        space = vars(importlib.import_module(module))
    except ImportError:
        raise S2SGradError(f"there is no module {module}") from None
    written = WRITTEN_OUT.get(module, set())
    for name in sorted(space.get("__all__") or (n for n in space if not n.startswith("_"))):
        f = space.get(name)
        if name in written:
            yield name, BOTH
        elif is_distribution(f):
            methods = (n for n in dir(f) if not n.startswith("_"))
            known = ((n, status(getattr(f, n))) for n in methods if callable(getattr(f, n)))
            yield from ((f"{name}.{n}", s) for n, s in known if s != NONE)
        elif callable(f) and (not inspect.isclass(f) or status(f) != NONE):
            yield name, status(f)


def status(f: Any) -> str:
    """What is known of a function."""
    rule = lookup(f)
    if f in MADE or f in OBJECTS:
        return BOTH
    if rule is None:
        return NONE
    if f in TAKES and TAKES[f].once:
        return ONCE
    if rule.zero:
        return ZERO
    if rule.data:
        return DATA
    return BOTH if can_push(rule) else REVERSE
