"""Random programs in forward mode and to second order, against dual numbers."""

from __future__ import annotations

import pytest

from tests.fuzz.modes import expect_right

# Of the programs that the oracle can judge: tangents of recursive functions are refused as yet.
REFUSED = 0.15
KINDS = pytest.mark.parametrize("kind", ["control", "mutate"])
MODES = pytest.mark.parametrize("what", ["forward", "hvp", "reverse"])


@KINDS
@MODES
@pytest.mark.parametrize("first", [0, 30])
def test_programs(what: str, kind: str, first: int) -> None:
    expect_right(what, kind, range(first, first + 30), REFUSED)


@pytest.mark.slow
@KINDS
@MODES
@pytest.mark.parametrize("first", range(10_000, 10_100, 100))
def test_more_programs(what: str, kind: str, first: int) -> None:
    expect_right(what, kind, range(first, first + 100), REFUSED)
