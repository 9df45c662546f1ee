"""CuBa neurons answer as BATS's do on the grid: float loops against the rule ``detect``, spike for spike."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bats_dt import Network, TimeGrid
from bats_dt.clocked_neuron import ClockedNeuron
from bats_dt.layers import InputLayer, LIFLayer
from bats_dt.neuron import Neuron
from lava_dt.export.bats.response import area, decay_error, dynamics_of, peak, product, response, shape_error

TAU_S, DURATION = 0.13, 0.3
PAIRS = [(0.985, 0.992), (0.992, 0.985), (0.9, 0.9), (0.9, 0.9000001), (0.0, 0.9), (0.9, 0.0), (0.0, 0.0), (0.3, 0.7)]


def cuba(spikes, weight, dynamics):
    """Spikes of float CuBa neurons (A.2, exponential, soft reset), as the next layer gets them, one step later."""
    u = v = np.zeros((len(spikes), len(weight)))
    sent = np.zeros((*u.shape, spikes.shape[-1]))
    for n in range(spikes.shape[-1] - 1):
        u = dynamics.keep_current * u + spikes[..., n] @ weight.T
        v = dynamics.keep_voltage * v + u
        fired = v >= dynamics.level
        v = v - fired * dynamics.level
        sent[..., n + 1] = fired
    return sent


def on_steps(layer, dt, steps):
    events = layer.events
    spikes = np.zeros((events.batch, layer.n_neurons, steps))
    np.add.at(spikes, (events.samples, events.neurons, np.rint(events.times / dt).astype(int)), 1)
    return spikes


@pytest.mark.parametrize("ratio", [2, 0.5, 3, 1, 1.0001])
@pytest.mark.parametrize("dt", [0.002, 0.01, 0.04])
def test_two_layers_of_cuba_neurons_spike_as_bats_detects_on_the_grid(ratio, dt):
    rng = np.random.default_rng(round(1000 * ratio) + round(1000 * dt))
    weights = [rng.normal(0.3, 1, (30, 40)), rng.normal(0.1, 0.5, (15, 30))]
    network, below = Network(), InputLayer(40)
    network.add_layer(below, input=True)
    for weight, theta in zip(weights, (0.1, 0.1), strict=True):
        below = LIFLayer(
            below, TAU_S, theta, theta, lambda *_, w=weight: w, 200, n_neurons=len(weight),
            grid=TimeGrid(dt, "detect"), dtype=np.float64, tau_mem=ratio * TAU_S,
        )  # fmt: skip
        network.add_layer(below)
    steps = math.floor(DURATION / dt + 1e-9) + 1
    inputs = (rng.random((4, 40, steps)) < 10 * dt).astype(float) * (np.arange(steps) * dt < 0.15)
    times = np.where(inputs > 0, np.arange(steps) * dt, np.inf)
    times.sort(axis=-1)
    network.forward(times, inputs.sum(-1).astype(np.int32), DURATION)
    for layer, weight in zip(network.layers[1:], weights, strict=True):
        inputs = cuba(inputs, weight, dynamics_of(layer.neuron, dt))
        assert inputs.sum() > 50  # several of a neuron among them
        np.testing.assert_array_equal(inputs, on_steps(layer, dt, steps))


def test_the_response_on_the_grid_is_kappa_times_that_of_cuba_neurons():
    for tau_mem in (0.26, 0.13, 0.05):
        neuron, dt = Neuron(0.13, 0.2, 0.2, tau_mem), 0.004
        dynamics = dynamics_of(neuron, dt)
        kappa = neuron.threshold / dynamics.level
        for n in (0, 1, 7, 100):
            found = kappa * response(dynamics.keep_current, dynamics.keep_voltage, n)
            assert found == pytest.approx(neuron.response((n + 1) * dt), rel=1e-12)  # roundings of a few exponentials


@pytest.mark.parametrize(("p", "q"), PAIRS)
def test_area_peak_and_products_are_those_of_the_written_out_response(p, q):
    one = np.array([response(p, q, n) for n in range(4000)])
    other = np.array([response(0.98, 0.95, n) for n in range(4000)])
    assert area(p, q) == pytest.approx(one.sum(), rel=1e-9)
    assert peak(p, q) == pytest.approx(one.max(), rel=1e-12)
    assert product((p, q), (p, q)) == pytest.approx(one @ one, rel=1e-9)
    assert product((p, q), (0.98, 0.95)) == pytest.approx(one @ other, rel=1e-9)


def test_errors_are_root_mean_squares_relative_to_what_is_wanted():
    wanted, given = (0.985, 0.992), (0.98, 0.993)
    h, k = (np.array([response(*pair, n) for n in range(8000)]) for pair in (wanted, given))
    factor, error = shape_error(wanted, given)
    assert factor == pytest.approx(h @ k / (k @ k))
    assert error == pytest.approx(np.linalg.norm(h - factor * k) / np.linalg.norm(h), rel=1e-6)
    a, b = 0.992 ** np.arange(8000), 0.993 ** np.arange(8000)
    assert decay_error(0.992, 0.993) == pytest.approx(np.linalg.norm(a - b) / np.linalg.norm(a), rel=1e-9)
    assert shape_error(wanted, wanted) == (pytest.approx(1), pytest.approx(0, abs=1e-6))  # a root of a difference


@pytest.mark.parametrize("scheme", ["backward_euler", "exponential", "bilinear", "forward_euler"])
def test_a_clocked_neurons_potential_is_a_multiple_of_that_of_cuba_neurons(scheme):
    neuron = ClockedNeuron(0.01, 0.05, 0.08, 1.5, resistance=1.2, scheme=scheme)
    step, dynamics = neuron.coefficients(), dynamics_of(neuron, 0.01)
    i = u = 0.0
    potentials = []
    for n in range(12):
        x = 1.0 if n == 0 else 0.0
        i, u = step.keep_i * i + step.x_to_i * x, step.keep_u * u + step.i_to_u * i + step.x_to_u * x
        potentials.append(u)
    later = dynamics.hop - 1
    assert later == (scheme == "forward_euler")
    kappa = neuron.threshold / dynamics.level
    wanted = [kappa * response(dynamics.keep_current, dynamics.keep_voltage, n) for n in range(12 - later)]
    np.testing.assert_allclose(potentials[later:], wanted, rtol=1e-12)
