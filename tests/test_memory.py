"""Every way to name memory twice, and every way to write: right or refused, never wrong.

The tables are Python; what NumPy itself rejects for these shapes is left out by the test.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from s2sgrad import value_and_grad, vjp
from s2sgrad.errors import DifferentiationError
from tests.passes import function

W = np.random.default_rng(0).standard_normal(64)
X = np.array([[0.31, -0.72, 1.13], [-0.24, 0.87, 0.44]])
Y = 1.3

# `z` is ...: a view, a copy, or it depends.
VIEWS = """
x
x[...]
x[:]
x[1:]
x[None]
x.T
np.transpose(x)
x.transpose(1, 0)
np.swapaxes(x, 0, 1)
x.swapaxes(0, 1)
np.moveaxis(x, 0, 1)
np.rollaxis(x, 1)
np.matrix_transpose(x)
x.mT
np.squeeze(x[None])
x[None].squeeze()
x[None].squeeze(axis=0)
np.expand_dims(x, 0)
np.reshape(x, (-1,))
x.reshape(-1)
x.reshape(2, 3, 1)
x.ravel()
np.ravel(x)
x.flatten()
x.copy()
np.array(x)
np.array(x, copy=False)
np.array(x, copy=None)
np.asarray(x)
np.asanyarray(x)
np.ascontiguousarray(x)
np.asfortranarray(x)
np.require(x)
x.view()
x.astype(float)
x.astype(float, copy=False)
x.astype(x.dtype, copy=False)
np.real(x)
x.real
np.atleast_1d(x)
np.atleast_2d(x)
np.atleast_3d(x)
np.flip(x)
np.flipud(x)
np.fliplr(x)
np.rot90(x)
np.rot90(x, 4)
np.diagonal(x)
x.diagonal()
np.diag(x)
np.broadcast_to(x, (2, 3))
np.broadcast_arrays(x, x)[0]
np.split(x, 2)[0]
np.array_split(x, 2)[1]
np.vsplit(x, 2)[0]
np.hsplit(x, 3)[1]
np.dsplit(x[:, :, None], 1)[0]
np.unstack(x)[0]
np.nan_to_num(x, copy=False)
np.nan_to_num(x)
np.lib.stride_tricks.sliding_window_view(x, 2, axis=1)
np.positive(x)
+x
np.copy(x)
x.conj()
np.conj(x)
np.conjugate(x)
x.take([0, 1], axis=0)
np.take(x, np.array([0, 1]), axis=0)
x[np.array([0, 1])]
x[x > -100.0]
x if y > 0 else x * 2.0
x if y > 0 else x.copy()
(x, x * 2.0)[0]
[x, x * 2.0][0]
{"k": x}["k"]
(lambda a: a)(x)
(lambda a, b: a if b > 0 else 2.0 * a)(x, y)
np.stack([x])[0]
np.concatenate([x])
np.round(x)
np.clip(x, -9.0, 9.0)
np.where(True, x, x)
np.squeeze(x)
np.sort(x)
np.tril(x)
np.resize(x, (2, 3))
np.trim_zeros(x[0])
np.unwrap(x)
np.roll(x, 0)
np.tile(x, 1)
np.repeat(x, 1)
np.block([x])
np.vstack([x])
np.fft.fftshift(x)
np.delete(x, 0, axis=0)
np.append(x, 1.0)
np.insert(x, 0, 1.0)
np.linalg.matrix_transpose(x)
np.permute_dims(x, (1, 0))
np.astype(x, np.float64, copy=False)
x.__array__()
max(x, x, key=np.sum)
next(iter([x]))
x.reshape(x.shape)
np.reshape(x, x.shape, copy=False)
np.expand_dims(x, (0, 2))
np.matrix.transpose(x)
x.swapaxes(0, 1).T
x.T.reshape(-1)
x.T.ravel()
x.T.ravel(order="F")
x[:, ::2].ravel()
x[0]
x[0, :2]
x[..., 0]
x[-1:, 1:]
x[0].reshape(3, 1)
np.ndarray.view(x)
np.compress([True, True], x, axis=0)
np.extract(x > -9, x)
np.choose(0, [x])
np.select([x > -99], [x])
np.piecewise(x, [x > -99], [1.0])
np.fmax(x, x)
np.interp(x, [0.0, 1.0], [0.0, 1.0])
np.pad(x, 0)
np.triu(x)
np.cumsum(x, axis=0)
np.diff(x, n=0)
np.ediff1d(x)
np.gradient(x)[0]
np.squeeze(x, axis=())
np.sum(x, axis=())
np.max(x, axis=())
np.mean(x, axis=())
np.asarray_chkfinite(x)
np.vectorize(lambda a: a)(x)
np.linalg.matrix_power(x[:, :2], 1)
np.apply_along_axis(np.sort, 0, x)
np.einsum("ij->ji", x)
np.einsum("ij->ij", x)
np.einsum("ij", x)
np.einsum("ii->i", x[:, :2])
np.tensordot(x, 1.0, 0)
np.rollaxis(x, 0)
np.lib.stride_tricks.as_strided(x, (2,), (8,))
np.ndarray.__getitem__(x, 0)
x.__getitem__(0)
getattr(x, "T")
np.fft.ifftshift(x)
np.kron(1.0, x)
np.squeeze(np.split(x, [1])[0])
np.full((2, 3), 1.0, order="F")
np.full((2, 3), 1.0, None, "F")
np.ones((2, 3))
x.copy("F")
x.copy(order="K")
"""
# What is written through `z`, or to `x`.
WRITES = """
z[...] = 2.0 * y
z *= y
z += 1.0
z.fill(3.0)
np.copyto(z, 4.0)
np.tanh(z, out=z)
np.multiply(z, y, out=z)
z.sort()
np.add.at(z, 0, y)
z[0] = y * y
z.flat[0] = y
np.place(z, z > -9, [1.0])
np.putmask(z, z > -9, 1.0)
np.cumsum(z, axis=0, out=z)
np.clip(z, -0.1, 0.1, out=z)
z.clip(-0.1, 0.1, out=z)
np.round(z, out=z)
np.negative(z, z)
np.nan_to_num(z, copy=False, nan=1.0)
np.random.shuffle(z)
z.partition(0)
z.resize(z.shape)
z.itemset(0, 1.0)
z.put(0, 3.0)
np.fill_diagonal(z, 3.0)
np.put(z, 0, 3.0)
np.einsum("...->...", 2.0 * z, out=z)
np.add.reduce(z[None], out=z)
np.exp(z, out=(z,))
z.cumsum(axis=0, out=z)
z -= x.sum()
z @= np.eye(3)
z **= 2
z /= y
z //= 3.0
z %= 0.3
z.__setitem__(0, y)
z.__iadd__(y)
operator.iadd(z, y)
operator.setitem(z, 0, y)
np.maximum(z, 0.1, z)
np.add.accumulate(z, out=z)
np.take(2.0 * z, np.array([0, 1]), axis=0, out=z)
np.dot(z, np.eye(3), out=z)
np.matmul(z, np.eye(3), out=z)
np.sum(z[None], axis=0, out=z)
np.mean(z[None], axis=0, out=z)
np.max(z[None], axis=0, out=z)
np.concatenate([2.0 * z], out=z)
np.stack([3.0 * y * z[0], z[1]], out=z)
np.divmod(z, 0.3, out=(z, z))
np.modf(z, z)
np.frexp(z, z)
np.choose(0, [2.0 * z], out=z)
np.compress([True, True], 2.0 * z, axis=0, out=z)
np.linalg.norm(z)
np.require(z)
np.put_along_axis(z, np.array([[0], [1]]), 3.0, axis=1)
np.nan_to_num(z, False, 1.0)
z.setfield(1.0, float)
z.byteswap(True)
np.outer(z[0], z[1][:2], out=z)
np.copyto(z, y, where=z > 0)
np.add(z, y, where=z > 0, out=z)
z.T[...] = y
z.reshape(-1)[0] = y
z.ravel()[0] = y
z[0][1] = y
z[:, 1][0] = y
(z if y > 0 else x)[0] = y
[z][0][0] = y
z[0], z[1] = z[1], z[0]
z[0], z[1] = z[1].copy(), z[0].copy()
z[[0, 1]] = z[[1, 0]]
z[z > 0] *= y
z[z > 0] = y
z[np.array([0, 0])] += y
z[:] = z[::-1]
z[1:] += z[:-1]
z[::-1] += z
for r in z: r *= y
for r in z: r[0] = y
for i, r in enumerate(z): r += i * y
for r, s in zip(z, z): r += y * s
for r in reversed(z): r *= y
for r in z.T: r *= y
for r in [z, x]: r *= y
for r in (z[0], z[1]): r[0] = y
a, b = z; a *= y
a, *b = z; b[0][0] = y
a = b = z; a[0] = y
(a := z); a[0] = y
a = [z]; a[0][0] = y
a = {"k": z}; a["k"][0] = y
a = {"k": z}; a["k"] *= y
a = [z]; a[0] *= y
a = (z, y); b = a[0]; b *= y
a = []; a.append(z); a[0][0] = y
a = []; a.append(z); b = a[-1]; b[0] = y
a = []; a.append(z); z[0] = y; x = a[0] + x
a = [r for r in z]; a[0] *= y
a = list(z); a[0] *= y
a = z; a = a + 1.0; a[0] = y
h = lambda q: q.fill(y); h(z)
del z[0]
w = z.reshape(-1); w[1] = y
w = np.ravel(z); w[1] = y
w = z[1:]; w[np.array([0, 0])] += y
w = z[:, 1:]; w[np.array([0, 0])] = y * x[:2, 1:2]
w = z.T; w[np.array([1, 1])] = y * w[:2]
w = z[:, :2]; w[np.array([0, 0])] = y * w[::-1]
w = z[:, :2]; z = w[np.array([0, 0])] * y
w = z[:, :2]; w[w > 0] = y
"""
# What people write daily must not be refused.
SURELY = """
x
x[...]
x[1:]
x[None]
x.T
x.copy()
x[0]
x[..., 0]
np.array(x)
x.transpose(1, 0)
(x, x * 2.0)[0]
x[np.array([0, 1])]
np.tril(x)
np.clip(x, -9.0, 9.0)
x.conj()
np.conj(x)
"""
PROGRAM = """
def total(a):
    flat = np.reshape(a.copy() * 1.0, (-1,))
    return np.sum(flat * flat * W[: np.size(a)])


