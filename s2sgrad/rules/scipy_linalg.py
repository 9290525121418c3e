"""scipy.linalg: solvers and decompositions (matrix functions are in scipy_matfuns)."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg as sl

from s2sgrad.rules import linalg, scipy_matfuns, spectral
from s2sgrad.rules.linalg import flipped, triangle
from s2sgrad.rules.registry import entry, rule
from s2sgrad.rules.toolbox import (
    call,
    identity,
    is_complex,
    length,
    part,
    recordable,
    reshape_like,
    safe_divide,
)

SYMMETRIC = ("sym", "symmetric", "pos", "positive definite")


def same(op: Any, like: Any, **fixed: Any) -> None:
    """Give `op` the rule of NumPy's `like`; options that change no derivative are dropped."""
    source = entry(like)
    ignored = {"overwrite_a", "overwrite_b", "check_finite"}

    def vjp(g: Any, out: Any, a: Any, *rest: Any, **named: Any) -> Any:
        assert source.vjp is not None
        kept = {k: v for k, v in named.items() if k not in ignored}
        return source.vjp(g, out, a, *rest, **fixed, **kept)

    def jvp(out: Any, tangents: Any, a: Any, *rest: Any, **named: Any) -> Any:
        assert source.jvp is not None
        kept = {k: v for k, v in named.items() if k not in ignored}
        return source.jvp(out, tangents, a, *rest, **fixed, **kept)

    entry(op).vjp, entry(op).singular = vjp, source.singular
    entry(op).jvp = None if source.jvp is None else jvp


same(sl.inv, np.linalg.inv)
same(sl.det, np.linalg.det)
same(sl.norm, np.linalg.norm)
same(sl.svdvals, np.linalg.svdvals)
same(sl.pinv, np.linalg.pinv)


@rule(sl.solve)
def solve(
    g: Any, out: Any, a: Any, b: Any, lower: bool = False, *, overwrite_a: bool = False,
    overwrite_b: bool = False, check_finite: bool = True, assume_a: Any = None,
    transposed: bool = False,
) -> Any:  # fmt: skip
    """One solve with the transpose; a symmetric matrix is read in one triangle."""
    if assume_a in SYMMETRIC:
        gb = call(sl.solve, a, g, assume_a=assume_a, lower=lower)
        return triangle(-outer(gb, out), a, not lower), gb
    if assume_a not in (None, "gen", "general"):
        raise NotImplementedError(f"scipy.linalg.solve has no rule for assume_a={assume_a!r}")
    if transposed:
        gb = call(sl.solve, a, g)
        return -outer(out, gb), gb
    gb = call(sl.solve, flipped(a), g)
    return -outer(gb, out), gb


def outer(a: Any, b: Any) -> Any:
    """Return the outer product of two vectors, or that of matrices column by column, summed."""
    return np.outer(a, b) if np.ndim(b) == 1 else a @ flipped(b)


@rule(sl.solve_triangular)
def solve_triangular(
    g: Any, out: Any, a: Any, b: Any, trans: Any = 0, lower: bool = False,
    unit_diagonal: bool = False, overwrite_b: bool = False, check_finite: bool = True,
) -> Any:  # fmt: skip
    """One solve with the transpose; only the triangle that is read varies."""
    if trans not in (0, 1, "N", "T"):
        raise NotImplementedError("scipy.linalg.solve_triangular has no rule for conjugation")
    plain = trans in (0, "N")
    gb = call(sl.solve_triangular, a, g, trans=int(plain), lower=lower, unit_diagonal=unit_diagonal)
    full = -outer(gb, out) if plain else -outer(out, gb)
    return cut(full, lower, unit_diagonal), gb


def cut(full: Any, lower: bool, strict: bool = False) -> Any:
    """Keep one triangle, with or without the diagonal."""
    return np.tril(full, -1 if strict else 0) if lower else np.triu(full, 1 if strict else 0)


@rule(sl.cholesky)
def cholesky(
    g: Any, out: Any, a: Any, lower: bool = False, overwrite_a: bool = False,
    check_finite: bool = True,
) -> Any:  # fmt: skip
    """Murray, Differentiation of the Cholesky decomposition (2016), eq. 9-10."""
    return linalg.cholesky(g, out, a, upper=not lower)


@rule(sl.cho_factor)
def cho_factor(
    g: Any, out: Any, a: Any, lower: bool = False, overwrite_a: bool = False,
    check_finite: bool = True,
) -> Any:  # fmt: skip
    """As `cholesky`: the other triangle is not part of the answer."""
    if g[0] is None:
        return 0.0
    return linalg.cholesky(cut(g[0], lower), cut(out[0], lower), a, upper=not lower)


