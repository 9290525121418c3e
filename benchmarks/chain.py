"""Chains of dense Jacobians, multiplied in the cheapest order.

Dynamic programming over intervals (Godbole, On efficient computation of matrix chain products, IEEE
Transactions on Computers 22, 1973).  The factors are there as matrices: preaccumulated.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Bracket = int | tuple["Bracket", "Bracket"]


class Chain:
    """The factor `k` has `sizes[k]` rows and `sizes[k + 1]` columns; costs are multiplications."""

    def __init__(self, sizes: Sequence[int]) -> None:
        n = len(sizes) - 1
        s = np.array(sizes, float)
        self.count = n
        self.cost = np.zeros((n, n))
        self.cut = np.zeros((n, n), int)
        for width in range(1, n):
            for i in range(n - width):
                j = i + width
                k = np.arange(i, j)  # the factors `i` to `j`, cut after `k`
                found = self.cost[i, k] + self.cost[k + 1, j] + s[i] * s[k + 1] * s[j + 1]
                at = int(np.argmin(found))
                self.cost[i, j], self.cut[i, j] = found[at], k[at]
        self.best = float(self.cost[0, n - 1])
        each = s[:-1] * s[1:]
        self.forward = float(np.sum(each[:-1]) * s[-1])
        self.reverse = float(np.sum(each[1:]) * s[0])

    def brackets(self, i: int = 0, j: int | None = None) -> Bracket:
        """The cheapest order, as nested pairs of the numbers of factors."""
        j = self.count - 1 if j is None else j
        if i == j:
            return i
        k = int(self.cut[i, j])
        return self.brackets(i, k), self.brackets(k + 1, j)

    def from_left(self) -> Bracket:
        """Reverse mode: the first factor meets the second, and so on."""
        made: Bracket = 0
        for k in range(1, self.count):
            made = (made, k)
        return made

    def from_right(self) -> Bracket:
        """Forward mode."""
        made: Bracket = self.count - 1
        for k in range(self.count - 2, -1, -1):
            made = (k, made)
        return made
