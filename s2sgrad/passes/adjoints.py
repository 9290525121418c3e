"""The adjoint of one equation: its rule is run on symbols; parts and lists need none."""

from __future__ import annotations

import operator
from typing import Any

from s2sgrad.errors import DifferentiationError, Refusal
from s2sgrad.ir import ops
from s2sgrad.ir.call import Kept
from s2sgrad.ir.graph import Atom, Eqn, Form, Hole, Pack, Var, atom_type, call_args
from s2sgrad.ir.span import Span
from s2sgrad.ir.types import Array, List, Several, Type, Unknown
from s2sgrad.passes.activity import carries_derivative
from s2sgrad.passes.axes import only_adds, without_added
from s2sgrad.passes.calls import reverse_call
from s2sgrad.passes.cotangents import Cotangents, keeps_shapes, retype
from s2sgrad.passes.distinct import is_distinct
from s2sgrad.passes.frames import ZERO, Add, Clear, Part, is_zero
from s2sgrad.passes.generic import Call, by_helpers, uncounted
from s2sgrad.passes.lists import LISTS, list_cotangents
from s2sgrad.passes.record import Recorder, StaticFact, Symbol
from s2sgrad.passes.selected import guard
from s2sgrad.rules.registry import Rule, by_position, lookup, pullback

_NOWHERE = Span("<unknown>", 1, 0, 1, 0)


class Adjoints(Cotangents):
    """The adjoints of equations, written into the mirror that is being built."""

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
            if not is_zero(bar):
                if keeps_shapes(s):
                    retype(bar, a)
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
            self.frame.bars.setdefault(x, []).append(Add(index, atoms, g))

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
        part: Part = Clear(g, index, atoms, read) if store else g
        self.frame.bars.setdefault(x, []).append(part)

    def last(self, s: Eqn, g: Atom, index: Any, atoms: tuple[Atom, ...], read: Atom) -> Atom:
        """Where an index repeats a place, the last element stored there alone counts."""
        if s.op is ops.setitem and any(isinstance(atom_type(a), Unknown) for a in atoms):
            raise DifferentiationError(
                Refusal(
                    "something is stored at an index that may be a number, a mask or an array",
                    s.at or _NOWHERE,
                    "annotate the index, or give its type with --types",
                    anchor="unknown-type",
                )
            )
        assert s.form is not None
        if s.op is not ops.setitem or is_distinct(s.form.args[1], s.args, self.made_by):
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
        if s.out in self.saturating:
            out = self.recorder.symbol(self.recorder.emit(ops.finite, (self.need(s.out),)))
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


class _Lazy(Symbol):
    """A primal operand of a rule: taped only if the rule really reads it."""

    __slots__ = ("owner", "primal")

    def __init__(self, owner: Adjoints, primal: Atom) -> None:
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
