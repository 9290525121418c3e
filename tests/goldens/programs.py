"""All goldens of emitted code."""

from __future__ import annotations

from tests.goldens import arrays, containers

TYPED = [*arrays.GOLDENS, *containers.GOLDENS]
# Also emitted before any call, for any number of axes.
ANY_TYPES = ("walk", "horner", "rosenbrock", "mlp", "heat", "rnn", "logistic")
GOLDENS = [*TYPED, *(g.as_generic() for g in TYPED if g.name in ANY_TYPES)]
