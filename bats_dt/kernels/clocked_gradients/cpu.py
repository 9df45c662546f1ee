"""Backward pass in Numba: one sweep over the steps in reverse with running sums, then the inputs, by neuron below.

The sweep carries dL/dU and S of the contract for all neurons of a sample, O(1) a step and neuron, and keeps S of each
step: (n_steps, n_post) numbers, for one sample at a time. The gradient of the weights from an input below is then a sum
of such rows, four at a time, with one pass over its row of the gradient a sample.

Tasks are ranges of samples, split by the sizes alone, and their results are summed in a fixed order: the number of
threads does not change a bit.
"""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

import numpy as np
from numba import njit

from bats_dt.clocked_neuron import ClockedNeuron
from bats_dt.kernels.clocked_spikes import ClockedSpikes
from bats_dt.kernels.threads import run_pieces
from bats_dt.spikes import SpikeEvents

SPLITS = 4  # ranges of samples, with a gradient each
HARD, TAU_MEM, CLAMP, KEEP_U, KEEP, GAIN, EDGE, RATE, DT = range(9)  # places of the constants


def clocked_gradients(
    errors: np.ndarray,
    spikes: ClockedSpikes,
    inputs: SpikeEvents,
    weights: np.ndarray,
    neuron: ClockedNeuron,
    n_steps: int,
    parts: int,
    with_input_errors: bool,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Contract: :func:`bats_dt.kernels.clocked_gradients.clocked_gradients`."""
    dtype, batch, n_post = weights.dtype, inputs.batch, weights.shape[1]
    splits = min(SPLITS, batch) if parts == 1 else parts
    every_error = errors
    if len(errors) != len(spikes.steps):
        every_error = np.zeros(len(spikes.steps), errors.dtype)
        every_error[spikes.kept] = errors
    adjoint = neuron.adjoint()
    constants = np.array(
        [
            neuron.reset == "hard", neuron.tau_mem, neuron.clamp, neuron.coefficients().keep_u, adjoint.keep,
            adjoint.gain, adjoint.edge, 1 / neuron.tau_syn, neuron.dt,
        ]
    )  # fmt: skip
    gradient = np.zeros((splits, *weights.shape), dtype)
    input_errors = np.zeros(len(inputs.times) if with_input_errors else 0, dtype)
    run_pieces(
        splits,
        lambda first, end: _carry_splits(
            first, end, inputs.offsets, inputs.times, inputs.neurons, spikes.input_steps, spikes.offsets, spikes.steps,
            spikes.neurons, spikes.slopes, spikes.drops, every_error, weights, constants, constants.astype(dtype),
            neuron.estimator == "continuous", adjoint.lag, n_steps, gradient, input_errors,
        ),
        updates=n_post * (len(inputs.times) * (1 + with_input_errors) + 2 * batch * n_steps),
    )  # fmt: skip
    if splits != parts:
        gradient = gradient.sum(axis=0, keepdims=True)
    return gradient, (input_errors if with_input_errors else None)


# These take whole arrays and a row, not views of rows, and unsigned rows: see the forward pass.


@njit(cache=True, error_model="numpy")
def _decay(by_u, into, of, factor):
    """dL/du[k] = q dL/dU[k+1]."""
    for j in range(by_u.shape[1]):
        by_u[into, j] = factor * by_u[of, j]


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def _collect(sums, k, by_u, row, keep, gain):
    """S[k] = keep S[k+1] + gain dL/dU[k]."""
    for j in range(sums.shape[1]):
        sums[k, j] = keep * sums[k + np.uintp(1), j] + gain * by_u[row, j]


@njit(cache=True, error_model="numpy")
def _pass_spike(s, j, row, slopes, drops, errors, constants, handed, by_u):
    """dL/dU of a spike from dL/du behind it."""
    after, slope, drop = by_u[row, j], np.float64(slopes[s]), np.float64(drops[s])
    hard = constants[HARD] != 0.0
    later = drop / constants[TAU_MEM] + (slope if hard else 0.0)
    by_time = np.float64(errors[s]) + handed[j] - after * later
    handed[j] = 0.0
    through = 0.0 if hard else np.float64(after)
    if slope == 0.0:
        handed[j] = by_time
        by_u[row, j] = through
    else:
        by_u[row, j] = through - by_time * min(1.0 / slope, constants[CLAMP])


@njit(cache=True, error_model="numpy")
def _sweep(begin, end, top, steps, neurons, slopes, drops, errors, constants, in_dtype, keeps_u, handed, by_u, sums):
    """S of the steps below ``top``, which are all that precede the last spike, and dL/dU where it is kept."""
    for j in range(sums.shape[1]):
        handed[j] = 0.0
        sums[top, j] = 0.0
        by_u[top if keeps_u else np.uintp(0), j] = 0.0
    s = end - 1
    for k in range(top, 0, -1):
        now = np.uintp(k - 1)
        row, above = (now, now + np.uintp(1)) if keeps_u else (np.uintp(0), np.uintp(0))
        _decay(by_u, row, above, in_dtype[KEEP_U])
        while s >= begin and steps[s] == now:
            _pass_spike(s, np.uintp(neurons[s]), row, slopes, drops, errors, constants, handed, by_u)
            s -= 1
        _collect(sums, now, by_u, row, in_dtype[KEEP], in_dtype[GAIN])


@njit(cache=True, error_model="numpy")
def _order_by_neuron(begin, end, top, lag, in_neurons, in_steps, starts, order):
    """The events begin:end that are felt before ``top``, by the neuron they come from; otherwise as they come."""
    for pre in range(starts.size):
        starts[pre] = 0
    for event in range(begin, end):
        if in_steps[event] + lag < top:
            starts[in_neurons[event] + 1] += 1
    for pre in range(1, starts.size):
        starts[pre] += starts[pre - 1]
    for event in range(begin, end):
        if in_steps[event] + lag < top:
            order[starts[in_neurons[event]]] = event
            starts[in_neurons[event]] += 1
    for pre in range(starts.size - 1, 0, -1):
        starts[pre] = starts[pre - 1]
    starts[0] = 0


@njit(cache=True, error_model="numpy")
def _lateness(continuous, time, step, constants):
    """f of the contract."""
    if not continuous:
        return 1.0
    return np.exp(max(np.float64(time) - step * constants[DT], 0.0) * constants[RATE])


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def _add_four(gradient, pre, sums, a, b, c, d, fa, fb, fc, fd):
    for j in range(sums.shape[1]):
        gradient[pre, j] += (fa * sums[a, j] + fb * sums[b, j]) + (fc * sums[c, j] + fd * sums[d, j])


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def _add_one(gradient, pre, sums, a, fa):
    for j in range(sums.shape[1]):
        gradient[pre, j] += fa * sums[a, j]


@njit(cache=True, error_model="numpy")
def _take(gradient, sums, lag, in_steps, starts, order, factors):
    """dL/dw += f S[k + lag] of each event."""
    for pre in range(gradient.shape[0]):
        n, last = starts[pre], starts[pre + 1]
        row = np.uintp(pre)
        while n + 4 <= last:
            a, b, c, d = order[n], order[n + 1], order[n + 2], order[n + 3]
            _add_four(
                gradient, row, sums, np.uintp(in_steps[a] + lag), np.uintp(in_steps[b] + lag),
                np.uintp(in_steps[c] + lag), np.uintp(in_steps[d] + lag),
                factors[n], factors[n + 1], factors[n + 2], factors[n + 3],
            )  # fmt: skip
            n += 4
        while n < last:
            _add_one(gradient, row, sums, np.uintp(in_steps[order[n]] + lag), factors[n])
            n += 1


@njit(cache=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"})
def _to_input(weights, pre, sums, by_u, k, current, edge):
    """sum_j w_j (f S_j/tau_syn - edge dL/dU_j)."""
    total = weights[pre, 0] * (current * sums[k, 0] - edge * by_u[k, 0])
    for j in range(np.uintp(1), np.uintp(weights.shape[1])):
        total += weights[pre, j] * (current * sums[k, j] - edge * by_u[k, j])
    return total


@njit(nogil=True, cache=True, error_model="numpy")
def _carry_splits(
    first_split, end_split, in_offsets, in_times, in_neurons, in_steps, offsets, steps, neurons, slopes, drops, errors,
    weights, constants, in_dtype, continuous, lag, n_steps, gradient, input_errors,
):  # fmt: skip
    splits, n_pre, n_post = gradient.shape
    batch = in_offsets.size - 1
    if batch == 0:
        return
    most = 0
    for sample in range(first_split * batch // splits, end_split * batch // splits):
        most = max(most, in_offsets[sample + 1] - in_offsets[sample])
    sums = np.empty((n_steps + 1, n_post), weights.dtype)
    keeps_u = input_errors.size > 0
    by_u = np.empty((n_steps + 1 if keeps_u else 1, n_post), weights.dtype)
    handed = np.empty(n_post)
    starts = np.empty(n_pre + 1, np.int64)
    order = np.empty(most, np.int64)
    factors = np.empty(most, weights.dtype)
    for split in range(first_split, end_split):
        for sample in range(split * batch // splits, (split + 1) * batch // splits):
            begin, end = offsets[sample], offsets[sample + 1]
            if begin == end:
                continue
            top = steps[end - 1] + 1
            _sweep(
                begin, end, np.uintp(top), steps, neurons, slopes, drops, errors, constants, in_dtype, keeps_u, handed,
                by_u, sums,
            )  # fmt: skip
            _order_by_neuron(in_offsets[sample], in_offsets[sample + 1], top, lag, in_neurons, in_steps, starts, order)
            for n in range(starts[n_pre]):
                event = order[n]
                factors[n] = _lateness(continuous, in_times[event], in_steps[event], constants)
            _take(gradient[split], sums, lag, in_steps, starts, order, factors)
            if keeps_u:
                for n in range(starts[n_pre]):
                    event = order[n]
                    input_errors[event] = _to_input(
                        weights, np.uintp(in_neurons[event]), sums, by_u, np.uintp(in_steps[event] + lag),
                        factors[n] * in_dtype[RATE], in_dtype[EDGE],
                    )  # fmt: skip
