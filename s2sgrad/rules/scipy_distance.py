"""scipy.spatial.distance: distances of points."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.spatial.distance as sd

from s2sgrad.rules.registry import rule
from s2sgrad.rules.toolbox import call, safe_divide


@rule(sd.cdist)
def cdist(g: Any, out: Any, XA: Any, XB: Any, metric: str = "euclidean") -> Any:
    """Differences over the distance; 0 where two points are the same."""
    if metric == "cityblock":
        steps = g[:, :, None] * np.sign(XA[:, None] - XB)
        return np.sum(steps, axis=1), -np.sum(steps, axis=0)
    if metric not in ("euclidean", "sqeuclidean"):
        raise NotImplementedError(f"cdist has no rule for metric={metric!r}")
    weights = 2 * g if metric == "sqeuclidean" else safe_divide(g, out)
    ga = XA * np.sum(weights, axis=1)[:, None] - weights @ XB
    return ga, XB * np.sum(weights, axis=0)[:, None] - weights.T @ XA


@rule(sd.pdist)
def pdist(g: Any, out: Any, X: Any, metric: str = "euclidean") -> Any:
    """As `cdist` of the points with themselves, each pair once."""
    if metric not in ("euclidean", "sqeuclidean"):
        raise NotImplementedError(f"pdist has no rule for metric={metric!r}")
    pairs = 2 * g if metric == "sqeuclidean" else safe_divide(g, out)
    weights = call(sd.squareform, pairs)
    return X * np.sum(weights, axis=1)[:, None] - weights @ X


@rule(sd.squareform, linear=(0,))
def squareform(g: Any, out: Any, X: Any, force: str = "no", checks: bool = True) -> Any:
    """Between a vector of pairs and a symmetric matrix."""
    if np.ndim(X) == 1:
        return call(sd.squareform, g + g.T, checks=False)
    return 0.5 * call(sd.squareform, g)
