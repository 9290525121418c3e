"""Programs with exceptions, context managers, random draws and the less common statements."""

# mypy: ignore-errors
# ruff: noqa
# Programs of users: they are what people write.

import contextlib, functools, logging, math, random, time, warnings, abc
from dataclasses import dataclass
import numpy as np

from tests.case import given

PROGRAMS = []
prog = given(PROGRAMS)
V = np.array([0.5, 1.2, -0.7])
M = np.arange(9.0).reshape(3, 3) / 7 + np.eye(3) * 2


@prog()
def try_fallback(x, y):
    try:
        z = math.log(x - 1.0)
    except ValueError:
        z = x * y
    return z * y


@prog(1.8, 1.3)
def try_ok(x, y):
    try:
        z = math.log(x - 1.0)
    except ValueError:
        z = x * y
    return z * y


@prog()
def try_zero_div(x, y):
    n = 0
    try:
        r = x / n
    except ZeroDivisionError as e:
        r = x * y
    finally:
        y = y * 2.0
    return r * y


@prog()
def try_else(x, y):
    try:
        s = math.sqrt(x)
    except (ValueError, TypeError):
        s = 0.0
    else:
        s = s * y
    return s


@prog(M, V)
def try_linalg(a, b):
    try:
        z = np.linalg.solve(a, b)
    except np.linalg.LinAlgError:
        z = np.linalg.lstsq(a, b, rcond=None)[0]
    return np.sum(z**2)


@prog(M)
def try_cholesky(a):
    s = a @ a.T
    try:
        L = np.linalg.cholesky(s)
    except np.linalg.LinAlgError:
        L = np.linalg.cholesky(s + 1e-6 * np.eye(3))
    return np.sum(np.log(np.diag(L)))


@prog(M)
def jitter_loop(a):
    s = a + a.T - 20 * np.eye(3)
    jitter = 1.0
    for k in range(10):
        try:
            L = np.linalg.cholesky(s + jitter * np.eye(3))
            break
        except np.linalg.LinAlgError:
            jitter *= 3.0
    return np.sum(L * L[0]) + jitter


@prog()
def try_return(x, y):
    try:
        return math.sqrt(x) * y
    except ValueError:
        return y


@prog()
def try_finally_return(x, y):
    log = []
    try:
        return x * y
    finally:
        log.append(1)


@prog()
def ctx_manager(x, y):
    @contextlib.contextmanager
    def scale(k):
        yield k * 2.0

    with scale(x) as f:
        r = f * y
    return r * x


@contextlib.contextmanager
def gl_timer(name):
    t = time.perf_counter()
    try:
        yield
    finally:
        logging.getLogger("x").debug("%s %f", name, time.perf_counter() - t)


@prog()
def ctx_timer(x, y):
    with gl_timer("a"):
        r = x * math.sin(y)
    return r


@prog()
def ctx_suppress(x, y):
    r = x * y
    with contextlib.suppress(ValueError):
        r = math.log(x - 5)
    return r * x


@prog(V)
def ctx_errstate(v):
    with np.errstate(divide="ignore", invalid="ignore"):
        r = np.where(v > 0, np.log(v), 0.0)
    return np.sum(r)


@prog(V)
def ctx_printoptions(v):
    with np.printoptions(precision=3):
        s = str(v)
    return np.sum(v * v)


@prog(V)
def ctx_warnings(v):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        r = np.sqrt(v * v)
    return np.sum(r)


@prog()
def ctx_null(x, y):
    with contextlib.nullcontext(x) as z:
        return z * y


@prog()
def imports(x, y):
    import numpy as xp
    from math import sin as s
    import time

    t0 = time.perf_counter()
    return xp.exp(x) * s(y)


@prog()
def log_and_print(x, y):
    log = logging.getLogger(__name__)
    for i in range(3):
        x = x * y
        log.debug("x %d %s", i, x)
        log.info(f"it {x:.3f}")
    logging.debug("done %s", x)
    return x


