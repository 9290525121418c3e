"""Statements to structured SSA: an abstract interpreter over the AST.

Each name of the program stands for a value; loops and branches make explicit what they carry.  What
a loop carries is found by parsing its body until the types of the carried values stand still.
"""

from __future__ import annotations

import ast
import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from s2sgrad.errors import DifferentiationError
from s2sgrad.front.building import RAISED
from s2sgrad.front.checkpoints import Checkpoints
from s2sgrad.front.iterators import LAZY
from s2sgrad.front.join import Arm, Join, Unreached
from s2sgrad.front.kept import packed
from s2sgrad.front.memory import Ref, Root, may_overlap_unequally, refs
from s2sgrad.front.normalize import RESULT, normalize
from s2sgrad.front.resolve import own_nodes, refuse_kind
from s2sgrad.front.signature import shape
from s2sgrad.front.splits import Split, for_each_key
from s2sgrad.front.transforms import Passes
from s2sgrad.front.values import Closure, Known, Outside, Rows, Tup, Value, leaves, same
from s2sgrad.ir.graph import UNDEF, Atom, Block, Func, Lit, Var

_serial = itertools.count(1)


def parse(
    closure: Closure,
    params: Sequence[tuple[str, Value]],
    inputs: Sequence[Var],
    name: str,
    lenient: bool = False,
    scope: Outside | None = None,
    passes: Passes | None = None,
    keeps: bool = False,
) -> tuple[Func, Value]:
    """The function as IR on `inputs`, of which the parameters are made; and its result's structure.

    `lenient`: to look at, not to differentiate; `y += v` of an unknown `y` is taken to rebind it.
    `passes` derive what the program itself derives; `keeps`: long functions stay functions.
    Raises `DifferentiationError` at the first construct that is not supported.
    """
    p = Parser()
    p.lenient = lenient
    p.scope = scope
    p.passes, p.keeps = passes, keeps
    p.file = closure.file
    refuse_kind(closure.node, name, closure.file, primal=True)
    result = p.invoke(closure, {n: p.argument(v) for n, v in params}, closure.node)
    found = leaves(result)
    if found is None or not returnable(result):
        raise p.refuse(closure.node, "the result is not a number, an array or a tuple of them", "")
    block = Block(tuple(inputs), tuple(p.stmts), tuple(p.read(v, closure.node) for v in found))
    given = [r for r in p.written if r.kind == "argument"]
    written = [r.first for r in given if isinstance(r, Root)]
    changes = len(written) < len(given)  # containers among the arguments
    names = tuple(v.hint for v in inputs)
    return Func(
        name, block, names, closure.file, {"written": written, "changes": changes, "quiet": p.quiet}
    ), result


def returnable(v: Value) -> bool:
    """Is it something that can be built again from its numbers and arrays?"""
    if isinstance(v, Rows):
        like = v.like
        return isinstance(like, Tup) and like.kind == "tuple" and len(like.items) == len(v.columns)
    return not isinstance(v, Tup) or (v.kind != "set" and all(map(returnable, v.items)))


_SIMPLE = (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Expr)


