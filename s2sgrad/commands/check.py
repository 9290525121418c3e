"""`s2sgrad check`: the emitted gradient against central differences.  It runs the user's file."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from s2sgrad import tree
from s2sgrad.emit.load import load
from s2sgrad.errors import S2SGradError
from s2sgrad.front.modules import Project
from s2sgrad.front.structure import Signature, Struct
from s2sgrad.generic import Unit
from s2sgrad.ir.types import Array, Scalar
from s2sgrad.replay import Replay

STEP = 1e-6
_SIZES = (4, 3, 5, 2, 6, 7)


def load_function(file: Path, name: str) -> tuple[Callable[..., Any], dict[str, Any]]:
    """Import the file and return its function, undecorated, and its names."""
    project = Project(file)
    dotted = ".".join(file.resolve().relative_to(project.root).with_suffix("").parts)
    sys.path.insert(0, str(project.root))
    try:
        module = importlib.import_module(dotted)
    finally:
        sys.path.remove(str(project.root))
    found = getattr(module, name)
    return getattr(found, "primal", found), vars(module)


def arguments(unit: Unit, text: str | None, space: dict[str, Any], seed: int) -> list[Any]:
    """The arguments given as text, or random ones of the declared types."""
    if text is not None:
        values = eval(f"({text},)", {**space, "np": np})
        assert isinstance(values, tuple)
        return list(values)
    rng = np.random.default_rng(seed)
    extents: dict[str, int] = {}
    return [_random(n, t, rng, extents) for n, t in unit.types.items()]


def _random(name: str, t: Signature, rng: np.random.Generator, extents: dict[str, int]) -> Any:
    if isinstance(t, Struct):
        items = [_random(f"{name}[{s[1]!r}]", i, rng, extents) for s, i in t.paths()]
        if t.kind == "dict":
            return dict(zip(t.keys, items, strict=True))
        return items if t.kind == "list" else tuple(items)
    if isinstance(t, Scalar):
        return {"float": float(rng.uniform(0.3, 1.7)), "int": 3, "bool": True}[t.kind]
    if isinstance(t, Array):
        for d in t.shape:
            if isinstance(d, str) and d not in extents:
                extents[d] = _SIZES[len(extents) % len(_SIZES)]
        shape = tuple(d if isinstance(d, int) else extents[d] for d in t.shape)
        if t.kind == "float":
            return rng.uniform(0.3, 1.7, shape).astype(t.char)
        return rng.integers(0, 2, shape).astype(t.char)
    raise S2SGradError(
        f"it is not known what `{name}` is: give --args, as in --args 'np.ones(3), 2.0', "
        "or types, as in --types 'f(w: Float[n])'"
    )


def compare(
    source: str,
    name: str,
    primal: Callable[..., Any],
    args: list[Any],
    places: list[int],
    seed: int,
) -> tuple[float, float]:
    """The directional derivative by the emitted function, and by central differences."""
    (run,), replay = load(source, (name,)), Replay()
    args = [float(v) if type(v) is int and k in places else v for k, v in enumerate(args)]
    given = replay(run, *args)
    gradients = given if len(places) > 1 else (given,)
    rng = np.random.default_rng(seed + 1)
    direction = [tree.map(lambda v: rng.standard_normal(np.shape(v)), args[k]) for k in places]
    pairs = zip(direction, gradients, strict=True)
    products = [tree.map(lambda u, g: float(np.sum(u * g)), d, whole) for d, whole in pairs]
    got = sum(tree.leaves(products))

    def at(t: float) -> float:
        moved = list(args)
        for k, u in zip(places, direction, strict=True):
            moved[k] = tree.map(lambda v, d: _along(v, d, t), args[k], u)
        return float(replay(primal, *moved))

    return got, (at(STEP) - at(-STEP)) / (2 * STEP)


def _along(v: Any, u: Any, t: float) -> Any:
    """`v + t * u`; what is no float stays."""
    if isinstance(v, float):
        return float(v + t * u)
    return v + t * u if isinstance(v, np.ndarray) and v.dtype.kind == "f" else v
