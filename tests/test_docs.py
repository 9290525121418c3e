"""What the documents say is run: their `>>>` examples, and the quickstart."""

import doctest
import re
import subprocess
import sys
from pathlib import Path

import pytest

from s2sgrad.errors import DOCS

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def _examples(page: Path) -> str:
    """The page as doctest reads it: a fence ends an output, and an output may have empty lines."""
    inside, output = False, False
    lines: list[str] = []
    source = page.read_text(encoding="utf-8").splitlines()
    for k, line in enumerate(source):
        if line.startswith("```"):
            inside, output = not inside, False
            line = ""
        elif inside and line.startswith((">>> ", "... ")):
            output = True
        elif inside and output and not line:
            follows = source[k + 1]
            # Before a prompt or a fence an empty line is only air.
            line = "" if follows.startswith((">>> ", "```")) else "<BLANKLINE>"
        lines.append(line)
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_examples(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S2SGRAD_DEBUG", "verify")  # a page may set it otherwise
    test = doctest.DocTestParser().get_doctest(
        _examples(page), {"__name__": "__main__"}, page.name, str(page), 0
    )
    told: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.IGNORE_EXCEPTION_DETAIL)
    runner.run(test, out=told.append)
    assert not runner.failures, "".join(told)


def test_every_example_is_in_a_closed_fence() -> None:
    for page in PAGES:
        fences = re.findall(r"^```", page.read_text(encoding="utf-8"), re.M)
        assert len(fences) % 2 == 0, page


def test_every_anchor_has_an_entry() -> None:
    """`docs/errors.md#x` that an error prints leads somewhere."""
    text = (ROOT / DOCS).read_text(encoding="utf-8")
    entries = set(re.findall(r"^## (\S+)$", text, re.M))
    import s2sgrad

    package = Path(s2sgrad.__file__).parent
    used: set[str] = set()
    for file in package.rglob("*.py"):
        code = file.read_text(encoding="utf-8")
        used |= set(re.findall(r'anchor="([a-z-]+)"', code))
        # `refuse(node, message, way_out, "anchor")`: the last argument
        for call in re.findall(r"refuse\((.*?)\n\s*\)|refuse\((.*?)\)\n", code, re.S):
            last = re.search(r',\s*"([a-z-]+)",?\s*$', "".join(call))
            if last and " " not in last[1]:
                used.add(last[1])
    assert used
    assert used <= entries


def test_quickstart() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "quickstart.py")],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    losses = [float(x) for x in re.findall(r"loss (\d+\.\d+)", done.stdout)]
    assert "def loss_value_and_grad(w, X, y):" in done.stdout
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 0.5 * losses[0]
