"""Backward pass in the letters of EQUATIONS A.5: f, h, a, b, c, x, for each spike and each input, float64.

a, b and x are computed anew from the spikes; of what the forward pass noted, only the crossings' times are used.
Absolute exponentials overflow when times exceed some 350 tau; the fast implementations do not.
"""

from __future__ import annotations

import math

import numpy as np

from bats_dt.kernels.spike_times import LEAST_SLOPE
from bats_dt.neuron import Neuron
from bats_dt.spikes import EmittedSpikes, SpikeEvents


def spike_gradients(
    errors: np.ndarray,
    spikes: EmittedSpikes,
    inputs: SpikeEvents,
    weights: np.ndarray,
    neuron: Neuron,
    parts: int,
    with_input_errors: bool,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Contract: :func:`bats_dt.kernels.spike_gradients.spike_gradients`."""
    dtype, weights = weights.dtype, weights.astype(np.float64)
    gradient = np.zeros((parts, *weights.shape))
    input_errors = np.zeros(len(inputs.times))
    offsets = spikes.events.offsets
    for sample in range(inputs.batch):
        part = _part_of(sample, parts, inputs.batch)
        for j in range(weights.shape[1]):
            own = [k for k in range(offsets[sample], offsets[sample + 1]) if spikes.events.neurons[k] == j]
            _add_neuron(
                j, own, [float(errors[k]) for k in own], spikes, inputs, int(inputs.offsets[sample]),
                weights, neuron, gradient[part], input_errors,
            )  # fmt: skip
    return gradient.astype(dtype), (input_errors.astype(dtype) if with_input_errors else None)


def _part_of(sample: int, parts: int, batch: int) -> int:
    """Part p holds the samples from p batch // parts up to (p + 1) batch // parts."""
    return next(p for p in range(parts) if sample < (p + 1) * batch // parts)


def _add_neuron(
    j: int, own: list[int], errors: list[float], spikes: EmittedSpikes, inputs: SpikeEvents, begin: int,
    weights: np.ndarray, neuron: Neuron, gradient: np.ndarray, input_errors: np.ndarray,
) -> None:  # fmt: skip
    """Add what the spikes ``own`` of neuron j in one sample contribute."""
    tau, tau_s, c = neuron.tau_mem, neuron.tau_syn, neuron.c
    crossings = [float(inputs.times[spikes.last_input[k]]) + float(spikes.since_input[k]) for k in own]
    resets = [float(spikes.events.times[k]) for k in own] if spikes.reset_on_grid else crossings
    for last in reversed(range(len(own))):
        k = own[last]
        e = errors[last]
        if spikes.inverse_slope[k] == 0:
            errors[last - 1] += e
            continue
        causal = range(begin, int(spikes.last_input[k]) + 1)
        t_k = crossings[last]
        a = sum(weights[inputs.neurons[z], j] * math.exp(inputs.times[z] / tau_s) for z in causal)
        b = sum(weights[inputs.neurons[z], j] * math.exp(inputs.times[z] / tau) for z in causal)
        b -= neuron.reset_over_tau * sum(math.exp(t_i / tau) for t_i in resets[:last])
        x = math.sqrt(max(b * b - 4 * a * c, 0.0))
        bounded = max(x, LEAST_SLOPE * c * math.exp(t_k / tau))  # x itself but for near-tangential crossings
        f = (tau / a) * (x + c * math.exp(t_k / tau)) / bounded
        h = tau / bounded
        for i in range(last):  # b depends on the reset times
            errors[i] += e * h * neuron.reset_over_tau / tau * math.exp(resets[i] / tau)
        for z in causal:
            pre, t_z = inputs.neurons[z], float(inputs.times[z])
            first, second = f * math.exp(t_z / tau_s), h * math.exp(t_z / tau)
            gradient[pre, j] += e * (first - second)
            input_errors[z] += e * weights[pre, j] * (first / tau_s - second / tau)
