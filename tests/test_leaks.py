"""Functions that are compiled and dropped leave nothing behind."""

from __future__ import annotations

import gc
import linecache
import tracemalloc
import weakref

import numpy as np
import pytest

from s2sgrad import derivative, grad, hvp, jacobian, pullback, value_and_grad
from s2sgrad.emit import load
from s2sgrad.errors import DifferentiationError
from s2sgrad.front import source
from tests.passes import function

TEXT = """def f(x, n):
    for _ in range(n):
        x = x * np.sin(x) + {k}.0
    return np.sum(x)
"""


def use(k: int) -> weakref.ref[object]:
    """Compile a new function in several ways, also one that is refused, and drop them all."""
    f, x = function(TEXT.format(k=k)), np.ones(3)
    d = value_and_grad(f)
    d(x, 2)
    d(2.0, 2)
    if k % 10 == 0:
        hvp(f)(x, 2, vector=x)
        jacobian(f)(x, 2)
        pullback(f)(x, 2)[1](1.0)
        grad(grad(lambda y: f(y, 2)))(2.0)
        with pytest.raises(DifferentiationError):
            grad(function("def f(x):\n    return x.unknown + missing\n"))(2.0)
    # What the test itself has put there.
    for file in [n for n in linecache.cache if n.startswith("<pass ")]:
        del linecache.cache[file]
    return weakref.ref(d)


def measured() -> tuple[int, int, int]:
    gc.collect()
    return len(gc.get_objects()), len(linecache.cache), len(load._places)


def leaves_nothing(programs: int) -> None:
    for k in range(source._MOST + 10):  # so many files are kept parsed
        use(k)
    objects, *texts = measured()
    dropped = [use(k) for k in range(programs)]
    now, *texts_now = measured()
    assert texts_now == texts
    assert all(d() is None for d in dropped)
    # A few objects are caches of Python's own: not one for each program.
    assert now - objects - programs < 200 + programs // 100


def memory_of(programs: int) -> int:
    """The bytes that so many programs leave behind."""
    tracemalloc.start()
    try:
        for k in range(source._MOST + 10):
            use(k)
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        for k in range(programs):
            use(k)
        gc.collect()
        return tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()


def test_compiled_and_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "_MOST", 10)
    leaves_nothing(60)
    # `tracemalloc` itself keeps the names of the emitted files, a few for each program.
    assert memory_of(40) < 40 * 1000


def test_signatures_of_one_function_are_not_kept_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(derivative, "MOST", 4)
    d = grad(function("def f(x, name):\n    return x * len(name)\n"))
    for k in range(9):
        assert d(2.0, "a" * k) == k
    assert len(d._compiled) == 4
    assert d(2.0, "") == 0.0  # compiled again


@pytest.mark.slow
def test_ten_thousand_compiled_and_dropped() -> None:
    leaves_nothing(10_000)
