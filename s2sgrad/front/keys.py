"""Keys of dicts, and functions that are chosen by an index."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from s2sgrad.errors import DifferentiationError
from s2sgrad.front.classes import Classes
from s2sgrad.front.splits import MOST_KEYS, Split, simple_key
from s2sgrad.front.values import CALLABLE, Choice, Known, Tup, Value
from s2sgrad.ir.graph import Lit, Var


class TakeTurns(Exception):
    """A container is indexed by a number of a loop with constant bounds: it has to be unrolled."""

    def __init__(self, loop: ast.For) -> None:
        super().__init__()
        self.loop = loop


class Keys(Classes):
    """Keys have to be known while parsing."""

    def __init__(self) -> None:
        super().__init__()
        self.constant_loops: list[ast.For] = []  # around the statement that is parsed

    def key(self, v: Value, at: ast.AST) -> Any:
        """A key of a dict, which has to be known."""
        if isinstance(v, Lit):
            return v.value
        if isinstance(v, Tup) and v.kind == "tuple":
            return tuple(self.key(i, at) for i in v.items)
        if isinstance(v, Known):
            return v.obj
        self.take_turns()
        raise self.refuse(at, "the key of a dict is computed", "use constants as keys", "container")

    def key_of(self, owner: Tup, v: Value, at: ast.AST) -> Any:
        """A key of this dict: where it is computed, its statement is written out for each."""
        try:
            return self.key(v, at)
        except DifferentiationError as refused:
            makes = owner.cell is not None and owner.cell.factory is not None
            if makes or len(owner.keys) > MOST_KEYS or not all(map(simple_key, owner.keys)):
                raise
            raise Split(refused, at, owner.keys) from None

    def take_turns(self) -> None:
        """Something has to be known that a loop with constant bounds knows turn by turn."""
        if self.constant_loops:
            raise TakeTurns(self.constant_loops[-1])

    def function_at(self, owner: Tup, index: Value, node: ast.Subscript) -> Value:
        """`fs[i](x)` of known functions: one of them, by tests."""
        n = len(owner.items)
        text = f"if not {-n} <= _i < {n}: raise IndexError('{owner.kind} index out of range')"
        tests = [f"_i % {n} == {k}" for k in range(n)]
        return self.one_of(owner.items, tests, text, {"_i": index}, node)

    def function_of(self, owner: Tup, key: Value, node: ast.AST) -> Value:
        """`fs[k](x)` of a dict of known functions."""
        if set(owner.keys) == {True, False}:
            first, tests, text = self.truth(key, node), ["_k", "not _k"], "None"
            return self.one_of(
                owner.items, [tests[not k] for k in owner.keys], text, {"_k": first}, node
            )
        tests = [f"_k == {k!r}" for k in owner.keys]
        text = f"if not ({' or '.join(tests)}): raise KeyError(_k)"
        return self.one_of(owner.items, tests, text, {"_k": key}, node)

    def one_of(
        self, functions: Sequence[Value], tests: list[str], before: str, given: Any, at: ast.AST
    ) -> Value:
        """The first function whose test holds; `before` raises where none does."""
        self.evaluate("None", at, given, before)
        chosen = functions[-1]
        for f, text in reversed(list(zip(functions[:-1], tests, strict=False))):
            chosen = Choice(self.truth(self.evaluate(text, at, given), at), f, chosen)
        return chosen

    def lookup_key(self, owner: Tup, key: Value, at: ast.AST) -> Value:
        functions = bool(owner.items) and all(isinstance(i, CALLABLE) for i in owner.items)
        if functions and isinstance(key, Var) and all(map(simple_key, owner.keys)):
            return self.function_of(owner, key, at)
        k = self.key_of(owner, key, at)
        found = self.find_key(owner, k)
        if found is None:
            found = self.missing(owner, k, at)
        if found is None:
            raise self.no_key(owner, k, at)
        return found

    def missing(self, owner: Tup, key: Any, at: ast.AST) -> Value | None:
        """What a `defaultdict` or a `Counter` gives for a key that it has not got."""
        factory = owner.cell.factory if owner.cell is not None else None
        if factory is None:
            return None
        if owner.cls is not defaultdict:
            return Lit(0)
        made = self.boxed(self.call(factory, [], {}, ast.copy_location(ast.Call(at, [], []), at)))  # type: ignore[arg-type]
        self.set_key(owner, key, made, at)
        return made

    def set_key(self, owner: Tup, key: Any, value: Value, at: ast.AST) -> None:
        raise NotImplementedError

    def no_key(self, owner: Tup, key: Any, at: ast.AST) -> Exception:
        has = ", ".join(map(repr, owner.keys)) or "none"
        why = self.refuse(at, f"the dict has no key {key!r}; it has {has}", "", "container")
        return self.surely(KeyError, key, why, at)

    def find_key(self, owner: Tup, key: Any) -> Value | None:
        k = self.place_of_key(owner, key)
        return None if k is None else owner.items[k]

    def place_of_key(self, owner: Tup, key: Any) -> int | None:
        for n, k in enumerate(owner.keys):
            if k is key or (hash(k) == hash(key) and k == key):
                return n
        return None

    def surely(self, cls: type[Exception], argument: Any, why: Exception, at: ast.AST) -> Exception:
        raise NotImplementedError
