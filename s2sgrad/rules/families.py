"""Importing this module registers every family of rules."""

import operator

import numpy as np

from s2sgrad.rules import (  # noqa: F401
    arithmetic,
    constant,
    elementwise,
    products,
    reductions,
    shaping,
)
from s2sgrad.rules.registry import RULES, alias, canonical

for _op, _target in (
    (operator.matmul, np.matmul),
    (np.linalg.matmul, np.matmul),
):
    if canonical(_op) not in RULES:
        alias(_op, _target)
