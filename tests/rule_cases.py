"""One call and more for every rule: what the rule tests run."""

from __future__ import annotations

import builtins
import math
import operator
from collections.abc import Iterator
from typing import Any

import numpy as np

import s2sgrad.rules  # noqa: F401
from s2sgrad.rules import toolbox
from s2sgrad.rules.formulas import FORMULAS
from tests.case import LIB, Case, m, random, spd, u, z
from tests.rule_cases_more import more_cases
from tests.scipy_cases import scipy_cases


def elementwise_cases() -> Iterator[Case]:
    """Every formula on arrays of several shapes, and on numbers for `math`."""
    args: list[Any]
    for found in FORMULAS:
        low, high = found.domain
        many = len(found.operands)
        if found.numpy:
            for shape in ((), (1,), (0,), (3, 2), (2, 0, 3)):
                args = [random.uniform(low, high, size=shape) for _ in range(many)]
                yield Case(getattr(np, found.numpy), *args)
            if many == 2:
                args = [random.uniform(low, high, size=s) for s in ((3, 1), (4,))]
                yield Case(getattr(np, found.numpy), *args)
        if found.math and hasattr(math, found.math):
            args = [float(random.uniform(low, high)) for _ in range(many)]
            yield Case(getattr(math, found.math), *args)
    op: Any
    for op in (np.exp, np.sin, np.cos, np.tanh, np.sqrt, np.square, np.log, np.absolute,
               np.sinh, np.reciprocal):  # fmt: skip
        yield Case(op, z(3))
    yield from (Case(np.absolute, m(3)), Case(np.absolute, m()), Case(math.log, 0.7, 2.5))
    yield Case(builtins.abs, -0.7)
    for op in (np.maximum, np.minimum, np.fmax, np.fmin):
        yield from (Case(op, m(3, 1), m(4)), Case(op, m(), m()), Case(op, m(0), m(0)))
    for op in (builtins.max, builtins.min):
        yield from (Case(op, 0.3, 0.5), Case(op, 0.3, 0.9, 0.1), Case(op, [0.3, 0.2, 0.7]))
    yield from (Case(math.hypot, 0.3, 0.4, 0.5), Case(np.nan_to_num, m(4)))
    for op in (np.add, np.subtract, np.multiply, np.divide, operator.add, operator.truediv):
        yield from (Case(op, m(3, 2), u(2)), Case(op, m(3, 1), u(1, 4)), Case(op, u(), u()))
        yield from (Case(op, z(3), z(2, 3)), Case(op, m(0, 2), u(2)))
    for op in (np.negative, np.positive):
        yield from (Case(op, m(3, 2)), Case(op, m()), Case(op, z(2)))
    yield from (Case(builtins.float, 0.3), Case(builtins.complex, 0.3, 0.4))
    yield from (Case(np.power, u(3, 1), u(4)), Case(operator.pow, u(0), u(0)))
    yield from (Case(np.power, m(4), n, fixed=(1,)) for n in (0, 1, 2, 3, -1, 4, -2))
    yield from (Case(np.power, u(4), n, fixed=(1,)) for n in (0.5, 2.5, 1.0))
    yield from (Case(operator.pow, z(4), 3, fixed=(1,)), Case(np.power, 0.4, 0.3))
    yield Case(builtins.sum, [m(2), m(2), m(2)], 0.5)
    yield from (Case(builtins.sum, m(3, 2)), Case(math.fsum, [0.2, 0.3]), Case(math.fsum, m(3)))
    yield from (Case(math.prod, [0.2, 0.0, 0.3]), Case(math.prod, m(3)))
    for op in (np.add, np.subtract, np.multiply, np.divide, np.power, np.maximum, np.minimum,
               np.hypot, np.arctan2, np.logaddexp):  # fmt: skip
        yield from (Case(op.outer, u(3), u(2)), Case(op.outer, u(2, 1), u(3)))


