"""Tracing a rule: its operands are symbols, and what it computes with them becomes equations."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from s2sgrad.front.infer import fits, infer
from s2sgrad.ir import ops
from s2sgrad.ir.graph import Atom, Eqn, Field, Form, Hole, Lit, Pack, Stmt, Var, atom_type
from s2sgrad.ir.span import Span
from s2sgrad.ir.types import FLOAT, Array, Scalar, Several, Type, Unknown, kind_of
from s2sgrad.passes.lower import LOWERED
from s2sgrad.rules.toolbox import symbolic

OPERATOR_OF = {
    np.add: operator.add,
    np.subtract: operator.sub,
    np.multiply: operator.mul,
    np.true_divide: operator.truediv,
    np.negative: operator.neg,
    np.power: operator.pow,
    np.matmul: operator.matmul,
    np.less: operator.lt,
    np.less_equal: operator.le,
    np.greater: operator.gt,
    np.greater_equal: operator.ge,
    np.equal: operator.eq,
    np.not_equal: operator.ne,
}


class StaticFact(Exception):
    """A rule asks for something that the types do not tell."""


class Recorder:
    """Appends equations to `stmts`; trivial ones are folded as they come."""

    def __init__(self, stmts: list[Stmt]) -> None:
        self.stmts = stmts
        self.at: Span | None = None

    def emit(
        self,
        op: Callable[..., Any],
        args: tuple[Atom, ...],
        form: Form | None = None,
        hint: str = "",
    ) -> Atom:
        folded = _fold(op, args) if form is None else None
        if folded is not None:
            return folded
        out = Var(hint, infer(op, args, form))
        self.stmts.append(Eqn(out, op, args, form, self.at))
        return out

    def symbol(self, a: Atom) -> Any:
        """What a rule is called with: a symbol, or the number itself."""
        return Symbol(self, a) if isinstance(a, Var) else a.value

    def call(self, op: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
        flat: list[Atom] = []
        templates = tuple(self.template(a, flat) for a in args)
        named = tuple((k, self.template(v, flat)) for k, v in kwargs.items())
        plain = (
            op is not ops.getitem
            and not named
            and templates == tuple(Hole(k) for k in range(len(flat)))
        )
        return self.symbol(self.emit(op, tuple(flat), None if plain else Form(templates, named)))

    def template(self, v: Any, flat: list[Atom]) -> Any:
        if isinstance(v, np.number):
            v = v.item()  # a constant has no dtype
        if isinstance(v, Symbol | int | float | complex) and not isinstance(v, bool):
            flat.append(self.atom(v))
            return Hole(len(flat) - 1)
        if isinstance(v, list | tuple):
            kind = "list" if isinstance(v, list) else "tuple"
            return Pack(kind, tuple(self.template(i, flat) for i in v))
        if isinstance(v, slice):
            parts = (v.start, v.stop, v.step)
            return Pack("slice", tuple(self.template(i, flat) for i in parts))
        return v

    def atom(self, v: Any) -> Atom:
        if isinstance(v, Symbol):
            return v.atom
        return Lit(v.item() if isinstance(v, np.number) else v)


def _fold(op: Callable[..., Any], args: tuple[Atom, ...]) -> Atom | None:
    """The value of a trivial equation: constants, and factors and terms that do nothing."""
    values = [a.value if isinstance(a, Lit) else None for a in args]
    if all(isinstance(v, int | float) for v in values) and op in _FOLDABLE:
        return Lit(op(*values))
    if op is operator.mul:
        for a, b in (args, args[::-1]):
            one = isinstance(a, Lit) and type(a.value) in (int, float) and a.value == 1
            if one and kind_of(atom_type(b)) in ("float", "complex"):
                return b
    if op is operator.truediv and values[1] == 1:
        return args[0]
    return None


_FOLDABLE = {operator.add, operator.sub, operator.mul, operator.neg}


def _type(v: Any) -> Type:
    if isinstance(v, Symbol):
        return v.type
    return FLOAT


def _expand(r: Recorder, g: Any, a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """`g[:, None]`: the axes that a reduction took away."""
    if keepdims or axis is None or isinstance(_type(g), Scalar):
        return g
    if isinstance(_type(a), Unknown):
        return r.call(np.expand_dims, (g, axis), {})
    rank = np.ndim(a)
    if rank == 0:
        return g
    lost = {k % rank for k in (axis if isinstance(axis, tuple) else (axis,))}
    index = tuple(None if k in lost else slice(None) for k in range(rank))
    while index and index[-1] == slice(None):
        index = index[:-1]
    return r.call(ops.getitem, (g, index), {})


def _count(r: Recorder, a: Any, axis: Any = None) -> Any:
    if isinstance(_type(a), Unknown) and (axis is None or type(axis) is int):
        return r.call(np.size, (a,) if axis is None else (a, axis), {})
    if np.ndim(a) == 0:
        return 1
    if axis is None:
        return r.call(np.size, (a,), {})
    total: Any = 1
    for k in axis if isinstance(axis, tuple) else (axis,):
        n = _length(r, a, k)
        total = n if isinstance(total, int) and total == 1 else total * n
    return total


def _length(r: Recorder, a: Any, axis: int) -> Any:
    t = _type(a)
    if isinstance(t, Array) and isinstance(t.shape[axis], int):
        return t.shape[axis]
    return r.call(np.size, (a, axis % np.ndim(a)), {})


def _broadcast_like(r: Recorder, g: Any, a: Any) -> Any:
    t = _type(a)
    if isinstance(t, Scalar) or (isinstance(_type(g), Array) and fits(_type(g), t)):
        return g
    return r.call(ops.broadcast_like, (g, a), {})


def _reshape_like(r: Recorder, g: Any, a: Any) -> Any:
    return g if isinstance(_type(a), Scalar) else r.call(ops.reshape_like, (g, a), {})


# What a helper of the rules means where the types are known: plain NumPy.
_LOWERED: dict[str, Callable[..., Any]] = {
    "expand": _expand,
    "count": _count,
    "length": _length,
    "broadcast_like": _broadcast_like,
    "reshape_like": _reshape_like,
    "zeros_like": lambda r, a: r.call(ops.zeros_like, (a,), {}),
}


def _binary(op: Callable[..., Any]) -> tuple[Any, Any]:
    def forward(self: Symbol, other: Any) -> Any:
        return self.recorder.call(op, (self, other), {})

    def backward(self: Symbol, other: Any) -> Any:
        return self.recorder.call(op, (other, self), {})

    return forward, backward


class Symbol:
    """An operand of a rule while it is traced: it records, and answers only static questions."""

    __slots__ = ("atom", "recorder")

    def __init__(self, recorder: Recorder, atom: Atom) -> None:
        self.recorder, self.atom = recorder, atom

    def __s2s_record__(self, fn: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        name = getattr(fn, "__name__", "")
        if name == "is_complex":
            return self._kind(args[0]) == "complex"
        lowered = _LOWERED.get(name) or LOWERED.get(name)
        if lowered is not None:
            plain = lowered(self.recorder, *args, **kwargs)
            if plain is not NotImplemented:
                return plain
        return self.recorder.call(fn, args, kwargs)

    def _kind(self, a: Any) -> str | None:
        if not isinstance(a, Symbol):
            return "complex" if isinstance(a, complex) else "float"
        if isinstance(a.type, Unknown):
            if not a.type.real:
                raise StaticFact("whether an operand is complex")
            return "float"
        return kind_of(a.type)

    def __array_ufunc__(self, ufunc: Any, method: str, *args: Any, **kwargs: Any) -> Any:
        fn = ufunc if method == "__call__" else getattr(ufunc, method)
        return self.recorder.call(OPERATOR_OF.get(fn, fn), args, kwargs)

    def __array_function__(self, fn: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if fn is np.ndim:
            return self.ndim if isinstance(args[0], Symbol) else np.ndim(args[0])
        if fn is np.iscomplexobj:
            return self._kind(args[0]) == "complex"
        return self.recorder.call(fn, args, kwargs)

    @property
    def type(self) -> Type:
        """What is known of the operand; asking does not tape it."""
        return atom_type(self.atom)

    @property
    def ndim(self) -> int:
        t = self.type
        if isinstance(t, Array):
            return len(t.shape)
        if isinstance(t, Scalar):
            return 0
        raise StaticFact("the rank of an operand")

    @property
    def T(self) -> Any:
        return self if self.ndim < 2 else self.recorder.call(np.transpose, (self,), {})

    def __getitem__(self, index: Any) -> Any:
        if symbolic((index,)) is not None:
            return self.recorder.call(ops.getitem, (self, index), {})
        named = isinstance(self.type, Several) and self.type.names
        form = Form((Hole(0), Field(index, named[index]) if named else index))
        return self.recorder.symbol(self.recorder.emit(ops.getitem, (self.atom,), form))

    __add__, __radd__ = _binary(operator.add)
    __sub__, __rsub__ = _binary(operator.sub)
    __mul__, __rmul__ = _binary(operator.mul)
    __truediv__, __rtruediv__ = _binary(operator.truediv)
    __pow__, __rpow__ = _binary(operator.pow)
    __matmul__, __rmatmul__ = _binary(operator.matmul)
    __mod__, __rmod__ = _binary(operator.mod)
    __floordiv__, __rfloordiv__ = _binary(operator.floordiv)
    __lt__, __gt__ = _binary(operator.lt)[0], _binary(operator.gt)[0]
    __le__, __ge__ = _binary(operator.le)[0], _binary(operator.ge)[0]
    __eq__, __ne__ = _binary(operator.eq)[0], _binary(operator.ne)[0]
    __hash__ = None  # type: ignore[assignment]

    def __neg__(self) -> Any:
        return self.recorder.call(operator.neg, (self,), {})

    def __abs__(self) -> Any:
        return self.recorder.call(abs, (self,), {})

    def __invert__(self) -> Any:
        return self.recorder.call(operator.invert, (self,), {})

    def __and__(self, other: Any) -> Any:
        return self.recorder.call(operator.and_, (self, other), {})

    def __or__(self, other: Any) -> Any:
        return self.recorder.call(operator.or_, (self, other), {})

    def _refuse(self, what: str) -> Any:
        raise StaticFact(f"`{what}` of an operand")

    def __bool__(self) -> bool:
        return self._refuse("bool")  # type: ignore[no-any-return]

    def __float__(self) -> float:
        return self._refuse("float")  # type: ignore[no-any-return]

    def __index__(self) -> int:
        return self._refuse("index")  # type: ignore[no-any-return]

    def __len__(self) -> int:
        return self._refuse("len")  # type: ignore[no-any-return]

    def __iter__(self) -> Any:
        if isinstance(self.type, Several):
            return iter([self[k] for k in range(len(self.type.items))])
        return self._refuse("iter")

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        return self._refuse("array")
