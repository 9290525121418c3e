"""scipy.integrate: quadrature of samples and of functions; differential equations in another file.

The derivative of an integral by its limits is the integrand there, by a parameter the integral of
the derivative (Leibniz; Rudin, Principles of Mathematical Analysis (1976), theorem 9.42).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.integrate as si
import scipy.special as sp

from s2sgrad.rules import grids
from s2sgrad.rules.functions import moved, slope, takes, value, weighted
from s2sgrad.rules.grids import bordered, other_axes
from s2sgrad.rules.registry import data_only, rule, zero
from s2sgrad.rules.toolbox import call, length, part, recordable


@rule(si.trapezoid)
def trapezoid(g: Any, out: Any, y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    """As NumPy's."""
    return grids.trapezoid(g, out, y, x, dx, axis)


@rule(si.cumulative_trapezoid)
def cumulative_trapezoid(
    g: Any, out: Any, y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1, initial: Any = None
) -> Any:
    """Sums from the far end, spread over both neighbours."""
    along = axis % np.ndim(y)
    if initial is not None:
        g = part(g, 1, None, along)
    later = np.flip(np.cumsum(np.flip(g, along), axis=along), along)
    steps: Any = dx
    if x is not None:
        grid = np.expand_dims(x, other_axes(np.ndim(y), along)) if np.ndim(x) == 1 else x
        steps = np.diff(grid, axis=along - np.ndim(y))
    middle = 0.5 * steps * later
    gy = bordered(middle, along, before=True) + bordered(middle, along)
    sums = 0.5 * later * (part(y, 1, None, along) + part(y, 0, -1, along))
    if x is None:
        return gy, None, np.sum(sums)
    gx = bordered(sums, along, before=True) - bordered(sums, along)
    if np.ndim(x) == 1:
        gx = np.sum(gx, axis=other_axes(np.ndim(y), along))
    return gy, gx


@recordable
def simpson_weights(n: int) -> Any:
    """Return the weights of `scipy.integrate.simpson` for n samples with unit spacing.

    An even n has Cartwright's correction at its end (Simpson's rule cumulative integration, 2017).
    """
    if n == 2:
        return np.array([0.5, 0.5])
    odd = n if n % 2 else n - 1
    made = np.zeros(n)
    made[1:odd:2] = 4 / 3
    made[2 : odd - 1 : 2] = 2 / 3
    made[[0, odd - 1]] = 1 / 3
    if odd < n:
        made[-3:] += np.array([-1 / 12, 2 / 3, 5 / 12])
    return made


zero(simpson_weights)
zero(sp.roots_legendre)
data_only(si.fixed_quad)  # the parser writes the sum out


@rule(si.simpson)
def simpson(g: Any, out: Any, y: Any, x: Any = None, *, dx: Any = 1.0, axis: int = -1) -> Any:
    """The weights; uniform spacing."""
    if x is not None:
        raise NotImplementedError("scipy.integrate.simpson has a rule for uniform spacing (dx=)")
    along = axis % np.ndim(y)
    weights = dx * simpson_weights(length(y, along))
    later = (1,) * (np.ndim(y) - 1 - along)
    return np.expand_dims(g, along) * np.reshape(weights, (-1, *later))


takes(
    si.quad, functions={"func": ("number",)}, returns="number number",
    refused={"full_output": (0, False), "weight": (None,), "complex_func": (False,)},
)  # fmt: skip
takes(
    si.quad_vec, functions={"f": ("number",)}, returns="of:f number", value="any",
    refused={"full_output": (False,)},
)  # fmt: skip
TOLERANCES = ("epsabs", "epsrel", "limit")


def by_limits(f: Any, a: Any, b: Any, args: Any) -> tuple[Any, Any]:
    """Return the derivatives by the limits."""
    return -value(f, [a, *args]), value(f, [b, *args])


@rule(si.quad)
def quad(g: Any, out: Any, func: Any, a: Any, b: Any, args: Any = (), **options: Any) -> Any:
    """An integral for each parameter; for an array, one of vectors."""
    if g[1] is not None:
        raise NotImplementedError("the estimate of the error has no rule")
    lower, upper = by_limits(func, a, b, args)
    bars = []
    for k, p in enumerate(args, 1):
        f = slope(func, [a, *args], k)
        if np.ndim(p) == 0:
            bars.append(g[0] * call(si.quad, f, a, b, args=tuple(args), **options)[0])
        else:
            own = {name: v for name, v in options.items() if name in TOLERANCES}
            bars.append(g[0] * call(si.quad_vec, f, a, b, args=tuple(args), **own)[0])
    return None, g[0] * lower, g[0] * upper, tuple(bars)


@quad.jvp
def quad_tangent(
    out: Any, tangents: Any, func: Any, a: Any, b: Any, args: Any = (), **options: Any
) -> Any:
    """One integral of the tangent of the integrand."""
    return [integral_tangent(si.quad, tangents, func, a, b, args, options), None]


def integral_tangent(
    op: Any, tangents: Any, func: Any, a: Any, b: Any, args: Any, options: Any
) -> Any:
    """Return the tangent of an integral."""
    lower, upper = by_limits(func, a, b, args)
    dots = tangents[3] or [None] * len(args)
    moving = [k for k, t in enumerate(dots, 1) if t is not None]
    terms = [d * t for d, t in ((lower, tangents[1]), (upper, tangents[2])) if t is not None]
    if moving:
        f = moved(func, [a, *args], moving)
        every = (*args, *(dots[k - 1] for k in moving))
        terms.append(call(op, f, a, b, args=every, **options)[0])
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


@rule(si.quad_vec)
def quad_vec(g: Any, out: Any, f: Any, a: Any, b: Any, args: Any = (), **options: Any) -> Any:
    """An integral of cotangents for each parameter."""
    if g[1] is not None:
        raise NotImplementedError("the estimate of the error has no rule")
    lower, upper = by_limits(f, a, b, args)
    bars = [
        call(si.quad_vec, weighted(f, [a, *args], k, g[0]), a, b, args=(*args, g[0]), **options)[0]
        for k in range(1, 1 + len(args))
    ]
    return None, np.sum(g[0] * lower), np.sum(g[0] * upper), tuple(bars)


@quad_vec.jvp
def quad_vec_tangent(
    out: Any, tangents: Any, f: Any, a: Any, b: Any, args: Any = (), **options: Any
) -> Any:
    """One integral of the tangent of the integrand."""
    return [integral_tangent(si.quad_vec, tangents, f, a, b, args, options), None]
