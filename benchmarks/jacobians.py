"""Jacobians of five functions of the literature: python -m benchmarks.jacobians

First what they take: multiplications in the text that we emit, against our own reverse mode, a row
at a time (its forward half once, its backward half for each result), and how far the two differ.
Then run times for a batch of 512 examples, medians of interleaved runs: the text called with an
array of 512 numbers for each number, reverse mode likewise, and JAX, PyTorch and CasADi where they
are installed.  Last, chains of dense Jacobians: what the best order saves.
"""

from __future__ import annotations

import argparse
import importlib.util
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import benchmarks  # noqa: F401 (first: one thread)
from benchmarks.chain import Bracket, Chain
from benchmarks.elimination import multiplications
from benchmarks.functions import FUNCTIONS
from benchmarks.peers import PEERS
from benchmarks.run import medians
from s2sgrad import hessian, hvp, jacobian, pullback

BATCH = 512
HESSIAN = ("black",)


def loaded(source: str) -> dict[str, Any]:
    """What an emitted module defines."""
    space: dict[str, Any] = {}
    exec(compile(source, "<emitted>", "exec"), space)
    return space


class Straight:
    """The whole Jacobian (or Hessian) as one function; numbers or arrays of one shape."""

    def __init__(self, name: str) -> None:
        f, self.at = FUNCTIONS[name]
        wrt = tuple(range(len(self.at)))
        what = "hessian" if name in HESSIAN else "jacobian"
        d = (hessian if name in HESSIAN else jacobian)(f, wrt=wrt)
        start = time.perf_counter()
        self.source = d.source_for(*self.at)
        self.compiled_in = time.perf_counter() - start
        self.run: Callable[..., Any] = loaded(self.source)[f"{name}_{what}"]
        self.multiplications = multiplications(self.source)


class Reverse:
    """The same by reverse mode, a row at a time; a Hessian by its columns."""

    def __init__(self, name: str) -> None:
        self.name = name
        f, self.at = FUNCTIONS[name]
        wrt = tuple(range(len(self.at)))
        self.count = len(self.at) if name in HESSIAN else len(f(*self.at))
        if name in HESSIAN:
            unit = tuple(0.0 for _ in self.at)
            source = hvp(f, wrt=wrt).lower(*self.at, vector=unit).source
            self.space = loaded(source)
            self.multiplications = self.count * multiplications(source)
            self.run = self.by_columns
        else:
            source = pullback(f, wrt=wrt).source_for(*self.at)
            self.space = loaded(source)
            first, second = source.split(f"def {name}_bwd")
            second = f"def {name}_bwd{second}"
            self.multiplications = multiplications(first) + self.count * multiplications(second)
            self.run = self.by_rows

    def units(self, one: Any) -> list[tuple[Any, ...]]:
        n = self.count
        return [tuple(one if i == j else one * 0.0 for j in range(n)) for i in range(n)]

    def by_rows(self, *args: Any) -> list[Any]:
        _, saved = self.space[f"{self.name}_fwd"](*args)
        back = self.space[f"{self.name}_bwd"]
        return [back(saved, unit) for unit in self.units(np.ones(np.shape(args[0])))]

    def by_columns(self, *args: Any) -> list[Any]:
        column = self.space[f"{self.name}_hvp"]
        return [column(*args, vector=u) for u in self.units(np.ones(np.shape(args[0])))]


def dense(matrix: Any, shape: tuple[int, ...]) -> Any:
    """The entries as one array: rows, columns, and the batch last."""
    return np.array([[np.broadcast_to(cell, shape) for cell in row] for row in matrix])


def difference(name: str) -> float:
    """The largest relative difference of the two at a batch of points."""
    args = batch(name, 16)
    ours, theirs = (dense(c(name).run(*args), (16,)) for c in (Straight, Reverse))
    return float(np.max(np.abs(ours - theirs)) / np.max(np.abs(theirs)))


