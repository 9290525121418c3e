"""Programs with containers that are built, changed and iterated, each with arguments."""

# mypy: ignore-errors
# ruff: noqa
# Programs of users: they are what people write.

import itertools
import math
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from dataclasses import dataclass, field, replace

import numpy as np

R = np.random.default_rng(5).standard_normal
PROGRAMS = []


def program(*args):
    """Differentiated in its first argument at these."""

    def listed(f):
        PROGRAMS.append((f, args))
        return f

    return listed


V = R(5)
W = np.array([0.5, 1.5, -0.7, 0.9])
M = R((4, 3))


# -- lists that grow and shrink


@program(W)
def running_average(x):
    history = []
    avg = 0.0
    for v in x:
        history.append(v)
        if len(history) > 3:
            history.pop(0)
        avg = avg + sum(history) / len(history)
    return avg


@program(0.7, 5)
def appended_in_range(x, n):
    xs = [x]
    for k in range(n):
        xs.append(math.sin(xs[-1]) + x * k)
    return xs[-1] * xs[-2]


@program(0.7)
def static_list_ops(x):
    xs = [x, 2.0, x * x]
    xs.insert(1, math.sin(x))
    xs.append(3.0 * x)
    last = xs.pop()
    first = xs.pop(0)
    del xs[0]
    xs.extend([x, x + 1])
    xs[0] = xs[1] * 2
    xs[-1] += x
    return last * first + sum(xs) * xs[1]


@program(W)
def stack_machine(x):
    stack = []
    for v in x:
        stack.append(v)
    total = 0.0
    while stack:
        a = stack.pop()
        total = total * 0.5 + a * a
        if len(stack) >= 2:
            b = stack.pop()
            stack.append(b * 0.9)
            total += b
    return total


@program(W)
def queue_of_values(x):
    queue = list(x)
    s = 0.0
    while len(queue) > 1:
        a = queue.pop(0)
        b = queue.pop(0)
        s = s + a * b
        queue.append(math.tanh(a + b))
    return s + queue[0]


@program(W)
def slices_of_growing(x):
    xs = []
    for v in x:
        xs.append(v * v)
    head = xs[:2]
    tail = xs[2:]
    return sum(head) * sum(tail) + xs[-1] + sum(xs[1:-1])


@program(W)
def windowed_sum(x):
    xs = []
    s = 0.0
    for v in x:
        xs.append(math.sin(v))
        s = s + sum(xs[-2:]) * v
    return s


@program(W)
def concatenated(x):
    a = [v for v in x]
    b = [v * 2 for v in x]
    c = a + b
    return sum(c[1:]) * c[0] + len(c)


@program(W, 4)
def zeros_filled(x, n):
    out = [0.0] * n
    for i in range(n):
        out[i] = x[i] * x[i]
        if i > 0:
            out[i] += 0.5 * out[i - 1]
    return sum(out) * out[-1]


