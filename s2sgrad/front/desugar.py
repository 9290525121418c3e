"""`match`, `with` and some tests in simpler statements, before exits are put in order.

A `match` becomes a chain of `if`; whether a container has the shape of a pattern is asked by a
`Shaped`, which the parser answers from the structure that it knows.  A `with` of several managers
is one in another, each a `Managed`.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

_serial = itertools.count(1)


class Shaped(ast.expr):
    """Has `subject` as many items, the keys, or the class that `pattern` asks for?"""

    _fields = ("subject",)

    def __init__(self, subject: ast.expr, pattern: ast.pattern) -> None:
        super().__init__()
        self.subject, self.pattern = subject, pattern


class Positional(ast.expr):
    """Position `k` of a class pattern, of the subject."""

    _fields = ("subject",)

    def __init__(self, subject: ast.expr, pattern: ast.MatchClass, k: int) -> None:
        super().__init__()
        self.subject, self.pattern, self.k = subject, pattern, k


class Rest(ast.expr):
    """The items of a dict that a pattern does not name."""

    _fields = ("subject",)

    def __init__(self, subject: ast.expr, keys: list[ast.expr]) -> None:
        super().__init__()
        self.subject, self.keys = subject, keys


class Managed(ast.stmt):
    """A `with` of one manager."""

    _fields = ("item", "body")

    def __init__(self, item: ast.withitem, body: list[ast.stmt]) -> None:
        super().__init__()
        self.item, self.body = item, body


def desugar(stmts: Sequence[ast.stmt], calls_bind: bool = False) -> list[ast.stmt]:
    """The statements without `match`, with one manager a `with`; functions inside are left alone.

    `calls_bind`: inner functions rebind names of this one.
    """
    return _Desugar(calls_bind).block(stmts)


class _Desugar:
    def __init__(self, calls_bind: bool) -> None:
        self.binding: tuple[type[ast.expr], ...] = (ast.NamedExpr,)
        if calls_bind:
            self.binding = (ast.NamedExpr, ast.Call)

    def block(self, stmts: Sequence[ast.stmt]) -> list[ast.stmt]:
        out: list[ast.stmt] = []
        for s in stmts:
            if isinstance(s, ast.With):
                body = self.block(s.body)
                for item in reversed(s.items):
                    body = [_at(s, Managed(item, body))]
                out += body
            elif isinstance(s, ast.Try):
                out.append(self.try_(s))
            elif isinstance(s, ast.Match):
                out += self.match(s)
            elif isinstance(s, ast.If):
                out.append(_at(s, ast.If(s.test, self.block(s.body), self.block(s.orelse))))
            elif isinstance(s, ast.For):
                body, orelse = self.block(s.body), self.block(s.orelse)
                out.append(_at(s, ast.For(s.target, s.iter, body, orelse)))
            elif isinstance(s, ast.While):
                out += self.while_(s)
            else:
                out.append(s)
        return out

    def try_(self, s: ast.Try) -> ast.stmt:
        handlers = [
            ast.copy_location(ast.ExceptHandler(h.type, h.name, self.block(h.body)), h)
            for h in s.handlers
        ]
        return _at(
            s, ast.Try(self.block(s.body), handlers, self.block(s.orelse), self.block(s.finalbody))
        )

    def while_(self, s: ast.While) -> list[ast.stmt]:
        """The loop; a test that binds names is asked at the top of each turn.

        What its `else` holds stays outside of it: a `continue` there is one of the loop around.
        """
        body, orelse = self.block(s.body), self.block(s.orelse)
        if not any(isinstance(n, self.binding) for n in ast.walk(s.test)):
            return [_at(s, ast.While(s.test, body, orelse))]
        ended = ast.Name(f".ended{next(_serial)}", ast.Store())
        over, asked = (ast.Assign([ended], ast.Constant(v)) for v in (True, False))
        after = ast.If(ast.Name(ended.id, ast.Load()), orelse, [])
        leave = ast.If(s.test, [ast.Pass()], [*([over] if orelse else []), ast.Break()])
        loop = ast.While(ast.Constant(True), [leave, *body], [])
        made: list[ast.stmt] = [asked, loop, after] if orelse else [loop]
        for node in made:
            _locate(node, s)
        return made

    def match(self, s: ast.Match) -> list[ast.stmt]:
        subject: ast.expr = s.subject
        out: list[ast.stmt] = []
        if not isinstance(subject, ast.Name):
            name = f".subject{next(_serial)}"
            out.append(ast.Assign([ast.Name(name, ast.Store())], s.subject))
            subject = ast.Name(name, ast.Load())
        rest: list[ast.stmt] = []
        for case in reversed([one for c in s.cases for one in _alternatives(c)]):
            rest = self.case(case, subject, rest)
        out += rest
        for node in out:
            _locate(node, s)
        return out

    def case(self, case: ast.match_case, subject: ast.expr, rest: list[ast.stmt]) -> list[ast.stmt]:
        """The case, and what follows if it does not fit."""
        tried = _Tried()
        _pattern(case.pattern, subject, tried)
        binds: list[ast.stmt] = [ast.Assign([ast.Name(n, ast.Store())], e) for n, e in tried.binds]
        body, tests = self.block(case.body), list(tried.tests)
        if case.guard is not None and binds:  # it may read what the pattern binds
            body = [ast.If(case.guard, body, rest)]
        elif case.guard is not None:
            tests.append(case.guard)
        if not tests:
            return [*binds, *body]
        test = tests[0] if len(tests) == 1 else ast.BoolOp(ast.And(), tests)
        return [ast.If(test, [*binds, *body], rest)]


def _at(node: ast.AST, made: ast.stmt) -> ast.stmt:
    return ast.copy_location(made, node)


@dataclass
class _Tried:
    """What a pattern means: tests that must all hold, then names that are bound."""

    tests: list[ast.expr] = field(default_factory=list)
    binds: list[tuple[str, ast.expr]] = field(default_factory=list)


def _pattern(p: ast.pattern, subject: ast.expr, into: _Tried) -> None:
    if isinstance(p, ast.MatchValue):
        into.tests.append(ast.Compare(subject, [ast.Eq()], [p.value]))
    elif isinstance(p, ast.MatchSingleton):
        into.tests.append(ast.Compare(subject, [ast.Is()], [ast.Constant(p.value)]))
    elif isinstance(p, ast.MatchAs):
        if p.pattern is not None:
            _pattern(p.pattern, subject, into)
        if p.name is not None:
            into.binds.append((p.name, subject))
    elif isinstance(p, ast.MatchOr):
        _either(p, subject, into)
    else:
        into.tests.append(Shaped(subject, p))
        if isinstance(p, ast.MatchSequence):
            _sequence(p, subject, into)
        elif isinstance(p, ast.MatchMapping):
            for key, inner in zip(p.keys, p.patterns, strict=True):
                _pattern(inner, ast.Subscript(subject, key, ast.Load()), into)
            if p.rest is not None:
                into.binds.append((p.rest, Rest(subject, p.keys)))
        elif isinstance(p, ast.MatchClass):
            for k, inner in enumerate(p.patterns):
                _pattern(inner, Positional(subject, p, k), into)
            for attr, inner in zip(p.kwd_attrs, p.kwd_patterns, strict=True):
                _pattern(inner, ast.Attribute(subject, attr, ast.Load()), into)


def _alternatives(case: ast.match_case) -> list[ast.match_case]:
    """A case of alternatives that bind names, as one case for each.

    A guard is asked of the first that fits alone: then the case stays as it is.
    """
    p = case.pattern
    if not isinstance(p, ast.MatchOr) or case.guard is not None:
        return [case]
    if not any(isinstance(n, ast.MatchAs | ast.MatchStar) and n.name for n in ast.walk(p)):
        return [case]
    return [ast.match_case(one, None, case.body) for one in p.patterns]


def _either(p: ast.MatchOr, subject: ast.expr, into: _Tried) -> None:
    tests: list[ast.expr] = []
    for one in p.patterns:
        tried = _Tried()
        _pattern(one, subject, tried)
        if tried.binds:
            into.tests.append(Shaped(subject, p))  # refused by the parser
            return
        if not tried.tests:
            return  # a wildcard
        both = tried.tests[0] if len(tried.tests) == 1 else ast.BoolOp(ast.And(), tried.tests)
        tests.append(both)
    into.tests.append(ast.BoolOp(ast.Or(), tests))


def _sequence(p: ast.MatchSequence, subject: ast.expr, into: _Tried) -> None:
    stars = [k for k, x in enumerate(p.patterns) if isinstance(x, ast.MatchStar)]
    after = len(p.patterns) - stars[0] - 1 if stars else 0
    for k, inner in enumerate(p.patterns):
        if isinstance(inner, ast.MatchStar):
            if inner.name is not None:
                stop = ast.UnaryOp(ast.USub(), ast.Constant(after)) if after else None
                part = ast.Subscript(subject, ast.Slice(ast.Constant(k), stop, None), ast.Load())
                into.binds.append((inner.name, ast.Call(ast.Name("list", ast.Load()), [part], [])))
            continue
        place = k if not stars or k < stars[0] else k - len(p.patterns)
        index = ast.Constant(place) if place >= 0 else ast.UnaryOp(ast.USub(), ast.Constant(-place))
        _pattern(inner, ast.Subscript(subject, index, ast.Load()), into)


def _locate(node: ast.AST, at: ast.AST) -> None:
    """Nodes made here stand where the `match` stands; those of the user's keep their places."""
    if isinstance(node, ast.expr | ast.stmt):
        if not hasattr(node, "lineno"):
            ast.copy_location(node, at)
        for child in ast.iter_child_nodes(node):
            _locate(child, node)
