"""`--what jvp,hvp,jacobian,hessian`: what is written for files that are not run."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from s2sgrad import cli, hessian, jacobian

TEXT = """
import numpy as np

SCALE = np.array([1.0, 2.0, 3.0])


def loss(w, x, n=2):
    for _ in range(n):
        w = np.tanh(w * x)
    return np.sum(SCALE * w * x)


def dense(x, A):
    return np.tanh(A @ x)


def pair(x: float, y: float):
    return x * y, {"s": x * x}


def typed(p):
    return np.sum(p["w"] ** 2) * p["b"]
"""
TYPES = "typed(p: {w: Float[n], b: float})"
R = np.random.default_rng(8).standard_normal


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.chdir(tmp_path)
    Path("model.py").write_text(TEXT)
    space: dict[str, Any] = {}
    for whats, names in (("jvp,jacobian", []), ("hvp,hessian", ["-f", "loss", "typed"])):
        code = ["transpile", "model.py", *names, "--what", whats, "-o", "out.py", "--types", TYPES]
        assert cli.main(code) == 0
        text = Path("out.py").read_text()
        assert not [x for x in text.splitlines() if "import" in x and "s2sgrad" in x]
        exec(text, space)
    exec(TEXT, space)
    return space


def derivative(f: Any, x: Any, u: Any, h: float = 1e-6) -> Any:
    return (f(x + h * u) - f(x - h * u)) / (2 * h)


def test_jvp(module: dict[str, Any]) -> None:
    w, x, u = R(3), R(3), R(3)
    value, dot = module["loss_jvp"](w, x, tangents=u)
    assert value == pytest.approx(module["loss"](w, x))
    assert dot == pytest.approx(derivative(lambda w: module["loss"](w, x), w, u), rel=1e-6)
    value, dot = module["loss_jvp"](0.3, x, 3, tangents=2.0)
    assert dot == pytest.approx(derivative(lambda w: module["loss"](w, x, 3), 0.3, 2.0), rel=1e-6)
    with pytest.raises(TypeError, match="structured like"):
        module["loss_jvp"](w, x, tangents=1.0)


def test_hvp_and_hessian(module: dict[str, Any]) -> None:
    w, x, u = R(3), R(3), R(3)
    got = module["loss_hvp"](w, x, vector=u)
    h = module["loss_hessian"](w, x)
    np.testing.assert_allclose(h @ u, got, rtol=1e-10)
    second = derivative(
        lambda w: derivative(lambda w: module["loss"](w, x), w, u, 1e-4), w, u, 1e-4
    )
    assert u @ got == pytest.approx(second, rel=1e-5)
    number = module["loss_hessian"](0.4, x)
    assert np.ndim(number) == 0
    assert type(number) is np.float64
    with pytest.raises(TypeError, match="structured like"):
        module["loss_hvp"](w, x, vector=R(2))
    p: dict[str, Any] = {"w": R(3), "b": 0.5}
    both = module["typed_hessian"](p)
    np.testing.assert_allclose(both["w"]["w"], 2 * p["b"] * np.eye(3))
    np.testing.assert_allclose(both["b"]["w"], 2 * p["w"])
    assert both["b"]["b"] == 0.0


def test_jacobian(module: dict[str, Any]) -> None:
    x, A = R(3), R((2, 3))
    got = module["dense_jacobian"](x, A)
    for k, e in enumerate(np.eye(3)):
        want = derivative(lambda x: module["dense"](x, A), x, e)
        np.testing.assert_allclose(got[:, k], want, rtol=1e-6, atol=1e-9)
    first, second = module["pair_jacobian"](3.0, 2.0)
    assert (first, second) == (2.0, {"s": 6.0})
    got = module["loss_jacobian"](x, R(3) * 0 + 1.0)
    assert got.shape == (3,)
    assert got.flags.owndata
    assert math.isfinite(module["loss_jacobian"](0.5, x))


def test_before_any_call_the_generic_form_is_shown() -> None:
    def f(x, y):  # type: ignore[no-untyped-def]
        return np.sin(x) * y

    for transform in (jacobian, hessian):
        d = transform(f)
        assert f"def f_{transform.__name__}(x, y):" in d.source
        assert "Assumed, and checked" in d.source


def test_what_cannot_be_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "m.py"
    file.write_text(TEXT)
    assert cli.main(["show", f"{file}::pair", "--what", "hessian"]) == 1
    assert "returns several results" in capsys.readouterr().err
    assert cli.main(["show", f"{file}::dense", "--what", "jacobien"]) == 1
    assert "there are grad, value_and_grad" in capsys.readouterr().err


def test_decorators_say_what_is_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "m.py"
    file.write_text(
        "import numpy as np\nfrom s2sgrad import hessian, jvp\n\n\n"
        "@hessian(wrt='y')\ndef f(x, y):\n    return np.sum(x * y * y)\n\n\n"
        "@jvp\ndef g(x):\n    return x * x\n"
    )
    assert cli.main(["transpile", str(file)]) == 0
    space: dict[str, Any] = {}
    exec(capsys.readouterr().out, space)
    np.testing.assert_array_equal(space["f_hessian"](np.ones(2), np.ones(2)), 2 * np.eye(2))
    assert space["g_jvp"](3.0, tangents=1.0) == (9.0, 6.0)
