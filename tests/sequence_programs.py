"""Programs with `range`, `enumerate`, `zip` and combinations as values, and names of comprehensions."""

# mypy: ignore-errors
# ruff: noqa
# Programs of users: they are what people write.

import bisect
import collections
import functools
import itertools
import math
import operator
import statistics

import numpy as np

from tests.case import given

PROGRAMS = []
prog = given(PROGRAMS)
X = np.array([0.61, -1.3, 0.42, 1.94, -0.27])


@prog(X)
def list_of_range(x):
    return sum(x[i] for i in list(range(len(x))))


@prog(X)
def named_range(x):
    r = range(len(x))
    return sum(x[i] * i for i in r) + len(r)


@prog(X)
def list_of_enumerate(x):
    return sum(i * v for i, v in list(enumerate(x)))


@prog(X)
def list_of_zip(x):
    ps = list(zip(x, x[1:]))
    return sum(a * b for a, b in ps) + ps[0][1]


@prog(X)
def combinations_of_enumerate(x):
    e = 0.0
    for (i, a), (j, b) in itertools.combinations(enumerate(x), 2):
        e += a * b * (i + j)
    return e


@prog(X)
def combinations_of_two(x):
    return sum(a * b for a, b in itertools.combinations(x, 2))


@prog(X)
def combinations_of_three(x):
    return sum(a * b * c for a, b, c in itertools.combinations(x, 3))


@prog(X)
def product_of_two(x):
    return sum(a * b for a, b in itertools.product(x, x[1:]))


@prog(X)
def argmax_by_key(x):
    i = max(range(len(x)), key=lambda k: x[k])
    return x[i] ** 2


@prog(X)
def order_by_key(x):
    idx = sorted(range(len(x)), key=lambda i: x[i])
    return sum(x[j] * (r + 1) for r, j in enumerate(idx))


@prog(X)
def sorted_zip(x):
    ps = sorted(zip(x, range(len(x))))
    return sum(v * k for k, (v, i) in enumerate(ps))


@prog(X)
def sorted_pairs(x):
    ps = sorted((abs(v), v) for v in x)
    return ps[0][1] * ps[-1][0]


@prog(X)
def sorted_items(x):
    d = {"b": x[0], "a": x[1] ** 2}
    return sum(v * len(k) * i for i, (k, v) in enumerate(sorted(d.items()), 1))


@prog(X)
def star_in_the_middle(x):
    a, *m, b = x
    return a * b + max(m) * sum(m) + len(m)


@prog(X)
def star_at_the_end(x):
    a, *m = x
    return a + sum(v * v for v in m)


@prog(X)
def star_first(x):
    *m, b = x.tolist()
    return b * m[0]


@prog(X)
def statistics_of(x):
    return (
        statistics.mean(x) * statistics.fmean(x.tolist())
        + statistics.stdev(x)
        + statistics.variance(x)
        + statistics.median(x)
    )


@prog(X)
def bisect_constant(x):
    i = bisect.bisect([0.0, 1.0, 2.0], 1.5)
    return x[i] ** 2


@prog(X)
def bisect_sorted(x):
    i = bisect.bisect_left(sorted(x), 0.0)
    return x[i - 1] ** 2


@prog(X)
def longest(x):
    return sum(a - b for a, b in itertools.zip_longest([x[0], x[1]], [x[2]], fillvalue=0.0))


@prog(X)
def range_backwards(x):
    s = 0.0
    for v in range(3)[::-1]:
        s += x[v] * v
    return s


@prog(X)
def reversed_list_of_range(x):
    s = 0.0
    for v in reversed(list(range(3))):
        s += x[v] * v
    return s


@prog(X)
def enumerate_of_zip(x):
    s = 0.0
    for i, (a, b) in enumerate(zip(x[:-1], x[1:])):
        s += i * a * b
    return s


@prog(X)
def ranks(x):
    r = [0] * len(x)
    for k, v in enumerate(np.argsort(x)):
        r[v] = k
    return sum(r[i] * x[i] for i in range(len(x)))


@prog(X)
def least_pair(x):
    best = min(((v - 0.1) ** 2, i) for i, v in enumerate(x))
    return best[0] * x[best[1]]


@prog(X)
def greatest_by_key(x):
    m = max(enumerate(x), key=lambda t: t[1])
    return m[1] * m[0]


@prog(X)
def greatest_pair(x):
    m = max(zip(x, x[::-1]))
    return m[1] * m[0]


@prog(X)
def map_of_enumerate(x):
    return (
        sum(map(lambda t: t[0] * t[1], enumerate(x)))
        + sum(i for i in range(4))
        + sum(range(5)) * x[0]
    )


@prog(X)
def all_but_one(x):
    i = int(np.argmax(x))
    n = len(x)
    w = [x[j] for j in range(n) if j != i]
    return sum(w) * x[i]


@prog(X)
def counted(x):
    c = collections.Counter()
    for v in [1, 2, 2]:
        c[v] += 1
    return x[0] * c[2]


