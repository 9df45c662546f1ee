import numpy as np
import pytest
from scipy.integrate import quad

from bats_dt.theory import LIF, impulse_response
from bats_dt.theory.population import moments_at, sample_states, stationary_moments

NEURON = LIF(0.8, 0.6, 1.2)


@pytest.mark.parametrize("lif", [NEURON, LIF(0.5, 0.5, 2.0), LIF(0.02, 0.3)])
def test_the_formulas_are_the_solution_of_the_moments_equations(lif):
    """The formulas of B.3 against the Lyapunov equation, which knows nothing of them."""
    formula, solved = stationary_moments(lif, 40.0, -0.2), moments_at(lif, 40.0, -0.2, 100.0)
    np.testing.assert_allclose(formula.mean, solved.mean, rtol=1e-12)
    np.testing.assert_allclose(formula.covariance, solved.covariance, rtol=1e-11)


def test_the_formulas_are_campbells_integrals_of_the_response():
    """E = lambda w int h, Cov = lambda w^2 int h k: quadrature's tolerance."""
    responses = [lambda t: float(impulse_response(NEURON, t)), lambda t: np.exp(-t / 0.6) / 0.6]
    formula = stationary_moments(NEURON, 40.0, -0.2)
    mean = [40 * -0.2 * quad(h, 0, 40, limit=200)[0] for h in responses]
    covariance = [
        [40 * 0.04 * quad(lambda t, h=h, k=k: h(t) * k(t), 0, 40, limit=200)[0] for k in responses] for h in responses
    ]
    np.testing.assert_allclose(formula.mean, mean, rtol=1e-7)
    np.testing.assert_allclose(formula.covariance, covariance, rtol=1e-7)


def test_simulated_neurons_have_the_moments_of_their_time():
    """Within four standard errors: of a mean sigma/sqrt n, of a variance sqrt(2/n) of it and a little more."""
    n, expected = 40000, moments_at(NEURON, 20.0, 0.1, 0.7)
    states = sample_states(NEURON, 20.0, 0.1, 0.7, n, seed=0)
    deviations = np.sqrt(np.diag(expected.covariance))
    assert (abs(states.mean(axis=1) - expected.mean) < 4 * deviations / np.sqrt(n)).all()
    spread = np.cov(states)
    assert (abs(spread - expected.covariance) < 5 * np.sqrt(2 / n) * np.outer(deviations, deviations)).all()


def test_simulated_neurons_depend_on_the_seed_only():
    first, again, other = (sample_states(NEURON, 20.0, 0.1, 1.0, 100, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_neurons_without_inputs_stay_at_rest():
    assert not sample_states(NEURON, 0.0, 0.1, 1.0, 5, seed=0).any()
