"""Products: matmul, dot, einsum and their relatives.  All are multilinear."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from s2sgrad.rules.registry import rule
from s2sgrad.rules.toolbox import (
    broadcast_like,
    call,
    identity,
    is_complex,
    reshape_like,
    scatter_diagonal,
)

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


@rule(np.matmul, operator.matmul, operator.imatmul, multilinear=(0, 1))
def matmul(g: Any, out: Any, a: Any, b: Any) -> Any:
    """One case per pair of ranks; batch axes are summed by the transform."""
    rank_a, rank_b = np.ndim(a), np.ndim(b)
    if rank_a == 1 and rank_b == 1:
        return g * b, g * a
    if rank_a == 2 and rank_b == 2:
        return g @ b.T, a.T @ g
    if rank_a == 2 and rank_b == 1:
        return np.outer(g, b), a.T @ g
    if rank_a == 1 and rank_b == 2:
        return b @ g, np.outer(a, g)
    if rank_b == 1:
        moved = np.swapaxes(a, -1, -2) @ g[..., None]
        return g[..., None] * b, moved[..., 0]
    if rank_a == 1:
        moved = b @ g[..., None]
        return moved[..., 0], a[:, None] * g[..., None, :]
    return g @ np.swapaxes(b, -1, -2), np.swapaxes(a, -1, -2) @ g


@rule(np.dot, multilinear=(0, 1))
def dot(g: Any, out: Any, a: Any, b: Any) -> Any:
    """Sum over the last axis of `a` and the last but one of `b`."""
    n, m = np.ndim(a), np.ndim(b)
    if n == 0 or m == 0 or (n == 1 and m == 1):
        return g * b, g * a
    if n <= 2 and m <= 2:
        return matmul(g, out, a, b)
    leading = tuple(range(n - 1))
    if m == 1:
        return g[..., None] * b, np.tensordot(g, a, (leading, leading))
    kept = (*range(m - 2), m - 1)
    ga = np.tensordot(g, b, (tuple(range(n - 1, n + m - 2)), kept))
    gb = np.tensordot(a, g, (leading, leading))
    return ga, np.moveaxis(gb, 0, -2)


@rule(np.inner, multilinear=(0, 1))
def inner(g: Any, out: Any, a: Any, b: Any) -> Any:
    """Sum over the last axes."""
    n, m = np.ndim(a), np.ndim(b)
    if n == 0 or m == 0 or (n == 1 and m == 1):
        return g * b, g * a
    first, last = tuple(range(n - 1)), tuple(range(n - 1, n + m - 2))
    ga = np.tensordot(g, b, (last, tuple(range(m - 1))))
    return ga, np.tensordot(g, a, (first, first))


@rule(np.outer, multilinear=(0, 1))
def outer(g: Any, out: Any, a: Any, b: Any) -> Any:
    """Both operands are flattened."""
    if np.ndim(a) == 1 and np.ndim(b) == 1:
        return g @ b, a @ g
    return reshape_like(g @ np.ravel(b), a), reshape_like(np.ravel(a) @ g, b)


def pairs_of_axes(axes: Any, n: int, m: int) -> tuple[list[int], list[int]]:
    """Return the contracted axes of a tensordot, both lists nonnegative."""
    if isinstance(axes, int):
        return list(range(n - axes, n)), list(range(axes))
    first, second = axes
    left = [first] if isinstance(first, int) else list(first)
    right = [second] if isinstance(second, int) else list(second)
    return [i % n for i in left], [i % m for i in right]


def back(contracted: Any, kept: list[int], axes: list[int], others: list[int]) -> Any:
    """Permute a contraction's answer to the operand's own order of axes."""
    order = kept + [axes[i] for i in sorted(range(len(others)), key=others.__getitem__)]
    if order == sorted(order):
        return contracted
    return np.transpose(contracted, tuple(order.index(i) for i in range(len(order))))


@rule(np.tensordot, multilinear=(0, 1))
def tensordot(g: Any, out: Any, a: Any, b: Any, axes: Any = 2) -> Any:
    """Contract `g` with the other operand over the axes that one kept."""
    n, m = np.ndim(a), np.ndim(b)
    left, right = pairs_of_axes(axes, n, m)
    kept_a = [i for i in range(n) if i not in left]
    kept_b = [i for i in range(m) if i not in right]
    first, last = list(range(len(kept_a))), list(range(len(kept_a), len(kept_a) + len(kept_b)))
    ga = np.tensordot(g, b, (tuple(last), tuple(kept_b)))
    gb = np.tensordot(g, a, (tuple(first), tuple(kept_a)))
    return back(ga, kept_a, left, right), back(gb, kept_b, right, left)


def split_operands(operands: Any) -> tuple[list[Any], list[str], str, list[int]]:
    """Return the arrays of an einsum call, their letters, the output's, their positions."""
    if isinstance(operands[0], str):
        arrays, positions = list(operands[1:]), list(range(1, len(operands)))
        text = operands[0].replace(" ", "")
    else:
        pairs = len(operands) // 2
        arrays, positions = list(operands[: 2 * pairs : 2]), list(range(0, 2 * pairs, 2))
        lists = list(operands[1 : 2 * pairs : 2])
        text = ",".join(letters_of(items) for items in lists)
        if len(operands) % 2:
            text += "->" + letters_of(operands[-1])
    left, arrow, right = text.partition("->")
    if not arrow:
        seen = left.replace(",", "").replace(".", "")
        right = "..." if "." in left else ""
        right += "".join(sorted(c for c in set(seen) if seen.count(c) == 1))
    spare = [c for c in LETTERS if c not in text]
    terms, widest = left.split(","), 0
    for i, term in enumerate(terms):
        if "." in term:
            width = np.ndim(arrays[i]) - len(term.replace(".", ""))
            widest = max(widest, width)
            terms[i] = term.replace("...", "".join(reversed(spare[:width])))
    return arrays, terms, right.replace("...", "".join(reversed(spare[:widest]))), positions


