"""Gradients of a clocked layer with respect to its weights and its input spikes (EQUATIONS B.4)."""

from __future__ import annotations

import numpy as np

from bats_dt.backend import check_arrays, implementation
from bats_dt.clocked_neuron import ClockedNeuron
from bats_dt.kernels.clocked_spikes import ClockedSpikes
from bats_dt.spikes import SpikeEvents


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
    """Carry the errors of a layer's spikes back to its weights and to the spikes it received.

    errors: (n_out,) dL/dt of each emitted spike; not modified.
    spikes, inputs, weights, neuron, n_steps: what ``clocked_spikes`` returned and was given.
    parts: the batch is summed in this many groups of samples: 1 sums it all, ``batch`` keeps every sample apart.

    Returned: dL/dw (parts, n_pre, n_post), the sum over the samples of each part; and dL/dt of each input spike
    (n_in,), None if not asked for.

    With e the errors, U, u the potential before and after the reset of a step, and dU/dt, drop of a spike as in
    ``ClockedSpikes``; backwards in k, one neuron (q: the factor kept of u, keep, gain, lag, edge: those of
    :class:`bats_dt.clocked_neuron.Adjoint`):

        dL/du[k] = q dL/dU[k+1]                                          [B39, second term]
        no spike in step k:  dL/dU[k] = dL/du[k]
        a spike, hard reset: dL/dt = e - dL/du[k] (dU/dt + drop/tau_mem),  dL/dU[k] = dL/dt dt/dU
        a spike, soft reset: dL/dt = e - dL/du[k] drop/tau_mem,            dL/dU[k] = dL/du[k] + dL/dt dt/dU
        dt/dU = -min(1/(dU/dt), clamp)                                   [B38]
        S[k] = keep S[k+1] + gain dL/dU[k]                               [B37]
        an input of step k:  dL/dw += f S[k + lag]                       [B40]
                             dL/dt  = sum_j w_j (f S_j[k + lag] / tau_syn - edge dL/dU_j[k + lag])

    Exact: everything that is linear, the current and the potential between spikes and through a soft reset, at the
    scheme's own factors with the estimator "discrete". Straight-through: times on the grid, which are steps of the
    weights, move as the crossing of the threshold does, and so do reset and input that come with them; an input moves
    within its step. The first order in dt is ignored. Surrogate: dt/dU beyond the clamp.

    At a fixed dt a loss of grid times has no other finite differences than 0 and jumps. With no spike appearing or
    vanishing, what is differentiable and has these gradients, with nothing modelled in between, is: the potential,
    exactly; the crossing of the threshold by the line between two potentials, exactly where it is at the grid point;
    the loss of the grid times, in the limit dt -> 0 (tests/bats_dt/verification/test_clocked_raw_losses.py).

    A spike without a crossing of its own (slope 0) moves as the one of its neuron in the step before: its dL/dt is
    added to that one's, and dL/dU[k] = dL/du[k].

    Notes
    -----
    B37 to B40 are damaged in the thesis's text, and in places open. What is used here, and why:

    * du/dt at the crossing is what the scheme added to u in the step, over dt. For backward Euler that is
      (R i - U)/tau_mem, the thesis's; for the other schemes that expression may be negative at an upward crossing.
    * B38's du[j]/dt_i, the later potential by the time of an earlier spike, is that of the continuous neuron: a reset
      that comes later by s leaves u lower by s dU/dt + s drop/tau_mem (hard) or s drop/tau_mem (soft) behind it. With
      dt/dU unbounded, hard and soft are then the same function of U. (The sum over all later spikes and the recursion
      over steps in B39 count the same paths twice if both are taken in full: here each is taken once.)
    * B38's di'[m]/dt_i is that of the whole response to an input: the current that comes later is larger by s/tau_syn
      of itself, and the potential has missed s R/tau_mem of it (the term with ``edge``), without which the limit
      dt -> 0 would not be the exact gradient of EQUATIONS A.5. With it, it is.
    * B40's continuous estimator exp(-(t_k - t_s)/tau_syn)/tau_syn takes the time t_s at which the input came, on the
      grid or not: f = exp((t_s - k dt)/tau_syn) for an input of step k. The discrete one has f = 1. For the scheme
      "exponential" and inputs on the grid both are the same. The other factors, those of u, are the scheme's in both.
    * The drive "pulse" multiplies both by dt, as [B14]'s input.

    Raises
    ------
    TypeError: arrays of another backend.
    """
    check_arrays(errors=errors, weights=weights, inputs=inputs.times, spikes=spikes.steps)
    module = implementation(__name__)
    return module.clocked_gradients(errors, spikes, inputs, weights, neuron, n_steps, parts, with_input_errors)
