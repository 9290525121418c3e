"""`find` where a fresh Python is needed: scripts, `-c`, no column tables."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import textwrap
from pathlib import Path


def test_a_script_after_a_change_of_directory(tmp_path: Path) -> None:
    code = """
        import ast, os
        from s2sgrad.front.source import find
        def f(x): return x + 1
        os.chdir("/")
        print(ast.unparse(find(f).node.body[0]))
    """
    (tmp_path / "script.py").write_text(textwrap.dedent(code))
    run = python("script.py", cwd=tmp_path)
    assert run.stdout == "return x + 1\n", run.stderr


def test_without_columns(tmp_path: Path) -> None:
    code = """
        from s2sgrad.front.source import find
        import ast
        a, b, c, d = lambda x: x, lambda x: x, lambda x, y=lambda: 1: x * 2, lambda x: x * 2.0
        print(*(ast.unparse(find(f).node) for f in (a, b, c, d)), sep="; ")
        def closed(x):
            return lambda: x + 1, lambda: x + 2
        try:
            find(closed(1)[0])
        except Exception as e:
            print(e)
    """
    (tmp_path / "script.py").write_text(textwrap.dedent(code))
    run = python("-Xno_debug_ranges", "script.py", cwd=tmp_path)
    first = "lambda x: x; lambda x: x; lambda x, y=lambda: 1: x * 2; lambda x: x * 2.0"
    assert run.stdout.splitlines()[0] == first, run.stderr
    assert "put each lambda on a line of its own" in run.stdout, run.stderr


def test_typed_on_the_command_line() -> None:
    code = """
from s2sgrad.front.source import find
exec("def f(x): return x")
try:
    find(f)
except Exception as e:
    print(e)
"""
    run = python("-c", code)
    assert "cannot be read" in run.stdout, run.stderr


def python(*args: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    spec = importlib.util.find_spec("s2sgrad")
    assert spec is not None
    assert spec.origin is not None
    env = dict(os.environ, PYTHONPATH=str(Path(spec.origin).parents[1]))
    command = [sys.executable, *args]
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