def product_cases() -> Iterator[Case]:
    """Products of all ranks."""
    a: Any
    b: Any
    for a, b in (((3,), (3,)), ((2, 3), (3, 4)), ((2, 3), (3,)), ((3,), (3, 2)), ((5, 2, 3), (3,)),
                 ((3,), (5, 3, 2)), ((5, 2, 3), (3, 4)), ((5, 1, 2, 3), (4, 3, 2)),
                 ((1, 1), (1, 1)), ((0, 3), (3, 2)), ((2, 0), (0, 2)), ((0,), (0,))):  # fmt: skip
        yield Case(np.matmul, m(*a), m(*b))
        if len(a) + len(b) < 7:
            yield Case(np.dot, m(*a), m(*b))
    yield from (Case(np.matmul, z(2, 3), z(3, 2)), Case(np.dot, z(3), z(3)))
    yield from (Case(np.dot, m(2, 3), m(4, 3, 2)), Case(np.dot, m(2, 4, 3), m(5, 3, 2)))
    yield from (Case(np.dot, m(), m(2, 3)), Case(np.dot, m(2), m()), Case(np.dot, m(), m()))
    for a, b in (((3,), (3,)), ((2, 3), (4, 3)), ((5, 2, 3), (3,)), ((), (2, 3)), ((2, 0), (1, 0))):
        yield Case(np.inner, m(*a), m(*b))
    yield from (Case(np.outer, m(3), m(2)), Case(np.outer, m(2, 2), m(3, 1)))
    yield from (Case(np.outer, z(3), z(2)), Case(np.outer, m(0), m(2)))
    yield from (Case(np.tensordot, m(2, 3, 4), m(3, 4, 5)), Case(np.tensordot, m(2, 3), m(3, 4), 1))
    yield Case(np.tensordot, m(2, 3, 4), m(4, 2, 3, 5), ([2, 1, 0], [0, -2, 1]))
    yield Case(np.tensordot, m(2, 3, 4), m(5, 4, 6, 2), ([0, -1], [3, 1]))
    yield from (Case(np.tensordot, m(2), m(3), 0), Case(np.tensordot, m(2, 3), m(3), (1, 0)))
    for text, *shapes in (
        ("ij,jk->ik", (2, 3), (3, 4)), ("ij,kj", (2, 3), (4, 3)), ("ii", (3, 3)),
        ("ii->i", (3, 3)), ("ij->", (2, 3)), ("ij->i", (2, 3)), ("iii->i", (2, 2, 2)),
        ("i,j,k->kji", (2,), (3,), (4,)), ("...ij,...jk->...ik", (5, 2, 3), (3, 4)),
        ("...i->...", (2, 3)), ("...,...", (1, 3), (2, 1)), ("ij,k->i", (2, 3), (4,)),
        ("ij,ij->j", (0, 3), (0, 3)), ("iij,j->i", (2, 2, 3), (3,)), (",i->i", (), (3,)),
    ):  # fmt: skip
        yield Case(np.einsum, text, *(m(*s) for s in shapes))
    yield Case(np.einsum, m(2, 3), [0, 1], m(3, 4), [1, 2], [0, 2])
    yield from (Case(np.einsum, m(2, 2), [0, 0]), Case(np.einsum, "ij,j->i", z(2, 3), z(3)))
    yield from (Case(np.cross, m(4, 3), m(4, 3)), Case(np.cross, m(3), m(3), axis=0))
    yield Case(np.cross, m(3, 4), m(4, 3), 0, 1, 0)
    for a, b in (((2, 3), (3, 2)), ((2,), (3,)), ((2, 3), (2,)), ((2,), (1, 2, 3)), ((), ())):
        yield Case(np.kron, m(*a), m(*b))
    yield from (Case(np.vdot, m(3), m(3)), Case(np.vdot, z(2, 3), z(2, 3)))
    yield from (Case(np.vdot, m(2, 3), m(3, 2)), Case(np.vdot, m(2, 3), m(6)))
    yield from (Case(np.vecdot, m(2, 3), m(3)), Case(np.vecdot, z(2, 3), z(2, 3)))
    yield Case(np.vecdot, m(3, 2), m(3, 2), axis=0)
    for a, *rest in ((m(3, 3),), (m(2, 4), 1), (m(4, 2), -1), (m(2, 3, 4), 0, 1, -1), (m(2, 2), 5)):
        yield from (Case(np.trace, a, *rest), Case(np.diagonal, a, *rest))


