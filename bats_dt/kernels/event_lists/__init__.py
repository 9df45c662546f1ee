"""From padded spike trains to sorted lists of events: silent inputs cost nothing from here on."""

from __future__ import annotations

from typing import Any

import numpy as np

from bats_dt.backend import array_module, as_array, implementation, to_numpy
from bats_dt.spikes import SpikeEvents

COUNT_FAULT, TIME_FAULT, ORDER_FAULT = 1, 2, 3


def event_lists(times: Any, counts: Any) -> SpikeEvents:
    """Check spike trains and list their events, each sample sorted by (time, neuron, slot).

    Arrays of the backend, or what NumPy makes arrays of.

    times: float32 or float64 (batch, n_neurons, slots) [s], each row ascending, inf where there is no spike.
    counts: integers (batch, n_neurons), the number of spikes of each row.

    Raises
    ------
    TypeError: times are not floating point, or counts not integers.
    ValueError: shapes do not fit; a time is negative or not a number; a row is not sorted with inf at its end; a
        count is not the number of its row's finite times.
    """
    times, counts = as_array("spike times", times), as_array("spike counts", counts)
    if times.dtype not in (np.float32, np.float64):
        raise TypeError(f"spike times have dtype {times.dtype}: pass float32 or float64, in seconds")
    if counts.dtype.kind not in "iu":
        raise TypeError(f"spike counts have dtype {counts.dtype}: pass integers, for example int32")
    if times.ndim != 3:
        raise ValueError(f"spike times have shape {times.shape}: pass (batch, n_neurons, slots)")
    if counts.shape != times.shape[:2]:
        raise ValueError(
            f"spike counts have shape {counts.shape} but spike times {times.shape}: pass counts of shape "
            f"{times.shape[:2]}"
        )
    times = array_module().ascontiguousarray(times)
    narrow = counts.astype(np.int32, copy=False)
    if narrow is not counts:
        narrow[narrow != counts] = -1  # one that would wrap fits no row
    offsets, sorted_times, neurons, slots, fault = implementation(__name__).event_lists(times, narrow)
    if fault[0]:
        raise ValueError(_explain(to_numpy(times), to_numpy(counts), *(int(number) for number in fault)))
    return SpikeEvents(offsets, sorted_times, neurons, slots, *times.shape[1:])


def _explain(times: np.ndarray, counts: np.ndarray, fault: int, sample: int, neuron: int) -> str:
    row = times[sample, neuron]
    where = f"sample {sample}, neuron {neuron}"
    if fault == TIME_FAULT:
        wrong = row[~(row >= 0)][0]
        return f"{where} has a spike time of {wrong}: times are in seconds from the start of the simulation, 0 or above"
    if fault == ORDER_FAULT:
        return f"the spike times of {where} are not sorted: each row must ascend, with inf at its end"
    return (
        f"{where} has {np.isfinite(row).sum()} finite spike times but a count of {counts[sample, neuron]}: "
        "pass inf where there is no spike, and counts that agree"
    )
