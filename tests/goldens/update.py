"""Rewrites the goldens, and says which have changed.

    python -m tests.goldens.update [NAME ...]

Read the difference (`git diff tests/goldens`) before it is committed: it is what the change did.
"""

from __future__ import annotations

import statistics
import sys
from pathlib import Path

from tests.goldens.programs import GOLDENS


def write(file: Path, text: str) -> bool:
    """Write the text; has it changed?"""
    if file.exists() and file.read_text(encoding="utf-8") == text:
        return False
    file.parent.mkdir(exist_ok=True)
    file.write_text(text, encoding="utf-8", newline="\n")
    return True


def main(names: list[str]) -> None:
    """Rewrite those of these names, or all."""
    texts = {g: g.source() for g in GOLDENS if not names or g.name in names}
    changed = [g.name for g, text in texts.items() if write(g.file, text)]
    if not names:
        known = {g.file for g in GOLDENS}
        for file in {f for g in GOLDENS for f in g.file.parent.glob("*.txt")} - known:
            file.unlink()
            changed.append(f"{file.stem} (removed)")
    print(f"{len(texts)} goldens, {len(changed)} changed: {', '.join(changed) or 'none'}")
    ratio = statistics.median(g.ratio(text) for g, text in texts.items())
    print(f"median of emitted over primal statements: {ratio:.2f}")


if __name__ == "__main__":
    main(sys.argv[1:])