class Parser(Checkpoints):
    """Statements; expressions and loops are in the base classes."""

    def __init__(self) -> None:
        super().__init__()
        self.outer_rebound: list[str] = []  # what calls may rebind, in the frame of the caller
        self.function: ast.AST = ast.Module([], [])  # whose body is parsed
        self.ended: list[dict[str, Value]] = []  # frames whose variables live on in functions

    def argument(self, v: Value) -> Value:
        """An argument as the program sees it."""
        if isinstance(v, Tup):
            made = replace(v, items=tuple(map(self.argument, v.items)), cell=None)
            return self.boxed(made, "argument")
        own: Value = self.own(v) if isinstance(v, Var) else v
        if isinstance(own, Ref):
            own.root.kind = "argument"
            own.root.apart = True  # the call looks whether the items of a list are
        return own

    def inline(self, closure: Closure, bound: dict[str, Value], at: ast.AST) -> Value:
        """The value of a call: its body is parsed where it stands."""
        saved = self.env, self.lookup, self.file, self.stored, self.rebound
        caller, self.function = self.function, closure.node
        for name, value in bound.items():
            self.read_once(name, value, closure.node, closure.node)
        chain, self.chain = self.chain, closure.chain
        called, self.called = self.called, calls_by_name(closure.node)
        outer, self.outer_rebound = self.outer_rebound, self.rebound
        self.stored, self.rebound = stored_names(closure.node), rebound_names(closure.node)
        self.env, self.lookup, self.file = dict(bound), closure.lookup, closure.file
        self.active_calls.append((closure.key, shape(packed(bound))))
        self.frames.append(self.env)
        try:
            with self.shared_names(closure, saved[0], at):
                self.parse_block(normalize(closure.node))
            return self.inner(self.env.get(RESULT, Lit(None)))
        finally:
            self.outer_rebound, self.chain, self.called = outer, chain, called
            self.function = caller
            self.frames.pop()
            self.active_calls.pop()
            self.env, self.lookup, self.file, self.stored, self.rebound = saved

    @contextmanager
    def shared_names(
        self, closure: Closure, caller: dict[str, Value], at: ast.AST
    ) -> Iterator[None]:
        """What inner functions rebind lives in the frame of the call while it is parsed.

        So loops and branches of the call see it change, whichever function rebinds it; under its
        own name in a function that declares it, else under a hidden one (`.cell1.n`).
        """
        own = {_cell(closure, n): n for n in nonlocal_names(closure.node)}
        seen = self.visible_cells(caller)
        if any(cell not in seen for cell in own):
            raise self.refuse(
                at,
                f"`{getattr(closure.node, 'name', 'lambda')}` rebinds names of a function around "
                "it, and is called where these are not at hand",
                "return the new value, or call it where the names are bound",
                "nonlocal",
            )
        before = dict(self.aliased)
        local = {cell: own.get(cell, f".cell{next(_serial)}.{cell[1]}") for cell in seen}
        for cell, name in seen.items():
            self.env[local[cell]] = caller.get(name, UNDEF)
            self.aliased[cell] = self.env, local[cell]
        env = self.env
        try:
            yield
        finally:
            self.aliased = before
        caller.update({name: env[local[cell]] for cell, name in seen.items()})
        for n in self.rebound:  # functions that were made here may live on
            if n in env and (id(env), n) not in seen:
                name = f".cell{next(_serial)}.{n}"
                caller[name] = env[n]
                self.aliased[id(env), n] = caller, name
                self.ended.append(env)

    def visible_cells(self, frame: dict[str, Value]) -> dict[tuple[int, str], str]:
        """The variables in a frame that inner functions rebind, and their names there."""
        found = {cell: name for cell, (env, name) in self.aliased.items() if env is frame}
        for n in self.outer_rebound:
            if n in frame:
                found.setdefault((id(frame), n), n)
        return found

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
            if not isinstance(s, _SIMPLE):
                handler(s)
                continue
            before, done = self.state_now(), len(self.stmts)
            try:
                handler(s)
            except Split as split:
                self.parse_split(s, split, before, done)

    def parse_split(self, s: ast.stmt, split: Split, before: Any, done: int) -> None:
        """The statement again, written out for each key of a dict."""
        arms = for_each_key(s, split)
        if arms is None:
            raise split
        self.put_back(before, done)
        self.views.maps[0].clear()  # what was seen stood in the statements that are gone
        self.parse_block(arms)
        for n in [n for n in self.env if n.startswith(".gk")]:
            del self.env[n]

    # -- simple statements

    def expr_Call(self, node: ast.Call) -> Value:
        value = super().expr_Call(node)
        if isinstance(value, Ref | Rows) and isinstance(node.func, ast.Name):
            fn = self.expr(node.func)
            if isinstance(fn, Known) and any(fn.obj is f for f in LAZY):
                return self.iterator(value)
        return value

    def stmt_Pass(self, s: ast.Pass) -> None: ...

    def stmt_Expr(self, s: ast.Expr) -> None:
        if isinstance(s.value, ast.Constant):
            return  # a docstring
        self.expr(s.value)

    def stmt_Assign(self, s: ast.Assign) -> None:
        value = self.expr(s.value)
        for target in s.targets:
            if isinstance(target, ast.Name):
                self.read_once(target.id, value, self.function, s)
            self.assign(target, value)

    def stmt_AnnAssign(self, s: ast.AnnAssign) -> None:
        if s.value is not None:
            self.assign(s.target, self.expr(s.value))

    def is_shared(self, root: Root) -> bool:
        """Have several names this memory?"""
        found = [r for env in self.frames for v in env.values() for r in refs(v)]
        return sum(r.root is root or r.root in root.linked for r in found) > 1

    def place(self, target: ast.Subscript) -> Ref:
        """What a subscript writes to."""
        owner = self.expr(target.value)
        if not isinstance(owner, Ref):
            raise self.refuse_write(target)
        return owner.part(self.index(target.slice))

    def store(self, place: Ref, value: Value, at: ast.AST) -> None:
        """`place[...] = value`."""
        if may_overlap_unequally(place, value):
            raise self.refuse(
                at,
                "a view is stored to a view of the same array that has another stride: NumPy may "
                "overwrite what it has still to read",
                "add `.copy()` to the right side",
                "overlap",
            )
        if isinstance(value, Tup):
            value = self.emit_call(np.array, [value], {}, at)
        atom = self.read(value, at)
        if not isinstance(atom, Var | Lit):
            raise self.refuse(at, "only numbers and arrays can be stored in an array", "", "write")
        self.write(place, atom, at)

    def assign(self, target: ast.expr, value: Value) -> None:
        if isinstance(target, ast.Name):
            self.env[target.id] = self.named(value, target.id)
        elif isinstance(target, ast.Tuple | ast.List):
            self.unpack(target, value)
        elif isinstance(target, ast.Subscript | ast.Attribute) and self.store_part(target, value):
            return
        elif isinstance(target, ast.Subscript):
            self.store(self.place(target), value, target)
        elif not (isinstance(target, ast.Attribute) and self.store_component(target, value)):
            raise self.refuse_write(target)

    def unpack(self, target: ast.Tuple | ast.List, value: Value) -> None:
        n = len(target.elts)
        stars = [k for k, t in enumerate(target.elts) if isinstance(t, ast.Starred)]
        value = self.inner(value)
        if stars and not isinstance(value, Tup):
            self.unpack_list(target, stars[0], value)
            return
        items = self.items(value, target, n)
        if stars:
            k, after = stars[0], n - stars[0] - 1
            middle = self.boxed(Tup(tuple(items[k : len(items) - after]), "list"))
            items = [*items[:k], middle, *items[len(items) - after :]]
        if len(items) != n:
            raise self.refuse(target, f"{len(items)} values are unpacked into {n} names", "")
        for t, item in zip(target.elts, items, strict=True):
            self.assign(t.value if isinstance(t, ast.Starred) else t, item)

    def refuse_write(self, target: ast.AST) -> DifferentiationError:
        return self.refuse(
            target,
            "a part of something is written to that is no array, list, dict or object",
            "write to an array, or build a new container",
            "write",
        )

    # -- branches

    def stmt_If(self, s: ast.If) -> None:
        test = self.truth(self.expr(s.test), s.test)
        if isinstance(test, Lit):
            self.parse_block(s.body if test.value else s.orelse)
            return
        self.branch(test, lambda: self.parse_block(s.body), lambda: self.parse_block(s.orelse), s)

    def branch(
        self, test: Atom, then: Callable[[], None], orelse: Callable[[], None], at: ast.AST
    ) -> None:
        """Both arms, and what holds after them."""
        self.joined_arms(test, self.both([then, orelse], at), at)

    def joined_arms(self, test: Atom, arms: list[Arm], at: ast.AST) -> None:
        before = dict(self.env)
        raised = tuple(bool(arm.env.pop(RAISED, None)) for arm in arms)
        if all(raised):
            if any(arm.unreached for arm in arms):
                raise Unreached
            self.env[RAISED] = Lit(True)
        join = Join(self, arms, at)
        for n, (a, b) in self.merge(arms[0].env, arms[1].env, before, raised).items():
            self.env[n] = join.phi(n, a, b)
        join.close(test, (raised[0], raised[1]))

    def merge(
        self,
        a: dict[str, Value],
        b: dict[str, Value],
        before: dict[str, Value],
        raised: tuple[bool, ...] = (False, False),
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


def _cell(closure: Closure, name: str) -> tuple[int, str]:
    """The variable that a function declares `nonlocal`: that of the nearest function with it."""
    owners = (env for env in closure.chain if name in env)
    return id(next(owners, closure.scope)), name


def calls_by_name(node: ast.AST) -> Counter[str]:
    """How often a function calls what stands behind a name."""
    calls = (n.func for n in own_nodes(node) if isinstance(n, ast.Call))
    return Counter(f.id for f in calls if isinstance(f, ast.Name))


def nonlocal_names(node: ast.AST) -> list[str]:
    """What the function itself declares `nonlocal`."""
    return [n for s in own_nodes(node) if isinstance(s, ast.Nonlocal) for n in s.names]


def rebound_names(node: ast.AST) -> list[str]:
    """What a call of an inner function may rebind: a loop carries it."""
    return [n for s in ast.walk(node) if isinstance(s, ast.Nonlocal) for n in s.names]


def stored_names(node: ast.AST) -> set[str]:
    """What the function itself binds."""
    return {
        n.id for n in own_nodes(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    }


def _keyword(s: ast.stmt) -> str:
    names = {
        "Try": "try",
        "TryStar": "try",
        "ClassDef": "class",
        "AsyncWith": "async with",
        "AsyncFor": "async for",
        "AsyncFunctionDef": "async def",
        "TypeAlias": "type",
    }
    return names.get(type(s).__name__, type(s).__name__)
