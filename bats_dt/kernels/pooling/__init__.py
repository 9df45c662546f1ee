"""Pooling of spikes: the neuron of a pooled map emits the spikes of the four neurons below it."""

from __future__ import annotations

import numpy as np

from bats_dt.backend import array_module, implementation
from bats_dt.spikes import SpikeEvents


def pool(events: SpikeEvents, shape: tuple[int, int, int]) -> tuple[SpikeEvents, np.ndarray]:
    """Join the spikes of squares of 2 x 2 pixels, channel by channel.

    events: spikes of a map of ``shape`` (X, Y, C), flat index (x * Y + y) * C + channel.

    Returned: the spikes of the map (X // 2, Y // 2, C) with 4 times as many slots, sorted as all events are; and of
    each the index of the event that it is, int64 (n_pooled,). Equal times remain separate spikes, in the order of the
    neurons they come from. Spikes of the last row (column) of an odd X (Y) belong to no square and are left out.
    """
    offsets, source, neurons, slots = implementation(__name__).pool(events, shape)
    n_pooled = (shape[0] // 2) * (shape[1] // 2) * shape[2]
    return SpikeEvents(offsets, events.times[source], neurons, slots, n_pooled, 4 * events.n_slots), source


def back(errors: np.ndarray, source: np.ndarray, n_events: int) -> np.ndarray:
    """Errors of the ``n_events`` events below, 0 for those that were left out; ``errors``: one a pooled event."""
    below = array_module().zeros(n_events, errors.dtype)
    below[source] = errors  # each event is in one square at most
    return below
