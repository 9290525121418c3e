"""A small interpreter of the IR: what a function means, for cross-checking what is emitted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from s2sgrad.ir.checks import CHECKS
from s2sgrad.ir.graph import (
    Atom,
    Attempt,
    Block,
    Branch,
    Eqn,
    Func,
    Lit,
    Loop,
    Range,
    Var,
    call_args,
)


def run(func: Func, *args: Any) -> tuple[Any, ...]:
    """The results of `func` on `args`."""
    return Interpreter().block(func.body, args)


class Interpreter:
    """One run; a subclass may look at each equation."""

    def __init__(self) -> None:
        self.env: dict[Var, Any] = {}

    def eqn(self, s: Eqn, operands: list[Any]) -> Any:
        """The result of an equation; what checks memory means nothing where nothing is written."""
        if s.op in CHECKS:
            return None
        pos, kw = call_args(s, operands)
        return s.op(*pos, **kw)

    def read(self, a: Atom) -> Any:
        """The value of an operand."""
        return a.value if isinstance(a, Lit) else self.env[a]

    def block(self, block: Block, args: Sequence[Any]) -> tuple[Any, ...]:
        """The results of a block."""
        self.env.update(zip(block.params, args, strict=True))
        for s in block.stmts:
            if isinstance(s, Eqn):
                self.env[s.out] = self.eqn(s, [self.read(a) for a in s.args])
            elif isinstance(s, Branch):
                self.branch(s)
            else:
                self.loop(s)
        return tuple(map(self.read, block.results))

    def branch(self, b: Branch) -> None:
        """The arm that the test names, or that of the exception that is raised."""
        test = self.read(b.test)
        if isinstance(test, Attempt):
            try:
                self.arm(b, 0)
            except test.classes:
                self.arm(b, 1)
        else:
            self.arm(b, 0 if test else 1)

    def arm(self, b: Branch, k: int) -> None:
        """One arm; the other collects nothing."""
        items = [self.read(w)[0] for w in b.walked[k]]
        results = self.block(b.arms[k], items)
        self.env.update(zip(b.outs[: b.joined], results[: b.joined], strict=True))
        self.env.update({v: [] for v in b.collected(1 - k)})
        collected = zip(b.collected(k), results[b.joined :], strict=True)
        self.env.update({v: [r] for v, r in collected})

    def loop(self, loop: Loop) -> None:
        """All turns."""
        n = len(loop.carried)
        state = [self.read(a) for a in loop.carried]
        walked = [self.read(a) for a in loop.walked]
        turns: dict[int, tuple[Any, ...]] = {}
        done = 0
        while True:
            if isinstance(loop.over, Range):
                r = range(*map(self.read, (loop.over.start, loop.over.stop, loop.over.step)))
                if done >= len(r):
                    break
                k = len(r) - 1 - done if loop.down else done
                index = r[k]
            else:
                if not self.block(loop.over.test, state)[0]:
                    break
                k = index = done
            results = self.block(loop.body, [index, *state, *(w[k] for w in walked)])
            state = list(results[:n])
            turns[k] = results[n:]
            done += 1
            if loop.stop is not None and state[loop.stop]:
                break
        self.env.update(zip(loop.outs[:n], state, strict=True))
        for j, out in enumerate(loop.outs[n:]):
            self.env[out] = [turns[k][j] for k in range(done)]
        if loop.count is not None:
            self.env[loop.count] = done
