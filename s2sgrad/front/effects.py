"""Calls that act: random draws, clocks, logging.  They run once, in order, and are never repeated.

What they return is data.  A draw whose location or scale varies is written as what NumPy computes,
`loc + scale * standard_normal()`, so the derivative is that of the path that was drawn.
"""

from __future__ import annotations

import ast
import logging
import random
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from s2sgrad.front import sizes
from s2sgrad.front.integers import is_float
from s2sgrad.front.memory import Ref, is_array
from s2sgrad.front.probe import stand_in, type_of_value
from s2sgrad.front.sequences import Sequences
from s2sgrad.front.values import Known, Method, Tup, Value
from s2sgrad.ir.graph import Atom, Eqn, Form, Hole, Lit, Var, call_args
from s2sgrad.ir.opaque import CLASSES, MethodOf
from s2sgrad.ir.types import FLOAT, INT, UNKNOWN, Array, Scalar, Static, Type, Unknown

NONE = Static("NoneType")
# Modules whose functions act, with what their functions are asked on.
_DRAWS: dict[str, tuple[Any, type]] = {
    "random": (random, random.Random),
    "numpy.random": (np.random, np.random.RandomState),
}
_CLOCKS: dict[Any, Type] = {
    **dict.fromkeys((time.time, time.perf_counter, time.monotonic, time.process_time), FLOAT),
    **dict.fromkeys((time.time_ns, time.perf_counter_ns, time.monotonic_ns), INT),
}
_LEVELS = ("debug", "info", "warning", "error", "critical", "exception", "log")
_ACTS: dict[Any, Type] = {
    **_CLOCKS,
    **{getattr(logging, n): NONE for n in _LEVELS},
    time.sleep: NONE,
    warnings.warn: NONE,
    logging.getLogger: Static("Logger"),
    np.random.default_rng: Static("Generator"),
    np.random.RandomState: Static("RandomState"),
    random.Random: Static("Random"),
}
_LOGS = {
    **dict.fromkeys((*_LEVELS, "setLevel"), NONE),
    "isEnabledFor": Scalar("bool"),
    "getEffectiveLevel": INT,
}
_WRITERS = ("shuffle", "permuted")
# Where the size of what is drawn stands among the arguments.
_SIZE_AT = {
    **dict.fromkeys(("random", "standard_normal", "random_sample", "standard_exponential"), 0),
    **dict.fromkeys(("exponential", "poisson", "choice", "standard_gamma", "chisquare"), 1),
    **dict.fromkeys(("normal", "uniform", "integers", "randint", "binomial", "beta", "gamma"), 2),
    **dict.fromkeys(("laplace", "gumbel", "logistic", "lognormal"), 2),
}


@dataclass(frozen=True, slots=True)
class _Family:
    """A distribution that NumPy computes from a standard one: `_a`, `_b` are its parameters."""

    fields: dict[str, float]  # the parameters with their defaults
    standard: str
    text: str
    again: tuple[Value, ...] = ()  # the arguments of the standard draw of `random`


_FAMILIES = {
    "normal": _Family({"loc": 0.0, "scale": 1.0}, "standard_normal", "_a + _b * _z"),
    "uniform": _Family({"low": 0.0, "high": 1.0}, "random", "_a + (_b - _a) * _z"),
    "exponential": _Family({"scale": 1.0}, "standard_exponential", "_a * _z"),
}
_ZERO_ONE = (Lit(0.0), Lit(1.0))
_PLAIN = {
    "gauss": _Family({"mu": 0.0, "sigma": 1.0}, "gauss", "_a + _z * _b", _ZERO_ONE),
    "normalvariate": _Family({"mu": 0.0, "sigma": 1.0}, "normalvariate", "_a + _z * _b", _ZERO_ONE),
    "uniform": _Family({"a": 0.0, "b": 1.0}, "random", "_a + (_b - _a) * _z"),
}


