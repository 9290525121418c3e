"""The mirror of a block, while it is built, and the contributions to cotangents in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from s2sgrad.ir.graph import Atom, Block, Lit, Stmt, Var, atom_type
from s2sgrad.ir.types import Seq

ZERO = Lit(0.0)


@dataclass(eq=False, slots=True)
class Add:
    """A contribution `g` to the part at `index` of a cotangent: kept until it is summed up."""

    index: Any  # a template whose holes count `atoms`
    atoms: tuple[Atom, ...]
    g: Atom


@dataclass(eq=False, slots=True)
class Clear:
    """The cotangent `base` of an array after a store, as that before it: zero at `index`."""

    base: Atom
    index: Any
    atoms: tuple[Atom, ...]
    read: Atom | None  # what `base` has at `index`, where that was asked

    def meets(self, add: Add) -> bool:
        """Is it the same place?"""
        return self.index == add.index and all(map(_same, self.atoms, add.atoms))


def dense_parts(parts: Sequence[Part]) -> bool:
    """Is any of the contributions one to the whole?"""
    return any(not isinstance(p, Add) for p in parts)


def _same(a: Atom, b: Atom) -> bool:
    return a is b or (isinstance(a, Lit) and isinstance(b, Lit) and bool(a.value == b.value))


Part = Atom | Add | Clear


@dataclass(eq=False)
class Frame:
    """The mirror of one block, being built."""

    primal: Block
    parent: Frame | None
    owner: tuple[Stmt, int] | None  # the loop or branch (and its arm) that the block belongs to
    index: Var | None = None
    stmts: list[Stmt] = field(default_factory=list)
    prelude: list[Stmt] = field(default_factory=list)
    walked: list[tuple[Var, Atom]] = field(default_factory=list)
    known: dict[Var, Atom] = field(default_factory=dict)
    bars: dict[Var, list[Part]] = field(default_factory=dict)


def is_zero(g: Atom) -> bool:
    return isinstance(g, Lit) and type(g.value) is float and not g.value


def walks(f: Frame) -> tuple[tuple[Var, ...], tuple[Atom, ...]]:
    return tuple(v for v, _ in f.walked), tuple(s for _, s in f.walked)


def tape_name(v: Var) -> str:
    """The hint of a tape of `v`; a tape of tapes is emitted as one list."""
    if isinstance(v.type, Seq):
        return v.hint
    hint = v.hint.lstrip(".").rstrip("0123456789") if v.hint.startswith(".") else v.hint
    return f"{hint}_tape" if hint else "tape"


def named(item: Atom, p: Var) -> Var:
    """A value that is named like the cotangent of `p`, of the type of `item`."""
    return Var(item.hint if isinstance(item, Var) and item.hint else bar_name(p), atom_type(item))


def bar_name(v: Var) -> str:
    return f"{v.hint}_bar" if v.hint else ""
