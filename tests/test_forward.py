"""Forward mode: programs against reverse mode and differences; calls, structures, errors."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
# Programs of users are not annotated.

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest
import scipy.linalg

from s2sgrad import hvp, jvp, value_and_grad, vjp
from s2sgrad.errors import DifferentiationError
from s2sgrad.ir.interp import run
from s2sgrad.ir.verify import verify
from tests import kernels, programs
from tests.passes import checked, function
from tests.programs import Case
from tests.test_programs import directional

CASES = [*programs.CASES, *kernels.CASES]
IDS = [f"{k}-{case[0].__name__}" for k, case in enumerate(CASES)]


def copies(args: Any) -> Any:
    return [np.array(a, order="K") if isinstance(a, np.ndarray) else a for a in args]


def in_order(direction: list[Any]) -> tuple[Any, ...]:
    return tuple(u if np.ndim(u) else float(u) for u in direction)


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_dot_product(case: Case) -> None:
    """<out_bar, jvp(v)> = <vjp(out_bar), v>, and both are the central difference."""
    f, args, wrt = case
    want, u = directional((lambda *a: f(*copies(a)), args, wrt), 3)
    v = in_order(u)
    given, tangents = copies(args), copies(v)
    d = jvp(f, wrt)
    value, tangent = d(*given, tangents=tuple(tangents))
    _, bars = value_and_grad(f, wrt)(*copies(args))
    assert value == pytest.approx(f(*copies(args)), rel=1e-13)
    assert tangent == pytest.approx(want, rel=2e-5, abs=2e-6)
    pulled = sum(float(np.sum(a * b)) for a, b in zip(bars, v, strict=True))
    assert tangent == pytest.approx(pulled, rel=1e-9, abs=1e-9)
    for a, b in zip((*given, *tangents), (*args, *v), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_each_stage_keeps_the_meaning(case: Case) -> None:
    """The interpreter gives the same numbers after each pass as the emitted text."""
    f, args, wrt = case
    v = in_order(directional((lambda *a: f(*copies(a)), args, wrt), 3)[1])
    d = jvp(f, wrt)
    value, tangent = d(*copies(args), tangents=v)
    assert d._last is not None
    data = [get() for get, _ in d._last.scope.data.values()]
    for stage, func in d._last.ir.items():
        verify(func)
        if stage.startswith(("forward", "bufferize")):
            results = run(func, *copies(args), *data, v)
            assert results[0] == pytest.approx(value, rel=1e-12), stage
            assert results[1] == pytest.approx(tangent, rel=1e-10, abs=1e-12), stage


def test_the_text_of_a_loop() -> None:
    """Tangents before values where they do not read them: no old value is kept."""
    f = function(
        "def f(x, n):\n    for _ in range(n):\n        x = np.sin(x) * 0.5\n    return x\n"
    )
    d = jvp(f)
    d(1.0, 3, tangents=1.0)
    assert d.source == (
        "import numpy as np\n\n\n"
        "def f_jvp(x, n, *, tangents):\n"
        "    x_dot = tangents\n"
        "    for _ in range(n):\n"
        "        x_dot = x_dot * np.cos(x) * 0.5\n"
        "        x = np.sin(x) * 0.5\n"
        "    return x, x_dot\n"
    )


def test_a_loop_of_element_writes_copies_each_array_once() -> None:
    text = "def f(x, w):\n    for i in range(1, len(x)):\n        x[i] = w * x[i - 1] * x[i]\n"
    d = jvp(function(text + "    return np.sum(x)\n"), wrt=(0, 1))
    d(np.arange(4.0), 2.0, tangents=(np.ones(4), 1.0))
    assert d.source.count("copy(") == 2
    assert "np.array" not in d.source


class Pair(NamedTuple):
    a: Any
    b: Any


@dataclass
class Model:
    w: Any
    name: str


def test_structures() -> None:
    def f(p, q, m, s):
        return {"u": p["w"] * q[0] + m.w, "v": (s.a * s.b, q[1]), "n": 3, "c": 1.0}

    x = np.array([1.0, 2.0])
    args = ({"w": x, "k": 2}, [3.0, 4.0], Model(x + 1, "line"), Pair(2.0, 5.0))
    tangents = ({"k": None, "w": x * 10}, (1.0, None), Model(x, "ignored"), Pair(1.0, None))
    value, tangent = jvp(f, wrt=(0, 1, 2, 3))(*args, tangents=tangents)
    np.testing.assert_allclose(value["u"], x * 3 + x + 1)
    np.testing.assert_allclose(tangent["u"], x * 10 * 3 + x + x)
    assert tangent["v"] == (5.0, 0.0)
    assert (tangent["n"], tangent["c"]) == (None, 0.0)


def test_has_aux_and_no_dependence() -> None:
    (out, aux), tangent = jvp(lambda x: (x * x, x), has_aux=True)(3.0, tangents=1.0)
    assert (out, aux, tangent) == (9.0, 3.0, 6.0)
    value, tangent = jvp(lambda x, y: np.ones(2) * y)(3.0, 2.0, tangents=1.0)
    np.testing.assert_array_equal(tangent, np.zeros(2))
    value, tangent = jvp(lambda x: x * 2.0)(3.0, tangents=None)
    assert (value, tangent) == (6.0, 0.0)


def test_a_tangent_owns_its_memory() -> None:
    x, v = np.arange(3.0), np.ones(3)
    for f in (lambda x: x, lambda x: x[1:], lambda x: (x, x), lambda x: x.T, lambda x: x + 0.0):
        _, tangent = jvp(f)(x, tangents=v)
        for a in tangent if isinstance(tangent, tuple) else (tangent,):
            assert a.flags.writeable
            assert a.base is None or a.base.flags.writeable
            assert not np.shares_memory(a, v)
            assert not np.shares_memory(a, x)
    assert not np.shares_memory(*jvp(lambda x: (x, x))(x, tangents=v)[1])


def test_dtypes() -> None:
    x = np.ones(3, np.float32)
    value, tangent = jvp(lambda x: np.sin(x) * 2.0 + x**2)(x, tangents=np.ones(3))
    assert value.dtype == tangent.dtype == np.float32
    value, tangent = jvp(lambda x: np.fft.fft(x) * 1j)(np.arange(4.0), tangents=np.ones(4))
    np.testing.assert_allclose(tangent, np.fft.fft(np.ones(4)) * 1j)
    z, u = np.array([1.0 + 2.0j, -0.5j]), np.array([0.3 - 1.0j, 2.0])
    value, tangent = jvp(lambda z: np.abs(z) ** 2)(z, tangents=u)
    np.testing.assert_allclose(tangent, 2 * np.real(np.conj(z) * u))
    assert tangent.dtype == value.dtype


def test_numbers_where_others_are_arrays() -> None:
    """A number's tangent is spread where the value is an array, and no sooner."""

    def f(x, c):
        s = c
        for r in x:
            s = s + r * 2.0
        t = x + c
        t[0] = c * c
        return np.sum(s) + np.sum(t) * c + t[1:].sum()

    x, h = np.arange(6.0).reshape(3, 2), 1e-6
    _, tangent = jvp(f, wrt=1)(x, 1.5, tangents=1.0)
    assert tangent == pytest.approx((f(x, 1.5 + h) - f(x, 1.5 - h)) / (2 * h), rel=1e-8)


