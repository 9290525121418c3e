"""Rewrites the goldens, and says which have changed.

    python -m tests.goldens.update [NAME ...]

Read the difference (`git diff tests/goldens`) before it is committed: it is what the change did.
"""

from __future__ import annotations

import statistics
import sys
from pathlib import Path

from tests.goldens.golden import Golden
from tests.goldens.programs import GOLDENS, TYPED
from tests.goldens.refusals import REFUSED, NotRefused, Refused
from tests.goldens.stages import STAGES, Stage


def write(file: Path, text: str) -> bool:
    """Write the text; has it changed?"""
    if file.exists() and file.read_text(encoding="utf-8") == text:
        return False
    file.parent.mkdir(exist_ok=True)
    file.write_text(text, encoding="utf-8", newline="\n")
    return True


def main(names: list[str]) -> None:
    """Rewrite those of these names, or all."""
    kept: list[Golden | Stage | Refused] = [*GOLDENS, *STAGES, *REFUSED]
    chosen = [g for g in kept if not names or g.name in names]
    changed, gone = [], []
    for g in chosen:
        try:
            changed += [g.name] * write(g.file, g.text())
        except NotRefused as e:
            gone.append(str(e))
    if not names:
        known = {g.file for g in kept}
        for file in sorted({f for g in kept for f in g.file.parent.glob("*.txt")} - known):
            file.unlink()
            changed.append(f"{file.stem} (removed)")
    if gone:
        print(f"delete or mend tests/goldens/errors: {'; '.join(gone)}")
    print(f"{len(chosen)} goldens, {len(changed)} changed: {', '.join(changed) or 'none'}")
    ratio = statistics.median(g.ratio(g.file.read_text(encoding="utf-8")) for g in TYPED)
    print(f"median of emitted over primal statements: {ratio:.2f}")


if __name__ == "__main__":
    main(sys.argv[1:])
