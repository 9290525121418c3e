"""Forward mode, complex numbers, and the closure of the table under differentiation."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from s2sgrad.emit.expr import scipy_path
from s2sgrad.front.probe import type_of_value
from s2sgrad.ir import ops
from s2sgrad.ir.graph import Eqn, Var
from s2sgrad.ir.types import Static
from s2sgrad.passes.record import Recorder, Symbol
from s2sgrad.rules.custom import USERS
from s2sgrad.rules.registry import RULES, can_push, canonical, entry, lookup, pullback, pushforward
from tests.case import LIB, Case, z
from tests.rule_cases import CASES
from tests.test_rules import direction, pair, seeds, varies

# Reverse mode only: a forward sweep transposes the vjp of these once more, or refuses them.
NO_FORWARD = {
    "add.outer", "subtract.outer", "multiply.outer", "divide.outer", "power.outer",
    "maximum.outer", "minimum.outer", "hypot.outer", "arctan2.outer", "logaddexp.outer",
    "multiply.reduce", "maximum.reduce", "minimum.reduce", "logaddexp.reduce",
    "multiply.accumulate", "maximum.accumulate", "logaddexp.accumulate", "divmod", "math.dist",
    "np.frexp",
    "math.modf", "math.prod", "np.angle", "np.apply_over_axes", "np.arange", "np.block",
    "np.broadcast_arrays", "np.choose", "np.corrcoef", "np.cov", "np.cumulative_prod",
    "np.divmod", "np.geomspace", "np.heaviside", "np.histogram", "np.interp", "np.linalg.cond",
    "np.linalg.eig", "np.linalg.eigh", "np.linalg.eigvals", "np.linalg.eigvalsh",
    "np.linalg.lstsq", "np.linalg.matrix_norm", "np.linalg.matrix_power", "np.linalg.multi_dot",
    "np.linalg.norm", "np.linalg.qr", "np.linalg.svd", "np.linalg.svdvals",
    "np.linalg.tensorinv", "np.linalg.tensorsolve", "np.linalg.vecdot", "np.linalg.vector_norm",
    "np.logspace", "np.meshgrid", "np.modf", "np.nancumprod", "np.nancumsum", "np.nanmedian",
    "np.nanpercentile", "np.nanprod", "np.nanquantile", "np.nanstd", "np.nanvar",
    "np.nextafter", "np.partition", "np.poly", "np.polyfit", "np.roots", "np.trapezoid",
    "np.unique", "np.unique_inverse", "np.unique_values", "np.vander",
}  # fmt: skip


SCIPY_NO_FORWARD = {
    "scipy.integrate.cumulative_trapezoid", "scipy.integrate.simpson",
    "scipy.integrate.trapezoid", "scipy.linalg.block_diag", "scipy.linalg.cho_factor",
    "scipy.linalg.cho_solve", "scipy.linalg.cholesky",
    "scipy.linalg.eigh", "scipy.linalg.eigvals", "scipy.linalg.eigvalsh",
    "scipy.linalg.lstsq",
    "scipy.linalg.lu", "scipy.linalg.lu_factor", "scipy.linalg.lu_solve", "scipy.linalg.norm",
    "scipy.linalg.qr", "scipy.linalg.solve", "scipy.linalg.solve_banded",
    "scipy.linalg.solve_continuous_lyapunov", "scipy.linalg.solve_discrete_lyapunov",
    "scipy.linalg.solve_triangular", "scipy.linalg.svd", "scipy.linalg.svdvals",
    "scipy.ndimage.gaussian_filter", "scipy.ndimage.gaussian_filter1d",
    "scipy.ndimage.uniform_filter", "scipy.signal.lfilter", "scipy.signal.sosfilt",
    "scipy.spatial.distance.cdist",

    "scipy.spatial.distance.pdist",
    "scipy.linalg.solveh_banded", "scipy.stats.skew", "scipy.stats.kurtosis",
    "scipy.special.multigammaln", "scipy.stats.dirichlet.logpdf", "scipy.stats.dirichlet.pdf",
    "scipy.stats.entropy", "scipy.stats.gmean", "scipy.stats.multivariate_normal.entropy",
    "scipy.stats.multivariate_normal.logpdf", "scipy.stats.multivariate_normal.pdf",
    "scipy.stats.zscore",
}  # fmt: skip


def full_name(op: Any) -> str:
    """`numpy.linalg.solve`, `add.outer`."""
    owner = getattr(op, "__self__", None)
    if isinstance(owner, np.ufunc):
        return f"{owner.__name__}.{op.__name__}"
    module = (getattr(op, "__module__", None) or "numpy").replace("numpy", "np")
    return f"{module}.{op.__name__}".replace("builtins.", "")


def is_ours(op: Any) -> bool:
    """NumPy or the standard library; SciPy's rules are loaded by other tests."""
    module = getattr(op, "__module__", None) or ""
    return not scipy_path(op) and "scipy" not in module and not module.startswith("tests.")


PUSHED = [c for c in CASES if can_push(entry(canonical(c.op)))]


