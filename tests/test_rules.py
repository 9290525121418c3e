"""Every rule against central differences, on plain arrays."""

from __future__ import annotations

import builtins
import dis
import math
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import pytest
import scipy.interpolate as si
import scipy.linalg
import scipy.ndimage as sn
import scipy.signal as ss
import scipy.sparse.linalg as sl

import s2sgrad.rules  # noqa: F401
from s2sgrad.ir.through import Through
from s2sgrad.rules import toolbox
from s2sgrad.rules.custom import USERS
from s2sgrad.rules.functions import TAKES
from s2sgrad.rules.grid_points import grid_back, grid_linear
from s2sgrad.rules.registry import RULES, can_push, canonical, entry, lookup, pullback, pushforward
from s2sgrad.rules.scipy_ode import ode_adjoint
from tests.case import LIB, Case, random, z
from tests.rule_cases import CASES

pytestmark = pytest.mark.filterwarnings("error")


def varies(value: Any) -> bool:
    """Tell whether an argument is differentiable."""
    if isinstance(value, list | tuple):
        return len(value) > 0 and all(varies(v) for v in value)
    return isinstance(value, float) or getattr(value, "dtype", np.dtype(int)).kind in "fc"


def each(fn: Callable[..., Any], *values: Any) -> Any:
    """Apply `fn` to the leaves of equally nested lists."""
    if isinstance(values[0], list | tuple):
        return [each(fn, *items) for items in zip(*values, strict=True)]
    return fn(*values)


def direction(value: Any) -> Any:
    """Return a random direction of the shape and kind of `value`."""
    if isinstance(value, list | tuple):
        return [direction(v) for v in value]
    if isinstance(value, float) and not isinstance(value, np.floating):
        return float(random.normal())
    made = random.normal(size=np.shape(value))
    return made + 1j * random.normal(size=np.shape(value)) if np.iscomplexobj(value) else made


def unbroadcast(g: Any, like: Any) -> Any:
    """Sum the axes over which `like` was broadcast."""
    shape = np.shape(like)
    g = np.sum(g, axis=tuple(range(max(0, np.ndim(g) - len(shape)))))
    axes = tuple(i for i, n in enumerate(shape) if n == 1 and np.shape(g)[i] != 1)
    return np.sum(g, axis=axes, keepdims=True)


def pair(g: Any, t: Any) -> float:
    """Return the real part of the plain (unconjugated) pairing of nested values."""
    if g is None or (isinstance(g, float) and g == 0.0):
        return 0.0
    if isinstance(t, list | tuple):
        return math.fsum(pair(a, b) for a, b in zip(g, t, strict=True))
    fixed = unbroadcast(g, t)
    assert np.shape(fixed) == np.shape(t), f"cotangent {np.shape(g)} for {np.shape(t)}"
    return float(np.real(np.sum(fixed * t)))


def seeds(out: Any, op: Any) -> Any:
    """Return a random cotangent; the outputs without a rule get None."""
    g = each(direction, each(lambda o: o, out) if isinstance(out, tuple | list) else out)
    if op is LIB.slogdet:
        g[0] = None
    if op in (scipy.linalg.lstsq, scipy.linalg.lu, scipy.linalg.lu_factor, scipy.linalg.cho_factor,
              scipy.linalg.eigh):  # fmt: skip
        return scipy_seeds(g, out, op)
    if op is np.histogram:
        g[1] = None
    if op is LIB.lstsq:
        g[1:] = [None] * 3
    return g


def scipy_seeds(g: Any, out: Any, op: Any) -> Any:
    """The pivots, the permutation and the garbage of a factor have no cotangent."""
    if op is scipy.linalg.eigh:  # signs of vectors change between calls
        if isinstance(g, list):
            g[1] = None
    elif op is scipy.linalg.lstsq:
        g[1:] = [None] * 3
    elif op is scipy.linalg.lu:
        g[0] = None
    else:
        g[1] = None
    if op is scipy.linalg.cho_factor:
        g[0] = np.tril(g[0]) if out[1] else np.triu(g[0])
    return g