def f(x, y):
    q = np.sum(x * 0.3)
    z = {view}
    {write}
    return total(x) + total(z) + q
"""


def lines(table: str) -> list[str]:
    return table.strip().splitlines()


def judge(view: str, write: str, order: Any = "C") -> str:
    """`right`, `refused`, or `invalid`, which is what NumPy itself rejects; else it fails."""
    source = PROGRAM.format(view=view, write=write)
    f = function(source)
    f.__globals__.update(W=W)

    def at(t: float) -> float:
        return float(f(np.array(X + t * along, order=order), Y + 0.7 * t))

    along = np.random.default_rng(1).standard_normal(X.shape)
    try:
        want = at(0.0)
        slope = (at(1e-6) - at(-1e-6)) / 2e-6
    except (TypeError, ValueError, IndexError, AttributeError, NameError, np.exceptions.AxisError):
        return "invalid"
    x = np.array(X, order=order)
    try:
        value, (gx, gy) = value_and_grad(f, (0, 1))(x, Y)
    except DifferentiationError:
        return "refused"
    np.testing.assert_array_equal(x, X)
    assert value == pytest.approx(want, rel=1e-10), source
    assert np.sum(gx * along) + 0.7 * gy == pytest.approx(slope, rel=1e-5, abs=1e-6), source
    return "right"


@pytest.mark.parametrize("view", lines(VIEWS))
@pytest.mark.filterwarnings("ignore")  # of NumPy, for the many ways to do it
def test_names_of_the_same_memory(view: str) -> None:
    """A write to either is seen, or not, through the other."""
    writes = ["z[...] = 2.0 * y", "x[0, 0] = y * x[1, 1]", "z *= y", "x *= y"]
    found = [judge(view, write, order) for write in writes for order in "CF"]
    if view in lines(SURELY):
        assert found == ["right"] * 8


@pytest.mark.parametrize("write", lines(WRITES))
@pytest.mark.filterwarnings("ignore")
def test_ways_to_write(write: str) -> None:
    views = ["x", "x[:]", "x.copy()", "x if y > 0 else x.copy()", "x.T", "np.ones((2, 3))"]
    for view in views:
        judge(view, write)


def test_the_tables_are_mostly_valid() -> None:
    """Most of the programs run in NumPy, and many have a gradient."""
    found = Counter(judge(view, "z *= y") for view in lines(VIEWS))
    assert found["invalid"] < 20
    assert found["right"] > 50


LOOPS = [
    "for _ in range(3):\n        q = q + z[0, 0]\n        z = x\n        x[0, 0] = x[0, 0] * y",
    "for _ in range(3):\n        x[0, 0] = x[0, 0] * y\n        q = q + z[0, 0]\n        z = x",
    "for i in range(3):\n        z[0, i] = x[1, i] * y\n        x, z = z, x",
    "for i in range(3):\n        w = z\n        z = x\n        x = w\n        w[0, i] *= y",
    "for i in range(3):\n        w = z[0]\n        w[i] = y * x[1, 0]\n        x[1] = w",
    "while q < 3.0:\n        q = q + y\n        z = z * y\n        x[0] = z[1]\n        z[0] = q",
    "for i in range(2):\n        if x[i, 0] > 0:\n            z = x\n        z[0, 0] = y + i",
    "for i in range(3):\n        a = x if i == 1 else z\n        a[0, 0] = y * a[1, 1]",
    "w = z[0]\n    for i in range(2):\n        w = w + z[i]\n        w[0] = y * w[1]\n    z = w",
]


@pytest.mark.parametrize("view", ["x", "x.copy()", "x * 2.0"])
@pytest.mark.parametrize("loop", LOOPS)
def test_names_that_move_in_a_loop(loop: str, view: str) -> None:
    judge(view, loop)


def test_a_negated_value_that_is_taken_away() -> None:
    assert judge("x - (-x) * y", "z = y - (-z)") == "right"
    assert judge("-x * y", "z = x + z; w = -x; z = w + z - w * y") == "right"


def test_several_statements() -> None:
    assert judge("x", "h = z; h[0] = y; x[1] = h[0] * y; h *= x[1, 0]") == "right"
    assert judge("x.copy()", "h = z; h[0] = y; x[1] = h[0] * y; h *= x[1, 0]") == "right"


def the_same(x: Any) -> Any:
    return x


def twice(x: Any) -> Any:
    y = np.sin(x)
    return y, y


def view_and_all(x: Any) -> Any:
    x[0] = 2.0 * x[1]
    return x.T, x[0]


def after_a_loop(x: Any) -> Any:
    y = x
    for _ in range(x.shape[1]):
        y = y * 2.0
    return y, x


@pytest.mark.parametrize("f", [the_same, twice, view_and_all, after_a_loop])
def test_results_own_their_memory(f: Any) -> None:
    """No result of `vjp` shows an argument, a seed or another result: each may be written to."""
    x = X.copy()
    out = f(X.copy())
    seed = tuple(map(np.ones_like, out)) if isinstance(out, tuple) else np.ones_like(out)
    value, gradient = vjp(f)(x, out_bar=seed)
    several = isinstance(value, tuple)
    arrays = [*(value if several else (value,)), gradient, x, *(seed if several else (seed,))]
    for k, a in enumerate(arrays):
        assert not any(np.shares_memory(a, b) for b in arrays[:k])
