"""The emitted code of whole programs: byte for byte, run by itself, and its numbers checked."""

from __future__ import annotations

import ast
import os
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

from s2sgrad.emit import printer
from tests.goldens.golden import Golden
from tests.goldens.programs import GOLDENS

IDS = [g.name for g in GOLDENS]
each = pytest.mark.parametrize("golden", GOLDENS, ids=IDS)
UPDATE = "python -m tests.goldens.update, then read the difference"


def test_there_are_enough() -> None:
    assert len(GOLDENS) >= 40
    assert len(set(IDS)) == len(IDS)
    files = {g.file for g in GOLDENS}
    assert {f for file in files for f in file.parent.iterdir()} == files


@each
def test_bytes(golden: Golden) -> None:
    assert golden.source() == golden.file.read_text(encoding="utf-8"), UPDATE


@each
def test_numbers(golden: Golden) -> None:
    """The text in the file, run in a namespace of its own, against central differences."""
    value, bars = golden.run(golden.file.read_text(encoding="utf-8"))
    if value is not None:
        assert value == pytest.approx(golden.primal(), rel=1e-13)
    want, got = golden.derivatives(bars)
    assert abs(want) > 1e-3
    assert got == pytest.approx(want, rel=1e-6, abs=1e-7)


@each
def test_through_both_printers(golden: Golden, monkeypatch: pytest.MonkeyPatch) -> None:
    assert printer.printer() is not ast.unparse
    monkeypatch.setattr(printer, "printer", lambda: ast.unparse)
    assert golden.source() == golden.file.read_text(encoding="utf-8")


@each
def test_it_is_readable_python(golden: Golden) -> None:
    """It imports what the program's file imports and never s2sgrad; lines are not too long."""
    text = golden.file.read_text(encoding="utf-8")
    modules = {
        a.name for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Import) for a in n.names
    }
    assert modules <= {"math", "numpy", "scipy.special"}
    assert not [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.ImportFrom)]
    assert all(len(line) <= 100 and line == line.rstrip() for line in text.splitlines())


def test_the_same_bytes_in_another_process() -> None:
    """The order of sets differs with the seed of hashes; the text does not."""
    script = (
        "from tests.goldens.programs import GOLDENS\nfor g in GOLDENS: print(g.source(), end='')"
    )
    want = "".join(g.file.read_text(encoding="utf-8") for g in GOLDENS)
    for seed in ("1", "4242"):
        done = subprocess.run(
            [sys.executable, "-c", script],
            cwd=Path(__file__).parents[1],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout == want


def test_length(capsys: pytest.CaptureFixture[str]) -> None:
    """Statements emitted for one of the program's; the aim is a median of 3."""
    ratios = {g.name: g.ratio(g.file.read_text(encoding="utf-8")) for g in GOLDENS}
    median = statistics.median(ratios.values())
    worst = sorted(ratios, key=lambda n: -ratios[n])[:5]
    with capsys.disabled():
        print(
            f"\nemitted / primal statements: median {median:.2f} of {len(ratios)} programs; most: "
        )
        print(", ".join(f"{n} {ratios[n]:.1f}" for n in worst))
    assert median <= 5.5  # what is reached; the aim is 3