@pytest.mark.parametrize("case", PUSHED, ids=lambda c: c.id)
def test_dot_product(case: Case) -> None:
    """<v, J u> = <transpose(J) v, u>: both modes are the same linear map."""
    record = entry(canonical(case.op))
    live = [i for i, a in enumerate(case.args) if varies(a) and i not in case.fixed]
    u = [direction(a) if i in live else None for i, a in enumerate(case.args)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        out = case.op(*case.args, **case.kwargs)
    v = seeds(out, case.op)
    pushed = pushforward(record, out, u, case.args, case.kwargs)
    pulled = pullback(record, v, out, case.args, case.kwargs)
    right = sum(pair(pulled[i], u[i]) for i in live)
    if isinstance(v, list):
        left = sum(pair(a, b) for a, b in zip(v, pushed, strict=True) if a is not None)
    else:
        left = pair(v, pushed)
    assert left == pytest.approx(right, rel=1e-9, abs=1e-9)


def test_ops_without_forward_mode_are_known() -> None:
    own = {op: r for op, r in RULES.items() if op not in USERS}  # not those of other tests
    missing = {full_name(op) for op, r in own.items() if not can_push(r) and is_ours(op)}
    assert missing == NO_FORWARD
    scipy = {".".join(scipy_path(op)) for op, r in RULES.items() if not can_push(r)} - {""}
    assert scipy == SCIPY_NO_FORWARD


HOLOMORPHIC: list[tuple[Callable[..., Any], tuple[Any, ...]]] = [
    (np.exp, (z(3),)), (np.sin, (z(3),)), (np.cos, (z(3),)), (np.tanh, (z(3),)),
    (np.sqrt, (z(3),)), (np.log, (z(3),)), (np.square, (z(3),)), (np.reciprocal, (z(3),)),
    (np.multiply, (z(2, 3), z(3))), (np.divide, (z(2, 3), z(3))), (np.matmul, (z(2, 3), z(3, 2))),
    (np.einsum, ("ij,jk->ik", z(2, 3), z(3, 2))), (np.prod, (z(4),)), (np.cumprod, (z(4),)),
    (LIB.inv, (z(3, 3),)), (LIB.solve, (z(3, 3), z(3))), (LIB.det, (z(3, 3),)),
    (np.fft.fft, (z(5),)), (np.fft.ifft2, (z(3, 4),)), (np.dot, (z(3), z(3))),
    (np.kron, (z(2), z(3))), (np.outer, (z(2), z(3))), (np.mean, (z(2, 3),)),
]  # fmt: skip


@pytest.mark.parametrize(("op", "args"), HOLOMORPHIC, ids=lambda v: getattr(v, "__name__", ""))
def test_holomorphic_rules_are_plain_transposes(op: Any, args: Any) -> None:
    """No conjugation: sum(g * df) = sum(vjp(g) * dz) as complex numbers, in any direction dz."""
    record = entry(canonical(op))
    out = op(*args)
    g = direction(out)
    live = [i for i, a in enumerate(args) if isinstance(a, np.ndarray)]
    u = {i: direction(args[i]) for i in live}
    h = 1e-6
    up = op(*(a + h * u[i] if i in u else a for i, a in enumerate(args)))
    down = op(*(a - h * u[i] if i in u else a for i, a in enumerate(args)))
    want = np.sum(g * (up - down) / (2 * h))
    found = pullback(record, g, out, args, {})
    got = sum(np.sum(found[i] * u[i]) for i in live)
    np.testing.assert_allclose(got, want, rtol=1e-5)
    moves = [u.get(i) for i in range(len(args))]
    if can_push(record):
        pushed = pushforward(record, out, moves, args, {})
        np.testing.assert_allclose(np.sum(g * pushed), want, rtol=1e-5)


@pytest.mark.parametrize(("f", "op"), [(lambda w: np.abs(w), np.absolute),
                                       (lambda w: np.real(w), np.real),
                                       (lambda w: np.imag(w), np.imag),
                                       (lambda w: np.angle(w), np.angle)])  # fmt: skip
def test_real_valued_functions_of_complex_numbers(f: Any, op: Any) -> None:
    """The cotangent of z is df/dx - 1j df/dy, as in JAX."""
    w, h = z(4), 1e-6
    found = pullback(entry(op), np.ones(4), f(w), (w,), {})[0]
    slope = (f(w + h) - f(w - h)) / (2 * h) - 1j * (f(w + 1j * h) - f(w - 1j * h)) / (2 * h)
    np.testing.assert_allclose(found, slope, atol=1e-8)


def traced(case: Case) -> set[Any]:
    """The ops that the rule of `case` emits when it is traced on symbols."""
    stmts: list[Any] = []
    r = Recorder(stmts)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        out = case.op(*case.args, **case.kwargs)

    def symbol(v: Any) -> Any:
        if isinstance(v, list | tuple):
            return type(v)(map(symbol, v))
        known = type_of_value(v) if isinstance(v, np.ndarray | np.generic | float) else None
        return v if known is None else Symbol(r, Var("", known))

    args = [
        symbol(a) if i not in case.fixed or isinstance(a, np.ndarray) else a
        for i, a in enumerate(case.args)
    ]
    kwargs = {k: symbol(v) if isinstance(v, np.ndarray) else v for k, v in case.kwargs.items()}
    g = seeds(out, case.op)
    g = [i if i is None else symbol(i) for i in g] if isinstance(g, list) else symbol(g)
    answer = [symbol(o) for o in out] if isinstance(out, tuple | list) else symbol(out)
    pullback(entry(canonical(case.op)), g, answer, args, kwargs)
    assert all(not isinstance(s.out.type, Static) for s in stmts if isinstance(s, Eqn))
    return {s.op for s in stmts}


def test_rules_are_closed() -> None:
    """What rules emit has rules: derivatives of any order exist.  The transform has `getitem`."""
    emitted: set[Any] = set()
    for case in CASES:
        emitted |= traced(case)
    assert {op for op in emitted if lookup(op) is None} == {ops.getitem}
