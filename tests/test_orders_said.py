"""What the command line says of orders of elimination."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.elimination import multiplications
from s2sgrad import cli

TEXT = """
import math
import numpy as np


def polar(r: float, phi: float, z: float):
    x = r * math.cos(phi)
    y = r * math.sin(phi)
    d = math.sqrt(x * x + y * y + z * z)
    return x / d, y / d, z / d


def crossed(x):
    return np.array([x[0] * x[1], np.sin(x[2]) * x[0]])
"""


@pytest.fixture(name="file")
def _file(tmp_path: Path) -> Path:
    file = tmp_path / "model.py"
    file.write_text(TEXT, encoding="utf-8")
    return file


def said(capsys: pytest.CaptureFixture[str], *args: str) -> str:
    assert cli.main(list(args)) == 0
    return capsys.readouterr().out


def test_explain_has_a_column_for_each_order(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where, wrt = f"{file}::polar", ("--wrt", "r,phi,z")
    table = said(capsys, "explain", where, "--what", "jacobian", *wrt)
    shown = said(capsys, "show", where, "--what", "jacobian", *wrt)
    row = re.search(r"multiplications( +\d+){4}\n", table)
    assert row is not None
    assert "forward    reverse  markowitz     chosen" in table
    assert int(row[1]) == multiplications(shown)
    assert f"vertex elimination: {row[1].strip()} multiplications (forward" in shown
    space: dict[str, Any] = {}
    exec(shown, space)
    r, phi, z, h = 1.5, 0.4, 0.8, 1e-6
    rows = space["polar_jacobian"](r, phi, z)
    at: list[Any] = [
        lambda e: (r + e, phi, z),
        lambda e: (r, phi + e, z),
        lambda e: (r, phi, z + e),
    ]
    exec(TEXT, space)
    for k, moved in enumerate(at):
        up, down = (np.array(space["polar"](*moved(e))) for e in (h, -h))
        np.testing.assert_allclose([row[k] for row in rows], (up - down) / (2 * h), rtol=1e-8)


def test_the_graph_is_numbered_as_it_is_eliminated(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dot = said(capsys, "graph", f"{file}::polar", "--order", "--wrt", "r,phi,z")
    numbers = [int(n) for n in re.findall(r'label="(\d+)\. ', dot)]
    assert sorted(numbers) == list(range(1, 6))
    assert re.search(r'"\d\. d = sqrt\(', dot)
    assert re.search(r'-> v\d+ \[label="0\.5 / d"\]', dot), "local partials on the edges"
    picture = file.with_suffix(".svg")
    assert said(capsys, "graph", f"{file}::polar", "--order", "-o", str(picture)) == ""
    assert picture.read_text(encoding="utf-8").startswith("<svg")
    types = "crossed(x: Float[3])"
    assert "result 1" in said(capsys, "graph", f"{file}::crossed", "--order", "--types", types)


def test_nothing_is_eliminated_where_shapes_are_open(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["graph", f"{file}::crossed", "--order"]) == 1
    assert "the types of all arguments must be exact" in capsys.readouterr().err
