"""Random programs that make, change and share containers: lists, dicts, objects, lists of lists."""

from __future__ import annotations

import random

import numpy as np

from .program import HEADER, Program
from .writer import Writer

CLASS = """class Box:
    def __init__(self, v):
        self.v = v
        self.log = [v]

    def push(self, w):
        self.v = 0.5 * self.v + w
        self.log.append(w)
        return self.v

    @property
    def last(self):
        return self.log[-1]


def helper(ws, w):
    ws.append(0.7 * w)
    return ws[0] * w


"""
LISTS = ("xs", "ys")
PAIRS = "ps"
DICT, BOX, ROWS, ARRAYS = "d", "o", "rows", "hs"
KEYS = ("'a'", "'b'")


class Contain(Writer):
    """Writes the body of `f(x, a, b, n)`."""

    def __init__(self, rng: random.Random) -> None:
        super().__init__(rng)
        self.values = ["s", "u", "a", "b", "x[0]"]
        self.loops = 0
        self.iterated: list[str] = []

    # -- expressions

    def expr(self, depth: int = 2) -> str:
        if depth == 0 or self.chance(0.3):
            return self.atom()
        p, q = self.expr(depth - 1), self.expr(depth - 1)
        forms = (f"({p} + {q})", f"({p} - {q})", f"0.6 * {p} * {q}", f"math.sin({p})")
        return forms[self.rng.randrange(4)]

    def atom(self) -> str:
        kind = self.rng.random()
        if kind < 0.45:
            return self.pick(self.values)
        if kind < 0.55:
            return self.const()
        return self.read()

    def read(self) -> str:
        """Something of a container: what has always an item, or is guarded."""
        xs = self.pick(LISTS)
        return self.pick(
            [
                f"({xs}[-1] if {xs} else {self.const()})",
                f"({xs}[0] if len({xs}) > 0 else {self.const()})",
                f"0.3 * sum({xs})",
                f"0.2 * sum({xs}[{self.pick(['1:', ':-1', ':2', '-2:', '::2', '::-1'])}])",
                f"0.1 * len({xs})",
                f"{DICT}[{self.pick(KEYS)}]",
                f"{DICT}.get('c', {self.const()})",
                f"{BOX}.v",
                f"{BOX}.last",
                f"0.3 * sum({DICT}.values())",
                f"{ROWS}[{self.pick('01')}][{self.pick(['0', '1', '-1'])}]",
                f"0.2 * sum({ROWS}[n % 2])",
                f"0.2 * sum(p * q for p, q in {PAIRS})",
                f"({PAIRS}[-1][0] if {PAIRS} else {self.const()})",
                f"0.3 * np.sum({ARRAYS}[{self.pick(['0', '1', '-1'])}])",
            ]
        )

    def test(self) -> str:
        return f"{self.expr(1)} {self.pick(['<', '>'])} {self.const()}"

    # -- statements

    def block(self, depth: int, least: int = 1) -> None:
        for _ in range(self.rng.randint(least, 3)):
            self.statement(depth)

    def statement(self, depth: int) -> None:
        self.weighted(
            (3, self.number),
            (5, self.change_list),
            (2, self.change_dict),
            (2, self.change_box),
            (2, self.change_rows),
            (2, self.change_pairs),
            (1, self.change_arrays),
            (1, self.alias),
            (3 if depth else 0, lambda: self.branch(depth - 1)),
            (3 if depth and self.loops < 2 else 0, lambda: self.loop(depth - 1)),
        )

    def number(self) -> None:
        self.emit(
            self.pick([f"s = 0.5 * s + {self.expr()}", f"u += {self.expr(1)}", "s, u = u, s"])
        )

    def change_list(self) -> None:
        xs, ys, v = self.pick(LISTS), self.pick(LISTS), self.expr(1)
        k = self.pick(["0", "-1", f"len({xs}) // 2"])
        self.emit(
            self.pick(
                [
                    f"{xs}.append({v})",
                    f"{xs}.append({v})",
                    f"{xs}.append({v})",
                    f"{xs}.insert({self.pick(['0', '1', '-1', 'n'])}, {v})",
                    f"{xs}.extend([{v}, {self.expr(1)}])",
                    f"{xs} += [{v}]",
                    f"{xs} = {xs} + [{v}]",
                    f"{xs} = {xs}[{self.pick(['1:', ':-1', '::-1', ':3'])}] + [{v}]",
                    f"{xs} = [0.5 * w for w in {ys}] + [{v}]",
                    f"{xs} = [w for w in {ys} if w > {self.const()}]",
                    f"{xs} = list({ys})",
                    f"{xs} = sorted({ys})[:4]",
                    f"if len({xs}) > 1: u = 0.5 * u + {xs}.pop({self.pick(['', '0', '-2', '1'])})",
                    f"if {xs}: {xs}[{k}] = {v}",
                    f"if {xs}: {xs}[{k}] += {v}",
                    f"if len({xs}) > 2: del {xs}[{self.pick(['0', '-1', '1:', ':1'])}]",
                    f"{xs}.reverse()",
                    f"{xs}, {ys} = {ys}, {xs}",
                    f"u = 0.5 * u + helper({xs}, {v})",
                    f"{xs}[1:2] = [{v}]",
                    f"{xs}.clear()",
                ]
            )
        )

    def change_dict(self) -> None:
        k, v = self.pick(KEYS), self.expr(1)
        self.emit(
            self.pick(
                [
                    f"{DICT}[{k}] = {v}",
                    f"{DICT}[{k}] += {v}",
                    f"{DICT}.update(a={v}, b=0.5 * {DICT}[{k}])",
                    f"{DICT} = {{k: 0.5 * w + {self.atom()} for k, w in {DICT}.items()}}",
                    f"for k, w in {DICT}.items(): {DICT}[k] = 0.7 * w + {self.atom()}",
                    f"{DICT} = {{**{DICT}, {k}: {v}}}",
                    f"{DICT}['c'] = {v}",
                    f"u = {DICT}.pop('c', u)",
                ]
            )
        )

    def change_box(self) -> None:
        v = self.expr(1)
        self.emit(
            self.pick(
                [
                    f"u = 0.5 * u + {BOX}.push({v})",
                    f"{BOX}.v = {v}",
                    f"{BOX}.v -= {v}",
                    f"{BOX} = Box({v})",
                    f"{BOX}.log = [{v}, {BOX}.last]",
                    f"{BOX}.log[0] = {v}",
                ]
            )
        )

    def change_rows(self) -> None:
        i, j, v = self.pick(["0", "1", "n % 2"]), self.pick(["0", "1", "-1"]), self.expr(1)
        self.emit(
            self.pick(
                [
                    f"{ROWS}[{i}][{j}] = {v}",
                    f"{ROWS}[{i}][{j}] += {v}",
                    f"{ROWS}[{i}] = [{v}, 0.5 * {ROWS}[{i}][{j}]]",
                    f"{ROWS} = [[0.5 * w for w in r] for r in {ROWS}]",
                    f"row = {ROWS}[{i}]; row[{j}] = {v}; u = u + 0.3 * row[0]",
                    f"{ROWS}[0], {ROWS}[1] = {ROWS}[1], {ROWS}[0]",
                    f"{ROWS} = [[0.0] * 2 for _ in range(n)]",
                    f"{ROWS}[{i}].append({v})",
                ]
            )
        )

    def change_pairs(self) -> None:
        v, w = self.expr(1), self.expr(1)
        self.emit(
            self.pick(
                [
                    f"{PAIRS}.append(({v}, {w}))",
                    f"if {PAIRS}: u, q = {PAIRS}.pop(); s = s + 0.3 * q",
                    f"if {PAIRS}: {PAIRS}[0] = ({v}, {w})",
                    f"{PAIRS} = [(q, 0.5 * p) for p, q in {PAIRS}]",
                    f"{PAIRS} = {PAIRS}[-2:]",
                ]
            )
        )

    def change_arrays(self) -> None:
        k, v = self.pick(["0", "1", "-1"]), self.expr(1)
        self.emit(
            self.pick(
                [
                    f"{ARRAYS}[{k}] += {v}",
                    f"{ARRAYS}[{k}][1] = {v}",
                    f"{ARRAYS}.append(0.5 * x + {v})",
                    f"{ARRAYS}[{k}] = 0.5 * {ARRAYS}[0] + {v}",
                    f"{ARRAYS} = [0.5 * h for h in {ARRAYS}]",
                ]
            )
        )

    def alias(self) -> None:
        xs, ys, v = self.pick(LISTS), self.pick(LISTS), self.expr(1)
        self.emit(
            self.pick(
                [
                    f"zs = {xs}; zs.append({v})",
                    f"{xs} = {ys}",
                    f"{xs} = {BOX}.log",
                    f"e = {DICT}; e['a'] = {v}",
                    f"{xs} = {xs} if {self.test()} else {ys}",
                    f"{ROWS}[0] = {xs} + [1.0, {v}]",
                ]
            )
        )

    def branch(self, depth: int) -> None:
        self.emit(f"if {self.test()}:")
        with self.indented():
            self.block(depth)
        if self.chance(0.5):
            self.emit("else:")
            with self.indented():
                self.block(depth)

    def loop(self, depth: int) -> None:
        v, k = self.fresh("v"), self.fresh("k")
        xs = self.pick(LISTS)
        header, name, after = self.pick(
            [
                (f"for {v} in x:", v, ""),
                (f"for {v} in x[1:]:", v, ""),
                (f"for {k} in range(n):", f"0.2 * {k}", ""),
                (f"for {k} in range(3):", f"0.2 * {k}", ""),
                (f"for {v} in list({xs}):", v, ""),
                (f"for {k}, {v} in enumerate({xs}[:3], 1):", f"{v} / {k}", ""),
                (f"for {v}, {k} in zip({xs}[:], x):", f"{v} * {k}", ""),
                (f"for {v} in reversed({xs}[:2]):", v, ""),
                (f"while len({xs}) < 4:", "s", f"{xs}.append({self.expr(1)})"),
                (f"while len({xs}) > 3:", "u", f"{xs}.pop()"),
            ]
        )
        if header.startswith("while"):  # no change of another kind may keep it going
            self.emit(f"{k} = 0")
            self.emit(header[:-1] + f" and {k} < 6:")
            after = f"{k} += 1; {after}"
        else:
            self.emit(header)
        self.loops += 1
        self.values.append(f"({name})")
        with self.indented():
            if after:
                self.emit(after)
            self.block(depth)
            if self.chance(0.15):
                self.emit(f"if {self.test()}:")
                with self.indented():
                    self.emit(self.pick(["break", "continue", f"return {self.expr(1)}"]))
        self.values.pop()
        self.loops -= 1


