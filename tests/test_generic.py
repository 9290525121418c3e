"""The generic form: right for any number of axes, and the same as the specialised form."""

from __future__ import annotations

import inspect
import itertools
import linecache
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy

from s2sgrad import grad, value_and_grad, vjp
from s2sgrad.errors import DifferentiationError
from s2sgrad.front.annotations import fresh_shape
from s2sgrad.front.resolve import Scope
from s2sgrad.front.structure import type_of_argument
from s2sgrad.generic import Task, Unit, derive, of_function
from s2sgrad.ir.types import Scalar, Type, Unknown
from tests.case import Case as RuleCase
from tests.programs import CASES, Case
from tests.test_programs import directional
from tests.test_rules_compiled import PROGRAMS, Program, difference, is_real, weights_of

IDS = [f"{k}-{case[0].__name__}" for k, case in enumerate(CASES)]
R = np.random.default_rng(11).standard_normal
serial = itertools.count()
# Rules that cannot be asked at run time: the types have to be declared.
TYPES_NEEDED: set[Any] = {np.gradient}


def unit(f: Callable[..., Any], wrt: tuple[int, ...], what: str = "value_and_grad") -> Unit:
    names = tuple(inspect.signature(f).parameters)
    return of_function(f, tuple(names[k] for k in wrt), False, what)  # type: ignore[arg-type]


def loaded(u: Unit) -> Callable[..., Any]:
    """The emitted function, from its text alone."""
    assert "s2sgrad" not in u.source
    space: dict[str, Any] = {}
    exec(u.source, space)
    run: Callable[..., Any] = space[u.name]
    return run


def generic(f: Callable[..., Any], wrt: tuple[int, ...]) -> Callable[..., Any]:
    return loaded(unit(f, wrt))


def data_of(f: Callable[..., Any], run: Callable[..., Any]) -> dict[str, Any]:
    """Defaults of helpers, which the emitted function takes as keywords."""
    extra = list(inspect.signature(run).parameters)[len(inspect.signature(f).parameters) :]
    return {n: {"b": 2.0, "c": 1.0}[n] for n in extra}


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_programs(case: Case) -> None:
    f, args, wrt = case
    run = generic(f, wrt)
    before = [np.array(a, copy=True) for a in args]
    value, gradient = run(*args, **data_of(f, run))
    assert value == pytest.approx(f(*args), rel=1e-13)
    _, special = value_and_grad(f, wrt)(*args)
    for k, g, s in zip(wrt, gradient, special, strict=True):
        assert np.shape(g) == np.shape(args[k])
        np.testing.assert_allclose(g, s, rtol=1e-9, atol=1e-12)
    for seed in range(2):
        want, direction = directional(case, seed)
        got = sum(np.sum(u * g) for u, g in zip(direction, gradient, strict=True))
        assert got == pytest.approx(want, rel=2e-6, abs=2e-7)
    for a, b in zip(args, before, strict=True):
        np.testing.assert_array_equal(a, b)


def affine(x, w, b):  # type: ignore[no-untyped-def]
    return np.sum(np.tanh(x @ w + b) ** 2)


def arithmetic(x, y, z):  # type: ignore[no-untyped-def]
    return np.sum(np.exp(-x * y) / (1.0 + z**2) - np.where(x > y, x, z) + np.maximum(y, z))


def reductions(x, y):  # type: ignore[no-untyped-def]
    m = np.mean(x, axis=0)
    s = np.std(x, axis=-1, keepdims=True) + np.max(x, axis=-1, keepdims=True)
    return np.sum((x - m) * y / (1.5 + s**2)) + np.prod(np.sum(x * y, axis=-1))


def contracted(a, b):  # type: ignore[no-untyped-def]
    return np.sum(np.dot(a, b) ** 2) + np.sum(np.cumsum(a) ** 2) + np.linalg.norm(b)


def scanned(x, w):  # type: ignore[no-untyped-def]
    h = w * 0.1
    for row in x:
        h = np.tanh(h + row * w)
    return np.sum(h * h)


def accumulated(x, w):  # type: ignore[no-untyped-def]
    s = 0.0
    for i in range(x.shape[0]):
        s += x[i] * w
    return np.sum(s * s)


