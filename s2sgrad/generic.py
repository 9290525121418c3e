"""A derivative without arguments to look at: from annotations, and right for any number of axes.

What is assumed of a parameter is said in the docstring of the emitted function, and checked at
entry.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from types import FunctionType
from typing import Any

from s2sgrad.compile import Derived, differentiate
from s2sgrad.emit.source import module
from s2sgrad.errors import DifferentiationError, Refusal
from s2sgrad.front.annotations import fresh_shape, of_annotation
from s2sgrad.front.arguments import Arguments
from s2sgrad.front.methods import METHODS
from s2sgrad.front.parse import parse
from s2sgrad.front.resolve import Scope
from s2sgrad.front.source import span_of
from s2sgrad.front.structure import (
    Signature,
    Struct,
    containers,
    differentiable,
    leaves,
    spell,
    type_of_argument,
)
from s2sgrad.front.values import Closure, Outside
from s2sgrad.ir.graph import Func
from s2sgrad.ir.types import FLOAT, INT, Array, Scalar, Static, Type, Unknown, kind_of
from s2sgrad.passes.ranks import narrowed
from s2sgrad.passes.seeds import UnfitResult
from s2sgrad.pipeline import LAST
from s2sgrad.request import SEED_NAMES, Request, Target

MARGIN = 92


@dataclass(frozen=True, eq=False)
class Task:
    """A function and what is asked of it."""

    closure: Closure
    name: str
    wrt: tuple[str, ...]
    bare: bool
    what: str
    types: Mapping[str, Signature]  # declared outside of the file


@dataclass(frozen=True, eq=False)
class Unit:
    """One emitted function, and what its module must hold."""

    name: str
    text: str
    kept: tuple[str, ...]  # functions that it calls, and that call themselves
    imports: frozenset[str]
    helpers: dict[str, Callable[..., Any]]
    stages: dict[str, Func]
    types: dict[str, Signature]
    wrt: tuple[str, ...]

    @property
    def source(self) -> str:
        """The function as a module of its own."""
        return module("\n\n".join([*self.kept, self.text]), self.imports, self.helpers)

    def renamed(self, n: int) -> Unit:
        """`self`, with other names for the functions that it calls, unless `n` is 1."""
        kept, text = list(self.kept), self.text
        for name in map(defined, self.kept if n > 1 else ()):
            word = re.compile(rf"\b{name}\b")
            *kept, text = (word.sub(f"{name}{n}", t) for t in (*kept, text))
        return replace(self, kept=tuple(kept), text=text)


def defined(text: str) -> str:
    """The name of the function that a text defines."""
    return next(n.name for n in ast.parse(text).body if isinstance(n, ast.FunctionDef))


def of_function(fun: FunctionType, wrt: tuple[str, ...], bare: bool, what: str) -> Unit:
    """The generic form of a derivative of a live function."""
    scope = Scope(type_of_argument)
    closure = scope.closure(fun, with_defaults=False)
    name = fun.__name__ if fun.__name__.isidentifier() else "f"
    return derive(Task(closure, name, wrt, bare, what, {}), scope, False)


def derive(task: Task, outside: Outside, constants: bool) -> Unit:
    """The derivative that `task` asks for; see `differentiate` for `outside` and `constants`.

    Raises `DifferentiationError` for what cannot be differentiated.
    """
    types = _types(task)
    narrow = {**types, **_narrowed(task, types, outside)}
    made, types = _first([narrow, types], lambda t: _compile(task, t, outside, constants))
    checks = _Checks(task, types)
    if task.what in ("jvp", "hvp"):
        checks.like(SEED_NAMES[task.what], task)
    checks.apart([spell(x.path, x.owner.hint) for x in made.written])
    if made.changes:
        checks.distinct([spell(p, n) for n, s in types.items() for p in containers(s)])
    imports = made.emitted.imports | ({"import numpy as np"} if checks.tests else set())
    extra = [
        *(() if constants else outside.variables),
        *([SEED_NAMES[task.what]] if task.what in SEED_NAMES else []),
    ]
    text = _with_entry(task, made, checks, extra)
    return Unit(
        made.emitted.names[0],
        text,
        tuple(made.emitted.kept),
        frozenset(imports),
        made.emitted.helpers,
        made.stages,
        types,
        task.wrt,
    )


def _first(
    choices: list[dict[str, Signature]], compiled: Callable[[dict[str, Signature]], Derived]
) -> tuple[Derived, dict[str, Signature]]:
    """With the most that can be assumed: an index that is a float elsewhere, say, is refused."""
    refused: DifferentiationError | None = None
    for types in choices:
        try:
            return compiled(types), types
        except DifferentiationError as e:
            refused = refused or e
    assert refused is not None
    raise refused


def _narrowed(task: Task, types: dict[str, Signature], outside: Outside) -> dict[str, Signature]:
    """What the program's text says of parameters of unknown type."""
    arguments = Arguments(outside.static)
    arguments.add(types)
    try:
        values = list(arguments.values.items())
        func, _ = parse(task.closure, values, arguments.params, task.name, True, outside)
    except DifferentiationError:
        return {}
    found = narrowed(func, task.what in SCALAR)
    return {
        v.hint: t
        for v, t in found.items()
        if isinstance(types[v.hint], Type)
        and not (v.hint in task.wrt and t == INT)
        and not (_is_array(v.type) and t in (FLOAT, INT))
    }


