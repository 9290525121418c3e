"""`s2sgrad coverage`: which functions of NumPy, `math` and SciPy have a derivative."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
from collections.abc import Iterator
from typing import Any

from s2sgrad.errors import S2SGradError
from s2sgrad.rules.registry import can_push, lookup

MODULES = (
    "numpy", "numpy.linalg", "numpy.fft", "math", "scipy.special", "scipy.linalg", "scipy.fft",
    "scipy.signal", "scipy.integrate", "scipy.ndimage", "scipy.spatial.distance",
)  # fmt: skip
BOTH, REVERSE, ZERO, NONE = "both modes", "reverse mode", "zero", "none"
WORDS = {
    BOTH: "in both modes",
    REVERSE: "in reverse mode, which forward mode transposes",
    ZERO: "with the derivative zero",
    NONE: "without a rule",
}
NOTE = "A function without a rule may be called on data; of what is differentiated it is refused."


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
        found: dict[str, list[str]] = {status: [] for status in WORDS}
        for function, status in functions(name):
            found[status].append(function)
        counts = ", ".join(f"{len(names)} {WORDS[s]}" for s, names in found.items() if names)
        lines.append(f"{name}: {counts}")
        if modules:
            shown = [NONE] if missing else list(WORDS)
            lines += [f"  {s}: {', '.join(found[s])}" for s in shown if found[s]]
    return "\n".join([*lines, NOTE]) + "\n"


def functions(module: str) -> Iterator[tuple[str, str]]:
    """The public functions of a module, and what is known of each."""
    try:
        space = vars(importlib.import_module(module))
    except ImportError:
        raise S2SGradError(f"there is no module {module}") from None
    for name in sorted(space.get("__all__") or (n for n in space if not n.startswith("_"))):
        f = space.get(name)
        if callable(f) and not inspect.isclass(f):
            yield name, _status(f)


def _status(f: Any) -> str:
    rule = lookup(f)
    if rule is None:
        return NONE
    if rule.zero:
        return ZERO
    return BOTH if can_push(rule) else REVERSE
