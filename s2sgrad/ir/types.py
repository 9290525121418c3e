"""Types of IR values: what is known of a value before the program runs.

`UNKNOWN` is a legal type everywhere: a pass that needs a fact it does not find must either emit
code that is right for every value, or refuse.  Extents of arrays are ints or symbols; a symbol
that is a plain identifier belongs to a dimension of an argument that is known *not* to be 1, every
other symbol is derived and may be 1 (see `may_be_one`).
"""

from __future__ import annotations

from dataclasses import dataclass

Dim = int | str


@dataclass(frozen=True, slots=True)
class Type:
    """Base of all types."""


@dataclass(frozen=True, slots=True)
class Unknown(Type):
    """A value of which little is known.

    Values of one `shape`, a token, have the same shape, whatever it is ('' is equal to nothing).
    `real`: it is no complex number nor an array of them.  `array`: it is an ndarray or a NumPy
    scalar, so it has `.shape` and `.size`.
    """

    shape: str = ""
    real: bool = False
    array: bool = False


@dataclass(frozen=True, slots=True)
class Scalar(Type):
    """A number without axes: a Python number, or a NumPy scalar when `char` names its dtype."""

    kind: str  # 'float' | 'int' | 'bool' | 'complex'
    char: str = ""


@dataclass(frozen=True, slots=True)
class Array(Type):
    """An ndarray: its dtype's character and one extent an axis.

    `loose`: on some path it is still a number (`s = 0.0`, then `s += row`), which broadcasts alike.
    """

    char: str
    shape: tuple[Dim, ...]
    loose: bool = False

    @property
    def kind(self) -> str:
        return KINDS[self.char]


@dataclass(frozen=True, slots=True)
class Seq(Type):
    """One item a turn: what a loop collects and another walks (a tape).  Not an array."""

    item: Type


@dataclass(frozen=True, slots=True)
class List(Type):
    """A Python list whose length is not part of its type: one that grows."""

    item: Type


@dataclass(frozen=True, slots=True)
class Several(Type):
    """What an operation with several results returns (`np.linalg.svd`): only its items are used.

    `open`: how many there are is not known.  `names`: they are attributes of what is returned.
    """

    items: tuple[Type, ...]
    open: bool = False
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Saved(Type):
    """What the forward half of a function saves for its backward half: a tuple."""


@dataclass(frozen=True, slots=True)
class Static(Type):
    """A Python value that is data, never differentiated: a string, None, a range."""

    name: str


@dataclass(frozen=True, slots=True)
class Undefined(Type):
    """No value yet: the name is bound on other paths only."""


UNKNOWN = Unknown()
UNDEFINED = Undefined()
FLOAT = Scalar("float")
INT = Scalar("int")
SAVED = Saved()
BOOL = Scalar("bool")
COMPLEX = Scalar("complex")

KINDS = {
    **dict.fromkeys("efdg", "float"),
    **dict.fromkeys("FDG", "complex"),
    **dict.fromkeys("bBhHiIlLqQ", "int"),
    "?": "bool",
    "U": "text",
    "S": "text",
}
ORDER = ("bool", "int", "float", "complex")


def kind_of(t: Type) -> str | None:
    """'float', 'int', 'bool' or 'complex' for a number or an array of them, else None."""
    return t.kind if isinstance(t, Scalar | Array) else None


def is_differentiable(t: Type) -> bool:
    """Can a value of this type carry a derivative?  Unknown can."""
    if isinstance(t, List):
        return isinstance(t.item, Undefined) or is_differentiable(t.item)
    if isinstance(t, Several):
        return any(map(is_differentiable, t.items))
    if isinstance(t, Seq):
        return is_differentiable(t.item)
    return isinstance(t, Unknown) or kind_of(t) in ("float", "complex")


def is_memory_type(t: Type) -> bool:
    """May a value of this type share memory with another?  Numbers and static values do not."""
    return not isinstance(t, Scalar | Static)


def join(a: Type, b: Type) -> Type:
    """The least type that holds both: of a loop-carried value or of a branch's result."""
    if a == b or isinstance(b, Undefined):
        return a
    if isinstance(a, Undefined):
        return b
    if isinstance(a, List) and isinstance(b, List):
        return List(join(a.item, b.item))
    if isinstance(a, Scalar) and isinstance(b, Scalar):
        kind = max(a.kind, b.kind, key=ORDER.index)
        return Scalar(kind, a.char if a.char == b.char else "")
    for x, y in ((a, b), (b, a)):
        if isinstance(x, Scalar) and isinstance(y, Array) and _holds(y, x):
            return Array(y.char, y.shape, True)
    if not (isinstance(a, Array) and isinstance(b, Array)):
        array = all(isinstance(t, Array) or (isinstance(t, Unknown) and t.array) for t in (a, b))
        return Unknown(real=is_real(a) and is_real(b), array=array)
    if len(a.shape) == len(b.shape) and a.char == b.char:
        dims = zip(a.shape, b.shape, strict=True)
        shape = tuple(_join_dims(m, n) for m, n in dims)
        return Array(a.char, shape, a.loose or b.loose)
    return Unknown(real=is_real(a) and is_real(b), array=not (a.loose or b.loose))


def is_real(t: Type) -> bool:
    """Is a value of this type surely no complex number?"""
    return t.real if isinstance(t, Unknown) else kind_of(t) in ("float", "int", "bool")


def _holds(array: Array, number: Scalar) -> bool:
    """Is the number of a kind that the array could hold?"""
    return len(array.shape) > 0 and ORDER.index(number.kind) <= ORDER.index(array.kind)


def may_be_one(d: Dim) -> bool:
    """May this extent be 1 in some call?"""
    return d == 1 or (isinstance(d, str) and not d.isidentifier())


def _join_dims(m: Dim, n: Dim) -> Dim:
    """An extent that is `m` or `n`.  Extents that are not 1 need not be told apart."""
    if m == n or not (may_be_one(m) or may_be_one(n)):
        return m
    return "?"  # equal to no extent, not even to itself


def type_of(value: object) -> Type:
    """The type of a Python literal."""
    if isinstance(value, bool):
        return BOOL
    if isinstance(value, int):
        return INT
    if isinstance(value, float):
        return FLOAT
    if isinstance(value, complex):
        return COMPLEX
    return Static(type(value).__name__)