def _compile(
    task: Task, types: Mapping[str, Signature], outside: Outside, constants: bool
) -> Derived:
    wrt = tuple(map(Target, task.wrt))
    request = Request(types, wrt, task.bare, task.what, seed=_seed(task, types))
    try:
        made = differentiate(task.closure, task.name, request, outside, constants)
    except UnfitResult as e:
        raise _refuse_result(task, str(e)) from None
    for _, t in made.seeds.given:
        if isinstance(t, Static):
            raise _refuse_result(task, f"`{task.name}` returns a {t.name}, not a number")
    return made


def _seed(task: Task, types: Mapping[str, Signature]) -> Any:
    """Forward mode is given the tangents of all that is differentiated."""
    if task.what not in ("jvp", "hvp"):
        return None
    each = ((k, leaves(types[n])) for k, n in enumerate(task.wrt))
    return frozenset((k, path) for k, found in each for path, s in found if differentiable(s))


def _refuse_result(task: Task, what: str) -> DifferentiationError:
    return DifferentiationError(
        Refusal(
            what,
            span_of(task.closure.node, task.closure.file),
            "return one number; for arrays, or several results, there is vjp",
            anchor="result",
        )
    )


# -- types


def _is_array(t: Type) -> bool:
    return isinstance(t, Array) or (isinstance(t, Unknown) and t.array)


def _types(task: Task) -> dict[str, Signature]:
    """Declared, annotated, or as the body uses the parameter."""
    node = task.closure.node
    a = node.args
    for star in (a.vararg, a.kwarg):
        if star is not None:
            raise _refuse(task, star, f"`{star.arg}` takes any number of values")
    arrays = set(_used_as_arrays(node))
    containers = dict(_used_as_containers(node))
    types: dict[str, Signature] = {}
    for p in (*a.posonlyargs, *a.args, *a.kwonlyargs):
        declared = task.types.get(p.arg) or of_annotation(p.annotation)
        if declared is None and p.arg in containers:
            what = f"`{p.arg}` is used as a container: its structure is not known"
            raise _refuse(task, containers[p.arg], what)
        types[p.arg] = declared or Unknown(fresh_shape(), True, p.arg in arrays)
    for name in task.wrt:
        for path, s in leaves(types[name]):
            kind = kind_of(s) if isinstance(s, Type) else None
            if kind == "complex" or (not path and kind not in (None, "float")):
                raise _refuse(task, node, f"`{spell(path, name)}` is {kind}, not float")
    return types


_ATTRIBUTES = {"T", "shape", "size", "ndim", "dtype"}


def _used_as_arrays(node: ast.AST) -> Iterable[str]:
    """Names that are subscripted, iterated over, or used as only arrays can be."""
    for n in ast.walk(node):
        owner: ast.AST | None = None
        named = isinstance(n, ast.Attribute) and (n.attr in _ATTRIBUTES or n.attr in METHODS)
        if isinstance(n, ast.Subscript) or (isinstance(n, ast.Attribute) and named):
            owner = n.value
        elif isinstance(n, ast.For):
            owner = n.iter
        if isinstance(owner, ast.Name):
            yield owner.id


