"""Elementwise primitives as formulas; `derive` turns them into `partials.py`.

A formula is in SymPy's language.  `hand` entries are local partials written by hand,
because the derived one would overflow, cancel or divide by zero; they win, and a test
compares them with the derived ones.  `np.` in them stands for the namespace.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Formula:
    """One elementwise primitive: `numpy` and `math` name it in those modules ('' if absent)."""

    formula: str
    numpy: str
    math: str = ""
    hand: tuple[str, ...] = ()
    singular: bool = False
    operands: tuple[str, ...] = ("x",)
    domain: tuple[float, float] = (0.1, 0.9)


TWO = ("x1", "x2")
SIGN = "1.0 * (x > 0) - 1.0 * (x < 0)"
SINC = (
    "np.where(np.absolute(x) < 0.03, x * (-3.289868133696453 + x * x * (3.246969701133415"
    " - x * x * (1.1444874013160857 - 0.2091755783990986 * x * x))),"
    " (np.cos(3.141592653589793 * x) - out) / np.where(x == 0, 1, x))"
)

FORMULAS: tuple[Formula, ...] = (
    Formula("sin(x)", "sin", "sin"),
    Formula("cos(x)", "cos", "cos"),
    Formula("tan(x)", "tan", "tan"),
    Formula("asin(x)", "arcsin", "asin", singular=True),
    Formula("acos(x)", "arccos", "acos", singular=True),
    Formula("atan(x)", "arctan", "atan"),
    Formula("sinh(x)", "sinh", "sinh"),
    Formula("cosh(x)", "cosh", "cosh"),
    Formula("tanh(x)", "tanh", "tanh"),
    Formula("asinh(x)", "arcsinh", "asinh"),
    Formula("acosh(x)", "arccosh", "acosh", singular=True, domain=(1.2, 3.0)),
    Formula("atanh(x)", "arctanh", "atanh", singular=True),
    Formula("exp(x)", "exp", "exp"),
    Formula("2**x", "exp2", "exp2"),
    Formula("exp(x) - 1", "expm1", "expm1", hand=("out + 1",)),
    Formula("log(x)", "log", "log", singular=True),
    Formula("log(x)/log(2)", "log2", "log2", singular=True),
    Formula("log(x)/log(10)", "log10", "log10", singular=True),
    Formula("log(1 + x)", "log1p", "log1p", singular=True),
    Formula("sqrt(x)", "sqrt", "sqrt", singular=True),
    Formula("cbrt(x)", "cbrt", "cbrt", singular=True),
    Formula("x**2", "square", hand=("2 * x",)),
    Formula("1/x", "reciprocal", singular=True),
    Formula("pi*x/180", "radians", "radians"),
    Formula("180*x/pi", "degrees", "degrees"),
    Formula("sin(pi*x)/(pi*x)", "sinc", hand=(SINC,)),
    Formula("Abs(x)", "fabs", "fabs", hand=(SIGN,), domain=(-0.9, 0.9)),
    Formula("erf(x)", "", "erf"),
    Formula("erfc(x)", "", "erfc"),
    Formula(
        "sqrt(x1**2 + x2**2)",
        "hypot",
        "hypot",
        hand=("x1 / (out + (out == 0))", "x2 / (out + (out == 0))"),
        operands=TWO,
    ),
    Formula(
        "atan2(x1, x2)",
        "arctan2",
        "atan2",
        hand=("x2 / (x1 * x1 + x2 * x2)", "-x1 / (x1 * x1 + x2 * x2)"),
        singular=True,
        operands=TWO,
    ),
    Formula(
        "log(exp(x1) + exp(x2))",
        "logaddexp",
        hand=("np.exp(x1 - out)", "np.exp(x2 - out)"),
        operands=TWO,
    ),
    Formula(
        "log(2**x1 + 2**x2)/log(2)",
        "logaddexp2",
        hand=("np.exp2(x1 - out)", "np.exp2(x2 - out)"),
        operands=TWO,
    ),
    Formula(
        "x1 - x2*floor(x1/x2)",
        "remainder",
        hand=("np.ones_like(out)", "-np.floor_divide(x1, x2)"),
        operands=TWO,
        domain=(0.2, 5.0),
    ),
    Formula(
        "x1 - x2*floor(x1/x2)",
        "fmod",
        "fmod",
        hand=("1.0 + 0.0 * out", "-np.trunc(x1 / x2)"),
        operands=TWO,
        domain=(0.2, 5.0),
    ),
    Formula(
        "Abs(x1)*sign(x2)",
        "copysign",
        "copysign",
        hand=("np.copysign(1.0, x1) * np.copysign(1.0, x2)", "0.0 * out"),
        operands=TWO,
        domain=(-0.9, 0.9),
    ),
    Formula(
        "x1**x2",
        "",
        "pow",
        hand=(
            "x2 * np.pow(x1, x2 - (x2 != 0))",
            "out * np.log(x1 + (x1 == 0))",
        ),
        singular=True,
        operands=TWO,
    ),
)
