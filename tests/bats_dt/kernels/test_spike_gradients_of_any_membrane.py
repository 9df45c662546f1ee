"""Gradients where the membrane is not twice as slow as the synapse; the spikes come from this file's own simulation."""

import math

import numpy as np
import pytest

from bats_dt.kernels.event_lists import event_lists
from bats_dt.kernels.spike_gradients import cpu, reference
from bats_dt.neuron import Neuron
from bats_dt.spikes import EmittedSpikes, SpikeEvents

TAU = 0.13
# tau_mem as a multiple of tau_syn; 1.001: g divides by a delta that nearly vanishes.
RATIOS = [2.0, 1.0, 0.5, 1.001, 5.0]


def neuron_of(ratio):
    """The threshold keeps its ratio to the peak of one input's response."""
    tau_mem = ratio * TAU
    peak = TAU / math.e if ratio == 1 else TAU * ratio ** (ratio / (1 - ratio)) * ratio
    return Neuron(TAU, 1.5 * peak, 1.5 * peak, tau_mem)


def potential(t, w, t_in, resets, neuron):
    """V at times t (any shape): the response form [A3-A5], its limit for equal time constants."""
    since = t[..., None] - t_in
    slow, fast = np.exp(-since / neuron.tau_mem), np.exp(-since / neuron.tau_syn)
    rise = since * slow if neuron.delta == 0 else (slow - fast) / neuron.delta
    return (w * rise).sum(axis=-1) - neuron.reset * np.exp(-(t[..., None] - resets) / neuron.tau_mem).sum(axis=-1)


def crossings_of(w, t_in, neuron, end):
    """(time, last input) of each spike of a neuron with inputs ``t_in``, ascending: fine steps, then bisection.

    After a rest of 0.4 s this file's neurons have no crossing left.
    """
    found: list[tuple[float, int]] = []
    for z, (begin, stop) in enumerate(zip(t_in, [*t_in[1:], end], strict=True)):
        while True:
            low = max(begin, found[-1][0]) if found else begin
            steps = np.linspace(low, min(stop, begin + 0.4), 200)[1:]
            resets = np.array([time for time, _ in found])
            above = potential(steps, w[: z + 1], t_in[: z + 1], resets, neuron) >= neuron.threshold
            if not above.any():
                break
            high = steps[above.argmax()]
            low = high - (steps[1] - steps[0])
            for _ in range(60):
                middle = (low + high) / 2
                if potential(np.array(middle), w[: z + 1], t_in[: z + 1], resets, neuron) >= neuron.threshold:
                    high = middle
                else:
                    low = middle
            found.append((high, z))
    return found


def simulated(inputs, weights, neuron, end=0.4):
    """Exact spikes of a layer as the forward pass notes them, in continuous time."""
    spikes = []  # sample, time, neuron, slot, last input, since, inverse slope
    for sample in range(inputs.batch):
        begin, stop = inputs.offsets[sample : sample + 2]
        t_in = inputs.times[begin:stop]
        for j in range(weights.shape[1]):
            w = weights[inputs.neurons[begin:stop], j]
            found = crossings_of(w, t_in, neuron, end)
            for slot, (time, z) in enumerate(found):
                args = w[: z + 1], t_in[: z + 1], np.array([earlier for earlier, _ in found[:slot]]), neuron
                around = potential(np.array([time + 1e-6, time - 1e-6]), *args)
                slope = (around[0] - around[1]) / 2e-6
                spikes.append((sample, time, j, slot, begin + z, time - t_in[z], 1 / slope))
    spikes.sort()
    samples, times, neurons, slots, last_input, since, inverse = (
        np.array(column) for column in zip(*spikes, strict=True)
    )
    offsets = np.searchsorted(samples, np.arange(inputs.batch + 1))
    events = SpikeEvents(offsets, times, neurons.astype(np.int32), slots.astype(np.int32), weights.shape[1], 30)
    none = np.zeros(inputs.batch, np.int64)
    return EmittedSpikes(events, last_input, since, inverse, none, none, none - 1, False)


@pytest.fixture(params=RATIOS, ids=[f"tau_mem = {ratio} tau_syn" for ratio in RATIOS])
def case(request, random_trains):
    rng = np.random.default_rng(11)
    neuron = neuron_of(request.param)
    inputs = event_lists(*random_trains(rng, 2, 8, 2))
    weights = rng.uniform(-1, 3, (8, 4))
    spikes = simulated(inputs, weights, neuron)
    assert len(spikes.events.times) > 12
    return rng, neuron, inputs, weights, spikes


