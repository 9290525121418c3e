"""What may be differentiated, in what, and how it is called."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
# Programs of users are not annotated.

from __future__ import annotations

import functools
import inspect
from typing import Any

import numpy as np
import pytest

from s2sgrad import elementwise_grad, grad, pullback, value_and_grad, vjp
from s2sgrad.errors import DifferentiationError

R = np.random.default_rng(5).standard_normal


def numeric(f, x: Any, h: float = 1e-6) -> Any:
    """Central differences, element by element."""
    if np.ndim(x) == 0:
        return (f(x + h) - f(x - h)) / (2 * h)
    out = np.zeros_like(x)
    for k in np.ndindex(*x.shape):
        e = np.zeros_like(x)
        e[k] = h
        out[k] = (f(x + e) - f(x - e)) / (2 * h)
    return out


def weighted(x, y, *rest, scale=2.0, **more):
    s = np.sum(np.sin(x) * y) * scale
    for r in rest:
        s = s + np.sum(r * r * x)
    for k, v in more.items():
        s = s + np.sum(v * x) * len(k)
    return s


def test_wrt_by_position_name_and_negative_position() -> None:
    x, y = R(3), R(3)
    gx = numeric(lambda v: weighted(v, y), x)
    gy = numeric(lambda v: weighted(x, v), y)
    np.testing.assert_allclose(grad(weighted)(x, y), gx, rtol=1e-6)
    np.testing.assert_allclose(grad(weighted, "y")(x, y), gy, rtol=1e-6)
    np.testing.assert_allclose(grad(weighted, wrt=-1)(x, y), gy, rtol=1e-6)
    both = grad(weighted, wrt=(1, "x"))(x, y)
    assert isinstance(both, tuple)
    np.testing.assert_allclose(both[0], gy, rtol=1e-6)
    np.testing.assert_allclose(both[1], gx, rtol=1e-6)
    (alone,) = grad(weighted, wrt=("y",))(x, y)
    np.testing.assert_allclose(alone, gy, rtol=1e-6)


def test_wrt_in_rest_keywords_and_defaults() -> None:
    x, y, a, b = R(3), R(3), R(3), R(3)
    second = numeric(lambda v: weighted(x, y, a, v), b)
    np.testing.assert_allclose(grad(weighted, wrt=3)(x, y, a, b), second, rtol=1e-5)
    np.testing.assert_allclose(grad(weighted, wrt=-1)(x, y, a, b), second, rtol=1e-5)
    scale = numeric(lambda v: weighted(x, y, a, scale=v), 3.0)
    assert grad(weighted, wrt="scale")(x, y, a, scale=3.0) == pytest.approx(scale, rel=1e-6)
    default = numeric(lambda v: weighted(x, y, scale=v), 2.0)
    assert grad(weighted, wrt="scale")(x, y) == pytest.approx(default, rel=1e-6)
    more = numeric(lambda v: weighted(x, y, a, extra=v), b)
    np.testing.assert_allclose(grad(weighted, wrt="extra")(x, y, a, extra=b), more, rtol=1e-5)
    whole = grad(weighted, wrt=("rest", "more"))(x, y, a, extra=b)
    np.testing.assert_allclose(whole[0][0], numeric(lambda v: weighted(x, y, v), a), rtol=1e-5)
    np.testing.assert_allclose(whole[1]["extra"], more, rtol=1e-5)
    d = grad(weighted, wrt=3)
    d(x, y, a, b)
    assert "def weighted_grad(x, y, *rest, scale, **more):" in d.source
    with pytest.raises(TypeError, match="3 positional arguments"):
        d(x, y, a)
    with pytest.raises(TypeError, match="no such argument"):
        grad(weighted, wrt="extra")(x, y)


def test_wrong_wrt() -> None:
    def f(x, y):
        return x * y

    for wrt, what in (("z", "no such parameter"), (2, "2 positional"), (-3, "2 positional")):
        with pytest.raises(TypeError, match=what):
            grad(f, wrt=wrt)
    with pytest.raises(TypeError, match="a position, a name"):
        grad(f, wrt=1.5)  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="cannot differentiate in `x`: it is bool"):
        grad(f)(True, 1.0)
    with pytest.raises(TypeError, match="cannot differentiate in `x`: it is str"):
        grad(f)("a", 1.0)
    with pytest.raises(TypeError, match="missing"):
        grad(f)(1.0)  # type: ignore[call-arg]


def test_ints_are_taken_as_floats() -> None:
    def f(x, y):
        return x * x * y

    g = grad(f)(3, 2)
    assert g == 12.0
    assert isinstance(g, float)


def test_has_aux() -> None:
    def f(w, x):
        h = np.tanh(x * w)
        return np.sum(h), {"hidden": h, "name": "tanh", "n": (len(h), None)}

    w, x = R(3), R(3)
    want = numeric(lambda v: np.sum(np.tanh(x * v)), w)
    (loss, aux), g = value_and_grad(f, has_aux=True)(w, x)
    assert loss == pytest.approx(np.sum(np.tanh(x * w)), rel=1e-12)
    np.testing.assert_allclose(aux["hidden"], np.tanh(x * w), rtol=1e-12)
    assert aux["name"] == "tanh"
    assert aux["n"] == (3, None)
    np.testing.assert_allclose(g, want, rtol=1e-6)
    g2, aux2 = grad(f, has_aux=True)(w, x)
    np.testing.assert_array_equal(g2, g)
    np.testing.assert_array_equal(aux2["hidden"], aux["hidden"])
    with pytest.raises(TypeError, match="a pair"):
        value_and_grad(lambda x: x * 2.0, has_aux=True)(1.0)
    with pytest.raises(TypeError, match="several results"):
        grad(f)(w, x)


def test_the_result_must_be_a_scalar() -> None:
    for f, what in (
        (lambda x: x[:1], r"1-dimensional array of the shape \(n,\)|\(1,\)"),
        (lambda x: np.outer(x, x), "2-dimensional"),
        (lambda x: np.sum(x) * 1j, "complex"),
        (lambda x: "text", "returns a str"),
        (lambda x: (x[0], x[1]), "several results"),
    ):
        with pytest.raises(TypeError, match=what):
            grad(f)(R(3))
    np.testing.assert_array_equal(grad(lambda x: 3.0)(R(3)), np.zeros(3))


def several(x, y):
    return {"a": x * y, "b": (np.sum(x), y[0] * x)}


def test_vjp_of_several_results() -> None:
    x, y, s, t = R(3), R(3), R(3), R(3)
    out_bar = {"a": s, "b": (0.7, t)}
    value, (gx, gy) = vjp(several, wrt=(0, 1))(x, y, out_bar=out_bar)
    np.testing.assert_allclose(value["b"][1], y[0] * x)

    def scalar(x, y):
        v = several(x, y)
        return np.sum(v["a"] * s) + 0.7 * v["b"][0] + np.sum(v["b"][1] * t)

    np.testing.assert_allclose(gx, numeric(lambda v: scalar(v, y), x), rtol=1e-6)
    np.testing.assert_allclose(gy, numeric(lambda v: scalar(x, v), y), rtol=1e-6)
    _, partly = vjp(several)(x, y, out_bar={"a": None, "b": (2.0, None)})
    np.testing.assert_allclose(partly, np.full(3, 2.0))
    _, nothing = vjp(several)(x, y, out_bar={"a": None, "b": None})
    np.testing.assert_array_equal(nothing, np.zeros(3))


def test_seeds_are_checked() -> None:
    x, y, d = R(3), R(3), vjp(several)
    for bad, what in (
        ((R(3), (1.0, R(3))), "`out_bar` is a tuple of 2, the result of `several` is a dict of 2"),
        ({"a": R(3), "c": None}, "keys"),
        ({"a": R(3), "b": 1.0}, r"`out_bar\['b'\]` is one value, .* a tuple of 2"),
        ({"a": R(3), "b": (1.0,)}, "a tuple of 1"),
        ({"a": R(2), "b": (1.0, R(3))}, r"\['a'\]` has the shape \(2,\), .* \(3,\)"),
        ({"a": 1.0, "b": (1.0, R(3))}, r"the shape \(\), the result has the shape \(3,\)"),
        ({"a": R(3), "b": (R(3), R(3))}, "the result is a number"),
        ({"a": 1j * R(3), "b": None}, "complex, the result is real"),
        ({"a": "x", "b": None}, "not a number"),
    ):
        with pytest.raises(TypeError, match=what):
            d(x, y, out_bar=bad)
    with pytest.raises(TypeError, match="the result of `several` is a dict"):
        d(x, y)
    with pytest.raises(TypeError, match="out_bar is needed"):
        vjp(lambda x: x * x)(x)
    assert vjp(lambda x: np.sum(x * x))(x)[1] == pytest.approx(2 * x)
    with pytest.raises(TypeError, match="named `out_bar`"):
        vjp(lambda out_bar: out_bar)
    seed = np.arange(3)  # ints are numbers too
    np.testing.assert_allclose(vjp(lambda x: x * x)(x, out_bar=seed)[1], 2 * x * seed)


def test_pullback() -> None:
    def f(x, y):
        return np.tanh(x) * y, np.sum(x)

    x, y, s = R(3), R(3), R(3)
    (first, total), back = pullback(f)(x, y)
    np.testing.assert_allclose(first, np.tanh(x) * y)
    assert total == pytest.approx(np.sum(x))
    kept = x.copy()
    x[:] = 0.0  # the pullback stays where it was taken
    for bar in (1.0, -2.0):
        want = numeric(lambda v: np.sum(np.tanh(v) * y * s) + bar * np.sum(v), kept)  # noqa: B023
        np.testing.assert_allclose(back((s, bar)), want, rtol=1e-6)


def test_elementwise_grad() -> None:
    def f(x, y):
        z = np.sin(x) * y
        return np.where(z > 0, z * z, z) + 1.0

    x, y = R((2, 3)), R((2, 3))
    want = np.zeros_like(x)
    h = 1e-6
    want = (f(x + h, y) - f(x - h, y)) / (2 * h)
    np.testing.assert_allclose(elementwise_grad(f)(x, y), want, rtol=1e-6, atol=1e-9)
    assert elementwise_grad(lambda x: x * x)(3.0) == 6.0
    for bad in (lambda x: x * np.sum(x), lambda x: x[::-1] * 1.0, lambda x: x @ x * x):
        with pytest.raises(DifferentiationError, match="not elementwise"):
            elementwise_grad(bad)(R(3))


class Model:
    def __init__(self, w):
        self.w = w

    def loss(self, x, y=1.0):
        return np.sum(np.sin(self.w * x)) * y

    def __call__(self, x):
        return self.loss(x, 2.0)

    @grad
    def decorated(self, x):
        return np.sum(self.w * x * x)

    @classmethod
    def made(cls, x):
        return x * x

    @staticmethod
    def plain(x):
        return x * x * x


def test_methods_and_callable_objects() -> None:
    m, x = Model(R(3)), R(3)
    np.testing.assert_allclose(grad(m.loss)(x), np.cos(m.w * x) * m.w, rtol=1e-12)
    np.testing.assert_allclose(grad(m)(x), 2 * np.cos(m.w * x) * m.w, rtol=1e-12)
    np.testing.assert_allclose(grad(m.loss, wrt="self")(x).w, np.cos(m.w * x) * x, rtol=1e-12)
    assert grad(m.loss, wrt="y")(x) == pytest.approx(np.sum(np.sin(m.w * x)))
    np.testing.assert_allclose(m.decorated(x), 2 * m.w * x, rtol=1e-12)
    assert grad(m.plain)(2.0) == 12.0
    w = m.w
    m.w = 2.0 * w
    np.testing.assert_allclose(m.decorated(x), 4 * w * x, rtol=1e-12)


def test_partial_lambda_closure() -> None:
    x, y = R(3), R(3)
    filled = functools.partial(weighted, x, scale=3.0)
    np.testing.assert_allclose(grad(filled)(y), np.sin(x) * 3.0, rtol=1e-12)
    assert grad(filled, wrt="scale")(y) == pytest.approx(np.sum(np.sin(x) * y))
    k = 2.0
    d = grad(lambda v: k * v * v)
    assert d(3.0) == 12.0
    k = 5.0
    assert d(3.0) == 30.0


def test_functions_of_numpy() -> None:
    x, y = R((2, 3)), R((2, 3))
    np.testing.assert_array_equal(grad(np.sum)(x), np.ones((2, 3)))
    np.testing.assert_allclose(vjp(np.sin)(x, out_bar=y)[1], np.cos(x) * y)
    _, bars = vjp(np.multiply, wrt=(0, 1))(x, y, out_bar=np.ones((2, 3)))
    np.testing.assert_allclose(bars[0], y)
    _, rows = vjp(np.sum)(x, axis=1, out_bar=np.array([1.0, 2.0]))
    np.testing.assert_allclose(rows, [[1.0] * 3, [2.0] * 3])


def test_what_cannot_be_differentiated_is_named() -> None:
    async def waits(x):
        return x

    def yields(x):
        yield x

    for f, what in ((waits, "async"), (yields, "generator")):
        with pytest.raises(DifferentiationError, match=what):
            grad(f)(1.0)
    bad: Any
    for bad, what in (
        (Model, "the class `Model`"),
        (3, "not int"),
        (np.vectorize(lambda x: x), "np.vectorize"),
        (sorted, "`sorted`"),
        ("".join, "`join`"),
    ):
        with pytest.raises(TypeError, match=what):
            grad(bad)


def test_it_looks_like_the_function() -> None:
    def f(x, y=2.0):
        """Doc."""
        return x * y

    d = grad(f)
    assert d.__name__ == "f"
    assert d.__doc__ == "Doc."
    assert str(inspect.signature(d)) == "(x, y=2.0)"
    assert d(1.0, y=3.0) == 3.0
    assert d(x=1.0) == 2.0
