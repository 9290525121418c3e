"""The files of a program as they are written: what each name of a module is bound to.

Nothing is imported or run.  A name that is bound once, in a way that can be read off, has a
`Binding`; of every other name it is remembered why it is not resolved.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from s2sgrad.errors import DifferentiationError, Refusal
from s2sgrad.front.source import span_of
from s2sgrad.ir.span import Span

# `transpile --append` writes below this line; what stands there is no part of the program.
MARKER = "# --- derivatives, written by s2sgrad: all below this line is replaced ---"
_CHANGES = {
    "append", "extend", "insert", "pop", "remove", "clear", "sort", "reverse", "update", "add",
    "setdefault", "popitem", "discard", "fill", "put", "resize", "itemset", "partition", "setfield",
}  # fmt: skip
_FILLS = {"fill_diagonal", "copyto", "put", "place", "putmask", "at", "shuffle"}
_HARMLESS = {"print", "len", "repr", "str", "assert"}


@dataclass(frozen=True, slots=True, eq=False)
class Binding:
    """One place that binds a name of a module."""

    kind: str  # 'import' | 'from' | 'def' | 'class' | 'value' | 'opaque'
    node: ast.AST
    target: str = ""  # the dotted module of an import
    attribute: str = ""  # the name taken from it
    level: int = 0  # the dots of a relative import
    why: str = ""  # of 'opaque'


@dataclass(eq=False)
class Module:
    """A parsed file and the names that its top level binds."""

    path: Path
    text: str
    tree: ast.Module
    bindings: dict[str, list[Binding]] = field(default_factory=dict)
    stars: list[ast.ImportFrom] = field(default_factory=list)
    touched: dict[str, ast.AST] = field(default_factory=dict)  # written into after it was bound
    writers: set[str] | None = None
    dynamic: ast.AST | None = None  # an `exec` or `globals()`: any name may be bound there

    @property
    def file(self) -> str:
        return str(self.path)

    def span(self, node: ast.AST) -> Span:
        return span_of(node, self.file)

    def refuse(
        self, at: ast.AST, message: str, way_out: str, anchor: str, *notes: tuple[ast.AST, str]
    ) -> DifferentiationError:
        spans = tuple((self.span(n), text) for n, text in notes)
        return DifferentiationError(
            Refusal(message, self.span(at), way_out, notes=spans, anchor=anchor)
        )

    def functions(self) -> dict[str, ast.FunctionDef]:
        """The top-level functions, in order."""
        found = {}
        for name, bound in self.bindings.items():
            node = bound[-1].node
            if bound[-1].kind == "def" and isinstance(node, ast.FunctionDef):
                found[name] = node
        return found


class Project:
    """The files that a program is made of, each read once; all lie below one root."""

    def __init__(self, file: Path) -> None:
        self.modules: dict[Path, Module] = {}
        root = file.resolve().parent
        self.start = root
        while (root / "__init__.py").exists():
            root = root.parent
        self.root = root

    def load(self, path: Path) -> Module:
        """The module in a file. Raises `DifferentiationError` where it does not parse."""
        path = path.resolve()
        if path not in self.modules:
            text = path.read_bytes().decode("utf-8-sig").partition(MARKER)[0]
            try:
                tree = ast.parse(text, str(path))
            except SyntaxError as e:
                line, col = e.lineno or 1, max((e.offset or 1) - 1, 0)
                raise DifferentiationError(
                    Refusal(
                        f"the file does not parse: {e.msg}",
                        Span(str(path), line, col, line, col + 1),
                        "mend the file",
                        anchor="syntax",
                    )
                ) from e
            self.modules[path] = _read(Module(path, text, tree))
        return self.modules[path]

    def find(self, importer: Module, dotted: str, level: int) -> Module | None:
        """The module `dotted` as `importer` would import it, if it is a file of the project."""
        parts = dotted.split(".") if dotted else []
        if level:
            base = importer.path.parent
            for _ in range(level - 1):
                base = base.parent
            bases = [base] if base.is_relative_to(self.root) else []
        else:
            bases = [self.root, self.start, importer.path.parent]
        for base in bases:
            place = base.joinpath(*parts)
            candidates = [place / "__init__.py"]
            if parts:
                candidates.insert(0, place.with_name(place.name + ".py"))
            for path in candidates:
                if path.is_file():
                    return self.load(path)
        return None


def _read(module: Module) -> Module:
    _Reader(module).body(module.tree.body)
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            _read_function(module, node)
        if isinstance(node, ast.Call):
            _read_call(module, node)
    _spread_touched(module)
    return module


def _read_call(module: Module, call: ast.Call) -> None:
    """Calls that write into their arguments."""
    name = ast.unparse(call.func).rpartition(".")[2]
    if name == "globals" and module.dynamic is None:
        module.dynamic = call
    written = list(call.args) if name in _writers(module) else []
    written += call.args[:1] if name in _FILLS else []
    written += [k.value for k in call.keywords if k.arg == "out"]
    for a in written:
        for n in ast.walk(a):
            if isinstance(n, ast.Name):
                module.touched.setdefault(n.id, call)


def _writers(module: Module) -> set[str]:
    """The functions of the file that write into a parameter of theirs."""
    if module.writers is None:
        module.writers = set()
        for f in ast.walk(module.tree):
            if isinstance(f, ast.FunctionDef):
                params = {a.arg for a in ast.walk(f.args) if isinstance(a, ast.arg)}
                if any(name in params for name, _ in _writes(f)):
                    module.writers.add(f.name)
    return module.writers


def _spread_touched(module: Module) -> None:
    """`B = A; B[0] = 1` writes into `A` too."""
    size = -1
    while size != len(module.touched):
        size = len(module.touched)
        for name, bound in module.bindings.items():
            if name not in module.touched:
                continue
            for b in bound:
                if b.kind == "value":
                    for n in ast.walk(b.node):
                        if isinstance(n, ast.Name):
                            module.touched.setdefault(n.id, module.touched[name])


class _Reader:
    """The bindings of a module's top level, in order."""

    def __init__(self, module: Module) -> None:
        self.module = module

    def body(self, stmts: Sequence[ast.stmt]) -> None:
        for s in stmts:
            handler = getattr(self, f"read_{type(s).__name__}", None)
            if handler is not None:
                handler(s)
            else:
                self.opaque(s, f"it is bound inside of a `{type(s).__name__.lower()}` statement")
            if not isinstance(s, ast.FunctionDef | ast.ClassDef | ast.Try | ast.If):
                self.touches(s)

    def bind(self, name: str, binding: Binding) -> None:
        self.module.bindings.setdefault(name, []).append(binding)

    def opaque(self, stmt: ast.AST, why: str) -> None:
        for node in ast.walk(stmt):
            if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
                self.bind(node.id, Binding("opaque", node, why=why))
            elif isinstance(node, ast.FunctionDef | ast.ClassDef):
                self.bind(node.name, Binding("opaque", node, why=why))
            elif isinstance(node, ast.alias):
                name = node.asname or node.name.split(".")[0]
                self.bind(name, Binding("opaque", node, why=why))

    def read_Import(self, s: ast.Import) -> None:
        for a in s.names:
            target = a.name if a.asname else a.name.split(".")[0]
            self.bind(a.asname or target, Binding("import", s, target))

    def read_ImportFrom(self, s: ast.ImportFrom) -> None:
        for a in s.names:
            if a.name == "*":
                self.module.stars.append(s)
            else:
                self.bind(
                    a.asname or a.name, Binding("from", s, s.module or "", a.name, level=s.level)
                )

    def read_FunctionDef(self, s: ast.FunctionDef) -> None:
        self.bind(s.name, Binding("def", s))

    def read_AsyncFunctionDef(self, s: ast.AsyncFunctionDef) -> None:
        self.bind(s.name, Binding("opaque", s, why="it is an `async` function"))

    def read_ClassDef(self, s: ast.ClassDef) -> None:
        self.bind(s.name, Binding("class", s))

    def read_Assign(self, s: ast.Assign) -> None:
        for target in s.targets:
            self.assign(target, s.value)

    def assign(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Name):
            self.bind(target.id, Binding("value", value))
        elif isinstance(target, ast.Tuple | ast.List):
            pairwise = isinstance(value, ast.Tuple | ast.List)
            pairwise = pairwise and len(value.elts) == len(target.elts)  # type: ignore[attr-defined]
            if pairwise and not any(isinstance(t, ast.Starred) for t in target.elts):
                for t, v in zip(target.elts, value.elts, strict=True):  # type: ignore[attr-defined]
                    self.assign(t, v)
            else:
                self.opaque(target, "it is unpacked from a value that is not read off")

    def read_AnnAssign(self, s: ast.AnnAssign) -> None:
        if s.value is not None:
            self.assign(s.target, s.value)

    def read_AugAssign(self, s: ast.AugAssign) -> None:
        self.opaque(s.target, "an augmented assignment binds it again")

    def read_Pass(self, s: ast.Pass) -> None: ...

    def read_Expr(self, s: ast.Expr) -> None:
        self.opaque(s, "it is bound by `:=`")  # only a walrus binds in an expression
        for node in ast.walk(s):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "exec":
                self.module.dynamic = node

    def read_If(self, s: ast.If) -> None:
        test = ast.unparse(s.test)
        if test in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            self.body(s.orelse)
        elif test.replace("'", '"') != '__name__ == "__main__"':
            self.opaque(s, "it is bound under an `if`")

    def read_Try(self, s: ast.Try) -> None:
        """The first arm of a guarded import is taken: that is the library that is there."""
        if all(isinstance(b, ast.Import | ast.ImportFrom) for b in s.body):
            self.body(s.body)
        else:
            self.opaque(s, "it is bound inside of a `try`")

    def touches(self, s: ast.stmt) -> None:
        """Writes into what names stand for, after they were bound."""
        for name, node in _writes(s):
            self.module.touched.setdefault(name, node)
        if isinstance(s, ast.Assign | ast.AnnAssign | ast.AugAssign):
            return
        for node in ast.walk(s):
            if isinstance(node, ast.Call) and ast.unparse(node.func) not in _HARMLESS:
                for a in node.args:
                    if isinstance(a, ast.Name):
                        self.module.touched.setdefault(a.id, node)


def _writes(tree: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    for node in ast.walk(tree):
        inner: ast.AST | None = None
        if isinstance(node, ast.Subscript | ast.Attribute) and not isinstance(node.ctx, ast.Load):
            inner = node.value
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            inner = node.func.value if node.func.attr in _CHANGES else None
        while isinstance(inner, ast.Subscript | ast.Attribute):
            inner = inner.value
        if isinstance(inner, ast.Name):
            yield inner.id, node


def _read_function(module: Module, f: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> None:
    """What a function does to names of its module: `global`, and writes into what they hold."""
    args = (*f.args.posonlyargs, *f.args.args, *f.args.kwonlyargs, f.args.vararg, f.args.kwarg)
    own = {a.arg for a in args if a is not None}
    for node in ast.walk(f):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            own.add(node.id)
    for node in ast.walk(f):
        if isinstance(node, ast.Global):
            for name in node.names:
                own.discard(name)
                why = "a function binds it again with `global`"
                module.bindings.setdefault(name, []).append(Binding("opaque", node, why=why))
    for name, node in _writes(f):
        if name not in own:
            module.touched.setdefault(name, node)
