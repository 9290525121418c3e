"""The compute graph of a function, local partials on its edges: for Graphviz, or as SVG."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterable, Mapping

from s2sgrad.emit import expr
from s2sgrad.errors import DifferentiationError
from s2sgrad.front.probe import is_elementwise
from s2sgrad.ir import ops
from s2sgrad.ir.graph import (
    Atom,
    Block,
    Branch,
    Eqn,
    Func,
    Lit,
    Loop,
    Range,
    Undef,
    Var,
    atom_type,
)
from s2sgrad.ir.types import Several
from s2sgrad.passes.reverse import local_cotangents
from s2sgrad.picture import Picture, draw
from s2sgrad.rules.registry import lookup

STAGE = "parse+prune"
_LONGEST = 48


class Graph:
    """The graph of the primal: an edge says what a cotangent is multiplied by on its way back.

    For an operation that is not elementwise the edge has the whole cotangent, in terms of `g`.  As
    text it is in the language of Graphviz; `svg()` draws it without, and notebooks show that.
    """

    def __init__(self, stages: Mapping[str, Func], name: str) -> None:
        made = _Graph(stages[STAGE if STAGE in stages else "parse"], name)
        self.dot = made.text()
        self._picture = made.picture

    def __str__(self) -> str:
        return self.dot

    def svg(self) -> str:
        """The graph as a picture."""
        return draw(self._picture)

    _repr_svg_ = svg


class _Graph:
    def __init__(self, func: Func, name: str) -> None:
        self.func, self.name = func, name
        self.labels: dict[Var, str] = {}
        self.taken: set[str] = set()
        self.lines: list[str] = []
        self.clusters = 0
        self.picture = Picture()

    def text(self) -> str:
        for p in self.func.body.params:
            self.node(p, self.label(p), "box")
        self.block(self.func.body, 1)
        for k, r in enumerate(self.func.body.results):
            self.lines.append(f'  result{k} [label="result", shape=plaintext];')
            self.picture.node(f"result{k}", "result", "plaintext")
            self.edge(r, f"result{k}", "", 1)
        inner = "\n".join(self.lines)
        head = f"digraph {quoted(self.name)} {{\n  rankdir=BT;\n  node [shape=ellipse];"
        return f"{head}\n{inner}\n}}\n"

    def label(self, v: Var) -> str:
        if v not in self.labels:
            base, n = v.hint.lstrip(".") or "t", 1
            label = base
            while label in self.taken:
                n += 1
                label = f"{base}_{n}"
            self.taken.add(label)
            self.labels[v] = label
        return self.labels[v]

    def node(self, v: Var, label: str, shape: str = "", depth: int = 1) -> None:
        self.picture.node(self.label(v), label, shape)
        style = f", shape={shape}" if shape else ""
        self.line(depth, f"{quoted(self.label(v))} [label={quoted(label)}{style}];")

    def line(self, depth: int, text: str) -> None:
        self.lines.append("  " * depth + text)

    def edge(self, a: Atom, target: str, label: str, depth: int) -> None:
        if isinstance(a, Lit):
            return  # a constant is written in the node that reads it
        self.picture.edge(self.label(a), target, label)
        shown = f" [label={quoted(label)}]" if label else ""
        self.line(depth, f"{quoted(self.label(a))} -> {quoted(target)}{shown};")

    def block(self, block: Block, depth: int) -> None:
        for s in block.stmts:
            if isinstance(s, Eqn):
                self.eqn(s, depth)
            elif isinstance(s, Branch):
                self.branch(s, depth)
            else:
                self.loop(s, depth)

    def eqn(self, s: Eqn, depth: int) -> None:
        if s.effect:
            return
        text = self.written(s)
        label = f"{self.label(s.out)} = {text}" if s.out.hint else text
        self.node(s.out, short(label), depth=depth)
        partials = self.partials(s)
        for a in dict.fromkeys(s.args):
            if isinstance(a, Var):
                self.edge(a, self.label(s.out), partials.get(a, ""), depth)

    def written(self, s: Eqn, inner: dict[Var, ast.expr] | None = None) -> str:
        return ast.unparse(ast.fix_missing_locations(self.tree(s, inner or {})))

    def tree(self, s: Eqn, inner: dict[Var, ast.expr]) -> ast.expr:
        args = [self.atom(a, inner) for a in s.args]
        if s.op in (ops.additem, ops.setitem) and s.form is not None:
            place = expr.template(s.form.args[1], args, True)
            return ast.Subscript(args[-1], place, ast.Load())
        types = [atom_type(a) for a in s.args]
        return expr.call(s.op, args, s.form, expr.Spelling(), types)

    def atom(self, a: Atom, inner: dict[Var, ast.expr]) -> ast.expr:
        if isinstance(a, Lit):
            return expr.name("?") if isinstance(a.value, Undef) else expr.constant(a.value)
        return inner.get(a) or expr.name(self.label(a))

    def partials(self, s: Eqn) -> dict[Var, str]:
        """What each operand's edge says, summed where an operand is read twice."""
        several = isinstance(s.out.type, Several) or any(
            isinstance(atom_type(a), Several) for a in s.args
        )
        if several or lookup(s.op) is None:
            return {}  # each result has partials of its own; or there are none
        if s.op is ops.getitem:
            return {a: "1" for a in s.args[:1] if isinstance(a, Var)}
        python = getattr(math, getattr(s.op, "__name__", ""), None) is s.op
        g: Atom = Lit(1.0) if python or is_elementwise(s.op) else Var("g")
        try:
            stmts, bars = local_cotangents(s, g)
        except DifferentiationError:
            return {}
        inner: dict[Var, ast.expr] = {} if isinstance(g, Lit) else {g: expr.name("g")}
        for e in stmts:
            if isinstance(e, Eqn):
                inner[e.out] = self.tree(e, inner)
        found: dict[Var, list[str]] = {}
        for a, bar in zip(s.args, bars, strict=True):
            if isinstance(a, Var) and bar is not None:
                node = self.atom(bar, inner)
                found.setdefault(a, []).append(ast.unparse(ast.fix_missing_locations(node)))
        return {a: short(" + ".join(_number(t) for t in texts)) for a, texts in found.items()}

    def branch(self, s: Branch, depth: int) -> None:
        for k, arm in enumerate(s.arms):
            test = ast.unparse(ast.fix_missing_locations(self.atom(s.test, {})))
            self.cluster(f"if {test}" if k == 0 else f"if not {test}", arm, depth)
        for k, v in enumerate(s.outs[: s.joined]):
            self.node(v, self.label(v), "diamond", depth)
            for arm, word in zip(s.arms, ("then", "else"), strict=True):
                self.edge(arm.results[k], self.label(v), word, depth)

    def loop(self, s: Loop, depth: int) -> None:
        index = s.body.params[0]
        over = "while"
        if isinstance(s.over, Range):
            atoms = [s.over.start, s.over.stop, s.over.step]
            plain = [isinstance(a, Lit) and a.value for a in (atoms[0], atoms[2])] == [0, 1]
            parts = [self.atom(a, {}) for a in (atoms[1:2] if plain else atoms)]
            inside = ", ".join(ast.unparse(ast.fix_missing_locations(p)) for p in parts)
            over = f"for {self.label(index)} in range({inside})"
        n = len(s.carried)
        params = s.body.params[1 : n + 1]
        self.cluster(over, s.body, depth, params)
        for p, init, out, r in zip(params, s.carried, s.outs, s.body.results, strict=False):
            self.edge(init, self.label(p), "first", depth)
            self.edge(r, self.label(p), "next turn", depth)
            self.node(out, self.label(out), "diamond", depth)
            self.edge(r, self.label(out), "last", depth)

    def cluster(self, label: str, block: Block, depth: int, params: Iterable[Var] = ()) -> None:
        self.clusters += 1
        self.line(depth, f"subgraph cluster{self.clusters} {{")
        self.line(depth + 1, f"label={quoted(label)};")
        with self.picture.group(label):
            for p in params:
                self.node(p, self.label(p), "diamond", depth + 1)
            self.block(block, depth + 1)
        self.line(depth, "}")


def _number(text: str) -> str:
    return {"1.0": "1", "-1.0": "-1"}.get(text, text)


def short(text: str) -> str:
    """A label that is not too wide."""
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def quoted(text: str) -> str:
    """As a string of Graphviz."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
