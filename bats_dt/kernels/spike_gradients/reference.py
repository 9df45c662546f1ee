"""Backward pass by the derivatives of each crossing with respect to each input and each reset, float64.

For tau_mem = 2 tau_syn in the letters of EQUATIONS A.5: f, h, a, b, c, x. For other time constants from the response g
of the membrane and its slope g', written out. Everything is computed anew from the spikes; of what the forward pass
noted, only the crossings' times are used. The letters' absolute exponentials overflow when times exceed some 350 tau;
the fast implementations do not.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from bats_dt.kernels.spike_times import LEAST_SLOPE
from bats_dt.neuron import Neuron
from bats_dt.spikes import EmittedSpikes, SpikeEvents


class Derivatives(NamedTuple):
    """Of the time of one crossing: by the weight of each causal input, by its time, by the time of each reset."""

    weights: list[float]
    inputs: list[float]
    resets: list[float]


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
    derive = _by_letters if neuron.closed_form else _by_responses
    crossings = [float(inputs.times[spikes.last_input[k]]) + float(spikes.since_input[k]) for k in own]
    resets = [float(spikes.events.times[k]) for k in own] if spikes.reset_on_grid else crossings
    for last in reversed(range(len(own))):
        k, e = own[last], errors[last]
        if spikes.inverse_slope[k] == 0:
            errors[last - 1] += e
            continue
        causal = range(begin, int(spikes.last_input[k]) + 1)
        times = [float(inputs.times[z]) for z in causal]
        w = [float(weights[inputs.neurons[z], j]) for z in causal]
        derivatives = derive(neuron, crossings[last], times, w, resets[:last])
        for i in range(last):
            errors[i] += e * derivatives.resets[i]
        for z, by_weight, by_time in zip(causal, derivatives.weights, derivatives.inputs, strict=True):
            gradient[inputs.neurons[z], j] += e * by_weight
            input_errors[z] += e * by_time


def _by_letters(neuron: Neuron, t_k: float, times: list[float], w: list[float], resets: list[float]) -> Derivatives:
    tau, tau_s, c = neuron.tau_mem, neuron.tau_syn, neuron.c
    a = sum(w_z * math.exp(t_z / tau_s) for w_z, t_z in zip(w, times, strict=True))
    b = sum(w_z * math.exp(t_z / tau) for w_z, t_z in zip(w, times, strict=True))
    b -= neuron.reset_over_tau * sum(math.exp(r / tau) for r in resets)
    x = math.sqrt(max(b * b - 4 * a * c, 0.0))
    bounded = max(x, LEAST_SLOPE * c * math.exp(t_k / tau))  # x itself but for near-tangential crossings
    f = (tau / a) * (x + c * math.exp(t_k / tau)) / bounded
    h = tau / bounded
    first = [f * math.exp(t_z / tau_s) for t_z in times]
    second = [h * math.exp(t_z / tau) for t_z in times]
    return Derivatives(
        [one - two for one, two in zip(first, second, strict=True)],
        [w_z * (one / tau_s - two / tau) for w_z, one, two in zip(w, first, second, strict=True)],
        [h * neuron.reset_over_tau / tau * math.exp(r / tau) for r in resets],  # b depends on the reset times
    )


def _by_responses(neuron: Neuron, t_k: float, times: list[float], w: list[float], resets: list[float]) -> Derivatives:
    """V(t_k) = sum_z w g(t_k - t_z) - reset sum_i exp(-(t_k - r_i)/tau_mem) = theta moves by nothing."""
    rises = [_rise(neuron, t_k - t_z) for t_z in times]
    falls = [neuron.reset_over_tau * math.exp(-(t_k - r) / neuron.tau_mem) for r in resets]
    slope = sum(w_z * rise for w_z, rise in zip(w, rises, strict=True)) + sum(falls)
    slope = max(slope, LEAST_SLOPE * neuron.c)
    return Derivatives(
        [-_response(neuron, t_k - t_z) / slope for t_z in times],
        [w_z * rise / slope for w_z, rise in zip(w, rises, strict=True)],
        [fall / slope for fall in falls],
    )


def _response(neuron: Neuron, since: float) -> float:
    """g(s), by the difference of its two exponentials unless they are nearly the same."""
    slow, fast, x = math.exp(-since / neuron.tau_mem), math.exp(-since / neuron.tau_syn), neuron.delta * since
    if abs(x) > 1e-3:
        return (slow - fast) / neuron.delta
    return since * slow * (1 - x / 2 * (1 - x / 3 * (1 - x / 4 * (1 - x / 5))))  # (1 - exp(-x)) / x


def _rise(neuron: Neuron, since: float) -> float:
    """g'(s) = current - leak."""
    return math.exp(-since / neuron.tau_syn) - _response(neuron, since) / neuron.tau_mem
