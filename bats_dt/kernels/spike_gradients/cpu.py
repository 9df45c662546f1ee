"""Backward pass in Numba: one walk over the input events in reverse, with two running sums a neuron.

Derivation. At the crossing t_k of spike k the potential keeps its value, so with s_k = dV/dt there, and delays
D = t_k - t_z to an input spike and t_k - r_i to the time r_i of an earlier reset (the emitted time of spike i):

    dt_k/dw  = (tau / s_k) sum_z [ exp(-D/tau_s) - exp(-D/tau) ]
    dt_k/dt_z = w (tau / s_k) [ exp(-D/tau_s)/tau_s - exp(-D/tau)/tau ]
    dt_k/dr_i = (theta_reset / tau) exp(-(t_k - r_i)/tau) / s_k

This is EQUATIONS A.5's f exp(t_z/tau_s) - h exp(t_z/tau): with slope s = x y, y = exp(-t_k/tau), h = tau/x = (tau/s) y
and f = (tau/a)(1 + (c/x)/y) = tau y/x = (tau/s) y^2, because a y^2 = x y + c at the crossing.

1. Recurrent, for each neuron from its last spike to its first: e_i <- e_i + sum_{k>i} e_k dt_k/dr_i, a running sum
   that decays. A spike locked to its predecessor (inverse slope 0) hands its whole error to it.
2. C1 = sum_k e_k (tau/s_k) exp(-(t_k - t)/tau_s) and C2, with tau, decay as the walk goes back in time t. At each
   input spike dL/dw += C1 - C2 for all neurons at once, dL/dt_z = sum_j w_j (C1_j/tau_s - C2_j/tau).

Tasks are (part of the batch) x (block of neurons), split by the sizes alone, and their results are summed in a fixed
order: the number of threads does not change a bit.
"""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

import numpy as np
from numba import njit, prange

from bats_dt.kernels.threads import PRANGE_ONLY
from bats_dt.neuron import Neuron
from bats_dt.spikes import EmittedSpikes, SpikeEvents