@rule(sl.cho_solve)
def cho_solve(
    g: Any, out: Any, c_and_lower: Any, b: Any, overwrite_b: bool = False,
    check_finite: bool = True,
) -> Any:  # fmt: skip
    """A symmetric solve; the cotangent of the matrix goes to its factor (real)."""
    c, lower = c_and_lower
    gb = call(sl.cho_solve, (c, lower), g)
    full = -outer(gb, out)
    both = full + flipped(full)
    factor = cut(c, lower)
    return [cut(both @ factor if lower else factor @ both, lower), None], gb


@rule(sl.solve_banded)
def solve_banded(
    g: Any, out: Any, l_and_u: Any, ab: Any, b: Any, overwrite_ab: bool = False,
    overwrite_b: bool = False, check_finite: bool = True,
) -> Any:  # fmt: skip
    """A solve with the transposed bands."""
    lower, upper = l_and_u
    gb = call(sl.solve_banded, (upper, lower), flip_bands(ab, lower, upper), g)
    return None, -band_products(gb, out, lower, upper), gb


@recordable
def flip_bands(ab: Any, lower: int, upper: int) -> Any:
    """Return the bands of the transposed matrix."""
    made = np.zeros_like(ab)
    n = ab.shape[1]
    for k in range(-lower, upper + 1):  # band k holds a[j - k, j] in column j
        columns = slice(max(0, k), n + min(0, k))
        rows = slice(max(0, -k), n - max(0, k))
        made[lower + k, rows] = ab[upper - k, columns]
    return made


@recordable
def band_products(a: Any, b: Any, lower: int, upper: int) -> Any:
    """Return the bands of the outer product of `a` and `b` (summed over columns)."""
    n = a.shape[0]
    made = np.zeros((lower + upper + 1, n), np.result_type(a, b))
    for k in range(-lower, upper + 1):
        columns = slice(max(0, k), n + min(0, k))
        rows = slice(max(0, -k), n - max(0, k))
        terms = a[rows] * b[columns]
        made[upper - k, columns] = terms if terms.ndim == 1 else terms.sum(axis=1)
    return made


@rule(sl.lu_factor, singular=True)
def lu_factor(
    g: Any, out: Any, a: Any, overwrite_a: bool = False, check_finite: bool = True
) -> Any:
    """de Hoog, Anderssen and Lukas, Differentiation of matrix functionals (2011): square."""
    if g[0] is None:
        return 0.0
    return unpermute(lu_back(np.tril(g[0], -1), np.triu(g[0]), out[0]), out[1])


def lu_back(gl: Any, gu: Any, packed: Any) -> Any:
    """Turn the cotangents of both factors into that of their product."""
    packed = only_square(packed)
    low, high = np.tril(packed, -1) + identity(packed), np.triu(packed)
    inner = np.tril(low.T @ gl, -1) + np.triu(gu @ high.T)
    left = call(sl.solve_triangular, low.T, inner, lower=False, unit_diagonal=True)
    return call(sl.solve_triangular, high, left.T, lower=False).T


@recordable
def only_square(a: Any) -> Any:
    """Return `a`, or refuse it while the program runs."""
    if a.shape[0] != a.shape[1]:
        raise NotImplementedError(f"the factors L and U have a rule for square matrices: {a.shape}")
    return a


@rule(only_square, linear=(0,))
def only_square_(g: Any, out: Any, a: Any) -> Any:
    """Pass the cotangent on."""
    return g


@recordable
def permute(x: Any, piv: Any) -> Any:
    """Swap the rows of `x` as `lu_factor` did."""
    made = np.array(x)
    for i, p in enumerate(piv):
        made[[i, p]] = made[[p, i]]
    return made


@recordable
def unpermute(x: Any, piv: Any) -> Any:
    """Swap the rows of `x` back."""
    made = np.array(x)
    for i in range(len(piv) - 1, -1, -1):
        made[[i, piv[i]]] = made[[piv[i], i]]
    return made


@rule(permute, linear=(0,))
def permute_(g: Any, out: Any, x: Any, piv: Any) -> Any:
    """Swap back."""
    return unpermute(g, piv), None


@rule(unpermute, linear=(0,))
def unpermute_(g: Any, out: Any, x: Any, piv: Any) -> Any:
    """Swap again."""
    return permute(g, piv), None


