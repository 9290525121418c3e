"""Lists of the IR: those whose length depends on data.

A list is known item by item as long as that goes; where a loop or a branch makes its length depend
on data, what it holds becomes a list of the IR *before* that loop or branch, which is then parsed
again.  Such a list is memory, like an array: it has a root, a change is a write, and loops carry
it.  A list of tuples is a list for each of their leaves (`Rows`).  An array that is put into a list
is held by it: to write to the array is to write to the list.
"""

from __future__ import annotations

import ast
import builtins
import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from s2sgrad.front.heap import structure
from s2sgrad.front.list_types import list_path, steps_in
from s2sgrad.front.memory import Cell, Ref, Root, Stale, hold, holes, is_array, link
from s2sgrad.front.sparse import Sparse
from s2sgrad.front.values import Rows, Tup, Value, alike, leaves, rebuild
from s2sgrad.ir import ops
from s2sgrad.ir.graph import Atom, Form, Hole, Lit, Pack, Range, Var
from s2sgrad.ir.types import List, Scalar, Static

# What takes a list as it is; for everything else it is made an array first.
TAKE_LISTS: set[Any] = {np.array, np.stack, np.concatenate, builtins.sum, builtins.len, print}
_NUMPY: dict[Any, Any] = {builtins.max: np.max, builtins.min: np.min}
_serial = itertools.count(1)


