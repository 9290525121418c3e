"""Transforms that a program calls: `grad(U)(q)` is a derivative in the middle of a function.

The inner function is parsed where it is called, on parameters of its own; the passes append its
derivative; and what comes back is part of the program, to be differentiated like the rest of it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from s2sgrad.errors import DifferentiationError
from s2sgrad.front.infer import fits
from s2sgrad.front.managers import Managers
from s2sgrad.front.memory import Ref, refs
from s2sgrad.front.values import (
    Bound,
    Closure,
    Known,
    Partial,
    Transformed,
    Tup,
    Value,
    leaves,
    rebuild,
)
from s2sgrad.ir.build import substitute
from s2sgrad.ir.graph import Atom, Block, Func, Lit, Var, atom_type
from s2sgrad.ir.types import Array, Scalar, Undefined, is_differentiable
from s2sgrad.ir.walk import bound_anywhere, reads

_WHATS = (
    "grad", "value_and_grad", "vjp", "jvp", "hvp", "jacobian", "hessian", "elementwise_grad",
    "pullback",
)  # fmt: skip
_SEEDS = {"vjp": "out_bar", "jvp": "tangents", "hvp": "vector"}
Slot = tuple[Any, Value]  # a position or a name, and what is passed there


@dataclass(frozen=True)
class Passes:
    """What the parser asks of the passes."""

    pulled: Callable[[Func, Value, str, bool, Sequence[Var], Sequence[Atom]], Func]
    pushed: Callable[[Func, Mapping[Var, Atom]], Func]


class Transforms(Managers):
    """Calls of s2sgrad's own functions."""

    passes: Passes | None = None

    def call(self, fn: Value, args: list[Value], kwargs: dict[str, Value], node: Any) -> Value:
        if isinstance(fn, Transformed):
            return self.derivative(fn, args, kwargs, node)
        what = _transform(fn.obj) if isinstance(fn, Known) else None
        if what is not None and self.passes is not None:
            return self.transformed(str(what), fn, args, kwargs, node)
        made = getattr(fn.obj, "_s2sgrad_derivative", False) if isinstance(fn, Known) else False
        if made and isinstance(fn, Known):
            wrt, name, has_aux = fn.obj._options[:3]
            primal = self.scope.static(fn.obj.primal)
            return self.derivative(Transformed(name, primal, wrt, has_aux), args, kwargs, node)
        return super().call(fn, args, kwargs, node)

    def transformed(
        self, what: str, fn: Value, args: list[Value], kwargs: dict[str, Value], node: ast.AST
    ) -> Value:
        """`grad(f, wrt="w")`, or `@grad(wrt=1)`."""
        given = dict(zip(("fun", "wrt"), args, strict=False)) | kwargs
        if "fun" not in given or (isinstance(given["fun"], Lit) and given["fun"].value is None):
            given.pop("fun", None)
            return Partial(fn, (), given)
        options = {k: self.constant(v, node) for k, v in given.items() if k != "fun"}
        wrt, has_aux = options.get("wrt", 0), bool(options.get("has_aux", False))
        return Transformed(what, given["fun"], wrt, has_aux)

    def constant(self, v: Value, node: ast.AST) -> Any:
        """An option of a transform."""
        if isinstance(v, Lit):
            return v.value
        if isinstance(v, Tup) and v.is_sequence:
            return tuple(self.constant(i, node) for i in v.items)
        raise self.refuse(node, "an option of a transform is computed", "a constant", "inner")

    # -- the derivative of a call

    def derivative(
        self, fn: Transformed, args: list[Value], kwargs: dict[str, Value], node: ast.AST
    ) -> Value:
        seed = kwargs.pop(_SEEDS[fn.what], None) if fn.what in _SEEDS else None
        if fn.what in ("jacobian", "hessian"):
            return self.matrix(fn, args, kwargs, node)
        if fn.what == "pullback":
            raise self.refuse(node, "`pullback` in a function", "vjp with `out_bar=`", "inner")
        if seed is None and fn.what in ("jvp", "hvp"):
            raise self.refuse(node, f"`{fn.what}` needs `{_SEEDS[fn.what]}=`", "", "inner")
        slots = [self.slot(fn, w, args, kwargs, node) for w in _several(fn.wrt)]
        given = [self.inner(v) for _, v in slots]
        found = [a for v in given for a in self.numbers(v, node)]
        if any(isinstance(atom_type(a), Undefined) for a in found):
            return self.own(Var("", Undefined()))  # a loop's body is parsed again
        back: dict[Var, Atom] = {}  # what the parameters of the inner function stand for
        fresh = [self.inner_argument(v, back, node) for v in given]
        for (place, _), v in zip(slots, fresh, strict=True):
            if isinstance(place, str):
                kwargs[place] = v
            else:
                args[place] = v
        with self.block() as stmts:
            result = self.inner(self.call(fn.function, args, kwargs, node))
            values = [self.read(v, node) for v in leaves(result) or ()]
        if not values or not all(isinstance(v, Var | Lit) for v in values):
            raise self.refuse(node, "the inner function returns no numbers", "", "inner")
        inner = _Inner(_name(fn.function), stmts, values, list(back))
        shown = rebuild(result, list(values))
        try:
            return self.spliced(fn, inner, shown, (given, fresh), back, seed, node)
        except DifferentiationError:
            raise
        except TypeError as e:
            raise self.refuse(node, str(e), "vjp", "result") from e

    def spliced(
        self,
        fn: Transformed,
        inner: _Inner,
        result: Value,
        pair: tuple[list[Value], list[Value]],
        back: dict[Var, Atom],
        seed: Value | None,
        node: ast.AST,
    ) -> Value:
        """The derivative becomes part of the program; what the call returns."""
        assert self.passes is not None
        given, fresh = pair
        bare = not isinstance(fn.wrt, tuple)
        n = len(inner.results)
        wrt = list(back)
        if fn.what == "jvp":
            dots = self.directions(seed, given, fresh, bare, node)
            made = self.passes.pushed(inner.func, dots)
        else:
            seeds = self.cotangents(result, seed, node) if fn.what == "vjp" else []
            made = self.passes.pulled(inner.func, result, fn.what, fn.has_aux, wrt, seeds)
            if fn.what == "hvp":
                dots = self.directions(seed, given, fresh, bare, node)
                made = self.passes.pushed(made, dots)
                bars = made.body.results
                made = Func(made.name, Block(made.body.params, made.body.stmts,
                            (*bars[:n], *bars[len(bars) - len(wrt):])), made.names)  # fmt: skip
        body = substitute(made.body, dict(back))
        self.stmts += body.stmts
        roots = [r for v in given for x in refs(v) for r in (x.root, *x.root.linked)]
        results: list[Value] = [self.own(a, roots) for a in body.results[:n]]
        results += [self.own(a) for a in body.results[n:]]  # in memory of their own
        value = self.recelled(rebuild(result, list(results[:n])))
        if fn.what == "jvp":
            shown = result.items[0] if fn.has_aux and isinstance(result, Tup) else result
            return Tup((value, self.tangent_of(shown, results[n:])))
        bars_of = dict(zip(wrt, results[n:], strict=True))
        gradients = [self.mirrored(v, bars_of) for v in fresh]
        gradient = gradients[0] if bare else Tup(tuple(gradients))
        if fn.what in ("value_and_grad", "vjp"):
            return Tup((value, gradient))
        if fn.has_aux and isinstance(value, Tup):
            return Tup((gradient, value.items[1]))
        return gradient

    # -- arguments

    def slot(
        self,
        fn: Transformed,
        w: int | str,
        args: list[Value],
        kwargs: dict[str, Value],
        node: ast.AST,
    ) -> Slot:
        """Where the argument that is differentiated in stands in the call."""
        names = _parameters(fn.function)
        if isinstance(w, int) and w < 0:
            w += len(names) or len(args)
        if isinstance(w, int) and w < len(args):
            return w, args[w]
        if isinstance(w, int) and w < len(names):
            w = names[w]
        if isinstance(w, str) and w in kwargs:
            return w, kwargs[w]
        if isinstance(w, str) and w in names and names.index(w) < len(args):
            return names.index(w), args[names.index(w)]
        raise self.refuse(
            node, f"`wrt={w!r}` of the inner function is not passed", "pass it", "no-parameter"
        )

    def numbers(self, v: Value, node: ast.AST) -> list[Atom]:
        """The numbers and arrays of an argument; an int is taken as a float."""
        found = leaves(v)
        if found is None:
            raise self.refuse(node, "this argument has no derivative", "", "inner")
        return [_as_float(self.read(a, node)) for a in found]

    def inner_argument(self, v: Value, back: dict[Var, Atom], node: ast.AST) -> Value:
        """The argument as the inner function sees it: parameters in the place of its numbers."""
        new: list[Value] = []
        for a in leaves(v) or []:
            atom = _as_float(self.read(a, node))
            if not is_differentiable(atom_type(atom)):
                new.append(a)
                continue
            p = Var(getattr(atom, "hint", ""), atom_type(atom))
            back[p] = atom
            made = self.own(p)
            if isinstance(made, Ref):
                made.root.kind = "argument"
            new.append(made)
        return self.recelled(rebuild(v, new))

    # -- seeds and results

    def directions(
        self, seed: Value | None, given: list[Value], fresh: list[Value], bare: bool, node: ast.AST
    ) -> dict[Var, Atom]:
        """The tangent of each parameter."""
        assert seed is not None
        seeds = [seed] if bare else self.items(seed, node)
        dots: dict[Var, Atom] = {}
        if len(seeds) != len(fresh):
            raise self.refuse(
                node, f"{len(seeds)} tangents for {len(fresh)} arguments", "", "inner"
            )
        for whole, t in zip(fresh, seeds, strict=True):
            atoms = [self.read(x, node) for x in leaves(whole) or []]
            tangents = self.matching(whole, t, node)
            pairs = [(p, d) for p, d in zip(atoms, tangents, strict=True) if isinstance(p, Var)]
            dots |= {p: d for p, d in pairs if d is not None and is_differentiable(p.type)}
        return dots

    def cotangents(self, result: Value, seed: Value | None, node: ast.AST) -> list[Atom]:
        """The cotangent of each result."""
        found = leaves(result) or []
        if seed is None:
            t = self.type_of(result) if len(found) == 1 else None
            if not isinstance(t, Scalar):
                raise self.refuse(node, "`vjp` of an array needs `out_bar=`", "", "inner")
            return [Lit(1.0)]
        return [Lit(0.0) if s is None else s for s in self.matching(result, seed, node)]

    def matching(self, like: Value, seed: Value, node: ast.AST) -> list[Atom | None]:
        """The seeds of the leaves of `like`; None for none."""
        if isinstance(seed, Lit) and seed.value is None:
            return [None] * len(leaves(like) or [])
        if isinstance(like, Tup):
            items = self.items(seed, node) if not isinstance(seed, Tup) else list(seed.items)
            if len(items) != len(like.items):
                raise self.refuse(node, "a seed has another structure", "", "inner")
            pairs = zip(like.items, items, strict=True)
            return [s for one, item in pairs for s in self.matching(one, item, node)]
        s, t = _as_float(self.read(seed, node)), self.type_of(like)
        if not isinstance(s, Var | Lit):
            raise self.refuse(node, "a seed is no number and no array", "", "inner")
        if isinstance(t, Array) != isinstance(atom_type(s), Array) or (
            isinstance(t, Array) and fits(atom_type(s), t) is False
        ):
            raise self.refuse(
                node, "a seed has another shape than what it is for", "one of that shape", "inner"
            )
        return [s]

    def mirrored(self, v: Value, bars: dict[Var, Value]) -> Value:
        """The gradient, in the structure of the argument."""
        if isinstance(v, Tup):
            items = tuple(self.mirrored(i, bars) for i in v.items)
            return self.boxed(Tup(items, v.kind, v.keys, v.cls))
        a = v.root.first if isinstance(v, Ref) else v
        return bars.get(a, Lit(None)) if isinstance(a, Var) else Lit(None)

    def tangent_of(self, v: Value, dots: list[Value]) -> Value:
        if isinstance(v, Tup):
            items = tuple(self.tangent_of(i, dots) for i in v.items)
            return self.boxed(Tup(items, v.kind, v.keys, v.cls))
        return dots.pop(0) if is_differentiable(self.type_of(v)) else Lit(None)

    # -- matrices

    def matrix(
        self, fn: Transformed, args: list[Value], kwargs: dict[str, Value], node: ast.AST
    ) -> Value:
        """`jacobian` and `hessian`: a directional derivative for each axis of an array.

        In several arguments a tuple of them; of a Hessian, the Jacobians of the gradients.
        """
        if fn.has_aux:
            raise self.refuse(node, f"a `{fn.what}` with `has_aux`", "", "inner")
        if isinstance(fn.wrt, tuple):
            each = [replace(fn, wrt=w) for w in fn.wrt]
            if fn.what == "hessian":
                rows = [Transformed("grad", fn.function, w, False) for w in fn.wrt]
                each = [Transformed("jacobian", row, fn.wrt, False) for row in rows]
            return Tup(tuple(self.matrix(one, list(args), dict(kwargs), node) for one in each))
        _, x = self.slot(fn, fn.wrt, args, kwargs, node)
        t = self.type_of(x)
        inner = "hvp" if fn.what == "hessian" else "jvp"
        along = Transformed(inner, fn.function, fn.wrt, False)
        if isinstance(t, Scalar) or (isinstance(x, Lit) and type(x.value) in (int, float)):
            made = self.derivative(along, args, {**kwargs, _SEEDS[inner]: Lit(1.0)}, node)
            return made.items[1] if isinstance(made, Tup) and inner == "jvp" else made
        if not (isinstance(t, Array) and t.shape):
            raise self.refuse(
                node, f"a `{fn.what}` in something other than an array", "vjp, jvp", "inner"
            )
        names = {f"_a{k}": v for k, v in enumerate(args)}
        keys = {f"_k{k}": v for k, v in kwargs.items()}
        passed = ", ".join([*names, *(f"{k[2:]}={k}" for k in keys)])
        item = f"_f({passed}, {_SEEDS[inner]}=_e)" + ("[1]" if inner == "jvp" else "")
        given = {**names, **keys, "_f": along, "_x": x, "_np": Known(np)}
        if len(t.shape) == 1:
            text = f"_np.stack([{item} for _e in _np.eye(_x.size)], axis=-1)"
            return self.evaluate(text, node, given)
        units = "_np.eye(_x.size).reshape((_x.size, *_x.shape))"
        before = f"_m = _np.stack([{item} for _e in {units}], axis=-1)"
        return self.evaluate("_m.reshape((*_m.shape[:-1], *_x.shape))", node, given, before)


