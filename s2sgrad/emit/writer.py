"""Lines and expressions: what all parts of the emitter stand on."""

from __future__ import annotations

import ast
from collections import defaultdict

from s2sgrad.emit import attempts, expr, printer
from s2sgrad.emit.apart import Apart
from s2sgrad.emit.facts import Order, called, collected, collected_down, handed_on
from s2sgrad.emit.fold import Folding
from s2sgrad.emit.heads import Heads
from s2sgrad.emit.lines import Line
from s2sgrad.emit.live import is_tape, liveness, uses
from s2sgrad.emit.names import Names
from s2sgrad.emit.results import Result
from s2sgrad.emit.unpack import Unpacked
from s2sgrad.ir import ops
from s2sgrad.ir.call import equations
from s2sgrad.ir.graph import Atom, Block, Branch, Eqn, Func, Lit, Stmt, Var, atom_type
from s2sgrad.ir.span import Span
from s2sgrad.ir.types import List

Moves = list[tuple[Var, Atom]]
# The place of the flag among what a branch joins, and the moves that are due before `break`.
Exits = dict[Branch, tuple[int, list[Moves]]]
_TURNED = ast.Slice(None, None, ast.UnaryOp(ast.USub(), ast.Constant(1)))
RESERVED = {"np", "math", "scipy", "range", "float", "len", "abs", "print", "dict", "zip"}


class Writer:
    """What the parts of the emitter share: names, expressions, lines."""

    def __init__(self, func: Func, spelling: expr.Spelling, result: Result) -> None:
        self.func = func
        self.where: dict[Var, list[tuple[Block, Stmt | None]]] = defaultdict(list)
        uses(func.body, self.where)
        self.collected = collected(func.body)
        self.turned = collected_down(func.body) - func.notes.get("unordered", set())
        self.made = {s.out: s for s in equations(func.body)}
        self.tape_items = set(self.collected.values())
        packs = [s for s in equations(func.body) if s.op is ops.pack]
        self.packed = {a for s in packs for a in s.args}
        self.in_place: set[Var] = func.notes.get("in_place", set())
        self.order = Order(func, self.in_place)
        self.apart = Apart(func, self.where)
        self.heads = Heads(func, self.where, self.apart)
        self.unpacked = Unpacked(func.body, self.where)
        folding = Folding(
            func, self.where, self.tape_items, self.order, self.apart, self.unpacked, result
        )
        self.folded, self.inline, self.rows = folding.folded, folding.inline, folding.rows
        self.row_reads = set(self.rows.values())
        self.spelling = spelling
        spans = liveness(func, self.folded, self.tape_items, self.rows, self.heads)
        fixed: frozenset[str] = func.notes.get("globals", frozenset())
        self.names = Names(func, spans, RESERVED | called(func.body) | fixed)
        self.handed = handed_on(func.body)
        self.caught: dict[Var, str] = {}  # exceptions that are being handled
        self.lines: list[str] = []
        self.at: Span | None = None  # the place of the statement that is written
        self.adjoint = False  # is the backward sweep being written?
        self.tapes: dict[Var, str] = {}
        self.exits: Exits = {}  # branches whose arms leave a loop
        self.nones: set[str] = set()  # names that stand for nothing on some path
        self.flags: set[Var] = set()  # stop flags that nobody reads then
        self.collecting: dict[int, list[tuple[Var, Var]]] = {}

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

    def operand(self, a: Atom, s: Eqn) -> ast.expr:
        """An operand of `s`: what loops that run down have collected stands the other way round."""
        turned = isinstance(a, Var) and a in self.turned and s.op is not len
        return ast.Subscript(self.atom(a), _TURNED, ast.Load()) if turned else self.atom(a)

    def value(self, s: Eqn | Branch) -> ast.expr:
        if isinstance(s, Eqn):
            types = [atom_type(a) for a in s.args]
            made = expr.call(
                s.op, [self.operand(a, s) for a in s.args], s.form, self.spelling, types
            )
            argument = s.op is ops.copy and s.args[0] in self.func.body.params
            if argument and isinstance(made, ast.Call) and not isinstance(types[0], List):
                # An argument's copy keeps its order in memory, and so the order of summation.
                made.keywords.append(ast.keyword("order", ast.Constant("K")))
            return made
        then, orelse = s.then.results[0], s.orelse.results[0]
        test = self.atom(s.test)
        if orelse is s.test:
            return expr.both(ast.And(), test, self.atom(then))
        if then is s.test:
            return expr.both(ast.Or(), test, self.atom(orelse))
        return ast.IfExp(test, self.atom(then), self.atom(orelse))

    def text(self, node: ast.expr) -> str:
        return printer.text(node)

    # -- lines

    def line(self, depth: int, text: str) -> None:
        self.lines += [Line.of(x, self.at) for x in printer.broken("    " * depth + text)]

    def bind(self, target: str, value: ast.expr, depth: int) -> None:
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
