"""The selective scan of a state space model, as a loop: python examples/mamba.py

h[t] = exp(dt[t] A) h[t-1] + dt[t] B[t] x[t],  y[t] = C[t] h[t] + D x[t],  where the step `dt`, the
input `B` and the output `C` depend on x.  (Gu and Dao, "Mamba", 2023, algorithm 2.)
"""

import numpy as np

from s2sgrad import check_grad, value_and_grad


def scan(x, dt, A, B, C, D):
    """x, dt: (T, d); A: (d, n); B, C: (T, n); D: (d,)."""
    h = np.zeros(A.shape)
    y = np.zeros(x.shape)
    for t in range(x.shape[0]):
        h = np.exp(dt[t][:, None] * A) * h + (dt[t] * x[t])[:, None] * B[t]
        y[t] = h @ C[t] + D * x[t]
    return y


def loss(p, x, target):
    """A step that is positive, poles that are negative, and a gate."""
    dt = np.logaddexp(0.0, x @ p["Wdt"] + p["bdt"])
    y = scan(x, dt, -np.exp(p["logA"]), x @ p["WB"], x @ p["WC"], p["D"])
    z = x @ p["Wz"]
    return np.mean((y * (z / (1.0 + np.exp(-z))) - target) ** 2)


def arguments(T=7, d=4, n=3, seed=0):
    normal = np.random.default_rng(seed).standard_normal
    p = {"Wdt": 0.3 * normal((d, d)), "bdt": 0.1 * normal(d), "logA": 0.3 * normal((d, n))}
    p |= {"WB": normal((d, n)), "WC": normal((d, n)), "D": normal(d), "Wz": normal((d, d))}
    return p, normal((T, d)), normal((T, d))


def main():
    args = arguments()
    check_grad(loss, *args, wrt=("p", "x"))
    f = value_and_grad(loss)
    f(*args)
    print(f.source[f.source.index("    # backward") :])
    print("agrees with central differences")


if __name__ == "__main__":
    main()
