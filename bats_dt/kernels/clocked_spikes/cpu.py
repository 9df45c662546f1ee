"""Forward pass in Numba: samples in parallel, neurons on the vector axis, blocks of them so that weights stay in cache.

The cost is that of adding the weights of each input spike, n_post numbers an event, and of n_steps n_post updates; no
array is as large as batch x steps x neurons unless traces are asked for. For rate-coded images, 13 % of the 784 inputs
firing in a step, below 512 neurons, all of it takes 0.6 to 0.7 times as long as the product of the matrices (batch x
steps, inputs) and the weights alone; that would be faster where more than some 20 % fire.
"""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

import numpy as np
from numba import njit

from bats_dt.clocked_neuron import ClockedNeuron
from bats_dt.kernels.clocked_spikes import ClockedSpikes
from bats_dt.kernels.threads import run_pieces
from bats_dt.spikes import SpikeEvents

BLOCK = 256  # neurons at a time
TALLIES = 5
EMITTED, KEPT, LOST, BOUNDED, DIVERGED = range(TALLIES)  # places of a sample's tally
STATE_ROWS = 5
I, U, X, NEXT_U, RISE = range(STATE_ROWS)  # noqa: E741  # rows of the state of a block
STEP, NEURON, SLOT = range(3)  # of a spike, integers; below: floats
SLOPE, DROP = range(2)
LEAST_SLOPE = 1e-30  # of a crossing, as 0 says that there is none: any clamp bounds it
HARD, THETA, V_RESET, DT, CLAMP = range(5)  # places of the constants of the threshold


def clocked_spikes(
    inputs: SpikeEvents, weights: np.ndarray, neuron: ClockedNeuron, n_steps: int, max_spikes: int
) -> ClockedSpikes:
    """Contract: :func:`bats_dt.kernels.clocked_spikes.clocked_spikes`."""
    dtype, n_post = weights.dtype, weights.shape[1]
    no_traces = np.empty((2, 0, 0, 0), dtype)
    tally, pieces, input_steps = _run(inputs, weights, neuron, n_steps, max_spikes, no_traces[0], no_traces[1])
    offsets, event_offsets = (_offsets(tally[:, place]) for place in (EMITTED, KEPT))
    steps, neurons, slots = np.empty((3, offsets[-1]), np.int32)
    slopes, drops = np.empty((2, offsets[-1]), dtype)
    for first, (floats, integers) in pieces.items():
        part = slice(offsets[first], offsets[first] + floats.shape[1])
        steps[part], neurons[part], slots[part] = integers
        slopes[part], drops[part] = floats
    kept = slots < max_spikes
    at, of, slot = (steps, neurons, slots) if kept.all() else (steps[kept], neurons[kept], slots[kept])
    times = ((at + 1.0) * neuron.dt).astype(dtype)
    counts = tally[:, LOST], tally[:, BOUNDED], tally[:, DIVERGED]
    events = SpikeEvents(event_offsets, times, of, slot, n_post, max_spikes)
    return ClockedSpikes(events, offsets, steps, neurons, slopes, drops, kept, input_steps, *counts)


def record(
    inputs: SpikeEvents, weights: np.ndarray, neuron: ClockedNeuron, currents: np.ndarray, potentials: np.ndarray
) -> None:
    """Fill both arrays (batch, n_steps, n_post)."""
    _run(inputs, weights, neuron, currents.shape[1], 1, currents, potentials)


def _offsets(counts: np.ndarray) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


