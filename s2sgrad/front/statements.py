"""Statements that are about names and surroundings: `del`, `import`, `global`, `with`, `match`."""

from __future__ import annotations

import ast
import importlib
from typing import Any

from s2sgrad.front.building import RAISED
from s2sgrad.front.desugar import Positional, Rest, Shaped
from s2sgrad.front.local_classes import LocalClasses
from s2sgrad.front.source import copied
from s2sgrad.front.values import Known, Tup, Value
from s2sgrad.ir import ops
from s2sgrad.ir.graph import UNDEF, Atom, Lit, Var

# What a function may import: their attributes stand still, and importing them is harmless.
IMPORTABLE = {"numpy", "scipy", "math", "operator", "functools", "itertools"}
_NUMBERS = (int, float, complex, str, bool, bytes)


class Statements(LocalClasses):
    """Simple statements other than assignments."""

    def stmt_Delete(self, s: ast.Delete) -> None:
        for target in s.targets:
            for t in target.elts if isinstance(target, ast.Tuple | ast.List) else [target]:
                if self.delete_part(t):
                    continue
                if not isinstance(t, ast.Name):
                    raise self.refuse(t, "`del` of a part", "build a new container", "statement")
                self.read_name(ast.copy_location(ast.Name(t.id, ast.Load()), t))
                self.env[t.id] = UNDEF

    # -- imports, `global`

    def stmt_Import(self, s: ast.Import) -> None:
        for alias in s.names:
            module = self.imported(alias.name, s)
            if alias.asname is None:
                module = self.imported(alias.name.split(".")[0], s)
            self.env[alias.asname or alias.name.split(".")[0]] = Known(module)

    def stmt_ImportFrom(self, s: ast.ImportFrom) -> None:
        module = self.imported(s.module or "", s) if not s.level else None
        if module is None:
            raise self.refuse_import(s)
        for alias in s.names:
            if hasattr(module, alias.name):
                self.env[alias.asname or alias.name] = self.known(getattr(module, alias.name))
            else:
                inner = self.imported(f"{s.module}.{alias.name}", s)
                self.env[alias.asname or alias.name] = Known(inner)

    def imported(self, name: str, at: ast.AST) -> Any:
        running = getattr(self.scope, "runs", False)
        if name.split(".")[0] not in IMPORTABLE and not running:
            raise self.refuse_import(at)
        try:
            return importlib.import_module(name)
        except ImportError:
            raise self.refuse(at, f"there is no module `{name}`", "", "statement") from None

    def refuse_import(self, at: ast.AST) -> Exception:
        return self.refuse(
            at,
            "an `import` of something other than NumPy, SciPy, math, operator or functools",
            "import it at the top of the file",
            "statement",
        )

    def stmt_Global(self, s: ast.Global) -> None:
        for name in s.names:
            if name in self.stored or any(name in env for env in self.frames):
                raise self.refuse(
                    s,
                    f"`{name}` is a global that this function binds, or hides",
                    "return the new value; a global that is only read needs no `global`",
                    "statement",
                )

    def stmt_Nonlocal(self, s: ast.Nonlocal) -> None: ...  # see `Parser.inline`

    # -- `match`

    def expr_Shaped(self, node: Shaped) -> Value:
        subject, pattern = self.expr(node.subject), node.pattern
        if isinstance(pattern, ast.MatchSequence):
            return Lit(self.is_sequence(subject, pattern, node))
        if isinstance(pattern, ast.MatchMapping):
            is_dict = isinstance(subject, Tup) and subject.kind == "dict"
            keys = [self.key(self.expr(k), k) for k in pattern.keys]
            return Lit(is_dict and all(self.find_key(subject, k) is not None for k in keys))  # type: ignore[arg-type]
        if isinstance(pattern, ast.MatchClass):
            return self.is_instance(subject, pattern, node)
        raise self.refuse_pattern(node)

    def is_sequence(self, subject: Value, p: ast.MatchSequence, node: Shaped) -> bool:
        if isinstance(subject, Tup):
            n, starred = len(p.patterns), any(isinstance(x, ast.MatchStar) for x in p.patterns)
            has = len(subject.items)
            return subject.is_sequence and (has >= n - 1 if starred else has == n)
        if self.is_list(subject):
            raise self.refuse_pattern(node)
        return False  # neither numbers, strings nor arrays are sequences to `match`

    def is_instance(self, subject: Value, p: ast.MatchClass, node: Shaped) -> Value:
        cls = self.expr(p.cls)
        found = self.call_isinstance([subject, cls], node)  # type: ignore[arg-type]
        if found is None:
            raise self.refuse_pattern(node)
        if p.patterns and isinstance(cls, Known) and not self.is_own(cls, p):
            fields = getattr(cls.obj, "__match_args__", ())
            if len(p.patterns) > len(fields):
                raise self.refuse_pattern(node)
        if isinstance(subject, Tup) and any(subject.get(a) is None for a in p.kwd_attrs):
            return Lit(False)
        return found

    def is_own(self, cls: Known, p: ast.MatchClass) -> bool:
        """`float(x)`: the one position is the subject itself."""
        return cls.obj in _NUMBERS and len(p.patterns) == 1

    def expr_Positional(self, node: Positional) -> Value:
        """What stands for position `k` of a class pattern."""
        cls = self.expr(node.pattern.cls)
        if isinstance(cls, Known) and self.is_own(cls, node.pattern):
            return self.expr(node.subject)
        fields = getattr(cls.obj, "__match_args__", ()) if isinstance(cls, Known) else ()
        read = ast.copy_location(ast.Attribute(node.subject, fields[node.k], ast.Load()), node)
        return self.expr(read)

    def expr_Rest(self, node: Rest) -> Value:
        """The items of a dict that a pattern does not name."""
        subject = self.expr(node.subject)
        keys = [self.key(self.expr(k), k) for k in node.keys]
        assert isinstance(subject, Tup)
        pairs = zip(subject.keys, subject.items, strict=True)
        left = [(k, v) for k, v in pairs if k not in keys]
        return self.boxed(Tup(tuple(v for _, v in left), "dict", tuple(k for k, _ in left)))

    def refuse_pattern(self, node: Shaped) -> Exception:
        return self.refuse(
            node, "this pattern of a `match` is not supported", "use an `if`", "statement"
        )

    # -- assert and raise

    def stmt_Assert(self, s: ast.Assert) -> None:
        test = self.truth(self.expr(s.test), s.test)
        message = () if s.msg is None else (self.message(s.msg),)
        self.emit(ops.assert_, (test, *message), at=s, effect=True)

    def message(self, node: ast.expr) -> Atom:
        shown = self.shown(self.expr(node), node)
        return self.atom(node) if shown is None else shown

    def stmt_Raise(self, s: ast.Raise) -> None:
        """The statement as it is written, on the values that its names stand for."""
        free = dict.fromkeys(n.id for n in ast.walk(s) if isinstance(n, ast.Name))
        given: dict[str, Any] = {}
        if any(n.startswith(".") for n in free):
            s = _with_spoken_names(s)
        for n in free:
            value = self.read(self.read_name(ast.copy_location(ast.Name(n, ast.Load()), s)), s)
            name = _legal(n)
            if isinstance(value, Var | Lit):
                given[name] = value
            elif isinstance(value, Known) and not _is_builtin(n, value.obj):
                given[name] = self.named_class(value.obj, s)
            elif not isinstance(value, Known):
                raise self.refuse(s, "this `raise` names something that is no number", "", "raise")
        args = (Lit(ast.unparse(s)), Lit(tuple(given)), *given.values())
        self.emit(ops.raise_, args, at=s, effect=True)
        self.env[RAISED] = Lit(True)

    def named_class(self, obj: Any, s: ast.Raise) -> Lit:
        """An exception of the user's, or a function of NumPy's."""
        if isinstance(obj, type) and issubclass(obj, BaseException):
            return Lit(obj)
        raise self.refuse(s, "this `raise` names something that is no number", "", "raise")


def _legal(name: str) -> str:
    """A name that is hidden while parsing, as text may have it."""
    return name.rpartition(".")[2]


def _with_spoken_names(s: ast.Raise) -> ast.Raise:
    made = copied(s)
    for n in ast.walk(made):
        if isinstance(n, ast.Name):
            n.id = _legal(n.id)
    return made


def _is_builtin(name: str, obj: Any) -> bool:
    import builtins

    return getattr(builtins, name, None) is obj