BLOCK = 128  # neurons a task
LEAST_TASKS = 8


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
    dtype, batch, (n_pre, n_post) = weights.dtype, inputs.batch, weights.shape
    blocks = -(-n_post // BLOCK)
    splits = min(max(1, -(-LEAST_TASKS // blocks)), batch) if parts == 1 else parts
    constants = (neuron.tau_mem, neuron.reset_over_tau)
    errors = errors.astype(dtype)
    carried = np.zeros((batch, 3, n_post))
    order = np.empty(errors.size, np.int64)
    places = np.zeros((inputs.times.size + batch), np.int64)
    c1_of, c2_of = np.empty((2, errors.size), dtype)
    _prepare_batch(
        errors, spikes.events.offsets, spikes.events.times, spikes.events.neurons, spikes.last_input,
        spikes.since_input, spikes.inverse_slope, inputs.offsets, inputs.times, constants,
        carried, order, places, c1_of, c2_of,
    )  # fmt: skip
    gradient = np.zeros((splits, n_pre, n_post), dtype)
    input_errors = np.zeros((blocks, inputs.times.size if with_input_errors else 0), dtype)
    sums = np.zeros((splits * blocks, 4, BLOCK), dtype)
    factors = np.tile(np.array([0.0, 0.0, 1.0, 1 / neuron.tau_syn, 1 / neuron.tau_mem], dtype), (splits * blocks, 1))
    _walk_batch(
        inputs.offsets, inputs.times, inputs.neurons, spikes.events.offsets, order, spikes.last_input,
        spikes.events.neurons, c1_of, c2_of, weights, gradient, neuron.tau_mem, input_errors, sums, factors, blocks,
    )  # fmt: skip
    if splits != parts:
        gradient = gradient.sum(axis=0, keepdims=True)
    return gradient, (input_errors.sum(axis=0) if with_input_errors else None)


@njit(cache=True, error_model="numpy")
def _carry_through_resets(
    begin, end, errors, times, neurons, last_input, since_input, inverse_slope, in_times, constants, carried
):
    """Stage 1, in place, for the spikes of one sample."""
    tau, reset_over_tau = constants
    pulled = carried[0]  # sum_k e_k / s_k, decayed to the reference time
    handed = carried[1]  # error of a locked successor
    reference = carried[2]
    for k in range(end - 1, begin - 1, -1):
        j = neurons[k]
        if pulled[j] != 0.0:
            pulled[j] *= np.exp((times[k] - reference[j]) / tau)
        error = errors[k] + handed[j] + reset_over_tau * pulled[j]
        errors[k] = error
        handed[j] = 0.0
        reference[j] = times[k]
        if inverse_slope[k] == 0.0:
            handed[j] = error
        else:
            crossing = np.float64(in_times[last_input[k]]) + np.float64(since_input[k])
            pulled[j] *= np.exp((crossing - reference[j]) / tau)
            pulled[j] += error * inverse_slope[k]
            reference[j] = crossing


@njit(cache=True, error_model="numpy")
def _order_by_input(begin, end, in_begin, last_input, order, places):
    """Counting sort of the spikes of a sample by the input they follow."""
    for k in range(begin, end):
        places[last_input[k] - in_begin + 1] += 1
    for i in range(1, places.size):
        places[i] += places[i - 1]
    for k in range(begin, end):
        place = last_input[k] - in_begin
        order[begin + places[place]] = k
        places[place] += 1


@njit(cache=True, error_model="numpy")
def _prepare_sample(
    begin, end, errors, times, neurons, last_input, since_input, inverse_slope, in_begin, in_times, constants,
    carried, order, places, c1_of, c2_of,
):  # fmt: skip
    _carry_through_resets(
        begin, end, errors, times, neurons, last_input, since_input, inverse_slope, in_times, constants, carried
    )
    tau = constants[0]
    for k in range(begin, end):
        y = np.exp(-np.float64(since_input[k]) / tau)
        c2 = tau * errors[k] * inverse_slope[k] * y
        c2_of[k] = c2
        c1_of[k] = c2 * y
    _order_by_input(begin, end, in_begin, last_input, order, places)


@njit(parallel=PRANGE_ONLY, cache=True, error_model="numpy")
def _prepare_batch(
    errors, offsets, times, neurons, last_input, since_input, inverse_slope, in_offsets, in_times, constants,
    carried, order, places, c1_of, c2_of,
):  # fmt: skip
    for sample in prange(offsets.size - 1):
        _prepare_sample(
            offsets[sample], offsets[sample + 1], errors, times, neurons, last_input, since_input, inverse_slope,
            in_offsets[sample], in_times, constants, carried[sample], order,
            places[in_offsets[sample] + sample : in_offsets[sample + 1] + sample + 1], c1_of, c2_of,
        )  # fmt: skip


@njit(cache=True, error_model="numpy")
def _clear(values):
    for j in range(values.size):
        values[j] = 0.0


@njit(cache=True, error_model="numpy")
def _decay(c1, c2, decay1, decay2):
    for j in range(c1.size):
        c1[j] *= decay1
        c2[j] *= decay2


@njit(cache=True, error_model="numpy")
def _difference(difference, c1, c2, factor1, factor2):
    for j in range(c1.size):
        difference[j] = c1[j] * factor1 - c2[j] * factor2


@njit(cache=True, error_model="numpy")
def _add(row, values):
    for j in range(row.size):
        row[j] += values[j]


@njit(cache=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"})
def _dot(row, values):
    total = row[0] * values[0]
    for j in range(1, row.size):
        total += row[j] * values[j]
    return total


@njit(cache=True, error_model="numpy")
def _walk_back(
    begin, end, in_times, in_neurons, out_begin, out_end, order, last_input, neurons, c1_of, c2_of, weights,
    gradient, low, width, tau, input_errors, sums, factors,
):  # fmt: skip
    """Stage 2 for a block of ``width`` neurons from ``low`` on and the inputs begin:end of one sample."""
    with_errors = input_errors.size > 0
    c1, c2 = sums[0, :width], sums[1, :width]
    to_weights, to_inputs = sums[2, :width], sums[3, :width]
    _clear(c1)
    _clear(c2)
    active = False
    k = out_end - 1
    last = end
    while last > begin:
        time = in_times[last - 1]
        first = last - 1
        while first > begin and in_times[first - 1] == time:
            first -= 1
        if active:
            decay = np.exp((np.float64(time) - np.float64(in_times[last])) / tau)
            factors[0] = decay * decay
            factors[1] = decay
            _decay(c1, c2, factors[0], factors[1])
        while k >= out_begin and last_input[order[k]] >= first:
            spike = order[k]
            j = neurons[spike] - low
            if 0 <= j < width:
                c1[j] += c1_of[spike]
                c2[j] += c2_of[spike]
                active = True
            k -= 1
        if active:
            _difference(to_weights, c1, c2, factors[2], factors[2])
            for event in range(first, last):
                _add(gradient[in_neurons[event], low : low + width], to_weights)
            if with_errors:
                _difference(to_inputs, c1, c2, factors[3], factors[4])
                for event in range(first, last):
                    input_errors[event] = _dot(weights[in_neurons[event], low : low + width], to_inputs)
        last = first


@njit(parallel=PRANGE_ONLY, cache=True, error_model="numpy")
def _walk_batch(
    in_offsets, in_times, in_neurons, offsets, order, last_input, neurons, c1_of, c2_of, weights,
    gradient, tau, input_errors, sums, factors, blocks,
):  # fmt: skip
    splits, _, n_post = gradient.shape
    batch = in_offsets.size - 1
    for task in prange(splits * blocks):
        part = task // blocks
        block = task % blocks
        low = block * n_post // blocks
        width = (block + 1) * n_post // blocks - low
        for sample in range(part * batch // splits, (part + 1) * batch // splits):
            _walk_back(
                in_offsets[sample], in_offsets[sample + 1], in_times, in_neurons,
                offsets[sample], offsets[sample + 1], order, last_input, neurons, c1_of, c2_of, weights,
                gradient[part], low, width, tau, input_errors[block], sums[task], factors[task],
            )  # fmt: skip