SHAPES: list[tuple[Callable[..., Any], list[tuple[tuple[int, ...], ...]]]] = [
    (affine, [
        ((3,), (3,), ()), ((4, 3), (3,), ()), ((4, 3), (3,), (4,)), ((3,), (3, 2), (2,)),
        ((4, 3), (3, 2), (2,)), ((4, 3), (3, 2), (1,)), ((4, 3), (3, 2), (4, 1)),
        ((5, 4, 3), (3, 2), (2,)), ((5, 4, 3), (3,), ()), ((3,), (5, 3, 2), (2,)),
        ((5, 4, 3), (5, 3, 2), (4, 2)), ((1, 4, 3), (5, 3, 2), (5, 1, 1)), ((1, 1), (1, 1), (1,)),
        ((4, 3), (5, 3, 2), ()), ((0, 3), (3,), ()),
    ]),
    (arithmetic, [
        ((), (), ()), ((3,), (), ()), ((), (3,), (1,)), ((3, 1), (1, 4), (3, 4)),
        ((1,), (1,), (1,)), ((2, 3), (3,), (2, 1)), ((3, 1, 2), (4, 1), ()), ((0,), (), (1,)),
        ((2, 0), (1, 1), ()),
    ]),
    (reductions, [((3, 4), (3, 4)), ((3, 4), (4,)), ((2, 3, 4), (3, 1)), ((1, 2), (1, 1))]),
    (contracted, [((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 4)), ((2, 3), (3, 4)), ((2, 3, 4), (4,)),
                  ((2, 3), (5, 3, 2)), ((2, 4, 3), (5, 3, 2))]),
    (scanned, [((3, 4), (4,)), ((3,), ()), ((3,), (2,)), ((3, 1), (4,)), ((0, 2), (2,)),
               ((2, 3, 4), (3, 1))]),
    (accumulated, [((3, 4), (4,)), ((3,), ()), ((3,), (2,)), ((3, 1), (4,)), ((2, 3, 4), (3, 1))]),
]  # fmt: skip
ON_SHAPES = [(f, shapes) for f, all_shapes in SHAPES for shapes in all_shapes]


def number_or_array(shape: tuple[int, ...]) -> Any:
    return R(shape) if shape else float(R())


@pytest.mark.parametrize(
    ("f", "shapes"), ON_SHAPES, ids=[f"{f.__name__}-{s}" for f, s in ON_SHAPES]
)
def test_any_number_of_axes(f: Callable[..., Any], shapes: tuple[tuple[int, ...], ...]) -> None:
    """One text for all shapes: numbers, ones, leading axes, no elements."""
    args = tuple(number_or_array(s) for s in shapes)
    wrt = tuple(range(len(args)))
    run = generic(f, wrt)
    value, gradient = run(*args)
    assert value == pytest.approx(f(*args), rel=1e-12)
    want, direction = directional((f, args, wrt), 3)
    got = sum(float(np.sum(u * g)) for u, g in zip(direction, gradient, strict=True))
    assert got == pytest.approx(want, rel=2e-6, abs=2e-7)
    for a, g in zip(args, gradient, strict=True):
        assert np.shape(g) == np.shape(a)


@pytest.mark.parametrize("order", ["fortran", "strided", "float32"])
def test_layouts_and_dtypes(order: str) -> None:
    x, w, b = R((4, 3)), R((3, 2)), R(2)
    args: tuple[Any, ...] = (np.asfortranarray(x), np.asfortranarray(w), b)
    if order == "strided":
        args = (R((8, 3))[::2], R((3, 4))[:, ::-2], R(4)[::2])
    elif order == "float32":
        args = tuple(a.astype(np.float32) for a in args)
    value, gradient = generic(affine, (0, 1, 2))(*args)
    _, want = value_and_grad(affine, (0, 1, 2))(*(np.asarray(a, np.float64) for a in args))
    for g, a, t in zip(gradient, args, want, strict=True):
        assert g.dtype == a.dtype
        np.testing.assert_allclose(g, t, rtol=1e-4 if order == "float32" else 1e-12)
    assert np.asarray(value).dtype == args[0].dtype


