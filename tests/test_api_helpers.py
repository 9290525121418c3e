"""`tree`, `check_grad`, `check_rule`, `rule`, `elementwise`, `stop_gradient`."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
# Programs of users are not annotated.

from __future__ import annotations

import subprocess
import sys
from collections import namedtuple
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from s2sgrad import (
    check_grad,
    check_rule,
    elementwise,
    grad,
    rule,
    stop_gradient,
    tree,
    value_and_grad,
)
from s2sgrad.errors import DifferentiationError
from s2sgrad.rules.registry import RULES

R = np.random.default_rng(9).standard_normal
Pair = namedtuple("Pair", "w b")


@dataclass(frozen=True)
class Point:
    x: Any
    name: str = "p"


def sample() -> dict[str, Any]:
    return {
        "w": np.ones((2, 3), np.float32),
        "list": [1.5, np.array(2.5), (np.float32(3.5), None)],
        "pair": Pair(R(2), 7),
        "point": Point(R(2)),
        "act": np.tanh,
    }


def test_ravel_and_back() -> None:
    p = sample()
    vector, unravel = tree.ravel(p)
    assert vector.shape == (6 + 3 + 2 + 2,)
    assert vector.dtype == np.float64
    q = unravel(2 * vector)
    assert q["w"].dtype == np.float32
    np.testing.assert_array_equal(q["w"], 2 * p["w"])
    assert type(q["list"][0]) is float
    assert q["list"][1].shape == ()
    assert type(q["list"][2][0]) is np.float32
    assert q["list"][2] == (7.0, None)
    assert type(q["pair"]) is Pair
    assert q["pair"].b == 7
    np.testing.assert_array_equal(q["point"].x, 2 * p["point"].x)
    assert q["point"].name == "p"
    assert q["act"] is np.tanh
    assert not np.shares_memory(unravel(vector)["w"], vector)
    with pytest.raises(TypeError, match="shape"):
        unravel(vector[1:])
    assert tree.ravel([])[0].shape == (0,)


def test_map_over_parameters_and_gradients() -> None:
    p = sample()
    g = grad(lambda p, x: np.sum(p["w"] @ x) * p["list"][0])(p, R(3))
    q = tree.map(lambda x, d: x - 0.1 * d, p, g)
    assert q["act"] is np.tanh
    assert q["pair"].b == 7
    np.testing.assert_allclose(q["w"], p["w"] - 0.1 * g["w"])
    assert len(tree.leaves(p)) == len(tree.leaves(g)) == 6
    with pytest.raises(TypeError, match="meets"):
        tree.map(lambda a, b: a, {"a": 1.0}, {"b": 1.0})
    with pytest.raises(TypeError, match="meets"):
        tree.map(lambda a, b: a, [1.0], (1.0,))


def test_check_grad_of_programs_that_draw_write_or_are_nan() -> None:
    def noisy(x):
        return np.sum(x * np.random.normal(size=3)) * np.random.choice([1.0, 2.0])  # noqa: NPY002

    np.random.seed(3)  # noqa: NPY002
    state = np.random.get_state(legacy=False)["state"]["key"].copy()  # noqa: NPY002
    check_grad(noisy, R(3))
    np.testing.assert_array_equal(np.random.get_state(legacy=False)["state"]["key"], state)  # noqa: NPY002

    def writes(x):
        x[0] = x[1] * x[2]
        x *= x
        return np.sum(x)

    x = R(3)
    before = x.copy()
    check_grad(writes, x)
    np.testing.assert_array_equal(x, before)
    with np.errstate(all="ignore"):
        with pytest.raises(AssertionError, match="not finite"):
            check_grad(lambda x: np.log(x), -1.0)
        with pytest.raises(AssertionError, match="NaN nearby"):
            check_grad(lambda x: np.sqrt(x - 1.0) * np.sqrt(1.0 - x), 1.0)
    with pytest.raises(AssertionError, match="no float"):
        check_grad(lambda x: "text", 1.0)
    with pytest.raises(TypeError, match="no such parameter"):
        check_grad(lambda x: x, 1.0, wrt="z")


def test_check_grad_finds_right_and_wrong() -> None:
    def f(p, x, n=2):
        for _ in range(n):
            x = np.tanh(p["w"] @ x) + p["b"]
        return {"out": x, "name": "f", "norm": np.sum(x * x)}

    p = {"w": R((3, 3)), "b": 0.3, "kind": "tanh"}
    check_grad(f, p, R(3))
    check_grad(f, p, R(3), wrt=(0, "x"), n=3)
    check_grad(lambda z: z * z * 2.0, R(3) + 1j * R(3))

    def broken(x):
        return np.exp(x) * 3.0

    @rule(broken)
    def broken_vjp(g, out, x):
        return g * out * 1.001

    try:
        with pytest.raises(AssertionError, match="differences give"):
            check_grad(lambda x: broken(x), R(3))
        with pytest.raises(AssertionError, match="the rule of `broken`"):
            check_rule(broken, R(3))
    finally:
        del RULES[broken]
    with pytest.raises(LookupError, match="no rule"):
        check_rule(broken, R(3))
    with pytest.raises(AssertionError, match="no derivative"):
        check_grad(lambda x: "text", 1.0)


def test_check_rule_on_numpys_functions() -> None:
    check_rule(np.matmul, R((2, 3)), R((3, 2)))
    check_rule(np.multiply, R((2, 3)), R(3))
    check_rule(np.sum, R((2, 3)), axis=1, keepdims=True)
    check_rule(np.concatenate, [R(2), R(3)])
    check_rule(np.maximum, R((2, 3)), 0.1)
    check_rule(np.linalg.inv, R((3, 3)) + 3 * np.eye(3))


def opaque(x, y):
    """As if it called a library: NumPy's ufuncs would refuse symbols here."""
    return np.asarray(np.frompyfunc(lambda a, b: float(a) ** 2 * float(b), 2, 1)(x, y), dtype=float)


