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

The e_k of a sample are complete before its walk begins: what goes from spike to spike through the resets needs no
inputs (``resets.py``). Crossings lie between inputs: P and Q stay at the input before, and what is added there carries
the factor of its distance s from that input, exp(-s/tau_mem) or g(s). Nothing assumes s >= 0: a crossing of the rule
"published" may lie before its last input.

Tasks are ranges of samples, with a gradient each, split by the size of the batch alone, and their results are summed in
a fixed order: the number of threads does not change a bit.
"""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

import numpy as np
from numba import njit

from bats_dt.kernels.spike_gradients.resets import carry_errors
from bats_dt.kernels.threads import run_pieces
from bats_dt.neuron import Neuron
from bats_dt.spikes import EmittedSpikes, SpikeEvents

SAMPLES = 16  # a task, or more
MOST_TASKS = 4  # each needs memory for a gradient
P, Q = range(2)  # rows of a task's sums, and places of what a spike adds to them: q exp(-s/tau_mem), q g(s)
DECAY_MEM, RESPONSE, DECAY_SYN = range(3)  # places of the factors of a gap or of a spike's s
NONE = -1  # after the last spike of a list
EVENT = 300  # numbers that could be updated in the time that a spike takes, whatever the number of neurons


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
    dtype, n_in, n_out, emitted = weights.dtype, len(inputs.times), len(errors), spikes.events
    tasks = min(-(-inputs.batch // SAMPLES), MOST_TASKS) if parts == 1 else parts
    gradient = np.empty((max(tasks, 1), *weights.shape), dtype)
    input_errors = np.zeros(n_in if with_input_errors else 0, dtype)
    gap_factors = _factors(_gaps(inputs), neuron, dtype)
    spike_factors = _factors(spikes.since_input.astype(np.float64), neuron, np.dtype(np.float64))
    carried, added = np.empty(n_out), np.empty((n_out, 2), dtype)
    newest, older = np.empty(n_in, np.int64), np.empty(n_out, np.int64)
    run_pieces(
        len(gradient),
        lambda first, end: _walk_tasks(
            first, end, inputs.offsets, inputs.times, inputs.neurons, gap_factors, emitted.offsets, emitted.times,
            emitted.neurons, spikes.last_input, spikes.since_input, spikes.inverse_slope, spike_factors, errors,
            neuron.reset_over_tau, 1 / neuron.tau_mem, spikes.reset_on_grid, weights, dtype.type(1 / neuron.tau_syn),
            carried, added, newest, older, gradient, input_errors,
        ),
        updates=(n_in + n_out) * (weights.shape[1] + EVENT),
    )  # fmt: skip
    if parts == 1:
        for of_task in gradient[1:]:
            gradient[0] += of_task
    return gradient[:parts], (input_errors if with_input_errors else None)


def _factors(since: np.ndarray, neuron: Neuron, dtype: np.dtype) -> np.ndarray:
    """exp(-s/tau_mem), g(s), exp(-s/tau_syn), (n, 3); of the two forms of g the one whose exponentials do not grow."""
    decay, delta = np.exp(since * (-1 / neuron.tau_mem)), abs(neuron.delta)
    decay_syn = decay * decay if neuron.closed_form else np.exp(since * (-1 / neuron.tau_syn))
    rise = since if delta == 0.0 else np.expm1(since * -delta) * (-1 / delta)
    factors = np.empty((len(since), 3), dtype)
    factors[:, DECAY_MEM], factors[:, DECAY_SYN] = decay, decay_syn
    factors[:, RESPONSE] = (decay if neuron.delta >= 0 else decay_syn) * rise
    return factors


def _gaps(inputs: SpikeEvents) -> np.ndarray:
    """Seconds from each input to the next one, float64 (n_in,); 0 for the last of a sample, after which none comes."""
    gaps = np.zeros(len(inputs.times))
    np.subtract(inputs.times[1:], inputs.times[:-1], out=gaps[:-1], dtype=np.float64)
    gaps[inputs.offsets[1:][np.diff(inputs.offsets) > 0] - 1] = 0.0
    return gaps


@njit(cache=True, error_model="numpy")
def _list_by_input(begin, end, last_input, carried, spike_factors, added, newest, older):
    """Chain the spikes of a sample by the input before their crossing, the newest first; returns the last such input.

    What each adds to P and Q there goes to ``added``.
    """
    last = last_input[begin]
    for k in range(begin, end):
        event = last_input[k]
        older[k] = newest[event]
        newest[event] = k
        last = max(last, event)
        added[k, P] = carried[k] * spike_factors[k, DECAY_MEM]
        added[k, Q] = carried[k] * spike_factors[k, RESPONSE]
    return last


# These take whole arrays and a row, not views of rows: a view counts references, which threads would contend for.
# ``pre`` and ``width`` are unsigned: with signed ones Numba allows for indices from the end.


@njit(cache=True, error_model="numpy")
def _step_back(sums, width, gap_factors, event):
    decay_mem, decay_syn, response = (
        gap_factors[event, DECAY_MEM], gap_factors[event, DECAY_SYN], gap_factors[event, RESPONSE],
    )  # fmt: skip
    for j in range(width):
        sums[Q, j] = decay_syn * sums[Q, j] + response * sums[P, j]
        sums[P, j] *= decay_mem


@njit(cache=True, error_model="numpy")
def _take(gradient, pre, width, sums):
    for j in range(width):
        gradient[pre, j] -= sums[Q, j]


@njit(cache=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"})
def _to_input(weights, pre, width, sums, rate):
    total = weights[pre, 0] * (sums[P, 0] - sums[Q, 0] * rate)
    for j in range(np.uintp(1), width):
        total += weights[pre, j] * (sums[P, j] - sums[Q, j] * rate)
    return total


@njit(cache=True, error_model="numpy")
def _walk_sample(
    first_input, last, in_neurons, gap_factors, neurons, added, newest, older, weights, rate, gradient,
    input_errors, sums,
):  # fmt: skip
    """Back through the inputs of one sample, from the last one with a spike after it."""
    width = np.uintp(weights.shape[1])
    sums[:] = 0.0
    for event in range(last, first_input - 1, -1):
        if gap_factors[event, DECAY_MEM] != 1.0 or gap_factors[event, RESPONSE] != 0.0:
            _step_back(sums, width, gap_factors, event)
        k = newest[event]
        while k != NONE:
            j = np.uintp(neurons[k])
            sums[P, j] += added[k, P]
            sums[Q, j] += added[k, Q]
            k = older[k]
        pre = np.uintp(in_neurons[event])
        _take(gradient, pre, width, sums)
        if input_errors.size > 0:
            input_errors[event] = _to_input(weights, pre, width, sums, rate)


@njit(nogil=True, cache=True, error_model="numpy")
def _walk_tasks(
    first_task, end_task, in_offsets, in_times, in_neurons, gap_factors, offsets, times, neurons, last_input,
    since_input, inverse_slope, spike_factors, errors, reset_over_tau, rate_mem, reset_on_grid, weights, rate_syn,
    carried, added, newest, older, gradient, input_errors,
):  # fmt: skip
    tasks, batch, n_post = gradient.shape[0], offsets.size - 1, weights.shape[1]
    sums = np.empty((2, n_post), weights.dtype)
    of_neuron = np.empty((3, n_post))
    for task in range(first_task, end_task):
        gradient[task] = 0.0
        for sample in range(task * batch // tasks, (task + 1) * batch // tasks):
            begin, end = offsets[sample], offsets[sample + 1]
            first_input = in_offsets[sample]
            if begin < end:
                carry_errors(
                    begin, end, times, neurons, in_times, last_input, since_input, inverse_slope, errors,
                    reset_over_tau, rate_mem, reset_on_grid, of_neuron, carried,
                )  # fmt: skip
                newest[first_input : in_offsets[sample + 1]] = NONE
                last = _list_by_input(begin, end, last_input, carried, spike_factors, added, newest, older)
                _walk_sample(
                    first_input, last, in_neurons, gap_factors, neurons, added, newest, older, weights, rate_syn,
                    gradient[task], input_errors, sums,
                )  # fmt: skip
