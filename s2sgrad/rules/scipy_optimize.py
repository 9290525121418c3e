"""scipy.optimize: roots and minima, by the implicit function theorem.

Where `f(x, p) = 0`, `x_p = -f_x^-1 f_p`: so a cotangent of `x` is solved with the transpose of
`f_x`, and pulled back through `f` at the solution (Krantz and Parks, The Implicit Function Theorem
(2002), theorem 3.3.1; Griewank and Walther, Evaluating Derivatives (2008), section 15.3).  How the
solver found the solution does not matter: its error is in the derivative, too.  At a root that is
not simple `f_x` is singular, and there is no derivative.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.optimize as so

from s2sgrad.rules.functions import half_square, jacobian, like, pull, push, slope, takes
from s2sgrad.rules.registry import rule

BRACKETING = (so.brentq, so.brenth, so.bisect, so.ridder, so.toms748)

takes(
    *BRACKETING, functions={"f": ("number",)}, returns="number", refused={"full_output": (False,)}
)
takes(
    so.newton, functions={"func": ("like:x0",), "fprime": ("like:x0",), "fprime2": ("like:x0",)},
    returns="like:x0", value="any", refused={"full_output": (False,)},
)  # fmt: skip
takes(
    so.fsolve, functions={"func": ("vector:x0",), "fprime": ("vector:x0",)}, returns="vector:x0",
    value="vector", refused={"full_output": (0, False)},
)  # fmt: skip
takes(so.fixed_point, functions={"func": ("like:x0",)}, returns="like:x0", value="any")
FOUND = {"x": "vector:x0", "success": "bool", "status": "int", "nfev": "int", "message": "text"}
takes(
    so.root, functions={"fun": ("vector:x0",), "jac": ("vector:x0",)}, returns=FOUND,
    value="vector", refused={"jac": (None, False, callable)},
)  # fmt: skip
ROOT = {"root": "number", "converged": "bool", "iterations": "int", "function_calls": "int"}
takes(
    so.root_scalar, functions={"f": ("number",), "fprime": ("number",), "fprime2": ("number",)},
    returns=ROOT, refused={"fprime": (None, False, callable), "fprime2": (None, False, callable)},
)  # fmt: skip
LEAST = {**FOUND, "fun": "number", "nit": "int"}
takes(
    so.minimize,
    functions=dict.fromkeys(("fun", "jac", "hess"), ("vector:x0",)) | {
        "hessp": ("vector:x0", "vector:x0")
    },
    returns=LEAST,
    refused={"jac": (None, False, "2-point", "3-point", callable), "bounds": (None,),
             "constraints": ((),), "callback": (None,)},
)  # fmt: skip
takes(
    so.minimize_scalar, functions={"fun": ("number",)}, returns={**LEAST, "x": "number"},
    refused={"bounds": (None,)},
)  # fmt: skip
takes(
    so.least_squares, functions={"fun": ("vector:x0",), "jac": ("vector:x0",)},
    returns={**FOUND, "cost": "number", "fun": "of:fun", "optimality": "number"}, value="vector",
    refused={"bounds": (), "loss": ("linear",), "kwargs": (None,), "callback": (None,)},
)  # fmt: skip


def every(args: Any) -> range:
    """Return the places of the arguments behind the unknown."""
    return range(1, 1 + len(args))


def by_element(f: Any, x: Any, args: Any) -> Any:
    """Return the derivative by the unknown, element by element."""
    return pull(f, np.ones_like(x) if np.ndim(x) else 1.0, [x, *args], [0])[0]


def number_root(g: Any, f: Any, x: Any, args: Any) -> Any:
    """Return the cotangents of `args` at a root of a function of a number."""
    return tuple(pull(f, -g / by_element(f, x, args), [x, *args], every(args)))


def moved_root(f: Any, x: Any, args: Any, tangents: Any) -> Any:
    """Return the tangent of a root of a function of a number."""
    return -push(f, [x, *args], [None, *tangents]) / by_element(f, x, args)


def vector_root(g: Any, f: Any, x: Any, args: Any) -> Any:
    """Return the cotangents of `args` at a root of a system."""
    solved = np.linalg.solve(jacobian(f, [x, *args]).T, g)
    return tuple(pull(f, -solved, [x, *args], every(args)))


def moved_vector(f: Any, x: Any, args: Any, tangents: Any) -> Any:
    """Return the tangent of a root of a system."""
    moved = push(f, [x, *args], [None, *tangents])
    return -np.linalg.solve(jacobian(f, [x, *args]), moved)


def bracketed(g: Any, out: Any, f: Any, a: Any, b: Any, args: Any = (), **options: Any) -> Any:
    """The ends of the bracket do not matter."""
    return None, 0.0, 0.0, number_root(g, f, out, args)


for _op in BRACKETING:
    rule(_op)(bracketed)


@like(*BRACKETING)
def bracketed_tangent(
    out: Any, tangents: Any, f: Any, a: Any, b: Any, args: Any = (), **options: Any
) -> Any:
    """The ends of the bracket do not matter."""
    return moved_root(f, out, args, tangents[3] or [None] * len(args))


@rule(so.newton)
def newton(
    g: Any, out: Any, func: Any, x0: Any, fprime: Any = None, args: Any = (), **options: Any
) -> Any:
    """For an array, the roots of each element."""
    return None, 0.0, None, number_root(g, func, out, args)


@newton.jvp
def newton_tangent(
    out: Any, tangents: Any, func: Any, x0: Any, fprime: Any = None, args: Any = (), **options: Any
) -> Any:
    """Element by element."""
    return moved_root(func, out, args, tangents[3] or [None] * len(args))


@rule(so.fixed_point)
def fixed_point(g: Any, out: Any, func: Any, x0: Any, args: Any = (), **options: Any) -> Any:
    """`x = f(x, p)` is a root of `f(x, p) - x`."""
    return (
        None,
        0.0,
        tuple(pull(func, g / (1.0 - by_element(func, out, args)), [out, *args], every(args))),
    )


@fixed_point.jvp
def fixed_point_tangent(
    out: Any, tangents: Any, func: Any, x0: Any, args: Any = (), **options: Any
) -> Any:
    """Element by element."""
    moved = push(func, [out, *args], [None, *tangents[2]])
    return moved / (1.0 - by_element(func, out, args))


@rule(so.fsolve)
def fsolve(g: Any, out: Any, func: Any, x0: Any, args: Any = (), **options: Any) -> Any:
    """Where the search starts does not matter."""
    return None, 0.0, vector_root(g, func, out, args)


@fsolve.jvp
def fsolve_tangent(
    out: Any, tangents: Any, func: Any, x0: Any, args: Any = (), **options: Any
) -> Any:
    """Where the search starts does not matter."""
    return moved_vector(func, out, args, tangents[2] or [None] * len(args))


@rule(so.root)
def root(g: Any, out: Any, fun: Any, x0: Any, args: Any = (), **options: Any) -> Any:
    """As `fsolve`."""
    return None, 0.0, vector_root(g[0], fun, out[0], args)


@root.jvp
def root_tangent(out: Any, tangents: Any, fun: Any, x0: Any, args: Any = (), **options: Any) -> Any:
    """As `fsolve`."""
    return [moved_vector(fun, out[0], args, tangents[2] or [None] * len(args))]


@rule(so.root_scalar)
def root_scalar(g: Any, out: Any, f: Any, args: Any = (), **options: Any) -> Any:
    """As `brentq`."""
    return None, number_root(g[0], f, out[0], args)


@root_scalar.jvp
def root_scalar_tangent(out: Any, tangents: Any, f: Any, args: Any = (), **options: Any) -> Any:
    """As `brentq`."""
    return [moved_root(f, out[0], args, tangents[1] or [None] * len(args))]


def at_least(g: Any, out: Any, fun: Any, args: Any, solve: Any, at: int) -> Any:
    """Return the cotangents of `args` at a minimum, where the slope is a root.

    The least value moves as `f` does at the point, whose slope is zero (the envelope theorem;
    Mas-Colell, Whinston and Green, Microeconomic Theory (1995), section M.L).  `at` is its place
    among the results.
    """
    total: Any = [0.0] * len(args)
    if g[0] is not None:
        total = solve(g[0], slope(fun, [out[0], *args], 0), out[0], args)
    if g[at] is not None:
        direct = pull(fun, g[at], [out[0], *args], every(args))
        total = [a + b for a, b in zip(total, direct, strict=True)]
    return tuple(total)


@rule(so.minimize)
def minimize(g: Any, out: Any, fun: Any, x0: Any, args: Any = (), **options: Any) -> Any:
    """The gradient is zero there."""
    return None, 0.0, at_least(g, out, fun, args, vector_root, 5)


@minimize.jvp
def minimize_tangent(
    out: Any, tangents: Any, fun: Any, x0: Any, args: Any = (), **options: Any
) -> Any:
    """The gradient is zero there."""
    dots = tangents[2] or [None] * len(args)
    point = moved_vector(slope(fun, [out[0], *args], 0), out[0], args, dots)
    return [point, None, None, None, None, push(fun, [out[0], *args], [None, *dots])]


@rule(so.minimize_scalar)
def minimize_scalar(g: Any, out: Any, fun: Any, args: Any = (), **options: Any) -> Any:
    """The slope is zero there."""
    return None, at_least(g, out, fun, args, number_root, 5)


@minimize_scalar.jvp
def minimize_scalar_tangent(
    out: Any, tangents: Any, fun: Any, args: Any = (), **options: Any
) -> Any:
    """The slope is zero there."""
    dots = tangents[1] or [None] * len(args)
    point = moved_root(slope(fun, [out[0], *args], 0), out[0], args, dots)
    return [point, None, None, None, None, push(fun, [out[0], *args], [None, *dots])]


@rule(so.least_squares)
def least_squares(g: Any, out: Any, fun: Any, x0: Any, args: Any = (), **options: Any) -> Any:
    """The gradient of half the sum of squares is zero there."""
    if g[6] is not None or g[7] is not None:
        raise NotImplementedError("the residuals at the solution have no rule")
    half = half_square(fun, [out[0], *args])
    return None, 0.0, at_least(g, out, half, args, vector_root, 5)


@least_squares.jvp
def least_squares_tangent(
    out: Any, tangents: Any, fun: Any, x0: Any, args: Any = (), **options: Any
) -> Any:
    """The gradient of half the sum of squares is zero there."""
    return minimize_tangent(out, tangents, half_square(fun, [out[0], *args]), x0, args)