def _used_as_containers(node: ast.AST) -> Iterable[tuple[str, ast.AST]]:
    """Names that are subscripted by strings, asked for items, or unpacked in a loop header."""
    for n in ast.walk(node):
        owner: ast.AST | None = None
        if isinstance(n, ast.Subscript) and isinstance(n.slice, ast.Constant):
            owner = n.value if isinstance(n.slice.value, str) else None
        elif isinstance(n, ast.Attribute) and n.attr in ("items", "keys", "values"):
            owner = n.value
        elif isinstance(n, ast.For) and isinstance(n.target, ast.Tuple):
            owner = n.iter
        if isinstance(owner, ast.Name):
            yield owner.id, n


def _refuse(task: Task, at: ast.AST, what: str) -> DifferentiationError:
    return DifferentiationError(
        Refusal(
            f"the parameter {what}",
            span_of(at, task.closure.file),
            "give floats and arrays, or declare what is in it:\n"
            "--types 'f(p: {W: Float[n d], b: Float[d]}, ws: [Float[n], Float[n]])'",
            anchor="argument",
        )
    )


# -- what stands before the body


class _Checks:
    """Tests of what is assumed, and the words for it."""

    def __init__(self, task: Task, types: dict[str, Signature]) -> None:
        self.tests: list[str] = []
        self.words: dict[str, list[str]] = {}
        self.first: dict[str, str] = {}  # an extent's name to where it stands first
        self.arrays: list[str] = []
        self.numbers: list[str] = []
        for name, s in types.items():
            self.signature(name, s, name in task.wrt)

    def signature(self, name: str, s: Signature, differentiated: bool) -> None:
        """A parameter, or a part of one."""
        if isinstance(s, Struct):
            self.tests.append(f"type({name}) is not {s.kind}")
            if s.kind == "dict":
                keys = f"{{{', '.join(map(repr, s.keys))}}}" if s.keys else "set()"
                self.tests.append(f"{name}.keys() != {keys}")
                self.say(name, f"dict of {', '.join(map(repr, s.keys))}")
            else:
                self.tests.append(f"len({name}) != {len(s.items)}")
                self.say(name, f"{s.kind} of {len(s.items)}")
            for (_, key), item in s.paths():
                self.signature(f"{name}[{key!r}]", item, differentiated)
            return
        assert isinstance(s, Type)
        if not isinstance(s, Scalar):
            self.arrays.append(name)
        else:
            self.numbers.append(name)
        self.one(name, s, differentiated and kind_of(s) in (None, "float"))

    def one(self, name: str, t: Type, differentiated: bool) -> None:
        kind = "float" if differentiated else "real"
        if isinstance(t, Scalar):
            self.say(name, f"{t.kind if not differentiated else 'float'} number")
            if t.kind in ("float", "complex"):
                self.tests.append(f"np.ndim({name}) != 0")
            if not differentiated and t.kind == "float":
                self.tests.append(f"np.iscomplexobj({name})")
        elif isinstance(t, Array):
            dims = " ".join(map(_shown, t.shape))
            self.say(name, f"{t.kind} array [{dims}]")
            self.tests.append(f"np.ndim({name}) != {len(t.shape)}")
            self.extents(name, t)
            if not differentiated and t.kind == "float":
                self.tests.append(f"np.iscomplexobj({name})")
        elif isinstance(t, Unknown):
            self.say(name, f"{kind} array" if t.array else f"{kind} number or array")
            if t.array:
                self.tests.append(f"not isinstance({name}, np.ndarray)")
            if t.real and not differentiated:
                self.tests.append(f"np.iscomplexobj({name})")
        if differentiated:
            self.tests.append(f"np.result_type({name}).kind != 'f'")

    def apart(self, written: Iterable[str]) -> None:
        """An argument that is written to may share memory with no other."""
        done: set[str] = set()
        for name in written:
            done.add(name)
            others = [n for n in self.arrays if n not in done]
            self.tests += [f"np.shares_memory({name}, {n})" for n in others]
            if others:
                self.say(name, f"sharing no memory with {', '.join(f'`{n}`' for n in others)}")

    def distinct(self, names: list[str]) -> None:
        """Containers, some of which are changed, are all different ones."""
        if len(names) > 1:
            ids = ", ".join(f"id({n})" for n in names)
            self.tests.append(f"len({{{ids}}}) < {len(names)}")
            self.say(names[0], "no container in it is another one, too")

    def like(self, seed: str, task: Task) -> None:
        """What is given for the arguments in `wrt` has their shapes."""
        for k, n in enumerate(task.wrt):
            own = seed if task.bare else f"{seed}[{k}]"
            if n in self.arrays or n in self.numbers:  # of a container, its structure is read
                self.tests.append(f"np.shape({own}) != np.shape({n})")
        self.say(seed, f"structured like {', '.join(f'`{n}`' for n in task.wrt)}")

    def say(self, name: str, words: str) -> None:
        self.words.setdefault(words, []).append(f"`{name}`")

    def extents(self, name: str, t: Array) -> None:
        for k, d in enumerate(t.shape):
            place = f"{name}.shape[{k}]"
            if isinstance(d, int):
                self.tests.append(f"{place} != {d}")
            elif _named(d):
                first = self.first.setdefault(d, place)
                if first != place:
                    self.tests.append(f"{place} != {first}")

    @property
    def text(self) -> str:
        return "; ".join(f"{', '.join(names)}: {words}" for words, names in self.words.items())


