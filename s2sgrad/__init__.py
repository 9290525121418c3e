"""Source-to-source automatic differentiation of Python and NumPy."""

import s2sgrad.rules  # noqa: F401 - registers the rules
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
from s2sgrad.ir.ops import stop_gradient
from s2sgrad.rules.custom import elementwise, rule
from s2sgrad.testing import check_grad, check_rule

__version__ = "0.1.0"
__all__ = [
    "check_grad",
    "check_rule",
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
