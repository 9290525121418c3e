"""Signatures of arguments: the type of a number or array, the structure of a container.

A structure is known at the call, so it is no value of the IR: its leaves are.  Two arguments with
equal signatures are served by the same compilation.
"""

from __future__ import annotations

import dataclasses
import math
import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from s2sgrad.ir.opaque import data_type
from s2sgrad.ir.types import FLOAT, Array, List, Scalar, Type, is_differentiable

LONGER = 8  # items: lists of more have no length in their signature, at first
_STATIC = (str, bytes, type(None), type(...), slice, range, np.dtype, np.ufunc)
_CALLABLE = (types.FunctionType, types.BuiltinFunctionType, types.MethodType, types.ModuleType)
_KINDS = {"f": "float", "i": "int", "u": "int", "b": "bool", "c": "complex"}
_FOREIGN = {
    "pandas": "pass `.to_numpy()`",
    "torch": "pass `.numpy()`",
    "jax": "pass `numpy.asarray(x)`",
    "jaxlib": "pass `numpy.asarray(x)`",
    "tensorflow": "pass `.numpy()`",
    "cupy": "pass `.get()`",
    "scipy": "pass `.toarray()`",
}


class UnsupportedArgument(Exception):
    """A value of which there is no signature: what it is, and a way out."""

    def __init__(self, path: str, what: str, way_out: str) -> None:
        super().__init__(path, what, way_out)
        self.path, self.what, self.way_out = path, what, way_out


@dataclass(frozen=True, slots=True, eq=False)
class Const:
    """A leaf that is part of the program: equal if it is an equal string or None, else the same."""

    value: Any

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Const) or type(self.value) is not type(other.value):
            return False
        return self.value is other.value or (
            isinstance(self.value, (*_STATIC, int, tuple)) and bool(self.value == other.value)
        )

    def __hash__(self) -> int:
        by_value = isinstance(self.value, str | bytes)
        return hash(self.value) if by_value else hash(type(self.value))


@dataclass(frozen=True, slots=True)
class Struct:
    """A container: see `front.values.Tup` for the fields."""

    items: tuple[Signature, ...]
    kind: str
    keys: tuple[Any, ...] = ()
    cls: type | None = None

    def paths(self) -> Iterator[tuple[tuple[str, Any], Signature]]:
        """How each item is read from the container, and its signature."""
        for k, item in enumerate(self.items):
            if self.kind == "dict":
                spelled = is_literal(self.keys[k])
                yield (("item", self.keys[k]) if spelled else ("nth", k)), item
            elif self.kind in ("namedtuple", "object"):
                yield ("attr", self.keys[k]), item
            else:
                yield ("item", k), item


Signature = Type | Struct | Const


def is_literal(key: Any) -> bool:
    """Can the key be written in the emitted text?"""
    if type(key) is tuple:
        return all(map(is_literal, key))
    return type(key) in (str, int, bool, type(None), bytes)


def type_of_argument(value: Any) -> Type | None:
    """The type of a number, an array or a generator of numbers; None for anything else.

    An extent of 1 is part of the type; every other extent is a symbol.
    """
    if type(value) is float:
        return FLOAT
    for kind, cls in (("bool", bool), ("int", int), ("float", float), ("complex", complex)):
        if type(value) is cls:
            return Scalar(kind)
    if type(value) is np.ndarray or type(value) is np.memmap:
        if value.dtype.kind not in "fiubc":
            return None
        return Array(value.dtype.char, tuple(1 if n == 1 else "n" for n in value.shape))
    if isinstance(value, np.bool_ | np.number):
        if value.dtype.kind not in _KINDS:
            return None
        return Scalar(_KINDS[value.dtype.kind], value.dtype.char)
    return data_type(value)


def list_type(value: list[Any]) -> List | None:
    """The type of a list of numbers, of arrays, or of lists of numbers, of one type; else None.

    Arrays of different extents are told apart from such as all have the same ones: of those two
    items meet without being broadcast.
    """
    kinds = set(map(type, value))
    if len(kinds) != 1:
        return None
    kind = kinds.pop()
    if kind in (float, int, complex):
        return List(Scalar(kind.__name__))
    if kind is list:
        types = set(map(list_type, value))
        one = types.pop() if len(types) == 1 else None
        return List(one) if one is not None and not isinstance(one.item, Array) else None
    if kind is not np.ndarray or len({v.dtype for v in value}) != 1:
        return None
    shapes = {v.shape for v in value}
    t = type_of_argument(value[0])
    if len(shapes) == 1 or not isinstance(t, Array):
        return None if not isinstance(t, Array) else List(t)
    if len({len(shape) for shape in shapes}) != 1:
        return None
    ragged = tuple("?" for _ in t.shape)
    return List(Array(t.char, ragged)) if all(1 not in shape for shape in shapes) else None


