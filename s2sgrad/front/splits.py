"""A key that is computed, of a dict whose keys are known: the statement for each of them.

    groups["even" if i % 2 == 0 else "odd"].append(v)

is, for the parser, an `if` with the statement for one key in each arm.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Sequence
from typing import Any

from s2sgrad.errors import DifferentiationError
from s2sgrad.front.source import copied

MOST_KEYS = 12  # of a dict that a statement is written out for
_MISSING = "\0missing"  # a key that no dict has: `d.get` answers with its default
_serial = itertools.count()
_CALLS = {"int", "bool", "str", "len", "abs", "round", "np.sign", "math.floor", "np.argmax"}
# What may be evaluated before the rest of its statement: it calls nothing and binds nothing.
_PURE = (ast.Name, ast.Constant, ast.IfExp, ast.Compare, ast.BoolOp, ast.UnaryOp, ast.BinOp,
         ast.Subscript, ast.Attribute, ast.expr_context, ast.operator, ast.unaryop, ast.boolop,
         ast.cmpop)  # fmt: skip


class Split(DifferentiationError):
    """The statement has to be parsed once for each key; an error where it cannot be."""

    def __init__(self, refused: DifferentiationError, at: ast.AST, keys: Sequence[Any]) -> None:
        super().__init__(*refused.refusals)
        self.at, self.keys = getattr(at, "stands_for", at), tuple(keys)


def simple_key(key: Any) -> bool:
    return isinstance(key, str | int | bool)


def for_each_key(s: ast.stmt, split: Split) -> list[ast.stmt] | None:
    """The statement as a chain of `if`s, or None if it is not one that can be written out."""
    key = _key_of(split.at)
    if key is None or not any(n is split.at for n in ast.walk(s)):
        return None
    if not all(isinstance(n, _PURE) or _is_pure_call(n) for n in ast.walk(key)):
        return None
    two = _two_keys(key, split.keys)
    if two is not None:
        test, one, other = two
        arms = [[_with_key(s, split.at, k)] for k in (one, other)]
        return [_located(ast.If(test, *arms), s)]
    name = key.id if isinstance(key, ast.Name) else f".gk{next(_serial)}.key"
    chain = _otherwise(s, split.at, name)
    for k in reversed(split.keys):
        test = ast.Compare(ast.Name(name, ast.Load()), [ast.Eq()], [ast.Constant(k)])
        chain = [ast.If(test, [_with_key(s, split.at, k)], chain)]
    if not isinstance(key, ast.Name):
        chain.insert(0, ast.Assign([ast.Name(name, ast.Store())], key))
    return [_located(c, s) for c in chain]


def _is_pure_call(n: ast.AST) -> bool:
    return isinstance(n, ast.Call) and not n.keywords and ast.unparse(n.func) in _CALLS


def _two_keys(key: ast.expr, keys: Sequence[Any]) -> tuple[ast.expr, Any, Any] | None:
    """The test of `d["a" if test else "b"]` and of `{True: f, False: g}[test]`, and the keys."""
    if isinstance(key, ast.Compare) and set(keys) == {True, False}:
        return key, True, False
    if not isinstance(key, ast.IfExp):
        return None
    one, other = key.body, key.orelse
    if not (isinstance(one, ast.Constant) and isinstance(other, ast.Constant)):
        return None
    known = one.value in keys and other.value in keys
    return (key.test, one.value, other.value) if known else None


def _otherwise(s: ast.stmt, at: ast.AST, name: str) -> list[ast.stmt]:
    """What happens with another key."""
    if isinstance(at, ast.Call) and isinstance(at.func, ast.Attribute) and at.func.attr == "get":
        return [_with_key(s, at, _MISSING)]
    error = ast.Call(ast.Name("KeyError", ast.Load()), [ast.Name(name, ast.Load())], [])
    return [ast.Raise(error, None)]


def _key_of(at: ast.AST) -> ast.expr | None:
    if isinstance(at, ast.Subscript):
        return at.slice
    return at.args[0] if isinstance(at, ast.Call) and at.args else None


def _with_key(s: ast.stmt, at: ast.AST, key: Any) -> ast.stmt:
    """The statement with a constant in the place of the key, and of the same key elsewhere."""
    made, place = copied(s), _key_of(at)
    assert place is not None
    same = ast.dump(place)
    for was, n in list(zip(ast.walk(s), ast.walk(made), strict=True)):
        if isinstance(n, ast.Subscript) and ast.dump(n.slice) == same:
            n.slice = ast.copy_location(ast.Constant(key), place)
        elif was is at and isinstance(n, ast.Call):
            n.args[0] = ast.copy_location(ast.Constant(key), place)
    return made


def _located(made: ast.stmt, s: ast.stmt) -> ast.stmt:
    for n in ast.walk(made):
        if not hasattr(n, "lineno"):
            ast.copy_location(n, s)
    return made
