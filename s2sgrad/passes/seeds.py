"""The cotangents of the results, with which the backward sweep starts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from s2sgrad.errors import DifferentiationError, Refusal
from s2sgrad.front.infer import fits
from s2sgrad.front.probe import is_elementwise
from s2sgrad.front.structure import Const, Signature, Struct, attributes, spell
from s2sgrad.front.values import Rows, Tup, Value, leaves
from s2sgrad.ir import ops
from s2sgrad.ir.graph import (
    UNDEF,
    Atom,
    Block,
    Branch,
    Eqn,
    Form,
    Func,
    Hole,
    Lit,
    Loop,
    Stmt,
    Var,
    atom_type,
)
from s2sgrad.ir.types import (
    INT,
    UNKNOWN,
    Array,
    List,
    Scalar,
    Static,
    Type,
    Unknown,
    is_differentiable,
)
from s2sgrad.ir.walk import bound_by
from s2sgrad.passes.activity import active

NAME = "out_bar"


class UnfitResult(TypeError):
    """The function's result is not what the transform asks for."""


Path = tuple[tuple[str, Any], ...]
Given = list[tuple[Path, Type]]


@dataclass(eq=False)
class Seeds:
    """One seed for each atom of the result; those that the caller gives are read of `out_bar`."""

    atoms: list[Atom] = field(default_factory=list)
    params: list[Var] = field(default_factory=list)
    stmts: list[Eqn] = field(default_factory=list)
    given: Given = field(default_factory=list)  # where in `out_bar`, and its type
    made: list[Eqn] = field(default_factory=list)  # seeds that are no parameters
    checks: list[Stmt] = field(default_factory=list)
    result: Value = UNDEF  # that has the cotangents
    name: str = ""  # of the function

    def checked(self, func: Func) -> Func:
        """`func`, and at its end what is left to be checked when it runs."""
        return replace(func, body=replace(func.body, stmts=(*func.body.stmts, *self.checks)))

    def enter(self, func: Func) -> Func:
        """`func` with the parameter `out_bar`."""
        body, params = func.body, (*self.params, *(s.out for s in self.made))
        block = Block((*body.params, *params), (*body.stmts, *self.stmts), body.results)
        return replace(func, body=block, names=(*func.names, *(p.hint for p in params)))

    def settle(self, func: Func) -> Func:
        """The reversed function, in which seeds that are made here are no parameters any more.

        Only now: the transform would ask for the derivative of what makes them.
        """
        if not self.made:
            return func
        body, n, at = func.body, len(self.made), _first(func)
        stmts = (*body.stmts[:at], *self.made, *body.stmts[at:])
        return replace(
            func, body=Block(body.params[:-n], stmts, body.results), names=func.names[:-n]
        )

    def coerce(self, out_bar: Any) -> Any:
        """`out_bar` with each leaf in the type of its result."""
        return _coerced(out_bar, (), dict(self.given))

    def shapes(self, value: Any) -> dict[Path, Any]:
        """The shape of each result that has a seed."""
        return {path: _shape(ops.part(value, path)) for path, _ in self.given}

    def check_shapes(self, value: Any, out_bar: Any) -> None:
        """Has each seed the shape of its result?"""
        _compare(self.given, self.shapes(value), out_bar)

    def complete(self, out_bar: Any, shapes: Mapping[Path, Any]) -> Any:
        """`out_bar` as a backward half takes it: in the types of the results, zeros for None.

        Raises `TypeError` where it has not the structure or the shapes of the result.
        """
        found = Seeds()
        _given(self.result, pattern(out_bar), (), found, self.name)
        given = dict(found.given)
        _compare(found.given, shapes, out_bar)

        def at(result: Value, path: Path, bar: Any) -> Any:
            if not isinstance(result, Tup):
                t = atom_type(result)  # type: ignore[arg-type]
                return _as(bar, t, path) if path in given else _zero(t, shapes[path])
            keyed = result.kind in _KEYED
            keys = result.keys if keyed else range(len(result.items))
            how = "attr" if result.kind == "object" else "item"
            parts = {
                k: at(v, (*path, (how, k)), None if bar is None else ops.part(bar, ((how, k),)))
                for k, v in zip(keys, result.items, strict=True)
            }
            if result.kind == "object":
                assert result.cls is not None
                return ops.like(object.__new__(result.cls), **parts)
            return parts if keyed else list(parts.values())

        return at(self.result, (), out_bar)


