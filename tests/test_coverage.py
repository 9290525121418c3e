"""The table of what people use (coverage.csv): each row has a rule, and it is right.

Each expression of a row is evaluated with `x`, a vector or matrix of floats, as fits.  It is
differentiated twice: by the rules alone, on a tape of what NumPy's protocols report, and by the
compiler; both against central differences.
"""

from __future__ import annotations

import csv
import functools
import itertools
import linecache
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy
import scipy.fft
import scipy.integrate
import scipy.interpolate
import scipy.linalg
import scipy.ndimage
import scipy.optimize
import scipy.signal
import scipy.sparse.linalg
import scipy.spatial.distance
import scipy.special
import scipy.stats

from s2sgrad import value_and_grad
from s2sgrad.commands.coverage import DATA, NONE, functions, head, page
from s2sgrad.commands.coverage import MODULES as COVERED
from s2sgrad.errors import DifferentiationError
from s2sgrad.rules.registry import lookup
from tests.taped import Taped, gradient_of_tape

NUMPY = {"numpy", "numpy.linalg", "numpy.fft", "math", "builtins"}
SCIPY = {
    "scipy.special", "scipy.linalg", "scipy.fft", "scipy.signal", "scipy.integrate",
    "scipy.ndimage", "scipy.spatial.distance", "scipy.stats", "scipy.optimize", "functools",
    "scipy.interpolate", "scipy.sparse", "scipy.sparse.linalg",
}  # fmt: skip
MODULES = NUMPY | SCIPY
TABLE = Path(__file__).with_name("coverage.csv")
with TABLE.open() as _file:
    ROWS = [r for r in csv.DictReader(_file) if r["module"] in MODULES]
EXPRESSIONS = [r for r in ROWS if r["expression"]]
ZEROS = [r for r in ROWS if not r["expression"] and r["function"].isidentifier()]
# Rows without an expression that name a trap: tests/test_rule_traps.py has a test for each.
TRAPS = [r for r in ROWS if not r["expression"] and not r["function"].isidentifier()]

# What the front end refuses, with a part of the message.  When it no longer does, the gradient is
# checked like any other.
NO_RULE = "there is no rule for"
WRITES = "not supported yet|there is no rule for"
REFUSED = {
    "setitem A[i]=v": WRITES,
    "setitem A[i]+=v (iadd, slices)": WRITES,
    "A*=v (in-place binary)": WRITES,
    "add.at": WRITES,
    "put": WRITES,
    "put_along_axis": WRITES,
    "place": WRITES,
    "putmask": WRITES,
    "copyto": WRITES,
    "fill_diagonal": WRITES,
    "ndarray.fill": WRITES,
    "ufunc out=": WRITES,
    "ufunc where=": WRITES,  # into `out=`; without it the rest would not be defined
    "piecewise": "a function is passed where a value is needed",
    "vectorize": "a function is passed where a value is needed",
    "apply_along_axis": "a function is passed where a value is needed",
    "unstack": "not known before the program runs",  # the number of results depends on an extent
    # SciPy: functions that take functions, and what has no rule yet.
    "gammainc (a)": "one of them has no rule",  # no elementary form
    "betainc (a,b)": "one of them has no rule",
    "polar": NO_RULE,
    "istft": NO_RULE,
    "resample": NO_RULE,
    "PchipInterpolator": NO_RULE,
    "gaussian_kde": NO_RULE,
    "dirichlet.logpdf": "rank",  # SciPy checks values: the type of the answer is not found
    "dirichlet.pdf": "rank",
}
# Real or complex as the values are: the program has to say `np.real`.
TAKE_REAL = {"sqrtm", "logm"}
# The table says zero, and is wrong: `nextafter` follows its operand, unique values are values.
NOT_ZERO = {"nextafter", "unique_inverse"}
# What NumPy's protocols do not report: the tape cannot see it, the compiler can.
NOT_ON_TAPE = {
    *(f for f, why in REFUSED.items() if not why.startswith("not known")),
    "r_", "c_", "array (nested lists of scalars)", "asarray", "asarray (list)",
    "ascontiguousarray", "full", "full_like", "float()/int() of a traced value",
}  # fmt: skip

LOOSE = {"minimize"}  # the solution is found to 1e-5 or so

SQUARE = {"lu", "lu_factor", "lu_solve"}  # other matrices are refused while the program runs
rng = np.random.default_rng(5)
POINTS = (
    rng.uniform(0.2, 0.9, 6),
    rng.uniform(0.2, 0.9, (4, 3)),
    rng.uniform(0.2, 0.9, (4, 4)) + np.eye(4),
)
serial = itertools.count()


def evaluate(expression: str, x: Any) -> Any:
    """The value of an expression, or of `A` after statements."""
    space = {"np": np, "math": math, "sp": scipy, "x": x, "functools": functools}
    if ";" in expression:
        exec(expression, space)
        return space["A"]
    return eval(expression, space)


