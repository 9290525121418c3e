"""What is returned: gradients in the type of their arguments, in memory of their own.

A gradient is never a view of an argument, of another result or of a tape, and it is writeable.
What is not proved to be fresh is copied; numbers and 0-d arrays get the type of their argument.
Where no type is known, values and gradients alike get memory of their own.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from s2sgrad.ir import ops
from s2sgrad.ir.alias import WRITES, makes_memory, reads_copy, sources
from s2sgrad.ir.graph import Atom, Block, Branch, Eqn, Form, Func, Hole, Lit, Loop, Var, atom_type
from s2sgrad.ir.types import Array, List, Scalar, Several, Type, Unknown, kind_of


def finish(func: Func, n: int, types: Sequence[Type]) -> Func:
    """`func`, whose results after the first `n` are derivatives, made fit to return.

    `types` are those of what they are derivatives of.
    """
    one = _Finish(func)
    values = [one.value(r) for r in func.body.results[:n]]
    bars = [one.bar(g, t) for g, t in zip(func.body.results[n:], types, strict=True)]
    block = replace(
        func.body,
        stmts=(*func.body.stmts, *one.stmts),
        results=(*values, *bars),
    )
    return replace(func, body=block)


ENTRIES = {ops.part, ops.identity}


class Origins:
    """What each value of a function may be, or share memory with."""

    def __init__(self, func: Func) -> None:
        self.sources: dict[Atom, list[Atom] | Eqn] = {}
        self.params = set(func.body.params)
        self.index(func.body)

    def index(self, block: Block) -> None:
        for s in block.stmts:
            if isinstance(s, Eqn):
                self.sources[s.out] = s
            elif isinstance(s, Branch):
                for k, out in enumerate(s.outs[: s.joined]):
                    self.sources[out] = [arm.results[k] for arm in s.arms]
                for arm in s.arms:
                    self.index(arm)
            elif isinstance(s, Loop):
                for k, init in enumerate(s.carried):
                    both = [init, s.body.results[k]]
                    self.sources[s.outs[k]] = self.sources[s.body.params[1 + k]] = both
                self.index(s.body)

    def origins(self, a: Atom) -> set[Atom]:
        """The values that `a` may be: through loops, branches, and writes in place."""
        found: set[Atom] = set()
        todo = [a]
        while todo:
            v = todo.pop()
            if v in found:
                continue
            found.add(v)
            made = self.sources.get(v)
            if isinstance(made, list):
                todo += made
            elif made is not None and made.op in WRITES:
                todo.append(made.args[0])
            elif made is not None:
                todo += sources(made)
        return found


class _Finish(Origins):
    def __init__(self, func: Func) -> None:
        super().__init__(func)
        self.stmts: list[Eqn] = []
        self.returned: set[Atom] = set()

    def fresh(self, a: Atom) -> bool:
        """Has `a` memory of its own, in whichever way it was made?

        Before it writes to what is an argument, the last pass copies that.
        """
        origins = self.origins(a)
        made_of = [self.sources.get(v) for v in origins]
        written = any(isinstance(made, Eqn) and made.op in WRITES for made in made_of)
        for v, made in zip(origins, made_of, strict=True):
            given = v in self.params or (isinstance(made, Eqn) and made.op in ENTRIES)
            if isinstance(made, list) or (written and given):
                continue
            if not isinstance(made, Eqn):
                return False
            if not (made.op in WRITES or _is_new(made) or made.op in _TURNED):
                return False
        return True

    def value(self, v: Atom) -> Atom:
        """A result of the primal: where its type is known, `bufferize` tells what it shares."""
        if isinstance(atom_type(v), Unknown):
            return self.apart(v)
        self.returned |= self.origins(v)
        return v

    def apart(self, v: Atom) -> Atom:
        """`v`, or `+v`: a copy of an array, and of a number that number."""
        own = self.origins(v)
        made = [self.sources.get(o) for o in own]
        lent = any(isinstance(s, Eqn) and s.op is np.broadcast_to for s in made)
        if lent or own & (self.params | self.returned):
            return self.emit(operator.pos, (v,), atom_type(v))
        self.returned |= own
        return v

    def bar(self, g: Atom, t: Type) -> Atom:
        g = self.real(g, t)
        if isinstance(t, Unknown):
            return self.apart(g)
        if isinstance(t, Scalar):
            return self.number(g, t)
        if isinstance(t, List):
            return g if not _holds_arrays(t) or self.fresh_items(g) else self.copies(g, t)
        if not isinstance(t, Array):
            return g
        got = atom_type(g)
        settled = isinstance(got, Array) and got.char == t.char and len(t.shape) > 0
        own = self.origins(g)
        if settled and self.fresh(g) and not own & self.returned:
            self.returned |= own
            return g
        return self.copy(g, t)

    def fresh_items(self, g: Atom) -> bool:
        """Is each array of the list a zero of its own, or a sum with it?"""
        made = [s for s in map(self.sources.get, self.origins(g)) if not isinstance(s, list)]
        return all(s is not None and s.op in (ops.zeros_list, ops.additem) for s in made)

    def copies(self, g: Atom, t: List) -> Atom:
        return self.emit(ops.copy_items, (g,), t)

    def copy(self, g: Atom, t: Array) -> Atom:
        got = atom_type(g)
        dtype = np.dtype(t.char).type
        known = isinstance(got, Scalar | Array) and _char(got) == t.char
        known &= not (isinstance(got, Array) and got.shape == ())  # NumPy makes scalars of these
        form = Form((Hole(0),)) if known else Form((Hole(0),), (("dtype", dtype),))
        return self.emit(np.array, (g,), t, form)

    def number(self, g: Atom, t: Scalar) -> Atom:
        """`np.float32(g)`; a Python float may also be an np.float64, which is one."""
        got = atom_type(g)
        if t.char:
            if isinstance(got, Scalar) and got.char == t.char:
                return g
            return self.emit(np.dtype(t.char).type, (g,), t)
        kind = {"float": float, "complex": complex}[t.kind]
        if isinstance(g, Lit):
            return Lit(kind(g.value))
        return g if self.is_python(g, t) else self.emit(kind, (g,), t)

    def is_python(self, g: Atom, t: Scalar) -> bool:
        """Is it a Python number, or the NumPy scalar that is one?

        A sum over turns that starts at 0.0 has the type of a Python float, and is as narrow as what
        the turns add: so what it is made of is looked at.
        """
        if kind_of(atom_type(g)) != t.kind:
            return False
        seen: set[Atom] = set()
        todo = [g]
        while todo:
            v = todo.pop()
            if v in seen:
                continue
            seen.add(v)
            got = atom_type(v)
            if not isinstance(got, Scalar) or got.char not in _PYTHON[got.kind]:
                return False
            made = None if got.char else self.sources.get(v)
            if isinstance(made, list):
                todo += made
            elif made is not None:
                todo += [a for a in made.args if isinstance(atom_type(a), Scalar)]
        return True

    def real(self, g: Atom, t: Type) -> Atom:
        """Real in, real gradient out."""
        got = atom_type(g)
        if kind_of(t) != "float" or isinstance(got, Unknown) or kind_of(got) != "complex":
            return g
        out = Array(got.char.lower(), got.shape) if isinstance(got, Array) else t
        return self.emit(np.real, (g,), out)

    def emit(self, op: object, args: tuple[Atom, ...], t: Type, form: Form | None = None) -> Var:
        hint = args[0].hint if isinstance(args[0], Var) else ""
        out = Var(hint, t)
        self.stmts.append(Eqn(out, op, args, form))  # type: ignore[arg-type]
        return out


def _is_new(s: Eqn) -> bool:
    """Is the result an array of its own?"""
    if s.op is ops.getitem and isinstance(atom_type(s.args[0]), Several):
        return True  # of an operation with several results, about which it is asked as well
    if s.op is ops.getitem:
        return (
            isinstance(s.out.type, Array)
            and isinstance(atom_type(s.args[0]), Array)
            and reads_copy(s)
        )
    return makes_memory(s.op, s.form)


def _holds_arrays(t: Type) -> bool:
    return _holds_arrays(t.item) if isinstance(t, List) else not isinstance(t, Scalar)


_TURNED = {np.transpose, np.swapaxes, np.moveaxis}  # all of what they show, in another order
_PYTHON = {"float": ("", "d"), "complex": ("", "D"), "int": ("", "l"), "bool": ("", "?")}


def _char(t: Type) -> str:
    """The dtype that `np.array` gives to a value of this type."""
    if isinstance(t, Array):
        return t.char
    assert isinstance(t, Scalar)
    return t.char or {"float": "d", "complex": "D", "int": "l", "bool": "?"}[t.kind]