class Lists(Sparse):
    """Lists of the IR, their items, and how lists become such."""

    iterated: list[Root]

    def __init__(self) -> None:
        super().__init__()
        self.iterated = []  # lists that the loops around run over

    def is_list(self, v: Value) -> bool:
        return isinstance(v, Ref) and isinstance(v.root.first.type, List) and not v.path

    def new_list(self, items: list[Value], at: ast.AST) -> Ref:
        """A list of the IR of these items."""
        atoms = tuple(self.item_atom(v, at) for v in items)
        made = self.own(self.emit(ops.list_, atoms, at=at))
        assert isinstance(made, Ref)
        made.root.apart = True
        for v in items:
            self.holds(made.root, v)
        if len({v.root for v in items if isinstance(v, Ref)}) < len(items):
            made.root.apart = False  # `[np.zeros(3)] * 2` is one array, twice
        return made

    def item_atom(self, v: Value, at: ast.AST) -> Atom:
        atom = self.read(v, at)
        if not _is_item(atom):
            raise self.refuse(
                at,
                "a list whose length depends on data can hold numbers, arrays, and tuples of them",
                "keep one list for each",
                "list",
            )
        return atom  # type: ignore[no-any-return]

    def holds(self, owner: Root, v: Value) -> None:
        v = self.inner(v)
        self.note_item(owner, v)
        if isinstance(v, Ref):
            for root in (v.root, *v.root.linked):
                if isinstance(root, Root):
                    hold(owner, root)

    # -- from known items to a list of the IR

    def widen(self, ends: list[dict[Any, Any]], mark: int, at: ast.AST) -> bool:
        """Make lists of the IR of those whose structure differs at the ends; was there one?"""
        found = False
        for cell in dict.fromkeys(c for e in ends for c in e if isinstance(c, Cell)):
            before: Any = self.content(cell)
            contents = [e.get(cell, before) for e in ends]
            known = isinstance(before, Tup) and before.kind == "list" and cell.serial < mark
            if not known or any(isinstance(c, Stale) for c in contents):
                continue
            first = contents[0]
            if all(isinstance(c, Tup) and alike(c, first) for c in contents):
                continue
            like = next((c for c in contents if not isinstance(c, Tup)), None)
            like = like or max(contents, key=lambda c: len(c.items))
            made = self.listed_value(before, at, like)
            if made is not None:
                self.become(cell, made, at)
                found = True
        return found

    def become(self, cell: Cell, made: Value, at: ast.AST) -> None:
        """The container is a list of the IR from here on, called as it was."""
        assert isinstance(made, Ref | Rows)
        self.hold_in(cell, made, at)
        named = (
            n
            for env in (self.env, *reversed(self.frames))
            for n, v in env.items()
            if isinstance(v, Tup) and v.cell is cell and not n.startswith(".")
        )
        name = next(named, "")
        columns = made.columns if isinstance(made, Rows) else (made,)
        for k, c in enumerate(columns):
            if name and not c.root.first.hint:
                hint = name if len(columns) == 1 else f"{name}_{k}"
                object.__setattr__(c.root.first, "hint", hint)

    def listed_value(self, v: Value, at: ast.AST, like: Value | None = None) -> Value | None:
        """A list as one of the IR, if its items are such that it can be; `like`: if it is empty."""
        if isinstance(v, Rows) or self.is_list(v):
            return v
        if not (isinstance(v, Tup) and v.kind == "list"):
            return None
        if v.cell is None:
            return self.of_items(v, [self.inner(i) for i in v.items], at, like)
        before = self.versions.get(v.cell)
        self.versions[v.cell] = replace(v, items=())  # type: ignore[assignment]  # nobody else
        made = self.of_items(v, [self.inner(i) for i in v.items], at, like)
        del self.versions[v.cell]
        if before is not None:
            self.versions[v.cell] = before
        return made

    def listed_alias(self, v: Value, at: ast.AST, like: Value | None = None) -> Value | None:
        """A list of the IR for a name alone: the container that others name may be the same."""
        made = self.listed_value(v, at, like)
        if isinstance(v, Tup) and v.cell is not None and isinstance(made, Ref | Rows):
            for c in made.columns if isinstance(made, Rows) else (made,):
                link(c.root, v.cell)
        return made

    def of_items(self, v: Tup, items: list[Value], at: ast.AST, like: Value | None) -> Value | None:
        models = items
        if isinstance(like, Tup):
            models = [*items, *map(self.inner, like.items)]
        elif isinstance(like, Rows):
            models = [*items, like.like]
        first = models[0] if models else None
        if isinstance(first, Tup) and first.kind in ("tuple", "namedtuple"):
            alike_all = all(structure(m) == structure(first) for m in models)
            return self.rows(items, first, at) if alike_all else None
        if isinstance(first, Tup) and first.kind == "list":
            return self.nested(items, at)
        if not all(_is_item(m) or self.is_list_part(m) for m in models):
            return None
        return self.linked_to(self.new_list(items, at), v)

    def linked_to(self, made: Ref, v: Tup) -> Ref:
        """A list that is one of the IR now is still the same object."""
        for other in v.cell.linked if v.cell is not None else ():
            link(made.root, other)
        return made

    def rows(self, items: list[Value], like: Tup, at: ast.AST) -> Value | None:
        """A list of tuples: a list for each of their leaves."""
        found = leaves(like)
        if found is None or not all(map(_is_item, found)) or _has_cells(like):
            return None
        if not all(structure(i) == structure(like) for i in items):
            return None
        parts = [leaves(i) or [] for i in items]
        if not all(_is_item(a) for row in parts for a in row):
            return None
        columns = [self.new_list([row[k] for row in parts], at) for k in range(len(found))]
        return Rows(like, tuple(columns))

    def nested(self, items: list[Value], at: ast.AST) -> Value | None:
        """A list of lists; each of them stays the object that it is."""
        made: list[Value] = []
        for i in items:
            one = self.listed_value(i, at)
            if not isinstance(one, Ref):
                return None
            if isinstance(i, Tup) and i.cell is not None:
                self.hold_in(i.cell, one, at)
            made.append(one)
        return self.new_list(made, at)

    # -- comprehensions

    def comprehension(
        self, elt: ast.expr, generators: list[ast.comprehension], node: ast.expr
    ) -> Value:
        """A loop that appends; its names are its own."""
        name = f".list{next(_serial)}"
        self.env[name] = self.boxed(Tup((), "list"))
        target = ast.Name(name, ast.Load())
        call = ast.Call(ast.Attribute(target, "append", ast.Load()), [elt], [])
        body: ast.stmt = ast.Expr(call)
        for g in reversed(generators):
            for test in reversed(g.ifs):
                body = ast.If(test, [body], [])
            body = ast.For(g.target, g.iter, [body], [])
        for n in ast.walk(body):
            if not hasattr(n, "lineno"):
                ast.copy_location(n, node)
        self.parse_block([body])
        made = self.refreshed(self.env.pop(name), node)
        for g in generators:  # its targets are its own; what calls in it rebind is not
            for n in ast.walk(g.target):
                if isinstance(n, ast.Name):
                    self.env.pop(n.id, None)
        return made

    def parse_block(self, stmts: list[ast.stmt]) -> None:
        raise NotImplementedError

    # -- items

    def view(self, now: Var, path: tuple[Any, ...], at: ast.AST) -> Var:
        if not isinstance(now.type, List):
            return super().view(now, path, at)
        args: list[Atom] = [now]
        template = holes(list_path(now.type, path), args)
        return self.emit(ops.getitem, tuple(args), Form((Hole(0), template)), at=at)

    def write(self, target: Ref, value: Atom, at: ast.AST, op: Any = ops.setitem) -> None:
        if not isinstance(target.root.first.type, List):
            super().write(target, value, at, op)
            return
        now = self.may_write(target.root, at)
        if not isinstance(self.type_of(target), List) and len(steps_in(now.type, target.path)) < 2:
            target = Ref(target.root, (*target.path, ...))  # an array that is a whole item
        args: list[Atom] = [now]
        template = holes(list_path(now.type, target.path), args)
        args.append(value)
        form = Form((Hole(0), template, Hole(len(args) - 1)))
        self.put(target.root, self.emit(op, tuple(args), form, at=at, hint=now.hint), at)

    def element(self, owner: Ref | Var, step: Any, at: ast.AST) -> Value:
        if not isinstance(owner, Ref) or not isinstance(self.type_of(owner), List):
            return super().element(owner, step, at)
        if isinstance(step, Pack) and step.kind == "slice":
            return self.sliced(owner, step, at)
        if not (isinstance(step, int) or (isinstance(step, Var) and isinstance(step.type, Scalar))):
            raise self.refuse(at, "a list is indexed by an int or a slice", "", "list")
        return self.item(owner, step, at)

    def item(self, owner: Ref, step: Any, at: ast.AST) -> Value:
        """`owner[step]`; an array in a list is a part of it, as long as nobody else has it."""
        part = owner.part(step)
        value = self.read(part, at)
        if not is_array(value):
            return value  # type: ignore[no-any-return]
        if not self.shared_items(owner.root):
            return part
        made = self.own(value, [x for r in owner.root.holds for x in (r, *r.linked)])
        if isinstance(made, Ref):
            hold(owner.root, made.root)
        return made

    def shared_items(self, root: Root) -> bool:
        """May two items of the list be one array, or have names of their own?"""
        return not root.apart

    def note_item(self, owner: Root, v: Value) -> None:
        """An item is put into a list: has anyone else got it?"""
        if not isinstance(v, Ref) or not is_array(v.root.first):
            return
        others = (r for r in (*v.root.linked, *v.root.held) if r is not owner)
        fresh = not v.path and v.root.kind == "own" and not any(map(self.is_named, others))
        if owner.apart and not (fresh and not self.is_named(v.root)):
            owner.apart = False

    def is_named(self, root: Root | Cell) -> bool:
        """Can the program reach this memory by a name, or in a container that it reaches?"""
        if isinstance(root, Cell):
            return True
        values = (v for env in (*self.frames, self.env) for v in env.values())
        return any(r.root is root for v in values for r in self.seen_refs(v))

    def seen_refs(self, v: Any, seen: set[int] | None = None) -> list[Ref]:
        """The arrays and lists in a value as it is now."""
        seen = set() if seen is None else seen
        if isinstance(v, Tup):
            v = self.inner(v)
        if isinstance(v, Ref):
            return [v]
        if isinstance(v, Rows):
            return list(v.columns)
        if isinstance(v, Lit | Var) or id(v) in seen:
            return []
        seen.add(id(v))
        found: list[Ref] = []
        for name in ("items", "owner", "scope", "args", "kwargs", "function", "arguments"):
            part = getattr(v, name, ())
            inner = part.values() if isinstance(part, dict) else part
            for p in inner if isinstance(part, dict | tuple | list) else (part,):
                found += self.seen_refs(p, seen)
        return found

    def sliced(self, owner: Ref, step: Pack, at: ast.AST) -> Value:
        """A slice of a list is a list of its own; what it holds is held by both."""
        made = self.own(self.view(self.read(owner, at), (step,), at))
        assert isinstance(made, Ref)
        self.holds_alike(made.root, owner.root)
        return made

    def holds_alike(self, new: Root, old: Root) -> None:
        for item in old.holds:
            hold(new, item)

    def row(self, owner: Rows, step: Any, at: ast.AST) -> Value:
        """An item, or a slice, of a list of tuples."""
        found = [self.element(column, step, at) for column in owner.columns]
        if isinstance(step, Pack) and step.kind == "slice":
            return replace(owner, columns=tuple(found))  # type: ignore[arg-type]
        return rebuild(owner.like, found)

    def subscript(self, owner: Value, node: ast.Subscript) -> Value:
        if isinstance(owner, Rows):
            return self.row(owner, self.index(node.slice), node)
        return super().subscript(owner, node)

    def iteration(self, node: ast.expr) -> tuple[Range, Callable[[Var], Value]]:
        if not isinstance(node, ast.Call):
            value = self.expr(node)
            if isinstance(value, Tup) and value.is_sequence:  # beside something of unknown length
                value = self.listed_value(replace(value, kind="list"), node) or value
            if isinstance(value, Rows) or self.is_list_part(value):
                return self.over_list(value, node)
            if isinstance(value, Ref) and not isinstance(node, ast.Name | ast.Attribute):
                return self.over_array(value, node)
        return super().iteration(node)

    def is_list_part(self, v: Value) -> bool:
        """A list of the IR, or one that is an item of one.  Nothing is read for that."""
        if not isinstance(v, Ref) or not isinstance(v.root.first.type, List):
            return False
        now = self.versions.get(v.root, v.root.first)
        t = v.root.first.type if isinstance(now, Stale) else now.type
        for step in steps_in(t, v.path):
            if not isinstance(t, List):
                return False
            t = t if isinstance(step, Pack) and step.kind == "slice" else t.item
        return isinstance(t, List)

    def over_array(self, value: Ref, node: ast.expr) -> tuple[Range, Callable[[Var], Value]]:
        """`for r in X[1:]`: what it runs over is evaluated once."""
        name = f".over{next(_serial)}"
        self.env[name] = value
        return super().iteration(ast.copy_location(ast.Name(name, ast.Load()), node))

    def over_list(self, value: Value, node: ast.AST) -> tuple[Range, Callable[[Var], Value]]:
        n = self.length(value, node)
        return Range(Lit(0), n, Lit(1)), lambda i: self.running(value, i, node)

    def length(self, value: Value, node: ast.AST) -> Atom:
        one = value.columns[0] if isinstance(value, Rows) else value
        return self.emit(len, (self.read(one, node),), at=node)

    def running(self, owner: Value, i: Var, node: ast.AST) -> Value:
        """The item of this turn; the list must not change its length in the loop."""
        if isinstance(owner, Rows):
            self.iterated += [c.root for c in owner.columns]
            return self.row(owner, i, node)
        assert isinstance(owner, Ref)
        self.iterated.append(owner.root)
        return self.element(owner, i, node)

    # -- functions of lists

    def emit_call(
        self,
        op: Callable[..., Any],
        args: list[Value],
        kwargs: dict[str, Value],
        node: ast.AST,
        effect: bool = False,
    ) -> Value:
        if op is np.asarray and args and self.is_list_part(args[0]):
            op = np.array
        args = [self.array_of_rows(a, node) if isinstance(a, Rows) else a for a in args]
        if op not in TAKE_LISTS:
            args = [self.as_array(a, node) if self.is_list_part(a) else a for a in args]
            if op in _NUMPY and len(args) == 1:
                if isinstance(args[0], Tup):  # NumPy's rule takes an array
                    args = [self.as_array(args[0], node)]
                op = _NUMPY[op]
        return super().emit_call(op, args, kwargs, node, effect)

    def as_array(self, v: Value, node: ast.AST) -> Value:
        t = self.type_of(v) if isinstance(v, Ref) else None
        if isinstance(t, List) and isinstance(t.item, List):
            raise self.refuse(
                node, "an array of a list of lists", "np.array([np.array(r) for r in rows])", "list"
            )
        return super().emit_call(np.array, [v], {}, node)

    def array_of_rows(self, v: Rows, node: ast.AST) -> Value:
        """`np.array` of a list of flat tuples of numbers."""
        if not isinstance(v.like, Tup) or len(v.like.items) != len(v.columns):
            raise self.refuse(node, "an array of a list of nested tuples", "", "list")
        columns: list[Value] = [self.as_array(c, node) for c in v.columns]
        return super().emit_call(np.stack, [Tup(tuple(columns), "list")], {"axis": Lit(1)}, node)

    def call_len(self, args: list[Value], node: ast.Call) -> Value | None:
        if isinstance(args[0], Rows) or self.is_list_part(args[0]):
            return self.length(args[0], node)
        return super().call_len(args, node)

    def truth(self, v: Value, at: ast.AST) -> Atom:
        if isinstance(v, Rows) or self.is_list_part(v):
            return self.length(v, at)
        return super().truth(v, at)


def _is_item(a: Any) -> bool:
    """A number or an array."""
    if isinstance(a, Lit):
        return isinstance(a.value, int | float | complex)
    if isinstance(a, Ref):
        return True
    return isinstance(a, Var) and not isinstance(a.type, Static)


def _has_cells(v: Value) -> bool:
    return isinstance(v, Tup) and (v.cell is not None or any(map(_has_cells, v.items)))
