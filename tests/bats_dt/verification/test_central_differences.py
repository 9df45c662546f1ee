"""Gradients through two and three layers against central differences, in float64 and continuous time (EQUATIONS A.5).

What is differentiated is a random linear functional of the output spikes' times, with respect to every single weight
and every single input time. Spike times are smooth as long as no spike appears, vanishes, or passes an input: entries
whose step changes the pattern are left out, and they must be few.
"""

import numpy as np
import pytest

END = 0.4  # [s]
STEP = 1e-6  # relative to the weights' scale, or to tau_syn: the remainder is ~1e-12 relative, rounding ~1e-10
MOST_LEFT_OUT = 0.02
# Rounding of 1e-16 s in a spike's time divided by the step of 1e-7 s, and the remainder, which grows with the third
# derivative: 3e-8 has been seen
TOLERANCE = 1e-6  # of the largest entry of each gradient


def simulate(network, times, weights):
    """The output spikes' times, and the pattern: which neuron spikes after which input, layer by layer."""
    for layer, matrix in zip(network.layers[1:], weights, strict=True):
        layer.weights = matrix
    network.forward(times, np.full(times.shape[:2], 2), END)
    pattern = [network.layers[0].events.neurons]
    for layer in network.layers[1:]:
        pattern += [layer.events.offsets, layer.events.neurons, layer.emitted.last_input]
    return network.layers[-1].events.times, pattern


def differences(network, times, weights, coefficients, of, scale):
    """Central differences with respect to each entry of ``of``, one of the arrays, in place; nan where left out."""
    _, pattern = simulate(network, times, weights)
    found = np.full(of.shape, np.nan)
    for place in np.ndindex(of.shape):
        entry, values = of[place], []
        for sign in (1, -1):
            of[place] = entry + sign * STEP * scale
            output, moved = simulate(network, times, weights)
            if all(map(np.array_equal, pattern, moved)):
                values.append(coefficients[: len(output)] @ output)
        of[place] = entry
        if len(values) == 2:
            found[place] = (values[0] - values[1]) / (2 * STEP * scale)
    return found


TWO, THREE = (5, 6, 3), (5, 6, 4, 3)
CASES = [("cpu", TWO, 2), ("cpu", THREE, 2), ("reference", TWO, 1)]  # the reference is slow


@pytest.mark.parametrize(
    ("backend", "sizes", "batch"), CASES, ids=["cpu-two", "cpu-three", "reference-two"], indirect=["backend"]
)
def test_every_gradient_is_the_central_difference(lively_network, all_gradients, backend, sizes, batch):
    network, weights, times = lively_network(sizes, batch, END)
    output, _ = simulate(network, times, weights)
    coefficients = np.random.default_rng(1).normal(size=1000)
    assert not any(layer.bounded_slopes for layer in network.layers[1:])
    exact = all_gradients(network, coefficients[: len(output)])
    events = network.layers[0].events
    of_times = np.empty(times.shape)
    of_times[events.samples, events.neurons, events.slots] = exact.times
    scales = [*(np.abs(matrix).max() for matrix in weights), network.layers[1].neuron.tau_syn]
    left_out = []
    for array, gradient, scale in zip((*weights, times), (*exact.weights, of_times), scales, strict=True):
        found = differences(network, times, weights, coefficients, array, scale)
        kept = np.isfinite(found)
        left_out.append(1 - kept.mean())
        np.testing.assert_allclose(gradient[kept], found[kept], rtol=0, atol=TOLERANCE * np.abs(gradient).max())
    assert np.mean(left_out) <= MOST_LEFT_OUT
