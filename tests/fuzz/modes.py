"""Random programs in forward mode and to second order, against dual numbers.

    python -m tests.fuzz.modes forward control --programs 2000 --seed 0
    python -m tests.fuzz.modes hvp mutate --programs 500 --jobs 2

`forward`: the jvp is the tangent of the dual numbers, and <out_bar, jvp(v)> = <vjp(out_bar), v>.
`pullback`: `back` gives the tangent as often as it is called, whatever is written to in between;
the Jacobian gives it too.
`hvp`, `reverse` (reverse over reverse), `over` (reverse over forward): u'Hv is the central
difference, along v, of the derivative along u by dual numbers.
"""

from __future__ import annotations

import argparse
import functools
import sys
import traceback
import warnings
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np

import s2sgrad
from s2sgrad.errors import DifferentiationError

from . import dual
from .dual import Skip, direction
from .program import Loaded, Program, copied, same
from .run import (
    GENERATORS,
    SECONDS,
    STATUSES,
    Outcome,
    Report,
    _anonymous,
    _emitted,
    _primal,
    _short,
    _time_limit,
    _Timeout,
    show,
)

STEP = 1e-5
EXACT, ROUGH = 1e-9, 2e-5


def moved(args: tuple[Any, ...], along: dict[int, Any], h: float) -> tuple[Any, ...]:
    """The arguments, `h` further along a direction."""
    return tuple(a + h * along[i] if i in along else a for i, a in enumerate(args))


def curvature(program: Program, args: Any, u: dict[int, Any], v: dict[int, Any]) -> float:
    """u'Hv by the difference of dual numbers; `Skip` where a branch lies in between."""
    runs = [dual.run(program, moved(args, v, h), u) for h in (STEP, -STEP, 2 * STEP, -2 * STEP)]
    if any(r.path != runs[0].path for r in runs):
        raise Skip("a branch is too close")
    near = (runs[0].tangent - runs[1].tangent) / (2 * STEP)
    far = (runs[2].tangent - runs[3].tangent) / (4 * STEP)
    if abs(near - far) > ROUGH / 4 * (1 + abs(near)):
        raise Skip("the difference is not accurate")
    return near


def pair(a: Any, b: Any) -> float:
    """The scalar product of two tuples of numbers and arrays."""
    return float(sum(np.sum(x * y) for x, y in zip(a, b, strict=True)))


def check(what: str, program: Program) -> Outcome:
    """Differentiates the program, and compares."""
    rng = np.random.default_rng([5, program.seed])
    tested, why, derivative = 0, "", None
    try:
        with Loaded(program) as loaded, warnings.catch_warnings(action="error"):
            for args in program.cases[:2]:
                u, v = (direction(program, args, rng) for _ in range(2))
                try:
                    _primal(program, args)
                    want = dual.run(program, args, v).tangent
                    simple = what in ("forward", "pullback")
                    second = 0.0 if simple else curvature(program, args, u, v)
                except Skip as e:
                    why = str(e)
                    continue
                tested += 1
                us, vs = (tuple(d[i] for i in program.wrt) for d in (u, v))
                with _time_limit(SECONDS):
                    if what == "forward":
                        found = _forward(loaded.f, program, args, vs, want)
                    elif what == "pullback":
                        found = _pullback(loaded.f, program, args, vs, want)
                    else:
                        found = _second(what, loaded.f, program, args, us, vs, second)
                fault, derivative = found
                if fault:
                    return Outcome("wrong", fault, f"args = {args!r}{_emitted(derivative)}")
    except DifferentiationError as e:
        return Outcome("refused", _anonymous(str(e).splitlines()[0]), str(e))
    except (Exception, _Timeout) as e:
        first = (str(e).splitlines() or [""])[0]
        cause = f"{type(e).__name__}: {_anonymous(first)[:110]}"
        return Outcome("crashed", cause, _short(traceback.format_exception(e)))
    return Outcome("right") if tested else Outcome("skipped", why)


def _forward(
    f: Any, program: Program, args: Any, v: tuple[Any, ...], want: float
) -> tuple[str, Any]:
    d = s2sgrad.jvp(f, wrt=program.wrt)
    given, tangents = copied(args), copied(v)
    value, tangent = d(*given, tangents=tangents)
    if not all(map(same, (*given, *tangents), (*args, *v))):
        return "an argument was changed", d
    if abs(float(value) - _primal(program, args)) > 1e-10 * (1 + abs(float(value))):
        return "the value", d
    _, bars = s2sgrad.value_and_grad(f, wrt=program.wrt)(*copied(args))
    scale = 1 + abs(want) + pair(map(np.abs, bars), map(np.abs, v))
    if not abs(float(tangent) - want) <= EXACT * scale:
        return f"the tangent: got {tangent}, want {want}".split(":")[0], d
    if not abs(float(tangent) - pair(bars, v)) <= EXACT * scale:
        return "forward and reverse mode differ", d
    return "", d


