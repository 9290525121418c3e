"""Lists among the arguments have no length in their signature: one compilation serves them all."""

from __future__ import annotations

import copy
import functools
import itertools
import math
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from s2sgrad import grad, hvp, jvp, pullback, tree, value_and_grad, vjp
from s2sgrad.errors import DifferentiationError

RNG = np.random.default_rng(5)


@dataclass
class Model:
    w: list[float]
    b: float


def numbers(n: int) -> list[float]:
    return [float(v) for v in RNG.normal(size=n)]


def arrays(n: int, *shape: int) -> list[Any]:
    return [RNG.normal(size=shape) for _ in range(n)]


def ragged(n: int) -> list[Any]:
    return [RNG.normal(size=k % 3 + 2) for k in range(n)]


def rows(n: int, m: int) -> list[list[float]]:
    return [numbers(m) for _ in range(n)]


def loop(xs: Any) -> Any:
    t = 0.0
    for x in xs:
        t += math.sin(x) * x
    return t


def zipped(xs: Any, ys: Any) -> Any:
    t = 0.0
    for x, y in zip(xs, ys, strict=True):
        t += (x - y) ** 2
    return t / len(xs)


def enumerated(xs: Any, w: Any) -> Any:
    t = 0.0
    for i, x in enumerate(xs, 1):
        t += np.sum(np.tanh(x * w)) * i
    return t


def products(m: Any, v: Any) -> Any:
    t = 0.0
    for row in m:
        d = 0.0
        for j in range(len(row)):
            d += row[j] * v[j]
        t += d * d
    return t


def neighbours(xs: Any, n: Any) -> Any:
    t = 1.0
    for i in range(n):
        t = t * xs[i] + xs[i + 1]
    return t


def helper(v: Any, k: Any) -> Any:
    t = 0.0
    for a in v:
        t += a * k
    return t


def sliced(xs: Any) -> Any:
    return helper(xs, 2.0) * helper(xs[::2], xs[0])


def backwards(xs: Any) -> Any:
    t = 0.0
    for a in reversed(xs):
        t = t * 0.5 + a
    return t


def while_loop(xs: Any) -> Any:
    i, t = 0, 0.0
    while i < len(xs) - 1:
        t += xs[i] * xs[i + 1]
        i += 2
    return t


def as_arrays(xs: Any, ys: Any) -> Any:
    return np.dot(xs, ys) + np.sum(np.asarray(xs) * np.asarray(ys)) + np.mean(xs) * np.std(ys)


def extremes(xs: Any) -> Any:
    return min(xs) * max(xs) + sorted(xs, key=lambda v: -v)[0] * math.prod(xs)


def functional(xs: Any) -> Any:
    folded = functools.reduce(lambda a, b: a * 0.9 + b, xs)
    positive = sum(v for v in xs if v > 0)
    return folded * sum(map(lambda v: v * v, xs)) + positive  # noqa: C417


def pairs(xs: Any) -> Any:
    return sum(a * b for a, b in itertools.pairwise(xs)) + sum(itertools.accumulate(xs))


