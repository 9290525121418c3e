"""More programs with containers: what people write with classes, tables and caches."""

# mypy: ignore-errors
# ruff: noqa
# Programs of users: they are what people write.

import functools
import math
import operator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

PROGRAMS = []


def program(*args):
    """Differentiated in its first argument at these."""

    def listed(f):
        PROGRAMS.append((f, args))
        return f

    return listed


W = np.array([0.5, 1.5, -0.7, 0.9])
M = np.random.default_rng(0).standard_normal((4, 3))
CONFIG = {"lr": 0.1, "layers": [2, 3], "act": "tanh"}
COEFS = (0.5, 0.25, 0.125)


class State(NamedTuple):
    m: float
    v: float
    t: int = 0


@dataclass
class Adam:
    lr: float = 0.1
    state: dict = field(default_factory=dict)

    def step(self, name, p, g):
        m = self.state.setdefault(name, 0.0)
        m = 0.9 * m + g
        self.state[name] = m
        return p - self.lr * m


@program(W)
def use_config(x):
    s = 0.0
    for _ in range(CONFIG["layers"][0]):
        s = s + CONFIG["lr"] * x[0]
    for c in COEFS:
        s += c * x[1]
    return s if CONFIG["act"] == "tanh" else 0.0


@program(W)
def adam_dataclass(x):
    a = Adam(lr=0.2)
    w = x[0]
    b = x[1]
    for i in range(3):
        w = a.step("w", w, w * x[2])
        b = a.step("b", b, w)
    return w * b


@program(W)
def namedtuple_state(x):
    st = State(0.0, 1.0)
    for g in x:
        st = st._replace(m=0.9 * st.m + 0.1 * g, v=st.v + g * g, t=st.t + 1)
    return st.m / math.sqrt(st.v) * st.t


@program(W)
def namedtuple_state2(x):
    st = State(0.0, 1.0)
    for g in x:
        st = State(0.9 * st.m + 0.1 * g, st.v + g * g, st.t + 1)
    m, v, t = st
    return m / v + t


@program(M, 3)
def rnn_list(X, n):
    h = np.zeros(3)
    outs = []
    for t in range(n):
        h = np.tanh(X[t] + 0.5 * h)
        outs.append(h.sum())
    return sum(o**2 for o in outs) / len(outs)


@program(M)
def rnn_cache_backward(X):
    cache = []
    h = np.zeros(3)
    for x in X:
        h = np.tanh(x + h)
        cache.append((x, h))
    s = 0.0
    for x, h in reversed(cache):
        s = s + np.sum(x * h)
    return s


@program({"W": [M.copy(), M.T.copy()], "b": [np.zeros(3), np.zeros(4)]}, W)
def mlp_lists(p, x):
    acts = [x]
    for Wm, b in zip(p["W"], p["b"]):
        acts.append(np.tanh(acts[-1] @ Wm + b))
    return sum(np.sum(a**2) for a in acts)


@program(W)
def tape_class(x):
    class_ = None
    tape = []

    def mul(a, b):
        tape.append(("mul", a, b))
        return a * b

    def add(a, b):
        tape.append(("add", a, b))
        return a + b

    y = add(mul(x[0], x[1]), x[2])
    return sum(a * b for _, a, b in tape) + y


@program(W)
def kalman(x):
    est = {"m": 0.0, "p": 1.0}
    hist = []
    for z in x:
        k = est["p"] / (est["p"] + 0.5)
        est = {"m": est["m"] + k * (z - est["m"]), "p": (1 - k) * est["p"]}
        hist.append(est["m"])
    return sum(h * h for h in hist) + est["p"]


@program(W)
def particles(x):
    ps = [{"x": float(i), "v": x[i]} for i in range(4)]
    for _ in range(3):
        for p in ps:
            p["x"] += 0.1 * p["v"]
            p["v"] *= 0.9
    return sum(p["x"] ** 2 for p in ps)


@program(W)
def nbody(x):
    pos = [[x[0], x[1]], [x[2], x[3]]]
    vel = [[0.0, 0.0], [0.0, 0.0]]
    for _ in range(3):
        for i in range(2):
            for j in range(2):
                if i != j:
                    for k in range(2):
                        vel[i][k] += 0.1 * (pos[j][k] - pos[i][k])
        for i in range(2):
            for k in range(2):
                pos[i][k] += 0.1 * vel[i][k]
    return sum(p**2 for row in pos for p in row)


@program(W)
def matrix_lists(x):
    A = [[x[0], x[1]], [x[2], x[3]]]

    def matmul(A, B):
        return [
            [sum(A[i][k] * B[k][j] for k in range(len(B))) for j in range(len(B[0]))]
            for i in range(len(A))
        ]

    C = matmul(A, matmul(A, A))
    T = list(zip(*C))
    tr = sum(C[i][i] for i in range(2))
    return tr + T[0][1]


@program(W)
def gauss_elim(x):
    A = [[4.0 + x[0], x[1]], [x[2], 3.0]]
    b = [1.0, x[3]]
    n = 2
    for i in range(n):
        for j in range(i + 1, n):
            f = A[j][i] / A[i][i]
            A[j] = [a - f * c for a, c in zip(A[j], A[i])]
            b[j] -= f * b[i]
    out = [0.0] * n
    for i in range(n - 1, -1, -1):
        out[i] = (b[i] - sum(A[i][j] * out[j] for j in range(i + 1, n))) / A[i][i]
    return out[0] * out[1]


