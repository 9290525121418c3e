"""The guard: straight-line Python that tells which compilation serves a call.

Each argument is tested for what its signature says, and each global, cell and class attribute that
the compilation stands on is read and compared.  What no guard answers goes the slow way.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from s2sgrad.admission import stars
from s2sgrad.callee import Callee
from s2sgrad.compile import Compiled
from s2sgrad.emit.load import note
from s2sgrad.front.resolve import Cell, Getter, Global, Member
from s2sgrad.front.structure import Struct, containers, type_of_argument
from s2sgrad.guards import Tests, Unguarded, spelled
from s2sgrad.ir.types import Array, List, Type
from s2sgrad.passes.seeds import NAME
from s2sgrad.request import SEED_NAMES

Call = Callable[..., Any]
MOST_CHANGED = 16  # containers or arrays, each to be told from all others
ABSENT = object()  # a seed that the call does not give
_P = inspect.Parameter


@dataclass(frozen=True)
class Ways:
    """What a guard hands on to: calls that it cannot answer, and what is left to be done.

    `finish` makes the answer of what a compilation returned, `blame` looks at the seed of a call
    that failed.  With `by_shapes`, a compilation serves the shapes that it has served.
    """

    slow: Call
    blame: Call
    finish: Call | None = None
    by_shapes: bool = False


def dispatcher(c: Callee, what: str, compiled: Sequence[Compiled], ways: Ways) -> Call:
    """A function with the parameters of the user's that finds the compilation and runs it."""
    return _Guard(c, SEED_NAMES.get(what), ways).build(compiled)


