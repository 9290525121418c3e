"""In which order the factors of many products are multiplied, so that shared ones are made once.

The products are sets of literals, a base or its inverse.  The pair of factors that the most
products have becomes a factor of its own, and so on, until no pair is shared (Breuer, Generation of
optimal code for expressions via factorization, Communications of the ACM 12, 1969).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from s2sgrad.elimination.table import Mono

Pair = tuple[int, int]


@dataclass
class Plan:
    """`made[k]` are the two factors of the shared factor k; `left` is what remains of a product.

    Numbers below the first of `made` are bases.  A pair `(a, ~b)` is the quotient of a and b.
    """

    made: dict[int, Pair] = field(default_factory=dict)
    left: dict[Mono, dict[int, int]] = field(default_factory=dict)

    def multiplications(self) -> int:
        total = sum(b >= 0 for _, b in self.made.values())
        for powers in self.left.values():
            up = sum(k for k in powers.values() if k > 0)
            down = -sum(k for k in powers.values() if k < 0)
            total += max(up - 1, 0) + max(down - 1, 0)
        return total

    def divisions(self) -> int:
        shared = sum(b < 0 for _, b in self.made.values())
        return shared + sum(any(k < 0 for k in powers.values()) for powers in self.left.values())


def plan(monos: Iterable[Mono], first: int) -> Plan:
    """How to multiply these products; shared factors are numbered from `first`."""
    found = Plan(left={m: dict(m) for m in sorted(set(monos)) if m})
    holders: dict[Pair, dict[Mono, int]] = {}
    for m, powers in found.left.items():
        _count(m, powers, holders)
    while holders:
        pair, uses = max(
            ((p, sum(h.values())) for p, h in holders.items()),
            key=lambda item: (item[1], item[0][1] >= 0, item[0]),
        )
        if uses < 2:
            break
        number = first + len(found.made)
        found.made[number] = pair
        for m in list(holders[pair]):
            powers = found.left[m]
            _forget(m, powers, holders)
            _replace(powers, pair, number)
            _count(m, powers, holders)
    return found


def _times(powers: dict[int, int], pair: Pair) -> int:
    """How often a product has both factors, or the inverses of both."""
    if pair[1] < 0:
        a, b = powers.get(pair[0], 0), -powers.get(~pair[1], 0)
    else:
        a, b = powers.get(pair[0], 0), powers.get(pair[1], 0)
    if pair[0] == pair[1]:
        return abs(a) // 2
    return min(abs(a), abs(b)) if (a > 0) == (b > 0) and a and b else 0


def _pairs(powers: dict[int, int]) -> Iterable[Pair]:
    bases = sorted(powers)
    for k, a in enumerate(bases):
        if abs(powers[a]) > 1:
            yield a, a
        for b in bases[k + 1 :]:
            if (powers[a] > 0) == (powers[b] > 0):
                yield a, b
            else:
                yield (a, ~b) if powers[a] > 0 else (b, ~a)


def _count(m: Mono, powers: dict[int, int], holders: dict[Pair, dict[Mono, int]]) -> None:
    for pair in _pairs(powers):
        holders.setdefault(pair, {})[m] = _times(powers, pair)


def _forget(m: Mono, powers: dict[int, int], holders: dict[Pair, dict[Mono, int]]) -> None:
    for pair in _pairs(powers):
        held = holders[pair]
        del held[m]
        if not held:
            del holders[pair]


def _replace(powers: dict[int, int], pair: Pair, number: int) -> None:
    n = _times(powers, pair)
    sign = 1 if powers[pair[0]] > 0 else -1
    for f in pair:
        base = f if f >= 0 else ~f
        powers[base] -= sign * n if f >= 0 else -sign * n
    for f in {f if f >= 0 else ~f for f in pair}:
        if powers[f] == 0:
            del powers[f]
    powers[number] = powers.get(number, 0) + sign * n
