"""scipy.interpolate: splines and grids.

A spline with fixed knots is linear in its values: `S(t) = B(t) y`, where column k of `B` is the
spline through the k-th unit vector (de Boor, A Practical Guide to Splines (2001), chapter IV); its
derivative by the points is the spline's own.  By the knots there is none.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.interpolate as si

from s2sgrad.ir.types import Array, Scalar, Type, Unknown
from s2sgrad.rules.grid_points import grid_linear_tangent, grid_linear_vjp
from s2sgrad.rules.objects import TYPED, Options, Through, made
from s2sgrad.rules.registry import RULES, data_only, entry, rule
from s2sgrad.rules.toolbox import call, identity


def at_points(types: list[Type], rows: bool = True) -> Type:
    """Return the type of a spline at points: for each of them a number, or what a row is."""
    t, y = types[-1], types[2] if len(types) > 3 else Array("d", ("?",))
    if not isinstance(y, Array) or not isinstance(t, Array | Scalar):
        return Unknown(real=True)
    if len(y.shape) > 1 and not rows:
        return Unknown(real=True)
    return Array("d", (*(t.shape if isinstance(t, Array) else ()), *y.shape[1:]))


def for_rows(maker: Any, options: Options) -> Options:
    """Return the options of a spline through rows, zero where it has another value."""
    if maker is not si.interp1d:
        return options
    rest = tuple((k, v) for k, v in options if k not in ("bounds_error", "fill_value", "axis"))
    beyond: tuple[Any, ...] = (("bounds_error", False), ("fill_value", 0.0))
    if dict(options).get("fill_value") == "extrapolate":
        beyond = (("fill_value", "extrapolate"),)
    return (*rest, ("axis", 0), *beyond)


BORNE: dict[str, tuple[type, ...]] = {
    "bc_type": (str, type(None)), "axis": (), "fill_value": (str,), "t": (type(None),),
}  # fmt: skip


def of_program(maker: Any, method: str, options: Options) -> Through:
    """Return the operation of a spline; options by which it is not linear are refused."""
    for name, value in options:
        if name in BORNE and type(value) not in BORNE[name]:
            raise NotImplementedError(f"a spline with {name}={value!r} has no rule")
    if maker is si.interp1d and not isinstance(dict(options).get("kind", "linear"), str):
        raise NotImplementedError("interp1d has rules for kinds that are named")
    if method:
        raise NotImplementedError(f"`{method}` of a spline has no rule")
    return spline(maker, options)


def spline(maker: Any, options: Options) -> Through:
    """Return the operation of a spline that is called, with its rules."""
    op = Through(maker, options, 2)
    if op in RULES:
        return op
    rows = maker is not si.interp1d or ("axis", 0) in options
    TYPED[op] = at_points if rows else lambda types: at_points(types, False)
    plain = Through(maker, for_rows(maker, options), 2)
    if plain != op:
        spline(maker, plain.options)

    def vjp(g: Any, out: Any, owner: Any, x: Any, y: Any, t: Any, nu: Any = 0) -> Any:
        order = () if nu == 0 else (nu,)
        check_rank(y)
        basis = call(plain, None, x, identity(y, 0), t, *order)
        if np.ndim(t) == 0 and np.ndim(y) == 1:
            gy = g * basis
        else:
            axes = tuple(range(np.ndim(t)))
            gy = np.tensordot(basis, g, (axes, axes))
        gt = g * slope(owner, x, y, t, nu)
        return None, None, gy, gt if np.ndim(y) == 1 else np.sum(gt, axis=-1)

    def slope(owner: Any, x: Any, y: Any, t: Any, nu: Any) -> Any:
        if maker is si.interp1d:
            return slope_of_interp1d(dict(options).get("kind", "linear"), x, y, t)
        return call(op, owner, x, y, t, nu + 1)

    def check_rank(y: Any) -> None:
        if np.ndim(y) > (2 if rows else 1):
            raise NotImplementedError("a spline through arrays has no rule")

    def jvp(out: Any, tangents: Any, owner: Any, x: Any, y: Any, t: Any, nu: Any = 0) -> Any:
        order = () if nu == 0 else (nu,)
        check_rank(y)
        if tangents[1] is not None:
            raise NotImplementedError("a spline whose knots vary has no rule")
        terms = []
        if tangents[2] is not None:
            terms.append(call(plain, None, x, tangents[2], t, *order))
        if tangents[3] is not None:
            moved = tangents[3] if np.ndim(y) == 1 else np.expand_dims(tangents[3], -1)
            terms.append(moved * slope(owner, x, y, t, nu))
        return terms[0] if len(terms) == 1 else terms[0] + terms[1]

    record = entry(op)
    record.vjp, record.jvp = vjp, jvp
    return op


DEGREES = {"linear": 1, "slinear": 1, "quadratic": 2, "cubic": 3}


def slope_of_interp1d(kind: str, x: Any, y: Any, t: Any) -> Any:
    """Return the slope between the points, which `interp1d` sorts; of steps it is zero."""
    if kind not in DEGREES:
        return np.zeros_like(t) if np.ndim(t) else 0.0
    order = np.argsort(x)
    op = spline(si.make_interp_spline, (("k", DEGREES[kind]),))
    return call(op, None, np.take(x, order), np.take(y, order, axis=0), t, 1)


made(
    si.CubicSpline, si.interp1d, si.make_interp_spline, parts=("x", "y"), hint="spline",
    uses=of_program,
)  # fmt: skip
made(si.BSpline, parts=("t", "c"), hint="spline", uses=of_program)
data_only(si.make_interp_spline)
CONSTANT = Through(None)  # a spline that was made elsewhere
TYPED[CONSTANT] = at_points


@rule(CONSTANT)
def constant(g: Any, out: Any, owner: Any, t: Any, nu: Any = 0) -> Any:
    """By the points: its own derivative."""
    return None, g * call(CONSTANT, owner, t, nu + 1)


@constant.jvp
def constant_tangent(out: Any, tangents: Any, owner: Any, t: Any, nu: Any = 0) -> Any:
    """By the points: its own derivative."""
    return tangents[1] * call(CONSTANT, owner, t, nu + 1)


# -- grids


def on_grid(types: list[Type]) -> Type:
    """Return the type of an interpolation on a grid."""
    t = types[-1]
    if not isinstance(t, Array):
        return Unknown(real=True)
    return Array("d", t.shape[:-1] if len(t.shape) > 1 else (1,))


def grid(maker: Any, method: str, options: Options) -> Through:
    """Return the operation of an interpolator on a grid that is called, with its rules."""
    named = dict(options)
    if method or named.get("method", "linear") != "linear":
        raise NotImplementedError("RegularGridInterpolator has a rule for method='linear'")
    op = Through(maker, options, 2)
    if op in RULES:
        return op
    TYPED[op] = on_grid
    beyond = "fill_value" in named and named["fill_value"] is None

    def vjp(g: Any, out: Any, owner: Any, points: Any, values: Any, xi: Any) -> Any:
        rows = xi if np.ndim(xi) > 1 else np.expand_dims(xi, 0)
        _, gv, gx, _ = grid_linear_vjp(g, out, points, values, rows, (), beyond)
        return None, None, gv, gx if np.ndim(xi) > 1 else np.squeeze(gx, 0)

    def jvp(out: Any, tangents: Any, owner: Any, points: Any, values: Any, xi: Any) -> Any:
        single = np.ndim(xi) == 1
        rows = np.expand_dims(xi, 0) if single else xi
        moved = tangents[3]
        moved = np.expand_dims(moved, 0) if single and moved is not None else moved
        own = (None, tangents[2], moved)
        return grid_linear_tangent(out, own, points, values, rows, (), beyond)

    record = entry(op)
    record.vjp, record.jvp = vjp, jvp
    return op


made(si.RegularGridInterpolator, parts=("points", "values"), hint="interpolator", uses=grid)


@rule(si.interpn)
def interpn(
    g: Any, out: Any, points: Any, values: Any, xi: Any, method: str = "linear",
    bounds_error: bool = True, fill_value: Any = np.nan,
) -> Any:  # fmt: skip
    """As `RegularGridInterpolator`."""
    if method != "linear" or np.ndim(xi) < 2:
        raise NotImplementedError("interpn has a rule for rows of points and method='linear'")
    return grid_linear_vjp(g, out, points, values, xi, (), fill_value is None)[:3]


@interpn.jvp
def interpn_tangent(
    out: Any, tangents: Any, points: Any, values: Any, xi: Any, method: str = "linear",
    bounds_error: bool = True, fill_value: Any = np.nan,
) -> Any:  # fmt: skip
    """As `RegularGridInterpolator`."""
    if method != "linear" or np.ndim(xi) < 2:
        raise NotImplementedError("interpn has a rule for rows of points and method='linear'")
    return grid_linear_tangent(out, tangents[:3], points, values, xi, (), fill_value is None)


@rule(si.splev)
def splev(g: Any, out: Any, x: Any, tck: Any, der: int = 0, ext: int = 0) -> Any:
    """By the points: the next derivative of the spline."""
    if ext != 0:
        raise NotImplementedError("splev has a rule for ext=0")
    return g * call(si.splev, x, tck, der=der + 1), None


@splev.jvp
def splev_tangent(out: Any, tangents: Any, x: Any, tck: Any, der: int = 0, ext: int = 0) -> Any:
    """By the points: the next derivative of the spline."""
    if ext != 0 or any(t is not None for t in tangents[1:]):
        raise NotImplementedError("splev has a rule for ext=0, by the points")
    return tangents[0] * call(si.splev, x, tck, der=der + 1)
