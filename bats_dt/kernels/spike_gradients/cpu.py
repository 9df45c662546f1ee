"""Backward pass in Numba: one walk over the input events in reverse, with two running sums a neuron.

Derivation, for any tau_mem. At the crossing t_k of spike k the potential keeps its value. With V'_k = dV/dt there, g
the response of :class:`bats_dt.neuron.Neuron`, and delays D = t_k - t_z to an input and t_k - r_i to an earlier reset:

    dt_k/dw   = -sum_z g(D) / V'_k
    dt_k/dt_z = w g'(D) / V'_k,   g'(D) = exp(-D/tau_mem) - g(D)/tau_syn
    dt_k/dr_i = (reset/tau_mem) exp(-(t_k - r_i)/tau_mem) / V'_k

(g' = exp(-D/tau_syn) - g/tau_mem because V' = I - V/tau_mem; delta g = exp(-D/tau_mem) - exp(-D/tau_syn) gives the
form above.) All errors e_k that lie ahead of a time t are two sums a neuron, with q_k = e_k / V'_k and D = t_k - t:

    P = sum_k q_k exp(-D/tau_mem),   Q = sum_k q_k g(D)
    going back by gap:   Q <- exp(-gap/tau_syn) Q + g(gap) P,   then   P <- exp(-gap/tau_mem) P
    at an input:         dL/dw -= Q,   dL/dt_z = sum_j w_j (P_j - Q_j/tau_syn)
    at a crossing:       P += q_k,   and of Q nothing, g(0) = 0

The step back is g(D + gap) = exp(-gap/tau_syn) g(D) + g(gap) exp(-D/tau_mem), the response after a rest seen from
either side; nothing is divided by delta but in g, by expm1. In the letters of EQUATIONS A.5, tau_mem = 2 tau_syn = tau,
with y = exp(-D/tau): g = tau (y - y^2), h exp(t_z/tau) = tau y / V'_k and f exp(t_z/tau_syn) = tau y^2 / V'_k, since
a y_k^2 = x y_k + c and V'_k = x y_k at the crossing, y_k = exp(-t_k/tau). So -g/V'_k is A.5's f exp() - h exp().

The e_k are complete before the walk begins: what goes from spike to spike through the resets needs no inputs
(``resets.py``). Crossings lie between inputs: P and Q stay at the input before, and what is added there carries the
factor of its distance s from that input, exp(-s/tau_mem) or g(s). Nothing assumes s >= 0: a crossing of the rule
"published" may lie before its last input.

Tasks are (part of the batch) x (block of neurons), split by the sizes alone, and their results are summed in a fixed
order: the number of threads does not change a bit.
"""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

import numpy as np
from numba import njit

from bats_dt.kernels.spike_gradients.resets import carried_errors
from bats_dt.kernels.threads import run_pieces
from bats_dt.neuron import Neuron
from bats_dt.spikes import EmittedSpikes, SpikeEvents

