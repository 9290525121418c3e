"""A small interpreter of the IR: what a function means, for cross-checking what is emitted."""

from __future__ import annotations

from typing import Any

from s2sgrad.ir.graph import (
    Atom,
    Attempt,
    Block,
    Branch,
    Eqn,
    Func,
    Lit,
    Loop,
    Range,
    Var,
    call_args,
)

Env = dict[Var, Any]


def run(func: Func, *args: Any) -> tuple[Any, ...]:
    """The results of `func` on `args`."""
    return _block(func.body, args, {})


def _read(a: Atom, env: Env) -> Any:
    return a.value if isinstance(a, Lit) else env[a]


def _block(block: Block, args: Any, env: Env) -> tuple[Any, ...]:
    env.update(zip(block.params, args, strict=True))
    for stmt in block.stmts:
        if isinstance(stmt, Eqn):
            pos, kw = call_args(stmt, [_read(a, env) for a in stmt.args])
            env[stmt.out] = stmt.op(*pos, **kw)
        elif isinstance(stmt, Branch):
            _branch(stmt, env)
        else:
            _loop(stmt, env)
    return tuple(_read(r, env) for r in block.results)


def _branch(b: Branch, env: Env) -> None:
    test = _read(b.test, env)
    if isinstance(test, Attempt):
        try:
            _taken(b, 0, env)
        except test.classes:
            _taken(b, 1, env)
    else:
        _taken(b, 0 if test else 1, env)


def _taken(b: Branch, arm: int, env: Env) -> None:
    items = [_read(w, env)[0] for w in b.walked[arm]]
    results = _block(b.arms[arm], items, env)
    env.update(zip(b.outs[: b.joined], results[: b.joined], strict=True))
    env.update({v: [] for v in b.collected(1 - arm)})
    env.update({v: [r] for v, r in zip(b.collected(arm), results[b.joined :], strict=True)})


def _loop(loop: Loop, env: Env) -> None:
    n = len(loop.carried)
    state = [_read(a, env) for a in loop.carried]
    walked = [_read(a, env) for a in loop.walked]
    turns: dict[int, tuple[Any, ...]] = {}
    done = 0
    while True:
        if isinstance(loop.over, Range):
            r = range(*(_read(a, env) for a in (loop.over.start, loop.over.stop, loop.over.step)))
            if done >= len(r):
                break
            k = len(r) - 1 - done if loop.down else done
            index = r[k]
        else:
            if not _block(loop.over.test, state, env)[0]:
                break
            k = index = done
        results = _block(loop.body, [index, *state, *(w[k] for w in walked)], env)
        state = list(results[:n])
        turns[k] = results[n:]
        done += 1
        if loop.stop is not None and state[loop.stop]:
            break
    env.update(zip(loop.outs[:n], state, strict=True))
    for j, out in enumerate(loop.outs[n:]):
        env[out] = [turns[k][j] for k in range(done)]
    if loop.count is not None:
        env[loop.count] = done
