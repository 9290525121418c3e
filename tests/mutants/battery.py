"""A bounded part of the tests, run against whichever s2sgrad is imported: the first that fails.

`python -m tests.mutants.battery` prints what failed and why, or nothing; it returns 1 if one did.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator

import numpy as np

Check = tuple[str, Callable[[], None]]


def checks() -> Iterator[Check]:
    """Names and checks, quick ones first."""
    # Imported here: a fault may already show when a module of tests is imported.
    from tests import (
        test_emitted,
        test_fuzz_arrays,
        test_fuzz_containers,
        test_guards,
        test_kernels,
        test_memory,
        test_remember,
        test_stored,
    )
    from tests import test_programs as programs
    from tests.goldens.programs import GOLDENS
    from tests.goldens.refusals import REFUSED
    from tests.programs import CASES as program_cases

    for case in test_kernels.CASES:
        yield (
            f"kernel {case[0].__name__}",
            lambda c=case: test_kernels.test_gradient_against_differences(c),  # type: ignore[misc]
        )
    for f in (test_memory.the_same, test_memory.twice, test_memory.after_a_loop):
        yield (
            f"results of {f.__name__}",
            lambda f=f: test_memory.test_results_own_their_memory(f),  # type: ignore[misc]
        )
    for name in test_kernels.NO_COPIES:
        yield f"copies of {name}", lambda n=name: test_kernels.test_no_copies(n)  # type: ignore[misc]
    yield "fresh buffers", test_kernels.test_a_buffer_of_each_turn_is_made_in_each_turn
    for loop in test_memory.LOOPS:
        for view in ("x", "x.copy()", "x * 2.0"):
            yield (
                f"{view} in {loop}",
                lambda x=loop, v=view: test_memory.test_names_that_move_in_a_loop(x, v),  # type: ignore[misc]
            )
    yield "negated", test_memory.test_a_negated_value_that_is_taken_away
    for case in test_kernels.SINGLE:
        yield (
            f"single precision {case[0].__name__}",
            lambda c=case: test_kernels.test_single_precision(c),  # type: ignore[misc]
        )
    for case in program_cases:
        yield (
            f"program {case[0].__name__}",
            lambda c=case: programs.test_gradient_against_differences(c),  # type: ignore[misc]
        )
    for case in (*test_stored.KEPT, *test_stored.OTHERS, *test_remember.LISTS):
        yield f"filled {case[0].__name__}", lambda c=case: test_remember.test_other_lists(*c)  # type: ignore[misc]
    for golden in GOLDENS:
        if not golden.generic:
            yield f"golden {golden.name}", lambda g=golden: numbers(g)  # type: ignore[misc]
    for refused in REFUSED:
        yield f"refusal {refused.name}", lambda r=refused: r.text()  # type: ignore[misc]
    for start in range(0, 60, 10):
        for kind in ("mutate", "control"):
            yield f"fuzz {kind} {start}", lambda k=kind, s=start: fuzz(k, s)  # type: ignore[misc]
    for view in test_memory.lines(test_memory.VIEWS):
        yield (
            f"memory {view}",
            lambda v=view: test_memory.test_names_of_the_same_memory(v),  # type: ignore[misc]
        )
    for expression in test_guards.SINGULAR:
        yield (
            f"zeros of {expression}",
            lambda e=expression: test_guards.test_zeros_annihilate(e),  # type: ignore[misc]
        )
    for store, text in test_emitted.STORES:
        yield (
            f"store {store}",
            lambda s=store, t=text: test_emitted.test_stores(s, t),  # type: ignore[misc]
        )
    for write in test_memory.lines(test_memory.WRITES):
        yield f"write {write}", lambda w=write: test_memory.test_ways_to_write(w)  # type: ignore[misc]
    for seed in range(12):
        yield f"containers {seed}", lambda s=seed: judged(test_fuzz_containers.judge, s)  # type: ignore[misc]
        yield f"arrays {seed}", lambda s=seed: test_fuzz_arrays.judge(s)  # type: ignore[misc]


def numbers(golden: object) -> None:
    """What is emitted now for a golden program has the right numbers."""
    from tests.goldens.golden import Golden

    assert isinstance(golden, Golden)
    value, bars = golden.run(golden.text())
    assert value is None or np.allclose(value, golden.primal(), rtol=1e-12)
    want, got = golden.derivatives(bars)
    assert abs(want - got) <= 1e-6 * (1.0 + abs(want)), f"{got}, not {want}"


def fuzz(kind: str, start: int) -> None:
    from tests.fuzz.run import many

    report = many(kind, range(start, start + 10))
    assert not report.counts["wrong"], report.summary()
    assert not report.counts["crashed"], report.summary()


def judged(judge: Callable[[int], bool], seed: int) -> None:
    judge(seed)


def main() -> int:
    """Run until one fails."""
    import s2sgrad

    print(s2sgrad.__file__)
    for name, check in checks():
        try:
            with warnings.catch_warnings(action="ignore"):
                check()
        except BaseException as e:  # of any kind: a fault may show as anything
            first = (str(e).strip().splitlines() or [""])[0]
            print(f"{name}: {type(e).__name__}: {first[:110]}")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