def point(expression: str, square: bool = False) -> Any:
    """The first point for which the expression has a meaning."""
    for x in POINTS[2:] if square else POINTS:
        try:
            np.asarray(evaluate(expression, x.copy())) + 1.0
        except (ValueError, IndexError, TypeError, AttributeError, RuntimeError):
            continue
        return x.copy()
    raise AssertionError(f"no x fits {expression}")


def program(expression: str) -> Any:
    """A function of `x` and a weight `w` whose result is the weighted sum of the expression."""
    body = "".join(f"    {line}\n" for line in expression.split(";")) if ";" in expression else ""
    value = "A" if body else expression
    text = f"def f(x, w):\n{body}    return np.sum(np.real(w * ({value})))\n"
    file = f"<coverage {next(serial)}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    space: dict[str, Any] = {"np": np, "math": math, "sp": scipy, "functools": functools}
    exec(compile(text, file, "exec"), space)
    return space["f"]


def weight(out: Any) -> Any:
    """A random weight of the shape and kind of `out`."""
    random = np.random.default_rng(6)
    shape = np.shape(out)
    made = random.normal(size=shape) if shape else 1.5
    return made + 1j * random.normal(size=shape) if np.iscomplexobj(out) and shape else made


def on_tape(row: dict[str, str]) -> bool:
    """Do NumPy's protocols report the functions of this row?"""
    return row["function"] not in NOT_ON_TAPE and row["module"] in NUMPY - {"math"}


def identity(row: dict[str, str]) -> str:
    return f"{row['module']}.{row['function']}"


@pytest.mark.parametrize("row", EXPRESSIONS, ids=identity)
def test_compiled_expression(row: dict[str, str]) -> None:
    expression = row["expression"]
    if row["function"] in TAKE_REAL:
        expression = f"np.real({expression})"
    x = point(expression, row["function"] in SQUARE)
    f, w = program(expression), weight(evaluate(expression, x.copy()))
    try:
        _, g = value_and_grad(f)(x, w)
    except DifferentiationError as e:
        why = REFUSED.get(row["function"], "it must not be refused")
        assert any(part in str(e) for part in why.split("|")), e  # noqa: PT017
        return
    assert g.shape == x.shape
    loose = {"h": 1e-3, "rel": 1e-3} if row["function"] in LOOSE else {}
    check(lambda x: f(x, w), x, g, **loose)


@pytest.mark.parametrize("row", [r for r in EXPRESSIONS if on_tape(r)], ids=identity)
def test_rules_alone(row: dict[str, str]) -> None:
    expression = row["expression"]
    x = point(expression)
    w = weight(evaluate(expression, x.copy()))
    taped = Taped(x)
    g = gradient_of_tape(taped, evaluate(expression, taped), w)
    check(lambda x: np.sum(np.real(w * evaluate(expression, x))), x, g)


def check(f: Any, x: Any, g: Any, h: float = 1e-6, rel: float = 2e-5) -> None:
    """Compare `g` with a central difference of `f`."""
    u = np.random.default_rng(7).normal(size=x.shape)
    want = (f(x + h * u) - f(x - h * u)) / (2 * h)
    assert float(np.sum(g * u)) == pytest.approx(want, rel=rel, abs=2e-6)


@pytest.mark.parametrize("row", ZEROS, ids=identity)
def test_functions_without_a_derivative(row: dict[str, str]) -> None:
    op = getattr(np, row["function"])
    found = lookup(op)
    assert found is not None, f"no rule for {row['function']}"
    assert found.zero or row["function"] in NOT_ZERO


def test_the_page_says_what_the_table_says() -> None:
    """`s2sgrad coverage --page > docs/coverage.md`."""
    text = (Path(__file__).parents[1] / "docs" / "coverage.md").read_text(encoding="utf-8")
    if not text.startswith(head()[:20]) or versions(text) != versions(page()):
        pytest.skip("the page is of other versions of NumPy and SciPy")
    assert text == page()


def versions(text: str) -> list[str]:
    return re.findall(r"(?:NumPy|SciPy)\s(\d+\.\d+)", text)


IMPORTANT = [r for r in ROWS if r["priority"] in "12" and r["module"] in COVERED]


def test_what_is_important_is_on_the_page() -> None:
    """The functions that rows of priority 1 and 2 name."""
    missing = []
    for row in IMPORTANT:
        known = dict(functions(row["module"]))
        named = [n for n in re.findall(r"[A-Za-z_]\w*(?:\.\w+)?", row["function"]) if n in known]
        missing += [f"{row['module']}.{n}" for n in named if known[n] in (NONE, DATA)]
    assert missing == []
    assert len(IMPORTANT) > 300


def test_every_trap_has_a_test() -> None:
    text = Path(__file__).with_name("test_rule_traps.py").read_text()
    missing = [r["function"] for r in TRAPS if f'"{r["function"]}"' not in text]
    assert missing == []
