"""Lists of events in Numba; memory beside the trains is linear in the events."""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

import numpy as np
from numba import njit

from bats_dt.kernels.event_lists import COUNT_FAULT, ORDER_FAULT, TIME_FAULT
from bats_dt.kernels.event_lists.sorting import sort_events

NEURON, SLOT, ORDER, SPARE = range(4)  # rows of what is known of the events before they are sorted


def event_lists(
    times: np.ndarray, counts: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, tuple[int, int, int]]:
    """(offsets, times, neurons, slots, fault), fault = (kind, sample, neuron), kind 0 if there is none."""
    faults, offsets = np.zeros((times.shape[0], 2), np.int64), np.zeros(times.shape[0] + 1, np.int64)
    _check_samples(times, counts, offsets, faults)
    np.cumsum(offsets, out=offsets)
    n_events = offsets[-1]
    unsorted_times, sorted_times = np.empty((2, n_events), times.dtype)
    unsorted = np.empty((4, n_events), np.int32)
    neurons, slots = np.empty((2, n_events), np.int32)
    _list_samples(times, counts, offsets, unsorted_times, unsorted, sorted_times, neurons, slots)
    faulty = np.flatnonzero(faults[:, 0])
    fault = (int(faults[faulty[0], 0]), int(faulty[0]), int(faults[faulty[0], 1])) if len(faulty) else (0, 0, 0)
    return offsets, sorted_times, neurons, slots, fault


@njit(cache=True, error_model="numpy")
def _is_sound(times, sample, neuron, count):
    finite = 0
    previous = 0.0
    for slot in range(times.shape[2]):
        time = times[sample, neuron, slot]
        if not time >= previous:
            return False
        previous = time
        finite += time < np.inf
    return finite == count


@njit(cache=True, error_model="numpy")
def _fault_of(row):
    """What is wrong with a row that is not sound."""
    for time in row:
        if not time >= 0.0:
            return TIME_FAULT
    for slot in range(1, row.size):
        if row[slot] < row[slot - 1]:
            return ORDER_FAULT
    return COUNT_FAULT


@njit(cache=True, error_model="numpy")
def _check_samples(times, counts, offsets, faults):
    """Number of events of each sample, at ``offsets[sample + 1]``; none of one with a faulty row."""
    for sample in range(offsets.size - 1):
        total = 0
        for neuron in range(counts.shape[1]):
            if not _is_sound(times, sample, neuron, counts[sample, neuron]):
                faults[sample, 0] = _fault_of(times[sample, neuron])
                faults[sample, 1] = neuron
                total = 0
                break
            total += counts[sample, neuron]
        offsets[sample + 1] = total


@njit(cache=True, error_model="numpy")
def _list_samples(times, counts, offsets, unsorted_times, unsorted, sorted_times, neurons, slots):
    for sample in range(offsets.size - 1):
        begin, stop = offsets[sample], offsets[sample + 1]
        neuron, k = 0, begin
        while k < stop:
            for slot in range(counts[sample, neuron]):
                unsorted_times[k] = times[sample, neuron, slot]
                unsorted[NEURON, k] = neuron
                unsorted[SLOT, k] = slot
                k += 1
            neuron += 1
        order = unsorted[ORDER, begin:stop]
        sort_events(unsorted_times[begin:stop], unsorted[NEURON, begin:stop], order, unsorted[SPARE, begin:stop])
        for i in range(stop - begin):
            source = begin + order[i]
            sorted_times[begin + i] = unsorted_times[source]
            neurons[begin + i] = unsorted[NEURON, source]
            slots[begin + i] = unsorted[SLOT, source]
