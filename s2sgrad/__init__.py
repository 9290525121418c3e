"""Source-to-source automatic differentiation of Python and NumPy."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from s2sgrad import tree
    from s2sgrad.api import (
        elementwise_grad,
        grad,
        hessian,
        hvp,
        jacobian,
        jvp,
        pullback,
        value_and_grad,
        vjp,
    )
    from s2sgrad.front.checkpoints import checkpoint, checkpointed
    from s2sgrad.ir.ops import stop_gradient
    from s2sgrad.rules.custom import elementwise, rule
    from s2sgrad.testing import check_grad, check_rule

__version__ = "0.1.0"
__all__ = [
    "check_grad",
    "check_rule",
    "checkpoint",
    "checkpointed",
    "elementwise",
    "elementwise_grad",
    "grad",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "pullback",
    "rule",
    "stop_gradient",
    "tree",
    "value_and_grad",
    "vjp",
]

# The compiler is loaded when a name of it is asked for: `import s2sgrad` costs next to nothing.
_HOMES = {
    "check_grad": "testing",
    "check_rule": "testing",
    "checkpoint": "front.checkpoints",
    "checkpointed": "front.checkpoints",
    "elementwise": "rules.custom",
    "elementwise_grad": "api",
    "grad": "api",
    "hessian": "api",
    "hvp": "api",
    "jacobian": "api",
    "jvp": "api",
    "pullback": "api",
    "rule": "rules.custom",
    "stop_gradient": "ir.ops",
    "value_and_grad": "api",
    "vjp": "api",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    importlib.import_module("s2sgrad.rules")  # registers the rules
    home = importlib.import_module(f"s2sgrad.{_HOMES.get(name, name)}")
    value = home if name not in _HOMES else getattr(home, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
