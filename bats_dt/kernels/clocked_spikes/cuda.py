"""Forward pass on a GPU: `clocked_spikes.cu`, whose arrays (batch, steps, neurons) list the spikes in their order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from bats_dt.backend import array_module
from bats_dt.clocked_neuron import ClockedNeuron
from bats_dt.kernels.clocked_spikes import ClockedSpikes
from bats_dt.kernels.device import start
from bats_dt.spikes import SpikeEvents

SOURCE = Path(__file__).with_name("clocked_spikes.cu")


def clocked_spikes(
    inputs: SpikeEvents, weights: Any, neuron: ClockedNeuron, n_steps: int, max_spikes: int
) -> ClockedSpikes:
    """Contract: :func:`bats_dt.kernels.clocked_spikes.clocked_spikes`."""
    xp, dtype, batch, n_post = array_module(), weights.dtype, inputs.batch, weights.shape[1]
    shape = (batch, n_steps, n_post)
    slopes, drops, slots = xp.full(shape, -1, dtype), xp.empty(shape, dtype), xp.empty(shape, np.int32)
    input_steps, (lost, bounded, diverged) = _simulate(
        inputs, weights, neuron, n_steps, max_spikes, slopes, drops, slots, None, None
    )
    cells = xp.flatnonzero(slopes >= 0)
    samples, steps, neurons = cells // max(n_steps * n_post, 1), cells // n_post % max(n_steps, 1), cells % n_post
    slots = slots.ravel()[cells]
    kept = slots < max_spikes
    bounds = xp.arange(batch + 1)
    times = ((steps[kept] + 1.0) * neuron.dt).astype(dtype)
    events = SpikeEvents(
        xp.searchsorted(samples[kept], bounds), times, neurons[kept].astype(np.int32), slots[kept], n_post, max_spikes
    )
    first = diverged.argmax(axis=1) if batch else xp.zeros(0, np.int64)
    return ClockedSpikes(
        events,
        xp.searchsorted(samples, bounds),
        steps.astype(np.int32),
        neurons.astype(np.int32),
        slopes.ravel()[cells],
        drops.ravel()[cells],
        kept,
        input_steps,
        lost.sum(axis=1),
        bounded.sum(axis=1),
        xp.where(diverged.any(axis=1), first, -1),
    )


def record(inputs: SpikeEvents, weights: Any, neuron: ClockedNeuron, currents: Any, potentials: Any) -> None:
    """Fill both arrays (batch, n_steps, n_post)."""
    xp, shape = array_module(), currents.shape
    spikes = xp.empty(shape, weights.dtype), xp.empty(shape, weights.dtype), xp.empty(shape, np.int32)
    _simulate(inputs, weights, neuron, shape[1], 1, *spikes, currents, potentials)


def _simulate(
    inputs: SpikeEvents, weights: Any, neuron: ClockedNeuron, n_steps: int, max_spikes: int, slopes: Any, drops: Any,
    slots: Any, currents: Any, potentials: Any,
) -> tuple[Any, tuple[Any, ...]]:  # fmt: skip
    """Fill the arrays; the steps of the inputs, and lost, bounded, diverged (batch, n_post)."""
    xp, dtype, n_events, n_post = array_module(), weights.dtype, len(inputs.times), weights.shape[1]
    input_steps = xp.empty(n_events, np.int32)
    start(
        SOURCE, "arrive", n_events, dtype, inputs.times, input_steps, np.float64(neuron.dt),
        np.float64(4 * np.finfo(dtype).eps), np.int32(n_steps), np.int64(n_events),
    )  # fmt: skip
    tallies = tuple(xp.empty((inputs.batch, n_post), np.int32) for _ in range(3))
    step, cells = neuron.coefficients(), inputs.batch * n_post
    start(
        SOURCE, "simulate", cells, dtype, inputs.offsets, input_steps, inputs.neurons, weights,
        *map(dtype.type, (*step, 1 - step.keep_u, neuron.threshold)),
        *map(np.float64, (neuron.threshold, neuron.v_reset, neuron.dt, neuron.clamp)),
        np.int32(neuron.reset == "hard"), np.int32(max_spikes), slopes, drops, slots, *tallies, currents, potentials,
        *map(np.int64, (cells, n_post, n_steps)),
    )  # fmt: skip
    return input_steps, tallies