def _pullback(
    f: Any, program: Program, args: Any, v: tuple[Any, ...], want: float
) -> tuple[str, Any]:
    d = s2sgrad.pullback(f, wrt=program.wrt)
    given = copied(args)
    value, back = d(*given)
    if not all(map(same, given, args)):
        return "an argument was changed", d
    if abs(float(value) - _primal(program, args)) > 1e-10 * (1 + abs(float(value))):
        return "the value", d
    _spoil(given)
    for seed in (1.0, -2.0, 1.0):
        bars = back(seed)
        scale = 1 + abs(seed * want) + pair(map(np.abs, bars), map(np.abs, v))
        if not abs(pair(bars, v) - seed * want) <= EXACT * scale:
            return f"the cotangents of back({seed})", d
        _spoil(bars)
    d = s2sgrad.jacobian(f, wrt=program.wrt)
    rows = d(*copied(args))
    if not abs(pair(rows, v) - want) <= EXACT * (
        1 + abs(want) + pair(map(np.abs, rows), map(np.abs, v))
    ):
        return "the Jacobian", d
    return "", d


def _spoil(arrays: Any) -> None:
    """Write to all that the caller has."""
    for a in arrays:
        if isinstance(a, np.ndarray):
            a[...] = np.nan if a.dtype.kind == "f" else 0


def _second(
    what: str, f: Any, program: Program, args: Any, u: Any, v: Any, want: float
) -> tuple[str, Any]:
    if what == "hvp":
        d = s2sgrad.hvp(f, wrt=program.wrt)
        given, vector = copied(args), copied(v)
        product = d(*given, vector=vector)
        if not all(map(same, (*given, *vector), (*args, *v))):
            return "an argument was changed", d
    else:
        first = s2sgrad.grad(f, wrt=program.wrt)
        d = s2sgrad.vjp(first, wrt=program.wrt)
        product = d(*copied(args), out_bar=v)[1]
    for g, i in zip(product, program.wrt, strict=True):
        if np.shape(g) != np.shape(args[i]) or isinstance(g, np.ndarray) != isinstance(
            args[i], np.ndarray
        ):
            return "the shape of a product", d
    got = pair(u, product)
    size = sum(float(np.sum(np.abs(x * y))) for x, y in zip(u, product, strict=True))
    if not abs(got - want) <= ROUGH * (1 + size + abs(want)):
        return "the second derivative", d
    return "", d


def one(what: str, kind: str, seed: int) -> tuple[Program, Outcome]:
    """Generates and checks the program of a seed."""
    program = GENERATORS[kind](seed)
    return program, check(what, program)


def many(what: str, kind: str, seeds: Iterable[int], jobs: int = 1) -> Report:
    """Checks the programs of these seeds."""
    report = Report()
    if jobs == 1:
        for seed in seeds:
            report.add(*one(what, kind, seed))
        return report
    with ProcessPoolExecutor(jobs) as pool:
        for found in pool.map(functools.partial(one, what, kind), seeds, chunksize=20):
            report.add(*found)
    return report


def expect_right(what: str, kind: str, seeds: range, refused: float) -> None:
    """No program wrong or crashed, few refused, and the oracle could judge most of them."""
    report = many(what, kind, seeds)
    assert not report.counts["wrong"], str(report)
    assert not report.counts["crashed"], str(report)
    assert report.refused_share <= refused, str(report)
    assert report.counts["skipped"] <= 0.4 * len(seeds), str(report)


def main() -> int:
    """The command line; 1 if a program was wrong or crashed."""
    parser = argparse.ArgumentParser("python -m tests.fuzz.modes")
    parser.add_argument("what", choices=["forward", "pullback", "hvp", "reverse"])
    parser.add_argument("kind", choices=sorted(GENERATORS))
    parser.add_argument("--programs", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    seeds = range(options.seed, options.seed + options.programs)
    report = many(options.what, options.kind, seeds, options.jobs)
    print(report.summary())
    for program, outcome in report.failures:
        print(show(program, outcome))
    assert set(report.counts) <= set(STATUSES)
    return int(bool(report.counts["wrong"] or report.counts["crashed"]))


if __name__ == "__main__":
    sys.exit(main())
