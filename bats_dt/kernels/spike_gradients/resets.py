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

PULL, SINCE, HANDED = range(3)  # rows of what a neuron carries: the sum, the time it refers to, a locked spike's error


@njit(cache=True, error_model="numpy")
def carry_errors(
    begin, end, times, neurons, in_times, last_input, since_input, inverse_slope, errors, reset_over_tau, rate,
    reset_on_grid, of_neuron, carried,
):  # fmt: skip
    """Write q_k = e_k / V'_k of the spikes begin:end of a sample to ``carried``, 0 for those locked to others.

    ``of_neuron``: float64 (3, n_neurons), scratch. ``rate``: 1/tau_mem.
    """
    of_neuron[:] = 0.0
    for k in range(end - 1, begin - 1, -1):
        j = neurons[k]
        crossing = np.float64(in_times[last_input[k]]) + np.float64(since_input[k])
        reset = np.float64(times[k]) if reset_on_grid else crossing
        error = errors[k] + of_neuron[HANDED, j]
        of_neuron[HANDED, j] = 0.0
        pull = of_neuron[PULL, j]
        if pull != 0.0:
            pull *= np.exp((reset - of_neuron[SINCE, j]) * rate)
            error += reset_over_tau * pull
            of_neuron[SINCE, j] = reset
        carried[k] = error * inverse_slope[k]
        if inverse_slope[k] == 0.0:
            of_neuron[HANDED, j] = error
        else:
            if pull != 0.0 and reset_on_grid:
                pull *= np.exp((crossing - reset) * rate)
            pull += carried[k]
            of_neuron[SINCE, j] = crossing
        of_neuron[PULL, j] = pull
