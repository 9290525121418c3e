"""Calls in forward mode: a kept function becomes one that returns tangents, too.

There is one `g_dual` for each choice of which arguments have a tangent; a call of `g` in `g` is one
of `g_dual` in `g_dual`, so it ends as the function does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from s2sgrad.ir import ops
from s2sgrad.ir.call import Kept
from s2sgrad.ir.graph import Atom, Block, Eqn, Form, Func, Hole, Var, atom_type
from s2sgrad.ir.types import Several, Type, is_differentiable
from s2sgrad.passes.pushing import dot_hint

if TYPE_CHECKING:
    from s2sgrad.passes.forward import _Forward

Key = tuple[Kept, tuple[bool, ...]]


@dataclass(eq=False)
class PushedCalls:
    """The functions with tangents of one compilation; `make` pushes a function forward."""

    make: Callable[[Func, Mapping[Var, Atom], PushedCalls], _Forward]
    made: dict[Key, Kept] = field(default_factory=dict)

    def of(self, kept: Kept, moving: tuple[bool, ...]) -> Kept:
        """The function with tangents; made when it is first asked for."""
        key = (kept, moving)
        if key in self.made:
            return self.made[key]
        n = sum(k.name == kept.name for k, _ in self.made)
        name = f"{kept.name}_dual{n + 1 if n else ''}"
        new = self.made[key] = Kept(name, again=kept.again)
        func = kept.body
        params = func.body.params
        dots = {p: Var(dot_hint(p), p.type) for p, m in zip(params, moving, strict=True) if m}
        made = self.make(func, dict(dots), self).build()
        body = Block((*params, *dots.values()), made.body.stmts, made.body.results)
        names = list(func.names)
        for p, own in zip(params, func.names, strict=True):
            if p in dots:
                names.append(_unlike(f"{own}_dot", names))
        new.func = replace(made, name=name, body=body, names=tuple(names))
        return new


def push_call(f: _Forward, s: Eqn, reads: Sequence[Eqn]) -> None:
    """The call, which returns values and tangents; `reads` read its several results."""
    assert isinstance(s.op, Kept)
    f.recorder.at = s.at
    moving = tuple(is_differentiable(atom_type(a)) and f.dot(a) is not None for a in s.args)
    new = f.calls.of(s.op, moving)
    given = [f.filled(a) for a, m in zip(s.args, moving, strict=True) if m]
    several = s.out.type.items if isinstance(s.out.type, Several) else None
    outs: tuple[Type, ...] = (s.out.type,) if several is None else several
    tangent = [is_differentiable(atom_type(r)) for r in s.op.body.body.results]
    dots = [t for t, on in zip(outs, tangent, strict=True) if on]
    whole = Var("", Several((*outs, *dots)))
    f.stmts.append(replace(s, out=whole, op=new, args=(*s.args, *given)))
    values = {0: s.out} if several is None else {e.form.args[1]: e.out for e in reads if e.form}
    for k, v in values.items():
        f.stmts.append(Eqn(v, ops.getitem, (whole,), Form((Hole(0), k)), s.at))
    for k, v in values.items():
        if tangent[k]:
            dot = Var(dot_hint(v), v.type)
            place = len(outs) + sum(tangent[:k])
            f.stmts.append(Eqn(dot, ops.getitem, (whole,), Form((Hole(0), place)), s.at))
            f.dots[v] = dot


def _unlike(base: str, taken: Sequence[str]) -> str:
    n, name = 1, base
    while name in taken:
        n += 1
        name = f"{base}{n}"
    return name
