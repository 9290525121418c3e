"""Second derivatives: programs against differences of gradients, closed forms, symmetry."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
# Programs of users are not annotated.

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from s2sgrad import grad, hessian, hvp, jacobian, jvp, pullback, value_and_grad, vjp
from s2sgrad.errors import DifferentiationError
from tests import kernels, programs
from tests.programs import Case
from tests.test_forward import copies, in_order

CASES = [*programs.CASES, *kernels.CASES]
IDS = [f"{k}-{case[0].__name__}" for k, case in enumerate(CASES)]
# Central differences of a gradient by central differences would be noise: the gradient itself is
# checked in test_programs and test_forward.


def difference(case: Case, u: tuple[Any, ...]) -> list[Any]:
    """The derivative of the gradient along `u`."""
    f, args, wrt = case
    gradient = value_and_grad(f, wrt)

    def at(h: float) -> Any:
        moved = copies(args)
        for k, v in zip(wrt, u, strict=True):
            moved[k] = moved[k] + h * v
        return gradient(*moved)[1]

    h = 1e-6
    return [(a - b) / (2 * h) for a, b in zip(at(h), at(-h), strict=True)]


def direction(case: Case, seed: int) -> tuple[Any, ...]:
    rng = np.random.default_rng(seed)
    return in_order([rng.standard_normal(np.shape(case[1][k])) for k in case[2]])


def close(product: Any, want: Any, args: Any) -> None:
    for p, w, a in zip(product, want, args, strict=True):
        assert np.shape(p) == np.shape(a)
        scale = 1 + np.max(np.abs(w), initial=0.0)
        np.testing.assert_allclose(p / scale, w / scale, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_hessian_vector_products(case: Case) -> None:
    """Forward over reverse, against differences; the Hessian is symmetric; arguments stay."""
    f, args, wrt = case
    u, v = direction(case, 1), direction(case, 2)
    d = hvp(f, wrt)
    given, vector = copies(args), tuple(copies(u))
    hu = d(*given, vector=vector)
    for a, b in zip((*given, *vector), (*args, *u), strict=True):
        np.testing.assert_array_equal(a, b)
    close(hu, difference(case, u), [args[k] for k in wrt])
    hv = d(*copies(args), vector=v)
    left, right = (
        sum(float(np.sum(a * b)) for a, b in zip(x, y, strict=True)) for x, y in ((v, hu), (u, hv))
    )
    size = sum(float(np.sum(np.abs(a * b))) for a, b in zip(v, hu, strict=True))
    assert left == pytest.approx(right, rel=1e-9, abs=1e-9 * (1 + size))


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_reverse_over_reverse(case: Case) -> None:
    f, args, wrt = case
    u = direction(case, 1)
    gradient, product = vjp(grad(f, wrt), wrt)(*copies(args), out_bar=u)
    for a, b in zip(gradient, value_and_grad(f, wrt)(*copies(args))[1], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-10)
    close(product, difference(case, u), [args[k] for k in wrt])


@pytest.mark.parametrize("case", CASES[:12], ids=IDS[:12])
def test_forward_over_a_gradient(case: Case) -> None:
    """`jvp` of a `grad` is `hvp`, and gives the gradient too."""
    f, args, wrt = case
    u = direction(case, 1)
    gradient, product = jvp(grad(f, wrt), wrt)(*copies(args), tangents=u)
    close(product, difference(case, u), [args[k] for k in wrt])
    for a, b in zip(gradient, value_and_grad(f, wrt)(*copies(args))[1], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-10)


# -- numbers, by closed forms


def power(x):
    r = 1.0
    for _ in range(5):
        r = r * x
    return r


def in_branches(x):
    if x > 1.0:
        y = math.exp(x)
    else:
        y = math.sin(x)
    return y * y


def with_break(x):
    s = x
    for _ in range(10):
        s = s * x
        if s > 20.0:
            break
    return s


def with_while(x):
    k = 0
    while x < 10.0:
        x = x * x
        k = k + 1
    return x


def with_list(x):
    items = []
    for k in range(4):
        items.append(x ** (k + 1))  # noqa: PERF401
    return sum(items)


def with_writes(x):
    a = np.zeros(4)
    a[0] = x
    for i in range(1, 4):
        a[i] = a[i - 1] * x
    a[1:] *= a[0]
    return np.sum(a)


CLOSED = [
    (power, 1.3, lambda x: 20 * x**3, lambda x: 60 * x**2),
    (in_branches, 1.5, lambda x: 4 * math.exp(2 * x), lambda x: 8 * math.exp(2 * x)),
    (in_branches, 0.5, lambda x: 2 * math.cos(2 * x), lambda x: -4 * math.sin(2 * x)),
    (with_break, 2.0, lambda x: 20 * x**3, lambda x: 60 * x**2),
    (with_while, 1.5, lambda x: 56 * x**6, lambda x: 336 * x**5),
    (with_list, 0.7, lambda x: 2 + 6 * x + 12 * x**2, lambda x: 6 + 24 * x),
    (
        with_writes,
        1.1,
        lambda x: 6 * x + 12 * x**2 + 20 * x**3,
        lambda x: 6 + 24 * x + 60 * x**2,
    ),
]


@pytest.mark.parametrize(
    ("f", "x", "second", "third"), CLOSED, ids=lambda v: getattr(v, "__name__", "")
)
def test_numbers(f: Any, x: float, second: Any, third: Any) -> None:
    assert grad(grad(f))(x) == pytest.approx(second(x), rel=1e-12)
    assert hvp(f)(x, vector=1.0) == pytest.approx(second(x), rel=1e-12)
    assert hessian(f)(x) == pytest.approx(second(x), rel=1e-12)
    assert grad(grad(grad(f)))(x) == pytest.approx(third(x), rel=1e-12)
    assert hvp(grad(f))(x, vector=1.0) == pytest.approx(third(x), rel=1e-12)
    assert jvp(grad(grad(f)))(x, tangents=2.0)[1] == pytest.approx(2 * third(x), rel=1e-12)


def test_hessians() -> None:
    rng = np.random.default_rng(0)
    a = rng.standard_normal((4, 4))
    x = rng.standard_normal(4)
    np.testing.assert_allclose(hessian(lambda x: x @ a @ x)(x), a + a.T, atol=1e-14)
    y = 0.7
    h = hessian(lambda x, y: np.sum(x**3) * y**2, wrt=(0, "y"))(x, y)
    np.testing.assert_allclose(h[0][0], np.diag(6 * x * y**2))
    np.testing.assert_allclose(h[0][1], 6 * x**2 * y)
    np.testing.assert_allclose(h[1][0], 6 * x**2 * y)
    assert h[1][1] == pytest.approx(2 * np.sum(x**3))
    w = rng.standard_normal((2, 3))
    h = hessian(lambda w: np.sum(np.exp(w)))(w)
    assert h.shape == (2, 3, 2, 3)
    np.testing.assert_allclose(h.reshape(6, 6), np.diag(np.exp(w).ravel()))
    h = hessian(lambda p: p["w"] @ p["w"] * p["b"])({"w": x, "b": 2.0, "name": "s"})
    np.testing.assert_allclose(h["w"]["w"], 4 * np.eye(4))
    np.testing.assert_allclose(h["w"]["b"], 2 * x)
    assert h["name"] is None
    assert h["w"]["name"] is None


def test_jacobians() -> None:
    rng = np.random.default_rng(0)
    a, x, m = rng.standard_normal((3, 4)), rng.standard_normal(4), rng.standard_normal((2, 2))
    np.testing.assert_allclose(jacobian(lambda x: a @ x)(x), a)  # rows
    np.testing.assert_allclose(jacobian(lambda x: a.T @ x)(x[:3]), a.T)  # columns
    j = jacobian(lambda m: m @ m)(m)
    want = np.einsum("ik,lj->ijkl", np.eye(2), m) + np.einsum("ik,jl->ijkl", m, np.eye(2))
    np.testing.assert_allclose(j, want)
    assert type(jacobian(lambda x: x * x)(3.0)) is float
    (jx, jy), d = jacobian(lambda x, y: (np.outer(x, x) * y, {"s": x @ x}), wrt=(0, 1))(x, 2.0)
    assert jx.shape == (4, 4, 4)
    np.testing.assert_allclose(jy, np.outer(x, x))
    np.testing.assert_allclose(d["s"][0], 2 * x)
    assert d["s"][1] == 0.0
    assert jacobian(lambda x: x[:, :0])(np.zeros((2, 3))).shape == (2, 0, 2, 3)
    assert jacobian(lambda x: np.sum(x * x))(np.zeros(0)).shape == (0,)
    with pytest.raises(TypeError, match="complex"):
        jacobian(lambda z: z * z)(np.ones(2) * 1j)


def test_a_jacobian_takes_the_shorter_way() -> None:
    wide = jacobian(lambda x: x[:2] * x[2:] if x[0] < 9.0 else x[:2])
    tall = jacobian(lambda t: np.arange(5.0) * t if t > 0.0 else np.zeros(5))
    np.testing.assert_allclose(wide(np.arange(4.0)), [[2.0, 0, 0, 0], [0, 3.0, 0, 1.0]])
    np.testing.assert_allclose(tall(2.0), np.arange(5.0))
    assert "_bwd(" in wide.source
    assert "_jvp(" in tall.source


def test_nested_transforms() -> None:
    def f(p, s):
        return p["w"] ** 3 * s + p["b"]

    p = {"w": 2.0, "b": 1.0}
    second = grad(lambda w: w**3)
    assert grad(second)(2.0) == 12.0
    _, bars = vjp(grad(f))(p, 3.0, out_bar={"w": 1.0, "b": None})
    assert bars == {"w": 36.0, "b": 0.0}
    _, bar = vjp(grad(f), wrt="s")(p, 3.0, out_bar={"w": 1.0, "b": 0.0})
    assert bar == 12.0
    value, tangent = jvp(value_and_grad(lambda x: x**3))(2.0, tangents=1.0)
    assert (value, tangent) == ((8.0, 12.0), (12.0, 12.0))
    g, (ga, h) = jvp(grad(lambda x: (x**3, 2.0 * x), has_aux=True))(2.0, tangents=1.0)
    assert (g, (ga, h)) == ((12.0, 4.0), (12.0, 2.0))
    product, aux = hvp(lambda x: (x**3, x), has_aux=True)(2.0, vector=1.0)
    assert (product, aux) == (12.0, 2.0)


def test_a_name_without_a_value_does_not_hide_one_that_is_read() -> None:
    """`value = None` stood before `y1 = value` (control program 20527)."""

    def f(y, n):
        z = 0.2 * n
        for _ in range(n, 4):
            if (v := math.tanh(y)) > 0.648:
                pass
            elif y <= 0.187:
                z = 0.491
                return v
        return 0.697 * z * y

    for y in (0.5, -0.3):
        value, slope = value_and_grad(f)(y, 3)
        assert jvp(f)(y, 3, tangents=1.0) == (value, pytest.approx(slope))
        assert value == pytest.approx(f(y, 3))
        assert slope == pytest.approx((f(y + 1e-6, 3) - f(y - 1e-6, 3)) / 2e-6, rel=1e-6)


def test_what_cannot_be_nested() -> None:
    with pytest.raises(TypeError, match="several results"):
        grad(jvp(lambda x: x))(1.0, tangents=1.0)
    with pytest.raises(DifferentiationError, match="`pullback` in a function"):
        grad(pullback(lambda x: x))(1.0)
    with pytest.raises(TypeError, match="not a scalar"):
        grad(grad(lambda x: np.sum(x)))(np.ones(3))


def test_no_copy_in_a_loop_of_element_writes() -> None:
    def f(x, w):
        for i in range(1, len(x)):
            x[i] = w * x[i - 1] * x[i]
        return np.sum(x * x)

    x = np.linspace(0.5, 1.5, 6)
    for d, seed in ((hvp(f), {"vector": x}), (vjp(grad(f)), {"out_bar": x})):
        d(x, 1.1, **seed)
        inside = [line for line in d.source.splitlines() if line.startswith("        ")]
        assert inside
        assert not any("copy(" in line or "np.array" in line for line in inside)


def test_each_op_that_a_pass_emits_has_both_derivatives() -> None:
    """Walk the table: derivatives of any order close."""
    from s2sgrad.ir import ops
    from s2sgrad.passes.activity import STRUCTURAL
    from s2sgrad.passes.forward import _OF_LISTS
    from s2sgrad.passes.lists import LISTS
    from s2sgrad.rules.registry import can_push, lookup

    parts = {ops.getitem, ops.setitem, ops.additem, ops.copy, ops.bound, ops.list_, ops.append}
    parts |= {ops.insert, ops.replace}
    for op in STRUCTURAL:
        assert op in parts | set(_OF_LISTS)
        assert op in parts | LISTS
    emitted: list[Any] = [
        ops.unbroadcast, ops.broadcast_like, ops.reshape_like, ops.cast_like, ops.zeros_like,
        ops.zeros_list, ops.last_writes, np.vdot, np.where, np.real, np.sum, np.array, np.outer,
        np.moveaxis, np.full_like, np.reshape, np.transpose, np.size, np.stack, np.concatenate,
    ]  # fmt: skip
    for op in emitted:
        rule = lookup(op)
        assert rule is not None, op
        assert rule.zero or (rule.vjp or rule.partials), op
        assert can_push(rule), op
    own = {
        f
        for n, f in vars(ops).items()
        if callable(f) and getattr(f, "__module__", "") == ops.__name__ and n[0] != "_"
    }
    data = {ops.part, ops.like, ops.view, ops.assert_, ops.raise_, ops.not_}
    data |= {ops.caught, ops.is_caught, ops.place, ops.shown}
    late = {ops.copy_items, ops.identity}  # made after the last derivative
    # Text; and what a recursive function saves: its second derivatives are refused.
    calls: set[Any] = {ops.pack, ops.held, ops.fstring}
    for op in own - data - late - calls - set(STRUCTURAL):
        assert lookup(op) is not None, op


def test_a_sum_over_an_axis_by_position_stays_one() -> None:
    """Forward mode writes `np.sum(x, 1)`; what was spread before it was once summed over all."""

    def f(x: Any, y: Any) -> Any:
        return np.sum(np.array([0.7, -0.3, 1.1]) * np.polyfit(x, y, 2))

    rng = np.random.default_rng(0)
    x, y, v = rng.uniform(0.2, 1.5, 6), rng.uniform(-1, 1, 6), rng.standard_normal(6)
    want = (grad(f)(x + 1e-5 * v, y) - grad(f)(x - 1e-5 * v, y)) / 2e-5
    np.testing.assert_allclose(hvp(f)(x, y, vector=v), want, rtol=1e-5, atol=1e-5)
