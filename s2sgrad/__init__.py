"""Source-to-source automatic differentiation of Python and NumPy."""

import s2sgrad.rules  # noqa: F401 - registers the rules
from s2sgrad.api import grad, value_and_grad, vjp

__version__ = "0.1.0"
__all__ = ["grad", "value_and_grad", "vjp"]
