"""Every rule against central differences, on plain arrays."""

from __future__ import annotations

import builtins
import math
import operator
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import numpy as np
import pytest

import s2sgrad.rules  # noqa: F401
from s2sgrad.rules import toolbox
from s2sgrad.rules.formulas import FORMULAS
from s2sgrad.rules.registry import RULES, can_push, canonical, entry, lookup, pullback, pushforward

pytestmark = pytest.mark.filterwarnings("error")

LIB = np.linalg
random = np.random.default_rng(7)


class Case:
    """One call: positional arguments, keyword arguments, constant positions, answers to vary."""

    def __init__(self, op: Any, *args: Any, fixed: tuple[int, ...] = (), **kwargs: Any) -> None:
        """Record the call."""
        self.op, self.args, self.fixed, self.kwargs = op, args, fixed, kwargs
        shapes = ",".join(str(np.shape(a)) for a in args if isinstance(a, np.ndarray | float))
        module = getattr(op, "__module__", "") or ""
        self.id = f"{module}.{getattr(op, '__name__', op)}-{shapes}-{kwargs}"


def m(*shape: int) -> Any:
    """Normal numbers."""
    return random.normal(size=shape)


def u(*shape: int) -> Any:
    """Numbers between 0.2 and 0.9."""
    return random.uniform(0.2, 0.9, size=shape)


def z(*shape: int) -> Any:
    """Complex normal numbers."""
    return m(*shape) + 1j * m(*shape)


def spd(n: int, *batch: int) -> Any:
    """Symmetric positive definite matrices."""
    a = m(*batch, n, n)
    return a @ np.swapaxes(a, -1, -2) + n * np.eye(n)


def elementwise_cases() -> Iterator[Case]:
    """Every formula on arrays of several shapes, and on numbers for `math`."""
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
    *linalg_cases(), *numeric_cases(),
]  # fmt: skip


def varies(value: Any) -> bool:
    """Tell whether an argument is differentiable."""
    if isinstance(value, list | tuple):
        return len(value) > 0 and all(varies(v) for v in value)
    return isinstance(value, float) or getattr(value, "dtype", np.dtype(int)).kind in "fc"


def each(fn: Callable[..., Any], *values: Any) -> Any:
    """Apply `fn` to the leaves of equally nested lists."""
    if isinstance(values[0], list | tuple):
        return [each(fn, *items) for items in zip(*values, strict=True)]
    return fn(*values)


def direction(value: Any) -> Any:
    """Return a random direction of the shape and kind of `value`."""
    if isinstance(value, list | tuple):
        return [direction(v) for v in value]
    if isinstance(value, float) and not isinstance(value, np.floating):
        return float(random.normal())
    made = random.normal(size=np.shape(value))
    return made + 1j * random.normal(size=np.shape(value)) if np.iscomplexobj(value) else made


def unbroadcast(g: Any, like: Any) -> Any:
    """Sum the axes over which `like` was broadcast."""
    shape = np.shape(like)
    g = np.sum(g, axis=tuple(range(max(0, np.ndim(g) - len(shape)))))
    axes = tuple(i for i, n in enumerate(shape) if n == 1 and np.shape(g)[i] != 1)
    return np.sum(g, axis=axes, keepdims=True)


def pair(g: Any, t: Any) -> float:
    """Return the real part of the plain (unconjugated) pairing of nested values."""
    if g is None:
        return 0.0
    if isinstance(t, list | tuple):
        return math.fsum(pair(a, b) for a, b in zip(g, t, strict=True))
    fixed = unbroadcast(g, t)
    assert np.shape(fixed) == np.shape(t), f"cotangent {np.shape(g)} for {np.shape(t)}"
    return float(np.real(np.sum(fixed * t)))


def seeds(out: Any, op: Any) -> Any:
    """Return a random cotangent; the outputs without a rule get None."""
    g = each(direction, each(lambda o: o, out) if isinstance(out, tuple | list) else out)
    if op is LIB.slogdet:
        g[0] = None
    if op is LIB.lstsq:
        g[1:] = [None] * 3
    return g