def _shape(v: Any) -> Any:
    """The shape of an array; those of the items of a list."""
    return list(map(_shape, v)) if isinstance(v, list | tuple) else np.shape(v)


_KEYED = ("dict", "object")


def pattern(seed: Any) -> Signature:
    """The structure of `out_bar`: which leaves are given, which are None."""
    if isinstance(seed, list | tuple):
        return Struct(tuple(map(pattern, seed)), "list" if isinstance(seed, list) else "tuple")
    if isinstance(seed, dict):
        return Struct(tuple(map(pattern, seed.values())), "dict", tuple(seed))
    fields = attributes(seed)
    if fields is not None:
        return Struct(tuple(map(pattern, fields.values())), "object", tuple(fields), type(seed))
    return Const(None) if seed is None else Type()


def _whole(result: Value) -> Signature:
    """The structure of an `out_bar` that gives every leaf."""
    if not isinstance(result, Tup):
        return Type()
    kind = result.kind if result.kind in ("list", *_KEYED) else "tuple"
    return Struct(tuple(map(_whole, result.items)), kind, result.keys if kind in _KEYED else ())


def plan(
    func: Func, result: Value, what: str, has_aux: bool, seed: Signature | None, flat: bool = False
) -> Seeds:
    """The seeds of a transform; those of `vjp` have the structure `seed`, or that of the result.

    `flat`: each is a parameter of its own.

    Raises `UnfitResult` where the result is not the scalar that the transform asks for.
    """
    aux: Value | None = None
    if has_aux:
        result, aux = paired(result, func.name)
    seeds = Seeds(result=result, name=func.name)
    if flat and what == "pullback":
        _one_by_one(result, seeds, func)
    elif what in ("vjp", "pullback"):
        _given(result, seed or _whole(result), (), seeds, func.name)
        if seeds.given:
            if seeds.given[0][0]:
                seeds.params = [Var(NAME, UNKNOWN)]
                for s in seeds.stmts:
                    object.__setattr__(s, "args", (seeds.params[0],))
            else:
                seeds.params = [v for v in seeds.atoms if isinstance(v, Var)]
    elif what == "elementwise_grad":
        if isinstance(result, Tup):
            raise UnfitResult(f"`{func.name}` returns several results: use vjp")
        seeds.atoms.append(_ones(result, seeds))
    else:
        _check_scalar(result, func, seeds)
        seeds.atoms.append(Lit(1.0))
    seeds.atoms += [Lit(0.0)] * len(leaves(aux) or () if aux is not None else ())
    return seeds


def _one_by_one(result: Value, seeds: Seeds, func: Func) -> None:
    """A parameter for each result that has a derivative."""
    taken = {*func.names, "saved"}
    for a in leaves(result) or ():
        t = atom_type(a)  # type: ignore[arg-type]
        if not is_differentiable(t):
            seeds.atoms.append(Lit(0.0))
            continue
        hint = a.hint if isinstance(a, Var) and a.hint and not a.hint.startswith(".") else "out"
        n, name = 1, f"{hint}_bar"
        while name in taken:
            n += 1
            name = f"{hint}_bar{n}"
        taken.add(name)
        seeds.params.append(Var(name, t))
        seeds.atoms.append(seeds.params[-1])


