"""How errors go from spike to spike of one neuron, in Numba: a spike moves those after it through its reset.

From the last spike of a neuron to its first, with V'_k the slope at the crossing t_k, r_i the time of a reset and e_k
the error once all that follows has been added to it,

    e_i += sum_{k>i} e_k dt_k/dr_i,   dt_k/dr_i = (reset/tau_mem) exp(-(t_k - r_i)/tau_mem) / V'_k.

The sum is carried from spike to spike, not from input to input: between two spikes its exponential is as large as what
it stands for, however long ago the last input was. A spike locked to its predecessor (inverse slope 0) hands all of its
error to it.
"""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

import numpy as np
from numba import njit

from bats_dt.kernels.threads import run_pieces
from bats_dt.neuron import Neuron
from bats_dt.spikes import EmittedSpikes, SpikeEvents

PULL, SINCE, HANDED = range(3)  # rows of what a neuron carries: the sum, the time it refers to, a locked spike's error


def carried_errors(errors: np.ndarray, spikes: EmittedSpikes, inputs: SpikeEvents, neuron: Neuron) -> np.ndarray:
    """q_k = e_k / V'_k of each spike, float64 (n_out,), 0 for those locked to their predecessors."""
    emitted = spikes.events
    pulled = np.empty(len(errors))
    run_pieces(
        emitted.batch,
        lambda first, end: _carry_samples(
            first, end, emitted.offsets, emitted.times, emitted.neurons, inputs.times, spikes.last_input,
            spikes.since_input, spikes.inverse_slope, errors, emitted.n_neurons, neuron.reset_over_tau,
            1 / neuron.tau_mem, spikes.reset_on_grid, pulled,
        ),
        updates=10 * len(errors),  # an exponential each time
    )  # fmt: skip
    return pulled


@njit(nogil=True, cache=True, error_model="numpy")
def _carry_samples(
    first, end, offsets, times, neurons, in_times, last_input, since_input, inverse_slope, errors, n_neurons,
    reset_over_tau, rate, reset_on_grid, pulled,
):  # fmt: skip
    carried = np.empty((3, n_neurons))
    for sample in range(first, end):
        if offsets[sample] < offsets[sample + 1]:
            carried[:] = 0.0
        for k in range(offsets[sample + 1] - 1, offsets[sample] - 1, -1):
            j = neurons[k]
            crossing = np.float64(in_times[last_input[k]]) + np.float64(since_input[k])
            reset = np.float64(times[k]) if reset_on_grid else crossing
            error = errors[k] + carried[HANDED, j]
            carried[HANDED, j] = 0.0
            pull = carried[PULL, j]
            if pull != 0.0:
                pull *= np.exp((reset - carried[SINCE, j]) * rate)
                error += reset_over_tau * pull
                carried[SINCE, j] = reset
            pulled[k] = error * inverse_slope[k]
            if inverse_slope[k] == 0.0:
                carried[HANDED, j] = error
            else:
                if pull != 0.0 and reset_on_grid:
                    pull *= np.exp((crossing - reset) * rate)
                pull += pulled[k]
                carried[SINCE, j] = crossing
            carried[PULL, j] = pull
