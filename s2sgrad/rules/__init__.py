"""Derivative rules: importing the package fills the registry."""

from s2sgrad.rules import (
    arithmetic,
    constant,
    custom,
    elementwise,
    indexing,
    linalg,
    numeric,
    products,
    reductions,
    shaping,
    spectral,
)
from s2sgrad.rules.registry import CANONICAL, RULES, Rule, canonical, lookup, rule, zero

__all__ = [
    "CANONICAL", "RULES", "Rule", "arithmetic", "canonical", "constant", "custom", "elementwise",
    "indexing", "linalg", "lookup", "numeric", "products", "reductions", "rule", "shaping",
    "spectral", "zero",
]  # fmt: skip
