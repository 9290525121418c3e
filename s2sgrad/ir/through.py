"""Operations through an object: a spline that is called, a sparse matrix times a vector.

An object is data, and no derivative passes through it: so what it was made of is an operand, too.
`spline(t)` is the operation on `(spline, x, y, t)`, written as the call that it is; on
`(None, x, y, t)` it is written `CubicSpline(x, y)(t)`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Through:
    """The operation `method` of an object that `maker` makes of `count` operands and `options`.

    `method` is '' for a call, '@' for `A @ x`, 'T@' for `A.T @ x`, 'of' for `maker(A, x)`, 'T of'
    for `maker(A.T, x)`, else a name.
    """

    maker: Callable[..., Any] | None
    options: tuple[tuple[str, Any], ...] = ()
    count: int = 0
    method: str = ""

    @property
    def __name__(self) -> str:
        return getattr(self.maker, "__name__", "") or "product"

    def __call__(self, owner: Any, *given: Any, **named: Any) -> Any:
        parts, args = given[: self.count], given[self.count :]
        if self.method in ("of", "T of"):
            assert self.maker is not None
            return self.maker(owner if self.method == "of" else owner.T, *args, **named)
        if owner is None:
            assert self.maker is not None
            owner = self.maker(*parts, **dict(self.options))
        if self.method in ("@", "T@"):
            return (owner if self.method == "@" else owner.T) @ args[0]
        function = getattr(owner, self.method) if self.method else owner
        return function(*args, **named)
