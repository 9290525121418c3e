"""The text of errors, letter by letter."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from s2sgrad.errors import DifferentiationError, InternalError, Refusal, S2SGradError
from s2sgrad.ir.span import Span

MODEL = """\
import numpy as np


def model(x):
    y = x.reshape(-1)

    x[0] = 0.0
    α = x; β = α[0]
\tz = y
    return np.sum(
        y,
        axis=0,
    )
"""


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    file = tmp_path / "model.py"
    file.write_text(MODEL, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return str(file)


def at(file: str, line: int, col: int, end_col: int, end_line: int | None = None) -> Span:
    return Span(file, line, col, end_line or line, end_col)


def view(file: str) -> Refusal:
    return Refusal(
        "`y` may be a view of `x`, and `x` is written later",
        at(file, 7, 4, 14),
        "y = x.reshape(-1).copy()",
        notes=((at(file, 5, 8, 21), "may or may not share memory with x"),),
        anchor="maybe-view",
    )


def lines(error: S2SGradError) -> list[str]:
    return str(error).splitlines()


def test_refusal_with_a_note(model: str) -> None:
    assert lines(DifferentiationError(view(model))) == [
        "s2sgrad cannot differentiate this: `y` may be a view of `x`, and `x` is written later",
        "  model.py:7:5",
        "    5 |     y = x.reshape(-1)",
        "      |         ------------- may or may not share memory with x",
        "    7 |     x[0] = 0.0",
        "      |     ^^^^^^^^^^",
        "  way out: y = x.reshape(-1).copy()      (docs/errors.md#maybe-view)",
    ]


def test_several_refusals_come_in_the_order_of_the_source_and_once(model: str) -> None:
    nowhere = Refusal("no source", None)
    first = Refusal("a reshape", at(model, 5, 8, 21), anchor="reshape")
    error = DifferentiationError(nowhere, view(model), first, view(model))
    assert error.refusals == (first, view(model), nowhere)
    assert lines(error) == [
        "s2sgrad cannot differentiate this, for 3 reasons",
        "",
        "(1) a reshape",
        "  model.py:5:9",
        "    5 |     y = x.reshape(-1)",
        "      |         ^^^^^^^^^^^^^",
        "  see docs/errors.md#reshape",
        "",
        "(2) `y` may be a view of `x`, and `x` is written later",
        *lines(DifferentiationError(view(model)))[1:],
        "",
        "(3) no source",
    ]


def test_two_marks_on_one_line(model: str) -> None:
    note = (at(model, 7, 11, 14), "this value")
    error = DifferentiationError(Refusal("a write", at(model, 7, 4, 8), notes=(note,)))
    assert lines(error)[1:] == [
        "  model.py:7:5",
        "    7 |     x[0] = 0.0",
        "      |     ^^^^",
        "      |            --- this value",
    ]


def test_columns_are_characters_though_ast_counts_bytes(model: str) -> None:
    text = MODEL.splitlines()[7]
    start, end = (len(text[: text.index(s)].encode()) for s in ("α[", "[0]"))
    assert lines(DifferentiationError(Refusal("Greek", at(model, 8, start, end))))[1:] == [
        "  model.py:8:16",
        "    8 |     α = x; β = α[0]",
        "      |                ^",
    ]


def test_wide_characters_take_two_cells(tmp_path: Path) -> None:
    file = tmp_path / "wide.py"
    file.write_text("s = '微分'; x = y\n", encoding="utf-8")
    text = file.read_text(encoding="utf-8")
    col = len(text[: text.index("x")].encode())
    assert lines(DifferentiationError(Refusal("m", at(str(file), 1, col, col + 5))))[-1] == (
        "      |             ^^^^^"
    )


def test_tabs_are_expanded(model: str) -> None:
    assert lines(DifferentiationError(Refusal("a tab", at(model, 9, 1, 6))))[1:] == [
        "  model.py:9:2",
        "    9 |     z = y",
        "      |     ^^^^^",
    ]


def test_a_range_of_several_lines(model: str) -> None:
    assert lines(DifferentiationError(Refusal("long", at(model, 10, 11, 5, 13))))[1:] == [
        "  model.py:10:12",
        "   10 |     return np.sum(",
        "      |            ^^^^^^^",
        "   11 |         y,",
        "      |         ^^",
        "   12 |         axis=0,",
        "      |         ^^^^^^^ ...",
    ]


def test_a_note_in_another_file(model: str, tmp_path: Path) -> None:
    other = tmp_path / "other.py"
    other.write_text("w = 1\n")
    note = (at(str(other), 1, 0, 1), "bound here")
    error = DifferentiationError(Refusal("far", at(model, 7, 4, 5), notes=(note,)))
    assert lines(error)[1:] == [
        "  model.py:7:5",
        "    7 |     x[0] = 0.0",
        "      |     ^",
        "  other.py:1:1",
        "    1 | w = 1",
        "      | - bound here",
    ]


def test_without_source_the_places_remain() -> None:
    gone = Span("<gone>", 3, 4, 3, 9)
    note = (Span("<gone>", 2, 0, 2, 1), "because of this")
    error = DifferentiationError(Refusal("lost", gone, "a\nb", notes=(note,), anchor="lost"))
    assert lines(error) == [
        "s2sgrad cannot differentiate this: lost",
        "  <gone>:3:5",
        "  <gone>:2:1: because of this",
        "  way out: a",
        "           b      (docs/errors.md#lost)",
    ]


def test_a_file_elsewhere_keeps_its_whole_path(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    below = tmp_path / "below"
    below.mkdir()
    monkeypatch.chdir(below)
    error = DifferentiationError(Refusal("m", at(model, 7, 4, 5)))
    assert lines(error)[1] == f"  {model}:7:5"


def test_the_text_is_fixed_when_raised(model: str) -> None:
    error = DifferentiationError(view(model))
    before = str(error)
    Path(model).unlink()
    assert str(error) == before
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == before
    assert again.refusals == error.refusals


def test_an_error_without_a_refusal_is_a_mistake() -> None:
    with pytest.raises(TypeError, match="at least one"):
        DifferentiationError()


def test_internal_error(model: str) -> None:
    ir = "\n".join(f"%{i} = add %x %y" for i in range(20))
    error = InternalError("reverse", "%9 is bound twice", ir, 9, at(model, 7, 4, 14))
    assert isinstance(error, S2SGradError)
    assert lines(error) == [
        "a bug in s2sgrad, not in your program: %9 is bound twice",
        "  in the pass `reverse`",
        "  while it worked on",
        "  model.py:7:5",
        "    7 |     x[0] = 0.0",
        "      |     ^^^^^^^^^^",
        "  IR around it:",
        "      ...",
        *(f"      %{i} = add %x %y" for i in range(3, 9)),
        "    > %9 = add %x %y",
        *(f"      %{i} = add %x %y" for i in range(10, 16)),
        "      ...",
        "  please report it: send this whole text and the function that was differentiated",
        "  (README.md, section 'Reporting a bug')",
    ]
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_internal_error_without_details() -> None:
    assert lines(InternalError("order", "no order"))[:3] == [
        "a bug in s2sgrad, not in your program: no order",
        "  in the pass `order`",
        "  please report it: send this whole text and the function that was differentiated",
    ]