@rule(sl.lu_solve)
def lu_solve(
    g: Any, out: Any, lu_and_piv: Any, b: Any, trans: int = 0, overwrite_b: bool = False,
    check_finite: bool = True,
) -> Any:  # fmt: skip
    """A solve with the transpose; the product rule for the factors (trans=0)."""
    if trans != 0:
        raise NotImplementedError("scipy.linalg.lu_solve has a rule for trans=0")
    packed, piv = lu_and_piv
    gb = call(sl.lu_solve, (packed, piv), g, trans=1)
    full = permute(-outer(gb, out), piv)
    low, high = np.tril(packed, -1) + identity(packed), np.triu(packed)
    return [np.tril(full @ high.T, -1) + np.triu(low.T @ full), None], gb


@rule(sl.lu, singular=True)
def lu(
    g: Any, out: Any, a: Any, permute_l: bool = False, overwrite_a: bool = False,
    check_finite: bool = True, p_indices: bool = False,
) -> Any:  # fmt: skip
    """As `lu_factor`: a square matrix."""
    if permute_l or p_indices:
        raise NotImplementedError("scipy.linalg.lu has a rule for its default form")
    if g[1] is None and g[2] is None:
        return 0.0
    p, low, high = out[0], only_square(out[1]), only_square(out[2])
    inner: Any = 0.0
    if g[1] is not None:
        inner = inner + np.tril(low.T @ g[1], -1)
    if g[2] is not None:
        inner = inner + np.triu(g[2] @ high.T)
    left = call(sl.solve_triangular, low.T, inner, lower=False, unit_diagonal=True)
    return p @ call(sl.solve_triangular, high, left.T, lower=False).T


@rule(sl.qr, singular=True)
def qr(
    g: Any, out: Any, a: Any, overwrite_a: bool = False, lwork: Any = None, mode: str = "full",
    pivoting: bool = False, check_finite: bool = True,
) -> Any:  # fmt: skip
    """As NumPy's reduced form."""
    if pivoting or mode != "economic":
        raise NotImplementedError("scipy.linalg.qr has a rule for mode='economic', no pivoting")
    return spectral.qr(g, out, a)


@rule(sl.svd, singular=True)
def svd(
    g: Any, out: Any, a: Any, full_matrices: bool = True, compute_uv: bool = True,
    overwrite_a: bool = False, check_finite: bool = True, lapack_driver: str = "gesdd",
) -> Any:  # fmt: skip
    """As NumPy's."""
    return spectral.svd(g, out, a, full_matrices, compute_uv)


@rule(sl.lstsq)
def lstsq(
    g: Any, out: Any, a: Any, b: Any, cond: Any = None, overwrite_a: bool = False,
    overwrite_b: bool = False, check_finite: bool = True, lapack_driver: Any = None,
) -> Any:  # fmt: skip
    """As NumPy's: the solution only."""
    return linalg.lstsq(g, out, a, b)


@rule(sl.eigvals)
def eigvals(
    g: Any, out: Any, a: Any, b: Any = None, overwrite_a: bool = False, check_finite: bool = True
) -> Any:
    """As NumPy's."""
    if b is not None:
        raise NotImplementedError("generalised eigenvalues of general matrices have no rule")
    return spectral.eigvals(g, out, a)


@rule(sl.eigvalsh)
def eigvalsh(
    g: Any, out: Any, a: Any, b: Any = None, *, lower: bool = True, overwrite_a: bool = False,
    overwrite_b: bool = False, check_finite: bool = True,
) -> Any:  # fmt: skip
    """Needs the vectors."""
    if b is None:
        return spectral.eigvalsh(g, out, a, "L" if lower else "U")
    found = call(sl.eigh, a, b, lower=lower)
    return general_eigh((g, None), found, a, b, lower)


@rule(sl.eigh, singular=True)
def eigh(
    g: Any, out: Any, a: Any, b: Any = None, *, lower: bool = True, eigvals_only: bool = False,
    overwrite_a: bool = False, overwrite_b: bool = False, type: int = 1,
    check_finite: bool = True,
) -> Any:  # fmt: skip
    """For the triangle that is read; also `a v = w b v`, type 1."""
    if eigvals_only:
        return eigvalsh(g, out, a, b, lower=lower)
    if b is None:
        return spectral.eigh(g, out, a, "L" if lower else "U")
    if type != 1:
        raise NotImplementedError("scipy.linalg.eigh has a rule for type=1")
    return general_eigh(g, out, a, b, lower)


