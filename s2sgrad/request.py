"""What is asked of the compiler: a transform, the arguments that it is in, their signatures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from s2sgrad.front.arguments import Arguments, Leaf, Path, wanted
from s2sgrad.front.structure import Signature
from s2sgrad.ir.graph import Var
from s2sgrad.passes.seeds import NAME

# The parameter that a transform adds.
SEED_NAMES = {"vjp": NAME, "jvp": "tangents", "hvp": "vector"}


@dataclass(frozen=True, slots=True)
class Target:
    """What is differentiated: a parameter, or an item of the one that takes any number."""

    name: str
    path: Path = ()


@dataclass(frozen=True)
class Inner:
    """A derivative that is differentiated again: see `Request` for the fields."""

    wrt: tuple[Target, ...]
    bare: bool
    what: str
    has_aux: bool


@dataclass(frozen=True, eq=False)
class Request:
    """What to compile: parameters with their signatures, and which are differentiated.

    `header` is how the parameters are written, `*args` and `**kw` with their stars.
    """

    signatures: Mapping[str, Signature]
    wrt: tuple[Target, ...]
    bare: bool
    what: str  # the transform
    has_aux: bool = False
    seed: Any = None  # the signature of `out_bar`; the leaves of `tangents` that are given
    header: tuple[str, ...] = ()
    optimize: int = 1  # see `pipeline.LEVELS`
    flat: bool = False  # seeds and results one by one, not in containers
    inner: tuple[Inner, ...] = ()  # what is differentiated is itself a derivative

    def leaves(self, arguments: Arguments) -> list[Leaf]:
        """The numbers and arrays in `wrt`, data among them too."""
        return [leaf for t in self.wrt for leaf in arguments.of(t.name, t.path)]

    def bars(self, arguments: Arguments) -> list[Var]:
        """What is differentiated: the leaves that have a derivative."""
        return [leaf.var for leaf in self.leaves(arguments) if wanted(leaf)]
