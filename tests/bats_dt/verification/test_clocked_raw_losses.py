"""Gradients of clocked layers against finite differences of what these layers give, with no model in between.

A time on a grid is a step of the weights: at a fixed dt a loss of such times is constant until a spike changes its grid
point, and every finite difference of it is 0 or a jump. What is smooth as long as no spike appears or vanishes, and has
to have the gradients of EQUATIONS B.4, is

* the potential: between spikes, and through resets at their grid points, it is linear in the weights;
* the time at which the straight line between two potentials crosses the threshold, where that is at the grid point;
* the loss of the grid times themselves, over differences that move spikes by many steps: in the limit dt -> 0.

Each test makes sure that the same spikes occur at w and at w +- h, and how far the potentials stay from the threshold.
All is in float64.
"""

import itertools

import numpy as np
import pytest

from bats_dt import Network
from bats_dt.clocked_neuron import DRIVES, ESTIMATORS, RESETS
from bats_dt.discretization import SCHEMES
from bats_dt.layers import ClockedLIFLayer, InputLayer
from bats_dt.losses import SpikeTimeLoss

TAU_S, TAU_MEM, THETA, V_RESET, END = 0.1, 0.2, 0.3, 0.05, 0.5  # [s]
EXACT = [(scheme, "discrete") for scheme in SCHEMES] + [("exponential", "continuous")]  # at any dt; inputs on the grid


def layer_on(below, weights, dt, **given):
    constants = {"tau_s": TAU_S, "tau_mem": TAU_MEM, "theta": THETA, "v_reset": V_RESET, "resistance": 0.2}
    return ClockedLIFLayer(
        below, n_neurons=len(weights), dt=dt, weight_initializer=lambda *_: weights, dtype=np.float64,
        max_n_spike=64, **{**constants, **given},
    )  # fmt: skip


def inputs_at(rng, batch, n_inputs, grid, end=0.4):
    """Two spikes an input, at points of ``grid`` [s]."""
    layer = InputLayer(n_inputs, name="inputs")
    times = np.sort(rng.integers(0, round(end / grid), (batch, n_inputs, 2)), axis=2) * grid
    layer.set_spike_trains(times, np.full((batch, n_inputs), 2))
    return layer


def by_difference(layer, value, h):
    """Central differences of ``value()``, which runs the layer, by each of its weights."""
    weights, found = layer.weights.copy(), np.empty(layer.weights.shape)
    for place in np.ndindex(found.shape):
        values = []
        for sign in (1, -1):
            moved = weights.copy()
            moved[place] += sign * h
            layer.weights = moved
            values.append(value())
        found[place] = (values[0] - values[1]) / (2 * h)
    layer.weights = weights
    return found


def potentials_and_gradient(scheme, reset, estimator, drive, dt):
    """The gradient of sum e_k U[k] over all spikes k, by the layer and by differences of its potentials.

    Clamped at almost nothing, every dt/dU is -clamp, and a spike that moves by it moves the later ones by its square:
    of a sum of e_k t_k, the layer's gradient is -clamp times that of sum e_k U[k].
    """
    rng, clamp = np.random.default_rng(1), 1e-10
    weights = rng.uniform(-0.2, 0.5, (5, 6)) / (dt if drive == "pulse" else 1.0)
    layer = layer_on(
        inputs_at(rng, 3, 6, 0.02), weights, dt, scheme=scheme, reset=reset, estimator=estimator, drive=drive,
        clamp=clamp,
    )  # fmt: skip
    layer.forward(END)
    emitted, (_, potentials) = layer.emitted, layer.traces()
    steps, samples = emitted.steps, np.repeat(np.arange(3), np.diff(emitted.offsets))
    spiked = np.zeros(potentials.shape, bool)
    spiked[samples, steps, emitted.neurons] = True
    assert spiked.any(axis=1).mean() > 0.5
    assert spiked.sum(axis=1).max() >= 2
    assert (emitted.slopes > 0).all()
    margin = np.abs(potentials - THETA).min()
    errors = rng.normal(size=len(steps))

    def value():
        layer.forward(END)
        np.testing.assert_array_equal(layer.emitted.steps, steps)
        np.testing.assert_array_equal(layer.emitted.neurons, emitted.neurons)
        moved = layer.traces()[1]
        assert np.abs(moved - potentials).max() < margin / 2
        return errors @ moved[samples, steps, emitted.neurons]

    differences = by_difference(layer, value, 1e-6 * np.abs(weights).max())
    layer.forward(END)
    return layer.backward(errors)[0][0] / -clamp, differences


@pytest.mark.parametrize("reset", RESETS)
@pytest.mark.parametrize("drive", DRIVES)
@pytest.mark.parametrize(("scheme", "estimator"), EXACT)
def test_the_potential_has_the_gradient_of_its_finite_differences(scheme, estimator, reset, drive):
    """Linear in the weights: what is left is rounding, 1e-16/1e-6, and the clamp times the slopes."""
    found, expected = potentials_and_gradient(scheme, reset, estimator, drive, 0.02)
    assert np.abs(found - expected).max() < 1e-8 * np.abs(expected).max()


@pytest.mark.parametrize("reset", RESETS)
@pytest.mark.parametrize(("scheme", "order"), [("forward_euler", 1), ("backward_euler", 1), ("bilinear", 2)])
def test_the_continuous_estimator_has_it_to_the_order_of_the_scheme(scheme, reset, order):
    steps, errors = 0.02 / 2.0 ** np.arange(0, 5, 2), []
    for dt in steps:
        found, expected = potentials_and_gradient(scheme, reset, "continuous", "impulse", dt)
        errors.append(np.abs(found - expected).max() / np.abs(expected).max())
    assert np.polyfit(np.log(steps), np.log(errors), 1)[0] == pytest.approx(order, abs=0.25)


