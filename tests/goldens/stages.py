"""Small programs, and the IR before and after one pass."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
# Programs of users are not annotated.

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from s2sgrad import value_and_grad
from s2sgrad.ir.graph import Func
from s2sgrad.ir.text import text
from s2sgrad.ir.verify import verify
from s2sgrad.passes.bufferize import bufferize
from s2sgrad.pipeline import TIDY
from tests.goldens.golden import HERE


def loop(x, n):
    for _ in range(n):
        x = np.sin(x) * x
    return x


def store(x, v):
    x[0] = v * x[1]
    return np.sum(x * x)


def branch(x, y):
    if x > y:
        z = x * y
    else:
        z = np.exp(y)
    return z * x


def twice(x):
    return np.sin(x) * np.cos(x) + np.sin(x)


def cubed(x):
    return -np.sum(-(x**3) * 2.0)


def unused(x, n):
    y = x
    for _ in range(n):
        x = np.sin(x)
        y = y * x
    return x


def invariant(x, w):
    for _ in range(3):
        x = x * np.exp(w)
    return np.sum(x)


def vector_last(A, B, v):
    return np.sum(A @ B @ v)


def weighted(x, w):
    return np.sum(np.exp(w * np.sqrt(x)))


def outer_products(W, X):
    h = X[0]
    for t in range(1, X.shape[0]):
        h = np.tanh(W @ h + X[t])
    return np.sum(h)


def softmax(z):
    e = np.exp(z - np.max(z))
    return np.log(np.sum(e)) + np.max(z)


@dataclass(frozen=True, eq=False)
class Stage:
    """A program and the pass whose work is shown, at its first turn that changes something."""

    name: str
    start: str  # the stage that it begins from
    f: Callable[..., Any]
    args: tuple[Any, ...]
    wrt: tuple[int, ...] = (0,)

    @property
    def file(self) -> Path:
        return HERE / "passes" / f"{self.name}.txt"

    def text(self) -> str:
        """The IR before and after the pass."""
        d = value_and_grad(self.f, self.wrt)
        lowered = d.lower(*self.args)
        if self.name.split("_")[0] == "reverse":
            return f"{lowered.ir('parse+prune')}\n---- reverse\n\n{lowered.ir('reverse')}"
        assert d._last is not None
        before, after = self.steps(d._last.ir[self.start])
        return f"{text(before)}\n---- {self.name}\n\n{text(after)}"

    def steps(self, func: Func) -> tuple[Func, Func]:
        if self.name == "bufferize":
            return func, verify(bufferize(func))
        for one in TIDY:
            new = verify(one(func))
            if one.__name__ == self.name and text(new) != text(func):
                return func, new
            func = new
        raise AssertionError(f"{self.name} changes nothing in {self.f.__name__}")


def mat(*shape):
    return np.full(shape, 0.5)


STAGES = [
    Stage("reverse_loop", "reverse", loop, (0.5, 3)),
    Stage("reverse_store", "reverse", store, (mat(3), 0.5), (0, 1)),
    Stage("reverse_branch", "reverse", branch, (0.5, 0.25), (0, 1)),
    Stage("share", "reverse", twice, (0.5,)),
    Stage("prune", "parse", unused, (0.5, 3)),
    Stage("simplify", "reverse", cubed, (mat(3),)),
    Stage("order", "parse", vector_last, (mat(3, 3), mat(3, 3), mat(3)), (0, 1, 2)),
    Stage("hoist", "parse", invariant, (mat(3), mat(3)), (0, 1)),
    Stage("contract", "reverse", weighted, (mat(3), 0.5), (0, 1)),
    Stage("defer", "reverse", outer_products, (mat(3, 3), mat(4, 3))),
    Stage("shift", "parse", softmax, (mat(3),)),
    Stage("bufferize", "reverse+prune", store, (mat(3), 0.5), (0, 1)),
]
