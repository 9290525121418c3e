"""Programs that build, change and iterate containers: against central differences."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from typing import Any

import pytest

from tests.container_programs import PROGRAMS
from tests.test_containers import check


@pytest.mark.parametrize(("f", "args"), PROGRAMS, ids=[f.__name__ for f, _ in PROGRAMS])
def test_program(f: Callable[..., Any], args: tuple[Any, ...]) -> None:
    @functools.wraps(f)
    def unharmed(*given: Any) -> Any:
        return f(*copy.deepcopy(given))

    check(f, *args, primal=unharmed)
