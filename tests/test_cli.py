"""The command line: what it writes, what it says, and its exit codes."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from s2sgrad import cli, grad
from s2sgrad.commands.graph import render
from s2sgrad.emit.load import load

MODEL = '''\
"""A model."""

raise_if_run = 1 / 0  # the canary: a file that is run ends here

import numpy as np
from s2sgrad import grad, value_and_grad

RATE = 0.5
LAYERS = (np.tanh, lambda z: z * RATE)


@value_and_grad(wrt=("w", "b"))
def loss(w, b, X, y, reg=RATE):
    h = LAYERS[1](LAYERS[0](X @ w + b))
    return np.mean((h - y) ** 2) + reg * np.sum(w * w)


@grad
def cube(x: float):
    return x**3


def plain(x, n: int):
    s = 0.0
    for _ in range(n):
        s += x * x
    return s


def says(x):
    print(x)
'''
BAD = MODEL + "\n\ndef bad(x):\n    return missing(x)\n\n\ndef worse(x):\n    return eval('x')\n"
Out = Callable[[], tuple[str, str]]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.py").write_text(MODEL)
    (tmp_path / "bad.py").write_text(BAD)
    return tmp_path


@pytest.fixture
def out(capsys: pytest.CaptureFixture[str]) -> Out:
    def read() -> tuple[str, str]:
        captured = capsys.readouterr()
        return captured.out, captured.err

    return read


def space_of(text: str) -> dict[str, object]:
    space: dict[str, object] = {}
    exec(text, space)
    return space


def differences(f: Callable[..., float], args: list[object], k: int, u: object) -> float:
    h = 1e-6
    up, down = list(args), list(args)
    up[k], down[k] = args[k] + h * u, args[k] - h * u  # type: ignore[operator]
    return (f(*up) - f(*down)) / (2 * h)


def loss(w: Any, b: Any, X: Any, y: Any, reg: Any = 0.5) -> Any:
    """The primal of MODEL, written again: the file itself cannot be run."""
    return np.mean((np.tanh(X @ w + b) * 0.5 - y) ** 2) + reg * np.sum(w * w)


def test_transpile(folder: Path, out: Out) -> None:
    assert cli.main(["transpile", "model.py", "-o", "model_grad.py"]) == 0
    text = (folder / "model_grad.py").read_text()
    head = text.splitlines()
    assert head[0].startswith("# Written by s2sgrad ")
    assert head[1] == "#   s2sgrad transpile model.py"
    assert head[2].startswith("# input: sha256:")
    space = space_of(text)
    made = [n for n in space if n.endswith("grad") and not n.startswith("_")]
    # Decorated functions have what their decorators say, others both.
    assert made == ["loss_value_and_grad", "cube_grad", "plain_grad", "plain_value_and_grad"]
    rng = np.random.default_rng(1)
    args: list[object] = [
        rng.standard_normal(3), 0.3, rng.standard_normal((5, 3)), rng.standard_normal(5), 0.2
    ]  # fmt: skip
    value, (w_bar, b_bar) = space["loss_value_and_grad"](*args)  # type: ignore[operator]
    assert value == pytest.approx(loss(*args), rel=1e-12)
    u = rng.standard_normal(3)
    assert np.sum(u * w_bar) == pytest.approx(differences(loss, args, 0, u), rel=1e-7)
    assert b_bar == pytest.approx(differences(loss, args, 1, 1.0), rel=1e-7)
    assert space["cube_grad"](2.0) == 12.0  # type: ignore[operator]
    assert space["plain_grad"](2.0, 3) == 12.0  # type: ignore[operator]
    # Defaults are the user's.
    value, _ = space["loss_value_and_grad"](*args[:4])  # type: ignore[operator]
    assert value == pytest.approx(loss(*args[:4]), rel=1e-12)


def test_it_is_deterministic(folder: Path) -> None:
    texts = set()
    for seed in ("0", "1"):
        done = subprocess.run(
            [sys.executable, "-m", "s2sgrad", "transpile", "model.py"],
            capture_output=True,
            check=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parents[1])},
        )
        texts.add(done.stdout)
    assert len(texts) == 1


def test_functions_wrt_and_what(folder: Path, out: Out) -> None:
    args = ["transpile", "model.py", "-f", "loss", "plain", "--wrt", "x"]
    assert cli.main([*args, "--what", "grad,vjp"]) == 1
    assert "`loss` has no parameter `x`" in out()[1]
    assert cli.main(["transpile", "model.py", "-f", "plain", "--what", "vjp"]) == 0
    run = space_of(out()[0])["plain_vjp"]
    assert run(3.0, 2, out_bar=10.0) == (18.0, 120.0)  # type: ignore[operator]
    assert cli.main(["transpile", "model.py", "-f", "loss", "--wrt", "w,X", "--what", "grad"]) == 0
    assert "return g + g + _matmul_vjp_b(t_bar, X, w), _matmul_vjp_a(t_bar, X, w)" in out()[0]
    assert cli.main(["transpile", "model.py", "-f", "plain", "--what", "pullback"]) == 1
    assert "--what pullback" in out()[1]


def test_types_specialise(folder: Path, out: Out) -> None:
    types = "loss(w: Float[d], b: float, X: Float[n d], y: Float[n], reg: float)"
    assert cli.main(["transpile", "model.py", "-f", "loss", "--types", types]) == 0
    text, _ = out()
    assert "_vjp" not in text
    rng = np.random.default_rng(1)
    args: list[object] = [
        rng.standard_normal(3), 0.3, rng.standard_normal((5, 3)), rng.standard_normal(5), 0.2
    ]  # fmt: skip
    _, (w_bar, _) = space_of(text)["loss_value_and_grad"](*args)  # type: ignore[operator]
    u = rng.standard_normal(3)
    assert np.sum(u * w_bar) == pytest.approx(differences(loss, args, 0, u), rel=1e-7)


def test_refusals_are_listed_together(folder: Path, out: Out) -> None:
    assert cli.main(["transpile", "bad.py", "-o", "out.py"]) == 1
    _, err = out()
    line = BAD.splitlines().index("    return missing(x)") + 1
    assert f"bad.py:{line}:12" in err
    assert "`missing` is not defined" in err
    assert "`eval` finds names at run time" in err
    assert "not differentiated: bad, worse" in err
    assert "[3] plain" in err  # progress
    assert not (folder / "out.py").exists()
    assert cli.main(["transpile", "bad.py", "-o", "out.py", "--keep-going", "-q"]) == 0
    assert "[3]" not in out()[1]
    assert "cube_grad" in space_of((folder / "out.py").read_text())


def test_check_says_what_is_stale(folder: Path, out: Out) -> None:
    args = ["transpile", "model.py", "-o", "model_grad.py"]
    assert cli.main([*args, "--check"]) == 1  # it is not there
    assert not (folder / "model_grad.py").exists()
    assert cli.main(args) == 0
    assert cli.main([*args, "--check"]) == 0
    (folder / "model.py").write_text(MODEL.replace("0.5", "0.25"))
    assert cli.main([*args, "--check"]) == 1
    assert "model_grad.py is stale" in out()[1]
    assert cli.main(["transpile", "model.py", "--check"]) == 1


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_append_keeps_the_text(folder: Path, out: Out, newline: str) -> None:
    own = MODEL.rstrip("\n").replace("\n", newline).encode() + b"  # \xc3\xa4 no end of line"
    file = folder / "model.py"
    file.write_bytes(own)
    assert cli.main(["transpile", "model.py", "--append"]) == 0
    first = file.read_bytes()
    assert first.startswith(own)
    assert b"RATE = 0.5" in own
    assert first.count(b"RATE = 0.5") == 1  # it is there already
    assert first.replace(b"\r\n", b"").count(b"\n") == (
        0 if newline == "\r\n" else first.count(b"\n")
    )
    assert cli.main(["transpile", "model.py", "--append"]) == 0
    assert file.read_bytes() == first
    assert cli.main(["transpile", "model.py", "--append", "--check"]) == 0
    runs = first.decode().replace("\r\n", "\n").replace("raise_if_run = 1 / 0", "")
    space = space_of(runs)
    assert space["cube_grad"](2.0) == 12.0  # type: ignore[operator]
    x, y = np.ones((2, 3)), np.zeros(2)
    value, _ = space["loss_value_and_grad"](np.ones(3), 0.0, x, y)  # type: ignore[operator]
    assert value == pytest.approx(loss(np.ones(3), 0.0, x, y))


def test_append_refuses_what_would_clash(folder: Path, out: Out) -> None:
    (folder / "clash.py").write_text(
        "def f(x):\n    return x * x\n\n\ndef f_grad(x):\n    return x\n"
    )
    assert cli.main(["transpile", "clash.py", "-f", "f", "--append"]) == 1
    assert "binds `f_grad` itself" in out()[1]
    (folder / "np.py").write_text("np = 3.0\n\n\ndef f(x):\n    return x * x\n")
    assert cli.main(["transpile", "np.py", "--append"]) == 1
    assert "`np` is not numpy" in out()[1]


def test_show(folder: Path, out: Out) -> None:
    assert cli.main(["show", "model.py::cube"]) == 0
    text, _ = out()
    assert text.splitlines()[:4] == ["import numpy as np", "", "", "def cube_value_and_grad(x):"]
    value, slope = space_of(text)["cube_value_and_grad"](3.0)  # type: ignore[operator]
    assert (value, slope) == (27.0, 27.0)
    assert cli.main(["show", "model.py"]) == 1
    assert "expected FILE::NAME" in out()[1]
    assert cli.main(["show", "bad.py::bad"]) == 1
    assert "`missing` is not defined" in out()[1]


def test_graph(folder: Path, out: Out, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cli.main(["graph", "model.py::plain"]) == 0
    text, _ = out()
    assert text.startswith('digraph "plain" {')
    assert text.count("{") == text.count("}")
    assert 'label="for _ in range(n)"' in text
    assert '"x" -> "t" [label="x + x"]' in text  # the partials of x * x
    assert cli.main(["graph", "model.py::plain", "-o", "x.dot"]) == 0
    assert (folder / "x.dot").read_text() == text
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert cli.main(["graph", "model.py::plain", "-o", "x.svg"]) == 0  # drawn without Graphviz
    assert (folder / "x.svg").read_text().startswith("<svg ")
    assert cli.main(["graph", "model.py::plain", "-o", "x.pdf"]) == 1
    assert "needs Graphviz" in out()[1]
    assert not (folder / "x.pdf").exists()


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
def test_graphviz_reads_the_graph(folder: Path, out: Out) -> None:
    for name in ("loss", "plain", "cube"):
        assert cli.main(["graph", f"model.py::{name}", "-o", "x.svg"]) == 0
        assert "<svg" in (folder / "x.svg").read_text()


def test_graphviz_is_called_with_the_text(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = folder / "dot"
    fake.write_text('#!/bin/sh\nwhile [ "$1" != -o ]; do shift; done\ncat > "$2"\n')
    fake.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda name: str(fake))
    graph = grad(lambda x: x * x).lower(1.0).graph
    render(graph, folder / "x.svg")
    assert (folder / "x.svg").read_text() == str(graph)


def test_explain(folder: Path, out: Out) -> None:
    assert cli.main(["explain", "model.py::plain"]) == 0
    lines = out()[0].splitlines()
    assert lines[0] == "plain_value_and_grad"
    row = next(line for line in lines if "multiplications" in line)
    assert row.split()[-2:] != row.split()[:2]
    assert "  copies inserted: 0" in lines
    assert cli.main(["explain", "model.py::loss"]) == 0
    assert "asked at run time, for want of types: _matmul_vjp_b" in out()[0]


RUNS = """\
import math
import numpy as np
print("I run")
WRONG = []


