"""Long convolutions by FFT between gates, of the kind of Hyena: python examples/hyena.py

y = g1 * (k1 conv (g2 * (k2 conv v))), with causal filters as long as the sequence, which a small
network of sines makes from the position.  (Poli et al., "Hyena Hierarchy", 2023.)
"""

import numpy as np

from s2sgrad import check_grad, value_and_grad


def convolve(k, u):
    """The causal convolution of the columns of two (T, d) arrays, in T log T."""
    n = 2 * u.shape[0]
    product = np.fft.rfft(k, n, axis=0) * np.fft.rfft(u, n, axis=0)
    return np.fft.irfft(product, n, axis=0)[: u.shape[0]]


def filters(p, T):
    """One filter a channel: sines of the position, mixed, and damped."""
    t = np.linspace(0.0, 1.0, T)[:, None]
    return (np.sin(t @ p["freq"] + p["phase"]) @ p["mix"]) * np.exp(-t * np.exp(p["decay"]))


def loss(params, x, target):
    """Two gated convolutions."""
    v = x @ params["Wv"]
    for p in params["orders"]:
        v = (x @ p["gate"]) * convolve(filters(p, x.shape[0]), v)
    return np.mean((v @ params["Wo"] - target) ** 2)


def arguments(T=9, d=4, m=6, orders=2, seed=0):
    normal = np.random.default_rng(seed).standard_normal

    def order():
        p = {"gate": normal((d, d)), "freq": 5.0 * normal((1, m)), "phase": normal(m)}
        return p | {"mix": normal((m, d)) / m, "decay": 0.3 * normal(d)}

    params = {
        "Wv": normal((d, d)),
        "Wo": normal((d, d)),
        "orders": [order() for _ in range(orders)],
    }
    return params, normal((T, d)), normal((T, d))


def main():
    args = arguments()
    check_grad(loss, *args, wrt=("params", "x"))
    f = value_and_grad(loss)
    f(*args)
    print(f.source[f.source.index("    # backward") :])
    print("agrees with central differences")


if __name__ == "__main__":
    main()
