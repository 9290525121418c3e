"""scipy.special: elementwise functions by their partials, and the softmax family.

Formulas are those of the Digital Library of Mathematical Functions (DLMF) where a number is given.
A partial that is missing (None) has no elementary form: a program that needs it is refused.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.special as sp

from s2sgrad.rules.registry import Op, alias, entry, rule, zero
from s2sgrad.rules.toolbox import call, expand, safe_divide

TWO_OVER_ROOT_PI = 1.1283791670955126
ROOT_PI_OVER_TWO = 0.886226925452758
ROOT_TWO_PI = 2.5066282746310002
LOG_ROOT_TWO_PI = 0.9189385332046727


def table(partials: dict[Op, Op], singular: bool = False) -> None:
    """Register elementwise functions by their local partials `(out, *args)`."""
    for op, partial in partials.items():
        record = entry(op)
        record.partials, record.elementwise, record.singular = partial, True, singular


# Error function and its relatives: DLMF 7.2.1, 7.10.1; inverses by the inverse function theorem.
table({
    sp.erf: lambda out, x: TWO_OVER_ROOT_PI * np.exp(-x * x),
    sp.erfc: lambda out, x: -TWO_OVER_ROOT_PI * np.exp(-x * x),
    sp.erfi: lambda out, x: TWO_OVER_ROOT_PI * np.exp(x * x),
    sp.erfcx: lambda out, x: 2 * x * out - TWO_OVER_ROOT_PI,
    sp.dawsn: lambda out, x: 1 - 2 * x * out,
    sp.erfinv: lambda out, y: ROOT_PI_OVER_TWO * np.exp(out * out),
    sp.erfcinv: lambda out, y: -ROOT_PI_OVER_TWO * np.exp(out * out),
    sp.ndtr: lambda out, x: np.exp(-0.5 * x * x) / ROOT_TWO_PI,
    sp.log_ndtr: lambda out, x: np.exp(-0.5 * x * x - out - LOG_ROOT_TWO_PI),
    sp.ndtri: lambda out, y: ROOT_TWO_PI * np.exp(0.5 * out * out),
    sp.ndtri_exp: lambda out, y: np.exp(y + 0.5 * out * out + LOG_ROOT_TWO_PI),
})  # fmt: skip

# Logistic functions.
table({
    sp.expit: lambda out, x: out * (1 - out),
    sp.log_expit: lambda out, x: sp.expit(-x),
})  # fmt: skip
table({sp.logit: lambda out, x: 1 / (x * (1 - x))}, singular=True)

# Gamma function and its relatives: DLMF 5.2.2, 5.12.1, 5.15.1, 8.8.13, 8.17.
table({
    sp.gamma: lambda out, x: out * sp.psi(x),
    sp.gammaln: lambda out, x: sp.psi(x),
    sp.loggamma: lambda out, x: sp.psi(x),
    sp.psi: lambda out, x: call(sp.polygamma, 1, x),
    sp.rgamma: lambda out, x: -out * sp.psi(x),
    sp.beta: lambda out, a, b: (
        out * (sp.psi(a) - sp.psi(a + b)), out * (sp.psi(b) - sp.psi(a + b))),
    sp.betaln: lambda out, a, b: (sp.psi(a) - sp.psi(a + b), sp.psi(b) - sp.psi(a + b)),
    sp.poch: lambda out, z, m: (out * (sp.psi(z + m) - sp.psi(z)), out * sp.psi(z + m)),
    sp.binom: lambda out, n, k: (
        out * (sp.psi(n + 1) - sp.psi(n - k + 1)), out * (sp.psi(n - k + 1) - sp.psi(k + 1))),
    sp.gammainc: lambda out, a, x: (None, gamma_density(a, x)),
    sp.gammaincc: lambda out, a, x: (None, -gamma_density(a, x)),
    sp.gammaincinv: lambda out, a, y: (None, 1 / gamma_density(a, out)),
    sp.gammainccinv: lambda out, a, y: (None, -1 / gamma_density(a, out)),
    sp.betainc: lambda out, a, b, x: (None, None, beta_density(a, b, x)),
    sp.betaincc: lambda out, a, b, x: (None, None, -beta_density(a, b, x)),
    sp.betaincinv: lambda out, a, b, y: (None, None, 1 / beta_density(a, b, out)),
    sp.zeta: lambda out, x, q: (None, -x * call(sp.zeta, x + 1, q)),
}, singular=True)  # fmt: skip
zero(sp.gammasgn)
alias(sp.digamma, sp.psi)


def gamma_density(a: Any, x: Any) -> Any:
    """Return x**(a - 1) * exp(-x) / gamma(a)."""
    return np.exp(sp.xlogy(a - 1, x) - x - sp.gammaln(a))


def beta_density(a: Any, b: Any, x: Any) -> Any:
    """Return x**(a - 1) * (1 - x)**(b - 1) / B(a, b)."""
    return np.exp(sp.xlogy(a - 1, x) + sp.xlog1py(b - 1, -x) - sp.betaln(a, b))


# Bessel functions: DLMF 10.6.1, 10.6.3, 10.29.1, 10.29.3; the scaled ones by the product rule.
table({
    sp.j0: lambda out, x: -sp.j1(x),
    sp.j1: lambda out, x: 0.5 * (sp.j0(x) - sp.jv(2, x)),
    sp.i0: lambda out, x: sp.i1(x),
    sp.i1: lambda out, x: 0.5 * (sp.i0(x) + sp.iv(2, x)),
    sp.i0e: lambda out, x: sp.i1e(x) - np.sign(x) * out,
    sp.i1e: lambda out, x: 0.5 * (sp.i0e(x) + sp.ive(2, x)) - np.sign(x) * out,
    sp.jv: lambda out, v, z: (None, 0.5 * (sp.jv(v - 1, z) - sp.jv(v + 1, z))),
    sp.iv: lambda out, v, z: (None, 0.5 * (sp.iv(v - 1, z) + sp.iv(v + 1, z))),
    sp.ive: lambda out, v, z: (
        None, 0.5 * (sp.ive(v - 1, z) + sp.ive(v + 1, z)) - np.sign(z) * out),
})  # fmt: skip
table({
    sp.y0: lambda out, x: -sp.y1(x),
    sp.y1: lambda out, x: sp.y0(x) - out / x,
    sp.k0: lambda out, x: -sp.k1(x),
    sp.k1: lambda out, x: -sp.k0(x) - out / x,
    sp.k0e: lambda out, x: out - sp.k1e(x),
    sp.k1e: lambda out, x: out - sp.k0e(x) - out / x,
    sp.yv: lambda out, v, z: (None, 0.5 * (sp.yv(v - 1, z) - sp.yv(v + 1, z))),
    sp.yn: lambda out, n, x: (None, 0.5 * (sp.yv(n - 1, x) - sp.yv(n + 1, x))),
    sp.kv: lambda out, v, z: (None, -0.5 * (sp.kv(v - 1, z) + sp.kv(v + 1, z))),
    sp.kn: lambda out, n, x: (None, -0.5 * (sp.kv(n - 1, x) + sp.kv(n + 1, x))),
    sp.kve: lambda out, v, z: (None, out - 0.5 * (sp.kve(v - 1, z) + sp.kve(v + 1, z))),
}, singular=True)  # fmt: skip
alias(sp.jn, sp.jv)


# Entropies and losses: from their definitions in SciPy's reference.
table({
    sp.entr: lambda out, x: -1 - np.log(x),
    sp.xlogy: lambda out, x, y: (
        np.log(np.where(np.logical_and(x == 0, y == 0), 1.0, y)), safe_divide(x, y)),
    sp.xlog1py: lambda out, x, y: (
        np.log1p(np.where(np.logical_and(x == 0, y == -1), 0.0, y)), safe_divide(x, 1 + y)),
    sp.rel_entr: lambda out, x, y: (np.log(x / y) + 1, -x / y),
    sp.kl_div: lambda out, x, y: (np.log(x / y), 1 - x / y),
    sp.boxcox: lambda out, x, lmbda: (
        x ** (lmbda - 1.0), boxcox_by_order(out, np.log(x), lmbda)),
    sp.boxcox1p: lambda out, x, lmbda: (
        (1 + x) ** (lmbda - 1.0), boxcox_by_order(out, np.log1p(x), lmbda)),
    sp.inv_boxcox: lambda out, y, lmbda: (out ** (1.0 - lmbda), None),
    sp.inv_boxcox1p: lambda out, y, lmbda: ((1 + out) ** (1.0 - lmbda), None),
}, singular=True)  # fmt: skip
table({
    sp.huber: lambda out, delta, r: (
        np.maximum(np.absolute(r) - delta, 0.0), np.clip(r, -delta, delta)),
    sp.pseudo_huber: lambda out, delta, r: pseudo_huber(out, delta, r),
})  # fmt: skip


def boxcox_by_order(out: Any, logarithm: Any, lmbda: Any) -> Any:
    """Return the partial of (exp(lmbda * logarithm) - 1) / lmbda by lmbda; its limit at 0."""
    flat = lmbda == 0
    slope = (np.exp(lmbda * logarithm) * logarithm - out) / np.where(flat, 1.0, lmbda)
    return np.where(flat, 0.5 * logarithm * logarithm, slope)


def pseudo_huber(out: Any, delta: Any, r: Any) -> Any:
    """The partials of delta**2 * (sqrt(1 + (r / delta)**2) - 1)."""
    ratio = r / delta
    root = np.sqrt(1 + ratio * ratio)
    return 2 * out / delta - r * ratio / root, r / root


# Exponential integrals (DLMF 6.2, 8.19.13), elliptic integrals (19.4.1), dilogarithm (25.12.2),
# hypergeometric functions (13.3.15, 13.3.22, 15.5.1, 16.3.1), convenience functions.
table({
    sp.expi: lambda out, x: np.exp(x) / x,
    sp.exp1: lambda out, z: -np.exp(-z) / z,
    sp.expn: lambda out, n, x: (None, -sp.expn(n - 1, x)),
    sp.spence: lambda out, z: np.where(
        z == 1, -1.0, np.log(z) / np.where(z == 1, 1.0, 1 - z)),
    sp.ellipk: lambda out, m: np.where(
        m == 0, 0.39269908169872414,
        (sp.ellipe(m) / (1 - m) - out) / np.where(m == 0, 1.0, 2 * m)),
    sp.ellipe: lambda out, m: np.where(
        m == 0, -0.39269908169872414, (out - sp.ellipk(m)) / np.where(m == 0, 1.0, 2 * m)),
    sp.hyp0f1: lambda out, v, z: (None, sp.hyp0f1(v + 1, z) / v),
    sp.hyp1f1: lambda out, a, b, x: (None, None, a / b * sp.hyp1f1(a + 1, b + 1, x)),
    sp.hyp2f1: lambda out, a, b, c, z: (
        None, None, None, a * b / c * sp.hyp2f1(a + 1, b + 1, c + 1, z)),
    sp.hyperu: lambda out, a, b, x: (None, None, -a * sp.hyperu(a + 1, b + 1, x)),
    sp.cbrt: lambda out, x: 1 / (3 * out * out),
    sp.log1p: lambda out, x: 1 / (1 + x),
}, singular=True)  # fmt: skip
table({
    sp.exp2: lambda out, x: out * 0.6931471805599453,
    sp.exp10: lambda out, x: out * 2.302585092994046,
    sp.expm1: lambda out, x: out + 1,
    sp.exprel: lambda out, x: 0.5 * sp.hyp1f1(2.0, 3.0, x),
    sp.cosm1: lambda out, x: -np.sin(x),
    sp.sindg: lambda out, x: 0.017453292519943295 * sp.cosdg(x),
    sp.cosdg: lambda out, x: -0.017453292519943295 * sp.sindg(x),
    sp.tandg: lambda out, x: 0.017453292519943295 * (1 + out * out),
})  # fmt: skip


def below(n: Any) -> Any:
    """Return `n - 1`, but 0 for 0: SciPy has no polynomial of degree -1, and 0 * NaN is NaN."""
    return max(n - 1, 0) if isinstance(n, int) else np.maximum(n - 1, 0)


# Orthogonal polynomials: DLMF 18.9.15, 18.9.19-20, 18.9.23, 18.9.25, 18.9.27.
table({
    sp.eval_legendre: lambda out, n, x: (None, 0.5 * (n + 1) * sp.eval_jacobi(n - 1, 1, 1, x)),
    sp.eval_chebyt: lambda out, n, x: (None, n * sp.eval_chebyu(n - 1, x)),
    sp.eval_chebyu: lambda out, n, x: (None, 2 * sp.eval_gegenbauer(n - 1, 2, x)),
    sp.eval_hermite: lambda out, n, x: (None, 2 * n * sp.eval_hermite(below(n), x)),
    sp.eval_hermitenorm: lambda out, n, x: (None, n * sp.eval_hermitenorm(below(n), x)),
    sp.eval_laguerre: lambda out, n, x: (None, -sp.eval_genlaguerre(n - 1, 1, x)),
    sp.eval_genlaguerre: lambda out, n, alpha, x: (
        None, None, -sp.eval_genlaguerre(n - 1, alpha + 1, x)),
    sp.eval_gegenbauer: lambda out, n, alpha, x: (
        None, None, 2 * alpha * sp.eval_gegenbauer(n - 1, alpha + 1, x)),
    sp.eval_jacobi: lambda out, n, alpha, beta, x: (
        None, None, None,
        0.5 * (n + alpha + beta + 1) * sp.eval_jacobi(n - 1, alpha + 1, beta + 1, x)),
})  # fmt: skip


@rule(sp.polygamma)
def polygamma(g: Any, out: Any, n: Any, x: Any) -> Any:
    """The next order (DLMF 5.15.1)."""
    return None, g * call(sp.polygamma, n + 1, x)


@rule(sp.multigammaln)
def multigammaln(g: Any, out: Any, a: Any, d: int) -> Any:
    """A sum of digamma functions (DLMF 35.3.4)."""
    total = sp.psi(a)
    for j in range(1, d):
        total = total + sp.psi(a - 0.5 * j)
    return g * total


entry(sp.multigammaln).like = 0  # it is picky about values: asking it for a type may fail


@rule(sp.lambertw, singular=True)
def lambertw(g: Any, out: Any, z: Any, k: int = 0, tol: float = 1e-8) -> Any:
    """DLMF 4.13.4, in the form that is finite at 0."""
    return g * np.exp(-out) / (1 + out)


@rule(sp.sici)
def sici(g: Any, out: Any, x: Any) -> Any:
    """DLMF 6.2.9 and 6.2.11."""
    first = 0.0 if g[0] is None else g[0] * np.sinc(x / np.pi)
    return first if g[1] is None else first + g[1] * np.cos(x) / x


@rule(sp.shichi)
def shichi(g: Any, out: Any, x: Any) -> Any:
    """DLMF 6.2.15 and 6.2.16."""
    first = 0.0 if g[0] is None else g[0] * np.sinh(x) / x
    return first if g[1] is None else first + g[1] * np.cosh(x) / x


@rule(sp.fresnel)
def fresnel(g: Any, out: Any, z: Any) -> Any:
    """DLMF 7.2.7 and 7.2.8."""
    angle = 1.5707963267948966 * z * z
    first = 0.0 if g[0] is None else g[0] * np.sin(angle)
    return first if g[1] is None else first + g[1] * np.cos(angle)


@rule(sp.airy)
def airy(g: Any, out: Any, z: Any) -> Any:
    """The second derivative is z times the function (DLMF 9.2.1)."""
    slopes = (out[1], z * out[0], out[3], z * out[2])
    total: Any = 0.0
    for bar, slope in zip(g, slopes, strict=True):
        if bar is not None:
            total = total + bar * slope
    return total


@sici.jvp
def _sici_jvp(out: Any, tangents: Any, x: Any) -> Any:
    return tangents[0] * np.sinc(x / np.pi), tangents[0] * np.cos(x) / x


@shichi.jvp
def _shichi_jvp(out: Any, tangents: Any, x: Any) -> Any:
    return tangents[0] * np.sinh(x) / x, tangents[0] * np.cosh(x) / x


@fresnel.jvp
def _fresnel_jvp(out: Any, tangents: Any, z: Any) -> Any:
    angle = 1.5707963267948966 * z * z
    return tangents[0] * np.sin(angle), tangents[0] * np.cos(angle)


@airy.jvp
def _airy_jvp(out: Any, tangents: Any, z: Any) -> Any:
    slopes = (out[1], z * out[0], out[3], z * out[2])
    return tuple(tangents[0] * slope for slope in slopes)


@polygamma.jvp
def _polygamma_jvp(out: Any, tangents: Any, n: Any, x: Any) -> Any:
    return tangents[1] * call(sp.polygamma, n + 1, x)


@lambertw.jvp
def _lambertw_jvp(out: Any, tangents: Any, z: Any, k: int = 0, tol: float = 1e-8) -> Any:
    return tangents[0] * np.exp(-out) / (1 + out)


@rule(sp.logsumexp)
def logsumexp(
    g: Any, out: Any, a: Any, axis: Any = None, b: Any = None, keepdims: bool = False,
    return_sign: bool = False,
) -> Any:  # fmt: skip
    """The weights of a softmax."""
    if return_sign:
        raise NotImplementedError("logsumexp with return_sign has no rule")
    wide = expand(g, a, axis, keepdims) * np.exp(a - expand(out, a, axis, keepdims))
    return wide if b is None else (wide * b, None, wide)


@logsumexp.jvp
def _logsumexp_jvp(
    out: Any, tangents: Any, a: Any, axis: Any = None, b: Any = None, keepdims: bool = False,
    return_sign: bool = False,
) -> Any:  # fmt: skip
    weights = np.exp(a - expand(out, a, axis, keepdims))
    moved: Any = 0.0 if tangents[0] is None else tangents[0] * (1.0 if b is None else b)
    if len(tangents) > 2 and tangents[2] is not None:
        moved = moved + tangents[2]
    return np.sum(weights * moved, axis=axis, keepdims=keepdims)


@rule(sp.softmax)
def softmax(g: Any, out: Any, x: Any, axis: Any = None) -> Any:
    """Off the mean of the cotangent under the weights."""
    scaled = g * out
    return scaled - out * np.sum(scaled, axis=axis, keepdims=True)


@softmax.jvp
def _softmax_jvp(out: Any, tangents: Any, x: Any, axis: Any = None) -> Any:
    return softmax(tangents[0], out, x, axis)


@rule(sp.log_softmax)
def log_softmax(g: Any, out: Any, x: Any, axis: Any = None) -> Any:
    """Less the softmax times the sum of the cotangent."""
    return g - np.exp(out) * np.sum(g, axis=axis, keepdims=True)


@log_softmax.jvp
def _log_softmax_jvp(out: Any, tangents: Any, x: Any, axis: Any = None) -> Any:
    return tangents[0] - np.sum(np.exp(out) * tangents[0], axis=axis, keepdims=True)
