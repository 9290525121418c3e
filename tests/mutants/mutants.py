"""The faults: what is changed where, as text that stands exactly once in a file of the package."""

# ruff: noqa: E501 - the lines of the package are quoted as they stand

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """In `file`, `old` becomes `new`."""

    name: str
    file: str
    old: str
    new: str


# Tried and left out.  No wrong number comes of them, since `bufferize` copies what would be: hoisting
# what is written to, reading it in a mirror (`passes/remember`), and not asking whether a gradient is
# fresh (`passes/finish`).  No program is
# known that tells `emit/live` without its care for the target of a store (`stored`).
MUTANTS = [
    # bufferize: what runs in place
    Mutant(
        "conflicts are not looked for",
        "passes/bufferize.py",
        "    if _writes(func.body):\n",
        "    if False:\n",
    ),
    Mutant(
        "views that are read later are not copied",
        "passes/conflicts.py",
        "        for v in sorted(hit, key=lambda v: v.hint):\n",
        "        for v in sorted(hit - set(self.regions.made), key=lambda v: v.hint):\n",
    ),
    Mutant(
        "an argument is the function's own",
        "passes/conflicts.py",
        "        live = {p for p in func.body.params if is_memory(p)}\n",
        "        live: set[Var] = set()\n",
    ),
    Mutant(
        "what a loop reads is not live in all of it",
        "passes/conflicts.py",
        "        live |= set(reads(blocks, contents)) | _vars(s.walked)\n",
        "        live |= _vars(s.walked)\n",
    ),
    Mutant(
        "tapes do not hold what is collected",
        "passes/conflicts.py",
        "        inner = live | tapes | _vars(s.body.results)\n",
        "        inner = live | _vars(s.body.results)\n",
    ),
    Mutant(
        "slots are never the same memory",
        "passes/regions.py",
        "                changed |= self.relate_slots(slots)",
        "                changed |= False",
    ),
    Mutant(
        "results may share memory",
        "passes/bufferize.py",
        "            if any(regions.alias(r, t) for t in taken):",
        "            if False:",
    ),
    Mutant(
        "every accumulation runs in place",
        "passes/bufferize.py",
        "        found -= wrong\n",
        "        break\n",
    ),
    # reverse
    Mutant(
        "a store does not clear the cotangent",
        "passes/adjoints.py",
        "        part: Part = Clear(g, index, atoms, read) if store else g\n",
        "        part: Part = g\n",
    ),
    Mutant(
        "the last write to a repeated place is not told from the others",
        "passes/adjoints.py",
        "        if s.op is not ops.setitem or is_distinct(s.form.args[1], s.args, self.made_by):\n"
        "            return read\n",
        "        return read\n",
    ),
    Mutant(
        "the arms of a mirrored branch change places",
        "passes/reverse.py",
        "            Branch(outs, test, (walked[0], walked[1]), blocks[0], blocks[1], len(new), s.at)",
        "            Branch(outs, test, (walked[1], walked[0]), blocks[1], blocks[0], len(new), s.at)",
    ),
    Mutant(
        "broadcasting is not undone",
        "passes/cotangents.py",
        "        same = fits(x.type, t)\n        if same:\n            return bar\n",
        "        return bar\n",
    ),
    Mutant(
        "a mirrored loop forgets what comes from outside",
        "passes/reverse.py",
        "            self.frame.bars[v] = [acc]\n",
        "",
    ),
    Mutant(
        "accumulators of a loop start at zero",
        "passes/reverse.py",
        " + [self.total(v) for v in free]\n        for k in live:",
        " + [self.zero(v) for v in free]\n        for k in live:",
    ),
    Mutant(
        "a loop that stopped is mirrored in full",
        "passes/reverse.py",
        "        if isinstance(s.over, Range) and s.stop is None:\n",
        "        if isinstance(s.over, Range):\n",
    ),
    Mutant(
        "an outer value is taken from the first turn: no tape",
        "passes/taping.py",
        "            frame.known[a] = self._walked(a, frame)\n",
        "            frame.known[a] = Lit(1.0)\n",
    ),
    Mutant(
        "a mirror walks its tape forwards",
        "passes/reverse.py",
        "body, s.at, down=not s.down)",
        "body, s.at, down=s.down)",
    ),
    Mutant(
        "only the last contribution to a cotangent counts",
        "passes/cotangents.py",
        "        for g in dense:\n            total = self.sum(total, g, v)\n",
        "        for g in dense:\n            total = g\n",
    ),
    Mutant(
        "cotangents keep the dtype that they have",
        "passes/cotangents.py",
        "        if isinstance(x.type, Array) and isinstance(t, Array) and t.char != x.type.char:",
        "        if False:",
    ),
    # what mirrors remember
    Mutant(
        "what is read in an array was stored over in a later turn",
        "passes/stored.py",
        "        return all(c >= k if self.up else c <= k for _, c in self.stores)\n",
        "        return True\n",
    ),
    Mutant(
        "what is read in an array was stored over in the same turn",
        "passes/stored.py",
        "        if any(c == k and not _apart(s, place) for s, c in self.stores[n:]):\n",
        "        if False:\n",
    ),
    Mutant(
        "places in an array may count from its end",
        "passes/stored.py",
        "    return c if least + c >= 0 else None\n",
        "    return c\n",
    ),
    Mutant(
        "the items of a list are one place further down",
        "passes/filled.py",
        "found.append(Filled(s, p, last.out, last.args[1], out, start, length - start))",
        "found.append(Filled(s, p, last.out, last.args[1], out, start, length - start - 1))",
    ),
    Mutant(
        "places in a list may count from its end",
        "passes/filled.py",
        "        return n if n >= -self.start else None  # less may count from the end\n",
        "        return n\n",
    ),
    Mutant(
        "a tape for the shape is taken for one of another rank",
        "passes/shapes.py",
        "        return here.get(a.type, a)\n",
        "        return next(iter(here.values()), a)\n",
    ),
    Mutant(
        "the items of a tuple change places",
        "passes/bundle.py",
        "        forms = [Form((Hole(0), k)) for k in range(len(params))]\n",
        "        forms = [Form((Hole(0), k)) for k in reversed(range(len(params)))]\n",
    ),
    Mutant(
        "what is computed again takes its operands from anywhere",
        "passes/remember.py",
        "        args = tuple(self.have(a, pair) for a in made.args)\n",
        "        args = tuple(self.have(a, pair) for a in reversed(made.args))\n",
    ),
    # activity
    Mutant(
        "activity does not come round a loop",
        "passes/activity.py",
        "            while _hand(s.body.results[:n], params, varied):\n"
        "                _forward(s.body, varied)\n",
        "",
    ),
    Mutant(
        "use does not come round a loop",
        "passes/activity.py",
        "            while _mark(params, s.body.results[:n], useful):\n"
        "                _backward(s.body, useful)\n",
        "",
    ),
    Mutant(
        "one arm alone makes a branch active",
        "passes/activity.py",
        "                _hand(arm.results[: s.joined], s.outs[: s.joined], varied)\n",
        "                if k == 0:\n                    _hand(arm.results[: s.joined], s.outs[: s.joined], varied)\n",
    ),
    # selections
    Mutant(
        "zeros do not annihilate",
        "passes/selected.py",
        "        return singular or any(a in self.tainted for a in (*s.args, s.out))\n",
        "        return False\n",
    ),
    Mutant(
        "nothing is marked as selected",
        "passes/selected.py",
        "            self.bars.add(bar)\n",
        "            pass\n",
    ),
    Mutant(
        "what a mask protects may be divided by, zero or not",
        "passes/masked.py",
        "        return canonical(s.op) in _GUARDED and mask in self.positive.get(s.args[-1], ())\n",
        "        return True\n",
    ),
    Mutant(
        "the other alternative of an inner choice is taken",
        "passes/choices.py",
        "                arms[k] = inner.args[1 + k]\n",
        "                arms[k] = inner.args[2 - k]\n",
    ),
    # the passes that tidy
    Mutant(
        "equal terms are collected without their signs",
        "passes/sums.py",
        "coefs.get(f.key, 0.0) + sign * f.coef",
        "coefs.get(f.key, 0.0) + f.coef",
    ),
    Mutant(
        "a sum is added to what was scaled in place",
        "emit/writes.py",
        "            if self.is_old(first, s) and not terms:\n",
        "            if self.is_old(first, s):\n",
    ),
    Mutant(
        "allocations are shared",
        "passes/share.py",
        "        if s.op in ALLOCATIONS:\n            return s  # two arrays, each of which may be written to\n",
        "",
    ),
    Mutant(
        "subtraction of a negated value keeps its sign",
        "passes/share.py",
        "_FLIPPED: dict[Any, Any] = {operator.add: operator.sub, operator.sub: operator.add}",
        "_FLIPPED: dict[Any, Any] = {operator.add: operator.sub, operator.sub: operator.sub}",
    ),
    Mutant(
        "common subexpressions are shared across arms",
        "passes/share.py",
        "        while len(self.seen) > outer:\n            self.seen.popitem()  # what was added last\n",
        "",
    ),
    Mutant(
        "dead code is looked for once in a loop",
        "passes/prune.py",
        "    while size != len(live):\n",
        "    if size != len(live):\n",
    ),
    # the front
    Mutant(
        "names of one array on several paths are not linked",
        "front/join.py",
        "            self.link(value.root, a, b)\n",
        "            pass\n",
    ),
    Mutant(
        "a write leaves other names as they were",
        "front/memory.py",
        "            if not isinstance(self.versions.get(other), Stale):\n"
        '                self.versions[other] = Stale(at, "on some path they are the same array")\n',
        "            pass\n",
    ),
    Mutant(
        "what may be a view is an array of its own",
        "front/calls.py",
        "        if makes_memory(op, form):\n            return []\n",
        "        return []\n",
    ),
    Mutant(
        "a view shows its array as it was at first",
        "front/memory.py",
        "        now = self.versions.get(root, root.first)\n        if isinstance(now, Stale):",
        "        now = root.first\n        if isinstance(now, Stale):",
    ),
    Mutant(
        "a loop's links are those of its first turn",
        "front/carried.py",
        "        self.settle_links(assumed, turn, mark)\n",
        "",
    ),
    Mutant(
        "overlapping stores of another stride are let through",
        "front/memory.py",
        "    if not isinstance(value, Ref) or value.root is not target.root:\n        return False\n",
        "    return False\n",
    ),
    # rules
    Mutant(
        "the sign of division",
        "rules/arithmetic.py",
        "    return g / x2, -g * out / x2\n",
        "    return g / x2, g * out / x2\n",
    ),
    Mutant(
        "lists hand out their cotangents from the front",
        "passes/lists.py",
        "        last = _item(r, g, -1)",
        "        last = _item(r, g, 0)",
    ),
    # emission
    Mutant(
        "tapes are read from the front",
        "emit/tapes.py",
        'text = f"{targets} = {tape}.pop()"',
        'text = f"{targets} = {tape}.pop(0)"',
    ),
    Mutant(
        "two live values may have one name",
        "emit/names.py",
        "        return not live & self.busy[name]\n",
        "        return True\n",
    ),
    Mutant(
        "a read is folded into an expression past a write",
        "emit/facts.py",
        "        return all(w.isdisjoint(reads) for w in self.writes[block][k + 1 : last])\n",
        "        return True\n",
    ),
]
