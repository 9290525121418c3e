"""From a Python function to its AST.

`inspect.getsource` gives the whole statement of a lambda and trusts line numbers even where the
file was edited after it was loaded. Here a node is found by first line and name, a lambda by the
columns in its code object, and what was found is compiled again and compared with the code that
runs: the gradient of a text that is not the program would be silently wrong.
"""

from __future__ import annotations
import __future__

import ast
import linecache
import os
import textwrap
import types
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from s2sgrad.errors import DifferentiationError, Refusal
from s2sgrad.ir.span import Span

# Names that Python gives to many texts: from 3.13 on linecache may know one of them (`-c`).
_SHARED_NAMES = ("<string>", "<stdin>")

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda

_FUTURES = 0
for _feature in __future__.all_feature_names:
    _FUTURES |= getattr(__future__, _feature).compiler_flag


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A function's own copy of its AST, with the file that it stands in."""

    node: FunctionNode
    file: str
    lines: tuple[str, ...]  # of the whole file, so that `lines[span.line - 1]` is right
    name: str

    def span(self, node: ast.AST) -> Span:
        """Where `node` stands."""
        return span_of(node, self.file)


def find(fun: Callable[..., Any]) -> Source:
    """The source of a Python function or method; decorators that wrap it are not looked through.

    Defaults, annotations and decorators are not compared: take them from `fun`, not from the node.
    Raises `DifferentiationError` where the source cannot be had or is not that of the code.
    """
    if isinstance(fun, types.MethodType):
        fun = fun.__func__
    if not isinstance(fun, types.FunctionType):
        name = getattr(fun, "__name__", type(fun).__name__)
        raise _refuse(
            f"`{name}` is not written in Python, so it has no source",
            "give it a rule with s2sgrad.rule",
            "no-source",
        )
    code = fun.__code__
    module = _parsed(fun)
    node = _find_node(module, code)
    if node is None or not _is_the_program(module, node, fun):
        node = _moved(module, code)
    if node is None:
        if code.co_filename in _SHARED_NAMES:
            raise _unreadable(fun)
        raise _refuse(
            f"the source of `{fun.__qualname__}` in {code.co_filename} is not what was loaded: "
            f"it was at line {code.co_firstlineno}, and is not in the file any more",
            "load the module again (importlib.reload, %autoreload 2) or start Python again",
            "stale-source",
        )
    # The tree is shared by all functions of the file, and callers may rewrite what they get.
    own = copied(node)
    return Source(own, code.co_filename, tuple(module.lines), fun.__qualname__)


Node = TypeVar("Node", bound=ast.AST)


def copied(node: Node) -> Node:
    """A tree of its own; `copy.deepcopy` takes five times as long."""
    own = type(node)()
    for name, v in vars(node).items():
        if isinstance(v, ast.AST):
            v = copied(v)
        elif isinstance(v, list):
            v = [copied(x) if isinstance(x, ast.AST) else x for x in v]
        setattr(own, name, v)
    return own


_HEADERS: dict[type[ast.AST], tuple[str, ...]] = {
    ast.For: ("iter",),
    ast.AsyncFor: ("iter",),
    ast.While: ("test",),
    ast.If: ("test",),
    ast.With: ("items",),
    ast.AsyncWith: ("items",),
    ast.Match: ("subject",),
    ast.ExceptHandler: ("type",),
}
_KEYWORDS: dict[type[ast.AST], str] = {
    ast.Try: "try",
    ast.TryStar: "try",
    ast.ExceptHandler: "except",
    ast.FunctionDef: "def ",
    ast.AsyncFunctionDef: "async def ",
    ast.ClassDef: "class ",
}


def span_of(node: ast.AST, file: str) -> Span:
    """Where `node` stands; of a compound statement the header, which is what an error shows."""
    kind = type(node)
    header = [e for e in map(_extent, _fields(node, _HEADERS.get(kind, ()))) if e]
    own = _extent(node)
    if own is None:
        return Span(file, 1, 0, 1, 0)
    line, col, end_line, end_col = own
    if header:
        end_line, end_col = header[-1][2:]
    elif kind in _KEYWORDS:
        name = getattr(node, "name", None) or ""
        end_line, end_col = line, col + len((_KEYWORDS[kind] + name).encode())
    return Span(file, line, col, end_line, end_col)


def _fields(node: ast.AST, names: tuple[str, ...]) -> Iterator[ast.AST]:
    for name in names:
        value = getattr(node, name)
        yield from value if isinstance(value, list) else [value] if value is not None else []


_Extent = tuple[int, int, int, int]