def generate(seed: int) -> Program:
    """The program of a seed."""
    rng = random.Random(f"containers {seed}")
    w = Contain(rng)
    w.emit("s, u = a, 0.4")
    w.emit(f"xs, ys = {rng.choice(['[a, b]', '[v for v in x]', '[]', 'list(x)'])}, [b]")
    w.emit(f"{PAIRS} = [(a, 0.5)]")
    w.emit(f"{DICT}, {BOX} = {{'a': a, 'b': 0.3 * b}}, Box(b)")
    w.emit(f"{ROWS} = {rng.choice(['[[a, 0.1], [b, a]]', '[[0.0] * 2 for _ in range(n)]'])}")
    w.emit(f"{ARRAYS} = [0.5 * x, x + 1.0]")
    w.block(3, 3)
    w.emit(f"return s + u * {w.expr(1)} + {w.read()} - {w.read()}")
    text = "\n".join(w.lines)
    draw = np.random.default_rng([7, seed])
    cases = tuple(
        (
            np.round(draw.uniform(-1.2, 1.2, 3), 3),
            float(np.round(draw.uniform(-1.2, 1.2), 3)),
            float(np.round(draw.uniform(-1.2, 1.2), 3)),
            int(draw.integers(2, 4)),
        )
        for _ in range(3)
    )
    source = f"{HEADER}{CLASS}def f(x, a, b, n):\n{text}\n"
    return Program("containers", seed, source, (0, 1, 2), cases)
