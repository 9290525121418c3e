"""Programs with generators."""

# mypy: ignore-errors
# ruff: noqa
# Programs of users: they are what people write.

import contextlib, functools, logging, math, random, time, warnings, itertools, operator
from dataclasses import dataclass, field
import numpy as np
from s2sgrad import grad, value_and_grad, vjp, jvp, hvp

from tests.case import given

PROGRAMS = []
prog = given(PROGRAMS)
V = np.array([0.5, 1.2, -0.7])
M = np.arange(9.0).reshape(3, 3) / 7 + np.eye(3) * 2


def pairs(n):
    for i in range(n):
        for j in range(i):
            yield i, j


@prog(V)
def gen_pairs(v):
    s = 0.0
    for i, j in pairs(3):
        s += v[i] * v[j] ** 2
    return s


@prog(V)
def gen_sum(v):
    return sum(x * x for x in v) + sum(np.sin(v[i]) * i for i in range(3))


@prog(V)
def gen_list(v):
    def terms(n):
        t = 1.0
        for k in range(n):
            t = t * v[0] / (k + 1)
            yield t

    return sum(list(terms(4))) + sum(terms(3))


@prog()
def gen_inner(x, y):
    def powers(a):
        p = a
        while p < 5.0:
            yield p
            p = p * 1.7

    s = 0.0
    for q in powers(y):
        s += x * q
    return s


def batches(X, n):
    for i in range(0, len(X), n):
        yield X[i : i + n]


@prog(np.arange(8.0) / 5)
def gen_batches(v):
    l = 0.0
    for b in batches(v, 2):
        l += np.prod(b + 1)
    return l


def fibs():
    a, b = 0.0, 1.0
    while True:
        yield a
        a, b = b, a + b


@prog()
def gen_infinite(x, y):
    s = 0.0
    for k, f in zip(range(5), fibs()):
        s += f * x**k
    return s


@prog(V)
def gen_yield_from(v):
    def g():
        yield from v

    return sum(a * a for a in g())


@prog(V)
def any_all_gen(v):
    if all(a > -1 for a in v) and any(a > 1 for a in v):
        return np.sum(v**2)
    return np.sum(v)