def test_central_differences_of_the_spike_times_agree(case):
    rng, neuron, inputs, weights, spikes = case
    cotangent = rng.normal(size=len(spikes.events.times))
    gradient, input_errors = cpu.spike_gradients(cotangent, spikes, inputs, weights, neuron, 1, True)
    step = 1e-6
    for times_by, weights_by in ((rng.normal(size=inputs.times.shape), 0.0), (0.0, rng.normal(size=weights.shape))):
        up, down = (
            moved(inputs, weights, neuron, spikes, sign * times_by, sign * weights_by) for sign in (step, -step)
        )
        expected = cotangent @ (up - down) / (2 * step)
        parts = input_errors * times_by, gradient[0] * weights_by
        assert abs(sum(part.sum() for part in parts) - expected) < 1e-6 * sum(np.abs(part).sum() for part in parts)


def moved(inputs, weights, neuron, spikes, times_by, weights_by):
    """Spike times when inputs and weights move a little: Newton's method from where they were."""
    emitted, own = np.empty(len(spikes.events.times)), {}
    for k, (sample, j) in enumerate(zip(spikes.events.samples, spikes.events.neurons, strict=True)):
        causal = slice(inputs.offsets[sample], spikes.last_input[k] + 1)
        args = (
            (weights + weights_by)[inputs.neurons[causal], j], (inputs.times + times_by)[causal],
            np.array(own.setdefault((sample, j), [])), neuron,
        )  # fmt: skip
        t = spikes.events.times[k]
        for _ in range(6):
            t = t - (potential(np.array(t), *args) - neuron.threshold) * spikes.inverse_slope[k]
        emitted[k] = t
        own[sample, j].append(t)
    return emitted


def test_the_fast_kernel_is_the_reference(case, gradient_tolerance):
    rng, neuron, inputs, weights, spikes = case
    errors = rng.normal(size=len(spikes.events.times))
    results = [m.spike_gradients(errors, spikes, inputs, weights, neuron, 1, True) for m in (cpu, reference)]
    for fast, slow in zip(*results, strict=True):  # the inverse slopes are those of differences, good to 1e-9
        assert np.abs(fast - slow).max() < max(gradient_tolerance[np.float64], 1e-7) * np.abs(slow).max()


def test_the_response_form_and_the_letters_are_the_same_where_both_hold(random_trains, monkeypatch):
    rng, neuron = np.random.default_rng(12), neuron_of(2.0)
    inputs, weights = event_lists(*random_trains(rng, 1, 8, 2)), rng.uniform(-1, 3, (8, 4))
    spikes = simulated(inputs, weights, neuron)
    errors = rng.normal(size=len(spikes.events.times))
    by_letters = reference.spike_gradients(errors, spikes, inputs, weights, neuron, 1, True)
    monkeypatch.setattr(reference, "_by_letters", reference._by_responses)
    by_responses = reference.spike_gradients(errors, spikes, inputs, weights, neuron, 1, True)
    for one, two in zip(by_letters, by_responses, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-8, atol=1e-10)


def test_nearly_equal_time_constants_give_nearly_the_gradient_of_equal_ones(one_spike_inputs):
    inputs, weights, gradients = event_lists(*one_spike_inputs([0.0, 0.1])), np.array([[2.0], [1.5]]), []
    for tau_mem in (TAU, TAU * (1 + 1e-9), TAU * (1 - 1e-9)):
        neuron = Neuron(TAU, 0.1, 0.1, tau_mem)
        spikes = simulated(inputs, weights, Neuron(TAU, 0.1, 0.1, TAU))
        errors = np.ones(len(spikes.events.times))
        gradients.append(cpu.spike_gradients(errors, spikes, inputs, weights, neuron, 1, True))
    for other in gradients[1:]:
        for one, two in zip(gradients[0], other, strict=True):
            np.testing.assert_allclose(one, two, rtol=1e-7)


@pytest.mark.parametrize("ratio", RATIOS)
def test_long_rests_between_inputs_neither_overflow_nor_lose_the_gradient(one_spike_inputs, ratio):
    neuron = neuron_of(ratio)
    early = event_lists(*one_spike_inputs([0.0, 1e4]))
    weights = np.array([[3.0], [3.0]])
    spikes = simulated(early, weights, neuron, end=1e4 + 0.4)
    errors = np.ones(len(spikes.events.times))
    gradient, input_errors = cpu.spike_gradients(errors, spikes, early, weights, neuron, 1, True)
    assert gradient[0, 1, 0] < 0
    np.testing.assert_allclose(gradient[0, 0], gradient[0, 1], rtol=1e-4)  # times have 1e-12 s there
    assert np.isfinite(input_errors).all()
