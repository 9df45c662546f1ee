"""Gradients of clocked layers against central differences of a model that is smooth, in float64 (EQUATIONS B.4).

Grid times are steps of the weights: what they leave nothing to differentiate, the backward pass replaces by times that
move with the crossing of the threshold. So the model is the network with such times, written as a forward pass: the
spikes are those of the unmoved network, none appears or vanishes, and each moves by s = -(U - U0) dt/dU from its grid
point, to first order; its reset and the input it gives to the layer above come later by s. In everything else it is the
discretised network itself. No bound is put on the differences' size: the model has no threshold left to cross.
"""

import itertools

import numpy as np
import pytest

from bats_dt import Network
from bats_dt.clocked_neuron import RESETS
from bats_dt.discretization import SCHEMES
from bats_dt.kernels.clocked_gradients import clocked_gradients
from bats_dt.layers import ClockedLIFLayer, InputLayer

DT, STEPS, SIZES = 0.02, 25, (4, 5, 3)
STEP = 1e-6  # of a weight of order 1: the remainder is some 1e-12, rounding some 1e-10
TOLERANCE = 1e-7  # of the largest entry of each gradient


def make(scheme, reset, clamp, largest):
    rng = np.random.default_rng(3)
    network = Network()
    network.add_layer(InputLayer(SIZES[0]), input=True)
    for n_pre, n_post in itertools.pairwise(SIZES):
        weights = rng.uniform(-0.2, largest, (n_post, n_pre))
        layer = ClockedLIFLayer(
            network.layers[-1], n_neurons=n_post, dt=DT, tau_s=0.1, tau_mem=0.2, theta=0.3, resistance=0.2, v_reset=0.1,
            reset=reset, scheme=scheme, estimator="discrete", clamp=clamp, dtype=np.float64,
            weight_initializer=lambda *_, weights=weights: weights,
        )  # fmt: skip
        network.add_layer(layer)
    times = np.sort(rng.uniform(0, 0.3, (1, SIZES[0], 3)), axis=2)
    network.forward(times, np.full((1, SIZES[0]), 3), STEPS * DT)
    return network, rng


def moved_spikes(layer, weights, shifts):
    """How far each spike of ``layer`` moves, from the spikes below moved by ``shifts``, one an event."""
    neuron, emitted, below = layer.neuron, layer.emitted, layer.previous_layer.events
    u0 = layer.traces()[1][0]
    found = np.zeros(len(emitted.steps))
    dt, tau_s, tau_m, charge = neuron.dt, neuron.tau_syn, neuron.tau_mem, neuron.charge
    rate = dt * neuron.resistance / tau_m
    for j in range(layer.n_neurons):
        own = {int(emitted.steps[s]): s for s in np.flatnonzero(emitted.neurons == j)}
        i = u = missed = 0.0
        for k in range(STEPS):
            now = np.flatnonzero(emitted.input_steps == k)
            w, late = weights[j, below.neurons[now]], shifts[now]
            jump = charge * (w * (1 + late / tau_s)).sum()
            missing = neuron.resistance / tau_m * charge * (w * late).sum()
            if neuron.scheme == "forward_euler":  # feels an input one step later, as it does its being late
                missing, missed = missed, missing
                u = (1 - dt / tau_m) * (u - missing) + rate * i
                i = (1 - dt / tau_s) * i + jump
            elif neuron.scheme == "backward_euler":
                i = (i + jump) / (1 + dt / tau_s)
                u = (u - missing + rate * i) / (1 + dt / tau_m)
            elif neuron.scheme == "exponential":
                i, u = i + jump, u - missing
                keep_i, keep_u = np.exp(-dt / tau_s), np.exp(-dt / tau_m)
                u = keep_u * u + neuron.resistance * tau_s / (tau_m - tau_s) * (keep_u - keep_i) * i
                i = keep_i * i
            else:
                i, u = i + jump, u - missing
                after = i * (1 - dt / (2 * tau_s)) / (1 + dt / (2 * tau_s))
                u = ((1 - dt / (2 * tau_m)) * u + rate * (i + after) / 2) / (1 + dt / (2 * tau_m))
                i = after
            if k in own:
                s = own[k]
                slope, drop = emitted.slopes[s], emitted.drops[s]
                if slope == 0:  # it follows the one before
                    found[s] = found[own[k - 1]]
                else:
                    found[s] = -(u - u0[k, j]) * min(1 / slope, neuron.clamp)
                if neuron.reset == "hard":
                    u = neuron.v_reset - (slope + drop / tau_m) * found[s]
                else:
                    u = u - drop - drop / tau_m * found[s]
    return found


def loss(network, weights, shifts, coefficients):
    for layer, matrix in zip(network.layers[1:], weights, strict=True):
        shifts = moved_spikes(layer, matrix, shifts)
    return coefficients @ shifts


def differences(of, function):
    found = np.empty(of.shape)
    for place in np.ndindex(of.shape):
        entry, values = of[place], []
        for sign in (1, -1):
            of[place] = entry + sign * STEP
            values.append(function())
        of[place] = entry
        found[place] = (values[0] - values[1]) / (2 * STEP)
    return found


@pytest.mark.parametrize(("scheme", "reset"), [*itertools.product(SCHEMES, RESETS)])
@pytest.mark.parametrize(("clamp", "largest"), [(None, 0.7), (0.2, 0.7), (None, 2.0)], ids=["free", "clamped", "busy"])
def test_every_gradient_is_the_central_difference_of_the_network_with_times_that_move(scheme, reset, clamp, largest):
    network, rng = make(scheme, reset, clamp, largest)
    hidden, output = network.layers[1:]
    assert min(len(layer.emitted.steps) for layer in (hidden, output)) >= 8
    assert any(layer.bounded_slopes for layer in (hidden, output)) == (clamp is not None)
    assert largest < 1 or (hidden.emitted.slopes == 0).any() == (reset == "soft")
    coefficients = rng.normal(size=len(output.emitted.steps))
    of_output, errors = output.backward(coefficients)
    by_input = np.ascontiguousarray(hidden.weights.T)
    of_hidden, of_times = clocked_gradients(
        errors, hidden.emitted, network.layers[0].events, by_input, hidden.neuron, STEPS, 1, True
    )
    weights, shifts = [hidden.weights.copy(), output.weights.copy()], np.zeros(len(of_times))
    gradients = of_hidden[0].T, of_output[0], of_times
    for of, gradient in zip((*weights, shifts), gradients, strict=True):
        found = differences(of, lambda: loss(network, weights, shifts, coefficients))
        assert np.abs(gradient).max() > 0
        np.testing.assert_allclose(gradient, found, rtol=0, atol=TOLERANCE * np.abs(gradient).max())
