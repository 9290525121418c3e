"""The maximum in a softmax: without an adjoint where it cancels, with one where it does not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from s2sgrad import grad
from tests.passes import backward, checked, function

R = np.random.default_rng(31).standard_normal
Z, Y = R((3, 4)), R((3, 4))

CANCELS = {
    "logsumexp": "m = np.max(z, axis=1, keepdims=True)\n"
    "e = np.log(np.sum(np.exp(z - m), axis=1, keepdims=True)) + m",
    "without its axis": "m = np.max(z, axis=1)\n"
    "e = (np.log(np.sum(np.exp(z - m[:, None]), axis=1)) + m)[:, None]",
    "softmax": "e = np.exp(z - np.max(z, axis=1, keepdims=True))\n"
    "e = e / np.sum(e, axis=1, keepdims=True)",
    "log-softmax": "d = z - np.max(z, axis=-1, keepdims=True)\n"
    "e = d - np.log(np.sum(np.exp(d), axis=-1, keepdims=True))",
    "of columns": "d = z - np.max(z, axis=0)\ne = np.exp(d) / np.sum(np.exp(d), axis=0)",
    "of all": "m = np.max(z)\ne = np.log(np.sum(np.exp(z - m))) + m",
    "of a temperature": "m = np.max(z, axis=1, keepdims=True)\n"
    "e = np.exp((z - m) * 2.0)\ne = e / np.sum(e, axis=1, keepdims=True)",
    "with weights": "m = np.max(z, axis=1, keepdims=True)\n"
    "e = np.log(np.sum(y * y * np.exp(z - m), axis=1, keepdims=True)) + m",
}
MATTERS = {
    "the shift is used": "m = np.max(z, axis=1, keepdims=True)\ne = np.exp(z - m)",
    "it comes back twice": "m = np.max(z, axis=1, keepdims=True)\n"
    "e = np.log(np.sum(np.exp(z - m), axis=1, keepdims=True)) + 2.0 * m",
    "along the other axis": "m = np.max(z, axis=1, keepdims=True)\n"
    "e = np.log(np.sum(np.exp(z - m), axis=0, keepdims=True)) + m",
    "a weight instead of a sum": "m = np.max(z, axis=1, keepdims=True)\n"
    "e = np.log(np.exp(z - m) + y * y) + m",
    "a product": "m = np.max(z, axis=1, keepdims=True)\n"
    "e = np.log(np.sum(np.exp(z * m), axis=1, keepdims=True)) - m",
    "the wrong axis": "m = np.max(z[:, :3], axis=1)\n"
    "e = np.log(np.sum(np.exp(z[:, :3] - m), axis=1)) + m",
}


def program(body: str) -> str:
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    return f"def f(z, y):\n{lines}    return np.sum(y[:, :1] * np.sin(e) * e)\n"


@pytest.mark.parametrize("body", CANCELS.values(), ids=CANCELS.keys())
def test_a_shift_that_cancels(body: str) -> None:
    source = checked(program(body), Z, Y)
    assert "_select" not in source, source
    assert "==" not in backward(source)


@pytest.mark.parametrize("body", MATTERS.values(), ids=MATTERS.keys())
def test_a_maximum_that_matters(body: str) -> None:
    source = checked(program(body), Z, Y)
    assert "==" in backward(source)


def test_in_a_loop_and_in_an_arm() -> None:
    text = """
def f(z, y, c):
    s = 0.0
    for k in range(3):
        m = np.max(z, axis=1, keepdims=True)
        if c:
            s = s + np.sum(y * (np.log(np.sum(np.exp(z - m), axis=1, keepdims=True)) + m))
        else:
            s = s + np.sum(m)
        z = np.tanh(z)
    return s
"""
    for c in (True, False):
        assert "==" in backward(checked(text, Z, Y, c, wrt=(0, 1)))


def test_ties_and_large_numbers() -> None:
    """The gradient of logsumexp is the softmax: also where exp would overflow."""
    body = CANCELS["logsumexp"]
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    f = function(f"def f(z):\n{lines}    return np.sum(e)\n")
    z = np.array([[1000.0, 1000.0, 0.0], [-1000.0, -1001.0, -1000.0]])
    e = np.exp(z - z.max(axis=1, keepdims=True))
    want: Any = e / e.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(grad(f)(z), want, rtol=1e-14)
