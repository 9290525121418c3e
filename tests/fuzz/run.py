"""Runs random programs through s2sgrad and compares with the oracle.

    python -m tests.fuzz.run control --programs 2000 --seed 0
    python -m tests.fuzz.run mutate --programs 2000 --jobs 4 --minimise
    python -m tests.fuzz.run mutate --seed 1234 --programs 1 --verbose

The program of a seed is always the same, so that a failure is repeated by its seed.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import functools
import os
import re
import signal
import sys
import threading
import traceback
import types
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from . import containers, control, dual, functions, mutate
from .dual import Skip, direction
from .program import Loaded, Program, copied, same

GENERATORS: dict[str, Callable[[int], Program]] = {
    "containers": containers.generate,
    "control": control.generate,
    "functions": functions.generate,
    "mutate": mutate.generate,
}
STATUSES = ("right", "wrong", "refused", "crashed", "skipped")
DIRECTIONS = 2
TOLERANCE = 1e-7
SECONDS = 30.0  # of the processor, not of a clock: others may use the machine; with the compiler


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a program; `cause` groups outcomes that have the same reason."""

    status: str
    cause: str = ""
    detail: str = ""


@dataclass(slots=True)
class Report:
    """What became of many programs."""

    counts: Counter[str] = field(default_factory=Counter)
    causes: Counter[tuple[str, str]] = field(default_factory=Counter)
    failures: list[tuple[Program, Outcome]] = field(default_factory=list)  # the first ones
    keep: int = 3

    def add(self, program: Program, outcome: Outcome) -> None:
        """Counts one program."""
        self.counts[outcome.status] += 1
        if outcome.cause:
            self.causes[outcome.status, outcome.cause] += 1
        if outcome.status in ("wrong", "crashed") and len(self.failures) < self.keep:
            self.failures.append((program, outcome))

    @property
    def refused_share(self) -> float:
        """Refused programs among those that the oracle could judge."""
        judged = self.counts.total() - self.counts["skipped"]
        return self.counts["refused"] / judged if judged else 0.0

    def summary(self) -> str:
        """The counts, and the reasons by how frequent they are."""
        lines = [", ".join(f"{self.counts[s]} {s}" for s in STATUSES)]
        for (status, cause), n in self.causes.most_common(25):
            lines.append(f"  {n:6d} {status}: {cause}")
        return "\n".join(lines)

    def __str__(self) -> str:
        return "\n\n".join([self.summary(), *(show(p, o) for p, o in self.failures)])


def show(program: Program, outcome: Outcome) -> str:
    """A failing program in full."""
    head = f"--- {program.kind} seed {program.seed}: {outcome.status}: {outcome.cause}"
    call = f"wrt={program.wrt}, first arguments:\n" + "\n".join(repr(a) for a in program.cases[0])
    return "\n".join([head, program.source.rstrip(), "", call, outcome.detail])


class _Timeout(Exception):
    pass


@contextlib.contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "SIGPROF"):
        yield
        return

    def stop(*_: object) -> None:
        raise _Timeout(f"more than {seconds} s")

    old = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, old)


@contextlib.contextmanager
def _step_limit(steps: int) -> Iterator[None]:
    """Ends a program that a deletion turned into an endless loop."""
    left = steps

    def trace(frame: types.FrameType, event: str, arg: Any) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            raise _Timeout("too many steps")
        return trace

    old = sys.gettrace()
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(old)


@dataclass(frozen=True, slots=True)
class _Want:
    args: tuple[Any, ...]
    value: float  # of the primal itself
    derivatives: list[tuple[dict[int, Any], float]]


def _wanted(program: Program) -> tuple[list[_Want], str]:
    """What the oracle says of each case that it can judge; and why it could not."""
    wanted, why = [], ""
    rng = np.random.default_rng([3, program.seed])
    for args in program.cases:
        try:
            value, derivatives = _primal(program, args), []
            for _ in range(DIRECTIONS):
                along = direction(program, args, rng)
                derivatives.append((along, dual.run(program, args, along).tangent))
            wanted.append(_Want(args, value, derivatives))
        except Skip as e:
            why = str(e)
    return wanted, why


_RAISED = (RuntimeWarning, OverflowError, ZeroDivisionError, ValueError)


def _primal(program: Program, args: tuple[Any, ...]) -> float:
    with Loaded(program) as loaded, warnings.catch_warnings(action="error"):
        try:
            return float(loaded.f(*copied(args)))
        except Exception as e:
            if not isinstance(e, _RAISED) and type(e).__name__ != "Stop":
                raise
            # A ValueError: shapes that do not meet, a slip of the generator.
            raise Skip(f"the primal: {e}") from e


