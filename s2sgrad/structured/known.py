"""A program as straight code, with the shapes of all values, for arguments of known shapes.

The program is run once on the arguments.  What a shape may depend on besides those of the arguments
is refused: a mask in an index, an int that is data where a size is asked for.  Loops whose turns
are few and depend on shapes alone are written out, of branches the arm that is taken.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from s2sgrad.elimination.table import Dynamic
from s2sgrad.front.infer import infer
from s2sgrad.front.probe import is_elementwise
from s2sgrad.ir import ops
from s2sgrad.ir.build import resolved, with_args
from s2sgrad.ir.call import Kept
from s2sgrad.ir.graph import (
    UNDEF,
    Atom,
    Branch,
    Eqn,
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
    is_attempt,
)
from s2sgrad.ir.types import Scalar, kind_of
from s2sgrad.rules.registry import canonical

MOST = 2000  # operations of the straight code
TURNS = 32  # of a loop that is written out
_SIZES = {np.size, len, np.ndim, np.shape}
_PLACED = {ops.getitem, ops.setitem, ops.additem}
_REDUCTIONS = {np.sum, np.mean, np.max, np.min, np.any, np.all, np.prod, np.argmax, np.argmin}
_COPIES = {ops.identity, ops.copy, np.copy, np.array, np.asarray, ops.zeros_like, np.zeros_like}


class Known:
    """The values that one run gave, of which the shapes are those of each run.

    `stmts` is the straight code, `results` are what the program returns.
    """

    def __init__(self, func: Func, given: Mapping[Var, Any]) -> None:
        self.values: dict[Var, Any] = dict(given)
        self.sure: set[Var] = set()  # ints that depend on shapes alone
        self.stmts: list[Eqn] = []
        self.mapping: dict[Var, Atom] = {}
        self.turning = 0  # loops that are being written out: their values are new in each turn
        self.tapes: dict[Var, list[Atom]] = {}  # what a loop collects, a value for each turn
        if any(isinstance(v, np.ndarray) and not v.size for v in given.values()):
            raise Dynamic("an array without elements")
        with np.errstate(all="ignore"):
            self.block(func.body.stmts)
        self.results = resolved(func.body.results, self.mapping)

    def block(self, stmts: Sequence[Stmt]) -> None:
        for s in stmts:
            if isinstance(s, Loop):
                self.loop(s)
            elif isinstance(s, Branch):
                self.branch(s)
            else:
                self.run(with_args(s, resolved(s.args, self.mapping)))
            if len(self.stmts) > MOST:
                raise Dynamic(f"more than {MOST} operations")

    def run(self, s: Eqn) -> None:
        if s.effect or isinstance(s.op, Kept):
            raise Dynamic("an effect, or a function that is called")
        self.check(s)
        args, named = call_args(s, [self.value(a) for a in s.args])
        try:
            made = s.op(*args, **named)
        except Exception as e:  # as the program itself would fail
            raise Dynamic(f"{getattr(s.op, '__name__', s.op)} fails: {e}") from e
        if _is_int(s.out) and s.args and all(isinstance(a, Lit) for a in s.args):
            self.mapping[s.out] = Lit(made)
            return
        if self.turning or getattr(s.out.type, "loose", False):
            out = Var(s.out.hint, infer(s.op, s.args, s.form), s.out.extent)
            self.mapping[s.out] = out
            s = replace(s, out=out)
        if isinstance(made, np.ndarray) and not made.size:
            raise Dynamic("an array without elements")
        self.values[s.out] = made
        self.stmts.append(s)
        if s.op in _SIZES or (s.args and _is_int(s.out) and all(map(self.is_sure, s.args))):
            self.sure.add(s.out)

    def loop(self, s: Loop) -> None:
        if not isinstance(s.over, Range) or s.stop is not None or s.count is not None:
            raise Dynamic("a loop of unknown length")
        ends = resolved((s.over.start, s.over.stop, s.over.step), self.mapping)
        if not all(map(self.is_sure, ends)):
            raise Dynamic("a loop of unknown length")
        turns = range(*map(self.value, ends))
        if len(turns) > TURNS:
            raise Dynamic(f"a loop of more than {TURNS} turns")
        n = len(s.carried)
        carried = resolved(s.carried, self.mapping)
        walked = [self.tape(a) for a in s.walked]
        made: dict[int, tuple[Atom, ...]] = {}
        self.turning += 1
        for k in range(len(turns))[:: -1 if s.down else 1]:
            items = (Lit(turns[k]), *carried, *(w[k] for w in walked))
            self.bind(s.body.params, items)
            self.block(s.body.stmts)
            results = tuple(self.held(r) for r in s.body.results)
            carried, made[k] = results[:n], results[n:]
        self.turning -= 1
        self.bind(s.outs[:n], carried)
        for j, out in enumerate(s.outs[n:]):
            self.tapes[out] = [made[k][j] for k in range(len(turns))]

    def branch(self, s: Branch) -> None:
        (test,) = resolved((s.test,), self.mapping)
        if is_attempt(test) or not self.is_sure(test):
            raise Dynamic("a branch")
        arm = 0 if self.value(test) else 1
        body = s.arms[arm]
        self.bind(body.params, [self.tape(a)[0] for a in s.walked[arm]])
        self.block(body.stmts)
        results = [self.held(r) for r in body.results]
        self.bind(s.outs[: s.joined], results[: s.joined])
        self.tapes.update({v: [] for v in s.collected(1 - arm)})
        collected = zip(s.collected(arm), results[s.joined :], strict=True)
        self.tapes.update({v: [r] for v, r in collected})

    def bind(self, params: Sequence[Var], atoms: Sequence[Atom]) -> None:
        for p, a in zip(params, atoms, strict=True):
            self.mapping.pop(p, None)
            if isinstance(a, Var) and a in self.tapes:
                self.tapes[p] = self.tapes[a]
            else:
                self.mapping[p] = a

    def held(self, a: Atom) -> Atom:
        (found,) = resolved((a,), self.mapping)
        if found is UNDEF:
            raise Dynamic("a name that may be unbound")
        return found

    def tape(self, a: Atom) -> list[Atom]:
        if not isinstance(a, Var) or a not in self.tapes:
            raise Dynamic("a list")
        return self.tapes[a]

    def check(self, s: Eqn) -> None:
        """Refuse what may have another shape in another run."""
        data = [k for k, a in enumerate(s.args) if self.is_data(a)]
        if not data or is_elementwise(s.op) or canonical(s.op) in _REDUCTIONS | _COPIES:
            return
        if s.op not in _PLACED or s.form is None:
            raise Dynamic(f"{getattr(s.op, '__name__', s.op)} of what is data")
        index = s.form.args[1]
        for i in index.items if isinstance(index, Pack) and index.kind == "tuple" else (index,):
            whole = isinstance(i, Hole)
            if whole and kind_of(atom_type(s.args[i.k])) == "bool":
                raise Dynamic("a mask in an index")
            if not whole and any(k in data for k in _holes(i)):
                raise Dynamic("a slice whose ends are data")

    def is_data(self, a: Atom) -> bool:
        """An int or a bool that shapes do not determine, or an array of such."""
        return kind_of(atom_type(a)) in ("int", "bool") and not self.is_sure(a)

    def is_sure(self, a: Atom) -> bool:
        return isinstance(a, Lit) or a in self.sure

    def value(self, a: Atom) -> Any:
        return a.value if isinstance(a, Lit) else self.values[a]

    def shape(self, a: Atom) -> tuple[int, ...]:
        return np.shape(self.value(a))

    def fixed(self, t: Any, args: tuple[Atom, ...]) -> Any:
        """What an option stands for: a template without values that are data.

        Raises `Dynamic` where it has such.
        """
        if isinstance(t, Hole):
            a = args[t.k]
            if not self.is_sure(a):
                raise Dynamic("an option that is data")
            value = self.value(a)
            return operator.index(value) if isinstance(value, np.integer) else value
        if isinstance(t, Pack):
            items = [self.fixed(i, args) for i in t.items]
            if t.kind == "slice":
                return slice(*items)
            if t.kind not in ("tuple", "list"):
                raise Dynamic("a view of a view")
            return items if t.kind == "list" else tuple(items)
        return t


def _is_int(v: Var) -> bool:
    return isinstance(v.type, Scalar) and v.type.kind in ("int", "bool")


def _holes(t: Any) -> list[int]:
    if isinstance(t, Hole):
        return [t.k]
    return [k for i in t.items for k in _holes(i)] if isinstance(t, Pack) else []
