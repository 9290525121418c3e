"""Arrays and containers among the arguments that are one, while the function writes to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from s2sgrad.compile import Compiled
from s2sgrad.errors import DifferentiationError, Refusal
from s2sgrad.front.arguments import Leaf
from s2sgrad.front.structure import containers, spell
from s2sgrad.ir.ops import part
from s2sgrad.ir.types import Array

_WORK = 100_000  # candidates that NumPy tries before the answer is taken to be yes


def refuse_overlaps(
    compiled: Compiled, values: dict[str, Any], name: str, read: Mapping[str, Any]
) -> None:
    """Refuse the call if a write to one argument would change another, or what is `read` outside.

    The gradient is that of a function of independent arrays.
    """
    arrays = [(x, _array(x, values)) for x in compiled.leaves if isinstance(x.var.type, Array)]
    written = {x.var for x in compiled.written}
    for k, (x, a) in enumerate(arrays):
        for y, b in arrays[:k]:
            if (x.var in written or y.var in written) and _overlap(a, b):
                _refuse(spell(y.path, y.owner.hint), spell(x.path, x.owner.hint), name)
        for other, b in read.items() if x.var in written else ():
            if isinstance(b, np.ndarray) and _overlap(a, b):
                _refuse(spell(x.path, x.owner.hint), other, name)


def _refuse(first: str, second: str, name: str) -> None:
    raise DifferentiationError(
        Refusal(
            f"`{first}` and `{second}` of `{name}` share memory, and one is written to",
            None,
            "pass a copy of one of them",
            anchor="shared",
        )
    )


def refuse_shared_containers(compiled: Compiled, values: dict[str, Any], name: str) -> None:
    """Refuse the call if a change of one container among the arguments would change another."""
    seen: dict[int, str] = {}
    for root, signature in compiled.request.signatures.items():
        for path in containers(signature):
            where, one = spell(path, root), part(values[root], path)
            if id(one) in seen:
                raise DifferentiationError(
                    Refusal(
                        f"`{seen[id(one)]}` and `{where}` of `{name}` are one object, and "
                        "containers among the arguments are changed",
                        None,
                        "pass a copy of one of them",
                        anchor="shared",
                    )
                )
            seen[id(one)] = where


def _array(x: Leaf, values: dict[str, Any]) -> Any:
    return part(values[x.owner.hint], x.path)


def _overlap(a: Any, b: Any) -> bool:
    try:
        return bool(np.shares_memory(a, b, max_work=_WORK))  # type: ignore[arg-type]
    except np.exceptions.TooHardError:
        return True
