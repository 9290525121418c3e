"""Programs that are refused, each with the whole text of its error.

A file of `errors/` holds a program, a line of dashes, and what its last statement raises; one of
`errors/command_line/` is a program of which `s2sgrad transpile` cannot write the derivative.  It is
named after the section of docs/errors.md that the error leads to; `list-pop` is one more of `list`.
"""

from __future__ import annotations

import contextlib
import linecache
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from s2sgrad.errors import DifferentiationError
from s2sgrad.transpile import Options, transpile
from tests.goldens.golden import HERE

RULER = "-" * 40 + "\n"
FILE = "program.py"


class NotRefused(AssertionError):
    """A program has a derivative, or an error of another kind: its file is out of date."""


@dataclass(frozen=True)
class Refused:
    """A program that is refused, by the name of its file."""

    file: Path

    @property
    def name(self) -> str:
        return self.file.stem

    @property
    def program(self) -> str:
        return self.file.read_text(encoding="utf-8").partition(RULER)[0]

    def text(self) -> str:
        """The program and its error as it is now."""
        with in_a_folder() as folder:
            Path(FILE).write_text(self.program, encoding="utf-8")
            linecache.checkcache(FILE)
            try:
                self.run()
            except DifferentiationError as e:
                return f"{self.program}{RULER}{e}\n".replace(f"{folder}/", "").replace(
                    folder, "FOLDER"
                )
            finally:
                linecache.cache.pop(FILE, None)
        raise NotRefused(f"{self.name} is not refused any more")

    def run(self) -> None:
        """Run the program, or transpile it."""
        if self.file.parent.name == "command_line":
            for error in transpile(Path(FILE), Options(), "s2sgrad transpile").refused.values():
                raise error
        else:
            space: dict[str, Any] = {"__file__": FILE, "__name__": "program"}
            exec(compile(self.program, FILE, "exec", dont_inherit=True), space)


@contextlib.contextmanager
def in_a_folder() -> Iterator[str]:
    """A working directory of its own."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        yield folder


REFUSED = [Refused(f) for f in sorted((HERE / "errors").rglob("*.txt"))]
