"""Types as text: annotations, and the argument of `--types`.  Nothing is evaluated.

    float  int  np.ndarray  Float[Array, "n d"]  Float[n d]  Int[3]  Bool[...]
    {W: Float[n d], b: Float[d]}  [Float[n], Float[n]]  (float, Float[n])

Extents of one name are equal, and may be 1; `_` is any extent, `...` any number of axes.  Keys of
dicts are names or quoted.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from s2sgrad.errors import S2SGradError
from s2sgrad.front.probe import fresh_dim
from s2sgrad.front.structure import Signature, Struct
from s2sgrad.ir.types import BOOL, COMPLEX, FLOAT, INT, Array, Dim, Scalar, Type, Unknown

_NUMBERS = {"float": FLOAT, "int": INT, "bool": BOOL, "complex": COMPLEX}
_ARRAYS = {"ndarray", "NDArray", "ArrayLike"}
_DTYPES = {
    "Float": "d", "Float64": "d", "Float32": "f", "Float16": "e", "Int": "l", "Int64": "l",
    "Int32": "i", "Bool": "?", "Complex": "D", "Complex128": "D", "Complex64": "F",
}  # fmt: skip


class UnknownType(S2SGradError):
    """The text is not in the grammar of types."""


def of_annotation(node: ast.expr | None) -> Type | None:
    """The type that an annotation says; None where it says nothing that is understood."""
    if node is None:
        return None
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        text = node.value
    else:
        text = ast.unparse(node)
    try:
        return of_text(text)
    except UnknownType:
        return None


def signature_of_text(text: str) -> Signature:
    """The type or container that a text says. Raises `UnknownType`.

    >>> signature_of_text("{W: Float[n d], b: float}").keys
    ('W', 'b')
    """
    text = text.strip()
    kinds = {"{": ("dict", "}"), "[": ("list", "]"), "(": ("tuple", ")")}
    kind, close = kinds.get(text[:1], ("", ""))
    if not kind or not text.endswith(close):
        return of_text(text)
    keys: list[str] = []
    items: list[Signature] = []
    for part in _split(text[1:-1]):
        if kind == "dict":
            key, colon, part = part.partition(":")
            if not colon:
                raise UnknownType(f"`{key.strip()}`: expected KEY: TYPE")
            keys.append(_key(key.strip()))
        items.append(signature_of_text(part))
    if len(set(keys)) < len(keys):
        raise UnknownType(f"`{text}`: a key is there twice")
    return Struct(tuple(items), kind, tuple(keys))


def _key(text: str) -> str:
    quoted = re.fullmatch(r"(['\"])(.*)\1", text)
    if quoted or text.isidentifier():
        return quoted[2] if quoted else text
    raise UnknownType(f"`{text}` is no key: write a name, or a quoted string")


def of_text(text: str) -> Scalar | Array | Unknown:
    """The type that a text says. Raises `UnknownType`.

    >>> of_text("Float[n 3]").shape
    ('?n', 3)
    """
    text = text.strip()
    if text in _NUMBERS:
        return _NUMBERS[text]
    head, _, rest = text.partition("[")
    name = head.strip().rpartition(".")[2]
    if name in _ARRAYS:
        return Unknown(fresh_shape(), real="complex" not in rest, array=True)
    if name not in _DTYPES or not rest.endswith("]"):
        raise UnknownType(
            f"`{text}` is no type that is known; there are float, int, np.ndarray, arrays such as "
            "Float[n d], and containers of them, {W: Float[n d]}, [float], (float, float)"
        )
    inner = rest[:-1].strip()
    quoted = re.fullmatch(r"[\w.]+\s*,\s*(['\"])(.*)\1", inner, re.S)
    words = (quoted[2] if quoted else inner).split()
    char = _DTYPES[name]
    if any(w == "..." or w.startswith("*") for w in words):
        return Unknown(fresh_shape(), real=char not in "DF", array=True)
    return Array(char, tuple(_extent(w) for w in words))


def fresh_shape() -> str:
    """A token for a shape of which nothing is known."""
    return str(fresh_dim())


def _extent(word: str) -> Dim:
    if word.isdigit():
        return int(word)
    if word.isidentifier() and word != "_":
        return f"?{word}"  # may be 1, unlike the symbols of arguments that were looked at
    if not re.fullmatch(r"[\w#?+*/()=-]+", word):
        raise UnknownType(f"`{word}` is no extent")
    return fresh_dim()


def parse_types(text: str) -> dict[str, dict[str, Signature]]:
    """`loss(w: Float[n d], lr: float); f(x: float)` as types by function and parameter.

    >>> parse_types("f(x: float, y: Float[n])")["f"]["x"]
    Scalar(kind='float', char='')
    """
    found: dict[str, dict[str, Signature]] = {}
    rest = text.strip()
    while rest:
        head = re.match(r"\s*([A-Za-z_]\w*)\s*\(", rest)
        if head is None:
            raise UnknownType(f"`{rest}`: expected FUNCTION(PARAMETER: TYPE, ...)")
        end = _closing(rest, head.end() - 1)
        params = found.setdefault(head[1], {})
        for part in _split(rest[head.end() : end]):
            name, colon, type_text = part.partition(":")
            if not colon or not name.strip().isidentifier():
                raise UnknownType(f"`{part.strip()}`: expected PARAMETER: TYPE")
            params[name.strip()] = signature_of_text(type_text)
        rest = rest[end + 1 :].lstrip().removeprefix(";").removeprefix(",").lstrip()
    return found


def _closing(text: str, start: int) -> int:
    depth = 0
    for k in range(start, len(text)):
        depth += (text[k] in "([{") - (text[k] in ")]}")
        if depth == 0:
            return k
    raise UnknownType(f"`{text}`: a bracket is not closed")


def _split(text: str) -> Iterator[str]:
    """The parts between commas that stand in no bracket."""
    depth, start = 0, 0
    for k, c in enumerate(text):
        depth += (c in "([{") - (c in ")]}")
        if c == "," and depth == 0:
            yield text[start:k]
            start = k + 1
    if text[start:].strip():
        yield text[start:]
