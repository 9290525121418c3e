"""The guard answers the calls of every transform; what it cannot tell goes the slow way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import s2sgrad
from s2sgrad import grad, hvp, jacobian, jvp, pullback, vjp
from s2sgrad.derivative import Derivative
from s2sgrad.errors import DifferentiationError

X, W = np.array([0.3, -0.7, 1.1]), np.array([1.5, 0.5, -2.0])
SCALE = np.array([2.0, 3.0, 5.0])


def scalar(x: Any, w: Any, a: Any) -> Any:
    return np.sum(np.sin(x) * w) * a


def array(x: Any, w: Any, a: Any) -> Any:
    return np.sin(x) * w * a


def several(x: Any, *rest: Any, a: Any = 2.0) -> Any:
    return np.sin(x) * rest[0], np.sum(x) * a


def writes(x: Any, w: Any) -> Any:
    x[0] = w[1] * w[2]
    return np.sum(x * w)


def writes_beside(x: Any) -> Any:
    x[0] = x[1] * 2.0
    return np.sum(x * SCALE)


def changes(p: Any, q: Any) -> Any:
    p["a"] = p["a"] * q["b"]
    return p["a"] * p["a"]


def of_parts(p: Any) -> Any:
    return np.sum(p["w"] * p["w"]) * p["b"]


COS = np.cos(X) * W * 2.0
CASES: list[tuple[Derivative[..., Any], tuple[Any, ...], dict[str, Any], Any]] = [
    (vjp(scalar), (X, W, 2.0), {}, COS),
    (vjp(scalar), (X, W, 2.0), {"out_bar": 3.0}, 3.0 * COS),
    (vjp(array), (X, W, 2.0), {"out_bar": W}, COS * W),
    (vjp(several), (X, W), {"out_bar": (W, 3.0), "a": 5.0}, np.cos(X) * W * W + 15.0),
    (vjp(several), (X, W), {"out_bar": (None, 3.0)}, np.full(3, 6.0)),
    (vjp(scalar, has_aux=False), (X, W, 2.0), {"out_bar": None}, COS),
    (jvp(array), (X, W, 2.0), {"tangents": W}, COS * W),
    (jvp(array, (0, "a")), (X, W, 2.0), {"tangents": (None, 3.0)}, np.sin(X) * W * 3.0),
    (jvp(of_parts), ({"w": X, "b": 2.0},), {"tangents": {"w": W, "b": None}}, 4.0 * X @ W),
    (hvp(scalar), (X, W, 2.0), {"vector": W}, -np.sin(X) * W * 2.0 * W),
    (jacobian(array), (X, W, 2.0), {}, np.diag(COS)),
    (s2sgrad.hessian(scalar), (X, W, 2.0), {}, np.diag(-np.sin(X) * W * 2.0)),
    (grad(writes), (X, W), {}, np.array([0.0, W[1], W[2]])),
    (grad(writes_beside), (X,), {}, np.array([0.0, 7.0, 5.0])),
    (grad(changes), ({"a": 2.0}, {"b": 3.0}), {}, {"a": 36.0}),
]


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c[0].__name__}-{c[0]._what}")
def test_the_guard_answers(case: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    d, args, kwargs, want = case
    d(*args, **kwargs)
    monkeypatch.setattr(Derivative, "_bind", None)  # the slow way would fail
    answer = d(*args, **kwargs)
    got = answer[-1] if d._what in ("vjp", "jvp") else answer
    if isinstance(want, dict):
        assert got == want
    else:
        np.testing.assert_allclose(got, want, rtol=1e-12)


def test_the_guard_of_pullbacks(monkeypatch: pytest.MonkeyPatch) -> None:
    d = pullback(array)
    d(X, W, 2.0)
    monkeypatch.setattr(Derivative, "_bind", None)
    value, back = d(X, W, 2.0)
    np.testing.assert_allclose(value, array(X, W, 2.0))
    np.testing.assert_allclose(back(W), COS * W)
    np.testing.assert_allclose(back(W), COS * W)


@pytest.mark.parametrize(
    ("transform", "seed", "like"),
    [(vjp, "out_bar", "result"), (jvp, "tangents", "argument"), (hvp, "vector", "argument")],
)
def test_seeds_of_other_shapes(transform: Callable[..., Any], seed: str, like: str) -> None:
    d = transform(scalar if transform is hvp else array)
    d(X, W, 2.0, **{seed: W})
    for bad in (np.ones(2), np.ones(1), np.ones((1, 3)), 1.0):
        shape = str(np.shape(bad)).replace("(", r"\(").replace(")", r"\)")
        with pytest.raises(TypeError, match=rf"has the shape {shape}, the {like}"):
            d(X, W, 2.0, **{seed: bad})
    for wrong in ("text", 1j * W):
        with pytest.raises(TypeError, match=seed):
            d(X, W, 2.0, **{seed: wrong})


@pytest.mark.parametrize(("transform", "seed"), [(jvp, "tangents"), (hvp, "vector")])
def test_seeds_that_are_needed(transform: Callable[..., Any], seed: str) -> None:
    d = transform(scalar)
    for _ in range(2):  # before and after something is compiled
        with pytest.raises(TypeError, match=f"`{seed}=` is needed"):
            d(X, W, 2.0)
        d(X, W, 2.0, **{seed: W})


def test_matrices_of_other_shapes() -> None:
    """One compilation by rows serves all shapes that have more arguments than results."""
    d = jacobian(lambda x, y: x[:2] * y)
    for n in (300, 301, 300, 3):
        x = np.arange(float(n)) + 1.0
        got = d(x, np.array([2.0, 3.0]))
        assert got.shape == (2, n)
        np.testing.assert_allclose(got[:, :2], np.diag([2.0, 3.0]))
        assert not np.any(got[:, 2:])


def test_shared_memory_is_refused_after_a_guard() -> None:
    d = grad(writes)
    d(X, W)
    base = np.arange(6.0)
    np.testing.assert_allclose(d(base[::2], base[1::2]), [0.0, 3.0, 5.0])  # apart, but interleaved
    for pair in ((base, base), (base[:3], base[1:4])):
        with pytest.raises(DifferentiationError, match="share memory"):
            d(*pair)
    one = {"a": 2.0, "b": 3.0}
    c = grad(changes)
    c({"a": 2.0, "b": 3.0}, {"a": 2.0, "b": 3.0})
    with pytest.raises(DifferentiationError, match="are one object"):
        c(one, one)


def test_a_global_that_shares_memory_with_what_is_written() -> None:
    """The primal would change it; the gradient works on a copy of the argument."""
    d = grad(writes_beside)
    for _ in range(2):
        with pytest.raises(DifferentiationError, match="`x` and `SCALE` of"):
            d(SCALE)
        d(X)


def test_many_signatures_are_told_apart() -> None:
    d = grad(lambda x, n: np.sum(x**n))
    for n in (2, 3, 4):
        for shape in ((3,), (1,), (2, 3), (1, 3), (2, 1), (2, 2, 2)):
            for dtype in ("d", "f"):
                x = np.full(shape, 1.5, dtype)
                got = d(x, n)
                assert got.dtype == dtype
                np.testing.assert_allclose(got, n * x ** (n - 1), rtol=1e-6)
