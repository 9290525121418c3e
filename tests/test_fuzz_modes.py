"""Random programs in forward mode and to second order, against dual numbers."""

from __future__ import annotations

import pytest

from tests.fuzz.modes import expect_right

# Of the programs that the oracle can judge: tangents of recursive functions are refused as yet.
REFUSED = 0.25
KINDS = pytest.mark.parametrize("kind", ["control", "mutate"])
MODES = pytest.mark.parametrize("what", ["forward", "pullback", "hvp", "reverse"])


@KINDS
@MODES
@pytest.mark.parametrize("first", [0, 30])
def test_programs(what: str, kind: str, first: int) -> None:
    expect_right(what, kind, range(first, first + 30), REFUSED)


def test_a_write_to_an_item_of_a_tape() -> None:
    """Copies of what the tape collects did not help: the item that is written to is copied."""
    expect_right("reverse", "mutate", range(10_058, 10_059), 0.0)


@pytest.mark.slow
@KINDS
@MODES
@pytest.mark.parametrize("first", range(10_000, 10_100, 100))
def test_more_programs(what: str, kind: str, first: int) -> None:
    expect_right(what, kind, range(first, first + 100), REFUSED)
