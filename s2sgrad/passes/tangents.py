"""The tangents of the arguments, with which the forward sweep starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from s2sgrad.front.arguments import Leaf, Path
from s2sgrad.front.structure import Const, Signature, Struct, spell
from s2sgrad.ir import ops
from s2sgrad.ir.graph import Atom, Block, Eqn, Form, Func, Hole, Var
from s2sgrad.ir.types import UNKNOWN, Array, List, Scalar, Type, is_differentiable, kind_of

Given = frozenset[tuple[int, Path]]  # the number of the argument, and the place of a leaf in it


@dataclass(eq=False)
class Tangents:
    """One tangent for each leaf that is given; they are read of the parameter `name`."""

    atoms: dict[Var, Atom] = field(default_factory=dict)
    params: list[Var] = field(default_factory=list)
    stmts: list[Eqn] = field(default_factory=list)

    def enter(self, func: Func) -> Func:
        """`func` with the parameter of the tangents."""
        body = func.body
        block = Block((*body.params, *self.params), (*self.stmts, *body.stmts), body.results)
        return replace(func, body=block, names=(*func.names, *(p.hint for p in self.params)))


def one_by_one(leaves: Sequence[Leaf], names: Sequence[str]) -> Tangents:
    """A parameter for the tangent of each leaf."""
    made, taken = Tangents(), set(names)
    for leaf in leaves:
        n, name = 1, f"{leaf.var.hint}_dot"
        while name in taken:
            n += 1
            name = f"{leaf.var.hint}_dot{n}"
        taken.add(name)
        made.params.append(Var(name, leaf.var.type))
        made.atoms[leaf.var] = made.params[-1]
    return made


def directions(
    name: str, bare: bool, arguments: Sequence[tuple[Path, Sequence[Leaf]]], given: Given
) -> Tangents:
    """`x_dot = tangents`, `y_dot = tangents[1]`: one for each leaf of `arguments` that is given.

    An argument is the path to it in its parameter (not empty for one of `*args`), and its leaves.
    """
    made = Tangents()
    param = Var(name, UNKNOWN)
    for k, (start, leaves) in enumerate(arguments):
        for leaf in leaves:
            place = leaf.path[len(start) :]
            if (k, place) not in given:
                continue
            path = place if bare else (("item", k), *place)
            if not path:
                param = Var(name, leaf.var.type)
            dot = Var(f"{leaf.var.hint}_dot", leaf.var.type)
            form = Form((Hole(0), path)) if path else None
            made.stmts.append(Eqn(dot, ops.part if path else ops.identity, (param,), form))
            made.atoms[leaf.var] = dot
    made.params.append(param)
    return made


class Fitting:
    """Tangents as the caller gives them, matched with the arguments that they belong to."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.given: set[tuple[int, Path]] = set()

    def all(self, arguments: Sequence[tuple[Signature, Any]], bare: bool, tangents: Any) -> Any:
        """The tangents of the arguments: of the one, or of a tuple of them.

        Raises `TypeError` where structure, shape or kind is not that of the argument.
        """
        if bare:
            return self.one(*arguments[0], tangents, 0, ())
        if tangents is None:
            return None
        if not isinstance(tangents, list | tuple) or len(tangents) != len(arguments):
            what = f"a {type(tangents).__name__}"
            if isinstance(tangents, list | tuple):
                what += f" of {len(tangents)}"
            raise TypeError(f"`{self.name}` is {what}, wrt is a tuple of {len(arguments)}")
        pairs = zip(arguments, tangents, strict=True)
        return tuple(self.one(*a, t, k, ()) for k, (a, t) in enumerate(pairs))

    def one(self, s: Signature, v: Any, tangent: Any, k: int, path: Path) -> Any:
        """The tangent of `v` in its structure, each leaf in its type; None is zero."""
        if tangent is None or isinstance(s, Const):
            return None
        if isinstance(s, Struct):
            self.check_structure(s, tangent, path)
            items = [
                self.one(item, ops.part(v, (step,)), self.item(tangent, step, s), k, (*path, step))
                for step, item in s.paths()
            ]
            return _rebuilt(s, v, items)
        if not (is_differentiable(s) or kind_of(s) == "int"):
            return None
        self.given.add((k, path))
        return self.leaf(s, v, tangent, path)

    def item(self, tangent: Any, step: tuple[str, Any], s: Struct) -> Any:
        """The item of a tangent; a dict may have its keys in another order."""
        kind, key = step
        if kind == "attr" and s.kind == "namedtuple":
            return tangent[s.keys.index(key)]
        return ops.part(tangent, (("item", s.keys[key]) if kind == "nth" else step,))

    def check_structure(self, s: Struct, tangent: Any, path: Path) -> None:
        where, n = spell(path, self.name), len(s.items)
        if s.kind == "object":
            if not isinstance(tangent, s.cls or object):
                name = s.cls.__name__ if s.cls else "object"
                got = type(tangent).__name__
                raise TypeError(f"`{where}` is a {got}, the argument is a {name}")
            return
        cls: Any = dict if s.kind == "dict" else (list, tuple)
        if not isinstance(tangent, cls) or len(tangent) != n:
            got = f"a {type(tangent).__name__}"
            got += f" of {len(tangent)}" if isinstance(tangent, dict | list | tuple) else ""
            raise TypeError(f"`{where}` is {got}, the argument is a {s.kind} of {n}")
        if s.kind == "dict" and set(tangent) != set(s.keys):
            raise TypeError(f"`{where}` has the keys {(*tangent,)}, the argument has {s.keys}")

    def leaf(self, s: Type, v: Any, tangent: Any, path: Path) -> Any:
        where = spell(path, self.name)
        if isinstance(s, List):
            if not isinstance(tangent, list | tuple) or len(tangent) != len(v):
                got = f"a {type(tangent).__name__}"
                got += f" of {len(tangent)}" if isinstance(tangent, list | tuple) else ""
                raise TypeError(f"`{where}` is {got}, the argument is a list of {len(v)}")
            each = enumerate(zip(v, tangent, strict=True))
            return [self.leaf(s.item, x, dot, (*path, ("item", k))) for k, (x, dot) in each]
        array = np.asarray(tangent)
        if array.dtype.kind not in "fiubc":
            kind = type(tangent).__name__
            raise TypeError(f"`{where}` is a {kind}, not a number or an array")
        if array.dtype.kind == "c" and kind_of(s) != "complex":
            raise TypeError(f"`{where}` is complex, the argument is real")
        if array.shape != np.shape(v):
            raise TypeError(
                f"`{where}` has the shape {array.shape}, the argument has the shape {np.shape(v)}"
            )
        if isinstance(s, Array):
            return array.astype(s.char if s.kind != "int" else "d", copy=False)
        assert isinstance(s, Scalar)
        if s.char and s.kind != "int":
            return np.dtype(s.char).type(array)
        return complex(array) if s.kind == "complex" else float(array)


def _rebuilt(s: Struct, v: Any, items: list[Any]) -> Any:
    """A container like `v` of other items."""
    if s.kind == "dict":
        return dict(zip(s.keys, items, strict=True))
    if s.kind == "list":
        return items
    if s.kind == "tuple":
        return tuple(items)
    if s.kind == "namedtuple":
        return type(v)(*items)
    return ops.like(v, **dict(zip(s.keys, items, strict=True)))
