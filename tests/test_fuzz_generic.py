"""Random programs through the command line: read, transpiled without types, and compared.

The oracle runs the program on dual numbers (`tests/fuzz/dual`); the compiler sees its text only.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import s2sgrad
from s2sgrad.transpile import Options, transpile
from tests.fuzz import run
from tests.fuzz.program import Program

FUNCTION = "f"


def outcome(program: Program, folder: Path, monkeypatch: pytest.MonkeyPatch) -> run.Outcome:
    """What became of the program; its file cannot be run."""
    file = folder / f"program{program.seed}.py"
    file.write_text("raise SystemExit('the file was run')\n" + program.source)

    def emitted(f: Any, wrt: tuple[int, ...]) -> Any:
        code = f.__code__
        names = code.co_varnames[: code.co_argcount]
        options = Options((FUNCTION,), (tuple(names[k] for k in wrt), False), ("value_and_grad",))
        done = transpile(file, options, "")
        for e in done.refused.values():
            raise e
        space: dict[str, Any] = {}
        exec(compile(done.text, f"<{file.name}>", "exec"), space)
        return space[f"{FUNCTION}_value_and_grad"]

    monkeypatch.setattr(s2sgrad, "value_and_grad", emitted)
    return run.check(program)


# The command line refuses recursion as yet, which one control program in six has.
RECURSIVE = 0.25


def expect_right(
    kind: str, seeds: range, refused: float, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts: Counter[str] = Counter()
    for seed in seeds:
        program = run.GENERATORS[kind](seed)
        result = outcome(program, folder, monkeypatch)
        counts[result.status] += 1
        assert result.status not in ("wrong", "crashed"), run.show(program, result)
    judged = counts.total() - counts["skipped"]
    assert counts["refused"] <= refused * judged, counts


@pytest.mark.parametrize("first", range(0, 100, 50))
def test_programs(first: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expect_right("control", range(first, first + 50), RECURSIVE, tmp_path, monkeypatch)


def test_programs_that_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many are refused: without types, it is often not known what shares memory."""
    expect_right("mutate", range(40), 0.6, tmp_path, monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(20_000, 20_200, 100))
def test_more_programs(first: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expect_right("control", range(first, first + 100), RECURSIVE, tmp_path, monkeypatch)
