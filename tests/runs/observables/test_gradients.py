"""What is told of gradients and of how errors pass through spikes."""

import numpy as np
import pytest

from bats_dt import Network
from bats_dt.layers import ClockedLIFLayer, InputLayer
from runs.observables.gradients import EDGES, explosion_statistics, gradient_statistics


def test_a_gradient_is_told_by_norm_density_and_a_map_of_cells():
    gradient = np.zeros((128, 196))
    gradient[0, 0], gradient[1, 1], gradient[127, 195] = 3.0, -4.0, 1e-3
    found = gradient_statistics(gradient)
    assert found["norm"] == pytest.approx(5.0) and found["largest"] == 4.0
    assert found["density"].sum() == pytest.approx(3 / gradient.size)
    assert len(found["density"]) == len(EDGES) - 1
    assert found["heatmap"].shape == (64, 98)
    assert found["heatmap"][0, 0] == pytest.approx(2.5)  # sqrt((9 + 16) / 4): a cell is 2 x 2 weights
    assert found["heatmap"][63, 97] == pytest.approx(5e-4)
    assert gradient_statistics(np.ones((3, 100)))["heatmap"].shape == (3, 98)


def layer_of(reset, clamp=None):
    """Backward Euler with dt = tau_s = tau_mem = R = 1, a weight of 16 at t = 0: U = 4, 3, ..., see below."""
    network = Network()
    network.add_layer(InputLayer(1), input=True)
    layer = ClockedLIFLayer(
        network.layers[0], n_neurons=2, dt=1.0, tau_s=1.0, tau_mem=1.0, theta=3.0, v_reset=1.0, reset=reset,
        clamp=clamp, dtype=np.float64, weight_initializer=lambda *_: np.array([[16.0], [0.0]]),
    )  # fmt: skip
    network.add_layer(layer)
    network.forward(np.array([[[0.0]]]), np.array([[1]]), 4.0)
    return layer


def test_factors_through_steps_and_spikes_worked_by_hand():
    """i = 8, 4, 2, 1. Hard: U = 4 spikes, dU/dt = 4, drop 3: factor 1 + 3/4; then u = 1, U = 2.5, 2.25, ... silent."""
    found = explosion_statistics(layer_of("hard"), 1, 4)
    assert found["keep"] == 0.5 and found["spikes"] == 1 and found["clamped"] == 0 and found["exploding"] == 0
    np.testing.assert_allclose(found["delays"], 1 / 4)
    np.testing.assert_allclose(found["passed"], 1.75)
    silent = 4 * np.log10(0.5)
    np.testing.assert_allclose(found["through"][[0, -1]], [silent, silent + np.log10(1.75)])


def test_soft_resets_and_clamped_derivatives_have_their_own_factor():
    """Soft: U = 4, drop 2: factor 1 + 2/4; u = 2, U = 3, dU/dt = 1: 1 + 2/1. Clamped to 0.1: 1 + 0.2 both."""
    np.testing.assert_allclose(explosion_statistics(layer_of("soft"), 1, 4)["passed"][[0, -1]], [1.5, 3.0])
    assert explosion_statistics(layer_of("soft"), 1, 4)["exploding"] == 0.5
    clamped = explosion_statistics(layer_of("soft", clamp=0.1), 1, 4)
    np.testing.assert_allclose(clamped["passed"], 1.2)
    assert clamped["clamped"] == 1.0
    np.testing.assert_allclose(explosion_statistics(layer_of("hard", clamp=0.1), 1, 4)["passed"], 0.1 * (4 + 3))


@pytest.mark.parametrize("reset", ["hard", "soft"])
def test_the_factor_of_a_spike_is_that_of_the_backward_pass(reset):
    """An error at the second spike alone reaches the first through that factor: dL/dU[0] = factor dL/du[0]."""
    network = Network()
    network.add_layer(InputLayer(1), input=True)
    layer = ClockedLIFLayer(
        network.layers[0], n_neurons=1, dt=0.5, tau_s=1.0, tau_mem=1.0, theta=1.0, v_reset=0.5, reset=reset,
        estimator="discrete", dtype=np.float64, weight_initializer=lambda *_: np.array([[6.0]]),
    )  # fmt: skip
    network.add_layer(layer)
    network.forward(np.array([[[0.0]]]), np.array([[1]]), 2.0)
    steps, slopes = layer.emitted.steps, layer.emitted.slopes
    assert len(steps) >= 2 and (slopes[:2] > 0).all()
    errors = np.zeros(len(steps))
    errors[1] = 1.0
    gradient = layer.backward(errors)[0].item()
    q, kept = 2 / 3, 2 / 3  # of u and of i
    factor = 1 + layer.emitted.drops[0] / slopes[0]
    by_potential = np.zeros(4)
    by_potential[steps[1]] = -1 / slopes[1]
    for k in range(steps[1] - 1, -1, -1):
        by_potential[k] = q * by_potential[k + 1] * (factor if k == steps[0] else 1.0)
    gain = 0.5 / 1.5  # what U takes from i in a step: dt R / (tau_mem + dt)
    expected = sum(by_potential[k] * gain * kept ** (k + 1) for k in range(4))
    assert gradient == pytest.approx(expected, rel=1e-12)


def test_a_silent_layer_has_no_quantiles_but_its_decay():
    layer = layer_of("hard")
    layer.weights = np.zeros((2, 1))
    layer.forward(4.0)
    found = explosion_statistics(layer, 1, 4)
    assert np.isnan(found["passed"]).all() and found["exploding"] == 0
    np.testing.assert_allclose(found["through"], 4 * np.log10(0.5))
