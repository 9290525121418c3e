"""Programs with functions as values and the less common statements, each with arguments."""

# mypy: ignore-errors
# ruff: noqa
# Programs of users: they are what people write.

import functools
import math
import operator
from functools import cache, partial, reduce

import numpy as np

SCALE = 1.7


def deco(f):
    @functools.wraps(f)
    def inner(*args, **kwargs):
        return 2.0 * f(*args, **kwargs)

    return inner


@deco
def twice(x):
    return x * math.sin(x)


@cache
def cached(x):
    return x * x + math.cos(x)


@functools.cache
def cached2(x):
    return x**3


scaled = partial(lambda a, b, c=1.0: a * b + c, 2.0, c=3.0)


def wraps(x, y):
    return twice(x) * y


def caches(x, y):
    return cached(x) * cached(y) + cached2(x)


def partials(x, y):
    return scaled(x) * y


def partial_local(x, y):
    g = partial(lambda a, b: a * a * b, y)
    return g(x) + functools.partial(max, x)(y)


def reduces(x, y):
    return reduce(lambda a, b: a * b + x, [x, y, 2.0]) + functools.reduce(operator.add, [x, y], 1.0)


def maps(x, y):
    s = 0.0
    for v in map(math.sin, [x, y]):
        s += v * v
    return s + sum(map(lambda a, b: a * b, [x, y], [y, 2.0])) + list(map(math.cos, (x, y)))[0]


def filters(x, y):
    return (
        sum(v * x for v in filter(lambda k: k % 2 == 0, range(5)))
        + sum(list(filter(None, [1, 0, 2]))) * y
    )


def zips(x, y):
    s = 0.0
    for a, b in zip([x, y], (y, 2.0), strict=True):
        s += a * b
    for a, b in list(zip([x, y], [1.0, 2.0])):
        s += a * b * x
    return s


def fdict(x, y):
    fs = {"sin": math.sin, "sq": lambda v: v * v}
    s = 0.0
    for name, f in fs.items():
        s += f(x) * y
    return s + fs["sq"](y)


def flist(x, y):
    s = x
    for f in [math.sin, math.tanh, lambda v: v * y]:
        s = f(s)
    return s


def apply(f, *a):
    return f(*a)


def farg(x, y):
    return apply(math.sin, x) + apply(lambda a, b: a * b, x, y)


def nonlocals(x, y):
    total = 0.0

    def add(v):
        nonlocal total
        total += v * v

    add(x)
    add(y)
    add(x * y)
    return total


def nonlocal_loop(x, y):
    total = 0.0

    def add(v):
        nonlocal total
        if v > 0.5:
            total = total + v * y

    for k in range(3):
        add(x * k)
    return total


def global_read(x, y):
    global SCALE
    return x * SCALE + y


def imports(x, y):
    import math as m
    from math import cos as c
    from math import sin

    import numpy

    return m.exp(x) * sin(y) + c(x) + numpy.tanh(y)


def deletes(x, y):
    t = x * y
    z = t * t
    del t
    return z


def match_constant(x, y):
    k = 2
    match k:
        case 1:
            z = x
        case 2 | 3:
            z = x * y
        case _:
            z = y
    return z


def match_dyn(x, y, n=2):
    match n:
        case 0:
            return x
        case 1 | 2:
            z = x * x
        case k if k > 5:
            z = y * k
        case _:
            z = y
    return z * y


def match_str(x, y, mode="b"):
    match mode:
        case "a":
            return x
        case "b":
            return x * y
        case None:
            return y


def match_seq(x, y):
    p = (x, y)
    match p:
        case (a, b):
            return a * b * b


def match_dict(x, y):
    p = {"w": x, "kind": "lin", "b": y}
    match p:
        case {"kind": "quad", "w": w}:
            return w * w
        case {"kind": "lin", "w": w, "b": b}:
            return w * 3.0 + b * w


def errstate(x, y):
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.log(x) * y
    return z


def fprint(x, y):
    z = x * y
    if z > 1e9:
        print(f"z = {z:.3f} {x!r}", z, sep=", ")
    assert z < 1e9, f"too large: {z:.2f}"
    if z > 1e9:
        raise ValueError(f"bad {z:.3f} at {x + 1}")
    return z * z


def raises(x, y):
    if x > 100.0:
        raise ValueError("x too big: %s" % x)
    if y > 100.0:
        raise RuntimeError("y", y) from None
    return x * y


def walrus(x, y):
    s = 0.0
    k = 0
    while (v := x * k) < 3.0:
        s += v * v * y
        k += 1
    return s + v


def walrus2(x, y):
    s = x
    while (s := s * 1.3 + 0.1) < 4.0 and (t := s * y) < 100.0:
        x = x + t * 0.1
    return s * x


def chain(x, y):
    return x if 0.0 < x < y <= 3.0 != 4.0 else y * y


