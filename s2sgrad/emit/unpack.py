"""`W, b = params[0]`: leaves of a list or a tuple that are read one after another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from s2sgrad.ir import ops
from s2sgrad.ir.graph import Atom, Block, Eqn, Var

MOST = 6  # items of a list or tuple that is taken apart in one assignment
Path = tuple[tuple[str, object], ...]


class Unpacked:
    """`targets` maps the first read of a container to the items, None for one that nobody reads."""

    def __init__(self, body: Block, where: Mapping[Var, Sequence[object]]) -> None:
        self.targets: dict[Eqn, list[Var | None]] = {}
        self.reads: set[Eqn] = set()
        group: list[Eqn] = []
        for s in (*body.stmts, None):
            if group and not (isinstance(s, Eqn) and place(s) == place(group[0])):
                self.note(group, where)
                group = []
            if isinstance(s, Eqn) and place(s) is not None and where[s.out]:
                group.append(s)

    def note(self, group: list[Eqn], where: Mapping[Var, Sequence[object]]) -> None:
        """Note reads of one container."""
        n = _length(group[0])
        if 1 < len(group) <= n <= MOST and 2 * len(group) > n:
            items: list[Var | None] = [None] * n
            for s in group:
                items[_last(s)] = s.out
            self.targets[group[0]] = items
            self.reads.update(group)


def place(s: Eqn) -> tuple[Atom, Path] | None:
    """The list or tuple that `s` reads an item of: the argument, and the path to it."""
    if s.op is not ops.part or s.form is None or not s.form.kwargs or s.effect:
        return None
    path: Path = s.form.args[1]
    return s.args[0], path[:-1]


def _length(s: Eqn) -> int:
    assert s.form is not None
    return int(s.form.kwargs[0][1])


def _last(s: Eqn) -> int:
    assert s.form is not None
    return int(s.form.args[1][-1][1])
