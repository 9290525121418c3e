"""Random scalar programs: control flow of every shape that Python statements can take."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from .program import HEADER, Program
from .writer import Writer


def generate(seed: int) -> Program:
    """The program of this seed."""
    rng = random.Random(f"control {seed}")
    array_w = rng.random() < 0.3
    source = HEADER + _Control(rng, array_w).module()
    numbers = np.random.default_rng([1, seed])
    cases = []
    for _ in range(2):
        x, y = (float(v) for v in numbers.uniform(-1.2, 1.2, 2))
        n = int(numbers.integers(0, 5))
        w = numbers.uniform(-1, 1, 5) if array_w else float(numbers.uniform(-1, 1))
        cases.append((x, y, n, w))
    wrt = (0, 1, 3) if rng.random() < 0.4 else (0, 1)
    return Program("control", seed, source, wrt, tuple(cases))


class _Control(Writer):
    def __init__(self, rng: random.Random, array_w: bool) -> None:
        super().__init__(rng)
        self.array_w = array_w
        self.floats: list[str] = []  # certainly bound here
        self.ints: list[str] = []
        self.bools: list[str] = []
        self.guarded: dict[str, str] = {}  # a name bound only where the flag is true -> the flag
        self.loops = 0  # around this place, in this function
        self.unary: list[str] = []  # helpers of one argument
        self.binary: list[str] = []
        self.pairs: list[str] = []  # helpers that return two values
        self.recursive: list[str] = []  # helpers of a number and a depth
        self.adders: list[tuple[str, str]] = []  # closures that rebind a name, and that name
        self.budget = 0
        self.helper = False

    # the module

    def module(self) -> str:
        """The whole text."""
        self.depth = 0
        for _ in range(self.rng.choice([0, 0, 1, 1, 2])):
            self.module_helper()
        self.emit("def f(x, y, n, w):")
        self.depth = 1
        self.floats = ["x", "y"] if self.array_w else ["x", "y", "w"]
        self.ints = ["n"]
        self.budget = self.rng.randint(4, 24)
        for name in "stu"[: self.rng.randint(1, 3)]:
            self.emit(f"{name} = {self.pick(['0.0', '1.0', 'x', self.expr(1), self.const()])}")
            self.floats.append(name)
        if self.chance(0.25):
            self.closure()
        if self.chance(0.25):
            self.adder()
        while self.budget > 0:
            if self.block_statement():
                break
        else:
            self.emit(f"return {self.total()}")
        return "\n".join(self.lines) + "\n"

    def total(self) -> str:
        """A randomly weighted sum of all that is bound."""
        terms = [f"{self.weight()} * {name}" for name in dict.fromkeys(self.floats)]
        terms += [f"{self.const()} * {i} * x" for i in self.ints if self.chance(0.3)]
        return " + ".join(terms)

    def module_helper(self) -> None:
        kind = self.pick(["unary", "binary", "pair", "lambda", "loop", "recursive", "recursive"])
        name = self.fresh("h")
        if kind == "recursive":
            self.recursive_helper(name)
            return
        saved = self.floats, self.ints, self.array_w
        self.floats, self.ints, self.array_w, self.helper = ["a"], [], False, True
        if kind == "lambda":
            self.emit(f"{name} = lambda a: {self.expr(2)}  # noqa: E731")
            self.lines += ["", ""]
            self.unary.append(name)
        else:
            two = kind in ("binary", "pair")
            self.emit(f"def {name}({'a, b' if two else 'a'}):")
            if two:
                self.floats.append("b")
            with self.indented():
                self.helper_body(kind)
            self.lines += ["", ""]
            {"binary": self.binary, "pair": self.pairs}.get(kind, self.unary).append(name)
        self.floats, self.ints, self.array_w = saved
        self.helper = False

    def helper_body(self, kind: str) -> None:
        def result() -> str:
            return f"{self.expr(1)}, {self.expr(1)}" if kind == "pair" else self.expr(2)

        if kind == "loop":
            self.emit("r = a")
            self.floats.append("r")
            with self.loop_header("for k in range(3):", "k"):
                self.emit(f"r = {self.expr(2)}")
                if self.chance(0.6):
                    self.emit(f"if {self.comparison()}:")
                    with self.indented():
                        self.emit(self.pick(["break", f"return {self.expr(1)}"]))
        if self.chance(0.7):
            self.emit(f"if {self.test()}:")
            with self.indented():
                if self.chance(0.3):
                    self.emit(f"a = {self.expr(1)}")
                self.emit(f"return {result()}")
            if self.chance(0.3):
                self.emit(f"elif {self.test()}:")
                with self.indented():
                    self.emit(f"a = {self.expr(1)}")
        if self.chance(0.5):
            self.emit(f"b = {self.expr(2)}")
            if "b" not in self.floats:
                self.floats.append("b")
        self.emit(f"return {result()}")

    def recursive_helper(self, name: str) -> None:
        """A function that calls itself, or another that calls it, once or several times."""
        other = self.fresh("h") if self.chance(0.3) else ""
        saved = self.floats, self.ints, self.array_w
        for me, calls in ((name, other or name), (other, name)):
            if not me:
                continue
            self.floats, self.ints, self.array_w, self.helper = ["a"], ["m"], False, True
            self.emit(f"def {me}(a, m):")
            with self.indented():
                self.emit(
                    f"if m <= 0 or {self.comparison()}:" if self.chance(0.3) else "if m <= 0:"
                )
                with self.indented():
                    self.emit(f"return {self.expr(2)}")
                self.recursive_body(calls)
            self.lines += ["", ""]
        self.floats, self.ints, self.array_w = saved
        self.helper = False
        self.recursive.append(name)

    def recursive_body(self, calls: str) -> None:
        form = self.rng.random()
        if self.chance(0.5):
            self.emit(f"b = {self.expr(2)}")
            self.floats.append("b")
        if form < 0.3:
            self.emit("r = a")
            with self.loop_header(f"for k in range({self.pick(['m', '2'])}):", "k"):
                self.emit(f"r = 0.5 * r + math.sin({calls}({self.expr(1)}, m - 2))")
                if self.chance(0.5):
                    self.emit(f"if {self.comparison()}:")
                    with self.indented():
                        self.emit(self.pick(["break", f"return r * {self.const()}"]))
            self.emit(f"return r + {self.expr(1)}")
            return
        if form < 0.6:
            self.emit(f"if {self.comparison()}:")
            with self.indented():
                self.emit(f"a = {calls}({self.expr(1)}, m - 1)")
        self.emit(f"c = {calls}({self.expr(1)}, m - {self.pick([1, 1, 2])})")
        self.floats.append("c")
        if self.chance(0.3):
            self.emit(f"return {self.expr(2)} + 0.3 * {calls}(math.sin(c), m - 2) * a")
        else:
            self.emit(f"return math.sin(c) * {self.expr(1)} + 0.5 * c")

    def adder(self) -> None:
        """A closure that rebinds a name of the function around it."""
        name, total = self.fresh("add"), self.fresh("v")
        self.emit(f"{total} = {self.expr(1)}")
        self.emit(f"def {name}(a):")
        with self.indented():
            self.emit(f"nonlocal {total}")
            if self.chance(0.5):
                self.emit(f"if a > {self.const()}:")
                with self.indented():
                    self.emit(f"{total} = math.sin({total}) * a")
                    self.emit(f"return {total}")
            self.emit(f"{total} {self.pick(['+=', '-='])} 0.5 * a")
            self.emit(f"return a * {total}" if self.chance(0.7) else "return a")
        self.floats.append(total)
        self.adders.append((name, total))

    def closure(self) -> None:
        name = self.fresh("g")
        if self.chance(0.5):
            saved = self.floats
            self.floats = [*saved, "a"]
            text = self.expr(2)
            self.floats = saved
            self.emit(f"{name} = lambda a: {text} + 0.2 * a * x  # noqa: E731")
        else:
            # What is captured is not bound again, so that this is no test of late binding.
            held = self.fresh("c")
            self.emit(f"{held} = {self.expr(2)}")
            self.emit(f"def {name}(a):")
            with self.indented():
                self.emit(f"if a > {self.const()}:")
                with self.indented():
                    self.emit(f"return a * {held}")
                self.emit(f"return math.sin(a + {held})")
        self.unary.append(name)

    # expressions

    def atom(self) -> str:
        options = [self.pick(self.floats)] * 6 + [self.const()]
        if self.ints:
            options.append(f"0.2 * {self.pick(self.ints)}")
        if self.array_w:
            index = f"{self.pick(self.ints)} % 5" if self.ints and self.chance(0.6) else ""
            options += [f"w[{index or self.rng.randint(-5, 4)}]"] * 2
        return self.pick(options)

    def expr(self, depth: int) -> str:
        """An expression that is bounded, or grows slowly."""
        if depth <= 0 or self.chance(0.12):
            return self.atom()
        e: Callable[[], str] = lambda: self.expr(depth - 1)  # noqa: E731
        options = [
            lambda: f"math.sin({e()})",
            lambda: f"math.sin({e()} + {self.const()})",
            lambda: f"math.cos({e()})",
            lambda: f"math.tanh({e()})",
            lambda: f"math.exp(math.tanh({e()}))",
            lambda: f"math.sqrt(1.5 + math.sin({e()}))",
            lambda: f"math.log(2.0 + math.cos({e()}))",
            lambda: f"{self.const()} * {self.atom()} + {e()}",
            lambda: f"{self.atom()} * math.sin({e()})",
            lambda: f"0.5 * ({e()} - {e()})",
            lambda: f"{self.atom()} / (2.0 + math.cos({e()}))",
            lambda: f"math.tanh({e()}) ** {self.pick([2, 3])}",
            lambda: f"-({e()})",
            lambda: f"0.4 * {self.atom()} * {self.atom()}",
            lambda: f"abs({e()})",
            lambda: f"{self.pick(['min', 'max'])}({e()}, {e()})",
            lambda: f"({e()} if {self.test()} else {e()})",
        ]
        if self.recursive and (not self.helper or self.chance(0.3)):
            times = self.pick([*"0123", *self.ints]) if not self.helper else self.pick([*"01"])
            options += [lambda: f"{self.pick(self.recursive)}({e()}, {times})"] * 2
        if self.unary:
            options += [lambda: f"{self.pick(self.unary)}({e()})"] * 2
        if self.binary:
            options += [lambda: f"{self.pick(self.binary)}({e()}, {e()})"] * 2
        return self.pick(options)()

    def comparison(self) -> str:
        sign = self.pick(["<", ">", "<=", ">="])
        kind = self.rng.random()
        if kind < 0.15:
            return f"{self.const(-1.2, -0.1)} < {self.atom()} < {self.const(0.1, 1.2)}"
        if kind < 0.2:
            return f"{self.expr(1)} > {self.const()} < {self.atom()}"
        if kind < 0.45 and self.ints:
            i = self.pick(self.ints)
            return self.pick(
                [f"{i} % 2 == 0", f"{i} > 1", f"{i} != 2", f"{i} == 1", f"0 < {i} < 3"]
            )
        if kind < 0.6:
            return f"{self.pick(self.floats)} {sign} {self.pick(self.floats)} + {self.const()}"
        return f"{self.expr(1)} {sign} {self.const()}"

    def test(self) -> str:
        """A condition."""
        kind = self.rng.random()
        if self.bools and kind < 0.15:
            return self.pick(["", "not "]) + self.pick(self.bools)
        if kind < 0.3:
            return f"{self.comparison()} {self.pick(['and', 'or'])} {self.comparison()}"
        if kind < 0.36:
            return f"not ({self.comparison()})"
        if kind < 0.4:
            a, b, c = self.comparison(), self.comparison(), self.comparison()
            return f"{a} or not ({b}) and {c}"
        return self.comparison()

    # statements; each says whether control certainly leaves the block

    def target(self) -> str:
        """A name to bind, mostly one that there is."""
        if self.chance(0.25):
            return self.fresh("v")
        return self.pick(self.floats)

    def bind(self, *names: str) -> None:
        for name in names:
            if name not in self.floats:
                self.floats.append(name)

    def block(self, most: int = 4) -> bool:
        """One or more statements; True if the end is not reached."""
        return any(self.block_statement() for _ in range(self.rng.randint(1, most)))

    def block_statement(self) -> bool:
        self.budget -= 1
        roll = self.rng.random()
        if self.budget > 0 and self.depth < 6:
            if roll < 0.16:
                return self.if_()
            if roll < 0.27 and self.loops < 3:
                return self.for_()
            if roll < 0.33 and self.loops < 3:
                return self.while_()
        if roll < 0.37 and self.loops:
            return self.leave()
        self.simple()
        return False

    def simple(self) -> None:
        self.weighted(
            (5, self.assign),
            (4, self.augment),
            (1, self.chained),
            (1.5, self.unpack),
            (1.5, self.swap),
            (1, self.walrus),
            (1, self.flag),
            (1, self.use_guarded),
            (0.7, self.unpack_call),
            (0.8, self.use_adder),
            (0.3, lambda: self.emit("pass")),
        )

    def assign(self) -> None:
        value = self.expr(3)
        name = self.target()
        self.emit(f"{name} = {value}")
        self.bind(name)

    def augment(self) -> None:
        name = self.pick(self.floats)
        op, value = self.pick(
            [
                ("+=", f"0.5 * {self.expr(2)}"),
                ("+=", self.expr(2)),
                ("-=", self.expr(1)),
                ("*=", f"math.cos({self.expr(1)})"),
                ("*=", self.const()),
                ("/=", f"(1.5 + math.cos({self.expr(1)}) ** 2)"),
            ]
        )
        self.emit(f"{name} {op} {value}")

    def chained(self) -> None:
        value, a, b = self.expr(2), self.target(), self.target()
        self.emit(f"{a} = {b} = {value}")
        self.bind(a, b)

    def unpack(self) -> None:
        p, q = self.expr(2), self.expr(2)
        a, b = self.target(), self.target()
        self.emit(f"({a}, {b}) = ({p}, {q})" if self.chance(0.2) else f"{a}, {b} = {p}, {q}")
        self.bind(a, b)

    def swap(self) -> None:
        names = list(dict.fromkeys(self.floats))
        k = min(len(names), self.pick([2, 2, 3]))
        a = self.rng.sample(names, k)
        self.emit(f"{', '.join(a)} = {', '.join([*a[1:], a[0]])}")

    def walrus(self) -> None:
        p, q, inner = self.expr(2), self.expr(1), self.fresh("v")
        name = self.target()
        self.emit(f"{name} = ({inner} := {p}) * {inner} * 0.5 + {q}")
        self.bind(inner, name)

    def flag(self) -> None:
        name, test = self.fresh("p"), self.comparison()
        self.emit(f"{name} = {test}")
        self.bools.append(name)
        if self.chance(0.7):
            held = self.fresh("only")
            self.emit(f"if {name}:")
            with self.indented():
                self.emit(f"{held} = {self.expr(2)}")
            self.guarded[held] = name

    def use_guarded(self) -> None:
        names = [h for h, flag in self.guarded.items() if flag in self.bools]
        if not names:
            return self.assign()
        held = self.pick(names)
        flag = self.guarded[held]
        name = self.pick(self.floats)
        if self.chance(0.5):
            self.emit(f"if {flag}:")
            with self.indented():
                self.emit(f"{name} += {held} * {self.const()}")
        else:
            self.emit(f"{name} = {held} * {self.const()} if {flag} else {self.expr(1)}")
        return None

    def unpack_call(self) -> None:
        if not self.pairs:
            return self.assign()
        p, q = self.expr(1), self.expr(1)
        a, b = self.target(), self.target()
        self.emit(f"{a}, {b} = {self.pick(self.pairs)}({p}, {q})")
        self.bind(a, b)
        return None

    def use_adder(self) -> None:
        if not self.adders:
            return self.assign()
        name, _ = self.pick(self.adders)
        target = self.pick(self.floats)
        self.emit(f"{target} = {target} + 0.3 * {name}({self.expr(1)})")
        return None

    def leave(self) -> bool:
        """An exit under a condition, or the last statement of an arm."""
        kind = self.pick(["break", "break", "continue", "continue", "return"])
        text = f"return {self.expr(2)}" if kind == "return" else kind
        self.emit(f"if {self.test()}:")
        with self.indented(), self.scope():
            if self.chance(0.5):
                self.simple()
            if self.chance(0.2):  # an exit inside the arm that exits
                self.emit(f"if {self.comparison()}:")
                with self.indented():
                    self.emit(self.pick(["break", "continue"]))
            self.emit(text)
        return False

    @contextmanager
    def scope(self) -> Iterator[None]:
        """What is bound inside is forgotten."""
        saved = self.save()
        yield
        self.restore(saved)

    def save(self) -> tuple[list[str], list[str], list[str], dict[str, str]]:
        return list(self.floats), list(self.ints), list(self.bools), dict(self.guarded)

    def restore(self, saved: tuple[list[str], list[str], list[str], dict[str, str]]) -> None:
        self.floats, self.ints = list(saved[0]), list(saved[1])
        self.bools, self.guarded = list(saved[2]), dict(saved[3])

    def arm(self) -> bool:
        """A block that may end in an exit."""
        with self.indented():
            left = self.block(3)
            if not left:
                roll = self.rng.random()
                if self.loops and roll < 0.15:
                    self.emit(self.pick(["break", "continue"]))
                    left = True
                elif roll > 0.94:
                    self.emit(f"return {self.total()}")
                    left = True
        return left

    def if_(self) -> bool:
        walrus = self.fresh("v") if self.chance(0.12) else ""
        if walrus:
            self.emit(f"if ({walrus} := {self.expr(2)}) > {self.const()}:")
            self.bind(walrus)
        else:
            self.emit(f"if {self.test()}:")
        before = self.save()
        ends = []
        headers = ["elif"] * self.pick([0, 0, 0, 1, 1, 2]) + ["else"] * self.pick([0, 1])
        for header in ["if", *headers]:
            if header == "elif":
                self.emit(f"elif {self.test()}:")
            elif header == "else":
                self.emit("else:")
            left = self.arm()
            if not left:
                ends.append(self.save())
            self.restore(before)
        if headers[-1:] != ["else"]:
            ends.append(before)
        if not ends:
            return True
        first, *rest = ends
        for k in range(3):
            lists: list[list[str]] = [e[k] for e in (first, *rest)]  # type: ignore[misc]
            kept = [name for name in lists[0] if all(name in other for other in lists)]
            (self.floats, self.ints, self.bools)[k][:] = kept
        return False

    @contextmanager
    def loop_header(self, header: str, index: str = "") -> Iterator[None]:
        self.emit(header)
        saved = self.save()
        if index:
            self.ints.append(index)
        self.loops += 1
        with self.indented():
            yield
        self.loops -= 1
        self.restore(saved)

    def for_(self) -> bool:
        saved_budget = self.budget
        index = self.pick(["i", "j"]) if self.chance(0.3) else self.fresh("i")
        if index in self.ints:
            index = self.fresh("i")
        surely = [
            f"range({self.rng.randint(1, 4)})",
            f"range({self.rng.randint(0, 2)}, {self.rng.randint(3, 5)})",
            f"range({self.rng.randint(3, 5)}, {self.rng.randint(0, 2)}, -1)",
            "range(0, 6, 2)",
            "range(5, 0, -2)",
            "range(n + 1)",
        ]
        maybe = ["range(n)", "range(1, n)", "range(n, 0, -1)", "range(n - 1, -1, -1)"]
        maybe += ["range(2, n)", "range(0)", "range(3, 1)", "range(n, 4)"]
        inner = [i for i in self.ints if i != "n"]
        if inner:
            maybe += [f"range({self.pick(inner)})", f"range({self.pick(inner)}, 4)"] * 2
        ran = self.chance(0.5)
        with self.loop_header(f"for {index} in {self.pick(surely if ran else maybe)}:", index):
            self.block()
        self.budget = min(self.budget, saved_budget - 2)
        self.loop_else()
        if ran and self.chance(0.7):
            self.ints.append(index)
        return False

    def while_(self) -> bool:
        k = self.fresh("k")
        form = self.rng.random()
        if form < 0.5:
            self.emit(f"{k} = 0")
            test = f"{k} < {self.pick(['3', '4', 'n'])}"
            if self.chance(0.6):
                test = (
                    f"{self.comparison()} and {test}"
                    if self.chance(0.5)
                    else (f"{test} and {self.comparison()}")
                )
            step, stop = f"{k} += 1", ""
        elif form < 0.75:
            self.emit(f"{k} = {self.pick(['n', '3', '5'])}")
            test, step, stop = f"{k} > 0", f"{k} -= {self.pick([1, 2])}", ""
        else:
            self.emit(f"{k} = 0")
            test, step, stop = "True", f"{k} += 1", f"{k} > {self.pick(['2', 'n'])}"
        self.ints.append(k)
        with self.loop_header(f"while {test}:"):
            self.emit(step)
            if stop:
                self.emit(f"if {stop}:")
                with self.indented():
                    self.emit("break")
            self.block()
        if test != "True":
            self.loop_else()
        if self.chance(0.5):
            self.ints.remove(k)
        return False

    def loop_else(self) -> None:
        if self.chance(0.15):
            self.emit("else:")
            with self.scope(), self.indented():
                self.block(2)
