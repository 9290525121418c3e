"""The functions and chains of `benchmarks.jacobians` are what they say."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from benchmarks.chain import Chain
from benchmarks.elimination import load
from benchmarks.functions import FUNCTIONS, black, roe_flux
from benchmarks.jacobians import Reverse, Straight, difference, product

GRAPHS = {"human_heart_dipole": "HumanHeartDipole", "propane_combustion": "PropaneCombustion"}


@pytest.mark.parametrize("name", GRAPHS)
def test_values_are_those_of_the_graphs(name: str) -> None:
    task = load(GRAPHS[name])
    f, at = FUNCTIONS[name]
    np.testing.assert_allclose(f(*at), task.function(task.data["outputs"])(*at), atol=1e-14)


def test_black_is_the_price_of_the_graph() -> None:
    at = FUNCTIONS["black"][1]
    assert black(*at) == pytest.approx(load("BlackScholes_Jacobian").function([80])(*at), rel=1e-14)


def test_equal_states_have_the_flux_of_the_gas() -> None:
    rho, m, e = 1.2, 0.5, 2.5
    p = 0.4 * (e - 0.5 * m * m / rho)
    flux = (m, m * m / rho + p, m / rho * (e + p))
    np.testing.assert_allclose(roe_flux(rho, m, e, rho, m, e), flux, rtol=1e-14)


@pytest.mark.parametrize("name", ["human_heart_dipole", "propane_combustion"])
def test_a_batch_agrees_with_reverse_mode_and_takes_less(name: str) -> None:
    assert difference(name) < 1e-12
    assert 1.9 * Straight(name).multiplications <= Reverse(name).multiplications


@pytest.mark.parametrize("sizes", [(3, 1, 4, 2, 5), (2, 6, 1, 3, 4, 2), (1, 5, 5, 1)])
def test_the_best_order_of_a_chain(sizes: tuple[int, ...]) -> None:
    def cost(order: tuple[int, ...]) -> int:
        """Of removing the inner sizes in this order."""
        left, total = list(range(len(sizes))), 0
        for k in order:
            at = left.index(k)
            total += sizes[left[at - 1]] * sizes[k] * sizes[left[at + 1]]
            left.remove(k)
        return total

    chain = Chain(sizes)
    assert chain.best == min(map(cost, itertools.permutations(range(1, len(sizes) - 1))))
    assert chain.forward == cost(tuple(range(len(sizes) - 2, 0, -1)))
    assert chain.reverse == cost(tuple(range(1, len(sizes) - 1)))
    rng = np.random.default_rng(0)
    factors = [rng.standard_normal(pair) for pair in itertools.pairwise(sizes)]
    want = np.linalg.multi_dot(factors)
    for order in (chain.brackets(), chain.from_left(), chain.from_right()):
        np.testing.assert_allclose(product(factors, order), want, rtol=1e-12)
