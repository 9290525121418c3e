"""Containers as arguments: gradients in their structure, against central differences."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
# Programs of users are not annotated.

from __future__ import annotations

import enum
from collections import namedtuple
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pytest

from s2sgrad import grad, value_and_grad
from s2sgrad.errors import DifferentiationError

R = np.random.default_rng(3).standard_normal
Pair = namedtuple("Pair", "w b")


class Layer(NamedTuple):
    W: Any
    b: Any
    name: str = "layer"


class Color(enum.Enum):
    RED = 1
    BLUE = 2


@dataclass
class Line:
    slope: Any
    offset: float
    label: str = "line"

    def at(self, x):
        return self.slope * x + self.offset

    @property
    def steepness(self):
        return np.sum(self.slope * self.slope)


@dataclass(frozen=True, slots=True)
class Frozen:
    w: Any
    inner: Line = field(default_factory=lambda: Line(R(3), 0.5))


class Dense:
    scale = 1.5

    def __init__(self, n, m, act=np.tanh):
        self.W, self.b, self.act = R((n, m)), R(m), act
        self.calls = 0

    def forward(self, x):
        return self.act(x @ self.W + self.b) * self.scale

    @staticmethod
    def penalty(w):
        return np.sum(w * w)


class Net:
    def __init__(self):
        self.layers = [Dense(3, 4), Dense(4, 2, np.sin)]
        self.rate = 0.1

    def __call__(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def loss(self, x, y):
        reg = sum(layer.penalty(layer.W) for layer in self.layers)
        return np.mean((self(x) - y) ** 2) + self.rate * reg


def shift(tree: Any, along: Any, t: float) -> Any:
    """`tree + t * along`, leaf by leaf; leaves without a direction stay."""
    if along is None:
        return tree
    if isinstance(tree, dict):
        return {k: shift(v, along[k], t) for k, v in tree.items()}
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*(shift(v, a, t) for v, a in zip(tree, along, strict=True)))
    if isinstance(tree, list | tuple):
        return type(tree)(shift(v, a, t) for v, a in zip(tree, along, strict=True))
    if isinstance(tree, float | np.ndarray | np.generic):
        return tree + t * along
    new = object.__new__(type(tree))
    for k in _names(tree):
        object.__setattr__(new, k, shift(getattr(tree, k), getattr(along, k), t))
    return new


def _names(tree: Any) -> list[str]:
    return list(getattr(tree, "__dict__", None) or type(tree).__dataclass_fields__)


def direction(g: Any, rng: Any) -> Any:
    """A random direction in the structure of a gradient."""
    if g is None:
        return None
    if isinstance(g, dict):
        return {k: direction(v, rng) for k, v in g.items()}
    if isinstance(g, tuple) and hasattr(g, "_fields"):
        return type(g)(*(direction(v, rng) for v in g))
    if isinstance(g, list | tuple):
        return type(g)(direction(v, rng) for v in g)
    if isinstance(g, float | np.ndarray | np.generic):
        made = rng.standard_normal(np.shape(g))
        return made if np.ndim(g) else float(made)
    new = object.__new__(type(g))
    for k in _names(g):
        object.__setattr__(new, k, direction(getattr(g, k), rng))
    return new


def inner(g: Any, u: Any) -> float:
    if g is None:
        return 0.0
    if isinstance(g, dict):
        return sum(inner(v, u[k]) for k, v in g.items())
    if isinstance(g, list | tuple):
        return sum(inner(a, b) for a, b in zip(g, u, strict=True))
    if isinstance(g, float | np.ndarray | np.generic):
        return float(np.sum(g * u))
    return sum(inner(getattr(g, k), getattr(u, k)) for k in _names(g))


def check(f: Callable[..., Any], tree: Any, *rest: Any, primal: Any = None) -> Any:
    """The gradient in the first argument against differences of `primal`; it is returned."""
    value, g = value_and_grad(f)(tree, *rest)
    f = primal or f
    assert value == pytest.approx(float(f(tree, *rest)), rel=1e-12)
    rng = np.random.default_rng(0)
    for _ in range(2):
        u, h = direction(g, rng), 1e-6
        want = (f(shift(tree, u, h), *rest) - f(shift(tree, u, -h), *rest)) / (2 * h)
        assert inner(g, u) == pytest.approx(float(want), rel=2e-6, abs=1e-7)
    return g


def mlp(p, x, y):
    for W, b in p["layers"]:
        x = np.tanh(x @ W + b)
    return np.mean((x @ p["out"] - y) ** 2) * p["scale"]


def parameters() -> dict[str, Any]:
    layers = [(R((3, 4)), R(4)), (R((4, 4)), R(4))]
    return {"layers": layers, "out": R(4), "scale": 2.0, "n": 3, "name": "net", "free": None}


def test_a_nested_dict() -> None:
    p = parameters()
    g = check(mlp, p, R((5, 3)), R(5))
    assert list(g) == list(p)
    assert g["n"] is None
    assert g["name"] is None
    assert g["free"] is None
    assert [type(x) for x in g["layers"]] == [tuple, tuple]
    assert g["layers"][0][0].shape == (3, 4)


def test_ways_to_read_a_dict() -> None:
    def items(p, x):
        s = 0.0
        for k, v in p.items():
            if k == "bias":
                continue
            if k.startswith("z") if False else k == "stop":
                break
            s = s + np.sum(v * x)
        return s + p.get("bias", 1.0) ** 2 + p.get("absent", 2.0)

    def comprehensions(p, x):
        total = sum(np.sum(v * v) for v in p.values())
        q = {k: v * x for k, v in p.items() if k != "bias"}
        return total + np.sum(q["a"] * q["b"]) + len(p) * p["bias"]

    def splat(p, x):
        def f(a, b, bias, **rest):
            return np.sum(a * b * x) + bias * len(rest)

        return f(**p, k=1.0)

    def membership(p, x):
        s = p["a"] * x if "a" in p else x
        return np.sum(s) * (3.0 if "nothing" in p else p["bias"])

    for f in (items, comprehensions, splat, membership):
        check(f, {"a": R(3), "b": R(3), "bias": 0.7}, R(3))
    check(items, {"a": R(3), "stop": R(3), "b": R(3), "bias": 0.7}, R(3))


def test_lists_and_tuples() -> None:
    def zipped(ws, bs, x):
        for k, (w, b) in enumerate(zip(ws, bs, strict=False), 1):
            x = np.tanh(w * x + b) * k
        return np.sum(x)

    def backwards(ws, x):
        for w in reversed(ws[1:]):
            x = x * w + ws[0]
        first, *rest, last = ws
        return np.sum(x * last) + len(rest) * np.sum(first)

    def stacked(ws, x):
        return np.sum(np.stack(ws) @ x) + np.sum(np.concatenate([*ws, x]) ** 2)

    check(zipped, [R(3), 0.5], (R(3), R(3)), R(3))
    check(backwards, [R(3), R(3), R(3)], R(3))
    check(stacked, (R(3), R(3)), R(3))
    assert type(grad(stacked)((R(3), R(3)), R(3))) is tuple


def test_break_and_continue_that_depend_on_numbers() -> None:
    def f(ws, x):
        s = 1.0
        for k, w in enumerate(ws):  # noqa: B007
            if w < 0:
                continue
            s = s * w + x
            if s > 4.0:
                break
        else:
            return s * w + 10 * x
        return s * w + k * x

    def g(ws, x):
        for w in ws:
            if w * x > 1.0:
                return w * w * x
        return x + w

    for values in ([1.2, -0.4, 1.5, 3.0, 2.0], [0.1, 0.2], [-1.0, -2.0, 0.3], [5.0, 1.0, 1.0]):
        check(f, values, 0.8)
        check(g, values, 0.8)


def test_containers_in_loops_and_branches() -> None:
    def f(p, x, n):
        state = {"h": x, "c": 0.0 * x}
        for i in range(n):
            if i % 2 == 0:
                state = {"h": np.tanh(p["W"] * state["h"]), "c": state["c"] + p["b"]}
            else:
                state = {"h": state["h"] + state["c"], "c": state["c"] * p["b"]}
        pair = (p["b"], x) if False else (x, p["b"])
        return np.sum(state["h"] * state["c"] * pair[0])

    check(f, {"W": R(3), "b": 0.3}, R(3), 4)


def test_namedtuples() -> None:
    def f(p, x):
        w, b = p
        q = p._replace(b=b * 2.0)
        return np.sum(np.tanh(p.w * x) + q.b * w)

    def g(layers, x):
        for layer in layers:
            x = np.tanh(x @ layer.W + layer.b)
        return np.sum(x)

    assert type(check(f, Pair(R(3), 0.4), R(3))) is Pair
    got = check(g, [Layer(R((3, 3)), R(3)), Layer(R((3, 2)), R(2), "last")], R(3))
    assert type(got[1]) is Layer
    assert got[1].name is None


def test_dataclasses_and_objects() -> None:
    def line(p, x):
        return np.sum(p.at(x) ** 2) + p.steepness

    def nested(p, x):
        return np.sum(p.inner.at(x) * p.w)

    g = check(line, Line(R(3), 0.4), R(3))
    assert type(g) is Line
    assert g.label is None
    assert type(check(nested, Frozen(R(3)), R(3)).inner) is Line


def test_a_model_with_methods() -> None:
    net, x, y = Net(), R((5, 3)), R((5, 2))
    g = check(Net.loss, net, x, y)
    assert type(g) is Net
    assert g.layers[0].act is None
    assert g.layers[0].calls is None
    by_self = grad(net.loss, wrt="self")(x, y)
    np.testing.assert_allclose(by_self.layers[1].W, g.layers[1].W, rtol=1e-12)
    u, h = R((5, 3)), 1e-6
    want = (net.loss(x + h * u, y) - net.loss(x - h * u, y)) / (2 * h)
    assert np.sum(grad(net.loss)(x, y) * u) == pytest.approx(want, rel=1e-5)
    d = grad(net.loss)
    before = d(x, y)
    net.layers[0].b = net.layers[0].b + 1.0  # read anew at each call
    assert np.max(np.abs(d(x, y) - before)) > 1e-6
    net.layers[1].act = np.tanh  # and compiled anew
    want = (net.loss(x + h * u, y) - net.loss(x - h * u, y)) / (2 * h)
    assert np.sum(d(x, y) * u) == pytest.approx(want, rel=1e-5)


def test_any_hashable_keys() -> None:
    def f(p):
        return sum(np.sum(v * v) for v in p.values())

    p: dict[Any, Any] = {Color.RED: R(3), Color.BLUE: 2.0, ("a", 1): R(2), 7: 1.5, None: R(1)}
    g = check(f, p)
    assert list(g) == list(p)
    np.testing.assert_allclose(g[Color.RED], 2 * p[Color.RED])


def test_a_container_beside_wrt() -> None:
    def f(x: Any, config: Any) -> Any:
        if config["square"]:
            x = x * x
        return np.sum(x) * config["factor"] + config["sizes"][0] * x[0]

    x: Any = R(3)
    for square, want in ((True, 2 * x * 2.5), (False, np.full(3, 2.5))):
        config: dict[str, Any] = {"square": square, "factor": 2.5, "sizes": [4]}
        got = grad(f)(x, config)
        first = 4 * (2 * x[0] if square else 1.0)
        np.testing.assert_allclose(got, want + np.array([first, 0, 0]))


def test_an_int_leaf_that_is_a_number() -> None:
    """An int that is computed with as a number has a derivative, an index or size has none."""

    def f(p):
        s = 0.0
        for i in range(p["n"]):
            s = s + p["w"] * p["x"][i]
        return s

    g = grad(f)({"n": 2, "w": 3, "x": np.array([1.0, 4.0, 9.0])})
    assert g["n"] is None
    assert g["w"] == 5.0
    np.testing.assert_array_equal(g["x"], [3.0, 3.0, 0.0])


def test_an_int_that_is_also_a_size_is_data() -> None:
    def f(p, x):
        return np.sum(x[: p["n"]]) * p["w"] / p["n"]

    g = grad(f)({"n": 2, "w": 3}, np.array([1.0, 4.0, 9.0]))
    assert g == {"n": None, "w": 2.5}


def test_an_int_in_wrt_that_is_a_size_is_refused() -> None:
    def loop(n, x):
        s = 0.0
        for i in range(n):
            s = s + x[i]
        return s

    for f in (
        loop,
        lambda n, x: x[n] * 2.0,
        lambda n, x: np.sum(x[:n]),
        lambda n, x: np.sum(np.zeros(n) + x),
        lambda n, x: np.sum(x.reshape(n, 1)),
    ):
        with pytest.raises(DifferentiationError, match=r"an int is needed[\s\S]*test_containers"):
            grad(f)(3, R(3))


def test_indices_of_loops() -> None:
    def scalar_net(ws, x):
        """As in micrograd: plain lists of floats."""
        out = ()
        total = 0.0
        for i in range(len(ws)):
            acc = 0.0
            for j in range(len(x)):
                if j == i and x[j] > 0:
                    continue
                acc = acc + ws[i][j] * x[j]
            total = total + np.tanh(acc) * ws[-1 - i][0]
        return total + len(out)

    ws = [[0.3, -0.2, 0.5], [0.1, 0.9, -0.7]]
    check(scalar_net, ws, [1.0, -2.0, 0.5])
    check(lambda ws: sum(ws[k] * ws[k - 1] for k in range(len(ws))), [1.0, 2.0, 4.0])
    check(lambda ws: np.sum(ws) * np.dot(ws, ws), [1.0, 2.0, 4.0])


def test_gradients_have_dtype_shape_and_memory_of_their_own() -> None:
    def f(p):
        return np.sum(p["a"] * p["b"]) + p["c"] * p["d"] + p["e"]

    p: dict[str, Any] = {
        "a": np.ones(3, np.float32),
        "b": np.ones((1, 3)),
        "c": np.float32(2),
        "d": np.array(3.0),
        "e": np.float64(1),
    }
    before = {k: np.copy(v) for k, v in p.items()}
    g = grad(f)(p)
    for k, v in p.items():
        assert type(g[k]) is type(v), k
        assert g[k].dtype == v.dtype
        assert np.shape(g[k]) == np.shape(v)
        np.testing.assert_array_equal(v, before[k])
    arrays = [v for v in (*g.values(), *p.values()) if isinstance(v, np.ndarray)]
    for i, a in enumerate(arrays):
        assert a.flags.writeable
        assert not any(np.shares_memory(a, b) for b in arrays[i + 1 :])


def test_one_compilation_for_one_structure() -> None:
    d = grad(mlp)
    d(parameters(), R((5, 3)), R(5))
    d({**parameters(), "scale": 7.0}, R((9, 3)), R(9))
    assert len(d._compiled) == 1
    d({**parameters(), "name": "other"}, R((9, 3)), R(9))
    assert len(d._compiled) == 2


def test_the_emitted_code_reads_what_it_uses() -> None:
    def f(p, x):
        return np.sum(p["W"] @ x) * p["scale"]

    d = grad(f)
    d({"W": R((3, 3)), "scale": 1.5, "unused": R(4)}, R(3))
    assert 'p["W"] @ x' in d.source.replace("'", '"')
    assert "s2sgrad" not in d.source


class Chain:
    def __init__(self):
        self.me = self
        self.w = 2.0


def test_refused() -> None:
    def index(ws, k):
        return np.sum(ws[k][0])

    def missing(p):
        return p["nothing"]

    with pytest.raises(DifferentiationError, match="not constant"):
        grad(index)([(R(3),), {"a": R(3)}], 1)
    with pytest.raises(DifferentiationError, match="has no key 'nothing'"):
        grad(missing)({"w": 1.0})
    loop: list[Any] = [1.0]
    loop.append(loop)
    with pytest.raises(DifferentiationError, match="contains itself"):
        grad(lambda p: p[0])(loop)
    assert grad(lambda c: c.w * c.w)(Chain()).w == 4.0
    for bad, what in (
        (np.ma.masked_array(R(3)), "masked array"),
        (R((2, 2)).view(np.matrix), "matrix"),
        ({1.0, 2.0}, "is a set"),
        (np.array([1.0, None]), "dtype object"),
    ):
        with pytest.raises(DifferentiationError, match=what):
            grad(lambda p: np.sum(p["x"]))({"x": bad})
    with pytest.raises(TypeError, match="an array of int64"):
        grad(lambda p: np.sum(p["x"] * 2.0))({"x": np.arange(3)})


def test_writes_into_parts_of_arguments() -> None:
    """The caller's arrays stay as they are, and the gradient is right."""

    def f(p, x):
        W = p["W"]
        W[0] = W[1] * x
        p["b"][1:] += x[1:]
        h = W * p["b"]
        return np.sum(h * h) + np.sum(W)

    p, x = {"W": R((2, 3)), "b": R(3)}, R(3)
    before = {k: v.copy() for k, v in p.items()}

    def pure(p, x):
        return f({k: v.copy() for k, v in p.items()}, x)

    g = value_and_grad(f)(p, x)[1]
    for k, v in p.items():
        np.testing.assert_array_equal(v, before[k])
        assert not np.shares_memory(g[k], v)
    u, h = {"W": R((2, 3)), "b": R(3)}, 1e-6
    want = (pure(shift(p, u, h), x) - pure(shift(p, u, -h), x)) / (2 * h)
    assert inner(g, u) == pytest.approx(want, rel=1e-6)


def test_arguments_that_share_memory() -> None:
    """Harmless while nothing is written; refused, both named, where one is."""

    def reads(p, x):
        return np.sum(p["a"] * p["b"] * x)

    def writes(p, x):
        p["a"][0] = p["b"][1] * 2
        return np.sum(p["a"] * p["b"] * x)

    z = R(4)
    g = grad(reads)({"a": z[1:], "b": z[:-1]}, R(3))
    assert g["a"].shape == (3,)
    d = grad(writes)
    for k in range(2):
        d({"a": R(3), "b": R(3)}, R(3))
        with pytest.raises(DifferentiationError, match=r"`p\['a'\]` and `p\['b'\]` .*memory"):
            d({"a": z[1:], "b": z[:-1]}, R(3))
        with pytest.raises(DifferentiationError, match=r"`p\['a'\]` and `x`"):
            d({"a": z[k : k + 3], "b": R(3)}, z[:3])
