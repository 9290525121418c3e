"""The result of a transform: a function that compiles at the first call of each signature."""

from __future__ import annotations

import contextlib
import functools
import inspect
import threading
import types
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Generic, ParamSpec, Self, TypeVar

from s2sgrad.admission import Lengths, check_differentiable, header, signatures
from s2sgrad.callee import Callee, Stage, absent, callee, of_derivative
from s2sgrad.compile import Compiled, compile_derivative
from s2sgrad.dispatch import ABSENT, Call, Ways, dispatcher, fits
from s2sgrad.emit.load import note
from s2sgrad.errors import DifferentiationError, S2SGradError
from s2sgrad.front.resolve import Scope
from s2sgrad.front.structure import Signature, type_of_argument
from s2sgrad.front.values import Transformed, Value
from s2sgrad.frozen import bound_name, freeze
from s2sgrad.graph import Graph
from s2sgrad.ir.ops import part
from s2sgrad.lowered import Lowered, Sizes, measured, shown, sizes
from s2sgrad.overlap import refuse_overlaps, refuse_shared_containers
from s2sgrad.passes.seeds import NAME, pattern
from s2sgrad.passes.tangents import Fitting
from s2sgrad.pipeline import LEVELS
from s2sgrad.request import SEED_NAMES, Inner, Request, Target
from s2sgrad.targets import below, check_target, named, target

ALONE = ("grad", "value_and_grad", "elementwise_grad")  # their calls run what is emitted, no more
LISTED = ("grad", "value_and_grad", "vjp", "pullback", "jvp", "hvp")  # take lists of any length
GUARDED = 16  # signatures that a guard tells apart, one test after another
MOST = 256  # signatures that a function is kept compiled for
Wrt = int | str | tuple[int | str, ...]
_P = inspect.Parameter
P = ParamSpec("P")
R = TypeVar("R")


# One for all: the compiler asks NumPy with warnings off, which is a state of the process.
_COMPILING = threading.RLock()