def letters_of(items: Any) -> str:
    """Write a sublist of an einsum call as letters."""
    return "".join("..." if i is Ellipsis else LETTERS[i] for i in items)


@rule(np.einsum)
def einsum(g: Any, out: Any, *operands: Any, optimize: Any = False) -> Any:
    """Sum `g` times the other operands to each operand's own letters."""
    arrays, terms, right, positions = split_operands(operands)
    found: list[Any] = [None] * len(operands)
    for i, term in enumerate(terms):
        others = [arrays[j] for j in range(len(arrays)) if j != i]
        names = [terms[j] for j in range(len(arrays)) if j != i]
        spare = [c for c in LETTERS if c not in right + "".join(terms)]
        target = ""
        for axis, letter in enumerate(term):
            if letter in target:
                fresh = spare.pop(0)
                others.append(identity(arrays[i], axis))
                names.append(letter + fresh)
                target += fresh
            else:
                target += letter
        present = "".join(c for c in target if c in right + "".join(names))
        text = ",".join([right, *names]) + "->" + present
        partial = np.einsum(text, g, *others, optimize=optimize)
        missing = tuple(k for k, c in enumerate(target) if c not in present)
        if missing:
            partial = broadcast_like(np.expand_dims(partial, missing), arrays[i])
        found[positions[i]] = partial
    return tuple(found)


@einsum.jvp
def _einsum_jvp(out: Any, tangents: Any, *operands: Any, optimize: Any = False) -> Any:
    total: Any = None
    for i, tangent in enumerate(tangents):
        if tangent is not None and not isinstance(operands[i], str | list | tuple):
            moved = (*operands[:i], tangent, *operands[i + 1 :])
            term = np.einsum(*moved, optimize=optimize)
            total = term if total is None else total + term
    return total


@rule(np.cross, multilinear=(0, 1))
def cross(
    g: Any,
    out: Any,
    a: Any,
    b: Any,
    axisa: int = -1,
    axisb: int = -1,
    axisc: int = -1,
    axis: Any = None,
) -> Any:
    """Three-dimensional vectors."""
    if axis is not None:
        axisa = axisb = axisc = axis
    ga = np.cross(b, g, axisa=axisb, axisb=axisc, axisc=axisa)
    return ga, np.cross(g, a, axisa=axisc, axisb=axisa, axisc=axisb)


@rule(np.kron, multilinear=(0, 1))
def kron(g: Any, out: Any, a: Any, b: Any) -> Any:
    """View the answer as an outer product with interleaved axes."""
    n, m = np.ndim(a), np.ndim(b)
    rank = max(n, m)
    if rank == 0:
        return g * b, g * a
    odd = tuple(range(1, 2 * rank, 2))
    even = tuple(range(0, 2 * rank, 2))
    wide_a = np.expand_dims(a, tuple(range(rank - n)))
    wide_b = np.expand_dims(b, tuple(range(rank - m)))
    wide_a, wide_b = np.expand_dims(wide_a, odd), np.expand_dims(wide_b, even)
    spread = reshape_like(g, wide_a * wide_b)
    ga = np.sum(spread * wide_b, axis=odd)
    gb = np.sum(spread * wide_a, axis=even)
    return reshape_like(ga, a), reshape_like(gb, b)


@rule(np.vdot)
def vdot(g: Any, out: Any, a: Any, b: Any) -> Any:
    """Both operands are flattened, the first conjugated."""
    flat = np.ndim(a) == 1 and np.ndim(b) == 1
    other_a = b if flat else reshape_like(b, a)
    other_b = a if flat else reshape_like(a, b)
    if is_complex(a) or is_complex(b):
        return np.conj(g * other_a), g * np.conj(other_b)
    return g * other_a, g * other_b


@vdot.jvp
def _vdot_jvp(out: Any, tangents: Any, a: Any, b: Any) -> Any:
    first = 0.0 if tangents[0] is None else np.vdot(tangents[0], b)
    return first if tangents[1] is None else first + np.vdot(a, tangents[1])


@rule(np.trace, linear=(0,))
def trace(g: Any, out: Any, a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """Put the cotangent on the diagonal."""
    return scatter_diagonal(a, np.expand_dims(g, -1), offset, axis1, axis2)


@rule(np.vecdot)
def vecdot(g: Any, out: Any, x1: Any, x2: Any, axis: int = -1) -> Any:
    """Sum over one axis, the first operand conjugated."""
    wide = np.expand_dims(g, axis)
    if is_complex(x1) or is_complex(x2):
        return np.conj(wide * x2), wide * np.conj(x1)
    return wide * x2, wide * x1


@vecdot.jvp
def _vecdot_jvp(out: Any, tangents: Any, x1: Any, x2: Any, axis: int = -1) -> Any:
    first = 0.0 if tangents[0] is None else call(np.vecdot, tangents[0], x2, axis=axis)
    return first if tangents[1] is None else first + call(np.vecdot, x1, tangents[1], axis=axis)
