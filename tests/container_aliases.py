"""Programs that name a container twice, or change it while it is read: right, or refused."""

# mypy: ignore-errors
# ruff: noqa
# Programs of users: they are what people write.

import copy
import math
from collections import deque

import numpy as np

PROGRAMS = []


def program(*args):
    """Differentiated in its first argument at these."""

    def listed(f):
        PROGRAMS.append((f, args))
        return f

    return listed


W = np.array([0.5, 1.5, -0.7, 0.9])
# What the analysis does not decide.
REFUSED = set(
    """alias_branch alias_branch_read shared_rows_dyn list_held_array same_array_twice
    same_array_twice_static popped_array_written mutate_while_iterating change_ahead dict_ahead
    gen_twice zip_twice mutable_default append_row_then_write key_added_in_branch rec_writes rec_ident
    two_names_g1 two_names_g2 two_names_g3 two_names_g4 two_names_g7 two_names_h1 two_names_h2 two_names_h3 two_names_h6 two_names_h7 two_names_h8 two_names_h9 two_names_h10 two_names_h12""".split()
)


@program(0.7)
def alias_dict(x):
    a = {"k": x}
    b = a
    b["k"] = x * x
    return a["k"] * 3


@program(0.7)
def alias_branch(x):
    a = {"k": x}
    c = {"k": 2 * x}
    z = a if x > 0.5 else c
    z["k"] = z["k"] * 5
    return a["k"] * c["k"]


@program(0.7)
def alias_branch_read(x):
    a = {"k": x}
    c = {"k": 2 * x}
    z = a if x > 0.5 else c
    a["k"] = 10 * x
    return z["k"]


@program(W)
def shared_rows(x):
    t = [[0.0] * 2] * 3
    t[0][0] = x[0]
    return t[1][0] * t[2][0] + t[0][1]


@program(W)
def shared_rows_dyn(x):
    n = len(x)
    t = [[0.0] * n] * n
    for i in range(n):
        t[i][0] = t[i][0] + x[i]
    return t[1][0]


@program(W)
def row_alias_dyn(x):
    n = len(x)
    t = [[0.0] * n for _ in range(n)]
    r = t[1]
    for i in range(n):
        r[i] = x[i] * 2
    return sum(t[1])


@program(W)
def row_replaced(x):
    n = len(x)
    t = [[0.0] * n for _ in range(n)]
    r = t[1]
    for i in range(n):
        t[1] = [x[i]] * n
    return sum(r) + sum(t[1])


@program(W)
def list_held_array(x):
    h = np.zeros(4)
    hs = []
    for v in x:
        h = h + v
        hs.append(h)
        h[0] = 1.0
    return np.sum(hs[0] * hs[-1])


@program(W)
def same_array_twice(x):
    h = np.zeros(4)
    hs = []
    for k in range(len(x)):
        hs.append(h)
        h[k] = x[k]
    return np.sum(hs[0] * hs[1])


@program(W)
def same_array_twice_static(x):
    h = np.zeros(4)
    hs = []
    for k in range(4):
        hs.append(h)
        h[k] = x[k]
    return np.sum(hs[0] * hs[1])


@program(W)
def popped_array_written(x):
    hs = [x * 2, x * 3]
    for v in x:
        hs.append(x * v)
    a = hs.pop()
    a[0] = 7.0
    return np.sum(a) + np.sum(hs[-1])


@program(W)
def mutate_while_iterating(x):
    xs = [x[0], x[1]]
    s = 0.0
    for v in xs:
        if len(xs) < 5:
            xs.append(v * 2)
        s += v
    return s


@program(W)
def change_ahead(x):
    xs = [x[0], x[1], x[2]]
    s = 0.0
    for i, v in enumerate(xs):
        if i < 2:
            xs[i + 1] = xs[i + 1] + v
        s += v
    return s


@program(W)
def change_ahead_dyn(x):
    xs = [v for v in x]
    n = len(xs)
    s = 0.0
    for i, v in enumerate(xs):
        if i < n - 1:
            xs[i + 1] = xs[i + 1] + v
        s += v
    return s


@program(W)
def dict_values_live(x):
    d = {"a": x[0], "b": x[1]}
    vals = d.values()
    d["a"] = x[2]
    d["c"] = x[3]
    return sum(vals) * len(vals)


@program(W)
def dict_ahead(x):
    d = {"a": x[0], "b": x[1]}
    s = 0.0
    for k, v in d.items():
        d["b"] = v * 2
        s += v
    return s


@program(W)
def gen_twice(x):
    g = (v * v for v in [x[0], x[1]])
    a = sum(g)
    b = sum(g)
    return a + 10 * b


