"""Cases of the rarer rules: NaN, Fourier transforms, methods of ufuncs, selections, grids."""

from __future__ import annotations

import builtins
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from s2sgrad.ir import ops
from s2sgrad.rules import series, toolbox
from tests.case import LIB, Case, m, spd, u, z

HOLES = np.array([[0.3, np.nan, 0.7, 0.1], [0.2, 0.5, 0.9, np.nan], [0.4, 0.6, 0.8, 0.35]])


def nan_cases() -> Iterator[Case]:
    """Reductions that skip NaN, with and without one."""
    op: Any
    for op in (np.nansum, np.nanmean, np.nanvar, np.nanstd, np.nanmax, np.nanmin, np.nanprod):
        for axis in (None, 0, 1):
            for keep in (False, True):
                yield Case(op, m(3, 4), axis=axis, keepdims=keep)
    yield from (Case(op, m(3, 4), axis=0, ddof=1) for op in (np.nanvar, np.nanstd))
    for op in (np.nancumsum, np.nancumprod):
        yield from (Case(op, m(3, 4), axis=axis) for axis in (None, 0, 1))
    for axis in (None, 0, -1):
        for keep in (False, True):
            yield Case(np.nanmedian, m(3, 4), axis=axis, keepdims=keep)
            yield Case(np.nanquantile, m(3, 4), 0.3, axis=axis, keepdims=keep, fixed=(1,))
            yield Case(np.nanpercentile, m(3, 4), 35.0, axis=axis, keepdims=keep, fixed=(1,))


def fourier_cases() -> Iterator[Case]:
    """Even and odd lengths, cropped and padded, all norms."""
    f = np.fft
    for x in (m(6), z(5), m(3, 4), z(3, 5)):
        for op in (
            f.fft,
            f.ifft,
            f.hfft,
            f.irfft,
            *(() if np.iscomplexobj(x) else (f.rfft, f.ihfft)),
        ):
            yield from (Case(op, x), Case(op, x, norm="ortho"), Case(op, x, norm="forward"))
            yield from (Case(op, x, 4), Case(op, x, 7), Case(op, x, axis=0))
            if x.ndim > 1:
                yield from (Case(op, x, 5, 0), Case(op, x, 2, 0))
        for op in (f.fftshift, f.ifftshift):
            yield from (Case(op, x), Case(op, x, axes=0), Case(op, x, axes=-1))
    for x in (m(3, 4), z(3, 5), m(2, 3, 4)):
        for op in (f.fft2, f.ifft2, f.fftn, f.ifftn, f.irfft2, f.irfftn,
                   *(() if np.iscomplexobj(x) else (f.rfft2, f.rfftn))):  # fmt: skip
            yield from (Case(op, x), Case(op, x, norm="ortho"), Case(op, x, axes=(1, 0)))
            yield from (Case(op, x, (4, 3), (-2, -1)), Case(op, x, (2, 6), (0, 1)))
    yield from (Case(op, m(2, 3, 4), axes=(2,)) for op in (f.fftn, f.rfftn, f.irfftn))
    yield from (Case(toolbox.fit_like, m(5), m(n), 0, fixed=(1,)) for n in (3, 5, 7))
    yield Case(toolbox.inner_frequencies, m(2, 4), 6, 1, 0.5, fixed=(3,))


def ufunc_cases() -> Iterator[Case]:
    """`reduce`, `accumulate`, `reduceat`."""
    for op in (np.add, np.multiply, np.maximum, np.minimum, np.logaddexp):
        yield from (Case(op.reduce, m(3, 4)), Case(op.reduce, m(3, 4), axis=1, keepdims=True))
        yield from (Case(op.accumulate, m(3, 4)), Case(op.accumulate, m(3, 4), axis=1))
        yield from (Case(op.reduce, m(4)), Case(op.accumulate, m(5)))
    yield Case(np.logaddexp.accumulate, np.array([-900.0, 900.0, 3.0]))
    for places in ([0, 2, 4], [1, 1, 3], [3, 0, 2]):
        yield Case(np.add.reduceat, m(6), places)
        yield Case(np.add.reduceat, m(2, 6), places, axis=1)
    yield Case(toolbox.reduceat_back, m(3), m(6), [1, 0, 4], 0, fixed=(1,))