@prog(X)
def sorted_in_place(x):
    xs = x.tolist()
    xs.sort()
    return xs[0] * xs[-1] + xs[2]


@prog(X)
def sorted_by_abs(x):
    xs = sorted(x.tolist(), key=abs)
    return xs[0] * xs[-1] + xs[2]


@prog(X)
def rows_of_numbers(x):
    rows = [[v * j for j in range(3)] for v in x]
    return sum(sum(r) for r in rows) * rows[0][1]


@prog(X)
def matrix_of_lists(x):
    A = [[0.0] * 3 for _ in range(3)]
    for i in range(3):
        for j in range(3):
            A[i][j] = x[i] * x[j]
    return sum(A[i][(i + 1) % 3] for i in range(3))


@prog(X)
def sum_of_filtered(x):
    return float(np.sum([v**2 for v in x if v > 0]))


@prog(X)
def arrays_of_comprehensions(x):
    return (
        np.array([v**k for k, v in enumerate(x)]).sum()
        + np.sum(list(map(math.sin, x)))
        + np.mean([np.cos(v) for v in x])
    )


@prog(X)
def downwards(x):
    s = 0
    for i in range(len(x) - 1, -1, -2):
        s += x[i]
    return s * s


@prog(X)
def forever(x):
    s = x[0]
    while True:
        s = s * 0.9
        if s < 0.01 or abs(s) < 1e-3:
            break
    else:
        s = 0.0
    return s * 2


@prog(X)
def mode_by_value(x):
    mode = "a" if x[0] > 0 else "b"
    if mode == "a":
        return x.sum()
    return (x**2).sum()


@prog(X)
def best_or_none(x):
    best, bi = None, -1
    for i, v in enumerate(x):
        if best is None or v > best:
            best, bi = v, i
    return best * bi


@prog(X)
def first_is_skipped(x):
    flag = False
    s = 0.0
    for v in x:
        if not flag and v > 0:
            flag = True
            continue
        s += v * v
    return s


@prog(X)
def found_or_none(x):
    r = None
    for v in x:
        if v < 0:
            r = v
            break
    return 0.0 if r is None else r * r


@prog(X)
def tuple_of_array(x):
    t = tuple(x)
    return t[0] * t[-1] + sum(t[1:3])


@prog(X)
def text_by_the_way(x):
    s = ""
    for v in x:
        s += f"{v:.2f},"
    return x.sum() if len(s) > 0 else 0.0


@prog(X[:3], 3.0)
def a_target_hides_what_a_helper_reads(x, k):
    def f(v):
        return v * k

    return sum([f(k) for k in x])


@prog(X[:3], 3.0)
def targets_hide_in_a_known_list(x, k):
    f = lambda v: v * k
    ys = [f(k) for k in [x[0], x[1]]]
    return ys[0] * ys[1] * k


@prog(X[:3], 3.0)
def targets_hide_in_a_dict(x, k):
    f = lambda v: v * k
    d = {k: f(k * 1.0) for k in range(3)}
    return sum(d[i] * x[i] for i in range(3))


@prog(X[:3], 3.0)
def targets_hide_in_a_loop(x, k):
    f = lambda v: v * k
    t = 0.0
    for i, v in enumerate(x):
        t += sum(f(k) for k in range(i)) * v
    return t


@prog(X[:3], 3.0)
def nested_targets(x, k):
    f = lambda v: v * k
    return sum(f(k) * sum(f(k) for k in x) for k in [sum(k * 2 for k in x), x[0] * k])


@prog(X)
def grouped_by_sign(x):
    g = {"p": [], "n": []}
    for v in x:
        g["p" if v > 0 else "n"].append(v)
    return sum(g["p"]) * sum(g["n"])


@prog(X)
def totals_by_key(x):
    t = {"p": 0.0, "n": 1.0}
    for v in x:
        k = "p" if v > 0 else "n"
        t[k] += v * v
        t[k] = t[k] * 0.5
    return t["p"] * t["n"]


@prog(X)
def function_by_flag(x):
    f = {True: np.sin, False: np.cos}[x[0] > 0]
    return f(x).sum()


@prog(X)
def functions_in_turn(x):
    fs = [np.sin, np.cos, lambda v: v**2]
    return sum(fs[i % 3](v) for i, v in enumerate(x))


@prog(X)
def weights_by_number(x):
    w = {0: 1.0, 1: x[0], 2: x[1] ** 2}
    s = 0.0
    for i, v in enumerate(x):
        s = s + w[i % 3] * v
    return s


@prog(X)
def key_that_may_be_missing(x):
    w = {"a": x[0], "b": x[1]}
    s = 0.0
    for i, v in enumerate(x):
        k = "a" if v > 0 else "c"
        s = s + w.get(k, 2.0) * v
    return s


@prog(X)
def moments_by_sign(x):
    m = {1: 0.0, -1: 0.0}
    for v in x:
        m[int(np.sign(v))] += v**2
    return m[1] * m[-1]
