"""A two-layer network in plain NumPy, and what it costs.  Nothing here knows of s2sgrad."""

import numpy as np


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


def cost(theta, X, Y, hidden, lam):
    """Regularised cross-entropy of sigmoid units; all parameters are in one vector `theta`.

    `X` is (m, n), one picture a row, `Y` is (m, k), one row of the identity each.  `theta` holds
    W1 (hidden, n + 1) and W2 (k, hidden + 1), unrolled, with the biases in column 0.
    """
    m, n = X.shape
    k = Y.shape[1]
    split = hidden * (n + 1)
    W1 = theta[:split].reshape(hidden, n + 1)
    W2 = theta[split:].reshape(k, hidden + 1)
    ones = np.ones((m, 1))

    a1 = np.hstack([ones, X])
    a2 = np.hstack([ones, sigmoid(a1 @ W1.T)])
    a3 = sigmoid(a2 @ W2.T)

    J = -np.sum(Y * np.log(a3) + (1.0 - Y) * np.log(1.0 - a3)) / m
    decay = np.sum(W1[:, 1:] ** 2) + np.sum(W2[:, 1:] ** 2)
    return J + lam / (2.0 * m) * decay


def loss(params, X, Y, lam):
    """Softmax cross-entropy of a network whose parameters are a dict of arrays."""
    h = np.tanh(X @ params["W1"] + params["b1"])
    z = h @ params["W2"] + params["b2"]
    z = z - np.max(z, axis=1, keepdims=True)
    log_p = z - np.log(np.sum(np.exp(z), axis=1, keepdims=True))
    decay = np.sum(params["W1"] ** 2) + np.sum(params["W2"] ** 2)
    return -np.mean(np.sum(Y * log_p, axis=1)) + 0.5 * lam * decay
