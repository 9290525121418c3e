"""Checks of derivatives against central differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from s2sgrad import tree
from s2sgrad.api import vjp
from s2sgrad.derivative import Wrt
from s2sgrad.ir.ops import unbroadcast
from s2sgrad.replay import Replay
from s2sgrad.rules.registry import can_push, lookup, pullback, pushforward

_STEPS = (1e-3, 1e-4, 1e-5, 1e-2)


def check_grad(
    fun: Callable[..., Any],
    *args: Any,
    wrt: Wrt = 0,
    rtol: float = 1e-5,
    atol: float = 1e-7,
    directions: int = 3,
    seed: int = 0,
    **kwargs: Any,
) -> None:
    """Compare the gradient with central differences in random directions.

    `fun` may return arrays and containers: its results are weighted at random.  Each call is of
    copies of the arguments and draws the same random numbers.  Float32 arguments need a larger
    `rtol`.  At a kink (`abs` at 0) differences prove nothing, nor where the function is NaN.

    Raises `AssertionError` that names both numbers.

    >>> import numpy as np
    >>> from s2sgrad import check_grad
    >>> check_grad(lambda p, x: np.tanh(p["w"] * x), {"w": 0.5}, np.ones(3))
    """
    replay = Replay()
    try:
        _check_grad(replay, fun, args, kwargs, wrt, (rtol, atol), directions, seed)
    finally:
        replay.done()


def _check_grad(
    replay: Replay,
    fun: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    wrt: Wrt,
    tolerance: tuple[float, float],
    directions: int,
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    value = replay(fun, *args, **kwargs)
    weights = tree.map(lambda v: _random(v, rng), value)
    if not tree.leaves(value):
        raise AssertionError(f"the result {value!r} is no float, so it has no derivative")
    if not all(np.all(np.isfinite(x)) for x in tree.leaves(value)):
        raise AssertionError(f"the result {value!r} is not finite: differences prove nothing there")
    out_bar = _only_leaves(weights)
    before = [np.copy(x) for x in tree.leaves((args, kwargs))]
    d = vjp(fun, wrt)
    replay.done()
    got, bars = d(*args, out_bar=out_bar, **kwargs)
    for a, b in zip(tree.leaves(got), tree.leaves(value), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-9, err_msg="the value")
    for a, b in zip(tree.leaves((args, kwargs)), before, strict=True):
        np.testing.assert_array_equal(a, b, err_msg="an argument was changed")

    point, unravel = tree.ravel(_parts(args, kwargs, d, wrt))
    vector, _ = tree.ravel(bars if isinstance(wrt, tuple) else (bars,))
    if vector.shape != point.shape:
        raise AssertionError(f"the gradient has {vector.size} numbers, the argument {point.size}")
    for _ in range(directions):
        u = rng.standard_normal(point.size) + _imaginary(point, rng)
        u = tree.ravel(unravel(u))[0]  # real where the argument is real
        analytic = float(np.real(np.sum(vector * u)))

        def along(t: float, u: Any = u) -> float:
            a, k = _moved(args, kwargs, d, wrt, unravel(point + t * u))
            return _weighted(replay(fun, *a, **k), weights)

        _agree(analytic, along, *tolerance, "the gradient")


def check_rule(
    function: Callable[..., Any],
    *args: Any,
    rtol: float = 1e-5,
    atol: float = 1e-7,
    seed: int = 0,
    **kwargs: Any,
) -> None:
    """Compare the rule of a function with central differences: called, compiled, and forwards.

    Raises `AssertionError` that names both numbers, `LookupError` if there is no rule.

    >>> import numpy as np
    >>> from s2sgrad import check_rule
    >>> check_rule(np.arctan2, np.array([1.0, -2.0]), 0.5)
    """
    record = lookup(function)
    if record is None:
        raise LookupError(f"there is no rule for {function!r}")
    rng = np.random.default_rng(seed)
    out = function(*args, **kwargs)
    g = tree.map(lambda v: _random(v, rng), out)
    wrt = tuple(k for k, a in enumerate(args) if tree.leaves(a))
    u = [tree.map(lambda v: _random(v, rng), a) if k in wrt else None for k, a in enumerate(args)]

    def along(t: float) -> float:
        moved = [
            a if d is None else tree.map(lambda x, y: x + t * y, a, d)
            for a, d in zip(args, u, strict=True)
        ]
        return _weighted(function(*moved, **kwargs), g)

    bars = pullback(record, g, out, args, kwargs)
    total = 0.0
    for k in wrt:
        if bars[k] is not None:
            total += _inner(bars[k], args[k], u[k])
    _agree(total, along, rtol, atol, f"the rule of `{function.__name__}`")
    if can_push(record):
        tangent = pushforward(record, out, u, args, kwargs)
        forward = 0.0 if tangent is None else _weighted(tangent, g)
        _agree(forward, along, rtol, atol, f"the tangent of `{function.__name__}`")
    if wrt:
        _, compiled = vjp(function, wrt)(*args, out_bar=_only_leaves(g), **kwargs)
        total = sum(_inner(b, args[k], u[k]) for b, k in zip(compiled, wrt, strict=True))
        _agree(total, along, rtol, atol, f"the compiled `{function.__name__}`")


def _inner(bar: Any, x: Any, u: Any) -> float:
    """The cotangent applied to a direction, broadcasting undone."""
    if isinstance(x, list | tuple):
        return sum(_inner(*three) for three in zip(bar, x, u, strict=True))
    return float(np.real(np.sum(unbroadcast(bar, x) * u)))


def _agree(
    analytic: float, along: Callable[[float], float], rtol: float, atol: float, what: str
) -> None:
    """Does some step reproduce the derivative?  Differences of fourth order."""
    found = []
    for h in _STEPS:
        with np.errstate(all="ignore"):
            near, far = along(h) - along(-h), along(2 * h) - along(-2 * h)
        found.append((8 * near - far) / (12 * h))
        if abs(analytic - found[-1]) <= atol + rtol * abs(found[-1]):
            return
    if np.isnan(found).all():
        raise AssertionError(
            f"{what} gives {analytic!r} in a direction, the function is NaN nearby"
        )
    best = min(found, key=lambda d: abs(d - analytic))
    raise AssertionError(f"{what} gives {analytic!r} in a direction, differences give {best!r}")


def _random(x: Any, rng: np.random.Generator) -> Any:
    made = rng.standard_normal(np.shape(x)) + _imaginary(x, rng)
    return made if np.ndim(x) else made[()] if np.iscomplexobj(made) else float(made)


def _imaginary(x: Any, rng: np.random.Generator) -> Any:
    return 1j * rng.standard_normal(np.shape(x)) if np.iscomplexobj(x) else 0.0


def _weighted(value: Any, weights: Any) -> float:
    pairs = zip(tree.leaves(value), tree.leaves(weights), strict=True)
    return float(sum(np.real(np.sum(v * w)) for v, w in pairs))


def _only_leaves(weights: Any) -> Any:
    """The seed: None for what has no derivative."""
    if tree.is_leaf(weights):
        return weights
    parts = tree.children(weights)
    if parts is None:
        return None
    return tree.build(weights, {k: _only_leaves(v) for k, v in parts.items()})


def _places(args: Any, kwargs: Any, d: Any, wrt: Wrt) -> list[int | str]:
    """Where the differentiated arguments stand in the call."""
    found: list[int | str] = []
    names = list(d.__signature__.parameters)
    for w in wrt if isinstance(wrt, tuple) else (wrt,):
        k = names.index(w) if isinstance(w, str) and w in names else w
        if isinstance(k, int) and k < 0:
            k += len(args)
        found.append(w if isinstance(w, str) and (w in kwargs or w not in names) else k)
    return found


def _parts(args: Any, kwargs: Any, d: Any, wrt: Wrt) -> tuple[Any, ...]:
    places = _places(args, kwargs, d, wrt)
    parts = (kwargs[p] if isinstance(p, str) else args[p] for p in places)
    return tuple(float(x) if type(x) is int else x for x in parts)


def _moved(args: Any, kwargs: Any, d: Any, wrt: Wrt, parts: Any) -> tuple[list[Any], Any]:
    moved, named = list(args), dict(kwargs)
    for place, part in zip(_places(args, kwargs, d, wrt), parts, strict=True):
        if isinstance(place, str):
            named[place] = part
        else:
            moved[place] = part
    return moved, named
