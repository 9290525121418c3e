"""A function object gives its own AST, or an error: never the AST of another text."""

from __future__ import annotations

import ast
import doctest
import functools
import importlib
import linecache
import os
import sys
import textwrap
import types
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from s2sgrad.errors import DifferentiationError
from s2sgrad.front.source import find

Load = Callable[[str], types.ModuleType]


def text(fun: Callable[..., Any]) -> str:
    """What was found, printed on one line."""
    node = find(fun).node
    if isinstance(node, ast.Lambda):
        return ast.unparse(node)
    return "; ".join(ast.unparse(s) for s in node.body)


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    """Write a module, or write it anew, and import it."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def load(code: str) -> types.ModuleType:
        write(tmp_path / "subject.py", code)
        importlib.invalidate_caches()
        if "subject" in sys.modules:
            return importlib.reload(sys.modules["subject"])
        return importlib.import_module("subject")

    yield load
    sys.modules.pop("subject", None)


def write(path: Path, code: str) -> None:
    path.write_text(textwrap.dedent(code), encoding="utf-8")
    # Two writes within the clock's grain must still look like two versions.
    write.clock += 10**9  # type: ignore[attr-defined]
    os.utime(path, ns=(write.clock, write.clock))  # type: ignore[attr-defined]


write.clock = 10**18  # type: ignore[attr-defined]


def test_plain_nested_method_async_decorated(load: Load) -> None:
    m = load(
        """
        import functools

        def same(f):
            return f

        def plain(x):
            return x + 1

        def outer(a):
            def inner(x):
                return x + a
            return inner

        class C:
            def __hidden(self, x):
                return x + 3

            @staticmethod
            def static(x): return x + 4

            @classmethod
            def klass(cls, x): return x + 5

            def plain(self, x):
                return x + 6

            hidden = __hidden

        @same
        @functools.lru_cache(
            maxsize=(lambda: 3)(),
        )
        def cached(x):
            return x + 7

        @same
        async def later(x):
            return x + 8

        def generic(x: "int" = 1, *args, k: int, **kw) -> "int":
            return x + 9
        """
    )
    assert text(m.plain) == "return x + 1"
    assert text(m.outer(2)) == "return x + a"
    assert text(m.C().hidden) == "return x + 3"
    assert text(m.C.static) == "return x + 4"
    assert text(m.C.klass) == "return x + 5"
    assert text(m.C().plain) == text(m.C.plain) == "return x + 6"
    assert text(m.cached.__wrapped__) == "return x + 7"
    assert text(m.later) == "return x + 8"
    assert isinstance(find(m.later).node, ast.AsyncFunctionDef)
    assert text(m.generic) == "return x + 9"
    assert find(m.outer(2)).name == "outer.<locals>.inner"
    assert find(m.plain).lines[6] == "def plain(x):\n"


def test_same_name_defined_several_times(load: Load) -> None:
    m = load(
        """
        kept = []
        if True:
            def f(x): return x + 1
            kept.append(f)
            def f(x): return x + 1
            kept.append(f)
        for c in range(2):
            def f(x): return x + c
            kept.append(f)
        """
    )
    assert [find(f).node.lineno for f in m.kept] == [4, 6, 9, 9]


def test_lambdas_that_share_a_line(load: Load) -> None:
    m = load(
        """
        a, b = lambda x: x + 1, lambda x: x * 2
        α = 'ä'; c, d = (lambda x: (x)), lambda x: (x)
        curried = lambda x: lambda y: lambda z: x * y * z
        default = lambda f=lambda x: x + 3: f(1)
        constants = [lambda: 1, lambda: 1.0, lambda: None, lambda: (1, 2), lambda: -1]
        multi = [
            lambda x: (
                x + 5
            ), lambda x:
                x + 6,
        ]
        arms = [lambda x: 1 if x else 2, lambda x: x and 3]
        made = [lambda x, i=i: x + i for i in range(2)]
        """
    )
    assert text(m.a) == "lambda x: x + 1"
    assert text(m.b) == "lambda x: x * 2"
    assert text(m.curried) == "lambda x: lambda y: lambda z: x * y * z"
    assert text(m.curried(1)) == "lambda y: lambda z: x * y * z"
    assert text(m.curried(1)(2)) == "lambda z: x * y * z"
    assert text(m.default) == "lambda f=lambda x: x + 3: f(1)"
    assert text(m.default.__defaults__[0]) == "lambda x: x + 3"
    columns = [find(f).node.col_offset for f in (m.c, m.d)]
    assert columns == sorted(set(columns))
    line = find(m.a).lines[5].encode()
    at = [i for i in range(len(line)) if line.startswith(b"lambda", i)]
    assert [find(f).node.col_offset for f in m.constants] == at
    assert [text(f)[-1] for f in m.multi] == ["5", "6"]
    assert [text(f)[-1] for f in m.arms] == ["2", "3"]
    assert text(m.made[0]) == text(m.made[1]) == "lambda x, i=i: x + i"


def test_lambdas_in_a_rewritten_module() -> None:
    # This file went through pytest's rewriting of `assert`.
    first, second = lambda x: x + 1, lambda x: x + 2
    assert [text(f) for f in (first, second)] == ["lambda x: x + 1", "lambda x: x + 2"]


def asserts(x: float) -> float:
    assert x > 0, "positive"
    return x + 1


def test_pytest_rewrites_asserts() -> None:
    assert text(asserts) == "assert x > 0, 'positive'; return x + 1"


def test_wraps_is_not_looked_through(load: Load) -> None:
    m = load(
        """
        import functools

        def twice(f):
            @functools.wraps(f)
            def wrapper(x):
                return 2 * f(x)
            return wrapper

        @twice
        def g(x):
            return x + 1
        """
    )
    assert text(m.g) == "return 2 * f(x)"
    assert text(m.g.__wrapped__) == "return x + 1"


def test_a_changed_tree_is_the_callers_own(load: Load) -> None:
    m = load("def f(x): return x + 1")
    find(m.f).node.body = []
    assert text(m.f) == "return x + 1"


def test_the_file_is_parsed_once(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    m = load("def f(x): return x + 1\ndef g(x): return x + 2")
    calls = []
    parse = ast.parse

    def counted(code: str, file: str) -> ast.Module:
        calls.append(file)
        return parse(code, file)

    monkeypatch.setattr(ast, "parse", counted)
    assert text(m.f) == "return x + 1"
    assert text(m.g) == "return x + 2"
    assert len(calls) == 1


def test_reloaded_code_is_read_again(load: Load) -> None:
    m = load("def f(x): return x + 1")
    assert text(m.f) == "return x + 1"
    m = load("\ndef f(x): return x * 2")
    assert text(m.f) == "return x * 2"


@pytest.mark.parametrize(
    "after",
    [
        "def f(x): return x - 1",  # no name and no constant differs
        "def f(x, y=0): return x + 1",
        "def f(x): return x + 1.0",
        "def g(x): return x + 1",
        "f = lambda x: x + 1",
        "",
        "def f(x: return",
    ],
)
def test_edited_and_not_reloaded(load: Load, tmp_path: Path, after: str) -> None:
    m = load("def f(x): return x + 1")
    assert text(m.f) == "return x + 1"
    write(tmp_path / "subject.py", after)
    with pytest.raises(DifferentiationError) as e:
        find(m.f)
    assert "load" in str(e.value) or "cannot be read" in str(e.value)


def test_edited_elsewhere_and_not_reloaded(load: Load, tmp_path: Path) -> None:
    m = load("def f(x): return [x + i for i in x]\ng = lambda x: x + 2")
    write(
        tmp_path / "subject.py",
        "# a\ng, h = lambda x: x + 2, lambda x: x\ndef f(x): return [x + i for i in x]",
    )
    assert text(m.f) == "return [x + i for i in x]"
    assert find(m.f).node.lineno == 3
    assert text(m.g) == "lambda x: x + 2"


def test_autoreload_patches_functions_alone(load: Load, tmp_path: Path) -> None:
    m = load("def f(x): return x + 1\nclass C:\n  def f(self, x): return x + 2")
    after = """
        # As IPython 9 does it: each function is printed, compiled alone, and its code replaced.
        def f(x):
            # a comment that is lost in printing

            for i in range(3): x = x + i; pass
            return x if (
                x
            ) else 1

        class C:
            def f(self, x):
                return x * 4
    """
    write(tmp_path / "subject.py", after)
    f, c = (n for n in ast.parse(textwrap.dedent(after)).body)
    assert isinstance(c, ast.ClassDef)
    method = textwrap.indent(ast.unparse(c.body[0]), "    ")
    env: dict[str, Any] = {}
    exec(compile(ast.unparse(f), m.f.__code__.co_filename, "exec", dont_inherit=True), env)
    exec(compile(f"class K:\n{method}", m.f.__code__.co_filename, "exec", dont_inherit=True), env)
    m.f.__code__ = env["f"].__code__
    m.C.f.__code__ = env["K"].f.__code__
    assert find(m.f).node.lineno == 3
    assert text(m.C.f) == "return x * 4"


def test_edited_and_not_reloaded_text() -> None:
    # The source of one function given as that of another, with nothing but an operator changed.
    namespace: dict[str, Any] = {}
    exec(compile("def f(x): return x + 1", "<one>", "exec"), namespace)
    linecache.cache["<one>"] = (0, None, ["def f(x): return x - 1\n"], "<one>")
    with pytest.raises(DifferentiationError) as e:
        find(namespace["f"])
    del linecache.cache["<one>"]
    assert str(e.value) == (
        "s2sgrad cannot differentiate this: the source of `f` in <one> is not what was loaded: "
        "it was at line 1, and is not in the file any more\n"
        "  way out: load the module again (importlib.reload, %autoreload 2) or start Python again"
        "      (docs/errors.md#stale-source)"
    )


def test_without_a_source() -> None:
    namespace: dict[str, Any] = {}
    exec("def f(x): return x", namespace)
    with pytest.raises(DifferentiationError) as e:
        find(namespace["f"])
    assert str(e.value) == (
        "s2sgrad cannot differentiate this: the source of `f` cannot be read: it comes from "
        "'<string>', which is no file\n"
        "  way out: put the function in a .py file or a notebook cell\n"
        "           (the `>>>` prompt, exec() and %%time leave no text behind)"
        "      (docs/errors.md#no-source)"
    )


def test_what_is_not_written_in_python() -> None:
    for fun in (len, functools.partial(len)):
        with pytest.raises(DifferentiationError, match="is not written in Python"):
            find(fun)


CELLS = ["<ipython-input-3-abc>", f"{os.sep}tmp{os.sep}ipykernel_17{os.sep}42.py"]


@pytest.mark.parametrize("name", CELLS)
def test_notebook_cells(name: str) -> None:
    cell = "a, b = lambda x: x + 1, lambda x: x + 2\ndef f(x):\n    return x + 3\n"
    lines = cell.splitlines(keepends=True)
    linecache.cache[name] = (len(cell), None, lines, name)
    namespace: dict[str, Any] = {}
    exec(compile(cell, name, "exec"), namespace)
    assert [text(namespace[n]) for n in "abf"] == [
        "lambda x: x + 1",
        "lambda x: x + 2",
        "return x + 3",
    ]
    # An extension of IPython that rewrites the tree of a cell, here into a call of a tracer.
    exec(compile(cell.replace("x + 3", "print(x + 3)"), name, "exec"), namespace)
    assert text(namespace["f"]) == "return x + 3"
    exec(compile(cell.replace("x + 3", "x + 4"), name, "exec"), namespace)
    with pytest.raises(DifferentiationError):
        find(namespace["f"])
    del linecache.cache[name]


def test_a_cell_with_top_level_await() -> None:
    name = "<ipython-input-4-abc>"
    cell = "import asyncio\nf = lambda x: x + 1\nawait asyncio.sleep(0)\n"
    linecache.cache[name] = (len(cell), None, cell.splitlines(keepends=True), name)
    code = compile(cell, name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    body = next(c for c in code.co_consts if isinstance(c, types.CodeType))
    assert text(types.FunctionType(body, {})) == "lambda x: x + 1"
    del linecache.cache[name]


def test_in_a_doctest() -> None:
    example = """
    >>> def f(x):
    ...     return x + 1
    >>> g, h = lambda x: x + 2, lambda x: x + 3
    >>> text(f), text(g), text(h)
    ('return x + 1', 'lambda x: x + 2', 'lambda x: x + 3')
    """
    globs = {"text": text, "annotations": annotations}  # brings the future statement with it
    test = doctest.DocTestParser().get_doctest(example, globs, "example", None, 0)
    assert doctest.DocTestRunner().run(test).failed == 0


def test_a_warning_in_the_text_is_not_raised_again(load: Load) -> None:
    with pytest.warns((DeprecationWarning, SyntaxWarning), match="invalid escape"):
        m = load(r"def f(x): return '\d', x")
    assert text(m.f) == r"return ('\\d', x)"


def test_from_a_zip_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import zipfile

    with zipfile.ZipFile(tmp_path / "z.zip", "w") as z:
        z.writestr("zipped_subject.py", "def f(x): return x + 1\n")
    monkeypatch.syspath_prepend(tmp_path / "z.zip")
    m = importlib.import_module("zipped_subject")
    assert text(m.f) == "return x + 1"
    del sys.modules["zipped_subject"]


def test_from_several_threads(load: Load) -> None:
    m = load("\n".join(f"def f{i}(x): return x + {i}" for i in range(50)))
    funs = [getattr(m, f"f{i}") for i in range(50)] * 4
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(text, funs))
    assert found == [f"return x + {i}" for i in range(50)] * 4


def test_spans_of_a_found_function(load: Load) -> None:
    found = find(load("\ndef f(x):\n    return x + 1").f)
    assert isinstance(found.node, ast.FunctionDef)
    span = found.span(found.node.body[0])
    assert (span.line, span.col, span.end_line, span.end_col) == (3, 4, 3, 16)
    assert Path(span.file).name == "subject.py"
