"""Programs that call SciPy's functions that take functions, each with a point."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
# Programs of users are not annotated.

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.integrate as si
import scipy.optimize as so
from scipy.integrate import odeint, quad, solve_ivp
from scipy.optimize import brentq, fsolve, newton, root

from tests.case import given

PROGRAMS: list[Callable[..., Any]] = []
at = given(PROGRAMS)
P = np.array([1.3, 0.4, 0.7])
GRID = np.linspace(0.0, 1.0, 7)


@at(P)
def root_by_args(p):
    x = brentq(lambda u, a: u**3 + u - a, 0.0, 2.0, args=(p[0],))
    return x * p[1]


@at(P)
def root_of_a_closure(p):
    def residual(u):
        if u > p[2]:
            return u**3 + p[1] * u - p[0]
        return 10.0 * (u - p[2]) - 1.0

    return so.bisect(residual, 0.0, 2.0, xtol=1e-13) * p[2]


@at(P)
def every_bracket(p):
    def f(u, a):
        return np.exp(u) - a

    total = 0.0
    for _ in range(2):
        total += so.brenth(f, -1.0, 2.0, args=(p[0],)) + so.ridder(f, -1.0, 2.0, args=(p[1],))
    return total + so.toms748(f, -1.0, 2.0, args=(p[2],))


@at(P)
def roots_of_elements(p):
    x = newton(lambda u, a: u**3 + u - a, np.ones(3), fprime=lambda u, a: 3 * u**2 + 1, args=(p,))
    y = newton(lambda u: u * u - p[0], 1.0, tol=1e-13)
    return np.sum(x * x) * y


@at(P)
def fixed(p):
    return np.sum(so.fixed_point(lambda u: np.cos(u * p) / 2, np.full(3, 0.5), xtol=1e-12) ** 2)


@at(P)
def root_of_a_loop(p):
    """The function has a loop of its own."""

    def f(u):
        s = 0.0
        for a in p:
            s += np.tanh(a * u)
        return s - 1.0

    return so.root_scalar(f, bracket=[0.0, 5.0], method="brentq").root ** 2


@at(P)
def system(p):
    def residual(u, a, q):
        return [u[0] ** 2 + u[1] - a, u[1] * np.exp(u[0]) - q["b"]]

    s = root(residual, np.array([1.0, 1.0]), args=(p[0], {"b": p[1]}), tol=1e-13)
    if not s.success:
        raise ValueError("no solution")
    return s.x[0] * s.x[1] + p[2] * s.x[0]


@at(P)
def system_of_arrays(p):
    a = np.outer(p, p) + 2 * np.eye(3)
    return np.sum(fsolve(lambda u: a @ u + u**3 - p, np.zeros(3), xtol=1e-13) ** 2)


@at(P)
def least(p):
    def f(u, a):
        return (u[0] - a[0]) ** 2 * a[1] + np.cosh(u[1] - u[0] * a[2])

    def slope(u, a):
        s = np.sinh(u[1] - u[0] * a[2])
        return np.array([2 * (u[0] - a[0]) * a[1] - s * a[2], s])

    r = so.minimize(f, np.zeros(2), args=(p,), jac=slope, method="BFGS", options={"gtol": 1e-12})
    return r.x[0] + 0.5 * r.x[1] + r.fun**2


@at(P)
def least_of_a_number(p):
    r = so.minimize_scalar(lambda u: (u - p[0]) ** 2 + (u * p[1]) ** 4, tol=1e-12)
    return r.x * p[2] + r.fun


@at(P)
def fit(p):
    y = np.sin(3 * GRID * p[0]) + p[1]
    r = so.least_squares(
        lambda c: c[0] * np.exp(-c[1] * GRID) - y,
        [1.0, 1.0],
        jac="3-point",
        xtol=1e-15,
        ftol=1e-15,
        gtol=1e-15,
    )
    return r.x[0] * r.x[1] + r.cost * p[2]


@at(P)
def integral(p):
    return quad(lambda t, a: np.exp(-a * t * t) * p[2], p[1], 1.0, args=(p[0],))[0]


@at(P)
def integral_to_infinity(p):
    value, _ = quad(lambda t: np.exp(-np.sum(p) * t * t) * p[0], 0, np.inf)
    return value


@at(P)
def integral_of_vectors(p):
    value, _ = si.quad_vec(lambda t: p * t**2 * np.sin(p * t), 0, p[0])
    return np.sum(value * p)


@at(P)
def integral_at_nodes(p):
    return si.fixed_quad(lambda t, a: np.exp(-a * t) * p[1], 0.0, p[2], args=(p[0],), n=6)[0]


@at(P)
def oscillator(p):
    def slope(y, t, k, w):
        return [y[1] * k, -y[0] * w - p[2] * y[1] + np.sin(t)]

    y = odeint(slope, [p[0], 1.0], np.linspace(0, 2, 5), (p[1], p[0]), rtol=1e-10, atol=1e-10)
    return np.sum(y**2)


@at(P)
def decay(p):
    s = solve_ivp(lambda t, y, a: -a * y + p[2], (0.0, 1.0), p[:2], args=(p[1],), rtol=1e-9,
                  atol=1e-11)  # fmt: skip
    return np.sum(s.y[:, -1] * p[0])


@at(P)
def until_a_time(p):
    def slope(t, y):
        return np.array([-p[0] * y[0] * y[1], p[1] * y[0] - y[1] + t])

    s = solve_ivp(slope, (0.1 * p[0], p[2]), np.array([1.0, 2.0]), method="DOP853", rtol=1e-10,
                  atol=1e-12)  # fmt: skip
    return np.sum(s.y[:, -1]) * s.t[-1]


@at(P)
def at_times(p):
    times = np.linspace(0.2, p[2], 4)
    s = solve_ivp(
        lambda t, y, a: np.array([-a[0] * y[0] * y[1], a[1] * y[0] - y[1]]), (0.0, 1.0), [1.0, 2.0],
        t_eval=times, args=(p,), method="LSODA", rtol=1e-10, atol=1e-12,
    )  # fmt: skip
    return np.sum(s.y * times) + np.sum(s.t)


@at(P)
def times_of_odeint(p):
    a = np.outer(p, p)
    times = np.array([0.1 * p[1], 0.3, p[2]])
    y = odeint(lambda t, y, a: -a @ y, p * 1.0, times, (a,), tfirst=True, rtol=1e-11, atol=1e-11)
    return np.sum(y[-1] * p) + np.sum(y[1])


@at(P)
def stiff(p):
    y = odeint(lambda y, t: -100 * p[0] * (y - np.cos(p[1] * t)), [0.0], [0.0, 3.0], rtol=1e-10,
               atol=1e-10)  # fmt: skip
    return y[-1, 0] * p[2]