def check(case: Case, args: tuple[Any, ...], tolerance: float = 3e-6) -> None:
    """Compare the vjp, and the tangent if there is one, with central differences."""
    live = [i for i, a in enumerate(args) if varies(a) and i not in case.fixed]
    moves = [direction(a) if i in live else None for i, a in enumerate(args)]
    record = entry(canonical(case.op))
    out = case.op(*args, **case.kwargs)
    g = seeds(out, case.op)
    step = 1e-6

    def at(h: float) -> Any:
        """Evaluate at a shifted point."""
        return case.op(
            *(each(lambda a, t: a + h * t, a, t) if t is not None else a
              for a, t in zip(args, moves, strict=True)),
            **case.kwargs,
        )  # fmt: skip

    high, low = at(step), at(-step)
    slope = each(lambda p, n: (p - n) / (2 * step), high, low)
    if isinstance(slope, list) and isinstance(g, list):
        expected = sum(pair(a, b) for a, b in zip(g, slope, strict=True) if a is not None)
    else:
        expected = pair(g, slope)
    found = pullback(record, g, out, args, case.kwargs)
    total = sum(pair(found[i], moves[i]) for i in live)
    scale = 1.0 + abs(expected)
    assert abs(total - expected) < tolerance * scale, (total, expected)
    if can_push(record):
        tangent = pushforward(record, out, moves, args, case.kwargs)
        each(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5), tangent, slope)
        each(lambda a, b: np.testing.assert_equal(np.shape(a), np.shape(b)), tangent, slope)


def layout(value: Any, kind: str) -> Any:
    """Return the same array in Fortran order or as a strided view."""
    if not isinstance(value, np.ndarray) or value.ndim == 0:
        return value
    if kind == "fortran":
        return np.asfortranarray(value)
    wide = np.repeat(value, 2, axis=-1)[..., ::-1]
    return wide[..., ::-1][..., ::2]


@pytest.mark.parametrize("kind", ["plain", "fortran", "strided"])
@pytest.mark.parametrize("case", CASES, ids=lambda c: c.id)
def test_rule(case: Case, kind: str) -> None:
    """The rule agrees with differences, whatever the layout."""
    args = case.args
    if kind != "plain":
        if not any(isinstance(a, np.ndarray) and a.ndim for a in args):
            pytest.skip("no array to lay out")
        args = tuple(layout(a, kind) for a in args)
    check(case, args)


class Symbol(np.lib.mixins.NDArrayOperatorsMixin):
    """A stand-in for the compiler's symbolic value: records ops, refuses all shortcuts.

    It computes as it records, so that answers can be compared.
    """

    recorded: ClassVar[set[Any]] = set()

    def __init__(self, value: Any) -> None:
        """Hide an array."""
        self.value = value

    def __s2s_record__(self, fn: Any, args: Any, kwargs: Any) -> Any:
        """Record and compute a call; static facts stay plain."""
        with np.errstate(all="ignore"):
            out = fn(*bare(args), **bare(kwargs))
        if fn is toolbox.is_complex:
            return out
        Symbol.recorded.add(fn)
        return wrap(out)

    def __array_ufunc__(self, ufunc: Any, method: str, *args: Any, **kwargs: Any) -> Any:
        """Record a ufunc."""
        assert method == "__call__"
        return self.__s2s_record__(ufunc, args, kwargs)

    def __array_function__(self, fn: Any, types: Any, args: Any, kwargs: Any) -> Any:
        """Record a NumPy function; the rank is static, the shape is not for rules."""
        assert fn not in (np.shape, np.size), "shapes enter through the toolbox only"
        return np.ndim(self.value) if fn is np.ndim else self.__s2s_record__(fn, args, kwargs)

    def __getitem__(self, index: Any) -> Any:
        """Record an item."""
        return wrap(self.value[bare(index)])

    @property
    def T(self) -> Any:
        """Record a transpose."""
        return self.__s2s_record__(np.transpose, (self,), {})

    def refuse(self, *args: Any) -> Any:
        """Refuse to become a Python or NumPy value."""
        raise TypeError("a symbol is not a value")

    __array__ = __bool__ = __iter__ = __len__ = __float__ = __int__ = __index__ = refuse
    __setitem__ = refuse


def bare(value: Any) -> Any:
    """Take the symbols out of a nested value."""
    if isinstance(value, list | tuple):
        return type(value)(bare(v) for v in value)
    if isinstance(value, dict):
        return {k: bare(v) for k, v in value.items()}
    return value.value if isinstance(value, Symbol) else value


