"""Time value and gradient against the primal, by hand, and autograd: python -m benchmarks.run

One thread; the contestants take turns, and the medians are compared.  Times of one run are of one
machine at one moment: read the ratios.
"""

from __future__ import annotations

import argparse
import linecache
import statistics
import subprocess
import sys
import time
import types
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

import benchmarks  # noqa: F401 (first: one thread)
from benchmarks.programs import PROGRAMS, Program, small
from s2sgrad import jvp, value_and_grad, vjp
from s2sgrad.derivative import Derivative
from s2sgrad.errors import DifferentiationError


def medians(runs: Mapping[str, Callable[[], Any]], rounds: int, turns: int) -> dict[str, float]:
    """Seconds of one call of each, measured in turn."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            start = time.perf_counter()
            for _ in range(turns):
                run()
            times[name].append((time.perf_counter() - start) / turns)
    return {name: statistics.median(t) for name, t in times.items()}


def by_autograd(p: Program) -> Callable[..., Any] | None:
    """The same program on autograd's NumPy; None where autograd is not there or cannot."""
    if not p.autograd:
        return None
    try:
        import autograd.numpy as anp
        from autograd import value_and_grad as theirs
    except ImportError:
        return None
    fake = types.SimpleNamespace(sin=anp.sin)
    space = {**p.f.__globals__, "np": anp, "math": fake}
    f = types.FunctionType(p.f.__code__, space)
    return theirs(f, p.wrt)  # type: ignore[no-any-return]


def agree(name: str, got: Any, want: Any) -> None:
    """What is timed is right: value and gradients are the same."""
    np.testing.assert_allclose(got[0], want[0], rtol=1e-9, err_msg=name)
    for g, w in zip(got[1], want[1], strict=True):
        np.testing.assert_allclose(g, w, rtol=1e-6, atol=1e-9, err_msg=name)


def measure(name: str, p: Program, rounds: int) -> str:
    """One line of the table."""
    ours = value_and_grad(p.f, p.wrt)
    try:
        got = ours(*p.args)
    except DifferentiationError as e:
        return f"{name:42} refused: {str(e).splitlines()[0]}"
    runs: dict[str, Callable[[], Any]] = {
        "primal": lambda: p.f(*p.args),
        "ours": lambda: ours(*p.args),
    }
    if p.by_hand is not None:
        hand = p.by_hand
        agree(name, got, hand(*p.args))
        runs["hand"] = lambda: hand(*p.args)
    theirs = by_autograd(p)
    if theirs is not None:
        agree(name, got, theirs(*p.args))
        runs["autograd"] = lambda: theirs(*p.args)
    t = medians(runs, rounds, p.turns)
    ratio = t["ours"] / t["primal"]
    hand_ratio = f"{t['hand'] / t['primal']:6.2f}" if "hand" in t else "     -"
    peer = f"{t['autograd'] / t['ours']:7.1f}x" if "autograd" in t else "       -"
    mark = "" if ratio <= p.limit else "  over"
    return (
        f"{name:42} {1e6 * t['primal']:11.1f} {ratio:7.2f} {p.limit:6.1f} {hand_ratio} {peer}{mark}"
    )


def overhead(rounds: int) -> str:
    """What a call costs over the bare emitted function."""
    args, bars = (1.5, np.ones(3), np.ones((2, 2))), (1.0, np.ones(3), np.ones((2, 2)))
    calls: dict[str, tuple[Derivative[..., Any], dict[str, Any]]] = {
        "value_and_grad": (value_and_grad(small, (0, 1, 2)), {}),
        "vjp": (vjp(small, (0, 1, 2)), {"out_bar": 1.0}),
        "jvp": (jvp(small, (0, 1, 2)), {"tangents": bars}),
    }
    said = []
    for name, (d, seed) in calls.items():
        d(*args, **seed)
        run = d._last.run  # type: ignore[union-attr]
        runs: dict[str, Callable[[], Any]] = {
            "whole": partial(d, *args, **seed),
            "bare": partial(run, *args, **seed),
        }
        t = medians(runs, rounds, 2000)
        said.append(f"{name} {1e6 * (t['whole'] - t['bare']):.2f} us")
    return f"call overhead, three arguments: {', '.join(said)}; aim 0.5 (and a seed's tests)"


def imports(rounds: int) -> str:
    """Import time over that of NumPy."""

    def seconds(what: str) -> float:
        times = []
        for _ in range(rounds):
            start = time.perf_counter()
            subprocess.run([sys.executable, "-c", f"import {what}"], check=True)
            times.append(time.perf_counter() - start)
        return statistics.median(times)

    return (
        f"import: {1e3 * (seconds('numpy, s2sgrad') - seconds('numpy')):.0f} ms over NumPy, aim 60"
    )


def long_function(lines: int) -> Callable[..., Any]:
    """A function of so many lines, of elementwise code and reductions."""
    body = ["def f(x, y):"]
    for k in range(lines - 2):
        form = (
            "x = np.sin(x) * y",
            "y = y + 0.1 * x",
            "x = x / (1.0 + x * x)",
            "y = np.tanh(y) - x",
        )
        body.append(f"    {form[k % 4]}")
    text = "\n".join([*body, "    return np.sum(x * y)"]) + "\n"
    file = f"<benchmark {lines} {time.perf_counter_ns()}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    space: dict[str, Any] = {"np": np}
    exec(compile(text, file, "exec"), space)
    return space["f"]  # type: ignore[no-any-return]


def compilation(lines: int, limit: int, rounds: int) -> str:
    """From the function to its first result."""
    x = np.ones(3)
    times = []
    for _ in range(rounds):
        f = long_function(lines)
        start = time.perf_counter()
        value_and_grad(f, (0, 1))(x, x)
        times.append(time.perf_counter() - start)
    middle = 1e3 * statistics.median(times)
    return f"compile {lines} lines: {middle:.0f} ms (first {1e3 * times[0]:.0f}), aim {limit}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser("python -m benchmarks.run")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--only", default="", help="programs whose name contains this")
    given = parser.parse_args()
    print(f"{'value and gradient / primal':42} {'primal us':>11} {'ratio':>7} {'aim':>6} "
          f"{'hand':>6} {'autograd':>8}")  # fmt: skip
    for name, p in PROGRAMS.items():
        if given.only in name:
            print(measure(name, p, given.rounds), flush=True)
    if not given.only:
        print(overhead(given.rounds))
        print(compilation(20, 30, given.rounds))
        print(compilation(300, 500, 3))
        print(compilation(1000, 1700, 1))
        print(imports(5))


if __name__ == "__main__":
    main()
