"""The text of a function: blocks, comments and assignments."""

from __future__ import annotations

import ast
import operator
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from s2sgrad.emit import attempts, expr, lists, printer
from s2sgrad.emit.apart import Apart
from s2sgrad.emit.facts import Order, called, collected, handed_on, minus_one
from s2sgrad.emit.live import at_hand, is_tape, liveness, uses
from s2sgrad.emit.names import Names
from s2sgrad.emit.results import Result, statement, whole
from s2sgrad.ir import ops
from s2sgrad.ir.alias import WRITES
from s2sgrad.ir.call import called_by, equations
from s2sgrad.ir.graph import (
    Atom,
    Block,
    Branch,
    Eqn,
    Func,
    Lit,
    Loop,
    Pack,
    Range,
    Stmt,
    Undef,
    Var,
    atom_type,
    is_attempt,
)
from s2sgrad.ir.types import Array, List, Saved, Scalar, Unknown
from s2sgrad.ir.walk import bound_by
from s2sgrad.rules.helpers import source_of

SIGNS: dict[object, str] = {
    operator.add: "+",
    operator.sub: "-",
    operator.mul: "*",
    operator.truediv: "/",
}


@dataclass
class Emitted:
    """The text of a module with one function, and what it needs."""

    source: str
    names: list[str]
    text: str  # of the function alone
    kept: list[str]  # of those that it calls
    imports: frozenset[str]
    helpers: dict[str, Callable[..., Any]]
    given: dict[str, Callable[..., object]]  # functions of the user's that it calls


def emit(func: Func, result: Result, header: Sequence[str] | None = None) -> Emitted:
    """Python source of `func`; `result` is the structure of what it returns.

    `header` are its parameters as they are written (`x`, `*`, `**options`), if not the names alone.
    """
    return emit_all([(func, result, func.names if header is None else header)])


def emit_all(
    parts: Sequence[tuple[Func, Result, Sequence[str]]],
    around: Callable[[expr.Spelling], tuple[str, str]] | None = None,
) -> Emitted:
    """Python source of functions that belong together.

    `around` writes one more, which calls them: its name, the first of all, and its text.
    """
    funcs = [func for func, _, _ in parts]
    kept, spelling = called_by(funcs), expr.Spelling(n for f in funcs for n in f.names)
    texts = [_Emitter(k.body, spelling).function(whole(k.body), k.body.names) for k in kept]
    own = [_Emitter(f, spelling).function(result, header) for f, result, header in parts]
    names = [f.name for f in funcs]
    if around is not None:
        name, text = around(spelling)
        own, names = [*own, text], [name, *names]
    return Emitted(
        module("\n\n".join([*texts, *own]), spelling.imports, spelling.helpers),
        names,
        "\n\n".join(own),
        texts,
        frozenset(spelling.imports),
        spelling.helpers,
        spelling.handed,
    )


def module(text: str, imports: Iterable[str], helpers: dict[str, Callable[..., Any]]) -> str:
    """A module: imports, helpers, functions."""
    parts = []
    if imports:
        parts.append("\n".join(sorted(imports)) + "\n")
    for name, fn in sorted(helpers.items()):
        parts.append(source_of(name, fn))
    return "\n\n".join([*parts, text]) if parts else text


Moves = list[tuple[Var, Atom]]
# The place of the flag among what a branch joins, and the moves that are due before `break`.
Exits = dict[Branch, tuple[int, list[Moves]]]
# Of one expression: more would be past any margin, and too deep for a long sum.
MOST_OPERATIONS = 24
RESERVED = {"np", "math", "scipy", "range", "float", "len", "abs", "print", "dict", "zip"}


