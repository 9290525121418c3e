"""numpy.linalg: solves, determinants, norms."""

from __future__ import annotations

from typing import Any

import numpy as np

from s2sgrad.rules import toolbox
from s2sgrad.rules.reductions import max_
from s2sgrad.rules.registry import alias, rule
from s2sgrad.rules.toolbox import cofactor, expand, identity, is_complex, safe_divide


def flipped(a: Any) -> Any:
    """Transpose the last two axes."""
    return np.swapaxes(a, -1, -2)


def adjoint(a: Any) -> Any:
    """Transpose and, for complex `a`, conjugate."""
    return np.conj(flipped(a)) if is_complex(a) else flipped(a)


def wide(g: Any) -> Any:
    """Add two axes at the end."""
    return np.expand_dims(g, (-2, -1))


@rule(np.linalg.det)
def det(g: Any, out: Any, a: Any) -> Any:
    """The cofactors: right also for a singular matrix."""
    return wide(g) * cofactor(a)


@det.jvp
def _det_jvp(out: Any, tangents: Any, a: Any) -> Any:
    return np.sum(cofactor(a) * tangents[0], axis=(-2, -1))


@rule(toolbox.cofactor)
def cofactor_(g: Any, out: Any, a: Any) -> Any:
    """For a nonsingular matrix."""
    back = flipped(np.linalg.inv(a))
    total = np.sum(g * out, axis=(-2, -1), keepdims=True)
    return total * back - out @ flipped(g) @ back


@cofactor_.jvp
def _cofactor_jvp(out: Any, tangents: Any, a: Any) -> Any:
    back = flipped(np.linalg.inv(a))
    total = np.sum(tangents[0] * out, axis=(-2, -1), keepdims=True)
    return total * back - out @ flipped(tangents[0]) @ back


@rule(np.linalg.slogdet)
def slogdet(g: Any, out: Any, a: Any) -> Any:
    """Only the logarithm varies (real matrices)."""
    if g[1] is None:
        return None
    if g[0] is not None and is_complex(a):
        raise NotImplementedError("the sign of slogdet of a complex matrix has no rule")
    if np.ndim(a) == 2:
        return g[1] * np.linalg.inv(a).T
    return wide(g[1]) * flipped(np.linalg.inv(a))


@slogdet.jvp
def _slogdet_jvp(out: Any, tangents: Any, a: Any) -> Any:
    if is_complex(a):
        raise NotImplementedError("the sign of slogdet of a complex matrix has no rule")
    moved = np.trace(np.linalg.solve(a, tangents[0]), axis1=-2, axis2=-1)
    return np.zeros_like(out[0]), moved


@rule(np.linalg.inv)
def inv(g: Any, out: Any, a: Any) -> Any:
    """-out.T @ g @ out.T."""
    back = flipped(out)
    return -(back @ g @ back)


@inv.jvp
def _inv_jvp(out: Any, tangents: Any, a: Any) -> Any:
    return -(out @ tangents[0] @ out)


@rule(np.linalg.solve)
def solve(g: Any, out: Any, a: Any, b: Any) -> Any:
    """One solve with the transpose."""
    if np.ndim(b) != 1:
        gb = np.linalg.solve(flipped(a), g)
        return -(gb @ flipped(out)), gb
    if np.ndim(a) == 2:
        gb = np.linalg.solve(a.T, g)
        return -np.outer(gb, out), gb
    column = np.linalg.solve(flipped(a), np.expand_dims(g, -1))
    return -(column * np.expand_dims(out, -2)), np.squeeze(column, -1)


@solve.jvp
def _solve_jvp(out: Any, tangents: Any, a: Any, b: Any) -> Any:
    moved: Any = 0.0 if tangents[1] is None else tangents[1]
    if tangents[0] is not None:
        column = np.expand_dims(out, -1) if np.ndim(b) == 1 else out
        push = tangents[0] @ column
        moved = moved - (np.squeeze(push, -1) if np.ndim(b) == 1 else push)
    moved = moved + np.zeros_like(out)
    if np.ndim(b) == 1 and np.ndim(a) > 2:
        return np.squeeze(np.linalg.solve(a, np.expand_dims(moved, -1)), -1)
    return np.linalg.solve(a, moved)


