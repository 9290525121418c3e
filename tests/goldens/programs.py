"""All goldens of emitted code."""

from __future__ import annotations

from tests.goldens import arrays, containers

GOLDENS = [*arrays.GOLDENS, *containers.GOLDENS]