def reduction_cases() -> Iterator[Case]:
    """Reductions over every kind of axis."""
    op: Any
    axes: tuple[Any, ...] = (None, 0, -1, (0, 2), (), (0, 1, 2))
    for op in (np.sum, np.mean, np.prod, np.var, np.std, np.max, np.min, np.ptp, np.nansum,
               np.nanmean, np.nanmax, np.nanmin):  # fmt: skip
        for axis in axes:
            for keep in (False, True):
                if axis != () or op in (np.sum, np.prod):
                    yield Case(op, m(2, 3, 4), axis=axis, keepdims=keep)
        yield from (Case(op, m(2, 1, 3), axis=-1), Case(op, m(4), axis=0))
        if op in (np.sum, np.mean, np.prod):
            yield from (Case(op, m()), Case(op, z(2, 3), axis=0), Case(op, m(0, 2), axis=1))
        if op in (np.sum, np.prod):
            yield Case(op, m(0, 2), axis=0)
    yield Case(np.sum, m(2, 3), axis=0, where=np.array([True, False, True]))
    for op in (np.var, np.std):
        yield from (Case(op, m(2, 3), axis=0, ddof=1), Case(op, z(2, 3), axis=1, keepdims=True))
    zeros = np.array([[0.0, 2.0, 3.0], [0.0, 0.0, 1.5], [1.0, 2.0, 3.0]])
    yield from (Case(np.prod, zeros, axis=axis) for axis in (None, 0, 1, (1, 0)))
    for op in (np.cumsum, np.cumprod):
        for axis in (None, 0, 1, -1):
            yield from (Case(op, m(3, 4), axis=axis), Case(op, zeros, axis=axis))
        yield from (Case(op, m(0, 2), axis=0), Case(op, m(1, 2), axis=0), Case(op, z(3)))
    for axis in (None, 0, -1):
        for keep in (False, True):
            for q in (0.3, 0.5, np.array([0.0, 0.4, 1.0])):
                yield Case(np.quantile, m(3, 4), q, axis=axis, keepdims=keep, fixed=(1,))
            yield Case(np.percentile, m(3, 5), 35.0, axis=axis, keepdims=keep, fixed=(1,))
            yield Case(np.median, m(3, 4), axis=axis, keepdims=keep)
            yield Case(np.average, m(3, 4), axis=axis, keepdims=keep)
    yield from (Case(np.average, m(3, 4), axis, u(3, 4)) for axis in (None, 0, 1))
    yield from (Case(np.average, m(3, 4), 0, u(3)), Case(np.average, m(3, 4), 1, u(4)))