@pytest.mark.parametrize(("case", "made"), PROGRAMS, ids=[c.id for c, _ in PROGRAMS])
def test_every_rule(case: RuleCase, made: Program) -> None:
    """Each rule is right without types too, or refuses with a place."""
    weights = weights_of(case)
    text = made.text(case, weights)
    file = f"<generic rule {next(serial)}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    space: dict[str, Any] = {"np": np, "math": math, "scipy": scipy}
    exec(compile(text, file, "exec"), space)
    f, wrt = space["f"], made.wrt
    args = [*made.values, *(w[1] if isinstance(w, tuple) else w for w in weights)]
    try:
        value_and_grad(f, tuple(wrt))(*args)
    except DifferentiationError as e:
        pytest.skip(f"refused with types: {str(e).splitlines()[0]}")
    names = list(inspect.signature(f).parameters)
    kinds = {n: declared(a) for n, a in zip(names, args, strict=True) if not is_real(a)}
    scope = Scope(type_of_argument)
    closure = scope.closure(f, with_defaults=False)
    task = Task(closure, "f", tuple(names[k] for k in wrt), False, "value_and_grad", kinds)
    if case.op in TYPES_NEEDED and "axis" not in case.kwargs:
        with pytest.raises(DifferentiationError, match="--types"):
            derive(task, scope, constants=False)
        return
    u = derive(task, scope, constants=False)
    with np.errstate(all="ignore"):
        value, gradient = loaded(u)(*args)
        assert np.asarray(value) == pytest.approx(np.asarray(f(*args)), rel=1e-12)
    rng = np.random.default_rng(4)
    d = {k: rng.normal(size=np.shape(args[k])) for k in wrt}
    got = sum(float(np.sum(d[k] * g)) for k, g in zip(wrt, gradient, strict=True))
    # Differences of the program itself: the specialised form is not the oracle.
    want = difference(f, args, d, [])
    assert got == pytest.approx(want, rel=2e-5, abs=2e-6), text
    for k, g in zip(wrt, gradient, strict=True):
        assert np.shape(g) == np.shape(args[k])


def declared(a: Any) -> Type:
    """What the caller says of an argument that is no float array: its kind, not its axes."""
    t = type_of_argument(a)
    assert t is not None
    return t if isinstance(t, Scalar) else Unknown(fresh_shape(), t.kind != "complex", True)  # type: ignore[attr-defined]


def test_gradients_own_their_memory() -> None:
    def added(x, y, z):  # type: ignore[no-untyped-def]
        return np.sum(x + y) + np.sum(z[0] * z[1])

    x, y, z = R((2, 3)), R((2, 3)), R((2, 3))
    _, gradient = generic(added, (0, 1, 2))(x, y, z)
    for k, g in enumerate(gradient):
        assert g.flags.writeable
        assert not any(np.shares_memory(g, other) for other in (x, y, z, *gradient[:k]))
    np.testing.assert_array_equal(gradient[0], np.ones((2, 3)))
    np.testing.assert_allclose(gradient[2], z[::-1])


def test_a_linear_function_does_not_return_its_argument() -> None:
    def inner(x, y):  # type: ignore[no-untyped-def]
        return x @ y

    x, y = R(3), R(3)
    _, (gx, gy) = generic(inner, (0, 1))(x, y)
    assert not np.shares_memory(gx, y)
    assert not np.shares_memory(gy, x)
    np.testing.assert_allclose(gx, y)


WRONG: list[tuple[Callable[..., Any], tuple[Any, ...], str]] = [
    (affine, (np.ones((2, 3), int), R(3), 0.5), "float"),
    (affine, (R((2, 3)), R(3) + 1j, 0.5), "`w`"),
    (accumulated, ([1.0, 2.0], R(3)), "float array"),
]


@pytest.mark.parametrize(("f", "args", "words"), WRONG)
def test_what_is_assumed_is_checked(
    f: Callable[..., Any], args: tuple[Any, ...], words: str
) -> None:
    with pytest.raises(TypeError, match=words):
        loaded(unit(f, (0,), "grad"))(*args)


def test_only_a_scalar_has_a_gradient() -> None:
    def doubled(x):  # type: ignore[no-untyped-def]
        return x[1:] * 2.0

    run = loaded(unit(doubled, (0,), "grad"))
    with pytest.raises(TypeError, match="not a scalar"):
        run(R(3))

    def number(x):  # type: ignore[no-untyped-def]
        return x * x

    with pytest.raises(TypeError, match="float number"):
        loaded(unit(number, (0,), "grad"))(R(3))


def test_numbers_are_found_by_the_scalar_result() -> None:
    """Arithmetic of numbers has no helper and no check but at entry."""
    f, args, wrt = CASES[1]
    u = unit(f, wrt)
    assert not u.helpers
    assert "np.ndim(x) != 0" in u.source
    assert loaded(u)(*args)[0] == f(*args)


