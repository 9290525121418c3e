"""Programs over containers, objects and lists, whose emitted code is kept as goldens."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
# Programs of users are not annotated.

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from tests.goldens.golden import Golden

R = np.random.default_rng(22)


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def dict_mlp(p, X, y):
    h = np.tanh(X @ p["W1"] + p["b1"])
    return np.mean((h @ p["W2"] + p["b2"] - y) ** 2)


def layers(params, X, y):
    h = X
    for W, b in params[:-1]:
        h = np.maximum(h @ W + b, 0.0)
    W, b = params[-1]
    return np.sum((h @ W + b - y) ** 2)


@dataclass
class Line:
    slope: float
    offset: float
    name: str = "line"


def line_loss(line, x, y):
    return np.mean((line.slope * x + line.offset - y) ** 2)


class Gru(NamedTuple):
    Wz: Any
    Wh: Any
    b: Any


def gru(p, X, h):
    for x in X:
        xh = np.concatenate([x, h])
        z = sigmoid(p.Wz @ xh)
        h = (1.0 - z) * h + z * np.tanh(p.Wh @ xh + p.b)
    return np.sum(h * h)


class Model:
    """A class as people write it."""

    def __init__(self, w, scale):
        self.w = w
        self.scale = scale

    def predict(self, X):
        return self.scale * np.tanh(X @ self.w)


def model_loss(model, X, y):
    r = model.predict(X) - y
    return r @ r


def settings(p, x):
    s = 0.0
    for name, w in p["weights"].items():
        if name == "bias":
            s = s + w
        else:
            s = s + w * np.sum(x**2)
    return s * p["scale"]


def outputs(W, U, X, h):
    outputs = []
    for x in X:
        h = np.tanh(W @ h + U @ x)
        outputs.append(h)
    return np.sum(np.stack(outputs) ** 2)


def running_mean(x):
    means = []
    total = 0.0
    for i in range(len(x)):
        total = total + x[i] ** 2
        means.append(total / (i + 1))
    return sum(means)


def comprehension(ws, x):
    return sum([w * x**k for k, w in enumerate(ws)])


def states(X, W):
    hs = [X[0]]
    for t in range(1, X.shape[0]):
        hs.append(np.tanh(W @ hs[t - 1] + X[t]))
    return np.sum(hs[-1] * hs[0])


def mat(*shape):
    return R.uniform(-1.0, 1.0, shape)


_P = {"W1": mat(3, 4), "b1": mat(4), "W2": mat(4, 2), "b2": mat(2)}
_LAYERS = [(mat(3, 4), mat(4)), (mat(4, 4), mat(4)), (mat(4, 2), mat(2))]
_GRU = Gru(mat(3, 5), mat(3, 5), mat(3))
_SETTINGS = {"weights": {"a": 0.5, "bias": 0.25, "c": -0.5}, "scale": 2.0, "name": "s"}
GOLDENS = [
    Golden(dict_mlp, (_P, mat(5, 3), mat(5, 2))),
    Golden(layers, (_LAYERS, mat(5, 3), mat(5, 2))),
    Golden(line_loss, (Line(0.5, -0.25), mat(6), mat(6))),
    Golden(gru, (_GRU, mat(4, 2), mat(3)), (0, 2)),
    Golden(model_loss, (Model(mat(3), 1.5), mat(6, 3), mat(6))),
    Golden(settings, (_SETTINGS, mat(4))),
    Golden(outputs, (mat(3, 3), mat(3, 2), mat(4, 2), mat(3)), (0, 1, 3)),
    Golden(running_mean, (mat(5),)),
    Golden(comprehension, ([0.5, -0.25, 1.5], 0.7), (0, 1)),
    Golden(states, (mat(4, 3), mat(3, 3)), (0, 1)),
]