def batch(name: str, size: int) -> list[Any]:
    """Points around the one of the table."""
    rng = np.random.default_rng(7)
    return [x * rng.uniform(0.95, 1.05, size) for x in FUNCTIONS[name][1]]


def counts() -> None:
    head = ("reverse", "ours", "ratio", "difference", "compiled in s")
    print(f"{'multiplications':20}" + "".join(f"{h:>14}" for h in head))
    for name in FUNCTIONS:
        ours, theirs = Straight(name), Reverse(name)
        a, b = theirs.multiplications, ours.multiplications
        off = difference(name)
        print(f"{name:20}{a:14}{b:14}{a / b:14.2f}{off:14.1e}{ours.compiled_in:14.2f}", flush=True)


def times(rounds: int) -> None:
    peers = [p for p in PEERS if importlib.util.find_spec(PEERS[p].module) is not None]
    missing = sorted({p.module for n, p in PEERS.items() if n not in peers})
    print(f"\nmicroseconds for a batch of {BATCH}; not installed here: {', '.join(missing) or '-'}")
    names = ["straight", "reverse", *peers]
    print(f"{'':20}" + "".join(f"{n:>16}" for n in names))
    for name in FUNCTIONS:
        args = batch(name, BATCH)
        f, at = FUNCTIONS[name]
        runs = {"straight": Straight(name).run, "reverse": Reverse(name).run}
        for p in peers:
            runs[p] = PEERS[p].make(f, len(at), name in HESSIAN, BATCH)
        want = dense(runs["reverse"](*args), (BATCH,))
        for p in peers:
            np.testing.assert_allclose(
                PEERS[p].entries(runs[p](*args), want.shape), want, rtol=1e-12, atol=1e-12
            )
        found = medians({n: partial(r, *args) for n, r in runs.items()}, rounds, 5)
        print(f"{name:20}" + "".join(f"{1e6 * found[n]:16.1f}" for n in names), flush=True)


def product(matrices: list[Any], bracket: Bracket) -> Any:
    """A product of matrices in the order of the brackets."""
    if isinstance(bracket, int):
        return matrices[bracket]
    left, right = bracket
    return product(matrices, left) @ product(matrices, right)


def chains(rounds: int) -> None:
    """Chains of dense factors of random sizes; entries and times of the better global mode."""
    print(f"\n{'chain of':>10}{'forward':>12}{'reverse':>12}{'best':>12}{'ratio':>8}"
          f"{'better mode us':>16}{'best us':>10}{'planned in ms':>15}")  # fmt: skip
    for n in (10, 20, 50, 100, 150, 200):
        rng = np.random.default_rng(n)
        sizes = [int(k) for k in rng.integers(1, 101, n + 1)]
        start = time.perf_counter()
        chain = Chain(sizes)
        planned = time.perf_counter() - start
        factors = [rng.standard_normal((sizes[k], sizes[k + 1])) for k in range(n)]
        modes = {"forward": chain.forward, "reverse": chain.reverse}
        better = min(modes, key=lambda m: modes[m])
        orders = {
            "best": chain.brackets(),
            "mode": chain.from_right() if better == "forward" else chain.from_left(),
        }
        runs = {k: partial(product, factors, b) for k, b in orders.items()}
        t = medians(runs, rounds, 3)
        ratio = modes[better] / chain.best
        print(f"{n:10}{chain.forward:12.2e}{chain.reverse:12.2e}{chain.best:12.2e}{ratio:8.1f}"
              f"{1e6 * t['mode']:16.0f}{1e6 * t['best']:10.0f}{1e3 * planned:15.1f}")  # fmt: skip


def main() -> None:
    """The tables."""
    parser = argparse.ArgumentParser("python -m benchmarks.jacobians")
    parser.add_argument("--rounds", type=int, default=20)
    given = parser.parse_args()
    counts()
    times(given.rounds)
    chains(given.rounds)


if __name__ == "__main__":
    main()
