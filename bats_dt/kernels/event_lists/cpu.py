"""Lists of events in Numba."""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

import numpy as np
from numba import njit

from bats_dt.kernels.event_lists import COUNT_FAULT, ORDER_FAULT, TIME_FAULT
from bats_dt.kernels.event_lists.sorting import sort_events


def event_lists(
    times: np.ndarray, counts: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, tuple[int, int, int]]:
    """(offsets, times, neurons, slots, fault), fault = (kind, sample, neuron), kind 0 if there is none."""
    batch, n_neurons, n_slots = times.shape
    faults = np.zeros((batch, 2), np.int64)
    totals = np.zeros(batch, np.int64)
    wide_times = np.empty((batch, n_neurons * n_slots), times.dtype)
    wide_places = np.empty((batch, 4, n_neurons * n_slots), np.int32)  # neuron, slot, order, spare
    _list_samples(times, counts, wide_times, wide_places, totals, faults)
    offsets = np.concatenate([[0], np.cumsum(totals)]).astype(np.int64)
    sorted_times = np.empty(offsets[-1], times.dtype)
    neurons, slots = np.empty((2, offsets[-1]), np.int32)
    _pack_samples(offsets, wide_times, wide_places, sorted_times, neurons, slots)
    faulty = np.flatnonzero(faults[:, 0])
    fault = (int(faults[faulty[0], 0]), int(faulty[0]), int(faults[faulty[0], 1])) if len(faulty) else (0, 0, 0)
    return offsets, sorted_times, neurons, slots, fault


@njit(cache=True, error_model="numpy")
def _fault_of(times, neuron, count):
    finite = 0
    ordered = True
    for slot in range(times.shape[1]):
        if not times[neuron, slot] >= 0.0:
            return TIME_FAULT
        ordered = ordered and (slot == 0 or times[neuron, slot] >= times[neuron, slot - 1])
        finite += times[neuron, slot] < np.inf
    if not ordered:
        return ORDER_FAULT
    return COUNT_FAULT if finite != count else 0


@njit(cache=True, error_model="numpy")
def _list_sample(times, counts, wide_times, places, fault):
    n = 0
    for neuron in range(counts.size):
        kind = _fault_of(times, neuron, counts[neuron])
        if kind != 0:
            fault[0] = kind
            fault[1] = neuron
            return 0
        for slot in range(counts[neuron]):
            wide_times[n] = times[neuron, slot]
            places[0, n] = neuron
            places[1, n] = slot
            n += 1
    sort_events(wide_times[:n], places[0, :n], places[2, :n], places[3, :n])
    return n


@njit(cache=True, error_model="numpy")
def _list_samples(times, counts, wide_times, wide_places, totals, faults):
    for sample in range(totals.size):
        totals[sample] = _list_sample(
            times[sample], counts[sample], wide_times[sample], wide_places[sample], faults[sample]
        )


@njit(cache=True, error_model="numpy")
def _pack_samples(offsets, wide_times, wide_places, times, neurons, slots):
    for sample in range(offsets.size - 1):
        for i in range(offsets[sample + 1] - offsets[sample]):
            source = wide_places[sample, 2, i]
            k = offsets[sample] + i
            times[k] = wide_times[sample, source]
            neurons[k] = wide_places[sample, 0, source]
            slots[k] = wide_places[sample, 1, source]