def _run(
    inputs: SpikeEvents, weights: np.ndarray, neuron: ClockedNeuron, n_steps: int, max_spikes: int,
    currents: np.ndarray, potentials: np.ndarray,
) -> tuple[np.ndarray, dict[int, tuple[np.ndarray, np.ndarray]], np.ndarray]:  # fmt: skip
    """Tallies of the samples, the spikes of each range of them, the steps of the inputs."""
    dtype, batch, n_post = weights.dtype, inputs.batch, weights.shape[1]
    tally = np.zeros((batch, TALLIES), np.int64)
    tally[:, DIVERGED] = -1
    input_steps = np.empty(len(inputs.times), np.int32)
    step = np.array(neuron.coefficients(), dtype)
    threshold = np.array(
        [neuron.reset == "hard", neuron.threshold, neuron.v_reset, neuron.dt, neuron.clamp], np.float64
    )
    lost = 1.0 - neuron.coefficients().keep_u
    slack = 4 * np.finfo(dtype).eps
    pieces: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def simulate(first: int, end: int) -> None:
        pieces[first] = _simulate_samples(
            first, end, inputs.offsets, inputs.times, inputs.neurons, input_steps, slack, weights, step,
            dtype.type(lost), threshold, dtype.type(neuron.threshold), n_steps, max_spikes, tally, currents, potentials,
        )  # fmt: skip

    run_pieces(batch, simulate, updates=n_post * (len(inputs.times) + 2 * batch * n_steps))
    return tally, pieces, input_steps


@njit(cache=True, error_model="numpy")
def _step_of(time, dt, slack, n_steps):
    """floor(t/dt), or the grid point that t is within rounding of; at most n_steps."""
    position = np.float64(time) / dt
    nearest = np.rint(position)
    step = nearest if abs(position - nearest) <= slack * max(nearest, 1.0) else np.floor(position)
    return np.int32(min(step, n_steps))


# These take whole arrays and a row, not views of rows: a view counts references, which threads would contend for.
# ``low``, ``width`` and the rows are unsigned: with signed ones Numba allows for indices from the end.


@njit(cache=True, error_model="numpy")
def _add_rows(state, weights, in_neurons, first, last, low, width):
    """X of the block is the sum of the rows of some inputs, four at a time."""
    for j in range(width):
        state[X, j] = 0.0
    event = first
    while event + 4 <= last:
        a, b = np.uintp(in_neurons[event]), np.uintp(in_neurons[event + 1])
        c, d = np.uintp(in_neurons[event + 2]), np.uintp(in_neurons[event + 3])
        for j in range(width):
            state[X, j] += (weights[a, low + j] + weights[b, low + j]) + (weights[c, low + j] + weights[d, low + j])
        event += 4
    while event < last:
        a = np.uintp(in_neurons[event])
        for j in range(width):
            state[X, j] += weights[a, low + j]
        event += 1


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def _advance(state, width, step, theta):
    """Make a step, without the reset; the number of neurons at or above the threshold, or of no finite potential."""
    keep_i, keep_u, x_to_i, i_to_u, x_to_u = step[0], step[1], step[2], step[3], step[4]
    due = 0
    for j in range(width):
        i, x = state[I, j], state[X, j]
        rise = i_to_u * i + x_to_u * x
        u = keep_u * state[U, j] + rise
        state[I, j] = keep_i * i + x_to_i * x
        state[RISE, j] = rise
        state[NEXT_U, j] = u
        due += (not u < theta) | (u == -np.inf)
    return due


@njit(cache=True, error_model="numpy")
def _accept(state, width):
    for j in range(width):
        state[U, j] = state[NEXT_U, j]


@njit(cache=True, error_model="numpy")
def _keep_traces(currents, potentials, sample, k, state, low, width):
    for j in range(width):
        currents[sample, k, low + j] = state[I, j]
        potentials[sample, k, low + j] = state[NEXT_U, j]


@njit(cache=True, error_model="numpy")
def _fire(state, width, low, k, lost, threshold, theta, tally, floats, integers):
    """Append the spikes of a step, and reset their neurons."""
    n = tally[EMITTED]
    for j in range(width):
        u, before = state[NEXT_U, j], state[U, j]
        if u < theta and u != -np.inf:
            state[U, j] = u
            continue
        if not abs(u) < np.inf:
            tally[DIVERGED] = low + j
            u = theta
        drop = u - threshold[V_RESET] if threshold[HARD] != 0.0 else threshold[THETA] - threshold[V_RESET]
        slope = 0.0
        if before < theta:  # it did rise, by however little of it rounding leaves
            slope = max((state[RISE, j] - lost * before) / threshold[DT], LEAST_SLOPE)
        tally[BOUNDED] += (slope > 0.0) & (slope * threshold[CLAMP] < 1.0)
        state[U, j] = threshold[V_RESET] if threshold[HARD] != 0.0 else u - drop
        integers[STEP, n] = k
        integers[NEURON, n] = low + j
        floats[SLOPE, n] = slope
        floats[DROP, n] = drop
        n += 1
    tally[EMITTED] = n