def check(program: Program) -> Outcome:
    """Differentiates the program, and compares value, gradient, arguments."""
    import s2sgrad
    from s2sgrad.errors import DifferentiationError

    wanted, why = _wanted(program)
    if not wanted:
        return Outcome("skipped", why)
    try:
        with (
            Loaded(program) as loaded,
            _time_limit(SECONDS),
            warnings.catch_warnings(action="error"),
        ):
            derivative = s2sgrad.value_and_grad(loaded.f, wrt=program.wrt)
            for want in wanted:
                for _ in range(2):  # again: what the first call left behind must not matter
                    args = copied(want.args)
                    got = derivative(*args)
                    wrong = _compare(program, want, args, got)
                    if wrong is not None:
                        return replace(wrong, detail=wrong.detail + _emitted(derivative))
    except DifferentiationError as e:
        return Outcome("refused", _anonymous(str(e).splitlines()[0]), str(e))
    except (Exception, _Timeout) as e:
        frames = [f for f in traceback.extract_tb(e.__traceback__) if f.filename != __file__]
        place = frames[-1].name if frames else "no frame"
        first = (str(e).splitlines() or [""])[0]
        cause = f"{type(e).__name__} in {place}: {_anonymous(first)[:110]}"
        return Outcome("crashed", cause, _short(traceback.format_exception(e)))
    return Outcome("right")


def _short(text: list[str], lines: int = 40) -> str:
    """The end of the trace, and the beginning of the message, which may hold a whole program."""
    *trace, message = text
    head = message.splitlines()
    more = [f"... ({len(head) - lines} more lines)"] if len(head) > lines else []
    return "".join(trace[-4:]) + "\n".join([*head[:lines], *more])


def _anonymous(text: str) -> str:
    return re.sub(r"'[^']*'|`[^`]*`|\b\d+\b", "_", text)


def _emitted(derivative: Any) -> str:
    try:
        return f"\nemitted:\n{derivative.source}"
    except Exception as e:
        return f"\n(.source raised {e!r})"


def _compare(program: Program, want: _Want, args: tuple[Any, ...], got: Any) -> Outcome | None:
    def wrong(cause: str, detail: str = "") -> Outcome:
        return Outcome("wrong", cause, f"args = {want.args!r}\n{detail}")

    value, gradient = got
    for i, (a, b) in enumerate(zip(args, want.args, strict=True)):
        if not same(a, b):
            return wrong("an argument was changed", f"argument {i} is now {a!r}")
    if not abs(float(value) - want.value) <= 1e-10 * (1.0 + abs(want.value)):
        return wrong("the value", f"got {value!r}, want {want.value!r}")
    if not isinstance(gradient, tuple) or len(gradient) != len(program.wrt):
        return wrong("the gradient is no tuple of the length of wrt", repr(gradient))
    for i, g in zip(program.wrt, gradient, strict=True):
        fault = _form(args[i], g)
        if fault or any(isinstance(a, np.ndarray) and np.shares_memory(a, g) for a in args):
            return wrong(fault or "a gradient is a view of an argument", f"of argument {i}: {g!r}")
    for along, derivative in want.derivatives:
        terms = [np.sum(g * along[i]) for i, g in zip(program.wrt, gradient, strict=True)]
        size = sum(float(np.sum(np.abs(g))) for g in gradient)
        total = float(sum(terms))
        if not abs(total - derivative) <= TOLERANCE * (1.0 + size + abs(derivative)):
            detail = f"along {along!r}:\ngot {total!r}, want {derivative!r}\ngradient {gradient!r}"
            return wrong("the gradient", detail)
    return None


def _form(arg: Any, g: Any) -> str:
    """What is wrong with the type of a gradient, apart from its numbers."""
    if not isinstance(arg, np.ndarray):
        return "" if isinstance(g, float) else f"a gradient is a {type(g).__name__}, not a float"
    if not isinstance(g, np.ndarray) or g.dtype != arg.dtype:
        return "a gradient is not an array of the dtype of its argument"
    if g.shape != arg.shape:
        return "the shape of a gradient"
    return "" if g.flags.writeable else "a gradient is not writeable"


def minimise(
    program: Program,
    fails: Callable[[Program], bool] | None = None,
    attempts: int = 2000,
) -> Program:
    """Deletes statements and parts of expressions as long as the program still fails.

    By default it must fail as it does now: wrong for the same reason, or crashed by the same
    exception.
    """
    if fails is None:
        first = check(program)

        def fails(p: Program) -> bool:
            found = check(p)
            return found.status == first.status and _kind(found) == _kind(first)

    for case in program.cases:  # one of the calls is mostly enough
        alone = replace(program, cases=(case,))
        if _still(alone, fails):
            program = alone
            break
    tree = ast.parse(program.source)
    progress = True
    while progress:
        progress = False
        for smaller in _smaller(tree):
            attempts -= 1
            if attempts < 0:
                return program
            candidate = replace(program, source=ast.unparse(smaller) + "\n")
            if len(candidate.source) < len(program.source) and _still(candidate, fails):
                # Printed and read again, so that no node stands in two places.
                tree, program, progress = ast.parse(candidate.source), candidate, True
                break
    return program


