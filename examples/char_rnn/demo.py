"""A recurrent network learns a text by heart: python examples/char_rnn/demo.py

The gradient that s2sgrad wrote is compared with the one by hand, both are timed, and then the
network is trained with it (Adagrad) and asked to write.
"""

import statistics
import time

import numpy as np
from rnn import by_hand, loss

from s2sgrad import value_and_grad

TEXT = (
    "a gradient is a program that was written by another program. it runs the first one forward, "
    "keeps what it will need, and walks the way back, one line at a time, from the last to the "
    "first. what was added is shared, what was multiplied is swapped, and what was lost is zero. "
)
CHARS = sorted(set(TEXT))


def parameters(hidden, seed=0):
    """Small random weights, biases of zero."""
    rng, v = np.random.default_rng(seed), len(CHARS)
    shapes = [(hidden, v), (hidden, hidden), (v, hidden)]
    weights = [0.01 * rng.standard_normal(s) for s in shapes]
    return (*weights, np.zeros((hidden, 1)), np.zeros((v, 1)))


def piece(start, steps):
    """Characters of the text as numbers, and those that follow them."""
    numbers = np.array([CHARS.index(TEXT[k % len(TEXT)]) for k in range(start, start + steps + 1)])
    return numbers[:-1], numbers[1:]


def compare(hidden=100, steps=25, rounds=40):
    """The largest relative difference of the two gradients, and the times of both in turn."""
    params, state = parameters(hidden), np.zeros((hidden, 1))
    args = (params, *piece(0, steps), state)
    ours = value_and_grad(loss, has_aux=True)
    pairs = zip(ours(*args)[1], by_hand(*args)[1])
    difference = max(np.max(np.abs(a - b)) / np.max(np.abs(b)) for a, b in pairs)
    times = ([], [])
    for _ in range(rounds):
        for run, kept in zip((ours, by_hand), times):
            start = time.perf_counter()
            run(*args)
            kept.append(time.perf_counter() - start)
    return difference, *map(statistics.median, times)


def train(hidden=100, steps=25, epochs=150, rate=0.1):
    """The parameters after so many walks through the text."""
    params = parameters(hidden)
    squares = [np.zeros_like(p) for p in params]
    loss_and_gradient = value_and_grad(loss, has_aux=True)
    for epoch in range(epochs):
        state, total = np.zeros((hidden, 1)), 0.0
        for start in range(0, len(TEXT), steps):
            inputs, targets = piece(start, steps)
            (value, state), gradient = loss_and_gradient(params, inputs, targets, state)
            total += value
            for p, g, s in zip(params, gradient, squares):
                g = np.clip(g, -5.0, 5.0)
                s += g * g
                p -= rate * g / np.sqrt(s + 1e-8)
        if epoch % 30 == 0:
            print(f"epoch {epoch:3d}   loss a character {total / len(TEXT):.3f}")
    return params


def write(params, first="a", length=80):
    """What follows, each time the likeliest character."""
    Wxh, Whh, Why, bh, by = params
    h, text = np.zeros_like(bh), first
    for _ in range(length):
        k = CHARS.index(text[-1])
        h = np.tanh(Wxh[:, k : k + 1] + Whh @ h + bh)
        text += CHARS[int(np.argmax(Why @ h + by))]
    return text


def main():
    difference, ours, hand = compare()
    print(f"ours and by hand differ by {difference:.1e}")
    print(f"ours {1e3 * ours:.2f} ms, by hand {1e3 * hand:.2f} ms, ratio {ours / hand:.2f}")
    print(write(train()))


if __name__ == "__main__":
    main()
