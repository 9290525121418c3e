# Written by s2sgrad 0.1.0. Do not edit: run the command again.
#   s2sgrad transpile network.py -f cost --what value_and_grad --types 'cost(theta: Float[p], X: Float[m n], Y: Float[m k], hidden: int, lam: float)'
# input: sha256:5e3d8a5c25ecfdc802145350c740e1c2a77a017106e5b9c12653b32729339899

import numpy as np


def cost_value_and_grad(theta, X, Y, hidden, lam):
    """Value of `cost`, and its gradient in `theta`.

    Assumed, and checked: `theta`: float array [p]; `X`: float array [m n]; `Y`: float array
    [m k]; `hidden`: int number; `lam`: float number.
    """
    if (
        np.ndim(theta) != 1
        or np.result_type(theta).kind != 'f'
        or np.ndim(X) != 2
        or np.iscomplexobj(X)
        or np.ndim(Y) != 2
        or Y.shape[0] != X.shape[0]
        or np.iscomplexobj(Y)
        or np.ndim(lam) != 0
        or np.iscomplexobj(lam)
    ):
        raise TypeError(
            'cost_value_and_grad: `theta`: float array [p]; `X`: float array [m n]; `Y`: '
            'float array [m k]; `hidden`: int number; `lam`: float number'
        )
    # forward
    m = X.shape[0]
    n = X.shape[1]
    k = Y.shape[1]
    t = n + 1
    split = hidden * t
    W1 = np.reshape(theta[:split], (hidden, t))
    W2 = np.reshape(theta[split:], (k, hidden + 1))
    ones = np.ones((m, 1))
    a1 = np.hstack([ones, X])
    exp = np.exp(-(a1 @ W1.T))
    t1 = 1.0 / (1.0 + exp)
    a2 = np.hstack([ones, t1])
    exp1 = np.exp(-(a2 @ W2.T))
    a3 = 1.0 / (1.0 + exp1)
    t2 = 1.0 - Y
    t3 = 1.0 - a3
    J = -np.sum(Y * np.log(a3) + t2 * np.log(t3)) / m
    t4 = W1[:, 1:]
    t5 = W2[:, 1:]
    decay = np.sum(t4 * t4) + np.sum(t5 * t5)
    t6 = lam / (2.0 * m)
    # backward
    g = 2.0 * t6
    a3_bar = t2 / t3 / m - Y / a3 / m
    g1 = a3_bar * a3 * a3 * np.where(exp1 == np.inf, 0.0, exp1)
    W2_bar = g1.T @ a2
    W1_bar = ((g1 @ W2)[:, 1:] * t1 * t1 * np.where(exp == np.inf, 0.0, exp)).T @ a1
    W2_bar[:, 1:] += g * t5
    W1_bar[:, 1:] += g * t4
    theta_bar = np.concatenate([np.ravel(W1_bar), np.ravel(W2_bar)])
    return J + t6 * decay, theta_bar