def forelse(x, y):
    for k in range(5):
        if x * k > y:
            break
        x = x * 1.1
    else:
        x = x * y
    return x


def star(x, y):
    a, *b, c = x, y, x * y, 2.0
    (d, *e), f = (x, y, y), c
    g = [*b, *e]
    h = (*b, x)
    return a * c + sum(g) + h[0] * d + max(*e, x) * f


def sets(x, y):
    names = {"a", "b"}
    z = x
    if "a" in names:
        z = z * y
    if 3 in {1, 2}:
        z = z * 100
    opts = {"k": 2, "m": 3}
    return z * opts["k"] + len({1, 2}) * y


def try_free(x, y):
    f = {"a": 1.0}.get
    return x * y


def ternary_funcs(x, y, flag=True):
    f = math.sin if flag else math.cos
    return f(x) * y


def default_mutable(x, y):
    def g(a, scale=y, *, k=2):
        return a**k * scale

    return g(x) + g(y, k=3)


def deco_inner(x, y):
    @functools.wraps(math.sin)
    def g(a):
        return a * y

    @cache
    def h(a):
        return a * a

    @deco
    def k(a):
        return a * h(a)

    return g(x) + h(x) + k(y)


def any_all(x, y):
    return x * y if all(v > 0 for v in [1, 2]) and any([0, 1]) else x


def rounds(x, y):
    z = x
    for i, (a, b) in enumerate(zip([x, y], [1, 2]), start=1):
        z += a * b * i
    for a in reversed([x, y]):
        z = z * a
    for a in sorted([3, 1, 2]):
        z += a * x
    return z


def while_else(x, y):
    k = 0
    while k < 3:
        x = x * y
        k += 1
        if x > 1000:
            break
    else:
        x += 1.0 * y
    return x


def lambda_default(x, y):
    fs = [lambda v, k=k: v * k * y for k in range(3)]
    return sum(f(x) for f in fs)


def opdots(x, y):
    return operator.mul(x, y) + functools.reduce(
        lambda f, g: lambda v: g(f(v)), [math.sin, math.cos]
    )(x)


W = np.array([0.3, -0.7, 1.1])


class Bad(Exception):
    pass


def nl_comp(x, y):
    t = 0.0

    def add(v):
        nonlocal t
        t = t + v * y
        return t

    zs = [add(x * k) for k in range(3)]
    return t + zs[1]


def nl_comp_dyn(x, y):
    t = 0.0

    def add(v):
        nonlocal t
        t = t + v * y
        return t

    zs = [add(v) for v in x]
    return t * y + np.sum(np.array(zs))


nl_comp_dyn.args = (W, 0.7)


def nl_get(x, y):
    total = x

    def get():
        return total

    def add(v):
        nonlocal total
        total = total * v
        return get() * v

    a = add(y)
    b = add(x)
    return a * b + total + get()


def nl_nested(x, y):
    c = 1.0

    def outer(v):
        nonlocal c

        def inner(u):
            nonlocal c
            c = c * u
            return c

        for k in range(3):
            inner(v + k)
            if c > 5:
                break
        return c * v

    r = outer(x)
    return r * c + outer(y)


def nl_while(x, y):
    n = 0
    s = x

    def step():
        nonlocal s, n
        s = s * y + 0.1
        n += 1
        return s < 10.0

    while step():
        if n > 5:
            break
    return s


def nl_array(x, y):
    buf = np.zeros(3)
    best = 0.0

    def put(i, v):
        nonlocal best
        buf[i] = v * y
        best = max(best, v)

    for i in range(3):
        put(i, x[i] * x[i])
    return np.sum(buf * x) + best


nl_array.args = (W, 0.7)


def nl_cond(x, y):
    k = x

    def f(c):
        nonlocal k
        if c > 0.5:
            k = k * y
            return k
        k = k + 1.0
        return k * 2

    return (f(x) if y > 1 else f(0.0)) + k


def map_arr(x, y):
    s = 0.0
    for v in map(lambda v: v * v * y, x):
        s = s + v
    return s + sum(map(lambda a, b: a * b, x, x[::-1])) + np.sum(np.array(list(map(math.sin, x))))


map_arr.args = (W, 0.7)


def filter_arr(x, y):
    return sum(filter(lambda v: v > 0, x)) * y + len(list(filter(lambda v: v > 0, x)))


filter_arr.args = (W, 0.7)


def reduce_arr(x, y):
    return (
        functools.reduce(lambda a, b: a * y + b, x)
        + functools.reduce(operator.mul, x, y)
        + functools.reduce(np.dot, [np.outer(x, x), np.outer(x, x), x]).sum()
    )


reduce_arr.args = (W, 0.7)


def zip_strict(x, y):
    s = 0.0
    for a, b in zip(x, W, strict=True):
        s = s + a * b * y
    for a, b in zip(x, W[:2], strict=False):
        s = s + a * b * b
    return s