@dataclass(frozen=True, slots=True)
class _Source:
    """Where draws come from: a generator, or a module."""

    cls: type
    op: Callable[[str], Any]  # the operation of that name
    owner: tuple[Var, ...] = ()


class Effects(Sequences):
    """Calls of what acts."""

    def evaluate(
        self, text: str, node: ast.AST, values: dict[str, Value], before: str = ""
    ) -> Value:
        raise NotImplementedError

    def call(self, fn: Value, args: list[Value], kwargs: dict[str, Value], node: Any) -> Value:
        obj = fn.obj if isinstance(fn, Known) else None
        if callable(obj):
            found = _ACTS.get(obj) if getattr(type(obj), "__hash__", None) else None
            if found is not None:
                return self.act(obj, args, kwargs, found, node)
            module = _module_of(obj)
            if module is not None:
                space, cls = _DRAWS[module]
                return self.draw(
                    _Source(cls, lambda name: getattr(space, name)),
                    obj.__name__,
                    args,
                    kwargs,
                    node,
                )
        return super().call(fn, args, kwargs, node)

    def method(
        self, m: Method, args: list[Value], kwargs: dict[str, Value], node: ast.Call
    ) -> Value:
        owner = m.owner
        t = owner.type if isinstance(owner, Var) else None
        cls = CLASSES.get(t.name) if isinstance(t, Static) else None
        if cls is None or not isinstance(owner, Var):
            return super().method(m, args, kwargs, node)
        op = MethodOf(cls, m.name)
        if not callable(getattr(cls, m.name, None)):
            raise self.refuse(node, f"a `{cls.__name__}` has no method `{m.name}`", "")
        if cls is logging.Logger:
            if m.name not in _LOGS:
                raise self.refuse_method(m, node)
            return self.act(op, [owner, *args], kwargs, _LOGS[m.name], node)
        source = _Source(cls, lambda name: MethodOf(cls, name), (owner,))
        return self.draw(source, m.name, args, kwargs, node)

    # -- any call that acts

    def act(
        self,
        op: Callable[..., Any],
        args: list[Value],
        kwargs: dict[str, Value],
        t: Type,
        node: ast.AST,
    ) -> Value:
        """The equation of a call that acts: `t` is the type of what it returns."""
        flat: list[Atom] = []
        templates = tuple(self.template(a, flat, node) for a in args)
        named = tuple((k, self.template(v, flat, node)) for k, v in kwargs.items())
        plain = not named and templates == tuple(Hole(k) for k in range(len(flat)))
        out = Var("", t, sizes.own_extent() if t == INT else None)
        form = None if plain else Form(templates, named)
        self.stmts.append(Eqn(out, op, tuple(flat), form, self.span(node), True, True))
        return Lit(None) if t == NONE else self.own(out)

    # -- draws

    def draw(
        self,
        source: _Source,
        name: str,
        args: list[Value],
        kwargs: dict[str, Value],
        node: ast.AST,
    ) -> Value:
        """A draw; one of a location-scale family, where these vary, by its standard draw."""
        if name in _WRITERS or "out" in kwargs:
            raise self.refuse(
                node,
                f"`{name}` writes to an array that it is given",
                "rng.permutation(x), which makes a new array",
                "write",
            )
        families = _PLAIN if source.cls is random.Random else _FAMILIES
        if name not in families:
            return self.drawn(source, name, args, kwargs, node)
        family = families[name]
        given = dict(zip((*family.fields, "size"), args, strict=False)) | kwargs
        values = [given.get(f, Lit(d)) for f, d in family.fields.items()]
        size = given.get("size", Lit(None))
        varies = any(map(self.may_vary, values)) and given.keys() <= {*family.fields, "size"}
        shape = self.drawn_shape(size, values, node) if varies else None
        if shape is None:
            return self.drawn(source, name, args, kwargs, node)
        again = [shape] if source.cls is not random.Random else family.again
        standard = family.standard
        if source.cls is np.random.RandomState and standard == "random":
            standard = "random_sample"
        names = dict(zip(("_a", "_b"), values, strict=False))
        names["_z"] = self.drawn(source, standard, list(again), {}, node)
        return self.evaluate(family.text, node, names)

    def may_vary(self, v: Value) -> bool:
        """Is it computed, and no int?"""
        v = self.read(v, self._node)
        return isinstance(v, Var) and (is_float(v) or isinstance(v.type, Array | Unknown))

    def drawn_shape(self, size: Value, params: list[Value], node: ast.AST) -> Value | None:
        """The size of the standard draw; None where it is that of several arrays."""
        if not (isinstance(size, Lit) and size.value is None):
            return size
        arrays = [v for v in params if isinstance(v, Ref) or is_array(self.read(v, node))]
        if not arrays:
            return Lit(None)
        types = [self.type_of(v) for v in arrays]
        if not isinstance(types[0], Array) or any(t != types[0] for t in types):
            return None
        x = self.read(arrays[0], node)
        return Tup(tuple(self.extent(x, k, node) for k in range(len(types[0].shape))))

    def drawn(
        self,
        source: _Source,
        name: str,
        args: list[Value],
        kwargs: dict[str, Value],
        node: ast.AST,
    ) -> Value:
        """The equation of a draw; its type is that of one on stand-ins."""
        op, given = source.op(name), [*source.owner, *args]
        if name in ("seed", "set_state", "setstate"):
            return self.act(op, given, kwargs, NONE, node)
        if name in ("get_state", "getstate", "spawn", "bit_generator"):
            raise self.refuse(node, f"`{name}` of a generator", "call it outside", "method")
        t = self.drawn_type(getattr(_fresh(source.cls), name), args, kwargs, node)
        at = _SIZE_AT.get(name)
        size = kwargs.get("size")
        if size is None and at is not None and len(args) > at:
            size = args[at]
        if name in ("rand", "randn"):
            size = Tup(tuple(args))
        if isinstance(t, Array) and size is not None:
            t = self.sized(t, size, node)
        return self.act(op, given, kwargs, t, node)

    def drawn_type(
        self, ask: Callable[..., Any], args: list[Value], kwargs: dict[str, Value], node: ast.AST
    ) -> Type:
        flat: list[Atom] = []
        templates = tuple(self.template(a, flat, node) for a in args)
        named = tuple((k, self.template(v, flat, node)) for k, v in kwargs.items())
        for extent, scale in ((3, 1.0), (1, 1.0), (2, 1.0), (12, 0.0)):
            try:
                values = [
                    a.value if isinstance(a, Lit) else stand_in(a.type, scale, extent) for a in flat
                ]
                pos, kw = call_args(Eqn(Var(""), ask, (), Form(templates, named)), values)
                return type_of_value(ask(*pos, **kw))
            except Exception:  # whatever it says to a stand-in: others may do
                continue
        return UNKNOWN

    def sized(self, t: Array, size: Value, node: ast.AST) -> Array:
        """The type of what is drawn, with the extents that were asked for."""
        flat: list[Atom] = []
        template = self.template(size, flat, node)
        found = sizes.sizes(template, tuple(flat))
        if len(found) != len(t.shape):
            return t
        dims = (d[1:] if isinstance(d, str) and d.startswith("~") else d for d in found)
        return Array(
            t.char, tuple(f if d is None else d for d, f in zip(dims, t.shape, strict=True))
        )


def _fresh(cls: type) -> Any:
    return np.random.default_rng(0) if cls is np.random.Generator else cls(0)


def _module_of(obj: Any) -> str | None:
    """The module of functions that draw from a generator of the process."""
    name = getattr(obj, "__name__", "")
    for module, (space, cls) in _DRAWS.items():
        if getattr(space, name, None) is obj and hasattr(cls, name):
            return module
    return None


__all__ = ["NONE", "Effects"]
