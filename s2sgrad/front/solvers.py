"""Functions of SciPy that take functions: `brentq(f, a, b)`, `quad`, `solve_ivp`, `minimize`.

The program's function is parsed on parameters of its own and kept as a function of the emitted
module.  What it reads from around it, `args` included, becomes its further arguments, handed on
by `args=`: so the derivative by it is the derivative by an operand, like any other.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from s2sgrad.errors import DifferentiationError
from s2sgrad.front.elements import Elements
from s2sgrad.front.memory import Ref, Root, now
from s2sgrad.front.solved import meant, returned
from s2sgrad.front.values import (
    CALLABLE,
    Bound,
    Closure,
    Known,
    Namespace,
    Partial,
    Tup,
    Value,
)
from s2sgrad.ir import ops
from s2sgrad.ir.build import renewed, substitute
from s2sgrad.ir.call import Kept, equations
from s2sgrad.ir.graph import Atom, Block, Eqn, Field, Form, Func, Hole, Lit, Pack, Var, atom_type
from s2sgrad.ir.types import Array, Scalar, Several, Static, Type, Undefined, kind_of
from s2sgrad.ir.walk import bound_anywhere, reads
from s2sgrad.rules.functions import TAKES, Takes
from s2sgrad.rules.registry import lookup


class Solvers(Elements):
    """Calls of what takes functions."""

    registry: Any  # of the names of kept functions
    template: Callable[[Value, list[Atom], ast.AST], Any]
    several: Callable[[Var, ast.AST, list[Root]], Tup]

    def parts_call(
        self, op: Any, args: list[Value], kwargs: dict[str, Value], node: ast.Call
    ) -> Value | None:
        if callable(op) and lookup(op) is not None and op in TAKES:
            return self.solved(op, TAKES[op], args, kwargs, node)
        if getattr(op, "__name__", "") == "fixed_quad" and lookup(op) is not None:
            return self.summed_at_nodes(op, args, kwargs, node)
        return super().parts_call(op, args, kwargs, node)

    def solved(
        self, op: Any, said: Takes, args: list[Value], kwargs: dict[str, Value], node: ast.Call
    ) -> Value:
        """The equation of the call, and what it returns as the program sees it."""
        given = self.given_to(op, said, args, kwargs, node)
        extra = self.extra(given.pop(said.extra, None), node)
        types = {k: self.like(v) for k, v in given.items() if not isinstance(v, CALLABLE)}
        if any(isinstance(t, Undefined) for t in types.values()):
            return self.own(Var("", Undefined()))  # a loop's body is parsed again
        swap = given.get(said.swapped)
        parsed: dict[str, _Parsed] = {}
        for name, kinds in said.functions.items():
            if name not in given or not isinstance(given[name], CALLABLE):
                continue
            if isinstance(swap, Lit) and swap.value:
                kinds = (kinds[1], kinds[0], *kinds[2:])
            params = [meant(kind, types) for kind in kinds]
            main = name == next(iter(said.functions))
            parsed[name] = self.parsed(
                given[name], params, extra, said.value if main else "any", node
            )
            types[name] = atom_type(parsed[name].block.results[0])
        free = list(dict.fromkeys(v for p in parsed.values() for v in p.free))
        kept = {name: self.kept_as(p, free) for name, p in parsed.items()}
        flat: list[Atom] = []
        form = self.form_of(op, said, given, kept, free, flat, node)
        return self.returned(op, said, types, flat, form, node)

    def summed_at_nodes(
        self, op: Any, args: list[Value], kwargs: dict[str, Value], node: ast.Call
    ) -> Value:
        """`fixed_quad`: the weighted sum that it is."""
        given = {
            "n": Lit(5),
            "args": Tup(()),
            **inspect.signature(op).bind(*args, **kwargs).arguments,
        }
        nodes = Known(sys.modules["scipy.special"].roots_legendre)
        values: dict[str, Value] = {f"_{k}": v for k, v in given.items()}
        before = "_x, _w = _nodes(_n)\n_t = (_b - _a) * (_x + 1) / 2.0 + _a"
        text = "((_b - _a) / 2.0 * _np.sum(_w * _func(_t, *_args), axis=-1), None)"
        return self.evaluate(text, node, {**values, "_nodes": nodes, "_np": Known(np)}, before)

    def given_to(
        self, op: Any, said: Takes, args: list[Value], kwargs: dict[str, Value], node: ast.Call
    ) -> dict[str, Value]:
        """The arguments by their names; options without a derivative are refused."""
        try:
            bound = inspect.signature(op).bind(*args, **kwargs)
        except TypeError as e:
            raise self.refuse(node, f"`{op.__name__}`: {e}", "", "call") from e
        given: dict[str, Value] = dict(bound.arguments)
        for name, p in bound.signature.parameters.items():
            if p.kind is p.VAR_KEYWORD:
                given.update(given.pop(name, {}))  # type: ignore[arg-type]
        for name, borne in said.refused.items():
            v = given.get(name)
            plain = v is None or (
                isinstance(v, Lit) and any(v.value is b or v.value == b for b in borne)
            )
            if not plain and not (isinstance(v, CALLABLE) and callable in borne):
                raise self.refuse(
                    node,
                    f"`{op.__name__}` has no derivative with this `{name}`",
                    "leave it out, or give the call a rule of its own (`s2sgrad.rule`)",
                    "solver",
                )
        for name, v in given.items():
            if isinstance(v, Tup) and name not in said.functions and name != said.extra:
                if name in said.vectors:
                    given[name] = self.emit_call(np.array, [v], {}, node)
        return given

    def extra(self, v: Value | None, node: ast.AST) -> list[Value]:
        """The items of `args`; what is no tuple stands for itself."""
        if v is None or (isinstance(v, Lit) and v.value is None):
            return []
        return self.items(v, node) if isinstance(v, Tup) and v.kind != "dict" else [v]

    def like(self, v: Value) -> Type:
        return self.type_of(v) if isinstance(v, Var | Lit | Ref) else Static("")

    # -- the functions

    def parsed(
        self, fn: Value, params: Sequence[Type], extra: list[Value], value: str, node: ast.AST
    ) -> _Parsed:
        """The function, parsed on values of these types."""
        hints = [*_names(fn), *(f"x{k}" for k in range(len(params)))]
        fresh = [Var(h, t) for h, t in zip(hints, params, strict=False)]
        mark, env, written = now(), dict(self.env), dict(self.written)
        with self.block() as stmts:
            arguments: list[Value] = []
            for p in fresh:
                made = self.own(p)
                if isinstance(made, Ref):
                    made.root.kind = "argument"
                arguments.append(made)
            result = self.inner(self.call(fn, [*arguments, *extra], {}, node))  # type: ignore[arg-type]
            out = self.number_of(result, value, node)
        changed = [r for r in self.written if r not in written]
        if any(r.kind == "argument" or r.serial < mark for r in changed):
            raise self.refuse_function(fn, "writes to what it was not given for that", node)
        if any(self.env.get(k) is not v for k, v in env.items()):
            raise self.refuse_function(fn, "binds names of the function around it", node)
        block = Block(tuple(fresh), tuple(stmts), (out,))
        for e in equations(block):
            if e.effect and not isinstance(e.out.type, Static):
                raise self.refuse_function(fn, "draws numbers", node)
        free = [v for v in dict.fromkeys(reads([block])) if v not in bound_anywhere(block)]
        names = _names(fn)[len(params) :]
        given = (self.read(v, node) for v in extra)
        called = {v: n for v, n in zip(given, names, strict=False) if isinstance(v, Var)}
        return _Parsed(fn, block, free, called)

    def number_of(self, result: Value, value: str, node: ast.AST) -> Atom:
        """The result of the function as one value: a list of numbers is an array."""
        if isinstance(result, Tup):
            result = self.emit_call(np.array, [result], {}, node)
        out = self.read(result, node)
        if not isinstance(out, Var | Lit):
            raise self.refuse(node, "the function returns no number and no array", "", "solver")
        t = atom_type(out)
        if value == "number" and isinstance(t, Array):
            raise self.refuse(
                node,
                "the function returns an array where a number is needed",
                "return the number: `r[0]`, or `float(r)`",
                "solver",
            )
        if value == "vector" and isinstance(t, Scalar):
            made = self.emit_call(np.array, [Tup((out,), "list")], {}, node)
            return self.read(made, node)  # type: ignore[no-any-return]
        if isinstance(t, Scalar | Array) and kind_of(t) == "complex":
            raise self.refuse(node, "the function returns complex numbers", "", "solver")
        return out

    def refuse_function(self, fn: Value, what: str, node: ast.AST) -> DifferentiationError:
        return self.refuse(
            node,
            f"`{_label(fn)}` {what}, and how often a solver calls it is not known",
            "let it compute its result from its arguments alone",
            "solver",
        )

    def kept_as(self, p: _Parsed, free: Sequence[Var]) -> Kept:
        """A function of the emitted module, which takes `free` after its own parameters."""
        hints = {v: p.called.get(v, "") if v.hint.startswith(".") else v.hint for v in free}
        own = {v: Var(hints[v] or p.called.get(v, ""), v.type, v.extent) for v in free}
        block = substitute(p.block, own)
        params = (*block.params, *own.values())
        name = self.registry.name(_node(p.fn), "fun")
        body = renewed(Block(params, block.stmts, block.results))
        return Kept(name, Func(name, body, _distinct(body.params), self.file))

    # -- the call

    def form_of(
        self,
        op: Any,
        said: Takes,
        given: dict[str, Value],
        kept: dict[str, Kept],
        free: Sequence[Var],
        flat: list[Atom],
        node: ast.AST,
    ) -> Form:
        """The call as a form: what the signature needs by position, the rest by name."""
        pos: list[Any] = []
        named: list[tuple[str, Any]] = []
        in_order = True
        known = inspect.signature(op).parameters
        options = {k: inspect.Parameter(k, inspect.Parameter.KEYWORD_ONLY) for k in given}
        for name, p in {**known, **{k: o for k, o in options.items() if k not in known}}.items():
            if name == said.extra and free:
                holes = tuple(Hole(len(flat) + k) for k in range(len(free)))
                flat += free
                named.append((name, Pack("tuple", holes)))
                in_order = False
            elif name in given:
                t = kept.get(name) or self.option(given[name], flat, node)
                plain = p.kind is p.POSITIONAL_OR_KEYWORD
                if in_order and plain and p.default is p.empty:
                    pos.append(t)
                else:
                    named.append((name, t))
                    in_order = False
            else:
                in_order = False
        return Form(tuple(pos), tuple(named))

    def option(self, v: Value, flat: list[Atom], node: ast.AST) -> Any:
        """An operand or an option: a dict of constants too."""
        if isinstance(v, Tup) and v.kind == "dict" and all(isinstance(i, Lit) for i in v.items):
            return dict(zip(v.keys, (i.value for i in v.items if isinstance(i, Lit)), strict=True))
        return self.template(v, flat, node)

    def returned(
        self,
        op: Any,
        said: Takes,
        types: dict[str, Type],
        flat: list[Atom],
        form: Form,
        node: ast.AST,
    ) -> Value:
        whole = Var("", returned(said, types))
        self.stmts.append(Eqn(whole, op, tuple(flat), form, self.span(node)))
        if not isinstance(whole.type, Several):
            return self.own(whole)
        if not isinstance(said.returns, dict):
            return self.several(whole, node, [])
        items: dict[str, Value] = {}
        for k, name in enumerate(said.returns):
            form = Form((Hole(0), Field(k, name)))
            items[name] = self.own(self.emit(ops.getitem, (whole,), form, at=node, hint=name))

        def get(name: Any, at: ast.AST) -> Value:
            if name not in items:
                raise self.refuse(
                    at,
                    f"`{name}` of what `{op.__name__}` returns is not known",
                    f"use {', '.join(items)}",
                    "solver",
                )
            return items[name]

        return Namespace(get, "attribute")


@dataclass
class _Parsed:
    """A function that was parsed: what it reads from around it is `free`.

    `called`: the names that it has for what is handed to it by `args`.
    """

    fn: Value
    block: Block
    free: list[Var]
    called: dict[Var, str]


def _node(fn: Value) -> Any:
    fn = fn.function if isinstance(fn, Partial | Bound) else fn
    node = fn.node if isinstance(fn, Closure) else None
    return node if isinstance(node, ast.FunctionDef) else None


def _label(fn: Value) -> str:
    node = _node(fn)
    return node.name if node is not None else "the function"


def _names(fn: Value) -> list[str]:
    """The names of the parameters that are given by position, where they are known."""
    if isinstance(fn, Partial):
        return _names(fn.function)[len(fn.args) :]
    closure = fn.function if isinstance(fn, Bound) else fn
    if not isinstance(closure, Closure):
        return []
    a = closure.node.args
    names = [p.arg for p in (*a.posonlyargs, *a.args)]
    return names[1:] if isinstance(fn, Bound) else names


def _distinct(params: Sequence[Var]) -> tuple[str, ...]:
    names: list[str] = []
    for p in params:
        base = p.hint.lstrip(".") or "x"
        n, name = 1, base
        while name in names:
            n += 1
            name = f"{base}{n}"
        names.append(name)
    return tuple(names)