def selection_cases() -> Iterator[Case]:
    """Choices, moved and counted elements."""
    x, mask = u(6), np.array([True, False, True, True, False, True])
    yield Case(np.select, [mask, x > 0.5], [m(6), m(6)], 0.3)
    yield Case(np.select, [mask, x > 0.5], [m(2, 6), m(6)], m(6))
    yield Case(np.choose, np.array([0, 1, 1, 0, 1, 0]), [m(6), m(6)])
    yield from (Case(np.heaviside, m(4), u(4)), Case(np.heaviside, np.zeros(3), u(3), fixed=(0,)))
    yield from (Case(np.partition, m(6), 2), Case(np.partition, m(5, 4), 1, axis=0))
    yield from (Case(np.partition, m(3, 4), 5, axis=None), Case(np.unique, m(2, 3)))
    yield from (Case(np.extract, mask, m(6)), Case(np.extract, mask.reshape(2, 3), m(2, 3)))
    yield from (Case(np.delete, m(6), 2), Case(np.delete, m(3, 4), [0, -1], 1))
    yield from (Case(np.delete, m(3, 4), 5), Case(np.delete, m(6), slice(1, 4)))
    yield from (Case(np.insert, m(5), k, 0.4) for k in (0, 2, -1, 5))
    yield from (Case(np.insert, m(5), 2, m(3)), Case(np.insert, m(2, 3), 2, 0.4))
    yield from (Case(np.resize, m(5), (2, 6)), Case(np.resize, m(2, 3), 4))
    yield from (Case(np.unwrap, 9 * m(6)), Case(np.unwrap, 9 * m(3, 4), axis=0))
    bins = np.array([0, 1, 1, 3, 0, 2])
    yield from (Case(np.bincount, bins, m(6)), Case(np.bincount, bins, m(6), 7))
    yield Case(np.histogram, np.array([0.1, 0.5, 0.9, 1.0, 0.0, 2.0]), 3, (0.0, 1.0), None, m(6),
               fixed=(0, 2))  # fmt: skip
    yield Case(np.histogram, m(6), np.array([-0.5, 0.2, 1.5]), None, None, m(6), fixed=(0, 1))
    yield from (Case(np.broadcast_arrays, m(3), m(2, 1)), Case(np.angle, z(3)))
    yield from (Case(np.angle, z(2, 2), True), Case(np.angle, m(3)))
    yield from (Case(np.real_if_close, m(3)), Case(np.apply_over_axes, np.sum, m(2, 3, 4), [0, 2]))
    yield Case(np.block, [[m(2, 3), m(2, 1)], [m(1, 4)]])
    yield from (Case(np.block, [m(3), m(2)]), Case(np.block, [[m(2)], [m(2)]]))
    yield from (Case(np.dsplit, m(2, 2, 6), 3), Case(np.dsplit, m(2, 2, 4), [1, 3]))
    for mode in ("edge", "reflect", "symmetric", "wrap"):
        yield from (Case(np.pad, m(4), (2, 3), mode), Case(np.pad, m(3, 4), ((0, 2), (1, 0)), mode))


