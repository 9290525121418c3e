"""The guard: straight-line Python that tells which compilation serves a call.

Each argument is tested for what its signature says, and each global, cell and class attribute that
the compilation stands on is read and compared.  What no guard answers goes the slow way.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from s2sgrad.admission import stars
from s2sgrad.callee import Callee
from s2sgrad.compile import Compiled
from s2sgrad.emit.load import note
from s2sgrad.front.resolve import Cell, Getter, Global, Member
from s2sgrad.front.structure import (
    Const,
    Signature,
    Struct,
    is_literal,
    signature_of,
    type_of_argument,
)
from s2sgrad.ir.opaque import CLASSES
from s2sgrad.ir.types import Array, Scalar, Static

Call = Callable[..., Any]
_P = inspect.Parameter
_TYPES = {"float": float, "int": int, "bool": bool, "complex": complex}
_MANY = 64  # leaves: beyond, comparing signatures is no slower


def dispatcher(c: Callee, compiled: Sequence[Compiled], slow: Call) -> Call:
    """A function with the parameters of the user's that finds the compilation and runs it."""
    return _Guard(c, slow).build(compiled)


class _Guard:
    def __init__(self, c: Callee, slow: Call) -> None:
        self.callee = c
        self.space: dict[str, Any] = {"_s2s_slow": slow, "_s2s_nd": np.ndarray, "_s2s_note": note}
        self.count = 0

    def build(self, compiled: Sequence[Compiled]) -> Call:
        shown = self.callee.shown.parameters
        name = self.bind("call", None)
        hit = self.bind("hit", None)
        lines = [f"def {name}({self.header(shown)}):"]
        for one in compiled:
            tests, call = self.case(one)
            lines += ["    try:", f"        {hit} = {' and '.join(tests or ['True'])}"]
            # a global, cell or attribute that was there is gone
            lines += [
                "    except (KeyError, ValueError, AttributeError):",
                f"        {hit} = False",
            ]
            lines += [
                f"    if {hit}:",
                "        try:",
                f"            return {call}",
                "        except Exception as _s2s_error:",
                "            _s2s_note(_s2s_error)",
                "            raise",
            ]
        lines.append(f"    return _s2s_slow({', '.join(map(_passed, shown.values()))})")
        exec(compile("\n".join(lines), "<s2sgrad dispatch>", "exec"), self.space)
        made: Call = self.space[name]
        made.__name__ = made.__qualname__ = self.callee.name  # in messages of wrong calls
        return made

    def bind(self, hint: str, value: Any) -> str:
        """A name for an object that the guard compares with."""
        self.count += 1
        name = f"_s2s_{hint}{self.count}"
        self.space[name] = value
        return name

    def header(self, params: Any) -> str:
        """The user's parameters; defaults are the user's objects."""
        made, star = [], False
        for p in params.values():
            text = stars(p) + p.name
            star |= p.kind is _P.VAR_POSITIONAL
            if p.kind is _P.KEYWORD_ONLY and not star:
                made.append("*")
                star = True
            if p.default is not _P.empty:
                text += f"={self.bind('default', p.default)}"
            made.append(text)
            last = p.kind is _P.POSITIONAL_ONLY
            following = [q for q in params.values() if q.kind is _P.POSITIONAL_ONLY]
            if last and p is following[-1]:
                made.append("/")
        return ", ".join(made)

    def case(self, one: Compiled) -> tuple[list[str], str]:
        """The tests of one compilation, and the call."""
        tests: list[str] = []
        given: list[str] = []
        named: list[str] = []
        rest: list[str] = []
        for name, p in self.callee.whole.parameters.items():
            if name not in one.request.signatures:
                tests.append(f"{name} is {self.bind('absent', p.default)}")
                continue
            shown = name in self.callee.shown.parameters
            value = name if shown else self.bind("fixed", self.callee.fixed[name])
            tests += self.tests(value, one.request.signatures[name], name)
            if p.kind is _P.VAR_KEYWORD:
                rest.append(f"**{value}")
            elif p.kind is _P.KEYWORD_ONLY:
                named.append(f"{name}={value}")
            else:
                given.append(stars(p) + value)
        for name, (get, var) in one.scope.data.items():
            value = self.bind("data", None)
            tests += self.leaf(f"({value} := {self.read(get)})", value, var.type)
            named.append(f"{name}={value}")
        tests += self.standing(one)
        arguments = ", ".join([*given, *named, *rest])
        return tests, f"{self.bind('run', one.run)}({arguments})"

    def standing(self, one: Compiled) -> list[str]:
        """Does every function and module that was followed still stand behind its name?"""
        seen: set[str] = set()
        tests = []
        for get, obj in one.scope.fixed:
            key = f"{id(get.scope)} {get.name}" if isinstance(get, Global) else f"{id(get)}"
            if key not in seen:
                seen.add(key)
                if isinstance(get, Global) and get.name not in get.scope and get.default is obj:
                    tests.append(f"{get.name!r} not in {self.bind('globals', get.scope)}")
                    continue
                tests.append(f"{self.read(get)} is {self.bind('was', obj)}")
        return tests

    def read(self, get: Getter) -> str:
        if isinstance(get, Global):
            space = self.bind("globals", get.scope)
            if get.name in get.scope:
                return f"{space}[{get.name!r}]"
            return f"{space}.get({get.name!r}, {self.bind('builtin', get.default)})"
        if isinstance(get, Cell):
            return f"{self.bind('cell', get.cell)}.cell_contents"
        if isinstance(get, Member):
            return f"{self.bind('class', get.cls)}.{get.name}"
        return f"{self.bind('get', get)}()"

    # -- arguments

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
        if isinstance(s, Static):
            return [f"isinstance({first}, {self.bind('type', CLASSES[s.name])})"]
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

    def const(self, value: str, s: Const) -> str:
        if s.value is None or isinstance(s.value, bool):
            return f"{value} is {s.value}"
        if type(s.value) is str:
            return f"{self.bind('const', s)} == {self.bind('Const', Const)}({value})"
        if Const(s.value) == s and isinstance(s.value, int | tuple | slice | range | np.dtype):
            return f"{self.bind('const', s)} == {self.bind('Const', Const)}({value})"
        return f"{value} is {self.bind('const', s.value)}"

    def struct(self, first: str, value: str, s: Struct, name: str) -> list[str]:
        cls = s.cls or {"tuple": tuple, "list": list, "dict": dict}[s.kind]
        tests = [f"type({first}) is {self.bind('type', cls)}"]
        if s.kind in ("tuple", "list"):
            tests.append(f"len({value}) == {len(s.items)}")
        elif s.kind == "dict":
            tests.append(f"[*{value}] == {self.bind('keys', list(s.keys))}")
        elif s.kind == "object":
            tests.append(f"{value}.__dict__.keys() == {self.bind('keys', set(s.keys))}")
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


def fits(compiled: Compiled) -> bool:
    """Do the globals and cells that the code stands on still mean what they meant?"""
    for name, (get, v) in compiled.scope.data.items():
        found = get()
        now = type_of_argument(found)
        if now is None or not _alike(now, v.type):
            return False
        if np.shape(found) != compiled.shapes.get(name, np.shape(found)):
            return False
    return compiled.scope.still_holds()


def _alike(now: Any, then: Any) -> bool:
    """Are both of one signature?  Extents are symbols."""
    if not hasattr(then, "shape"):
        return bool(now == then)
    return (
        hasattr(now, "shape")
        and now.char == then.char
        and len(now.shape) == len(then.shape)
        and all((a == 1) == (b == 1) for a, b in zip(now.shape, then.shape, strict=True))
    )


def _passed(p: inspect.Parameter) -> str:
    """The parameter, handed on as it came."""
    if p.kind is _P.KEYWORD_ONLY:
        return f"{p.name}={p.name}"
    return stars(p) + p.name


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
