"""A call of an op, and random arguments for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

LIB = np.linalg
random = np.random.default_rng(7)


class Case:
    """One call: positional arguments, keyword arguments, constant positions, answers to vary."""

    def __init__(self, op: Any, *args: Any, fixed: tuple[int, ...] = (), **kwargs: Any) -> None:
        """Record the call."""
        self.op, self.args, self.fixed, self.kwargs = op, args, fixed, kwargs
        shapes = ",".join(str(np.shape(a)) for a in args if isinstance(a, np.ndarray | float))
        module = getattr(op, "__module__", "") or ""
        self.id = f"{module}.{getattr(op, '__name__', op)}-{shapes}-{kwargs}"


def m(*shape: int) -> Any:
    """Normal numbers."""
    return random.normal(size=shape)


def u(*shape: int) -> Any:
    """Numbers between 0.2 and 0.9."""
    return random.uniform(0.2, 0.9, size=shape)


def z(*shape: int) -> Any:
    """Complex normal numbers."""
    return m(*shape) + 1j * m(*shape)


def spd(n: int, *batch: int) -> Any:
    """Symmetric positive definite matrices."""
    a = m(*batch, n, n)
    return a @ np.swapaxes(a, -1, -2) + n * np.eye(n)


def given(programs: list[Callable[..., Any]]) -> Callable[..., Any]:
    """A decorator that collects programs with the arguments that they are called with."""

    def called_with(*args: Any) -> Callable[..., Any]:
        def collect(f: Callable[..., Any]) -> Callable[..., Any]:
            f.args = args or (0.8, 1.3)  # type: ignore[attr-defined]
            programs.append(f)
            return f

        return collect

    return called_with
