"""Backward pass on a GPU: `spike_gradients.cu`, a tile of samples at a time; the derivation is there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from bats_dt.backend import array_module, to_numpy
from bats_dt.kernels.device import start
from bats_dt.kernels.event_lists.cuda import sorting_order
from bats_dt.neuron import Neuron
from bats_dt.spikes import EmittedSpikes, SpikeEvents

SOURCE = Path(__file__).with_name("spike_gradients.cu")
TILE_BYTES = 2**28  # of the sums of one tile, which are (its input events, n_post); a tile has one sample at least
LEAST_THREADS = 2**16  # of the sum over the events of an input: with fewer, a batch is summed in splits
COLUMNS = 32  # as in spike_gradients.cu


def spike_gradients(
    errors: Any,
    spikes: EmittedSpikes,
    inputs: SpikeEvents,
    weights: Any,
    neuron: Neuron,
    parts: int,
    with_input_errors: bool,
) -> tuple[Any, Any | None]:
    """Contract: :func:`bats_dt.kernels.spike_gradients.spike_gradients`."""
    xp, dtype, (n_pre, n_post) = array_module(), weights.dtype, weights.shape
    batch, n_events = inputs.batch, len(inputs.times)
    splits = max(1, min(batch, -(-LEAST_THREADS // weights.size))) if parts == 1 else parts
    gradient = xp.zeros((splits, n_pre, n_post), dtype)
    input_errors = xp.zeros(n_events, dtype) if with_input_errors else None
    factors = xp.empty((n_events, 3), dtype)
    start(
        SOURCE, "decays", n_events, dtype, inputs.times, factors,
        *map(np.float64, (neuron.tau_syn, neuron.tau_mem, neuron.delta)), np.int64(n_events),
    )  # fmt: skip
    carried = _carry(errors.astype(dtype), spikes, inputs, neuron, n_post)
    # The split s holds the samples from s batch // splits up to (s + 1) batch // splits.
    split_of_event = ((inputs.samples + 1) * splits - 1) // max(batch, 1)
    for samples, events in _tiles(inputs.offsets, n_events, n_post * dtype.itemsize * (1 + with_input_errors)):
        shape = (events.stop - events.start, n_post)
        sums_q, sums_r = xp.empty(shape, dtype), xp.empty(shape, dtype) if with_input_errors else None
        start(
            SOURCE, "walk_back", (samples.stop - samples.start) * n_post, dtype, inputs.offsets, factors, *carried,
            dtype.type(1 / neuron.tau_syn), sums_q, sums_r, *map(np.int64, (samples.start, samples.stop, n_post)),
        )  # fmt: skip
        first_split, last_split = (((sample + 1) * splits - 1) // batch for sample in (samples.start, samples.stop - 1))
        keys = (split_of_event[events] - first_split) * n_pre + inputs.neurons[events]
        _add_by_input(sums_q, keys, gradient[first_split : last_split + 1])
        if input_errors is not None:
            input_errors[events] = _sum_by_event(sums_r, inputs.neurons[events], weights)
    return (gradient if splits == parts else gradient.sum(axis=0, keepdims=True)), input_errors


def _carry(errors: Any, spikes: EmittedSpikes, inputs: SpikeEvents, neuron: Neuron, n_post: int) -> tuple[Any, ...]:
    """Stage 1: (starts, inputs, to_p, to_q) of the spikes by (sample, neuron), cell c at starts[c]:starts[c + 1]."""
    xp, events, dtype = array_module(), spikes.events, errors.dtype
    cells = events.samples * n_post + events.neurons
    order = sorting_order(cells)  # the spikes of a neuron stay in the order of time
    n_cells = events.batch * n_post
    starts = xp.searchsorted(cells[order], xp.arange(n_cells + 1))
    to_p, to_q, last_inputs = xp.empty_like(errors), xp.empty_like(errors), xp.empty_like(order)
    start(
        SOURCE, "carry", n_cells, dtype, starts, order, events.times, spikes.last_input, spikes.since_input,
        spikes.inverse_slope, errors, inputs.times,
        *map(np.float64, (neuron.tau_syn, neuron.tau_mem, neuron.delta, neuron.reset_over_tau)),
        np.int32(spikes.reset_on_grid),
        to_p, to_q, last_inputs, np.int64(n_cells),
    )  # fmt: skip
    return starts, last_inputs, to_p, to_q


def _tiles(offsets: Any, n_events: int, bytes_an_event: int) -> Iterator[tuple[slice, slice]]:
    """Ranges of samples, and of their events, whose sums take up TILE_BYTES at most."""
    batch = len(offsets) - 1
    if n_events * bytes_an_event <= TILE_BYTES:
        bounds = [0, n_events] if batch else []
        ends = [0, batch]
    else:
        on_host = to_numpy(offsets)
        ends = [0]
        while ends[-1] < batch:
            most = on_host[ends[-1]] + TILE_BYTES // bytes_an_event
            ends.append(max(int(np.searchsorted(on_host, most, side="right")) - 1, ends[-1] + 1))
        bounds = [int(on_host[end]) for end in ends]
    for place in range(len(bounds) - 1):
        yield slice(ends[place], ends[place + 1]), slice(bounds[place], bounds[place + 1])


def _add_by_input(sums_q: Any, keys: Any, gradient: Any) -> None:
    """Take the sums of each event from the row of the gradient (rows, n_pre, n_post) that its key names."""
    xp, (rows, n_pre, n_post) = array_module(), gradient.shape
    n_keys = rows * n_pre
    order = sorting_order(keys)
    starts = xp.searchsorted(keys[order], xp.arange(n_keys + 1))
    sizes = np.int64(n_keys), np.int64(n_post)
    start(SOURCE, "sum_by_input", n_keys * n_post, sums_q.dtype, sums_q, starts, order, gradient, *sizes)


def _sum_by_event(sums_r: Any, neurons: Any, weights: Any) -> Any:
    """sum_j w_j r_j of each event, over COLUMNS neurons at a time."""
    events, n_post = sums_r.shape
    partial = array_module().empty((events, -(-n_post // COLUMNS)), sums_r.dtype)
    sizes = np.int64(events), np.int64(n_post)
    start(SOURCE, "sum_by_event", partial.size, sums_r.dtype, sums_r, neurons, weights, partial, *sizes)
    return partial.sum(axis=1)
