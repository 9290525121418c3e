"""What the tests of the passes share: a derivative with its text, checked against differences."""

from __future__ import annotations

import linecache
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from s2sgrad import grad, value_and_grad
from s2sgrad.ir.interp import run
from s2sgrad.ir.verify import verify

_files = iter(range(1 << 30))


def function(text: str) -> Callable[..., Any]:
    """The function `f` of a text, with its source where s2sgrad finds it."""
    file = f"<pass {next(_files)}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    space: dict[str, Any] = {"np": np, "math": math}
    exec(compile(text, file, "exec"), space)
    return space["f"]  # type: ignore[no-any-return]


def differences(f: Any, args: tuple[Any, ...], wrt: tuple[int, ...], gradient: Any) -> None:
    """The gradient against central differences in two random directions."""
    rng = np.random.default_rng(len(args))
    for _ in range(2):
        u = {k: rng.standard_normal(np.shape(args[k])) for k in wrt}
        u = {k: d if np.ndim(args[k]) else float(d) for k, d in u.items()}
        h = 1e-6
        up = f(*(a + h * u[k] if k in u else a for k, a in enumerate(args)))
        down = f(*(a - h * u[k] if k in u else a for k, a in enumerate(args)))
        got = sum(float(np.sum(u[k] * g)) for k, g in zip(wrt, gradient, strict=True))
        assert got == pytest.approx((up - down) / (2 * h), rel=1e-5, abs=1e-6)


def checked(text: str, *args: Any, wrt: tuple[int, ...] | None = None) -> str:
    """The text of the value and gradient of `f`, which are right in every stage.

    Right: the value is NumPy's, the gradient that of central differences; the interpreter gives
    the same numbers after each pass; and `grad` alone agrees.
    """
    f = function(text)
    wrt = wrt or tuple(k for k, a in enumerate(args) if np.asarray(a).dtype.kind == "f")
    d = value_and_grad(f, wrt)
    before = [np.array(a) for a in args]
    value, gradient = d(*args)
    for a, b in zip(args, before, strict=True):
        np.testing.assert_array_equal(a, b)
    assert value == pytest.approx(f(*args), rel=1e-13, nan_ok=True)
    differences(f, args, wrt, gradient)
    for g, k in zip(gradient, wrt, strict=True):
        assert np.shape(g) == np.shape(args[k])
        assert np.result_type(g) == np.result_type(args[k])
    assert d._last is not None
    for stage, func in d._last.ir.items():
        results = run(verify(func), *args)
        for g, r in zip(gradient, results[1:], strict=False):
            np.testing.assert_allclose(r, g, rtol=1e-10, atol=1e-12, err_msg=stage)
    for g, r in zip(grad(f, wrt)(*args), gradient, strict=True):
        np.testing.assert_allclose(g, r, rtol=1e-12, atol=1e-14)
    return str(d.source)


def backward(text: str) -> str:
    """The lines of the backward sweep (if only of its `return`), without their indentation."""
    _, head, tail = text.partition("# backward\n")
    lines = (tail if head else text[text.rindex("    return ") :]).splitlines()
    return "\n".join(line.strip() for line in lines)
