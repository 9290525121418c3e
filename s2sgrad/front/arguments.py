"""Arguments as the parser sees them: a parameter for each, its leaves read at the top."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from s2sgrad.front.sizes import own_extent
from s2sgrad.front.structure import Const, Signature, Struct, differentiable
from s2sgrad.front.values import Tup, Value
from s2sgrad.ir import ops
from s2sgrad.ir.graph import Eqn, Form, Hole, Var
from s2sgrad.ir.types import FLOAT, INT, UNKNOWN, Array, List, Type

Path = tuple[tuple[str, Any], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Leaf:
    """A number or array of an argument: where it is, and the value that stands for it."""

    owner: Var
    path: Path
    var: Var


@dataclass(eq=False)
class Arguments:
    """The parameters of one compilation, made of their signatures."""

    static: Callable[[Any], Value]  # what a function or string among the leaves stands for
    floats: frozenset[tuple[str, Path]] = frozenset()  # ints that are taken as floats
    params: list[Var] = field(default_factory=list)
    stmts: list[Eqn] = field(default_factory=list)
    leaves: list[Leaf] = field(default_factory=list)
    values: dict[str, Value] = field(default_factory=dict)

    def add(self, signatures: Mapping[str, Signature]) -> None:
        """Make parameters of these names."""
        for name, s in signatures.items():
            if isinstance(s, Type):
                owner = _leaf(name, distinct(s, len(self.leaves)))
                self.leaves.append(Leaf(owner, (), owner))
                self.values[name] = owner
            else:
                owner = Var(name, UNKNOWN)  # the memory of its leaves is that of an argument
                self.values[name] = self.read(s, owner, ())
            self.params.append(owner)

    def read(self, s: Signature, owner: Var, path: Path, n: int | None = None) -> Value:
        """The value at `path` of the argument `owner`, one of `n` items of a list or tuple."""
        if isinstance(s, Const):
            return self.static(s.value)
        if isinstance(s, Struct):
            n = len(s.items) if s.kind in ("list", "tuple") else None
            items = tuple(self.read(item, owner, (*path, step), n) for step, item in s.paths())
            return Tup(items, s.kind, s.keys, s.cls)
        t, read = distinct(s, len(self.leaves)), path
        if t == INT and (owner.hint, path) in self.floats:
            t, read = FLOAT, (*path, ("float", None))
        out = _leaf("", t)
        length = () if n is None or read is not path else (("length", n),)
        self.stmts.append(Eqn(out, ops.part, (owner,), Form((Hole(0), read), length)))
        self.leaves.append(Leaf(owner, path, out))
        return out

    def name_leaves(self) -> None:
        """Leaves that the program gave no name are called after their place."""
        for leaf in self.leaves:
            if not leaf.var.hint:
                object.__setattr__(leaf.var, "hint", _hint(leaf))

    def of(self, name: str, path: Path = ()) -> Iterator[Leaf]:
        """The leaves of an argument, below a path."""
        for leaf in self.leaves:
            if leaf.owner.hint == name and leaf.path[: len(path)] == path:
                yield leaf


def _leaf(name: str, t: Type) -> Var:
    return Var(name, t, own_extent() if t == INT else None)


def wanted(leaf: Leaf) -> bool:
    """Has the leaf a derivative?"""
    return differentiable(leaf.var.type)


def distinct(t: Type, k: int) -> Type:
    """Extents of different axes get symbols of their own, where they have none."""
    if isinstance(t, List):
        return List(distinct(t.item, k))
    if not isinstance(t, Array):
        return t
    return Array(t.char, tuple(f"n{k}_{axis}" if d == "n" else d for axis, d in enumerate(t.shape)))


def _hint(leaf: Leaf) -> str:
    """`W` of `p["W"]`, `layers_0_1` of `layers[0][1]`."""
    name = leaf.owner.hint
    for kind, key in leaf.path:
        name = key if kind != "nth" and _is_name(key) else f"{name}_{key}"
    return name if name.isidentifier() else f"{leaf.owner.hint}_leaf"


def _is_name(key: Any) -> bool:
    return isinstance(key, str) and key.isidentifier() and not key.startswith("__")
