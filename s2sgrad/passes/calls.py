"""Calls in reverse mode: a kept function becomes a pair.

`g_fwd` returns what `g` returned and what the backward half needs, `g_bwd` takes that and the
cotangents of the results.  There is one pair for each choice of which arguments are active, which
results have a cotangent, and which of these are zero by selection.  Both halves are reversed and
tidied as one function, and only then taken apart.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from s2sgrad.errors import DifferentiationError, Refusal
from s2sgrad.ir import ops
from s2sgrad.ir.call import Kept, called_by, equations
from s2sgrad.ir.graph import Atom, Eqn, Form, Func, Hole, Stmt, Var, atom_type
from s2sgrad.ir.types import (
    SAVED,
    Array,
    Scalar,
    Several,
    Type,
    Unknown,
    is_memory_type,
    is_real,
)
from s2sgrad.passes.again import backward
from s2sgrad.passes.halves import split

if TYPE_CHECKING:
    from s2sgrad.passes.adjoints import Adjoints

Key = tuple[Kept, tuple[bool, ...], tuple[bool, ...], tuple[bool, ...]]


@dataclass(eq=False)
class Pair:
    """The halves of a kept function; `whole` is both of them, until `split` fills them."""

    forward: Kept
    backward: Kept
    outs: tuple[Type, ...]
    seeds: int  # how many of the last parameters are cotangents
    whole: Func | None = None
    marks: tuple[bool, ...] = ()  # which cotangents are zero by selection

    def split(self) -> None:
        """Take the halves apart: what the second reads of the first is saved."""
        assert self.whole is not None
        names = (self.forward.name, self.backward.name)
        halves = split(self.whole, len(self.outs), self.seeds, names)
        self.forward.func, self.backward.func = halves


Make = Callable[..., tuple[Func, tuple[bool, ...]]]


@dataclass(eq=False)
class Pairs:
    """The pairs of one compilation; `make` reverses a function."""

    make: Make
    made: dict[Key, Pair] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    # Functions that run others again, and backwards; which of their results are marked.
    again: dict[Key, tuple[Kept, list[bool]]] = field(default_factory=dict)

    def unlike(self, name: str) -> str:
        """The name of a new function."""
        found = _unlike(name, self.names.__contains__)
        self.names.add(found)
        return found

    def of(self, key: Key) -> Pair:
        """The pair of a function; made when it is first asked for."""
        if key in self.made:
            return self.made[key]
        kept, taken, live, marked = key
        func = kept.body
        name = _unlike(kept.name, lambda n: f"{n}_fwd" in self.names)
        self.names.add(f"{name}_fwd")
        outs = tuple(map(atom_type, func.body.results))
        pair = self.made[key] = Pair(Kept(f"{name}_fwd"), Kept(f"{name}_bwd"), outs, sum(live))
        wrt = [p for p, a in zip(func.body.params, taken, strict=True) if a]
        seeds = [
            Var(f"{_user_hint(r) or 'out'}_bar", atom_type(r)) if on else None
            for r, on in zip(func.body.results, live, strict=True)
        ]
        selected = [s for s, m in zip(seeds, marked, strict=True) if s and m]
        whole, pair.marks = self.make(func, wrt, seeds, selected, self)
        names = list(func.names)
        for s in filter(None, seeds):
            names.append(_unlike(s.hint, names.__contains__))
        pair.whole = replace(whole, names=tuple(names))
        return pair


def _unlike(base: str, taken: Callable[[str], bool]) -> str:
    n, name = 1, base
    while taken(name):
        n += 1
        name = f"{base}{n}"
    return name


def _user_hint(a: Atom) -> str:
    return a.hint if isinstance(a, Var) and not a.hint.startswith(".") else ""


def reverse_call(r: Adjoints, s: Eqn, bars: list[Atom | None]) -> None:
    """The backward half is called where the mirror of the call stands."""
    assert isinstance(s.op, Kept)
    taken = tuple(isinstance(a, Var) and a in r.active for a in s.args)
    live = tuple(b is not None for b in bars)
    marked = tuple(b in r.selected.bars for b in bars)
    given: tuple[Atom, ...]
    if s.op.again:
        half, marks = backward(r.pairs, (s.op, taken, live, marked))
        given = tuple(map(r.need, s.args))
    else:
        pair = r.pairs.of((s.op, taken, live, marked))
        half, marks = pair.backward, list(pair.marks)
        saved = Var("saved", SAVED)
        r.saved[s] = (pair, saved)
        r.home[saved] = r.home[s.out]
        given = (r.need(saved),)
    args = (*given, *(b for b in bars if b is not None))
    active = [(a, p) for a, p, t in zip(s.args, s.op.body.body.params, taken, strict=True) if t]
    types = [_cotangent(atom_type(a), p.type) for a, p in active]
    outs = [Var(_hint(a), t) for (a, _), t in zip(active, types, strict=True)]
    stmts = r.frame.stmts
    if len(outs) == 1:
        stmts.append(Eqn(outs[0], half, args, at=s.at, effect=True))
    else:
        whole = Var("", Several(tuple(types)))
        stmts.append(Eqn(whole, half, args, at=s.at, effect=True))
        for k, out in enumerate(outs):
            stmts.append(Eqn(out, ops.getitem, (whole,), Form((Hole(0), k))))
    for k, ((a, _), out) in enumerate(zip(active, outs, strict=True)):
        assert isinstance(a, Var)
        bar = r.shaped(out, a)
        if marks and marks[k]:
            r.selected.bars.add(bar)
        r.add(a, bar)


def refuse_halves(func: Func) -> None:
    """A reversed function that is to be differentiated again: what was saved has no derivative."""
    whole = [k.func for k in called_by([func]) if k.func is not None]
    for s in (s for f in (func, *whole) for s in equations(f.body)):
        if isinstance(s.op, Kept) and s.op.func is None:
            raise refused(s, "second derivatives")


def refused(s: Eqn, what: str) -> DifferentiationError:
    """What calls of functions that call themselves cannot do yet."""
    name = getattr(s.op, "__name__", "").removesuffix("_fwd").removesuffix("_bwd")
    return DifferentiationError(
        Refusal(
            f"`{name}` calls itself, and {what} of such functions are not supported yet",
            s.at,
            "use grad or vjp, or write it as a loop",
            anchor="recursion",
        )
    )


def _hint(a: Atom) -> str:
    return f"{a.hint}_bar" if isinstance(a, Var) and a.hint else ""


def _cotangent(argument: Type, parameter: Type) -> Type:
    """The type of a cotangent that a backward half returns, in the extents of the caller."""
    both = (argument, parameter)
    if all(isinstance(t, Scalar) for t in both):
        return parameter
    if all(isinstance(t, Array) and not t.loose for t in both):
        return argument
    # The backward half gives real parameters a real cotangent.
    return Unknown(real=is_real(argument) and is_real(parameter))


def forward_call(s: Eqn, pair: Pair, saved: Var) -> list[Stmt]:
    """The call in the forward sweep: it returns what is saved, too."""
    n = len(pair.outs)
    whole = s.out if n > 1 else Var("", Several((*pair.outs, SAVED)))
    stmts: list[Stmt] = [replace(s, out=whole, op=pair.forward, effect=True)]
    if n == 1:
        stmts.append(Eqn(s.out, ops.getitem, (whole,), Form((Hole(0), 0))))
    memory = tuple(a for a in s.args if isinstance(a, Var) and is_memory_type(a.type))
    stmts.append(Eqn(saved, ops.held, (whole, *memory), Form((Hole(0), n))))
    return stmts
