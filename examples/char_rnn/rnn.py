"""A recurrent network over characters in plain NumPy, and its backward pass by hand."""

import numpy as np


def loss(params, inputs, targets, h):
    """The loss of a piece of text, and the state after it.

    `inputs` and `targets` hold the numbers of characters, `h` is the state before, of shape (H, 1).
    """
    Wxh, Whh, Why, bh, by = params
    hs, ps = [h], []
    total = 0.0
    for t in range(len(inputs)):
        x = np.zeros((Wxh.shape[1], 1))
        x[inputs[t]] = 1.0
        hs.append(np.tanh(Wxh @ x + Whh @ hs[t] + bh))
        y = Why @ hs[t + 1] + by
        ps.append(np.exp(y) / np.sum(np.exp(y)))
        total += -np.log(ps[t][targets[t], 0])
    return total, hs[-1]


def by_hand(params, inputs, targets, h):
    """`((loss, state), gradient)`, the backward pass as people have written it out many times."""
    Wxh, Whh, Why, bh, by = params
    xs, hs, ps = [], [h], []
    total = 0.0
    for t in range(len(inputs)):
        x = np.zeros((Wxh.shape[1], 1))
        x[inputs[t]] = 1.0
        xs.append(x)
        hs.append(np.tanh(Wxh @ x + Whh @ hs[t] + bh))
        y = Why @ hs[t + 1] + by
        ps.append(np.exp(y) / np.sum(np.exp(y)))
        total += -np.log(ps[t][targets[t], 0])

    dWxh, dWhh, dWhy = np.zeros_like(Wxh), np.zeros_like(Whh), np.zeros_like(Why)
    dbh, dby = np.zeros_like(bh), np.zeros_like(by)
    dh_next = np.zeros_like(h)
    for t in reversed(range(len(inputs))):
        dy = np.copy(ps[t])
        dy[targets[t]] -= 1.0  # softmax and cross-entropy together
        dWhy += dy @ hs[t + 1].T
        dby += dy
        dh = Why.T @ dy + dh_next
        draw = (1.0 - hs[t + 1] * hs[t + 1]) * dh  # through the tanh
        dbh += draw
        dWxh += draw @ xs[t].T
        dWhh += draw @ hs[t].T
        dh_next = Whh.T @ draw
    return (total, hs[-1]), (dWxh, dWhh, dWhy, dbh, dby)
