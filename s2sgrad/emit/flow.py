"""Moves, branches and loops."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from s2sgrad.emit import attempts
from s2sgrad.emit.facts import minus_one, plus_one
from s2sgrad.emit.tapes import Tapes
from s2sgrad.emit.writer import Exits, Moves
from s2sgrad.ir.graph import (
    Atom,
    Block,
    Branch,
    Eqn,
    Lit,
    Loop,
    Range,
    Stmt,
    Undef,
    Var,
    is_attempt,
)
from s2sgrad.ir.walk import bound_by

MOST_AT_ONCE = 5  # names in `a = b = 0.0`


@dataclass(frozen=True, slots=True, eq=False)
class _Move:
    """An assignment of a value that reads these names; `change`: `x += v`, if it is that."""

    target: str
    value: str
    reads: set[str]
    number: bool
    change: str | None


def _in_order(todo: list[_Move]) -> Iterator[str]:
    """The lines of assignments that happen at once."""
    waiting = list(todo)
    while waiting:
        # First what nobody has still to read; a cycle is assigned at once.
        ready = [m for m in waiting if not any(m.target in o.reads for o in waiting if o is not m)]
        if not ready:
            targets = ", ".join(m.target for m in waiting)
            yield f"{targets} = {', '.join(m.value for m in waiting)}"
            return
        first = ready[0]
        due = [first]
        if first.number:  # `a = b = 0.0`
            due = [m for m in ready if m.number and m.value == first.value][:MOST_AT_ONCE]
        yield first.change or " = ".join([*(m.target for m in due), first.value])
        waiting = [m for m in waiting if m not in due]


class Flow(Tapes):
    """Statements with blocks of their own."""

    def stmts(self, block: Block, stmts: Sequence[Stmt], depth: int) -> None:
        """Write the statements of a block."""
        raise NotImplementedError

    # -- moves

    def moves(self, pairs: Sequence[tuple[Var, Atom]], depth: int) -> None:
        """Assign each target its value, all at once."""
        todo: list[_Move] = []
        nothing: list[str] = []
        for target, a in pairs:
            if isinstance(a, Lit) and isinstance(a.value, Undef):
                if self.hands_on(target, set()):
                    nothing.append(self.names[target])
                continue
            node = self.atom(a)
            value = self.text(node)
            if value != self.names[target] and target not in self.flags:
                number = isinstance(a, Lit) and isinstance(a.value, int | float)
                reads = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
                change = self.change_of(target, a)
                todo.append(_Move(self.names[target], value, reads, number, change))
        for line in _in_order(todo):
            self.line(depth, line)
        for name in nothing:  # last: another value may have been there till now
            self.line(depth, f"{name} = None")
        self.nones.update(nothing)

    def change_of(self, target: Var, a: Atom) -> str | None:
        """`x *= v` for the value `x * v` of the next `x`."""
        made = self.folded.get(a) if isinstance(a, Var) else None
        return self.change(self.names[target], made) if isinstance(made, Eqn) else None

    def hands_on(self, v: Var, seen: set[Var]) -> bool:
        """Is the unbound value `v` put on a tape, or assigned to another name, on some path?"""
        if v in seen:
            return False
        seen.add(v)
        return (
            v in self.tape_items
            or v in self.packed
            or any(
                self.names[t] != self.names[v] or self.hands_on(t, seen)
                for t in self.handed.get(v, ())
                if t not in self.folded
            )
        )

    # -- branches and loops

    def branch(self, s: Branch, depth: int) -> None:
        seqs = (s.collected(0), s.collected(1))
        before = set(self.tapes.values())
        self.open_tapes([*seqs[0], *seqs[1]], (), depth)
        arms: list[list[str]] = []
        left: list[bool] = []
        for k, arm in enumerate(s.arms):
            outer, self.lines = self.lines, []
            self.caught.update(attempts.named(arm, self.names))
            self.pops(list(zip(arm.params, s.walked[k], strict=True)), depth + 1)
            self.begin(arm, seqs[k], arm.results[s.joined :], depth + 1)
            self.stmts(arm, arm.stmts, depth + 1)
            self.moves(list(zip(s.outs[: s.joined], arm.results, strict=False)), depth + 1)
            left.append(self.leave(s, arm, depth + 1))
            arms.append(self.lines)
            self.lines = outer
        then, orelse = arms
        if is_attempt(s.test):
            self.lines += attempts.lines(s, then, orelse, before, depth, self)
            return
        test = self.atom(s.test)
        if not then and orelse:
            if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
                test = test.operand
            else:
                test = ast.UnaryOp(ast.Not(), test)
            then, orelse = orelse, then
            left.reverse()
        if not then:
            return
        self.line(depth, f"if {self.text(test)}:")
        self.lines += then
        if not orelse:
            return
        if left[0]:
            self.lines += [x[4:] for x in orelse]
            return
        first = orelse[0].strip()
        inner = [x for x in orelse if len(x) - len(x.lstrip()) == 4 * depth + 4]
        heads = [x.strip() for x in inner if not x.strip().startswith(("else:", "elif ", ")"))]
        if first.startswith("if ") and len(heads) == 1:
            self.line(depth, "el" + first)
            self.lines += [x[4:] for x in orelse[1:]]
            return
        self.line(depth, "else:")
        self.lines += orelse

    def loop(self, s: Loop, depth: int) -> None:
        n = len(s.carried)
        params, items = s.body.params[1 : n + 1], s.body.params[n + 1 :]
        seqs = s.outs[n:]
        self.open_tapes(seqs, (), depth)
        flag = self.leaving(s)
        self.moves(list(zip(params, s.carried, strict=True)), depth)
        counted = s.count is not None and s not in self.heads.uncounted
        if counted:
            self.line(depth, f"{self.names[s.count]} = 0")  # type: ignore[index]
        if isinstance(s.over, Range):
            self.for_head(s, depth)
        else:
            self.while_head(s, depth)
        size = len(self.lines)
        if counted:
            self.line(depth + 1, f"{self.names[s.count]} += 1")  # type: ignore[index]
        taken = self.heads.tapes.get(s, {})
        pairs = zip(items, s.walked, strict=True)
        self.pops([(p, w) for p, w in pairs if p not in taken], depth + 1)
        self.begin(s.body, seqs, s.body.results[n:], depth + 1)
        self.stmts(s.body, s.body.stmts, depth + 1)
        self.moves(list(zip(params, s.body.results, strict=False)), depth + 1)
        if s.stop is not None and not flag:
            self.line(depth + 1, f"if {self.names[params[s.stop]]}:")
            self.line(depth + 2, "break")
        if len(self.lines) == size:
            self.line(depth + 1, "pass")

    def for_head(self, s: Loop, depth: int) -> None:
        """`for i in range(n):`, `for x in X:`, `for i, x in zip(range(n), reversed(x_tape)):`."""
        targets, over = [], []
        row = self.rows.get(s)
        if row is not None:
            targets.append(self.names[row.out])
            over.append(self.text(self.atom(row.args[0])) + ("[::-1]" if s.down else ""))
        elif s not in self.heads.bare:
            targets.append(self.index(s.body.params[0], s.down))
            over.append(self.range(s))
        for p, tape in self.heads.tapes.get(s, {}).items():
            targets.append(self.targets(p) if p in self.apart.reads else self.names[p])
            over.append(f"reversed({self.tapes[tape]})")
        if len(over) == 1:
            self.line(depth, f"for {targets[0]} in {over[0]}:")
            return
        names = ", ".join(f"({t})" if "," in t else t for t in targets)
        self.line(depth, f"for {names} in zip({', '.join(over)}):")

    def while_head(self, s: Loop, depth: int) -> None:
        assert not isinstance(s.over, Range)
        test = s.over.test
        bound = [bound_by(e) for e in test.stmts]
        if all(vs and all(v in self.folded for v in vs) for vs in bound):
            self.line(depth, f"while {self.text(self.atom(test.results[0]))}:")
            return
        self.line(depth, "while True:")
        self.stmts(test, test.stmts, depth + 1)
        leave = ast.UnaryOp(ast.Not(), self.atom(test.results[0]))
        self.line(depth + 1, f"if {self.text(leave)}:")
        self.line(depth + 2, "break")

    def leaving(self, s: Loop) -> bool:
        """Can the arms that set the stop flag of `s` leave it themselves?"""
        if s.stop is None or self.where[s.outs[s.stop]] or self.where[s.body.params[1 + s.stop]]:
            return False
        params = s.body.params[1 : len(s.carried) + 1]
        ends = self.ends(s.body, s.stop, [list(zip(params, s.body.results, strict=False))])
        if ends is None:
            return False
        self.exits.update(ends)
        self.flags |= {params[s.stop], *(b.outs[k] for b, (k, _) in ends.items())}
        return True

    def ends(self, block: Block, k: int, pending: list[Moves]) -> Exits | None:
        """The branches at the end of `block` that decide its result `k`, a flag."""
        flag = block.results[k]
        last = block.stmts[-1] if block.stmts else None
        if not isinstance(flag, Var) or not isinstance(last, Branch):
            return None
        if flag not in last.outs[: last.joined] or len(self.where[flag]) != 1:
            return None
        if self.tape_items.intersection(last.outs):
            return None  # what is put on a tape after the branch
        j = last.outs.index(flag)
        found: Exits = {last: (j, pending)}
        for arm in last.arms:
            if isinstance(arm.results[j], Lit):
                continue
            moves = list(zip(last.outs[: last.joined], arm.results, strict=False))
            inner = self.ends(arm, j, [moves, *pending])
            if inner is None:
                return None
            found.update(inner)
        return found

    def leave(self, s: Branch, arm: Block, depth: int) -> bool:
        """Write what leaves the loop at the end of an arm, if it does."""
        k, pending = self.exits.get(s, (0, []))
        flag = arm.results[k] if s in self.exits else None
        if not (isinstance(flag, Lit) and flag.value is True):
            return False
        for moves in pending:
            self.moves(moves, depth)
        self.line(depth, "break")
        return True

    def index(self, index: Var, down: bool = False) -> str:
        if not self.where[index] and (down or index.hint in ("", "_")):
            return "_"
        return self.names[index]

    def range(self, s: Loop) -> str:
        assert isinstance(s.over, Range)
        start, stop, step = (self.atom(a) for a in (s.over.start, s.over.stop, s.over.step))
        simple = isinstance(s.over.start, Lit) and s.over.start.value == 0
        unit = isinstance(s.over.step, Lit) and s.over.step.value == 1
        if not s.down or not self.where[s.body.params[0]]:
            parts = [stop] if simple and unit else [start, stop] + ([] if unit else [step])
            return f"range({', '.join(map(self.text, parts))})"
        if unit:
            last, first = self.text(minus_one(stop)), self.text(minus_one(start))
            return f"range({last}, {first}, -1)"
        if isinstance(s.over.step, Lit) and s.over.step.value == -1:
            first, last = self.text(plus_one(stop)), self.text(plus_one(start))
            return f"range({last})" if first == "0" else f"range({first}, {last})"
        inner = ", ".join(map(self.text, (start, stop, step)))
        return f"reversed(range({inner}))"
