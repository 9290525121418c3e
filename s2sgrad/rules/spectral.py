"""numpy.linalg: eigenvalues, singular values, QR."""

from __future__ import annotations

from typing import Any

import numpy as np

from s2sgrad.rules.linalg import adjoint, flipped, triangle
from s2sgrad.rules.registry import entry, rule
from s2sgrad.rules.toolbox import identity, is_complex, safe_divide


def gaps(values: Any) -> Any:
    """Return values[i] - values[j] in row j and column i, and 1 on the diagonal."""
    return np.expand_dims(values, -2) - np.expand_dims(values, -1) + identity(values)


def off_diagonal(a: Any) -> Any:
    """Put zeros on the diagonal."""
    return a * (1.0 - identity(a))


@rule(np.linalg.eigh, singular=True)
def eigh(g: Any, out: Any, a: Any, UPLO: str = "L") -> Any:
    """For the triangle that is read."""
    values, vectors = out[0], out[1]
    left = np.conj(vectors) if is_complex(a) else vectors
    total: Any = None
    if g[0] is not None:
        total = (left * np.expand_dims(g[0], -2)) @ flipped(vectors)
    if g[1] is not None:
        inner = off_diagonal(safe_divide(flipped(vectors) @ g[1], gaps(values)))
        term = left @ inner @ flipped(vectors)
        total = term if total is None else total + term
    return None if total is None else triangle(total, a, UPLO.upper() == "U")


@rule(np.linalg.eigvalsh)
def eigvalsh(g: Any, out: Any, a: Any, UPLO: str = "L") -> Any:
    """Needs the vectors."""
    vectors = np.linalg.eigh(a, "U" if UPLO.upper() == "U" else "L")[1]
    left = np.conj(vectors) if is_complex(a) else vectors
    full = (left * np.expand_dims(g, -2)) @ flipped(vectors)
    return triangle(full, a, UPLO.upper() == "U")


@rule(np.linalg.eig, singular=True)
def eig(g: Any, out: Any, a: Any) -> Any:
    """Vectors have norm 1; their phase is taken as fixed."""
    values, vectors = out[0], out[1]
    total: Any = None
    if g[0] is not None:
        total = identity(vectors) * np.expand_dims(g[0], -2)
    if g[1] is not None:
        along = np.real(np.sum(g[1] * vectors, axis=-2, keepdims=True))
        seed = g[1] - along * np.conj(vectors)
        inner = off_diagonal(safe_divide(flipped(vectors) @ seed, gaps(values)))
        total = inner if total is None else total + inner
    if total is None:
        return None
    return np.linalg.solve(flipped(vectors), total @ flipped(vectors))


@rule(np.linalg.eigvals)
def eigvals(g: Any, out: Any, a: Any) -> Any:
    """Needs the vectors."""
    vectors = np.linalg.eig(a)[1]
    return np.linalg.solve(flipped(vectors), np.expand_dims(g, -1) * flipped(vectors))


for _op in (np.linalg.eig, np.linalg.eigvals):
    entry(_op).maybe_complex = True


@rule(np.linalg.svd, singular=True)
def svd(
    g: Any,
    out: Any,
    a: Any,
    full_matrices: bool = True,
    compute_uv: bool = True,
    hermitian: bool = False,
) -> Any:
    """The reduced form."""
    if not compute_uv:
        u, _, vh = np.linalg.svd(a, full_matrices=False)
        found = (u * np.expand_dims(g, -2)) @ vh
        return np.conj(found) if is_complex(a) else found
    if g[0] is None and g[2] is None:
        return None if g[1] is None else svd(g[1], out[1], a, False, False)
    if full_matrices:
        raise NotImplementedError("the vectors of svd have a rule with full_matrices=False only")
    return svd_vectors(g, out[0], out[1], out[2], a)


def svd_vectors(g: Any, u: Any, s: Any, vh: Any, a: Any) -> Any:
    """Townsend's formula, with Wan and Zhang's term for complex matrices."""
    kind = is_complex(a)
    gu, gs, gvh = (np.conj(x) if kind and x is not None else x for x in g)
    row, column = np.expand_dims(s, -2), np.expand_dims(s, -1)
    v = adjoint(vh)
    squares = gaps(s * s)
    inner: Any = 0.0 if gs is None else identity(s) * np.expand_dims(gs, -2)
    outside: Any = 0.0
    if gu is not None:
        seed = adjoint(u) @ gu
        spin = off_diagonal(safe_divide(seed, squares))
        inner = inner + (spin + adjoint(spin)) * row
        outside = outside + safe_divide(gu - u @ seed, row) @ vh
    if gvh is not None:
        gv = adjoint(gvh)
        seed = adjoint(v) @ gv
        spin = off_diagonal(safe_divide(seed, squares))
        inner = inner + column * (spin + adjoint(spin))
        outside = outside + u @ adjoint(safe_divide(gv - v @ seed, row))
        if kind:
            inner = inner + safe_divide(identity(s) * (adjoint(seed) - seed) * 0.5, row)
    found = u @ inner @ vh + outside
    return np.conj(found) if kind else found


@rule(np.linalg.qr)
def qr(g: Any, out: Any, a: Any, mode: str = "reduced") -> Any:
    """At least as many rows as columns."""
    if mode == "reduced":
        q, r, gq, gr = out[0], out[1], g[0], g[1]
    elif mode == "r":
        q, r = np.linalg.qr(a)
        gq, gr = None, g
    else:
        raise NotImplementedError(f"np.linalg.qr has no rule for mode={mode!r}")
    if gq is None and gr is None:
        return None
    middle: Any = 0.0
    if gr is not None:
        middle = middle + r @ flipped(np.triu(gr))
    if gq is not None:
        middle = middle - flipped(gq) @ q
    mirrored = np.tril(middle) + flipped(np.tril(middle, -1))
    inner = q @ mirrored if gq is None else gq + q @ mirrored
    return flipped(np.linalg.solve(r, flipped(inner)))
