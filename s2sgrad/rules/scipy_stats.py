"""scipy.stats: densities and distribution functions, by their closed forms.

`scipy.stats.norm.logpdf` is a bound method, made anew at each access and equal to itself.  Partials
are by the position, then by the shape parameters, `loc` and `scale` (NIST/SEMATECH e-Handbook of
Statistical Methods, section 1.3.6.6).
"""

from __future__ import annotations

from inspect import Parameter, Signature
from typing import Any

import numpy as np
import scipy.special as sp
import scipy.stats as st

from s2sgrad.rules.linalg import triangle
from s2sgrad.rules.registry import entry, rule
from s2sgrad.rules.toolbox import call, count, expand

ROOT_TWO_PI = 2.5066282746310002
LOG_ROOT_TWO_PI = 0.9189385332046727


def partials(method: Any, function: Any) -> None:
    """Register a method of a distribution as an elementwise function."""
    record = entry(method)
    record.partials, record.elementwise, record.singular = function, True, True


def location_scale(distribution: Any, score: Any, shapes: int = 0) -> None:
    """Register `logpdf` and `pdf` by the slope of the logarithm of the standard density.

    `score(z, *shapes)` is that slope and the partials by the shape parameters.
    """

    def logpdf(out: Any, x: Any, *rest: Any, loc: Any = 0, scale: Any = 1) -> Any:
        shape, rest = rest[:shapes], rest[shapes:]
        loc, scale = (*rest, *(loc, scale)[len(rest) :])
        z = (x - loc) / scale
        slope, *by_shape = score(z, *shape)
        along = slope / scale
        return along, *by_shape, -along, -(1 + slope * z) / scale

    def pdf(out: Any, x: Any, *rest: Any, **names: Any) -> Any:
        return tuple(None if p is None else out * p for p in logpdf(out, x, *rest, **names))

    for function in (logpdf, pdf):
        function.__signature__ = signature(distribution)  # type: ignore[attr-defined]
    partials(distribution.logpdf, logpdf)
    partials(distribution.pdf, pdf)


def signature(distribution: Any) -> Signature:
    """Return `(out, x, *shapes, loc=0, scale=1)`: all of them may be given by name."""
    shapes = (distribution.shapes or "").replace(",", " ").split()
    kind = Parameter.POSITIONAL_OR_KEYWORD
    needed = [Parameter(name, kind) for name in ("out", "x", *shapes)]
    return Signature(
        [*needed, Parameter("loc", kind, default=0), Parameter("scale", kind, default=1)]
    )


location_scale(st.norm, lambda z: (-z,))
location_scale(st.expon, lambda z: (-1.0 + 0.0 * z,))
location_scale(st.laplace, lambda z: (-np.sign(z),))
location_scale(st.uniform, lambda z: (0.0 * z,))
location_scale(st.cauchy, lambda z: (-2 * z / (1 + z * z),))
location_scale(st.logistic, lambda z: (-np.tanh(0.5 * z),))
location_scale(st.gumbel_r, lambda z: (np.exp(-z) - 1,))
location_scale(st.gamma, lambda z, a: ((a - 1) / z - 1, np.log(z) - sp.psi(a)), 1)
location_scale(
    st.beta,
    lambda z, a, b: (
        (a - 1) / z - (b - 1) / (1 - z),
        np.log(z) - sp.psi(a) + sp.psi(a + b),
        np.log1p(-z) - sp.psi(b) + sp.psi(a + b),
    ),
    2,
)
location_scale(
    st.t,
    lambda z, df: (
        -(df + 1) * z / (df + z * z),
        0.5 * (sp.psi(0.5 * (df + 1)) - sp.psi(0.5 * df) - 1 / df - np.log1p(z * z / df)
               + (df + 1) * z * z / (df * (df + z * z))),
    ),
    1,
)  # fmt: skip
location_scale(
    st.chi2,
    lambda z, df: ((0.5 * df - 1) / z - 0.5, 0.5 * (np.log(0.5 * z) - sp.psi(0.5 * df))),
    1,
)
location_scale(st.lognorm, lambda z, s: (
    -(1 + np.log(z) / (s * s)) / z, (np.log(z) ** 2 / (s * s) - 1) / s), 1)  # fmt: skip


location_scale(st.truncnorm, lambda z, a, b: (-z, None, None), 2)


