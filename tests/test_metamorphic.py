"""One derivative, told in several ways: levels of optimisation, generic, transpiled from the file.

The corpus is that of the other tests, where each program is compared with differences; here its
derivatives are compared with one another, to the last digits.
"""

from __future__ import annotations

import ast
import copy
import inspect
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from s2sgrad import tree, value_and_grad
from s2sgrad.errors import DifferentiationError
from s2sgrad.transpile import Options, transpile
from tests import (
    array_programs,
    array_programs_kernels,
    array_programs_more,
    container_programs,
    container_programs_more,
    function_programs,
    kernels,
    kernels_more,
    object_programs,
    programs,
    sequence_programs,
)

assert array_programs_more  # which enters its programs
assert array_programs_kernels

Call = tuple[Callable[..., Any], tuple[Any, ...], tuple[int, ...]]
FLAT = [*programs.CASES, *kernels.CASES, *kernels_more.CASES]  # of numbers and arrays
TREES = [*container_programs.PROGRAMS, *container_programs_more.PROGRAMS]
NUMBERS = [
    *function_programs.PROGRAMS,
    *object_programs.PROGRAMS,
    *sequence_programs.PROGRAMS,
]


def is_float(a: Any) -> bool:
    """Is it a number or an array that has a gradient?"""
    return not isinstance(a, int | str | None) and np.asarray(a).dtype.kind in "fc"


def corpus() -> Iterator[Call]:
    """All programs: function, arguments, and which of them have a gradient."""
    yield from FLAT
    yield from ((f, args, (0,)) for f, args in TREES)
    for f, args in array_programs.PROGRAMS:
        yield f, args, tuple(k for k, a in enumerate(args) if is_float(a))
    for f in NUMBERS:
        args = getattr(f, "args", (0.8, 1.3))
        yield f, args, tuple(k for k, a in enumerate(args) if is_float(a))


CORPUS = list(corpus())
IDS = [f"{k}-{f.__name__}" for k, (f, _, _) in enumerate(CORPUS)]
SAMPLE = slice(3, None, 16)


def numbers(result: Any) -> Any:
    """Value and gradient as one vector."""
    return np.concatenate([np.ravel(a) for a in tree.leaves(result) if is_float(a)])


def agree(got: Any, want: Any, text: str) -> None:
    """Equal to 1e-12 of the largest number, and not finite in the same places."""
    a, b = numbers(got), numbers(want)
    finite = b[np.isfinite(b)]
    scale = 1.0 + float(np.max(np.abs(finite))) if finite.size else 1.0
    np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12 * scale, err_msg=text)


def run(derivative: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    """What it gives for copies of the arguments."""
    np.random.seed(5)  # noqa: NPY002 (programs may draw)
    with np.errstate(all="ignore"):
        return derivative(*copy.deepcopy(args))


def levels(case: Call) -> None:
    f, args, wrt = case
    plain = value_and_grad(f, wrt, optimize=0)
    try:
        want = run(plain, args)
    except DifferentiationError:
        with pytest.raises(DifferentiationError):
            run(value_and_grad(f, wrt), args)
        return
    for level in (1, 2):
        derivative = value_and_grad(f, wrt, optimize=level)
        agree(run(derivative, args), want, derivative.source)


def plain_file(module: types.ModuleType, folder: Path) -> Path:
    """The file of a module of programs, without the decorators that enter them into a table.

    What it is imported from is the module itself.
    """
    assert module.__file__ is not None
    text = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    for node in text.body:
        if isinstance(node, ast.FunctionDef):
            kept = [d for d in node.decorator_list if not ast.unparse(d).startswith("prog")]
            node.decorator_list = kept
    file = folder / f"plain_{module.__name__.rpartition('.')[2]}.py"
    file.write_text(ast.unparse(text), encoding="utf-8")
    sys.modules[file.stem] = module
    return file


def transpiled(case: Call, folder: Path) -> bool:
    """Does the derivative from the text of the file agree?  False: it is refused without types."""
    f, args, wrt = case
    names = tuple(inspect.signature(f).parameters)
    file = plain_file(sys.modules[f.__module__], folder)
    options = Options(
        (f.__name__,), (tuple(names[k] for k in wrt), False), ("value_and_grad",), {}, True
    )
    try:
        done = transpile(file, options, "")
    except DifferentiationError:
        return False
    if done.refused:
        assert all(isinstance(e, DifferentiationError) for e in done.refused.values()), f.__name__
        return False
    space: dict[str, Any] = {}
    exec(compile(done.text, f"<transpiled {f.__name__}>", "exec"), space)
    try:
        got = run(space[f"{f.__name__}_value_and_grad"], args)
    except TypeError as e:  # what was assumed of an argument without types does not hold
        assert str(e).startswith(f"{f.__name__}_value_and_grad: ")  # noqa: PT017
        return False
    agree(got, run(value_and_grad(f, wrt), args), done.text)
    return True


def share(calls: list[Call], folder: Path) -> float:
    """Which part of the programs is not refused on the command line; all of it agrees."""
    return sum(transpiled(c, folder) for c in calls) / len(calls)


@pytest.mark.parametrize("case", CORPUS[SAMPLE], ids=IDS[SAMPLE])
def test_a_sample_of_levels(case: Call) -> None:
    levels(case)


def test_a_sample_from_files(tmp_path: Path) -> None:
    assert share(FLAT[5::15], tmp_path) >= 0.8


@pytest.mark.slow
@pytest.mark.parametrize("case", CORPUS, ids=IDS)
def test_levels(case: Call) -> None:
    levels(case)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("modules", "least"), [("programs kernels", 0.65), ("array_programs", 0.5), ("function_", 0.8)]
)
def test_files(modules: str, least: float, tmp_path: Path) -> None:
    heads = tuple(f"tests.{m}" for m in modules.split())
    calls = [c for c in CORPUS if c[0].__module__.startswith(heads)]
    assert share(calls, tmp_path) >= least
