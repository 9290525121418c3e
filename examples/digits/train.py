"""Handwritten digits with a network in plain NumPy: python examples/digits/train.py

The networks (`network.py`) know of no derivatives.  The gradient of `cost`, for SciPy, stands in
`network_grad.py`, which s2sgrad wrote and which imports NumPy alone; that of `loss`, for gradient
descent, is made here.  `by_hand.py` is what it replaces.
"""

import time

import network
import numpy as np
from network_grad import cost_value_and_grad
from scipy.optimize import minimize
from sklearn.datasets import load_digits

from s2sgrad import grad


def data(seed=0):
    """The UCI digits that scikit-learn ships, 1437 to learn from and 360 to be asked about."""
    digits = load_digits()
    order = np.random.default_rng(seed).permutation(len(digits.target))
    X, labels = digits.data[order] / 16.0, digits.target[order]
    return X[:1437], labels[:1437], X[1437:], labels[1437:]


def by_minimize(X, labels, hidden=64, lam=0.3, seed=0):
    """All parameters in one vector, and SciPy's L-BFGS."""
    Y = np.eye(10)[labels]
    n = hidden * (X.shape[1] + 1) + 10 * (hidden + 1)
    theta = np.random.default_rng(seed).uniform(-0.2, 0.2, n)
    found = minimize(
        cost_value_and_grad, theta, (X, Y, hidden, lam), "L-BFGS-B", jac=True,
        options={"maxiter": 200},
    )  # fmt: skip
    return found.x, found.nit


def answers(theta, X, hidden=64):
    """What the network of `network.cost` takes the pictures for."""
    split = hidden * (X.shape[1] + 1)
    W1, W2 = theta[:split].reshape(hidden, -1), theta[split:].reshape(10, -1)
    a2 = network.sigmoid(W1[:, 0] + X @ W1[:, 1:].T)
    return np.argmax(W2[:, 0] + a2 @ W2[:, 1:].T, axis=1)


def by_sgd(X, labels, hidden=64, lam=1e-4, rate=0.5, epochs=60, batch=32, seed=0):
    """A dict of parameters, and plain stochastic gradient descent."""
    rng = np.random.default_rng(seed)
    Y = np.eye(10)[labels]
    p = {
        "W1": rng.normal(0.0, X.shape[1] ** -0.5, (X.shape[1], hidden)),
        "b1": np.zeros(hidden),
        "W2": rng.normal(0.0, hidden**-0.5, (hidden, 10)),
        "b2": np.zeros(10),
    }
    gradient = grad(network.loss)
    for _ in range(epochs):
        order = rng.permutation(len(X))
        for start in range(0, len(X), batch):
            rows = order[start : start + batch]
            g = gradient(p, X[rows], Y[rows], lam)
            for name in p:
                p[name] -= rate * g[name]
    return p


def main():
    X, labels, X_test, labels_test = data()
    start = time.perf_counter()
    theta, turns = by_minimize(X, labels)
    right = np.mean(answers(theta, X_test) == labels_test)
    print(f"minimize: {turns} iterations, {time.perf_counter() - start:.1f} s, {right:.1%} right")
    start = time.perf_counter()
    p = by_sgd(X, labels)
    z = np.tanh(X_test @ p["W1"] + p["b1"]) @ p["W2"] + p["b2"]
    right = np.mean(np.argmax(z, axis=1) == labels_test)
    print(f"SGD: 60 epochs, {time.perf_counter() - start:.1f} s, {right:.1%} right")


if __name__ == "__main__":
    main()
