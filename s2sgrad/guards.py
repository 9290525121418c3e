"""What a guard tests of one value, as text: its type, the structure of a container, a seed.

A test binds what it reads to a name, so that the parts of a container are read once.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from s2sgrad.front.structure import Const, Signature, Struct, is_literal, list_type, signature_of
from s2sgrad.ir.opaque import CLASSES, is_data
from s2sgrad.ir.types import Array, List, Scalar, Static, Type, kind_of
from s2sgrad.request import Target
from s2sgrad.targets import below

Path = tuple[tuple[str, Any], ...]
_TYPES = {"float": float, "int": int, "bool": bool, "complex": complex}
_CLASSES = {"tuple": tuple, "list": list, "dict": dict}
_MANY = 64  # leaves: beyond, comparing signatures is no slower


class Unguarded(Exception):
    """The call can only be told by the slow way."""


class Tests:
    """Tests as expressions; `space` are the names that they use."""

    def __init__(self) -> None:
        self.space: dict[str, Any] = {"_s2s_nd": np.ndarray}
        self.count = 0

    def bind(self, hint: str, value: Any) -> str:
        """A name for an object that the guard compares with."""
        self.count += 1
        name = f"_s2s_{hint}{self.count}"
        self.space[name] = value
        return name

    def tests(self, value: str, s: Signature, name: str) -> list[str]:
        """What is tested of an argument."""
        if isinstance(s, Struct):
            if _size(s) > _MANY or not _is_plain(s):
                return [
                    f"{self.bind('of', signature_of)}({value}, {name!r}) == {self.bind('s', s)}"
                ]
            return self.struct(value, value, s, name)
        if isinstance(s, Const):
            return [self.const(value, s)]
        return self.leaf(value, value, s)

    def leaf(self, first: str, value: str, s: Any) -> list[str]:
        """Tests of a number or array; `first` reads and binds it, `value` is its name."""
        if isinstance(s, Scalar):
            cls = np.dtype(s.char).type if s.char else _TYPES[s.kind]
            return [f"type({first}) is {self.bind('type', cls)}"]
        if isinstance(s, Static) and s.name not in CLASSES:
            return [f"{self.bind('is', is_data(s.name))}({first})"]
        if isinstance(s, Static):
            return [f"isinstance({first}, {self.bind('type', CLASSES[s.name])})"]
        if isinstance(s, List):
            return self.listed(first, value, s)
        assert isinstance(s, Array)
        dtype = self.bind("dtype", np.dtype(s.char))
        tests = [f"type({first}) is _s2s_nd", f"{value}.dtype == {dtype}"]
        tests.append(f"{value}.ndim == {len(s.shape)}")
        if len(s.shape) == 1:
            return [*tests, f"len({value}) {'==' if s.shape[0] == 1 else '!='} 1"]
        if s.shape and 1 not in s.shape:
            return [*tests, f"1 not in {value}.shape"]
        each = [f"{value}.shape[{k}] {'==' if d == 1 else '!='} 1" for k, d in enumerate(s.shape)]
        return [*tests, *each]

    def listed(self, first: str, value: str, s: List) -> list[str]:
        """Tests of a list of any length: its items are walked."""
        tests = [f"type({first}) is list"]
        if isinstance(s.item, Scalar) and not s.item.char:
            items = self.bind("items", {_TYPES[s.item.kind]})
            return [*tests, f"{{*map(type, {value})}} == {items}"]
        return [*tests, f"{self.bind('list_type', list_type)}({value}) == {self.bind('s', s)}"]

    def const(self, value: str, s: Const) -> str:
        if s.value is None or isinstance(s.value, bool):
            return f"{value} is {s.value}"
        if type(s.value) is str:
            return f"{self.bind('const', s)} == {self.bind('Const', Const)}({value})"
        if Const(s.value) == s and isinstance(s.value, int | tuple | slice | range | np.dtype):
            return f"{self.bind('const', s)} == {self.bind('Const', Const)}({value})"
        return f"{value} is {self.bind('const', s.value)}"

    def struct(self, first: str, value: str, s: Struct, name: str) -> list[str]:
        tests = self.container(first, value, s)
        for (kind, key), item in s.paths():
            read = f"{value}.{key}" if kind == "attr" else f"{value}[{key!r}]"
            if isinstance(item, Const):
                tests.append(self.const(read, item))
                continue
            inner = self.bind("part", None)
            bound = f"({inner} := {read})"
            if isinstance(item, Struct):
                tests += self.struct(bound, inner, item, name)
            else:
                tests += self.leaf(bound, inner, item)
        return tests

    # -- seeds: what the transforms are given besides the arguments

    def out_bar(
        self, value: str, s: Signature, types: Mapping[Path, Type], path: Path
    ) -> list[str]:
        """Tests of `out_bar`, or of its part at `path`, which has the structure `s`.

        Types of results are those that a seed is brought to: what has them is taken as it is.
        Raises `Unguarded` where more is to be done.
        """
        if isinstance(s, Const):
            return [f"{value} is None"]
        if not isinstance(s, Struct):
            return self.seed(value, types.get(path, Type()), bool(path))
        if s.kind == "object" or not _is_plain(s):
            raise Unguarded
        tests = self.container(value, value, s)
        for step, item in s.paths():
            inner = self.bind("bar", None)
            tests += [f"(({inner} := {spelled(value, (step,))}), True)[1]"]
            tests += self.out_bar(inner, item, types, (*path, step))
        return tests

    def seed(self, value: str, t: Type, given: bool) -> list[str]:
        """Tests of one cotangent; a real scalar's may be left out, unless it is `given`."""
        if isinstance(t, Scalar):
            cls = complex if t.kind == "complex" else float
            left_out = "" if given or t.kind == "complex" else f"{value} is None or "
            return [f"({left_out}type({value}) is {self.bind('type', cls)})"]
        if not isinstance(t, Array) or not t.shape:
            raise Unguarded
        dtype = self.bind("dtype", np.dtype(t.char if kind_of(t) in ("float", "complex") else "d"))
        return [f"type({value}) is _s2s_nd", f"{value}.dtype == {dtype}"]

    def tangents(
        self,
        name: str,
        primal: Mapping[str, str],
        targets: Sequence[Target],
        bare: bool,
        signatures: Mapping[str, Signature],
        given: frozenset[tuple[int, Path]],
    ) -> list[str]:
        """Tests of `tangents` and `vector`: structured like what is differentiated."""
        tests = [] if bare else [f"type({name}) is tuple", f"len({name}) == {len(targets)}"]
        for k, t in enumerate(targets):
            s, own = below(signatures[t.name], t.path), spelled(primal[t.name], t.path)
            value = name if bare else f"{name}[{k}]"
            tests += self.tangent(value, own, s, {p for n, p in given if n == k}, ())
        return tests

    def tangent(
        self, value: str, own: str, s: Signature, given: set[Path], path: Path
    ) -> list[str]:
        """Tests of the tangent of `own`; the leaves of `given` have one, the others have None."""
        if not any(p[: len(path)] == path for p in given):
            return [f"{value} is None"]
        if isinstance(s, Struct):
            if not _is_plain(s):
                raise Unguarded
            tests = self.container(value, value, s)
            for step, item in s.paths():
                if not isinstance(item, Const):
                    parts = spelled(value, (step,)), spelled(own, (step,))
                    tests += self.tangent(*parts, item, given, (*path, step))
            return tests
        if not isinstance(s, Array | Scalar):
            raise Unguarded  # a list: each of its items is looked at
        real = s.kind != "int"
        if isinstance(s, Array):
            dtype = self.bind("dtype", np.dtype(s.char if real else "d"))
            shape = f"{value}.shape == {own}.shape"
            return [f"type({value}) is _s2s_nd", f"{value}.dtype == {dtype}", shape]
        cls = np.dtype(s.char).type if s.char and real else _TYPES[s.kind if real else "float"]
        return [f"type({value}) is {self.bind('type', cls)}"]

    def container(self, first: str, value: str, s: Struct) -> list[str]:
        """Has a container the class, the length and the keys of `s`?"""
        tests = [f"type({first}) is {self.bind('type', s.cls or _CLASSES[s.kind])}"]
        if s.kind in ("tuple", "list"):
            tests.append(f"len({value}) == {len(s.items)}")
        elif s.kind == "dict":
            tests.append(f"[*{value}] == {self.bind('keys', list(s.keys))}")
        elif s.kind == "object":
            tests.append(f"{value}.__dict__.keys() == {self.bind('keys', set(s.keys))}")
        return tests


def spelled(root: str, path: Path) -> str:
    """The expression that reads a part.  Raises `Unguarded` where there is none."""
    for kind, key in path:
        if kind == "nth":
            raise Unguarded
        root += f".{key}" if kind == "attr" else f"[{key!r}]"
    return root


def _size(s: Signature) -> int:
    return sum(map(_size, s.items)) if isinstance(s, Struct) else 1


def _is_plain(s: Signature) -> bool:
    """Can every part be read by a literal key or an attribute of `__dict__`?"""
    if not isinstance(s, Struct):
        return True
    if s.kind == "dict" and not all(map(is_literal, s.keys)):
        return False
    if s.kind == "object":
        assert s.cls is not None
        if any(c.__dict__.get("__slots__") for c in s.cls.__mro__):
            return False
        if any(hasattr(s.cls, k) and _is_descriptor(s.cls, k) for k in s.keys):
            return False
    return all(map(_is_plain, s.items))


def _is_descriptor(cls: type, name: str) -> bool:
    return hasattr(type(inspect.getattr_static(cls, name)), "__get__")
