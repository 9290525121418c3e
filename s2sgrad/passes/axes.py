"""Indices that add axes: `x[:, None]`, and what takes these axes away again."""

from __future__ import annotations

from typing import Any

from s2sgrad.ir.graph import Pack

_ALL = Pack("slice", (None, None, None))


def items_of(index: Any) -> tuple[Any, ...]:
    """The items of an index."""
    items = index.items if isinstance(index, Pack) and index.kind == "tuple" else index
    return items if isinstance(items, tuple) else (items,)


def is_full(item: Any) -> bool:
    """Is it `:`?"""
    return bool(item == slice(None) or item == _ALL)


def only_adds(index: Any) -> bool:
    """Does `x[index]` show all of `x`, with axes of length 1 more?"""
    items = items_of(index)
    return None in items and all(i is None or is_full(i) for i in items)


def without_added(index: Any) -> Any:
    """The index that takes the axes away that `index` has added: `[:, 0]` for `[:, None]`."""
    items = [0 if i is None else slice(None) for i in items_of(index)]
    while items and items[-1] != 0:
        items.pop()
    return 0 if items == [0] else Pack("tuple", tuple(items))


def taken_first(index: Any) -> list[int] | None:
    """The axes of which `x[index]` takes the first item, if all of the others stay."""
    items = items_of(index)
    if not all((type(i) is int and i == 0) or is_full(i) for i in items):
        return None
    return [k for k, i in enumerate(items) if type(i) is int]
