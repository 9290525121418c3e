"""The textual form of the IR: deterministic, for goldens, bug reports and reading."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from s2sgrad.ir.graph import (
    Atom,
    Block,
    Branch,
    Eqn,
    Func,
    Hole,
    Lit,
    Loop,
    Pack,
    Range,
    Undef,
    Var,
)


def text(func: Func) -> str:
    """The function as text, values named by their hint and a number where that repeats."""
    return _Printer().func(func)


class _Printer:
    def __init__(self) -> None:
        self.names: dict[Var, str] = {}
        self.taken: dict[str, int] = {}
        self.lines: list[str] = []

    def name(self, v: Var) -> str:
        if v not in self.names:
            hint = v.hint or "t"
            n = self.taken[hint] = self.taken.get(hint, -1) + 1
            self.names[v] = f"%{hint}.{n}" if n else f"%{hint}"
        return self.names[v]

    def atom(self, a: Atom) -> str:
        if isinstance(a, Lit):
            return "undef" if isinstance(a.value, Undef) else repr(a.value)
        return self.name(a)

    def atoms(self, atoms: Iterable[Atom]) -> str:
        return ", ".join(self.atom(a) for a in atoms)

    def func(self, func: Func) -> str:
        self.lines.append(f"func {func.name}({self.atoms(func.body.params)}):")
        self.block(func.body, 1, "return")
        return "\n".join(self.lines) + "\n"

    def template(self, t: Any, args: tuple[Atom, ...]) -> str:
        if isinstance(t, Hole):
            return self.atom(args[t.k])
        if isinstance(t, Pack):
            items = ", ".join(self.template(i, args) for i in t.items)
            return f"{t.kind}({items})"
        return repr(t)

    def block(self, block: Block, depth: int, end: str) -> None:
        pad = "  " * depth
        for stmt in block.stmts:
            if isinstance(stmt, Eqn):
                self.lines.append(f"{pad}{self.name(stmt.out)} = {self.call(stmt)}")
            elif isinstance(stmt, Branch):
                self.branch(stmt, depth)
            else:
                self.loop(stmt, depth)
        self.lines.append(f"{pad}{end} {self.atoms(block.results)}".rstrip())

    def call(self, eqn: Eqn) -> str:
        name = getattr(eqn.op, "__name__", str(eqn.op))
        if eqn.form is None:
            return f"{name}({self.atoms(eqn.args)})"
        parts = [self.template(t, eqn.args) for t in eqn.form.args]
        parts += [f"{k}={self.template(t, eqn.args)}" for k, t in eqn.form.kwargs]
        return f"{name}({', '.join(parts)})"

    def branch(self, b: Branch, depth: int) -> None:
        pad = "  " * depth
        self.lines.append(f"{pad}if {self.atom(b.test)}{self.walks(b.then, b.walked[0])}:")
        self.block(b.then, depth + 1, "yield")
        self.lines.append(f"{pad}else{self.walks(b.orelse, b.walked[1])}:")
        self.block(b.orelse, depth + 1, "yield")
        self.lines.append(f"{pad}-> {self.atoms(b.outs)}".rstrip())

    def walks(self, block: Block, walked: tuple[Atom, ...]) -> str:
        if not walked:
            return ""
        return f" walk {self.atoms(block.params)} in {self.atoms(walked)}"

    def loop(self, loop: Loop, depth: int) -> None:
        pad, n = "  " * depth, len(loop.carried)
        index, carried, walked = (
            loop.body.params[0],
            loop.body.params[1 : n + 1],
            loop.body.params[n + 1 :],
        )
        if isinstance(loop.over, Range):
            over = self.atoms((loop.over.start, loop.over.stop, loop.over.step))
            head = f"for {self.name(index)} in {'down ' if loop.down else ''}range({over})"
        else:
            head = f"while turn {self.name(index)}"
        inits = ", ".join(
            f"{self.name(p)} = {self.atom(a)}" for p, a in zip(carried, loop.carried, strict=True)
        )
        walks = f" walk {self.atoms(walked)} in {self.atoms(loop.walked)}" if walked else ""
        self.lines.append(f"{pad}{head} ({inits}){walks}:")
        if not isinstance(loop.over, Range):
            test = loop.over.test
            self.lines.append(f"{pad}  test({self.atoms(test.params)}):")
            self.block(test, depth + 2, "yield")
        self.block(loop.body, depth + 1, "yield")
        extra = "" if loop.stop is None else f" stop {loop.stop}"
        extra += "" if loop.count is None else f" count {self.name(loop.count)}"
        self.lines.append(f"{pad}-> {self.atoms(loop.outs)}{extra}".rstrip())