@program(W)
def zip_twice(x):
    z = zip([x[0], x[1]], [x[2], x[3]])
    s = sum(a * b for a, b in z)
    for a, b in z:
        s += a
    return s


def defaulted(x, acc=[]):
    acc.append(x)
    return sum(acc)


@program(0.7)
def mutable_default(x):
    return defaulted(x) * 2


@program(W)
def order_of_eval(x):
    xs = [x[0], x[1], x[2]]
    a = xs[0] + xs.pop(0) * 2 + xs[0]
    return a * len(xs)


@program(W)
def order_append_pop(x):
    xs = [x[0], x[1], x[2]]
    xs.append(xs.pop() + xs.pop(0))
    return xs[0] * xs[1]


@program(W)
def nested_alias(x):
    inner = [x[0]]
    outer = [inner, inner]
    outer[0].append(x[1])
    inner.append(x[2])
    return sum(outer[1]) * len(inner)


@program(W)
def copy_shallow(x):
    a = [[x[0]], [x[1]]]
    b = list(a)
    c = copy.deepcopy(a)
    b[0].append(x[2])
    b.append([1.0])
    return sum(a[0]) * len(a) + sum(c[0])


class Node:
    def __init__(self, v, next=None):
        self.v = v
        self.next = next


@program(W)
def linked_list(x):
    n = None
    for k in range(4):
        n = Node(x[k], n)
    s = 0.0
    while n is not None:
        s = s * 0.5 + n.v
        n = n.next
    return s


class Counter2:
    total = 0.0

    def __init__(self):
        self.n = 0

    def add(self, v):
        self.total = self.total + v
        self.n += 1
        return self


@program(W)
def chain_methods(x):
    c = Counter2()
    c.add(x[0]).add(x[1])
    for v in x:
        c.add(v)
    return c.total * c.n


class Base:
    def __init__(self, w):
        self.w = w

    def f(self, x):
        return self.w * x


class Derived(Base):
    def __init__(self, w, b):
        super().__init__(w * 2)
        self.b = b

    def f(self, x):
        return super().f(x) + self.b


@program(W)
def inherits(x):
    return Derived(x[0], x[1]).f(x[2])


@program(W)
def two_objects(x):
    a = Base(x[0])
    b = a
    c = Base(x[1])
    b.w = b.w * 3
    a, c = c, a
    a.w += 1
    return a.w * b.w * c.w


@program(W)
def objects_in_loop_swap(x):
    a = Base(x[0])
    c = Base(x[1])
    for v in x:
        a, c = c, a
        a.w = a.w * v + 1
    return a.w - 2 * c.w


@program(W)
def obj_conditional_write(x):
    a = Base(x[0])
    for v in x:
        if v > 0:
            a.w = a.w * v
        else:
            a.w += v
    return a.w


@program(W)
def early_return_loop(x):
    xs = []
    for v in x:
        xs.append(v * v)
        if len(xs) == 3:
            return sum(xs) * xs[0]
    return 0.0


@program(W)
def break_loop(x):
    xs = []
    for v in x:
        if v < 0:
            break
        xs.append(v * v)
    else:
        xs.append(100.0)
    return sum(xs) + len(xs)


@program(W)
def continue_loop(x):
    xs = [1.0]
    for v in x:
        if v < 0:
            continue
        xs.append(xs[-1] * v)
    return xs[-1] + sum(xs)


