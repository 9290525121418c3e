"""Functions of the standard library that are no formulas: `math`, `divmod`."""

from __future__ import annotations

import builtins
import math
from typing import Any

from s2sgrad.rules import toolbox
from s2sgrad.rules.reductions import others
from s2sgrad.rules.registry import rule
from s2sgrad.rules.toolbox import broadcast_like, call, polygamma


@rule(math.fsum, linear=(0,))
def fsum(g: Any, out: Any, seq: Any) -> Any:
    """The accurate sum of a list or a vector."""
    return ([g for _ in seq],) if isinstance(seq, list | tuple) else broadcast_like(g, seq)


@rule(math.prod)
def prod(g: Any, out: Any, iterable: Any) -> Any:
    """The product of the others, by running products from both ends."""
    if not isinstance(iterable, list | tuple):
        return g * others(iterable, 0)
    before: list[Any] = [1]
    for item in iterable[:-1]:
        before.append(before[-1] * item)
    found: list[Any] = []
    after = g
    for item, left in zip(reversed(iterable), reversed(before), strict=False):
        found.append(left * after)
        after = after * item
    return (found[::-1],)


@rule(math.dist, singular=True)
def dist(g: Any, out: Any, p: Any, q: Any) -> Any:
    """The difference over the distance; 0 where both are the same point."""
    scale = g / (out + (out == 0))
    if isinstance(p, list | tuple) and isinstance(q, list | tuple):
        steps = [scale * (a - b) for a, b in zip(p, q, strict=True)]
        return steps, [-s for s in steps]
    if isinstance(p, list | tuple) or isinstance(q, list | tuple):
        raise NotImplementedError("math.dist has a rule for two lists or two vectors")
    step = scale * (p - q)
    return step, -step


@rule(math.gamma, singular=True)
def gamma(g: Any, out: Any, x: Any) -> Any:
    """DLMF 5.2.2: the digamma function is the logarithmic derivative."""
    return g * out * polygamma(0, x)


@gamma.jvp
def _gamma_jvp(out: Any, tangents: Any, x: Any) -> Any:
    return tangents[0] * out * polygamma(0, x)


@rule(math.lgamma, singular=True)
def lgamma(g: Any, out: Any, x: Any) -> Any:
    """DLMF 5.2.2."""
    return g * polygamma(0, x)


@lgamma.jvp
def _lgamma_jvp(out: Any, tangents: Any, x: Any) -> Any:
    return tangents[0] * polygamma(0, x)


@rule(toolbox.polygamma)
def polygamma_(g: Any, out: Any, n: int, x: Any) -> Any:
    """The next order."""
    return None, g * polygamma(n + 1, x)


@polygamma_.jvp
def _polygamma_jvp(out: Any, tangents: Any, n: int, x: Any) -> Any:
    return tangents[1] * polygamma(n + 1, x)


@rule(math.remainder)
def remainder(g: Any, out: Any, x: Any, y: Any) -> Any:
    """`x - n * y` with a piecewise constant n."""
    return g, -g * call(builtins.round, (x - out) / y)


@remainder.jvp
def _remainder_jvp(out: Any, tangents: Any, x: Any, y: Any) -> Any:
    first = 0.0 if tangents[0] is None else tangents[0]
    if tangents[1] is None:
        return first
    return first - tangents[1] * call(builtins.round, (x - out) / y)


@rule(math.ldexp, linear=(0,))
def ldexp(g: Any, out: Any, x: Any, i: Any) -> Any:
    """Scale by the same power of 2."""
    return call(math.ldexp, g, i), None


@rule(math.modf)
def modf(g: Any, out: Any, x: Any) -> Any:
    """The integer part is constant."""
    return 0.0 if g[0] is None else g[0]


@rule(builtins.divmod)
def divmod_(g: Any, out: Any, x: Any, y: Any) -> Any:
    """The quotient is constant."""
    return (0.0, 0.0) if g[1] is None else (g[1], -g[1] * out[0])
