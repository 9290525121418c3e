"""Recursive programs, each with arguments."""

# mypy: ignore-errors
# ruff: noqa
# Programs of users: they are what people write.

import functools
import math

import numpy as np

R = np.random.default_rng(0).standard_normal


def fact(x, n):
    return x if n == 0 else n * x * fact(x, n - 1)


fact.args = (0.8, 5)


def horner(cs, x, k=0):
    if k == len(cs) - 1:
        return cs[k]
    return cs[k] + x * horner(cs, x, k + 1)


horner.args = (R(5), 0.7)


def newton(x, a, k):
    if k == 0:
        return x
    x = x - (x * x - a) / (2.0 * x)
    return newton(x, a, k - 1)


newton.args = (1.0, 2.0, 4)


def fib(x, n):
    if n < 2:
        return math.sin(x) + n
    return fib(x, n - 1) * 0.5 + fib(x * 0.9, n - 2)


fib.args = (0.7, 7)


def total(x):
    n = len(x)
    if n == 1:
        return math.sin(x[0])
    m = n // 2
    return total(x[:m]) + total(x[m:]) * 0.5


total.args = (R(9),)


def even(x, n):
    if n == 0:
        return x
    return odd(x * 1.1, n - 1)


def odd(x, n):
    if n == 0:
        return x * x
    return math.sin(even(x, n - 1)) + x


even.args = (0.7, 5)


def tree(t):
    if isinstance(t, tuple):
        return tree(t[0]) * tree(t[1]) + 1.0
    return math.sin(t)


def usetree(x, y):
    return tree(((x, y), (x, (y, x * y))))


usetree.args = (0.7, 1.2)


def pair(x, n):
    if n == 0:
        return x, x * x
    a, b = pair(x * 0.9, n - 1)
    return a + b, a * math.cos(b)


def usepair(x, n):
    a, b = pair(x, n)
    return a * b + x


usepair.args = (0.7, 4)


def closure(x, y, n):
    def rec(v, k):
        if k == 0:
            return v * y
        return math.sin(rec(v + x, k - 1)) + y

    return rec(y, n) * x


closure.args = (0.7, 1.3, 4)


def vec(W, h, n):
    if n == 0:
        return h
    return np.tanh(W @ vec(W, h, n - 1))


def usevec(W, h):
    return np.sum(vec(W, h, 3) ** 2)


usevec.args = (R((3, 3)), R(3))


def loopy(x, n):
    s = x
    for k in range(n):
        s = s + loopy(x * 0.5, k) * math.sin(s)
    return s


loopy.args = (0.7, 4)


def loopy0(x, n):
    s = 1.0
    for k in range(n):
        s = s * x + loopy0(x, k)
    return s


loopy0.args = (0.7, 4)


def acker(x, m, n):
    if m == 0:
        return n * math.sin(x) + x
    if n <= 0:
        return acker(x, m - 1, 1)
    return acker(x, m - 1, n - 1) + acker(x, m, n - 1) * 0.3


acker.args = (0.3, 1, 2)


