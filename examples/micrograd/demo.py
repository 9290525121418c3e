"""Two moons, told apart by a network of plain Python floats: python examples/micrograd/demo.py

What micrograd computes by recording every `+` and `*` in an object, once a number and once a step,
s2sgrad computes by one function of plain floats that it writes before the first step.
"""

import random
import time

import numpy as np
from nn import MLP, loss

from s2sgrad import tree, value_and_grad


def moons(n=100, noise=0.1, seed=1):
    """Points of two interleaved half circles, and their labels, -1 and 1."""
    rng = np.random.default_rng(seed)
    angles = np.pi * rng.random(n)
    upper = np.arange(n) % 2 == 0
    x = np.where(upper, np.cos(angles), 1.0 - np.cos(angles))
    y = np.where(upper, np.sin(angles), 0.5 - np.sin(angles))
    points = np.stack([x, y], axis=1) + noise * rng.standard_normal((n, 2))
    return points, np.where(upper, -1.0, 1.0)


def train(sizes=(2, 16, 16, 1), steps=60, n=100, show=True):
    """The network after gradient descent, and how many points are on their side."""
    xs, ys = moons(n)
    model = MLP(sizes, random.Random(1337))
    loss_and_gradient = value_and_grad(loss)  # in the model: an MLP whose numbers are derivatives
    for step in range(steps):
        value, gradient = loss_and_gradient(model, xs, ys)
        rate = 1.0 - 0.9 * step / steps
        model = tree.map(lambda p, g, rate=rate: p - rate * g, model, gradient)
        if show and step % 10 == 0:
            print(f"step {step:3d}   loss {float(value):.4f}")
    right = np.mean([model(x) * y > 0.0 for x, y in zip(xs, ys, strict=True)])
    return model, float(right)


if __name__ == "__main__":
    start = time.perf_counter()
    model, right = train()
    n = len(model.parameters())
    print(f"{n} parameters, {time.perf_counter() - start:.1f} s, {right:.0%} right")
