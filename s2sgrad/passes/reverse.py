"""Reverse mode: the forward sweep as it was, then the transposed Jacobians in reverse order.

The mirror of a block is built while the block is read backwards.  A mirrored loop carries the
cotangents of what the loop carries, and one accumulator for each active value that its body reads
from outside.  A value that the backward sweep reads and that a loop or an arm binds is *collected*
where it is bound and *walked* in the mirror; one that is a cheap operation away is computed again.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from s2sgrad.errors import DifferentiationError, InternalError, Refusal
from s2sgrad.front.infer import fits, spread_axes
from s2sgrad.ir import ops
from s2sgrad.ir.call import Kept
from s2sgrad.ir.graph import (
    UNDEF,
    Atom,
    Block,
    Branch,
    Eqn,
    Form,
    Func,
    Hole,
    Lit,
    Loop,
    Pack,
    Range,
    Stmt,
    Var,
    atom_type,
    call_args,
)
from s2sgrad.ir.span import Span
from s2sgrad.ir.types import INT, Array, List, Scalar, Seq, Several, Type, Unknown, is_real, kind_of
from s2sgrad.ir.walk import bound_by, reads
from s2sgrad.passes.activity import active, carries_derivative
from s2sgrad.passes.axes import only_adds, without_added
from s2sgrad.passes.calls import Pair, Pairs, forward_call, reverse_call
from s2sgrad.passes.generic import Call, by_helpers, uncounted
from s2sgrad.passes.lists import LISTS, list_cotangents
from s2sgrad.passes.record import Recorder, StaticFact, Symbol
from s2sgrad.passes.selected import Selected, guard
from s2sgrad.rules.registry import Rule, by_position, lookup, pullback

ZERO = Lit(0.0)


@dataclass(eq=False, slots=True)
class _Add:
    """A contribution `g` to the part at `index` of a cotangent: kept until it is summed up."""

    index: Any  # a template whose holes count `atoms`
    atoms: tuple[Atom, ...]
    g: Atom


@dataclass(eq=False, slots=True)
class _Clear:
    """The cotangent `base` of an array after a store, as that before it: zero at `index`."""

    base: Atom
    index: Any
    atoms: tuple[Atom, ...]
    read: Atom | None  # what `base` has at `index`, where that was asked

    def meets(self, add: _Add) -> bool:
        """Is it the same place?"""
        return self.index == add.index and all(map(_same, self.atoms, add.atoms))


def dense_parts(parts: Sequence[Part]) -> bool:
    """Is any of the contributions one to the whole?"""
    return any(not isinstance(p, _Add) for p in parts)


def _same(a: Atom, b: Atom) -> bool:
    return a is b or (isinstance(a, Lit) and isinstance(b, Lit) and bool(a.value == b.value))


Part = Atom | _Add | _Clear


def reverse(func: Func, wrt: Sequence[Var], seeds: Sequence[Atom], extra: Sequence[Var]) -> Func:
    """`func` with its results followed by the cotangents of `wrt`.

    `seeds` are the cotangents of the results; `extra` are parameters that they introduce.
    """
    return _Reverse(func, wrt).build(seeds, extra)


def _reversed(
    func: Func,
    wrt: Sequence[Var],
    seeds: Sequence[Var | None],
    marked: Collection[Var],
    pairs: Pairs,
) -> tuple[Func, tuple[bool, ...]]:
    """A kept function with its backward half; which of its cotangents are zero by selection."""
    one = _Reverse(func, wrt, pairs)
    if marked:  # what it is given may be singular
        one.selected.taint(func.body)
        one.selected.bars.update(marked)
    whole = one.build([s or ZERO for s in seeds], [s for s in seeds if s])
    bars = whole.body.results[len(func.body.results) :]
    return whole, tuple(b in one.selected.bars for b in bars)


def local_cotangents(s: Eqn, g: Atom) -> tuple[list[Stmt], list[Atom | None]]:
    """The rule of one equation alone: what it computes, and the cotangent of each flat operand."""
    params = tuple(dict.fromkeys(a for a in (*s.args, s.out, g) if isinstance(a, Var)))
    body = Block(params, (s,), (s.out,))
    alone = _Reverse(Func("", body, tuple(p.hint for p in params)), params)
    return alone.recorder.stmts, alone.cotangents(s, g)


@dataclass(eq=False)
class _Frame:
    """The mirror of one block, being built."""

    primal: Block
    parent: _Frame | None
    owner: tuple[Stmt, int] | None  # the loop or branch (and its arm) that the block belongs to
    index: Var | None = None
    stmts: list[Stmt] = field(default_factory=list)
    prelude: list[Stmt] = field(default_factory=list)
    walked: list[tuple[Var, Atom]] = field(default_factory=list)
    known: dict[Var, Atom] = field(default_factory=dict)
    bars: dict[Var, list[Part]] = field(default_factory=dict)


class _Reverse:
    def __init__(self, func: Func, wrt: Sequence[Var], pairs: Pairs | None = None) -> None:
        self.func, self.wrt = func, wrt
        self.pairs = pairs or Pairs(_reversed)
        self.saved: dict[Eqn, tuple[Pair, Var]] = {}  # calls that have a backward half
        self.active = active(func, wrt, func.body.results)
        self.home: dict[Var, Block] = {}
        self.made_by: dict[Var, Eqn] = {}
        self.items: dict[tuple[Atom, int], Var] = {}  # the results of operations with several
        self.collects: dict[tuple[Stmt, int], dict[Var, Var]] = {}
        self.counts: dict[Loop, Var] = {}
        self.bar_of: dict[Var, Var] = {}  # which value a cotangent without a name is one of
        self.unbound: set[Atom] = {UNDEF}  # values that some path leaves without a value
        self.shape_from: dict[Var, Atom] = {}  # another value that surely has the same shape
        self._index(func.body)
        self.selected = Selected(func.body)
        self.frame = _Frame(func.body, None, None)
        self.recorder = Recorder(self.frame.stmts)

    def _index(self, block: Block) -> None:
        for p in block.params:
            self.home[p] = block
        for s in block.stmts:
            if isinstance(s, Eqn):
                self.home[s.out], self.made_by[s.out] = block, s
                if s.op in (ops.setitem, ops.additem, ops.copy, ops.bound):
                    self.shape_from[s.out] = s.args[0]
                if s.op is ops.getitem and isinstance(atom_type(s.args[0]), Several) and s.form:
                    self.items[s.args[0], s.form.args[1]] = s.out
                continue
            for v in bound_by(s):
                self.home[v] = block
            if isinstance(s, Loop):
                for init, p, out in zip(s.carried, s.body.params[1:], s.outs, strict=False):
                    if init in self.unbound:
                        self.unbound |= {p, out}
            for b in s.arms if isinstance(s, Branch) else (s.body,):
                self._index(b)
            if isinstance(s, Loop):
                self._index_shapes(s)
            if isinstance(s, Branch):
                for k, v in enumerate(s.outs[: s.joined]):
                    if any(arm.results[k] in self.unbound for arm in s.arms):
                        self.unbound.add(v)

    def _index_shapes(self, s: Loop) -> None:
        """What a loop only writes to keeps its shape."""
        for init, p, out, r in zip(
            s.carried, s.body.params[1:], s.outs, s.body.results, strict=False
        ):
            while r is not p and isinstance(r, Var) and r in self.shape_from:
                r = self.shape_from[r]
            if r is p:
                self.shape_from[p] = self.shape_from[out] = init

    def build(self, seeds: Sequence[Atom], extra: Sequence[Var]) -> Func:
        body = self.func.body
        for r, seed in zip(body.results, seeds, strict=True):
            self.add(r, seed)
        self.backward(body)
        bars = tuple(self.total(v) for v in self.wrt)
        if len(bars) > 1:  # several results are read by their names
            for v, bar in zip(self.wrt, bars, strict=True):
                if isinstance(bar, Var) and not bar.hint:
                    object.__setattr__(bar, "hint", _bar(v))
        forward = self._with_collects(body)
        whole = Block(
            (*body.params, *extra),
            (*forward.stmts, *self.frame.prelude, *self.frame.stmts),
            (*body.results, *bars),
        )
        mirror = {v for s in self.frame.stmts for v in bound_by(s)}
        guards = self.func.notes.get("guards", set()) | self.selected.masks
        notes = {**self.func.notes, "mirror": mirror, "pairs": self.pairs, "guards": guards}
        notes["bars"] = {**self.func.notes.get("bars", {}), **self.bar_of}
        names = (*self.func.names, *(v.hint for v in extra))
        return replace(self.func, body=whole, names=names, notes=notes)

    # -- cotangents

    def add(self, v: Atom, g: Atom) -> None:
        if v in self.active and not _is_zero(g):
            self.frame.bars.setdefault(v, []).append(g)

    def total(self, v: Var) -> Atom:
        """The cotangent of `v`: its contributions summed once."""
        parts = self.frame.bars.get(v)
        if not parts:
            return self.zero(v)
        adds = [p for p in parts if isinstance(p, _Add)]
        dense: list[Atom] = []
        for p in parts:
            if isinstance(p, _Clear):
                here = [a for a in adds if p.meets(a)]
                adds = [a for a in adds if a not in here]
                dense.append(self.cleared(p, [a.g for a in here], v))
            elif not isinstance(p, _Add):
                dense.append(p)
        total = dense.pop(0) if dense else self.zero(v)
        for g in dense:
            total = self.sum(total, g, v)
        selected = total in self.selected.bars or not dense_parts(parts)
        for a in adds:
            total = self.put(ops.additem, total, a.index, a.atoms, a.g, v)
        if selected:  # zero wherever nothing was read
            self.selected.bars.add(total)
        self.named(total, v)
        self.frame.bars[v] = [total]
        return total

    def named(self, bar: Atom, v: Var) -> None:
        """Note that `bar` is the cotangent of `v`: it will be named so."""
        if isinstance(bar, Var) and not bar.hint:
            self.bar_of.setdefault(bar, v)

    def cleared(self, c: _Clear, gs: list[Atom], v: Var) -> Atom:
        """Zero at the place of a store, and what was contributed to that place since."""
        if len(gs) == 1 and gs[0] is c.read:
            return c.base  # `x[i] += v` leaves the cotangent as it is
        total: Atom = ZERO
        if isinstance(v.type, List) and not isinstance(v.type.item, Scalar) and not gs:
            item = c.read or self.part(c)
            total = self.recorder.emit(ops.zeros_like, (item,))
        for k, g in enumerate(gs):
            total = self.sum(total, g, v) if k else g
        cleared = self.put(ops.setitem, c.base, c.index, c.atoms, total, v)
        self.selected.bars.add(cleared)
        return cleared

    def part(self, c: _Clear) -> Atom:
        """What the cotangent has at the place of a store."""
        return self.recorder.emit(ops.getitem, (c.base, *c.atoms), Form((Hole(0), c.index)))

    def put(
        self,
        op: Callable[..., Any],
        base: Atom,
        index: Any,
        atoms: tuple[Atom, ...],
        g: Atom,
        v: Var,
    ) -> Atom:
        """`base` with `g` stored at, or added to, the place `index`."""
        form = Form((Hole(0), index, Hole(len(atoms) + 1)))
        return self.recorder.emit(op, (base, *atoms, g), form, hint=_bar(v))

    def sum(self, a: Atom, b: Atom, v: Var) -> Atom:
        if isinstance(v.type, List):
            return self.recorder.emit(ops.add_lists, (a, b), hint=_bar(v))
        total = self.recorder.emit(operator.add, (a, b), hint=_bar(v))
        self.selected.sum((a, b), total)
        return total

    def zero(self, v: Var) -> Atom:
        if isinstance(v.type, Scalar) or v in self.unbound:
            return ZERO
        if not isinstance(v.type, List):
            return self.recorder.emit(ops.zeros_like, (self.like(v),), hint=_bar(v))
        if isinstance(v.type.item, Scalar):
            return self.recorder.emit(ops.spread_list, (ZERO, self.like(v)), hint=_bar(v))
        return self.recorder.emit(ops.zeros_list, (self.like(v),), hint=_bar(v))

    def like(self, v: Var) -> Atom:
        """A value in sight that has the shape and dtype of `v`."""
        found: Atom = v
        while isinstance(found, Var) and found in self.shape_from:
            found = self.shape_from[found]
        same = isinstance(found, Var) and isinstance(found.type, Array)
        return self.need(found if same else v)

    # -- primal values in the backward sweep

    def need(self, a: Atom) -> Atom:
        """The primal value `a`, visible in the mirror that is being built."""
        if isinstance(a, Lit) or self.home[a] is self.func.body:
            return a
        frame: _Frame | None = self.frame
        while frame is not None and frame.primal is not self.home[a]:
            frame = frame.parent
        if frame is None:
            raise InternalError("reverse", f"`{a.hint}` is not visible in the mirror", "")
        if a not in frame.known:
            frame.known[a] = self._recomputed(a, frame) or self._walked(a, frame)
        return frame.known[a]

    def _missing(self, a: Atom, frame: _Frame, depth: int = 2) -> set[Var] | None:
        """The carried numbers that must be taped to have `a` in `frame`; None: more than that."""
        if isinstance(a, Lit) or self.home[a] is self.func.body:
            return set()
        home: _Frame | None = frame
        while home is not None and home.primal is not self.home[a]:
            home = home.parent
        if home is not None and a in home.known:
            return set()
        if home is frame and a in frame.primal.params and isinstance(a.type, Scalar):
            return {a}
        made = self.made_by.get(a)
        if made is None or depth == 0 or not _is_cheap(made) or _fills(made):
            return None
        return _union(self._missing(b, frame, depth - 1) for b in made.args)

    def _recomputed(self, a: Var, frame: _Frame) -> Atom | None:
        """`a` computed again, if that is cheap and asks for one tape at most."""
        made = self.made_by.get(a)
        if made is None or not _is_cheap(made):
            return None
        missing = _union(self._missing(b, frame) for b in made.args)
        if missing is None or len(missing) > (0 if _fills(made) else 1):
            return None
        here, self.frame = self.frame, frame
        args = tuple(self.need(b) for b in made.args)
        self.frame = here
        out = Var(a.hint, a.type)
        frame.prelude.append(replace(made, out=out, args=args, raises=False))
        return out

    def _walked(self, a: Var, frame: _Frame) -> Atom:
        assert frame.owner is not None
        assert frame.parent is not None
        collected = self.collects.setdefault(frame.owner, {})
        if a not in collected:
            collected[a] = Var(_tape(a), Seq(a.type))
            self.home[collected[a]] = frame.parent.primal
        here, self.frame = self.frame, frame.parent
        source = self.need(collected[a])
        self.frame = here
        item = Var(a.hint, a.type)
        frame.walked.append((item, source))
        return item

    # -- statements, backwards

    def backward(self, block: Block) -> None:
        for s in reversed(block.stmts):
            if isinstance(s, Eqn):
                self.eqn(s)
            elif isinstance(s, Branch):
                self.branch(s)
            else:
                self.loop(s)

    def eqn(self, s: Eqn) -> None:
        g = self._bar_of(s)
        if g is None:
            return
        if isinstance(s.op, Kept):
            reverse_call(self, s, g if isinstance(g, list) else [g])
            return
        if not isinstance(g, list) and self._structural(s, g):
            return
        for a, bar in zip(s.args, self.cotangents(s, g), strict=True):
            if not isinstance(a, Var) or a not in self.active:
                continue
            if bar is None:
                raise self._no_rule(s, "one of them has no rule")
            if not _is_zero(bar):
                if _keeps_shapes(s):
                    _retype(bar, a)
                bar = self.shaped(bar, a)
                self.selected.mark(s, g, bar, a)
                self.add(a, bar)

    def _structural(self, s: Eqn, g: Atom) -> bool:
        """Reads and writes of parts, and lists: no rule is asked."""
        if s.op is ops.getitem:
            self._getitem(s, g)
        elif s.op in (ops.setitem, ops.additem):
            self._write(s, g)
        elif s.op in (ops.copy, ops.bound):
            self.add(s.args[0], g)
        elif s.op in LISTS or any(isinstance(atom_type(a), List) for a in s.args):
            for a, bar in zip(s.args, list_cotangents(self.recorder, s, g, self.need), strict=True):
                if bar is not None and isinstance(a, Var) and a in self.active:
                    self.add(a, bar if isinstance(a.type, List) else self.shaped(bar, a))
        else:
            return False
        return True

    def _bar_of(self, s: Eqn) -> Atom | list[Atom | None] | None:
        """The cotangent of the result of `s`: a list where there are several; None for zero."""
        outs: list[Var | None] = [s.out]
        several = s.out.type if isinstance(s.out.type, Several) else None
        whole = atom_type(s.args[0]) if s.op is ops.getitem else None
        if several is not None and not several.open:
            outs = [self.items.get((s.out, k)) for k in range(len(several.items))]
        elif isinstance(whole, Several) and not whole.open:
            return None  # it stays with the item until the operation's own turn
        found = [v is not None and bool(self.frame.bars.get(v)) for v in outs]
        if not any(found) or not carries_derivative(s):
            return None
        for t in (several, whole):
            if isinstance(t, Several) and t.open:
                made = self.made_by[s.args[0]] if t is whole else s  # type: ignore[index]
                raise uncounted(made, s)
        self.recorder.stmts, self.recorder.at = self.frame.stmts, s.at
        bars = [self.total(v) if v and f else None for v, f in zip(outs, found, strict=True)]
        for v, f in zip(outs, found, strict=True):
            if v and f:
                del self.frame.bars[v]
        return bars if several is not None else bars[0]

    def place(self, s: Eqn, n: int) -> tuple[Any, tuple[Atom, ...]]:
        """The index of `s`, which has `n` atoms, in the mirror."""
        assert s.form is not None
        return s.form.args[1], tuple(self.need(a) for a in s.args[1 : n + 1])

    def _getitem(self, s: Eqn, g: Atom) -> None:
        """A read of a part adds to that part of the cotangent."""
        x = s.args[0]
        if x in self.active and not self._fewer_axes(s, g):
            index, atoms = self.place(s, len(s.args) - 1)
            self.frame.bars.setdefault(x, []).append(_Add(index, atoms, g))

    def _fewer_axes(self, s: Eqn, g: Atom) -> bool:
        """The cotangent of `x` in `x[:, None]` is that of all of it, without the added axes."""
        assert s.form is not None
        whole = isinstance(atom_type(g), Array) and isinstance(atom_type(s.args[0]), Array)
        if len(s.args) > 1 or not whole or not only_adds(s.form.args[1]):
            return False
        form = Form((Hole(0), without_added(s.form.args[1])))
        bar = self.recorder.emit(ops.getitem, (g,), form)
        if g in self.selected.bars:
            self.selected.bars.add(bar)
        self.add(s.args[0], bar)
        return True

    def _write(self, s: Eqn, g: Atom) -> None:
        """A store: its value gets the cotangent of the place, what was there before gets none."""
        x, value = s.args[0], s.args[-1]
        index, atoms = self.place(s, len(s.args) - 2)
        read: Atom | None = None
        if s.op is ops.setitem and index is ...:  # nothing is left of what was there
            self.hand(value, self.shaped(g, value) if value in self.active else g)
            return
        if value in self.active:
            assert isinstance(value, Var)
            read = self.recorder.emit(ops.getitem, (g, *atoms), Form((Hole(0), index)))
            if g in self.selected.bars:
                self.selected.bars.add(read)
            self.add(value, self.shaped(self.last(s, g, index, atoms, read), value))
        if x not in self.active:
            return
        assert isinstance(x, Var)
        store = s.op is ops.setitem
        part: Part = _Clear(g, index, atoms, read) if store else g
        self.frame.bars.setdefault(x, []).append(part)

    def last(self, s: Eqn, g: Atom, index: Any, atoms: tuple[Atom, ...], read: Atom) -> Atom:
        """Where an index repeats a place, the last element stored there alone counts."""
        indices = [t for t in map(atom_type, atoms) if isinstance(t, Array)]
        if s.op is ops.setitem and any(isinstance(atom_type(a), Unknown) for a in atoms):
            raise DifferentiationError(
                Refusal(
                    "something is stored at an index that may be a number, a mask or an array",
                    s.at or _NOWHERE,
                    "annotate the index, or give its type with --types",
                    anchor="unknown-type",
                )
            )
        repeats = any(t.kind == "int" for t in indices)
        if s.op is not ops.setitem or not repeats:
            return read
        if (
            isinstance(index, Pack) and index.kind == "path"
        ):  # stored in a view: of that it is asked
            *steps, index = index.items
            g = self.recorder.emit(
                ops.getitem, (g, *atoms), Form((Hole(0), Pack("path", tuple(steps))))
            )
        form = Form((Hole(0), index, Hole(len(atoms) + 1)))
        return self.recorder.emit(ops.last_writes, (g, *atoms, read), form)

    def cotangents(self, s: Eqn, g: Atom | list[Atom | None]) -> list[Atom | None]:
        """One cotangent per flat operand of `s`."""
        rule = lookup(s.op)
        assert rule is not None
        start = len(self.recorder.stmts)
        symbols = [_Lazy(self, a) if isinstance(a, Var) else a.value for a in s.args]
        out: Symbol = _Lazy(self, s.out)
        if not isinstance(g, list) and self.selected.guards(s, g):
            symbols, out = guard(s, symbols, out, self.nonzero(g))
        pos, kw, names = by_position(rule, *call_args(s, symbols))
        templates = s.form.args if s.form else tuple(Hole(k) for k in range(len(s.args)))
        named = dict(s.form.kwargs) if s.form else {}
        templates += tuple(named.get(name) for name in names)
        r = self.recorder
        seed = [b and r.symbol(b) for b in g] if isinstance(g, list) else r.symbol(g)
        try:
            found = pullback(rule, seed, out, pos, kw)
        except StaticFact as e:
            del r.stmts[start:]
            return by_helpers(r, rule, s, self.asked(s, rule, seed, templates), e)
        except (TypeError, NotImplementedError) as e:
            raise self._no_rule(s, str(e)) from e
        bars: list[Atom | None] = [None] * len(s.args)
        for template, bar in zip(templates, found, strict=False):
            self._spread(template, bar, bars)
            items = template.items if isinstance(template, Pack) else ()
            live = any(isinstance(t, Hole) and s.args[t.k] in self.active for t in items)
            if live and not isinstance(bar, list | tuple | None):
                # Silence would be a zero where there is a derivative.
                raise self._no_rule(s, "it takes a list for an array")
        return bars

    def nonzero(self, g: Atom) -> Atom:
        """Where the cotangent `g` is not zero by selection."""
        mask = self.selected.masked.mask(g)
        if mask is not None:
            return self.need(mask)
        found = self.recorder.emit(operator.ne, (g, ZERO))
        self.selected.masks.add(found)
        return found

    def asked(self, s: Eqn, rule: Rule, seed: Any, templates: tuple[Any, ...]) -> Call:
        """The call of a rule, nothing of which is recorded yet."""
        symbols = [_Lazy(self, a) if isinstance(a, Var) else a.value for a in s.args]
        pos, kw, _ = by_position(rule, *call_args(s, symbols))
        wanted = [isinstance(a, Var) and a in self.active for a in s.args]
        return Call(seed, _Lazy(self, s.out), pos, kw, templates, wanted)

    def _no_rule(self, s: Eqn, why: str) -> DifferentiationError:
        name = getattr(s.op, "__name__", str(s.op))
        return DifferentiationError(
            Refusal(
                f"`{name}` has no derivative with these arguments: {why}",
                s.at or _NOWHERE,
                "write it with other arguments, or as several steps (`np.array` of a list)",
                anchor="no-rule",
            )
        )

    def _spread(self, template: object, bar: object, bars: list[Atom | None]) -> None:
        if bar is None:
            return
        if isinstance(template, Hole):
            bars[template.k] = self.recorder.atom(bar)
        elif isinstance(template, Pack) and isinstance(bar, list | tuple):
            for t, b in zip(template.items, bar, strict=True):
                self._spread(t, b, bars)

    def shaped(self, bar: Atom, x: Var) -> Atom:
        """Repair, once for all rules: broadcasting is undone, and a wider dtype."""
        bar = self.reshaped(bar, x)
        t = atom_type(bar)
        if isinstance(x.type, Scalar) and kind_of(t) == "complex" != x.type.kind:
            bar = self.recorder.emit(np.real, (bar,))
        if is_real(x.type) and isinstance(t, Unknown) and not t.real:
            bar = self.recorder.emit(np.real, (bar,))
        if isinstance(x.type, Array) and isinstance(t, Array) and t.char != x.type.char:
            if x.type.kind == "float" and t.kind == "complex":
                bar = self.recorder.emit(np.real, (bar,))
            bar = self.recorder.emit(ops.cast_like, (bar, self.like(x)))
        return bar

    def reshaped(self, bar: Atom, x: Var) -> Atom:
        t = atom_type(bar)
        same = fits(x.type, t)
        if same:
            return bar
        if isinstance(x.type, Scalar) and isinstance(t, Array):
            return self.summed(bar, None, Scalar(t.kind, t.char))
        if isinstance(x.type, Scalar) and isinstance(t, Unknown):
            return self.recorder.emit(np.sum, (bar,))  # `x` may be unbound where it was not read
        if same is False and isinstance(x.type, Array) and isinstance(t, Scalar):
            return self.recorder.emit(ops.broadcast_like, (bar, self.like(x)))
        if isinstance(x.type, Array) and isinstance(t, Array):
            axes = spread_axes(x.type, t)
            if axes is not None:
                lead, ones = axes
                if lead:
                    kept = Array(t.char, t.shape[len(lead) :])
                    bar = self.summed(bar, lead, kept)
                if ones:
                    bar = self.summed(bar, ones, Array(t.char, x.type.shape), keepdims=True)
                return bar
        return self.recorder.emit(ops.unbroadcast, (bar, self.like(x)))

    def summed(
        self, bar: Atom, axes: tuple[int, ...] | None, t: Type, keepdims: bool = False
    ) -> Atom:
        """`np.sum` of `bar`, whose result has the type `t`."""
        named: list[tuple[str, Any]] = []
        if axes is not None:
            named.append(("axis", axes[0] if len(axes) == 1 else axes))
        if keepdims:
            named.append(("keepdims", True))
        form = Form((Hole(0),), tuple(named)) if named else None
        out = Var("", t)
        self.recorder.stmts.append(Eqn(out, np.sum, (bar,), form, self.recorder.at))
        return out

    def hand(self, a: Atom, g: Atom) -> None:
        """Add to what a loop or a branch was handed: a number where others hand an array."""
        if isinstance(a, Var) and a in self.active:
            t = atom_type(g)
            loose = isinstance(t, Array) and t.loose
            self.add(a, self.shaped(g, a) if loose or isinstance(a.type, Scalar) else g)

    # -- tapes: the adjoint of a walk is a collect of cotangents, and the other way round

    def free(self, blocks: Sequence[Block]) -> list[Var]:
        """The active values that the blocks read from outside; what they walk is no such value."""
        found = [v for v in reads(blocks) if v in self.active]
        if any(isinstance(v.type, Seq) for v in found):
            raise InternalError(
                "reverse", "a tape is walked in a block below that of its owner", ""
            )
        return found

    def walk_cotangents(self, tapes: Sequence[Var], items: Sequence[Atom]) -> None:
        """The mirror of what collects `items` walks the cotangents that each walker collected."""
        assert self.frame.parent is not None
        for tape, item in zip(tapes, items, strict=True):
            for cotangents in self.frame.parent.bars.get(tape, ()):
                assert isinstance(cotangents, Var)
                assert isinstance(cotangents.type, Seq)
                taken = Var(_bar(item) if isinstance(item, Var) else "", cotangents.type.item)
                self.frame.walked.append((taken, cotangents))
                if isinstance(item, Var) and isinstance(item.type, Seq):
                    self.frame.bars.setdefault(item, []).append(taken)
                else:
                    self.hand(item, taken)

    def collect_cotangents(
        self, params: Sequence[Var], sources: Sequence[Atom]
    ) -> list[tuple[Atom, Var, Atom]]:
        """What the mirror of a walker collects: the walked tape, the new one, and its item."""
        found: list[tuple[Atom, Var, Atom]] = []
        for p, source in zip(params, sources, strict=True):
            parts = self.frame.bars.get(p)
            if not parts:
                continue
            nested = isinstance(p.type, Seq)
            items = [a for a in parts if isinstance(a, Var)] if nested else [self.total(p)]
            seqs = (Var(_tape(_named(item, p)), Seq(atom_type(item))) for item in items)
            found += [(source, seq, item) for seq, item in zip(seqs, items, strict=True)]
        return found

    def hand_tapes(self, tapes: Sequence[tuple[Atom, Var, Atom]]) -> None:
        for source, tape, _ in tapes:
            self.frame.bars.setdefault(source, []).append(tape)  # type: ignore[arg-type]

    # -- branches

    def branch(self, s: Branch) -> None:
        self.recorder.stmts = self.frame.stmts
        outs = s.outs[: s.joined]
        bars = {v: self.total(v) for v in outs if self.frame.bars.get(v)}
        if not bars and not any(self.frame.bars.get(v) for v in s.outs[s.joined :]):
            return
        for v in bars:
            del self.frame.bars[v]
        free = self.free(s.arms)
        start: dict[Var, list[Part]] = {
            v: [self.total(v)] if self.frame.bars.get(v) else [] for v in free
        }
        outer, arms = self.frame, []
        for k, arm in enumerate(s.arms):
            self.frame = _Frame(arm, outer, (s, k))
            self.recorder.stmts = self.frame.stmts
            self.frame.bars = {v: list(parts) for v, parts in start.items() if parts}
            for v, r in zip(outs, arm.results, strict=False):
                if v in bars:
                    self.hand(r, bars[v])
            self.walk_cotangents(s.collected(k), arm.results[s.joined :])
            self.backward(arm)
            arms.append(self.frame)
        changed = [v for v in free if any(f.bars.get(v) not in (None, start[v]) for f in arms)]
        results, tapes = [], []
        for k, f in enumerate(arms):
            self.frame, self.recorder.stmts = f, f.stmts
            results.append([self.total(v) for v in changed])
            tapes.append(self.collect_cotangents(s.arms[k].params, s.walked[k]))
        self.frame, self.recorder.stmts = outer, outer.stmts
        if not changed and not any(tapes):
            return
        new = tuple(Var(_bar(v), v.type) for v in changed)
        for made in results:
            self.selected.hand(made, new)
        blocks, walked = [], []
        for f, bars_out, tape in zip(arms, results, tapes, strict=True):
            params, sources = _walks(f)
            ends = (*bars_out, *(item for _, _, item in tape))
            blocks.append(Block(params, (*f.prelude, *f.stmts), ends))
            walked.append(sources)
        test = self.need(s.test)
        outs = (*new, *(seq for tape in tapes for _, seq, _ in tape))
        self.frame.stmts.append(
            Branch(outs, test, (walked[0], walked[1]), blocks[0], blocks[1], len(new), s.at)
        )
        self.hand_tapes([cell for tape in tapes for cell in tape])
        self.frame.bars.update({v: [n] for v, n in zip(changed, new, strict=True)})

    # -- loops

    def loop(self, s: Loop) -> None:
        self.recorder.stmts = self.frame.stmts
        n = len(s.carried)
        params = s.body.params[1 : n + 1]
        if not any(self.frame.bars.get(v) for v in s.outs):
            return
        live = [k for k in range(n) if params[k] in self.active or s.outs[k] in self.active]
        free = self.free([s.body])
        inits = [self.total(s.outs[k]) for k in live] + [self.total(v) for v in free]
        for k in live:
            self.frame.bars.pop(s.outs[k], None)
        outer = self.frame
        over, index = self._mirrored_range(s)
        self.frame = _Frame(s.body, outer, (s, 0), index)
        self.frame.known[s.body.params[0]] = index
        self.recorder.stmts = self.frame.stmts
        taken = [Var(_bar(params[k]), params[k].type) for k in live]
        accs = [Var(_bar(v), v.type) for v in free]
        for v, acc in zip(free, accs, strict=True):
            self.frame.bars[v] = [acc]
            self.named(acc, v)
        for k, p in zip(live, taken, strict=True):
            self.named(p, params[k])
            self.hand(s.body.results[k], p)
        self.walk_cotangents(s.outs[n:], s.body.results[n:])
        self.backward(s.body)
        self.recorder.stmts = self.frame.stmts
        yields = [self.total(params[k]) for k in live] + [self.total(v) for v in free]
        tapes = self.collect_cotangents(s.body.params[n + 1 :], s.walked)
        inner, self.frame = self.frame, outer
        self.recorder.stmts = outer.stmts
        items, sources = _walks(inner)
        ends = (*yields, *(item for _, _, item in tapes))
        body = Block((index, *taken, *accs, *items), (*inner.prelude, *inner.stmts), ends)
        outs = tuple(Var(v.hint, v.type) for v in (*taken, *accs))
        self.selected.hand(yields, outs)
        made = (*outs, *(seq for _, seq, _ in tapes))
        outer.stmts.append(Loop(made, over, tuple(inits), sources, body, s.at, down=not s.down))
        self.hand_tapes(tapes)
        for v, out in zip(free, outs[len(live) :], strict=True):
            outer.bars[v] = [out]
        for k, out in zip(live, outs[: len(live)], strict=True):
            self.hand(s.carried[k], out)

    def _mirrored_range(self, s: Loop) -> tuple[Range, Var]:
        """The turns that `s` ran, to be run from the last to the first."""
        index = Var(s.body.params[0].hint, INT)
        if isinstance(s.over, Range) and s.stop is None:
            over = Range(*(self.need(a) for a in (s.over.start, s.over.stop, s.over.step)))
            return over, index
        if s not in self.counts:
            self.counts[s] = s.count or Var("turns", INT)
            self.home[self.counts[s]] = self.frame.primal
        count = self.need(self.counts[s])
        if not isinstance(s.over, Range):
            return Range(Lit(0), count, Lit(1)), index
        start, step = self.need(s.over.start), self.need(s.over.step)
        length = self.recorder.emit(operator.mul, (count, step))
        if isinstance(start, Lit) and start.value == 0:
            return Range(start, length, step), index
        return Range(start, self.recorder.emit(operator.add, (start, length)), step), index

    # -- the forward sweep, with what the backward sweep collects

    def _with_collects(self, block: Block) -> Block:
        stmts: list[Stmt] = []
        for s in block.stmts:
            if isinstance(s, Eqn):
                stmts += forward_call(s, *self.saved[s]) if s in self.saved else [s]
            else:
                stmts.append(self._collecting(s))
        return replace(block, stmts=tuple(stmts))

    def _collecting(self, s: Loop | Branch) -> Stmt:
        if isinstance(s, Loop):
            extra = self.collects.get((s, 0), {})
            body = self._with_collects(s.body)
            body = replace(body, results=(*body.results, *extra))
            outs = (*s.outs, *extra.values())
            return replace(s, outs=outs, body=body, count=self.counts.get(s, s.count))
        arms = [self._with_collects(arm) for arm in s.arms]
        extras = [self.collects.get((s, k), {}) for k in (0, 1)]
        arms = [replace(a, results=(*a.results, *e)) for a, e in zip(arms, extras, strict=True)]
        then, orelse = s.collected(0), s.collected(1)
        outs = (*s.outs[: s.joined], *then, *extras[0].values(), *orelse, *extras[1].values())
        return replace(s, outs=outs, then=arms[0], orelse=arms[1])


_CHEAP = {
    operator.add,
    operator.sub,
    operator.mul,
    operator.mod,
    operator.floordiv,
    operator.neg,
    operator.lt,
    operator.le,
    operator.gt,
    operator.ge,
    operator.eq,
    operator.ne,
    ops.not_,
}
_NOWHERE = Span("<unknown>", 1, 0, 1, 0)


def _is_zero(g: Atom) -> bool:
    return isinstance(g, Lit) and type(g.value) is float and not g.value


def _is_cheap(s: Eqn) -> bool:
    """Is computing `s` again cheaper than a tape?  So it is for numbers, views, and one pass."""
    if s.op is ops.getitem or (s.op is np.transpose and s.form is None):
        return True
    return s.op in _CHEAP and isinstance(s.out.type, Scalar | Array)


def _fills(s: Eqn) -> bool:
    """Does it make an array?  Then its operands must be at hand."""
    return s.op in _CHEAP and isinstance(s.out.type, Array)


def _union(parts: Iterable[set[Var] | None]) -> set[Var] | None:
    """All of them together; None if one is."""
    found: set[Var] = set()
    for p in parts:
        if p is None:
            return None
        found |= p
    return found


def _walks(f: _Frame) -> tuple[tuple[Var, ...], tuple[Atom, ...]]:
    return tuple(v for v, _ in f.walked), tuple(s for _, s in f.walked)


def _tape(v: Var) -> str:
    """The hint of a tape of `v`; a tape of tapes is emitted as one list."""
    if isinstance(v.type, Seq):
        return v.hint
    hint = v.hint.lstrip(".").rstrip("0123456789") if v.hint.startswith(".") else v.hint
    return f"{hint}_tape" if hint else "tape"


def _named(item: Atom, p: Var) -> Var:
    """A value that is named like the cotangent of `p`, of the type of `item`."""
    return Var(item.hint if isinstance(item, Var) and item.hint else _bar(p), atom_type(item))


def _bar(v: Var) -> str:
    return f"{v.hint}_bar" if v.hint else ""


class _Lazy(Symbol):
    """A primal operand of a rule: taped only if the rule really reads it."""

    __slots__ = ("owner", "primal")

    def __init__(self, owner: _Reverse, primal: Atom) -> None:
        self.owner, self.primal = owner, primal

    @property
    def recorder(self) -> Recorder:  # type: ignore[override]
        return self.owner.recorder

    @property
    def atom(self) -> Atom:  # type: ignore[override]
        return self.owner.need(self.primal)

    @property
    def type(self) -> Type:
        return atom_type(self.primal)

    def __getitem__(self, index: Any) -> Any:
        item = self.owner.items.get((self.primal, index)) if isinstance(index, int) else None
        return _Lazy(self.owner, item) if item is not None else super().__getitem__(index)


__all__ = ["reverse"]


_MOVES = {
    np.concatenate,
    np.hstack,
    np.vstack,
    np.transpose,
    np.swapaxes,
    np.moveaxis,
    np.reshape,
    np.ravel,
}  # nothing is broadcast


def _keeps_shapes(s: Eqn) -> bool:
    """Is nothing broadcast: elements that move, or a product of vectors and matrices?"""
    if s.op in _MOVES:
        return True
    types = [atom_type(a) for a in s.args]
    ranked = all(isinstance(t, Array) and len(t.shape) <= 2 and not t.loose for t in types)
    return s.op in (np.matmul, operator.matmul, np.dot) and ranked and s.form is None


def _retype(bar: Atom, x: Var) -> None:
    """`bar` was just made in the shape of `x`, which the extents of its operands may not show."""
    if not (isinstance(bar, Var) and isinstance(bar.type, Array) and isinstance(x.type, Array)):
        return
    if len(bar.type.shape) == len(x.type.shape):
        object.__setattr__(bar, "type", Array(bar.type.char, x.type.shape))
