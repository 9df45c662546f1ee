"""Windows of a map on a GPU: `receptive_fields.cu` counts each window's spikes, then deals them out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from bats_dt.backend import array_module, check_arrays
from bats_dt.kernels.device import start
from bats_dt.kernels.event_lists.cuda import sorting_order
from bats_dt.kernels.receptive_fields import Unfolded
from bats_dt.spikes import SpikeEvents

SOURCE = Path(__file__).with_name("receptive_fields.cu")


def unfold(events: SpikeEvents, shape: tuple[int, int, int], window: tuple[int, int]) -> tuple[Any, Any, Any]:
    """(offsets, source, neurons) of the virtual events; contract: :func:`bats_dt.kernels.receptive_fields.unfold`."""
    check_arrays(spikes=events.times)
    xp = array_module()
    virtual = events.batch * (shape[0] - window[0] + 1) * (shape[1] - window[1] + 1)
    offsets = xp.zeros(virtual + 1, np.int64)
    counts = xp.empty(virtual, np.int64)
    sizes = *map(np.int32, (*shape, *window)), np.int64(virtual)
    given = events.offsets, events.neurons, *sizes
    start(SOURCE, "unfold", virtual, events.times.dtype, *given, counts, None, None, None)
    offsets[1:] = xp.cumsum(counts)
    n_virtual = int(offsets[-1])
    source, neurons = xp.empty(n_virtual, np.int64), xp.empty(n_virtual, np.int32)
    start(SOURCE, "unfold", virtual, events.times.dtype, *given, None, offsets, source, neurons)
    return offsets, source, neurons


def fold(errors: Any, unfolded: Unfolded) -> Any:
    """Contract: :func:`bats_dt.kernels.receptive_fields.fold`."""
    xp = array_module()
    n_events = int(unfolded.offsets[-1])
    order = sorting_order(unfolded.source)
    starts = xp.searchsorted(unfolded.source[order], xp.arange(n_events + 1))
    sums = xp.empty(n_events, errors.dtype)
    start(SOURCE, "fold", n_events, errors.dtype, errors, starts, order, sums, np.int64(n_events))
    return sums


def assemble(offsets: Any, times: Any, neurons: Any) -> Any:
    """The stable order of each sample's events by (time, neuron)."""
    samples = array_module().searchsorted(offsets, array_module().arange(len(times)), side="right")
    return sorting_order(neurons, times, samples)