def grid_cases() -> Iterator[Case]:
    """Grids and polynomials."""
    yield from (Case(np.arange, 0.2, 3.0, 0.75), Case(np.arange, 0.2, 3.0), Case(np.arange, 2.5))
    yield from (Case(op, 0.3, 0.9, 5) for op in (np.logspace, np.geomspace))
    yield from (Case(op, 0.3, 0.9, 4, False) for op in (np.logspace, np.geomspace))
    yield Case(np.logspace, 0.3, 0.9, 4, base=2.0)
    yield from (Case(np.meshgrid, m(3), m(2)), Case(np.meshgrid, m(3), m(2), indexing="ij"))
    yield from (Case(np.meshgrid, m(3), m(2), m(4)), Case(np.meshgrid, m(3), m(1), sparse=True))
    yield from (Case(np.gradient, m(5)), Case(np.gradient, m(5), 0.1), Case(np.gradient, m(2)))
    yield from (Case(np.gradient, m(3, 4), axis=0), Case(np.gradient, m(3, 4)))
    yield Case(np.gradient, m(3, 4), 0.5, 0.2)
    places = np.array([0.0, 0.3, 1.0, 1.2])
    yield from (Case(np.gradient, m(4), places, fixed=(1,)),
                Case(np.gradient, m(4, 3), places, axis=0, fixed=(1,)),
                Case(np.gradient, m(3, 4), 0.5, places, fixed=(2,)))  # fmt: skip
    grid = np.array([0.0, 0.4, 1.0])
    sides: dict[str, Any]
    for sides in ({}, {"left": 0.3}, {"right": -0.2}, {"left": 0.3, "right": 0.1}):
        yield Case(np.interp, np.array([-0.5, 0.2, 0.7, 1.4]), grid, m(3), fixed=(), **sides)
    yield from (Case(np.frexp, np.array([0.3, -5.0, 12.0])), Case(np.frexp, 0.7))
    yield from (Case(np.cumulative_sum, m(3, 4), axis=1), Case(np.cumulative_prod, m(4)))
    yield from (Case(op, m(3, 4), axis=0, include_initial=True)
                for op in (np.cumulative_sum, np.cumulative_prod))  # fmt: skip
    yield from (Case(np.vander, u(4)), Case(np.vander, u(4), 3), Case(np.vander, u(4), 6, True))
    yield from (Case(np.polyfit, u(6), m(6), 2), Case(np.poly, m(4)), Case(np.poly, m(1)))
    yield Case(np.roots, np.array([1.0, -6.0, 11.0, -6.0]))
    yield Case(np.roots, np.array([1.0, 0.2, 1.5]))
    yield from (Case(np.corrcoef, m(3, 5)), Case(np.corrcoef, m(5, 3), rowvar=False))
    yield Case(np.corrcoef, m(4))


def series_cases() -> Iterator[Case]:
    """`np.polynomial`."""
    for module, name in series.BASES.items():
        value, columns, der, integral = (
            getattr(module, name + what) for what in ("val", "vander", "der", "int")
        )
        yield from (Case(value, m(3), m(4)), Case(value, m(2, 3), m(3)), Case(value, 0.3, m(4)))
        yield from (Case(value, m(3), m(1)), Case(value, m(2), m(2)))
        yield from (Case(columns, m(3), 3), Case(columns, m(2, 3), 2), Case(columns, m(3), 0))
        yield from (Case(der, m(4)), Case(der, m(4), 2), Case(der, m(1)), Case(integral, m(3)))


def cast_cases() -> Iterator[Case]:
    """Conversions, copies and windows."""
    for op in (np.float64, np.complex128):
        yield from (Case(op, 0.3), Case(op, m(3)))
    yield Case(np.complex128, z(3))
    yield from (Case(np.ndarray.astype, m(3), float), Case(np.ndarray.astype, m(3), complex))
    yield from (Case(np.ndarray.flatten, m(3, 4)), Case(np.ndarray.flatten, m(3)))
    view = np.lib.stride_tricks.sliding_window_view
    yield from (Case(view, m(6), 3), Case(view, m(3, 4), (2, 2)), Case(view, m(3, 4), 2, 1))
    yield from (Case(view, m(3, 4), (2,), (0,)), Case(view, m(4), 4), Case(view, m(4), 1))
    yield Case(toolbox.overlap_add, m(4, 3), m(6), 3, None, fixed=(1,))


def reduction_option_cases() -> Iterator[Case]:
    """`where=` and `initial=`."""
    op: Any
    mask = np.array([[True, False, True], [True, True, False]])
    for op in (np.sum, np.mean, np.prod):
        yield from (Case(op, m(2, 3), axis=axis, where=mask) for axis in (None, 0, 1))
    yield from (Case(np.sum, m(2, 3), initial=1.5), Case(np.prod, m(2, 3), axis=0, initial=1.5))
    yield Case(np.prod, m(2, 3), axis=1, initial=2.0, where=mask)
    for op, start in ((np.max, 0.4), (np.min, 0.4)):
        yield from (Case(op, m(2, 3), axis=axis, initial=start) for axis in (None, 0))
        yield Case(op, m(2, 3), axis=1, initial=start, where=mask)


