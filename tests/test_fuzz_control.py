"""Random programs with control flow: no gradient is wrong, and few are refused."""

from __future__ import annotations

import pytest

from tests.fuzz.run import expect_right

REFUSED = 0.05  # of the programs that the oracle can judge


# In parts, so that they run side by side.
@pytest.mark.parametrize("first", range(0, 200, 50))
def test_programs(first: int) -> None:
    expect_right("control", range(first, first + 50), REFUSED)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(10_000, 12_000, 100))
def test_more_programs(first: int) -> None:
    expect_right("control", range(first, first + 100), REFUSED)
