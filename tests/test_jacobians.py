"""Jacobians and Hessians: against differences, and as text that runs by itself."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
# Programs of users are not annotated.

from __future__ import annotations

import copy
import dataclasses
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from s2sgrad import grad, hessian, jacobian, tree

R = np.random.default_rng(5).standard_normal
CONSTANT = np.array([1.0, 2.0, 3.0])


def dense(x, A):
    return np.tanh(A @ x)


def several(x, y):
    return {"a": x * y, "s": np.sum(x) * y}, y * y


def powers(x, n):
    for _ in range(n):
        x = np.sin(x) * x
    return x


def square(X):
    return X @ X


def few(x):
    return np.sum(x * x), np.prod(x)


def outside(x, *rest, k=2.0, **more):
    return CONSTANT * x * k * rest[0] * more["m"]


def writes(x):
    for i in range(1, len(x)):
        x[i] = x[i] * x[i - 1]
    return x[1:]


def recursive(x, n):
    if n == 0:
        return np.sum(x * x)
    return recursive(np.sin(x) * x, n - 1)


def recursive_arrays(x, n):
    if n == 0:
        return x
    t = x
    for _ in range(2):
        t = np.sin(t) * x
    return recursive_arrays(t, n - 1)


def number(x):
    return x * x * x


def names_that_clash(k, x, out, saved, len):
    y = k * x * out * saved * len
    return y * y


def identity(x):
    return x


def zero_d(x):
    return np.array(x.sum() ** 2), x[0] * np.ones((2, 1))


@dataclasses.dataclass
class Layer:
    w: Any
    b: Any


def layer(p):
    return [np.tanh(p.w) * p.b]


def flatten(t: Any) -> list[np.ndarray[Any, Any]]:
    return [np.asarray(x, "d") for x in tree.leaves(t)]


JACOBIANS: list[tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any], Any]] = [
    (dense, (R(3), R((3, 3))), {}, 0),
    (dense, (R(3), R((2, 3))), {}, (0, 1)),
    (dense, (R(3), np.asfortranarray(R((5, 3)))), {}, "A"),
    (several, (R(3), 2.0), {}, (0, 1)),
    (several, (R(3), 2.0), {}, "y"),
    (powers, (R(3), 3), {}, 0),
    (square, (R((2, 2)),), {}, 0),
    (few, (R(4),), {}, 0),
    (outside, (R(3), 2.0), {"k": 1.5, "m": 0.5}, (0, "k")),
    (outside, (R(3), 2.0), {"m": 0.5}, 1),
    (writes, (R(4),), {}, 0),
    (recursive, (R(3), 2), {}, 0),
    (recursive_arrays, (R(3), 2), {}, 0),
    (number, (1.5,), {}, 0),
    (names_that_clash, (1.5, R(3), 1.0, 2.0, 0.5), {}, (0, 1, 2, 3, 4)),
    (identity, (R(3),), {}, 0),
    (identity, (R((2, 3)),), {}, 0),
    (zero_d, (R(3),), {}, 0),
    (layer, (Layer(R(2), R(2)),), {}, 0),
    (np.cumsum, (R(3),), {}, 0),
]


@pytest.mark.parametrize(("f", "args", "named", "wrt"), JACOBIANS)
def test_jacobian_against_differences(f: Any, args: Any, named: Any, wrt: Any) -> None:
    d = jacobian(f, wrt)
    own = copy.deepcopy(args)
    got = d(*args, **named)
    np.testing.assert_equal(tree.leaves(args), tree.leaves(own))
    which = wrt if isinstance(wrt, tuple) else (wrt,)
    if f is dense:
        which = tuple({"A": 1}.get(w, w) for w in which)
    if f is several:
        which = tuple({"y": 1}.get(w, w) for w in which)
    parts = [named[w] if isinstance(w, str) else args[w] for w in which]

    def call(vector: Any) -> Any:
        new, moved, names = unravel(vector), list(copy.deepcopy(args)), dict(named)
        for w, v in zip(which, new, strict=True):
            if isinstance(w, str):
                names[w] = v
            else:
                moved[w] = v
        return f(*moved, **names)

    point, unravel = tree.ravel(parts)
    values = flatten(call(point))
    leaves = flatten(parts)
    blocks = iter(flatten(got))
    h = 1e-6
    for j, y in enumerate(values):
        columns = [
            (flatten(call(point + h * e))[j] - flatten(call(point - h * e))[j]) / (2 * h)
            for e in np.eye(point.size)
        ]
        whole, at = np.stack([np.ravel(c) for c in columns], axis=-1), 0
        for x in leaves:
            block = next(blocks)
            assert block.shape == y.shape + x.shape
            want = whole[:, at : at + x.size].reshape(block.shape)
            np.testing.assert_allclose(block, want, rtol=1e-6, atol=1e-7)
            at += x.size
    assert next(blocks, None) is None


def energy(x, y):
    return np.sum(np.sin(x) * x * y) + y**3


def of_container(p):
    return np.sum(p["w"] ** 2 * p["v"][0]) * p["b"]


def of_layer(p):
    return np.sum(np.exp(p.w) * p.b)


def in_a_loop(x, n):
    s = 0.0
    for i in range(n):
        s = s + x[i] * x[i - 1] ** 2
    return s


HESSIANS: list[tuple[Callable[..., Any], tuple[Any, ...], Any]] = [
    (energy, (R(3), 1.5), (0, 1)),
    (energy, (R(3), 1.5), 1),
    (energy, (R((2, 2)), 1.5), 0),
    (of_container, ({"w": R(3), "v": [R(3)], "b": 1.5},), 0),
    (of_layer, (Layer(R(2), R(2)),), 0),
    (in_a_loop, (R(4), 4), 0),
    (number, (1.5,), 0),
    (recursive, (R(3), 2), 0),
]


@pytest.mark.parametrize(("f", "args", "wrt"), HESSIANS)
def test_hessian_against_differences(f: Any, args: Any, wrt: Any) -> None:
    got = hessian(f, wrt)(*args)
    which = wrt if isinstance(wrt, tuple) else (wrt,)
    parts = [args[w] for w in which]
    point, unravel = tree.ravel(parts)

    def call(vector: Any) -> float:
        moved = list(args)
        for w, v in zip(which, unravel(vector), strict=True):
            moved[w] = v
        return float(f(*moved))

    h, n = 1e-4, point.size
    want = np.empty((n, n))
    for i, a in enumerate(h * np.eye(n)):
        for j, b in enumerate(h * np.eye(n)):
            corners = [s * t * call(point + s * a + t * b) for s in (1, -1) for t in (1, -1)]
            want[i, j] = sum(corners) / (4 * h * h)
    leaves = flatten(parts)
    edges = np.cumsum([0, *(x.size for x in leaves)])
    blocks = iter(flatten(got))
    for i, x in enumerate(leaves):
        for j, y in enumerate(leaves):
            block = next(blocks)
            assert block.shape == x.shape + y.shape
            part = want[edges[i] : edges[i + 1], edges[j] : edges[j + 1]]
            np.testing.assert_allclose(block, part.reshape(block.shape), rtol=1e-5, atol=1e-6)


def turning(x, A):
    while np.sum(x * x) > 1.0:
        x = 0.5 * x
    return np.tanh(A @ x)


def test_what_is_emitted_runs_by_itself() -> None:
    x, A = R(3), R((2, 3))
    d = jacobian(turning)
    got = d(x, A)
    assert "s2sgrad" not in d.source
    space: dict[str, Any] = {}
    exec(d.source, space)
    np.testing.assert_array_equal(space["turning_jacobian"](x, A), got)
    assert "for k in range(out.size):" in d.source  # rows: there are fewer
    d(x, R((5, 3)))
    assert "for k in range(x.size):" in d.source
    h = hessian(energy, (0, 1))
    want = h(x, 2.0)
    exec(h.source, space)
    for a, b in zip(tree.leaves(space["energy_hessian"](x, 2.0)), tree.leaves(want), strict=True):
        np.testing.assert_array_equal(a, b)


def test_dtypes_and_empty_arrays() -> None:
    j = jacobian(dense)(R(3).astype("f"), R((2, 3)).astype("f"))
    assert j.dtype == np.float32
    assert jacobian(dense)(R(3).astype("f"), R((4, 3)).astype("f")).dtype == np.float32
    assert hessian(number)(np.float32(2.0)).dtype == np.float32
    assert jacobian(dense)(np.zeros(0), np.zeros((2, 0))).shape == (2, 0)
    assert jacobian(dense)(np.zeros(3), np.zeros((0, 3))).shape == (0, 3)
    assert hessian(lambda x: np.sum(x * x))(np.zeros(0)).shape == (0, 0)
    z = jacobian(lambda x: x * 1j)(np.ones(2))
    np.testing.assert_array_equal(z, 1j * np.eye(2))


def test_aux() -> None:
    def f(x):
        return x * x, {"twice": 2.0 * x}

    x = np.array([1.0, 2.0])
    j, aux = jacobian(f, has_aux=True)(x)
    np.testing.assert_array_equal(j, np.diag(2 * x))
    np.testing.assert_array_equal(aux["twice"], 2 * x)

    def g(x):
        return np.sum(x**3), 2.0 * x

    h, aux = hessian(g, has_aux=True)(x)
    np.testing.assert_allclose(h, np.diag(6 * x))
    np.testing.assert_array_equal(aux, 2 * x)


def test_a_matrix_of_a_gradient() -> None:
    x = R(3)
    d = jacobian(grad(lambda x: np.sum(x**3)))
    np.testing.assert_allclose(d(x), np.diag(6 * x))


def test_objects_like_the_others() -> None:
    d = pickle.loads(pickle.dumps(jacobian(dense)))
    np.testing.assert_allclose(d(np.zeros(3), np.ones((2, 3))), np.ones((2, 3)))
    assert d.__name__ == "dense"
    with pytest.raises(TypeError, match="complex"):
        hessian(energy)(np.ones(2) * 1j, 1.0)
    np.testing.assert_array_equal(jacobian(d)(np.zeros(3), np.ones((2, 3))), np.zeros((2, 3, 3)))

    class Model:
        w = 3.0

        @jacobian
        def run(self, x):
            return self.w * x

    assert Model().run(2.0) == 3.0
