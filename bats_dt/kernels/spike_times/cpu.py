"""Forward pass in Numba: samples in parallel, neurons on the vector axis, time relative to the last input.

Derivation. With t0 the time of the last input event, A = a exp(-t0/tau_s) and B = b exp(-t0/tau) in the letters
of EQUATIONS A.5, and c = theta/tau:

    V(t)/tau = B y - A y^2,  y = exp(-(t - t0)/tau)        an input adds w to A and to B,
    A <- A exp(-gap/tau_s), B <- B exp(-gap/tau)           when the origin moves on by gap,
    upward crossing  E = 1/y = 2A / (B + sqrt(B^2 - 4Ac)), peak E = 2A/B,  dV/dt = (2Ay - B) y.

A and B decay, so nothing overflows however long the simulation is. In each interval between inputs a cheap test
over all neurons flags those that may cross (it compares in E, without a logarithm); only those are solved, in
float64. The test may flag too many neurons; one that it misses by rounding is at or above the threshold at the
beginning of the next interval and is found there.
"""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

import numpy as np
from numba import njit

from bats_dt.grid import TimeGrid
from bats_dt.kernels.event_lists.sorting import sort_events
from bats_dt.kernels.spike_times.crossings import (
    BOUNDED,
    DIVERGED,
    DUE,
    EMITTED,
    LOST,
    MARK_ROWS,
    STATE_ROWS,
    TALLIES,
    TOTAL,
    A,
    B,
    fire,
)
from bats_dt.kernels.threads import run_pieces
from bats_dt.neuron import Neuron
from bats_dt.spikes import EmittedSpikes, SpikeEvents

_RULE_CODES = {None: 0, "snap": 1, "detect": 2}
_SLACK = 1e-5  # of the flags, relative to the threshold: some hundred roundings of float32


