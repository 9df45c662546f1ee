"""Backward pass on a GPU: `clocked_gradients.cu`, a tile of samples at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from bats_dt.backend import array_module, to_numpy
from bats_dt.clocked_neuron import ClockedNeuron
from bats_dt.kernels.clocked_spikes import ClockedSpikes
from bats_dt.kernels.device import start
from bats_dt.kernels.event_lists.cuda import sorting_order
from bats_dt.spikes import SpikeEvents

SOURCE = Path(__file__).with_name("clocked_gradients.cu")
TILE_BYTES = 2**28  # of the sums of one tile, which are (samples, n_steps + 2, n_post); a tile has one sample at least
LEAST_THREADS = 2**16  # of the sum over the events of an input: with fewer, a batch is summed in splits
COLUMNS = 32  # as in clocked_gradients.cu


def clocked_gradients(
    errors: Any,
    spikes: ClockedSpikes,
    inputs: SpikeEvents,
    weights: Any,
    neuron: ClockedNeuron,
    n_steps: int,
    parts: int,
    with_input_errors: bool,
) -> tuple[Any, Any | None]:
    """Contract: :func:`bats_dt.kernels.clocked_gradients.clocked_gradients`."""
    xp, dtype, (n_pre, n_post) = array_module(), weights.dtype, weights.shape
    batch, n_events, adjoint = inputs.batch, len(inputs.times), neuron.adjoint()
    splits = max(1, min(batch, -(-LEAST_THREADS // weights.size))) if parts == 1 else parts
    gradient = xp.zeros((splits, n_pre, n_post), dtype)
    input_errors = xp.zeros(n_events, dtype) if with_input_errors else None
    factors = _factors(inputs, spikes, neuron)
    by_cell = _by_cell(errors, spikes, n_post, dtype)
    constants = (
        np.int32(neuron.reset == "hard"), np.float64(neuron.tau_mem), np.float64(neuron.clamp),
        *map(dtype.type, (neuron.coefficients().keep_u, adjoint.keep, adjoint.gain)),
    )  # fmt: skip
    # The split s holds the samples from s batch // splits up to (s + 1) batch // splits.
    split_of_event = ((inputs.samples + 1) * splits - 1) // max(batch, 1)
    tile = max(1, TILE_BYTES // ((n_steps + 2) * n_post * dtype.itemsize * (1 + with_input_errors)))
    offsets = to_numpy(inputs.offsets)
    for first in range(0, batch, tile):
        end = min(first + tile, batch)
        events = slice(int(offsets[first]), int(offsets[end]))
        shape = (end - first, n_steps + 2, n_post)
        sums, by_potential = xp.empty(shape, dtype), xp.empty(shape, dtype) if with_input_errors else None
        sizes = map(np.int64, (first, end, n_post, n_steps))
        start(SOURCE, "sweep", (end - first) * n_post, dtype, *by_cell, *constants, sums, by_potential, *sizes)
        rows = (inputs.samples[events] - first) * (n_steps + 2) + spikes.input_steps[events] + adjoint.lag
        late = None if factors is None else factors[events]
        first_split, last_split = (((sample + 1) * splits - 1) // batch for sample in (first, end - 1))
        keys = (split_of_event[events] - first_split) * n_pre + inputs.neurons[events]
        _add_by_input(sums, rows, late, keys, gradient[first_split : last_split + 1])
        if input_errors is not None:
            input_errors[events] = _sum_by_event(
                sums, by_potential, rows, late, inputs.neurons[events], weights, neuron
            )
    return (gradient if splits == parts else gradient.sum(axis=0, keepdims=True)), input_errors


def _factors(inputs: SpikeEvents, spikes: ClockedSpikes, neuron: ClockedNeuron) -> Any | None:
    """f of every input, None where all are 1."""
    if neuron.estimator == "discrete":
        return None
    n_events, dtype = len(inputs.times), inputs.times.dtype
    factors = array_module().empty(n_events, dtype)
    start(
        SOURCE, "lateness", n_events, dtype, inputs.times, spikes.input_steps, factors, np.float64(neuron.dt),
        np.float64(neuron.tau_syn), np.int64(n_events),
    )  # fmt: skip
    return factors


def _by_cell(errors: Any, spikes: ClockedSpikes, n_post: int, dtype: Any) -> tuple[Any, ...]:
    """(starts, order) of the spikes by (sample, neuron), cell c at order[starts[c]:starts[c + 1]]; what they are."""
    xp, batch = array_module(), spikes.events.batch
    every_error = xp.zeros(len(spikes.steps), dtype)
    every_error[spikes.kept] = errors.astype(dtype)
    samples = xp.searchsorted(spikes.offsets, xp.arange(len(spikes.steps)), side="right") - 1
    cells = samples * n_post + spikes.neurons
    order = sorting_order(cells)  # the spikes of a neuron stay in the order of time
    starts = xp.searchsorted(cells[order], xp.arange(batch * n_post + 1))
    return starts, order, spikes.steps, spikes.slopes, spikes.drops, every_error


def _add_by_input(sums: Any, rows: Any, factors: Any | None, keys: Any, gradient: Any) -> None:
    """Add the sums of each event to the row of the gradient (splits, n_pre, n_post) that its key names."""
    xp, (splits, n_pre, n_post) = array_module(), gradient.shape
    n_keys = splits * n_pre
    order = sorting_order(keys)
    starts = xp.searchsorted(keys[order], xp.arange(n_keys + 1))
    sizes = np.int64(n_keys), np.int64(n_post)
    start(SOURCE, "sum_by_input", n_keys * n_post, sums.dtype, sums, rows, factors, starts, order, gradient, *sizes)


def _sum_by_event(
    sums: Any, by_potential: Any, rows: Any, factors: Any | None, neurons: Any, weights: Any, neuron: ClockedNeuron
) -> Any:
    """dL/dt of each event, over COLUMNS neurons at a time."""
    n_events, n_post, dtype = len(rows), weights.shape[1], weights.dtype
    partial = array_module().empty((n_events, -(-n_post // COLUMNS)), dtype)
    start(
        SOURCE, "sum_by_event", partial.size, dtype, sums, by_potential, rows, factors, neurons, weights,
        *map(dtype.type, (1 / neuron.tau_syn, neuron.adjoint().edge)), partial, np.int64(n_events), np.int64(n_post),
    )  # fmt: skip
    return partial.sum(axis=1)
