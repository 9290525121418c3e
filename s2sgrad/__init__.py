"""Source-to-source automatic differentiation of Python and NumPy."""

import s2sgrad.rules  # noqa: F401 - registers the rules
from s2sgrad.api import elementwise_grad, grad, pullback, value_and_grad, vjp

__version__ = "0.1.0"
__all__ = ["elementwise_grad", "grad", "pullback", "value_and_grad", "vjp"]
