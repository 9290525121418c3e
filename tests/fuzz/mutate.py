"""Random array programs: writes, views, aliases, and reads that cross them."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np

from .program import HEADER, Program
from .writer import Writer

Shape = tuple[int, ...]


def generate(seed: int) -> Program:
    """The program of this seed."""
    rng = random.Random(f"mutate {seed}")
    n, m = rng.randint(3, 5), rng.randint(2, 4)
    shapes = [rng.choice([(n,), (n,), (m, n), (n, n)]) for _ in range(2)]
    body = _fault(rng, shapes) if rng.random() < 0.06 else ""
    source = HEADER + (body or _Mutate(rng, shapes).module())
    numbers = np.random.default_rng([2, seed])
    orders = [rng.choice([np.ascontiguousarray] * 3 + [np.asfortranarray]) for _ in shapes]
    cases = []
    for _ in range(2):
        arrays = [make(numbers.uniform(-1, 1, s)) for make, s in zip(orders, shapes, strict=True)]
        cases.append((*arrays, float(numbers.uniform(-1, 1))))
    wrt = rng.choice([(0, 1, 2), (0, 1, 2), (0, 1), (0, 2), (0,)])
    return Program("mutate", seed, source, wrt, tuple(cases))


def _fault(rng: random.Random, shapes: list[Shape]) -> str:
    """One of the two programs of MUTATION.md that were once wrong, with other numbers."""
    shapes[:] = [(3,), (3,)]
    c, d, e = (round(rng.uniform(0.2, 1.5), 2) for _ in range(3))
    if rng.random() < 0.5:
        return f"""def f(x, y, s):
    q = y[0] * {d}
    for i in range(3):
        t = s
        s = s * q
        if y[i] > {round(c - 0.8, 2)}:
            s = s + t
        else:
            q = q * 1.5
            if q > {round(e - 0.5, 2)}:
                x[i] = {d} * t
                break
    return s * q + np.sum(x) + {c} * x[1]
"""
    return f"""def f(x, y, s):
    for i in range(3):
        x[i] = s * x[i] {rng.choice(["", "+ y[i]", "* y[2 - i]"])}
        s = {c} * s * np.sum(x * {rng.choice("xy")})
    return s + {d} * x[0] - {e} * x[2] + np.sum(x * y)