class _Guard(Tests):
    def __init__(self, c: Callee, seed: str | None, ways: Ways) -> None:
        super().__init__()
        self.callee, self.seed_name, self.ways = c, seed, ways
        self.space |= {"_s2s_slow": ways.slow, "_s2s_note": note}

    def build(self, compiled: Sequence[Compiled]) -> Call:
        shown = self.callee.shown.parameters
        name = self.bind("call", None)
        hit = self.bind("hit", None)
        lines = [f"def {name}({self.header(shown)}):"]
        for one in compiled:
            try:
                tests, call, after = self.case(one)
            except Unguarded:
                continue
            lines += ["    try:", f"        {hit} = {' and '.join(tests or ['True'])}"]
            # a global, cell or attribute that was there is gone
            lines += [
                "    except (KeyError, ValueError, AttributeError):",
                f"        {hit} = False",
            ]
            lines += [f"    if {hit}:", "        try:", f"            {call}", *after]
        lines.append(f"    return _s2s_slow({self.handed(shown)})")
        exec(compile("\n".join(lines), "<s2sgrad dispatch>", "exec"), self.space)
        made: Call = self.space[name]
        made.__name__ = made.__qualname__ = self.callee.name  # in messages of wrong calls
        return made

    def header(self, params: Any) -> str:
        """The user's parameters and that of the seed; defaults are the user's objects."""
        made, star = [], False
        for p in params.values():
            text = stars(p) + p.name
            star |= p.kind is _P.VAR_POSITIONAL
            if p.kind is _P.KEYWORD_ONLY and not star:
                made.append("*")
                star = True
            if p.default is not _P.empty:
                text += f"={self.bind('default', p.default)}"
            made.append(text)
            last = p.kind is _P.POSITIONAL_ONLY
            following = [q for q in params.values() if q.kind is _P.POSITIONAL_ONLY]
            if last and p is following[-1]:
                made.append("/")
        if self.seed_name:
            rest = [made.pop()] if made and made[-1].startswith("**") else []
            default = "None" if self.seed_name == NAME else self.bind("absent", ABSENT)
            made += [*([] if star else ["*"]), f"{self.seed_name}={default}", *rest]
        return ", ".join(made)

    def handed(self, params: Any) -> str:
        """The parameters of the call, handed on as they came."""
        given = [_passed(p) for p in params.values()]
        if self.seed_name:
            given.insert(
                len(given) - bool(given and given[-1].startswith("**")), _same(self.seed_name)
            )
        return ", ".join(given)

    def case(self, one: Compiled) -> tuple[list[str], str, list[str]]:
        """The tests of one compilation, the call, and what follows it."""
        tests: list[str] = []
        given: list[str] = []
        named: list[str] = []
        rest: list[str] = []
        texts: dict[str, str] = {}  # of the arguments
        for name, p in self.callee.whole.parameters.items():
            if name not in one.request.signatures:
                tests.append(f"{name} is {self.bind('absent', p.default)}")
                continue
            shown = name in self.callee.shown.parameters
            value = name if shown else self.bind("fixed", self.callee.fixed[name])
            texts[name] = value
            tests += self.tests(value, one.request.signatures[name], name)
            if p.kind is _P.VAR_KEYWORD:
                rest.append(f"**{value}")
            elif p.kind is _P.KEYWORD_ONLY:
                named.append(f"{name}={value}")
            else:
                given.append(stars(p) + value)
        if self.ways.by_shapes:
            tests.append(self.served(one, texts))
        seed_tests, seed, after = self.of_seed(one, texts)
        tests += seed_tests
        read: list[str] = []  # arrays from outside
        for name, (get, var) in one.scope.data.items():
            value = self.bind("data", None)
            tests += self.leaf(f"({value} := {self.read(get)})", value, var.type)
            if one.outside.get(name):
                tests.append(f"{value}.shape == {one.outside[name]}")
            named.append(f"{name}={value}")
            read += [value] if isinstance(var.type, Array) else []
        tests += self.standing(one)
        tests += self.apart(one, texts, read)
        arguments = ", ".join([*given, *named, *seed, *rest])
        call = f"{self.bind('run', one.run)}({arguments})"
        if self.ways.finish is not None:
            call = f"{self.bind('finish', self.ways.finish)}({self.bind('one', one)}, {call})"
        return tests, *self.answered(one, call, after)

    def answered(self, one: Compiled, call: str, after: list[str]) -> tuple[str, list[str]]:
        """The statement that calls, and what follows: errors that are noted, shapes compared."""
        noted = [
            "        except Exception as _s2s_error:",
            "            _s2s_note(_s2s_error)",
            "            raise",
        ]
        if not after:
            return f"return {call}", noted
        blame, args = self.bind("blame", self.ways.blame), self.handed(self.callee.shown.parameters)
        noted.insert(2, f"            {blame}({self.bind('one', one)}, _s2s_error, {args})")
        return f"_s2s_answer = {call}", [*noted, *after, "        return _s2s_answer"]

    def apart(self, one: Compiled, texts: dict[str, str], read: list[str]) -> list[str]:
        """Has what is written to memory of its own?  Where it may have not, the slow way tells."""
        tests: list[str] = []
        written = {x.var for x in one.written}
        leaves = [x for x in one.leaves if isinstance(x.var.type, Array | List)] if written else []
        memory = [(spelled(texts[x.owner.hint], x.path), x.var) for x in leaves]
        if len(memory) > MOST_CHANGED or not all(_is_flat(x.var.type) for x in leaves):
            raise Unguarded
        may = self.bind("may_share", np.may_share_memory)
        for k, (x, v) in enumerate(memory):
            others = [y for y, w in memory[:k] if type(w.type) is type(v.type) and {v, w} & written]
            if isinstance(v.type, List):
                tests += [f"{x} is not {y}" for y in others]
                continue
            others += read if v in written else []
            tests += [f"not {may}({x}, {y})" for y in others]
        if one.changes:
            found = [
                f"id({spelled(texts[n], path)})"
                for n, s in one.request.signatures.items()
                for path in containers(s)
            ]
            if len(found) > MOST_CHANGED:
                raise Unguarded
            if len(found) > 1:
                tests.append(f"len({{{', '.join(found)}}}) == {len(found)}")
        return tests

    def served(self, one: Compiled, texts: dict[str, str]) -> str:
        """Are the shapes such as this compilation has served?"""
        signatures = one.request.signatures
        if any(isinstance(s, Struct) for s in signatures.values()):
            raise Unguarded
        arrays = [f"{texts[n]}.shape, " for n, s in signatures.items() if isinstance(s, Array)]
        return f"({''.join(arrays)}) in {self.bind('shapes', one.shapes)}"

    def of_seed(
        self, one: Compiled, texts: dict[str, str]
    ) -> tuple[list[str], list[str], list[str]]:
        """Tests of the seed, how it is handed on, what compares its shapes with the results."""
        name, request = self.seed_name, one.request
        if name is None:
            return [], [], []
        if name != NAME:
            whats = request.wrt, request.bare, request.signatures, request.seed
            return self.tangents(name, texts, *whats), [_same(name)], []
        types = dict(one.seeds.given)
        tests = self.out_bar(name, request.seed, types, ())
        if not types:
            return tests, [], []
        value, after = "_s2s_answer[0][0]" if request.has_aux else "_s2s_answer[0]", []
        arrays = [path for path, t in types.items() if isinstance(t, Array)]
        if arrays:
            unlike = (f"{spelled(value, p)}.shape != {spelled(name, p)}.shape" for p in arrays)
            check = self.bind("check", one.seeds.check_shapes)
            after = [f"        if {' or '.join(unlike)}:", f"            {check}({value}, {name})"]
            return tests, [_same(name)], after
        scalar = () in types and "None" in tests[0]
        return tests, [f"{name}=1.0 if {name} is None else {name}" if scalar else _same(name)], []

    def standing(self, one: Compiled) -> list[str]:
        """Does every function and module that was followed still stand behind its name?"""
        seen: set[str] = set()
        tests = []
        for get, obj in one.scope.fixed:
            key = f"{id(get.scope)} {get.name}" if isinstance(get, Global) else f"{id(get)}"
            if key not in seen:
                seen.add(key)
                if isinstance(get, Global) and get.name not in get.scope and get.default is obj:
                    tests.append(f"{get.name!r} not in {self.bind('globals', get.scope)}")
                    continue
                tests.append(f"{self.read(get)} is {self.bind('was', obj)}")
        return tests

    def read(self, get: Getter) -> str:
        if isinstance(get, Global):
            space = self.bind("globals", get.scope)
            if get.name in get.scope:
                return f"{space}[{get.name!r}]"
            return f"{space}.get({get.name!r}, {self.bind('builtin', get.default)})"
        if isinstance(get, Cell):
            return f"{self.bind('cell', get.cell)}.cell_contents"
        if isinstance(get, Member):
            return f"{self.bind('class', get.cls)}.{get.name}"
        return f"{self.bind('get', get)}()"


def fits(compiled: Compiled) -> bool:
    """Do the globals and cells that the code stands on still mean what they meant?"""
    for name, (get, v) in compiled.scope.data.items():
        found = get()
        now = type_of_argument(found)
        if now is None or not _alike(now, v.type):
            return False
        if np.shape(found) != compiled.outside.get(name, np.shape(found)):
            return False
    return compiled.scope.still_holds()


def _alike(now: Any, then: Any) -> bool:
    """Are both of one signature?  Extents are symbols."""
    if not hasattr(then, "shape"):
        return bool(now == then)
    return (
        hasattr(now, "shape")
        and now.char == then.char
        and len(now.shape) == len(then.shape)
        and all((a == 1) == (b == 1) for a, b in zip(now.shape, then.shape, strict=True))
    )


def _passed(p: inspect.Parameter) -> str:
    """The parameter, handed on as it came."""
    return _same(p.name) if p.kind is _P.KEYWORD_ONLY else stars(p) + p.name


def _is_flat(t: Type) -> bool:
    """Is there one piece of memory?  A list of arrays, or of lists, is many."""
    return not (isinstance(t, List) and isinstance(t.item, Array | List))


def _same(name: str) -> str:
    return f"{name}={name}"