def math_cases() -> Iterator[Case]:
    """The rest of `math`, and elementwise functions without a formula."""
    for x in (0.4, 1.7, 25.0, -0.3, -3.6, -12.4):
        yield from (Case(math.gamma, x if -9 < x < 20 else 9.0), Case(math.lgamma, x))
        yield from (Case(toolbox.polygamma, n, x) for n in (0, 1, 2))
    yield from (Case(math.dist, [0.2, 0.3], [0.7, 0.1]), Case(math.dist, m(3), m(3)))
    yield from (Case(math.remainder, 3.3, 0.7), Case(math.ldexp, 0.3, 3), Case(math.modf, 2.3))
    yield from (Case(builtins.divmod, 2.3, 0.7), Case(builtins.divmod, -2.3, 0.7))
    yield from (Case(np.ldexp, m(3), np.array([1, -2, 3])), Case(np.modf, m(2, 3)))
    yield from (Case(np.divmod, 3 * u(3), u(3)), Case(np.nextafter, m(3), m(3), fixed=(1,)))
    yield from (Case(np.unique_values, m(4)), Case(np.unique_inverse, m(2, 3)))
    yield from (Case(np.i0, m(2, 3)), Case(toolbox.bessel_i1, m(3)))
    yield Case(toolbox.bessel_i1, np.array([-30.0, 1e-3, 5.0, 12.0]))


def linalg_cases() -> Iterator[Case]:
    """Tensor equations, condition numbers, the array API's spellings."""
    p: Any
    yield from (Case(LIB.tensorsolve, spd(4).reshape(2, 2, 4), m(2, 2)),
                Case(LIB.tensorsolve, spd(4), m(4)))  # fmt: skip
    yield from (Case(LIB.tensorinv, spd(4).reshape(2, 2, 4)), Case(LIB.tensorinv, spd(3), ind=1))
    for p in (None, 2, 1, np.inf, "fro"):
        yield from (Case(LIB.cond, a, p, fixed=(1,)) for a in (m(3, 3), m(2, 3, 3)))
    yield from (Case(LIB.cond, m(4, 2)), Case(LIB.trace, m(2, 3, 4), offset=1))
    yield from (Case(LIB.diagonal, m(2, 3, 4)), Case(LIB.cross, m(2, 3), m(2, 3)))
    yield from (Case(LIB.vecdot, m(2, 3), m(2, 3)), Case(LIB.vecdot, z(3), z(3)))


def structural_cases() -> Iterator[Case]:
    """The operations of the IR itself."""
    places = np.array([0, 2, 0])
    yield from (Case(ops.additem, m(3, 4), places, m(3, 4)), Case(ops.additem, m(3, 4), 1, m(4)))
    yield Case(ops.last_writes, np.zeros(4), np.array([0, 2, 0]), np.arange(3.0) + 0.5, fixed=(0,))
    yield Case(ops.finite, m(3))
    yield from (Case(ops.broadcast_like, m(4), m(3, 4), fixed=(1,)),
                Case(ops.unbroadcast, m(3, 4), m(4), fixed=(1,)),
                Case(ops.unbroadcast, m(3, 4), m(3, 1), fixed=(1,)),
                Case(ops.reshape_like, m(3, 4), m(12), fixed=(1,)),
                Case(ops.cast_like, m(3), m(3), fixed=(1,)))  # fmt: skip


def more_cases() -> Iterator[Case]:
    """All of this file."""
    yield from nan_cases()
    yield from fourier_cases()
    yield from ufunc_cases()
    yield from selection_cases()
    yield from grid_cases()
    yield from series_cases()
    yield from cast_cases()
    yield from reduction_option_cases()
    yield from math_cases()
    yield from linalg_cases()
    yield from structural_cases()