def signature_of(
    value: Any, path: str, inside: tuple[int, ...] = (), longer: float = math.inf
) -> Signature:
    """The signature of an argument called `path`; `inside` are the containers around it.

    Lists of more than `longer` items of one type have no length.
    """
    t = type_of_argument(value)
    if t is not None:
        return t
    if isinstance(value, (*_STATIC, *_CALLABLE, type)):
        return Const(value)
    if id(value) in inside:
        raise UnsupportedArgument(path, "contains itself", "take the reference out of it")
    within = (*inside, id(value))
    if type(value) is list and len(value) > longer and (listed := list_type(value)) is not None:
        return listed
    if type(value) in (tuple, list):
        items = (signature_of(v, f"{path}[{k}]", within, longer) for k, v in enumerate(value))
        return Struct(tuple(items), type(value).__name__)
    if type(value) is dict:
        items = (signature_of(v, f"{path}[{k!r}]", within, longer) for k, v in value.items())
        return Struct(tuple(items), "dict", tuple(value))
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        pairs = zip(value._fields, value, strict=True)
        items = (signature_of(v, f"{path}.{k}", within, longer) for k, v in pairs)
        return Struct(tuple(items), "namedtuple", tuple(value._fields), type(value))
    refuse_foreign(value, path)
    fields = attributes(value)
    if fields is None:
        kind = type(value).__name__
        raise UnsupportedArgument(path, f"is a {kind}", "pass floats, ints, arrays, or lists, ...")
    items = (_attribute(v, f"{path}.{k}", within, longer) for k, v in fields.items())
    return Struct(tuple(items), "object", tuple(fields), type(value))


def _attribute(value: Any, path: str, within: tuple[int, ...], longer: float) -> Signature:
    """An attribute may be anything, as long as the program does not compute with it."""
    try:
        return signature_of(value, path, within, longer)
    except UnsupportedArgument:
        return Const(value)


def refuse_foreign(value: Any, path: str) -> None:
    """Name the arrays that are not NumPy's own, with a way out."""
    kind, module = type(value).__name__, str(type(value).__module__).split(".")[0]
    if isinstance(value, np.ma.MaskedArray):
        raise UnsupportedArgument(path, "is a masked array", "pass `.filled(0.0)` and the mask")
    if isinstance(value, np.ndarray) and type(value) is not np.ndarray:
        what = f"is a {kind}, a subclass of ndarray"
        raise UnsupportedArgument(path, what, "pass `np.asarray(x)`")
    if isinstance(value, np.ndarray | np.generic):
        what = f"has the dtype {value.dtype}"
        raise UnsupportedArgument(path, what, "convert it to numbers first")
    if module in _FOREIGN:
        raise UnsupportedArgument(path, f"is a {module} {kind}", _FOREIGN[module])


def attributes(value: Any) -> dict[str, Any] | None:
    """The attributes of an instance of a class written in Python, else None."""
    cls = type(value)
    if isinstance(value, dict | list | tuple | set | frozenset | str | BaseException | np.generic):
        return None
    if not cls.__flags__ & (1 << 9) or cls.__module__ == "builtins":  # made by `class`
        return None
    if hasattr(cls, "__array__") or hasattr(cls, "__array_ufunc__"):
        return None
    names = [f.name for f in dataclasses.fields(value)] if dataclasses.is_dataclass(cls) else []
    for c in cls.__mro__:
        slots = c.__dict__.get("__slots__", ())
        names += [slots] if isinstance(slots, str) else list(slots)
    own = getattr(value, "__dict__", None)
    if own is None and not names:
        return None
    found = {n: getattr(value, n) for n in dict.fromkeys(names) if hasattr(value, n)}
    return {**found, **(own or {})}


def leaves(s: Signature, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Signature]]:
    """The leaves of a signature with the steps that lead to them."""
    if not isinstance(s, Struct):
        yield path, s
        return
    for step, item in s.paths():
        yield from leaves(item, (*path, step))


def containers(s: Signature, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of the containers in a signature that may change."""
    if isinstance(s, Struct):
        if s.kind not in ("tuple", "namedtuple"):
            yield path
        for step, item in s.paths():
            yield from containers(item, (*path, step))


def differentiable(s: Signature) -> bool:
    """Is this leaf a number or array with a derivative, as far as is known?"""
    return isinstance(s, Type) and is_differentiable(s)


def spell(path: tuple[Any, ...], root: str) -> str:
    """`root["W"][0].b`, for messages."""
    for kind, key in path:
        root += f".{key}" if kind == "attr" else f"[{key!r}]"
    return root
