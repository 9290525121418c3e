"""scipy.sparse: products with and solves of sparse matrices.

A matrix is data; what it was made of goes with it (`ir/through`): `data, rows, cols`, or `data,
indices, indptr`, or the dense matrix.  Where `y = A x`, the cotangent of an entry is `g_i x_j`,
asked only where there is one; where `A x = b`, it is `-l_i x_j` with `l = A^-T g` (Giles, Collected
matrix derivative results (2008), sections 2.2.2 and 2.3.1).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as ss
import scipy.sparse.linalg as sl

from s2sgrad.ir.through import Through
from s2sgrad.ir.types import INT, Array, Several, Type, Unknown
from s2sgrad.rules.objects import OBJECTS, TYPED
from s2sgrad.rules.registry import RULES, data_only, entry, rule, zero
from s2sgrad.rules.toolbox import call, recordable, scatter

MAKERS = (
    ss.csr_matrix, ss.csc_matrix, ss.coo_matrix, ss.csr_array, ss.csc_array, ss.coo_array,
)  # fmt: skip
BY_COLUMNS = (ss.csc_matrix, ss.csc_array)
CONSTANT = (ss.diags, ss.eye, ss.identity, ss.kron, ss.block_diag, ss.diags_array, ss.eye_array)
SOLVERS = (sl.spsolve, sl.cg, sl.gmres, sl.bicgstab, sl.minres)
SYMMETRIC = (sl.cg, sl.minres)
CONVERSIONS = ("tocsr", "tocsc", "tocoo", "copy")
data_only(*CONSTANT, sl.splu, sl.spsolve)
OBJECTS.update({*MAKERS, *SOLVERS, sl.splu})


@recordable
def entry_rows(indptr: Any) -> Any:
    """Return the row of each entry of a matrix that is compressed by rows."""
    return np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))


zero(entry_rows)


def places(layout: str, parts: Any) -> tuple[Any, Any]:
    """Return the row and the column of each entry."""
    if layout == "pairs":
        return parts[1], parts[2]
    rows = entry_rows(parts[2])
    return (rows, parts[1]) if layout == "csr" else (parts[1], rows)


def shares(layout: str, parts: Any, left: Any, right: Any) -> tuple[Any, ...]:
    """Return the cotangents of the parts, where that of entry (i, j) is `left[i] * right[j]`."""
    if layout == "constant":
        return (None,) * len(parts)
    flat = np.ndim(right) == 1
    if layout == "dense":
        return (np.outer(left, right) if flat else left @ right.T,)
    rows, cols = places(layout, parts)
    both = np.take(left, rows, axis=0) * np.take(right, cols, axis=0)
    return both if flat else np.sum(both, axis=-1), None, None


def times_moved(layout: str, parts: Any, moved: Any, x: Any, like: Any, turned: bool) -> Any:
    """Return the product of the tangent of a matrix with `x`; it has the shape of `like`."""
    if layout == "constant":
        raise NotImplementedError("a sparse matrix of this kind has no rule")
    if layout == "dense":
        return (moved.T if turned else moved) @ x
    rows, cols = places(layout, parts)[:: -1 if turned else 1]
    entries = moved if np.ndim(x) == 1 else np.expand_dims(moved, -1)
    return scatter(like, rows, entries * np.take(x, cols, axis=0))


def like_operand(types: list[Type]) -> Type:
    """Return the type of a product: as many axes as the operand has."""
    x = types[-1]
    if not (isinstance(x, Array) and x.char == "d"):
        return Unknown(real=True, array=True)
    return Array("d", ("?", *x.shape[1:]))


def product(layout: str, count: int, method: str) -> Through:
    """Return the operation `A @ x` or `A.T @ x`, with its rules."""
    op = Through(None, (("layout", layout),), count, method)
    if op in RULES:
        return op
    TYPED[op] = like_operand
    turned = method == "T@"

    def vjp(g: Any, out: Any, owner: Any, *rest: Any) -> Any:
        *parts, x = rest
        back = call(product(layout, count, "@" if turned else "T@"), owner, *parts, g)
        return None, *shares(layout, parts, x if turned else g, g if turned else x), back

    def jvp(out: Any, tangents: Any, owner: Any, *rest: Any) -> Any:
        *parts, x = rest
        terms = []
        if tangents[-1] is not None:
            terms.append(call(op, owner, *parts, tangents[-1]))
        if parts and tangents[1] is not None:
            terms.append(times_moved(layout, parts, tangents[1], x, out, turned))
        return terms[0] if len(terms) == 1 else terms[0] + terms[1]

    return with_rules(op, vjp, jvp)


def with_rules(op: Through, vjp: Callable[..., Any], jvp: Callable[..., Any]) -> Through:
    """Register the rules of an operation."""
    record = entry(op)
    record.vjp, record.jvp = vjp, jvp
    return op


def dense(layout: str, count: int) -> Through:
    """Return the operation `A.toarray()`, with its rules."""
    op = Through(None, (("layout", layout),), count, "toarray")
    if op in RULES:
        return op
    TYPED[op] = lambda types: Array("d", ("?", "?"))

    def vjp(g: Any, out: Any, owner: Any, *parts: Any) -> Any:
        if layout == "constant":
            return (None,) * (1 + len(parts))
        if layout == "dense":
            return None, g
        return None, g[places(layout, parts)], None, None

    def jvp(out: Any, tangents: Any, owner: Any, *parts: Any) -> Any:
        if layout == "dense":
            return tangents[1]
        return scatter(out, places(layout, parts), tangents[1])

    return with_rules(op, vjp, jvp)


def solution(layout: str, count: int, solver: Any, turned: bool = False) -> Through:
    """Return the operation `solver(A, b)`, or that of the transpose, with its rules.

    `solver` is 'solve' for `lu.solve(b)` of the factors of a matrix.
    """
    factors = solver == "solve"
    method = "solve" if factors else "T of" if turned else "of"
    options: tuple[tuple[str, Any], ...] = (("layout", layout), ("turned", turned))
    op = Through(None if factors else solver, options, count, method)
    if op in RULES:
        return op
    several = solver in SOLVERS[1:]
    TYPED[op] = (lambda t: Several((like_operand(t), INT))) if several else like_operand
    trans = ("T",) if factors and turned else ()
    again = ("T",) if factors and not turned else ()

    def only(found: Any) -> Any:
        return found[0] if several else found

    def back(g: Any, owner: Any, parts: Any, options: Any) -> Any:
        other = solution(layout, count, solver, turned if solver in SYMMETRIC else not turned)
        return only(call(other, owner, *parts, g, *again, **options))

    def vjp(g: Any, out: Any, owner: Any, *rest: Any, **options: Any) -> Any:
        parts, x = rest[:count], only(out)
        moved = back(only(g), owner, parts, options)
        pair = (x, -moved) if turned else (-moved, x)
        return None, *shares(layout, parts, *pair), moved

    def jvp(out: Any, tangents: Any, owner: Any, *rest: Any, **options: Any) -> Any:
        parts, x = rest[:count], only(out)
        moved = tangents[1 + count]
        if parts and tangents[1] is not None:
            own = times_moved(layout, parts, tangents[1], x, x, turned)
            moved = -own if moved is None else moved - own
        found = only(call(op, owner, *parts, moved, *trans, **options))
        return [found, None] if several else found

    return with_rules(op, vjp, jvp)


def dense_solution(solver: Any) -> None:
    """Register the rules of an iterative solver for a dense matrix."""

    def vjp(g: Any, out: Any, A: Any, b: Any, x0: Any = None, **options: Any) -> Any:
        at = A if solver in SYMMETRIC else A.T
        moved = call(solver, at, g[0], **options)[0]
        return -np.outer(moved, out[0]), moved, 0.0

    def jvp(out: Any, tangents: Any, A: Any, b: Any, x0: Any = None, **options: Any) -> Any:
        moved = tangents[1]
        if tangents[0] is not None:
            own = tangents[0] @ out[0]
            moved = -own if moved is None else moved - own
        return [call(solver, A, moved, **options)[0], None]

    record = rule(solver)(vjp)
    record.jvp(jvp)


for _solver in SOLVERS[1:]:
    dense_solution(_solver)
