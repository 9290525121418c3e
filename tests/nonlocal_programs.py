"""Programs whose inner functions rebind names of the functions around them."""

# mypy: ignore-errors
# ruff: noqa
# Programs of users: they are what people write.

import numpy as np, math, functools

from tests.case import given

PROGRAMS = []
prog = given(PROGRAMS)
V = np.array([0.5, 1.2, -0.7])
M = np.arange(9.0).reshape(3, 3) / 7 + np.eye(3) * 2


@prog()
def nl_cond_helper(x, y):
    n = 0.0

    def f(v):
        nonlocal n
        n += v * y
        return v * n

    def rep(g, a, k):
        s = a
        for i in range(k):
            if i % 2 == 0:
                s = s + g(s) * 0.1
            else:
                s = s * y
        return s

    r = rep(f, x, 5)
    return r * n


@prog()
def nl_two_counters(x, y):
    def counter(s):
        c = s

        def inc(v):
            nonlocal c
            c = c * v + 1.0
            return c

        def get():
            return c

        return inc, get

    i1, g1 = counter(x)
    i2, g2 = counter(y)
    for k in range(4):
        i1(y)
        if k > 1:
            i2(g1())
    return g1() * g2()


@prog()
def nl_optim(x, y):
    def momentum(lr, beta=0.9):
        m = 0.0

        def step(p, g):
            nonlocal m
            m = beta * m + g
            return p - lr * m

        return step

    opt = momentum(0.1 * y)
    p = x
    for _ in range(5):
        p = opt(p, 2 * p)
    return p


@prog()
def nl_deep(x, y):
    a = x

    def outer():
        b = y

        def inner():
            nonlocal a, b
            a = a * b
            b = b + 1.0
            return a

        inner()
        inner()
        return b

    r = outer()
    return r * a


@prog()
def nl_callback(x, y):
    history = 0.0

    def callback(p):
        nonlocal history
        history = history + p * p

    def minimize(f, p, cb):
        for _ in range(4):
            p = p - 0.1 * f(p)
            cb(p)
        return p

    p = minimize(lambda t: t**3 * y, x, callback)
    return p + history


@prog()
def nl_map(x, y):
    tot = x

    def f(v):
        nonlocal tot
        tot = tot * v
        return tot

    l = [f(v) for v in (x, y, 2.0)]
    m = list(map(f, [y, x]))
    return sum(l) + m[0] * m[1] * tot


@prog()
def nl_while(x, y):
    n = 0

    def go(v):
        nonlocal n
        n += 1
        return v * y

    def loop(g, v):
        while v < 10:
            v = g(v)
        return v

    return loop(go, x) * n


@prog()
def nl_nested_call(x, y):
    s = 0.0

    def add(v):
        nonlocal s
        s += v
        return s

    def twice(f):
        return lambda v: f(f(v))

    r = twice(add)(x)
    return r * s * y
