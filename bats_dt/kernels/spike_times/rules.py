"""When the crossings of one interval between two inputs become spikes: the four rules (EQUATIONS A.6).

Each takes in all neurons that may spike in the interval; they share arguments:

    neurons, n              the neurons, and how many of them there are
    event                   index of the input with which the interval begins
    t_start, t_end          the interval [s], its end included
    before                  potential and current of these neurons at its beginning, (2, n or more)
    state                   those of all neurons at its end, had none spiked, (2, n_post or more): to be corrected for
                            those that have
    pending, pending_input  what each neuron keeps of a crossing that is to become a spike, by the rows below
    counts                  spikes kept of each neuron (n_post,)
    tally                   of the sample, by the places below
    constants, max_spikes   of the layer; spikes kept for each neuron
    floats, integers        the spikes of the sample in the order of their discovery, with room for one more than can be
                            kept: time, since_input, inverse_slope; neuron, slot, last_input
"""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

import numpy as np
from numba import njit

from bats_dt.kernels.spike_times import LATE_SLACK, MOST_IN_INTERVAL
from bats_dt.kernels.spike_times.crossings import (
    bounded_slope,
    crossing_root,
    grid_time_after,
    grid_time_from,
    moved,
    next_crossing,
    rounded,
    slope_at,
)

STATE_ROWS = 2
V, I = range(STATE_ROWS)  # noqa: E741  # rows of a state
# Rows of pending: time of the spike that is due (snap), whether V is above theta since the crossing (detect); of the
# crossing the time since the input before it and the inverse slope.
PENDING_ROWS = 4
DUE, ABOVE, SINCE, INVERSE = range(PENDING_ROWS)
# Places of a tally: spikes kept, spikes that did not fit, slopes that were bounded, a neuron that fires too often.
TALLIES = 4
EMITTED, LOST, BOUNDED, DIVERGED = range(TALLIES)

_jit = njit(cache=True, error_model="numpy")


@_jit
def _record(j, time, since, inverse, last_input, counts, tally, max_spikes, floats, integers):
    """Append a spike, or count it as lost if the buffer of its neuron is full."""
    # without a branch, so that Numba can drop the references it counts
    n = tally[EMITTED]
    floats[0, n] = time
    floats[1, n] = since
    floats[2, n] = inverse
    integers[0, n] = j
    integers[1, n] = counts[j]
    integers[2, n] = last_input
    kept = np.int64(counts[j] < max_spikes)
    counts[j] += kept
    tally[EMITTED] = n + kept
    tally[LOST] += 1 - kept


@_jit
def fire_exactly(
    neurons, n, event, t_start, t_end, before, state, counts, tally, constants, max_spikes, floats, integers
):
    """A crossing is a spike."""
    length = t_end - t_start
    for place in range(n):
        j = neurons[place]
        v = np.float64(before[V, place])
        i = np.float64(before[I, place])
        if not (np.isfinite(v) and np.isfinite(i)):  # the sum of its weights is above the largest number
            tally[DIVERGED] = j
            return
        since = 0.0
        fired = 0
        rise, v, i = next_crossing(v, i, length, constants)
        while rise >= 0.0:
            if fired == MOST_IN_INTERVAL:
                tally[DIVERGED] = j
                return
            fired += 1
            since += rise
            slope = slope_at(v, i, constants)
            least = bounded_slope(slope, constants)
            tally[BOUNDED] += slope < least
            time = min(t_start + since, t_end)
            _record(j, time, since, 1.0 / least, event, counts, tally, max_spikes, floats, integers)
            v -= constants.reset
            rise, v, i = next_crossing(v, i, length - since, constants)
        if fired > 0:
            state[V, j], state[I, j] = moved(v, i, max(length - since, 0.0), constants)


@_jit
def fire_snapped(
    neurons, n, event, t_start, t_end, before, state, pending, pending_input, counts, tally, constants, max_spikes,
    floats, integers,
):  # fmt: skip
    """A crossing makes a spike due at the next grid point; until it is emitted, inputs only change the state."""
    for place in range(n):
        j = neurons[place]
        v = np.float64(before[V, place])
        i = np.float64(before[I, place])
        if not (np.isfinite(v) and np.isfinite(i)):
            tally[DIVERGED] = j
            return
        origin = t_start
        fired = 0
        while True:
            time = np.float64(pending[DUE, j])
            if time == np.inf:
                rise, v_there, i_there = next_crossing(v, i, t_end - origin, constants)
                if rise < 0.0:
                    break
                slope = slope_at(v_there, i_there, constants)
                least = bounded_slope(slope, constants)
                tally[BOUNDED] += slope < least
                pending[SINCE, j] = origin + rise - t_start
                pending[INVERSE, j] = 1.0 / least
                pending_input[j] = event
                time = grid_time_after(rounded(origin + rise, constants.single), constants)
                pending[DUE, j] = time
            if time > t_end:
                break
            if fired == MOST_IN_INTERVAL:
                tally[DIVERGED] = j
                return
            fired += 1
            _record(
                j, time, pending[SINCE, j], pending[INVERSE, j], pending_input[j], counts, tally, max_spikes, floats,
                integers,
            )  # fmt: skip
            v, i = moved(v, i, time - origin, constants)
            origin = time
            v -= constants.reset
            pending[DUE, j] = np.inf
            if v >= constants.theta:  # a spike without a crossing of its own follows one step later
                pending[DUE, j] = grid_time_after(time, constants)
                pending[SINCE, j] = 0.0
                pending[INVERSE, j] = 0.0
                pending_input[j] = event
        if fired > 0:
            state[V, j], state[I, j] = moved(v, i, t_end - origin, constants)


