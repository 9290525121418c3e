"""What a program does to a list of the IR: methods, `+`, `*`, `del`, stores."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from s2sgrad.front.heap import structure
from s2sgrad.front.infer import fits
from s2sgrad.front.list_types import list_path, steps_in
from s2sgrad.front.loops import Loops
from s2sgrad.front.memory import Ref, Root, Stale, holes, refs
from s2sgrad.front.values import Method, Rows, Tup, Value, leaves, rebuild
from s2sgrad.ir import ops
from s2sgrad.ir.graph import Atom, Eqn, Form, Hole, Lit, Pack, Var, atom_type
from s2sgrad.ir.types import Array, List, Scalar, Undefined, Unknown

REVERSED = Pack("slice", (None, None, -1))


class ListMethods(Loops):
    """Changes of lists of the IR, and the lists made of them."""

    def method(
        self, m: Method, args: list[Value], kwargs: dict[str, Value], node: ast.Call
    ) -> Value:
        owner = self.refreshed(m.owner, node)
        if isinstance(owner, Rows):
            return self.rows_method(owner, m.name, args, kwargs, node)
        if self.is_list_part(owner):
            assert isinstance(owner, Ref)
            return self.list_method(owner, m.name, args, kwargs, node)
        return super().method(replace(m, owner=owner), args, kwargs, node)

    def list_method(
        self, owner: Ref, name: str, args: list[Value], kwargs: dict[str, Value], node: ast.AST
    ) -> Value:
        if name == "append" and len(args) == 1:
            return self.append(owner, args[0], node)
        if name == "extend" and len(args) == 1:
            return self.extend(owner, args[0], node)
        if name in ("pop", "popleft") and len(args) <= 1:
            k = args[0] if args else Lit(-1 if name == "pop" else 0)
            return self.pop(owner, k, node)
        if name in ("insert", "appendleft"):
            k, value = args if name == "insert" else (Lit(0), args[0])
            return self.insert(owner, k, value, node)
        if name == "copy" and not args:
            return self.sliced(owner, Pack("slice", (None, None, None)), node)
        if name == "clear" and not args:
            self.renew(owner, self.emit(ops.list_, (), at=node), node)
            return Lit(None)
        if name == "reverse" and not args:
            self.renew(owner, self.view(self.read(owner, node), (REVERSED,), node), node)
            return Lit(None)
        if name == "sort" and not args:
            made = self.sorted_list(owner, kwargs, node)
            self.renew(owner, self.read(made, node), node)
            return Lit(None)
        raise self.refuse(
            node,
            f"the method `.{name}` of a list whose length depends on data is not supported",
            "a loop over its items",
            "list",
        )

    def rows_method(
        self, owner: Rows, name: str, args: list[Value], kwargs: dict[str, Value], node: ast.AST
    ) -> Value:
        """A method of a list of tuples: of each of its columns."""
        many = [[a] * len(owner.columns) for a in args]
        if name in ("append", "insert", "appendleft"):
            many[-1] = list(self.leaves_of(args[-1], owner, node))
        elif name == "extend":
            many = [list(self.columns_of(args[0], owner, node))]
        elif name == "sort" and not args:
            made = self.sorted_value(owner, kwargs, node)
            for c, new in zip(owner.columns, self.columns_of(made, owner, node), strict=True):
                self.renew(c, self.read(new, node), node)
            return Lit(None)
        elif name not in ("pop", "popleft", "clear", "reverse", "copy"):
            raise self.refuse(node, f"the method `.{name}` of a list of tuples", "", "list")
        found = [
            self.list_method(c, name, [a[k] for a in many], kwargs, node)
            for k, c in enumerate(owner.columns)
        ]
        if name == "copy":
            return replace(owner, columns=tuple(found))  # type: ignore[arg-type]
        return rebuild(owner.like, found) if name in ("pop", "popleft") else Lit(None)

    def leaves_of(self, v: Value, owner: Rows, at: ast.AST) -> list[Any]:
        """The leaves of an item that is put into a list of tuples."""
        found = leaves(v)
        if structure(v) != structure(owner.like) or found is None:
            raise self.refuse(
                at, "the items of this list are not all built alike", "one list for each", "list"
            )
        return found

    def columns_of(self, v: Value, owner: Rows, at: ast.AST) -> tuple[Value, ...]:
        made = self.listed_value(v, at, owner)
        if not isinstance(made, Rows) or structure(made.like) != structure(owner.like):
            raise self.refuse(
                at, "the items of this list are not all built alike", "one list for each", "list"
            )
        return made.columns

    # -- changes

    def renew(self, owner: Ref, new: Var, at: ast.AST) -> None:
        """From here on the list is `new`."""
        if any(r is owner.root or r in owner.root.linked for r in self.iterated):
            raise self.refuse(at, "a list changes while a loop runs over it", "copy it", "list")
        now = self.may_write(owner.root, at)
        self.detach(owner.root, len(steps_of(owner)) + 1, at)
        if not owner.path:
            self.put(owner.root, new, at)
            return
        self.put_in(owner, now, new, at)

    def detach(self, root: Root, least: int, at: ast.AST) -> None:
        """Names of items stay what they are, though the list has others at their places."""

        def names(v: Value) -> bool:
            return any(r.root is root and len(steps_of(r)) >= least for r in refs(v))

        for env in (*self.frames, self.env):
            for n, v in list(env.items()):
                if not names(v):
                    continue
                if env is self.env and isinstance(v, Ref) and not self.choosing:
                    self.let_go(env, n, at)
                else:
                    env[n] = self.poison(f"`{n}` is an item of a list that has changed since")
        for cell, content in list(self.versions.items()):
            if isinstance(content, Tup) and names(content):
                self.versions[cell] = Stale(at, "an item of it is one of a list that has changed")

    def store_in(self, place: Ref, now: Var, new: Atom, at: ast.AST) -> None:
        """An item of a list is replaced."""
        self.detach(place.root, len(steps_of(place)), at)
        self.put_in(place, now, new, at)

    def put_in(self, owner: Ref, now: Var, new: Atom, at: ast.AST) -> None:
        """An item of a list, or a list in it, is stored anew."""
        args: list[Atom] = [now]
        template = holes(list_path(now.type, owner.path), args)
        args.append(new)
        op: Callable[..., Any] = ops.setitem
        like = self.size_of_old(owner, now, new, at)
        if like is not None:  # its cotangent is of the size of the old item
            op = ops.replace
            args.append(like)
        form = Form((Hole(0), template, *map(Hole, range(args.index(new), len(args)))))
        self.put(owner.root, self.emit(op, tuple(args), form, at, now.hint), at)

    def size_of_old(self, place: Ref, now: Var, new: Atom, at: ast.AST) -> Atom | None:
        """What tells the size of the item that is replaced; None where that of the new one does."""
        old, t = self.view(now, place.path, at), atom_type(new)
        if isinstance(old.type, List):
            numbers = isinstance(old.type.item, Scalar | Undefined)
            return self.emit(len, (old,), at=at) if numbers else old
        same = isinstance(old.type, Array) and isinstance(t, Array) and fits(old.type, t)
        return None if same or isinstance(old.type, Scalar | Undefined) else old

    def append(self, owner: Ref, v: Value, at: ast.AST) -> Value:
        atom = self.item_of(v, at)
        now = self.read(owner, at)
        self.renew(owner, self.emit(ops.append, (now, atom), at=at, hint=now.hint), at)
        self.holds(owner.root, v)
        return Lit(None)

    def item_of(self, v: Value, at: ast.AST) -> Atom:
        """An item as a value of the IR; a list becomes one."""
        made = self.listed_value(v, at) if isinstance(v, Tup) else v
        if made is None:
            raise self.refuse(
                at,
                "a list whose length depends on data can hold numbers, arrays, and tuples of them",
                "keep one list for each",
                "list",
            )
        if isinstance(v, Tup) and v.cell is not None:
            self.become(v.cell, made, at)
        return self.item_atom(made, at)

    def extend(self, owner: Ref, v: Value, at: ast.AST) -> Value:
        if isinstance(v, Tup):
            for i in v.items:
                self.append(owner, i, at)
            return Lit(None)
        other = self.as_list(v, at)
        now = self.read(owner, at)
        new = self.concat(now, self.read(other, at), at, now.hint)
        self.renew(owner, new, at)
        self.holds_alike(owner.root, other.root)
        return Lit(None)

    def as_list(self, v: Value, at: ast.AST) -> Ref:
        """A list of the items of a list or an array."""
        made = self.listed_value(v, at)
        if isinstance(made, Ref):
            return made
        if not isinstance(v, Ref):
            raise self.refuse(at, "this is no list of numbers or arrays", "", "list")
        new = self.own(self.emit(builtins.list, (self.read(v, at),), at=at))
        assert isinstance(new, Ref)
        self.holds(new.root, v)
        return new

    def pop(self, owner: Ref, k: Value, at: ast.AST) -> Value:
        step = self.position(k, at)
        value = self.own(self.read(self.item(owner, step, at), at))
        if isinstance(value, Ref):
            for r in owner.root.holds:
                self.holds_alike(value.root, r)
                value.root.linked[r] = None
                r.linked[value.root] = None
        now = self.read(owner, at)
        item = self.read(value, at)
        if step == -1 and isinstance(item.type, Scalar):
            new = self.emit(ops.drop_last, (now,), at=at, hint=now.hint)
        else:
            new = self.drop(now, step, item, at)
        self.renew(owner, new, at)
        return value

    def drop(self, now: Var, step: Any, item: Var, at: ast.AST) -> Var:
        """The list without an item; what that was like its cotangent has to know."""
        taken = () if isinstance(item.type, Scalar) else (item,)
        return self.edit(ops.drop, now, step, (self.count(now, at), *taken), at)

    def insert(self, owner: Ref, k: Value, v: Value, at: ast.AST) -> Value:
        step = self.position(k, at)
        now = self.read(owner, at)
        if step != 0:  # beyond the ends it is inserted at the ends
            atom = Lit(step) if isinstance(step, int) else step
            step = self.emit(ops.place, (now, atom), at=at)
        self.renew(owner, self.edit(ops.insert, now, step, (self.item_of(v, at),), at), at)
        self.holds(owner.root, v)
        return Lit(None)

    def position(self, k: Value, at: ast.AST) -> Any:
        step = self.index_of(k, at)
        if isinstance(step, int) or (isinstance(step, Var) and isinstance(step.type, Scalar)):
            return step
        raise self.refuse(at, "a position in a list is an int", "", "list")

    def edit(
        self, op: Callable[..., Any], now: Var, step: Any, more: tuple[Atom, ...], at: ast.AST
    ) -> Var:
        args: list[Atom] = [now]
        template = holes(step, args)
        args += more
        rest = tuple(Hole(len(args) - len(more) + j) for j in range(len(more)))
        return self.emit(op, tuple(args), Form((Hole(0), template, *rest)), at, now.hint)

    def delete_items(self, owner: Ref, step: Any, at: ast.AST) -> None:
        """`del xs[k]`, `del xs[a:b]`"""
        if isinstance(step, Pack) and step.kind == "slice":
            self.store_slice(owner, step, Tup((), "list"), at)
        else:
            self.pop(owner, step if isinstance(step, Var) else Lit(step), at)

    def store_slice(self, owner: Ref, step: Pack, v: Value, at: ast.AST) -> None:
        """`xs[a:b] = ys`: what is before, the new items, what is after."""
        if step.items[2] not in (None, 1):
            raise self.refuse(at, "a slice with a step is stored", "a loop", "list")
        start, stop = step.items[0] or 0, step.items[1]
        now = self.read(owner, at)
        new = self.as_list(v, at)
        head = self.view(now, (Pack("slice", (None, start, None)),), at)
        made = self.concat(head, self.read(new, at), at)
        if stop is not None:
            low = self.emit(ops.place, (now, _atom(start)), at=at)
            high = self.emit(ops.place, (now, _atom(stop)), at=at)
            high = self.emit(max, (low, high), at=at)
            tail = self.view(now, (Pack("slice", (high, None, None)),), at)
            made = self.concat(made, tail, at)
        self.renew(owner, made, at)
        self.holds_alike(owner.root, new.root)

    # -- lists made of lists

    def concat(self, x: Var, y: Var, at: ast.AST, hint: str = "") -> Var:
        return self.emit(ops.concat, (x, y, self.count(x, at)), at=at, hint=hint)

    def count(self, x: Var, at: ast.AST) -> Atom:
        """The length of a list as it is now: later it may be another."""
        last = self.stmts[-1] if self.stmts else None
        if isinstance(last, Eqn) and last.out is x and last.op is ops.list_:
            return Lit(len(last.args))
        return self.emit(len, (x,), at=at)

    def binary(self, op: ast.operator, a: Value, b: Value, at: ast.AST) -> Value:
        a, b = self.refreshed(a, at), self.refreshed(b, at)
        if isinstance(a, Rows) or isinstance(b, Rows):
            return self.rows_binary(op, a, b, at)
        if isinstance(op, ast.Add) and (self.is_list_part(a) or self.is_list_part(b)):
            if all(isinstance(v, Tup) or self.is_list_part(v) for v in (a, b)):
                x, y = self.as_list(a, at), self.as_list(b, at)
                both = self.own(self.concat(self.read(x, at), self.read(y, at), at))
                assert isinstance(both, Ref)
                self.holds_alike(both.root, x.root)
                self.holds_alike(both.root, y.root)
                return both
        if isinstance(op, ast.Mult):
            for v, n in ((a, b), (b, a)):
                is_list = self.is_list_part(v) or (isinstance(v, Tup) and v.kind == "list")
                if is_list and isinstance(n, Var) and n.type == Scalar("int"):
                    return self.repeated(v, n, at)
        return super().binary(op, a, b, at)

    def repeated(self, v: Value, n: Var, at: ast.AST) -> Value:
        """`[0.0] * n`"""
        x = self.as_list(v, at)
        one = self.read(x, at)
        made = self.own(self.emit(ops.repeat_list, (one, n, self.count(one, at)), at=at))
        assert isinstance(made, Ref)
        self.holds_alike(made.root, x.root)
        return made

    def rows_binary(self, op: ast.operator, a: Value, b: Value, at: ast.AST) -> Value:
        owner = a if isinstance(a, Rows) else b
        assert isinstance(owner, Rows)
        if not isinstance(op, ast.Add):
            raise self.refuse(at, "arithmetic on a list of tuples", "", "list")
        x, y = self.columns_of(a, owner, at), self.columns_of(b, owner, at)
        found = (self.binary(op, p, q, at) for p, q in zip(x, y, strict=True))
        return replace(owner, columns=tuple(found))  # type: ignore[arg-type]

    def sorted_list(self, v: Value, kwargs: dict[str, Value], at: ast.AST) -> Value:
        """`sorted(v)` of numbers."""
        down = kwargs.get("reverse", Lit(False))
        if set(kwargs) - {"reverse"} or not isinstance(down, Lit):
            raise self.refuse(at, "`sorted` by a key that is computed", "np.argsort", "list")
        array = v if isinstance(v, Ref) and not self.is_list_part(v) else self.as_array(v, at)
        rank = getattr(self.type_of(array), "shape", ())
        if len(rank) != 1:
            raise self.refuse(at, "`sorted` of things that are no numbers", "", "list")
        made: Value = self.own(self.emit(np.sort, (self.read(array, at),), at=at))
        return self.as_list(self.at(made, REVERSED, at) if down.value else made, at)

    def call_sum(self, args: list[Value], node: ast.Call) -> Value | None:
        if isinstance(args[0], Rows):
            raise self.refuse(node, "`sum` of a list of tuples", "a loop", "list")
        if len(args) > 1 or not self.is_list_part(args[0]):
            return None
        x = self.read(args[0], node)
        if isinstance(x.type.item, List | Unknown):
            return None
        return self.own(self.emit(ops.total, (x, self.count(x, node)), at=node))

    def reversed_list(self, v: Value, at: ast.AST) -> Value:
        """`reversed(v)` of a list of the IR or of an array."""
        if isinstance(v, Rows):
            return self.row(v, REVERSED, at)
        assert isinstance(v, Ref)
        return self.element(v, REVERSED, at)

    # -- unpacked

    def items(self, value: Value, at: ast.AST, n: int | None = None) -> list[Value]:
        if n is not None and (isinstance(value, Rows) or self.is_list_part(value)):
            self.check_length(value, n, "!=", at)
            return [self.at(value, k, at) for k in range(n)]
        return super().items(value, at, n)

    def at(self, value: Value, step: Any, at: ast.AST) -> Value:
        """An item, or a slice, of a list of the IR."""
        if isinstance(value, Rows):
            return self.row(value, step, at)
        assert isinstance(value, Ref)
        return self.element(value, step, at)

    def check_length(self, value: Value, n: int, how: str, at: ast.AST) -> None:
        """Python raises where another number of items is unpacked."""
        length = self.length(value, at)
        text = f"if _n {how} {n}: raise ValueError('{n} values are unpacked from another number')"
        self.evaluate("None", at, {"_n": length}, text)

    def sorted_value(self, v: Value, kw: dict[str, Value], at: Any) -> Value:
        raise NotImplementedError

    def evaluate(
        self, text: str, node: ast.AST, values: dict[str, Value], before: str = ""
    ) -> Value:
        raise NotImplementedError

    def unpack_list(self, target: ast.Tuple | ast.List, star: int, value: Value) -> None:
        """`a, *b, c = xs` of a list of the IR."""
        if not (isinstance(value, Rows) or self.is_list_part(value)):
            raise self.refuse(target, "a `*` of something of unknown length", "x[0], x[1:]", "list")
        after = len(target.elts) - star - 1
        self.check_length(value, star + after, "<", target)
        for k, t in enumerate(target.elts):
            if isinstance(t, ast.Starred):
                middle = Pack("slice", (star or None, -after or None, None))
                self.assign(t.value, self.at(value, middle, target))
            else:
                self.assign(t, self.at(value, k if k < star else k - star - 1 - after, target))


def _atom(step: Any) -> Atom:
    return Lit(step) if isinstance(step, int) else step


def steps_of(v: Ref) -> list[Any]:
    """The steps from a list to a part of it."""
    return steps_in(v.root.first.type, v.path)
