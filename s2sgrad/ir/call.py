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
    """A function that is called by name; `func` is there when all of it is known.

    It may be an operand as well, of an operation that takes functions: then it stands in the form
    of the equation.  `untidy`: the passes have not seen it yet.
    """

    name: str
    func: Func | None = None
    untidy: bool = False
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


def passed_to(s: Eqn) -> list[Kept]:
    """The functions among the operands of an equation."""
    if s.form is None:
        return []
    given = (*s.form.args, *(v for _, v in s.form.kwargs))
    return [v for v in given if isinstance(v, Kept)]


def called_by(funcs: Iterable[Func]) -> list[Kept]:
    """The functions that are called or passed on, directly or by one of them: each once."""
    found: dict[Kept, None] = {}
    todo = list(funcs)
    while todo:
        for s in equations(todo.pop(0).body):
            named = [s.op, *passed_to(s)] if isinstance(s.op, Kept) else passed_to(s)
            for k in named:
                if k not in found:
                    found[k] = None
                    if k.func is not None:
                        todo.append(k.func)
    return list(found)


def has_calls(func: Func) -> bool:
    """Does it call functions itself, or one that it passes on?"""
    return any(isinstance(s.op, Kept) for f in (func, *_passed(func)) for s in equations(f.body))


def _passed(func: Func) -> list[Func]:
    return [k.func for k in called_by([func]) if k.func is not None]
