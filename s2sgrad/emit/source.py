"""The text of a function: sections, statements, assignments."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from s2sgrad.emit import expr, printer
from s2sgrad.emit.flow import Flow
from s2sgrad.emit.lines import place, places
from s2sgrad.emit.results import Result, statement, whole
from s2sgrad.emit.unpack import item_of
from s2sgrad.ir import ops
from s2sgrad.ir.alias import WRITES
from s2sgrad.ir.call import called_by
from s2sgrad.ir.checks import emptied
from s2sgrad.ir.graph import Block, Branch, Eqn, Func, Lit, Stmt
from s2sgrad.ir.span import Span
from s2sgrad.ir.walk import bound_by
from s2sgrad.rules.helpers import source_of


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
    places: dict[int, Span]  # the statement of the user's that a line belongs to


def emit(
    parts: Sequence[tuple[Func, Result, Sequence[str]]],
    around: Callable[[expr.Spelling], tuple[str, str]] | None = None,
) -> Emitted:
    """Python source of functions that belong together.

    `around` writes one more, which calls them: its name, the first of all, and its text.
    """
    funcs = [func for func, _, _ in parts]
    kept, spelling = called_by(funcs), expr.Spelling(n for f in funcs for n in f.names)
    all_of = [*((k.body, whole(k.body), k.body.names) for k in kept), *parts]
    emitters = [_Emitter(f, spelling, r) for f, r, _ in all_of]
    written = [e.function(r, head) for e, (_, r, head) in zip(emitters, all_of, strict=True)]
    texts, own = written[: len(kept)], written[len(kept) :]
    names = [f.name for f in funcs]
    if around is not None:
        name, text = around(spelling)
        own, names = [*own, text], [name, *names]
    source = module("\n\n".join([*texts, *own]), spelling.imports, spelling.helpers)
    return Emitted(
        source,
        names,
        "\n\n".join(own),
        texts,
        frozenset(spelling.imports),
        spelling.helpers,
        spelling.handed,
        places(source, zip(written, (e.places for e in emitters), strict=True)),
    )


def module(text: str, imports: Iterable[str], helpers: dict[str, Callable[..., Any]]) -> str:
    """A module: imports, helpers, functions."""
    parts = []
    if imports:
        parts.append("\n".join(sorted(imports)) + "\n")
    for name, fn in sorted(helpers.items()):
        parts.append(source_of(name, fn))
    return "\n\n".join([*parts, text]) if parts else text


class _Emitter(Flow):
    def function(self, result: Result, header: Sequence[str]) -> str:
        body = self.func.body
        mirror = self.func.notes.get("mirror")
        if mirror is None:
            self.stmts(body, body.stmts, 1)
        else:
            back = [k for k, s in enumerate(body.stmts) if mirror.intersection(bound_by(s))]
            first = back[0] if back else len(body.stmts)
            self.section("# forward", body, body.stmts[:first])
            self.adjoint = True
            self.section("# backward", body, body.stmts[first:])
        values = [self.atom(r) for r in body.results]
        for line in statement(result, values, self.spelling, self.text, printer.MARGIN - 4):
            self.line(1, line)
        head = [f"def {self.func.name}({', '.join(header)}):"]
        quiet = [f'{k}="{how}"' for k, how in self.func.notes.get("quiet", {}).items()]
        if quiet:
            self.spelling.imports.add("import numpy as np")
            head.insert(0, f"@np.errstate({', '.join(quiet)})")
        if "report" in self.func.notes:
            head.append(f'    """{self.func.notes["report"].line}"""')
        text = [*head, *self.lines]
        self.places = [getattr(x, "at", None) for x in text]
        return "\n".join(text) + "\n"

    def section(self, title: str, body: Block, stmts: Sequence[Stmt]) -> None:
        at = len(self.lines)
        self.stmts(body, stmts, 1)
        if len(self.lines) > at:
            self.lines.insert(at, f"    {title}")

    def stmts(self, block: Block, stmts: Sequence[Stmt], depth: int) -> None:
        for s in stmts:
            self.at = place(s, self.folded)
            if isinstance(s, Eqn):
                if s.out not in self.folded:
                    self.eqn(s, block, depth)
                self.append_collected(block, (s.out,), depth)
            elif isinstance(s, Branch):
                if s.outs and s.outs[0] in self.folded:
                    continue
                if s in self.inline:
                    self.bind(self.names[s.outs[0]], self.value(s), depth)
                else:
                    self.branch(s, depth)
                self.append_collected(block, s.outs, depth)
            else:
                self.loop(s, depth)
                self.append_collected(block, bound_by(s), depth)

    def eqn(self, s: Eqn, block: Block, depth: int) -> None:
        if s.out in self.folded or s.out in self.apart.reads or s.op is ops.caught:
            return
        if s in self.row_reads:
            return
        if s in self.unpacked.reads:
            self.unpack(s, depth)
            return
        if self.apart.is_read(s):
            self.take_apart(s, depth)
            return
        if s.op is ops.raise_:
            self.raise_stmt(s, depth)
            return
        if s.op is emptied and self.heads.is_read(s.args[0]):
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

    def unpack(self, s: Eqn, depth: int) -> None:
        """`W, b = params[0]`, where the first item is read."""
        items = self.unpacked.targets.get(s)
        if items is not None:
            names = ", ".join("_" if v is None else self.names[v] for v in items)
            item = item_of(s)
            assert item is not None
            self.line(depth, f"{names} = {self.text(expr.part(self.atom(item.base), item.path))}")

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