@rule(np.linalg.pinv)
def pinv(g: Any, out: Any, a: Any, rcond: Any = None, hermitian: bool = False) -> Any:
    """Golub and Pereyra's three terms; constant rank."""
    back, across = flipped(g), adjoint(out)
    first = back @ out @ across
    second = across @ out @ back
    found = first - a @ (out @ first) + second - (second @ out) @ a
    if is_complex(a):
        found = np.conj(found)
    return found - flipped(out) @ g @ flipped(out)


@pinv.jvp
def _pinv_jvp(out: Any, tangents: Any, a: Any, rcond: Any = None, hermitian: bool = False) -> Any:
    t, across = adjoint(tangents[0]), adjoint(out)
    first = out @ across @ t
    second = t @ across @ out
    found = first - (first @ a) @ out + second - out @ (a @ second)
    return found - out @ tangents[0] @ out


@rule(np.linalg.lstsq)
def lstsq(g: Any, out: Any, a: Any, b: Any, rcond: Any = None) -> Any:
    """Through the pseudo-inverse; only the solution has a rule."""
    if g[1] is not None or g[3] is not None:
        raise NotImplementedError("only the solution of lstsq has a rule")
    inverse = np.linalg.pinv(a)
    if np.ndim(b) == 1:
        return pinv(np.outer(g[0], b), inverse, a), g[0] @ inverse
    return pinv(g[0] @ b.T, inverse, a), inverse.T @ g[0]


@rule(np.linalg.matrix_power)
def matrix_power(g: Any, out: Any, a: Any, n: int) -> Any:
    """Sum over the places where one factor varies."""
    if n == 0:
        return 0.0 * g
    if n < 0:
        inverse = np.linalg.inv(a)
        return inv(matrix_power(g, out, inverse, -n), inverse, a)
    back = flipped(a)
    total = None
    for k in range(n):
        term = g
        if k:
            term = np.linalg.matrix_power(back, k) @ term
        if n - 1 - k:
            term = term @ np.linalg.matrix_power(back, n - 1 - k)
        total = term if total is None else total + term
    return total


@rule(np.linalg.norm, singular=True)
def norm(
    g: Any, out: Any, x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False
) -> Any:
    """All orders; 0 where the norm is 0."""
    axes = norm_axes(x, ord, axis)
    g, out = expand(g, x, axes, keepdims), expand(out, x, axes, keepdims)
    if ord is None or ord == "fro" or (ord == 2 and len(axes) == 1):
        return g * (np.conj(x) if is_complex(x) else x) / (out + (out == 0))
    return vector_norm(g, out, x, ord, axes) if len(axes) == 1 else matrix_norm(g, x, ord, axes)


def norm_axes(x: Any, ord: Any, axis: Any) -> tuple[int, ...]:
    """Return the axes over which a norm runs."""
    if axis is None:
        return tuple(range(np.ndim(x)))
    return tuple(i % np.ndim(x) for i in (axis if isinstance(axis, tuple | list) else (axis,)))


def unit(x: Any) -> Any:
    """Return the derivative of `abs(x)`, 0 at 0."""
    if is_complex(x):
        return safe_divide(np.conj(x), np.absolute(x))
    return np.sign(x)


def vector_norm(g: Any, out: Any, x: Any, ord: Any, axes: Any) -> Any:
    """Orders other than 2."""
    if ord == 0:
        return 0.0 * (g + np.absolute(x))
    if ord == 1:
        return g * unit(x)
    size = np.absolute(x)
    if ord in (np.inf, -np.inf):
        return max_(g, out, size, axes, keepdims=True) * unit(x)
    ratio = size / (out + (out == 0))
    if ord < 1:
        ratio = ratio + (x == 0)
    return g * unit(x) * ratio ** (ord - 1)


