"""Puts each fault into a copy of the package, runs the battery, and says which faults survive.

    python -m tests.mutants.run [PART OF A NAME ...] [--jobs 2]

A fault that survives is a test that is missing.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import s2sgrad
from tests.mutants.mutants import MUTANTS, Mutant

ROOT = Path(__file__).parents[2]
PACKAGE = Path(s2sgrad.__file__).parent  # installed or not
SECONDS = 600.0  # a fault may make a program run for ever


@dataclass(frozen=True)
class Verdict:
    """What became of a fault: `by` is the check that failed, empty if none did."""

    mutant: Mutant
    by: str

    def __str__(self) -> str:
        return f"{'killed  ' if self.by else 'SURVIVED'} {self.mutant.name}\n           {self.by}"


def apply(mutant: Mutant, package: Path) -> None:
    """Write the fault into a copy of the package."""
    file = package / mutant.file
    text = file.read_text(encoding="utf-8")
    found = text.count(mutant.old)
    if found != 1:
        raise LookupError(
            f"{mutant.name!r}: its text stands {found} times in {mutant.file}, not once: "
            "the compiler was changed there, so change the mutant"
        )
    file.write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")


def judge(mutant: Mutant) -> Verdict:
    """Run the battery against a copy of the package with this fault."""
    with tempfile.TemporaryDirectory() as folder:
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(PACKAGE, Path(folder, "s2sgrad"), ignore=ignore)
        apply(mutant, Path(folder, "s2sgrad"))
        # `-P`: not the working directory, whose package is the one without the fault.
        path = os.pathsep.join([folder, str(ROOT)])
        try:
            done = subprocess.run(
                [sys.executable, "-P", "-m", "tests.mutants.battery"],
                cwd=folder,
                env={**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
                capture_output=True,
                text=True,
                timeout=SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Verdict(mutant, "it does not end")
    where, *rest = done.stdout.splitlines() or [""]
    if rest == [] and done.returncode:  # it could not even be imported
        return Verdict(mutant, f"import: {(done.stderr.strip().splitlines() or [''])[-1][:110]}")
    assert where.startswith(folder), f"the wrong package was tested: {where}"
    return Verdict(mutant, rest[-1] if done.returncode else "")


def main(argv: list[str] | None = None) -> int:
    """The command line; the number of survivors."""
    parser = argparse.ArgumentParser("python -m tests.mutants.run")
    parser.add_argument("names", nargs="*", help="parts of names of faults; all by default")
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args(argv)
    chosen = [m for m in MUTANTS if not options.names or any(n in m.name for n in options.names)]
    survivors = 0
    with ThreadPoolExecutor(options.jobs) as pool:
        for verdict in pool.map(judge, chosen):
            print(verdict, flush=True)
            survivors += not verdict.by
    print(f"{len(chosen) - survivors} of {len(chosen)} faults killed")
    return survivors


if __name__ == "__main__":
    sys.exit(main())