BLOCK = 128  # neurons a task
LEAST_TASKS = 4
P, Q = range(2)  # rows of a task's sums, and places of what a spike adds to them: q exp(-s/tau_mem), q g(s)
DECAY_MEM, DECAY_SYN, RESPONSE = range(3)  # places of the factors of a gap
INPUT, COLUMN = range(2)  # of a spike: the input before its crossing, its neuron in its block


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
    tasks, width = splits * blocks, -(-n_post // blocks)
    n_out, emitted = len(errors), spikes.events
    items, added = np.empty((n_out, 2), np.int32), np.empty((n_out, 2), dtype)
    bounds = np.zeros(batch * blocks + 1, np.int64)
    places = np.empty(blocks * (int(np.diff(inputs.offsets).max(initial=0)) + 1), np.int64)
    _order_items(
        inputs.offsets, emitted.offsets, emitted.neurons, width, spikes.last_input,
        _sums_of_spikes(errors, spikes, inputs, neuron, dtype), items, added, bounds, places,
    )  # fmt: skip
    gap_factors = _factors_of_gaps(inputs, neuron, dtype)
    gradient = np.zeros((splits, n_pre, n_post), dtype)
    input_errors = np.zeros((blocks, inputs.times.size if with_input_errors else 0), dtype)
    sums = np.zeros((tasks, 2, width), dtype)
    run_pieces(
        tasks,
        lambda first, end: _walk_tasks(
            first, end, inputs.offsets, inputs.neurons, gap_factors, items, added, bounds, weights,
            dtype.type(1 / neuron.tau_syn), gradient, input_errors, sums,
        ),
        updates=inputs.times.size * n_post,
    )  # fmt: skip
    if splits != parts:
        gradient = gradient.sum(axis=0, keepdims=True)
    return gradient, (input_errors.sum(axis=0) if with_input_errors else None)


def _decay_and_response(since: np.ndarray, neuron: Neuron) -> tuple[np.ndarray, np.ndarray]:
    """exp(-s/tau_mem) and g(s), float64; of the two forms of g the one whose exponentials do not grow with s."""
    decay, delta = np.exp(since * (-1 / neuron.tau_mem)), abs(neuron.delta)
    if delta == 0.0:
        return decay, since * decay
    slower = decay if neuron.delta > 0 else np.exp(since * (-1 / neuron.tau_syn))
    return decay, slower * np.expm1(since * -delta) * (-1 / delta)


def _factors_of_gaps(inputs: SpikeEvents, neuron: Neuron, dtype: np.dtype) -> np.ndarray:
    """What takes P and Q back to each input from the one after it, (n_in, 3)."""
    factors, gaps = np.empty((len(inputs.times), 3), dtype), np.zeros(len(inputs.times))
    np.subtract(inputs.times[1:], inputs.times[:-1], out=gaps[:-1], dtype=np.float64)
    gaps[inputs.offsets[1:][np.diff(inputs.offsets) > 0] - 1] = 0.0  # nothing comes after the last one of a sample
    factors[:, DECAY_MEM], factors[:, RESPONSE] = _decay_and_response(gaps, neuron)
    factors[:, DECAY_SYN] = np.exp(gaps * (-1 / neuron.tau_syn))
    return factors


def _sums_of_spikes(
    errors: np.ndarray, spikes: EmittedSpikes, inputs: SpikeEvents, neuron: Neuron, dtype: np.dtype
) -> np.ndarray:
    """What each spike adds to P and Q at the input before its crossing, (n_out, 2)."""
    q = carried_errors(errors, spikes, inputs, neuron)
    decay, response = _decay_and_response(spikes.since_input.astype(np.float64), neuron)
    sums = np.empty((len(errors), 2), dtype)
    sums[:, P], sums[:, Q] = q * decay, q * response
    return sums


@njit(cache=True, error_model="numpy")
def _order_items(in_offsets, offsets, neurons, width, last_input, spike_sums, items, added, bounds, places):
    """Counting sort of each sample's spikes by block of neurons, then by input, otherwise as they come.

    items: (n_out, 2); added: (n_out, 2), what each adds to P and Q. bounds: the items of (sample, block), numbered in
    this order, begin at ``bounds[number]``.
    """
    batch = offsets.size - 1
    for sample in range(batch):
        in_begin = in_offsets[sample]
        n_in = in_offsets[sample + 1] - in_begin
        blocks = (bounds.size - 1) // batch
        for place in range(blocks * n_in + 1):
            places[place] = 0
        for k in range(offsets[sample], offsets[sample + 1]):
            places[neurons[k] // width * n_in - in_begin + last_input[k] + 1] += 1
        places[0] = bounds[sample * blocks]
        for place in range(blocks * n_in):
            places[place + 1] += places[place]
        for block in range(blocks):
            bounds[sample * blocks + block + 1] = places[(block + 1) * n_in]
        for k in range(offsets[sample], offsets[sample + 1]):
            place = neurons[k] // width * n_in - in_begin + last_input[k]
            at = places[place]
            places[place] = at + 1
            items[at, INPUT] = last_input[k]
            items[at, COLUMN] = neurons[k] % width
            added[at, P] = spike_sums[k, P]
            added[at, Q] = spike_sums[k, Q]


# These take whole arrays and a row, not views of rows: a view counts references, which threads would contend for.
# ``pre``, ``low`` and ``width`` are unsigned: with signed ones Numba allows for indices from the end.


@njit(cache=True, error_model="numpy")
def _clear(sums, width):
    for j in range(width):
        sums[P, j] = 0.0
        sums[Q, j] = 0.0


@njit(cache=True, error_model="numpy")
def _step_back(sums, width, gap_factors, event):
    decay_mem, decay_syn, response = (
        gap_factors[event, DECAY_MEM], gap_factors[event, DECAY_SYN], gap_factors[event, RESPONSE],
    )  # fmt: skip
    for j in range(width):
        sums[Q, j] = decay_syn * sums[Q, j] + response * sums[P, j]
        sums[P, j] *= decay_mem


@njit(cache=True, error_model="numpy")
def _take(gradient, pre, low, width, sums):
    for j in range(width):
        gradient[pre, low + j] -= sums[Q, j]


@njit(cache=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"})
def _to_input(weights, pre, low, width, sums, rate):
    total = weights[pre, low] * (sums[P, 0] - sums[Q, 0] * rate)
    for j in range(np.uintp(1), width):
        total += weights[pre, low + j] * (sums[P, j] - sums[Q, j] * rate)
    return total


@njit(cache=True, error_model="numpy")
def _walk_sample(
    in_begin, begin, end, low, high, in_neurons, gap_factors, items, added, weights, rate, gradient, input_errors,
    sums,
):  # fmt: skip
    """Back through the inputs of one sample for the neurons low:high, from the last one with one of begin:end."""
    width, low_unsigned = np.uintp(high - low), np.uintp(low)
    _clear(sums, width)
    at = end - 1
    for event in range(items[at, INPUT], in_begin - 1, -1):
        if gap_factors[event, DECAY_MEM] != 1.0 or gap_factors[event, RESPONSE] != 0.0:
            _step_back(sums, width, gap_factors, event)
        while at >= begin and items[at, INPUT] == event:
            j = np.uintp(items[at, COLUMN])
            sums[P, j] += added[at, P]
            sums[Q, j] += added[at, Q]
            at -= 1
        pre = np.uintp(in_neurons[event])
        _take(gradient, pre, low_unsigned, width, sums)
        if input_errors.size > 0:
            input_errors[event] = _to_input(weights, pre, low_unsigned, width, sums, rate)


@njit(nogil=True, cache=True, error_model="numpy")
def _walk_tasks(
    first_task, end_task, in_offsets, in_neurons, gap_factors, items, added, bounds, weights, rate, gradient,
    input_errors, sums,
):  # fmt: skip
    splits, _, n_post = gradient.shape
    blocks, width = input_errors.shape[0], sums.shape[2]
    batch = in_offsets.size - 1
    for task in range(first_task, end_task):
        part = task // blocks
        block = task % blocks
        for sample in range(part * batch // splits, (part + 1) * batch // splits):
            begin, end = bounds[sample * blocks + block], bounds[sample * blocks + block + 1]
            if begin < end:
                _walk_sample(
                    in_offsets[sample], begin, end, block * width, min((block + 1) * width, n_post), in_neurons,
                    gap_factors, items, added, weights, rate, gradient[part], input_errors[block], sums[task],
                )  # fmt: skip
