"""Jacobians of array programs by labelled terms: against differences, and what they multiply."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
# Programs of users are not annotated.

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from s2sgrad import grad, hessian, jacobian, jvp
from s2sgrad.errors import DifferentiationError
from tests.fuzz.arrays import ARGUMENTS, program
from tests.passes import function
from tests.test_fuzz_arrays import arguments

R = np.random.default_rng(7).standard_normal
W, X, A = R((5, 4)), R(4), R((3, 5))
LONG = R(230)
PLACES = np.random.default_rng(1).integers(0, 230, 230)
CAMERAS, POINTS = np.array([0, 1, 1, 2, 0, 2]), np.array([3, 0, 3, 1, 1, 2])


class Counting(np.ndarray[Any, Any]):
    """An array that counts the multiplications and divisions that it takes part in."""

    total = 0

    def __array_ufunc__(self, ufunc, method, *args, **kwargs):
        plain = [np.asarray(a) if isinstance(a, np.ndarray) else a for a in args]
        out = kwargs.pop("out", None)
        if out is not None:
            kwargs["out"] = tuple(np.asarray(o) for o in out)
        made = getattr(ufunc, method)(*plain, **kwargs)
        if ufunc in (np.multiply, np.divide):
            Counting.total += np.size(made)
        if ufunc is np.matmul:
            Counting.total += np.size(made) * np.shape(plain[0])[-1]
        return out[0] if out is not None else np.asarray(made).view(Counting)

    def __array_function__(self, func, types, args, kwargs):
        def plain(a: Any) -> Any:
            if isinstance(a, list | tuple):
                return type(a)(map(plain, a))
            return np.asarray(a) if isinstance(a, np.ndarray) else a

        if func in (np.einsum, np.outer, np.dot):
            raise AssertionError(f"count {func.__name__}")
        if func is np.tensordot:
            free = [k for k in range(args[1].ndim) if k not in kwargs["axes"][1]]
            Counting.total += args[0].size * math.prod(args[1].shape[k] for k in free)
        made = func(*plain(args), **{k: plain(v) for k, v in kwargs.items()})
        return made.view(Counting) if isinstance(made, np.ndarray) else made


def counted(derivative: Any, *args: Any) -> int:
    """The multiplications of the emitted text."""
    derivative(*args)
    space: dict[str, Any] = {}
    exec(derivative.source, space)
    Counting.total = 0
    name = f"{derivative.__name__}_{'hessian' if 'hessian' in derivative.source else 'jacobian'}"
    space[name](*(np.array(a).view(Counting) if np.ndim(a) else a for a in args))
    return Counting.total


def chain(W, x, A):
    return A @ np.tanh(W @ x)


def softmax(x):
    e = np.exp(x - np.max(x))
    return e / np.sum(e)


def residuals(x, W, y):
    return W @ x - y


def rosenbrock(x):
    return np.concatenate([10.0 * (x[1:] - x[:-1] ** 2), 1.0 - x[:-1]])


def attention(q, K, V):
    s = K @ q / math.sqrt(len(q))
    p = np.exp(s - np.max(s))
    return (p / np.sum(p)) @ V


def layers(p, x):
    for W, b in p:
        x = np.maximum(W @ x + b, 0.0)
    return x


def recurrent(W, h):
    for _ in range(3):
        h = np.tanh(W @ h)
    return h


def swapped(x):
    a, b = x, np.sin(x)
    for k in range(4):
        a, b = b, a * b + x[k]
    return a


def stencil(x, places):
    y = np.zeros_like(x)
    y[1:-1] = x[2:] * x[:-2]
    y[0] = x[3]
    y[4:9] *= 2.0
    return y * x[places]


def bundle(cameras, points):
    p, c = points[POINTS], cameras[CAMERAS]
    q = p * c[:, 3:4] + c[:, :3]
    return q[:, :2] / q[:, 2:]


def shapes(M):
    top = np.stack([M[0], M[1] * M[2]], axis=1)
    flat = M.reshape(2, 2, -1).transpose(2, 0, 1).ravel()
    return np.concatenate([top.ravel(), flat * 3.0, M.T[::-1, 0]])


def batches(T, w):
    return np.einsum("bij,bj->bi", T @ np.swapaxes(T, 1, 2), T[:, :, 0] * w), np.trace(T[0])


def normal(x):
    z = (x - np.mean(x)) / np.sqrt(np.var(x) + 0.1)
    return z * np.linalg.norm(x)


def outer(x):
    return np.outer(x, x) @ x + x[:, None] * x, np.diag(W @ x)


def repeated(x):
    """A place that is counted from the end, and named twice."""
    y = x[[-1, 0, 2, 1]]
    return np.mean(np.sin(y)) + y[2]


def joined(x):
    rows = np.vstack([x, np.outer(x, x)])
    return np.hstack([x[0] * x[1], 2.0]), np.hstack([x, rows[1]]), rows, np.array([x[2], x @ x])


PROGRAMS: list[tuple[Any, tuple[Any, ...], int, bool]] = [
    *((chain, (W, X, A), k, True) for k in range(3)),
    (softmax, (LONG[:9],), 0, True),
    (residuals, (X, W, R(5)), 0, True),
    (residuals, (X, W, R(5)), 1, True),
    (rosenbrock, (LONG,), 0, True),
    *((attention, (X, W, R((5, 3))), k, True) for k in range(3)),
    (layers, ([(W, R(5)), (A, R(3))], X), 1, True),
    (recurrent, (R((4, 4)), X), 0, True),
    (recurrent, (R((4, 4)), X), 1, True),
    (swapped, (LONG,), 0, True),
    (stencil, (LONG, PLACES), 0, True),
    (bundle, (R((3, 4)) + 3.0, R((4, 3)) + 3.0), 0, True),
    (bundle, (R((3, 4)) + 3.0, R((4, 3)) + 3.0), 1, True),
    (shapes, (R((4, 6)),), 0, True),
    (batches, (R((2, 3, 3)), R(3)), 0, False),
    (normal, (LONG[:7],), 0, True),
    (repeated, (R(3),), 0, True),
    (joined, (R(300)[:40],), 0, True),
    (repeated, (R(300),), 0, True),
    (outer, (X,), 0, False),
]


def parts(value: Any) -> list[Any]:
    return [*value] if isinstance(value, tuple | list) else [value]


def differences(f: Any, args: tuple[Any, ...], k: int) -> list[Any]:
    """Central differences, a matrix for each result."""
    x, h = np.asarray(args[k]), 1e-6
    columns = []
    for e in np.eye(x.size):
        step = h * e.reshape(x.shape)
        up, down = (parts(f(*args[:k], x + s * step, *args[k + 1 :])) for s in (1, -1))
        columns.append([(a - b) / (2 * h) for a, b in zip(up, down, strict=True)])
    return [np.stack([np.ravel(c) for c in each], -1) for each in zip(*columns, strict=True)]


@pytest.mark.parametrize(("f", "args", "k", "whole"), PROGRAMS)
def test_against_differences(f: Any, args: Any, k: int, whole: bool) -> None:
    d = jacobian(f, k)
    values, found = parts(f(*args)), parts(d(*args))
    if whole:
        assert "_bwd(" not in d.source
        assert "_jvp(" not in d.source
    for y, got, want in zip(values, found, differences(f, args, k), strict=True):
        assert got.shape == np.shape(y) + np.shape(args[k])
        np.testing.assert_allclose(got.reshape(want.shape), want, rtol=1e-6, atol=1e-7)
        assert got.flags.owndata or got.base.flags.owndata
        assert not any(np.shares_memory(got, a) for a in args if isinstance(a, np.ndarray))


@pytest.mark.parametrize("order", ["forward", "reverse", "markowitz"])
def test_orders_agree(order: Any) -> None:
    for f, args, k, _ in PROGRAMS:
        if f in (chain, attention, recurrent):
            want = jacobian(f, k, optimize=0)(*args)
            np.testing.assert_allclose(jacobian(f, k, order=order)(*args), want, rtol=1e-12)


def test_what_is_multiplied() -> None:
    """The product of the sizes of both sides, never a matrix of zeros."""
    n = 16
    W, x, A = R((n, n)), R(n), R((n, n))
    primal = 2 * n * n + n  # `W @ x`, `1 - t * t`, and the scaling of `A` or of `x`
    assert counted(jacobian(chain), W, x, A) <= n**3 + primal
    assert counted(jacobian(chain, 1), W, x, A) <= n**3 + primal
    assert counted(jacobian(chain, 2), W, x, A) <= n * n
    assert counted(jacobian(softmax), x) <= n * n + 3 * n
    assert counted(jacobian(rosenbrock), LONG) <= 4 * LONG.size
    counts = [counted(jacobian(attention, 1, order=o), x, W, A) for o in ("forward", "reverse")]
    assert counted(jacobian(attention, 1), x, W, A) <= min(counts)


def logistic(w, X, y):
    return np.sum(np.log(1.0 + np.exp(-y * (X @ w)))) + 0.5 * np.sum(w * w)


def valley(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


@pytest.mark.parametrize(
    ("f", "args"), [(logistic, (X, W, np.sign(R(5)))), (valley, (0.1 * LONG,))]
)
def test_hessians(f: Any, args: Any) -> None:
    h = hessian(f)
    found = h(*args)
    assert "_hvp(" not in h.source
    (want,) = differences(grad(f), args, 0)
    np.testing.assert_allclose(found, want, rtol=1e-5, atol=1e-5)


def test_data_from_outside_may_change_its_shape() -> None:
    data = R((5, 4))

    def f(x):
        return data @ np.sin(x)

    d = jacobian(f)
    np.testing.assert_allclose(d(X), data * np.cos(X))
    data = R((3, 4))
    np.testing.assert_allclose(d(X), data * np.cos(X))


def test_orders_by_number() -> None:
    with pytest.raises(ValueError, match="each of the vertices") as e:
        jacobian(chain, order=[77])(W, X, A)
    order = [int(w) for w in str(e.value).split("[")[1].split("]")[0].split(",")]
    got = jacobian(chain, order=order[::-1])(W, X, A)
    np.testing.assert_allclose(got, jacobian(chain)(W, X, A), rtol=1e-12)


def test_zeros_that_are_chosen_stay_zeros() -> None:
    """Where `sqrt` is infinite and not chosen, the derivative is zero: not zero times infinity."""

    def f(x):
        return W @ np.where(x > 0.0, np.sqrt(np.abs(x)), 0.0)

    x = np.array([0.0, 1.0, 4.0, 0.0])
    want = W * np.array([0.0, 0.5, 0.25, 0.0])
    np.testing.assert_allclose(jacobian(f)(x), want)


def judge(seed: int) -> None:
    """A random program, column by column against forward mode without the passes on trial."""
    head, last = program(seed).rsplit("    return ", 1)
    terms = [t.removeprefix("np.sum(") for t in last.strip().split(" + np.sum(np.sin(")]
    sums = [t for t in last.strip().replace(" + np.s", "\0np.s").split("\0") if terms]
    outs = [s[7:-1] if s.startswith("np.sum(np.sin(") else s for s in sums]
    f = function(f"{head}    return {', '.join(outs)},\n")
    args, n = arguments(seed), seed % 4
    with np.errstate(all="ignore"):
        try:
            f(*map(np.copy, args), n)
            found = jacobian(f, (2, 9))(*args, n)
        except (DifferentiationError, ValueError, IndexError):
            return
        for i, k in enumerate((2, 9)):
            direction = np.random.default_rng(seed).standard_normal(np.shape(args[k]))
            _, dots = jvp(f, k, optimize=0)(*args, n, tangents=direction)
            for j, dot in enumerate(dots):
                got = np.tensordot(found[j][i], direction, np.ndim(direction))
                if np.all(np.isfinite(dot)):
                    scale = 1.0 + np.max(np.abs(dot))
                    np.testing.assert_allclose(got, dot, rtol=1e-8, atol=1e-9 * scale)


@pytest.mark.parametrize("start", [202])
def test_random_programs(start: int) -> None:
    assert len(ARGUMENTS) == 10
    for seed in range(start, start + 10):
        judge(seed)


@pytest.mark.slow
def test_more_random_programs() -> None:
    for seed in range(100, 300):
        judge(seed)
