"""The public transforms: compile at the first call of each signature, then dispatch."""

from __future__ import annotations

import functools
import inspect
import threading
import types
from collections.abc import Callable
from typing import Any

import numpy as np

from s2sgrad.compile import Compiled, Request, compile_reverse, type_of_argument
from s2sgrad.errors import DifferentiationError, Refusal, S2SGradError
from s2sgrad.ir.types import Array, Scalar, Type, kind_of

Wrt = int | str | tuple[int | str, ...]


class Derivative:
    """A transformed function: call it, or read `.source`, the Python that it runs."""

    def __init__(self, primal: Callable[..., Any], wrt: Wrt, what: str) -> None:
        if not isinstance(primal, types.FunctionType):
            raise TypeError(f"{what} takes a Python function, not {type(primal).__name__}")
        functools.update_wrapper(self, primal)
        self.primal = primal
        self._what = what
        self._signature = inspect.signature(primal)
        self._bare = not isinstance(wrt, tuple)
        self._wrt = tuple(_parameter(self._signature, w) for w in _as_tuple(wrt))
        self._compiled: dict[tuple[Any, ...], list[Compiled]] = {}
        self._last: Compiled | None = None
        self._lock = threading.RLock()
        if what == "vjp" and "out_bar" in self._signature.parameters:
            raise TypeError("a function with a parameter named `out_bar` cannot be given to vjp")

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        return self if instance is None else types.MethodType(self, instance)

    @property
    def source(self) -> str:
        """The emitted Python of the last signature; before any call, the generic form."""
        if self._last is None:
            from s2sgrad.generic import of_function

            assert isinstance(self.primal, types.FunctionType)
            return of_function(self.primal, self._wrt, self._bare, self._what).source
        return self._last.source

    def ir(self, after: str = "reverse+prune") -> str:
        """The textual IR of the last signature after a pass."""
        from s2sgrad.ir.text import text

        if self._last is None:
            raise S2SGradError("nothing is compiled before the first call")
        return text(self._last.ir[after])

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        out_bar = kwargs.pop("out_bar", None) if self._what == "vjp" else None
        bound = self._signature.bind(*args, **kwargs)
        values = self._flat(bound)
        compiled = self._for(values)
        given = [v for n, v in values.items() if type_of_argument(v) is not None]
        data = {n: compiled.scope.data[n][0]() for n in compiled.data}
        if self._what == "vjp":
            data["out_bar"] = self._seed(out_bar, compiled.result)
        return _owned(compiled.run(*given, **data), [*given, *data.values()])

    def _flat(self, bound: inspect.BoundArguments) -> dict[str, Any]:
        """Parameter names to values, ints in `wrt` taken as floats."""
        bound.apply_defaults()
        values: dict[str, Any] = {}
        for n, v in bound.arguments.items():
            kind = self._signature.parameters[n].kind
            if kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD):
                if v:
                    raise _unsupported(n, "takes any number of values")
                continue
            if n in self._wrt:
                v = self._differentiable(n, v)
            t = type_of_argument(v)
            if t is None and not (v is None or isinstance(v, str)):
                raise _unsupported(n, f"is a {type(v).__name__}")
            values[n] = v
        return values

    def _differentiable(self, name: str, v: Any) -> Any:
        if type(v) is int:
            return float(v)
        t = type_of_argument(v)
        if t is None or kind_of(t) != "float":
            what = f"an array of {v.dtype}" if isinstance(v, np.ndarray) else f"{type(v).__name__}"
            raise TypeError(f"cannot differentiate in `{name}`: it is {what}, not float")
        return v

    def _for(self, values: dict[str, Any]) -> Compiled:
        signature = tuple((n, type_of_argument(v) or v) for n, v in values.items())
        for compiled in self._compiled.get(signature, ()):
            if _fits(compiled):
                self._last = compiled
                return compiled
        with self._lock:
            compiled = self._compile(values)
            self._compiled.setdefault(signature, []).append(compiled)
            self._last = compiled
            return compiled

    def _compile(self, values: dict[str, Any]) -> Compiled:
        assert isinstance(self.primal, types.FunctionType)
        kinds = tuple(type_of_argument(v) for v in values.values())
        request = Request(
            tuple(values), kinds, tuple(values.values()), self._wrt, self._bare, self._what
        )
        compiled = compile_reverse(self.primal, request)
        if self._what != "vjp":
            self._check_scalar(compiled.result)
        return compiled

    def _check_scalar(self, t: Type) -> None:
        name = self.primal.__name__
        if isinstance(t, Array) and len(t.shape) > 0:
            shape = f"{len(t.shape)}-dimensional array"
            raise TypeError(f"`{name}` returns a {shape}, not a scalar: use vjp")
        if isinstance(t, Scalar) and t.kind == "complex":
            raise TypeError(f"`{name}` returns a complex number: use vjp")
        if type(t) is Type:
            raise TypeError(f"`{name}` returns several results: use vjp")

    def _seed(self, out_bar: Any, t: Type) -> Any:
        if out_bar is not None:
            return out_bar
        if isinstance(t, Scalar):
            return 1.0
        raise TypeError("out_bar is needed: the result is not a scalar")


