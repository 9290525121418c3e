"""What `import s2sgrad` gives and loads."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import s2sgrad


def test_the_public_names_are_those_that_type_checkers_see() -> None:
    tree = ast.parse(Path(s2sgrad.__file__).read_text(encoding="utf-8"))
    checked = next(n for n in tree.body if isinstance(n, ast.If))
    seen = {a.name for n in checked.body if isinstance(n, ast.ImportFrom) for a in n.names}
    assert seen == set(s2sgrad.__all__)
    for name in s2sgrad.__all__:
        assert getattr(s2sgrad, name) is not None
    assert set(s2sgrad.__all__) <= set(dir(s2sgrad))
    with pytest.raises(AttributeError, match="no attribute 'gard'"):
        _ = s2sgrad.gard


def test_nothing_is_loaded_before_it_is_used() -> None:
    text = """
import sys, s2sgrad
assert not any(n.startswith("s2sgrad.") for n in sys.modules), "the compiler"
s2sgrad.grad
for name in ("sympy", "scipy", "astor", "s2sgrad.generic", "s2sgrad.commands"):
    assert name not in sys.modules, name
"""
    subprocess.run([sys.executable, "-c", text], check=True)
