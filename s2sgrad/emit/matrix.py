"""Jacobians and Hessians as text: a loop over unit vectors around a derivative in a direction.

By rows the backward half is called with a unit cotangent for each element of the results, by
columns the function of tangents with a unit tangent for each element of the arguments.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from s2sgrad.emit.printer import broken
from s2sgrad.ir.types import Array, Scalar, Type

Cells = list[list[str]]  # the name of each part: a row for a result, a column for an argument

BOUND = {"np", "range"}  # names that the text itself reads


@dataclass(frozen=True, slots=True)
class Entry:
    """A number or array among the arguments or results: its name, how it is read, its type."""

    name: str
    text: str
    type: Type

    @property
    def number(self) -> bool:
        """Has it no shape?"""
        return isinstance(self.type, Scalar)

    @property
    def shape(self) -> str:
        """Its shape as text; nothing for a number."""
        if self.number:
            return ""
        return f"{self.text}.shape" if isinstance(self.type, Array) else f"np.shape({self.text})"

    @property
    def flat(self) -> bool:
        """Has it surely one axis?"""
        return isinstance(self.type, Array) and len(self.type.shape) == 1

    @property
    def dtype(self) -> str:
        """The dtype as an argument of `np.empty`; nothing for float64."""
        char = getattr(self.type, "char", "")
        return f", np.{np.dtype(char).name}" if char not in ("", "d") else ""


class Matrix:
    """The lines of one function; `header` are its parameters as they are written."""

    def __init__(self, header: Sequence[str], args: list[Entry], taken: set[str]) -> None:
        self.args, self.lines = args, list[str]()
        self.taken = {h.split(", ")[-1].lstrip("*") for h in header} | taken | BOUND
        self.handed = _handed_on(header)
        self.k, self.saved = self.unlike("k"), self.unlike("saved")

    def unlike(self, base: str) -> str:
        """A name that is not taken; it is from now on."""
        n, name = 1, base
        while name in self.taken:
            n += 1
            name = f"{base}{n}"
        self.taken.add(name)
        return name

    def line(self, depth: int, line: str) -> None:
        """Write a line, broken at the margin."""
        self.lines += broken("    " * depth + line)

    def by_rows(
        self, halves: tuple[str, str], values: list[str], outs: list[Entry], again: bool
    ) -> Cells:
        """`values` are the names of all results, `outs` those of them that have a cotangent.

        `again`: the backward half uses up what the forward half saved, which runs for each row.
        """
        first = f"{', '.join([*values, self.saved])} = {halves[0]}({', '.join(self.handed)})"
        self.line(1, first)
        bars, cells = self.units(outs, "bar"), self.cells(outs)
        for j, (y, row) in enumerate(zip(outs, cells, strict=True)):
            seeds = ["1.0" if y.number and i == j else bar for i, bar in enumerate(bars)]
            call = f"{halves[1]}({', '.join([self.saved, *seeds])})"
            before = [first] if again else []
            if y.number:
                for line in (*before, f"{', '.join(row)} = {call}"):
                    self.line(1, line)
                continue
            for cell, x in zip(row, self.args, strict=True):
                self.allocate(cell, y, x, x.dtype)
            places = ", ".join(f"{cell}[{self.k}]" for cell in row)
            self.loop(y, bars[j], [*before, f"{places} = {call}"])
        return cells

    def by_columns(self, push: Push, values: list[str], outs: list[Entry], aux: bool) -> Cells:
        """`values` are the names of results that `push` returns before the tangents."""
        dots, cells = self.units(self.args, "dot"), self.cells(outs)
        n = len(values)
        if n and (aux or not all(y.number for y in outs)):  # without aux for their shapes
            call = push.call(self.handed, dots)
            self.line(1, f"{', '.join(values)} = {call}[{'0' if n == 1 else f':{n}'}]")
        for i, x in enumerate(self.args):
            column = [row[i] for row in cells]
            units = ["1.0" if x.number and i == j else d for j, d in enumerate(dots)]
            call = push.call(self.handed, units) + push.read(len(outs))
            if x.number:
                self.line(1, f"{', '.join(column)} = {call}")
                continue
            for cell, y in zip(column, outs, strict=True):
                self.allocate(cell, y, x, y.dtype)
            places = [f"{c}[{self.place(x, y)}]" for c, y in zip(column, outs, strict=True)]
            self.loop(x, dots[i], [f"{', '.join(places)} = {call}"])
        return cells

    def place(self, x: Entry, y: Entry) -> str:
        """The index of a column."""
        if y.number:
            return self.k
        return f"..., {self.k}" if x.flat else f"(..., *{self.k})"

    def cells(self, outs: list[Entry]) -> Cells:
        """A name for each part."""
        return [[self.unlike(f"{y.name}_{x.name}") for x in self.args] for y in outs]

    def units(self, entries: Sequence[Entry], suffix: str) -> list[str]:
        """Arrays of zeros, in which one element after another is 1; numbers need none."""
        made = []
        for e in entries:
            made.append("0.0" if e.number else self.unlike(f"{e.name}_{suffix}"))
            if not e.number:
                self.line(1, f"{made[-1]} = np.zeros_like({e.text})")
        return made

    def allocate(self, cell: str, y: Entry, x: Entry, dtype: str) -> None:
        """`y_x = np.empty(y.shape + x.shape)`."""
        shape = " + ".join(s for s in (y.shape, x.shape) if s)
        self.line(1, f"{cell} = np.empty({shape}{dtype})")

    def loop(self, e: Entry, unit: str, body: list[str]) -> None:
        """Run `body` for each unit vector in the shape of `e`."""
        over = f"range({e.text}.size)" if e.flat else f"np.ndindex({e.shape})"
        self.line(1, f"for {self.k} in {over}:")
        self.line(2, f"{unit}[{self.k}] = 1.0")
        for line in body:
            self.line(2, line)
        self.line(2, f"{unit}[{self.k}] = 0.0")


@dataclass(frozen=True, slots=True)
class Push:
    """A function of tangents: its name, and what they are called."""

    name: str
    dots: tuple[str, ...]
    skip: int  # how many results come before the tangents

    def call(self, handed: Sequence[str], values: Sequence[str]) -> str:
        """The call with these tangents."""
        named = (f"{d}={v}" for d, v in zip(self.dots, values, strict=True))
        last = [h for h in handed if h.startswith("**")]
        given = [h for h in handed if not h.startswith("**")]
        return f"{self.name}({', '.join([*given, *named, *last])})"

    def read(self, n: int) -> str:
        """The part of what is returned that are `n` tangents."""
        if not self.skip:
            return ""
        return f"[{self.skip}]" if n == 1 else f"[{self.skip}:]"


def _handed_on(header: Sequence[str]) -> list[str]:
    """The parameters as arguments of a call."""
    made, named = [], False
    for h in header:
        named |= h == "*" or h.startswith("*, ")
        name = h.removeprefix("*, ")
        if name != "*":
            made.append(f"{name}={name}" if named and not name.startswith("**") else name)
        named |= name.startswith("*")
    return made
