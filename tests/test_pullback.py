"""`pullback`: the function runs once, `back` as often as asked, whatever the caller writes to."""

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

from s2sgrad import pullback, tree

R = np.random.default_rng(11).standard_normal
SCALE = np.array([1.0, 2.0, 0.5])


def taped(x, A, n):
    for _ in range(n):
        x = np.tanh(A @ x)
    return x


def writes(x):
    x[0] = x[1] * x[2]
    for i in range(1, len(x)):
        x[i] = x[i] * x[i - 1]
    return x


def several(x, y):
    return x, {"a": y * x, "b": np.sum(x) * y}


def returns_what_is_saved(x):
    return np.exp(x)


def container(p, x):
    return p["w"] * x + p["b"], np.sum(p["w"])


def recursive(x, n):
    if n == 0:
        return x
    t = np.sin(x)
    for _ in range(3):
        t = t * np.cos(t)
    return recursive(t * x, n - 1)


def lists(x):
    out = []
    h = x
    for _ in range(4):
        out.append(h)
        h = np.sin(h) * x
    return sum(out)


def outside(x):
    return SCALE * x * x


def branches(x):
    s = x
    for k in range(3):
        if s[0] > 0.0:
            s = s * x
        elif k == 1:
            s = s + np.cos(s)
        else:
            s = -s
    return s


@dataclasses.dataclass
class Layer:
    w: Any
    b: Any


def layer(p):
    return np.tanh(p.w) * p.b


CASES: list[tuple[Callable[..., Any], tuple[Any, ...], Any]] = [
    (taped, (R(3), R((3, 3)), 3), (0, 1)),
    (taped, (R(3), np.asfortranarray(R((3, 3))), 3), (0, 1)),
    (writes, (R(4),), 0),
    (several, (R(3), 2.0), (0, 1)),
    (returns_what_is_saved, (R(3),), 0),
    (container, ({"w": R(3), "b": 1.0}, R(3)), (0, 1)),
    (recursive, (R(3), 3), 0),
    (lists, (R(3),), 0),
    (outside, (R(3),), 0),
    (branches, (R(3),), 0),
    (layer, (Layer(R(3), R(3)),), 0),
    (taped, (R(3).astype("f"), R((3, 3)).astype("f"), 2), (0, 1)),
]


def spoil(x: Any) -> None:
    """Write to every array that the caller has."""
    for leaf in tree.leaves(x):
        if isinstance(leaf, np.ndarray):
            leaf[...] = np.nan


def weighted(value: Any, weights: Any) -> float:
    pairs = zip(tree.leaves(value), tree.leaves(weights), strict=True)
    return float(sum(np.sum(v * w) for v, w in pairs))


@pytest.mark.parametrize(("f", "args", "wrt"), CASES)
def test_against_differences(f: Any, args: Any, wrt: Any) -> None:
    args, own = copy.deepcopy(args), copy.deepcopy(args)
    value, back = pullback(f, wrt)(*args)
    np.testing.assert_equal(tree.leaves(args), tree.leaves(own))
    spoil(args)
    want = f(*copy.deepcopy(own))
    single = any(getattr(x, "dtype", None) == np.float32 for x in tree.leaves(own))
    for a, b in zip(tree.leaves(value), tree.leaves(want), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6 if single else 1e-12)
    spoil(value)
    own = tree.map(lambda x: np.asarray(x, "d")[()] if np.ndim(x) else float(x), own)
    which = wrt if isinstance(wrt, tuple) else (wrt,)
    for _ in range(3):
        weights = tree.map(lambda v: R(np.shape(v)) if np.ndim(v) else float(R()), want)
        bars = back(weights)
        direction = {k: tree.map(lambda v: R(np.shape(v))[()], own[k]) for k in which}

        def along(t: float, u: Any = direction, w: Any = weights) -> float:
            moved = [
                tree.map(lambda a, d: a + t * d, x, u[k]) if k in u else copy.deepcopy(x)
                for k, x in enumerate(own)
            ]
            return weighted(f(*moved), w)

        h = 1e-6
        difference = (along(h) - along(-h)) / (2 * h)
        parts = bars if isinstance(wrt, tuple) else (bars,)
        got = sum(weighted(g, direction[k]) for g, k in zip(parts, which, strict=True))
        assert got == pytest.approx(difference, rel=1e-3 if single else 1e-5, abs=1e-6)
        for leaf, x in zip(tree.leaves(parts), tree.leaves([args[k] for k in which]), strict=True):
            assert np.asarray(leaf).dtype == np.asarray(x).dtype
        spoil(bars)


def test_effects_happen_once(capsys: pytest.CaptureFixture[str]) -> None:
    def loud(x):
        print("here")
        return x * x

    _, back = pullback(loud)(3.0)
    assert back(1.0) == back(1.0) == 6.0
    assert capsys.readouterr().out == "here\n"


def test_a_global_that_changes_later_does_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    constant = np.array([1.0, 2.0, 3.0])
    monkeypatch.setitem(globals(), "SCALE", constant)
    x = np.array([1.0, 1.0, 2.0])
    _, back = pullback(outside)(x)
    constant[:] = 100.0
    np.testing.assert_allclose(back(np.ones(3)), 2 * np.array([1.0, 2.0, 3.0]) * x)


def test_seeds_are_checked() -> None:
    _, back = pullback(several, (0, 1))(np.ones(3), 2.0)
    for wrong in (np.ones(3), (np.ones(3), {"a": np.ones(3)}), (np.ones(2), {"a": None, "b": 1.0})):
        with pytest.raises(TypeError, match="out_bar"):
            back(wrong)
    x_bar, y_bar = back((None, {"a": None, "b": 1.0}))
    np.testing.assert_allclose(x_bar, 2.0 * np.ones(3))
    assert y_bar == pytest.approx(3.0)
    x_bar, y_bar = back(None)
    np.testing.assert_array_equal(x_bar, np.zeros(3))
    assert y_bar == 0.0
    _, back = pullback(taped)(np.ones(2), np.eye(2), 1)
    with pytest.raises(TypeError, match="complex"):
        back(1j * np.ones(2))


def test_aux() -> None:
    def f(x):
        return x * x, {"twice": 2.0 * x}

    (value, aux), back = pullback(f, has_aux=True)(3.0)
    assert (value, aux) == (9.0, {"twice": 6.0})
    assert back(2.0) == 12.0


def test_it_is_an_object_like_the_others() -> None:
    d = pullback(returns_what_is_saved)
    assert d.__name__ == "returns_what_is_saved"
    d(np.ones(2))
    assert "def returns_what_is_saved_fwd(x):" in d.source
    assert "def returns_what_is_saved_bwd(saved, out_bar):" in d.source
    again = pickle.loads(pickle.dumps(d))
    value, back = again(np.zeros(2))
    np.testing.assert_array_equal(back(np.ones(2)), value)

    class Model:
        w = 3.0

        @pullback(wrt="x")
        def run(self, x):
            return self.w * x

    assert Model().run(2.0)[1](1.0) == 3.0