def fft(x):
    n = len(x)
    if n == 1:
        return x
    e, o = fft(x[::2]), fft(x[1::2])
    w = np.cos(np.arange(n // 2) * 0.3)
    return np.concatenate([e + w * o, e - w * o])


def usefft(x):
    return np.sum(fft(x) ** 3)


usefft.args = (R(8),)


def whilerec(x, n):
    s = 0.0
    while s < 2.0 and n > 0:
        s = s + x + 0.1 * whilerec(x, n - 1)
        n = n - 1
    return s * x


whilerec.args = (0.7, 4)


def count(x, n):
    if n <= 0:
        return 0
    return 1 + count(x, n - 2)


def usecount(x, n):
    return x ** count(x, n)


usecount.args = (0.7, 5)


def inner_redef(x, n):
    def g(v):
        return inner_redef(v, n - 1) * v

    if n == 0:
        return x
    return g(math.sin(x)) + x


inner_redef.args = (0.7, 4)


def depth(x, n):
    return x if n == 0 else depth(x * 1.0001, n - 1)


depth.args = (0.7, 60)


@functools.cache
def cached(x, n):
    return x if n == 0 else cached(x, n - 1) * x


cached.args = (0.7, 5)


def early(x, n):
    for k in range(10):
        if k >= n:
            return x * k
        if x * k > 1.5:
            y = early(x * 0.5, n - 1)
            if y > 3:
                continue
            return y + x
    return x


early.args = (0.9, 6)


def mat(A, n):
    if n == 0:
        return np.eye(A.shape[0])
    if n % 2:
        return A @ mat(A, n - 1)
    h = mat(A, n // 2)
    return h @ h


def usemat(A):
    return np.sum(mat(A, 5) * A)


usemat.args = (R((3, 3)) * 0.5,)


def wr(x, n):
    y = x.copy()
    a = vecr(y, n)
    y[0] = 5.0 * x[1]
    b = vecr(y, n)
    a[1] = a[2] * 2.0
    return np.sum(a * b * y)


def vecr(v, n):
    if n == 0:
        return np.sin(v)
    return v * vecr(v * 0.9, n - 1)


wr.args = (R(4), 3)


def wr2(x, n):
    y = x.copy()
    s = 0.0
    for k in range(3):
        a = vecr(y, n)
        y[k] = np.sum(a) * 0.1
        s = s + np.sum(a * y)
    return s


wr2.args = (R(4), 3)


def ident(v, n):
    if n == 0:
        return v
    return ident(v, n - 1)


def wr3(x, n):
    y = x * 1.0
    z = ident(y, n)
    s = np.sum(z * z)
    z = z * 2.0
    z[0] = 3.0
    return s + np.sum(z * y)


wr3.args = (R(4), 3)


def inside(v, n):
    u = np.zeros(3)
    for k in range(3):
        u[k] = v[k] * v[k - 1]
    if n == 0:
        return u
    u[1] *= 0.5
    w = inside(u + v, n - 1)
    w = w * u
    u[0] = 2.0
    return w + u


def wr4(x, n):
    return np.sum(inside(x, n))


wr4.args = (R(3) * 0.7, 3)


def lists(x, n):
    out = []
    for k in range(n):
        out.append(fact(x, k))
    return sum(out) * out[1]


lists.args = (0.7, 4)


def qsum(x, lo, hi):
    if hi - lo == 1:
        return x[lo] ** 2
    m = (lo + hi) // 2
    return qsum(x, lo, m) * 0.5 + qsum(x, m, hi)


def useq(x):
    return qsum(x, 0, len(x)) + qsum(x[1:], 0, 3)


useq.args = (R(6),)
G = np.array([0.5, 1.5])


def globs(x, n):
    return x if n == 0 else globs(x * G[n % 2], n - 1) + G[0]


globs.args = (0.7, 4)


def cond(x, n):
    if x > 0.5 and n > 0:
        return cond(x * 0.8, n - 1) + x
    elif n > 0:
        return cond(x * 1.7, n - 1) * x if x < 0.45 else x
    return x * x


cond.args = (0.7, 6)


def cplx(z, n):
    return z if n == 0 else cplx(z * z * 0.5 + 0.1j, n - 1)


def usec(x):
    return np.abs(cplx(x + 0.3j, 3)) ** 2


usec.args = (0.4,)


def two(x, y, n):
    if n == 0:
        return x * y
    return two(y, x * 0.9, n - 1) + two(1.0, y, n - 1) * 0.1


two.args = (0.4, 1.2, 4)


def kw(x, *, n=3, scale=1.0):
    if n <= 0:
        return x
    return kw(x * scale, n=n - 1, scale=scale * 0.9) * scale


def usekw(x):
    return kw(x) + kw(x, scale=x, n=2)


usekw.args = (0.6,)


def newton_arr(x, A, b, k):
    if k == 0:
        return x
    return newton_arr(x - np.linalg.solve(A, A @ x - b) * 0.5, A, b, k - 1)


def usena(A, b):
    return np.sum(newton_arr(np.zeros(3), A, b, 3) ** 2)


usena.args = (R((3, 3)) + 3 * np.eye(3), R(3))


def stateful(state, n):
    x, (v, w) = state
    if n == 0:
        return x * v
    return stateful((x + 0.1 * v, (v - 0.1 * math.sin(x), w * x)), n - 1) + w


def uses(x, v):
    return stateful((x, (v, 1.0)), 4)


uses.args = (0.6, 0.3)


def where_rec(x, n):
    if n == 0:
        return np.sqrt(x)
    return np.where(x > 0, where_rec(x, n - 1), 0.0)


def usewr(x):
    return np.sum(where_rec(x, 2))


usewr.args = (np.array([0.5, 2.0, 1.0]),)


def rosen(f, x, n):
    if n == 0:
        return f(x)
    return rosen(f, x * 0.9, n - 1) + f(x)


def usef(x, y):
    return rosen(lambda v: v * y, x, 3) + rosen(math.sin, y, 2) + rosen(lambda v: v * y * x, x, 3)


usef.args = (0.5, 0.7)


def nested_closures(x, n):
    def outer(k):
        c = x * k

        def inner(j):
            if j == 0:
                return c
            return inner(j - 1) * x + c

        r = inner(2)
        c = c * 2.0
        r = r + inner(1)
        if k <= 0:
            return r
        return outer(k - 1) + r

    return outer(n)


nested_closures.args = (0.5, 3)


def mutual_closure(x, n):
    def a(k):
        return x if k == 0 else b(k - 1) * x

    def b(k):
        return x * x if k == 0 else a(k - 1) + a(k - 1) * x

    return a(n) + b(n - 1)


mutual_closure.args = (0.5, 4)


def expint(x, n):
    """Exponentiation by squaring."""
    if n == 0:
        return 1
    if n == 1:
        return x
    h = expint(x, n // 2)
    return h * h * (x if n % 2 else 1)


expint.args = (0.9, 11)


def bisect(f, lo, hi, k):
    m = 0.5 * (lo + hi)
    if k == 0:
        return m
    if f(m) > 0:
        return bisect(f, lo, m, k - 1)
    return bisect(f, m, hi, k - 1)


def useb(a):
    return bisect(lambda t: t * t - a, a * 0.1, a * 2.0, 4)


useb.args = (1.3,)


def hanoi(x, n):
    if n == 0:
        return 0.0
    return hanoi(x, n - 1) + x * n + hanoi(x * 0.5, n - 1)


hanoi.args = (0.9, 4)


def printing(x, n):
    assert n < 100, f"n={n}"
    if n == 0:
        return x
    r = printing(x * x, n - 1)
    if r > 1e9:
        print(r)
    return r


printing.args = (0.9, 4)


def simp(f, a, b, eps, d):
    m = (a + b) / 2
    h = b - a
    s = h / 6 * (f(a) + 4 * f(m) + f(b))
    l, r = h / 12 * (f(a) + 4 * f((a + m) / 2) + f(m)), h / 12 * (f(m) + 4 * f((m + b) / 2) + f(b))
    if d == 0 or abs(l + r - s) < 15 * eps:
        return l + r + (l + r - s) / 15
    return simp(f, a, m, eps / 2, d - 1) + simp(f, m, b, eps / 2, d - 1)


def usesimp(a, w):
    return simp(lambda t: math.exp(-w * t * t) * math.sin(3 * t), 0.0, a, 1e-6, 8)


usesimp.args = (2.0, 0.7)


PROGRAMS = [
    fact,
    horner,
    newton,
    fib,
    total,
    even,
    usetree,
    usepair,
    closure,
    usevec,
    loopy,
    loopy0,
    acker,
    usefft,
    whilerec,
    usecount,
    inner_redef,
    depth,
    cached,
    early,
    usemat,
    wr,
    wr2,
    wr3,
    wr4,
    lists,
    useq,
    globs,
    cond,
    usec,
    two,
    usekw,
    usena,
    uses,
    usewr,
    usef,
    nested_closures,
    mutual_closure,
    expint,
    useb,
    hanoi,
    printing,
    usesimp,
]
