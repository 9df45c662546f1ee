"""What one neuron does in one interval between two inputs: the scalar part of the Numba forward pass.

Everything is in float64 and relative to the beginning of the interval, E = exp((t - t_start)/tau); the letters are
those of ``cpu.py``. The three rules differ in when a crossing becomes a spike (EQUATIONS A.6). They share arguments:

    j                       neuron
    last_input              index in its sample of the input with which the interval begins
    state, marks            of the sample, by the rows named below, (rows, n_post)
    tally                   of the sample, by the places named below
    t_start, t_end, y_end   the interval [s], its end included; exp(-(t_end - t_start)/tau)
    constants               tau [s], c = theta/tau, reset/tau, dt [s]
    max_spikes              spikes kept for each neuron
    floats, integers        the spikes of the sample in the order of their discovery: time, since_input, inverse_slope;
                            neuron, slot, last_input
"""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

import numpy as np
from numba import njit

from bats_dt.kernels.spike_times import LEAST_SLOPE, MOST_IN_INTERVAL

# Rows of a sample's state (n_post each): a, b, sum of the current inputs, time of the spike that is due, and of the
# crossing that is to become a spike on the grid the time since the input before it and the inverse slope.
STATE_ROWS = 6
A, B, TOTAL, DUE, SINCE, INVERSE = range(STATE_ROWS)
# Rows of its integer marks: spikes kept, input before that crossing, whether V is above threshold since then.
MARK_ROWS = 3
COUNT, INPUT, ABOVE = range(MARK_ROWS)
# Places of its tally: spikes kept, spikes that did not fit, slopes that were bounded, a neuron that fires too often.
TALLIES = 4
EMITTED, LOST, BOUNDED, DIVERGED = range(TALLIES)

_jit = njit(cache=True, error_model="numpy")


@_jit
def grid_time_after(t, dt, like):
    """The first grid time n dt above t, n dt rounded to the dtype of the array ``like``."""
    cell = np.empty(1, like.dtype)
    n = np.floor(t / dt)
    cell[0] = n * dt
    while cell[0] > t:
        n -= 1.0
        cell[0] = n * dt
    while cell[0] <= t:
        n += 1.0
        cell[0] = n * dt
    return cell[0]


@_jit
def grid_time_from(t, last, dt, like):
    """The first grid time at or after t that is above ``last``, the time of the last event."""
    if t <= last:
        return grid_time_after(last, dt, like)
    after = grid_time_after(t, dt, like)
    cell = np.empty(1, like.dtype)
    cell[0] = (np.rint(after / dt) - 1.0) * dt
    return cell[0] if cell[0] == t and cell[0] > last else after


@_jit
def rounded(t, like):
    """A time as the arrays of dtype ``like`` hold it."""
    cell = np.empty(1, like.dtype)
    cell[0] = t
    return cell[0]


@_jit
def next_crossing(a, b, c, e_last, e_end):
    """E of the first time in [e_last, e_end] with V >= theta, 0 if there is none."""
    y = 1.0 / e_last
    if (b - a * y) * y >= c:
        return e_last
    if not (a > 0.0 and b > 0.0) or a + a <= b * e_last:
        return 0.0  # the peak lies behind
    discriminant = b * b - 4.0 * a * c
    if discriminant < 0.0:
        return 0.0
    e = max((a + a) / (b + np.sqrt(discriminant)), e_last)
    return e if e <= e_end else 0.0


@_jit
def inverse_slope(a, b, c, e, tally):
    """1 / (dV/dt) at E, bounded."""
    y = 1.0 / e
    slope = (2.0 * a * y - b) * y
    if slope < LEAST_SLOPE * c:
        tally[BOUNDED] += 1
        slope = LEAST_SLOPE * c
    return 1.0 / slope


@_jit
def emit(j, time, since, inverse, last_input, marks, tally, max_spikes, floats, integers):
    """Record a spike, or count it as lost if the buffer of its neuron is full."""
    if marks[COUNT, j] == max_spikes:
        tally[LOST] += 1
        return
    n = tally[EMITTED]
    floats[0, n] = time
    floats[1, n] = since
    floats[2, n] = inverse
    integers[0, n] = j
    integers[1, n] = marks[COUNT, j]
    integers[2, n] = last_input
    marks[COUNT, j] += 1
    tally[EMITTED] = n + 1