def spike_times(
    inputs: SpikeEvents,
    weights: np.ndarray,
    neuron: Neuron,
    max_simulation: float,
    max_spikes: int,
    grid: TimeGrid | None,
) -> EmittedSpikes:
    """Contract: :func:`bats_dt.kernels.spike_times.spike_times`."""
    dt, rule = (grid.dt, grid.rule) if grid else (0.0, None)
    dtype, batch, n_post = weights.dtype, inputs.batch, weights.shape[1]
    state = np.zeros((batch, STATE_ROWS, n_post), dtype)
    state[:, DUE] = np.inf
    marks = np.zeros((batch, MARK_ROWS, n_post), np.int32)
    flags = np.zeros((batch, (n_post + 7) // 8 * 8), np.uint8)
    floats = np.empty((batch, 3, n_post * max_spikes), dtype)  # time, since_input, inverse_slope
    integers = np.empty((batch, 5, n_post * max_spikes), np.int32)  # neuron, slot, last_input, order, spare
    tally = np.zeros((batch, TALLIES), np.int64)
    tally[:, DIVERGED] = -1
    steps = np.zeros((batch, 4), dtype)  # decay of a, decay of b, y at the end, end
    steps[:, 3] = max_simulation
    constants = (neuron.tau_mem, neuron.c, neuron.reset_over_tau, dt)
    bounds = (dtype.type(neuron.c * (1 - _SLACK)), dtype.type(1 + _SLACK))
    run_pieces(
        batch,
        lambda first, end: _simulate_samples(
            first, end, inputs.offsets, inputs.times, inputs.neurons, weights, constants, bounds, max_spikes,
            _RULE_CODES[rule], state, marks, flags, flags.view(np.uint64), floats, integers, tally, steps,
        ),
    )  # fmt: skip
    offsets = np.concatenate([[0], np.cumsum(tally[:, EMITTED])]).astype(np.int64)
    times, since, slopes = np.empty((3, offsets[-1]), dtype)
    neurons, slots = np.empty((2, offsets[-1]), np.int32)
    last_input = np.empty(offsets[-1], np.int64)
    _pack_batch(inputs.offsets, offsets, floats, integers, times, since, slopes, neurons, slots, last_input)
    events = SpikeEvents(offsets, times, neurons, slots, n_post, max_spikes)
    counts = tally[:, LOST], tally[:, BOUNDED], tally[:, DIVERGED]
    return EmittedSpikes(events, last_input, since, slopes, *counts, grid is not None)


@njit(cache=True, error_model="numpy")
def _copy_row(state, weights, pre):
    for j in range(weights.shape[1]):
        state[TOTAL, j] = weights[pre, j]


@njit(cache=True, error_model="numpy")
def _add_row(state, weights, pre):
    for j in range(weights.shape[1]):
        state[TOTAL, j] += weights[pre, j]


@njit(cache=True, error_model="numpy")
def _advance(state, decay_a, decay_b):
    for j in range(state.shape[1]):
        state[A, j] = state[A, j] * decay_a + state[TOTAL, j]
        state[B, j] = state[B, j] * decay_b + state[TOTAL, j]


@njit(cache=True, error_model="numpy")
def _flag(flags, state, y_end, t_end, low, edge):
    """Mark neurons that may emit: at threshold now or at the end, with a peak in between, or with a spike due."""
    for j in range(state.shape[1]):
        a = state[A, j]
        b = state[B, j]
        twice_a = a + a
        at_start = b - a >= low
        at_end = (b - a * y_end) * y_end >= low
        peak_ahead = (twice_a * edge >= b) & (twice_a * y_end <= b * edge)
        reaches = (b >= low) & (b * b >= (twice_a + twice_a) * low)
        flags[j] = at_start | at_end | (peak_ahead & reaches) | (state[DUE, j] <= t_end)


@njit(cache=True, error_model="numpy")
def _simulate_sample(
    begin, end, in_times, in_neurons, weights, constants, bounds, max_spikes, rule,
    state, marks, flags, flag_words, floats, integers, tally, steps,
):  # fmt: skip
    """Emit the spikes of one sample, interval by interval, then sort them."""
    n_post = weights.shape[1]
    limit = steps[3]
    decay = 0.0
    first = begin
    while first < end and in_times[first] <= limit and tally[DIVERGED] < 0:
        last = first + 1
        while last < end and in_times[last] == in_times[first]:
            last += 1
        _copy_row(state, weights, in_neurons[first])
        for event in range(first + 1, last):
            _add_row(state, weights, in_neurons[event])
        steps[0] = decay * decay
        steps[1] = decay
        _advance(state, steps[0], steps[1])
        steps[3] = min(limit, in_times[last]) if last < end else limit
        t_start = np.float64(in_times[first])
        decay = np.exp((t_start - np.float64(steps[3])) / constants[0])
        steps[2] = decay
        _flag(flags, state, steps[2], steps[3], bounds[0], bounds[1])
        for word in range(flag_words.size):
            if flag_words[word] != 0:
                for j in range(8 * word, min(8 * word + 8, n_post)):
                    if flags[j]:
                        fire(
                            rule, j, last - 1 - begin, state, marks, tally, t_start, steps[3], decay,
                            constants, max_spikes, floats, integers,
                        )  # fmt: skip
        first = last
    n = tally[EMITTED]
    sort_events(floats[0, :n], integers[0, :n], integers[3, :n], integers[4, :n])


@njit(nogil=True, cache=True, error_model="numpy")
def _simulate_samples(
    first_sample, end_sample, offsets, in_times, in_neurons, weights, constants, bounds, max_spikes, rule,
    state, marks, flags, flag_words, floats, integers, tally, steps,
):  # fmt: skip
    for sample in range(first_sample, end_sample):
        _simulate_sample(
            offsets[sample], offsets[sample + 1], in_times, in_neurons, weights, constants, bounds, max_spikes, rule,
            state[sample], marks[sample], flags[sample], flag_words[sample], floats[sample], integers[sample],
            tally[sample], steps[sample],
        )  # fmt: skip


@njit(cache=True, error_model="numpy")
def _pack_batch(in_offsets, offsets, floats, integers, times, since, slopes, neurons, slots, last_input):
    for sample in range(offsets.size - 1):
        for i in range(offsets[sample + 1] - offsets[sample]):
            k = offsets[sample] + i
            source = integers[sample, 3, i]
            times[k] = floats[sample, 0, source]
            since[k] = floats[sample, 1, source]
            slopes[k] = floats[sample, 2, source]
            neurons[k] = integers[sample, 0, source]
            slots[k] = integers[sample, 1, source]
            last_input[k] = in_offsets[sample] + integers[sample, 2, source]
