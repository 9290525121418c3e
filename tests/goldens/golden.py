"""A program with arguments, the text that is emitted for it, and where that is kept."""

from __future__ import annotations

import ast
import copy
import inspect
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import s2sgrad

HERE = Path(__file__).parent


@dataclass(frozen=True, eq=False)
class Golden:
    """A program, its arguments, what it is differentiated in, and by which transform.

    A generic one is emitted before any call, without the types of arguments.
    """

    f: Callable[..., Any]
    args: tuple[Any, ...]
    wrt: int | tuple[int, ...] = 0
    what: str = "value_and_grad"
    generic: bool = False

    @property
    def name(self) -> str:
        return self.f.__name__ + ("_generic" if self.generic else "")

    @property
    def file(self) -> Path:
        return HERE / "emitted" / f"{self.name}.txt"

    def derivative(self) -> Any:
        """The transformed function."""
        return getattr(s2sgrad, self.what)(self.f, self.wrt)

    def text(self) -> str:
        """What is emitted now."""
        d = self.derivative()
        return str(d.source if self.generic else self.lower(d).source)

    def lower(self, d: Any) -> Any:
        """The compilation of `d` for the arguments."""
        more = {"out_bar": self.seed()} if self.what == "vjp" else {}
        return d.lower(*copy.deepcopy(self.args), **more)

    def as_generic(self) -> Golden:
        return replace(self, generic=True)

    # -- the emitted text is run, and its numbers are compared

    def seed(self) -> Any:
        """The cotangent of the result."""
        shape = np.shape(self.primal())
        return np.random.default_rng(8).standard_normal(shape) if shape else 1.0

    def primal(self) -> Any:
        """What the program itself returns."""
        return self.f(*copy.deepcopy(self.args))

    def run(self, text: str) -> tuple[Any, tuple[Any, ...]]:
        """Value (None for a gradient alone) and gradients, by the text alone."""
        space: dict[str, Any] = {}
        exec(compile(text, self.file.name, "exec", dont_inherit=True), space)
        run = space[f"{self.f.__name__}_{self.what}"]
        params = inspect.signature(run).parameters.values()
        extra = [p.name for p in params if p.kind is p.KEYWORD_ONLY]
        more = {n: self.seed() if n == "out_bar" else self.f.__globals__[n] for n in extra}
        args = copy.deepcopy(self.args)
        found = run(*args, **more)
        assert _equal(args, self.args), "an argument was changed"
        value, bars = found if self.what in ("value_and_grad", "vjp") else (None, found)
        return value, bars if isinstance(self.wrt, tuple) else (bars,)

    def derivatives(self, bars: tuple[Any, ...]) -> tuple[float, float]:
        """In a random direction: by central differences, and by the gradients."""
        rng = np.random.default_rng(9)
        wrt = self.wrt if isinstance(self.wrt, tuple) else (self.wrt,)
        weight = 1.0 if self.what == "value_and_grad" else self.seed()
        if self.what == "elementwise_grad":
            bars, weight = (bars[0] * self.seed(),), self.seed()
        along = {k: [rng.standard_normal(np.shape(x)) for x in leaves(self.args[k])] for k in wrt}

        def at(t: float) -> float:
            args = list(copy.deepcopy(self.args))
            for k, us in along.items():
                args[k] = moved_along(args[k], us, t)
            return float(np.sum(weight * self.f(*args)))

        h = 1e-6
        found = [(u, g) for k, b in zip(wrt, bars, strict=True) for u, g in self.pairs(along[k], b)]
        return (at(h) - at(-h)) / (2 * h), sum(float(np.sum(u * g)) for u, g in found)

    @staticmethod
    def pairs(us: list[Any], bar: Any) -> Iterator[tuple[Any, Any]]:
        gs = list(leaves(bar))
        assert [np.shape(u) for u in us] == [np.shape(g) for g in gs]
        yield from zip(us, gs, strict=True)

    # -- how long it is

    def ratio(self, text: str) -> float:
        """Statements of the emitted text over those of the program and the helpers it calls."""
        return statements(ast.parse(text)) / self.primal_statements()

    def primal_statements(self) -> int:
        seen: list[Any] = []
        todo = [self.f]
        while todo:
            f = todo.pop()
            if f not in seen:
                seen.append(f)
                names = f.__code__.co_names
                todo += [g for n in names if inspect.isfunction(g := f.__globals__.get(n))]
        return sum(statements(ast.parse(textwrap.dedent(inspect.getsource(f)))) for f in seen)


def statements(tree: ast.AST) -> int:
    """Statements, without imports, docstrings and headers of functions."""
    out = (ast.Import, ast.ImportFrom, ast.FunctionDef)
    found = [n for n in ast.walk(tree) if isinstance(n, ast.stmt) and not isinstance(n, out)]
    return sum(not (isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant)) for n in found)


def leaves(x: Any) -> Iterator[Any]:
    """The numbers and arrays of a container, in its order."""
    found: list[Any] = []
    moved(x, lambda leaf: found.append(leaf) or leaf)  # type: ignore[func-returns-value]
    yield from found


def moved(x: Any, move: Callable[[Any], Any]) -> Any:
    """The container with `move` applied to each of its floats and arrays of floats."""
    if isinstance(x, float) or (isinstance(x, np.ndarray) and x.dtype.kind == "f"):
        return move(x)
    if isinstance(x, dict):
        return {k: moved(v, move) for k, v in x.items()}
    if isinstance(x, tuple) and hasattr(x, "_make"):
        return x._make([moved(v, move) for v in x])
    if isinstance(x, list | tuple):
        return type(x)([moved(v, move) for v in x])
    if hasattr(x, "__dict__"):
        made = copy.copy(x)
        made.__dict__.update({k: moved(v, move) for k, v in vars(x).items()})
        return made
    return x


def moved_along(x: Any, us: list[Any], t: float) -> Any:
    """The container `t` steps along the directions of its leaves."""
    steps = iter(us)
    return moved(x, lambda leaf: leaf + t * next(steps))


def _equal(a: Any, b: Any) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(leaves(a), leaves(b), strict=True))
