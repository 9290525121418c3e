"""The standard library's `math`, so that a rule which calls it can be traced.

`math` is outside of NumPy's protocols: `math.cos(symbol)` would ask the symbol for a float.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from s2sgrad.rules.toolbox import call

pi, e, inf, nan, tau = math.pi, math.e, math.inf, math.nan, math.tau


def __getattr__(name: str) -> Callable[..., Any]:
    fn = getattr(math, name)

    def recorded(*args: Any) -> Any:
        return call(fn, *args)

    return recorded