def ends(xs: Any) -> Any:
    if not xs:
        return 0.0
    first, *_, last = xs
    return last * math.sin(first) + xs[len(xs) // 2]


def joined(xs: Any, ys: Any) -> Any:
    return sum(a * a for a in xs + ys)


def gathered(xs: Any, places: Any) -> Any:
    return sum(xs[i] * i for i in places)


def labelled(xs: Any, labels: Any) -> Any:
    t = 0.0
    for x, label in zip(xs, labels, strict=True):
        t += x * x if label == 1 else -2 * x
    return t


def of_model(m: Any) -> Any:
    return sum(w * w for w in m.w) * m.b


def of_rows(m: Any) -> Any:
    square = sum(m[i][j] * m[j][i] for i in range(len(m)) for j in range(len(m[i])))
    return square + sum(sum(r) * max(r) for r in m)


def chained(ms: Any) -> Any:
    p = np.eye(3)
    for m in ms:
        p = p @ m
    return np.trace(p)


def first_product(xs: Any, w: Any) -> Any:
    return xs[0] @ w


def layers(p: Any, x: Any) -> Any:
    for w, b in zip(p["w"], p["b"], strict=True):
        x = np.tanh(w @ x + b)
    return x @ x


def joined_arrays(xs: Any) -> Any:
    return np.sum(np.concatenate(xs) ** 2)


def stacked(xs: Any) -> Any:
    return np.sum(np.stack(xs) ** 3)


def grown(xs: Any) -> Any:
    xs.append(1.0)
    for i in range(1, len(xs)):
        xs[i] += xs[i - 1] * 0.5
    xs[2] = xs[1] * xs[3]
    return sum(x * x for x in xs)


def popped(xs: Any) -> Any:
    xs.sort()
    t = 0.0
    while xs:
        t = t * 0.7 + xs.pop()
    return t


def copied(xs: Any) -> Any:
    ys = list(xs)
    ys[0] = ys[1] * 3.0
    return sum(y * y for y in ys) + xs[0]


def nested_sums(xs: Any, ys: Any) -> Any:
    t = 0.0
    for i in range(len(xs)):
        for j in range(i):
            t += xs[i] * ys[j]
    return t


def written(x: Any, ys: Any) -> Any:
    for y in ys:
        x[0] += y * y
    return x @ x


def recursive(xs: Any) -> Any:
    def at(i: int) -> Any:
        return xs[i] if i < 2 else at(i - 1) * 0.5 + at(i - 2)

    return at(5)


def reduced(xs: Any, w: Any) -> Any:
    out = np.zeros(3)
    for x in xs:
        out = out + x * np.sum(x * w)
    return out @ out


def changed(xs: Any) -> Any:
    for x in xs:
        x *= 2.0
    return sum(np.sum(x) for x in xs)


N, M = numbers(12), arrays(10, 3)
LISTED: list[tuple[Any, ...]] = [
    (loop, N),
    (zipped, N, numbers(12)),
    (enumerated, M, np.arange(3.0)),
    (enumerated, ragged(10), 1.5),
    (enumerated, arrays(10, 1), np.arange(3.0)),
    (products, rows(10, 4), numbers(9)),
    (neighbours, N, 9),
    (sliced, N),
    (backwards, N),
    (while_loop, N),
    (as_arrays, N, numbers(12)),
    (extremes, N),
    (functional, N),
    (pairs, N),
    (ends, N),
    (joined, N, numbers(10)),
    (gathered, N, [1, 3, 3, 5, 0, 2, 4, 6, 8, 7]),
    (labelled, N, [0, 1] * 6),
    (of_model, Model(numbers(10), 2.0)),
    (of_rows, rows(10, 10)),
    (chained, arrays(9, 3, 3)),
    (chained, [np.eye(3) * 0.9] * 9),
    (first_product, M, np.arange(3.0)),
    (layers, {"w": arrays(10, 3, 3), "b": M}, np.ones(3)),
    (joined_arrays, ragged(10)),
    (stacked, M),
    (grown, N),
    (popped, N),
    (copied, N),
    (nested_sums, N, numbers(12)),
    (written, np.arange(3.0), N),
    (recursive, N),
    (reduced, M, np.arange(3.0)),
    (changed, M),
]


def _pairs(rows: Any) -> Any:
    return sum(x * y for x, y in rows)


def _in_a_dict(xs: Any) -> Any:
    d = {i: x * x for i, x in enumerate(xs)}
    return sum(d.values())


UNROLLED: list[tuple[Any, ...]] = [
    (_pairs, [(a, b) for a, b in rows(10, 2)]),
    (_in_a_dict, N),
]


@pytest.mark.parametrize("case", LISTED + UNROLLED, ids=lambda c: c[0].__name__)
def test_derivatives_of_lists(case: Any) -> None:
    f, *args = case
    vector, unravel = tree.ravel(args[0])
    direction = RNG.normal(size=vector.shape)

    def at(t: float, g: Callable[..., Any]) -> Any:
        return g(*copy.deepcopy([unravel(vector + t * direction), *args[1:]]))

    want = (at(1e-6, f) - at(-1e-6, f)) / 2e-6
    gradient, dot = grad(f), jvp(f)
    given = copy.deepcopy(args)
    got = gradient(*given)
    np.testing.assert_allclose(tree.ravel(got)[0] @ direction, want, rtol=1e-6, atol=1e-7)
    np.testing.assert_array_equal(tree.ravel(given[0])[0], vector)  # arguments are not changed
    np.testing.assert_allclose(
        dot(*given, tangents=unravel(direction))[1], want, rtol=1e-6, atol=1e-7
    )
    unrolled = any(case is c for c in UNROLLED)
    assert gradient._lengths.longer == (8 if not unrolled or f is _pairs else math.inf)


@pytest.mark.parametrize("case", LISTED[::3], ids=lambda c: c[0].__name__)
def test_second_derivatives_of_lists(case: Any) -> None:
    f, *args = case
    vector, unravel = tree.ravel(args[0])
    direction = RNG.normal(size=vector.shape)

    def at(t: float) -> Any:
        x = unravel(vector + t * direction)
        return tree.ravel(grad(f)(*copy.deepcopy([x, *args[1:]])))[0]

    got = hvp(f)(*args, vector=unravel(direction))
    want = (at(1e-5) - at(-1e-5)) / 2e-5
    np.testing.assert_allclose(tree.ravel(got)[0], want, rtol=1e-5, atol=1e-5)


def test_one_compilation_for_all_lengths() -> None:
    gradient = grad(loop)
    for n in (9, 20, 1000, 9):
        xs = numbers(n)
        np.testing.assert_allclose(gradient(xs), np.cos(xs) * xs + np.sin(xs), rtol=1e-12)
    assert len(gradient._compiled) == 1


def test_short_lists_are_unrolled_until_there_is_a_second_length() -> None:
    gradient = grad(lambda xs, w: sum(x * x for x in xs) * w)
    for n in (3, 4, 5, 2, 3, 20):
        xs = numbers(n)
        np.testing.assert_allclose(gradient(xs, 3.0), 6.0 * np.array(xs), rtol=1e-12)
        assert len(gradient._compiled) == min(2, 1 + (n != 3) + (len(gradient._compiled) > 1))
    assert len(gradient._compiled) == 2


def test_lists_that_are_not_alike_have_their_lengths() -> None:
    gradient = grad(lambda xs: sum(np.sum(x) * 2.0 for x in xs))
    for xs in ([1.0, *arrays(9, 2)], [*arrays(9, 2), np.ones((2, 2))], [*arrays(9, 1), np.ones(2)]):
        got = gradient(xs)
        for g, x in zip(got, xs, strict=True):
            np.testing.assert_array_equal(g, np.full(np.shape(x), 2.0))


def test_pickled_without_its_function() -> None:
    for n in (3, 12):
        gradient = grad(lambda xs: sum(x * x for x in xs))
        gradient(numbers(n))
        frozen = pickle.loads(pickle.dumps(gradient))
        xs = numbers(n)
        np.testing.assert_allclose(frozen(xs), 2.0 * np.array(xs))
    np.testing.assert_allclose(frozen([1.0] * 20), [2.0] * 20)


def test_the_guard_looks_at_each_item() -> None:
    gradient = grad(lambda xs, w: sum(np.sum(x * w) for x in xs))
    w = np.arange(3.0)
    mixed: list[Any] = [*arrays(9, 3), 2.0]
    columns: list[Any] = [*arrays(9, 3), np.ones((3, 1))]
    for xs in (arrays(10, 3), mixed, arrays(10, 1), columns, [np.float32(1.0)] * 10):
        got = gradient(xs, w)
        for g, x in zip(got, xs, strict=True):
            want = w if np.shape(x) == (3,) else np.full(np.shape(x), np.sum(w))
            np.testing.assert_allclose(g, want)


def test_gradients_of_lists_own_their_memory() -> None:
    xs, bar = arrays(10, 3), np.ones(3)
    for f in (sum, lambda xs: xs[0] + xs[1], lambda xs: np.sum(np.stack(xs), axis=0)):
        value, got = vjp(lambda xs, f=f: f(xs))(xs, out_bar=bar)
        again = pullback(lambda xs, f=f: f(xs))(xs)[1]
        both = [*again(bar), *again(bar), *got]
        for k, g in enumerate(both):
            assert g.flags.writeable
            assert not any(np.may_share_memory(g, other) for other in (*xs, bar, value, *both[:k]))


def test_lists_of_float32_keep_it() -> None:
    xs = [np.array([0.5, -1.5], "f")] * 9
    value, got = value_and_grad(lambda xs, w: sum(np.sum(np.sin(x) * w) for x in xs))(xs, 2.0)
    assert value.dtype == np.float32
    for g, x in zip(got, xs, strict=True):
        assert g.dtype == np.float32
        np.testing.assert_allclose(g, 2.0 * np.cos(x), rtol=1e-6)


def test_seeds_of_lists() -> None:
    d = jvp(loop)
    for bad in ([1.0] * 3, 1.0):
        with pytest.raises(TypeError, match="the argument is a list of 12"):
            d(N, tangents=bad)
    with pytest.raises(TypeError, match=r"`tangents\[1\]` has the shape"):
        d(N, tangents=[1.0, np.ones(2), *N[2:]])


def _in_item(xs: Any) -> Any:
    y = xs[0]
    y[0] = 2.0
    return sum(np.sum(x * x) for x in xs)


def _in_row(m: Any) -> Any:
    m[0][1] = 5.0
    m[1].append(m[2][0])
    return sum(sum(r) ** 2 for r in m)


def _beside(x: Any, xs: Any) -> Any:
    x[0] = 3.0
    return sum(np.sum(y * x) for y in xs)


def _other(xs: Any, ys: Any) -> Any:
    xs[0] = 3.0 * xs[1]
    return sum(ys) * sum(xs)


CHANGED: list[tuple[Any, ...]] = [
    (_in_item, M),
    (_in_row, rows(10, 3)),
    (_beside, np.ones(3), M),
    (_other, N, numbers(12)),
]


@pytest.mark.parametrize("case", CHANGED, ids=lambda c: c[0].__name__)
def test_lists_that_are_written_to(case: Any) -> None:
    f, *args = case
    vector, unravel = tree.ravel(args)
    direction = RNG.normal(size=vector.shape)
    d = grad(f, tuple(range(len(args))))
    got = tree.ravel(d(*args))[0] @ direction
    np.testing.assert_array_equal(tree.ravel(args)[0], vector)
    want = f(*unravel(vector + 1e-6 * direction)) - f(*unravel(vector - 1e-6 * direction))
    np.testing.assert_allclose(got, want / 2e-6, rtol=1e-6, atol=1e-7)


SHARED: list[tuple[Any, ...]] = [
    (_in_item, [M[0]] * 10),
    (_in_item, [M[0], *M[:9]]),
    (_in_row, [numbers(3)] * 10),
    (_beside, M[4], M),
    (_other, N, N),
]


@pytest.mark.parametrize("case", SHARED, ids=lambda c: c[0].__name__)
def test_lists_that_share_what_is_written(case: Any) -> None:
    f, *args = case
    d = grad(f)
    d(*copy.deepcopy(next(c for c in CHANGED if c[0] is f)[1:]))
    for _ in range(2):
        with pytest.raises(DifferentiationError, match="share memory, and one is written"):
            d(*args)


def test_arrays_in_a_list_that_a_loop_fills_and_changes() -> None:
    """What is read of an item is not read after it was cleared."""

    def f(w: Any) -> Any:
        xs = [w * i for i in range(10)]
        for x in xs:
            x *= 2.0
        return sum(np.sum(x * x) for x in xs)

    def g(w: Any) -> Any:
        xs = [w * i for i in range(5)]
        for i in range(4):
            xs[i] *= xs[i + 1]
        return sum(np.sum(x * x) for x in xs)

    w = np.array([0.5, -1.5])
    np.testing.assert_allclose(grad(f)(w), 8.0 * w * sum(i * i for i in range(10)))
    for k in range(2):
        h = np.eye(2)[k] * 1e-6
        np.testing.assert_allclose(grad(g)(w)[k], (g(w + h) - g(w - h)) / 2e-6, rtol=1e-6)


def test_the_right_side_makes_the_target_a_list_of_the_ir() -> None:
    def f(a: Any, b: Any, n: Any) -> Any:
        rows = [[a, 0.1], [b, a]]
        rows[0][1] += sum(rows[n % 2]) * a
        return rows[0][1] * rows[0][0]

    with pytest.raises(DifferentiationError, match="share memory"):  # right, or refused
        grad(f)(0.7, -0.3, 3)