@rule(opaque)
def opaque_vjp(g, out, x, y):
    return g * 2.0 * x * y, g * x * x


def test_a_rule_for_a_function_of_the_users() -> None:
    def f(x, y):
        return np.sum(np.sin(opaque(x, y)) * x)

    check_rule(opaque, R(3), R(3))
    check_grad(f, R(3), R(3), wrt=(0, 1))
    d = value_and_grad(f)
    d(R(3), R(3))
    assert f"from {opaque.__module__} import opaque" in d.source
    assert "s2sgrad" not in d.source

    def local(x):
        return opaque(x, x)

    @rule(local)
    def local_vjp(g, out, x):
        return g * 3.0 * x * x

    def h(x):
        local_bar = x * 2.0
        return np.sum(local(local_bar))

    check_grad(h, R(3))  # the function is no module's: it is handed in


def test_elementwise_formulas() -> None:
    softplus = elementwise("softplus", "log(1 + exp(x))")
    power = elementwise("power", "sqrt(x**2 + y**2) * exp(-y)")
    magnitude = elementwise("magnitude", "Abs(x) * x")
    x, y = R(4), R(4)
    np.testing.assert_allclose(softplus(x), np.log1p(np.exp(x)), rtol=1e-12)
    check_rule(softplus, x)
    check_rule(power, x, y)
    check_rule(power, x, 0.5)
    check_rule(magnitude, x)

    def f(x, y):
        return np.sum(softplus(x) * power(x, y)) + softplus(0.3)

    check_grad(f, x, y, wrt=(0, 1))
    d = value_and_grad(f)
    d(x, y)
    assert "def softplus(x):" in d.source
    assert "s2sgrad" not in d.source
    for bad in ("gamma(x)", "1", "out + 1", "x + frobnicate(x)"):
        with pytest.raises(ValueError, match=r"NumPy|operand"):
            elementwise("bad", bad)
    with pytest.raises(ValueError, match="no name"):
        elementwise("a b", "x")


def test_stop_gradient() -> None:
    def f(p, x):
        q = stop_gradient(p)
        return np.sum(p["w"] * stop_gradient(x) * x) * q["b"]

    p: dict[str, Any] = {"w": R(3), "b": 1.5}
    x = R(3)
    g = grad(f)(p, x)
    np.testing.assert_allclose(g["w"], 1.5 * x * x)
    assert g["b"] == 0.0
    np.testing.assert_allclose(grad(f, wrt="x")(p, x), 1.5 * p["w"] * x)
    d = grad(f)
    d(p, x)
    assert "stop_gradient" not in d.source
    assert stop_gradient(3.0) == 3.0


def test_importing_does_not_load_sympy() -> None:
    code = "import sys, s2sgrad; assert 'sympy' not in sys.modules, 'sympy is loaded'"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_a_function_without_a_rule_is_refused() -> None:
    with pytest.raises(DifferentiationError, match="no rule"):
        grad(lambda x: np.busday_count(x, x))(1.0)
