"""Lists that grow.

A list that the function changes is memory, like an array: it has a root, `append` is a write, and a
loop carries it.  A list display that nobody changes is a tuple to the parser.  An array that is
put into a list is held by it: to write to the array is to write to the list.
"""

from __future__ import annotations

import ast
import builtins
import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from s2sgrad.front.calls import Calls
from s2sgrad.front.memory import Ref, Root, hold, is_array
from s2sgrad.front.values import Method, Tup, Value, same
from s2sgrad.ir import ops
from s2sgrad.ir.graph import Atom, Lit, Range, Var
from s2sgrad.ir.types import List, Scalar

MUTATORS = {"append", "extend", "insert", "pop", "remove", "clear", "sort", "reverse"}
# What takes a list as it is; for everything else it is made an array first.
TAKE_LISTS: set[Any] = {np.array, np.stack, np.concatenate, builtins.sum, builtins.len, print}
_serial = itertools.count(1)


class Lists(Calls):
    """Displays, comprehensions, methods and items of lists."""

    iterated: list[Root]
    changed: set[str] = set()  # noqa: RUF012  names of lists that the function changes

    def __init__(self) -> None:
        super().__init__()
        self.iterated = []  # lists that the loops around run over

    def is_list(self, v: Value) -> bool:
        return isinstance(v, Ref) and isinstance(v.root.first.type, List)

    def new_list(self, items: list[Value], at: ast.AST) -> Value:
        """A list that may grow, of these items."""
        atoms = tuple(self.item_atom(v, at) for v in items)
        made = self.own(self.emit(ops.list_, atoms, at=at))
        assert isinstance(made, Ref)
        for v in items:
            self.holds(made.root, v)
        return made

    def item_atom(self, v: Value, at: ast.AST) -> Atom:
        atom = self.read(v, at)
        if not isinstance(atom, Var | Lit) or isinstance(getattr(atom, "type", None), List):
            raise self.refuse(
                at,
                "a list that grows can hold numbers and arrays only, as yet",
                "keep one list for each",
                "list",
            )
        return atom

    def holds(self, owner: Root, v: Value) -> None:
        if isinstance(v, Ref):
            for root in (v.root, *v.root.linked):
                hold(owner, root)

    def expr_List(self, node: ast.List) -> Value:
        made = super().expr_List(node)
        if not node.elts and isinstance(made, Tup):
            return self.new_list([], node)
        return made

    def growing(self, target: ast.expr, node: ast.expr | None, value: Value) -> Value:
        """What a target is bound to: a list display becomes a list, where the function changes it.

        Unless it may have another name already, which would not see the change: then it stays
        what it is, and the change is refused.
        """
        if isinstance(target, ast.Tuple | ast.List) and isinstance(value, Tup):
            n, items = len(target.elts), value.items
            if len(items) != n or any(isinstance(t, ast.Starred) for t in target.elts):
                return value
            nodes = node.elts if isinstance(node, ast.Tuple) and len(node.elts) == n else [None] * n
            parts = zip(target.elts, nodes, items, strict=True)
            return replace(value, items=tuple(self.growing(*part) for part in parts))
        if not (isinstance(target, ast.Name) and target.id in self.changed):
            return value
        if not (isinstance(value, Tup) and value.kind == "list"):
            return value
        fresh = isinstance(node, ast.List) or not self.has_name(value)
        return self.new_list(list(value.items), target) if fresh else value

    def has_name(self, value: Tup) -> bool:
        """Can the program reach this list by a name?"""

        def within(v: Value) -> bool:
            return isinstance(v, Tup) and (same(v, value) or any(map(within, v.items)))

        return any(within(v) for env in self.frames for v in env.values())

    # -- comprehensions

    def expr_ListComp(self, node: ast.ListComp) -> Value:
        return self.comprehension(node.elt, node.generators, node)

    def expr_GeneratorExp(self, node: ast.GeneratorExp) -> Value:
        return self.comprehension(node.elt, node.generators, node)

    def comprehension(
        self, elt: ast.expr, generators: list[ast.comprehension], node: ast.expr
    ) -> Value:
        """A loop that appends; its names are its own."""
        name = f".list{next(_serial)}"
        saved = dict(self.env)
        self.env[name] = self.new_list([], node)
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
        made = self.env.pop(name)
        for g in generators:  # its targets are its own; what calls in it rebind is not
            for n in ast.walk(g.target):
                if isinstance(n, ast.Name):
                    self.env.pop(n.id, None)
                    self.env.update({n.id: saved[n.id]} if n.id in saved else {})
        return made

    def parse_block(self, stmts: list[ast.stmt]) -> None:
        raise NotImplementedError

    # -- methods

    def method(
        self, m: Method, args: list[Value], kwargs: dict[str, Value], node: ast.Call
    ) -> Value:
        if self.is_list(m.owner):
            assert isinstance(m.owner, Ref)
            return self.list_method(m.owner, m.name, args, node)
        if isinstance(m.owner, Tup) and m.owner.kind == "list" and m.name in MUTATORS:
            raise self.refuse(
                node,
                f"`.{m.name}` of a list that is not made and changed in one function",
                "start with `[]` in the function that changes it",
                "list",
            )
        return super().method(m, args, kwargs, node)

    def list_method(self, owner: Ref, name: str, args: list[Value], node: ast.Call) -> Value:
        if name == "append" and len(args) == 1:
            items = args
        elif name == "extend" and len(args) == 1 and isinstance(args[0], Tup):
            items = list(args[0].items)
        else:
            raise self.refuse(
                node, f"the method `.{name}` of a list is not supported yet", "", "list"
            )
        if any(r is owner.root or r in owner.root.linked for r in self.iterated):
            raise self.refuse(node, "a list grows while a loop runs over it", "copy it", "list")
        for v in items:
            now = self.may_write(owner.root, node)
            new = self.emit(ops.append, (now, self.item_atom(v, node)), at=node, hint=now.hint)
            self.put(owner.root, new, node)
            self.holds(owner.root, v)
        return Lit(None)

    # -- items

    def element(self, owner: Ref | Var, step: Any, at: ast.AST) -> Value:
        if not self.is_list(owner):
            return super().element(owner, step, at)
        assert isinstance(owner, Ref)
        if not (isinstance(step, int) or (isinstance(step, Var) and isinstance(step.type, Scalar))):
            raise self.refuse(at, "a slice of a list that grows is not supported yet", "", "list")
        value = self.read(Ref(owner.root, (step,)), at)
        if not is_array(value):
            return value  # type: ignore[no-any-return]
        made = self.own(value, [x for r in owner.root.holds for x in (r, *r.linked)])
        if isinstance(made, Ref):
            hold(owner.root, made.root)
        return made

    def iteration(self, node: ast.expr) -> tuple[Range, Callable[[Var], Value]]:
        if isinstance(node, ast.Name | ast.Attribute | ast.ListComp | ast.GeneratorExp):
            value = self.expr(node)
            if self.is_list(value):
                assert isinstance(value, Ref)
                n = self.emit(len, (self.read(value, node),), at=node)
                return Range(Lit(0), n, Lit(1)), lambda i: self.running(value, i, node)
        return super().iteration(node)

    def running(self, owner: Ref, i: Var, node: ast.expr) -> Value:
        """The item of this turn; the list must not grow in the loop."""
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
        if op is np.asarray and args and self.is_list(args[0]):
            op = np.array
        if op not in TAKE_LISTS:
            args = [self.as_array(a, node) if self.is_list(a) else a for a in args]
            if op in _NUMPY and len(args) == 1:
                if isinstance(args[0], Tup):  # NumPy's rule takes an array
                    args = [self.as_array(args[0], node)]
                op = _NUMPY[op]
        return super().emit_call(op, args, kwargs, node, effect)

    def as_array(self, v: Value, node: ast.AST) -> Value:
        return super().emit_call(np.array, [v], {}, node)

    def call_len(self, args: list[Value], node: ast.Call) -> Value | None:
        if self.is_list(args[0]):
            return self.emit(len, (self.read(args[0], node),), at=node)
        return super().call_len(args, node)


_NUMPY: dict[Any, Any] = {builtins.max: np.max, builtins.min: np.min}


def changed_names(function: ast.AST) -> set[str]:
    """Names of lists that a function changes, as far as its text tells; `b` with `a = b`."""
    found: set[str] = set()
    named: list[tuple[set[str], str]] = []
    for n in ast.walk(function):
        target: ast.AST | None = None
        if (isinstance(n, ast.Attribute) and n.attr in MUTATORS) or (
            isinstance(n, ast.Subscript) and isinstance(n.ctx, ast.Store)
        ):
            target = n.value
        elif isinstance(n, ast.AugAssign):
            target = n.target
        elif isinstance(n, ast.Assign) and isinstance(n.value, ast.Name):
            named.append(({t.id for t in n.targets if isinstance(t, ast.Name)}, n.value.id))
        if isinstance(target, ast.Name):
            found.add(target.id)
    for _ in named:  # as many times as there are links in the longest chain
        found.update(name for names, name in named if names & found)
    return found