class Derivative(Generic[P, R]):
    """A transformed function: call it, or read `.source`, the Python that it runs.

    `primal` is the function that was transformed.  Threads may share it.
    """

    _s2sgrad_derivative = True
    __name__: str

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        # A class of its own, so that `__call__` may be the guard itself: a method that takes
        # `*args, **kwargs` and hands them on costs more than the guard.
        return object.__new__(type(cls.__name__, (cls,), {"__doc__": cls.__doc__}))

    def __init__(
        self,
        primal: Callable[..., Any],
        wrt: Wrt,
        what: str,
        has_aux: bool = False,
        optimize: int = 1,
        jit: str | None = None,
        member: bool = False,
    ) -> None:
        _check_options(optimize, jit)
        self._callee = callee(primal, what)
        if member:
            self._callee = replace(self._callee, fixed={}, method=True, library=False)
        own = ("__dict__",) if not isinstance(primal, Derivative) else ()
        functools.update_wrapper(self, primal, updated=own)
        for name in ("__name__", "__qualname__"):
            if not hasattr(primal, name):
                setattr(self, name, self._callee.name)
        self.primal = primal
        self.__signature__ = self._callee.shown
        self._options = (wrt, what, has_aux, optimize)
        self._what, self._has_aux = what, has_aux
        self._bare = not isinstance(wrt, tuple)
        self._wrt = wrt if isinstance(wrt, tuple) else (wrt,)
        self._stage = Stage(self._wrt, self._bare, what, has_aux)
        for w in self._wrt:
            check_target(self._callee, w)
        inner = [w for stage in self._callee.inner for w in stage.wrt]
        self._names = frozenset(n for w in (*self._wrt, *inner) if (n := named(self._callee, w)))
        self._seed_name = seed = SEED_NAMES.get(what)
        if seed is not None and seed in self._callee.whole.parameters:
            raise TypeError(
                f"a function with a parameter named `{seed}` cannot be given to {what}: give it a "
                "lambda whose parameter has another name"
            )
        listed = what in LISTED and not (self._callee.inner or self._callee.derivative)
        self._lengths = Lengths(self._callee, self._names, listed)
        self._compiled: dict[Any, list[Compiled]] = {}
        self._last: Compiled | None = None
        self._sizes: Sizes = ({}, {})  # of the arguments that it was compiled for
        self._twin: Derivative[..., Any] | None = None
        self._answer(self._slow)

    def _kind(self) -> Any:
        """The class that was asked for an object, which has one of its own."""
        return type(self).__base__

    def staged(self, what: str) -> Callee:
        """The function whose derivative of the derivative `what` is asked for."""
        if self._what in ("grad", "value_and_grad"):
            return replace(self._callee, inner=(*self._callee.inner, self._stage))
        return of_derivative(self, self._what, self._callee, self._seed_name)

    def value(self, scope: Scope) -> Value:
        """This transform as a program knows it."""
        c = self._callee
        found = c.value(scope)
        for one in (*c.inner, self._stage):
            wrt = tuple(w if c.library else named(c, w) or w for w in one.wrt)
            found = Transformed(one.what, found, wrt[0] if one.bare else wrt, one.has_aux)
        return found

    def settled(self, values: dict[str, Any]) -> dict[str, Any]:
        """The arguments of this transform, its seed among them, in the types that it takes.

        Raises `TypeError` where the seed has not the structure or the shapes of the arguments.
        """
        own = {n: v for n, v in values.items() if n != self._seed_name}
        values |= self._settled(own)
        if self._seed_name not in (None, NAME):
            given = signatures(self._callee, own, self._names)
            targets = tuple(target(self._callee, w, own) for w in self._wrt)
            name = str(self._seed_name)
            values[name] = self._seed(given, targets, own, values[name])[1]
        return values

    def __repr__(self) -> str:
        return f"<{self._what} of {self._callee.name}>"

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        if instance is None:
            return self
        if self._twin is None:
            self._twin = self._kind()(self.primal, *self._options, member=True)
        return types.MethodType(self._twin, instance)

    def __reduce__(self) -> Any:
        """By name where the module binds it to that, else as the transform of a function."""
        if bound_name(self.primal) is self:
            return self.primal.__qualname__
        if (
            not isinstance(self.primal, types.FunctionType)
            or bound_name(self.primal) is self.primal
        ):
            return self._kind(), (self.primal, *self._options)
        latest = [found[0] for found in self._compiled.values() if found]
        return freeze(self._callee, self._names, latest if self._what in ALONE else [])

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: Any) -> Self:
        return self

    # -- what it is made of

    @property
    def source(self) -> str:
        """The emitted Python of the last signature; before any call, the generic form."""
        if self._last is None:
            return self._generic()
        return self._last.source

    def _generic(self) -> str:
        """The derivative without arguments to look at.

        Raises `DifferentiationError` for what needs them: containers, objects.
        """
        from s2sgrad.generic import of_function

        plain = isinstance(self.primal, types.FunctionType) and not self._callee.library
        wrt = tuple(n for w in self._wrt if (n := named(self._callee, w)))
        known = self._what != "pullback" and self._what != "elementwise_grad"
        known = known and not self._callee.inner
        if self._has_aux or not known or len(wrt) < len(self._wrt):
            plain = False
        if not plain:
            self._current()
        assert isinstance(self.primal, types.FunctionType)
        return of_function(self.primal, wrt, self._bare, self._what).source

    def source_for(self, *args: Any, **kwargs: Any) -> str:
        """The emitted Python for arguments like these; nothing is run."""
        return self.lower(*args, **kwargs).source

    def lower(self, *args: Any, **kwargs: Any) -> Lowered:
        """The compilation for arguments like these; nothing is run."""
        seed = self._taken(kwargs)
        values = self._bind(args, kwargs)
        return Lowered(self._compilation(values, seed)[0], values)

    @property
    def graph(self) -> Graph:
        """The graph of the function, local partials on its edges: `str` for Graphviz, `.svg()`."""
        return Graph(self._current().ir, self._callee.name)

    @property
    def cost(self) -> dict[str, Any]:
        """What the last signature costs: operations, copies, and what the tapes held then.

        See `.lower(*args).cost` for the tapes with arguments like others.
        """
        return measured(self._current(), self._sizes)

    def ir(self, after: str = "reverse+prune") -> str:
        """The textual IR of the last signature after a pass."""
        return shown(self._current(), after)

    def _current(self) -> Compiled:
        if self._last is None:
            raise S2SGradError("nothing is compiled before the first call: use .source_for(*args)")
        return self._last

    # -- calls

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """The gradient; replaced by a guard once something is compiled."""
        answer: R = self._slow(*args, **kwargs)
        return answer

    def _answer(self, call: Call) -> None:
        """Calls are answered by `call` from now on."""
        type(self).__call__ = staticmethod(call)  # type: ignore[method-assign]

    def _slow(self, *args: Any, **kwargs: Any) -> Any:
        """A call that no guard answers: its signature is looked up, or compiled."""
        seed = self._taken(kwargs)
        values = self._bind(args, kwargs)
        compiled, seed = self._compilation(values, seed)
        try:
            return self._run(compiled, seed, values)
        except Exception as e:
            note(e)
            raise

    def _taken(self, kwargs: dict[str, Any]) -> Any:
        """The seed, taken out of the keywords of a call."""
        name = self._seed_name
        if name not in (None, NAME) and kwargs.get(name, ABSENT) is ABSENT:
            raise TypeError(f"{self._what}: `{name}=` is needed, structured like wrt")
        return kwargs.pop(name, None) if name else None

    def _placed(self, compiled: Compiled, values: dict[str, Any]) -> tuple[list[Any], Any]:
        """What the emitted function is called with: the arguments, and what it reads from outside.

        Raises `DifferentiationError` where arrays share memory that the function writes to.
        """
        pos: list[Any] = []
        read = {n: compiled.scope.data[n][0]() for n in compiled.data}
        named = dict(read)
        for p in self._callee.whole.parameters.values():
            if p.name not in values:
                continue
            v = values[p.name]
            if p.kind is _P.VAR_POSITIONAL:
                pos += v
            elif p.kind is _P.VAR_KEYWORD:
                named.update(v)
            elif p.kind is _P.KEYWORD_ONLY:
                named[p.name] = v
            else:
                pos.append(v)
        if compiled.written:
            refuse_overlaps(compiled, values, self._callee.name, read)
        if compiled.changes:
            refuse_shared_containers(compiled, values, self._callee.name)
        return pos, named

    def _run(self, compiled: Compiled, seed: Any, values: dict[str, Any]) -> Any:
        pos, named = self._placed(compiled, values)
        if self._seed_name not in (None, NAME):
            return compiled.run(*pos, **named, **{str(self._seed_name): seed})
        if not compiled.seeds.given:
            return compiled.run(*pos, **named)
        if seed is None:
            self._check_seedless(compiled)
        out_bar = compiled.seeds.coerce(1.0 if seed is None else seed)
        try:
            result = compiled.run(*pos, **named, out_bar=out_bar)
        except (ValueError, IndexError):
            # A seed of the wrong shape may not even broadcast; say so rather than how it failed.
            with contextlib.suppress(ValueError):  # the error is the primal's own
                compiled.seeds.check_shapes(self._value_of(values), out_bar)
            raise
        value = result[0][0] if self._has_aux else result[0]
        compiled.seeds.check_shapes(value, out_bar)
        return result

    def _blame(self, compiled: Compiled, error: Exception, *args: Any, **kwargs: Any) -> None:
        """Was it the shape of the seed?  Then that is raised, else the error is the primal's own.

        A seed of the wrong shape may not even broadcast.
        """
        if isinstance(error, ValueError | IndexError):
            seed = self._taken(kwargs)
            with contextlib.suppress(ValueError):
                compiled.seeds.check_shapes(self._value_of(self._bind(args, kwargs)), seed)

    def _value_of(self, values: dict[str, Any]) -> Any:
        bound = inspect.BoundArguments(self._callee.whole, values)
        function = self.primal if self._callee.inner else self._callee.function
        value = function(*bound.args, **bound.kwargs)
        return value[0] if self._has_aux else value

    def _bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Every parameter of the function to its value; ints in `wrt` are taken as floats."""
        try:
            bound = self._callee.shown.bind(*args, **kwargs)
        except TypeError as e:
            raise TypeError(f"{self._callee.name}(): {e}") from None
        bound.apply_defaults()
        given = {**self._callee.fixed, **bound.arguments}
        values = {n: given[n] for n in self._callee.whole.parameters if not absent(given[n])}
        return self._settled(values)

    def _settled(self, values: dict[str, Any]) -> dict[str, Any]:
        """The arguments as they are compiled for: ints in `wrt` are floats."""
        for n in self._names:
            if n in values and type(values[n]) is int:
                values[n] = float(values[n])
        nested = self._callee.derivative
        return nested.settled(values) if nested else values

    def _parts(self, targets: tuple[Target, ...], values: dict[str, Any]) -> tuple[Any, ...]:
        """What the targets stand for in a call."""
        return tuple(part(values[t.name], t.path) for t in targets if t.name in values)

    # -- compilations

    def _compilation(self, values: dict[str, Any], seed: Any) -> tuple[Compiled, Any]:
        """What serves these arguments, and the seed as it takes it."""
        given = self._lengths.signatures(values)
        targets = tuple(target(self._callee, w, values) for w in self._wrt)
        leaves, settled = self._seed(given, targets, values, seed)
        key = (tuple(given.items()), leaves)
        for compiled in self._compiled.get(key, ()):
            if fits(compiled):
                return compiled, settled
        with _COMPILING:
            for compiled in self._compiled.get(key, ()):  # another thread may have been faster
                if fits(compiled):
                    return compiled, settled
            if self._lengths.second(values, given):
                return self._compilation(values, seed)
            check_differentiable(given, targets, values)
            scope = Scope(type_of_argument, taken=frozenset((*self._callee.whole.parameters, NAME)))
            closure = self._callee.closure(scope, tuple(given))
            request = self._request(given, targets, leaves, values)
            try:
                compiled = compile_derivative(closure, scope, self._callee.name, request)
            except DifferentiationError:
                if not self._lengths.refused(given):
                    raise
                return self._compilation(values, seed)
            known = self._compiled.get(key, [])
            # What it stood on has changed: it will hardly change back.
            self._compiled[key] = [compiled, *(c for c in known if fits(c))]
            while len(self._compiled) > MOST:
                self._compiled.pop(next(iter(self._compiled)), None)  # the oldest
            self._answer(self._dispatcher())
            self._last, self._sizes = compiled, sizes(compiled, values)
            self.__wrapped__ = compiled.run  # `inspect.getsource` shows what runs
            return compiled, settled

    def _seed(
        self,
        given: dict[str, Signature],
        targets: tuple[Target, ...],
        values: dict[str, Any],
        seed: Any,
    ) -> tuple[Any, Any]:
        """Which leaves of the seed are given, and the seed: tangents in the types of arguments."""
        name = self._seed_name
        if name is None:
            return None, None
        if name == NAME:
            return pattern(1.0 if seed is None else seed), seed
        fitting = Fitting(name)
        arguments = [
            (below(given[t.name], t.path), part(values[t.name], t.path))
            for t in targets
            if t.name in given
        ]
        seed = fitting.all(arguments, self._bare, seed)
        return frozenset(fitting.given), seed

    def _check_seedless(self, compiled: Compiled) -> None:
        """Only a real scalar has a seed of its own."""
        t = compiled.seeds.given[0][1]
        if getattr(t, "kind", "") == "complex" or len(getattr(t, "shape", ())) > 0:
            raise TypeError("out_bar is needed: the result is not a real scalar")

    def _request(
        self, given: dict[str, Signature], targets: tuple[Target, ...], leaves: Any, values: Any
    ) -> Request:
        whats = (self._bare, self._what, self._has_aux)
        head = header(self._callee, tuple(given))
        level, inner = self._options[-1], self._inner(values)
        return Request(given, targets, *whats, leaves, head, optimize=level, inner=inner)

    def _inner(self, values: dict[str, Any]) -> tuple[Inner, ...]:
        stages = self._callee.inner
        return tuple(
            Inner(tuple(target(self._callee, w, values) for w in s.wrt), s.bare, s.what, s.has_aux)
            for s in stages
        )

    def _dispatcher(self) -> Call:
        if self._callee.derivative:  # its own arguments are settled first
            return self._slow
        recent = [found[0] for found in self._compiled.values() if found][-GUARDED:]
        return dispatcher(self._callee, self._what, recent[::-1], self._ways())

    def _ways(self) -> Ways:
        return Ways(self._slow, self._blame)


def _check_options(optimize: int, jit: str | None) -> None:
    if type(optimize) is not int or not 0 <= optimize < len(LEVELS):
        raise TypeError(f"optimize={optimize!r}: 0, 1 or 2 is meant")
    if jit is not None:
        raise TypeError(
            f"jit={jit!r} is not supported yet: give what is emitted, `.source`, to that compiler"
        )