@pytest.mark.parametrize(
    ("tangents", "message"),
    [
        ((np.ones(2), 1.0), r"`tangents` has the shape \(2,\), the argument has the shape \(3,\)"),
        ((np.ones(3),), "`tangents` is a tuple of 1, wrt is a tuple of 2"),
        (np.ones(3), "`tangents` is a ndarray, wrt is a tuple of 2"),
        ((np.ones(3), "a"), "`tangents` is a str, not a number or an array"),
        ((np.ones(3) * 1j, 1.0), "`tangents` is complex, the argument is real"),
    ],
)
def test_wrong_tangents(tangents: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        jvp(lambda x, y: x * y, wrt=(0, 1))(np.ones(3), 2.0, tangents=tangents)


def test_wrong_structures() -> None:
    f = jvp(lambda p: p["w"] * p["b"])
    p = {"w": 1.0, "b": 2.0}
    with pytest.raises(TypeError, match="has the keys"):
        f(p, tangents={"w": 1.0, "c": 1.0})
    with pytest.raises(TypeError, match="is a float, the argument is a dict of 2"):
        f(p, tangents=1.0)
    with pytest.raises(TypeError, match="`tangents=` is needed"):
        f(p)


@pytest.mark.parametrize(("transform", "name"), [(jvp, "tangents"), (hvp, "vector")])
def test_a_parameter_of_the_name_of_the_seed(transform: Any, name: str) -> None:
    space: dict[str, Any] = {}
    exec(f"def f(x, {name}): return x", space)
    with pytest.raises(TypeError, match=f"a parameter named `{name}`"):
        transform(space["f"])


def test_ints_and_integer_arrays() -> None:
    assert jvp(lambda x: x * x)(3, tangents=1)[1] == 6.0
    with pytest.raises(TypeError, match="an array of int64"):
        jvp(lambda x: x * x)(np.arange(3), tangents=np.ones(3))


def test_no_rule_is_located() -> None:
    def f(lu, pivots, b):
        return scipy.linalg.lu_solve((lu, pivots), b)

    lu, pivots = scipy.linalg.lu_factor(np.eye(3) + 1.0)
    with pytest.raises(DifferentiationError, match="in forward mode") as e:
        jvp(f, wrt=2)(lu, pivots, np.ones(3), tangents=np.ones(3))
    assert e.value.refusals[0].anchor == "no-forward-rule"
    assert e.value.refusals[0].span is not None


def test_vjp_by_hand() -> None:
    """The dot product with several results, each a random weight."""

    def f(x, y):
        return np.outer(x, y) @ y, np.cumsum(x)[::-1], x[0] / y[1]

    rng = np.random.default_rng(0)
    x, y, dx, dy = (rng.standard_normal(3) for _ in range(4))
    bars = (rng.standard_normal(3), rng.standard_normal(3), 0.7)
    _, tangents = jvp(f, wrt=(0, 1))(x, y, tangents=(dx, dy))
    _, (gx, gy) = vjp(f, wrt=(0, 1))(x, y, out_bar=bars)
    left = sum(np.sum(a * b) for a, b in zip(bars, tangents, strict=True))
    assert left == pytest.approx(gx @ dx + gy @ dy, rel=1e-12)


def test_reading_an_old_version_in_a_store_needs_no_other_name() -> None:
    text = "def f(x):\n    x = x.copy()\n    for i in range(1, len(x)):\n"
    text += "        x[i] = x[i] * x[i - 1]\n    return np.sum(x * x)\n"
    source = checked(text, np.arange(1.0, 5.0))
    assert "x1" not in source
