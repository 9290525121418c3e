"""Statements that change containers: items and attributes stored, deleted and augmented.

A container that is known item by item changes while parsing; see `front/heap`.  One that is
indexed by a number of a loop with constant bounds has the loop unrolled, and a list that is
indexed by anything else that is computed becomes a list of the IR.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from s2sgrad.errors import DifferentiationError
from s2sgrad.front.containers import Containers
from s2sgrad.front.infer import fits
from s2sgrad.front.memory import Ref, Root, is_array
from s2sgrad.front.values import Method, Rows, Tup, Value
from s2sgrad.ir.graph import Atom, Lit, Var
from s2sgrad.ir.types import Array, List


class Updates(Containers):
    """Stores into containers, and the methods that change them."""

    refuse_write: Callable[[ast.AST], DifferentiationError]
    store: Callable[[Ref, Value, ast.AST], None]
    is_shared: Callable[[Root], bool]

    # -- stores

    def store_part(self, target: ast.Subscript | ast.Attribute, value: Value) -> bool:
        """`owner[key] = value`, `owner.name = value`; False if the owner is no container."""
        owner = self.expr(target.value)
        if isinstance(target, ast.Attribute):
            if not (isinstance(owner, Tup) and owner.kind == "object"):
                return False
            self.set_attribute(owner, target.attr, value, target)
            return True
        if isinstance(owner, Tup) and owner.kind != "object":
            owner = self.indexed_by(owner, target.slice, target)
        if isinstance(owner, Rows):
            self.store_row(owner, target, value)
        elif self.is_list_part(owner):
            self.store_in_list(owner, target, value)  # type: ignore[arg-type]
        elif isinstance(owner, Tup):
            self.store_item(owner, target, value)
        else:
            return False
        return True

    def indexed_by(self, owner: Tup, index: ast.expr, at: ast.AST) -> Value:
        """The container, as a list of the IR where it is indexed by something computed."""
        if not owner.is_sequence or isinstance(index, ast.Slice):
            return owner
        with self.block():  # asked only
            k = self.expr(index)
        if isinstance(k, Lit):
            return owner
        self.take_turns()
        return self.as_ir_list(owner, at)

    def store_item(self, owner: Tup, target: ast.Subscript, value: Value) -> None:
        if owner.kind == "object":
            setter = self.member(owner, "__setitem__", target)
            self.call(setter, [self.expr(target.slice), value], {}, target)
            return
        if owner.kind == "dict":
            key = self.key_of(owner, self.expr(target.slice), target)
            self.set_key(owner, key, value, target)
            return
        if owner.kind != "list":
            raise self.refuse(target, f"a {owner.kind} cannot be changed", "a list", "container")
        items = list(owner.items)
        if isinstance(target.slice, ast.Slice):
            items[self.constant_slice(target.slice, target)] = self.items(value, target)
        else:
            k = self.constant_index(target.slice, target)
            if not -len(items) <= k < len(items):
                raise self.out_of_range(owner, k, target)
            items[k] = value
        self.change(owner, items, target)

    def set_key(self, owner: Tup, key: Any, value: Value, at: ast.AST) -> None:
        """`d[key] = value`: in its old place, or at the end."""
        keys, items = list(owner.keys), list(owner.items)
        k = self.place_of_key(owner, key)
        if k is None:
            keys.append(key)
            items.append(value)
        else:
            items[k] = value
        self.change(owner, items, at, keys)

    def set_attribute(self, owner: Tup, name: str, value: Value, at: ast.AST) -> None:
        cls = owner.cls
        assert cls is not None
        found = next((c.__dict__[name] for c in cls.__mro__ if name in c.__dict__), None)
        if isinstance(found, property) and found.fset is not None:
            self.call(self.bound(found.fset, owner, cls), [value], {}, at)
            return
        parameters = getattr(cls, "__dataclass_params__", None)
        own = any("__setattr__" in c.__dict__ for c in cls.__mro__[:-1])
        if own or isinstance(found, property) or (parameters is not None and parameters.frozen):
            raise self.refuse(
                at, f"attributes of a `{cls.__name__}` cannot be set", "a new object", "container"
            )
        keys, items = list(owner.keys), list(owner.items)
        if name in keys:
            items[keys.index(name)] = value
        else:
            keys.append(name)
            items.append(value)
        self.change(owner, items, at, keys)

    def store_in_list(self, owner: Ref, target: ast.Subscript, value: Value) -> None:
        step = self.index(target.slice)
        if isinstance(target.slice, ast.Slice):
            self.store_slice(owner, step, value, target)
            return
        place = owner.part(self.list_step(step, target))
        atom = self.item_of(value, target)
        self.store_in(place, self.may_write(owner.root, target), atom, target)
        self.holds(owner.root, value)

    def list_step(self, step: Any, at: ast.AST) -> Any:
        if isinstance(step, int | Var) and not is_array(step if isinstance(step, Var) else Lit(0)):
            return step
        raise self.refuse(at, "a list is indexed by an int or a slice", "", "list")

    def store_row(self, owner: Rows, target: ast.Subscript, value: Value) -> None:
        """`pairs[i] = (a, b)`"""
        step = self.list_step(self.index(target.slice), target)
        for column, v in zip(owner.columns, self.leaves_of(value, owner, target), strict=True):
            atom = self.item_of(v, target)
            self.store_in(column.part(step), self.may_write(column.root, target), atom, target)
            self.holds(column.root, v)

    # -- augmented

    def stmt_AugAssign(self, s: ast.AugAssign) -> None:
        target = s.target
        if isinstance(target, ast.Name):
            current = self.expr(ast.copy_location(ast.Name(target.id, ast.Load()), target))
            self.assign(target, self.augmented(current, s, target.id))
            return
        owner = self.expr(target.value)
        if isinstance(owner, Tup) and isinstance(target, ast.Subscript) and owner.kind != "object":
            owner = self.indexed_by(owner, target.slice, target)
        if isinstance(owner, Tup):
            self.augment_part(owner, s)
        elif isinstance(target, ast.Subscript) and isinstance(owner, Ref | Rows):
            self.augment_item(owner, target, s)
        else:
            raise self.refuse_write(target)

    def augment_part(self, owner: Tup, s: ast.AugAssign) -> None:
        """`owner.name += v`, `owner[key] += v`: the key is evaluated once."""
        target = s.target
        if isinstance(target, ast.Attribute):
            new = self.augmented(self.attribute(owner, target), s, ast.unparse(target))
            owner = self.refreshed(owner, s)  # type: ignore[assignment]
            self.set_attribute(owner, target.attr, new, target)
            return
        assert isinstance(target, ast.Subscript)
        key = self.expr(target.slice)
        name = f".key{id(target)}"
        self.env[name] = key
        known = ast.copy_location(ast.Name(name, ast.Load()), target)
        place = ast.copy_location(ast.Subscript(target.value, known, ast.Load()), target)
        place.stands_for = target  # type: ignore[attr-defined]
        old = self.inner(self.subscript(owner, place))
        new = self.augmented(old, s, ast.unparse(target))
        now = self.refreshed(owner, s)
        if isinstance(now, Tup):
            self.store_item(now, place, new)
        elif isinstance(now, Ref):  # a list of the IR since the right side was evaluated
            self.store(now.part(self.index(known)), new, target)
        else:
            raise self.refuse_write(target)
        self.env.pop(name, None)

    def augment_item(self, owner: Ref | Rows, target: ast.Subscript, s: ast.AugAssign) -> None:
        """`x[i] += v` of an array or of a list of the IR."""
        if isinstance(owner, Rows):
            raise self.refuse(s, "a tuple in a list is augmented", "store a new one", "list")
        in_list = self.is_list_part(owner)
        step = self.index(target.slice)
        place = owner.part(self.list_step(step, target) if in_list else step)
        old = self.read(place, s)
        if in_list and isinstance(getattr(old, "type", None), List):
            self.extend(place, self.expr(s.value), s)
            return
        value = self.expr(s.value)
        if is_array(old):  # a view: what the right side has written to it is seen
            old = self.read(place, s)
        new = self.binary(s.op, old, value, s)
        keep_shape(old, self.read(new, s))
        if in_list:
            self.refuse_shared_item(owner, old, s)
            self.store_in(place, self.may_write(owner.root, s), self.item_of(new, s), s)
        else:
            self.store(place, new, s)

    def refuse_shared_item(self, owner: Ref, old: Any, s: ast.AugAssign) -> None:
        """An array in a list changes in place: everyone who has it would see that."""
        if is_array(old) and self.shared_items(owner.root):
            raise self.refuse(
                s,
                "an array in a list is written to: who else has it is not known",
                f"{ast.unparse(s.target)} = {ast.unparse(s.target)} + ...: a new array",
                "list",
            )

    def augmented(self, current: Value, s: ast.AugAssign, name: str) -> Value:
        """What `name` is bound to after `name += v`: arrays and lists are written to."""
        if isinstance(current, Tup) and current.kind == "object":
            method = f"__i{_WORDS.get(type(s.op), '')}__"
            if hasattr(current.cls, method):
                return self.call(self.member(current, method, s), [self.expr(s.value)], {}, s)
        value = self.expr(s.value)
        current = self.inner(current)
        if isinstance(s.op, ast.Add) and self.is_any_list(current):
            method_ = Method(current, "extend")
            self.method(method_, [value], {}, ast.copy_location(ast.Call(s.target, [], []), s))
            return self.inner(current)
        if isinstance(s.op, ast.BitOr) and isinstance(current, Tup) and current.kind == "dict":
            self.update(current, [value], {}, s)
            return self.inner(current)
        if not isinstance(current, Ref):
            return self.binary(s.op, current, value, s)
        return self.augment(current, value, s, name)

    def is_any_list(self, v: Value) -> bool:
        if isinstance(v, Tup):
            return v.kind == "list" and v.cell is not None
        return isinstance(v, Rows) or self.is_list_part(v)

    def augment(self, current: Ref, value: Value, s: ast.AugAssign, name: str) -> Value:
        """`y += v`: an array is written to, a number is rebound."""
        now = self.read(current, s)
        if not isinstance(now.type, Array):
            shared = current.path or self.is_shared(current.root)
            if shared and not self.lenient:
                raise self.refuse(
                    s,
                    f"`{name}` has other names: whether they change depends on its type, "
                    "which is not known",
                    f"{name} = {name} + ..., or give the parameters types",
                    "alias",
                )
            return self.binary(s.op, now, value, s)
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
        return current

    # -- deleted

    def delete_part(self, target: ast.expr) -> bool:
        """`del owner[key]`, `del owner.name`"""
        if not isinstance(target, ast.Subscript | ast.Attribute):
            return False
        owner = self.expr(target.value)
        if isinstance(owner, Tup) and isinstance(target, ast.Attribute):
            keys = [k for k in owner.keys if k != target.attr]
            items = [v for k, v in zip(owner.keys, owner.items, strict=True) if k != target.attr]
            self.change(owner, items, target, keys)
            return True
        if not isinstance(target, ast.Subscript):
            return False
        if isinstance(owner, Tup):
            owner = self.indexed_by(owner, target.slice, target)
        if isinstance(owner, Rows):
            step = self.index(target.slice)
            for column in owner.columns:
                self.delete_items(column, step, target)
            return True
        if self.is_list_part(owner):
            self.delete_items(owner, self.index(target.slice), target)  # type: ignore[arg-type]
            return True
        if not isinstance(owner, Tup):
            return False
        if owner.kind == "dict":
            self.pop_key(owner, [self.expr(target.slice)], target)
            return True
        items = list(owner.items)
        if isinstance(target.slice, ast.Slice):
            del items[self.constant_slice(target.slice, target)]
        else:
            k = self.constant_index(target.slice, target)
            if not -len(items) <= k < len(items):
                raise self.out_of_range(owner, k, target)
            del items[k]
        self.change(owner, items, target)
        return True

    # -- methods

    def change_by_method(
        self, t: Tup, name: str, args: list[Value], kwargs: dict[str, Value], node: ast.AST
    ) -> Value | None:
        """A method that changes a container; None if there is no such method."""
        handler = getattr(self, f"{t.kind}_{name}", None)
        if handler is None or t.kind not in ("list", "dict", "set"):
            return None
        return handler(t, args, kwargs, node)  # type: ignore[no-any-return]

    def list_append(self, t: Tup, args: list[Value], kw: Any, at: ast.AST) -> Value:
        self.change(t, (*t.items, args[0]), at)
        return Lit(None)

    def list_appendleft(self, t: Tup, args: list[Value], kw: Any, at: ast.AST) -> Value:
        self.change(t, (args[0], *t.items), at)
        return Lit(None)

    def list_extend(self, t: Tup, args: list[Value], kw: Any, at: ast.AST) -> Value:
        more = args[0]
        if isinstance(more, Tup):
            new = list(map(self.key_value, more.keys)) if more.kind == "dict" else [*more.items]
            self.change(t, (*t.items, *new), at)
        else:
            owner = self.as_ir_list(t, at, more)
            self.method(Method(owner, "extend"), args, {}, at)  # type: ignore[arg-type]
        return Lit(None)

    def list_insert(self, t: Tup, args: list[Value], kw: Any, at: ast.AST) -> Value:
        items = list(t.items)
        k = self.constant_position(t, args[0], at)
        if k is None:
            return self.method(Method(self.as_ir_list(t, at), "insert"), args, {}, at)  # type: ignore[arg-type]
        items.insert(k, args[1])
        self.change(t, items, at)
        return Lit(None)

    def list_pop(self, t: Tup, args: list[Value], kw: Any, at: ast.AST) -> Value:
        k = self.constant_position(t, args[0], at) if args else -1
        if k is None:
            return self.method(Method(self.as_ir_list(t, at), "pop"), args, {}, at)  # type: ignore[arg-type]
        items = list(t.items)
        if not -len(items) <= k < len(items):
            self.take_turns()
            if t.cell is not None and self.as_list_or_none(t, at) is not None:
                return self.method(Method(self.as_ir_list(t, at), "pop"), args, {}, at)  # type: ignore[arg-type]
            raise self.out_of_range(t, k, at)
        taken = items.pop(k)
        self.change(t, items, at)
        return self.inner(taken)

    def list_popleft(self, t: Tup, args: list[Value], kw: Any, at: ast.AST) -> Value:
        return self.list_pop(t, [Lit(0)], kw, at)

    def list_clear(self, t: Tup, args: list[Value], kw: Any, at: ast.AST) -> Value:
        self.change(t, (), at)
        return Lit(None)

    def list_reverse(self, t: Tup, args: list[Value], kw: Any, at: ast.AST) -> Value:
        self.change(t, t.items[::-1], at)
        return Lit(None)

    def list_sort(self, t: Tup, args: list[Value], kw: dict[str, Value], at: ast.AST) -> Value:
        made = self.sorted_value(t, kw, at)
        if isinstance(made, Tup):
            self.change(t, made.items, at)
        else:
            owner = self.as_ir_list(t, at)
            self.method(Method(owner, "sort"), args, kw, at)  # type: ignore[arg-type]
        return Lit(None)

    def list_remove(self, t: Tup, args: list[Value], kw: Any, at: ast.AST) -> Value:
        k = self.index_in(t, args[0], at)
        self.change(t, (*t.items[:k], *t.items[k + 1 :]), at)
        return Lit(None)

    def set_add(self, t: Tup, args: list[Value], kw: Any, at: ast.AST) -> Value:
        key = self.key_value(self.key(args[0], at))
        if not self.contains(t, key, at):
            self.change(t, (*t.items, key), at)
        return Lit(None)

    def dict_update(self, t: Tup, args: list[Value], kw: dict[str, Value], at: ast.AST) -> Value:
        self.update(t, args, kw, at)
        return Lit(None)

    def update(self, t: Tup, args: list[Value], kw: dict[str, Value], at: ast.AST) -> None:
        for other in args:
            made = self.as_dict(other, at)
            for k, v in zip(made.keys, made.items, strict=True):
                self.set_key(self.refreshed(t, at), k, v, at)  # type: ignore[arg-type]
        for name, v in kw.items():
            self.set_key(self.refreshed(t, at), name, v, at)  # type: ignore[arg-type]

    def dict_setdefault(self, t: Tup, args: list[Value], kw: Any, at: ast.AST) -> Value:
        key = self.key_of(t, args[0], at)
        k = self.place_of_key(t, key)
        if k is not None:
            return t.items[k]
        value = args[1] if len(args) > 1 else Lit(None)
        self.set_key(t, key, value, at)
        return value

    def dict_pop(self, t: Tup, args: list[Value], kw: Any, at: ast.AST) -> Value:
        return self.pop_key(t, args, at)

    def pop_key(self, t: Tup, args: list[Value], at: ast.AST) -> Value:
        key = self.key_of(t, args[0], at)
        k = self.place_of_key(t, key)
        if k is None:
            if len(args) > 1:
                return args[1]
            raise self.no_key(t, key, at)
        keys, items = t.keys[:k] + t.keys[k + 1 :], t.items[:k] + t.items[k + 1 :]
        self.change(t, items, at, keys)
        return t.items[k]

    def dict_popitem(self, t: Tup, args: list[Value], kw: Any, at: ast.AST) -> Value:
        if not t.items:
            raise self.refuse(at, "`popitem` of an empty dict", "", "container")
        self.change(t, t.items[:-1], at, t.keys[:-1])
        return Tup((self.key_value(t.keys[-1]), t.items[-1]))

    def dict_clear(self, t: Tup, args: list[Value], kw: Any, at: ast.AST) -> Value:
        self.change(t, (), at, ())
        return Lit(None)


_WORDS = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "truediv", ast.Pow: "pow",
          ast.MatMult: "matmul", ast.Mod: "mod", ast.FloorDiv: "floordiv"}  # fmt: skip


def keep_shape(old: Atom, new: Atom) -> None:
    """`new` goes where `old` was: an operand that would have made it larger raises."""
    if not (isinstance(old, Var) and isinstance(new, Var)):
        return
    t, u = old.type, new.type
    if isinstance(t, Array) and isinstance(u, Array) and len(t.shape) == len(u.shape):
        if not (t.loose or u.loose) and fits(t, u) is None:
            object.__setattr__(new, "type", replace(u, shape=t.shape))
