"""Faults that random programs found: places that meet, values that may be unbound."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from s2sgrad import value_and_grad


def two_ends(x: Any) -> Any:
    v = x.reshape(12)
    return v[-12] * v[0] + v[3] * v[-9]


def test_places_counted_from_both_ends_may_be_one() -> None:
    """The second part of a cotangent of zeros was stored, not added, at what the first had."""
    x = np.arange(1.0, 13.0).reshape(3, 4)
    want = np.zeros((3, 4))
    want[0, 0], want[0, 3] = 2.0 * x[0, 0], 2.0 * x[0, 3]
    np.testing.assert_array_equal(value_and_grad(two_ends)(x)[1], want)


def rows_of_a_state(x: Any, y: Any) -> Any:
    q = 1.0
    a = np.zeros_like(x)
    for i in range(3):
        for r in a:
            r += r[i] + x[0, 0]
            for e in r:
                q += e * a[i, i]
                a[i, i] = 0.67 - r[i] * y[0]
        a = np.zeros((4, 4)) + 0.5 * y + 0.1 * a
    return q + np.sum(a)


def test_what_may_be_unbound_is_asked_for_no_shape() -> None:
    """The slot of `r` in the outer loop is unbound in its first turn."""
    x, y = np.full((4, 4), 0.3), np.full(4, 0.2)
    value, (x_bar, y_bar) = value_and_grad(rows_of_a_state, (0, 1))(x, y)
    assert value == rows_of_a_state(x, y)
    e = 1e-6
    for k, (a, g) in enumerate(((x, x_bar), (y, y_bar))):
        ends = [np.full_like(a, s) for s in (e, -e)]
        up, down = (rows_of_a_state(*(x + d if k == 0 else x, y + d if k else y)) for d in ends)
        assert np.sum(g) == pytest.approx((up - down) / (2 * e), rel=1e-5)