@program(W)
def poly_list(x):
    def pmul(p, q):
        r = [0.0] * (len(p) + len(q) - 1)
        for i, a in enumerate(p):
            for j, b in enumerate(q):
                r[i + j] += a * b
        return r

    r = pmul([x[0], 1.0], pmul([x[1], x[2]], [1.0, x[3]]))
    return sum(c * 2**k for k, c in enumerate(r))


@program(W)
def viterbi(x):
    V = [{"A": x[0], "B": x[1]}]
    for t in range(1, 4):
        V.append({})
        for s in ("A", "B"):
            V[t][s] = max(V[t - 1][p] * 0.5 + x[t] for p in ("A", "B"))
    return max(V[-1].values())


@program(W)
def group_by(x):
    g = {}
    for i, v in enumerate([x[0], x[1], x[2], x[3]]):
        g.setdefault(i % 2, []).append(v)
    return sum(sum(v) / len(v) for v in g.values()) * g[0][1]


@program(W)
def edit_distance_like(x):
    n = len(x)
    prev = [float(j) for j in range(n + 1)]
    for i in range(1, n + 1):
        cur = [float(i)] + [0.0] * n
        for j in range(1, n + 1):
            cur[j] = min(
                prev[j] + 1.0, cur[j - 1] + 1.0, prev[j - 1] + abs(x[i - 1] - x[j - 1] * 0.5)
            )
        prev = cur
    return prev[n] * prev[1]


@program(W)
def dtw(x):
    n, m = len(x), 3
    D = [[1e9] * (m + 1) for _ in range(n + 1)]
    D[0][0] = 0.0
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            D[i][j] = (x[i - 1] - 0.3 * j) ** 2 + min(D[i - 1][j], D[i][j - 1], D[i - 1][j - 1])
    return D[n][m]


@program(W)
def cumulative(x):
    c = [x[0]]
    for i in range(1, len(x)):
        c.append(c[i - 1] + x[i])
    return np.array(c) @ np.array(c)


@program(W)
def chunks(x):
    xs = list(x)
    parts = [xs[i : i + 2] for i in range(0, 4, 2)]
    return sum(p[0] * p[1] for p in parts)


@program(W)
def enum_dict_comp(x):
    d = {i: v for i, v in enumerate([x[0], x[1]])}
    inv = {f"k{i}": v * 2 for i, v in d.items()}
    return inv["k0"] * inv["k1"] + sum(d)


@program(W)
def list_in_tuple(x):
    t = ([x[0]], x[1])
    t[0].append(x[2])
    a, b = t
    return sum(a) * b


@program(W)
def functools_reduce_list(x):
    return functools.reduce(lambda acc, v: acc + [acc[-1] * v], [x[0], x[1], x[2]], [1.0])[-1]


@program(W)
def heap_like(x):
    q = sorted([x[i] ** 2 for i in range(4)])
    s = 0.0
    while len(q) > 1:
        a = q.pop(0)
        b = q.pop(0)
        s += a + b
        q.append(a + b)
        q.sort()
    return s


@program(W)
def string_build(x):
    parts = []
    for k in range(3):
        parts.append(f"w{k}")
    p = {n: x[i] for i, n in enumerate(parts)}
    return p["w0"] * p["w2"] + len(",".join(parts))


@program(W)
def set_ops(x):
    seen = set()
    s = 0.0
    for k in [1, 2, 1, 3]:
        if k in seen:
            continue
        seen.add(k)
        s += x[k] * k
    return s * len(seen)


@program(W)
def any_active(x):
    return x[0] if any(v > 1 for v in x) and not all(v > 0 for v in x) else x[1]


@program(M)
def list_of_rows(X):
    rows = [r for r in X]
    rows[0] = rows[0] * 2
    rows.append(rows[1] + rows[0])
    return np.sum(np.array(rows) ** 2) + np.sum(np.concatenate(rows[:2])) + np.vstack(rows).sum()


@program(M)
def mean_rows(X):
    rows = []
    for r in X:
        rows.append(r - np.mean(r))
    m = sum(rows) / len(rows)
    return np.sum(m * m) + np.sum(max(rows, key=lambda r: np.sum(r)))


@program(W)
def swap_pop(x):
    xs = list(x)
    xs[0], xs[-1] = xs[-1], xs[0]
    xs[1:3] = xs[2:0:-1]
    return sum((k + 1) * v * v for k, v in enumerate(xs))


@program(W)
def getattr_loop(x):
    a = Adam()
    a.state["w"] = x[0]
    for k in ("w", "b"):
        a.state[k] = a.state.get(k, x[1]) * 2
    if "w" in a.state:
        del a.state["w"]
    return a.state["b"] * len(a.state)


@program(W)
def with_none(x):
    best = None
    for v in x:
        if best is None or v > best:
            best = v
    return best * 2


@program(W)
def with_none_list(x):
    prev = None
    s = 0.0
    for v in [x[0], x[1], x[2]]:
        if prev is not None:
            s += (v - prev) ** 2
        prev = v
    return s


@program(W)
def tuple_accum2(x):
    t = ()
    for k in range(4):
        t += (x[k] * x[k],)
    return sum(t) * t[-1]


@program([0.5, 0.2], [1.0, 2.0])
def dot_lists(xs, ys):
    return sum(a * b for a, b in zip(xs, ys, strict=True)) + sum(map(operator.mul, xs, ys))
