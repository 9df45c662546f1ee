"""Lists of events on a GPU: rows are checked by `event_lists.cu`, events sorted by CuPy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from bats_dt.backend import array_module, as_array
from bats_dt.kernels.device import start

SOURCE = Path(__file__).with_name("event_lists.cu")


def event_lists(times: Any, counts: Any) -> tuple[Any, Any, Any, Any, tuple[int, int, int]]:
    """(offsets, times, neurons, slots, fault), fault = (kind, sample, neuron), kind 0 if there is none."""
    xp = array_module()
    times, counts = (xp.ascontiguousarray(as_array(*given)) for given in (("times", times), ("counts", counts)))
    batch, n_neurons, n_slots = times.shape
    rows = batch * n_neurons
    faults = xp.zeros(rows, np.int32)
    start(SOURCE, "check_rows", rows, times.dtype, times, counts, faults, np.int64(rows), np.int64(n_slots))
    faulty, fault = xp.flatnonzero(faults), (0, 0, 0)
    if len(faulty):
        row = int(faulty[0])
        fault = (int(faults[row]), row // n_neurons, row % n_neurons)
    offsets, cells = list_finite(times)
    return offsets, times.ravel()[cells], *places(cells, n_neurons, n_slots), fault


def list_finite(times: Any) -> tuple[Any, Any]:
    """(offsets, cells): the flat indices of the finite times of padded rows (batch, n_neurons, n_slots), sorted."""
    xp = array_module()
    batch, n_neurons, n_slots = times.shape
    cells = xp.flatnonzero(xp.isfinite(times))
    samples = cells // max(n_neurons * n_slots, 1)
    order = sorting_order(times.ravel()[cells], samples)  # equal times stay in the order of neuron and slot
    return xp.searchsorted(samples, xp.arange(batch + 1)), cells[order]


def places(cells: Any, n_neurons: int, n_slots: int) -> tuple[Any, Any]:
    """(neurons, slots), int32, of flat indices of padded rows."""
    neurons, slots = cells // max(n_slots, 1) % max(n_neurons, 1), cells % max(n_slots, 1)
    return neurons.astype(np.int32), slots.astype(np.int32)


def sorting_order(*keys: Any) -> Any:
    """The indices that sort by the last key, then by the one before it, and so on; equals stay as they are."""
    xp = array_module()
    if len(keys[0]) == 0:
        return xp.zeros(0, np.int64)
    return xp.lexsort(xp.stack([key.astype(np.float64) for key in keys]))  # which float64 holds exactly