def _shown(d: int | str) -> str:
    if isinstance(d, int):
        return str(d)
    return d[1:] if _named(d) else "_"


def _named(d: int | str) -> bool:
    return isinstance(d, str) and d[1:].isidentifier()


_TITLES = {
    "grad": "Gradient of `{f}` in {wrt}.",
    "value_and_grad": "Value of `{f}`, and its gradient in {wrt}.",
    "vjp": "Value of `{f}`, and `out_bar` pulled back to {wrt}.",
    "jvp": "Value of `{f}`, and its derivative where {wrt} moves along `tangents`.",
    "hvp": "The second derivative of `{f}` in {wrt}, times `vector`.",
    "jacobian": "Derivatives of the results of `{f}` in {wrt}.",
    "hessian": "Second derivatives of `{f}` in {wrt}.",
}
SCALAR = ("grad", "value_and_grad", "hvp", "hessian")  # of functions that return one number


def _with_entry(task: Task, made: Derived, checks: _Checks, extra: list[str]) -> str:
    """The function with the user's defaults in its head, a docstring, and the checks."""
    lines = made.emitted.text.splitlines()
    head = f"def {task.name}_{task.what}("
    start = next(k for k, line in enumerate(lines) if line.startswith(head))
    report = made.stages[LAST].notes.get("report")  # it is a docstring already
    body = "\n".join([*lines[start + (1 if report is None else 2) :], ""])
    lines = [*lines[:start], f"{head}{_head(task, extra)}):"]
    wrt = ", ".join(f"`{n}`" for n in task.wrt)
    title = _TITLES[task.what].format(f=task.name, wrt=wrt)
    lines.append(f'    """{title}')
    lines += ["", f"    {report.line}"] if report is not None else []
    lines += ["", *_wrapped(f"Assumed, and checked: {checks.text}.", "    "), '    """']
    lines += _check_lines(task, checks)
    return "\n".join(lines) + "\n" + body


def _head(task: Task, extra: list[str]) -> str:
    a = task.closure.node.args
    bare = ast.arguments(
        posonlyargs=[ast.arg(p.arg) for p in a.posonlyargs],
        args=[ast.arg(p.arg) for p in a.args],
        kwonlyargs=[ast.arg(p.arg) for p in (*a.kwonlyargs, *map(ast.arg, extra))],
        kw_defaults=[*a.kw_defaults, *(None for _ in extra)],
        defaults=list(a.defaults),
    )
    return ast.unparse(bare)


def _check_lines(task: Task, checks: _Checks) -> list[str]:
    if not checks.tests:
        return []
    message = f"{task.name}_{task.what}: {checks.text}"
    one = f"    if {' or '.join(checks.tests)}:"
    head = [one]
    if len(one) > MARGIN:
        first, *rest = checks.tests
        head = ["    if (", f"        {first}", *(f"        or {t}" for t in rest), "    ):"]
    said = f"        raise TypeError({message!r})"
    if len(said) <= MARGIN:
        return [*head, said]
    parts = _wrapped(message, "", MARGIN - 16)
    quoted = [f"            {p + ' ' * (k < len(parts) - 1)!r}" for k, p in enumerate(parts)]
    return [*head, "        raise TypeError(", *quoted, "        )"]


def _wrapped(text: str, indent: str, margin: int = MARGIN) -> list[str]:
    lines, line = [], indent
    for word in text.split(" "):
        if len(line) + len(word) > margin and line.strip():
            lines.append(line.rstrip())
            line = indent
        line += word + " "
    return [*lines, line.rstrip()]
