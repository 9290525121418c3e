"""Zero annihilates: a cotangent that is zero by selection does not meet an infinite partial.

`np.where`, `max`, slices and their like make cotangents with exact zeros.  Where such a cotangent
meets a rule that is singular somewhere (`sqrt`, `log`, `/`), or operands that may be infinite or
NaN because they come from one, the rule sees harmless operands where the cotangent is zero: the
product is then zero, and nothing warns.  All other cotangents pay nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from s2sgrad.ir import ops
from s2sgrad.ir.call import Kept
from s2sgrad.ir.graph import Atom, Block, Branch, Eqn, Lit, atom_type
from s2sgrad.ir.types import Array, Unknown
from s2sgrad.passes.bounds import Ranges, is_singular
from s2sgrad.passes.masked import Masked
from s2sgrad.passes.record import Recorder, Symbol
from s2sgrad.rules import toolbox
from s2sgrad.rules.registry import canonical, lookup

# Their cotangents are zero wherever something else was selected.
SELECTING = {
    np.where, np.maximum, np.minimum, np.fmax, np.fmin, np.max, np.min, np.amax, np.amin, np.clip,
    np.triu, np.tril, np.select, np.choose, np.nan_to_num, np.nanmax, np.nanmin, np.take,
    np.take_along_axis, np.diagonal, np.diag, np.trace, np.sort, np.compress, np.extract,
    np.median, np.quantile, np.percentile, np.unique, np.partition, np.delete, np.nansum,
    np.nanmean, toolbox.select, ops.getitem,
}  # fmt: skip
# They hand zeros on where they find them, besides the elementwise operations.
KEEPING = {
    np.reshape, np.ravel, np.transpose, np.swapaxes, np.moveaxis, np.expand_dims, np.squeeze,
    np.broadcast_to, np.flip, np.roll, np.sum, np.mean, np.concatenate, np.stack, np.copy,
    np.asarray, np.repeat, np.tile,
}  # fmt: skip
# Their rules compare the operands and compute with none of them.
_COMPARES = {np.maximum, np.minimum, np.fmax, np.fmin}
HARMLESS = 0.5  # inside of the domain of all functions but `arccosh`


class Selected:
    """Which cotangents are zero by selection, and which primal values may be infinite or NaN."""

    def __init__(self, body: Block) -> None:
        self.bars: set[Atom] = set()
        self.tainted: set[Atom] = set()
        self.masks: set[Atom] = set()
        self.ranges = Ranges(body)
        self.masked = Masked(self.ranges, self.tainted)
        self._taint(body)

    def taint(self, body: Block) -> None:
        """Nothing is known of the parameters."""
        self.tainted.update(body.params)
        self._taint(body)

    def _taint(self, block: Block) -> None:
        for s in block.stmts:
            if isinstance(s, Eqn):
                singular = _is_elementwise(s) and is_singular(self.ranges, s)
                singular = singular or isinstance(s.op, Kept)
                if singular or any(a in self.tainted for a in s.args):
                    self.tainted.add(s.out)
                self.masked.note(s)
                continue
            if isinstance(s, Branch):
                for arm in s.arms:
                    self._taint(arm)
                    self._hand_taint(arm.results[: s.joined], s.outs)
                continue
            params, size = s.body.params[1:], -1
            while len(self.tainted) > size:
                size = len(self.tainted)
                self._hand_taint(s.carried, params)
                self._taint(s.body)
                self._hand_taint(s.body.results, params)
            self._hand_taint(params, s.outs)

    def _hand_taint(self, sources: Sequence[Atom], targets: Sequence[Atom]) -> None:
        pairs = zip(sources, targets, strict=False)
        self.tainted.update(t for s, t in pairs if s in self.tainted)

    def mark(self, s: Eqn, g: Any, bar: Atom, operand: Atom) -> None:
        """`bar` is the cotangent of `operand` that the rule of `s` made of `g`."""
        zero = not isinstance(g, list) and g in self.bars
        if not isinstance(g, list) and (s.op is np.where or s.op not in SELECTING):
            self.masked.mark(s, g, bar, operand, zero)
        if s.op in SELECTING or (zero and (_is_elementwise(s) or s.op in KEEPING)):
            self.bars.add(bar)

    def sum(self, parts: Sequence[Atom], total: Atom) -> None:
        """Where all parts are zero, the sum is."""
        if any(p in self.bars for p in parts):
            self.bars.add(total)

    def hand(self, sources: Sequence[Atom], targets: Sequence[Atom]) -> None:
        """Results of a block become values outside of it."""
        self.bars.update(t for s, t in zip(sources, targets, strict=True) if s in self.bars)

    def guards(self, s: Eqn, g: Any) -> bool:
        """Must the rule of `s` see harmless operands where `g` is zero?"""
        if (
            g not in self.bars
            or not isinstance(atom_type(g), Array | Unknown)
            or not _is_elementwise(s)
            or canonical(s.op) in _COMPARES
        ):
            return False
        mask = self.masked.mask(g)
        if mask is not None and self.masked.is_harmless(s, mask):
            return False
        singular = is_singular(self.ranges, s)
        return singular or any(a in self.tainted for a in (*s.args, s.out))


def _is_elementwise(s: Eqn) -> bool:
    rule = lookup(s.op)
    return rule is not None and rule.elementwise


class Guarded(Symbol):
    """An operand of a rule, harmless where the cotangent is zero."""

    __slots__ = ("inner", "made", "mask", "value")

    def __init__(self, inner: Symbol, mask: Atom, value: float) -> None:
        self.inner, self.mask, self.value = inner, mask, value
        self.made: Atom | None = None

    @property
    def recorder(self) -> Recorder:  # type: ignore[override]
        return self.inner.recorder

    @property
    def type(self) -> Any:
        """The type of the operand, before it is widened to that of the cotangent."""
        return self.inner.type

    @property
    def atom(self) -> Atom:  # type: ignore[override]
        if self.made is None:
            args = (self.mask, self.inner.atom, Lit(self.value))
            self.made = self.recorder.emit(np.where, args)
        return self.made


def guard(s: Eqn, symbols: list[Any], out: Symbol, mask: Atom) -> tuple[list[Any], Symbol]:
    """The operands and the answer of `s`, harmless where `mask` is false."""
    value = 2.0 if s.op is np.arccosh else HARMLESS
    shown = [Guarded(a, mask, value) if _is_real_array(a) else a for a in symbols]
    return shown, Guarded(out, mask, HARMLESS)


def _is_real_array(a: Any) -> bool:
    if not isinstance(a, Symbol):
        return False
    t = a.type
    return t.real if isinstance(t, Unknown) else isinstance(t, Array) and t.kind == "float"


__all__ = ["Selected", "guard"]
