"""A tape of what NumPy's protocols report, to run the rules without the compiler."""

from __future__ import annotations

from typing import Any

import numpy as np

from s2sgrad.rules.registry import by_position, lookup, pullback


class Taped(np.lib.mixins.NDArrayOperatorsMixin):
    """A value that remembers how it was made."""

    def __init__(self, value: Any, made: Any = None) -> None:
        self.value, self.made = value, made
        self.bar: Any = None

    def __array_ufunc__(self, ufunc: Any, method: str, *args: Any, **kwargs: Any) -> Any:
        return record(ufunc if method == "__call__" else getattr(ufunc, method), args, kwargs)

    def __array_function__(self, fn: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return record(fn, args, kwargs)

    def __getitem__(self, index: Any) -> Taped:
        return Taped(self.value[index], ("item", self, index))

    def __float__(self) -> float:
        raise TypeError("a taped value is no number")

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError("a taped value is no array")

    @property
    def T(self) -> Any:
        return record(np.transpose, (self,), {})

    @property
    def shape(self) -> Any:
        return self.value.shape

    def __len__(self) -> int:
        return len(self.value)


def bare(a: Any) -> Any:
    """The value behind a taped one, also inside of lists."""
    if isinstance(a, Taped):
        return a.value
    if isinstance(a, list | tuple):
        return type(a)(map(bare, a))
    return a


def record(fn: Any, args: Any, kwargs: Any) -> Any:
    """Call `fn` and remember the call."""
    out = fn(*bare(args), **{k: bare(v) for k, v in kwargs.items()})
    rule = lookup(fn)
    assert rule is not None, f"no rule for {fn!r}"
    if rule.zero:
        return out
    if isinstance(out, tuple | list):
        whole = Taped(out, (fn, args, kwargs))
        return [Taped(o, ("part", whole, k)) for k, o in enumerate(out)]
    return Taped(out, (fn, args, kwargs))


def gradient_of_tape(x: Taped, out: Any, w: Any) -> Any:
    """The cotangent of `x` for the cotangent `w` of `out`."""
    order: list[Taped] = []
    visit(out, order, set())
    add(out, w)
    for node in reversed(order):
        if node.bar is not None and node.made is not None:
            back(node)
    found = np.zeros_like(x.value) if x.bar is None else x.bar
    return np.real(unbroadcast(found, x.value))


def visit(node: Any, order: list[Taped], seen: set[int]) -> None:
    """Append the values that `node` was made of, then `node`."""
    if isinstance(node, list | tuple | dict):
        for n in node.values() if isinstance(node, dict) else node:
            visit(n, order, seen)
    if not isinstance(node, Taped) or id(node) in seen:
        return
    seen.add(id(node))
    if node.made is not None:
        visit(list(node.made[1:]), order, seen)
    order.append(node)


def add(node: Any, bar: Any) -> None:
    """Add a cotangent; lists go to the items of lists."""
    if isinstance(node, list | tuple):
        if bar is not None and not isinstance(bar, float):
            for n, b in zip(node, bar, strict=True):
                add(n, b)
        return
    if not isinstance(node, Taped) or (isinstance(bar, float) and bar == 0.0 and node.bar is None):
        return
    assert bar is not None, "a rule gives no cotangent for an operand that varies"
    bar = unbroadcast(bar, node.value)
    node.bar = bar if node.bar is None else node.bar + bar


def back(node: Taped) -> None:
    """Hand the cotangent of `node` on."""
    if node.made[0] == "item":
        _, source, index = node.made
        made = np.zeros(source.value.shape, np.result_type(node.bar, float))
        np.add.at(made, index, node.bar)
        add(source, made)
    elif node.made[0] == "part":
        _, whole, k = node.made
        whole.bar = whole.bar or [None] * len(whole.value)
        whole.bar[k] = node.bar
    else:
        fn, args, kwargs = node.made
        rule = lookup(fn)
        assert rule is not None
        pos, rest, _ = by_position(rule, args, kwargs)
        values = [bare(a) for a in pos]
        named = {k: bare(v) for k, v in rest.items()}
        # Options of the rule may have cotangents, too.
        bars = pullback(rule, node.bar, node.value, values, named)
        for a, bar in zip(pos, bars, strict=False):
            if isinstance(a, Taped | list | tuple):
                add(a, bar)


def unbroadcast(g: Any, like: Any) -> Any:
    """Sum over the axes along which `like` was broadcast; spread a scalar."""
    shape = np.shape(like)
    if np.ndim(g) < len(shape):
        g = np.broadcast_to(g, shape)
    g = np.sum(g, axis=tuple(range(np.ndim(g) - len(shape))))
    axes = tuple(i for i, n in enumerate(shape) if n == 1 and np.shape(g)[i] != 1)
    return np.sum(g, axis=axes, keepdims=True)