"""


@dataclass(frozen=True, slots=True)
class _Array:
    shape: Shape
    contiguous: bool = False  # in C order, and made by the function: `reshape` is a view


class _Mutate(Writer):
    def __init__(self, rng: random.Random, shapes: list[Shape]) -> None:
        super().__init__(rng)
        self.arrays: dict[str, _Array] = {"x": _Array(shapes[0]), "y": _Array(shapes[1])}
        self.scalars = ["s"]
        self.indices: dict[str, tuple[int, int]] = {}  # name -> least and largest value
        self.loops = 0
        self.arms = 0
        self.budget = rng.randint(6, 18)
        self.views = rng.random() < 0.7  # some programs have none, so that nothing is refused

    def module(self) -> str:
        """The whole text."""
        self.depth = 0
        self.emit("def f(x, y, s):")
        self.depth = 1
        for name in "tq"[: self.rng.randint(0, 2)]:
            self.emit(f"{name} = {self.pick([self.scalar(1), '1.0', 's'])}")
            self.scalars.append(name)
        self.make()
        while self.budget > 0:
            self.statement()
        self.emit(f"return {self.total()}")
        return "\n".join(self.lines) + "\n"

    def total(self) -> str:
        """A randomly weighted sum of everything."""
        terms = [f"{self.weight()} * {s}" for s in self.scalars]
        for name, a in self.arrays.items():
            kind = self.rng.random()
            places = list(np.ndindex(*a.shape))
            if kind < 0.45 and len(places) <= 5:
                terms += [f"{self.weight()} * {self.at(name, p)}" for p in places]
            elif kind < 0.8:
                weights = self.literal(a.shape)
                terms.append(f"np.sum({name} * np.array({weights}))")
            else:
                terms.append(f"{self.weight()} * np.sum({name} * {name})")
                # A sum of squares alone would not see two elements exchanged.
                some = self.rng.sample(places, min(3, len(places)))
                terms += [f"{self.weight()} * {self.at(name, p)}" for p in some]
        inner = "\n" + "    " * (self.depth + 1)
        return f"({inner}{(inner + '+ ').join(terms)}{inner[:-4]})"

    def literal(self, shape: Shape) -> str:
        if len(shape) == 1:
            return "[" + ", ".join(self.weight() for _ in range(shape[0])) + "]"
        return "[" + ", ".join(self.literal(shape[1:]) for _ in range(shape[0])) + "]"

    @staticmethod
    def at(name: str, place: tuple[int, ...]) -> str:
        return f"{name}[{', '.join(map(str, place))}]"

    # expressions

    def index(self, size: int) -> str:
        """An index that is in range for an axis of `size`."""
        options = [str(self.rng.randint(-size, size - 1))]
        for name, (low, high) in self.indices.items():
            shifts = [d for d in range(-3, 4) if low + d >= -size and high + d < size]
            options += [
                name if d == 0 else f"{name} {'+' if d > 0 else '-'} {abs(d)}" for d in shifts
            ] * 2
            if high < size and low >= 0:
                options += [name] * 3 + [f"{size - 1} - {name}", f"-{name} - 1"]
            options.append(f"{name} % {size}")
            if low >= 0:
                options.append(f"(2 * {name} + 1) % {size}")
        return self.pick(options)

    def element(self, name: str) -> str:
        return f"{name}[{', '.join(self.index(k) for k in self.arrays[name].shape)}]"

    def cut(self, size: int) -> tuple[str, int]:
        """A slice of an axis, and how many elements it takes."""
        while True:
            step = self.pick([None, None, None, 2, -1, -1, -2])
            start = self.pick([None, None, 1, 1, 0, 2, -1, -2])
            stop = self.pick([None, None, None, -1, size - 1, 2, size])
            taken = len(range(size)[slice(start, stop, step)])
            if taken:
                text = f"{'' if start is None else start}:{'' if stop is None else stop}"
                return text + ("" if step is None else f":{step}"), taken

    def part(self, name: str) -> tuple[str, Shape]:
        """A part of an array that is an array."""
        shape = self.arrays[name].shape
        if len(shape) == 1:
            text, k = self.cut(shape[0])
            return f"{name}[{text}]", (k,)
        kind = self.rng.random()
        if kind < 0.35:
            return f"{name}[{self.index(shape[0])}]", shape[1:]
        if kind < 0.55:
            return f"{name}[:, {self.index(shape[1])}]", shape[:1]
        if kind < 0.7:
            text, k = self.cut(shape[1])
            return f"{name}[{self.index(shape[0])}, {text}]", (k,)
        rows, k = self.cut(shape[0])
        if kind < 0.85:
            return f"{name}[{rows}]", (k, shape[1])
        columns, l = self.cut(shape[1])
        return f"{name}[{rows}, {columns}]", (k, l)

    def scalar(self, depth: int) -> str:
        """A scalar expression."""
        if depth <= 0:
            options = [self.pick(self.scalars), self.element(self.pick(list(self.arrays)))]
            options += [options[1], self.const()]
            options += [f"0.3 * {i}" for i in self.indices]
            return self.pick(options)
        e: Callable[[], str] = lambda: self.scalar(depth - 1)  # noqa: E731
        return self.pick(
            [
                lambda: f"{self.pick(['math', 'np'])}.sin({e()})",
                lambda: f"np.tanh({e()} + {self.const()})",
                lambda: f"{self.const()} * {e()}",
                lambda: f"{e()} - {e()}",
                lambda: f"{e()} + {self.const()} * {e()}",
                lambda: f"0.7 * {e()} * {e()}",
                lambda: f"{e()} / (2.0 + math.cos({e()}))",
                lambda: f"{e()}",
                self.whole,
            ]
        )()

    def whole(self) -> str:
        """A scalar that reads a whole array."""
        a = self.pick(list(self.arrays))
        peers = [b for b in self.arrays if self.arrays[b].shape == self.arrays[a].shape]
        b = self.pick(peers)
        options = [f"np.sum({a} * {b})", f"np.sum({a})", f"{a}.sum()", f"np.mean({a} * {b})"]
        options.append(f"np.sum(np.sin({a}))")
        options.append(f"np.sum({self.part(a)[0]})")
        if len(self.arrays[a].shape) == 1:
            options += [f"{a} @ {b}", f"np.dot({a}, {b})"]
        return f"0.3 * {self.pick(options)}"

    def source(self, shape: Shape) -> str:
        """A read of this shape: an array, or a part of one."""
        whole = [n for n, a in self.arrays.items() if a.shape == shape]
        for _ in range(6):
            text, got = self.part(self.pick(list(self.arrays)))
            if got == shape:
                whole += [text] * 2
        whole += [f"{n}.T" for n, a in self.arrays.items() if a.shape == shape[::-1] != shape]
        if not whole:
            return self.scalar(1)
        return self.pick(whole)

    def vector(self, shape: Shape, depth: int) -> str:
        """An expression of this shape, or one that broadcasts to it."""
        if depth <= 0:
            return self.source(shape)
        e: Callable[[], str] = lambda: self.vector(shape, depth - 1)  # noqa: E731
        options = [
            lambda: f"{self.const()} * {e()}",
            lambda: f"{e()} + {self.const()} * {e()}",
            lambda: f"{e()} - {e()}",
            lambda: f"0.6 * {e()} * {e()}",
            lambda: f"np.sin({e()})",
            lambda: f"np.tanh({e()})",
            lambda: f"({e()}) * {self.scalar(0)}",
            lambda: f"{e()} + {self.scalar(0)}",
            lambda: f"{e()} / (2.0 + np.cos({e()}))",
            lambda: f"{self.source(shape)} * {self.source(shape)}",
        ]
        if len(shape) == 2:
            options.append(lambda: f"0.5 * {self.vector(shape[1:], depth - 1)} + {e()}")
            squares = [n for n, a in self.arrays.items() if a.shape == (shape[0], shape[0])]
            if squares:
                options.append(
                    lambda: f"0.3 * ({self.pick(squares)} @ ({e()} + np.zeros({shape})))"
                )
        else:
            products = [
                f"0.4 * ({m} @ {v})"
                for m, a in self.arrays.items()
                for v, b in self.arrays.items()
                if a.shape == (*shape, *b.shape)
            ]
            if products:
                options.append(lambda: self.pick(products))
        return self.pick(options)()

    def certain(self, shape: Shape) -> str:
        """An expression of exactly this shape."""
        have = [n for n, a in self.arrays.items() if a.shape == shape]
        if have and self.chance(0.7):
            return f"{self.pick(have)} * {self.const()} + {self.vector(shape, 1)}"
        return f"np.zeros({shape if len(shape) > 1 else shape[0]}) + {self.vector(shape, 2)}"

    # statements

    @contextmanager
    def scope(self) -> Iterator[None]:
        """What is bound inside is forgotten."""
        saved = dict(self.arrays), list(self.scalars), dict(self.indices)
        yield
        self.arrays, self.scalars, self.indices = saved

    def statement(self) -> None:
        self.budget -= 1
        deep = self.depth >= 5 or self.budget <= 0
        self.weighted(
            (3, self.store),
            (3, self.augment),
            (2, self.store_part),
            (2.5, self.augment_part),
            (1.5, self.augment_whole),
            (2, self.scalar_update),
            (1.2, self.make),
            (1.8 if self.views else 0, self.view),
            (0.5, self.rebind),
            (0.7, self.out),
            (0.5, self.overlap),
            (0 if deep else 2.5, self.loop),
            (0 if deep else 0.6, self.row_loop),
            (0 if deep else 0.8, self.double_buffer),
            (0 if deep else 1.6, self.branch),
            (0 if deep else 0.6, self.accumulate),
            (0 if deep else 0.6, self.listing),
            (1.5 if self.loops else 0, self.leave),
        )

    def body(self, most: int = 4) -> None:
        with self.indented(), self.scope():
            for _ in range(self.rng.randint(1, most)):
                self.statement()

    def store(self) -> None:
        self.emit(f"{self.element(self.pick(list(self.arrays)))} = {self.scalar(2)}")

    def augment(self) -> None:
        self.emit(f"{self.element(self.pick(list(self.arrays)))} {self.scalar_change()}")

    def scalar_change(self) -> str:
        return self.pick(
            [
                f"+= {self.scalar(1)}",
                f"+= {self.scalar(2)}",
                f"-= {self.scalar(1)}",
                f"*= {self.scalar(0)}",
                f"*= {self.const()}",
                f"/= 1.5 + math.cos({self.scalar(0)}) ** 2",
            ]
        )

    def vector_change(self, shape: Shape) -> str:
        return self.pick(
            [
                f"+= {self.vector(shape, 1)}",
                f"+= {self.const()} * {self.vector(shape, 2)}",
                f"-= {self.vector(shape, 1)}",
                f"*= {self.vector(shape, 0)}",
                f"*= {self.scalar(1)}",
                f"+= {self.scalar(1)}",
                f"/= 2.0 + np.sin({self.vector(shape, 0)})",
            ]
        )

    def store_part(self) -> None:
        text, shape = self.part(self.pick(list(self.arrays)))
        if self.chance(0.12):
            text, shape = f"{(n := self.pick(list(self.arrays)))}[:]", self.arrays[n].shape
        # Never a bare view: those of another stride, NumPy does not copy first (see `overlap`).
        self.emit(f"{text} = {self.vector(shape, 2) if self.chance(0.8) else self.scalar(1)} * 0.9")

    def augment_part(self) -> None:
        text, shape = self.part(self.pick(list(self.arrays)))
        self.emit(f"{text} {self.vector_change(shape)}")

    def augment_whole(self) -> None:
        name = self.pick(list(self.arrays))
        self.emit(f"{name} {self.vector_change(self.arrays[name].shape)}")

    def scalar_update(self) -> None:
        name = self.pick(self.scalars)
        kind = self.rng.random()
        if kind < 0.3:
            self.emit(f"{name} = 0.6 * {name} + {self.whole()}")
        elif kind < 0.45:
            self.emit(f"{name} = {name} * {self.whole()}")
        elif kind < 0.65:
            self.emit(f"{name} {self.scalar_change()}")
        elif kind < 0.85:
            self.emit(f"{name} = {self.scalar(2)}")
        else:
            new = self.fresh("r")
            self.emit(f"{new} = {self.scalar(1)}")
            self.scalars.append(new)

    def make(self) -> None:
        """A fresh array."""
        old = self.pick(list(self.arrays))
        a = self.arrays[old]
        shape = a.shape
        name = self.fresh("a")
        options: list[Callable[[], None]] = [
            lambda: self.emit(f"{name} = {old}.copy()"),
            lambda: self.emit(f"{name} = np.zeros({shape if len(shape) > 1 else shape[0]})"),
            lambda: self.emit(f"{name} = np.ones_like({old}) * {self.scalar(0)}"),
            lambda: self.emit(f"{name} = np.zeros_like({old})"),
            lambda: self.emit(f"{name} = {self.certain(shape)}"),
            lambda: self.emit(f"{name} = np.sin({old})"),
            lambda: self.make_empty(name, old),
        ]
        self.pick(options)()
        made = self.lines[-1].strip()
        zeros = made.startswith(f"{name} = np.zeros(") and "+" not in made
        self.arrays[name] = _Array(shape, zeros or made == f"{name} = {old}.copy()")

    def make_empty(self, name: str, old: str) -> None:
        shape = self.arrays[old].shape
        self.emit(f"{name} = np.empty_like({old})")
        if self.chance(0.5):
            self.emit(f"{name}[:] = {self.vector(shape, 1)}")
            return
        i = self.fresh("i")
        self.emit(f"for {i} in range({shape[0]}):")
        with self.indented(), self.scope():
            self.indices[i] = (0, shape[0] - 1)
            value = self.vector(shape[1:], 1) if len(shape) > 1 else self.scalar(1)
            self.emit(f"{name}[{i}] = {value}")

    def view(self) -> None:
        """A name for memory that has a name."""
        old = self.pick(list(self.arrays))
        a = self.arrays[old]
        name = self.fresh("v")
        kind = self.rng.random()
        if kind < 0.15:
            self.emit(f"{name} = {old}")
            self.arrays[name] = a
            return
        if kind < 0.3 and len(a.shape) == 2:
            self.emit(f"{name} = {old}.T")
            self.arrays[name] = _Array(a.shape[::-1])
            return
        flat = [n for n, b in self.arrays.items() if b.contiguous]
        if kind < 0.6 and flat:
            old = self.pick(flat)
            a = self.arrays[old]
            size = math.prod(a.shape)
            shapes: list[Shape] = [(size,)]
            shapes += [(k, size // k) for k in range(2, size) if size % k == 0]
            shape = self.pick(shapes)
            text = f"{old}.reshape({', '.join(map(str, shape))})"
            if shape == (size,) and self.chance(0.3):
                text = f"{old}.ravel()"
            self.emit(f"{name} = {text}")
            self.arrays[name] = _Array(shape, True)
            return
        text, taken = self.part(old)
        if self.chance(0.1) and len(taken) == 1:
            text += "[::-1]"
        self.emit(f"{name} = {text}")
        self.arrays[name] = _Array(taken)

    def rebind(self) -> None:
        """A name for a new array of the same shape."""
        name = self.pick(list(self.arrays))
        # In a loop or an arm, the name may then stand for one of two arrays, and be refused.
        if self.depth > 1 and not self.chance(0.4):
            return self.augment_whole()
        a = self.arrays[name]
        self.emit(f"{name} = {self.certain(a.shape)}")
        self.arrays[name] = replace(a, contiguous=False)
        return None

    def out(self) -> None:
        name = self.pick(list(self.arrays))
        shape = self.arrays[name].shape
        if self.chance(0.4):
            f = self.pick(["np.sin", "np.tanh", "np.negative"])
            self.emit(f"{f}({self.vector(shape, 1)}, out={name})")
        else:
            f = self.pick(["np.multiply", "np.add", "np.subtract"])
            self.emit(f"{f}({self.vector(shape, 0)}, {self.vector(shape, 1)}, out={name})")

    def overlap(self) -> None:
        """A bare view stored to an overlapping one."""
        name = self.pick(list(self.arrays))
        k = self.arrays[name].shape[0]
        if k < 2:
            return self.store_part()
        d = self.rng.randint(1, k - 1)
        a, b = f"{name}[{d}:]", f"{name}[:-{d}]"
        if self.chance(0.5):
            a, b = b, a
        self.emit(f"{a} = {b}{self.pick(['', '', '[::-1].copy()', '.copy()'])}")
        return None

    def test(self) -> str:
        kind = self.rng.random()
        if self.indices and kind < 0.2:
            return f"{self.pick(list(self.indices))} % 2 == {self.pick([0, 1])}"
        left = self.whole() if kind > 0.75 else self.scalar(1)
        text = f"{left} {self.pick(['<', '>'])} {self.const(-0.8, 0.8)}"
        if kind > 0.9:
            text += f" {self.pick(['and', 'or'])} {self.scalar(0)} > {self.const()}"
        return text

    def leave(self) -> None:
        """A break or so, after writes whose results are pending."""
        self.emit(f"if {self.test()}:")
        with self.indented(), self.scope():
            for _ in range(self.pick([0, 1, 1, 2])):
                self.pick([self.store, self.augment, self.scalar_update, self.augment_part])()
            exit_ = self.pick(["break", "break", "break", "continue", "return"])
            self.emit(f"return {self.scalar(1)} + {self.whole()}" if exit_ == "return" else exit_)

    def loop(self) -> None:
        shape = self.pick(list(self.arrays.values())).shape
        n = self.pick(shape)
        i = self.fresh("i")
        text, low, high = self.pick(
            [
                (f"range({n})", 0, n - 1),
                (f"range(1, {n})", 1, n - 1),
                (f"range({n - 1})", 0, n - 2),
                (f"range({n - 1}, -1, -1)", 0, n - 1),
                (f"range({n - 1}, 0, -1)", 1, n - 1),
                (f"range(0, {n}, 2)", 0, n - 1),
                ("range(3)", 0, 2),
            ]
        )
        self.emit(f"for {i} in {text}:")
        self.loops += 1
        with self.scope():
            self.indices[i] = (low, high)
            # Whole reads beside element writes: what the tame generator did not make.
            with self.indented():
                if self.chance(0.3):
                    self.emit(
                        f"{self.pick(self.scalars)} = 0.5 * {self.scalar(0)} + {self.whole()}"
                    )
            self.body()
            with self.indented():
                if self.chance(0.25):
                    self.emit(f"{self.pick(self.scalars)} += {self.whole()}")
        self.loops -= 1
        if self.chance(0.1):
            self.emit("else:")
            self.body(2)

    def row_loop(self) -> None:
        """`for r in a`: each r is a view, or an element."""
        old = self.pick(list(self.arrays))
        shape = self.arrays[old].shape
        name = self.fresh("r")
        text = f"{old}[{self.pick(['1:', '::-1', ':-1'])}]" if self.chance(0.3) else old
        self.emit(f"for {name} in {text}:")
        self.loops += 1
        with self.scope():
            with self.indented():
                if len(shape) == 1:
                    self.emit(f"{self.pick(self.scalars)} += {name} * {self.scalar(0)}")
                    self.scalars.append(name)
                else:
                    self.arrays[name] = _Array(shape[1:])
                    self.emit(f"{name} {self.vector_change(shape[1:])}")
            self.body(2)
        self.loops -= 1

    def double_buffer(self) -> None:
        old = self.pick(list(self.arrays))
        shape = self.arrays[old].shape
        k = shape[0]
        u, v = self.fresh("u"), self.fresh("u")
        self.emit(f"{u} = {old}.copy()")
        self.emit(f"{v} = {self.pick([f'{old}.copy()', f'np.zeros_like({old})'])}")
        t, i = self.fresh("t"), self.fresh("i")
        c = self.const()
        self.emit(f"for {t} in range({self.rng.randint(1, 4)}):")
        self.loops += 1
        with self.indented(), self.scope():
            if k >= 3 and self.chance(0.5):
                self.emit(f"{v}[1:-1] = {c} * ({u}[2:] + {u}[:-2]) - 0.5 * {u}[1:-1] * {u}[1:-1]")
            else:
                self.emit(f"for {i} in range(1, {k}):")
                with self.indented():
                    self.emit(f"{v}[{i}] = {c} * {u}[{i} - 1] + np.sin({u}[{i}]) * {v}[{i} - 1]")
            if self.chance(0.4):
                self.emit(f"{v} {self.vector_change(shape)}")
            if self.chance(0.4):
                self.emit(f"{self.pick(self.scalars)} += 0.3 * np.sum({u} * {v})")
            if self.chance(0.3):
                self.emit(f"if np.sum({self.pick([u, v])}[0]) > {self.const()}:")
                with self.indented():
                    self.emit(self.pick(["break", "continue"]))
            self.emit(f"{u}, {v} = {v}, {u}")
            if self.chance(0.3):
                self.leave()
        self.loops -= 1
        self.arrays[u] = self.arrays[v] = _Array(shape)
        if self.chance(0.3):  # the one with the result alone is read afterwards
            self.arrays.pop(v)

    def branch(self) -> None:
        self.emit(f"if {self.test()}:")
        self.body(3)
        if self.loops and self.chance(0.25):
            with self.indented():
                self.leave()
        if self.chance(0.3):
            self.emit(f"elif {self.test()}:")
            self.body(2)
        if self.chance(0.6):
            self.emit("else:")
            self.body(3)

    def accumulate(self) -> None:
        """A float that becomes an array."""
        old = self.pick(list(self.arrays))
        shape = self.arrays[old].shape
        name, i = self.fresh("acc"), self.fresh("i")
        self.emit(f"{name} = {self.pick(['0.0', '0.0', self.scalar(0)])}")
        rows = len(shape) == 2 and self.chance(0.6)
        kind = self.rng.random()
        if rows and kind < 0.4:
            self.emit(f"for {i} in {old}:")
            term = f"{i} * {self.const()}"
        else:
            self.emit(f"for {i} in range({shape[0] if rows else 3}):")
            term = f"{old}[{i}] * {self.scalar(0)}" if rows else f"{old} * {self.scalar(0)}"
        with self.indented():
            if kind > 0.7:
                self.emit(f"{self.element(old)} += {self.scalar(1)}")
            self.emit(f"{name} += {term}" if self.chance(0.5) else f"{name} = {name} + {term}")
        self.arrays[name] = _Array(shape[1:] if rows else shape)

    def listing(self) -> None:
        """A list that grows, then is summed or stacked."""
        old = self.pick(list(self.arrays))
        shape = self.arrays[old].shape
        items, i, new = self.fresh("items"), self.fresh("i"), self.fresh("r")
        n = shape[0]
        self.emit(f"{items} = []")
        self.emit(f"for {i} in range({n}):")
        vectors = self.chance(0.4)
        with self.indented(), self.scope():
            self.indices[i] = (0, n - 1)
            if self.chance(0.5):
                self.emit(f"{self.element(old)} {self.scalar_change()}")
            if vectors:
                item = self.pick([f"{old}.copy()", f"{old} * {self.scalar(0)}", f"np.sin({old})"])
                if self.views and self.chance(0.15):
                    item = old  # each item is the same array
            else:
                item = self.pick([self.element(old), self.scalar(1), self.whole()])
            self.emit(f"{items}.append({item})")
        kind = self.rng.random()
        if vectors:
            if kind < 0.4:
                self.emit(f"{new} = sum({items})")
                self.arrays[new] = _Array(shape)
            elif kind < 0.7 and len(shape) == 1:
                self.emit(f"{new} = np.stack({items})")
                self.arrays[new] = _Array((n, *shape))
            else:
                self.emit(f"{new} = np.sum({items}[0] * {items}[-1])")
                self.scalars.append(new)
        elif kind < 0.3:
            self.emit(f"{new} = np.array({items})")
            self.arrays[new] = _Array((n,))
        else:
            j = self.fresh("i")
            if kind < 0.6:
                self.emit(f"{new} = sum({items})")
            else:
                self.emit(f"{new} = 0.0")
                self.emit(f"for {j} in {items}:")
                with self.indented():
                    self.emit(f"{new} = 0.8 * {new} + np.sin({j})")
            self.scalars.append(new)
