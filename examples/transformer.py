"""A transformer block in plain NumPy, in three arrangements: python examples/transformer.py"""

import numpy as np

from s2sgrad import check_grad, value_and_grad


def layer_norm(x, gain, bias):
    centred = x - np.mean(x, axis=-1, keepdims=True)
    return gain * centred / np.sqrt(np.mean(centred**2, axis=-1, keepdims=True) + 1e-5) + bias


def gelu(x):
    return 0.5 * x * (1.0 + np.tanh(0.7978845608028654 * (x + 0.044715 * x**3)))


def softmax(x):
    e = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


def attention(x, p, heads):
    """Causal, over (T, D)."""
    T, D = x.shape
    q, k, v = [
        (x @ w).reshape(T, heads, D // heads).transpose(1, 0, 2)
        for w in (p["Wq"], p["Wk"], p["Wv"])
    ]
    scores = q @ k.transpose(0, 2, 1) / np.sqrt(D // heads)
    scores = np.where(np.tri(T, dtype=bool), scores, -np.inf)
    return (softmax(scores) @ v).transpose(1, 0, 2).reshape(T, D) @ p["Wo"]


def mlp(x, p):
    return gelu(x @ p["W1"] + p["b1"]) @ p["W2"] + p["b2"]


def block(x, p, heads, order):
    """Normalise before, normalise after, or attention and MLP side by side."""
    if order == "pre":
        x = x + attention(layer_norm(x, p["g1"], p["c1"]), p, heads)
        return x + mlp(layer_norm(x, p["g2"], p["c2"]), p)
    if order == "post":
        x = layer_norm(x + attention(x, p, heads), p["g1"], p["c1"])
        return layer_norm(x + mlp(x, p), p["g2"], p["c2"])
    normed = layer_norm(x, p["g1"], p["c1"])
    return x + attention(normed, p, heads) + mlp(normed, p)


def loss(p, x, target, heads=2, order="pre"):
    return np.mean((block(x, p, heads, order) - target) ** 2)


def arguments(T=5, D=8, hidden=16, seed=0):
    normal = np.random.default_rng(seed).standard_normal
    p = {name: normal((D, D)) / np.sqrt(D) for name in ("Wq", "Wk", "Wv", "Wo")}
    p |= {"W1": normal((D, hidden)) / np.sqrt(D), "b1": 0.1 * normal(hidden)}
    p |= {"W2": normal((hidden, D)) / np.sqrt(hidden), "b2": 0.1 * normal(D)}
    p |= {name: 1.0 + 0.1 * normal(D) for name in ("g1", "g2")}
    p |= {name: 0.1 * normal(D) for name in ("c1", "c2")}
    return p, normal((T, D)), normal((T, D))


def main():
    args = arguments()
    for order in ("pre", "post", "parallel"):
        check_grad(loss, *args, 2, order, wrt=("p", "x"))
        print(f"{order}: agrees with central differences")
    f = value_and_grad(loss)
    f(*args, 2, "parallel")
    print(f.source[f.source.index("    # backward") :])


if __name__ == "__main__":
    main()
