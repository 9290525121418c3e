"""Random programs over containers, against dual numbers run on the same source."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from s2sgrad import value_and_grad
from tests.fuzz.dual import Dual, DualMath, _Seen, tan, val
from tests.fuzz.program import HEADER, Loaded, Program
from tests.fuzz.writer import Writer

LEAVES = ['p["a"]', 'p["d"]["x"]', 'p["ws"][-1]', 'p["pairs"][0][1]', 'p["pairs"][1][0]']
LOOPS = [
    ("{0}", 'p["ws"]', "{0}"),
    ("{1}, {0}", 'enumerate(p["ws"])', "{0} + 0.1 * {1}"),
    ("{0}, {1}", 'zip(p["ws"], reversed(p["ws"]))', "{0} * {1}"),
    ("{0}, {1}", 'p["pairs"]', "{0} - {1}"),
    ("{1}, ({0}, _)", 'enumerate(p["pairs"], 2)', "{0} * {1}"),
    ("{1}, {0}", 'p["d"].items()', "{0}"),
    ("{0}", 'p["d"].values()', "{0}"),
    ("{0}", 'range(len(p["ws"]))', 'p["ws"][{0}]'),
    ("{0}", "range(3)", 'p["ws"][{0} - 1] * {0}'),
    ("{0}", 'range(p["n"])', "(s - {0})"),
]


class Contain(Writer):
    """Writes the body of `f(p)`."""

    def __init__(self, rng: random.Random) -> None:
        super().__init__(rng)
        self.values = ["s", "u", *LEAVES]

    def expr(self, depth: int = 2) -> str:
        if depth == 0 or self.chance(0.3):
            return self.pick(self.values) if self.chance(0.85) else self.const()
        kind = self.rng.randrange(4)
        a, b = self.expr(depth - 1), self.expr(depth - 1)
        return (f"({a} + {b})", f"({a} - {b})", f"0.7 * {a} * {b}", f"math.sin({a})")[kind]

    def test(self) -> str:
        return f"{self.expr(1)} {self.pick(['<', '>'])} {self.const()}"

    def block(self, depth: int, loops: int, least: int = 1) -> None:
        for _ in range(self.rng.randint(least, 3)):
            self.statement(depth, loops)

    def statement(self, depth: int, loops: int) -> None:
        if depth == 0:
            self.simple()
            return
        self.weighted(
            (3, self.simple),
            (3, lambda: self.loop(depth, loops)),
            (2, lambda: self.branch(depth, loops)),
            (2 if loops else 0, self.leave),
        )

    def simple(self) -> None:
        self.weighted(
            (3, lambda: self.emit(f"s = 0.5 * s + {self.expr()}")),
            (1, lambda: self.emit(f"u += {self.expr(1)}")),
            (1, lambda: self.emit("s, u = u, s")),
            (1, self.rebuild),
            (1, lambda: self.emit(f's = s + 0.3 * h(p["{self.pick(["ws", "pairs"])}"], s)')),
            (1, lambda: self.emit(f's = s + sum(w * {self.expr(1)} for w in p["ws"])')),
        )

    def rebuild(self) -> None:
        a, b = self.expr(1), self.expr(1)
        self.emit(f'q = {{"k": {a}, "m": [{b}, s]}}')
        self.emit('s = math.sin(q["k"]) + q["m"][0] - 0.5 * q["m"][1]')

    def branch(self, depth: int, loops: int) -> None:
        self.emit(f"if {self.test()}:")
        with self.indented():
            self.block(depth - 1, loops)
        if self.chance(0.5):
            self.emit("else:")
            with self.indented():
                self.block(depth - 1, loops)

    def leave(self) -> None:
        self.emit(f"if {self.test()}:")
        with self.indented():
            self.emit(self.pick(["break", "continue", "continue", f"return {self.expr()}"]))

    def loop(self, depth: int, loops: int) -> None:
        if loops == 2:
            self.simple()
            return
        target, over, value = self.pick(LOOPS)
        names = self.fresh("v"), self.fresh("k")
        self.emit(f"for {target.format(*names)} in {over}:")
        self.values.append(f"({value.format(*names)})")
        with self.indented():
            self.block(depth - 1, loops + 1)
        self.values.pop()
        if self.chance(0.3):
            self.emit("else:")
            with self.indented():
                self.simple()


HELPER = """def h(ws, x):
    for w in ws:
        v = w[0] * w[1] if isinstance(w, tuple) else w
        if v * x > 0.6:
            return v * math.sin(x)
        x = x + 0.2 * v
    return x


"""


def generate(seed: int) -> Program:
    rng = random.Random(f"contain {seed}")
    writer = Contain(rng)
    writer.emit('s, u = p["a"], 0.4')
    writer.block(3, 0, 2)
    writer.emit(f"return s + u * {writer.expr(1)}")
    text = "\n".join(writer.lines)
    return Program("contain", seed, f"{HEADER}{HELPER}def f(p):\n{text}\n", (0,), ())


def tree(make: Callable[[], Any]) -> dict[str, Any]:
    return {
        "a": make(),
        "ws": [make() for _ in range(4)],
        "pairs": [(make(), make()) for _ in range(3)],
        "d": {"x": make(), "y": make()},
        "n": 3,
    }


def zipped(f: Callable[..., Any], *trees: Any) -> Any:
    first = trees[0]
    if isinstance(first, dict):
        return {k: zipped(f, *(t[k] for t in trees)) for k in first}
    if isinstance(first, list | tuple):
        return type(first)(zipped(f, *ts) for ts in zip(*trees, strict=True))
    return f(*trees)


def inner(g: Any, u: Any) -> float:
    found: list[float] = []
    zipped(lambda a, b: found.append(0.0 if a is None else a * b), g, u)
    return sum(found)


def judge(seed: int) -> bool:
    """Compare one program; False where the oracle has no reliable answer."""
    program, rng = generate(seed), random.Random(seed)
    compared = False
    with Loaded(program) as plain, Loaded(program, math=DualMath()) as dual:
        d = value_and_grad(plain.f)
        for _ in range(3):
            x = tree(lambda: round(rng.uniform(-1.5, 1.5), 3))
            u = tree(lambda: rng.uniform(-1, 1))
            _Seen.margin, _Seen.path = math.inf, []
            lifted = zipped(lambda v, t: v if type(v) is int else Dual(v, t), x, u)
            try:
                want = dual.f(lifted)
            except ValueError as e:
                if "domain" not in str(e):  # else a fault of the oracle
                    raise
                continue
            if _Seen.margin < 1e-6 or not abs(val(want)) + abs(tan(want)) < 1e6:
                continue
            value, g = d(x)
            assert value == pytest.approx(val(want), rel=1e-9, abs=1e-12), program.source
            got = inner(g, u)
            assert got == pytest.approx(tan(want), rel=1e-7, abs=1e-9), program.source
            assert g["n"] is None
            compared = True
    return compared


@pytest.mark.parametrize("first", range(0, 60, 20))
def test_programs(first: int) -> None:
    assert sum(map(judge, range(first, first + 20))) > 15


@pytest.mark.slow
@pytest.mark.parametrize("first", range(1000, 1300, 100))
def test_more_programs(first: int) -> None:
    assert sum(map(judge, range(first, first + 100))) > 80


def test_the_oracle_is_right_about_a_known_program() -> None:
    with np.errstate(all="raise"):
        x = tree(lambda: 0.5)
    lifted = zipped(lambda v: v if type(v) is int else Dual(v, 1.0), x)
    out = lifted["a"] * lifted["ws"][0] + lifted["d"]["x"]
    assert (out.value, out.tangent) == (0.75, 2.0)
