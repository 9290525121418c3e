"""What a derivative returns: values, and gradients in the structure of their arguments."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from s2sgrad.emit.results import Display, Result
from s2sgrad.front.arguments import Arguments, Path, wanted
from s2sgrad.front.structure import Const, Signature, Struct
from s2sgrad.front.values import Rows, Tup, Value
from s2sgrad.ir.graph import Func, Hole, Var
from s2sgrad.passes.forward import has_tangent
from s2sgrad.request import Request, Target


def results(
    func: Func, n: int, arguments: Arguments, request: Request, result: Value
) -> tuple[Func, Result]:
    """The results that are asked for, and the structure in which they are returned.

    The first `n` are the primal's; arguments whose classes the gradient takes come last.
    """
    alone = request.what in ("grad", "elementwise_grad", "hvp")
    shown: Value | None = result
    first = 0
    if alone:
        assert not request.has_aux or isinstance(result, Tup)
        shown = result.items[1] if request.has_aux and isinstance(result, Tup) else None
        first = 1 if request.has_aux else n
    kept = [*func.body.results[first:n], *func.body.results[n:]]
    if request.flat:
        flat = _flat(len(kept), n if request.what == "pullback" else 0)
        return replace(func, body=replace(func.body, results=tuple(kept))), flat
    numbers = iter(range(len(kept)))
    value = None if shown is None else structure(shown, numbers)
    owners = Owners(arguments, len(kept), numbers)
    bars = [owners.gradient(request.signatures[t.name], t) for t in request.wrt]
    gradient: Result = bars[0] if request.bare else Display("tuple", tuple(bars))
    func = replace(func, body=replace(func.body, results=(*kept, *owners.atoms)))
    if shown is None:
        return func, gradient
    return func, Display("tuple", (gradient, value) if alone else (value, gradient))


def _flat(size: int, n: int) -> Result:
    """Values, and after the first `n` gradients, without the containers that they stand in."""
    values, bars = tuple(map(Hole, range(n))), tuple(map(Hole, range(n, size)))
    gradient = bars[0] if len(bars) == 1 else Display("tuple", bars)
    return Display("tuple", (Display("tuple", values), gradient)) if n else gradient


class Owners:
    """Gradients in the structure of their arguments.

    The arguments whose classes they take are further results of the function.
    """

    def __init__(self, arguments: Arguments, first: int, numbers: Iterator[int]) -> None:
        self.arguments, self.first, self.numbers = arguments, first, numbers
        self.atoms: list[Var] = []

    def gradient(self, s: Signature, t: Target) -> Result:
        """The gradient of a parameter, or of an item of the one that takes any number."""
        for step in t.path:
            assert isinstance(s, Struct)
            s = next(item for own, item in s.paths() if own == step)
        return self.mirror(s, t.name, t.path)

    def mirror(self, s: Signature, name: str, path: Path) -> Result:
        if isinstance(s, Const):
            return None
        if not isinstance(s, Struct):
            leaf = next(x for x in self.arguments.leaves if (x.owner.hint, x.path) == (name, path))
            return Hole(next(self.numbers)) if wanted(leaf) else None
        items = tuple(self.mirror(i, name, (*path, step)) for step, i in s.paths())
        if s.kind in ("tuple", "list"):
            return Display(s.kind, items)
        return Display(s.kind, items, s.keys, self.owner(name), path)

    def owner(self, name: str) -> Hole:
        var = next(p for p in self.arguments.params if p.hint == name)
        if var not in self.atoms:
            self.atoms.append(var)
        return Hole(self.first + self.atoms.index(var))


def tangents(result: Value, numbers: Iterator[int]) -> Result:
    """The structure of the tangents: None for what is no number."""
    if isinstance(result, Rows):
        return Display("rows", tuple(tangents(c, numbers) for c in result.columns))
    if not isinstance(result, Tup):
        return Hole(next(numbers)) if has_tangent(result) else None  # type: ignore[arg-type]
    items = tuple(tangents(i, numbers) for i in result.items)
    return Display(_kind(result), items, result.keys, cls=result.cls)


def structure(result: Value, numbers: Iterator[int]) -> Result:
    """The structure of a result: a hole for each of its numbers and arrays."""
    if isinstance(result, Rows):
        return Display("rows", tuple(structure(c, numbers) for c in result.columns))
    if not isinstance(result, Tup):
        return Hole(next(numbers))
    items = tuple(structure(i, numbers) for i in result.items)
    return Display(_kind(result), items, result.keys, cls=result.cls)


def _kind(result: Tup) -> str:
    return "list" if result.kind == "iterator" else result.kind
