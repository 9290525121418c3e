"""What a temporary is called: after the function that made it, the place it was read from.

`exp = np.exp(x)`, `x_i = x[i]`, `mask = x > 0.0`; `t` where nothing tells.  What a tape hands back
is called what was put there.  docs/decisions/0011-names-of-temporaries.md has the whole scheme.
"""

from __future__ import annotations

import builtins
import keyword
import math
import operator
from typing import Any

import numpy as np

from s2sgrad.emit.expr import BINARY, COMPARE, UNARY
from s2sgrad.emit.live import is_tape
from s2sgrad.ir import ops
from s2sgrad.ir.call import Kept
from s2sgrad.ir.graph import Atom, Block, Branch, Eqn, Func, Hole, Lit, Pack, Range, Var
from s2sgrad.ir.types import Array, Several, kind_of

_MATH = {f for f in vars(math).values() if callable(f)}
_OTHER = {
    "sum": "total", "max": "peak", "min": "low", "abs": "size", "absolute": "size",
    "fabs": "size", "reshape": "t", "array": "t", "transpose": "t", "swapaxes": "t", "full": "t",
    "zeros": "t", "ones": "t", "where": "chosen", "arange": "numbers", "slogdet": "t",
}  # fmt: skip
LONGEST = 8


class Words:
    """Describes the values of a function."""

    def __init__(self, func: Func) -> None:
        self.made: dict[Var, Eqn] = {}
        self.items: dict[Atom, Atom] = {}  # what a tape is made of
        self.walked: dict[Atom, Atom] = {}  # the tape that an item comes from
        self.numbers: set[Var] = set()  # of turns
        self.stored: dict[Atom, Eqn] = {}  # where a value is stored
        self.block(func.body)

    def block(self, block: Block) -> None:
        for s in block.stmts:
            if isinstance(s, Eqn):
                self.made[s.out] = s
                if s.op is ops.setitem:
                    self.stored.setdefault(s.args[-1], s)
            elif isinstance(s, Branch):
                for k, arm in enumerate(s.arms):
                    self.items.update(zip(s.collected(k), arm.results[s.joined :], strict=True))
                    self.walked.update(zip(arm.params, s.walked[k], strict=True))
                    self.block(arm)
            else:
                self.numbers.add(s.body.params[0])
                n = len(s.carried)
                self.items.update(zip(s.outs[n:], s.body.results[n:], strict=True))
                self.walked.update(zip(s.body.params[n + 1 :], s.walked, strict=True))
                if not isinstance(s.over, Range):
                    self.block(s.over.test)
                self.block(s.body)

    def origin(self, v: Atom) -> Atom:
        """The value that was put on the tape that `v` comes from, or that the tape `v` holds."""
        for _ in range(100):
            if isinstance(v, Var) and is_tape(v) and v in self.items:
                v = self.items[v]
            elif v in self.walked:
                v = self.walked[v]
            else:
                break
        return v

    def of_class(self, members: list[Var]) -> tuple[str, bool]:
        """The word for values that share a name; is the name for them alone?"""
        for m in members:
            if m in self.stored:
                word = self.part(self.stored[m])
                if word:
                    return word, True
        own = [m for m in members if not self.is_taken(m)] or members
        origins = [self.origin(m) for m in own]
        words = {self.word(v) for v in origins if v in self.made or len(origins) == 1}
        reads = all(map(self.is_read, origins))
        return (words.pop(), not reads) if len(words) == 1 else ("t", True)

    def is_taken(self, v: Var) -> bool:
        """Is it taken from a tape?"""
        s = self.made.get(v)
        packed = s is not None and s.op is ops.getitem and isinstance(s.args[0], Var)
        return v in self.walked or (packed and isinstance(s.args[0].type, Several))  # type: ignore[union-attr]

    def word(self, v: Atom) -> str:
        """The word for a value that has no name in the program."""
        s = self.made.get(v) if isinstance(v, Var) else None
        if s is None or s.op in BINARY or s.op in UNARY:
            return "t"
        if s.op in COMPARE:
            return "mask" if isinstance(s.out.type, Array) else "test"
        if s.op is ops.getitem:
            return self.part(s) or "t"
        if isinstance(s.op, Kept) or str(getattr(s.op, "__module__", "")).startswith("s2sgrad"):
            return "t"
        if kind_of(s.out.type) == "bool":
            return "mask"
        text = getattr(s.op, "__name__", "")
        text = _OTHER.get(text, text)
        taken = keyword.iskeyword(text) or hasattr(builtins, text)
        return text if text.isidentifier() and len(text) <= LONGEST and not taken else "t"

    def is_function(self, v: Atom) -> bool:
        """Is it `exp` of something, or the like: what is computed again in the backward sweep?"""
        s = self.made.get(v) if isinstance(v, Var) else None
        ufunc = s is not None and (isinstance(s.op, np.ufunc) or s.op in _MATH)
        return ufunc and self.word(v) != "t"

    def is_read(self, v: Atom) -> bool:
        """Is it named after the place that it was read from?"""
        s = self.made.get(v) if isinstance(v, Var) else None
        return s is not None and s.op is ops.getitem and bool(self.part(s))

    def part(self, s: Eqn) -> str:
        """`x_i` for `x[i]`, `x_0` for `x[0]`, `x_last`, `x_prev`; nothing for what is no item."""
        base = s.args[0].hint if isinstance(s.args[0], Var) else ""
        if not base.isidentifier() or s.form is None:
            return ""
        index = s.form.args[1]
        items = index.items if isinstance(index, Pack) and index.kind == "tuple" else (index,)
        found = [self.index(s.args[i.k] if isinstance(i, Hole) else i) for i in items]
        if not all(found):
            return ""
        joint = "" if all(len(i) == 1 for i in found) else "_"
        return f"{base}_{joint.join(found)}"

    def index(self, i: Any) -> str:
        if isinstance(i, Lit):
            i = i.value
        if type(i) is int:
            return "last" if i == -1 else str(i) if i >= 0 else ""
        if not isinstance(i, Var) or isinstance(i.type, Array):
            return ""
        if i.hint and not i.hint.startswith("."):
            return i.hint if len(i.hint) <= 2 else ""
        s = self.made.get(i)
        if s is not None and s.op in (operator.add, operator.sub) and _is_one(s.args[1]):
            return "next" if s.op is operator.add else "prev"
        return ""


def _is_one(a: Atom) -> bool:
    return isinstance(a, Lit) and type(a.value) is int and a.value == 1
