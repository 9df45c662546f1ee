"""Gradients of a dense layer with respect to its weights and its input spikes (EQUATIONS A.5)."""

from __future__ import annotations

import numpy as np

from bats_dt.backend import check_arrays, implementation
from bats_dt.neuron import Neuron
from bats_dt.spikes import EmittedSpikes, SpikeEvents


def spike_gradients(
    errors: np.ndarray,
    spikes: EmittedSpikes,
    inputs: SpikeEvents,
    weights: np.ndarray,
    neuron: Neuron,
    parts: int,
    with_input_errors: bool,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Carry the errors of a layer's spikes back to its weights and to the spikes it received.

    errors: (n_out,) dL/dt of each emitted spike; not modified.
    spikes, inputs, weights, neuron: what ``spike_times`` returned and was given.
    parts: the batch is summed in this many groups of samples: 1 sums it all, ``batch`` keeps every sample apart.

    Returned: dL/dw (parts, n_pre, n_post), the sum over the samples of each part; and dL/dt of each input spike
    (n_in,), None if not asked for.

    For any tau_mem. Exact in continuous time, apart from the bound on the slope of near-tangential crossings. On a grid
    straight-through: the emitted time moves as its crossing does, the reset takes place at the emitted time (for the
    rule "published" at the crossing, as its forward pass has it), and a spike without a crossing of its own moves as
    the one before it. An input counts as causal up to ``last_input``, whatever the sign of ``since_input``.

    Raises
    ------
    TypeError: arrays of another backend.
    """
    check_arrays(errors=errors, weights=weights, inputs=inputs.times, spikes=spikes.events.times)
    module = implementation(__name__)
    return module.spike_gradients(errors, spikes, inputs, weights, neuron, parts, with_input_errors)
