"""numpy.linalg: tensor equations, chains, condition numbers, the array API's spellings."""

from __future__ import annotations

from typing import Any

import numpy as np

from s2sgrad.rules.linalg import inv, norm, wide
from s2sgrad.rules.products import cross, matmul, trace, vecdot
from s2sgrad.rules.registry import rule
from s2sgrad.rules.toolbox import count, is_complex, reshape_like


@rule(np.linalg.svdvals)
def svdvals(g: Any, out: Any, x: Any) -> Any:
    """Singular values only (real)."""
    u, _, vh = np.linalg.svd(x, full_matrices=False)
    return (u * np.expand_dims(g, -2)) @ vh


@rule(np.linalg.multi_dot)
def multi_dot(g: Any, out: Any, arrays: Any) -> Any:
    """The product of all factors before, the cotangent, the product of all after."""
    last = len(arrays) - 1
    stages = [arrays[0]]
    for i in range(1, last):
        stages.append(stages[-1] @ arrays[i])
    found: list[Any] = [None] * (last + 1)
    for i in range(last, 0, -1):
        g, found[i] = matmul(g, None, stages[i - 1], arrays[i])
    found[0] = g
    return (found,)


@rule(np.linalg.tensorsolve)
def tensorsolve(g: Any, out: Any, a: Any, b: Any) -> Any:
    """A solve with everything flattened."""
    n = count(b)
    square = np.reshape(a, (n, n))
    gb = np.linalg.solve(square.T, np.ravel(g))
    return reshape_like(-np.outer(gb, np.ravel(out)), a), reshape_like(gb, b)


@rule(np.linalg.tensorinv)
def tensorinv(g: Any, out: Any, a: Any, ind: int = 2) -> Any:
    """An inverse with everything flattened."""
    n = count(a, tuple(range(ind)))
    back = np.reshape(out, (n, n)).T
    return reshape_like(-(back @ np.reshape(g, (n, n)) @ back), a)


@rule(np.linalg.cond, singular=True)
def cond(g: Any, out: Any, x: Any, p: Any = None) -> Any:
    """The greatest over the least singular value (real), or a product of two norms."""
    if p not in (None, 2):
        inverse = np.linalg.inv(x)
        first = np.linalg.norm(x, p, axis=(-2, -1))
        second = np.linalg.norm(inverse, p, axis=(-2, -1))
        back = norm(g * first, second, inverse, p, (-2, -1))
        return norm(g * second, first, x, p, (-2, -1)) + inv(back, inverse, x)
    if is_complex(x):
        raise NotImplementedError("the condition number of a complex matrix has no rule")
    u, s, vh = np.linalg.svd(x, full_matrices=False)
    top = u[..., :, :1] @ vh[..., :1, :]
    low = u[..., :, -1:] @ vh[..., -1:, :]
    return wide(g / s[..., -1]) * (top - wide(out) * low)


@rule(np.linalg.trace, linear=(0,))
def linalg_trace(g: Any, out: Any, x: Any, *, offset: int = 0, dtype: Any = None) -> Any:
    """Over the last two axes."""
    return trace(g, out, x, offset, -2, -1)


@rule(np.linalg.cross, multilinear=(0, 1))
def linalg_cross(g: Any, out: Any, x1: Any, x2: Any, *, axis: int = -1) -> Any:
    """As `np.cross`."""
    return cross(g, out, x1, x2, axis=axis)


@rule(np.linalg.vecdot)
def linalg_vecdot(g: Any, out: Any, x1: Any, x2: Any, *, axis: int = -1) -> Any:
    """As `np.vecdot`."""
    return vecdot(g, out, x1, x2, axis)