@pytest.mark.parametrize(("scheme", "estimator"), EXACT)
@pytest.mark.parametrize("seed", [0, 1])
def test_a_crossing_at_the_grid_point_has_the_gradient_of_its_finite_differences(scheme, estimator, seed):
    """t = (k + 1) dt - dt (U[k] - theta)/(U[k] - U[k-1]), theta below U[k] by a millionth of what step k adds to U."""
    rng, dt, share = np.random.default_rng(seed), 0.02, 1e-6
    below, weights = inputs_at(rng, 1, 6, dt, 0.2), rng.uniform(-0.1, 0.5, (1, 6))
    silent = layer_on(below, weights, dt, theta=1e6, scheme=scheme)
    silent.forward(END)
    potential = silent.traces()[1][0, :, 0]
    k = int(np.argmax(potential)) // 2  # on the way up
    k = next(k for k in range(k, len(potential)) if potential[k] > max(potential[:k].max(), 0) + 0.01)
    theta = potential[k] - share * (potential[k] - potential[k - 1])
    layer = layer_on(below, weights, dt, theta=theta, v_reset=theta / 10, scheme=scheme, estimator=estimator)

    def value():
        layer.forward(END)
        assert layer.emitted.steps[0] == k
        before, after = layer.traces()[1][0, k - 1 : k + 1, 0]
        assert before < theta - 0.5 * share * (after - before)
        assert after > theta + 0.5 * share * (after - before)
        return (k + 1) * dt - dt * (after - theta) / (after - before)

    expected = by_difference(layer, value, 1e-9)
    layer.forward(END)
    errors = np.zeros(len(layer.events.times))
    errors[0] = 1.0
    np.testing.assert_allclose(layer.backward(errors)[0][0], expected, rtol=0, atol=2e-5 * np.abs(expected).max())


def order_of_events(network):
    """Of every neuron, how many inputs came before each of its spikes: what its times are a smooth function within."""
    return [
        [
            np.searchsorted(layer.previous_layer.events.times, layer.events.times[layer.events.neurons == j] - 1e-9)
            for j in range(layer.n_neurons)
        ]
        for layer in network.layers[1:]
    ]


def network_on(dt, **given):
    """Two layers with some spikes a neuron, its input trains, and times that are wanted of its output."""
    rng, network = np.random.default_rng(23), Network()
    network.add_layer(InputLayer(4), input=True)
    for n_pre, n_post, largest in ((4, 4, 0.75), (4, 2, 0.4)):
        weights = rng.uniform(-largest / 4, largest, (n_post, n_pre))
        network.add_layer(layer_on(network.layers[-1], weights, dt, **given))
    times = np.sort(rng.integers(0, 25, (1, 4, 2)), axis=2) * 4e-3
    return network, times, rng.uniform(0, 0.3, (1, 2, 64)), rng


def orders_of_events(network):
    """Of every neuron, how many inputs came before each of its spikes: within an order times are smooth."""
    return [
        np.searchsorted(layer.previous_layer.events.times, layer.events.times[layer.events.neurons == j] - 1e-9)
        for layer in network.layers[1:]
        for j in range(layer.n_neurons)
    ]


# By the step. A spike is told to the step only, while differences move it by some 1.5 ms: that is dt/(2 * 1.5 ms) a
# spike, of which there are 16 a layer, partly cancelling. The curvature over +- h leaves some 0.006 beside it.
LIMIT = {4e-5: 0.15, 3e-6: 0.01}


@pytest.mark.parametrize(("scheme", "reset", "estimator"), [*itertools.product(SCHEMES, RESETS, ESTIMATORS)])
@pytest.mark.parametrize("dt", LIMIT)
def test_the_loss_of_grid_times_has_the_gradient_of_its_finite_differences_as_the_step_goes_to_0(
    scheme, reset, estimator, dt
):
    """In random directions of each layer's weights: the way through the layer above is in those of the one below."""
    network, times, targets, rng = network_on(dt, scheme=scheme, reset=reset, estimator=estimator)
    loss, h = SpikeTimeLoss(silent_time=0.5), 1.5e-3

    def run():
        network.reset()
        network.forward(times, np.full(times.shape[:2], 2), 0.3)
        spikes, counts = network.output_spike_trains
        return loss.compute_loss_and_errors(spikes, counts, np.where(np.isfinite(spikes), targets, np.inf))

    gradients, orders = network.backward(run()[1])[1:], orders_of_events(network)
    assert [len(layer.events.times) for layer in network.layers[1:]] == [16, 16]
    for layer, gradient in zip(network.layers[1:], gradients, strict=True):
        weights = layer.weights.copy()
        for direction in rng.normal(size=(2, *weights.shape)):
            values = []
            for sign in (1, -1):
                layer.weights = weights + sign * h * direction
                values.append(float(run()[0][0]))
                for found, expected in zip(orders_of_events(network), orders, strict=True):
                    np.testing.assert_array_equal(found, expected)
            found = (values[0] - values[1]) / (2 * h)
            assert abs(found - (direction * gradient[0]).sum()) < LIMIT[dt] * np.linalg.norm(gradient)
        layer.weights = weights
