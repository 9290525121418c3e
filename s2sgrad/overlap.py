"""Arrays and containers among the arguments that are one, while the function writes to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from s2sgrad.compile import Compiled
from s2sgrad.errors import DifferentiationError, Refusal
from s2sgrad.front.structure import containers, spell
from s2sgrad.ir.ops import part
from s2sgrad.ir.types import Array, List

_WORK = 100_000  # candidates that NumPy tries before the answer is taken to be yes


@dataclass(frozen=True, slots=True, eq=False)
class _Memory:
    """An array, or a list without a length, among the arguments or outside of the function."""

    where: str
    value: Any
    written: bool


def refuse_overlaps(
    compiled: Compiled, values: dict[str, Any], name: str, read: Mapping[str, Any]
) -> None:
    """Refuse the call if a write to one argument would change another, or what is `read` outside.

    The gradient is that of a function of independent arrays.
    """
    written = {x.var for x in compiled.written}
    found: list[_Memory] = []
    for x in compiled.leaves:
        if isinstance(x.var.type, Array | List):
            where = spell(x.path, x.owner.hint)
            value = part(values[x.owner.hint], x.path)
            found += _all_in(_Memory(where, value, x.var in written))
    found += [_Memory(n, v, False) for n, v in read.items() if isinstance(v, np.ndarray)]
    lists: dict[int, _Memory] = {}
    for m in found:
        if isinstance(m.value, list):
            _check(lists.setdefault(id(m.value), m), m, name)
    for a, b in _near([m for m in found if isinstance(m.value, np.ndarray)]):
        if (a.written or b.written) and _overlap(a.value, b.value):
            _check(a, b, name)


def _all_in(m: _Memory) -> Iterator[_Memory]:
    """The array; the list, and all that is in it."""
    if isinstance(m.value, list | np.ndarray):
        yield m
    if isinstance(m.value, list):
        for k, v in enumerate(m.value):
            yield from _all_in(_Memory(f"{m.where}[{k}]", v, m.written))


def _near(arrays: list[_Memory]) -> Iterator[tuple[_Memory, _Memory]]:
    """Pairs of arrays whose bounds in memory overlap."""
    bounded = [(*np.lib.array_utils.byte_bounds(m.value), k) for k, m in enumerate(arrays)]
    near: list[tuple[int, int]] = []  # those before, and where each ends
    for low, high, k in sorted(bounded):
        near = [(end, j) for end, j in near if end > low]
        for _, j in near:
            yield arrays[min(j, k)], arrays[max(j, k)]
        near.append((high, k))


def _check(a: _Memory, b: _Memory, name: str) -> None:
    if a is b or not (a.written or b.written):
        return
    raise DifferentiationError(
        Refusal(
            f"`{a.where}` and `{b.where}` of `{name}` share memory, and one is written to",
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


def _overlap(a: Any, b: Any) -> bool:
    try:
        return bool(np.shares_memory(a, b, max_work=_WORK))  # type: ignore[arg-type]
    except np.exceptions.TooHardError:
        return True
