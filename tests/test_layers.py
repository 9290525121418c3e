"""The layers of docs/architecture.md: imports go down; files are small, and are on the map."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import s2sgrad

ROOT = Path(__file__).parents[1]
PACKAGE = Path(s2sgrad.__file__).parent  # installed or not
MOST = 450

# From the bottom to the top.  What stands on one line may not know of each other.
LAYERS = [
    {"ir"},
    {"errors"},
    {"rules"},
    {"front"},
    {"passes", "tree"},
    {"emit", "elimination"},
    {"request", "picture", "replay"},
    {"debug"},
    {"pipeline", "returned", "graph"},
    {"modes", "matrices"},
    {"straight", "structured"},
    {"compile"},
    {"generic", "callee", "lowered", "overlap"},
    {"transpile", "targets", "frozen"},
    {"commands", "admission"},
    {"guards"},
    {"dispatch"},
    {"derivative"},
    {"jacobians", "pullbacks"},
    {"api"},
    {"testing", "cli"},
    {"__init__", "__main__"},
]
HEIGHT = {name: k for k, layer in enumerate(LAYERS) for name in layer}
# Imports upwards, each with the reason why it is borne.
UPWARDS = {
    (
        "rules/helpers.py",
        "emit",
    ): "a helper's text names functions as the emitter does; in a method",
}
LONG = {
    "tests/array_programs.py": "a table of programs",
    "tests/array_programs_more.py": "a table of programs",
    "tests/container_aliases.py": "a table of programs",
    "tests/container_programs.py": "a table of programs",
    "tests/function_programs.py": "a table of programs",
    "tests/fuzz/control.py": "one generator of programs",
    "tests/fuzz/dual.py": "the oracle: dual numbers for every operation",
    "tests/fuzz/mutate.py": "one generator of programs",
    "tests/recursive_programs.py": "a table of programs",
    "tests/test_containers.py": "a table of programs",
}


def files(folder: Path) -> list[Path]:
    return sorted(f for f in folder.rglob("*.py") if "__pycache__" not in f.parts)


def part(name: str) -> str:
    """The part of the package that a module belongs to: a subpackage or a file at its top."""
    return [*name.split("."), "__init__"][1]


def imported(file: Path) -> Iterator[str]:
    """The parts of the package that a file imports, wherever it does."""
    for n in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(n, ast.ImportFrom) and n.level == 0 and n.module:
            if n.module == "s2sgrad":
                there = [a.name for a in n.names]
                yield from (name if name in HEIGHT else "__init__" for name in there)
            elif n.module.startswith("s2sgrad."):
                yield part(n.module)
        elif isinstance(n, ast.Import):
            yield from (part(a.name) for a in n.names if a.name.split(".")[0] == "s2sgrad")


def test_every_part_has_a_layer() -> None:
    there = {part("s2sgrad." + ".".join(f.relative_to(PACKAGE).parts)) for f in files(PACKAGE)}
    assert {name.removesuffix(".py") for name in there} == set(HEIGHT)


def test_imports_go_down() -> None:
    found: dict[tuple[str, str], str] = {}
    for file in files(PACKAGE):
        where = file.relative_to(PACKAGE)
        own = where.parts[0].removesuffix(".py")
        for other in imported(file):
            version = other == "__init__"  # the number, which every layer may print
            if other != own and not version and HEIGHT[other] >= HEIGHT[own]:
                found[where.as_posix(), other] = "not listed"
    assert set(found) == set(UPWARDS)


def test_no_relative_imports() -> None:
    """They would hide what is imported from whom."""
    for file in files(PACKAGE):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        assert not any(isinstance(n, ast.ImportFrom) and n.level for n in ast.walk(tree)), file


def test_files_are_small() -> None:
    long = {
        f.relative_to(folder.parent).as_posix()
        for folder in (PACKAGE, ROOT / "tests")
        for f in files(folder)
        if len(f.read_text(encoding="utf-8").splitlines()) > MOST
    }
    # Generated tables are as long as they are.
    assert {f for f in long if not Path(f).name.startswith("partials")} == set(LONG)


def test_every_file_is_on_the_map() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    words = {Path(w).name for w in re.findall(r"`([\w/*]+\.py)`", page)}
    stars = [w.replace("*", ".*") for w in words if "*" in w]
    missing = [
        f.relative_to(PACKAGE).as_posix()
        for f in files(PACKAGE)
        if f.name not in (*words, "__init__.py", "__main__.py")
        and not any(re.fullmatch(s, f.name) for s in stars)
    ]
    assert not missing, "no line in docs/architecture.md"
