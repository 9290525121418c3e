"""What a set of values costs to compute: multiplications in the text, and the rest apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from s2sgrad.elimination.accumulate import monos, operands
from s2sgrad.elimination.products import plan
from s2sgrad.elimination.table import Apply, Sum, Table, Term, Value

FREE = (1.0, -1.0, 2.0, -2.0)  # a sign; twice a number is its sum with itself


def reachable(table: Table, values: Iterable[Value]) -> list[int]:
    """The bases that the values are computed from, operands first."""
    found: set[int] = set()
    todo = [b for v in values for b, _ in v.mono]
    while todo:
        base = todo.pop()
        if base not in found:
            found.add(base)
            todo += operands(table, base)
    return sorted(found)


def kept(table: Table, values: Iterable[Value]) -> list[Value]:
    """What has to be computed besides `values`, because Python raises where the program does so.

    A function of a number that may be refused (`math.log`), or the inverse of a divisor that the
    derivative does not divide by.
    """
    bases = set(reachable(table, values))
    found = [table.one(b) for b in dict.fromkeys(table.raising) if b not in bases]
    bases.update(reachable(table, found))
    products = [*(v.mono for v in values), *(m for b in bases for m in monos(table, b))]
    divided = {b for m in products for b, k in m if k < 0}
    divided |= {b for b, root in table.root_of.items() if root in divided}
    zero = {b for mono in table.divisors for b, k in mono if k > 0}  # if one of them is
    return [*found, *(table.one(b) ** -1 for b in sorted(zero - divided))]


def operations(table: Table, values: Iterable[Value]) -> Counter[str]:
    """How many multiplications, additions, divisions and other operations."""
    values = list(values)
    bases = reachable(table, values)
    scaled = {(v.factor, v.mono) for v in values}
    found: Counter[str] = Counter()
    for base in bases:
        made = table.bases[base]
        if isinstance(made, Sum):
            found["additions"] += 1
            scaled |= {(made.ca, made.a), (made.cb, made.b)}
        elif isinstance(made, Apply):
            found["others"] += 1
            scaled |= {(a.factor, a.mono) for a in made.args if isinstance(a, Term)}
    every = {v.mono for v in values} | {m for base in bases for m in monos(table, base)}
    products = plan(every, len(table.bases))
    scalings = {(abs(c), m) for c, m in scaled if m and c not in FREE}
    found["multiplications"] = products.multiplications() + len(scalings)
    found["divisions"] = products.divisions()
    found["additions"] += len({m for c, m in scaled if m and abs(c) == 2.0})
    return found