def normal(x: Any, loc: Any, scale: Any, logarithm: Any = 0.0, sign: float = 1.0) -> Any:
    """Return the partials of the distribution function, over exp(logarithm)."""
    z = (x - loc) / scale
    along = sign * np.exp(-0.5 * z * z - LOG_ROOT_TWO_PI - logarithm) / scale
    return along, -along, -along * z


partials(st.norm.cdf, lambda out, x, loc=0, scale=1: normal(x, loc, scale))
partials(st.norm.sf, lambda out, x, loc=0, scale=1: normal(x, loc, scale, sign=-1.0))
partials(st.norm.logcdf, lambda out, x, loc=0, scale=1: normal(x, loc, scale, out))
partials(st.norm.logsf, lambda out, x, loc=0, scale=1: normal(x, loc, scale, out, -1.0))


def normal_quantile(out: Any, loc: Any, scale: Any, sign: float) -> Any:
    """Inverse function theorem."""
    z = (out - loc) / scale
    return sign * scale * ROOT_TWO_PI * np.exp(0.5 * z * z), 1.0 + 0.0 * z, z


partials(st.norm.ppf, lambda out, q, loc=0, scale=1: normal_quantile(out, loc, scale, 1.0))
partials(st.norm.isf, lambda out, q, loc=0, scale=1: normal_quantile(out, loc, scale, -1.0))

for _dist, _shapes in ((st.t, 1), (st.gamma, 1), (st.chi2, 1), (st.beta, 2)):

    def _cdf(out: Any, x: Any, *rest: Any, _dist: Any = _dist, _shapes: int = _shapes) -> Any:
        density = call(_dist.pdf, x, *rest)
        return density, *[None] * _shapes, -density

    partials(_dist.cdf, _cdf)


def _t_logcdf(out: Any, x: Any, df: Any, loc: Any = 0, scale: Any = 1) -> Any:
    ratio = np.exp(call(st.t.logpdf, x, df, loc, scale) - out)
    return ratio, None, -ratio, -ratio * (x - loc) / scale


partials(st.t.logcdf, _t_logcdf)


def counts(k: Any, mu: Any) -> Any:
    """The slope of the logarithm of the Poisson probability."""
    return k / mu - 1


partials(st.poisson.logpmf, lambda out, k, mu: (0.0 * out, counts(k, mu)))
partials(st.poisson.cdf, lambda out, k, mu: (0.0 * out, -call(st.poisson.pmf, np.floor(k), mu)))
partials(st.poisson.pmf, lambda out, k, mu: (0.0 * out, out * counts(k, mu)))
partials(st.bernoulli.logpmf, lambda out, k, p: (0.0 * out, k / p - (1 - k) / (1 - p)))
partials(st.binom.logpmf, lambda out, k, n, p: (0.0 * out, None, k / p - (n - k) / (1 - p)))


@rule(st.multivariate_normal.logpdf)
def multivariate_normal_logpdf(
    g: Any, out: Any, x: Any, mean: Any = None, cov: Any = 1, allow_singular: bool = False
) -> Any:
    """Petersen and Pedersen, The Matrix Cookbook (2012), eq. 86 and 61; one point or a batch.

    SciPy reads the lower triangle of the covariance.
    """
    if mean is None or np.ndim(cov) != 2 or allow_singular:
        raise NotImplementedError("multivariate_normal has a rule for a mean and a covariance")
    centred = x - mean
    inverse = np.linalg.inv(cov)
    pull = centred @ inverse
    if np.ndim(x) == 1:
        full = 0.5 * g * (np.outer(pull, pull) - inverse)
        return -g * pull, g * pull, triangle(full, cov)
    gx = -g[:, None] * pull
    gcov = 0.5 * (pull.T @ (g[:, None] * pull) - np.sum(g) * inverse)
    return gx, -np.sum(gx, axis=0), triangle(gcov, cov)


@rule(st.multivariate_normal.pdf)
def multivariate_normal_pdf(
    g: Any, out: Any, x: Any, mean: Any = None, cov: Any = 1, allow_singular: bool = False
) -> Any:
    """The density times the slope of its logarithm."""
    return multivariate_normal_logpdf(g * out, out, x, mean, cov, allow_singular)