def paired(result: Value, name: str) -> tuple[Value, Value]:
    """What a function with `has_aux` returns: its value, and the rest."""
    if not (isinstance(result, Tup) and result.is_sequence and len(result.items) == 2):
        raise UnfitResult(f"`{name}` has to return a pair (value, aux) for has_aux=True")
    value, aux = result.items
    return value, aux


def _given(result: Value, seed: Signature, path: Path, seeds: Seeds, name: str) -> None:
    """Match the structure of `out_bar` with that of the result."""
    if isinstance(seed, Const):  # None
        seeds.atoms += [Lit(0.0)] * len(leaves(result) or ())
        return
    where = spell(path, NAME)
    if isinstance(result, Rows):
        raise UnfitResult(
            f"`{name}` returns a list of tuples of unknown length: return its columns"
        )
    if not isinstance(result, Tup):
        if isinstance(seed, Struct) and not isinstance(atom_type(result), List):  # type: ignore[arg-type]
            raise UnfitResult(f"`{where}` is a {seed.kind}, the result of `{name}` is not")
        t = atom_type(result)  # type: ignore[arg-type]
        var = Var("" if path else NAME, t)
        if path:
            seeds.stmts.append(Eqn(var, ops.part, (Lit(None),), Form((Hole(0), path))))
        seeds.given.append((path, t))
        seeds.atoms.append(var)
        return
    want = f"a {result.kind} of {len(result.items)}"
    if not isinstance(seed, Struct):
        raise UnfitResult(f"`{where}` is one value, the result of `{name}` is {want}")
    keyed = result.kind if result.kind in _KEYED else ""
    own_kind = seed.kind if seed.kind in _KEYED else ""
    if len(seed.items) != len(result.items) or own_kind != keyed:
        got = f"a {seed.kind} of {len(seed.items)}"
        raise UnfitResult(f"`{where}` is {got}, the result of `{name}` is {want}")
    if set(seed.keys) != set(result.keys) and keyed:
        raise UnfitResult(f"`{where}` has the keys {seed.keys}, the result has {result.keys}")
    for k, item in enumerate(result.items):
        key = result.keys[k] if keyed else k
        own = seed.items[seed.keys.index(key) if keyed else k]
        step = ("attr" if keyed == "object" else "item", key)
        _given(item, own, (*path, step), seeds, name)


def _compare(given: Given, shapes: Mapping[Path, Any], out_bar: Any) -> None:
    for path, _ in given:
        want, got = shapes[path], _shape(ops.part(out_bar, path))
        if want != got:
            name = spell(path, NAME)
            raise TypeError(f"`{name}` has the shape {got}, the result has the shape {want}")


def _zero(t: Type, shape: Any) -> Any:
    """The zero cotangent of a result."""
    if isinstance(t, List):
        return [_zero(t.item, one) for one in shape]
    if isinstance(t, Scalar) or not shape:
        return 0.0
    inexact = isinstance(t, Array) and t.kind in ("float", "complex")
    return np.zeros(shape, getattr(t, "char", "d") if inexact else "d")


def _coerced(v: Any, path: Path, types: dict[Path, Type]) -> Any:
    if path in types:
        return _as(v, types[path], path)
    if isinstance(v, dict):
        return {k: _coerced(x, (*path, ("item", k)), types) for k, x in v.items()}
    if isinstance(v, list | tuple):
        return [_coerced(x, (*path, ("item", k)), types) for k, x in enumerate(v)]
    fields = attributes(v)
    if fields is not None:
        new = {k: _coerced(x, (*path, ("attr", k)), types) for k, x in fields.items()}
        return ops.like(v, **new)
    return v