def matrix_norm(g: Any, x: Any, ord: Any, axes: Any) -> Any:
    """Induced and nuclear norms."""
    rows, columns = axes
    if ord in (1, -1, np.inf, -np.inf):
        summed, best = (rows, columns) if ord in (1, -1) else (columns, rows)
        sums = np.sum(np.absolute(x), axis=summed, keepdims=True)
        pick = np.max if ord > 0 else np.min
        top = pick(sums, axis=best, keepdims=True)
        return max_(g, top, sums, best, keepdims=True) * unit(x)
    moved = np.moveaxis(x, axes, (-2, -1))
    seed = np.moveaxis(g, axes, (-2, -1)) if np.ndim(g) else g
    u, s, vh = np.linalg.svd(moved, full_matrices=False)
    if ord == "nuc":
        found = seed * (u @ vh)
    else:
        pick = np.max if ord > 0 else np.min
        top = pick(s, axis=-1, keepdims=True)
        weights = max_(np.squeeze(seed, -1) if np.ndim(g) else g, top, s, -1, keepdims=True)
        found = (u * np.expand_dims(weights, -2)) @ vh
    found = np.conj(found) if is_complex(x) else found
    return np.moveaxis(found, (-2, -1), axes)


@rule(np.linalg.vector_norm, singular=True)
def vector_norm_(
    g: Any, out: Any, x: Any, *, axis: Any = None, keepdims: bool = False, ord: Any = 2
) -> Any:
    """As `norm` of a vector."""
    if axis is None or isinstance(axis, tuple):
        axes = norm_axes(x, ord, axis)
        g, out = expand(g, x, axes, keepdims), expand(out, x, axes, keepdims)
        if ord == 2:
            return g * (np.conj(x) if is_complex(x) else x) / (out + (out == 0))
        return vector_norm(g, out, x, ord, axes)
    return norm(g, out, x, ord, axis, keepdims)


@rule(np.linalg.matrix_norm, singular=True)
def matrix_norm_(g: Any, out: Any, x: Any, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    """As `norm` over the last two axes."""
    return norm(g, out, x, ord, (-2, -1), keepdims)


@rule(np.linalg.cholesky)
def cholesky(g: Any, out: Any, a: Any, *, upper: bool = False) -> Any:
    """For the triangle that is read."""
    lower = adjoint(out) if upper else out
    seed = adjoint(g) if upper else g
    back = flipped(np.linalg.inv(lower))
    inner = np.tril(flipped(lower) @ seed)
    inner = inner - 0.5 * identity(a) * inner
    right = np.conj(flipped(back)) if is_complex(a) else flipped(back)
    return triangle(back @ inner @ right, a, upper)


def triangle(full: Any, a: Any, upper: bool = False) -> Any:
    """Turn the cotangent of a Hermitian matrix into that of the triangle read from `a`."""
    cut = np.triu if upper else np.tril
    side = 1 if upper else -1
    if not is_complex(a):
        return cut(full) + cut(flipped(full), side)
    diagonal = identity(a) * np.real(full)
    return cut(full, side) + np.conj(cut(flipped(full), side)) + diagonal


@cholesky.jvp
def _cholesky_jvp(out: Any, tangents: Any, a: Any, *, upper: bool = False) -> Any:
    lower = adjoint(out) if upper else out
    t = tangents[0]
    part = np.triu(t, 1) if upper else np.tril(t, -1)
    symmetric = part + adjoint(part) + identity(a) * np.real(t)
    back = np.linalg.inv(lower)
    inner = np.tril(back @ symmetric @ adjoint(back))
    found = lower @ (inner - 0.5 * identity(a) * inner)
    return adjoint(found) if upper else found


alias(np.linalg.matmul, np.matmul)
alias(np.linalg.outer, np.outer)
alias(np.linalg.tensordot, np.tensordot)
