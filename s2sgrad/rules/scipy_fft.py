"""scipy.fft: the transforms of numpy.fft, and cosine and sine transforms.

The transpose of a transform of type 2 is one of type 3, the weight of an end apart (Makhoul, A fast
cosine transform in one and two dimensions, 1980).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.fft

from s2sgrad.rules.fourier import register
from s2sgrad.rules.registry import Op, rule
from s2sgrad.rules.toolbox import call, part

register(scipy.fft)

OTHER = {2: 3, 3: 2, 4: 4}


def scaled_end(g: Any, axis: int, factor: float, last: bool) -> Any:
    """Multiply the first or last element along `axis`."""
    if last:
        return np.concatenate([part(g, 0, -1, axis), factor * part(g, -1, None, axis)], axis=axis)
    return np.concatenate([factor * part(g, 0, 1, axis), part(g, 1, None, axis)], axis=axis)


def make(op: Op, last: bool, inverse: bool) -> None:
    """Register a cosine (`last` False) or sine transform, or its inverse."""

    @rule(op, linear=(0,))
    def transform(
        g: Any, out: Any, x: Any, type: int = 2, n: Any = None, axis: int = -1, norm: Any = None
    ) -> Any:
        if type not in OTHER or n is not None or norm not in (None, "backward", "ortho"):
            raise NotImplementedError(f"{op.__name__} has no rule for this type, length or norm")
        if norm == "ortho" or type == 4:
            return call(op, g, type=OTHER[type], axis=axis, norm=norm)
        if (type == 2) != inverse:  # the weight comes first
            return call(op, scaled_end(g, axis, 2.0, last), type=OTHER[type], axis=axis)
        return scaled_end(call(op, g, type=OTHER[type], axis=axis), axis, 0.5, last)


for _op, _last, _inverse in (
    (scipy.fft.dct, False, False), (scipy.fft.idct, False, True),
    (scipy.fft.dst, True, False), (scipy.fft.idst, True, True),
):  # fmt: skip
    make(_op, _last, _inverse)
