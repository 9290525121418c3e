"""Random formulas at the edges of floating point, against dual numbers of 60 digits.

A formula maps a number to a number; it is written in NumPy and followed in `mpmath` side by side.
Where a choice is made, the part that is not chosen counts for nothing, whatever it is.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mpmath import mp, mpf

POINTS = (0.0, 1e-9, 0.3, 0.9, 2.3, 30.0, 300.0, 900.0)  # and their negatives


@dataclass(frozen=True)
class Dual:
    """A value and its derivative."""

    value: Any
    slope: Any


def _chain(f: Callable[[Any], Any], slope: Callable[[Any], Any]) -> Callable[[Dual], Dual]:
    return lambda x: Dual(f(x.value), slope(x.value) * x.slope)


def _one_of(test: Callable[[Any], bool], f: Any, g: Any) -> Callable[[Dual], Dual]:
    return lambda x: f(x) if test(x.value) else g(x)


def _constant(c: Any) -> Callable[[Dual], Dual]:
    return lambda x: Dual(mpf(c), mpf(0))


def _same(x: Dual) -> Dual:
    return x


_sigmoid = _chain(lambda x: 1 / (1 + mp.exp(-x)), lambda x: mp.exp(-x) / (1 + mp.exp(-x)) ** 2)
_log1pexp = _chain(lambda x: mp.log1p(mp.exp(x)), lambda x: 1 / (1 + mp.exp(-x)))
_exp, _log = _chain(mp.exp, mp.exp), _chain(mp.log, lambda x: 1 / x)
_sqrt = _chain(mp.sqrt, lambda x: 1 / (2 * mp.sqrt(x)))
_inverse = _chain(lambda x: 1 / x, lambda x: -1 / x**2)
_length = _chain(lambda x: mp.sqrt(x * x + 1), lambda x: x / mp.sqrt(x * x + 1))
_bell = _chain(lambda x: 1 / (1 + x * x), lambda x: -2 * x / (1 + x * x) ** 2)
_log_below_1 = _one_of(lambda v: v <= 1, _log, _constant(0))  # `clip` passes at the bounds
_log_of_clip = _one_of(lambda v: v > 1e-12, _log_below_1, _constant(mp.log(mpf(1e-12))))
# Text, with `{}` for the operand, and its meaning.
UNARY: list[tuple[str, Callable[[Dual], Dual]]] = [
    ("np.tanh({})", _chain(mp.tanh, lambda x: 1 / mp.cosh(x) ** 2)),
    ("1.0 / (1.0 + np.exp(-{}))", _sigmoid),
    ("np.logaddexp(0.0, {})", _log1pexp),
    ("np.log1p(np.exp(-np.abs({})))", lambda x: _log1pexp(Dual(-abs(x.value), _falling(x)))),
    ("np.exp(-({0} * {0}))", _chain(lambda x: mp.exp(-x * x), lambda x: -2 * x * mp.exp(-x * x))),
    ("np.arctan({})", _chain(mp.atan, lambda x: 1 / (1 + x * x))),
    ("np.sin({})", _chain(mp.sin, mp.cos)),
    ("{} * 3.0", _chain(lambda x: 3 * x, lambda x: mpf(3))),
    ("{} - 1.0", _chain(lambda x: x - 1, lambda x: mpf(1))),
    ("{} ** 3", _chain(lambda x: x**3, lambda x: 3 * x**2)),
    ("{0} * {0}", _chain(lambda x: x * x, lambda x: 2 * x)),
    ("np.sqrt({0} * {0} + 1.0)", _length),
    ("1.0 / (1.0 + {0} * {0})", _bell),
    ("np.where({0} > 0, np.sqrt({0}), 0.0)", _one_of(lambda v: v > 0, _sqrt, _constant(0))),
    ("np.where({0} > 0, np.log({0}), {0})", _one_of(lambda v: v > 0, _log, _same)),
    ("np.where({0} != 0, 1.0 / {0}, 2.0)", _one_of(lambda v: v != 0, _inverse, _constant(2))),
    ("np.where({0} < 9.0, np.exp({0}), 1.0)", _one_of(lambda v: v < 9, _exp, _constant(1))),
    ("np.exp(np.minimum({}, 5.0))", _one_of(lambda v: v < 5, _exp, _constant(mp.exp(5)))),
    ("np.log(np.clip({}, 1e-12, 1.0))", _log_of_clip),
    ("np.sqrt(np.maximum({}, 0.25))", _one_of(lambda v: v > 0.25, _sqrt, _constant(0.5))),
]


def _falling(x: Dual) -> Any:
    """The slope of `-abs(x)`."""
    return -mp.sign(x.value) * x.slope


def _quotient(x: Dual, y: Dual) -> Dual:
    d = 1 + y.value**2
    return Dual(x.value / d, x.slope / d - 2 * x.value * y.value * y.slope / d**2)


BINARY: list[tuple[str, Callable[[Dual, Dual], Dual]]] = [
    ("{} + {}", lambda x, y: Dual(x.value + y.value, x.slope + y.slope)),
    (
        "{} * {}",
        lambda x, y: Dual(x.value * y.value, x.slope * y.value + x.value * y.slope),
    ),
    ("{0} / (1.0 + {1} ** 2)", _quotient),
]


@dataclass(frozen=True)
class Formula:
    """The text of `f(x)`, the sum over an array, and its meaning on a number."""

    source: str
    steps: tuple[tuple[Callable[..., Dual], tuple[int, ...]], ...]

    def at(self, x: float) -> Dual:
        """Value and slope at a point; `ArithmeticError` where there are none, or not in float64."""
        with mp.workdps(60):
            known = [Dual(mpf(x), mpf(1))]
            for step, operands in self.steps:
                known.append(step(*(known[k] for k in operands)))
            last = known[-1]
        both = (last.value, last.slope)
        if not all(isinstance(v, mpf) and mp.isfinite(v) and abs(v) < 1e300 for v in both):
            raise ArithmeticError(f"no finite slope at {x}")
        return last


def formula(seed: int) -> Formula:
    """The formula of a seed."""
    rng = random.Random(seed)
    lines, steps = list[str](), list[tuple[Callable[..., Dual], tuple[int, ...]]]()
    for k in range(1, rng.randint(2, 5)):
        operands: tuple[int, ...]
        if rng.random() < 0.75:
            text, step = rng.choice(UNARY)
            operands = (rng.randint(max(0, k - 2), k - 1),)
            steps.append((step, operands))
        else:
            text, binary = rng.choice(BINARY)
            operands = (k - 1, rng.randint(0, k - 1))
            steps.append((binary, operands))
        names = ["x" if j == 0 else f"y{j}" for j in operands]
        lines.append(f"    y{k} = {text.format(*names)}")
    body = "\n".join(lines)
    return Formula(f"def f(x):\n{body}\n    return np.sum(y{len(steps)})\n", tuple(steps))
