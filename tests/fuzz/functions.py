"""Random scalar programs with exceptions, context managers, generators and functions as values."""

from __future__ import annotations

import random

import numpy as np

from .control import _Control
from .program import Program

HEADER = """import contextlib
import functools
import math


class Stop(Exception):
    pass


"""


def generate(seed: int) -> Program:
    """The program of this seed."""
    rng = random.Random(f"functions {seed}")
    source = HEADER + _Functions(rng, False).module()
    numbers = np.random.default_rng([5, seed])
    cases = []
    for _ in range(3):
        x, y, w = (float(v) for v in numbers.uniform(-1.2, 1.2, 3))
        cases.append((x, y, int(numbers.integers(0, 5)), w))
    wrt = (0, 1, 3) if rng.random() < 0.4 else (0, 1)
    return Program("functions", seed, source, wrt, tuple(cases))


class _Functions(_Control):
    def __init__(self, rng: random.Random, array_w: bool) -> None:
        super().__init__(rng, array_w)
        self.generators: list[str] = []  # of a number and a count
        self.managers: list[str] = []  # of a number
        self.raisers: list[str] = []  # helpers of a number that may raise
        self.tried = 0  # how many `try` are around
        self.callers: list[str] = []  # helpers that call a function they are given

    # helpers of the module

    def module_helper(self) -> None:
        kind = self.pick(["generator", "generator", "manager", "raiser", "caller", "old"])
        if kind == "old":
            super().module_helper()
            return
        saved = self.floats, self.ints, self.bools
        self.floats, self.ints, self.bools, self.helper = ["a"], [], [], True
        name = self.fresh("h")
        getattr(self, f"{kind}_helper")(name)
        self.lines += ["", ""]
        self.floats, self.ints, self.bools = saved
        self.helper = False

    def generator_helper(self, name: str) -> None:
        self.ints = ["m"]
        self.emit(f"def {name}(a, m):")
        with self.indented():
            if self.chance(0.4):
                self.emit(f"yield {self.expr(1)}")
            form = self.rng.random()
            if form < 0.6:
                header, index = f"for k in range({self.pick(['m', '3'])}):", "k"
            else:
                self.emit("k = 0")
                header, index = "while k < m:", ""
            with self.loop_header(header, index):
                if not index:
                    self.emit("k += 1")
                    self.ints.append("k")
                if self.chance(0.6):
                    self.emit(f"a = {self.expr(2)}")
                if self.chance(0.3):
                    self.emit(f"if {self.comparison()}:")
                    with self.indented():
                        self.emit(self.pick(["return", "break", "continue"]))
                self.yield_(name)
                if self.chance(0.3):
                    self.emit(f"a = {self.expr(1)}")
            if self.chance(0.3):
                self.emit(f"yield a * {self.const()}")
        self.generators.append(name)

    def yield_(self, name: str) -> None:
        if self.generators and self.chance(0.25):
            self.emit(f"yield from {self.pick(self.generators)}({self.expr(1)}, 2)")
        elif self.chance(0.2):
            self.emit("try:")
            with self.indented():
                self.emit(f"b = {self.risky()}")
                self.emit("yield b")
            self.emit("except ValueError:")
            with self.indented():
                self.emit(f"yield {self.expr(1)}")
        else:
            self.emit(f"yield {self.expr(2)}")

    def manager_helper(self, name: str) -> None:
        if self.chance(0.5):
            self.emit("@contextlib.contextmanager")
            self.emit(f"def {name}(a):")
            with self.indented():
                self.emit(f"b = {self.expr(1)}")
                if self.chance(0.5):
                    self.emit("try:")
                    with self.indented():
                        self.emit("yield b")
                    self.emit(self.pick(["finally:", "except Stop:"]))
                    with self.indented():
                        self.emit("b = 0.0")
                else:
                    self.emit("yield b * 0.5")
        else:
            self.emit("@contextlib.contextmanager")
            self.emit(f"def {name}(a):")
            with self.indented():
                self.emit(f"yield {self.expr(2)}")
        self.managers.append(name)

    def raiser_helper(self, name: str) -> None:
        self.emit(f"def {name}(a):")
        with self.indented():
            if self.chance(0.6):
                self.emit(f"b = {self.risky()}")
                self.floats.append("b")
            if self.chance(0.5):
                self.emit(f"if {self.comparison()}:")
                with self.indented():
                    self.emit(f"raise {self.pick(['Stop', 'ValueError'])}({self.pick(['', 'a'])})")
            self.emit(f"return {self.expr(2)}")
        self.raisers.append(name)

    def caller_helper(self, name: str) -> None:
        self.emit(f"def {name}(g, a, *rest, s=1.0):")
        with self.indented():
            if self.chance(0.5):
                with self.loop_header("for k in range(2):", "k"):
                    self.emit(f"a = 0.5 * a + s * g({self.expr(1)})")
                    if self.chance(0.4):
                        self.emit(f"if {self.comparison()}:")
                        with self.indented():
                            self.emit(self.pick(["break", "return a"]))
            self.emit(f"return g(a) * s + 0.5 * {self.expr(1)} + sum(rest)")
        self.callers.append(name)

    # statements

    def block_statement(self) -> bool:
        roll = self.rng.random()
        if self.budget > 0 and self.depth < 6:
            if roll < 0.14 and self.tried < 2:
                self.budget -= 1
                return self.try_()
            if roll < 0.2 and self.generators and self.loops < 3:
                self.budget -= 1
                return self.generated()
            if roll < 0.25:
                self.budget -= 1
                return self.with_()
        if roll < 0.3:
            self.budget -= 1
            self.use_caller()
            return False
        return super().block_statement()

    def risky(self) -> str:
        """What raises for some numbers."""
        e = self.expr(1)
        return self.pick(
            [
                f"math.sqrt({e} + {self.const(0.0, 0.6)})",
                f"math.log({e} + {self.const(0.0, 0.8)})",
                f"math.log({self.pick(self.floats)} * {self.pick(self.floats)} + 0.2)",
                *([f"{e} / {self.pick(self.ints)}"] if self.ints else []),
                *([f"{self.pick(self.raisers)}({e})"] * 3 if self.raisers else []),
            ]
        )

    def try_(self) -> bool:
        before = self.save()
        self.tried += 1
        self.emit("try:")
        with self.indented():
            if self.chance(0.1):
                self.block(2)
            name = self.target()
            self.emit(f"{name} = {self.risky()}")
            self.bind(name)
            if self.chance(0.3):
                self.emit(f"if {self.comparison()}:")
                with self.indented():
                    self.emit(f"raise {self.pick(['Stop', 'ValueError'])}")
            left = False
            if self.chance(0.25):
                self.emit(f"{self.pick(before[0])} = {self.expr(2)}")
            if self.chance(0.1):
                left = self.block(2)
            if not left and self.chance(0.12):
                self.emit(
                    self.pick(["break", "continue"]) if self.loops else f"return {self.expr(1)}"
                )
        after = self.save()
        self.restore(before)
        kept = [self.pick(["ValueError", "Stop"])] if self.chance(0.2) else []
        heads = [*kept, self.pick(["(ValueError, ZeroDivisionError, Stop)", "Exception"])]
        ends = [after]
        for head in heads:
            self.emit(f"except {head}:")
            with self.indented():
                self.emit(f"{name} = {self.const()} * {self.pick(['x', 'y'])}")
                if name not in self.floats:
                    self.floats.append(name)
                if self.chance(0.2):
                    self.emit(self.pick(["break", "continue"]) if self.loops else "return x * y")
                else:
                    ends.append(self.save())
            self.restore(before)
        if self.chance(0.25):
            self.emit("else:")
            with self.indented():
                self.emit(f"{name} = {name} * {self.const()}")
        self.tried -= 1
        if self.chance(0.2):
            self.emit("finally:")
            with self.indented():
                self.emit(f"{self.pick(before[0])} = {self.pick(before[0])} * {self.const()}")
        self.floats = [n for n in ends[0][0] if all(n in e[0] for e in ends)]
        self.ints = [n for n in before[1] if n in self.ints]
        self.bools = list(before[2])
        return False

    def generated(self) -> bool:
        """A generator is consumed."""
        made = f"{self.pick(self.generators)}({self.expr(1)}, {self.pick(['2', '3', 'n'])})"
        form, v = self.rng.random(), self.fresh("v")
        if form < 0.15:
            name = self.target()
            self.emit(f"{name} = 0.3 * sum({made})")
            self.bind(name)
            return False
        if form < 0.25:
            name = self.target()
            self.emit(f"{name} = 0.3 * sum(math.sin(q) for q in {made})")
            self.bind(name)
            return False
        if form < 0.4:
            header = f"for i, {v} in enumerate({made}):"
        elif form < 0.5:
            header = f"for i, {v} in zip(range({self.pick(['3', 'n'])}), {made}):"
        else:
            header = f"for {v} in {made}:"
        with self.loop_header(header, ""):
            self.floats.append(v)
            self.block()
        self.loop_else()
        return False

    def with_(self) -> bool:
        v = self.fresh("v")
        form = self.rng.random()
        if self.managers and form < 0.6:
            self.emit(f"with {self.pick(self.managers)}({self.expr(1)}) as {v}:")
        elif form < 0.8:
            self.emit(f"with contextlib.nullcontext({self.expr(1)}) as {v}:")
        else:
            before = self.save()
            self.emit("with contextlib.suppress(ValueError, ZeroDivisionError, Stop):")
            with self.indented():
                self.emit(f"{v} = {self.risky()}")
                self.emit(f"{self.pick(before[0])} = {v} * {self.const()}")
            self.restore(before)
            return False
        before = self.save()
        with self.indented():
            self.floats.append(v)
            self.block(2)
            if self.loops and self.chance(0.2):
                self.emit(f"if {self.comparison()}:")
                with self.indented():
                    self.emit(self.pick(["break", "continue", f"return {self.expr(1)}"]))
        self.restore(before)
        return False

    def use_caller(self) -> None:
        if not self.callers:
            self.simple()
            return
        name = self.target()
        functions = [*self.unary, *(a for a, _ in self.adders), "math.sin"]
        functions += [f"(lambda q: {self.const()} * q * {self.pick(self.floats)})"]
        functions += [f"functools.partial(max, {self.const()})"]
        rest = self.pick(["", f", {self.expr(1)}", f", *({self.expr(1)}, x)"])
        named = self.pick(["", f", s={self.const()}", f", **{{'s': {self.atom()}}}"])
        call = f"{self.pick(self.callers)}({self.pick(functions)}, {self.expr(1)}{rest}{named})"
        self.emit(f"{name} = 0.3 * {call}")
        self.bind(name)
