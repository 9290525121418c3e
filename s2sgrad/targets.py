"""`wrt`: which parameter a position or a name stands for, and what it is called with."""

from __future__ import annotations

import inspect
from typing import Any

from s2sgrad.callee import POSITIONAL, Callee
from s2sgrad.front.structure import Signature, Struct
from s2sgrad.request import Target

_P = inspect.Parameter


def check_target(c: Callee, w: int | str) -> None:
    """Can `w` name a parameter at all?  Raises `TypeError`."""
    params = list(c.shown.parameters.values())
    names = [p.name for p in params]
    kinds = {p.kind for p in params}
    if isinstance(w, str):
        if w not in c.whole.parameters and _P.VAR_KEYWORD not in kinds:
            raise TypeError(f"wrt={w!r}: there is no such parameter; there are {', '.join(names)}")
        return
    if isinstance(w, bool) or not isinstance(w, int):
        raise TypeError(f"wrt={w!r}: a position, a name, or a tuple of them is meant")
    positional = [p for p in params if p.kind in POSITIONAL]
    if _P.VAR_POSITIONAL not in kinds and not -len(positional) <= w < len(positional):
        raise TypeError(f"wrt={w}: the function has {len(positional)} positional parameters")


def named(c: Callee, w: int | str) -> str | None:
    """The parameter that `w` names, if it is one for itself."""
    names = [p.name for p in _positional(c)]
    if isinstance(w, str):
        return w if w in c.whole.parameters else None
    return names[w] if -len(names) <= w < len(names) else None


def target(c: Callee, w: int | str, values: dict[str, Any]) -> Target:
    """The parameter that `w` stands for in a call with these values."""
    rest = next((p.name for p in _of_kind(c, _P.VAR_POSITIONAL)), None)
    names = [p.name for p in _positional(c)]
    if isinstance(w, int):
        extra = len(values.get(rest, ())) if rest else 0
        total = len(names) + extra
        k = w + total if w < 0 else w
        if not 0 <= k < total:
            raise TypeError(f"wrt={w}: this call has {total} positional arguments")
        if k < len(names):
            return Target(names[k])
        return Target(str(rest), (("item", k - len(names)),))
    if w in c.whole.parameters:
        return Target(w)
    options = next(p.name for p in _of_kind(c, _P.VAR_KEYWORD))
    if w not in values[options]:
        raise TypeError(f"wrt={w!r}: this call gives no such argument")
    return Target(options, (("item", w),))


def below(s: Signature, path: Any) -> Signature:
    """The signature of what stands at `path`."""
    for step in path:
        assert isinstance(s, Struct)
        s = next(item for own, item in s.paths() if own == step)
    return s


def _positional(c: Callee) -> list[inspect.Parameter]:
    params = [p for p in c.shown.parameters.values() if p.kind in POSITIONAL]
    return params[1:] if c.method and not c.fixed else params


def _of_kind(c: Callee, kind: Any) -> list[inspect.Parameter]:
    return [p for p in c.whole.parameters.values() if p.kind is kind]
