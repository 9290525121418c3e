"""The oracle of the fuzzers against the primal itself and central differences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.fuzz import dual
from tests.fuzz.dual import Skip
from tests.fuzz.program import Loaded, Program, copied
from tests.fuzz.run import GENERATORS, check, minimise

STEP = 1e-4


def moved(args: tuple[Any, ...], along: dict[int, Any], step: float) -> tuple[Any, ...]:
    """The arguments after a step."""
    return tuple(
        a if i not in along else copied((a,))[0] + step * along[i] for i, a in enumerate(args)
    )


def difference(program: Program, args: tuple[Any, ...], along: dict[int, Any]) -> float:
    """The derivative by differences of fourth order; `Skip` where a branch is near."""
    here = dual.run(program, args, along)
    values = []
    for k in (-2, -1, 1, 2):
        there = moved(args, along, k * STEP)
        if dual.run(program, there, along).path != here.path:
            raise Skip("another path")
        with Loaded(program) as loaded:
            values.append(float(loaded.f(*copied(there))))
    a, b, c, d = values
    return (a - 8 * b + 8 * c - d) / (12 * STEP)


@pytest.mark.parametrize("kind", sorted(GENERATORS))
def test_oracle_agrees_with_differences(kind: str) -> None:
    judged = nonzero = 0
    for seed in range(200):
        program = GENERATORS[kind](seed)
        rng = np.random.default_rng(seed)
        for args in program.cases:
            along = dual.direction(program, args, rng)
            try:
                got = dual.run(program, args, along)
                want = difference(program, args, along)
            except Skip:
                continue
            with Loaded(program) as loaded:
                assert got.value == pytest.approx(float(loaded.f(*copied(args))), rel=1e-12)
            assert got.tangent == pytest.approx(want, rel=1e-6, abs=1e-6), program.source
            judged += 1
            nonzero += got.tangent != 0.0
    assert judged >= 300, "too many programs are skipped"
    assert nonzero >= 0.8 * judged, "too many programs do not depend on their arguments"


@pytest.mark.parametrize("kind", sorted(GENERATORS))
def test_a_seed_is_a_program(kind: str) -> None:
    for seed in range(20):
        assert GENERATORS[kind](seed).source == GENERATORS[kind](seed).source
    assert len({GENERATORS[kind](seed).source for seed in range(100)}) == 100


def test_what_the_generators_make() -> None:
    """A generator that grew tame would prove less and still pass."""
    sources = {
        kind: [make(seed).source for seed in range(400)] for kind, make in GENERATORS.items()
    }
    wanted = {
        "control": "while |else:|elif |break|continue|return |:=|lambda a|def g0|range(n - 1, -1|"
        "range(0)|and |or |not |if p0:|min(|abs(| = v0 = ",
        "mutate": ".T|::-1|::2|.copy()|.reshape(|out=|np.sum(|.append(|np.stack(|break|"
        "np.empty_like|u0, u1 = u1, u0|acc0 += | *= | /= | -= |for r0 in |np.zeros(|@",
    }
    for kind, texts in wanted.items():
        for text in texts.split("|"):
            n = sum(text in s for s in sources[kind])
            assert n >= 4, f"{text!r} stands in {n} of 400 programs"


def run_source(source: str, *args: Any, along: dict[int, Any]) -> dual.Run:
    program = Program("test", 0, "import math\nimport numpy as np\n" + source, (0,), (args,))
    return dual.run(program, args, along)


def test_views_write_through() -> None:
    source = """
def f(x):
    v = x[::-1]
    v[0] = x[0] * x[0]
    w = v[1:]
    w *= 2.0
    return x[0] + 10.0 * x[1] + 100.0 * x[2]
"""
    got = run_source(source, np.array([3.0, 4.0, 5.0]), along={0: np.array([1.0, 0.0, 0.0])})
    assert (got.value, got.tangent) == (6.0 + 80.0 + 900.0, 2.0 + 600.0)


def test_overwritten_values_do_not_count() -> None:
    source = "def f(x):\n    x[1] = 2.0\n    return x[0] * x[1]\n"
    got = run_source(source, np.array([3.0, 4.0]), along={0: np.array([0.0, 1.0])})
    assert (got.value, got.tangent) == (6.0, 0.0)


def test_close_comparisons_are_skipped() -> None:
    with pytest.raises(Skip):
        run_source("def f(x):\n    return x if x > 1.0 else -x\n", 1.0 + 1e-9, along={0: 1.0})


def test_minimise_keeps_what_fails() -> None:
    program = next(
        p for p in map(GENERATORS["control"], range(100)) if "while" in p.source and p.wrt == (0, 1)
    )
    small = minimise(program, lambda p: "while" in p.source)
    assert "while" in small.source
    assert small.source.count("\n") <= 8


def exact(program: Program, args: tuple[Any, ...]) -> list[Any]:
    """The gradient, by the oracle, one unit direction after another."""
    gradient: list[Any] = []
    for i in program.wrt:
        if not isinstance(args[i], np.ndarray):
            gradient.append(dual.run(program, args, {i: 1.0}).tangent)
            continue
        g = np.zeros(args[i].shape)
        for place in np.ndindex(*g.shape):
            unit = np.zeros(g.shape)
            unit[place] = 1.0
            g[place] = dual.run(program, args, {i: unit}).tangent
        gradient.append(g)
    return gradient


def off_by(amount: float, g: Any) -> Any:
    """The gradient with one element changed."""
    if not isinstance(g, np.ndarray):
        return g + amount
    g.flat[g.size // 2] += amount
    return g


ARRAYS = ("mutate", "containers")  # whose first argument is an array


@pytest.mark.parametrize("kind", sorted(GENERATORS))
@pytest.mark.parametrize("fault", ["none", "gradient", "value", "argument", "view", "raises"])
def test_the_runner_tells_right_from_wrong(
    kind: str, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    program: Program

    def value_and_grad(f: Callable[..., Any], wrt: tuple[int, ...]) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            value, gradient = float(f(*copied(args))), exact(program, args)
            if fault == "gradient":
                gradient[-1] = off_by(1e-4 * (1.0 + abs(value)) ** 2, gradient[-1])
            elif fault == "value":
                value += 1e-8 * (1.0 + abs(value))
            elif fault == "argument" and kind in ARRAYS:
                args[0][...] += 1e-12
            elif fault == "view" and kind in ARRAYS:
                args[0].flags.writeable = False
                gradient[0] = args[0].view()
            elif fault == "raises":
                raise KeyError(value)
            return value, tuple(gradient)

        return call

    monkeypatch.setattr("s2sgrad.value_and_grad", value_and_grad)
    if kind not in ARRAYS and fault in ("argument", "view"):
        return  # the arguments are numbers
    found: Counter[str] = Counter()
    for seed in range(30):
        program = GENERATORS[kind](seed)
        found[check(program).status] += 1
    want = {"none": "right", "raises": "crashed"}.get(fault, "wrong")
    assert set(found) <= {want, "skipped"}, found
    assert found[want] >= 20