def check(case: Case, args: tuple[Any, ...], tolerance: float = 3e-6) -> None:
    """Compare the vjp, and the tangent if there is one, with central differences."""
    live = [i for i, a in enumerate(args) if varies(a) and i not in case.fixed]
    moves = [direction(a) if i in live else None for i, a in enumerate(args)]
    record = entry(canonical(case.op))
    out = case.op(*args, **case.kwargs)
    g = seeds(out, case.op)
    step = 1e-6

    def at(h: float) -> Any:
        """Evaluate at a shifted point."""
        return case.op(
            *(each(lambda a, t: a + h * t, a, t) if t is not None else a
              for a, t in zip(args, moves, strict=True)),
            **case.kwargs,
        )  # fmt: skip

    high, low = at(step), at(-step)
    slope = each(lambda p, n: (p - n) / (2 * step), high, low)
    if isinstance(slope, list) and isinstance(g, list):
        expected = sum(pair(a, b) for a, b in zip(g, slope, strict=True) if a is not None)
    else:
        expected = pair(g, slope)
    found = pullback(record, g, out, args, case.kwargs)
    total = sum(pair(found[i], moves[i]) for i in live)
    scale = 1.0 + abs(expected)
    assert abs(total - expected) < tolerance * scale, (total, expected)
    if can_push(record):
        tangent = pushforward(record, out, moves, args, case.kwargs)
        each(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5), tangent, slope)
        each(lambda a, b: np.testing.assert_equal(np.shape(a), np.shape(b)), tangent, slope)


def layout(value: Any, kind: str) -> Any:
    """Return the same array in Fortran order or as a strided view."""
    if not isinstance(value, np.ndarray) or value.ndim == 0:
        return value
    if kind == "fortran":
        return np.asfortranarray(value)
    wide = np.repeat(value, 2, axis=-1)[..., ::-1]
    return wide[..., ::-1][..., ::2]


@pytest.mark.parametrize("kind", ["plain", "fortran", "strided"])
@pytest.mark.parametrize("case", CASES, ids=lambda c: c.id)
def test_rule(case: Case, kind: str) -> None:
    """The rule agrees with differences, whatever the layout."""
    args = case.args
    if kind != "plain":
        if not any(isinstance(a, np.ndarray) and a.ndim for a in args):
            pytest.skip("no array to lay out")
        args = tuple(layout(a, kind) for a in args)
    check(case, args)


class Symbol(np.lib.mixins.NDArrayOperatorsMixin):
    """A stand-in for the compiler's symbolic value: records ops, refuses all shortcuts.

    It computes as it records, so that answers can be compared.
    """

    recorded: ClassVar[set[Any]] = set()

    def __init__(self, value: Any) -> None:
        """Hide an array."""
        self.value = value

    def __s2s_record__(self, fn: Any, args: Any, kwargs: Any) -> Any:
        """Record and compute a call; static facts stay plain."""
        with np.errstate(all="ignore"):
            out = fn(*bare(args), **bare(kwargs))
        if fn is toolbox.is_complex:
            return out
        Symbol.recorded.add(fn)
        return wrap(out)

    def __array_ufunc__(self, ufunc: Any, method: str, *args: Any, **kwargs: Any) -> Any:
        """Record a ufunc."""
        fn = ufunc if method == "__call__" else getattr(ufunc, method)
        return self.__s2s_record__(fn, args, kwargs)

    def __array_function__(self, fn: Any, types: Any, args: Any, kwargs: Any) -> Any:
        """Record a NumPy function; the rank is static, the shape is not for rules."""
        assert fn not in (np.shape, np.size), "shapes enter through the toolbox only"
        return np.ndim(self.value) if fn is np.ndim else self.__s2s_record__(fn, args, kwargs)

    def __getitem__(self, index: Any) -> Any:
        """Record an item."""
        return wrap(self.value[bare(index)])

    @property
    def T(self) -> Any:
        """Record a transpose."""
        return self.__s2s_record__(np.transpose, (self,), {})

    def refuse(self, *args: Any) -> Any:
        """Refuse to become a Python or NumPy value."""
        raise TypeError("a symbol is not a value")

    __array__ = __bool__ = __iter__ = __len__ = __float__ = __int__ = __index__ = refuse
    __setitem__ = refuse


def bare(value: Any) -> Any:
    """Take the symbols out of a nested value."""
    if isinstance(value, list | tuple):
        return type(value)(bare(v) for v in value)
    if isinstance(value, dict):
        return {k: bare(v) for k, v in value.items()}
    return value.value if isinstance(value, Symbol) else value


def wrap(value: Any) -> Any:
    """Hide every array of a nested value."""
    if isinstance(value, list | tuple):
        return [wrap(v) for v in value]
    return None if value is None else Symbol(value)


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.id)
def test_rule_with_symbols(case: Case) -> None:
    """The rule runs on symbols, and gives what it gives on arrays."""
    out = case.op(*case.args, **case.kwargs)
    g = seeds(out, case.op)
    args = [wrap(a) if varies(a) and i not in case.fixed else a for i, a in enumerate(case.args)]
    record = entry(canonical(case.op))
    expected = pullback(record, g, out, case.args, case.kwargs)
    found = bare(pullback(record, wrap(g), wrap(out), args, case.kwargs))
    for i, a in enumerate(case.args):
        if varies(a) and i not in case.fixed and expected[i] is not None:
            each(lambda p, q: np.testing.assert_allclose(p, q, 1e-9, 1e-9), found[i], expected[i])


