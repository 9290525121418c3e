"""Ops whose derivative is zero: piecewise constant, boolean, integer or about shapes."""

from __future__ import annotations

import builtins
import math
import operator

import numpy as np

from s2sgrad.rules import toolbox
from s2sgrad.rules.registry import zero

zero(
    np.floor, np.ceil, np.rint, np.trunc, np.fix, np.round, np.around, np.sign, np.signbit,
    np.spacing, np.floor_divide, operator.floordiv, operator.ifloordiv,
    math.floor, math.ceil, math.trunc, builtins.round, builtins.int, builtins.bool, np.bool_,
    np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64,
)  # fmt: skip
zero(
    np.all, np.any, np.argmax, np.argmin, np.nanargmax, np.nanargmin, np.argsort, np.lexsort,
    np.argpartition, np.argwhere, np.nonzero, np.flatnonzero, np.count_nonzero, np.searchsorted,
    np.digitize, np.isin,
)  # fmt: skip
zero(
    np.logical_and, np.logical_or, np.logical_not, np.logical_xor, np.isfinite, np.isnan,
    np.isinf, np.isreal, np.iscomplex, np.isrealobj, np.iscomplexobj, np.allclose, np.isclose,
    np.array_equal, np.array_equiv, np.isneginf, np.isposinf,
    np.greater, np.greater_equal, np.less, np.less_equal, np.equal, np.not_equal,
    np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.invert, np.left_shift, np.right_shift,
    operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne,
    operator.not_, operator.and_, operator.or_, operator.xor, operator.invert, operator.is_,
    operator.is_not, operator.contains, operator.truth, operator.index, operator.lshift,
    operator.rshift, math.isfinite, math.isnan, math.isinf, math.isclose, math.gcd, math.comb,
    math.factorial, math.isqrt, math.perm, math.lcm, builtins.len, builtins.isinstance,
    builtins.range,
)  # fmt: skip
zero(
    np.ndim, np.shape, np.size, np.zeros_like, np.ones_like, np.empty_like, np.zeros, np.ones,
    np.empty, np.eye, np.identity, np.tri, np.indices, np.result_type, np.can_cast,
    np.isscalar, np.iterable, np.tril_indices, np.triu_indices, np.diag_indices,
    np.unravel_index, np.ravel_multi_index, np.ix_, np.fft.fftfreq, np.fft.rfftfreq,
    np.histogram_bin_edges, np.mask_indices, np.tril_indices_from, np.triu_indices_from,
    np.diag_indices_from,
    np.hanning, np.hamming, np.blackman, np.bartlett, np.finfo, np.iinfo, np.issubdtype,
)  # fmt: skip
zero(
    toolbox.is_complex, toolbox.zeros_like, toolbox.length, toolbox.count, toolbox.identity,
    toolbox.eye_like, toolbox.ranks,
)  # fmt: skip
