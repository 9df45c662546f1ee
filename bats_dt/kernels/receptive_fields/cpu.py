"""Windows of a map in Numba: count each window's spikes, then deal them out in the order of time."""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

import numpy as np
from numba import njit

from bats_dt.kernels.event_lists.sorting import sort_events
from bats_dt.kernels.receptive_fields import Unfolded
from bats_dt.kernels.threads import run_pieces
from bats_dt.spikes import SpikeEvents


def unfold(
    events: SpikeEvents, shape: tuple[int, int, int], window: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(offsets, source, neurons) of the virtual events; contract: :func:`bats_dt.kernels.receptive_fields.unfold`."""
    batch, positions = events.batch, (shape[0] - window[0] + 1) * (shape[1] - window[1] + 1)
    offsets = np.zeros(batch * positions + 1, np.int64)
    run_pieces(
        batch,
        lambda first, end: _count(first, end, events.offsets, events.neurons, shape, window, positions, offsets[1:]),
    )
    np.cumsum(offsets, out=offsets)
    source, neurons = np.empty(offsets[-1], np.int64), np.empty(offsets[-1], np.int32)
    free = offsets[:-1].copy()
    run_pieces(
        batch,
        lambda first, end: _deal(
            first, end, events.offsets, events.neurons, shape, window, positions, free, source, neurons
        ),
    )
    return offsets, source, neurons


def fold(errors: np.ndarray, unfolded: Unfolded) -> np.ndarray:
    """Contract: :func:`bats_dt.kernels.receptive_fields.fold`."""
    sums = np.zeros(unfolded.offsets[-1], errors.dtype)
    batch = len(unfolded.offsets) - 1
    positions = unfolded.events.batch // max(batch, 1)
    run_pieces(
        batch,
        lambda first, end: _add_up(first, end, unfolded.events.offsets, positions, unfolded.source, errors, sums),
    )
    return sums


def assemble(offsets: np.ndarray, times: np.ndarray, neurons: np.ndarray) -> np.ndarray:
    """The stable order of each sample's events by (time, neuron)."""
    within, spare = np.empty((2, len(times)), np.int32)
    order = np.empty(len(times), np.int64)
    run_pieces(
        len(offsets) - 1, lambda first, end: _sort_samples(first, end, offsets, times, neurons, within, spare, order)
    )
    return order


@njit(nogil=True, cache=True, error_model="numpy")
def _count(first, end, offsets, neurons, shape, window, positions, counts):
    """Add one to the counts of all windows that hold an event."""
    size_x, size_y, channels = shape
    fx, fy = window
    columns = size_y - fy + 1
    for sample in range(first, end):
        for event in range(offsets[sample], offsets[sample + 1]):
            place = neurons[event] // channels
            x = place // size_y
            y = place - x * size_y
            for ox in range(max(0, x - fx + 1), min(x, size_x - fx) + 1):
                for oy in range(max(0, y - fy + 1), min(y, size_y - fy) + 1):
                    counts[sample * positions + ox * columns + oy] += 1


@njit(nogil=True, cache=True, error_model="numpy")
def _deal(first, end, offsets, neurons, shape, window, positions, free, source, virtual_neurons):
    """Give each event to all windows that hold it, at their next free places."""
    size_x, size_y, channels = shape
    fx, fy = window
    columns = size_y - fy + 1
    for sample in range(first, end):
        for event in range(offsets[sample], offsets[sample + 1]):
            place = neurons[event] // channels
            channel = neurons[event] - place * channels
            x = place // size_y
            y = place - x * size_y
            for ox in range(max(0, x - fx + 1), min(x, size_x - fx) + 1):
                for oy in range(max(0, y - fy + 1), min(y, size_y - fy) + 1):
                    virtual = sample * positions + ox * columns + oy
                    k = free[virtual]
                    free[virtual] = k + 1
                    source[k] = event
                    virtual_neurons[k] = ((x - ox) * fy + y - oy) * channels + channel


@njit(nogil=True, cache=True, error_model="numpy")
def _add_up(first, end, virtual_offsets, positions, source, errors, sums):
    for k in range(virtual_offsets[first * positions], virtual_offsets[end * positions]):
        sums[source[k]] += errors[k]


@njit(nogil=True, cache=True, error_model="numpy")
def _sort_samples(first, end, offsets, times, neurons, within, spare, order):
    for sample in range(first, end):
        low, high = offsets[sample], offsets[sample + 1]
        sort_events(times[low:high], neurons[low:high], within[low:high], spare[low:high])
        for k in range(low, high):
            order[k] = low + within[k]