class _Emitter:
    def __init__(self, func: Func, spelling: expr.Spelling) -> None:
        self.func = func
        self.where: dict[Var, list[tuple[Block, Stmt | None]]] = defaultdict(list)
        uses(func.body, self.where)
        self.collected = collected(func.body)
        self.tape_items = set(self.collected.values())
        packs = [s for s in equations(func.body) if s.op is ops.pack]
        self.packed = {a for s in packs for a in s.args}
        self.folded: dict[Var, Eqn | Branch] = {}
        self.operations: dict[Var, int] = {}  # in the expression of a folded value
        self.in_place: set[Var] = func.notes.get("in_place", set())
        self.order = Order(func, self.in_place)
        self.apart = Apart(func, self.where)
        self.fold(func.body)
        self.spelling = spelling
        spans = liveness(func, self.folded, self.tape_items)
        fixed: frozenset[str] = func.notes.get("globals", frozenset())
        self.names = Names(func, spans, RESERVED | called(func.body) | fixed)
        self.handed = handed_on(func.body)
        self.caught: dict[Var, str] = {}  # exceptions that are being handled
        self.lines: list[str] = []
        self.tapes: dict[Var, str] = {}
        self.exits: Exits = {}  # branches whose arms leave a loop
        self.nones: set[str] = set()  # names that stand for nothing on some path
        self.flags: set[Var] = set()  # stop flags that nobody reads then
        self.collecting = {}

    # -- which values become part of the expression that uses them

    def fold(self, block: Block) -> None:
        for s in block.stmts:
            if isinstance(s, Eqn):
                if self.can_fold(s.out, block) and not s.effect and s.op not in WRITES:
                    size = 1 + sum(self.operations.get(a, 0) for a in s.args if isinstance(a, Var))
                    if size <= MOST_OPERATIONS:
                        self.folded[s.out] = s
                        self.operations[s.out] = size
            elif isinstance(s, Branch):
                self.fold(s.then)
                self.fold(s.orelse)
                if self.is_ternary(s) and self.can_fold(s.outs[0], block):
                    self.folded[s.outs[0]] = s
            else:
                if not isinstance(s.over, Range):
                    self.fold(s.over.test)
                self.fold(s.body)

    def can_fold(self, v: Var, block: Block) -> bool:
        if len(self.where[v]) != 1:
            return False
        where, s = self.where[v][0]
        if where is not block:
            return False
        if v in self.apart.items or v in self.apart.reads:
            return False
        if v in self.tape_items:
            return s is None and self.order.made_here(v, block)
        if v.hint or not self.order.may_wait(v, block, s):
            return False
        if s is None:
            return True
        if isinstance(s, Eqn) and s.op in WRITES and v is s.args[0]:
            return False
        if isinstance(s, Loop):
            return isinstance(s.over, Range) and v in (s.over.start, s.over.stop, s.over.step)
        if isinstance(s, Branch):
            return v is s.test
        return True

    def is_ternary(self, s: Branch) -> bool:
        """Is the branch one value, each arm an expression?"""
        if is_attempt(s.test) or s.joined != 1 or len(s.outs) != 1 or s.walked != ((), ()):
            return False
        for arm in s.arms:
            for inner in arm.stmts:
                if not all(v in self.folded for v in bound_by(inner)) or not bound_by(inner):
                    return False
        return not any(
            isinstance(r, Lit) and isinstance(r.value, Undef) for arm in s.arms for r in arm.results
        )

    # -- expressions

    def atom(self, a: Atom) -> ast.expr:
        if isinstance(a, Lit):
            if attempts.is_exception(a.value):
                return expr.name(attempts.spelled(a.value, self.spelling, self))
            return expr.constant(a.value)
        if a in self.caught:
            return expr.name(self.caught[a])
        made = self.folded.get(a)
        if made is None:
            return expr.name(self.tapes[a] if is_tape(a) else self.names[a])
        return self.value(made)

    def value(self, s: Eqn | Branch) -> ast.expr:
        if isinstance(s, Eqn):
            types = [atom_type(a) for a in s.args]
            made = expr.call(s.op, [self.atom(a) for a in s.args], s.form, self.spelling, types)
            argument = s.op is ops.copy and s.args[0] in self.func.body.params
            if argument and isinstance(made, ast.Call) and not isinstance(types[0], List):
                # An argument's copy keeps its order in memory, and so the order of summation.
                made.keywords.append(ast.keyword("order", ast.Constant("K")))
            return made
        then, orelse = s.then.results[0], s.orelse.results[0]
        test = self.atom(s.test)
        if orelse is s.test:
            return ast.BoolOp(ast.And(), [test, self.atom(then)])
        if then is s.test:
            return ast.BoolOp(ast.Or(), [test, self.atom(orelse)])
        return ast.IfExp(test, self.atom(then), self.atom(orelse))

    def text(self, node: ast.expr) -> str:
        return printer.text(node)

    # -- statements

    def line(self, depth: int, text: str) -> None:
        self.lines += printer.broken("    " * depth + text)

    def function(self, result: Result, header: Sequence[str]) -> str:
        body = self.func.body
        mirror = self.func.notes.get("mirror")
        if mirror is None:
            self.stmts(body, body.stmts, 1)
        else:
            back = [k for k, s in enumerate(body.stmts) if mirror.intersection(bound_by(s))]
            first = back[0] if back else len(body.stmts)
            self.section("# forward", body, body.stmts[:first])
            self.section("# backward", body, body.stmts[first:])
        values = [self.atom(r) for r in body.results]
        for line in statement(result, values, self.spelling, self.text, printer.MARGIN - 4):
            self.line(1, line)
        head = [f"def {self.func.name}({', '.join(header)}):"]
        quiet = [f'{k}="{how}"' for k, how in self.func.notes.get("quiet", {}).items()]
        if quiet:
            self.spelling.imports.add("import numpy as np")
            head.insert(0, f"@np.errstate({', '.join(quiet)})")
        return "\n".join([*head, *self.lines]) + "\n"

    def section(self, title: str, body: Block, stmts: Sequence[Stmt]) -> None:
        at = len(self.lines)
        self.stmts(body, stmts, 1)
        if len(self.lines) > at:
            self.lines.insert(at, f"    {title}")

    def stmts(self, block: Block, stmts: Sequence[Stmt], depth: int) -> None:
        for s in stmts:
            if isinstance(s, Eqn):
                if s.out not in self.folded:
                    self.eqn(s, block, depth)
                self.append_collected(block, (s.out,), depth)
            elif isinstance(s, Branch):
                if s.outs and s.outs[0] in self.folded:
                    continue
                self.branch(s, depth)
                self.append_collected(block, s.outs, depth)
            else:
                self.loop(s, depth)
                self.append_collected(block, bound_by(s), depth)

    def eqn(self, s: Eqn, block: Block, depth: int) -> None:
        if s.out in self.folded or s.out in self.apart.reads or s.op is ops.caught:
            return
        if self.apart.is_read(s):
            self.take_apart(s, depth)
            return
        if s.op is ops.raise_:
            self.raise_stmt(s, depth)
            return
        if s.op is ops.assert_:
            self.line(depth, "assert " + ", ".join(self.text(self.atom(a)) for a in s.args))
            return
        if s.op in WRITES:
            self.write(s, depth)
            return
        if s.op is ops.bound:
            self.check_bound(s, block, depth)
            return
        if self.augmented(s, depth):
            return
        value = self.value(s)
        if (s.effect or s.raises) and not self.where[s.out]:
            self.line(depth, self.text(value))
            return
        self.bind(self.names[s.out], value, depth)

    def take_apart(self, s: Eqn, depth: int) -> None:
        """`a, b = g(x)`, where the first item is read."""
        source = s.args[0]
        if s is not self.apart.reads[source][0] or source in self.apart.popped:
            return
        made = self.apart.made.get(source)
        value = self.names[source] if made is None else self.text(self.value(made))  # type: ignore[index]
        self.line(depth, f"{self.targets(source)} = {value}")
        if self.func.notes.get("again"):  # the caller may come back for the same tapes
            for v in filter(None, self.apart.places(source)):
                if is_tape(v):
                    self.line(depth, f"{self.tapes[v]} = {self.tapes[v]}.copy()")

    def targets(self, source: Atom) -> str:
        """The names of the items of a value that is taken apart."""
        targets = []
        for v in self.apart.places(source):
            if v is not None and is_tape(v):
                self.tapes[v] = self.names.tape(v.hint or "tape")
            targets.append("_" if v is None else self.tapes[v] if is_tape(v) else self.names[v])
        return ", ".join(targets) + "," * (len(targets) == 1)

    def check_bound(self, s: Eqn, block: Block, depth: int) -> None:
        """A name that may be unbound is read where Python reads it, be it for that alone."""
        name, source = self.names[s.out], self.text(self.atom(s.args[0]))
        if name != source:
            self.line(depth, f"{name} = {source}")
        if name in self.nones:
            self.line(depth, f"if {name} is None:")
            self.line(depth + 1, f'raise UnboundLocalError("{name} is not bound")')
        elif name == source and not any(where is block for where, _ in self.where[s.out]):
            self.line(depth, name)

    def augmented(self, s: Eqn, depth: int) -> bool:
        """`x_bar += g`: for a number always, for an array where it may run in place."""
        change = self.change(self.names[s.out], s)
        if change is not None:
            self.line(depth, change)
        return change is not None

    def change(self, target: str, s: Eqn) -> str | None:
        """`target += v`, if that is what `s` computes and it may."""
        sign = SIGNS.get(s.op)
        if sign is None or s.form is not None:
            return None
        number = all(isinstance(atom_type(a), Scalar) for a in s.args)
        pairs = [(s.args[0], s.args[1])]
        if number and sign in "+*":
            pairs.append((s.args[1], s.args[0]))
        for first, second in pairs:
            if not isinstance(first, Var) or first in self.folded:
                continue
            if self.names[first] == target and (number or s.out in self.in_place):
                return f"{target} {sign}= {self.text(self.atom(second))}"
        return None

    def bind(self, target: str, value: ast.expr, depth: int) -> None:
        if isinstance(value, ast.BinOp) and isinstance(value.left, ast.Name):
            pass
        text = f"{target} = {self.text(value)}"
        if len(text) + 4 * depth > printer.MARGIN and isinstance(value, ast.BinOp):
            self.split(target, value, depth)
            return
        self.line(depth, text)

    def split(self, target: str, value: ast.BinOp, depth: int) -> None:
        """Past the margin: break the line inside parentheses, before the operator."""
        rest = expr.name("_")
        left = self.text(ast.BinOp(value.left, value.op, rest)).rpartition(" ")[0]
        left = left.rpartition(" ")[0]  # as it stands left of the operator, parentheses and all
        right = self.text(ast.BinOp(rest, value.op, value.right))
        self.line(depth, f"{target} = (")
        self.line(depth + 1, left)
        self.line(depth + 1, right[2:])
        self.line(depth, ")")

    def write(self, s: Eqn, depth: int) -> None:
        """`x[i] = v`, `x[i] += v`: the last pass has seen to it that they may write in place."""
        target, base = self.names[s.out], self.text(self.atom(s.args[0]))
        if base != target:
            self.line(depth, f"{target} = {base}")
        if s.op is ops.append:
            self.line(depth, f"{target}.append({self.text(self.atom(s.args[1]))})")
            return
        if s.op is ops.drop_last:
            self.drop(target, "-1", depth)
            return
        assert s.form is not None
        if s.op is ops.drop:
            self.drop(target, self.text(self.item_index(s)), depth)
            return
        if s.op is ops.insert:
            k = self.text(self.item_index(s))
            self.line(depth, f"{target}.insert({k}, {self.text(self.atom(s.args[-1]))})")
            return
        index, args = s.form.args[1], [self.atom(a) for a in s.args]
        place = expr.place(expr.name(target), index, args)
        if not isinstance(place, ast.Subscript):
            place = ast.Subscript(place, ast.Constant(...), ast.Load())
        value = args[-2 if s.op is ops.replace else -1]
        sign = "+" if s.op is ops.additem else ""
        if s.op is ops.setitem:
            change = self.changed(s)
            if change is not None:
                sign, value = change
        elif any(isinstance(a, Var) and isinstance(a.type, Array | Unknown) for a in s.args[1:-1]):
            self.accumulate(target, index, args, depth)
            return
        part = lists.part_of(s.out.type, index) if sign else None
        if isinstance(part, List):
            summed = lists.add([place, value], part)
            self.line(depth, f"{self.text(place)} = {self.text(summed)}")
            return
        if part is not None and not isinstance(part, Scalar):
            # Items may be arrays that others have, too: a new one takes the place.
            self.line(
                depth, f"{self.text(place)} = {self.text(place)} {sign} {self.operand(value)}"
            )
            return
        self.line(depth, f"{self.text(place)} {sign}= {self.text(value)}")

    def operand(self, value: ast.expr) -> str:
        simple = isinstance(value, ast.Name | ast.Constant | ast.Call | ast.Subscript)
        return self.text(value) if simple else f"({self.text(value)})"

    def item_index(self, s: Eqn) -> ast.expr:
        """The place in a list that an operation is about."""
        assert s.form is not None
        return expr.template(s.form.args[1], [self.atom(a) for a in s.args])

    def drop(self, target: str, k: str, depth: int) -> None:
        """`v = x[k]` right before, and `x.pop(k)`, are one."""
        last = self.lines[-1].strip() if self.lines else ""
        name, _, read = last.partition(" = ")
        taken = f"{target}.pop({'' if k == '-1' else k})"
        if read == f"{target}[{k}]" and name.isidentifier():
            self.lines.pop()
            taken = f"{name} = {taken}"
        self.line(depth, taken)

    def changed(self, s: Eqn) -> tuple[str, ast.expr] | None:
        """Is `x[i] = x[i] + v` stored?  Then the sign and `v`."""
        made = self.folded.get(s.args[-1]) if isinstance(s.args[-1], Var) else None
        if not isinstance(made, Eqn) or made.form is not None or made.op not in SIGNS:
            return None
        read = self.folded.get(made.args[0]) if isinstance(made.args[0], Var) else None
        if not isinstance(read, Eqn) or read.op is not ops.getitem:
            return None
        assert s.form is not None
        assert read.form is not None
        same = read.args[0] is s.args[0] and read.form.args[1] == s.form.args[1]
        if not same or read.args[1:] != s.args[1:-1]:
            return None
        return SIGNS[made.op], self.atom(made.args[1])

    def accumulate(self, target: str, index: object, args: list[ast.expr], depth: int) -> None:
        """Repeated indices add up in `np.add.at` alone."""
        owner: ast.expr = expr.name(target)
        if isinstance(index, Pack) and index.kind == "path":
            owner = expr.place(owner, Pack("path", index.items[:-1]), args)
            index = index.items[-1]
        self.spelling.imports.add("import numpy as np")
        at = ast.Call(expr.name("np.add.at"), [owner, expr.template(index, args), args[-1]], [])
        self.line(depth, self.text(at))

    def raise_stmt(self, s: Eqn, depth: int) -> None:
        text, names = s.args[0], s.args[1]
        assert isinstance(text, Lit)
        assert isinstance(names, Lit)
        tree = ast.parse(text.value).body[0]
        values = dict(zip(names.value, s.args[2:], strict=True))

        class Rename(ast.NodeTransformer):
            def visit_Name(inner, node: ast.Name) -> ast.AST:
                value = values.get(node.id)
                if isinstance(value, Lit) and isinstance(value.value, type):
                    return expr.name(self.spelling.given(value.value))
                return node if value is None else self.atom(value)

        self.line(depth, ast.unparse(ast.fix_missing_locations(Rename().visit(tree))))

    # -- tapes

    def tape(self, v: Var) -> str:
        """The list behind a collected sequence; nested collects share one."""
        return self.tapes[v]

    def open_tapes(self, outs: Sequence[Var], block_results: Sequence[Atom], depth: int) -> None:
        for v in outs:
            if v not in self.tapes:
                self.tapes[v] = self.names.tape(self.tape_hint(v))
                self.line(depth, f"{self.tapes[v]} = []")

    def tape_hint(self, v: Var) -> str:
        """A tape is called after its items, one of tuples `tape`."""
        item: Atom = v
        while item in self.collected:
            item = self.collected[item]
        made = self.order.made(item)
        if made is not None and made.op is ops.getitem and _user_named(made.args[0]):
            return f"{made.args[0].hint}_tape"  # type: ignore[union-attr]
        if isinstance(item, Lit) or isinstance(item.type, Saved) or item in self.folded:
            return "tape"
        return v.hint if v.hint not in ("", "tape") else f"{self.names[item]}_tape"

    def share_tapes(self, arm: Block, seqs: Sequence[Var], results: Sequence[Atom]) -> None:
        for v, r in zip(seqs, results, strict=True):
            if isinstance(r, Var) and is_tape(r):
                self.tapes[r] = self.tapes[v]

    def append_collected(self, block: Block, values: Sequence[Var], depth: int) -> None:
        for seq, r in self.collecting.get(id(block), ()):
            if r in values and not is_tape(r):
                self.line(depth, f"{self.tapes[seq]}.append({self.text(self.atom(r))})")

    def begin(self, block: Block, seqs: Sequence[Var], results: Sequence[Atom], depth: int) -> None:
        """Start a block that collects: append what is at hand before its first statement."""
        self.share_tapes(block, seqs, results)
        pairs = [(v, r) for v, r in zip(seqs, results, strict=True)]
        self.collecting[id(block)] = [(v, r) for v, r in pairs if isinstance(r, Var)]
        first = at_hand(block, results)
        for v, r in pairs:
            if r in first and not (isinstance(r, Var) and is_tape(r)):
                self.line(depth, f"{self.tapes[v]}.append({self.text(self.atom(r))})")

    collecting: dict[int, list[tuple[Var, Var]]]

    def pops(self, params: Sequence[Var], sources: Sequence[Atom], depth: int) -> None:
        for p, source in zip(params, sources, strict=True):
            assert isinstance(source, Var)
            if is_tape(p):
                self.tapes[p] = self.tapes[source]
            elif p in self.apart.reads:
                self.line(depth, self.popped(self.targets(p), self.tapes[source], depth))
            else:
                self.line(depth, f"{self.names[p]} = {self.tapes[source]}.pop()")

    def popped(self, targets: str, tape: str, depth: int) -> str:
        """A tuple is taken from a tape: in parentheses where the line must be broken."""
        text = f"{targets} = {tape}.pop()"
        return text if 4 * depth + len(text) <= printer.MARGIN else f"({targets}) = {tape}.pop()"

    # -- moves

    def moves(self, pairs: Sequence[tuple[Var, Atom]], depth: int) -> None:
        """Assign each target its value, all at once."""
        todo: list[tuple[str, str, ast.expr]] = []
        changes: list[str | None] = []
        nothing: list[str] = []
        for target, a in pairs:
            if isinstance(a, Lit) and isinstance(a.value, Undef):
                if self.hands_on(target, set()):
                    nothing.append(self.names[target])
                continue
            value = self.text(self.atom(a))
            if value != self.names[target] and target not in self.flags:
                todo.append((self.names[target], value, self.atom(a)))
                changes.append(self.change_of(target, a))
        reads = [{n.id for n in ast.walk(node) if isinstance(n, ast.Name)} for _, _, node in todo]
        if any(t in r for i, (t, _, _) in enumerate(todo) for j, r in enumerate(reads) if i != j):
            left, right = ", ".join(t for t, _, _ in todo), ", ".join(v for _, v, _ in todo)
            self.line(depth, f"{left} = {right}")
        else:
            for (t, v, _), change in zip(todo, changes, strict=True):
                self.line(depth, change or f"{t} = {v}")
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
            self.pops(arm.params, s.walked[k], depth + 1)
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
        index, params, items = s.body.params[0], s.body.params[1 : n + 1], s.body.params[n + 1 :]
        seqs = s.outs[n:]
        self.open_tapes(seqs, (), depth)
        flag = self.leaving(s)
        self.moves(list(zip(params, s.carried, strict=True)), depth)
        if s.count is not None:
            self.line(depth, f"{self.names[s.count]} = 0")
        size = len(self.lines) + 1
        if isinstance(s.over, Range):
            self.line(depth, f"for {self.index(index, s.down)} in {self.range(s)}:")
        else:
            self.while_head(s, depth)
            size = len(self.lines)
        if s.count is not None:
            self.line(depth + 1, f"{self.names[s.count]} += 1")
        self.pops(items, s.walked, depth + 1)
        self.begin(s.body, seqs, s.body.results[n:], depth + 1)
        self.stmts(s.body, s.body.stmts, depth + 1)
        self.moves(list(zip(params, s.body.results, strict=False)), depth + 1)
        if s.stop is not None and not flag:
            self.line(depth + 1, f"if {self.names[params[s.stop]]}:")
            self.line(depth + 2, "break")
        if len(self.lines) == size:
            self.line(depth + 1, "pass")

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
        inner = ", ".join(map(self.text, (start, stop, step)))
        return f"reversed(range({inner}))"


def _user_named(a: Atom) -> bool:
    return isinstance(a, Var) and a.hint not in ("", "_") and not a.hint.startswith(".")
