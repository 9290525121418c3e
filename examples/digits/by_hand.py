"""The gradient of `network.cost`, derived by hand: the backward pass as a course teaches it."""

import numpy as np
from network import sigmoid


def cost_and_gradient(theta, X, Y, hidden, lam):
    """Forward, then the errors of the layers from the last to the first."""
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
    J += lam / (2.0 * m) * (np.sum(W1[:, 1:] ** 2) + np.sum(W2[:, 1:] ** 2))

    delta3 = a3 - Y
    delta2 = (delta3 @ W2)[:, 1:] * a2[:, 1:] * (1.0 - a2[:, 1:])
    grad1 = delta2.T @ a1 / m
    grad2 = delta3.T @ a2 / m
    grad1[:, 1:] += lam / m * W1[:, 1:]
    grad2[:, 1:] += lam / m * W2[:, 1:]
    return J, np.concatenate([grad1.ravel(), grad2.ravel()])
