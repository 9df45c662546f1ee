"""Spikes of a dense layer that is stepped by a clock (EQUATIONS B.2, B.4)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bats_dt.backend import array_module, check_arrays, implementation
from bats_dt.clocked_neuron import ClockedNeuron
from bats_dt.spikes import SpikeEvents


@dataclass(frozen=True)
class ClockedSpikes:
    """What a clocked layer emitted, and what its backward pass needs to know of each spike.

    events: the emitted spikes that fit into the buffer; that of step k has the time (k + 1) dt.
    offsets: int64 (batch + 1,), the spikes of each sample among all of them, those that did not fit included. The next
        five are aligned with all spikes, (n_spikes,), each sample sorted by (step, neuron).
    steps, neurons: int32. slopes: float [1/s times potential], what the step added to u, over dt; exactly 0 marks a
        spike without a crossing of its own: its neuron was at or above the threshold already at the beginning of the
        step, after the soft reset of the step before.
    drops: float, how far u fell by the reset. kept: bool, whether it fits into the buffer and so is in ``events``.
    input_steps: int32 (n_in,), the step that took each input, the number of steps for one that came after the last.
    lost: int64 (batch,), spikes that did not fit into the buffer.
    bounded: int64 (batch,), spikes whose 1/slope is above the clamp.
    diverged: int64 (batch,), a neuron whose state is no number any more, -1 if there is none.
    """

    events: SpikeEvents
    offsets: np.ndarray
    steps: np.ndarray
    neurons: np.ndarray
    slopes: np.ndarray
    drops: np.ndarray
    kept: np.ndarray
    input_steps: np.ndarray
    lost: np.ndarray
    bounded: np.ndarray
    diverged: np.ndarray


def clocked_spikes(
    inputs: SpikeEvents, weights: np.ndarray, neuron: ClockedNeuron, n_steps: int, max_spikes: int
) -> ClockedSpikes:
    """Step a layer ``n_steps`` times.

    inputs: spikes of the layer below, times [s] of the dtype of ``weights``; several in one step add up.
    weights: float32 or float64 (n_pre, n_post), C-contiguous: the row of an input is added to its targets.
    max_spikes: spikes kept for each neuron; further ones still reset it and are counted as lost.

    An input at the time t acts from step floor(t/dt) on: one that was emitted on this grid at k dt is first felt at
    (k + 1) dt. A neuron emits at most once a step.

    Raises
    ------
    TypeError: arrays of another backend.
    ValueError: a potential is above the largest number. It is refused, not approximated.
    """
    check_arrays(weights=weights, inputs=inputs.times)
    spikes: ClockedSpikes = implementation(__name__).clocked_spikes(inputs, weights, neuron, n_steps, max_spikes)
    diverged = np.flatnonzero(spikes.diverged >= 0)
    if len(diverged):
        sample = int(diverged[0])
        raise ValueError(
            f"weights have diverged: the potential of neuron {spikes.diverged[sample]} of sample {sample} is above the "
            f"largest {weights.dtype}, in a layer of {weights.shape[1]} neurons above {weights.shape[0]} with weights "
            f"from {weights.min():.3g} to {weights.max():.3g}; start again from smaller weights and a lower learning "
            "rate"
        )
    return spikes


def clocked_traces(
    inputs: SpikeEvents, weights: np.ndarray, neuron: ClockedNeuron, n_steps: int
) -> tuple[np.ndarray, np.ndarray]:
    """Currents i and potentials u at the end of every step, u before the reset, each (batch, n_steps, n_post).

    The same steps as :func:`clocked_spikes`, with everything recorded: for looking at, not for training.
    """
    check_arrays(weights=weights, inputs=inputs.times)
    currents, potentials = array_module().empty((2, inputs.batch, n_steps, weights.shape[1]), weights.dtype)
    implementation(__name__).record(inputs, weights, neuron, currents, potentials)
    return currents, potentials
