"""Logistic regression in plain NumPy, trained by gradient descent: python examples/quickstart.py"""

import numpy as np

from s2sgrad import value_and_grad


def loss(w, X, y):
    """Mean cross-entropy of labels `y` in {0, 1}, and a little weight decay."""
    z = X @ w
    return np.mean(np.logaddexp(0.0, z) - y * z) + 0.001 * np.sum(w**2)


def main():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    y = (X @ np.array([2.0, -1.0, 0.5]) + 0.3 * rng.normal(size=200) > 0).astype(float)

    loss_and_gradient = value_and_grad(loss)  # in the first argument, `w`
    w = np.zeros(3)
    for step in range(101):
        value, w_bar = loss_and_gradient(w, X, y)
        if step == 0:
            print(loss_and_gradient.source)
        if step % 20 == 0:
            print(f"step {step:3d}   loss {value:.4f}")
        w = w - 1.0 * w_bar
    print("w =", np.round(w, 2), f"  accuracy {np.mean((X @ w > 0) == y):.3f}")


if __name__ == "__main__":
    main()
