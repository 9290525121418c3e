"""Functions of the program that stay functions, and the equations that call them.

A call is an equation whose operation is a `Kept`: so every pass that knows nothing of calls treats
it as what it is, an operation.  Reversed, a kept function is a pair: its forward half returns what
it returned and what the backward half needs (`saved`, a tuple that nests with the calls), its
backward half takes that and the cotangents of the results.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from s2sgrad.ir.graph import Block, Branch, Eqn, Func, Loop, Range


@dataclass(eq=False)
class Kept:
    """A function that is called by name; `func` is there when all of it is known."""

    name: str
    func: Func | None = None
    again: bool = False  # the backward sweep runs it again: it saves nothing

    @property
    def __name__(self) -> str:
        return self.name

    @property
    def body(self) -> Func:
        """The function, which must be known by now."""
        assert self.func is not None
        return self.func

    def __call__(self, *args: Any) -> Any:
        from s2sgrad.ir.interp import run

        results = run(self.body, *args)
        return results[0] if len(results) == 1 else results


def equations(block: Block) -> Iterator[Eqn]:
    """All equations of a block, also those of the blocks in it."""
    for s in block.stmts:
        if isinstance(s, Eqn):
            yield s
        elif isinstance(s, Branch):
            for arm in s.arms:
                yield from equations(arm)
        elif isinstance(s, Loop):
            if not isinstance(s.over, Range):
                yield from equations(s.over.test)
            yield from equations(s.body)


def called_by(funcs: Iterable[Func]) -> list[Kept]:
    """The functions that are called, directly or by one that is called: each once."""
    found: dict[Kept, None] = {}
    todo = list(funcs)
    while todo:
        for s in equations(todo.pop(0).body):
            if isinstance(s.op, Kept) and s.op not in found:
                found[s.op] = None
                if s.op.func is not None:
                    todo.append(s.op.func)
    return list(found)
