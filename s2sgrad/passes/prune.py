"""Dead code: what no result and no effect depends on is dropped, tapes and carried values too."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from s2sgrad.ir.graph import Atom, Block, Branch, Eqn, Func, Loop, Range, Stmt, Var


def prune(func: Func) -> Func:
    """`func` without what is dead."""
    live: set[Var] = set()
    _mark(func.body, live)
    return replace(func, body=_keep(func.body, live))


def _use(atoms: Iterable[Atom], live: set[Var]) -> None:
    live.update(a for a in atoms if isinstance(a, Var))


def has_effect(block: Block) -> bool:
    """Does running the block do anything but bind values?"""
    for s in block.stmts:
        if isinstance(s, Eqn):
            if s.effect or s.raises:
                return True
        elif any(has_effect(b) for b in (s.arms if isinstance(s, Branch) else (s.body,))):
            return True
    return False


def _is_live(s: Stmt, live: set[Var]) -> bool:
    if isinstance(s, Eqn):
        return s.effect or s.raises or s.out in live
    if any(v in live for v in s.outs):
        return True
    if isinstance(s, Loop):
        return s.count in live or has_effect(s.body)
    return any(map(has_effect, s.arms))


def _mark(block: Block, live: set[Var]) -> None:
    _use(block.results, live)
    _mark_stmts(block, live)


def _mark_stmts(block: Block, live: set[Var]) -> None:
    for s in reversed(block.stmts):
        if not _is_live(s, live):
            continue
        if isinstance(s, Eqn):
            _use(s.args, live)
        elif isinstance(s, Branch):
            _mark_branch(s, live)
        else:
            _mark_loop(s, live)


def _mark_branch(s: Branch, live: set[Var]) -> None:
    _use((s.test,), live)
    for k, arm in enumerate(s.arms):
        outs = (*s.outs[: s.joined], *s.collected(k))
        _use((r for r, v in zip(arm.results, outs, strict=True) if v in live), live)
        _mark_stmts(arm, live)
        _use((w for p, w in zip(arm.params, s.walked[k], strict=True) if p in live), live)


def _mark_loop(s: Loop, live: set[Var]) -> None:
    n = len(s.carried)
    params, walked = s.body.params[1 : n + 1], s.body.params[n + 1 :]
    tests = () if isinstance(s.over, Range) else s.over.test.params
    if isinstance(s.over, Range):
        _use((s.over.start, s.over.stop, s.over.step), live)
    else:
        _mark(s.over.test, live)
    size = -1
    while size != len(live):
        size = len(live)
        for k in range(n):
            needed = s.outs[k] in live or params[k] in live or k == s.stop
            if needed or (tests and tests[k] in live):
                _use((s.body.results[k], s.carried[k]), live)
                live.update((params[k], s.outs[k]))
        for r, v in zip(s.body.results[n:], s.outs[n:], strict=True):
            if v in live:
                _use((r,), live)
        _mark_stmts(s.body, live)
    _use((a for p, a in zip(walked, s.walked, strict=True) if p in live), live)


def _keep(block: Block, live: set[Var]) -> Block:
    kept: list[Stmt] = []
    for s in block.stmts:
        if not _is_live(s, live):
            continue
        if isinstance(s, Branch):
            kept.append(_keep_branch(s, live))
        elif isinstance(s, Loop):
            kept.append(_keep_loop(s, live))
        else:
            kept.append(s)
    return replace(block, stmts=tuple(kept))


def _keep_branch(s: Branch, live: set[Var]) -> Branch:
    joined = [k for k in range(s.joined) if s.outs[k] in live]
    outs = [s.outs[k] for k in joined]
    arms, walks = [], []
    for k, arm in enumerate(s.arms):
        collected = [
            (r, v)
            for r, v in zip(arm.results[s.joined :], s.collected(k), strict=True)
            if v in live
        ]
        walked = [(p, w) for p, w in zip(arm.params, s.walked[k], strict=True) if p in live]
        results = (*(arm.results[j] for j in joined), *(r for r, _ in collected))
        outs += [v for _, v in collected]
        new = _keep(arm, live)
        arms.append(replace(new, params=tuple(p for p, _ in walked), results=results))
        walks.append(tuple(w for _, w in walked))
    return replace(
        s,
        outs=tuple(outs),
        then=arms[0],
        orelse=arms[1],
        walked=(walks[0], walks[1]),
        joined=len(joined),
    )


def _keep_loop(s: Loop, live: set[Var]) -> Loop:
    n = len(s.carried)
    index, params, walked = s.body.params[0], s.body.params[1 : n + 1], s.body.params[n + 1 :]
    stay = [k for k in range(n) if s.outs[k] in live]
    tapes = [k for k in range(n, len(s.outs)) if s.outs[k] in live]
    items = [(p, a) for p, a in zip(walked, s.walked, strict=True) if p in live]
    over = s.over
    if not isinstance(over, Range):
        test = _keep(over.test, live)
        over = replace(over, test=replace(test, params=tuple(test.params[k] for k in stay)))
    body = _keep(s.body, live)
    body = replace(
        body,
        params=(index, *(params[k] for k in stay), *(p for p, _ in items)),
        results=tuple(s.body.results[k] for k in (*stay, *tapes)),
    )
    return replace(
        s,
        outs=tuple(s.outs[k] for k in (*stay, *tapes)),
        over=over,
        carried=tuple(s.carried[k] for k in stay),
        walked=tuple(a for _, a in items),
        body=body,
        stop=None if s.stop is None else stay.index(s.stop),
        count=s.count if s.count in live else None,
    )
