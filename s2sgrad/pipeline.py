"""The passes in their order, each followed by the verifier."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from s2sgrad.debug import wanted
from s2sgrad.debug.checks import checked, emptied_tapes
from s2sgrad.errors import InternalError
from s2sgrad.ir.call import called_by
from s2sgrad.ir.graph import Func, Var
from s2sgrad.ir.text import text
from s2sgrad.ir.verify import InvalidIR, verify
from s2sgrad.passes.bufferize import bufferize
from s2sgrad.passes.bundle import bundle
from s2sgrad.passes.contract import contract, contract_everywhere
from s2sgrad.passes.defer import defer
from s2sgrad.passes.filled import filled
from s2sgrad.passes.hoist import hoist
from s2sgrad.passes.order import order
from s2sgrad.passes.plain import plain
from s2sgrad.passes.prune import prune
from s2sgrad.passes.remember import remember
from s2sgrad.passes.shapes import shapes
from s2sgrad.passes.share import share
from s2sgrad.passes.shift import shift
from s2sgrad.passes.shifted import shifted
from s2sgrad.passes.simplify import simplify
from s2sgrad.passes.sooner import sooner


class Stages(dict[str, Func]):
    """The function after each pass, and how much is optimised: see `LEVELS`."""

    level: int = 1


LAST = "bundle"

TIDY: tuple[Callable[[Func], Func], ...] = (
    filled,
    share,
    shift,
    shapes,
    prune,
    remember,
    prune,
    simplify,
    share,
    order,
    hoist,
    prune,
    simplify,
    share,
    contract,
    defer,
    prune,
    shifted,
    prune,
    sooner,
)


# Without optimisation; as it is by default; with sums of the primal in another order.
LEVELS: tuple[Callable[[], Sequence[Callable[[Func], Func]]], ...] = (
    lambda: (share, prune),
    lambda: TIDY,
    lambda: tuple(contract_everywhere if one is contract else one for one in TIDY),
)
# Between two derivatives: what keeps the function in the form that they take.
PURE: tuple[Callable[[Func], Func], ...] = (share, prune, simplify, share, prune)


def tidy_kept(func: Func, level: int) -> None:
    """The passes on the functions that `func` calls."""
    for k in called_by([func]):
        k.func = tidy(verified(k.body, "parse"), scratch(level), k.name)


def scratch(level: int) -> Stages:
    """Stages that nobody looks at."""
    stages = Stages()
    stages.level = level
    return stages


def settled(func: Func, stages: Stages) -> Func:
    """`func`, and the functions that it calls in their final form."""
    pairs = func.notes.get("pairs")
    for pair in pairs.made.values() if pairs is not None else ():
        whole = tidy(verified(pair.whole, "reverse"), scratch(stages.level), pair.forward.name)
        pair.whole = verified(plain(whole), "plain")
        pair.split()
    for k in called_by([func]):
        if k.untidy:
            k.func = tidy(verified(k.body, "derived"), scratch(stages.level), k.name)
        k.func = stages[k.name] = final(verified(k.body, "calls"), scratch(stages.level))
    return verified(plain(func), "plain")


def final(func: Func, stages: Stages) -> Func:
    """`func` as it is emitted: what runs in place is settled, and what tapes hold."""
    func = stages["bufferize"] = verified(bufferize(func), "bufferize")
    words = wanted()
    func = stages[LAST] = verified(bundle(checked(func, words)), LAST)
    return verified(emptied_tapes(func), LAST) if "tapes" in words else func


def _kept(func: Func, more: Sequence[Var], n: int | None = None) -> Func:
    """`func` with its first `n` results and `more`."""
    results = (*func.body.results[:n], *more)
    return replace(func, body=replace(func.body, results=results))


def tidy(
    func: Func,
    stages: Stages,
    after: str,
    keep: Sequence[Var] = (),
    passes: Sequence[Callable[[Func], Func]] | None = None,
) -> Func:
    """`func` after the passes: if none are named, those of its level.

    Values of `keep` are not pruned.
    """
    n = len(func.body.results)
    func = _kept(func, keep)
    for one in LEVELS[stages.level]() if passes is None else passes:
        func = verified(one(func), one.__name__)
        stages[f"{after}+{one.__name__}"] = _kept(func, (), n)
    return _kept(func, (), n)


def verified(func: Func, stage: str) -> Func:
    """`func`, checked: what is emitted always, what a pass made if `S2SGRAD_DEBUG` says so.

    Raises `InternalError` for a function that breaks an invariant of the IR.
    """
    if stage != LAST and "verify" not in wanted():
        return func
    try:
        return verify(func)
    except InvalidIR as e:
        raise InternalError(stage, str(e), text(func)) from e