def shape_cases() -> Iterator[Case]:
    """Shapes, joins, splits and selections."""
    op: Any
    a, b = m(2, 3, 4), m(2, 3)
    for order in ("C", "F"):
        yield from (Case(np.reshape, a, (4, 6), order=order), Case(np.ravel, a, order=order))
    yield from (Case(np.reshape, m(0, 3), (3, 0)), Case(np.reshape, m(), (1, 1)))
    yield from (Case(np.transpose, a), Case(np.transpose, a, (1, 2, 0)))
    yield from (Case(np.transpose, a, (-1, 0, 1)), Case(np.swapaxes, a, 0, -1))
    yield from (Case(np.moveaxis, a, 0, -1), Case(np.moveaxis, a, (0, 1), (2, 0)))
    yield from (Case(np.rollaxis, a, i, j) for i in (0, 1, 2) for j in (0, 1, 2, 3))
    yield from (Case(np.matrix_transpose, a), Case(np.expand_dims, a, (0, 2)))
    yield from (Case(np.squeeze, m(1, 3, 1)), Case(np.squeeze, m(1, 3, 1), 0))
    for op in (np.atleast_1d, np.atleast_2d, np.atleast_3d):
        yield from (Case(op, m()), Case(op, m(3)), Case(op, b))
    yield from (Case(np.broadcast_to, m(3), (2, 3)), Case(np.broadcast_to, m(2, 1), (4, 2, 3)))
    yield from (Case(np.flip, a), Case(np.flip, a, 1), Case(np.flip, a, (0, 2)))
    yield from (Case(np.fliplr, b), Case(np.flipud, b))
    yield from (Case(np.rot90, b), Case(np.rot90, a, 3, (2, 0)))
    yield from (Case(np.roll, a, 2), Case(np.roll, a, -1, 1), Case(np.roll, a, (1, 2), (0, 2)))
    yield from (Case(np.repeat, b, 2), Case(np.repeat, b, 3, 0), Case(np.repeat, b, 0, 1))
    yield from (Case(np.repeat, b, np.array([2, 0, 1]), 1), Case(np.repeat, m(2, 2), [1, 2, 0, 3]))
    for reps in (2, (2, 1), (2, 1, 3), (0, 1), (1, 2)):
        yield from (Case(np.tile, m(3), reps), Case(np.tile, b, reps), Case(np.tile, a, reps))
    for axis in (0, 1, -1, None):
        yield Case(np.concatenate, [b, m(2, 3)], axis)
    yield from (Case(np.concatenate, [m(2, 0), m(2, 3)], 1), Case(np.concatenate, a, 1))
    yield from (Case(np.concatenate, a), Case(np.concatenate, [z(2), z(1)]))
    yield from (Case(np.stack, [b, m(2, 3)], i) for i in (0, 1, -1))
    yield from (Case(np.stack, a, 1), Case(np.stack, [0.3, 0.4]))
    for op in (np.vstack, np.hstack, np.dstack, np.column_stack):
        yield from (Case(op, [m(3), m(3)]), Case(op, [b, m(2, 3)]))
    yield from (Case(np.vstack, [m(3), b]), Case(np.column_stack, [m(2), b]))
    yield from (Case(np.append, b, m(2)), Case(np.append, b, m(1, 3), 0))
    yield from (Case(np.split, m(6), 3), Case(np.split, b, [1, 2], 1), Case(np.hsplit, b, 3))
    yield from (Case(np.array_split, m(5), 2), Case(np.vsplit, b, 2), Case(np.hsplit, m(4), 2))
    yield from (Case(np.unstack, b), Case(np.unstack, b, axis=1))
    for width in (1, (1, 2), ((1, 0), (0, 2)), ((1, 2),)):
        yield Case(np.pad, b, width)
    yield from (Case(np.pad, b, 1, constant_values=3.0), Case(np.pad, m(0), (2,)))
    yield from (Case(np.copy, a), Case(np.asarray, a), Case(np.astype, a, float))
    yield Case(np.asarray, [[0.1, 0.2], [0.3, 0.4]])
    for axis in (0, -1):
        yield from (Case(np.diff, m(3, 4), n, axis) for n in (0, 1, 2))
    yield from (Case(np.diff, m(1, 3), axis=0), Case(np.ediff1d, m(2, 3)))
    for k in (0, 1, -2):
        yield from (Case(op, v, k) for op in (np.diag, np.diagflat) for v in (m(3),))
        yield from (Case(np.diag, b, k), Case(np.diag, m(4, 2), k))
        yield from (Case(op, v, k) for op in (np.triu, np.tril) for v in (m(3), b, a))
    mask = np.array([[True], [False]])
    yield from (Case(np.where, mask, b, m(3)), Case(np.where, mask, 0.3, b))
    for low, high in ((-0.5, 0.5), (None, 0.2), (0.1, None)):
        yield Case(np.clip, b, low, high)
    yield Case(np.clip, b, min=-0.2, max=0.3)
    yield Case(np.clip, b, m(3) - 1.0, u(2, 1))
    for op in (np.real, np.imag, np.conjugate):
        yield from (Case(op, m(3)), Case(op, z(2, 3)), Case(op, z()))
    index = np.array([[0, 2], [2, 1]])
    yield from (Case(np.take, a, index), Case(np.take, a, index, 1), Case(np.take, a, -1, -1))
    yield Case(np.take_along_axis, b, np.array([[0, 0, 2], [1, 1, 1]]), 1)
    yield from (Case(np.sort, b), Case(np.sort, b, 0), Case(np.sort, b, None), Case(np.sort, m(0)))
    yield Case(np.compress, np.array([True, False, True]), b, 1)