@_jit
def fire_detected(
    neurons, n, event, t_start, t_end, before, state, pending, pending_input, counts, tally, constants, max_spikes,
    floats, integers,
):  # fmt: skip
    """A neuron that is above the threshold at a grid point spikes there, by its last upward crossing."""
    for place in range(n):
        j = neurons[place]
        v = np.float64(before[V, place])
        i = np.float64(before[I, place])
        if not (np.isfinite(v) and np.isfinite(i)):
            tally[DIVERGED] = j
            return
        origin = t_start
        fired = 0
        if v < constants.theta:
            pending[ABOVE, j] = 0.0
        while True:
            rise, v_there, i_there = next_crossing(v, i, t_end - origin, constants)
            if rise < 0.0:
                break
            if pending[ABOVE, j] == 0.0:
                slope = slope_at(v_there, i_there, constants)
                least = bounded_slope(slope, constants)
                tally[BOUNDED] += slope < least
                pending[SINCE, j] = origin + rise - t_start
                pending[INVERSE, j] = 1.0 / least
                pending_input[j] = event
                pending[ABOVE, j] = 1.0
            crossing = rounded(origin + rise, constants.single)
            time = grid_time_from(crossing, origin, constants)
            if time > t_end:
                break
            v_there, i_there = moved(v, i, time - origin, constants)
            if time != crossing and v_there < constants.theta:
                break  # it has decayed before the grid point, and there is no second peak before the next input
            if fired == MOST_IN_INTERVAL:
                tally[DIVERGED] = j
                return
            fired += 1
            _record(
                j, time, pending[SINCE, j], pending[INVERSE, j], pending_input[j], counts, tally, max_spikes, floats,
                integers,
            )  # fmt: skip
            v = v_there - constants.reset
            i = i_there
            origin = time
            pending[ABOVE, j] = v >= constants.theta
            pending[SINCE, j] = 0.0
            pending[INVERSE, j] = 0.0
            pending_input[j] = event
        if fired > 0:
            state[V, j], state[I, j] = moved(v, i, t_end - origin, constants)
        if state[V, j] < constants.theta:
            pending[ABOVE, j] = 0.0


@_jit
def fire_as_published(
    neurons, n, event, t_start, t_end, before, state, counts, tally, constants, max_spikes, floats, integers
):
    """The first grid point after the crossing only, if V is still near theta there; the reset is at the crossing.

    The state stays relative to the beginning of the interval; the crossing is that of the present a and b, wherever
    it lies, also before the beginning. After a rejection the search stops until the next input.
    """
    for place in range(n):
        j = neurons[place]
        v = np.float64(before[V, place])
        i = np.float64(before[I, place])
        if not (np.isfinite(v) and np.isfinite(i)):
            tally[DIVERGED] = j
            return
        last = t_start
        fired = 0
        y = crossing_root(v, i, constants)
        while y > 0.0:
            since = -constants.tau_mem * np.log(y)
            crossing = rounded(t_start + since, constants.single)
            if crossing <= -constants.dt:
                break
            time = grid_time_after(max(crossing, 0.0), constants)  # the published remainder takes a crossing's sign
            if time <= last or time > t_end:
                break
            v_there, _ = moved(v, i, time - t_start, constants)
            if v_there + LATE_SLACK < constants.theta:
                break
            if fired == MOST_IN_INTERVAL:
                tally[DIVERGED] = j
                return
            fired += 1
            slope = slope_at(constants.theta, i * y * y, constants)
            least = bounded_slope(slope, constants)
            tally[BOUNDED] += slope < least
            _record(j, time, since, 1.0 / least, event, counts, tally, max_spikes, floats, integers)
            last = time
            v -= constants.reset / y
            y = crossing_root(v, i, constants)
        if fired > 0:
            state[V, j], state[I, j] = moved(v, i, t_end - t_start, constants)