zip_strict.args = (W * 2, 0.7)


def enum_map(x, y):
    s = 0.0
    for i, v in enumerate(map(math.sin, [x, y])):
        s += i * v + v
    for i, (a, b) in enumerate(zip(x * W, W)):
        s += a * b * i
    return s


def match_loop(x, y):
    s = x
    for k in range(6):
        match k % 3:
            case 0:
                s = s * y
            case 1:
                if s > 3:
                    return s * y
                continue
            case _:
                s = s + x
                if s > 20:
                    break
    else:
        s = s * 2.0
    return s


def match_guard(x, y, n=2):
    match (n, x):
        case (0, _):
            return x
        case (k, v) if k > 5:
            return v * k
        case (k, v) if v > 0.1:
            z = v * v * k
        case _:
            z = y
    return z * y


def match_star(x, y):
    match [x, y, x * y, 2.0]:
        case [a]:
            return a
        case [a, *rest, b]:
            return a * sum(rest) * b


def match_cls(x, y, mode=None):
    def f(v):
        match v:
            case None:
                return x
            case int(k):
                return x * k
            case float():
                return v * v
            case str():
                return y
            case (a, b):
                return a * b

    return f(mode) + f(2) + f(x) + f("s") * f((x, y))


def walrus_tern(x, y):
    z = (a := x * y) * 2 if x > 0 else (a := y)
    if x > 0.1 and (b := math.sin(x)) > 0.05:
        z = z + b
    return z * a


def walrus_else(x, y):
    k = 0
    while (v := x * k) < 3.0:
        k += 1
        if k == 2:
            continue
        x = x + v * 0.1 * y
    else:
        x = x * y
    return x * v


def choice(x, y):
    act = np.tanh if x > 0.5 else (lambda v: v * y)
    g = functools.partial(operator.mul, y)
    return act(x) * g(x) + act(y)


def mod_str(x, y):
    assert x < 5, "bad %s %d" % (x, 3)
    print("ok %.1f" % 1.0, end="") if x > 50 else None
    return x * y


def dec_stack(x, y):
    def scale(by):
        def wrap(f):
            @functools.wraps(f)
            def inner(*a, **k):
                return by * f(*a, **k)

            return inner

        return wrap

    @scale(y)
    @functools.lru_cache(maxsize=32)
    @scale(2.0)
    def h(a, *, p=2):
        return a**p

    return h(x) + h(y, p=3)


def funcs_nested(x, y):
    table = {"a": [math.sin, math.cos], "b": (lambda v: v * y,)}
    s = x
    for k, fs in table.items():
        for f in fs:
            s = f(s) + x
    return s


def star_calls(x, y):
    def f(a, *r, k=1.0, **kw):
        return a * sum(r) * k + kw.get("z", 0.0)

    args = (x, y)
    return f(*args, *args, k=y, z=x)


def all_dyn(x, y):
    if all(v < 3 for v in [x, y]) and not any([x > 5, y > 5]):
        x = x * y
    if all(v < 5.0 for v in W):
        x = x + 1
    return x * x


def sum_range(x, y):
    return x * sum(range(4)) + y * len(list(range(3))) + list(range(5))[-1] * x


def errstate_ret(x, y):
    with np.errstate(all="ignore"):
        if np.any(x < 0):
            return np.sum(np.where(x > 0, np.sqrt(x), 0.0)) * y
    return y


errstate_ret.args = (W, 0.7)


def raise_custom(x, y):
    if x > 100:
        raise Bad(f"no {x:.2f}", y)
    assert x.real < 100 if False else True, f"{x=}"
    return x * y


PROGRAMS = [
    wraps,
    caches,
    partials,
    partial_local,
    reduces,
    maps,
    filters,
    zips,
    fdict,
    flist,
    farg,
    nonlocals,
    nonlocal_loop,
    global_read,
    imports,
    deletes,
    match_constant,
    match_dyn,
    match_str,
    match_seq,
    match_dict,
    errstate,
    fprint,
    raises,
    walrus,
    walrus2,
    chain,
    forelse,
    star,
    sets,
    try_free,
    ternary_funcs,
    default_mutable,
    deco_inner,
    any_all,
    rounds,
    while_else,
    lambda_default,
    opdots,
    nl_comp,
    nl_comp_dyn,
    nl_get,
    nl_nested,
    nl_while,
    nl_array,
    nl_cond,
    map_arr,
    filter_arr,
    reduce_arr,
    zip_strict,
    enum_map,
    match_loop,
    match_guard,
    match_star,
    match_cls,
    walrus_tern,
    walrus_else,
    choice,
    mod_str,
    dec_stack,
    funcs_nested,
    star_calls,
    all_dyn,
    sum_range,
    errstate_ret,
    raise_custom,
]