def toolbox_cases() -> Iterator[Case]:
    """The toolbox's own operations."""
    a, b = m(3, 4), u(3, 4)
    yield from (Case(toolbox.broadcast_like, m(4), a, fixed=(1,)), Case(toolbox.scan, a, b, 0))
    yield from (Case(toolbox.reshape_like, m(12), a, fixed=(1,)), Case(toolbox.scan, a, b, -1))
    yield from (Case(toolbox.expand, m(4), a, 0, fixed=(1,)), Case(toolbox.safe_divide, a, b))
    yield from (Case(toolbox.select, a > 0, b), Case(toolbox.part, a, 1, 3, 1))
    yield Case(toolbox.scatter_part, a, 1, 3, 1, m(3, 2), fixed=(0,))
    yield Case(toolbox.scatter, a, np.array([0, 2, 0]), m(3, 4), fixed=(0,))
    yield Case(toolbox.scatter_along, a, np.array([[0, 0], [1, 3], [2, 2]]), m(3, 2), 1, fixed=(0,))
    yield Case(toolbox.scatter_diagonal, a, m(3), fixed=(0,))
    yield from (Case(toolbox.cofactor, m(3, 3)), Case(toolbox.cofactor, m(2, 3, 3)))


def linalg_cases() -> Iterator[Case]:
    """Matrices, batched and not."""
    order: Any
    for a in (m(3, 3), m(2, 3, 3), m(1, 1), m(2, 2, 2, 2), z(2, 2)):
        yield from (Case(op, a) for op in (LIB.det, LIB.inv, LIB.pinv))
        yield Case(LIB.matrix_power, a, 3)
        if not np.iscomplexobj(a):
            yield Case(LIB.slogdet, a)
    yield from (Case(LIB.matrix_power, m(2, 2), n) for n in (0, 1, -2))
    yield Case(LIB.det, np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [0.0, 1.0, 1.5]]))
    yield from (Case(LIB.pinv, m(3, 2)), Case(LIB.pinv, m(2, 2, 4)), Case(LIB.pinv, z(3, 2)))
    for a, b in ((m(3, 3), m(3)), (m(3, 3), m(3, 2)), (m(2, 3, 3), m(3)), (m(2, 3, 3), m(3, 1)),
                 (m(3, 3), m(2, 3, 2)), (z(2, 2), z(2))):  # fmt: skip
        yield Case(LIB.solve, a, b)
    orders = (None, 1, 2, 3, 4, 1.5, np.inf, -np.inf, 0.5, -1)
    for order in orders:
        for keep in (False, True):
            yield Case(LIB.norm, m(2, 3), order, 0, fixed=(1,), keepdims=keep)
            yield Case(LIB.norm, m(2, 3), order, 1, fixed=(1,), keepdims=keep)
        yield from (Case(LIB.norm, v, order, fixed=(1,)) for v in (m(4), z(4)))
    for order in (None, "fro", "nuc", 1, 2, -1, -2, np.inf, -np.inf):
        for keep in (False, True):
            yield Case(LIB.norm, m(2, 3, 4), order, (2, 0), fixed=(1,), keepdims=keep)
        yield from (Case(LIB.norm, v, order, fixed=(1,)) for v in (m(2, 3), z(3, 2)))
    yield from (Case(LIB.norm, m(2, 3, 2)), Case(LIB.norm, m(1, 1)), Case(LIB.norm, m(4), 0))
    yield from (Case(LIB.vector_norm, m(2, 3)), Case(LIB.vector_norm, m(2, 3), axis=0, ord=3))
    yield from (Case(LIB.matrix_norm, m(2, 3)), Case(LIB.matrix_norm, m(2, 2, 3), ord="nuc"))
    for a in (spd(3), spd(2, 2)):
        yield from (Case(LIB.cholesky, a), Case(LIB.cholesky, a, upper=True))
        yield from (Case(op, a, "U") for op in (LIB.eigh, LIB.eigvalsh))
        yield from (Case(op, a) for op in (LIB.eigh, LIB.eigvalsh, LIB.eig, LIB.eigvals))
    c = z(3, 3)
    yield from (Case(op, c @ np.conj(c.T) + np.eye(3)) for op in (LIB.cholesky, LIB.eigvalsh))
    yield Case(LIB.eigvals, np.array([[0.3, 1.0], [-2.0, 0.1]]))
    for a in (m(3, 3), m(4, 2), m(2, 4), m(2, 3, 2)):
        yield from (Case(LIB.svd, a, False), Case(LIB.svd, a, compute_uv=False))
        if a.shape[-2] >= a.shape[-1]:
            yield from (Case(LIB.qr, a), Case(LIB.qr, a, mode="r"))
    yield Case(LIB.svd, z(3, 2), compute_uv=False)
    yield from (Case(LIB.lstsq, m(4, 2), m(4)), Case(LIB.lstsq, m(2, 3), m(2, 2)))


