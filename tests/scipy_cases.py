"""Cases of SciPy's rules."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.fft
import scipy.integrate
import scipy.linalg
import scipy.ndimage
import scipy.signal
import scipy.spatial.distance
import scipy.special
import scipy.stats

from s2sgrad.rules import (
    load_for,
    scipy_linalg,
    scipy_ndimage,
    scipy_signal,
    scipy_spectra,
    scipy_structured,
)
from tests.case import Case, m, spd, u, z

for _package in ("special", "linalg", "fft", "signal", "integrate", "stats", "ndimage"):
    load_for(f"scipy.{_package}")
load_for("scipy.spatial.distance")
sp, sl, ss, st = scipy.special, scipy.linalg, scipy.signal, scipy.stats
si, sd, sn = scipy.integrate, scipy.spatial.distance, scipy.ndimage

SIGNED = [sp.erf, sp.erfc, sp.erfcx, sp.erfi, sp.dawsn, sp.ndtr, sp.log_ndtr, sp.expit,
          sp.log_expit,
          sp.j0, sp.j1, sp.i0, sp.i1, sp.i0e, sp.i1e, sp.exp2, sp.exp10, sp.expm1, sp.exprel,
          sp.cosm1, sp.sindg, sp.cosdg, sp.tandg, sp.cbrt, sp.fresnel, sp.airy]  # fmt: skip
POSITIVE = [sp.erfinv, sp.erfcinv, sp.ndtri, sp.logit, sp.gamma, sp.gammaln, sp.loggamma, sp.psi,
            sp.rgamma, sp.y0, sp.y1, sp.k0, sp.k1, sp.k0e, sp.k1e, sp.entr, sp.expi, sp.exp1,
            sp.spence, sp.ellipk, sp.ellipe, sp.log1p, sp.sici, sp.shichi]  # fmt: skip
PAIRS = [sp.beta, sp.betaln, sp.poch, sp.xlogy, sp.xlog1py, sp.rel_entr, sp.kl_div, sp.boxcox,
         sp.boxcox1p, sp.huber, sp.pseudo_huber]  # fmt: skip
ORDERED = [sp.gammainc, sp.gammaincc, sp.gammaincinv, sp.gammainccinv, sp.jv, sp.yv, sp.iv, sp.ive,
           sp.kv, sp.kve, sp.hyp0f1]  # fmt: skip


def special_cases() -> Iterator[Case]:
    """scipy.special."""
    op: Any
    for op in SIGNED:
        yield from (Case(op, m(3, 2)), Case(op, np.array([0.3, -0.2, 2.0])), Case(op, 0.4))
    for op in POSITIVE:
        yield from (Case(op, u(3, 2)), Case(op, 0.4), Case(op, u(0)))
    for op in PAIRS:
        yield from (Case(op, u(3, 1), u(4)), Case(op, u(2), 0.7 + u(2)))
    for op in ORDERED:
        yield from (Case(op, 1.5, u(4), fixed=(0,)), Case(op, 0.4 + u(4), u(4), fixed=(0,)))
    yield from (Case(sp.huber, 0.5, m(6)), Case(sp.pseudo_huber, 0.5, m(6)))
    yield Case(sp.boxcox, u(4), np.zeros(4), fixed=(1,))
    yield from (Case(op, u(4), 0.7, fixed=(1,)) for op in (sp.inv_boxcox, sp.inv_boxcox1p))
    yield from (Case(sp.ndtri_exp, -u(3)), Case(sp.binom, 5 + u(3), 2 + u(3)))
    for op in (sp.betainc, sp.betaincc, sp.betaincinv):
        yield Case(op, 1.5, 2.5, u(4), fixed=(0, 1))
    yield from (Case(sp.zeta, 3.0, u(3), fixed=(0,)), Case(sp.yn, 2, u(3)), Case(sp.kn, 2, u(3)))
    yield from (Case(sp.expn, 2, u(3)), Case(sp.hyp1f1, 1.5, 2.5, m(3), fixed=(0, 1)))
    yield Case(sp.hyp2f1, 1.5, 0.5, 2.5, u(3), fixed=(0, 1, 2))
    yield Case(sp.hyperu, 1.5, 0.5, u(3), fixed=(0, 1))
    for op in (sp.eval_legendre, sp.eval_chebyt, sp.eval_chebyu, sp.eval_hermite,
               sp.eval_hermitenorm, sp.eval_laguerre):  # fmt: skip
        yield from (Case(op, n, u(3)) for n in (1, 2, 5))
    for op in (sp.eval_genlaguerre, sp.eval_gegenbauer):
        yield Case(op, 3, 1.5, u(3), fixed=(1,))
    yield Case(sp.eval_jacobi, 3, 0.5, 1.5, u(3), fixed=(1, 2))
    yield from (Case(sp.polygamma, n, u(3)) for n in (0, 1, 2))
    yield from (Case(sp.multigammaln, 4.0 + u(3), 3), Case(sp.multigammaln, 3.3, 1))
    yield from (Case(sp.lambertw, u(3)), Case(sp.lambertw, np.zeros(2)))
    for axis in (None, 0, 1):
        yield from (Case(op, m(3, 4), axis=axis) for op in (sp.softmax, sp.log_softmax))
        yield from (Case(sp.logsumexp, m(3, 4), axis=axis, keepdims=k) for k in (False, True))
        yield Case(sp.logsumexp, m(3, 4), axis, u(3, 4))
    yield Case(sp.logsumexp, np.array([-np.inf, 0.3, 900.0]))


def linalg_cases() -> Iterator[Case]:
    """scipy.linalg."""
    op: Any
    a, b, s = m(3, 3), m(3), spd(3)
    yield from (Case(op, v) for op in (sl.inv, sl.det) for v in (a, spd(2)))
    yield from (Case(sl.pinv, m(4, 2)), Case(sl.norm, m(3, 2)), Case(sl.svdvals, m(4, 2)))
    for right in (b, m(3, 2)):
        yield from (Case(sl.solve, a, right), Case(sl.solve, a, right, transposed=True))
        yield from (Case(sl.solve, s, right, assume_a=kind) for kind in ("sym", "pos"))
        yield Case(sl.solve, s, right, lower=True, assume_a="pos")
        for lower in (False, True):
            for trans in (0, 1, "T"):
                yield Case(sl.solve_triangular, s, right, trans=trans, lower=lower)
            yield Case(sl.solve_triangular, s, right, lower=lower, unit_diagonal=True)
            yield Case(sl.cho_solve, (sl.cholesky(s, lower=lower), lower), right)
        yield Case(sl.lu_solve, sl.lu_factor(a), right)
        yield Case(sl.lstsq, m(5, 3), m(5) if right.ndim == 1 else m(5, 2))
    yield from (Case(sl.cholesky, spd(3)), Case(sl.cholesky, spd(3), lower=True))
    yield from (Case(sl.cho_factor, spd(3)), Case(sl.cho_factor, spd(3), lower=True))
    bands = m(4, 5) + np.array([[0.0], [0.0], [4.0], [0.0]])
    yield Case(sl.solve_banded, (1, 2), bands, m(5))
    yield Case(sl.solve_banded, (1, 1), m(3, 4) + np.array([[0.0], [4.0], [0.0]]), m(4, 2))
    yield from (Case(sl.lu, a), Case(sl.lu_factor, m(4, 4)), Case(sl.qr, m(4, 3), mode="economic"))
    yield from (Case(sl.svd, m(4, 3), False), Case(sl.svd, m(4, 3), compute_uv=False))
    for lower in (False, True):
        yield from (Case(op, spd(3), lower=lower) for op in (sl.eigh, sl.eigvalsh))
        yield from (Case(op, spd(3), spd(3), lower=lower) for op in (sl.eigh, sl.eigvalsh))
        yield Case(sl.eigh, spd(3), lower=lower, eigvals_only=True)
    yield Case(sl.eigvals, np.array([[0.3, 1.0], [-2.0, 0.1]]))
    yield from (Case(sl.block_diag, m(2, 3), m(1, 2)), Case(sl.block_diag, m(2), m(3)))
    yield from (Case(sl.toeplitz, m(4)), Case(sl.toeplitz, m(3), m(5)), Case(sl.circulant, m(4)))
    for op in (sl.expm, sl.cosm, sl.sinm, sl.tanm, sl.coshm, sl.sinhm, sl.tanhm):
        yield Case(op, 0.5 * m(3, 3))
    yield Case(sl.expm_frechet, m(3, 3), m(3, 3), compute_expm=False)
    yield from (Case(sl.logm, spd(3)), Case(sl.sqrtm, spd(3)))
    yield Case(sl.fractional_matrix_power, spd(3), 0.3, fixed=(1,))
    yield Case(sl.solve_sylvester, m(3, 3), spd(2), m(3, 2))
    yield from (Case(op, 0.3 * m(3, 3), m(3, 3))
                for op in (sl.solve_continuous_lyapunov, sl.solve_discrete_lyapunov))  # fmt: skip
    yield Case(sl.solve_toeplitz, m(5) + np.array([4.0, 0, 0, 0, 0]), m(5))
    for lower in (False, True):
        bands = m(3, 5) + 6 * np.eye(3)[:, [0 if lower else 2]]
        yield from (Case(sl.solveh_banded, bands, b, lower=lower) for b in (m(5), m(5, 2)))
        yield from (Case(scipy_structured.symmetric_bands, a, a[::-1] * 1.0, 3, lower)
                    for a in (m(5), m(5, 2)))  # fmt: skip
        yield from (Case(scipy_structured.symmetric_times, m(3, 5), b, lower)
                    for b in (m(5), m(5, 2)))  # fmt: skip
    pivots = np.array([2, 1, 2])
    yield from (Case(op, m(3, 2), pivots) for op in (scipy_linalg.permute, scipy_linalg.unpermute))
    yield Case(scipy_linalg.only_square, a)
    for x in (m(4), m(4, 2)):
        yield Case(scipy_linalg.band_times, m(4, 4), x, 1, 2)
        yield Case(scipy_linalg.band_products, x, m(*x.shape), 1, 2)
    yield Case(scipy_linalg.flip_bands, m(3, 4), 2, 0)
    yield Case(scipy_linalg.diagonal_sums, m(3, 4))
    yield Case(scipy_linalg.along_diagonals, m(6), m(3, 4), fixed=(1,))


def transform_cases() -> Iterator[Case]:
    """scipy.fft."""
    f = scipy.fft
    for x in (m(6), m(3, 5)):
        for op in (f.fft, f.ifft, f.rfft, f.irfft, f.hfft, f.ihfft):
            yield from (Case(op, x), Case(op, x, 4), Case(op, x, axis=0, norm="ortho"))
        for op in (f.dct, f.idct, f.dst, f.idst):
            for kind in (2, 3, 4):
                yield from (Case(op, x, kind), Case(op, x, kind, axis=0, norm="ortho"))
    for op in (f.fft2, f.ifft2, f.fftn, f.ifftn, f.rfft2, f.rfftn, f.irfft2, f.irfftn):
        yield from (Case(op, m(3, 4)), Case(op, m(3, 4), (4, 3)))
    yield from (Case(op, m(5)) for op in (f.fftshift, f.ifftshift))


def signal_cases() -> Iterator[Case]:
    """scipy.signal."""
    for mode in ("full", "same", "valid"):
        for op in (ss.convolve, ss.fftconvolve, ss.oaconvolve, ss.correlate):
            yield from (Case(op, m(7), m(3), mode=mode), Case(op, m(6), m(4), mode=mode))
            yield Case(op, m(4, 5), m(3, 2), mode=mode)
        yield from (Case(ss.convolve, m(3), m(5), mode=mode), Case(ss.correlate, m(3), m(5), mode))
        for op in (ss.convolve2d, ss.correlate2d):
            yield Case(op, m(4, 5), m(3, 2), mode=mode)
    yield Case(ss.convolve, z(5), z(3))
    for x, axis in ((m(6), -1), (m(3, 6), 1), (m(6, 3), 0)):
        yield Case(ss.lfilter, m(3), np.array([1.5, -0.3, 0.2]), x, axis)
        yield Case(ss.sosfilt, [[1.0, 0.5, 0.2, 1.0, -0.3, 0.1]], x, axis, fixed=(0,))
        yield from (Case(ss.detrend, x, axis), Case(ss.detrend, x, axis, "constant"))
        yield from (Case(ss.hilbert, x, axis=axis), Case(ss.savgol_filter, x, 5, 2, axis=axis))
    yield Case(ss.savgol_filter, m(9), 5, 3, 1, 0.1, fixed=(4,))
    rows = ss.savgol_filter(np.eye(3), 3, 1, axis=0).tolist()
    yield from (Case(op, m(6), rows, 0, fixed=(1,))
                for op in (scipy_signal.savgol_back, scipy_signal.savgol_forward))  # fmt: skip
    yield Case(scipy_signal.to_full, m(5), m(5), m(3), "same", fixed=(1, 2))
    yield Case(scipy_signal.cut_like, m(7), m(5), m(5), m(3), "same", fixed=(1, 2, 3))
    yield Case(scipy_signal.lagged, m(2, 5), m(2, 5), m(3), 1, fixed=(2,))


def spectra_cases() -> Iterator[Case]:
    """Short-time transforms, spectra, filters in both directions."""
    op: Any
    w, b, a = np.hanning(6)[1:5], [0.5, 0.4], [1.0, -0.3]
    for x in (m(11), m(2, 11)):
        for padded, centred in ((False, True), (True, False)):
            how = w, 2, padded, centred
            yield Case(scipy_spectra.spectra, x, *how, fixed=(1,))
            g = z(*np.shape(scipy_spectra.spectra(x, *how)))
            yield Case(scipy_spectra.spectra_back, g, x, *how, fixed=(1, 2))
        for kind in ("odd", "even", "constant", None):
            for op in (scipy_spectra.extended, scipy_spectra.folded):
                yield Case(op, x, 2, kind)
            yield Case(ss.filtfilt, b, a, x, padtype=kind, padlen=3, fixed=(0, 1))
        yield Case(ss.filtfilt, b, a, x.T, 0, fixed=(0, 1))
        for op in (scipy_spectra.extended_zeros, scipy_spectra.without_ends):
            yield Case(op, x, 2)


def other_cases() -> Iterator[Case]:
    """scipy.integrate, spatial, ndimage."""
    op: Any
    for op in (si.trapezoid, si.cumulative_trapezoid):
        yield from (Case(op, m(5)), Case(op, m(3, 4), m(4)), Case(op, m(3, 4), m(3), axis=0))
        yield from (Case(op, m(3, 4), m(3, 4)), Case(op, m(5), None, 0.3))
    yield Case(si.cumulative_trapezoid, m(5), initial=0)
    for n in (2, 3, 4, 5, 8, 9):
        yield from (Case(si.simpson, m(n), dx=0.3), Case(si.simpson, m(2, n), axis=1))
    yield Case(si.simpson, m(5, 3), axis=0)
    for metric in ("euclidean", "sqeuclidean", "cityblock"):
        yield Case(sd.cdist, m(4, 3), m(2, 3), metric)
    yield from (Case(sd.pdist, m(4, 3), metric) for metric in ("euclidean", "sqeuclidean"))
    yield Case(sd.squareform, m(6))
    for mode in ("reflect", "mirror", "nearest", "wrap", "constant"):
        for x, w in ((m(7), m(3)), (m(7), m(4)), (m(5, 6), m(2, 3))):
            yield from (Case(op, x, w, mode=mode) for op in (sn.correlate, sn.convolve))
        for flipped in (False, True):
            how = m(2, 3), mode, flipped
            yield Case(scipy_ndimage.widened, m(4, 5), *how, fixed=(1,))
            yield Case(scipy_ndimage.narrowed, m(5, 7), *how, fixed=(1,))
    for mode in ("reflect", "constant", "wrap"):
        yield from (
            Case(sn.gaussian_filter, x, 0.8, mode=mode, fixed=(1,)) for x in (m(7), m(4, 5))
        )
        yield Case(sn.gaussian_filter1d, m(4, 5), 0.8, 0, mode=mode, fixed=(1,))
        yield from (Case(sn.uniform_filter, x, 3, mode=mode) for x in (m(7), m(4, 5)))


def stats_cases() -> Iterator[Case]:
    """scipy.stats."""
    op: Any
    x = u(4)
    for dist in (st.norm, st.laplace, st.cauchy, st.logistic, st.gumbel_r):
        yield from (Case(op, m(4), 0.1, 1.5) for op in (dist.logpdf, dist.pdf))
        yield from (Case(op, m(3, 1), m(4), u(4)) for op in (dist.logpdf, dist.pdf))
        yield Case(dist.logpdf, m(4))
    for op in (st.norm.cdf, st.norm.sf, st.norm.logcdf, st.norm.logsf):
        yield from (Case(op, m(4), 0.1, 1.5), Case(op, m(3, 1), m(4), u(4)), Case(op, m(4)))
    for op in (st.norm.ppf, st.norm.isf):
        yield from (Case(op, x, 0.1, 1.5), Case(op, x))
    for dist in (st.expon, st.uniform):
        yield from (Case(op, x, 0.05, 2.0) for op in (dist.logpdf, dist.pdf))
    for dist in (st.gamma, st.chi2, st.t, st.lognorm):
        yield from (Case(op, x, 2.5) for op in (dist.logpdf, dist.pdf))
        yield from (Case(op, x, 1 + u(4), 0.05, 1.5) for op in (dist.logpdf, dist.pdf))
    yield from (Case(op, x, 2.0, 3.0) for op in (st.beta.logpdf, st.beta.pdf))
    yield from (Case(op, x, 1 + u(4), 2 + u(4), 0.05, 1.5) for op in (st.beta.logpdf, st.beta.pdf))
    for op in (st.truncnorm.logpdf, st.truncnorm.pdf):
        yield Case(op, x, -1.0, 2.0, 0.1, 1.2, fixed=(1, 2))
    for dist in (st.t, st.gamma, st.chi2):
        yield Case(dist.cdf, x, 2.5, fixed=(1,))
    yield from (Case(st.beta.cdf, x, 2.5, 1.5, fixed=(1, 2)), Case(st.t.logcdf, x, 3.5, fixed=(1,)))
    k = np.arange(4)
    for op in (st.poisson.logpmf, st.poisson.pmf, st.poisson.cdf):
        yield from (Case(op, k, 0.5 + x), Case(op, 2, 1.3))
    yield from (Case(st.bernoulli.logpmf, 1, x), Case(st.binom.logpmf, k, 5, x))
    for op in (st.multivariate_normal.logpdf, st.multivariate_normal.pdf):
        yield from (Case(op, m(3), m(3), spd(3)), Case(op, m(2, 3), m(3), spd(3)))
    yield Case(st.multivariate_normal.entropy, m(3), spd(3))
    yield from (Case(op, np.ones(4) / 4, 1 + x, fixed=(0,))
                for op in (st.dirichlet.logpdf, st.dirichlet.pdf))  # fmt: skip
    yield from (Case(st.zscore, m(5)), Case(st.zscore, m(4, 3), 1, 1), Case(st.gmean, u(4, 3)))
    yield from (Case(op, m(7)) for op in (st.skew, st.kurtosis))
    yield from (Case(op, m(4, 5), axis) for op in (st.skew, st.kurtosis) for axis in (1, None))
    yield Case(st.kurtosis, m(4, 5), 0, False)
    yield from (
        Case(st.gmean, u(4, 3), 1),
        Case(st.entropy, u(4)),
        Case(st.entropy, u(4, 3), u(4, 3)),
    )


def scipy_cases() -> Iterator[Case]:
    """All of this file."""
    yield from special_cases()
    yield from linalg_cases()
    yield from transform_cases()
    yield from signal_cases()
    yield from spectra_cases()
    yield from other_cases()
    yield from stats_cases()
