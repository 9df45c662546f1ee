"""Lists of events by plain loops and Python's own sort."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from bats_dt.kernels.event_lists import COUNT_FAULT, ORDER_FAULT, TIME_FAULT

NO_FAULT = (0, 0, 0)


def event_lists(
    times: np.ndarray, counts: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, tuple[int, int, int]]:
    """(offsets, times, neurons, slots, fault), fault = (kind, sample, neuron), kind 0 if there is none."""
    events: list[tuple[int, float, int, int]] = []
    fault = NO_FAULT
    for sample in range(times.shape[0]):
        for neuron in range(times.shape[1]):
            row = [float(time) for time in times[sample, neuron]]
            kind = _fault_of(row, int(counts[sample, neuron]))
            if kind and fault == NO_FAULT:
                fault = (kind, sample, neuron)
            events += [(sample, time, neuron, slot) for slot, time in enumerate(row) if math.isfinite(time)]
    events.sort()
    per_sample = np.bincount([event[0] for event in events], minlength=times.shape[0])
    return (
        np.concatenate([[0], np.cumsum(per_sample)]).astype(np.int64),
        np.array([event[1] for event in events], times.dtype),
        np.array([event[2] for event in events], np.int32),
        np.array([event[3] for event in events], np.int32),
        fault,
    )


def _fault_of(row: list[float], count: int) -> int:
    if any(not time >= 0 for time in row):
        return TIME_FAULT
    if any(later < earlier for earlier, later in pairwise(row)):
        return ORDER_FAULT
    return COUNT_FAULT if sum(map(math.isfinite, row)) != count else 0