def numeric_cases() -> Iterator[Case]:
    """Interpolation, convolution and the like."""
    grid = np.array([0.1, 0.3, 0.35, 0.8])
    yield from (Case(np.interp, x, grid, m(4)) for x in (u(5), u(2, 2), np.array([-0.2, 0.5, 1.4])))
    for mode in ("full", "same", "valid"):
        yield Case(np.convolve, m(6), m(3), mode=mode)
        yield Case(np.convolve, m(4), m(5), mode=mode)
        yield Case(np.correlate, m(6), m(3), mode=mode)
    yield from (Case(np.cov, m(3, 5)), Case(np.cov, m(5, 3), rowvar=False), Case(np.cov, m(5)))
    yield from (Case(np.cov, m(3, 5), bias=True), Case(np.cov, m(3, 5), ddof=0))
    yield from (Case(np.trapezoid, m(5)), Case(np.trapezoid, m(3, 4), dx=0.1, axis=0))
    yield from (Case(np.trapezoid, m(3, 4), m(4)), Case(np.trapezoid, m(3, 4), m(3), axis=0))
    yield from (Case(np.trapezoid, m(3, 4), m(3, 4)), Case(np.trapezoid, m(5), None, 0.3))
    yield from (Case(np.polyval, m(4), m(3)), Case(np.polyval, m(1), m()))
    yield Case(np.polyval, m(3), m(2, 2))
    yield from (Case(np.full, (2, 3), 0.3), Case(np.full, (2, 3), m(3)))
    yield from (Case(np.full_like, m(2, 3), m(3), fixed=(0,)), Case(np.linspace, 0.1, 0.7, 5))
    yield from (Case(np.linspace, m(2, 2), m(2, 2), 4), Case(np.linspace, m(), m(), 4, False))
    yield from (Case(np.matvec, m(2, 3, 4), m(4)), Case(np.matvec, m(3, 4), m(2, 4)))
    yield from (Case(LIB.svdvals, m(2, 3, 2)), Case(LIB.multi_dot, [m(2, 3), m(3, 4), m(4, 2)]))
    yield from (Case(LIB.multi_dot, [m(3), m(3, 4), m(4)]), Case(np.amax, m(3)))


CASES: list[Case] = [
    *elementwise_cases(), *product_cases(), *reduction_cases(), *shape_cases(), *toolbox_cases(),
    *linalg_cases(), *numeric_cases(), *more_cases(), *scipy_cases(),
]  # fmt: skip
