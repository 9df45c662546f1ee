"""Forward pass in Numba: samples in parallel, neurons on the vector axis, time relative to the last input.

The state of all neurons is their potential V and current I at the last input (``crossings.py``); both decay, so nothing
overflows however long the simulation is. From one input to the next one pass over all neurons flags those that may
cross: those at the threshold at the beginning or end of the interval, and those whose peak lies inside and may reach
it. Another takes the state to the end. Only the flagged are solved, in float64 (``rules.py``). The flags may be too
many; a crossing that they miss by rounding leaves V at or above the threshold at the beginning of the next interval,
and is found there. A V that is no number, as the sum of the weights is above the largest one, is flagged to be refused.

The arrays that a sample needs are made once for each range of samples, and what it emits is appended to the others'.
"""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

import numpy as np
from numba import njit

from bats_dt.grid import TimeGrid
from bats_dt.kernels.event_lists.sorting import sort_events
from bats_dt.kernels.spike_times import LATE_SLACK
from bats_dt.kernels.spike_times.crossings import Constants, factors, time_to_peak
from bats_dt.kernels.spike_times.rules import (
    BOUNDED,
    DIVERGED,
    DUE,
    EMITTED,
    LOST,
    PENDING_ROWS,
    STATE_ROWS,
    TALLIES,
    I,
    V,
    fire_as_published,
    fire_detected,
    fire_exactly,
    fire_snapped,
)
from bats_dt.kernels.threads import run_pieces
from bats_dt.neuron import Neuron
from bats_dt.spikes import EmittedSpikes, SpikeEvents

EXACT, SNAP, DETECT, PUBLISHED = range(4)
_RULE_CODES = {None: EXACT, "snap": SNAP, "detect": DETECT, "published": PUBLISHED}
LANES = 16  # neurons that vector instructions take at once: their number is rounded up to it, without further inputs
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
    constants = Constants.of(neuron, dt, dtype)
    low = neuron.threshold * (1 - _SLACK) - (LATE_SLACK if rule == "published" else 0.0)
    tally = np.zeros((batch, TALLIES), np.int64)
    tally[:, DIVERGED] = -1
    pieces: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def simulate(first: int, end: int) -> None:
        pieces[first] = _simulate_samples(
            first, end, inputs.offsets, inputs.times, inputs.neurons, weights, constants, dtype.type(low),
            dtype.type(max_simulation), max_spikes, _RULE_CODES[rule], tally,
        )  # fmt: skip

    run_pieces(batch, simulate)
    offsets = np.concatenate([[0], np.cumsum(tally[:, EMITTED])]).astype(np.int64)
    times, since, slopes = np.empty((3, offsets[-1]), dtype)
    neurons, slots = np.empty((2, offsets[-1]), np.int32)
    last_input = np.empty(offsets[-1], np.int64)
    for first, (floats, integers) in pieces.items():
        part = slice(offsets[first], offsets[first] + floats.shape[1])
        times[part], since[part], slopes[part] = floats
        neurons[part], slots[part], last_input[part] = integers
    events = SpikeEvents(offsets, times, neurons, slots, n_post, max_spikes)
    counts = tally[:, LOST], tally[:, BOUNDED], tally[:, DIVERGED]
    return EmittedSpikes(events, last_input, since, slopes, *counts, rule in ("snap", "detect"))


# What is done for all neurons is done in loops of few arrays each: before a loop that it has vectorised LLVM asks
# whether any two of its arrays overlap, and with ten neurons that takes longer than the loop.


@njit(cache=True, error_model="numpy")
def _add_row(state, weights, pre):
    for j in range(weights.shape[1]):
        state[I, j] += weights[pre, j]


@njit(cache=True, error_model="numpy")
def _flag_in_closed_form(state, flags, low, interval):
    decay, decay_i, response, tau = interval[0], interval[1], interval[2], interval[3]
    for j in range(flags.size):
        v = state[V, j]
        i = state[I, j]
        a = tau * i
        b = v + a
        v_then = decay * v + response * i
        peak_inside = (a > v) & (tau * (decay_i * i) <= v_then)
        flags[j] = (v >= low) | (not v_then < low) | (peak_inside & (b * b >= (a + a + a + a) * low))


@njit(cache=True, error_model="numpy")
def _flag(state, flags, low, interval):
    decay, decay_i, response, tau = interval[0], interval[1], interval[2], interval[3]
    most_response = interval[4]
    for j in range(flags.size):
        v = state[V, j]
        i = state[I, j]
        v_then = decay * v + response * i
        peak_inside = (tau * i > v) & (tau * (decay_i * i) <= v_then)
        flags[j] = (v >= low) | (not v_then < low) | (peak_inside & (max(v, decay * v) + most_response * i >= low))


@njit(cache=True, error_model="numpy")
def _advance(state, interval):
    decay, decay_i, response = interval[0], interval[1], interval[2]
    for j in range(state.shape[1]):
        state[V, j] = decay * state[V, j] + response * state[I, j]
        state[I, j] *= decay_i


@njit(cache=True, error_model="numpy")
def _flag_the_due(flags, pending, t_end):
    for j in range(pending.shape[1]):
        flags[j] |= pending[DUE, j] <= t_end


@njit(cache=True, error_model="numpy")
def _list_flagged(flags, words, n_neurons, neurons):
    """The neurons whose flags are set, and how many they are; ``words``: the flags by eight."""
    # without branches, which could not be predicted: first the words that are not 0, at the end of ``neurons``
    found = flags.size
    for word in range(words.size):
        neurons[found] = word
        found += words[word] != 0
    n = 0
    for place in range(flags.size, found):
        word = neurons[place]
        for j in range(8 * word, 8 * word + 8):
            neurons[n] = j
            n += flags[j]
    while n > 0 and neurons[n - 1] >= n_neurons:  # with a threshold below LATE_SLACK lanes without one are flagged
        n -= 1
    return n