def _as(v: Any, t: Type, path: Path) -> Any:
    """A seed in the type of its result: a real result takes no complex cotangent."""
    if isinstance(t, List):
        if not isinstance(v, list | tuple):
            raise TypeError(f"`{spell(path, NAME)}` is no list, the result is one")
        return [_as(x, t.item, (*path, ("item", k))) for k, x in enumerate(v)]
    array = np.asarray(v)
    if array.dtype.kind not in "fiubc":
        raise TypeError(f"`{spell(path, NAME)}` is a {type(v).__name__}, not a number or an array")
    kind = getattr(t, "kind", "complex")
    if array.dtype.kind == "c" and kind != "complex":
        raise TypeError(f"`{spell(path, NAME)}` is complex, the result is real")
    if isinstance(t, Array):
        return array.astype(t.char if kind in ("float", "complex") else "d", copy=False)
    if isinstance(t, Scalar):
        if array.ndim:
            raise TypeError(
                f"`{spell(path, NAME)}` has the shape {array.shape}, the result is a number"
            )
        return complex(array) if kind == "complex" else float(array)
    return v


def _ones(result: Value, seeds: Seeds) -> Atom:
    """A seed of 1 for each element."""
    if not (isinstance(result, Var) and isinstance(result.type, Array)):
        return Lit(1.0)
    out = Var("", result.type)
    seeds.made.append(Eqn(out, ops.broadcast_like, (Lit(1.0), result)))
    return out


def _check_scalar(result: Value, func: Func, seeds: Seeds) -> None:
    name = func.name
    if not isinstance(result, Var | Lit):
        raise UnfitResult(
            f"`{name}` returns several results, not a scalar: use vjp, or has_aux=True"
        )
    t = atom_type(result)
    if isinstance(t, Array) and len(t.shape) > 0:
        sizes = ", ".join(str(d) if isinstance(d, int) else "n" for d in t.shape)
        shape = f"({sizes},)" if len(t.shape) == 1 else f"({sizes})"
        raise UnfitResult(
            f"`{name}` returns a {len(t.shape)}-dimensional array of the shape {shape}, not a "
            "scalar: sum it, index it, or use vjp"
        )
    if isinstance(t, Scalar | Array) and t.kind == "complex":
        raise UnfitResult(f"`{name}` returns a complex number: use vjp")
    if isinstance(t, Static):
        raise UnfitResult(f"`{name}` returns a {t.name}, not a number")
    if isinstance(t, Unknown):  # told at run time
        rank = Var("", INT)
        message = f"`{name}` returns an array, not a scalar: use vjp"
        refusal = (Lit(f"raise TypeError({message!r})"), Lit(()))
        stop = Block((), (Eqn(Var(""), ops.raise_, refusal, effect=True),), ())
        seeds.checks = [
            Eqn(rank, np.ndim, (result,)),
            Branch((), rank, ((), ()), stop, Block((), (), ()), 0),
        ]


# -- elementwise functions


def check_elementwise(func: Func, wrt: Sequence[Var]) -> None:
    """Refuse a function in which elements meet: one seed for all would add their derivatives."""
    varied = active(func, wrt, func.body.results[:1])  # of aux nothing is asked
    for s in _equations(func.body):
        operands = [a for a in s.args if a in varied]
        if s.out not in varied or not operands or s.op is ops.part:
            continue
        if is_elementwise(s.op) and all(fits(atom_type(a), s.out.type) for a in operands):
            continue
        raise DifferentiationError(
            Refusal(
                f"`{getattr(s.op, '__name__', s.op)}` is not elementwise: each element of its "
                "result depends on several of its operand, or on one that is broadcast",
                s.at,
                "use vjp with out_bar=",
                anchor="elementwise",
            )
        )


def _first(func: Func) -> int:
    """Where the backward sweep starts."""
    mirror = func.notes["mirror"]
    back = [k for k, s in enumerate(func.body.stmts) if mirror.intersection(bound_by(s))]
    return back[0] if back else len(func.body.stmts)


def _equations(block: Block) -> Iterator[Eqn]:
    for s in block.stmts:
        if isinstance(s, Eqn):
            yield s
        elif isinstance(s, Branch):
            for arm in s.arms:
                yield from _equations(arm)
        elif isinstance(s, Loop):
            yield from _equations(s.body)
