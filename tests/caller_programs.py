"""Programs with functions as values, and what callers pass."""

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


@prog()
def nonlocal_counter(x, y):
    total = 0.0

    def add(v):
        nonlocal total
        total += v * v

    for i in range(3):
        add(x * i + y)
    return total


@prog()
def nonlocal_helper(x, y):
    n = 0

    def f(v):
        nonlocal n
        n += 1
        return v * v * y

    def integrate(g, a, b):
        return sum(g(a + (b - a) * k / 4) for k in range(4))

    r = integrate(f, 0.0, x)
    return r * n


@prog()
def make_counter(x, y):
    def counter():
        c = 0.0

        def inc(v):
            nonlocal c
            c += v
            return c

        return inc

    k = counter()
    k(x)
    k(y * x)
    return k(1.0)


@prog()
def fns_list(x, y):
    fs = [math.sin, lambda t: t * t, np.tanh]
    r = x
    for f in fs:
        r = f(r) * y
    return r


@prog()
def fns_dict(x, y):
    acts = {"relu": lambda t: np.maximum(t, 0.0), "tanh": np.tanh}
    r = x
    for name in ("relu", "tanh"):
        r = acts[name](r * y)
    return r


@prog()
def returned(x, y):
    def adder(a):
        return lambda b: a * b + a

    return adder(x)(y) * adder(y)(x)


@prog()
def compose(x, y):
    def comp(*fs):
        def h(v):
            for f in reversed(fs):
                v = f(v)
            return v

        return h

    return comp(math.sin, math.exp, lambda t: t * y)(x)


@prog()
def rk4(x, y):
    def step(f, t, z, h):
        k1 = f(t, z)
        k2 = f(t + h / 2, z + h / 2 * k1)
        k3 = f(t + h / 2, z + h / 2 * k2)
        k4 = f(t + h, z + h * k3)
        return z + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)

    f = lambda t, z: -y * z + math.sin(t)
    z = x
    for i in range(5):
        z = step(f, i * 0.1, z, 0.1)
    return z


@prog()
def varargs(x, y):
    def f(a, *rest, scale=1.0, **kw):
        return (a + sum(rest)) * scale * kw.get("k", 2.0)

    args = (x, y)
    kw = {"scale": y, "k": x}
    return f(*args, x * y, **kw) + f(x)


@prog()
def kwonly(x, y):
    def f(a, /, b, *, c=2.0):
        return a * b**c

    return f(x, b=y) + f(x, y, c=3.0)


def logged(f):
    @functools.wraps(f)
    def w(*a, **k):
        r = f(*a, **k)
        logging.debug("%s", f.__name__)
        return r

    return w


@logged
def sq(v):
    return v * v


@prog()
def wraps(x, y):
    return sq(x) * sq(y)


def scaled(k):
    def d(f):
        @functools.wraps(f)
        def w(*a):
            return k * f(*a)

        return w

    return d


@scaled(3.0)
def cube(v):
    return v**3


@prog()
def deco_args(x, y):
    return cube(x) * y


@functools.lru_cache(maxsize=None)
def binom(n, k):
    if k == 0 or k == n:
        return 1
    return binom(n - 1, k - 1) + binom(n - 1, k)


@prog()
def lru(x, y):
    return sum(binom(4, k) * x**k * y ** (4 - k) for k in range(5))


def is_even(n, x):
    return x if n == 0 else is_odd(n - 1, x * 1.1)


def is_odd(n, x):
    return x * x if n == 0 else is_even(n - 1, math.sin(x))


@prog()
def mutual(x, y):
    return is_even(5, x) * is_even(4, y)


@prog(V)
def merge_rec(v):
    def total(a):
        if len(a) == 1:
            return a[0] ** 2
        m = len(a) // 2
        return total(a[:m]) * total(a[m:]) + 1.0

    return total(v)


def doc(x, y=2.0):
    """Doc.

    More.
    """
    if x < 0:
        return 0.0, y
    return x * y, y * y


@prog()
def several(x, y):
    a, b = doc(x)
    c, _ = doc(-x, y)
    return a * b + c


def mutdef(x, acc=[]):
    return x * x + len(acc)


@prog()
def mutable_default(x, y):
    return mutdef(x) * y


@prog(np.array([0.4, 0.9]))
def newton_grad(v):
    import s2sgrad

    def e(p):
        return np.sum(p**4) + p[0] * p[1]

    p = v
    for _ in range(3):
        p = p - 0.1 * s2sgrad.grad(e)(p)
    return np.sum(p**2)


def U(q):
    return np.sum(q**4) / 4 + q[0] * q[1] ** 2


@prog(np.array([0.4, 0.9]))
def forces(q):
    f = -grad(U)(q)
    return np.sum(f**2)


@prog(0.3, 0.9)
def maml(w, a):
    def loss(w, t):
        return (w * t - 1.0) ** 2

    w2 = w - a * grad(loss)(w, 2.0)
    return loss(w2, 3.0)


@prog(0.3, 0.9)
def pinn(w, t):
    u = lambda s: np.tanh(w * s) * s
    return (grad(u)(t) + u(t)) ** 2


@prog(0.3, 0.9)
def inner_vg(w, t):
    v, g = value_and_grad(lambda s: np.sin(w * s))(t)
    return v * g


@prog(np.array([0.4, 0.9]))
def inner_jvp(q):
    o, t = jvp(U)(q, tangents=np.ones(2))
    return o * t


@prog(np.array([0.4, 0.9]))
def inner_vjp(q):
    _, g = vjp(lambda z: z**2)(q, out_bar=np.ones(2))
    return np.sum(g**3)


@prog()
def one_branch(x, y):
    if x > 0:
        z = x * y
    if x > 0:
        return z * z
    return y


@prog(V)
def loopvar(v):
    for i in range(len(v)):
        last = v[i] * i
    return last * i * v[i]


@prog()
def zero_turns(x, y):
    s = x
    for i in range(0):
        s = s * y
        i2 = i
    while x > 100:
        x = x - 1
    return s * y


@prog()
def shadows(x, y):
    sum = 0.0
    max = x
    for i in range(3):
        sum += max * y
    list = sum * 2
    return list


@prog()
def names_clash(t, x_bar):
    tape = t * x_bar
    value = math.sin(tape)
    g = value * t
    t1 = g * tape
    x = t1
    x_tape = x * 2
    out = x_tape
    x_dot = out
    for i in range(3):
        t1 = t1 * x
        out = out + t1 * g
    return t1 + out * x_dot


@prog()
def unused(x, y):
    return x * x


@prog()
def const(x, y):
    return 3.0


@prog()
def kwdefault_arr(x, y):
    def f(a, w=np.array([1.0, 2.0])):
        return np.sum(a * w)

    return f(x) * y


def huge(x):
    a = math.sin(x)
    b = a * x
    c = math.exp(-b)
    d = c + a
    e = d * d
    f = e / (1 + e)
    g = f * math.cos(d)
    h = g + x * g
    i = math.tanh(h)
    j = i * i + a
    k = j * b
    l = k + c
    m = l * d
    n = m - e
    o = n * f
    return o + g * h


@prog()
def many_helpers(x, y):
    return huge(x) * huge(y) + huge(x * y) + huge(huge(x))
