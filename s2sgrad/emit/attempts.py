"""The text of a `try`: its two arms are written like those of a branch."""

from __future__ import annotations

import builtins
import re
from typing import TYPE_CHECKING

import numpy as np

from s2sgrad.emit import expr
from s2sgrad.ir import ops
from s2sgrad.ir.graph import Attempt, Block, Branch, Eqn, Lit, Var

if TYPE_CHECKING:
    from s2sgrad.emit.names import Names
    from s2sgrad.emit.writer import Writer

_APPENDED = re.compile(r"\s*(\w+)\.append\(")
_MOVE = re.compile(r"\s*\w+ = [\w.]+$")


def named(arm: Block, names: Names) -> dict[Var, str]:
    """The names of the exceptions that an arm handles: names of nothing else.

    Python unbinds them at the end of the handler.
    """
    found = (s.out for s in arm.stmts if isinstance(s, Eqn) and s.op is ops.caught)
    return {v: names.tape(v.hint or "error") for v in found}


def lines(
    s: Branch, then: list[str], orelse: list[str], before: set[str], depth: int, emitter: Writer
) -> list[str]:
    """`try: ... except ...:`.  What the first arm put on tapes before it was left is taken back."""
    assert isinstance(s.test, Lit)
    assert isinstance(s.test.value, Attempt)
    if not then:
        return []
    pad, out, undo = "    " * depth, list[str](), list[str]()
    for tape in sorted(_half_done(then) & before):
        mark = emitter.names.tape(f"{tape}_len")
        out.append(f"{pad}{mark} = len({tape})")
        undo.append(f"{pad}    del {tape}[{mark}:]")
    caught = next(
        (e.out for e in s.orelse.stmts if isinstance(e, Eqn) and e.op is ops.caught), None
    )
    name = f" as {emitter.caught[caught]}" if caught is not None else ""
    classes = [spelled(c, emitter.spelling, emitter) for c in s.test.value.classes]
    shown = classes[0] if len(classes) == 1 else f"({', '.join(classes)})"
    out += [f"{pad}try:", *then, f"{pad}except {shown}{name}:", *undo, *orelse]
    return out if undo or orelse else [*out, f"{pad}    pass"]


def _half_done(then: list[str]) -> set[str]:
    """The tapes that are appended to before the last statement that may raise."""
    rest = list(then)
    while rest and (_APPENDED.match(rest[-1]) or _MOVE.match(rest[-1])):
        rest.pop()
    return {m[1] for line in rest if (m := _APPENDED.match(line))}


def spelled(cls: type, spelling: expr.Spelling, emitter: Writer) -> str:
    """The class as the emitted module names it."""
    if getattr(builtins, cls.__name__, None) is cls:
        return str(cls.__name__)
    if getattr(np.linalg, cls.__name__, None) is cls:
        return str(emitter.text(spelling.function(cls)))
    return str(spelling.given(cls))


def is_exception(value: object) -> bool:
    """Is it a class of exceptions?"""
    return isinstance(value, type) and issubclass(value, BaseException)


__all__ = ["is_exception", "lines", "named", "spelled"]
