"""Polynomials: values, fits, roots."""

from __future__ import annotations

from typing import Any

import numpy as np

from s2sgrad.rules.linalg import pinv
from s2sgrad.rules.registry import entry, rule
from s2sgrad.rules.toolbox import length, part, ranks


def exponents(p: Any) -> Any:
    """Return n - 1, ..., 1, 0 for the n coefficients in `p`."""
    return np.flip(ranks(p, 0))


def slope(p: Any) -> Any:
    """Return the coefficients of the derivative."""
    return part(p * exponents(p), 0, -1, 0)


@rule(np.polyval)
def polyval(g: Any, out: Any, p: Any, x: Any) -> Any:
    """Powers of `x` for the coefficients; Horner's derivative for `x`."""
    extra = tuple(range(1, np.ndim(x) + 1))
    powers = np.expand_dims(x, 0) ** np.expand_dims(exponents(p), extra)
    return np.sum(powers * g, axis=extra), g * np.polyval(slope(p), x)


@polyval.jvp
def _polyval_jvp(out: Any, tangents: Any, p: Any, x: Any) -> Any:
    total: Any = 0.0
    if tangents[0] is not None:
        total = total + np.polyval(tangents[0], x)
    if tangents[1] is not None:
        total = total + tangents[1] * np.polyval(slope(p), x)
    return total


@rule(np.vander)
def vander(g: Any, out: Any, x: Any, N: Any = None, increasing: bool = False) -> Any:
    """The derivative of a power is its exponent times the next column."""
    if increasing:
        return vander(np.flip(g, 1), np.flip(out, 1), x)
    weights = part(np.flip(ranks(out, 1)), 0, -1, 1)
    return np.sum(part(g, 0, -1, 1) * weights * part(out, 1, None, 1), axis=1)


@rule(np.polyfit)
def polyfit(g: Any, out: Any, x: Any, y: Any, deg: int) -> Any:
    """Least squares on powers of `x`, through the pseudo-inverse (Golub and Pereyra 1973)."""
    if np.ndim(y) != 1:
        raise NotImplementedError("np.polyfit has a rule for one data set")
    powers = np.vander(x, deg + 1)
    inverse = np.linalg.pinv(powers)
    gx = vander(pinv(np.outer(g, y), inverse, powers), powers, x)
    return gx, g @ inverse


@rule(np.poly)
def poly(g: Any, out: Any, seq_of_zeros: Any) -> Any:
    """Without one factor, the coefficients are a synthetic division; summed by their lags."""
    if np.ndim(seq_of_zeros) != 1:
        raise NotImplementedError("np.poly has a rule for a vector of roots")
    lags = np.correlate(part(g, 1, None, 0), part(out, 0, -1, 0), mode="full")
    falling = np.flip(part(lags, length(seq_of_zeros, 0) - 1, None, 0))
    return -np.polyval(falling, seq_of_zeros)


@rule(np.roots, singular=True)
def roots(g: Any, out: Any, p: Any) -> Any:
    """Implicit function theorem: dr = -sum(dp * powers of r) / p'(r); simple roots."""
    return -(g / np.polyval(slope(p), out)) @ np.vander(out, length(p, 0))


entry(np.roots).maybe_complex = True