@program(W)
def insert_in_loop(x):
    xs = []
    for v in x:
        xs.insert(0, v * v)
        xs.insert(-1, v)
        xs.insert(len(xs) // 2, v + 1)
    return sum(k * v for k, v in enumerate(xs))


@program(W)
def insertion_sort(x):
    xs = []
    for v in x:
        i = 0
        while i < len(xs) and xs[i] < v:
            i += 1
        xs.insert(i, v)
    return sum((k + 1) * v * v for k, v in enumerate(xs))


@program(W)
def del_in_loop(x):
    xs = [v for v in x]
    for k in range(2):
        del xs[k]
    return sum(k * v for k, v in enumerate(xs))


@program(W)
def pop_middle(x):
    xs = [v * v for v in x]
    i = len(xs) // 2
    a = xs.pop(i)
    b = xs.pop(-2)
    return a * b + sum(xs)


@program(W)
def extend_dyn(x):
    xs = []
    for v in x:
        xs.extend([v, v * v])
        xs += [1.0]
    ys = [2.0]
    ys.extend(xs[::2])
    ys.extend(x)
    return sum(k * v for k, v in enumerate(ys))


@program(W)
def swap_lists(x):
    a = []
    b = []
    for v in x:
        a.append(v)
        a, b = b, a
    return sum(a) * 3 + sum(b) * len(b)


@program(W)
def list_rebound(x):
    a = []
    b = a
    for v in x:
        a = a + [v]
    return sum(a) + len(b)


@program(W)
def list_iadd_alias(x):
    a = []
    b = a
    for v in x:
        a += [v]
    return sum(b) * len(a)


@program(W)
def list_of_lists_grow(x):
    rows = []
    for v in x:
        row = []
        for w in x:
            row.append(v * w)
        rows.append(row)
    return sum(sum(r) for r in rows) + rows[1][2]


@program(W)
def jagged(x):
    rows = []
    for i in range(len(x)):
        row = []
        for j in range(i):
            row.append(x[i] * x[j])
        rows.append(row)
    s = 0.0
    for r in rows:
        for v in r:
            s += v * len(r)
    return s


@program(W)
def append_row_then_write(x):
    rows = []
    row = [0.0, 0.0]
    for v in x:
        rows.append(row)
        row[0] = row[0] + v
    return rows[0][0]


@program(W)
def bfs(x):
    children = {0: [1, 2], 1: [3], 2: [], 3: []}
    vals = [0.0, 0.0, 0.0, 0.0]
    q = deque([0])
    vals[0] = x[0]
    while q:
        n = q.popleft()
        for c in children[n]:
            vals[c] = vals[n] * x[c]
            q.append(c)
    return sum(vals)


@program(W)
def in_place_in_dict(x):
    p = {"w": x * 1.0, "b": np.zeros(4)}
    for k in range(3):
        p["w"] -= 0.1 * p["w"]
        p["b"] += p["w"]
        p["b"][k] *= 2.0
    return np.sum(p["w"] * p["b"])


@program(W)
def momentum_lists(x):
    ws = [x * 1.0, x * 2.0]
    vs = [np.zeros_like(w) for w in ws]
    for _ in range(3):
        for w, v in zip(ws, vs):
            v *= 0.9
            v -= 0.1 * w
            w += v
    return np.sum(ws[0] * ws[1])


@program(W)
def params_dict_comp_state(x):
    st = {k: {"m": 0.0, "w": v} for k, v in zip("ab", [x[0], x[1]])}
    for g in x:
        for k, s in st.items():
            s["m"] = 0.9 * s["m"] + g * s["w"]
            s["w"] -= 0.1 * s["m"]
    return sum(s["w"] for s in st.values())


@program(W)
def key_added_in_branch(x):
    d = {"a": x[0]}
    if x[1] > 0:
        d["b"] = x[1]
    return d["a"] * d.get("b", 2.0)


@program(W)
def list_append_in_branch(x):
    xs = [x[0]]
    if x[1] > 0:
        xs.append(x[1] * 2)
    if x[2] > 0:
        xs.append(x[2])
    else:
        xs = [x[3]]
    return sum(xs) * len(xs)


@program(W)
def closure_list(x):
    log = []

    def rec(v):
        log.append(v)
        return v * v

    s = sum(rec(v) for v in [x[0], x[1]])
    for v in x:
        s += rec(v)
    return s * len(log) + sum(log)


@program(W)
def stack_of_arrays(x):
    st = [x]
    while len(st) < 4:
        st.append(st[-1] * st[0])
    a = st.pop()
    b = st.pop()
    st.append(a @ b * x)
    return np.sum(np.stack(st))


@program(W)
def while_list_of_pairs(x):
    ps = [(x[0], x[1])]
    while len(ps) < 5:
        a, b = ps[-1]
        ps.append((b, a * b + 1))
    a, b = ps[2]
    ps[1] = (a, a)
    return sum(p * q for p, q in ps) + ps[1][0]


@program(W)
def max_pairs(x):
    ps = []
    for i, v in enumerate(x):
        ps.append((v, i))
    best = max(ps, key=lambda p: p[0])
    ps.sort(key=lambda p: -p[0])
    return best[0] * best[1] + ps[1][0] * ps[1][1]


@program(W)
def slice_copy_indep(x):
    a = [v for v in x]
    b = a[:]
    b[0] = 100.0 * x[1]
    a.append(1.0)
    return sum(a) * sum(b)


def wr(xs, n):
    if n <= 0:
        return xs[0]
    xs[0] = xs[0] * 0.5
    return wr(xs, n - 1) + xs[0]


@program(0.7, 3)
def rec_writes(x, n):
    ys = [x, 1.0]
    return wr(ys, n) * ys[0]


@program(0.7, 3)
def rec_ident(x, n):
    def f(d, n):
        if n <= 0:
            return d
        return f(d, n - 1)

    a = {"v": x}
    b = f(a, n)
    b["v"] = x * x
    return a["v"] + b["v"]


@program(W[:3], 0.2)
def two_names_g1(x, b):
    ys = [b]
    zs = ys
    for v in x:
        ys.append(v)
        ys = ys[:3]
    return sum(zs) * sum(ys)


@program(W[:3], 0.2)
def two_names_g2(x, b):
    ys = [b]
    zs = ys
    for v in x[1:]:
        ys.insert(0, v)
        ys = [b]
    return sum(zs) + sum(ys)


@program(W[:3], 0.2)
def two_names_g3(x, b):
    ys = [b]
    zs = [x[0], b]
    if x[1] > 0:
        ys = zs
    ys.append(x[0])
    return sum(zs) + sum(ys)


@program(W[:3], 0.2)
def two_names_g4(x, b):
    ys = [b]
    zs = [x[0], b]
    for v in x:
        ys.append(v)
        ys = zs
    return sum(zs) + sum(ys)


@program(W[:3], 0.2)
def two_names_g5(x, b):
    ys = [b]
    zs = [x[0], b]
    n = 0
    while n < 3:
        ys.append(b)
        ys, zs = zs, ys
        n += 1
    return sum(zs) + 2 * sum(ys)


@program(W[:3], 0.2)
def two_names_g6(x, b):
    ys = [b]
    zs = [x[0]]
    for v in x:
        ys.append(v)
        ys, zs = zs, ys
    return sum(zs) + 2 * sum(ys)


@program(W[:3], 0.2)
def two_names_g7(x, b):
    ys = [b]
    zs = [ys, [x[0]]]
    for i, v in enumerate(x):
        ys.append(v)
        ys = zs[i % 2]
    return sum(zs[0]) + 2 * sum(ys)


@program(W[:3], 0.2)
def two_names_h1(x, b):
    rows = []
    for v in x:
        row = [v]
        rows.append(row)
        row.append(2 * v * b)
    return sum(sum(r) for r in rows)


@program(W[:3], 0.2)
def two_names_h2(x, b):
    row = [b]
    rows = []
    for v in x:
        rows.append(row)
        row.append(v)
    return sum(sum(r) for r in rows)


@program(W[:3], 0.2)
def two_names_h3(x, b):
    ys = [b]
    rows = [[x[0]]]
    for v in x:
        rows.append(ys)
    ys.append(x[1])
    return sum(sum(r) for r in rows)


@program(W[:3], 0.2)
def two_names_h4(x, b):
    ys = [b]
    rows = [[x[0]]]
    for v in x:
        rows[0] = ys
        ys.append(v)
    return sum(rows[0]) * sum(ys)


@program(W[:3], 0.2)
def two_names_h5(x, b):
    rows = []
    for v in x:
        rows.append([v])
    r = rows[0]
    for v in x:
        r.append(v * b)
    return sum(sum(r) for r in rows)


@program(W[:3], 0.2)
def two_names_h6(x, b):
    rows = [[v] for v in x]
    ys = [b]
    rows[1] = ys
    ys.append(x[0])
    rows[1].append(x[2])
    return sum(sum(r) for r in rows) * sum(ys)


@program(W[:3], 0.2)
def two_names_h7(x, b):
    rows = [[v] for v in x]
    ys = rows[0]
    for v in x:
        ys.append(v * b)
        ys = rows[1]
    return sum((i + 1) * sum(r) for i, r in enumerate(rows))


@program(W[:3], 0.2)
def two_names_h8(x, b):
    d = {"l": [b]}
    rows = []
    for v in x:
        d["l"].append(v)
        rows.append(d["l"])
    return sum(sum(r) for r in rows)


@program(W[:3], 0.2)
def two_names_h9(x, b):
    a = [b]
    c = [x[0]]
    t = (a, c)
    for v in x:
        for u in t:
            u.append(v)
        a, c = c, a
    return sum(a) * 2 + sum(c) + sum(t[0])


@program(W[:3], 0.2)
def two_names_h10(x, b):
    a = [b]
    c = a
    for v in x:
        c.append(v)
        if v > 0.4:
            c = [v]
    return sum(a) * 2 + sum(c)


@program(W[:3], 0.2)
def two_names_h11(x, b):
    a = [b]
    c = a
    while len(c) < 3:
        c = c + [x[0]]
        a.append(x[1])
    return sum(a) * 2 + sum(c)


@program(W[:3], 0.2)
def two_names_h12(x, b):
    a = [b]
    c = a
    for v in x:
        c += [v]
        c = c + [v]
    return sum(a) * 2 + sum(c)


@program(0.7, 0.9, 3)
def row_grows_in_place(a, b, n):
    rows = [[a, 0.1], [b, a]]
    rows[n % 2].append(a)
    return rows[1][1]