@njit(cache=True, error_model="numpy")
def _copy_flagged(state, neurons, n, before):
    for place in range(n):
        before[V, place] = state[V, neurons[place]]
        before[I, place] = state[I, neurons[place]]


@njit(cache=True, error_model="numpy")
def _simulate_sample(
    begin, end, in_times, in_neurons, weights, constants, low, max_simulation, max_spikes, rule,
    state, before, pending, pending_input, counts, flags, words, flagged, interval, tally, floats, integers,
):  # fmt: skip
    """Emit the spikes of one sample, interval by interval."""
    interval[3] = constants.tau_mem
    interval[4] = factors(time_to_peak(0.0, 1.0, constants), constants)[2]
    first = begin
    while first < end and in_times[first] <= max_simulation and tally[DIVERGED] < 0:
        last = first
        while last < end and in_times[last] == in_times[first]:
            _add_row(state, weights, np.uintp(in_neurons[last]))
            last += 1
        t_start = np.float64(in_times[first])
        t_end = np.float64(min(max_simulation, in_times[last]) if last < end else max_simulation)
        interval[0], interval[1], interval[2] = factors(t_end - t_start, constants)
        if constants.closed:
            _flag_in_closed_form(state, flags, low, interval)
        else:
            _flag(state, flags, low, interval)
        if rule == SNAP:
            _flag_the_due(flags, pending, t_end)
        n = _list_flagged(flags, words, counts.size, flagged)
        if n > 0:
            _copy_flagged(state, flagged, n, before)
        _advance(state, interval)
        if n > 0:
            if rule == EXACT:
                fire_exactly(
                    flagged, n, last - 1, t_start, t_end, before, state, counts, tally, constants, max_spikes, floats,
                    integers,
                )  # fmt: skip
            elif rule == SNAP:
                fire_snapped(
                    flagged, n, last - 1, t_start, t_end, before, state, pending, pending_input, counts, tally,
                    constants, max_spikes, floats, integers,
                )  # fmt: skip
            elif rule == DETECT:
                fire_detected(
                    flagged, n, last - 1, t_start, t_end, before, state, pending, pending_input, counts, tally,
                    constants, max_spikes, floats, integers,
                )  # fmt: skip
            else:
                fire_as_published(
                    flagged, n, last - 1, t_start, t_end, before, state, counts, tally, constants, max_spikes, floats,
                    integers,
                )  # fmt: skip
        first = last


@njit(cache=True, error_model="numpy")
def _with_room(array, used, needed):
    """The array, or a longer copy of its ``used`` columns, with room for ``needed`` more."""
    if used + needed <= array.shape[1]:
        return array
    longer = np.empty((array.shape[0], max(used + needed, 2 * array.shape[1])), array.dtype)
    longer[:, :used] = array[:, :used]
    return longer


@njit(cache=True, error_model="numpy")
def _append(order, n, floats, integers, used, all_floats, all_integers):
    for k in range(n):
        for row in range(3):
            all_floats[row, used + k] = floats[row, order[k]]
            all_integers[row, used + k] = integers[row, order[k]]


@njit(nogil=True, cache=True, error_model="numpy")
def _simulate_samples(
    first_sample, end_sample, offsets, in_times, in_neurons, weights, constants, low, max_simulation, max_spikes, rule,
    tally,
):  # fmt: skip
    """The spikes of a range of samples, each sample's sorted: (time, since, slope), (neuron, slot, last input)."""
    n_post = weights.shape[1]
    width = (n_post + LANES - 1) // LANES * LANES
    state = np.empty((STATE_ROWS, width), weights.dtype)
    before = np.empty((STATE_ROWS, n_post), weights.dtype)
    pending = np.empty((PENDING_ROWS, n_post), weights.dtype)
    pending_input = np.empty(n_post, np.int64)
    counts = np.empty(n_post, np.int32)
    flags = np.empty(width, np.uint8)
    flagged = np.empty(width + width // 8 + 1, np.int32)
    interval = np.empty(5, weights.dtype)  # decay of V and of I, response to I, tau_mem, largest response
    floats = np.empty((3, n_post * max_spikes + 1), weights.dtype)
    integers = np.empty((3, n_post * max_spikes + 1), np.int64)
    order = np.empty((2, n_post * max_spikes), np.int32)
    all_floats = np.empty((3, 0), weights.dtype)
    all_integers = np.empty((3, 0), np.int64)
    used = 0
    for sample in range(first_sample, end_sample):
        state[:] = 0.0
        pending[:] = 0.0
        pending[DUE] = np.inf
        counts[:] = 0
        _simulate_sample(
            offsets[sample], offsets[sample + 1], in_times, in_neurons, weights, constants, low, max_simulation,
            max_spikes, rule, state, before, pending, pending_input, counts, flags, flags.view(np.uint64),
            flagged, interval, tally[sample], floats, integers,
        )  # fmt: skip
        n = tally[sample, EMITTED]
        sort_events(floats[0, :n], integers[0, :n], order[0, :n], order[1, :n])
        all_floats = _with_room(all_floats, used, n)
        all_integers = _with_room(all_integers, used, n)
        _append(order[0], n, floats, integers, used, all_floats, all_integers)
        used += n
    return all_floats[:, :used], all_integers[:, :used]
