"""scipy.linalg: functions of matrices and matrix equations.

The Fréchet derivative of a function f at A in the direction E is the upper right block of
f([[A, E], [0, A]]) (Higham, Functions of Matrices, 2008, eq. 3.16); its transpose is the derivative
at the transpose of A.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg as sl

from s2sgrad.rules.linalg import flipped
from s2sgrad.rules.registry import Op, entry, rule
from s2sgrad.rules.toolbox import call, length, part, zeros_like


def blocks(a: Any, e: Any) -> Any:
    """Return [[a, e], [0, a]]."""
    upper = np.concatenate([a, e], axis=1)
    return np.concatenate([upper, np.concatenate([zeros_like(a), a], axis=1)], axis=0)


def corner(m: Any, n: Any) -> Any:
    """Return the upper right block."""
    return part(part(m, 0, n, 0), n, None, 1)


def derivative(op: Op, a: Any, e: Any, *args: Any) -> Any:
    """Return the Fréchet derivative of `op` at `a` in the direction `e`."""
    if np.ndim(a) != 2:
        raise NotImplementedError(f"{op.__name__} of several matrices has no rule")
    return corner(call(op, blocks(a, e), *args), length(a, 0))


def by_blocks(op: Op, maybe_complex: bool = False) -> None:
    """Register a function of one matrix through its Fréchet derivative."""

    def vjp(g: Any, out: Any, A: Any) -> Any:
        return derivative(op, flipped(A), g)

    def jvp(out: Any, tangents: Any, A: Any) -> Any:
        return derivative(op, A, tangents[0])

    entry(op).vjp, entry(op).jvp = vjp, jvp
    entry(op).maybe_complex = maybe_complex


for _op in (sl.cosm, sl.sinm, sl.tanm, sl.coshm, sl.sinhm, sl.tanhm):
    by_blocks(_op)
by_blocks(sl.logm, maybe_complex=True)


@rule(sl.expm)
def expm(g: Any, out: Any, A: Any) -> Any:
    """Al-Mohy and Higham, Computing the Fréchet derivative of the matrix exponential (2009)."""
    if np.ndim(A) != 2:
        raise NotImplementedError("expm of several matrices has no rule")
    return call(sl.expm_frechet, flipped(A), g, compute_expm=False)


@expm.jvp
def _expm_jvp(out: Any, tangents: Any, A: Any) -> Any:
    return call(sl.expm_frechet, A, tangents[0], compute_expm=False)


@rule(sl.expm_frechet)
def expm_frechet(
    g: Any, out: Any, A: Any, E: Any, method: Any = None, compute_expm: bool = True,
    check_finite: bool = True,
) -> Any:  # fmt: skip
    """The exponential of twice the size, differentiated once more."""
    if compute_expm:
        raise NotImplementedError("expm_frechet has a rule for compute_expm=False")
    n = length(A, 0)
    zero = zeros_like(A)
    top = np.concatenate([zero, g], axis=1)
    seed = np.concatenate([top, np.concatenate([zero, zero], axis=1)], axis=0)
    big = call(sl.expm_frechet, flipped(blocks(A, E)), seed, compute_expm=False)
    upper, lower = part(big, 0, n, 0), part(big, n, None, 0)
    return part(upper, 0, n, 1) + part(lower, n, None, 1), part(upper, n, None, 1)


@expm_frechet.jvp
def _expm_frechet_jvp(
    out: Any, tangents: Any, A: Any, E: Any, method: Any = None, compute_expm: bool = True,
    check_finite: bool = True,
) -> Any:  # fmt: skip
    """The same block, of the derivative of the exponential of twice the size."""
    if compute_expm:
        raise NotImplementedError("expm_frechet has a rule for compute_expm=False")
    n = length(A, 0)
    moves = [zeros_like(x) if t is None else t for t, x in zip(tangents, (A, E), strict=False)]
    big = call(sl.expm_frechet, blocks(A, E), blocks(*moves), compute_expm=False)
    return corner(big, n)


@rule(sl.fractional_matrix_power)
def fractional_matrix_power(g: Any, out: Any, A: Any, t: Any) -> Any:
    """Of a matrix; the exponent is constant."""
    return derivative(sl.fractional_matrix_power, flipped(A), g, t)


@fractional_matrix_power.jvp
def _fractional_matrix_power_jvp(out: Any, tangents: Any, A: Any, t: Any) -> Any:
    return derivative(sl.fractional_matrix_power, A, tangents[0], t)


entry(sl.fractional_matrix_power).maybe_complex = True


@rule(sl.sqrtm)
def sqrtm(g: Any, out: Any, A: Any) -> Any:
    """dS S + S dS = dA: a Sylvester equation (Higham 2008, section 6.1)."""
    return call(sl.solve_sylvester, flipped(out), flipped(out), g)


@sqrtm.jvp
def _sqrtm_jvp(out: Any, tangents: Any, A: Any) -> Any:
    return call(sl.solve_sylvester, out, out, tangents[0])


entry(sl.sqrtm).maybe_complex = True


@rule(sl.solve_sylvester)
def solve_sylvester(g: Any, out: Any, a: Any, b: Any, q: Any) -> Any:
    """a x + x b = q: the transposed equation."""
    gq = call(sl.solve_sylvester, flipped(a), flipped(b), g)
    return -(gq @ flipped(out)), -(flipped(out) @ gq), gq


@solve_sylvester.jvp
def _solve_sylvester_jvp(out: Any, tangents: Any, a: Any, b: Any, q: Any) -> Any:
    right: Any = 0.0 * out if tangents[2] is None else tangents[2]
    if tangents[0] is not None:
        right = right - tangents[0] @ out
    if tangents[1] is not None:
        right = right - out @ tangents[1]
    return call(sl.solve_sylvester, a, b, right)


@rule(sl.solve_continuous_lyapunov)
def solve_continuous_lyapunov(g: Any, out: Any, a: Any, q: Any) -> Any:
    """a x + x a.T = q (real)."""
    gq = call(sl.solve_continuous_lyapunov, flipped(a), g)
    return -(gq @ flipped(out) + flipped(gq) @ out), gq


@rule(sl.solve_discrete_lyapunov)
def solve_discrete_lyapunov(g: Any, out: Any, a: Any, q: Any, method: Any = None) -> Any:
    """a x a.T - x + q = 0 (real)."""
    gq = call(sl.solve_discrete_lyapunov, flipped(a), g)
    return gq @ a @ flipped(out) + flipped(gq) @ a @ out, gq
