"""Statements to structured SSA: an abstract interpreter over the AST.

Each name of the program stands for a value; loops and branches make explicit what they carry.  What
a loop carries is found by parsing its body until the types of the carried values stand still.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from s2sgrad.errors import DifferentiationError
from s2sgrad.front.building import RAISED
from s2sgrad.front.infer import fits
from s2sgrad.front.join import Arm, Join, Unreached
from s2sgrad.front.kept import Keeping, packed
from s2sgrad.front.lists import changed_names
from s2sgrad.front.memory import Ref, Root, is_array, may_overlap_unequally, refs
from s2sgrad.front.normalize import RESULT, normalize
from s2sgrad.front.resolve import own_nodes, refuse_kind
from s2sgrad.front.signature import shape
from s2sgrad.front.transforms import Passes
from s2sgrad.front.values import Closure, Outside, Tup, Value, leaves, same
from s2sgrad.ir.graph import UNDEF, Atom, Block, Func, Lit, Var
from s2sgrad.ir.types import Array, List

_serial = itertools.count(1)


def parse(
    closure: Closure,
    params: Sequence[tuple[str, Value]],
    inputs: Sequence[Var],
    name: str,
    lenient: bool = False,
    scope: Outside | None = None,
    passes: Passes | None = None,
) -> tuple[Func, Value]:
    """The function as IR on `inputs`, of which the parameters are made; and its result's structure.

    `lenient`: to look at, not to differentiate; `y += v` of an unknown `y` is taken to rebind it.
    `passes` derive what the program itself derives.
    Raises `DifferentiationError` at the first construct that is not supported.
    """
    p = Parser()
    p.lenient = lenient
    p.scope = scope
    p.passes = passes
    p.file = closure.file
    refuse_kind(closure.node, name, closure.file, primal=True)
    result = p.invoke(closure, {n: p.argument(v) for n, v in params}, closure.node)
    found = leaves(result)
    if found is None:
        raise p.refuse(closure.node, "the result is not a number, an array or a tuple of them", "")
    block = Block(tuple(inputs), tuple(p.stmts), tuple(p.read(v, closure.node) for v in found))
    written = [r.first for r in p.written if r.kind == "argument"]
    names = tuple(v.hint for v in inputs)
    return Func(name, block, names, closure.file, {"written": written, "quiet": p.quiet}), result


class Parser(Keeping):
    """Statements; expressions and loops are in the base classes."""

    def __init__(self) -> None:
        super().__init__()
        self.outer_rebound: list[str] = []  # what calls may rebind, in the frame of the caller
        self.ended: list[dict[str, Value]] = []  # frames whose variables live on in functions

    def argument(self, v: Value) -> Value:
        """An argument as the program sees it."""
        if isinstance(v, Tup):
            return replace(v, items=tuple(map(self.argument, v.items)))
        made: Value = self.own(v) if isinstance(v, Var) else v
        if isinstance(made, Ref):
            made.root.kind = "argument"
        return made

    def inline(self, closure: Closure, bound: dict[str, Value], at: ast.AST) -> Value:
        """The value of a call: its body is parsed where it stands."""
        saved = self.env, self.lookup, self.file, self.changed, self.stored, self.rebound
        self.changed = changed_names(closure.node)
        chain, self.chain = self.chain, closure.chain
        outer, self.outer_rebound = self.outer_rebound, self.rebound
        self.stored, self.rebound = stored_names(closure.node), rebound_names(closure.node)
        self.env, self.lookup, self.file = dict(bound), closure.lookup, closure.file
        self.active_calls.append((closure.key, shape(packed(bound))))
        self.frames.append(self.env)
        try:
            with self.shared_names(closure, saved[0], at):
                self.parse_block(normalize(closure.node))
            return self.env.get(RESULT, Lit(None))
        finally:
            self.outer_rebound, self.chain = outer, chain
            self.frames.pop()
            self.active_calls.pop()
            self.env, self.lookup, self.file, self.changed, self.stored, self.rebound = saved

    @contextmanager
    def shared_names(
        self, closure: Closure, caller: dict[str, Value], at: ast.AST
    ) -> Iterator[None]:
        """What inner functions rebind (`nonlocal`) lives in the frame of the call while it is parsed.

        So loops and branches of the call see it change, whichever function rebinds it; under its own
        name in a function that declares it, else under a hidden one (`.cell1.n`).
        """
        own = {_cell(closure, n): n for n in nonlocal_names(closure.node)}
        seen = self.visible_cells(caller)
        if any(cell not in seen for cell in own):
            raise self.refuse(
                at,
                f"`{closure.node.name}` rebinds names of a function around it, and is called where "  # type: ignore[union-attr]
                "these are not at hand",
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
            value = self.growing(target, s.value, value)
        for target in s.targets:
            self.assign(target, value)

    def stmt_AnnAssign(self, s: ast.AnnAssign) -> None:
        if s.value is not None:
            self.assign(s.target, self.growing(s.target, s.value, self.expr(s.value)))

    def stmt_AugAssign(self, s: ast.AugAssign) -> None:
        if isinstance(s.target, ast.Name):
            current = self.read_name(s.target)
            if isinstance(current, Ref):
                self.augment(current, s, s.target)
            else:
                self.assign(s.target, self.binary(s.op, current, self.expr(s.value), s))
            return
        if not isinstance(s.target, ast.Subscript):
            raise self.refuse_write(s.target)
        place = self.place(s.target)
        old = self.read(place, s)
        value = self.expr(s.value)
        if is_array(old):  # a view: what the right side has written to it is seen
            if isinstance(place.root.first.type, List):
                raise self.refuse(
                    s,
                    "an array in a list is written to: who else has it is not known",
                    f"{ast.unparse(s.target)} = {ast.unparse(s.target)} + ...: a new array",
                    "list",
                )
            old = self.read(place, s)
        made = self.binary(s.op, old, value, s)
        keep_shape(old, self.read(made, s))
        self.store(place, made, s)

    def augment(self, current: Ref, s: ast.AugAssign, target: ast.Name) -> None:
        """`y += v`: an array is written to, a number is rebound."""
        value = self.expr(s.value)
        now = self.read(current, s)
        if not isinstance(now.type, Array):
            shared = current.path or self.is_shared(current.root)
            if shared and not self.lenient:
                raise self.refuse(
                    s,
                    f"`{target.id}` has other names: whether they change depends on its type, "
                    "which is not known",
                    f"{target.id} = {target.id} + ..., or give the parameters types",
                    "alias",
                )
            self.assign(target, self.binary(s.op, now, value, s))
            return
        made = self.binary(s.op, now, value, s)
        new = self.read(made, s)
        keep_shape(now, new)
        alike = isinstance(new.type, Array) and new.type.char == now.type.char
        if not current.path and alike and fits(now.type, new.type):
            self.may_write(current.root, s)
            self.put(current.root, new, s)
        else:
            if alike and len(new.type.shape) == len(now.type.shape):  # or NumPy raises
                object.__setattr__(new, "type", now.type)
            self.write(current, new, s)

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
        elif isinstance(target, ast.Subscript):
            self.store(self.place(target), value, target)
        elif not (isinstance(target, ast.Attribute) and self.store_component(target, value)):
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
            "writes to attributes and containers are not supported yet",
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
        self.joined_arms(test, [self.arm(then), self.arm(orelse)], at)

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


def keep_shape(old: Atom, new: Atom) -> None:
    """`new` goes where `old` was: an operand that would have made it larger raises."""
    if not (isinstance(old, Var) and isinstance(new, Var)):
        return
    t, u = old.type, new.type
    if isinstance(t, Array) and isinstance(u, Array) and len(t.shape) == len(u.shape):
        if not (t.loose or u.loose) and fits(t, u) is None:
            object.__setattr__(new, "type", replace(u, shape=t.shape))


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
