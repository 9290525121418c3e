"""`W, b = params[0]`, `x, v = y`: items of one list, tuple or array that are read together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from s2sgrad.ir import ops
from s2sgrad.ir.graph import Atom, Block, Eqn, Loop, Range, Var, atom_type
from s2sgrad.ir.types import Array

MOST = 6  # items of what is taken apart in one assignment


@dataclass(frozen=True, slots=True)
class Item:
    """The item number `k` of the `n` that are at `path` of `base`."""

    base: Atom
    path: tuple[tuple[str, object], ...]
    k: int
    n: int


class Unpacked:
    """`targets` maps the first read of a container to the items, None for one that nobody reads."""

    def __init__(self, body: Block, where: Mapping[Var, Sequence[object]]) -> None:
        self.where = where
        self.targets: dict[Eqn, list[Var | None]] = {}
        self.reads: set[Eqn] = set()
        for block in _blocks(body):
            self.block(block)

    def block(self, block: Block) -> None:
        group: dict[Eqn, Item] = {}
        for s in (*block.stmts, None):
            item = item_of(s) if isinstance(s, Eqn) else None
            first = next(iter(group.values()), None)
            if first is not None and not (item and _beside(first, item)):
                self.note(group)
                group = {}
            if item is not None and isinstance(s, Eqn) and self.where[s.out]:
                group[s] = item

    def note(self, group: dict[Eqn, Item]) -> None:
        """Note reads of one container."""
        n = next(iter(group.values())).n
        if any(s.op is ops.getitem and len(self.where[s.out]) < 2 for s in group):
            return  # `y[0]` is written where it is used
        if 1 < len(group) <= n <= MOST and 2 * len(group) > n:
            items: list[Var | None] = [None] * n
            for s, item in group.items():
                items[item.k] = s.out
            self.targets[next(iter(group))] = items
            self.reads.update(group)


def _blocks(block: Block) -> Iterator[Block]:
    yield block
    for s in block.stmts:
        if isinstance(s, Loop):
            if not isinstance(s.over, Range):
                yield from _blocks(s.over.test)
            yield from _blocks(s.body)
        elif not isinstance(s, Eqn):
            yield from _blocks(s.then)
            yield from _blocks(s.orelse)


def _beside(a: Item, b: Item) -> bool:
    """Are they items of one container?"""
    return a.base is b.base and a.path == b.path


def item_of(s: Eqn) -> Item | None:
    """What `s` reads, if it is an item of a list, a tuple or an array of known length."""
    if s.form is None or s.effect or s.raises:
        return None
    if s.op is ops.part and s.form.kwargs:
        *path, (_, k) = s.form.args[1]
        return Item(s.args[0], tuple(path), int(k), int(s.form.kwargs[0][1]))
    if s.op is not ops.getitem or len(s.args) != 1:
        return None
    t, k = atom_type(s.args[0]), s.form.args[1]
    if not (isinstance(t, Array) and len(t.shape) == 1 and type(k) is int and k >= 0):
        return None
    n = t.shape[0]
    return Item(s.args[0], (), k, n) if isinstance(n, int) and not t.loose else None