@njit(cache=True, error_model="numpy")
def _simulate_block(
    sample, begin, end, in_neurons, input_steps, weights, step, lost, threshold, theta, n_steps, low, width, state,
    tally, floats, integers, currents, potentials,
):  # fmt: skip
    for j in range(width):
        state[I, j] = 0.0
        state[U, j] = 0.0
    first = begin
    for k in range(n_steps):
        last = first
        while last < end and input_steps[last] == k:
            last += 1
        _add_rows(state, weights, in_neurons, first, last, low, width)
        due = _advance(state, width, step, theta)
        if currents.size > 0:
            _keep_traces(currents, potentials, sample, k, state, low, width)
        if due > 0:
            _fire(state, width, low, k, lost, threshold, theta, tally, floats, integers)
        else:
            _accept(state, width)
        first = last


@njit(cache=True, error_model="numpy")
def _append_by_step(n, floats, integers, places, counts, max_spikes, tally, used, all_floats, all_integers):
    """Counting sort by step: within one, blocks and so neurons are in order already."""
    for k in range(places.size):
        places[k] = 0
    for s in range(n):
        places[integers[STEP, s] + 1] += 1
    for k in range(1, places.size):
        places[k] += places[k - 1]
    for s in range(n):
        k = integers[STEP, s]
        at = used + places[k]
        places[k] += 1
        j = integers[NEURON, s]
        all_integers[STEP, at] = k
        all_integers[NEURON, at] = j
        all_integers[SLOT, at] = counts[j]  # spikes of one neuron come in order
        tally[LOST] += counts[j] >= max_spikes
        counts[j] += 1
        all_floats[SLOPE, at] = floats[SLOPE, s]
        all_floats[DROP, at] = floats[DROP, s]
    tally[KEPT] = n - tally[LOST]


@njit(cache=True, error_model="numpy")
def _with_room(array, used, needed):
    """The array, or a longer copy of its ``used`` columns, with room for ``needed`` more."""
    if used + needed <= array.shape[1]:
        return array
    longer = np.empty((array.shape[0], max(used + needed, 2 * array.shape[1])), array.dtype)
    longer[:, :used] = array[:, :used]
    return longer


@njit(nogil=True, cache=True, error_model="numpy")
def _simulate_samples(
    first_sample, end_sample, offsets, in_times, in_neurons, input_steps, slack, weights, step, lost, threshold, theta,
    n_steps, max_spikes, tally, currents, potentials,
):  # fmt: skip
    """The spikes of a range of samples, each sample's sorted: (slope, drop), (step, neuron, slot)."""
    n_post = weights.shape[1]
    state = np.empty((STATE_ROWS, min(n_post, BLOCK)), weights.dtype)
    floats = np.empty((2, n_post * n_steps), weights.dtype)
    integers = np.empty((2, n_post * n_steps), np.int32)
    places = np.empty(n_steps + 1, np.int64)
    counts = np.empty(n_post, np.int32)
    all_floats = np.empty((2, 0), weights.dtype)
    all_integers = np.empty((3, 0), np.int32)
    used = 0
    for sample in range(first_sample, end_sample):
        begin, end = offsets[sample], offsets[sample + 1]
        for event in range(begin, end):
            input_steps[event] = _step_of(in_times[event], threshold[DT], slack, n_steps)
        for low in range(0, n_post, BLOCK):
            _simulate_block(
                sample, begin, end, in_neurons, input_steps, weights, step, lost, threshold, theta, n_steps,
                np.uintp(low), np.uintp(min(n_post - low, BLOCK)), state, tally[sample], floats, integers, currents,
                potentials,
            )  # fmt: skip
        n = tally[sample, EMITTED]
        counts[:] = 0
        all_floats = _with_room(all_floats, used, n)
        all_integers = _with_room(all_integers, used, n)
        _append_by_step(n, floats, integers, places, counts, max_spikes, tally[sample], used, all_floats, all_integers)
        used += n
    return all_floats[:, :used], all_integers[:, :used]
