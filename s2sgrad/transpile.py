"""A file's derivatives as a module: read, differentiated and written without being run."""

from __future__ import annotations

import ast
import hashlib
import itertools
import os
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from s2sgrad.errors import DifferentiationError, InternalError, S2SGradError
from s2sgrad.front.constants import Constant
from s2sgrad.front.modules import Module, Project
from s2sgrad.front.static import StaticScope
from s2sgrad.front.structure import Signature
from s2sgrad.generic import Task, Unit, defined, derive
from s2sgrad.rules.helpers import source_of

Wrt = tuple[tuple[str, ...], bool]  # the names, and whether one name stands for itself
DEFAULT = ("grad", "value_and_grad")


@dataclass(frozen=True)
class Options:
    """What the command line asks for."""

    functions: tuple[str, ...] = ()
    wrt: Wrt | None = None
    what: tuple[str, ...] | None = None
    types: dict[str, dict[str, Signature]] = field(default_factory=dict)
    import_original: bool = False
    append: bool = False


@dataclass(frozen=True, eq=False)
class Written:
    """The text of the module, what is in it, and what was refused."""

    header: str
    body: str
    units: tuple[Unit, ...]
    refused: dict[str, S2SGradError]

    @property
    def text(self) -> str:
        """The whole module."""
        return self.header + self.body


def transpile(
    file: Path, options: Options, command: str, told: Callable[[str], None] = lambda name: None
) -> Written:
    """The derivatives of the functions of `file` as the text of a module.

    `command` is named in the header; `told` hears the name of each function before its turn.
    Raises `DifferentiationError` where the file itself cannot be read, and `S2SGradError` for a
    request that names what is not there.
    """
    project = Project(file)
    module = project.load(file)
    home = module if options.append else None
    params = frozenset(p for f in module.functions().values() for p in _parameters(f))
    scope = StaticScope(project, options.import_original, home, params)
    units: list[Unit] = []
    refused: dict[str, S2SGradError] = {}
    for name, node in _chosen(module, options).items():
        told(name)
        try:
            units += _derivatives(scope, module, node, options)
        except (DifferentiationError, InternalError) as e:
            refused[name] = e
    units = _apart(units, {*scope.constants, *module.bindings})
    if options.append:
        _refuse_clashes(module, units)
    header = _header(project, module, command)
    body = _module(scope, units)
    return Written(header, body, tuple(units), refused)


def _refuse_clashes(module: Module, units: Sequence[Unit]) -> None:
    """What is appended must not bind a name that the file has."""
    names = [*(u.name for u in units), *(h for u in units for h in u.helpers)]
    for name in names:
        if name in module.bindings:
            raise S2SGradError(f"{module.file} binds `{name}` itself: write to a file with -o")
    for name, library in (("np", "numpy"), ("math", "math")):
        for b in module.bindings.get(name, ()):
            if b.kind != "import" or b.target != library:
                raise S2SGradError(f"`{name}` is not {library} in {module.file}: write with -o")


def _apart(units: Sequence[Unit], taken: set[str]) -> list[Unit]:
    """Functions that several derivatives call are written once, or get names of their own."""
    written: dict[str, str] = {}
    made = []
    for u in units:
        new = next(g for g in map(u.renamed, itertools.count(1)) if _fits(g, written, taken))
        texts = {defined(text): text for text in new.kept}
        made.append(replace(new, kept=tuple(t for n, t in texts.items() if n not in written)))
        written |= texts
    return made


def _fits(u: Unit, written: dict[str, str], taken: set[str]) -> bool:
    names = {defined(text): text for text in u.kept}
    return all(n not in taken and written.get(n, text) == text for n, text in names.items())


# -- which functions, and what of them


def _chosen(module: Module, options: Options) -> dict[str, ast.FunctionDef]:
    """The named functions, or all that take a value and return one."""
    there = module.functions()
    for name in (*options.functions, *options.types):
        if name not in there:
            known = ", ".join(there) or "none"
            raise S2SGradError(f"{module.file} has no top-level function `{name}`; it has {known}")
    if options.functions:
        return {name: there[name] for name in options.functions}
    return {name: n for name, n in there.items() if _returns_value(n) and _takes_values(n)}


def _takes_values(node: ast.FunctionDef) -> bool:
    return bool(_parameters(node)) or node.args.vararg is not None


def _returns_value(node: ast.FunctionDef) -> bool:
    todo: list[ast.AST] = list(node.body)
    while todo:
        n = todo.pop()
        if isinstance(n, ast.Return) and n.value is not None:
            return True
        if not isinstance(n, ast.FunctionDef | ast.Lambda | ast.ClassDef):
            todo += ast.iter_child_nodes(n)
    return False