def wrap(value: Any) -> Any:
    """Hide every array of a nested value."""
    if isinstance(value, list | tuple):
        return [wrap(v) for v in value]
    return None if value is None else Symbol(value)


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.id)
def test_rule_with_symbols(case: Case) -> None:
    """The rule runs on symbols, and gives what it gives on arrays."""
    out = case.op(*case.args, **case.kwargs)
    g = seeds(out, case.op)
    args = [
        wrap(a) if varies(a) and i not in case.fixed else a for i, a in enumerate(case.args)
    ]
    record = entry(canonical(case.op))
    expected = pullback(record, g, out, case.args, case.kwargs)
    found = bare(pullback(record, wrap(g), wrap(out), args, case.kwargs))
    for i, a in enumerate(case.args):
        if varies(a) and i not in case.fixed and expected[i] is not None:
            each(lambda p, q: np.testing.assert_allclose(p, q, 1e-9, 1e-9), found[i], expected[i])


def test_recorded_ops_have_rules() -> None:
    """What rules emit can be differentiated again."""
    for case in CASES:
        test_rule_with_symbols(case)
    missing = {fn for fn in Symbol.recorded if lookup(fn) is None}
    assert missing == set()


def test_every_rule_has_a_case() -> None:
    """No op with a derivative goes untested."""
    tested = {canonical(c.op) for c in CASES}
    missing = [op for op, found in RULES.items() if not found.zero and op not in tested]
    assert missing == []


def test_symbols_record_toolbox_calls() -> None:
    """A symbolic argument, also inside a list, records the call."""

    class Recorder:
        """Answers with what it was asked."""

        def __s2s_record__(self, fn: Any, args: Any, kwargs: Any) -> Any:
            """Return the call."""
            return fn, args, kwargs

    s = Recorder()
    recorded: Any = toolbox.length(s, 1)
    assert recorded == (toolbox.length, (s, 1), {})
    assert toolbox.call(math.erf, s) == (math.erf, (s,), {})
    assert toolbox.scatter(1.0, [s], 2.0)[0] is toolbox.scatter


def one(op: Any, *args: Any, **kwargs: Any) -> Any:
    """Return the cotangents for a cotangent of ones."""
    out = op(*args, **kwargs)
    return pullback(entry(canonical(op)), np.ones_like(out), out, args, kwargs)


def test_conventions() -> None:
    """Ties, bounds and zeros."""
    x = np.array([1.0, 3.0, 3.0])
    np.testing.assert_array_equal(one(np.max, x)[0], [0, 0.5, 0.5])
    assert one(builtins.max, 2.0, 2.0) == (0.5, 0.5)
    np.testing.assert_array_equal(one(np.maximum, x, 3.0)[0], [0, 0.5, 0.5])
    np.testing.assert_array_equal(one(np.clip, x, 1.0, 2.0)[0], [1, 0, 0])
    np.testing.assert_array_equal(one(np.absolute, np.array([-1.0, 0.0]))[0], [-1, 0])
    np.testing.assert_array_equal(one(np.std, np.ones(3))[0], np.zeros(3))
    for order in (None, 1, 2, 3, 1.5, np.inf):
        np.testing.assert_array_equal(one(LIB.norm, np.zeros(3), order)[0], np.zeros(3))
    np.testing.assert_array_equal(one(np.power, np.array([0.0, 2.0]), 2)[0], [0, 4])
    np.testing.assert_array_equal(one(np.power, np.zeros(2), np.array([0.0, 1.0]))[0], [0, 1])


def test_complex_svd_of_an_invariant() -> None:
    """The complex formula on a function that does not depend on the phases."""
    a, t, w = z(4, 3), z(4, 3), z(4, 3)

    def f(x: Any) -> Any:
        """Return w paired with U sqrt(s) Vh."""
        u_, s, vh = LIB.svd(x, full_matrices=False)
        return np.real(np.sum(w * ((u_ * np.sqrt(s)) @ vh)))

    u_, s, vh = LIB.svd(a, full_matrices=False)
    gu, gvh = (w @ vh.T) * np.sqrt(s), (u_ * np.sqrt(s)).T @ w
    gs = np.real(np.sum(u_ * (w @ vh.T), axis=0)) * 0.5 / np.sqrt(s)
    ga = entry(LIB.svd).vjp((gu, gs, gvh), (u_, s, vh), a, False)  # type: ignore[misc]
    slope = (f(a + 1e-6 * t) - f(a - 1e-6 * t)) / 2e-6
    assert abs(np.real(np.sum(ga * t)) - slope) < 1e-6
