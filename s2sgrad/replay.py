"""The same call again: of copies of the arguments, with the same random numbers."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from typing import Any

import numpy as np


class Replay:
    """Calls functions as if each call were the first.

    What they write to are copies, and the global generators of NumPy and of `random` are as they
    were when this was made; generators among the arguments are copied.
    """

    def __init__(self) -> None:
        self.numpy, self.python = np.random.get_state(), random.getstate()  # noqa: NPY002 (the user's)

    def __call__(self, f: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        self.done()
        args, kwargs = copy.deepcopy((args, kwargs))
        return f(*args, **kwargs)

    def done(self) -> None:
        """Set the generators back."""
        np.random.set_state(self.numpy)  # noqa: NPY002
        random.setstate(self.python)
