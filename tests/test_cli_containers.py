"""Containers on the command line: their structure is declared, and the gradient has it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from s2sgrad import cli, tree
from s2sgrad.front.annotations import UnknownType, parse_types
from s2sgrad.front.structure import Struct
from s2sgrad.transpile import Options, transpile

MODEL = """
import numpy as np


def net(p, X, y):
    h = np.tanh(X @ p["W"] + p["b"])
    return np.sum((h @ p["v"] - y) ** 2)


def layers(ws, x):
    for k, w in enumerate(ws):
        x = np.tanh(x @ w) * (k + 1.0)
    return np.sum(x)


def nested(t, x):
    a, (b, c) = t
    total = np.sum(a * x) * b
    for name, v in c.items():
        total = total + v * v * len(name)
    return total


def written(p, x):
    x[0] = p["a"] * p["a"]
    return np.sum(x * x) * p["b"]


def outputs(p, x):
    return p["a"] * x, {"s": np.sum(x) * p["b"]}
"""
R = np.random.default_rng(4).standard_normal
CASES: list[tuple[str, str, str, Any, tuple[Any, ...]]] = [
    ("net", "p: {W: Float[d k], b: Float[k], v: Float[k]}, X: Float[n d], y: Float[n]", "p",
     {"W": R((3, 2)), "b": R(2), "v": R(2)}, (R((4, 3)), R(4))),
    ("net", "p: {W: np.ndarray, b: np.ndarray, 'v': np.ndarray}", "p",
     {"W": R((3, 2)), "b": R(2), "v": R(2)}, (R((4, 3)), R(4))),
    ("layers", "ws: [Float[d d], Float[d d], Float[d e]]", "ws",
     [R((3, 3)), R((3, 3)), R((3, 1))], (R((2, 3)),)),
    ("nested", "t: (Float[n], (float, {one: float, three: float})), x: Float[n]", "t",
     (R(3), (0.7, {"one": 1.2, "three": -0.4})), (R(3),)),
    ("written", "p: {a: float, b: float}", "p", {"a": 1.3, "b": 0.6}, (R(3),)),
]  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "model.py").write_text(MODEL)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def emitted(name: str, types: str, wrt: tuple[str, ...], what: str) -> Any:
    declared = parse_types(f"{name}({types})")
    options = Options((name,), (wrt, len(wrt) == 1), (what,), declared)
    made = transpile(Path("model.py"), options, "test")
    for e in made.refused.values():
        raise e
    assert "import s2sgrad" not in made.text
    space: dict[str, Any] = {}
    exec(made.text, space)
    return space[f"{name}_{what}"]


@pytest.mark.parametrize(("name", "types", "wrt", "p", "rest"), CASES)
def test_gradients_have_the_structure(
    folder: Path, name: str, types: str, wrt: str, p: Any, rest: tuple[Any, ...]
) -> None:
    space: dict[str, Any] = {}
    exec(MODEL, space)
    primal = space[name]

    def value(q: Any) -> float:
        return float(primal(q, *[np.array(a) for a in rest]))

    before = [np.array(a) for a in rest]
    got, gradient = emitted(name, types, (wrt,), "value_and_grad")(p, *rest)
    assert got == pytest.approx(value(p), rel=1e-13)
    for a, b in zip(rest, before, strict=True):
        np.testing.assert_array_equal(a, b)
    assert tree.map(np.shape, gradient) == tree.map(np.shape, p)
    assert type(gradient) is type(p)
    for seed in range(2):
        rng = np.random.default_rng(seed)
        u = tree.map(lambda v: rng.standard_normal(np.shape(v)), p)  # noqa: B023
        ends = [value(tree.map(lambda v, d: v + s * 1e-6 * d, p, u)) for s in (1.0, -1.0)]  # noqa: B023
        along = sum(tree.leaves(tree.map(lambda g, d: float(np.sum(g * d)), gradient, u)))
        assert along == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-6, abs=1e-7)


def test_what_is_assumed_is_checked(folder: Path) -> None:
    _, types, _, p, rest = CASES[0]
    run = emitted("net", types, ("p",), "grad")
    wrong: list[Any] = [
        {**p, "more": 1.0},
        {"W": p["W"], "b": p["b"]},
        [p["W"], p["b"], p["v"]],
        {**p, "W": p["W"][0]},
        {**p, "b": p["b"].astype(int)},
        {**p, "v": R(5)},
    ]
    for q in wrong:
        with pytest.raises(TypeError, match=re.escape("`p`: dict of 'W', 'b', 'v'")):
            run(q, *rest)
    assert list(run({"v": p["v"], "W": p["W"], "b": p["b"]}, *rest)) == ["W", "b", "v"]
    listed = emitted("layers", "ws: [Float[d d], Float[d d]]", ("ws",), "grad")
    with pytest.raises(TypeError, match="list of 2"):
        listed([np.eye(2)] * 3, R((4, 2)))


def test_arrays_that_share_memory_are_refused_where_one_is_written(folder: Path) -> None:
    run = emitted("written", "p: {a: float, b: float}, x: Float[n]", ("p",), "grad")
    x = R(3)
    run({"a": 1.0, "b": 2.0}, x)
    both = emitted("written", "p: {a: float, b: Float[n]}, x: Float[n]", ("p",), "vjp")
    with pytest.raises(TypeError, match="sharing no memory"):
        both({"a": 1.0, "b": x}, x, out_bar=np.ones(3))


def test_vjp_of_several_results(folder: Path) -> None:
    """The dot product of `out_bar` with the change of the results, by central differences."""
    run = emitted("outputs", "p: {a: float, b: float}, x: Float[n]", ("p", "x"), "vjp")
    p, x = {"a": 1.3, "b": 0.4}, R(3)
    bar = (R(3), {"s": -0.7})
    (first, second), (p_bar, x_bar) = run(p, x, out_bar=bar)
    np.testing.assert_allclose(first, 1.3 * x)
    assert second["s"] == pytest.approx(np.sum(x) * 0.4)
    assert p_bar["a"] == pytest.approx(float(bar[0] @ x))
    assert p_bar["b"] == pytest.approx(-0.7 * np.sum(x))
    np.testing.assert_allclose(x_bar, 1.3 * bar[0] - 0.7 * 0.4)


def test_the_grammar() -> None:
    found = parse_types("f(p: {W: Float[n d], 'my key': [float, Int[3]]}, t: (float,))")["f"]
    p, t = found["p"], found["t"]
    assert isinstance(p, Struct)
    assert isinstance(t, Struct)
    assert (p.kind, p.keys, t.kind, len(t.items)) == ("dict", ("W", "my key"), "tuple", 1)
    for wrong in ("f(p: {W})", "f(p: {W: float, W: float})", "f(p: {1+1: float})", "f(p: [what])"):
        with pytest.raises(UnknownType):
            parse_types(wrong)


def test_the_other_commands(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    types = ["--types", f"net({CASES[0][1]})"]
    for command in ("graph", "explain", "check"):
        assert cli.main([command, "model.py::net", *types]) == 0
    out = capsys.readouterr().out
    assert "they agree" in out
    assert "p['W']" in out
    assert cli.main(["show", "model.py::net"]) == 1
    assert "declare what is in it" in capsys.readouterr().err


def test_partial_and_errstate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module-level `partial` is followed; `np.errstate` becomes a decorator there."""
    (tmp_path / "model.py").write_text("""
from functools import partial

import numpy as np


def power(p, x, *, scale=1.0):
    return scale * x**p


cube = partial(power, 3.0, scale=2.0)


def loss(x):
    with np.errstate(divide="ignore"):
        return np.sum(cube(x) / x)


def no_parameter():
    return 1.0
""")
    monkeypatch.chdir(tmp_path)
    made = transpile(Path("model.py"), Options(what=("grad",)), "test")
    assert not made.refused
    space: dict[str, Any] = {}
    exec(made.text, space)
    x = np.array([0.5, -1.5, 2.0])
    np.testing.assert_allclose(space["loss_grad"](x), 4.0 * x)
    assert '@np.errstate(divide="ignore")' in made.text


