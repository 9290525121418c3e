"""Derivative rules: importing the package fills the registry."""

from s2sgrad.rules import (
    arithmetic,
    constant,
    elementwise,
    fourier,
    grids,
    indexing,
    linalg,
    linalg_more,
    mathlib,
    nans,
    numeric,
    polynomials,
    products,
    reductions,
    selections,
    shaping,
    spectral,
    ufunc_methods,
)
from s2sgrad.rules.registry import CANONICAL, RULES, Rule, canonical, lookup, rule, zero

__all__ = [
    "CANONICAL", "RULES", "Rule", "arithmetic", "canonical", "constant", "elementwise", "fourier",
    "grids", "indexing", "linalg", "linalg_more", "lookup", "mathlib", "nans", "numeric",
    "polynomials", "products", "reductions", "rule", "selections", "shaping", "spectral",
    "ufunc_methods", "zero",
]  # fmt: skip