def _extent(node: ast.AST) -> _Extent | None:
    """(line, col, end line, end col); a node without a place of its own has its children's."""
    line = getattr(node, "lineno", None)
    if line is not None:
        col = getattr(node, "col_offset", 0)
        # Nodes made by a rewriting may lack the end.
        end_line = getattr(node, "end_lineno", None) or line
        end_col = getattr(node, "end_col_offset", None)
        return line, col, end_line, col + 1 if end_col is None else end_col
    inner = [e for e in map(_extent, ast.iter_child_nodes(node)) if e]
    if not inner:
        return None
    return (*min(e[:2] for e in inner), *max(e[2:] for e in inner))


@dataclass(slots=True, eq=False)
class _Module:
    """A parsed file."""

    file: str
    lines: list[str]
    nodes: dict[int, list[FunctionNode]]  # by the first line, decorators included
    codes: dict[int, list[types.CodeType]] = field(default_factory=dict)  # by future flags

    def compiled(self, code: types.CodeType) -> list[types.CodeType]:
        """The code objects that this text has at the place of `code`."""
        place = code.co_firstlineno, code.co_name
        return [c for c in self.all_compiled(code) if (c.co_firstlineno, c.co_name) == place]

    def all_compiled(self, code: types.CodeType) -> list[types.CodeType]:
        """The code objects that this text has; none where it does not compile."""
        flags = code.co_flags & _FUTURES  # a doctest or notebook inherits them from elsewhere
        if flags not in self.codes:
            with _quiet():
                try:
                    # From the text and not from the tree: this is what an import does.
                    whole = compile(
                        "".join(self.lines),
                        self.file,
                        "exec",
                        flags=flags | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT,  # for notebook cells
                        dont_inherit=True,
                    )
                    self.codes[flags] = list(_nested(whole))
                except (SyntaxError, ValueError):
                    self.codes[flags] = []
        return self.codes[flags]


_cache: dict[str, _Module] = {}
_MOST = 128  # files that are kept parsed: each cell of a notebook is one


def _parsed(fun: types.FunctionType) -> _Module:
    file = fun.__code__.co_filename
    lines = _read(fun)
    if not lines:
        raise _unreadable(fun)
    known = _cache.get(file)
    # linecache hands out the same list until the file changes: mostly an identity check.
    if known is not None and (known.lines is lines or known.lines == lines):
        return known
    with _quiet():
        try:
            tree = ast.parse("".join(lines), file)
        except (SyntaxError, ValueError) as e:
            raise _refuse(
                f"the source of `{fun.__qualname__}` does not parse any more: {e}",
                "mend the file and load it again",
                "stale-source",
            ) from e
    nodes: dict[int, list[FunctionNode]] = {}
    for n in ast.walk(tree):
        if isinstance(n, FunctionNode):
            nodes.setdefault(_first_line(n), []).append(n)
    module = _Module(file, lines, nodes)
    _cache.pop(file, None)
    while len(_cache) >= _MOST:
        _cache.pop(next(iter(_cache)), None)  # the oldest
    _cache[file] = module
    return module


def _read(fun: types.FunctionType) -> list[str]:
    """The lines of the file, through linecache as it is patched by doctest and IPython."""
    code, names = fun.__code__, fun.__globals__
    file = code.co_filename
    linecache.checkcache(file)
    by_code = getattr(linecache, "_getlines_from_code", None)  # 3.13: the prompt and `-c`
    lines: list[str] | None = by_code(code) if by_code else None
    lines = lines or linecache.getlines(file, names)
    if not lines and not os.path.isabs(file):
        # A script's path is relative to where Python was started, and that may have changed.
        whole = names.get("__file__")
        if isinstance(whole, str) and os.path.basename(whole) == os.path.basename(file):
            lines = linecache.getlines(whole, names)
    return lines


def _quiet() -> warnings.catch_warnings[None]:
    # What the user's text deserves was said when it was loaded; here it would only be said again,
    # or be raised where warnings are errors.
    return warnings.catch_warnings(action="ignore")


def _first_line(node: FunctionNode) -> int:
    decorators = [] if isinstance(node, ast.Lambda) else node.decorator_list
    return min([node.lineno, *(d.lineno for d in decorators)])


def _find_node(module: _Module, code: types.CodeType) -> FunctionNode | None:
    nodes = [n for n in module.nodes.get(code.co_firstlineno, []) if _name(n) == code.co_name]
    if len(nodes) < 2:
        return nodes[0] if nodes else None
    # Several lambdas on a line. The instructions of each stand in its body; those of a lambda
    # inside another stand in both bodies, and the innermost is it.
    used = _positions(code)
    if used:
        inside = [n for n in nodes if _contains(n, used)]
        return max(inside, key=lambda n: (n.lineno, n.col_offset), default=None)
    # No columns: -X no_debug_ranges, or a constant body on 3.12. Two lambdas with the same
    # instructions and constants are the same program, so it does not matter which is taken.
    for n in nodes:
        if isinstance(n, ast.Lambda) and _bare(_alone(n)) == _bare(code):
            return n
    raise _refuse(
        f"line {code.co_firstlineno} of {module.file} holds several lambdas, and the code of this "
        "one has no columns to tell them apart",
        "put each lambda on a line of its own",
        "several-lambdas",
    )


