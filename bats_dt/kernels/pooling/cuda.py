"""Pooling on a GPU: events are dealt to their squares and sorted by CuPy, without a kernel of its own."""

from __future__ import annotations

from typing import Any

import numpy as np

from bats_dt.backend import array_module, check_arrays
from bats_dt.kernels.event_lists.cuda import sorting_order
from bats_dt.spikes import SpikeEvents


def pool(events: SpikeEvents, shape: tuple[int, int, int]) -> tuple[Any, Any, Any, Any]:
    """(offsets, source, neurons, slots) of the pooled events; contract: :func:`bats_dt.kernels.pooling.pool`."""
    check_arrays(spikes=events.times)
    xp, (size_x, size_y, channels) = array_module(), shape
    half_x, half_y = size_x // 2, size_y // 2
    place, channel = events.neurons.astype(np.int64) // channels, events.neurons % channels
    x, y = place // size_y // 2, place % size_y // 2
    source = xp.flatnonzero((x < half_x) & (y < half_y))
    neurons = ((x * half_y + y) * channels + channel)[source]
    samples = events.samples[source]
    order = sorting_order(neurons, events.times[source], samples)  # equals stay in the order of the neurons below
    source, neurons = source[order], neurons[order]
    slots = _places_within(samples[order] * (half_x * half_y * channels) + neurons)
    offsets = xp.searchsorted(samples, xp.arange(events.batch + 1))
    return offsets, source, neurons.astype(np.int32), slots.astype(np.int32)


def _places_within(cells: Any) -> Any:
    """Of each entry the number of equal ones before it."""
    xp = array_module()
    order = sorting_order(cells)
    grouped = cells[order]
    places = xp.empty_like(order)
    places[order] = xp.arange(len(cells)) - xp.searchsorted(grouped, grouped)
    return places