def general_eigh(g: Any, out: Any, a: Any, b: Any, lower: bool) -> Any:
    """Real symmetric pencils, vectors normed by `b`: de Leeuw, Derivatives of generalized
    eigensystems (2007)."""
    if is_complex(a) or is_complex(b):
        raise NotImplementedError("complex generalised eigenvalue problems have no rule")
    values, vectors = out[0], out[1]
    inner: Any = 0.0
    half: Any = 0.0
    if g[0] is not None:
        inner = inner + identity(values) * g[0][None, :]
    if g[1] is not None:
        seed = vectors.T @ g[1]
        spin = safe_divide(seed, spectral.gaps(values))
        inner = inner + spectral.off_diagonal(spin)
        half = 0.5 * identity(values) * seed
    ga = vectors @ inner @ vectors.T
    gb = -(vectors @ (inner * values[None, :] + half) @ vectors.T)
    return triangle(ga, a, not lower), triangle(gb, b, not lower)


@rule(sl.block_diag)
def block_diag(g: Any, out: Any, *arrs: Any) -> Any:
    """Cut the blocks out."""
    found, row, column = [], 0, 0
    for a in arrs:
        n = length(a, 0) if np.ndim(a) == 2 else 1
        m = length(a, -1) if np.ndim(a) else 1
        piece = part(part(g, row, row + n, 0), column, column + m, 1)
        found.append(piece if np.ndim(a) == 2 else reshape_like(piece, a))
        row, column = row + n, column + m
    return tuple(found)


@recordable
def diagonal_sums(g: Any) -> Any:
    """Return the sums of `g` along its diagonals, from the last row's up to the first row's."""
    n, m = g.shape
    places = np.arange(m)[None, :] - np.arange(n)[:, None] + n - 1
    return np.bincount(places.ravel(), g.ravel(), n + m - 1)


@rule(sl.toeplitz, linear=(0, 1))
def toeplitz(g: Any, out: Any, c: Any, r: Any = None) -> Any:
    """Sums along the diagonals (real)."""
    n = length(c, 0)
    sums = diagonal_sums(g)
    column = np.flip(part(sums, 0, n, 0))
    row = part(sums, n, None, 0)
    if r is None:
        return column + np.pad(row, (1, 0))
    return column, np.pad(row, (1, 0))


@rule(sl.circulant, linear=(0,))
def circulant(g: Any, out: Any, c: Any) -> Any:
    """Sums along the wrapped diagonals (real)."""
    n = length(c, 0)
    sums = diagonal_sums(g)
    return np.flip(part(sums, 0, n, 0)) + np.pad(np.flip(part(sums, n, None, 0)), (1, 0))


@recordable
def band_times(ab: Any, x: Any, lower: int, upper: int) -> Any:
    """Return the product of a banded matrix with a vector or a matrix."""
    n = x.shape[0]
    made = np.zeros(x.shape, np.result_type(ab, x))
    for k in range(-lower, upper + 1):
        columns = slice(max(0, k), n + min(0, k))
        rows = slice(max(0, -k), n - max(0, k))
        band = ab[upper - k, columns]
        made[rows] += (band if x.ndim == 1 else band[:, None]) * x[columns]
    return made


@rule(band_times, multilinear=(0, 1))
def band_times_(g: Any, out: Any, ab: Any, x: Any, lower: int, upper: int) -> Any:
    """The bands of an outer product; the transposed product."""
    gx = band_times(flip_bands(ab, lower, upper), g, upper, lower)
    return band_products(g, x, lower, upper), gx


@rule(band_products, multilinear=(0, 1))
def band_products_(g: Any, out: Any, a: Any, b: Any, lower: int, upper: int) -> Any:
    """Products with the banded matrix and its transpose."""
    ga = band_times(g, b, lower, upper)
    return ga, band_times(flip_bands(g, lower, upper), a, upper, lower)


@rule(flip_bands, linear=(0,))
def flip_bands_(g: Any, out: Any, ab: Any, lower: int, upper: int) -> Any:
    """Transpose again."""
    return flip_bands(g, upper, lower)


@recordable
def along_diagonals(sums: Any, like: Any) -> Any:
    """Return a matrix shaped like `like`, constant along its diagonals."""
    n, m = like.shape
    return sums[np.arange(m)[None, :] - np.arange(n)[:, None] + n - 1]


@rule(diagonal_sums, linear=(0,))
def diagonal_sums_(g: Any, out: Any, x: Any) -> Any:
    """Spread along the diagonals."""
    return along_diagonals(g, x)


@rule(along_diagonals, linear=(0,))
def along_diagonals_(g: Any, out: Any, sums: Any, like: Any) -> Any:
    """Sum along the diagonals."""
    return diagonal_sums(g), 0.0


entry(sl.eigvals).maybe_complex = True
entry(sl.cho_factor).echoes = {1: (1, "lower", False)}
entry(sl.solve_banded).like = 2
for _op in (only_square, permute, unpermute):
    entry(_op).like = 0
__all__ = ["scipy_matfuns"]
