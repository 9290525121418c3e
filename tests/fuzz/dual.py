"""The oracle: forward mode by dual numbers, run on the program's own source.

The program's globals get a substitute `math` and `np`. A `DualArray` holds two arrays of the same
layout and every view is taken of both, so that aliasing is exactly NumPy's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from .program import Loaded, Program

LEAST_MARGIN = 1e-6  # of a comparison: closer ones may go either way
LARGEST = 1e6


class Skip(Exception):
    """The oracle has no reliable answer: a comparison too close, or values too large."""


class _Seen:
    """What the comparisons of the program that runs were like."""

    margin = math.inf
    path: ClassVar[list[bytes]] = []


def _compared(a: Any, b: Any) -> None:
    difference = np.asarray(a - b)
    _Seen.margin = min(_Seen.margin, float(np.min(np.abs(difference), initial=math.inf)))
    _Seen.path.append((difference > 0).tobytes())


def val(x: Any) -> Any:
    """The value of anything."""
    if isinstance(x, (Dual, DualArray)):
        return x.value
    if isinstance(x, (list, tuple)):
        return type(x)(val(i) for i in x)
    return x


def tan(x: Any) -> Any:
    """The tangent of anything; of a constant, zeros of its shape."""
    if isinstance(x, (Dual, DualArray)):
        return x.tangent
    if isinstance(x, (list, tuple)):
        return type(x)(tan(i) for i in x)
    return np.zeros_like(x, dtype=float) if isinstance(x, np.ndarray) else 0.0


def wrap(value: Any, tangent: Any) -> Any:
    """A `DualArray`, or a `Dual` for a scalar."""
    if isinstance(value, np.ndarray):
        own = np.empty_like(value)  # the same layout, which a later `reshape` depends on
        own[...] = tangent
        return DualArray(value, own)
    return Dual(float(value), float(tangent))


def _add(a: Any, b: Any) -> tuple[Any, Any]:
    return val(a) + val(b), tan(a) + tan(b)


def _sub(a: Any, b: Any) -> tuple[Any, Any]:
    return val(a) - val(b), tan(a) - tan(b)


def _mul(a: Any, b: Any) -> tuple[Any, Any]:
    return val(a) * val(b), tan(a) * val(b) + val(a) * tan(b)


def _div(a: Any, b: Any) -> tuple[Any, Any]:
    q = val(a) / val(b)
    return q, (tan(a) - q * tan(b)) / val(b)


def _pow(a: Any, b: Any) -> tuple[Any, Any]:
    if isinstance(b, (Dual, DualArray)):
        raise TypeError("only constant exponents")
    va = val(a)
    return va**b, (0.0 * tan(a) if b == 0 else b * va ** (b - 1) * tan(a))


def _matmul(a: Any, b: Any) -> tuple[Any, Any]:
    return val(a) @ val(b), tan(a) @ val(b) + val(a) @ tan(b)


_Rule = Callable[[Any, Any], tuple[Any, Any]]
_KNOWN = (int, float, np.ndarray)


class _Number:
    """Operators and comparisons; `value` and `tangent` are in the subclasses."""

    __slots__ = ()
    __array_ufunc__ = None  # NumPy's operators defer to ours
    value: Any
    tangent: Any

    def _op(self, rule: _Rule, other: Any, swapped: bool = False) -> Any:
        if not isinstance(other, (_Number, *_KNOWN)):
            return NotImplemented
        return wrap(*(rule(other, self) if swapped else rule(self, other)))

    def __add__(self, o: Any) -> Any:
        return self._op(_add, o)

    def __radd__(self, o: Any) -> Any:
        return self._op(_add, o, True)

    def __sub__(self, o: Any) -> Any:
        return self._op(_sub, o)

    def __rsub__(self, o: Any) -> Any:
        return self._op(_sub, o, True)

    def __mul__(self, o: Any) -> Any:
        return self._op(_mul, o)

    def __rmul__(self, o: Any) -> Any:
        return self._op(_mul, o, True)

    def __truediv__(self, o: Any) -> Any:
        return self._op(_div, o)

    def __rtruediv__(self, o: Any) -> Any:
        return self._op(_div, o, True)

    def __matmul__(self, o: Any) -> Any:
        return self._op(_matmul, o)

    def __rmatmul__(self, o: Any) -> Any:
        return self._op(_matmul, o, True)

    def __pow__(self, o: Any) -> Any:
        return self._op(_pow, o)

    def __neg__(self) -> Any:
        return wrap(-self.value, -self.tangent)

    def __pos__(self) -> Any:
        return wrap(+self.value, +self.tangent)

    def __abs__(self) -> Any:
        _compared(self.value, 0.0)
        return wrap(abs(self.value), np.sign(self.value) * self.tangent)

    def __lt__(self, o: Any) -> Any:
        _compared(self.value, val(o))
        return self.value < val(o)

    def __le__(self, o: Any) -> Any:
        _compared(self.value, val(o))
        return self.value <= val(o)

    def __gt__(self, o: Any) -> Any:
        _compared(self.value, val(o))
        return self.value > val(o)

    def __ge__(self, o: Any) -> Any:
        _compared(self.value, val(o))
        return self.value >= val(o)

    def __eq__(self, o: Any) -> Any:
        _compared(self.value, val(o))
        return self.value == val(o)

    def __ne__(self, o: Any) -> Any:
        _compared(self.value, val(o))
        return self.value != val(o)

    __hash__ = None  # type: ignore[assignment]


class Dual(_Number):
    """A float and its tangent; augmented assignment rebinds, as for a float."""

    __slots__ = ("tangent", "value")

    def __init__(self, value: float, tangent: float) -> None:
        self.value, self.tangent = value, tangent

    def __bool__(self) -> bool:
        _compared(self.value, 0.0)
        return bool(self.value)

    def __float__(self) -> float:
        raise TypeError("float() of a dual number would drop its tangent")

    def __repr__(self) -> str:
        return f"Dual({self.value!r}, {self.tangent!r})"


class DualArray(_Number):
    """An array and its tangent, of the same layout in memory."""

    __slots__ = ("tangent", "value")

    def __init__(self, value: np.ndarray[Any, Any], tangent: np.ndarray[Any, Any]) -> None:
        assert value.shape == tangent.shape
        self.value, self.tangent = value, tangent

    def _view(self, take: Callable[[Any], Any]) -> Any:
        value, tangent = take(self.value), take(self.tangent)
        # Both or none is a view, else the two would part at the next write.
        assert np.may_share_memory(value, self.value) == np.may_share_memory(tangent, self.tangent)
        if isinstance(value, np.ndarray):
            return DualArray(value, tangent)
        return Dual(float(value), float(tangent))

    def __getitem__(self, key: Any) -> Any:
        return self._view(lambda a: a[key])

    def __setitem__(self, key: Any, new: Any) -> None:
        # A constant's zero tangent must not have more dimensions than the slot: a scalar does.
        tangent = tan(new)
        self.value[key] = val(new)
        self.tangent[key] = tangent

    def _inplace(self, rule: _Rule, other: Any) -> Any:
        if not isinstance(other, (_Number, *_KNOWN)):
            return NotImplemented
        value, tangent = rule(self, other)
        if np.shape(value) != self.value.shape:
            raise ValueError("the result of an in-place operation does not fit")
        self.value[...] = value
        self.tangent[...] = tangent
        return self

    def __iadd__(self, o: Any) -> Any:
        return self._inplace(_add, o)

    def __isub__(self, o: Any) -> Any:
        return self._inplace(_sub, o)

    def __imul__(self, o: Any) -> Any:
        return self._inplace(_mul, o)

    def __itruediv__(self, o: Any) -> Any:
        return self._inplace(_div, o)

    def __len__(self) -> int:
        return len(self.value)

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> bool:
        raise TypeError("the truth of an array")

    @property
    def T(self) -> Any:
        return self._view(lambda a: a.T)

    @property
    def shape(self) -> tuple[int, ...]:
        return np.shape(self.value)

    @property
    def ndim(self) -> int:
        return np.ndim(self.value)

    @property
    def size(self) -> int:
        return np.size(self.value)

    def reshape(self, *shape: Any) -> Any:
        return self._view(lambda a: a.reshape(*shape))

    def ravel(self) -> Any:
        return self._view(lambda a: a.ravel())

    def copy(self) -> DualArray:
        return DualArray(self.value.copy(), self.tangent.copy())

    def sum(self, axis: int | None = None) -> Any:
        return wrap(self.value.sum(axis), self.tangent.sum(axis))

    def mean(self, axis: int | None = None) -> Any:
        return wrap(self.value.mean(axis), self.tangent.mean(axis))

    def dot(self, other: Any) -> Any:
        return self @ other

    def fill(self, value: Any) -> None:
        self[...] = value


_PARTIALS: dict[str, Callable[[Any, Any], Any]] = {  # of (argument, answer)
    "sin": lambda x, y: np.cos(x),
    "cos": lambda x, y: -np.sin(x),
    "exp": lambda x, y: y,
    "log": lambda x, y: 1.0 / x,
    "sqrt": lambda x, y: 0.5 / y,
    "tanh": lambda x, y: 1.0 - y * y,
    "square": lambda x, y: 2.0 * x,
    "abs": lambda x, y: np.sign(x),
    "negative": lambda x, y: -1.0 + 0.0 * x,
}


class DualMath:
    """In place of the module `math`."""

    pi, e = math.pi, math.e

    def __getattr__(self, name: str) -> Callable[[Any], Any]:
        own: Callable[[float], float] = getattr(math, name)
        partial = _PARTIALS[name]

        def call(x: Any) -> Any:
            if not isinstance(x, Dual):
                return own(x)
            y = own(x.value)
            return Dual(y, float(partial(x.value, y)) * x.tangent)

        return call


def _result(value: Any, tangent: Any, out: DualArray | None) -> Any:
    if out is None:
        return wrap(value, tangent)
    if np.shape(value) != out.shape:
        raise ValueError("out= does not fit")
    out.value[...] = value
    out.tangent[...] = tangent
    return out


def _binary(rule: _Rule) -> Callable[..., Any]:
    def call(a: Any, b: Any, out: DualArray | None = None) -> Any:
        return _result(*rule(a, b), out)

    return call


def _fresh(maker: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any) -> DualArray:
        value = maker(*(val(a) for a in args))
        return DualArray(value, np.zeros_like(value))

    return call


class DualNumpy:
    """In place of the module `np`."""

    pi = math.pi
    add = staticmethod(_binary(_add))
    subtract = staticmethod(_binary(_sub))
    multiply = staticmethod(_binary(_mul))
    divide = staticmethod(_binary(_div))
    matmul = staticmethod(_binary(_matmul))
    dot = staticmethod(_binary(_matmul))
    zeros = staticmethod(_fresh(np.zeros))
    ones = staticmethod(_fresh(np.ones))
    zeros_like = staticmethod(_fresh(np.zeros_like))
    ones_like = staticmethod(_fresh(np.ones_like))
    # Garbage must not decide anything: what is read before it is written is NaN.
    empty = staticmethod(_fresh(lambda shape: np.full(shape, np.nan)))
    empty_like = staticmethod(_fresh(lambda a: np.full_like(a, np.nan)))

    def __getattr__(self, name: str) -> Callable[..., Any]:
        own, partial = getattr(np, name), _PARTIALS[name]

        def call(x: Any, out: DualArray | None = None) -> Any:
            if name == "abs":
                _compared(val(x), 0.0)
            y = own(val(x))
            return _result(y, partial(val(x), y) * tan(x), out)

        return call

    @staticmethod
    def sum(a: Any, axis: int | None = None) -> Any:
        return wrap(np.sum(val(a), axis), np.sum(tan(a), axis))

    @staticmethod
    def mean(a: Any, axis: int | None = None) -> Any:
        return wrap(np.mean(val(a), axis), np.mean(tan(a), axis))

    @staticmethod
    def array(a: Any) -> Any:
        return DualArray(np.array(val(a), float), np.array(tan(a), float))

    @staticmethod
    def stack(items: Any, axis: int = 0) -> Any:
        return DualArray(np.stack(val(items), axis), np.stack(tan(items), axis))

    @staticmethod
    def concatenate(items: Any) -> Any:
        return DualArray(np.concatenate(val(items)), np.concatenate(tan(items)))

    @staticmethod
    def outer(a: Any, b: Any) -> Any:
        return DualArray(
            np.outer(val(a), val(b)), np.outer(tan(a), val(b)) + np.outer(val(a), tan(b))
        )

    @staticmethod
    def copy(a: DualArray) -> DualArray:
        return DualArray(np.copy(a.value), np.copy(a.tangent))

    @staticmethod
    def where(test: Any, a: Any, b: Any) -> Any:
        return wrap(np.where(test, val(a), val(b)), np.where(test, tan(a), tan(b)))

    @staticmethod
    def maximum(a: Any, b: Any) -> Any:
        _compared(val(a), val(b))
        take = np.greater(val(a), val(b))
        return wrap(np.maximum(val(a), val(b)), np.where(take, tan(a), tan(b)))

    @staticmethod
    def minimum(a: Any, b: Any) -> Any:
        _compared(val(a), val(b))
        take = np.less(val(a), val(b))
        return wrap(np.minimum(val(a), val(b)), np.where(take, tan(a), tan(b)))


def lift(arg: Any, tangent: Any) -> Any:
    """An argument with its tangent; None is no tangent."""
    if isinstance(arg, np.ndarray):
        value = np.array(arg, order="K")
        out = DualArray(value, np.zeros_like(value))
        if tangent is not None:
            out.tangent[...] = tangent
        return out
    return arg if tangent is None else Dual(arg, tangent)


@dataclass(frozen=True, slots=True)
class Run:
    """What a program gave; runs of the same path took the same branches everywhere."""

    value: float
    tangent: float
    path: list[bytes]


def run(program: Program, args: tuple[Any, ...], tangents: dict[int, Any]) -> Run:
    """The value and the directional derivative; `Skip` where they cannot be trusted."""
    _Seen.margin, _Seen.path = math.inf, []
    with Loaded(program, math=DualMath(), np=DualNumpy()) as loaded, np.errstate(all="ignore"):
        try:
            out = loaded.f(*(lift(a, tangents.get(i)) for i, a in enumerate(args)))
        except (OverflowError, ZeroDivisionError) as e:
            raise Skip(str(e)) from e
        except ValueError as e:
            if "domain" not in str(e):  # else a fault of the oracle, which must be seen
                raise
            raise Skip(str(e)) from e
        except Exception as e:
            if type(e).__name__ != "Stop":  # of a program's own
                raise
            raise Skip("the program stops") from e
    if not _Seen.margin >= LEAST_MARGIN:
        raise Skip("a comparison is too close")
    value, tangent = float(val(out)), float(tan(out))
    if not (abs(value) < LARGEST and abs(tangent) < LARGEST):
        raise Skip("too large, or not finite")
    return Run(value, tangent, _Seen.path)


def direction(program: Program, args: tuple[Any, ...], rng: np.random.Generator) -> dict[int, Any]:
    """A random direction in the arguments that the program is differentiated in."""
    return {
        i: rng.uniform(-1, 1, args[i].shape)
        if isinstance(args[i], np.ndarray)
        else float(rng.uniform(-1, 1))
        for i in program.wrt
    }
