"""Programs that mix statements, generators and functions as values."""

# mypy: ignore-errors
# ruff: noqa
# Programs of users: they are what people write.

import contextlib
import enum
import functools
import itertools
import logging
import math
import operator
import random
import time
import warnings
from dataclasses import dataclass, field

import numpy as np

from tests.case import given

PROGRAMS = []
prog = given(PROGRAMS)
V = np.array([0.5, 1.2, -0.7])
M = np.arange(9.0).reshape(3, 3) / 7 + np.eye(3) * 2


def memo(f):
    cache = {}

    @functools.wraps(f)
    def w(n, x):
        if n not in cache:
            cache[n] = f(n, x)
        return cache[n]

    return w


@prog()
def raise_from(x, y):
    def g(v):
        try:
            return math.log(v)
        except ValueError as e:
            raise RuntimeError(f"bad {v}") from e

    try:
        return g(x - 1) * y
    except RuntimeError as e:
        return g(x + 1) * y


@prog(V)
def for_else(v):
    for i in range(3):
        if v[i] > 5:
            r = v[i]
            break
    else:
        r = np.sum(v)
    return r * r


@prog()
def retry(x, y):
    step = 1.0
    tries = 0
    while True:
        tries += 1
        try:
            r = math.sqrt(x - step)
        except ValueError:
            step *= 0.5
            if tries > 10:
                raise
            continue
        break
    return r * y * step


@prog()
def line_search(x, y):
    f = lambda t: (t - 1.0) ** 4 + y * t
    import s2sgrad

    g = s2sgrad.grad(f)
    for _ in range(3):
        d = -g(x)
        a = 1.0
        while f(x + a * d) > f(x) - 1e-4 * a * d * d:
            a *= 0.5
        x = x + a * d
    return x


@prog()
def with_return(x, y):
    with contextlib.nullcontext():
        if x > 0.5:
            return x * y
    return y


@prog(V)
def errstate_return(v):
    with np.errstate(all="ignore"):
        return np.sum(np.where(v > 0, np.sqrt(v), v))


@prog()
def suppress_loop(x, y):
    t = 0.0
    for k in range(4):
        with contextlib.suppress(ValueError, ZeroDivisionError):
            t += math.log(x - 0.2 * k)
    return t * y


@prog()
def star_forward(x, y):
    def base(a, b, *, k=1.0):
        return a * b**k

    def wrap(*args, **kw):
        return base(*args, **kw) + 1

    def wrap2(f):
        return lambda *a, **k: f(*a, **k) * 2

    return wrap2(wrap)(x, y, k=2.0)


CONFIG = {"lr": 0.1, "steps": 3, "act": "tanh"}


@prog()
def config_global(x, y):
    for _ in range(CONFIG["steps"]):
        x = x - CONFIG["lr"] * x * y
    return math.tanh(x) if CONFIG["act"] == "tanh" else x


@prog()
def gen_pipeline(x, y):
    def nums(n):
        for i in range(n):
            yield x * i

    def sq(it):
        for v in it:
            yield v * v

    def take(it, k):
        for i, v in enumerate(it):
            if i >= k:
                return
            yield v

    return sum(take(sq(nums(10)), 4)) * y


@prog()
def gen_state(x, y):
    def running(vals):
        t = 0.0
        for v in vals:
            t += v
            yield t

    return [*running([x, y, x * y])][-1] + max(running((x, y)))


@prog(V)
def gen_np(v):
    def rows():
        for i in range(3):
            yield v * i + 1

    return np.sum(np.stack(list(rows())) ** 2) + np.sum(
        np.array([a * a for a in (u.sum() for u in rows())])
    )


@prog()
def first_match(x, y):
    k = next(i for i in range(10) if i * i > 20)
    return x * k * y


@prog()
def dict_of_lambdas(x, y):
    ops = {"+": operator.add, "*": operator.mul, "-": lambda a, b: a - b}
    prog = [("+", x), ("*", y), ("-", x)]
    acc = 1.0
    for o, v in prog:
        acc = ops[o](acc, v)
    return acc * acc


@prog()
def string_work(x, y):
    name = "layer_%d" % 3
    k = int(name.split("_")[1])
    d = {f"w{i}": x * i for i in range(4)}
    return d["w" + str(k)] * y * len(name)


@prog()
def ternary_chain(x, y):
    return x if x > y else y * x if x > 0.5 else x + y


@prog()
def bool_ops(x, y):
    a = x > 0.5 and y
    b = (x < 0 or None) or y * x
    return a * b


@prog()
def nested_try_with(x, y):
    out = 0.0
    for k in range(3):
        try:
            with contextlib.nullcontext(k * 0.5) as h:
                out += math.sqrt(x - h) * y
        except ValueError as e:
            logging.getLogger(__name__).warning("fail %s", e)
            out += y
        finally:
            out *= 1.1
    return out


@prog()
def kwargs_build(x, y):
    def f(**kw):
        return sum(v * i for i, (k, v) in enumerate(kw.items()))

    return f(a=x, b=y, **{"c": x * y})


@prog()
def unpack_call(x, y):
    def mm(*v):
        return min(v), max(v)

    lo, hi = mm(x, y, x * y)
    (a, b), c = (lo, hi), x
    first, *rest = [a, b, c]
    return first * rest[0] + rest[-1]


@prog()
def inner_generator_closure(x, y):
    k = 2.0

    def g():
        nonlocal_free = k * x
        for i in range(3):
            yield nonlocal_free * i

    k = y
    return sum(g())


@prog(V)
def loop_shadow(v):
    x = 0.0
    for x in v:
        pass
    for i in range(3):
        v = v * i if i else v
    return x * np.sum(v) + i


@prog()
def reduce_lambda(x, y):
    return functools.reduce(lambda a, b: a * b + x, [x, y, 2.0], 1.0)


@prog()
def while_else(x, y):
    n = 0
    while n < 3:
        x = x * y
        n += 1
        if x > 100:
            break
    else:
        x = x + 1
    return x


@prog()
def del_name(x, y):
    t = x * y
    u = t * t
    del t
    return u


@prog()
def early_none(x, y):
    def f(v):
        if v < 0:
            return
        return v * v

    r = f(x)
    if r is None:
        return y
    return r * y


@prog()
def assert_loop(x, y):
    for k in range(3):
        assert x > 0, (k, x)
        x = x * y
    return x


@prog(V)
def rng_class(v):
    class_rng = np.random.default_rng(0)
    idx = class_rng.integers(0, 3, size=5)
    b = class_rng.permutation(3)
    w = class_rng.choice([0.5, 1.5], size=3)
    return np.sum(v[idx] ** 2) + np.sum(v[b] * w)


@prog()
def monte_carlo(x, y):
    rng = np.random.default_rng(0)
    n = 50
    s = 0.0
    for _ in range(n):
        z = rng.standard_normal()
        st = x * math.exp(0.1 * y * z)
        s += max(st - 0.9, 0.0)
    return s / n


@prog(V)
def mc_vec(v):
    z = np.random.default_rng(5).standard_normal((4, 3))
    return np.mean(np.maximum(np.exp(v * z) - 1, 0))