def _owned(result: Any, given: list[Any]) -> Any:
    """A gradient is never a view of an argument, and writeable."""
    if isinstance(result, tuple):
        owned: list[Any] = []
        for r in result:
            owned.append(_owned(r, [*given, *owned]))
        return tuple(owned)
    if isinstance(result, np.ndarray) and (
        not result.flags.owndata or not result.flags.writeable or any(result is g for g in given)
    ):
        return result.copy()
    return result


def _fits(compiled: Compiled) -> bool:
    """Do the globals and cells that the code stands on still mean what they meant?"""
    for get, v in compiled.scope.data.values():
        now = type_of_argument(get())
        if isinstance(v.type, Array):
            if not isinstance(now, Array) or len(now.shape) != len(v.type.shape):
                return False
            if now.char != v.type.char or any(
                (a == 1) != (b == 1) for a, b in zip(now.shape, v.type.shape, strict=True)
            ):
                return False
        elif now != v.type:
            return False
    return compiled.scope.still_holds()


def _unsupported(name: str, what: str) -> DifferentiationError:
    return DifferentiationError(
        Refusal(
            f"the argument `{name}` {what}, which is not supported yet",
            None,
            "pass floats, ints or NumPy arrays",
            anchor="argument",
        )
    )


def _as_tuple(wrt: Wrt) -> tuple[int | str, ...]:
    return wrt if isinstance(wrt, tuple) else (wrt,)


def _parameter(signature: inspect.Signature, w: int | str) -> str:
    names = list(signature.parameters)
    if isinstance(w, str):
        if w not in names:
            raise TypeError(f"wrt={w!r}: there is no such parameter; there are {', '.join(names)}")
        return w
    if not -len(names) <= w < len(names):
        raise TypeError(f"wrt={w}: the function has {len(names)} parameters")
    return names[w]


def _transform(fun: Callable[..., Any] | None, wrt: Wrt, what: str) -> Any:
    if fun is None:
        return lambda f: Derivative(f, wrt, what)
    return Derivative(fun, wrt, what)


def grad(fun: Callable[..., Any] | None = None, wrt: Wrt = 0) -> Any:
    """The gradient of a scalar-valued function, of the shape of the argument `wrt`.

    >>> from s2sgrad import grad
    >>> def cube(x):
    ...     return x * x * x
    >>> grad(cube)(2.0)
    12.0
    """
    return _transform(fun, wrt, "grad")


def value_and_grad(fun: Callable[..., Any] | None = None, wrt: Wrt = 0) -> Any:
    """The value and the gradient of a scalar-valued function.

    >>> from s2sgrad import value_and_grad
    >>> def f(x, y):
    ...     return x * y + y
    >>> value_and_grad(f, wrt=("x", "y"))(2.0, 3.0)
    (9.0, (3.0, 3.0))
    """
    return _transform(fun, wrt, "value_and_grad")


def vjp(fun: Callable[..., Any] | None = None, wrt: Wrt = 0) -> Any:
    """The value and the vector-Jacobian product: call with `out_bar=`, of the result's shape.

    >>> import numpy as np
    >>> from s2sgrad import vjp
    >>> def f(x):
    ...     return x * x
    >>> vjp(f)(np.array([1.0, 2.0]), out_bar=np.array([1.0, 10.0]))
    (array([1., 4.]), array([ 2., 40.]))
    """
    return _transform(fun, wrt, "vjp")
