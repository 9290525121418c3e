"""Random programs that change and share containers (`tests/fuzz/containers.py`)."""

from __future__ import annotations

import pytest

from tests.fuzz.containers import generate
from tests.fuzz.run import check


@pytest.mark.parametrize("first", range(0, 40, 20))
def test_programs(first: int) -> None:
    found = [check(generate(seed)) for seed in range(first, first + 20)]
    assert not [o for o in found if o.status in ("wrong", "crashed")]
    assert sum(o.status == "right" for o in found) >= 14


def test_a_crash_that_was_found() -> None:
    """A row that is stored anew in each turn, beside a list that nobody reads."""
    for seed in (1151, 5112):
        assert check(generate(seed)).status == "right"
