"""`s2sgrad graph`: writes the compute graph to a file."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from s2sgrad.errors import S2SGradError
from s2sgrad.picture import Drawn


def render(graph: Drawn, out: Path) -> None:
    """Write the graph as DOT, as SVG, or as another picture, which Graphviz makes.

    SVG is drawn by Graphviz where that is installed.  Raises `S2SGradError` where it is needed and
    not there, or fails.
    """
    if out.suffix == ".dot":
        out.write_text(graph.dot, encoding="utf-8")
        return
    program = shutil.which("dot")
    kind = out.suffix.lstrip(".") or "svg"
    if program is None and kind == "svg":
        out.write_text(graph.svg(), encoding="utf-8")
        return
    if program is None:
        raise S2SGradError(
            f"{out.name} needs Graphviz, which is not installed (apt install graphviz, "
            "brew install graphviz), or write a .svg or .dot file"
        )
    done = subprocess.run(
        [program, f"-T{kind}", "-o", str(out)], input=graph.dot, text=True, capture_output=True
    )
    if done.returncode:
        raise S2SGradError(f"Graphviz: {done.stderr.strip()}")
