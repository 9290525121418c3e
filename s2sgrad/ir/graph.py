"""The IR: structured SSA.  A value is bound once in a whole function; identity is equality.

A `Block` is a list of statements; a `Loop` and a `Branch` own blocks, and a block sees the values
of the blocks around it.  What a loop hands from turn to turn is explicit (`carried`).  A loop may
also *collect* a value into a sequence, one item a turn, and *walk* one: that is all a tape is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from s2sgrad.ir.span import Span
from s2sgrad.ir.types import UNKNOWN, Dim, Type, type_of


@dataclass(frozen=True, slots=True, eq=False)
class Var:
    """A value.  `hint` is the name the user gave it, or one in the user's spirit, or ''.

    `extent`: what an int stands for where it is used as a size (`front/sizes`).
    """

    hint: str
    type: Type = UNKNOWN
    extent: Dim | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Lit:
    """A constant of the program."""

    value: Any


Atom = Var | Lit


@dataclass(frozen=True, slots=True, eq=False)
class Undef:
    """The value of `UNDEF`: a name that is not bound on this path."""


UNDEF = Lit(Undef())


@dataclass(frozen=True, slots=True)
class Hole:
    """The place of argument `k` in a call form."""

    k: int


@dataclass(frozen=True, slots=True)
class Pack:
    """A display in a call form: a tuple, list or slice whose items are templates.

    A 'path' is a view of a view: its items are indices, each of what the one before it gives, or a
    'transpose' (its items are the axes; none: reversed).
    """

    kind: str  # 'tuple' | 'list' | 'slice' | 'path' | 'transpose'
    items: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Path:
    """A filled 'path': the steps from an array to a view of it."""

    steps: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Transposed:
    """A step of a path that permutes axes."""

    axes: tuple[int, ...]


class Field(int):
    """The number of a result that programs read by its name: `solution.x`."""

    name: str

    def __new__(cls, k: int, name: str) -> Field:
        """Result `k`, the attribute `name` of what the operation returns."""
        made = super().__new__(cls, k)
        made.name = name
        return made


@dataclass(frozen=True, slots=True)
class Form:
    """How the flat operands of an equation make up a call: templates with holes."""

    args: tuple[Any, ...]
    kwargs: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Eqn:
    """`out = op(*args)`, or as `form` says.  `op` is the NumPy callable itself.

    `raises`: the user's program may end here with an exception, so it is kept even if unused.
    """

    out: Var
    op: Callable[..., Any]
    args: tuple[Atom, ...]
    form: Form | None = None
    at: Span | None = None
    effect: bool = False
    raises: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    params: tuple[Var, ...]
    stmts: tuple[Stmt, ...]
    results: tuple[Atom, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Range:
    """`range(start, stop, step)`."""

    start: Atom
    stop: Atom
    step: Atom


@dataclass(frozen=True, slots=True, eq=False)
class While:
    """Go on while `test` holds: a block on the carried values with one result."""

    test: Block


@dataclass(frozen=True, slots=True, eq=False)
class Loop:
    """`body` has parameters (index, carried..., walked...) and results (carried..., collected...).

    Turn k of a sequence belongs to turn k of the loop that collected it, whichever way a loop runs
    (`down`: from the last turn to the first).  `stop` is the position of a carried flag: the loop
    ends after a turn that yields it true.  `count` is the number of turns run.  `again`: see
    `passes/again`.
    """

    outs: tuple[Var, ...]
    over: Range | While
    carried: tuple[Atom, ...]
    walked: tuple[Atom, ...]
    body: Block
    at: Span | None = None
    down: bool = False
    stop: int | None = None
    count: Var | None = None
    again: bool = False  # its mirror runs it again, rather than read tapes


@dataclass(frozen=True, slots=True)
class Attempt:
    """The test of a branch that is a `try`: the second arm runs if the first raises one of these.

    It stands where a test stands, as a constant: passes that know nothing of exceptions need not.
    What the first arm binds is not to be had in the second, which sees what was there before.
    """

    classes: tuple[type[BaseException], ...]


def is_attempt(test: Atom) -> bool:
    """Is it the test of a `try`?"""
    return isinstance(test, Lit) and isinstance(test.value, Attempt)


@dataclass(frozen=True, slots=True, eq=False)
class Branch:
    """`outs` are (joined..., collected by `then`..., collected by `orelse`...).

    An arm's parameters are the items it walks; an arm that is not taken collects nothing.
    """

    outs: tuple[Var, ...]
    test: Atom
    walked: tuple[tuple[Atom, ...], tuple[Atom, ...]]
    then: Block
    orelse: Block
    joined: int
    at: Span | None = None

    @property
    def arms(self) -> tuple[Block, Block]:
        return self.then, self.orelse

    def collected(self, arm: int) -> tuple[Var, ...]:
        """The outs that arm 0 or 1 collects."""
        middle = len(self.then.results)
        return self.outs[self.joined : middle] if arm == 0 else self.outs[middle:]


Stmt = Eqn | Loop | Branch


@dataclass(frozen=True, slots=True, eq=False)
class Func:
    """A function: `names` are the Python names of the block's parameters, in order."""

    name: str
    body: Block
    names: tuple[str, ...]
    file: str = ""
    notes: dict[str, Any] = field(default_factory=dict)


def atom_type(a: Atom) -> Type:
    return a.type if isinstance(a, Var) else type_of(a.value)


def fill(template: Any, values: tuple[Any, ...] | list[Any]) -> Any:
    """The template with its holes filled."""
    if isinstance(template, Hole):
        return values[template.k]
    if isinstance(template, Pack):
        items = [fill(item, values) for item in template.items]
        if template.kind == "slice":
            return slice(*items)
        if template.kind == "path":
            return Path(tuple(items))
        if template.kind == "transpose":
            return Transposed(tuple(items))
        return items if template.kind == "list" else tuple(items)
    return template


def call_args(eqn: Eqn, values: list[Any]) -> tuple[list[Any], dict[str, Any]]:
    """Positional and keyword arguments of the call that `eqn` stands for."""
    if eqn.form is None:
        return values, {}
    args = [fill(t, values) for t in eqn.form.args]
    return args, {k: fill(t, values) for k, t in eqn.form.kwargs}