def _derivatives(
    scope: StaticScope, module: Module, node: ast.FunctionDef, options: Options
) -> list[Unit]:
    asked = _decorated(scope, module, node)
    whats = options.what or (tuple(what for what, _ in asked) or DEFAULT)
    made = []
    for what in dict.fromkeys(whats):
        wrt = options.wrt or next((w for k, w in asked if k == what and w), None)
        made.append(derivative(scope, module, node, wrt, what, options.types.get(node.name, {})))
    return made


def derivative(
    scope: StaticScope,
    module: Module,
    node: ast.FunctionDef,
    wrt: Wrt | None,
    what: str,
    types: dict[str, Signature],
) -> Unit:
    """One derivative of one function of a file, in the first parameter if `wrt` is None."""
    params = _parameters(node)
    if not params and node.args.vararg is None:
        raise module.refuse(node, f"`{node.name}` has no parameters", "give it one", "no-parameter")
    names, bare = wrt or (tuple(params[:1]), True)
    for name in (*names, *types):
        if name not in params:
            raise module.refuse(
                node,
                f"`{node.name}` has no parameter `{name}`",
                f"there are {', '.join(params)}",
                "no-parameter",
            )
    task = Task(scope.function(module, node), node.name, names, bare, what, types)
    return derive(task, scope, constants=True)


def _decorated(
    scope: StaticScope, module: Module, node: ast.FunctionDef
) -> list[tuple[str, Wrt | None]]:
    """The transforms that decorate the function, with their `wrt`; nothing is run."""
    found: list[tuple[str, Wrt | None]] = []
    for d in node.decorator_list:
        what = scope.transform(module, d)
        if what:
            found.append((what, _wrt(module, node, d) if isinstance(d, ast.Call) else None))
    return found


def _wrt(module: Module, node: ast.FunctionDef, call: ast.Call) -> Wrt | None:
    given = [k.value for k in call.keywords if k.arg == "wrt"]
    if not given:
        return None
    params = _parameters(node)
    try:
        value = ast.literal_eval(given[0])
        items = value if isinstance(value, tuple) else (value,)
        names = tuple(params[i] if isinstance(i, int) else str(i) for i in items)
    except (ValueError, IndexError) as e:
        raise module.refuse(
            given[0],
            "`wrt` is no literal position, name or tuple of them",
            "write it out",
            "decorator",
        ) from e
    return names, not isinstance(value, tuple)


def _parameters(node: ast.FunctionDef) -> list[str]:
    a = node.args
    return [p.arg for p in (*a.posonlyargs, *a.args, *a.kwonlyargs)]


# -- the text


def _module(scope: StaticScope, units: Sequence[Unit]) -> str:
    """Imports, constants, helpers, functions: each once, in an order that does not change."""
    imports = {i for u in units for i in u.imports}
    constants = _needed(scope, units)
    for c in constants.values():
        imports |= c.imports
    copied = [f"{name} = {c.text}\n" for name, c in constants.items() if not c.is_import]
    first = "\n".join(sorted(imports, key=_import_order)) + "\n" if imports else ""
    helpers = {name: fn for u in units for name, fn in u.helpers.items()}
    parts = [
        "\n".join(block for block in (first, "".join(copied)) if block),
        *(source_of(name, fn) for name, fn in sorted(helpers.items())),
        *(text for u in units for text in (*u.kept, u.text)),
    ]
    return "".join(f"\n{part}\n" for part in parts if part).rstrip("\n") + "\n"


def _import_order(statement: str) -> tuple[bool, str]:
    return statement.startswith("from"), statement


def _needed(scope: StaticScope, units: Sequence[Unit]) -> dict[str, Constant]:
    """The constants that the functions read, and those that these are made of."""
    texts = [t for u in units for t in (*u.kept, u.text)]
    words = {n.id for t in texts for n in ast.walk(ast.parse(t)) if isinstance(n, ast.Name)}
    needed: dict[str, Constant] = {}
    for name, c in reversed(scope.constants.items()):
        if name in words:
            needed[name] = c
            if not c.is_import:
                words |= {n.id for n in ast.walk(ast.parse(c.text)) if isinstance(n, ast.Name)}
    return dict(reversed(needed.items()))


def _header(project: Project, module: Module, command: str) -> str:
    from s2sgrad import __version__

    # What is appended starts on a line of its own: the ends of lines before it are not the program.
    digest = hashlib.sha256(module.text.rstrip("\r\n").encode())
    for path in sorted(p for p in project.modules if p != module.path):
        digest.update(project.modules[path].text.encode())
    return (
        f"# Written by s2sgrad {__version__}. Do not edit: run the command again.\n"
        f"#   {command}\n"
        f"# input: sha256:{digest.hexdigest()}\n"
    )


def command_line(file: Path, out: Path | None, arguments: Sequence[str]) -> str:
    """The command as the header names it: the file as seen from where the output lies."""
    seen = os.path.relpath(file, out.parent) if out is not None else file.name
    return shlex.join(["s2sgrad", "transpile", Path(seen).as_posix(), *arguments])


__all__ = ["Options", "Written", "command_line", "derivative", "transpile"]
