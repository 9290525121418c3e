"""Random programs with exceptions, managers, generators and functions as values: none is wrong."""

from __future__ import annotations

import pytest

from tests.fuzz.run import expect_right

REFUSED = 0.3  # handlers that read what is not certain


@pytest.mark.parametrize("first", range(0, 120, 40))
def test_programs(first: int) -> None:
    expect_right("functions", range(first, first + 40), REFUSED)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(10_000, 12_000, 100))
def test_more_programs(first: int) -> None:
    expect_right("functions", range(first, first + 100), REFUSED)
