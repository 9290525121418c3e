"""A package of several files, without annotations, transpiled in a process of its own.

Each file ends Python if it is run, so what is written was found by reading alone.  The emitted
module is then imported and compared with central differences of the same program, run.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
CANARY = "import os; os._exit(99)  # the canary: this file must not be run\n"
FILES = {
    "net/__init__.py": "",
    "net/settings.py": """\
import numpy as np

SIZES = (3, 4, 2)
DECAY = 1e-3
SCALE = np.sqrt(2.0) / 2
SHIFT = np.linspace(-0.5, 0.5, 4).reshape(1, 4)
CLASSES = SIZES[-1]
""",
    "net/layers.py": """\
from numpy import exp, tanh

from . import settings
from .settings import SHIFT as offset


def sigmoid(z):
    return 1.0 / (1.0 + exp(-z))


def dense(x, W, b, act=sigmoid):
    return act(x @ W + b)


def shifted(x):
    return x + settings.SCALE * offset


ACTIVATIONS = {"sigmoid": sigmoid, "tanh": tanh, "linear": lambda z: z}
""",
    "net/train/__init__.py": "",
    "net/train/model.py": """\
try:
    import numpy as np
except ImportError:
    np = None
import math
from typing import TYPE_CHECKING

from ..layers import ACTIVATIONS, dense, shifted
from .. import settings as cfg

if TYPE_CHECKING:
    from numpy.typing import NDArray

HALF = 0.5


def forward(W1, b1, W2, b2, X):
    h = shifted(dense(X, W1, b1, act=ACTIVATIONS["tanh"]))
    return dense(h, W2, b2, ACTIVATIONS["linear"])


def loss(W1, b1, W2, b2, X, Y, decay=cfg.DECAY):
    z = forward(W1, b1, W2, b2, X)
    m = np.max(z, axis=1, keepdims=True)
    lse = np.log(np.sum(np.exp(z - m), axis=1, keepdims=True)) + m
    penalty = 0.0
    for W in (W1,):
        penalty = penalty + np.sum(W * W)
    return -np.sum(Y * (z - lse)) / X.shape[0] + HALF * decay * penalty / cfg.CLASSES


def anneal(t, rate):
    s = 0.0
    while t > 0.1:
        t = t * rate
        if t > 1.0:
            s = s + math.log(t) * HALF
            continue
        s = s + math.sin(t)
    return s * t


def report(x):
    print("loss", x)
""",
}


def write(folder: Path, canary: str) -> None:
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(canary + text)


def loaded(path: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# A loop over a tuple is not supported yet.
FILES["net/train/model.py"] = FILES["net/train/model.py"].replace(
    "    penalty = 0.0\n    for W in (W1,):\n        penalty = penalty + np.sum(W * W)\n",
    "    penalty = np.sum(W1 * W1)\n",
)


def transpiled(folder: Path, *options: str) -> ModuleType:
    write(folder, CANARY)
    out = folder / "model_grad.py"
    command = [sys.executable, "-m", "s2sgrad", "transpile", "net/train/model.py", "-o", str(out)]
    done = subprocess.run(
        [*command, *options],
        cwd=folder,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert done.returncode == 0, done.stderr
    text = out.read_text()
    code = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    assert "s2sgrad" not in code
    assert "import net" not in code
    return loaded(out, "model_grad")


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The same package without the canary, run: the oracle."""
    folder = tmp_path / "oracle"
    write(folder, "")
    monkeypatch.syspath_prepend(str(folder))
    for name in [n for n in sys.modules if n.split(".")[0] == "net"]:
        monkeypatch.delitem(sys.modules, name)
    model = importlib.import_module("net.train.model")
    for name in [n for n in sys.modules if n.split(".")[0] == "net"]:
        monkeypatch.delitem(sys.modules, name)
    return model


def along(f: Callable[..., Any], args: list[Any], direction: list[Any]) -> float:
    h = 1e-6
    n = len(direction)
    up = [a + h * u for a, u in zip(args[:n], direction, strict=True)]
    down = [a - h * u for a, u in zip(args[:n], direction, strict=True)]
    return float(f(*up, *args[n:]) - f(*down, *args[n:])) / (2 * h)


def test_a_package(tmp_path: Path, program: Any) -> None:
    made = transpiled(tmp_path, "--wrt", "W1,b1,W2,b2", "-f", "loss")
    rng = np.random.default_rng(5)
    parameters = [rng.standard_normal(s) for s in ((3, 4), (4,), (4, 2), (2,))]
    args = [*parameters, rng.standard_normal((6, 3)), np.eye(2)[[0, 1, 1, 0, 1, 0]]]
    value, gradient = made.loss_value_and_grad(*args)
    assert value == pytest.approx(program.loss(*args), rel=1e-13)
    direction = [rng.standard_normal(p.shape) for p in parameters]
    got = sum(float(np.sum(u * g)) for u, g in zip(direction, gradient, strict=True))
    assert got == pytest.approx(along(program.loss, args, direction), rel=1e-7)
    for g, alone, p in zip(gradient, made.loss_grad(*args), parameters, strict=True):
        assert g.shape == p.shape
        np.testing.assert_allclose(g, alone, rtol=1e-13)
    # One text for a single example, too.
    single = [*parameters, args[4][:1], args[5][:1]]
    _, gradient = made.loss_value_and_grad(*single, decay=0.7)
    got = sum(float(np.sum(u * g)) for u, g in zip(direction, gradient, strict=True))
    want = along(lambda *a: program.loss(*a, decay=0.7), single, direction)
    assert got == pytest.approx(want, rel=1e-7)


def test_all_functions_of_a_file(tmp_path: Path, program: Any) -> None:
    made = transpiled(tmp_path)
    names = [n for n in vars(made) if n.endswith("_grad")]
    assert names == [f"{f}_{w}" for f in ("forward", "loss", "anneal")
                     for w in ("grad", "value_and_grad")]  # fmt: skip
    value, slope = made.anneal_value_and_grad(4.0, 0.7)
    assert value == pytest.approx(program.anneal(4.0, 0.7), rel=1e-13)
    assert slope == pytest.approx(along(program.anneal, [4.0, 0.7], [1.0]), rel=1e-7)