@rule(st.multivariate_normal.entropy)
def multivariate_normal_entropy(g: Any, out: Any, mean: Any = None, cov: Any = 1) -> Any:
    """Half the logarithm of the determinant, plus a constant."""
    return 0.0, triangle(0.5 * g * np.linalg.inv(cov).T, cov)


@rule(st.dirichlet.logpdf)
def dirichlet_logpdf(g: Any, out: Any, x: Any, alpha: Any) -> Any:
    """One point."""
    if np.ndim(x) != 1:
        raise NotImplementedError("dirichlet has a rule for one point")
    return g * (alpha - 1) / x, g * (np.log(x) + sp.psi(np.sum(alpha)) - sp.psi(alpha))


@rule(st.dirichlet.pdf)
def dirichlet_pdf(g: Any, out: Any, x: Any, alpha: Any) -> Any:
    """The density times the slope of its logarithm."""
    return dirichlet_logpdf(g * out, out, x, alpha)


@rule(st.zscore)
def zscore(g: Any, out: Any, a: Any, axis: Any = 0, ddof: int = 0) -> Any:
    """Off the mean and the direction of the scores."""
    free = count(a, axis) - ddof
    along = np.sum(g * out, axis=axis, keepdims=True) / free
    spread = np.std(a, axis=axis, ddof=ddof, keepdims=True)
    return (g - np.mean(g, axis=axis, keepdims=True) - out * along) / spread


@rule(st.gmean, singular=True)
def gmean(g: Any, out: Any, a: Any, axis: Any = 0) -> Any:
    """The exponential of the mean logarithm."""
    return expand(g * out / count(a, axis), a, axis) / a


@rule(st.entropy, singular=True)
def entropy(g: Any, out: Any, pk: Any, qk: Any = None, base: Any = None, axis: int = 0) -> Any:
    """Shannon's entropy or the relative entropy of vectors that are normed to sum 1."""
    if base is not None:
        raise NotImplementedError("scipy.stats.entropy has a rule for natural logarithms")
    total = np.sum(pk, axis=axis, keepdims=True)
    wide = expand(g, pk, axis) / total
    level = expand(out, pk, axis)
    if qk is None:
        return -wide * (np.log(pk / total) + level)
    total_q = np.sum(qk, axis=axis, keepdims=True)
    ratio = (pk / total) / (qk / total_q)
    return wide * (np.log(ratio) - level), expand(g, pk, axis) * (1 - ratio) / total_q


def moments(a: Any, axis: Any, order: int) -> tuple[Any, Any, Any, Any]:
    """Return deviations from the mean, the variance, a central moment, and the slope of it."""
    off = a - np.mean(a, axis=axis, keepdims=True)
    variance = np.mean(off * off, axis=axis, keepdims=True)
    moment = np.mean(off**order, axis=axis, keepdims=True)
    below = np.mean(off ** (order - 1), axis=axis, keepdims=True)
    return off, variance, moment, order * (off ** (order - 1) - below) / count(a, axis)


@rule(st.skew, singular=True)
def skew(
    g: Any, out: Any, a: Any, axis: Any = 0, bias: bool = True, nan_policy: str = "propagate",
    *, keepdims: bool = False,
) -> Any:  # fmt: skip
    """The third central moment over the variance to the power 3/2."""
    return standardised(g, a, axis, 3, bias, nan_policy, keepdims)


@rule(st.kurtosis, singular=True)
def kurtosis(
    g: Any, out: Any, a: Any, axis: Any = 0, fisher: bool = True, bias: bool = True,
    nan_policy: str = "propagate", *, keepdims: bool = False,
) -> Any:  # fmt: skip
    """The fourth central moment over the squared variance."""
    return standardised(g, a, axis, 4, bias, nan_policy, keepdims)


def standardised(
    g: Any, a: Any, axis: Any, order: int, bias: bool, nan_policy: str, keepdims: bool
) -> Any:
    """Return the cotangent of a central moment over a power of the variance."""
    if not bias or nan_policy != "propagate":
        raise NotImplementedError("skew and kurtosis have rules for bias=True")
    off, variance, moment, slope = moments(a, axis, order)
    scale = variance ** (-0.5 * order)
    pull = slope - order * moment / variance * off / count(a, axis)
    return expand(g, a, axis, keepdims) * scale * pull
