"""The examples do what they say: derivatives against independent ones, and training that works."""

from __future__ import annotations

import importlib
import math
import os
import random
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from s2sgrad import tree, value_and_grad
from s2sgrad.testing import check_grad

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """Imports a module of the examples, as Python does when it is run from its folder."""

    def module(name: str) -> Any:
        folder, _, plain = name.rpartition("/")
        monkeypatch.syspath_prepend(str(EXAMPLES / folder))
        for path in (EXAMPLES / folder).glob("*.py"):
            monkeypatch.delitem(sys.modules, path.stem, raising=False)
        return importlib.import_module(plain)

    return module


def environment() -> dict[str, str]:
    """One thread: NumPy's threads fight for the cores of a test run; and this s2sgrad."""
    one = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"), "1")
    return {**os.environ, **one, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}


def run(script: str) -> str:
    """What an example prints."""
    command = [sys.executable, str(EXAMPLES / script)]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


# -- handwritten digits


def test_digits_are_learned() -> None:
    """Both ways of training reach 97 % on pictures that they have not seen, in under a minute."""
    said = run("digits/train.py")
    found = re.findall(r"(minimize|SGD): .*?, ([\d.]+) s, ([\d.]+)% right", said)
    assert [name for name, *_ in found] == ["minimize", "SGD"]
    for _, seconds, right in found:
        assert float(right) >= 97.0, said
        assert float(seconds) < 60.0, said


def digits_arguments(m: int = 40, n: int = 12, hidden: int = 7, k: int = 5) -> tuple[Any, ...]:
    rng = np.random.default_rng(0)
    theta = 0.5 * rng.standard_normal(hidden * (n + 1) + k * (hidden + 1))
    return theta, rng.standard_normal((m, n)), np.eye(k)[rng.integers(0, k, m)], hidden, 0.7


def test_digits_by_hand(load: Callable[[str], Any]) -> None:
    """The gradient that was written is the one that a course derives."""
    written, by_hand = load("digits/network_grad"), load("digits/by_hand")
    args = digits_arguments()
    value, gradient = written.cost_value_and_grad(*args)
    wanted, by_course = by_hand.cost_and_gradient(*args)
    assert value == pytest.approx(wanted, rel=1e-14)
    np.testing.assert_allclose(gradient, by_course, rtol=1e-10, atol=1e-12)


def test_digits_of_one_picture(load: Callable[[str], Any]) -> None:
    """The written module does not depend on the sizes that it was made for."""
    written, by_hand = load("digits/network_grad"), load("digits/by_hand")
    for sizes in ((1, 3, 2, 2), (5, 1, 1, 1), (1, 1, 1, 1)):
        args = digits_arguments(*sizes)
        _, gradient = written.cost_value_and_grad(*args)
        _, by_course = by_hand.cost_and_gradient(*args)
        np.testing.assert_allclose(gradient, by_course, rtol=1e-10, atol=1e-12)


