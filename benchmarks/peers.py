"""Jacobians of a batch by other tools: each is asked for one example's, mapped over the batch.

None of them was installed where this was written: these few lines have not been run.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


def on(f: Callable[..., Any], module: Any, erf: Callable[..., Any]) -> Callable[..., Any]:
    """`f` with another NumPy."""
    scipy = types.SimpleNamespace(special=types.SimpleNamespace(erf=erf))
    return types.FunctionType(f.__code__, {**f.__globals__, "np": module, "scipy": scipy})


def _jax(mode: str) -> Callable[[Callable[..., Any], int, bool, int], Callable[..., Any]]:
    def make(f: Callable[..., Any], n: int, second: bool, batch: int) -> Callable[..., Any]:
        import jax

        jax.config.update("jax_enable_x64", True)
        g = on(f, jax.numpy, jax.scipy.special.erf)
        each = jax.hessian if second else getattr(jax, mode)
        made = jax.jit(jax.vmap(each(g, argnums=tuple(range(n)))))
        return lambda *args: jax.block_until_ready(made(*args))

    return make


def _torch(f: Callable[..., Any], n: int, second: bool, batch: int) -> Callable[..., Any]:
    import torch

    names = {"arctan2": torch.atan2}
    space = types.SimpleNamespace(
        **{k: getattr(torch, k) for k in ("sqrt", "exp", "log", "abs", "cos", "sin")}, **names
    )
    space.sqrt = lambda x: torch.sqrt(torch.as_tensor(x, dtype=torch.float64))
    g = on(f, space, torch.special.erf)
    each = torch.func.hessian if second else torch.func.jacrev
    made = torch.func.vmap(each(g, argnums=tuple(range(n))))
    return lambda *args: made(*(torch.from_numpy(a) for a in args))


def _casadi(f: Callable[..., Any], n: int, second: bool, batch: int) -> Callable[..., Any]:
    import casadi

    names = ("sqrt", "exp", "log", "cos", "sin")
    space = types.SimpleNamespace(**{k: getattr(casadi, k) for k in names})
    space.abs, space.arctan2 = casadi.fabs, casadi.atan2
    x = casadi.SX.sym("x", n)
    out = on(f, space, casadi.erf)(*(x[i] for i in range(n)))
    matrix = casadi.hessian(out, x)[0] if second else casadi.jacobian(casadi.vertcat(*out), x)
    made = casadi.Function("matrix", [x], [casadi.densify(matrix)]).map(batch)
    return lambda *args: np.asarray(made(np.stack(args)))


def _by_rows(found: Any, shape: tuple[int, ...]) -> Any:
    return np.array([[np.asarray(cell) for cell in row] for row in found])


def _side_by_side(found: Any, shape: tuple[int, ...]) -> Any:
    m, n, batch = shape
    return np.moveaxis(found.reshape(m, batch, n), 1, 2)


@dataclass(frozen=True)
class Peer:
    """A tool: the module that it needs, a Jacobian of a batch, and its entries as our array."""

    module: str
    make: Callable[[Callable[..., Any], int, bool, int], Callable[..., Any]]
    entries: Callable[[Any, tuple[int, ...]], Any] = _by_rows


PEERS = {
    "jax jacrev": Peer("jax", _jax("jacrev")),
    "jax jacfwd": Peer("jax", _jax("jacfwd")),
    "torch.func": Peer("torch", _torch),
    "casadi": Peer("casadi", _casadi, _side_by_side),
}