@prog()
def perf(x, y):
    t = time.perf_counter()
    t1 = time.time()
    z = x * y
    dt = time.perf_counter() - t
    return z * z


@prog(V)
def rng_seeded(v):
    rng = np.random.default_rng(0)
    noise = rng.standard_normal(3)
    return np.sum((v + 0.1 * noise) ** 2)


@prog(V)
def rng_loop(v):
    rng = np.random.default_rng(3)
    s = 0.0
    for i in range(4):
        m = rng.random(3) < 0.5
        s = s + np.sum(np.where(m, v**2, v)) * rng.normal()
    return s


@prog(V)
def rng_state(v):
    rng = np.random.RandomState(3)
    w = rng.randn(3)
    p = rng.permutation(3)
    return np.sum(v[p] * w * v)


@prog(V)
def rng_global(v):
    np.random.seed(0)
    return np.sum(np.tanh(v * np.random.randn(3)))


@prog()
def rnd(x, y):
    random.seed(1)
    if random.random() < 0.5:
        x = x * y
    return x * random.gauss(0, 1) * y


@prog(V)
def rng_helper(v):
    def dropout(h, rng, p=0.5):
        keep = rng.uniform(size=h.shape) > p
        return h * keep / (1 - p)

    rng = np.random.default_rng(1)
    h = np.tanh(v)
    for _ in range(2):
        h = dropout(h, rng)
    return np.sum(h * h)


@prog(V)
def minibatch(v):
    rng = np.random.default_rng(1)
    X = np.arange(12.0).reshape(4, 3) / 5
    idx = rng.choice(4, 2, replace=False)
    return np.mean((X[idx] @ v) ** 2)


@prog()
def ret_in_loop(x, y):
    for i in range(10):
        x = x * y
        if x > 2.0:
            return x * i
    return x


@prog()
def ret_in_while(x, y):
    n = 0
    while True:
        x = x * y + 0.1
        n += 1
        if n > 5:
            return x
        if x > 3.0:
            return x * x


@prog(V)
def ret_in_nested(v):
    for i in range(3):
        for j in range(3):
            if v[i] * v[j] < -0.5:
                return v[i] * v[j] ** 2
    return np.sum(v)


@prog()
def while_true(x, y):
    it = 0
    while True:
        it += 1
        new = 0.5 * (x + y / x)
        if abs(new - x) < 1e-12 or it >= 50:
            break
        x = new
    return x


@prog()
def chained(x, y):
    if 0.0 < x < 1.0 < y:
        r = x * y
    else:
        r = x
    return r if 0 <= r <= 5 else -r


@prog()
def walrus(x, y):
    if (z := x * y) > 1.0:
        return z * z
    return (w := z + 1) * w


@prog()
def cond_import(x, y):
    try:
        import scipy.special as sp

        g = sp.expit
    except ImportError:
        g = lambda t: 1 / (1 + np.exp(-t))
    return g(x) * y


@prog(V)
def match_tuple(v):
    kind = ("poly", 2)
    match kind:
        case ("poly", n):
            r = np.sum(v**n)
        case ("exp",):
            r = np.sum(np.exp(v))
        case _:
            raise ValueError(kind)
    return r


@prog()
def match_or(x, y):
    d = {"kind": "a", "v": x, "extra": y}
    match d:
        case {"kind": "a" | "b", "v": v, **rest}:
            return v * rest["extra"]
        case _:
            return x


@prog()
def match_or_bind(x, y):
    t = (1, x)
    match t:
        case (1, z) | (2, z):
            return z * y
        case [a, *r]:
            return a


@prog()
def assert_msg(x, y):
    assert x > 0, f"x must be positive, got {x}"
    assert isinstance(y, float)
    if y < 0:
        raise ValueError("bad %s" % y)
    return x * y


@prog(V)
def assert_shape(v):
    assert v.shape == (3,), v.shape
    if v.ndim != 1:
        raise ValueError(f"expected 1-d, got {v.ndim}-d {v.shape}")
    return np.sum(v**2)
