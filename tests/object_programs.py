"""Programs with objects of classes of the module."""

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


class Timer:
    total = 0.0

    def __enter__(self):
        self.t0 = time.perf_counter()
        return self

    def __exit__(self, exc_type, exc, tb):
        self.dt = time.perf_counter() - self.t0


@prog()
def cls_timer(x, y):
    with Timer() as t:
        r = x * y
    return r * r


class Grid:
    def __init__(self, x, n):
        self.x, self.n = x, n

    def cells(self):
        for i in range(self.n):
            yield i, self.x[i]

    def __iter__(self):
        return iter([self.x[i] for i in range(self.n)])


@prog(V)
def gen_method(v):
    g = Grid(v, 3)
    s = 0.0
    for i, c in g.cells():
        s += i * c * c
    return s


class Stack:
    def __init__(self):
        self.items = []

    def push(self, v):
        self.items.append(v)

    def pop(self):
        return self.items.pop()


@prog()
def stack_obj(x, y):
    s = Stack()
    s.push(x)
    s.push(x * y)
    s.push(y)
    return s.pop() * s.pop() + s.pop()


class Counter:
    def __init__(self, f):
        self.f = f
        self.n = 0

    def __call__(self, *a):
        self.n += 1
        return self.f(*a)


@prog()
def class_decorator(x, y):
    g = Counter(lambda t: t * t * y)
    r = g(x) + g(y)
    return r * g.n


class Color(enum.Enum):
    RED = 1
    BLUE = 2


@prog()
def enum_dispatch(x, y):
    c = Color.RED
    if c is Color.RED:
        r = x * x
    else:
        r = y
    return r * y


@dataclass
class Params:
    w: float
    b: float = 0.5
    hist: list = field(default_factory=list)

    def predict(self, x):
        return self.w * x + self.b

    @property
    def norm(self):
        return self.w**2 + self.b**2

    @classmethod
    def make(cls, w):
        return cls(w, b=w * 2)


@prog()
def dataclass_local(x, y):
    p = Params(x)
    q = Params.make(y)
    p.b = p.b * y
    p.hist.append(x)
    return p.predict(2.0) + q.predict(x) * p.norm + len(p.hist)


class Node:
    __slots__ = ("v", "l", "r")

    def __init__(self, v, l=None, r=None):
        self.v = v
        self.l = l
        self.r = r


def tree_sum(n):
    return 0.0 if n is None else n.v**2 + tree_sum(n.l) * 0.5 + tree_sum(n.r)


@prog()
def tree(x, y):
    return tree_sum(Node(x, Node(y), Node(x * y, Node(1.0))))


class Shape:
    def area(self):
        raise NotImplementedError


class Sq(Shape):
    def __init__(self, s):
        self.s = s

    def area(self):
        return self.s**2


class Ci(Shape):
    def __init__(self, r):
        self.r = r

    def area(self):
        return math.pi * self.r**2


@prog()
def polymorphic(x, y):
    return sum(s.area() for s in [Sq(x), Ci(y), Sq(x * y)])


@prog()
def isinst(x, y):
    t = 0.0
    for s in (Sq(x), Ci(y)):
        if isinstance(s, Sq):
            t += s.s
        else:
            t += s.area()
    return t * t


def walk(n):
    if n is None:
        return
    yield n.v
    yield from walk(n.l)
    yield from walk(n.r)


@prog()
def rec_gen(x, y):
    return sum(v * v for v in walk(Node(x, Node(y), Node(x * y))))


@prog()
def aug_global_obj(x, y):
    class_attr = Timer.total
    return x * y + class_attr
