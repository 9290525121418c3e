"""Scalars in normal form: a `Value` is a constant times a product of powers of *bases*.

A base is an input, a sum, or what some function gives; equal ones are made once.  Products are not
bases: powers of bases add, so that factors cancel, and in which order they are multiplied is
decided at the end (`products`), when all that is needed is known.  A sum has no common factors in
it: they stand outside.  Nothing is expanded, so no digits are lost.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from s2sgrad.passes.record import OPERATOR_OF

Mono = tuple[tuple[int, int], ...]  # (base, exponent), bases in rising order
EMPTY: Mono = ()
MOST_POWER = 8  # integer powers up to this are products
EPSILON = float(np.finfo(float).eps)


class Dynamic(Exception):
    """The program asks for the value of something that is only known when it runs."""


@dataclass(frozen=True, slots=True)
class Input:
    """A number that comes from outside: which one."""

    number: int


@dataclass(frozen=True, slots=True)
class Sum:
    """`ca * a + cb * b`."""

    ca: float
    a: Mono
    cb: float
    b: Mono


@dataclass(frozen=True, slots=True)
class Term:
    """A constant times a product: a `Value` as an operand that is looked up."""

    factor: float
    mono: Mono


@dataclass(frozen=True, slots=True)
class Apply:
    """`op(*args)`: an operand is a `Term`, or a constant of any kind."""

    op: Callable[..., Any]
    args: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Named:
    """A product that is a base of its own: its factors meet no others."""

    mono: Mono


Base = Input | Sum | Apply | Named


@dataclass(frozen=True, slots=True)
class Policy:
    """What is not known to be better before it is tried.

    `outside`: when a factor of a sum is taken out of it: 0 if both terms have it, 1 also if neither
    term has factor 1, 2 always.  `names`: are the products of the program bases, which the
    derivatives then share, or do their factors meet those of others?
    """

    outside: int = 0
    names: bool = False


class Table:
    """The bases, in the order in which they were made: operands first."""

    def __init__(self, policy: Policy | None = None) -> None:
        self.policy = policy or Policy()
        self.bases: list[Base] = []
        self.hints: dict[int, str] = {}
        self.products: dict[tuple[float, Mono], str] = {}  # what the program calls them
        self.roots: dict[int, Term] = {}  # the square of a base
        self.root_of: dict[int, int] = {}
        self.naming = self.policy.names  # while the program is followed
        self.raising: list[int] = []  # bases that Python may refuse to compute
        self.divisors: list[Mono] = []  # what Python refuses to divide by if it is zero
        self._known: dict[Base, int] = {}

    def add(self, base: Base) -> int:
        found = self._known.get(base)
        if found is None:
            found = self._known[base] = len(self.bases)
            self.bases.append(base)
        return found

    def one(self, base: int) -> Value:
        """The value of a base."""
        return Value(self, 1.0, ((base, 1),))

    def input(self, number: int, hint: str) -> Value:
        """The number that comes from outside."""
        base = self.add(Input(number))
        self.hints[base] = hint
        return self.one(base)

    def value(self, x: Any) -> Value:
        """`x`, also if it is a plain number."""
        if isinstance(x, Value):
            return x
        if isinstance(x, bool | np.bool_ | complex) or not isinstance(x, int | float | np.number):
            raise Dynamic("what is not a real number")
        return Value(self, float(x), EMPTY)

    def apply(self, op: Callable[..., Any], args: tuple[Any, ...]) -> Value:
        """`op(*args)` as a base."""
        terms = tuple(Term(a.factor, a.mono) if isinstance(a, Value) else a for a in args)
        if op is np.exp:  # `math.exp` raises where it overflows
            other = self._known.get(Apply(op, (Term(-terms[0].factor, terms[0].mono),)))
            if other is not None:
                return self.one(other) ** -1
        base = self.add(Apply(op, terms))
        if op in (np.sqrt, math.sqrt):
            self.roots[base] = inner = terms[0]
            if inner.factor == 1.0 and len(inner.mono) == 1 and inner.mono[0][1] == 1:
                self.root_of[inner.mono[0][0]] = base
        return self.one(base)

    def operand(self, a: Any) -> Any:
        """An operand of `Apply` as a rule takes it."""
        return Value(self, a.factor, a.mono) if isinstance(a, Term) else a

    def may_raise(self, op: Callable[..., Any], args: Sequence[Any], out: Any) -> None:
        """The program computes `out` of numbers, and Python may refuse to."""
        if op is operator.truediv and isinstance(args[1], Value):
            self.divisors.append(args[1].mono)
        elif op is operator.pow and isinstance(args[0], Value) and args[0].mono:
            if any(k < 0 for _, k in out.mono):
                self.divisors.append(args[0].mono)
        if isinstance(out, Value):
            self.raising += [b for b, _ in out.mono if isinstance(self.bases[b], Apply)]

    # -- products

    def product(self, factor: float, powers: Iterable[tuple[int, int]]) -> Value:
        """A constant times powers of bases, in normal form."""
        total: dict[int, int] = {}
        for base, k in powers:
            total[base] = total.get(base, 0) + k
        if factor == 0.0:
            return Value(self, 0.0, EMPTY)
        for root in [b for b in total if b in self.roots]:
            k = total[root]
            square = self.roots[root]
            n = square.mono[0][0] if self.root_of.get(square.mono[0][0]) == root else -1
            if n in total:  # powers of the root and of its square are one power
                k += 2 * total.pop(n)
            half = int(k / 2)  # towards zero
            if half:
                factor *= square.factor**half
                for base, j in square.mono:
                    total[base] = total.get(base, 0) + j * half
            total[root] = k - 2 * half
        mono = tuple(sorted((b, k) for b, k in total.items() if k))
        return Value(self, rounded(factor), mono)

    def mul(self, x: Value, y: Value) -> Value:
        return self._named(self.product(x.factor * y.factor, (*x.mono, *y.mono)))

    def _named(self, x: Value) -> Value:
        """The product as a base, if products are to be bases now."""
        if not self.naming or sum(abs(k) for _, k in x.mono) < 2:
            return x
        return self.one(self.add(Named(x.mono))).times(x.factor)

    def quotient(self, x: Value, y: Value) -> Value:
        if y.factor == 0.0:
            raise Dynamic("a division by zero")
        inverse = ((b, -k) for b, k in y.mono)
        return self._named(self.product(x.factor / y.factor, (*x.mono, *inverse)))

    def power(self, x: Value, p: Any) -> Value:
        if isinstance(p, int | float) and p == int(p) and abs(p) <= MOST_POWER:
            p = int(p)
            return self._named(self.product(x.factor**p, ((b, k * p) for b, k in x.mono)))
        if isinstance(p, int | float) and p == 0.5:
            return self.apply(np.sqrt, (x,))
        return self.apply(operator.pow, (x, p))

    # -- sums

    def sum(self, x: Value, y: Value) -> Value:
        if x.factor == 0.0:
            return y
        if y.factor == 0.0:
            return x
        if x.mono == y.mono:
            c = x.factor + y.factor
            return Value(self, c, x.mono if c else EMPTY)
        common = _common(x.mono, y.mono)
        if common:
            inverse = tuple((b, -k) for b, k in common)
            x = self.product(x.factor, (*x.mono, *inverse))
            y = self.product(y.factor, (*y.mono, *inverse))
            rest = self.sum(x, y)
            return self.product(rest.factor, (*rest.mono, *common))
        if x.mono > y.mono:
            x, y = y, x
        if self._outside(abs(x.factor), abs(y.factor)):
            ratio = rounded(y.factor / x.factor)
            if abs(ratio) == 0.5:  # rather a double
                return self.one(self.add(Sum(1.0 / ratio, x.mono, 1.0, y.mono))).times(y.factor)
            return self.one(self.add(Sum(1.0, x.mono, ratio, y.mono))).times(x.factor)
        return self.one(self.add(Sum(x.factor, x.mono, y.factor, y.mono)))

    def _outside(self, a: float, b: float) -> bool:
        """Is a factor taken out of a sum of terms with the factors `a` and `b`?"""
        if a == b or self.policy.outside == 2:
            return True
        return self.policy.outside == 1 and a != 1.0 and b != 1.0


def rounded(c: float) -> float:
    """`c`, or the multiple of 1/16 that it is but for some roundings: 0.5 for 0.4999999999999999.

    Products of constants such as `1 / sqrt(2)` have rounding errors of that size anyway, and a half
    that is not recognised is neither folded nor shared.
    """
    near = round(c * 16.0) / 16.0 if abs(c) < 1e6 else c
    return near if near and abs(c - near) <= 4.0 * EPSILON * abs(near) else c


def _common(x: Mono, y: Mono) -> Mono:
    """The powers that both products have."""
    other = dict(y)
    found = []
    for b, k in x:
        j = other.get(b, 0)
        if k > 0 and j > 0:
            found.append((b, min(k, j)))
        elif k < 0 and j < 0:
            found.append((b, max(k, j)))
    return tuple(found)


def _both(op: Callable[[Table, Value, Value], Value]) -> tuple[Any, Any]:
    def forward(self: Value, other: Any) -> Any:
        if isinstance(other, np.ndarray):
            return NotImplemented
        return op(self.table, self, self.table.value(other))

    def backward(self: Value, other: Any) -> Any:
        if isinstance(other, np.ndarray):
            return NotImplemented
        return op(self.table, self.table.value(other), self)

    return forward, backward


def _asked(self: Value, *_: Any) -> Any:
    raise Dynamic("the value of a number")


@dataclass(frozen=True, slots=True, eq=False)
class Value:
    """`factor` times a product; an array of these is an array of objects.

    It cannot be compared: a rule that does so asks for what is known only when the program runs.
    """

    table: Table
    factor: float
    mono: Mono

    __add__, __radd__ = _both(lambda t, x, y: t.sum(x, y))
    __sub__, __rsub__ = _both(lambda t, x, y: t.sum(x, -y))
    __mul__, __rmul__ = _both(lambda t, x, y: t.mul(x, y))
    __truediv__, __rtruediv__ = _both(lambda t, x, y: t.quotient(x, y))

    def times(self, factor: float) -> Value:
        """The value times a constant that is not zero."""
        return Value(self.table, self.factor * factor, self.mono)

    def __neg__(self) -> Value:
        return Value(self.table, -self.factor, self.mono)

    def __pos__(self) -> Value:
        return self

    def __pow__(self, p: Any) -> Value:
        return self.table.power(self, p)

    def __rpow__(self, x: Any) -> Value:
        return self.table.apply(operator.pow, (x, self))

    def __abs__(self) -> Value:
        inner = Value(self.table, 1.0, self.mono)
        return self.table.apply(np.abs, (inner,)).times(abs(self.factor))

    def conjugate(self) -> Value:
        return self

    def __s2s_record__(self, fn: Any, args: Any, kwargs: Any) -> Any:
        """What a helper of the rules means for one number: nothing is spread or summed."""
        name = getattr(fn, "__name__", "")
        if name == "is_complex":
            return False
        if name in ("broadcast_like", "reshape_like"):
            return args[0]
        if kwargs:
            raise Dynamic(f"{name} with options")
        return on_numbers(fn, args)

    def __array_ufunc__(self, ufunc: Any, method: str, *args: Any, **kwargs: Any) -> Any:
        if method != "__call__" or kwargs:
            raise Dynamic(f"{ufunc.__name__}.{method}")
        return on_each(OPERATOR_OF.get(ufunc, ufunc), args)

    __bool__ = __float__ = __int__ = __index__ = _asked
    __lt__ = __le__ = __gt__ = __ge__ = __eq__ = __ne__ = _asked
    __hash__ = None  # type: ignore[assignment]


ARITHMETIC = (
    operator.add,
    operator.sub,
    operator.mul,
    operator.truediv,
    operator.neg,
    operator.pow,
)


def on_each(op: Callable[..., Any], args: Sequence[Any]) -> Any:
    """The elementwise `op` on numbers, or on each element of arrays."""
    if not any(isinstance(a, np.ndarray) for a in args):
        return on_numbers(op, tuple(args))
    arrays = np.broadcast_arrays(*(np.asarray(a, object) for a in args))
    out = np.empty(arrays[0].shape, object)
    for index in np.ndindex(out.shape):
        out[index] = on_numbers(op, tuple(a[index] for a in arrays))
    return out if out.shape else out[()]


def on_numbers(op: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    """`op` on numbers, some of which may be `Value`s."""
    table = next((a.table for a in args if isinstance(a, Value)), None)
    if table is None:
        return op(*args)
    if op is operator.pow:
        base, power = args
        return base**power if isinstance(base, Value) else table.apply(op, (float(base), power))
    if op in ARITHMETIC:  # of Values: a NumPy number would ask for the ufunc again
        return op(*map(table.value, args))
    if op is np.square:
        return args[0] * args[0]
    if op is np.reciprocal:
        return 1.0 / args[0]
    if op in (abs, np.abs, math.fabs):
        return abs(args[0])
    return table.apply(op, tuple(args))