def walk(x, y):
    s = 0.0
    while x < 10.0:
        x = x * 1.5 + 0.1
        s = s + math.sin(x) * y
    return s * x


def norm(w: "Float[n]", A: "Float[m n]"):
    return np.sum(np.tanh(A @ w) ** 2)


def loose(w, k):
    return np.sum(w * w) * k
"""


def test_check_runs_the_file_and_says_so(folder: Path, out: Out) -> None:
    (folder / "runs.py").write_text(RUNS)
    assert cli.main(["check", "runs.py::walk", "--wrt", "x,y"]) == 0
    text, err = out()
    assert "I run" in text
    assert "running runs.py, to call `walk`" in err
    assert "they agree" in text
    assert cli.main(["check", "runs.py::norm", "--wrt", "A,w"]) == 0
    assert cli.main(["check", "runs.py::loose"]) == 1
    assert "give --args" in out()[1]
    assert cli.main(["check", "runs.py::loose", "--args", "np.ones(3), 2.0"]) == 0


def test_check_finds_a_wrong_gradient(
    folder: Path, out: Out, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "runs2.py").write_text(RUNS)
    wrong = lambda text, name: load(text.replace("cos", "sin"), name)  # noqa: E731
    monkeypatch.setattr("s2sgrad.commands.check.load", wrong)
    assert cli.main(["check", "runs2.py::walk"]) == 1
    assert "THEY DIFFER" in out()[0]


def test_help_and_wrong_usage(out: Out) -> None:
    for args in (["--help"], ["transpile", "--help"], ["--version"]):
        with pytest.raises(SystemExit) as e:
            cli.main(args)
        assert e.value.code == 0
    assert "transpile" in out()[0]
    for args in ([], ["nothing"], ["transpile"]):
        with pytest.raises(SystemExit) as e:
            cli.main(args)
        assert e.value.code == 2
    assert cli.main(["transpile", "not-there.py"]) == 2
    assert "not-there.py: No such file" in out()[1]


def test_coverage(out: Out) -> None:
    assert cli.main(["coverage"]) == 0
    lines = out()[0].splitlines()
    assert [x.split(":")[0] for x in lines[:4]] == ["numpy", "numpy.linalg", "numpy.fft", "math"]
    assert cli.main(["coverage", "numpy.linalg"]) == 0
    text = out()[0]
    assert "both modes: " in text
    assert "solve" in text
    assert cli.main(["coverage", "math", "--missing"]) == 0
    assert "sin" not in out()[0].split("none: ")[1].split("\n")[0].split(", ")
    assert cli.main(["coverage", "numpy.nowhere"]) == 1
    assert "there is no module" in out()[1]


@pytest.mark.parametrize("name", ["transpile", "show", "graph", "explain", "check", "coverage"])
def test_help_has_an_example(name: str, out: Out) -> None:
    with pytest.raises(SystemExit) as e:
        cli.main([name, "--help"])
    assert e.value.code == 0
    assert f"Example: s2sgrad {name} " in out()[0]