def test_digits_module_is_what_its_command_writes() -> None:
    """The command stands in the header; run again it writes the same bytes."""
    folder = EXAMPLES / "digits"
    header = (folder / "network_grad.py").read_text(encoding="utf-8").splitlines()[1]
    _, *command = shlex.split(header.removeprefix("#"))
    done = subprocess.run(
        [sys.executable, "-m", "s2sgrad", *command, "-o", "network_grad.py", "--check"],
        cwd=folder, env=environment(), capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_digits_module_stands_alone() -> None:
    text = (EXAMPLES / "digits" / "network_grad.py").read_text(encoding="utf-8")
    assert re.findall(r"^(?:import|from) .*", text, re.MULTILINE) == ["import numpy as np"]


def test_digits_with_a_dict(load: Callable[[str], Any]) -> None:
    network = load("digits/network")
    R = np.random.default_rng(1).standard_normal
    p = {"W1": R((6, 4)), "b1": R(4), "W2": R((4, 3)), "b2": R(3)}
    check_grad(network.loss, p, R((9, 6)), np.eye(3)[np.arange(9) % 3], 0.1)


# -- micrograd


class Value:
    """A number that remembers how it came about: reverse mode at run time, in the least space."""

    def __init__(self, data: float, made_of: tuple[tuple[Value, float], ...] = ()) -> None:
        self.data, self.made_of, self.grad = data, made_of, 0.0

    def __add__(self, other: Any) -> Value:
        o = other if isinstance(other, Value) else Value(other)
        return Value(self.data + o.data, ((self, 1.0), (o, 1.0)))

    def __mul__(self, other: Any) -> Value:
        o = other if isinstance(other, Value) else Value(other)
        return Value(self.data * o.data, ((self, o.data), (o, self.data)))

    def __rsub__(self, other: float) -> Value:
        return Value(other - self.data, ((self, -1.0),))

    def __truediv__(self, other: float) -> Value:
        return Value(self.data / other, ((self, 1.0 / other),))

    def __gt__(self, other: float) -> bool:
        return self.data > other

    __radd__, __rmul__ = __add__, __mul__

    def backward(self) -> None:
        """Each node after all that it went into."""
        order: list[Value] = []
        seen: set[Value] = set()
        stack: list[tuple[Value, bool]] = [(self, False)]
        while stack:
            node, done = stack.pop()
            if done:
                order.append(node)
            elif node not in seen:
                seen.add(node)
                stack.append((node, True))
                stack.extend((parent, False) for parent, _ in node.made_of)
        self.grad = 1.0
        for node in reversed(order):
            for parent, partial in node.made_of:
                parent.grad += partial * node.grad


@pytest.mark.parametrize("sizes", [(2, 4, 1), (2, 16, 16, 1)])
def test_micrograd_by_a_tape(load: Callable[[str], Any], sizes: tuple[int, ...]) -> None:
    """The same program, run on objects that record, and compiled."""
    nn, demo = load("micrograd/nn"), load("micrograd/demo")
    xs, ys = demo.moons(8)
    model = nn.MLP(sizes, random.Random(3))
    value, gradient = value_and_grad(nn.loss)(model, xs, ys)

    recorded = nn.MLP(sizes, random.Random(3))
    for layer in recorded.layers:
        for n in layer.neurons:
            n.w, n.b = [Value(w) for w in n.w], Value(n.b)
    total = nn.loss(recorded, xs.tolist(), ys.tolist())
    total.backward()
    assert value == pytest.approx(total.data, rel=1e-13)
    wanted = [p.grad for p in recorded.parameters()]
    np.testing.assert_allclose(tree.leaves(gradient), wanted, rtol=1e-11, atol=1e-14)
    assert isinstance(gradient, nn.MLP)


def test_micrograd_learns(load: Callable[[str], Any]) -> None:
    _, right = load("micrograd/demo").train((2, 8, 8, 1), steps=40, n=60, show=False)
    assert right >= 0.93


# -- a recurrent network over characters


def test_char_rnn(load: Callable[[str], Any]) -> None:
    """The classic backward pass agrees; ours is not slower (it takes 0.7 of the time alone)."""
    demo = load("char_rnn/demo")
    difference, ours, hand = demo.compare(rounds=15)
    assert difference < 1e-8
    for _ in range(4):  # other processes: a try may be unlucky, but not five
        if ours <= hand:
            break
        _, ours, hand = demo.compare(rounds=15)
    assert ours <= hand


def test_char_rnn_by_differences(load: Callable[[str], Any]) -> None:
    rnn, demo = load("char_rnn/rnn"), load("char_rnn/demo")
    params = tuple(20.0 * p + 0.1 for p in demo.parameters(6))
    inputs, targets = demo.piece(3, 7)
    h = np.full((6, 1), 0.3)
    check_grad(lambda p, h: rnn.loss(p, inputs, targets, h)[0], params, h, wrt=(0, 1))


def test_char_rnn_learns(load: Callable[[str], Any]) -> None:
    demo = load("char_rnn/demo")
    params, state = demo.parameters(40), np.zeros((40, 1))
    rnn = load("char_rnn/rnn")
    first = rnn.loss(params, *demo.piece(0, 25), state)[0]
    trained = demo.train(hidden=40, epochs=25)
    assert rnn.loss(trained, *demo.piece(0, 25), state)[0] < 0.8 * first
    assert math.isfinite(first)


# -- short ones, each with its own check


@pytest.mark.parametrize("script", ["backprop_homework", "transformer", "mamba", "hyena"])
def test_short_example(script: str) -> None:
    said = run(f"{script}.py")
    assert "agree" in said
    assert "# backward" in said


def test_quickstart() -> None:
    assert "accuracy" in run("quickstart.py")


def test_transformer_orders(load: Callable[[str], Any]) -> None:
    module = load("transformer")
    args = module.arguments(T=3, D=4, hidden=5, seed=2)
    for order in ("pre", "post", "parallel"):
        for heads in (1, 2, 4):
            check_grad(module.loss, *args, heads, order, wrt=("p", "x"))


@pytest.mark.parametrize("T", [1, 2, 6])
def test_lengths_of_sequences(load: Callable[[str], Any], T: int) -> None:
    for name in ("mamba", "hyena"):
        module = load(name)
        check_grad(module.loss, *module.arguments(T=T), wrt=(0, "x"))