def test_elementwise_code_needs_no_helper_within_one_shape() -> None:
    def smooth(x):  # type: ignore[no-untyped-def]
        return np.sum(np.tanh(x) ** 2 * np.exp(-x) + 3.0 * x)

    u = unit(smooth, (0,))
    assert set(u.helpers) <= {"_broadcast_like"}
    x = R((2, 3))
    _, (g,) = loaded(u)(x)
    t = np.tanh(x)
    np.testing.assert_allclose(
        g, 2 * t * (1 - t**2) * np.exp(-x) - t**2 * np.exp(-x) + 3.0, rtol=1e-12
    )


def test_source_before_any_call_is_the_generic_form() -> None:
    d = grad(affine, wrt="w")
    before = d.source
    assert "_matmul_vjp_b" in before
    space: dict[str, Any] = {}
    exec(before, space)
    x, w = R((4, 3)), R(3)
    np.testing.assert_allclose(space["affine_grad"](x, w, 0.5), d(x, w, 0.5), rtol=1e-12)
    assert d.source != before
    assert "out_bar" in vjp(affine).source


def test_a_name_that_may_be_held_twice_is_not_rebound() -> None:
    def held(x, n):  # type: ignore[no-untyped-def]
        s = x * 1.0
        t = s
        s += 1.0
        return np.sum(t * s)

    with pytest.raises(DifferentiationError, match="has other names"):
        unit(held, (0,))


def heat(u0, dt, n):  # type: ignore[no-untyped-def]
    u = u0.copy()
    for _ in range(n):
        u[1:-1] += dt * (u[2:] - 2 * u[1:-1] + u[:-2] - u[1:-1] ** 3)
    return np.sum(u * u)


def stored(x, w, out):  # type: ignore[no-untyped-def]
    for i in range(x.shape[0]):
        out[i] = out[i - 1] * x[i] * w
    out *= 2.0
    return np.sum(out**2) + np.sum(x)


WRITES: list[tuple[Callable[..., Any], list[Any], tuple[int, ...]]] = [
    (heat, [R(6), 0.1, 4], (0, 1)),
    (heat, [R((6, 3)), 0.1, 4], (0, 1)),
    (heat, [R((6, 3)), R(3) * 0.1, 3], (0, 1)),
    (stored, [R(4), 0.7, R(4)], (0, 1, 2)),
    (stored, [R((4, 2)), R(2), R((4, 2))], (0, 1, 2)),
]


@pytest.mark.parametrize(("f", "args", "wrt"), WRITES)
def test_writes(f: Callable[..., Any], args: list[Any], wrt: tuple[int, ...]) -> None:
    run = generic(f, wrt)
    copies = [np.array(a) for a in args]
    value, gradient = run(*args)
    for a, b in zip(args, copies, strict=True):
        np.testing.assert_array_equal(a, b)  # an argument is never changed

    def alone(*given: Any) -> Any:
        return f(*(np.array(a) if np.ndim(a) else a for a in given))

    assert value == pytest.approx(alone(*args), rel=1e-12)
    want, direction = directional((alone, tuple(args), wrt), 2)
    got = sum(float(np.sum(u * g)) for u, g in zip(direction, gradient, strict=True))
    assert got == pytest.approx(want, rel=2e-6, abs=2e-7)


def test_arguments_that_overlap_while_one_is_written() -> None:
    run = generic(stored, (0,))
    x = R(4)
    with pytest.raises(TypeError, match="sharing no memory"):
        run(x, 0.7, x[::-1])


def test_complex_constants_ask_at_run_time() -> None:
    def modulus(x):  # type: ignore[no-untyped-def]
        return np.sum(np.abs(x * (1.0 + 2.0j)))

    run = generic(modulus, (0,))
    x = R(4)
    _, (g,) = run(x)
    np.testing.assert_allclose(g, np.sign(x) * math.sqrt(5.0), rtol=1e-12)


def test_results_that_cannot_be_counted_may_be_data() -> None:
    """How many there are is not known, and does not matter where none carries a derivative."""

    def f(x: Any, c: Any) -> Any:
        parts = np.array_split(c, c.shape[0])
        return np.sum(parts[0] * x) + np.sum(parts[1] * x)

    c = R((2, 3))
    np.testing.assert_allclose(grad(f)(R(3), c), c[0] + c[1])
    with pytest.raises(DifferentiationError, match="how many results `array_split` has"):
        grad(f, 1)(R(3), c)