@_jit
def fire(
    rule, j, last_input, state, marks, tally, t_start, t_end, y_end, constants, max_spikes, floats, integers
):  # fmt: skip
    """Emit what neuron j emits in (t_start, t_end], by the rule: 0 exact, 1 snap, 2 detect."""
    if not np.isfinite(state[B, j]):  # the sum of its weights is above the largest number
        tally[DIVERGED] = j
        return
    if rule == 0:
        _fire_exactly(
            j, last_input, state, marks, tally, t_start, t_end, y_end, constants, max_spikes, floats, integers
        )
    elif rule == 1:
        _fire_snapped(
            j, last_input, state, marks, tally, t_start, t_end, y_end, constants, max_spikes, floats, integers
        )
    else:
        _fire_detected(
            j, last_input, state, marks, tally, t_start, t_end, y_end, constants, max_spikes, floats, integers
        )


@_jit
def _fire_exactly(j, last_input, state, marks, tally, t_start, t_end, y_end, constants, max_spikes, floats, integers):
    tau, c, reset, _ = constants
    a = np.float64(state[A, j])
    b = np.float64(state[B, j])
    e = next_crossing(a, b, c, 1.0, 1.0 / y_end)
    fired = 0
    while e != 0.0:
        if fired == MOST_IN_INTERVAL:
            tally[DIVERGED] = j
            break
        fired += 1
        since = tau * np.log(e)
        inverse = inverse_slope(a, b, c, e, tally)
        time = min(t_start + since, t_end)
        emit(j, time, since, inverse, last_input, marks, tally, max_spikes, floats, integers)
        b -= reset * e
        e = next_crossing(a, b, c, e, 1.0 / y_end)
    state[B, j] = b


@_jit
def _keep_crossing(j, last_input, since, inverse, state, marks):
    state[SINCE, j] = since
    state[INVERSE, j] = inverse
    marks[INPUT, j] = last_input


@_jit
def _fire_snapped(j, last_input, state, marks, tally, t_start, t_end, y_end, constants, max_spikes, floats, integers):
    """A crossing makes a spike due at the next grid point; until it is emitted, inputs only change the state."""
    tau, c, reset, dt = constants
    a = np.float64(state[A, j])
    b = np.float64(state[B, j])
    e = 1.0
    fired = 0
    while True:
        time = state[DUE, j]
        if time < np.inf:
            if time > t_end:
                break
            if fired == MOST_IN_INTERVAL:
                tally[DIVERGED] = j
                break
            fired += 1
            emit(
                j, time, state[SINCE, j], state[INVERSE, j], marks[INPUT, j], marks, tally, max_spikes, floats, integers
            )
            e = np.exp((time - t_start) / tau)
            b -= reset * e
            if (b - a / e) / e >= c:
                _keep_crossing(j, last_input, 0.0, 0.0, state, marks)
                state[DUE, j] = grid_time_after(time, dt, state)
            else:
                state[DUE, j] = np.inf
        else:
            e = next_crossing(a, b, c, e, 1.0 / y_end)
            if e == 0.0:
                break
            since = tau * np.log(e)
            _keep_crossing(j, last_input, since, inverse_slope(a, b, c, e, tally), state, marks)
            state[DUE, j] = grid_time_after(rounded(t_start + since, state), dt, state)
    state[B, j] = b


@_jit
def _fire_detected(j, last_input, state, marks, tally, t_start, t_end, y_end, constants, max_spikes, floats, integers):
    """A neuron that is above the threshold at a grid point spikes there, by its last upward crossing."""
    tau, c, reset, dt = constants
    a = np.float64(state[A, j])
    b = np.float64(state[B, j])
    e = 1.0
    t_last = rounded(t_start, state)
    fired = 0
    if b - a < c:
        marks[ABOVE, j] = 0
    while True:
        e = next_crossing(a, b, c, e, 1.0 / y_end)
        if e == 0.0:
            break
        since = tau * np.log(e)
        if marks[ABOVE, j] == 0:
            _keep_crossing(j, last_input, since, inverse_slope(a, b, c, e, tally), state, marks)
            marks[ABOVE, j] = 1
        crossing = rounded(t_start + since, state)
        time = grid_time_from(crossing, t_last, dt, state)
        if time > t_end:
            break
        e = np.exp((time - t_start) / tau)
        if time != crossing and (b - a / e) / e < c:
            break  # it has decayed before the grid point, and there is no second peak before the next input
        if fired == MOST_IN_INTERVAL:
            tally[DIVERGED] = j
            break
        fired += 1
        emit(j, time, state[SINCE, j], state[INVERSE, j], marks[INPUT, j], marks, tally, max_spikes, floats, integers)
        t_last = time
        b -= reset * e
        marks[ABOVE, j] = (b - a / e) / e >= c
        _keep_crossing(j, last_input, 0.0, 0.0, state, marks)
    marks[ABOVE, j] = y_end > 0.0 and (b - a * y_end) * y_end >= c
    state[B, j] = b