@program(W)
def zeros_filled_by_len(x):
    n = len(x)
    acc = [0.0] * (n + 1)
    for i in range(n):
        acc[i + 1] = acc[i] + x[i] * acc[i] + x[i]
    return acc[-1] + acc[n // 2]


@program(W)
def reversed_list(x):
    xs = []
    for v in x:
        xs.append(v * v)
    s = 0.0
    for k, v in enumerate(reversed(xs)):
        s += v * k
    return s + sum(xs[::-1][:2])


@program(W)
def sorted_values(x):
    xs = sorted(x)
    return xs[0] * 2 + xs[-1] * xs[1]


@program([0.3, -1.2, 2.0, 0.7])
def sorted_list_argument(xs):
    ys = sorted(xs, reverse=True)
    return sum(k * v * v for k, v in enumerate(ys))


@program(W)
def median_by_hand(x):
    ys = sorted(v * v for v in x)
    n = len(ys)
    return (ys[n // 2] + ys[n // 2 - 1]) / 2


@program(W)
def list_of_pairs(x):
    pairs = []
    for i in range(len(x)):
        pairs.append((x[i], math.cos(x[i])))
    s = 0.0
    for a, b in pairs:
        s += a * b
    return s * pairs[-1][0]


@program(W)
def stack_of_pairs(x):
    todo = [(x[0] * x[1], 3)]
    s = 0.0
    while todo:
        v, depth = todo.pop()
        s += v
        if depth > 0:
            todo.append((v * 0.5, depth - 1))
            todo.append((v * v, depth - 2))
    return s


@program(M)
def list_of_arrays(x):
    hs = [np.zeros(3)]
    for t in range(x.shape[0]):
        hs.append(np.tanh(hs[-1] + x[t]))
    return np.sum(np.stack(hs[1:]) ** 2)


@program(M)
def arrays_written_in_place(x):
    ws = [np.zeros(3) for _ in range(2)]
    for t in range(x.shape[0]):
        ws[t % 2] += x[t] * (t + 1)
    return np.sum(ws[0] * ws[1])


@program(M)
def static_arrays_written(x):
    ws = [x[0].copy(), x[1] * 2]
    ws[0] += x[2]
    ws[1][0] = ws[0][1] * 3
    ws[1][1:] *= 2.0
    return np.sum(ws[0] * ws[1])


@program([W, W * 2], 0.1)
def update_params_in_list(params, lr):
    params = [p.copy() for p in params]
    for _ in range(3):
        for k in range(len(params)):
            params[k] -= lr * 2 * params[k]
    return sum(np.sum(p**2) for p in params)


@program([0.5, 0.7], 3)
def append_to_argument(xs, n):
    for _ in range(n):
        xs.append(xs[-1] * xs[-2])
    return sum(xs)


@program([0.5, 0.7, 0.2])
def pop_from_argument(xs):
    xs = list(xs)
    total = 0.0
    while xs:
        total = total * 0.5 + xs.pop()
    return total


@program(W)
def dp_table(x):
    n = len(x)
    best = [[0.0] * n for _ in range(n)]
    for i in range(n):
        for j in range(n):
            up = best[i - 1][j] if i > 0 else 0.0
            left = best[i][j - 1] if j > 0 else 0.0
            best[i][j] = max(up, left) + x[i] * x[j]
    return best[-1][-1]


@program(0.6)
def static_table(x):
    t = [[0.0, 0.0, 0.0] for _ in range(3)]
    for i in range(3):
        for j in range(3):
            t[i][j] = x ** (i + 1) * (j + 1)
    t[1][2] += x
    return sum(sum(row) for row in t) + t[2][2]


@program(0.6)
def pascal(x):
    row = [x]
    for _ in range(4):
        row = [row[0]] + [row[i] + row[i + 1] for i in range(len(row) - 1)] + [row[-1] * x]
    return sum(v * v for v in row)


@program([0.2, 0.5, 0.9], 0.3)
def de_casteljau(points, t):
    pts = list(points)
    while len(pts) > 1:
        pts = [(1 - t) * a + t * b for a, b in zip(pts[:-1], pts[1:])]
    return pts[0]


@program(W)
def fifo_of_fixed_length(x):
    buf = [0.0, 0.0, 0.0]
    s = 0.0
    for v in x:
        buf = buf[1:] + [v]
        s += buf[0] * buf[2] + buf[1]
    return s


@program(W)
def merges_two_lists(x):
    a, b = [], []
    for v in x:
        if v > 0:
            a.append(v * v)
        else:
            b.append(-v)
    a.extend(b)
    return sum(k * v for k, v in enumerate(a))


@program(W)
def clears_and_reverses(x):
    xs = [v for v in x]
    xs.reverse()
    s = xs[0] * 3
    ys = xs.copy()
    xs.clear()
    xs.append(s)
    return xs[0] * ys[1] + len(xs)


@program(W)
def slice_assigned(x):
    xs = [v for v in x]
    xs[1:3] = [xs[0] * xs[1]]
    del xs[0]
    return sum(xs) * xs[0]


@program(0.4, 6)
def fibonacci_list(x, n):
    f = [1.0, x]
    while len(f) < n:
        f.append(f[-1] + f[-2] * x)
    return f[-1]


@program(W)
def deque_of_floats(x):
    q = deque()
    s = 0.0
    for v in x:
        q.append(v * v)
        if len(q) > 2:
            s += q.popleft()
    return s + q[0] * q[-1]


# -- dicts


@program(M, V[:3])
def cache_of_a_layer(W, x):
    cache = {}
    cache["z"] = W @ x
    cache["a"] = np.tanh(cache["z"])
    return np.sum(cache["a"] * cache["z"])


@program({"W0": R((3, 3)), "b0": R(3), "W1": R((3, 3)), "b1": R(3)}, R(3), 2)
def fstring_keys(p, x, n):
    for k in range(2):
        x = np.tanh(p[f"W{k}"] @ x + p[f"b{k}"])
    return np.sum(x**2)


@program({"W1": R((3, 3)), "W2": R((3, 3))}, R(3))
def fstring_keys_len(params, x):
    h = x
    for i in range(len(params)):
        h = np.sin(params["W" + str(i + 1)] @ h)
    return np.sum(h)


@program(0.5)
def dict_counters(x):
    totals = {"a": 0.0, "b": 0.0}
    for k in ["a", "b", "a"]:
        totals[k] += x * x
        totals[k] = totals[k] * 2
    totals["c"] = totals["a"] * totals["b"]
    return sum(totals.values())


@program(W)
def dict_state_in_a_loop(x):
    state = {"m": 0.0, "v": 1.0}
    for g in x:
        state["m"] = 0.9 * state["m"] + 0.1 * g
        state["v"] = 0.99 * state["v"] + 0.01 * g * g
    return state["m"] / math.sqrt(state["v"])


@program({"w": W, "b": 0.3}, 0.1)
def sgd_on_a_dict(params, lr):
    p = dict(params)
    for _ in range(3):
        grads = {"w": 2 * p["w"], "b": 2 * p["b"]}
        for k in p:
            p[k] = p[k] - lr * grads[k]
    return np.sum(p["w"] ** 2) + p["b"] ** 2


@program({"w": W, "b": 0.3}, 0.1)
def sgd_by_comprehension(params, lr):
    for _ in range(3):
        grads = {k: 2 * v for k, v in params.items()}
        params = {k: v - lr * grads[k] for k, v in params.items()}
    return np.sum(params["w"] ** 2) + params["b"]


@program(0.5)
def setdefault_and_get(x):
    d = {}
    d.setdefault("a", []).append(x)
    d.setdefault("a", []).append(x * x)
    d["n"] = d.get("n", 0) + 1
    d.update({"z": x * 3}, y=2.0)
    z = d.pop("z")
    w = d.pop("absent", 1.0)
    return sum(d["a"]) * z * w + d["n"] * d["y"]


@program(0.5)
def merged_dicts(x):
    base = {"lr": x, "mom": 0.9}
    over = {**base, "mom": x * 2}
    both = base | {"k": x}
    del both["lr"]
    return over["lr"] * over["mom"] + both["mom"] * both["k"] + base["mom"]


@program(W)
def defaultdict_groups(x):
    groups = defaultdict(list)
    for i in range(4):
        groups[i % 2].append(x[i])
    return sum(groups[0]) * sum(groups[1])


@program(0.5)
def defaultdict_sums(x):
    d = defaultdict(float)
    for k, v in [("a", x), ("b", 2.0), ("a", x * x)]:
        d[k] += v
    return d["a"] * d["b"] + len(d)


@program(0.5)
def nested_dict_update(x):
    net = {"layer": {"w": x, "hist": []}}
    net["layer"]["w"] = net["layer"]["w"] * 2
    net["layer"]["hist"].append(net["layer"]["w"])
    net["layer"]["hist"].append(x)
    inner = net["layer"]
    inner["w"] += 1
    return net["layer"]["w"] * sum(net["layer"]["hist"])


@program({"a": 0.5, "b": {"c": W}})
def argument_dict_written(p):
    p["a"] = p["a"] * 2
    p["b"]["c"] = p["b"]["c"] ** 2
    p["d"] = p["a"] + 1
    return p["d"] * np.sum(p["b"]["c"])


@program(0.7)
def memo_by_int(x):
    memo = {0: 1.0, 1: x}
    for n in range(2, 6):
        memo[n] = memo[n - 1] * x + memo[n - 2]
    return memo[5]


@program(W)
def dict_of_lists(x):
    log = {"loss": [], "step": []}
    w = x[0]
    for t in range(3):
        w = w - 0.1 * w * x[1]
        log["loss"].append(w * w)
        log["step"].append(t)
    return sum(log["loss"]) + log["step"][-1]


# -- objects


@dataclass
class Body:
    x: float
    v: float


@dataclass
class Params:
    w: np.ndarray
    b: float = 0.5
    names: list = field(default_factory=list)


Point = namedtuple("Point", ["x", "y"])


class Cell:
    def __init__(self, w, u):
        self.w = w
        self.u = u
        self.h = 0.0

    def step(self, x):
        self.h = np.tanh(self.w * x + self.u * self.h)
        return self.h


class Vec:
    def __init__(self, *xs):
        self.xs = list(xs)

    def __add__(self, o):
        return Vec(*[a + b for a, b in zip(self.xs, o.xs)])

    def __mul__(self, s):
        return Vec(*[a * s for a in self.xs])

    __rmul__ = __mul__

    def __neg__(self):
        return Vec(*[-a for a in self.xs])

    def __matmul__(self, o):
        return sum(a * b for a, b in zip(self.xs, o.xs))

    def __getitem__(self, k):
        return self.xs[k]

    def __len__(self):
        return len(self.xs)

    def norm(self):
        return math.sqrt(self @ self)


@program(W)
def cell_made_inside(x):
    cell = Cell(x[0], x[1])
    out = 0.0
    for t in range(4):
        out = out + cell.step(x[t])
    return out


@program(Cell(0.4, 0.3), W)
def attribute_written(cell, xs):
    for x in xs:
        cell.step(x)
    return cell.h**2


@program(W)
def objects_move(x):
    bodies = [Body(x[0], x[1]), Body(x[2], x[3])]
    for _ in range(3):
        for b in bodies:
            b.v -= 0.1 * b.x
        for b in bodies:
            b.x += 0.1 * b.v
    return sum(b.x**2 + b.v for b in bodies)


@program(0.8, 0.3)
def user_vectors(a, b):
    v = Vec(a, b, 1.0)
    w = v + 2.0 * v * a
    return (w @ v) * (-w)[0] + len(w) * w.norm()


@program(Params(W, 0.2))
def dataclass_replaced(p):
    q = replace(p, b=p.b * 2)
    q.b += 1.0
    return np.sum(q.w * p.b) + q.b * p.w[0]


@program(W)
def namedtuple_made(x):
    p = Point(x[0], y=x[1])
    q = p._replace(x=x[2])
    s = 0.0
    for r in (p, q, Point(1.0, x[3])):
        s += r.x * r.y + r[0]
    return s


class Adam:
    def __init__(self, lr=0.1):
        self.lr = lr
        self.m = {}
        self.t = 0

    def update(self, params, grads):
        self.t += 1
        for k in params:
            if k not in self.m:
                self.m[k] = np.zeros_like(params[k])
            self.m[k] = 0.9 * self.m[k] + 0.1 * grads[k]
            params[k] = params[k] - self.lr * self.m[k] / (1 - 0.9**self.t)
        return params


@program({"w": W, "b": R(2)})
def optimiser_object(params):
    p = {k: v.copy() for k, v in params.items()}
    opt = Adam()
    for _ in range(3):
        g = {k: v * 2 for k, v in p.items()}
        p = opt.update(p, g)
    return sum(np.sum(v**2) for v in p.values())


class Stack:
    def __init__(self):
        self.items = []

    def push(self, v):
        self.items.append(v)

    def pop(self):
        return self.items.pop()

    @property
    def empty(self):
        return len(self.items) == 0


@program(0.6)
def rpn_calculator(x):
    st = Stack()
    for token in ["x", "x", "*", "x", "+", "2", "*"]:
        if token == "x":
            st.push(x)
        elif token == "*":
            st.push(st.pop() * st.pop())
        elif token == "+":
            st.push(st.pop() + st.pop())
        else:
            st.push(float(token))
    return st.pop() if not st.empty else 0.0


class Value:
    """A node of a graph."""

    def __init__(self, data, children=()):
        self.data = data
        self.children = children

    def __add__(self, other):
        return Value(self.data + other.data, (self, other))

    def __mul__(self, other):
        return Value(self.data * other.data, (self, other))


def depth(v):
    return 1 + max((depth(c) for c in v.children), default=0)


@program(0.6)
def small_graph(x):
    a = Value(x)
    b = a * a + a
    return b.data * depth(b)


# -- built-ins, itertools, comprehensions


@program(W)
def sets_and_strings(x):
    allowed = {"relu", "tanh"}
    kinds = "tanh relu tanh".split()
    s = x[0]
    for i, kind in enumerate(kinds):
        if kind in allowed and kind.startswith("t"):
            s = np.tanh(s) + x[i]
        elif kind.upper() == "RELU":
            s = max(s, 0.0)
    return s * len("abc")


@program([0.3, 0.8, -0.2], W)
def zip_list_and_array(ws, x):
    s = 0.0
    for w, v in zip(ws, x):
        s += w * v * v
    return s


@program([0.3, 0.8, -0.2, 0.1], M)
def zip_list_and_rows(ws, X):
    s = np.zeros(3)
    for w, row in zip(ws, X):
        s = s + w * row
    return np.sum(s**2)


@program(W)
def all_pairs(x):
    s = 0.0
    for i, j in itertools.combinations(range(4), 2):
        s += (x[i] - x[j]) ** 2
    for a, b in itertools.product([1.0, 2.0], repeat=2):
        s += a * b * x[0]
    return s


@program([0.3, 0.8, -0.2])
def pairwise_and_accumulate(xs):
    s = 0.0
    for a, b in itertools.pairwise(xs):
        s += (b - a) ** 2
    cum = list(itertools.accumulate(xs))
    prods = list(itertools.accumulate(xs, lambda a, b: a * b))
    return s + cum[-1] * cum[1] + sum(prods)


@program([0.3, 0.8], [1.0, 2.0])
def chained_lists(xs, ys):
    s = 1.0
    for v in itertools.chain(xs, ys):
        s *= v
    return s + sum(itertools.chain.from_iterable([xs, ys]))


@program(W)
def comprehension_with_active_filter(x):
    pos = [v * v for v in x if v > 0]
    return sum(pos) / len(pos)


@program(M)
def nested_comprehension(X):
    flat = [v * v for row in X for v in row]
    table = [[v * (i + 1) for v in row] for i, row in enumerate(X)]
    return sum(flat) + sum(sum(r) for r in table)


@program(M)
def generators_everywhere(X):
    a = np.stack([np.tanh(row) for row in X])
    b = np.array([np.sum(row**2) for row in X])
    c = max(np.sum(row) for row in X)
    d = sum(np.dot(r, s) for r, s in zip(X[:-1], X[1:]))
    e = min(b) + max(v for v in b)
    return np.sum(a) + b[0] * c + d + e


@program({"a": 0.4, "b": 0.9})
def dict_by_generator(p):
    q = dict((k, v * v) for k, v in p.items())
    r = dict(zip(["u", "v"], q.values()))
    t = {k: [v, v * 2] for k, v in r.items() if k != "w"}
    return r["u"] * r["v"] + sum(sum(v) for v in q and t.values())


@program([[0.1, 0.2], [0.3], [0.4, 0.5, 0.6]])
def ragged(rows):
    s = 0.0
    for row in rows:
        m = sum(row) / len(row)
        s += sum((v - m) ** 2 for v in row) + max(row)
    return s


@program([0.2, 0.5, 0.9])
def indexed_by_the_loop(ws):
    s = 0.0
    for i in range(len(ws) - 1):
        s += ws[i] * ws[i + 1]
    for i in range(len(ws) - 1, -1, -1):
        s = s * 0.5 + ws[i]
    return s + ws[len(ws) // 2]


@program(W)
def any_and_all(x):
    xs = [v for v in x]
    s = 0.0
    if any(v < 0 for v in xs):
        s += xs[0]
    if all(v > -2 for v in xs):
        s += xs[1] * xs[2]
    return s


@program(W)
def min_by_key(x):
    pts = [(x[0], 1), (x[1], 2), (x[2], 3)]
    best = min(pts, key=lambda p: p[0] ** 2)
    return best[0] * best[1]


@program([0.5, 2.0, -1.0])
def horner(coeffs):
    acc = 0.0
    for c in coeffs[::-1]:
        acc = acc * 0.7 + c
    *rest, last = coeffs
    return acc + last * sum(rest)


@program(W)
def unpacked_growing(x):
    xs = []
    for v in x:
        xs.append(v * v)
    a, b, *rest = xs
    return a * b + sum(rest)


@program(W)
def loop_over_slices_of_growing(x):
    xs = [v for v in x]
    s = 0.0
    for a, b in zip(xs, xs[1:]):
        s += a * b
    for v in xs[1:]:
        s += v
    for k, v in enumerate(xs[:-1], start=1):
        s += k * v
    return s


@program(W)
def counts(x):
    c = Counter()
    for t in "abracadabra":
        c[t] += 1
    return x[0] * c["a"] + x[1] * len(c)


@program(0.7)
def stored_functions(x):
    ops = []
    for k in range(3):
        ops.append(lambda v, k=k: v * (k + 1) + x)
    table = {"sq": lambda v: v * v}
    table["cube"] = lambda v: v**3
    for f in ops:
        x = f(x)
    return table["cube"](x) + table["sq"](x)


@program([(0.5, 1.5), (0.2, 0.3)])
def list_of_tuples_argument(edges):
    new = []
    for a, b in edges:
        new.append((b * a, a))
    new.sort(key=lambda e: 1)
    return sum(a * b for a, b in new)


@program(W)
def swap_in_list(x):
    xs = [x[0], x[1], x[2]]
    xs[0], xs[2] = xs[2], xs[0] * 2
    i, j = 0, 1
    xs[i], xs[j] = xs[j], xs[i]
    return xs[0] * 3 + xs[1] * xs[2]


@program(W)
def bubble_sort(x):
    xs = [v for v in x]
    n = len(xs)
    for i in range(n):
        for j in range(n - 1 - i):
            if xs[j] > xs[j + 1]:
                xs[j], xs[j + 1] = xs[j + 1], xs[j]
    return sum(k * v * v for k, v in enumerate(xs))
