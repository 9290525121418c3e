"""Random programs of array algebra: broadcasting, reductions, products, stores, short loops."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

Shape = tuple[int, ...]
ARGUMENTS: dict[str, Shape] = {
    "a": (),
    "b": (),
    "v": (3,),
    "w": (4,),
    "o": (1,),
    "m": (4, 3),
    "c": (4, 1),
    "r": (1, 3),
    "q": (3, 3),
    "t": (2, 4, 3),
}


@dataclass
class Writer:
    """Writes a program statement by statement; `known` has the shape of each name."""

    rng: random.Random
    known: dict[str, Shape]
    lines: list[str] = field(default_factory=list)
    fresh: int = 0

    def bind(self, text: str, shape: Shape, indent: str) -> str:
        if self.rng.random() < 0.35:
            return f"({text})"
        name = f"x{self.fresh}"
        self.fresh += 1
        self.lines.append(f"{indent}{name} = {text}")
        self.known[name] = shape
        return name

    def pick(self) -> tuple[str, Shape]:
        names = list(self.known)
        name = self.rng.choice(names[-6:] if self.rng.random() < 0.6 else names)
        return name, self.known[name]

    def expression(self, depth: int, indent: str) -> tuple[str, Shape]:
        if depth == 0:
            return self.pick()
        kind = self.rng.choice(
            ["unary"] * 2
            + ["binary"] * 3
            + ["literal"]
            + ["reduce"] * 2
            + ["power", "view", "matmul", "softmax", "extreme", "gather"]
        )
        text, shape = self.expression(depth - 1, indent)
        made = getattr(self, kind)(text, shape, depth, indent)
        if made is None:
            return text, shape
        text, shape = made
        return self.bind(text, shape, indent), shape

    def unary(self, x: str, s: Shape, depth: int, indent: str) -> tuple[str, Shape]:
        form = self.rng.choice(
            ["np.sin({})", "np.tanh({})", "-{}", "np.exp(-{0} * {0})", "np.sqrt({0} * {0} + 1.0)"]
        )
        return form.format(x), s

    def literal(self, x: str, s: Shape, depth: int, indent: str) -> tuple[str, Shape]:
        c = self.rng.choice(["2.0", "0.5", "-1.5", "3", "-1.0", "0.25"])
        form = self.rng.choice(["{c} * {x}", "{x} * {c}", "{x} / {c}", "{x} + {c}", "{c} - {x}"])
        return form.format(c=c, x=x), s

    def power(self, x: str, s: Shape, depth: int, indent: str) -> tuple[str, Shape]:
        return f"np.tanh({x}) ** {self.rng.choice([2, 3])}", s

    def binary(self, x: str, s: Shape, depth: int, indent: str) -> tuple[str, Shape] | None:
        y, t = self.expression(depth - 1, indent)
        out = broadcast(s, t)
        if out is None:
            return None
        op = self.rng.choice(["+", "-", "*", "*", "/"])
        if op == "/":
            y = f"({y} * {y} + 1.5)"
        pair = (x, y) if self.rng.random() < 0.5 or op == "/" else (y, x)
        return f"{pair[0]} {op} {pair[1]}", out

    def reduce(self, x: str, s: Shape, depth: int, indent: str) -> tuple[str, Shape] | None:
        if not s:
            return None
        f = self.rng.choice(["np.sum", "np.mean"])
        if self.rng.random() < 0.3:
            return f"{f}({x})", ()
        k = self.rng.randrange(len(s))
        if self.rng.random() < 0.5:
            return f"{f}({x}, axis={k}, keepdims=True)", (*s[:k], 1, *s[k + 1 :])
        return f"{f}({x}, axis={k})", (*s[:k], *s[k + 1 :])

    def extreme(self, x: str, s: Shape, depth: int, indent: str) -> tuple[str, Shape] | None:
        if not s:
            return None
        k = self.rng.randrange(len(s))
        return f"np.max({x}, axis={k}, keepdims=True)", (*s[:k], 1, *s[k + 1 :])

    def view(self, x: str, s: Shape, depth: int, indent: str) -> tuple[str, Shape] | None:
        choice = self.rng.randrange(3)
        if choice == 0 and len(s) == 2:
            return f"{x}.T", s[::-1]
        if choice == 1 and len(s) in (1, 2):
            return f"{x}[:, None]", (s[0], 1, *s[1:])
        if choice == 2 and s and s[0] > 2:
            cut = self.rng.choice(["1:", ":-1", "::-1"])
            return f"{x}[{cut}]", (s[0] - (cut != "::-1"), *s[1:])
        return None

    def gather(self, x: str, s: Shape, depth: int, indent: str) -> tuple[str, Shape] | None:
        """Read at lists and arrays of ints, which may repeat places."""
        if len(s) not in (1, 2) or s[0] < 3:
            return None
        options = [
            ("[[2, 0]]", (2, *s[1:])),
            ("[np.array([0, 2, 0])]", (3, *s[1:])),
            ("[[-1, 0, 2, 1]]", (4, *s[1:])),
        ]
        if len(s) == 2 and s[1] >= 3:
            options += [
                ("[:, [1, 0]]", (s[0], 2)),
                ("[[0, 1, 1], [2, 0, 2]]", (3,)),
                ("[np.ix_([2, 0], [0, 1, 2])]", (2, 3)),
                ("[np.arange(3), :3]", (3, 3)),
                (".flat[::-1]", (s[0] * s[1],)),
            ]
        text, shape = self.rng.choice(options)
        return f"{x}{text}", shape

    def store(self) -> None:
        """A copy of a value, or an argument itself, that is written to, perhaps through a view."""
        names = [n for n in self.known if self.known[n] and min(self.known[n]) > 2]
        x = self.rng.choice(names)
        s = self.known[x]
        y = x
        if x not in ARGUMENTS or self.rng.random() < 0.7:
            y = f"z{self.fresh}"
            self.fresh += 1
            self.lines.append(f"    {y} = {x}.copy()")
            self.known[y] = s
        target = y
        if self.rng.random() < 0.4:
            target, s = self.viewed(y, s)
        for _ in range(self.rng.randrange(1, 3)):
            self.write(target, s)

    def viewed(self, y: str, s: Shape) -> tuple[str, Shape]:
        """Another name of the memory."""
        view = f"u{self.fresh}"
        self.fresh += 1
        options = [("[::-1]", s), (".T", s[::-1]), ("[:3]", (3, *s[1:]))]
        text, shape = self.rng.choice(options)
        self.lines.append(f"    {view} = {y}{text}")
        return view, shape

    def write(self, y: str, s: Shape) -> None:
        """One store of a value that fits."""
        places: list[tuple[str, Shape]] = [
            ("[[2, 0]]", (2, *s[1:])),
            ("[[0, 2, 0]]", (3, *s[1:])),
            ("[np.array([1, 0])]", (2, *s[1:])),
            (f"[{y} > 0.3]", ()),
            ("[1]", s[1:]),
            ("[1:]", (s[0] - 1, *s[1:])),
            ("[...]", s),
        ]
        if len(s) == 2:
            places += [
                ("[:, [1, 0]]", (s[0], 2)),
                ("[np.arange(3), 1]", (3,)),
                ("[[0, 1, 1], [2, 0, 2]]", (3,)),
                ("[np.ix_([2, 0], [0, 1])]", (2, 2)),
                ("[:, 0]", s[:1]),
            ]
        place, shape = self.rng.choice(places)
        value, given = self.expression(1, "    ")
        fits = broadcast(given, shape) == shape if shape else not given
        if not fits:
            value = f"np.sum({value})" if given else value
        op = self.rng.choice(["=", "=", "+=", "-=", "*="])
        whole = [
            f"{y}{place} {op} {value}",
            f"{y}{place} {op} {value}",
            f"{y}[[0, 2]] = {y}[[2, 0]]",
            f"np.add.at({y}, [0, 2, 0], {y}[:3] * 0.5)",
            f"np.copyto({y}, 0.3 * {y}, where={y} > 0.2)",
            f"np.exp({y}, out={y}, where={y} < 0.4)",
            f"np.sin({y}, out={y})",
            f"{y}.flat[[0, 2]] = [0.5, {y}.flat[1]]",
            f"{y}.sort(axis=0)",
        ]
        if len(s) == 2:
            whole += [
                f"np.fill_diagonal({y}, 0.5)",
                f"np.put_along_axis({y}, np.argmax({y}, axis=1)[:, None], 0.25, axis=1)",
            ]
        self.lines.append("    " + self.rng.choice(whole[: 2 if self.rng.random() < 0.5 else None]))

    def matmul(self, x: str, s: Shape, depth: int, indent: str) -> tuple[str, Shape] | None:
        if len(s) not in (1, 2) or s[-1] not in (3, 4):
            return None
        options = {
            3: [("q", (3, 3)), ("m.T", (3, 4)), ("v", (3,))],
            4: [("m", (4, 3)), ("w", (4,))],
        }
        y, t = self.rng.choice(options[s[-1]])
        return f"{x} @ {y}", (*s[:-1], *t[1:])

    def softmax(self, x: str, s: Shape, depth: int, indent: str) -> tuple[str, Shape] | None:
        if not s:
            return None
        k = self.rng.randrange(len(s))
        at = f"axis={k}, keepdims=True"
        m, e = f"s{self.fresh}", f"e{self.fresh}"
        self.fresh += 1
        self.lines.append(f"{indent}{m} = np.max({x}, {at})")
        self.lines.append(f"{indent}{e} = np.exp({x} - {m})")
        if self.rng.random() < 0.5:
            return f"{e} / np.sum({e}, {at})", s
        again = self.rng.choice([m, m, m, f"2.0 * {m}", x])
        text = f"np.log(np.sum({e}, {at})) + {again}"
        return text, s if again == x else (*s[:k], 1, *s[k + 1 :])

    def loop(self) -> None:
        """Turns that change one of the values, by expressions of others."""
        names = [n for n in self.known if len(self.known[n]) == 1 and self.known[n][0] in (3, 4)]
        x = self.rng.choice(names)
        n = self.known[x][0]
        y = f"y{self.fresh}"
        self.fresh += 1
        turns = self.rng.choice(["range(3)", "range(n)", "range(2)"])
        self.lines += [f"    {y} = {x}", f"    for k in {turns}:"]
        outer = dict(self.known)
        self.known[y] = (n,)
        text, shape = self.expression(2, "        ")
        if shape and broadcast(shape, (n,)) != (n,):
            text = f"np.sum({text})"
        matrix = "q" if n == 3 else "(m @ m.T)"
        form = self.rng.choice(
            ["np.tanh({m} @ {y} + {t})", "np.sin({y} * 0.5 + {t})", "{y} + 0.1 * {t}"]
        )
        self.lines.append(f"        {y} = " + form.format(m=matrix, y=y, t=text))
        self.known = {**outer, y: (n,)}


def broadcast(s: Shape, t: Shape) -> Shape | None:
    out: list[int] = []
    for k in range(1, max(len(s), len(t)) + 1):
        m = s[-k] if k <= len(s) else 1
        n = t[-k] if k <= len(t) else 1
        if m != n and 1 not in (m, n):
            return None
        out.append(max(m, n))
    return tuple(reversed(out)) if len(out) < 4 else None


def program(seed: int) -> str:
    """The text of a function `f` of `ARGUMENTS` and a number of turns `n`."""
    w = Writer(random.Random(seed), dict(ARGUMENTS))
    results = []
    for _ in range(w.rng.randrange(1, 4)):
        if w.rng.random() < 0.4:
            w.loop()
        if w.rng.random() < 0.5:
            w.store()
        text, shape = w.expression(w.rng.randrange(1, 5), "    ")
        results.append(f"np.sum(np.sin({text}))" if shape else f"np.sin({text})")
    body = "\n".join([*w.lines, "    return " + " + ".join(results)])
    return f"def f({', '.join(ARGUMENTS)}, n):\n{body}\n"


__all__ = ["ARGUMENTS", "program"]
