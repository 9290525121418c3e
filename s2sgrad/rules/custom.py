"""Rules of the user's: `rule` for any function, `elementwise` for a formula."""

from __future__ import annotations

import itertools
import linecache
from collections.abc import Callable
from typing import Any

import numpy as np

from s2sgrad.ir import ops
from s2sgrad.rules import registry

_serial = itertools.count(1)
_POINTS = np.array([-1.3, -0.6, -0.2, 0.3, 0.7, 1.4])
# Functions whose derivative came from outside of the package.
USERS: set[Callable[..., Any]] = set()
# Functions that the emitted code holds itself, as helpers: their text is in `linecache`.
HELPERS: set[Callable[..., Any]] = set()

registry.zero(ops.stop_gradient)


def rule(
    function: Callable[..., Any], *others: Callable[..., Any]
) -> Callable[[Callable[..., Any]], registry.Definition]:
    """Register the derivative of `function`; `others` are more names of it.

    The decorated function is the transposed derivative: it is called with the cotangent `g`, the
    answer `out` and the arguments, and returns one cotangent for each positional argument, None for
    none.  Broadcasting is undone for it.  It is written in NumPy, without writes into arrays, and
    without `if` on values: the compiler runs it on symbols.  Check it with `check_rule`.

    >>> import numpy as np
    >>> from s2sgrad import grad, rule
    >>> def smooth(x):  # think of a call into a C library
    ...     return np.log1p(np.exp(x))
    >>> @rule(smooth)
    ... def smooth_vjp(g, out, x):
    ...     return g * (1 - np.exp(-out))
    >>> float(grad(lambda x: 2 * smooth(x))(0.0))
    1.0
    """
    if not callable(function):
        raise TypeError(f"rule takes the function that gets a derivative, not {function!r}")
    USERS.add(function)
    return registry.rule(function, *others)


def elementwise(name: str, formula: str) -> Callable[..., Any]:
    """Make an elementwise function of a formula; SymPy derives its partial derivatives.

    The operands are the formula's symbols, in the order in which they occur.  The derivatives are
    those of the formula as it is written, for real operands; they are compared with differences.

    Raises `ValueError` for a formula that NumPy cannot compute.

    >>> from s2sgrad import elementwise, grad
    >>> softplus = elementwise("softplus", "log(1 + exp(x))")
    >>> float(grad(lambda x: softplus(x) + softplus(x))(0.0))
    1.0
    """
    import sympy

    if not name.isidentifier():
        raise ValueError(f"{name!r} is no name of a function")
    found = sympy.sympify(formula)
    names = sorted((s.name for s in found.free_symbols), key=formula.find)
    if not names:
        raise ValueError(f"{formula!r} has no operand")
    if not all(n.isidentifier() for n in names) or "out" in names:
        raise ValueError(f"the operands of {formula!r} cannot be named {', '.join(names)}")
    symbols = {n: sympy.Symbol(n, real=True) for n in names}
    expression = sympy.sympify(formula, locals=symbols)
    out = sympy.Symbol("out", real=True)
    partials = [sympy.diff(expression, s) for s in symbols.values()]
    shown = ", ".join(_text(p.subs(expression, out), formula) for p in partials)
    operands = ", ".join(names)
    primal = _define(name, f"def {name}({operands}):\n    return {_text(expression, formula)}\n")
    partial = _define(name, f"def {name}(out, {operands}):\n    return {shown}\n")
    primal.__doc__ = f"Return `{formula}`, element by element."
    _compare(primal, partial, len(names), formula)
    HELPERS.add(primal)
    USERS.add(primal)
    registry.elementwise(primal)(partial)
    return primal


def _text(expression: Any, formula: str) -> str:
    """The expression in NumPy."""
    from sympy.printing.numpy import NumPyPrinter

    try:
        text: str = NumPyPrinter({"strict": True}).doprint(expression)
    except NotImplementedError as e:
        raise ValueError(f"NumPy cannot compute {formula!r} or its derivative: {e}") from e
    return text.replace("numpy.", "np.")


def _define(name: str, source: str) -> Callable[..., Any]:
    """Run a definition whose text `inspect` finds."""
    file = f"<s2sgrad elementwise {name} {next(_serial)}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    space: dict[str, Any] = {"np": np, "__name__": file}
    try:
        exec(compile(source, file, "exec"), space)
    except SyntaxError as e:
        raise ValueError(f"{source!r} is no Python: {e}") from e
    made: Callable[..., Any] = space[name]
    return made


def _compare(primal: Callable[..., Any], partial: Callable[..., Any], n: int, formula: str) -> None:
    """The derivatives against differences, wherever both are finite."""
    grids = np.meshgrid(*[_POINTS + 0.01 * k for k in range(n)])
    points = [g.ravel() for g in grids]
    h = 1e-6
    with np.errstate(all="ignore"):
        try:
            found = registry.as_tuple(partial(primal(*points), *points))
            for k in range(n):
                up = primal(*(p + h * (j == k) for j, p in enumerate(points)))
                down = primal(*(p - h * (j == k) for j, p in enumerate(points)))
                want = (up - down) / (2 * h)
                got = np.broadcast_to(found[k], want.shape)
                known = np.isfinite(want) & np.isfinite(got) & (np.abs(want) < 1e3)
                if not np.allclose(got[known], want[known], rtol=1e-4, atol=1e-4):
                    raise ValueError(f"the derivative of {formula!r} is not that of its values")
        except (TypeError, NameError, AttributeError) as e:
            raise ValueError(f"NumPy cannot compute {formula!r}: {e}") from e
