"""`np.polynomial`: values, derivatives and integrals of power, Chebyshev, Legendre, ... series.

Each basis has the same functions under other names.  All of them are linear in the coefficients,
so each is transposed by what it does to the unit coefficients; the derivative of a value in `x` is
the value of the differentiated series (Boyd, "Chebyshev and Fourier Spectral Methods", chapter 2).
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
from numpy.polynomial import chebyshev, hermite, hermite_e, laguerre, legendre, polynomial

from s2sgrad.rules.registry import rule
from s2sgrad.rules.toolbox import call, identity, length

BASES = {
    polynomial: "poly", chebyshev: "cheb", legendre: "leg",
    hermite: "herm", hermite_e: "herme", laguerre: "lag",
}  # fmt: skip


def _one_axis(c: Any) -> None:
    if np.ndim(c) != 1:
        raise NotImplementedError("series have rules for one set of coefficients")


def register(module: ModuleType, name: str) -> None:
    """Register the functions of one basis."""
    value, columns = getattr(module, f"{name}val"), getattr(module, f"{name}vander")
    der, integral = getattr(module, f"{name}der"), getattr(module, f"{name}int")

    @rule(value)
    def val(g: Any, out: Any, x: Any, c: Any, tensor: bool = True) -> Any:
        """The basis in `x` for the coefficients; the differentiated series for `x`."""
        _one_axis(c)
        basis = call(columns, x, length(c, 0) - 1)
        axes = tuple(range(np.ndim(x)))
        gc = np.sum(np.expand_dims(g, -1) * basis, axis=axes) if axes else g * basis
        return g * call(value, x, call(der, c)), gc

    @val.jvp
    def val_jvp(out: Any, tangents: Any, x: Any, c: Any, tensor: bool = True) -> Any:
        _one_axis(c)
        total: Any = 0.0
        if tangents[0] is not None:
            total = total + tangents[0] * call(value, x, call(der, c))
        if len(tangents) > 1 and tangents[1] is not None:
            total = total + call(value, x, tangents[1])
        return total

    @rule(columns)
    def vander(g: Any, out: Any, x: Any, deg: Any) -> Any:
        """Each column is a series of its own."""
        slopes = call(value, x, call(der, identity(out, -1)), tensor=np.ndim(x) > 0)
        slopes = np.moveaxis(slopes, 0, -1) if np.ndim(x) else slopes
        return np.sum(g * slopes, axis=-1)

    @vander.jvp
    def vander_jvp(out: Any, tangents: Any, x: Any, deg: Any) -> Any:
        slopes = call(value, x, call(der, identity(out, -1)), tensor=np.ndim(x) > 0)
        slopes = np.moveaxis(slopes, 0, -1) if np.ndim(x) else slopes
        return np.expand_dims(tangents[0], -1) * slopes

    @rule(der, linear=(0,))
    def differentiated(g: Any, out: Any, c: Any, m: int = 1, scl: float = 1) -> Any:
        """What becomes of each unit coefficient."""
        _one_axis(c)
        return np.transpose(call(der, identity(c, 0), m, scl)) @ g

    @rule(integral, linear=(0,))
    def integrated(g: Any, out: Any, c: Any, m: int = 1) -> Any:
        """What becomes of each unit coefficient; the constants of integration are zero."""
        _one_axis(c)
        return np.transpose(call(integral, identity(c, 0), m)) @ g


for _module, _name in BASES.items():
    register(_module, _name)
