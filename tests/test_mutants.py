"""Faults put into the compiler are noticed: `python -m tests.mutants.run` says by what."""

from __future__ import annotations

import ast

import pytest

from tests.mutants.mutants import MUTANTS, Mutant
from tests.mutants.run import PACKAGE, judge

IDS = [m.name for m in MUTANTS]


def test_there_are_enough() -> None:
    assert len(set(IDS)) == len(MUTANTS) >= 20


@pytest.mark.parametrize("mutant", MUTANTS, ids=IDS)
def test_it_fits_the_compiler(mutant: Mutant) -> None:
    """Its text stands once in the file, and what it makes of it is Python."""
    text = (PACKAGE / mutant.file).read_text(encoding="utf-8")
    assert text.count(mutant.old) == 1, "the compiler was changed there: change the mutant"
    ast.parse(text.replace(mutant.old, mutant.new))


@pytest.mark.slow
@pytest.mark.parametrize("mutant", MUTANTS[::13], ids=IDS[::13])  # all: tests.mutants.run
def test_it_is_noticed(mutant: Mutant) -> None:
    assert judge(mutant).by, "a test is missing"
