"""Five functions whose Jacobians the literature on orders of elimination compares.

Written from their sources, as one writes NumPy.  Every operation is elementwise, so that numbers
may be replaced by arrays of one shape: a batch of examples.

- human_heart_dipole, propane_combustion: Averick, Carter, More, Xue, The MINPACK-2 Test Problem
  Collection, Argonne National Laboratory, MCS-P153-0692, 1992, sections 2.4 and 2.5 (the first has
  all moments, the second all equilibrium constants at 1, as in the graphs of the literature).
- roe_flux: Roe, Approximate Riemann Solvers, Parameter Vectors, and Difference Schemes, Journal of
  Computational Physics 43, 1981, for the Euler equations in one dimension.
- robot_arm: the forward kinematics of an arm of six joints with a spherical wrist; Paul, Robot
  Manipulators, MIT Press, 1981.
- black: Black, The Pricing of Commodity Contracts, Journal of Financial Economics 3, 1976.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.special


def human_heart_dipole(
    a: Any, b: Any, c: Any, d: Any, t: Any, u: Any, v: Any, w: Any
) -> tuple[Any, ...]:
    """Moments of two dipoles: magnitudes (a, c), (b, d), places (t, v), (u, w)."""
    tv, uw = t * t - v * v, u * u - w * w
    t3, v3 = t * (t * t - 3.0 * v * v), v * (v * v - 3.0 * t * t)
    u3, w3 = u * (u * u - 3.0 * w * w), w * (w * w - 3.0 * u * u)
    return (
        a + b - 1.0,
        c + d - 1.0,
        t * a + u * b - v * c - w * d - 1.0,
        v * a + w * b + t * c + u * d - 1.0,
        a * tv - 2.0 * c * t * v + b * uw - 2.0 * d * u * w - 1.0,
        c * tv - 2.0 * a * t * v + d * uw - 2.0 * b * u * w - 1.0,
        a * t3 + c * v3 + b * u3 + d * w3 - 1.0,
        c * t3 - a * v3 + d * u3 - b * w3 - 1.0,
    )


def propane_combustion(
    x1: Any, x2: Any, x3: Any, x4: Any, x5: Any, x6: Any,
    x7: Any, x8: Any, x9: Any, x10: Any, x11: Any,
) -> tuple[Any, ...]:  # fmt: skip
    """The equilibrium of ten products of burning propane in air, at 40 atmospheres."""
    p, ratio = 40.0, 10.0
    share = p / x11
    root = np.sqrt(share)
    return (
        x1 + x4 - 3.0,
        2.0 * x1 + x2 + x4 + x7 + x8 + x9 + 2.0 * x10 - ratio,
        2.0 * x2 + 2.0 * x5 + x6 + x7 - 8.0,
        2.0 * x3 + x9 - 4.0 * ratio,
        x2 * x4 - x1 * x5,
        np.sqrt(x2 * x4) - np.sqrt(x1) * root * x6,
        np.sqrt(x1 * x2) - np.sqrt(x4) * x7 * root,
        x1 - x4 * x8 * share,
        x1 * np.sqrt(x3) - x4 * x9 * root,
        x1 * x1 - x4 * x4 * x10 * share,
        x11 - x1 - x2 - x3 - x4 - x5 - x6 - x7 - x8 - x9 - x10,
    )


def roe_flux(rho_l: Any, m_l: Any, e_l: Any, rho_r: Any, m_r: Any, e_r: Any) -> tuple[Any, ...]:
    """The flux between two states of a gas: density, momentum and energy, left and right."""
    gamma = 1.4
    u_l, u_r = m_l / rho_l, m_r / rho_r
    p_l = (gamma - 1.0) * (e_l - 0.5 * m_l * m_l / rho_l)
    p_r = (gamma - 1.0) * (e_r - 0.5 * m_r * m_r / rho_r)
    h_l, h_r = (e_l + p_l) / rho_l, (e_r + p_r) / rho_r
    # Roe's averages, weighted with the roots of the densities.
    root_l, root_r = np.sqrt(rho_l), np.sqrt(rho_r)
    total = root_l + root_r
    u = (root_l * u_l + root_r * u_r) / total
    h = (root_l * h_l + root_r * h_r) / total
    square = (gamma - 1.0) * (h - 0.5 * u * u)
    c = np.sqrt(square)
    rho = np.sqrt(rho_l * rho_r)
    # The strengths of the three waves, times their speeds.
    d_rho, d_u, d_p = rho_r - rho_l, u_r - u_l, p_r - p_l
    entropy = (d_rho - d_p / square) * np.abs(u)
    right = rho / (2.0 * c) * (d_u + d_p / (rho * c)) * np.abs(u + c)
    left = rho / (2.0 * c) * (d_u - d_p / (rho * c)) * np.abs(u - c)
    return (
        0.5 * (m_l + m_r - (entropy + right - left)),
        0.5
        * (
            (p_l + m_l * u_l) + (p_r + m_r * u_r) - (entropy * u + right * (u + c) - left * (u - c))
        ),
        0.5
        * (
            u_l * (e_l + p_l)
            + u_r * (e_r + p_r)
            - (entropy * (0.5 * u * u) + right * (h + u * c) - left * (h - u * c))
        ),
    )


def robot_arm(q1: Any, q2: Any, q3: Any, q4: Any, q5: Any, q6: Any) -> tuple[Any, ...]:
    """Where the hand of an arm is, and how it is turned (z-y-z Euler angles), by its joints.

    Lengths in metres: the base is offset by 0.175 and 0.575 high, the upper arm 0.89, the elbow
    offset by 0.05, the forearm 1.035, the hand 0.185.
    """
    c1, s1, c4, s4 = np.cos(q1), np.sin(q1), np.cos(q4), np.sin(q4)
    c5, s5, c6, s6 = np.cos(q5), np.sin(q5), np.cos(q6), np.sin(q6)
    c2, s2 = np.cos(q2), np.sin(q2)
    c23, s23 = np.cos(q2 + q3), np.sin(q2 + q3)
    # The direction of the hand, and two more entries of its rotation.
    ax = s5 * (c1 * c23 * c4 + s1 * s4) + c1 * s23 * c5
    ay = s5 * (s1 * c23 * c4 - c1 * s4) + s1 * s23 * c5
    az = s23 * c4 * s5 - c23 * c5
    nz = c6 * (c23 * s5 + s23 * c4 * c5) - s23 * s4 * s6
    oz = -s6 * (c23 * s5 + s23 * c4 * c5) - s23 * s4 * c6
    reach = 0.175 + 0.89 * c2 + 0.05 * c23 + 1.035 * s23
    return (
        0.185 * ax + c1 * reach,
        0.185 * ay + s1 * reach,
        0.575 + 0.89 * s2 + 0.05 * s23 - 1.035 * c23 + 0.185 * az,
        np.arctan2(ay, ax),
        np.arctan2(np.sqrt(1.0 - az * az), az),
        np.arctan2(oz, -nz),
    )


def black(s: Any, k: Any, r: Any, sigma: Any, t: Any) -> Any:
    """The price of a call on a forward contract: spot, strike, rate, volatility, time."""
    forward = s * np.exp(r * t)
    root = sigma * np.sqrt(t)
    d1 = (np.log(forward / k) + 0.5 * sigma * sigma * t) / root
    d2 = d1 - root
    n1 = 0.5 * (1.0 + scipy.special.erf(d1 / np.sqrt(2.0)))
    n2 = 0.5 * (1.0 + scipy.special.erf(d2 / np.sqrt(2.0)))
    return np.exp(-r * t) * (forward * n1 - k * n2)


# Arguments at which nothing is singular; of `black` the Hessian is taken.
FUNCTIONS: dict[str, tuple[Callable[..., Any], tuple[float, ...]]] = {
    "roe_flux": (roe_flux, (1.0, 0.5, 2.5, 0.8, 0.6, 2.0)),
    "robot_arm": (robot_arm, (0.3, 0.7, 0.5, 0.9, 0.6, 0.4)),
    "human_heart_dipole": (human_heart_dipole, (0.4, 0.6, 0.5, 0.7, 0.8, 0.3, 0.9, 0.2)),
    "propane_combustion": (
        propane_combustion,
        (0.5, 0.6, 0.7, 0.8, 0.4, 0.9, 0.3, 0.5, 0.6, 0.7, 0.8),
    ),
    "black": (black, (1.0, 1.1, 0.05, 0.25, 0.8)),
}