def _kind(outcome: Outcome) -> str:
    return outcome.cause.split(":")[0]


def _still(program: Program, fails: Callable[[Program], bool]) -> bool:
    try:
        for args in program.cases:
            with Loaded(program) as loaded, _step_limit(20_000), np.errstate(all="ignore"):
                float(loaded.f(*copied(args)))
        return fails(program)
    except (Exception, _Timeout):
        return False  # it fails without us: a name that is not bound, a loop without end


def _smaller(tree: ast.Module) -> Iterator[ast.Module]:
    """The program with one thing less, large things first; each made in place and undone."""
    blocks = [
        (node, name)
        for node in ast.walk(tree)
        for name in ("body", "orelse")
        if isinstance(getattr(node, name, None), list)
    ]
    for node, name in blocks:
        block: list[ast.stmt] = getattr(node, name)
        for i in range(len(block)):
            inner = getattr(block[i], "body", []), getattr(block[i], "orelse", [])
            without = [[], *(b for b in inner if isinstance(b, list) and b)]
            for instead in without:
                new: list[ast.stmt] = [*block[:i], *instead, *block[i + 1 :]]
                if not new and name == "body":
                    new = [ast.Pass()]
                setattr(node, name, new)
                yield tree
                setattr(node, name, block)
    for parent in ast.walk(tree):
        for name, old in ast.iter_fields(parent):
            for put, expr in _slots(parent, name, old):
                for part in _parts(expr):
                    put(part)
                    yield tree
                    put(expr)


def _slots(
    parent: ast.AST, name: str, old: Any
) -> Iterator[tuple[Callable[[ast.expr], None], ast.expr]]:
    if isinstance(old, ast.expr):
        yield functools.partial(setattr, parent, name), old
    elif isinstance(old, list):
        for i, item in enumerate(old):
            if isinstance(item, ast.expr):
                yield functools.partial(old.__setitem__, i), item


def _parts(e: ast.expr) -> Iterator[ast.expr]:
    if isinstance(e, ast.BinOp):
        yield from (e.left, e.right)
    elif isinstance(e, ast.UnaryOp):
        yield e.operand
    elif isinstance(e, ast.Call):
        yield from e.args
    elif isinstance(e, ast.IfExp):
        yield from (e.body, e.orelse)
    elif isinstance(e, ast.BoolOp):
        yield from e.values


def one(kind: str, seed: int) -> tuple[Program, Outcome]:
    """Generates and checks the program of a seed."""
    program = GENERATORS[kind](seed)
    return program, check(program)


def many(kind: str, seeds: Iterable[int], jobs: int = 1, keep: int = 3) -> Report:
    """Checks the programs of these seeds."""
    report = Report(keep=keep)
    if jobs == 1:
        for seed in seeds:
            report.add(*one(kind, seed))
        return report
    with ProcessPoolExecutor(jobs) as pool:
        for program, outcome in pool.map(functools.partial(one, kind), seeds, chunksize=20):
            report.add(program, outcome)
    return report


def expect_right(kind: str, seeds: range, refused: float) -> None:
    """No program wrong or crashed, few refused, and the oracle could judge most of them."""
    report = many(kind, seeds)
    assert not report.counts["wrong"], str(report)
    assert not report.counts["crashed"], str(report)
    assert report.refused_share <= refused, str(report)
    assert report.counts["skipped"] <= 0.3 * len(seeds), str(report)


def main(argv: list[str] | None = None) -> int:
    """The command line; 1 if a program was wrong or crashed."""
    parser = argparse.ArgumentParser("python -m tests.fuzz.run")
    parser.add_argument("kind", choices=sorted(GENERATORS))
    parser.add_argument("--programs", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--keep", type=int, default=3, help="how many failing programs to print")
    parser.add_argument("--minimise", action="store_true", help="shrink the failing programs")
    parser.add_argument("--verbose", action="store_true", help="print each program and outcome")
    options = parser.parse_args(argv)
    seeds = range(options.seed, options.seed + options.programs)
    if options.verbose:
        report = Report(keep=options.keep)
        for seed in seeds:
            program, outcome = one(options.kind, seed)
            report.add(program, outcome)
            print(show(program, outcome), end="\n\n")
    else:
        report = many(options.kind, seeds, options.jobs, options.keep)
    if options.minimise:
        for i, (program, _) in enumerate(report.failures):
            small = minimise(program)
            report.failures[i] = small, check(small)
    print(report)
    return int(bool(report.counts["wrong"] or report.counts["crashed"]))


if __name__ == "__main__":
    sys.exit(main())
