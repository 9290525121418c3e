"""Which indices surely name no place twice.

A store at such an index is the last one to each of its places, and `x[i] += v` adds all that it is
given: neither has to ask at run time.  A mask names no place twice; an array of ints may.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from s2sgrad.ir import ops
from s2sgrad.ir.graph import Atom, Eqn, Form, Hole, Lit, Pack, Var, atom_type
from s2sgrad.ir.types import Array, Dim, Unknown

# Their results, taken together, name each place once.
_TOGETHER = {np.triu_indices, np.tril_indices, np.diag_indices, np.nonzero, np.where}
_ONCE = {np.argsort, np.flatnonzero}


def is_distinct(index: Any, args: Sequence[Atom], made: Mapping[Var, Eqn]) -> bool:
    """Does an index, whose holes count `args`, name each place once?  Only if that is sure."""
    if isinstance(index, Pack) and index.kind == "path":
        index = index.items[-1]
    items = index.items if isinstance(index, Pack) and index.kind == "tuple" else (index,)
    atoms = [args[i.k] for i in items if isinstance(i, Hole)]
    lists = [i for i in items if is_listed(i)]
    if any(isinstance(atom_type(a), Unknown) for a in atoms):
        return False
    arrays = [a for a in atoms if isinstance(a, Var) and isinstance(a.type, Array)]
    if lists:  # vectors: of equal lengths, or one of them is spread
        lone = not arrays and len({_length(i) for i in lists}) == 1
        return lone and any(map(_constants_differ, lists))
    if len(arrays) == 1:
        return _is_mask(arrays[0]) or _once(arrays[0], made)
    return not arrays or _together(arrays, made) or _spanned(arrays, made)


def is_listed(i: Any) -> bool:
    """Is an item of an index a list of constants?"""
    return isinstance(i, list | np.ndarray) or (isinstance(i, Pack) and i.kind != "slice")


def _length(i: Any) -> int:
    return len(i.items if isinstance(i, Pack) else i)


def _is_mask(a: Var) -> bool:
    return isinstance(a.type, Array) and a.type.kind == "bool"


def _together(arrays: Sequence[Var], made: Mapping[Var, Eqn]) -> bool:
    """Are these all the results of one function that names places?"""
    reads = [made.get(a) for a in arrays]
    if not all(r is not None and r.op is ops.getitem for r in reads):
        return False
    owners = {r.args[0] for r in reads if r}
    ks = {r.form.args[1] for r in reads if r and r.form}
    owner = next(iter(owners))
    source = made.get(owner) if len(owners) == 1 and isinstance(owner, Var) else None
    return source is not None and source.op in _TOGETHER and len(ks) == len(arrays)


def _spanned(arrays: Sequence[Var], made: Mapping[Var, Eqn]) -> bool:
    """Has each axis of the index an array that differs along it, and along no other?"""
    types = [a.type for a in arrays if isinstance(a.type, Array)]
    rank = max(len(t.shape) for t in types)
    shapes: list[tuple[Dim, ...]] = [(1,) * (rank - len(t.shape)) + t.shape for t in types]
    for k in range(rank):
        extents = {s[k] for s in shapes} - {1}
        if not extents:
            continue
        if len(extents) > 1 or "?" in extents:
            return False
        spans = (
            s[k] != 1 and all(d == 1 for j, d in enumerate(s) if j != k) and _once(a, made)
            for a, s in zip(arrays, shapes, strict=True)
        )  # fmt: skip
        if not any(spans):
            return False
    return True


def _once(a: Atom, made: Mapping[Var, Eqn]) -> bool:
    """Has this array of ints no value twice, and none that counts from the end?"""
    s = made.get(a) if isinstance(a, Var) else None
    if s is None:
        return False
    if s.op is np.array:
        return s.form is not None and _constants_differ(s.form.args[0])
    if s.op is np.arange:
        return _counts_up(s.form, s.args)
    if s.op in _ONCE:
        t = atom_type(s.args[0])
        return s.op is np.flatnonzero or (isinstance(t, Array) and len(t.shape) == 1)
    if s.op is np.reshape or (s.op is ops.getitem and _is_basic(s)):
        return _item_once(s, made) or _once(s.args[0], made)
    return False


def _item_once(s: Eqn, made: Mapping[Var, Eqn]) -> bool:
    """The only result of `np.nonzero`, or one of `np.ix_`."""
    owner = s.args[0]
    source = made.get(owner) if isinstance(owner, Var) else None
    if source is None or s.op is not ops.getitem or s.form is None:
        return False
    if source.op is np.ix_:
        k = s.form.args[1]
        return isinstance(k, int) and _argument_once(source, k, made)
    t = atom_type(source.args[0]) if source.args else None
    alone = isinstance(t, Array) and len(t.shape) == 1 and len(source.args) == 1
    return source.op in (np.nonzero, np.where) and alone


def _argument_once(source: Eqn, k: int, made: Mapping[Var, Eqn]) -> bool:
    given = Hole(k) if source.form is None else source.form.args[k]
    if isinstance(given, Hole):
        a = source.args[given.k]
        return isinstance(a, Var) and (_is_mask(a) or _once(a, made))
    return _constants_differ(given)


def _constants_differ(display: Any) -> bool:
    items = display.items if isinstance(display, Pack) else display
    if not isinstance(items, list | tuple):
        return False
    ints = all(type(i) is int and i >= 0 for i in items)
    return ints and len(set(items)) == len(items)


def _counts_up(form: Form | None, args: Sequence[Atom]) -> bool:
    """Is it `np.arange(n)` or `np.arange(2, n)`?"""
    given = [Hole(k) for k in range(len(args))] if form is None else list(form.args)
    values = [
        args[g.k].value if isinstance(g, Hole) and isinstance(args[g.k], Lit) else g  # type: ignore[union-attr]
        for g in given
    ]
    if form is not None and form.kwargs:
        return False
    if len(values) == 1:
        return True
    start, step = values[0], values[2] if len(values) > 2 else 1
    return isinstance(start, int) and isinstance(step, int) and start >= 0 and step > 0


def _is_basic(s: Eqn) -> bool:
    return not any(isinstance(atom_type(a), Array | Unknown) for a in s.args[1:])