def test_recursion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Functions that call themselves are kept, once each, under names that no other has."""
    text = """
import math

import numpy as np

RATE = 0.5


def power(x, n):
    if n == 0:
        return 1.0
    return x * power(x, n - 1) * RATE


def loss(x):
    return math.sin(power(x, 3)) + power(x * 2.0, 2)


def tree(w, depth):
    if depth == 0:
        return np.sum(w * w)
    return tree(np.tanh(w), depth - 1) + tree(w * 0.5, depth - 1)
"""
    (tmp_path / "model.py").write_text(text)
    monkeypatch.chdir(tmp_path)
    made = transpile(Path("model.py"), Options(), "test")
    assert not made.refused
    names = re.findall(r"^def (\w+)", made.text, re.M)
    assert len(names) == len(set(names))
    space: dict[str, Any] = {}
    exec(made.text, space)
    primal: dict[str, Any] = {}
    exec(text, primal)
    h = 1e-6
    for name, rest in (("power", (3,)), ("loss", ())):
        f = primal[name]
        want = (f(0.7 + h, *rest) - f(0.7 - h, *rest)) / (2 * h)
        assert space[f"{name}_grad"](0.7, *rest) == pytest.approx(want, rel=1e-7)
        assert space[f"{name}_value_and_grad"](0.7, *rest)[0] == f(0.7, *rest)
    w, u = R(3), R(3)
    want = (primal["tree"](w + h * u, 3) - primal["tree"](w - h * u, 3)) / (2 * h)
    assert float(u @ space["tree_grad"](w, 3)) == pytest.approx(want, rel=1e-7)