class _Inner:
    """What was parsed of an inner function, as a function."""

    def __init__(self, name: str, stmts: list[Any], results: list[Atom], wrt: list[Var]) -> None:
        self.results = results
        block = Block((), tuple(stmts), tuple(results))
        bound = set(wrt)
        free = [v for v in dict.fromkeys(reads([block])) if v not in bound]
        free += [
            r
            for r in results
            if isinstance(r, Var) and r not in {*free, *wrt, *bound_anywhere(block)}
        ]
        params = (*wrt, *free)
        names = tuple(p.hint for p in params)
        self.func = Func(name, Block(params, block.stmts, block.results), names)


def _transform(obj: Any) -> str | None:
    name = getattr(obj, "__name__", "")
    ours = str(getattr(obj, "__module__", "")).startswith("s2sgrad.")
    return name if ours and name in _WHATS and callable(obj) else None


def _several(wrt: Any) -> tuple[Any, ...]:
    return wrt if isinstance(wrt, tuple) else (wrt,)


def _parameters(fn: Value) -> list[str]:
    """The names of the parameters that can be given by position, where they are known."""
    if isinstance(fn, Transformed):
        return _parameters(fn.function)
    if isinstance(fn, Partial):
        names = _parameters(fn.function)[len(fn.args) :]
        return [n for n in names if n not in fn.kwargs]
    closure = fn.function if isinstance(fn, Bound) else fn
    if not isinstance(closure, Closure):
        return []
    a = closure.node.args
    names = [p.arg for p in (*a.posonlyargs, *a.args)]
    return names[1:] if isinstance(fn, Bound) else names


def _name(fn: Value) -> str:
    closure = fn.function if isinstance(fn, Bound) else fn
    return getattr(getattr(closure, "node", None), "name", "inner")


def _as_float(a: Any) -> Any:
    return Lit(float(a.value)) if isinstance(a, Lit) and type(a.value) is int else a
