"""Programs with classes that are defined in functions."""

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


@prog()
def local_class(x, y):
    class P:
        """Doc."""

        k = 2.0

        def __init__(self, a):
            self.a = a

        def area(self):
            return self.a**2 * self.k * y

        @property
        def twice(self):
            return 2 * self.a

        @staticmethod
        def s(v):
            return v * v

        @classmethod
        def make(cls, v):
            return cls(v * 3)

        def __add__(self, o):
            return P(self.a + o.a)

    p = P(x) + P.make(y)
    return p.area() + p.twice * P.s(x)


@prog()
def local_exc(x, y):
    class Small(ValueError):
        pass

    def g(v):
        if v < 1:
            raise Small(f"{v}")
        return v * v

    t = 0.0
    for v in (x, y, x * y):
        try:
            t += g(v)
        except Small as e:
            t += 3 * v
    return t


@prog()
def local_inherit(x, y):
    class A:
        def __init__(self, v):
            self.v = v

        def f(self):
            return self.v * 2

    class B(A):
        def __init__(self, v, w):
            super().__init__(v)
            self.w = w

        def f(self):
            return super().f() + self.w**2

    return B(x, y).f() * A(y).f()


@prog()
def local_dc(x, y):
    @dataclass
    class S:
        a: float
        b: float = 2.0

        def g(self):
            return self.a * self.b

    @dataclass(frozen=True)
    class Q:
        z: float

    s = S(x)
    s.b = s.b * y
    return s.g() * Q(y).z


@prog()
def local_ctx(x, y):
    class M:
        def __init__(self, k):
            self.k = k

        def __enter__(self):
            return self.k * 2

        def __exit__(self, *a):
            self.k = 0.0

    m = M(x)
    with m as q:
        r = q * y
    return r + m.k
