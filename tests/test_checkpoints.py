"""`checkpointed` and `checkpoint`: the same gradients in less memory, and what is refused.

The twin of each program is the same text without the marks.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
# Programs of users are not annotated.

from __future__ import annotations

import itertools
import linecache
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from s2sgrad import (
    check_grad,
    checkpoint,
    checkpointed,
    grad,
    hessian,
    hvp,
    jvp,
    pullback,
    value_and_grad,
)
from s2sgrad.errors import DifferentiationError

RNG = np.random.default_rng(0)
X, V, W = RNG.normal(size=4), RNG.normal(size=4), RNG.normal(size=(4, 4)) / 2
F = Callable[..., Any]
serial = itertools.count()

LOOPS = {
    "recurrent": """
        def f(x, W, n):
            h = x
            for k in LOOP(range(n)):
                h = np.tanh(W @ h + 0.1 * k)
            return np.sum(h * h)
    """,
    "in place": """
        def f(x, W, n):
            u = x.copy()
            s = 0.0
            for k in LOOP(range(1, n, 2)):
                u[1:] += 0.1 * u[:-1] * u[1:]
                u[0] = np.sin(u[1]) * k
                s += u[-1] ** 2
            return s + u @ W @ u
    """,
    "downwards": """
        def f(x, W, n):
            u, v = x, W @ x
            for k in LOOP(range(n, 0, -3)):
                u, v = v, u * 0.9 + 0.1 * np.sin(v)
                if k % 2:
                    v = v + W @ u
            return np.sum(u * v)
    """,
    "a list": """
        def f(x, W, n):
            xs = [x]
            for k in LOOP(range(n)):
                xs.append(np.sin(W @ xs[-1]) + xs[k // 2])
            return np.sum(xs[-1] * xs[n // 2])
    """,
    "nested": """
        def f(x, W, n):
            s = 0.0
            for k, row in LOOP(enumerate(W)):
                for _ in LOOP(range(n)):
                    s = 0.5 * s + np.sin(row @ x) * k * s + 0.1
            return s
    """,
    "calls": """
        @MARK
        def layer(h, W):
            a = np.tanh(W @ h)
            return a * np.sin(a) + h, np.sum(a)

        def f(x, W, n):
            s = 0.0
            for k in range(min(n, 3)):
                x, t = layer(x, W)
                s = s + t * (MARK(lambda z: np.sin(z) * x[0]))(s)
            return s + x @ x
    """,
}


def function(text: str, **names: Any) -> F:
    file = f"<checkpoints {next(serial)}>"
    text = "\n".join(line[8:] for line in text.splitlines())
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    space: dict[str, Any] = {"np": np, "checkpointed": checkpointed, "checkpoint": checkpoint}
    space |= names
    exec(compile(text, file, "exec"), space)
    made: F = space["f"]
    return made


def twins(name: str, snaps: str = "") -> tuple[F, F]:
    """The program with its marks, and without."""
    text = LOOPS[name]
    marked = text.replace("LOOP(range(n))", f"checkpointed(range(n){snaps})")
    marked = marked.replace("LOOP", "checkpointed").replace("MARK", "checkpoint")
    plain = text.replace("LOOP", "").replace("@MARK\n", "\n").replace("MARK", "")
    return function(marked), function(plain)


@pytest.mark.parametrize("name", LOOPS)
def test_the_gradients_are_those_of_the_loop(name: str) -> None:
    for snaps in ("", ", snaps=3"):
        f, plain = twins(name, snaps)
        ours, theirs = value_and_grad(f, (0, 1)), value_and_grad(plain, (0, 1))
        for n in (0, 1, 2, 9, 10):
            assert f(X, W, n) == plain(X, W, n)
            got, want = ours(X, W, n), theirs(X, W, n)
            assert got[0] == pytest.approx(want[0], rel=1e-14)
            for g, w in zip(got[1], want[1], strict=True):
                np.testing.assert_allclose(g, w, rtol=1e-10, atol=1e-14)
    check_grad(f, X, W, 7)


@pytest.mark.parametrize("name", LOOPS)
def test_other_transforms(name: str) -> None:
    f, plain = twins(name)
    n = 5
    value, tangent = jvp(f)(X, W, n, tangents=V)
    assert (value, tangent) == pytest.approx(jvp(plain)(X, W, n, tangents=V), rel=1e-12)
    want = hessian(plain)(X, W, n)
    tight: dict[str, Any] = {"rtol": 1e-9, "atol": 1e-11}
    np.testing.assert_allclose(hvp(f)(X, W, n, vector=V), want @ V, **tight)
    np.testing.assert_allclose(grad(lambda x: grad(f)(x, W, n) @ V)(X), want @ V, **tight)
    _, back = pullback(f)(X, W, n)
    first = back(1.0)
    np.testing.assert_array_equal(back(1.0), first)
    np.testing.assert_allclose(first, grad(plain)(X, W, n), rtol=1e-10)


def test_a_checkpoint_that_calls_itself() -> None:
    @checkpoint
    def inner(h, n):
        return h if n == 0 else inner(np.sin(h) + h, n - 1) * h

    def f(x):
        return np.sum(inner(x, 3) ** 2)

    check_grad(f, X)
    step = 1e-6
    slope = (grad(f)(X + step * V) - grad(f)(X - step * V)) / (2 * step)
    np.testing.assert_allclose(hvp(f)(X, vector=V), slope, rtol=1e-6)


def test_memory_grows_with_the_root_of_the_turns() -> None:
    def f(x, n):
        for _ in checkpointed(range(n)):
            x = x + 0.01 * np.sin(x) * x
        return np.sum(x)

    x = np.linspace(0.0, 1.0, 10000)
    d = grad(f)
    d(x, 4)
    tracemalloc.start()
    d(x, 400)
    peak = tracemalloc.get_traced_memory()[1] / x.nbytes
    tracemalloc.stop()
    assert peak < 4 * 20 + 10  # two values a turn of the 20 that are run again, 20 snapshots


def test_a_snapshot_is_copied_once() -> None:
    f, _ = twins("in place")
    d = grad(f)
    d(X, W, 9)
    assert d.source.count("u.copy()") == 1


def test_what_is_marked_runs_as_it_is() -> None:
    turns = range(3)
    assert checkpointed(turns) is turns
    assert checkpoint(np.sin)(0.5) == np.sin(0.5)
    assert grad(checkpoint(lambda x: x * x))(3.0) == 6.0
    with pytest.raises(ValueError, match="snaps=0"):
        checkpointed(turns, snaps=0)
    with pytest.raises(TypeError, match="takes a function"):
        checkpoint(3)  # type: ignore[arg-type]

    class Cell:
        @checkpoint
        def run(self, x):
            return np.sin(x) * x

    assert Cell().run(0.5) == 0.5 * np.sin(0.5)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("x = x * rng.normal()", "`normal` has an effect"),
        ("x = x * x; print(k)", "`print` has an effect"),
        ("x = x * x if x < 9.0 else x; break", "is left early"),
        ("return x * x", "is left early"),
    ],
)
def test_what_cannot_run_again_is_refused(body: str, why: str) -> None:
    text = f"""
        def f(x):
            for k in checkpointed(range(5)):
                {body}
            return x
    """
    f = function(text, rng=RNG)
    with pytest.raises(DifferentiationError, match=why) as e:
        grad(f)(1.5)
    assert e.value.refusals[0].anchor == "checkpoint"
