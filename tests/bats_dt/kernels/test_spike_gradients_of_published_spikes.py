"""The rule "published": spikes at grid times, gradients of the crossings, in the letters of its own backward pass.

Simulation and gradient are written here from those letters (float64, absolute exponentials): per spike it keeps a, x
and E = exp(t_c/tau) of the continuous crossing t_c, which may lie before the last input; every comparison of times is
with the grid time.
"""

import math

import numpy as np
import pytest

from bats_dt.grid import TimeGrid
from bats_dt.kernels.event_lists import event_lists
from bats_dt.kernels.spike_gradients import cpu, reference
from bats_dt.kernels.spike_times import cpu as forward
from bats_dt.neuron import Neuron
from bats_dt.spikes import EmittedSpikes, SpikeEvents

NEURON = Neuron(tau_syn=0.13, threshold=0.2, reset=0.2)
C = NEURON.c


def published(inputs, weights, dt, end=0.3):
    """Letters (sample, grid time, neuron, slot, last input, a, x, E) of each spike."""
    tau, spikes = NEURON.tau_mem, []
    for sample in range(inputs.batch):
        events = range(inputs.offsets[sample], inputs.offsets[sample + 1])
        for j in range(weights.shape[1]):
            a = b = 0.0
            slot = 0
            for z in events:
                time, w = inputs.times[z], weights[inputs.neurons[z], j]
                a, b, last = a + w * math.exp(time / NEURON.tau_syn), b + w * math.exp(time / tau), time
                following = inputs.times[z + 1] if z + 1 in events else math.inf
                while b * b >= 4 * a * C and a > 0 and b > 0:
                    x = math.sqrt(b * b - 4 * a * C)
                    e = 2 * a / (b + x)
                    t = round((tau * math.log(e) - math.fmod(tau * math.log(e), dt)) / dt + 1) * dt
                    y = math.exp(-t / tau)
                    if tau * (b * y - a * y * y) + 1e-4 < NEURON.threshold or t <= last or t > min(end, following):
                        break
                    spikes.append((sample, t, j, slot, z, a, x, e))
                    slot, last, b = slot + 1, t, b - NEURON.reset_over_tau * e
    return sorted(spikes)


def emitted(spikes, inputs, n_post):
    samples, times, neurons, slots, last_input, _, x, e = (np.array(column) for column in zip(*spikes, strict=True))
    offsets = np.searchsorted(samples, np.arange(inputs.batch + 1))
    events = SpikeEvents(offsets, times, neurons.astype(np.int32), slots.astype(np.int32), n_post, 60)
    none = np.zeros(inputs.batch, np.int64)
    since = NEURON.tau_mem * np.log(e) - inputs.times[last_input]
    return EmittedSpikes(events, last_input, since, e / x, none, none, none - 1, False)


def gradients_in_letters(errors, spikes, inputs, weights):
    """Stages 1 to 4 of the published backward pass."""
    tau, tau_s = NEURON.tau_mem, NEURON.tau_syn
    gradient, input_errors, pulled, errors = np.zeros_like(weights), np.zeros(len(inputs.times)), {}, errors.copy()
    for k in reversed(range(len(spikes))):
        sample, t_k, j, _, _, a, x, e = spikes[k]
        errors[k] += e * pulled.get((sample, j), 0.0)
        pulled[sample, j] = pulled.get((sample, j), 0.0) + errors[k] * NEURON.reset_over_tau / x
        f1, f2 = tau / a * (1 + C * e / x), tau / x
        for z in range(inputs.offsets[sample], inputs.offsets[sample + 1]):
            t_z, pre = inputs.times[z], inputs.neurons[z]
            if t_z < t_k:
                e_s, e_m = math.exp(t_z / tau_s), math.exp(t_z / tau)
                gradient[pre, j] += errors[k] * (f1 * e_s - f2 * e_m)
                input_errors[z] += weights[pre, j] * errors[k] * (e_s / tau_s * f1 - e_m / tau * f2)
    return gradient, input_errors


@pytest.mark.parametrize("inputs_on_grid", [False, True], ids=["free inputs", "inputs on the grid"])
@pytest.mark.parametrize("dt", [0.002, 0.01])
def test_both_kernels_give_the_gradient_of_the_published_letters(random_trains, dt, inputs_on_grid):
    rng = np.random.default_rng(20)
    times, counts = random_trains(rng, 3, 12, 2)
    if inputs_on_grid:  # many inputs at one time, and spikes at the times of inputs
        times = np.ceil(times / dt) * dt
    inputs, weights = event_lists(times, counts), rng.uniform(-1, 3, (12, 20))
    spikes = published(inputs, weights, dt)
    layer = emitted(spikes, inputs, 20)
    assert len(spikes) > 150
    if inputs_on_grid:
        assert np.isin(layer.events.times, inputs.times).any()
    else:  # a crossing before its last input: extrapolated
        assert (layer.since_input < 0).any()
    errors = rng.normal(size=len(spikes))
    gradient, input_errors = gradients_in_letters(errors, spikes, inputs, weights)
    for module in (cpu, reference):
        found, found_errors = module.spike_gradients(errors, layer, inputs, weights, NEURON, 1, True)
        np.testing.assert_allclose(found[0], gradient, rtol=1e-9, atol=1e-9 * np.abs(gradient).max())
        np.testing.assert_allclose(found_errors, input_errors, rtol=1e-9, atol=1e-9 * np.abs(input_errors).max())


@pytest.mark.parametrize("dt", [0.002, 0.01])
def test_the_forward_pass_notes_the_crossings_of_these_letters(random_trains, dt):
    rng = np.random.default_rng(21)
    inputs, weights = event_lists(*random_trains(rng, 3, 12, 2)), rng.uniform(-1, 3, (12, 20))
    noted = forward.spike_times(inputs, weights, NEURON, 0.3, 60, TimeGrid(dt, "published"))
    layer = emitted(published(inputs, weights, dt), inputs, 20)
    for name in ("offsets", "times", "neurons"):
        np.testing.assert_allclose(getattr(noted.events, name), getattr(layer.events, name), rtol=1e-12)
    np.testing.assert_array_equal(noted.last_input, layer.last_input)
    np.testing.assert_allclose(noted.since_input, layer.since_input, atol=1e-10)
    np.testing.assert_allclose(noted.inverse_slope, layer.inverse_slope, rtol=1e-6)
    assert not noted.reset_on_grid
