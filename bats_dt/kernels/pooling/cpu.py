"""Pooling in Numba: the events are in the order of time, so only those of equal times are sorted anew."""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

import numpy as np
from numba import njit

from bats_dt.kernels.event_lists.sorting import sort_events
from bats_dt.kernels.threads import run_pieces
from bats_dt.spikes import SpikeEvents


def pool(events: SpikeEvents, shape: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(offsets, source, neurons, slots) of the pooled events; contract: :func:`bats_dt.kernels.pooling.pool`."""
    batch, pooled = events.batch, _pooled_neurons(shape)
    offsets = np.zeros(batch + 1, np.int64)
    run_pieces(batch, lambda first, end: _count(first, end, events.offsets, events.neurons, pooled, offsets[1:]))
    np.cumsum(offsets, out=offsets)
    source, kept = np.empty((2, offsets[-1]), np.int64)
    neurons, slots, kept_neurons, order, spare = np.empty((5, offsets[-1]), np.int32)
    emitted = np.zeros((batch, pooled.max() + 1), np.int32)
    run_pieces(
        batch,
        lambda first, end: _pool_samples(
            first, end, events.offsets, events.times, events.neurons, pooled, offsets, kept, kept_neurons, order, spare,
            emitted, source, neurons, slots,
        ),
    )  # fmt: skip
    return offsets, source, neurons, slots


def _pooled_neurons(shape: tuple[int, int, int]) -> np.ndarray:
    """int32 (X * Y * C,): the pooled neuron of each neuron, -1 for those that belong to no square."""
    half_x, half_y, channels = shape[0] // 2, shape[1] // 2, shape[2]
    below = np.full(shape, -1, np.int32)
    squares = np.arange(half_x * half_y * channels, dtype=np.int32).reshape(half_x, half_y, channels)
    below[: 2 * half_x, : 2 * half_y] = squares.repeat(2, axis=0).repeat(2, axis=1)
    return below.ravel()


@njit(nogil=True, cache=True, error_model="numpy")
def _count(first, end, offsets, neurons, pooled, counts):
    for sample in range(first, end):
        for event in range(offsets[sample], offsets[sample + 1]):
            counts[sample] += pooled[neurons[event]] >= 0


@njit(cache=True, error_model="numpy")
def _sort_equal_times(times, kept, kept_neurons, order, spare, source, neurons):
    """Write the kept events, those of equal times sorted by their pooled neurons."""
    low = 0
    while low < kept.size:
        sorted_already = True
        high = low + 1
        while high < kept.size and times[kept[high]] == times[kept[low]]:
            sorted_already = sorted_already and kept_neurons[high] >= kept_neurons[high - 1]
            high += 1
        if not sorted_already:  # the neurons stand for the times, which are all equal
            sort_events(kept_neurons[low:high], kept_neurons[low:high], order[low:high], spare[low:high])
        for k in range(low, high):
            place = k if sorted_already else low + order[k]
            source[k] = kept[place]
            neurons[k] = kept_neurons[place]
        low = high


@njit(nogil=True, cache=True, error_model="numpy")
def _pool_samples(
    first, end, offsets, times, neurons, pooled, pooled_offsets, kept, kept_neurons, order, spare, emitted, source,
    pooled_neurons, slots,
):  # fmt: skip
    for sample in range(first, end):
        low = pooled_offsets[sample]
        high = low
        for event in range(offsets[sample], offsets[sample + 1]):
            neuron = pooled[neurons[event]]
            if neuron >= 0:
                kept[high] = event
                kept_neurons[high] = neuron
                high += 1
        _sort_equal_times(
            times, kept[low:high], kept_neurons[low:high], order[low:high], spare[low:high], source[low:high],
            pooled_neurons[low:high],
        )  # fmt: skip
        for k in range(low, high):
            neuron = pooled_neurons[k]
            slots[k] = emitted[sample, neuron]
            emitted[sample, neuron] += 1
