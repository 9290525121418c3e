"""One exit form: no `return`, `break`, `continue` or loop `else` is left in a function's body.

Code after an exit sinks into the other branch; where an arm may or may not exit, a flag guards what
follows.  A loop that may be left early carries the name of its stop flag in the attribute `stop`.
`return` in a loop is a value, a flag and `break`.  Names made here start with a dot, so that they
cannot clash with the user's.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, field

from s2sgrad.front.desugar import Managed, desugar

RESULT = ".value"
RETURNED = ".returned"


@dataclass
class _Context:
    """What surrounds a statement: the flags that its exits must set."""

    stop: str | None = None  # of the innermost loop
    guards: tuple[str, ...] = ()  # of the partial exits around it, within that loop
    counter: list[int] = field(default_factory=lambda: [0])

    def fresh(self, what: str) -> str:
        self.counter[0] += 1
        return f".{what}{self.counter[0]}"


def normalize(node: ast.FunctionDef | ast.Lambda) -> list[ast.stmt]:
    """The body with a single exit: its result is the value of the name `.value`."""
    if isinstance(node, ast.Lambda):
        return [_assign(RESULT, node.body, node.body)]
    calls_bind = any(isinstance(n, ast.Nonlocal) for n in ast.walk(node))
    simple = desugar(node.body, calls_bind)
    body: list[ast.stmt] = []
    if any(_exits(s, (ast.Return,)) for loop in _loops(simple) for s in loop.body):
        body.append(_assign(RETURNED, ast.Constant(False), node))
    if _always(simple) != "return":
        body.append(_assign(RESULT, ast.Constant(None), node.body[-1]))
    return body + _lower(simple, _Context())


def _assign(name: str, value: ast.expr, at: ast.AST) -> ast.Assign:
    target = ast.copy_location(ast.Name(name, ast.Store()), at)
    if not hasattr(value, "lineno"):
        ast.copy_location(value, at)
    return ast.copy_location(ast.Assign([target], value), at)


def _flag(name: str, at: ast.AST, value: bool = True) -> ast.Assign:
    return _assign(name, ast.Constant(value), at)


def _if(name: str, then: list[ast.stmt], orelse: list[ast.stmt], at: ast.AST) -> ast.stmt:
    test = ast.copy_location(ast.Name(name, ast.Load()), at)
    body = then or [ast.copy_location(ast.Pass(), at)]
    return ast.copy_location(ast.If(test, body, orelse), at)


def _loops(stmts: Sequence[ast.AST]) -> list[ast.For | ast.While]:
    found: list[ast.For | ast.While] = []
    for s in stmts:
        if isinstance(s, ast.For | ast.While):
            found.append(s)
        if not isinstance(s, ast.FunctionDef | ast.Lambda | ast.ClassDef):
            found += _loops(list(ast.iter_child_nodes(s)))
    return found


def _exits(stmt: ast.AST, kinds: tuple[type[ast.stmt], ...]) -> bool:
    """May `stmt` leave the block it stands in?  A loop keeps its own break and continue."""
    if isinstance(stmt, ast.Return | ast.Break | ast.Continue):
        return isinstance(stmt, kinds)
    if isinstance(stmt, ast.FunctionDef | ast.Lambda | ast.ClassDef):
        return False
    if isinstance(stmt, ast.For | ast.While):
        inside = tuple(k for k in kinds if k is ast.Return)
        return any(_exits(s, inside) for s in stmt.body) or any(
            _exits(s, kinds) for s in stmt.orelse
        )
    inner = (s for s in ast.iter_child_nodes(stmt) if isinstance(s, ast.stmt | ast.excepthandler))
    return any(_exits(s, kinds) for s in inner)


_ANY = (ast.Return, ast.Break, ast.Continue)


def _always(stmts: Sequence[ast.stmt]) -> str:
    """'return' or 'loop' if control never falls off the end of `stmts`, else ''."""
    for s in stmts:
        if isinstance(s, ast.Return | ast.Raise):
            return "return"
        if isinstance(s, ast.Break | ast.Continue):
            return "loop"
        if isinstance(s, ast.If):
            arms = (_always(s.body), _always(s.orelse))
            if all(arms):
                return "return" if arms == ("return", "return") else "loop"
        if isinstance(s, ast.For | ast.While) and not any(_exits(b, (ast.Break,)) for b in s.body):
            forever = isinstance(s, ast.While) and isinstance(s.test, ast.Constant) and s.test.value
            if forever or _always(s.orelse) == "return":
                return "return"
    return ""


def _lower(stmts: Sequence[ast.stmt], ctx: _Context) -> list[ast.stmt]:
    out: list[ast.stmt] = []
    for i, s in enumerate(stmts):
        rest = stmts[i + 1 :]
        if isinstance(s, ast.Return):
            value = s.value or ast.Constant(None)
            out.append(_assign(RESULT, value, s))
            if ctx.stop:
                out += [_flag(RETURNED, s), _flag(ctx.stop, s)]
            return out + [_flag(g, s) for g in ctx.guards]
        if isinstance(s, ast.Break):
            assert ctx.stop
            return [*out, _flag(ctx.stop, s), *(_flag(g, s) for g in ctx.guards)]
        if isinstance(s, ast.Continue):
            return out + [_flag(g, s) for g in ctx.guards]
        if isinstance(s, ast.If) and _exits(s, _ANY):
            return out + _lower_if(s, rest, ctx)
        if isinstance(s, ast.For | ast.While):
            lowered, done = _lower_loop(s, rest, ctx)
            out += lowered
            if done:
                return out
            continue
        if isinstance(s, Managed | ast.Try):
            lowered, done = _lower_guarded(s, rest, ctx)
            out += lowered
            if done:
                return out
            continue
        if isinstance(s, ast.If):
            s = ast.copy_location(ast.If(s.test, _lower(s.body, ctx), _lower(s.orelse, ctx)), s)
        out.append(s)
    return out


def _lower_if(s: ast.If, rest: Sequence[ast.stmt], ctx: _Context) -> list[ast.stmt]:
    """An `if` with an exit in it, and what follows."""

    def branch(then: list[ast.stmt], orelse: list[ast.stmt]) -> ast.stmt:
        body = then or [ast.copy_location(ast.Pass(), s)]
        return ast.copy_location(ast.If(s.test, body, orelse), s)

    if _always(s.body):
        return [branch(_lower(s.body, ctx), _lower([*s.orelse, *rest], ctx))]
    if _always(s.orelse):
        return [branch(_lower([*s.body, *rest], ctx), _lower(s.orelse, ctx))]
    if not rest:
        return [branch(_lower(s.body, ctx), _lower(s.orelse, ctx))]
    guard = ctx.fresh("left")
    inner = _Context(ctx.stop, (*ctx.guards, guard), ctx.counter)
    first = branch(_lower(s.body, inner), _lower(s.orelse, inner))
    return [_flag(guard, s, False), first, _if(guard, [], _lower(rest, ctx), s)]


def _lower_guarded(
    s: Managed | ast.Try, rest: Sequence[ast.stmt], ctx: _Context
) -> tuple[list[ast.stmt], bool]:
    """A `with` or `try`: what follows stays outside of it, guarded by a flag if it may be left."""
    if not _exits(s, _ANY):
        return [_rebuilt(s, ctx)], False
    if not rest and not (isinstance(s, ast.Try) and s.orelse):
        return [_rebuilt(s, ctx)], True
    guard = ctx.fresh("left")
    made = _rebuilt(s, _Context(ctx.stop, (*ctx.guards, guard), ctx.counter))
    if isinstance(made, ast.Try) and made.orelse and any(_exits(b, _ANY) for b in s.body):
        made.orelse = [_if(guard, [], made.orelse, s)]
    return [_flag(guard, s, False), made, _if(guard, [], _lower(rest, ctx), s)], True


def _rebuilt(s: Managed | ast.Try, ctx: _Context) -> Managed | ast.Try:
    """The statement with its blocks lowered."""
    if isinstance(s, Managed):
        return ast.copy_location(Managed(s.item, _lower(s.body, ctx)), s)
    handlers = [
        ast.copy_location(ast.ExceptHandler(h.type, h.name, _lower(h.body, ctx)), h)
        for h in s.handlers
    ]
    blocks = (_lower(b, ctx) for b in (s.body, s.orelse, s.finalbody))
    body, orelse, finalbody = blocks
    return ast.copy_location(ast.Try(body, handlers, orelse, finalbody), s)


def _lower_loop(
    s: ast.For | ast.While, rest: Sequence[ast.stmt], ctx: _Context
) -> tuple[list[ast.stmt], bool]:
    """A loop, and what follows if the loop may return; the flag says that the rest is done."""
    leaves = any(_exits(b, (ast.Return, ast.Break)) for b in s.body)
    returns = any(_exits(b, (ast.Return,)) for b in s.body)
    stop = ctx.fresh("stop") if leaves else None
    body = _lower(s.body, _Context(stop, (), ctx.counter))
    loop: ast.For | ast.While
    if isinstance(s, ast.For):
        loop = ast.For(s.target, s.iter, body, [])
    else:
        loop = ast.While(s.test, body, [])
    ast.copy_location(loop, s)
    loop.stop = stop  # type: ignore[union-attr]
    out: list[ast.stmt] = [_flag(stop, s, False)] if stop else []
    out.append(loop)
    after = [*s.orelse, *rest]
    if returns:
        left: list[ast.stmt] = [_flag(g, s) for g in ((ctx.stop,) if ctx.stop else ()) + ctx.guards]
        if s.orelse and any(_exits(b, (ast.Break,)) for b in s.body):
            # left by `break`: only the rest; not left: the else clause and the rest
            assert stop
            guarded = [_if(stop, [], list(s.orelse), s), *rest]
        else:
            guarded = after
        return [*out, _if(RETURNED, left, _lower(guarded, ctx), s)], True
    if s.orelse and stop:
        return out + _lower([_if(stop, [], list(s.orelse), s), *rest], ctx), True
    return out + _lower(after, ctx), True