def _alone(node: ast.Lambda) -> types.CodeType:
    whole = compile(ast.Expression(node), "", "eval", dont_inherit=True)
    # Last: the lambdas in its defaults come before it.
    return [c for c in whole.co_consts if isinstance(c, types.CodeType)][-1]


def _bare(code: types.CodeType) -> types.CodeType:
    """The code without its place, for comparison only."""
    return code.replace(
        co_linetable=b"",
        co_firstlineno=1,
        co_qualname=code.co_name,
        co_flags=code.co_flags & ~_FUTURES,
        co_consts=tuple(_bare(c) if isinstance(c, types.CodeType) else c for c in code.co_consts),
    )


def _moved(module: _Module, code: types.CodeType) -> FunctionNode | None:
    """The same program elsewhere in the file, if it is there.

    Other parts of the file may have been edited. And `%autoreload` does not always load a module
    again: it compiles a changed function alone, from `ast.unparse`, so that its lines count from 1.
    """
    bare = _bare(code)
    for c in module.all_compiled(code):
        if c.co_name == code.co_name and _bare(c) == bare:
            return _find_node(module, c)
    for nodes in module.nodes.values():
        for n in nodes:
            if _name(n) == code.co_name and any(_bare(c) == bare for c in _reprinted(n)):
                return n
    return None


def _reprinted(node: FunctionNode) -> Iterator[types.CodeType]:
    """The code of a function that `%autoreload` compiles, as such and as a method."""
    if isinstance(node, ast.Lambda):
        return
    text = ast.unparse(node)
    for whole in (text, "class __autoreload_class__:\n" + textwrap.indent(text, "    ")):
        with _quiet():
            try:
                codes = _nested(compile(whole, "", "exec", dont_inherit=True))
            except SyntaxError:  # `nonlocal` where there is no outer function
                continue
            yield from (c for c in codes if c.co_name == node.name)


def _name(node: FunctionNode) -> str:
    return "<lambda>" if isinstance(node, ast.Lambda) else node.name


def _positions(code: types.CodeType) -> list[_Extent]:
    found = []
    for line, end_line, col, end_col in code.co_positions():
        if line is None or end_line is None or col is None or end_col is None:
            continue
        if (line, col) != (end_line, end_col):  # what has no extent was made by the compiler
            found.append((line, col, end_line, end_col))
    return found


def _contains(node: FunctionNode, used: list[_Extent]) -> bool:
    outer = _extent(node.body) if isinstance(node, ast.Lambda) else _extent(node)
    return outer is not None and all(outer[:2] <= u[:2] and u[2:] <= outer[2:] for u in used)


def _nested(code: types.CodeType) -> Iterator[types.CodeType]:
    for c in code.co_consts:
        if isinstance(c, types.CodeType):
            yield c
            yield from _nested(c)


def _is_the_program(module: _Module, node: FunctionNode, fun: types.FunctionType) -> bool:
    """Is the text that was found the text of the code that runs?"""
    code = fun.__code__
    again = module.compiled(code)
    if code in again:
        return True
    if not _rewritten(fun):
        return False
    # pytest, IPython and typing hooks change a tree before it is compiled. They add; so everything
    # that the text has must be in the code.
    params = [a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
    if params != list(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]):
        return False
    has = _vocabulary(code)
    return any(_vocabulary(c) <= has for c in again)


def _rewritten(fun: types.FunctionType) -> bool:
    file = fun.__code__.co_filename
    if file.startswith("<ipython-input") or f"{os.sep}ipykernel_" in file:
        return True
    loader = fun.__globals__.get("__loader__")
    kind = loader if isinstance(loader, type) else type(loader)
    return loader is not None and not kind.__module__.startswith(("_frozen_importlib", "zipimport"))


def _vocabulary(code: types.CodeType) -> set[str]:
    """All that the code and the functions in it name and hold."""
    words: set[str] = set()
    for c in (code, *_nested(code)):
        words.update(c.co_names, c.co_varnames, c.co_freevars, c.co_cellvars)
        words.update(repr(k) for k in c.co_consts if not isinstance(k, types.CodeType))
    return words


def _unreadable(fun: types.FunctionType) -> DifferentiationError:
    file = fun.__code__.co_filename
    why = "which is no file" if file.startswith("<") else "which is empty or not there"
    return _refuse(
        f"the source of `{fun.__qualname__}` cannot be read: it comes from {file!r}, {why}",
        "put the function in a .py file or a notebook cell\n"
        "(the `>>>` prompt, exec() and %%time leave no text behind)",
        "no-source",
    )


def _refuse(message: str, way_out: str, anchor: str) -> DifferentiationError:
    return DifferentiationError(Refusal(message, None, way_out, anchor=anchor))
