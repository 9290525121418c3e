"""The result of `pullback`: the forward half runs once, the backward half as often as asked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ParamSpec, TypeVar

from s2sgrad.compile import Compiled
from s2sgrad.derivative import Derivative
from s2sgrad.dispatch import Ways
from s2sgrad.emit.load import note

P = ParamSpec("P")
R = TypeVar("R")


class Pullback(Derivative[P, R]):
    """A function that returns its value and `back`."""

    def _run(self, compiled: Compiled, seed: Any, values: dict[str, Any]) -> Any:
        pos, named = self._placed(compiled, values)
        return self._pulled(compiled, compiled.run(*pos, **named))

    def _ways(self) -> Ways:
        return replace(super()._ways(), finish=self._pulled)

    def _pulled(self, compiled: Compiled, found: tuple[Any, Any]) -> Any:
        """The value, and `back` around what was saved."""
        value, saved = found
        out = value[0] if self._has_aux else value
        shapes, seeds, second = compiled.seeds.shapes(out), compiled.seeds, compiled.back

        def back(out_bar: Any) -> Any:
            """The cotangents of the arguments."""
            given = [seeds.complete(out_bar, shapes)] if seeds.given else []
            try:
                return second(_again(saved) if compiled.calls else saved, *given)
            except Exception as e:
                note(e)
                raise

        back.__qualname__ = "back"  # as its errors say it
        return value, back


def _again(saved: Any) -> Any:
    """What was saved, for one more use: what recursive calls saved nests, tapes and all."""
    if type(saved) is tuple:
        return tuple(map(_again, saved))
    return [*map(_again, saved)] if type(saved) is list else saved
