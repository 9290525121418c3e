"""Programs that run over lists among their arguments: `LISTED` as loops, `UNROLLED` not."""

from __future__ import annotations

import functools
import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

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


def of_pairs(rows: Any) -> Any:
    return sum(x * y for x, y in rows)


def in_a_dict(xs: Any) -> Any:
    d = {i: x * x for i, x in enumerate(xs)}
    return sum(d.values())


UNROLLED: list[tuple[Any, ...]] = [
    (of_pairs, [(a, b) for a, b in rows(10, 2)]),
    (in_a_dict, N),
]
