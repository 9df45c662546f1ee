"""Spike times of a dense layer: the event-driven forward pass (EQUATIONS A.5, A.6)."""

from __future__ import annotations

import numpy as np

from bats_dt.backend import check_arrays, implementation
from bats_dt.grid import TimeGrid
from bats_dt.neuron import Neuron
from bats_dt.spikes import EmittedSpikes, SpikeEvents

LEAST_SLOPE = 1e-3  # of theta/tau_mem: flatter crossings are counted and their slope is bounded
LATE_SLACK = 1e-4  # of the potential: what the rule "published" lets it lie below theta at the grid point
MOST_IN_INTERVAL = 10_000  # spikes of a neuron between two inputs: weights that have diverged must not hang


def spike_times(
    inputs: SpikeEvents,
    weights: np.ndarray,
    neuron: Neuron,
    max_simulation: float,
    max_spikes: int,
    grid: TimeGrid | None,
) -> EmittedSpikes:
    """Simulate a layer of neurons exactly, from input event to input event.

    inputs: spikes of the layer below, times [s] of the dtype of ``weights``.
    weights: float32 or float64 (n_pre, n_post), C-contiguous: the row of an input is added to its targets.
    max_simulation: last time at which a spike may be emitted [s], inf for no end; one exactly there is kept.
    max_spikes: spikes kept for each neuron; further ones still reset it and are counted as lost.
    grid: the times a spike may take, None for continuous time.

    A crossing is valid after the last event (input or own spike) and up to and including the next input. If
    rounding leaves a potential at or above the threshold without a spike, it is emitted at the beginning of the
    next interval: nothing is lost. (The rule "published" loses spikes, as it was published: EQUATIONS A.6.)

    Raises
    ------
    TypeError: arrays of another backend.
    ValueError: a neuron would fire more than ``MOST_IN_INTERVAL`` times between two inputs, kept or lost. It is
        refused, not approximated.
    """
    check_arrays(weights=weights, inputs=inputs.times)
    emitted = implementation(__name__).spike_times(inputs, weights, neuron, max_simulation, max_spikes, grid)
    diverged = np.flatnonzero(emitted.diverged >= 0)
    if len(diverged):
        sample = int(diverged[0])
        raise ValueError(
            f"weights have diverged: neuron {emitted.diverged[sample]} of sample {sample} would fire more than "
            f"{MOST_IN_INTERVAL:,} times between two inputs, in a layer of {weights.shape[1]} neurons above "
            f"{weights.shape[0]} with weights from {weights.min():.3g} to {weights.max():.3g}; start again from "
            "smaller weights and a lower learning rate, or raise theta and delta_theta"
        )
    return emitted
