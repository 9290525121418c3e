"""Programs that ask for derivatives themselves."""

# mypy: ignore-errors
# ruff: noqa
# Programs of users: they are what people write.

import numpy as np, math
import s2sgrad
from s2sgrad import grad, value_and_grad, vjp, jvp, hvp, hessian, jacobian

from tests.case import given

PROGRAMS = []
prog = given(PROGRAMS)
V = np.array([0.5, 1.2, -0.7])
M = np.arange(9.0).reshape(3, 3) / 7 + np.eye(3) * 2


@prog()
def same_twice(x, y):
    a, b = grad(lambda u, v: u * u * v, (0, 1))(x, x)
    return a * b * b * y


@prog()
def nested(x, y):
    f = lambda u: math.sin(u * y)
    return grad(grad(f))(x) * grad(f)(y)


@prog()
def deco(x, y):
    @grad
    def g(u):
        return u**3 * y

    @value_and_grad(wrt=1)
    def h(u, v):
        return u * v**2

    v, d = h(x, y)
    return g(x) * v + d


modg = grad(lambda q: np.sum(q**3))


@prog(V)
def module_level(v):
    return np.sum(modg(v) ** 2 * v)


@s2sgrad.grad
def dec_force(q):
    return np.sum(np.cos(q)) * q[0]


@prog(V)
def decorated_global(v):
    return np.sum(dec_force(v) * v)


@prog(V)
def dict_params(v):
    def loss(p, x):
        return np.sum((p["w"] * x + p["b"]) ** 2)

    p = {"w": v, "b": v[0]}
    for _ in range(3):
        g = grad(loss)(p, 2.0)
        p = {k: p[k] - 0.01 * g[k] for k in p}
    return loss(p, 1.5)


@prog(V)
def in_loop_dyn(v):
    q = v
    m = np.zeros(3)
    for i in range(6):
        m = m - 0.1 * grad(lambda z: np.sum(z**4) + np.prod(z))(q)
        q = q + 0.1 * m
    return np.sum(q * q)


@prog(V)
def newton_hess(v):
    f = lambda z: np.sum(z**4) + np.sum(z) ** 2
    H = hessian(f)(v)
    g = grad(f)(v)
    return np.sum(np.linalg.solve(H, g) ** 2)


@prog(V)
def jac_in(v):
    J = jacobian(lambda z: np.array([z[0] * z[1], np.sin(z[2]) * z[0]]))(v)
    return np.sum(J**2 * 2) + np.sum(J[0] * v)


@prog(V)
def hvp_in(v):
    return np.sum(hvp(lambda z: np.sum(z**3 * v))(v, vector=v * 2))


@prog()
def has_aux(x, y):
    def f(u):
        return u**2 * y, u * 3

    (l, aux), g = value_and_grad(f, has_aux=True)(x)
    g2, a2 = grad(f, has_aux=True)(y)
    return l * aux * g + g2 * a2


@prog(V)
def ctrl_inside(v):
    def f(z):
        s = 0.0
        for i in range(len(z)):
            if z[i] > 0:
                s += z[i] ** 3
            else:
                s -= z[i] ** 2
        return s

    return np.sum(grad(f)(v) ** 2)


@prog()
def helper_df(x, y):
    def df(f):
        return grad(f)

    def newton(f, x0):
        d = grad(f)
        for _ in range(5):
            x0 = x0 - f(x0) / d(x0)
        return x0

    return newton(lambda t: t**2 - y, x + 1) * df(math.sin)(x)


@prog()
def branch_in(x, y):
    if x > 0.5:
        r = grad(lambda t: t**3)(x)
    else:
        r = grad(lambda t: t**2)(x)
    return r * y


@prog()
def int_arg(x, y):
    return grad(lambda t: t**2 * x)(3) * y


@prog(V)
def writes_inside(v):
    def f(z):
        z = z.copy()
        z[0] *= 2.0
        o = np.zeros(3)
        for i in range(3):
            o[i] = z[i] ** 2
        return np.sum(o * z)

    return np.sum(grad(f)(v) * v)


@prog(V)
def write_arg_inside(v):
    def f(z):
        z[0] = z[0] * z[1]
        return np.sum(z**2)

    g = grad(f)(v)
    return np.sum(g * v)


@prog(V)
def write_grad(v):
    g = grad(lambda z: z @ v)(v)
    g[0] = 0.0
    return np.sum(g * v)


@prog(V)
def hamiltonian(v):
    H = lambda q, p: np.sum(p**2) / 2 + np.sum(q**4) / 4
    q, p = v, v * 2
    for _ in range(4):
        p = p - 0.05 * grad(H, 0)(q, p)
        q = q + 0.1 * grad(H, 1)(q, p)
        p = p - 0.05 * grad(H, 0)(q, p)
    return H(q, p)


@prog(V)
def vjp_several(v):
    f = lambda a, b: (a * b, np.sum(a))
    (o, s), (ga, gb) = vjp(f, (0, 1))(v, v**2, out_bar=(v, 2.0))
    return np.sum(ga * gb) + s * np.sum(o)