def test_recorded_ops_have_rules() -> None:
    """What rules emit can be differentiated again."""
    for case in CASES:
        test_rule_with_symbols(case)
    missing = {fn for fn in Symbol.recorded if lookup(fn) is None}
    assert missing == set()


# In programs of tests/test_solvers.py.
OF_OBJECTS = {
    si.interpn, sn.map_coordinates, sl.cg, sl.gmres, sl.bicgstab, sl.minres, grid_linear, grid_back,
    ss.welch, ss.stft, si.splev,
}  # fmt: skip


def test_every_rule_has_a_case() -> None:
    """No op with a derivative goes untested."""
    tested = {canonical(c.op) for c in CASES}
    own = {op: found for op, found in RULES.items() if op not in USERS}
    tested |= {*TAKES, ode_adjoint, *OF_OBJECTS}  # tests/test_solvers.py
    own = {op: found for op, found in own.items() if not isinstance(op, Through)}
    missing = [op for op, r in own.items() if not (r.zero or r.data) and op not in tested]
    assert missing == []


def test_helpers_stand_alone() -> None:
    """A helper is written into the emitted module: it may use nothing but NumPy and built-ins."""
    helpers = [op for op in RULES if hasattr(op, "__wrapped__") and "s2sgrad" in op.__module__]
    assert len(helpers) > 20
    for op in helpers:
        code = op.__wrapped__.__code__
        used = {i.argval for i in dis.get_instructions(code) if i.opname == "LOAD_GLOBAL"}
        assert {name for name in used if not hasattr(builtins, name)} <= {"np"}, op


def test_symbols_record_toolbox_calls() -> None:
    """A symbolic argument, also inside a list, records the call."""

    class Recorder:
        """Answers with what it was asked."""

        def __s2s_record__(self, fn: Any, args: Any, kwargs: Any) -> Any:
            """Return the call."""
            return fn, args, kwargs

    s = Recorder()
    recorded: Any = toolbox.length(s, 1)
    assert recorded == (toolbox.length, (s, 1), {})
    assert toolbox.call(math.erf, s) == (math.erf, (s,), {})
    assert toolbox.scatter(1.0, [s], 2.0)[0] is toolbox.scatter


def one(op: Any, *args: Any, **kwargs: Any) -> Any:
    """Return the cotangents for a cotangent of ones."""
    out = op(*args, **kwargs)
    return pullback(entry(canonical(op)), np.ones_like(out), out, args, kwargs)


def test_conventions() -> None:
    """Ties, bounds and zeros."""
    x = np.array([1.0, 3.0, 3.0])
    np.testing.assert_array_equal(one(np.max, x)[0], [0, 0.5, 0.5])
    assert one(builtins.max, 2.0, 2.0) == (0.5, 0.5)
    np.testing.assert_array_equal(one(np.maximum, x, 3.0)[0], [0, 0.5, 0.5])
    np.testing.assert_array_equal(one(np.clip, x, 1.0, 2.0)[0], [1, 0, 0])
    np.testing.assert_array_equal(one(np.absolute, np.array([-1.0, 0.0]))[0], [-1, 0])
    np.testing.assert_array_equal(one(np.std, np.ones(3))[0], np.zeros(3))
    for order in (None, 1, 2, 3, 1.5, np.inf):
        np.testing.assert_array_equal(one(LIB.norm, np.zeros(3), order)[0], np.zeros(3))
    np.testing.assert_array_equal(one(np.power, np.array([0.0, 2.0]), 2)[0], [0, 4])
    np.testing.assert_array_equal(one(np.power, np.zeros(2), np.array([0.0, 1.0]))[0], [0, 1])


def test_complex_svd_of_an_invariant() -> None:
    """The complex formula on a function that does not depend on the phases."""
    a, t, w = z(4, 3), z(4, 3), z(4, 3)

    def f(x: Any) -> Any:
        """Return w paired with U sqrt(s) Vh."""
        u_, s, vh = LIB.svd(x, full_matrices=False)
        return np.real(np.sum(w * ((u_ * np.sqrt(s)) @ vh)))

    u_, s, vh = LIB.svd(a, full_matrices=False)
    gu, gvh = (w @ vh.T) * np.sqrt(s), (u_ * np.sqrt(s)).T @ w
    gs = np.real(np.sum(u_ * (w @ vh.T), axis=0)) * 0.5 / np.sqrt(s)
    ga = entry(LIB.svd).vjp((gu, gs, gvh), (u_, s, vh), a, False)  # type: ignore[misc]
    slope = (f(a + 1e-6 * t) - f(a - 1e-6 * t)) / 2e-6
    assert abs(np.real(np.sum(ga * t)) - slope) < 1e-6
