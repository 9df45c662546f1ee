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
from numba import njit

from bats_dt.kernels.threads import run_pieces
from bats_dt.neuron import Neuron
from bats_dt.spikes import EmittedSpikes, SpikeEvents

BLOCK = 128  # neurons a task
LEAST_TASKS = 4
C1, C2, TO_WEIGHTS, TO_INPUTS = range(4)  # rows of a task's sums


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
    splits = min(-(-LEAST_TASKS // blocks), batch) if parts == 1 else parts
    width = -(-n_post // blocks)
    n_out = len(errors)
    gradient = np.zeros((splits, n_pre, n_post), dtype)
    input_errors = np.zeros((blocks, inputs.times.size if with_input_errors else 0), dtype)
    carried = np.zeros((splits * blocks, 3, width))
    sums = np.zeros((splits * blocks, 4, width), dtype)
    factors = np.tile(np.array([0.0, 0.0, 1.0, 1 / neuron.tau_syn, 1 / neuron.tau_mem], dtype), (splits * blocks, 1))
    places = np.empty((splits * blocks, int(np.diff(inputs.offsets).max(initial=0)) + 1), np.int64)
    order = np.empty((blocks, n_out), np.int64)
    amounts = np.empty((2, n_out), dtype)
    emitted = spikes.events
    errors = errors.astype(dtype)
    run_pieces(
        splits * blocks,
        lambda first, end: _walk_tasks(
            first, end, inputs.offsets, inputs.times, inputs.neurons, emitted.offsets, emitted.times, emitted.neurons,
            spikes.last_input, spikes.since_input, spikes.inverse_slope, errors, weights, neuron.tau_mem,
            neuron.reset_over_tau, spikes.reset_on_grid, gradient, input_errors, carried, sums, factors, places, order,
            amounts,
        ),
    )  # fmt: skip
    if splits != parts:
        gradient = gradient.sum(axis=0, keepdims=True)
    return gradient, (input_errors.sum(axis=0) if with_input_errors else None)


@njit(cache=True, error_model="numpy")
def _carry_through_resets(
    begin, end, low, high, times, neurons, last_input, since_input, inverse_slope, errors, in_times,
    tau, reset_over_tau, on_grid, carried, amounts,
):  # fmt: skip
    """Stage 1 for the neurons low:high of one sample; leaves what each spike adds to C1 and C2 in ``amounts``."""
    pulled = carried[0]  # sum_k e_k / s_k, decayed to the reference time
    handed = carried[1]  # error of a locked successor
    reference = carried[2]
    for j in range(high - low):
        pulled[j] = 0.0
        handed[j] = 0.0
    for k in range(end - 1, begin - 1, -1):
        if low <= neurons[k] < high:
            j = neurons[k] - low
            crossing = np.float64(in_times[last_input[k]]) + np.float64(since_input[k])
            # In continuous time the reset is at the crossing, of which the emitted time is a rounding.
            reset = np.float64(times[k]) if on_grid else crossing
            error = errors[k] + handed[j]
            handed[j] = 0.0
            if pulled[j] != 0.0:
                pulled[j] *= np.exp((reset - reference[j]) / tau)
                error += reset_over_tau * pulled[j]
                reference[j] = reset
            if inverse_slope[k] == 0.0:
                handed[j] = error
                error = 0.0
            elif error != 0.0:
                if pulled[j] != 0.0:
                    pulled[j] *= np.exp((crossing - reference[j]) / tau)
                pulled[j] += error * inverse_slope[k]
                reference[j] = crossing
            y = np.exp(-np.float64(since_input[k]) / tau)
            amounts[1, k] = tau * error * inverse_slope[k] * y
            amounts[0, k] = tau * error * inverse_slope[k] * y * y


@njit(cache=True, error_model="numpy")
def _order_by_input(begin, end, low, high, neurons, last_input, in_begin, in_end, order, places):
    """Counting sort of the spikes of the neurons low:high by the input they follow; returns their number."""
    for i in range(in_end - in_begin + 1):
        places[i] = 0
    n = 0
    for k in range(begin, end):
        if low <= neurons[k] < high:
            places[last_input[k] - in_begin + 1] += 1
            n += 1
    for i in range(in_end - in_begin):
        places[i + 1] += places[i]
    for k in range(begin, end):
        if low <= neurons[k] < high:
            place = last_input[k] - in_begin
            order[places[place]] = k
            places[place] += 1
    return n


# These take whole arrays and a row, not views of rows: a view counts references, which threads would contend for.
# ``pre``, ``low`` and ``width`` are unsigned: with signed ones Numba allows for indices from the end.


@njit(cache=True, error_model="numpy")
def _clear(sums, width):
    for j in range(width):
        sums[C1, j] = 0.0
        sums[C2, j] = 0.0


@njit(cache=True, error_model="numpy")
def _decay(sums, width, decay1, decay2):
    for j in range(width):
        sums[C1, j] *= decay1
        sums[C2, j] *= decay2


@njit(cache=True, error_model="numpy")
def _difference(sums, place, width, factor1, factor2):
    for j in range(width):
        sums[place, j] = sums[C1, j] * factor1 - sums[C2, j] * factor2


@njit(cache=True, error_model="numpy")
def _add(gradient, pre, low, width, sums):
    for j in range(width):
        gradient[pre, low + j] += sums[TO_WEIGHTS, j]


@njit(cache=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"})
def _dot(weights, pre, low, width, sums):
    total = sums[TO_INPUTS, 0] * weights[pre, low]
    for j in range(np.uintp(1), width):
        total += weights[pre, low + j] * sums[TO_INPUTS, j]
    return total


@njit(cache=True, error_model="numpy")
def _walk_back(
    begin, end, in_times, in_neurons, order, last_input, neurons, amounts, weights, gradient, low, high, tau,
    input_errors, sums, factors,
):  # fmt: skip
    """Stage 2 for the neurons low:high, the inputs begin:end and the spikes ``order`` of one sample."""
    with_errors = input_errors.size > 0
    width, low_unsigned = np.uintp(high - low), np.uintp(low)
    _clear(sums, width)
    k = order.size - 1
    last = last_input[order[k]] + 1 if k >= 0 else begin  # later inputs come after every spike
    last_time = in_times[last - 1] if k >= 0 else in_times[begin]
    while last > begin:
        time = in_times[last - 1]
        first = last - 1
        while first > begin and in_times[first - 1] == time:
            first -= 1
        decay = np.exp((np.float64(time) - np.float64(last_time)) / tau)
        last_time = time
        factors[0] = decay * decay
        factors[1] = decay
        _decay(sums, width, factors[0], factors[1])
        while k >= 0 and last_input[order[k]] >= first:
            sums[C1, neurons[order[k]] - low] += amounts[0, order[k]]
            sums[C2, neurons[order[k]] - low] += amounts[1, order[k]]
            k -= 1
        _difference(sums, TO_WEIGHTS, width, factors[2], factors[2])
        for event in range(first, last):
            _add(gradient, np.uintp(in_neurons[event]), low_unsigned, width, sums)
        if with_errors:
            _difference(sums, TO_INPUTS, width, factors[3], factors[4])
            for event in range(first, last):
                input_errors[event] = _dot(weights, np.uintp(in_neurons[event]), low_unsigned, width, sums)
        last = first


@njit(cache=True, error_model="numpy")
def _walk_sample(
    sample, low, high, in_offsets, in_times, in_neurons, offsets, times, neurons, last_input, since_input,
    inverse_slope, errors, weights, tau, reset_over_tau, on_grid, gradient, input_errors, carried, sums, factors,
    places, order, amounts,
):  # fmt: skip
    begin, end, in_begin, in_end = offsets[sample], offsets[sample + 1], in_offsets[sample], in_offsets[sample + 1]
    _carry_through_resets(
        begin, end, low, high, times, neurons, last_input, since_input, inverse_slope, errors, in_times,
        tau, reset_over_tau, on_grid, carried, amounts,
    )  # fmt: skip
    n = _order_by_input(begin, end, low, high, neurons, last_input, in_begin, in_end, order[begin:end], places)
    if n > 0:
        _walk_back(
            in_begin, in_end, in_times, in_neurons, order[begin : begin + n], last_input, neurons, amounts, weights,
            gradient, low, high, tau, input_errors, sums, factors,
        )  # fmt: skip


@njit(nogil=True, cache=True, error_model="numpy")
def _walk_tasks(
    first_task, end_task, in_offsets, in_times, in_neurons, offsets, times, neurons, last_input, since_input,
    inverse_slope, errors, weights, tau, reset_over_tau, on_grid, gradient, input_errors, carried, sums, factors,
    places, order, amounts,
):  # fmt: skip
    splits, _, n_post = gradient.shape
    blocks = input_errors.shape[0]
    batch = in_offsets.size - 1
    for task in range(first_task, end_task):
        part = task // blocks
        block = task % blocks
        for sample in range(part * batch // splits, (part + 1) * batch // splits):
            _walk_sample(
                sample, block * n_post // blocks, (block + 1) * n_post // blocks, in_offsets, in_times, in_neurons,
                offsets, times, neurons, last_input, since_input, inverse_slope, errors, weights, tau, reset_over_tau,
                on_grid, gradient[part], input_errors[block], carried[task], sums[task], factors[task], places[task],
                order[block], amounts,
            )  # fmt: skip
