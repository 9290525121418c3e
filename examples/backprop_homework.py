"""Affine, batch normalisation, ReLU, softmax, as in a homework: examples/backprop_homework.py

The exercise is to derive the gradient of the normalisation over the batch on paper, with all that
the mean and the variance broadcast.  Here it is read instead.
"""

import numpy as np

from s2sgrad import check_grad, value_and_grad


def loss(W, gamma, beta, V, X, labels):
    """Softmax cross-entropy of `relu(batch_norm(X @ W)) @ V`."""
    z = X @ W
    mean = np.mean(z, axis=0)
    var = np.mean((z - mean) ** 2, axis=0)
    normed = gamma * (z - mean) / np.sqrt(var + 1e-5) + beta
    scores = np.maximum(normed, 0.0) @ V
    scores = scores - np.max(scores, axis=1, keepdims=True)
    log_p = scores - np.log(np.sum(np.exp(scores), axis=1, keepdims=True))
    return -np.mean(log_p[np.arange(len(labels)), labels])


def arguments(n=8, features=5, hidden=7, classes=3, seed=0):
    rng = np.random.default_rng(seed)
    normal = rng.standard_normal
    W, V = normal((features, hidden)), normal((hidden, classes))
    gamma, beta = 1.0 + 0.1 * normal(hidden), 0.1 * normal(hidden)
    return W, gamma, beta, V, normal((n, features)), rng.integers(0, classes, n)


def main():
    args = arguments()
    check_grad(loss, *args, wrt=("W", "gamma", "beta", "V"))
    f = value_and_grad(loss, wrt=("W", "gamma", "beta", "V"))
    f(*args)
    print(f.source[f.source.index("    # backward") :])
    print("agrees with central differences")


if __name__ == "__main__":
    main()
