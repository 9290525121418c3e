"""Chains of products: the order that is written, and that it is right."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from s2sgrad.front.infer import infer
from s2sgrad.ir.graph import Atom, Block, Eqn, Func, Var
from s2sgrad.ir.interp import run
from s2sgrad.ir.types import Array
from s2sgrad.ir.verify import verify
from s2sgrad.passes.order import order
from tests.passes import checked

R = np.random.default_rng(17).standard_normal
A, B, C = R((3, 4)), R((4, 5)), R((5, 2))
V, U = R(5), R(3)


@pytest.mark.parametrize(
    ("expression", "args", "want"),
    [
        ("np.sum(np.sin(A @ B @ v))", (A, B, V), "A @ t"),
        ("np.sum(np.sin(A @ B @ C @ v))", (A, B, C, R(2)), "np.sin"),
        ("np.sum(np.sin(v @ (A @ B)))", (A, B, U), "t = v @ A"),
        ("np.sum(np.sin(A @ B @ v))", (A, B, R((5, 1))), "A @ t"),
        ("np.sum(np.sin(A @ B @ C))", (A, B, C), "A @ B"),
    ],
)
def test_the_order(expression: str, args: tuple[Any, ...], want: str) -> None:
    names = [n for n in ("A", "B", "C", "v") if n in expression.replace("np.sin", "")]
    source = checked(f"def f({', '.join(names)}):\n    return {expression}\n", *args)
    assert want in source, source
    assert "(A @ B)" not in source.partition("# backward")[0]


def test_a_chain_keeps_no_product_of_matrices() -> None:
    text = "def f(A, B, C, v):\n    return np.sum(np.sin(A @ B @ C @ v))\n"
    source = checked(text, A, B, C, R(2))
    assert "A @ B" not in source
    assert "B @ C" not in source


def test_a_product_that_is_read_twice_stays() -> None:
    text = "def f(A, B, v):\n    M = A @ B\n    return np.sum(M @ v) + np.sum(np.sin(M))\n"
    assert "M = A @ B" in checked(text, A, B, V)


def test_one_row_stays() -> None:
    """`(r @ B) @ v` with one row is not made dearer."""
    text = "def f(A, B, v):\n    return np.sum(np.sin(A @ B @ v))\n"
    assert "t = A @ B" in checked(text, R((1, 4)), B, V)


def test_a_product_outside_of_the_loop_stays_there() -> None:
    text = """
def f(A, B, v):
    M = A @ B
    for _ in range(3):
        v = np.tanh(M @ v)
    return np.sum(v)
"""
    assert "M = A @ B" in checked(text, R((4, 4)), R((4, 4)), R(4))


def _chain(*ops: Any) -> tuple[Func, list[Any]]:
    """A function of `np.outer(g, h)` and one more factor."""
    first, second, values, flip = ops
    params = [Var(n, Array("d", tuple(f"{n}{k}" for k in range(np.ndim(x)))))
              for n, x in zip("ghv", values, strict=True)]  # fmt: skip
    made = Var("", infer(first, (params[0], params[1]), None))
    args: tuple[Atom, ...] = (params[2], made) if flip else (made, params[2])
    out = Var("", infer(second, args, None))
    stmts = (Eqn(made, first, (params[0], params[1])), Eqn(out, second, args))
    return Func("f", Block(tuple(params), stmts, (out,)), ("g", "h", "v")), values


@pytest.mark.parametrize(
    ("values", "flip"),
    [
        ([R(3), R(4), R(4)], False),
        ([R(3), R(4), R(3)], True),
        ([R(3), R(4), R((4, 2))], False),
        ([R(3), R(4), R((2, 3))], True),
    ],
)
def test_outer_products_are_not_made(values: list[Any], flip: bool) -> None:
    func, args = _chain(np.outer, np.matmul, values, flip)
    new = verify(order(func))
    (got,), (want,) = run(new, *args), run(func, *args)
    np.testing.assert_allclose(got, want, rtol=1e-12)
    direct = np.outer(args[0], args[1])
    np.testing.assert_allclose(got, args[2] @ direct if flip else direct @ args[2], rtol=1e-12)
    last = new.body.stmts[-1]
    assert isinstance(last, Eqn)
    assert last.op is not np.matmul
