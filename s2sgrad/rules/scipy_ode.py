"""scipy.integrate: solutions of ordinary differential equations, by the continuous adjoint.

For `y' = f(t, y, p)` and cotangents `g` of the solution at times `t_i`, the adjoint `a` runs
backwards: `a' = -f_y^T a`, jumping by `g_i` at `t_i`; at the start it is the cotangent of `y0`,
that of `p` is the integral of `f_p^T a` (Pontryagin and others, The Mathematical Theory of Optimal
Processes (1962); Cao, Li, Petzold and Serban, SIAM J. Sci. Comput. 24 (2003), section 2).  The
solution along the way is computed again, forwards and densely, so that what is stable stays so.
That is the derivative of the exact solution, to the tolerances of the call or 1e-6, whichever is
less.  Forward mode solves `(y, y_dot)' = (f, f_y y_dot + f_p p_dot)` by the same solver.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.integrate as si

from s2sgrad.rules.functions import doubled, pull_packed, rows, takes, value
from s2sgrad.rules.registry import rule
from s2sgrad.rules.toolbox import call, part

takes(
    si.odeint, functions={"func": ("vector:y0", "number"), "Dfun": ("vector:y0", "number")},
    returns="matrix:t,y0", value="vector", swapped="tfirst", once=True,
    refused={"full_output": (0, False), "Dfun": (None,)},
)  # fmt: skip
SOLVED = {"t": "vector:t_eval", "y": "matrix:y0,t_eval", "success": "bool", "status": "int",
          "nfev": "int", "message": "text"}  # fmt: skip
takes(
    si.solve_ivp, functions={"fun": ("number", "vector:y0"), "jac": ("number", "vector:y0")},
    returns=SOLVED, value="vector", once=True,
    refused={"dense_output": (False,), "events": (None,), "vectorized": (False,),
             "jac": (None, callable)},
)  # fmt: skip


def ode_adjoint(
    f: Any, pulled: Any, t_first: bool, y0: Any, times: Any, y: Any, g: Any, args: Any, method: str,
    rtol: Any, atol: Any,
) -> Any:  # fmt: skip
    """Return the cotangents of `y0`, of the parameters and of the times, in one row.

    `y[i]` is the solution at `times[i + 1]`, `g[i]` its cotangent; it starts at `times[0]`.
    `pulled(t, y, a, *args)` is `a` times the derivatives of the slope by `y` and the parameters.
    """
    from scipy.integrate import solve_ivp

    def slope(t: Any, u: Any, *args: Any) -> Any:
        return np.asarray(f(t, u, *args) if t_first else f(u, t, *args))

    def back(t: Any, state: Any) -> Any:
        return -pulled(t, path(t), state[:n], *args)

    n, options = len(y0), {"method": method, "rtol": rtol, "atol": atol}
    scale = float(np.max(np.abs(g), initial=0.0)) or 1.0
    state = np.zeros(len(pulled(times[0], y0, 0.0 * y0, *args)))
    moved = np.zeros(len(times))
    points = [y0, *y]
    for i in range(len(y), 0, -1):
        state[:n] += g[i - 1] / scale
        moved[i] = np.dot(g[i - 1], slope(times[i], points[i], *args))
        if times[i] != times[i - 1]:
            span = (times[i - 1], times[i])
            path = solve_ivp(
                slope, span, points[i - 1], args=args, dense_output=True, **options
            ).sol
            state = solve_ivp(back, span[::-1], state, **options).y[:, -1]
    moved[0] = -scale * np.dot(state[:n], slope(times[0], y0, *args))
    return np.concatenate([scale * state, moved])


def least(given: Any, most: float) -> Any:
    """Return a tolerance that is tight enough for an adjoint."""
    return most if given is None else np.minimum(given, most)


@rule(ode_adjoint)
def adjoint_again(g: Any, out: Any, *args: Any) -> Any:
    """Forward mode goes before: an adjoint is differentiated no more."""
    raise NotImplementedError("it is the adjoint of a differential equation (use hvp or jvp)")


@rule(si.odeint)
def odeint(
    g: Any, out: Any, func: Any, y0: Any, t: Any, args: Any = (), *, rtol: Any = None,
    atol: Any = None, tfirst: bool = False, **options: Any,
) -> Any:  # fmt: skip
    """The first row is `y0` itself."""
    tolerances = (least(rtol, 1e-6) if rtol is not None else 1.49e-8,
                  least(atol, 1e-9) if atol is not None else 1.49e-8)  # fmt: skip
    bars = pull_packed(
        ode_adjoint, func, bool(tfirst), y0, t, out[1:], g[1:], args, "LSODA", *tolerances
    )
    return None, bars[0] + g[0], bars[2], bars[1]


@odeint.jvp
def odeint_tangent(
    out: Any, tangents: Any, func: Any, y0: Any, t: Any, args: Any = (), *, tfirst: bool = False,
    **options: Any,
) -> Any:  # fmt: skip
    """The solution and its tangent at once."""
    dots = tangents[3] or [None] * len(args)
    start = np.zeros_like(y0) if tangents[1] is None else tangents[1]
    moved = tangents[2]
    slopes: Any = None if moved is None else rows(func, bool(tfirst), t, out, args)
    if moved is not None:
        start = start - slopes[0] * moved[0]
    at = 1 if tfirst else 0
    f, more = doubled(func, [t, y0, *args] if tfirst else [y0, t, *args], at, dots)
    state = np.concatenate([y0, start])
    named = {"mxstep": 5000, **options, **({"tfirst": True} if tfirst else {})}
    solved = part(call(si.odeint, f, state, t, args=(*args, *more), **named), np.size(y0), None, 1)
    return solved if moved is None else solved + slopes * moved[:, None]


@rule(si.solve_ivp)
def solve_ivp(
    g: Any, out: Any, fun: Any, t_span: Any, y0: Any, args: Any = None, t_eval: Any = None, *,
    method: str = "RK45", rtol: Any = None, atol: Any = None, **options: Any,
) -> Any:  # fmt: skip
    """Without `t_eval` the times within are the solver's, and taken as constants."""
    args = () if args is None else args
    times = np.concatenate([call(np.array, [t_span[0]]), out[0]])
    y = np.transpose(out[1])
    seeds = np.zeros_like(y) if g[1] is None else np.transpose(g[1])
    tolerances = (least(rtol, 1e-6), least(atol, 1e-9))
    bars = pull_packed(ode_adjoint, fun, True, y0, times, y, seeds, args, method, *tolerances)
    start, moved = bars[2][0], part(bars[2], 1, None, 0)
    if g[0] is not None:
        moved = moved + g[0]
    if t_eval is not None:
        return None, (start, 0.0), bars[0], bars[1], moved
    return None, (start + moved[0], moved[-1]), bars[0], bars[1]


@solve_ivp.jvp
def solve_ivp_tangent(
    out: Any, tangents: Any, fun: Any, t_span: Any, y0: Any, args: Any = None, t_eval: Any = None,
    **options: Any,
) -> Any:  # fmt: skip
    """The solution and its tangent at once, at the same times."""
    args = () if args is None else args
    _, span, start, dots, moved = (*tangents, None, None)[:5]
    dots = [None] * len(args) if dots is None else dots
    start = np.zeros_like(y0) if start is None else start
    if span is not None:
        start = start - span[0] * value(fun, [t_span[0], y0, *args])
    if span is not None and t_eval is None:
        within = np.zeros_like(out[0][1:-1])
        first, last = (call(np.array, [t]) for t in span)
        moved = np.concatenate([first, within, last])
    f, more = doubled(fun, [t_span[0], y0, *args], 1, dots)
    state = np.concatenate([y0, start])
    solved = call(si.solve_ivp, f, t_span, state, args=(*args, *more), t_eval=out[0], **options)
    dot = part(solved[1], np.size(y0), None, 0)
    if moved is not None:
        dot = dot + np.transpose(rows(fun, True, out[0], np.transpose(out[1]), args)) * moved
    return [moved, dot, None, None, None, None]
