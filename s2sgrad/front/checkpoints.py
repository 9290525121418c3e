"""Programs that ask for less memory: `checkpointed` loops and `checkpoint` functions.

A checkpointed loop becomes two: the outer one keeps what is carried, the inner one runs the turns
in between and is marked, so that its mirror runs it `again` rather than read tapes.  A checkpointed
function is kept as a call that is marked in the same way (`passes/again`).
"""

from __future__ import annotations

import ast
import copy
import functools
import math
import operator
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, TypeVar

from s2sgrad.front import signature
from s2sgrad.front.kept import Keeping, packed
from s2sgrad.front.values import Closure, Known, Partial, Value
from s2sgrad.ir.graph import Atom, Block, Lit, Loop, Range, Var
from s2sgrad.ir.types import INT

T = TypeVar("T")


class Checkpoint:
    """A function whose intermediate values are computed again in the backward sweep."""

    def __init__(self, function: Callable[..., Any]) -> None:
        """Wrap `function`."""
        self.function = function
        functools.update_wrapper(self, function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function."""
        return self.function(*args, **kwargs)

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        """A method."""
        return self if instance is None else functools.partial(self, instance)


def checkpoint(f: Callable[..., T]) -> Callable[..., T]:
    """`f`, with less memory when it is differentiated: nothing but its arguments is kept of a call.

    The backward sweep runs the call again.  Where nothing is differentiated it is `f` itself.  A
    function with effects (draws of random numbers, output) is refused: they would happen twice.

    >>> import numpy as np
    >>> from s2sgrad import checkpoint, grad
    >>> @checkpoint
    ... def layer(h):
    ...     return np.tanh(h * h)
    >>> float(grad(lambda x: layer(layer(x)))(0.0))
    0.0
    """
    if not callable(f):
        raise TypeError(f"checkpoint takes a function, not {f!r}")
    return Checkpoint(f)


def checkpointed(iterable: Iterable[T], snaps: int | None = None) -> Iterable[T]:
    """`for k in checkpointed(range(n))`: a loop that needs less memory when it is differentiated.

    Instead of a tape of `n` turns, what the loop carries is kept each `sqrt(n)` turns, and the
    turns from there on are run again when the backward sweep comes to them: twice the work, and
    some `2 sqrt(n)` values in place of `n`.  With `snaps` about so many are kept.  Where nothing is
    differentiated it is `iterable` itself.  Refused are loops that are left early, loops of which
    the number of turns is not known, and effects (draws of random numbers, output), which would
    happen twice.

    Griewank and Walther, Evaluating Derivatives, 2008, chapter 12.

    >>> from s2sgrad import checkpointed, grad
    >>> def f(x):
    ...     for k in checkpointed(range(100)):
    ...         x = x - 0.01 * x * x
    ...     return x
    >>> round(grad(f)(1.0), 6)
    0.247
    """
    if snaps is not None and (type(snaps) is not int or snaps < 1):
        raise ValueError(f"snaps={snaps!r}: a number of snapshots is meant")
    return iterable


class Checkpoints(Keeping):
    """Loops and calls that are marked to be run again."""

    def __init__(self) -> None:
        super().__init__()
        self.marks = False  # is the next call of a function to be marked?

    # -- functions

    def call(self, fn: Value, args: list[Value], kwargs: dict[str, Value], node: Any) -> Value:
        obj = fn.obj if isinstance(fn, Known) else None
        if obj is checkpoint and len(args) == 1:
            return Partial(Known(Checkpoint), (args[0],), {})
        if isinstance(obj, Checkpoint):
            fn, args = Known(Checkpoint), [self.scope.static(obj.function), *args]
        if isinstance(fn, Known) and fn.obj is Checkpoint:
            self.marks = True
            try:
                return self.call(args[0], args[1:], kwargs, node)
            finally:
                self.marks = False
        return super().call(fn, args, kwargs, node)

    def invoke(self, closure: Closure, bound: dict[str, Value], at: ast.AST) -> Value:
        marks, self.marks = self.marks, False
        if not marks:
            return super().invoke(closure, bound, at)
        shape = signature.shape(packed(bound))
        value = self.keep(closure, bound, shape, at)
        for spec in self.registry.made:
            spec.kept.again |= spec.serves(closure, shape)
        return value

    # -- loops

    def stmt_For(self, s: ast.For) -> None:
        call = s.iter
        marked = isinstance(call, ast.Call) and isinstance(call.func, ast.Name | ast.Attribute)
        if marked and isinstance(call, ast.Call):
            with self.block():  # asked only
                fn = self.expr(call.func)
            marked = isinstance(fn, Known) and fn.obj is checkpointed
        if not marked:
            super().stmt_For(s)
            return
        assert isinstance(call, ast.Call)
        snaps = self.snaps(call)
        plain = copy.copy(s)  # the tree is the user's, and parsed again for other types
        plain.iter = call.args[0]
        super().stmt_For(plain)
        loop = self.stmts.pop() if self.stmts else None
        if not isinstance(loop, Loop) or not isinstance(loop.over, Range) or loop.stop is not None:
            raise self.refuse(
                s.iter,
                "a checkpointed loop is left early, or its number of turns is not known",
                "a loop over `checkpointed(range(n))` without `break` and `return`",
                "checkpoint",
            )
        self.stmts.append(self.in_two(loop, loop.over, snaps, s))

    def snaps(self, call: ast.Call) -> Atom | None:
        """How many snapshots are asked for."""
        given = [*call.args[1:], *(k.value for k in call.keywords if k.arg == "snaps")]
        found = self.integer(given[0]) if given else Lit(None)
        return None if isinstance(found, Lit) and found.value is None else found

    def in_two(self, s: Loop, over: Range, snaps: Atom | None, at: ast.AST) -> Loop:
        """The loop over blocks of turns, around the one over the turns of a block."""
        step = over.step.value if isinstance(over.step, Lit) else None
        if not step:
            raise self.refuse(at, "the step of a checkpointed loop is computed", "1", "checkpoint")
        turns = self.turns(over, step, at)
        if snaps is None:
            some = self.whole(max, turns, Lit(1), at=at)
            each = self.whole(math.isqrt, some, at=at, hint="turns")
        else:
            up = self.whole(operator.floordiv, self.whole(operator.neg, turns, at=at), snaps, at=at)
            up = self.whole(operator.neg, up, at=at)
            each = self.whole(max, up, Lit(1), at=at, hint="turns")
        width = each if step == 1 else self.whole(operator.mul, each, over.step, at=at)
        start = Var("start", INT)
        params = tuple(Var(p.hint, p.type, p.extent) for p in s.body.params[1:])
        with self.block() as stmts:
            end = self.whole(operator.add, start, width, at=at)
            end = self.whole(min if step > 0 else max, end, over.stop, at=at, hint="stop")
        outs = tuple(Var(v.hint, v.type, v.extent) for v in s.outs)
        inner = replace(s, outs=outs, over=Range(start, end, over.step), carried=params, again=True)
        body = Block((start, *params), (*stmts, inner), outs)
        return replace(s, over=Range(over.start, over.stop, width), body=body)

    def turns(self, over: Range, step: int, at: ast.AST) -> Atom:
        """The number of turns, less than 1 if there are none."""
        first, last = (over.start, over.stop) if step > 0 else (over.stop, over.start)
        up = Lit(abs(step) - 1)
        if isinstance(first, Lit):
            less = Lit(first.value - up.value)
            size = self.whole(operator.sub, last, less, at=at) if less.value else last
        else:
            size = self.whole(operator.sub, last, first, at=at)
            size = self.whole(operator.add, size, up, at=at) if up.value else size
        return (
            size if abs(step) == 1 else self.whole(operator.floordiv, size, Lit(abs(step)), at=at)
        )

    def whole(self, op: Callable[..., Any], *args: Atom, at: ast.AST, hint: str = "") -> Atom:
        """An int that is computed; a constant where all operands are."""
        if all(isinstance(a, Lit) for a in args):
            return Lit(op(*(a.value for a in args if isinstance(a, Lit))))
        return self.emit(op, args, at=at, hint=hint)
