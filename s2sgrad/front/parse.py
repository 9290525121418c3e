"""Statements to structured SSA: an abstract interpreter over the AST.

Each name of the program stands for a value; loops and branches make explicit what they carry.  What
a loop carries is found by parsing its body until the types of the carried values stand still.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any

from s2sgrad.errors import DifferentiationError
from s2sgrad.front.calls import Calls
from s2sgrad.front.normalize import RESULT, normalize
from s2sgrad.front.values import Closure, Tup, Value, flatten, rebuild, same
from s2sgrad.ir import ops
from s2sgrad.ir.graph import (
    UNDEF,
    Atom,
    Block,
    Branch,
    Func,
    Lit,
    Loop,
    Range,
    Stmt,
    Var,
    While,
    atom_type,
)
from s2sgrad.ir.types import INT, UNDEFINED, Type, join

RAISED = ".raised"


def parse(
    closure: Closure,
    params: Sequence[tuple[str, Value]],
    inputs: Sequence[Var],
    name: str,
    lenient: bool = False,
) -> tuple[Func, Value]:
    """The function as IR on `inputs`, of which the parameters are made; and its result's structure.

    `lenient`: to look at, not to differentiate; `y += v` of an unknown `y` is taken to rebind it.
    Raises `DifferentiationError` at the first construct that is not supported.
    """
    p = Parser()
    p.lenient = lenient
    result = p.inline(closure, dict(params), closure.node)
    atoms = flatten(result)
    if atoms is None:
        raise p.refuse(closure.node, "the result is not a number, an array or a tuple of them", "")
    captured = p.captured
    block = Block((*inputs, *captured.values()), tuple(p.stmts), tuple(atoms))
    names = (*(v.hint for v in inputs), *captured)
    return Func(name, block, names, closure.file), result


class Parser(Calls):
    """Statements; expressions are in the base class."""

    def inline(self, closure: Closure, bound: dict[str, Value], at: ast.AST) -> Value:
        """The value of a call: its body is parsed where it stands."""
        if closure.key in self.active_calls:
            raise self.refuse(
                at, "recursion is not supported yet", "write the recursion as a loop", "recursion"
            )
        saved = self.env, self.lookup, self.file, self.body
        self.env, self.lookup, self.file = dict(bound), closure.lookup, closure.file
        self.body = closure.node
        self.active_calls.append(closure.key)
        self.frames.append(self.env)
        try:
            body = normalize(closure.node)
            self.parse_block(body)
            return self.env.get(RESULT, Lit(None))
        finally:
            self.frames.pop()
            self.active_calls.pop()
            self.env, self.lookup, self.file, self.body = saved

    def parse_block(self, stmts: Sequence[ast.stmt]) -> None:
        for s in stmts:
            handler: Callable[[Any], None] | None = getattr(self, f"stmt_{type(s).__name__}", None)
            if handler is None:
                raise self.refuse(
                    s,
                    f"`{_keyword(s)}` is not supported yet",
                    "move it out of the function that is differentiated",
                    "statement",
                )
            handler(s)

    # -- simple statements

    def stmt_Pass(self, s: ast.Pass) -> None: ...

    def stmt_Expr(self, s: ast.Expr) -> None:
        if isinstance(s.value, ast.Constant):
            return  # a docstring
        self.expr(s.value)

    def stmt_Assign(self, s: ast.Assign) -> None:
        value = self.expr(s.value)
        for target in s.targets:
            self.assign(target, value)

    def stmt_AnnAssign(self, s: ast.AnnAssign) -> None:
        if s.value is not None:
            self.assign(s.target, self.expr(s.value))

    def stmt_AugAssign(self, s: ast.AugAssign) -> None:
        if not isinstance(s.target, ast.Name):
            raise self.refuse_write(s.target)
        current = self.read_name(s.target)
        self.check_rebinds(current, s)
        self.assign(s.target, self.binary(s.op, current, self.expr(s.value), s))

    def stmt_FunctionDef(self, s: ast.FunctionDef) -> None:
        if s.decorator_list:
            raise self.refuse(s, "a decorated inner function is not supported yet", "", "decorator")
        self.env[s.name] = self.closure(s)

    def stmt_Assert(self, s: ast.Assert) -> None:
        test = self.truth(self.expr(s.test), s.test)
        message = () if s.msg is None else (self.atom(s.msg),)
        self.emit(ops.assert_, (test, *message), at=s, effect=True)

    def stmt_Raise(self, s: ast.Raise) -> None:
        text = ast.unparse(s)
        free = {n.id for n in ast.walk(s) if isinstance(n, ast.Name)}
        unknown = [n for n in sorted(free) if not _is_builtin_exception(n)]
        atoms = [self.env.get(n) for n in unknown]
        if not all(isinstance(a, Var | Lit) for a in atoms):
            raise self.refuse(s, "this `raise` names something that is no number", "", "raise")
        args = (Lit(text), Lit(tuple(unknown)), *atoms)
        self.emit(ops.raise_, args, at=s, effect=True)  # type: ignore[arg-type]
        self.env[RAISED] = Lit(True)

    def assign(self, target: ast.expr, value: Value) -> None:
        if isinstance(target, ast.Name):
            self.env[target.id] = self.named(value, target.id)
        elif isinstance(target, ast.Tuple | ast.List):
            self.unpack(target, value)
        else:
            raise self.refuse_write(target)

    def unpack(self, target: ast.Tuple | ast.List, value: Value) -> None:
        n = len(target.elts)
        items = self.items(value, target, n)
        stars = [k for k, t in enumerate(target.elts) if isinstance(t, ast.Starred)]
        if stars:
            k, after = stars[0], n - stars[0] - 1
            middle = Tup(tuple(items[k : len(items) - after]))
            items = [*items[:k], middle, *items[len(items) - after :]]
        if len(items) != n:
            raise self.refuse(target, f"{len(items)} values are unpacked into {n} names", "")
        for t, item in zip(target.elts, items, strict=True):
            self.assign(t.value if isinstance(t, ast.Starred) else t, item)

    def refuse_write(self, target: ast.AST) -> DifferentiationError:
        return self.refuse(
            target,
            "in-place writes are not supported yet",
            "build a new array (`np.where`, `np.stack`, `np.concatenate`) instead",
            "write",
        )

    # -- branches

    def stmt_If(self, s: ast.If) -> None:
        test = self.truth(self.expr(s.test), s.test)
        if isinstance(test, Lit):
            self.parse_block(s.body if test.value else s.orelse)
            return
        before = dict(self.env)
        arms = [self.arm(body, before) for body in (s.body, s.orelse)]
        self.env.clear()
        self.env.update(before)
        (then, then_env), (orelse, else_env) = arms
        raised = [bool(env.pop(RAISED, None)) for env in (then_env, else_env)]
        if all(raised):
            self.env[RAISED] = Lit(True)
        joined = self.merge(then_env, else_env, before, raised)
        outs: list[Var] = []
        yields: tuple[list[Atom], list[Atom]] = ([], [])
        for n, (a, b) in joined.items():
            self.env[n] = self.phi(n, a, b, outs, yields)
        blocks = [
            Block((), tuple(b), tuple(y)) for b, y in zip((then, orelse), yields, strict=True)
        ]
        if outs or then or orelse:
            at = self.span(s)
            self.stmts.append(
                Branch(tuple(outs), test, ((), ()), blocks[0], blocks[1], len(outs), at)
            )

    def arm(self, body: Sequence[ast.stmt], before: dict[str, Value]) -> tuple[list[Stmt], Any]:
        self.env.clear()
        self.env.update(before)
        with self.block() as stmts:
            self.parse_block(body)
        return stmts, dict(self.env)

    def merge(
        self, a: dict[str, Value], b: dict[str, Value], before: dict[str, Value], raised: list[bool]
    ) -> dict[str, tuple[Value, Value]]:
        """Names that differ after the two arms; an arm that raises binds nothing."""
        joined: dict[str, tuple[Value, Value]] = {}
        for n in [*a, *(n for n in b if n not in a)]:
            x, y = a.get(n, UNDEF), b.get(n, UNDEF)
            if raised[0]:
                x = UNDEF
            if raised[1]:
                y = UNDEF
            if raised[0] != raised[1] and n in before and same(a.get(n, UNDEF), b.get(n, UNDEF)):
                continue
            if same(x, y):
                self.env[n] = x
            else:
                joined[n] = (x, y)
        return joined

    def phi(
        self, name: str, a: Value, b: Value, outs: list[Var], yields: tuple[list[Atom], list[Atom]]
    ) -> Value:
        if isinstance(a, Tup) and isinstance(b, Tup) and len(a.items) == len(b.items):
            pairs = zip(a.items, b.items, strict=True)
            return Tup(tuple(self.phi(name, x, y, outs, yields) for x, y in pairs))
        if isinstance(a, Tup) and b is UNDEF:
            return Tup(tuple(self.phi(name, x, UNDEF, outs, yields) for x in a.items))
        if isinstance(b, Tup) and a is UNDEF:
            return Tup(tuple(self.phi(name, UNDEF, y, outs, yields) for y in b.items))
        if not (isinstance(a, Var | Lit) and isinstance(b, Var | Lit)):
            return self.poison(f"`{name}` is not the same kind of thing on every path")
        t = join(self.type_of(a), self.type_of(b))
        out = Var(name, t)
        outs.append(out)
        yields[0].append(a)
        yields[1].append(b)
        return out

    # -- loops

    def stmt_While(self, s: ast.While) -> None:
        self.loop(s, None, lambda index: None)

    def stmt_For(self, s: ast.For) -> None:
        over, bind = self.iteration(s.iter)
        self.loop(s, over, lambda index: self.assign(s.target, bind(index)))

    def loop(
        self, s: ast.For | ast.While, over: Range | None, start: Callable[[Var], None]
    ) -> None:
        """Parse the body until the types of what it carries stand still."""
        stop: str | None = getattr(s, "stop", None)
        before = dict(self.env)
        names = [n for n in _assigned(s) if isinstance(before.get(n, UNDEF), Var | Lit | Tup)]
        inits = {n: before.get(n, UNDEF) for n in names}
        types = {n: [self.type_of(a) for a in flatten(v) or ()] for n, v in inits.items()}
        for _ in range(8):
            params = {n: self.params(n, inits[n], types[n]) for n in names}
            index = Var(_index_hint(s), INT)
            with self.block() as stmts:
                self.env.clear()
                self.env.update(before | params)
                test = self.while_test(s) if isinstance(s, ast.While) else None
                start(index)
                self.parse_block(s.body)
            after = dict(self.env)
            after.pop(RAISED, None)
            settled = True
            for n in [n for n in names if inits[n] is UNDEF and flatten(after[n]) is None]:
                names.remove(n)  # a function made in the loop: nothing that a loop can carry
                before[n] = self.poison(f"`{n}` is made in a loop and used after it")
            for n in names:
                settled &= self.settle(n, inits, types, after[n])
            if settled:
                break
        else:
            raise self.refuse(s, "the types of what this loop carries do not settle", "")
        self.env.clear()
        self.env.update(before)
        self.close_loop(s, over, names, inits, params, after, index, stmts, test, stop)

    def settle(
        self, n: str, inits: dict[str, Value], types: dict[str, list[Type]], after: Value
    ) -> bool:
        """Widen what is assumed of the carried name `n`; was it right already?"""
        atoms = flatten(after)
        if atoms is None:
            raise self.refuse_name(n)
        if inits[n] is UNDEF and isinstance(after, Tup):
            inits[n] = rebuild(after, [UNDEF] * len(atoms))
            types[n] = [UNDEFINED] * len(atoms)
        if len(atoms) != len(types[n]):
            raise self.refuse_name(n)
        joined = [join(t, self.type_of(a)) for t, a in zip(types[n], atoms, strict=True)]
        stands = joined == types[n]
        types[n] = joined
        return stands

    def params(self, name: str, like: Value, types: list[Type]) -> Value:
        return rebuild(like, [Var(name, t) for t in types])

    def while_test(self, s: ast.While) -> tuple[list[Stmt], Atom]:
        with self.block() as stmts:
            test = self.truth(self.expr(s.test), s.test)
        return stmts, test

    def close_loop(
        self,
        s: ast.For | ast.While,
        over: Range | None,
        names: list[str],
        inits: dict[str, Value],
        params: dict[str, Value],
        after: dict[str, Value],
        index: Var,
        stmts: list[Stmt],
        test: tuple[list[Stmt], Atom] | None,
        stop: str | None,
    ) -> None:
        carried: list[Atom] = []
        taken: list[Var] = []
        yields: list[Atom] = []
        outs: list[Var] = []
        stop_at = None
        for n in names:
            atoms, ps, ys = flatten(inits[n]), flatten(params[n]), flatten(after[n])
            assert atoms is not None
            assert ps is not None
            assert ys is not None
            if n == stop:
                stop_at = len(carried)
            carried += atoms
            taken += [p for p in ps if isinstance(p, Var)]
            yields += ys
            new = [Var(n, atom_type(p)) for p in ps]
            outs += new
            self.env[n] = rebuild(params[n], list(new))
        kind: Range | While
        if over is None:
            assert test is not None
            if any(isinstance(n, ast.NamedExpr) for n in ast.walk(s.test)):  # type: ignore[union-attr]
                raise self.refuse(
                    s,
                    "`:=` in the test of a `while` is not supported yet",
                    "assign before the loop and at its end",
                    "walrus",
                )
            kind = While(_rename(taken, test, self))
        else:
            kind = over
        body = Block((index, *taken), tuple(stmts), tuple(yields))
        self.stmts.append(
            Loop(tuple(outs), kind, tuple(carried), (), body, self.span(s), stop=stop_at)
        )


def _rename(params: list[Var], test: tuple[list[Stmt], Atom], p: Parser) -> Block:
    """The test as a block of its own: its parameters are not those of the body."""
    from s2sgrad.ir.build import substitute

    fresh = tuple(Var(v.hint, v.type) for v in params)
    return substitute(
        Block(fresh, tuple(test[0]), (test[1],)), dict(zip(params, fresh, strict=True))
    )


def _is_builtin_exception(name: str) -> bool:
    import builtins

    return isinstance(getattr(builtins, name, None), type)


def _keyword(s: ast.stmt) -> str:
    names = {
        "With": "with",
        "Try": "try",
        "Delete": "del",
        "Global": "global",
        "Match": "match",
        "Nonlocal": "nonlocal",
        "ClassDef": "class",
        "Import": "import",
        "ImportFrom": "from ... import",
        "AsyncFunctionDef": "async def",
    }
    return names.get(type(s).__name__, type(s).__name__)


def _index_hint(s: ast.For | ast.While) -> str:
    return s.target.id if isinstance(s, ast.For) and isinstance(s.target, ast.Name) else ""


def _assigned(loop: ast.For | ast.While) -> list[str]:
    """Names that the loop binds, in order; inner functions bind their own."""
    found: dict[str, None] = {}

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.FunctionDef):
            found[node.name] = None
            return
        if isinstance(node, ast.Lambda):
            return
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found[node.id] = None
        for child in ast.iter_child_nodes(node):
            visit(child)

    for part in ([loop.target] if isinstance(loop, ast.For) else []) + list(loop.body):
        visit(part)
    return list(found)
