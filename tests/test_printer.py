"""Printing: the same bytes with and without astor, and lines within the margin."""

from __future__ import annotations

import ast
import subprocess
import sys
import warnings

import numpy as np
import pytest

from s2sgrad import value_and_grad
from s2sgrad.emit import printer
from tests.fuzz.arrays import program
from tests.passes import function
from tests.programs import CASES
from tests.test_fuzz_arrays import WRT, arguments

EXPRESSIONS = (
    """
-x**2;(-x)**2;x**-y;2**-1;x**-(a*b);x**-y**2;a-(b-c);(a-b)-c;a/(b*c);1e-06;1e300;-1.0;(-1.0)*x
x*-1.0;a if b else c;(a if b else c)+1;f(a if b else c);not a;(not a) and b;a and (b or c)
-(a+b);(a,);x[a,];x[1:2,None];x[()];x[...];x[::-1];a**b**c;(a**b)**c;(1,2)+(3,);"a'b";f("b",'c')
~x;~(a&b);f(*a, **k);[a,b];1j;-1j;2.0*(1+2j);a@b*c;a*(b@c);-x*y;-(x*y);(-x).T;not a==b;f(x=1)
a<b<c;(a<b)<c;(a<b)*c;(a and b) or c;x[-1];-x[0];(-1)**2;-(-x);a - -b;a*-b
x if (y if z else w) else v;
f"{a!r} {b:.3f}";np.sum(a, axis=(0, 1));float("inf");{};lambda: 0
""".replace("\n", ";")
    .strip(";")
    .split(";")
)


@pytest.mark.parametrize("expression", [e for e in EXPRESSIONS if e and e != "lambda: 0"])
def test_both_printers_agree(expression: str) -> None:
    node = ast.parse(expression, mode="eval").body
    assert printer.printer() is not ast.unparse
    one, other = printer.text(node), printer.show(node, ast.unparse)
    assert one == other
    assert ast.dump(ast.parse(one, mode="eval").body) == ast.dump(node)


def _sources(monkeypatch: pytest.MonkeyPatch, to_text: printer.Printer) -> list[str]:
    monkeypatch.setattr(printer, "printer", lambda: to_text)
    found = []
    for f, args, wrt in CASES:
        d = value_and_grad(f, wrt)
        d(*args)
        found.append(d.source)
    for seed in range(30):
        d = value_and_grad(function(program(seed)), WRT)
        with np.errstate(all="ignore"):
            d(*arguments(seed), 2)
        found.append(d.source)
    return found


def test_every_program_through_both(monkeypatch: pytest.MonkeyPatch) -> None:
    through_astor = _sources(monkeypatch, printer.printer())
    assert through_astor == _sources(monkeypatch, ast.unparse)
    for source in through_astor:
        ast.parse(source)


def test_lines_stay_within_the_margin(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [line for s in _sources(monkeypatch, ast.unparse) for line in s.splitlines()]
    long = [line for line in lines if len(line) > printer.MARGIN and "ones = " not in line]
    assert not long, "\n".join(long)


def test_without_astor() -> None:
    """Where astor cannot be imported the text is the same."""
    script = """
import sys
sys.modules["astor"] = None
from tests.programs import CASES
from s2sgrad import value_and_grad
from s2sgrad.emit import printer
import ast
f, args, wrt = CASES[4]
d = value_and_grad(f, wrt)
d(*args)
assert printer.printer() is ast.unparse
print(d.source, end="")
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    f, args, wrt = CASES[4]
    d = value_and_grad(f, wrt)
    d(*args)
    assert done.stdout == d.source


def test_importing_astor_warns_nobody() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        printer.printer.cache_clear()
        assert printer.text(ast.parse("a + b", mode="eval").body) == "a + b"


@pytest.mark.parametrize(
    ("line", "want"),
    [
        ("    x = f(a, b)", ["    x = f(a, b)"]),
        ("    return v, (aaaa, bbbb)", ["    return v, (", "        aaaa, bbbb,", "    )"]),
        ("x = f(aaaaaaaaaa, bbbbbbbbbb, c)",
         ["x = f(", "    aaaaaaaaaa,", "    bbbbbbbbbb,", "    c,", ")"]),
        ("x = f('),(') + g(aaaaaaaaa, b)", ["x = f('),(') + g(", "    aaaaaaaaa, b,", ")"]),
        ("return v, (aaaaaaaaa + bb,)", ["return v, (", "    aaaaaaaaa + bb,", ")"]),
        ("x = (aaaaaaaaaaaa + bbbbbbbbbbb)", ["x = (", "    aaaaaaaaaaaa + bbbbbbbbbbb", ")"]),
        ("aaaaaaaaaaaaa + bbbbbbbbbbbbbbbbbb", ["aaaaaaaaaaaaa + bbbbbbbbbbbbbbbbbb"]),
    ],
)  # fmt: skip
def test_breaking(line: str, want: list[str]) -> None:
    assert printer.broken(line, 24) == want


def test_long_sums_are_cut() -> None:
    """An expression past any margin gets names, and one of a thousand terms does not recurse."""

    def f(xs: list[float]) -> float:
        return sum(x * x * x for x in xs)

    xs = [0.001 * k for k in range(1500)]
    d = value_and_grad(f)
    value, (*gradient,) = d(xs)
    np.testing.assert_allclose(value, sum(x**3 for x in xs), rtol=1e-12)
    np.testing.assert_allclose(gradient, [3 * x * x for x in xs], rtol=1e-12)
    assert max(len(line) for line in d.source.splitlines()) < 300
